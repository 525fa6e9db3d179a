//! A seeded workload of a registry's days: good requests and bad ones, each with what becomes
//! of it, foretold by the naive model.
//!
//! The same seed gives the same requests. Requests must be executed in order: each foretelling
//! assumes that those before it were executed.

use std::collections::BTreeMap;

use chaincity_ledger::{governance, mandate_digest};
use chaincity_types::wire::{Call, Receipt};
use chaincity_types::{Timestamp, Value};

use crate::city::{Actor, CITIZENS};
use crate::model::{Fault, Foretold, Holder, Model, Named, Number, Operation, Request, day_of};

/// A small generator of pseudo-random numbers (SplitMix64), the same on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins at `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        let n = self.next().checked_rem(bound).unwrap_or(0);
        usize::try_from(n).unwrap_or(0)
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of `items`.
    pub fn pick<T: Clone>(&mut self, items: &[T]) -> Option<T> {
        let at = self.below(items.len());
        items.get(at).cloned()
    }
}

/// Requests with what becomes of them.
#[derive(Clone, Debug)]
pub struct Workload {
    random: Random,
    model: Model,
    made: usize,
}

impl Workload {
    /// Begins with an empty register.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), model: Model::default(), made: 0 }
    }

    /// The model as it stands after the last request.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// The next request, executed at block time `now_ms`, and what becomes of it.
    pub fn next(&mut self, now_ms: u64) -> (Request, Foretold) {
        let mut request = self.request(now_ms);
        if self.random.once_in(12) {
            request.by = self.anyone();
        }
        if self.random.once_in(12) {
            self.spoil_mandates(&mut request.mandates);
        }
        let foretold = self.model.apply(&request, now_ms);
        (request, foretold)
    }

    fn anyone(&mut self) -> Actor {
        let mut all = Actor::known();
        all.push(Actor::Stranger);
        self.random.pick(&all).unwrap_or(Actor::Stranger)
    }

    fn spoil_mandates(&mut self, mandates: &mut Vec<Named>) {
        match self.random.below(4) {
            0 => {
                mandates.pop();
            }
            1 => mandates.push(Named {
                by: Actor::Citizen(5),
                purpose: "transfer",
                fault: Fault::None,
            }),
            choice => {
                let fault = if choice == 2 { Fault::OtherArguments } else { Fault::Unknown };
                if let Some(mandate) = mandates.first_mut() {
                    mandate.fault = fault;
                }
            }
        }
    }

    fn request(&mut self, now_ms: u64) -> Request {
        match self.random.below(100) {
            0..25 => self.registration(),
            25..50 => self.transfer(),
            50..65 => self.mortgage(now_ms),
            65..73 => self.release(),
            73..80 => self.seal(now_ms),
            80..88 => self.unseal(),
            88..94 => self.right_correction(),
            _ => self.unit_correction(),
        }
    }

    fn unit(&mut self) -> String {
        let units: Vec<String> = self.model.units.keys().cloned().collect();
        if self.random.once_in(20) {
            return "no-such-unit".to_owned();
        }
        self.random.pick(&units).unwrap_or_else(|| "no-such-unit".to_owned())
    }

    /// A number that mostly stands for something.
    fn number(&mut self, count: usize) -> usize {
        if self.random.once_in(20) { usize::MAX } else { self.random.below(count) }
    }

    fn holders(&mut self) -> Vec<Holder> {
        let first = self.random.below(CITIZENS.len());
        let holder = |i: usize, n: i64, d: i64| Holder {
            subject: CITIZENS
                .get(first.saturating_add(i).checked_rem(CITIZENS.len()).unwrap_or(0))
                .map_or_else(String::new, |name| (*name).to_owned()),
            n,
            d,
        };
        match self.random.below(24) {
            0 => vec![holder(0, 1, 2), holder(1, 1, 3)],
            1 => vec![holder(0, 1, 2), holder(0, 1, 2)],
            2 => vec![holder(0, 0, 1)],
            3 => Vec::new(),
            4..9 => vec![holder(0, 1, 2), holder(1, 2, 4)],
            9..12 => vec![holder(0, 1, 3), holder(1, 1, 3), holder(2, 2, 6)],
            _ => vec![holder(0, 1, 1)],
        }
    }

    fn registration(&mut self) -> Request {
        self.made = self.made.saturating_add(1);
        let made = self.made;
        let units: Vec<String> = self.model.units.keys().cloned().collect();
        let fresh = format!("431302001002GB{made:05}F00010001");
        let number = match self.random.below(20) {
            0 => Number::Wrong(format!("431302001002GB{made:05}F00000001")),
            1 => Number::Wrong(format!("431302001002KB{made:05}F00010001")),
            2 => Number::Other(String::new()),
            3..5 => Number::Other(format!("other-{made}")),
            5..7 => Number::Standard(self.random.pick(&units).unwrap_or(fresh)),
            _ => Number::Standard(fresh),
        };
        // A number of another kind, registered before, is no number of the standard.
        let number = if matches!(number, Number::Standard(_)) && number.text().starts_with("other-")
        {
            Number::Wrong(number.text().to_owned())
        } else {
            number
        };
        let location = if self.random.once_in(30) {
            "路".repeat(301)
        } else {
            format!("娄星区测试路{made}号")
        };
        let holders = self.holders();
        let operation =
            Operation::Register { number, location, holders, basis: "合同".to_owned() };
        Request { by: Actor::Registrar, operation, mandates: Vec::new() }
    }

    fn consents(holders: &[Holder], purpose: &'static str) -> Vec<Named> {
        let mut out: Vec<Named> = Vec::new();
        for holder in holders {
            let at = CITIZENS.iter().position(|name| *name == holder.subject);
            let by = Actor::Citizen(at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX));
            if !out.iter().any(|named| named.by == by) {
                out.push(Named { by, purpose, fault: Fault::None });
            }
        }
        out
    }

    fn current_holders(&self, unit: &str) -> Vec<Holder> {
        let unit = self.model.units.get(unit);
        let right = unit.and_then(|unit| self.model.rights.get(unit.right));
        right.map(|right| right.holders.clone()).unwrap_or_default()
    }

    fn transfer(&mut self) -> Request {
        let unit = self.unit();
        let to = self.holders();
        let price = if self.random.once_in(30) { -1 } else { 88_000_000 };
        let mut mandates = Self::consents(&self.current_holders(&unit), "transfer");
        mandates.extend(Self::consents(&to, "acquire"));
        let operation = Operation::Transfer { unit, to, price };
        Request { by: Actor::Registrar, operation, mandates }
    }

    fn mortgage(&mut self, now_ms: u64) -> Request {
        let unit = self.unit();
        let banks = [Actor::BankerA, Actor::BankerB];
        let bank = self.random.pick(&banks).unwrap_or(Actor::BankerA);
        let by = if self.random.once_in(3) { Actor::Registrar } else { bank };
        let mut mandates = Self::consents(&self.current_holders(&unit), "mortgage");
        if by != bank {
            mandates.push(Named { by: bank, purpose: "mortgage", fault: Fault::None });
        }
        let amount = self.random.pick(&[50_000_000, 100_000_000, 0, -5, 1]).unwrap_or(1);
        let today = day_of(now_ms);
        let term = match self.random.below(8) {
            0 => Some((today, today.saturating_sub(1))),
            1..4 => Some((today, today.saturating_add(3_650))),
            _ => None,
        };
        let banned = self.random.once_in(6);
        let mortgagee = bank.member().to_owned();
        let operation = Operation::Mortgage { unit, mortgagee, amount, term, banned };
        Request { by, operation, mandates }
    }

    fn release(&mut self) -> Request {
        let mortgage = self.number(self.model.mortgages.len());
        let bank = match self.model.mortgages.get(mortgage).map(|m| m.mortgagee.as_str()) {
            Some("bank-b") => Actor::BankerB,
            _ => Actor::BankerA,
        };
        let by = if self.random.once_in(3) { Actor::Registrar } else { bank };
        let consent = Named { by: bank, purpose: "release", fault: Fault::None };
        let mandates = if by == bank { Vec::new() } else { vec![consent] };
        Request { by, operation: Operation::Release { mortgage }, mandates }
    }

    fn court(&mut self) -> Actor {
        if self.random.once_in(3) { Actor::OtherJudge } else { Actor::Judge }
    }

    fn seal(&mut self, now_ms: u64) -> Request {
        let unit = self.unit();
        let today = day_of(now_ms);
        let days = self.random.pick(&[0, 3, 30, 1_096, 1_097, -1]).unwrap_or(0);
        let from = today.saturating_add(self.random.pick(&[0, 0, 0, -2, 1]).unwrap_or(0));
        let late = self.random.once_in(12);
        let served_ms =
            if late { now_ms.saturating_add(1) } else { now_ms.saturating_sub(3_600_000) };
        let operation = Operation::Seal { unit, served_ms, from, to: from.saturating_add(days) };
        Request { by: self.court(), operation, mandates: Vec::new() }
    }

    fn unseal(&mut self) -> Request {
        let seal = self.number(self.model.seals.len());
        let by = match self.model.seals.get(seal).map(|seal| seal.authority.as_str()) {
            Some("court-2") => Actor::OtherJudge,
            _ => Actor::Judge,
        };
        let by = if self.random.once_in(6) { self.court() } else { by };
        Request { by, operation: Operation::Unseal { seal }, mandates: Vec::new() }
    }

    /// The version to name, a reason and a legal basis; each wrong now and then.
    fn correction(&mut self, version: u64) -> (i64, String, String) {
        let version = i64::try_from(version).unwrap_or(i64::MAX);
        let off = self.random.pick(&[0, 0, 0, 0, 0, 1, -1]).unwrap_or(0);
        let reason = self.random.pick(&["录入错误", "录入错误", "录入错误", "", " "]);
        let basis = self.random.pick(&["民法典 220", "民法典 220", "民法典 220", ""]);
        (
            version.saturating_add(off),
            reason.unwrap_or_default().to_owned(),
            basis.unwrap_or_default().to_owned(),
        )
    }

    fn right_correction(&mut self) -> Request {
        let right = self.number(self.model.rights.len());
        let entry = self.model.rights.get(right).cloned();
        let (version, reason, legal_basis) =
            self.correction(entry.as_ref().map_or(1, |entry| entry.version));
        let holders = match entry {
            Some(entry) if self.random.once_in(3) => entry.holders,
            _ => self.holders(),
        };
        let basis = self.random.pick(&["合同", "合同（更正）"]).unwrap_or_default().to_owned();
        let operation =
            Operation::CorrectRight { right, version, holders, basis, reason, legal_basis };
        Request { by: Actor::Registrar, operation, mandates: Vec::new() }
    }

    fn unit_correction(&mut self) -> Request {
        let unit = self.unit();
        let entry = self.model.units.get(&unit).cloned();
        let (version, reason, legal_basis) =
            self.correction(entry.as_ref().map_or(1, |entry| entry.version));
        let location = match entry {
            Some(entry) if self.random.once_in(4) => entry.location,
            _ => format!("娄星区测试路{}号（更正）", self.random.below(1_000)),
        };
        let operation = Operation::CorrectUnit { unit, version, location, reason, legal_basis };
        Request { by: Actor::Registrar, operation, mandates: Vec::new() }
    }
}

/// The ledger's keys of the records that the model knows by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Of rights.
    pub rights: Vec<String>,
    /// Of mortgages.
    pub mortgages: Vec<String>,
    /// Of seals.
    pub seals: Vec<String>,
}

/// A key that no record has.
const NO_KEY: &str = "000000000000000000000000";

impl Keys {
    /// Learns the keys of what a request brought about.
    pub fn note(&mut self, receipt: &Receipt) {
        let events = receipt.entries.iter().flat_map(|entry| &entry.events);
        for event in events.filter(|event| event.kind == "inserted") {
            match event.register.as_str() {
                "right" => self.rights.push(event.key.clone()),
                "mortgage" => self.mortgages.push(event.key.clone()),
                "seal" => self.seals.push(event.key.clone()),
                _ => {}
            }
        }
    }

    /// The call that a request makes; its mandates are added by the caller.
    #[must_use]
    pub fn call(&self, operation: &Operation) -> Call {
        match operation {
            Operation::Register { number, location, holders, basis } => {
                let kind = if matches!(number, Number::Other(_)) { "other" } else { "gbt37346" };
                call(
                    "first-registration",
                    [
                        ("number", number.text().into()),
                        ("number_kind", kind.into()),
                        ("location", location.as_str().into()),
                        ("holders", shares(holders)),
                        ("basis", basis.as_str().into()),
                    ],
                )
            }
            Operation::Transfer { unit, to, price } => call(
                "transfer",
                [
                    ("unit", unit.as_str().into()),
                    ("to", shares(to)),
                    ("basis", "转移".into()),
                    ("price", Value::Int(*price)),
                ],
            ),
            Operation::Mortgage { unit, mortgagee, amount, term, banned } => call(
                "mortgage",
                [
                    ("unit", unit.as_str().into()),
                    ("mortgagee", mortgagee.as_str().into()),
                    ("kind", "general".into()),
                    ("amount", Value::Int(*amount)),
                    ("from", term.map_or(Value::Null, |(from, _)| Value::Date(from))),
                    ("to", term.map_or(Value::Null, |(_, to)| Value::Date(to))),
                    ("transfer_banned", Value::Bool(*banned)),
                    ("basis", "抵押合同".into()),
                ],
            ),
            Operation::Release { .. }
            | Operation::Seal { .. }
            | Operation::Unseal { .. }
            | Operation::CorrectRight { .. }
            | Operation::CorrectUnit { .. } => self.call_on_entry(operation),
        }
    }

    /// The calls that change or end an entry, and seals.
    fn call_on_entry(&self, operation: &Operation) -> Call {
        let key = |keys: &[String], number: usize| {
            keys.get(number).map_or_else(|| Value::from(NO_KEY), |key| key.as_str().into())
        };
        match operation {
            Operation::Register { .. }
            | Operation::Transfer { .. }
            | Operation::Mortgage { .. } => self.call(operation),
            Operation::Release { mortgage } => call(
                "release",
                [("mortgage", key(&self.mortgages, *mortgage)), ("basis", "结清".into())],
            ),
            Operation::Seal { unit, served_ms, from, to } => call(
                "seal",
                [
                    ("unit", unit.as_str().into()),
                    ("document", "（2026）湘1302执1号".into()),
                    ("served", Value::Time(Timestamp(*served_ms))),
                    ("from", Value::Date(*from)),
                    ("to", Value::Date(*to)),
                ],
            ),
            Operation::Unseal { seal } => {
                call("unseal", [("seal", key(&self.seals, *seal)), ("document", "解封".into())])
            }
            Operation::CorrectRight { right, version, holders, basis, reason, legal_basis } => {
                call(
                    "correct-right",
                    [
                        ("right", key(&self.rights, *right)),
                        ("version", Value::Int(*version)),
                        ("holders", shares(holders)),
                        ("basis", basis.as_str().into()),
                        ("reason", reason.as_str().into()),
                        ("legal_basis", legal_basis.as_str().into()),
                    ],
                )
            }
            Operation::CorrectUnit { unit, version, location, reason, legal_basis } => call(
                "correct-unit",
                [
                    ("unit", unit.as_str().into()),
                    ("version", Value::Int(*version)),
                    ("location", location.as_str().into()),
                    ("reason", reason.as_str().into()),
                    ("legal_basis", legal_basis.as_str().into()),
                ],
            ),
        }
    }
}

fn call<const N: usize>(action: &str, input: [(&str, Value); N]) -> Call {
    let given = input.into_iter().filter(|(_, value)| *value != Value::Null);
    Call {
        package: "real-estate".to_owned(),
        action: action.to_owned(),
        input: given.map(|(name, value)| (name.to_owned(), value)).collect(),
        case: None,
        task: None,
        mandates: None,
    }
}

fn shares(holders: &[Holder]) -> Value {
    let share = |holder: &Holder| {
        let parts = [
            ("subject", Value::from(holder.subject.as_str())),
            ("n", Value::Int(holder.n)),
            ("d", Value::Int(holder.d)),
        ];
        Value::Map(parts.map(|(name, value)| (name.to_owned(), value)).into())
    };
    Value::List(holders.iter().map(share).collect())
}

/// The call by which a named mandate for `call` is given; none for one that is to be unknown.
#[must_use]
pub fn mandate_call(named: &Named, call: &Call, now: Timestamp) -> Option<Call> {
    let mut input = call.input.clone();
    match named.fault {
        Fault::Unknown => return None,
        Fault::OtherArguments => {
            input.insert("other".to_owned(), Value::Bool(true));
        }
        Fault::None => {}
    }
    let fields = [
        ("party", Value::from(named.by.party())),
        ("package", call.package.as_str().into()),
        ("action", call.action.as_str().into()),
        ("purpose", named.purpose.into()),
        ("digest", Value::Bytes(mandate_digest(&input).as_bytes().to_vec())),
        ("expiry", Value::Time(now.plus_ms(600_000))),
    ];
    Some(Call {
        package: governance::ID.to_owned(),
        action: "mandate".to_owned(),
        input: fields.map(|(name, value)| (name.to_owned(), value)).into(),
        case: None,
        task: None,
        mandates: None,
    })
}

/// The key of the mandate that `receipt` gave, or one that no record has.
#[must_use]
pub fn mandate_key(receipt: Option<&Receipt>) -> String {
    let events = receipt.and_then(|receipt| receipt.entries.first()).map(|entry| &entry.events);
    let key = events.and_then(|events| events.first()).map(|event| event.key.clone());
    key.unwrap_or_else(|| NO_KEY.to_owned())
}

/// How often each thing was foretold: a workload that never refuses, or refuses in one way
/// only, tests little.
pub type Tally = BTreeMap<Foretold, usize>;

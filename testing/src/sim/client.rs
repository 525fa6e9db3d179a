//! Clients of a simulated city. They knock at any node that is up, submit the same bytes again
//! while nothing is final, sign anew only when the ledger can no longer include the old ones, and
//! keep every receipt.

use std::collections::BTreeMap;

use chaincity_crypto::cose;
use chaincity_engine::Clock as _;
use chaincity_engine::sim::SimClock;
use chaincity_ledger::{governance, mandate_digest};
use chaincity_pipeline::NodeApi;
use chaincity_types::wire::{Call, Mode, Outcome, PROTOCOL, Receipt, Transaction};
use chaincity_types::{Digest, Reject, Str, Timestamp, Value};

use crate::city::Actor;
use crate::model::Foretold;
use crate::sim::Failure;
use crate::sim::city::{City, Doors};
use crate::sim::keys::KeyRing;
use crate::workload::{Keys, Random, Tally, Workload, mandate_call, mandate_key};

/// How long a client looks between two rounds of questions.
const ROUND_MS: u64 = 40;
/// A client that waits longer, with every fault long over, has found one that does not pass.
const PATIENCE_MS: u64 = 900_000;
/// The model reckons with a time so far ahead that what lies in the future then still does when
/// the request is executed, and what lies an hour before lies in the past.
const AHEAD_MS: u64 = 1_800_000;

/// What becomes of a submission.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It is final.
    Receipt(Receipt),
    /// A node would not even take it.
    Refused(String),
}

impl Answer {
    /// The receipt, if it is final.
    #[must_use]
    pub const fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Receipt(receipt) => Some(receipt),
            Self::Refused(_) => None,
        }
    }

    /// `applied`, or the code of the rejection.
    #[must_use]
    pub fn outcome(&self) -> &str {
        match self {
            Self::Receipt(receipt) => outcome(receipt),
            Self::Refused(code) => code,
        }
    }
}

/// `applied`, or the code of the rejection.
#[must_use]
pub fn outcome(receipt: &Receipt) -> &str {
    match receipt.entries.first().map(|entry| &entry.outcome) {
        Some(Outcome::Applied) => "applied",
        Some(Outcome::Rejected { code, .. }) => code,
        None => "without an entry",
    }
}

/// A transaction on its way.
struct Errand {
    by: String,
    call: Call,
    bytes: Vec<u8>,
    id: Digest,
    expiry: Timestamp,
    /// When to submit it, or submit it again.
    due: Timestamp,
    answer: Option<Answer>,
}

/// Carries transactions to the ledger until each is final.
#[derive(Debug)]
pub struct Courier {
    doors: Doors,
    clock: SimClock,
    keys: KeyRing,
    ledger: Digest,
    random: Random,
    signed: u64,
    /// Every receipt that a node showed, by transaction.
    pub receipts: BTreeMap<Digest, Receipt>,
    /// How many submissions were repeated, and how many had to be signed anew.
    pub repeated: u64,
    /// How many transactions expired before any block held them.
    pub expired: u64,
}

impl Courier {
    /// A courier with a mind of its own, as `seed` says.
    #[must_use]
    pub fn new(city: &City, seed: u64) -> Self {
        Self {
            doors: city.doors.clone(),
            clock: city.clock(),
            keys: city.keys,
            ledger: city.ledger,
            random: Random::new(seed),
            signed: 0,
            receipts: BTreeMap::new(),
            repeated: 0,
            expired: 0,
        }
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass.
    pub async fn rest(&self, ms: u64) {
        self.clock.sleep_ms(ms).await;
    }

    /// A transaction for whoever carries it: its id and its bytes.
    pub fn signed(&mut self, by: String, call: Call) -> (Digest, Vec<u8>) {
        let Errand { id, bytes, .. } = self.sign(by, call);
        (id, bytes)
    }

    fn sign(&mut self, by: String, call: Call) -> Errand {
        self.signed = self.signed.saturating_add(1);
        let now = self.now();
        let ahead = self.random.pick(&[20_000, 60_000, 240_000]).unwrap_or(60_000);
        let expiry = now.plus_ms(ahead);
        let transaction = Transaction {
            ledger: self.ledger,
            protocol: PROTOCOL,
            expiry,
            mode: Mode::Atomic,
            calls: vec![call.clone()],
            intent: Some(format!("{}-{}", self.random.next(), self.signed).into()),
        };
        let key = self.keys.named(&by);
        let id = cose::transaction_id(&transaction, &key.public_key());
        let bytes = cose::sign_transaction(&transaction, &key);
        Errand { by, call, bytes, id, expiry, due: now, answer: None }
    }

    /// Has each call made by whoever has the name before it, and waits until all are final or
    /// refused; answers in the same order.
    ///
    /// # Errors
    /// When a node fails, or nothing becomes final any more.
    pub async fn settle(&mut self, calls: Vec<(String, Call)>) -> Result<Vec<Answer>, Failure> {
        let begun = self.now();
        let mut errands: Vec<Errand> =
            calls.into_iter().map(|(by, call)| self.sign(by, call)).collect();
        loop {
            for errand in &mut errands {
                self.attend(errand).await?;
            }
            if errands.iter().all(|errand| errand.answer.is_some()) {
                break;
            }
            if self.now().since_ms(begun) > PATIENCE_MS {
                return Err(format!("nothing became final in {PATIENCE_MS} ms"));
            }
            self.rest(ROUND_MS).await;
        }
        let answers: Vec<Answer> = errands.into_iter().filter_map(|e| e.answer).collect();
        for receipt in answers.iter().filter_map(Answer::receipt) {
            self.receipts.insert(receipt.transaction, receipt.clone());
        }
        Ok(answers)
    }

    /// Asks any node for the receipt, and submits when it is time.
    async fn attend(&mut self, errand: &mut Errand) -> Result<(), Failure> {
        if errand.answer.is_some() {
            return Ok(());
        }
        let Some(api) = self.doors.any(&mut self.random) else { return Ok(()) };
        // The time first: what is final by then, the receipt below must tell.
        let tip = api.status().time;
        let shown = api.receipt(&errand.id).map_err(|error| format!("a receipt: {error}"))?;
        if let Some(receipt) = shown {
            errand.answer = Some(Answer::Receipt(receipt));
            return Ok(());
        }
        if tip >= errand.expiry {
            self.expired = self.expired.saturating_add(1);
            *errand = self.sign(errand.by.clone(), errand.call.clone());
        }
        if self.now() >= errand.due {
            self.submit(errand, &*api).await?;
            if self.random.once_in(4)
                && let Some(other) = self.doors.any(&mut self.random)
            {
                self.submit(errand, &*other).await?;
            }
        }
        Ok(())
    }

    async fn submit(&mut self, errand: &mut Errand, api: &dyn NodeApi) -> Result<(), Failure> {
        let again = u64::try_from(self.random.below(2_000)).unwrap_or_default();
        errand.due = self.now().plus_ms(1_000).plus_ms(again);
        self.repeated = self.repeated.saturating_add(1);
        match api.submit(errand.bytes.clone()).await {
            Ok(id) if id == errand.id => {}
            Ok(other) => return Err(format!("transaction {} was taken for {other}", errand.id)),
            Err(refusal) => {
                let passing = [Reject::Busy, Reject::Duplicate, Reject::Expired];
                if !passing.contains(&refusal.code) {
                    errand.answer = Some(Answer::Refused(refusal.code.code().to_owned()));
                }
            }
        }
        Ok(())
    }
}

/// A registry's day: requests one after another, each compared with what the model foretells,
/// amid other people's transactions.
#[derive(Debug)]
pub struct Client {
    /// What carries its transactions.
    pub courier: Courier,
    /// The model, and what it will ask for next.
    pub workload: Workload,
    /// Keys of what it brought about.
    pub keys: Keys,
    /// What was foretold so far.
    pub tally: Tally,
    random: Random,
}

impl Client {
    /// The client of this city.
    #[must_use]
    pub fn new(city: &City, seed: u64) -> Self {
        Self {
            courier: Courier::new(city, seed),
            workload: Workload::new(seed),
            keys: Keys::with_operators(|name| {
                city.keys.named(name).public_key().as_bytes().to_vec()
            }),
            tally: Tally::new(),
            random: Random::new(!seed),
        }
    }

    /// Makes one request and compares what becomes of it.
    ///
    /// # Errors
    /// When something else becomes of it than foretold.
    pub async fn request(&mut self, others: usize) -> Result<(), Failure> {
        let now = self.courier.now();
        let foretold_for = now.plus_ms(AHEAD_MS).0;
        let (request, foretold) = self.workload.next(foretold_for);
        let mut call = self.keys.call(&request.operation);
        let given: Vec<Option<Call>> =
            request.mandates.iter().map(|named| mandate_call(named, &call, now)).collect();
        let mut first: Vec<(String, Call)> = request
            .mandates
            .iter()
            .zip(&given)
            .filter_map(|(named, call)| Some((named.by.name(), call.clone()?)))
            .collect();
        first.extend((0..others).map(|_| self.stranger(now)));
        let answers = self.courier.settle(first).await?;
        if let Some(answer) = answers.iter().find(|answer| answer.outcome() != "applied") {
            return Err(format!("a mandate ended as `{}`: {request:?}", answer.outcome()));
        }
        let mut answers = answers.iter();
        let named: Vec<Str> = given
            .iter()
            .map(|call| mandate_key(call.as_ref().and_then(|_| answers.next()?.receipt())))
            .collect();
        call.mandates = (!named.is_empty()).then_some(named);
        let answers = self.courier.settle(vec![(request.by.name(), call)]).await?;
        let wanted = match foretold {
            Foretold::Applied => "applied",
            Foretold::Rejected(code) => code,
        };
        for answer in answers {
            if answer.outcome() != wanted {
                return Err(format!("`{}` and not `{wanted}`: {request:?}", answer.outcome()));
            }
            if let Some(receipt) = answer.receipt() {
                self.keys.note_time(foretold_for, receipt.time);
                self.keys.note(receipt, self.workload.model().made());
                self.workload.block_ended(receipt.time.0);
            }
        }
        let count = self.tally.entry((request.operation.action, foretold)).or_default();
        *count = count.saturating_add(1);
        Ok(())
    }

    /// How long to wait before the next request, in milliseconds.
    pub fn pause(&mut self) -> u64 {
        u64::try_from(self.random.below(1_200)).unwrap_or_default()
    }

    /// A transaction that always applies and touches nothing of the register: some citizen's
    /// mandate that nobody uses.
    pub fn stranger(&mut self, now: Timestamp) -> (String, Call) {
        let citizen = u8::try_from(self.random.below(6)).unwrap_or_default();
        let by = Actor::Citizen(citizen);
        let about = BTreeMap::from([("n".into(), Value::from(self.random.next().to_string()))]);
        let input = [
            ("party", Value::from(by.party())),
            ("package", "real-estate".into()),
            ("action", "transfer".into()),
            ("purpose", "transfer".into()),
            ("digest", Value::Bytes(mandate_digest(&about).as_bytes().to_vec())),
            ("expiry", Value::Time(now.plus_ms(600_000))),
        ];
        let call = governance_call("mandate", input);
        (by.name(), call)
    }
}

/// A call of the built-in package.
pub fn governance_call<const N: usize>(action: &str, input: [(&str, Value); N]) -> Call {
    Call {
        package: governance::ID.into(),
        action: action.into(),
        input: input.map(|(name, value)| (name.into(), value)).into(),
        case: None,
        task: None,
        mandates: None,
    }
}

//! The calls that requests make, with the ledger's own keys.

use std::collections::BTreeMap;

use chaincity_ledger::{governance, mandate_digest};
use chaincity_types::wire::{Call, Receipt};
use chaincity_types::{Str, Timestamp, Value};

use crate::city::Actor;
use crate::model::{Fact, Facts, Fault, Holder, Made, Named, Operation};

/// The ledger's keys of the entries that the model knows by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    registers: BTreeMap<String, Vec<String>>,
    /// How the ledger names those who sign.
    operators: BTreeMap<Actor, String>,
    /// When that was executed which was foretold for another time.
    moments: BTreeMap<u64, Timestamp>,
}

/// A key that no record has.
const NO_KEY: &str = "000000000000000000000000";
/// The digest of every document of the tests.
const PAPER: [u8; 32] = [7; 32];

impl Keys {
    /// The keys of a ledger that knows everybody by the public key that `key_of` gives to a name.
    #[must_use]
    pub fn with_operators(key_of: impl Fn(&str) -> Vec<u8>) -> Self {
        let named = |actor: Actor| (actor, hex::encode(key_of(&actor.name())));
        let operators = Actor::known().into_iter().map(named).collect();
        Self { operators, ..Self::default() }
    }

    /// Keys of a register's entries, as they came about.
    #[must_use]
    pub fn of(&self, register: &str) -> &[String] {
        self.registers.get(register).map_or(&[], Vec::as_slice)
    }

    /// Learns the time of the block that executed what was foretold for `foretold_ms`.
    pub fn note_time(&mut self, foretold_ms: u64, executed: Timestamp) {
        self.moments.insert(foretold_ms, executed);
    }

    /// Learns the keys of what a request brought about. Copies come about in the order of the old
    /// entries' keys, which the model does not know.
    pub fn note(&mut self, receipt: &Receipt, made: &[Made]) {
        let events = receipt.entries.iter().flat_map(|entry| &entry.events);
        let mut fresh: BTreeMap<Str, Vec<Str>> = BTreeMap::new();
        for event in events {
            if event.kind == "inserted" && event.package == "real-estate" {
                fresh.entry(event.register.clone()).or_default().push(event.key.clone());
            }
        }
        for (register, keys) in fresh {
            let made: Vec<&Made> = made.iter().filter(|made| made.register == register).collect();
            let old = |made: &Made| {
                made.copy_of.map(|(round, old)| (round, self.of(&register).get(old).cloned()))
            };
            let mut places: Vec<usize> = (0..made.len()).collect();
            places.sort_by_key(|place| made.get(*place).and_then(|made| old(made)));
            let mut sorted = vec![String::new(); keys.len()];
            for (place, key) in places.into_iter().zip(keys) {
                if let Some(slot) = sorted.get_mut(place) {
                    *slot = key.into();
                }
            }
            self.registers.entry(register.into()).or_default().extend(sorted);
        }
    }

    /// The call that a request makes; its mandates are added by the caller.
    #[must_use]
    pub fn call(&self, operation: &Operation) -> Call {
        let given = operation.given.iter();
        Call {
            package: "real-estate".into(),
            action: operation.action.into(),
            input: given.map(|(name, fact)| ((*name).into(), self.value(fact))).collect(),
            case: None,
            task: None,
            mandates: None,
        }
    }

    /// The key of an entry; of one that is not there, one that no record has.
    fn key(&self, register: &str, number: usize) -> &str {
        self.of(register).get(number).map_or(NO_KEY, String::as_str)
    }

    fn group(&self, facts: &Facts) -> Value {
        let each = facts.iter().map(|(name, fact)| ((*name).into(), self.value(fact)));
        Value::Map(each.collect())
    }

    /// A fact as the ledger writes it.
    #[must_use]
    pub fn value(&self, fact: &Fact) -> Value {
        let paper = || Value::Bytes(PAPER.to_vec());
        match fact {
            Fact::Text(text) => text.as_str().into(),
            Fact::Int(n) | Fact::Money(n) => Value::Int(*n),
            Fact::Day(day) => Value::Date(*day),
            Fact::Time(ms) => Value::Time(Timestamp(*ms)),
            Fact::Moment(ms) => {
                Value::Time(self.moments.get(ms).copied().unwrap_or(Timestamp(*ms)))
            }
            Fact::Yes(yes) => Value::Bool(*yes),
            Fact::Digest => paper(),
            Fact::Papers(count) => Value::List((0..*count).map(|_| paper()).collect()),
            Fact::Texts(texts) | Fact::Units(texts) => {
                Value::List(texts.iter().map(|text| text.as_str().into()).collect())
            }
            Fact::Holders(holders) => Value::List(holders.iter().map(share).collect()),
            Fact::Parts(parts) => Value::List(parts.iter().map(part).collect()),
            Fact::Entry(register, number) => self.key(register, *number).into(),
            Fact::Entries(register, numbers) => {
                Value::List(numbers.iter().map(|n| self.key(register, *n).into()).collect())
            }
            Fact::Operator(actor) => {
                self.operators.get(actor).map_or(NO_KEY, String::as_str).into()
            }
            Fact::Group(facts) => self.group(facts),
            Fact::Groups(groups) => {
                Value::List(groups.iter().map(|facts| self.group(facts)).collect())
            }
            Fact::ByKey(name, groups) => {
                let mut all: Vec<(Option<Value>, Value)> = groups
                    .iter()
                    .map(|facts| (facts.get(name).map(|fact| self.value(fact)), self.group(facts)))
                    .collect();
                all.sort_by(|a, b| {
                    let key = |value: &Option<Value>| {
                        value.as_ref().and_then(Value::as_text).map(str::to_owned)
                    };
                    key(&a.0).cmp(&key(&b.0))
                });
                Value::List(all.into_iter().map(|(_, group)| group).collect())
            }
        }
    }
}

fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(fields.map(|(name, value)| (name.into(), value)).into())
}

fn share(holder: &Holder) -> Value {
    map([
        ("subject", holder.subject.as_str().into()),
        ("n", Value::Int(holder.n)),
        ("d", Value::Int(holder.d)),
    ])
}

fn part((number, location): &(String, String)) -> Value {
    map([("number", number.as_str().into()), ("location", location.as_str().into())])
}

/// The call by which a named mandate for `call` is given; none for one that is to be unknown.
#[must_use]
pub fn mandate_call(named: &Named, call: &Call, now: Timestamp) -> Option<Call> {
    let mut input = call.input.clone();
    match named.fault {
        Fault::Unknown => return None,
        Fault::OtherArguments => {
            input.insert("other".into(), Value::Bool(true));
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
        package: governance::ID.into(),
        action: "mandate".into(),
        input: fields.map(|(name, value)| (name.into(), value)).into(),
        case: None,
        task: None,
        mandates: None,
    })
}

/// The key of the mandate that `receipt` gave, or one that no record has.
#[must_use]
pub fn mandate_key(receipt: Option<&Receipt>) -> Str {
    let events = receipt.and_then(|receipt| receipt.entries.first()).map(|entry| &entry.events);
    let key = events.and_then(|events| events.first()).map(|event| event.key.clone());
    key.unwrap_or_else(|| NO_KEY.into())
}

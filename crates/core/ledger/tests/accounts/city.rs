//! A ledger in memory with the package `accounts`, its people, and a block at a time.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use chaincity_crypto::hash;
use chaincity_ledger::Record;
use chaincity_ledger::memory::{self, Chain, Signed};
use chaincity_package::source::{self, Source};
use chaincity_types::wire::{
    Call, Entry, Genesis, GenesisOperator, LogicalKey, Mode, Outcome, Receipt,
};
use chaincity_types::{Timestamp, Value};

/// 2026-09-21T14:13:20Z.
pub(crate) const BEGIN: Timestamp = Timestamp(1_790_000_000_000);

/// Somebody of a member, with the roles of the package that he holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) member: &'static str,
    pub(crate) roles: &'static [&'static str],
}

const TREASURER: &str = "accounts.treasurer";
pub(crate) const HOLDER: &str = "accounts.holder";
const SETTLER: &str = "accounts.settler";
const SYSTEM: &str = "accounts.system";
const AUTHORITY: &str = "accounts.authority";

const fn person(
    name: &'static str,
    member: &'static str,
    roles: &'static [&'static str],
) -> Person {
    Person { name, member, roles }
}

pub(crate) const PEOPLE: [Person; 10] = [
    person("treasurer", "treasury", &[TREASURER, HOLDER]),
    person("district", "district", &[TREASURER, HOLDER]),
    person("roads", "roads", &[HOLDER]),
    person("schools", "schools", &[HOLDER]),
    person("builder", "builder", &[HOLDER]),
    person("auditor", "audit", &[HOLDER]),
    person("banker", "bank", &[HOLDER, SETTLER]),
    person("system", "bank", &[SYSTEM]),
    person("court", "court", &[AUTHORITY]),
    person("prosecutor", "prosecutor", &[AUTHORITY]),
];

/// The package as authored.
pub(crate) fn package() -> Source {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../packages/accounts");
    let mut files = Vec::new();
    for folder in [""].into_iter().chain(source::FOLDERS) {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
        for entry in entries.map(Result::unwrap) {
            let path = Path::new(folder).join(entry.file_name());
            if path.extension().is_some_and(|ext| ext == "yaml") {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                files.push((path.to_str().unwrap().to_owned(), text));
            }
        }
    }
    let pairs: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    source::parse(&pairs).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn key(name: &str) -> Vec<u8> {
    hash::plain(name.as_bytes()).as_bytes().to_vec()
}

fn genesis(documents: Vec<Vec<u8>>) -> Genesis {
    let operator = |person: Person| GenesisOperator {
        key: key(person.name),
        member: person.member.into(),
        roles: person.roles.iter().map(|role| (*role).to_owned()).collect(),
        subject: None,
    };
    memory::genesis(BEGIN, PEOPLE.into_iter().map(operator).collect(), documents)
}

/// The call of an action of the package.
pub(crate) fn call<const N: usize>(action: &str, input: [(&str, Value); N]) -> Call {
    let given = input.into_iter().filter(|(_, value)| *value != Value::Null);
    Call {
        package: "accounts".into(),
        action: action.into(),
        input: given.map(|(name, value)| (name.into(), value)).collect(),
        case: None,
        task: None,
        mandates: None,
    }
}

/// `applied`, or the reject code.
pub(crate) fn outcome(entry: &Entry) -> String {
    match &entry.outcome {
        Outcome::Applied => "applied".to_owned(),
        Outcome::Rejected { code, .. } => code.to_string(),
    }
}

/// The ledger.
#[derive(Debug)]
pub(crate) struct City {
    pub(crate) chain: Chain,
    /// Transactions so far: each has another expiry, so none is there twice.
    sent: u64,
}

impl City {
    pub(crate) fn new() -> Self {
        Self::with(vec![package().doc.to_bytes()])
    }

    /// With other packages, or another version of this one.
    pub(crate) fn with(documents: Vec<Vec<u8>>) -> Self {
        Self { chain: Chain::after(&genesis(documents), Rc::default()).unwrap(), sent: 0 }
    }

    fn signed(&mut self, (person, call): &(Person, Call)) -> Signed {
        self.sent += 1;
        let mut signed = self.chain.signed(key(person.name), Mode::Atomic, vec![call.clone()]);
        signed.transaction.expiry = signed.transaction.expiry.plus_ms(self.sent % 500_000);
        signed
    }

    /// One block of these calls; their receipts in order, then those of timers.
    pub(crate) fn block(&mut self, calls: &[(Person, Call)]) -> Vec<Receipt> {
        let signed: Vec<Signed> = calls.iter().map(|call| self.signed(call)).collect();
        self.chain.block(&signed).unwrap().receipts
    }

    /// The code of one call, in a block of its own.
    pub(crate) fn outcome(&mut self, person: Person, call: Call) -> String {
        outcome(&self.block(&[(person, call)])[0].entries[0])
    }

    /// Every current record of a register of the package, closed ones too.
    pub(crate) fn records(&self, of: &str) -> BTreeMap<String, Arc<Record>> {
        let own = self.chain.ledger.records().filter_map(|(key, record)| {
            let LogicalKey::Record { package, register, key } = key else { return None };
            let wanted = *package == "accounts" && *register == of;
            wanted.then(|| (key.to_string(), Arc::clone(record)))
        });
        own.collect()
    }
}

/// The call that gives a mandate for `call`, valid for ten minutes.
pub(crate) fn mandate(now: Timestamp, party: &str, purpose: &str, call: &Call) -> Call {
    let digest = chaincity_ledger::mandate_digest(&call.input);
    let given = self::call(
        "mandate",
        [
            ("party", party.into()),
            ("package", call.package.as_str().into()),
            ("action", call.action.as_str().into()),
            ("purpose", purpose.into()),
            ("digest", Value::Bytes(digest.as_bytes().to_vec())),
            ("expiry", Value::Time(now.plus_ms(600_000))),
        ],
    );
    Call { package: chaincity_ledger::governance::ID.into(), ..given }
}

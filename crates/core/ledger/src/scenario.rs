//! Runs a package's scenarios: given / when / then, on a ledger in memory.
//!
//! Each step is a transaction of its own in a block of its own, one second after the step before
//! unless it says when. Keys are derived from the people's names, so a run is the same
//! everywhere.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use chaincity_crypto::hash;
use chaincity_package::doc::PackageDoc;
use chaincity_package::model::{FieldType, Package, Register};
use chaincity_package::scenario::{Assertion, Scenario, StatusText, Step as ScenarioStep};
use chaincity_package::{json, literal};
use chaincity_types::wire::{
    Call, Genesis, GenesisMember, GenesisNode, GenesisOperator, LogicalKey, Mode, Outcome,
    PROTOCOL, Receipt, Status, Transaction, Validator,
};
use chaincity_types::{Digest, Height, Timestamp, Value, cbor};
use serde_json::{Map, Value as Json};

use crate::block::BlockRun;
use crate::governance;
use crate::memory::{MemoryLedger, PackageCache};
use crate::view::{BlockContext, Record, SignedCall, Step};

/// 2026-09-01T01:00:00Z: nine in the morning in Loudi, a Tuesday.
const BEGIN: Timestamp = Timestamp(1_788_224_400_000);
/// The member that runs the scenario's node and stands for those whom no person names.
const HOST: &str = "scenario-host";

/// Why a scenario failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which part, such as `when[2]`, counted from 0.
    pub at: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.at, self.expected, self.found)
    }
}

impl std::error::Error for Failure {}

fn fail<T>(at: &str, expected: impl Into<String>, found: impl Into<String>) -> Result<T, Failure> {
    Err(Failure { at: at.to_owned(), expected: expected.into(), found: found.into() })
}

/// Runs a scenario of the package with this document.
///
/// # Errors
/// The first thing that is not as the scenario says.
pub fn run(document: &[u8], scenario: &Scenario) -> Result<(), Failure> {
    run_watched(document, scenario, &mut |_, _| {})
}

/// Runs a scenario as [`run`] does and shows each step to `watch` before it is committed: its
/// action, and its execution, which changes nothing and may be repeated, to be timed.
///
/// # Errors
/// As [`run`].
pub fn run_watched(
    document: &[u8],
    scenario: &Scenario,
    watch: &mut dyn FnMut(&str, &dyn Fn()),
) -> Result<(), Failure> {
    let document = decided(document, scenario)?;
    let mut stage = Stage::open(&document, scenario)?;
    let parts = [("given", &scenario.given), ("when", &scenario.when)];
    for (part, steps) in parts {
        for (i, step) in steps.iter().enumerate() {
            stage.play(&format!("{part}[{i}]"), step, watch)?;
        }
    }
    for (i, assertion) in scenario.then.iter().enumerate() {
        stage.check(&format!("then[{i}]"), assertion)?;
    }
    Ok(())
}

/// The document with the parameters that the scenario decides otherwise.
fn decided<'d>(document: &'d [u8], scenario: &Scenario) -> Result<Cow<'d, [u8]>, Failure> {
    if scenario.parameters.is_empty() {
        return Ok(Cow::Borrowed(document));
    }
    let mut doc = match PackageDoc::from_bytes(document) {
        Ok(doc) => doc,
        Err(error) => return fail("package", "a document", error.to_string()),
    };
    for (name, value) in &scenario.parameters {
        match doc.parameters.iter_mut().find(|parameter| parameter.name == *name) {
            Some(parameter) => parameter.value.clone_from(value),
            None => return fail("parameters", format!("a parameter `{name}`"), "none"),
        }
    }
    Ok(Cow::Owned(doc.to_bytes()))
}

/// A small ledger with the scenario's people.
struct Stage<'a> {
    scenario: &'a Scenario,
    package: Arc<Package>,
    packages: PackageCache,
    ledger: MemoryLedger,
    id: Digest,
    height: Height,
    time: Timestamp,
    /// Keys written by named steps: step → register → keys in order.
    written: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// The public key by which a person of the scenario is known; nobody holds its secret.
fn key_of(person: &str) -> Vec<u8> {
    hash::in_domain("chaincity/scenario/1", person.as_bytes()).as_bytes().to_vec()
}

/// When the ledger begins: on an ordinary morning, or just before a first step that lies earlier.
fn begin(scenario: &Scenario) -> Timestamp {
    let first = scenario.given.iter().chain(&scenario.when).next();
    let at = first.and_then(|step| step.at.as_deref()).and_then(literal::time);
    at.map_or(BEGIN, |at| Timestamp(at.0.saturating_sub(1_000)).min(BEGIN))
}

fn genesis(document: &[u8], scenario: &Scenario) -> Genesis {
    let mut roles: BTreeMap<&str, BTreeSet<String>> = BTreeMap::from([(HOST, BTreeSet::new())]);
    for person in scenario.people.values() {
        roles.entry(&person.member).or_default().extend(person.roles.iter().cloned());
    }
    let member = |(id, roles): (&str, BTreeSet<String>)| GenesisMember {
        id: id.to_owned(),
        name_zh: id.to_owned(),
        name_en: id.to_owned(),
        roles: roles.into_iter().collect(),
    };
    let operators = scenario.people.iter().map(|(name, person)| GenesisOperator {
        key: key_of(name),
        member: person.member.clone(),
        roles: person.roles.clone(),
        subject: person.subject.clone(),
    });
    let node = Validator { key: key_of(HOST), member: HOST.to_owned(), address: String::new() };
    Genesis {
        protocol: PROTOCOL,
        name_zh: "情景".to_owned(),
        name_en: "scenario".to_owned(),
        time: begin(scenario),
        epoch_blocks: 1_000,
        members: roles.into_iter().map(member).collect(),
        operators: operators.collect(),
        nodes: vec![GenesisNode { node, validator: true }],
        packages: vec![document.to_vec().into()],
    }
}

impl<'a> Stage<'a> {
    fn open(document: &[u8], scenario: &'a Scenario) -> Result<Self, Failure> {
        let packages = PackageCache::default();
        let Some(package) = crate::memory::compile(document) else {
            return fail("package", "a document that compiles", "one that does not");
        };
        let genesis = genesis(document, scenario);
        let mut stage = Self {
            scenario,
            package,
            packages,
            ledger: MemoryLedger::new(),
            id: hash::ledger_id(&genesis),
            height: Height(1),
            time: begin(scenario),
            written: BTreeMap::new(),
        };
        let mut block = BlockRun::new(stage.context());
        if let Err(error) = block.genesis(&genesis, &stage.packages) {
            return fail("people", "people that can be set up", error.to_string());
        }
        stage.commit(block)?;
        Ok(stage)
    }

    const fn context(&self) -> BlockContext {
        BlockContext {
            ledger: self.id,
            protocol: PROTOCOL,
            height: self.height,
            time: self.time,
            epoch: 0,
        }
    }

    fn commit(&mut self, block: BlockRun) -> Result<Vec<Receipt>, Failure> {
        let executed = block.finish();
        if let Err(error) = self.ledger.apply(&executed) {
            return fail("ledger", "a version that can be read", error.to_string());
        }
        self.height = self.height.next();
        self.time = self.time.plus_ms(1_000);
        Ok(executed.receipts)
    }

    /// Submits one call as a block and gives its receipt.
    fn submit(
        &mut self,
        at: &str,
        person: &str,
        call: Call,
        watch: &mut dyn FnMut(&str, &dyn Fn()),
    ) -> Result<Receipt, Failure> {
        let transaction = Transaction {
            ledger: self.id,
            protocol: PROTOCOL,
            expiry: self.time.plus_ms(60_000),
            mode: Mode::Atomic,
            calls: vec![call],
            intent: None,
        };
        let operator = key_of(person);
        let mut named = cbor::encode(&transaction);
        named.extend(&operator);
        let id = hash::in_domain("chaincity/scenario-transaction/1", &named);
        let signed = SignedCall { id, operator: &operator, transaction: &transaction };
        let action = transaction.calls.first().map(|call| call.action.as_str());
        watch(action.unwrap_or_default(), &|| {
            let mut block = BlockRun::new(self.context());
            let _outcome = block.run(&signed, &self.ledger, &self.packages);
        });
        let mut block = BlockRun::new(self.context());
        match block.run(&signed, &self.ledger, &self.packages) {
            Step::Done(()) => {}
            Step::Need(_) => return fail(at, "a ledger that knows every key", "a missing key"),
        }
        match self.commit(block)?.pop() {
            Some(receipt) => Ok(receipt),
            None => fail(at, "a receipt", "none"),
        }
    }

    fn play(
        &mut self,
        at: &str,
        step: &ScenarioStep,
        watch: &mut dyn FnMut(&str, &dyn Fn()),
    ) -> Result<(), Failure> {
        if !self.scenario.people.contains_key(&step.by) {
            return fail(at, format!("a person named `{}`", step.by), "none");
        }
        if let Some(text) = &step.at {
            match literal::time(text) {
                Some(time) if time >= self.time => self.time = time,
                Some(_) => return fail(at, "a time after the step before", text.clone()),
                None => return fail(at, "a time in RFC 3339", text.clone()),
            }
        }
        let package = self.package(step.package.as_deref());
        let Some(action) = package.actions.get(&step.action) else {
            return fail(at, format!("an action `{}`", step.action), "none");
        };
        let resolved = self.resolve(at, &Json::Object(step.input.clone()))?;
        let empty = Map::new();
        let input = match json::to_fields(&action.input, resolved.as_object().unwrap_or(&empty)) {
            Ok(input) => input,
            Err(problem) => return fail(at, "an input of the declared form", problem.to_string()),
        };
        let mandates = self.give_mandates(at, (&package.id, step), &input)?;
        let call = Call {
            package: package.id.clone(),
            action: step.action.clone(),
            input,
            case: None,
            task: None,
            mandates: (!mandates.is_empty()).then_some(mandates),
        };
        let receipt = self.submit(at, &step.by, call, watch)?;
        self.compare(at, (&package.id, step), &receipt)
    }

    /// The package that a step or an assertion names; else the scenario's own.
    fn package(&self, named: Option<&str>) -> Arc<Package> {
        if named == Some(governance::ID) {
            governance::package()
        } else {
            Arc::clone(&self.package)
        }
    }

    /// The mandates of a step, given beforehand for exactly its arguments.
    fn give_mandates(
        &mut self,
        at: &str,
        (package, step): (&str, &ScenarioStep),
        input: &BTreeMap<String, Value>,
    ) -> Result<Vec<String>, Failure> {
        let digest = crate::mandate_digest(input);
        let mut keys = Vec::new();
        for mandate in &step.mandates {
            let Some(person) = self.scenario.people.get(&mandate.by) else {
                return fail(at, format!("a person named `{}`", mandate.by), "none");
            };
            let party = person.subject.as_ref().unwrap_or(&person.member);
            let fields = [
                ("party", Value::Text(party.clone())),
                ("package", package.into()),
                ("action", Value::Text(step.action.clone())),
                ("purpose", Value::Text(mandate.purpose.clone())),
                ("digest", Value::Bytes(digest.as_bytes().to_vec())),
                ("expiry", Value::Time(self.time.plus_ms(3_600_000))),
            ];
            let call = Call {
                package: governance::ID.to_owned(),
                action: "mandate".to_owned(),
                input: fields.map(|(name, value)| (name.to_owned(), value)).into(),
                case: None,
                task: None,
                mandates: None,
            };
            let receipt = self.submit(at, &mandate.by, call, &mut |_, _| {})?;
            let event = receipt.entries.first().and_then(|entry| entry.events.first());
            match event {
                Some(event) => keys.push(event.key.clone()),
                None => return fail(at, "a mandate that is accepted", outcome_of(&receipt)),
            }
        }
        Ok(keys)
    }

    fn compare(
        &mut self,
        at: &str,
        (package, step): (&str, &ScenarioStep),
        receipt: &Receipt,
    ) -> Result<(), Failure> {
        let (wanted, found) = (step.code.as_deref().unwrap_or(APPLIED), outcome_of(receipt));
        if wanted != found.split(' ').next().unwrap_or_default() {
            return fail(at, format!("`{wanted}`"), format!("`{found}`"));
        }
        let own: Vec<_> = receipt
            .entries
            .iter()
            .flat_map(|entry| &entry.events)
            .filter(|event| event.package == package)
            .collect();
        if let Some(wanted) = &step.events {
            let kinds = own.iter().map(|event| event.kind.as_str());
            let kinds: Vec<_> = kinds.filter(|kind| !KERNEL_EVENTS.contains(kind)).collect();
            if *wanted != kinds {
                return fail(at, format!("events {wanted:?}"), format!("{kinds:?}"));
            }
        }
        if let Some(name) = &step.name {
            let keys = self.written.entry(name.clone()).or_default();
            let all = receipt.entries.iter().flat_map(|entry| &entry.events);
            for event in all.filter(|event| KERNEL_EVENTS.contains(&event.kind.as_str())) {
                let keys = keys.entry(event.register.clone()).or_default();
                if !keys.contains(&event.key) {
                    keys.push(event.key.clone());
                }
            }
        }
        Ok(())
    }

    /// Puts record keys in the place of texts such as `$sale.right.2`.
    fn resolve(&self, at: &str, json: &Json) -> Result<Json, Failure> {
        Ok(match json {
            Json::String(text) => Json::String(self.resolve_text(at, text)?),
            Json::Array(items) => Json::Array(
                items.iter().map(|item| self.resolve(at, item)).collect::<Result<_, _>>()?,
            ),
            Json::Object(map) => {
                let mut out = Map::new();
                for (name, item) in map {
                    out.insert(name.clone(), self.resolve(at, item)?);
                }
                Json::Object(out)
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => json.clone(),
        })
    }

    fn resolve_text(&self, at: &str, text: &str) -> Result<String, Failure> {
        let Some(reference) = text.strip_prefix('$') else {
            return Ok(text.to_owned());
        };
        let mut parts = reference.split('.');
        let (step, register) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let place = parts.next().map_or(Some(1_usize), |n| n.parse().ok());
        let key = place
            .and_then(|n| n.checked_sub(1))
            .and_then(|n| self.written.get(step)?.get(register)?.get(n));
        match key {
            Some(key) => Ok(key.clone()),
            None => fail(at, format!("a record `{text}`"), "none"),
        }
    }

    fn check(&self, at: &str, assertion: &Assertion) -> Result<(), Failure> {
        let package = self.package(assertion.package.as_deref());
        let Some(register) = package.registers.get(&assertion.register) else {
            return fail(at, format!("a register `{}`", assertion.register), "none");
        };
        let now = match &assertion.at {
            None => self.time,
            Some(text) => match literal::time(text) {
                Some(time) => time,
                None => return fail(at, "a time in RFC 3339", text.clone()),
            },
        };
        let mut wanted: BTreeMap<&String, Value> = BTreeMap::new();
        for (name, json) in &assertion.fields {
            let computed = || register.computed.iter().find(|c| c.name == *name).map(|c| &c.field);
            let Some(field) = register.fields.get(name).or_else(computed) else {
                return fail(at, format!("a field `{name}`"), "none");
            };
            wanted.insert(name, self.wanted_value(at, &field.kind, json)?);
        }
        // The first field that is not as wanted, and what it is.
        let unfit = |key: &str, record: &Record| {
            let mut fields = record.version.fields.clone();
            match register.computed_at(&package, key, &record.version, now) {
                Ok(computed) => fields.extend(computed),
                Err(failure) => return Some((String::new(), failure.to_string())),
            }
            wanted.iter().find_map(|(name, value)| {
                let found = fields.get(*name).unwrap_or(&Value::Null);
                let text = |value| json::from_value(value).to_string();
                (found != value).then(|| (format!("`{name}` {}", text(value)), text(found)))
            })
        };
        let Some(key) = &assertion.key else {
            let count = self
                .ledger
                .records()
                .filter_map(|(key, record)| Some((own_key(key, &package.id, register)?, record)))
                .filter(|(key, r)| r.version.status == Status::Live && unfit(key, r).is_none())
                .count();
            let wanted = assertion.count.unwrap_or(1);
            let found = u64::try_from(count).unwrap_or(u64::MAX);
            return if wanted == found {
                Ok(())
            } else {
                fail(at, format!("{wanted} records"), found.to_string())
            };
        };
        let key = self.resolve_text(at, key)?;
        let record = self.ledger.get(&LogicalKey::Record {
            package: package.id.clone(),
            register: assertion.register.clone(),
            key: key.clone(),
        });
        check_status(at, assertion.status, record)?;
        let Some(record) = record else {
            return Ok(());
        };
        if let Some(wanted) = assertion.version
            && wanted != record.head.version
        {
            return fail(at, format!("version {wanted}"), record.head.version.to_string());
        }
        match unfit(&key, record) {
            None => Ok(()),
            Some((wanted, found)) => fail(at, wanted, found),
        }
    }

    fn wanted_value(&self, at: &str, kind: &FieldType, json: &Json) -> Result<Value, Failure> {
        if json.is_null() {
            return Ok(Value::Null);
        }
        match json::to_value(kind, &self.resolve(at, json)?) {
            Ok(value) => Ok(value),
            Err(problem) => fail(at, "a value of the field's type", problem.to_string()),
        }
    }
}

/// The key of a record of this register.
fn own_key<'k>(key: &'k LogicalKey, package: &str, of: &Register) -> Option<&'k str> {
    let LogicalKey::Record { package: found, register, key } = key else { return None };
    (found == package && *register == of.name).then_some(key)
}

/// What stands for success in messages.
const APPLIED: &str = "applied";
/// Events that the kernel raises for each record written.
const KERNEL_EVENTS: [&str; 3] = ["inserted", "updated", "closed"];

/// `applied`, or the reject code and its detail.
fn outcome_of(receipt: &Receipt) -> String {
    match receipt.entries.first().map(|entry| &entry.outcome) {
        Some(Outcome::Applied) => APPLIED.to_owned(),
        Some(Outcome::Rejected { code, detail, .. }) => match detail {
            Some(detail) => format!("{code} ({detail})"),
            None => code.clone(),
        },
        None => "nothing".to_owned(),
    }
}

fn check_status(
    at: &str,
    wanted: Option<StatusText>,
    record: Option<&Arc<Record>>,
) -> Result<(), Failure> {
    let found = match record.map(|record| record.version.status) {
        Some(Status::Live) => StatusText::Live,
        Some(Status::Closed) => StatusText::Closed,
        None => StatusText::Absent,
    };
    let wanted = match wanted {
        Some(wanted) => wanted,
        None if found == StatusText::Absent => StatusText::Live,
        None => return Ok(()),
    };
    if wanted == found {
        Ok(())
    } else {
        fail(at, format!("{wanted:?}").to_lowercase(), format!("{found:?}").to_lowercase())
    }
}

//! What a scenario says, apart from any ledger: whose calls come when, what must become of them,
//! and what must hold in the end. Whoever has a ledger plays it by this.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use chaincity_package::model::{FieldType, Package, Register};
use chaincity_package::scenario::{Assertion, Scenario, StatusText, Step};
use chaincity_package::{json, literal};
use chaincity_types::wire::{
    Call, Genesis, GenesisMember, GenesisNode, GenesisOperator, LogicalKey, Outcome, PROTOCOL,
    Receipt, Status,
};
use chaincity_types::{Reject, Str, Timestamp, Value};
use serde_json::{Map, Value as Json};

use crate::memory::STEP_MS;
use crate::view::Record;
use crate::{built_in, cases, governance};

/// 2026-09-01T01:00:00Z: nine in the morning in Loudi, a Tuesday.
const BEGIN: Timestamp = Timestamp(1_788_224_400_000);
/// How long a mandate holds.
const MANDATE_MS: u64 = 3_600_000;

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

pub(super) fn fail<T>(
    at: &str,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> Result<T, Failure> {
    Err(Failure { at: at.to_owned(), expected: expected.into(), found: found.into() })
}

/// Current records by logical key.
pub type Records = BTreeMap<LogicalKey, Arc<Record>>;

/// A scenario while it is being played.
#[derive(Debug)]
pub struct Script<'a> {
    scenario: &'a Scenario,
    package: Arc<Package>,
    /// Those whose actions it calls.
    required: Vec<Arc<Package>>,
    /// Keys written by named steps: step → register → keys in order.
    written: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl<'a> Script<'a> {
    /// The scenario of this package, which requires those others, from its beginning.
    #[must_use]
    pub const fn new(
        package: Arc<Package>,
        required: Vec<Arc<Package>>,
        scenario: &'a Scenario,
    ) -> Self {
        Self { scenario, package, required, written: BTreeMap::new() }
    }

    /// When the ledger begins: on an ordinary morning, or just before a first step that lies
    /// earlier.
    #[must_use]
    pub fn begin(&self) -> Timestamp {
        let first = self.scenario.given.iter().chain(&self.scenario.when).next();
        let at = first.and_then(|step| step.at.as_deref()).and_then(literal::time);
        at.map_or(BEGIN, |at| Timestamp(at.0.saturating_sub(STEP_MS)).min(BEGIN))
    }

    /// A genesis document with these packages, each after those that it requires, the scenario's
    /// people, their keys by name, and these nodes.
    #[must_use]
    pub fn genesis(
        &self,
        documents: Vec<Vec<u8>>,
        nodes: Vec<GenesisNode>,
        key_of: &dyn Fn(&str) -> Vec<u8>,
    ) -> Genesis {
        let mut roles: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for node in &nodes {
            roles.entry(&node.node.member).or_default();
        }
        for person in self.scenario.people.values() {
            roles.entry(&person.member).or_default().extend(person.roles.iter().cloned());
        }
        let member = |(id, roles): (&str, BTreeSet<String>)| GenesisMember {
            id: id.to_owned(),
            name_zh: id.to_owned(),
            name_en: id.to_owned(),
            roles: roles.into_iter().collect(),
        };
        let operators = self.scenario.people.iter().map(|(name, person)| GenesisOperator {
            key: key_of(name),
            member: person.member.clone(),
            roles: person.roles.clone(),
            subject: person.subject.clone(),
        });
        Genesis {
            protocol: PROTOCOL,
            name_zh: "情景".to_owned(),
            name_en: "scenario".to_owned(),
            time: self.begin(),
            epoch_blocks: 1_000,
            members: roles.into_iter().map(member).collect(),
            operators: operators.collect(),
            nodes,
            packages: documents.into_iter().map(Into::into).collect(),
        }
    }

    /// The steps in order, each with its place, such as `given[0]`.
    pub fn steps(&self) -> impl Iterator<Item = (String, &'a Step)> + use<'a> {
        let parts = [("given", &self.scenario.given), ("when", &self.scenario.when)];
        parts.into_iter().flat_map(|(part, steps)| {
            steps.iter().enumerate().map(move |(i, step)| (format!("{part}[{i}]"), step))
        })
    }

    /// When a step comes, if its turn is at `turn`.
    ///
    /// # Errors
    /// When it should come before the step before.
    pub fn time(at: &str, step: &Step, turn: Timestamp) -> Result<Timestamp, Failure> {
        let Some(text) = &step.at else { return Ok(turn) };
        match literal::time(text) {
            Some(time) if time >= turn => Ok(time),
            Some(_) => fail(at, "a time after the step before", text.clone()),
            None => fail(at, "a time in RFC 3339", text.clone()),
        }
    }

    /// The calls of a step, with record keys in the place of references, without mandates: its own
    /// comes first. They are one atomic transaction.
    ///
    /// # Errors
    /// When the step is not of its form, or names what no step before wrote.
    pub fn calls(&self, at: &str, step: &Step) -> Result<Vec<Call>, Failure> {
        if !self.scenario.people.contains_key(&step.by) {
            return fail(at, format!("a person named `{}`", step.by), "none");
        }
        let mut calls = vec![self.call(at, step.package.as_deref(), &step.action, &step.input)?];
        for also in &step.also {
            calls.push(self.call(at, also.package.as_deref(), &also.action, &also.input)?);
        }
        let Some(task) = &step.completes else { return Ok(calls) };
        let task = self.resolve_text(at, task)?;
        for call in calls.iter_mut().filter(|call| call.package != cases::ID) {
            call.case = Some(cases::case_of(&task).into());
            call.task = Some(task.as_str().into());
        }
        let set = step.set.iter().map(|(name, text)| (name.into(), text.as_str().into()));
        calls.push(cases::complete(&task, set.collect()));
        Ok(calls)
    }

    fn call(
        &self,
        at: &str,
        package: Option<&str>,
        action: &str,
        input: &Map<String, Json>,
    ) -> Result<Call, Failure> {
        let package = self.package(package);
        let Some(action) = package.actions.get(action) else {
            return fail(at, format!("an action `{action}`"), "none");
        };
        let resolved = self.resolve(at, &Json::Object(input.clone()))?;
        let empty = Map::new();
        let input = match json::to_fields(&action.input, resolved.as_object().unwrap_or(&empty)) {
            Ok(input) => input,
            Err(problem) => return fail(at, "an input of the declared form", problem.to_string()),
        };
        Ok(Call {
            package: package.id.clone(),
            action: action.name.clone(),
            input,
            case: None,
            task: None,
            mandates: None,
        })
    }

    /// The calls that give a step's mandates beforehand for exactly the arguments of its `calls`, who
    /// makes each, `now`, and the place of the call that it is for.
    ///
    /// # Errors
    /// When one is to come from nobody, or is for a call that the step has not.
    pub fn mandates(
        &self,
        at: &str,
        step: &'a Step,
        calls: &[Call],
        now: Timestamp,
    ) -> Result<Vec<(&'a str, Call, usize)>, Failure> {
        let mut given = Vec::new();
        for mandate in &step.mandates {
            let action = mandate.action.as_ref().unwrap_or(&step.action);
            let found = calls.iter().enumerate().find(|(_, call)| *call.action == **action);
            let Some((place, call)) = found else {
                return fail(at, format!("a call of `{action}`"), "none");
            };
            let digest = crate::mandate_digest(&call.input);
            let Some(person) = self.scenario.people.get(&mandate.by) else {
                return fail(at, format!("a person named `{}`", mandate.by), "none");
            };
            let party = person.subject.as_ref().unwrap_or(&person.member);
            let fields = [
                ("party", Value::from(party.as_str())),
                ("package", Value::Text(call.package.clone())),
                ("action", Value::Text(call.action.clone())),
                ("purpose", Value::from(mandate.purpose.as_str())),
                ("digest", Value::Bytes(digest.as_bytes().to_vec())),
                ("expiry", Value::Time(now.plus_ms(MANDATE_MS))),
            ];
            let case = call.case.clone().map(|case| ("case".into(), Value::Text(case)));
            let mandate_call = Call {
                package: governance::ID.into(),
                action: "mandate".into(),
                input: fields
                    .map(|(name, value)| (name.into(), value))
                    .into_iter()
                    .chain(case)
                    .collect(),
                case: None,
                task: None,
                mandates: None,
            };
            given.push((mandate.by.as_str(), mandate_call, place));
        }
        Ok(given)
    }

    /// Names mandates in the calls that they are for: keys by the places of the calls.
    pub fn name_mandates(calls: &mut [Call], given: Vec<(usize, Str)>) {
        for (place, mandate) in given {
            if let Some(call) = calls.get_mut(place) {
                call.mandates.get_or_insert_default().push(mandate);
            }
        }
    }

    /// The key of the mandate that a receipt says was given.
    ///
    /// # Errors
    /// When it was not accepted.
    pub fn mandate(at: &str, receipt: &Receipt) -> Result<Str, Failure> {
        let event = receipt.entries.first().and_then(|entry| entry.events.first());
        match event {
            Some(event) => Ok(event.key.clone()),
            None => fail(at, "a mandate that is accepted", outcome_of(receipt)),
        }
    }

    /// Compares what became of a step with what it expects, and notes the keys that it wrote.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare(&mut self, at: &str, step: &Step, receipt: &Receipt) -> Result<(), Failure> {
        let outcome = outcome_of(receipt);
        Self::compare_outcome(at, step, &outcome)?;
        if let Some(purpose) = &step.missing {
            let wanted = format!("{} (for `{purpose}`)", Reject::MandateMissing.code());
            if outcome != wanted {
                return fail(at, format!("`{wanted}`"), format!("`{outcome}`"));
            }
        }
        let package = &self.package(step.package.as_deref()).id;
        let all = receipt.entries.iter().flat_map(|entry| &entry.events);
        if let Some(wanted) = &step.events {
            let own = all.clone().filter(|event| event.package == *package);
            let kinds = own.map(|event| event.kind.as_str());
            let kinds: Vec<_> = kinds.filter(|kind| !KERNEL_EVENTS.contains(kind)).collect();
            if *wanted != kinds {
                return fail(at, format!("events {wanted:?}"), format!("{kinds:?}"));
            }
        }
        if let Some(name) = &step.name {
            let keys = self.written.entry(name.clone()).or_default();
            for event in all.filter(|event| KERNEL_EVENTS.contains(&event.kind.as_str())) {
                let keys = keys.entry(event.register.to_string()).or_default();
                if !keys.iter().any(|key| *key == event.key) {
                    keys.push(event.key.to_string());
                }
            }
        }
        Ok(())
    }

    /// Compares what the ledger's timers did with what a step by the ledger expects: all of them
    /// had its outcome, and together they raised its events.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare_timers(
        &mut self,
        at: &str,
        step: &Step,
        receipts: Vec<Receipt>,
    ) -> Result<(), Failure> {
        for receipt in &receipts {
            Self::compare_outcome(at, step, &outcome_of(receipt))?;
        }
        let together = receipts.into_iter().reduce(|mut all, more| {
            all.entries.extend(more.entries);
            all
        });
        match together {
            Some(receipt) => self.compare(at, step, &receipt),
            None => fail(at, "a timer that runs", "none"),
        }
    }

    /// Compares `applied`, or a code with or without detail, with what a step expects.
    ///
    /// # Errors
    /// When it expects another.
    pub fn compare_outcome(at: &str, step: &Step, found: &str) -> Result<(), Failure> {
        let wanted = step.code.as_deref().unwrap_or(APPLIED);
        if wanted == found.split(' ').next().unwrap_or_default() {
            return Ok(());
        }
        fail(at, format!("`{wanted}`"), format!("`{found}`"))
    }

    /// Checks everything that must hold in the end, among these records, at this time.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn check(&self, records: &Records, now: Timestamp) -> Result<(), Failure> {
        for (i, assertion) in self.scenario.then.iter().enumerate() {
            self.check_one(&format!("then[{i}]"), assertion, records, now)?;
        }
        Ok(())
    }

    /// The package that a step or an assertion names; else the scenario's own.
    fn package(&self, named: Option<&str>) -> Arc<Package> {
        let required = || {
            let other = self.required.iter().find(|other| Some(other.id.as_str()) == named);
            Arc::clone(other.unwrap_or(&self.package))
        };
        named.and_then(built_in).unwrap_or_else(required)
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
        // A case names what it is about as `package/register/key`.
        if let Some((head, _)) = text.split_once("/$") {
            let tail = text.get(head.len().saturating_add(1)..).unwrap_or_default();
            return Ok(format!("{head}/{}", self.resolve_text(at, tail)?));
        }
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

    fn check_one(
        &self,
        at: &str,
        assertion: &Assertion,
        records: &Records,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let package = self.package(assertion.package.as_deref());
        let Some(register) = package.registers.get(assertion.register.as_str()) else {
            return fail(at, format!("a register `{}`", assertion.register), "none");
        };
        let now = match &assertion.at {
            None => now,
            Some(text) => match literal::time(text) {
                Some(time) => time,
                None => return fail(at, "a time in RFC 3339", text.clone()),
            },
        };
        let mut wanted: BTreeMap<&String, Value> = BTreeMap::new();
        for (name, json) in &assertion.fields {
            let computed = || register.computed.iter().find(|c| c.name == *name).map(|c| &c.field);
            let Some(field) = register.fields.get(name.as_str()).or_else(computed) else {
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
                let found = fields.get(name.as_str()).unwrap_or(&Value::Null);
                let text = |value| json::from_value(value).to_string();
                (found != value).then(|| (format!("`{name}` {}", text(value)), text(found)))
            })
        };
        let Some(key) = &assertion.key else {
            let count = records
                .iter()
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
        let record = records.get(&LogicalKey::Record {
            package: package.id.clone(),
            register: assertion.register.as_str().into(),
            key: key.as_str().into(),
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
            None => code.to_string(),
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

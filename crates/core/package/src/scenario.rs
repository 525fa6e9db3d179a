//! Scenarios: given / when / then, authored beside the package and run against a ledger.
//!
//! This module knows the form only; `chaincity-ledger` runs them. In an input, a text of the
//! form `$step.register` or `$step.register.2` stands for the key of the first (or second)
//! record of that register that the step of this name wrote.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::problem::Location;

/// A person of the scenarios: an operator of a member.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The member that the operator acts for.
    pub member: String,
    /// Roles held.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The subject that the operator is, for citizens with keys of their own.
    #[serde(default)]
    pub subject: Option<String>,
}

/// One scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Name: a claim, such as `a-sealed-unit-cannot-be-transferred`.
    pub name: String,
    /// The claim in words, Chinese.
    pub zh: String,
    /// The claim in words, English.
    pub en: String,
    /// Who acts, by name; the same for all scenarios of a package.
    pub people: BTreeMap<String, Person>,
    /// Parameters of the package that have another value here: rules, as in `package.yaml`.
    pub parameters: BTreeMap<String, String>,
    /// Steps that must all apply.
    pub given: Vec<Step>,
    /// Steps with their expectations.
    pub when: Vec<Step>,
    /// What must hold afterwards.
    pub then: Vec<Assertion>,
    /// Where it was written.
    pub location: Location,
}

/// Who acts when the ledger's own timers do.
pub const LEDGER: &str = "ledger";

/// One call, as a transaction of its own. By the ledger: an action that a timer calls by `at`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Who signs: a name of `people`.
    pub by: String,
    /// The package of the action, if not the scenario's own: `governance`.
    #[serde(default)]
    pub package: Option<String>,
    /// The action.
    pub action: String,
    /// The input, as JSON.
    #[serde(default)]
    pub input: Map<String, Json>,
    /// Name for later references.
    #[serde(default)]
    pub name: Option<String>,
    /// Block time, RFC 3339; otherwise one second after the step before.
    #[serde(default)]
    pub at: Option<String>,
    /// Further calls of the same transaction, after this one: all apply, or none.
    #[serde(default)]
    pub also: Vec<Also>,
    /// The task that the calls together complete, in the same transaction: its key.
    #[serde(default)]
    pub completes: Option<String>,
    /// With `completes`: the variables that it sets, as texts.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Mandates given for exactly this call beforehand, and named by it.
    #[serde(default)]
    pub mandates: Vec<Mandate>,
    /// The reject code expected; none: it must apply.
    #[serde(default)]
    pub code: Option<String>,
    /// With `mandate-missing`: what the mandate that is missing would be for.
    #[serde(default)]
    pub missing: Option<String>,
    /// Kinds of the package's own events that it must raise, in order; only checked when given.
    #[serde(default)]
    pub events: Option<Vec<String>>,
}

/// A further call of a step.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Also {
    /// The package of the action, if not the scenario's own.
    #[serde(default)]
    pub package: Option<String>,
    /// The action.
    pub action: String,
    /// The input, as JSON.
    #[serde(default)]
    pub input: Map<String, Json>,
}

/// A mandate that a person gives.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mandate {
    /// Who gives it: a name of `people`. The party is the person's subject, or its member.
    pub by: String,
    /// What for.
    #[serde(rename = "for")]
    pub purpose: String,
    /// The call that it is for, where the step has several, by its action; else the step's own.
    #[serde(default)]
    pub action: Option<String>,
}

/// What must hold at the end.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// The package of the register, if not the scenario's own: `governance`.
    #[serde(default)]
    pub package: Option<String>,
    /// Register looked into.
    pub register: String,
    /// Key of the record looked at (`$step.register` too). Without it, all live records count.
    #[serde(default)]
    pub key: Option<String>,
    /// Its status.
    #[serde(default)]
    pub status: Option<StatusText>,
    /// Its version number.
    #[serde(default)]
    pub version: Option<u64>,
    /// Time at which computed fields are looked at, RFC 3339; otherwise a second after the last
    /// step.
    #[serde(default)]
    pub at: Option<String>,
    /// Fields that it must have, stored or computed, as JSON; null: absent. Without a key: which
    /// records count.
    #[serde(default)]
    pub fields: Map<String, Json>,
    /// Without a key: how many live records have these fields.
    #[serde(default)]
    pub count: Option<u64>,
}

/// A record's status in an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusText {
    /// In force.
    Live,
    /// Closed.
    Closed,
    /// There is none.
    Absent,
}

/// A file of scenarios: people, steps common to all, scenarios.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioFile {
    #[serde(default)]
    pub(crate) people: BTreeMap<String, Person>,
    #[serde(default)]
    pub(crate) given: Vec<Step>,
    #[serde(default)]
    pub(crate) scenarios: Vec<ScenarioText>,
}

/// One scenario as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioText {
    pub(crate) scenario: serde_saphyr::Spanned<String>,
    pub(crate) zh: String,
    pub(crate) en: String,
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) given: Vec<Step>,
    pub(crate) when: Vec<Step>,
    #[serde(default)]
    pub(crate) then: Vec<Assertion>,
}

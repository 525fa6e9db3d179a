//! The rule language: CEL's expression syntax restricted to what is deterministic and bounded.
//!
//! Stages, each small and separate: parse, type-check, compile, run.

use std::collections::BTreeMap;

use chaincity_types::{Reject, Value};

/// A compiled rule.
#[derive(Clone, Debug)]
pub struct Program {}

/// What a rule can see: named values (`input`, `caller`, `now`, the reads by name).
pub type Environment = BTreeMap<String, Value>;

/// Fuel left to a call; every step of every rule draws on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fuel {
    /// Units left.
    pub left: u64,
}

/// Why a rule gave no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFailure {
    /// `overflow`, `division-by-zero`, `rule-error` or `out-of-fuel`.
    pub code: Reject,
    /// What exactly, without any value of a record.
    pub detail: String,
}

impl Program {
    /// Runs the rule.
    ///
    /// # Errors
    /// See [`RuleFailure`].
    pub fn run(&self, _environment: &Environment, _fuel: &mut Fuel) -> Result<Value, RuleFailure> {
        Err(RuleFailure { code: Reject::RuleError, detail: "not compiled".into() })
    }
}

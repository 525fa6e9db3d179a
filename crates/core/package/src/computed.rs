//! Computed fields: what follows from a record's fields and the time, such as whether a seal is in
//! effect. They are evaluated wherever a record is seen, and never stored.

use std::collections::BTreeMap;

use chaincity_types::wire::{Status, Version};
use chaincity_types::{Str, Timestamp, Value};

use crate::literal;
use crate::model::{Package, Register};
use crate::rule::{Environment, Fuel, RuleFailure};

/// The name under which computed fields and invariants see a record.
pub const THIS: &str = "this";
/// The name under which an invariant over an index sees the records.
pub const ALL: &str = "all";
/// What an invariant names in the place of an index to be about what a call writes.
pub const CALL: &str = "call";
/// The names under which such an invariant sees the records as they were, and as they will be.
pub const BEFORE: &str = "before";
/// See [`BEFORE`].
pub const AFTER: &str = "after";

impl Package {
    /// What every rule sees besides its own names: `now`, `today` (UTC+8) and `param`.
    #[must_use]
    pub fn environment(&self, now: Timestamp) -> Environment {
        let today = literal::date_of(now).unwrap_or(i32::MAX);
        let mut environment = Environment::from([
            ("now".into(), Value::Time(now)),
            ("today".into(), Value::Date(today)),
        ]);
        if !self.parameters.is_empty() {
            let values = self.parameters.iter().map(|(name, p)| (name.clone(), p.value.clone()));
            environment.insert("param".into(), Value::Map(values.collect()));
        }
        environment
    }
}

impl Register {
    /// A record as rules see it: its fields, absent ones as null, and `_key`, `_version`,
    /// `_status`, `_began`. Computed fields are not among them yet.
    #[must_use]
    pub fn stored(
        &self,
        key: &Str,
        fields: &BTreeMap<Str, Value>,
        (status, version, began): (Status, u64, Timestamp),
    ) -> BTreeMap<Str, Value> {
        let status = match status {
            Status::Live => "live",
            Status::Closed => "closed",
        };
        let own = [
            ("_began", Value::Time(began)),
            ("_key", Value::Text(key.clone())),
            ("_status", status.into()),
            ("_version", Value::Int(i64::try_from(version).unwrap_or(i64::MAX))),
        ];
        let mut entries = Vec::with_capacity(
            self.fields.len().saturating_add(fields.len()).saturating_add(own.len()),
        );
        // First, as in the order of names: no field's begins with `_`.
        entries.extend(own.map(|(name, value)| (Str::from(name), value)));
        // Both are sorted, so one pass pairs them. A record of an older version of the package may
        // have fields that are not declared now.
        let mut given = fields.iter().peekable();
        for name in self.fields.keys() {
            while let Some((other, value)) = given.next_if(|(other, _)| *other < name) {
                entries.push((other.clone(), value.clone()));
            }
            let value = given.next_if(|(given, _)| *given == name).map(|(_, value)| value.clone());
            entries.push((name.clone(), value.unwrap_or(Value::Null)));
        }
        entries.extend(given.map(|(name, value)| (name.clone(), value.clone())));
        entries.into_iter().collect()
    }

    /// Adds the computed fields to a record as [`Register::stored`] gives it. `environment` must
    /// hold what [`Package::environment`] gives.
    ///
    /// # Errors
    /// When a rule gives no value, such as by an overflow.
    pub fn compute(
        &self,
        mut map: BTreeMap<Str, Value>,
        environment: &mut Environment,
        fuel: &mut Fuel,
    ) -> Result<BTreeMap<Str, Value>, RuleFailure> {
        for computed in &self.computed {
            // The record stands in the environment for the time of the rule; no copy is made.
            environment.insert(THIS.into(), Value::Map(map));
            let value = computed.rule.run(environment, fuel);
            map = match environment.remove(THIS) {
                Some(Value::Map(map)) => map,
                _ => BTreeMap::new(),
            };
            map.insert(computed.name.clone(), value?);
        }
        Ok(map)
    }

    /// The computed fields of a version at a time, for readers outside execution.
    ///
    /// # Errors
    /// When a rule gives no value.
    pub fn computed_at(
        &self,
        package: &Package,
        key: &str,
        version: &Version,
        now: Timestamp,
    ) -> Result<BTreeMap<Str, Value>, RuleFailure> {
        let state = (version.status, version.version, version.by.time);
        let stored = self.stored(&key.into(), &version.fields, state);
        let mut environment = package.environment(now);
        let mut seen = self.compute(stored, &mut environment, &mut Fuel::for_call())?;
        seen.retain(|name, _| self.computed.iter().any(|computed| computed.name == *name));
        Ok(seen)
    }
}

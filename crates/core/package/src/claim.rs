//! Working out a claim: what the steward's release service does with an opened group.

use std::collections::BTreeMap;

use chaincity_types::{Str, Timestamp, Value};

use crate::json;
use crate::model::{Claim, Field, Group, Package};
use crate::rule::Fuel;
use crate::value::FieldProblem;
use crate::{THIS, value};

/// The name under which rules see what was said with a call, or with a claim.
pub const INPUT: &str = "input";

/// Why a claim has no value. No variant holds anything of the group or of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// A parameter is missing, unknown or not of its type.
    #[error("a parameter does not fit: {0}")]
    Parameter(FieldProblem),
    /// The rule gives no value for this group, such as by an overflow.
    #[error("the rule gives no value")]
    NoValue,
}

/// The group and the claim in a claim's full name, `group.claim`: so that whoever may read a group
/// may ask for its claims.
#[must_use]
pub fn parts(name: &str) -> Option<(&str, &str)> {
    name.split_once('.').filter(|(group, claim)| !group.is_empty() && !claim.is_empty())
}

impl Package {
    /// A claim by its full name.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<(&Group, &Claim)> {
        let (group, claim) = parts(name)?;
        let group = self.groups.get(group)?;
        Some((group, group.claims.get(claim)?))
    }
}

impl Claim {
    /// The parameters by their types, from the texts that an access carries; those of other claims
    /// are left out.
    ///
    /// # Errors
    /// [`ClaimError::Parameter`].
    pub fn input(
        &self,
        texts: &BTreeMap<Str, Str>,
        now: Timestamp,
    ) -> Result<BTreeMap<Str, Value>, ClaimError> {
        let mut input = BTreeMap::new();
        for (name, Field { kind, .. }) in &self.parameters {
            let Some(text) = texts.get(name) else { continue };
            let read =
                json::from_text(kind, text).map_err(|p| ClaimError::Parameter(p.inside(name)))?;
            input.insert(name.clone(), read);
        }
        value::check_fields(&self.parameters, input, now.china_day()).map_err(ClaimError::Parameter)
    }

    /// What the claim says of a group at a time.
    ///
    /// # Errors
    /// [`ClaimError::NoValue`].
    pub fn value(
        &self,
        package: &Package,
        group: BTreeMap<Str, Value>,
        input: BTreeMap<Str, Value>,
        now: Timestamp,
    ) -> Result<Value, ClaimError> {
        let mut environment = package.environment(now);
        environment.insert(THIS.into(), Value::Map(group));
        environment.insert(INPUT.into(), Value::Map(input));
        let value = self.rule.run(&environment, &mut Fuel::for_call());
        let value = value.map_err(|_cause| ClaimError::NoValue)?;
        self.field.kind.check(value, now.china_day()).map_err(|_cause| ClaimError::NoValue)
    }
}

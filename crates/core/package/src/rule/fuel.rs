//! Fuel: what a rule may cost. The table belongs to the protocol: a change of it is a change of
//! the protocol number.

use std::collections::BTreeMap;

use chaincity_types::{Reject, Str, Value};

use super::RuleFailure;

/// Fuel left to a call; every step of every rule draws on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fuel {
    /// Units left.
    pub left: u64,
}

/// What each kind of work costs, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FuelTable {
    /// Evaluating one part of a rule.
    pub step: u64,
    /// Visiting one item of a list, by a macro, `in`, `sum`, `min`, `max`, `successive`.
    pub item: u64,
    /// Comparing, ordering or copying one value (a list or map counts as itself plus its items).
    pub value: u64,
    /// Comparing, searching, joining or copying this many bytes costs one unit.
    pub bytes_a_unit: u64,
    /// Adding one share to a sum of shares.
    pub share: u64,
    /// Checking an identifier.
    pub identifier: u64,
}

/// The fuel table of protocol 1.
pub const FUEL_TABLE: FuelTable =
    FuelTable { step: 1, item: 1, value: 1, bytes_a_unit: 16, share: 10, identifier: 20 };

impl Fuel {
    /// What one call has for all its rules together.
    pub const CALL_MAX: u64 = 200_000;

    /// The fuel of one call.
    #[must_use]
    pub const fn for_call() -> Self {
        Self { left: Self::CALL_MAX }
    }

    /// Draws `units`.
    ///
    /// # Errors
    /// `out-of-fuel` when fewer are left; then none are.
    pub fn draw(&mut self, units: u64) -> Result<(), RuleFailure> {
        let Some(left) = self.left.checked_sub(units) else {
            self.left = 0;
            return Err(RuleFailure {
                code: Reject::OutOfFuel,
                detail: "rules and values of this call cost too much".to_owned(),
            });
        };
        self.left = left;
        Ok(())
    }

    pub(super) fn draw_bytes(&mut self, bytes: usize) -> Result<(), RuleFailure> {
        self.draw(byte_units(bytes))
    }

    /// Draws for comparing or copying `value` whole. Stops as soon as the fuel is used up, so
    /// that measuring costs no more than it charges.
    ///
    /// # Errors
    /// As [`Self::draw`].
    pub fn draw_value(&mut self, value: &Value) -> Result<(), RuleFailure> {
        self.draw(FUEL_TABLE.value)?;
        match value {
            Value::Text(text) => self.draw_bytes(text.len()),
            Value::Bytes(bytes) => self.draw_bytes(bytes.len()),
            Value::List(items) => items.iter().try_for_each(|item| self.draw_value(item)),
            Value::Map(map) => self.draw_fields(map),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Decimal { .. }
            | Value::Date(_)
            | Value::Time(_) => Ok(()),
        }
    }

    /// The same for the fields of a record, names included.
    ///
    /// # Errors
    /// As [`Self::draw`].
    pub fn draw_fields(&mut self, fields: &BTreeMap<Str, Value>) -> Result<(), RuleFailure> {
        fields.iter().try_for_each(|(name, value)| {
            self.draw_bytes(name.len())?;
            self.draw_value(value)
        })
    }
}

fn byte_units(bytes: usize) -> u64 {
    u64::try_from(bytes)
        .ok()
        .and_then(|bytes| bytes.checked_div(FUEL_TABLE.bytes_a_unit))
        .unwrap_or(u64::MAX)
}

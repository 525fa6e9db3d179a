//! Running numbers: certificate numbers and their like, counted within a scope and a year.
//!
//! A number is given where its record is inserted and is no value that a rule can see, so that a
//! guard never depends on it. Rejected calls give none, so there are no gaps.

use chaincity_package::literal;
use chaincity_package::model::{Numbered, SequencePart};
use chaincity_types::wire::LogicalKey;
use chaincity_types::{Reject, Value};

use crate::call::CallRun;
use crate::fuel;
use crate::halt::{Halt, reject};
use crate::session::{Layer, draw};

/// Longest scope, in characters.
const SCOPE_CHARS_MAX: usize = 64;
/// The field of a counter.
const LAST: &str = "last";

impl CallRun<'_, '_> {
    /// The next number, as text.
    pub(crate) fn next_number(&mut self, number: &Numbered) -> Result<String, Halt> {
        let scope = number.scope.run(&self.environment, &mut self.fuel)?;
        let scope = scope.as_text().unwrap_or_default().to_owned();
        if scope.chars().count() > SCOPE_CHARS_MAX {
            return reject(Reject::InvalidField, "the scope of a running number is too long");
        }
        let package = std::sync::Arc::clone(&self.package);
        let Some(sequence) = package.sequences.get(&number.sequence) else {
            return reject(Reject::RuleError, format!("no sequence `{}`", number.sequence));
        };
        let year = literal::civil(self.session.context.time.china_day()).map(|date| date.year());
        let year = year.and_then(|year| u32::try_from(year).ok()).unwrap_or(0);
        let key = LogicalKey::Counter {
            package: package.id.clone(),
            sequence: number.sequence.clone(),
            scope: scope.clone(),
            year: if sequence.is_yearly() { year } else { 0 },
        };
        let last = match self.counters.get(&key) {
            Some(last) => *last,
            None => self.stored_number(&key)?,
        };
        let Some(next) = last.checked_add(1) else {
            return reject(Reject::Overflow, format!("sequence `{}`", number.sequence));
        };
        self.counters.insert(key, next);
        let mut text = String::new();
        for part in &sequence.parts {
            match part {
                SequencePart::Text(fixed) => text.push_str(fixed),
                SequencePart::Scope => text.push_str(&scope),
                SequencePart::Year => text.push_str(&format!("{year:04}")),
                SequencePart::Number(digits) => {
                    text.push_str(&format!("{next:0width$}", width = usize::from(*digits)));
                }
            }
        }
        Ok(text)
    }

    /// The last number of the state; 0 when there is none, or when it is not known yet.
    fn stored_number(&mut self, key: &LogicalKey) -> Result<i64, Halt> {
        draw(&mut self.fuel, fuel::READ)?;
        match self.session.get(key) {
            Ok(record) => {
                let last = record.as_ref().and_then(|record| record.version.fields.get(LAST));
                Ok(last.and_then(Value::as_int).unwrap_or(0))
            }
            Err(Halt::Missing) => {
                self.missing = true;
                Ok(0)
            }
            Err(halt) => Err(halt),
        }
    }

    /// Writes the numbers that were given.
    pub(crate) fn settle_counters(&mut self, layer: &mut Layer) -> Result<(), Halt> {
        for (key, last) in std::mem::take(&mut self.counters) {
            let base = self.session.get(&key)?;
            let mut version = self.next_version(&key, base.as_deref());
            version.fields.insert(LAST.to_owned(), Value::Int(last));
            self.write(version, layer)?;
        }
        Ok(())
    }
}

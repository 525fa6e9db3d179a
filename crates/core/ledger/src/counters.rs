//! Running numbers (certificate numbers and their like) and counters, each counted within a scope;
//! numbers within a year too where their text names it.
//!
//! Both are *blind*: what a call gets, or how far it moves, follows from the calls before it in
//! the block, and is no value that a rule of the call can see. So a call is decided without it, and
//! calls of one office do not wait for each other. Rejected calls give no number, so there are no
//! gaps.

use std::collections::BTreeMap;

use chaincity_package::literal;
use chaincity_package::model::{KeyRule, Limit, Numbered, Register, SequencePart};
use chaincity_package::rule::Program;
use chaincity_types::wire::LogicalKey;
use chaincity_types::{Reject, Str, Value};

use crate::call::CallRun;
use crate::draft::logical;
use crate::fuel;
use crate::governance::Booking;
use crate::halt::{Halt, Rejection, reject};
use crate::session::{Layer, draw};

/// Longest scope, in characters.
const SCOPE_CHARS_MAX: usize = 64;
/// The field of a counter.
const LAST: &str = "last";

/// A number that a new record gets when the call is settled.
#[derive(Debug)]
pub(crate) struct Late {
    record: LogicalKey,
    field: Str,
    sequence: Str,
    scope: Str,
}

/// By how much a counter moves when the call is settled.
#[derive(Debug)]
pub(crate) struct Count {
    counter: LogicalKey,
    by: i64,
    max: Option<i64>,
    code: Str,
}

/// Whether a number may come last: nothing that the ledger evaluates before depends on it.
pub(crate) fn comes_late(register: &Register, field: &str) -> bool {
    let is_key = matches!(&register.key, KeyRule::Field(name) if name == field);
    !is_key && register.invariants.is_empty() && register.timers.is_empty()
}

impl CallRun<'_, '_> {
    /// The next number, as text, where it cannot come late.
    pub(crate) fn next_number(&mut self, number: &Numbered) -> Result<Str, Halt> {
        let scope = self.scope(&number.scope)?;
        let key = self.sequence_key(&number.sequence, &scope)?;
        draw(&mut self.fuel, fuel::READ)?;
        let last = match self.counters.get(&key) {
            Some(last) => *last,
            None => match self.stored(&key) {
                Err(Halt::Missing) => {
                    self.missing = true;
                    0
                }
                last => last?,
            },
        };
        let (next, text) = self.number(&number.sequence, &scope, last)?;
        self.counters.insert(key, next);
        Ok(text)
    }

    /// Notes numbers that a new record gets when the call is settled.
    pub(crate) fn number_late(
        &mut self,
        numbers: &[Numbered],
        register: &Str,
        record: &Str,
    ) -> Result<(), Halt> {
        for number in numbers {
            let scope = self.scope(&number.scope)?;
            let key = self.sequence_key(&number.sequence, &scope)?;
            draw(&mut self.fuel, fuel::READ)?;
            self.session.probe(&key);
            self.numbers.push(Late {
                record: logical(&self.package, register, record),
                field: number.field.clone(),
                sequence: number.sequence.clone(),
                scope,
            });
        }
        Ok(())
    }

    /// Notes that a counter moves. What a source system reports is a fact, so there its limit is
    /// measured at once.
    pub(crate) fn count(
        &mut self,
        counter: &Str,
        (scope, by): (&Program, &Program),
        limit: Option<&Limit>,
    ) -> Result<(), Halt> {
        let scope = self.scope(scope)?;
        let by = by.run(&self.environment, &mut self.fuel)?.as_int().unwrap_or(0);
        let max = match limit {
            Some(limit) => limit.max.run(&self.environment, &mut self.fuel)?.as_int(),
            None => None,
        };
        let code = limit.map(|limit| limit.code.clone()).unwrap_or_default();
        let counter = self.counter_key(counter, scope, 0);
        draw(&mut self.fuel, fuel::READ)?;
        self.session.probe(&counter);
        let mut count = Count { counter, by, max, code };
        if self.booking == Booking::Reported {
            let last = self.stored(&count.counter)?;
            let result = count.moved(last).map(drop);
            self.broken(result)?;
            count.max = None;
        }
        self.counts.push(count);
        Ok(())
    }

    /// Where a counter stands before the call.
    pub(crate) fn counted(&mut self, counter: &Str, scope: &Program) -> Result<Value, Halt> {
        let scope = self.scope(scope)?;
        let key = self.counter_key(counter, scope, 0);
        draw(&mut self.fuel, fuel::READ)?;
        self.stored(&key).map(Value::Int)
    }

    /// Gives the late numbers to their drafts; `last` holds what was given so far. Doing it again
    /// gives the same.
    pub(crate) fn give_numbers(&mut self, last: &mut Last) -> Result<(), Halt> {
        let package = std::sync::Arc::clone(&self.package);
        let today = self.session.context.time.china_day();
        let numbers = std::mem::take(&mut self.numbers);
        for late in &numbers {
            let key = self.sequence_key(&late.sequence, &late.scope)?;
            let before = self.last(last, &key)?;
            let (next, text) = self.number(&late.sequence, &late.scope, before)?;
            last.insert(key, next);
            let LogicalKey::Record { register, .. } = &late.record else { continue };
            let fields = package.registers.get(register).map(|register| &register.fields);
            let Some(field) = fields.and_then(|fields| fields.get(&late.field)) else { continue };
            let value = match field.kind.check(Value::Text(text), today) {
                Ok(value) => value,
                Err(problem) => {
                    return reject(Reject::InvalidField, format!("`{}` {problem}", late.field));
                }
            };
            if let Some(draft) = self.drafts.get_mut(&late.record) {
                draft.fields.insert(late.field.clone(), value);
            }
        }
        self.numbers = numbers;
        Ok(())
    }

    /// Moves the counters.
    pub(crate) fn move_counters(&mut self, last: &mut Last) -> Result<(), Halt> {
        for count in std::mem::take(&mut self.counts) {
            let before = self.last(last, &count.counter)?;
            let next = count.moved(before)?;
            last.insert(count.counter, next);
        }
        Ok(())
    }

    /// Looks up every counter that is moved or gives numbers, so that none is missing later.
    pub(crate) fn look_up_counters(&mut self) -> Result<(), Halt> {
        let mut keys = Vec::with_capacity(self.numbers.len());
        for late in &self.numbers {
            keys.push(self.sequence_key(&late.sequence, &late.scope)?);
        }
        let counts = self.counts.iter().map(|count| &count.counter);
        self.session.get_all(counts.chain(&keys)).map(drop)
    }

    /// Writes what the counters came to.
    pub(crate) fn write_counters(&mut self, last: Last, layer: &mut Layer) -> Result<(), Halt> {
        for (key, last) in last {
            let base = self.session.get(&key)?;
            let mut version = self.next_version(&key, base.as_deref());
            version.fields.insert(LAST.into(), Value::Int(last));
            self.write(version, layer)?;
        }
        Ok(())
    }

    fn last(&mut self, last: &Last, key: &LogicalKey) -> Result<i64, Halt> {
        match last.get(key) {
            Some(last) => Ok(*last),
            None => self.stored(key),
        }
    }

    /// What a counter's record holds; 0 when there is none.
    fn stored(&mut self, key: &LogicalKey) -> Result<i64, Halt> {
        let record = self.session.get(key)?;
        let last = record.as_ref().and_then(|record| record.version.fields.get(LAST));
        Ok(last.and_then(Value::as_int).unwrap_or(0))
    }

    fn scope(&mut self, program: &Program) -> Result<Str, Halt> {
        let scope = program.run(&self.environment, &mut self.fuel)?;
        let scope = scope.as_str().cloned().unwrap_or_default();
        if scope.chars().count() > SCOPE_CHARS_MAX {
            return reject(Reject::InvalidField, "the scope of a number or counter is too long");
        }
        Ok(scope)
    }

    fn counter_key(&self, name: &Str, scope: Str, year: u32) -> LogicalKey {
        let (package, sequence) = (self.package.id.clone(), name.clone());
        LogicalKey::Counter { package, sequence, scope, year }
    }

    fn sequence_key(&self, name: &Str, scope: &Str) -> Result<LogicalKey, Halt> {
        let Some(sequence) = self.package.sequences.get(name) else {
            return reject(Reject::RuleError, format!("no sequence `{name}`"));
        };
        let year = if sequence.is_yearly() { self.year() } else { 0 };
        Ok(self.counter_key(name, scope.clone(), year))
    }

    /// The block's year in China.
    fn year(&self) -> u32 {
        let year = literal::civil(self.session.context.time.china_day()).map(|date| date.year());
        year.and_then(|year| u32::try_from(year).ok()).unwrap_or(0)
    }

    /// The number after `last`, and its text.
    fn number(&self, name: &str, scope: &str, last: i64) -> Result<(i64, Str), Halt> {
        let (Some(next), Some(sequence)) = (last.checked_add(1), self.package.sequences.get(name))
        else {
            return reject(Reject::Overflow, format!("sequence `{name}`"));
        };
        let mut text = String::new();
        for part in &sequence.parts {
            match part {
                SequencePart::Text(fixed) => text.push_str(fixed),
                SequencePart::Scope => text.push_str(scope),
                SequencePart::Year => text.push_str(&format!("{:04}", self.year())),
                SequencePart::Number(digits) => {
                    text.push_str(&format!("{next:0width$}", width = usize::from(*digits)));
                }
            }
        }
        Ok((next, text.into()))
    }
}

/// Where counters stand within a call that is being settled.
pub(crate) type Last = BTreeMap<LogicalKey, i64>;

impl Count {
    /// Where the counter stands after it moved.
    fn moved(&self, last: i64) -> Result<i64, Halt> {
        match last.checked_add(self.by) {
            Some(next) if self.max.is_some_and(|max| next > max && self.by > 0) => {
                Err(Halt::Rejected(Rejection { code: self.code.clone(), detail: None }))
            }
            Some(next) if next >= 0 => Ok(next),
            Some(_) | None => reject(Reject::Overflow, "a counter"),
        }
    }
}

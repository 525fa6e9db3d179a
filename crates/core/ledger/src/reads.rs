//! Declared reads: by key or by index, bounded; what rules see of a record.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaincity_package::model::{EACH_MAX, Let, Read, Register, Want};
use chaincity_package::rule::Program;
use chaincity_types::wire::{LogicalKey, Status};
use chaincity_types::{Reject, Str, Timestamp, Value};

use crate::call::{Binding, CallRun};
use crate::draft::logical;
use crate::halt::{Halt, reject};
use crate::session::{draw, field_texts};
use crate::view::Record;
use crate::{fields, fuel};

/// What is seen of a record besides its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) fields: &'a BTreeMap<Str, Value>,
    pub(crate) status: Status,
    pub(crate) version: u64,
    pub(crate) began: Timestamp,
}

impl<'a> Seen<'a> {
    pub(crate) fn of(record: &'a Record) -> Self {
        Self {
            fields: &record.version.fields,
            status: record.version.status,
            version: record.head.version,
            began: record.head.began,
        }
    }
}

impl CallRun<'_, '_> {
    /// Makes the declared reads. Reads that do not depend on each other are asked for in one
    /// round: after a missing key the later reads are tried all the same, to name their keys.
    pub(crate) fn read_all(&mut self, reads: &[Let]) -> Result<(), Halt> {
        for read in reads {
            let result = self.read_one(read);
            self.tolerate(result)?;
        }
        self.halt_if_missing()
    }

    fn read_one(&mut self, read: &Let) -> Result<(), Halt> {
        let package = Arc::clone(&self.package);
        let name = read.register.as_deref().unwrap_or_default();
        if let Read::Counter { counter, scope } = &read.read {
            let value = self.counted(counter, scope)?;
            self.environment.insert(read.name.clone(), value);
            return Ok(());
        }
        let Some(register) = package.registers.get(name) else {
            return reject(Reject::UnknownRegister, format!("register `{name}`"));
        };
        let (value, keys) = match &read.read {
            Read::Key { key, optional, closed } => {
                self.read_key(read, register, key, *optional, *closed)?
            }
            Read::Keys { keys, max } => self.read_keys(read, register, keys, *max)?,
            Read::Index { index, values, any_of, filters, want } => {
                let entries = self.index_keys(register, index, values, *any_of)?;
                let found = self.read_index(register, &entries, filters)?;
                wanted(read, *want, found)?
            }
            Read::Counter { .. } => return Ok(()),
        };
        self.environment.insert(read.name.clone(), value);
        let binding = Binding { register: register.name.clone(), keys };
        self.bindings.insert(read.name.clone(), Arc::new(binding));
        Ok(())
    }

    fn read_key(
        &mut self,
        read: &Let,
        register: &Register,
        key: &Program,
        optional: bool,
        closed: bool,
    ) -> Result<(Value, Vec<Str>), Halt> {
        let value = key.run(&self.environment, &mut self.fuel)?;
        let record = match fields::key_text(&value) {
            Some(key) => {
                draw(&mut self.fuel, fuel::READ)?;
                let logical = self.record_key(&register.name, &key);
                self.session.get(&logical)?.map(|record| (key, record))
            }
            None => None,
        };
        match record {
            None if optional => Ok((Value::Null, Vec::new())),
            None => reject(Reject::NotFound, format!("read `{}`", read.name)),
            Some((_, record)) if record.version.status == Status::Closed && !closed => {
                reject(Reject::RecordClosed, format!("read `{}`", read.name))
            }
            Some((key, record)) => {
                Ok((self.see_record(register, &key, Seen::of(&record))?, vec![key]))
            }
        }
    }

    fn read_keys(
        &mut self,
        read: &Let,
        register: &Register,
        keys: &Program,
        max: u32,
    ) -> Result<(Value, Vec<Str>), Halt> {
        let detail = || format!("read `{}`", read.name);
        let keys = keys.run(&self.environment, &mut self.fuel)?;
        let keys: Vec<_> =
            keys.as_list().unwrap_or_default().iter().map(fields::key_text).collect();
        if !u32::try_from(keys.len()).is_ok_and(|len| len <= max) {
            return reject(Reject::TooManyRecords, detail());
        }
        let keys: Vec<Str> = keys.into_iter().flatten().collect();
        let records = self.records(register, &keys)?;
        let mut seen = Vec::with_capacity(keys.len());
        for (key, record) in keys.iter().zip(records) {
            let Some(record) = record else { return reject(Reject::NotFound, detail()) };
            if record.version.status == Status::Closed {
                return reject(Reject::RecordClosed, detail());
            }
            seen.push(self.see_record(register, key, Seen::of(&record))?);
        }
        Ok((Value::List(seen), keys))
    }

    fn records(
        &mut self,
        register: &Register,
        keys: &[Str],
    ) -> Result<Vec<Option<Arc<Record>>>, Halt> {
        let logical: Vec<_> = keys.iter().map(|key| self.record_key(&register.name, key)).collect();
        let reads = u64::try_from(logical.len()).unwrap_or(u64::MAX);
        draw(&mut self.fuel, fuel::READ.saturating_mul(reads))?;
        self.session.get_all(&logical)
    }

    /// The index entries that the values name, sorted, each once; a null value is under no entry.
    fn index_keys(
        &mut self,
        register: &Register,
        index: &Str,
        values: &[Program],
        any_of: Option<usize>,
    ) -> Result<Vec<LogicalKey>, Halt> {
        let mut row = Vec::with_capacity(values.len());
        for program in values {
            row.push(program.run(&self.environment, &mut self.fuel)?);
        }
        let alternatives = any_of.and_then(|at| Some((at, row.get(at)?.as_list()?)));
        if alternatives.is_some_and(|(_, items)| items.len() > EACH_MAX) {
            return reject(Reject::TooManyRecords, format!("index `{index}`"));
        }
        let rows: Vec<Vec<Value>> = match alternatives {
            Some((at, items)) => {
                let with = |item: &Value| {
                    let values = row.iter().enumerate();
                    values.map(|(i, v)| if i == at { item.clone() } else { v.clone() }).collect()
                };
                items.iter().map(with).collect()
            }
            None => vec![row],
        };
        let entry = |values| LogicalKey::Index {
            package: self.package.id.clone(),
            register: register.name.clone(),
            index: index.clone(),
            values,
        };
        let named = rows.into_iter().filter(|row| !row.contains(&Value::Null));
        let mut entries: Vec<_> = named.map(entry).collect();
        entries.sort_unstable();
        entries.dedup();
        Ok(entries)
    }

    fn read_index(
        &mut self,
        register: &Register,
        entries: &[LogicalKey],
        filters: &[(Str, Program)],
    ) -> Result<Vec<(Str, Value)>, Halt> {
        let mut wanted = Vec::with_capacity(filters.len());
        for (name, program) in filters {
            wanted.push((name, program.run(&self.environment, &mut self.fuel)?));
        }
        let reads = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        draw(&mut self.fuel, fuel::READ.saturating_mul(reads))?;
        let found = self.session.get_all(entries)?;
        let named = found.iter().flatten().flat_map(|entry| field_texts(&entry.version, "keys"));
        let mut keys: Vec<Str> = named.cloned().collect();
        keys.sort_unstable();
        keys.dedup();
        let records = self.records(register, &keys)?;
        let mut out = Vec::with_capacity(keys.len());
        for (key, record) in keys.into_iter().zip(records) {
            let Some(record) = record else { continue };
            let seen = self.see_record(register, &key, Seen::of(&record))?;
            let mut fits = true;
            for (name, value) in &wanted {
                self.fuel.draw_value(value)?;
                let found = seen.as_map().and_then(|map| map.get(*name));
                fits = fits && found.unwrap_or(&Value::Null) == value;
            }
            if fits {
                out.push((key, seen));
            }
        }
        Ok(out)
    }

    /// A record as rules see it, computed fields included.
    pub(crate) fn see_record(
        &mut self,
        register: &Register,
        key: &Str,
        seen: Seen<'_>,
    ) -> Result<Value, Halt> {
        // Seeing a record copies it, however large it is.
        self.fuel.draw_fields(seen.fields)?;
        let map = register.stored(key, seen.fields, (seen.status, seen.version, seen.began));
        let map = register.compute(map, &mut self.environment, &mut self.fuel)?;
        Ok(Value::Map(map))
    }

    /// The logical key of a record of the action's package.
    pub(crate) fn record_key(&self, register: &Str, key: &Str) -> LogicalKey {
        logical(&self.package, register, key)
    }
}

/// As many records as were wanted, as rules see them.
fn wanted(read: &Let, want: Want, found: Vec<(Str, Value)>) -> Result<(Value, Vec<Str>), Halt> {
    let detail = || format!("read `{}`", read.name);
    let (keys, seen): (Vec<Str>, Vec<Value>) = found.into_iter().unzip();
    match (want, seen.len()) {
        (Want::All(max), len) if u32::try_from(len).is_ok_and(|len| len <= max) => {
            Ok((Value::List(seen), keys))
        }
        (Want::All(_), _) => reject(Reject::TooManyRecords, detail()),
        (Want::One, 0) => reject(Reject::NotFound, detail()),
        (Want::Maybe, 0) => Ok((Value::Null, keys)),
        (Want::One | Want::Maybe, 1) => Ok((seen.into_iter().next().unwrap_or(Value::Null), keys)),
        (Want::One | Want::Maybe, _) => reject(Reject::NotUnique, detail()),
    }
}

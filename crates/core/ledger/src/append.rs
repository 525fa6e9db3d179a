//! Items at the end of a record's list, without reading the record: like a counter, the list is
//! only looked at when the call is settled, so that calls which add to it do not wait for each
//! other. No rule can depend on what is added: `compile` refuses it where one would.

use std::sync::Arc;

use chaincity_package::rule::Program;
use chaincity_types::wire::{LogicalKey, Status};
use chaincity_types::{Reject, Str, Value};

use crate::call::CallRun;
use crate::halt::{Halt, reject};
use crate::session::draw;
use crate::{fields, fuel};

/// What is added to a list when the call is settled.
#[derive(Debug)]
pub(crate) struct Append {
    record: LogicalKey,
    field: Str,
    items: Vec<Value>,
}

impl CallRun<'_, '_> {
    /// Notes what is added to a list.
    pub(crate) fn append(
        &mut self,
        (register, field): (&Str, &Str),
        (key, items): (&Program, &Program),
    ) -> Result<(), Halt> {
        let package = Arc::clone(&self.package);
        let key = key.run(&self.environment, &mut self.fuel)?;
        let Some(key) = fields::key_text(&key) else {
            return reject(Reject::NotFound, format!("register `{register}`"));
        };
        let items = items.run(&self.environment, &mut self.fuel)?;
        let declared = package.registers.get(register).and_then(|r| r.fields.get(field));
        if let Some(declared) = declared {
            for reference in fields::references(&package.id, &declared.kind, &items) {
                let result = self.check_reference(&reference, field);
                self.tolerate(result)?;
            }
        }
        draw(&mut self.fuel, fuel::READ)?;
        let record = self.record_key(register, &key);
        self.session.probe(&record);
        self.raise(&package.id, "updated", register, &key)?;
        let items = if let Value::List(items) = items { items } else { Vec::new() };
        let field = field.clone();
        self.appends.push(Append { record, field, items });
        Ok(())
    }

    /// Looks up every record to which something is added, so that none is missing later.
    pub(crate) fn look_up_lists(&mut self) -> Result<(), Halt> {
        self.session.get_all(self.appends.iter().map(|a| &a.record)).map(drop)
    }

    /// Adds to the lists, as drafts.
    pub(crate) fn add_to_lists(&mut self) -> Result<(), Halt> {
        let package = Arc::clone(&self.package);
        let today = self.session.context.time.china_day();
        for Append { record, field, items } in std::mem::take(&mut self.appends) {
            let LogicalKey::Record { register, .. } = &record else { continue };
            let kind = package.registers.get(register).and_then(|r| r.fields.get(&field));
            let Some(kind) = kind.map(|field| &field.kind) else { continue };
            let draft = self.draft(&package, &record)?;
            if draft.status == Status::Closed {
                return reject(Reject::RecordClosed, format!("register `{register}`"));
            }
            let mut list = match draft.fields.remove(&field) {
                Some(Value::List(list)) => list,
                _ => Vec::new(),
            };
            list.extend(items);
            let list = Value::List(list);
            // The whole list is checked and copied anew, however little is added.
            self.fuel.draw_value(&list)?;
            let list = match kind.check(list, today) {
                Ok(list) => list,
                Err(problem) => {
                    return reject(Reject::InvalidField, format!("`{field}` {problem}"));
                }
            };
            if let Some(draft) = self.drafts.get_mut(&record) {
                draft.fields.insert(field, list);
            }
        }
        Ok(())
    }
}

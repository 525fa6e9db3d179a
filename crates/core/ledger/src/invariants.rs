//! What must hold after a call: the invariants of the registers that it touched, and that no live
//! record refers to a closed one where that is forbidden.

use std::collections::BTreeSet;
use std::sync::Arc;

use chaincity_package::model::{FieldType, Index, Invariant, OnClose, Over, Package, Register};
use chaincity_package::{AFTER, ALL, BEFORE, THIS};
use chaincity_types::wire::{LogicalKey, Status};
use chaincity_types::{Reject, Str, Value};

use crate::call::CallRun;
use crate::draft::logical;
use crate::fuel;
use crate::halt::{Halt, Rejection, reject};
use crate::reads::Seen;
use crate::session::{draw, field_texts};

impl CallRun<'_, '_> {
    /// Checks everything; every key that is not known yet is named before this halts.
    pub(crate) fn check_invariants(&mut self) -> Result<(), Halt> {
        let mut looked_at = BTreeSet::new();
        for at in 0..self.order.len() {
            let Some(key) = self.order.get(at).cloned() else { break };
            let LogicalKey::Record { key: name, .. } = &key else { continue };
            let Some(draft) = self.drafts.get(&key) else { continue };
            let (package, status) = (Arc::clone(&draft.package), draft.status);
            let Some(register) = package.registers.get(&draft.register) else { continue };
            if status == Status::Closed {
                let found = self.referring(&package, &register.name, name, OnClose::Refuse);
                match found {
                    Ok(found) if !found.is_empty() => {
                        let detail = format!("register `{}`", register.name);
                        self.broken(reject(Reject::Referenced, detail))?;
                    }
                    result => self.tolerate(result.map(drop))?,
                }
            }
            let about_all = register.invariants.iter().any(|i| i.over == Over::Call);
            if about_all && looked_at.insert((package.id.clone(), register.name.clone())) {
                let result = self.check_written(&package.id, register);
                self.tolerate(result)?;
            }
            for invariant in &register.invariants {
                let result = match &invariant.over {
                    Over::Record if status == Status::Live => {
                        let seen = self.see_draft(register, name, &key)?;
                        let result = self.check_invariant(invariant, THIS, seen);
                        self.broken(result)
                    }
                    Over::Entry(index) => self.check_over(register, &key, invariant, index),
                    Over::Record | Over::Call => Ok(()),
                };
                self.tolerate(result)?;
            }
        }
        self.halt_if_missing()
    }

    /// Every index entry in which the record stood or stands.
    fn check_over(
        &mut self,
        register: &Register,
        key: &LogicalKey,
        invariant: &Invariant,
        index: &str,
    ) -> Result<(), Halt> {
        let (Some(draft), Some(index)) = (self.drafts.get(key), register.indexes.get(index)) else {
            return Ok(());
        };
        let before = draft.base.as_deref().filter(|base| base.version.status == Status::Live);
        let before = before.and_then(|base| draft.entry(index, &base.version.fields));
        let after = (draft.status == Status::Live).then(|| draft.entry(index, &draft.fields));
        let package = Arc::clone(&draft.package);
        let entries: BTreeSet<LogicalKey> = before.into_iter().chain(after.flatten()).collect();
        for entry in entries {
            let mut all = Vec::new();
            for name in self.live_under(&package, register, &entry)? {
                let logical = logical(&package, &register.name, &name);
                all.push(self.see_draft(register, &name, &logical)?);
            }
            let result = self.check_invariant(invariant, ALL, Value::List(all));
            self.broken(result)?;
        }
        Ok(())
    }

    /// What is said of all records of the register that the call writes; they are seen once, in the
    /// order of their first change.
    fn check_written(&mut self, package: &Str, register: &Register) -> Result<(), Halt> {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for at in 0..self.order.len() {
            let Some(key) = self.order.get(at).cloned() else { break };
            let LogicalKey::Record { package: of, register: within, key: name } = &key else {
                continue;
            };
            if of != package || *within != register.name {
                continue;
            }
            if let Some(base) = self.drafts.get(&key).and_then(|draft| draft.base.clone()) {
                draw(&mut self.fuel, fuel::READ)?;
                before.push(self.see_record(register, name, Seen::of(&base))?);
            }
            after.push(self.see_draft(register, name, &key)?);
        }
        let seen = [(BEFORE, Value::List(before)), (AFTER, Value::List(after))];
        self.environment.extend(seen.map(|(name, value)| (name.into(), value)));
        for invariant in register.invariants.iter().filter(|i| i.over == Over::Call) {
            let result = self.holds(invariant);
            self.broken(result)?;
        }
        self.environment.remove(BEFORE);
        self.environment.remove(AFTER);
        Ok(())
    }

    fn check_invariant(
        &mut self,
        invariant: &Invariant,
        name: &str,
        seen: Value,
    ) -> Result<(), Halt> {
        self.environment.insert(name.into(), seen);
        let result = self.holds(invariant);
        self.environment.remove(name);
        result
    }

    fn holds(&mut self, invariant: &Invariant) -> Result<(), Halt> {
        if invariant.that.run(&self.environment, &mut self.fuel)? == Value::Bool(true) {
            return Ok(());
        }
        Err(Halt::Rejected(Rejection { code: invariant.code.clone(), detail: None }))
    }

    /// A record as it will be after this call.
    fn see_draft(
        &mut self,
        register: &Register,
        name: &Str,
        key: &LogicalKey,
    ) -> Result<Value, Halt> {
        // Paid for drafts too: each may be looked at once for every other under its index entry.
        draw(&mut self.fuel, fuel::READ)?;
        // Taken out for the time of looking: a copy would cost as much as the record is large.
        let Some((key, draft)) = self.drafts.remove_entry(key) else {
            return match self.session.get(key)? {
                Some(record) => self.see_record(register, name, Seen::of(&record)),
                None => reject(Reject::NotFound, format!("register `{}`", register.name)),
            };
        };
        let version = draft.base.as_ref().map_or(0, |base| base.head.version);
        let seen = Seen {
            fields: &draft.fields,
            status: draft.status,
            version: version.saturating_add(1),
            began: self.session.context.time,
        };
        let seen = self.see_record(register, name, seen);
        self.drafts.insert(key, draft);
        seen
    }

    /// Keys of the records that will be live under an index entry after this call, sorted.
    pub(crate) fn live_under(
        &mut self,
        package: &Package,
        register: &Register,
        entry: &LogicalKey,
    ) -> Result<BTreeSet<Str>, Halt> {
        let LogicalKey::Index { index, values, .. } = entry else { return Ok(BTreeSet::new()) };
        let Some(index) = register.indexes.get(index) else { return Ok(BTreeSet::new()) };
        let drafts = u64::try_from(self.drafts.len()).unwrap_or(u64::MAX);
        draw(&mut self.fuel, fuel::READ.saturating_add(drafts))?;
        let base = self.session.get(entry)?;
        let mut keys: BTreeSet<Str> = base
            .filter(|base| base.version.status == Status::Live)
            .map(|base| field_texts(&base.version, "keys").cloned().collect())
            .unwrap_or_default();
        for (key, draft) in &self.drafts {
            let LogicalKey::Record { package: of, register: name, key } = key else { continue };
            if *of != package.id || *name != register.name {
                continue;
            }
            let live = draft.status == Status::Live;
            if live && draft.stands_under(index, values) {
                keys.insert(key.clone());
            } else {
                keys.remove(key);
            }
        }
        Ok(keys)
    }

    /// Live records, after this call, that refer to a record by a field with this rule: register
    /// and key of each.
    pub(crate) fn referring(
        &mut self,
        package: &Arc<Package>,
        register: &str,
        key: &Str,
        rule: OnClose,
    ) -> Result<BTreeSet<(Str, Str)>, Halt> {
        let mut found = BTreeSet::new();
        for other in package.registers.values() {
            for (field, _) in other.on_close.iter().filter(|(_, then)| **then == rule) {
                let kind = other.fields.get(field).map(|field| &field.kind);
                if !matches!(kind, Some(FieldType::Ref(of)) if of == register) {
                    continue;
                }
                let leads = |index: &&Index| {
                    !index.for_lists && matches!(index.fields.as_slice(), [only] if only == field)
                };
                let Some(index) = other.indexes.values().find(leads) else { continue };
                let entry = LogicalKey::Index {
                    package: package.id.clone(),
                    register: other.name.clone(),
                    index: index.name.clone(),
                    values: vec![Value::Text(key.clone())],
                };
                for key in self.live_under(package, other, &entry)? {
                    found.insert((other.name.clone(), key));
                }
            }
        }
        Ok(found)
    }
}

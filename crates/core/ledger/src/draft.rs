//! Changes of one call before they are versions: insert, update, close; then settled at once.
//!
//! INVARIANT (I2): a draft becomes a further version on top of its base; nothing here can name
//! an older version to change it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chaincity_crypto::hash;
use chaincity_package::model::{INDEX_ENTRY_MAX, Index, KeyRule, OnClose, Package, Register};
use chaincity_package::value::check_fields_but;
use chaincity_types::wire::{BODY_BYTES_MAX, Correction, Event, Head, LogicalKey, Status, Version};
use chaincity_types::{Digest, Reject, Str, Value, cbor};

use crate::call::CallRun;
use crate::halt::{Halt, reject, rejected};
use crate::session::{Layer, WrittenVersion, draw, field_texts, write_fuel};
use crate::view::Record;
use crate::{digests, fields, fuel};

/// As long as most version bodies are at most.
const BODY_BYTES_USUAL: usize = 2_048;

/// A record's next version in the making.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) package: Arc<Package>,
    pub(crate) register: Str,
    /// Its current version; none for a new record.
    pub(crate) base: Option<Arc<Record>>,
    pub(crate) status: Status,
    pub(crate) fields: BTreeMap<Str, Value>,
    reason: Option<Str>,
    corrects: Option<Correction>,
}

/// What becomes of one index entry.
#[derive(Debug)]
struct EntryChange {
    unique: bool,
    schema: u32,
    remove: BTreeSet<Str>,
    add: BTreeSet<Str>,
}

impl CallRun<'_, '_> {
    /// Drafts a new record and gives its key.
    pub(crate) fn insert(
        &mut self,
        package: &Arc<Package>,
        register: &str,
        given: BTreeMap<Str, Value>,
    ) -> Result<Str, Halt> {
        self.insert_but(&[], package, register, given)
    }

    /// The same, where the fields of `later` get their values when the call is settled.
    pub(crate) fn insert_but(
        &mut self,
        later: &[&str],
        package: &Arc<Package>,
        register: &str,
        given: BTreeMap<Str, Value>,
    ) -> Result<Str, Halt> {
        let declared = self.register(package, register)?;
        let today = self.session.context.time.china_day();
        let fields = check_fields_but(later, &declared.fields, given, today)
            .map_err(|problem| rejected(Reject::InvalidField, problem.to_string()))?;
        let key = match &declared.key {
            KeyRule::Auto => {
                let key =
                    digests::record_key(self.frame.transaction, self.frame.index, self.ordinal);
                self.ordinal = self.ordinal.saturating_add(1);
                key
            }
            KeyRule::Field(name) => match fields.get(name).and_then(fields::key_text) {
                Some(key) => key,
                None => return reject(Reject::InvalidField, format!("`{name}` makes no key")),
            },
        };
        self.check_references(fields::references_of(&package.id, &declared.fields, &fields))?;
        let logical = logical(package, &declared.name, &key);
        draw(&mut self.fuel, fuel::READ)?;
        let taken = match self.session.get(&logical) {
            Ok(record) => record.is_some(),
            Err(Halt::Missing) => {
                self.missing = true;
                false
            }
            Err(halt) => return Err(halt),
        };
        if taken || self.drafts.contains_key(&logical) {
            return reject(Reject::Exists, format!("register `{register}`"));
        }
        let draft = Draft {
            package: Arc::clone(package),
            register: declared.name.clone(),
            base: None,
            status: Status::Live,
            fields,
            reason: None,
            corrects: None,
        };
        self.drafts.insert(logical.clone(), draft);
        self.order.push(logical);
        self.raise(&package.id, "inserted", &declared.name, &key)?;
        Ok(key)
    }

    /// Drafts a change of some fields; null takes a field away.
    pub(crate) fn update(
        &mut self,
        package: &Arc<Package>,
        register: &str,
        key: &Str,
        set: BTreeMap<Str, Value>,
        corrects: Option<Correction>,
    ) -> Result<(), Halt> {
        let declared = self.register(package, register)?;
        if let KeyRule::Field(name) = &declared.key
            && set.get(name).is_some_and(|value| fields::key_text(value).as_ref() != Some(key))
        {
            return reject(Reject::InvalidField, format!("`{name}` is the record's key"));
        }
        let logical = logical(package, &declared.name, key);
        let kept = self.missing;
        let draft = self.draft(package, &logical)?;
        if draft.status == Status::Closed && corrects.is_none() {
            return reject(Reject::RecordClosed, format!("register `{register}`"));
        }
        // Once a key was missing a rejection does not end the call, so the draft must outlive it.
        let mut all = if kept { draft.fields.clone() } else { std::mem::take(&mut draft.fields) };
        let references = fields::references_of(&package.id, &declared.fields, &set);
        all.extend(set);
        // The whole record is copied and checked anew, however little of it changes.
        self.fuel.draw_fields(&all)?;
        let today = self.session.context.time.china_day();
        let all = fields::check_all(&declared.fields, all, Reject::InvalidField, today)?;
        self.check_references(references)?;
        if let Some(draft) = self.drafts.get_mut(&logical) {
            draft.fields = all;
            if let Some(corrects) = corrects {
                draft.reason = Some(corrects.reason.clone());
                draft.corrects = Some(corrects);
            }
        }
        self.raise(&package.id, "updated", &declared.name, key)
    }

    /// Drafts the closing of a record, and of those that close with it.
    pub(crate) fn close(
        &mut self,
        package: &Arc<Package>,
        register: &str,
        key: &Str,
        reason: &Str,
    ) -> Result<(), Halt> {
        self.close_one(package, register, key, reason)?;
        let mut closed = vec![(Str::from(register), key.clone())];
        while let Some((register, key)) = closed.pop() {
            for (register, key) in self.referring(package, &register, &key, OnClose::Close)? {
                self.close_one(package, &register, &key, &"target-closed".into())?;
                closed.push((register, key));
            }
        }
        Ok(())
    }

    fn close_one(
        &mut self,
        package: &Arc<Package>,
        register: &str,
        key: &Str,
        reason: &Str,
    ) -> Result<(), Halt> {
        let register = Str::from(register);
        let logical = logical(package, &register, key);
        let draft = self.draft(package, &logical)?;
        if draft.status == Status::Closed {
            return reject(Reject::RecordClosed, format!("register `{register}`"));
        }
        draft.status = Status::Closed;
        draft.reason = Some(reason.clone());
        self.raise(&package.id, "closed", &register, key)
    }

    /// Raises an event.
    pub(crate) fn raise(
        &mut self,
        package: &Str,
        kind: &str,
        register: &Str,
        key: &Str,
    ) -> Result<(), Halt> {
        self.raise_with(package, kind, (register, key), None)
    }

    /// Raises an event with further data.
    pub(crate) fn raise_with(
        &mut self,
        package: &Str,
        kind: &str,
        (register, key): (&Str, &Str),
        data: Option<Value>,
    ) -> Result<(), Halt> {
        draw(&mut self.fuel, fuel::EVENT)?;
        self.events.push(Event {
            package: package.clone(),
            kind: kind.into(),
            register: register.clone(),
            key: key.clone(),
            data,
        });
        Ok(())
    }

    /// The record's draft, begun from its current version.
    pub(crate) fn draft(
        &mut self,
        package: &Arc<Package>,
        key: &LogicalKey,
    ) -> Result<&mut Draft, Halt> {
        let register = if let LogicalKey::Record { register, .. } = key { register } else { "" };
        if !self.drafts.contains_key(key) {
            let Some(base) = self.session.get(key)? else {
                return reject(Reject::NotFound, format!("register `{register}`"));
            };
            self.fuel.draw_fields(&base.version.fields)?;
            let draft = Draft {
                package: Arc::clone(package),
                register: register.into(),
                status: base.version.status,
                fields: base.version.fields.clone(),
                base: Some(base),
                reason: None,
                corrects: None,
            };
            self.drafts.insert(key.clone(), draft);
            self.order.push(key.clone());
        }
        match self.drafts.get_mut(key) {
            Some(draft) => Ok(draft),
            None => reject(Reject::NotFound, format!("register `{register}`")),
        }
    }

    fn register<'p>(&self, package: &'p Package, register: &str) -> Result<&'p Register, Halt> {
        match package.registers.get(register) {
            Some(register) => Ok(register),
            None => reject(Reject::UnknownRegister, format!("register `{register}`")),
        }
    }

    /// What is left to decide once all effects are drafted. What settling will look at is asked
    /// for along with the rest.
    pub(crate) fn decide(&mut self) -> Result<(), Halt> {
        self.check_invariants()?;
        self.record_discrepancies()?;
        for key in self.entry_changes().keys() {
            self.session.probe(key);
        }
        self.timers = self.changed_timers()?;
        self.halt_if_missing()?;
        if self.session.missing.is_empty() { Ok(()) } else { Err(Halt::Missing) }
    }

    /// Does what is done blindly (numbers, counters, lists, index entries) on what the calls before
    /// left, and turns the drafts into versions, in the order of their first change, then the index
    /// entries, in the order of their keys. A missing key leaves the call as it was.
    pub(crate) fn settle(&mut self) -> Result<Layer, Halt> {
        let mut counters = self.counters.clone();
        self.look_up_counters()?;
        self.look_up_lists()?;
        self.give_numbers(&mut counters)?;
        let entries = self.changed_entries()?;
        self.move_counters(&mut counters)?;
        self.add_to_lists()?;
        let mut layer = Layer { timers: std::mem::take(&mut self.timers), ..Layer::default() };
        for key in std::mem::take(&mut self.order) {
            if let Some(draft) = self.drafts.remove(&key) {
                let mut version = self.next_version(&key, draft.base.as_deref());
                version.schema = draft.package.version;
                version.status = draft.status;
                version.fields = draft.fields;
                version.reason = draft.reason;
                version.corrects = draft.corrects;
                self.write(version, &mut layer)?;
            }
        }
        for (key, base, change) in entries {
            self.settle_entry(&key, base.as_deref(), &change, &mut layer)?;
        }
        self.write_counters(counters, &mut layer)?;
        self.settle_intent(&mut layer)?;
        Ok(layer)
    }

    /// The index entries that the drafts touch, with their current versions.
    #[allow(clippy::type_complexity, reason = "one private caller, one tuple")]
    fn changed_entries(
        &mut self,
    ) -> Result<Vec<(LogicalKey, Option<Arc<Record>>, EntryChange)>, Halt> {
        let changes = self.entry_changes();
        let reads = u64::try_from(changes.len()).unwrap_or(u64::MAX);
        draw(&mut self.fuel, fuel::READ.saturating_mul(reads))?;
        let bases = self.session.get_all(changes.keys())?;
        Ok(changes
            .into_iter()
            .zip(bases)
            .map(|((key, change), base)| (key, base, change))
            .collect())
    }

    fn entry_changes(&self) -> BTreeMap<LogicalKey, EntryChange> {
        let mut changes = BTreeMap::new();
        for key in &self.order {
            if let Some(draft) = self.drafts.get(key) {
                draft.entries(key, &mut changes);
            }
        }
        changes
    }

    fn settle_entry(
        &mut self,
        key: &LogicalKey,
        base: Option<&Record>,
        change: &EntryChange,
        layer: &mut Layer,
    ) -> Result<(), Halt> {
        let mut keys: BTreeSet<Str> =
            base.into_iter().flat_map(|base| field_texts(&base.version, "keys")).cloned().collect();
        let mut changed = false;
        for key in change.remove.difference(&change.add) {
            changed |= keys.remove(key);
        }
        for key in &change.add {
            changed |= keys.insert(key.clone());
        }
        if !changed {
            return Ok(());
        }
        if change.unique && keys.len() > 1 {
            return reject(Reject::UniqueTaken, "a unique index");
        }
        if keys.len() > INDEX_ENTRY_MAX {
            return reject(Reject::TooManyRecords, "an index entry");
        }
        let mut version = self.next_version(key, base);
        version.schema = change.schema;
        version.status = if keys.is_empty() { Status::Closed } else { Status::Live };
        let keys = keys.into_iter().map(Value::Text).collect();
        version.fields = BTreeMap::from([("keys".into(), Value::List(keys))]);
        self.write(version, layer)
    }

    fn settle_intent(&mut self, layer: &mut Layer) -> Result<(), Halt> {
        let Some(intent) = self.frame.intent else {
            return Ok(());
        };
        let key = intent_key(&self.frame.caller.member, intent);
        let mut version = self.next_version(&key, None);
        let id = Value::Bytes(self.frame.transaction.as_bytes().to_vec());
        version.fields = BTreeMap::from([("transaction".into(), id)]);
        self.write(version, layer)
    }

    /// The version after `base`, live and without fields.
    pub(crate) fn next_version(&self, key: &LogicalKey, base: Option<&Record>) -> Version {
        Version {
            key: key.clone(),
            version: base.map_or(1, |base| base.head.version.saturating_add(1)),
            previous: base.map_or(Digest::ZERO, |base| base.head.body),
            schema: self.package.version,
            status: Status::Live,
            fields: BTreeMap::new(),
            by: self.provenance(),
            reason: None,
            corrects: None,
        }
    }

    pub(crate) fn write(&mut self, version: Version, layer: &mut Layer) -> Result<(), Halt> {
        let encoded = &mut self.session.encoded;
        encoded.clear();
        encoded.reserve(BODY_BYTES_USUAL);
        cbor::encode_onto(encoded, &version);
        if encoded.len() > BODY_BYTES_MAX {
            return reject(Reject::BodyTooLarge, format!("{} bytes", encoded.len()));
        }
        draw(&mut self.fuel, write_fuel(encoded.len()))?;
        // As long as it must be: it is kept until the block is stored.
        let bytes = encoded.clone();
        // Nodes that executed a block go on with what they made, others read it back from the bytes.
        debug_assert_eq!(cbor::decode(&bytes, bytes.len()).as_ref(), Ok(&version), "one encoding");
        encoded.clear();
        cbor::encode_onto(encoded, &version.key);
        let state_key = hash::in_domain(hash::STATE, encoded);
        let (key, began) = (version.key.clone(), self.session.context.time);
        let head = Head { body: hash::body_digest(&bytes), version: version.version, began };
        let record = Arc::new(Record { head, version: Arc::new(version) });
        layer.written.push(WrittenVersion { state_key, record: Arc::clone(&record), bytes });
        layer.records.insert(key, record);
        Ok(())
    }
}

impl Draft {
    /// The index entry of a record with these fields; none when one of the indexed is absent.
    pub(crate) fn entry(&self, index: &Index, fields: &BTreeMap<Str, Value>) -> Option<LogicalKey> {
        let values: Option<Vec<Value>> =
            index.fields.iter().map(|name| fields.get(name).cloned()).collect();
        Some(LogicalKey::Index {
            package: self.package.id.clone(),
            register: self.register.clone(),
            index: index.name.clone(),
            values: values?,
        })
    }

    /// Whether a record with the draft's fields stands under these values of an index.
    pub(crate) fn stands_under(&self, index: &Index, values: &[Value]) -> bool {
        let found = index.fields.iter().map(|name| self.fields.get(name));
        found.eq(values.iter().map(Some))
    }

    /// Adds what this draft changes in its register's indexes.
    fn entries(&self, key: &LogicalKey, changes: &mut BTreeMap<LogicalKey, EntryChange>) {
        let (Some(register), LogicalKey::Record { key, .. }) =
            (self.package.registers.get(&self.register), key)
        else {
            return;
        };
        let live = |version: &Version| version.status == Status::Live;
        let before = self.base.as_deref().map(|base| &base.version).filter(|v| live(v));
        let after = (self.status == Status::Live).then_some(&self.fields);
        for index in register.indexes.values().filter(|index| !index.for_lists) {
            if let (Some(old), Some(new)) = (before, after)
                && index.fields.iter().all(|name| old.fields.get(name) == new.get(name))
            {
                continue;
            }
            let old = before.and_then(|version| self.entry(index, &version.fields));
            let new = after.and_then(|fields| self.entry(index, fields));
            let mut change = |at: LogicalKey, add: bool| {
                let change = changes.entry(at).or_insert_with(|| EntryChange {
                    unique: index.unique,
                    schema: self.package.version,
                    remove: BTreeSet::new(),
                    add: BTreeSet::new(),
                });
                let set = if add { &mut change.add } else { &mut change.remove };
                set.insert(key.clone());
            };
            if let Some(old) = old {
                change(old, false);
            }
            if let Some(new) = new {
                change(new, true);
            }
        }
    }
}

/// The logical key of a record.
pub(crate) fn logical(package: &Package, register: &Str, key: &Str) -> LogicalKey {
    LogicalKey::Record { package: package.id.clone(), register: register.clone(), key: key.clone() }
}

/// The logical key of a member's intent.
pub(crate) fn intent_key(member: &Str, intent: &Str) -> LogicalKey {
    LogicalKey::Intent { member: member.clone(), intent: intent.clone() }
}

//! Compiling a register: its key, fields, indexes, and what follows from them or must hold.

use std::collections::BTreeMap;

use super::{COMPUTED_MAX, Compiler, INDEXES_MAX, find, record_type, text};
use crate::doc::RegisterDoc;
use crate::model::{
    Computed, Field, FieldType, Index, Invariant, KeyRule, OnClose, Over, Package, Register,
    Retention,
};
use crate::problem::Problem;
use crate::rule::{Names, Type};
use crate::{AFTER, ALL, BEFORE, CALL, THIS};
use chaincity_types::Str;

impl Compiler {
    pub(super) fn register(&mut self, doc: &RegisterDoc, package: &Package) -> Register {
        let place = format!("registers.{}", doc.name);
        self.check_id(&place, &doc.name);
        if !package.roles.contains_key(doc.steward.as_str()) {
            self.unknown(&format!("{place}.steward"), ("角色", "role"), &doc.steward);
        }
        if let Some(source) =
            doc.source.as_ref().filter(|s| !package.roles.contains_key(s.as_str()))
        {
            self.unknown(&format!("{place}.source"), ("角色", "role"), source);
        }
        let fields = self.fields(&format!("{place}.fields"), &doc.fields);
        let key = self.key(&place, doc, &fields);
        let mut register = Register {
            name: doc.name.as_str().into(),
            title: text(&doc.title),
            steward: doc.steward.as_str().into(),
            key,
            blinded: self.visibility(&place, doc),
            indexes: self.indexes(&place, doc, &fields),
            fields,
            computed: Vec::new(),
            invariants: Vec::new(),
            on_close: BTreeMap::new(),
            retention: self.retention(&place, &doc.retention),
            source: doc.source.as_deref().map(Into::into),
            timers: BTreeMap::new(),
        };
        let names = super::base_names(package);
        self.computed(&place, doc, &mut register, &names);
        self.invariants(&place, doc, &mut register, &names);
        self.on_close(&place, doc, &mut register);
        let to_find = find::indexes(&register.fields, package).into_iter();
        register.indexes.extend(to_find.map(|index| (index.name.clone(), index)));
        register
    }

    fn indexes(
        &mut self,
        place: &str,
        doc: &RegisterDoc,
        fields: &BTreeMap<Str, Field>,
    ) -> BTreeMap<Str, Index> {
        let mut indexes = BTreeMap::new();
        self.bounded(place, doc.indexes.len(), INDEXES_MAX);
        self.check_twice(place, doc.indexes.iter().map(|index| index.name.as_str()));
        for index in &doc.indexes {
            let place = format!("{place}.indexes.{}", index.name);
            self.check_id(&place, &index.name);
            self.check_twice(&place, index.fields.iter().map(String::as_str));
            self.bounded(&place, index.fields.len(), 8);
            if index.fields.is_empty() {
                self.unknown(&place, ("字段", "field"), "");
            }
            for name in &index.fields {
                if !fields.contains_key(name.as_str()) {
                    self.unknown(&place, ("字段", "field"), name);
                }
            }
            let compiled = Index {
                name: index.name.as_str().into(),
                fields: index.fields.iter().map(Into::into).collect(),
                unique: index.unique,
                for_lists: false,
            };
            indexes.insert(compiled.name.clone(), compiled);
        }
        indexes
    }

    fn key(&mut self, place: &str, doc: &RegisterDoc, fields: &BTreeMap<Str, Field>) -> KeyRule {
        if doc.key == "auto" {
            return KeyRule::Auto;
        }
        match fields.get(doc.key.as_str()) {
            Some(field) if Type::of_field(&field.kind, field.optional) == Type::String => {}
            Some(_) => self.report(Problem::error(
                "bad-key",
                format!("{place}.key"),
                ("主键字段须为必填的文本类字段", "the key field must be text and not optional"),
                ("换一个字段或用 auto", "choose another field, or `auto`"),
            )),
            None => self.unknown(&format!("{place}.key"), ("字段", "field"), &doc.key),
        }
        KeyRule::Field(doc.key.as_str().into())
    }

    fn retention(&mut self, place: &str, text: &str) -> Retention {
        if text == "permanent" {
            return Retention::Permanent;
        }
        let years = text.strip_suffix(" years").and_then(|n| n.parse().ok());
        if let Some(years) = years.filter(|years| (1..=200).contains(years)) {
            return Retention::Years(years);
        }
        self.report(Problem::error(
            "bad-retention",
            format!("{place}.retention"),
            ("保存期限有误", "not a time for which records are kept"),
            ("写 permanent，或如 `10 years`", "write `permanent`, or such as `10 years`"),
        ));
        Retention::Permanent
    }

    fn computed(&mut self, place: &str, doc: &RegisterDoc, register: &mut Register, names: &Names) {
        if !self.bounded(place, doc.computed.len(), COMPUTED_MAX) {
            return;
        }
        for computed in &doc.computed {
            let name = &computed.field.name;
            let place = format!("{place}.computed.{name}");
            let taken = register.fields.contains_key(name.as_str())
                || register.computed.iter().any(|other| other.name == *name);
            if taken {
                self.check_twice(&place, [name.as_str(), name.as_str()].into_iter());
                continue;
            }
            let one = std::slice::from_ref(&computed.field);
            let Some(field) = self.fields(&place, one).remove(name.as_str()) else { continue };
            let mut names = names.clone();
            names.insert(THIS.to_owned(), record_type(register));
            let wanted = Type::of_field(&field.kind, field.optional);
            if let Some(rule) = self.typed(&place, &computed.rule, &wanted, &names) {
                register.computed.push(Computed { name: name.as_str().into(), field, rule });
            }
        }
    }

    fn invariants(
        &mut self,
        place: &str,
        doc: &RegisterDoc,
        register: &mut Register,
        names: &Names,
    ) {
        if !self.bounded(place, doc.invariants.len(), COMPUTED_MAX) {
            return;
        }
        let record = record_type(register);
        for (i, invariant) in doc.invariants.iter().enumerate() {
            let place = format!("{place}.invariants[{i}]");
            self.check_code(&place, &invariant.code);
            let mut names = names.clone();
            let over = match &invariant.over {
                None => Over::Record,
                Some(index) if register.indexes.contains_key(index.as_str()) => {
                    Over::Entry(index.as_str().into())
                }
                Some(call) if call == CALL => Over::Call,
                Some(index) => {
                    self.unknown(&place, ("索引", "index"), index);
                    Over::Entry(index.as_str().into())
                }
            };
            let records = Type::list(record.clone());
            match over {
                Over::Record => names.extend([(THIS.to_owned(), record.clone())]),
                Over::Entry(_) => names.extend([(ALL.to_owned(), records)]),
                Over::Call => {
                    names.extend([BEFORE, AFTER].map(|name| (name.to_owned(), records.clone())));
                }
            }
            if let Some(that) = self.typed(&place, &invariant.that, &Type::Bool, &names) {
                register.invariants.push(Invariant {
                    code: invariant.code.as_str().into(),
                    over,
                    that,
                    text: text(&invariant.text),
                });
            }
        }
    }

    /// Closing a record looks for those that refer to it, so an index over just that field must
    /// lead to them.
    fn on_close(&mut self, place: &str, doc: &RegisterDoc, register: &mut Register) {
        self.bounded(place, doc.on_close.len(), INDEXES_MAX);
        for rule in doc.on_close.iter().take(INDEXES_MAX) {
            let place = format!("{place}.on_close.{}", rule.field);
            let Some(field) = register.fields.get(rule.field.as_str()) else {
                self.unknown(&place, ("字段", "field"), &rule.field);
                continue;
            };
            if !matches!(field.kind, FieldType::Ref(_)) {
                self.unknown(&place, ("引用字段", "reference"), &rule.field);
            }
            if !register.indexes.values().any(|index| index.fields == [rule.field.clone()]) {
                self.no_index(&place, &register.name);
            }
            let then = match rule.rule.as_str() {
                "refuse" => OnClose::Refuse,
                "close" => OnClose::Close,
                other => {
                    self.unknown(&place, ("处理方式", "rule (refuse, close)"), other);
                    continue;
                }
            };
            register.on_close.insert(rule.field.as_str().into(), then);
        }
    }
}

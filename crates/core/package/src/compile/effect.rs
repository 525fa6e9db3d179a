//! Compiling effects: what an action does, in order, with `each` and `when` around parts of it.

use std::collections::BTreeMap;

use super::action::{Scope, record_type};
use super::{Compiler, EFFECT_DEPTH_MAX, EFFECTS_MAX, text};
use crate::doc::{CorrectsDoc, EffectDoc, LimitDoc, NumberedDoc, SetDoc};
use crate::model::{Corrects, Effect, FieldType, Limit, Numbered, Register};
use crate::problem::Problem;
use crate::rule::{Program, Type};
use chaincity_types::Str;

/// The head of an `each`.
struct Each<'d> {
    name: &'d str,
    position: Option<&'d str>,
    register: Option<&'d str>,
}

impl Compiler {
    pub(super) fn effects<'p>(
        &mut self,
        place: &str,
        docs: &[EffectDoc],
        scope: &mut Scope<'p>,
        depth: usize,
    ) -> Vec<Effect> {
        if !self.bounded(place, docs.len(), EFFECTS_MAX)
            || !self.bounded(place, depth, EFFECT_DEPTH_MAX)
        {
            return Vec::new();
        }
        let mut out = Vec::new();
        for (i, doc) in docs.iter().enumerate() {
            out.extend(self.effect(&format!("{place}.do[{i}]"), doc, scope, depth));
        }
        out
    }

    /// The rule that gives a key of a register, or a list of keys.
    fn keys(
        &mut self,
        place: &str,
        (register, key): (&str, &str),
        scope: &Scope<'_>,
    ) -> Option<Program> {
        if !scope.package.registers.contains_key(register) {
            self.unknown(place, ("登记簿", "register"), register);
        }
        let key = self.program(place, key, &scope.names)?;
        if !key.ty().fits(&Type::String) && !key.ty().fits(&Type::list(Type::String)) {
            self.wrong_type(place, "string or list(string)", key.ty());
            return None;
        }
        Some(key)
    }

    fn effect(
        &mut self,
        place: &str,
        doc: &EffectDoc,
        scope: &mut Scope<'_>,
        depth: usize,
    ) -> Option<Effect> {
        match doc {
            EffectDoc::Insert { register, name, fields, numbers } => {
                self.insert(place, register, name.as_deref(), (fields, numbers), scope)
            }
            EffectDoc::Update { record, set, corrects } => {
                self.update(place, record, set, corrects.as_ref(), scope)
            }
            EffectDoc::Close { record, reason } => {
                self.record(place, record, scope)?;
                self.check_id(place, reason);
                Some(Effect::Close {
                    record: record.as_str().into(),
                    reason: reason.as_str().into(),
                })
            }
            EffectDoc::Event { kind, register, key } => {
                self.check_id(place, kind);
                let key = self.keys(place, (register, key), scope)?;
                Some(Effect::Event {
                    kind: kind.as_str().into(),
                    register: register.as_str().into(),
                    key,
                })
            }
            EffectDoc::Tell { message, register, key, fields } => {
                self.check_id(place, message);
                let key = self.keys(place, (register, key), scope)?;
                let fields = fields.as_deref().unwrap_or_default();
                fields.iter().for_each(|set| self.check_id(place, &set.field));
                let fields = self.given(place, fields, scope)?;
                let (message, register) = (message.as_str().into(), register.as_str().into());
                Some(Effect::Tell { message, register, key, fields })
            }
            EffectDoc::Each { name, position, list, register, effects } => {
                let head =
                    Each { name, position: position.as_deref(), register: register.as_deref() };
                self.each(place, &head, list, effects, scope, depth)
            }
            EffectDoc::When { that, effects } => {
                let that = self.typed(place, that, &Type::Bool, &scope.names)?;
                let effects = self.nested(place, effects, scope, depth, &[]);
                Some(Effect::When { that, effects })
            }
            EffectDoc::Count { counter, scope: of, by, limit } => {
                self.count(place, counter, (of, by), limit.as_ref(), scope)
            }
            EffectDoc::Append { register, key, field, items } => {
                self.append(place, (register, field), (key, items), scope)
            }
            EffectDoc::Call { package, action, input, mandates } => {
                self.call_effect(place, (package, action), input, mandates.as_deref(), scope)
            }
        }
    }

    fn count(
        &mut self,
        place: &str,
        counter: &str,
        (of, by): (&str, &str),
        limit: Option<&LimitDoc>,
        scope: &Scope<'_>,
    ) -> Option<Effect> {
        if !scope.package.counters.contains_key(counter) {
            self.unknown(place, ("计数器", "counter"), counter);
        }
        let of = self.typed(place, of, &Type::String, &scope.names);
        let by = self.typed(place, by, &Type::Int, &scope.names);
        let limit = match limit {
            Some(doc) => {
                self.check_code(place, &doc.code);
                let max = self.typed(place, &doc.max, &Type::Int.optional(), &scope.names)?;
                Some(Limit { max, code: doc.code.as_str().into(), text: text(&doc.text) })
            }
            None => None,
        };
        Some(Effect::Count { counter: counter.into(), scope: of?, by: by?, limit })
    }

    /// What is appended is not seen by any rule before it is written: so nothing may depend on it
    /// that the ledger evaluates by itself.
    fn append(
        &mut self,
        place: &str,
        (register, field): (&str, &str),
        (key, items): (&str, &str),
        scope: &Scope<'_>,
    ) -> Option<Effect> {
        let Some(target) = scope.package.registers.get(register) else {
            self.unknown(place, ("登记簿", "register"), register);
            return None;
        };
        let kind = target.fields.get(field).map(|field| &field.kind);
        let Some(FieldType::List(item, _)) = kind else {
            self.unknown(place, ("列表类字段", "list field"), field);
            return None;
        };
        let watched = target.indexes.values().any(|index| index.fields.iter().any(|f| f == field));
        if watched || !target.invariants.is_empty() || !target.timers.is_empty() {
            self.report(Problem::error(
                "watched-list",
                place,
                (
                    "该登记簿有不变式、定时器或含该字段的索引，不能不读而追加",
                    "the register has invariants, timers or an index over the field: nothing can \
                     be appended unseen",
                ),
                ("改用读取后 update", "read the record and use `update`"),
            ));
        }
        let key = self.typed(place, key, &Type::String, &scope.names);
        let wanted = Type::list(Type::of_field(item, false));
        let items = self.typed(place, items, &wanted, &scope.names);
        let (register, field) = (register.to_owned(), field.to_owned());
        Some(Effect::Append {
            register: register.into(),
            key: key?,
            field: field.into(),
            items: items?,
        })
    }

    fn update(
        &mut self,
        place: &str,
        record: &str,
        set: &[SetDoc],
        corrects: Option<&CorrectsDoc>,
        scope: &Scope<'_>,
    ) -> Option<Effect> {
        let (register, list) = self.record(place, record, scope)?;
        if list {
            self.wrong_type(place, "one record", &Type::list(record_type(register)));
            return None;
        }
        let set = self.sets(place, register, set, scope);
        if let crate::model::KeyRule::Field(key) = &register.key
            && set.contains_key(key)
        {
            self.report(Problem::error(
                "key-changed",
                place,
                ("主键不能更改", "a record's key cannot change"),
                ("注销原记录并新增记录", "close the record and insert another"),
            ));
        }
        let corrects = match corrects {
            Some(doc) => Some(self.corrects(place, doc, scope)?),
            None => None,
        };
        Some(Effect::Update { record: record.into(), set, corrects })
    }

    fn record<'p>(
        &mut self,
        place: &str,
        name: &str,
        scope: &Scope<'p>,
    ) -> Option<(&'p Register, bool)> {
        let found = scope.records.get(name).copied();
        if found.is_none() {
            self.unknown(place, ("读取名", "read"), name);
        }
        found
    }

    fn insert(
        &mut self,
        place: &str,
        register: &str,
        name: Option<&str>,
        (fields, numbers): (&[SetDoc], &[NumberedDoc]),
        scope: &mut Scope<'_>,
    ) -> Option<Effect> {
        let Some(target) = scope.package.registers.get(register) else {
            self.unknown(place, ("登记簿", "register"), register);
            return None;
        };
        let fields = self.sets(place, target, fields, scope);
        let numbers = self.numbers(place, target, numbers, scope);
        self.check_twice(
            place,
            fields.keys().map(Str::as_str).chain(numbers.iter().map(|n| n.field.as_str())),
        );
        for (field_name, field) in &target.fields {
            let given = fields.contains_key(field_name)
                || numbers.iter().any(|number| number.field == *field_name);
            if !field.optional && !given {
                self.report(Problem::error(
                    "missing-field",
                    place,
                    (
                        format!("缺少必填字段`{field_name}`"),
                        format!("the field `{field_name}` is not optional and not given"),
                    ),
                    ("给出该字段的规则", "give a rule for it"),
                ));
            }
        }
        if let Some(name) = name
            && self.new_name(place, name, scope)
        {
            scope.names.insert(name.to_owned(), Type::record([("_key", Type::String)]));
        }
        Some(Effect::Insert {
            register: register.into(),
            name: name.map(Into::into),
            fields,
            numbers,
        })
    }

    fn numbers(
        &mut self,
        place: &str,
        register: &Register,
        docs: &[NumberedDoc],
        scope: &Scope<'_>,
    ) -> Vec<Numbered> {
        let mut out = Vec::new();
        for doc in docs.iter().take(super::FIELDS_MAX) {
            let place = format!("{place}.{}", doc.field);
            let text = register
                .fields
                .get(doc.field.as_str())
                .is_some_and(|f| Type::of_field(&f.kind, false) == Type::String);
            if !text {
                self.unknown(&place, ("文本类字段", "text field"), &doc.field);
            }
            if !scope.package.sequences.contains_key(doc.sequence.as_str()) {
                self.unknown(&place, ("编号", "running number"), &doc.sequence);
            }
            let given = self.typed(&place, &doc.scope, &Type::String, &scope.names);
            if let (true, Some(scope)) = (text, given) {
                let (field, sequence) = (doc.field.clone(), doc.sequence.clone());
                out.push(Numbered { field: field.into(), sequence: sequence.into(), scope });
            }
        }
        out
    }

    /// Effects that see more names, which end with them.
    fn nested(
        &mut self,
        place: &str,
        docs: &[EffectDoc],
        scope: &mut Scope<'_>,
        depth: usize,
        own: &[&str],
    ) -> Vec<Effect> {
        let names = scope.names.clone();
        let effects = self.effects(place, docs, scope, depth.saturating_add(1));
        scope.names = names;
        for name in own {
            scope.names.remove(*name);
            scope.records.remove(*name);
        }
        effects
    }

    fn each(
        &mut self,
        place: &str,
        head: &Each<'_>,
        list: &str,
        docs: &[EffectDoc],
        scope: &mut Scope<'_>,
        depth: usize,
    ) -> Option<Effect> {
        let list = self.program(place, list, &scope.names)?;
        let Type::List(item) = list.ty() else {
            self.wrong_type(place, "list", list.ty());
            return None;
        };
        let mut own = vec![head.name];
        own.extend(head.position);
        if !own.iter().all(|name| self.new_name(place, name, scope)) {
            return None;
        }
        if let Some(name) = head.register {
            let Some(register) = scope.package.registers.get(name) else {
                self.unknown(place, ("登记簿", "register"), name);
                return None;
            };
            let record = record_type(register);
            if !item.fits(&record) {
                self.wrong_type(place, &format!("list of records of `{name}`"), list.ty());
                return None;
            }
            scope.records.insert(head.name.to_owned(), (register, false));
        }
        scope.names.insert(head.name.to_owned(), item.as_ref().clone());
        if let Some(position) = head.position {
            scope.names.insert(position.to_owned(), Type::Int);
        }
        let effects = self.nested(place, docs, scope, depth, &own);
        Some(Effect::Each {
            name: head.name.into(),
            position: head.position.map(Into::into),
            list,
            register: head.register.map(Into::into),
            effects,
        })
    }

    /// The other package is not known here: its own declaration checks the input when it is
    /// called.
    fn call_effect(
        &mut self,
        place: &str,
        (package, action): (&str, &str),
        input: &[SetDoc],
        mandates: Option<&str>,
        scope: &Scope<'_>,
    ) -> Option<Effect> {
        if !scope.package.requires.contains_key(package) {
            self.unknown(place, ("所需应用包", "required package"), package);
        }
        self.check_id(place, action);
        let values = self.given(place, input, scope)?;
        let mandates = match mandates {
            Some(rule) => Some(self.typed(place, rule, &Type::list(Type::String), &scope.names)?),
            None => None,
        };
        let (package, action) = (package.into(), action.into());
        Some(Effect::Call { package, action, input: values, mandates })
    }

    /// Values for whoever takes them: of what type they must be is not known here.
    fn given(
        &mut self,
        place: &str,
        docs: &[SetDoc],
        scope: &Scope<'_>,
    ) -> Option<BTreeMap<Str, Program>> {
        self.check_twice(place, docs.iter().map(|set| set.field.as_str()));
        if !self.bounded(place, docs.len(), super::FIELDS_MAX) {
            return None;
        }
        let mut values = BTreeMap::new();
        for set in docs {
            let place = format!("{place}.{}", set.field);
            let program = self.program(&place, &set.rule, &scope.names);
            values.extend(program.map(|program| (set.field.as_str().into(), program)));
        }
        Some(values)
    }

    fn sets(
        &mut self,
        place: &str,
        register: &Register,
        docs: &[SetDoc],
        scope: &Scope<'_>,
    ) -> BTreeMap<Str, Program> {
        let mut out = BTreeMap::new();
        if !self.bounded(place, docs.len(), super::FIELDS_MAX) {
            return out;
        }
        self.check_twice(place, docs.iter().map(|set| set.field.as_str()));
        for doc in docs {
            let place = format!("{place}.{}", doc.field);
            let Some(field) = register.fields.get(doc.field.as_str()) else {
                self.unknown(&place, ("字段", "field"), &doc.field);
                continue;
            };
            let bare = matches!(&field.kind, FieldType::Enum(words) if words.iter().any(|word| *word == doc.rule));
            let program = if bare && !scope.names.contains_key(&doc.rule) {
                Some(Program::word(&doc.rule))
            } else {
                let wanted = Type::of_field(&field.kind, field.optional);
                self.typed(&place, &doc.rule, &wanted, &scope.names)
            };
            if let Some(program) = program {
                self.check_word(&place, field, &program);
                out.insert(doc.field.as_str().into(), program);
            }
        }
        out
    }

    fn corrects(&mut self, place: &str, doc: &CorrectsDoc, scope: &Scope<'_>) -> Option<Corrects> {
        let mut part = |name: &str, rule: &str, ty: &Type| {
            self.typed(&format!("{place}.corrects.{name}"), rule, ty, &scope.names)
        };
        let version = part("version", &doc.version, &Type::Int);
        let reason = part("reason", &doc.reason, &Type::String);
        let basis = part("basis", &doc.basis, &Type::String);
        Some(Corrects { version: version?, reason: reason?, basis: basis? })
    }
}

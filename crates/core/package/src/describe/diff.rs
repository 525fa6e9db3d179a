//! What changed between two versions of a package, in words, and whether stored records bear it.

use std::collections::{BTreeMap, BTreeSet};

use crate::doc::{
    ActionDoc, CounterDoc, FieldDoc, FileDoc, FormDoc, GroupDoc, GuardDoc, GuardSetDoc, IndexDoc,
    PackageDoc, ParameterDoc, RegisterDoc, RoleDoc, SequenceDoc,
};
use crate::model::Text;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where, such as `registers.unit.fields.area`.
    pub place: String,
    /// What, in both languages.
    pub text: Text,
    /// Whether records that are stored would no longer be readable by the new version: a node
    /// refuses to publish it.
    pub breaks: bool,
}

struct Changes(Vec<Change>);

/// The parts of a document that have names.
trait Named: PartialEq {
    fn name(&self) -> &str;
}

macro_rules! named {
    ($($ty:ty),*) => { $(impl Named for $ty { fn name(&self) -> &str { &self.name } })* };
}

named!(
    RoleDoc,
    GroupDoc,
    RegisterDoc,
    GuardSetDoc,
    ActionDoc,
    FieldDoc,
    IndexDoc,
    ParameterDoc,
    SequenceDoc,
    CounterDoc,
    FileDoc,
    FormDoc
);

/// Every change from `old` to `new`, in the order of the document.
#[must_use]
pub fn diff(old: &PackageDoc, new: &PackageDoc) -> Vec<Change> {
    let mut changes = Changes(Vec::new());
    if old.version != new.version {
        changes.note(
            "package",
            format!("版本由 {} 改为 {}", old.version, new.version),
            format!("version {} becomes {}", old.version, new.version),
        );
    }
    changes.value("package", ("名称", "title"), &old.title, &new.title);
    changes.value("requires", ("所需应用包", "required packages"), &old.requires, &new.requires);
    changes.parts("roles", ("角色", "role"), &old.roles, &new.roles, false);
    changes.parts("parameters", ("参数", "parameter"), &old.parameters, &new.parameters, false);
    for (before, after) in pairs(&old.parameters, &new.parameters) {
        let place = format!("parameters.{}", after.name);
        changes.rule(&place, ("值", "value"), &before.value, &after.value);
    }
    changes.parts("sequences", ("编号", "sequence"), &old.sequences, &new.sequences, false);
    changes.parts("counters", ("计数器", "counter"), &old.counters, &new.counters, false);
    changes.parts("groups", ("字段组", "field group"), &old.groups, &new.groups, true);
    for (before, after) in pairs(&old.groups, &new.groups) {
        changes.group(before, after);
    }
    changes.parts("registers", ("登记簿", "register"), &old.registers, &new.registers, true);
    for (before, after) in pairs(&old.registers, &new.registers) {
        changes.register(before, after);
    }
    changes.parts("guards", ("共用条件", "guard set"), &old.guards, &new.guards, false);
    for (before, after) in pairs(&old.guards, &new.guards) {
        changes.guard_set(before, after);
    }
    changes.parts("actions", ("业务动作", "action"), &old.actions, &new.actions, false);
    for (before, after) in pairs(&old.actions, &new.actions) {
        changes.action(before, after);
    }
    let place = "processes";
    changes.parts(
        place,
        ("流程文件", "file with processes"),
        &old.processes,
        &new.processes,
        false,
    );
    for (before, after) in pairs(&old.processes, &new.processes) {
        let place = format!("{place}.{}", after.name);
        changes.value(&place, ("内容", "its content"), &before.text, &after.text);
    }
    changes.parts("forms", ("表单", "form"), &old.forms, &new.forms, false);
    for (before, after) in pairs(&old.forms, &new.forms) {
        let place = format!("forms.{}", after.name);
        changes.value(&place, ("内容", "its content"), before, after);
    }
    changes.0
}

/// Parts that stand in both, but differ.
fn pairs<'d, T: Named>(old: &'d [T], new: &'d [T]) -> Vec<(&'d T, &'d T)> {
    let before: BTreeMap<&str, &T> = old.iter().map(|part| (part.name(), part)).collect();
    let pair = |after: &'d T| Some((*before.get(after.name())?, after));
    new.iter().filter_map(pair).filter(|(before, after)| before != after).collect()
}

impl Changes {
    fn put(&mut self, place: &str, zh: String, en: String, breaks: bool) {
        self.0.push(Change { place: place.to_owned(), text: Text { zh, en }, breaks });
    }

    fn note(&mut self, place: &str, zh: String, en: String) {
        self.put(place, zh, en, false);
    }

    fn breaking(&mut self, place: &str, zh: String, en: String) {
        self.put(place, zh, en, true);
    }

    /// A part whose content a person looks up.
    fn value<T: PartialEq>(&mut self, place: &str, (zh, en): (&str, &str), old: &T, new: &T) {
        if old != new {
            self.note(place, format!("{zh}有改动"), format!("{en} changed"));
        }
    }

    /// A rule, before and after.
    fn rule(&mut self, place: &str, (zh, en): (&str, &str), old: &str, new: &str) {
        if old != new {
            let (zh, en) = (
                format!("{zh}由 `{old}` 改为 `{new}`"),
                format!("{en} was `{old}`, becomes `{new}`"),
            );
            self.note(place, zh, en);
        }
    }

    /// Parts that came and went.
    fn parts<T: Named>(
        &mut self,
        place: &str,
        (zh, en): (&str, &str),
        old: &[T],
        new: &[T],
        kept: bool,
    ) {
        let names =
            |parts: &[T]| parts.iter().map(|p| p.name().to_owned()).collect::<BTreeSet<_>>();
        let (before, after) = (names(old), names(new));
        for name in before.difference(&after) {
            let place = format!("{place}.{name}");
            self.put(&place, format!("删除{zh}`{name}`"), format!("{en} `{name}` removed"), kept);
        }
        for name in after.difference(&before) {
            let place = format!("{place}.{name}");
            self.note(&place, format!("新增{zh}`{name}`"), format!("{en} `{name}` added"));
        }
    }

    fn group(&mut self, old: &GroupDoc, new: &GroupDoc) {
        let place = format!("groups.{}", new.name);
        self.value(&place, ("名称", "title"), &old.title, &new.title);
        self.rule(&place, ("主管角色", "steward"), &old.steward, &new.steward);
        self.fields(&place, &old.fields, &new.fields);
        self.value(&place, ("派生结论", "its claims"), &old.claims, &new.claims);
        self.value(&place, ("检索词", "what it is found by"), &old.find_by, &new.find_by);
        if old.placement != new.placement {
            self.breaking(&place, "存放位置有改动".to_owned(), "its placement changed".to_owned());
        }
    }

    fn register(&mut self, old: &RegisterDoc, new: &RegisterDoc) {
        let place = format!("registers.{}", new.name);
        self.value(&place, ("名称", "title"), &old.title, &new.title);
        self.rule(&place, ("主管角色", "steward"), &old.steward, &new.steward);
        self.value(&place, ("来源系统接口", "source"), &old.source, &new.source);
        self.rule(&place, ("保存期限", "retention"), &old.retention, &new.retention);
        self.value(&place, ("可见性", "visibility"), &old.visibility, &new.visibility);
        if old.key != new.key {
            let (zh, en) = (&old.key, &new.key);
            self.breaking(
                &place,
                format!("主键由 `{zh}` 改为 `{en}`"),
                format!("key was `{zh}`, becomes `{en}`"),
            );
        }
        self.fields(&place, &old.fields, &new.fields);
        if old.indexes != new.indexes {
            self.breaking(&place, "索引有改动".to_owned(), "its indexes changed".to_owned());
        }
        self.value(&place, ("计算字段", "computed fields"), &old.computed, &new.computed);
        self.value(&place, ("约束", "invariants"), &old.invariants, &new.invariants);
        self.value(&place, ("注销规则", "what follows a closing"), &old.on_close, &new.on_close);
        self.value(&place, ("定时器", "timers"), &old.timers, &new.timers);
    }

    /// Fields of stored records.
    fn fields(&mut self, place: &str, old: &[FieldDoc], new: &[FieldDoc]) {
        let fields = format!("{place}.fields");
        self.parts(&fields, ("字段", "field"), old, new, true);
        for (before, after) in pairs(old, new) {
            self.field(&format!("{fields}.{}", after.name), before, after);
        }
        let known: BTreeSet<&str> = old.iter().map(|field| field.name.as_str()).collect();
        for field in new.iter().filter(|field| !known.contains(field.name.as_str())) {
            if !field.ty.trim_end().ends_with('?') {
                self.breaking(
                    &format!("{fields}.{}", field.name),
                    "新增的字段是必填的，已有记录没有它".to_owned(),
                    "the new field is not optional, and stored records lack it".to_owned(),
                );
            }
        }
    }

    fn field(&mut self, place: &str, old: &FieldDoc, new: &FieldDoc) {
        self.value(place, ("名称", "title"), &old.title, &new.title);
        if old.ty == new.ty {
            return;
        }
        let (before, after) = (crate::field::parse(&old.ty), crate::field::parse(&new.ty));
        let bearable = matches!((&before, &after), (Ok((a, optional)), Ok((b, now_optional)))
            if a == b && (*now_optional || !optional));
        let zh = format!("类型由 `{}` 改为 `{}`", old.ty, new.ty);
        let en = format!("type was `{}`, becomes `{}`", old.ty, new.ty);
        self.put(place, zh, en, !bearable);
    }

    fn action(&mut self, old: &ActionDoc, new: &ActionDoc) {
        let place = format!("actions.{}", new.name);
        self.value(&place, ("名称", "title"), &old.title, &new.title);
        self.rule(&place, ("法律依据", "legal basis"), &old.law.join("、"), &new.law.join("、"));
        self.rule(&place, ("经办角色", "who may call it"), &old.by.join(", "), &new.by.join(", "));
        self.value(&place, ("优先次序", "its priority"), &old.urgent, &new.urgent);
        self.value(&place, ("授意", "the mandates demanded"), &old.mandates, &new.mandates);
        let input = format!("{place}.input");
        self.parts(&input, ("输入项", "input"), &old.input, &new.input, false);
        for (before, after) in pairs(&old.input, &new.input) {
            self.rule(&format!("{input}.{}", after.name), ("类型", "type"), &before.ty, &after.ty);
        }
        self.value(&place, ("读取", "what it reads"), &old.reads, &new.reads);
        self.guards(&place, &old.guards, &new.guards);
        self.value(&place, ("效果", "its effects"), &old.effects, &new.effects);
    }

    fn guard_set(&mut self, old: &GuardSetDoc, new: &GuardSetDoc) {
        let place = format!("guards.{}", new.name);
        self.value(&place, ("名称", "title"), &old.title, &new.title);
        self.rule(&place, ("法律依据", "legal basis"), &old.law.join("、"), &new.law.join("、"));
        self.rule(&place, ("适用业务", "its actions"), &old.on.join(", "), &new.on.join(", "));
        self.value(&place, ("读取", "what it reads"), &old.reads, &new.reads);
        self.guards(&place, &old.guards, &new.guards);
    }

    fn guards(&mut self, place: &str, old: &[GuardDoc], new: &[GuardDoc]) {
        let rules = |guards: &[GuardDoc]| -> BTreeMap<String, String> {
            guards.iter().map(|g| (g.code.clone(), g.that.clone())).collect()
        };
        let (before, after) = (rules(old), rules(new));
        for code in before.keys().filter(|code| !after.contains_key(*code)) {
            let (zh, en) = (format!("删除条件`{code}`"), format!("condition `{code}` removed"));
            self.note(place, zh, en);
        }
        for (code, that) in &after {
            match before.get(code) {
                None => {
                    let zh = format!("新增条件`{code}`：`{that}`");
                    self.note(place, zh, format!("condition `{code}` added: `{that}`"));
                }
                Some(was) => {
                    let (zh, en) = (format!("条件`{code}`"), format!("condition `{code}`"));
                    self.rule(place, (&zh, &en), was, that);
                }
            }
        }
    }
}

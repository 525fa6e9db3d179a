//! Blinded registers: persons stand in them under pseudonyms of one family, and nothing in the clear
//! part of the package leads from there to a person's id or to another family.

use std::collections::{BTreeMap, BTreeSet};

use super::Compiler;
use crate::doc::{EffectDoc, PackageDoc, RegisterDoc};
use crate::model::{Family, Field, FieldType, KeyRule, Package};
use crate::problem::Problem;
use chaincity_types::Str;

/// The one form in which a person's identity number stands anywhere.
const RESIDENT_ID: &str = "resident-id";
const BLINDED: &str = "blinded";
const OPEN: &str = "open";

/// Under what ids persons stand in a set of fields, references to blinded registers included.
#[derive(Default)]
struct Circle<'p> {
    /// Under the id that they have everywhere.
    everywhere: bool,
    families: BTreeSet<&'p Family>,
}

impl<'p> Circle<'p> {
    fn of(fields: impl IntoIterator<Item = &'p Field>, package: &'p Package) -> Self {
        let mut circle = Self::default();
        for field in fields {
            circle.add(&field.kind, package, true);
        }
        circle
    }

    fn add(&mut self, kind: &'p FieldType, package: &'p Package, follows: bool) {
        if names_person(kind) {
            self.everywhere = true;
        } else if let FieldType::Pseudonym(family) = kind {
            self.families.insert(family);
        } else if let FieldType::Ref(name) = kind {
            let blinded = package.registers.get(name).filter(|to| to.blinded && follows);
            for field in blinded.into_iter().flat_map(|to| to.fields.values()) {
                self.add(&field.kind, package, false);
            }
        } else if let FieldType::List(item, _) | FieldType::MapOf(_, item, _) = kind {
            self.add(item, package, follows);
        } else if let FieldType::Map(fields) = kind {
            fields.values().for_each(|field| self.add(&field.kind, package, follows));
        }
    }

    /// Whether it leads from one id of a person to another.
    fn links(&self) -> bool {
        self.families.len().saturating_add(usize::from(self.everywhere)) > 1
    }
}

/// Whether a value of this type is the id that a person has everywhere.
fn names_person(kind: &FieldType) -> bool {
    matches!(kind, FieldType::Subject | FieldType::Share)
        || matches!(kind, FieldType::Identifier(kind) if kind == RESIDENT_ID)
}

/// Whether somewhere in a value of this type there is one.
fn holds_person(kind: &FieldType) -> bool {
    if let FieldType::List(item, _) | FieldType::MapOf(_, item, _) = kind {
        holds_person(item)
    } else if let FieldType::Map(fields) = kind {
        fields.values().any(|field| holds_person(&field.kind))
    } else {
        names_person(kind)
    }
}

impl Compiler {
    pub(super) fn visibility(&mut self, place: &str, doc: &RegisterDoc) -> bool {
        let visibility = doc.visibility.as_deref().unwrap_or(OPEN);
        if ![OPEN, BLINDED].contains(&visibility) {
            self.unknown(&format!("{place}.visibility"), ("可见性", "visibility"), visibility);
        }
        visibility == BLINDED
    }

    /// Everything about pseudonyms that shows only when all registers and actions are there.
    pub(super) fn blinded(&mut self, doc: &PackageDoc, package: &Package) {
        for register in package.registers.values() {
            let place = format!("registers.{}", register.name);
            for (name, field) in &register.fields {
                let place = format!("{place}.fields.{name}");
                self.families(&place, &field.kind, package, Some(&register.fields));
                if register.blinded && holds_person(&field.kind) {
                    let cause = (
                        "遮蔽的登记簿不得以通用标识或证件号码写明个人",
                        "a blinded register names persons by pseudonyms alone",
                    );
                    let mend = (
                        "用 pseudonym(字段组.字段, 范围) 或 pseudonym(sector: 领域)，或放入字段组",
                        "use pseudonym(group.field, scope) or pseudonym(sector: name), or a group",
                    );
                    self.report(Problem::error("person-in-clear", place, cause, mend));
                }
            }
            if Circle::of(register.fields.values(), package).links() {
                self.linked(&place);
            }
            if let KeyRule::Field(key) = &register.key
                && register.blinded
                && !is_pseudonym(register.fields.get(key))
                && is_given(doc, &register.name, key)
            {
                self.key_in_clear(&format!("{place}.key"));
            }
        }
        for action in package.actions.values() {
            let place = format!("actions.{}.input", action.name);
            for (name, field) in &action.input {
                self.families(&format!("{place}.{name}"), &field.kind, package, None);
            }
            if Circle::of(action.input.values(), package).links() {
                self.linked(&place);
            }
        }
    }

    fn linked(&mut self, place: &str) {
        let cause = (
            "此处把同一人的两种标识连在一起",
            "here two ids of one person, of two families or one of them used everywhere, meet",
        );
        let mend = (
            "只用同一族的假名，或把其中之一放入字段组",
            "use pseudonyms of one family, or put one of the two into a group",
        );
        self.report(Problem::error("families-linked", place, cause, mend));
    }

    fn key_in_clear(&mut self, place: &str) {
        let cause = (
            "遮蔽的登记簿的主键不得由业务动作写入",
            "the key of a blinded register is not what an action says",
        );
        let mend = (
            "用 auto、假名字段，或由 sequences 编号的字段",
            "use `auto`, a field with a pseudonym, or one that a sequence numbers",
        );
        self.report(Problem::error("key-in-clear", place, cause, mend));
    }

    /// Whether what the pseudonyms of a type stand for is there; `fields` are the register's.
    fn families(
        &mut self,
        place: &str,
        kind: &FieldType,
        package: &Package,
        fields: Option<&BTreeMap<Str, Field>>,
    ) {
        if let FieldType::List(item, _) | FieldType::MapOf(_, item, _) = kind {
            self.families(place, item, package, fields);
        } else if let FieldType::Map(inner) = kind {
            inner.values().for_each(|field| self.families(place, &field.kind, package, fields));
        }
        let FieldType::Pseudonym(Family::Vault { group, field, scope }) = kind else { return };
        let Some(stands) = package.groups.get(group) else {
            return self.unknown(place, ("字段组", "field group"), group);
        };
        if !stands.fields.get(field).is_some_and(|field| is_text(&field.kind)) {
            self.unknown(place, ("字段组的文本字段", "text in the group"), field);
        }
        // Where a register has it, the scope is one of its own fields; an input is given its value.
        let scoped = |fields: &BTreeMap<Str, Field>, scope: &Str| {
            fields.get(scope).is_some_and(|field| is_text(&field.kind) && !field.optional)
        };
        if let (Some(fields), Some(scope)) = (fields, scope)
            && !scoped(fields, scope)
        {
            self.unknown(place, ("必填文本字段", "text that is not optional"), scope);
        }
    }
}

const fn is_text(kind: &FieldType) -> bool {
    matches!(
        kind,
        FieldType::Text(_) | FieldType::Identifier(_) | FieldType::Subject | FieldType::Ref(_)
    )
}

const fn is_pseudonym(field: Option<&Field>) -> bool {
    matches!(field, Some(Field { kind: FieldType::Pseudonym(_), .. }))
}

/// Whether an action says what the key of a new record is, instead of a sequence.
fn is_given(doc: &PackageDoc, name: &str, key: &str) -> bool {
    let mut given = false;
    for effect in doc.actions.iter().flat_map(|action| &action.effects) {
        effect.walk(&mut |effect| {
            if let EffectDoc::Insert { register, fields, .. } = effect {
                given |= register == name && fields.iter().any(|set| set.field == key);
            }
        });
    }
    given
}

//! Compiling a package document: names resolved, types read, rules checked and compiled, an
//! index chosen for every read. Consensus runs this too, when a package comes into force, so
//! everything is bounded: the document's size, the counts below, the size of each rule.

mod action;
mod blinded;
mod claim;
mod effect;
mod find;
mod form;
mod register;
mod timer;

pub(crate) use action::record_type;
pub(crate) use form::type_differs;

use std::collections::{BTreeMap, BTreeSet};

use chaincity_types::{Reject, Str, Value};

use crate::doc::{DOCUMENT_BYTES_MAX, FieldDoc, GroupDoc, PackageDoc, SequenceDoc, TextDoc};
use crate::model::{
    Field, FieldType, Group, Package, Parameter, Placement, Sequence, SequencePart, Text,
};
use crate::problem::Problem;
use crate::rule::{Environment, Expr, Fuel, Names, RuleError, Type, is_name};

/// Most roles of a package.
pub const ROLES_MAX: usize = 64;
/// Most registers of a package.
pub const REGISTERS_MAX: usize = 64;
/// Most field groups of a package.
const GROUPS_MAX: usize = 64;
/// Most fields of a register or an input.
pub const FIELDS_MAX: usize = 100;
/// Most indexes of a register: each costs a state write where a record changes.
pub const INDEXES_MAX: usize = 8;
/// Most actions of a package.
pub const ACTIONS_MAX: usize = 200;
/// Most declared reads of an action, those of its guard sets included.
pub const READS_MAX: usize = 32;
/// Deepest chain of reads that depend on each other.
pub const READ_DEPTH_MAX: usize = 4;
/// Most guard sets of a package.
const GUARD_SETS_MAX: usize = 64;
/// Most guards of an action, those of its guard sets included.
pub const GUARDS_MAX: usize = 64;
/// Most effects of an action, or of an `each` or `when`.
pub const EFFECTS_MAX: usize = 16;
/// Deepest nesting of `each` and `when`.
pub(crate) const EFFECT_DEPTH_MAX: usize = 3;
/// Most parameters, running numbers and required packages of a package, each.
pub(crate) const CONSTANTS_MAX: usize = 64;
/// Most computed fields, and most invariants, of a register.
pub(crate) const COMPUTED_MAX: usize = 16;
/// Most processes and files with decision tables of a package, together.
pub const PROCESSES_MAX: usize = 32;
/// Most digits to which a running number is filled up.
const DIGITS_MAX: u8 = 12;
/// Most demands for mandates of an action.
pub const MANDATES_MAX: usize = 8;
/// Most provisions named as the legal basis of one action or guard set.
const LAWS_MAX: usize = 32;
/// Longest name of a role, parts and dots together: what a member's record can hold.
const ROLE_BYTES_MAX: usize = 60;
/// Most parts of all rules together, those of a guard set counted for each of its actions: it
/// bounds how long compiling takes.
pub(crate) const PARTS_MAX: usize = 200_000;
/// Most parts of the types of a register's fields, or of an action's input, together: comparing
/// two records' types looks at each.
pub(crate) const FIELD_PARTS_MAX: usize = 1_000;
/// What working out all parameters together may cost. Every call copies their values.
const PARAMETER_FUEL: u64 = 4_096;
/// The last day that parameters' values may name.
const LAST_DAY: i32 = 2_932_896;
/// Most problems reported at once.
const PROBLEMS_MAX: usize = 100;

/// Compiles a document.
///
/// # Errors
/// Every problem found, at most a hundred, in the order of the document.
pub fn compile(doc: &PackageDoc) -> Result<Package, Vec<Problem>> {
    let placed = doc.groups.iter().filter(|group| placement(group) == Some(Placement::Ledger));
    let placed = placed.map(|group| group.name.as_str().into()).collect();
    let mut compiler = Compiler { problems: Vec::new(), parts: PARTS_MAX, placed };
    let package = compiler.package(doc);
    if compiler.problems.is_empty() { Ok(package) } else { Err(compiler.problems) }
}

pub(crate) struct Compiler {
    problems: Vec<Problem>,
    /// Parts of rules that may still be compiled.
    parts: usize,
    /// The groups that are placed on the ledger.
    placed: BTreeSet<Str>,
}

impl Compiler {
    pub(crate) fn report(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    pub(crate) fn rule_error(&mut self, place: &str, error: &RuleError) {
        self.report(Problem::error(
            "rule",
            place,
            (format!("规则有误：{error}"), error.to_string()),
            ("", ""),
        ));
    }

    /// Takes the parts of a rule from what may still be compiled; reported once when used up.
    pub(crate) fn afford(&mut self, place: &str, expr: &Expr) -> bool {
        let left = self.parts;
        self.parts = left.saturating_sub(expr.id.saturating_add(1));
        if self.parts == 0 && left > 0 {
            self.bounded(place, PARTS_MAX.saturating_add(1), PARTS_MAX);
        }
        self.parts > 0
    }

    pub(crate) fn unknown(&mut self, place: &str, what: (&str, &str), name: &str) {
        let name = crate::rule::short(name);
        self.report(Problem::error(
            "unknown-name",
            place,
            (format!("未知的{}`{name}`", what.0), format!("unknown {} `{name}`", what.1)),
            ("改正名称或先行声明", "correct the name or declare it"),
        ));
    }

    /// Counts within bounds, else the problem is reported.
    pub(crate) fn bounded(&mut self, place: &str, count: usize, max: usize) -> bool {
        if count > max {
            self.report(Problem::error(
                "too-many",
                place,
                (
                    format!("共{count}项，上限为{max}"),
                    format!("{count} where at most {max} may stand"),
                ),
                ("删减或拆分", "remove some, or split"),
            ));
        }
        count <= max
    }

    /// Names of packages, registers, actions, codes: lower-case letters, digits, hyphens.
    pub(crate) fn check_id(&mut self, place: &str, id: &str) {
        if !is_id(id) {
            self.bad_name(place, id);
        }
    }

    fn bad_name(&mut self, place: &str, name: &str) {
        let name = crate::rule::short(name);
        self.report(Problem::error(
            "bad-name",
            place,
            (format!("名称`{name}`不合规定"), format!("`{name}` cannot be a name")),
            (
                "用小写字母开头，由小写字母、数字、连字符组成，至多40个字符",
                "use lower-case letters, digits and hyphens, a letter first, at most 40",
            ),
        ));
    }

    fn check_twice<'n>(&mut self, place: &str, names: impl Iterator<Item = &'n str>) {
        let mut seen = BTreeSet::new();
        for name in names {
            if !seen.insert(name) {
                let name = crate::rule::short(name);
                self.report(Problem::error(
                    "twice",
                    place,
                    (format!("`{name}`重复出现"), format!("`{name}` stands twice")),
                    ("删除其一或改名", "remove or rename one"),
                ));
            }
        }
    }

    fn package(&mut self, doc: &PackageDoc) -> Package {
        let mut package = Package {
            id: doc.id.as_str().into(),
            version: doc.version,
            title: text(&doc.title),
            digest: doc.digest(),
            ..Package::default()
        };
        self.check_id("package", &doc.id);
        if doc.version == 0 {
            self.report(Problem::error(
                "bad-version",
                "package",
                ("版本号须自1起", "the version must be at least 1"),
                ("写1或更大的整数", "write 1 or a larger integer"),
            ));
        }
        let size = doc.canonical().len();
        if !self.bounded("package", size, DOCUMENT_BYTES_MAX)
            || !self.bounded("roles", doc.roles.len(), ROLES_MAX)
            || !self.bounded("groups", doc.groups.len(), GROUPS_MAX)
            || !self.bounded("registers", doc.registers.len(), REGISTERS_MAX)
            || !self.bounded("actions", doc.actions.len(), ACTIONS_MAX)
            || !self.bounded("guards", doc.guards.len(), GUARD_SETS_MAX)
            || !self.bounded("requires", doc.requires.len(), CONSTANTS_MAX)
            || !self.bounded("parameters", doc.parameters.len(), CONSTANTS_MAX)
            || !self.bounded("sequences", doc.sequences.len(), CONSTANTS_MAX)
            || !self.bounded("counters", doc.counters.len(), CONSTANTS_MAX)
            || !self.bounded("processes", doc.processes.len(), PROCESSES_MAX)
            || !self.bounded("forms", doc.forms.len(), form::FORMS_MAX)
        {
            return package;
        }
        self.check_twice("roles", doc.roles.iter().map(|role| role.name.as_str()));
        self.check_twice("registers", doc.registers.iter().map(|r| r.name.as_str()));
        self.check_twice("actions", doc.actions.iter().map(|a| a.name.as_str()));
        self.processes(doc, &mut package);
        for role in &doc.roles {
            let place = format!("roles.{}", role.name);
            if role.name.len() > ROLE_BYTES_MAX {
                self.bad_name(&place, &role.name);
            }
            for part in role.name.split('.') {
                self.check_id(&place, part);
            }
            package.roles.insert(role.name.as_str().into(), text(&role.title));
        }
        self.constants(doc, &mut package);
        self.groups(doc, &mut package);
        for register in &doc.registers {
            let compiled = self.register(register, &package);
            package.registers.insert(register.name.as_str().into(), compiled);
        }
        self.check_references(&package);
        self.guard_sets(doc);
        for action in &doc.actions {
            let compiled = self.action(action, doc, &package);
            package.actions.insert(action.name.as_str().into(), compiled);
        }
        for register in &doc.registers {
            let timers = self.timers(register, &package);
            if let Some(register) = package.registers.get_mut(register.name.as_str()) {
                register.timers = timers;
            }
        }
        self.blinded(doc, &package);
        self.forms(doc, &mut package);
        package
    }

    /// Files with processes, as they stand: whoever carries them out compiles them.
    fn processes(&mut self, doc: &PackageDoc, package: &mut Package) {
        self.check_twice("processes", doc.processes.iter().map(|file| file.name.as_str()));
        for file in &doc.processes {
            let place = format!("processes.{}", file.name);
            let stem = file.name.strip_suffix(".bpmn").or_else(|| file.name.strip_suffix(".dmn"));
            self.check_id(&place, stem.unwrap_or_default());
            package.processes.insert(file.name.as_str().into(), file.text.as_str().into());
        }
    }

    /// What guard sets say besides the guards, which are compiled for each action.
    fn guard_sets(&mut self, doc: &PackageDoc) {
        self.check_twice("guards", doc.guards.iter().map(|set| set.name.as_str()));
        for set in &doc.guards {
            let place = format!("guards.{}", set.name);
            self.check_id(&place, &set.name);
            self.bounded(&place, set.law.len(), LAWS_MAX);
            if !self.bounded(&place, set.on.len(), ACTIONS_MAX) {
                continue;
            }
            self.check_twice(&place, set.on.iter().map(String::as_str));
            for (i, on) in set.on.iter().enumerate() {
                if !doc.actions.iter().any(|action| action.name == *on) {
                    self.unknown(&format!("{place}.on[{i}]"), ("业务动作", "action"), on);
                }
            }
        }
    }

    /// Field groups. Their values are opened outside the ledger, so nothing in them refers into it.
    fn groups(&mut self, doc: &PackageDoc, package: &mut Package) {
        self.check_twice("groups", doc.groups.iter().map(|group| group.name.as_str()));
        for group in &doc.groups {
            let place = format!("groups.{}", group.name);
            self.check_id(&place, &group.name);
            if !package.roles.contains_key(group.steward.as_str()) {
                self.unknown(&format!("{place}.steward"), ("角色", "role"), &group.steward);
            }
            let placement = placement(group).unwrap_or_else(|| {
                let named = group.placement.as_deref().unwrap_or_default();
                self.unknown(&format!("{place}.placement"), ("存放位置", "placement"), named);
                Placement::default()
            });
            let fields = self.fields(&format!("{place}.fields"), &group.fields);
            for (name, field) in &fields {
                if refers(&field.kind) {
                    self.report(Problem::error(
                        "bad-type",
                        format!("{place}.fields.{name}"),
                        (
                            "字段组内不得有 ref 或 sealed",
                            "a field group holds neither `ref` nor `sealed`",
                        ),
                        ("引用放在登记簿的字段里", "put what refers into the register's fields"),
                    ));
                }
            }
            let (name, steward) = (group.name.clone(), group.steward.clone());
            let compiled = Group {
                name: name.as_str().into(),
                title: text(&group.title),
                steward: steward.into(),
                claims: self.claims(&place, &group.claims, &fields, package),
                find_by: self.find_by(&place, &group.find_by, &fields),
                fields,
                placement,
            };
            package.groups.insert(name.into(), compiled);
        }
    }

    fn constants(&mut self, doc: &PackageDoc, package: &mut Package) {
        self.check_twice("requires", doc.requires.iter().map(|r| r.package.as_str()));
        self.check_twice("parameters", doc.parameters.iter().map(|p| p.name.as_str()));
        // Both count under their names, so a name is the one or the other.
        let sequences = doc.sequences.iter().map(|s| s.name.as_str());
        self.check_twice("counters", sequences.chain(doc.counters.iter().map(|c| c.name.as_str())));
        for counter in &doc.counters {
            self.check_id(&format!("counters.{}", counter.name), &counter.name);
            package.counters.insert(counter.name.as_str().into(), text(&counter.title));
        }
        for required in &doc.requires {
            self.check_id("requires", &required.package);
            package.requires.insert(required.package.as_str().into(), required.version);
        }
        let declared: Vec<FieldDoc> = doc
            .parameters
            .iter()
            .map(|p| FieldDoc { name: p.name.clone(), ty: p.ty.clone(), title: p.title.clone() })
            .collect();
        let mut fields = self.fields("parameters", &declared);
        let mut fuel = Fuel { left: PARAMETER_FUEL };
        for parameter in &doc.parameters {
            let place = format!("parameters.{}", parameter.name);
            let Some(field) = fields.remove(parameter.name.as_str()) else { continue };
            let wanted = Type::of_field(&field.kind, field.optional);
            let Some(program) = self.typed(&place, &parameter.value, &wanted, &Names::new()) else {
                continue;
            };
            let value = program.run(&Environment::new(), &mut fuel).map_err(|e| e.to_string());
            let fits = |value: Value| {
                if value == Value::Null {
                    return Ok(value);
                }
                field.kind.check(value, LAST_DAY).map_err(|e| e.to_string())
            };
            match value.and_then(fits) {
                Ok(value) => {
                    package
                        .parameters
                        .insert(parameter.name.as_str().into(), Parameter { field, value });
                }
                Err(failure) => self.report(Problem::error(
                    "rule",
                    place,
                    (format!("参数没有值：{failure}"), format!("it has no value: {failure}")),
                    ("改写该值", "write another value"),
                )),
            }
        }
        for sequence in &doc.sequences {
            let place = format!("sequences.{}", sequence.name);
            self.check_id(&place, &sequence.name);
            if let Some(parts) = sequence_parts(sequence) {
                package.sequences.insert(sequence.name.as_str().into(), Sequence { parts });
            } else {
                self.report(Problem::error(
                    "bad-sequence",
                    place,
                    ("编号规则有误", "not the text of a running number"),
                    (
                        "写法如 湘({year}){scope}不动产权第{n:7}号，其中 {n:位数} 须恰好出现一次",
                        "write it as `A-{scope}-{year}-{n:7}`, with `{n:DIGITS}` exactly once",
                    ),
                ));
            }
        }
    }

    pub(crate) fn fields(&mut self, place: &str, docs: &[FieldDoc]) -> BTreeMap<Str, Field> {
        let mut fields = BTreeMap::new();
        let mut parts = FIELD_PARTS_MAX;
        if !self.bounded(place, docs.len(), FIELDS_MAX) {
            return fields;
        }
        self.check_twice(place, docs.iter().map(|field| field.name.as_str()));
        for doc in docs {
            let place = format!("{place}.{}", crate::rule::short(&doc.name));
            if !is_name(&doc.name)
                || doc.name.starts_with('_')
                || doc.name.len() > crate::field::NAME_BYTES_MAX
            {
                self.bad_name(&place, &doc.name);
            }
            match crate::field::parse(&doc.ty) {
                Ok((mut kind, optional)) => {
                    place_groups(&mut kind, &self.placed);
                    let ty = Type::of_field(&kind, optional);
                    let Some(rest) = ty.within(parts) else {
                        self.bounded(&place, FIELD_PARTS_MAX.saturating_add(1), FIELD_PARTS_MAX);
                        return fields;
                    };
                    parts = rest;
                    let field = Field { kind, optional, title: text(&doc.title) };
                    fields.insert(doc.name.as_str().into(), field);
                }
                Err(error) => self.report(Problem::error(
                    "bad-type",
                    place,
                    (format!("类型有误：{error}"), format!("not a type: {error}")),
                    (
                        "类型写法如 text(100)、list(share, max 20)、fen?",
                        "a type is such as text(100), list(share, max 20), fen?",
                    ),
                )),
            }
        }
        fields
    }

    fn check_references(&mut self, package: &Package) {
        for register in package.registers.values() {
            for (name, field) in &register.fields {
                let place = format!("registers.{}.fields.{name}", register.name);
                self.check_reference(&place, &field.kind, package);
            }
        }
    }

    /// Whether the registers and field groups that a type names are there.
    pub(crate) fn check_reference(&mut self, place: &str, kind: &FieldType, package: &Package) {
        if let FieldType::Ref(register) = kind {
            if !package.registers.contains_key(register) {
                self.unknown(place, ("登记簿", "register"), register);
            }
        } else if let Some(group) = kind.group() {
            if !package.groups.contains_key(group) {
                self.unknown(place, ("字段组", "field group"), group);
            }
        } else if let FieldType::List(item, _) | FieldType::MapOf(_, item, _) = kind {
            self.check_reference(place, item, package);
        } else if let FieldType::Map(fields) = kind {
            for field in fields.values() {
                self.check_reference(place, &field.kind, package);
            }
        }
    }
}

/// Where a group's ciphertext lies; `None` for a word that says nothing of it.
fn placement(group: &GroupDoc) -> Option<Placement> {
    match group.placement.as_deref() {
        None | Some("steward") => Some(Placement::Steward),
        Some("ledger") => Some(Placement::Ledger),
        Some(_) => None,
    }
}

/// What is written `sealed` is another type where the group is `placed` on the ledger.
fn place_groups(kind: &mut FieldType, placed: &BTreeSet<Str>) {
    if let FieldType::List(item, _) | FieldType::MapOf(_, item, _) = kind {
        place_groups(item, placed);
    } else if let FieldType::Map(fields) = kind {
        fields.values_mut().for_each(|field| place_groups(&mut field.kind, placed));
    } else if let FieldType::Sealed(group) = kind
        && placed.contains(&*group)
    {
        *kind = FieldType::Placed(group.clone());
    }
}

/// Whether a type names a register or a field group.
fn refers(kind: &FieldType) -> bool {
    if let FieldType::List(item, _) | FieldType::MapOf(_, item, _) = kind {
        refers(item)
    } else if let FieldType::Map(fields) = kind {
        fields.values().any(|field| refers(&field.kind))
    } else {
        matches!(kind, FieldType::Ref(_)) || kind.group().is_some()
    }
}

/// What every rule of a package sees besides its own names: the time, and the parameters.
pub(crate) fn base_names(package: &Package) -> Names {
    let mut names = Names::from([("now".to_owned(), Type::Time), ("today".to_owned(), Type::Date)]);
    if !package.parameters.is_empty() {
        let parameter = |(name, p): (&Str, &Parameter)| {
            (name.clone(), Type::of_field(&p.field.kind, p.field.optional))
        };
        names.insert("param".to_owned(), Type::record(package.parameters.iter().map(parameter)));
    }
    names
}

/// The parts of a running number's text; `None` when it is none.
fn sequence_parts(doc: &SequenceDoc) -> Option<Vec<SequencePart>> {
    const TEXT_CHARS_MAX: usize = 100;
    let mut parts = Vec::new();
    let mut rest = doc.text.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let (part, after) = after.split_once('}')?;
        if !before.is_empty() {
            parts.push(SequencePart::Text(before.into()));
        }
        parts.push(match part {
            "scope" => SequencePart::Scope,
            "year" => SequencePart::Year,
            _ => {
                let digits: u8 = part.strip_prefix("n:")?.parse().ok()?;
                SequencePart::Number(Some(digits).filter(|n| (1..=DIGITS_MAX).contains(n))?)
            }
        });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(SequencePart::Text(rest.into()));
    }
    let numbers = parts.iter().filter(|part| matches!(part, SequencePart::Number(_))).count();
    let plain = parts.iter().all(|part| !matches!(part, SequencePart::Text(t) if t.contains('}')));
    (numbers == 1 && plain && doc.text.chars().count() <= TEXT_CHARS_MAX).then_some(parts)
}

pub(crate) fn is_id(id: &str) -> bool {
    id.len() <= 40
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
}

pub(crate) fn is_kernel_code(code: &str) -> bool {
    Reject::ALL.iter().any(|reject| reject.code() == code)
}

pub(crate) fn text(doc: &TextDoc) -> Text {
    Text { zh: doc.zh.clone(), en: doc.en.clone() }
}

#[cfg(test)]
mod tests;

//! Compiling an action: what its rules see grows from input and caller over the reads to the
//! records that it inserts.

use std::collections::BTreeMap;

use super::{Compiler, GUARDS_MAX, LAWS_MAX, MANDATES_MAX, READ_DEPTH_MAX, READS_MAX, text};
use crate::doc::{ActionDoc, GuardDoc, LetDoc, PackageDoc};
use crate::model::{
    Action, Field, FieldType, Guard, Index, Let, MandateRule, Package, Read, Register, TIMER_ROLE,
    Want,
};
use crate::problem::Problem;
use crate::read::{ReadKind, WantText};
use crate::rule::{Expr, Names, Program, RuleError, Type, condition, is_name};
use chaincity_types::Str;

/// Most reads that an action and its guard sets write down; the same read may stand in several.
const READS_IN_SETS_MAX: usize = 256;

/// What an action's rules see, and what stands behind the names.
pub(super) struct Scope<'p> {
    pub(super) package: &'p Package,
    pub(super) names: Names,
    /// Reads by name: their register, and whether they are lists.
    pub(super) records: BTreeMap<String, (&'p Register, bool)>,
    /// How deep each read lies.
    depths: BTreeMap<String, usize>,
    /// The texts of the reads: guard sets may declare a read that is there already.
    texts: BTreeMap<String, String>,
}

/// What every rule sees of its caller.
pub(super) fn caller_type() -> Type {
    Type::record([
        ("operator", Type::String),
        ("member", Type::String),
        ("roles", Type::list(Type::String)),
        ("subject", Type::String.optional()),
        ("via", Type::String.optional()),
    ])
}

/// A record as rules see it.
pub(crate) fn record_type(register: &Register) -> Type {
    let own = [
        ("_key", Type::String),
        ("_version", Type::Int),
        ("_status", Type::String),
        ("_began", Type::Time),
    ];
    let fields = register
        .fields
        .iter()
        .map(|(name, field)| (name.clone(), Type::of_field(&field.kind, field.optional)));
    let computed = register
        .computed
        .iter()
        .map(|c| (c.name.clone(), Type::of_field(&c.field.kind, c.field.optional)));
    Type::record(fields.chain(computed).chain(own.map(|(name, ty)| (name.into(), ty))))
}

impl Compiler {
    pub(super) fn action(
        &mut self,
        doc: &ActionDoc,
        whole: &PackageDoc,
        package: &Package,
    ) -> Action {
        let place = format!("actions.{}", doc.name);
        self.check_id(&place, &doc.name);
        self.bounded(&place, doc.law.len(), LAWS_MAX);
        self.bounded(&place, doc.by.len(), 16);
        for role in &doc.by {
            if !package.roles.contains_key(role.as_str()) && role != TIMER_ROLE {
                self.unknown(&format!("{place}.by"), ("角色", "role"), role);
            }
        }
        let input = self.fields(&format!("{place}.input"), &doc.input);
        for (name, field) in &input {
            self.check_reference(&format!("{place}.input.{name}"), &field.kind, package);
        }
        let input_type = input
            .iter()
            .map(|(name, field)| (name.clone(), Type::of_field(&field.kind, field.optional)));
        let mut names = super::base_names(package);
        names.insert("input".to_owned(), Type::record(input_type));
        names.insert("caller".to_owned(), caller_type());
        names.insert("action".to_owned(), Type::String);
        let mut scope = Scope {
            package,
            names,
            records: BTreeMap::new(),
            depths: BTreeMap::new(),
            texts: BTreeMap::new(),
        };
        let mut reads = self.reads(&place, &doc.reads, &mut scope);
        let mut guards = self.shared_guards(doc, whole, &mut reads, &mut scope);
        guards.extend(self.guards(&place, &doc.guards, &scope));
        self.bounded(&place, reads.len(), READS_MAX);
        Action {
            name: doc.name.as_str().into(),
            title: text(&doc.title),
            law: doc.law.clone(),
            by: doc.by.iter().map(Into::into).collect(),
            urgent: doc.urgent,
            mandates: self.mandates(&place, doc, &scope),
            input,
            reads,
            guards,
            effects: self.effects(&place, &doc.effects, &mut scope, 0),
            writes: crate::touches::written_registers(doc, whole)
                .into_iter()
                .map(Into::into)
                .collect(),
        }
    }

    pub(super) fn program(&mut self, place: &str, rule: &str, names: &Names) -> Option<Program> {
        if self.parts == 0 {
            return None;
        }
        let program = crate::rule::parse(rule)
            .map(|expr| self.afford(place, &expr).then(|| Program::from_expr(&expr, names)));
        match program {
            Ok(Some(Ok(program))) => Some(program),
            Ok(None) => None,
            Err(error) | Ok(Some(Err(error))) => {
                self.rule_error(place, &error);
                None
            }
        }
    }

    pub(super) fn wrong_type(&mut self, place: &str, wanted: &str, found: &Type) {
        self.report(Problem::error(
            "type",
            place,
            (
                format!("类型应为 {wanted}，实为 {found}"),
                format!("{wanted} expected, found {found}"),
            ),
            ("改写规则或声明的类型", "change the rule or the declared type"),
        ));
    }

    pub(super) fn typed(
        &mut self,
        place: &str,
        rule: &str,
        wanted: &Type,
        names: &Names,
    ) -> Option<Program> {
        let program = self.program(place, rule, names)?;
        if program.ty().fits(wanted) {
            return Some(program);
        }
        self.wrong_type(place, &wanted.to_string(), program.ty());
        None
    }

    /// A reject code of the package's own.
    pub(super) fn check_code(&mut self, place: &str, code: &str) {
        self.check_id(place, code);
        if super::is_kernel_code(code) {
            self.report(Problem::error(
                "kernel-code",
                place,
                (
                    format!("代码`{code}`属于内核"),
                    format!("the code `{code}` belongs to the kernel"),
                ),
                ("另取一个代码", "choose another code"),
            ));
        }
    }

    pub(super) fn no_index(&mut self, place: &str, register: &str) {
        self.report(Problem::error(
            "no-index",
            place,
            (
                format!("登记簿`{register}`没有可用于此读取的索引"),
                format!("register `{register}` has no index for this read"),
            ),
            (
                "在登记簿中声明一个只含这些字段的索引",
                "declare an index of the register over some of these fields",
            ),
        ));
    }

    fn mandates(&mut self, place: &str, doc: &ActionDoc, scope: &Scope<'_>) -> Vec<MandateRule> {
        let mut out = Vec::new();
        if !self.bounded(place, doc.mandates.len(), MANDATES_MAX) {
            return out;
        }
        for (i, mandate) in doc.mandates.iter().enumerate() {
            let place = format!("{place}.mandates[{i}]");
            self.check_id(&place, &mandate.purpose);
            let Some(of) = self.program(&place, &mandate.of, &scope.names) else { continue };
            let one = [Type::String, Type::share()];
            if !one.iter().any(|ty| of.ty().fits(ty) || of.ty().fits(&Type::list(ty.clone()))) {
                self.wrong_type(&place, "string, share, or a list of them", of.ty());
                continue;
            }
            out.push(MandateRule { of, purpose: mandate.purpose.as_str().into() });
        }
        out
    }

    /// The guards of the action's guard sets, which come before its own; their reads are added
    /// to `reads`.
    fn shared_guards<'p>(
        &mut self,
        doc: &ActionDoc,
        whole: &PackageDoc,
        reads: &mut Vec<Let>,
        scope: &mut Scope<'p>,
    ) -> Vec<Guard> {
        let mut out = Vec::new();
        // Before anything is compiled: the sets are compiled anew for each action.
        let (guards, lets) = (whole.guards_of(doc).count(), whole.reads_of(doc).count());
        let place = format!("actions.{}", doc.name);
        if doc.guards.len() > GUARDS_MAX
            || !self.bounded(&place, guards, GUARDS_MAX)
            || !self.bounded(&place, lets, READS_IN_SETS_MAX)
        {
            return out;
        }
        for set in whole.sets_of(&doc.name) {
            let place = format!("guards.{}", set.name);
            let before = self.problems.len();
            reads.extend(self.reads(&place, &set.reads, scope));
            out.extend(self.guards(&place, &set.guards, scope));
            for problem in self.problems.iter_mut().skip(before) {
                problem.cause.zh.push_str(&format!("（用于业务动作`{}`）", doc.name));
                problem.cause.en.push_str(&format!(" (for the action `{}`)", doc.name));
            }
        }
        out
    }

    fn guards(&mut self, place: &str, docs: &[GuardDoc], scope: &Scope<'_>) -> Vec<Guard> {
        let mut out = Vec::new();
        if !self.bounded(place, docs.len(), GUARDS_MAX) {
            return out;
        }
        for (i, guard) in docs.iter().enumerate() {
            let place = format!("{place}.require[{i}]");
            self.check_code(&place, &guard.code);
            if let Some(that) = self.typed(&place, &guard.that, &Type::Bool, &scope.names) {
                out.push(Guard { code: guard.code.as_str().into(), that, text: text(&guard.text) });
            }
        }
        out
    }

    /// Whether `name` can be given to something new.
    pub(super) fn new_name(&mut self, place: &str, name: &str, scope: &Scope<'_>) -> bool {
        let free = is_name(name)
            && name.len() <= crate::field::NAME_BYTES_MAX
            && name != "this"
            && !scope.names.contains_key(name);
        if !free {
            let name = crate::rule::short(name);
            self.report(Problem::error(
                "bad-name",
                place,
                (
                    format!("`{name}`已有含义或不能作名称"),
                    format!("`{name}` already means something or cannot be a name"),
                ),
                ("另取一个名称", "choose another name"),
            ));
        }
        free
    }

    fn reads<'p>(&mut self, place: &str, docs: &[LetDoc], scope: &mut Scope<'p>) -> Vec<Let> {
        let mut out = Vec::new();
        if !self.bounded(place, docs.len(), READS_MAX) {
            return out;
        }
        for doc in docs {
            let place = format!("{place}.let.{}", doc.name);
            if scope.texts.get(&doc.name) == Some(&doc.read) {
                continue;
            }
            if !self.new_name(&place, &doc.name, scope) {
                continue;
            }
            let Some((register, read)) = self.read(&place, doc, scope) else { continue };
            scope.texts.insert(doc.name.clone(), doc.read.clone());
            let Some(register) = register else {
                scope.names.insert(doc.name.clone(), Type::Int);
                out.push(Let { name: doc.name.as_str().into(), register: None, read });
                continue;
            };
            let record = record_type(register);
            let (ty, list) = match &read {
                Read::Key { optional: false, .. } | Read::Index { want: Want::One, .. } => {
                    (record, false)
                }
                Read::Key { optional: true, .. } | Read::Index { want: Want::Maybe, .. } => {
                    (record.optional(), false)
                }
                Read::Keys { .. } | Read::Index { want: Want::All(_), .. } => {
                    (Type::list(record), true)
                }
                Read::Counter { .. } => continue,
            };
            scope.names.insert(doc.name.clone(), ty);
            scope.records.insert(doc.name.clone(), (register, list));
            out.push(Let {
                name: doc.name.as_str().into(),
                register: Some(register.name.clone()),
                read,
            });
        }
        out
    }

    fn read<'p>(
        &mut self,
        place: &str,
        doc: &LetDoc,
        scope: &mut Scope<'p>,
    ) -> Option<(Option<&'p Register>, Read)> {
        let text = crate::read::parse(&doc.read).map_err(|e| self.rule_error(place, &e)).ok()?;
        if let ReadKind::Counter { scope: of } = &text.kind {
            if !scope.package.counters.contains_key(text.of.as_str()) {
                self.unknown(place, ("计数器", "counter"), &text.of);
                return None;
            }
            self.deepen(place, &doc.name, &[of], scope);
            let of = self.expression(place, of, &Type::String, &scope.names)?;
            return Some((None, Read::Counter { counter: text.of.into(), scope: of }));
        }
        let Some(register) = scope.package.registers.get(text.of.as_str()) else {
            self.unknown(place, ("登记簿", "register"), &text.of);
            return None;
        };
        let exprs: Vec<&Expr> = match &text.kind {
            ReadKind::Key { key, .. } => vec![key],
            ReadKind::Keys { keys, .. } => vec![keys],
            ReadKind::Where { conditions, .. } => conditions.iter().map(|(_, e)| e).collect(),
            ReadKind::Counter { .. } => return None,
        };
        self.deepen(place, &doc.name, &exprs, scope);
        let read = match &text.kind {
            ReadKind::Key { key, optional, closed } => {
                // A reference that may be absent finds nothing.
                let ty = if *optional { Type::String.optional() } else { Type::String };
                let key = self.expression(place, key, &ty, &scope.names)?;
                Read::Key { key, optional: *optional, closed: *closed }
            }
            ReadKind::Keys { keys, max } => {
                let ty = Type::list(Type::String);
                let keys = self.expression(place, keys, &ty, &scope.names)?;
                Read::Keys { keys, max: *max }
            }
            ReadKind::Where { conditions, want } => {
                self.index_read(place, register, conditions, *want, scope)?
            }
            ReadKind::Counter { .. } => return None,
        };
        Some((Some(register), read))
    }

    /// Notes how deep a read depends on others: one deeper than what its rules name.
    fn deepen(&mut self, place: &str, name: &str, exprs: &[&Expr], scope: &mut Scope<'_>) {
        let named = exprs.iter().flat_map(|expr| expr.names());
        let deepest = named.filter_map(|name| scope.depths.get(name)).max();
        let depth = deepest.map_or(1, |depth| depth.saturating_add(1));
        self.bounded(place, depth, READ_DEPTH_MAX);
        scope.depths.insert(name.to_owned(), depth);
    }

    fn expression(
        &mut self,
        place: &str,
        expr: &Expr,
        wanted: &Type,
        names: &Names,
    ) -> Option<Program> {
        if !self.afford(place, expr) {
            return None;
        }
        match Program::from_expr(expr, names) {
            Ok(program) if program.ty().fits(wanted) => Some(program),
            Ok(program) => {
                self.wrong_type(place, &wanted.to_string(), program.ty());
                None
            }
            Err(error) => {
                self.rule_error(place, &error);
                None
            }
        }
    }

    fn index_read(
        &mut self,
        place: &str,
        register: &Register,
        conditions: &[(usize, Expr)],
        want: WantText,
        scope: &Scope<'_>,
    ) -> Option<Read> {
        let mut wanted: BTreeMap<Str, Program> = BTreeMap::new();
        let mut list = None;
        for (at, text) in conditions {
            let Some((name, expr, is_list)) = condition(text) else {
                let cause = "a condition is `field == value` or `field in list`";
                self.rule_error(place, &RuleError::new(*at, cause));
                return None;
            };
            let computed = || register.computed.iter().find(|c| c.name == name).map(|c| &c.field);
            let Some(field) = register.fields.get(name).or_else(computed) else {
                self.unknown(place, ("字段", "field"), name);
                return None;
            };
            let one = Type::of_field(&field.kind, field.optional);
            let ty = if is_list { Type::list(one) } else { one };
            let program = self.expression(place, expr, &ty, &scope.names)?;
            self.check_word(place, field, &program);
            if is_list && list.replace(Str::from(name)).is_some() {
                self.rule_error(place, &RuleError::new(*at, "only one condition may be `in`"));
                return None;
            }
            if wanted.insert(name.into(), program).is_some() {
                self.check_twice(place, [name, name].into_iter());
                return None;
            }
        }
        let covered = |index: &&Index| {
            !index.for_lists
                && index.fields.iter().all(|f| wanted.contains_key(f))
                && list.as_ref().is_none_or(|list| index.fields.contains(list))
        };
        let best = register
            .indexes
            .values()
            .filter(covered)
            .min_by_key(|index| (!index.unique, std::cmp::Reverse(index.fields.len())));
        let Some(index) = best else {
            self.no_index(place, &register.name);
            return None;
        };
        let values = index.fields.iter().filter_map(|name| wanted.remove(name)).collect();
        let want = match want {
            WantText::One => Want::One,
            WantText::Maybe => Want::Maybe,
            WantText::All(max) => Want::All(max),
        };
        let any_of = index.fields.iter().position(|field| list.as_ref() == Some(field));
        let filters = wanted.into_iter().collect();
        Some(Read::Index { index: index.name.clone(), values, any_of, filters, want })
    }

    /// A constant given to an enum must be one of its words.
    pub(super) fn check_word(&mut self, place: &str, field: &Field, program: &Program) {
        let (FieldType::Enum(words), Some(word)) = (&field.kind, program.constant_text()) else {
            return;
        };
        if !words.iter().any(|known| known == word) {
            self.unknown(place, ("枚举词", "word of the enum"), word);
        }
    }
}

//! What `chaincity package check` looks for beyond compiling: both languages, protection and use
//! of every part, and a scenario for every action and every reject code.
//!
//! Consensus runs none of this: a package that fails here may still run, so most findings are
//! warnings.

mod claims;
mod forms;
mod lifted;
mod policy;

use std::collections::BTreeSet;

use crate::compile::is_kernel_code;
use crate::doc::{ActionDoc, EffectDoc, PackageDoc, RegisterDoc, TextDoc};
use crate::model::{Over, Package};
use crate::problem::{Problem, Severity};
use crate::read::ReadKind;
use crate::rule::{Expr, parse};
use crate::scenario::{LEDGER, Scenario, Step};
use crate::source::Source;

pub use forms::check_forms;

/// Everything found in a package as authored, errors first.
#[must_use]
pub fn check(source: &Source) -> Vec<Problem> {
    let mut found = Vec::new();
    let package = match crate::compile(&source.doc) {
        Ok(package) => Some(package),
        Err(problems) => {
            found.extend(problems);
            None
        }
    };
    languages(&source.doc, &mut found);
    used(&source.doc, &mut found);
    for action in &source.doc.actions {
        protected(action, &source.doc, &mut found);
        inputs_used(action, &source.doc, &mut found);
    }
    claims::claims(&source.doc, &mut found);
    policy::policy(&source.doc, &mut found);
    if let Some(package) = &package {
        scenarios(source, package, &mut found);
        lifted::lifted(source, package, &mut found);
    }
    let mut found: Vec<_> = found.into_iter().map(|problem| source.locate(problem)).collect();
    found.sort_by_key(|problem| problem.severity);
    found
}

/// What would keep a package from replacing `old`, whose records are stored: a node refuses to
/// publish it.
#[must_use]
pub fn check_against(source: &Source, old: &PackageDoc) -> Vec<Problem> {
    let breaking = |change: crate::describe::Change| {
        let mend = (
            "保留原样；新字段须为可选，索引和主键不能更改",
            "keep it as it was; new fields are optional, indexes and keys stay",
        );
        let cause = (change.text.zh, change.text.en);
        change.breaks.then(|| Problem::error("breaks-records", change.place, cause, mend))
    };
    let changes = crate::describe::diff(old, &source.doc).into_iter();
    changes.filter_map(breaking).map(|problem| source.locate(problem)).collect()
}

/// Whether any of the problems is an error.
#[must_use]
pub fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

fn languages(doc: &PackageDoc, found: &mut Vec<Problem>) {
    let mut text = |place: String, text: &TextDoc| {
        for (missing, zh, en) in [
            (text.zh.trim().is_empty(), "缺少中文文本", "the Chinese text is missing"),
            (text.en.trim().is_empty(), "缺少英文文本", "the English text is missing"),
        ] {
            if missing {
                let mend = ("补上 zh 和 en", "write both zh and en");
                found.push(Problem::error("missing-language", place.clone(), (zh, en), mend));
            }
        }
    };
    text("package".to_owned(), &doc.title);
    for role in &doc.roles {
        text(format!("roles.{}", role.name), &role.title);
    }
    for group in &doc.groups {
        let place = format!("groups.{}", group.name);
        text(place.clone(), &group.title);
        for field in &group.fields {
            text(format!("{place}.fields.{}", field.name), &field.title);
        }
        for claim in &group.claims {
            let place = format!("{place}.claims.{}", claim.field.name);
            text(place.clone(), &claim.field.title);
            for parameter in &claim.parameters {
                text(format!("{place}.parameters.{}", parameter.name), &parameter.title);
            }
        }
    }
    for register in &doc.registers {
        let place = format!("registers.{}", register.name);
        text(place.clone(), &register.title);
        for field in &register.fields {
            text(format!("{place}.fields.{}", field.name), &field.title);
        }
        for computed in &register.computed {
            text(format!("{place}.computed.{}", computed.field.name), &computed.field.title);
        }
        for (i, invariant) in register.invariants.iter().enumerate() {
            text(format!("{place}.invariants[{i}]"), &invariant.text);
        }
    }
    for parameter in &doc.parameters {
        text(format!("parameters.{}", parameter.name), &parameter.title);
    }
    for counter in &doc.counters {
        text(format!("counters.{}", counter.name), &counter.title);
    }
    for set in &doc.guards {
        let place = format!("guards.{}", set.name);
        text(place.clone(), &set.title);
        for (i, guard) in set.guards.iter().enumerate() {
            text(format!("{place}.require[{i}]"), &guard.text);
        }
    }
    for action in &doc.actions {
        let place = format!("actions.{}", action.name);
        text(place.clone(), &action.title);
        for (i, guard) in action.guards.iter().enumerate() {
            text(format!("{place}.require[{i}]"), &guard.text);
        }
        for limit in action.limits() {
            text(place.clone(), &limit.text);
        }
        for field in &action.input {
            text(format!("{place}.input.{}", field.name), &field.title);
        }
    }
    form_texts(doc, &mut text);
}

fn form_texts(doc: &PackageDoc, text: &mut impl FnMut(String, &TextDoc)) {
    for form in &doc.forms {
        let place = format!("forms.{}", form.name);
        form.help.iter().chain([&form.title]).for_each(|title| text(place.clone(), title));
        for (i, field) in form.fields.iter().enumerate() {
            let own = field.title.iter().chain(&field.help);
            own.for_each(|title| text(format!("{place}.fields[{i}]"), title));
        }
        for (i, kind) in form.evidence.iter().enumerate() {
            text(format!("{place}.evidence[{i}]"), &kind.title);
        }
    }
}

/// Roles that no action names, registers that none writes, actions without a legal basis.
fn used(doc: &PackageDoc, found: &mut Vec<Problem>) {
    for role in &doc.roles {
        if !doc.actions.iter().any(|action| action.by.contains(&role.name)) {
            found.push(
                Problem::error(
                    "unused-role",
                    format!("roles.{}", role.name),
                    ("没有业务动作使用此角色", "no action names this role"),
                    ("删除该角色或用于业务动作", "remove it, or let an action name it"),
                )
                .warning(),
            );
        }
    }
    for counter in &doc.counters {
        let counts = |effect: &EffectDoc| matches!(effect, EffectDoc::Count { counter: name, .. } if *name == counter.name);
        let mut counted = false;
        let effects = doc.actions.iter().flat_map(|action| &action.effects);
        effects.for_each(|effect| effect.walk(&mut |effect| counted |= counts(effect)));
        if !counted {
            found.push(
                Problem::error(
                    "unused-counter",
                    format!("counters.{}", counter.name),
                    ("没有业务动作使用此计数器", "no action counts with it"),
                    ("删除该计数器或在 count 中使用", "remove it, or use it in a `count`"),
                )
                .warning(),
            );
        }
    }
    for register in &doc.registers {
        let writes = |action: &ActionDoc| written(action).contains(&register.name.as_str());
        if !doc.actions.iter().any(writes) {
            found.push(
                Problem::error(
                    "unwritten-register",
                    format!("registers.{}", register.name),
                    ("没有业务动作向此登记簿新增记录", "no action inserts into this register"),
                    ("删除该登记簿或增加业务动作", "remove it, or write an action that does"),
                )
                .warning(),
            );
        }
    }
    for action in doc.actions.iter().filter(|action| action.law.is_empty()) {
        found.push(
            Problem::error(
                "no-law",
                format!("actions.{}", action.name),
                ("未注明法律依据", "no legal basis is cited"),
                ("在 law 中列出法条", "list the provisions under `law`"),
            )
            .warning(),
        );
    }
}

/// The organisation of a role: the first part of its name.
fn organisation(role: &str) -> &str {
    role.split('.').next().unwrap_or_default()
}

/// Registers into which an action inserts.
fn written(action: &ActionDoc) -> Vec<&str> {
    let mut registers = Vec::new();
    for effect in &action.effects {
        effect.walk(&mut |effect| {
            if let EffectDoc::Insert { register, .. } = effect {
                registers.push(register.as_str());
            }
        });
    }
    registers
}

/// Someone must be named who may act: a role, or a party whose mandate is needed; and what an
/// action writes should be the business of the register's steward.
fn protected(action: &ActionDoc, doc: &PackageDoc, found: &mut Vec<Problem>) {
    let place = format!("actions.{}", action.name);
    if action.by.is_empty() && action.mandates.is_empty() {
        found.push(Problem::error(
            "unprotected-action",
            format!("{place}.by"),
            ("任何人都可以办理此业务", "anyone may call this action"),
            ("在 by 中列出角色，或要求授意", "name roles under `by`, or demand mandates"),
        ));
    }
    let callers: BTreeSet<&str> = action.by.iter().map(|role| organisation(role)).collect();
    let foreign = |register: &&RegisterDoc| {
        written(action).contains(&register.name.as_str())
            && !callers.contains(organisation(&register.steward))
            && action.mandates.is_empty()
    };
    for register in doc.registers.iter().filter(foreign) {
        found.push(
            Problem::error(
                "foreign-writer",
                format!("{place}.by"),
                (
                    format!("登记簿`{}`的主管方不参与此业务", register.name),
                    format!("the steward of `{}` has no part in this action", register.name),
                ),
                (
                    "让主管方的角色办理，或要求授意",
                    "let the steward's role act, or demand mandates",
                ),
            )
            .warning(),
        );
    }
}

/// Every rule of an action and of its guard sets, as far as it parses.
fn rules(action: &ActionDoc, doc: &PackageDoc) -> Vec<Expr> {
    let mut texts: Vec<&str> = doc.guards_of(action).map(|guard| guard.that.as_str()).collect();
    texts.extend(action.mandates.iter().map(|mandate| mandate.of.as_str()));
    for effect in &action.effects {
        effect.walk(&mut |effect| texts.extend(effect.rules()));
    }
    let mut exprs: Vec<Expr> = texts.iter().filter_map(|text| parse(text).ok()).collect();
    for read in doc.reads_of(action) {
        match crate::read::parse(&read.read).map(|read| read.kind) {
            Ok(ReadKind::Key { key, .. }) => exprs.push(key),
            Ok(ReadKind::Keys { keys, .. }) => exprs.push(keys),
            Ok(ReadKind::Counter { scope }) => exprs.push(scope),
            Ok(ReadKind::Where { conditions, .. }) => {
                exprs.extend(conditions.into_iter().map(|(_, condition)| condition));
            }
            Err(_) => {}
        }
    }
    exprs
}

/// Inputs and reads that nothing uses.
fn inputs_used(action: &ActionDoc, doc: &PackageDoc, found: &mut Vec<Problem>) {
    let exprs = rules(action, doc);
    let inputs: BTreeSet<&str> = exprs.iter().flat_map(|expr| expr.fields_of("input")).collect();
    let mut names: BTreeSet<&str> = exprs.iter().flat_map(Expr::names).collect();
    for effect in &action.effects {
        effect.walk(&mut |effect| {
            if let EffectDoc::Update { record, .. } | EffectDoc::Close { record, .. } = effect {
                names.insert(record);
            }
        });
    }
    let mut unused = |place: String| {
        found.push(
            Problem::error(
                "unused",
                place,
                ("没有规则使用它", "no rule uses it"),
                ("删除它或在规则中使用", "remove it, or use it in a rule"),
            )
            .warning(),
        );
    };
    for field in action.input.iter().filter(|field| !inputs.contains(field.name.as_str())) {
        unused(format!("actions.{}.input.{}", action.name, field.name));
    }
    for read in action.reads.iter().filter(|read| !names.contains(read.name.as_str())) {
        unused(format!("actions.{}.let.{}", action.name, read.name));
    }
}

/// Scenarios must fit the package, and try every action, every reject code and every demand for
/// mandates, both ways.
fn scenarios(source: &Source, package: &Package, found: &mut Vec<Problem>) {
    let steps = || source.scenarios.iter().flat_map(|s| s.given.iter().chain(&s.when));
    let met: BTreeSet<&str> = steps().filter_map(|step| step.code.as_deref()).collect();
    for register in package.registers.values() {
        for (i, invariant) in register.invariants.iter().enumerate() {
            // What no call changes, only an action that is wrong can break: no scenario can.
            if invariant.over != Over::Call && !met.contains(invariant.code.as_str()) {
                let place = format!("registers.{}.invariants[{i}]", register.name);
                found.push(untested_code(place, &invariant.code, None));
            }
        }
    }
    let mut names = BTreeSet::new();
    for scenario in &source.scenarios {
        if !names.insert(&scenario.name) {
            let cause = ("情景名称重复", "another scenario has this name");
            found.push(scenario_problem(scenario, cause, ("改名", "rename it")));
        }
        for step in scenario.given.iter().chain(&scenario.when) {
            step_fits(scenario, step, package, found);
        }
    }
    for action in &source.doc.actions {
        let tried: Vec<&Step> =
            steps().filter(|step| step.package.is_none() && step.action == action.name).collect();
        tries(source, action, &tried, found);
    }
}

/// What the steps of an action leave untried: that it applies, each cell of the guard matrix, each
/// consent.
fn tries(source: &Source, action: &ActionDoc, tried: &[&Step], found: &mut Vec<Problem>) {
    let own = action.name.as_str();
    let place = format!("actions.{own}");
    if !tried.iter().any(|step| step.code.is_none()) {
        let cause = ("没有情景成功办理此业务", "no scenario applies this action");
        found.push(untested("untested-action", place.clone(), cause));
    }
    let guards = std::iter::once((place.clone(), &action.guards));
    let sets = source.doc.sets_of(own).map(|s| (format!("guards.{}", s.name), &s.guards));
    for (place, guards) in guards.chain(sets) {
        for (i, guard) in guards.iter().enumerate() {
            if !tried.iter().any(|step| step.code.as_ref() == Some(&guard.code)) {
                let place = format!("{place}.require[{i}]");
                found.push(untested_code(place, &guard.code, Some(own)));
            }
        }
    }
    for limit in action.limits() {
        if !tried.iter().any(|step| step.code.as_ref() == Some(&limit.code)) {
            found.push(untested_code(place.clone(), &limit.code, Some(own)));
        }
    }
    for (i, mandate) in action.mandates.iter().enumerate() {
        let purpose = &mandate.purpose;
        let named = |step: &&&Step| step.mandates.iter().any(|given| given.purpose == *purpose);
        let mut untried = |cause: (String, String)| {
            found.push(untested("untested-mandate", format!("{place}.mandates[{i}]"), cause));
        };
        if !tried.iter().any(|step| step.missing.as_ref() == Some(purpose)) {
            untried((
                format!("没有情景因缺少`{purpose}`授权被拒绝（missing）"),
                format!("no scenario is refused for want of `{purpose}` (`missing`)"),
            ));
        }
        if !tried.iter().filter(named).any(|step| step.code.is_none()) {
            untried((
                format!("没有情景凭`{purpose}`授权办成"),
                format!("no scenario applies the action with a mandate for `{purpose}`"),
            ));
        }
    }
}

fn untested(
    code: &'static str,
    place: String,
    cause: (impl Into<String>, impl Into<String>),
) -> Problem {
    Problem::error(code, place, cause, ("增加一个情景", "write one")).warning()
}

fn untested_code(place: String, code: &str, action: Option<&str>) -> Problem {
    let zh = action.map(|action| format!("业务动作`{action}`")).unwrap_or_default();
    let en = action.map(|action| format!(" of the action `{action}`")).unwrap_or_default();
    let cause = (
        format!("没有{zh}因`{code}`被拒绝的情景"),
        format!("no scenario{en} is refused with `{code}`"),
    );
    untested("untested-code", place, cause)
}

fn scenario_problem(
    scenario: &Scenario,
    cause: (impl Into<String>, impl Into<String>),
    mend: (&str, &str),
) -> Problem {
    let place = format!("scenarios.{}", scenario.name);
    let mut problem = Problem::error("scenario", place, cause, mend);
    problem.location = Some(scenario.location.clone());
    problem
}

fn step_fits(scenario: &Scenario, step: &Step, package: &Package, found: &mut Vec<Problem>) {
    let mut unknown = |zh: &str, en: &str, name: &str| {
        let cause = (format!("未知的{zh}`{name}`"), format!("unknown {en} `{name}`"));
        found.push(scenario_problem(scenario, cause, ("改正名称", "correct the name")));
    };
    let by = std::iter::once(&step.by).filter(|by| *by != LEDGER);
    let people = by.chain(step.mandates.iter().map(|m| &m.by));
    for person in people.filter(|person| !scenario.people.contains_key(*person)) {
        unknown("人员", "person", person);
    }
    if step.package.is_some() {
        return;
    }
    let Some(action) = package.actions.get(step.action.as_str()) else {
        unknown("业务动作", "action", &step.action);
        return;
    };
    let timers = package.registers.values().flat_map(|register| register.timers.values());
    if step.by == LEDGER && !timers.into_iter().any(|timer| timer.action == step.action) {
        unknown("定时器所办业务", "action of a timer", &step.action);
    }
    for (name, json) in &step.input {
        match action.input.get(name.as_str()) {
            None => unknown("输入项", "input", name),
            // `$step.register` stands for a key that only the run knows.
            Some(_) if json.to_string().contains("\"$") || json.is_null() => {}
            Some(field) => {
                if let Err(problem) = crate::json::to_value(&field.kind, json) {
                    unknown("输入值", "input", &format!("{name}: {problem}"));
                }
            }
        }
    }
    let mut invariants = package.registers.values().flat_map(|register| &register.invariants);
    // An action of another package may refuse with codes that are not known here.
    if let Some(code) = &step.code
        && !is_kernel_code(code)
        && package.requires.is_empty()
        && !action.refusals().iter().any(|(refusal, _)| refusal == code)
        && !invariants.any(|invariant| invariant.code == *code)
    {
        unknown("拒绝代码", "reject code", code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: &str = "package: test\nversion: 1\ntitle: {zh: 测试, en: Test}\nroles:\n  \
        a.b: {zh: 甲, en: A}\n  a.c: {zh: 乙, en: \"\"}\n";
    const REGISTER: &str = "register: item\ntitle: {zh: 物, en: Item}\nsteward: a.b\nkey: auto\n\
        fields:\n  n: {type: int, zh: 数, en: Number}\n";
    const ACTION: &str = "action: make\ntitle: {zh: 造, en: Make}\nby: BY\n\
        input:\n  n: {type: int, zh: 数, en: Number}\n  m: {type: int, zh: 数, en: Number}\n\
        require:\n  - {code: too-small, that: input.n > 0, zh: 太小, en: too small}\n\
        do:\n  - insert:\n      register: item\n      fields: {n: input.n}\n";
    const SCENARIO: &str = "people:\n  p: {member: x, roles: [a.b]}\nscenarios:\n  \
        - scenario: one\n    zh: 一\n    en: one\n    when:\n      \
        - {by: p, action: make, input: {n: 1, m: 1, k: 1}}\n      \
        - {by: q, action: make, input: {n: 1, m: 1}, code: no-such}\n";

    fn found(by: &str) -> Vec<(&'static str, String)> {
        let action = ACTION.replace("BY", by);
        let files = [
            ("package.yaml", PACKAGE),
            ("registers/item.yaml", REGISTER),
            ("actions/make.yaml", action.as_str()),
            ("scenarios/one.yaml", SCENARIO),
        ];
        let problems = check(&crate::source::parse(&files).unwrap());
        problems.into_iter().map(|p| (p.code, p.to_string())).collect()
    }

    #[test]
    fn each_finding_has_its_place_and_its_mend() {
        let found = found("a.b");
        let codes: Vec<_> = found.iter().map(|(code, _)| *code).collect();
        let wanted = [
            "missing-language",
            "scenario",
            "scenario",
            "scenario",
            "unused-role",
            "no-law",
            "unused",
            "untested-code",
        ];
        assert_eq!(codes, wanted, "{found:#?}");
        assert_eq!(
            found[0].1,
            "package.yaml:6:8: error: the English text is missing; write both zh and en"
        );
        assert!(found[7].1.starts_with("actions/make.yaml:8:"), "{}", found[7].1);
    }

    #[test]
    fn the_code_of_an_invariant_is_known_and_wants_a_scenario() {
        let action = ACTION.replace("BY", "a.b");
        let invariants =
            "invariants:\n  - {code: too-big, that: this.n < 9, zh: 太大, en: too big}\n";
        let register = format!("{REGISTER}{invariants}");
        let codes = |scenario: &str| {
            let files = [
                ("package.yaml", PACKAGE),
                ("registers/item.yaml", register.as_str()),
                ("actions/make.yaml", action.as_str()),
                ("scenarios/one.yaml", scenario),
            ];
            let problems = check(&crate::source::parse(&files).unwrap());
            let count = |code| problems.iter().filter(|p| p.code == code).count();
            (count("scenario"), count("untested-code"))
        };
        let (scenario, untested) = codes(SCENARIO);
        assert_eq!(codes(&SCENARIO.replace("no-such", "too-big")), (scenario - 1, untested - 1));
    }

    #[test]
    fn a_limit_wants_a_scenario_and_a_counter_an_action() {
        let package = format!("{PACKAGE}counters:\n  made: {{zh: 数, en: Made}}\n");
        let count =
            "  - count: {counter: made, limit: {max: 3, code: made-enough, zh: 够, en: ok}}\n";
        let codes = |more: &str, scenario: &str| {
            let action = ACTION.replace("BY", "a.b") + more;
            let files = [
                ("package.yaml", package.as_str()),
                ("registers/item.yaml", REGISTER),
                ("actions/make.yaml", action.as_str()),
                ("scenarios/one.yaml", scenario),
            ];
            let problems = check(&crate::source::parse(&files).unwrap());
            let count = |code| problems.iter().filter(|p| p.code == code).count();
            (count("unused-counter"), count("scenario"), count("untested-code"))
        };
        let (_, unknown, untested) = codes("", SCENARIO);
        assert_eq!(codes("", SCENARIO).0, 1);
        assert_eq!(codes(count, SCENARIO), (0, unknown, untested + 1));
        let met = SCENARIO.replace("no-such", "made-enough");
        assert_eq!(codes(count, &met), (0, unknown - 1, untested));
    }

    #[test]
    fn a_demand_for_mandates_wants_scenarios_both_ways() {
        let action = ACTION.replace("BY", "a.b") + "mandates:\n  - {of: '[\"x\"]', for: nod}\n";
        let untested = |more: &str| {
            let scenario = format!("{SCENARIO}{more}");
            let files = [
                ("package.yaml", PACKAGE),
                ("registers/item.yaml", REGISTER),
                ("actions/make.yaml", action.as_str()),
                ("scenarios/one.yaml", scenario.as_str()),
            ];
            let problems = check(&crate::source::parse(&files).unwrap());
            problems.iter().filter(|p| p.code == "untested-mandate").count()
        };
        let step = "      - {by: p, action: make, input: {n: 1, m: 1}, ";
        let refused = |purpose| format!("{step}code: mandate-missing, missing: {purpose}}}\n");
        let applies = format!("{step}mandates: [{{by: p, for: nod}}]}}\n");
        assert_eq!(untested(""), 2);
        assert_eq!(untested(&refused("other")), 2);
        assert_eq!(untested(&refused("nod")), 1);
        assert_eq!(untested(&(refused("nod") + &applies)), 0);
    }

    #[test]
    fn an_upgrade_that_breaks_stored_records_is_found_where_it_stands() {
        let files = |register: &'static str| {
            let files = [("package.yaml", PACKAGE), ("registers/item.yaml", register)];
            crate::source::parse(&files).unwrap()
        };
        let old = files(REGISTER).doc;
        assert!(check_against(&files(REGISTER), &old).is_empty());
        let new = "register: item\ntitle: {zh: 物, en: Item}\nsteward: a.b\nkey: auto\n\
            fields:\n  n: {type: text(3), zh: 数, en: Number}\n  m: int\n  o: int?\n";
        let found = check_against(&files(new), &old);
        let lines: Vec<u64> = found.iter().map(|p| p.location.as_ref().unwrap().line).collect();
        assert_eq!(lines, [6, 7], "{found:#?}");
        assert!(found.iter().all(|problem| problem.code == "breaks-records"));
    }

    #[test]
    fn an_action_that_anyone_may_call_is_found() {
        let found = found("[]");
        assert!(found.iter().any(|(code, _)| *code == "unprotected-action"));
        assert!(found.iter().any(|(code, _)| *code == "foreign-writer"));
    }
}

//! Policies that contradict themselves: guards that nothing meets or everything, guard sets for no
//! action, one code with two texts, effects that never happen, urgency for strangers.

use std::collections::BTreeMap;

use super::{organisation, written};
use crate::doc::{ActionDoc, EffectDoc, GuardDoc, PackageDoc};
use crate::model::TIMER_ROLE;
use crate::problem::Problem;
use crate::rule::{Environment, Fuel, Names, Program};
use chaincity_types::Value;

/// Everything of the kind in a document.
pub(super) fn policy(doc: &PackageDoc, found: &mut Vec<Problem>) {
    for set in &doc.guards {
        let place = format!("guards.{}", set.name);
        if set.on.is_empty() {
            let cause = ("共用条件不适用于任何业务动作", "the guard set stands for no action");
            let mend = ("在 on 中列出业务动作，或删除", "name actions under `on`, or remove it");
            found.push(Problem::error("idle-guards", place.clone(), cause, mend).warning());
        }
        constant_guards(&place, &set.guards, found);
    }
    for action in &doc.actions {
        let place = format!("actions.{}", action.name);
        constant_guards(&place, &action.guards, found);
        two_texts(&place, action, doc, found);
        effects(&place, &action.effects, found);
        urgent(&place, action, doc, found);
        idle(&place, action, doc, found);
    }
}

/// What only a timer may call, some timer must.
fn idle(place: &str, action: &ActionDoc, doc: &PackageDoc, found: &mut Vec<Problem>) {
    let mut timers = doc.registers.iter().flat_map(|register| &register.timers);
    let only = !action.by.is_empty() && action.by.iter().all(|role| role == TIMER_ROLE);
    if only && !timers.any(|timer| timer.action == action.name) {
        let cause = ("没有定时器办理此业务，也无人可办", "no timer calls it, and nobody else may");
        let mend =
            ("在登记簿的 timers 中引用，或删除", "name it in a register's `timers`, or remove it");
        found.push(Problem::error("idle-action", place, cause, mend));
    }
}

/// What a rule without names always gives.
fn constant(rule: &str) -> Option<bool> {
    let program = Program::compile(rule, &Names::new()).ok()?;
    let value = program.run(&Environment::new(), &mut Fuel::for_call()).ok()?;
    if let Value::Bool(value) = value { Some(value) } else { None }
}

fn constant_guards(place: &str, guards: &[GuardDoc], found: &mut Vec<Problem>) {
    for (i, guard) in guards.iter().enumerate() {
        let place = format!("{place}.require[{i}]");
        match constant(&guard.that) {
            Some(true) => {
                let cause = ("条件恒成立，不会拒绝任何办理", "the guard always holds");
                let mend = ("删除或改写", "remove or rewrite it");
                found.push(Problem::error("constant-guard", place, cause, mend).warning());
            }
            Some(false) => {
                let cause =
                    ("条件恒不成立，业务永远无法办理", "the guard never holds: nothing passes");
                found.push(Problem::error("constant-guard", place, cause, ("改写", "rewrite it")));
            }
            None => {}
        }
    }
}

/// A person who is refused with a code should read one text.
fn two_texts(place: &str, action: &ActionDoc, doc: &PackageDoc, found: &mut Vec<Problem>) {
    let mut texts = BTreeMap::new();
    for guard in doc.guards_of(action) {
        let text = texts.entry(guard.code.as_str()).or_insert(&guard.text);
        if **text != guard.text {
            let code = &guard.code;
            let cause = (
                format!("拒绝代码`{code}`有两种说明"),
                format!("the code `{code}` has two different texts"),
            );
            let mend = ("统一说明，或另取代码", "give both one text, or another code");
            found.push(Problem::error("two-texts", place, cause, mend).warning());
        }
    }
}

fn effects(place: &str, effects: &[EffectDoc], found: &mut Vec<Problem>) {
    for (i, effect) in effects.iter().enumerate() {
        let place = format!("{place}.do[{i}]");
        if let EffectDoc::When { that, .. } = effect
            && constant(that) == Some(false)
        {
            let cause = ("条件恒不成立，其中的效果不会发生", "the condition never holds");
            let mend = ("删除或改写条件", "remove it, or rewrite its condition");
            found.push(Problem::error("dead-effect", place.clone(), cause, mend).warning());
        }
        if let EffectDoc::Each { effects: inner, .. } | EffectDoc::When { effects: inner, .. } =
            effect
        {
            self::effects(&place, inner, found);
        }
    }
}

/// Going before others is for whoever is in charge of what is written.
fn urgent(place: &str, action: &ActionDoc, doc: &PackageDoc, found: &mut Vec<Problem>) {
    if !action.urgent {
        return;
    }
    let registers = written(action);
    let mut stewards = doc.registers.iter().filter(|r| registers.contains(&r.name.as_str()));
    let acts = |steward: &str| action.by.iter().any(|by| organisation(by) == organisation(steward));
    if let Some(register) = stewards.find(|register| !acts(&register.steward)) {
        let name = &register.name;
        let cause = (
            format!("优先业务不由登记簿`{name}`的主管方办理"),
            format!("it goes before others, but the steward of `{name}` has no part in it"),
        );
        let mend = ("去掉 urgent，或由主管方办理", "drop `urgent`, or let the steward's role act");
        found.push(Problem::error("urgent-stranger", place, cause, mend).warning());
    }
}

#[cfg(test)]
mod tests {
    use crate::source::parse;

    const FILES: [(&str, &str); 4] = [
        (
            "package.yaml",
            "package: test\nversion: 1\ntitle: {zh: 测试, en: Test}\nroles:\n  \
             a.b: {zh: 甲, en: A}\n  c.d: {zh: 乙, en: C}\n",
        ),
        (
            "registers/item.yaml",
            "register: item\ntitle: {zh: 物, en: Item}\nsteward: c.d\nkey: auto\n\
             fields:\n  n: {type: int, zh: 数, en: Number}\n",
        ),
        (
            "guards/idle.yaml",
            "guard: idle\ntitle: {zh: 空, en: Idle}\non: []\n\
             require:\n  - {code: x, that: today == today, zh: 甲, en: a}\n",
        ),
        (
            "actions/make.yaml",
            "action: make\ntitle: {zh: 造, en: Make}\nby: a.b\nurgent: true\nrequire:\n  \
             - {code: t, that: '1 < 2', zh: 甲, en: a}\n  \
             - {code: f, that: \"'a' == 'b'\", zh: 乙, en: b}\n  \
             - {code: f, that: today == today, zh: 丙, en: c}\ndo:\n  \
             - when: {that: 'false', do: [{insert: {register: item, fields: {n: '1'}}}]}\n",
        ),
    ];

    #[test]
    fn policies_that_contradict_themselves_are_found_where_they_stand() {
        let problems = crate::check(&parse(&FILES).unwrap());
        let at = |code: &str| {
            let of = |p: &&crate::Problem| p.code == code;
            let line = |p: &crate::Problem| {
                let at = p.location.clone().unwrap();
                assert!(!p.mend.zh.is_empty() && !p.mend.en.is_empty());
                (at.file, at.line)
            };
            problems.iter().filter(of).map(line).collect::<Vec<_>>()
        };
        let action = |line| ("actions/make.yaml".to_owned(), line);
        assert_eq!(at("idle-guards"), [("guards/idle.yaml".to_owned(), 1)]);
        // The one that never holds is an error and comes first.
        assert_eq!(at("constant-guard"), [action(7), action(6)]);
        assert_eq!(at("two-texts"), [action(1)]);
        assert_eq!(at("dead-effect"), [action(10)]);
        assert_eq!(at("urgent-stranger"), [action(1)]);
    }
}

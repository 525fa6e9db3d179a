//! The guard matrix from its other side: what a shared guard refused passes once exactly that
//! obstacle is gone. A guard that never lets go again would otherwise pass for a strict one.

use serde_json::Value as Json;

use crate::model::{Action, FieldType, Package};
use crate::problem::Problem;
use crate::scenario::{Scenario, Step};
use crate::source::Source;

/// The cells (guard of a set, action) of which no scenario shows it.
pub(super) fn lifted(source: &Source, package: &Package, found: &mut Vec<Problem>) {
    for set in &source.doc.guards {
        for code in set.guards.iter().map(|guard| guard.code.as_str()) {
            for action in set.on.iter().filter_map(|name| package.actions.get(name.as_str())) {
                let mut refusing = source.scenarios.iter().filter(|s| refuses(s, action, code));
                let Some(first) = refusing.next() else { continue };
                if !passes_later(first, action, code)
                    && !refusing.any(|scenario| passes_later(scenario, action, code))
                {
                    found.push(never_lifted(first, action, code));
                }
            }
        }
    }
}

fn steps(scenario: &Scenario) -> impl Iterator<Item = &Step> {
    scenario.given.iter().chain(&scenario.when)
}

fn is_of(step: &Step, action: &Action, code: Option<&str>) -> bool {
    step.package.is_none() && step.action == action.name && step.code.as_deref() == code
}

fn refuses(scenario: &Scenario, action: &Action, code: &str) -> bool {
    steps(scenario).any(|step| is_of(step, action, Some(code)))
}

/// Whether the action applies to the same records after it was refused.
fn passes_later(scenario: &Scenario, action: &Action, code: &str) -> bool {
    let mut refused: Vec<Vec<Option<&Json>>> = Vec::new();
    steps(scenario).any(|step| {
        if is_of(step, action, Some(code)) {
            refused.push(records(step, action));
        }
        is_of(step, action, None) && refused.contains(&records(step, action))
    })
}

/// The records that a call is about: those that its action cannot do without.
fn records<'s>(step: &'s Step, action: &Action) -> Vec<Option<&'s Json>> {
    let named = action.input.iter().filter(|(_, field)| !field.optional && is_record(&field.kind));
    named.map(|(name, _)| step.input.get(name.as_str())).collect()
}

fn is_record(kind: &FieldType) -> bool {
    match kind {
        FieldType::Ref(_) => true,
        FieldType::List(item, _) => is_record(item),
        FieldType::Bool
        | FieldType::Int
        | FieldType::Fen
        | FieldType::Area
        | FieldType::Decimal(_)
        | FieldType::Text(_)
        | FieldType::Bytes(_)
        | FieldType::Digest
        | FieldType::Date
        | FieldType::Time
        | FieldType::Enum(_)
        | FieldType::Sealed(_)
        | FieldType::Placed(_)
        | FieldType::Subject
        | FieldType::Pseudonym(_)
        | FieldType::Identifier(_)
        | FieldType::Share
        | FieldType::Map(_)
        | FieldType::MapOf(..) => false,
    }
}

fn never_lifted(scenario: &Scenario, action: &Action, code: &str) -> Problem {
    let name = &action.name;
    let cause = (
        format!("业务动作`{name}`因`{code}`被拒绝后，没有情景对同一记录办成"),
        format!(
            "after `{name}` was refused with `{code}`, no scenario applies it to the same record"
        ),
    );
    let mend = ("去除该障碍后再办理一次", "take this obstacle away and call the action once more");
    let place = format!("scenarios.{}", scenario.name);
    let mut problem = Problem::error("never-lifted", place, cause, mend).warning();
    problem.location = Some(scenario.location.clone());
    problem
}

#[cfg(test)]
mod tests {
    use crate::source::parse;

    const PACKAGE: &str = "package: test\nversion: 1\ntitle: {zh: 测试, en: Test}\nroles:\n  \
        a.b: {zh: 甲, en: A}\n";
    const REGISTER: &str = "register: item\ntitle: {zh: 物, en: Item}\nsteward: a.b\nkey: auto\n\
        fields:\n  n: {type: int, zh: 数, en: Number}\n";
    const GUARD: &str = "guard: calm\ntitle: {zh: 静, en: Calm}\non: [change]\nrequire:\n  \
        - {code: too-loud, that: 'items.all(i, i.n < 9)', zh: 太响, en: too loud}\n";
    const ACTION: &str = "action: change\ntitle: {zh: 改, en: Change}\nby: a.b\ninput:\n  \
        item: {type: ref(item), zh: 物, en: Item}\n  other: {type: ref(item)?, zh: 他, en: Other}\n\
        let:\n  items: each(item, [input.item], max 1)\ndo:\n  \
        - each: {as: i, of: item, in: items, do: [{update: {record: i, set: {n: '1'}}}]}\n";

    /// Where a cell is found that no scenario shows to be lifted, with these steps.
    fn found(steps: &str) -> Vec<(String, u64)> {
        let scenario = format!(
            "people:\n  p: {{member: x, roles: [a.b]}}\nscenarios:\n  - scenario: one\n    \
             zh: 一\n    en: one\n    when:\n{steps}"
        );
        let files = [
            ("package.yaml", PACKAGE),
            ("registers/item.yaml", REGISTER),
            ("guards/calm.yaml", GUARD),
            ("actions/change.yaml", ACTION),
            ("scenarios/one.yaml", scenario.as_str()),
        ];
        let problems = crate::check(&parse(&files).unwrap());
        let lifted = problems.into_iter().filter(|p| p.code == "never-lifted");
        lifted.map(|p| p.location.unwrap()).map(|at| (at.file, at.line)).collect()
    }

    #[test]
    fn what_a_shared_guard_refused_must_pass_once_in_the_same_scenario_upon_the_same_record() {
        let step = |item: &str, more: &str| {
            format!("      - {{by: p, action: change, input: {{item: {item}{more}}}")
        };
        let refused = step("a", "") + ", code: too-loud}\n";
        let there = vec![("scenarios/one.yaml".to_owned(), 4)];
        assert_eq!(found(&refused), there);
        assert_eq!(found(&(step("a", "") + "}\n" + &refused)), there, "before is not after");
        assert_eq!(found(&(refused.clone() + &step("b", "") + "}\n")), there, "another record");
        assert_eq!(found(&(refused + &step("a", ", other: b") + "}\n")), [], "what may be absent");
        // That it is never refused is another finding.
        assert_eq!(found(&(step("a", "") + "}\n")), []);
    }
}

//! The scenario runner, and the city's packages run by it.

use chaincity_ledger::scenario;
use chaincity_package::source;

use crate::desk;

/// The test package with one file of scenarios.
fn with_scenarios(text: &str) -> source::Source {
    let package = desk::package();
    let people = "
people:
  clerk: {member: office, roles: [desk.clerk]}
  court: {member: court, roles: [desk.court]}
  jia: {member: people, subject: s-jia}
  yi: {member: people, subject: s-yi}
";
    let text = format!("{people}{text}");
    let empty = "package: x\nversion: 1\ntitle: {zh: 空, en: empty}\n";
    let parsed =
        source::parse(&[("package.yaml", empty), ("scenarios/x.yaml", text.as_str())]).unwrap();
    source::Source { scenarios: parsed.scenarios, ..package }
}

fn run(text: &str) -> Result<(), String> {
    let source = with_scenarios(text);
    let document = source.doc.to_bytes();
    for scenario in &source.scenarios {
        scenario::run(&document, scenario).map_err(|failure| failure.to_string())?;
    }
    Ok(())
}

const GIVEN: &str = "
scenarios:
  - scenario: x
    zh: 测试
    en: test
    given:
      - {by: clerk, action: create, input: {code: i1, owner: s-jia, n: 1}}
";

fn when(rest: &str) -> Result<(), String> {
    run(&format!("{GIVEN}{rest}"))
}

#[test]
fn a_scenario_passes_when_all_is_as_it_says() {
    let result = when(
        "    when:
      - {by: court, action: hold, input: {item: i1}, name: seal, events: [held]}
      - {by: clerk, action: add, input: {item: i1, n: 1}, code: item-held}
      - by: clerk
        action: give
        input: {item: i1, to: s-yi}
        mandates: [{by: jia, for: give}, {by: yi, for: take}]
    then:
      - {register: item, key: i1, version: 2, fields: {owner: s-yi, label: null}}
      - {register: slip, key: $seal.slip, status: live, fields: {item: i1}}
      - {register: slip, count: 1, fields: {kind: hold}}
      - {register: item, key: i2, status: absent}
",
    );
    assert_eq!(result, Ok(()));
}

#[test]
fn a_scenario_fails_where_it_is_not_as_it_says() {
    let code = when(
        "    when:\n      - {by: clerk, action: add, input: {item: i1, n: 1}, code: item-held}\n",
    );
    assert_eq!(code, Err("when[0]: expected `item-held`, found `applied`".into()));
    let step = "    when:\n      - {by: clerk, action: add, input: {item: i1, n: 1}}\n    then:\n";
    let version = when(&format!("{step}      - {{register: item, key: i1, version: 3}}\n"));
    assert_eq!(version, Err("then[0]: expected version 3, found 2".into()));
    let field = when(&format!("{step}      - {{register: item, key: i1, fields: {{n: 5}}}}\n"));
    assert_eq!(field, Err("then[0]: expected `n` 5, found 2".into()));
    let count = when(&format!("{step}      - {{register: item, count: 2}}\n"));
    assert_eq!(count, Err("then[0]: expected 2 records, found 1".into()));
    let status = when(&format!("{step}      - {{register: item, key: i1, status: closed}}\n"));
    assert_eq!(status, Err("then[0]: expected closed, found live".into()));
    let person = when("    when:\n      - {by: nobody, action: add, input: {item: i1, n: 1}}\n");
    assert!(person.is_err());
}

//! Encrypted variables: the ledger holds a commitment and notes whose vault has the group.

use chaincity_ledger::cases::SEALED;
use chaincity_package::source;
use chaincity_types::wire::{Mode, Status};
use chaincity_types::{Str, Value};

use crate::city::{City, case_of, complete, of, on_task, outcome, people, set, start};

const PACKAGE: &str = "package: care
version: 1
title: {zh: 照护, en: Care}
roles:
  window.clerk: {zh: 窗口, en: Window}
  office.chief: {zh: 负责人, en: Chief}
  office.inspector: {zh: 勘查员, en: Inspector}
";
const GROUP: &str = "group: note
title: {zh: 情况, en: What was seen}
steward: office.inspector
fields:
  seen: {type: text(200), zh: 情况, en: What was seen}
";
/// Looked at until something is noted.
const VISIT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:chaincity="https://chaincity.example/ns/bpmn/1" targetNamespace="urn:test">
  <process id="visit" isExecutable="true" chaincity:role="window.clerk" chaincity:keeper="office.chief">
    <extensionElements>
      <chaincity:variable name="note" type="sealed(note)?"/>
      <chaincity:variable name="grave" type="bool" value="false"/>
    </extensionElements>
    <startEvent id="asked"/>
    <exclusiveGateway id="again"/>
    <userTask id="look" chaincity:role="office.inspector" chaincity:discloses="visit.note"/>
    <exclusiveGateway id="noted" default="noted-over"/>
    <endEvent id="over"/>
    <sequenceFlow id="asked-again" sourceRef="asked" targetRef="again"/>
    <sequenceFlow id="again-look" sourceRef="again" targetRef="look"/>
    <sequenceFlow id="look-noted" sourceRef="look" targetRef="noted"/>
    <sequenceFlow id="noted-over" sourceRef="noted" targetRef="over"/>
    <sequenceFlow id="noted-again" sourceRef="noted" targetRef="again"><conditionExpression>note == null</conditionExpression></sequenceFlow>
  </process>
</definitions>
"#;

fn care(process: &str) -> Vec<u8> {
    let files =
        [("package.yaml", PACKAGE), ("groups/note.yaml", GROUP), ("processes/visit.bpmn", process)];
    let source = source::parse(&files).unwrap();
    source.compile().unwrap();
    source.doc.to_bytes()
}

fn city() -> City {
    City::with(&people(), vec![care(VISIT)])
}

/// A commitment as it is given.
fn hex(byte: u8) -> String {
    hex::encode([byte; 32])
}

/// What a case notes of its one encrypted variable.
fn noted(byte: u8, member: &str) -> Value {
    let note: [(Str, Value); 3] = [
        ("group".into(), "note".into()),
        ("commitment".into(), Value::Bytes(vec![byte; 32])),
        ("member".into(), member.into()),
    ];
    Value::Map([("note".into(), Value::Map(note.into()))].into())
}

#[test]
fn a_case_notes_group_commitment_and_the_member_whose_operator_set_it_and_keeps_them_when_it_ends()
{
    let mut city = city();
    let case = case_of(&city.applied("clerk", start("care", "visit", &[])));
    assert_eq!(city.field("case", &case, SEALED), Value::Null);
    // Nothing noted: whether it has a value is all that a rule sees.
    let first = city.task(&case, "look");
    assert_eq!(city.call("inspector", complete(&first, &[("grave", "true")])), "applied");
    assert_eq!(city.field("case", &case, SEALED), Value::Null);
    let task = city.task(&case, "look");
    assert_ne!(task, first);
    city.applied("inspector", on_task("claim", &task));
    assert_eq!(city.call("inspector", complete(&task, &[("note", &hex(7))])), "applied");
    assert_eq!(city.field("case", &case, SEALED), noted(7, "office"));
    assert_eq!(city.status(&case), "completed");
    assert_eq!(city.record("case", &case).version.status, Status::Closed);
}

#[test]
fn who_begins_a_case_may_seal_too_and_who_sets_it_anew_takes_his_place() {
    let mut city = city();
    let more = [("set", set(&[("note", &hex(3))]))];
    let case = case_of(&city.applied("clerk", start("care", "visit", &more)));
    assert_eq!(city.field("case", &case, SEALED), noted(3, "window"));
    let task = city.task(&case, "look");
    assert_eq!(city.call("inspector", complete(&task, &[("note", &hex(4))])), "applied");
    assert_eq!(city.field("case", &case, SEALED), noted(4, "office"));
}

#[test]
fn what_is_no_commitment_is_refused_and_changes_nothing() {
    let mut city = city();
    let case = case_of(&city.applied("clerk", start("care", "visit", &[])));
    let task = city.task(&case, "look");
    let (short, long) = ("7".repeat(63), hex(7) + "07");
    for wrong in ["", "null", "seen in bed", "07", &short, &long] {
        let step = complete(&task, &[("note", wrong)]);
        assert_eq!(city.call("inspector", step), "invalid-input", "{wrong}");
    }
    assert_eq!(city.field("case", &case, SEALED), Value::Null);
    assert_eq!(city.call("inspector", complete(&task, &[("note", &hex(7))])), "applied");
}

#[test]
fn a_process_whose_way_depends_on_what_is_encrypted_does_not_come_into_force() {
    let publish = |rule: &str| {
        let mut city = City::with(&people(), Vec::new());
        let document = Value::Bytes(care(&VISIT.replace("note == null", rule)));
        let call = of("governance", "publish-package", &[("document", document)]);
        outcome(&city.submit("admin", Mode::Atomic, vec![call]))
    };
    assert_eq!(publish("note != null &amp;&amp; grave"), "applied");
    for rule in ["note != null &amp;&amp; size(note) == 32", "note == bytes", "note == \"07\""] {
        assert_eq!(publish(rule), "package-invalid", "{rule}");
    }
}

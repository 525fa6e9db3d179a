//! The commands of who draws processes: checked, played, drawn.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

mod common;

use std::fs;

use common::{Ran, run};
use serde_json::json;

const HEAD: &str = "<definitions xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" \
    xmlns:chaincity=\"https://chaincity.example/ns/bpmn/1\">\n";
const REVIEW: &str = "<process id=\"review\" isExecutable=\"true\">\n<startEvent id=\"s\"/>\n\
    <userTask id=\"accept\" name=\"受理\" chaincity:role=\"registry.clerk\"/>\n\
    <exclusiveGateway id=\"g\" default=\"no\"/>\n\
    <userTask id=\"correct\" chaincity:role=\"registry.clerk\"/>\n<endEvent id=\"e\"/>\n\
    <sequenceFlow id=\"a\" sourceRef=\"s\" targetRef=\"accept\"/>\n\
    <sequenceFlow id=\"b\" sourceRef=\"accept\" targetRef=\"g\"/>\n\
    <sequenceFlow id=\"yes\" sourceRef=\"g\" targetRef=\"correct\">\n\
    <conditionExpression>1 == 2</conditionExpression></sequenceFlow>\n\
    <sequenceFlow id=\"no\" sourceRef=\"g\" targetRef=\"e\"/>\n\
    <sequenceFlow id=\"c\" sourceRef=\"correct\" targetRef=\"e\"/>\n</process>\n</definitions>\n";

/// Runs `chaincity process` on a file with this text.
fn process(text: &str, action: &str, rest: &[&str]) -> Ran {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("review.bpmn");
    fs::write(&file, text).unwrap();
    let arguments = [&["process", action, file.to_str().unwrap()], rest].concat();
    run(&arguments, Vec::new())
}

#[test]
fn a_process_is_checked_with_code_line_and_both_languages() {
    let good = format!("{HEAD}{REVIEW}");
    let checked = process(&good, "check", &["--json"]);
    assert_eq!((checked.code, checked.out.as_str()), (0, ""), "{}", checked.err);
    let script = good.replace("userTask id=\"correct\"", "scriptTask id=\"correct\"");
    let refused = process(&script, "check", &["--json"]);
    assert_eq!(refused.code, 1);
    let found = &refused.json()[0];
    assert_eq!((&found["code"], &found["line"]), (&json!("outside-subset"), &json!(6)));
    assert_eq!(found["place"], "correct");
    assert!(found["en"].as_str().unwrap().contains("`scriptTask`"));
    assert!(found["zh"].as_str().unwrap().contains("不支持"));
    assert_eq!(process("<!DOCTYPE x><x/>", "check", &[]).code, 1);
}

#[test]
fn a_process_played_by_itself_tells_what_it_passed() {
    let good = format!("{HEAD}{REVIEW}");
    let played = process(&good, "run", &["--auto", "--json"]);
    assert_eq!(played.code, 0, "{}", played.err);
    let lines = played.json();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["completed"], json!({"s": 1, "accept": 1, "g": 1, "e": 1}));
    assert_eq!((&lines[0]["unsupported"], &lines[0]["ended"]), (&json!([]), &json!(["e"])));
    let script = good.replace("userTask id=\"accept\"", "scriptTask id=\"accept\"");
    let played = process(&script, "run", &["--auto", "--json"]).json().remove(0);
    assert_eq!(played["completed"], json!({"s": 1, "g": 1, "e": 1}), "it lets the token pass");
    let refused = json!([{"element": "scriptTask", "id": "accept", "line": 4}]);
    assert_eq!(played["unsupported"], refused);
    assert_eq!(process(&good, "run", &[]).code, 2, "by itself is the one way");
}

#[test]
fn a_process_is_drawn_to_a_file_or_to_standard_output() {
    let good = format!("{HEAD}{REVIEW}");
    let drawn = process(&good, "show", &["--svg"]);
    assert_eq!(drawn.code, 0);
    assert!(drawn.out.starts_with("<svg ") && drawn.out.contains("受理"));
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("x.svg");
    assert_eq!(process(&good, "show", &["--svg", out.to_str().unwrap()]).code, 0);
    assert_eq!(fs::read_to_string(&out).unwrap(), drawn.out);
}

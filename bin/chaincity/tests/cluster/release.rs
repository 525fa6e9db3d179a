//! What a steward's policy leaves to a person on a running city: he lists it, lets one access be released
//! and refuses the other.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::city::{City, NODES, SOON};
use crate::disclosure::{DESK, STEWARD, done, grant, keep_a_vault, read, sell};

const POLICY: &str = r#"
rules:
  - when: '"deal" in access.groups && access.reader == "bank-a" && "bank.officer" in access.roles'
    person: {zh: 价格由人答复, en: a person answers for prices}
"#;

/// An access that nobody has answered, by its number.
fn asks(city: &City, asked: (&str, &str)) -> String {
    let at = ["--steward-node", city.url(STEWARD), "--wait", "0"];
    let ran = read(city, "bank-a", asked, &at);
    assert_eq!((ran.code, &ran.json()[0]["state"]), (1, &json!("unanswered")), "{ran:?}");
    ran.json()[0]["access"].as_str().unwrap().to_owned()
}

fn waiting(city: &City) -> Vec<String> {
    let ran = city.run_as("keeper", DESK, &["release", "list"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let access = |line: &serde_json::Value| line["access"].as_str().unwrap().to_owned();
    ran.json().iter().map(access).collect()
}

fn is(city: &City, access: &str, field: &str, value: &serde_json::Value) -> bool {
    let client = city.client(&[DESK], "court");
    let record = client.record("disclosure", "access", access).unwrap().unwrap();
    record.fields.get(field) == Some(value)
}

#[test]
fn a_person_answers_what_the_policy_leaves_to_him() {
    let mut city = City::found(1_000);
    keep_a_vault(&city, STEWARD, "release-agent");
    let config = city.config(STEWARD);
    fs::write(Path::new(&config).with_file_name("release-policy.yaml"), POLICY).unwrap();
    let before = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{before}policy = \"release-policy.yaml\"\n")).unwrap();
    city.start(&NODES);
    let title = sell(&city);
    let grant = grant(&city);
    let (first, second) = (asks(&city, (&title, &grant)), asks(&city, (&title, &grant)));
    city.wait("both wait for a person", SOON, |city| waiting(city).len() == 2);
    assert_eq!(waiting(&city), [first.clone(), second.clone()]);

    let answer = |operator: &str, access: &str, how: &[&str]| {
        city.run_as(operator, DESK, &[&["release", "answer", access], how].concat())
    };
    // Neither a service nor another member's officer; nor is it answered without a decision.
    for other in ["release-agent", "bank-a"] {
        let refused = answer(other, &first, &["--approve"]);
        assert_eq!((refused.code, &refused.json()[0]["code"]), (4, &json!("not-authorised")));
    }
    assert_eq!(answer("keeper", &first, &[]).code, 2);
    assert_eq!(answer("keeper", &first, &["--refuse", "unfit"]).code, 2);
    done(&answer("keeper", &first, &["--approve"]));
    let refusal = ["--refuse", "record-unfit", "--zh", "不符合用途", "--en", "unfit"];
    done(&answer("keeper", &second, &refusal));
    city.wait("the first is released", SOON, |city| is(city, &first, "state", &json!("released")));
    assert!(is(&city, &first, "by_person", &json!(true)));
    assert!(is(&city, &second, "state", &json!("refused")));
    assert!(is(&city, &second, "code", &json!("record-unfit")));
    city.wait("its subjects are noted", SOON, |city| {
        !is(city, &second, "unnoted", &json!(STEWARD))
    });
    assert!(waiting(&city).is_empty());
}

//! The steward's own policy: what it refuses, what it leaves to a person, and his answer.

use chaincity_package::policy::Policy;

use super::*;

fn agent_with(city: &City, rules: &str) -> Agent {
    city.agent().with_policy(Policy::read("release-policy.yaml", rules).unwrap())
}

/// Refuses those without a role, and leaves whole persons to a person.
const RULES: &str = r#"
rules:
  - when: '!("files.reader" in access.roles) || access.reader != "bank-a" || access.purpose != "贷款审查"'
    refuse: {zh: 该单位不得调用, en: this member reads nothing}
  - when: '"person" in access.groups && access.basis == "grant"'
    person: {zh: 身份由人答复, en: a person answers for identities}
"#;

#[test]
fn what_the_policy_refuses_is_recorded_with_its_reason() {
    let (city, _, grant) = City::with_file();
    let rule = r#"
rules:
  - when: access.register == "file" && "reader.officer" in access.roles && hour >= 0
    refuse: {zh: 今日不答复, en: nothing is answered today}
"#;
    let access = city.ask(&Ask::of("f-1", &grant));
    let agent = agent_with(&city, rule);
    assert_eq!(city.round(&agent), 1);
    let because = ("refused-by-policy", "今日不答复", "nothing is answered today");
    assert_refused(&city, &access, because);
    assert_eq!(city.vault.envelope(&access).unwrap(), None);
}

#[test]
fn what_the_policy_does_not_name_is_released() {
    let (city, _, grant) = City::with_file();
    let agent = agent_with(&city, RULES);
    let claims = ["person.masked"];
    let access = city.ask(&Ask { groups: &[], claims: &claims, ..Ask::of("f-1", &grant) });
    assert_eq!(city.round(&agent), 1);
    released(&city, &access);
    let consent = city.consent();
    let access = city.ask(&Ask { basis: ("consent", &consent), ..Ask::of("f-1", "") });
    assert_eq!(city.round(&agent), 1);
    released(&city, &access);
}

#[test]
fn what_is_left_to_a_person_is_released_once_he_lets_it() {
    let (city, commitment, grant) = City::with_file();
    let agent = agent_with(&city, RULES);
    let access = city.ask(&Ask::of("f-1", &grant));
    assert_eq!(city.round(&agent), 1);
    let waiting = city.access(&access);
    assert_eq!(waiting["state"], "asked".into());
    assert_eq!(waiting["needs_person"], Value::Bool(true));
    city.counter.submitted();
    // Started anew, it leaves it alone.
    let agent = agent_with(&city, RULES);
    assert_eq!((city.round(&agent), city.counter.submitted()), (0, 0));
    city.disclose("keeper", "approve-access", common::fields([("access", access.as_str().into())]));
    assert_eq!(city.round(&agent), 1);
    let envelope = released(&city, &access);
    let expected = context(&city, &access, commitment, 1);
    envelope::open(&reader_key(), &envelope.groups[0], &expected).unwrap();
    assert_eq!(city.access(&access)["by_person"], Value::Bool(true));
}

#[test]
fn what_a_person_lets_be_released_still_needs_its_grant() {
    let (city, _, grant) = City::with_file();
    let agent = agent_with(&city, RULES);
    let access = city.ask(&Ask::of("f-1", &grant));
    assert_eq!(city.round(&agent), 1);
    city.disclose("keeper", "approve-access", common::fields([("access", access.as_str().into())]));
    city.suspend(&grant);
    assert_eq!(city.round(&agent), 1);
    assert_eq!(city.access(&access)["code"], "grant-suspended".into());
}

#[test]
fn a_persons_refusal_stands_in_the_subjects_read_log() {
    let (city, _, grant) = City::with_file();
    let agent = agent_with(&city, RULES);
    let access = city.ask(&Ask::of("f-1", &grant));
    assert_eq!(city.round(&agent), 1);
    let reason = common::fields([("zh", "不符".into()), ("en", "unfit".into())]);
    let refusal = common::fields([
        ("access", access.as_str().into()),
        ("code", "record-unfit".into()),
        ("reason", Value::Map(reason)),
        ("subjects", Value::List(vec![])),
    ]);
    city.disclose("keeper", "refuse", refusal);
    assert!(city.read_log().is_empty());
    assert_eq!(city.round(&agent), 1);
    assert_eq!(city.read_log(), [access]);
}

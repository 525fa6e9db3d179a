//! Cases as a whole: withdrawn, terminated, suspended; comments.

use chaincity_types::Value;
use chaincity_types::wire::{LogicalKey, Status};

use crate::city::{City, because, complete, events, of_case, on_task, start};

fn open(city: &City) -> usize {
    let live = |(key, record): &(&LogicalKey, &std::sync::Arc<chaincity_ledger::Record>)| {
        matches!(key, LogicalKey::Record { package, register, .. }
            if package == "case" && ["case", "task", "wait", "subject"].contains(&register.as_str()))
            && record.version.status == Status::Live
    };
    city.ledger.records().filter(live).count()
}

#[test]
fn the_applicant_withdraws_and_nobody_else() {
    let mut city = City::new();
    let receipt = city.applied("jia", start("permits", "permit", &[]));
    let case = crate::city::case_of(&receipt);
    assert_eq!(city.call("yi", because("withdraw", &case)), "not-authorised");
    assert_eq!(city.call("chief", because("withdraw", &case)), "not-authorised");
    assert_eq!(city.call("jia", because("withdraw", &case)), "applied");
    assert_eq!((city.status(&case).as_str(), open(&city)), ("withdrawn", 0));
    assert_eq!(city.call("jia", because("withdraw", &case)), "case-state");
}

#[test]
fn a_keeper_terminates_and_nobody_else() {
    let mut city = City::new();
    let case = city.accepted(&[]);
    assert_eq!(city.call("clerk", because("terminate", &case)), "not-authorised");
    assert_eq!(city.call("chief", because("terminate", &case)), "applied");
    assert_eq!((city.status(&case).as_str(), open(&city)), ("terminated", 0));
    assert_eq!(city.field("case", &case, "reason"), "测试".into());
}

#[test]
fn nobody_works_on_a_suspended_case() {
    let mut city = City::new();
    let case = city.accepted(&[]);
    let review = city.task(&case, "review");
    assert_eq!(city.call("clerk", because("suspend", &case)), "not-authorised");
    assert_eq!(city.call("chief", because("resume", &case)), "case-state");
    assert_eq!(city.call("chief", because("suspend", &case)), "applied");
    assert_eq!(city.call("reviewer", on_task("claim", &review)), "case-state");
    assert_eq!(city.call("reviewer", complete(&review, &[])), "case-state");
    assert_eq!(city.call("chief", because("resume", &case)), "applied");
    assert_eq!(city.call("reviewer", complete(&review, &[])), "applied");
}

#[test]
fn those_who_take_part_comment() {
    let mut city = City::new();
    let case = city.accepted(&[]);
    let other = city.accepted(&[]);
    let comment = |task: Option<&str>| {
        let mut call =
            of_case("comment", &[("case", case.as_str().into()), ("text", "已核".into())]);
        call.input.extend(task.map(|task| ("task".into(), task.into())));
        call
    };
    assert_eq!(city.call("admin", comment(None)), "not-authorised");
    assert_eq!(city.call("inspector", comment(Some(&city.task(&case, "review")))), "applied");
    assert_eq!(
        city.call("inspector", comment(Some(&city.task(&other, "review")))),
        "invalid-input"
    );
}

#[test]
fn a_mandate_that_a_case_asks_for_is_seen_to_be_given_and_taken_back() {
    let mut city = City::new();
    let case = city.accepted(&[]);
    let digest = Value::Bytes(vec![9; 32]);
    let ask = |case: &str| {
        let input = [
            ("case", case.into()),
            ("party", "s-jia".into()),
            ("package", "permits".into()),
            ("action", "issue".into()),
            ("purpose", "issue".into()),
            ("digest", digest.clone()),
        ];
        of_case("ask-mandate", &input)
    };
    assert_eq!(city.call("admin", ask(&case)), "not-authorised");
    let receipt = city.applied("clerk", ask(&case));
    let request = receipt.entries[0].events[0].key.to_string();
    // Asked twice is asked once, by whoever may ask.
    let again = city.applied("clerk", ask(&case));
    assert_eq!(events(std::slice::from_ref(&again), "asked-again"), [request.as_str()]);
    assert!(again.entries[0].writes.is_empty());
    assert_eq!(city.call("admin", ask(&case)), "not-authorised");
    let give = |city: &City, case: &str| {
        let mut call = ask(case);
        (call.package, call.action) = ("governance".into(), "mandate".into());
        call.input.insert("expiry".into(), Value::Time(city.time.plus_ms(600_000)));
        call
    };
    // For another case it is another's.
    let other = city.accepted(&[]);
    let call = give(&city, &other);
    city.applied("jia", call);
    assert_eq!(city.field("request", &request, "status"), "asked".into());
    let call = give(&city, &case);
    let receipt = city.applied("jia", call);
    let mandate = receipt.entries[0].events[0].key.to_string();
    assert_eq!(city.field("request", &request, "status"), "given".into());
    assert_eq!(city.field("request", &request, "mandate"), mandate.as_str().into());
    let revoke = crate::city::of("governance", "revoke-mandate", &[("mandate", mandate.into())]);
    city.applied("jia", revoke);
    assert_eq!(city.field("request", &request, "status"), "asked".into());
    city.applied("chief", because("terminate", &case));
    assert_eq!(city.call("clerk", ask(&case)), "case-state");
}

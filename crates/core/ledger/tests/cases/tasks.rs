//! Whose a task is, and who may do it.

use chaincity_types::Value;
use chaincity_types::wire::{Mode, Status};

use crate::city::{City, attach, complete, detail, hex_key, of_case, on_task, outcome, start};

#[test]
fn a_case_begins_with_the_first_task_and_its_deadline() {
    let mut city = City::new();
    let more = [("number", "2026-1".into())];
    let case = city.begin("clerk", "permit", &more);
    assert_eq!(city.nodes("task", &case), ["accept"]);
    assert_eq!(city.nodes("wait", &case), ["accept-late", "seal-came"]);
    let task = city.task(&case, "accept");
    let field = |name: &str| city.field("task", &task, name);
    let clerks = Value::List(vec!["window.clerk".into()]);
    assert_eq!((field("lists"), field("status")), (clerks, "open".into()));
    assert_eq!(field("days"), Value::Int(5));
    assert_eq!(city.field("case", &case, "days"), Value::Int(20));
    assert_eq!(city.field("case", &case, "applicant"), "window".into());
    // Every version of the case, its tasks and waits names the case.
    let version = &city.record("task", &task).version;
    assert_eq!(version.by.case.as_deref(), Some(case.as_str()));
}

#[test]
fn only_who_holds_a_role_that_the_process_names_begins_a_case() {
    let mut city = City::new();
    assert_eq!(city.call("jia", start("permits", "permit", &[])), "applied");
    assert_eq!(city.call("inspector", start("permits", "permit", &[])), "not-authorised");
    assert_eq!(city.call("clerk", start("permits", "none", &[])), "unknown-process");
    assert_eq!(city.call("clerk", start("books", "permit", &[])), "unknown-process");
}

#[test]
fn only_who_holds_the_tasks_role_completes_it_and_only_with_its_evidence() {
    let mut city = City::new();
    let case = city.begin("clerk", "permit", &[]);
    let task = city.task(&case, "accept");
    assert_eq!(city.call("clerk", complete(&task, &[])), "evidence-missing");
    assert_eq!(city.call("inspector", attach(&case, &task, "photo")), "applied");
    // A role of the file's other process, and one that may only begin a case, take no part.
    assert_eq!(city.call("bank", attach(&case, &task, "application")), "not-authorised");
    assert_eq!(city.call("yi", attach(&case, &task, "application")), "not-authorised");
    assert_eq!(city.call("clerk-2", attach(&case, &task, "application")), "applied");
    assert_eq!(city.call("chief", complete(&task, &[])), "not-authorised");
    assert_eq!(city.call("clerk", complete(&task, &[])), "applied");
    assert_eq!(city.nodes("task", &case), ["review", "visit", "visit"]);
    let done = city.record("task", &task);
    assert_eq!(done.version.status, Status::Closed);
    assert_eq!(city.field("task", &task, "by"), hex_key("clerk").into());
}

#[test]
fn the_second_of_two_who_complete_one_task_is_told_who_did() {
    let mut city = City::new();
    let case = city.begin("clerk", "permit", &[]);
    let task = city.task(&case, "accept");
    city.applied("clerk", attach(&case, &task, "application"));
    city.applied("clerk", complete(&task, &[]));
    let receipt = city.submit("clerk-2", Mode::Atomic, vec![complete(&task, &[])]);
    assert_eq!(outcome(&receipt), "task-done");
    let wanted = format!("done by operator {}, for window", hex_key("clerk"));
    assert_eq!(detail(&receipt), wanted);
}

#[test]
fn a_claimed_task_is_its_holders_until_it_is_put_back() {
    let mut city = City::new();
    let case = city.begin("clerk", "permit", &[]);
    let task = city.task(&case, "accept");
    city.applied("clerk", attach(&case, &task, "application"));
    assert_eq!(city.call("chief", on_task("claim", &task)), "not-authorised");
    assert_eq!(city.call("clerk", on_task("release-claim", &task)), "task-claimed");
    assert_eq!(city.call("clerk", on_task("claim", &task)), "applied");
    assert_eq!(city.call("clerk-2", on_task("claim", &task)), "task-claimed");
    let receipt = city.submit("clerk-2", Mode::Atomic, vec![complete(&task, &[])]);
    assert_eq!(outcome(&receipt), "task-claimed");
    assert!(detail(&receipt).contains(&hex_key("clerk")), "{}", detail(&receipt));
    assert_eq!(city.call("chief", on_task("release-claim", &task)), "task-claimed");
    // A colleague puts it back: nothing hangs on one person.
    assert_eq!(city.call("clerk-2", on_task("release-claim", &task)), "applied");
    assert_eq!(city.call("clerk-2", complete(&task, &[])), "applied");
}

#[test]
fn a_task_is_handed_over_or_delegated_to_those_who_may_do_it() {
    let mut city = City::new();
    let to = |action: &str, task: &str, name: &str| {
        of_case(action, &[("task", task.into()), ("to", hex_key(name).into())])
    };
    let case = city.begin("clerk", "permit", &[]);
    let task = city.task(&case, "accept");
    city.applied("clerk", attach(&case, &task, "application"));
    assert_eq!(city.call("clerk", to("hand-over", &task, "clerk-2")), "task-claimed");
    city.applied("clerk", on_task("claim", &task));
    assert_eq!(city.call("clerk", to("hand-over", &task, "chief")), "not-authorised");
    assert_eq!(city.call("clerk", to("hand-over", &task, "nobody")), "unknown-operator");
    assert_eq!(city.call("clerk", to("hand-over", &task, "clerk-2")), "applied");
    assert_eq!(city.call("clerk", complete(&task, &[])), "task-claimed");
    assert_eq!(city.call("clerk-2", to("delegate", &task, "clerk")), "applied");
    assert_eq!(city.call("clerk", complete(&task, &[])), "applied");
    assert_eq!(city.field("task", &task, "by"), hex_key("clerk").into());
    assert_eq!(city.field("task", &task, "operator"), hex_key("clerk-2").into());
    // Both have had a hand in it: neither may review.
    let review = city.task(&case, "review");
    for name in ["clerk", "clerk-2"] {
        assert_eq!(city.call(name, on_task("claim", &review)), "four-eyes");
        assert_eq!(city.call(name, complete(&review, &[])), "four-eyes");
    }
}

#[test]
fn the_reviewer_is_not_the_acceptor() {
    let mut city = City::new();
    let case = city.accepted(&[]);
    let review = city.task(&case, "review");
    assert_eq!(city.call("clerk", complete(&review, &[])), "four-eyes");
    assert_eq!(city.call("clerk-2", complete(&review, &[])), "applied");
    assert_eq!(city.nodes("task", &case), ["visit", "visit"]);
}

#[test]
fn variables_fit_their_declarations() {
    let mut city = City::new();
    let case = city.begin("clerk", "permit", &[]);
    let task = city.task(&case, "accept");
    city.applied("clerk", attach(&case, &task, "application"));
    for wrong in [
        ("approved", "yes"),
        ("none", "true"),
        ("kind", "huge"),
        ("visits", "\"2\""),
        ("visits", "2.5"),
        ("until", "2026-02-30"),
    ] {
        assert_eq!(city.call("clerk", complete(&task, &[wrong])), "invalid-input", "{wrong:?}");
    }
    // More instances than there may be: the process refuses, and nothing is done.
    assert_eq!(city.call("clerk", complete(&task, &[("visits", "1000")])), "step-refused");
    let good = [("approved", "false"), ("kind", "large"), ("visits", "3"), ("until", "2026-12-31")];
    assert_eq!(city.call("clerk", complete(&task, &good)), "applied");
    assert_eq!(city.nodes("task", &case), ["review", "visit", "visit", "visit"]);
}

//! Steps: atomic ones, errors, escalations, messages, ends.

use chaincity_types::wire::Mode;
use chaincity_types::{Str, Value};

use crate::city::{
    City, complete, events, message, of, of_case, on_task, outcome, outcome as of_receipt, within,
};

/// A case at the task that carries two packages' actions.
fn to_issue(city: &mut City) -> (String, String) {
    city.applied("clerk", of("permits", "add-plot", &[("code", "p1".into())]));
    let case = city.accepted(&[]);
    for (node, key) in city.live("task", &case) {
        let by = if node == "visit" { "inspector" } else { "reviewer" };
        city.applied(by, complete(&key, &[]));
    }
    let task = city.task(&case, "issue");
    (case, task)
}

fn issue(code: &str) -> chaincity_types::wire::Call {
    of("permits", "issue", &[("code", code.into()), ("plot", "p1".into())])
}

fn enter(code: &str) -> chaincity_types::wire::Call {
    of("books", "enter", &[("code", code.into())])
}

#[test]
fn a_task_that_carries_actions_is_completed_with_all_of_them_or_not_at_all() {
    let mut city = City::new();
    let (case, task) = to_issue(&mut city);
    let step = |calls: &[chaincity_types::wire::Call]| {
        let mut all: Vec<_> = calls.iter().map(|call| within(call.clone(), &task)).collect();
        all.push(complete(&task, &[]));
        all
    };
    assert_eq!(city.all("chief", step(&[])), "step-actions");
    assert_eq!(city.all("chief", step(&[issue("a")])), "step-actions");
    assert_eq!(city.all("chief", step(&[issue("a"), enter("a"), seal()])), "step-actions");
    // Calls that do not name the task are not parts of its step.
    let loose = vec![issue("a"), enter("a"), complete(&task, &[])];
    assert_eq!(city.all("chief", loose), "step-actions");
    // One that is refused undoes the others.
    assert_eq!(city.all("chief", step(&[issue("a"), issue("a"), enter("a")])), "exists");
    assert_eq!(city.all("chief", step(&[issue("a"), enter("a")])), "applied");
    assert_eq!(city.status(&case), "completed");
    assert!(city.live("task", &case).is_empty() && city.live("wait", &case).is_empty());
}

fn seal() -> chaincity_types::wire::Call {
    of("permits", "seal", &[("plot", "p1".into())])
}

#[test]
fn a_call_that_names_a_task_is_part_of_its_completion() {
    let mut city = City::new();
    let (_, task) = to_issue(&mut city);
    let call = within(issue("a"), &task);
    assert_eq!(city.call("chief", call.clone()), "step-actions");
    // Not after it, not beside it, not of another task or case.
    let after = vec![issue("a"), complete(&task, &[]), within(enter("a"), &task)];
    assert_eq!(city.all("chief", after), "step-actions");
    let calls = vec![call, within(enter("a"), &task), complete(&task, &[])];
    let receipt = city.submit("chief", Mode::Independent, calls.clone());
    assert!(receipt.entries.iter().all(|entry| entry.writes.is_empty()));
    assert_eq!(outcome(&receipt), "step-actions");
    let mut other = calls.clone();
    other[0].case = Some("another".into());
    assert_eq!(city.all("chief", other), "step-actions");
    assert_eq!(city.all("chief", calls), "applied");
}

#[test]
fn a_guard_of_another_package_stops_the_whole_step() {
    let mut city = City::new();
    let (case, task) = to_issue(&mut city);
    city.applied("chief", seal());
    let calls = vec![within(issue("a"), &task), within(enter("a"), &task), complete(&task, &[])];
    assert_eq!(city.all("chief", calls), "plot-sealed");
    assert_eq!((city.status(&case), city.task(&case, "issue")), ("running".into(), task));
}

#[test]
fn a_message_is_sent_at_the_end_and_told_to_followers() {
    let mut city = City::new();
    let (case, task) = to_issue(&mut city);
    let calls = vec![within(issue("a"), &task), within(enter("a"), &task), complete(&task, &[])];
    let receipt = city.submit("chief", Mode::Atomic, calls);
    assert_eq!(of_receipt(&receipt), "applied");
    let sent = receipt.entries[0].events.iter().find(|event| event.kind == "sent").unwrap();
    assert_eq!(sent.data, Some(Value::Text(Str::from("permit-issued"))));
    assert_eq!(events(std::slice::from_ref(&receipt), "sent"), [case]);
}

#[test]
fn an_error_takes_the_way_that_catches_it() {
    let mut city = City::new();
    let case = city.accepted(&[]);
    let review = city.task(&case, "review");
    let fail =
        |task: &str, code: &str| of_case("fail", &[("task", task.into()), ("code", code.into())]);
    assert_eq!(city.call("reviewer", fail(&review, "none")), "step-refused");
    assert_eq!(city.call("clerk", fail(&review, "flawed")), "four-eyes");
    assert_eq!(city.call("reviewer", fail(&review, "flawed")), "applied");
    let repair = city.task(&case, "repair");
    assert_eq!(city.field("task", &review, "status"), "failed".into());
    assert_eq!(city.call("clerk", complete(&repair, &[])), "applied");
    assert_ne!(city.task(&case, "review"), review);
}

#[test]
fn an_error_that_nothing_catches_ends_the_case() {
    let mut city = City::new();
    let case = city.accepted(&[]);
    let visit = city.task(&case, "visit");
    let fail = of_case("fail", &[("task", visit.into()), ("code", "flawed".into())]);
    assert_eq!(city.call("inspector", fail), "applied");
    assert_eq!(city.status(&case), "failed");
    assert_eq!(city.field("case", &case, "error"), "flawed".into());
    assert!(city.live("task", &case).is_empty() && city.live("wait", &case).is_empty());
}

#[test]
fn an_escalation_opens_a_task_beside_and_the_task_stays() {
    let mut city = City::new();
    let case = city.accepted(&[]);
    let review = city.task(&case, "review");
    let input = [("task", review.as_str().into()), ("code", "unclear".into())];
    assert_eq!(city.call("reviewer", of_case("escalate", &input)), "applied");
    assert_eq!(city.nodes("task", &case), ["look", "review", "visit", "visit"]);
    assert_eq!(city.task(&case, "review"), review);
    assert_eq!(city.call("inspector", of_case("escalate", &input)), "not-authorised");
}

#[test]
fn a_message_takes_a_task_away_from_who_had_it() {
    let mut city = City::new();
    let case = city.accepted(&[]);
    let review = city.task(&case, "review");
    city.applied("reviewer", on_task("claim", &review));
    assert_eq!(city.call("clerk", message(&case, "none")), "step-refused");
    assert_eq!(city.call("clerk", message(&case, "objection")), "applied");
    assert_eq!(city.nodes("task", &case), ["hear-objection", "visit", "visit"]);
    assert_eq!(city.call("reviewer", complete(&review, &[])), "task-cancelled");
    assert_eq!(city.call("clerk", message(&case, "objection")), "step-refused");
}

#[test]
fn who_sends_a_message_is_said_by_the_event_or_takes_part() {
    let mut city = City::new();
    let case = city.begin("clerk", "fee", &[]);
    assert_eq!(city.call("clerk", message(&case, "objection")), "not-authorised");
    assert_eq!(city.call("bank", message(&case, "objection")), "applied");
    assert_eq!(city.status(&case), "completed");
    assert_eq!(city.call("bank", message(&case, "objection")), "case-state");
    // The review's event names nobody: those who take part may, and an outsider not.
    let case = city.accepted(&[]);
    assert_eq!(city.call("admin", message(&case, "objection")), "not-authorised");
    assert_eq!(city.call("inspector", message(&case, "objection")), "applied");
}

//! Deadlines, timers, and clocks that stand still.

use chaincity_types::{Timestamp, Value};

use crate::city::{BEGIN, City, DAY, attach, because, complete, events, message, of_case, on_task};

/// Passes whole days, an empty block each; the receipts of what ran.
fn days(city: &mut City, count: u64) -> Vec<chaincity_types::wire::Receipt> {
    (0..count).flat_map(|_| city.pass(DAY).receipts).collect()
}

#[test]
fn a_task_is_reminded_of_on_its_last_day_and_overdue_after_it() {
    let mut city = City::new();
    let case = city.begin("clerk", "permit", &[]);
    let task = city.task(&case, "accept");
    // Five working days from Tuesday 1 September: the 8th.
    let ran = days(&mut city, 6);
    assert!(events(&ran, "due-today").is_empty() && events(&ran, "overdue").is_empty());
    let ran = days(&mut city, 1);
    assert_eq!(events(&ran, "due-today"), std::slice::from_ref(&task));
    let ran = days(&mut city, 1);
    assert_eq!(events(&ran, "overdue"), std::slice::from_ref(&task));
    assert_eq!(city.field("task", &task, "overdue"), Value::Bool(true));
    // The boundary's own time came with it, and the task stays.
    assert_eq!(city.nodes("task", &case), ["accept", "urge"]);
    let ran = days(&mut city, 10);
    assert!(events(&ran, "overdue").is_empty());
}

#[test]
fn a_task_done_in_time_is_never_overdue() {
    let mut city = City::new();
    let case = city.begin("clerk", "permit", &[]);
    let task = city.task(&case, "accept");
    city.applied("clerk", attach(&case, &task, "application"));
    city.applied("clerk", complete(&task, &[]));
    let ran = days(&mut city, 20);
    assert!(!events(&ran, "overdue").contains(&task));
    assert!(ran.iter().all(|receipt| receipt.entries.iter().all(|e| !e.events.is_empty())));
}

#[test]
fn a_whole_case_is_overdue_after_its_working_days() {
    let mut city = City::new();
    let case = city.begin("clerk", "permit", &[]);
    // Twenty working days from 1 September 2026, mid-autumn and national days off: until October.
    let ran = days(&mut city, 20);
    assert!(!events(&ran, "overdue").contains(&case));
    let ran = days(&mut city, 30);
    assert!(events(&ran, "overdue").contains(&case));
    assert_eq!(city.field("case", &case, "overdue"), Value::Bool(true));
}

#[test]
fn a_time_at_a_boundary_interrupts_and_the_case_goes_on_without_it() {
    let mut city = City::new();
    let case = city.accepted(&[]);
    assert_eq!(city.nodes("wait", &case), ["inspection-late", "objected", "seal-came"]);
    days(&mut city, 11);
    assert_eq!(city.nodes("task", &case), ["review"]);
    assert_eq!(city.nodes("wait", &case), ["objected", "seal-came"]);
    let review = city.task(&case, "review");
    city.applied("reviewer", complete(&review, &[]));
    assert_eq!(city.nodes("task", &case), ["issue"]);
}

#[test]
fn the_first_of_a_message_and_a_time_wins() {
    let mut city = City::new();
    let paid = city.begin("clerk", "fee", &[]);
    let unpaid = city.begin("clerk", "fee", &[]);
    city.applied("bank", message(&paid, "objection"));
    days(&mut city, 2);
    assert_eq!(
        (city.status(&paid), city.status(&unpaid)),
        ("completed".into(), "completed".into())
    );
    assert_eq!(city.call("bank", message(&unpaid, "objection")), "case-state");
}

#[test]
fn while_the_applicant_corrects_no_clock_runs() {
    let mut city = City::new();
    let receipt = city.applied("jia", crate::city::start("permits", "permit", &[]));
    let case = crate::city::case_of(&receipt);
    let task = city.task(&case, "accept");
    let back = |task: &str| {
        let input = [("task", task.into()), ("reason", "缺身份证明".into())];
        of_case("return-for-correction", &input)
    };
    assert_eq!(city.call("chief", back(&task)), "not-authorised");
    assert_eq!(city.call("jia", on_task("correct", &task)), "case-state");
    days(&mut city, 2);
    assert_eq!(city.call("clerk", back(&task)), "applied");
    assert_eq!(city.call("clerk", complete(&task, &[])), "case-state");
    let ran = days(&mut city, 60);
    assert!(ran.is_empty(), "neither task, case nor boundary: {ran:#?}");
    assert_eq!(city.call("yi", on_task("correct", &task)), "not-authorised");
    let mut correct = on_task("correct", &task);
    correct.input.insert("set".into(), crate::city::set(&[("visits", "1")]));
    assert_eq!(city.call("jia", correct), "applied");
    assert_eq!(city.field("task", &task, "status"), "claimed".into());
    assert_eq!(city.field("task", &task, "days"), Value::Int(3));
    assert_eq!(city.field("case", &case, "days"), Value::Int(18));
    assert_eq!(city.field("case", &case, "stopped"), Value::Null);
    let ran = days(&mut city, 10);
    assert_eq!(events(&ran, "overdue"), std::slice::from_ref(&task));
    city.applied("clerk", attach(&case, &task, "application"));
    city.applied("clerk", complete(&task, &[]));
    assert_eq!(city.nodes("task", &case), ["review", "urge", "visit"]);
}

#[test]
fn while_a_case_is_suspended_no_clock_runs() {
    let mut city = City::new();
    let case = city.accepted(&[]);
    city.applied("chief", because("suspend", &case));
    assert!(days(&mut city, 60).is_empty());
    city.applied("chief", because("resume", &case));
    assert_eq!(city.nodes("task", &case), ["review", "visit", "visit"]);
    // Ten days of the inspection are left.
    days(&mut city, 9);
    assert_eq!(city.nodes("task", &case), ["review", "visit", "visit"]);
    days(&mut city, 2);
    assert_eq!(city.nodes("task", &case), ["review"]);
}

#[test]
fn a_deadline_beyond_the_last_calendar_is_provisional_and_never_refused() {
    let mut city = City::new();
    city.time = Timestamp(BEGIN.0 + 1_000 * DAY);
    city.parent_time = Timestamp(city.time.0 - 1_000);
    let case = city.begin("clerk", "permit", &[]);
    let ran = days(&mut city, 12);
    let task = city.task(&case, "accept");
    assert_eq!(events(&ran, "overdue"), [task]);
}

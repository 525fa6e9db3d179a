//! What happens to a record interrupts the cases that are about it.

use chaincity_types::Value;

use crate::city::{City, attach, because, complete, events, of, of_case, start};

fn about(plots: &[&str]) -> [(&'static str, Value); 1] {
    let keys = plots.iter().map(|plot| Value::from(format!("permits/plot/{plot}")));
    [("subjects", Value::List(keys.collect()))]
}

fn city() -> City {
    let mut city = City::new();
    for code in ["p1", "p2"] {
        city.applied("clerk", of("permits", "add-plot", &[("code", code.into())]));
    }
    city
}

fn seal(plot: &str) -> chaincity_types::wire::Call {
    of("permits", "seal", &[("plot", plot.into())])
}

#[test]
fn a_seal_interrupts_every_open_case_about_the_plot_in_the_same_call() {
    let mut city = city();
    let first = city.accepted(&about(&["p1", "p2"]));
    let second = city.begin("clerk", "permit", &about(&["p1"]));
    let other = city.begin("clerk", "permit", &about(&["p2"]));
    let receipt = city.applied("chief", seal("p1"));
    let mut heard = events(&[receipt], "heard");
    heard.sort();
    let mut wanted = vec![first.clone(), second.clone()];
    wanted.sort();
    assert_eq!(heard, wanted);
    for case in [&first, &second] {
        assert_eq!(city.nodes("task", case), ["stop"]);
        assert!(city.live("wait", case).is_empty());
    }
    assert_eq!(city.nodes("task", &other), ["accept"]);
    // A second seal finds nothing that waits for it.
    let receipt = city.applied("chief", seal("p1"));
    assert!(events(std::slice::from_ref(&receipt), "heard").is_empty());
    assert!(events(&[receipt], "missed").is_empty());
    let stop = city.task(&first, "stop");
    city.applied("chief", complete(&stop, &[]));
    assert_eq!(city.status(&first), "completed");
}

#[test]
fn a_case_that_ended_hears_nothing() {
    let mut city = city();
    let case = city.begin("clerk", "permit", &about(&["p1"]));
    city.applied("clerk", because("withdraw", &case));
    let receipt = city.applied("chief", seal("p1"));
    assert!(events(std::slice::from_ref(&receipt), "heard").is_empty());
    assert!(events(&[receipt], "missed").is_empty());
}

#[test]
fn a_suspended_case_hears_too() {
    let mut city = city();
    let case = city.accepted(&about(&["p1"]));
    city.applied("chief", because("suspend", &case));
    city.applied("chief", seal("p1"));
    assert_eq!(city.nodes("task", &case), ["stop"]);
    let stop = city.task(&case, "stop");
    assert_eq!(city.call("chief", complete(&stop, &[])), "case-state");
    city.applied("chief", because("resume", &case));
    assert_eq!(city.call("chief", complete(&stop, &[])), "applied");
}

#[test]
fn more_cases_than_may_hear_at_once_hear_in_the_next_blocks() {
    let mut city = city();
    let mut cases: Vec<String> =
        (0..36).map(|_| city.begin("clerk", "permit", &about(&["p1"]))).collect();
    cases.sort();
    let mut heard = events(&[city.applied("chief", seal("p1"))], "heard");
    assert_eq!(heard.len(), 16);
    for more in [16, 4, 0] {
        let receipts = city.pass(2_000).receipts;
        assert!(events(&receipts, "missed").is_empty());
        let some = events(&receipts, "heard");
        assert_eq!(some.len(), more);
        heard.extend(some);
    }
    assert_eq!(heard, cases);
    assert!(cases.iter().all(|case| city.nodes("task", case) == ["stop"]));
}

#[test]
fn nobody_makes_cases_hear_what_did_not_happen() {
    let mut city = city();
    city.begin("clerk", "permit", &about(&["p1"]));
    let input = [("about", "permits/plot/p1".into()), ("message", "sealed".into())];
    assert_eq!(city.call("chief", of_case("hear", &input)), "not-authorised");
}

#[test]
fn a_case_is_about_records_that_are_there() {
    let mut city = city();
    let call = start("permits", "permit", &about(&["p9"]));
    assert_eq!(city.call("clerk", call), "not-found");
    let call = start("permits", "permit", &[("subjects", Value::List(vec!["p1".into()]))]);
    assert_eq!(city.call("clerk", call), "not-found");
}

#[test]
fn evidence_is_attached_by_those_who_take_part_in_an_open_case() {
    let mut city = city();
    let case = city.begin("clerk", "permit", &about(&["p1"]));
    let task = city.task(&case, "accept");
    assert_eq!(city.call("admin", attach(&case, &task, "application")), "not-authorised");
    assert_eq!(city.call("inspector", attach(&case, &task, "application")), "applied");
    city.applied("clerk", because("withdraw", &case));
    assert_eq!(city.call("inspector", attach(&case, &task, "application")), "case-state");
}

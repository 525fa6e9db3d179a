//! The standard process of service items: what is missing is told once, whoever withdraws is out
//! before the decision, and every case ends in one declared way.

use std::collections::BTreeMap;

use crate::common::Hand;
use chaincity_process::run::{Awaits, Event, Outcome};
use chaincity_types::{Str, Value};
use proptest::prelude::*;

const STANDARD: &str =
    include_str!("../../../../../packages/service-items/processes/standard.bpmn");
const IMMEDIATE: &str =
    include_str!("../../../../../packages/service-items/processes/immediate.bpmn");
const ENDS: [&str; 4] = ["ended-delivered", "ended-declined", "ended-lapsed", "ended-withdrawn"];

/// A case of the department that it names.
fn begun(file: &str) -> Hand {
    Hand::start_with(file, &[("department", "office".into())])
}

fn tasks(hand: &Hand) -> Vec<&str> {
    let open = hand.state.open().filter(|open| open.awaits == Awaits::Completion);
    open.map(|open| hand.graph.id(open.node)).collect()
}

/// Completes a task and sets a variable.
fn set(hand: &mut Hand, task: &str, name: &str, value: Value) {
    let work = hand.find(task).work;
    let set = BTreeMap::from([(Str::from(name), value)]);
    hand.step(&Event::Complete { work, set }).unwrap();
}

fn examined(verdict: &str) -> Hand {
    let mut hand = begun(STANDARD);
    hand.complete("apply");
    set(&mut hand, "examine", "verdict", verdict.into());
    hand
}

fn ended(hand: &Hand) -> Vec<&str> {
    ENDS.into_iter().filter(|end| hand.times(end) > 0).collect()
}

#[test]
fn what_is_missing_is_told_once_and_then_only_acceptance_is_left() {
    let mut hand = examined("correct");
    assert_eq!(tasks(&hand), ["ask"]);
    hand.complete("ask");
    assert_eq!(tasks(&hand), ["supply"]);
    hand.complete("supply");
    assert_eq!(tasks(&hand), ["accept"]);
    hand.complete("accept").complete("review").complete("grant").complete("deliver");
    assert_eq!((hand.state.outcome(), ended(&hand)), (Some(Outcome::Completed), vec![ENDS[0]]));
}

#[test]
fn who_does_not_correct_in_time_is_out() {
    let mut hand = examined("correct");
    hand.complete("ask").occur("uncorrected");
    assert_eq!((hand.state.outcome(), ended(&hand)), (Some(Outcome::Completed), vec![ENDS[2]]));
}

#[test]
fn what_was_answered_too_late_is_accepted_instead() {
    for (verdict, task) in [("correct", "ask"), ("decline", "decline")] {
        let mut hand = examined(verdict);
        hand.fail(task, "deemed");
        assert_eq!(tasks(&hand), ["accept"], "{task}");
    }
}

#[test]
fn withdrawal_is_possible_until_the_decision_and_not_after() {
    let mut hand = examined("accept");
    hand.complete("accept").complete("review");
    assert!(hand.open().contains(&"withdrawal-asked"));
    hand.occur("withdrawal-asked");
    assert_eq!(tasks(&hand), ["withdraw"], "nothing else goes on");
    hand.complete("withdraw");
    assert_eq!((hand.state.outcome(), ended(&hand)), (Some(Outcome::Completed), vec![ENDS[3]]));

    let mut hand = examined("accept");
    hand.complete("accept");
    set(&mut hand, "review", "refusing", Value::Bool(true));
    hand.complete("refuse");
    assert_eq!(tasks(&hand), ["deliver"]);
    assert!(!hand.open().contains(&"withdrawal-asked"));
}

#[test]
fn what_is_late_is_told_and_holds_up_nothing() {
    let mut hand = examined("accept");
    hand.complete("accept").occur("due-soon").occur("overdue");
    assert_eq!(tasks(&hand), ["review"]);
    hand.complete("review").complete("grant").occur("undelivered").complete("deliver");
    let told = ["reminded", "overdue-escalated", "delivery-escalated"];
    assert_eq!(told.map(|end| hand.times(end)), [1, 1, 1]);
    assert_eq!(hand.state.outcome(), Some(Outcome::Completed));
}

/// Values for what a task may decide.
fn decided(task: &str, choice: usize) -> BTreeMap<Str, Value> {
    let verdict = ["accept", "correct", "decline"][choice % 3];
    let yes = Value::Bool(choice.is_multiple_of(2));
    let of = match task {
        "examine" => vec![
            ("verdict", verdict.into()),
            ("shared_materials", Value::Bool((choice / 3).is_multiple_of(2))),
        ],
        "accept" => vec![("special_procedure", yes)],
        "review" => vec![("refusing", yes)],
        _ => vec![],
    };
    of.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

/// A walk by these choices; after 60 turns nothing unforced happens any more.
fn walk(
    file: &str,
    choices: &[u16],
    decided: &dyn Fn(&str, usize) -> BTreeMap<Str, Value>,
) -> Hand {
    let mut hand = begun(file);
    for turn in 0..200 {
        if hand.state.outcome().is_some() {
            break;
        }
        let choice = usize::from(choices[turn % choices.len()]);
        let open: Vec<_> = hand.state.open().collect();
        let open: Vec<_> =
            open.into_iter().filter(|o| turn < 60 || o.awaits != Awaits::Maybe).collect();
        let chosen = open[choice % open.len()];
        let id = hand.graph.id(chosen.node).to_owned();
        let work = chosen.work;
        let late = ["ask", "decline"].contains(&id.as_str()) && (choice / 16).is_multiple_of(4);
        let event = match chosen.awaits {
            Awaits::Completion if late && file == STANDARD => {
                Event::Fail { work, code: hand.graph.find_code("deemed").unwrap() }
            }
            Awaits::Completion => Event::Complete { work, set: decided(&id, choice / 8) },
            Awaits::Event | Awaits::Maybe => Event::Occur { work, set: BTreeMap::new() },
        };
        hand.step(&event).unwrap();
    }
    hand
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

    #[test]
    fn every_walk_ends_delivered_declined_lapsed_or_withdrawn(
        choices in proptest::collection::vec(any::<u16>(), 1..60),
    ) {
        let hand = walk(STANDARD, &choices, &decided);
        prop_assert_eq!(hand.state.outcome(), Some(Outcome::Completed));
        prop_assert!(hand.state.is_empty());
        prop_assert_eq!(ENDS.map(|end| hand.times(end)).into_iter().sum::<usize>(), 1);
        prop_assert_eq!(hand.times("grant") + hand.times("refuse"), hand.times("deliver"));
        prop_assert!(hand.times("ask") <= 1 && hand.times("stop") == hand.times("resume")
            || hand.times("ended-withdrawn") == 1);
    }

    #[test]
    fn every_walk_decided_on_the_spot_ends_too(
        choices in proptest::collection::vec(any::<u16>(), 1..60),
    ) {
        let decided = |task: &str, choice: usize| {
            let yes = Value::Bool(choice.is_multiple_of(2));
            let of = [("apply", "correcting"), ("review", "refusing")];
            let of = of.into_iter().filter(|(of, _)| *of == task);
            of.map(|(_, name)| (name.into(), yes.clone())).collect()
        };
        let hand = walk(IMMEDIATE, &choices, &decided);
        prop_assert_eq!(hand.state.outcome(), Some(Outcome::Completed));
        prop_assert!(hand.state.is_empty());
        prop_assert_eq!(ENDS.map(|end| hand.times(end)).into_iter().sum::<usize>(), 1);
        prop_assert_eq!(hand.times("grant") + hand.times("refuse"), hand.times("deliver"));
    }
}

//! The sale of a mortgaged house as one process: seven organisations in parallel, and what may
//! come between.

use std::collections::BTreeMap;

use crate::common::{Hand, model};
use chaincity_process::auto::play;
use chaincity_process::check;
use chaincity_process::run::{Awaits, Event, Outcome};
use chaincity_types::Value;
use proptest::prelude::*;

const SALE: &str = include_str!("../data/sale.bpmn");
const LEGS: [&str; 4] = ["funds", "loan", "payoff", "tax"];

fn legs_open() -> Hand {
    let mut hand = Hand::start(SALE);
    hand.complete("verify").complete("contract");
    hand
}

fn tasks(hand: &Hand) -> Vec<&str> {
    let open = hand.state.open().filter(|open| open.awaits == Awaits::Completion);
    open.map(|open| hand.graph.id(open.node)).collect()
}

#[test]
fn nothing_is_wrong_with_it_and_its_five_days_hold() {
    assert!(check(&model(SALE)).is_empty(), "{:?}", check(&model(SALE)));
    let four = SALE.replace("chaincity:workdays=\"5\"", "chaincity:workdays=\"4\"");
    assert_eq!(check(&model(&four))[0].code, "deadline-impossible");
}

#[test]
fn the_legs_run_in_parallel_and_the_utilities_after_the_commit() {
    let mut hand = legs_open();
    assert_eq!(tasks(&hand), LEGS);
    for leg in LEGS {
        hand.complete(leg);
    }
    hand.complete("apply").complete("review").complete("commit");
    assert_eq!(tasks(&hand), ["pay", "certify", "water", "power", "gas", "cable"]);
    for task in ["gas", "pay", "certify", "water", "cable", "power"] {
        hand.complete(task);
    }
    assert_eq!(hand.state.outcome(), Some(Outcome::Completed));
    assert_eq!((hand.times("archived"), hand.times("withdrawn")), (1, 0));
}

#[test]
fn a_seal_in_the_middle_suspends_and_its_release_begins_anew() {
    let mut hand = legs_open();
    hand.complete("loan").occur("sealed");
    assert_eq!(tasks(&hand), ["suspend"], "everything in preparation is cancelled");
    hand.complete("suspend").occur("released");
    assert_eq!(tasks(&hand), ["verify"]);
}

#[test]
fn a_seal_that_stays_ends_in_a_refund() {
    let mut hand = legs_open();
    hand.occur("sealed").complete("suspend").occur("overdue").complete("refund");
    assert_eq!(hand.times("withdrawn"), 1);
    assert_eq!(hand.state.outcome(), Some(Outcome::Completed));
}

#[test]
fn a_refused_loan_is_replaced_or_the_sale_withdrawn() {
    for (other_bank, open) in [(true, "verify"), (false, "refund")] {
        let mut hand = legs_open();
        hand.fail("loan", "loan-refused");
        assert_eq!(tasks(&hand), ["choose"]);
        let work = hand.find("choose").work;
        let set = BTreeMap::from([("other_bank".into(), Value::Bool(other_bank))]);
        hand.step(&Event::Complete { work, set }).unwrap();
        assert_eq!(tasks(&hand), [open]);
    }
}

#[test]
fn after_the_commit_nobody_withdraws() {
    let mut hand = legs_open();
    for task in LEGS.into_iter().chain(["apply", "review", "commit"]) {
        hand.complete(task);
    }
    assert!(!hand.open().contains(&"withdraw") && !hand.open().contains(&"sealed"));
}

#[test]
fn it_plays_through_by_itself() {
    let hand = Hand::ready(SALE);
    let played = play(&hand.graph, 0);
    assert!(played.finished);
    assert_eq!(played.ended, ["reviewed", "archived"]);
    assert!(played.completed.values().all(|times| *times == 1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

    #[test]
    fn every_walk_ends_archived_or_withdrawn(
        choices in proptest::collection::vec(any::<u16>(), 1..80),
    ) {
        let mut hand = Hand::start(SALE);
        for turn in 0..1_000 {
            if hand.state.outcome().is_some() {
                break;
            }
            let wild = turn < 150;
            let choice = usize::from(choices[turn % choices.len()]);
            let open: Vec<_> = hand.state.open().collect();
            let open: Vec<_> =
                open.into_iter().filter(|o| wild || o.awaits != Awaits::Maybe).collect();
            prop_assert!(!open.is_empty());
            let chosen = open[choice % open.len()];
            let id = hand.graph.id(chosen.node).to_owned();
            let work = chosen.work;
            let other_bank = Value::Bool(choice / 64 % 2 == 0);
            let set = if id == "choose" {
                BTreeMap::from([("other_bank".into(), other_bank)])
            } else {
                BTreeMap::new()
            };
            let event = match chosen.awaits {
                Awaits::Completion if wild && id == "loan" && choice / 128 % 4 == 0 => {
                    Event::Fail { work, code: hand.graph.find_code("loan-refused").unwrap() }
                }
                Awaits::Completion => Event::Complete { work, set },
                Awaits::Event | Awaits::Maybe => Event::Occur { work, set },
            };
            hand.step(&event).unwrap();
        }
        prop_assert_eq!(hand.state.outcome(), Some(Outcome::Completed));
        prop_assert!(hand.state.is_empty());
        prop_assert_eq!(hand.times("archived") + hand.times("withdrawn"), 1);
        prop_assert_eq!(hand.times("archived"), hand.times("commit"));
    }
}

//! What calls do blindly: numbers, counters, lists and index entries follow from the calls before
//! in the block, and keep no call from being tried before those are done.

use chaincity_ledger::scenario;
use chaincity_package::source::{self, Source};
use chaincity_types::Value;
use chaincity_types::wire::{Call, Mode};
use proptest::prelude::*;

use crate::desk::{self, Desk, Signed, outcome};
use crate::hostile::paid;
use crate::rounds::{run_fully, run_tried};

/// The package `meters`, with its scenarios.
fn meters() -> Source {
    let mut files = vec![
        ("package.yaml".to_owned(), include_str!("blind/package.yaml")),
        ("registers/meter.yaml".to_owned(), include_str!("blind/meter.yaml")),
        ("registers/slip.yaml".to_owned(), include_str!("blind/slip.yaml")),
        ("scenarios/all.yaml".to_owned(), include_str!("blind/scenarios.yaml")),
    ];
    for action in include_str!("blind/actions.txt").split("--- ").filter(|text| !text.is_empty()) {
        let (name, text) = action.split_once('\n').unwrap();
        files.push((format!("actions/{name}.yaml"), text));
    }
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    source::parse(&files).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn desk() -> Desk {
    Desk::with_packages(vec![meters().doc.to_bytes()])
}

fn call<const N: usize>(action: &str, input: [(&str, Value); N]) -> Call {
    Call { package: "meters".into(), ..desk::call(action, input) }
}

fn install(name: &str, place: &str) -> Call {
    call("install", [("name", name.into()), ("place", place.into())])
}

fn within(name: &str, place: &str, most: i64) -> Call {
    let mut call = install(name, place);
    call.input.insert("most".into(), Value::Int(most));
    call
}

fn visit(name: &str, by: &str) -> Call {
    call("visit", [("name", name.into()), ("by", Value::List(vec![by.into()]))])
}

fn agree(place: &str, count: i64) -> Call {
    call("agree", [("place", place.into()), ("count", Value::Int(count))])
}

fn read(name: &str, month: &str, value: i64) -> Call {
    call("read", [("name", name.into()), ("of", month.into()), ("value", Value::Int(value))])
}

fn sign(desk: &Desk, calls: Vec<Call>) -> Vec<Signed> {
    calls.into_iter().map(|call| desk.sign("clerk", Mode::Atomic, vec![call])).collect()
}

/// Runs the calls as a block in both ways, which must agree: outcomes, and how many were run anew.
fn both_ways(desk: &Desk, calls: Vec<Call>) -> (Vec<String>, usize) {
    let signed = sign(desk, calls);
    let (tried, again) = run_tried(desk, &signed, &mut |keys| keys);
    assert_eq!(tried, run_fully(desk, &signed));
    (tried.receipts.iter().map(outcome).collect(), again)
}

#[test]
fn every_scenario_of_blind_effects_and_maps_holds() {
    let source = meters();
    source.compile().unwrap_or_else(|problems| panic!("{problems:#?}"));
    let document = source.doc.to_bytes();
    for it in &source.scenarios {
        scenario::run(&document, it).unwrap_or_else(|failure| panic!("{}: {failure}", it.name));
    }
    assert_eq!(source.scenarios.len(), 5);
}

#[test]
fn calls_of_one_office_do_not_wait_for_each_others_numbers() {
    let desk = desk();
    let calls: Vec<_> = (0..20).map(|i| install(&format!("m{i}"), "east")).collect();
    let (outcomes, again) = both_ways(&desk, calls.clone());
    assert!(outcomes.iter().all(|outcome| outcome == "applied"));
    assert_eq!(again, 0);
    let mut desk = desk;
    let signed = sign(&desk, calls);
    desk.block(&signed);
    for i in 0..20 {
        let serial =
            &desk.record("meters", "meter", &format!("m{i}")).unwrap().version.fields["serial"];
        assert_eq!(*serial, format!("M-east-{:03}", i + 1).as_str().into());
    }
}

#[test]
fn a_refused_call_in_the_block_takes_no_number() {
    let mut desk = desk();
    let calls = vec![install("a", "east"), install("a", "east"), install("b", "east")];
    let signed = sign(&desk, calls.clone());
    let (outcomes, again) = both_ways(&desk, calls);
    assert_eq!(outcomes, ["applied", "exists", "applied"]);
    assert_eq!(again, 1, "the second looked for the record that the first wrote");
    desk.block(&signed);
    let b = desk.record("meters", "meter", "b").unwrap();
    assert_eq!(b.version.fields["serial"], "M-east-002".into());
}

#[test]
fn a_quota_holds_within_a_block() {
    let desk = desk();
    let calls = (0..4).map(|i| within(&format!("m{i}"), "east", 2)).collect();
    let (outcomes, again) = both_ways(&desk, calls);
    assert_eq!(outcomes, ["applied", "applied", "place-full", "place-full"]);
    assert_eq!(again, 0);
}

#[test]
fn what_reads_a_counter_or_a_list_sees_the_calls_before() {
    let desk = desk();
    let calls =
        vec![install("a", "east"), agree("east", 1), install("b", "east"), agree("east", 1)];
    let (outcomes, again) = both_ways(&desk, calls);
    assert_eq!(outcomes, ["applied", "applied", "applied", "differs"]);
    assert_eq!(again, 2, "both read the counter");
    let calls = vec![install("a", "east"), visit("a", "x"), visit("a", "y"), read("a", "2611", 1)];
    let (outcomes, again) = both_ways(&desk, calls);
    assert_eq!(outcomes, ["applied"; 4]);
    assert_eq!(again, 1, "only the last read the record");
}

#[test]
fn each_addition_to_a_list_is_a_version_of_its_own_caller() {
    let mut desk = desk();
    desk.applied("clerk", install("a", "east"));
    let signed = sign(&desk, vec![visit("a", "x"), visit("a", "y")]);
    let executed = desk.block(&signed);
    let meter = desk.record("meters", "meter", "a").unwrap();
    assert_eq!(meter.version.fields["visits"], Value::List(vec!["x".into(), "y".into()]));
    assert_eq!(meter.version.version, 3);
    assert_eq!(meter.version.by.transaction, signed[1].as_call().id);
    assert_eq!(executed.versions.len(), 2);
}

#[test]
fn a_number_that_is_the_key_is_given_in_order() {
    let desk = desk();
    let (outcomes, again) = both_ways(&desk, vec![call("slip", []), call("slip", [])]);
    assert_eq!(outcomes, ["applied", "applied"]);
    assert_eq!(again, 1, "its record is looked for under the number");
}

/// Look-ups, bytes and events are counted against the fuel that was drawn.
#[test]
fn what_is_done_blindly_is_paid_for() {
    let flood = |times: i64| {
        let mut desk = desk();
        desk.applied("clerk", install("a", "east"));
        let times = Value::List((0..times).map(Value::Int).collect());
        outcome(&paid(&mut desk, call("flood", [("name", "a".into()), ("times", times)])))
    };
    assert_eq!(flood(1), "applied");
    assert_eq!(flood(2), "invalid-field", "four items where three are the most");
    assert_eq!(flood(40), "out-of-fuel");
    assert_eq!(flood(256), "out-of-fuel");
}

fn any_calls() -> impl Strategy<Value = Vec<Call>> {
    let one = (0_u8..8, 0_u8..4, 0_u8..3, 0_i64..4).prop_map(|(kind, name, place, n)| {
        let (name, place) = (format!("m{name}"), ["east", "west", "north"][usize::from(place)]);
        match kind {
            0 => install(&name, place),
            1 => within(&name, place, n),
            2 => call("remove", [("name", name.as_str().into())]),
            3 => call("lower", [("place", place.into())]),
            4 => read(&name, place, n),
            5 => agree(place, n),
            6 => call("slip", []),
            _ => visit(&name, place),
        }
    });
    prop::collection::vec(one, 1..16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn tried_at_once_or_done_one_by_one_comes_to_the_same(
        first in any_calls(),
        second in any_calls(),
        picks in prop::collection::vec(1_usize..4, 64),
    ) {
        let mut desk = desk();
        let signed = sign(&desk, first);
        desk.block(&signed);
        let signed = sign(&desk, second);
        let mut picks = picks.into_iter().cycle();
        let (tried, _) = run_tried(&desk, &signed, &mut |mut keys| {
            keys.truncate(picks.next().unwrap_or(1));
            keys
        });
        prop_assert_eq!(tried, run_fully(&desk, &signed));
    }
}

//! What the token machine does with each element of the subset.

use std::collections::BTreeMap;

use crate::common::{Hand, file, flows, process, task, tasks, when};
use chaincity_package::rule::Fuel;
use chaincity_process::run::{Effect, Event, Outcome, State, Stop, step_within};
use chaincity_types::{Value, cbor};

const START: &str = "<startEvent id='s'/>";
const END: &str = "<endEvent id='e'/>";

fn ended(hand: &Hand) -> bool {
    hand.state.outcome() == Some(Outcome::Completed) && hand.state.is_empty()
}

#[test]
fn tasks_open_one_after_another_and_the_process_ends() {
    let mut hand = Hand::start(&process(&format!("{START}{}{END}", tasks("a b")), "s>a;a>b;b>e"));
    assert_eq!((hand.open(), hand.state.outcome()), (vec!["a"], None));
    hand.complete("a").complete("b");
    assert_eq!(hand.done, ["s", "a", "b", "e"]);
    assert!(ended(&hand));
    assert_eq!(hand.step(&Event::Cancel), Err(Stop::NotNow), "it has ended");
}

#[test]
fn an_exclusive_gateway_takes_the_first_way_whose_condition_holds() {
    let nodes = format!(
        "{START}<exclusiveGateway id='g' default='g-c'/>{}{}{}{END}",
        tasks("a b c"),
        when("g", "a", "n &gt; 10"),
        when("g", "b", "n &gt; 5"),
    );
    let text = process(&format!("{}{nodes}", task("t")), "s>t;t>g;g>c;a>e;b>e;c>e");
    for (n, open) in [(11, "a"), (6, "b"), (0, "c")] {
        let mut hand = Hand::start(&text);
        hand.complete_with("t", Some(n));
        assert_eq!(hand.open(), [open], "{n}");
        assert_eq!(hand.state.variables().unwrap()["n"], Value::Int(n));
    }
}

#[test]
fn no_way_on_is_refused_and_changes_nothing() {
    let nodes = format!(
        "{START}{}<exclusiveGateway id='g'/>{}{END}",
        tasks("t a b"),
        when("g", "a", "n == 1") + &when("g", "b", "n == 2"),
    );
    let mut hand = Hand::start(&process(&nodes, "s>t;t>g;a>e;b>e"));
    let before = hand.state.clone();
    let work = hand.find("t").work;
    let refused = hand.step(&Event::Complete { work, set: BTreeMap::new() });
    assert!(matches!(refused, Err(Stop::NoWay(_))), "{refused:?}");
    assert_eq!(hand.state, before);
}

#[test]
fn only_declared_variables_of_their_type_are_set() {
    let mut hand = Hand::start(&process(&format!("{START}{}{END}", task("a")), "s>a;a>e"));
    let work = hand.find("a").work;
    for (name, value) in [("m", Value::Int(1)), ("n", Value::from("x")), ("n", Value::Null)] {
        let set = BTreeMap::from([(name.into(), value)]);
        let refused = hand.step(&Event::Complete { work, set });
        assert_eq!(refused, Err(Stop::Variable(name.to_owned())));
    }
}

#[test]
fn a_parallel_join_waits_for_every_way() {
    let nodes =
        format!("{START}<parallelGateway id='g'/>{}<parallelGateway id='j'/>{END}", tasks("a b c"));
    let text = process(&nodes, "s>g;g>a;g>b;g>c;a>j;b>j;c>j;j>e");
    let mut hand = Hand::start(&text);
    assert_eq!(hand.open(), ["a", "b", "c"]);
    hand.complete("b").complete("a");
    assert_eq!((hand.times("j"), hand.open()), (0, vec!["c"]));
    hand.complete("c");
    assert_eq!(hand.times("j"), 1);
    assert!(ended(&hand));
}

#[test]
fn an_inclusive_join_waits_for_the_ways_that_were_taken_alone() {
    let nodes = format!(
        "{START}{}<inclusiveGateway id='g' default='g-c'/>{}{}<inclusiveGateway id='j'/>{END}",
        task("t"),
        tasks("a b c"),
        when("g", "a", "n == 1 || n == 3") + &when("g", "b", "n == 2 || n == 3"),
    );
    let text = process(&nodes, "s>t;t>g;g>c;a>j;b>j;c>j;j>e");
    for (n, open) in [(0, vec!["c"]), (1, vec!["a"]), (3, vec!["a", "b"])] {
        let mut hand = Hand::start(&text);
        hand.complete_with("t", Some(n));
        assert_eq!(hand.open(), open);
        for (left, id) in open.iter().enumerate().rev() {
            assert_eq!(hand.times("j"), 0);
            assert!(hand.open().len() == left + 1);
            hand.complete(id);
        }
        assert_eq!(hand.times("j"), 1, "{n}");
        assert!(ended(&hand));
    }
}

#[test]
fn an_inclusive_join_waits_while_a_token_may_still_come_over_a_detour() {
    let nodes = format!(
        "{START}<parallelGateway id='g'/>{}<exclusiveGateway id='x' default='x-j'/>{}\
         <inclusiveGateway id='j'/><endEvent id='o'/>{END}",
        tasks("a b"),
        when("x", "o", "n == 1")
    );
    let text = process(&nodes, "s>g;g>a;g>b;a>j;b>x;x>j;j>e");
    let mut hand = Hand::start(&text);
    hand.complete("a");
    assert_eq!(hand.times("j"), 0, "b may still come");
    hand.complete_with("b", Some(1));
    assert_eq!((hand.times("j"), hand.times("o")), (1, 1), "b went elsewhere");
    assert!(ended(&hand));
}

#[test]
fn behind_an_event_based_gateway_the_first_event_wins() {
    let nodes = format!(
        "{START}<eventBasedGateway id='g'/><intermediateCatchEvent id='m'><messageEventDefinition/>\
         </intermediateCatchEvent><intermediateCatchEvent id='t'><timerEventDefinition/>\
         </intermediateCatchEvent><endEvent id='e'/><endEvent id='late'/>"
    );
    let mut hand = Hand::start(&process(&nodes, "s>g;g>m;g>t;m>e;t>late"));
    assert_eq!(hand.open(), ["m", "t"]);
    hand.occur("t");
    assert_eq!(hand.done, ["s", "g", "t", "late"]);
    assert!(hand.effects.iter().any(|effect| matches!(effect, Effect::Cancelled { .. })));
    assert!(ended(&hand));
}

fn with_boundary(attributes: &str, definition: &str) -> String {
    process(
        &format!(
            "{START}{}<boundaryEvent id='b' attachedToRef='a' {attributes}>{definition}\
             </boundaryEvent>{END}",
            tasks("a late")
        ),
        "s>a;a>e;b>late;late>e",
    )
}

#[test]
fn an_interrupting_boundary_event_takes_the_place_of_its_activity() {
    let mut hand = Hand::start(&with_boundary("", "<timerEventDefinition/>"));
    assert_eq!(hand.open(), ["a", "b"]);
    hand.occur("b");
    assert_eq!((hand.open(), hand.times("a")), (vec!["late"], 0));
    hand.complete("late");
    assert!(ended(&hand));
}

#[test]
fn a_boundary_event_is_no_longer_awaited_when_its_activity_is_done() {
    let mut hand = Hand::start(&with_boundary("", "<messageEventDefinition/>"));
    hand.complete("a");
    assert!(ended(&hand));
}

#[test]
fn a_non_interrupting_message_may_come_again_and_a_time_comes_once() {
    let quiet = "cancelActivity='false'";
    let mut hand = Hand::start(&with_boundary(quiet, "<messageEventDefinition/>"));
    hand.occur("b").occur("b");
    assert_eq!(hand.open(), ["a", "b", "late", "late"]);
    let mut hand = Hand::start(&with_boundary(quiet, "<timerEventDefinition/>"));
    hand.occur("b");
    assert_eq!(hand.open(), ["a", "late"]);
    hand.complete("a");
    assert_eq!(hand.state.outcome(), None);
    hand.complete("late");
    assert!(ended(&hand));
}

/// Errors `one` and `two`; a sub-process `p1` with task `a`, and what is attached to it.
fn erring(inside: &str, inner: &str, around: &str, outer: &str) -> String {
    file(&format!(
        "<error id='one' errorCode='E1'/><error id='two' errorCode='E2'/><escalation id='up' \
         escalationCode='U'/><process id='p'>{START}<subProcess id='p1'><startEvent id='is'/>{inside}\
         {}</subProcess>{around}{END}{}</process>",
        flows(inner),
        flows(outer)
    ))
}

fn catching(id: &str, definition: &str) -> String {
    format!(
        "<boundaryEvent id='{id}' attachedToRef='p1'>{definition}</boundaryEvent>{}",
        task(&format!("after-{id}"))
    )
}

#[test]
fn an_error_end_is_caught_by_the_boundary_that_names_its_code() {
    let inside = format!(
        "{}<endEvent id='ie'><errorEventDefinition errorRef='two'/></endEvent>",
        tasks("a")
    );
    let around = catching("any", "<errorEventDefinition/>")
        + &catching("b1", "<errorEventDefinition errorRef='one'/>")
        + &catching("b2", "<errorEventDefinition errorRef='two'/>");
    let outer = "s>p1;p1>e;any>after-any;b1>after-b1;b2>after-b2;after-any>e;after-b1>e;after-b2>e";
    let mut hand = Hand::start(&erring(&inside, "is>a;a>ie", &around, outer));
    hand.complete("a");
    assert_eq!(hand.open(), ["after-b2"]);
    assert_eq!(hand.times("p1"), 0);
}

#[test]
fn a_task_that_fails_is_caught_around_or_ends_the_process() {
    let inside = format!("{}<endEvent id='ie'/>", tasks("a b"));
    let around = catching("b1", "<errorEventDefinition errorRef='one'/>");
    let outer = "s>p1;p1>e;b1>after-b1;after-b1>e";
    let text = erring(&inside, "is>a;is>b;a>ie;b>ie", &around, outer);
    let mut hand = Hand::start(&text);
    hand.fail("a", "E1");
    assert_eq!(hand.open(), ["after-b1"], "b is cancelled too");
    let mut hand = Hand::start(&text);
    hand.fail("a", "E2");
    assert!(matches!(hand.state.outcome(), Some(Outcome::Failed(Some(_)))), "nobody catches it");
    assert!(hand.state.is_empty());
}

#[test]
fn an_escalation_is_caught_and_the_sub_process_goes_on() {
    let inside = format!(
        "<intermediateThrowEvent id='t'><escalationEventDefinition escalationRef='up'/>\
         </intermediateThrowEvent>{}<endEvent id='ie'/>",
        tasks("a")
    );
    let around = catching("b", "<escalationEventDefinition/>")
        .replace("attachedToRef", "cancelActivity='false' attachedToRef");
    let outer = "s>p1;p1>e;b>after-b;after-b>e";
    let text = erring(&inside, "is>t;t>a;a>ie", &around, outer);
    let hand = Hand::start(&text);
    assert_eq!(hand.open(), ["after-b", "a"]);
    let interrupting = text.replace("cancelActivity='false'", "");
    let hand = Hand::start(&interrupting);
    assert_eq!((hand.open(), hand.times("p1")), (vec!["after-b"], 0));
}

#[test]
fn an_escalation_that_nobody_catches_is_lost() {
    let inside = "<endEvent id='ie'><escalationEventDefinition escalationRef='up'/></endEvent>";
    let hand = Hand::start(&erring(inside, "is>ie", "", "s>p1;p1>e"));
    assert!(ended(&hand));
}

#[test]
fn terminate_ends_its_own_sub_process_and_no_more() {
    let inside =
        format!("{}<endEvent id='ie'><terminateEventDefinition/></endEvent>", tasks("a b"));
    let text = erring(&inside, "is>a;is>b;a>ie;b>ie", &task("c"), "s>p1;s>c;p1>e;c>e");
    let mut hand = Hand::start(&text);
    hand.complete("a");
    assert_eq!((hand.open(), hand.times("p1")), (vec!["c"], 1));
    hand.complete("c");
    assert!(ended(&hand));
}

fn with_handler(interrupting: bool, definition: &str) -> String {
    file(&format!(
        "<error id='one' errorCode='E1'/><process id='p'>{START}{}{END}{}<subProcess id='h' \
         triggeredByEvent='true'><startEvent id='hs' isInterrupting='{interrupting}'>{definition}\
         </startEvent>{}<endEvent id='he'/>{}</subProcess></process>",
        task("a"),
        flows("s>a;a>e"),
        task("stop"),
        flows("hs>stop;stop>he")
    ))
}

#[test]
fn an_event_sub_process_interrupts_what_it_lies_in() {
    let mut hand = Hand::start(&with_handler(true, "<messageEventDefinition/>"));
    assert_eq!(hand.open(), ["hs", "a"]);
    hand.occur("hs");
    assert_eq!(hand.open(), ["stop"]);
    hand.complete("stop");
    assert!(ended(&hand));
    assert_eq!(hand.done, ["s", "hs", "stop", "he", "h"]);
}

#[test]
fn a_non_interrupting_event_sub_process_runs_beside_and_keeps_the_process_open() {
    let mut hand = Hand::start(&with_handler(false, "<messageEventDefinition/>"));
    hand.occur("hs").occur("hs").complete("a");
    assert_eq!(hand.open(), ["hs", "stop", "stop"]);
    hand.complete("stop").complete("stop");
    assert!(ended(&hand));
}

#[test]
fn an_error_begins_the_event_sub_process_of_its_scope() {
    let mut hand = Hand::start(&with_handler(true, "<errorEventDefinition errorRef='one'/>"));
    hand.fail("a", "E1");
    assert_eq!(hand.open(), ["stop"]);
    hand.fail("stop", "E1");
    assert!(matches!(hand.state.outcome(), Some(Outcome::Failed(Some(_)))), "no loop");
}

fn several(attributes: &str, inside: &str) -> String {
    process(
        &format!(
            "{START}<userTask id='a' chaincity:role='x'><multiInstanceLoopCharacteristics \
             {attributes}>{inside}</multiInstanceLoopCharacteristics></userTask>{END}"
        ),
        "s>a;a>e",
    )
}

#[test]
fn several_instances_run_side_by_side_or_one_after_another() {
    let three = "<loopCardinality>3</loopCardinality>";
    let mut hand = Hand::start(&several("", three));
    assert_eq!(hand.open(), ["a", "a", "a"]);
    hand.complete("a").complete("a").complete("a");
    assert!(ended(&hand));
    let mut hand = Hand::start(&several("isSequential='true'", three));
    for _ in 0..3 {
        assert_eq!(hand.open(), ["a"]);
        hand.complete("a");
    }
    assert_eq!((hand.times("a"), hand.times("e")), (3, 1));
    assert!(ended(&hand));
}

#[test]
fn enough_instances_cancel_the_rest() {
    let enough = "<loopCardinality>n + 4</loopCardinality><completionCondition>completed &gt;= \
                  instances - 2</completionCondition>";
    let mut hand = Hand::start(&several("", enough));
    hand.complete("a").complete("a");
    assert!(ended(&hand));
    assert_eq!(hand.times("a"), 2);
}

#[test]
fn no_instance_and_too_many_are_bounds() {
    let hand = Hand::start(&several("", "<loopCardinality>0</loopCardinality>"));
    assert!(ended(&hand));
    let mut hand = Hand::ready(&several("", "<loopCardinality>257</loopCardinality>"));
    let refused = hand.step(&Event::begin(0));
    assert!(matches!(refused, Err(Stop::Bound { what: "instances", .. })), "{refused:?}");
    assert_eq!(hand.state, State::default());
}

#[test]
fn a_called_process_runs_with_variables_of_its_own() {
    let text = file(&format!(
        "<process id='p'><extensionElements><chaincity:variable name='n' type='int' value='7'/>\
         </extensionElements>{START}<callActivity id='c' calledElement='q'/>{}{END}{}</process>\
         <process id='q'><extensionElements><chaincity:variable name='n' type='int' value='0'/>\
         <chaincity:variable name='m' type='int' value='1'/></extensionElements><startEvent \
         id='qs'/><exclusiveGateway id='g' default='g-qe'/>{}<endEvent id='qe'/>{}{}</process>",
        task("after"),
        flows("s>c;c>after;after>e"),
        task("qa"),
        when("g", "qa", "n == 7"),
        flows("qs>g;g>qe;qa>qe")
    ));
    let mut hand = Hand::start(&text);
    assert_eq!(hand.open(), ["qa"], "the caller's value went in");
    hand.complete_with("qa", Some(9)).complete("after");
    assert_eq!(hand.done, ["s", "qs", "g", "qa", "qe", "c", "after", "e"]);
    let mut hand = Hand::start(&text);
    hand.complete_with("qa", Some(9));
    assert_eq!(hand.state.variables().unwrap()["n"], Value::Int(9), "and came back");
}

#[test]
fn a_process_that_calls_itself_for_ever_is_stopped() {
    let text = process(&format!("{START}<callActivity id='c' calledElement='p'/>{END}"), "s>c;c>e");
    let mut hand = Hand::ready(&text);
    let refused = hand.step(&Event::begin(0));
    assert!(matches!(refused, Err(Stop::Bound { what: "open scopes", .. })), "{refused:?}");
}

#[test]
fn a_loop_without_a_task_is_stopped() {
    let text = process(
        &format!(
            "{START}<exclusiveGateway id='g'/><exclusiveGateway id='h' default='h-g'/>{}{END}",
            when("h", "e", "n &gt; 0")
        ),
        "s>g;g>h;h>g",
    );
    let mut hand = Hand::ready(&text);
    let refused = hand.step(&Event::begin(0));
    assert!(matches!(refused, Err(Stop::Bound { what: "moves", .. })), "{refused:?}");
}

fn undoing(throw: &str) -> String {
    let activity = |id: &str| {
        format!(
            "{}<boundaryEvent id='b{id}' attachedToRef='{id}'><compensateEventDefinition/>\
             </boundaryEvent><userTask id='un{id}' isForCompensation='true' chaincity:role='x'/>\
             <association id='as{id}' sourceRef='b{id}' targetRef='un{id}'/>",
            task(id)
        )
    };
    process(
        &format!(
            "{START}{}{}<intermediateThrowEvent id='t'><compensateEventDefinition {throw}/>\
             </intermediateThrowEvent>{END}",
            activity("a"),
            activity("c")
        ),
        "s>a;a>c;c>t;t>e",
    )
}

#[test]
fn compensation_undoes_what_is_done_the_last_first() {
    let mut hand = Hand::start(&undoing(""));
    hand.complete("a").complete("c");
    assert_eq!(hand.open(), ["unc"]);
    hand.complete("unc");
    assert_eq!(hand.open(), ["una"]);
    hand.complete("una");
    assert_eq!(hand.done, ["s", "a", "c", "unc", "una", "t", "e"]);
    assert!(ended(&hand));
}

#[test]
fn compensation_may_name_one_activity() {
    let mut hand = Hand::start(&undoing("activityRef='a'"));
    hand.complete("a").complete("c");
    assert_eq!(hand.open(), ["una"]);
    hand.complete("una");
    assert!(ended(&hand));
}

#[test]
fn a_link_leads_to_the_event_of_its_name() {
    let text = process(
        &format!(
            "{START}<intermediateThrowEvent id='t'><linkEventDefinition name='x'/>\
             </intermediateThrowEvent><intermediateCatchEvent id='c'><linkEventDefinition \
             name='x'/></intermediateCatchEvent>{END}"
        ),
        "s>t;c>e",
    );
    let hand = Hand::start(&text);
    assert_eq!(hand.done, ["s", "t", "c", "e"]);
    assert!(ended(&hand));
}

#[test]
fn messages_are_effects() {
    let text = process(
        &format!(
            "{START}<intermediateThrowEvent id='t'><messageEventDefinition/>\
             </intermediateThrowEvent><endEvent id='e'><messageEventDefinition/></endEvent>"
        ),
        "s>t;t>e",
    );
    let hand = Hand::start(&text);
    let sent = hand.effects.iter().filter(|effect| matches!(effect, Effect::Sent { .. }));
    assert_eq!(sent.count(), 2);
}

#[test]
fn a_withdrawn_process_leaves_nothing_open() {
    let mut hand = Hand::start(&with_boundary("", "<timerEventDefinition/>"));
    hand.step(&Event::Cancel).unwrap();
    assert!(hand.state.is_empty());
    assert_eq!(hand.state.outcome(), Some(Outcome::Failed(None)));
}

#[test]
fn what_is_not_open_cannot_be_completed() {
    let mut hand = Hand::start(&with_boundary("", "<timerEventDefinition/>"));
    let boundary = hand.find("b").work;
    let set = BTreeMap::new();
    let complete = Event::Complete { work: boundary, set: set.clone() };
    assert_eq!(hand.step(&complete), Err(Stop::NoWork), "an event occurs, it is not completed");
    let task = hand.find("a").work;
    assert_eq!(hand.step(&Event::Occur { work: task, set: set.clone() }), Err(Stop::NoWork));
    hand.complete("a");
    assert_eq!(hand.step(&Event::Complete { work: task, set }), Err(Stop::NotNow));
}

#[test]
fn a_state_is_read_back_from_its_bytes_and_goes_on() {
    let mut hand = Hand::start(&undoing(""));
    hand.complete("a");
    let bytes = cbor::encode(&hand.state);
    let read: State = cbor::decode(&bytes, 100_000).unwrap();
    assert_eq!(read, hand.state);
    hand.state = read;
    hand.complete("c").complete("unc").complete("una");
    assert!(ended(&hand));
}

#[test]
fn a_states_bytes_are_these() {
    let nodes =
        format!("{START}<parallelGateway id='g'/>{}<parallelGateway id='j'/>{END}", tasks("a b"));
    let text = process(&nodes, "s>g;g>a;g>b;a>j;b>j;j>e").replace(
        "<chaincity:variable",
        "<chaincity:variable name='first' type='int' value='1'/><chaincity:variable",
    );
    let mut hand = Hand::start(&text);
    hand.complete("a");
    let hex: String = cbor::encode(&hand.state).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex, "8303a1018500f6a1030180a2616e0065666972737401a103830103820080");
}

#[test]
fn variables_are_set_before_the_first_move_and_while_a_task_stays_open() {
    let text = process(
        &format!(
            "<startEvent id='s'/><exclusiveGateway id='g' default='g-b'/>{}{}<endEvent id='e'/>",
            task("a") + &task("b"),
            when("g", "a", "n &gt; 0")
        ),
        "s>g;g>b;a>e;b>e",
    );
    let mut hand = Hand::ready(&text);
    let set = |n: i64| [("n".into(), Value::Int(n))].into();
    hand.step(&Event::Start { process: 0, set: set(1) }).unwrap();
    assert_eq!(hand.open(), ["a"]);
    let work = hand.find("a").work;
    hand.step(&Event::Assign { work, set: set(7) }).unwrap();
    assert_eq!(hand.open(), ["a"]);
    assert_eq!(hand.state.variables().unwrap().get("n"), Some(&Value::Int(7)));
    let wrong = [("m".into(), Value::Int(1))].into();
    assert_eq!(hand.step(&Event::Assign { work, set: wrong }), Err(Stop::Variable("m".into())));
}

#[test]
fn a_step_draws_on_the_fuel_that_it_is_given() {
    let text = process(&format!("<startEvent id='s'/>{}<endEvent id='e'/>", task("a")), "s>a;a>e");
    let (graph, _) = chaincity_process::compile(&crate::common::model(&text));
    let spent = |left: u64| {
        let (mut state, mut fuel) = (State::default(), Fuel { left });
        let result = step_within(&graph, &mut state, &Event::begin(0), &mut fuel);
        (result.is_ok(), left - fuel.left, state == State::default())
    };
    let (done, cost, untouched) = spent(1_000);
    assert!(done && cost > 0 && cost < 100 && !untouched, "{cost}");
    assert_eq!(spent(cost), (true, cost, false));
    let (done, _, untouched) = spent(cost - 5);
    assert!(!done && untouched);
}

#[test]
fn what_leads_to_a_task_of_nobody_is_refused_and_changes_nothing() {
    let text = file(&format!(
        "<process id='p' isExecutable='true'><extensionElements><chaincity:variable name='bank' \
         type='text(40)?'/></extensionElements><startEvent id='s'/>{}<userTask id='u' \
         chaincity:role='bank.officer@bank'/><userTask id='v' chaincity:role='bank.officer@holder'/>\
         <endEvent id='e'/>{}</process>",
        task("t"),
        flows("s>t;t>u;u>v;v>e")
    ));
    let mut hand = Hand::start(&text);
    let (work, before) = (hand.find("t").work, hand.state.clone());
    let none = hand.step(&Event::Complete { work, set: BTreeMap::new() });
    assert_eq!(none, Err(Stop::NoParty(hand.graph.find("u").unwrap())));
    assert_eq!(hand.state, before);
    let set = BTreeMap::from([("bank".into(), "bank-a".into())]);
    hand.step(&Event::Complete { work, set }).unwrap();
    hand.complete("u").complete("v");
    assert_eq!(hand.state.outcome(), Some(Outcome::Completed));
}

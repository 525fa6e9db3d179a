//! Timers at a node: what is due and has no place in a block is work for the next.

#![allow(clippy::arithmetic_side_effects, clippy::panic, clippy::unwrap_used, reason = "tests")]

use chaincity_crypto::cose;
use chaincity_engine::Clock as _;
use chaincity_ledger::TIMERS_MAX;
use chaincity_package::source;
use chaincity_pipeline::NodeApi as _;
use chaincity_testing::city::Actor;
use chaincity_testing::desk::{Desk, key};
use chaincity_types::wire::Call;
use chaincity_types::{Timestamp, Value};

const PACKAGE: &str = "package: alarm\nversion: 1\ntitle: {zh: 限期, en: Terms}\nroles:\n  \
    registry.registrar: {zh: 经办, en: Clerk}\n";
const TERM: &str = "register: term\ntitle: {zh: 事项, en: Term}\nsteward: registry.registrar\nkey: code\n\
    fields:\n  code: {type: text(40), zh: 代码, en: Code}\n  until: {type: time, zh: 期限, en: Until}\n\
    timers:\n  lapse: {at: this.until, call: lapse, input: {term: this._key}}\n";
const SET: &str = "action: set\ntitle: {zh: 立, en: Set}\nby: registry.registrar\n\
    input: {code: text(40), until: time}\ndo:\n  \
    - insert: {register: term, fields: {code: input.code, until: input.until}}\n";
const LAPSE: &str = "action: lapse\ntitle: {zh: 届满, en: Lapse}\nby: ledger.timer\n\
    input: {term: ref(term)}\nlet: {term: 'get(term, input.term)'}\ndo:\n  \
    - close: {record: term, reason: lapsed}\n";

fn document() -> Vec<u8> {
    let files = [
        ("package.yaml", PACKAGE),
        ("registers/term.yaml", TERM),
        ("actions/set.yaml", SET),
        ("actions/lapse.yaml", LAPSE),
    ];
    source::parse(&files).unwrap().doc.to_bytes()
}

fn set(number: usize, until: Timestamp) -> Call {
    let input = [
        ("code".into(), Value::from(format!("t{number:05}"))),
        ("until".into(), Value::Time(until)),
    ];
    let (package, action) = ("alarm".into(), "set".into());
    Call { package, action, input: input.into(), case: None, task: None, mandates: None }
}

#[test]
fn a_leader_waits_for_nothing_while_timers_are_due() {
    let mut desk = Desk::of(document());
    let until = desk.tip().time.plus_ms(30_000);
    let numbers: Vec<usize> = (0..2 * TIMERS_MAX + 5).collect();
    for some in numbers.chunks(200) {
        let calls = some.iter().map(|number| set(*number, until)).collect();
        let signed = cose::sign_transaction(&desk.transaction(calls), &key(Actor::Registrar));
        desk.submit(&signed).unwrap();
    }
    while desk.pooled() > 0 {
        desk.step();
    }
    assert!(desk.tip().time < until);
    desk.clock().set(until.plus_ms(1_000));
    desk.step();
    assert!(desk.node().status().timer_lag_ms > 0, "not all had a place");
    let begun = desk.clock().now();
    desk.step();
    assert!(desk.node().status().timer_lag_ms > 0);
    desk.step();
    assert_eq!(desk.node().status().timer_lag_ms, 0, "three blocks hold them");
    assert!(
        desk.clock().now().since_ms(begun) < 10,
        "an idle leader waits a second, others gather"
    );
    desk.step();
    assert!(desk.clock().now().since_ms(begun) >= 1_000, "and then it rests again");
}

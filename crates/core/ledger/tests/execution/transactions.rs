//! Transactions: envelope, atomic and independent, intent keys, order.

use chaincity_ledger::order::{ORDINARY, URGENT, check_order, priority};
use chaincity_ledger::{BlockRun, Step};
use chaincity_types::wire::Mode;
use chaincity_types::{Digest, Timestamp};

use crate::desk::{Desk, Signed, add, call, create, outcome, outcomes};

fn refused(change: impl Fn(&mut Signed)) -> String {
    let mut desk = Desk::new();
    let mut signed = desk.sign("clerk", Mode::Atomic, vec![create("i1", "s-jia", 1)]);
    change(&mut signed);
    let before = desk.ledger.clone();
    let receipt = desk.submit(&signed);
    assert_eq!(before, desk.ledger);
    outcome(&receipt)
}

#[test]
fn an_envelope_that_does_not_fit_is_refused_as_a_whole() {
    assert_eq!(refused(|s| s.transaction.ledger = Digest([9; 32])), "wrong-ledger");
    assert_eq!(refused(|s| s.transaction.protocol = 9), "wrong-protocol");
    assert_eq!(refused(|s| s.transaction.expiry = Timestamp(1)), "expired");
    assert_eq!(
        refused(|s| s.transaction.expiry = s.transaction.expiry.plus_ms(600_000)),
        "expiry-too-far"
    );
    assert_eq!(refused(|s| s.transaction.calls.clear()), "call-count");
    assert_eq!(
        refused(|s| s.transaction.calls = vec![s.transaction.calls[0].clone(); 257]),
        "call-count"
    );
    assert_eq!(refused(|s| s.transaction.intent = Some("x".repeat(65).into())), "malformed");
    assert_eq!(refused(|s| s.transaction.calls[0].case = Some(String::new().into())), "malformed");
}

#[test]
fn an_atomic_transaction_applies_wholly_or_not_at_all() {
    let mut desk = Desk::new();
    let calls = vec![create("i1", "s-jia", 1), add("i1", 2), add("none", 1)];
    let signed = desk.sign("clerk", Mode::Atomic, calls.clone());
    let before = desk.ledger.clone();
    let receipt = desk.submit(&signed);
    assert_eq!(outcomes(&receipt), ["not-found"]);
    assert!(matches!(
        receipt.entries[0].outcome,
        chaincity_types::wire::Outcome::Rejected { call: 2, .. }
    ));
    assert_eq!(before, desk.ledger);
    // Without the bad call, each call sees what those before it did.
    let signed = desk.sign("clerk", Mode::Atomic, calls[..2].to_vec());
    let receipt = desk.submit(&signed);
    assert_eq!(outcomes(&receipt), ["applied"]);
    assert_eq!((desk.n("i1"), desk.item("i1").head.version), (3, 2));
    assert_eq!(receipt.entries[0].writes.len(), 3);
}

#[test]
fn the_calls_of_an_independent_transaction_stand_alone() {
    let mut desk = Desk::new();
    let calls = vec![create("i1", "s-jia", 1), add("none", 1), add("i1", 2)];
    let signed = desk.sign("clerk", Mode::Independent, calls);
    let receipt = desk.submit(&signed);
    assert_eq!(outcomes(&receipt), ["applied", "not-found", "applied"]);
    assert_eq!(desk.n("i1"), 3);
    let mut unknown = desk.sign("nobody", Mode::Independent, vec![add("i1", 1), add("i1", 1)]);
    unknown.transaction.intent = Some("x".into());
    assert_eq!(outcomes(&desk.submit(&unknown)), ["unknown-operator", "unknown-operator"]);
}

#[test]
fn an_intent_key_is_used_once_per_member_and_only_by_what_applied() {
    let mut desk = Desk::new();
    let intend = |desk: &Desk, by: &str, calls| {
        let mut signed = desk.sign(by, Mode::Independent, calls);
        signed.transaction.intent = Some("row-1".into());
        signed
    };
    let failing = intend(&desk, "clerk", vec![add("none", 1)]);
    assert_eq!(outcomes(&desk.submit(&failing)), ["not-found"]);
    let calls = vec![add("none", 1), create("i1", "s-jia", 1), add("i1", 1)];
    let signed = intend(&desk, "clerk", calls);
    assert_eq!(outcomes(&desk.submit(&signed)), ["not-found", "applied", "applied"]);
    let again = intend(&desk, "clerk", vec![add("i1", 1)]);
    assert_eq!(outcomes(&desk.submit(&again)), ["intent-used"]);
    // Another member's keys are its own.
    let hold = call("hold", [("item", "i1".into())]);
    let court = intend(&desk, "court", vec![hold]);
    assert_eq!(outcomes(&desk.submit(&court)), ["applied"]);
}

#[test]
fn a_transaction_has_less_fuel_than_all_its_calls_might_want() {
    use chaincity_types::Value;
    let mut desk = Desk::new();
    let list = Value::List(vec![Value::Int(1); 25]);
    let burn = call("burn", [("list", list), ("at", Value::Int(-1))]);
    let signed = desk.sign("clerk", Mode::Independent, vec![burn; 60]);
    let receipt = desk.submit(&signed);
    let outcomes = outcomes(&receipt);
    assert_eq!((outcomes[0].as_str(), outcomes[59].as_str()), ("applied", "out-of-fuel"));
    assert!(receipt.fuel <= chaincity_ledger::fuel::TRANSACTION_MAX);
}

#[test]
fn an_attempt_is_what_would_happen_and_nothing_happens() {
    let desk = Desk::new();
    let signed = desk.sign("clerk", Mode::Atomic, vec![create("i1", "s-jia", 1)]);
    let (mut run, mut other) = (BlockRun::new(desk.context()), BlockRun::new(desk.context()));
    let mut attempt = run.attempt(&signed.as_call(), &desk.ledger, &*desk.packages).done().unwrap();
    assert_eq!(run.receipts(), []);
    assert_eq!(run.run(&signed.as_call(), &desk.ledger, &*desk.packages), Step::Done(()));
    let mut accept =
        || other.accept(&mut attempt, &signed.as_call(), &desk.ledger, &*desk.packages);
    assert_eq!(accept(), Step::Done(true));
    assert_eq!(accept(), Step::Done(false), "nothing is done twice");
    assert_eq!(other.receipts(), run.receipts());
}

#[test]
fn urgent_transactions_go_before_others() {
    let desk = Desk::new();
    let hold = call("hold", [("item", "i1".into())]);
    let class = |calls| {
        let signed = desk.sign("court", Mode::Atomic, calls);
        priority(&signed.transaction, &desk.context(), &desk.ledger, &*desk.packages)
    };
    assert_eq!(class(vec![hold.clone()]), Step::Done(URGENT));
    assert_eq!(class(vec![hold, add("i1", 1)]), Step::Done(ORDINARY));
    assert_eq!(class(vec![add("i1", 1)]), Step::Done(ORDINARY));
    assert!(check_order(&[URGENT, URGENT, ORDINARY]));
    assert!(!check_order(&[ORDINARY, URGENT]));
}

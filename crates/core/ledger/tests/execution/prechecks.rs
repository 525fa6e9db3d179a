//! What is told of a transaction before any block holds it.

use std::cell::RefCell;
use std::collections::BTreeSet;

use chaincity_ledger::order::{ORDINARY, URGENT};
use chaincity_ledger::{Admissible, Hopeless, Lookup, Step, View, governance, precheck};
use chaincity_types::wire::{Call, LogicalKey, Mode};
use chaincity_types::{Reject, Value};

use crate::desk::{Desk, Signed, add, call, create, govern, key, outcomes};

fn told(desk: &Desk, signed: &Signed) -> Result<Admissible, Hopeless> {
    precheck(&signed.as_call(), &desk.context(), &desk.ledger, &*desk.packages).done().unwrap()
}

fn told_of(desk: &Desk, by: &str, mode: Mode, calls: &[Call]) -> Option<Reject> {
    told(desk, &desk.sign(by, mode, calls.to_vec())).err().map(|hopeless| hopeless.code)
}

/// A view that notes what it was asked.
struct Noting<'a>(&'a Desk, RefCell<BTreeSet<LogicalKey>>);

impl View for Noting<'_> {
    fn lookup(&self, key: &LogicalKey) -> Lookup {
        self.1.borrow_mut().insert(key.clone());
        self.0.ledger.lookup(key)
    }
}

#[test]
fn what_no_block_could_cure_is_told_with_the_code_that_a_block_would_give() {
    let mut desk = Desk::new();
    let cases = [
        ("nobody", create("i1", "s-jia", 1), Reject::UnknownOperator),
        ("clerk", Call { package: "none".into(), ..add("i1", 1) }, Reject::UnknownPackage),
        ("clerk", call("none", []), Reject::UnknownAction),
        ("clerk", call("add", [("item", "i1".into())]), Reject::InvalidInput),
        ("court", create("i1", "s-jia", 1), Reject::NotAuthorised),
        ("clerk", call("nobodys", []), Reject::NotAuthorised),
        ("clerk", govern("none", []), Reject::UnknownAction),
        ("clerk", govern("set-operator", []), Reject::InvalidInput),
    ];
    for (by, call, code) in cases {
        for mode in [Mode::Atomic, Mode::Independent] {
            let signed = desk.sign(by, mode, vec![call.clone()]);
            assert_eq!(told(&desk, &signed).unwrap_err().code, code, "{call:?}");
            assert_eq!(outcomes(&desk.submit(&signed)), [code.code()], "{call:?}");
        }
    }
}

#[test]
fn what_depends_on_records_is_left_to_the_block() {
    let desk = Desk::new();
    let signed = desk.sign("clerk", Mode::Atomic, vec![add("none", 1)]);
    let admissible = Admissible { member: "alpha".into(), class: ORDINARY };
    assert_eq!(told(&desk, &signed), Ok(admissible));
    let hold = desk.sign("court", Mode::Atomic, vec![call("hold", [("item", "none".into())])]);
    assert_eq!(told(&desk, &hold), Ok(Admissible { member: "beta".into(), class: URGENT }));
}

#[test]
fn it_reads_operator_member_and_packages_and_nothing_else() {
    let desk = Desk::new();
    let noting = Noting(&desk, RefCell::default());
    let signed = desk.sign("clerk", Mode::Atomic, vec![create("i1", "s-jia", 1), add("i1", 1)]);
    let done = precheck(&signed.as_call(), &desk.context(), &noting, &*desk.packages);
    assert!(matches!(done, Step::Done(Ok(_))), "{done:?}");
    let expected = [
        (governance::OPERATOR, hex::encode(key("clerk"))),
        (governance::MEMBER, "alpha".into()),
        (governance::PACKAGE, "desk".into()),
    ];
    let expected = expected.map(|(register, name)| governance::key(register, &name));
    assert_eq!(noting.1.into_inner(), expected.into());
}

#[test]
fn one_bad_call_dooms_an_atomic_transaction_and_only_all_an_independent_one() {
    let desk = Desk::new();
    let (good, bad, worse) = (add("i1", 1), call("none", []), call("add", []));
    let calls = [good, bad.clone(), worse.clone()];
    assert_eq!(told_of(&desk, "clerk", Mode::Atomic, &calls), Some(Reject::UnknownAction));
    assert_eq!(told_of(&desk, "clerk", Mode::Independent, &calls), None);
    let both = [worse, bad];
    assert_eq!(told_of(&desk, "clerk", Mode::Independent, &both), Some(Reject::InvalidInput));
}

#[test]
fn a_call_may_rest_on_the_authority_that_an_earlier_one_gives() {
    let mut desk = Desk::new();
    let new = key("new");
    let admit = govern(
        "add-operator",
        [
            ("key", Value::Bytes(new.clone())),
            ("member", "alpha".into()),
            ("roles", Value::List(vec!["desk.clerk".into()])),
        ],
    );
    let lower =
        govern("set-operator", [("key", Value::Bytes(new)), ("roles", Value::List(Vec::new()))]);
    let signed = desk.sign("a", Mode::Atomic, vec![admit, lower.clone()]);
    assert!(told(&desk, &signed).is_ok());
    assert_eq!(outcomes(&desk.submit(&signed)), ["applied"]);
    // Who may not govern is told so at once, as before.
    assert_eq!(told_of(&desk, "clerk", Mode::Atomic, &[lower]), Some(Reject::NotAuthorised));
}

//! One call: each way to pass, and each way to be refused, by its exact code.

use chaincity_types::Value;
use chaincity_types::wire::Status;

use crate::desk::{Desk, add, call, create, mandate_call, outcome, with};

/// Two items of `s-jia`, one of `s-yi`.
fn desk() -> Desk {
    let mut desk = Desk::new();
    for (code, owner) in [("i1", "s-jia"), ("i2", "s-jia"), ("i3", "s-yi")] {
        desk.applied("clerk", create(code, owner, 10));
    }
    desk
}

fn item(action: &str, item: &str) -> chaincity_types::wire::Call {
    call(action, [("item", item.into())])
}

#[test]
fn a_record_is_inserted_indexed_updated_and_closed() {
    let mut desk = desk();
    assert_eq!(desk.index("item", "by_owner", "s-jia"), ["i1", "i2"]);
    desk.applied("clerk", add("i1", 5));
    assert_eq!((desk.n("i1"), desk.item("i1").head.version), (15, 2));
    let receipt = desk.applied("clerk", item("retire", "i1"));
    let record = desk.item("i1");
    assert_eq!(record.version.status, Status::Closed);
    assert_eq!(record.version.reason.as_deref(), Some("retired"));
    assert_eq!(desk.index("item", "by_owner", "s-jia"), ["i2"]);
    let kinds: Vec<_> = receipt.entries[0].events.iter().map(|e| e.kind.as_str()).collect();
    assert_eq!(kinds, ["closed", "item-retired"]);
}

#[test]
fn a_version_names_the_one_before_and_everything_about_its_writing() {
    let mut desk = desk();
    let first = desk.item("i1").head.body;
    let mut case = add("i1", 1);
    case.case = Some("case-7".into());
    let receipt = desk.applied("clerk", case);
    let version = &desk.item("i1").version;
    assert_eq!((version.version, version.previous), (2, first));
    let by = &version.by;
    assert_eq!(
        (by.member.as_str(), by.package.as_str(), by.action.as_str()),
        ("alpha", "desk", "add")
    );
    assert_eq!((by.transaction, by.call, by.package_version), (receipt.transaction, 0, 1));
    assert_eq!((by.height, by.time), (receipt.height, receipt.time));
    assert_eq!((by.operator.clone(), by.case.as_deref()), (receipt.operator, Some("case-7")));
}

#[test]
fn unknown_names_and_unfit_inputs_are_refused() {
    let mut desk = desk();
    let mut other = add("i1", 1);
    other.package = "nowhere".into();
    assert_eq!(desk.outcome("clerk", other), "unknown-package");
    assert_eq!(desk.outcome("clerk", item("nothing", "i1")), "unknown-action");
    assert_eq!(desk.outcome("clerk", item("add", "i1")), "invalid-input");
    let text = call("add", [("item", "i1".into()), ("n", "one".into())]);
    assert_eq!(desk.outcome("clerk", text), "invalid-input");
    let more = call("add", [("item", "i1".into()), ("n", Value::Int(1)), ("x", Value::Int(1))]);
    assert_eq!(desk.outcome("clerk", more), "invalid-input");
}

#[test]
fn only_an_operator_with_the_role_may_call() {
    let mut desk = desk();
    assert_eq!(desk.outcome("court", add("i1", 1)), "not-authorised");
    assert_eq!(desk.outcome("jia", add("i1", 1)), "not-authorised");
    assert_eq!(desk.outcome("nobody", add("i1", 1)), "unknown-operator");
    // An action that names no role is nobody's.
    assert_eq!(desk.outcome("clerk", call("nobodys", [])), "not-authorised");
}

#[test]
fn a_guard_refuses_with_the_packages_own_code() {
    let mut desk = desk();
    let receipt = desk.applied("court", item("hold", "i1"));
    assert_eq!(desk.outcome("clerk", add("i1", 1)), "item-held");
    assert_eq!(desk.outcome("clerk", add("i2", 1)), "applied");
    let events = &receipt.entries[0].events;
    assert_eq!((events[0].kind.as_str(), events[1].kind.as_str()), ("inserted", "held"));
    assert_eq!(events[0].key, events[1].key);
    assert_eq!(events[0].key.len(), 24);
}

#[test]
fn reads_refuse_what_is_absent_closed_or_not_unique() {
    let mut desk = desk();
    assert_eq!(desk.outcome("clerk", add("none", 1)), "not-found");
    let only = |owner: &str| call("only", [("owner", owner.into())]);
    assert_eq!(desk.outcome("clerk", only("s-yi")), "applied");
    assert_eq!(desk.outcome("clerk", only("s-jia")), "not-unique");
    assert_eq!(desk.outcome("clerk", only("s-bing")), "not-found");
    desk.applied("clerk", item("retire", "i3"));
    assert_eq!(desk.outcome("clerk", only("s-yi")), "not-found");
    assert_eq!(desk.outcome("clerk", add("i3", 1)), "record-closed");
    assert_eq!(desk.outcome("clerk", item("retire", "i3")), "record-closed");
}

#[test]
fn a_list_read_is_bounded_and_closes_all_that_it_found() {
    let mut desk = desk();
    let all = |owner: &str| call("retire-all", [("owner", owner.into())]);
    for code in ["i4", "i5"] {
        desk.applied("clerk", create(code, "s-jia", 1));
    }
    assert_eq!(desk.outcome("clerk", all("s-jia")), "too-many-records");
    desk.applied("clerk", item("retire", "i5"));
    assert_eq!(desk.outcome("clerk", all("s-jia")), "applied");
    assert_eq!(desk.index("item", "by_owner", "s-jia"), Vec::<String>::new());
    assert_eq!(desk.outcome("clerk", all("s-jia")), "applied");
}

#[test]
fn keys_and_unique_values_are_taken_once() {
    let mut desk = desk();
    assert_eq!(desk.outcome("clerk", create("i1", "s-yi", 1)), "exists");
    desk.applied("clerk", item("retire", "i1"));
    assert_eq!(desk.outcome("clerk", create("i1", "s-yi", 1)), "exists");
    let labelled = |code: &str, label: &str| {
        let mut call = create(code, "s-yi", 1);
        call.input.insert("label".into(), label.into());
        call
    };
    assert_eq!(desk.outcome("clerk", labelled("i6", "red")), "applied");
    assert_eq!(desk.outcome("clerk", labelled("i7", "red")), "unique-taken");
    assert_eq!(desk.outcome("clerk", labelled("i7", "blue")), "applied");
    let swap = call("swap", [("a", "i6".into()), ("b", "i7".into())]);
    assert_eq!(desk.outcome("clerk", swap), "applied");
    assert_eq!(desk.index("item", "by_label", "red"), ["i7"]);
    desk.applied("clerk", item("retire", "i7"));
    assert_eq!(desk.outcome("clerk", labelled("i8", "red")), "applied");
}

#[test]
fn references_name_records() {
    let mut desk = desk();
    let child = |code: &str, parent: &str| {
        let mut call = create(code, "s-yi", 1);
        call.input.insert("parent".into(), parent.into());
        call
    };
    assert_eq!(desk.outcome("clerk", child("i9", "none")), "not-found");
    assert_eq!(desk.outcome("clerk", child("i9", "i1")), "applied");
    assert_eq!(desk.outcome("clerk", item("graft", "i9")), "applied");
    assert_eq!(desk.n("i9"), 10);
    assert_eq!(desk.outcome("clerk", item("graft", "i1")), "applied");
    assert_eq!(desk.n("i1"), 0);
}

#[test]
fn arithmetic_never_wraps_and_never_panics() {
    let mut desk = desk();
    assert_eq!(desk.outcome("clerk", add("i1", i64::MAX)), "overflow");
    let divide = |n| call("divide", [("item", "i1".into()), ("n", Value::Int(n))]);
    assert_eq!(desk.outcome("clerk", divide(0)), "division-by-zero");
    assert_eq!(desk.outcome("clerk", divide(5)), "applied");
    assert_eq!(desk.n("i1"), 2);
}

#[test]
fn rules_and_fields_out_of_range_are_refused() {
    let mut desk = desk();
    let burn = |len: usize, at| {
        call("burn", [("list", Value::List(vec![Value::Int(1); len])), ("at", Value::Int(at))])
    };
    assert_eq!(desk.outcome("clerk", burn(5, 2)), "applied");
    assert_eq!(desk.outcome("clerk", burn(5, 9)), "rule-error");
    assert_eq!(desk.outcome("clerk", burn(100, -1)), "out-of-fuel");
    let fee = |fee| call("set-fee", [("item", "i1".into()), ("fee", Value::Int(fee))]);
    assert_eq!(desk.outcome("clerk", fee(100)), "applied");
    assert_eq!(desk.outcome("clerk", fee(-1)), "invalid-field");
}

#[test]
fn a_body_beyond_the_limit_is_refused() {
    let mut desk = desk();
    let fill = |texts: usize| {
        let blobs = Value::List(vec![Value::from("x".repeat(4_000)); texts]);
        call("fill", [("item", "i1".into()), ("blobs", blobs)])
    };
    assert_eq!(desk.outcome("clerk", fill(16)), "applied");
    assert_eq!(desk.outcome("clerk", fill(17)), "body-too-large");
}

#[test]
fn a_correction_names_the_current_version_its_reason_and_basis() {
    let mut desk = desk();
    desk.applied("clerk", add("i1", 1));
    let correct = |version, reason: &str, basis: &str| {
        call(
            "correct",
            [
                ("item", "i1".into()),
                ("version", Value::Int(version)),
                ("n", Value::Int(7)),
                ("reason", reason.into()),
                ("basis", basis.into()),
            ],
        )
    };
    assert_eq!(desk.outcome("clerk", correct(1, "typo", "民法典 220")), "correction-mismatch");
    assert_eq!(desk.outcome("clerk", correct(-1, "typo", "民法典 220")), "correction-mismatch");
    assert_eq!(desk.outcome("clerk", correct(2, " ", "民法典 220")), "invalid-field");
    assert_eq!(desk.outcome("clerk", correct(2, "typo", "")), "invalid-field");
    let wrong = desk.item("i1").head.body;
    desk.applied("clerk", correct(2, "typo", "民法典 220"));
    let corrects = desk.item("i1").version.corrects.clone().unwrap();
    assert_eq!((corrects.version, corrects.body), (2, wrong));
    assert_eq!((corrects.reason.as_str(), corrects.basis.as_str()), ("typo", "民法典 220"));
    // A closed record can be corrected; it stays closed and out of the indexes.
    desk.applied("clerk", item("retire", "i1"));
    desk.applied("clerk", correct(4, "again", "民法典 220"));
    assert_eq!(desk.item("i1").version.status, Status::Closed);
    assert_eq!(desk.index("item", "by_owner", "s-jia"), ["i2"]);
}

#[test]
fn a_joint_act_needs_the_mandate_of_each_party_once() {
    let mut desk = desk();
    let give = call("give", [("item", "i1".into()), ("to", "s-yi".into())]);
    assert_eq!(desk.outcome("clerk", give.clone()), "mandate-missing");
    let from = desk.mandate("jia", "s-jia", "give", &give);
    assert_eq!(desk.outcome("clerk", with(give.clone(), &[&from])), "mandate-missing");
    let to = desk.mandate("yi", "s-yi", "take", &give);
    assert_eq!(desk.outcome("clerk", with(give.clone(), &[&from, &to])), "applied");
    assert_eq!(desk.index("item", "by_owner", "s-yi"), ["i1", "i3"]);
    let mandate = desk.record("governance", "mandate", &from).unwrap();
    assert_eq!(mandate.version.fields["status"], "consumed".into());
    assert_eq!(mandate.version.by.action, "give");
    assert_eq!(
        desk.item("i1").version.by.mandates,
        Some(vec![from.as_str().into(), to.as_str().into()])
    );
    // Used once: the same arguments again need new mandates.
    assert_eq!(desk.outcome("clerk", with(give, &[&from, &to])), "mandate-invalid");
}

#[test]
fn a_mandate_that_does_not_fit_is_refused() {
    let mut desk = desk();
    let give = call("give", [("item", "i1".into()), ("to", "s-yi".into())]);
    let from = desk.mandate("jia", "s-jia", "give", &give);
    let to = desk.mandate("yi", "s-yi", "take", &give);
    let invalid = "mandate-invalid";
    assert_eq!(desk.outcome("clerk", with(give.clone(), &[&from, "none"])), invalid);
    assert_eq!(desk.outcome("clerk", with(give.clone(), &[&from, &to, &to])), invalid);
    let other = call("give", [("item", "i2".into()), ("to", "s-yi".into())]);
    assert_eq!(desk.outcome("clerk", with(other, &[&from, &to])), invalid);
    let mut case = with(give.clone(), &[&from, &to]);
    case.case = Some("case-1".into());
    assert_eq!(desk.outcome("clerk", case), invalid);
    // One that nothing demands.
    let twice = desk.mandate("yi", "s-yi", "take", &give);
    assert_eq!(desk.outcome("clerk", with(give.clone(), &[&from, &to, &twice])), invalid);
    // Revoked.
    let revoke = crate::desk::govern("revoke-mandate", [("mandate", to.as_str().into())]);
    assert_eq!(desk.outcome("jia", revoke.clone()), "not-authorised");
    assert_eq!(desk.outcome("yi", revoke.clone()), "applied");
    assert_eq!(desk.outcome("yi", revoke), invalid);
    assert_eq!(desk.outcome("clerk", with(give.clone(), &[&from, &to])), invalid);
    // Expired.
    desk.time = desk.time.plus_ms(700_000);
    assert_eq!(desk.outcome("clerk", with(give, &[&from, &twice])), invalid);
}

#[test]
fn a_mandate_is_given_by_the_party_alone_and_for_the_future() {
    let mut desk = desk();
    let give = call("give", [("item", "i1".into()), ("to", "s-yi".into())]);
    let forged = mandate_call(desk.time, "s-jia", "give", &give);
    assert_eq!(desk.outcome("yi", forged), "not-authorised");
    let mut past = mandate_call(desk.time, "s-jia", "give", &give);
    past.input.insert("expiry".into(), Value::Time(desk.time));
    assert_eq!(desk.outcome("jia", past), "invalid-input");
    let receipt = desk.call("clerk", mandate_call(desk.time, "alpha", "give", &give));
    assert_eq!(outcome(&receipt), "applied");
}

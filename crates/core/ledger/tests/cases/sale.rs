//! The sale of a mortgaged house with the escrow's own package: what a step makes, the case keeps,
//! and what happens to it reaches the case.

use chaincity_types::Value;
use chaincity_types::wire::{Call, Mode, Receipt, Status};

use crate::city::{
    City, DAY, People, attach, case_of, complete, events, message, of, on_task, outcome, set,
    start, within,
};
use crate::money::shipped;
use crate::walker::{graph_of, stand_ins};

const SALE: &str =
    include_str!("../../../../../packages/real-estate/processes/sale-mortgaged.bpmn");

fn city() -> City {
    let hands = |role: &str| vec![role.to_owned(), "all.hands".to_owned()];
    let people: People = vec![
        ("admin", "office", hands("governance.admin"), None),
        ("acceptor", "registry", hands("registry.acceptor"), None),
        ("housing", "housing", hands("housing.clerk"), None),
        ("escrow", "bank-c", hands("escrow.officer"), None),
        ("machine", "bank-c", hands("escrow.system"), None),
        ("other-escrow", "bank-d", hands("escrow.officer"), None),
        ("banker-a", "bank-a", hands("bank.officer"), None),
        ("banker-b", "bank-b", hands("bank.officer"), None),
        ("taxman", "tax", hands("tax.officer"), None),
        ("jia", "people", hands("subject.self"), Some("s-jia")),
        ("yi", "people", hands("subject.self"), Some("s-yi")),
    ];
    let mut packages = stand_ins("real-estate", SALE, &graph_of(SALE));
    packages.insert("settlement".to_owned(), shipped("settlement").doc.to_bytes());
    City::with(&people, packages.into_values().collect())
}

fn digest(byte: u8) -> Value {
    Value::Bytes(vec![byte; 32])
}

/// The step of a task that carries this one call.
fn step(task: &str, call: Call) -> Vec<Call> {
    vec![within(call, task), complete(task, &[])]
}

fn open_sheet(unit: &str) -> Call {
    let list = |name: &str| Value::List(vec![name.into()]);
    let input = [
        ("unit", unit.into()),
        ("contract", digest(1)),
        ("mode", "release-first".into()),
        ("sellers", list("s-jia")),
        ("buyers", list("s-yi")),
        ("payoff_bank", "bank-a".into()),
        ("loan_bank", "bank-b".into()),
    ];
    of("settlement", "open-sheet", &input)
}

/// The same with the mandates of both sides, for a step or by itself.
fn mandated(city: &mut City, task: Option<&str>, mut call: Call) -> Call {
    let case = task.and_then(|task| task.split('-').next());
    let bound = chaincity_ledger::mandate_digest(&call.input);
    for (by, party) in [("jia", "s-jia"), ("yi", "s-yi")] {
        let mut input = vec![
            ("party", party.into()),
            ("package", "settlement".into()),
            ("action", "open-sheet".into()),
            ("purpose", "escrow".into()),
            ("digest", Value::Bytes(bound.as_bytes().to_vec())),
            ("expiry", Value::Time(city.time.plus_ms(600_000))),
        ];
        input.extend(case.map(|case| ("case", case.into())));
        let receipt = city.applied(by, of("governance", "mandate", &input));
        let key = receipt.entries[0].events[0].key.clone();
        call.mandates.get_or_insert_default().push(key);
    }
    call
}

/// A sale up to the opening of its escrow.
fn at_escrow(city: &mut City) -> (String, String) {
    let parties = set(&[
        ("escrow_bank", "bank-c"),
        ("payoff_bank", "bank-a"),
        ("loan_bank", "bank-b"),
        ("sellers", "[\"s-jia\"]"),
        ("buyers", "[\"s-yi\"]"),
    ]);
    let receipt =
        city.applied("acceptor", start("real-estate", "sale-mortgaged", &[("set", parties)]));
    let case = case_of(&receipt);
    for (node, by, evidence, action) in [
        ("check", "acceptor", &["identity-check"][..], Some("verify-unit")),
        ("contract", "housing", &["sale-contract", "eligibility"][..], None),
    ] {
        let task = city.task(&case, node);
        for kind in evidence {
            city.applied(by, attach(&case, &task, kind));
        }
        let call = action.map(|action| within(of("real-estate", action, &[]), &task));
        let calls: Vec<Call> = call.into_iter().chain([complete(&task, &[])]).collect();
        assert_eq!(city.all(by, calls), "applied", "{node}");
    }
    let task = city.task(&case, "escrow");
    city.applied("escrow", attach(&case, &task, "escrow-agreement"));
    (case, task)
}

/// A sale with its escrow: the case, the sheet.
fn opened(city: &mut City) -> (String, String) {
    let (case, task) = at_escrow(city);
    let call = mandated(city, Some(&task), open_sheet("u1"));
    let receipt = city.submit("escrow", Mode::Atomic, step(&task, call));
    assert_eq!(outcome(&receipt), "applied", "{receipt:?}");
    let made = receipt.entries[0].events.iter().find(|event| event.register == "sheet").unwrap();
    (case, made.key.to_string())
}

#[test]
fn the_sheet_that_a_step_makes_is_kept_and_the_case_is_about_it() {
    let mut city = city();
    let (case, sheet) = opened(&mut city);
    let about = format!("settlement/sheet/{sheet}");
    assert_eq!(city.field("case", &case, "subjects"), Value::List(vec![about.as_str().into()]));
    assert_eq!(city.field("subject", &format!("{case}-s0"), "about"), about.as_str().into());
    let quote = city.task(&case, "quote");
    assert_eq!(city.field("task", &quote, "may"), Value::List(vec!["bank.officer@bank-a".into()]));
    // Ended, the case is about nothing any more.
    let end = crate::city::because("terminate", &case);
    assert_eq!(city.call("acceptor", end), "applied");
    assert_eq!(city.record("subject", &format!("{case}-s0")).version.status, Status::Closed);
}

#[test]
fn a_step_that_makes_none_or_several_of_what_is_kept_is_refused() {
    let mut city = city();
    let (_, task) = at_escrow(&mut city);
    let first = mandated(&mut city, Some(&task), open_sheet("u1"));
    let second = mandated(&mut city, Some(&task), open_sheet("u2"));
    let both = vec![within(first.clone(), &task), within(second, &task), complete(&task, &[])];
    assert_eq!(city.all("escrow", both), "step-record");
    // Another bank's officer has no hand in it, and what is no part of the step does not count.
    assert_eq!(city.all("other-escrow", step(&task, first.clone())), "other-party");
    let beside = mandated(&mut city, None, open_sheet("u2"));
    let calls = vec![beside, within(first, &task), complete(&task, &[])];
    assert_eq!(city.all("escrow", calls), "applied");
}

#[test]
fn an_expired_quote_opens_the_task_of_the_sellers_bank_by_itself() {
    let mut city = city();
    let (case, sheet) = opened(&mut city);
    let until = city.time.china_day() + 2;
    let input =
        [("sheet", sheet.as_str().into()), ("until", Value::Date(until)), ("terms", digest(2))];
    let task = city.task(&case, "quote");
    let call = of("settlement", "quote-payoff", &input);
    assert_eq!(city.call("banker-b", on_task("claim", &task)), "other-party");
    assert_eq!(city.all("banker-a", step(&task, call)), "applied");
    assert!(!city.nodes("task", &case).contains(&"quote-again".to_owned()));
    let receipts = city.pass(3 * DAY).receipts;
    assert_eq!(events(&receipts, "heard"), std::slice::from_ref(&case));
    let again = city.task(&case, "quote-again");
    assert_eq!(city.field("task", &again, "may"), Value::List(vec!["bank.officer@bank-a".into()]));
}

#[test]
fn taxes_that_are_assessed_anew_are_paid_anew() {
    let mut city = city();
    let (case, sheet) = opened(&mut city);
    let assess = |byte: u8| {
        let input = [("sheet", sheet.as_str().into()), ("assessment", digest(byte))];
        of("settlement", "assess-tax", &input)
    };
    let task = city.task(&case, "tax-assess");
    assert_eq!(city.all("taxman", step(&task, assess(3))), "applied");
    let pay = city.task(&case, "tax-pay");
    let receipt = city.applied("taxman", assess(4));
    assert_eq!(events(std::slice::from_ref(&receipt), "heard"), std::slice::from_ref(&case));
    assert_ne!(city.task(&case, "tax-pay"), pay);
    assert_eq!(city.field("task", &pay, "status"), "cancelled".into());
    // Nobody has to say so, though whoever takes part still may.
    assert_eq!(city.call("banker-a", message(&case, "tax-reassessed")), "applied");
}

/// Own funds are held, the sale is withdrawn, and the escrow is void. Gives the case and what is held.
fn called_off(city: &mut City) -> (String, String) {
    let (case, sheet) = opened(city);
    let today = Value::Date(city.time.china_day());
    let held = [
        ("sheet", sheet.as_str().into()),
        ("kind", "own".into()),
        ("amount", digest(5)),
        ("reference", "K-0001".into()),
        ("on", today),
    ];
    let task = city.task(&case, "own-funds");
    let calls = step(&task, of("settlement", "hold-funds", &held));
    let receipt = city.submit("escrow", Mode::Atomic, calls);
    let held = made(&receipt);
    city.applied("acceptor", message(&case, "withdrawal"));
    let task = city.task(&case, "withdrawal-look");
    city.applied("escrow", attach(&case, &task, "withdrawal"));
    city.applied("escrow", complete(&task, &[("withdrawn", "true")]));
    let void =
        [("sheet", sheet.as_str().into()), ("cause", "unilateral".into()), ("evidence", digest(6))];
    let task = city.task(&case, "failure-void");
    assert_eq!(city.all("escrow", step(&task, of("settlement", "void-sheet", &void))), "applied");
    (case, held)
}

/// The payment that a step made.
fn made(receipt: &Receipt) -> String {
    assert_eq!(outcome(receipt), "applied", "{receipt:?}");
    let mut events = receipt.entries[0].events.iter();
    let made = events.find(|event| event.register == "payment" && event.kind == "inserted");
    made.unwrap().key.to_string()
}

/// The refund of what is held is instructed, as the case's task has it. Gives its payment.
fn instruct_refund(city: &mut City, case: &str, held: &str) -> String {
    let task = city.task(case, "refund-instruct");
    let input = [("payment", held.into()), ("amount", digest(7))];
    let calls = step(&task, of("settlement", "instruct-refund", &input));
    made(&city.submit("escrow", Mode::Atomic, calls))
}

#[test]
fn a_refund_that_the_bank_confirms_moves_the_case_and_one_that_fails_is_instructed_anew() {
    let mut city = city();
    let (case, held) = called_off(&mut city);
    assert_eq!(city.nodes("task", &case), ["refund-instruct"]);
    let failed = instruct_refund(&mut city, &case, &held);
    assert!(city.live("task", &case).is_empty(), "nobody has to do anything");
    let input = [("payment", failed.as_str().into()), ("reason", "账号不符".into())];
    let receipt = city.applied("machine", of("settlement", "fail-payment", &input));
    assert_eq!(events(&[receipt], "heard"), std::slice::from_ref(&case));

    let refund = instruct_refund(&mut city, &case, &held);
    let about = format!("settlement/payment/{refund}");
    let subjects = city.field("case", &case, "subjects");
    assert!(subjects.as_list().unwrap().contains(&about.as_str().into()), "{subjects:?}");
    let said = |city: &City| {
        let on = Value::Date(city.time.china_day());
        let reference = "K-0002".into();
        let input = [("payment", refund.as_str().into()), ("reference", reference), ("on", on)];
        of("settlement", "confirm-payment", &input)
    };
    // Whoever instructed it does not confirm it, and nobody else says that it was paid.
    let own = said(&city);
    assert_eq!(city.call("escrow", own), "confirms-own-instruction");
    assert_eq!(city.call("other-escrow", message(&case, "payment-made")), "other-party");
    assert_eq!(city.nodes("task", &case), Vec::<String>::new());
    let call = said(&city);
    let receipt = city.applied("machine", call);
    assert_eq!(events(&[receipt], "heard"), std::slice::from_ref(&case));
    assert_eq!(city.nodes("task", &case), ["contract-annul"]);
}

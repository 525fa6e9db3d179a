//! Roles that are held for a party: who does what is one bank's is no officer of another.

use chaincity_types::Value;

use crate::city::{
    City, People, attach, because, case_of, complete, hex_key, message, of_case, on_task, permits,
    set, start,
};

const LOAN: &str = include_str!("package/loan.bpmn");

/// Three banks with officers of the same role, a window, three owners.
fn city() -> City {
    let roles = |role: &str| vec![role.to_owned()];
    let people: People = vec![
        ("admin", "office", roles("governance.admin"), None),
        ("a1", "bank-a", roles("bank.officer"), None),
        ("a2", "bank-a", roles("bank.officer"), None),
        ("b1", "bank-b", roles("bank.officer"), None),
        ("b2", "bank-b", roles("bank.officer"), None),
        ("c1", "bank-c", roles("bank.officer"), None),
        ("clerk", "window", roles("window.clerk"), None),
        ("jia", "people", roles("subject.self"), Some("s-jia")),
        ("yi", "people", roles("subject.self"), Some("s-yi")),
        ("bing", "people", roles("subject.self"), Some("s-bing")),
    ];
    City::with(&people, vec![permits(LOAN).doc.to_bytes()])
}

const NAMED: [(&str, &str); 2] = [("payee", "bank-b"), ("owners", "[\"s-jia\",\"s-yi\"]")];

/// A case of bank A, past its first task.
fn under_way(city: &mut City) -> String {
    let case = city.begin("a1", "loan", &[]);
    let task = city.task(&case, "take-in");
    city.applied("a1", complete(&task, &NAMED));
    case
}

/// The lists that a task is in.
fn lists(city: &City, task: &str) -> Vec<String> {
    let lists = city.field("task", task, "lists");
    let lists = lists.as_list().unwrap_or_default().iter();
    lists.map(|list| list.as_text().unwrap_or_default().to_owned()).collect()
}

fn to(action: &str, task: &str, name: &str) -> chaincity_types::wire::Call {
    of_case(action, &[("task", task.into()), ("to", hex_key(name).into())])
}

/// The gap that roles alone left: an officer of bank B, who holds the same role, did bank A's task
/// and suspended its case.
#[test]
fn an_officer_of_another_bank_has_no_hand_in_the_first_banks_case() {
    let mut city = city();
    let case = city.begin("a1", "loan", &[]);
    let task = city.task(&case, "take-in");
    for call in [
        on_task("claim", &task),
        complete(&task, &NAMED),
        of_case("fail", &[("task", task.as_str().into()), ("code", "flawed".into())]),
        of_case("escalate", &[("task", task.as_str().into()), ("code", "flawed".into())]),
        of_case(
            "return-for-correction",
            &[("task", task.as_str().into()), ("reason", "补".into())],
        ),
        because("suspend", &case),
        because("terminate", &case),
    ] {
        let action = call.action.clone();
        assert_eq!(city.call("b1", call), "other-party", "{action}");
    }
    // Who has not even the role is told that.
    assert_eq!(city.call("clerk", on_task("claim", &task)), "not-authorised");
    for call in [attach(&case, &task, "photo"), because("withdraw", &case)] {
        assert_eq!(city.call("b1", call), "not-authorised");
    }
    assert_eq!(city.call("a2", because("suspend", &case)), "applied");
    assert_eq!(city.call("a1", because("resume", &case)), "applied");
    assert_eq!(city.call("a2", complete(&task, &NAMED)), "applied");
}

#[test]
fn a_partys_task_is_handed_over_within_the_party_alone() {
    let mut city = city();
    let case = city.begin("a1", "loan", &[]);
    let task = city.task(&case, "take-in");
    city.applied("a1", on_task("claim", &task));
    assert_eq!(city.call("a1", to("hand-over", &task, "b1")), "other-party");
    assert_eq!(city.call("a1", to("delegate", &task, "b1")), "other-party");
    assert_eq!(city.call("b1", on_task("release-claim", &task)), "task-claimed");
    assert_eq!(city.call("a1", to("hand-over", &task, "a2")), "applied");
    assert_eq!(city.call("a2", to("delegate", &task, "a1")), "applied");
    assert_eq!(city.call("a1", complete(&task, &NAMED)), "applied");
}

#[test]
fn a_step_that_leads_to_a_task_of_nobody_is_refused() {
    let mut city = city();
    let case = city.begin("a1", "loan", &[]);
    let task = city.task(&case, "take-in");
    let halves = [vec![], vec![NAMED[0]], vec![NAMED[1]], vec![NAMED[0], ("owners", "[]")]];
    for half in halves {
        assert_eq!(city.call("a1", complete(&task, &half)), "party-missing", "{half:?}");
    }
    // One that a window may do as well is somebody's; the quote is not.
    assert_eq!(city.call("a1", complete(&task, &[("payee", ""), NAMED[1]])), "party-missing");
    assert_eq!(city.call("a1", complete(&task, &NAMED)), "applied");
}

#[test]
fn a_case_whose_party_is_missing_does_not_begin() {
    let mut city = city();
    assert_eq!(city.call("a1", start("permits", "kept", &[])), "party-missing");
    let named = |bank: &str| start("permits", "kept", &[("set", set(&[("payee", bank)]))]);
    // The first task is bank B's: no other bank begins in its name.
    assert_eq!(city.call("a1", named("bank-b")), "other-party");
    let case = case_of(&city.applied("b1", named("bank-b")));
    assert_eq!(
        city.field("case", &case, "keepers"),
        Value::List(vec!["bank.officer@bank-b".into()])
    );
    assert_eq!(city.call("a1", because("suspend", &case)), "other-party");
    assert_eq!(city.call("b2", because("suspend", &case)), "applied");
}

#[test]
fn lists_find_a_task_by_its_party_and_a_later_change_does_not_move_it() {
    let mut city = city();
    let case = under_way(&mut city);
    let (quote, payoff) = (city.task(&case, "quote"), city.task(&case, "payoff"));
    assert_eq!(lists(&city, &quote), ["bank.officer", "bank.officer@bank-b"]);
    assert_eq!(lists(&city, &payoff), ["bank.officer", "bank.officer@bank-b", "window.clerk"]);
    let sign = city.task(&case, "sign");
    city.applied("jia", complete(&sign, &[("payee", "bank-a")]));
    assert_eq!(city.call("a1", complete(&quote, &[])), "other-party");
    // Whose open task it is takes part still.
    assert_eq!(city.call("b1", attach(&case, &quote, "photo")), "applied");
    assert_eq!(city.call("b1", complete(&quote, &[])), "applied");
    assert_eq!(city.call("clerk", complete(&payoff, &[])), "applied");
}

/// The gap that two fields left: of more than two parties the others had to look by the case.
#[test]
fn lists_find_a_task_by_every_party_to_it() {
    let mut city = city();
    let case = city.begin("a1", "loan", &[]);
    let task = city.task(&case, "take-in");
    let owners = ("owners", "[\"s-jia\",\"s-yi\",\"s-bing\"]");
    city.applied("a1", complete(&task, &[NAMED[0], owners]));
    let sign = city.task(&case, "sign");
    let of = |owner: &str| format!("subject.self@{owner}");
    let all = ["subject.self".to_owned(), of("s-bing"), of("s-jia"), of("s-yi")];
    assert_eq!(lists(&city, &sign), all);
    assert_eq!(city.call("bing", complete(&sign, &[])), "applied");
}

#[test]
fn any_of_several_owners_and_nobody_else_signs() {
    let mut city = city();
    let case = under_way(&mut city);
    let sign = city.task(&case, "sign");
    assert_eq!(city.call("bing", complete(&sign, &[])), "other-party");
    assert_eq!(city.call("bing", attach(&case, &sign, "photo")), "not-authorised");
    assert_eq!(city.call("yi", on_task("claim", &sign)), "applied");
    // Of one member, yet another party.
    assert_eq!(city.call("bing", to("hand-over", &sign, "jia")), "other-party");
    assert_eq!(city.call("bing", on_task("release-claim", &sign)), "other-party");
    assert_eq!(city.call("yi", to("hand-over", &sign, "bing")), "other-party");
    assert_eq!(city.call("yi", complete(&sign, &[])), "applied");
}

#[test]
fn a_message_comes_from_the_party_that_it_is_awaited_from() {
    let mut city = city();
    let case = under_way(&mut city);
    assert_eq!(city.call("b1", message(&case, "funds")), "other-party");
    assert_eq!(city.call("clerk", message(&case, "funds")), "not-authorised");
    assert_eq!(city.call("a2", message(&case, "funds")), "applied");
}

#[test]
fn a_called_process_names_parties_by_its_own_variables() {
    let mut city = city();
    let case = under_way(&mut city);
    let inner = city.task(&case, "inner");
    assert_eq!(city.call("a1", complete(&inner, &[])), "other-party");
    // Whom it names takes part in the case, as long as it is under way.
    let comment = || of_case("comment", &[("case", case.as_str().into()), ("text", "已核".into())]);
    assert_eq!(city.call("c1", comment()), "applied");
    assert_eq!(city.call("c1", complete(&inner, &[])), "applied");
    assert_eq!(city.call("c1", comment()), "not-authorised");
}

//! Purpose and case number, which the steward alone is told: judged by the agent, shown nowhere else.

use super::*;
use common::PURPOSE;

const MISSING: (&str, &str, &str) = ("purpose-missing", "须载明目的", "the purpose is stated");
const DIFFERS: (&str, &str, &str) = (
    "purpose-differs",
    "使用目的与授权或同意不符",
    "the purpose differs from that of the grant or consent",
);
const NO_CASE: (&str, &str, &str) = ("case-missing", "须载明业务号", "the case is stated");
const INVALID: (&str, &str, &str) = (
    "parameter-invalid",
    "调用参数缺失、有误或非本次调用所封存",
    "a parameter is missing, does not fit, or was not sealed for this access",
);

#[test]
fn what_the_steward_is_told_stands_as_a_commitment_on_the_ledger() {
    let (city, _, grant) = City::with_file();
    let access = city.ask(&Ask::of("f-1", &grant));
    assert_eq!(city.round(&city.agent()), 1);
    released(&city, &access);
    let written = format!("{:?}", city.access(&access));
    assert!(!written.contains(PURPOSE) && !written.contains(CASE), "{written}");
}

#[test]
fn an_access_under_a_grant_has_its_purpose_and_a_case_else_it_is_refused() {
    let (city, _, grant) = City::with_file();
    let key = reader_key().public_key();
    let case = ("case_number", CASE);
    let refused = [
        (city.say(key, &[("purpose", "随便看看"), case], &[]), DIFFERS),
        // Word for word.
        (city.say(key, &[("purpose", &format!("{PURPOSE} ")), case], &[]), DIFFERS),
        (city.say(key, &[("purpose", PURPOSE)], &[]), NO_CASE),
        (city.say(key, &[("purpose", PURPOSE), ("case_number", "")], &[]), NO_CASE),
        (city.say(key, &[("purpose", ""), case], &[]), MISSING),
        (city.say(key, &[], &[]), MISSING),
        // Another access's; and sealed nowhere.
        (city.seal_parameters([7; 32], &[]), INVALID),
        (Digest([7; 32]), INVALID),
    ];
    for (sealed, code) in refused {
        let access = city.ask(&Ask { sealed: Some(sealed), ..Ask::of("f-1", &grant) });
        assert_eq!(city.round(&city.agent()), 1);
        assert_refused(&city, &access, code);
        assert_eq!(city.vault.envelope(&access).unwrap(), None);
    }
    let mut nothing = city.access_input(&Ask::of("f-1", &grant));
    nothing.remove("sealed_parameters");
    let asked = city.disclose("reader", "access", nothing);
    let access = common::event_key(&asked, "access-asked");
    assert_eq!(city.round(&city.agent()), 1);
    assert_refused(&city, &access, MISSING);
}

#[test]
fn an_access_under_a_consent_has_its_purpose_and_needs_no_case() {
    let (city, _, _) = City::with_file();
    let consent = city.consent();
    let key = reader_key().public_key();
    let ask = |purpose| {
        let sealed = Some(city.say(key, &[("purpose", purpose)], &[]));
        city.ask(&Ask { basis: ("consent", &consent), sealed, ..Ask::of("f-1", "") })
    };
    let (same, other) = (ask(PURPOSE), ask("催收"));
    assert_eq!(city.round(&city.agent()), 2);
    released(&city, &same);
    assert_refused(&city, &other, DIFFERS);
}

#[test]
fn who_asks_for_what_is_about_himself_states_no_purpose() {
    let (city, _, _) = City::with_file();
    let mut input = city.access_input(&Ask::of("f-1", ""));
    for name in ["grant", "sealed_parameters"] {
        input.remove(name);
    }
    let access = common::event_key(&city.disclose("subject", "access", input), "access-asked");
    assert_eq!(city.round(&city.agent()), 1);
    released(&city, &access);
}

#[test]
fn what_was_told_is_erased_as_any_group_is() {
    let (city, _, grant) = City::with_file();
    let told = city.seal_parameters(reader_key().public_key(), &[]);
    let access = city.ask(&Ask { sealed: Some(told), ..Ask::of("f-1", &grant) });
    city.erase(told);
    assert_eq!(city.round(&city.agent()), 1);
    assert_refused(&city, &access, INVALID);
    assert!(matches!(city.vault.open_group(&told), Err(VaultError::Erased(_))));
}

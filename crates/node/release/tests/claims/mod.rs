//! Claims in place of groups: what leaves the vault, and what does not.

use chaincity_crypto::claim::{self, ClaimStatement};
use chaincity_crypto::envelope;

use super::*;

/// The claim of an access, opened by the reader: as the ledger makes it expect it.
fn opened(city: &City, access: &str, at: usize, commitment: Digest, name: &str) -> ClaimStatement {
    let envelope = released(city, access);
    let expected =
        ReleaseContext { claim: Some(name.to_owned()), ..context(city, access, commitment, 1) };
    let bytes = envelope::open_claim(&reader_key(), &envelope.groups[at], &expected).unwrap();
    let signed = claim::open(&bytes).unwrap();
    assert_eq!(signed.key, common::key("agent").public_key());
    assert_eq!(signed.statement.context, expected);
    signed.statement
}

fn asks<'a>(claims: &'a [&'a str], grant: &'a str) -> Ask<'a> {
    Ask { groups: &[], claims, ..Ask::of("f-1", grant) }
}

/// Whether the envelope, opened as far as it opens, holds a text.
fn shows(city: &City, access: &str, statement: &ClaimStatement, text: &str) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    holds(&released(city, access).to_bytes()) || holds(&chaincity_types::cbor::encode(statement))
}

#[test]
fn a_claim_is_handed_over_signed_and_nothing_of_its_group_with_it() {
    let (city, commitment, grant) = City::with_file();
    let access = city.ask(&asks(&["person.masked"], &grant));
    assert_eq!(city.round(&city.agent()), 1);
    assert_eq!(released(&city, &access).groups.len(), 1);
    let said = opened(&city, &access, 0, commitment, "masked");
    assert_eq!(said.value, "测********d".into());
    assert_eq!((said.parameters.as_map().unwrap().len(), said.package_version), (0, 1));
    for hidden in [NAME, ID_NUMBER, "planted"] {
        assert!(!shows(&city, &access, &said, hidden), "{hidden}");
    }
    assert_eq!(city.read_log(), [access]);
}

#[test]
fn a_claim_goes_beside_its_group_and_others_in_the_order_asked() {
    let (city, commitment, grant) = City::with_file();
    let claims = ["person.longer", "person.masked"];
    let than = [("than", "3")];
    let ask = Ask { claims: &claims, parameters: &than, ..Ask::of("f-1", &grant) };
    let access = city.ask(&ask);
    assert_eq!(city.round(&city.agent()), 1);
    let envelope = released(&city, &access);
    let group = context(&city, &access, commitment, 1);
    assert_eq!(
        envelope::open(&reader_key(), &envelope.groups[0], &group).unwrap().bytes(),
        person()
    );
    let longer = opened(&city, &access, 1, commitment, "longer");
    assert_eq!(longer.value, Value::Bool(true));
    assert_eq!(longer.parameters, Value::Map(common::fields([("than", Value::Int(3))])));
    opened(&city, &access, 2, commitment, "masked");
    // What was said in clear stands on the ledger, the value nowhere.
    assert_eq!(city.access(&access)["parameters"], common::map(&than));
}

#[test]
fn a_number_is_compared_without_standing_on_the_ledger() {
    let (city, commitment, grant) = City::with_file();
    let key = reader_key().public_key();
    for (number, is_his) in [(ID_NUMBER, true), ("110101190001010015", false)] {
        let sealed = city.seal_parameters(key, &[("number", number)]);
        let access = city.ask(&Ask { sealed: Some(sealed), ..asks(&["person.is"], &grant) });
        assert_eq!(city.round(&city.agent()), 1);
        let said = opened(&city, &access, 0, commitment, "is");
        assert_eq!(said.value, Value::Bool(is_his));
        assert_eq!(said.parameters, common::map(&[("number", number)]));
        let fields = chaincity_types::cbor::encode(&Value::Map(city.access(&access)));
        assert!(!fields.windows(number.len()).any(|part| part == number.as_bytes()));
    }
}

#[test]
fn parameters_that_do_not_fit_are_refused() {
    let invalid = (
        "parameter-invalid",
        "调用参数缺失、有误或非本次调用所封存",
        "a parameter is missing, does not fit, or was not sealed for this access",
    );
    let (city, person, grant) = City::with_file();
    let key = reader_key().public_key();
    let another = city.seal_parameters([7; 32], &[("number", ID_NUMBER)]);
    type Asked<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], Option<Digest>);
    let wrong: [Asked<'_>; 7] = [
        (&["person.longer"], &[], None),
        (&["person.longer"], &[("than", "three")], None),
        (&["person.longer"], &[("than", "3"), ("more", "4")], None),
        (&["person.is"], &[], None),
        // Sealed for another access, of another register, or nowhere.
        (&["person.is"], &[], Some(another)),
        (&["person.is"], &[], Some(person)),
        (&["person.is"], &[], Some(Digest([1; 32]))),
    ];
    for (claims, parameters, sealed) in wrong {
        let access = city.ask(&Ask { parameters, sealed, ..asks(claims, &grant) });
        assert_eq!(city.round(&city.agent()), 1);
        assert_refused(&city, &access, invalid);
        assert_eq!(city.vault.envelope(&access).unwrap(), None);
    }
    let clear = Ask { parameters: &[("number", "1")], ..asks(&["person.is"], &grant) };
    let access = city.ask(&clear);
    let sealed = city.seal_parameters(key, &[("number", "1")]);
    let both = city.ask(&Ask { sealed: Some(sealed), ..clear });
    assert_eq!(city.round(&city.agent()), 2);
    let in_clear =
        ("parameter-in-clear", "该参数须加密提交", "this parameter must not stand in clear");
    assert_refused(&city, &access, in_clear);
    assert_refused(&city, &both, in_clear);
}

#[test]
fn claims_without_a_rule_a_value_or_a_group_are_refused() {
    let (city, _, grant) = City::with_file();
    let unknown = city.ask(&asks(&["person.adult"], &grant));
    let broken = city.ask(&asks(&["person.broken"], &grant));
    city.open_file("f-2", None);
    let absent = city.ask(&Ask { record: "f-2", ..asks(&["person.masked"], &grant) });
    assert_eq!(city.round(&city.agent()), 3);
    let code = ("claim-unknown", "应用包没有这项派生结论", "the package has no such claim");
    assert_refused(&city, &unknown, code);
    assert_refused(
        &city,
        &broken,
        (
            "claim-without-value",
            "该记录得不出这项派生结论",
            "the claim has no value for this record",
        ),
    );
    assert_refused(&city, &absent, ABSENT);
}

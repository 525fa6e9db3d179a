//! Confidential accesses: answered once both have signed, shown when they are lifted, nothing before.

use super::*;
use chaincity_release::{CONFIDENTIAL, REQUEST};
use common::{Fields, PURPOSE, READER, event_key, fields, texts};

/// What the reader's officer asks for.
fn request() -> Fields {
    fields([
        ("key", Value::Bytes(reader_key().public_key().to_vec())),
        ("reader", READER.into()),
        ("officer", "cc".into()),
        ("in_package", PACKAGE.into()),
        ("register", REGISTER.into()),
        ("record", "f-1".into()),
        ("groups", texts(&[GROUP])),
        ("claims", texts(&[])),
        ("purpose", PURPOSE.into()),
        ("case_number", CASE.into()),
        ("values", common::map(&[])),
    ])
}

/// The request is sealed and recorded by the keeper; gives the number of the access.
fn recorded(city: &City, number: u8, request: Fields) -> String {
    let place = ("disclosure", CONFIDENTIAL, REQUEST);
    let request = city.seal_group(Digest([number; 32]), place, request, &[]);
    let input = fields([
        ("statute", "刑事诉讼法 54".into()),
        ("request", Value::Bytes(request.0.to_vec())),
        ("until", Value::Date(city.today() + 10)),
        ("key", Value::Bytes(reader_key().public_key().to_vec())),
    ]);
    event_key(&city.disclose("keeper", "ask-confidential", input), "confidential-asked")
}

fn signs(city: &City, by: &str, action: &str, number: &str) {
    city.disclose(by, action, fields([("confidential", number.into())]));
}

fn entry(city: &City, number: &str) -> Fields {
    city.record("disclosure", CONFIDENTIAL, number).unwrap().1
}

#[test]
fn it_is_released_once_both_have_signed_and_stands_in_the_clear_and_in_the_log_once_it_is_lifted() {
    let (city, commitment, _) = City::with_file();
    let agent = city.agent();
    let number = recorded(&city, 40, request());
    assert_eq!(city.round(&agent), 0);
    signs(&city, "auditor", "countersign-confidential", &number);
    assert_eq!(city.round(&agent), 1);

    let released = entry(&city, &number);
    let envelope = city.vault.envelope(&number).unwrap().unwrap();
    assert_eq!(released["state"], "released".into());
    assert_eq!(released["envelope"], Value::Bytes(envelope.digest().0.to_vec()));
    let expected = context(&city, &number, commitment, 1);
    let opened = envelope::open(&reader_key(), &envelope.groups[0], &expected).unwrap();
    assert_eq!(opened.bytes(), person());
    // Neither who reads nor what stands there, and no subject sees that it was read.
    let written = format!("{released:?}");
    for hidden in [READER, "f-1", REGISTER, GROUP, PURPOSE, CASE, SUBJECT] {
        assert!(!written.contains(hidden), "{hidden}: {written}");
    }
    assert!(city.logged("confidential").is_empty());
    assert_eq!(city.round(&agent), 0);

    signs(&city, "keeper", "lift-confidential", &number);
    assert_eq!(city.round(&agent), 1);
    let shown = entry(&city, &number);
    assert_eq!((&shown["state"], &shown["reader"]), (&"shown".into(), &READER.into()));
    assert_eq!((&shown["record"], &shown["groups"]), (&"f-1".into(), &texts(&[GROUP])));
    assert_eq!(city.logged("confidential"), [number.as_str()]);
    let written = format!("{shown:?}");
    assert!(!written.contains(PURPOSE) && !written.contains(CASE), "{written}");
}

#[test]
fn what_does_not_do_is_refused_and_nothing_is_kept() {
    let (city, _, _) = City::with_file();
    let agent = city.agent();
    let with = |name: &str, value: Value| {
        let mut request = request();
        request.insert(name.into(), value);
        request
    };
    let refused = [
        (with("record", "f-9".into()), "record-unknown"),
        (with("groups", texts(&["no-such-group"])), "group-absent"),
        (with("purpose", "".into()), "purpose-missing"),
        (with("case_number", "".into()), "case-missing"),
        // Who signs does not ask, nor does the auditor's member.
        (
            with("officer", common::key("keeper").public_key().to_string().as_str().into()),
            "signed-by-asker",
        ),
        (
            with("officer", common::key("auditor").public_key().to_string().as_str().into()),
            "signed-by-asker",
        ),
        (with("reader", "audit-office".into()), "signed-by-asker"),
        // Sealed for another access.
        (with("key", Value::Bytes(vec![7; 32])), "parameter-invalid"),
    ];
    for (seed, (request, code)) in (40..).zip(refused) {
        let number = recorded(&city, seed, request);
        signs(&city, "auditor", "countersign-confidential", &number);
        assert_eq!(city.round(&agent), 1);
        let entry = entry(&city, &number);
        assert_eq!((&entry["state"], &entry["code"]), (&"refused".into(), &code.into()));
        assert_eq!(city.vault.envelope(&number).unwrap(), None);
    }
    assert!(city.logged("confidential").is_empty());
}

#[test]
fn what_is_lifted_before_it_was_released_is_shown_all_the_same() {
    let (city, _, _) = City::with_file();
    let agent = city.agent();
    let number = recorded(&city, 40, request());
    signs(&city, "auditor", "lift-confidential", &number);
    assert_eq!(city.round(&agent), 1);
    assert_eq!(entry(&city, &number)["state"], "shown".into());
    assert_eq!(city.vault.envelope(&number).unwrap(), None);
    assert_eq!(city.logged("confidential"), [number.as_str()]);
}

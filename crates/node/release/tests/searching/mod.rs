//! Searches of the steward's own staff: what is found, told, refused, and answered once.

use chaincity_crypto::envelope::{self, ReaderKey};
use chaincity_crypto::{claim, hash};
use chaincity_types::{Digest, Str, Value};
use chaincity_vault::Term;

use crate::common::package::{GROUP, PACKAGE, REGISTER};
use crate::common::{
    Ask, CASE, City, ID_NUMBER, NAME, PURPOSE, SUBJECT, event_key, fields, reader_key,
};
use crate::placed;

/// Answers are at most so many hits.
const HITS_MAX: u8 = 20;

fn seal(city: &City, request: u8, place: (&str, &str, &str), name: &str) -> Digest {
    let values = fields([("name", name.into()), ("id_number", ID_NUMBER.into())]);
    city.seal_group(Digest([request; 32]), place, values, &[Term::new("name", name)])
}

/// A file about the subject with this name, found by it; its number says the request.
fn file(city: &City, number: u8, name: &str) -> Digest {
    let commitment = seal(city, number, (PACKAGE, REGISTER, GROUP), name);
    city.open_file(&format!("f-{number}"), Some(commitment));
    commitment
}

/// What is searched for, sealed for the search with this one-time key, and why.
fn value(city: &City, key: &ReaderKey, kind: &str, text: &str) -> Digest {
    let why = [("purpose", PURPOSE), ("case_number", CASE)];
    value_of(city, key, &[&why[..], &[("kind", kind), ("text", text)]].concat())
}

fn value_of(city: &City, key: &ReaderKey, texts: &[(&str, &str)]) -> Digest {
    let mut values = fields([("key", Value::Bytes(key.public_key().to_vec()))]);
    values.extend(texts.iter().map(|(name, text)| (Str::from(*name), Value::from(*text))));
    let request = hash::plain(format!("{:?}{texts:?}", key.public_key()).as_bytes());
    city.seal_group(Digest(request.0), ("disclosure", "search", "search-value"), values, &[])
}

/// A search that the rules let stand as asked, and its number.
fn ask(city: &City, by: &str, kind: &str, value: Digest) -> String {
    let input = fields([
        ("in_package", PACKAGE.into()),
        ("register", REGISTER.into()),
        ("kind", kind.into()),
        ("value", Value::Bytes(value.0.to_vec())),
        ("key", Value::Bytes(reader_key().public_key().to_vec())),
    ]);
    event_key(&city.disclose(by, "search", input), "search-asked")
}

fn ask_for(city: &City, name: &str) -> String {
    ask(city, "keeper", "name", value(city, &reader_key(), "name", name))
}

fn search(city: &City, key: &str) -> crate::common::Fields {
    city.record("disclosure", "search", key).unwrap().1
}

/// The records in the envelope that the ledger names, opened with the searcher's key: key, version.
fn hits(city: &City, key: &str) -> Vec<(String, u64)> {
    let sealed = city.vault.envelope(key).unwrap().unwrap();
    let answered = search(city, key);
    assert_eq!(answered["state"], "answered".into());
    assert_eq!(answered["envelope"], Value::Bytes(sealed.digest().0.to_vec()));
    assert_eq!(answered["found"], Value::Int(i64::try_from(sealed.groups.len()).unwrap()));
    let hit = |group: &envelope::SealedGroup| {
        let signed = envelope::open_claim(&reader_key(), group, &group.context).unwrap();
        let signed = claim::open(&signed).unwrap();
        assert_eq!(signed.statement.context, group.context);
        assert_eq!(signed.statement.value, Value::Bool(true));
        let context = &signed.statement.context;
        assert_eq!((&*context.access, context.claim.as_deref()), (key, Some("search:name")));
        (context.record.clone(), context.version)
    };
    sealed.groups.iter().map(hit).collect()
}

#[track_caller]
fn assert_refused(city: &City, key: &str, code: &str) {
    let refused = search(city, key);
    assert_eq!((&refused["state"], &refused["code"]), (&"refused".into(), &code.into()));
    for field in ["found", "envelope"] {
        assert_eq!(refused.get(field).unwrap_or(&Value::Null), &Value::Null, "{field}");
    }
    assert_eq!(city.vault.envelope(key).unwrap(), None);
    assert_eq!(city.logged("search"), Vec::<String>::new());
}

#[test]
fn a_search_finds_the_records_that_hold_the_name_now_and_their_subjects_see_it() {
    let city = City::open();
    file(&city, 1, NAME);
    file(&city, 2, "测试乙");
    // Had the name once; and has it now.
    file(&city, 3, NAME);
    city.change_identity("f-3", seal(&city, 103, (PACKAGE, REGISTER, GROUP), "测试丙"));
    file(&city, 4, "测试丁");
    city.change_identity("f-4", seal(&city, 104, (PACKAGE, REGISTER, GROUP), NAME));
    // Sealed for another register, yet named by this one's record.
    let elsewhere = seal(&city, 5, (PACKAGE, "secret-file", GROUP), NAME);
    city.open_file("f-5", Some(elsewhere));

    let key = ask_for(&city, &format!(" {} ", NAME.to_uppercase()));
    assert_eq!(city.round(&city.agent()), 1);
    assert_eq!(hits(&city, &key), [("f-1".to_owned(), 1), ("f-4".to_owned(), 2)]);
    assert_eq!(city.logged("search"), std::slice::from_ref(&key));
    let another = ReaderKey::from_seed(&chaincity_crypto::cipher::Secret::from_bytes([6; 32]));
    let sealed = city.vault.envelope(&key).unwrap().unwrap();
    let context = &sealed.groups[0].context;
    assert!(envelope::open_claim(&another, &sealed.groups[0], context).is_err());
}

#[test]
fn a_group_on_the_ledger_is_found_by_its_text_and_opened_with_its_ciphertext() {
    let (city, _, _) = City::with_file();
    let commitment = placed::noted(&city);
    let key = ask(&city, "keeper", "note", value(&city, &reader_key(), "note", placed::NOTE));
    assert_eq!(city.round(&city.agent()), 1);
    assert_eq!(search(&city, &key)["found"], Value::Int(1));
    let sealed = city.vault.envelope(&key).unwrap().unwrap();
    let context = &sealed.groups[0].context;
    assert_eq!((&*context.record, context.version, context.commitment), ("f-1", 2, commitment));
}

#[test]
fn what_is_not_found_has_no_envelope_and_names_nobody() {
    let city = City::open();
    file(&city, 1, NAME);
    let key = ask_for(&city, "测试无名");
    assert_eq!(city.round(&city.agent()), 1);
    let answered = search(&city, &key);
    assert_eq!((&answered["state"], &answered["found"]), (&"answered".into(), &Value::Int(0)));
    assert_eq!(city.vault.envelope(&key).unwrap(), None);
    assert_eq!(city.logged("search"), Vec::<String>::new());
}

#[test]
fn twenty_hits_are_an_answer_and_more_are_refused_without_a_number() {
    let city = City::open();
    for number in 1..=HITS_MAX {
        file(&city, number, NAME);
    }
    let enough = ask_for(&city, NAME);
    assert_eq!(city.round(&city.agent()), 1);
    assert_eq!(hits(&city, &enough).len(), usize::from(HITS_MAX));

    let city = City::open();
    for number in 1..=HITS_MAX + 1 {
        file(&city, number, NAME);
    }
    let many = ask_for(&city, NAME);
    assert_eq!(city.round(&city.agent()), 1);
    assert_refused(&city, &many, "too-many-found");
}

#[test]
fn what_is_not_asked_as_a_search_can_be_is_refused() {
    let city = City::open();
    file(&city, 1, NAME);
    let another = ReaderKey::from_seed(&chaincity_crypto::cipher::Secret::from_bytes([6; 32]));
    let own = reader_key();
    let asked = [
        // The register is not found by it.
        (ask(&city, "keeper", "colour", value(&city, &own, "colour", NAME)), "kind-unknown"),
        // Sealed for another search; of another kind; blank; a group of a record.
        (ask(&city, "keeper", "name", value(&city, &another, "name", NAME)), "value-invalid"),
        (ask(&city, "keeper", "name", value(&city, &own, "address", NAME)), "value-invalid"),
        (ask(&city, "keeper", "name", value(&city, &own, "name", " ")), "value-invalid"),
        (
            ask(&city, "keeper", "name", seal(&city, 9, (PACKAGE, REGISTER, GROUP), NAME)),
            "group-unknown",
        ),
        (ask(&city, "keeper", "name", Digest([7; 32])), "group-unknown"),
        // Without purpose, or case.
        (
            ask(
                &city,
                "keeper",
                "name",
                value_of(&city, &own, &[("kind", "name"), ("text", NAME)]),
            ),
            "purpose-missing",
        ),
        (
            ask(&city, "keeper", "name", {
                let why = [("purpose", PURPOSE), ("kind", "name"), ("text", NAME)];
                value_of(&city, &own, &why)
            }),
            "case-missing",
        ),
    ];
    assert_eq!(city.round(&city.agent()), asked.len());
    for (key, code) in asked {
        assert_refused(&city, &key, code);
    }
}

#[test]
fn what_the_ledger_erased_is_not_found() {
    let city = City::open();
    let erased = file(&city, 1, NAME);
    file(&city, 2, NAME);
    let key = ask_for(&city, NAME);
    city.erase(erased);
    assert_eq!(city.round(&city.agent()), 1);
    assert_eq!(hits(&city, &key), [("f-2".to_owned(), 1)]);
}

#[test]
fn a_search_of_another_steward_is_left_alone() {
    let city = City::open();
    file(&city, 1, NAME);
    let key = ask(&city, "other-keeper", "name", value(&city, &reader_key(), "name", NAME));
    assert_eq!(city.round(&city.agent()), 0);
    assert_eq!(search(&city, &key)["state"], "asked".into());
    assert_eq!(city.counter.submitted(), 0);
}

#[test]
fn an_answer_that_was_lost_is_given_again_with_the_same_result_and_nothing_twice() {
    let city = City::open();
    file(&city, 1, NAME);
    let key = ask_for(&city, NAME);
    city.counter.lose(true);
    assert_eq!(city.round(&city.agent()), 1);
    city.counter.lose(false);
    let kept = city.vault.envelope(&key).unwrap().unwrap();
    assert_eq!(search(&city, &key)["state"], "asked".into());

    // In between there is more to be found, and the first has moved on.
    file(&city, 2, NAME);
    city.change_identity("f-1", seal(&city, 101, (PACKAGE, REGISTER, GROUP), "测试丙"));
    let agent = city.agent();
    assert_eq!(city.round(&agent), 1);
    assert_eq!(hits(&city, &key), [("f-1".to_owned(), 1)]);
    assert_eq!(city.vault.envelope(&key).unwrap().unwrap(), kept);
    city.counter.submitted();
    assert_eq!((city.round(&agent), city.round(&city.agent())), (0, 0));
    assert_eq!(city.counter.submitted(), 0);
    assert_eq!(city.logged("search"), [key]);
}

#[test]
fn an_answer_that_arrived_before_the_crash_is_not_given_again() {
    let city = City::open();
    file(&city, 1, NAME);
    let key = ask_for(&city, NAME);
    city.follow();
    assert_eq!(city.agent().round().unwrap(), 1);
    let answered = search(&city, &key);
    // The read model of the next start has not followed: the search still looks asked.
    assert_eq!(city.agent().round().unwrap(), 1);
    city.follow();
    assert_eq!(search(&city, &key), answered);
    assert_eq!(city.logged("search"), [key]);
}

#[test]
fn silence_is_recorded_and_a_later_agent_answers_nothing() {
    let city = City::open();
    file(&city, 1, NAME);
    let key = ask_for(&city, NAME);
    city.pass_minutes(61);
    assert_eq!(search(&city, &key)["state"], "unanswered".into());
    assert_eq!(city.round(&city.agent()), 0);
    assert_eq!(city.vault.envelope(&key).unwrap(), None);
}

#[test]
fn the_ledger_holds_neither_the_value_nor_the_keys_of_what_was_found() {
    let city = City::open();
    file(&city, 1, NAME);
    let key = ask_for(&city, NAME);
    assert_eq!(city.round(&city.agent()), 1);
    assert_eq!(hits(&city, &key).len(), 1);
    let written = format!("{:?}", search(&city, &key));
    for hidden in [NAME, "f-1", SUBJECT, PURPOSE, CASE] {
        assert!(!written.contains(hidden), "{written}");
    }
}

#[test]
fn an_access_after_a_search_has_its_purpose_and_case_else_it_is_refused() {
    let city = City::open();
    file(&city, 1, NAME);
    // Of the steward's own member, as who searched.
    let grant = city.grant_to("insider", "keeper", "430000-0001");
    let search = ask_for(&city, NAME);
    assert_eq!(city.round(&city.agent()), 1);
    let key = reader_key().public_key();
    let other = city.say(key, &[("purpose", PURPOSE), ("case_number", "贷2号")], &[]);
    let ask = Ask { search: Some(&search), ..Ask::of("f-1", &grant) };
    let asked = |ask: &Ask<'_>| {
        event_key(&city.disclose("insider", "access", city.access_input(ask)), "access-asked")
    };
    let (same, other) = (asked(&ask), asked(&Ask { sealed: Some(other), ..ask }));
    assert_eq!(city.round(&city.agent()), 2);
    assert_eq!(city.state(&same), "released");
    let refused = city.access(&other);
    assert_eq!(
        (&refused["state"], &refused["code"]),
        (&"refused".into(), &"search-differs".into())
    );
}

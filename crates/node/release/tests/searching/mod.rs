//! Searches of the steward's own staff: what is found, told, refused, and answered once.

use chaincity_crypto::envelope::{self, ReaderKey};
use chaincity_crypto::{claim, hash};
use chaincity_query::{Filter, Op, Select, StatusFilter};
use chaincity_types::wire::Version;
use chaincity_types::{Digest, Value, cbor};
use chaincity_vault::{Place, Sealing, Term};

use crate::common::package::{GROUP, PACKAGE, REGISTER};
use crate::common::{City, ID_NUMBER, NAME, SUBJECT, event_key, fields, reader_key};

/// Answers are at most so many hits.
const HITS_MAX: u8 = 20;

fn seal(
    city: &City,
    request: u8,
    (package, register, group): (&str, &str, &str),
    name: &str,
) -> Digest {
    let place = Place {
        ledger: city.ledger(),
        package: package.into(),
        register: register.into(),
        group: group.into(),
    };
    let values = fields([("name", name.into()), ("id_number", ID_NUMBER.into())]);
    let bytes = cbor::encode(&Value::Map(values));
    let (request, terms) = (Digest([request; 32]), [Term::new("name", name)]);
    let sealing =
        Sealing { request, place: &place, bytes: &bytes, terms: &terms, permanent: false };
    city.vault.seal(&sealing).unwrap()
}

/// A file about the subject with this name, found by it; its number says the request.
fn file(city: &City, number: u8, name: &str) -> Digest {
    let commitment = seal(city, number, (PACKAGE, REGISTER, GROUP), name);
    city.open_file(&format!("f-{number}"), Some(commitment));
    commitment
}

/// What is searched for, sealed for the search with this one-time key.
fn value(city: &City, key: &ReaderKey, kind: &str, text: &str) -> Digest {
    let place = Place {
        ledger: city.ledger(),
        package: "disclosure".into(),
        register: "search".into(),
        group: "search-value".into(),
    };
    let values = fields([
        ("key", Value::Bytes(key.public_key().to_vec())),
        ("kind", kind.into()),
        ("text", text.into()),
    ]);
    let bytes = cbor::encode(&Value::Map(values));
    let request = Digest(hash::plain(&bytes).0);
    let sealing = Sealing { request, place: &place, bytes: &bytes, terms: &[], permanent: false };
    city.vault.seal(&sealing).unwrap()
}

/// A search that the rules let stand as asked, and its number.
fn ask(city: &City, by: &str, kind: &str, value: Digest) -> String {
    let input = fields([
        ("in_package", PACKAGE.into()),
        ("register", REGISTER.into()),
        ("kind", kind.into()),
        ("value", Value::Bytes(value.0.to_vec())),
        ("purpose", "核实来件人权利".into()),
        ("case_number", "窗口1号".into()),
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

/// The searches in the subject's read log.
fn logged(city: &City) -> Vec<String> {
    city.follow();
    let select = Select {
        package: "disclosure".into(),
        register: "read-log".into(),
        filters: vec![Filter { field: "subject".into(), op: Op::Eq, value: SUBJECT.into() }],
        status: StatusFilter::Live,
        sort: vec![],
        limit: 100,
        cursor: None,
    };
    let search = |log: &Version| log.fields["search"].as_text().unwrap().to_owned();
    city.model.select(&select).unwrap().items.iter().map(search).collect()
}

#[track_caller]
fn assert_refused(city: &City, key: &str, code: &str) {
    let refused = search(city, key);
    assert_eq!((&refused["state"], &refused["code"]), (&"refused".into(), &code.into()));
    for field in ["found", "envelope"] {
        assert_eq!(refused.get(field).unwrap_or(&Value::Null), &Value::Null, "{field}");
    }
    assert_eq!(city.vault.envelope(key).unwrap(), None);
    assert_eq!(logged(city), Vec::<String>::new());
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
    assert_eq!(logged(&city), std::slice::from_ref(&key));
    let another = ReaderKey::from_seed(&chaincity_crypto::cipher::Secret::from_bytes([6; 32]));
    let sealed = city.vault.envelope(&key).unwrap().unwrap();
    let context = &sealed.groups[0].context;
    assert!(envelope::open_claim(&another, &sealed.groups[0], context).is_err());
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
    assert_eq!(logged(&city), Vec::<String>::new());
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
    assert_eq!(logged(&city), [key]);
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
    assert_eq!(logged(&city), [key]);
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
    for hidden in [NAME, "f-1", SUBJECT] {
        assert!(!written.contains(hidden), "{written}");
    }
}

//! `GET /v1/vault/envelopes/{access}`: handed over to the reader, after the release, as released.

use std::time::{Duration, Instant};

use chaincity_client::{ClientError, open_envelope};
use chaincity_crypto::cipher::Secret;
use chaincity_crypto::envelope::{self, Envelope, ReaderKey, ReleaseContext};
use chaincity_crypto::groups::Group;
use chaincity_types::{Digest, Timestamp, Value, cbor};
use chaincity_vault::Vault;

use crate::city::{City, agent, clerk, get, raw};
use crate::fake::version;
use crate::vaults::{Keeping, client_of, confide, officer, passphrase, token_of};

/// Keys of accesses have colons, and may have any letters.
const ACCESS: &str = "registry:real-estate:right:00000001";

const SOON: Duration = Duration::from_secs(20);

fn reader_key() -> ReaderKey {
    ReaderKey::from_seed(&Secret::from_bytes([31; 32]))
}

/// What the reader expects of a group with these bytes.
fn context(group: &Group, ledger: Digest) -> ReleaseContext {
    ReleaseContext {
        ledger,
        access: ACCESS.into(),
        package: "real-estate".into(),
        register: "right".into(),
        record: "r-1".into(),
        version: 1,
        group: "deal".into(),
        commitment: group.commitment(),
        claim: None,
    }
}

fn group(price: i64) -> Group {
    let fields = Value::Map([("price".into(), Value::Int(price))].into());
    Group::new(Secret::from_bytes([32; 32]), &cbor::encode(&fields)).unwrap()
}

fn sealed(price: i64, ledger: Digest) -> Envelope {
    let group = group(price);
    let entropy = Secret::from_bytes([33; 32]);
    let reader = reader_key().public_key();
    let sealed = envelope::seal(&reader, context(&group, ledger), &group, &entropy).unwrap();
    Envelope { groups: vec![sealed] }
}

/// Puts the access on the ledger, with the digest of its release if there is one.
fn record(city: &City, reader: &str, state: &str, released: Option<Digest>) {
    let digest = released.map(|digest| ("envelope", Value::Bytes(digest.as_bytes().to_vec())));
    let mut fields = vec![("reader", reader.into()), ("state", state.into())];
    fields.extend(digest);
    city.node.put(version(("disclosure", "access", ACCESS), 2, 1, &fields));
}

/// A city whose vault keeps the envelope of an access that the registry asked for.
fn keeping() -> (Keeping, Envelope) {
    let keeping = Keeping::open();
    let envelope = sealed(7, keeping.city.node.ledger());
    keeping.vault.keep_envelope(ACCESS, &envelope, Timestamp(1_000)).unwrap();
    (keeping, envelope)
}

fn refusal(city: &City) -> (u16, String) {
    refusal_of(city, &token_of(city, clerk()), ACCESS)
}

fn refusal_of(city: &City, token: &str, access: &str) -> (u16, String) {
    let url = format!("{}/v1/vault/envelopes/{access}", city.url());
    let answer = agent().get(url).header("authorization", format!("Bearer {token}"));
    let answer = raw(answer.call().unwrap());
    (answer.status, answer.code())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn a_released_envelope_is_handed_to_its_reader_byte_for_byte_and_opens() {
    let (keeping, envelope) = keeping();
    let city = &keeping.city;
    record(city, "registry", "released", Some(envelope.digest()));
    let handed = city.client().envelope(ACCESS).unwrap().unwrap();
    assert_eq!(handed.to_bytes(), envelope.to_bytes());
    let expected = [context(&group(7), city.node.ledger())];
    let (opened, claims) = open_envelope(&reader_key(), &handed, &expected).unwrap();
    assert_eq!((&*opened[0].0, claims), ("deal", Vec::new()));
    assert_eq!(opened[0].1["price"], Value::Int(7));
    // A release is fetched again when the first answer was lost.
    assert_eq!(city.client().envelope(ACCESS).unwrap(), Some(envelope));
}

#[test]
fn nothing_is_handed_over_before_the_release() {
    let (keeping, envelope) = keeping();
    let city = &keeping.city;
    // The vault has the envelope; the ledger knows of no access.
    assert_eq!(refusal(city), is(404, "not-released"));
    assert_eq!(city.client().envelope(ACCESS).unwrap(), None);
    for state in ["asked", "refused", "unanswered"] {
        record(city, "registry", state, None);
        assert_eq!(refusal(city), is(404, "not-released"), "{state}");
        // Not even where a digest stands there.
        record(city, "registry", state, Some(envelope.digest()));
        assert_eq!(refusal(city), is(404, "not-released"), "{state}");
    }
    record(city, "registry", "released", None);
    assert_eq!(refusal(city), is(404, "not-released"));
    record(city, "registry", "released", Some(envelope.digest()));
    assert!(city.client().envelope(ACCESS).unwrap().is_some());
}

#[test]
fn a_reader_waits_for_a_steward_whose_node_is_a_block_behind() {
    let (keeping, envelope) = keeping();
    let city = &keeping.city;
    record(city, "registry", "asked", None);
    let client = city.client();
    assert_eq!(client.await_envelope(ACCESS, Duration::ZERO).unwrap(), None);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| client.await_envelope(ACCESS, SOON));
        // Refused twice at least: once above, once while it waits.
        let begun = Instant::now();
        while refused_so_far(city) < 2 {
            assert!(begun.elapsed() < SOON);
            std::thread::yield_now();
        }
        record(city, "registry", "released", Some(envelope.digest()));
        assert_eq!(waits.join().unwrap().unwrap().as_ref(), Some(&envelope));
    });
}

/// How many requests for envelopes were answered with 404.
fn refused_so_far(city: &City) -> u64 {
    let text = get(&format!("{}/metrics", city.url())).text;
    let route =
        "chaincity_http_requests_total{route=\"/v1/vault/envelopes/{access}\",status=\"404\"} ";
    let count = text.lines().find_map(|line| line.strip_prefix(route));
    count.map_or(0, |count| count.parse().unwrap())
}

#[test]
fn an_envelope_is_for_the_member_that_asked_alone() {
    let (keeping, envelope) = keeping();
    let city = &keeping.city;
    record(city, "bank", "released", Some(envelope.digest()));
    // The steward's own staff neither, whatever the state.
    assert_eq!(refusal(city), is(403, "not-reader"));
    record(city, "bank", "asked", None);
    assert_eq!(refusal(city), is(403, "not-reader"));

    record(city, "bank", "released", Some(envelope.digest()));
    let (bank, other) =
        (officer(city, 41, "bank", "reader.officer"), officer(city, 42, "other", "reader.officer"));
    assert_eq!(refusal_of(city, &token_of(city, other), ACCESS), is(403, "not-reader"));
    assert!(client_of(city, bank).envelope(ACCESS).unwrap().is_some());
}

#[test]
fn a_confidential_envelope_is_for_the_officer_who_asked_alone() {
    const CONFIDENTIAL: &str = "registry:00000001";
    let (keeping, envelope) = keeping();
    let city = &keeping.city;
    keeping.vault.keep_envelope(CONFIDENTIAL, &envelope, Timestamp(1_000)).unwrap();
    let asker = officer(city, 41, "court", "reader.officer");
    let own = asker.public_key().to_string();
    let asker = client_of(city, asker);
    let colleague = client_of(city, officer(city, 42, "court", "reader.officer"));
    let request = confide(&asker, 1, ("court", &own)).unwrap();
    let put = |state: &'static str, released: Option<Digest>| {
        let bytes = |digest: Digest| Value::Bytes(digest.as_bytes().to_vec());
        let mut fields = vec![
            ("steward", "registry".into()),
            ("state", state.into()),
            ("key", Value::Bytes(vec![0x11; 32])),
            ("request", bytes(request)),
        ];
        fields.extend(released.map(|digest| ("envelope", bytes(digest))));
        city.node.put(version(("disclosure", "confidential", CONFIDENTIAL), 2, 1, &fields));
    };
    for state in ["asked", "countersigned", "refused", "lifted"] {
        put(state, None);
        assert_eq!(asker.envelope(CONFIDENTIAL).unwrap(), None, "{state}");
    }
    for state in ["released", "lifted"] {
        put(state, Some(envelope.digest()));
        assert_eq!(asker.envelope(CONFIDENTIAL).unwrap().as_ref(), Some(&envelope), "{state}");
        assert_eq!(colleague.envelope(CONFIDENTIAL).unwrap_err().code(), Some("not-reader"));
    }
}

#[test]
fn an_envelope_dropped_after_its_time_is_gone() {
    let (keeping, envelope) = keeping();
    let city = &keeping.city;
    record(city, "registry", "released", Some(envelope.digest()));
    keeping.vault.drop_envelopes(Timestamp(1_000)).unwrap();
    assert!(city.client().envelope(ACCESS).unwrap().is_some());
    keeping.vault.drop_envelopes(Timestamp(1_001)).unwrap();
    assert_eq!(refusal(city), is(410, "envelope-gone"));
    let error = city.client().envelope(ACCESS).unwrap_err();
    assert!(matches!(error, ClientError::Refused { status: 410, .. }), "{error}");
}

#[test]
fn an_envelope_that_the_ledger_does_not_name_is_not_handed_over() {
    let (keeping, envelope) = keeping();
    let city = &keeping.city;
    let other = sealed(8, city.node.ledger());
    assert_ne!(other.digest(), envelope.digest());
    record(city, "registry", "released", Some(other.digest()));
    assert_eq!(refusal(city), is(404, "not-released"));
    record(city, "registry", "released", Some(envelope.digest()));
    assert!(city.client().envelope(ACCESS).unwrap().is_some());
}

#[test]
fn a_node_that_keeps_no_vault_has_no_envelopes_and_none_goes_out_without_a_token() {
    let city = City::open();
    assert_eq!(refusal(&city), is(404, "no-vault"));

    let (keeping, envelope) = keeping();
    record(&keeping.city, "registry", "released", Some(envelope.digest()));
    let answer = get(&format!("{}/v1/vault/envelopes/{ACCESS}", keeping.city.url()));
    assert_eq!((answer.status, answer.code()), is(401, "token-required"));
}

#[test]
fn a_restored_vault_hands_nothing_over_until_the_erasures_are_applied_again() {
    let (Keeping { city, vault, dir }, envelope) = keeping();
    vault.backup(&dir.path().join("backup")).unwrap();
    drop((city, vault));

    let folder = dir.path().join("again").join("vault");
    std::fs::create_dir(folder.parent().unwrap()).unwrap();
    let restored = Vault::restore(&dir.path().join("backup"), &folder, &passphrase()).unwrap();
    let keeping = Keeping::with(dir, restored);
    record(&keeping.city, "registry", "released", Some(envelope.digest()));
    assert_eq!(refusal(&keeping.city), is(503, "vault-closed"));
    keeping.vault.reapply_erasures([]).unwrap();
    assert!(keeping.city.client().envelope(ACCESS).unwrap().is_some());
}

/// Keys of searches, in the same vault.
const SEARCH: &str = "search:registry:real-estate:right:00000001";

#[test]
fn a_result_is_handed_to_the_officer_who_searched_alone_and_after_the_answer() {
    let keeping = Keeping::open();
    let city = &keeping.city;
    let envelope = sealed(7, city.node.ledger());
    keeping.vault.keep_envelope(SEARCH, &envelope, Timestamp(1_000)).unwrap();
    let record = |officer: &str, state: &str, digest: Digest| {
        let digest = Value::Bytes(digest.as_bytes().to_vec());
        let fields = [("officer", officer.into()), ("state", state.into()), ("envelope", digest)];
        city.node.put(version(("disclosure", "search", SEARCH), 2, 1, &fields));
    };
    let refused = |client: &chaincity_client::Client| {
        let error = client.search_result(SEARCH).unwrap_err();
        error.code().unwrap().to_owned()
    };
    let own = city.client();
    let officer_key = hex::encode(clerk().public_key().as_bytes());
    assert_eq!(own.search_result(SEARCH).unwrap(), None, "the ledger knows of no search");
    for state in ["asked", "refused", "unanswered"] {
        record(&officer_key, state, envelope.digest());
        assert_eq!(own.search_result(SEARCH).unwrap(), None, "{state}");
    }
    record(&officer_key, "answered", Digest([9; 32]));
    assert_eq!(own.search_result(SEARCH).unwrap(), None, "the ledger names another result");
    record(&officer_key, "answered", envelope.digest());
    assert_eq!(own.search_result(SEARCH).unwrap(), Some(envelope.clone()));
    let colleague = client_of(city, officer(city, 23, "registry", "steward.clerk"));
    assert_eq!(refused(&colleague), "not-reader");
    // Nor is it an access's, whatever its number.
    assert_eq!(own.envelope(SEARCH).unwrap(), None);
}

//! Submission, receipts, refusals, retry and failover.

use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chaincity_client::api::transaction::{BATCH_BYTES_MAX, BATCH_MAX, encode_batch};
use chaincity_client::{ClientError, Signed, call};
use chaincity_pipeline::Refusal;
use chaincity_types::wire::{Mode, TRANSACTION_BYTES_MAX};
use chaincity_types::{Digest, Reject, Timestamp};

use crate::city::{City, get, post};
use crate::fake::time;

const WAIT: Duration = Duration::from_secs(5);

fn signed(client: &chaincity_client::Client, unit: &str) -> Signed {
    let input = [("unit".into(), unit.into())];
    let calls = vec![call("real-estate", "seal", input.into())];
    client.sign(&client.transaction(Mode::Atomic, calls).unwrap()).unwrap()
}

#[test]
fn a_transaction_is_built_for_the_ledger_signed_submitted_and_its_receipt_awaited() {
    let city = City::open();
    let client = city.client();
    let transaction = client.transaction(Mode::Atomic, vec![call("p", "a", [].into())]).unwrap();
    assert_eq!(transaction.ledger, city.node.ledger());
    assert_eq!(transaction.expiry, Timestamp(time(0).0 + 300_000));

    let signed = client.sign(&transaction).unwrap();
    let receipt = client.submit(&signed, WAIT).unwrap().unwrap();
    assert_eq!((receipt.id, receipt.height), (signed.id.to_string(), 1));
    assert!(receipt.entries[0].applied);
    assert_eq!(client.receipt(&signed.id, Duration::ZERO).unwrap().unwrap().height, 1);
    assert!(client.receipt(&Digest([3; 32]), Duration::from_millis(20)).unwrap().is_none());
}

#[test]
fn submission_needs_no_token_and_answers_202_or_200_with_the_id() {
    let city = City::open();
    let (first, second) = (signed(&city.client(), "a"), signed(&city.client(), "b"));
    let url = format!("{}/v1/transactions", city.url());
    let answer = post(&url, "application/cose", &first.bytes);
    assert_eq!((answer.status, &answer.json()["id"]), (202, &first.id.to_string().into()));
    assert!(answer.json().get("receipt").is_none());
    let answer = post(&format!("{url}?wait_ms=5000"), "application/cose", &second.bytes);
    assert_eq!((answer.status, &answer.json()["receipt"]["height"]), (200, &2.into()));
}

#[test]
fn each_refusal_has_its_stable_code_and_texts_in_both_languages() {
    let city = City::open();
    let client = city.client();
    let signed = signed(&client, "a");
    let url = format!("{}/v1/transactions", city.url());
    let refused = |media: &str, bytes: &[u8]| {
        let answer = post(&url, media, bytes);
        assert!(!answer.json()["zh"].as_str().unwrap().is_ascii());
        assert!(answer.json()["en"].as_str().unwrap().is_ascii());
        (answer.status, answer.code())
    };
    let code = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(refused("application/cose", b""), code(400, "malformed"));
    assert_eq!(refused("application/cose", &[0x81; 40]), code(400, "too-deep"));
    assert_eq!(refused("application/json", &signed.bytes), code(415, "media-type"));
    let large = vec![0; TRANSACTION_BYTES_MAX + 1];
    assert_eq!(refused("application/cose", &large), code(413, "too-large"));
    let mut bent = signed.bytes.clone();
    *bent.last_mut().unwrap() ^= 1;
    assert_eq!(refused("application/cose", &bent), code(403, "bad-signature"));
    client.submit(&signed, WAIT).unwrap();
    assert_eq!(refused("application/cose", &signed.bytes), code(409, "duplicate"));
    for wait in ["-1", "x", "30001"] {
        let answer = post(&format!("{url}?wait_ms={wait}"), "application/cose", b"");
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad-request"), "{wait}");
    }
}

fn post_batch(city: &City, transactions: &[&[u8]]) -> crate::city::Raw {
    let url = format!("{}/v1/transactions/batch", city.url());
    post(&url, "application/cbor", &encode_batch(transactions.iter().copied()))
}

#[test]
fn each_of_a_batch_is_answered_as_if_it_came_alone() {
    let city = City::open();
    let client = city.client();
    let (first, last) = (signed(&client, "a"), signed(&client, "b"));
    let mut bent = signed(&client, "c");
    *bent.bytes.last_mut().unwrap() ^= 1;
    let large = vec![0; TRANSACTION_BYTES_MAX + 1];
    let batch =
        [b"junk".as_slice(), &first.bytes, &bent.bytes, &first.bytes, &large, b"", &last.bytes];
    let answer = post_batch(&city, &batch);
    let json = answer.json();
    let items = json["items"].as_array().unwrap();
    assert_eq!((answer.status, items.len()), (200, batch.len()));
    let id = |signed: &Signed| serde_json::Value::from(signed.id.to_string());
    assert_eq!(items[1], serde_json::json!({"id": id(&first)}));
    assert_eq!(items[6], serde_json::json!({"id": id(&last)}));
    assert_eq!((&items[2]["id"], &items[3]["id"]), (&id(&bent), &id(&first)));
    // The refusals are those of the other route, whole.
    let single = format!("{}/v1/transactions", city.url());
    for (index, code) in [
        (0, "malformed"),
        (2, "bad-signature"),
        (3, "duplicate"),
        (4, "too-large"),
        (5, "malformed"),
    ] {
        let alone = post(&single, "application/cose", batch[index]);
        assert_eq!((alone.code().as_str(), &alone.json()), (code, &items[index]["refusal"]));
    }
    assert!([0, 4, 5].iter().all(|index| items[*index].get("id").is_none()));
    assert!(client.receipt(&first.id, WAIT).unwrap().is_some());
    assert!(client.receipt(&last.id, WAIT).unwrap().is_some());
    assert!(client.receipt(&bent.id, Duration::ZERO).unwrap().is_none());
    assert_eq!(post_batch(&city, &[]).json(), serde_json::json!({"items": []}));
}

#[test]
fn a_busy_node_says_which_of_a_batch_it_took() {
    let city = City::open();
    let client = city.client();
    let batch: Vec<_> = ["a", "b", "c"].map(|unit| signed(&client, unit)).into();
    city.node.busy.store(2, Ordering::SeqCst);
    let refusals = client.submit_many(&batch).unwrap();
    let codes: Vec<_> = refusals.iter().map(|r| r.as_ref().map(|r| r.code.as_str())).collect();
    assert_eq!(codes, [Some("busy"), Some("busy"), None]);
    assert_eq!(refusals[0].as_ref().unwrap().retry_after_s, Some(1));
    let again: Vec<_> =
        client.submit_many(&batch).unwrap().into_iter().map(|r| r.is_some()).collect();
    assert_eq!(again, [false, false, true], "the third is a duplicate now");
}

#[test]
fn a_batch_is_bounded_in_number_and_bytes_and_the_client_cuts_what_is_more() {
    let city = City::open();
    let most = vec![b"".as_slice(); BATCH_MAX];
    assert_eq!(post_batch(&city, &most).json()["items"].as_array().unwrap().len(), BATCH_MAX);
    let more = vec![b"".as_slice(); BATCH_MAX + 1];
    let large = vec![0; BATCH_BYTES_MAX];
    for over in [post_batch(&city, &more), post_batch(&city, &[&large])] {
        assert_eq!((over.status, over.code().as_str()), (413, "request-too-large"));
    }
    let url = format!("{}/v1/transactions/batch", city.url());
    for (media, body) in [("application/cbor", &[0x81, 7][..]), ("application/cbor", b"")] {
        let bad = post(&url, media, body);
        assert_eq!((bad.status, bad.code().as_str()), (400, "bad-request"));
    }
    assert_eq!(post(&url, "application/cose", &[0x80]).code(), "media-type");
    assert_eq!(
        post(&format!("{url}?wait_ms=1"), "application/cbor", &[0x80]).code(),
        "bad-request"
    );

    let junk = Signed { id: Digest::ZERO, bytes: vec![0; 100_000] };
    let refusals = city.client().submit_many(&vec![junk; 25]).unwrap();
    assert!(refusals.iter().all(|r| r.as_ref().is_some_and(|r| r.code == "malformed")));
    assert_eq!(refusals.len(), 25);
}

#[test]
fn batches_beyond_those_that_are_checked_at_a_time_are_told_to_come_back() {
    let city = City::with(|config| config.limits.batches_max = 0, 0);
    let answer = post_batch(&city, &[]);
    assert_eq!((answer.status, answer.code().as_str()), (503, "busy"));
}

#[test]
fn a_guards_refusal_speaks_with_the_packages_words() {
    let city = City::open();
    let client = city.client();
    let guard = Some("seal-too-long".to_owned());
    let refusal = Refusal { code: Reject::RuleError, guard, detail: Some("call 0".into()) };
    *city.node.refusal.lock().unwrap() = Some(refusal);
    let error = client.submit(&signed(&client, "a"), WAIT).unwrap_err();
    let ClientError::Refused { status, body } = error else { panic!("{error}") };
    assert_eq!((status, body.code.as_str()), (422, "seal-too-long"));
    assert_eq!(body.zh, "查封不动产的期限不得超过三年");
    assert_eq!(body.en, "a seal lasts at most three years");
    assert_eq!(body.detail.as_deref(), Some("call 0"));
}

#[test]
fn a_busy_node_says_when_to_come_back_and_the_client_does() {
    let city = City::open();
    let client = city.client();
    city.node.busy.store(2, Ordering::SeqCst);
    let answer = post(&format!("{}/v1/transactions", city.url()), "application/cose", b"");
    assert_eq!((answer.status, answer.code().as_str()), (429, "busy"));
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.json()["retry_after_s"], 1);
    assert!(client.submit(&signed(&client, "a"), WAIT).unwrap().is_some());
    assert_eq!(city.node.busy.load(Ordering::SeqCst), 0);

    city.node.busy.store(u32::MAX, Ordering::SeqCst);
    let error = client.submit(&signed(&client, "b"), WAIT).unwrap_err();
    assert_eq!(error.code(), Some("busy"), "a client gives up in the end");
}

#[test]
fn the_next_node_is_asked_when_one_is_down_or_no_node_at_all() {
    let city = City::open();
    // An address where nothing listens any more.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // One that accepts and closes at once.
    let broken = TcpListener::bind("127.0.0.1:0").unwrap();
    let urls =
        [format!("http://{gone}"), format!("http://{}", broken.local_addr().unwrap()), city.url()];
    std::thread::spawn(move || broken.incoming().for_each(drop));
    let client = city.client_of(&urls);
    assert_eq!(client.status().unwrap().height, 0);
    client.sign_in(super::city::clerk()).unwrap();
    assert!(client.submit(&signed(&client, "a"), WAIT).unwrap().is_some());

    let nobody = city.client_of(&urls[..1]);
    assert!(matches!(nobody.status(), Err(ClientError::Unreachable { .. })));
}

#[test]
fn a_client_does_not_speak_to_another_ledgers_node() {
    let city = City::open();
    let client = chaincity_client::Client::new(&city.url(), Digest([1; 32])).unwrap();
    assert!(matches!(client.status(), Err(ClientError::OtherLedger { .. })));
    assert_eq!(client.sign_in(super::city::clerk()).unwrap_err().code(), Some("signature-invalid"));
}

#[test]
fn a_receipt_that_is_not_final_is_a_404() {
    let city = City::open();
    let answer = get(&format!("{}/v1/receipts/{}", city.url(), "00".repeat(32)));
    assert_eq!(answer.status, 401);
    let proof = city.client().receipt_proof(&Digest::ZERO).unwrap_err();
    assert_eq!(proof.code(), Some("not-final"));
}

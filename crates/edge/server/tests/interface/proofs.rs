//! Proofs, checked by the client itself and by `/v1/verify`, on the vectors of the engine.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chaincity_client::ClientError;
use chaincity_crypto::verify::Trust;
use chaincity_types::wire::{LogicalKey, ReceiptProof};
use chaincity_types::{Digest, cbor};
use serde_json::json;

use crate::city::{City, Raw, post};
use crate::fake::vector;

fn proved_key() -> (String, String, String) {
    let trust = Trust::from_bytes(vector!("trust.cbor"), None).unwrap();
    match trust.record_bytes(vector!("record.cbor")).unwrap().key {
        LogicalKey::Record { package, register, key } => {
            (package.into(), register.into(), key.into())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_checks_a_records_proof_and_refuses_one_of_another_record() {
    let city = City::open();
    let client = city.client();
    let (package, register, key) = proved_key();
    // The fake node answers every question with the one proof it has, in a package it knows.
    let other = client.record_proved("real-estate", "unit", "u-1", 2);
    assert!(matches!(other, Err(ClientError::ProofOfOther(_))), "{other:?}");
    let bytes = client.record_proof("real-estate", "unit", "u-1", 0).unwrap();
    let proved = client.trust().unwrap().record_bytes(&bytes).unwrap();
    assert_eq!(
        proved.key,
        LogicalKey::Record { package: package.into(), register: register.into(), key: key.into() }
    );
    assert_eq!(proved.versions.len(), 3);
    let error = client.record_proof("real-estate", "unit", "uncertified", 0).unwrap_err();
    assert_eq!(error.code(), Some("not-certified"));
}

#[test]
fn a_client_trusts_no_bundle_of_another_ledger() {
    let city = City::open();
    let client = city.client();
    assert_eq!(*client.trust().unwrap().ledger(), city.node.ledger());
    // The node turns: it now serves another genesis.
    city.node.served.lock().unwrap().genesis.name_en = "another city".into();
    let Err(ClientError::Proof(error)) = client.trust() else { panic!("trusted") };
    assert_eq!(error.code(), "other-ledger");
}

#[test]
fn a_receipts_proof_must_be_of_the_transaction_asked_for() {
    let city = City::open();
    let client = city.client();
    let proof: ReceiptProof =
        cbor::decode(&client.receipt_proof(&Digest([1; 32])).unwrap(), 1 << 20).unwrap();
    let trust = client.trust().unwrap();
    assert!(trust.receipt(&proof).is_ok());
    // A transaction of ours, whose receipt the fake node proves with another's.
    let error = client.execute(vec![chaincity_client::call("p", "a", [].into())]).unwrap_err();
    assert!(matches!(error, ClientError::ProofOfOther(_)), "{error:?}");
}

fn verify(city: &City, body: serde_json::Value) -> Raw {
    post(&format!("{}/v1/verify", city.url()), "application/json", body.to_string().as_bytes())
}

#[test]
fn anyone_may_have_a_proof_checked() {
    let city = City::open();
    let base64 = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    let record = base64(vector!("record.cbor"));
    let answer = verify(&city, json!({"kind": "record", "proof": record})).json();
    assert_eq!((&answer["ok"], &answer["height"]), (&json!(true), &json!(11)), "{answer}");
    assert_eq!(answer["ledger"], city.node.ledger().to_string());
    assert_eq!(answer["versions"][0]["holder"], "测试乙");

    let bundle = base64(vector!("trust.cbor"));
    let asked = json!({"kind": "receipt", "proof": base64(vector!("receipt.cbor")), "trust_bundle": bundle});
    let answer = verify(&city, asked).json();
    assert_eq!(answer["ok"], true, "{answer}");
    assert!(answer["receipt"]["id"].is_string());

    let absent = json!({"kind": "record", "proof": base64(vector!("absent.cbor"))});
    assert_eq!(verify(&city, absent).json()["versions"], json!([]));
}

#[test]
fn a_bent_proof_is_answered_with_why_it_does_not_hold() {
    let city = City::open();
    let mut bytes = vector!("record.cbor").to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let answer = verify(&city, json!({"kind": "record", "proof": BASE64_STANDARD.encode(&bytes)}));
    assert_eq!((answer.status, &answer.json()["ok"]), (200, &json!(false)));
    assert!(answer.json()["reason"].is_string());
    let wrong_kind =
        json!({"kind": "receipt", "proof": BASE64_STANDARD.encode(vector!("record.cbor"))});
    assert_eq!(verify(&city, wrong_kind).json()["ok"], false);
    assert_eq!(verify(&city, json!({"kind": "record", "proof": "%"})).code(), "bad-request");
    assert_eq!(verify(&city, json!({"kind": "thing", "proof": ""})).code(), "bad-request");
}

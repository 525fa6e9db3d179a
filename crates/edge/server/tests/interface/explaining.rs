//! How a record came to be as it is, in pages and as of a time; and what of it a client believes.

use chaincity_client::{ClientError, Inclusion};
use chaincity_types::wire::{LogicalKey, Receipt, ReceiptProof, RecordProof};
use chaincity_types::{Timestamp, Value, cbor};
use serde_json::json;

use crate::city::{City, real_estate};
use crate::fake::{time, vector, version};

const PLACE: (&str, &str, &str) = ("real-estate", "unit", "u-1");

/// A unit of five versions, whose location changes with each.
fn city() -> City {
    let city = City::open();
    let versions = (1..=5).map(|n| {
        let location = Value::from(format!("测试路{n}号"));
        version(PLACE, n, n, &[("number", "u-1".into()), ("location", location)])
    });
    *city.reader.versions.lock().unwrap() = versions.collect();
    city
}

#[test]
fn each_version_is_told_with_author_rules_and_changes_oldest_first() {
    let city = city();
    let answer = city.client().explanation(PLACE, None, 0, 2).unwrap().unwrap();
    let numbers: Vec<_> = answer.versions.iter().map(|v| v.record.version).collect();
    assert_eq!((numbers, answer.next, answer.height), (vec![1, 2], Some(2), 3));
    assert_eq!((answer.title.zh.as_str(), answer.later.len()), ("不动产单元", 0));

    let second = &answer.versions[1];
    assert_eq!((second.record.by.member.as_str(), second.record.by.height), ("registry", 2));
    let [change] = &second.changes[..] else { panic!("{:?}", second.changes) };
    let title = change.title.clone().unwrap();
    assert_eq!((change.field.as_str(), title.zh.as_str()), ("location", "坐落"));
    assert_eq!(change.before, Some(json!("测试路1号")));
    assert_eq!(change.after, Some(json!("测试路2号")));

    let (rules, package) = (second.rules.clone().unwrap(), real_estate());
    let action = &package.actions["first-registration"];
    assert_eq!(rules.package.digest, package.digest.to_string());
    assert_eq!((rules.package.version, &rules.law), (package.version, &action.law));
    let codes: Vec<_> =
        rules.guards.iter().map(|g| (g.code.as_str(), &g.text.zh, &g.text.en)).collect();
    let declared = action.guards.iter().map(|g| (g.code.as_str(), &g.text.zh, &g.text.en));
    assert!(!codes.is_empty());
    assert_eq!(codes, declared.collect::<Vec<_>>());
}

#[test]
fn a_page_begins_with_what_changed_since_the_page_before_and_the_last_one_says_so() {
    let city = city();
    let client = city.client();
    let page = |after| client.explanation(PLACE, None, after, 2).unwrap().unwrap();
    let second = page(2);
    assert_eq!(second.versions[0].record.version, 3);
    assert_eq!(second.versions[0].changes[0].before, Some(json!("测试路2号")));
    let last = page(4);
    assert_eq!((last.versions.len(), last.next), (1, None));
    assert!(page(5).versions.is_empty() && page(5).next.is_none());
}

#[test]
fn as_of_a_time_later_versions_are_only_named() {
    let city = city();
    let client = city.client();
    let at = |at: u64| client.explanation(PLACE, Some(Timestamp(at)), 0, 50).unwrap().unwrap();
    let then = at(time(2).0);
    let numbers: Vec<_> = then.versions.iter().map(|v| v.record.version).collect();
    let later: Vec<_> = then.later.iter().map(|l| l.version).collect();
    assert_eq!((numbers, later, then.next), (vec![1, 2], vec![3, 4, 5], None));
    let before = at(time(1).0 - 1);
    assert_eq!((before.versions.len(), before.later.len()), (0, 5));
    let none = client.explanation(("real-estate", "nothing", "k"), None, 0, 1).unwrap_err();
    assert_eq!(none.code(), Some("no-such-register"));
    let many = client.explanation(PLACE, None, 0, 101).unwrap_err();
    assert_eq!(many.code(), Some("bad-request"));
}

#[test]
fn a_hole_in_the_read_model_is_an_error_and_not_a_shorter_history() {
    let city = city();
    city.reader.versions.lock().unwrap().remove(1);
    let client = city.client();
    for (after, limit) in [(0, 50), (1, 1), (2, 1)] {
        let error = client.explanation(PLACE, None, after, limit).unwrap_err();
        assert_eq!(error.code(), Some("history-incomplete"), "{after} {limit}");
    }
    assert_eq!(client.explanation(PLACE, None, 3, 1).unwrap().unwrap().versions.len(), 1);
}

#[test]
fn a_client_believes_the_chain_of_versions_and_doubts_what_is_not_proved() {
    let city = City::open();
    let key = |proof: &[u8]| {
        let proof: RecordProof = cbor::decode(proof, 1 << 20).unwrap();
        match cbor::decode::<LogicalKey>(&proof.key, 4_096).unwrap() {
            LogicalKey::Record { package, register, key } => (package, register, key),
            other => panic!("{other:?}"),
        }
    };
    let (package, register, key) = key(vector!("record.cbor"));
    // The node proves every receipt with the one that it has, and does not know the package record.
    let explained = city.client().explain_proved(&package, &register, &key).unwrap().unwrap();
    assert_eq!(explained.versions.len(), 3);
    let receipt: ReceiptProof = cbor::decode(vector!("receipt.cbor"), 1 << 20).unwrap();
    let receipt: Receipt = cbor::decode(&receipt.receipt, 1 << 20).unwrap();
    let mut proved = 0;
    for checked in &explained.versions {
        assert_eq!(checked.chain, Ok(()));
        assert_eq!(checked.rules.clone().unwrap_err().code, "no-such-package");
        assert!(checked.explained.rules.is_none() && !checked.is_proved());
        if checked.explained.record.by.transaction == receipt.transaction.to_string() {
            let Ok(Inclusion::Block { index, .. }) = checked.receipt else { panic!("{checked:?}") };
            assert_eq!(index, receipt.index);
            proved += 1;
        } else {
            assert_eq!(checked.receipt.clone().unwrap_err().code, "proof-of-other");
        }
    }
    assert_eq!(proved, 1);
    let other = city.client().explain_proved("real-estate", "unit", "u-1").unwrap_err();
    assert!(matches!(other, ClientError::ProofOfOther(_)), "{other:?}");
}

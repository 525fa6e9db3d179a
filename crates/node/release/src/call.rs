//! The transactions that the agent submits.

use std::collections::BTreeMap;

use chaincity_crypto::cose;
use chaincity_crypto::suite::SecretKey;
use chaincity_pipeline::NodeStatus;
use chaincity_types::wire::{Call, Mode, Transaction};
use chaincity_types::{Digest, Str, Value};

use crate::PACKAGE;
use crate::opening::Asked;

/// How far ahead of block time an answer expires: later it would find the access unanswered.
const EXPIRY_AHEAD_MS: u64 = 60_000;

/// A signed transaction with one call of the package, and its id.
pub(crate) fn signed(
    status: &NodeStatus,
    key: &SecretKey,
    action: &str,
    input: BTreeMap<Str, Value>,
) -> (Digest, Vec<u8>) {
    let call = Call {
        package: PACKAGE.into(),
        action: action.into(),
        input,
        case: None,
        task: None,
        mandates: None,
    };
    let transaction = Transaction {
        ledger: status.ledger,
        protocol: status.protocol,
        expiry: status.time.plus_ms(EXPIRY_AHEAD_MS),
        mode: Mode::Atomic,
        calls: vec![call],
        intent: None,
    };
    let id = cose::transaction_id(&transaction, &key.public_key());
    (id, cose::sign_transaction(&transaction, key))
}

/// The input of `release`.
pub(crate) fn release(
    asked: &Asked,
    version: u64,
    envelope: Digest,
    subjects: Vec<Value>,
) -> BTreeMap<Str, Value> {
    BTreeMap::from([
        ("access".into(), Value::from(asked.key.as_str())),
        ("key".into(), Value::Bytes(asked.reader_key.to_vec())),
        ("version".into(), Value::Int(i64::try_from(version).unwrap_or(i64::MAX))),
        ("envelope".into(), Value::Bytes(envelope.as_bytes().to_vec())),
        ("subjects".into(), Value::List(subjects)),
    ])
}

/// The input of `refuse`.
pub(crate) fn refuse(
    access: &str,
    texts: (&str, &str, &str),
    subjects: Vec<Value>,
) -> BTreeMap<Str, Value> {
    let mut input = refused(("access", access), texts);
    input.insert("subjects".into(), Value::List(subjects));
    input
}

/// The input of `release-confidential`.
pub(crate) fn release_confidential(asked: &Asked, envelope: Digest) -> BTreeMap<Str, Value> {
    BTreeMap::from([
        ("confidential".into(), Value::from(asked.key.as_str())),
        ("key".into(), Value::Bytes(asked.reader_key.to_vec())),
        ("envelope".into(), Value::Bytes(envelope.as_bytes().to_vec())),
    ])
}

/// The input of `refuse-confidential`.
pub(crate) fn refuse_confidential(access: &str, texts: (&str, &str, &str)) -> BTreeMap<Str, Value> {
    refused(("confidential", access), texts)
}

/// The input of `queue-for-person`.
pub(crate) fn queue(access: &str) -> BTreeMap<Str, Value> {
    [("access".into(), Value::from(access))].into()
}

/// The input of `answer-search`.
pub(crate) fn answer_search(
    (search, key): (&str, &[u8; 32]),
    found: usize,
    envelope: Option<Digest>,
    subjects: Vec<Value>,
) -> BTreeMap<Str, Value> {
    let mut input = BTreeMap::from([
        ("search".into(), Value::from(search)),
        ("key".into(), Value::Bytes(key.to_vec())),
        ("found".into(), Value::Int(i64::try_from(found).unwrap_or(i64::MAX))),
        ("subjects".into(), Value::List(subjects)),
    ]);
    let envelope = envelope.map(|digest| Value::Bytes(digest.as_bytes().to_vec()));
    input.extend(envelope.map(|digest| ("envelope".into(), digest)));
    input
}

/// The input of `refuse-search`.
pub(crate) fn refuse_search(search: &str, texts: (&str, &str, &str)) -> BTreeMap<Str, Value> {
    refused(("search", search), texts)
}

/// What is refused, with code and reason.
fn refused(
    (kind, number): (&str, &str),
    (code, zh, en): (&str, &str, &str),
) -> BTreeMap<Str, Value> {
    let reason = [("zh".into(), Value::from(zh)), ("en".into(), Value::from(en))];
    BTreeMap::from([
        (kind.into(), Value::from(number)),
        ("code".into(), Value::from(code)),
        ("reason".into(), Value::Map(reason.into())),
    ])
}

/// The input of `note-subjects`.
pub(crate) fn note_subjects(access: &str, subjects: Vec<Value>) -> BTreeMap<Str, Value> {
    BTreeMap::from([
        ("access".into(), Value::from(access)),
        ("subjects".into(), Value::List(subjects)),
    ])
}

//! The transactions that the agent submits.

use std::collections::BTreeMap;

use chaincity_crypto::cose;
use chaincity_crypto::suite::SecretKey;
use chaincity_pipeline::NodeStatus;
use chaincity_types::wire::{Call, Mode, Transaction};
use chaincity_types::{Digest, Value};

use crate::PACKAGE;
use crate::opening::Asked;

/// How far ahead of block time an answer expires: later it would find the access unanswered.
const EXPIRY_AHEAD_MS: u64 = 60_000;

/// A signed transaction with one call of the package, and its id.
pub(crate) fn signed(
    status: &NodeStatus,
    key: &SecretKey,
    action: &str,
    input: BTreeMap<String, Value>,
) -> (Digest, Vec<u8>) {
    let call = Call {
        package: PACKAGE.to_owned(),
        action: action.to_owned(),
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
) -> BTreeMap<String, Value> {
    BTreeMap::from([
        ("access".to_owned(), Value::from(asked.key.as_str())),
        ("key".to_owned(), Value::Bytes(asked.reader_key.to_vec())),
        ("version".to_owned(), Value::Int(i64::try_from(version).unwrap_or(i64::MAX))),
        ("envelope".to_owned(), Value::Bytes(envelope.as_bytes().to_vec())),
        ("subjects".to_owned(), Value::List(subjects)),
    ])
}

/// The input of `refuse`.
pub(crate) fn refuse(
    access: &str,
    (code, zh, en): (&str, &str, &str),
    subjects: Vec<Value>,
) -> BTreeMap<String, Value> {
    let reason = [("zh".to_owned(), Value::from(zh)), ("en".to_owned(), Value::from(en))];
    BTreeMap::from([
        ("access".to_owned(), Value::from(access)),
        ("code".to_owned(), Value::from(code)),
        ("reason".to_owned(), Value::Map(reason.into())),
        ("subjects".to_owned(), Value::List(subjects)),
    ])
}

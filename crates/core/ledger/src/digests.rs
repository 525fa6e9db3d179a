//! The digests that execution itself takes; those of the formats stand in `chaincity-crypto`.

use std::collections::BTreeMap;

use chaincity_crypto::hash;
use chaincity_types::{Digest, Str, Value, cbor};

use crate::view::BlockContext;

/// Domain of the arguments that a mandate binds.
const MANDATE: &str = "chaincity/mandate/1";
/// Domain of package documents as the ledger holds them, under which compiled ones are kept.
const DOCUMENT: &str = "chaincity/document/1";
/// Domain of record keys made by the ledger.
const RECORD: &str = "chaincity/record/1";

/// Domain of the ids of receipts of timers.
const TIMER: &str = "chaincity/timer/1";

/// What stands in a timer's receipt, and in the versions that it writes, for the id of a
/// transaction: from the ledger, the height, and the place among the block's receipts.
#[must_use]
pub(crate) fn timer(context: &BlockContext, index: u32) -> Digest {
    let mut bytes = context.ledger.as_bytes().to_vec();
    bytes.extend(context.height.0.to_be_bytes());
    bytes.extend(index.to_be_bytes());
    hash::in_domain(TIMER, &bytes)
}

/// The digest of a document's stored bytes; `PackageDoc::digest` is that of its content.
#[must_use]
pub(crate) fn document(bytes: &[u8]) -> Digest {
    hash::in_domain(DOCUMENT, bytes)
}

/// What a mandate binds: the arguments of the call that it permits.
#[must_use]
pub fn mandate(input: &BTreeMap<Str, Value>) -> Digest {
    hash::in_domain(MANDATE, &cbor::encode(&Value::Map(input.clone())))
}

/// 24 hexadecimal digits that no other record has: from transaction, call and ordinal.
#[must_use]
pub(crate) fn record_key(transaction: Digest, call: u32, ordinal: u32) -> String {
    let mut bytes = transaction.as_bytes().to_vec();
    bytes.extend(call.to_be_bytes());
    bytes.extend(ordinal.to_be_bytes());
    hash::in_domain(RECORD, &bytes).to_string().chars().take(24).collect()
}

//! The digests that execution itself takes; those of the formats stand in `chaincity-crypto`.

use std::collections::BTreeMap;

use chaincity_crypto::hash;
use chaincity_types::{Digest, Str, Value, cbor, value};

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
    hash::in_domain(MANDATE, &cbor::encode(&Arguments(input)))
}

/// Arguments, encoded as the map that they are.
struct Arguments<'a>(&'a BTreeMap<Str, Value>);

impl<C> minicbor::Encode<C> for Arguments<'_> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        value::encode_map(self.0, e, ctx)
    }
}

/// The key that the ledger gives a record whose register has none of its own, a case among them: 24
/// hexadecimal digits that no other record has, from the transaction's id, the place of the call in
/// it, and how many such keys that call made before.
#[must_use]
pub fn record_key(transaction: Digest, call: u32, ordinal: u32) -> Str {
    let mut bytes = transaction.as_bytes().to_vec();
    bytes.extend(call.to_be_bytes());
    bytes.extend(ordinal.to_be_bytes());
    let digest = hash::in_domain(RECORD, &bytes);
    let (first, _) = digest.as_bytes().split_at(12);
    hex::encode(first).into()
}

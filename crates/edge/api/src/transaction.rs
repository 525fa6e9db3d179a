//! Submission and receipts.

use chaincity_types::cbor::{self, CborError};
use chaincity_types::wire::{Outcome, Receipt};
use minicbor::bytes::{ByteSlice, ByteVec};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ProblemBody;
use crate::json::to_json;

/// Longest wait for a receipt, in milliseconds.
pub const WAIT_MS_MAX: u64 = 30_000;

/// Most transactions of a batch.
pub const BATCH_MAX: usize = 1_024;
/// Largest batch, in bytes of its encoding.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// What the encoding adds to a transaction's bytes, at most; once more for the whole.
const BATCH_HEAD_BYTES: usize = 5;

/// How many of the first of these transactions, by their lengths, make one batch.
#[must_use]
pub fn batch_len(lengths: impl IntoIterator<Item = usize>) -> usize {
    let mut left = BATCH_BYTES_MAX.saturating_sub(BATCH_HEAD_BYTES);
    let fits = |length: &usize| match left.checked_sub(length.saturating_add(BATCH_HEAD_BYTES)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    lengths.into_iter().take(BATCH_MAX).take_while(fits).count()
}

/// A batch as it is submitted: a canonical CBOR array of byte strings.
#[must_use]
pub fn encode_batch<'a>(transactions: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let all: Vec<&ByteSlice> = transactions.into_iter().map(Into::into).collect();
    cbor::encode(&all)
}

/// Reads a batch of at most [`BATCH_BYTES_MAX`]; what its items are is not looked at.
///
/// # Errors
/// When it is no canonical CBOR array of byte strings.
pub fn decode_batch(bytes: &[u8]) -> Result<Vec<Vec<u8>>, CborError> {
    let all: Vec<ByteVec> = cbor::decode(bytes, BATCH_BYTES_MAX)?;
    Ok(all.into_iter().map(Vec::from).collect())
}

/// The answer to the submission of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchSubmitted {
    /// One a transaction, in the order of the batch.
    pub items: Vec<BatchItem>,
}

/// What became of one transaction of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchItem {
    /// Transaction id; absent when it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why it was refused; absent when it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<ProblemBody>,
}

/// The answer to a submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Submitted {
    /// Transaction id: digest of its Sig_structure, 64 hexadecimal digits.
    pub id: String,
    /// The receipt, when the caller waited and the transaction became final in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptInfo>,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptInfo {
    /// Transaction id.
    pub id: String,
    /// Height of its block.
    pub height: u64,
    /// Its position in the block, from 0.
    pub index: u32,
    /// Block time.
    pub time: String,
    /// Public key of the operator who signed.
    pub operator: String,
    /// One entry for an atomic transaction, one a call for an independent one.
    pub entries: Vec<EntryInfo>,
    /// Fuel used by all calls.
    pub fuel: u64,
}

/// The outcome of an atomic transaction, or of one call of an independent one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EntryInfo {
    /// Whether it applied; when not, nothing of it did.
    pub applied: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection: Option<RejectionInfo>,
    /// Versions written, in order.
    pub writes: Vec<WriteInfo>,
    /// Events, in order.
    pub events: Vec<EventInfo>,
}

/// A rejection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectionInfo {
    /// Stable code: of the kernel's catalogue, or declared by the package.
    pub code: String,
    /// The call that was rejected, from 0.
    pub call: u32,
    /// What exactly, for a developer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// One version written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WriteInfo {
    /// State key: digest of the logical key.
    pub key: String,
    /// Version number, from 1.
    pub version: u64,
    /// Digest of the version body.
    pub body: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventInfo {
    /// Package that raised it.
    pub package: String,
    /// Kind, such as `inserted`, `updated`, `closed`, or one that the package declares.
    pub kind: String,
    /// Register concerned.
    pub register: String,
    /// Record concerned.
    pub key: String,
    /// Further data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub data: Option<serde_json::Value>,
}

impl From<&chaincity_types::wire::Write> for WriteInfo {
    fn from(write: &chaincity_types::wire::Write) -> Self {
        Self { key: write.key.to_string(), version: write.version, body: write.body.to_string() }
    }
}

impl From<&chaincity_types::wire::Event> for EventInfo {
    fn from(event: &chaincity_types::wire::Event) -> Self {
        Self {
            package: event.package.to_string(),
            kind: event.kind.to_string(),
            register: event.register.to_string(),
            key: event.key.to_string(),
            data: event.data.as_ref().map(to_json),
        }
    }
}

impl From<&chaincity_types::wire::Entry> for EntryInfo {
    fn from(entry: &chaincity_types::wire::Entry) -> Self {
        let rejection = match &entry.outcome {
            Outcome::Applied => None,
            Outcome::Rejected { code, call, detail } => {
                Some(RejectionInfo { code: code.to_string(), call: *call, detail: detail.clone() })
            }
        };
        Self {
            applied: rejection.is_none(),
            rejection,
            writes: entry.writes.iter().map(WriteInfo::from).collect(),
            events: entry.events.iter().map(EventInfo::from).collect(),
        }
    }
}

impl From<&Receipt> for ReceiptInfo {
    fn from(receipt: &Receipt) -> Self {
        Self {
            id: receipt.transaction.to_string(),
            height: receipt.height.0,
            index: receipt.index,
            time: receipt.time.to_string(),
            operator: hex::encode(&receipt.operator),
            entries: receipt.entries.iter().map(EntryInfo::from).collect(),
            fuel: receipt.fuel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_one_batch_can_be_read_and_one_more_would_not() {
        for length in [0, 1, 300, 1_000, 100_000] {
            let all = vec![vec![7; length]; BATCH_MAX + 1];
            let count = batch_len(all.iter().map(Vec::len));
            let batch = |count: usize| encode_batch(all.iter().take(count).map(Vec::as_slice));
            assert_eq!(decode_batch(&batch(count)).unwrap(), all[..count]);
            assert!(count == BATCH_MAX || decode_batch(&batch(count + 1)).is_err(), "{length}");
        }
        assert_eq!(batch_len([BATCH_BYTES_MAX]), 0);
    }

    #[test]
    fn a_batch_has_one_encoding() {
        assert_eq!(decode_batch(&[0x81, 0x41, 7]), Ok(vec![vec![7]]));
        assert_eq!(decode_batch(&[0x80]), Ok(Vec::new()));
        for bad in
            [&[][..], &[0x41, 7], &[0x81, 7], &[0x81, 0x58, 1, 7], &[0x9f, 0xff], &[0x82, 0x41, 7]]
        {
            assert!(decode_batch(bad).is_err(), "{bad:?}");
        }
    }
}

//! Submission and receipts.

use chaincity_types::wire::{Outcome, Receipt};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::json::to_json;

/// Longest wait for a receipt, in milliseconds.
pub const WAIT_MS_MAX: u64 = 30_000;

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
            package: event.package.clone(),
            kind: event.kind.clone(),
            register: event.register.clone(),
            key: event.key.clone(),
            data: event.data.as_ref().map(to_json),
        }
    }
}

impl From<&chaincity_types::wire::Entry> for EntryInfo {
    fn from(entry: &chaincity_types::wire::Entry) -> Self {
        let rejection = match &entry.outcome {
            Outcome::Applied => None,
            Outcome::Rejected { code, call, detail } => {
                Some(RejectionInfo { code: code.clone(), call: *call, detail: detail.clone() })
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

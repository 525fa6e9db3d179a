//! Blocks and what followers of the event stream receive.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::transaction::{ReceiptInfo, WriteInfo};

/// Most blocks in one page.
pub const LIMIT_MAX: usize = 100;

/// A block without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockSummary {
    /// Height; genesis is 0.
    pub height: u64,
    /// Block digest: of the header's canonical CBOR.
    pub digest: String,
    /// Digest of the parent's header.
    pub parent: String,
    /// Block time.
    pub time: String,
    /// Protocol in force.
    pub protocol: u32,
    /// How many transactions it holds.
    pub transactions: usize,
    /// Bytes of these as they were signed.
    pub transaction_bytes: usize,
    /// Root of the state after it.
    pub state_root: String,
    /// Root over its receipts and writes.
    pub effects_root: String,
    /// Digest of the committee that finalizes it.
    pub committee: String,
}

/// A page of blocks, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockPage {
    /// The blocks.
    pub items: Vec<BlockSummary>,
    /// Give this as `before` for older blocks; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// A block with what it did. Also the data of each `block` event of the event stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BlockInfo {
    /// The block.
    pub block: BlockSummary,
    /// Receipts, in transaction order.
    pub receipts: Vec<ReceiptInfo>,
    /// Versions written by the block itself, outside any transaction (genesis), and by its
    /// transactions, in order.
    pub writes: Vec<WriteInfo>,
}

/// A block by the ids of its transactions: the data of each `block` event where `view` is `ids`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockIds {
    /// The block.
    pub block: BlockSummary,
    /// Ids of those that have a receipt, in order: its transactions, then the timers that ran.
    pub ids: Vec<String>,
}

/// Data of the `end` event, the last of an event stream that the node closes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StreamEnd {
    /// `slow-consumer`, `token-expired`, `shutdown`, `history-incomplete` or `fault`.
    pub code: String,
    /// What a person is told, Chinese.
    pub zh: String,
    /// What a person is told, English.
    pub en: String,
    /// Height of the last block handed over: resume with `Last-Event-ID`.
    pub height: u64,
}

//! Blocks, headers and the committee that finalizes them.

use minicbor::{Decode, Encode};

use crate::{Digest, Height, Timestamp};

/// Largest block, in bytes of encoded transactions and header.
pub const BLOCK_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What a finality certificate commits to: the block digest is the digest of the header.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Header {
    /// The ledger: digest of the genesis document.
    #[n(1)]
    pub ledger: Digest,
    /// Protocol in force at this block.
    #[n(2)]
    pub protocol: u32,
    /// Height; genesis is 0.
    #[n(3)]
    pub height: Height,
    /// Digest of the parent's header; zero for genesis.
    #[n(4)]
    pub parent: Digest,
    /// The engine's context (round, leader, parent view), in the engine's own encoding.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub context: Vec<u8>,
    /// Block time: greater than the parent's, at most 60 s after it.
    #[n(6)]
    pub time: Timestamp,
    /// RFC 9162 root over the signed transactions, in order.
    #[n(7)]
    pub transactions_root: Digest,
    /// Root of the authenticated state after this block (keys to heads).
    #[n(8)]
    pub state_root: Digest,
    /// The engine's operations root, for snapshot sync.
    #[n(9)]
    pub operations_root: Digest,
    /// First operation that a snapshot needs.
    #[n(10)]
    pub operations_start: u64,
    /// Operations after this block.
    #[n(11)]
    pub operations_end: u64,
    /// RFC 9162 root over this block's receipts, then its writes.
    #[n(12)]
    pub effects_root: Digest,
    /// Digest of the committee that finalizes this block.
    #[n(13)]
    pub committee: Digest,
    /// Digest of the committee of the next epoch, as the state after this block says.
    #[n(14)]
    pub next_committee: Digest,
}

/// A header with its transactions.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Block {
    /// The header.
    #[n(1)]
    pub header: Header,
    /// Signed transactions (COSE_Sign1 bytes), in order.
    #[n(2)]
    pub transactions: Vec<minicbor::bytes::ByteVec>,
}

/// The validators of one epoch. Its digest stands in headers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Committee {
    /// Epoch number; the first is 0.
    #[n(1)]
    pub epoch: u64,
    /// Validators sorted by public key; 1 to 64 of them.
    #[n(2)]
    pub validators: Vec<Validator>,
}

/// One node of a committee.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct Validator {
    /// Public key of the node (32 bytes in the `international` suite).
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub key: Vec<u8>,
    /// The member that runs it.
    #[n(2)]
    pub member: String,
    /// Where its peers reach it: `host:port`.
    #[n(3)]
    pub address: String,
}

//! What became of a transaction, the same on every node.

use minicbor::{Decode, Encode};

use crate::{Digest, Height, Str, Timestamp, Value};

/// The outcome of one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Receipt {
    /// Transaction id: digest of its Sig_structure.
    #[n(1)]
    pub transaction: Digest,
    /// Height of its block.
    #[n(2)]
    pub height: Height,
    /// Its position in the block, from 0.
    #[n(3)]
    pub index: u32,
    /// Block time.
    #[n(4)]
    pub time: Timestamp,
    /// Public key of the operator who signed.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub operator: Vec<u8>,
    /// One entry for an atomic transaction, one a call for an independent one.
    #[n(6)]
    pub entries: Vec<Entry>,
    /// Fuel used by all calls.
    #[n(7)]
    pub fuel: u64,
}

/// The outcome of an atomic transaction, or of one call of an independent one.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Entry {
    /// Applied or rejected.
    #[n(1)]
    pub outcome: Outcome,
    /// Versions written, in order; empty when rejected.
    #[n(2)]
    pub writes: Vec<Write>,
    /// Events, in order; empty when rejected.
    #[n(3)]
    pub events: Vec<Event>,
}

/// Applied or rejected.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub enum Outcome {
    /// All of it applied.
    #[n(0)]
    Applied,
    /// Nothing of it applied.
    #[n(1)]
    Rejected {
        /// Stable code: of the kernel's catalogue, or declared by the package.
        #[n(1)]
        code: Str,
        /// The call that was rejected, from 0.
        #[n(2)]
        call: u32,
        /// What exactly, for a developer; never a value of a record.
        #[n(3)]
        detail: Option<String>,
    },
}

/// One version written: what `effects_root` and the state commit to.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Write {
    /// State key: digest of the logical key.
    #[n(0)]
    pub key: Digest,
    /// Version number, from 1.
    #[n(1)]
    pub version: u64,
    /// Digest of the version body.
    #[n(2)]
    pub body: Digest,
}

/// Something that happened, for followers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Event {
    /// Package that raised it.
    #[n(1)]
    pub package: Str,
    /// Kind, such as `inserted`, `updated`, `closed`, or one that the package declares.
    #[n(2)]
    pub kind: Str,
    /// Register concerned.
    #[n(3)]
    pub register: Str,
    /// Record concerned.
    #[n(4)]
    pub key: Str,
    /// Further data.
    #[n(5)]
    pub data: Option<Value>,
}

//! State: logical keys, fixed-size heads, and the version bodies that heads name.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use super::transaction::{decode_input, encode_input};
use crate::{Digest, Height, Str, Timestamp, Value};

/// Largest version body, in bytes.
pub const BODY_BYTES_MAX: usize = 65_536;

/// What a state entry is about. The state key is the digest of a domain and this encoding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum LogicalKey {
    /// A record of a register.
    #[n(1)]
    Record {
        /// Package identifier.
        #[n(0)]
        package: Str,
        /// Register name.
        #[n(1)]
        register: Str,
        /// Record key.
        #[n(2)]
        key: Str,
    },
    /// An entry of a declared index: the live records whose indexed fields have these values.
    #[n(2)]
    Index {
        /// Package identifier.
        #[n(0)]
        package: Str,
        /// Register name.
        #[n(1)]
        register: Str,
        /// Index name.
        #[n(2)]
        index: Str,
        /// Values of the indexed fields, in declared order.
        #[n(3)]
        values: Vec<Value>,
    },
    /// An intent key that a member has used.
    #[n(3)]
    Intent {
        /// Member identifier.
        #[n(0)]
        member: Str,
        /// The intent key.
        #[n(1)]
        intent: Str,
    },
    /// The last number given by a running number (sequence).
    #[n(4)]
    Counter {
        /// Package identifier.
        #[n(0)]
        package: Str,
        /// Name of the sequence.
        #[n(1)]
        sequence: Str,
        /// Within which it counts, such as an office; may be empty.
        #[n(2)]
        scope: Str,
        /// Year (UTC+8) in which it counts; 0 when it goes on for ever.
        #[n(3)]
        year: u32,
    },
    /// Where timers stand that fall due in this hour: how many pages each second has.
    #[n(5)]
    TimerHour {
        /// Hours since 1970-01-01T00:00:00Z.
        #[n(0)]
        hour: u64,
    },
    /// Timers that fall due in this second.
    #[n(6)]
    TimerPage {
        /// Seconds since 1970-01-01T00:00:00Z.
        #[n(0)]
        second: u64,
        /// Number of the page, from 0.
        #[n(1)]
        page: u32,
    },
    /// Up to where timers have run, while some that are due have not.
    #[n(7)]
    TimerCursor {},
}

/// The fixed-size value in the authenticated state: 48 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Digest of the current version's body.
    pub body: Digest,
    /// Its version number, from 1.
    pub version: u64,
    /// Block time at which it began.
    pub began: Timestamp,
}

impl Head {
    /// Size of the encoding, in bytes.
    pub const SIZE: usize = 48;

    /// Digest, version (8 bytes, big-endian), time in milliseconds (8 bytes, big-endian).
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        let (body, rest) = out.split_at_mut(32);
        let (version, began) = rest.split_at_mut(8);
        body.copy_from_slice(self.body.as_bytes());
        version.copy_from_slice(&self.version.to_be_bytes());
        began.copy_from_slice(&self.began.0.to_be_bytes());
        out
    }

    /// The inverse of [`Head::to_bytes`].
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let (body, rest) = bytes.split_at(32);
        let (version, began) = rest.split_at(8);
        let number = |b: &[u8]| b.iter().fold(0_u64, |n, byte| (n << 8) | u64::from(*byte));
        Self {
            body: Digest::from_slice(body).unwrap_or_default(),
            version: number(version),
            began: Timestamp(number(began)),
        }
    }
}

/// Whether a record is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Status {
    /// In force (现势).
    #[n(0)]
    Live,
    /// Closed (历史): kept, but no longer in force.
    #[n(1)]
    Closed,
}

/// One version of a record, an index entry or an intent: a link of its history chain.
///
/// INVARIANT (I2): a committed version is never changed or removed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Version {
    /// What it is a version of.
    #[n(1)]
    pub key: LogicalKey,
    /// Version number, from 1.
    #[n(2)]
    pub version: u64,
    /// Digest of the version before; zero for version 1.
    #[n(3)]
    pub previous: Digest,
    /// Version of the package whose schema the fields follow.
    #[n(4)]
    pub schema: u32,
    /// In force or closed.
    #[n(5)]
    pub status: Status,
    /// The fields. An index entry has the one field `keys`, a sorted list of record keys; a counter
    /// the one field `last`, an integer.
    #[n(6)]
    #[cbor(encode_with = "encode_input", decode_with = "decode_input")]
    pub fields: BTreeMap<Str, Value>,
    /// Who wrote it, by what, and when.
    #[n(7)]
    pub by: Provenance,
    /// Why: the action's declared reason, or the operator's words where the action asks.
    #[n(8)]
    pub reason: Option<Str>,
    /// Set when this version corrects an older one.
    #[n(9)]
    pub corrects: Option<Correction>,
}

/// Who wrote a version.
///
/// INVARIANT (I3): every write names all of this.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Provenance {
    /// Transaction id; zero in genesis.
    #[n(1)]
    pub transaction: Digest,
    /// Which call of it, from 0.
    #[n(2)]
    pub call: u32,
    /// Operator's public key; empty in genesis.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub operator: Vec<u8>,
    /// The operator's member.
    #[n(4)]
    pub member: Str,
    /// Package of the action.
    #[n(5)]
    pub package: Str,
    /// Its version.
    #[n(6)]
    pub package_version: u32,
    /// The action.
    #[n(7)]
    pub action: Str,
    /// Block height.
    #[n(8)]
    pub height: Height,
    /// Block time.
    #[n(9)]
    pub time: Timestamp,
    /// The case.
    #[n(10)]
    pub case: Option<Str>,
    /// Mandates used.
    #[n(11)]
    pub mandates: Option<Vec<Str>>,
}

/// What a correction corrects (更正登记, 民法典 220).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Correction {
    /// Number of the wrong version.
    #[n(1)]
    pub version: u64,
    /// Digest of the wrong version's body.
    #[n(2)]
    pub body: Digest,
    /// Why it was wrong.
    #[n(3)]
    pub reason: Str,
    /// Legal basis of the correction.
    #[n(4)]
    pub basis: Str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_round_trips() {
        let head = Head { body: Digest([7; 32]), version: 3, began: Timestamp(1_790_000_000_123) };
        assert_eq!(Head::from_bytes(&head.to_bytes()), head);
    }
}

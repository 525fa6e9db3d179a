//! What execution is given: the state of the block's parent, compiled packages, the block's
//! own circumstances, and verified transactions.

use std::sync::Arc;

use chaincity_package::model::Package;
use chaincity_types::wire::{Head, LogicalKey, Transaction, Version};
use chaincity_types::{Digest, Height, Timestamp};

use crate::cases::{Graph, Model};

/// A record, an index entry or an intent, as execution sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its head in the state.
    pub head: Head,
    /// The version that the head names; shared, since caches above hold it too.
    pub version: Arc<Version>,
}

/// The answer of a [`View`].
#[derive(Clone, Debug)]
pub enum Lookup {
    /// The record, or that there is none.
    Known(Option<Arc<Record>>),
    /// Not known yet: the caller must fetch it and run again.
    Unknown,
}

/// What the caller knows of the state of the block's parent.
///
/// Must not change its mind: a key answered once as known has the same answer for the whole
/// block.
pub trait View {
    /// The record under `key` in the state of the block's parent.
    fn lookup(&self, key: &LogicalKey) -> Lookup;
}

/// A view of an empty state, for the block that writes genesis.
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

impl View for Empty {
    fn lookup(&self, _key: &LogicalKey) -> Lookup {
        Lookup::Known(None)
    }
}

/// Compiled packages by document digest, and compiled processes: a cache, since compiling is a
/// pure function of the document.
pub trait Packages {
    /// The compiled package, or `None` when the document does not compile.
    fn compiled(&self, digest: Digest, document: &[u8]) -> Option<Arc<Package>>;

    /// The compiled processes of a file that the ledger holds, or `None` when it does not compile:
    /// [`crate::cases::compile`], cached by the digest of its content.
    fn graph(&self, digest: Digest, model: &Model<'_>) -> Option<Arc<Graph>>;
}

/// The circumstances of a block that execution may depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockContext {
    /// The ledger: digest of the genesis document.
    pub ledger: Digest,
    /// Protocol in force.
    pub protocol: u32,
    /// Height of the block, from 1.
    pub height: Height,
    /// Block time.
    pub time: Timestamp,
    /// Time of the parent: timers that fall due after it and up to `time` are the block's.
    pub parent_time: Timestamp,
    /// Epoch of the block.
    pub epoch: u64,
}

/// A transaction whose signature was verified.
#[derive(Clone, Copy, Debug)]
pub struct SignedCall<'a> {
    /// Its id: digest of the Sig_structure.
    pub id: Digest,
    /// Public key that signed it.
    pub operator: &'a [u8],
    /// What was signed.
    pub transaction: &'a Transaction,
}

/// One step of work over a view that may not know everything yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step<T> {
    /// Done.
    Done(T),
    /// Nothing happened; these keys (sorted) must be known first.
    Need(Vec<LogicalKey>),
}

impl<T> Step<T> {
    /// What was done; always something when the view knows every key.
    #[must_use]
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(value) => Some(value),
            Self::Need(_) => None,
        }
    }
}

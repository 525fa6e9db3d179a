//! The few things a history asks of what lies beneath it: ordered keyspaces and atomic batches.
//! The one implementation of the history runs on both, the disk and memory.

use std::borrow::Cow;

use crate::HistoryError;

/// The keyspaces of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Space {
    /// Body digest → body.
    Bodies,
    /// Height → block digest, block, receipts, writes.
    Blocks,
    /// Block digest → height.
    ByBlock,
    /// Transaction id → height, position.
    ByTransaction,
    /// Height → finality certificate.
    Certificates,
    /// Name → value.
    Meta,
    /// What the history knows of itself: one entry.
    State,
}

impl Space {
    /// Every keyspace.
    pub const ALL: [Self; 7] = [
        Self::Bodies,
        Self::Blocks,
        Self::ByBlock,
        Self::ByTransaction,
        Self::Certificates,
        Self::Meta,
        Self::State,
    ];

    /// Its name on the disk.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bodies => "bodies",
            Self::Blocks => "blocks",
            Self::ByBlock => "by-block",
            Self::ByTransaction => "by-transaction",
            Self::Certificates => "certificates",
            Self::Meta => "meta",
            Self::State => "state",
        }
    }
}

/// One entry of a keyspace: key and stored value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// A batch: applied whole or not at all.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Entries in order; a later one to the same key wins.
    pub entries: Vec<(Space, Vec<u8>, Cow<'a, [u8]>)>,
    /// How many batches were ever written, this one included.
    pub writes: u64,
    /// Whether it must be on the disk on return.
    pub sync: bool,
}

/// Ordered keyspaces with atomic batches.
pub trait Kv: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// When the storage fails.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, HistoryError>;

    /// Whether the key has a value.
    ///
    /// # Errors
    /// When the storage fails.
    fn has(&self, space: Space, key: &[u8]) -> Result<bool, HistoryError>;

    /// Up to `limit` entries with keys from `from` on, ascending.
    ///
    /// # Errors
    /// When the storage fails.
    fn scan(&self, space: Space, from: &[u8], limit: usize) -> Result<Vec<Pair>, HistoryError>;

    /// Writes a batch.
    ///
    /// # Errors
    /// When the storage fails.
    fn commit(&self, batch: Batch<'_>) -> Result<(), HistoryError>;
}

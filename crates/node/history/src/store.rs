//! The store's interface, so that tests and the simulator can keep history in memory.

use chaincity_types::wire::{Block, Receipt, Write};
use chaincity_types::{Digest, Height};
use minicbor::{Decode, Encode};

use crate::HistoryError;

/// A final block with what executing it gave: enough to rebuild every index but the bodies.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct StoredBlock {
    /// Header and transactions.
    #[n(1)]
    pub block: Block,
    /// Receipts, in transaction order.
    #[n(2)]
    pub receipts: Vec<Receipt>,
    /// Versions written, in order.
    #[n(3)]
    pub writes: Vec<Write>,
}

/// Append-only history, addressed by height and digest. All methods are safe to call from many
/// threads; none holds a lock while it waits for the disk on behalf of another caller longer
/// than one write.
pub trait HistoryStore: Send + Sync + 'static {
    /// Appends a final block with the bodies it wrote. Idempotent by height; durable on return.
    ///
    /// # Errors
    /// When the disk fails, or another block stands at this height.
    fn append(&self, block: &StoredBlock, bodies: &[(Digest, Vec<u8>)])
    -> Result<(), HistoryError>;

    /// Adds content fetched from peers (checked by the caller against its digest).
    ///
    /// # Errors
    /// When the disk fails.
    fn backfill(
        &self,
        block: Option<&StoredBlock>,
        bodies: &[(Digest, Vec<u8>)],
    ) -> Result<(), HistoryError>;

    /// A version body. Its digest is checked on reading.
    ///
    /// # Errors
    /// When the disk fails or the stored bytes do not have this digest.
    fn body(&self, digest: &Digest) -> Result<Option<Vec<u8>>, HistoryError>;

    /// The block at a height.
    ///
    /// # Errors
    /// When the disk fails or the stored bytes are damaged.
    fn block(&self, height: Height) -> Result<Option<StoredBlock>, HistoryError>;

    /// The height of the block with this digest.
    ///
    /// # Errors
    /// When the disk fails.
    fn height_of(&self, block: &Digest) -> Result<Option<Height>, HistoryError>;

    /// Where a transaction was included: height and position.
    ///
    /// # Errors
    /// When the disk fails.
    fn transaction(&self, id: &Digest) -> Result<Option<(Height, u32)>, HistoryError>;

    /// Keeps a finality certificate of the block at this height.
    ///
    /// # Errors
    /// When the disk fails.
    fn put_certificate(&self, height: Height, certificate: &[u8]) -> Result<(), HistoryError>;

    /// The certificate held for the lowest height at or above this one.
    ///
    /// # Errors
    /// When the disk fails.
    fn certificate(&self, at_least: Height) -> Result<Option<(Height, Vec<u8>)>, HistoryError>;

    /// Keeps a small named value, such as the trust bundle or evidence of equivocation.
    ///
    /// # Errors
    /// When the disk fails.
    fn put_meta(&self, name: &str, value: &[u8]) -> Result<(), HistoryError>;

    /// A small named value.
    ///
    /// # Errors
    /// When the disk fails.
    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, HistoryError>;

    /// Names of the small values that begin with `prefix`, sorted.
    ///
    /// # Errors
    /// When the disk fails.
    fn meta_names(&self, prefix: &str) -> Result<Vec<String>, HistoryError>;

    /// Height of the newest block held; `None` when empty.
    fn tip(&self) -> Option<Height>;

    /// Lowest height from which every block and body up to the tip is held.
    fn complete_from(&self) -> Option<Height>;
}

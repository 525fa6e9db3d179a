//! The store's interface, so that tests and the simulator can keep history in memory.

use std::sync::Arc;

use chaincity_types::wire::{Block, Receipt, Version, Write};
use chaincity_types::{Digest, Height};
use minicbor::{Decode, Encode};

use crate::HistoryError;
use crate::fsck::Finding;

/// A body under the digest it is held by, or what is wrong with it.
pub type FetchedBody = (Digest, Result<Vec<u8>, HistoryError>);

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

/// What a final block wrote, as a node that executed it still has it in memory: the same as its
/// [`StoredBlock`] and the bodies give, without reading and decoding them again.
#[derive(Clone, Debug)]
pub struct Written {
    /// Digest of the block.
    pub block: Digest,
    /// Digest of its parent.
    pub parent: Digest,
    /// Versions of records with the digests of their bodies, in the order of writing. Index
    /// entries, intents and the like are not among them.
    pub versions: Vec<(Digest, Arc<Version>)>,
}

/// Append-only history, addressed by height and digest. All methods are safe to call from many
/// threads; none holds a lock while it waits for the disk on behalf of another caller longer
/// than one write.
pub trait HistoryStore: Send + Sync + 'static {
    /// Appends a final block with the bodies it wrote. Idempotent by height; durable on return.
    ///
    /// # Errors
    /// When the disk fails, another block stands at this height or the block's parent is not the
    /// one held, a body is neither given nor held, or a body does not have its digest.
    fn append(&self, block: &StoredBlock, bodies: &[(Digest, Vec<u8>)])
    -> Result<(), HistoryError>;

    /// Adds content fetched from peers: a block, whose parts the caller checked with
    /// [`check_block`](crate::check_block), with or without the bodies it wrote, or bodies alone.
    /// What is held already is left as it is.
    ///
    /// # Errors
    /// When the disk fails, the block contradicts one held at its height or beside it, or a body
    /// does not have its digest.
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

    /// Up to `limit` bodies held, in the order of their digests, from after `after` on. Each is
    /// checked against its digest.
    ///
    /// # Errors
    /// When the disk fails.
    fn bodies_after(
        &self,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<Vec<FetchedBody>, HistoryError>;

    /// The block at a height. Its digest is recomputed on reading.
    ///
    /// # Errors
    /// When the disk fails, the stored bytes are damaged, or the block should be held and is not.
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

    /// Keeps a finality certificate of the block at this height; the first one stays. On the
    /// disk with the next append at the latest.
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

    /// Recomputes the sum of all bodies, certificates and named values and compares it with the
    /// one kept; hands what it finds to `found`. Reads everything: for `fsck`.
    ///
    /// # Errors
    /// When the disk fails.
    fn check_held(&self, found: &mut dyn FnMut(Finding)) -> Result<(), HistoryError>;
}

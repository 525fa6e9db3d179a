//! The append-only history of a ledger: final blocks, version bodies, receipts and finality
//! certificates, by height and by digest. Nothing here is ever changed or removed.
//!
//! *Block* here means a final block with what executing it gave ([`StoredBlock`]). *Body* is the
//! encoding of one version of a record. The history is *complete from* a height when every block
//! from there to the tip is held with every body it wrote; a node that joined by snapshot begins
//! high and backfills downwards.
//!
//! Durability: [`HistoryStore::append`] returns when the block is on the disk. What is read is
//! checked against its digest or checksum, so damaged bytes become an error, never an answer;
//! [`fsck`](fsck()) finds what no reader has asked for. `docs/storage.md` describes every key.
//!
//! This crate knows nothing of packages, of execution, or of the consensus engine.

mod cache;
mod disk;
mod error;
mod frame;
pub mod fsck;
mod journal;
mod kv;
mod mark;
mod memory;
mod missing;
mod store;

pub use cache::Cache;
pub use disk::{DiskOptions, DiskStore};
pub use error::HistoryError;
pub use fsck::{Finding, FsckOptions, Report, VerifyCertificate, fsck};
pub use journal::check_block;
pub use memory::MemoryStore;
pub use missing::{Missing, missing};
pub use store::{FetchedBody, HistoryStore, StoredBlock, Written};

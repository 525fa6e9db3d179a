//! The append-only history of a ledger: final blocks, version bodies and receipts, by height and
//! by digest. Nothing here is ever changed or removed.

mod store;

pub use store::{HistoryStore, StoredBlock};

/// What can go wrong with stored history: always this machine's fault, never an input's.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The storage engine failed.
    #[error("history storage failed")]
    Storage(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Stored bytes are not what was written.
    #[error("stored {what} is damaged")]
    Damaged {
        /// What was read.
        what: String,
    },
    /// Another block stands at this height.
    #[error("another block stands at height {height}")]
    Conflict {
        /// The height.
        height: u64,
    },
}

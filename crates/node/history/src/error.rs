//! What can go wrong with stored history.

/// What can go wrong with stored history: this machine's fault or its caller's, never an input's.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The storage engine failed.
    #[error("history storage failed")]
    Storage(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another process has the history open.
    #[error("the history is in use by another process")]
    InUse,
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
    /// What was handed over for storing is not what it says it is.
    #[error("{what} does not match its digest")]
    Mismatch {
        /// What was handed over.
        what: String,
    },
    /// A block came to be appended without all the bodies it wrote.
    #[error("a body written at height {height} is missing")]
    MissingBody {
        /// The height.
        height: u64,
    },
}

impl HistoryError {
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }
}

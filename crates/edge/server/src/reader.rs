//! What the interface asks of the read model.

use chaincity_query::{Count, Page, QueryError, ReadModel, Select, Statistics, Versions};
use chaincity_types::wire::Version;
use chaincity_types::{Height, Timestamp};

/// The read model, as the interface sees it. Every method may block on the disk; none but
/// [`Reader::height`] is called on a thread that serves connections.
pub trait Reader: Send + Sync + 'static {
    /// A page of current records.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn select(&self, select: &Select) -> Result<Page, QueryError>;

    /// At most `limit` versions of a record, newest first, those below version `before` only.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn history(
        &self,
        place: (&str, &str, &str),
        before: Option<u64>,
        limit: usize,
    ) -> Result<Versions, QueryError>;

    /// The version in force at a time, live or closed.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn as_of(
        &self,
        place: (&str, &str, &str),
        time: Timestamp,
    ) -> Result<Option<Version>, QueryError>;

    /// Figures of cases or tasks.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn count(&self, count: &Count) -> Result<Statistics, QueryError>;

    /// Height up to which the read model has followed the ledger; `None` before the first block,
    /// or when it fails.
    fn height(&self) -> Option<Height>;
}

impl Reader for ReadModel {
    fn select(&self, select: &Select) -> Result<Page, QueryError> {
        Self::select(self, select)
    }

    fn history(
        &self,
        (package, register, key): (&str, &str, &str),
        before: Option<u64>,
        limit: usize,
    ) -> Result<Versions, QueryError> {
        Self::history(self, package, register, key, before, limit)
    }

    fn as_of(
        &self,
        (package, register, key): (&str, &str, &str),
        time: Timestamp,
    ) -> Result<Option<Version>, QueryError> {
        Ok(Self::as_of(self, package, register, key, time)?.0)
    }

    fn count(&self, count: &Count) -> Result<Statistics, QueryError> {
        Self::count(self, count)
    }

    fn height(&self) -> Option<Height> {
        Self::height(self).unwrap_or_else(|error| {
            tracing::error!(%error, "the read model does not say how far it is");
            None
        })
    }
}

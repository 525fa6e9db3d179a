//! What the interface asks of the read model.

use chaincity_types::wire::Version;
use chaincity_types::{Height, Timestamp, Value};

/// The read model, as the interface sees it. Every method may block on the disk; none is called
/// on a thread that serves connections.
pub trait Reader: Send + Sync + 'static {
    /// Current records of a register that fit.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn select(&self, selection: &Selection) -> Result<Selected, ReadError>;

    /// At most `limit` versions of a record, newest first, those below version `before` only.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn history(
        &self,
        package: &str,
        register: &str,
        key: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Version>, ReadError>;

    /// The version in force at a time, live or closed.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn as_of(
        &self,
        package: &str,
        register: &str,
        key: &str,
        time: Timestamp,
    ) -> Result<Option<Version>, ReadError>;

    /// Height up to which the read model has followed the ledger.
    fn height(&self) -> Height;
}

/// Which records of a register are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Package.
    pub package: String,
    /// Register.
    pub register: String,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// Live, closed or both.
    pub status: StatusFilter,
    /// Field to sort by, and whether descending; by key when absent.
    pub sort: Option<(String, bool)>,
    /// Most records, from 1.
    pub limit: usize,
    /// Where the page before ended, as the read model said.
    pub cursor: Option<String>,
}

/// A condition on one field; a declared field, or `_key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The field.
    pub field: String,
    /// The comparison.
    pub op: Op,
    /// The value to compare with, of the field's type.
    pub value: Value,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Text that begins so.
    Prefix,
}

/// Which records by their status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusFilter {
    /// Those in force.
    #[default]
    Live,
    /// Those closed.
    Closed,
    /// Both.
    Any,
}

/// A page of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Their current versions.
    pub items: Vec<Version>,
    /// Where the page ended, when there is more.
    pub next: Option<String>,
    /// Height up to which the read model had followed.
    pub height: Height,
}

/// Why the read model did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The request makes no sense to it.
    #[error("{0}")]
    Request(String),
    /// It lacks versions from before a height.
    #[error("history is incomplete before height {before}")]
    Incomplete {
        /// The height.
        before: u64,
    },
    /// It failed.
    #[error("{0}")]
    Fault(String),
}

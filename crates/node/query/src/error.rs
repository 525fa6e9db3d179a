//! Why the read model did not answer.

use chaincity_history::HistoryError;

/// Why the read model did not answer. [`QueryError::is_request`] tells the asker's errors from
/// this machine's.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// No such register in any package in force.
    #[error("no register `{register}` in package `{package}`")]
    UnknownRegister {
        /// Package.
        package: String,
        /// Register.
        register: String,
    },
    /// The register declares no such field, or one that has no order (a list, share or map).
    #[error("`{field}` is not a field to filter or sort by")]
    UnknownField {
        /// The name given.
        field: String,
    },
    /// No condition is on `_key` or on the first field of a declared index.
    #[error("no condition uses an index: filter by `_key` or the first field of a declared index")]
    FilterNotIndexed,
    /// Sorting by this field would need the whole register.
    #[error("sorting by `{field}` needs an index that begins with it, or an indexed equality")]
    SortNotIndexed {
        /// The field.
        field: String,
    },
    /// A condition's value is not of the field's type, or the comparison does not apply to it.
    #[error("the condition on `{field}` does not fit its type")]
    BadCondition {
        /// The field.
        field: String,
    },
    /// The cursor is not one that this selection gave.
    #[error("the cursor does not belong to this selection")]
    BadCursor,
    /// More conditions, sort fields or records a page than allowed.
    #[error("more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        max: usize,
    },
    /// Versions from before this height are not held yet.
    #[error("history is incomplete before height {before}")]
    Incomplete {
        /// The height.
        before: u64,
    },
    /// A record was written under a package version that the caller has not named.
    #[error("version {version} of package `{package}` is not known yet")]
    PackageBehind {
        /// Package.
        package: String,
        /// The version that the record follows.
        version: u32,
    },
    /// The file is not what was written, or not of this history: rebuild it.
    #[error("the read model is damaged: {0}")]
    Damaged(String),
    /// SQLite failed.
    #[error("the read model's storage failed")]
    Storage(#[from] rusqlite::Error),
    /// The file system failed.
    #[error("the read model's file failed")]
    File(#[from] std::io::Error),
    /// The history failed.
    #[error("the history failed")]
    History(#[from] HistoryError),
}

impl QueryError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownRegister { .. } => "unknown-register",
            Self::UnknownField { .. } => "unknown-field",
            Self::FilterNotIndexed => "filter-not-indexed",
            Self::SortNotIndexed { .. } => "sort-not-indexed",
            Self::BadCondition { .. } => "bad-condition",
            Self::BadCursor => "bad-cursor",
            Self::TooMany { .. } => "too-many",
            Self::Incomplete { .. } => "history-incomplete",
            Self::PackageBehind { .. } => "package-behind",
            Self::Damaged(_) => "read-model-damaged",
            Self::Storage(_) | Self::File(_) | Self::History(_) => "fault",
        }
    }

    /// Whether the request is at fault.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        match self {
            Self::UnknownRegister { .. }
            | Self::UnknownField { .. }
            | Self::FilterNotIndexed
            | Self::SortNotIndexed { .. }
            | Self::BadCondition { .. }
            | Self::BadCursor
            | Self::TooMany { .. } => true,
            Self::Incomplete { .. }
            | Self::PackageBehind { .. }
            | Self::Damaged(_)
            | Self::Storage(_)
            | Self::File(_)
            | Self::History(_) => false,
        }
    }

    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }
}

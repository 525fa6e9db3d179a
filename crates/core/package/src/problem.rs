//! What is wrong with a package: where, why, and what to do about it, in both languages.

use std::fmt;

use crate::model::Text;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The package cannot be used.
    Error,
    /// The package can be used, but should not be published like this.
    Warning,
}

/// A place in an authored file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The file's path inside the package.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
}

/// A problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable code, such as `unknown-name`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Path in the document, such as `actions.transfer.let.title`.
    pub place: String,
    /// Where it was written, when the document came from files.
    pub location: Option<Location>,
    /// What is wrong.
    pub cause: Text,
    /// What to do.
    pub mend: Text,
}

impl Problem {
    /// An error without a location.
    #[must_use]
    pub fn error(
        code: &'static str,
        place: impl Into<String>,
        cause: (impl Into<String>, impl Into<String>),
        mend: (&str, &str),
    ) -> Self {
        Self {
            code,
            severity: Severity::Error,
            place: place.into(),
            location: None,
            cause: Text { zh: cause.0.into(), en: cause.1.into() },
            mend: Text { zh: mend.0.to_owned(), en: mend.1.to_owned() },
        }
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
}

impl fmt::Display for Problem {
    /// `actions/transfer.yaml:12:5: error: unknown name `x` (mend)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Some(at) => write!(f, "{}:{}:{}: ", at.file, at.line, at.column)?,
            None => write!(f, "{}: ", self.place)?,
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", self.cause.en)?;
        if self.mend.en.is_empty() { Ok(()) } else { write!(f, "; {}", self.mend.en) }
    }
}

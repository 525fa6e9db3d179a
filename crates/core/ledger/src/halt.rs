//! Why a call stops: its own fault (a rejection), or a key that is not known yet.

use chaincity_package::rule::RuleFailure;
use chaincity_types::{Reject, Str};

/// A rejection: the input's fault; the same on every node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// Stable code: of the kernel's catalogue, or declared by the package.
    pub(crate) code: Str,
    /// What exactly, for a developer; never a value of a record (I12).
    pub(crate) detail: Option<String>,
}

/// Why a call stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// A key that is not known yet; it is noted in the session.
    Missing,
    /// Rejected.
    Rejected(Rejection),
}

/// Rejects with a code of the catalogue and a detail.
pub(crate) fn reject<T>(code: Reject, detail: impl Into<String>) -> Result<T, Halt> {
    Err(rejected(code, detail))
}

/// A rejection with a code of the catalogue and a detail.
pub(crate) fn rejected(code: Reject, detail: impl Into<String>) -> Halt {
    Halt::Rejected(Rejection { code: code.code().into(), detail: Some(detail.into()) })
}

impl From<RuleFailure> for Halt {
    fn from(failure: RuleFailure) -> Self {
        rejected(failure.code, failure.detail)
    }
}

//! What can go wrong between a client and its nodes.

use chaincity_api::ProblemBody;
use chaincity_api::json::JsonError;
use chaincity_crypto::verify::VerifyError;
use chaincity_types::Digest;

/// Why the client has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The client was set up wrongly.
    #[error("{0}")]
    Setup(String),
    /// No node could be reached; the last one's trouble.
    #[error("no node answered; the last, `{url}`, failed")]
    Unreachable {
        /// The node asked last.
        url: String,
        /// What happened.
        source: Box<ureq::Error>,
    },
    /// A node refused the request, or could not carry it out.
    #[error("{}: {}{}", body.code, body.en, body.detail.as_ref().map(|d| format!(" ({d})")).unwrap_or_default())]
    Refused {
        /// HTTP status.
        status: u16,
        /// Code and texts.
        body: Box<ProblemBody>,
    },
    /// A node answered something that is not of this interface.
    #[error("`{url}` does not answer as a node does: {why}")]
    Answer {
        /// The node.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The node belongs to another ledger.
    #[error("the node is of ledger `{found}`, not `{wanted}`")]
    OtherLedger {
        /// The ledger that the client knows.
        wanted: Digest,
        /// The node's.
        found: String,
    },
    /// A proof that the node gave does not hold: the node, or someone on the way, is not honest,
    /// or is broken.
    #[error("the node's proof does not hold")]
    Proof(#[from] VerifyError),
    /// A proof that holds, but not of what was asked.
    #[error("the node proved something else than {0}")]
    ProofOfOther(String),
    /// The transaction was not final in time. It may still become so until it expires.
    #[error("transaction `{id}` is not final yet")]
    NotFinal {
        /// Its id.
        id: Digest,
    },
    /// The call needs a signer: see [`crate::Client::sign_in`].
    #[error("nobody is signed in")]
    NotSignedIn,
    /// An input that does not fit the action's declaration.
    #[error("the input does not fit the action")]
    Input(#[from] JsonError),
}

impl ClientError {
    /// The stable code of a refusal.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        if let Self::Refused { body, .. } = self { Some(&body.code) } else { None }
    }

    /// Whether another node, or the same one later, may well answer.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Answer { .. } => true,
            Self::Refused { status, .. } => matches!(*status, 429 | 500 | 503 | 504),
            Self::Setup(_)
            | Self::OtherLedger { .. }
            | Self::Proof(_)
            | Self::ProofOfOther(_)
            | Self::NotFinal { .. }
            | Self::NotSignedIn
            | Self::Input(_) => false,
        }
    }

    pub(crate) fn answer(url: &str, why: impl Into<String>) -> Self {
        Self::Answer { url: url.to_owned(), why: why.into() }
    }
}

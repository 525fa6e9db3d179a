//! Signing in: an operator signs a challenge and gets a short-lived token bound to the key.
//!
//! The signed statement names the ledger, the challenge and the key, so it is of no use on
//! another ledger, a second time, or for another key; its content type keeps it apart from
//! every other thing an operator signs.

use chaincity_types::Digest;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Content type in the protected header of a sign-in statement.
pub const CONTENT_TYPE: &str = "application/chaincity-login";
/// Largest signed sign-in statement, in bytes.
pub const STATEMENT_BYTES_MAX: usize = 1_024;

/// What an operator signs to sign in: the payload of a COSE_Sign1 message, canonical CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Login {
    /// The ledger whose node is asked.
    #[n(1)]
    pub ledger: Digest,
    /// The challenge that the node gave.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub challenge: Vec<u8>,
    /// The operator's public key: the same as the signature's key id.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub key: Vec<u8>,
}

/// Asks for a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChallengeRequest {
    /// The operator's public key, 64 hexadecimal digits.
    #[schema(pattern = "^[0-9a-fA-F]{64}$")]
    pub key: String,
}

/// A challenge to sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Challenge {
    /// The challenge, in hexadecimal.
    pub challenge: String,
    /// Ledger id to name in the statement.
    pub ledger: String,
    /// Seconds for which it can be used.
    pub expires_s: u64,
}

/// A session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The token: `Authorization: Bearer <token>`. Keep it secret.
    pub token: String,
    /// Seconds for which it is valid.
    pub expires_s: u64,
    /// The operator's member.
    pub member: String,
    /// The operator's roles.
    pub roles: Vec<String>,
}

impl std::fmt::Debug for Session {
    /// Without the token, so that no log ever shows one.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("member", &self.member).finish_non_exhaustive()
    }
}

/// Asks for a proof to be checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    /// What is proved.
    pub kind: ProofKind,
    /// The proof's CBOR, in base64.
    #[schema(pattern = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$")]
    pub proof: String,
    /// The trust bundle's CBOR, in base64; the node's own when absent.
    #[schema(pattern = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_bundle: Option<String>,
}

/// What a proof is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProofKind {
    /// A record or its absence.
    Record,
    /// A receipt.
    Receipt,
}

/// What checking a proof gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Verified {
    /// Whether the proof holds.
    pub ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Ledger of the trust bundle.
    pub ledger: String,
    /// Height of the block that proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// Time of that block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Versions proved, the current first; empty when the record's absence is proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<Vec<crate::record::Record>>,
    /// The receipt proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<crate::transaction::ReceiptInfo>,
}

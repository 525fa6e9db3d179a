//! Claims: what follows from a field group, worked out by its steward and signed, so that the reader
//! can show it to others without the group.
//!
//! A claim's *statement* is a COSE_Sign1 message of its own content type. It names the release in
//! which it was handed over, the parameters, the value and the time. Who may sign for a steward is
//! said by the ledger's record of the operator with that key; a *claim proof* holds both.

use chaincity_types::wire::{ClaimProof, LogicalKey, Status};
use chaincity_types::{Str, Timestamp, Value, cbor};
use minicbor::{Decode, Encode};

use crate::cose::{self, StatementError};
use crate::envelope::ReleaseContext;
use crate::suite::{PublicKey, SecretKey};
use crate::verify::{AsOf, FILE_BYTES_MAX, ProvedRecord, Trust, VerifyError, decode};

/// Content type of a claim's statement.
pub const CONTENT_TYPE: &str = "application/chaincity-claim";
/// Largest signed statement, in bytes.
pub const CLAIM_BYTES_MAX: usize = 65_536;
/// Roles that answer for a steward.
const STEWARD_ROLES: [&str; 2] = ["steward.agent", "steward.clerk"];

/// What a steward says of a group.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ClaimStatement {
    /// Which claim, of which version of which record, released by which access.
    #[n(1)]
    pub context: ReleaseContext,
    /// Version of the package whose rule gave it.
    #[n(2)]
    pub package_version: u32,
    /// What the reader said with it.
    #[n(3)]
    pub parameters: Value,
    /// What follows.
    #[n(4)]
    pub value: Value,
    /// Block time at which it was worked out.
    #[n(5)]
    pub at: Timestamp,
}

impl ClaimStatement {
    /// The signed message.
    #[must_use]
    pub fn sign(&self, key: &SecretKey) -> Vec<u8> {
        cose::sign_statement(CONTENT_TYPE, &cbor::encode(self), key)
    }
}

/// A statement whose signature verifies; whether the key is a steward's, the ledger says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedClaim {
    /// What is said.
    pub statement: ClaimStatement,
    /// By whom.
    pub key: PublicKey,
    /// The message as it was signed.
    pub bytes: Vec<u8>,
}

/// Reads a signed statement and verifies its signature.
///
/// # Errors
/// See [`StatementError`].
pub fn open(bytes: &[u8]) -> Result<SignedClaim, StatementError> {
    let signed = cose::verify_statement(bytes, CONTENT_TYPE, CLAIM_BYTES_MAX)?;
    let statement = cbor::decode(&signed.payload, CLAIM_BYTES_MAX)?;
    Ok(SignedClaim { statement, key: signed.key, bytes: bytes.to_vec() })
}

/// The ledger's record of the operator with this key.
#[must_use]
pub fn signer_key(key: &PublicKey) -> LogicalKey {
    LogicalKey::Record {
        package: "governance".into(),
        register: "operator".into(),
        key: key.to_string().into(),
    }
}

/// A claim of which signature and signer are proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvedClaim {
    /// What is said, and by which key.
    pub signed: SignedClaim,
    /// The member that answered for the data.
    pub steward: Str,
    /// The operator's record.
    pub signer: ProvedRecord,
}

impl Trust {
    /// Verifies a claim: its signature, and that its key was a steward's then.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn claim(&self, proof: &ClaimProof) -> Result<ProvedClaim, VerifyError> {
        if proof.format != ClaimProof::FORMAT {
            return Err(VerifyError::UnknownFormat(proof.format.chars().take(60).collect()));
        }
        let signed = open(&proof.statement)?;
        let found = signed.statement.context.ledger;
        if found != *self.ledger() {
            return Err(VerifyError::OtherLedger { wanted: *self.ledger(), found });
        }
        let signer = self.record(&proof.signer)?;
        let steward = steward(&signed, &signer).ok_or(VerifyError::Signer)?;
        Ok(ProvedClaim { signed, steward, signer })
    }

    /// [`Trust::claim`] for an encoded file.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn claim_bytes(&self, bytes: &[u8]) -> Result<ProvedClaim, VerifyError> {
        self.claim(&decode(bytes, FILE_BYTES_MAX, "claim")?)
    }
}

/// The member for which the signer answered when the claim was worked out; `None` when the record is
/// another operator's, or he was not active then or had no role of a steward.
fn steward(signed: &SignedClaim, signer: &ProvedRecord) -> Option<Str> {
    let AsOf::Version(version) = signer.as_of(signed.statement.at) else { return None };
    let fields = &version.fields;
    let roles = fields.get("roles")?.as_list()?;
    let mut roles = roles.iter().filter_map(Value::as_text);
    let answers = roles.any(|role| STEWARD_ROLES.contains(&role));
    let is_live = version.status == Status::Live;
    let is_active = is_live && fields.get("active") == Some(&Value::Bool(true));
    let is_his = signer.key == signer_key(&signed.key);
    fields.get("member")?.as_str().filter(|_| answers && is_active && is_his).cloned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests;

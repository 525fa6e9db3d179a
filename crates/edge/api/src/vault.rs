//! Field groups: sealed before the transaction that names them, handed over after a final release.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Largest request to seal a group, in bytes of JSON.
pub const SEAL_BYTES_MAX: usize = 256 * 1024;

/// A group to seal in the vault of the node's member. The caller has the role of the group's steward
/// and belongs to that member; a reader that seals what it says to the steward alone (package
/// `disclosure`: register `access`, group `parameters`, and register `confidential`, group
/// `confidential-request`, which names the caller) belongs to any.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SealRequest {
    /// Package identifier.
    pub package: String,
    /// The register whose record will hold the commitment, or the process whose case will, in an
    /// encrypted variable.
    pub register: String,
    /// Name of the group.
    pub group: String,
    /// 64 hexadecimal digits drawn by the caller: asked again with the same ones and the same
    /// values, the answer is the same commitment.
    #[schema(pattern = "^[0-9a-fA-F]{64}$")]
    pub request: String,
    /// The group's fields, written as a record's.
    #[schema(value_type = Object)]
    pub values: serde_json::Map<String, serde_json::Value>,
    /// What pseudonyms of the record are scoped to, by the register's field: such as the unit's
    /// number, as the transaction will name it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scopes: BTreeMap<String, String>,
}

impl std::fmt::Debug for SealRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealRequest")
            .field("package", &self.package)
            .field("register", &self.register)
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// What a confidential access asks for, opened for the steward's clerk and the auditor: with both parts,
/// each of them shows that the commitment on the ledger was made of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestInfo {
    /// Salt of the commitment, 64 hexadecimal digits.
    pub salt: String,
    /// The group's fields as canonical CBOR, in hexadecimal digits.
    pub fields: String,
}

impl std::fmt::Debug for RequestInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestInfo").finish_non_exhaustive()
    }
}

/// A copy that a standby keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptInfo {
    /// Digest of the copy, 64 hexadecimal digits.
    pub copy: String,
}

/// A sealed group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SealedInfo {
    /// By what it is named: the commitment, 64 hexadecimal digits.
    pub commitment: String,
    /// What the transaction puts into the record's field, in hexadecimal: the commitment, and behind it
    /// the ciphertext where the package places the group on the ledger.
    pub value: String,
    /// What the transaction names in place of a person, by the register's field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pseudonyms: BTreeMap<String, String>,
}

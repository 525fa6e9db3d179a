//! The node's state, the committee, health.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The node's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusInfo {
    /// Ledger id: digest of the genesis document.
    pub ledger: String,
    /// Name of the consortium, Chinese.
    pub name_zh: String,
    /// Name of the consortium, English.
    pub name_en: String,
    /// Protocol in force.
    pub protocol: u32,
    /// This node's public key.
    pub node: String,
    /// Whether it is in the current committee.
    pub validator: bool,
    /// Height of the newest final block.
    pub height: u64,
    /// Its digest.
    pub block: String,
    /// Its state root.
    pub state_root: String,
    /// Its time.
    pub time: String,
    /// Epoch.
    pub epoch: u64,
    /// Transactions waiting in the pool.
    pub pool: usize,
    /// Connected peers, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers: Option<usize>,
    /// Lowest height from which history is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history_from: Option<u64>,
    /// Height up to which the read model has followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_model: Option<u64>,
    /// Whether the node still fetches a snapshot.
    pub syncing: bool,
}

/// The committee of the current epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Validators {
    /// Epoch.
    pub epoch: u64,
    /// The validators, sorted by key.
    pub items: Vec<ValidatorInfo>,
}

/// One node of the committee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidatorInfo {
    /// Public key.
    pub key: String,
    /// The member that runs it.
    pub member: String,
    /// Where its peers reach it.
    pub address: String,
    /// Whether this node holds evidence that it signed two conflicting votes.
    pub equivocated: bool,
}

/// An answer of a health check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always true; a failed check answers with an error.
    pub ok: bool,
}

//! Records and pages of them.

use chaincity_types::wire::{LogicalKey, Status, Version};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::json;

/// Most records in one page.
pub const LIMIT_MAX: usize = 200;
/// Records in a page when the caller names no limit.
pub const LIMIT_DEFAULT: usize = 50;

/// Most older versions in one proof.
pub const PROOF_VERSIONS_MAX: usize = 64;

/// One version of a record. Its own fields stand beside those that begin with `_`; a register's
/// field never begins so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Record {
    /// Record key.
    #[serde(rename = "_key")]
    pub key: String,
    /// Version number, from 1.
    #[serde(rename = "_version")]
    pub version: u64,
    /// `live` or `closed`.
    #[serde(rename = "_status")]
    pub status: String,
    /// Block time at which the version began.
    #[serde(rename = "_began")]
    pub began: String,
    /// Who wrote it, by what.
    #[serde(rename = "_by")]
    pub by: By,
    /// Why it was written.
    #[serde(rename = "_reason", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it corrects.
    #[serde(rename = "_corrects", default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<Corrects>,
    /// The register's computed fields at the time of the answer, or at `as_of`; a history leaves
    /// them out.
    #[serde(rename = "_computed", default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, serde_json::Value>)]
    pub computed: Map<String, Value>,
    /// The register's own fields.
    #[serde(flatten)]
    #[schema(value_type = std::collections::BTreeMap<String, serde_json::Value>)]
    pub fields: Map<String, Value>,
}

/// Who wrote a version, by what, where on the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct By {
    /// Operator's public key; empty in genesis.
    pub operator: String,
    /// The operator's member.
    pub member: String,
    /// Package of the action.
    pub package: String,
    /// Its version.
    pub package_version: u32,
    /// The action.
    pub action: String,
    /// Transaction id; zeros in genesis.
    pub transaction: String,
    /// Which call of it, from 0.
    pub call: u32,
    /// Block height.
    pub height: u64,
    /// The case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// Mandates used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mandates: Vec<String>,
}

/// What a correction corrects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Corrects {
    /// Number of the wrong version.
    pub version: u64,
    /// Digest of the wrong version's body.
    pub body: String,
    /// Why it was wrong.
    pub reason: String,
    /// Legal basis of the correction.
    pub basis: String,
}

/// A page of records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecordPage {
    /// The records.
    pub items: Vec<Record>,
    /// Height up to which the read model had followed the ledger.
    pub height: u64,
    /// Give this as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The versions of a record, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// The versions.
    pub items: Vec<Record>,
    /// Height up to which the read model had followed the ledger.
    pub height: u64,
    /// Give this as `before` for older versions; absent when version 1 is among the items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

impl From<&Version> for Record {
    fn from(version: &Version) -> Self {
        let key = match &version.key {
            LogicalKey::Record { key, .. } => key.to_string(),
            LogicalKey::Index { index, .. } => index.to_string(),
            LogicalKey::Intent { intent, .. } => intent.to_string(),
            LogicalKey::Counter { sequence, .. } => sequence.to_string(),
            LogicalKey::TimerHour { hour } => hour.to_string(),
            LogicalKey::TimerPage { second, page } => format!("{second}/{page}"),
            LogicalKey::TimerCursor {} => String::new(),
        };
        let status = match version.status {
            Status::Live => "live",
            Status::Closed => "closed",
        };
        Self {
            key,
            version: version.version,
            status: status.to_owned(),
            began: version.by.time.to_string(),
            by: By::from(&version.by),
            reason: version.reason.as_deref().map(Into::into),
            corrects: version.corrects.as_ref().map(|c| Corrects {
                version: c.version,
                body: c.body.to_string(),
                reason: c.reason.to_string(),
                basis: c.basis.to_string(),
            }),
            computed: Map::new(),
            fields: json::fields(&version.fields),
        }
    }
}

impl From<&chaincity_types::wire::Provenance> for By {
    fn from(by: &chaincity_types::wire::Provenance) -> Self {
        Self {
            operator: hex::encode(&by.operator),
            member: by.member.to_string(),
            package: by.package.to_string(),
            package_version: by.package_version,
            action: by.action.to_string(),
            transaction: by.transaction.to_string(),
            call: by.call,
            height: by.height.0,
            case: by.case.as_deref().map(Into::into),
            mandates: by.mandates.iter().flatten().map(Into::into).collect(),
        }
    }
}

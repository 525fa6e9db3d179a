//! How a record came to be as it is: each version with who wrote it, under which rules, and what
//! changed. Made from version bodies and packages alone, so that a client makes the same of proved
//! bodies as a node of its own.

mod change;
mod generation;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chaincity_crypto::hash;
use chaincity_package::model::{Action, Package, Register, Text};
use chaincity_types::cbor;
use chaincity_types::wire::{LogicalKey, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::package::{GuardInfo, PackageSummary, TextInfo};
use crate::record::Record;

pub use generation::{Comparison, Difference, GENERATION, Generation, SOURCE, Source, compare};

/// Most versions explained in one answer.
pub const LIMIT_MAX: usize = 100;
/// Most later versions named in one answer.
pub const LATER_MAX: usize = 200;

/// How a record came to be as it is, oldest version first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// Package identifier.
    pub package: String,
    /// Register name.
    pub register: String,
    /// Record key.
    pub key: String,
    /// Title of the register, as the package in force has it.
    pub title: TextInfo,
    /// The versions, oldest first; with `at`, none that began after it.
    pub versions: Vec<Explained>,
    /// With `at`: versions that began after it, oldest first, at most 200.
    pub later: Vec<Later>,
    /// Import generations among these versions, and where they differ.
    pub comparison: Comparison,
    /// Height up to which the read model had followed the ledger.
    pub height: u64,
    /// Give this as `after` for the versions that follow; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One version, explained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explained {
    /// The version, as in a history.
    pub record: Record,
    /// Digest of the version's body: what receipts, the version after it and the state name.
    pub body: String,
    /// The body itself, canonical CBOR in hexadecimal: `body` is its digest.
    pub bytes: String,
    /// The rules under which it was written; absent for what stands in the genesis document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
    /// What changed against the version before, field by field.
    pub changes: Vec<Change>,
    /// Where the data came from, when this version was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// The action under which a version was written, as the package in force at its block has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rules {
    /// The package with its version and the digest of its document; zeros for the built-in one.
    pub package: PackageSummary,
    /// Name of the action.
    pub action: String,
    /// Its title.
    pub title: TextInfo,
    /// Its legal basis.
    pub law: Vec<String>,
    /// Roles, any of which may call it.
    pub by: Vec<String>,
    /// Purposes for which parties must have given mandates.
    pub mandates: Vec<String>,
    /// Guards that were checked, in order.
    pub guards: Vec<GuardInfo>,
    /// Invariants of the register that were checked.
    pub invariants: Vec<GuardInfo>,
}

/// A field that has another value than in the version before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// The field, or the part of it that changed, such as `parts[0].area`; `_status` for the
    /// version's status.
    pub field: String,
    /// Title of the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<TextInfo>,
    /// Its value before; absent when it had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// Its value since; absent when it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// A version that began after the time asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Later {
    /// Version number.
    pub version: u64,
    /// Block time at which it began.
    pub began: String,
    /// Block height.
    pub height: u64,
    /// Package of the action.
    pub package: String,
    /// The action.
    pub action: String,
    /// The operator's member.
    pub member: String,
}

/// Packages by identifier and version.
pub type Packages = BTreeMap<(String, u32), Arc<Package>>;

/// The packages that explaining these versions takes: of their actions and of their fields.
pub fn needed<'a>(versions: impl IntoIterator<Item = &'a Version>) -> BTreeSet<(String, u32)> {
    let mut needed = BTreeSet::new();
    for version in versions {
        needed.insert((version.by.package.to_string(), version.by.package_version));
        if let LogicalKey::Record { package, .. } = &version.key {
            needed.insert((package.to_string(), version.schema));
        }
    }
    needed
}

/// Explains a version against the one before it. What a package that is not given would tell is
/// left out.
#[must_use]
pub fn explain(version: &Version, before: Option<&Version>, packages: &Packages) -> Explained {
    let find = |id: &str, number| packages.get(&(id.to_owned(), number)).map(AsRef::as_ref);
    let (owner, register) = match &version.key {
        LogicalKey::Record { package, register, .. } => {
            let owner: Option<&Package> = find(package, version.schema);
            (package.as_str(), owner.and_then(|owner| owner.registers.get(register)))
        }
        LogicalKey::Index { package, .. } | LogicalKey::Counter { package, .. } => {
            (package.as_str(), None)
        }
        LogicalKey::Intent { .. }
        | LogicalKey::TimerHour { .. }
        | LogicalKey::TimerPage { .. }
        | LogicalKey::TimerCursor {} => ("", None),
    };
    // An action writes records of other packages in one case only: the kernel marks its mandates
    // as used, which checks no invariant.
    let own = register.filter(|_| owner == version.by.package);
    let rules = find(&version.by.package, version.by.package_version)
        .and_then(|package| Some(rules(package, package.actions.get(&version.by.action)?, own)));
    let record = Record::from(version);
    let old = before.map(Record::from);
    let bytes = cbor::encode(version);
    Explained {
        body: hash::body_digest(&bytes).to_string(),
        bytes: hex::encode(&bytes),
        rules,
        changes: change::between(old.as_ref(), &record, register),
        source: generation::source(old.as_ref(), &record),
        record,
    }
}

impl From<&Version> for Later {
    fn from(version: &Version) -> Self {
        Self {
            version: version.version,
            began: version.by.time.to_string(),
            height: version.by.height.0,
            package: version.by.package.to_string(),
            action: version.by.action.to_string(),
            member: version.by.member.to_string(),
        }
    }
}

/// A title as the interface shows it.
#[must_use]
pub fn text(text: &Text) -> TextInfo {
    TextInfo { zh: text.zh.clone(), en: text.en.clone() }
}

fn rules(package: &Package, action: &Action, register: Option<&Register>) -> Rules {
    let guard = |code: &str, words: &Text| GuardInfo { code: code.to_owned(), text: text(words) };
    let invariants = register.map(|register| register.invariants.iter()).into_iter().flatten();
    Rules {
        package: PackageSummary {
            id: package.id.to_string(),
            version: package.version,
            title: text(&package.title),
            digest: package.digest.to_string(),
        },
        action: action.name.to_string(),
        title: text(&action.title),
        law: action.law.clone(),
        by: action.by.iter().map(Into::into).collect(),
        mandates: action.mandates.iter().map(|rule| rule.purpose.to_string()).collect(),
        guards: action.refusals().into_iter().map(|(code, text)| guard(code, text)).collect(),
        invariants: invariants.map(|i| guard(&i.code, &i.text)).collect(),
    }
}

#[cfg(test)]
mod tests;

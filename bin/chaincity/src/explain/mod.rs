//! The report of how a record came to be as it is: what it holds, and its rows as both a terminal
//! and a printed page show them.

pub(crate) mod page;
mod rows;
#[cfg(test)]
mod tests;
pub(crate) mod words;

use chaincity_client::api::explain::{Comparison, Explained, Later};
use chaincity_client::api::package::TextInfo;
use chaincity_client::{Checked, Doubt, ExplainedRecord, Inclusion};
use chaincity_types::{Digest, Timestamp};
use serde::Serialize;

/// The report. As JSON its times are RFC 3339 in UTC, as everywhere.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether everything shown is proved.
    pub(crate) ok: bool,
    pub(crate) ledger: String,
    pub(crate) package: String,
    pub(crate) register: String,
    pub(crate) key: String,
    /// Title of the register.
    pub(crate) title: Option<TextInfo>,
    /// The time asked about.
    pub(crate) at: Option<String>,
    /// The final block up to which this is proved.
    pub(crate) proved: ProvedAt,
    /// Oldest first.
    pub(crate) versions: Vec<Shown>,
    /// Versions that began after `at`.
    pub(crate) later: Vec<Later>,
    pub(crate) comparison: Comparison,
}

/// The final block that proves which version is current.
#[derive(Debug, Serialize)]
pub(crate) struct ProvedAt {
    pub(crate) height: u64,
    pub(crate) time: String,
    pub(crate) block: String,
    /// How many validators signed it or one after it.
    pub(crate) signers: usize,
}

/// A version and what was verified about it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    #[serde(flatten)]
    pub(crate) explained: Explained,
    pub(crate) verified: Verified,
}

/// What was verified about a version.
#[derive(Debug, Serialize)]
pub(crate) struct Verified {
    /// Whether all of it holds.
    pub(crate) ok: bool,
    /// Its body hangs on the record's proved current version.
    pub(crate) chain: Verdict,
    /// A final block's receipt says that it was written.
    pub(crate) receipt: Verdict,
    /// The package document is proved from which its rules and titles come.
    pub(crate) rules: Verdict,
}

/// One thing verified: that it holds, or why not.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Verdict {
    pub(crate) ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) zh: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) en: Option<String>,
    /// The block that holds the receipt; absent for the genesis document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) block: Option<String>,
    /// The transaction's position in it, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) index: Option<u32>,
    /// How many validators signed it or one after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signers: Option<usize>,
}

impl Report {
    /// The report on a record, as it stood at a time when one is given.
    pub(crate) fn new(
        ledger: &Digest,
        (package, register, key): (&str, &str, &str),
        record: ExplainedRecord,
        at: Option<Timestamp>,
    ) -> Self {
        let then = |version: &Checked| at.is_none_or(|at| version.began <= at);
        let last = record.versions.iter().rev().find(|version| then(version));
        let last = last.map_or(0, |version| version.explained.record.version);
        let comparison = record.comparison(last);
        let header = &record.block.header;
        let proved = ProvedAt {
            height: header.height.0,
            time: header.time.to_string(),
            block: record.block.digest.to_string(),
            signers: record.block.signers,
        };
        let (shown, after): (Vec<_>, Vec<_>) =
            record.versions.into_iter().partition(|v| v.explained.record.version <= last);
        let versions: Vec<Shown> = shown.into_iter().map(Shown::from).collect();
        Self {
            ok: versions.iter().all(|version| version.verified.ok),
            ledger: ledger.to_string(),
            package: package.to_owned(),
            register: register.to_owned(),
            key: key.to_owned(),
            title: record.title,
            at: at.map(|at| at.to_string()),
            proved,
            versions,
            later: after.iter().map(later).collect(),
            comparison,
        }
    }
}

fn later(checked: &Checked) -> Later {
    let record = &checked.explained.record;
    Later {
        version: record.version,
        began: record.began.clone(),
        height: record.by.height,
        package: record.by.package.clone(),
        action: record.by.action.clone(),
        member: record.by.member.clone(),
    }
}

impl From<Checked> for Shown {
    fn from(checked: Checked) -> Self {
        let ok = checked.is_proved();
        let Checked { explained, began: _, chain, receipt, rules } = checked;
        let verdict = |result: Result<(), Doubt>| match result {
            Ok(()) => Verdict { ok: true, ..Verdict::default() },
            Err(doubt) => Verdict::doubt(doubt),
        };
        let receipt = match receipt {
            Ok(Inclusion::Genesis) => Verdict { ok: true, ..Verdict::default() },
            Ok(Inclusion::Block { block, index, signers }) => Verdict {
                ok: true,
                block: Some(block.to_string()),
                index: Some(index),
                signers: Some(signers),
                ..Verdict::default()
            },
            Err(doubt) => Verdict::doubt(doubt),
        };
        let verified = Verified { ok, chain: verdict(chain), receipt, rules: verdict(rules) };
        Self { explained, verified }
    }
}

impl Verdict {
    fn doubt(doubt: Doubt) -> Self {
        let Doubt { code, zh, en } = doubt;
        Self { code: Some(code), zh: Some(zh), en: Some(en), ..Self::default() }
    }
}

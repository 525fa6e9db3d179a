//! The engine's part of `chaincity fsck`: its files, and its state against the history.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chaincity_engine::{Condition, StateContent, holds_state, read_state};
use chaincity_history::{HistoryError, HistoryStore};
use chaincity_types::wire::{BODY_BYTES_MAX, Head, Version};
use chaincity_types::{Digest, Height, cbor};
use serde::Serialize;

use super::FindingLine;
use crate::failure::chain;
use crate::fault::Fault;
use crate::node_config::NodeConfig;
use crate::together;

/// Blocks looked through for the one that the state is of.
const LOOK_BACK: u64 = 4_096;
/// Differences kept; more are not told.
const DIFFERENCES_MAX: usize = 1_000;

/// Version and body digest of the newest version of each record that the history holds.
pub(super) type Newest = BTreeMap<Digest, (u64, Digest)>;

#[derive(Debug, Serialize)]
pub(super) struct EngineSummary {
    /// `empty`, `stopped` (sealed: every byte was compared) or `crashed` (by checksums alone).
    condition: &'static str,
    files: u64,
    bytes: u64,
    /// Ends of files that a crash left torn; repaired at the next start.
    torn: Vec<String>,
    /// Height of the block that the state is of.
    state_height: Option<u64>,
    state_root: Option<String>,
    /// Keys in the state, each compared with the history.
    keys: Option<u64>,
}

impl EngineSummary {
    pub(super) fn for_person(&self) -> Vec<String> {
        let condition = match self.condition {
            "stopped" => "正常停止，已逐字节比对 · stopped, every byte compared",
            "crashed" => "未正常停止，按校验和检查 · not stopped cleanly, checked by checksums",
            _ => "无数据 · no data",
        };
        let number = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let mut lines = vec![format!(
            "  共识引擎 · engine: {} 个文件 files, {condition}; 现势 state: 高度 height {}, {} 项 keys",
            self.files,
            number(self.state_height),
            number(self.keys)
        )];
        lines.extend(self.torn.iter().map(|torn| {
            format!("  崩溃所致的残缺，启动时修复 · torn by a crash, repaired at start: {torn}")
        }));
        lines
    }
}

fn finding(code: &'static str, detail: impl Into<String>) -> FindingLine {
    FindingLine { code: code.to_owned(), height: None, detail: detail.into() }
}

/// Checks the engine's folder; with a whole history, what the state says as well.
pub(super) fn check(
    config: &NodeConfig,
    history: Option<(&dyn HistoryStore, Newest)>,
    findings: &mut Vec<FindingLine>,
) -> Result<EngineSummary, Fault> {
    let folder = config.engine();
    let report = chaincity_engine::fsck(&folder).map_err(Fault::io(&folder))?;
    let mut summary = EngineSummary {
        condition: match report.condition {
            Condition::Empty => "empty",
            Condition::Stopped => "stopped",
            Condition::Crashed => "crashed",
        },
        files: report.files,
        bytes: report.bytes,
        torn: report.torn.iter().map(|torn| format!("{}: {}", torn.file, torn.detail)).collect(),
        state_height: None,
        state_root: None,
        keys: None,
    };
    let whole = report.is_clean();
    let files = report.findings.into_iter();
    findings.extend(files.map(|f| finding(f.code, format!("{}: {}", f.file, f.detail))));
    let Some((history, newest)) = history else { return Ok(summary) };
    if let Err(why) = together::check(config, history)? {
        findings.push(finding("engine-of-other-time", why));
    }
    if !holds_state(&folder) {
        if history.tip().is_some() {
            findings.push(finding("engine-missing", "there is history, and no state"));
        }
    } else if whole {
        check_state(&folder, &config.data, history, newest, &mut summary, findings);
    }
    Ok(summary)
}

/// Compares the state with the newest versions that the history holds.
fn check_state(
    folder: &Path,
    data: &Path,
    history: &dyn HistoryStore,
    mut newest: Newest,
    summary: &mut EngineSummary,
    findings: &mut Vec<FindingLine>,
) {
    let scratch = data.join("engine.check");
    // Left by a check that was killed.
    drop(fs::remove_dir_all(&scratch));
    let mut differ: Vec<(Digest, Head)> = Vec::new();
    let read = read_state(folder, &scratch, &mut |key, head| {
        let same = newest.remove(&key) == Some((head.version, head.body));
        if !same && differ.len() < DIFFERENCES_MAX {
            differ.push((key, head));
        }
    });
    let StateContent { root, keys } = match read {
        Ok(content) => content,
        Err(error) => return findings.push(finding("engine-unreadable", error.to_string())),
    };
    (summary.keys, summary.state_root) = (Some(keys), Some(root.to_string()));
    let Some(tip) = history.tip() else { return };
    let at = match block_of(history, tip, root) {
        Ok(Some(at)) => at,
        Ok(None) => {
            let detail = "no block in the history has this state root; a node stopped right after \
                          it fetched a snapshot shows this until its next block";
            return findings.push(finding("engine-state-differs", detail));
        }
        Err(error) => return findings.push(finding("damaged", chain(&error))),
    };
    summary.state_height = Some(at.0);
    let before = match written_above(history, at, tip) {
        Ok(before) => before,
        Err(error) => return findings.push(finding("damaged", chain(&error))),
    };
    // A history that does not reach genesis may hold an old version of a record and no newer one.
    let complete = history.complete_from().is_some_and(|from| from <= Height(1));
    let expected = |key: &Digest, head: &Head| {
        before.get(key) == Some(&(head.version, head.body)) || !complete
    };
    let wrong = differ.iter().filter(|(key, head)| !expected(key, head));
    findings.extend(wrong.map(|(key, head)| {
        let detail = format!("key `{key}` is at version {}, unlike the history", head.version);
        finding("engine-state-differs", detail)
    }));
    let missing = newest.keys().filter(|key| before.get(*key).is_none_or(|(was, _)| *was > 0));
    // What differs was taken out above; what is left the state does not have.
    findings.extend(missing.take(DIFFERENCES_MAX).map(|key| {
        finding("engine-state-differs", format!("key `{key}` is in the history alone"))
    }));
}

/// The newest block with this state root.
fn block_of(
    history: &dyn HistoryStore,
    tip: Height,
    root: Digest,
) -> Result<Option<Height>, HistoryError> {
    for height in (tip.0.saturating_sub(LOOK_BACK)..=tip.0).rev().map(Height) {
        let Some(block) = history.block(height)? else { break };
        if block.block.header.state_root == root {
            return Ok(Some(height));
        }
    }
    Ok(None)
}

/// What the records that blocks above `at` wrote were before: version 0 for none.
fn written_above(
    history: &dyn HistoryStore,
    at: Height,
    tip: Height,
) -> Result<Newest, HistoryError> {
    let mut before = Newest::new();
    for height in (at.0.saturating_add(1)..=tip.0).map(Height) {
        let Some(block) = history.block(height)? else { continue };
        for write in block.writes {
            let body = history.body(&write.body)?.unwrap_or_default();
            let version: Option<Version> = cbor::decode(&body, BODY_BYTES_MAX).ok();
            let previous = version.map(|version| version.previous).unwrap_or_default();
            before.entry(write.key).or_insert((write.version.saturating_sub(1), previous));
        }
    }
    Ok(before)
}

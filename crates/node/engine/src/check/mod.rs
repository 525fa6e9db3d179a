//! The check of a stopped node's engine folder: every byte of every file, without changing one.
//!
//! A node that was stopped leaves a [seal](seal) beside its files, made when nothing writes any
//! more: the digest of each. Whatever changed since shows, wherever it is. A node that was killed
//! leaves none; then the checksums that the storage library keeps are verified, page by page and
//! value by value ([`walk`]), and what a crash leaves torn at the end of a file is told apart from
//! damage: the library repairs the one when it opens, the other is refused.
//!
//! At a start only what the node before can last have written is read first; files that newer ones
//! have followed are read beside the running node ([`Later`]), since a large ledger's would keep it
//! from its work for minutes.
//!
//! What is *in* the state is for the caller to compare with history: [`read_state`] hands it over
//! from a copy of the files, because the library repairs what it opens.

mod later;
mod seal;
mod state;
mod walk;

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use later::Later;
pub use state::{StateContent, read_state};

use crate::handle::EngineError;

/// The library's lock; empty.
const HOLD: &str = ".hold";
/// What the caller keeps here about how the folder was last used; it has a checksum of its own.
pub const RUN_FILE: &str = "run";
/// Files that are not sealed.
const OWN: [&str; 6] = [HOLD, RUN_FILE, "run.new", seal::NAME, seal::DRAFT, later::SUSPECT];
/// Where the library notes how far a snapshot is: a key of one byte, then one of these, then more.
const SNAPSHOT: &str = "chainstate_sync_metadata";
const SNAPSHOT_BEGUN: u8 = 0;
/// Most findings kept.
const FINDINGS_MAX: usize = 100;

/// How the node that used the folder ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nobody has used it yet.
    #[default]
    Empty,
    /// It was stopped: everything is sealed.
    Stopped,
    /// It was killed, or is running: there is no seal.
    Crashed,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable name of the kind: `engine-seal-damaged`, `engine-file-changed`,
    /// `engine-file-missing`, `engine-file-unknown`, `engine-file-damaged`, `engine-unreadable`.
    pub code: &'static str,
    /// The file concerned, relative to the folder.
    pub file: String,
    /// What exactly.
    pub detail: String,
}

impl Finding {
    pub(crate) fn new(code: &'static str, file: &Path, detail: impl Into<String>) -> Self {
        Self { code, file: file.display().to_string(), detail: detail.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.code, self.file, self.detail)
    }
}

/// What the check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How the node ended.
    pub condition: Condition,
    /// Files read.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// What is wrong, at most 100.
    pub findings: Vec<Finding>,
    /// Whether there was more.
    pub more: bool,
    /// Ends of files that a crash left torn. No damage: what was durable before is whole, and
    /// the node repairs the rest when it starts.
    pub torn: Vec<Finding>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn found(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.more = true;
        }
    }
}

/// Checks every byte of a stopped node's folder: against the seal if there is one, and by the
/// checksums within the files in any case. Changes nothing.
///
/// # Errors
/// When a file cannot be read, or the folder is in use.
pub fn fsck(folder: &Path) -> io::Result<Report> {
    let mut report = Report::default();
    let files = files(folder)?;
    if files.is_empty() {
        return Ok(report);
    }
    let _hold = hold(folder, false)?;
    check_seal(folder, &files, &BTreeSet::new(), &mut report)?;
    walk::check(folder, &files, &mut report)?;
    Ok(report)
}

/// Whether the node that used the folder had begun to execute or to fetch: it goes on from there,
/// and does not begin anew.
#[must_use]
pub fn holds_state(folder: &Path) -> bool {
    ["blocks-key", "state-log-blobs"].iter().any(|partition| folder.join(partition).is_dir())
}

/// Whether the node that used the folder stopped while it fetched a snapshot: it fetches on, even
/// when it had executed and shown blocks above the snapshot already.
///
/// # Errors
/// When a file cannot be read.
pub fn snapshot_under_way(folder: &Path) -> io::Result<bool> {
    let entry = walk::newer_copy(&folder.join(SNAPSHOT))?.unwrap_or_default();
    Ok(entry.get(1) == Some(&SNAPSHOT_BEGUN))
}

/// Before the storage is opened: refuses a folder that is damaged, and takes the seal away, since
/// what comes now is no longer what was sealed. What is returned is to be checked when the node runs.
pub(crate) fn unseal(folder: &Path) -> Result<Later, EngineError> {
    let failed = |error: io::Error| EngineError::Failed(format!("`{}`: {error}", folder.display()));
    let mut report = Report::default();
    let files = files(folder).map_err(failed)?;
    if files.is_empty() {
        return Ok(Later::default());
    }
    // Waits for what a node before in this process may still be writing.
    let _hold = hold(folder, true).map_err(failed)?;
    let settled = later::settled(folder, &files).map_err(failed)?;
    let sealed = check_seal(folder, &files, &settled, &mut report).map_err(failed)?;
    if report.condition == Condition::Crashed {
        let recent: Vec<PathBuf> =
            files.iter().filter(|name| !settled.contains(*name)).cloned().collect();
        walk::check(folder, &recent, &mut report).map_err(failed)?;
    }
    for torn in &report.torn {
        tracing::info!(%torn, "a crash left the end of a file torn: it is repaired");
    }
    if !report.is_clean() {
        return Err(EngineError::Damaged(report));
    }
    later::trust(folder).map_err(failed)?;
    seal::remove(folder).map_err(failed)?;
    Ok(Later::new(folder, settled, sealed))
}

/// After the storage is closed: seals what is there.
pub(crate) fn seal(folder: &Path) -> io::Result<()> {
    let _hold = hold(folder, true)?;
    seal::write(folder, &files(folder)?)
}

/// What the seal, if there is one, says of the files that are `settled`; the others are compared.
fn check_seal(
    folder: &Path,
    files: &[PathBuf],
    settled: &BTreeSet<PathBuf>,
    report: &mut Report,
) -> io::Result<seal::Sealed> {
    report.condition = if seal::exists(folder)? { Condition::Stopped } else { Condition::Crashed };
    for file in files {
        report.files = report.files.saturating_add(1);
        report.bytes = report.bytes.saturating_add(fs::metadata(folder.join(file))?.len());
    }
    match report.condition {
        Condition::Stopped => seal::check(folder, files, settled, report),
        Condition::Empty | Condition::Crashed => Ok(seal::Sealed::new()),
    }
}

/// The storage library's own lock on the folder, so that nobody writes meanwhile: waited for, or
/// an error when a node has it.
fn hold(folder: &Path, wait: bool) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    let file = options.open(folder.join(HOLD))?;
    if wait {
        file.lock()?;
    } else {
        file.try_lock()?;
    }
    Ok(file)
}

/// All files below the folder but the lock, the seal and the caller's own, sorted, relative.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        let entries = match fs::read_dir(folder.join(&below)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                open.push(name);
            } else if !OWN.iter().any(|own| Path::new(own) == name) {
                found.push(name);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use commonware_runtime::{Runner as _, Supervisor as _, tokio};
    use commonware_storage::metadata::{Config, Metadata};
    use commonware_utils::sequence::FixedBytes;

    use super::*;

    /// Notes these in the place where the library notes how far a snapshot is.
    fn note(folder: &Path, values: &'static [[u8; 3]]) {
        let config = tokio::Config::new().with_storage_directory(folder);
        tokio::Runner::new(config).start(|context| async move {
            let config = Config { partition: SNAPSHOT.into(), codec_config: () };
            let mut store: Metadata<_, FixedBytes<1>, FixedBytes<3>> =
                Metadata::init(context.child("test"), config).await.unwrap();
            for value in values {
                let value = FixedBytes::new(*value);
                store = store.put_sync(FixedBytes::new([0xc0]), value).await.unwrap();
            }
        });
    }

    #[test]
    fn the_newer_whole_note_says_whether_a_snapshot_is_under_way() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path();
        assert!(!snapshot_under_way(folder).unwrap(), "nothing was begun");
        note(folder, &[[SNAPSHOT_BEGUN, 7, 7]]);
        assert!(snapshot_under_way(folder).unwrap());
        note(folder, &[[SNAPSHOT_BEGUN, 8, 8], [1, 0, 9]]);
        assert!(!snapshot_under_way(folder).unwrap(), "it is complete");
        // The newer copy torn: the older one counts, as for the library.
        let copies = files(folder).unwrap();
        let of_completion = |file: &&PathBuf| {
            let bytes = fs::read(folder.join(file)).unwrap();
            bytes.get(4_096 + 9) == Some(&1)
        };
        let newer = folder.join(copies.iter().find(of_completion).unwrap());
        let mut bytes = fs::read(&newer).unwrap();
        bytes.pop();
        fs::write(&newer, bytes).unwrap();
        assert!(snapshot_under_way(folder).unwrap());
    }
}

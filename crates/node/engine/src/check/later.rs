//! The part of the check that does not keep a node from starting.
//!
//! The library writes the files of a partition one after another; what a stop or a crash leaves behind
//! is at the end of the newest. Older ones are *settled* in the partitions that grow with the ledger:
//! nothing writes them any more, and whatever is read from them later has its checksum compared. Votes
//! are not among them: a node reads all that it has signed before it signs. They are checked by a thread beside the running
//! node. If one is damaged the node stops, and leaves a note for its next start to read everything
//! before anything else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::seal::{self, Sealed};
use super::{Report, walk};

/// The partitions that grow with the ledger.
const LARGE: [&str; 6] = [
    "state-log-blobs",
    "state-merkle-blobs",
    "blocks-key",
    "blocks-value",
    "certificates-key",
    "certificates-value",
];
/// The note that a settled file was found damaged.
pub(super) const SUSPECT: &str = "suspect";
/// Newest files of a partition that are not settled: the one that is written, and the one before,
/// which a crash may have caught while it was ended.
const RECENT: usize = 2;

/// The settled files of a folder; none when a check has found one damaged before.
pub(super) fn settled(folder: &Path, files: &[PathBuf]) -> io::Result<BTreeSet<PathBuf>> {
    if folder.join(SUSPECT).try_exists()? {
        return Ok(BTreeSet::new());
    }
    let mut partitions: BTreeMap<&Path, Vec<&PathBuf>> = BTreeMap::new();
    for name in files {
        let Some(partition) = name.parent() else { continue };
        if LARGE.iter().any(|large| Path::new(large) == partition) {
            partitions.entry(partition).or_default().push(name);
        }
    }
    // Names are numbers of the same length, in the order of their making.
    let older = |files: Vec<&PathBuf>| {
        let count = files.len().saturating_sub(RECENT);
        files.into_iter().take(count).cloned().collect::<Vec<_>>()
    };
    Ok(partitions.into_values().flat_map(older).collect())
}

/// Takes the note away: everything was read, and is whole.
pub(super) fn trust(folder: &Path) -> io::Result<()> {
    match fs::remove_file(folder.join(SUSPECT)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// What is still to be checked when a node runs.
#[derive(Debug, Default)]
pub(crate) struct Later {
    folder: PathBuf,
    settled: BTreeSet<PathBuf>,
    sealed: Sealed,
}

impl Later {
    pub(super) fn new(folder: &Path, settled: BTreeSet<PathBuf>, sealed: Sealed) -> Self {
        Self { folder: folder.to_owned(), settled, sealed }
    }

    /// Checks file after file, at half the pace that would be possible: the node works meanwhile. A
    /// file that the node removes is not looked at any more. Ends early when `stopped`. Damage leaves
    /// a note.
    ///
    /// # Errors
    /// When a file cannot be read, or the note not written.
    pub(crate) fn check(self, stopped: impl Fn() -> bool) -> io::Result<Report> {
        let mut report = Report::default();
        for name in &self.settled {
            if stopped() {
                break;
            }
            let begun = Instant::now();
            let found = match self.one(name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Report::default(),
                other => other?,
            };
            // What the node removed meanwhile may have seemed incomplete.
            if self.folder.join(name).try_exists()? {
                found.findings.into_iter().for_each(|finding| report.found(finding));
            }
            std::thread::sleep(begun.elapsed());
        }
        if !report.is_clean() {
            File::create(self.folder.join(SUSPECT))?.sync_all()?;
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(report)
    }

    fn one(&self, name: &Path) -> io::Result<Report> {
        let mut report = Report::default();
        if let Some(expected) = self.sealed.get(name) {
            seal::compare(&self.folder, name, expected, &mut report)?;
        }
        // Also what was sealed: the node may have been stopped before it came to this file.
        if report.is_clean() {
            let mut files = vec![name.to_owned()];
            let values = walk::values_of(name);
            files.extend(values.filter(|values| self.folder.join(values).exists()));
            walk::check(&self.folder, &files, &mut report)?;
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use commonware_cryptography::Crc32;

    use super::*;
    use crate::check::{Condition, files, fsck, seal as seal_folder, unseal};
    use crate::handle::EngineError;

    /// A file with one full page of the state's log and one that is not full.
    fn pages() -> Vec<u8> {
        let mut bytes = b"CWIK\0\0\0\0".to_vec();
        bytes.extend(Crc32::checksum(&bytes).to_be_bytes());
        bytes.resize(4_096, 0);
        for len in [4_096_u16, 100] {
            let mut page = vec![7; usize::from(len)];
            let crc = Crc32::checksum(&page).to_be_bytes();
            page.resize(4_096, 0);
            page.extend(len.to_be_bytes());
            page.extend(crc);
            page.extend([0; 6]);
            bytes.extend(page);
        }
        bytes
    }

    /// A folder with four files of the state's log.
    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("state-log-blobs")).unwrap();
        for name in 0..4 {
            fs::write(dir.path().join(format!("state-log-blobs/{name:016x}")), pages()).unwrap();
        }
        assert!(fsck(dir.path()).unwrap().is_clean());
        dir
    }

    fn flip(folder: &Path, file: usize) {
        let path = folder.join(format!("state-log-blobs/{file:016x}"));
        let mut bytes = fs::read(&path).unwrap();
        bytes[5_000] ^= 1;
        fs::write(path, bytes).unwrap();
    }

    fn codes(later: Later) -> Vec<&'static str> {
        later.check(|| false).unwrap().findings.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn a_start_reads_the_newest_files_and_leaves_the_others_for_later() {
        for (sealed, code) in [(true, "engine-file-changed"), (false, "engine-file-damaged")] {
            for file in 0..4 {
                let dir = folder();
                if sealed {
                    seal_folder(dir.path()).unwrap();
                }
                flip(dir.path(), file);
                assert!(!fsck(dir.path()).unwrap().is_clean());
                let Ok(later) = unseal(dir.path()) else {
                    assert!(file >= 2, "{file} is settled");
                    continue;
                };
                assert!(file < 2, "{file} is not settled");
                assert_eq!(codes(later), [code], "{file}");
                // From then on everything is read first, until it is whole again.
                let refused = unseal(dir.path());
                assert!(matches!(refused, Err(EngineError::Damaged(_))), "{refused:?}");
                flip(dir.path(), file);
                assert!(codes(unseal(dir.path()).unwrap()).is_empty());
                assert_eq!(codes(unseal(dir.path()).unwrap()), Vec::<&str>::new());
            }
        }
    }

    #[test]
    fn a_settled_file_that_is_missing_is_found_at_the_start() {
        let dir = folder();
        seal_folder(dir.path()).unwrap();
        fs::remove_file(dir.path().join(format!("state-log-blobs/{:016x}", 0))).unwrap();
        let Err(EngineError::Damaged(report)) = unseal(dir.path()) else { panic!("not found") };
        assert_eq!(report.condition, Condition::Stopped);
        assert_eq!(report.findings[0].code, "engine-file-missing");
    }

    #[test]
    fn votes_are_all_read_before_the_node_votes() {
        let names: Vec<PathBuf> = (0..4).map(|n| format!("votes-1/{n:016x}").into()).collect();
        assert!(settled(Path::new(""), &names).unwrap().is_empty());
    }

    #[test]
    fn a_file_that_the_node_removes_meanwhile_is_no_damage() {
        let dir = folder();
        let later = unseal(dir.path()).unwrap();
        assert_eq!(settled(dir.path(), &files(dir.path()).unwrap()).unwrap().len(), 2);
        fs::remove_file(dir.path().join(format!("state-log-blobs/{:016x}", 0))).unwrap();
        assert!(codes(later).is_empty());
    }
}

//! Which transactions an import has submitted, so that one that was killed is taken up.
//!
//! The ledger is the truth: this file only tells which transactions to ask it for. A line is written
//! before its transaction is submitted, so nothing of this import is on the ledger that does not
//! stand here:
//!
//! ```text
//! chaincity-import-1 LEDGER-ID
//! DIGEST-OF-CALLS TRANSACTION-ID EXPIRY-MS
//! ```
//!
//! The rows alone decide which calls go together, and a signature is the same each time. So a second
//! run comes to the same calls, finds their line, and either reads their receipt or submits the very
//! same transaction, which applies once. Where the file is missing, of another ledger or of other
//! rows, everything is submitted anew and what is there is rejected by its key.
//!
//! It survives the end of the process. After a power cut lines may be missing at its end.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use chaincity_crypto::hash;
use chaincity_types::wire::Call;
use chaincity_types::{Digest, Timestamp, cbor};

const VERSION: &str = "chaincity-import-1";
const CALLS_DOMAIN: &str = "chaincity/import-calls/1";
/// What is added to the name of the file of rows that did not come in.
const SUFFIX: &str = ".submitted";

/// A transaction that was, or was about to be, submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Submission {
    /// Its id.
    pub(crate) id: Digest,
    /// When it expires.
    pub(crate) expiry: Timestamp,
}

/// The file, and what stood in it.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    known: BTreeMap<Digest, Submission>,
}

/// What tells calls from others.
pub(crate) fn digest(calls: &[Call]) -> Digest {
    hash::in_domain(CALLS_DOMAIN, &cbor::encode(&calls))
}

impl Journal {
    /// Opens the journal beside the file `aside`, or begins it. What another ledger's import left
    /// there is forgotten.
    ///
    /// # Errors
    /// When it cannot be read or written, or another import is writing it.
    pub(crate) fn open(aside: &Path, ledger: &Digest) -> io::Result<Self> {
        let mut name = aside.as_os_str().to_owned();
        name.push(SUFFIX);
        let path = PathBuf::from(name);
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
        };
        let file = File::options().read(true).append(true).create(true).open(&path);
        let mut file = file.map_err(named)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => named(error),
            TryLockError::WouldBlock => {
                named(io::Error::other("另一导入正在进行 another import is under way"))
            }
        })?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(named)?;
        let head = format!("{VERSION} {ledger}\n");
        let known = match text.strip_prefix(head.as_bytes()) {
            Some(lines) => {
                // A kill may have cut the last line: the next begins on one of its own.
                if lines.last().is_some_and(|byte| *byte != b'\n') {
                    file.write_all(b"\n").map_err(named)?;
                }
                lines.split(|byte| *byte == b'\n').filter_map(parse).collect()
            }
            None => {
                file.set_len(0).and_then(|()| file.write_all(head.as_bytes())).map_err(named)?;
                BTreeMap::new()
            }
        };
        Ok(Self { path, file, known })
    }

    /// Under what these calls were submitted before.
    pub(crate) fn before(&self, calls: &Digest) -> Option<Submission> {
        self.known.get(calls).copied()
    }

    /// Notes that these calls are about to be submitted.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn note(&mut self, calls: Digest, of: Submission) -> io::Result<()> {
        let Submission { id, expiry } = of;
        self.known.insert(calls, of);
        self.file.write_all(format!("{calls} {id} {}\n", expiry.0).as_bytes())
    }

    /// Everything has an outcome: nothing is left to take up.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub(crate) fn end(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

fn parse(line: &[u8]) -> Option<(Digest, Submission)> {
    let mut parts = std::str::from_utf8(line).ok()?.split(' ');
    let mut digest = || Digest::from_hex(parts.next()?).ok();
    let (calls, id) = (digest()?, digest()?);
    // All times of this century have as many digits, so one that was cut off is told.
    let expiry = parts.next().filter(|text| text.len() == 13)?.parse().ok().map(Timestamp)?;
    parts.next().is_none().then_some((calls, Submission { id, expiry }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]
    #![allow(clippy::integer_division, reason = "tests")]
    use super::*;

    fn digest(byte: u8) -> Digest {
        Digest([byte; 32])
    }

    fn submission(byte: u8) -> Submission {
        Submission { id: digest(byte), expiry: Timestamp(1_790_000_000_000) }
    }

    #[test]
    fn what_was_noted_is_known_again_wherever_a_kill_cut_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let aside = dir.path().join("aside.jsonl");
        let mut journal = Journal::open(&aside, &digest(9)).unwrap();
        for byte in 1..=3 {
            journal.note(digest(byte), submission(byte)).unwrap();
        }
        drop(journal);
        let path = dir.path().join("aside.jsonl.submitted");
        let whole = fs::read(&path).unwrap();
        let line = (whole.len() - format!("{VERSION} {}\n", digest(9)).len()) / 3;
        for cut in 0..=line {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let mut journal = Journal::open(&aside, &digest(9)).unwrap();
            for byte in 1..=2 {
                assert_eq!(journal.before(&digest(byte)), Some(submission(byte)), "cut {cut}");
            }
            // The end of the line says only that the line was whole.
            let third = (cut <= 1).then_some(submission(3));
            assert_eq!(journal.before(&digest(3)), third, "cut {cut}");
            journal.note(digest(4), submission(4)).unwrap();
            drop(journal);
            let again = Journal::open(&aside, &digest(9)).unwrap();
            assert_eq!(again.before(&digest(4)), Some(submission(4)), "cut {cut}");
        }
    }

    #[test]
    fn another_ledger_is_asked_for_nothing_of_this_one() {
        let dir = tempfile::tempdir().unwrap();
        let aside = dir.path().join("aside.jsonl");
        let mut journal = Journal::open(&aside, &digest(9)).unwrap();
        journal.note(digest(1), submission(1)).unwrap();
        assert!(Journal::open(&aside, &digest(9)).is_err(), "one import at a time");
        drop(journal);
        assert_eq!(Journal::open(&aside, &digest(8)).unwrap().before(&digest(1)), None);
        let again = Journal::open(&aside, &digest(9)).unwrap();
        assert_eq!(again.before(&digest(1)), None);
        again.end().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

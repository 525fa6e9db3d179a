//! The journal: JSON lines, appended and on the disk before anything that follows from them is
//! answered. Books are what its lines make.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::Fault;
use crate::books::{Books, Line};

/// The file, at its end.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the journal and replays it. A last line that a crash left torn was answered to nobody
    /// and is cut off; anything else that cannot be read is refused.
    pub(crate) fn open(path: &Path) -> Result<(Self, Books), Fault> {
        let io = |error| fault(path, &error);
        let file = OpenOptions::new().read(true).append(true).create(true).open(path);
        let mut file = file.map_err(io)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| {
            // A position in a slice is less than its length.
            at.saturating_add(1)
        });
        let mut books = Books::default();
        let lines = bytes.get(..whole).unwrap_or_default().split_inclusive(|byte| *byte == b'\n');
        for (line, number) in lines.zip(1_u64..) {
            let damaged = |cause: &dyn std::fmt::Display| {
                let (zh, en) = ("日志已损坏", "the journal is damaged");
                let cause = format!("{}:{number}: {cause}", path.display());
                Fault::new("journal-damaged", zh, en, cause)
            };
            let line: Line = serde_json::from_slice(line).map_err(|error| damaged(&error))?;
            books.apply(line).map_err(|error| damaged(&error))?;
        }
        if whole < bytes.len() {
            file.set_len(u64::try_from(whole).unwrap_or(u64::MAX)).map_err(io)?;
            file.sync_all().map_err(io)?;
        }
        file.seek(io::SeekFrom::End(0)).map_err(io)?;
        Ok((Self { path: path.to_owned(), file }, books))
    }

    /// Appends a line; when this returns it is on the disk.
    pub(crate) fn append(&mut self, line: &Line) -> Result<(), Fault> {
        let mut bytes =
            serde_json::to_vec(line).map_err(|error| fault(&self.path, &error.into()))?;
        bytes.push(b'\n');
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        written.map_err(|error| fault(&self.path, &error))
    }
}

fn fault(path: &Path, error: &io::Error) -> Fault {
    let (zh, en) = ("日志无法读写", "the journal cannot be read or written");
    Fault::new("journal-fault", zh, en, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::{Plan, Seed};

    fn lines() -> Vec<Line> {
        let seed = Seed { id: "ESCROW".to_owned(), name: "监管".to_owned(), balance_fen: 7 };
        let plan = Plan { hold: true, ..Plan::default() };
        vec![Line::Opened(seed), Line::Planned { account: "SELLER".to_owned(), plan }]
    }

    #[test]
    fn what_was_written_is_there_again_and_a_torn_end_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bank.jsonl");
        let (mut journal, mut books) = Journal::open(&path).unwrap();
        for line in lines() {
            journal.append(&line).unwrap();
            books.apply(line).unwrap();
        }
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for torn in ["{\"line\":\"pla", "{", "{\"line\":\"acknowledged\",\"key\":\"k\"}"] {
            std::fs::write(&path, [&whole, torn.as_bytes()].concat()).unwrap();
            let (mut journal, again) = Journal::open(&path).unwrap();
            assert_eq!(again, books);
            assert_eq!(std::fs::read(&path).unwrap(), whole);
            let (account, plan) = ("ESCROW".to_owned(), Plan::default());
            journal.append(&Line::Planned { account, plan }).unwrap();
            Journal::open(&path).unwrap();
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_or_does_not_fit_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bank.jsonl");
        let opened = serde_json::to_string(&lines()[0]).unwrap();
        for bad in [
            "nonsense\n".to_owned(),
            format!("{opened}\n{opened}\n"),
            "{\"line\":\"settled\",\"key\":\"k\",\"reference\":\"r\",\"booked_on\":\"d\"}\n"
                .to_owned(),
        ] {
            std::fs::write(&path, &bad).unwrap();
            let fault = Journal::open(&path).unwrap_err().to_string();
            assert!(fault.contains("journal-damaged"), "{fault}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), bad, "nothing is touched");
        }
    }
}

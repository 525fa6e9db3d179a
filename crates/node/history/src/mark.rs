//! The mark beside the storage engine: how many batches were certainly on the disk.
//!
//! The engine drops the end of its journal without a word when it cannot read it, as it must
//! after a power cut in the middle of a write. Were the damage in what had long been on the disk,
//! final blocks would vanish unnoticed. So after each synced batch its number is written here,
//! and a history that opens with fewer batches is refused.
//!
//! The file `mark` has two slots of 32 bytes, at 0 and 512, written in turn, so that a torn write
//! leaves the other. A slot: `chmark/1`, the number (8 bytes, big-endian), the first 16 bytes of
//! the digest of these. It is synced when the history closes, not with every batch: after a power
//! cut it may lag behind, never lead.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use chaincity_crypto::suite;

use crate::HistoryError;

const MAGIC: &[u8; 8] = b"chmark/1";
const SLOT_BYTES: usize = 32;
const SLOTS: [u64; 2] = [0, 512];
const NAME: &str = "mark";

/// The open mark.
#[derive(Debug)]
pub(crate) struct Mark {
    state: Mutex<(File, usize)>,
}

fn storage(error: std::io::Error) -> HistoryError {
    HistoryError::Storage(Box::new(error))
}

fn slot(number: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(SLOT_BYTES);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&number.to_be_bytes());
    let tag = suite::digest(&[&out]);
    out.extend(tag.as_bytes().iter().take(16));
    out
}

fn read_slot(bytes: &[u8]) -> Option<u64> {
    let number = bytes.get(8..16)?.try_into().ok().map(u64::from_be_bytes)?;
    (bytes == slot(number)).then_some(number)
}

impl Mark {
    /// Opens the mark in `dir` and gives its number; creates it at 0 when `fresh`.
    ///
    /// # Errors
    /// [`HistoryError::Damaged`] when no slot is whole, or the file is missing and not `fresh`.
    pub(crate) fn open(dir: &Path, fresh: bool) -> Result<(Self, u64), HistoryError> {
        let path = dir.join(NAME);
        if fresh {
            let mut file = File::create_new(&path).map_err(storage)?;
            let mut bytes = vec![0; 1024];
            for (to, from) in bytes.iter_mut().zip(slot(0)) {
                *to = from;
            }
            file.write_all(&bytes).map_err(storage)?;
            file.sync_all().map_err(storage)?;
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(storage)?;
            return Ok((Self { state: Mutex::new((file, 0)) }, 0));
        }
        let mut file = OpenOptions::new().read(true).write(true).open(&path).map_err(storage)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(storage)?;
        let slots = SLOTS.iter().enumerate().filter_map(|(index, at)| {
            let at = usize::try_from(*at).ok()?;
            Some((read_slot(bytes.get(at..at.checked_add(SLOT_BYTES)?)?)?, index))
        });
        let (number, index) = slots.max().ok_or_else(|| HistoryError::damaged("mark"))?;
        Ok((Self { state: Mutex::new((file, index)) }, number))
    }

    /// Whether a mark stands in `dir`.
    pub(crate) fn exists(dir: &Path) -> Result<bool, HistoryError> {
        dir.join(NAME).try_exists().map_err(storage)
    }

    /// Writes the number of a batch that is on the disk.
    pub(crate) fn put(&self, number: u64, sync: bool) -> Result<(), HistoryError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, last) = &mut *state;
        let next = usize::from(*last == 0);
        let at = SLOTS.get(next).copied().unwrap_or(0);
        file.seek(SeekFrom::Start(at)).map_err(storage)?;
        file.write_all(&slot(number)).map_err(storage)?;
        if sync {
            file.sync_all().map_err(storage)?;
        }
        *last = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_slot_leaves_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let (mark, number) = Mark::open(dir.path(), true).unwrap();
        assert_eq!(number, 0);
        mark.put(1, false).unwrap();
        mark.put(2, true).unwrap();
        drop(mark);
        let path = dir.path().join(NAME);
        let mut bytes = std::fs::read(&path).unwrap();
        assert_eq!(Mark::open(dir.path(), false).unwrap().1, 2);
        bytes[9] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(Mark::open(dir.path(), false).unwrap().1, 1);
        bytes[512] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(Mark::open(dir.path(), false), Err(HistoryError::Damaged { .. })));
    }
}

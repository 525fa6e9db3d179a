//! Everything that the ledger holds which could be a digest or hold one.

use std::collections::BTreeSet;
use std::path::Path;

use chaincity_crypto::hash;
use chaincity_history::{DiskOptions, DiskStore, HistoryError, HistoryStore as _};
use chaincity_types::{Height, cbor};

/// Fewest bytes of a string that is kept: shorter ones are no digest.
const BYTES_MIN: usize = 16;
/// Most bytes of such a string.
const BYTES_MAX: usize = 64;
/// Words of 64 bits, one for every beginning of 24 bits: what the first look goes by.
const WORDS: usize = 1 << 18;
/// Bodies read at a time.
const PAGE: usize = 1_000;

/// Strings of 16 to 64 bytes, each by its first 16: so a shortened digest is known as well.
///
/// A string is what follows a head of CBOR, wherever one seems to stand, also within other strings; and
/// what hexadecimal digits say, wherever they stand.
#[derive(Clone)]
pub struct Known {
    strings: BTreeSet<[u8; BYTES_MIN]>,
    /// A bit for each beginning of a string: most of what is asked for is not there.
    first: Vec<u64>,
    /// Whole numbers.
    integers: BTreeSet<u64>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("strings", &self.strings.len()).finish_non_exhaustive()
    }
}

impl Default for Known {
    fn default() -> Self {
        let first = vec![0; WORDS];
        Self { strings: BTreeSet::new(), first, integers: BTreeSet::new() }
    }
}

impl Known {
    /// How many strings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.strings.len()
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.strings.is_empty() && self.integers.is_empty()
    }

    /// Whether a string of the ledger begins as this one does.
    #[must_use]
    pub fn has(&self, bytes: &[u8]) -> bool {
        let Some(beginning) = bytes.first_chunk() else { return false };
        let (word, bit) = place(beginning);
        self.first.get(word).is_some_and(|bits| bits & bit != 0) && self.strings.contains(beginning)
    }

    /// Whether this whole number stands there.
    #[must_use]
    pub fn has_integer(&self, number: u64) -> bool {
        self.integers.contains(&number)
    }

    fn add(&mut self, bytes: &[u8]) {
        let Some(beginning) = bytes.first_chunk() else { return };
        let (word, bit) = place(beginning);
        if let Some(bits) = self.first.get_mut(word) {
            *bits |= bit;
        }
        self.strings.insert(*beginning);
    }

    /// Adds what the encoding of something of the ledger holds.
    pub fn add_encoded(&mut self, bytes: &[u8]) {
        for at in 0..bytes.len() {
            let Some((head, rest)) = bytes.get(at..).and_then(<[u8]>::split_first) else {
                continue;
            };
            match head {
                // Byte strings and texts: the length in the head itself, or in the byte after it.
                0x50..=0x57 | 0x70..=0x77 => self.add_string(rest, usize::from(head & 0x1f)),
                0x58 | 0x78 => {
                    if let Some((length, rest)) = rest.split_first() {
                        self.add_string(rest, usize::from(*length));
                    }
                }
                // A whole number of eight bytes.
                0x1b => {
                    self.integers
                        .extend(rest.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)));
                }
                _ => {}
            }
        }
        self.add_text(bytes);
    }

    fn add_string(&mut self, bytes: &[u8], length: usize) {
        if let Some(string) = bytes.get(..length).filter(|_| length <= BYTES_MAX) {
            self.add(string);
        }
    }

    /// Adds what hexadecimal digits say in a text, such as a log, or in any file: runs of 32 and more, from
    /// their beginning and from their end, in steps of 16 bytes.
    pub fn add_text(&mut self, bytes: &[u8]) {
        const DIGITS: usize = BYTES_MIN * 2;
        let runs = bytes.split(|byte| !byte.is_ascii_hexdigit());
        for run in runs.filter(|run| run.len() >= DIGITS) {
            for part in run.chunks_exact(DIGITS).chain(run.rchunks_exact(DIGITS)) {
                let mut decoded = [0; BYTES_MIN];
                if hex::decode_to_slice(part, &mut decoded).is_ok() {
                    self.add(&decoded);
                }
            }
        }
    }

    /// Adds all blocks, receipts and versions of a node's history, and gives their encodings, each
    /// once, to `each`.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn add_history(
        &mut self,
        dir: &Path,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<u64, HistoryError> {
        let store = DiskStore::open(dir, &DiskOptions::default())?;
        let tip = store.tip().unwrap_or_default();
        for height in 1..=tip.0 {
            let Some(block) = store.block(Height(height))? else { continue };
            let bytes = cbor::encode(&block);
            self.add(hash::header_digest(&block.block.header).as_bytes());
            self.add_encoded(&bytes);
            each(&bytes);
        }
        let mut after = None;
        loop {
            let page = store.bodies_after(after.as_ref(), PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(tip.0) };
            after = Some(*last);
            for (digest, body) in page {
                self.add(digest.as_bytes());
                let body = body?;
                self.add_encoded(&body);
                each(&body);
            }
        }
    }
}

/// The word and the bit of a beginning.
fn place(beginning: &[u8; BYTES_MIN]) -> (usize, u64) {
    let [a, b, c, ..] = *beginning;
    let at = u32::from_be_bytes([0, a, b, c]);
    (usize::try_from(at >> 6).unwrap_or(0), 1_u64.rotate_left(at & 63))
}

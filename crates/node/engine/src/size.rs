//! How much memory the state gets, by its size: pages that are looked for in vain come from the disk,
//! and a restart that cannot keep the keys in memory reads its log over and over.

use std::num::NonZeroUsize;
use std::path::Path;

use crate::config::Limits;
use crate::state::{LOG, OPERATION_BYTES, PAGE_BYTES};

/// Least memory for pages of state, in bytes.
const PAGES_MIN: u64 = 64 << 20;
/// The state's pages get at most this part of the machine's memory.
const PART_OF_MEMORY: u64 = 8;
/// Fewest and most keys that are kept in memory while the state is opened.
const KEYS: (u64, u64) = (1 << 20, 1 << 25);

impl Limits {
    /// For the state in a node's folder, on a machine with so many bytes of memory; for an empty
    /// state when there is none yet. What cannot be read counts as empty: opening it will say why.
    #[must_use]
    pub fn by_folder(folder: &Path, memory: u64) -> Self {
        let files = std::fs::read_dir(folder.join(format!("{LOG}-blobs")));
        let bytes = files
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|file| file.metadata().ok().map(|metadata| metadata.len()));
        Self::by_log(bytes.fold(0, u64::saturating_add), memory)
    }

    /// For a state whose log has so many bytes: half of it as pages, from 64 MiB to an eighth of the
    /// machine's memory, and as many keys as it can hold.
    #[must_use]
    pub fn by_log(bytes: u64, memory: u64) -> Self {
        let most = memory.checked_div(PART_OF_MEMORY).unwrap_or(0).max(PAGES_MIN);
        let pages = bytes.checked_div(2).unwrap_or(0).clamp(PAGES_MIN, most);
        let pages = pages.checked_div(u64::from(PAGE_BYTES.get())).unwrap_or(0);
        let log_entries = bytes.checked_div(OPERATION_BYTES).unwrap_or(0);
        let keys = log_entries.clamp(KEYS.0, KEYS.1);
        let defaults = Self::default();
        let number = |n: u64, or: NonZeroUsize| {
            usize::try_from(n).ok().and_then(NonZeroUsize::new).unwrap_or(or)
        };
        Self {
            state_pages: number(pages, defaults.state_pages),
            open_keys: number(keys, defaults.open_keys),
            log_entries,
            ..defaults
        }
    }

    /// Bytes of the state's log after so many new keys: each is written, and again its neighbour.
    #[must_use]
    pub const fn log_of(keys: u64) -> u64 {
        keys.saturating_mul(OPERATION_BYTES.saturating_mul(2))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::integer_division, reason = "tests")]
    use commonware_codec::FixedSize as _;

    use super::*;
    use crate::state::Operation;

    const GIB: u64 = 1 << 30;

    #[test]
    fn memory_follows_the_size_within_its_bounds() {
        let mib = |limits: &Limits| limits.state_pages.get() / 256;
        let small = Limits::by_log(0, 16 * GIB);
        assert_eq!((mib(&small), small.open_keys.get()), (64, 1 << 20));
        assert!(!small.opens_beside());
        let middle = Limits::by_log(Limits::log_of(4_000_000), 16 * GIB);
        assert_eq!((mib(&middle), middle.open_keys.get()), (431, 8_000_000));
        assert!(middle.opens_beside());
        let large = Limits::by_log(100 * GIB, 16 * GIB);
        assert_eq!((mib(&large), large.open_keys.get()), (2_048, 1 << 25));
        assert_eq!(mib(&Limits::by_log(100 * GIB, 0)), 64);
    }

    #[test]
    fn a_folder_counts_by_the_files_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("state-log-blobs");
        std::fs::create_dir(&log).unwrap();
        for name in ["0", "1"] {
            std::fs::File::create(log.join(name)).unwrap().set_len(GIB / 4).unwrap();
        }
        let limits = Limits::by_folder(folder.path(), 16 * GIB);
        assert_eq!(limits.state_pages.get(), 256 * 256);
        assert_eq!(Limits::by_folder(&log, 16 * GIB).state_pages.get(), 64 * 256);
    }

    #[test]
    fn an_operation_has_the_size_that_is_reckoned_with() {
        assert_eq!(u64::try_from(Operation::SIZE).unwrap(), OPERATION_BYTES);
    }
}

//! History in memory, for tests and the simulator: the same code over sorted maps.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::HistoryError;
use crate::journal::Journal;
use crate::kv::{Batch, Kv, Pair, Space};

type Key = (Space, Vec<u8>);

/// Sorted maps behind a lock.
#[derive(Debug, Default)]
pub struct Maps(RwLock<Entries>);

#[derive(Clone, Debug, Default)]
struct Entries {
    held: BTreeMap<Key, Vec<u8>>,
    /// What a disk would not have for certain yet: keys with their values as of the last batch
    /// that had to be on it.
    unsynced: BTreeMap<Key, Option<Vec<u8>>>,
}

impl Entries {
    fn put(&mut self, key: Key, value: Vec<u8>, sync: bool) {
        let before = self.held.insert(key.clone(), value);
        if !sync {
            self.unsynced.entry(key).or_insert(before);
        }
    }

    /// What is left after a power cut.
    fn durable(&self) -> Self {
        let mut held = self.held.clone();
        for (key, before) in &self.unsynced {
            match before {
                Some(value) => held.insert(key.clone(), value.clone()),
                None => held.remove(key),
            };
        }
        Self { held, unsynced: BTreeMap::new() }
    }
}

impl Kv for Maps {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, HistoryError> {
        let maps = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Ok(maps.held.get(&(space, key.to_vec())).cloned())
    }

    fn has(&self, space: Space, key: &[u8]) -> Result<bool, HistoryError> {
        let maps = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Ok(maps.held.contains_key(&(space, key.to_vec())))
    }

    fn scan(&self, space: Space, from: &[u8], limit: usize) -> Result<Vec<Pair>, HistoryError> {
        let maps = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let entries = maps.held.range((space, from.to_vec())..);
        Ok(entries
            .take_while(|((at, _), _)| *at == space)
            .take(limit)
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect())
    }

    fn commit(&self, batch: Batch<'_>) -> Result<(), HistoryError> {
        let mut maps = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (space, key, value) in batch.entries {
            maps.put((space, key), value.into_owned(), batch.sync);
        }
        if batch.sync {
            maps.unsynced.clear();
        }
        Ok(())
    }
}

/// A history that is gone when it is dropped.
pub type MemoryStore = Journal<Maps>;

impl MemoryStore {
    /// An empty history.
    #[must_use]
    pub fn new() -> Self {
        Self::empty(Maps::default())
    }

    /// The history as a node finds it after a power cut now: without what no reader was promised
    /// to find on the disk.
    ///
    /// # Errors
    /// When what is left is damaged.
    pub fn after_power_cut(&self) -> Result<Self, HistoryError> {
        let left = self.keyspaces().0.read().unwrap_or_else(PoisonError::into_inner).durable();
        Self::load(Maps(RwLock::new(left)), 0)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use chaincity_types::Height;

    use super::*;
    use crate::HistoryStore as _;

    #[test]
    fn a_power_cut_takes_what_was_not_promised_and_nothing_else() {
        let history = MemoryStore::new();
        history.put_certificate(Height(1), b"one").unwrap();
        history.put_meta("a", b"1").unwrap();
        history.put_certificate(Height(2), b"two").unwrap();
        let left = history.after_power_cut().unwrap();
        assert_eq!(left.certificate(Height(1)).unwrap(), Some((Height(1), b"one".to_vec())));
        assert_eq!(left.certificate(Height(2)).unwrap(), None);
        assert_eq!(left.meta("a").unwrap(), Some(b"1".to_vec()));
        left.put_meta("b", b"2").unwrap();
        let mut found = Vec::new();
        left.check_held(&mut |finding| found.push(finding)).unwrap();
        assert_eq!(found, []);
    }
}

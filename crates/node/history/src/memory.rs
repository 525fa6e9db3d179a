//! History in memory, for tests and the simulator: the same code over sorted maps.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::HistoryError;
use crate::journal::Journal;
use crate::kv::{Batch, Kv, Pair, Space};

type Entries = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

/// Sorted maps behind a lock.
#[derive(Debug, Default)]
pub struct Maps(RwLock<Entries>);

impl Kv for Maps {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, HistoryError> {
        let maps = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Ok(maps.get(&(space, key.to_vec())).cloned())
    }

    fn has(&self, space: Space, key: &[u8]) -> Result<bool, HistoryError> {
        let maps = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Ok(maps.contains_key(&(space, key.to_vec())))
    }

    fn scan(&self, space: Space, from: &[u8], limit: usize) -> Result<Vec<Pair>, HistoryError> {
        let maps = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let entries = maps.range((space, from.to_vec())..);
        Ok(entries
            .take_while(|((at, _), _)| *at == space)
            .take(limit)
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect())
    }

    fn commit(&self, batch: Batch) -> Result<(), HistoryError> {
        let mut maps = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (space, key, value) in batch.entries {
            maps.insert((space, key), value);
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
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

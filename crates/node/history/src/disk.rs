//! History on the disk, in a log-structured merge tree (fjall): one keyspace a kind of entry,
//! values of 256 bytes and more apart from the keys, so that sorting random digests moves keys
//! only.
//!
//! The storage engine checks its own blocks and journal, and it panics on some damage; each call
//! into it is caught here and becomes [`HistoryError::Damaged`]. What it drops in silence the
//! [mark](crate::mark) finds.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode};

use crate::HistoryError;
use crate::journal::Journal;
use crate::kv::{Batch, Kv, Pair, Space};
use crate::mark::Mark;

/// Threads that flush and compact. Of several, the storage engine's first one spins for as long as
/// another compacts: where the disk is slow it takes a core from those who wait for it.
const WORKERS: usize = 1;
/// Values of at least this many bytes lie apart from their keys.
const APART_BYTES: u32 = 256;
const DATABASE: &str = "db";

/// How a history on the disk is run.
#[derive(Clone, Debug)]
pub struct DiskOptions {
    /// Memory for cached blocks of data, in bytes.
    pub cache_bytes: u64,
}

impl Default for DiskOptions {
    fn default() -> Self {
        Self { cache_bytes: 64 * 1024 * 1024 }
    }
}

/// The keyspaces of an open database.
pub struct Tree {
    spaces: Vec<(Space, Keyspace)>,
    db: Database,
    mark: Mark,
    writes: AtomicU64,
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("writes", &self.writes).finish_non_exhaustive()
    }
}

/// Calls into the storage engine; a panic there, which only damaged files bring about, becomes an
/// error here.
fn guarded<T>(what: &str, call: impl FnOnce() -> fjall::Result<T>) -> Result<T, HistoryError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(fjall::Error::Locked)) => Err(HistoryError::InUse),
        Ok(Err(error)) => Err(HistoryError::Storage(Box::new(error))),
        Err(_) => Err(HistoryError::damaged(what)),
    }
}

impl Tree {
    fn space(&self, wanted: Space) -> Result<&Keyspace, HistoryError> {
        let found = self.spaces.iter().find(|(space, _)| *space == wanted);
        found.map(|(_, keyspace)| keyspace).ok_or_else(|| HistoryError::damaged(wanted.name()))
    }

    fn open(dir: &Path, options: &DiskOptions) -> Result<(Self, u64), HistoryError> {
        std::fs::create_dir_all(dir).map_err(|e| HistoryError::Storage(Box::new(e)))?;
        let path = dir.join(DATABASE);
        let held = path.try_exists().map_err(|e| HistoryError::Storage(Box::new(e)))?;
        let fresh = !held && !Mark::exists(dir)?;
        let (mark, marked) = Mark::open(dir, fresh)?;
        let (db, spaces) = guarded("database", || {
            let builder = Database::builder(&path).cache_size(options.cache_bytes);
            let db = builder.worker_threads(WORKERS).open()?;
            let spaces = Space::ALL
                .iter()
                .map(|space| Ok((*space, db.keyspace(space.name(), || layout(*space))?)))
                .collect::<fjall::Result<Vec<_>>>()?;
            Ok((db, spaces))
        })?;
        Ok((Self { spaces, db, mark, writes: AtomicU64::new(marked) }, marked))
    }
}

/// Memory for what is not sorted yet, in bytes: of the values that lie apart, and of the others.
/// There are up to two such tables a keyspace at a time, one of them on its way to the disk; the
/// journal is kept as long as they are.
const UNSORTED_APART: u64 = 32 * 1024 * 1024;
const UNSORTED: u64 = 8 * 1024 * 1024;

fn layout(space: Space) -> KeyspaceCreateOptions {
    let options = KeyspaceCreateOptions::default().max_memtable_size(match space {
        Space::Bodies => UNSORTED_APART,
        Space::Blocks
        | Space::ByBlock
        | Space::ByTransaction
        | Space::Certificates
        | Space::Meta
        | Space::State => UNSORTED,
    });
    match space {
        Space::Bodies | Space::Blocks | Space::Certificates => options.with_kv_separation(Some(
            KvSeparationOptions::default().separation_threshold(APART_BYTES),
        )),
        Space::ByBlock | Space::ByTransaction | Space::Meta | Space::State => options,
    }
}

impl Kv for Tree {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, HistoryError> {
        let keyspace = self.space(space)?;
        guarded(space.name(), || Ok(keyspace.get(key)?.map(|value| value.to_vec())))
    }

    fn has(&self, space: Space, key: &[u8]) -> Result<bool, HistoryError> {
        let keyspace = self.space(space)?;
        guarded(space.name(), || keyspace.contains_key(key))
    }

    fn scan(&self, space: Space, from: &[u8], limit: usize) -> Result<Vec<Pair>, HistoryError> {
        let keyspace = self.space(space)?;
        guarded(space.name(), || {
            let entries = keyspace.range(from..).take(limit);
            entries
                .map(|entry| entry.into_inner().map(|(key, value)| (key.to_vec(), value.to_vec())))
                .collect()
        })
    }

    fn commit(&self, batch: Batch<'_>) -> Result<(), HistoryError> {
        let mode = if batch.sync { PersistMode::SyncData } else { PersistMode::Buffer };
        let mut out = self.db.batch().durability(Some(mode));
        for (space, key, value) in batch.entries {
            out.insert(self.space(space)?, key, &*value);
        }
        guarded("journal", || out.commit())?;
        self.writes.store(batch.writes, Ordering::SeqCst);
        if batch.sync
            && let Err(error) = self.mark.put(batch.writes, false)
        {
            // The batch is on the disk; a mark that lags only sees less.
            tracing::warn!(%error, "the history's mark could not be written");
        }
        Ok(())
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let synced = guarded("journal", || self.db.persist(PersistMode::SyncAll));
        let marked = synced.and_then(|()| self.mark.put(self.writes.load(Ordering::SeqCst), true));
        if let Err(error) = marked {
            tracing::error!(%error, "the history could not be closed cleanly");
        }
    }
}

/// A history on the disk.
pub type DiskStore = Journal<Tree>;

impl DiskStore {
    /// Opens the history in `dir`, or creates it there. Only one process may hold it.
    ///
    /// # Errors
    /// [`HistoryError::Damaged`] or [`HistoryError::Storage`] when the files are not what was
    /// written, or batches that were on the disk are gone. The remedy is to move the directory
    /// away and let the node fetch its history from its peers.
    pub fn open(dir: &Path, options: &DiskOptions) -> Result<Self, HistoryError> {
        let (tree, marked) = Tree::open(dir, options)?;
        Self::load(tree, marked)
    }

    /// Moves what only the journal holds into sorted tables, as the storage engine does by itself
    /// when enough has gathered; for tests, and before a backup.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn flush(&self) -> Result<(), HistoryError> {
        let tree = self.keyspaces();
        tree.spaces.iter().try_for_each(|(space, keyspace)| {
            guarded(space.name(), || keyspace.rotate_memtable_and_wait())
        })
    }
}

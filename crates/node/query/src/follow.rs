//! Following the history, and rebuilding from it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use chaincity_crypto::hash;
use chaincity_history::{HistoryStore, Written};
use chaincity_package::model::Package;
use chaincity_types::wire::{BODY_BYTES_MAX, LogicalKey, Version};
use chaincity_types::{Digest, Height, cbor};
use rusqlite::{Connection, TransactionBehavior, params};

use crate::apply::{Apply, signed};
use crate::model::{
    Followed, ReadModel, Writer, followed, read_version, remove, remove_beside, set_followed,
};
use crate::{QueryError, schema};

/// Bodies read from the history at once.
const PAGE: usize = 256;
/// Blocks in one transaction when rebuilding.
const REBUILD_BLOCKS: u64 = 500;

/// How far the read model has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Highest block followed.
    pub height: Option<Height>,
    /// Lowest block followed.
    pub low: Option<Height>,
    /// Blocks applied by this step.
    pub applied: u64,
    /// Whether nothing was left to do.
    pub done: bool,
}

/// What a final block wrote, if the node still has it in memory.
pub type Recent<'a> = &'a dyn Fn(Height) -> Option<Arc<Written>>;

/// Which blocks the model may follow.
#[derive(Clone, Copy)]
struct Range {
    from: Height,
    to: Height,
}

impl ReadModel {
    /// Applies up to `max_blocks` blocks in one transaction: those above the height followed
    /// first, then older ones that a backfill has brought since. The caller waits for new blocks
    /// and calls again; nothing here waits for consensus, or holds it up.
    ///
    /// `packages` are those in force now, the built-in ones among them.
    ///
    /// # Errors
    /// [`QueryError::PackageBehind`] when a record follows a package version not named: call
    /// again with the packages of then. [`QueryError::Incomplete`] when the history no longer
    /// reaches down to the height followed: rebuild.
    pub fn catch_up(
        &self,
        packages: &[Arc<Package>],
        max_blocks: u64,
    ) -> Result<Progress, QueryError> {
        self.catch_up_with(packages, max_blocks, &|_| None)
    }

    /// The same as [`Self::catch_up`]; a block that `recent` has is not read from the history.
    ///
    /// # Errors
    /// See [`Self::catch_up`].
    pub fn catch_up_with(
        &self,
        packages: &[Arc<Package>],
        max_blocks: u64,
        recent: Recent<'_>,
    ) -> Result<Progress, QueryError> {
        let (Some(from), Some(to)) = (self.history.complete_from(), self.history.tip()) else {
            return Ok(Progress { done: true, ..Progress::default() });
        };
        self.step(packages, Range { from, to }, max_blocks, recent)
    }

    /// Follows exactly the blocks that another file has followed.
    pub(crate) fn follow_like(
        &self,
        at: Followed,
        packages: &[Arc<Package>],
    ) -> Result<(), QueryError> {
        let range = Range { from: at.low, to: at.height };
        while !self.step(packages, range, REBUILD_BLOCKS, &|_| None)?.done {}
        Ok(())
    }

    fn step(
        &self,
        packages: &[Arc<Package>],
        range: Range,
        max_blocks: u64,
        recent: Recent<'_>,
    ) -> Result<Progress, QueryError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.fit(&mut writer, packages)?;
        let tables = self.tables();
        let transaction =
            writer.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut apply = Apply::new(&transaction, &tables, self.history.as_ref());
        let mut at = match followed(&transaction)? {
            Some(at) => Some(at),
            None => {
                if range.from > Height(1) {
                    seed(&mut apply, range.from)?;
                }
                None
            }
        };
        let mut applied: u64 = 0;
        while applied < max_blocks
            && let Some(next) = next_block(at, range)
        {
            at = Some(one_block(&mut apply, at, next, recent(next))?);
            applied = applied.saturating_add(1);
        }
        drop(apply);
        if let Some(at) = &at
            && applied > 0
        {
            set_followed(&transaction, at)?;
        }
        transaction.commit()?;
        Ok(Progress {
            height: at.map(|at| at.height),
            low: at.map(|at| at.low),
            applied,
            done: next_block(at, range).is_none(),
        })
    }

    /// Makes the tables fit the packages, when these have changed.
    pub(crate) fn fit(
        &self,
        writer: &mut Writer,
        packages: &[Arc<Package>],
    ) -> Result<(), QueryError> {
        let wanted: Vec<_> = packages
            .iter()
            .map(|package| (package.id.clone(), package.version, package.digest))
            .collect();
        if wanted == writer.packages {
            return Ok(());
        }
        let transaction =
            writer.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (tables, remade) = schema::sync(&transaction, packages)?;
        Apply::new(&transaction, &tables, self.history.as_ref()).fill(&remade)?;
        transaction.commit()?;
        writer.packages = wanted;
        self.set_tables(tables);
        Ok(())
    }
}

/// The next block to apply: upwards first, then downwards.
fn next_block(at: Option<Followed>, range: Range) -> Option<Height> {
    match at {
        None => Some(range.from),
        Some(at) if at.height < range.to => Some(at.height.next()),
        Some(at) if at.low > range.from => at.low.0.checked_sub(1).map(Height),
        Some(_) => None,
    }
}

fn one_block(
    apply: &mut Apply<'_>,
    at: Option<Followed>,
    next: Height,
    recent: Option<Arc<Written>>,
) -> Result<Followed, QueryError> {
    let digest = match recent {
        Some(written) => {
            check_chain(at, next, &written.parent)?;
            for (body, version) in &written.versions {
                apply.version(version, body)?;
            }
            written.block
        }
        None => {
            let block = apply.history.block(next)?;
            let block = block.ok_or(QueryError::Incomplete { before: next.0 })?;
            check_chain(at, next, &block.block.header.parent)?;
            apply.block(&block)?;
            hash::header_digest(&block.block.header)
        }
    };
    Ok(match at {
        None => Followed { low: next, height: next, block: digest },
        Some(at) if next > at.height => Followed { height: next, block: digest, ..at },
        Some(at) => Followed { low: next, ..at },
    })
}

fn check_chain(at: Option<Followed>, height: Height, parent: &Digest) -> Result<(), QueryError> {
    match at {
        Some(at) if at.height.next() == height && at.block != *parent => {
            Err(QueryError::damaged(format!("it followed another block {}", at.height)))
        }
        _ => Ok(()),
    }
}

/// For a node that joined by snapshot: applies, for each record, the newest version held that is
/// older than `from`.
fn seed(apply: &mut Apply<'_>, from: Height) -> Result<(), QueryError> {
    apply.connection.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS seed \
         (key BLOB PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL); \
         DELETE FROM temp.seed;",
    )?;
    let mut after: Option<Digest> = None;
    loop {
        let page = apply.history.bodies_after(after.as_ref(), PAGE)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        for (digest, body) in page {
            let version: Version = cbor::decode(&body?, BODY_BYTES_MAX)
                .map_err(|error| QueryError::damaged(format!("body `{digest}`: {error}")))?;
            if version.by.height < from && matches!(version.key, LogicalKey::Record { .. }) {
                keep_newest(apply.connection, &version, &digest)?;
            }
        }
    }
    let connection = apply.connection;
    let mut statement = connection.prepare("SELECT body FROM temp.seed ORDER BY key")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let body: Vec<u8> = row.get(0)?;
        let body = Digest::from_slice(&body).unwrap_or_default();
        let version = read_version(apply.history, &body, from.0)?;
        apply.version(&version, &body)?;
    }
    drop(rows);
    drop(statement);
    connection.execute_batch("DROP TABLE temp.seed")?;
    Ok(())
}

fn keep_newest(
    connection: &Connection,
    version: &Version,
    body: &Digest,
) -> Result<(), QueryError> {
    let sql = "INSERT INTO temp.seed VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE \
               SET version = excluded.version, body = excluded.body \
               WHERE excluded.version > version";
    let row =
        params![cbor::encode(&version.key), signed(version.version), body.as_bytes().as_slice()];
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

/// Makes the read model anew from the history, in a fresh file that takes the place of the one at
/// `path` in one step. No [`ReadModel`] may be open on `path`.
///
/// `progress` is called now and then with the height reached and the tip.
///
/// # Errors
/// When the history or the file fails; the old file is then still there.
pub fn rebuild(
    path: &Path,
    history: &Arc<dyn HistoryStore>,
    packages: &[Arc<Package>],
    progress: &mut dyn FnMut(Height, Height),
) -> Result<ReadModel, QueryError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let fresh = PathBuf::from(name);
    remove(&fresh)?;
    let model = ReadModel::open(&fresh, Arc::clone(history), packages)?;
    loop {
        let step = model.catch_up(packages, REBUILD_BLOCKS)?;
        if let (Some(height), Some(tip)) = (step.height, history.tip()) {
            progress(height, tip);
        }
        if step.done {
            break;
        }
    }
    model.close()?;
    // The old file's journal must not be replayed into the new one.
    remove_beside(path)?;
    std::fs::rename(&fresh, path)?;
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::File::open(parent)?.sync_all()?;
    }
    ReadModel::open(path, Arc::clone(history), packages)
}

impl ReadModel {
    /// Moves everything into the one file and closes it.
    ///
    /// # Errors
    /// When the file fails.
    pub fn close(self) -> Result<(), QueryError> {
        drop(self.readers);
        let writer = self.writer.into_inner().unwrap_or_else(PoisonError::into_inner);
        writer.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
        writer.connection.close().map_err(|(_, error)| QueryError::Storage(error))
    }
}

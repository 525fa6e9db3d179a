//! Records that admission asks for again and again: operators, members and packages, as the newest
//! final state has them.
//!
//! They change with few blocks; until one does, a transaction's operator and packages cost no
//! reading. Nothing here decides: a block looks everything up again in its parent's state.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chaincity_ledger::{Lookup, Record, View, WrittenVersion, governance};
use chaincity_types::wire::LogicalKey;

/// Most records kept; when there would be more, all are forgotten and those in use come back.
const RECORDS_MAX: usize = 20_000;

/// The records, empty at first.
#[derive(Debug, Default)]
pub(crate) struct Standing(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Counts how often they were forgotten.
    round: u64,
    records: BTreeMap<LogicalKey, Arc<Record>>,
}

/// Whether a record is of a kind that is kept.
fn is_kept(key: &LogicalKey) -> bool {
    let LogicalKey::Record { package, register, .. } = key else { return false };
    let kept = [governance::OPERATOR, governance::MEMBER, governance::PACKAGE];
    package == governance::ID && kept.contains(&register.as_str())
}

impl Standing {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, key: &LogicalKey) -> Option<Arc<Record>> {
        self.kept().records.get(key).cloned()
    }

    /// To be asked before reading what is to be learnt.
    pub(crate) fn round(&self) -> u64 {
        self.kept().round
    }

    /// Keeps what was read of these keys since `round`, unless a block changed something meanwhile:
    /// it may have been read before.
    pub(crate) fn learn(&self, round: u64, keys: &[LogicalKey], known: &dyn View) {
        let mut kept = self.kept();
        if kept.round != round {
            return;
        }
        for key in keys.iter().filter(|key| is_kept(key)) {
            if let Lookup::Known(Some(record)) = known.lookup(key) {
                if kept.records.len() >= RECORDS_MAX {
                    kept.records.clear();
                }
                kept.records.insert(key.clone(), record);
            }
        }
    }

    /// Forgets everything if a block that is final now wrote such a record, or if what it wrote is
    /// not known. To be called once its state is applied.
    pub(crate) fn on_final(&self, written: Option<&[WrittenVersion]>) {
        if written.is_some_and(|written| {
            !written.iter().any(|version| is_kept(&version.record.version.key))
        }) {
            return;
        }
        let mut kept = self.kept();
        kept.round = kept.round.wrapping_add(1);
        kept.records.clear();
    }
}

/// What admission sees: what it read for this batch, over what was kept before.
pub(crate) struct Glance<'a> {
    pub(crate) known: &'a dyn View,
    pub(crate) standing: &'a Standing,
}

impl View for Glance<'_> {
    fn lookup(&self, key: &LogicalKey) -> Lookup {
        let known = self.known.lookup(key);
        if matches!(known, Lookup::Unknown)
            && is_kept(key)
            && let Some(record) = self.standing.get(key)
        {
            return Lookup::Known(Some(record));
        }
        known
    }
}

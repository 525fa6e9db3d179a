//! The epoch up to which a node that started from a snapshot signs nothing.
//!
//! Such a node may have voted before, and does not know any more what: a second, other vote in the
//! same view would be a fault that the network can bear only from a third of its validators. The
//! votes lost are of the snapshot's epoch at the latest, so from the next one on it votes again
//! (`docs/adr/0007-damage.md`).
//!
//! Kept in both copies of the store, so that one damaged copy does not bring back the one before.

use commonware_consensus::types::Epoch;
use commonware_storage::metadata::{Config, Metadata};
use commonware_utils::sequence::U64;

use crate::chain::Runtime;

const THROUGH: U64 = U64::new(0);

/// The store of that epoch.
pub(crate) struct Abstention<E: Runtime> {
    store: Metadata<E, U64, u64>,
}

impl<E: Runtime> Abstention<E> {
    #[allow(
        clippy::panic,
        reason = "damaged storage must stop the node; it never depends on input"
    )]
    pub(crate) async fn open(context: &E, storage: &str) -> Self {
        let config = Config { partition: format!("{storage}abstention"), codec_config: () };
        match Metadata::init(context.child("abstention"), config).await {
            Ok(store) => Self { store },
            Err(error) => panic!("the store of abstention cannot be opened: {error}"),
        }
    }

    /// The last epoch in which the node abstains, if there is one.
    pub(crate) fn through(&self) -> Option<u64> {
        self.store.get(&THROUGH).copied()
    }

    /// Abstains up to `epoch`; durable when it returns.
    #[allow(clippy::panic, reason = "a node that cannot keep this must not vote")]
    pub(crate) async fn extend(self, epoch: Epoch) -> Self {
        let through = self.through().max(Some(epoch.get())).unwrap_or_default();
        let mut store = self.store;
        for _copy in 0..2 {
            store = match store.put_sync(THROUGH, through).await {
                Ok(store) => store,
                Err(error) => panic!("abstention cannot be kept: {error}"),
            };
        }
        Self { store }
    }
}

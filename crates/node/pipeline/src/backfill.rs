//! Filling history backwards, for a node that joined by snapshot.
//!
//! Each block names its parent's digest and commits to its receipts and writes, each write names
//! its body's digest: everything is checked against what is already trusted.

use chaincity_engine::{Clock, ContentKey};
use chaincity_history::StoredBlock;
use chaincity_types::{Digest, Height};

use crate::api::NodeError;
use crate::chain;
use crate::machine::checked_block;
use crate::pipeline::Pipeline;

/// How long to wait when no peer could give what is missing.
const PAUSE_MS: u64 = 1_000;

impl Pipeline {
    /// Fetches older blocks and bodies from peers, newest first, until history reaches genesis.
    pub async fn backfill<C: Clock>(&self, clock: C) {
        loop {
            match self.backfill_step().await {
                Ok(Progress::Complete) => return,
                Ok(Progress::Moved) => {}
                Ok(Progress::Waiting) => clock.sleep_ms(PAUSE_MS).await,
                Err(fault) => {
                    tracing::warn!(%fault, "backfilling waits");
                    clock.sleep_ms(PAUSE_MS).await;
                }
            }
        }
    }

    /// Fetches the block below the lowest complete one, with its bodies.
    async fn backfill_step(&self) -> Result<Progress, NodeError> {
        let inner = &*self.inner;
        let fault = |e: chaincity_history::HistoryError| NodeError::Fault(chain(&e));
        let Some(lowest) = inner.store.complete_from() else { return Ok(Progress::Waiting) };
        if lowest <= Height(1) {
            return Ok(Progress::Complete);
        }
        let above = inner.store.block(lowest).map_err(fault)?;
        let Some(above) = above else { return Ok(Progress::Waiting) };
        let digest = above.block.header.parent;
        let Some(orderer) = inner.orderer.get() else { return Ok(Progress::Waiting) };
        let Some(bytes) = orderer.fetch(ContentKey::Block(digest)).await else {
            return Ok(Progress::Waiting);
        };
        let Some(stored) = checked_block(digest, &bytes) else { return Ok(Progress::Waiting) };
        let Some(bodies) = self.fetch_bodies(&stored).await? else {
            return Ok(Progress::Waiting);
        };
        inner.store.backfill(Some(&stored), &bodies).map_err(fault)?;
        self.extend_window(&above.block.header, &stored);
        let writes: Vec<_> = stored.writes.iter().map(|write| write.body).collect();
        self.note_governance(&writes, false)?;
        Ok(Progress::Moved)
    }

    async fn fetch_bodies(
        &self,
        stored: &StoredBlock,
    ) -> Result<Option<Vec<(Digest, Vec<u8>)>>, NodeError> {
        let inner = &*self.inner;
        let Some(orderer) = inner.orderer.get() else { return Ok(None) };
        let mut bodies = Vec::with_capacity(stored.writes.len());
        for write in &stored.writes {
            let held = inner.store.body(&write.body).map_err(|e| NodeError::Fault(chain(&e)))?;
            if held.is_some() {
                continue;
            }
            let fetched = orderer.fetch(ContentKey::Body(write.body)).await;
            let matching =
                fetched.filter(|bytes| chaincity_crypto::hash::body_digest(bytes) == write.body);
            let Some(bytes) = matching else { return Ok(None) };
            bodies.push((write.body, bytes.to_vec()));
        }
        Ok(Some(bodies))
    }
}

enum Progress {
    /// History reaches genesis.
    Complete,
    /// One block more.
    Moved,
    /// Nothing to be had at the moment.
    Waiting,
}

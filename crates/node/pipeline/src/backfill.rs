//! Filling history backwards, for a node that joined by snapshot.
//!
//! Each block names its parent's digest and commits to its receipts and writes, each write names
//! its body's digest: everything is checked against what is already trusted.

use chaincity_crypto::hash;
use chaincity_engine::{Clock, ContentKey};
use chaincity_ledger::governance;
use chaincity_package::doc::PackageDoc;
use chaincity_types::{Digest, Height};
use futures::stream::{self, StreamExt as _};

use crate::api::NodeError;
use crate::chain;
use crate::parcel::Parcel;
use crate::pipeline::Pipeline;

/// How long to wait when no peer could give what is missing.
const PAUSE_MS: u64 = 1_000;
/// Bodies asked for at a time: one after another, each waits for a peer's answer. Fewer than the
/// messages that a peer takes at once.
const FETCHES: usize = 32;

impl Pipeline {
    /// Fetches older blocks and bodies from peers, newest first, until history reaches genesis, and
    /// again when a snapshot leaves a gap above: runs until the pipeline is dropped by its node.
    pub async fn backfill<C: Clock>(&self, clock: C) {
        let mut tip = self.inner.tip.subscribe();
        let mut packages_known = false;
        loop {
            tip.mark_unchanged();
            if !packages_known {
                packages_known = self.learn_packages().await.unwrap_or_else(|fault| {
                    tracing::warn!(%fault, "the packages in force are not known yet");
                    false
                });
            }
            match self.backfill_step().await {
                // A node that lost its state has a gap once the first block after the snapshot is
                // held.
                Ok(Progress::Complete) => {
                    if tip.changed().await.is_err() {
                        return;
                    }
                    packages_known = false;
                }
                Ok(Progress::Moved) => {}
                Ok(Progress::Waiting) => clock.sleep_ms(PAUSE_MS).await,
                Err(fault) => {
                    tracing::warn!(%fault, "backfilling waits");
                    clock.sleep_ms(PAUSE_MS).await;
                }
            }
        }
    }

    /// Reads from the state the packages that genesis names, in whatever version is in force, so
    /// that a node that joined by snapshot can be asked for records before its history reaches
    /// down to their publication. Packages published later are met on the way. Gives whether there
    /// is nothing left to do.
    async fn learn_packages(&self) -> Result<bool, NodeError> {
        let inner = &*self.inner;
        let (Some(lowest), Some(orderer)) = (inner.store.complete_from(), inner.orderer.get())
        else {
            return Ok(false);
        };
        if lowest <= Height(1) {
            return Ok(true);
        }
        let documents = inner.genesis.packages.iter();
        let keys: Vec<_> = documents
            .filter_map(|document| PackageDoc::from_bytes(document).ok())
            .map(|document| governance::key(governance::PACKAGE, &document.id))
            .collect();
        let heads = orderer.heads(keys.iter().map(hash::state_key).collect()).await;
        for (key, head) in keys.iter().zip(heads.map_err(NodeError::Fault)?) {
            if let Some(head) = head {
                crate::records::load(key, head, &inner.bodies).await?;
                self.note_governance(&[head.body], false)?;
            }
        }
        Ok(true)
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
        let Some(parcel) = Parcel::open(digest, &bytes) else { return Ok(Progress::Waiting) };
        let Some(bodies) = self.fetch_bodies(&parcel).await? else {
            return Ok(Progress::Waiting);
        };
        let stored = parcel.stored;
        inner.store.backfill(Some(&stored), &bodies).map_err(fault)?;
        self.extend_window(&above.block.header, &stored);
        let writes: Vec<_> = stored.writes.iter().map(|write| write.body).collect();
        self.note_governance(&writes, false)?;
        Ok(Progress::Moved)
    }

    /// The bodies that are not held: most come with the block, those that did not fit are asked
    /// for one by one.
    async fn fetch_bodies(
        &self,
        parcel: &Parcel,
    ) -> Result<Option<Vec<(Digest, Vec<u8>)>>, NodeError> {
        let inner = &*self.inner;
        let Some(orderer) = inner.orderer.get() else { return Ok(None) };
        let mut bodies: Vec<_> =
            parcel.bodies().map(|(digest, bytes)| (digest, bytes.to_vec())).collect();
        let mut missing = Vec::new();
        for write in parcel.stored.writes.iter().skip(bodies.len()) {
            let held = inner.store.body(&write.body).map_err(|e| NodeError::Fault(chain(&e)))?;
            missing.extend(held.is_none().then_some(write.body));
        }
        let fetch = |body: Digest| async move {
            let bytes = orderer.fetch(ContentKey::Body(body)).await?;
            let matches = chaincity_crypto::hash::body_digest(&bytes) == body;
            matches.then(|| (body, bytes.to_vec()))
        };
        let fetched = stream::iter(missing).map(fetch).buffered(FETCHES).collect::<Vec<_>>();
        let fetched: Option<Vec<_>> = fetched.await.into_iter().collect();
        Ok(fetched.map(|fetched| {
            bodies.extend(fetched);
            bodies
        }))
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

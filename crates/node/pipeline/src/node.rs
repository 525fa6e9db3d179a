//! A running node as its own process sees it: submission, reading, proofs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use chaincity_crypto::{hash, tree};
use chaincity_engine::Clock;
use chaincity_engine::stage::{Stage, polled};
use chaincity_history::{HistoryError, HistoryStore, StoredBlock, Written};
use chaincity_package::model::Package;
use chaincity_types::wire::{
    FinalityProof, Genesis, Head, Header, LogicalKey, Receipt, ReceiptProof, RecordProof,
    TrustBundle, Version,
};
use chaincity_types::{Digest, Height, cbor};
use futures::FutureExt;
use futures::future::{BoxFuture, Either, select};
use minicbor::bytes::ByteVec;

use crate::api::{NodeApi, NodeError, NodeStatus, Refusal};
use crate::chain;
use crate::orderer::{FinalState, Orderer};
use crate::pipeline::Pipeline;

/// Most headers between a block and the certificate that proves it final.
const HEADERS_MAX: u64 = 1_024;
/// How long a proof waits for the header or certificate of a block just applied.
const PROOF_WAIT_MS: u64 = 5_000;

/// A pipeline with the orderer that drives it.
#[derive(Clone, Debug)]
pub struct Node<C> {
    pipeline: Pipeline,
    orderer: Arc<dyn Orderer>,
    clock: C,
}

impl<C: Clock + std::fmt::Debug> Node<C> {
    /// Joins a pipeline to its orderer.
    pub fn new(pipeline: Pipeline, orderer: Arc<dyn Orderer>, clock: C) -> Self {
        pipeline.connect(Arc::clone(&orderer));
        Self { pipeline, orderer, clock }
    }

    fn store(&self) -> &Arc<dyn HistoryStore> {
        &self.pipeline.inner.store
    }

    /// Waits at most `ms` until `ready` gives something; asks again at every final block.
    async fn wait_for<T>(&self, ms: u64, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
        let mut tip = self.pipeline.inner.tip.subscribe();
        let mut due = self.clock.sleep_ms(ms);
        loop {
            tip.mark_unchanged();
            if let Some(found) = ready() {
                return Some(found);
            }
            let changed = tip.changed();
            futures::pin_mut!(changed);
            match select(changed, due).await {
                Either::Left((Ok(()), rest)) => due = rest,
                Either::Left((Err(_), _)) | Either::Right(_) => return ready(),
            }
        }
    }

    /// The final header with this state root, once it is known.
    async fn header_of(&self, state_root: Digest) -> Option<Header> {
        self.wait_for(PROOF_WAIT_MS, || {
            let shared = self.pipeline.inner.shared();
            let found = shared.recent.values().rev().find(|(h, _)| h.state_root == state_root);
            found.map(|(header, _)| header.clone())
        })
        .await
    }

    async fn certified(&self, height: Height) -> Result<FinalityProof, NodeError> {
        self.wait_for(PROOF_WAIT_MS, || self.finality(height).ok()).await;
        self.finality(height)
    }

    /// Refuses while there is no state to read, or while it lacks blocks that history shows:
    /// operators would be taken for unknown, and records for older than they are.
    async fn check_ready(&self) -> Result<(), NodeError> {
        if self.orderer.syncing() || self.pipeline.tip().header.height == Height(0) {
            return Err(NodeError::NotReady);
        }
        if self.pipeline.inner.caught_up.load(Ordering::Acquire) {
            return Ok(());
        }
        let root = self.orderer.prove(Vec::new()).await.map_err(NodeError::Fault)?.state_root;
        if self.pipeline.is_caught_up(root) { Ok(()) } else { Err(NodeError::NotReady) }
    }

    async fn read(&self, key: LogicalKey) -> Result<Option<(Head, Arc<Version>)>, NodeError> {
        self.check_ready().await?;
        let heads = self.orderer.heads(vec![hash::state_key(&key)]).await;
        let heads = heads.map_err(NodeError::Fault)?;
        let Some(head) = heads.into_iter().next().flatten() else { return Ok(None) };
        let record = crate::records::load(&key, head, &self.pipeline.inner.bodies).await?;
        Ok(Some((head, record.version)))
    }

    async fn record_proof(
        &self,
        key: LogicalKey,
        versions: usize,
    ) -> Result<RecordProof, NodeError> {
        const VERSIONS_MAX: usize = 256;
        self.check_ready().await?;
        let proved = self.orderer.prove(vec![hash::state_key(&key)]).await;
        let proved = proved.map_err(NodeError::Fault)?;
        let none = || NodeError::Fault("the engine gave no proof".into());
        let (head, state) = proved.proofs.into_iter().next().ok_or_else(none)?;
        let header = self.header_of(proved.state_root).await;
        let header = header.ok_or_else(|| {
            NodeError::Fault("the state moved on while it was being proved, ask again".into())
        })?;
        let mut bodies = Vec::new();
        let mut next = head.map(|head| head.body);
        while let Some(digest) = next.filter(|_| bodies.len() <= versions.min(VERSIONS_MAX)) {
            let missing = || NodeError::BodyMissing { body: digest.to_string() };
            let version = self.pipeline.inner.bodies.find(digest).await?.ok_or_else(missing)?;
            bodies.push(ByteVec::from(cbor::encode(&*version)));
            next = Some(version.previous).filter(|previous| *previous != Digest::ZERO);
        }
        Ok(RecordProof {
            format: RecordProof::FORMAT.to_owned(),
            key: cbor::encode(&key),
            versions: bodies,
            state,
            finality: self.certified(header.height).await?,
        })
    }

    async fn receipt_proof(&self, id: Digest) -> Result<Option<ReceiptProof>, NodeError> {
        let Some((height, index)) = self.store().transaction(&id).map_err(fault)? else {
            return Ok(None);
        };
        let stored = self.store().block(height).map_err(fault)?;
        let stored = stored.ok_or(NodeError::HistoryIncomplete { before: height.0 })?;
        let leaves = chaincity_ledger::effects_leaves(&stored.receipts, &stored.writes);
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let damaged = || NodeError::Fault(format!("block {height} lacks its receipt {index}"));
        let receipt = leaves.get(index).cloned().ok_or_else(damaged)?;
        let inclusion = tree::inclusion_proof(&leaves, index).ok_or_else(damaged)?;
        let finality = self.certified(height).await?;
        Ok(Some(ReceiptProof { receipt, inclusion, finality }))
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn fault(error: HistoryError) -> NodeError {
    NodeError::Fault(chain(&error))
}

impl<C: Clock + std::fmt::Debug> NodeApi for Node<C> {
    fn submit_many(&self, transactions: Vec<Bytes>) -> BoxFuture<'_, Vec<Result<Digest, Refusal>>> {
        async move {
            if self.check_ready().await.is_err() {
                let busy = || Err(chaincity_types::Reject::Busy.into());
                return transactions.iter().map(|_| busy()).collect();
            }
            let state = FinalState::new(Arc::clone(&self.orderer));
            let admit = self.pipeline.admit(transactions, &state, self.clock.now());
            polled(Stage::Admission, admit).await
        }
        .boxed()
    }

    fn receipt(&self, id: &Digest) -> Result<Option<Receipt>, NodeError> {
        let Some((height, index)) = self.store().transaction(id).map_err(fault)? else {
            return Ok(None);
        };
        // Stored a moment before it counts: a receipt is shown once the block's state is applied.
        if height > self.pipeline.tip().header.height {
            return Ok(None);
        }
        let Some(stored) = self.block(height)? else { return Ok(None) };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        Ok(stored.receipts.get(index).cloned())
    }

    fn wait_receipt(
        &self,
        id: Digest,
        ms: u64,
    ) -> BoxFuture<'_, Result<Option<Receipt>, NodeError>> {
        async move {
            let found = self.wait_for(ms, || match self.receipt(&id) {
                Ok(None) => None,
                done => Some(done),
            });
            found.await.unwrap_or(Ok(None))
        }
        .boxed()
    }

    fn record(
        &self,
        key: LogicalKey,
    ) -> BoxFuture<'_, Result<Option<(Head, Arc<Version>)>, NodeError>> {
        self.read(key).boxed()
    }

    fn prove_record(
        &self,
        key: LogicalKey,
        versions: usize,
    ) -> BoxFuture<'_, Result<RecordProof, NodeError>> {
        self.record_proof(key, versions).boxed()
    }

    fn prove_receipt(&self, id: Digest) -> BoxFuture<'_, Result<Option<ReceiptProof>, NodeError>> {
        self.receipt_proof(id).boxed()
    }

    fn finality(&self, height: Height) -> Result<FinalityProof, NodeError> {
        let found = self.store().certificate(height).map_err(fault)?;
        let (certified, certificate) = found
            .filter(|(at, _)| at.0.saturating_sub(height.0) < HEADERS_MAX)
            .ok_or(NodeError::NotCertified(height.0))?;
        let mut headers = Vec::new();
        for at in height.0..=certified.0 {
            let header = if at == 0 {
                self.pipeline.inner.genesis_header.clone()
            } else {
                let stored = self.store().block(Height(at)).map_err(fault)?;
                let missing = NodeError::HistoryIncomplete { before: at.saturating_add(1) };
                stored.ok_or(missing)?.block.header
            };
            headers.push(ByteVec::from(cbor::encode(&header)));
        }
        Ok(FinalityProof { headers, certificate })
    }

    fn trust_bundle(&self) -> Result<TrustBundle, NodeError> {
        let inner = &*self.pipeline.inner;
        let current = self.pipeline.epoch_of(self.pipeline.tip().header.height);
        let committees = inner.shared().committees.clone();
        let mut epochs = Vec::new();
        for (epoch, committee) in committees.iter().filter(|(e, _)| (1..=current).contains(*e)) {
            let boundary = epoch.saturating_mul(inner.genesis.epoch_blocks).saturating_sub(1);
            let handover = match self.pipeline.adopted_handover(*epoch)? {
                Some(handover) => handover,
                None => self.finality(Height(boundary))?,
            };
            epochs.push((committee.clone(), handover));
        }
        Ok(TrustBundle { genesis: Genesis::clone(&inner.genesis), epochs })
    }

    fn block(&self, height: Height) -> Result<Option<Arc<StoredBlock>>, NodeError> {
        match self.pipeline.inner.handed.block(height) {
            Some(block) => Ok(Some(block)),
            None => Ok(self.store().block(height).map_err(fault)?.map(Arc::new)),
        }
    }

    fn written(&self, height: Height) -> Option<Arc<Written>> {
        self.pipeline.inner.handed.written(height)
    }

    fn body(&self, digest: Digest) -> BoxFuture<'_, Result<Option<Arc<Version>>, NodeError>> {
        self.pipeline.inner.bodies.find(digest).boxed()
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), NodeError>> {
        self.check_ready().boxed()
    }

    fn status(&self) -> NodeStatus {
        let inner = &*self.pipeline.inner;
        let tip = self.pipeline.tip();
        let epoch = self.pipeline.epoch_of(tip.header.height.next());
        let shared = inner.shared();
        let committee = shared.committees.get(&epoch).cloned();
        let validator = committee
            .as_ref()
            .is_some_and(|c| c.validators.iter().any(|v| v.key == inner.node_key));
        NodeStatus {
            ledger: inner.ledger,
            protocol: tip.header.protocol,
            node_key: inner.node_key.clone(),
            validator,
            height: tip.header.height,
            block: tip.digest,
            state_root: tip.header.state_root,
            time: tip.header.time,
            epoch,
            committee,
            pool: shared.pool.len(),
            peers: self.orderer.connected(),
            history_from: inner.store.complete_from(),
            syncing: self.orderer.syncing(),
            timer_lag_ms: shared
                .timers_waiting_since
                .map_or(0, |since| tip.header.time.since_ms(since)),
            equivocators: shared.equivocators.iter().cloned().collect(),
        }
    }

    fn genesis(&self) -> Arc<Genesis> {
        Arc::clone(&self.pipeline.inner.genesis)
    }

    fn packages(&self) -> Vec<Arc<Package>> {
        self.pipeline.inner.shared().packages.values().cloned().collect()
    }

    fn wait_above(&self, height: Height) -> BoxFuture<'_, Height> {
        async move {
            let mut tip = self.pipeline.inner.tip.subscribe();
            loop {
                let now = tip.borrow_and_update().as_ref().map_or(Height(0), |t| t.header.height);
                if now > height || tip.changed().await.is_err() {
                    return now;
                }
            }
        }
        .boxed()
    }

    fn history(&self) -> Arc<dyn HistoryStore> {
        Arc::clone(self.store())
    }
}

//! The node as the agent has it: what is submitted stands in a block before the call returns, so
//! that nothing waits, or is lost on the way when a test says so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use chaincity_history::{HistoryStore, StoredBlock};
use chaincity_package::model::Package;
use chaincity_pipeline::{Current, NodeApi, NodeError, NodeStatus, Refusal};
use chaincity_testing::desk::Desk;
use chaincity_types::wire::{
    FinalityProof, Genesis, LogicalKey, Receipt, ReceiptProof, RecordProof, TrustBundle, Version,
};
use chaincity_types::{Digest, Height};
use futures::FutureExt as _;
use futures::executor::block_on;
use futures::future::{BoxFuture, ready};

pub struct Counter {
    node: Arc<dyn NodeApi>,
    desk: Mutex<Desk>,
    loses: AtomicBool,
    waited: Mutex<Vec<Digest>>,
    submitted: Mutex<usize>,
}

impl Counter {
    pub fn new(desk: Desk) -> Self {
        let node = Arc::new(desk.node().clone());
        Self {
            node,
            desk: Mutex::new(desk),
            loses: AtomicBool::default(),
            waited: Mutex::default(),
            submitted: Mutex::default(),
        }
    }

    pub fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap()
    }

    /// From now on what is submitted is taken and lost, as when the process ends before it left.
    pub fn lose(&self, loses: bool) {
        self.loses.store(loses, Ordering::Relaxed);
    }

    /// The receipts that were waited for since this was asked last.
    pub fn waited(&self) -> Vec<Digest> {
        std::mem::take(&mut *self.waited.lock().unwrap())
    }

    /// How many transactions were submitted since this was asked last.
    pub fn submitted(&self) -> usize {
        std::mem::take(&mut *self.submitted.lock().unwrap())
    }
}

impl NodeApi for Counter {
    fn submit_many(&self, transactions: Vec<Bytes>) -> BoxFuture<'_, Vec<Result<Digest, Refusal>>> {
        *self.submitted.lock().unwrap() += transactions.len();
        if self.loses.load(Ordering::Relaxed) {
            return ready(transactions.iter().map(|_| Ok(Digest::ZERO)).collect()).boxed();
        }
        let answers = block_on(self.node.submit_many(transactions));
        self.desk().step();
        ready(answers).boxed()
    }

    fn wait_receipt(
        &self,
        id: Digest,
        _: u64,
    ) -> BoxFuture<'_, Result<Option<Receipt>, NodeError>> {
        self.waited.lock().unwrap().push(id);
        ready(self.node.receipt(&id)).boxed()
    }

    fn receipt(&self, id: &Digest) -> Result<Option<Receipt>, NodeError> {
        self.node.receipt(id)
    }

    fn record(&self, key: LogicalKey) -> BoxFuture<'_, Result<Option<Current>, NodeError>> {
        self.node.record(key)
    }

    fn prove_record(
        &self,
        key: LogicalKey,
        versions: usize,
    ) -> BoxFuture<'_, Result<RecordProof, NodeError>> {
        self.node.prove_record(key, versions)
    }

    fn prove_receipt(&self, id: Digest) -> BoxFuture<'_, Result<Option<ReceiptProof>, NodeError>> {
        self.node.prove_receipt(id)
    }

    fn finality(&self, height: Height) -> Result<FinalityProof, NodeError> {
        self.node.finality(height)
    }

    fn trust_bundle(&self) -> Result<TrustBundle, NodeError> {
        self.node.trust_bundle()
    }

    fn block(&self, height: Height) -> Result<Option<Arc<StoredBlock>>, NodeError> {
        self.node.block(height)
    }

    fn body(&self, digest: Digest) -> BoxFuture<'_, Result<Option<Arc<Version>>, NodeError>> {
        self.node.body(digest)
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), NodeError>> {
        self.node.ready()
    }

    fn status(&self) -> NodeStatus {
        self.node.status()
    }

    fn genesis(&self) -> Arc<Genesis> {
        self.node.genesis()
    }

    fn packages(&self) -> Vec<Arc<Package>> {
        self.node.packages()
    }

    fn wait_above(&self, height: Height) -> BoxFuture<'_, Height> {
        self.node.wait_above(height)
    }

    fn history(&self) -> Arc<dyn HistoryStore> {
        self.node.history()
    }
}

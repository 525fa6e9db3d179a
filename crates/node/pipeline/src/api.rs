//! What the node offers to everything above it: the server, the read model, the command line.

use std::sync::Arc;

use bytes::Bytes;
use chaincity_history::{HistoryStore, StoredBlock, Written};
use chaincity_package::model::Package;
use chaincity_types::wire::{
    Committee, FinalityProof, Genesis, Head, LogicalKey, Receipt, ReceiptProof, RecordProof,
    TrustBundle, Version,
};
use chaincity_types::{Digest, Height, Reject, Timestamp};
use futures::FutureExt as _;
use futures::future::BoxFuture;

/// Why a submission was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Stable code.
    pub code: Reject,
    /// The package's code when a guard refused it, for its own text.
    pub guard: Option<String>,
    /// What exactly; never a value of a record.
    pub detail: Option<String>,
}

/// Why the node could not answer: its own fault or lag, never the asker's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// The ledger has not begun here, or a snapshot is still being fetched: there is no state.
    #[error("the node holds no state yet")]
    NotReady,
    /// The node does not hold this part of history yet.
    #[error("history is incomplete before height {before}")]
    HistoryIncomplete {
        /// Lowest height held.
        before: u64,
    },
    /// A version body is neither here nor with a peer that answers now.
    #[error("version body {body} is not held yet")]
    BodyMissing {
        /// Its digest, hexadecimal.
        body: String,
    },
    /// No finality certificate at or above the height is held yet.
    #[error("no finality certificate for height {0} is held yet")]
    NotCertified(u64),
    /// Storage or engine failed.
    #[error("{0}")]
    Fault(String),
}

/// The node's state of health.
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// Ledger id.
    pub ledger: Digest,
    /// Protocol in force.
    pub protocol: u32,
    /// This node's public key.
    pub node_key: Vec<u8>,
    /// Whether it is in the current committee.
    pub validator: bool,
    /// Height of the newest final block.
    pub height: Height,
    /// Its digest.
    pub block: Digest,
    /// Its state root.
    pub state_root: Digest,
    /// Its time.
    pub time: Timestamp,
    /// Epoch.
    pub epoch: u64,
    /// Committee of the epoch.
    pub committee: Option<Committee>,
    /// Transactions waiting in the pool.
    pub pool: usize,
    /// Connected peers, if the engine knows.
    pub peers: Option<usize>,
    /// Lowest height from which history is complete.
    pub history_from: Option<Height>,
    /// Whether the node still fetches a snapshot.
    pub syncing: bool,
    /// How long the oldest timer that is due and has not run waits, in milliseconds of block time.
    pub timer_lag_ms: u64,
    /// Validators caught signing two conflicting votes (public keys).
    pub equivocators: Vec<Vec<u8>>,
}

/// A record's head with the version that it names.
pub type Current = (Head, Arc<Version>);

/// A running node, as its own process sees it. Object-safe, so that the server needs no type
/// parameters.
pub trait NodeApi: Send + Sync + 'static {
    /// Checks signed transactions, pools and gossips them; gives for each, in order, its id or why
    /// it was refused. Each stands alone.
    fn submit_many(&self, transactions: Vec<Bytes>) -> BoxFuture<'_, Vec<Result<Digest, Refusal>>>;

    /// Submits one signed transaction.
    fn submit(&self, transaction: Vec<u8>) -> BoxFuture<'_, Result<Digest, Refusal>> {
        let answers = self.submit_many(vec![Bytes::from(transaction)]);
        let unanswered = Refusal { code: Reject::Busy, guard: None, detail: None };
        async move { answers.await.pop().unwrap_or(Err(unanswered)) }.boxed()
    }

    /// The receipt of a final transaction; `None` while it is not final.
    ///
    /// # Errors
    /// See [`NodeError`].
    fn receipt(&self, id: &Digest) -> Result<Option<Receipt>, NodeError>;

    /// Waits for the receipt, at most `ms` milliseconds.
    fn wait_receipt(
        &self,
        id: Digest,
        ms: u64,
    ) -> BoxFuture<'_, Result<Option<Receipt>, NodeError>>;

    /// The current version of a record, from final state.
    fn record(&self, key: LogicalKey) -> BoxFuture<'_, Result<Option<Current>, NodeError>>;

    /// Proof of the current version (with up to `versions` older ones, 0 for none), or of absence.
    fn prove_record(
        &self,
        key: LogicalKey,
        versions: usize,
    ) -> BoxFuture<'_, Result<RecordProof, NodeError>>;

    /// Proof of a receipt.
    fn prove_receipt(&self, id: Digest) -> BoxFuture<'_, Result<Option<ReceiptProof>, NodeError>>;

    /// Proof that the block at a height is final.
    ///
    /// # Errors
    /// See [`NodeError`].
    fn finality(&self, height: Height) -> Result<FinalityProof, NodeError>;

    /// The trust bundle up to the current epoch.
    ///
    /// # Errors
    /// See [`NodeError`].
    fn trust_bundle(&self) -> Result<TrustBundle, NodeError>;

    /// A final block.
    ///
    /// # Errors
    /// See [`NodeError`].
    fn block(&self, height: Height) -> Result<Option<Arc<StoredBlock>>, NodeError>;

    /// What a final block wrote, if it was executed here lately; for whoever follows.
    fn written(&self, _height: Height) -> Option<Arc<Written>> {
        None
    }

    /// A version body, fetched from peers when this node lacks it.
    fn body(&self, digest: Digest) -> BoxFuture<'_, Result<Option<Arc<Version>>, NodeError>>;

    /// The node's state.
    fn status(&self) -> NodeStatus;

    /// Whether there is a state to read, with every block that history shows.
    ///
    /// # Errors
    /// [`NodeError::NotReady`] while there is none, or it lacks some.
    fn ready(&self) -> BoxFuture<'_, Result<(), NodeError>>;

    /// The genesis document.
    fn genesis(&self) -> Arc<Genesis>;

    /// Packages in force at the tip, the built-in ones among them.
    fn packages(&self) -> Vec<Arc<Package>>;

    /// Resolves when a block above `height` is final, with the newest final height.
    fn wait_above(&self, height: Height) -> BoxFuture<'_, Height>;

    /// The node's history.
    fn history(&self) -> Arc<dyn HistoryStore>;
}

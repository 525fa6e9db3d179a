//! The way into a running node from any executor: questions go to the node's own runtime over a
//! bounded queue, and answers come back.

use std::sync::Arc;

use bytes::Bytes;
use chaincity_types::wire::Head;
use chaincity_types::{Digest, Height};
use futures::SinkExt as _;
use futures::channel::{mpsc, oneshot};

use crate::check::Report;
use crate::machine::ContentKey;
use crate::status::{Status, StatusCell};

/// Questions that wait while the node is busy; more make the askers wait.
const QUEUE: usize = 256;

/// Why the engine did not start, or cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The node has stopped.
    #[error("the node has stopped")]
    Stopped,
    /// A snapshot is being fetched, or the database is still being opened.
    #[error("the state is not ready yet")]
    NotReady,
    /// The configuration contradicts itself.
    #[error("configuration: {0}")]
    Config(String),
    /// The storage is not what the node left: nothing was started.
    #[error("the storage is damaged: {}", first(.0))]
    Damaged(Report),
    /// The address to listen on cannot be used.
    #[error("cannot listen: {0}")]
    Address(String),
    /// The node could not start, or failed: storage that cannot be read or opened.
    #[error("the node failed: {0}")]
    Failed(String),
}

/// The first finding, and how many more there are.
fn first(report: &Report) -> String {
    let Some(finding) = report.findings.first() else { return String::new() };
    match report.findings.len().saturating_sub(1) {
        0 => finding.to_string(),
        more => format!("{finding}, and {more} more"),
    }
}

/// Heads with proofs, against one state root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateProofs {
    /// Root of the latest applied block's state.
    pub state_root: Digest,
    /// For each key in order its head, and the proof of presence or, without a head, of absence,
    /// in the encoding of `chaincity/state-proof/1`.
    pub proofs: Vec<(Option<Head>, Bytes)>,
}

/// Heads of the latest applied state, with its root.
pub type Heads = (Digest, Vec<Option<Head>>);

/// A question to the node.
pub(crate) enum Request {
    Heads(Vec<Digest>, oneshot::Sender<Result<Heads, EngineError>>),
    Prove(Vec<Digest>, oneshot::Sender<Result<StateProofs, EngineError>>),
    Certificate(Height, oneshot::Sender<Option<(Height, Vec<u8>)>>),
    Fetch(ContentKey, oneshot::Sender<Option<Bytes>>),
    Gossip(Bytes),
    Stop,
}

/// A handle to one node. Clones are cheap and may be used from any thread and executor; the node
/// stops when the last is dropped.
#[derive(Clone, Debug)]
pub struct Handle {
    requests: mpsc::Sender<Request>,
    status: Arc<StatusCell>,
}

impl Handle {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Request>) {
        let (requests, receiver) = mpsc::channel(QUEUE);
        (Self { requests, status: Arc::default() }, receiver)
    }

    pub(crate) fn status_cell(&self) -> Arc<StatusCell> {
        Arc::clone(&self.status)
    }

    /// The node's state now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.get()
    }

    /// The heads under `keys` in the latest applied state, and its root.
    ///
    /// # Errors
    /// [`EngineError::NotReady`] while [`crate::Status::syncing`]; [`EngineError::Stopped`].
    pub async fn heads(&self, keys: Vec<Digest>) -> Result<Heads, EngineError> {
        self.ask(|answer| Request::Heads(keys, answer)).await?
    }

    /// Proofs for `keys` against the root of the latest applied state.
    ///
    /// # Errors
    /// [`EngineError::NotReady`] while [`crate::Status::syncing`]; [`EngineError::Stopped`].
    pub async fn prove(&self, keys: Vec<Digest>) -> Result<StateProofs, EngineError> {
        self.ask(|answer| Request::Prove(keys, answer)).await?
    }

    /// The certificate held for the lowest height not below `height`, within 1,024 heights.
    /// Nodes hold different certificates: one proves its own block and every block before.
    ///
    /// # Errors
    /// [`EngineError::Stopped`].
    pub async fn certificate(
        &self,
        height: Height,
    ) -> Result<Option<(Height, Vec<u8>)>, EngineError> {
        self.ask(|answer| Request::Certificate(height, answer)).await
    }

    /// Content from any peer that has it; `None` when none answered in time (about ten seconds,
    /// several peers). What arrives has passed [`crate::Machine::check`].
    ///
    /// # Errors
    /// [`EngineError::Stopped`].
    pub async fn fetch(&self, key: ContentKey) -> Result<Option<Bytes>, EngineError> {
        self.ask(|answer| Request::Fetch(key, answer)).await
    }

    /// Sends `message` to every connected peer, at most once to each, unreliably.
    ///
    /// # Errors
    /// [`EngineError::Config`] when it is longer than [`crate::GOSSIP_BYTES_MAX`];
    /// [`EngineError::Stopped`].
    pub async fn gossip(&self, message: Bytes) -> Result<(), EngineError> {
        if message.len() > crate::GOSSIP_BYTES_MAX {
            return Err(EngineError::Config(format!("a message of {} bytes", message.len())));
        }
        self.send(Request::Gossip(message)).await
    }

    /// Makes this the node's fault, as if it had failed by itself: whoever looks at the status stops it.
    pub fn fail(&self, cause: String) {
        self.status_cell().set_fault(cause);
    }

    /// Tells the node to stop; returns when it was told. [`crate::Thread::wait`] waits for the end.
    pub async fn stop(&self) {
        if self.send(Request::Stop).await.is_err() {
            tracing::debug!("already stopped");
        }
    }

    async fn send(&self, request: Request) -> Result<(), EngineError> {
        self.requests.clone().send(request).await.map_err(|_gone| EngineError::Stopped)
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, EngineError> {
        let (answer, wait) = oneshot::channel();
        self.send(request(answer)).await?;
        wait.await.map_err(|_gone| EngineError::Stopped)
    }
}

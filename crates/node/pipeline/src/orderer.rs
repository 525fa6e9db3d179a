//! What the pipeline asks of the orderer below it: peers, and the final state with its proofs.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use chaincity_engine::{ContentKey, Handle, StateReader};
use chaincity_types::Digest;
use chaincity_types::wire::Head;
use futures::FutureExt;
use futures::future::BoxFuture;

/// The orderer's handle, whichever orderer it is.
pub trait Orderer: Debug + Send + Sync + 'static {
    /// Content by digest from any peer; `None` after a bounded time when none has it.
    fn fetch(&self, key: ContentKey) -> BoxFuture<'_, Option<Bytes>>;

    /// Sends a message to all connected peers, best effort.
    fn gossip(&self, message: Bytes) -> BoxFuture<'_, ()>;

    /// How many peers are connected, if known.
    fn connected(&self) -> Option<usize>;

    /// Whether a snapshot is still being fetched.
    fn syncing(&self) -> bool;

    /// Heads in the newest applied state; `None` where a key is absent.
    fn heads(&self, keys: Vec<Digest>) -> BoxFuture<'_, Result<Vec<Option<Head>>, String>>;

    /// Heads with proofs against one state root: that of the newest applied block.
    fn prove(&self, keys: Vec<Digest>) -> BoxFuture<'_, Result<Proved, String>>;
}

/// Proved heads.
#[derive(Clone, Debug)]
pub struct Proved {
    /// The state root that the proofs are against.
    pub state_root: Digest,
    /// Head and proof of presence, or `None` and proof of absence, for each key asked.
    pub proofs: Vec<(Option<Head>, Vec<u8>)>,
}

/// The final state as execution reads it, for admission. A reader cannot fail, so it notes that it
/// did: what followed from an empty answer is no answer.
#[derive(Clone, Debug)]
pub(crate) struct FinalState {
    orderer: Arc<dyn Orderer>,
    failed: Arc<AtomicBool>,
}

impl FinalState {
    pub(crate) fn new(orderer: Arc<dyn Orderer>) -> Self {
        Self { orderer, failed: Arc::default() }
    }

    /// Whether there is a state to read: not while a snapshot is being fetched.
    pub(crate) async fn ready(&self) -> bool {
        self.orderer.heads(Vec::new()).await.is_ok()
    }

    /// Whether some reading failed so far.
    pub(crate) fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }
}

impl StateReader for FinalState {
    async fn heads(&self, keys: Vec<Digest>) -> Vec<Option<Head>> {
        let count = keys.len();
        match self.orderer.heads(keys).await {
            Ok(heads) => heads,
            Err(error) => {
                tracing::warn!(error, "the final state could not be read");
                self.failed.store(true, Ordering::Release);
                vec![None; count]
            }
        }
    }

    // The state is on the engine's side: every question goes there.
    fn head_at_hand(&self, _key: Digest) -> Option<Option<Head>> {
        None
    }
}

impl Orderer for Handle {
    fn fetch(&self, key: ContentKey) -> BoxFuture<'_, Option<Bytes>> {
        async move { Handle::fetch(self, key).await.ok().flatten() }.boxed()
    }

    fn gossip(&self, message: Bytes) -> BoxFuture<'_, ()> {
        async move {
            if let Err(error) = Handle::gossip(self, message).await {
                tracing::debug!(%error, "gossip was not sent");
            }
        }
        .boxed()
    }

    fn connected(&self) -> Option<usize> {
        usize::try_from(self.status().peers).ok()
    }

    fn syncing(&self) -> bool {
        self.status().syncing
    }

    fn heads(&self, keys: Vec<Digest>) -> BoxFuture<'_, Result<Vec<Option<Head>>, String>> {
        async move {
            let read = Handle::heads(self, keys).await;
            read.map(|(_, heads)| heads).map_err(|e| e.to_string())
        }
        .boxed()
    }

    fn prove(&self, keys: Vec<Digest>) -> BoxFuture<'_, Result<Proved, String>> {
        async move {
            let proofs = Handle::prove(self, keys).await.map_err(|e| e.to_string())?;
            let state_root = proofs.state_root;
            let proofs = proofs.proofs.into_iter().map(|(head, p)| (head, p.to_vec())).collect();
            Ok(Proved { state_root, proofs })
        }
        .boxed()
    }
}

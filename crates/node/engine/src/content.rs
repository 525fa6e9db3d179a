//! Content by digest between nodes: whoever lacks it asks one peer after another, and checks what
//! it gets.
//!
//! A peer that hands over wrong bytes is blocked. A fetch ends after [`FETCH_LIMIT`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chaincity_types::Digest;
use commonware_resolver::{Consumer, Delivery, Resolver as _, p2p};
use commonware_utils::channel::oneshot;
use commonware_utils::sequence::FixedBytes;
use futures::channel::oneshot as answer;
use tracing::warn;

use crate::chain::{PublicKey, Runtime};
use crate::machine::{ContentKey, Machine};

/// Largest content that nodes hand each other, in bytes.
pub(crate) const CONTENT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long one peer may take.
pub(crate) const TRY_LIMIT: Duration = Duration::from_secs(2);
/// How long a fetch may take over all peers.
const FETCH_LIMIT: Duration = Duration::from_secs(10);

/// A content key on the wire: its kind, then the digest.
pub(crate) type WireKey = FixedBytes<33>;
type Waiting = BTreeMap<WireKey, Vec<answer::Sender<Bytes>>>;

fn to_wire(key: ContentKey) -> WireKey {
    let (kind, digest) = match key {
        ContentKey::Body(digest) => (1, digest),
        ContentKey::Block(digest) => (2, digest),
    };
    let mut bytes = [0; 33];
    let (first, rest) = bytes.split_at_mut(1);
    first.fill(kind);
    rest.copy_from_slice(digest.as_bytes());
    WireKey::new(bytes)
}

fn from_wire(key: &WireKey) -> Option<ContentKey> {
    let (kind, digest) = key.as_ref().split_first()?;
    let digest = Digest::from_slice(digest)?;
    match kind {
        1 => Some(ContentKey::Body(digest)),
        2 => Some(ContentKey::Block(digest)),
        _ => None,
    }
}

/// Both ends of content exchange: serves peers from the machine, and hands what peers deliver to
/// those who wait.
#[derive(Clone)]
pub(crate) struct Exchange<M> {
    machine: M,
    waiting: Arc<Mutex<Waiting>>,
}

impl<M: Machine> Exchange<M> {
    pub(crate) fn new(machine: M) -> Self {
        Self { machine, waiting: Arc::default() }
    }

    fn with_waiting<T>(&self, act: impl FnOnce(&mut Waiting) -> T) -> T {
        act(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fetches from peers until one delivers or time is up.
    pub(crate) async fn fetch<E: Runtime>(
        &self,
        runtime: &E,
        mut peers: p2p::Mailbox<WireKey, PublicKey>,
        key: ContentKey,
    ) -> Option<Bytes> {
        let wire = to_wire(key);
        let (sender, receiver) = answer::channel();
        self.with_waiting(|waiting| waiting.entry(wire.clone()).or_default().push(sender));
        if !peers.fetch(wire.clone()).accepted() {
            warn!("the content resolver has stopped");
            return None;
        }
        let found = runtime.timeout(FETCH_LIMIT, receiver).await;
        let idle = self.with_waiting(|waiting| {
            let senders = waiting.entry(wire.clone()).or_default();
            senders.retain(|sender| !sender.is_canceled());
            let idle = senders.is_empty();
            if idle {
                waiting.remove(&wire);
            }
            idle
        });
        match found {
            Ok(Ok(bytes)) => Some(bytes),
            Ok(Err(_)) | Err(_) => {
                if idle {
                    peers.retain(move |key, ()| *key != wire);
                }
                None
            }
        }
    }
}

impl<M: Machine> Consumer for Exchange<M> {
    type Key = WireKey;
    type Value = Bytes;
    type Subscriber = ();
    type Outcome = bool;

    fn deliver(
        &mut self,
        delivery: Delivery<WireKey, ()>,
        value: Bytes,
    ) -> oneshot::Receiver<bool> {
        let (verdict, receiver) = oneshot::channel();
        let valid = from_wire(&delivery.key)
            .is_some_and(|key| value.len() <= CONTENT_BYTES_MAX && self.machine.check(key, &value));
        if valid {
            let waiting = self.with_waiting(|waiting| waiting.remove(&delivery.key));
            for sender in waiting.unwrap_or_default() {
                // Whoever gave up waiting needs no answer.
                drop(sender.send(value.clone()));
            }
        }
        if verdict.send(valid).is_err() {
            tracing::trace!("the fetch was given up");
        }
        receiver
    }
}

impl<M: Machine> p2p::Producer for Exchange<M> {
    type Key = WireKey;

    fn produce(&mut self, key: WireKey) -> oneshot::Receiver<Bytes> {
        let (sender, receiver) = oneshot::channel();
        let content = from_wire(&key).and_then(|key| self.machine.serve(key));
        // Dropping the sender tells the peer that there is none here.
        match content {
            Some(bytes) if bytes.len() <= CONTENT_BYTES_MAX => drop(sender.send(bytes)),
            Some(bytes) => warn!(bytes = bytes.len(), "content too large to hand over"),
            None => {}
        }
        receiver
    }
}

//! From a logical key to the record as execution sees it: head from the state, body by digest.
//!
//! Bodies are addressed by digest, so one cache serves every fork: which body a key has is the
//! fork's affair (its heads), what the body says is nobody's.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use chaincity_crypto::hash;
use chaincity_engine::{ContentKey, StateReader};
use chaincity_history::HistoryStore;
use chaincity_ledger::{Lookup, Record, View};
use chaincity_types::wire::{BODY_BYTES_MAX, Head, LogicalKey, Version};
use chaincity_types::{Digest, cbor};

use crate::api::NodeError;
use crate::orderer::Orderer;

/// Most decoded bodies kept in memory besides those of blocks that are not final yet.
const DECODED_MAX: usize = 65_536;

/// Decoded version bodies by digest: pending ones, recent ones, stored ones, and peers' ones.
pub(crate) struct Bodies {
    store: Arc<dyn HistoryStore>,
    orderer: Arc<OnceLock<Arc<dyn Orderer>>>,
    decoded: Mutex<Decoded>,
}

#[derive(Debug, Default)]
struct Decoded {
    by_digest: BTreeMap<Digest, Arc<Version>>,
    order: VecDeque<Digest>,
}

impl Decoded {
    fn insert(&mut self, digest: Digest, version: Arc<Version>) {
        if self.by_digest.insert(digest, version).is_none() {
            self.order.push_back(digest);
        }
        while self.order.len() > DECODED_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.by_digest.remove(&oldest);
            }
        }
    }
}

impl Bodies {
    pub(crate) fn new(
        store: Arc<dyn HistoryStore>,
        orderer: Arc<OnceLock<Arc<dyn Orderer>>>,
    ) -> Self {
        Self { store, orderer, decoded: Mutex::default() }
    }

    /// Remembers a body that execution just made.
    pub(crate) fn remember(&self, digest: Digest, version: Arc<Version>) {
        self.decoded.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, version);
    }

    fn decode(&self, digest: Digest, bytes: &[u8]) -> Result<Arc<Version>, NodeError> {
        let version: Version = cbor::decode(bytes, BODY_BYTES_MAX)
            .map_err(|e| NodeError::Fault(format!("body {digest}: {e}")))?;
        let version = Arc::new(version);
        self.remember(digest, Arc::clone(&version));
        Ok(version)
    }

    /// A body that this node holds.
    pub(crate) fn held(&self, digest: Digest) -> Result<Option<Arc<Version>>, NodeError> {
        {
            let decoded = self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(version) = decoded.by_digest.get(&digest) {
                return Ok(Some(Arc::clone(version)));
            }
        }
        match self.store.body(&digest).map_err(|e| NodeError::Fault(crate::chain(&e)))? {
            Some(bytes) => self.decode(digest, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// A body that this node holds or one of its peers does. One round of asking.
    pub(crate) async fn find(&self, digest: Digest) -> Result<Option<Arc<Version>>, NodeError> {
        if let Some(version) = self.held(digest)? {
            return Ok(Some(version));
        }
        let Some(orderer) = self.orderer.get() else { return Ok(None) };
        let Some(bytes) = orderer.fetch(ContentKey::Body(digest)).await else { return Ok(None) };
        if hash::body_digest(&bytes) != digest {
            return Ok(None);
        }
        self.store
            .backfill(None, &[(digest, bytes.to_vec())])
            .map_err(|e| NodeError::Fault(crate::chain(&e)))?;
        self.decode(digest, &bytes).map(Some)
    }
}

/// What one block's execution knows of its parent's state. Grows by fetching, never changes.
#[derive(Debug, Default)]
pub(crate) struct Known {
    records: BTreeMap<LogicalKey, Option<Arc<Record>>>,
}

impl View for Known {
    fn lookup(&self, key: &LogicalKey) -> Lookup {
        match self.records.get(key) {
            Some(record) => Lookup::Known(record.clone()),
            None => Lookup::Unknown,
        }
    }
}

impl Known {
    /// Fetches `keys` that are not known yet, all heads at once. A body that neither this
    /// node nor a peer has at the moment is an error to be tried again: a body may be late (a node
    /// that joined by snapshot), never wrong.
    pub(crate) async fn fetch<S: StateReader>(
        &mut self,
        keys: Vec<LogicalKey>,
        state: &S,
        bodies: &Bodies,
    ) -> Result<(), NodeError> {
        let keys: Vec<_> = keys.into_iter().filter(|key| !self.records.contains_key(key)).collect();
        let heads = state.heads(keys.iter().map(hash::state_key).collect()).await;
        for (key, head) in keys.into_iter().zip(heads) {
            let record = match head {
                None => None,
                Some(head) => Some(Arc::new(load(&key, head, bodies).await?)),
            };
            self.records.insert(key, record);
        }
        Ok(())
    }
}

/// The record that `head` names, checked to be `key`'s.
pub(crate) async fn load(
    key: &LogicalKey,
    head: Head,
    bodies: &Bodies,
) -> Result<Record, NodeError> {
    let Some(version) = bodies.find(head.body).await? else {
        return Err(NodeError::BodyMissing { body: head.body.to_string() });
    };
    // INVARIANT: a body names its own key and number, so a head cannot be dressed with another
    // record's body.
    if version.key != *key || version.version != head.version {
        return Err(NodeError::Fault(format!("body {} is not its head's", head.body)));
    }
    Ok(Record { head, version: Version::clone(&version) })
}

//! From a logical key to the record as execution sees it: head from the state, body by digest.
//!
//! Bodies are addressed by digest, so one cache serves every fork: which body a key has is the
//! fork's affair (its heads), what the body says is nobody's.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use chaincity_crypto::hash;
use chaincity_engine::{ContentKey, StateReader};
use chaincity_history::{Cache, HistoryStore};
use chaincity_ledger::{Lookup, Record, View};
use chaincity_types::wire::{Head, LogicalKey, Version};
use chaincity_types::{Digest, Height, cbor};

use crate::api::NodeError;
use crate::orderer::Orderer;

/// Most decoded bodies kept in memory, in number and in bytes of their encodings.
const DECODED_MAX: usize = 65_536;
const DECODED_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Decoded version bodies by digest: of blocks not final yet, recent ones, stored ones, and peers'.
pub(crate) struct Bodies {
    store: Arc<dyn HistoryStore>,
    orderer: Arc<OnceLock<Arc<dyn Orderer>>>,
    decoded: Mutex<Cache<Arc<Version>>>,
    /// Bodies of blocks that are not final yet, by height.
    ///
    /// INVARIANT: a body is here from its execution on until its block is durable: no store and
    /// no peer has it, and blocks that build on it could not be executed without it.
    unstored: Mutex<BTreeMap<Height, Written>>,
}

/// Decoded bodies that a block wrote, with their sizes.
pub(crate) type Written = BTreeMap<Digest, (Arc<Version>, usize)>;

impl Bodies {
    pub(crate) fn new(
        store: Arc<dyn HistoryStore>,
        orderer: Arc<OnceLock<Arc<dyn Orderer>>>,
    ) -> Self {
        let decoded = Mutex::new(Cache::new(DECODED_MAX, DECODED_BYTES_MAX));
        Self { store, orderer, decoded, unstored: Mutex::default() }
    }

    fn unstored(&self) -> MutexGuard<'_, BTreeMap<Height, Written>> {
        self.unstored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cache(&self) -> MutexGuard<'_, Cache<Arc<Version>>> {
        self.decoded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what a block at this height writes until [`Self::stored`].
    pub(crate) fn keep(&self, height: Height, mut written: Written) {
        self.unstored().entry(height).or_default().append(&mut written);
    }

    /// The blocks up to this height are durable or abandoned.
    pub(crate) fn stored(&self, height: Height) {
        let mut unstored = self.unstored();
        let above = unstored.split_off(&height.next());
        let done = std::mem::replace(&mut *unstored, above);
        drop(unstored);
        let mut cache = self.cache();
        for (digest, (version, size)) in done.into_values().flatten() {
            cache.insert(digest, version, size);
        }
    }

    fn decode(&self, digest: Digest, bytes: &[u8]) -> Result<Arc<Version>, NodeError> {
        // Its digest is one that execution made of its own encoding.
        let version: Version =
            cbor::decode_own(bytes).map_err(|e| NodeError::Fault(format!("body {digest}: {e}")))?;
        let version = Arc::new(version);
        self.cache().insert(digest, Arc::clone(&version), bytes.len());
        Ok(version)
    }

    /// A body that this node holds.
    pub(crate) fn held(&self, digest: Digest) -> Result<Option<Arc<Version>>, NodeError> {
        if let Some(version) = self.cache().get(&digest) {
            return Ok(Some(version));
        }
        let unstored = self.unstored().values().find_map(|written| written.get(&digest).cloned());
        if let Some((version, _)) = unstored {
            return Ok(Some(version));
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

/// What is known of one state: what was fetched of it, and what memory has at hand. A key that was
/// answered once keeps its answer.
pub(crate) struct Known<'a, S> {
    state: &'a S,
    bodies: &'a Bodies,
    records: Mutex<HashMap<LogicalKey, Option<Arc<Record>>>>,
}

impl<S: StateReader> View for Known<'_, S> {
    fn lookup(&self, key: &LogicalKey) -> Lookup {
        if let Some(record) = self.records().get(key) {
            return Lookup::Known(record.clone());
        }
        match self.at_hand(key) {
            Some(record) => {
                self.records().insert(key.clone(), record.clone());
                Lookup::Known(record)
            }
            None => Lookup::Unknown,
        }
    }
}

impl<'a, S: StateReader> Known<'a, S> {
    pub(crate) fn new(state: &'a S, bodies: &'a Bodies) -> Self {
        Self { state, bodies, records: Mutex::default() }
    }

    fn records(&self) -> MutexGuard<'_, HashMap<LogicalKey, Option<Arc<Record>>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What memory and this node's own store say of a key. Any fault is left to [`Self::fetch`],
    /// which tells it.
    fn at_hand(&self, key: &LogicalKey) -> Option<Option<Arc<Record>>> {
        let Some(head) = self.state.head_at_hand(hash::state_key(key))? else { return Some(None) };
        let version = self.bodies.held(head.body).ok()??;
        record(key, head, version).ok().map(Arc::new).map(Some)
    }

    /// Fetches `keys` that are not known yet, all heads at once. A body that neither this
    /// node nor a peer has at the moment is an error to be tried again: a body may be late (a node
    /// that joined by snapshot), never wrong.
    pub(crate) async fn fetch(&self, mut keys: Vec<LogicalKey>) -> Result<(), NodeError> {
        keys.retain(|key| !self.records().contains_key(key));
        let heads = self.state.heads(keys.iter().map(hash::state_key).collect()).await;
        for (key, head) in keys.into_iter().zip(heads) {
            let record = match head {
                None => None,
                Some(head) => Some(Arc::new(load(&key, head, self.bodies).await?)),
            };
            self.records().insert(key, record);
        }
        Ok(())
    }

    /// The record under `key`.
    pub(crate) async fn get(&self, key: &LogicalKey) -> Result<Option<Arc<Record>>, NodeError> {
        loop {
            match self.lookup(key) {
                Lookup::Known(record) => return Ok(record),
                Lookup::Unknown => self.fetch(vec![key.clone()]).await?,
            }
        }
    }
}

/// The record that `head` names.
pub(crate) async fn load(
    key: &LogicalKey,
    head: Head,
    bodies: &Bodies,
) -> Result<Record, NodeError> {
    match bodies.find(head.body).await? {
        Some(version) => record(key, head, version),
        None => Err(NodeError::BodyMissing { body: head.body.to_string() }),
    }
}

/// The record that `head` names, checked to be `key`'s.
fn record(key: &LogicalKey, head: Head, version: Arc<Version>) -> Result<Record, NodeError> {
    // INVARIANT: a body names its own key and number, so a head cannot be dressed with another
    // record's body.
    if version.key != *key || version.version != head.version {
        return Err(NodeError::Fault(format!("body {} is not its head's", head.body)));
    }
    Ok(Record { head, version })
}

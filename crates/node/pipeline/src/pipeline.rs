//! The replicated part of a node: what the engine drives, and what everything above reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use chaincity_crypto::cose::SignedTransaction;
use chaincity_crypto::hash;
use chaincity_engine::Clock;
use chaincity_history::{HistoryStore, StoredBlock};
use chaincity_ledger::{Executed, governance};
use chaincity_package::model::Package;
use chaincity_types::wire::{
    Block, Committee, EXPIRY_AHEAD_MAX_MS, Genesis, Header, LogicalKey, PROTOCOL, Validator,
    Version,
};
use chaincity_types::{Digest, Height, Timestamp, cbor};
use tokio::sync::{Notify, watch};

use crate::api::NodeError;
use crate::chain;
use crate::execute::PackageCache;
use crate::governed;
use crate::orderer::Orderer;
use crate::pool::Pool;
use crate::records::Bodies;
use crate::window::Window;

/// Final headers remembered, to match a state root with its block.
const RECENT_HEADERS: usize = 256;

/// Names an execution: what decides its effects, known before the state roots are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ExecutionKey {
    height: Height,
    parent: Digest,
    time: Timestamp,
    transactions_root: Digest,
}

impl ExecutionKey {
    pub(crate) const fn new(
        height: Height,
        parent: Digest,
        time: Timestamp,
        transactions_root: Digest,
    ) -> Self {
        Self { height, parent, time, transactions_root }
    }

    pub(crate) const fn of(header: &Header) -> Self {
        Self::new(header.height, header.parent, header.time, header.transactions_root)
    }
}

/// A block that was executed and is not final yet.
#[derive(Debug)]
pub(crate) struct Pending {
    /// The execution it builds on.
    pub(crate) parent: ExecutionKey,
    pub(crate) transactions: Vec<Arc<SignedTransaction>>,
    pub(crate) executed: Executed,
    pub(crate) next_committee: Committee,
}

/// The newest final block, and a few before it.
#[derive(Clone, Debug)]
pub(crate) struct Tip {
    pub(crate) header: Header,
    pub(crate) digest: Digest,
}

/// Everything that changes as blocks become final.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) pool: Pool,
    pub(crate) window: Window,
    pub(crate) pending: BTreeMap<ExecutionKey, Arc<Pending>>,
    pub(crate) recent: BTreeMap<Height, (Header, Digest)>,
    pub(crate) committees: BTreeMap<u64, Committee>,
    /// The member of each operator, by public key.
    pub(crate) operators: BTreeMap<Vec<u8>, String>,
    /// Registered nodes, by public key.
    pub(crate) nodes: BTreeMap<Vec<u8>, Validator>,
    pub(crate) packages: BTreeMap<String, Arc<Package>>,
    /// Transactions to gossip.
    pub(crate) outbox: Vec<Bytes>,
    pub(crate) equivocators: BTreeSet<Vec<u8>>,
}

pub(crate) struct Inner {
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) genesis_header: Header,
    pub(crate) ledger: Digest,
    pub(crate) node_key: Vec<u8>,
    pub(crate) store: Arc<dyn HistoryStore>,
    pub(crate) orderer: Arc<OnceLock<Arc<dyn Orderer>>>,
    pub(crate) bodies: Bodies,
    pub(crate) package_cache: PackageCache,
    pub(crate) tip: watch::Sender<Option<Tip>>,
    /// Rings when the pool got work.
    pub(crate) arrived: Notify,
    /// Rings when there is something to gossip.
    pub(crate) outgoing: Notify,
    /// Whether the state is known to have every block that history held at the start.
    pub(crate) caught_up: AtomicBool,
    shared: Mutex<Shared>,
}

impl Inner {
    /// The shared state. Held for moments only, never across an await or a disk write.
    pub(crate) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pipeline; clones share one state.
#[derive(Clone)]
pub struct Pipeline {
    pub(crate) inner: Arc<Inner>,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("ledger", &self.inner.ledger).finish_non_exhaustive()
    }
}

impl Pipeline {
    /// Opens the pipeline of a node over its history.
    ///
    /// # Errors
    /// When genesis is not possible, or the history cannot be read or belongs to another ledger.
    pub fn open(
        genesis: Arc<Genesis>,
        node_key: Vec<u8>,
        store: Arc<dyn HistoryStore>,
    ) -> Result<Self, NodeError> {
        let ledger = hash::ledger_id(&genesis);
        let genesis_header = genesis_header(&genesis);
        let package_cache = PackageCache::default();
        crate::execute::check_genesis(&genesis, &package_cache)?;
        let orderer = Arc::new(OnceLock::new());
        let bodies = Bodies::new(Arc::clone(&store), Arc::clone(&orderer));
        let inner = Inner {
            genesis,
            genesis_header,
            ledger,
            node_key,
            store,
            orderer,
            bodies,
            package_cache,
            tip: watch::channel(None).0,
            arrived: Notify::new(),
            outgoing: Notify::new(),
            caught_up: AtomicBool::new(false),
            shared: Mutex::default(),
        };
        let pipeline = Self { inner: Arc::new(inner) };
        pipeline.load()?;
        Ok(pipeline)
    }

    /// The packages in force, `governance` among them.
    #[must_use]
    pub fn packages(&self) -> Vec<Arc<Package>> {
        self.inner.shared().packages.values().map(Arc::clone).collect()
    }

    /// Connects the pipeline to the other nodes. Until then it neither gossips nor fetches.
    pub fn connect(&self, orderer: Arc<dyn Orderer>) {
        // A second connection would be a wiring mistake; the first one stays.
        drop(self.inner.orderer.set(orderer));
    }

    /// Takes up the state that history holds.
    fn load(&self) -> Result<(), NodeError> {
        let inner = &*self.inner;
        let fault = |e: chaincity_history::HistoryError| NodeError::Fault(chain(&e));
        let mut shared = inner.shared();
        shared.committees.insert(0, genesis_committee(&inner.genesis));
        for node in &inner.genesis.nodes {
            shared.nodes.insert(node.node.key.clone(), node.node.clone());
        }
        for name in inner.store.meta_names(META_COMMITTEE).map_err(fault)? {
            let bytes = inner.store.meta(&name).map_err(fault)?.unwrap_or_default();
            let committee: Committee = cbor::decode(&bytes, META_BYTES_MAX)
                .map_err(|e| NodeError::Fault(format!("{name}: {e}")))?;
            shared.committees.insert(committee.epoch, committee);
        }
        for name in inner.store.meta_names(META_NODE).map_err(fault)? {
            let bytes = inner.store.meta(&name).map_err(fault)?.unwrap_or_default();
            let node: Validator = cbor::decode(&bytes, META_BYTES_MAX)
                .map_err(|e| NodeError::Fault(format!("{name}: {e}")))?;
            shared.nodes.insert(node.key.clone(), node);
        }
        for name in inner.store.meta_names(META_OPERATOR).map_err(fault)? {
            let member = inner.store.meta(&name).map_err(fault)?.unwrap_or_default();
            if let Some(Ok(key)) = name.strip_prefix(META_OPERATOR).map(hex::decode) {
                shared.operators.insert(key, String::from_utf8_lossy(&member).into_owned());
            }
        }
        shared.packages.insert(governance::ID.to_owned(), governance::package());
        for name in inner.store.meta_names(META_PACKAGE).map_err(fault)? {
            let digest = inner.store.meta(&name).map_err(fault)?.unwrap_or_default();
            let body = Digest::from_slice(&digest).unwrap_or_default();
            let Some(version) = inner.bodies.held(body)? else { continue };
            if let Some(package) = governed::package_of(&version, &inner.package_cache) {
                shared.packages.insert(package.id.clone(), package);
            }
        }
        for name in inner.store.meta_names(META_EQUIVOCATION).map_err(fault)? {
            if let Some(Ok(key)) = name.strip_prefix(META_EQUIVOCATION).map(hex::decode) {
                shared.equivocators.insert(key);
            }
        }
        drop(shared);
        self.load_window()
    }

    /// Rebuilds the replay window and the recent headers from the newest blocks.
    fn load_window(&self) -> Result<(), NodeError> {
        let inner = &*self.inner;
        let Some(tip) = inner.store.tip() else {
            let header = inner.genesis_header.clone();
            let digest = hash::header_digest(&header);
            inner.shared().recent.insert(Height(0), (header.clone(), digest));
            inner.tip.send_replace(Some(Tip { header, digest }));
            return Ok(());
        };
        let lowest = inner.store.complete_from().unwrap_or(tip);
        let mut newest: Option<Tip> = None;
        let mut height = tip;
        loop {
            let block = inner.store.block(height).map_err(|e| NodeError::Fault(chain(&e)))?;
            let Some(stored) = block else { break };
            let header = &stored.block.header;
            if header.ledger != inner.ledger {
                return Err(NodeError::Fault("the history belongs to another ledger".into()));
            }
            let digest = hash::header_digest(header);
            let tip_time = newest.as_ref().map_or(header.time, |tip| tip.header.time);
            let in_window = tip_time.since_ms(header.time) <= EXPIRY_AHEAD_MAX_MS;
            let mut shared = inner.shared();
            let remembered = shared.recent.len() < RECENT_HEADERS;
            if !in_window && !remembered {
                break;
            }
            if remembered {
                shared.recent.insert(height, (header.clone(), digest));
            }
            if in_window {
                remember_transactions(&mut shared.window, &stored);
            }
            drop(shared);
            newest.get_or_insert(Tip { header: header.clone(), digest });
            if height <= lowest || height == Height(1) {
                break;
            }
            height = Height(height.0.saturating_sub(1));
        }
        inner.tip.send_replace(newest);
        Ok(())
    }

    /// Sends waiting transactions to peers as they come, and again every two seconds while they
    /// wait: a peer may have been away. Runs until the pipeline is dropped by its node.
    pub async fn gossip<C: Clock>(&self, clock: C) {
        const AGAIN_MS: u64 = 2_000;
        const AGAIN_COUNT: usize = 2_000;
        loop {
            let rung = self.inner.outgoing.notified();
            let tick = clock.sleep_ms(AGAIN_MS);
            futures::pin_mut!(rung);
            let ticked = matches!(
                futures::future::select(rung, tick).await,
                futures::future::Either::Right(_)
            );
            let messages = {
                let mut shared = self.inner.shared();
                if ticked {
                    let old = Timestamp(clock.now().0.saturating_sub(AGAIN_MS));
                    shared.pool.waiting_since(old, AGAIN_COUNT)
                } else {
                    std::mem::take(&mut shared.outbox)
                }
            };
            if let Some(orderer) = self.inner.orderer.get() {
                for message in crate::admit::gossip_messages(&messages) {
                    orderer.gossip(message).await;
                }
            }
            if !ticked {
                // A short rest gathers what comes together into one message.
                clock.sleep_ms(2).await;
            }
        }
    }

    /// Whether the state, whose root is `root`, has every block that history shows. After a
    /// restart it may lack the newest until they are applied once more, and before genesis is
    /// executed it holds nothing.
    pub(crate) fn is_caught_up(&self, root: Digest) -> bool {
        let caught_up = &self.inner.caught_up;
        let tip = self.tip().header;
        if tip.height > Height(0) && tip.state_root == root {
            caught_up.store(true, Ordering::Release);
        }
        caught_up.load(Ordering::Acquire)
    }

    /// The newest final block; the genesis header before any.
    pub(crate) fn tip(&self) -> Tip {
        self.inner.tip.borrow().clone().unwrap_or_else(|| Tip {
            header: self.inner.genesis_header.clone(),
            digest: hash::header_digest(&self.inner.genesis_header),
        })
    }

    /// The epoch of a height.
    pub(crate) fn epoch_of(&self, height: Height) -> u64 {
        height.0.checked_div(self.inner.genesis.epoch_blocks).unwrap_or(0)
    }

    /// Whether the block at this height is the last of its epoch.
    pub(crate) fn is_boundary(&self, height: Height) -> bool {
        self.epoch_of(height) != self.epoch_of(height.next())
    }

    /// Ids in blocks from `from` back to the final tip: they must not be included again.
    pub(crate) fn ancestors(&self, from: &Header) -> BTreeSet<Digest> {
        let shared = self.inner.shared();
        let mut ids = BTreeSet::new();
        let mut at = ExecutionKey::of(from);
        while let Some(pending) = shared.pending.get(&at) {
            ids.extend(pending.transactions.iter().map(|signed| signed.id));
            at = pending.parent;
        }
        ids
    }

    /// Makes a final block durable: history first, then what is derived from it.
    pub(crate) fn store_final(&self, block: &Block) -> Result<(), NodeError> {
        let inner = &*self.inner;
        let fault = |e: chaincity_history::HistoryError| NodeError::Fault(chain(&e));
        let key = ExecutionKey::of(&block.header);
        let pending = inner.shared().pending.get(&key).cloned();
        let Some(pending) = pending else {
            // Replayed after a crash and executed again would leave it here; absent means the
            // block was applied before this start, so its history is durable already.
            let held = inner.store.block(block.header.height).map_err(fault)?;
            return match held {
                Some(_) => Ok(()),
                None => Err(NodeError::Fault(format!(
                    "block {} is final but was never executed",
                    block.header.height
                ))),
            };
        };
        let executed = &pending.executed;
        let bodies: Vec<_> = executed.versions.iter().map(|v| (v.body, v.bytes.clone())).collect();
        let stored = StoredBlock {
            block: block.clone(),
            receipts: executed.receipts.clone(),
            writes: executed.writes.clone(),
        };
        inner.store.append(&stored, &bodies).map_err(fault)?;
        if self.is_boundary(block.header.height) {
            let committee = &pending.next_committee;
            inner
                .store
                .put_meta(&committee_name(committee.epoch), &cbor::encode(committee))
                .map_err(fault)?;
            inner.shared().committees.insert(committee.epoch, committee.clone());
        }
        let written: Vec<_> = executed.versions.iter().map(|v| v.body).collect();
        self.note_governance(&written, true)
    }

    /// Keeps the lists that come from governance records: operators, nodes and packages. A
    /// backfilled (not `newest`) version only fills a gap.
    pub(crate) fn note_governance(&self, bodies: &[Digest], newest: bool) -> Result<(), NodeError> {
        let inner = &*self.inner;
        for body in bodies {
            let Some(version) = inner.bodies.held(*body)? else { continue };
            let LogicalKey::Record { package, register, key } = &version.key else { continue };
            if package != governance::ID {
                continue;
            }
            let name = match register.as_str() {
                governance::OPERATOR => format!("{META_OPERATOR}{key}"),
                governance::NODE => format!("{META_NODE}{key}"),
                governance::PACKAGE => format!("{META_PACKAGE}{key}"),
                _ => continue,
            };
            let fault = |e: chaincity_history::HistoryError| NodeError::Fault(chain(&e));
            if newest || inner.store.meta(&name).map_err(fault)?.is_none() {
                self.note(&name, &version, *body)?;
            }
        }
        Ok(())
    }

    fn note(&self, name: &str, version: &Version, body: Digest) -> Result<(), NodeError> {
        let inner = &*self.inner;
        let put = |value: &[u8]| {
            let kept = inner.store.put_meta(name, value);
            kept.map_err(|e| NodeError::Fault(chain(&e)))
        };
        if let Some(operator) = name.strip_prefix(META_OPERATOR) {
            if let (Ok(key), Some(member)) = (hex::decode(operator), governed::member_of(version)) {
                put(member.as_bytes())?;
                inner.shared().operators.insert(key, member.to_owned());
            }
        } else if let Some(node) = governed::node_of(version) {
            put(&cbor::encode(&node))?;
            inner.shared().nodes.insert(node.key.clone(), node);
        } else if let Some(package) = governed::package_of(version, &inner.package_cache) {
            put(body.as_bytes())?;
            inner.shared().packages.insert(package.id.clone(), package);
        }
        Ok(())
    }

    /// Takes a final block into the tip, window and pool, and tells followers.
    pub(crate) fn settle(&self, header: &Header) {
        let inner = &*self.inner;
        let digest = hash::header_digest(header);
        {
            let mut shared = inner.shared();
            if let Some(pending) = shared.pending.get(&ExecutionKey::of(header)).cloned() {
                let ids: Vec<_> = pending.transactions.iter().map(|signed| signed.id).collect();
                for signed in &pending.transactions {
                    shared.window.add(signed.id, signed.transaction.expiry);
                }
                shared.pool.settle(&ids, header.time);
            }
            shared.window.advance(header.time);
            shared.pending.retain(|key, _| key.height > header.height);
            shared.recent.insert(header.height, (header.clone(), digest));
            while shared.recent.len() > RECENT_HEADERS {
                shared.recent.pop_first();
            }
        }
        // A block applied once more after a restart is behind what history shows already: whoever
        // saw a receipt goes on seeing it.
        inner.tip.send_if_modified(|tip| {
            let newer = tip.as_ref().is_none_or(|tip| tip.header.height <= header.height);
            if newer {
                *tip = Some(Tip { header: header.clone(), digest });
                inner.caught_up.store(true, Ordering::Release);
            }
            newer
        });
    }
}

/// Names of small values in the history store.
pub(crate) const META_COMMITTEE: &str = "committee/";
const META_OPERATOR: &str = "operator/";
const META_NODE: &str = "node/";
const META_PACKAGE: &str = "package/";
pub(crate) const META_EQUIVOCATION: &str = "equivocation/";
/// Largest small value.
const META_BYTES_MAX: usize = 65_536;

/// Name under which the history store keeps the committee of an epoch, as canonical CBOR.
#[must_use]
pub fn committee_name(epoch: u64) -> String {
    format!("{META_COMMITTEE}{epoch:020}")
}

/// The committee of epoch 0.
#[must_use]
pub fn genesis_committee(genesis: &Genesis) -> Committee {
    let mut validators: Vec<_> =
        genesis.nodes.iter().filter(|n| n.validator).map(|n| n.node.clone()).collect();
    validators.sort();
    Committee { epoch: 0, validators }
}

/// The header at height 0: it follows from the genesis document alone.
#[must_use]
pub fn genesis_header(genesis: &Genesis) -> Header {
    let first = genesis_committee(genesis);
    let second = Committee { epoch: 1, ..first.clone() };
    chaincity_engine::genesis_header(
        hash::ledger_id(genesis),
        PROTOCOL,
        genesis.time,
        hash::committee_digest(&first),
        hash::committee_digest(&second),
    )
}

fn remember_transactions(window: &mut Window, stored: &StoredBlock) {
    let ids = stored.receipts.iter().map(|receipt| receipt.transaction);
    for (id, bytes) in ids.zip(&stored.block.transactions) {
        if let Ok(signed) = chaincity_crypto::cose::decode_transaction(bytes) {
            window.add(id, signed.transaction.expiry);
        }
    }
}

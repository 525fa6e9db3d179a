//! The replicated part of a node: what the engine drives, and what everything above reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use chaincity_crypto::cose::SignedTransaction;
use chaincity_crypto::hash;
use chaincity_history::{HistoryStore, StoredBlock};
use chaincity_ledger::{Executed, WrittenVersion, cases, governance};
use chaincity_package::model::Package;
use chaincity_types::wire::{
    Block, Committee, EXPIRY_AHEAD_MAX_MS, FinalityProof, Genesis, Header, LogicalKey, PROTOCOL,
    TrustBundle, Validator, Version,
};
use chaincity_types::{Digest, Height, Str, Timestamp, cbor};
use tokio::sync::{Notify, watch};

use crate::api::NodeError;
use crate::chain;
use crate::execute::Cores;
use crate::governed;
use crate::handed::Handed;
use crate::orderer::Orderer;
use crate::pace::Pace;
use crate::pool::Pool;
use crate::records::Bodies;
use crate::standing::Standing;
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
    pub(crate) pace: Pace,
    pub(crate) pending: BTreeMap<ExecutionKey, Arc<Pending>>,
    pub(crate) recent: BTreeMap<Height, (Header, Digest)>,
    pub(crate) committees: BTreeMap<u64, Committee>,
    /// The member of each operator, by public key.
    pub(crate) operators: BTreeMap<Vec<u8>, String>,
    /// Registered nodes, by public key.
    pub(crate) nodes: BTreeMap<Vec<u8>, Validator>,
    pub(crate) packages: BTreeMap<Str, Arc<Package>>,
    /// Transactions to gossip; those that left the pool since are not sent.
    pub(crate) outbox: Vec<Digest>,
    pub(crate) equivocators: BTreeSet<Vec<u8>>,
    /// The time of the oldest timer that was due at the newest final block and had not run.
    pub(crate) timers_waiting_since: Option<Timestamp>,
}

impl Shared {
    /// Height of the newest final block.
    fn newest(&self) -> Height {
        self.recent.last_key_value().map_or(Height(0), |(height, _)| *height)
    }
}

/// The transactions that a block may not hold again, besides those in the replay window.
#[derive(Debug)]
pub(crate) struct Ancestors {
    /// Ids in blocks between the final tip and the block.
    pub(crate) ids: BTreeSet<Digest>,
    /// Whether these and the window are all. A node that joined by snapshot does not know at
    /// first what was final before.
    pub(crate) whole: bool,
}

pub(crate) struct Inner {
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) genesis_header: Header,
    pub(crate) ledger: Digest,
    pub(crate) node_key: Vec<u8>,
    pub(crate) store: Arc<dyn HistoryStore>,
    pub(crate) orderer: Arc<OnceLock<Arc<dyn Orderer>>>,
    pub(crate) bodies: Bodies,
    pub(crate) standing: Standing,
    pub(crate) handed: Handed,
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
    pub(crate) cores: Cores,
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
        crate::execute::check_genesis(&genesis)?;
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
            standing: Standing::default(),
            handed: Handed::default(),
            tip: watch::channel(None).0,
            arrived: Notify::new(),
            outgoing: Notify::new(),
            caught_up: AtomicBool::new(false),
            shared: Mutex::default(),
        };
        let pipeline = Self { inner: Arc::new(inner), cores: Cores::One };
        pipeline.load()?;
        Ok(pipeline)
    }

    /// The same pipeline, which tries the transactions of a block on all cores at once. What they
    /// come to is the same; only what they take time for varies, so the simulator does without.
    #[must_use]
    pub fn on_all_cores(mut self) -> Self {
        self.cores = Cores::All;
        self
    }

    /// The packages in force, the built-in ones among them.
    #[must_use]
    pub fn packages(&self) -> Vec<Arc<Package>> {
        self.inner.shared().packages.values().map(Arc::clone).collect()
    }

    /// Takes over the committees of a trust bundle that the caller has verified, with the proofs of
    /// their handovers: for a node that joins by snapshot, which did not see those blocks. Gives
    /// the latest epoch known.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn adopt(&self, bundle: &TrustBundle) -> Result<u64, NodeError> {
        let inner = &*self.inner;
        let fault = |e: chaincity_history::HistoryError| NodeError::Fault(chain(&e));
        for (committee, handover) in &bundle.epochs {
            let epoch = committee.epoch;
            if inner.shared().committees.contains_key(&epoch) {
                continue;
            }
            // Once history is filled, the certificate also proves the blocks of the epoch before.
            let last = handover.headers.last().map(|bytes| cbor::decode(bytes, bytes.len()));
            if let Some(Ok(Header { height, .. })) = last {
                inner.store.put_certificate(height, &handover.certificate).map_err(fault)?;
            }
            inner.store.put_meta(&handover_name(epoch), &cbor::encode(handover)).map_err(fault)?;
            inner
                .store
                .put_meta(&committee_name(epoch), &cbor::encode(committee))
                .map_err(fault)?;
            inner.shared().committees.insert(epoch, committee.clone());
        }
        Ok(inner.shared().committees.last_key_value().map_or(0, |(epoch, _)| *epoch))
    }

    /// The proof that the committee of `epoch` was handed over to, when it came with a trust
    /// bundle.
    pub(crate) fn adopted_handover(&self, epoch: u64) -> Result<Option<FinalityProof>, NodeError> {
        let name = handover_name(epoch);
        let held = self.inner.store.meta(&name).map_err(|e| NodeError::Fault(chain(&e)))?;
        let read = |bytes: Vec<u8>| cbor::decode(&bytes, bytes.len());
        held.map(read).transpose().map_err(|e| NodeError::Fault(format!("{name}: {e}")))
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
        for built_in in [governance::package(), cases::package()] {
            shared.packages.insert(built_in.id.clone(), built_in);
        }
        for name in inner.store.meta_names(META_PACKAGE).map_err(fault)? {
            let digest = inner.store.meta(&name).map_err(fault)?.unwrap_or_default();
            let body = Digest::from_slice(&digest).unwrap_or_default();
            let Some(version) = inner.bodies.held(body)? else { continue };
            if let Some(package) = governed::package_of(&version) {
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
        let mut since = None;
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
            since = (height > Height(1)).then_some(header.time);
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
        inner.shared().window.begin(since);
        inner.tip.send_replace(newest);
        Ok(())
    }

    /// Takes a backfilled block into the replay window, if the window begins just above it and
    /// does not reach back far enough.
    pub(crate) fn extend_window(&self, above: &Header, stored: &StoredBlock) {
        let tip = self.tip().header.time;
        let mut shared = self.inner.shared();
        if shared.window.since() == Some(above.time) && !shared.window.covers(tip) {
            remember_transactions(&mut shared.window, stored);
            let ids: Vec<_> = stored.receipts.iter().map(|receipt| receipt.transaction).collect();
            shared.pool.settle(&ids, tip);
            let header = &stored.block.header;
            shared.window.begin((header.height > Height(1)).then_some(header.time));
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

    /// What stands in blocks from `from` back to the final tip.
    pub(crate) fn ancestors(&self, from: &Header) -> Ancestors {
        let shared = self.inner.shared();
        let mut ids = BTreeSet::new();
        let mut at = ExecutionKey::of(from);
        while let Some(pending) = shared.pending.get(&at) {
            ids.extend(pending.transactions.iter().map(|signed| signed.id));
            at = pending.parent;
        }
        let whole = at.height <= shared.newest() && shared.window.covers(from.time);
        Ancestors { ids, whole }
    }

    /// Whether timers were due at this block, the final tip or one above it, that it did not run: the
    /// next has work then.
    pub(crate) fn leaves_timers(&self, block: &Header) -> bool {
        let shared = self.inner.shared();
        let pending = shared.pending.get(&ExecutionKey::of(block));
        let waiting = pending.map(|pending| pending.executed.timers_waiting_since);
        waiting.unwrap_or(shared.timers_waiting_since).is_some()
    }

    /// Whether the replay window is whole for blocks above `height`, which history reaches.
    ///
    /// The newest block held may not be settled yet; whether it has a gap below shows by the one
    /// settled before it.
    pub(crate) fn holds_window(&self, height: Height) -> bool {
        let held = self.inner.store.tip().unwrap_or_default();
        let tip = self.tip().header.time;
        let shared = self.inner.shared();
        held >= height && shared.newest().next() >= held && shared.window.covers(tip)
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
        let bodies: Vec<_> =
            executed.versions.iter().map(|v| (v.record.head.body, v.bytes.clone())).collect();
        let stored = StoredBlock {
            block: block.clone(),
            receipts: executed.receipts.clone(),
            writes: executed.writes.clone(),
        };
        inner.store.append(&stored, &bodies).map_err(fault)?;
        inner.handed.add(stored, hash::header_digest(&block.header), &executed.versions);
        inner.shared().timers_waiting_since = executed.timers_waiting_since;
        if self.is_boundary(block.header.height) {
            self.store_committee(&pending.next_committee)?;
        }
        let governs = |written: &&WrittenVersion| {
            matches!(&written.record.version.key, LogicalKey::Record { package, .. }
                if package == governance::ID)
        };
        let written = executed.versions.iter().filter(governs).map(|v| v.record.head.body);
        self.note_governance(&written.collect::<Vec<_>>(), true)
    }

    /// Makes the committee of an epoch durable, then known.
    pub(crate) fn store_committee(&self, committee: &Committee) -> Result<(), NodeError> {
        let inner = &*self.inner;
        inner
            .store
            .put_meta(&committee_name(committee.epoch), &cbor::encode(committee))
            .map_err(|e| NodeError::Fault(chain(&e)))?;
        inner.shared().committees.insert(committee.epoch, committee.clone());
        Ok(())
    }

    /// Keeps the lists that come from governance records: operators, nodes and packages. A
    /// backfilled (not `newest`) version fills a gap, or takes the place of an older one: a node
    /// that lost its state and fetched a snapshot has history on both sides of the gap.
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
            if newest || self.is_news(&name, &version)? {
                self.note(&name, &version, *body)?;
                let noted =
                    inner.store.put_meta(&noted_name(&name), &version.version.to_be_bytes());
                noted.map_err(|e| NodeError::Fault(chain(&e)))?;
            }
        }
        Ok(())
    }

    /// Whether a backfilled version is newer than the one noted.
    fn is_news(&self, name: &str, version: &Version) -> Result<bool, NodeError> {
        let meta = |name: &str| {
            let found = self.inner.store.meta(name);
            found.map_err(|e| NodeError::Fault(chain(&e)))
        };
        if meta(name)?.is_none() {
            return Ok(true);
        }
        let noted = meta(&noted_name(name))?.and_then(|bytes| bytes.try_into().ok());
        Ok(noted.is_some_and(|noted| u64::from_be_bytes(noted) < version.version))
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
        } else if let Some(package) = governed::package_of(version) {
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
            if header.height > shared.newest().next() {
                // A snapshot stands for the blocks between.
                shared.window.begin(Some(header.time));
            }
            let pending = shared.pending.get(&ExecutionKey::of(header)).cloned();
            inner.standing.on_final(pending.as_ref().map(|p| p.executed.versions.as_slice()));
            if let Some(pending) = pending {
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
        inner.bodies.stored(header.height);
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
const META_HANDOVER: &str = "handover/";
const META_OPERATOR: &str = "operator/";
const META_NODE: &str = "node/";
const META_PACKAGE: &str = "package/";
pub(crate) const META_EQUIVOCATION: &str = "equivocation/";
/// Before the name of a value from a governance record: the number of the record's version.
const META_NOTED: &str = "noted/";
/// Largest small value.
const META_BYTES_MAX: usize = 65_536;

fn noted_name(name: &str) -> String {
    format!("{META_NOTED}{name}")
}

/// Name under which the history store keeps the committee of an epoch, as canonical CBOR.
#[must_use]
pub fn committee_name(epoch: u64) -> String {
    format!("{META_COMMITTEE}{epoch:020}")
}

/// Name under which it keeps the proof of a handover that this node did not see itself.
fn handover_name(epoch: u64) -> String {
    format!("{META_HANDOVER}{epoch:020}")
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

//! A counter of the city's ledger: a node with real keys on the stand-in orderer, and a proposer
//! who makes whatever block a test wants.
//!
//! A test submits and gossips signed transactions as clients and peers do, lets blocks become
//! final, and asks the node to judge blocks that are right in all but one respect.

#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a failure here fails the test")]

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use chaincity_crypto::cose;
use chaincity_crypto::suite::SecretKey;
use chaincity_crypto::{hash, tree};
use chaincity_engine::{
    Clock as _, ContentKey, Finality, Machine as _, StandIn, StateReader, VirtualClock,
};
use chaincity_history::{HistoryStore, MemoryStore};
use chaincity_ledger::memory::PackageCache;
use chaincity_ledger::{BlockContext, BlockRun, Executed, Lookup, Record, SignedCall, Step, View};
use chaincity_pipeline::{Node, NodeApi, Orderer, Pipeline, Proved, Refusal};
use chaincity_types::wire::{
    BODY_BYTES_MAX, Block, Call, Genesis, GenesisNode, Head, Header, LogicalKey, Mode, PROTOCOL,
    Transaction, Validator, Version,
};
use chaincity_types::{Digest, Height, Timestamp, Value, cbor};
use futures::FutureExt as _;
use futures::executor::block_on;
use futures::future::BoxFuture;
use minicbor::bytes::ByteVec;

use crate::city::{self, Actor};
use crate::model::{Fact, Holder, Operation};
use crate::workload::Keys;

/// When the ledger begins.
pub const BEGIN: Timestamp = Timestamp(1_790_000_000_000);

type State = Arc<BTreeMap<Digest, Head>>;

/// The key of an actor.
#[must_use]
pub fn key(actor: Actor) -> SecretKey {
    SecretKey::from_seed(hash::plain(actor.name().as_bytes()).as_bytes())
}

fn public(name: &str) -> Vec<u8> {
    let key = SecretKey::from_seed(hash::plain(name.as_bytes()).as_bytes());
    key.public_key().as_bytes().to_vec()
}

/// A first registration, which the registrar may make; each unit number once.
#[must_use]
pub fn registration(number: &str) -> Call {
    Keys::default().call(&Operation::new(
        "first-registration",
        [
            ("number", number.into()),
            ("number_kind", "other".into()),
            ("location", "娄星区测试路1号".into()),
            ("holders", vec![Holder { subject: "测试甲".to_owned(), n: 1, d: 1 }].into()),
            ("basis", "合同".into()),
        ],
    ))
}

/// A court's seal: urgent, whatever becomes of it.
#[must_use]
pub fn seal(unit: &str) -> Call {
    Keys::default().call(&Operation::new(
        "seal",
        [
            ("unit", unit.into()),
            ("document", "（2026）湘1302执1号".into()),
            ("served", Fact::Time(BEGIN.0)),
            ("from", Fact::Day(20_700)),
            ("to", Fact::Day(20_800)),
        ],
    ))
}

/// A call that any operator may make, about so many bytes long, which the ledger rejects.
#[must_use]
pub fn padded(bytes: usize) -> Call {
    Call { mandates: Some(vec!["m".repeat(bytes).into()]), ..registration("padded") }
}

/// The orderer as the node sees it: the state after the newest block, and nobody else.
#[derive(Debug, Default)]
pub struct Alone {
    state: Mutex<State>,
    /// The state's root.
    root: Mutex<Digest>,
    broken: AtomicBool,
    breaks: AtomicBool,
    /// The node's machine, which a node that joins asks for content.
    peer: OnceLock<Pipeline>,
}

impl Alone {
    /// From the next read of a record on the state cannot be read.
    pub fn break_in_a_moment(&self) {
        self.breaks.store(true, Ordering::Release);
    }

    fn state(&self) -> State {
        Arc::clone(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Orderer for Alone {
    fn fetch(&self, key: ContentKey) -> BoxFuture<'_, Option<Bytes>> {
        let found = self.peer.get().and_then(|peer| peer.serve(key));
        async move { found }.boxed()
    }

    fn gossip(&self, _: Bytes) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }

    fn connected(&self) -> Option<usize> {
        Some(0)
    }

    fn syncing(&self) -> bool {
        false
    }

    fn heads(&self, keys: Vec<Digest>) -> BoxFuture<'_, Result<Vec<Option<Head>>, String>> {
        if !keys.is_empty() && self.breaks.load(Ordering::Acquire) {
            self.broken.store(true, Ordering::Release);
        }
        let broken = self.broken.load(Ordering::Acquire);
        let state = self.state();
        async move {
            if broken {
                return Err("the state is broken".to_owned());
            }
            Ok(keys.iter().map(|key| state.get(key).copied()).collect())
        }
        .boxed()
    }

    /// The root, and proofs of nothing: the stand-in has none to give.
    fn prove(&self, keys: Vec<Digest>) -> BoxFuture<'_, Result<Proved, String>> {
        let state_root = *self.root.lock().unwrap_or_else(PoisonError::into_inner);
        async move {
            if keys.is_empty() {
                return Ok(Proved { state_root, proofs: Vec::new() });
            }
            Err("the stand-in proves nothing".to_owned())
        }
        .boxed()
    }
}

/// Where a block is to stand: its parent and the state after it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The parent.
    pub parent: Header,
    state: State,
    /// Bodies of blocks that are not final.
    bodies: BTreeMap<Digest, Version>,
    /// How long each look into the state takes.
    slow: Option<(VirtualClock, u64)>,
    /// Whether a look into the state needs the runtime, as one does that has to ask the disk.
    asks: bool,
}

impl Place {
    /// The same place on a machine whose state is not in memory.
    #[must_use]
    pub const fn on_disk(mut self) -> Self {
        self.asks = true;
        self
    }

    /// The same place on a machine where each look into the state takes so long.
    #[must_use]
    pub fn slow(mut self, clock: VirtualClock, ms: u64) -> Self {
        self.slow = Some((clock, ms));
        self
    }
}

impl StateReader for Place {
    async fn heads(&self, keys: Vec<Digest>) -> Vec<Option<Head>> {
        keys.iter().map(|key| self.state.get(key).copied()).collect()
    }

    fn head_at_hand(&self, key: Digest) -> Option<Option<Head>> {
        if let Some((clock, ms)) = &self.slow {
            clock.advance_ms(*ms);
        }
        if self.asks {
            drop(tokio::runtime::Handle::current());
        }
        Some(self.state.get(&key).copied())
    }
}

/// What execution sees at a place.
struct Sight<'a>(&'a Place, &'a MemoryStore);

impl View for Sight<'_> {
    fn lookup(&self, key: &LogicalKey) -> Lookup {
        let Some(head) = self.0.state.get(&hash::state_key(key)).copied() else {
            return Lookup::Known(None);
        };
        let version = self.0.bodies.get(&head.body).cloned().unwrap_or_else(|| {
            let bytes = self.1.body(&head.body).expect("memory").expect("a body of the state");
            cbor::decode(&bytes, BODY_BYTES_MAX).expect("a version")
        });
        Lookup::Known(Some(Arc::new(Record { head, version: Arc::new(version) })))
    }
}

/// The node, its orderer and its clock.
#[derive(Debug)]
pub struct Desk {
    genesis: Arc<Genesis>,
    store: Arc<MemoryStore>,
    pipeline: Pipeline,
    node: Node<VirtualClock>,
    chain: StandIn<Pipeline>,
    alone: Arc<Alone>,
    packages: PackageCache,
    count: u64,
}

impl Desk {
    /// Opens the ledger: the block with the genesis records is final.
    #[must_use]
    pub fn open() -> Self {
        Self::of(city::package("real-estate").expect("the package").doc.to_bytes())
    }

    /// The same with this package alone.
    #[must_use]
    pub fn of(document: Vec<u8>) -> Self {
        let node = Validator {
            key: public("node"),
            member: Actor::Registrar.member().into(),
            address: "localhost:1".into(),
        };
        let nodes = vec![GenesisNode { node, validator: true }];
        let mut desk = Self::before(city::genesis(BEGIN, nodes, vec![document], &public));
        desk.step();
        desk
    }

    /// A ledger of this genesis whose first block is still to come.
    #[must_use]
    pub fn before(genesis: Genesis) -> Self {
        let genesis = Arc::new(genesis);
        let store = Arc::new(MemoryStore::new());
        let history: Arc<dyn HistoryStore> = Arc::<MemoryStore>::clone(&store);
        let pipeline = Pipeline::open(Arc::clone(&genesis), public("node"), history);
        let pipeline = pipeline.expect("a possible genesis");
        let header = chaincity_pipeline::genesis_header(&genesis);
        let epoch = NonZeroU64::new(genesis.epoch_blocks).expect("blocks in an epoch");
        let chain = StandIn::new(header, epoch, pipeline.clone(), None);
        let alone = Arc::new(Alone::default());
        let orderer: Arc<dyn Orderer> = Arc::<Alone>::clone(&alone);
        let node = Node::new(pipeline.clone(), orderer, chain.clock());
        let packages = PackageCache::default();
        Self { genesis, store, pipeline, node, chain, alone, packages, count: 0 }
    }

    /// The same node started again on its history: a pipeline that remembers nothing else.
    #[must_use]
    pub fn restarted(&self) -> (Pipeline, Node<VirtualClock>) {
        let history: Arc<dyn HistoryStore> = Arc::<MemoryStore>::clone(&self.store);
        let pipeline = Pipeline::open(Arc::clone(&self.genesis), public("node"), history);
        let pipeline = pipeline.expect("the same history");
        let orderer: Arc<dyn Orderer> = Arc::<Alone>::clone(&self.alone);
        (pipeline.clone(), Node::new(pipeline, orderer, self.clock()))
    }

    /// A node that joined by a snapshot after the newest block but `blocks`: it knows the operators,
    /// no packages, and of older blocks nothing yet.
    #[must_use]
    pub fn joined(&self, blocks: u64) -> (Pipeline, Arc<MemoryStore>) {
        let store = Arc::new(MemoryStore::new());
        let tip = self.tip().height.0;
        for height in tip.saturating_sub(blocks).saturating_add(1)..=tip {
            let block = self.store.block(Height(height)).expect("memory").expect("a block");
            let body = |digest| (digest, self.store.body(&digest).expect("memory").expect("held"));
            let bodies: Vec<_> = block.writes.iter().map(|write| body(write.body)).collect();
            store.append(&block, &bodies).expect("a block on another");
        }
        for name in self.store.meta_names("operator/").expect("memory") {
            let value = self.store.meta(&name).expect("memory").expect("a value");
            store.put_meta(&name, &value).expect("memory");
        }
        let history: Arc<dyn HistoryStore> = Arc::<MemoryStore>::clone(&store);
        let pipeline = Pipeline::open(Arc::clone(&self.genesis), public("joined"), history);
        let pipeline = pipeline.expect("the same ledger");
        // Nobody else's second machine: a peer once set stays.
        drop(self.alone.peer.set(self.pipeline.clone()));
        let orderer: Arc<dyn Orderer> = Arc::<Alone>::clone(&self.alone);
        pipeline.connect(orderer);
        (pipeline, store)
    }

    /// The block that a node proposes.
    #[must_use]
    pub fn proposed(&self, pipeline: &Pipeline, place: &Place) -> Block {
        let (parent, epoch) = (place.parent.clone(), self.epoch(place));
        let draft = pipeline.propose(parent, epoch, place.clone(), self.clock());
        let draft = block_on(draft).expect("a draft");
        let header = Header {
            height: place.parent.height.next(),
            parent: hash::header_digest(&place.parent),
            time: draft.time,
            transactions_root: draft.transactions_root,
            effects_root: draft.effects_root,
            committee: draft.committee,
            next_committee: draft.next_committee,
            ..place.parent.clone()
        };
        let transactions = draft.transactions.iter().map(|t| ByteVec::from(t.to_vec()));
        Block { header, transactions: transactions.collect() }
    }

    /// The node's interface.
    #[must_use]
    pub const fn node(&self) -> &Node<VirtualClock> {
        &self.node
    }

    /// The node's machine.
    #[must_use]
    pub const fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// The node's orderer.
    #[must_use]
    pub fn alone(&self) -> &Alone {
        &self.alone
    }

    /// The clock of node and orderer.
    #[must_use]
    pub fn clock(&self) -> VirtualClock {
        self.chain.clock()
    }

    /// The newest final header.
    #[must_use]
    pub fn tip(&self) -> &Header {
        self.chain.tip()
    }

    /// How many transactions wait.
    #[must_use]
    pub fn pooled(&self) -> usize {
        self.node.status().pool
    }

    /// The node proposes a block, which becomes final.
    pub fn step(&mut self) -> Arc<Block> {
        let block = block_on(self.chain.step()).expect("a block");
        let state = Arc::new(self.chain.state().clone());
        *self.alone.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        let root = block.header.state_root;
        *self.alone.root.lock().unwrap_or_else(PoisonError::into_inner) = root;
        block
    }

    /// A transaction of these calls that is right in every respect, and unlike any other.
    pub fn transaction(&mut self, calls: Vec<Call>) -> Transaction {
        self.count = self.count.saturating_add(1);
        Transaction {
            ledger: hash::ledger_id(&self.genesis),
            protocol: PROTOCOL,
            expiry: self.tip().time.plus_ms(300_000),
            mode: Mode::Atomic,
            calls,
            intent: Some(format!("n-{}", self.count).into()),
        }
    }

    /// The same, signed.
    pub fn signed(&mut self, by: Actor, call: Call) -> Vec<u8> {
        cose::sign_transaction(&self.transaction(vec![call]), &key(by))
    }

    /// A good transaction of the registrar.
    pub fn good(&mut self) -> Vec<u8> {
        let number = format!("unit-{}", self.count);
        self.signed(Actor::Registrar, registration(&number))
    }

    /// Submits as a client does.
    ///
    /// # Errors
    /// The node's refusal.
    pub fn submit(&self, transaction: &[u8]) -> Result<Digest, Refusal> {
        block_on(self.node.submit(transaction.to_vec()))
    }

    /// Submits a batch as a client does.
    pub fn submit_many<T: AsRef<[u8]>>(&self, batch: &[T]) -> Vec<Result<Digest, Refusal>> {
        let batch = batch.iter().map(|bytes| Bytes::copy_from_slice(bytes.as_ref())).collect();
        block_on(self.node.submit_many(batch))
    }

    /// The code of a submission that the node must refuse.
    #[must_use]
    pub fn refusal(&self, transaction: &[u8]) -> &'static str {
        self.submit(transaction).expect_err("the node took it").code.code()
    }

    /// Gossips these as one message of a peer does.
    pub fn gossip<T: AsRef<[u8]>>(&self, transactions: &[T]) {
        self.gossip_to(&self.pipeline, transactions);
    }

    /// The same to another node.
    pub fn gossip_to<T: AsRef<[u8]>>(&self, pipeline: &Pipeline, transactions: &[T]) {
        let batch: Vec<_> =
            transactions.iter().map(|t| ByteVec::from(t.as_ref().to_vec())).collect();
        pipeline.on_gossip(vec![(public("peer"), Bytes::from(cbor::encode(&batch)))]);
    }

    /// The place after the newest final block.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            parent: self.tip().clone(),
            state: Arc::new(self.chain.state().clone()),
            bodies: BTreeMap::new(),
            slow: None,
            asks: false,
        }
    }

    fn epoch(&self, place: &Place) -> u64 {
        let height = place.parent.height.next();
        height.0.checked_div(self.genesis.epoch_blocks).unwrap_or_default()
    }

    /// Executes transactions as the rules say, apart from all checks. Those that cannot be read
    /// are left out.
    fn execute(
        &self,
        place: &Place,
        transactions: &[Vec<u8>],
        time: Timestamp,
    ) -> (Executed, Digest) {
        let context = BlockContext {
            ledger: place.parent.ledger,
            protocol: PROTOCOL,
            height: place.parent.height.next(),
            time,
            parent_time: place.parent.time,
            epoch: self.epoch(place),
        };
        let view = Sight(place, &self.store);
        let mut run = BlockRun::new(context);
        for signed in transactions.iter().filter_map(|bytes| cose::decode_transaction(bytes).ok()) {
            let operator = signed.operator.as_bytes();
            let call = SignedCall { id: signed.id, operator, transaction: &signed.transaction };
            assert_eq!(run.run(&call, &view, &self.packages), Step::Done(()), "every key is known");
        }
        let committee = run.committee(context.epoch.saturating_add(1), &view);
        let Step::Done(Some(committee)) = committee else { unreachable!("a committee") };
        let Step::Done(executed) = run.finish(&view, &self.packages) else {
            unreachable!("every key is known")
        };
        (executed, hash::committee_digest(&committee))
    }

    /// The block that a proposer makes of these transactions, `ms` after its parent: its header
    /// agrees with what it holds, lawful or not.
    #[must_use]
    pub fn block(&self, place: &Place, transactions: &[Vec<u8>], ms: u64) -> Block {
        let time = place.parent.time.plus_ms(ms);
        let (executed, next_committee) = self.execute(place, transactions, time);
        let header = Header {
            height: place.parent.height.next(),
            parent: hash::header_digest(&place.parent),
            time,
            transactions_root: tree::root(transactions),
            effects_root: executed.effects_root,
            next_committee,
            ..place.parent.clone()
        };
        Block { header, transactions: transactions.iter().cloned().map(ByteVec::from).collect() }
    }

    /// Whether the node would vote for a block.
    #[must_use]
    pub fn accepts(&self, place: &Place, block: &Block) -> bool {
        self.judged(&self.pipeline, place, block, Finality::Candidate).is_some()
    }

    /// What a node makes of a block.
    #[must_use]
    pub fn judged(
        &self,
        pipeline: &Pipeline,
        place: &Place,
        block: &Block,
        finality: Finality,
    ) -> Option<Vec<(Digest, Head)>> {
        let epoch = self.epoch(place);
        let block = Arc::new(block.clone());
        let process = pipeline.process(
            place.parent.clone(),
            epoch,
            block,
            finality,
            place.clone(),
            self.clock(),
        );
        block_on(process)
    }

    /// The place after a block that is not final, once the node accepted it.
    #[must_use]
    pub fn after(&self, place: &Place, block: &Block) -> Place {
        let transactions: Vec<_> = block.transactions.iter().map(|t| t.to_vec()).collect();
        let (executed, _) = self.execute(place, &transactions, block.header.time);
        let mut next = Place { parent: block.header.clone(), ..place.clone() };
        Arc::make_mut(&mut next.state).extend(executed.heads.iter().copied());
        for written in executed.versions {
            let version = cbor::decode(&written.bytes, BODY_BYTES_MAX).expect("a version");
            next.bodies.insert(written.record.head.body, version);
        }
        next
    }

    /// Lets virtual time pass.
    pub fn wait_ms(&self, ms: u64) {
        self.clock().advance_ms(ms);
    }

    /// The time on the clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock().now()
    }
}

/// A field of an input, replaced.
#[must_use]
pub fn with(mut call: Call, field: &str, value: Value) -> Call {
    call.input.insert(field.into(), value);
    call
}

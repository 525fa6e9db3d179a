//! The nodes of a simulated city: started, crashed, restarted, cut off, and watched.

use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chaincity_crypto::hash;
use chaincity_engine::sim::{SimClock, Simulation, Weather};
use chaincity_engine::{Config, Handle, Limits, Machine as _, NodeKey, Pace};
use chaincity_history::{HistoryStore, MemoryStore};
use chaincity_pipeline::{Node, NodeApi, Pipeline, genesis_header};
use chaincity_types::wire::{Genesis, TrustBundle};
use chaincity_types::{Digest, Height, Timestamp, cbor};
use minicbor::bytes::ByteVec;

use crate::sim::Failure;
use crate::sim::keys::{self, KeyRing};
use crate::workload::Random;

/// When a simulated city begins: late in the morning, so that no run sees midnight.
pub const BEGIN: Timestamp = Timestamp(1_790_000_000_000 - 36_000_000);
/// How often the nodes are watched, in virtual milliseconds.
const WATCH_MS: u64 = 100;

/// What kind of city.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Everything follows from it.
    pub seed: u64,
    /// Validators at genesis: nodes 0 to this.
    pub validators: usize,
    /// Blocks in an epoch.
    pub epoch_blocks: u64,
    /// The node that contradicts itself when it votes, if any.
    pub equivocator: Option<usize>,
}

/// The interfaces of the nodes that are up, for clients; an equivocator's is never among them.
#[derive(Clone, Default)]
pub struct Doors(Arc<Mutex<BTreeMap<usize, Arc<dyn NodeApi>>>>);

impl std::fmt::Debug for Doors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Doors").field(&self.nodes()).finish()
    }
}

impl Doors {
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<usize, Arc<dyn NodeApi>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The nodes that are up.
    #[must_use]
    pub fn nodes(&self) -> Vec<usize> {
        self.with(|doors| doors.keys().copied().collect())
    }

    /// A node that is up.
    #[must_use]
    pub fn at(&self, node: usize) -> Option<Arc<dyn NodeApi>> {
        self.with(|doors| doors.get(&node).cloned())
    }

    /// Any node that is up.
    pub fn any(&self, random: &mut Random) -> Option<Arc<dyn NodeApi>> {
        let node = random.pick(&self.nodes())?;
        self.at(node)
    }
}

/// One node, up or down.
struct CityNode {
    history: Arc<MemoryStore>,
    /// Its machine, while it is up.
    pipeline: Option<Pipeline>,
    up: bool,
    /// Highest height that it ever showed as final.
    shown: Height,
}

/// A city: a simulated cluster of whole nodes.
pub struct City {
    /// The cluster beneath.
    pub sim: Simulation,
    /// Its keys.
    pub keys: KeyRing,
    /// Its genesis document.
    pub genesis: Arc<Genesis>,
    /// Its ledger.
    pub ledger: Digest,
    /// Where clients knock.
    pub doors: Doors,
    plan: Plan,
    nodes: BTreeMap<usize, CityNode>,
    /// Which block is final at each height, as the first node to show it said.
    finals: BTreeMap<Height, Digest>,
    /// Who is separated from whom, as long as they are.
    division: Vec<Vec<usize>>,
}

impl std::fmt::Debug for City {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("City").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl City {
    /// A city none of whose nodes is up yet.
    ///
    /// # Errors
    /// When the package of the repository cannot be read.
    pub fn new(sim: Simulation, plan: Plan) -> Result<Self, Failure> {
        let keys = KeyRing::new(plan.seed);
        let genesis = keys::genesis(keys, BEGIN, plan.validators, plan.epoch_blocks)?;
        Ok(Self::of(sim, plan, genesis))
    }

    /// A city with a genesis of its own, none of whose nodes is up yet.
    #[must_use]
    pub fn of(sim: Simulation, plan: Plan, genesis: Genesis) -> Self {
        let ledger = hash::ledger_id(&genesis);
        Self {
            sim,
            keys: KeyRing::new(plan.seed),
            genesis: Arc::new(genesis),
            ledger,
            doors: Doors::default(),
            plan,
            nodes: BTreeMap::new(),
            finals: BTreeMap::new(),
            division: Vec::new(),
        }
    }

    /// A city with these nodes up and the genesis block final.
    ///
    /// # Errors
    /// See [`City::start`] and [`City::reach`].
    pub async fn found(sim: Simulation, plan: Plan, nodes: &[usize]) -> Result<Self, Failure> {
        let mut city = Self::new(sim, plan)?;
        for node in nodes {
            city.start(*node).await?;
        }
        city.reach(Height(1), 60_000).await?;
        Ok(city)
    }

    /// Virtual time.
    #[must_use]
    pub fn clock(&self) -> SimClock {
        self.sim.clock()
    }

    /// The validator that contradicts itself, if one does.
    #[must_use]
    pub const fn equivocator(&self) -> Option<usize> {
        self.plan.equivocator
    }

    /// Nodes that are up and honest.
    #[must_use]
    pub fn honest(&self) -> Vec<usize> {
        self.doors.nodes()
    }

    /// Starts a node, or starts it again after a crash with what its disks hold.
    ///
    /// # Errors
    /// When it does not start, or no longer shows what it has shown.
    pub async fn start(&mut self, node: usize) -> Result<(), Failure> {
        self.start_from(node, None).await?;
        self.backfill(node);
        Ok(())
    }

    /// Starts a new node with nothing but a trust bundle: it fetches a snapshot, and what came
    /// before it afterwards.
    ///
    /// # Errors
    /// See [`City::start`].
    pub async fn join(&mut self, node: usize, bundle: &TrustBundle) -> Result<(), Failure> {
        self.join_bare(node, bundle).await?;
        self.backfill(node);
        Ok(())
    }

    /// As [`City::join`], but nothing from before the snapshot is fetched until
    /// [`City::backfill`].
    ///
    /// # Errors
    /// See [`City::start`].
    pub async fn join_bare(&mut self, node: usize, bundle: &TrustBundle) -> Result<(), Failure> {
        self.start_from(node, Some(bundle)).await
    }

    /// Lets a node that is up fetch what its history lacks.
    pub fn backfill(&mut self, node: usize) {
        let pipeline = self.nodes.get(&node).and_then(|at| at.pipeline.clone());
        if let Some(pipeline) = pipeline {
            let clock = self.sim.clock();
            self.sim.beside(node, async move { pipeline.backfill(clock).await });
        }
    }

    async fn start_from(
        &mut self,
        node: usize,
        bundle: Option<&TrustBundle>,
    ) -> Result<(), Failure> {
        let at = self.nodes.entry(node).or_insert_with(CityNode::new);
        let history: Arc<dyn HistoryStore> = Arc::<MemoryStore>::clone(&at.history);
        let public = self.keys.node_public(node);
        let opened = Pipeline::open(Arc::clone(&self.genesis), public, history);
        let pipeline = opened.map_err(|error| format!("node {node} does not open: {error}"))?;
        let adopted = bundle.map(|bundle| pipeline.adopt(bundle)).transpose();
        let config = self.config(node, adopted.map_err(|error| error.to_string())?)?;
        let (clock, machine) = (self.sim.clock(), pipeline.clone());
        let mut api: Option<Arc<dyn NodeApi>> = None;
        let build = |handle: Handle| {
            let joined = Node::new(machine.clone(), Arc::new(handle), clock.clone());
            api = Some(Arc::new(joined));
            machine
        };
        let equivocates = self.plan.equivocator == Some(node);
        let started = if equivocates {
            self.sim.start_equivocating(node, config, build).await
        } else {
            self.sim.start(node, config, build).await
        };
        started.map_err(|error| format!("node {node} does not start: {error}"))?;
        let (gossip, tick) = (pipeline.clone(), self.sim.clock());
        self.sim.beside(node, async move { gossip.gossip(tick).await });
        if let Some(at) = self.nodes.get_mut(&node) {
            at.up = true;
            at.pipeline = Some(pipeline);
        }
        if let Some(api) = api.filter(|_| !equivocates) {
            self.doors.with(|doors| doors.insert(node, api));
        }
        self.watch()
    }

    fn config(&self, node: usize, sync_epoch: Option<u64>) -> Result<Config, Failure> {
        let key = NodeKey::from_seed(*self.keys.node(node).seed());
        let small = NonZeroUsize::new(1_024).unwrap_or(NonZeroUsize::MIN);
        Ok(Config {
            genesis: genesis_header(&self.genesis),
            epoch_length: NonZeroU64::new(self.genesis.epoch_blocks).unwrap_or(NonZeroU64::MIN),
            key: key.map_err(|error| error.to_string())?,
            sync_epoch,
            pace: Pace::default(),
            limits: Limits { state_pages: small, open_keys: small, ..Limits::default() },
        })
    }

    /// Cuts a node's power: what its disks did not hold for certain is gone.
    ///
    /// # Errors
    /// When what is left of its history is damaged.
    pub async fn crash(&mut self, node: usize) -> Result<(), Failure> {
        self.watch()?;
        self.doors.with(|doors| doors.remove(&node));
        self.sim.crash(node).await;
        if let Some(at) = self.nodes.get_mut(&node) {
            let left = at.history.after_power_cut();
            at.history = Arc::new(left.map_err(|error| format!("node {node}: {error}"))?);
            at.up = false;
            at.pipeline = None;
        }
        Ok(())
    }

    /// Lets every node that is up hear of a transaction from a peer, who need not have run it dry.
    pub fn hear(&self, transaction: &[u8]) {
        let batch = vec![ByteVec::from(transaction.to_vec())];
        let message = Bytes::from(cbor::encode(&batch));
        for pipeline in self.nodes.values().filter_map(|node| node.pipeline.as_ref()) {
            pipeline.on_gossip(vec![(Vec::new(), message.clone())]);
        }
    }

    /// Leaves links only within these groups.
    pub async fn divide(&mut self, groups: &[Vec<usize>]) {
        let groups_of: Vec<&[usize]> = groups.iter().map(Vec::as_slice).collect();
        self.sim.divide(&groups_of).await;
        self.division = groups.to_vec();
    }

    /// Restores every link.
    pub async fn unite(&mut self) {
        self.sim.heal().await;
        self.division.clear();
    }

    /// Changes the weather; who is separated stays so.
    pub async fn weather(&mut self, weather: Weather) {
        self.sim.set_weather(weather);
        self.sim.heal().await;
        let division = std::mem::take(&mut self.division);
        if !division.is_empty() {
            self.divide(&division).await;
        }
    }

    /// Restores links and weather and starts whoever is down.
    ///
    /// # Errors
    /// See [`City::start`].
    pub async fn heal(&mut self) -> Result<(), Failure> {
        self.sim.set_weather(Weather::default());
        self.unite().await;
        let down = self.nodes.iter().filter(|(_, at)| !at.up).map(|(node, _)| *node);
        for node in down.collect::<Vec<_>>() {
            self.start(node).await?;
        }
        Ok(())
    }

    /// Compares what the nodes show with what any of them has ever shown.
    ///
    /// # Errors
    /// When a node shows less than before, or another block than another node.
    pub fn watch(&mut self) -> Result<(), Failure> {
        for node in self.doors.nodes() {
            let Some(status) = self.doors.at(node).map(|api| api.status()) else { continue };
            let Some(at) = self.nodes.get_mut(&node) else { continue };
            if status.height < at.shown {
                return Err(format!(
                    "node {node} showed height {} as final and now shows {}",
                    at.shown, status.height
                ));
            }
            at.shown = status.height;
            let first = *self.finals.entry(status.height).or_insert(status.block);
            if first != status.block {
                return Err(format!(
                    "two final blocks at height {}: {first}, and {} on node {node}",
                    status.height, status.block
                ));
            }
        }
        Ok(())
    }

    /// Lets time pass, watching.
    ///
    /// # Errors
    /// See [`City::watch`].
    pub async fn pass(&mut self, ms: u64) -> Result<(), Failure> {
        let end = self.sim.now().plus_ms(ms);
        while self.sim.now() < end {
            let left = end.since_ms(self.sim.now());
            self.sim.pass_ms(left.min(WATCH_MS)).await;
            self.watch()?;
        }
        Ok(())
    }

    /// Waits until every honest node that is up has this height.
    ///
    /// # Errors
    /// When that takes more than `ms` virtual milliseconds.
    pub async fn reach(&mut self, height: Height, ms: u64) -> Result<(), Failure> {
        let end = self.sim.now().plus_ms(ms);
        loop {
            let nodes = self.doors.nodes();
            let heights: Vec<Height> = nodes
                .iter()
                .filter_map(|node| self.doors.at(*node))
                .map(|api| api.status().height)
                .collect();
            if heights.iter().all(|at| *at >= height) {
                return Ok(());
            }
            if self.sim.now() > end {
                let heights: Vec<u64> = heights.iter().map(|height| height.0).collect();
                return Err(format!(
                    "height {height} is not reached in {ms} ms: nodes {nodes:?} are at {heights:?}"
                ));
            }
            self.pass(WATCH_MS).await?;
        }
    }

    /// The greatest height that an honest node shows.
    #[must_use]
    pub fn height(&self) -> Height {
        let nodes = self.doors.nodes();
        let apis = nodes.iter().filter_map(|node| self.doors.at(*node));
        apis.map(|api| api.status().height).max().unwrap_or_default()
    }

    /// Public keys of the validators that some honest node caught contradicting themselves.
    #[must_use]
    pub fn accused(&self) -> Vec<Vec<u8>> {
        let nodes = self.doors.nodes();
        let apis = nodes.iter().filter_map(|node| self.doors.at(*node));
        let mut accused: Vec<_> = apis.flat_map(|api| api.status().equivocators).collect();
        accused.sort();
        accused.dedup();
        accused
    }
}

impl CityNode {
    fn new() -> Self {
        Self { history: Arc::new(MemoryStore::new()), pipeline: None, up: false, shown: Height(0) }
    }
}

//! Whole clusters in one thread on virtual time: the same nodes as over sockets, on a simulated
//! network and simulated storage, reproducible from a seed.
//!
//! A scenario starts nodes, cuts and heals links, crashes nodes (their storage stays as it was
//! flushed) and starts them again; one node may be told to contradict itself when it votes. Time
//! passes only while the scenario waits.

mod voter;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::time::{Duration, UNIX_EPOCH};

use chaincity_crypto::finality;
use chaincity_types::Timestamp;
use commonware_cryptography::Signer as _;
use commonware_p2p::simulated::{self, Link, Network, Oracle};
use commonware_runtime::{
    Handle as Task, Runner as _, Spawner as _, Supervisor as _, deterministic,
};
use commonware_utils::{NZUsize, Probability, probability};
use futures::channel::{mpsc, oneshot};
use futures::future::BoxFuture;

use crate::app::NodeClock;
use crate::chain::PublicKey;
use crate::committees::Committees;
use crate::config::Config;
use crate::erased::AnyMachine;
use crate::handle::{EngineError, Handle, Request};
use crate::machine::{Clock, Machine};
use crate::node::{CHANNELS, Channels, Links, Node, PEERS_MAX, message_bytes_max, quota};
use crate::sim::voter::Voter;

type Ether = deterministic::Context;
type Outlet = Voter<simulated::Sender<PublicKey, Ether>>;
type Inlet = simulated::Receiver<PublicKey>;

/// The clock of a simulated cluster: one for all its nodes.
#[derive(Clone)]
pub struct SimClock(NodeClock<Ether>);

impl fmt::Debug for SimClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimClock").field(&self.now()).finish()
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn sleep_ms(&self, ms: u64) -> BoxFuture<'static, ()> {
        self.0.sleep_ms(ms)
    }
}

/// How a validator votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conduct {
    Honest,
    Equivocating,
}

/// The state of the links between all nodes.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Mean time that a message takes.
    pub latency: Duration,
    /// Standard deviation of that time.
    pub jitter: Duration,
    /// Of a thousand messages, how many are lost.
    pub loss_per_mille: u64,
}

impl Default for Weather {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(10),
            jitter: Duration::from_millis(3),
            loss_per_mille: 0,
        }
    }
}

/// A simulated cluster, as a scenario sees it.
pub struct Simulation {
    context: Ether,
    oracle: Oracle<PublicKey, Ether>,
    weather: Weather,
    nodes: BTreeMap<usize, SimNode>,
}

struct SimNode {
    key: PublicKey,
    /// How often the node's storage was wiped: each time it gets a new name.
    generation: u64,
    running: Option<Task<()>>,
    /// What runs beside the node and dies with it.
    beside: Vec<Task<()>>,
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation").field("weather", &self.weather).finish_non_exhaustive()
    }
}

/// Runs `scenario` to its end on virtual time, from 1970 on. The same seed gives the same run.
///
/// # Panics
/// When the scenario or any node panics.
pub fn simulate<T, F, Fut>(seed: u64, weather: Weather, scenario: F) -> T
where
    F: FnOnce(Simulation) -> Fut,
    Fut: Future<Output = T>,
{
    simulate_from(Timestamp(0), seed, weather, scenario)
}

/// Runs `scenario` as [`simulate`] does, from `begin` on.
///
/// # Panics
/// When the scenario or any node panics.
pub fn simulate_from<T, F, Fut>(begin: Timestamp, seed: u64, weather: Weather, scenario: F) -> T
where
    F: FnOnce(Simulation) -> Fut,
    Fut: Future<Output = T>,
{
    let begin = UNIX_EPOCH.checked_add(Duration::from_millis(begin.0)).unwrap_or(UNIX_EPOCH);
    let config = deterministic::Config::new().with_seed(seed).with_start_time(begin);
    deterministic::Runner::new(config).start(|context| async move {
        let (network, oracle) = Network::new(
            context.child("network"),
            simulated::Config {
                max_size: message_bytes_max(),
                max_peers_per_set: PEERS_MAX,
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(4),
            },
        );
        network.start();
        scenario(Simulation { context, oracle, weather, nodes: BTreeMap::new() }).await
    })
}

impl Simulation {
    /// Starts node `index`, or starts it again after a crash, with the machine that `build` makes
    /// of its handle. A new node is linked with every other.
    ///
    /// # Errors
    /// When the node runs already, or its configuration contradicts itself.
    pub async fn start<M: Machine>(
        &mut self,
        index: usize,
        config: Config,
        build: impl FnOnce(Handle) -> M,
    ) -> Result<Handle, EngineError> {
        self.start_with(index, config, build, Conduct::Honest).await
    }

    /// Starts a node that is honest in everything but its votes: for each vote for a block it
    /// signs another for a block that does not exist, and tells its peers one, the other or both.
    ///
    /// # Errors
    /// As [`Simulation::start`].
    pub async fn start_equivocating<M: Machine>(
        &mut self,
        index: usize,
        config: Config,
        build: impl FnOnce(Handle) -> M,
    ) -> Result<Handle, EngineError> {
        self.start_with(index, config, build, Conduct::Equivocating).await
    }

    async fn start_with<M: Machine>(
        &mut self,
        index: usize,
        config: Config,
        build: impl FnOnce(Handle) -> M,
        conduct: Conduct,
    ) -> Result<Handle, EngineError> {
        let (handle, requests) = Handle::new();
        let machine = AnyMachine::new(build(handle.clone()));
        self.start_any(index, config, machine, &handle, requests, conduct).await?;
        Ok(handle)
    }

    async fn start_any(
        &mut self,
        index: usize,
        config: Config,
        machine: AnyMachine,
        handle: &Handle,
        requests: mpsc::Receiver<Request>,
        conduct: Conduct,
    ) -> Result<(), EngineError> {
        config.check()?;
        let key = config.key.private().public_key();
        if !self.nodes.contains_key(&index) {
            let others: Vec<usize> = self.nodes.keys().copied().collect();
            let node =
                SimNode { key: key.clone(), generation: 0, running: None, beside: Vec::new() };
            self.nodes.insert(index, node);
            for other in others {
                self.link(index, other).await;
            }
        }
        let mut channels = self.channels(&key).await?;
        if conduct == Conduct::Equivocating {
            let namespace = finality::NAMESPACE.to_vec();
            let forger = Committees::new(machine.clone(), namespace, config.key.private());
            channels.votes.0 = channels.votes.0.doubled(forger);
        }
        let Some(slot) = self.nodes.get_mut(&index).filter(|node| node.running.is_none()) else {
            return Err(EngineError::Config(format!("node {index} runs already")));
        };
        let (ready, _) = oneshot::channel();
        let node = Node {
            config,
            machine,
            status: handle.status_cell(),
            requests,
            ready,
            storage: format!("node{index}-{}-", slot.generation),
        };
        let links =
            Links { manager: self.oracle.manager(), blocker: self.oracle.control(key), channels };
        let context = self.context.child("node").with_attribute("index", index);
        slot.running = Some(context.spawn(move |context| node.run(context, links)));
        Ok(())
    }

    async fn channels(&self, key: &PublicKey) -> Result<Channels<Outlet, Inlet>, EngineError> {
        let failed = |error: simulated::Error| EngineError::Failed(error.to_string());
        let control = self.oracle.control(key.clone());
        let mut channels = Vec::new();
        for number in 0..CHANNELS {
            let (outlet, inlet) = control.register(number, quota()).await.map_err(failed)?;
            channels.push((Voter::honest(outlet), inlet));
        }
        Channels::from_numbered(channels).ok_or(EngineError::Stopped)
    }

    /// Runs `task` beside a running node; it dies with it. Without the node nothing runs.
    pub fn beside(&mut self, index: usize, task: impl Future<Output = ()> + Send + 'static) {
        let context = self.context.child("beside").with_attribute("index", index);
        if let Some(node) = self.nodes.get_mut(&index).filter(|node| node.running.is_some()) {
            node.beside.push(context.spawn(move |_| task));
        }
    }

    /// Stops a node between two steps, as a power cut would; what it had flushed remains.
    pub async fn crash(&mut self, index: usize) {
        let Some(node) = self.nodes.get_mut(&index) else { return };
        for task in node.running.take().into_iter().chain(std::mem::take(&mut node.beside)) {
            task.abort();
            drop(task.await);
        }
    }

    /// Takes a stopped node's storage away.
    pub fn wipe(&mut self, index: usize) {
        if let Some(node) = self.nodes.get_mut(&index) {
            node.generation = node.generation.saturating_add(1);
        }
    }

    /// Leaves links only inside each group; nodes in no group are alone.
    pub async fn divide(&mut self, groups: &[&[usize]]) {
        let nodes: Vec<usize> = self.nodes.keys().copied().collect();
        for (a, b) in pairs(&nodes) {
            if !groups.iter().any(|group| group.contains(&a) && group.contains(&b)) {
                self.unlink(a, b).await;
            }
        }
    }

    /// Restores every link, in the weather of the time.
    pub async fn heal(&mut self) {
        let nodes: Vec<usize> = self.nodes.keys().copied().collect();
        for (a, b) in pairs(&nodes) {
            self.unlink(a, b).await;
            self.link(a, b).await;
        }
    }

    /// The weather of links that are restored or come new from now on.
    pub const fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// Virtual time, to tell and to wait for.
    #[must_use]
    pub fn clock(&self) -> SimClock {
        SimClock(NodeClock::new(self.context.child("clock")))
    }

    /// Lets `ms` milliseconds of virtual time pass.
    pub async fn pass_ms(&self, ms: u64) {
        self.clock().sleep_ms(ms).await;
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock().now()
    }

    /// A digest of everything that happened: equal for equal runs.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.context.auditor().state()
    }

    fn keys(&self, a: usize, b: usize) -> Option<(PublicKey, PublicKey)> {
        Some((self.nodes.get(&a)?.key.clone(), self.nodes.get(&b)?.key.clone()))
    }

    async fn link(&self, a: usize, b: usize) {
        let Some((a, b)) = self.keys(a, b) else { return };
        for (from, to) in [(a.clone(), b.clone()), (b, a)] {
            // A link that exists stays as it is.
            drop(self.oracle.add_link(from, to, self.link_config()).await);
        }
    }

    async fn unlink(&self, a: usize, b: usize) {
        let Some((a, b)) = self.keys(a, b) else { return };
        for (from, to) in [(a.clone(), b.clone()), (b, a)] {
            // A link that is cut already stays cut.
            drop(self.oracle.remove_link(from, to).await);
        }
    }

    fn link_config(&self) -> Link {
        let kept = 1_000_u64.saturating_sub(self.weather.loss_per_mille);
        Link {
            latency: self.weather.latency,
            jitter: self.weather.jitter,
            success_rate: Probability::new(kept, 1_000).unwrap_or(probability!(1.0)),
        }
    }
}

fn pairs(nodes: &[usize]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for a in nodes {
        pairs.extend(nodes.iter().filter(|b| a < *b).map(|b| (*a, *b)));
    }
    pairs
}

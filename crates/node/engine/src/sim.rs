//! Whole clusters in one thread on virtual time: the same nodes as over sockets, on a simulated
//! network and simulated storage, reproducible from a seed.
//!
//! A scenario starts nodes, cuts and heals links, crashes nodes (their storage stays as it was
//! flushed) and starts them again. Time passes only while the scenario waits.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use chaincity_types::Timestamp;
use commonware_cryptography::Signer as _;
use commonware_p2p::simulated::{self, Link, Network, Oracle};
use commonware_runtime::{
    Handle as Task, Runner as _, Spawner as _, Supervisor as _, deterministic,
};
use commonware_utils::{NZUsize, Probability, probability};
use futures::channel::{mpsc, oneshot};

use crate::app::NodeClock;
use crate::chain::PublicKey;
use crate::config::Config;
use crate::erased::AnyMachine;
use crate::handle::{EngineError, Handle, Request};
use crate::machine::{Clock as _, Machine};
use crate::node::{CHANNELS, Channels, Links, Node, PEERS_MAX, message_bytes_max, quota};

type Ether = deterministic::Context;

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
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation").field("weather", &self.weather).finish_non_exhaustive()
    }
}

/// Runs `scenario` to its end on virtual time. The same seed gives the same run.
///
/// # Panics
/// When the scenario or any node panics.
pub fn simulate<T, F, Fut>(seed: u64, weather: Weather, scenario: F) -> T
where
    F: FnOnce(Simulation) -> Fut,
    Fut: Future<Output = T>,
{
    deterministic::Runner::seeded(seed).start(|context| async move {
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
        let (handle, requests) = Handle::new();
        let machine = AnyMachine::new(build(handle.clone()));
        self.start_any(index, config, machine, &handle, requests).await?;
        Ok(handle)
    }

    async fn start_any(
        &mut self,
        index: usize,
        config: Config,
        machine: AnyMachine,
        handle: &Handle,
        requests: mpsc::Receiver<Request>,
    ) -> Result<(), EngineError> {
        config.check()?;
        let key = config.key.private().public_key();
        if !self.nodes.contains_key(&index) {
            let others: Vec<usize> = self.nodes.keys().copied().collect();
            self.nodes.insert(index, SimNode { key: key.clone(), generation: 0, running: None });
            for other in others {
                self.link(index, other).await;
            }
        }
        let channels = self.channels(&key).await?;
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

    async fn channels(
        &self,
        key: &PublicKey,
    ) -> Result<
        Channels<simulated::Sender<PublicKey, Ether>, simulated::Receiver<PublicKey>>,
        EngineError,
    > {
        let failed = |error: simulated::Error| EngineError::Failed(error.to_string());
        let control = self.oracle.control(key.clone());
        let mut channels = Vec::new();
        for number in 0..CHANNELS {
            channels.push(control.register(number, quota()).await.map_err(failed)?);
        }
        Channels::from_numbered(channels).ok_or(EngineError::Stopped)
    }

    /// Stops a node between two steps, as a power cut would; what it had flushed remains.
    pub async fn crash(&mut self, index: usize) {
        if let Some(task) = self.nodes.get_mut(&index).and_then(|node| node.running.take()) {
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

    /// Restores every link.
    pub async fn heal(&mut self) {
        let nodes: Vec<usize> = self.nodes.keys().copied().collect();
        for (a, b) in pairs(&nodes) {
            self.link(a, b).await;
        }
    }

    /// Lets `ms` milliseconds of virtual time pass.
    pub async fn pass_ms(&self, ms: u64) {
        NodeClock::new(self.context.child("clock")).sleep_ms(ms).await;
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        NodeClock::new(self.context.child("clock")).now()
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

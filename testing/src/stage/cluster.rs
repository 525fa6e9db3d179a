//! A scenario on four validators in the simulator: undisturbed, or with one of them killed at each
//! of its transactions.

use std::sync::Arc;

use chaincity_engine::sim::{Simulation, Weather, simulate_from};
use chaincity_ledger::scenario::Script;
use chaincity_package::scenario::Scenario;
use chaincity_pipeline::NodeApi;
use chaincity_types::wire::{Genesis, Receipt};
use chaincity_types::{Digest, Height, Timestamp};

use crate::recording::Recording;
use crate::sim::Failure;
use crate::sim::city::{City, Plan};
use crate::stage::{MINUTE_MS, Play, SEED, Settled, Stage, VALIDATORS, play};

/// How far a scenario may leap ahead in all: six hours take 360 empty blocks, which four
/// validators make in some 20 virtual seconds. A day would make a step later than half a minute.
pub const LEAP_MS: u64 = 6 * 3_600_000;
/// A step may come so much later than the scenario says, since consensus takes its time.
const LATE_MS: u64 = 30_000;
/// Virtual time within which a transaction is final.
const FINAL_MS: u64 = 30_000;
/// Virtual time within which a leap is caught up with.
const CATCH_UP_MS: u64 = 3_600_000;
/// How long to look between two questions.
const ROUND_MS: u64 = 20;

/// Plays a scenario on four validators; gives what they decided.
///
/// # Errors
/// The first thing that is not as the scenario says, or that the nodes do not agree on.
pub fn perform(of: &Play, scenario: &Scenario) -> Result<Recording, Failure> {
    perform_with(of, scenario, (SEED, None))
}

/// The same while the power of one validator is cut at each transaction, each validator in turn: one
/// loses it before and has it back after, the next loses it while the transaction is on its way, the
/// next when it has just shown the receipt, and each starts again with what its disks hold.
///
/// # Errors
/// As [`perform`], with the seed.
pub fn perform_killing(of: &Play, scenario: &Scenario, seed: u64) -> Result<Recording, Failure> {
    let done = perform_with(of, scenario, (seed, Some(0)));
    done.map_err(|failure| format!("seed {seed}: {failure}"))
}

fn perform_with(
    of: &Play,
    scenario: &Scenario,
    (seed, kills): (u64, Option<usize>),
) -> Result<Recording, Failure> {
    let script = of.script(scenario);
    let genesis = of.genesis(&script);
    let begin = genesis.time;
    simulate_from(begin, seed, Weather::default(), |sim| run(sim, genesis, script, kills))
}

async fn run(
    sim: Simulation,
    genesis: Genesis,
    script: Script<'_>,
    kills: Option<usize>,
) -> Result<Recording, Failure> {
    let plan = Plan {
        seed: SEED,
        validators: VALIDATORS,
        epoch_blocks: genesis.epoch_blocks,
        equivocator: None,
    };
    let mut stage = Cluster { city: City::of(sim, plan, genesis), kills, door: 0 };
    stage.start().await?;
    stage.city.reach(Height(1), FINAL_MS).await?;
    play(&mut stage, script).await?;
    Recording::take(&mut stage.city).await
}

struct Cluster {
    city: City,
    /// How often a validator was killed, if any is to be.
    kills: Option<usize>,
    /// The node at which the scenario's people are.
    door: usize,
}

/// When a validator loses its power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kill {
    /// Before the transaction comes; it starts again when that is final.
    Before,
    /// When it has come, before it is final.
    During,
    /// When this validator has just shown that it is final.
    After,
}

impl Cluster {
    async fn start(&mut self) -> Result<(), Failure> {
        for node in 0..VALIDATORS {
            self.city.start(node).await?;
        }
        Ok(())
    }

    /// Who is killed at the next transaction, and when; the people go to another validator, but for the
    /// one that they shall see fall.
    fn next_kill(&mut self) -> Option<(usize, Kill)> {
        let count = self.kills?;
        self.kills = Some(count.saturating_add(1));
        let kill = [Kill::Before, Kill::During, Kill::After].into_iter().cycle().nth(count)?;
        let mut nodes = (0..VALIDATORS).cycle().skip(count);
        let (node, next) = (nodes.next()?, nodes.next()?);
        self.door = if kill == Kill::After { node } else { next };
        Some((node, kill))
    }

    /// Starts whoever was killed at this transaction; the people are at another by then.
    async fn restarted(
        &mut self,
        kill: Option<(usize, Kill)>,
        settled: Settled,
    ) -> Result<Settled, Failure> {
        if let Some((node, _)) = kill {
            if !self.city.doors.nodes().contains(&node) {
                self.city.start(node).await?;
            }
            self.door = (0..VALIDATORS).cycle().skip(node).nth(1).unwrap_or(0);
        }
        Ok(settled)
    }

    async fn final_receipt(&mut self, id: &Digest) -> Result<Receipt, Failure> {
        let end = self.city.sim.now().plus_ms(FINAL_MS);
        while self.city.sim.now() < end {
            let receipt = self.node()?.receipt(id).map_err(|error| error.to_string())?;
            if let Some(receipt) = receipt {
                return Ok(receipt);
            }
            self.city.pass(ROUND_MS).await?;
        }
        Err(format!("the transaction is not final in {FINAL_MS} ms"))
    }

    /// All nodes are switched off meanwhile, so that no blocks are made but those that a ledger
    /// makes that stood still: one a minute.
    async fn leap(&mut self, time: Timestamp) -> Result<(), Failure> {
        for node in 0..VALIDATORS {
            self.city.crash(node).await?;
        }
        self.city.sim.pass_ms(time.since_ms(self.city.sim.now())).await;
        self.start().await?;
        let end = self.city.sim.now().plus_ms(CATCH_UP_MS);
        while self.node()?.status().time < time {
            if self.city.sim.now() > end {
                return Err(format!("the leap to {time} is not caught up with"));
            }
            self.city.pass(1_000).await?;
        }
        Ok(())
    }
}

impl Stage for Cluster {
    fn ledger(&self) -> Digest {
        self.city.ledger
    }

    fn now(&self) -> Timestamp {
        self.city.sim.now()
    }

    fn node(&self) -> Result<Arc<dyn NodeApi>, Failure> {
        self.city.doors.at(self.door).ok_or_else(|| format!("node {} is down", self.door))
    }

    async fn until(&mut self, time: Timestamp) -> Result<(), Failure> {
        let now = self.city.sim.now();
        // Whoever waits for a leader that is down comes later.
        if now.since_ms(time) > LATE_MS && self.kills.is_none() {
            return Err(format!("it is {now} already, and should be {time}"));
        }
        let ahead = time.since_ms(now);
        if ahead > MINUTE_MS { self.leap(time).await } else { self.city.pass(ahead).await }
    }

    async fn rest(&mut self, time: Timestamp) -> Result<(), Failure> {
        self.until(time).await?;
        let end = self.city.sim.now().plus_ms(FINAL_MS);
        while self.node()?.status().time < time {
            if self.city.sim.now() > end {
                return Err(format!("no block has the time {time}"));
            }
            self.city.pass(ROUND_MS).await?;
        }
        Ok(())
    }

    async fn submit(&mut self, id: Digest, bytes: &[u8]) -> Result<Settled, Failure> {
        let kill = self.next_kill();
        if let Some((node, Kill::Before)) = kill {
            self.city.crash(node).await?;
        }
        if kill.is_some() {
            // Whoever started again must have what the others decided since.
            let height = self.city.height();
            self.city.reach(height, FINAL_MS).await?;
        }
        let node = self.node()?;
        let refusal = node.submit(bytes.to_vec()).await.err();
        if refusal.is_some() {
            self.city.hear(bytes);
        }
        if node.status().pool == 0 {
            return self.restarted(kill, Settled { refusal, receipt: None }).await;
        }
        if let Some((node, Kill::During)) = kill {
            self.city.crash(node).await?;
        }
        let receipt = Some(self.final_receipt(&id).await?);
        if let Some((node, Kill::After)) = kill {
            self.city.crash(node).await?;
        }
        self.restarted(kill, Settled { refusal, receipt }).await
    }
}

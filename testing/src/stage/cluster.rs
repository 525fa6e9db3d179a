//! A scenario on four validators in the simulator, and its blocks once more on fresh nodes.

use std::sync::Arc;

use chaincity_engine::sim::{Simulation, Weather, simulate_from};
use chaincity_ledger::scenario::Script;
use chaincity_package::scenario::Scenario;
use chaincity_pipeline::NodeApi;
use chaincity_types::wire::Genesis;
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
    let script = of.script(scenario);
    let genesis = of.genesis(&script);
    let begin = genesis.time;
    simulate_from(begin, SEED, Weather::default(), |sim| run(sim, genesis, script))
}

async fn run(sim: Simulation, genesis: Genesis, script: Script<'_>) -> Result<Recording, Failure> {
    let plan = Plan {
        seed: SEED,
        validators: VALIDATORS,
        epoch_blocks: genesis.epoch_blocks,
        equivocator: None,
    };
    let mut stage = Cluster { city: City::of(sim, plan, genesis) };
    stage.start().await?;
    stage.city.reach(Height(1), FINAL_MS).await?;
    play(&mut stage, script).await?;
    Recording::take(&mut stage.city).await
}

struct Cluster {
    city: City,
}

impl Cluster {
    async fn start(&mut self) -> Result<(), Failure> {
        for node in 0..VALIDATORS {
            self.city.start(node).await?;
        }
        Ok(())
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
        self.city.doors.at(0).ok_or_else(|| "node 0 is down".to_owned())
    }

    async fn until(&mut self, time: Timestamp) -> Result<(), Failure> {
        let now = self.city.sim.now();
        if now.since_ms(time) > LATE_MS {
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
        let node = self.node()?;
        let refusal = node.submit(bytes.to_vec()).await.err();
        if refusal.is_some() {
            self.city.hear(bytes);
        }
        if node.status().pool == 0 {
            return Ok(Settled { refusal, receipt: None });
        }
        let end = self.city.sim.now().plus_ms(FINAL_MS);
        while self.city.sim.now() < end {
            if let Some(receipt) = node.receipt(&id).map_err(|error| error.to_string())? {
                return Ok(Settled { refusal, receipt: Some(receipt) });
            }
            self.city.pass(ROUND_MS).await?;
        }
        Err(format!("the transaction is not final in {FINAL_MS} ms"))
    }
}

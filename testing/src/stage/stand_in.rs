//! A scenario on the stand-in orderer, at exactly the times at which the run in memory plays it.

use std::sync::Arc;

use chaincity_engine::Clock as _;
use chaincity_package::scenario::Scenario;
use chaincity_pipeline::NodeApi;
use chaincity_types::{Digest, Timestamp};
use futures::FutureExt as _;

use crate::desk::Desk;
use crate::sim::Failure;
use crate::stage::{MINUTE_MS, Play, Settled, Stage, play};

/// How far a scenario may leap ahead in all: a week takes ten thousand empty blocks.
pub const LEAP_MS: u64 = 7 * 24 * 3_600_000;

/// Plays a scenario on a fresh ledger.
///
/// # Errors
/// The first thing that is not as the scenario says.
pub fn perform(of: &Play, scenario: &Scenario) -> Result<(), Failure> {
    let script = of.script(scenario);
    let genesis = of.genesis(&script);
    let mut stage = Counter {
        ledger: chaincity_crypto::hash::ledger_id(&genesis),
        desk: Desk::before(genesis),
    };
    stage.desk.step();
    // Everything here happens at once.
    let played = play(&mut stage, script).now_or_never();
    played.unwrap_or_else(|| Err("something waits on the stand-in orderer".to_owned()))
}

struct Counter {
    ledger: Digest,
    desk: Desk,
}

impl Stage for Counter {
    fn ledger(&self) -> Digest {
        self.ledger
    }

    fn now(&self) -> Timestamp {
        self.desk.clock().now()
    }

    fn node(&self) -> Result<Arc<dyn NodeApi>, Failure> {
        Ok(Arc::new(self.desk.node().clone()))
    }

    async fn until(&mut self, time: Timestamp) -> Result<(), Failure> {
        self.desk.clock().set(time);
        while time.since_ms(self.desk.tip().time) > MINUTE_MS {
            self.desk.step();
        }
        self.desk.clock().set(time);
        Ok(())
    }

    async fn rest(&mut self, time: Timestamp) -> Result<(), Failure> {
        self.until(time).await?;
        self.desk.step();
        Ok(())
    }

    async fn submit(&mut self, id: Digest, bytes: &[u8]) -> Result<Settled, Failure> {
        let refusal = self.desk.submit(bytes).err();
        if refusal.is_some() {
            self.desk.gossip(&[bytes]);
        }
        if self.desk.pooled() > 0 {
            self.desk.step();
        }
        let receipt = self.desk.node().receipt(&id).map_err(|error| error.to_string())?;
        Ok(Settled { refusal, receipt })
    }
}

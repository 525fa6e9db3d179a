//! How long it takes until a transaction is final, by the number of validators and the time that a
//! message takes between any two of them.
//!
//! On virtual time nothing but messages and waiting takes time: what is measured is the rounds that
//! consensus needs and the pauses that it makes, not what a machine computes. Transactions come one by
//! one at random moments, each to the next node, which is asked for the receipt.

use std::time::Duration;

use chaincity_engine::sim::{Simulation, Weather, simulate_from};

use crate::sim::Failure;
use crate::sim::city::{BEGIN, City, Plan};
use crate::sim::client::Client;

/// Transactions in a measurement.
const TRANSACTIONS: usize = 200;
/// How long one may take, in milliseconds.
const PATIENCE_MS: u64 = 60_000;
/// Blocks in an epoch: as a city has.
const EPOCH_BLOCKS: u64 = 1_000;

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    /// Validators.
    pub validators: usize,
    /// How long each message takes, in milliseconds.
    pub one_way_ms: u64,
    /// From submission until the receipt, in milliseconds: median, and 90 and 99 of a hundred.
    pub p50_ms: u64,
    /// As said.
    pub p90_ms: u64,
    /// As said.
    pub p99_ms: u64,
    /// Blocks meanwhile.
    pub blocks: u64,
    /// Virtual milliseconds meanwhile.
    pub took_ms: u64,
}

/// Measures with this many validators, each message taking `one_way_ms`.
///
/// # Errors
/// When the city does not begin, or a transaction is refused or not final in time.
pub fn measure(seed: u64, validators: usize, one_way_ms: u64) -> Result<Delays, Failure> {
    let latency = Duration::from_millis(one_way_ms);
    let weather = Weather { latency, jitter: Duration::ZERO, loss_per_mille: 0 };
    simulate_from(BEGIN, seed, weather, |sim| scenario(sim, seed, validators, one_way_ms))
}

async fn scenario(
    sim: Simulation,
    seed: u64,
    validators: usize,
    one_way_ms: u64,
) -> Result<Delays, Failure> {
    let plan = Plan { seed, validators, epoch_blocks: EPOCH_BLOCKS, equivocator: None };
    let nodes: Vec<usize> = (0..validators).collect();
    let city = City::found(sim, plan, &nodes).await?;
    let mut client = Client::new(&city, seed);
    let (begun, first) = (city.sim.now(), city.height());
    let mut taken = Vec::new();
    for turn in 0..TRANSACTIONS {
        let pause = client.pause();
        client.courier.rest(pause).await;
        let now = client.courier.now();
        let (by, call) = client.stranger(now);
        let (id, bytes) = client.courier.signed(by, call);
        let door = turn.checked_rem(validators).and_then(|node| city.doors.at(node));
        let api = door.ok_or("a node is down")?;
        api.submit(bytes).await.map_err(|refusal| refusal.code.code().to_owned())?;
        let receipt = api.wait_receipt(id, PATIENCE_MS).await.map_err(|error| error.to_string())?;
        receipt.ok_or_else(|| format!("not final in {PATIENCE_MS} ms"))?;
        taken.push(client.courier.now().since_ms(now));
    }
    taken.sort_unstable();
    let at = |percent: usize| {
        let rank = taken.len().saturating_mul(percent).div_ceil(100);
        taken.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    };
    Ok(Delays {
        validators,
        one_way_ms,
        p50_ms: at(50),
        p90_ms: at(90),
        p99_ms: at(99),
        blocks: city.height().0.saturating_sub(first.0),
        took_ms: city.sim.now().since_ms(begun),
    })
}

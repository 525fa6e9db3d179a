//! One run: a city, its clients, its faults, and what must hold at the end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chaincity_engine::sim::{Simulation, Weather, simulate_from};
use futures::future::try_join;

use crate::recording::Recording;
use crate::sim::city::{BEGIN, City, Plan};
use crate::sim::client::Client;
use crate::sim::schedule::{Event, Schedule, VALIDATORS};
use crate::sim::{Failure, checks};

/// Blocks in an epoch of a run: short, so that a run sees several.
const EPOCH_BLOCKS: u64 = 16;
/// Requests after which a run takes no more, however long its schedule.
const REQUESTS_MAX: usize = 60;
/// Requests that a run makes at least.
const REQUESTS_MIN: usize = 25;

/// What a run amounted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Greatest final height.
    pub height: u64,
    /// Requests that ended as foretold.
    pub requests: usize,
    /// Final transactions.
    pub transactions: usize,
    /// Submissions.
    pub submissions: u64,
    /// Transactions that expired and were signed anew.
    pub expired: u64,
    /// Validators caught equivocating.
    pub accused: usize,
    /// Virtual milliseconds.
    pub took_ms: u64,
    /// A digest of everything that happened.
    pub fingerprint: String,
}

/// Plays the run of this seed.
///
/// # Errors
/// What does not hold, with the seed.
pub fn play(seed: u64) -> Result<Report, Failure> {
    let schedule = Schedule::draw(seed);
    play_with(seed, &schedule)
}

/// Plays a run with a schedule of one's own.
///
/// # Errors
/// What does not hold, with the seed.
pub fn play_with(seed: u64, schedule: &Schedule) -> Result<Report, Failure> {
    record(seed, schedule).map(|(report, _)| report)
}

/// Plays a run and keeps what the city decided.
///
/// # Errors
/// What does not hold, with the seed.
pub fn record(seed: u64, schedule: &Schedule) -> Result<(Report, Recording), Failure> {
    let run = AssertUnwindSafe(|| {
        simulate_from(BEGIN, seed, Weather::default(), |sim| scenario(sim, seed, schedule))
    });
    let failed = match catch_unwind(run) {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(failure)) => failure,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            format!("a node stopped: {}", text.unwrap_or("for no reason given"))
        }
    };
    Err(format!("seed {seed}: {failed}\n{}", schedule.words().join("\n")))
}

async fn scenario(
    sim: Simulation,
    seed: u64,
    schedule: &Schedule,
) -> Result<(Report, Recording), Failure> {
    let plan = Plan {
        seed,
        validators: VALIDATORS,
        epoch_blocks: EPOCH_BLOCKS,
        equivocator: schedule.equivocator,
    };
    let nodes: Vec<usize> = (0..VALIDATORS).collect();
    let mut city = City::found(sim, plan, &nodes).await?;
    let mut client = Client::new(&city, seed);
    try_join(suffer(&mut city, schedule), work(&mut client, schedule.end_ms)).await?;
    checks::everything(&mut city, &mut client).await?;
    let report = Report {
        height: city.height().0,
        requests: client.tally.values().sum(),
        transactions: client.courier.receipts.len(),
        submissions: client.courier.repeated,
        expired: client.courier.expired,
        accused: city.accused().len(),
        took_ms: city.sim.now().since_ms(BEGIN),
        fingerprint: city.sim.fingerprint(),
    };
    Ok((report, Recording::take(&mut city).await?))
}

/// Makes requests until the last fault is over, and a few at least.
async fn work(client: &mut Client, end_ms: u64) -> Result<(), Failure> {
    let end = client.courier.now().plus_ms(end_ms);
    let mut made = 0_usize;
    while made < REQUESTS_MIN || (client.courier.now() < end && made < REQUESTS_MAX) {
        let others = made & 3;
        client.request(others).await.map_err(|failure| format!("request {made}: {failure}"))?;
        made = made.saturating_add(1);
        let pause = client.pause();
        client.courier.rest(pause).await;
    }
    Ok(())
}

/// Lets happen what the schedule says, then heals everything.
async fn suffer(city: &mut City, schedule: &Schedule) -> Result<(), Failure> {
    let begun = city.sim.now();
    for (at, event) in &schedule.events {
        let due = begun.plus_ms(*at);
        city.pass(due.since_ms(city.sim.now())).await?;
        match event {
            Event::Crash(nodes) => {
                for node in nodes {
                    city.crash(*node).await?;
                }
            }
            Event::Restart(nodes) => {
                for node in nodes {
                    city.start(*node).await?;
                }
            }
            Event::Divide(groups) => city.divide(groups).await,
            Event::Unite => city.unite().await,
            Event::Weather(weather) => city.weather(*weather).await,
        }
    }
    city.heal().await
}

//! The benchmark: a city of real node processes on this machine, loaded through the public API.
//!
//! 1. The machine's limit is measured: how many signatures its cores verify.
//! 2. A city is founded, its nodes started and warmed up.
//! 3. Without a given rate, short windows of doubling rate find where the ledger stops keeping up.
//! 4. The measured window, and one at half its rate, run open loop.
//! 5. Every block is read back: nothing may be lost, doubled or different between nodes.
//!
//! Client and nodes share the machine: the client's own processor time is in the report.

mod audit;
mod calls;
mod drive;
mod follow;
mod limit;
mod process;
mod report;
mod town;
mod workload;

use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use chaincity_client::Signed;
use chaincity_crypto::hash;

use crate::actor::Actor;
use crate::cluster::Cluster;
use crate::fault::Fault;

use audit::{Submitted, audit};
use drive::{Driver, Window};
use follow::Follower;
use limit::Limit;
use report::Parts;
pub(crate) use report::Report;
use town::People;
pub(crate) use workload::Kind;
use workload::Workload;

/// Rate of the first window that looks for the sustained rate.
const FIRST_RATE: u64 = 100;
/// Length of each of these windows, in seconds.
const SEARCH_S: u64 = 4;
/// Most measured windows until one is sustained: each is slower than the one before.
const ATTEMPTS: u32 = 3;
/// Name of the registrar who reads and follows.
const READER: &str = "registrar-00";

/// How the benchmark runs.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What is submitted.
    pub(crate) kind: Kind,
    /// Validators, 4 to 16.
    pub(crate) validators: usize,
    /// Length of the measured window, in seconds.
    pub(crate) seconds: u64,
    /// Transactions a second; 0 to look for the sustained rate.
    pub(crate) rate: u64,
    /// A new folder to keep the city in.
    pub(crate) dir: Option<PathBuf>,
}

/// A folder that is removed with all it holds, unless it is to be kept.
struct Place {
    dir: PathBuf,
    kept: bool,
}

impl Place {
    fn new(wanted: Option<&Path>) -> Result<Self, Fault> {
        if let Some(dir) = wanted {
            fs::create_dir_all(dir).map_err(Fault::io(dir))?;
            return Ok(Self { dir: dir.to_owned(), kept: true });
        }
        let name = format!("chaincity-bench-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).map_err(Fault::io(&dir))?;
        Ok(Self { dir, kept: false })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_dir_all(&self.dir)
        {
            say(&format!("{}: {error}", self.dir.display()));
        }
    }
}

/// Tells a person at a terminal how far it is.
fn say(text: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("{text}");
    }
}

/// Runs the benchmark.
///
/// # Errors
/// When a node does not start, stops, or the preparation is refused.
pub(crate) fn run(options: &Options) -> Result<Report, Fault> {
    say("测量验签速率 · measuring signature verification");
    let limit = Limit::measure()?;
    let place = Place::new(options.dir.as_deref())?;
    say("启动节点 · starting the nodes");
    let city = town::found(&place.dir, options.validators, options.kind)?;
    let people = People::of(&city, options.kind)?;
    let cluster = Cluster::start(&city)?;
    let ledger = hash::ledger_id(&city.genesis);
    let (urls, pids) = (cluster.urls(), cluster.pids());
    let first = urls.get(..1).unwrap_or_default();
    let follower = Follower::start(Actor::sign_in(first, ledger, city.key(READER)?)?.client)?;
    let progress = crate::progress::bar();
    let driver =
        Driver { ledger, urls: &urls, pids: &pids, follower: &follower, progress: &progress };
    let mut session = Session {
        workload: Workload::new(options.kind, ledger, &people, &urls),
        driver,
        submitted: Submitted::default(),
        transaction_bytes: 0,
    };
    session.workload.warm_up()?;
    let measured = session.measure(options)?;
    let half = match options.rate {
        0 => Some(session.window(measured.rate.div_ceil(2), options.seconds.div_ceil(2))?),
        _ => None,
    };
    progress.finish_and_clear();
    let call_us = calls::measure(workload::PACKAGE)?;
    say("核对 · reading every block back");
    let mut submitted = session.submitted;
    submitted.accepted.append(&mut session.workload.preparation);
    let found = audit(&city, &cluster, ledger, READER, &submitted)?;
    Ok(Report::of(&Parts {
        kind: options.kind,
        validators: options.validators,
        limit,
        seconds: options.seconds,
        measured: &measured,
        half: half.as_ref(),
        transaction_bytes: session.transaction_bytes,
        found: &found,
        rss_mb: process::peak_memory_mb(&pids)?,
        call_us,
    }))
}

/// The windows of one run.
struct Session<'a> {
    workload: Workload<'a>,
    driver: Driver<'a>,
    submitted: Submitted,
    /// Average size of the last window's transactions.
    transaction_bytes: u64,
}

impl Session<'_> {
    /// The measured window.
    fn measure(&mut self, options: &Options) -> Result<Window, Fault> {
        if options.rate > 0 {
            return self.window(options.rate, options.seconds);
        }
        let mut rate = self.search()?;
        let mut attempt = 0_u32;
        loop {
            let window = self.window(rate, options.seconds)?;
            attempt = attempt.saturating_add(1);
            if window.is_sustained() || attempt >= ATTEMPTS {
                return Ok(window);
            }
            rate = slower(window.committed_rate.min(rate));
        }
    }

    /// Doubles the rate until the ledger stops keeping up: the most that it committed.
    fn search(&mut self) -> Result<u64, Fault> {
        let (mut rate, mut best) = (FIRST_RATE, 1_u64);
        loop {
            let window = self.window(rate, SEARCH_S)?;
            best = best.max(window.committed_rate.min(rate));
            if !window.is_sustained() {
                return Ok(best);
            }
            rate = rate.saturating_mul(2);
        }
    }

    /// Prepares and runs a window.
    fn window(&mut self, rate: u64, seconds: u64) -> Result<Window, Fault> {
        let count = usize::try_from(rate.saturating_mul(seconds)).unwrap_or(usize::MAX);
        self.driver.progress.set_message("准备 · preparing");
        let load: Vec<Signed> = self.workload.prepare(count)?;
        let bytes = load.iter().fold(0_usize, |sum, signed| sum.saturating_add(signed.bytes.len()));
        let average = bytes.checked_div(load.len()).unwrap_or(0);
        self.transaction_bytes = u64::try_from(average).unwrap_or(u64::MAX);
        self.driver.progress.set_message(format!("{rate} tps × {seconds} s"));
        let window = self.driver.run(&load, rate)?;
        self.submitted.accepted.extend(&window.accepted);
        self.submitted.unknown.extend(&window.unknown);
        say(&format!("{rate} tps → {} tps, p50 {} ms", window.committed_rate, window.median_ms()));
        Ok(window)
    }
}

/// Nine tenths of a rate, at least one.
fn slower(rate: u64) -> u64 {
    rate.saturating_mul(9).div_ceil(10).max(1)
}

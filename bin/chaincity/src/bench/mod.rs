//! The benchmark: a city of real node processes on this machine, loaded through the public API.
//!
//! 1. The machine's limit is measured: how many signatures its cores verify.
//! 2. A city is founded, its nodes started and warmed up.
//! 3. Without a given rate, short windows of doubling rate find where the ledger stops keeping up.
//! 4. The measured window, and one at half its rate, run open loop.
//! 5. Every block is read back: nothing may be lost, doubled or different between nodes.
//!
//! Client and nodes share the machine: the client's own processor time is in the report. An import
//! has no windows: it goes as fast as it can (see `bulk`).

mod audit;
mod bulk;
mod calls;
mod desk;
mod draw;
mod drive;
mod follow;
mod lanes;
mod limit;
mod plot;
mod process;
mod report;
mod town;
mod workload;

use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaincity_crypto::hash;

use crate::actor::Actor;
use crate::cluster::Cluster;
use crate::fault::Fault;

use audit::{Submitted, audit};
use desk::Desk;
use drive::{Driver, Window};
use follow::Follower;
use limit::Limit;
use report::Parts;
pub(crate) use report::Report;
use town::People;
pub(crate) use workload::Kind;
use workload::{Op, Workload};

/// Rate of the first window that looks for the sustained rate.
const FIRST_RATE: u64 = 100;
/// Length of each of these windows, in seconds.
const SEARCH_S: u64 = 4;
/// Most measured windows until one is sustained: each is slower than the one before.
const ATTEMPTS: u32 = 3;
/// Without a given rate, the longest preparation of a window, at the pace so far: a window that needs
/// more is shortened, so that the whole run ends within about two minutes.
const PREPARING: Duration = Duration::from_secs(12);
/// Name of the operator who reads and follows.
const READER: &str = "operator-00";

/// How the benchmark runs.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What is submitted.
    pub(crate) kind: Kind,
    /// Validators, 4 to 16.
    pub(crate) validators: usize,
    /// Length of the measured window, in seconds.
    pub(crate) seconds: u64,
    /// Operations a second; 0 to look for the sustained rate.
    pub(crate) rate: u64,
    /// Records that stand before, or that are imported; by default as the workload has it.
    pub(crate) records: Option<usize>,
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
    let records = options.records.unwrap_or_else(|| options.kind.records());
    let mut session = Session {
        workload: workload::of(options.kind, records),
        driver: Driver::new(
            ledger,
            &urls,
            &people.operators,
            (pids.as_slice(), &follower, &progress),
        )?,
        desk: Desk::new(ledger, &people, &urls),
        submitted: Submitted::default(),
        transaction_bytes: 0,
        bounded: options.rate == 0,
        windows: Vec::new(),
    };
    let (measured, half) = if options.kind == Kind::Import {
        let place = bulk::Place { dir: &place.dir, pids: &pids, follower: &follower };
        let importer = Actor::sign_in(first, ledger, city.key(READER)?)?;
        let imported = bulk::run(&place, importer.client, records)?;
        session.submitted.accepted.extend(&imported.accepted);
        (imported, None)
    } else {
        session.both(options)?
    };
    progress.finish_and_clear();
    let call_us = calls::measure(options.kind.package())?;
    say("核对 · reading every block back");
    let mut submitted = session.submitted;
    submitted.accepted.append(&mut session.desk.preparation);
    let found = audit(&city, &cluster, ledger, READER, &submitted, &mut *session.workload)?;
    Ok(Report::of(&Parts {
        kind: options.kind,
        validators: options.validators,
        limit,
        records,
        measured: &measured,
        half: half.as_ref(),
        windows: &session.windows,
        transaction_bytes: session.transaction_bytes,
        found: &found,
        rss_mb: process::peak_memory_mb(&pids)?,
        call_us,
    }))
}

/// The windows of one run.
struct Session<'a> {
    workload: Box<dyn Workload>,
    driver: Driver<'a>,
    desk: Desk<'a>,
    submitted: Submitted,
    /// Average size of the last window's transactions.
    transaction_bytes: u64,
    /// Whether windows are shortened to what is prepared soon.
    bounded: bool,
    /// All windows so far, for the curve.
    windows: Vec<report::Step>,
}

impl Session<'_> {
    /// The measured window and, at a rate that was found, one at half of it.
    fn both(&mut self, options: &Options) -> Result<(Window, Option<Window>), Fault> {
        self.driver.progress.set_message("准备 · preparing");
        self.workload.load(&mut self.desk)?;
        self.warm_up()?;
        let measured = self.measure(options)?;
        let half = match options.rate {
            0 => Some(self.window(measured.rate.div_ceil(2), options.seconds.div_ceil(2))?),
            _ => None,
        };
        Ok((measured, half))
    }

    /// Has one transaction of each operator executed, a few at a time: a ledger just founded first
    /// finds its peers, and leaders that are not there yet are waited for.
    fn warm_up(&mut self) -> Result<(), Fault> {
        let ops = self.workload.prepare(town::OPERATORS, 1, &mut self.desk)?;
        let load: Vec<_> = ops.into_iter().filter_map(|op| op.submit).collect();
        self.desk.execute(&load)?;
        let accepted = load.iter().map(|signed| signed.id).collect();
        self.workload.after(&Window { accepted, ..Window::default() });
        Ok(())
    }

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
            rate = slower(window.done_rate().min(rate));
        }
    }

    /// Doubles the rate until the ledger stops keeping up: the most that it did.
    fn search(&mut self) -> Result<u64, Fault> {
        let (mut rate, mut best) = (FIRST_RATE, 1_u64);
        loop {
            let window = self.window(rate, SEARCH_S)?;
            best = best.max(window.done_rate().min(rate));
            if !window.is_sustained() {
                return Ok(best);
            }
            rate = rate.saturating_mul(2);
        }
    }

    /// How many operations a window takes.
    fn count(&self, rate: u64, seconds: u64) -> usize {
        let count = usize::try_from(rate.saturating_mul(seconds)).unwrap_or(usize::MAX);
        let needed = self.workload.preparation(count);
        match self.desk.affordable(PREPARING) {
            Some(most) if self.bounded && needed > most => {
                count.saturating_mul(most).checked_div(needed).unwrap_or(count).max(1)
            }
            _ => count,
        }
    }

    /// Prepares and runs a window.
    fn window(&mut self, rate: u64, seconds: u64) -> Result<Window, Fault> {
        self.driver.progress.set_message("准备 · preparing");
        let count = self.count(rate, seconds);
        let load: Vec<Op> = self.workload.prepare(count, rate, &mut self.desk)?;
        let signed = || load.iter().filter_map(|op| op.submit.as_ref());
        let bytes = signed().fold(0_usize, |sum, signed| sum.saturating_add(signed.bytes.len()));
        let average = bytes.checked_div(signed().count()).unwrap_or(0);
        self.transaction_bytes = u64::try_from(average).unwrap_or(u64::MAX);
        self.driver.progress.set_message(format!("{rate} tps × {seconds} s"));
        let window = self.driver.run(&load, rate)?;
        self.workload.after(&window);
        self.submitted.accepted.extend(&window.accepted);
        self.submitted.unknown.extend(&window.unknown);
        self.windows.push(report::Step::of(&window));
        say(&format!("{rate} tps → {} tps, p50 {} ms", window.done_rate(), window.median_ms()));
        Ok(window)
    }
}

/// Nine tenths of a rate, at least one.
fn slower(rate: u64) -> u64 {
    rate.saturating_mul(9).div_ceil(10).max(1)
}

//! The benchmark: a city of real node processes on this machine, loaded through the public API.
//!
//! 1. The machine's limit is measured: how many signatures its cores verify.
//! 2. A city is founded, its nodes started and warmed up.
//! 3. Without a given rate, short trials find where the ledger stops keeping up (see `search`).
//! 4. The measured window, and one at half its rate, run open loop.
//! 5. Every block is read back: nothing may be lost, doubled or different between nodes.
//!
//! Client and nodes share the machine: the client's own processor time is in the report. An import
//! has no windows: it goes as fast as it can (see `bulk`). At size, windows follow an import, and at
//! the end one node is restarted and a new one joins (see `size`). Cases are begun in number first, and
//! brought to their ends afterwards (see `cases`). Encrypted groups are sealed beforehand by the clerks
//! of a steward, and read by others (see `disclosure` and `readers`).

mod audit;
mod bulk;
mod calls;
mod cases;
mod cost;
mod desk;
mod disclosure;
mod draw;
mod drive;
mod follow;
mod lanes;
mod limit;
mod plot;
mod process;
mod readers;
mod report;
mod search;
mod session;
mod size;
mod town;
mod workload;

use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use chaincity_client::Client;
use chaincity_crypto::hash;
use chaincity_types::Timestamp;

use crate::actor::Actor;
use crate::cluster::Cluster;
use crate::fault::Fault;

use audit::{Submitted, audit};
use cases::AtCases;
use cost::Nodes;
use desk::Desk;
use disclosure::AtDisclosure;
use drive::{Driver, Window};
use follow::Follower;
use limit::Limit;
use report::Parts;
pub(crate) use report::Report;
use session::Session;
use size::AtSize;
use town::People;
pub(crate) use workload::Kind;

/// Name of the operator who reads and follows.
const READER: &str = "operator-00";

/// How the benchmark runs.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What is submitted.
    pub(crate) kind: Kind,
    /// Validators, 1 to 16; fewer than 4 survive no fault.
    pub(crate) validators: usize,
    /// Length of the measured window, in seconds.
    pub(crate) seconds: u64,
    /// Operations a second; 0 to look for the sustained rate.
    pub(crate) rate: u64,
    /// Records that stand before, or that are imported; by default as the workload has it.
    pub(crate) records: Option<usize>,
    /// Terms of cases that end at one instant.
    pub(crate) deadlines: usize,
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
    let records = options.records.unwrap_or_else(|| options.kind.records());
    let instant = cases::instant(records.saturating_add(options.deadlines));
    let packages = options.kind.documents(instant)?;
    let city = town::found(&place.dir, options.validators, (options.kind, packages))?;
    if options.kind.imports() {
        bulk::give_memory(&city, records)?;
    }
    let people = People::of(&city, options.kind)?;
    let mut cluster = Cluster::start_first(&city, options.validators)?;
    let ledger = hash::ledger_id(&city.genesis);
    let (mut urls, pids) = (cluster.urls(), cluster.pids());
    urls.truncate(options.validators);
    let reader = || Actor::sign_in(urls.get(..1).unwrap_or_default(), ledger, city.key(READER)?);
    let follower = Follower::start(reader()?.client)?;
    let progress = crate::progress::bar();
    let nodes = Nodes { pids: &pids, urls: &urls };
    let watched = (nodes, &follower, &progress);
    let mut session = Session {
        workload: workload::of(options.kind, records, options.deadlines)?,
        driver: Driver::new(ledger, &people.operators, watched)?,
        desk: Desk::new(ledger, &people, &urls),
        submitted: Submitted::default(),
        transaction_bytes: 0,
        bounded: options.rate == 0,
        windows: Vec::new(),
        searches: Vec::new(),
    };
    let within = bulk::Place { dir: &place.dir, nodes, follower: &follower };
    let of = (records, instant);
    let mut shown = measure(&mut session, options, of, (&within, reader()?.client))?;
    progress.finish_and_clear();
    let rss_mb = process::peak_memory_mb(&pids)?;
    session.workload.conclude(&mut session.desk)?;
    if let Some(at_size) = &mut shown.at_size {
        at_size.nodes(&city, &mut cluster, options.validators)?;
    }
    let call_us = calls::measure(options.kind.package(), options.seconds)?;
    say("核对 · reading every block back");
    let mut submitted = session.submitted;
    submitted.accepted.append(&mut session.desk.preparation);
    let found = audit(&city, &cluster, ledger, READER, &submitted, &mut *session.workload)?;
    if let (Some(cases), Some(counted)) = (&mut shown.cases, &found.counted) {
        cases.count(counted, instant, &shown.measured);
    }
    if let (Some(disclosure), Some(answers)) = (&mut shown.disclosure, found.answers) {
        disclosure.answers = answers;
    }
    Ok(Report::of(Parts {
        kind: options.kind,
        validators: options.validators,
        limit,
        records,
        measured: &shown.measured,
        half: shown.half.as_ref(),
        windows: session.windows,
        searches: session.searches,
        at_size: shown.at_size,
        cases: shown.cases,
        disclosure: shown.disclosure,
        transaction_bytes: session.transaction_bytes,
        found: &found,
        rss_mb,
        call_us,
    }))
}

/// What the windows showed.
struct Shown {
    measured: Window,
    half: Option<Window>,
    at_size: Option<AtSize>,
    cases: Option<AtCases>,
    disclosure: Option<AtDisclosure>,
}

/// Measures what the workload has to be measured; `instant` is when terms end.
fn measure(
    session: &mut Session<'_>,
    options: &Options,
    (records, instant): (usize, Timestamp),
    (place, client): (&bulk::Place<'_>, Client),
) -> Result<Shown, Fault> {
    let (mut at_size, mut cases, mut disclosure) = (None, None, None);
    let (measured, half) = if options.kind.imports() {
        let imported = bulk::run(place, client, records)?;
        session.submitted.accepted.extend(&imported.accepted);
        if options.kind == Kind::Size {
            let units = (records, imported.seconds, imported.rate);
            at_size = Some(AtSize::windows(session, options, units)?);
        }
        (imported, None)
    } else if options.kind == Kind::Process {
        let (found, measured) = AtCases::windows(session, options, (records, instant), &client)?;
        cases = Some(found);
        (measured, None)
    } else if options.kind == Kind::Disclosure {
        let (found, measured) = AtDisclosure::windows(session, options, records)?;
        disclosure = Some(found);
        (measured, None)
    } else {
        session.both(options)?
    };
    Ok(Shown { measured, half, at_size, cases, disclosure })
}

//! Cases in number: how fast they are begun, what a step costs beside those that stand open, how long
//! a list of tasks takes, and how late the ledger is when many terms end at one instant.

use std::time::{Duration, Instant};

use chaincity_client::Client;
use chaincity_types::Timestamp;
use serde::Serialize;

use super::drive::{Window, a_second};
use super::report::{Latency, quotient};
use super::size::check_answered;
use super::workload::{Counted, Phase, QUERIES, open_terms};
use super::{Options, Session, say};
use crate::actor::remote;
use crate::clock;
use crate::fault::Fault;

/// How long founding a city takes at most, in milliseconds.
const FOUNDING_MS: u64 = 20_000;
/// How many cases are begun a second at least: the instant at which terms end stands in the package,
/// so it is decided before the first is begun.
const BEGUN_A_SECOND_MIN: u64 = 600;
/// How long queries may take to show that no term is open any more.
const PATIENCE: Duration = Duration::from_secs(600);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// What was found.
#[derive(Debug, Default, Serialize)]
pub(crate) struct AtCases {
    /// Cases that were begun before the windows, and stay open.
    open_cases: usize,
    /// Beginning these and the terms.
    load_seconds: u64,
    load_per_s: u64,
    /// Terms that ended at one instant.
    deadlines: usize,
    /// From the instant to the time of the block that carried each out; that of the last is the
    /// greatest.
    #[serde(skip_serializing_if = "Option::is_none")]
    timer_lag_ms: Option<Lag>,
    /// From the instant until a node's queries showed the last term as ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    timers_queried_ms: Option<u64>,
    /// Steps' transactions a second while the lists were asked for, and queries a second.
    half_load_tps: u64,
    queries_per_s: u64,
    half_load_latency_ms: Latency,
    /// The first page of a role's open tasks.
    task_list_ms: Latency,
    /// All that the blocks hold: nodes completed, cases begun and ended.
    steps: u64,
    cases_begun: u64,
    cases_ended: u64,
    /// Steps that did otherwise than they must, and cases that do not stand where they must.
    cases_differing: u64,
    /// Nodes completed by a transaction of the measured window.
    steps_per_tx: f64,
}

/// How late timers are, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Lag {
    p50: u64,
    p99: u64,
    max: u64,
}

/// The instant at which terms end, for so many cases: a whole second, after all have been begun.
pub(super) fn instant(cases: usize) -> Timestamp {
    let cases = u64::try_from(cases).unwrap_or(u64::MAX);
    let beginning = cases.saturating_mul(1_000).checked_div(BEGUN_A_SECOND_MIN).unwrap_or(0);
    let at = clock::now().plus_ms(FOUNDING_MS).plus_ms(beginning);
    let seconds = at.0.div_ceil(1_000);
    Timestamp(seconds.saturating_mul(1_000))
}

impl AtCases {
    /// Begins the cases, waits for the instant, and measures the windows; gives the first of them.
    pub(super) fn windows(
        session: &mut Session<'_>,
        options: &Options,
        (open_cases, instant): (usize, Timestamp),
        client: &Client,
    ) -> Result<(Self, Window), Fault> {
        say("立案 · beginning cases");
        let begun = Instant::now();
        session.workload.load(&mut session.desk)?;
        let took = begun.elapsed();
        let deadlines = options.deadlines;
        let all = u64::try_from(open_cases.saturating_add(deadlines)).unwrap_or(u64::MAX);
        session.settled()?;
        let terms = (deadlines > 0).then(|| await_terms(client, instant)).transpose()?;
        session.warm_up()?;
        let measured = session.measure(options)?;
        let half = measured.rate.div_ceil(2);
        session.workload.turn_to(Phase::TaskList);
        let listed = session.window(half.saturating_add(QUERIES), options.seconds)?;
        check_answered(&listed)?;
        let found = Self {
            open_cases,
            load_seconds: took.as_secs(),
            load_per_s: a_second(all, took),
            deadlines,
            timers_queried_ms: terms,
            half_load_tps: half,
            queries_per_s: QUERIES,
            half_load_latency_ms: Latency::of(&listed.latencies),
            task_list_ms: Latency::of(&listed.read_latencies),
            ..Self::default()
        };
        Ok((found, measured))
    }

    /// Takes what the blocks say.
    pub(super) fn count(&mut self, counted: &Counted, instant: Timestamp, measured: &Window) {
        self.steps = counted.total();
        self.cases_begun = counted.begun;
        self.cases_ended = counted.ended;
        self.cases_differing = counted.differing;
        self.timer_lag_ms = Lag::of(&counted.timers, instant);
        let committed = u64::try_from(measured.committed.len()).unwrap_or(u64::MAX);
        self.steps_per_tx = quotient(counted.by(&measured.committed), committed);
    }

    /// Lines of the table.
    pub(super) fn for_person(&self) -> Vec<String> {
        let row = |what: &str, value: String| format!("{what}: {value}");
        let Self { open_cases, load_seconds, load_per_s, deadlines, .. } = self;
        let Self { steps, cases_begun, cases_ended, cases_differing, .. } = self;
        let load = format!("{} tps, {}/s", self.half_load_tps, self.queries_per_s);
        let mut lines = vec![
            row("在办件 · open cases", open_cases.to_string()),
            row("立案 · beginning them", format!("{load_seconds} s, {load_per_s}/s")),
            row("每笔环节数 · steps a transaction", format!("{:.2}", self.steps_per_tx)),
            row("半载任务清单 · list of tasks at half load", {
                format!("{} ({load})", self.task_list_ms.for_person())
            }),
            row("半载办理 · steps at half load", self.half_load_latency_ms.for_person()),
            row("共完成环节 · steps in all", steps.to_string()),
            row("立案、办结 · cases begun, ended", format!("{cases_begun}, {cases_ended}")),
            row("不符 · differing", cases_differing.to_string()),
        ];
        if let Some(Lag { p50, p99, max }) = self.timer_lag_ms {
            let queried = self.timers_queried_ms.unwrap_or(0);
            lines.push(row(
                "同时到期的处理延迟 · lag of terms that end at one instant, p50 / p99 / max",
                format!("{p50} / {p99} / {max} ms ({deadlines}; 查询 queries {queried} ms)"),
            ));
        }
        lines
    }
}

/// Nodes that the transactions completed which count as committed a second.
pub(super) fn steps_per_s(counted: &Counted, window: &Window) -> u64 {
    let committed = u64::try_from(window.committed.len()).unwrap_or(u64::MAX);
    let steps = counted.by(&window.committed).saturating_mul(window.committed_rate);
    steps.checked_div(committed).unwrap_or(0)
}

impl Lag {
    /// Of timers by the times of their blocks, ascending; `None` when there are none.
    fn of(times: &[Timestamp], instant: Timestamp) -> Option<Self> {
        let at = |percent: usize| {
            let rank = times.len().saturating_mul(percent).div_ceil(100);
            times.get(rank.saturating_sub(1)).map_or(0, |time| time.since_ms(instant))
        };
        (!times.is_empty()).then(|| Self { p50: at(50), p99: at(99), max: at(100) })
    }
}

/// Waits for the instant, and until queries show that no term is open; how long after it that was.
fn await_terms(client: &Client, instant: Timestamp) -> Result<u64, Fault> {
    let ahead = instant.since_ms(clock::now());
    if ahead == 0 {
        return Err(Fault::other(
            "立案时间过长，期限已届满",
            "beginning the cases took so long that the terms have ended",
        ));
    }
    say(&format!("等待期限届满 · waiting for the terms to end: {ahead} ms"));
    std::thread::sleep(Duration::from_millis(ahead));
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if client.select(&open_terms()).map_err(remote)?.items.is_empty() {
            return Ok(clock::now().since_ms(instant));
        }
        std::thread::sleep(LOOK);
    }
    Err(Fault::other("仍有期限未处理", "terms are still open"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "tests")]
    use super::*;
    use chaincity_types::Digest;

    #[test]
    fn lag_runs_from_the_instant_to_each_block() {
        let instant = Timestamp(10_000);
        let times: Vec<Timestamp> = (1..=100).map(|n| Timestamp(10_000 + n * 10)).collect();
        assert_eq!(Lag::of(&times, instant), Some(Lag { p50: 500, p99: 990, max: 1_000 }));
        assert_eq!(Lag::of(&[], instant), None);
    }

    #[test]
    fn the_instant_is_a_whole_second_later_the_more_there_are() {
        let (few, many) = (instant(0), instant(100_000));
        assert_eq!((few.0 % 1_000, many.0 % 1_000), (0, 0));
        assert!(few > clock::now() && many.since_ms(few) >= 166_000);
    }

    #[test]
    fn steps_count_with_the_transactions_that_count_as_committed() {
        let id = |byte| Digest([byte; 32]);
        let steps = [(id(1), 1), (id(2), 3), (id(3), 5)].into();
        let counted = Counted { steps, ..Counted::default() };
        let committed = vec![id(1), id(2), id(9)];
        let window = Window { committed, committed_rate: 300, ..Window::default() };
        assert_eq!((steps_per_s(&counted, &window), counted.total()), (400, 9));
        assert_eq!(steps_per_s(&counted, &Window::default()), 0);
    }
}

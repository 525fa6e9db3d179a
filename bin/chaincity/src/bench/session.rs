//! The windows of one run: prepared, timed, and those that look for the sustained rate.

use std::time::{Duration, Instant};

use super::audit::Submitted;
use super::desk::Desk;
use super::drive::{Driver, Window};
use super::report::Step;
use super::search::{self, Search};
use super::workload::{Op, Workload};
use super::{Options, say, town};
use crate::fault::Fault;

/// Most measured windows until one is sustained: each a fifth slower than the one before.
const ATTEMPTS: u32 = 3;
/// How long the nodes' read models are waited for after a window: what it left to do would weigh on
/// the next.
const SETTLING: Duration = Duration::from_secs(30);
/// Without a given rate, the longest preparation of a window, at the pace so far: a window that needs
/// more is shortened, so that the whole run ends within a few minutes.
const PREPARING: Duration = Duration::from_secs(12);

/// What a run has at hand.
pub(super) struct Session<'a> {
    pub(super) workload: Box<dyn Workload>,
    pub(super) driver: Driver<'a>,
    pub(super) desk: Desk<'a>,
    pub(super) submitted: Submitted,
    /// Average size of the last window's transactions.
    pub(super) transaction_bytes: u64,
    /// Whether windows are shortened to what is prepared soon.
    pub(super) bounded: bool,
    /// All windows so far, for the curve.
    pub(super) windows: Vec<Step>,
    /// How the rates of measured windows were found.
    pub(super) searches: Vec<Search>,
}

impl Session<'_> {
    /// The measured window and, at a rate that was found, one at half of it.
    pub(super) fn both(&mut self, options: &Options) -> Result<(Window, Option<Window>), Fault> {
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

    /// Waits until queries have caught up.
    pub(super) fn settled(&self) -> Result<Duration, Fault> {
        self.desk.settled(SETTLING)
    }

    /// Has one transaction of each operator executed, a few at a time: a ledger just founded first
    /// finds its peers, and leaders that are not there yet are waited for.
    pub(super) fn warm_up(&mut self) -> Result<(), Fault> {
        let ops = self.workload.prepare(town::OPERATORS, 1, &mut self.desk)?;
        let load: Vec<_> = ops.into_iter().filter_map(|op| op.submit).collect();
        self.desk.execute(&load)?;
        let accepted = load.iter().map(|signed| signed.id).collect();
        self.workload.after(&Window { accepted, ..Window::default() });
        Ok(())
    }

    /// The measured window.
    pub(super) fn measure(&mut self, options: &Options) -> Result<Window, Fault> {
        self.measure_by(options, Self::window)
    }

    /// The measured window of what `run` does at a rate for so many seconds.
    pub(super) fn measure_by(
        &mut self,
        options: &Options,
        mut run: impl FnMut(&mut Self, u64, u64) -> Result<Window, Fault>,
    ) -> Result<Window, Fault> {
        if options.rate > 0 {
            return run(self, options.rate, options.seconds);
        }
        let mut rate = self.search(&mut run)?;
        let mut attempt = 0_u32;
        loop {
            let window = run(self, rate, options.seconds)?;
            attempt = attempt.saturating_add(1);
            if window.is_sustained() || attempt >= ATTEMPTS {
                return Ok(window);
            }
            rate = slower(rate);
        }
    }

    /// Looks for the greatest rate that the ledger keeps up with.
    fn search(
        &mut self,
        run: &mut impl FnMut(&mut Self, u64, u64) -> Result<Window, Fault>,
    ) -> Result<u64, Fault> {
        let begun = Instant::now();
        let mut search = Search::new();
        while let Some(rate) = search.next() {
            if begun.elapsed() > search::LASTING {
                search.cut_short();
                break;
            }
            let window = run(self, rate, search::TRIAL_S)?;
            let prompt = window.median_ms() <= search::MEDIAN_MS_MAX;
            search.on_trial(window.done_rate(), window.is_sustained() && prompt);
        }
        let found = search.found();
        self.searches.push(search);
        Ok(found)
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
    pub(super) fn window(&mut self, rate: u64, seconds: u64) -> Result<Window, Fault> {
        let load = self.prepared(rate, seconds)?;
        self.timed(&load, rate)
    }

    /// Prepares a window.
    pub(super) fn prepared(&mut self, rate: u64, seconds: u64) -> Result<Vec<Op>, Fault> {
        self.driver.progress.set_message("准备 · preparing");
        let count = self.count(rate, seconds);
        self.workload.prepare(count, rate, &mut self.desk)
    }

    /// Runs a window that was prepared.
    pub(super) fn timed(&mut self, load: &[Op], rate: u64) -> Result<Window, Fault> {
        let signed = || load.iter().filter_map(|op| op.submit.as_ref());
        let bytes = signed().fold(0_usize, |sum, signed| sum.saturating_add(signed.bytes.len()));
        let average = bytes.checked_div(signed().count()).unwrap_or(0);
        self.transaction_bytes = u64::try_from(average).unwrap_or(u64::MAX);
        self.driver.progress.set_message(format!("{rate} tps"));
        let mut window = self.driver.run(load, rate)?;
        window.queries_behind = self.settled()?;
        self.workload.after(&window);
        self.note(&window);
        Ok(window)
    }

    /// Keeps what the audit and the report need of a window.
    pub(super) fn note(&mut self, window: &Window) {
        self.submitted.accepted.extend(&window.accepted);
        self.submitted.unknown.extend(&window.unknown);
        self.windows.push(Step::of(window));
        let (rate, done, median) = (window.rate, window.done_rate(), window.median_ms());
        say(&format!("{rate} tps → {done} tps, p50 {median} ms"));
    }
}

/// Four fifths of a rate, at least one.
fn slower(rate: u64) -> u64 {
    rate.saturating_mul(4).div_ceil(5).max(1)
}

//! An open loop: operations begin when they are due, whether or not earlier ones are done, so that
//! queueing shows. One that no thread could begin on time counts from when it was due.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chaincity_crypto::suite::SecretKey;
use chaincity_types::Digest;
use indicatif::ProgressBar;

use super::cost::{Cost, Nodes};
use super::follow::Follower;
use super::lanes::{Lanes, Pace, Submitted};
use super::process::Used;
use super::workload::Op;
use crate::fault::Fault;

/// How long to wait, after the last submission, for what is not final.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause before the first transaction is due, so that all threads stand ready.
const HEAD_START: Duration = Duration::from_millis(50);
/// Longest part of a window that does not count towards the committed rate: the nodes fill up.
const WARM_UP_MAX: Duration = Duration::from_secs(5);

/// Where and how the load goes.
pub(super) struct Driver<'a> {
    lanes: Lanes,
    pub(super) nodes: Nodes<'a>,
    follower: &'a Follower,
    pub(super) progress: &'a ProgressBar,
}

/// What one window showed.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Operations due a second.
    pub(super) rate: u64,
    /// How long it lasted, in whole seconds.
    pub(super) seconds: u64,
    /// Transactions submitted.
    pub(super) submitted: usize,
    /// Ids that a node accepted.
    pub(super) accepted: Vec<Digest>,
    /// Ids of submissions without an answer.
    pub(super) unknown: Vec<Digest>,
    /// Refusals by code.
    pub(super) refused: BTreeMap<String, u64>,
    /// Transactions that became final a second, after the warm-up.
    pub(super) committed_rate: u64,
    /// These transactions.
    pub(super) committed: Vec<Digest>,
    /// Operations that only read, answered a second, after the warm-up.
    pub(super) read_rate: u64,
    /// Reads that found nothing.
    pub(super) missed: u64,
    /// Reads that were not answered.
    pub(super) failed: u64,
    /// Transactions in a block, on average.
    pub(super) block_transactions: u64,
    /// From when a transaction was due until it was heard to be final, ascending, in
    /// microseconds.
    pub(super) latencies: Vec<u64>,
    /// From when an operation that only reads was due until its answer, likewise.
    pub(super) read_latencies: Vec<u64>,
    /// Processor time of all nodes for a final transaction or operation that reads, and bytes to
    /// peers for a final transaction.
    pub(super) cost: Cost,
    /// Processor time of this process likewise, in microseconds.
    pub(super) client_us: u64,
    /// From when all was final until every node's queries had it.
    pub(super) queries_behind: Duration,
}

impl Window {
    /// Latencies of transactions, or of reads where nothing is written.
    pub(super) fn main_latencies(&self) -> &[u64] {
        if self.latencies.is_empty() { &self.read_latencies } else { &self.latencies }
    }

    /// The median latency, in whole milliseconds.
    pub(super) fn median_ms(&self) -> u64 {
        let all = self.main_latencies();
        let middle = all.len().checked_div(2).unwrap_or(0);
        all.get(middle).and_then(|us| us.checked_div(1_000)).unwrap_or(0)
    }

    /// Operations that were done a second.
    pub(super) const fn done_rate(&self) -> u64 {
        self.committed_rate.saturating_add(self.read_rate)
    }

    /// Whether the ledger kept up with the load.
    pub(super) fn is_sustained(&self) -> bool {
        let wanted = self.rate.saturating_mul(95).div_ceil(100);
        self.refused.is_empty() && self.failed == 0 && self.done_rate() >= wanted
    }
}

impl<'a> Driver<'a> {
    /// Threads for all nodes. Where there are reads, those that read sign in with one of `readers`
    /// each.
    ///
    /// # Errors
    /// When a node does not let an operator sign in.
    pub(super) fn new(
        ledger: Digest,
        readers: &[SecretKey],
        (nodes, follower, progress): (Nodes<'a>, &'a Follower, &'a ProgressBar),
    ) -> Result<Self, Fault> {
        let lanes = Lanes::new(ledger, nodes.urls, readers)?;
        Ok(Self { lanes, nodes, follower, progress })
    }

    /// Begins `rate` operations of `load` a second and waits until all are done and final.
    ///
    /// # Errors
    /// When a node cannot be reached at all, or the event stream breaks.
    pub(super) fn run(&self, load: &[Op], rate: u64) -> Result<Window, Fault> {
        let own = [std::process::id()];
        let before = (self.nodes.before()?, Used::by(&own)?);
        let begun = Instant::now().checked_add(HEAD_START).unwrap_or_else(Instant::now);
        let pace = Pace { begun, rate };
        let answers = self.lanes.carry_out(load, pace, self.progress)?;
        let length = pace.due(load.len());
        let warm_up = warm_up(length);
        let mut window = Window { rate, submitted: load.len(), ..Window::default() };
        window.seconds = length.as_secs();
        let counts = |after: Duration| u64::from(after >= warm_up && after < length);
        let mut waiting = Vec::new();
        let mut read = 0_u64;
        for (index, answer) in answers {
            window.missed = window.missed.saturating_add(answer.missed);
            window.failed = window.failed.saturating_add(answer.failed);
            let signed = load.get(index).and_then(|op| op.submit.as_ref());
            match (signed, answer.submitted) {
                (Some(signed), Some(Submitted::Accepted)) => window.accepted.push(signed.id),
                (Some(signed), Some(Submitted::Unknown)) => window.unknown.push(signed.id),
                (_, Some(Submitted::Refused(code))) => {
                    let count = window.refused.entry(code).or_default();
                    *count = count.saturating_add(1);
                    continue;
                }
                _ => {
                    let Some(at) = answer.read else { continue };
                    let after = at.saturating_duration_since(begun);
                    window.read_latencies.push(micros(after.saturating_sub(pace.due(index))));
                    read = read.saturating_add(counts(after));
                    continue;
                }
            }
            waiting.extend(signed.map(|signed| (index, signed.id)));
        }
        let patience = Instant::now().checked_add(PATIENCE).unwrap_or_else(Instant::now);
        self.follower.wait(&window.accepted, patience)?;
        let ids: Vec<Digest> = waiting.iter().map(|(_, id)| *id).collect();
        let heard = self.follower.take(&ids);
        let (from, to) = (begun.checked_add(warm_up), begun.checked_add(length));
        let blocks = self.follower.blocks(from.unwrap_or(begun), to.unwrap_or(begun));
        for ((index, id), at) in waiting.iter().zip(heard) {
            let Some(after) = at.map(|at| at.saturating_duration_since(begun)) else { continue };
            window.latencies.push(micros(after.saturating_sub(pace.due(*index))));
            window.committed.extend((counts(after) > 0).then_some(*id));
        }
        let counted = u64::try_from(window.committed.len()).unwrap_or(u64::MAX);
        window.latencies.sort_unstable();
        window.read_latencies.sort_unstable();
        let blocks = u64::try_from(blocks).unwrap_or(u64::MAX);
        window.block_transactions = counted.checked_div(blocks).unwrap_or(0);
        window.committed_rate = a_second(counted, length.saturating_sub(warm_up));
        window.read_rate = a_second(read, length.saturating_sub(warm_up));
        let count = |latencies: &[u64]| u64::try_from(latencies.len()).unwrap_or(u64::MAX);
        let written = count(&window.latencies);
        let done = written.saturating_add(count(&window.read_latencies));
        window.cost = self.nodes.since(&before.0)?.each(done, written);
        window.client_us = Used::by(&own)?.since(&before.1).each(done);
        Ok(window)
    }
}

/// The part of a window of this length that does not count towards its rate.
pub(super) fn warm_up(length: Duration) -> Duration {
    length.checked_div(4).unwrap_or_default().min(WARM_UP_MAX)
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A count over a time as a rate.
pub(super) fn a_second(count: u64, over: Duration) -> u64 {
    let rate = u128::from(count).saturating_mul(1_000_000).checked_div(over.as_micros());
    rate.and_then(|rate| u64::try_from(rate).ok()).unwrap_or(0)
}

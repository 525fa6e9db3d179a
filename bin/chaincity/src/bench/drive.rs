//! An open loop: transactions are submitted when they are due, whether or not earlier ones are
//! final, so that queueing shows. A transaction that no thread could submit on time counts from
//! when it was due.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chaincity_client::{Client, ClientError, Retry, Signed};
use chaincity_types::Digest;
use indicatif::ProgressBar;

use super::follow::Follower;
use super::process::Used;
use crate::actor::remote;
use crate::fault::Fault;

/// Threads that submit to each node; each waits for one answer at a time.
const LANES: usize = 32;
/// How long to wait, after the last submission, for what is not final.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause before the first transaction is due, so that all threads stand ready.
const HEAD_START: Duration = Duration::from_millis(50);
/// Longest part of a window that does not count towards the committed rate: the nodes fill up.
const WARM_UP_MAX: Duration = Duration::from_secs(5);

/// What a node answered.
enum Answer {
    Accepted,
    /// Refused with this code.
    Refused(String),
    /// No answer came: it may have been accepted.
    Unknown,
}

/// Where and how the load goes.
pub(super) struct Driver<'a> {
    pub(super) ledger: Digest,
    pub(super) urls: &'a [String],
    pub(super) pids: &'a [u32],
    pub(super) follower: &'a Follower,
    pub(super) progress: &'a ProgressBar,
}

/// What one window showed.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Transactions due a second.
    pub(super) rate: u64,
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
    /// Transactions in a block, on average.
    pub(super) block_transactions: u64,
    /// From when a transaction was due until it was heard to be final, ascending, in
    /// microseconds.
    pub(super) latencies: Vec<u64>,
    /// Processor time of all nodes a final transaction, in microseconds.
    pub(super) used: Used,
    /// The same of this process.
    pub(super) used_by_client: Used,
}

impl Window {
    /// The median latency, in whole milliseconds.
    pub(super) fn median_ms(&self) -> u64 {
        let middle = self.latencies.len().checked_div(2).unwrap_or(0);
        self.latencies.get(middle).and_then(|us| us.checked_div(1_000)).unwrap_or(0)
    }

    /// Whether the ledger kept up with the load.
    pub(super) fn is_sustained(&self) -> bool {
        let wanted = self.rate.saturating_mul(95).div_ceil(100);
        self.refused.is_empty() && self.committed_rate >= wanted
    }
}

impl Driver<'_> {
    /// Submits `load` at `rate` transactions a second and waits until all of it is final.
    ///
    /// # Errors
    /// When a node cannot be reached at all, or the event stream breaks.
    pub(super) fn run(&self, load: &[Signed], rate: u64) -> Result<Window, Fault> {
        let own = [std::process::id()];
        let before = (Used::by(self.pids)?, Used::by(&own)?);
        let begun = Instant::now().checked_add(HEAD_START).unwrap_or_else(Instant::now);
        let answers = self.submit(load, begun, rate)?;
        let mut window = Window { rate, submitted: load.len(), ..Window::default() };
        let mut waiting = Vec::new();
        for (index, answer) in answers {
            let Some(signed) = load.get(index) else { continue };
            match answer {
                Answer::Accepted => window.accepted.push(signed.id),
                Answer::Unknown => window.unknown.push(signed.id),
                Answer::Refused(code) => {
                    let count = window.refused.entry(code).or_default();
                    *count = count.saturating_add(1);
                    continue;
                }
            }
            waiting.push((index, signed.id));
        }
        let patience = Instant::now().checked_add(PATIENCE).unwrap_or_else(Instant::now);
        self.follower.wait(&window.accepted, patience)?;
        let ids: Vec<Digest> = waiting.iter().map(|(_, id)| *id).collect();
        let heard = self.follower.take(&ids);
        let length = due(load.len(), rate);
        let warm_up = length.checked_div(4).unwrap_or_default().min(WARM_UP_MAX);
        let mut counted = 0_u64;
        let (from, to) = (begun.checked_add(warm_up), begun.checked_add(length));
        let blocks = self.follower.blocks(from.unwrap_or(begun), to.unwrap_or(begun));
        for ((index, _), at) in waiting.iter().zip(heard) {
            let Some(after) = at.map(|at| at.saturating_duration_since(begun)) else { continue };
            let latency = after.saturating_sub(due(*index, rate));
            window.latencies.push(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
            counted = counted.saturating_add(u64::from(after >= warm_up && after < length));
        }
        window.latencies.sort_unstable();
        let blocks = u64::try_from(blocks).unwrap_or(u64::MAX);
        window.block_transactions = counted.checked_div(blocks).unwrap_or(0);
        let counted_us = length.saturating_sub(warm_up).as_micros();
        let rate = u128::from(counted).saturating_mul(1_000_000).checked_div(counted_us);
        window.committed_rate = rate.and_then(|rate| u64::try_from(rate).ok()).unwrap_or(0);
        let finals = u64::try_from(window.latencies.len()).unwrap_or(u64::MAX);
        window.used = Used::by(self.pids)?.since(&before.0, finals);
        window.used_by_client = Used::by(&own)?.since(&before.1, finals);
        Ok(window)
    }

    /// Every answer, by position in the load.
    fn submit(
        &self,
        load: &[Signed],
        begun: Instant,
        rate: u64,
    ) -> Result<BTreeMap<usize, Answer>, Fault> {
        let next = AtomicUsize::new(0);
        let once = Retry { attempts: 0, ..Retry::default() };
        let lanes = self.urls.iter().cycle().take(self.urls.len().saturating_mul(LANES));
        let clients = lanes.map(|url| Client::builder(self.ledger).node(url).retry(once).build());
        let clients = clients.collect::<Result<Vec<_>, _>>().map_err(remote)?;
        self.progress.set_length(u64::try_from(load.len()).unwrap_or(u64::MAX));
        self.progress.set_position(0);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let next = &next;
            let lane = |client| {
                scope.spawn(move || {
                    let mut answers = Vec::new();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(signed) = load.get(index) else { return answers };
                        let at = begun.checked_add(due(index, rate)).unwrap_or(begun);
                        std::thread::sleep(at.saturating_duration_since(Instant::now()));
                        answers.push((index, submit(&client, signed)));
                        self.progress.inc(1);
                    }
                })
            };
            let lanes: Vec<_> = clients.into_iter().map(lane).collect();
            lanes.into_iter().map(|lane| lane.join()).collect()
        });
        let mut all = BTreeMap::new();
        for lane in answers {
            let lane = lane
                .map_err(|_panic| Fault::other("提交线程中断", "a submitting thread broke off"))?;
            all.extend(lane);
        }
        Ok(all)
    }
}

/// When the transaction at `index` is due, after the window's beginning.
fn due(index: usize, rate: u64) -> Duration {
    let index = u64::try_from(index).unwrap_or(u64::MAX);
    Duration::from_nanos(index.saturating_mul(1_000_000_000).checked_div(rate).unwrap_or(u64::MAX))
}

fn submit(client: &Client, signed: &Signed) -> Answer {
    match client.submit(signed, Duration::ZERO) {
        Ok(_) => Answer::Accepted,
        Err(ClientError::Refused { status, body }) if !matches!(status, 500 | 504) => {
            Answer::Refused(body.code)
        }
        Err(_) => Answer::Unknown,
    }
}

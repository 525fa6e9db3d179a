//! The threads that carry out what is due: transactions together, reads one by one.
//!
//! A lane takes all transactions that are due and sends them to its node in one request; while it
//! waits for the answer, others gather what comes next. An operation that reads first has a lane to
//! itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chaincity_client::api::transaction::batch_len;
use chaincity_client::{Client, ClientError, Retry, Signed};
use chaincity_crypto::suite::SecretKey;
use chaincity_types::Digest;
use indicatif::ProgressBar;

use super::workload::Op;
use crate::actor::remote;
use crate::fault::Fault;

/// Threads that read at each node; each waits for one answer at a time.
const READING: usize = 32;
/// Threads that submit to each node; likewise.
const SUBMITTING: usize = 2;
/// How long, after a transaction is due, others are waited for that go with it.
const GATHERING: Duration = Duration::from_millis(4);

/// When operations are due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) begun: Instant,
    /// Operations a second.
    pub(super) rate: u64,
}

impl Pace {
    /// When the operation at `index` is due, after the beginning.
    pub(super) fn due(self, index: usize) -> Duration {
        let index = u64::try_from(index).unwrap_or(u64::MAX);
        let nanos = index.saturating_mul(1_000_000_000).checked_div(self.rate);
        Duration::from_nanos(nanos.unwrap_or(u64::MAX))
    }

    /// The same as an instant.
    pub(super) fn at(self, index: usize) -> Instant {
        self.begun.checked_add(self.due(index)).unwrap_or(self.begun)
    }
}

/// What became of an operation.
#[derive(Default)]
pub(super) struct Answer {
    /// What a node answered to its transaction, if it has one.
    pub(super) submitted: Option<Submitted>,
    /// When its last read was answered, if it reads.
    pub(super) read: Option<Instant>,
    /// Reads that found nothing.
    pub(super) missed: u64,
    /// Reads that were not answered.
    pub(super) failed: u64,
}

/// What a node answered to a transaction.
pub(super) enum Submitted {
    Accepted,
    /// Refused with this code.
    Refused(String),
    /// No answer came: it may have been accepted.
    Unknown,
}

impl Submitted {
    /// What it means that a whole request failed.
    fn failed(error: &ClientError) -> Self {
        if let ClientError::Refused { status, body } = error
            && !matches!(status, 500 | 504)
        {
            return Self::Refused(body.code.clone());
        }
        Self::Unknown
    }
}

/// Every answer, by position in the load.
type Answers = Vec<(usize, Answer)>;

/// A client for each thread.
pub(super) struct Lanes {
    reading: Vec<Client>,
    submitting: Vec<Client>,
}

impl Lanes {
    /// Lanes to all nodes; where there are reads, those that read sign in with one of `readers` each.
    ///
    /// # Errors
    /// When a node does not let an operator sign in.
    pub(super) fn new(
        ledger: Digest,
        urls: &[String],
        readers: &[SecretKey],
    ) -> Result<Self, Fault> {
        let once = Retry { attempts: 0, ..Retry::default() };
        let lanes = |of_each: usize| {
            let urls = urls.iter().cycle().take(urls.len().saturating_mul(of_each));
            let clients = urls.map(|url| Client::builder(ledger).node(url).retry(once).build());
            clients.collect::<Result<Vec<_>, _>>().map_err(remote)
        };
        let (reading, submitting) = (lanes(READING)?, lanes(SUBMITTING)?);
        for (client, key) in reading.iter().zip(readers.iter().cycle()) {
            client.sign_in(key.clone()).map_err(remote)?;
        }
        Ok(Self { reading, submitting })
    }

    /// Carries out every operation when it is due.
    ///
    /// # Errors
    /// When a thread breaks off.
    pub(super) fn carry_out(
        &self,
        load: &[Op],
        pace: Pace,
        progress: &ProgressBar,
    ) -> Result<BTreeMap<usize, Answer>, Fault> {
        progress.set_length(u64::try_from(load.len()).unwrap_or(u64::MAX));
        progress.set_position(0);
        let (mut alone, mut together) = (Vec::new(), Vec::new());
        for (index, op) in load.iter().enumerate() {
            match &op.submit {
                Some(signed) if op.reads.is_empty() => together.push((index, signed)),
                _ => alone.push((index, op)),
            }
        }
        let (next, left) = (AtomicUsize::new(0), Mutex::new(together.as_slice()));
        let answers: Vec<_> = std::thread::scope(|scope| {
            let (next, left, alone) = (&next, &left, &alone);
            let readers = self.reading.iter().take(alone.len());
            let reading = readers
                .map(|client| scope.spawn(move || read(client, alone, next, pace, progress)));
            let submitters = self.submitting.iter();
            let submitting =
                submitters.map(|client| scope.spawn(move || submit(client, left, pace, progress)));
            let lanes: Vec<_> = reading.chain(submitting).collect();
            lanes.into_iter().map(|lane| lane.join()).collect()
        });
        let mut all = BTreeMap::new();
        for lane in answers {
            let broken = |_panic| Fault::other("提交线程中断", "a submitting thread broke off");
            all.extend(lane.map_err(broken)?);
        }
        Ok(all)
    }
}

fn read(
    client: &Client,
    ops: &[(usize, &Op)],
    next: &AtomicUsize,
    pace: Pace,
    progress: &ProgressBar,
) -> Answers {
    let mut answers = Vec::new();
    while let Some((index, op)) = ops.get(next.fetch_add(1, Ordering::Relaxed)) {
        std::thread::sleep(pace.at(*index).saturating_duration_since(Instant::now()));
        answers.push((*index, read_one(client, op)));
        progress.inc(1);
    }
    answers
}

fn read_one(client: &Client, op: &Op) -> Answer {
    let mut answer = Answer::default();
    for read in &op.reads {
        match read.ask(client) {
            Ok(found) => {
                answer.missed = answer.missed.saturating_add(u64::from(!found));
                answer.read = Some(Instant::now());
            }
            Err(_) => answer.failed = answer.failed.saturating_add(1),
        }
    }
    if answer.failed > 0 {
        answer.read = None;
    }
    answer.submitted =
        op.submit.as_ref().map(|signed| match client.submit(signed, Duration::ZERO) {
            Ok(_) => Submitted::Accepted,
            Err(error) => Submitted::failed(&error),
        });
    answer
}

fn submit<'l>(
    client: &Client,
    left: &Mutex<&'l [(usize, &'l Signed)]>,
    pace: Pace,
    progress: &ProgressBar,
) -> Answers {
    let mut answers = Vec::new();
    loop {
        let batch = gather(left, pace);
        if batch.is_empty() {
            return answers;
        }
        let transactions: Vec<&Signed> = batch.iter().map(|(_, signed)| *signed).collect();
        let mut refusals = client.submit_many(&transactions).map(Vec::into_iter);
        for (index, _) in batch {
            let submitted = match &mut refusals {
                Ok(refusals) => match refusals.next().flatten() {
                    None => Submitted::Accepted,
                    Some(body) => Submitted::Refused(body.code),
                },
                Err(error) => Submitted::failed(error),
            };
            answers.push((*index, Answer { submitted: Some(submitted), ..Answer::default() }));
        }
        progress.inc(u64::try_from(batch.len()).unwrap_or(u64::MAX));
    }
}

/// Takes the transactions that are due, a moment after the first of them is; none when none are
/// left. The other lanes wait meanwhile.
fn gather<'l>(left: &Mutex<&'l [(usize, &'l Signed)]>, pace: Pace) -> &'l [(usize, &'l Signed)] {
    let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((first, _)) = left.first() else { return &[] };
    let end = pace.at(*first).checked_add(GATHERING).unwrap_or_else(Instant::now);
    std::thread::sleep(end.saturating_duration_since(Instant::now()));
    let now = Instant::now();
    let due = left.iter().take_while(|(index, _)| pace.at(*index) <= now);
    let count = batch_len(due.map(|(_, signed)| signed.bytes.len())).max(1);
    let (batch, rest) = left.split_at_checked(count).unwrap_or((*left, &[]));
    *left = rest;
    batch
}

//! A ledger behind its nodes' API as the place where calls go.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use chaincity_client::api::transaction::{EntryInfo, ReceiptInfo};
use chaincity_client::{Client, ClientError, Signed};
use chaincity_types::wire::{Call, Mode, Transaction};
use chaincity_types::{Digest, Reject};

use super::run::{CallOutcome, Finished, Sink};

/// Most transactions under way at once.
const WINDOW: usize = 32;
/// Transactions that go in one request: as many full ones as fit.
const TOGETHER: usize = 8;
/// How long transactions are given the expiry that was right for the first of them: little of the
/// minutes that it leaves.
const SAME_EXPIRY: Duration = Duration::from_secs(10);
/// How long one request waits for a receipt.
const WAIT: Duration = Duration::from_secs(30);
/// Requests for one receipt: longer together than a transaction can wait before it expires.
const WAITS_MAX: u32 = 12;

/// A ledger, with what was submitted to it and is not known to be final.
pub(crate) struct Remote {
    client: Client,
    under_way: VecDeque<UnderWay>,
    /// An empty transaction, and when it was made.
    blank: Option<(Transaction, Instant)>,
    /// Is told of each transaction before it is submitted.
    watch: Option<Box<dyn FnMut(Digest)>>,
}

struct UnderWay {
    number: u64,
    calls: usize,
    signed: Signed,
    /// Whether a node accepted it.
    accepted: bool,
}

impl Remote {
    /// Submits through a client that has signed in.
    pub(crate) const fn new(client: Client) -> Self {
        Self { client, under_way: VecDeque::new(), blank: None, watch: None }
    }

    /// As [`Remote::new`]; `watch` is told of each transaction before it is submitted.
    pub(crate) fn watched(client: Client, watch: impl FnMut(Digest) + 'static) -> Self {
        Self { watch: Some(Box::new(watch)), ..Self::new(client) }
    }

    fn transaction(&mut self, calls: Vec<Call>) -> io::Result<Transaction> {
        if let Some((blank, made)) = &self.blank
            && made.elapsed() < SAME_EXPIRY
        {
            return Ok(Transaction { calls, ..blank.clone() });
        }
        let blank = self.client.transaction(Mode::Independent, Vec::new()).map_err(fault)?;
        self.blank = Some((blank.clone(), Instant::now()));
        Ok(Transaction { calls, ..blank })
    }

    /// Submits what was not accepted yet, and gives what became final meanwhile.
    fn send(&mut self) -> io::Result<Vec<Finished>> {
        let mut done = Vec::new();
        loop {
            let waiting = self.under_way.iter().filter(|one| !one.accepted);
            let waiting: Vec<&Signed> = waiting.map(|one| &one.signed).collect();
            let Some(first) = waiting.first() else { return Ok(done) };
            let refusals = match self.client.submit_many(&waiting) {
                Ok(refusals) => refusals,
                Err(error) if error.is_passing() => Vec::new(),
                Err(error) => return Err(fault(error)),
            };
            // Busy: the ledger works off what is under way before it takes more. If nothing is, the
            // client waits for the first to be taken.
            if refusals.iter().all(Option::is_some) && waiting.len() == self.under_way.len() {
                self.client.submit(first, Duration::ZERO).map_err(fault)?;
            }
            let waiting = self.under_way.iter_mut().filter(|one| !one.accepted);
            for (one, refusal) in waiting.zip(refusals) {
                // A duplicate is an attempt of before whose answer was lost.
                let Some(body) = refusal.filter(|body| body.code != Reject::Duplicate.code())
                else {
                    one.accepted = true;
                    continue;
                };
                if body.code != Reject::Busy.code() {
                    return Err(io::Error::other(format!("{}: {}", body.code, body.en)));
                }
            }
            if self.under_way.iter().all(|one| one.accepted) {
                return Ok(done);
            }
            done.extend(self.settle_oldest()?);
        }
    }

    /// Waits for the oldest transaction that was accepted.
    fn settle_oldest(&mut self) -> io::Result<Option<Finished>> {
        let oldest = self.under_way.iter().position(|one| one.accepted);
        let Some(UnderWay { number, calls, signed, .. }) =
            oldest.and_then(|at| self.under_way.remove(at))
        else {
            return Ok(None);
        };
        for _ in 0..WAITS_MAX {
            if let Some(receipt) = self.client.receipt(&signed.id, WAIT).map_err(fault)? {
                return finished(number, calls, &receipt).map(Some);
            }
        }
        Err(fault(ClientError::NotFinal { id: signed.id }))
    }
}

impl Sink for Remote {
    fn submit(&mut self, number: u64, calls: Vec<Call>) -> io::Result<Vec<Finished>> {
        let mut done = Vec::new();
        while self.under_way.len() >= WINDOW {
            done.extend(self.settle_oldest()?);
        }
        let count = calls.len();
        let transaction = self.transaction(calls)?;
        let signed = self.client.sign(&transaction).map_err(fault)?;
        if let Some(watch) = &mut self.watch {
            watch(signed.id);
        }
        self.under_way.push_back(UnderWay { number, calls: count, signed, accepted: false });
        if self.under_way.iter().filter(|one| !one.accepted).count() >= TOGETHER {
            done.extend(self.send()?);
        }
        Ok(done)
    }

    fn drain(&mut self) -> io::Result<Vec<Finished>> {
        let mut done = self.send()?;
        while let Some(finished) = self.settle_oldest()? {
            done.push(finished);
        }
        Ok(done)
    }
}

fn finished(number: u64, calls: usize, receipt: &ReceiptInfo) -> io::Result<Finished> {
    if receipt.entries.len() != calls {
        let cause = format!("a receipt with {} entries for {calls} calls", receipt.entries.len());
        return Err(io::Error::new(io::ErrorKind::InvalidData, cause));
    }
    Ok(Finished { number, outcomes: receipt.entries.iter().map(outcome).collect() })
}

fn outcome(entry: &EntryInfo) -> CallOutcome {
    match &entry.rejection {
        None if entry.applied => CallOutcome::Applied,
        None => CallOutcome::Rejected { code: "unknown".to_owned(), detail: None },
        Some(rejection) => {
            CallOutcome::Rejected { code: rejection.code.clone(), detail: rejection.detail.clone() }
        }
    }
}

fn fault(error: ClientError) -> io::Error {
    io::Error::other(error)
}

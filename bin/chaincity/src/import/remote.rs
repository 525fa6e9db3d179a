//! A ledger behind its nodes' API as the place where calls go.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use chaincity_client::api::ProblemBody;
use chaincity_client::api::transaction::{EntryInfo, ReceiptInfo};
use chaincity_client::{Client, ClientError, Signed};
use chaincity_types::wire::{Call, Mode, Transaction};
use chaincity_types::{Digest, Reject};

use super::journal::{self, Journal, Submission};
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
/// How long the nodes may take nothing at all, being busy or away, before the import is given up: as
/// long as a transaction lives.
const PATIENCE: Duration = Duration::from_secs(300);
/// Pause before a busy node that does not say how long is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// A ledger, with what was submitted to it and is not known to be final.
pub(crate) struct Remote {
    client: Client,
    under_way: VecDeque<UnderWay>,
    /// An empty transaction, and when it was made.
    blank: Option<(Transaction, Instant)>,
    /// Is told of each transaction before it is submitted.
    watch: Option<Box<dyn FnMut(Digest)>>,
    journal: Option<Journal>,
    /// Transactions that an earlier run had submitted.
    taken_up: u64,
}

struct UnderWay {
    number: u64,
    transaction: Transaction,
    signed: Signed,
    /// Whether a node accepted it.
    accepted: bool,
}

impl Remote {
    /// Submits through a client that has signed in.
    pub(crate) const fn new(client: Client) -> Self {
        let under_way = VecDeque::new();
        Self { client, under_way, blank: None, watch: None, journal: None, taken_up: 0 }
    }

    /// As [`Remote::new`]; `watch` is told of each transaction before it is submitted.
    pub(crate) fn watched(client: Client, watch: impl FnMut(Digest) + 'static) -> Self {
        Self { watch: Some(Box::new(watch)), ..Self::new(client) }
    }

    /// As [`Remote::new`]; takes up what stands in the journal, and keeps it.
    pub(crate) fn resuming(client: Client, journal: Journal) -> Self {
        Self { journal: Some(journal), ..Self::new(client) }
    }

    /// Transactions that an earlier run had submitted.
    pub(crate) const fn taken_up(&self) -> u64 {
        self.taken_up
    }

    /// Everything has an outcome: the journal is removed.
    ///
    /// # Errors
    /// When it cannot be.
    pub(crate) fn end(self) -> io::Result<()> {
        self.journal.map_or(Ok(()), Journal::end)
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

    /// Signs a transaction and notes it before it is submitted.
    fn sign(&mut self, transaction: &Transaction) -> io::Result<Signed> {
        let signed = self.client.sign(transaction).map_err(fault)?;
        if let Some(journal) = &mut self.journal {
            let of = Submission { id: signed.id, expiry: transaction.expiry };
            let calls = journal::digest(&transaction.calls);
            if journal.before(&calls) != Some(of) {
                journal.note(calls, of)?;
            }
        }
        if let Some(watch) = &mut self.watch {
            watch(signed.id);
        }
        Ok(signed)
    }

    /// Submits what was not accepted yet, and gives what became final meanwhile. A busy ledger works
    /// off what is under way before it takes more; when nothing is, it is asked again later.
    fn send(&mut self) -> io::Result<Vec<Finished>> {
        let mut done = Vec::new();
        let mut moved = Instant::now();
        while self.under_way.iter().any(|one| !one.accepted) {
            let (taken, hold) = self.offer(&mut done)?;
            let Some(hold) = hold else { continue };
            if taken {
                moved = Instant::now();
            }
            match self.settle_oldest()? {
                Some(finished) => {
                    done.push(finished);
                    moved = Instant::now();
                }
                None if moved.elapsed() > PATIENCE => return Err(hold.cause),
                None => std::thread::sleep(hold.pause),
            }
        }
        Ok(done)
    }

    /// Offers once what was not accepted. Says whether any of it was taken, and why some was not.
    fn offer(&mut self, done: &mut Vec<Finished>) -> io::Result<(bool, Option<Hold>)> {
        let waiting = self.under_way.iter().filter(|one| !one.accepted);
        let waiting: Vec<&Signed> = waiting.map(|one| &one.signed).collect();
        let refusals = match self.client.submit_many(&waiting) {
            Ok(refusals) => refusals,
            Err(error) if error.is_passing() => {
                return Ok((false, Some(Hold { pause: PAUSE, cause: fault(error) })));
            }
            Err(error) => return Err(fault(error)),
        };
        let (mut taken, mut hold, mut expired) = (false, None, Vec::new());
        let waiting = self.under_way.iter_mut().filter(|one| !one.accepted);
        for (one, refusal) in waiting.zip(refusals) {
            // A duplicate is an attempt of before: of this run, or of one that was killed.
            match refusal.filter(|body| body.code != Reject::Duplicate.code()) {
                None => (one.accepted, taken) = (true, true),
                Some(body) if body.code == Reject::Busy.code() => hold = Some(Hold::of(&body)),
                Some(body) if body.code == Reject::Expired.code() => expired.push(one.number),
                Some(body) => return Err(refused(&body)),
            }
        }
        for number in expired {
            done.extend(self.renew(number)?);
        }
        Ok((taken, hold))
    }

    /// A transaction that has expired is final already, or never will be: then its calls are signed
    /// anew.
    fn renew(&mut self, number: u64) -> io::Result<Option<Finished>> {
        let Some(at) = self.under_way.iter().position(|one| one.number == number) else {
            return Ok(None);
        };
        let Some(UnderWay { transaction, signed, .. }) = self.under_way.remove(at) else {
            return Ok(None);
        };
        if let Some(receipt) = self.client.receipt(&signed.id, Duration::ZERO).map_err(fault)? {
            return finished(number, transaction.calls.len(), &receipt).map(Some);
        }
        self.blank = None;
        let transaction = self.transaction(transaction.calls)?;
        let signed = self.sign(&transaction)?;
        self.under_way.insert(at, UnderWay { number, transaction, signed, accepted: false });
        Ok(None)
    }

    /// Waits for the oldest transaction that was accepted; `None` when none was.
    fn settle_oldest(&mut self) -> io::Result<Option<Finished>> {
        let oldest = self.under_way.iter().position(|one| one.accepted);
        let Some(UnderWay { number, transaction, signed, .. }) =
            oldest.and_then(|at| self.under_way.remove(at))
        else {
            return Ok(None);
        };
        for _ in 0..WAITS_MAX {
            if let Some(receipt) = self.client.receipt(&signed.id, WAIT).map_err(fault)? {
                return finished(number, transaction.calls.len(), &receipt).map(Some);
            }
        }
        Err(fault(ClientError::NotFinal { id: signed.id }))
    }

    /// What became of these calls if an earlier run submitted them; else when they then expire.
    fn earlier(&mut self, number: u64, calls: &[Call]) -> io::Result<Earlier> {
        let Some(journal) = &self.journal else { return Ok(Earlier::Never) };
        let Some(Submission { id, expiry }) = journal.before(&journal::digest(calls)) else {
            return Ok(Earlier::Never);
        };
        self.taken_up = self.taken_up.saturating_add(1);
        let receipt = self.client.receipt(&id, Duration::ZERO).map_err(fault)?;
        Ok(match receipt {
            Some(receipt) => Earlier::Final(finished(number, calls.len(), &receipt)?),
            None => Earlier::Open(expiry),
        })
    }
}

/// What an earlier run did with calls.
enum Earlier {
    Never,
    /// Submitted, or nearly, as a transaction with this expiry.
    Open(chaincity_types::Timestamp),
    Final(Finished),
}

/// Why something was not taken, and how long to wait.
struct Hold {
    pause: Duration,
    cause: io::Error,
}

impl Hold {
    fn of(body: &ProblemBody) -> Self {
        let pause = body.retry_after_s.map_or(PAUSE, Duration::from_secs);
        Self { pause, cause: refused(body) }
    }
}

impl Sink for Remote {
    fn submit(&mut self, number: u64, calls: Vec<Call>) -> io::Result<Vec<Finished>> {
        let mut done = Vec::new();
        while self.under_way.len() >= WINDOW {
            done.extend(self.settle_oldest()?);
        }
        let earlier = match self.earlier(number, &calls)? {
            Earlier::Never => None,
            Earlier::Open(expiry) => Some(expiry),
            Earlier::Final(finished) => {
                done.push(finished);
                return Ok(done);
            }
        };
        let mut transaction = self.transaction(calls)?;
        transaction.expiry = earlier.unwrap_or(transaction.expiry);
        let signed = self.sign(&transaction)?;
        self.under_way.push_back(UnderWay { number, transaction, signed, accepted: false });
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

fn refused(body: &ProblemBody) -> io::Error {
    io::Error::other(format!("{}: {} · {}", body.code, body.zh, body.en))
}

fn fault(error: ClientError) -> io::Error {
    io::Error::other(error)
}

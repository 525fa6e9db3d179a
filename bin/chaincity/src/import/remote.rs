//! A ledger behind its nodes' API as the place where calls go.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use chaincity_client::api::transaction::{EntryInfo, ReceiptInfo};
use chaincity_client::{Client, ClientError, Signed};
use chaincity_types::Digest;
use chaincity_types::wire::{Call, Mode};

use super::run::{CallOutcome, Finished, Sink};

/// Most transactions under way at once.
const WINDOW: usize = 32;
/// How long one request waits for a receipt.
const WAIT: Duration = Duration::from_secs(30);
/// Requests for one receipt: longer together than a transaction can wait before it expires.
const WAITS_MAX: u32 = 12;

/// A ledger, with what was submitted to it and is not known to be final.
pub(crate) struct Remote {
    client: Client,
    under_way: VecDeque<UnderWay>,
    /// Is told of each transaction before it is submitted.
    watch: Option<Box<dyn FnMut(Digest)>>,
}

struct UnderWay {
    number: u64,
    calls: usize,
    signed: Signed,
}

impl Remote {
    /// Submits through a client that has signed in.
    pub(crate) const fn new(client: Client) -> Self {
        Self { client, under_way: VecDeque::new(), watch: None }
    }

    /// As [`Remote::new`]; `watch` is told of each transaction before it is submitted.
    pub(crate) fn watched(client: Client, watch: impl FnMut(Digest) + 'static) -> Self {
        Self { watch: Some(Box::new(watch)), ..Self::new(client) }
    }

    /// Waits for the oldest transaction under way.
    fn settle_oldest(&mut self) -> io::Result<Option<Finished>> {
        let Some(UnderWay { number, calls, signed }) = self.under_way.pop_front() else {
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
        let transaction = self.client.transaction(Mode::Independent, calls).map_err(fault)?;
        let signed = self.client.sign(&transaction).map_err(fault)?;
        if let Some(watch) = &mut self.watch {
            watch(signed.id);
        }
        loop {
            match self.client.submit(&signed, Duration::ZERO) {
                Ok(_) => break,
                // Busy: the ledger works off what is under way before it takes more.
                Err(error) if error.is_passing() && !self.under_way.is_empty() => {
                    done.extend(self.settle_oldest()?);
                }
                Err(error) => return Err(fault(error)),
            }
        }
        self.under_way.push_back(UnderWay { number, calls: count, signed });
        Ok(done)
    }

    fn drain(&mut self) -> io::Result<Vec<Finished>> {
        let mut done = Vec::new();
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

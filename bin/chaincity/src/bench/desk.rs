//! Where transactions are signed, and where what must stand on the ledger first is brought there:
//! in full batches, many of them at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chaincity_client::api::transaction::{EntryInfo, ReceiptInfo, WAIT_MS_MAX};
use chaincity_client::{Client, Signed};
use chaincity_crypto::cose;
use chaincity_crypto::suite::SecretKey;
use chaincity_types::wire::{CALLS_MAX, Call, Mode, PROTOCOL, Transaction};
use chaincity_types::{Digest, cbor};

use super::town::People;
use crate::actor::{Actor, remote};
use crate::clock;
use crate::fault::Fault;

/// Most bytes of calls in a transaction of the preparation.
const BATCH_BYTES_MAX: usize = 98_304;
/// Pause between two looks at a node.
const LOOK: Duration = Duration::from_millis(20);
/// Transactions of the preparation under way at each node.
const UNDER_WAY: usize = 8;
/// When a transaction expires: nearly as late as is allowed, since it is signed before it is due.
const EXPIRY_AHEAD_MS: u64 = 570_000;

/// A call with the key that signs it.
pub(super) type Signing<'k> = (Call, &'k SecretKey);

/// Signs and prepares.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    ledger: Digest,
    pub(super) people: &'a People,
    urls: &'a [String],
    /// Transactions signed so far: the operators take turns.
    signed: usize,
    /// Ids of the preparation's transactions.
    pub(super) preparation: Vec<Digest>,
    /// Calls of the preparation, and how long it took.
    pace: (usize, Duration),
}

impl<'a> Desk<'a> {
    pub(super) const fn new(ledger: Digest, people: &'a People, urls: &'a [String]) -> Self {
        let pace = (0, Duration::ZERO);
        Self { ledger, people, urls, signed: 0, preparation: Vec::new(), pace }
    }

    /// How many nodes there are.
    pub(super) const fn nodes(&self) -> usize {
        self.urls.len()
    }

    /// Someone at this node.
    pub(super) fn actor(&self, node: usize, key: &SecretKey) -> Result<Actor, Fault> {
        let url = self.urls.get(node).into_iter().cloned().collect::<Vec<_>>();
        Actor::sign_in(&url, self.ledger, key.clone())
    }

    /// The operator whose turn it is.
    pub(super) fn operator(&mut self) -> Result<&'a SecretKey, Fault> {
        let all = &self.people.operators;
        let turn = self.signed.checked_rem(all.len());
        self.signed = self.signed.saturating_add(1);
        let key = turn.and_then(|turn| all.get(turn));
        key.ok_or_else(|| Fault::other("没有经办人", "there are no operators"))
    }

    /// A transaction of one call, signed by the operator whose turn it is.
    pub(super) fn sign(&mut self, call: Call) -> Result<Signed, Fault> {
        self.sign_all(vec![call])
    }

    /// An atomic transaction of these calls, likewise.
    pub(super) fn sign_all(&mut self, calls: Vec<Call>) -> Result<Signed, Fault> {
        let key = self.operator()?;
        Ok(sign(self.ledger, Mode::Atomic, calls, key))
    }

    /// How many calls were prepared a second so far, by `within`; `None` before any were.
    pub(super) fn affordable(&self, within: Duration) -> Option<usize> {
        let (calls, took) = self.pace;
        let all = u128::try_from(calls).unwrap_or(u128::MAX).saturating_mul(within.as_millis());
        all.checked_div(took.as_millis()).and_then(|calls| usize::try_from(calls).ok())
    }

    /// Waits until every node's queries have caught up with its blocks, at most `within`; gives how
    /// long that took.
    pub(super) fn settled(&self, within: Duration) -> Result<Duration, Fault> {
        let begun = Instant::now();
        for url in self.urls {
            let client = Client::new(url, self.ledger).map_err(remote)?;
            while begun.elapsed() < within {
                let status = client.status().map_err(remote)?;
                if status.read_model.is_none_or(|height| height >= status.height) {
                    break;
                }
                std::thread::sleep(LOOK);
            }
        }
        Ok(begun.elapsed())
    }

    /// Has transactions executed that belong to no window.
    pub(super) fn execute(&mut self, transactions: &[Signed]) -> Result<Vec<ReceiptInfo>, Fault> {
        self.preparation.extend(transactions.iter().map(|signed| signed.id));
        execute(self.ledger, self.urls, transactions)
    }

    /// Signs calls, as many of one signer together as fit, has them all executed, and gives their
    /// entries in the calls' order.
    ///
    /// # Errors
    /// When one is refused.
    pub(super) fn settle(&mut self, signings: &[Signing<'_>]) -> Result<Vec<EntryInfo>, Fault> {
        let begun = Instant::now();
        let mut of_signer: BTreeMap<_, Vec<(usize, &Signing<'_>)>> = BTreeMap::new();
        for (index, signing) in signings.iter().enumerate() {
            of_signer.entry(signing.1.public_key()).or_default().push((index, signing));
        }
        let mut transactions = Vec::new();
        let mut order = Vec::new();
        for batch in of_signer.into_values().flat_map(batches) {
            let Some((_, (_, key))) = batch.first() else { continue };
            let calls = batch.iter().map(|(_, (call, _))| call.clone()).collect();
            transactions.push(sign(self.ledger, Mode::Independent, calls, key));
            order.push(batch.iter().map(|(index, _)| *index).collect::<Vec<_>>());
        }
        let receipts = self.execute(&transactions)?;
        let mut entries = BTreeMap::new();
        for (indexes, receipt) in order.into_iter().zip(receipts) {
            entries.extend(indexes.into_iter().zip(receipt.entries));
        }
        let refused = entries.values().find(|entry| !entry.applied);
        if let Some(rejection) = refused.and_then(|entry| entry.rejection.as_ref()) {
            return Err(Fault::other(
                format!("准备被驳回：{}", rejection.code),
                format!("the preparation was refused: {}", rejection.code),
            ));
        }
        let (calls, took) = self.pace;
        self.pace = (calls.saturating_add(signings.len()), took.saturating_add(begun.elapsed()));
        Ok(entries.into_values().collect())
    }
}

/// Cuts one signer's calls into what fits a transaction.
fn batches<'s, 'k>(
    all: Vec<(usize, &'s Signing<'k>)>,
) -> impl Iterator<Item = Vec<(usize, &'s Signing<'k>)>> {
    let mut out: Vec<Vec<(usize, &'s Signing<'k>)>> = Vec::new();
    let mut left = 0_usize;
    for item in all {
        let bytes = cbor::encode(&item.1.0).len();
        match out.last_mut() {
            Some(last) if bytes <= left && last.len() < CALLS_MAX => {
                left = left.saturating_sub(bytes);
                last.push(item);
            }
            _ => {
                left = BATCH_BYTES_MAX.saturating_sub(bytes);
                out.push(vec![item]);
            }
        }
    }
    out.into_iter()
}

fn sign(ledger: Digest, mode: Mode, calls: Vec<Call>, key: &SecretKey) -> Signed {
    let transaction = Transaction {
        ledger,
        protocol: PROTOCOL,
        expiry: clock::now().plus_ms(EXPIRY_AHEAD_MS),
        mode,
        calls,
        intent: None,
    };
    let id = cose::transaction_id(&transaction, &key.public_key());
    Signed { id, bytes: cose::sign_transaction(&transaction, key) }
}

/// Submits transactions, a few at a time to each node, and waits for their receipts.
fn execute(
    ledger: Digest,
    urls: &[String],
    transactions: &[Signed],
) -> Result<Vec<ReceiptInfo>, Fault> {
    let lanes = urls.iter().cycle().take(urls.len().saturating_mul(UNDER_WAY));
    let lanes: Vec<&String> = lanes.collect();
    let settled: Vec<Result<Vec<_>, Fault>> = std::thread::scope(|scope| {
        let run = |(lane, url): (usize, &&String)| {
            let mine = transactions.iter().enumerate().skip(lane).step_by(lanes.len());
            let mine: Vec<_> = mine.collect();
            let url = (*url).clone();
            scope.spawn(move || execute_at(ledger, &url, &mine))
        };
        let running: Vec<_> = lanes.iter().enumerate().map(run).collect();
        let broken = |_panic| Fault::other("提交线程中断", "a submitting thread broke off");
        running.into_iter().map(|thread| thread.join().map_err(broken)?).collect()
    });
    let mut receipts = BTreeMap::new();
    for lane in settled {
        receipts.extend(lane?);
    }
    Ok(receipts.into_values().collect())
}

fn execute_at(
    ledger: Digest,
    url: &str,
    transactions: &[(usize, &Signed)],
) -> Result<Vec<(usize, ReceiptInfo)>, Fault> {
    let client = Client::new(url, ledger).map_err(remote)?;
    let wait = Duration::from_millis(WAIT_MS_MAX);
    let mut out = Vec::with_capacity(transactions.len());
    for (index, signed) in transactions {
        let receipt = match client.submit(signed, wait).map_err(remote)? {
            Some(receipt) => Some(receipt),
            None => client.receipt(&signed.id, wait).map_err(remote)?,
        };
        let late = || Fault::other("准备未按时终局", "the preparation was not final in time");
        out.push((*index, receipt.ok_or_else(late)?));
    }
    Ok(out)
}

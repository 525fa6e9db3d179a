//! Admission: what may enter the pool, from clients and from peers.

use std::sync::Arc;

use bytes::Bytes;
use chaincity_crypto::cose::{self, SignedTransaction};
use chaincity_engine::StateReader;
use chaincity_ledger::{BlockContext, BlockRun, Lookup, Step, View as _, order};
use chaincity_types::wire::{EXPIRY_AHEAD_MAX_MS, Entry, Outcome, PROTOCOL, TRANSACTION_BYTES_MAX};
use chaincity_types::{Digest, Reject, Timestamp, cbor};
use minicbor::bytes::ByteVec;

use crate::api::{NodeError, Refusal};
use crate::governed;
use crate::pipeline::Pipeline;
use crate::pool::Pooled;
use crate::records::Known;

/// Most bytes in one gossip message.
const GOSSIP_BYTES_MAX: usize = 512 * 1024;

impl From<Reject> for Refusal {
    fn from(code: Reject) -> Self {
        Self { code, guard: None, detail: None }
    }
}

/// Packs signed transactions into messages: a CBOR array of byte strings each.
pub(crate) fn gossip_messages(transactions: &[Bytes]) -> Vec<Bytes> {
    let mut messages = Vec::new();
    let mut batch: Vec<ByteVec> = Vec::new();
    let mut size = 0_usize;
    for bytes in transactions {
        if size.saturating_add(bytes.len()) > GOSSIP_BYTES_MAX && !batch.is_empty() {
            messages.push(Bytes::from(cbor::encode(&std::mem::take(&mut batch))));
            size = 0;
        }
        size = size.saturating_add(bytes.len());
        batch.push(ByteVec::from(bytes.to_vec()));
    }
    if !batch.is_empty() {
        messages.push(Bytes::from(cbor::encode(&batch)));
    }
    messages
}

/// A rejection that no later block could turn into success: the sender's mistake, told at once.
fn hopeless(entry: &Entry) -> Option<Refusal> {
    const HOPELESS: &[Reject] = &[
        Reject::UnknownOperator,
        Reject::UnknownPackage,
        Reject::UnknownAction,
        Reject::InvalidInput,
        Reject::NotAuthorised,
    ];
    let Outcome::Rejected { code, detail, .. } = &entry.outcome else { return None };
    let code = HOPELESS.iter().find(|reject| reject.code() == code)?;
    Some(Refusal { code: *code, guard: None, detail: detail.clone() })
}

impl Pipeline {
    /// What needs neither state nor signature.
    fn check_window(&self, signed: &SignedTransaction) -> Result<(), Reject> {
        let transaction = &signed.transaction;
        let now = self.tip().header.time;
        if transaction.ledger != self.inner.ledger {
            return Err(Reject::WrongLedger);
        }
        if transaction.protocol != PROTOCOL {
            return Err(Reject::WrongProtocol);
        }
        if transaction.expiry <= now {
            return Err(Reject::Expired);
        }
        // The newest final block is a little behind the next one, so the window is as well.
        if transaction.expiry.since_ms(now) > EXPIRY_AHEAD_MAX_MS {
            return Err(Reject::ExpiryTooFar);
        }
        let shared = self.inner.shared();
        if shared.window.contains(&signed.id) || shared.pool.get(&signed.id).is_some() {
            return Err(Reject::Duplicate);
        }
        Ok(())
    }

    /// Admits a client's transaction: form, window, signature, operator, then a dry run for
    /// faults that no other block could cure.
    pub(crate) async fn admit<S: StateReader>(
        &self,
        bytes: Vec<u8>,
        state: &S,
        now: Timestamp,
    ) -> Result<Digest, Refusal> {
        if bytes.len() > TRANSACTION_BYTES_MAX {
            return Err(Reject::TooLarge.into());
        }
        let signed = Arc::new(cose::decode_transaction(&bytes)?);
        self.check_window(&signed)?;
        signed.verify()?;
        let admitted = self.dry_run(&signed, state).await;
        let (member, class) = match admitted {
            Ok(admitted) => admitted?,
            Err(fault) => {
                tracing::warn!(%fault, "admission could not read the state");
                return Err(Reject::Busy.into());
            }
        };
        let id = signed.id;
        let bytes = Bytes::from(bytes);
        self.pool(Pooled { bytes: bytes.clone(), signed, member, class, since: now })?;
        self.inner.shared().outbox.push(bytes);
        self.inner.outgoing.notify_one();
        Ok(id)
    }

    fn pool(&self, pooled: Pooled) -> Result<(), Reject> {
        self.inner.shared().pool.insert(pooled)?;
        self.inner.arrived.notify_waiters();
        Ok(())
    }

    /// The operator's member and the transaction's class, or why it can never apply. Guards and
    /// reads are left to the ledger: what they refuse shall be refused there, with a receipt.
    async fn dry_run<S: StateReader>(
        &self,
        signed: &SignedTransaction,
        state: &S,
    ) -> Result<Result<(String, u8), Refusal>, NodeError> {
        let inner = &*self.inner;
        let tip = self.tip().header;
        let context = BlockContext {
            ledger: inner.ledger,
            protocol: PROTOCOL,
            height: tip.height.next(),
            time: tip.time.plus_ms(1),
            epoch: self.epoch_of(tip.height.next()),
        };
        let packages = &inner.package_cache;
        let mut known = Known::default();
        let operator = governed::operator_key(signed.operator.as_bytes());
        known.fetch(vec![operator.clone()], state, &inner.bodies).await?;
        let member = match known.lookup(&operator) {
            Lookup::Known(Some(record)) => governed::member_of(&record.version).map(str::to_owned),
            Lookup::Known(None) | Lookup::Unknown => None,
        };
        let Some(member) = member else { return Ok(Err(Reject::UnknownOperator.into())) };
        let call = crate::execute::call(signed);
        let run = BlockRun::new(context);
        let receipt = loop {
            match run.preview(&call, &known, packages) {
                Step::Done(receipt) => break receipt,
                Step::Need(keys) => known.fetch(keys, state, &inner.bodies).await?,
            }
        };
        if let Some(refusal) = receipt.entries.iter().find_map(hopeless) {
            return Ok(Err(refusal));
        }
        let class = loop {
            match order::priority(&signed.transaction, &context, &known, packages) {
                Step::Done(class) => break class,
                Step::Need(keys) => known.fetch(keys, state, &inner.bodies).await?,
            }
        };
        Ok(Ok((member, class)))
    }

    /// Admits what a peer gossiped: the peer ran it dry, this node checks form, window, signature
    /// and that the operator exists. What does not pass is dropped.
    pub(crate) fn admit_gossip(&self, message: &[u8]) {
        let Ok(batch) = cbor::decode::<Vec<ByteVec>>(message, 2 * GOSSIP_BYTES_MAX) else { return };
        let now = self.tip().header.time;
        let mut fresh = Vec::new();
        for bytes in batch {
            let bytes = Bytes::from(Vec::from(bytes));
            let Ok(signed) = cose::decode_transaction(&bytes) else { continue };
            if self.check_window(&signed).is_err() {
                continue;
            }
            let Some((member, class)) = self.gossip_lane(&signed) else { continue };
            fresh.push(Pooled { bytes, signed: Arc::new(signed), member, class, since: now });
        }
        let all: Vec<&SignedTransaction> = fresh.iter().map(|p| p.signed.as_ref()).collect();
        let bad = match cose::verify_transactions(&all) {
            Ok(()) => Vec::new(),
            Err(bad) => bad,
        };
        for (index, pooled) in fresh.into_iter().enumerate() {
            if bad.contains(&index) {
                continue;
            }
            if let Err(reject) = self.pool(pooled) {
                tracing::debug!(code = reject.code(), "a gossiped transaction was not pooled");
            }
        }
    }

    /// Member and class of a gossiped transaction, from what this node has in memory.
    fn gossip_lane(&self, signed: &SignedTransaction) -> Option<(String, u8)> {
        let shared = self.inner.shared();
        let member = shared.operators.get(signed.operator.as_bytes().as_slice())?.clone();
        let urgent = signed.transaction.calls.iter().all(|call| {
            let package = shared.packages.get(&call.package);
            package.and_then(|p| p.actions.get(&call.action)).is_some_and(|action| action.urgent)
        });
        Some((member, u8::from(!urgent)))
    }
}

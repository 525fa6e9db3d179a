//! Gossip: every node's pool hears of every transaction.
//!
//! A node sends what its own clients submit, at once, and again what still waits: a peer may have
//! been away. What a peer sent is not passed on at once; the sender reaches everybody.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use chaincity_crypto::cose::{self, SignedTransaction};
use chaincity_engine::Clock;
use chaincity_engine::stage::{Stage, measure};
use chaincity_ledger::order::{ORDINARY, URGENT};
use chaincity_types::{Digest, Timestamp, cbor};
use futures::future::{Either, select};
use minicbor::bytes::ByteVec;

use crate::pipeline::Pipeline;
use crate::pool::Pooled;

#[cfg(test)]
mod tests;

/// Most bytes in one gossip message.
const GOSSIP_BYTES_MAX: usize = 512 * 1024;
/// Most transactions noted for sending. Beyond that they are sent when their turn comes to be
/// sent again.
const OUTBOX_MAX: usize = 10_000;
/// What waits so long is sent again, so many at a time.
const AGAIN_MS: u64 = 2_000;
const AGAIN_COUNT: usize = 2_000;
/// A short rest gathers what comes together into one message.
const REST_MS: u64 = 2;

/// Packs signed transactions into messages: a CBOR array of byte strings each.
fn messages_of(transactions: &[Bytes]) -> Vec<Bytes> {
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

impl Pipeline {
    /// Notes pooled transactions for sending.
    pub(crate) fn announce(&self, ids: &[Digest]) {
        if ids.is_empty() {
            return;
        }
        let mut shared = self.inner.shared();
        let room = OUTBOX_MAX.saturating_sub(shared.outbox.len());
        shared.outbox.extend(ids.iter().take(room));
        drop(shared);
        self.inner.outgoing.notify_one();
    }

    /// Sends waiting transactions to peers as they come, and again every two seconds while they
    /// wait. Runs until the pipeline is dropped by its node.
    pub async fn gossip<C: Clock>(&self, clock: C) {
        let mut again = clock.now().plus_ms(AGAIN_MS);
        loop {
            let rung = self.inner.outgoing.notified();
            let tick = clock.sleep_ms(again.since_ms(clock.now()).min(AGAIN_MS));
            futures::pin_mut!(rung);
            let ticked = matches!(select(rung, tick).await, Either::Right(_));
            let now = clock.now();
            let mut transactions = self.take_outbox();
            // By the clock, and not only when nothing new came: a busy node sends again as well.
            if ticked || now >= again {
                again = now.plus_ms(AGAIN_MS);
                let old = Timestamp(now.0.saturating_sub(AGAIN_MS));
                transactions.extend(self.inner.shared().pool.send_again(old, AGAIN_COUNT));
            }
            if let Some(orderer) = self.inner.orderer.get() {
                for message in messages_of(&transactions) {
                    orderer.gossip(message).await;
                }
            }
            clock.sleep_ms(REST_MS).await;
        }
    }

    /// What is noted for sending and still in the pool.
    fn take_outbox(&self) -> Vec<Bytes> {
        let mut shared = self.inner.shared();
        let ids = std::mem::take(&mut shared.outbox);
        ids.iter().filter_map(|id| shared.pool.get(id).map(|pooled| pooled.bytes.clone())).collect()
    }

    /// Admits what a peer gossiped: the peer checked it against the ledger, this node checks form,
    /// window, operator and signature. What does not pass is dropped, the rest is kept.
    pub(crate) fn admit_gossip<'m>(&self, messages: impl IntoIterator<Item = &'m [u8]>) {
        let decode = |message| cbor::decode::<Vec<ByteVec>>(message, 2 * GOSSIP_BYTES_MAX);
        let batch = messages.into_iter().filter_map(|message| decode(message).ok()).flatten();
        let now = self.tip().header.time;
        let mut seen = BTreeSet::new();
        let mut fresh = Vec::new();
        for bytes in batch {
            let bytes = Bytes::from(Vec::from(bytes));
            let Ok(signed) = cose::decode_transaction(&bytes) else { continue };
            if self.check_window(&signed, now).is_err() {
                continue;
            }
            let Some((member, class)) = self.gossip_lane(&signed) else { continue };
            // By bytes, not by id: a copy with a bad signature must not hide the good one.
            if seen.insert(bytes.clone()) {
                fresh.push(Pooled { bytes, signed: Arc::new(signed), member, class, since: now });
            }
        }
        let all: Vec<&SignedTransaction> = fresh.iter().map(|p| p.signed.as_ref()).collect();
        let verified = measure(Stage::Verification, || cose::verify_transactions(&all));
        let bad = verified.err().unwrap_or_default();
        let good = fresh.into_iter().enumerate();
        let good = good.filter(|(index, _)| bad.binary_search(index).is_err());
        for reject in
            self.pool(good.map(|(_, pooled)| pooled).collect()).iter().flat_map(|p| p.err())
        {
            tracing::debug!(code = reject.code(), "a gossiped transaction was not pooled");
        }
    }

    /// Member and class of a gossiped transaction, from what this node has in memory. A proposer
    /// looks both up again in its block's state.
    fn gossip_lane(&self, signed: &SignedTransaction) -> Option<(String, u8)> {
        let shared = self.inner.shared();
        let member = shared.operators.get(signed.operator.as_bytes().as_slice())?.clone();
        let urgent = signed.transaction.calls.iter().all(|call| {
            let package = shared.packages.get(&call.package);
            package.and_then(|p| p.actions.get(&call.action)).is_some_and(|action| action.urgent)
        });
        Some((member, if urgent { URGENT } else { ORDINARY }))
    }
}

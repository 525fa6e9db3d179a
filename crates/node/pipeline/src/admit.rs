//! Admission: what may enter the pool from a client, and what is checked before anything is pooled.
//!
//! Checks go from cheap to dear, and each is bounded before it begins: size, form, window,
//! signatures (of a batch together), then what the ledger can tell of a transaction without what it
//! is about. The signature is verified before the operator is looked up: keys are public, so
//! looking first would spare nothing against whoever floods.
//!
//! Transactions that come together stand alone: none harms another.
//!
//! When ten blocks' worth waits, only urgent transactions are taken: the others are told to come
//! again, before their signatures are verified, so that refusing costs little.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use chaincity_crypto::cose::{self, SignedTransaction};
use chaincity_engine::stage::{Stage, measure};
use chaincity_ledger::order::URGENT;
use chaincity_ledger::{Admissible, BlockContext, Hopeless, Step, View, precheck};
use chaincity_types::wire::{EXPIRY_AHEAD_MAX_MS, LogicalKey, PROTOCOL};
use chaincity_types::{Digest, Reject, Timestamp};

use crate::api::{NodeError, Refusal};
use crate::execute::{self, COMPILED};
use crate::machine::TRANSACTIONS_BYTES_MAX;
use crate::orderer::FinalState;
use crate::pipeline::Pipeline;
use crate::pool::Pooled;
use crate::records::Known;
use crate::standing::Glance;

impl From<Reject> for Refusal {
    fn from(code: Reject) -> Self {
        Self { code, guard: None, detail: None }
    }
}

impl From<Hopeless> for Refusal {
    fn from(Hopeless { code, detail }: Hopeless) -> Self {
        Self { code, guard: None, detail }
    }
}

/// A transaction on its way into the pool.
struct Candidate {
    bytes: Bytes,
    signed: Arc<SignedTransaction>,
}

impl Candidate {
    fn read(bytes: Bytes) -> Result<Self, Refusal> {
        let signed = Arc::new(cose::decode_transaction(&bytes)?);
        Ok(Self { bytes, signed })
    }
}

/// What the ledger says of a candidate, once it is known.
type Verdict = Option<Result<Admissible, Hopeless>>;

/// Verifies the signatures of all that were not refused yet.
fn verify(candidates: &mut [Result<Candidate, Refusal>]) {
    let all: Vec<&SignedTransaction> =
        candidates.iter().flatten().map(|candidate| candidate.signed.as_ref()).collect();
    let bad = match all.as_slice() {
        [] => return,
        [one] => one.verify().err().map(|_| vec![0]),
        all => cose::verify_transactions(all).err(),
    };
    let Some(bad) = bad else { return };
    let verified = candidates.iter_mut().filter(|candidate| candidate.is_ok());
    for (position, candidate) in verified.enumerate() {
        if bad.binary_search(&position).is_ok() {
            *candidate = Err(Reject::BadSignature.into());
        }
    }
}

impl Pipeline {
    /// What needs neither state nor signature, at the time of the newest final block.
    pub(crate) fn check_window(
        &self,
        signed: &SignedTransaction,
        now: Timestamp,
    ) -> Result<(), Reject> {
        let transaction = &signed.transaction;
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

    /// Admits clients' transactions: form, window, signature, then faults that no other block could
    /// cure. Gives, for each in order, its id or why it was refused.
    pub(crate) async fn admit(
        &self,
        batch: Vec<Bytes>,
        state: &FinalState,
        now: Timestamp,
    ) -> Vec<Result<Digest, Refusal>> {
        let mut candidates: Vec<_> = batch.into_iter().map(Candidate::read).collect();
        // Without a state this node knows neither the time of the ledger nor its operators.
        if !state.ready().await {
            return candidates.into_iter().map(|c| c.and(Err(Reject::Busy.into()))).collect();
        }
        let tip = self.tip().header.time;
        for candidate in &mut candidates {
            let checked = candidate.as_ref().map(|c| self.check_window(&c.signed, tip));
            if let Ok(Err(reject)) = checked {
                *candidate = Err(reject.into());
            }
        }
        let verdicts = match self.verify_and_judge(&mut candidates, state).await {
            Ok(verdicts) => verdicts,
            Err(fault) => {
                tracing::warn!(%fault, "admission could not read the state");
                return candidates.into_iter().map(|c| c.and(Err(Reject::Busy.into()))).collect();
            }
        };
        let mut good = Vec::with_capacity(candidates.len());
        let mut answers = Vec::with_capacity(candidates.len());
        for (candidate, verdict) in candidates.into_iter().zip(verdicts) {
            answers.push(candidate.and_then(|Candidate { bytes, signed }| {
                let Admissible { member, class } = verdict.unwrap_or(Err(UNJUDGED))?;
                let id = signed.id;
                good.push(Pooled { bytes, signed, member, class, since: now });
                Ok(id)
            }));
        }
        let mut pooled = self.pool(good).into_iter();
        for answer in answers.iter_mut().filter(|answer| answer.is_ok()) {
            if let Some(Err(reject)) = pooled.next() {
                *answer = Err(reject.into());
            }
        }
        let ids: Vec<Digest> = answers.iter().flatten().copied().collect();
        self.announce(&ids);
        answers
    }

    /// Verifies signatures and judges what stands; where too much waits, of the urgent ones alone.
    async fn verify_and_judge(
        &self,
        candidates: &mut [Result<Candidate, Refusal>],
        state: &FinalState,
    ) -> Result<Vec<Verdict>, NodeError> {
        let crowded = {
            let shared = self.inner.shared();
            shared.pool.bytes() >= shared.pace.waiting(TRANSACTIONS_BYTES_MAX)
        };
        if crowded {
            let verdicts = self.judge(candidates, state).await?;
            for (candidate, verdict) in candidates.iter_mut().zip(verdicts) {
                let waits =
                    matches!(verdict, Some(Ok(Admissible { class, .. })) if class != URGENT);
                if candidate.is_ok() && waits {
                    *candidate = Err(Reject::Busy.into());
                }
            }
        }
        measure(Stage::Verification, || verify(candidates));
        self.judge(candidates, state).await
    }

    /// Puts transactions into the pool that passed all checks, and gives what became of each.
    ///
    /// INVARIANT: the pool holds nothing that the window does. The block that holds it may have
    /// become final since it was checked, so this asks again, under the one lock; drawn from the
    /// pool it would make this node's block invalid, again and again.
    pub(crate) fn pool(&self, batch: Vec<Pooled>) -> Vec<Result<(), Reject>> {
        let mut shared = self.inner.shared();
        let mut pooled = Vec::with_capacity(batch.len());
        for transaction in batch {
            pooled.push(if shared.window.contains(&transaction.signed.id) {
                Err(Reject::Duplicate)
            } else {
                shared.pool.insert(transaction)
            });
        }
        drop(shared);
        if pooled.iter().any(Result::is_ok) {
            self.inner.arrived.notify_waiters();
        }
        pooled
    }

    /// The operator's member and the class of each candidate, or why it can never apply. Guards and
    /// reads are left to the ledger: what they refuse shall be refused there, with a receipt.
    async fn judge(
        &self,
        candidates: &[Result<Candidate, Refusal>],
        state: &FinalState,
    ) -> Result<Vec<Verdict>, NodeError> {
        let inner = &*self.inner;
        let round = inner.standing.round();
        let known = Known::new(state, &inner.bodies);
        let mut asked = Vec::new();
        let mut verdicts: Vec<Verdict> = candidates.iter().map(|_| None).collect();
        loop {
            let missing = self.judge_known(candidates, &known, &mut verdicts);
            if missing.is_empty() {
                break;
            }
            let missing: Vec<_> = missing.into_iter().collect();
            asked.extend_from_slice(&missing);
            known.fetch(missing).await?;
        }
        if state.failed() {
            return Err(NodeError::Fault("a read failed".into()));
        }
        inner.standing.learn(round, &asked, &known);
        Ok(verdicts)
    }

    /// Judges those of whom enough is known; the keys that the others need.
    fn judge_known(
        &self,
        candidates: &[Result<Candidate, Refusal>],
        known: &dyn View,
        verdicts: &mut [Verdict],
    ) -> BTreeSet<LogicalKey> {
        let inner = &*self.inner;
        let tip = self.tip().header;
        let context = BlockContext {
            ledger: inner.ledger,
            protocol: PROTOCOL,
            height: tip.height.next(),
            time: tip.time.plus_ms(1),
            parent_time: tip.time,
            epoch: self.epoch_of(tip.height.next()),
        };
        let glance = Glance { known, standing: &inner.standing };
        let mut missing = BTreeSet::new();
        for (candidate, verdict) in candidates.iter().zip(verdicts) {
            let (Ok(candidate), None) = (candidate, verdict.as_ref()) else { continue };
            let call = execute::call(&candidate.signed);
            match precheck(&call, &context, &glance, &*COMPILED) {
                Step::Done(done) => *verdict = Some(done),
                Step::Need(keys) => missing.extend(keys),
            }
        }
        missing
    }
}

/// The verdict of what was not judged, which only what was refused before is.
const UNJUDGED: Hopeless = Hopeless { code: Reject::Busy, detail: None };

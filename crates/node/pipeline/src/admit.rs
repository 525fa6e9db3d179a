//! Admission: what may enter the pool from a client, and what is checked before anything is pooled.
//!
//! Checks go from cheap to dear, and each is bounded before it begins: size, form, window, one
//! signature, then the dry run, whose fuel is bounded. The signature is verified before the operator is
//! looked up: keys are public, so looking first would spare nothing against whoever floods.

use std::sync::Arc;

use bytes::Bytes;
use chaincity_crypto::cose::{self, SignedTransaction};
use chaincity_ledger::{BlockContext, BlockRun, Lookup, Step, View as _, order};
use chaincity_types::wire::{EXPIRY_AHEAD_MAX_MS, Entry, Outcome, PROTOCOL};
use chaincity_types::{Digest, Reject, Timestamp};

use crate::api::{NodeError, Refusal};
use crate::governed;
use crate::orderer::FinalState;
use crate::pipeline::Pipeline;
use crate::pool::Pooled;
use crate::records::Known;

impl From<Reject> for Refusal {
    fn from(code: Reject) -> Self {
        Self { code, guard: None, detail: None }
    }
}

/// Why the transaction as a whole can never apply, if so.
fn hopeless(entries: &[Entry]) -> Option<Refusal> {
    let refusals: Option<Vec<Refusal>> = entries.iter().map(hopeless_entry).collect();
    refusals?.into_iter().next()
}

/// A rejection that no later block could turn into success: the sender's mistake, told at once.
fn hopeless_entry(entry: &Entry) -> Option<Refusal> {
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
    pub(crate) fn check_window(&self, signed: &SignedTransaction) -> Result<(), Reject> {
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
    pub(crate) async fn admit(
        &self,
        bytes: Vec<u8>,
        state: &FinalState,
        now: Timestamp,
    ) -> Result<Digest, Refusal> {
        let signed = Arc::new(cose::decode_transaction(&bytes)?);
        // Without a state this node knows neither the time of the ledger nor its operators.
        if !state.ready().await {
            return Err(Reject::Busy.into());
        }
        self.check_window(&signed)?;
        signed.verify()?;
        let admitted = self.dry_run(&signed, state).await;
        if state.failed() {
            return Err(Reject::Busy.into());
        }
        let (member, class) = match admitted {
            Ok(admitted) => admitted?,
            Err(fault) => {
                tracing::warn!(%fault, "admission could not read the state");
                return Err(Reject::Busy.into());
            }
        };
        let id = signed.id;
        self.pool(Pooled { bytes: Bytes::from(bytes), signed, member, class, since: now })?;
        self.announce(id);
        Ok(id)
    }

    /// Puts a transaction into the pool that passed all checks.
    ///
    /// INVARIANT: the pool holds nothing that the window does. The block that holds it may have
    /// become final since it was checked, so this asks again, under the one lock; drawn from the
    /// pool it would make this node's block invalid, again and again.
    pub(crate) fn pool(&self, pooled: Pooled) -> Result<(), Reject> {
        let mut shared = self.inner.shared();
        if shared.window.contains(&pooled.signed.id) {
            return Err(Reject::Duplicate);
        }
        shared.pool.insert(pooled)?;
        drop(shared);
        self.inner.arrived.notify_waiters();
        Ok(())
    }

    /// The operator's member and the transaction's class, or why it can never apply. Guards and
    /// reads are left to the ledger: what they refuse shall be refused there, with a receipt.
    async fn dry_run(
        &self,
        signed: &SignedTransaction,
        state: &FinalState,
    ) -> Result<Result<(String, u8), Refusal>, NodeError> {
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
        let attempt = loop {
            match run.attempt(&call, &known, packages) {
                Step::Done(attempt) => break attempt,
                Step::Need(keys) => known.fetch(keys, state, &inner.bodies).await?,
            }
        };
        if let Some(refusal) = hopeless(&attempt.receipt().entries) {
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
}

//! Building, signing and submitting transactions, and waiting for their receipts.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chaincity_api::transaction::{
    BatchSubmitted, ReceiptInfo, Submitted, WAIT_MS_MAX, batch_len, encode_batch,
};
use chaincity_api::{CBOR, COSE, Endpoint, Problem, ProblemBody, json::parse_time};
use chaincity_crypto::cose;
use chaincity_crypto::verify::ProvedReceipt;
use chaincity_types::wire::{Call, Mode, Transaction};
use chaincity_types::{Digest, Reject, Str, Value};

use crate::client::{Client, absent, json};
use crate::error::ClientError;
use crate::transport::Ask;

/// How far ahead of the node's block time a transaction expires: half of what is allowed, so
/// that a node a little behind does not make it too far.
const EXPIRY_AHEAD_MS: u64 = 300_000;

/// A signed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Its id: digest of the Sig_structure.
    pub id: Digest,
    /// What to submit: a COSE_Sign1 message.
    pub bytes: Vec<u8>,
}

/// A call without case, task and mandates.
#[must_use]
pub fn call(package: &str, action: &str, input: BTreeMap<Str, Value>) -> Call {
    Call {
        package: package.into(),
        action: action.into(),
        input,
        case: None,
        task: None,
        mandates: None,
    }
}

impl Client {
    /// An unsigned transaction for this ledger, of the protocol in force, that expires five
    /// minutes after the node's block time.
    ///
    /// # Errors
    /// When no node answers, or the node is of another ledger.
    pub fn transaction(&self, mode: Mode, calls: Vec<Call>) -> Result<Transaction, ClientError> {
        let status = self.status()?;
        let now = parse_time(&status.time);
        let now = now.ok_or_else(|| ClientError::answer("status", "a time that is none"))?;
        Ok(Transaction {
            ledger: self.ledger,
            protocol: status.protocol,
            expiry: now.plus_ms(EXPIRY_AHEAD_MS),
            mode,
            calls,
            intent: None,
        })
    }

    /// Signs a transaction.
    ///
    /// # Errors
    /// [`ClientError::NotSignedIn`].
    pub fn sign(&self, transaction: &Transaction) -> Result<Signed, ClientError> {
        let key = self.signer()?;
        let id = cose::transaction_id(transaction, &key.public_key());
        Ok(Signed { id, bytes: cose::sign_transaction(transaction, &key) })
    }

    /// Submits a transaction and waits at most `wait` (and 30 s) for its receipt: `None` when
    /// it is accepted but not final by then.
    ///
    /// Submitting the same transaction to several nodes is harmless: it applies once.
    ///
    /// # Errors
    /// See [`ClientError`]; a refusal has the kernel's or the guard's code.
    pub fn submit(
        &self,
        signed: &Signed,
        wait: Duration,
    ) -> Result<Option<ReceiptInfo>, ClientError> {
        let wait_ms = millis(wait);
        let mut ask = Ask::new(Endpoint::SubmitTransaction, &[])
            .query("wait_ms", &wait_ms)
            .body(COSE, signed.bytes.clone());
        ask.wait = Duration::from_millis(wait_ms);
        let reply = self.run(&ask)?;
        if reply.uncertain && reply.bytes.is_empty() {
            // A node had it already: an attempt whose answer was lost had arrived.
            return Ok(None);
        }
        let submitted: Submitted = json(&reply)?;
        if submitted.id != signed.id.to_string() {
            return Err(ClientError::answer(&reply.url, "another transaction's id"));
        }
        Ok(submitted.receipt)
    }

    /// Submits many transactions at once, in as few requests as they fit in, and gives for each, in
    /// order, its refusal; `None` when it is accepted. A refusal with the code `busy` says that the
    /// node has no room for it: submit it again later.
    ///
    /// # Errors
    /// See [`ClientError`]. Some may have been accepted nevertheless; submitting them again is
    /// harmless.
    pub fn submit_many<S: Borrow<Signed>>(
        &self,
        signed: &[S],
    ) -> Result<Vec<Option<ProblemBody>>, ClientError> {
        let mut refusals = Vec::with_capacity(signed.len());
        let mut rest = signed;
        while !rest.is_empty() {
            // One that fits in no batch is the node's to refuse.
            let count = batch_len(rest.iter().map(|signed| signed.borrow().bytes.len())).max(1);
            let (batch, later) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            refusals.extend(self.submit_batch(batch)?);
            rest = later;
        }
        Ok(refusals)
    }

    fn submit_batch<S: Borrow<Signed>>(
        &self,
        batch: &[S],
    ) -> Result<Vec<Option<ProblemBody>>, ClientError> {
        let body = encode_batch(batch.iter().map(|signed| signed.borrow().bytes.as_slice()));
        let reply = self.run(&Ask::new(Endpoint::SubmitTransactions, &[]).body(CBOR, body))?;
        let submitted: BatchSubmitted = json(&reply)?;
        if submitted.items.len() != batch.len() {
            return Err(ClientError::answer(&reply.url, "a batch of another length"));
        }
        let mut refusals = Vec::with_capacity(batch.len());
        for (item, signed) in submitted.items.into_iter().zip(batch) {
            if item.id.is_some_and(|id| id != signed.borrow().id.to_string()) {
                return Err(ClientError::answer(&reply.url, "another transaction's id"));
            }
            // A node had it already: an attempt whose answer was lost had arrived.
            let arrived =
                |body: &ProblemBody| reply.uncertain && body.code == Reject::Duplicate.code();
            refusals.push(item.refusal.filter(|body| !arrived(body)));
        }
        Ok(refusals)
    }

    /// The receipt of a transaction, as the node says, waiting at most `wait` for it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn receipt(&self, id: &Digest, wait: Duration) -> Result<Option<ReceiptInfo>, ClientError> {
        let end = Instant::now().checked_add(wait);
        loop {
            let left = end.map_or(Duration::ZERO, |e| e.saturating_duration_since(Instant::now()));
            let wait_ms = millis(left);
            let mut ask = Ask::new(Endpoint::GetReceipt, &[&id.to_string()]);
            ask = ask.query("wait_ms", &wait_ms);
            ask.wait = Duration::from_millis(wait_ms);
            let found = absent(self.get(&ask), Problem::NotFinal)?;
            if found.is_some() || wait_ms == 0 {
                return Ok(found);
            }
        }
    }

    /// The receipt of a transaction with a proof that it is final, checked here, waiting at most
    /// `wait` for it.
    ///
    /// # Errors
    /// [`ClientError::NotFinal`] when it is not final in time; else see [`ClientError`].
    pub fn receipt_proved(
        &self,
        id: &Digest,
        wait: Duration,
    ) -> Result<ProvedReceipt, ClientError> {
        if self.receipt(id, wait)?.is_none() {
            return Err(ClientError::NotFinal { id: *id });
        }
        self.prove_receipt(id)
    }

    /// Builds, signs and submits one atomic transaction with these calls, and waits up to a
    /// minute for its receipt, whose proof is checked here. Whether it applied is in the
    /// receipt's entry.
    ///
    /// # Errors
    /// See [`ClientError`]; a refusal at admission has the kernel's or the guard's code.
    pub fn execute(&self, calls: Vec<Call>) -> Result<ProvedReceipt, ClientError> {
        let signed = self.sign(&self.transaction(Mode::Atomic, calls)?)?;
        self.submit(&signed, Duration::from_millis(WAIT_MS_MAX))?;
        self.receipt_proved(&signed.id, Duration::from_millis(WAIT_MS_MAX))
    }

    /// What a code says with which a call was rejected, in Chinese and English: the kernel's texts, or
    /// those of a guard of the action or of an invariant of its package. `None` when none has it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn texts_of(
        &self,
        code: &str,
        (package, action): (&str, &str),
    ) -> Result<Option<(String, String)>, ClientError> {
        if let Some(kernel) = Reject::ALL.iter().find(|reject| reject.code() == code) {
            return Ok(Some((kernel.zh().to_owned(), kernel.en().to_owned())));
        }
        let Some(package) = self.package(package)? else { return Ok(None) };
        let guards = package.actions.get(action).map(|action| &action.guards);
        let invariants = package.registers.values().map(|register| &register.invariants);
        let mut declared = guards.into_iter().chain(invariants).flatten();
        let declared = declared.find(|declared| declared.code == code);
        Ok(declared.map(|declared| (declared.text.zh.clone(), declared.text.en.clone())))
    }
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).min(WAIT_MS_MAX)
}

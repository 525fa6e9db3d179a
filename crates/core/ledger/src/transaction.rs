//! One transaction: envelope, operator, intent, then its calls, atomic or independent.
//!
//! INVARIANT (I7): a call, and an atomic transaction, applies wholly or not at all: each writes
//! into a layer of its own, which is absorbed only when it applied.

use chaincity_package::rule::Fuel;
use chaincity_types::wire::{
    CALLS_MAX, Call, EXPIRY_AHEAD_MAX_MS, Entry, Event, Head, Mode, Outcome, Receipt, Write,
};
use chaincity_types::{Reject, Str};

use crate::authority::Caller;
use crate::call::{self, Applied, Decided, Frame};
use crate::draft::intent_key;
use crate::halt::{Halt, Rejection, reject};
use crate::session::{Layer, Session};
use crate::view::SignedCall;
use crate::{cases, fuel, governance, is_built_in};

/// Longest intent key, case or task, in characters.
pub(crate) const NAME_CHARS_MAX: usize = 64;

/// What is known of a transaction.
#[derive(Debug)]
pub(crate) enum Tried {
    /// All that it does.
    Done(Receipt),
    /// Its one call is decided, but not settled.
    Open(Box<Open>),
}

/// A transaction whose one call is decided, but not settled.
#[derive(Debug)]
pub(crate) struct Open {
    caller: Caller,
    decided: Decided,
    left: Fuel,
}

/// Tries a transaction. `None`: keys are missing, noted in the session; nothing was written.
///
/// Of several calls each sees what those before it wrote, so only a single one stays open.
pub(crate) fn attempt(session: &mut Session<'_>, signed: &SignedCall<'_>) -> Option<Tried> {
    let (entries, fuel) = match prepare(session, signed) {
        Ok(caller) if signed.transaction.calls.len() == 1 => {
            return decide_one(session, signed, caller);
        }
        Ok(caller) => run_calls(session, signed, &caller),
        Err(Halt::Rejected(rejection)) => (refuse_all(signed, &rejection), 0),
        Err(Halt::Missing) => (Vec::new(), 0),
    };
    session.missing.is_empty().then(|| Tried::Done(receipt(session, signed, entries, fuel)))
}

fn decide_one(session: &mut Session<'_>, signed: &SignedCall<'_>, caller: Caller) -> Option<Tried> {
    let frame = single(signed, &caller)?;
    let mut left = Fuel { left: fuel::CALL_MAX };
    let (entry, left) = match call::decide(session, frame, &mut left) {
        Ok(decided) => {
            let others = decided.calls_others();
            let mut open = Open { caller, decided, left };
            if !others {
                return Some(Tried::Open(Box::new(open)));
            }
            return settle(session, signed, &mut open).map(Tried::Done);
        }
        Err(Halt::Rejected(rejection)) => (refuse(0, &rejection), left),
        Err(Halt::Missing) => return None,
    };
    let spent = fuel::CALL_MAX.saturating_sub(left.left);
    session.missing.is_empty().then(|| Tried::Done(receipt(session, signed, vec![entry], spent)))
}

/// Settles an open transaction. `None`: keys are missing, noted in the session; it stays open.
pub(crate) fn settle(
    session: &mut Session<'_>,
    signed: &SignedCall<'_>,
    open: &mut Open,
) -> Option<Receipt> {
    let frame = single(signed, &open.caller)?;
    let mut left = open.left;
    let entry = match call::settle(session, frame, &mut open.decided, &mut left) {
        Ok(applied) => apply(session, applied),
        Err(Halt::Rejected(rejection)) => refuse(0, &rejection),
        Err(Halt::Missing) => return None,
    };
    let spent = fuel::CALL_MAX.saturating_sub(left.left);
    session.missing.is_empty().then(|| receipt(session, signed, vec![entry], spent))
}

/// The frame of a transaction's one call.
fn single<'a>(signed: &SignedCall<'a>, caller: &'a Caller) -> Option<Frame<'a>> {
    let call = signed.transaction.calls.first()?;
    let intent = signed.transaction.intent.as_ref();
    let transaction = signed.id;
    Some(Frame { transaction, index: 0, call, caller, before: &[], intent, depth: 0, ordinal: 0 })
}

/// The receipt, but for the transaction's place in its block.
fn receipt(
    session: &Session<'_>,
    signed: &SignedCall<'_>,
    entries: Vec<Entry>,
    fuel: u64,
) -> Receipt {
    Receipt {
        transaction: signed.id,
        height: session.context.height,
        index: 0,
        time: session.context.time,
        operator: signed.operator.to_vec(),
        entries,
        fuel,
    }
}

/// Checks what concerns the transaction as a whole and finds the caller.
fn prepare(session: &mut Session<'_>, signed: &SignedCall<'_>) -> Result<Caller, Halt> {
    check_envelope(session, signed)?;
    for call in &signed.transaction.calls {
        session.want(call);
    }
    let caller = Caller::find(session, signed.operator)?;
    if let Some(intent) = &signed.transaction.intent
        && session.get(&intent_key(&caller.member, intent))?.is_some()
    {
        return reject(Reject::IntentUsed, "used before by this member");
    }
    Ok(caller)
}

fn check_envelope(session: &Session<'_>, signed: &SignedCall<'_>) -> Result<(), Halt> {
    let (transaction, context) = (signed.transaction, session.context);
    if transaction.ledger != context.ledger {
        return reject(Reject::WrongLedger, "another ledger's digest");
    }
    if transaction.protocol != context.protocol {
        return reject(Reject::WrongProtocol, format!("`{}`", transaction.protocol));
    }
    if transaction.expiry < context.time {
        return reject(Reject::Expired, format!("at {}", transaction.expiry));
    }
    if transaction.expiry.since_ms(context.time) > EXPIRY_AHEAD_MAX_MS {
        return reject(Reject::ExpiryTooFar, format!("at {}", transaction.expiry));
    }
    if transaction.calls.is_empty() || transaction.calls.len() > CALLS_MAX {
        return reject(Reject::CallCount, format!("{} calls", transaction.calls.len()));
    }
    let fits = |name: &Option<Str>| {
        name.as_ref().is_none_or(|name| !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX)
    };
    let calls_fit = transaction.calls.iter().all(|call| fits(&call.case) && fits(&call.task));
    if !fits(&transaction.intent) || !calls_fit {
        return reject(Reject::Malformed, "intent, case and task have 1 to 64 characters");
    }
    cases::check_steps(transaction)
}

fn run_calls(
    session: &mut Session<'_>,
    signed: &SignedCall<'_>,
    caller: &Caller,
) -> (Vec<Entry>, u64) {
    let transaction = signed.transaction;
    let mut spent = 0_u64;
    let mut entries: Vec<Entry> = Vec::new();
    let mut intent = transaction.intent.as_ref();
    for ((index, place), call) in (0_u32..).zip(0_usize..).zip(&transaction.calls) {
        let before = match transaction.mode {
            Mode::Atomic => transaction.calls.get(..place).unwrap_or_default(),
            Mode::Independent => &[],
        };
        let limit = fuel::CALL_MAX.min(fuel::TRANSACTION_MAX.saturating_sub(spent));
        let mut left = Fuel { left: limit };
        let frame = Frame {
            transaction: signed.id,
            index,
            call,
            caller,
            before,
            intent,
            depth: 0,
            ordinal: 0,
        };
        let result = call::run(session, frame, &mut left);
        spent = spent.saturating_add(limit.saturating_sub(left.left));
        match result {
            Ok(applied) => {
                intent = None;
                entries.push(apply(session, applied));
            }
            // The calls after it are tried, to name the keys that they need in the same round.
            Err(Halt::Missing) => {}
            Err(Halt::Rejected(rejection)) => {
                entries.push(refuse(index, &rejection));
                if transaction.mode == Mode::Atomic && session.missing.is_empty() {
                    session.layer = Layer::default();
                    return (vec![refuse(index, &rejection)], spent);
                }
            }
        }
    }
    match transaction.mode {
        Mode::Independent => (entries, spent),
        Mode::Atomic => (vec![merge(entries)], spent),
    }
}

/// Takes over what a call wrote.
fn apply(session: &mut Session<'_>, applied: Applied) -> Entry {
    let writes = writes(&applied.layer);
    session.layer.absorb(applied.layer);
    Entry { outcome: Outcome::Applied, writes, events: applied.events }
}

/// What a layer wrote, as receipts and effects name it.
pub(crate) fn writes(layer: &Layer) -> Vec<Write> {
    let write = |w: &crate::WrittenVersion| {
        let Head { version, body, .. } = w.record.head;
        Write { key: w.state_key, version, body }
    };
    layer.written.iter().map(write).collect()
}

fn refuse(call: u32, rejection: &Rejection) -> Entry {
    Entry {
        outcome: Outcome::Rejected {
            code: rejection.code.clone(),
            call,
            detail: rejection.detail.clone(),
        },
        writes: Vec::new(),
        events: Vec::new(),
    }
}

/// The transaction as a whole is refused: one entry, or one a call.
fn refuse_all(signed: &SignedCall<'_>, rejection: &Rejection) -> Vec<Entry> {
    match signed.transaction.mode {
        Mode::Atomic => vec![refuse(0, rejection)],
        Mode::Independent => (0_u32..)
            .zip(&signed.transaction.calls)
            .take(CALLS_MAX)
            .map(|(index, _)| refuse(index, rejection))
            .collect(),
    }
}

/// The one entry of an atomic transaction whose calls all applied.
fn merge(entries: Vec<Entry>) -> Entry {
    let mut writes: Vec<Write> = Vec::new();
    let mut events: Vec<Event> = Vec::new();
    for entry in entries {
        writes.extend(entry.writes);
        events.extend(entry.events);
    }
    Entry { outcome: Outcome::Applied, writes, events }
}

impl Session<'_> {
    /// Notes what a call needs whatever it does, so that it is fetched in the first round.
    fn want(&mut self, call: &Call) {
        if !is_built_in(&call.package) {
            self.probe(&governance::key(governance::PACKAGE, &call.package));
        }
        for key in call.mandates.iter().flatten().take(crate::mandates::MANDATES_MAX) {
            self.probe(&governance::key(governance::MANDATE, key));
        }
        cases::want(self, call);
    }
}

//! Timers: what the ledger does by itself when a record's time comes, at the end of each block.
//!
//! A call that sets a timer only says so; the settings of a whole block are merged into the queue
//! in one pass, in an order of their own, so that calls do not wait for each other. The queue is
//! part of the state: each second has pages of entries, each hour says which seconds have pages.
//! What fell due after the parent and up to the block's time runs in the block, at most
//! [`TIMERS_MAX`] of them; the cursor says where the next block goes on.
//!
//! An entry is never taken back. When its time comes, the record is asked anew: closed, or without
//! a time, nothing happens; with a later time, it is queued again. A timer may thus run twice for
//! a time that was moved back and forth; its action's guards see what was done.
//!
//! INVARIANT: no rule waits for a timer. What holds is evaluated from dates and block time, so a
//! queue that lags changes no outcome.

mod queue;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chaincity_package::THIS;
use chaincity_package::model::{Package, Register, TIMER_ROLE, Timer};
use chaincity_package::rule::{Environment, Fuel};
use chaincity_types::wire::{Call, Entry, LogicalKey, Outcome, Receipt, Status};
use chaincity_types::{Str, Timestamp, Value};

use crate::authority::Caller;
use crate::call::{self, CallRun, Frame};
use crate::halt::{Halt, Rejection};
use crate::session::Session;
use crate::transaction::writes;
use crate::view::Record;
use crate::{digests, fuel};
pub(crate) use queue::Due;
use queue::{Place, SECOND_MS, due, hour_of, move_cursor, place, queue, second_of};

/// Most entries of the queue that a block takes, whether or not anything comes of them: of usual
/// ones, such as a case's, as many as four validators on two cores execute well within a leader's
/// turn. Fewer would leave more of the time to what a block costs whatever it holds.
pub const TIMERS_MAX: usize = 1_024;
/// Fuel after which a block runs no further timer, whatever they do: sixteen of the dearest calls.
const FUEL_MAX: u64 = 16_u64.saturating_mul(fuel::CALL_MAX);

/// What a block's timers did.
#[derive(Debug, Default)]
pub(crate) struct Ran {
    pub(crate) receipts: Vec<Receipt>,
    /// The time of the oldest timer that is due and has not run.
    pub(crate) waiting_since: Option<Timestamp>,
}

/// Runs the timers that are due, then queues those that the block has set. [`Halt::Missing`]: keys
/// are missing, noted in the session.
pub(crate) fn run(session: &mut Session<'_>, set: &[Due], first_index: u32) -> Result<Ran, Halt> {
    let parent = second_of(session.context.parent_time).saturating_add(1);
    session.probe(&LogicalKey::TimerHour { hour: hour_of(parent) });
    let cursor = session.get(&LogicalKey::TimerCursor {});
    let cursor = cursor?.filter(|record| record.version.status == Status::Live);
    let from = match &cursor {
        Some(record) => place(record),
        None => Place::start_of(parent),
    };
    let (found, mut rest) = due(session, from)?;
    let mut ran = Ran::default();
    let mut set = set.to_vec();
    let mut spent = 0_u64;
    let mut done = BTreeSet::new();
    for (at, entry) in found {
        if spent >= FUEL_MAX {
            rest = Some(at);
            break;
        }
        let count = u32::try_from(ran.receipts.len()).unwrap_or(u32::MAX);
        match fire(session, &entry, &mut done, first_index.saturating_add(count)) {
            Ok(Fired::Nothing) => {}
            Ok(Fired::Later(due)) => set.push(due),
            Ok(Fired::Ran(receipt)) => {
                spent = spent.saturating_add(receipt.fuel);
                ran.receipts.push(receipt);
            }
            // The others are tried, to name the keys that they need in the same round.
            Err(_) => {}
        }
    }
    set.append(&mut session.layer.timers);
    queue(session, set)?;
    move_cursor(session, cursor.as_deref(), rest)?;
    ran.waiting_since = rest.map(|place| Timestamp(place.second.saturating_mul(SECOND_MS)));
    if session.missing.is_empty() { Ok(ran) } else { Err(Halt::Missing) }
}

/// What became of an entry.
enum Fired {
    /// The record needs it no more.
    Nothing,
    /// Its time is another now.
    Later(Due),
    Ran(Receipt),
}

/// Asks the record anew, and calls the timer's action if its time has come, unless it was called
/// for this time in this block.
fn fire(
    session: &mut Session<'_>,
    due: &Due,
    done: &mut BTreeSet<Due>,
    index: u32,
) -> Result<Fired, Halt> {
    let key = LogicalKey::Record {
        package: due.package.clone(),
        register: due.register.clone(),
        key: due.key.clone(),
    };
    let record = session.get(&key)?;
    let package = match session.package(&due.package) {
        Ok(package) => package,
        Err(Halt::Missing) => return Err(Halt::Missing),
        Err(Halt::Rejected(_)) => return Ok(Fired::Nothing),
    };
    let register = package.registers.get(&due.register);
    let timer = register.and_then(|register| register.timers.get(&due.timer));
    let (Some(record), Some(register), Some(timer)) = (record, register, timer) else {
        return Ok(Fired::Nothing);
    };
    if record.version.status == Status::Closed {
        return Ok(Fired::Nothing);
    }
    let mut fuel = Fuel { left: fuel::CALL_MAX };
    let mut environment = environment(&package, register, &due.key, &record);
    let result = match timer.time(&environment, &mut fuel) {
        Ok(None) => return Ok(Fired::Nothing),
        Ok(Some(at)) if at > session.context.time => {
            return Ok(Fired::Later(Due { at, ..due.clone() }));
        }
        Ok(Some(at)) if !done.insert(Due { at, ..due.clone() }) => return Ok(Fired::Nothing),
        Ok(Some(_)) => call_action(session, due, timer, (&mut environment, &mut fuel), index),
        Err(halt) => Err(halt),
    };
    let entry = match result {
        Ok(entry) => entry,
        Err(Halt::Missing) => return Err(Halt::Missing),
        Err(Halt::Rejected(rejection)) => refused(&rejection),
    };
    Ok(Fired::Ran(Receipt {
        transaction: digests::timer(session.context, index),
        height: session.context.height,
        index,
        time: session.context.time,
        operator: Vec::new(),
        entries: vec![entry],
        fuel: fuel::CALL_MAX.saturating_sub(fuel.left),
    }))
}

/// Calls the timer's action as the ledger itself: with its one role and nobody's mandates.
fn call_action(
    session: &mut Session<'_>,
    due: &Due,
    timer: &Timer,
    (environment, fuel): (&mut Environment, &mut Fuel),
    index: u32,
) -> Result<Entry, Halt> {
    let mut input = BTreeMap::new();
    for (name, rule) in &timer.input {
        input.insert(name.clone(), rule.run(environment, fuel)?);
    }
    input.retain(|_, value| *value != Value::Null);
    let call = ledger_call(&due.package, &timer.action, input);
    let caller = ledger();
    let frame = Frame {
        transaction: digests::timer(session.context, index),
        index: 0,
        call: &call,
        caller: &caller,
        before: &[],
        intent: None,
        depth: 0,
        ordinal: 0,
    };
    let applied = call::run(session, frame, fuel)?;
    let writes = writes(&applied.layer);
    session.layer.absorb(applied.layer);
    Ok(Entry { outcome: Outcome::Applied, writes, events: applied.events })
}

fn refused(rejection: &Rejection) -> Entry {
    let (code, detail) = (rejection.code.clone(), rejection.detail.clone());
    Entry {
        outcome: Outcome::Rejected { code, call: 0, detail },
        writes: Vec::new(),
        events: Vec::new(),
    }
}

/// The ledger as a caller: no key, no member.
fn ledger() -> Caller {
    Caller {
        key: [].into(),
        name: Str::default(),
        member: Str::default(),
        roles: vec![TIMER_ROLE.into()],
        subject: None,
    }
}

fn ledger_call(package: &Str, action: &str, input: BTreeMap<Str, Value>) -> Call {
    Call {
        package: package.clone(),
        action: action.into(),
        input,
        case: None,
        task: None,
        mandates: None,
    }
}

/// What a timer's rules see.
fn environment(package: &Package, register: &Register, key: &Str, record: &Record) -> Environment {
    let version = &record.version;
    let state = (version.status, record.head.version, record.head.began);
    let stored = register.stored(key, &version.fields, state);
    let mut environment = package.environment(record.head.began);
    environment.insert(THIS.into(), Value::Map(stored));
    environment
}

impl CallRun<'_, '_> {
    /// The timers that the drafts set: those whose time is another than the version before had.
    pub(crate) fn changed_timers(&mut self) -> Result<Vec<Due>, Halt> {
        let mut out = Vec::new();
        for at in 0..self.order.len() {
            let Some(key) = self.order.get(at).cloned() else { break };
            let LogicalKey::Record { package: id, register: name, key: record } = &key else {
                continue;
            };
            let Some(draft) = self.drafts.get(&key) else { continue };
            let package = Arc::clone(&draft.package);
            let register = package.registers.get(&draft.register);
            let Some(register) = register.filter(|register| !register.timers.is_empty()) else {
                continue;
            };
            if draft.status == Status::Closed {
                continue;
            }
            let base = draft.base.clone().filter(|base| base.version.status == Status::Live);
            let version = draft.base.as_ref().map_or(1, |b| b.head.version.saturating_add(1));
            let now = self.session.context.time;
            let seen = register.stored(record, &draft.fields, (Status::Live, version, now));
            let mut after = package.environment(now);
            after.insert(THIS.into(), Value::Map(seen));
            let before = base.map(|base| environment(&package, register, record, &base));
            for (timer_name, timer) in &register.timers {
                crate::session::draw(&mut self.fuel, fuel::TIMER)?;
                let at = timer.time(&after, &mut self.fuel)?;
                let was = match &before {
                    Some(before) => timer.time(before, &mut self.fuel)?,
                    None => None,
                };
                if let Some(at) = at.filter(|_| at != was) {
                    let (package, register) = (id.clone(), name.clone());
                    let (key, timer) = (record.clone(), timer_name.clone());
                    out.push(Due { at, package, register, key, timer });
                }
            }
        }
        Ok(out)
    }
}

/// A timer's time in an environment with a record.
trait Timed {
    fn time(&self, environment: &Environment, fuel: &mut Fuel) -> Result<Option<Timestamp>, Halt>;
}

impl Timed for Timer {
    fn time(&self, environment: &Environment, fuel: &mut Fuel) -> Result<Option<Timestamp>, Halt> {
        let value = self.at.run(environment, fuel)?;
        Ok(if let Value::Time(at) = value { Some(at) } else { None })
    }
}

//! Timers: what the ledger does by itself when a record's time comes, at the end of each block.
//!
//! A call that sets a timer only says so; the settings of a whole block are merged into the queue
//! in one pass, in an order of their own, so that calls do not wait for each other. The queue is
//! part of the state: each second has pages of entries, each hour says which seconds have pages.
//! What fell due after the parent and up to the block's time runs in the block, at most
//! [`TIMERS_MAX`] of them; the cursor says where the next block goes on.
//!
//! Timers are tried as transactions are, some at a time: on what those before them left, in any order
//! and on any core; then each that still stands after those before it is taken as it was tried, and
//! the others are run in their place. What they come to is the same.
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
use crate::call::{self, Applied, CallRun, Decided, Frame};
use crate::halt::{Halt, Rejection};
use crate::keyed::Mark;
use crate::session::{Layer, Session};
use crate::transaction::writes;
use crate::view::{BlockContext, Record};
use crate::{digests, fuel};
pub(crate) use queue::Due;
use queue::{Place, SECOND_MS, due, hour_of, move_cursor, place, queue, second_of};

/// Most entries of the queue that a block takes, whether or not anything comes of them: of usual
/// ones, such as a case's, as many as four validators on two cores execute well within a leader's
/// turn. Fewer would leave more of the time to what a block costs whatever it holds.
pub const TIMERS_MAX: usize = 1_024;
/// Fuel after which a block runs no further timer, whatever they do: sixteen of the dearest calls.
pub(crate) const FUEL_MAX: u64 = 16_u64.saturating_mul(fuel::CALL_MAX);

/// Timers that are tried before the first of them is done: some for each core, and few enough that what
/// is tried in vain, where those before them have spent the block's fuel, is bounded.
const TOGETHER: usize = 32;

/// A timer that is due, and what it would do.
#[derive(Debug)]
pub struct DueTimer {
    pub(crate) place: Place,
    entry: Due,
    /// The place of its receipt among the block's, if each before it whose record is live has one.
    pub(crate) index: u32,
    /// Nothing once it was taken.
    pub(crate) tried: Option<Tried>,
}

/// What a timer would do after those that were done when it was tried.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) fired: Fired,
    pub(crate) layer: Layer,
    /// What it looked at.
    pub(crate) reads: Vec<Mark>,
    /// How many receipts the block had.
    pub(crate) after: usize,
}

/// What becomes of an entry.
#[derive(Debug)]
pub(crate) enum Fired {
    /// The record needs it no more.
    Nothing,
    /// Its time is another now.
    Later(Due),
    /// It was called for this time, and has written what it does.
    Ran(Due, Receipt),
    /// Its call is decided, but not settled.
    Open(Due, Box<Open>),
}

/// A timer's call that is decided, but not settled.
#[derive(Debug)]
pub(crate) struct Open {
    call: Call,
    decided: Decided,
    left: Fuel,
}

/// The timers that are due at a block, as far as it may run them, in order.
#[derive(Debug, Default)]
pub struct DueTimers {
    pub(crate) timers: Vec<DueTimer>,
    /// How many of them are done.
    pub(crate) done: usize,
    /// The end of those that are tried before the next is done.
    pub(crate) until: usize,
    /// Where the next block goes on.
    pub(crate) rest: Option<Place>,
    pub(crate) spent: u64,
    /// What was called, and for which time.
    pub(crate) called: BTreeSet<Due>,
    /// What comes at another time than it was queued for.
    pub(crate) later: Vec<Due>,
}

impl DueTimers {
    /// Those that are tried next. With the block's next receipt at `index` their guessed places are
    /// right again, whatever became of those before them.
    pub(crate) fn next(&mut self, index: u32) -> &mut [DueTimer] {
        let begins = self.done == self.until;
        if begins {
            self.until = self.done.saturating_add(TOGETHER).min(self.timers.len());
        }
        let next = self.timers.get_mut(self.done..self.until).unwrap_or_default();
        if let (true, Some(first)) = (begins, next.first()) {
            let guessed = first.index;
            for timer in &mut *next {
                timer.index = index.saturating_add(timer.index.saturating_sub(guessed));
            }
        }
        next
    }

    /// The time of the oldest that has not run.
    pub(crate) fn waiting_since(&self) -> Option<Timestamp> {
        self.rest.map(|place| Timestamp(place.second.saturating_mul(SECOND_MS)))
    }
}

/// The timers that are due, the first receipt of which has this index. [`Halt::Missing`]: keys are
/// missing, noted in the session.
pub(crate) fn find(session: &mut Session<'_>, first_index: u32) -> Result<DueTimers, Halt> {
    let parent = second_of(session.context.parent_time).saturating_add(1);
    session.probe(&LogicalKey::TimerHour { hour: hour_of(parent) });
    let from = match cursor(session)? {
        Some(record) => place(&record),
        None => Place::start_of(parent),
    };
    let (found, rest) = due(session, from)?;
    let records = session.get_all(found.iter().map(|(_, entry)| record_of(entry)))?;
    let mut timers = Vec::with_capacity(found.len());
    let mut index = first_index;
    for ((place, entry), record) in found.into_iter().zip(records) {
        timers.push(DueTimer { place, entry, index, tried: None });
        let is_live = record.is_some_and(|record| record.version.status == Status::Live);
        index = index.saturating_add(u32::from(is_live));
    }
    Ok(DueTimers { timers, rest, ..DueTimers::default() })
}

/// Queues what the block has set, and notes where the next goes on. [`Halt::Missing`]: likewise.
pub(crate) fn close(session: &mut Session<'_>, set: &[Due], due: &DueTimers) -> Result<(), Halt> {
    let cursor = cursor(session)?;
    queue(session, set.iter().chain(&due.later).cloned())?;
    move_cursor(session, cursor.as_deref(), due.rest)?;
    if session.missing.is_empty() { Ok(()) } else { Err(Halt::Missing) }
}

fn cursor(session: &mut Session<'_>) -> Result<Option<Arc<Record>>, Halt> {
    let cursor = session.get(&LogicalKey::TimerCursor {})?;
    Ok(cursor.filter(|record| record.version.status == Status::Live))
}

fn record_of(due: &Due) -> LogicalKey {
    LogicalKey::Record {
        package: due.package.clone(),
        register: due.register.clone(),
        key: due.key.clone(),
    }
}

/// Asks the record anew, and calls the timer's action if its time has come.
pub(crate) fn fire(session: &mut Session<'_>, timer: &DueTimer) -> Result<Fired, Halt> {
    let due = &timer.entry;
    let record = session.get(&record_of(due))?;
    let package = match session.package(&due.package) {
        Ok(package) => package,
        Err(Halt::Missing) => return Err(Halt::Missing),
        Err(Halt::Rejected(_)) => return Ok(Fired::Nothing),
    };
    let register = package.registers.get(&due.register);
    let declared = register.and_then(|register| register.timers.get(&due.timer));
    let (Some(record), Some(register), Some(declared)) = (record, register, declared) else {
        return Ok(Fired::Nothing);
    };
    if record.version.status == Status::Closed {
        return Ok(Fired::Nothing);
    }
    let mut fuel = Fuel { left: fuel::CALL_MAX };
    let mut environment = environment(&package, register, &due.key, &record);
    let (at, result) = match declared.time(&environment, &mut fuel) {
        Ok(None) => return Ok(Fired::Nothing),
        Ok(Some(at)) if at > session.context.time => {
            return Ok(Fired::Later(Due { at, ..due.clone() }));
        }
        Ok(Some(at)) => (at, call_action(session, timer, declared, (&mut environment, &mut fuel))),
        Err(halt) => (due.at, Err(halt)),
    };
    let at = Due { at, ..due.clone() };
    let entry = match result {
        Ok(Called::Open(open)) => return Ok(Fired::Open(at, open)),
        Ok(Called::Ran(entry)) => entry,
        Err(Halt::Missing) => return Err(Halt::Missing),
        Err(Halt::Rejected(rejection)) => refused(&rejection),
    };
    Ok(Fired::Ran(at, receipt(session.context, timer.index, entry, fuel)))
}

/// What a timer's call came to.
enum Called {
    Open(Box<Open>),
    Ran(Entry),
}

/// Calls the timer's action as the ledger itself: with its one role and nobody's mandates.
fn call_action(
    session: &mut Session<'_>,
    timer: &DueTimer,
    declared: &Timer,
    (environment, fuel): (&mut Environment, &mut Fuel),
) -> Result<Called, Halt> {
    let mut input = BTreeMap::new();
    for (name, rule) in &declared.input {
        input.insert(name.clone(), rule.run(environment, fuel)?);
    }
    input.retain(|_, value| *value != Value::Null);
    let call = ledger_call(&timer.entry.package, &declared.action, input);
    let caller = ledger();
    let frame = frame(session.context, &call, &caller, timer.index);
    let mut decided = call::decide(session, frame, fuel)?;
    // What it calls in other packages would see what settling writes.
    if decided.calls_others() {
        let applied = call::settle(session, frame, &mut decided, fuel)?;
        return Ok(Called::Ran(apply(session, applied)));
    }
    Ok(Called::Open(Box::new(Open { call, decided, left: *fuel })))
}

/// Settles a timer's open call. `None`: keys are missing, noted in the session; it stays open.
pub(crate) fn settle(session: &mut Session<'_>, open: &mut Open, index: u32) -> Option<Receipt> {
    let caller = ledger();
    let frame = frame(session.context, &open.call, &caller, index);
    let mut left = open.left;
    let entry = match call::settle(session, frame, &mut open.decided, &mut left) {
        Ok(applied) => apply(session, applied),
        Err(Halt::Rejected(rejection)) => refused(&rejection),
        Err(Halt::Missing) => return None,
    };
    session.missing.is_empty().then(|| receipt(session.context, index, entry, left))
}

fn frame<'a>(context: &BlockContext, call: &'a Call, caller: &'a Caller, index: u32) -> Frame<'a> {
    Frame {
        transaction: digests::timer(context, index),
        index: 0,
        call,
        caller,
        before: &[],
        intent: None,
        depth: 0,
        ordinal: 0,
    }
}

fn receipt(context: &BlockContext, index: u32, entry: Entry, left: Fuel) -> Receipt {
    Receipt {
        transaction: digests::timer(context, index),
        height: context.height,
        index,
        time: context.time,
        operator: Vec::new(),
        entries: vec![entry],
        fuel: fuel::CALL_MAX.saturating_sub(left.left),
    }
}

fn apply(session: &mut Session<'_>, applied: Applied) -> Entry {
    let writes = writes(&applied.layer);
    session.layer.absorb(applied.layer);
    Entry { outcome: Outcome::Applied, writes, events: applied.events }
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

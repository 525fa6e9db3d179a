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

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chaincity_package::THIS;
use chaincity_package::model::{Package, Register, TIMER_ROLE, Timer};
use chaincity_package::rule::{Environment, Fuel};
use chaincity_types::wire::{Call, Entry, LogicalKey, Outcome, Receipt, Status};
use chaincity_types::{Digest, Timestamp, Value};

use crate::authority::Caller;
use crate::call::{self, CallRun, Frame};
use crate::halt::{Halt, Rejection};
use crate::session::Session;
use crate::transaction::writes;
use crate::view::Record;
use crate::{digests, fuel, governance};

/// Most timers that a block runs.
pub const TIMERS_MAX: usize = 256;
/// Fuel after which a block runs no further timer: sixteen of the dearest calls.
const FUEL_MAX: u64 = 16_u64.saturating_mul(fuel::CALL_MAX);
/// Most hours of the queue that a block looks through; its time is at most a minute after its
/// parent's, so only ledgers in memory come near.
const HOURS_MAX: usize = 200_000;
/// Entries of a page.
const PAGE_ENTRIES: usize = 32;

const SECOND_MS: u64 = 1_000;
const HOUR_S: u64 = 3_600;

/// An entry of the queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    /// When.
    pub(crate) at: Timestamp,
    pub(crate) package: String,
    pub(crate) register: String,
    pub(crate) key: String,
    pub(crate) timer: String,
}

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    second: u64,
    page: u32,
    position: usize,
}

impl Place {
    const fn start_of(second: u64) -> Self {
        Self { second, page: 0, position: 0 }
    }
}

/// What a block's timers did.
#[derive(Debug, Default)]
pub(crate) struct Ran {
    pub(crate) receipts: Vec<Receipt>,
    /// The time of the oldest timer that is due and has not run.
    pub(crate) waiting_since: Option<Timestamp>,
}

/// Runs the timers that are due, then queues those that the block has set. [`Halt::Missing`]: keys
/// are missing, noted in the session.
pub(crate) fn run(
    session: &mut Session<'_>,
    set: &[Due],
    first_index: u32,
) -> Result<Ran, Halt> {
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
    for (at, entry) in found {
        if spent >= FUEL_MAX {
            rest = Some(at);
            break;
        }
        let count = u32::try_from(ran.receipts.len()).unwrap_or(u32::MAX);
        match fire(session, &entry, first_index.saturating_add(count)) {
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

/// The entries from a place on that are due, with their places; and where they go on.
#[allow(clippy::type_complexity, reason = "one private caller, one tuple")]
fn due(
    session: &mut Session<'_>,
    from: Place,
) -> Result<(Vec<(Place, Due)>, Option<Place>), Halt> {
    let last = second_of(session.context.time);
    let mut found = Vec::new();
    for (looked, hour) in (hour_of(from.second)..=hour_of(last)).enumerate() {
        if looked == HOURS_MAX {
            return Ok((found, Some(Place::start_of(hour.saturating_mul(HOUR_S)))));
        }
        let Some(record) = session.get(&LogicalKey::TimerHour { hour })? else { continue };
        for (second, pages) in seconds(&record) {
            if second < from.second || second > last {
                continue;
            }
            let begun = Some(from).filter(|from| from.second == second);
            for page in begun.map_or(0, |from| from.page)..pages {
                let Some(record) = session.get(&LogicalKey::TimerPage { second, page })? else {
                    continue;
                };
                let done = begun.filter(|from| from.page == page).map_or(0, |from| from.position);
                for (position, entry) in entries(&record).into_iter().enumerate().skip(done) {
                    let place = Place { second, page, position };
                    if found.len() == TIMERS_MAX {
                        return Ok((found, Some(place)));
                    }
                    found.push((place, entry));
                }
            }
        }
    }
    Ok((found, None))
}

/// What became of an entry.
enum Fired {
    /// The record needs it no more.
    Nothing,
    /// Its time is another now.
    Later(Due),
    Ran(Receipt),
}

/// Asks the record anew, and calls the timer's action if its time has come.
fn fire(session: &mut Session<'_>, due: &Due, index: u32) -> Result<Fired, Halt> {
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
        Ok(Some(_)) => {
            call_action(session, due, timer, (&mut environment, &mut fuel), index)
        }
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
        key: Vec::new(),
        member: String::new(),
        roles: vec![TIMER_ROLE.to_owned()],
        subject: None,
    }
}

fn ledger_call(package: &str, action: &str, input: BTreeMap<String, Value>) -> Call {
    Call {
        package: package.to_owned(),
        action: action.to_owned(),
        input,
        case: None,
        task: None,
        mandates: None,
    }
}

/// What a timer's rules see.
fn environment(package: &Package, register: &Register, key: &str, record: &Record) -> Environment {
    let version = &record.version;
    let state = (version.status, record.head.version, record.head.began);
    let stored = register.stored(key, &version.fields, state);
    let mut environment = package.environment(record.head.began);
    environment.insert(THIS.to_owned(), Value::Map(stored));
    environment
}

/// Puts entries behind those of their seconds.
fn queue(session: &mut Session<'_>, set: Vec<Due>) -> Result<(), Halt> {
    // What was due already comes in the next second.
    let next = second_of(session.context.time).saturating_add(1);
    let mut by_second: BTreeMap<u64, BTreeSet<Due>> = BTreeMap::new();
    for due in set {
        let second = second_of(due.at.plus_ms(SECOND_MS.saturating_sub(1))).max(next);
        by_second.entry(second).or_default().insert(due);
    }
    let wanted: BTreeSet<u64> = by_second.keys().map(|second| hour_of(*second)).collect();
    let keys: Vec<_> = wanted.iter().map(|hour| LogicalKey::TimerHour { hour: *hour }).collect();
    let bases = session.get_all(&keys)?;
    let counts: BTreeMap<u64, u32> = bases.iter().flatten().flat_map(|r| seconds(r)).collect();
    let mut hours: BTreeMap<u64, BTreeMap<u64, u32>> = BTreeMap::new();
    let mut pages: Vec<(LogicalKey, Vec<Due>)> = Vec::new();
    for (second, entries) in by_second {
        let count = counts.get(&second).copied().unwrap_or(0);
        let added = append(session, second, count, entries)?;
        let after = added.iter().map(|(page, _)| page.saturating_add(1)).max().unwrap_or(count);
        if after > count {
            hours.entry(hour_of(second)).or_default().insert(second, after);
        }
        let paged = |(page, entries)| (LogicalKey::TimerPage { second, page }, entries);
        pages.extend(added.into_iter().map(paged));
    }
    for (key, entries) in pages {
        let entries = Value::List(entries.into_iter().map(entry_value).collect());
        write(session, &key, [("entries", entries)].into(), Status::Live)?;
    }
    for ((hour, key), base) in wanted.into_iter().zip(keys).zip(bases) {
        let Some(changed) = hours.remove(&hour) else { continue };
        let mut all: BTreeMap<u64, u32> = base.iter().flat_map(|r| seconds(r)).collect();
        all.extend(changed);
        let all = all.into_iter().map(|(second, pages)| {
            Value::List(vec![int(second), Value::Int(i64::from(pages))])
        });
        write(session, &key, [("seconds", Value::List(all.collect()))].into(), Status::Live)?;
    }
    Ok(())
}

/// The pages of a second that change or come anew, whole.
fn append(
    session: &mut Session<'_>,
    second: u64,
    pages: u32,
    mut added: BTreeSet<Due>,
) -> Result<Vec<(u32, Vec<Due>)>, Halt> {
    let mut out = Vec::new();
    let mut page = pages.saturating_sub(1);
    let last = session.get(&LogicalKey::TimerPage { second, page })?;
    let mut current = last.as_deref().map(entries).unwrap_or_default();
    for known in &current {
        added.remove(known);
    }
    let mut changed = false;
    for due in added {
        if current.len() == PAGE_ENTRIES {
            let full = std::mem::take(&mut current);
            if changed {
                out.push((page, full));
            }
            page = page.saturating_add(1);
        }
        current.push(due);
        changed = true;
    }
    if changed {
        out.push((page, current));
    }
    Ok(out)
}

/// Notes where the next block goes on, or that nothing waits.
fn move_cursor(
    session: &mut Session<'_>,
    base: Option<&Record>,
    rest: Option<Place>,
) -> Result<(), Halt> {
    let key = LogicalKey::TimerCursor {};
    match (base, rest) {
        (None, None) => Ok(()),
        (Some(_), None) => write(session, &key, BTreeMap::new(), Status::Closed),
        (_, Some(Place { second, page, position })) => {
            let position = i64::try_from(position).unwrap_or(i64::MAX);
            let fields = [
                ("second", int(second)),
                ("page", Value::Int(i64::from(page))),
                ("position", Value::Int(position)),
            ];
            write(session, &key, fields.into(), Status::Live)
        }
    }
}

/// Writes the next version of a part of the queue. The ledger pays for it itself.
fn write(
    session: &mut Session<'_>,
    key: &LogicalKey,
    fields: BTreeMap<&str, Value>,
    status: Status,
) -> Result<(), Halt> {
    let base = session.get(key)?;
    let call = ledger_call(governance::ID, "timers", BTreeMap::new());
    let caller = ledger();
    let frame = Frame {
        transaction: Digest::ZERO,
        index: 0,
        call: &call,
        caller: &caller,
        intent: None,
        depth: 0,
        ordinal: 0,
    };
    let mut layer = crate::session::Layer::default();
    let fuel = Fuel { left: u64::MAX };
    let mut run = CallRun::new(session, frame, governance::package(), fuel);
    let mut version = run.next_version(key, base.as_deref());
    version.status = status;
    version.fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    run.write(version, &mut layer)?;
    session.layer.absorb(layer);
    Ok(())
}

fn second_of(time: Timestamp) -> u64 {
    time.0.checked_div(SECOND_MS).unwrap_or(0)
}

fn hour_of(second: u64) -> u64 {
    second.checked_div(HOUR_S).unwrap_or(0)
}

fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn number(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_int).and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
}

fn list<'r>(record: &'r Record, name: &str) -> &'r [Value] {
    record.version.fields.get(name).and_then(Value::as_list).unwrap_or_default()
}

fn place(record: &Record) -> Place {
    let field = |name| number(record.version.fields.get(name));
    Place {
        second: field("second"),
        page: u32::try_from(field("page")).unwrap_or(u32::MAX),
        position: usize::try_from(field("position")).unwrap_or(usize::MAX),
    }
}

/// The seconds of an hour that have pages, and how many.
fn seconds(record: &Record) -> Vec<(u64, u32)> {
    let pair = |value: &Value| {
        let pair = value.as_list().unwrap_or_default();
        (number(pair.first()), u32::try_from(number(pair.get(1))).unwrap_or(u32::MAX))
    };
    list(record, "seconds").iter().map(pair).collect()
}

fn entry_value(due: Due) -> Value {
    let Due { at, package, register, key, timer } = due;
    let texts = [package, register, key, timer].map(Value::Text);
    Value::List(std::iter::once(Value::Time(at)).chain(texts).collect())
}

fn entries(record: &Record) -> Vec<Due> {
    let entry = |value: &Value| {
        let [Value::Time(at), Value::Text(package), Value::Text(register), Value::Text(key), Value::Text(timer)] =
            value.as_list()?
        else {
            return None;
        };
        let [package, register, key, timer] = [package, register, key, timer].map(Clone::clone);
        Some(Due { at: *at, package, register, key, timer })
    };
    list(record, "entries").iter().filter_map(entry).collect()
}

impl CallRun<'_, '_> {
    /// The timers that the drafts set: those whose time is another than the version before had.
    pub(crate) fn changed_timers(&mut self) -> Result<Vec<Due>, Halt> {
        let mut out = Vec::new();
        for key in self.order.clone() {
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
            after.insert(THIS.to_owned(), Value::Map(seen));
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
        match self.at.run(environment, fuel)? {
            Value::Time(at) => Ok(Some(at)),
            _ => Ok(None),
        }
    }
}

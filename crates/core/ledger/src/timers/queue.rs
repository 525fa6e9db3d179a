//! The queue of timers, as the state holds it.

use std::collections::{BTreeMap, BTreeSet};

use chaincity_package::rule::Fuel;
use chaincity_types::wire::{LogicalKey, Status};
use chaincity_types::{Digest, Str, Timestamp, Value};

use super::{TIMERS_MAX, ledger, ledger_call};
use crate::call::{CallRun, Frame};
use crate::governance;
use crate::halt::Halt;
use crate::session::{Layer, Session};
use crate::view::Record;

/// Most hours of the queue that a block looks through; its time is at most a minute after its
/// parent's, so only ledgers in memory come near.
const HOURS_MAX: usize = 200_000;
/// Entries of a page.
const PAGE_ENTRIES: usize = 32;
/// Pages of a second that a block may come to, and asks for together.
const PAGES_TOGETHER: usize = TIMERS_MAX.div_ceil(PAGE_ENTRIES).saturating_add(1);

pub(super) const SECOND_MS: u64 = 1_000;
const HOUR_S: u64 = 3_600;

/// An entry of the queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    /// When.
    pub(crate) at: Timestamp,
    pub(crate) package: Str,
    pub(crate) register: Str,
    pub(crate) key: Str,
    pub(crate) timer: Str,
}

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(super) second: u64,
    page: u32,
    position: usize,
}

impl Place {
    pub(super) const fn start_of(second: u64) -> Self {
        Self { second, page: 0, position: 0 }
    }
}

/// The entries from a place on that are due, with their places; and where they go on.
#[allow(clippy::type_complexity, reason = "one private caller, one tuple")]
pub(super) fn due(
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
            let wanted = begun.map_or(0, |from| from.page)..pages;
            for page in wanted.clone().take(PAGES_TOGETHER) {
                session.probe(&LogicalKey::TimerPage { second, page });
            }
            for page in wanted {
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

/// Puts entries behind those of their seconds.
pub(super) fn queue(
    session: &mut Session<'_>,
    set: impl IntoIterator<Item = Due>,
) -> Result<(), Halt> {
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
        let all = all
            .into_iter()
            .map(|(second, pages)| Value::List(vec![int(second), Value::Int(i64::from(pages))]));
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
pub(super) fn move_cursor(
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
    let call = ledger_call(&governance::ID.into(), "timers", BTreeMap::new());
    let caller = ledger();
    let frame = Frame {
        transaction: Digest::ZERO,
        index: 0,
        call: &call,
        caller: &caller,
        before: &[],
        intent: None,
        depth: 0,
        ordinal: 0,
    };
    let mut layer = Layer::default();
    let fuel = Fuel { left: u64::MAX };
    let mut run = CallRun::new(session, frame, governance::package(), fuel);
    let mut version = run.next_version(key, base.as_deref());
    version.status = status;
    version.fields = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
    run.write(version, &mut layer)?;
    session.layer.absorb(layer);
    Ok(())
}

pub(super) fn second_of(time: Timestamp) -> u64 {
    time.0.checked_div(SECOND_MS).unwrap_or(0)
}

pub(super) fn hour_of(second: u64) -> u64 {
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

pub(super) fn place(record: &Record) -> Place {
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
        let [
            Value::Time(at),
            Value::Text(package),
            Value::Text(register),
            Value::Text(key),
            Value::Text(timer),
        ] = value.as_list()?
        else {
            return None;
        };
        let [package, register, key, timer] = [package, register, key, timer].map(Clone::clone);
        Some(Due { at: *at, package, register, key, timer })
    };
    list(record, "entries").iter().filter_map(entry).collect()
}

//! Messages: delivered to a case by those who may, or heard by every open case that is about a record
//! to which something happened.

use std::collections::BTreeMap;

use chaincity_package::rule::Fuel;
use chaincity_types::wire::{Call, LogicalKey};
use chaincity_types::{Reject, Str, Value, cbor};

use super::flow::{Flow, Moved, seen};
use super::schema::BY_ABOUT;
use super::{
    CASE, Fields, HEARERS_MAX, HEARING, ID, STATE_BYTES_MAX, SUBJECT, WAIT, actions, caller,
    case_of, record, text, word,
};
use crate::call::CallRun;
use crate::halt::{Halt, reject};

/// Fuel of one hearing case's step.
const HEARING_FUEL: u64 = 10_000;
/// What writing one record of a hearing case may cost, generously.
const WRITE_FUEL: u64 = 2_000;
/// Fuel that the call keeps for the rest of what it does.
const KEPT_FUEL: u64 = 20_000;

/// The call by which open cases hear a message about a record. Only an action's effects make it.
pub(crate) fn hear(message: &Str, about: String) -> Call {
    let input = record([("about", about.into()), ("message", Value::Text(message.clone()))]);
    Call {
        package: ID.into(),
        action: actions::HEAR.into(),
        input,
        case: None,
        task: None,
        mandates: None,
    }
}

/// Delivers a message that the case waits for.
pub(super) fn deliver(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let (case, message) = (text(input, CASE)?, text(input, "message")?);
    let mut flow = Flow::running(run, &case)?;
    let waits = flow.waits_for(&message);
    let named = input.get("wait").and_then(Value::as_str);
    let named = named.map(|name| Flow::work(name).ok().filter(|_| case_of(name) == case.as_str()));
    let wait = match (named, waits.as_slice()) {
        (Some(named), all) => named.filter(|named| all.contains(named)),
        (None, [wait]) => Some(*wait),
        (None, []) => None,
        (None, _) => return reject(Reject::NotUnique, "several events await it: name one"),
    };
    let Some(wait) = wait else {
        return reject(Reject::StepRefused, "the case does not wait for this message");
    };
    let (awaited, _) = seen(run, WAIT, &flow.work_key(wait))?;
    if awaited.contains_key(caller::MAY) {
        caller::check_may(run.frame.caller, &awaited)?;
    } else {
        caller::check_involved(run, &flow)?;
    }
    let declared = flow.state.variables_at(&flow.graph, wait);
    let set = Flow::variables(declared, input, run.session.context.time.china_day())?;
    let event = flow.arrival(wait, set);
    let moved = flow.advance(run, &event)?;
    flow.write(run, &moved, None)
}

/// Every open case that is about the record, and waits for the message, takes it: the first in this
/// call, the others by timer in the next blocks. One that cannot is told of by an event: what happened
/// to the record has happened.
pub(super) fn listen(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    if run.frame.depth == 0 {
        return reject(Reject::NotAuthorised, "for the effects of actions alone");
    }
    let (about, message) = (text(input, "about")?, text(input, "message")?);
    let Some(last) = round(run, (&about, &message), "")? else { return Ok(()) };
    let fields = record([
        ("about", Value::Text(about)),
        ("message", Value::Text(message)),
        ("after", Value::Text(last)),
        ("at", Value::Time(run.session.context.time)),
    ]);
    run.insert(&super::package(), HEARING, fields).map(drop)
}

/// The next cases hear what the first have heard.
pub(super) fn listen_on(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let name = text(input, HEARING)?;
    let (hearing, _) = seen(run, HEARING, &name)?;
    let (about, message) = (text(&hearing, "about")?, text(&hearing, "message")?);
    let package = super::package();
    match round(run, (&about, &message), word(&hearing, "after"))? {
        Some(last) => {
            let next = run.session.context.time.plus_ms(1);
            let set = record([("after", Value::Text(last)), ("at", Value::Time(next))]);
            run.update(&package, HEARING, &name, set, None)
        }
        None => run.close(&package, HEARING, &name, &"heard".into()),
    }
}

/// The cases after the subject `after` take the message, as many as one call may move; the last of
/// their subjects, if there are more.
fn round(
    run: &mut CallRun<'_, '_>,
    (about, message): (&Str, &Str),
    after: &str,
) -> Result<Option<Str>, Halt> {
    let package = super::package();
    let Some(register) = package.registers.get(SUBJECT) else { return Ok(None) };
    let entry = LogicalKey::Index {
        package: ID.into(),
        register: SUBJECT.into(),
        index: BY_ABOUT.into(),
        values: vec![Value::Text(about.clone())],
    };
    let names = run.live_under(&package, register, &entry)?;
    let mut names = names.into_iter().filter(|name| name.as_str() > after);
    let some: Vec<Str> = names.by_ref().take(HEARERS_MAX).collect();
    for name in &some {
        run.session.probe(&super::key(CASE, case_of(name)));
    }
    for name in &some {
        let result = take(run, &case_of(name).into(), message);
        run.tolerate(result)?;
    }
    // What was written is not of one case.
    run.case = None;
    Ok(some.last().filter(|_| names.next().is_some()).cloned())
}

fn missed(run: &mut CallRun<'_, '_>, case: &Str, message: &Str) -> Result<(), Halt> {
    let data = Some(Value::Text(message.clone()));
    run.raise_with(&ID.into(), "missed", (&CASE.into(), case), data)
}

/// One case takes a message, at everything in it that waits for it, or nothing changes in it.
fn take(run: &mut CallRun<'_, '_>, case: &Str, message: &Str) -> Result<(), Halt> {
    if run.fuel.left < KEPT_FUEL {
        return missed(run, case, message);
    }
    let flow = Flow::load(run, case)?;
    if !flow.is_open() || flow.waits_for(message).is_empty() {
        return Ok(());
    }
    let Some((flow, moved)) = try_all(run, flow, message) else {
        return missed(run, case, message);
    };
    flow.write(run, &moved, None)?;
    let data = Some(Value::Text(message.clone()));
    run.raise_with(&ID.into(), "heard", (&CASE.into(), case), data)
}

/// The case after the message, with what moved; nothing when it cannot be carried out and written.
fn try_all(run: &mut CallRun<'_, '_>, mut flow: Flow, message: &Str) -> Option<(Flow, Moved)> {
    let mut fuel = Fuel { left: HEARING_FUEL.min(run.fuel.left) };
    let given = fuel.left;
    let before = flow.state.clone();
    let mut all = Moved::default();
    for wait in flow.waits_for(message) {
        if flow.state.node(wait).is_none() {
            continue;
        }
        let event = flow.arrival(wait, BTreeMap::new());
        let result = flow.step(&event, &mut fuel);
        match result {
            Ok(moved) => {
                all.sent.extend(moved.sent);
                all.outcome = all.outcome.or(moved.outcome);
            }
            Err(_) => {
                run.fuel.left = run.fuel.left.saturating_sub(given.saturating_sub(fuel.left));
                return None;
            }
        }
        if all.outcome.is_some() {
            break;
        }
    }
    run.fuel.left = run.fuel.left.saturating_sub(given.saturating_sub(fuel.left));
    let (opened, gone) = flow.changed_since(&before);
    all.opened = opened;
    all.gone = gone;
    let cost = all.size().saturating_add(2).saturating_mul(WRITE_FUEL);
    let fits = cbor::encode(&flow.state).len() <= STATE_BYTES_MAX;
    (fits && cost <= run.fuel.left.saturating_sub(KEPT_FUEL)).then_some((flow, all))
}

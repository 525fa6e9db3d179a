//! Messages: delivered to a case by those who may, or heard by every open case that is about a record
//! to which something happened.

use std::collections::BTreeMap;

use chaincity_package::rule::Fuel;
use chaincity_types::wire::{Call, LogicalKey};
use chaincity_types::{Reject, Str, Value, cbor};

use super::flow::{Flow, Moved};
use super::schema::BY_ABOUT;
use super::{
    CASE, Fields, HEARERS_MAX, ID, STATE_BYTES_MAX, SUBJECT, actions, caller, case_of, record, text,
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
    let named = match input.get("wait").and_then(Value::as_str) {
        Some(name) => Some(Flow::work(name).ok().filter(|_| case_of(name) == case.as_str())),
        None => None,
    };
    let wait = match (named, waits.as_slice()) {
        (Some(named), all) => named.filter(|named| all.contains(named)),
        (None, [wait]) => Some(*wait),
        (None, []) => None,
        (None, _) => return reject(Reject::NotUnique, "several events await it: name one"),
    };
    let Some(wait) = wait else {
        return reject(Reject::StepRefused, "the case does not wait for this message");
    };
    let senders = flow.state.node(wait).map(|node| flow.graph.facts(node).roles.clone());
    match senders.filter(|roles| !roles.is_empty()) {
        Some(roles) => run.frame.caller.check_roles(&roles)?,
        None => caller::check_involved(run, &flow)?,
    }
    let declared = flow.state.variables_at(&flow.graph, wait);
    let set = Flow::variables(declared, input, run.session.context.time.china_day())?;
    let event = flow.arrival(wait, set);
    let moved = flow.advance(run, &event)?;
    flow.write(run, &moved, None)
}

/// Every open case that is about the record, and waits for the message, takes it. One that cannot
/// is told of by an event: what happened to the record has happened.
pub(super) fn listen(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    if run.frame.depth == 0 {
        return reject(Reject::NotAuthorised, "for the effects of actions alone");
    }
    let message = text(input, "message")?;
    let package = super::package();
    let Some(register) = package.registers.get(SUBJECT) else { return Ok(()) };
    let entry = LogicalKey::Index {
        package: ID.into(),
        register: SUBJECT.into(),
        index: BY_ABOUT.into(),
        values: vec![Value::Text(text(input, "about")?)],
    };
    let names = run.live_under(&package, register, &entry)?;
    let cases: Vec<Str> = names.iter().map(|name| case_of(name).into()).collect();
    for case in cases.iter().take(HEARERS_MAX) {
        run.session.probe(&super::key(CASE, case));
    }
    for (place, case) in cases.iter().enumerate() {
        let result = if place < HEARERS_MAX {
            take(run, case, &message)
        } else {
            missed(run, case, &message)
        };
        run.tolerate(result)?;
    }
    Ok(())
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

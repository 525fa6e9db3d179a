//! Messages: delivered to a case by those who may, or heard by every open case that is about a record
//! to which something happened.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaincity_package::json;
use chaincity_package::rule::Fuel;
use chaincity_process::run::State;
use chaincity_types::wire::{Call, LogicalKey};
use chaincity_types::{Reject, Str, Value, cbor};

use super::flow::{Flow, Moved, seen};
use super::schema::BY_ABOUT;
use super::{
    CASE, Fields, HEARERS_MAX, HEARING, ID, STATE_BYTES_MAX, SUBJECT, WAIT, actions, caller,
    case_of, record, start, text, word,
};
use crate::call::CallRun;
use crate::halt::{Halt, reject};

/// Fuel of one hearing case's step.
const HEARING_FUEL: u64 = 10_000;
/// What writing a case whose state is as large as may be costs at most, its subject included.
const CASE_FUEL: u64 = 3_000;
/// What writing one of its tasks or awaited events costs at most, with its timers.
const WORK_FUEL: u64 = 1_000;
/// Fuel that the call keeps for the rest of what it does.
const KEPT_FUEL: u64 = 20_000;

/// The call by which open cases hear a message about a record, and processes that it begins. Only an
/// action's effects make it; `told` are the message's fields.
pub(crate) fn hear(message: &Str, about: String, told: &Fields) -> Call {
    let mut input = record([("about", about.into()), ("message", Value::Text(message.clone()))]);
    let texts = told.iter().filter(|(_, value)| **value != Value::Null);
    let texts: Fields =
        texts.map(|(name, value)| (name.clone(), json::to_text(value).into())).collect();
    if !texts.is_empty() {
        input.insert("set".into(), Value::Map(texts));
    }
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
    let graph = Arc::clone(&flow.graph);
    let declared = flow.state.variables_at(&graph, wait);
    let set = flow.given(run, declared, input)?;
    let event = flow.arrival(wait, set);
    let moved = flow.advance(run, &event)?;
    flow.write(run, &moved, None)
}

/// Every open case that is about the record, and waits for the message, takes it: the first in this
/// call, the others by timer in the next blocks. Then it begins a case by each process that names it.
/// One that cannot is told of by an event: what happened to the record has happened.
pub(super) fn listen(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    if run.frame.depth == 0 {
        return reject(Reject::NotAuthorised, "for the effects of actions alone");
    }
    let (about, message) = (text(input, "about")?, text(input, "message")?);
    let mut promised = 0;
    let last = round(run, (&about, &message), "", &mut promised)?;
    let told = input.get("set").and_then(Value::as_map).cloned().unwrap_or_default();
    start::by_message(run, (&about, &message), &told, &mut promised)?;
    let Some(last) = last else { return Ok(()) };
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
    match round(run, (&about, &message), word(&hearing, "after"), &mut 0)? {
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
    promised: &mut u64,
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
        let result = take(run, &case_of(name).into(), message, promised);
        run.tolerate(result)?;
    }
    // What was written is not of one case.
    run.case = None;
    Ok(some.last().filter(|_| names.next().is_some()).cloned())
}

/// A case, or a process that it begins, did not take a message.
pub(super) fn missed(
    run: &mut CallRun<'_, '_>,
    (register, name): (&str, &Str),
    message: &Str,
) -> Result<(), Halt> {
    let data = Some(Value::Text(message.clone()));
    run.raise_with(&ID.into(), "missed", (&register.into(), name), data)
}

/// Fuel for a step that nobody called for; none when the call needs what is left itself.
pub(super) fn to_spare(run: &CallRun<'_, '_>) -> Option<Fuel> {
    (run.fuel.left >= KEPT_FUEL).then(|| Fuel { left: HEARING_FUEL.min(run.fuel.left) })
}

/// Whether the call can afford to write what moved, with a case in such a state, besides what it has
/// `promised` to write for others: that is paid when all of it is settled.
pub(super) fn affords(
    run: &CallRun<'_, '_>,
    (moved, state): (&Moved, &State),
    promised: &mut u64,
) -> bool {
    let cost = moved.size().saturating_mul(WORK_FUEL).saturating_add(CASE_FUEL);
    let all = promised.saturating_add(cost);
    let fits = cbor::encode(state).len() <= STATE_BYTES_MAX;
    let affords = fits && all <= run.fuel.left.saturating_sub(KEPT_FUEL);
    if affords {
        *promised = all;
    }
    affords
}

/// One case takes a message, at everything in it that waits for it, or nothing changes in it.
fn take(
    run: &mut CallRun<'_, '_>,
    case: &Str,
    message: &Str,
    promised: &mut u64,
) -> Result<(), Halt> {
    let Some(fuel) = to_spare(run) else { return missed(run, (CASE, case), message) };
    let flow = Flow::load(run, case)?;
    if !flow.is_open() || flow.waits_for(message).is_empty() {
        return Ok(());
    }
    let Some((flow, moved)) = try_all(run, flow, message, fuel) else {
        return missed(run, (CASE, case), message);
    };
    if !affords(run, (&moved, &flow.state), promised) {
        return missed(run, (CASE, case), message);
    }
    flow.write(run, &moved, None)?;
    let data = Some(Value::Text(message.clone()));
    run.raise_with(&ID.into(), "heard", (&CASE.into(), case), data)
}

/// The case after the message, with what moved; nothing when it cannot be carried out.
fn try_all(
    run: &mut CallRun<'_, '_>,
    mut flow: Flow,
    message: &Str,
    mut fuel: Fuel,
) -> Option<(Flow, Moved)> {
    let given = fuel.left.min(run.fuel.left);
    fuel.left = given;
    let before = flow.state.clone();
    let mut all = Moved::default();
    let mut stopped = false;
    for wait in flow.waits_for(message) {
        if flow.state.node(wait).is_none() {
            continue;
        }
        let event = flow.arrival(wait, BTreeMap::new());
        match flow.step(&event, &mut fuel) {
            Ok(moved) => {
                all.sent.extend(moved.sent);
                all.outcome = all.outcome.or(moved.outcome);
            }
            Err(_) => stopped = true,
        }
        if stopped || all.outcome.is_some() {
            break;
        }
    }
    run.fuel.left = run.fuel.left.saturating_sub(given.saturating_sub(fuel.left));
    (all.opened, all.gone) = flow.changed_since(&before);
    (!stopped).then_some((flow, all))
}

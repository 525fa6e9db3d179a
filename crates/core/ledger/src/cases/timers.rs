//! What the ledger does by itself when time comes: awaited times, reminders, overdue work.

use std::collections::BTreeMap;

use chaincity_process::run::Event;
use chaincity_process::timing::Timing;
use chaincity_types::Value;

use super::flow::{Flow, seen};
use super::{CASE, Fields, ID, TASK, WAIT, case_of, clock, record, text, word};
use crate::call::CallRun;
use crate::halt::Halt;

/// An awaited time has come. A case that cannot go on, or is suspended, keeps the wait with its clock
/// stopped: it comes again when the case is resumed.
pub(super) fn fire(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let name = text(input, WAIT)?;
    let now = run.session.context.time;
    let package = super::package();
    let (wait, _) = seen(run, WAIT, &name)?;
    let mut flow = Flow::load(run, case_of(&name))?;
    let work = Flow::work(&name)?;
    let Some(node) = flow.state.node(work).filter(|_| flow.is_open()) else { return Ok(()) };
    let held = |run: &mut CallRun<'_, '_>, wait: &Fields| match clock::stop(wait, now) {
        Some(set) => run.update(&package, WAIT, &name, set, None),
        None => Ok(()),
    };
    if word(&flow.fields, "status") == "suspended" {
        return held(run, &wait);
    }
    let timing = flow.graph.facts(node).timing.clone();
    let mut fuel = run.fuel;
    let moved = flow.step(&Event::Occur { work, set: BTreeMap::new() }, &mut fuel);
    run.fuel = fuel;
    let Ok(moved) = moved else {
        run.raise(&ID.into(), "stuck", &CASE.into(), &flow.key)?;
        return held(run, &wait);
    };
    if flow.state.node(work).is_some() {
        run.update(&package, WAIT, &name, again(&wait, timing.as_ref()), None)?;
    }
    flow.write(run, &moved, None)
}

/// When a repeated time comes next; never once it has come as often as it should.
fn again(wait: &Fields, timing: Option<&Timing>) -> Fields {
    let left = wait.get("left").and_then(Value::as_int).map(|left| left.saturating_sub(1));
    let at = match (wait.get("at"), timing, left) {
        (_, _, Some(left)) if left <= 0 => Value::Null,
        (Some(Value::Time(at)), Some(Timing::Every(length, _)), _) => {
            Value::Time(length.after(*at))
        }
        _ => Value::Null,
    };
    record([("at", at), ("left", left.map_or(Value::Null, Value::Int))])
}

/// The day by which a task is due has begun.
pub(super) fn remind(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let name = text(input, TASK)?;
    run.case = Some(case_of(&name).into());
    run.raise(&ID.into(), "due-today", &TASK.into(), &name)
}

/// A task is overdue.
pub(super) fn task_overdue(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let name = text(input, TASK)?;
    run.case = Some(case_of(&name).into());
    overdue(run, TASK, &name)
}

/// A case is overdue.
pub(super) fn case_overdue(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let name = text(input, CASE)?;
    run.case = Some(name.clone());
    overdue(run, CASE, &name)
}

fn overdue(
    run: &mut CallRun<'_, '_>,
    register: &str,
    name: &chaincity_types::Str,
) -> Result<(), Halt> {
    let (fields, _) = seen(run, register, name)?;
    if !clock::has_passed(&fields, run.session.context.time) {
        return Ok(());
    }
    run.raise(&ID.into(), "overdue", &register.into(), name)?;
    let set = record([("overdue", Value::Bool(true))]);
    run.update(&super::package(), register, name, set, None)
}

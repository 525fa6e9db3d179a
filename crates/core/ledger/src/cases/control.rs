//! A case as a whole: suspended, resumed, withdrawn, terminated.

use chaincity_process::run::Event;
use chaincity_types::Value;

use super::flow::{Flow, seen};
use super::{CASE, Fields, caller, clock, record, text, word};
use crate::call::CallRun;
use crate::halt::{Halt, reject};
use chaincity_types::Reject;

/// Nobody works on the case, and every clock in it stands still. Messages and what happens to its
/// records still reach it.
pub(super) fn suspend(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let mut flow = Flow::running(run, &text(input, CASE)?)?;
    caller::check_keeper(run, &flow.fields)?;
    flow.change("status", "suspended".into());
    flow.change("reason", input.get("reason").cloned().unwrap_or(Value::Null));
    let now = run.session.context.time;
    for (name, value) in clock::stop(&flow.fields, now).unwrap_or_default() {
        flow.change(&name, value);
    }
    clocks(run, &flow, &|fields| clock::stop(fields, now))?;
    flow.save(run, None)
}

/// The case goes on, with the working days that were left.
pub(super) fn resume(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let mut flow = Flow::load(run, &text(input, CASE)?)?;
    flow.check_status("suspended")?;
    caller::check_keeper(run, &flow.fields)?;
    flow.change("status", "running".into());
    flow.change("reason", input.get("reason").cloned().unwrap_or(Value::Null));
    let now = run.session.context.time;
    // While the applicant corrects, the clock of the case stands still for another reason.
    let corrects = flow.fields.get("returned").and_then(Value::as_int).unwrap_or(0) > 0;
    if !corrects {
        for (name, value) in clock::go_on(&flow.fields, now).unwrap_or_default() {
            flow.change(&name, value);
        }
    }
    clocks(run, &flow, &|fields| {
        let returned = word(fields, "status") == "returned";
        if returned { None } else { clock::go_on(fields, now) }
    })?;
    flow.save(run, None)
}

/// Changes the clock of every open task and awaited time.
fn clocks(
    run: &mut CallRun<'_, '_>,
    flow: &Flow,
    change: &dyn Fn(&Fields) -> Option<Fields>,
) -> Result<(), Halt> {
    let package = super::package();
    let works = flow.works();
    for (work, register) in &works {
        run.session.probe(&super::key(register, flow.work_key(*work)));
    }
    for (work, register) in works {
        let name = flow.work_key(work);
        let result = seen(run, register, &name).and_then(|(fields, _)| match change(&fields) {
            Some(set) => run.update(&package, register, &name, set, None),
            None => Ok(()),
        });
        run.tolerate(result)?;
    }
    Ok(())
}

/// The applicant wants it no more.
pub(super) fn withdraw(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let flow = Flow::load(run, &text(input, CASE)?)?;
    caller::check_applicant(run, &flow.fields)?;
    end(run, flow, "withdrawn", input)
}

/// An office ends it.
pub(super) fn terminate(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let flow = Flow::load(run, &text(input, CASE)?)?;
    caller::check_keeper(run, &flow.fields)?;
    end(run, flow, "terminated", input)
}

fn end(
    run: &mut CallRun<'_, '_>,
    mut flow: Flow,
    status: &str,
    input: &Fields,
) -> Result<(), Halt> {
    if !flow.is_open() {
        return reject(Reject::CaseState, format!("it is {}", word(&flow.fields, "status")));
    }
    let moved = flow.advance(run, &Event::Cancel)?;
    flow.set.extend(record([
        ("status", status.into()),
        ("reason", input.get("reason").cloned().unwrap_or(Value::Null)),
    ]));
    flow.write(run, &moved, None)
}

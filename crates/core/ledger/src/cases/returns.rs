//! Corrections: a task waits for the applicant, and clocks stand still meanwhile (一次性告知).

use std::sync::Arc;

use chaincity_process::run::Event;
use chaincity_types::{Reject, Str, Value};

use super::flow::{Flow, seen};
use super::steps::{check_holder, open_task};
use super::{Fields, TASK, WAIT, caller, clock, record, text, word};
use crate::call::CallRun;
use crate::halt::{Halt, reject};

/// Whoever does a task asks the applicant to correct something.
pub(super) fn ask(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let name = text(input, TASK)?;
    let (task, mut flow) = open_task(run, &name)?;
    flow.check_status("running")?;
    check_holder(run, &task)?;
    let work = Flow::work(&name)?;
    let who = run.frame.caller;
    caller::check_may(who, &task)?;
    if let Some(node) = flow.state.node(work) {
        caller::check_four_eyes(who, flow.graph.facts(node), &flow.fields)?;
    }
    let now = run.session.context.time;
    let package = super::package();
    let mut set = record([
        ("status", "returned".into()),
        ("operator", Value::Text(who.name.clone())),
        ("member", Value::Text(who.member.clone())),
        ("reason", input.get("reason").cloned().unwrap_or(Value::Null)),
    ]);
    set.extend(clock::stop(&task, now).unwrap_or_default());
    run.update(&package, TASK, &name, set, None)?;
    for wait in timers_at(&flow, &name)? {
        let (fields, _) = seen(run, WAIT, &wait)?;
        if let Some(set) = clock::stop(&fields, now) {
            run.update(&package, WAIT, &wait, set, None)?;
        }
    }
    flow.count_returned(1, now);
    run.raise(&package.id, "returned", &TASK.into(), &name)?;
    flow.save(run, None)
}

/// The applicant answers; the task is again with whoever asked, and its clocks go on.
pub(super) fn answer(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let name = text(input, TASK)?;
    let (task, mut flow) = open_task(run, &name)?;
    flow.check_status("running")?;
    caller::check_applicant(run, &flow.fields)?;
    if word(&task, "status") != "returned" {
        return reject(Reject::CaseState, "nothing is to be corrected");
    }
    let now = run.session.context.time;
    let package = super::package();
    let mut set = record([("status", "claimed".into()), ("reason", Value::Null)]);
    set.extend(clock::go_on(&task, now).unwrap_or_default());
    run.update(&package, TASK, &name, set, None)?;
    for wait in timers_at(&flow, &name)? {
        let (fields, _) = seen(run, WAIT, &wait)?;
        if let Some(set) = clock::go_on(&fields, now) {
            run.update(&package, WAIT, &wait, set, None)?;
        }
    }
    flow.count_returned(-1, now);
    let work = Flow::work(&name)?;
    let graph = Arc::clone(&flow.graph);
    let declared = flow.state.variables_at(&graph, work);
    let set = flow.given(run, declared, input)?;
    if !set.is_empty() {
        flow.advance(run, &Event::Assign { work, set })?;
    }
    run.raise(&package.id, "corrected", &TASK.into(), &name)?;
    flow.save(run, None)
}

/// The times at a task's boundary: they run with its clock.
fn timers_at(flow: &Flow, task: &str) -> Result<Vec<Str>, Halt> {
    let waits = flow.state.boundaries(Flow::work(task)?);
    let timed = waits.filter(|wait| {
        flow.state.node(*wait).is_some_and(|node| flow.graph.facts(node).timing.is_some())
    });
    Ok(timed.map(|wait| flow.work_key(wait)).collect())
}

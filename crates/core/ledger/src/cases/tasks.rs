//! Whose a task is: claimed, put back, handed over, done by another for its holder.

use chaincity_types::{Reject, Str, Value};

use super::flow::Flow;
use super::steps::open_task;
use super::{Fields, TASK, caller, record, text, word};
use crate::authority::Caller;
use crate::call::CallRun;
use crate::halt::{Halt, reject};

/// Whether an operator may do a task of the case.
fn check_may(who: &Caller, (task, flow): (&Fields, &Flow), name: &str) -> Result<(), Halt> {
    let node = flow.state.node(Flow::work(name)?);
    let Some(facts) = node.map(|node| flow.graph.facts(node)) else {
        return reject(Reject::TaskCancelled, "the process does not wait for it");
    };
    caller::check_may(who, task)?;
    caller::check_four_eyes(who, facts, &flow.fields)
}

/// A task is the caller's from now on.
pub(super) fn claim(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let name = text(input, TASK)?;
    let (task, flow) = open_task(run, &name)?;
    flow.check_status("running")?;
    if word(&task, "status") != "open" {
        let holder =
            format!("by operator {} of {}", word(&task, "operator"), word(&task, "member"));
        return reject(Reject::TaskClaimed, holder);
    }
    let who = run.frame.caller;
    check_may(who, (&task, &flow), &name)?;
    give(run, &name, who)
}

/// The task is this operator's.
fn give(run: &mut CallRun<'_, '_>, name: &Str, to: &Caller) -> Result<(), Halt> {
    let set = record([
        ("status", "claimed".into()),
        ("operator", Value::Text(to.name.clone())),
        ("member", Value::Text(to.member.clone())),
        ("delegate", Value::Null),
    ]);
    run.update(&super::package(), TASK, name, set, None)
}

/// A claimed task is anybody's again. Its holder puts it back, or another operator of the holder's
/// member who may do it: nothing hangs on one person.
pub(super) fn release(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let name = text(input, TASK)?;
    let (task, flow) = check_held(run, &name)?;
    let who = run.frame.caller;
    check_may(who, (&task, &flow), &name)?;
    let nobody = ["operator", "member", "delegate"].map(|field| (field, Value::Null));
    let mut set = record(nobody);
    set.insert("status".into(), "open".into());
    run.update(&super::package(), TASK, &name, set, None)
}

/// A claimed task becomes another operator's, who may do it.
pub(super) fn hand_over(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let name = text(input, TASK)?;
    let (task, flow) = check_held(run, &name)?;
    let to = operator(run, input)?;
    check_may(&to, (&task, &flow), &name)?;
    give(run, &name, &to)
}

/// Another operator, who may do it, does it for its holder.
pub(super) fn delegate(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let name = text(input, TASK)?;
    let (task, flow) = check_held(run, &name)?;
    let to = operator(run, input)?;
    check_may(&to, (&task, &flow), &name)?;
    let set = record([("delegate", Value::Text(to.name))]);
    run.update(&super::package(), TASK, &name, set, None)
}

/// A claimed task, whose holder's member the caller is of and which the caller may do.
fn check_held(run: &mut CallRun<'_, '_>, name: &str) -> Result<(Fields, Flow), Halt> {
    let (task, flow) = open_task(run, name)?;
    flow.check_status("running")?;
    if word(&task, "status") != "claimed" {
        return reject(Reject::TaskClaimed, "nobody has claimed it");
    }
    let member = word(&task, "member");
    if *run.frame.caller.member != *member {
        let holder = format!("by operator {} of {member}", word(&task, "operator"));
        return reject(Reject::TaskClaimed, holder);
    }
    caller::check_may(run.frame.caller, &task)?;
    Ok((task, flow))
}

/// The active operator that the input names.
fn operator(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<Caller, Halt> {
    let key = hex::decode(text(input, "to")?.as_str()).unwrap_or_default();
    Caller::find(run.session, &key)
}

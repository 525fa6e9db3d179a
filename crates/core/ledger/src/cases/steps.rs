//! The steps of tasks: completed, ended by an error, escalated; and what a transaction must carry.

use std::collections::BTreeSet;
use std::sync::Arc;

use chaincity_process::graph::{CodeIx, Facts, Keep};
use chaincity_process::run::{Event, WorkId};
use chaincity_types::wire::{Call, LogicalKey, Mode, Status, Transaction};
use chaincity_types::{Reject, Str, Value};

use super::flow::{Flow, seen, subject_key};
use super::{
    Fields, ID, SUBJECT, SUBJECTS_MAX, TASK, actions, caller, case_of, record, text, text_list,
    word, words,
};
use crate::call::CallRun;
use crate::halt::{Halt, reject, rejected};

/// Most doers that a case remembers for a task.
const DOERS_MAX: usize = 32;

/// Calls that name a task are parts of the step that completes it, in one atomic transaction: a
/// call cannot claim to belong to a task without that.
pub(crate) fn check_steps(transaction: &Transaction) -> Result<(), Halt> {
    for (place, call) in (1_usize..).zip(&transaction.calls) {
        let Some(task) = call.task.as_ref().filter(|_| call.package != ID) else { continue };
        let after = transaction.calls.get(place..).unwrap_or_default();
        let completes = |later: &Call| {
            later.package == ID
                && later.action == actions::COMPLETE
                && later.input.get(TASK).and_then(Value::as_str) == Some(task)
        };
        if transaction.mode != Mode::Atomic || !after.iter().any(completes) {
            return reject(
                Reject::StepActions,
                "a call names a task that is not completed after it",
            );
        }
    }
    Ok(())
}

/// A task that may be ended by the caller, now.
struct Turn {
    task: Fields,
    name: Str,
    work: WorkId,
    flow: Flow,
    facts: Facts,
}

impl Turn {
    /// Reads a task and its case; checks that both are open and the caller may do it.
    fn take(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<Self, Halt> {
        let name = text(input, TASK)?;
        let (task, flow) = open_task(run, &name)?;
        flow.check_status("running")?;
        let work = Flow::work(&name)?;
        let node = flow.state.node(work);
        let Some(facts) = node.map(|node| flow.graph.facts(node).clone()) else {
            return reject(Reject::TaskCancelled, "the process does not wait for it");
        };
        check_holder(run, &task)?;
        caller::check_may(run.frame.caller, &task)?;
        caller::check_four_eyes(run.frame.caller, &facts, &flow.fields)?;
        Ok(Self { task, name, work, flow, facts })
    }

    /// The task ends by the caller's hand, then the process goes on.
    fn end(
        mut self,
        run: &mut CallRun<'_, '_>,
        (status, event): (&str, &Event),
    ) -> Result<(), Halt> {
        let package = super::package();
        let by = run.frame.caller;
        let mut set = record([
            ("status", status.into()),
            ("ended", Value::Time(run.session.context.time)),
            ("by", Value::Text(by.name.clone())),
        ]);
        if !self.task.contains_key("operator") {
            set.insert("operator".into(), Value::Text(by.name.clone()));
            set.insert("member".into(), Value::Text(by.member.clone()));
        }
        self.remember(&by.name);
        run.update(&package, TASK, &self.name, set, None)?;
        run.close(&package, TASK, &self.name, &status.into())?;
        let moved = self.flow.advance(run, event)?;
        self.flow.write(run, &moved, Some(self.work))
    }

    /// Whether a call is a part of its step.
    fn is_carried(&self, call: &Call) -> bool {
        call.package != ID && call.task.as_ref() == Some(&self.name)
    }

    /// The case is about a record that its calls made from now on, in the place of the one that the
    /// variable named before.
    fn keep(&mut self, run: &mut CallRun<'_, '_>, keep: &Keep, key: &str) -> Result<(), Halt> {
        let named = |key: &str| Str::from(super::about(&keep.package, &keep.register, key));
        let known = self.flow.state.variables_of(self.work);
        let before = known.and_then(|known| known.get(&keep.variable)).and_then(Value::as_text);
        let before = before.map(named);
        let mut subjects: Vec<Str> = words(&self.flow.fields, "subjects").cloned().collect();
        let about = named(key);
        if subjects.contains(&about) {
            return Ok(());
        }
        let (package, text) = (super::package(), || Value::Text(about.clone()));
        if let Some(place) = subjects.iter().position(|subject| Some(subject) == before.as_ref()) {
            let name = subject_key(&self.flow.key, place);
            run.update(&package, SUBJECT, &name, record([("about", text())]), None)?;
            subjects.get_mut(place).into_iter().for_each(|subject| *subject = about.clone());
        } else if subjects.len() < SUBJECTS_MAX {
            let id = Value::Text(subject_key(&self.flow.key, subjects.len()));
            let case = Value::Text(self.flow.key.clone());
            run.insert(&package, SUBJECT, record([("id", id), ("case", case), ("about", text())]))?;
            subjects.push(about);
        } else {
            return reject(Reject::TooManyRecords, format!("a case is about {SUBJECTS_MAX}"));
        }
        self.flow.change("subjects", text_list(&subjects));
        Ok(())
    }

    /// Keeps who did it, and for whom, if another task asks for other eyes.
    fn remember(&mut self, by: &Str) {
        let node = word(&self.task, "node");
        let graph = &self.flow.graph;
        if !graph.nodes().any(|other| graph.facts(other).not_by.iter().any(|not| *not == *node)) {
            return;
        }
        let held = self.flow.fields.get("doers").and_then(Value::as_map);
        let mut doers = held.cloned().unwrap_or_default();
        let known = doers.get(node).and_then(Value::as_list).unwrap_or_default();
        let mut of: BTreeSet<Value> = known.iter().cloned().collect();
        of.extend(self.task.get("operator").cloned());
        of.insert(Value::Text(by.clone()));
        // The smallest names stay; a task done that often has more eyes than anyone asked for.
        let of = of.into_iter().take(DOERS_MAX).collect();
        doers.insert(node.into(), Value::List(of));
        self.flow.change("doers", Value::Map(doers));
    }
}

/// A task that is open, with its case. One that is not is told who ended it.
pub(super) fn open_task(run: &mut CallRun<'_, '_>, name: &str) -> Result<(Fields, Flow), Halt> {
    // Both are asked for in one round.
    let task = seen(run, TASK, name);
    let flow = Flow::load(run, case_of(name));
    let (task, status) = task?;
    if status == Status::Closed {
        return match (word(&task, "status"), word(&task, "by")) {
            ("cancelled", _) => reject(Reject::TaskCancelled, "the process took it back"),
            (how, by) => {
                let case_member = word(&task, "member");
                reject(Reject::TaskDone, format!("{how} by operator {by}, for {case_member}"))
            }
        };
    }
    Ok((task, flow?))
}

/// A claimed task is its holder's, or of whom that one let do it.
pub(super) fn check_holder(run: &CallRun<'_, '_>, task: &Fields) -> Result<(), Halt> {
    let caller = &run.frame.caller.name;
    let (operator, status) = (word(task, "operator"), word(task, "status"));
    if status == "returned" {
        return reject(Reject::CaseState, "the applicant is to correct something first");
    }
    if status == "open" || *caller == *operator || *caller == *word(task, "delegate") {
        return Ok(());
    }
    reject(Reject::TaskClaimed, format!("by operator {operator} of {}", word(task, "member")))
}

/// Completes a task, with the actions that it carries, if any, in the same transaction before it.
pub(super) fn complete(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let mut turn = Turn::take(run, input)?;
    check_evidence(&turn)?;
    check_actions(run, &turn)?;
    let graph = Arc::clone(&turn.flow.graph);
    let declared = turn.flow.state.variables_at(&graph, turn.work);
    let mut set = turn.flow.given(run, declared, input)?;
    for keep in std::mem::take(&mut turn.facts.keeps) {
        let made = made(run, &turn, &keep)?;
        turn.keep(run, &keep, &made)?;
        set.insert(keep.variable, Value::Text(made));
    }
    let event = Event::Complete { work: turn.work, set };
    turn.end(run, ("done", &event))
}

fn check_evidence(turn: &Turn) -> Result<(), Halt> {
    let attached: BTreeSet<&Str> = words(&turn.task, "attached").collect();
    let missing: Vec<&str> = turn
        .facts
        .evidence
        .iter()
        .filter(|kind| !attached.contains(kind))
        .map(Str::as_str)
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        reject(Reject::EvidenceMissing, format!("`{}`", missing.join("`, `")))
    }
}

/// INVARIANT (I7): the calls before this one that name case and task are, all and only, calls of the
/// actions that the task carries, each at least once; since the transaction is atomic, all apply or
/// none.
fn check_actions(run: &CallRun<'_, '_>, turn: &Turn) -> Result<(), Halt> {
    let mut carried = BTreeSet::new();
    for call in run.frame.before.iter().filter(|call| turn.is_carried(call)) {
        if call.case.as_ref() != Some(&turn.flow.key) {
            return reject(Reject::StepActions, "a call names another case");
        }
        carried.insert(format!("{}.{}", call.package, call.action));
    }
    let wanted: BTreeSet<&str> = turn.facts.actions.iter().map(Str::as_str).collect();
    if let Some(missing) = wanted.iter().find(|action| !carried.contains(**action)) {
        return reject(Reject::StepActions, format!("`{missing}` must come with it, atomically"));
    }
    if let Some(extra) = carried.iter().find(|action| !wanted.contains(action.as_str())) {
        return reject(Reject::StepActions, format!("`{extra}` is not the task's"));
    }
    Ok(())
}

/// The key of the one record that the task's calls, which stand before this one, inserted.
fn made(run: &CallRun<'_, '_>, turn: &Turn, keep: &Keep) -> Result<Str, Halt> {
    let calls = (0_u32..).zip(run.frame.before);
    let own: BTreeSet<u32> =
        calls.filter(|(_, call)| turn.is_carried(call)).map(|(index, _)| index).collect();
    let mut keys = run.session.layer.written.iter().filter_map(|written| {
        let version = &written.record.version;
        let LogicalKey::Record { package, register, key } = &version.key else { return None };
        let wanted = *package == keep.package && *register == keep.register;
        (wanted && version.version == 1 && own.contains(&version.by.call)).then_some(key)
    });
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(key.clone()),
        (found, _) => {
            let found = if found.is_some() { "several" } else { "no" };
            let Keep { package, register, .. } = keep;
            reject(Reject::StepRecord, format!("{found} `{package}.{register}`"))
        }
    }
}

/// Ends a task by an error that the process declares.
pub(super) fn fail(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let turn = Turn::take(run, input)?;
    let code = code(&turn.flow, input)?;
    let event = Event::Fail { work: turn.work, code };
    turn.end(run, ("failed", &event))
}

/// Escalates a task: it stays open, unless what catches the escalation interrupts it.
pub(super) fn escalate(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let mut turn = Turn::take(run, input)?;
    let code = code(&turn.flow, input)?;
    let data = input.get("code").cloned();
    let package = super::package();
    run.raise_with(&package.id, "escalated", (&TASK.into(), &turn.name), data)?;
    let moved = turn.flow.advance(run, &Event::Escalate { work: turn.work, code })?;
    turn.flow.write(run, &moved, None)
}

fn code(flow: &Flow, input: &Fields) -> Result<CodeIx, Halt> {
    let text = text(input, "code")?;
    let wrong = || rejected(Reject::StepRefused, "the process declares no such code");
    flow.graph.find_code(&text).ok_or_else(wrong)
}

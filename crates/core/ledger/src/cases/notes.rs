//! Comments and attachments: by digest, from those who take part.

use std::collections::BTreeSet;

use chaincity_types::wire::Status;
use chaincity_types::{Reject, Str, Value};

use super::flow::{Flow, seen};
use super::{
    ATTACHMENT, CASE, COMMENT, Fields, TASK, caller, case_of, record, text, text_list, word, words,
};
use crate::call::CallRun;
use crate::halt::{Halt, reject};

pub(super) fn comment(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    noted(run, input)?;
    insert(run, COMMENT, input)
}

/// Attaches evidence; of a task, it is what the task may demand.
pub(super) fn attach(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    noted(run, input)?;
    insert(run, ATTACHMENT, input)?;
    let Some(task) = input.get(TASK).and_then(Value::as_str) else { return Ok(()) };
    let (fields, status) = seen(run, TASK, task)?;
    if status == Status::Closed {
        return reject(Reject::TaskDone, format!("it is {}", word(&fields, "status")));
    }
    let kind = text(input, "kind")?;
    let mut kinds: BTreeSet<&Str> = words(&fields, "attached").collect();
    if kinds.insert(&kind) {
        let set = record([("attached", text_list(kinds))]);
        run.update(&super::package(), TASK, task, set, None)?;
    }
    Ok(())
}

/// The open case that is noted about, by one who takes part in it.
fn noted(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let case = text(input, CASE)?;
    let of = input.get(TASK).and_then(Value::as_str).map(|task| case_of(task));
    if of.is_some_and(|of| of != case.as_str()) {
        return reject(Reject::InvalidInput, "the task is another case's");
    }
    let flow = Flow::load(run, &case)?;
    if !flow.is_open() {
        return reject(Reject::CaseState, format!("it is {}", word(&flow.fields, "status")));
    }
    let task = input.get(TASK).and_then(Value::as_str).map(|task| seen(run, TASK, task));
    match task.transpose()? {
        Some((task, _)) if caller::is_doer(run.frame.caller, &task) => Ok(()),
        _ => caller::check_involved(run, &flow),
    }
}

fn insert(run: &mut CallRun<'_, '_>, register: &str, input: &Fields) -> Result<(), Halt> {
    let mut fields = input.clone();
    let by = run.frame.caller;
    fields.insert("member".into(), Value::Text(by.member.clone()));
    fields.insert("operator".into(), Value::Text(by.name.clone()));
    run.insert(&super::package(), register, fields).map(drop)
}

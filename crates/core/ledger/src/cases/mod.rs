//! The built-in package `case`: processes that offices share, carried out on the ledger.
//!
//! A *case* is a record that holds where its process stands; a *task* is one for each open work of
//! a person, a *wait* one for each awaited message or time. Every step is an action here, so a case
//! has history, proofs and receipts as any record has. A case keeps to the file with which it began:
//! that file is a record of its own, named by its digest.
//!
//! Who may do what is said by the process, in roles; nothing here knows a department.
//!
//! INVARIANT (I7): a task that carries actions is completed in one atomic transaction with exactly
//! these.

mod actions;
mod caller;
mod clock;
mod control;
mod flow;
mod messages;
mod models;
mod notes;
mod requests;
mod returns;
mod schema;
mod start;
mod steps;
mod tasks;
mod timers;

use std::collections::BTreeMap;

use chaincity_package::model::Action;
use chaincity_types::wire::{Call, LogicalKey};
use chaincity_types::{Reject, Str, Value};

use crate::call::CallRun;
use crate::halt::{Halt, reject, rejected};
use crate::session::Session;

pub use chaincity_process::graph::Graph;
pub(crate) use messages::hear;
pub(crate) use models::publish;
pub use models::{Model, Unfit, Why, check, compile, process_key};
pub(crate) use requests::note as note_mandate;
pub use schema::package;
pub(crate) use steps::check_steps;

/// Identifier of the package.
pub const ID: &str = "case";
/// Register of the processes in force, by package and id.
pub const PROCESS: &str = "process";
/// Register of the files that hold them, by digest.
pub const MODEL: &str = "model";
/// Register of cases.
pub const CASE: &str = "case";
/// Register of tasks, by case and number.
pub const TASK: &str = "task";
/// Register of awaited messages and times, likewise.
pub const WAIT: &str = "wait";
/// Register of what open cases are about.
pub const SUBJECT: &str = "subject";
/// Register of changes of records that further cases are to hear of.
pub const HEARING: &str = "hearing";
/// Register of comments.
pub const COMMENT: &str = "comment";
/// Register of mandates that are asked for.
pub const REQUEST: &str = "request";
/// Register of attachments.
pub const ATTACHMENT: &str = "attachment";

/// Field of a case that names its encrypted variables: variable → `group`, `commitment`, and the
/// `member` whose vault has it.
pub const SEALED: &str = "sealed";

/// Largest state of a case, in bytes: its record must hold the rest as well.
pub const STATE_BYTES_MAX: usize = 49_152;
/// Largest file with a process, without diagram, comments and blanks, decision tables included.
pub const MODEL_BYTES_MAX: usize = 60_000;
/// Most records that a case is about.
pub const SUBJECTS_MAX: usize = 8;
/// Most cases that hear of one change of one record in one call; the others hear later.
pub const HEARERS_MAX: usize = 16;
/// Most working days of a deadline.
pub const WORKDAYS_MAX: u32 = 1_000;

/// Fields of a record, or a checked input.
type Fields = BTreeMap<Str, Value>;

/// The logical key of a record of the package.
#[must_use]
pub fn key(register: &str, key: impl Into<Str>) -> LogicalKey {
    LogicalKey::Record { package: ID.into(), register: register.into(), key: key.into() }
}

/// How the subjects of cases name a record.
#[must_use]
pub fn about(package: &str, register: &str, key: &str) -> String {
    format!("{package}/{register}/{key}")
}

/// Carries out an action of the package.
pub(crate) fn apply(
    run: &mut CallRun<'_, '_>,
    action: &Action,
    input: &Fields,
) -> Result<(), Halt> {
    match action.name.as_str() {
        actions::START => start::apply(run, input),
        actions::CLAIM => tasks::claim(run, input),
        actions::RELEASE => tasks::release(run, input),
        actions::HAND_OVER => tasks::hand_over(run, input),
        actions::DELEGATE => tasks::delegate(run, input),
        actions::COMPLETE => steps::complete(run, input),
        actions::FAIL => steps::fail(run, input),
        actions::ESCALATE => steps::escalate(run, input),
        actions::RETURN => returns::ask(run, input),
        actions::CORRECT => returns::answer(run, input),
        actions::MESSAGE => messages::deliver(run, input),
        actions::HEAR => messages::listen(run, input),
        actions::HEAR_ON => messages::listen_on(run, input),
        actions::FIRE => timers::fire(run, input),
        actions::REMIND => timers::remind(run, input),
        actions::OVERDUE => timers::task_overdue(run, input),
        actions::CASE_OVERDUE => timers::case_overdue(run, input),
        actions::SUSPEND => control::suspend(run, input),
        actions::RESUME => control::resume(run, input),
        actions::WITHDRAW => control::withdraw(run, input),
        actions::TERMINATE => control::terminate(run, input),
        actions::ASK => requests::ask(run, input),
        actions::COMMENT => notes::comment(run, input),
        actions::ATTACH => notes::attach(run, input),
        _ => reject(Reject::UnknownAction, "no action with this name"),
    }
}

/// Notes what a call of the package needs, so that it is fetched in the first round.
pub(crate) fn want(session: &mut Session<'_>, call: &Call) {
    if call.package != ID {
        return;
    }
    for register in [TASK, WAIT] {
        if let Some(name) = call.input.get(register).and_then(Value::as_str) {
            session.probe(&key(register, name));
            session.probe(&key(CASE, case_of(name)));
        }
    }
    if let Some(name) = call.input.get(CASE).and_then(Value::as_str) {
        session.probe(&key(CASE, name));
    }
}

/// The call that completes a task, and sets variables.
#[must_use]
pub fn complete(task: &str, set: BTreeMap<Str, Value>) -> Call {
    let mut input = record([(TASK, task.into())]);
    if !set.is_empty() {
        input.insert("set".into(), Value::Map(set));
    }
    let (package, action) = (ID.into(), actions::COMPLETE.into());
    Call { package, action, input, case: None, task: None, mandates: None }
}

/// The case in the name of a task, a wait or a subject.
#[must_use]
pub fn case_of(name: &str) -> &str {
    name.split('-').next().unwrap_or_default()
}

/// A text of the input that must be there.
fn text(input: &Fields, name: &str) -> Result<Str, Halt> {
    match input.get(name).and_then(Value::as_str) {
        Some(text) => Ok(text.clone()),
        None => Err(rejected(Reject::InvalidInput, format!("`{name}` is missing"))),
    }
}

/// A text field; absent is empty.
fn word<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.get(name).and_then(Value::as_text).unwrap_or_default()
}

/// A list of texts; absent is empty.
fn words<'f>(fields: &'f Fields, name: &str) -> impl Iterator<Item = &'f Str> + Clone {
    let list = fields.get(name).and_then(Value::as_list).unwrap_or_default();
    list.iter().filter_map(Value::as_str)
}

fn record<const N: usize>(fields: [(&str, Value); N]) -> Fields {
    fields.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

fn text_list<'t>(texts: impl IntoIterator<Item = &'t Str>) -> Value {
    Value::List(texts.into_iter().cloned().map(Value::Text).collect())
}

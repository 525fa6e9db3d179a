//! The beginning of a case.

use std::collections::BTreeSet;

use chaincity_process::graph::{Facts, HOLDER, ProcessDef, Role};
use chaincity_process::run::{Event, State};
use chaincity_types::{Reject, Str, Value, cbor};

use super::flow::{self, Flow, Moved, subject_key};
use super::models::process_key;
use super::{
    CASE, Fields, PROCESS, SUBJECT, caller, clock, key, record, text, text_list, word, words,
};
use crate::call::CallRun;
use crate::halt::{Halt, reject, rejected};
use crate::session::draw;
use crate::{digests, fuel};

/// Begins a case by a process in force. Its beginner holds a role that the process names; when it
/// names none, a role of the tasks that open at once; when none does, a role of any of its tasks.
pub(super) fn apply(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let offer = offer(run, input)?;
    let graph = flow::graph(run, word(&offer, "model"))?;
    let id = word(&offer, "process");
    let found = graph.processes().iter().enumerate().find(|(_, process)| process.id == id);
    let Some((process, def)) = found else {
        return reject(Reject::UnknownProcess, "the file has no such process");
    };
    let subjects = subjects(run, input)?;
    let now = run.session.context.time;
    let set = Flow::variables(&def.variables, input, now.china_day())?;
    let frame = run.frame;
    let name = digests::record_key(frame.transaction, frame.index, run.ordinal);
    let fields = fields(run, input, (&offer, def), &subjects);
    let graph = std::sync::Arc::clone(&graph);
    let mut flow = Flow { key: name, fields, graph, state: State::default(), set: Fields::new() };
    let moved = flow.advance(run, &Event::Start { process, set })?;
    let beginners = beginners(&flow, process, &moved);
    caller::check_one(run.frame.caller, beginners.iter())?;
    let keepers = keepers(&flow, process, &beginners)?;
    flow.fields.insert("keepers".into(), text_list(&keepers));
    insert(run, flow, &moved, &subjects)
}

/// The process in force that the input names.
fn offer(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<Fields, Halt> {
    let name = process_key(&text(input, "package")?, &text(input, "process")?);
    draw(&mut run.fuel, fuel::READ)?;
    let record = run.session.get(&key(PROCESS, name))?;
    let offered = |fields: &&Fields| fields.get("offered") == Some(&Value::Bool(true));
    match record.as_ref().map(|record| &record.version.fields).filter(offered) {
        Some(fields) => Ok(fields.clone()),
        None => reject(Reject::UnknownProcess, "no process with this name"),
    }
}

/// The records that the case is about; each must be there.
fn subjects(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<Vec<Str>, Halt> {
    let named: BTreeSet<Str> = words(input, "subjects").cloned().collect();
    for about in &named {
        match flow::exists(run, about) {
            Ok(true) => {}
            Ok(false) => return reject(Reject::NotFound, "a record that the case is about"),
            // The others are asked for in the same round.
            Err(halt) => run.tolerate(Err(halt))?,
        }
    }
    run.halt_if_missing()?;
    Ok(named.into_iter().collect())
}

fn fields(
    run: &CallRun<'_, '_>,
    input: &Fields,
    (offer, process): (&Fields, &ProcessDef),
    subjects: &[Str],
) -> Fields {
    let field = |name: &str| offer.get(name).cloned().unwrap_or(Value::Null);
    let (who, now) = (run.frame.caller, run.session.context.time);
    let mut fields = record([
        ("package", field("package")),
        ("process", field("process")),
        ("name", field("name")),
        ("model", field("model")),
        ("status", "running".into()),
        ("applicant", Value::Text(caller::party(who).clone())),
        ("holder", Value::Text(who.member.clone())),
        ("subjects", text_list(subjects)),
        ("opened", Value::Time(now)),
        ("returned", Value::Int(0)),
        ("overdue", Value::Bool(false)),
        ("doers", Value::Map(Fields::new())),
    ]);
    for name in ["number", "title"] {
        fields.extend(input.get(name).map(|value| (name.into(), value.clone())));
    }
    fields.extend(clock::deadline(process.workdays, now));
    fields
}

/// Who may begin a case by this process.
fn beginners(flow: &Flow, process: usize, moved: &Moved) -> BTreeSet<Str> {
    let named = flow.graph.processes().get(process).map_or(&[][..], |process| &process.roles);
    if !named.is_empty() {
        return named.iter().cloned().collect();
    }
    let variables = flow.state.variables();
    let holders = |facts: &Facts| caller::holders(&facts.roles, &flow.fields, variables);
    let opened = moved.opened.iter().map(|(_, node)| flow.graph.facts(*node));
    let first: BTreeSet<Str> = opened.flat_map(holders).collect();
    if first.is_empty() { flow.graph.facts_of(process).flat_map(holders).collect() } else { first }
}

/// Who keeps it: whom the process names, else the roles that may begin, at the member that began.
fn keepers(flow: &Flow, process: usize, beginners: &BTreeSet<Str>) -> Result<BTreeSet<Str>, Halt> {
    let named = flow.graph.processes().get(process).map_or(&[][..], |process| &process.keepers);
    if !named.is_empty() {
        let keepers = caller::holders(named, &flow.fields, flow.state.variables());
        let nobody = || rejected(Reject::PartyMissing, "nobody is named who keeps it");
        return if keepers.is_empty() { Err(nobody()) } else { Ok(keepers) };
    }
    let bare = |one: &Str| Role { of: Some(HOLDER.into()), ..Role::read(one) };
    let roles: Vec<Role> = beginners.iter().map(bare).collect();
    Ok(caller::holders(&roles, &flow.fields, None))
}

fn insert(
    run: &mut CallRun<'_, '_>,
    mut flow: Flow,
    moved: &Moved,
    subjects: &[Str],
) -> Result<(), Halt> {
    let package = super::package();
    run.case = Some(flow.key.clone());
    let mut fields = flow.fields.clone();
    fields.insert("state".into(), Value::Bytes(cbor::encode(&flow.state)));
    flow.key = run.insert(&package, CASE, fields)?;
    for (place, about) in subjects.iter().enumerate() {
        let fields = record([
            ("id", Value::Text(subject_key(&flow.key, place))),
            ("case", Value::Text(flow.key.clone())),
            ("about", Value::Text(about.clone())),
        ]);
        let result = run.insert(&package, SUBJECT, fields).map(drop);
        run.tolerate(result)?;
    }
    flow.write_works(run, moved, None)?;
    // What ends at once, ends as any other.
    if moved.outcome.is_some() { flow.save(run, moved.outcome) } else { Ok(()) }
}

//! The beginning of a case: by somebody, or by a message about a record.

use std::collections::BTreeSet;
use std::sync::Arc;

use chaincity_package::model::INDEX_ENTRY_MAX;
use chaincity_package::rule::Fuel;
use chaincity_process::graph::{APPLICANT, Facts, HOLDER, ProcessDef, Role};
use chaincity_process::run::{Event, State};
use chaincity_types::wire::LogicalKey;
use chaincity_types::{Reject, Str, Value, cbor};

use super::flow::{self, Flow, Moved, subject_key};
use super::models::{begun_by_message, process_key};
use super::schema::BY_ABOUT;
use super::{
    CASE, Fields, Graph, ID, PROCESS, SUBJECT, caller, clock, key, messages, record, text,
    text_list, word, words,
};
use crate::call::CallRun;
use crate::halt::{Halt, reject, rejected};
use crate::session::draw;
use crate::{digests, fuel};

/// Begins a case by a process in force. Its beginner holds a role that the process names; when it
/// names none, a role of the tasks that open at once; when none does, a role of any of its tasks.
pub(super) fn apply(run: &mut CallRun<'_, '_>, input: &Fields) -> Result<(), Halt> {
    let name = process_key(&text(input, "package")?, &text(input, "process")?);
    let Some(offer) = offer(run, &name)? else {
        return reject(Reject::UnknownProcess, "no process with this name");
    };
    let (graph, process) = process_of(run, &offer)?;
    let Some(def) = graph.processes().get(process) else {
        return reject(Reject::UnknownProcess, "the file has no such process");
    };
    if def.begun_by.is_some() && def.roles.is_empty() {
        return reject(Reject::NotAuthorised, "a message begins it, and nobody else");
    }
    let subjects = subjects(run, input)?;
    let who = run.frame.caller;
    let parties = (caller::party(who).clone(), who.member.clone());
    let mut fields = fields(run, (&offer, def), parties, &subjects);
    for name in ["number", "title"] {
        fields.extend(input.get(name).map(|value| (name.into(), value.clone())));
    }
    let mut flow = new(run, fields, &graph);
    let set = flow.given(run, &def.variables, input)?;
    let moved = flow.advance(run, &Event::Start { process, set })?;
    let beginners = beginners(&flow, process, &moved);
    caller::check_one(run.frame.caller, beginners.iter())?;
    let keepers = keepers(&flow, process, &beginners)?;
    flow.fields.insert("keepers".into(), text_list(&keepers));
    insert(run, flow, &moved, &subjects)
}

/// A message about a record begins a case by each process that names it. One that cannot begin is told
/// of by an event, as is a case that cannot take a message.
pub(super) fn by_message(
    run: &mut CallRun<'_, '_>,
    (about, message): (&Str, &Str),
    told: &Fields,
    promised: &mut u64,
) -> Result<(), Halt> {
    let mut parts = about.splitn(3, '/');
    let (Some(package), Some(register)) = (parts.next(), parts.next()) else { return Ok(()) };
    let names = begun_by_message(run, &super::about(package, register, message))?;
    for name in &names {
        run.session.probe(&key(PROCESS, name));
    }
    for name in &names {
        let result = begin(run, name, (about, message), (told, promised));
        run.tolerate(result)?;
    }
    // What was written is not of one case.
    run.case = None;
    Ok(())
}

/// Begins a case by one process, wholly or not at all.
fn begin(
    run: &mut CallRun<'_, '_>,
    name: &Str,
    (about, message): (&Str, &Str),
    (told, promised): (&Fields, &mut u64),
) -> Result<(), Halt> {
    let Some(fuel) = messages::to_spare(run) else {
        return messages::missed(run, (PROCESS, name), message);
    };
    let Some(offer) = offer(run, name)? else { return Ok(()) };
    let (graph, process) = process_of(run, &offer)?;
    let room = has_room(run, about)?;
    let ready = room.then(|| ready(run, (&offer, &graph, process), (about, told), fuel)).flatten();
    match ready.filter(|(flow, moved)| messages::affords(run, (moved, &flow.state), promised)) {
        Some((flow, moved)) => insert(run, flow, &moved, std::slice::from_ref(about)),
        None => messages::missed(run, (PROCESS, name), message),
    }
}

/// Whether one more case can be about a record that is there.
fn has_room(run: &mut CallRun<'_, '_>, about: &Str) -> Result<bool, Halt> {
    let package = super::package();
    let Some(register) = package.registers.get(SUBJECT) else { return Ok(false) };
    let entry = LogicalKey::Index {
        package: ID.into(),
        register: SUBJECT.into(),
        index: BY_ABOUT.into(),
        values: vec![Value::Text(about.clone())],
    };
    let others = run.live_under(&package, register, &entry)?.len();
    Ok(others < INDEX_ENTRY_MAX && flow::exists(run, about)?)
}

/// A case that a message begins, before it is written; none when it cannot begin.
fn ready(
    run: &mut CallRun<'_, '_>,
    (offer, graph, process): (&Fields, &Arc<Graph>, usize),
    (about, told): (&Str, &Fields),
    mut fuel: Fuel,
) -> Option<(Flow, Moved)> {
    let def = graph.processes().get(process)?;
    // Who it is for and who handles it, unless the message says so: who told it.
    let who = run.frame.caller;
    let named = |name: &str, own: &Str, most: usize| {
        let party = told.get(name).and_then(Value::as_str).unwrap_or(own).clone();
        (!party.is_empty() && party.chars().count() <= most).then_some(party)
    };
    let applicant = named(APPLICANT, caller::party(who), 128)?;
    let holder = named(HOLDER, &who.member, 40)?;
    let mut own = told.clone();
    // Whoever sets an encrypted variable has sealed it; no message does.
    let open = def.variables.iter().filter(|variable| variable.group().is_none());
    own.retain(|name, _| open.clone().any(|variable| variable.name == **name));
    let input = record([("set", Value::Map(own))]);
    let today = run.session.context.time.china_day();
    let set = Flow::variables(&def.variables, &input, today).ok()?;
    let fields = fields(run, (offer, def), (applicant, holder), std::slice::from_ref(about));
    let mut flow = new(run, fields, graph);
    let given = fuel.left;
    let moved = flow.step(&Event::Start { process, set }, &mut fuel);
    run.fuel.left = run.fuel.left.saturating_sub(given.saturating_sub(fuel.left));
    let moved = moved.ok()?;
    let keepers = keepers(&flow, process, &beginners(&flow, process, &moved)).ok()?;
    flow.fields.insert("keepers".into(), text_list(&keepers));
    Some((flow, moved))
}

/// A process in force.
fn offer(run: &mut CallRun<'_, '_>, name: &str) -> Result<Option<Fields>, Halt> {
    draw(&mut run.fuel, fuel::READ)?;
    let record = run.session.get(&key(PROCESS, name))?;
    let offered = |fields: &&Fields| fields.get("offered") == Some(&Value::Bool(true));
    Ok(record.as_ref().map(|record| &record.version.fields).filter(offered).cloned())
}

/// The file of a process in force, and its place there.
fn process_of(run: &mut CallRun<'_, '_>, offer: &Fields) -> Result<(Arc<Graph>, usize), Halt> {
    let graph = flow::graph(run, word(offer, "model"))?;
    let id = word(offer, "process");
    let Some(place) = graph.processes().iter().position(|process| process.id == id) else {
        return reject(Reject::UnknownProcess, "the file has no such process");
    };
    Ok((graph, place))
}

/// A case that has not begun.
fn new(run: &CallRun<'_, '_>, fields: Fields, graph: &Arc<Graph>) -> Flow {
    let frame = run.frame;
    let key = digests::record_key(frame.transaction, frame.index, run.ordinal);
    let graph = Arc::clone(graph);
    Flow { key, fields, graph, state: State::default(), set: Fields::new() }
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
    (offer, process): (&Fields, &ProcessDef),
    (applicant, holder): (Str, Str),
    subjects: &[Str],
) -> Fields {
    let field = |name: &str| offer.get(name).cloned().unwrap_or(Value::Null);
    let now = run.session.context.time;
    let mut fields = record([
        ("package", field("package")),
        ("process", field("process")),
        ("name", field("name")),
        ("model", field("model")),
        ("status", "running".into()),
        ("applicant", Value::Text(applicant)),
        ("holder", Value::Text(holder)),
        ("subjects", text_list(subjects)),
        ("opened", Value::Time(now)),
        ("returned", Value::Int(0)),
        ("overdue", Value::Bool(false)),
        ("doers", Value::Map(Fields::new())),
    ]);
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

//! A case at work: read, moved by one event, and written with the tasks and waits that came and went.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chaincity_package::rule::Fuel;
use chaincity_process::graph::{Facts, NodeIx, TaskKind, VariableDef};
use chaincity_process::run::{
    Awaits, Effect, Event, Open, Outcome, State, Stop, WorkId, step_within,
};
use chaincity_types::wire::{LogicalKey, Status};
use chaincity_types::{Digest, Reject, Str, Value, cbor};

use super::schema::LISTS;
use super::{
    CASE, Fields, Graph, MODEL, Model, SEALED, STATE_BYTES_MAX, SUBJECT, TASK, WAIT, caller, clock,
    key, record, text_list, word, words,
};
use crate::call::CallRun;
use crate::fuel;
use crate::halt::{Halt, reject, rejected};
use crate::session::{by_kilobyte, draw};

/// Most messages that tasks of one step send by themselves.
const SENT_MAX: usize = 64;

/// A case at work.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) key: Str,
    /// Its record, as this call leaves it.
    pub(super) fields: Fields,
    pub(super) graph: Arc<Graph>,
    pub(super) state: State,
    /// What changes in its record.
    pub(super) set: Fields,
}

/// Works with their nodes.
pub(super) type Works = Vec<(WorkId, NodeIx)>;

/// What one event did to the works that people see.
#[derive(Debug, Default)]
pub(super) struct Moved {
    pub(super) opened: Works,
    pub(super) gone: Works,
    /// Messages that were sent, by id.
    pub(super) sent: Vec<Str>,
    pub(super) outcome: Option<Outcome>,
}

impl Moved {
    /// How many records come, change or go.
    pub(super) fn size(&self) -> u64 {
        let works = self.opened.len().saturating_add(self.gone.len());
        u64::try_from(works).unwrap_or(u64::MAX)
    }
}

/// The file with which a case runs, from its record.
pub(super) fn graph(run: &mut CallRun<'_, '_>, name: &str) -> Result<Arc<Graph>, Halt> {
    draw(&mut run.fuel, fuel::READ)?;
    let digest = hex::decode(name).ok().and_then(|bytes| Digest::from_slice(&bytes));
    let record = run.session.get(&key(MODEL, name))?;
    let graph = record
        .zip(digest)
        .and_then(|(record, digest)| run.session.graph(digest, &Model(&record.version.fields)));
    graph.map_or_else(|| reject(Reject::UnknownProcess, "the file does not compile"), Ok)
}

/// A record of the package as this call leaves it so far.
pub(super) fn seen(
    run: &mut CallRun<'_, '_>,
    register: &str,
    name: &str,
) -> Result<(Fields, Status), Halt> {
    let logical = key(register, name);
    if let Some(draft) = run.drafts.get(&logical) {
        return Ok((draft.fields.clone(), draft.status));
    }
    draw(&mut run.fuel, fuel::READ)?;
    match run.session.get(&logical)? {
        Some(record) => {
            run.fuel.draw_fields(&record.version.fields)?;
            Ok((record.version.fields.clone(), record.version.status))
        }
        None => reject(Reject::NotFound, format!("register `{register}`")),
    }
}

impl Flow {
    /// Reads a case, open or ended.
    pub(super) fn load(run: &mut CallRun<'_, '_>, name: &str) -> Result<Self, Halt> {
        let (fields, _) = seen(run, CASE, name)?;
        if run.frame.call.case.as_ref().is_some_and(|case| case != name) {
            return reject(Reject::InvalidInput, "the call names another case");
        }
        run.case = Some(name.into());
        let graph = graph(run, word(&fields, "model"))?;
        let state = match fields.get("state") {
            Some(Value::Bytes(bytes)) => {
                draw(&mut run.fuel, by_kilobyte(bytes.len(), fuel::STATE_KILOBYTE))?;
                cbor::decode_own(bytes).ok()
            }
            _ => None,
        };
        let Some(state) = state else {
            return reject(Reject::RuleError, "the case's state cannot be read");
        };
        Ok(Self { key: name.into(), fields, graph, state, set: Fields::new() })
    }

    /// Reads a case that must be open.
    pub(super) fn running(run: &mut CallRun<'_, '_>, name: &str) -> Result<Self, Halt> {
        let flow = Self::load(run, name)?;
        flow.check_status("running")?;
        Ok(flow)
    }

    /// The case must have this status.
    pub(super) fn check_status(&self, wanted: &str) -> Result<(), Halt> {
        let found = word(&self.fields, "status");
        if found == wanted { Ok(()) } else { reject(Reject::CaseState, format!("it is {found}")) }
    }

    /// Whether it has not ended.
    pub(super) fn is_open(&self) -> bool {
        matches!(word(&self.fields, "status"), "running" | "suspended")
    }

    /// The key of a task or wait.
    pub(super) fn work_key(&self, work: WorkId) -> Str {
        format!("{}-{}", self.key, work.0).into()
    }

    /// The work that the name of a task or wait stands for.
    pub(super) fn work(name: &str) -> Result<WorkId, Halt> {
        let number = name.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
        number.map(WorkId).ok_or_else(|| rejected(Reject::NotFound, "no such work"))
    }

    /// Moves the case by an event, with at most `fuel`.
    pub(super) fn step(&mut self, event: &Event, fuel: &mut Fuel) -> Result<Moved, Stop> {
        let mut next = self.state.clone();
        let mut effects = step_within(&self.graph, &mut next, event, fuel)?;
        let mut moved = Moved::default();
        let sending = |state: &State| state.open().find(|open| self.is_sending(open));
        while let Some(open) = sending(&next) {
            if moved.sent.len() >= SENT_MAX {
                let max = u64::try_from(SENT_MAX).unwrap_or(u64::MAX);
                return Err(Stop::Bound { what: "messages of one step", max });
            }
            moved.sent.extend(self.graph.facts(open.node).message.clone());
            let event = Event::Complete { work: open.work, set: BTreeMap::new() };
            effects.extend(step_within(&self.graph, &mut next, &event, fuel)?);
        }
        for effect in effects {
            match effect {
                Effect::Sent { node } => moved.sent.extend(self.graph.facts(node).message.clone()),
                Effect::Finished(outcome) => moved.outcome = Some(outcome),
                Effect::Opened { .. }
                | Effect::Cancelled { .. }
                | Effect::Completed { .. }
                | Effect::Ended { .. } => {}
            }
        }
        let before = std::mem::replace(&mut self.state, next);
        (moved.opened, moved.gone) = self.changed_since(&before);
        Ok(moved)
    }

    /// The works that came and went since the case stood so.
    pub(super) fn changed_since(&self, before: &State) -> (Works, Works) {
        let (before, after) = (works(before), works(&self.state));
        let not_in = |of: &BTreeMap<WorkId, NodeIx>, other: &BTreeMap<WorkId, NodeIx>| {
            let mine = of.iter().filter(|(work, _)| !other.contains_key(*work));
            mine.map(|(work, node)| (*work, *node)).collect()
        };
        (not_in(&after, &before), not_in(&before, &after))
    }

    fn is_sending(&self, open: &Open) -> bool {
        open.awaits == Awaits::Completion && self.graph.facts(open.node).sends_itself()
    }

    /// Moves the case for its caller, who is told why it cannot.
    pub(super) fn advance(
        &mut self,
        run: &mut CallRun<'_, '_>,
        event: &Event,
    ) -> Result<Moved, Halt> {
        let mut fuel = run.fuel;
        let result = self.step(event, &mut fuel);
        run.fuel = fuel;
        result.map_err(|stop| self.refusal(&stop, fuel))
    }

    fn refusal(&self, stop: &Stop, fuel: Fuel) -> Halt {
        if fuel.left == 0 || matches!(stop, Stop::Bound { what: "moves", .. }) {
            return rejected(Reject::OutOfFuel, "the step costs too much");
        }
        let at = match stop {
            Stop::NoWay(node) | Stop::NoRule(node) | Stop::NoParty(node) => {
                format!(" at `{}`", self.graph.id(*node))
            }
            Stop::NotNow
            | Stop::NoProcess
            | Stop::NoWork
            | Stop::Variable(_)
            | Stop::Rule(_)
            | Stop::Bound { .. } => String::new(),
        };
        let nobody = matches!(stop, Stop::NoParty(_));
        let code = if nobody { Reject::PartyMissing } else { Reject::StepRefused };
        rejected(code, format!("{stop}{at}"))
    }

    /// Writes what moved. The caller has ended the task `done` itself.
    pub(super) fn write(
        mut self,
        run: &mut CallRun<'_, '_>,
        moved: &Moved,
        done: Option<WorkId>,
    ) -> Result<(), Halt> {
        self.write_works(run, moved, done)?;
        self.save(run, moved.outcome)
    }

    /// Writes the tasks and waits that came and went, and tells of what was sent.
    pub(super) fn write_works(
        &mut self,
        run: &mut CallRun<'_, '_>,
        moved: &Moved,
        done: Option<WorkId>,
    ) -> Result<(), Halt> {
        for (work, node) in &moved.gone {
            // All at once, so that they are fetched in one round.
            run.session.probe(&key(self.register(*node), self.work_key(*work)));
        }
        for (work, node) in moved.gone.iter().filter(|(work, _)| Some(*work) != done) {
            let result = self.end_work(run, *work, *node);
            run.tolerate(result)?;
        }
        for (work, node) in &moved.opened {
            let result = self.open_work(run, *work, *node);
            run.tolerate(result)?;
        }
        let package = super::package();
        for message in &moved.sent {
            let data = Some(Value::Text(message.clone()));
            run.raise_with(&package.id, "sent", (&CASE.into(), &self.key), data)?;
        }
        Ok(())
    }

    /// Writes the case itself; one that ended is closed with what it was about.
    pub(super) fn save(
        mut self,
        run: &mut CallRun<'_, '_>,
        outcome: Option<Outcome>,
    ) -> Result<(), Halt> {
        let bytes = cbor::encode(&self.state);
        if bytes.len() > STATE_BYTES_MAX {
            return reject(Reject::BodyTooLarge, format!("a state of {} bytes", bytes.len()));
        }
        draw(&mut run.fuel, by_kilobyte(bytes.len(), fuel::STATE_KILOBYTE))?;
        self.set.insert("state".into(), Value::Bytes(bytes));
        match outcome {
            Some(Outcome::Completed) => drop(self.set.insert("status".into(), "completed".into())),
            // Whoever cancelled it has said why.
            Some(Outcome::Failed(code)) if !self.set.contains_key("status") => {
                self.set.insert("status".into(), "failed".into());
                let code = code.map(|code| Value::from(self.graph.code(code)));
                self.set.extend(code.map(|code| ("error".into(), code)));
            }
            Some(Outcome::Failed(_)) | None => {}
        }
        let package = super::package();
        if outcome.is_none() {
            return run.update(&package, CASE, &self.key, self.set, None);
        }
        let now = run.session.context.time;
        self.set.insert("ended".into(), Value::Time(now));
        let reason = self.set.get("status").and_then(Value::as_str).cloned().unwrap_or_default();
        for place in 0..words(&self.fields, "subjects").count() {
            let name = subject_key(&self.key, place);
            let result = run.close(&package, SUBJECT, &name, &"case-ended".into());
            run.tolerate(result)?;
        }
        run.update(&package, CASE, &self.key, self.set, None)?;
        run.close(&package, CASE, &self.key, &reason)
    }

    /// The register in which a work stands.
    fn register(&self, node: NodeIx) -> &'static str {
        if is_task(self.graph.facts(node)) { TASK } else { WAIT }
    }

    /// A work that is no longer awaited.
    fn end_work(
        &mut self,
        run: &mut CallRun<'_, '_>,
        work: WorkId,
        node: NodeIx,
    ) -> Result<(), Halt> {
        let (package, name) = (super::package(), self.work_key(work));
        let register = self.register(node);
        if register == TASK {
            let (fields, _) = seen(run, TASK, &name)?;
            if word(&fields, "status") == "returned" {
                self.count_returned(-1, run.session.context.time);
            }
            let now = Value::Time(run.session.context.time);
            let set = record([("status", "cancelled".into()), ("ended", now)]);
            run.update(&package, TASK, &name, set, None)?;
        }
        run.close(&package, register, &name, &"no-longer-awaited".into())
    }

    /// One task more, or less, waits for the applicant; the clock of the case stands still as long
    /// as one does.
    pub(super) fn count_returned(&mut self, by: i64, now: chaincity_types::Timestamp) {
        let before = self.fields.get("returned").and_then(Value::as_int).unwrap_or(0);
        let after = before.saturating_add(by).max(0);
        self.change("returned", Value::Int(after));
        let suspended = word(&self.fields, "status") == "suspended";
        let clock = match (before, after) {
            (0, 1) => clock::stop(&self.fields, now),
            (1, 0) if !suspended => clock::go_on(&self.fields, now),
            _ => None,
        };
        for (name, value) in clock.unwrap_or_default() {
            self.change(&name, value);
        }
    }

    /// Changes a field of its record.
    pub(super) fn change(&mut self, name: &str, value: Value) {
        if value == Value::Null {
            self.fields.remove(name);
        } else {
            self.fields.insert(name.into(), value.clone());
        }
        self.set.insert(name.into(), value);
    }

    fn open_work(&self, run: &mut CallRun<'_, '_>, work: WorkId, node: NodeIx) -> Result<(), Halt> {
        let now = run.session.context.time;
        let facts = self.graph.facts(node);
        let name = self.graph.label(node).map_or("", |label| &label.name);
        let id = self.graph.id(node);
        let mut fields = record([
            ("id", Value::Text(self.work_key(work))),
            ("case", Value::Text(self.key.clone())),
            ("node", id.into()),
            ("name", if name.is_empty() { id } else { name }.into()),
            ("opened", Value::Time(now)),
        ]);
        let register = self.register(node);
        if register == TASK {
            let field = |name: &str| self.fields.get(name).cloned().unwrap_or(Value::Null);
            fields.extend(record([
                ("package", field("package")),
                ("process", field("process")),
                ("status", "open".into()),
                ("overdue", Value::Bool(false)),
                ("attached", Value::List(Vec::new())),
            ]));
            fields.extend(clock::deadline(facts.workdays, now));
        } else if let Some(timing) = &facts.timing {
            fields.extend(clock::awaited(timing, now));
        } else {
            let message = facts.message.clone().unwrap_or_default();
            fields.insert("message".into(), Value::Text(message));
        }
        if !facts.roles.is_empty() {
            // For good: what becomes of a variable later does not move what is open.
            let variables = self.state.variables_of(work);
            let may = caller::holders(&facts.roles, &self.fields, variables);
            if register == TASK {
                fields.insert(LISTS.into(), text_list(&listed(&may)));
            }
            fields.insert(caller::MAY.into(), text_list(&may));
        }
        run.insert(&super::package(), register, fields).map(drop)
    }

    /// The values that the caller gives for variables. Which groups are whose, its record notes: nobody
    /// sees variables in the state.
    pub(super) fn given(
        &mut self,
        run: &CallRun<'_, '_>,
        declared: &[VariableDef],
        input: &Fields,
    ) -> Result<BTreeMap<Str, Value>, Halt> {
        let set = Self::variables(declared, input, run.session.context.time.china_day())?;
        let mut sealed =
            self.fields.get(SEALED).and_then(Value::as_map).cloned().unwrap_or_default();
        let mut changed = false;
        for variable in declared {
            let name = variable.name.as_str();
            let Some((group, commitment)) = variable.group().zip(set.get(name)) else { continue };
            let note = record([
                ("group", Value::Text(group.clone())),
                ("commitment", commitment.clone()),
                ("member", Value::Text(run.frame.caller.member.clone())),
            ]);
            sealed.insert(name.into(), Value::Map(note));
            changed = true;
        }
        if changed {
            self.change(SEALED, Value::Map(sealed));
        }
        Ok(set)
    }

    /// The values of variables, from texts.
    pub(super) fn variables(
        declared: &[VariableDef],
        input: &Fields,
        today: i32,
    ) -> Result<BTreeMap<Str, Value>, Halt> {
        let given = input.get("set").and_then(Value::as_map);
        let mut set = BTreeMap::new();
        for (name, value) in given.into_iter().flatten() {
            let Some(variable) = declared.iter().find(|variable| variable.name == *name) else {
                return reject(Reject::InvalidInput, format!("no variable `{}`", short(name)));
            };
            let text = value.as_text().unwrap_or_default();
            let wrong = |cause: String| rejected(Reject::InvalidInput, format!("`{name}` {cause}"));
            let value = chaincity_package::json::from_text(&variable.kind, text)
                .and_then(|value| variable.kind.check(value, today))
                .map_err(|problem| wrong(problem.to_string()))?;
            set.insert(name.clone(), value);
        }
        Ok(set)
    }

    /// The waits for a message, those of waiting tokens first, then oldest first.
    pub(super) fn waits_for(&self, message: &str) -> Vec<WorkId> {
        let mut found: Vec<Open> = self
            .state
            .open()
            .filter(|open| {
                let facts = self.graph.facts(open.node);
                !is_task(facts) && facts.message.as_deref() == Some(message)
            })
            .collect();
        found.sort_by_key(|open| (open.awaits == Awaits::Maybe, open.work));
        found.into_iter().map(|open| open.work).collect()
    }

    /// The event by which a wait ends.
    pub(super) fn arrival(&self, work: WorkId, set: BTreeMap<Str, Value>) -> Event {
        let open = self.state.open().find(|open| open.work == work);
        if open.is_some_and(|open| open.awaits == Awaits::Completion) {
            Event::Complete { work, set }
        } else {
            Event::Occur { work, set }
        }
    }

    /// The keys of every open task, and of every wait.
    pub(super) fn works(&self) -> Vec<(WorkId, &'static str)> {
        let works = works(&self.state).into_iter();
        works.map(|(work, node)| (work, self.register(node))).collect()
    }
}

/// Whether people do it; receiving is waiting.
pub(super) fn is_task(facts: &Facts) -> bool {
    facts.task.is_some_and(|kind| kind != TaskKind::Receive)
}

fn works(state: &State) -> BTreeMap<WorkId, NodeIx> {
    state.open().map(|open| (open.work, open.node)).collect()
}

/// Under what a task is listed that these may do: each with its party, and the roles alone.
fn listed(may: &BTreeSet<Str>) -> BTreeSet<Str> {
    let roles = may.iter().filter_map(|one| one.split_once('@')).map(|(role, _)| role.into());
    may.iter().cloned().chain(roles).collect()
}

/// The key of what a case is about.
pub(super) fn subject_key(case: &str, place: usize) -> Str {
    format!("{case}-s{place}").into()
}

fn short(name: &str) -> String {
    name.chars().take(40).collect()
}

/// Whether a record of another package is there, live or closed.
pub(super) fn exists(run: &mut CallRun<'_, '_>, about: &str) -> Result<bool, Halt> {
    let mut parts = about.splitn(3, '/');
    let (Some(package), Some(register), Some(name)) = (parts.next(), parts.next(), parts.next())
    else {
        return Ok(false);
    };
    draw(&mut run.fuel, fuel::READ)?;
    let logical =
        LogicalKey::Record { package: package.into(), register: register.into(), key: name.into() };
    Ok(run.session.get(&logical)?.is_some())
}

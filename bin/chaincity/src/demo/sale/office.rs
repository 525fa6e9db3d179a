//! A person who works a task list by a table: looks what is open for its roles, claims, asks for the
//! consents that a step needs, and completes it in one atomic transaction. Who is a party also
//! answers what it is asked to consent to.
//!
//! All that people say to each other goes through the ledger; papers alone are shown beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chaincity_client::api::record::{LIMIT_MAX, Record};
use chaincity_client::{Select, call};
use chaincity_ledger::cases;
use chaincity_process::graph::Role;
use chaincity_types::wire::Call;
use chaincity_types::{Digest, Value};
use serde_json::Value as Json;

use super::deal::digest;
use super::desk::{Act, Desk, Doing, text};
use super::forms::Fields;
use super::play::{Line, Play};
use super::table::{self, Entry};
use super::town::Person;
use crate::actor::{Done, Sent, consent, fields, remote};
use crate::fault::Fault;

/// How long to wait for a block before looking again all the same.
const PATIENCE: Duration = Duration::from_millis(250);

/// A task that is claimed.
struct InHand {
    task: Record,
    doing: Doing,
}

/// One person at work.
struct Clerk<'p> {
    desk: Desk<'p>,
    /// Roles whose lists of tasks it looks through.
    lists: BTreeSet<String>,
    hand: Vec<InHand>,
    /// Tasks that it has tried for: the node asked may be a little behind.
    tried: BTreeSet<String>,
    /// Requests that it has answered.
    answered: BTreeSet<String>,
    /// Where it signed as a party: nobody signs twice.
    signed: BTreeSet<String>,
}

/// Works until the play is over.
pub(super) fn work(play: &Play<'_>, person: &Person) {
    let mut clerk = Clerk::new(play, person);
    let mut seen = 0;
    while !play.is_over() {
        if let Err(fault) = clerk.look() {
            play.fail(fault);
        }
        seen = play.town.bell.wait(seen, PATIENCE);
    }
}

impl<'p> Clerk<'p> {
    fn new(play: &'p Play<'p>, person: &'p Person) -> Self {
        let mut lists = BTreeSet::new();
        for entry in table::TABLE.iter().filter(|entry| entry.is_for(person.seat.name)) {
            let roles = play.town.forms.facts(entry.node).map(|facts| facts.roles.as_slice());
            let roles = roles.unwrap_or_default();
            let held = |role: &&Role| person.actor.roles.iter().any(|held| *held == *role.name);
            lists.extend(roles.iter().filter(held).map(|role| role.name.to_string()));
        }
        Self {
            desk: Desk { play, person },
            lists,
            hand: Vec::new(),
            tried: BTreeSet::new(),
            answered: BTreeSet::new(),
            signed: BTreeSet::new(),
        }
    }

    /// Does whatever can be done now.
    fn look(&mut self) -> Result<(), Fault> {
        while !self.desk.play.is_over() {
            let did = [self.answer()?, self.take()?, self.finish()?];
            if !did.contains(&true) {
                break;
            }
        }
        Ok(())
    }

    /// Gives the consents that it is asked for and that are no task of their own.
    fn answer(&mut self) -> Result<bool, Fault> {
        let Some(party) = self.desk.person.seat.party else { return Ok(false) };
        let asked = asked_of(&self.desk, party, false)?;
        let open = asked.into_iter().filter(|act| !self.answered.contains(&act.0));
        let open: Vec<(String, Act)> = open.collect();
        if open.is_empty() {
            return Ok(false);
        }
        let mut calls = Vec::new();
        for (request, act) in open {
            calls.push(plain(act));
            self.answered.insert(request);
        }
        applied("mandate", self.desk.person.actor.send(calls)?)?;
        self.desk.play.sign(self.desk.person);
        Ok(true)
    }

    /// Claims what is open for it.
    fn take(&mut self) -> Result<bool, Fault> {
        let mut did = false;
        for role in self.lists.clone() {
            let select = Select::new("case", "task").when("lists", "has", &role);
            let select = select.eq("status", "open");
            let select = select.limit(LIMIT_MAX);
            let client = &self.desk.person.actor.client;
            for task in client.select(&select).map_err(remote)?.items {
                let Some(entry) = self.mine(&task) else { continue };
                // Nobody works on a case that is suspended.
                let case = client.record("case", "case", &self.desk.play.case).map_err(remote)?;
                if case.is_some_and(|case| text(&case, "status") == "running") {
                    did |= self.claim(entry, task)?;
                }
            }
        }
        Ok(did)
    }

    /// The table's entry for a task, if this person is to do it now.
    fn mine(&self, task: &Record) -> Option<&'static Entry> {
        let play = self.desk.play;
        let node = text(task, "node");
        let entry = table::find(node).filter(|entry| entry.is_for(self.desk.person.seat.name))?;
        let signed = self.desk.person.seat.is_citizen() && self.signed.contains(node);
        let over = signed || play.is_held(node) || self.tried.contains(&task.key);
        (text(task, "case") == play.case && !over).then_some(entry)
    }

    /// Claims a task, attaches its evidence and asks for the consents that it needs.
    fn claim(&mut self, entry: &Entry, task: Record) -> Result<bool, Fault> {
        self.tried.insert(task.key.clone());
        let desk = self.desk;
        let doing = (entry.does)(&desk)?;
        let mut calls = vec![call("case", "claim", fields([("task", task.key.as_str().into())]))];
        let facts = desk.play.town.forms.facts(entry.node);
        for kind in facts.map(|facts| facts.evidence.as_slice()).unwrap_or_default() {
            calls.push(attachment(desk.play, &task.key, kind)?);
        }
        let asked = requests(desk.play, &doing);
        calls.extend(asked.values().cloned());
        match desk.person.actor.send(calls)?.done {
            Done::Applied(_) => desk.play.ask(asked.into_keys()),
            // Another was first, or the process took it back.
            Done::Refused(code) if code.starts_with("task-") => return Ok(false),
            // Suspended meanwhile: later.
            Done::Refused(code) if code == "case-state" => {
                self.tried.remove(&task.key);
                return Ok(false);
            }
            Done::Refused(code) => return Err(refused(&format!("claim {}", entry.node), &code)),
        }
        self.signed.insert(entry.node.to_owned());
        self.hand.push(InHand { task, doing });
        Ok(true)
    }

    /// Completes what has all its consents.
    fn finish(&mut self) -> Result<bool, Fault> {
        if self.hand.is_empty() {
            return Ok(false);
        }
        let given = given(&self.desk)?;
        let mut did = false;
        for mut held in std::mem::take(&mut self.hand) {
            let Some(calls) = step(&self.desk, &held.task, &held.doing, &given) else {
                self.hand.push(held);
                continue;
            };
            let node = text(&held.task, "node").to_owned();
            let sent = self.desk.person.actor.send(calls)?;
            match &sent.done {
                Done::Applied(_) => {}
                Done::Refused(code) if code == "task-cancelled" => continue,
                Done::Refused(code) if code == "case-state" => {
                    self.hand.push(held);
                    continue;
                }
                Done::Refused(code) => return Err(refused(&node, code)),
            }
            did = true;
            self.desk.play.done(Line::of(&held.task, self.desk.person.seat, &sent));
            if let Some(after) = held.doing.after.take() {
                after(&self.desk, &sent)?;
            }
        }
        Ok(did)
    }
}

/// Tries a task at once, unclaimed, as its table has it: for what the story expects to be refused.
pub(super) fn attempt(desk: &Desk<'_>, entry: &Entry, task: &Record) -> Result<Sent, Fault> {
    let doing = (entry.does)(desk)?;
    let calls = step(desk, task, &doing, &given(desk)?);
    let calls = calls.ok_or_else(|| Fault::other("授意不全", "a consent is missing"))?;
    desk.person.actor.send(calls)
}

/// The calls that complete a task; `None` while a consent is missing.
fn step(desk: &Desk<'_>, task: &Record, doing: &Doing, given: &Given) -> Option<Vec<Call>> {
    let mut calls = Vec::new();
    for act in &doing.acts {
        let mut mandates = Vec::new();
        for (party, purpose) in &act.consents {
            mandates.push(given.get(&binding(party, act, purpose))?.as_str().into());
        }
        let mut call = plain(act.clone());
        call.case = Some(desk.play.case.as_str().into());
        call.task = Some(task.key.as_str().into());
        call.mandates = (!mandates.is_empty()).then_some(mandates);
        calls.push(call);
    }
    let set = doing.set.iter().map(|(name, value)| ((*name).into(), value.as_str().into()));
    calls.push(cases::complete(&task.key, set.collect()));
    Some(calls)
}

/// What a mandate binds: party, package, action, purpose, digest of the input.
pub(super) type Binding = [String; 5];
/// Mandates that were given in the case, by what they bind.
type Given = BTreeMap<Binding, String>;

fn binding(party: &str, act: &Act, purpose: &str) -> Binding {
    let digest = chaincity_ledger::mandate_digest(&act.input).to_string();
    [party, &act.package, &act.action, purpose, &digest].map(str::to_owned)
}

fn given(desk: &Desk<'_>) -> Result<Given, Fault> {
    let by = [("case", desk.play.case.as_str()), ("status", "given")];
    let found = desk.records(("case", "request"), &by)?.into_iter().map(|record| {
        let binds = ["party", "package", "action", "purpose", "digest"];
        (binds.map(|field| text(&record, field).to_owned()), text(&record, "mandate").to_owned())
    });
    Ok(found.collect())
}

/// Requests for the consents of a step and of what it lays before the parties, but for those that were
/// asked for before; the papers are shown.
fn requests(play: &Play<'_>, doing: &Doing) -> BTreeMap<Binding, Call> {
    let mut calls = BTreeMap::new();
    for act in doing.acts.iter().chain(&doing.laid) {
        for (party, purpose) in &act.consents {
            let binding = binding(party, act, purpose);
            if !play.is_asked(&binding) {
                let digest = play.show(&act.input);
                let bound = consent((&act.package, &act.action), (party, purpose), digest);
                let request = call("case", "ask-mandate", in_case(bound, play, &["expiry"]));
                calls.insert(binding, request);
            }
        }
    }
    calls
}

/// The open requests to a party in this case, as mandates that it would give: those that are given in
/// a task of their own, or the others.
pub(super) fn asked_of(
    desk: &Desk<'_>,
    party: &str,
    in_tasks: bool,
) -> Result<Vec<(String, Act)>, Fault> {
    let play = desk.play;
    let by = [("party", party), ("status", "asked")];
    let asked = desk.records(("case", "request"), &by)?.into_iter().filter(|record| {
        let in_task = table::SIGNED_IN_TASKS.contains(&text(record, "purpose"));
        text(record, "case") == play.case && in_task == in_tasks
    });
    let mandate = |record: Record| {
        let asked = |field: &str| text(&record, field).to_owned();
        let input = play.shown(&asked("digest"))?;
        // What is signed is what was shown, not what the request says.
        let digest = chaincity_ledger::mandate_digest(&input);
        let to = (asked("package"), asked("action"));
        let bound = consent((&to.0, &to.1), (party, &asked("purpose")), digest);
        let (package, action) = ("governance".into(), "mandate".into());
        let input = in_case(bound, play, &[]);
        Ok((record.key, Act { package, action, input, consents: Vec::new() }))
    };
    asked.map(mandate).collect()
}

/// Binds an input to the case; leaves out what this call has no use for.
fn in_case(mut input: Fields, play: &Play<'_>, without: &[&str]) -> Fields {
    input.retain(|name, _| !without.contains(&name.as_str()));
    input.insert("case".into(), play.case.as_str().into());
    input
}

fn attachment(play: &Play<'_>, task: &str, kind: &str) -> Result<Call, Fault> {
    let document = format!("{} {kind}", play.deal.number);
    let digest = Digest::from_hex(&digest(&document));
    let digest = digest.map_err(|_not_hex| Fault::other("摘要有误", "a digest is none"))?;
    let input = fields([
        ("case", play.case.as_str().into()),
        ("task", task.into()),
        ("kind", kind.into()),
        ("digest", Value::Bytes(digest.as_bytes().to_vec())),
        ("media", "application/pdf".into()),
    ]);
    Ok(call("case", "attach", input))
}

fn plain(act: Act) -> Call {
    call(&act.package, &act.action, act.input)
}

/// The transaction must have applied.
pub(super) fn applied(what: &str, sent: Sent) -> Result<Sent, Fault> {
    match &sent.done {
        Done::Applied(_) => Ok(sent),
        Done::Refused(code) => Err(refused(what, code)),
    }
}

/// What should have applied did not.
pub(super) fn refused(what: &str, code: &str) -> Fault {
    Fault::other(format!("{what} 被驳回：{code}"), format!("{what} was refused: {code}"))
}

/// A text field of JSON, for inputs.
pub(super) fn key(record: &Record) -> Json {
    Json::from(record.key.as_str())
}

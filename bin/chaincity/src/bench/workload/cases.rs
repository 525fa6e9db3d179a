//! Cases: permits that are carried out step by step, beside any number that stand open.
//!
//! Those at work take turns: each gets its next step when all others have had theirs, at least
//! [`BETWEEN_S`] seconds after the one before, and a new case takes the place of one that has ended. So
//! beginnings, steps and ends come evenly, as in an office at work, and no step waits for an answer:
//! the token machine tells its task beforehand. What was refused or not answered strands the steps of
//! its case that follow in the window; these may be rejected, and the case is left as it stands.

use std::collections::{BTreeSet, VecDeque};

use chaincity_client::api::block::BlockInfo;
use chaincity_client::{Select, Signed, call};
use chaincity_ledger::{cases, record_key};
use chaincity_process::run::State;
use chaincity_types::wire::Call;
use chaincity_types::{Digest, Str, Timestamp, Value};

use super::course::{Book, Counted, Course, End, PACKAGE, is_message};
use super::{Op, Phase, Read, Workload, among};
use crate::actor::fields;
use crate::bench::desk::{Desk, Signing};
use crate::bench::drive::Window;
use crate::bench::{say, town};
use crate::fault::Fault;
use crate::shipped;

const PERMIT: &str = "permit";
const TERM: &str = "term";
/// The file with the term, and what stands in it for its instant.
const TERM_FILE: &str = "processes/term.bpmn";
const PLACEHOLDER: &str = "2099-12-31T00:00:00Z";
/// Whose tasks are listed.
const CLERK: &str = "permit.clerk";
/// Seconds from when a step of a case is due until its next one is: longer than it takes until the
/// first is final, and than a trial of the search, whose transactions are all final before the next
/// one begins.
const BETWEEN_S: u64 = 5;
/// Cases that are begun in one round, when many are: what is signed for them is held in memory.
const TOGETHER: usize = 10_000;

/// The package's document, with the instant at which all terms end.
///
/// # Errors
/// When the shipped package does not parse; a test keeps this from being shipped.
pub(in crate::bench) fn document(instant: Timestamp) -> Result<Vec<u8>, Fault> {
    let term = shipped::file(PACKAGE, TERM_FILE)?.replace(PLACEHOLDER, &instant.to_string());
    let files = shipped::files(PACKAGE).into_iter();
    let files: Vec<(&str, &str)> = files
        .map(|(path, text)| (path, if path == TERM_FILE { term.as_str() } else { text }))
        .collect();
    let source = chaincity_package::source::parse(&files);
    let source = source.map_err(|problems| {
        let first = problems.first().map(ToString::to_string).unwrap_or_default();
        Fault::other(format!("应用包 {PACKAGE}：{first}"), format!("package {PACKAGE}: {first}"))
    })?;
    Ok(source.doc.to_bytes())
}

/// The terms that are open.
pub(in crate::bench) fn open_terms() -> Select {
    let running = Select::new(cases::ID, cases::CASE).eq("status", "running");
    running.eq("package", PACKAGE).eq("process", TERM).limit(1)
}

/// A case at work.
#[derive(Clone, Debug, Default)]
struct Turn {
    /// Empty until it is begun.
    key: Str,
    simple: bool,
    state: State,
}

/// The workload.
pub(super) struct Cases {
    permit: usize,
    term: usize,
    courses: [Course; 2],
    /// Open cases that stand before, and terms that end at one instant.
    standing: usize,
    terms: usize,
    /// How many cases at work there were: every other one is simple.
    turns: usize,
    at_work: VecDeque<Turn>,
    phase: Phase,
    /// The steps of the last window, in order, with their cases.
    stepped: Vec<(Digest, Str)>,
    /// Transactions that may be rejected.
    stranded: BTreeSet<String>,
    book: Book,
}

impl Cases {
    pub(super) fn new(standing: usize, terms: usize) -> Result<Self, Fault> {
        Ok(Self {
            permit: 0,
            term: 1,
            courses: [Course::shipped(PERMIT)?, Course::shipped(TERM)?],
            standing,
            terms,
            turns: 0,
            at_work: VecDeque::new(),
            phase: Phase::Steps,
            stepped: Vec::new(),
            stranded: BTreeSet::new(),
            book: Book::default(),
        })
    }

    fn course(&self, at: usize) -> Result<&Course, Fault> {
        self.courses.get(at).ok_or_else(|| wrong("course"))
    }

    fn fresh(&mut self) -> Turn {
        self.turns = self.turns.saturating_add(1);
        let simple = self.turns.checked_rem(2) == Some(0);
        Turn { simple, ..Turn::default() }
    }

    /// The calls of a case's next step, atomic where there are several.
    fn calls(&self, turn: &Turn) -> Result<Vec<Call>, Fault> {
        let course = self.course(self.permit)?;
        if turn.key.is_empty() {
            return Ok(vec![start(course.id)]);
        }
        let (work, node) = course.next(&turn.state).ok_or_else(|| wrong("step"))?;
        let facts = course.facts(node);
        if is_message(facts) {
            let message = Value::Text(facts.message.clone().unwrap_or_default());
            let input = fields([("case", Value::Text(turn.key.clone())), ("message", message)]);
            return Ok(vec![call(cases::ID, "message", input)]);
        }
        let task = format!("{}-{}", turn.key, work.0);
        let set = course.set(node, turn.simple).into_iter();
        let set = set.map(|(name, value)| (name.into(), value.to_string().into())).collect();
        let carried = facts.actions.iter().map(|action| {
            let (package, action) = action.split_once('.').unwrap_or_default();
            let holder = Value::Text(turn.key.clone());
            let input = fields([("holder", holder), ("granted", Value::Bool(true))]);
            let (case, task) = (Some(turn.key.clone()), Some(task.as_str().into()));
            Call { case, task, ..call(package, action, input) }
        });
        Ok(carried.chain([cases::complete(&task, set)]).collect())
    }

    /// A step was signed, or done: what the case is after it. A case that begins gets this key.
    fn advance(&mut self, turn: &mut Turn, key: impl FnOnce() -> Option<Str>) -> Result<(), Fault> {
        let begins = turn.key.is_empty();
        if begins {
            turn.key = key().ok_or_else(|| wrong("case"))?;
            self.book.expect(turn.key.clone(), self.permit, turn.simple, End::Ended);
        }
        let course = self.course(self.permit)?;
        let done = if begins {
            course.begin(&mut turn.state)
        } else {
            let next = course.next(&turn.state);
            next.and_then(|(work, _)| course.advance(&mut turn.state, work, turn.simple))
        };
        done.map(drop).ok_or_else(|| wrong("step"))
    }

    /// Has the next step of each of these done, together and outside of any window.
    fn step_all(&mut self, turns: &mut [Turn], desk: &mut Desk<'_>) -> Result<(), Fault> {
        let mut alone: Vec<Signing<'_>> = Vec::new();
        let mut atomic: Vec<Signed> = Vec::new();
        let mut single = Vec::with_capacity(turns.len());
        for turn in turns.iter() {
            let calls = self.calls(turn)?;
            single.push(calls.len() == 1);
            match <[Call; 1]>::try_from(calls) {
                Ok([call]) => alone.push((call, desk.operator()?)),
                Err(calls) => atomic.push(desk.sign_all(calls)?),
            }
        }
        let mut entries = desk.settle(&alone)?.into_iter();
        let receipts = desk.execute(&atomic)?;
        if receipts.iter().flat_map(|receipt| &receipt.entries).any(|entry| !entry.applied) {
            return Err(wrong("atomic step"));
        }
        for (turn, single) in turns.iter_mut().zip(single) {
            let entry = if single { entries.next() } else { None };
            self.advance(turn, || entry.as_ref().and_then(begun))?;
        }
        Ok(())
    }

    /// Puts as many cases to work as a rate needs, each a step further than the one before.
    fn employ(&mut self, count: usize, desk: &mut Desk<'_>) -> Result<(), Fault> {
        let wanted = count.saturating_sub(self.at_work.len());
        let length = self.course(self.permit)?.length();
        let mut fresh: Vec<Turn> = (0..wanted).map(|_| self.fresh()).collect();
        // In order of how far they come: those that go further stand at the end.
        let stage = |at: usize| at.saturating_mul(length).checked_div(wanted).unwrap_or(0);
        for round in 0..length {
            let from = (0..wanted).find(|at| stage(*at) > round).unwrap_or(wanted);
            if let Some(further) = fresh.get_mut(from..).filter(|further| !further.is_empty()) {
                self.step_all(further, desk)?;
            }
        }
        // Dealt out one stage after the other, so that every moment has steps of all stages.
        let pile = wanted.div_ceil(length.max(1)).max(1);
        let places = (0..pile).flat_map(|first| (first..wanted).step_by(pile));
        let dealt: Vec<Turn> = places.filter_map(|at| fresh.get(at).cloned()).collect();
        self.at_work.extend(dealt);
        Ok(())
    }

    /// Begins cases that stay, or end by themselves.
    fn begin_many(
        &mut self,
        (course, count, end): (usize, usize, End),
        desk: &mut Desk<'_>,
    ) -> Result<(), Fault> {
        let id = self.course(course)?.id;
        let mut left = count;
        while left > 0 {
            let some = left.min(TOGETHER);
            let signings = (0..some).map(|_| Ok((start(id), desk.operator()?)));
            let signings: Vec<Signing<'_>> = signings.collect::<Result<_, Fault>>()?;
            for entry in desk.settle(&signings)? {
                let key = begun(&entry).ok_or_else(|| wrong("case"))?;
                self.book.expect(key, course, false, end);
            }
            left = left.saturating_sub(some);
            say(&format!("{id}: {} / {count}", count.saturating_sub(left)));
        }
        Ok(())
    }

    /// The next `count` steps of those at work.
    fn steps(&mut self, count: usize, desk: &mut Desk<'_>) -> Result<Vec<Op>, Fault> {
        let mut ops = Vec::with_capacity(count);
        for _ in 0..count {
            let mut turn = self.at_work.pop_front().ok_or_else(|| wrong("case"))?;
            if turn.state.outcome().is_some() {
                turn = self.fresh();
            }
            let signed = desk.sign_all(self.calls(&turn)?)?;
            self.advance(&mut turn, || Some(record_key(signed.id, 0, 0)))?;
            self.stepped.push((signed.id, turn.key.clone()));
            self.at_work.push_back(turn);
            ops.push(Op::submit(signed));
        }
        Ok(ops)
    }
}

fn start(process: &str) -> Call {
    let input = fields([("package", PACKAGE.into()), ("process", process.into())]);
    call(cases::ID, "start", input)
}

/// The case that an entry says was begun.
fn begun(entry: &chaincity_client::api::transaction::EntryInfo) -> Option<Str> {
    let mut events = entry.events.iter();
    let found = events.find(|event| event.register == cases::CASE && event.kind == "inserted");
    found.map(|event| event.key.as_str().into())
}

fn wrong(what: &str) -> Fault {
    Fault::other(format!("流程与账本不符：{what}"), format!("not as the process has it: {what}"))
}

impl Workload for Cases {
    fn load(&mut self, desk: &mut Desk<'_>) -> Result<(), Fault> {
        self.begin_many((self.term, self.terms, End::Ended), desk)?;
        self.begin_many((self.permit, self.standing, End::Open), desk)
    }

    fn prepare(&mut self, count: usize, rate: u64, desk: &mut Desk<'_>) -> Result<Vec<Op>, Fault> {
        let written = rate.saturating_sub(self.phase.queries_per_s(rate));
        let between = usize::try_from(written.saturating_mul(BETWEEN_S)).unwrap_or(usize::MAX);
        self.employ(between.max(town::OPERATORS), desk)?;
        let queries = self.phase.queries(count, rate);
        let written = self.steps(count.saturating_sub(queries), desk)?;
        let list = || {
            let tasks = Select::new(cases::ID, cases::TASK);
            let open = tasks.when("lists", "has", CLERK).eq("status", "open");
            Some(Op::read(vec![Read::Page(open)]))
        };
        Ok(among(written, count, queries, list))
    }

    fn turn_to(&mut self, phase: Phase) {
        self.phase = phase;
    }

    fn after(&mut self, window: &Window) {
        let accepted: BTreeSet<&Digest> = window.accepted.iter().collect();
        let mut left = BTreeSet::new();
        for (id, case) in std::mem::take(&mut self.stepped) {
            if !accepted.contains(&id) {
                left.insert(case);
            } else if left.contains(&case) {
                self.stranded.insert(id.to_string());
            }
        }
        left.iter().for_each(|case| self.book.give_up(case));
        self.at_work.retain(|turn| !left.contains(&turn.key));
    }

    fn conclude(&mut self, desk: &mut Desk<'_>) -> Result<(), Fault> {
        let mut left: Vec<Turn> = std::mem::take(&mut self.at_work).into();
        loop {
            left.retain(|turn| !turn.key.is_empty() && turn.state.outcome().is_none());
            if left.is_empty() {
                return Ok(());
            }
            self.step_all(&mut left, desk)?;
        }
    }

    fn rejections(&self) -> &'static [&'static str] {
        &["not-found", "step-refused"]
    }

    fn on_block(&mut self, block: &BlockInfo) {
        let stranded = |id: &str| self.stranded.contains(id);
        self.book.on_block(&self.courses, block, stranded);
    }

    fn counted(&self) -> Option<Counted> {
        Some(self.book.counted())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    /// Cases at work at these stages, without a ledger.
    fn at_work(stages: &[usize]) -> Cases {
        let mut cases = Cases::new(0, 0).unwrap();
        for (number, stage) in stages.iter().enumerate() {
            let mut turn = cases.fresh();
            for _ in 0..*stage {
                cases.advance(&mut turn, || Some(format!("{number}").into())).unwrap();
            }
            cases.at_work.push_back(turn);
        }
        cases
    }

    fn id(byte: u8) -> Digest {
        Digest([byte; 32])
    }

    #[test]
    fn a_step_with_an_action_is_one_atomic_transaction_and_any_other_one_call() {
        let cases = at_work(&(0..10).collect::<Vec<_>>());
        let calls: Vec<Vec<Call>> =
            cases.at_work.iter().map(|turn| cases.calls(turn).unwrap()).collect();
        let names =
            |calls: &Vec<Call>| calls.iter().map(|c| c.action.to_string()).collect::<Vec<_>>();
        let names: Vec<String> = calls.iter().map(|calls| names(calls).join("+")).collect();
        let complete = || "complete".to_owned();
        let mut must = vec![complete(); 10];
        must[0] = "start".to_owned();
        must[6] = "message".to_owned();
        must[7] = "decide+complete".to_owned();
        assert_eq!(names, must);
        let carried = &calls[7][0];
        assert_eq!((carried.case.as_deref(), carried.package.as_str()), (Some("7"), PACKAGE));
        assert_eq!(carried.task.as_deref(), calls[7][1].input["task"].as_text());
        assert!(calls[1][0].input.contains_key("set") && !calls[2][0].input.contains_key("set"));
    }

    #[test]
    fn what_follows_a_refused_step_is_stranded_and_its_case_left() {
        let mut cases = at_work(&[1, 1]);
        cases.stepped = [(1, "0"), (2, "1"), (3, "0"), (4, "1")]
            .map(|(byte, case)| (id(byte), Str::from(case)))
            .into();
        let accepted = vec![id(2), id(3), id(4)];
        cases.after(&Window { accepted, ..Window::default() });
        assert_eq!(cases.stranded, BTreeSet::from([id(3).to_string()]));
        let left: Vec<&str> = cases.at_work.iter().map(|turn| turn.key.as_str()).collect();
        assert_eq!((left, cases.stepped.len()), (vec!["1"], 0));
    }

    #[test]
    fn the_instant_of_terms_stands_in_the_package_that_is_founded_with() {
        let instant = Timestamp(1_790_000_000_000);
        let doc = document(instant).unwrap();
        let held = chaincity_package::doc::PackageDoc::from_bytes(&doc).unwrap();
        let text = format!("{held:?}");
        assert!(text.contains("2026-09-21T") && !text.contains(PLACEHOLDER));
        assert!(chaincity_package::compile(&held).is_ok());
        assert_ne!(doc, document(instant.plus_ms(1_000)).unwrap());
    }
}

//! Cases without a ledger: the same token machine tells beforehand what each step does, so that the
//! steps of a window can be signed before it begins; and afterwards, in the order of the blocks, what
//! each step must have done.
//!
//! Steps are counted from the ledger: a receipt says which tasks and waits of which case came and went,
//! the machine says which event does that and how many nodes it completes. Whatever came or went
//! otherwise is told.

use std::collections::{BTreeMap, BTreeSet};

use chaincity_client::api::block::BlockInfo;
use chaincity_client::api::transaction::{EntryInfo, EventInfo};
use chaincity_ledger::cases;
use chaincity_process::graph::{Facts, Graph, NodeIx, TaskKind};
use chaincity_process::run::{Awaits, Effect, Event, State, WorkId, step};
use chaincity_types::{Digest, Str, Timestamp, Value};

use crate::fault::Fault;
use crate::shipped;

pub(super) const PACKAGE: &str = "process";
/// The variable by which a case goes the short way.
const SIMPLE: &str = "simple";
/// The step that sets it.
const DECIDES: &str = "receive";

/// A process, compiled.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) id: &'static str,
    graph: Graph,
}

/// What a step did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    /// Nodes that were completed.
    pub(super) steps: u64,
    /// Tasks and waits that came, and that went.
    opened: BTreeSet<WorkId>,
    gone: BTreeSet<WorkId>,
    pub(super) ended: bool,
}

impl Course {
    /// The process of the shipped package with this id, from the file of the same name.
    ///
    /// # Errors
    /// When it is not there or does not compile; a test keeps this from being shipped.
    pub(super) fn shipped(id: &'static str) -> Result<Self, Fault> {
        let path = format!("processes/{id}.bpmn");
        let text = shipped::file(PACKAGE, &path)?;
        let model = chaincity_process::parse(&path, text.as_bytes());
        let (graph, problems) = model.map_or_else(
            |problems| (Graph::default(), problems),
            |model| chaincity_process::compile(&model),
        );
        match problems.first() {
            None => Ok(Self { id, graph }),
            Some(first) => {
                Err(Fault::other(format!("流程 {id}：{first}"), format!("process {id}: {first}")))
            }
        }
    }

    /// What must be known of an open work.
    pub(super) fn facts(&self, node: NodeIx) -> &Facts {
        self.graph.facts(node)
    }

    /// The oldest open work that somebody does: a task, or a message that is awaited.
    pub(super) fn next(&self, state: &State) -> Option<(WorkId, NodeIx)> {
        let mut open = state.open().filter(|open| self.facts(open.node).timing.is_none());
        open.next().map(|open| (open.work, open.node))
    }

    /// What whoever does a work sets.
    pub(super) fn set(&self, node: NodeIx, simple: bool) -> Option<(&'static str, bool)> {
        (self.graph.id(node) == DECIDES).then_some((SIMPLE, simple))
    }

    /// Begins a case.
    pub(super) fn begin(&self, state: &mut State) -> Option<Done> {
        self.step(state, &Event::begin(0))
    }

    /// Has an open work done, or its time come.
    pub(super) fn advance(&self, state: &mut State, work: WorkId, simple: bool) -> Option<Done> {
        let open = state.open().find(|open| open.work == work)?;
        let set = self.set(open.node, simple);
        let set: BTreeMap<Str, Value> =
            set.into_iter().map(|(name, value)| (name.into(), Value::Bool(value))).collect();
        let event = match open.awaits {
            Awaits::Completion => Event::Complete { work, set },
            Awaits::Event | Awaits::Maybe => Event::Occur { work, set },
        };
        self.step(state, &event)
    }

    fn step(&self, state: &mut State, event: &Event) -> Option<Done> {
        let open = |state: &State| state.open().map(|open| open.work).collect::<BTreeSet<_>>();
        let before = open(state);
        let effects = step(&self.graph, state, event).ok()?;
        let after = open(state);
        let completed = effects.iter().filter(|effect| matches!(effect, Effect::Completed { .. }));
        Some(Done {
            steps: u64::try_from(completed.count()).unwrap_or(u64::MAX),
            opened: after.difference(&before).copied().collect(),
            gone: before.difference(&after).copied().collect(),
            ended: state.outcome().is_some(),
        })
    }

    /// How many transactions carry a case from its beginning to its end.
    pub(super) fn length(&self) -> usize {
        let mut state = State::default();
        let mut length = usize::from(self.begin(&mut state).is_some());
        while let Some((work, _)) = self.next(&state) {
            if self.advance(&mut state, work, false).is_none() {
                break;
            }
            length = length.saturating_add(1);
        }
        length
    }
}

/// Whether a message is awaited, rather than a task done.
pub(super) fn is_message(facts: &Facts) -> bool {
    facts.task.is_none_or(|kind| kind == TaskKind::Receive)
}

/// A case as it must stand.
#[derive(Clone, Debug, Default)]
struct Case {
    course: usize,
    simple: bool,
    state: State,
    end: End,
}

/// How far a case must come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    /// To its end.
    #[default]
    Ended,
    /// It stays open.
    Open,
    /// Nothing is known: a step of it was refused, or got no answer.
    Unknown,
}

/// What the blocks say of all cases.
#[derive(Debug, Default)]
pub(super) struct Book {
    cases: BTreeMap<Str, Case>,
    /// Nodes completed, by transaction or timer.
    steps: BTreeMap<Digest, u64>,
    /// Receipts of timers: when each was carried out.
    timers: Vec<Timestamp>,
    begun: u64,
    ended: u64,
    differing: u64,
}

/// What the blocks said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::bench) struct Counted {
    /// Nodes completed, by transaction or timer.
    pub(in crate::bench) steps: BTreeMap<Digest, u64>,
    /// When each timer was carried out, in order.
    pub(in crate::bench) timers: Vec<Timestamp>,
    pub(in crate::bench) begun: u64,
    pub(in crate::bench) ended: u64,
    /// Steps that did otherwise than they must, and cases that do not stand where they must.
    pub(in crate::bench) differing: u64,
}

impl Counted {
    /// Nodes that these transactions completed.
    pub(in crate::bench) fn by(&self, transactions: &[Digest]) -> u64 {
        let steps = transactions.iter().filter_map(|id| self.steps.get(id));
        steps.fold(0, |sum, steps| sum.saturating_add(*steps))
    }

    /// All nodes completed.
    pub(in crate::bench) fn total(&self) -> u64 {
        self.steps.values().fold(0, |sum, steps| sum.saturating_add(*steps))
    }
}

impl Book {
    /// A case will be begun, or was.
    pub(super) fn expect(&mut self, key: Str, course: usize, simple: bool, end: End) {
        self.cases.insert(key, Case { course, simple, end, ..Case::default() });
    }

    /// Nothing is known any more of how far it comes.
    pub(super) fn give_up(&mut self, key: &str) {
        if let Some(case) = self.cases.get_mut(key) {
            case.end = End::Unknown;
        }
    }

    /// Takes a block; `stranded` tells of transactions that may be rejected.
    pub(super) fn on_block(
        &mut self,
        courses: &[Course],
        block: &BlockInfo,
        stranded: impl Fn(&str) -> bool,
    ) {
        let Ok(time) = time_of(block) else {
            self.differ();
            return;
        };
        for receipt in &block.receipts {
            let by_ledger = receipt.operator.is_empty();
            let id = Digest::from_hex(&receipt.id).unwrap_or_default();
            for entry in &receipt.entries {
                if !entry.applied {
                    if by_ledger || !stranded(&receipt.id) {
                        self.differ();
                    }
                } else if let Some(touched) = Touched::of(entry) {
                    match self.take(courses, &touched, by_ledger) {
                        Some(steps) => {
                            let sum = self.steps.entry(id).or_default();
                            *sum = sum.saturating_add(steps);
                        }
                        None => self.differ(),
                    }
                    if by_ledger {
                        self.timers.push(time);
                    }
                }
            }
        }
    }

    const fn differ(&mut self) {
        self.differing = self.differing.saturating_add(1);
    }

    /// Moves a case as the ledger did; how many nodes that completes. `None`: it must not have.
    fn take(&mut self, courses: &[Course], touched: &Touched, by_ledger: bool) -> Option<u64> {
        let case = self.cases.get_mut(&touched.case)?;
        let course = courses.get(case.course)?;
        let done = if touched.begun {
            course.begin(&mut case.state)?
        } else {
            let timed = |work: &&WorkId| {
                let node = case.state.node(**work);
                node.is_some_and(|node| course.facts(node).timing.is_some())
            };
            let work = if by_ledger {
                touched.gone.iter().find(timed).copied()?
            } else {
                course.next(&case.state)?.0
            };
            course.advance(&mut case.state, work, case.simple)?
        };
        self.begun = self.begun.saturating_add(u64::from(touched.begun));
        self.ended = self.ended.saturating_add(u64::from(done.ended));
        let Done { steps, opened, gone, ended } = done;
        let same = (&opened, &gone, ended) == (&touched.opened, &touched.gone, touched.ended);
        same.then_some(steps)
    }

    /// What was counted, once every block was seen.
    pub(super) fn counted(&self) -> Counted {
        let wrong = |case: &&Case| match case.end {
            End::Ended => case.state.outcome().is_none(),
            End::Open => case.state.outcome().is_some() || case.state.is_empty(),
            End::Unknown => false,
        };
        let wrong = u64::try_from(self.cases.values().filter(wrong).count()).unwrap_or(u64::MAX);
        Counted {
            steps: self.steps.clone(),
            timers: self.timers.clone(),
            begun: self.begun,
            ended: self.ended,
            differing: self.differing.saturating_add(wrong),
        }
    }
}

fn time_of(block: &BlockInfo) -> Result<Timestamp, jiff::Error> {
    let time: jiff::Timestamp = block.block.time.parse()?;
    Ok(Timestamp(u64::try_from(time.as_millisecond()).unwrap_or(0)))
}

/// What an entry of a receipt says that it did to a case.
#[derive(Debug, Default)]
struct Touched {
    case: Str,
    begun: bool,
    ended: bool,
    opened: BTreeSet<WorkId>,
    gone: BTreeSet<WorkId>,
}

impl Touched {
    /// `None`: it is about no case.
    fn of(entry: &EntryInfo) -> Option<Self> {
        let mut touched = Self::default();
        let ours = |event: &&EventInfo| event.package == cases::ID;
        for event in entry.events.iter().filter(ours) {
            touched.case = cases::case_of(&event.key).into();
            let work = event.key.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
            let work = work.map(WorkId);
            match (event.register.as_str(), event.kind.as_str()) {
                (cases::CASE, "inserted") => touched.begun = true,
                (cases::CASE, "closed") => touched.ended = true,
                (cases::TASK | cases::WAIT, "inserted") => touched.opened.extend(work),
                (cases::TASK | cases::WAIT, "closed") => touched.gone.extend(work),
                _ => {}
            }
        }
        (!touched.case.is_empty()).then_some(touched)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "tests")]
    use super::*;
    use chaincity_client::api::block::BlockSummary;
    use chaincity_client::api::transaction::ReceiptInfo;

    fn courses() -> Vec<Course> {
        ["permit", "term"].map(|id| Course::shipped(id).unwrap()).into()
    }

    /// What one call did, as a receipt tells it.
    fn entry(case: &str, events: &[(&str, &str, Option<u64>)]) -> EntryInfo {
        let event = |(register, kind, work): &(&str, &str, Option<u64>)| EventInfo {
            package: cases::ID.to_owned(),
            kind: (*kind).to_owned(),
            register: (*register).to_owned(),
            key: work.map_or_else(|| case.to_owned(), |work| format!("{case}-{work}")),
            data: None,
        };
        let events = events.iter().map(event).collect();
        EntryInfo { applied: true, rejection: None, writes: Vec::new(), events }
    }

    fn block(operator: &str, entry: EntryInfo) -> BlockInfo {
        let time = Timestamp(1_790_000_000_000).to_string();
        let summary = BlockSummary {
            height: 1,
            digest: String::new(),
            parent: String::new(),
            time: time.clone(),
            protocol: 1,
            transactions: 1,
            transaction_bytes: 0,
            state_root: String::new(),
            effects_root: String::new(),
            committee: String::new(),
        };
        let receipt = ReceiptInfo {
            id: "id".to_owned(),
            height: 1,
            index: 0,
            time,
            operator: operator.to_owned(),
            entries: vec![entry],
            fuel: 0,
        };
        BlockInfo { block: summary, receipts: vec![receipt], writes: Vec::new() }
    }

    #[test]
    fn a_permit_takes_ten_transactions_and_sixteen_nodes_whichever_way_it_goes() {
        let courses = courses();
        let [permit, term] = courses.as_slice() else { unreachable!() };
        assert_eq!((permit.length(), term.length()), (10, 2));
        for simple in [false, true] {
            let mut state = State::default();
            let mut steps = permit.begin(&mut state).unwrap().steps;
            let mut ended = false;
            while let Some((work, _)) = permit.next(&state) {
                let done = permit.advance(&mut state, work, simple).unwrap();
                steps += done.steps;
                ended = done.ended;
            }
            assert_eq!((steps, ended), (16, true));
        }
    }

    #[test]
    fn steps_are_counted_from_receipts_and_what_differs_is_told() {
        let courses = courses();
        let begins = || entry("c", &[("case", "inserted", None), ("task", "inserted", Some(2))]);
        let mut state = State::default();
        let work = courses.first().and_then(|course| {
            course.begin(&mut state)?;
            course.next(&state)
        });
        assert_eq!(work.map(|(work, _)| work), Some(WorkId(2)), "the events below say so");
        let next = |closed, opened| {
            let events = [
                ("task", "closed", Some(closed)),
                ("task", "inserted", Some(opened)),
                ("case", "updated", None),
            ];
            entry("c", &events)
        };
        let counted = |entries: Vec<(EntryInfo, &str)>| {
            let mut book = Book::default();
            book.expect("c".into(), 0, false, End::Open);
            for (entry, operator) in entries {
                book.on_block(&courses, &block(operator, entry), |_| false);
            }
            let counted = book.counted();
            (counted.total(), counted.differing)
        };
        assert_eq!(counted(vec![(begins(), "aa")]), (1, 0));
        assert_eq!(counted(vec![(begins(), "aa"), (next(2, 3), "aa")]), (2, 0));
        assert_eq!(counted(vec![(begins(), "aa"), (next(2, 4), "aa")]), (1, 1), "another task");
        assert_eq!(counted(vec![(begins(), "aa"), (begins(), "aa")]), (1, 1), "twice");
        assert_eq!(counted(vec![(begins(), "aa"), (next(2, 3), "")]), (1, 1), "no time came");
        assert_eq!(counted(Vec::new()), (0, 1), "it was never begun");
        let rejected = EntryInfo { applied: false, ..begins() };
        assert_eq!(counted(vec![(begins(), "aa"), (rejected, "aa")]), (1, 1));
    }

    #[test]
    fn a_term_ends_by_the_ledger_with_two_nodes_more() {
        let courses = courses();
        let events = [
            ("case", "inserted", None),
            ("task", "inserted", Some(2)),
            ("wait", "inserted", Some(3)),
        ];
        let lapses =
            [("wait", "closed", Some(3)), ("task", "closed", Some(2)), ("case", "closed", None)];
        let mut book = Book::default();
        book.expect("c".into(), 1, false, End::Ended);
        book.on_block(&courses, &block("aa", entry("c", &events)), |_| false);
        assert_eq!(book.counted().differing, 1, "it has not ended");
        book.on_block(&courses, &block("", entry("c", &lapses)), |_| false);
        let counted = book.counted();
        assert_eq!((counted.total(), counted.differing, counted.timers.len()), (3, 0, 1));
        assert_eq!((counted.begun, counted.ended), (1, 1));
    }
}

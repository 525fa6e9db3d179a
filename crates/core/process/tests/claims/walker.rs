//! Random walks over generated block-structured processes: every one ends with no token left, and
//! a planted fault is found. A failure prints its input, made small, and its seed.

use std::collections::BTreeMap;

use crate::common::{flows, model, process, task, when};
use chaincity_process::auto::play;
use chaincity_process::run::{Awaits, Event, Outcome, State, step};
use chaincity_process::{check, compile};
use chaincity_types::{Value, cbor};
use proptest::prelude::*;

/// A part of a process with one way in and one way out.
#[derive(Clone, Debug)]
enum Block {
    Task,
    /// A task with a boundary event: interrupting, or with a side way of its own.
    Timed(bool),
    Several(bool),
    Row(Vec<Block>),
    Xor(Vec<Block>),
    And(Vec<Block>),
    Or(Vec<Block>),
    Events(Vec<Block>),
    Loop(Box<Block>),
    Sub(Box<Block>),
    /// An exclusive split into a parallel join.
    Starved,
    /// A parallel split into an exclusive join.
    Doubled,
}

fn block() -> impl Strategy<Value = Block> {
    let leaf = prop_oneof![
        3 => Just(Block::Task),
        1 => any::<bool>().prop_map(Block::Timed),
        1 => any::<bool>().prop_map(Block::Several),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let some = || proptest::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            some().prop_map(Block::Row),
            some().prop_map(Block::Xor),
            some().prop_map(Block::And),
            some().prop_map(Block::Or),
            some().prop_map(Block::Events),
            inner.clone().prop_map(|b| Block::Loop(Box::new(b))),
            inner.clone().prop_map(|b| Block::Sub(Box::new(b))),
        ]
    })
}

/// Puts `fault` beside the innermost part on a way that `path` chooses.
fn plant(block: Block, path: &[usize], fault: Block) -> Block {
    let Some((first, rest)) = path.split_first() else {
        return Block::Row(vec![block, fault]);
    };
    let into = |mut parts: Vec<Block>| {
        let at = first % parts.len();
        parts[at] = plant(parts[at].clone(), rest, fault.clone());
        parts
    };
    match block {
        Block::Row(parts) => Block::Row(into(parts)),
        Block::Xor(parts) => Block::Xor(into(parts)),
        Block::And(parts) => Block::And(into(parts)),
        Block::Or(parts) => Block::Or(into(parts)),
        Block::Events(parts) => Block::Events(into(parts)),
        Block::Loop(inner) => Block::Loop(Box::new(plant(*inner, rest, fault))),
        Block::Sub(inner) => Block::Sub(Box::new(plant(*inner, rest, fault))),
        leaf => Block::Row(vec![leaf, fault]),
    }
}

struct Writer {
    next: usize,
    nodes: String,
}

impl Writer {
    fn name(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}{}", self.next)
    }

    fn link(&mut self, from: &str, to: &str) {
        self.nodes.push_str(&flows(&format!("{from}>{to}")));
    }

    fn put(&mut self, text: &str) {
        self.nodes.push_str(text);
    }

    /// Writes a block; the nodes where it begins and ends.
    fn write(&mut self, block: &Block) -> (String, String) {
        match block {
            Block::Task => {
                let id = self.name("t");
                self.put(&task(&id));
                (id.clone(), id)
            }
            Block::Timed(interrupting) => self.timed(*interrupting),
            Block::Several(sequential) => {
                let id = self.name("m");
                self.put(&format!(
                    "<userTask id='{id}' chaincity:role='x'><multiInstanceLoopCharacteristics \
                     isSequential='{sequential}'><loopCardinality>1 + n % 3</loopCardinality>\
                     </multiInstanceLoopCharacteristics></userTask>"
                ));
                (id.clone(), id)
            }
            Block::Row(parts) => {
                let ends: Vec<(String, String)> = parts.iter().map(|p| self.write(p)).collect();
                for pair in ends.windows(2) {
                    self.link(&pair[0].1, &pair[1].0);
                }
                (ends[0].0.clone(), ends[ends.len() - 1].1.clone())
            }
            Block::Xor(parts) => self.split("exclusiveGateway", "exclusiveGateway", parts),
            Block::And(parts) => self.split("parallelGateway", "parallelGateway", parts),
            Block::Or(parts) => self.split("inclusiveGateway", "inclusiveGateway", parts),
            Block::Events(parts) => self.split("eventBasedGateway", "exclusiveGateway", parts),
            Block::Starved => {
                self.split("exclusiveGateway", "parallelGateway", &[Block::Task, Block::Task])
            }
            Block::Doubled => {
                self.split("parallelGateway", "exclusiveGateway", &[Block::Task, Block::Task])
            }
            Block::Loop(inner) => self.repeat(inner),
            Block::Sub(inner) => {
                let outer = std::mem::take(&mut self.nodes);
                let (start, end) = (self.name("s"), self.name("e"));
                let (first, last) = self.write(inner);
                self.put(&format!("<startEvent id='{start}'/><endEvent id='{end}'/>"));
                self.link(&start, &first);
                self.link(&last, &end);
                let inside = std::mem::replace(&mut self.nodes, outer);
                let id = self.name("p");
                self.put(&format!("<subProcess id='{id}'>{inside}</subProcess>"));
                (id.clone(), id)
            }
        }
    }

    fn timed(&mut self, interrupting: bool) -> (String, String) {
        let (id, boundary, out) = (self.name("t"), self.name("b"), self.name("j"));
        self.put(&task(&id));
        self.put(&format!(
            "<boundaryEvent id='{boundary}' attachedToRef='{id}' cancelActivity='{interrupting}'>\
             <timerEventDefinition chaincity:workdays='2'/></boundaryEvent>\
             <exclusiveGateway id='{out}'/>"
        ));
        self.link(&id, &out);
        if interrupting {
            self.link(&boundary, &out);
        } else {
            let (side, end) = (self.name("t"), self.name("e"));
            self.put(&format!("{}<endEvent id='{end}'/>", task(&side)));
            self.link(&boundary, &side);
            self.link(&side, &end);
        }
        (id, out)
    }

    fn split(&mut self, split: &str, join: &str, parts: &[Block]) -> (String, String) {
        let (from, to) = (self.name("g"), self.name("j"));
        let decides = matches!(split, "exclusiveGateway" | "inclusiveGateway");
        let mut default = String::new();
        for (place, part) in parts.iter().enumerate() {
            let (mut first, last) = self.write(part);
            if split == "eventBasedGateway" {
                let event = self.name("c");
                self.put(&format!(
                    "<intermediateCatchEvent id='{event}'><messageEventDefinition/>\
                     </intermediateCatchEvent>"
                ));
                self.link(&event, &first);
                first = event;
            }
            if !decides {
                self.link(&from, &first);
            } else if place + 1 == parts.len() {
                self.link(&from, &first);
                default = format!("default='{from}-{first}'");
            } else {
                self.put(&when(&from, &first, &format!("n % {} == 0", place + 2)));
            }
            self.link(&last, &to);
        }
        self.put(&format!("<{split} id='{from}' {default}/><{join} id='{to}'/>"));
        (from, to)
    }

    fn repeat(&mut self, inner: &Block) -> (String, String) {
        let (into, again, out) = (self.name("m"), self.name("x"), self.name("o"));
        let (first, last) = self.write(inner);
        self.put(&format!(
            "<exclusiveGateway id='{into}'/><exclusiveGateway id='{again}' \
             default='{again}-{out}'/><intermediateThrowEvent id='{out}'/>"
        ));
        self.link(&into, &first);
        self.link(&last, &again);
        self.link(&again, &out);
        self.put(&when(&again, &into, "n % 3 == 0"));
        (into, out)
    }
}

fn written(block: &Block) -> String {
    let mut writer = Writer { next: 0, nodes: String::new() };
    let (first, last) = writer.write(block);
    writer.put("<startEvent id='s'/><endEvent id='e'/>");
    writer.link("s", &first);
    writer.link(&last, "e");
    process(&writer.nodes, "")
}

/// Walks until the process ends; its states' bytes at every step.
fn walk(text: &str, choices: &[u16]) -> Vec<Vec<u8>> {
    let (graph, problems) = compile(&model(text));
    assert!(problems.is_empty(), "{problems:?}");
    let mut state = State::default();
    let mut trace = Vec::new();
    step(&graph, &mut state, &Event::begin(0)).unwrap();
    for turn in 0..5_000 {
        if state.outcome().is_some() {
            break;
        }
        // In the end nothing repeats and nothing interrupts.
        let wild = turn < 200;
        let choice = usize::from(choices[turn % choices.len()]).wrapping_add(turn);
        let open: Vec<_> =
            state.open().filter(|open| wild || open.awaits != Awaits::Maybe).collect();
        assert!(!open.is_empty(), "tokens are stuck: {state:?}");
        let chosen = open[choice % open.len()];
        let n = if wild { i64::try_from(choice / 7 % 13).unwrap() } else { 1 };
        let set = BTreeMap::from([("n".into(), Value::Int(n))]);
        let work = chosen.work;
        let event = match chosen.awaits {
            Awaits::Completion => Event::Complete { work, set },
            Awaits::Event | Awaits::Maybe => Event::Occur { work, set },
        };
        step(&graph, &mut state, &event).unwrap();
        trace.push(cbor::encode(&state));
    }
    assert_eq!(state.outcome(), Some(Outcome::Completed));
    assert!(state.is_empty(), "{state:?}");
    trace
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_walk_over_a_well_structured_process_ends_with_no_token_left(
        block in block(),
        choices in proptest::collection::vec(any::<u16>(), 1..60),
    ) {
        let text = written(&block);
        let findings = check(&model(&text));
        prop_assert!(findings.is_empty(), "{findings:?}\n{text}");
        let trace = walk(&text, &choices);
        prop_assert_eq!(trace, walk(&text, &choices), "the same bytes again");
        let (graph, _) = compile(&model(&text));
        let played = play(&graph, 0);
        prop_assert!(played.finished, "{played:?}");
    }

    #[test]
    fn a_planted_deadlock_is_found(
        block in block(),
        path in proptest::collection::vec(any::<usize>(), 0..6),
    ) {
        let text = written(&plant(block, &path, Block::Starved));
        let found = crate::common::found(&text);
        prop_assert!(found.contains(&"deadlock"), "{found:?}\n{text}");
    }

    #[test]
    fn a_planted_missing_join_is_found(
        block in block(),
        path in proptest::collection::vec(any::<usize>(), 0..6),
    ) {
        let text = written(&plant(block, &path, Block::Doubled));
        let found = crate::common::found(&text);
        prop_assert!(found.contains(&"missing-join"), "{found:?}\n{text}");
    }
}

//! Short files and a hand that moves them.
#![allow(unreachable_pub, reason = "tests")]

use std::collections::BTreeMap;

use chaincity_process::graph::Graph;
use chaincity_process::model::Model;
use chaincity_process::run::{Effect, Event, Open, State, Stop, step};
use chaincity_process::{check, compile, parse};
use chaincity_types::{Str, Value};

/// A file around `inside`.
pub fn file(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<definitions \
         xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" \
         xmlns:chaincity=\"https://chaincity.example/ns/bpmn/1\">\n{inside}\n</definitions>\n"
    )
}

/// Sequence flows `a>b;b>c`, with the ids `a-b`, `b-c`.
pub fn flows(text: &str) -> String {
    let flow = |pair: &str| {
        let (from, to) = pair.trim().split_once('>').unwrap();
        format!("<sequenceFlow id=\"{from}-{to}\" sourceRef=\"{from}\" targetRef=\"{to}\"/>\n")
    };
    text.split(';').filter(|pair| !pair.trim().is_empty()).map(flow).collect()
}

/// A flow with a condition.
pub fn when(from: &str, to: &str, rule: &str) -> String {
    format!(
        "<sequenceFlow id=\"{from}-{to}\" sourceRef=\"{from}\" targetRef=\"{to}\">\
         <conditionExpression>{rule}</conditionExpression></sequenceFlow>\n"
    )
}

/// A user task that a clerk does.
pub fn task(id: &str) -> String {
    format!("<userTask id=\"{id}\" chaincity:role=\"office.clerk\"/>\n")
}

pub fn tasks(ids: &str) -> String {
    ids.split_whitespace().map(task).collect()
}

/// A file of one process with a variable `n`.
pub fn process(nodes: &str, flow: &str) -> String {
    file(&format!(
        "<process id=\"p\" isExecutable=\"true\"><extensionElements><chaincity:variable name=\"n\" \
         type=\"int\" value=\"0\"/></extensionElements>\n{nodes}\n{}</process>",
        flows(flow)
    ))
}

pub fn model(text: &str) -> Model {
    parse("test.bpmn", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The codes of what is found, each once.
pub fn found(text: &str) -> Vec<&'static str> {
    let problems = match parse("test.bpmn", text.as_bytes()) {
        Ok(model) => check(&model),
        Err(problems) => problems,
    };
    let mut codes: Vec<&'static str> = problems.into_iter().map(|problem| problem.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// A running process.
pub struct Hand {
    pub graph: Graph,
    pub state: State,
    /// Ids of completed nodes, in order.
    pub done: Vec<String>,
    pub effects: Vec<Effect>,
}

impl Hand {
    pub fn start(text: &str) -> Self {
        let mut hand = Self::ready(text);
        hand.step(&Event::begin(0)).unwrap();
        hand
    }

    /// The same with variables set.
    pub fn start_with(text: &str, set: &[(&str, Value)]) -> Self {
        let mut hand = Self::ready(text);
        let set = set.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
        hand.step(&Event::Start { process: 0, set }).unwrap();
        hand
    }

    pub fn ready(text: &str) -> Self {
        let model = model(text);
        let (graph, problems) = compile(&model);
        assert!(problems.is_empty(), "{problems:?}");
        assert!(model.unsupported.is_empty(), "{:?}", model.unsupported);
        Self { graph, state: State::default(), done: Vec::new(), effects: Vec::new() }
    }

    pub fn step(&mut self, event: &Event) -> Result<(), Stop> {
        let effects = step(&self.graph, &mut self.state, event)?;
        for effect in &effects {
            if let Effect::Completed { node } = effect {
                self.done.push(self.graph.id(*node).to_owned());
            }
        }
        self.effects.extend(effects);
        Ok(())
    }

    pub fn find(&self, id: &str) -> Open {
        let open = self.state.open().find(|open| self.graph.id(open.node) == id);
        open.unwrap_or_else(|| panic!("{id} is not open: {:?}", self.open()))
    }

    pub fn complete(&mut self, id: &str) -> &mut Self {
        self.complete_with(id, None)
    }

    pub fn complete_with(&mut self, id: &str, n: Option<i64>) -> &mut Self {
        let work = self.find(id).work;
        let set: BTreeMap<Str, Value> =
            n.map(|n| ("n".into(), Value::Int(n))).into_iter().collect();
        self.step(&Event::Complete { work, set }).unwrap();
        self
    }

    pub fn occur(&mut self, id: &str) -> &mut Self {
        let work = self.find(id).work;
        self.step(&Event::Occur { work, set: BTreeMap::new() }).unwrap();
        self
    }

    pub fn fail(&mut self, id: &str, code: &str) -> &mut Self {
        let work = self.find(id).work;
        let code = self.graph.find_code(code).unwrap();
        self.step(&Event::Fail { work, code }).unwrap();
        self
    }

    /// Ids of what is open, in order.
    pub fn open(&self) -> Vec<&str> {
        self.state.open().map(|open| self.graph.id(open.node)).collect()
    }

    pub fn times(&self, id: &str) -> usize {
        self.done.iter().filter(|done| *done == id).count()
    }
}

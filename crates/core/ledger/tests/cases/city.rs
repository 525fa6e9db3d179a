//! A small city in memory: a window, an office, a bank, two citizens, and what they do with cases.

use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use chaincity_crypto::hash;
use chaincity_ledger::memory::{self, Chain};
use chaincity_ledger::{Executed, Record, cases};
use chaincity_package::source::{self, Source};
use chaincity_types::wire::{
    Call, Event, Genesis, GenesisOperator, LogicalKey, Mode, Outcome, Receipt, Status,
};
use chaincity_types::{Timestamp, Value};

/// 2026-09-01, a Tuesday, nine in the morning in China.
pub(crate) const BEGIN: Timestamp = Timestamp(1_788_224_400_000);
pub(crate) const DAY: u64 = 86_400_000;

pub(crate) const PROCESS: &str = include_str!("package/permit.bpmn");

pub(crate) fn permits(process: &str) -> Source {
    let files = [
        ("package.yaml", include_str!("package/permits.yaml")),
        ("registers/plot.yaml", include_str!("package/plot.yaml")),
        ("registers/permit.yaml", include_str!("package/permit.yaml")),
        ("actions/add-plot.yaml", include_str!("package/add-plot.yaml")),
        ("actions/issue.yaml", include_str!("package/issue.yaml")),
        ("actions/seal.yaml", include_str!("package/seal.yaml")),
        ("processes/permit.bpmn", process),
    ];
    let source = source::parse(&files).unwrap();
    source.compile().unwrap();
    source
}

pub(crate) fn books() -> Source {
    let files = [
        ("package.yaml", include_str!("package/books.yaml")),
        ("registers/entry.yaml", include_str!("package/entry.yaml")),
        ("actions/enter.yaml", include_str!("package/enter.yaml")),
    ];
    source::parse(&files).unwrap()
}

pub(crate) fn key(name: &str) -> Vec<u8> {
    hash::plain(name.as_bytes()).as_bytes().to_vec()
}

/// The name of an operator's record.
pub(crate) fn hex_key(name: &str) -> String {
    hex::encode(key(name))
}

/// Who is there: name, member, roles, subject.
pub(crate) type People = Vec<(&'static str, &'static str, Vec<String>, Option<&'static str>)>;

pub(crate) fn people() -> People {
    let roles = |roles: &[&str]| roles.iter().map(|role| (*role).to_owned()).collect();
    vec![
        ("admin", "office", roles(&["governance.admin"]), None),
        ("clerk", "window", roles(&["window.clerk"]), None),
        ("clerk-2", "window", roles(&["window.clerk"]), None),
        ("chief", "office", roles(&["office.chief"]), None),
        ("inspector", "office", roles(&["office.inspector"]), None),
        ("inspector-2", "office", roles(&["office.inspector"]), None),
        ("reviewer", "office", roles(&["office.reviewer"]), None),
        ("bank", "bank", roles(&["bank.system"]), None),
        ("jia", "people", roles(&["subject.self"]), Some("s-jia")),
        ("yi", "people", roles(&["subject.self"]), Some("s-yi")),
    ]
}

/// A genesis with these people and packages.
pub(crate) fn genesis(people: &People, packages: Vec<Vec<u8>>) -> Genesis {
    let operator = |(name, member, roles, subject): &(&str, &str, Vec<String>, Option<&str>)| {
        GenesisOperator {
            key: key(name),
            member: (*member).into(),
            roles: roles.clone(),
            subject: subject.map(str::to_owned),
        }
    };
    memory::genesis(BEGIN, people.iter().map(operator).collect(), packages)
}

/// A ledger in memory, a block a transaction.
#[derive(Clone)]
pub(crate) struct City(Chain);

impl Deref for City {
    type Target = Chain;

    fn deref(&self) -> &Chain {
        &self.0
    }
}

impl DerefMut for City {
    fn deref_mut(&mut self) -> &mut Chain {
        &mut self.0
    }
}

impl City {
    pub(crate) fn new() -> Self {
        Self::with(&people(), vec![books().doc.to_bytes(), permits(PROCESS).doc.to_bytes()])
    }

    pub(crate) fn with(people: &People, packages: Vec<Vec<u8>>) -> Self {
        Self(Chain::after(&genesis(people, packages), Rc::default()).unwrap())
    }

    pub(crate) fn submit(&mut self, by: &str, mode: Mode, calls: Vec<Call>) -> Receipt {
        let signed = self.signed(key(by), mode, calls);
        self.block([&signed]).unwrap().receipts.remove(0)
    }

    /// Runs calls as one atomic transaction; gives `applied` or the reject code. A rejection leaves
    /// no trace.
    pub(crate) fn all(&mut self, by: &str, calls: Vec<Call>) -> String {
        let before = self.ledger.clone();
        let receipt = self.submit(by, Mode::Atomic, calls);
        let outcome = outcome(&receipt);
        if outcome != "applied" {
            let queued = |key: &LogicalKey| {
                !matches!(key, LogicalKey::Record { .. } | LogicalKey::Index { .. })
            };
            let same = before.records().filter(|(key, _)| !queued(key));
            assert!(same.eq(self.ledger.records().filter(|(key, _)| !queued(key))), "a trace");
        }
        outcome
    }

    pub(crate) fn call(&mut self, by: &str, call: Call) -> String {
        self.all(by, vec![call])
    }

    pub(crate) fn applied(&mut self, by: &str, call: Call) -> Receipt {
        let receipt = self.submit(by, Mode::Atomic, vec![call]);
        assert_eq!(outcome(&receipt), "applied", "{:?}", receipt.entries[0].outcome);
        receipt
    }

    /// An empty block, so much later.
    pub(crate) fn pass(&mut self, ms: u64) -> Executed {
        self.time = self.parent_time.plus_ms(ms);
        self.block([]).unwrap()
    }

    /// Begins a case; its key.
    pub(crate) fn begin(&mut self, by: &str, process: &str, more: &[(&str, Value)]) -> String {
        let receipt = self.applied(by, start("permits", process, more));
        case_of(&receipt)
    }

    pub(crate) fn record(&self, register: &str, name: &str) -> &Record {
        self.ledger.get(&cases::key(register, name)).unwrap()
    }

    pub(crate) fn field(&self, register: &str, name: &str, field: &str) -> Value {
        let fields = &self.record(register, name).version.fields;
        fields.get(field).cloned().unwrap_or(Value::Null)
    }

    pub(crate) fn status(&self, case: &str) -> String {
        self.field("case", case, "status").as_text().unwrap().to_owned()
    }

    /// Live tasks or waits of a case: node and key, in order of keys.
    pub(crate) fn live(&self, register: &str, case: &str) -> Vec<(String, String)> {
        let mut found: Vec<(u64, String, String)> = self
            .ledger
            .records()
            .filter_map(|(key, record)| {
                let LogicalKey::Record { package, register: of, key } = key else { return None };
                let fields = &record.version.fields;
                let mine = package == cases::ID
                    && of == register
                    && record.version.status == Status::Live
                    && fields.get("case").and_then(Value::as_text) == Some(case);
                let number = key.rsplit('-').next()?.parse().ok()?;
                let node = fields.get("node")?.as_text()?.to_owned();
                mine.then(|| (number, node, key.to_string()))
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, node, key)| (node, key)).collect()
    }

    pub(crate) fn nodes(&self, register: &str, case: &str) -> Vec<String> {
        let mut nodes: Vec<String> =
            self.live(register, case).into_iter().map(|(node, _)| node).collect();
        nodes.sort();
        nodes
    }

    /// The one live task of a case at this node.
    pub(crate) fn task(&self, case: &str, node: &str) -> String {
        let live = self.live("task", case);
        let found = live.into_iter().find(|(at, _)| at == node);
        found.unwrap_or_else(|| panic!("no task `{node}`")).1
    }

    /// Takes a case past acceptance: its tasks are two visits and the review.
    pub(crate) fn accepted(&mut self, more: &[(&str, Value)]) -> String {
        let case = self.begin("clerk", "permit", more);
        let task = self.task(&case, "accept");
        self.applied("clerk", attach(&case, &task, "application"));
        self.applied("clerk", complete(&task, &[]));
        case
    }
}

/// A call of `case`.
pub(crate) fn of_case(action: &str, input: &[(&str, Value)]) -> Call {
    Call {
        package: cases::ID.into(),
        action: action.into(),
        input: input.iter().map(|(name, value)| ((*name).into(), value.clone())).collect(),
        case: None,
        task: None,
        mandates: None,
    }
}

pub(crate) fn of(package: &str, action: &str, input: &[(&str, Value)]) -> Call {
    Call { package: package.into(), ..of_case(action, input) }
}

/// The same call as part of the step of a task.
pub(crate) fn within(call: Call, task: &str) -> Call {
    let case = task.split('-').next().unwrap();
    Call { case: Some(case.into()), task: Some(task.into()), ..call }
}

pub(crate) fn start(package: &str, process: &str, more: &[(&str, Value)]) -> Call {
    let mut call = of_case("start", &[("package", package.into()), ("process", process.into())]);
    call.input.extend(more.iter().map(|(name, value)| ((*name).into(), value.clone())));
    call
}

/// Variables as they are given.
pub(crate) fn set(values: &[(&str, &str)]) -> Value {
    Value::Map(values.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect())
}

pub(crate) fn complete(task: &str, values: &[(&str, &str)]) -> Call {
    of_case("complete", &[("task", task.into()), ("set", set(values))])
}

pub(crate) fn on_task(action: &str, task: &str) -> Call {
    of_case(action, &[("task", task.into())])
}

pub(crate) fn because(action: &str, case: &str) -> Call {
    of_case(action, &[("case", case.into()), ("reason", "测试".into())])
}

pub(crate) fn attach(case: &str, task: &str, kind: &str) -> Call {
    let digest = Value::Bytes(vec![7; 32]);
    let input = [
        ("case", case.into()),
        ("task", task.into()),
        ("kind", kind.into()),
        ("digest", digest),
        ("media", "application/pdf".into()),
    ];
    of_case("attach", &input)
}

pub(crate) fn message(case: &str, message: &str) -> Call {
    of_case("message", &[("case", case.into()), ("message", message.into())])
}

pub(crate) fn outcome(receipt: &Receipt) -> String {
    match &receipt.entries[0].outcome {
        Outcome::Applied => "applied".to_owned(),
        Outcome::Rejected { code, .. } => code.to_string(),
    }
}

pub(crate) fn detail(receipt: &Receipt) -> String {
    match &receipt.entries[0].outcome {
        Outcome::Rejected { detail: Some(detail), .. } => detail.clone(),
        _ => String::new(),
    }
}

/// The case that a receipt's transaction began.
pub(crate) fn case_of(receipt: &Receipt) -> String {
    let begun = |event: &&Event| event.register == "case" && event.kind == "inserted";
    receipt.entries[0].events.iter().find(begun).unwrap().key.to_string()
}

/// Events of one kind: the keys that they concern.
pub(crate) fn events(receipts: &[Receipt], kind: &str) -> Vec<String> {
    let all = receipts.iter().flat_map(|r| &r.entries).flat_map(|e| &e.events);
    all.filter(|event| event.kind == kind).map(|event| event.key.to_string()).collect()
}

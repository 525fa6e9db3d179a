//! Random walks over whole processes: choices, failures, messages, times, corrections, suspensions,
//! withdrawals. Every walk ends the case in an end state, nothing of it stays open, and the same
//! transactions give the same ledger again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chaincity_ledger::cases::{Graph, Model, compile};
use chaincity_ledger::governance;
use chaincity_package::model::FieldType;
use chaincity_package::source;
use chaincity_process::graph::{ProcessDef, Role, TaskKind};
use chaincity_process::run::{State, WorkId};
use chaincity_types::wire::{Call, Mode, Receipt, Status};
use chaincity_types::{Timestamp, Value, cbor};

use crate::city::{
    City, DAY, PROCESS, People, attach, because, case_of, complete, hex_key, key, message, of,
    of_case, on_task, outcome, start, within,
};

/// Walks a process: `CHAINCITY_WALKS`, or so many if it does not say; 5,000 are what must hold
/// (docs/processes.md).
pub(crate) fn walks(usual: u64) -> u64 {
    number("CHAINCITY_WALKS").unwrap_or(usual)
}

/// Where the dice begin: `CHAINCITY_SEED`, the same every time if it does not say.
pub(crate) fn seed() -> u64 {
    number("CHAINCITY_SEED").unwrap_or(0x5eed_2026)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

/// Walks on one ledger: more are walked on further ones, each with dice of its own, so that a long run
/// holds no more than a short one.
const ROUND: u64 = 500;

/// Operators of each role: two may have done what a third must not.
const EACH: usize = 3;
/// Steps after which an office ends the case.
const STEPS: usize = 250;

/// Numbers that look random and are the same everywhere.
#[derive(Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    pub(crate) fn pick<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        (!of.is_empty())
            .then(|| &of[usize::try_from(self.roll(u64::try_from(of.len()).unwrap())).unwrap()])
    }
}

/// A block of a walk: when, and the transaction in it.
type Block = (Timestamp, Option<(String, Vec<Call>)>);

/// A file with processes in a city where everybody is there whom it names.
struct Walk {
    city: City,
    people: BTreeMap<String, Vec<String>>,
    package: String,
    graph: Arc<Graph>,
    blocks: Vec<Block>,
    dice: Dice,
    ends: BTreeMap<String, u64>,
    /// Tasks and waits that came in the walk at hand: register and key.
    opened: BTreeSet<(String, String)>,
}

/// Stand-ins for the packages whose actions a file names: actions that anybody may call.
pub(crate) fn stand_ins(package: &str, file: &str, graph: &Graph) -> BTreeMap<String, Vec<u8>> {
    let mut actions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::from([(package, BTreeSet::new())]);
    for name in graph.nodes().flat_map(|node| &graph.facts(node).actions) {
        let (of, action) = name.rsplit_once('.').unwrap();
        if of != governance::ID {
            actions.entry(of).or_default().insert(action);
        }
    }
    // What a task keeps, the first of its actions of that package makes.
    let mut made: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
    for facts in graph.nodes().map(|node| graph.facts(node)) {
        for keep in &facts.keeps {
            let mut named = facts.actions.iter().filter_map(|action| action.rsplit_once('.'));
            let (of, action) = named.find(|(of, _)| *keep.package == **of).unwrap();
            made.insert((of, action, keep.register.as_str()));
        }
    }
    let begun: Vec<_> = graph.processes().iter().filter(|def| begun_here(def, package)).collect();
    let mut documents = BTreeMap::new();
    for (id, names) in actions {
        let head = format!(
            "package: {id}\nversion: 1\ntitle: {{zh: 测试, en: Test}}\nroles:\n  all.hands: {{zh: 众, en: All}}\n"
        );
        let mut files = vec![("package.yaml".to_owned(), head)];
        let kept = made.iter().filter(|(of, _, _)| *of == id).map(|(_, _, register)| *register);
        let own = begun.iter().filter(|_| id == package).flat_map(|def| &def.begun_by);
        let own = own.map(|by| by.register.as_str());
        for name in kept.chain(own).chain(["log"]).collect::<BTreeSet<_>>() {
            let register = format!(
                "register: {name}\ntitle: {{zh: 记, en: Log}}\nsteward: all.hands\nkey: auto\n\
                 fields:\n  n: {{type: int, zh: 数, en: N}}\n"
            );
            files.push((format!("registers/{name}.yaml"), register));
        }
        for name in names {
            let mut text = format!("action: {name}\ntitle: {{zh: 办, en: Do}}\nby: all.hands\n");
            text.push_str("do:\n");
            let makes = made.iter().filter(|(of, action, _)| *of == id && *action == name);
            for register in makes.map(|(_, _, register)| *register).chain(["log"]) {
                writeln!(text, "  - insert: {{register: {register}, fields: {{n: \"1\"}}}}")
                    .unwrap();
            }
            files.push((format!("actions/{name}.yaml"), text));
        }
        for def in begun.iter().filter(|_| id == package) {
            files.push((format!("actions/begin-{}.yaml", def.id), beginning(def, graph)));
        }
        if id == package {
            files.push(("processes/it.bpmn".to_owned(), file.to_owned()));
        }
        let pairs: Vec<_> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
        documents.insert(id.to_owned(), source::parse(&pairs).unwrap().doc.to_bytes());
    }
    documents
}

/// Whether a message of this package begins a case of the process.
fn begun_here(def: &ProcessDef, package: &str) -> bool {
    def.begun_by.as_ref().is_some_and(|by| *by.package == *package)
}

/// An action that tells the message which begins a process, with its parties.
fn beginning(def: &ProcessDef, graph: &Graph) -> String {
    let by = def.begun_by.as_ref().unwrap();
    let parties = parties(def, graph).into_iter().map(|(name, value)| {
        let value = if value.starts_with('[') { value } else { format!("\"{value}\"") };
        format!("{name}: '{value}'")
    });
    let (register, message) = (&by.register, &by.message);
    format!(
        "action: begin-{}\ntitle: {{zh: 办, en: Do}}\nby: all.hands\ndo:\n  \
         - insert: {{register: {register}, as: made, fields: {{n: \"1\"}}}}\n  \
         - tell: {{message: {message}, register: {register}, key: made._key, fields: {{{}}}}}\n",
        def.id,
        parties.collect::<Vec<_>>().join(", ")
    )
}

/// Who is there, for every variable of a process that names a party.
fn parties(def: &ProcessDef, graph: &Graph) -> BTreeMap<String, String> {
    let roles = graph.roles_within(&def.id).map(|(_, role)| role).chain(&def.keepers);
    let named: BTreeSet<_> = roles.filter_map(Role::variable).collect();
    let declared = def.variables.iter().filter(|v| named.iter().any(|n| ***n == *v.name));
    let text = |kind: &FieldType| {
        if matches!(kind, FieldType::List(..)) { "[\"hall\"]" } else { "hall" }
    };
    declared.map(|v| (v.name.clone(), text(&v.kind).to_owned())).collect()
}

/// Who holds a role for nobody that takes part.
fn rival(role: &str) -> String {
    format!("{role}-rival")
}

pub(crate) fn graph_of(text: &str) -> Graph {
    let fields = [("text".into(), text.into()), ("decisions".into(), Value::List(Vec::new()))];
    compile(&Model(&fields.into())).expect("a process that runs")
}

impl Walk {
    fn new(package: &str, file: &str, seed: u64) -> Self {
        let graph = Arc::new(graph_of(file));
        let mut roles: BTreeSet<String> = BTreeSet::new();
        for process in graph.processes() {
            let within = graph.roles_within(&process.id).map(|(_, role)| role);
            roles.extend(within.chain(&process.keepers).map(|role| role.name.to_string()));
            roles.extend(process.roles.iter().map(ToString::to_string));
        }
        let mut people: People = Vec::new();
        let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for role in &roles {
            for i in 0..EACH {
                // Test names live as long as the test.
                let name: &str = Box::leak(format!("{role}-{i}").into_boxed_str());
                people.push((name, "hall", vec![role.clone(), "all.hands".to_owned()], None));
                named.entry(role.clone()).or_default().push(name.to_owned());
            }
            // Whoever holds it elsewhere has no part in what is a party's.
            let rival: &str = Box::leak(rival(role).into_boxed_str());
            people.push((rival, "elsewhere", vec![role.clone(), "all.hands".to_owned()], None));
        }
        let city = City::with(&people, stand_ins(package, file, &graph).into_values().collect());
        let (blocks, ends) = (Vec::new(), BTreeMap::new());
        let dice = Dice::new(seed);
        let (package, opened) = (package.to_owned(), BTreeSet::new());
        Self { city, people: named, package, graph, blocks, dice, ends, opened }
    }

    fn submit(&mut self, by: &str, calls: Vec<Call>) -> Receipt {
        self.blocks.push((self.city.time, Some((by.to_owned(), calls.clone()))));
        let receipt = self.city.submit(by, Mode::Atomic, calls);
        self.note(&receipt);
        receipt
    }

    fn pass(&mut self, ms: u64) {
        self.blocks.push((self.city.parent_time.plus_ms(ms), None));
        let executed = self.city.pass(ms);
        for receipt in &executed.receipts {
            assert_eq!(outcome(receipt), "applied", "a timer: {receipt:?}");
            self.note(receipt);
        }
    }

    fn note(&mut self, receipt: &Receipt) {
        for event in receipt.entries.iter().flat_map(|entry| &entry.events) {
            let register = event.register.as_str();
            if event.kind == "inserted" && ["task", "wait"].contains(&register) {
                self.opened.insert((register.to_owned(), event.key.to_string()));
            }
        }
    }

    /// Some days go by, at most so many.
    fn pass_days(&mut self, most: u64) {
        let days = 1 + self.dice.roll(most);
        self.pass(DAY * days);
    }

    fn state(&self, case: &str) -> State {
        let Value::Bytes(bytes) = self.city.field("case", case, "state") else { panic!("a state") };
        cbor::decode_own(&bytes).unwrap()
    }

    /// Who may do a task, anybody if it names no role.
    fn doers(&self, roles: &[Role]) -> Vec<String> {
        let of = |role: &Role| self.people.get(role.name.as_str()).cloned();
        let found: Vec<String> = roles.iter().filter_map(of).flatten().collect();
        if found.is_empty() { self.people.values().flatten().cloned().collect() } else { found }
    }

    /// Whoever holds the role of a party's task for another party is refused.
    fn try_rival(&mut self, task: &str, roles: &[Role]) {
        let bound = roles.iter().all(|role| role.of.is_some());
        let Some(role) = roles.first().filter(|_| bound && self.dice.roll(4) == 0) else { return };
        let action =
            ["claim", "complete", "release-claim"][usize::try_from(self.dice.roll(3)).unwrap()];
        let found = outcome(&self.submit(&rival(&role.name), vec![on_task(action, task)]));
        assert!(["other-party", "task-claimed"].contains(&found.as_str()), "{found}");
    }

    /// Random values for some of the variables.
    fn values(&mut self, state: &State, work: WorkId) -> Vec<(String, String)> {
        let graph = Arc::clone(&self.graph);
        let mut values = Vec::new();
        for variable in state.variables_at(&graph, work) {
            let text = match &variable.kind {
                FieldType::Bool => (self.dice.roll(2) == 0).to_string(),
                FieldType::Enum(words) => self.dice.pick(words).unwrap().to_string(),
                FieldType::Sealed(_) => "07".repeat(32),
                _ => continue,
            };
            if self.dice.roll(2) == 0 {
                values.push((variable.name.clone(), text));
            }
        }
        values
    }

    /// The one action of the ledger's own that processes name: a mandate, here for nothing.
    fn mandate(&self, action: &str) -> Call {
        let expiry = self.city.time.plus_ms(60_000);
        let input = [
            ("party", "hall".into()),
            ("package", self.package.as_str().into()),
            ("action", "none".into()),
            ("purpose", "none".into()),
            ("digest", Value::Bytes(vec![0; 32])),
            ("expiry", Value::Time(expiry)),
        ];
        of(governance::ID, action, &input)
    }

    /// Completes a task by the first operator who may.
    fn complete(&mut self, case: &str, state: &State, work: WorkId) {
        let graph = Arc::clone(&self.graph);
        let facts = graph.facts(state.node(work).unwrap());
        let task = format!("{case}-{}", work.0);
        let mut values = self.values(state, work);
        let mut tried = Vec::new();
        self.try_rival(&task, &facts.roles);
        let holder = self.city.field("task", &task, "operator");
        let mut doers = self.doers(&facts.roles);
        doers.sort_by_key(|name| Value::from(hex_key(name)) != holder);
        for by in doers {
            let mut calls: Vec<Call> =
                facts.evidence.iter().map(|kind| attach(case, &task, kind)).collect();
            for action in &facts.actions {
                let (of_package, action) = action.rsplit_once('.').unwrap();
                let given = of_package == governance::ID;
                let call = if given { self.mandate(action) } else { of(of_package, action, &[]) };
                calls.push(within(call, &task));
            }
            let pairs: Vec<_> = values.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
            calls.push(complete(&task, &pairs));
            let receipt = self.submit(&by, calls);
            let found = outcome(&receipt);
            if found == "applied" {
                return;
            }
            if found == "step-refused" {
                // A choice for which the process has no way: another one.
                values.clear();
            }
            let bearable = ["four-eyes", "task-claimed", "step-refused", "not-authorised"];
            assert!(bearable.contains(&found.as_str()), "{found}: {receipt:?}");
            tried.push(found);
        }
        // Whoever holds it has done meanwhile what it checks: a colleague puts it back.
        assert!(tried.contains(&"four-eyes".to_owned()), "`{task}`: {tried:?}");
        let receipts: Vec<String> = self
            .doers(&facts.roles)
            .iter()
            .map(|by| outcome(&self.submit(by, vec![on_task("release-claim", &task)])))
            .collect();
        assert!(receipts.contains(&"applied".to_owned()), "`{task}`: {tried:?}, {receipts:?}");
    }

    fn step(&mut self, case: &str, begun_by: &str) {
        let state = self.state(case);
        let open: Vec<_> = state.open().collect();
        let graph = Arc::clone(&self.graph);
        let is_task = |work: &WorkId| {
            let task = graph.facts(state.node(*work).unwrap()).task;
            task.is_some_and(|kind| kind != TaskKind::Receive)
        };
        let all: Vec<WorkId> = open.iter().map(|open| open.work).collect();
        let tasks: Vec<WorkId> = all.iter().copied().filter(|work| is_task(work)).collect();
        let waits: Vec<WorkId> = all.iter().copied().filter(|work| !is_task(work)).collect();
        let returned = |walk: &Self, work: &WorkId| {
            walk.city.field("task", &format!("{case}-{}", work.0), "status") == "returned".into()
        };
        let (corrected, ready): (Vec<WorkId>, Vec<WorkId>) =
            tasks.iter().partition(|work| returned(self, work));
        let keeper = self.city.field("case", case, "keepers").as_list().unwrap()[0].clone();
        let keeper = Role::read(keeper.as_text().unwrap());
        let keeper = self.people[keeper.name.as_str()][0].clone();
        match self.dice.roll(20) {
            0 => self.pass_days(40),
            1 => self.deliver(case, &state, &waits),
            2 if !ready.is_empty() => self.disturb(case, &state, &ready),
            3 => {
                let receipt = self.submit(&keeper, vec![because("suspend", case)]);
                assert_eq!(outcome(&receipt), "applied");
                self.pass_days(30);
                if self.city.status(case) == "suspended" {
                    let receipt = self.submit(&keeper, vec![because("resume", case)]);
                    assert_eq!(outcome(&receipt), "applied");
                }
            }
            4 if self.dice.roll(4) == 0 => {
                let (by, how) = if self.dice.roll(2) == 0 {
                    (begun_by.to_owned(), "withdraw")
                } else {
                    (keeper, "terminate")
                };
                let receipt = self.submit(&by, vec![because(how, case)]);
                assert_eq!(outcome(&receipt), "applied");
            }
            5 | 6 if !corrected.is_empty() => {
                let task = format!("{case}-{}", self.dice.pick(&corrected).unwrap().0);
                let receipt = self.submit(begun_by, vec![on_task("correct", &task)]);
                assert_eq!(outcome(&receipt), "applied", "{receipt:?}");
            }
            _ => match self.dice.pick(&ready).copied() {
                Some(work) => self.complete(case, &state, work),
                None if waits.is_empty() && corrected.is_empty() => panic!("nothing is awaited"),
                None if corrected.is_empty() => self.deliver(case, &state, &waits),
                None => {
                    let task = format!("{case}-{}", corrected[0].0);
                    let receipt = self.submit(begun_by, vec![on_task("correct", &task)]);
                    assert_eq!(outcome(&receipt), "applied", "{receipt:?}");
                }
            },
        }
    }

    /// A message comes that is awaited; without one, time passes.
    fn deliver(&mut self, case: &str, state: &State, waits: &[WorkId]) {
        let graph = Arc::clone(&self.graph);
        let facts = |work: &WorkId| graph.facts(state.node(*work).unwrap());
        let told: Vec<WorkId> =
            waits.iter().copied().filter(|work| facts(work).message.is_some()).collect();
        let Some(work) = self.dice.pick(&told).copied() else {
            return self.pass_days(60);
        };
        let doers = self.doers(&facts(&work).roles);
        let by = doers[0].clone();
        let name = facts(&work).message.clone().unwrap();
        let mut call = message(case, &name);
        call.input.insert("wait".into(), format!("{case}-{}", work.0).into());
        let receipt = self.submit(&by, vec![call]);
        let found = outcome(&receipt);
        assert!(["applied", "step-refused", "not-authorised"].contains(&found.as_str()), "{found}");
    }

    /// A task is claimed, returned, fails or escalates.
    fn disturb(&mut self, case: &str, state: &State, ready: &[WorkId]) {
        let graph = Arc::clone(&self.graph);
        let work = *self.dice.pick(ready).unwrap();
        let task = format!("{case}-{}", work.0);
        let facts = graph.facts(state.node(work).unwrap());
        let doers = self.doers(&facts.roles);
        let by = self.dice.pick(&doers).unwrap().clone();
        let call = match self.dice.roll(4) {
            0 => on_task("claim", &task),
            1 => of_case(
                "return-for-correction",
                &[("task", task.as_str().into()), ("reason", "补".into())],
            ),
            kind => {
                let codes = ["flawed", "unclear", "failed", "correction-recalled", "none"];
                let code = *self.dice.pick(&codes).unwrap();
                let action = if kind == 2 { "fail" } else { "escalate" };
                of_case(action, &[("task", task.as_str().into()), ("code", code.into())])
            }
        };
        let found = outcome(&self.submit(&by, vec![call]));
        let bearable = ["applied", "four-eyes", "task-claimed", "step-refused"];
        assert!(bearable.contains(&found.as_str()), "{found}");
    }

    /// The call that begins a case.
    fn beginning(&self, def: &ProcessDef) -> Call {
        if begun_here(def, &self.package) && def.roles.is_empty() {
            return of(&self.package, &format!("begin-{}", def.id), &[]);
        }
        let parties = parties(def, &self.graph).into_iter();
        let set = parties.map(|(name, value)| (name.into(), value.into())).collect();
        start(&self.package, &def.id, &[("set", Value::Map(set))])
    }

    /// One case from its beginning to its end.
    fn walk(&mut self, process: &str) {
        let graph = Arc::clone(&self.graph);
        let def = graph.processes().iter().find(|def| def.id == process).unwrap();
        let roles: Vec<Role> = def.roles.iter().map(|role| Role::read(role)).collect();
        let mut candidates: Vec<String> = self.doers(&roles);
        if def.roles.is_empty() {
            candidates = self.people.values().map(|names| names[0].clone()).collect();
        }
        let mut begun = None;
        for by in candidates {
            let call = self.beginning(def);
            let receipt = self.submit(&by, vec![call]);
            if outcome(&receipt) == "applied" {
                begun = Some((by, case_of(&receipt)));
                break;
            }
            assert_eq!(outcome(&receipt), "not-authorised");
        }
        let (by, case) = begun.expect("somebody may begin it");
        for _ in 0..STEPS {
            if self.city.record("case", &case).version.status == Status::Closed {
                break;
            }
            self.step(&case, &by);
        }
        if self.city.record("case", &case).version.status == Status::Live {
            let receipt = self.submit(&by, vec![because("withdraw", &case)]);
            assert_eq!(outcome(&receipt), "applied");
        }
        let status = self.city.status(&case);
        let ended = ["completed", "failed", "withdrawn", "terminated"];
        assert!(ended.contains(&status.as_str()), "{status}");
        assert!(self.state(&case).is_empty(), "something is awaited still");
        for (register, key) in std::mem::take(&mut self.opened) {
            let status = self.city.record(&register, &key).version.status;
            assert_eq!(status, Status::Closed, "{register} {key}");
        }
        *self.ends.entry(status).or_default() += 1;
    }

    /// The same blocks again, on a ledger of their own.
    fn replay(&self, package: &str, file: &str) {
        let again = Self::new(package, file, 1);
        let mut city = again.city;
        for (time, transaction) in &self.blocks {
            city.time = *time;
            let signed = transaction
                .as_ref()
                .map(|(by, calls)| city.signed(key(by), Mode::Atomic, calls.clone()));
            city.block(&signed).unwrap();
        }
        assert!(city.ledger == self.city.ledger, "the same blocks gave another ledger");
    }
}

/// Every process file: its package, name and text.
fn files() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../packages");
    let mut found = vec![("permits".to_owned(), "permit.bpmn".to_owned(), PROCESS.to_owned())];
    let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = folders.map(|path| path.join("processes")).collect();
    folders.sort();
    for folder in folders.into_iter().filter(|folder| folder.is_dir()) {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == "bpmn")) {
            let package = folder.parent().unwrap().file_name().unwrap().to_str().unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((package.to_owned(), name.to_owned(), text));
        }
    }
    found
}

#[test]
fn every_walk_over_every_process_ends_and_leaves_nothing_open() {
    let (seed, walks) = (seed(), walks(200));
    let files = files();
    assert!(files.len() > 5);
    let mut report = String::new();
    for (package, name, text) in files {
        println!("{package}/{name}: {walks} walks, CHAINCITY_SEED={seed}");
        let graph = graph_of(&text);
        for process in graph.processes().iter().filter(|process| !process.called) {
            let mut ends: BTreeMap<String, u64> = BTreeMap::new();
            let mut left = walks;
            for round in 0.. {
                let now = left.min(ROUND);
                if now == 0 {
                    break;
                }
                left -= now;
                let mut walk = Walk::new(&package, &text, seed.wrapping_add(2 * round));
                for _ in 0..now {
                    walk.walk(&process.id);
                }
                walk.replay(&package, &text);
                for (end, count) in walk.ends {
                    *ends.entry(end).or_default() += count;
                }
            }
            writeln!(report, "{package}/{name} {}: {ends:?}", process.id).unwrap();
            // Not everything is broken off.
            assert!(ends.get("completed").is_some_and(|ends| *ends > walks / 10), "{report}");
        }
    }
    println!("{report}");
}

//! Random walks over the processes that pay, with the packages as they are shipped: their registers
//! are written and their money moves. After every end what was ordered has its result, every sum
//! holds, and the registers agree with one another.
//!
//! Each walk has a ledger of its own, which begins where everything is prepared, and dice of its
//! own: a failure names the seed that gives it again.

mod books;
mod funds;
mod sale;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use chaincity_ledger::cases::Graph;
use chaincity_ledger::scenario::Script;
use chaincity_ledger::{governance, mandate_digest, memory};
use chaincity_package::model::Package;
use chaincity_package::scenario::Scenario;
use chaincity_package::source::{self, Source};
use chaincity_package::{json, literal};
use chaincity_types::wire::{Call, LogicalKey, Mode, Receipt, Status};
use chaincity_types::{Str, Value};
use serde_json::{Map, Value as Json};

use crate::city::{
    City, DAY, People, attach, because, case_of, complete, message, of, of_case, on_task, outcome,
    set, start, within,
};
use crate::walker::{Dice, graph_of, seed, stand_ins, walks};

/// Steps after which an office ends the case.
const STEPS: usize = 300;
/// A walk's cases are looked at again after so long: nothing of them wakes.
const LATER_DAYS: u64 = 400;

/// Codes that say: another one does it.
const NOT_BY: [&str; 6] = [
    "agrees-own-sheet",
    "four-eyes",
    "other-party",
    "pays-own-confirmation",
    "reviewer-is-acceptor",
    "task-claimed",
];

/// A process that is walked over, and the people who carry it out.
pub(crate) struct Trade {
    /// Packages as they are shipped, each after those that it requires; the last one's is the process.
    /// Of others that it names there are stand-ins.
    packages: &'static [&'static str],
    process: &'static str,
    file: &'static str,
    /// The people, and what they did before.
    prepared: fn() -> Scenario,
    /// Who begins the case, with which variables.
    begun_by: &'static str,
    variables: fn(&mut Desk) -> Vec<(&'static str, String)>,
    /// The records that the case is about.
    subjects: &'static [&'static str],
    /// What people tell the case by themselves; everything else the registers tell it.
    messages: &'static [&'static str],
    /// How a task is done as things stand; `None` when it cannot be.
    doing: fn(&mut Desk, &str) -> Option<Doing>,
    /// What happens outside the case.
    between: fn(&mut Desk),
    /// What is left to do when the case has ended early: the bank answers what it was told.
    after: fn(&mut Desk),
    /// What must hold in the end; gives what came of it all, in a word.
    check: fn(&Desk) -> &'static str,
}

/// A call, and the mandates that it needs: who gives each, for what.
#[derive(Clone)]
pub(crate) struct Act {
    call: Call,
    mandates: Vec<(&'static str, &'static str)>,
}

impl Act {
    fn with(mut self, people: &[&'static str], purpose: &'static str) -> Self {
        self.mandates.extend(people.iter().map(|name| (*name, purpose)));
        self
    }
}

/// How a task is done: who may, with which calls, and what it sets.
pub(crate) struct Doing {
    by: Vec<&'static str>,
    acts: Vec<Act>,
    set: Vec<(&'static str, String)>,
    /// The code with which it fails instead.
    fails: Option<&'static str>,
}

impl Doing {
    fn by(people: &[&'static str]) -> Self {
        Self { by: people.to_vec(), acts: Vec::new(), set: Vec::new(), fails: None }
    }

    fn fails(mut self, code: &'static str) -> Self {
        self.fails = Some(code);
        self
    }

    fn act(mut self, act: Act) -> Self {
        self.acts.push(act);
        self
    }

    fn set(mut self, name: &'static str, value: impl ToString) -> Self {
        self.set.push((name, value.to_string()));
        self
    }
}

/// A record as rules and people read it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    key: String,
    live: bool,
    fields: Map<String, Json>,
}

impl Row {
    fn get(&self, field: &str) -> &Json {
        self.fields.get(field).unwrap_or(&Json::Null)
    }

    /// A text; nothing is empty.
    fn text(&self, field: &str) -> &str {
        self.get(field).as_str().unwrap_or_default()
    }

    /// A number; nothing is zero.
    fn int(&self, field: &str) -> i64 {
        self.get(field).as_i64().unwrap_or_default()
    }
}

/// The ledger of a walk, and everybody's hands.
#[derive(Clone)]
pub(crate) struct Desk {
    city: City,
    packages: Rc<BTreeMap<String, Arc<Package>>>,
    /// Name → the party that a person is.
    parties: Rc<BTreeMap<String, String>>,
    dice: Dice,
    case: String,
    /// What the banks' own books hold: amounts by their commitments.
    vault: BTreeMap<String, i64>,
    numbers: u64,
    /// What was decided about the case when it began.
    notes: BTreeMap<&'static str, String>,
    /// How often what was refused, by its code.
    refused: BTreeMap<String, u64>,
}

impl Desk {
    /// The records of a register, in order of keys.
    fn all(&self, package: &str, register: &str) -> Vec<Row> {
        let records = self.city.ledger.records().filter_map(|(key, record)| {
            let LogicalKey::Record { package: of, register: found, key } = key else {
                return None;
            };
            let live = record.version.status == Status::Live;
            let row = || {
                let fields = json::from_fields(&record.version.fields);
                Row { key: key.to_string(), live, fields }
            };
            (of == package && found == register).then(row)
        });
        records.collect()
    }

    fn live(&self, package: &str, register: &str) -> Vec<Row> {
        self.all(package, register).into_iter().filter(|row| row.live).collect()
    }

    /// The live records with this value.
    fn having(&self, package: &str, register: &str, field: &str, value: &str) -> Vec<Row> {
        let rows = self.live(package, register).into_iter();
        rows.filter(|row| row.text(field) == value).collect()
    }

    /// The live record with the last key.
    fn last(&self, package: &str, register: &str) -> Option<Row> {
        self.live(package, register).pop()
    }

    fn case_status(&self) -> String {
        self.city.status(&self.case)
    }

    fn day(&self, days: i32) -> String {
        let today = literal::date_of(self.city.time).unwrap();
        literal::date_text(today + days).unwrap()
    }

    fn today(&self) -> String {
        self.day(0)
    }

    /// A number that is used once.
    fn reference(&mut self) -> String {
        self.numbers += 1;
        format!("R-{:06}", self.numbers)
    }

    /// The commitment to an amount, which the bank's own vault keeps.
    fn sealed(&mut self, amount: i64) -> String {
        let number = self.reference();
        let commitment = chaincity_crypto::hash::plain(number.as_bytes()).to_string();
        self.vault.insert(commitment.clone(), amount);
        commitment
    }

    fn happens(&mut self, one_in: u64) -> bool {
        self.dice.roll(one_in) == 0
    }

    /// Half of it, or more, or all.
    fn share(&mut self, whole: i64) -> i64 {
        let most = u64::try_from(whole / 2 + 1).unwrap();
        whole - i64::try_from(self.dice.roll(most)).unwrap()
    }

    fn pick<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        self.dice.pick(of)
    }

    /// A call by its input as JSON.
    fn act(&self, package: &str, action: &str, input: Json) -> Act {
        let Json::Object(input) = input else { panic!("an object") };
        let declared = &self.packages[package].actions[action].input;
        let input = json::to_fields(declared, &input)
            .unwrap_or_else(|problem| panic!("{package}.{action}: {problem}"));
        let pairs: Vec<(&str, Value)> =
            input.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        Act { call: of(package, action, &pairs), mandates: Vec::new() }
    }

    /// The mandate that a person gives for a call.
    fn mandate(&self, by: &str, purpose: &str, call: &Call) -> Call {
        let party = &self.parties[by];
        let mut input: Vec<(&str, Value)> = vec![
            ("party", party.as_str().into()),
            ("package", Value::Text(call.package.clone())),
            ("action", Value::Text(call.action.clone())),
            ("purpose", purpose.into()),
            ("digest", Value::Bytes(mandate_digest(&call.input).as_bytes().to_vec())),
            ("expiry", Value::Time(self.city.time.plus_ms(600_000))),
        ];
        input.extend(call.case.clone().map(|case| ("case", Value::Text(case))));
        of(governance::ID, "mandate", &input)
    }

    /// Gives every mandate, each by its party.
    fn mandated(&mut self, act: Act, task: Option<&str>) -> Call {
        let Act { call, mandates } = act;
        let mut call = task.map_or_else(|| call.clone(), |task| within(call.clone(), task));
        for (by, purpose) in mandates {
            let given = self.mandate(by, purpose, &call);
            let receipt = self.city.applied(by, given);
            let key: Str = receipt.entries[0].events[0].key.clone();
            call.mandates.get_or_insert_default().push(key);
        }
        call
    }

    fn submit(&mut self, by: &str, calls: Vec<Call>) -> (String, Receipt) {
        let action = calls[0].action.clone();
        let receipt = self.city.submit(by, Mode::Atomic, calls);
        let found = outcome(&receipt);
        if found != "applied" {
            *self.refused.entry(format!("{action}: {found}")).or_default() += 1;
        }
        (found, receipt)
    }

    /// Acts that belong to no task: all of them, or none.
    fn act_alone(&mut self, by: &str, acts: Vec<Act>) -> String {
        let calls = acts.into_iter().map(|act| self.mandated(act, None)).collect();
        self.submit(by, calls).0
    }

    /// As [`Self::act_alone`], which nothing can refuse.
    fn must(&mut self, by: &str, acts: Vec<Act>) {
        let actions: Vec<Str> = acts.iter().map(|act| act.call.action.clone()).collect();
        assert_eq!(self.act_alone(by, acts), "applied", "{actions:?} by {by}");
    }

    fn pass_days(&mut self, days: u64) {
        for receipt in &self.city.pass(DAY * days).receipts {
            assert_eq!(outcome(receipt), "applied", "a timer: {receipt:?}");
        }
    }
}

/// Where walks over a trade begin.
struct Town {
    trade: &'static Trade,
    graph: Arc<Graph>,
    desk: Desk,
    /// Name → roles.
    people: Vec<(&'static str, Vec<String>)>,
}

/// A package as it is shipped.
pub(crate) fn shipped(name: &str) -> Source {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../packages").join(name);
    let mut files = Vec::new();
    for folder in [""].into_iter().chain(source::FOLDERS).chain([source::PROCESSES]) {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
        for entry in entries.map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            let name = entry.file_name().into_string().unwrap();
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            files.push((path, std::fs::read_to_string(entry.path()).unwrap()));
        }
    }
    let pairs: Vec<_> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    source::parse(&pairs).unwrap()
}

/// Names live as long as the test.
fn kept(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

impl Town {
    fn open(trade: &'static Trade) -> Self {
        let scenario = (trade.prepared)();
        let people: People = scenario
            .people
            .iter()
            .map(|(name, person)| {
                let subject = person.subject.as_deref().map(kept);
                (kept(name), kept(&person.member), person.roles.clone(), subject)
            })
            .collect();
        let graph = graph_of(trade.file);
        let own = trade.packages.last().unwrap();
        let stand_ins = stand_ins(own, trade.file, &graph).into_iter();
        let stand_ins = stand_ins.filter(|(name, _)| !trade.packages.contains(&name.as_str()));
        let shipped = trade.packages.iter().map(|name| shipped(name).doc.to_bytes());
        let documents: Vec<Vec<u8>> =
            stand_ins.map(|(_, document)| document).chain(shipped).collect();
        let compiled: Vec<Arc<Package>> =
            documents.iter().map(|document| memory::compile(document).unwrap()).collect();
        let parties = people.iter().map(|(name, member, _, subject)| {
            ((*name).to_owned(), subject.unwrap_or(*member).to_owned())
        });
        let desk = Desk {
            city: City::with(&people, documents),
            packages: Rc::new(compiled.iter().map(|p| (p.id.to_string(), Arc::clone(p))).collect()),
            parties: Rc::new(parties.collect()),
            dice: Dice::new(0),
            case: String::new(),
            vault: BTreeMap::new(),
            numbers: 0,
            notes: BTreeMap::new(),
            refused: BTreeMap::new(),
        };
        let people = people.into_iter().map(|(name, _, roles, _)| (name, roles)).collect();
        let mut town = Self { trade, graph: Arc::new(graph), desk, people };
        town.prepare(&scenario, &compiled);
        town
    }

    /// Plays what went before.
    fn prepare(&mut self, scenario: &Scenario, packages: &[Arc<Package>]) {
        let city = &mut self.desk.city;
        let (own, others) = packages.split_last().unwrap();
        let mut script = Script::new(Arc::clone(own), others.to_vec(), scenario);
        let steps =
            scenario.given.iter().enumerate().map(|(i, step)| (format!("given[{i}]"), step));
        for (at, step) in steps {
            let mut calls = script.calls(&at, step).unwrap();
            let mut given = Vec::new();
            for (by, call, place) in script.mandates(&at, step, &calls, city.time).unwrap() {
                let receipt = city.submit(by, Mode::Atomic, vec![call]);
                given.push((place, Script::mandate(&at, &receipt).unwrap()));
            }
            Script::name_mandates(&mut calls, given);
            let receipt = city.submit(&step.by, Mode::Atomic, calls);
            script.compare(&at, step, &receipt).unwrap();
        }
    }

    /// Those who hold a role of the node, or everybody when it names none.
    fn holders(&self, node: &str) -> Vec<&'static str> {
        let facts = self.graph.facts(self.graph.find(node).unwrap());
        let holds = |roles: &[String]| {
            facts.roles.iter().any(|role| roles.iter().any(|held| *held == *role.name))
        };
        let people = self.people.iter().filter(|(_, roles)| facts.roles.is_empty() || holds(roles));
        people.map(|(name, _)| *name).collect()
    }

    /// One case from its beginning to its end.
    fn walk(&self, seed: u64) -> (Desk, String) {
        let mut desk = self.desk.clone();
        // Neighbouring seeds are no neighbours on the dice.
        desk.dice = Dice::new(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let variables = (self.trade.variables)(&mut desk);
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let package = self.trade.packages.last().unwrap();
        let subjects = self.trade.subjects.iter().map(|about| (*about).into()).collect();
        let more = [("set", set(&variables)), ("subjects", Value::List(subjects))];
        let begin = start(package, self.trade.process, &more);
        let receipt = desk.city.applied(self.trade.begun_by, begin);
        desk.case = case_of(&receipt);
        for _ in 0..STEPS {
            if !self.is_open(&desk) {
                break;
            }
            self.step(&mut desk);
        }
        if self.is_open(&desk) {
            let ended = desk.submit(self.trade.begun_by, vec![because("withdraw", &desk.case)]).0;
            assert_eq!(ended, "applied");
        }
        let status = desk.case_status();
        assert!(["completed", "failed", "withdrawn", "terminated"].contains(&status.as_str()));
        let case = desk.city.record("case", &desk.case).clone();
        (self.trade.after)(&mut desk);
        desk.pass_days(LATER_DAYS);
        assert_eq!(desk.city.record("case", &desk.case), &case, "an ended case woke");
        for register in ["task", "wait"] {
            assert!(desk.live("case", register).is_empty(), "a {register} is open");
        }
        let came = (self.trade.check)(&desk);
        (desk, format!("{status}, {came}"))
    }

    fn is_open(&self, desk: &Desk) -> bool {
        desk.city.record("case", &desk.case).version.status == Status::Live
    }

    fn step(&self, desk: &mut Desk) {
        match desk.dice.roll(80) {
            0..2 => {
                let days = 1 + desk.dice.roll(10);
                desk.pass_days(days);
            }
            2 => self.suspend(desk),
            3 if desk.happens(5) => self.break_off(desk),
            4 => self.disturb(desk),
            5..7 => self.tell(desk),
            7..16 => (self.trade.between)(desk),
            _ => self.work(desk),
        }
    }

    /// Whoever keeps the case does something with it, if there is somebody.
    fn keep(&self, desk: &mut Desk, action: &str) -> bool {
        let case = desk.case.clone();
        self.people.iter().any(|(by, _)| {
            outcome(&desk.city.submit(by, Mode::Atomic, vec![because(action, &case)])) == "applied"
        })
    }

    fn suspend(&self, desk: &mut Desk) {
        if self.keep(desk, "suspend") {
            let days = 1 + desk.dice.roll(3);
            desk.pass_days(days);
            if desk.case_status() == "suspended" {
                assert!(self.keep(desk, "resume"));
            }
        }
    }

    fn break_off(&self, desk: &mut Desk) {
        if desk.happens(2) {
            self.keep(desk, "terminate");
        } else {
            let call = because("withdraw", &desk.case);
            desk.submit(self.trade.begun_by, vec![call]);
        }
    }

    /// A task is claimed, returned, or fails.
    fn disturb(&self, desk: &mut Desk) {
        let tasks = desk.city.live("task", &desk.case);
        let Some((node, task)) = desk.pick(&tasks) else { return };
        let people = self.holders(node);
        let Some(by) = desk.pick(&people) else { return };
        let on = ("task", Value::from(task.as_str()));
        let call = match desk.dice.roll(10) {
            0 => of_case("fail", &[on, ("code", "none".into())]),
            1..4 => of_case("return-for-correction", &[on, ("reason", "补".into())]),
            _ => on_task("claim", task),
        };
        desk.submit(by, vec![call]);
    }

    /// The case is told something by people.
    fn tell(&self, desk: &mut Desk) {
        let waits = desk.city.live("wait", &desk.case);
        let told: Vec<(String, String, Str)> = waits
            .into_iter()
            .filter_map(|(node, wait)| {
                let facts = self.graph.facts(self.graph.find(&node)?);
                let name = facts.message.clone()?;
                self.trade.messages.contains(&name.as_str()).then_some((node, wait, name))
            })
            .collect();
        let Some((node, wait, name)) = desk.pick(&told) else { return };
        let mut call = message(&desk.case, name);
        call.input.insert("wait".into(), wait.as_str().into());
        for by in self.holders(node) {
            if outcome(&desk.city.submit(by, Mode::Atomic, vec![call.clone()])) == "applied" {
                return;
            }
        }
    }

    /// Somebody does a task; when there is none, the registers go on, or time does.
    fn work(&self, desk: &mut Desk) {
        let tasks = desk.city.live("task", &desk.case);
        let Some((node, task)) = desk.pick(&tasks).cloned() else {
            (self.trade.between)(desk);
            if desk.city.live("task", &desk.case).is_empty() && self.is_open(desk) {
                self.tell(desk);
                let days = 1 + desk.dice.roll(5);
                desk.pass_days(days);
            }
            return;
        };
        if desk.city.field("task", &task, "status") == "returned".into() {
            desk.submit(self.trade.begun_by, vec![on_task("correct", &task)]);
            return;
        }
        let Some(doing) = (self.trade.doing)(desk, &node) else { return };
        let facts = self.graph.facts(self.graph.find(&node).unwrap());
        let mut calls: Vec<Call> =
            facts.evidence.iter().map(|kind| attach(&desk.case, &task, kind)).collect();
        for act in doing.acts {
            calls.push(desk.mandated(act, Some(&task)));
        }
        let pairs: Vec<(&str, &str)> =
            doing.set.iter().map(|(name, value)| (*name, value.as_str())).collect();
        match doing.fails {
            None => calls.push(complete(&task, &pairs)),
            Some(code) => {
                let on = [("task", task.as_str().into()), ("code", code.into())];
                calls = vec![of_case("fail", &on)];
            }
        }
        let mut people = doing.by;
        let first = usize::try_from(desk.dice.roll(u64::try_from(people.len()).unwrap())).unwrap();
        people.rotate_left(first);
        let mut found = String::new();
        for by in people {
            found = desk.submit(by, calls.clone()).0;
            if !NOT_BY.contains(&found.as_str()) {
                return;
            }
        }
        // Nobody else may do what is claimed by who must not: it is put back.
        for by in self.holders(&node) {
            let call = on_task("release-claim", &task);
            desk.city.submit(by, Mode::Atomic, vec![call]);
        }
        assert!(!found.is_empty(), "nobody does `{node}`");
    }
}

/// Tells the seed of the walk in which something failed.
struct Told(&'static str, u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: CHAINCITY_WALKS=1 CHAINCITY_SEED={} walks so", self.0, self.1);
        }
    }
}

/// Walks over a trade, and says how the cases ended and what was refused.
fn walk_over(trade: &'static Trade) {
    let (first, walks) = (seed(), walks(40));
    let town = Town::open(trade);
    let (mut ends, mut refused) = (BTreeMap::<String, u64>::new(), BTreeMap::<String, u64>::new());
    for i in 0..walks {
        let told = Told(trade.process, first.wrapping_add(i));
        let (desk, end) = town.walk(told.1);
        if i == 0 {
            let again = town.walk(told.1).0;
            assert!(again.city.ledger == desk.city.ledger, "the same dice, otherwise");
        }
        *ends.entry(end).or_default() += 1;
        for (code, count) in desk.refused {
            *refused.entry(code).or_default() += count;
        }
    }
    let mut report = format!("{}: {walks} walks, CHAINCITY_SEED={first}: {ends:?}", trade.process);
    for (code, count) in refused {
        write!(report, "\n  {code} {count}").unwrap();
    }
    eprintln!("{report}");
    // Not everything is broken off.
    let paid = ends.get("completed, paid");
    assert!(walks < 10 || paid.is_some_and(|ends| *ends > walks / 10), "{report}");
}

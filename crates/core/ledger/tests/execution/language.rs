//! The language beyond reads and writes: computed fields, invariants, references, loops, running
//! numbers, calls of other packages. Most claims are scenarios, as an author would write them.

use chaincity_ledger::{BlockContext, BlockRun, scenario};
use chaincity_package::doc::PackageDoc;
use chaincity_package::model::EACH_MAX;
use chaincity_package::source::{self, Source};
use chaincity_types::wire::{Call, Genesis};
use chaincity_types::{Height, Value};

use crate::desk::{self, Desk};
use crate::governance::approved;

/// The package `queue`, with its scenarios.
fn queue() -> Source {
    let mut files = vec![
        ("package.yaml".to_owned(), include_str!("language/package.yaml")),
        ("registers/unit.yaml".to_owned(), include_str!("language/unit.yaml")),
        ("registers/seal.yaml".to_owned(), include_str!("language/seal.yaml")),
        ("registers/note.yaml".to_owned(), include_str!("language/note.yaml")),
        ("registers/paper.yaml".to_owned(), include_str!("language/paper.yaml")),
        ("guards/sealed.yaml".to_owned(), include_str!("language/guards.yaml")),
        ("scenarios/all.yaml".to_owned(), include_str!("language/scenarios.yaml")),
    ];
    for action in include_str!("language/actions.txt").split("--- ").filter(|text| !text.is_empty())
    {
        let (name, text) = action.split_once('\n').unwrap();
        files.push((format!("actions/{name}.yaml"), text));
    }
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    source::parse(&files).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[test]
fn every_scenario_of_the_language_holds() {
    let source = queue();
    source.compile().unwrap_or_else(|problems| panic!("{problems:#?}"));
    let document = source.doc.to_bytes();
    let failed: Vec<String> = source
        .scenarios
        .iter()
        .filter_map(|s| scenario::run(&document, s).err().map(|f| format!("{}: {f}", s.name)))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(source.scenarios.len() >= 9);
}

/// A package that calls actions of `desk`, and of itself under another name.
fn caller(requires: &str, actions: &[(&str, &str)]) -> Vec<u8> {
    let package = format!(
        "package: caller\nversion: 1\ntitle: {{zh: 调用, en: Caller}}\nrequires: {requires}\n\
         roles:\n  desk.clerk: {{zh: 经办, en: Clerk}}\n  desk.court: {{zh: 法院, en: Court}}\n"
    );
    let register = "register: log\ntitle: {zh: 日志, en: Log}\nsteward: desk.clerk\nkey: auto\n\
        fields:\n  item: {type: text(40), zh: 物, en: Item}\n";
    let mut files = vec![
        ("package.yaml".to_owned(), package),
        ("registers/log.yaml".to_owned(), register.into()),
    ];
    for (name, rest) in actions {
        let head = format!("action: {name}\ntitle: {{zh: 办, en: Do}}\n");
        files.push((format!("actions/{name}.yaml"), head + rest));
    }
    let files: Vec<_> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    let source = source::parse(&files).unwrap_or_else(|problems| panic!("{problems:#?}"));
    source.compile().unwrap_or_else(|problems| panic!("{problems:#?}"));
    source.doc.to_bytes()
}

/// Logs an item, then makes it and adds to it in `desk`.
const MAKE: &str = "by: [desk.clerk, desk.court]\ninput:\n  item: text(40)\n  n: int\ndo:\n  \
    - insert: {register: log, fields: {item: input.item}}\n  \
    - call: {package: desk, action: create, input: {code: input.item, owner: '\"s-jia\"', n: input.n}}\n  \
    - call: {package: desk, action: add, input: {item: input.item, n: '1'}}\n";

fn make(item: &str, n: i64) -> Call {
    let call = desk::call("make", [("item", item.into()), ("n", Value::Int(n))]);
    Call { package: "caller".into(), ..call }
}

#[test]
fn an_action_calls_another_package_which_sees_what_was_written_before() {
    let mut desk =
        Desk::with_packages(vec![desk::document(), caller("{desk: 1}", &[("make", MAKE)])]);
    let receipt = desk.applied("clerk", make("i1", 5));
    assert_eq!(desk.n("i1"), 6);
    assert_eq!(receipt.entries.len(), 1, "one call, one outcome");
    let by = &desk.item("i1").version.by;
    assert_eq!((by.package.as_str(), by.action.as_str()), ("desk", "add"));
    assert_eq!(desk.item("i1").version.version, 2);
}

#[test]
fn authority_is_not_inherited_and_nothing_is_half_applied() {
    let mut desk =
        Desk::with_packages(vec![desk::document(), caller("{desk: 1}", &[("make", MAKE)])]);
    // The court may `make`, but not `create`: the log that was written before is gone too.
    assert_eq!(desk.outcome("court", make("i1", 5)), "not-authorised");
    assert_eq!(desk.outcome("clerk", make("i1", 5)), "applied");
    assert_eq!(desk.outcome("clerk", make("i1", 5)), "exists");
}

#[test]
fn packages_that_call_each_other_in_a_circle_stop() {
    let ping = "by: desk.clerk\ninput: {}\ndo:\n  - call: {package: caller, action: ping}\n";
    // A package may name itself only once it is in force: by its second version.
    let first = caller("{}", &[("pong", "by: desk.clerk\ndo: []\n")]);
    let mut second = PackageDoc::from_bytes(&caller("{caller: 1}", &[("ping", ping)])).unwrap();
    second.version = 2;
    let mut desk = Desk::with_packages(vec![desk::document(), first]);
    let publish = desk::govern("publish-package", [("document", Value::Bytes(second.to_bytes()))]);
    let publish = approved(&mut desk, &[("b", "beta")], publish);
    desk.applied("a", publish);
    let call = Call { package: "caller".into(), ..desk::call("ping", []) };
    assert_eq!(desk.outcome("clerk", call), "call-depth");
}

#[test]
fn a_package_comes_after_what_it_requires() {
    let document = caller("{desk: 2}", &[("make", MAKE)]);
    let genesis =
        Genesis { packages: vec![desk::document().into(), document.into()], ..desk::genesis() };
    let desk = Desk::new();
    let mut run = BlockRun::new(BlockContext { height: Height(1), ..desk.context() });
    let refused = run.genesis(&genesis, &*desk.packages).unwrap_err().to_string();
    assert!(refused.contains("requires `desk` in version 2"), "{refused}");
}

#[test]
fn a_loop_is_bounded_and_its_cost_is_paid() {
    let source = queue();
    let items: Vec<String> = (0..EACH_MAX + 1).map(|i| format!("\"n{i}\"")).collect();
    let play = |items: &[String], code: &str| {
        let text = format!(
            "scenarios:\n  - scenario: x\n    zh: 测\n    en: x\n    when:\n      \
             - {{by: clerk, action: split, input: {{unit: u1, into: [{}], keep: true}}{code}}}\n",
            items.join(", ")
        );
        let given = include_str!("language/scenarios.yaml").split("scenarios:\n").next().unwrap();
        let text = format!("{given}{text}");
        let empty = "package: x\nversion: 1\ntitle: {zh: 空, en: empty}\n";
        let files = [("package.yaml", empty), ("scenarios/x.yaml", text.as_str())];
        let scenarios = source::parse(&files).unwrap().scenarios;
        scenario::run(&source.doc.to_bytes(), &scenarios[0]).map_err(|f| f.to_string())
    };
    assert_eq!(play(&items[..200], ""), Ok(()));
    assert_eq!(play(&items, ", code: too-many-records"), Ok(()));
}

#[test]
fn checking_many_new_records_against_each_other_is_paid_for() {
    let source = queue();
    let play = |count: usize, code: &str| {
        let given = include_str!("language/scenarios.yaml").split("scenarios:\n").next().unwrap();
        let text = format!(
            "{given}scenarios:\n  - scenario: x\n    zh: 测\n    en: x\n    when:\n      \
             - {{by: clerk, action: flood, input: {{unit: u1, by: [{}]}}{code}}}\n",
            vec!["s-1"; count].join(", ")
        );
        let empty = "package: x\nversion: 1\ntitle: {zh: 空, en: empty}\n";
        let files = [("package.yaml", empty), ("scenarios/x.yaml", text.as_str())];
        let scenarios = source::parse(&files).unwrap().scenarios;
        scenario::run(&source.doc.to_bytes(), &scenarios[0]).map_err(|f| f.to_string())
    };
    // Each of them is seen once for each: the work grows with the square, and so does its price.
    assert_eq!(play(50, ""), Ok(()));
    assert_eq!(play(256, ", code: out-of-fuel"), Ok(()));
}

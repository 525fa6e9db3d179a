//! Keys that are not known yet: asked for together, and without any influence on the outcome.

use std::cell::RefCell;
use std::collections::BTreeSet;

use chaincity_ledger::memory::MemoryLedger;
use chaincity_ledger::{BlockRun, Executed, Lookup, Step, View};
use chaincity_types::wire::{Call, LogicalKey, Mode};
use proptest::prelude::*;

use crate::desk::{Desk, Signed, add, call, create, govern, with};

/// A view that learns keys only when it is told to.
struct Partial<'a> {
    ledger: &'a MemoryLedger,
    known: RefCell<BTreeSet<LogicalKey>>,
}

impl View for Partial<'_> {
    fn lookup(&self, key: &LogicalKey) -> Lookup {
        if self.known.borrow().contains(key) { self.ledger.lookup(key) } else { Lookup::Unknown }
    }
}

impl<'a> Partial<'a> {
    fn new(ledger: &'a MemoryLedger) -> Self {
        Self { ledger, known: RefCell::default() }
    }

    fn learn(&self, keys: impl IntoIterator<Item = LogicalKey>) {
        self.known.borrow_mut().extend(keys);
    }
}

/// Runs a block over a view that learns what `choose` picks from what was needed; the rounds of
/// each transaction.
fn run_partially(
    desk: &Desk,
    signed: &[Signed],
    choose: &mut dyn FnMut(Vec<LogicalKey>) -> Vec<LogicalKey>,
) -> (Executed, Vec<usize>) {
    let view = Partial::new(&desk.ledger);
    let mut run = BlockRun::new(desk.context());
    let mut rounds = Vec::new();
    for signed in signed {
        let mut round = 0;
        loop {
            let before = format!("{run:?}");
            match run.run(&signed.as_call(), &view, &*desk.packages) {
                Step::Done(()) => break,
                Step::Need(keys) => {
                    assert_eq!(before, format!("{run:?}"), "a missing key left a trace");
                    assert!(!keys.is_empty() && keys.is_sorted());
                    assert!(keys.iter().all(|key| !view.known.borrow().contains(key)));
                    round += 1;
                    view.learn(choose(keys));
                }
            }
        }
        rounds.push(round);
    }
    let executed = loop {
        match run.finish(&view, &*desk.packages) {
            Step::Done(executed) => break executed,
            Step::Need(keys) => view.learn(choose(keys)),
        }
    };
    (executed, rounds)
}

/// Runs a block as a node does: all transactions are tried on the parent's state first, over a view
/// that learns what `choose` picks, and those that do not stand any more are run in their place.
/// How many those were.
pub(crate) fn run_tried(
    desk: &Desk,
    signed: &[Signed],
    choose: &mut dyn FnMut(Vec<LogicalKey>) -> Vec<LogicalKey>,
) -> (Executed, usize) {
    let view = Partial::new(&desk.ledger);
    let mut run = BlockRun::new(desk.context());
    let mut attempts = Vec::new();
    for signed in signed {
        loop {
            match run.attempt(&signed.as_call(), &view, &*desk.packages) {
                Step::Done(attempt) => break attempts.push(attempt),
                Step::Need(keys) => view.learn(choose(keys)),
            }
        }
    }
    let mut again = 0;
    for (signed, mut attempt) in signed.iter().zip(attempts) {
        let stands = loop {
            match run.accept(&mut attempt, &signed.as_call(), &view, &*desk.packages) {
                Step::Done(stands) => break stands,
                Step::Need(keys) => view.learn(choose(keys)),
            }
        };
        if stands {
            continue;
        }
        again += 1;
        while let Step::Need(keys) = run.run(&signed.as_call(), &view, &*desk.packages) {
            view.learn(choose(keys));
        }
    }
    loop {
        match run.finish(&view, &*desk.packages) {
            Step::Done(executed) => return (executed, again),
            Step::Need(keys) => view.learn(choose(keys)),
        }
    }
}

pub(crate) fn run_fully(desk: &Desk, signed: &[Signed]) -> Executed {
    let mut run = BlockRun::new(desk.context());
    for signed in signed {
        assert_eq!(run.run(&signed.as_call(), &desk.ledger, &*desk.packages), Step::Done(()));
    }
    run.finish(&desk.ledger, &*desk.packages).done().unwrap()
}

fn desk() -> Desk {
    let mut desk = Desk::new();
    for (code, owner) in [("i1", "s-jia"), ("i2", "s-jia"), ("i3", "s-yi")] {
        desk.applied("clerk", create(code, owner, 10));
    }
    let mut child = create("i4", "s-yi", 1);
    child.input.insert("parent".into(), "i1".into());
    desk.applied("clerk", child);
    desk.applied("court", call("hold", [("item", "i3".into())]));
    desk
}

#[test]
fn independent_reads_are_asked_for_in_one_round() {
    let desk = desk();
    let rounds = |calls| {
        let signed = desk.sign("clerk", Mode::Independent, calls);
        run_partially(&desk, &[signed], &mut |keys| keys).1[0]
    };
    // Operator and package, then the member, then references and reads, then what is written.
    assert_eq!(rounds(vec![add("i1", 1)]), 3);
    assert_eq!(rounds((0..50).map(|i| add(&format!("i{i}"), 1)).collect()), 4);
    // An index, then its records; the index entries that change are known by then.
    assert_eq!(rounds(vec![call("only", [("owner", "s-yi".into())])]), 4);
    assert_eq!(rounds(vec![call("retire-all", [("owner", "s-jia".into())])]), 4);
    // A read that depends on another.
    assert_eq!(rounds(vec![call("graft", [("item", "i4".into())])]), 4);
}

#[test]
fn what_was_tried_stands_unless_something_that_it_read_was_written() {
    let desk = desk();
    let again = |calls: [Call; 3]| {
        let signed = calls.map(|call| desk.sign("clerk", Mode::Atomic, vec![call]));
        run_tried(&desk, &signed, &mut |keys| keys).1
    };
    assert_eq!(again([add("i1", 1), add("i2", 1), add("i3", 1)]), 0);
    assert_eq!(again([add("i1", 1), add("i2", 1), add("i1", 2)]), 1);
    assert_eq!(again([add("i1", 1), add("i1", 2), add("i1", 3)]), 2);
    // A record that was not there.
    assert_eq!(again([add("n", 1), create("n", "s-yi", 1), add("n", 2)]), 1);
    // An index entry that both change, and one that a call reads.
    assert_eq!(again([create("n", "s-yi", 1), add("i1", 1), create("m", "s-yi", 1)]), 0);
    let only = call("only", [("owner", "s-yi".into())]);
    assert_eq!(again([create("n", "s-yi", 1), add("i1", 1), only]), 1);
}

/// Transactions of every kind, good and bad.
fn any_transactions() -> impl Strategy<Value = Vec<(u8, u8, u8, bool)>> {
    prop::collection::vec((0_u8..10, 0_u8..5, 0_u8..5, any::<bool>()), 1..12)
}

fn build(desk: &Desk, plan: &[(u8, u8, u8, bool)]) -> Vec<Signed> {
    let calls = plan.iter().map(|(kind, a, b, _)| {
        let (one, two) = (format!("i{a}"), format!("i{b}"));
        let owner = ["s-jia", "s-yi", "s-bing", "s-ding", "s-wu"][usize::from(*b)];
        let item = |action: &str| call(action, [("item", one.as_str().into())]);
        match kind {
            0 => create(&format!("n{a}"), owner, 1),
            1 => item("retire"),
            2 => call("retire-all", [("owner", owner.into())]),
            3 => call("only", [("owner", owner.into())]),
            4 => item("graft"),
            5 => item("hold"),
            6 => call("swap", [("a", one.as_str().into()), ("b", two.as_str().into())]),
            7 => with(call("give", [("item", one.as_str().into()), ("to", owner.into())]), &["m"]),
            8 => govern("set-committee", [("nodes", chaincity_types::Value::List(Vec::new()))]),
            _ => add(&one, 1),
        }
    });
    let calls: Vec<_> = calls.collect();
    let by = |i: usize| ["clerk", "court", "a", "nobody"][if i % 7 == 6 { 3 } else { i % 3 }];
    let mode = |flag: bool| if flag { Mode::Atomic } else { Mode::Independent };
    let mut out = Vec::new();
    for (i, chunk) in calls.chunks(3).enumerate() {
        let flag = plan[i * 3].3;
        let mut signed = desk.sign(if flag { "clerk" } else { by(i) }, mode(flag), chunk.to_vec());
        signed.transaction.intent = (i % 2 == 0).then(|| format!("intent-{}", plan[i].1).into());
        out.push(signed);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_a_view_knows_when_has_no_influence(plan in any_transactions(), picks in prop::collection::vec(any::<u8>(), 64)) {
        let desk = desk();
        let signed = build(&desk, &plan);
        let whole = run_fully(&desk, &signed);
        prop_assert_eq!(&run_fully(&desk, &signed), &whole);
        prop_assert_eq!(&run_partially(&desk, &signed, &mut |keys| keys).0, &whole);
        prop_assert_eq!(&run_tried(&desk, &signed, &mut |keys| keys).0, &whole);
        let mut at = 0;
        let mut pick = |keys: Vec<LogicalKey>| {
            at += 1;
            let n = usize::from(picks[at % picks.len()]) % keys.len();
            let mut keys = keys;
            vec![keys.swap_remove(n)]
        };
        prop_assert_eq!(&run_partially(&desk, &signed, &mut pick).0, &whole);
        prop_assert_eq!(&run_tried(&desk, &signed, &mut pick).0, &whole);
    }

    #[test]
    fn heads_are_the_last_writes_and_indexes_are_the_live_records(plan in any_transactions()) {
        let mut desk = desk();
        let signed = build(&desk, &plan);
        let executed = desk.block(&signed);
        prop_assert!(executed.heads.is_sorted_by(|a, b| a.0 < b.0));
        for (key, head) in &executed.heads {
            let last = executed.versions.iter().rev().find(|v| v.state_key == *key).unwrap();
            prop_assert_eq!(&last.record.head, head);
        }
        let receipts: usize = executed.receipts.iter().flat_map(|r| &r.entries).map(|e| e.writes.len()).sum();
        prop_assert_eq!(receipts, executed.writes.len());
        check_indexes(&desk);
    }
}

/// Recomputes every index entry of the test package from its live records.
fn check_indexes(desk: &Desk) {
    use std::collections::BTreeMap;
    let package = crate::desk::package().compile().unwrap();
    let mut wanted: BTreeMap<LogicalKey, Vec<chaincity_types::Value>> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for (key, record) in desk.ledger.records() {
        let live = record.version.status == chaincity_types::wire::Status::Live;
        match key {
            LogicalKey::Record { package: id, register, key } if id == "desk" && live => {
                for index in package.registers[register].indexes.values() {
                    let values: Option<Vec<_>> = index
                        .fields
                        .iter()
                        .map(|f| record.version.fields.get(f).cloned())
                        .collect();
                    if let Some(values) = values {
                        let entry = LogicalKey::Index {
                            package: id.clone(),
                            register: register.clone(),
                            index: index.name.clone(),
                            values,
                        };
                        wanted.entry(entry).or_default().push(key.as_str().into());
                    }
                }
            }
            LogicalKey::Index { .. } if live => {
                found
                    .insert(key.clone(), record.version.fields["keys"].as_list().unwrap().to_vec());
            }
            _ => {}
        }
    }
    assert_eq!(wanted, found);
}

//! A package that compiles cannot stall a node: whatever it does is paid for, and fuel is bounded.
//! Work is counted, not timed: look-ups, bytes written, events.

use std::cell::Cell;

use chaincity_ledger::memory::MemoryLedger;
use chaincity_ledger::{BlockRun, Lookup, Step, View, fuel};
use chaincity_package::doc::PackageDoc;
use chaincity_package::source;
use chaincity_types::Value;
use chaincity_types::wire::{Call, LogicalKey, Mode, Outcome, Receipt};
use proptest::prelude::*;

use crate::desk::{self, Desk, outcome};
use crate::governance::approved;

/// Look-ups that a call makes before it has drawn any fuel: caller, member, packages, intent.
const LOOKUPS_BEFORE: u64 = 16;
/// Fuel that at least one look-up costs: an event is raised for each change of a record.
const UNITS_A_LOOKUP: u64 = 5;
/// Bytes of bodies that one unit of fuel writes at most.
const BYTES_A_UNIT: u64 = 1_024 / fuel::WRITE_KILOBYTE + 1;

/// Counts what is asked for.
struct Counting<'a> {
    ledger: &'a MemoryLedger,
    lookups: Cell<u64>,
}

impl View for Counting<'_> {
    fn lookup(&self, key: &LogicalKey) -> Lookup {
        self.lookups.set(self.lookups.get() + 1);
        self.ledger.lookup(key)
    }
}

/// Runs one call as a block; its work must be within what its fuel pays for.
pub(crate) fn paid(desk: &mut Desk, call: Call) -> Receipt {
    let signed = desk.sign("clerk", Mode::Atomic, vec![call]);
    let mut run = BlockRun::new(desk.context());
    let view = Counting { ledger: &desk.ledger, lookups: Cell::new(0) };
    assert_eq!(run.run(&signed.as_call(), &view, &*desk.packages), Step::Done(()));
    let lookups = view.lookups.get();
    let executed = desk.commit(run);
    let receipt = executed.receipts[0].clone();
    assert!(receipt.fuel <= fuel::CALL_MAX, "{}", receipt.fuel);
    let bound = LOOKUPS_BEFORE + receipt.fuel / UNITS_A_LOOKUP;
    assert!(lookups <= bound, "{lookups} look-ups for {} units", receipt.fuel);
    let bytes: u64 = executed.versions.iter().map(|version| version.bytes.len() as u64).sum();
    assert!(bytes <= receipt.fuel * BYTES_A_UNIT, "{bytes} bytes for {} units", receipt.fuel);
    let events: usize = receipt.entries.iter().map(|entry| entry.events.len()).sum();
    assert!(events as u64 <= receipt.fuel / fuel::EVENT);
    receipt
}

const FILL: &str = "input: {owner: text(20), l: 'list(int, max 1000)', of: 'list(int, max 256)'}\n\
    do:\n  - each:\n      as: i\n      in: input.of\n      do:\n        \
    - insert: {register: item, fields: {owner: input.owner, n: i, l: input.l}}\n";

/// A package over `desk` with one register, a way to fill it, and an action made of `run`.
fn hostile(invariant: &str, computed: &str, run: &str) -> PackageDoc {
    let package = "package: hostile\nversion: 1\ntitle: {zh: 敌, en: Hostile}\nrequires: {desk: 1}\n\
        roles:\n  desk.clerk: {zh: 经办, en: Clerk}\n";
    let register = format!(
        "register: item\ntitle: {{zh: 物, en: Item}}\nsteward: desk.clerk\nkey: auto\nfields:\n  \
         owner: text(20)\n  n: int\n  l: 'list(int, max 1000)'\nindexes:\n  \
         by_owner: {{fields: [owner]}}\ncomputed:\n  c: {{type: int, rule: {computed:?}, zh: 算, en: c}}\n\
         invariants:\n  - {{code: inv, over: by_owner, that: {invariant:?}, zh: 约, en: inv}}\n"
    );
    let head = |name: &str| format!("action: {name}\ntitle: {{zh: 办, en: Do}}\nby: desk.clerk\n");
    let (fill, run) = (head("fill") + FILL, head("run") + run);
    let files = [
        ("package.yaml", package),
        ("registers/item.yaml", &register),
        ("actions/fill.yaml", &fill),
        ("actions/run.yaml", &run),
    ];
    let source = source::parse(&files).unwrap_or_else(|problems| panic!("{problems:#?}"));
    source.compile().unwrap_or_else(|problems| panic!("{problems:#?}"));
    source.doc
}

fn call(action: &str, input: &[(&str, Value)]) -> Call {
    let mut call = Call { package: "hostile".into(), ..desk::call(action, []) };
    call.input = input.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
    call
}

fn ints(count: usize) -> Value {
    Value::List((0..).take(count).map(Value::Int).collect())
}

fn fill(desk: &mut Desk, count: usize, large: usize) -> String {
    let input = [("owner", "x".into()), ("of", ints(count)), ("l", ints(large))];
    outcome(&paid(desk, call("fill", &input)))
}

fn install(doc: &PackageDoc) -> Desk {
    Desk::with_packages(vec![desk::document(), doc.to_bytes()])
}

/// Conditions over `input.l`, a list of a thousand, as dear as they come.
fn dear() -> impl Strategy<Value = String> {
    let list = prop_oneof![
        Just("input.l".to_owned()),
        Just("(input.l + input.l + input.l)".to_owned()),
        Just("input.l.map(a, a + 1)".to_owned()),
        Just("all_items.map(i, i.n)".to_owned()),
        Just("all_items.map(i, i.l.map(j, j)).map(k, size(k))".to_owned()),
    ];
    (list, 0..6_usize).prop_map(|(list, kind)| match kind {
        0 => format!("{list}.all(x, {list}.all(y, {list}.all(z, x + y + z >= 0)))"),
        1 => format!("size({list}.filter(x, x in {list})) >= 0"),
        2 => format!("size({list}.map(x, {list}.map(y, string(x) + string(y)))) >= 0"),
        3 => format!("{list}.map(x, [{list}]) == {list}.map(x, [{list}])"),
        4 => format!("{list}.exists(x, max({list}) < x) || sum({list}) >= 0"),
        _ => format!("[{list}].all(v, v.all(x, size(v) + size(v) + size(v) >= 0))"),
    })
}

/// What stands inside three loops.
fn effect() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("event: {kind: k, register: item, key: string(a + b + c)}"),
        Just("insert: {register: item, fields: {owner: '\"x\"', n: a, l: input.l}}"),
        Just("update: {record: first, set: {n: a + b + c}}"),
        Just("close: {record: none, reason: r}"),
        Just(
            "call: {package: desk, action: create, input: {code: string(a) + string(b), owner: '\"o\"', n: c}}"
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_dearest_packages_are_paid_for(
        rule in dear(),
        effect in effect(),
        invariant in prop_oneof![
            Just("size(all) >= 0"),
            Just("all.all(a, all.all(b, a.n == b.n || a.l != b.l || a._key != ''))"),
        ],
        computed in prop_oneof![Just("1"), Just("sum(this.l)")],
        (count, large, loops) in (1_usize..40, 0_usize..1_000, 1_usize..256),
        guarded in any::<bool>(),
    ) {
        let guard = if guarded { rule.as_str() } else { "true" };
        let run = format!(
            "input: {{l: 'list(int, max 1000)', of: 'list(int, max 256)'}}\nlet:\n  \
             all_items: all(item, owner == 'x', max 1000)\n  none: all(item, owner == 'y', max 1000)\n  \
             first: find(item, all_items[0]._key)\n\
             require:\n  - {{code: no, that: {guard:?}, zh: 否, en: no}}\ndo:\n  \
             - each:\n      as: a\n      in: input.of\n      do:\n      - each:\n          as: b\n          \
             in: input.of\n          do:\n          - each: {{as: c, in: input.of, do: [{{{effect}}}]}}\n"
        );
        let mut desk = install(&hostile(invariant, computed, &run));
        fill(&mut desk, count, large);
        let input = [("l", ints(1_000)), ("of", ints(loops))];
        paid(&mut desk, call("run", &input));
    }
}

/// A loop over `loops` × 256 items around one effect, on the first record of `x`.
fn looped(effect: &str) -> String {
    format!(
        "input: {{of: 'list(int, max 256)'}}\nlet:\n  list: all(item, owner == 'x', max 1000)\n  \
         first: find(item, list[0]._key)\ndo:\n  - each:\n      as: a\n      in: input.of\n      do:\n      \
         - each: {{as: b, in: input.of, do: [{{{effect}}}]}}\n"
    )
}

fn out_of_fuel_after(effect: &str, large: usize, loops: usize) -> String {
    let mut desk = install(&hostile("size(all) >= 0", "1", &looped(effect)));
    assert_eq!(fill(&mut desk, 1, large), "applied");
    outcome(&paid(&mut desk, call("run", &[("of", ints(loops))])))
}

#[test]
fn changing_a_large_record_again_and_again_is_paid_by_its_size() {
    let update = "update: {record: first, set: {n: a + b}}";
    assert_eq!(out_of_fuel_after(update, 10, 10), "applied");
    // A thousand values copied for each of 225 changes.
    assert_eq!(out_of_fuel_after(update, 1_000, 15), "out-of-fuel");
}

#[test]
fn calls_are_paid_for_when_they_are_planned() {
    let call = "call: {package: desk, action: nothing, input: {}}";
    assert_eq!(out_of_fuel_after(call, 0, 10), "unknown-action");
    // Two thousand calls are the most that a call's fuel pays for.
    assert_eq!(out_of_fuel_after(call, 0, 50), "out-of-fuel");
}

#[test]
fn reading_a_record_is_paid_by_its_size() {
    let mut desk =
        install(&hostile("size(all) >= 0", "1", &looped("close: {record: list, reason: r}")));
    let mut spent = Vec::new();
    for large in [0, 1_000] {
        let input = [("owner", "x".into()), ("of", ints(1)), ("l", ints(large))];
        desk.applied("clerk", call("fill", &input));
        spent.push(paid(&mut desk, call("run", &[("of", ints(0))])).fuel);
    }
    assert!(spent[1] > spent[0] + 1_000, "{spent:?}");
}

#[test]
fn packages_that_call_each_other_in_loops_are_bounded() {
    let call_twice = "input: {of: 'list(int, max 256)'}\ndo:\n  - each:\n      as: a\n      in: input.of\n      \
        do:\n      - insert: {register: item, fields: {owner: '\"x\"', n: a, l: '[]'}}\n      \
        - call: {package: desk, action: create, input: {code: string(a), owner: '\"o\"', n: '1'}}\n";
    let mut desk = install(&hostile("true", "1", call_twice));
    assert_eq!(outcome(&paid(&mut desk, call("run", &[("of", ints(20))]))), "applied");
    // The second version calls itself.
    let again = call_twice.replace(
        "package: desk, action: create, input: {code: string(a), owner: '\"o\"', n: '1'}",
        "package: hostile, action: run, input: {of: input.of}",
    );
    let mut second = hostile("true", "1", call_twice);
    let source = hostile_again(&again);
    (second.version, second.requires, second.actions) = (2, source.requires, source.actions);
    let document = Value::Bytes(second.to_bytes());
    let publish = desk::govern("publish-package", [("document", document)]);
    let publish = approved(&mut desk, &[("b", "beta")], publish);
    desk.applied("a", publish);
    let before = desk.ledger.clone();
    for (count, code) in [(0, "applied"), (2, "call-depth"), (256, "out-of-fuel")] {
        let receipt = paid(&mut desk, call("run", &[("of", ints(count))]));
        assert_eq!(outcome(&receipt), code);
    }
    assert_eq!(before, desk.ledger, "what was refused left nothing, however deep it was");
}

/// The same package, requiring itself.
fn hostile_again(run: &str) -> PackageDoc {
    let own = run.replace("package: hostile", "package: desk");
    let mut doc = hostile("true", "1", &own);
    doc.requires.iter_mut().for_each(|required| required.package = "hostile".into());
    for action in &mut doc.actions {
        for effect in &mut action.effects {
            rename(effect);
        }
    }
    doc
}

fn rename(effect: &mut chaincity_package::doc::EffectDoc) {
    use chaincity_package::doc::EffectDoc;
    match effect {
        EffectDoc::Each { effects, .. } => effects.iter_mut().for_each(rename),
        EffectDoc::Call { package, .. } => "hostile".clone_into(package),
        _ => {}
    }
}

#[test]
fn the_fuel_of_a_transaction_bounds_its_calls_together() {
    let mut desk = install(&hostile("true", "1", &looped("close: {record: list, reason: r}")));
    let input = [("owner", "x".into()), ("of", ints(256)), ("l", ints(700))];
    let calls = vec![call("fill", &input); 30];
    let signed = desk.sign("clerk", Mode::Independent, calls);
    let receipt = desk.submit(&signed);
    assert!(receipt.fuel <= fuel::TRANSACTION_MAX && receipt.fuel > fuel::TRANSACTION_MAX / 2);
    assert!(receipt.entries.iter().all(|entry| entry.outcome != Outcome::Applied));
}

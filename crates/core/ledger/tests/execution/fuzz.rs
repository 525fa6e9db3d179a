//! Arbitrary inputs to every action: no panic, no trace of what was refused, bounded fuel.

use chaincity_ledger::{BlockRun, Step, fuel, governance};
use chaincity_types::wire::{Call, Mode, Outcome};
use chaincity_types::{Str, Timestamp, Value};
use proptest::prelude::*;

use crate::desk::{Desk, create, package};

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        prop_oneof![any::<i64>(), -3_i64..3, Just(i64::MAX), Just(i64::MIN)].prop_map(Value::Int),
        (any::<i64>(), 0_u8..=9).prop_map(|(mantissa, scale)| Value::Decimal { mantissa, scale }),
        prop_oneof!["i[0-3]", "\\PC{0,8}", "[a-z-]{1,12}", "s-jia|alpha|desk|current|give"]
            .prop_map(Value::from),
        prop_oneof![prop::collection::vec(any::<u8>(), 0..6), Just(vec![7; 32])]
            .prop_map(Value::Bytes),
        any::<i32>().prop_map(Value::Date),
        any::<u64>().prop_map(|ms| Value::Time(Timestamp(ms))),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::btree_map("subject|n|d|[a-z]{0,3}".prop_map(Str::from), inner, 0..4)
                .prop_map(Value::Map),
        ]
    })
}

/// Every action with the names of its inputs.
fn actions() -> Vec<(Str, Str, Vec<Str>)> {
    let desk = package().compile().unwrap();
    let governance = governance::package();
    [&desk, governance.as_ref()]
        .into_iter()
        .flat_map(|package| {
            package.actions.values().map(|action| {
                let inputs = action.input.keys().cloned().collect();
                (package.id.clone(), action.name.clone(), inputs)
            })
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_input_makes_the_ledger_panic_or_forget_its_bounds(
        picks in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(any_value(), 8), 0_u8..6), 1..4),
        by in prop_oneof![Just("clerk"), Just("court"), Just("a"), Just("jia")],
        atomic in any::<bool>(),
    ) {
        let mut desk = Desk::new();
        desk.applied("clerk", create("i1", "s-jia", 10));
        let actions = actions();
        let calls: Vec<Call> = picks
            .into_iter()
            .map(|(at, values, odd)| {
                let (package, action, inputs) = at.get(&actions).clone();
                let mut input: std::collections::BTreeMap<_, _> =
                    inputs.into_iter().zip(values.clone()).collect();
                if odd == 0 {
                    input.insert("odd".into(), values[0].clone());
                }
                let mandates = (odd == 1).then(|| vec!["none".into(), Str::default()]);
                Call { package, action, input, case: None, task: None, mandates }
            })
            .collect();
        let count = calls.len();
        let mode = if atomic { Mode::Atomic } else { Mode::Independent };
        let signed = desk.sign(by, mode, calls);
        let mut run = BlockRun::new(desk.context());
        prop_assert_eq!(run.run(&signed.as_call(), &desk.ledger, &*desk.packages), Step::Done(()));
        let executed = run.finish(&desk.ledger, &*desk.packages).done().unwrap();
        let receipt = &executed.receipts[0];
        prop_assert!(receipt.fuel <= fuel::TRANSACTION_MAX);
        prop_assert_eq!(receipt.entries.len(), if atomic { 1 } else { count });
        let applied = receipt.entries.iter().any(|e| e.outcome == Outcome::Applied);
        prop_assert!(applied || executed.versions.is_empty());
        let writes: usize = receipt.entries.iter().map(|e| e.writes.len()).sum();
        prop_assert_eq!(writes, executed.versions.len());
    }
}

//! Every scenario of every package on whole nodes, and what four validators decided once more on
//! fresh ones. What that covers, and what not: `testing/src/stage/mod.rs`. To see each scenario:
//! `cargo run -p chaincity-testing --bin stage`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use chaincity_package::scenario::Scenario;
use chaincity_testing::recording::Recording;
use chaincity_testing::sim::play::record;
use chaincity_testing::sim::schedule::Schedule;
use chaincity_testing::stage::{Play, Reach, cluster, packages, stand_in};
use chaincity_types::Digest;

fn reach(play: &Play, scenario: &Scenario) -> Reach {
    play.reach(scenario).unwrap_or_else(|failure| panic!("{}: {failure}", scenario.name))
}

#[test]
fn every_scenario_that_does_not_leap_far_holds_on_the_stand_in_orderer() {
    let plays = packages().unwrap();
    let all: Vec<(&Play, &Scenario)> =
        plays.iter().flat_map(|play| play.scenarios.iter().map(move |s| (play, s))).collect();
    let near: Vec<_> =
        all.iter().filter(|(play, scenario)| reach(play, scenario) >= Reach::StandIn).collect();
    let (total, far) = (all.len(), all.len() - near.len());
    eprintln!("情景 {total} 则，其中 {far} 则跨时过远，只在内存中运行");
    eprintln!("{total} scenarios, {far} of which leap too far and run in memory alone");
    assert!(near.len() > far, "most scenarios are played");
    let next = AtomicUsize::new(0);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some((play, scenario)) = near.get(next.fetch_add(1, Ordering::AcqRel)) {
                    let name = &scenario.name;
                    stand_in::perform(play, scenario).unwrap_or_else(|f| panic!("{name}: {f}"));
                }
            });
        }
    });
}

fn same_everywhere(play: &Play, scenario: &Scenario) {
    let name = &scenario.name;
    let recording = cluster::perform(play, scenario).unwrap_or_else(|f| panic!("{name}: {f}"));
    recording.replay().unwrap_or_else(|f| panic!("{name}: {f}"));
    recording.again().unwrap_or_else(|f| panic!("{name}: {f}"));
}

const SLICES: usize = 4;

/// Scenarios in slices, so that they run side by side.
macro_rules! slices {
    ($($name:ident: $slice:literal)*) => {$(
        #[test]
        fn $name() {
            for play in packages().unwrap() {
                let slice = play.scenarios.iter().skip($slice).step_by(SLICES);
                for scenario in slice.filter(|s| reach(&play, s) == Reach::Cluster) {
                    same_everywhere(&play, scenario);
                }
            }
        }
    )*};
}

slices! {
    four_validators_a_replay_and_the_stand_in_come_to_the_same_content_1: 0
    four_validators_a_replay_and_the_stand_in_come_to_the_same_content_2: 1
    four_validators_a_replay_and_the_stand_in_come_to_the_same_content_3: 2
    four_validators_a_replay_and_the_stand_in_come_to_the_same_content_4: 3
}

/// A scenario without times, of which a version with a leap of hours still holds in memory.
fn leaping() -> (Play, Scenario) {
    for play in packages().unwrap() {
        for scenario in &play.scenarios {
            let mut steps = scenario.given.iter().chain(&scenario.when);
            if scenario.when.is_empty() || steps.any(|step| step.at.is_some()) {
                continue;
            }
            let mut later = scenario.clone();
            later.when[0].at = Some("2026-09-01T05:00:00Z".to_owned());
            if chaincity_ledger::scenario::run(&play.document, &later).is_ok() {
                return (play, later);
            }
        }
    }
    panic!("no scenario allows a leap");
}

#[test]
fn a_leap_of_hours_is_crossed_by_a_block_a_minute_everywhere() {
    let (play, scenario) = leaping();
    assert_eq!(reach(&play, &scenario), Reach::Cluster);
    stand_in::perform(&play, &scenario).unwrap();
    let recording = cluster::perform(&play, &scenario).unwrap();
    assert!(recording.blocks.len() > 4 * 60 - 2, "{}", recording.blocks.len());
    recording.replay().unwrap();
    recording.again().unwrap();
}

#[test]
fn a_wrong_code_and_a_wrong_count_are_noticed_on_both() {
    let (play, scenario) = leaping();
    let fails = |scenario: &Scenario, wanted: &str| {
        for failure in [
            stand_in::perform(&play, scenario).unwrap_err(),
            cluster::perform(&play, scenario).unwrap_err(),
        ] {
            assert!(failure.contains(wanted), "{failure}");
        }
    };
    let mut wrong = scenario.clone();
    wrong.when[0].at = None;
    wrong.when[0].code = Some("no-such-code".to_owned());
    fails(&wrong, "when[0]: expected `no-such-code`");
    let with =
        play.scenarios.iter().find(|s| !s.then.is_empty() && reach(&play, s) == Reach::Cluster);
    let mut wrong = with.unwrap().clone();
    wrong.then.truncate(1);
    wrong.then[0].key = None;
    wrong.then[0].status = None;
    wrong.then[0].version = None;
    wrong.then[0].fields.clear();
    wrong.then[0].count = Some(9_999);
    fails(&wrong, "then[0]: expected 9999 records");
}

#[test]
fn content_that_differs_from_the_cluster_s_is_noticed_on_the_stand_in() {
    let (play, mut scenario) = leaping();
    scenario.when[0].at = None;
    let mut recording = cluster::perform(&play, &scenario).unwrap();
    let full = recording.blocks.iter().position(|block| !block.transactions.is_empty()).unwrap();
    recording.again().unwrap();
    recording.blocks.truncate(full);
    let failure = recording.again().unwrap_err();
    assert!(failure.starts_with("the stand-in has the content"), "{failure}");
}

/// A validator that is killed at any step of a case changes nothing: not what the others, the replay
/// and the stand-in come to, and not what comes of the case when nobody is killed. Which validator, and
/// whether before, during or after a transaction, goes in turn; the seed is that of the simulator
/// (`CHAINCITY_SEED`).
#[test]
fn a_validator_killed_at_every_step_of_a_first_mortgage_changes_nothing() {
    let seed = std::env::var("CHAINCITY_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or(2026);
    eprintln!("CHAINCITY_SEED={seed}");
    let play = Play::staged("real-estate", &["identity", "disclosure"], FIRST_MORTGAGE).unwrap();
    let [scenario] = play.scenarios.as_slice() else { panic!("one scenario") };
    stand_in::perform(&play, scenario).unwrap();
    let calm = cluster::perform(&play, scenario).unwrap();
    let killed = cluster::perform_killing(&play, scenario, seed).unwrap();
    for recording in [&calm, &killed] {
        recording.replay().unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        recording.again().unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    }
    let outline = |recording: &Recording| recording.outline().unwrap();
    let (undisturbed, disturbed) = (outline(&calm), outline(&killed));
    for (at, (one, other)) in undisturbed.iter().zip(&disturbed).enumerate() {
        assert_eq!(one, other, "seed {seed}: version {at} of the run");
    }
    assert_eq!(undisturbed.len(), disturbed.len(), "seed {seed}");
    let full = |recording: &Recording| {
        recording.blocks.iter().filter(|block| !block.transactions.is_empty()).count()
    };
    assert!(full(&killed) == full(&calm) && full(&calm) > 25, "{}", full(&calm));
    // Another course of the same case has another outline.
    let mut other = scenario.clone();
    other.when[1].input.insert("title".to_owned(), "另一件".into());
    let other = cluster::perform(&play, &other).unwrap();
    assert_ne!(undisturbed, outline(&other));
}

const FIRST_MORTGAGE: &str = include_str!("data/first-mortgage.yaml");

fn some_recording() -> Recording {
    let schedule = Schedule { equivocator: None, events: Vec::new(), end_ms: 2_000 };
    record(300, &schedule).unwrap().1
}

#[test]
fn the_blocks_of_a_city_with_faults_replayed_give_the_same_state_roots() {
    for seed in [3, 5, 7] {
        let (report, recording) = record(seed, &Schedule::draw(seed)).unwrap();
        assert!(recording.blocks.len() >= usize::try_from(report.height).unwrap());
        recording.replay().unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    }
}

#[test]
fn a_replay_refuses_another_state_root_another_operations_root_and_other_effects() {
    let recording = some_recording();
    recording.replay().unwrap();
    let last = recording.blocks.len() - 1;
    let height = last + 1;
    let changed = |change: &dyn Fn(&mut chaincity_types::wire::Block)| {
        let mut recording = recording.clone();
        change(Arc::make_mut(&mut recording.blocks[last]));
        recording.replay().unwrap_err()
    };
    let other = Digest([7; 32]);
    let roots = format!("the block at height `{height}` has other state roots when it is replayed");
    assert_eq!(changed(&|block| block.header.state_root = other), roots);
    assert_eq!(changed(&|block| block.header.operations_root = other), roots);
    assert_eq!(changed(&|block| block.header.operations_end += 1), roots);
    let refused = format!("the block at height `{height}` was refused");
    assert_eq!(changed(&|block| block.header.effects_root = other), refused);
    assert_eq!(changed(&|block| block.header.parent = other), refused);
}

#[test]
fn a_replay_notices_other_content() {
    let mut recording = some_recording();
    recording.content = Digest([7; 32]);
    let failure = recording.replay().unwrap_err();
    assert!(failure.starts_with("the replay has the content"), "{failure}");
}

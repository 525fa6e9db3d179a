//! Whole cities with faults, fifty seeds. To repeat one:
//! `cargo run -p chaincity-testing --bin simulate -- --seed N`.

#![allow(clippy::panic, reason = "tests")]

use chaincity_testing::sim::play::play;

fn play_all(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        if let Err(failure) = play(seed) {
            panic!("{failure}");
        }
    }
}

#[test]
fn a_city_survives_whatever_the_seeds_0_to_9_bring() {
    play_all(0..10);
}

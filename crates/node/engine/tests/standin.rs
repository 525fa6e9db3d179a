//! The stand-in orderer drives a ledger as consensus would.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::integer_division,
    missing_docs,
    reason = "tests"
)]

mod common;

use chaincity_engine::{StandIn, StandInError};
use common::{Toy, committee_key, config};
use futures::executor::block_on;

fn stand_in(machine: Toy, witness: Option<Toy>) -> StandIn<Toy> {
    let config = config(0);
    StandIn::new(config.genesis, config.epoch_length, machine, witness)
}

#[test]
fn blocks_follow_each_other_and_reach_both_machines() {
    let (toy, witness) = (Toy::new(&[0b1]), Toy::new(&[0b1]));
    let mut orderer = stand_in(toy.clone(), Some(witness.clone()));
    for height in 1..=5 {
        let parent_root = orderer.tip().state_root;
        let block = block_on(orderer.step()).unwrap();
        assert_eq!(block.header.height.0, height);
        assert_ne!(block.header.state_root, parent_root);
        assert_eq!(toy.header(height), witness.header(height));
    }
    assert!(orderer.state().contains_key(&committee_key(1)));
}

#[test]
fn a_refused_block_changes_nothing() {
    let (mut toy, witness) = (Toy::new(&[0b1]), Toy::new(&[0b1]));
    toy.lies = true;
    let mut orderer = stand_in(toy, Some(witness.clone()));
    assert_eq!(block_on(orderer.step()), Err(StandInError::Refused(1)));
    assert_eq!((orderer.tip().height.0, orderer.state().len(), witness.height()), (0, 0, 0));
}

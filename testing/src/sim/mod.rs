//! A whole city on virtual time: real nodes (consensus, state, pipeline, history) on a simulated
//! network, clock and disk, clients that register real estate, and faults, all drawn from one
//! seed. The same seed gives the same run.
//!
//! A run ends with healed links and every node up, and then must show: the ledger goes on, all
//! nodes agree, nothing that a client was told has changed, every proof verifies, and every
//! record is what the naive model expects.

pub mod checks;
pub mod city;
pub mod client;
pub mod delay;
pub mod keys;
pub mod play;
pub mod schedule;

/// What went wrong, for a developer.
pub type Failure = String;

//! What the tests share: the naive model ledger, the workload generator, the city they play in,
//! a node's desk, the simulator that plays whole cities on virtual time, and the stage that plays
//! packages' scenarios on both, and the search for what must not be found.

pub mod audit;
pub mod city;
pub mod desk;
pub mod leaks;
pub mod model;
pub mod recording;
pub mod sim;
pub mod stage;
pub mod workload;

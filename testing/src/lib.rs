//! What the tests share: the naive model ledger, the workload generator, the city they play in,
//! a node's desk, and the simulator that plays whole cities on virtual time.

pub mod audit;
pub mod city;
pub mod desk;
pub mod model;
pub mod sim;
pub mod workload;

//! What the tests share: the naive model ledger, the workload generator, the city they play in,
//! and a node's desk.

pub mod city;
pub mod desk;
pub mod model;
pub mod workload;

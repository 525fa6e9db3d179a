//! What the tests share: the naive model ledger, the workload generator, the city they play in.

pub mod city;
pub mod model;
pub mod workload;

//! Cases on the ledger: each rule passing and refused, and random walks over whole processes.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::integer_division,
    clippy::cast_possible_truncation,
    clippy::needless_pass_by_value,
    clippy::wildcard_enum_match_arm,
    clippy::too_many_lines,
    reason = "tests"
)]

mod begun;
mod city;
mod deadlines;
mod hearing;
mod money;
mod parties;
mod publishing;
mod sale;
mod sealed;
mod steps;
mod tasks;
mod walker;
mod wholes;

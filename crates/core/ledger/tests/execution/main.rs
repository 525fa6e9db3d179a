//! Claims about execution, made on a small package that reaches every way to be refused.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod blind;
mod blinded;
mod calls;
mod desk;
mod fuzz;
mod golden;
mod governance;
mod hostile;
mod language;
mod placed;
mod prechecks;
mod rounds;
mod scenarios;
mod timers;
mod transactions;

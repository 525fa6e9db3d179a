//! Claims about processes: what a file says, what is wrong with it, how it runs.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod checking;
mod common;
mod deciding;
mod funds;
mod hostile;
mod miwg;
mod running;
mod sale;
mod service;
mod subset;
mod walker;

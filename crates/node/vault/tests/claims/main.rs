//! Claims about the vault.

#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests"
)]

mod backup;
mod common;
mod copy;
mod crash;
mod model;
mod placed;
mod pseudonyms;
mod renew;
mod secrets;
mod softhsm;
mod token;
mod vault;

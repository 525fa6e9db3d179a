//! The interface over real connections, with the real client, before a fake node.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod access;
mod city;
mod events;
mod fake;
mod limits;
mod proofs;
mod reading;
mod submitting;
mod tls;

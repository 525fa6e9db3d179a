//! The interface over real connections, with the real client, before a fake node.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unimplemented,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod access;
mod city;
mod envelopes;
mod evaluating;
mod events;
mod explaining;
mod fake;
mod limits;
mod proofs;
mod read_logs;
mod reading;
mod sealing;
mod statistics;
mod submitting;
mod tls;
mod vaults;

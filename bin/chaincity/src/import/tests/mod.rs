//! Imports as a whole, against a ledger in memory that executes as every node does.
#![allow(clippy::arithmetic_side_effects, clippy::integer_division, reason = "tests")]

mod bad_rows;
mod catalogue;
mod generations;
mod mapping;
mod memory;
mod service_items;
mod taipei;

//! Packages: parse, check, compile; the rule language; pure.
//!
//! A package is authored as a folder of YAML files ([`source`]), becomes a document with one
//! canonical encoding ([`doc`]), and is compiled ([`compile()`]) to what the ledger executes
//! ([`model`]). This crate knows neither state nor files nor clocks.

mod check;
pub mod claim;
mod compile;
mod computed;
pub mod describe;
pub mod doc;
pub mod export;
mod field;
pub mod find;
pub mod json;
pub mod literal;
pub mod model;
pub mod policy;
mod problem;
mod read;
pub mod rule;
pub mod scenario;
pub mod source;
mod touches;
pub mod value;

pub use check::{check, check_against, check_forms, has_errors};
pub use claim::INPUT;
pub use compile::{
    ACTIONS_MAX, EFFECTS_MAX, FIELDS_MAX, GUARDS_MAX, INDEXES_MAX, MANDATES_MAX, PROCESSES_MAX,
    READ_DEPTH_MAX, READS_MAX, REGISTERS_MAX, ROLES_MAX, compile,
};
pub use computed::{AFTER, ALL, BEFORE, CALL, THIS};
pub use field::{BYTES_MAX, LIST_MAX, TEXT_MAX};
pub use problem::{Location, Problem, Severity};
pub use read::READ_MAX;

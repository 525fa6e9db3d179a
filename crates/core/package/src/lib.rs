//! Packages: parse, check, compile; the rule language; pure.

pub mod model;
pub mod rule;

//! Packages: parse, check, compile; the rule language; pure.

pub mod literal;
pub mod model;
pub mod rule;

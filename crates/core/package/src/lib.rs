//! Packages: parse, check, compile; the rule language; pure.

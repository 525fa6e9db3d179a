//! Suites, COSE messages, Merkle trees, and the verification of everything a node hands out.
//!
//! The one place where an algorithm is named is [`suite`]; all else speaks of digests, keys and
//! signatures. The verifiers here are written from the formats alone and share no code with the
//! consensus engine, so that whoever checks a proof need not trust what made it.
//!
//! This crate is pure: no clock, disk, network or randomness. Keys are made from seed bytes that
//! the caller draws.

mod codec;
pub mod cose;
pub mod finality;
pub mod hash;
pub mod keyfile;
pub mod state_proof;
pub mod suite;
pub mod tree;
pub mod verify;

pub use suite::{PublicKey, SecretKey, Signature};

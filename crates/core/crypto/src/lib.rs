//! Suites, COSE messages, Merkle trees, field groups and their envelopes, and the verification of
//! everything a node hands out.
//!
//! The places where an algorithm is named are [`suite`] (signatures, digests), [`cipher`] (what is
//! kept secret) and [`envelope`] (for a reader's key); all else speaks of digests, keys and
//! signatures. The verifiers here are written from the formats alone and share no code with the
//! consensus engine, so that whoever checks a proof need not trust what made it.
//!
//! This crate is pure: no clock, disk, network or randomness. Keys are made from seed bytes that
//! the caller draws.

pub mod cipher;
pub mod claim;
mod codec;
pub mod cose;
pub mod envelope;
pub mod finality;
pub mod groups;
pub mod hash;
pub mod keyfile;
pub mod pseudonym;
pub mod read_log;
pub mod state_proof;
pub mod suite;
pub mod tree;
pub mod verify;

pub use suite::{PublicKey, SecretKey, Signature};

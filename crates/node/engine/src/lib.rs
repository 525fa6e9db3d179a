//! Ordering and authenticated state: consensus and storage by commonware, and the stand-in
//! orderer that runs everything in one process without them.
//!
//! The engine decides which blocks are final and keeps the authenticated state (keys to heads).
//! It calls up through the [`Machine`] trait only, and knows nothing of transactions, packages or
//! history. No other crate names commonware.

mod machine;

pub use machine::{Clock, ContentKey, Draft, Finality, Machine, StateReader};

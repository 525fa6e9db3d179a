//! Ordering and authenticated state: consensus and storage by commonware, and the stand-in
//! orderer that runs everything in one process without them.
//!
//! The engine decides which blocks are final and keeps the authenticated state (keys to heads).
//! It calls up through the [`Machine`] trait only, and knows nothing of transactions, packages or
//! history. No other crate names commonware.

mod app;
mod block;
mod chain;
mod committees;
mod config;
mod content;
mod epochs;
mod erased;
mod handle;
mod machine;
mod node;
pub mod sim;
mod standin;
mod state;
mod status;
mod tcp;
mod watch;

pub use config::{Config, EPOCH_LENGTH_MIN, Limits, NodeKey, Pace, Place, genesis_header};
pub use handle::{EngineError, Handle, Heads, StateProofs};
pub use machine::{Clock, ContentKey, Draft, Finality, Machine, StateReader};
pub use node::GOSSIP_BYTES_MAX;
pub use standin::{StandIn, StandInError, VirtualClock};
pub use status::Status;
pub use tcp::Engine;

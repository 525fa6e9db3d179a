//! The pipeline implements the engine's `Machine`: it admits transactions, pools them, executes
//! blocks, makes history durable and hands final blocks to followers.
//!
//! A transaction comes from a client ([`NodeApi::submit`]) or by gossip, waits in the pool, stands
//! in a proposed block, is executed on every node, and is final with its receipt. A final block is
//! durable in this order: history before state, and both before followers hear of it.
//!
//! This crate knows nothing of HTTP, SQL or the command line, and runs in the deterministic
//! simulator: it reads time through the engine's `Clock` only.

mod admit;
mod api;
mod backfill;
mod execute;
mod gossip;
mod governed;
mod handed;
mod machine;
mod node;
pub mod operator;
mod orderer;
mod pace;
mod parcel;
mod pipeline;
mod pool;
mod records;
mod standing;
mod window;

pub use api::{Current, NodeApi, NodeError, NodeStatus, Refusal};
pub use node::Node;
pub use orderer::{Orderer, Proved};
pub use pipeline::{Pipeline, committee_name, genesis_committee, genesis_header};

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

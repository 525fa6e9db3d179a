//! The pipeline implements the engine's `Machine`: it admits transactions, pools them, executes
//! blocks, makes history durable and hands final blocks to followers.

mod api;

pub use api::{NodeApi, NodeError, NodeStatus, Refusal};

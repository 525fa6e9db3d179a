//! Ordering and authenticated state: consensus and storage by commonware, and the stand-in
//! orderer that runs everything in one process without them.
//!
//! The engine decides which blocks are final and keeps the authenticated state (keys to heads).
//! It calls up through the [`Machine`] trait only, and knows nothing of transactions, packages or
//! history. No other crate names commonware.
//!
//! Four ways to drive a machine: [`Engine`] over sockets, on threads of its own; [`sim`], whole
//! clusters on virtual time; [`StandIn`], one block after another without consensus; [`replay()`],
//! final blocks once more. A [`Handle`] asks a running node from any executor.
//!
//! # What is durable when
//! Votes are flushed before they are sent; a restarted validator does not contradict itself. A
//! final block and its certificate are flushed before the block reaches the machine. Then, in
//! order of height: [`Machine::persist`] makes history durable; the state is applied and becomes
//! readable; [`Machine::finalized`] is told; the state is flushed; the block counts as processed.
//! After a crash the blocks not yet counted come again, so `persist` and `finalized` may repeat.
//! A snapshot skips both calls for the blocks that it covers.
//!
//! # Damage
//! A stopped node's files are sealed: a changed byte anywhere is refused at the next start, or found
//! by [`fsck()`] before. A killed node's are checked by their own checksums. Whoever has lost what
//! it voted starts from a snapshot, and a node that did signs nothing in the snapshot's epoch.
//!
//! # What is concurrent
//! [`Machine::wait_for_work`] holds up nothing. [`Machine::propose`] and [`Machine::process`] run side by side on competing blocks, each on its
//! own batch of writes, and may be cancelled at any await. `persist` and `finalized` run one block
//! at a time and hold up the application of the next. Certificates, gossip and content come on
//! tasks of their own.
//!
//! # Epochs
//! Heights are divided into epochs of fixed length. The committee of an epoch is whatever
//! [`Machine::committee`] says once the last block of the epoch before is persisted. Nodes outside
//! the committee follow with the same code and do not vote; whoever is to join must be named by
//! [`Machine::followers`] an epoch before, or nobody lets it connect.

mod abstention;
mod app;
mod block;
mod chain;
mod check;
mod committees;
mod config;
mod content;
mod epochs;
mod erased;
mod handle;
mod machine;
mod metered;
mod node;
mod replay;
pub mod sim;
mod size;
pub mod stage;
mod standin;
mod state;
mod status;
mod tcp;
mod waiting;
mod watch;

pub use check::{
    Condition, Finding, RUN_FILE, Report, StateContent, fsck, holds_state, read_state,
    snapshot_under_way,
};
pub use config::{Config, EPOCH_LENGTH_MIN, Limits, NodeKey, Pace, Place, genesis_header};
pub use handle::{EngineError, Handle, Heads, StateProofs};
pub use machine::{Clock, ContentKey, Draft, Finality, Machine, StateReader};
pub use node::GOSSIP_BYTES_MAX;
pub use replay::{ReplayError, replay};
pub use standin::{StandIn, StandInError, VirtualClock};
pub use status::Status;
pub use tcp::{Engine, Thread};

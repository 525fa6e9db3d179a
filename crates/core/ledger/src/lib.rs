//! A block's calls to writes, receipts and events; pure.
//!
//! Terms: a *view* is what the caller knows of the parent's state; a *layer* holds writes that
//! are not committed; a *session* reads through the layers for one transaction; a *draft* is a
//! record's next version in the making; *settling* turns drafts into versions and brings indexes
//! up to date.
//!
//! Lifecycle: [`BlockRun::new`], at height 1 [`BlockRun::genesis`], then [`BlockRun::run`] for
//! each transaction until [`Step::Done`], then [`BlockRun::finish`], which runs the timers that are
//! due. A key that the view does not know yields [`Step::Need`]; the caller fetches and calls again.
//!
//! It refuses to know: storage, the network, consensus, signatures (they were verified), and
//! where compiled packages are cached.

mod append;
mod authority;
mod block;
mod built_in;
mod call;
pub mod cases;
mod counters;
mod digests;
mod draft;
mod effects;
mod fields;
pub mod fuel;
pub mod governance;
mod halt;
mod invariants;
mod keyed;
mod mandates;
pub mod memory;
pub mod order;
mod precheck;
mod reads;
pub mod scenario;
mod session;
mod timers;
mod transaction;
mod view;

pub use block::{Attempt, BlockRun, Executed, effects_leaves, effects_root};
pub use built_in::{built_in, is_built_in};
pub use digests::{mandate as mandate_digest, record_key};
pub use keyed::Keyed;
pub use mandates::MANDATES_MAX;
pub use precheck::{Admissible, Hopeless, precheck};
pub use session::WrittenVersion;
pub use timers::{DueTimer, DueTimers, TIMERS_MAX};
pub use view::{BlockContext, Empty, Lookup, Packages, Record, SignedCall, Step, View};

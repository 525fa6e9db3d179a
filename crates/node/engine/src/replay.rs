//! Replays final blocks, one after another, in this process, on a state like every node's.
//!
//! Where [`StandIn`](crate::StandIn) makes blocks of its own with roots of its own, this takes the
//! blocks that consensus made and demands their roots: each is judged as a validator judges a
//! proposal, executed on the authenticated state, and refused unless state root, operations root
//! and range are those in its header. There is no network, no vote and no waiting.

use std::num::NonZeroU64;
use std::sync::Arc;

use chaincity_types::wire::{Block, Header};
use commonware_glue::stateful::db::DatabaseSet as _;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_runtime::{Runner as _, Supervisor as _, deterministic};
use commonware_utils::NZUsize;

use crate::app::roots_agree;
use crate::machine::{Finality, Machine};
use crate::standin::VirtualClock;
use crate::state::{BatchReader, Databases, PAGE_BYTES, database_config};

/// Why a block could not be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The machine judges it invalid.
    #[error("the block at height `{0}` was refused")]
    Refused(u64),
    /// It leads to another state.
    #[error("the block at height `{0}` has other state roots when it is replayed")]
    Roots(u64),
}

/// Has a fresh machine execute these blocks in order, from the first after `genesis` on. It
/// persists them and hears of them as if they became final one by one. Gives the last header.
///
/// # Errors
/// The first block that is invalid, or has other roots than its header says; the machine then
/// holds the blocks before.
pub fn replay<M: Machine>(
    genesis: Header,
    epoch_length: NonZeroU64,
    machine: &M,
    blocks: &[Arc<Block>],
) -> Result<Header, ReplayError> {
    deterministic::Runner::default().start(|context| async move {
        let pages = CacheRef::new(PAGE_BYTES, NZUsize!(1_024));
        let config = database_config("", pages, NZUsize!(1_024));
        let state = Databases::init(context.child("state"), config, None).await;
        let clock = VirtualClock::at(genesis.time);
        let mut tip = genesis;
        for block in blocks {
            let header = &block.header;
            let height = header.height.0;
            let epoch = height.checked_div(epoch_length.get()).unwrap_or_default();
            let reader = BatchReader::new(state.new_batches().await);
            let writes = machine
                .process(
                    tip,
                    epoch,
                    Arc::clone(block),
                    Finality::Candidate,
                    reader.clone(),
                    clock.clone(),
                )
                .await
                .ok_or(ReplayError::Refused(height))?;
            let sealed = reader.seal(&writes).await.ok_or(ReplayError::Refused(height))?;
            if !roots_agree(header, &sealed) {
                return Err(ReplayError::Roots(height));
            }
            machine.persist(Arc::clone(block)).await;
            state.apply(sealed).await;
            machine.finalized(header);
            tip = header.clone();
        }
        Ok(tip)
    })
}

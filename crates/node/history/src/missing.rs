//! What a history that does not reach down far enough wants next from its peers.

use std::collections::BTreeSet;

use chaincity_types::{Digest, Height};

use crate::{HistoryError, HistoryStore};

/// What to fetch, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Blocks by height, descending, with the digest where the block above is held and names it.
    /// A block without a known digest is checked once the ones above it are there.
    pub blocks: Vec<(Height, Option<Digest>)>,
    /// Bodies that blocks held have written, from the newest block down.
    pub bodies: Vec<Digest>,
}

impl Missing {
    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.bodies.is_empty()
    }
}

/// What is missing below the complete part of the history, down to `floor`: at most `limit`
/// blocks and about `limit` bodies (all those of one block), after reading at most `4 × limit`
/// heights. Empty when the history is complete from `floor`, or empty.
///
/// # Errors
/// When the disk fails or what is read is damaged.
pub fn missing(
    store: &dyn HistoryStore,
    floor: Height,
    limit: usize,
) -> Result<Missing, HistoryError> {
    let mut out = Missing::default();
    let Some(tip) = store.tip() else { return Ok(out) };
    let mut expected = None;
    let mut next = match store.complete_from() {
        Some(from) => {
            expected = store.block(from)?.map(|block| block.block.header.parent);
            from.0.checked_sub(1)
        }
        None => Some(tip.0),
    };
    let mut wanted = BTreeSet::new();
    for _ in 0..limit.saturating_mul(4) {
        let Some(height) = next.map(Height).filter(|height| *height >= floor) else { break };
        if out.blocks.len() >= limit || out.bodies.len() >= limit {
            break;
        }
        match store.block(height)? {
            None => {
                out.blocks.push((height, expected));
                expected = None;
            }
            Some(block) => {
                for write in &block.writes {
                    if store.body(&write.body)?.is_none() && wanted.insert(write.body) {
                        out.bodies.push(write.body);
                    }
                }
                expected = Some(block.block.header.parent);
            }
        }
        next = height.0.checked_sub(1);
    }
    Ok(out)
}

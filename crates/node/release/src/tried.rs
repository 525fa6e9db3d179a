//! What the agent did lately, so that it does not do it again at every block.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chaincity_types::Height;

/// Blocks for which an access that was tried is left alone: the read model may still show it as it
/// was, and what is refused for a lasting reason must not be repeated at every block.
const TRY_AGAIN_BLOCKS: u64 = 30;

/// When each access was tried that still stood as it was a while ago.
#[derive(Default)]
pub(crate) struct Tried(Mutex<BTreeMap<String, Height>>);

impl Tried {
    /// Whether an access was not tried lately; notes that it is tried now.
    pub(crate) fn is_due(&self, access: &str, now: Height) -> bool {
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tried.retain(|_, at| at.0.saturating_add(TRY_AGAIN_BLOCKS) > now.0);
        let is_due = !tried.contains_key(access);
        if is_due {
            tried.insert(access.to_owned(), now);
        }
        is_due
    }
}

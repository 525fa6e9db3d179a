//! What the agent did lately, so that it does not do it again at every block.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chaincity_types::Height;

/// Blocks for which an access that was tried is left alone: the read model may still show it as it
/// was, and what is refused for a lasting reason must not be repeated at every block.
const TRY_AGAIN_BLOCKS: u64 = 30;

/// When each access was tried that still stood as it was a while ago, and in which version.
#[derive(Default)]
pub(crate) struct Tried(Mutex<BTreeMap<String, (u64, Height)>>);

impl Tried {
    /// Whether this version of an access was not tried lately; notes that it is tried now.
    pub(crate) fn is_due(&self, access: &str, version: u64, now: Height) -> bool {
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tried.retain(|_, (_, at)| at.0.saturating_add(TRY_AGAIN_BLOCKS) > now.0);
        let is_due = tried.get(access).is_none_or(|(tried, _)| *tried != version);
        if is_due {
            tried.insert(access.to_owned(), (version, now));
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_is_left_alone_until_it_changes_or_blocks_have_passed() {
        let tried = Tried::default();
        assert!(tried.is_due("a", 1, Height(7)));
        assert!(!tried.is_due("a", 1, Height(7)));
        assert!(tried.is_due("b", 1, Height(7)));
        // What a person has answered since is another version.
        assert!(tried.is_due("a", 3, Height(8)));
        assert!(!tried.is_due("a", 3, Height(8 + TRY_AGAIN_BLOCKS - 1)));
        assert!(tried.is_due("a", 3, Height(8 + TRY_AGAIN_BLOCKS)));
    }
}

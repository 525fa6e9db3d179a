//! What the ledger does by itself: lapsed service holds are closed. What else it tells writes nothing.

use super::blocks::hold_end;
use super::{Entry, Model};

/// A timer runs in the first block after the second in which it fell due.
const fn next_second(ms: u64) -> u64 {
    ms.saturating_add(999).saturating_sub(ms.saturating_add(999).wrapping_rem(1_000))
}

impl Model {
    /// A block with this time has ended.
    pub fn block_ended(&mut self, now_ms: u64) {
        let lapsed = |entry: &&mut Entry| {
            entry.live && hold_end(&entry.facts).is_some_and(|end| next_second(end) <= now_ms)
        };
        let holds = self.registers.entry("hold").or_default();
        // One of this block that had lapsed already comes in the next second.
        let known = std::mem::replace(&mut self.holds_queued, holds.len());
        for hold in holds.iter_mut().take(known).filter(lapsed) {
            hold.live = false;
            hold.version = hold.version.saturating_add(1);
        }
    }
}

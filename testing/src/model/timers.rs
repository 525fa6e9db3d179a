//! What the ledger does by itself: lapsed service holds are closed. What else it tells writes nothing.

use super::Model;
use super::blocks::hold_end;

/// A timer runs in the first block after the second in which it fell due.
const fn next_second(ms: u64) -> u64 {
    ms.saturating_add(999).saturating_sub(ms.saturating_add(999).wrapping_rem(1_000))
}

impl Model {
    /// A block with this time has ended.
    pub fn block_ended(&mut self, now_ms: u64) {
        let holds = self.registers.entry("hold").or_default();
        self.holds_queued.resize(holds.len(), now_ms);
        for (hold, queued) in holds.iter_mut().zip(&self.holds_queued) {
            // One that had lapsed already comes in the second after that of its own block.
            let earliest = next_second(queued.saturating_add(1));
            let lapsed = |end| next_second(end).max(earliest) <= now_ms;
            if hold.live && hold_end(&hold.facts).is_some_and(lapsed) {
                hold.live = false;
                hold.version = hold.version.saturating_add(1);
            }
        }
    }
}

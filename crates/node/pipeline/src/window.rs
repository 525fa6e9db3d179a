//! The replay window: ids of final transactions that could still be included again.
//!
//! INVARIANT: holds the id of every final transaction whose expiry lies after the tip's time, once
//! it *covers* the tip. A transaction may expire at most ten minutes after the block that holds it,
//! so the blocks of the last ten minutes suffice to rebuild the window. A node that joined by
//! snapshot lacks them at first; it gets them by backfilling, and signs nothing in an epoch that begins
//! before it has them ([`Machine::can_judge`](chaincity_engine::Machine::can_judge)).

use std::collections::{BTreeMap, HashSet};

use chaincity_types::wire::EXPIRY_AHEAD_MAX_MS;
use chaincity_types::{Digest, Timestamp};

#[derive(Debug, Default)]
pub(crate) struct Window {
    ids: HashSet<Digest>,
    by_expiry: BTreeMap<Timestamp, Vec<Digest>>,
    /// The time of the oldest block whose transactions it has taken in; `None`: all since genesis.
    since: Option<Timestamp>,
}

impl Window {
    pub(crate) fn contains(&self, id: &Digest) -> bool {
        self.ids.contains(id)
    }

    /// Whether whatever could be included once more after a block of time `tip` is known.
    pub(crate) fn covers(&self, tip: Timestamp) -> bool {
        self.since.is_none_or(|since| tip.since_ms(since) >= EXPIRY_AHEAD_MAX_MS)
    }

    /// The time of the oldest block taken in; `None`: all since genesis.
    pub(crate) const fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// Notes what [`Self::since`] is.
    pub(crate) const fn begin(&mut self, since: Option<Timestamp>) {
        self.since = since;
    }

    pub(crate) fn add(&mut self, id: Digest, expiry: Timestamp) {
        if self.ids.insert(id) {
            self.by_expiry.entry(expiry).or_default().push(id);
        }
    }

    /// Forgets what can no longer be included in a block after `time`.
    pub(crate) fn advance(&mut self, time: Timestamp) {
        let kept = self.by_expiry.split_off(&time.plus_ms(1));
        for id in std::mem::replace(&mut self.by_expiry, kept).into_values().flatten() {
            self.ids.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_kept_exactly_as_long_as_it_could_be_replayed() {
        let mut window = Window::default();
        window.add(Digest([1; 32]), Timestamp(100));
        window.advance(Timestamp(99));
        assert!(window.contains(&Digest([1; 32])));
        window.advance(Timestamp(100));
        assert!(!window.contains(&Digest([1; 32])));
    }

    #[test]
    fn a_window_covers_the_tip_when_nothing_older_could_be_replayed() {
        let mut window = Window::default();
        assert!(window.covers(Timestamp(0)));
        window.begin(Some(Timestamp(1_000)));
        assert!(!window.covers(Timestamp(1_000 + EXPIRY_AHEAD_MAX_MS - 1)));
        assert!(window.covers(Timestamp(1_000 + EXPIRY_AHEAD_MAX_MS)));
        window.begin(None);
        assert!(window.covers(Timestamp(1_000)));
    }
}

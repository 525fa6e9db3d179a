//! How much a proposer puts into a block: what is executed well within a leader's turn.
//!
//! Every validator executes a block before it votes. A block that takes longer than the turn is
//! voted down, the next leader proposes as much again, and under overload nothing would become
//! final any more. How long a byte of transactions takes is measured here, on this machine, with
//! whatever else it does.

use chaincity_types::wire::TRANSACTION_BYTES_MAX;

/// How long the execution of a proposed block should take, in milliseconds: a tenth of a turn,
/// since others may be slower.
const EXECUTION_MS: u64 = 250;
/// As many such blocks may wait in the pool. Execution is a part of what a block takes, so they are
/// final in several seconds: what comes on top would wait longer than whoever sent it does.
const BLOCKS_WAITING: usize = 10;
/// A block may always hold so many bytes of transactions, however slow this machine was: the largest
/// transaction has its turn then too.
const BYTES_MIN: usize = TRANSACTION_BYTES_MAX;

/// Bytes executed lately and the time that they took; older blocks count less and less.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    bytes: u64,
    ms: u64,
}

impl Pace {
    /// Takes note of a block's execution. An empty one tells nothing.
    pub(crate) fn executed(&mut self, bytes: usize, ms: u64) {
        if bytes == 0 {
            return;
        }
        let decayed = |sum: u64| sum.saturating_sub(sum >> 2);
        self.bytes = decayed(self.bytes).saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.ms = decayed(self.ms).saturating_add(ms);
    }

    /// Bytes of transactions for the next block, at most `most`.
    pub(crate) fn bytes(&self, most: usize) -> usize {
        let fitting = self.bytes.saturating_mul(EXECUTION_MS).checked_div(self.ms);
        let bytes = fitting.and_then(|bytes| usize::try_from(bytes).ok());
        bytes.map_or(most, |bytes| bytes.max(BYTES_MIN).min(most))
    }

    /// Bytes of transactions that may wait, of which a block holds at most `most`.
    pub(crate) fn waiting(&self, most: usize) -> usize {
        self.bytes(most).saturating_mul(BLOCKS_WAITING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1 << 20;

    #[test]
    fn a_block_is_as_large_as_what_was_executed_in_the_time_for_one() {
        let mut pace = Pace::default();
        assert_eq!(pace.bytes(MOST), MOST, "nothing is known yet");
        pace.executed(500_000, 500);
        assert_eq!((pace.bytes(MOST), pace.waiting(MOST)), (250_000, 2_500_000));
        pace.executed(100_000, 10);
        assert!((250_000..MOST).contains(&pace.bytes(MOST)));
        for _ in 0..64 {
            pace.executed(100_000, 10);
        }
        assert_eq!(pace.bytes(MOST), MOST, "old blocks are forgotten");
    }

    #[test]
    fn some_work_is_always_proposed() {
        let mut pace = Pace::default();
        pace.executed(10, 60_000);
        assert_eq!(pace.bytes(MOST), TRANSACTION_BYTES_MAX);
        pace.executed(usize::MAX, u64::MAX);
        pace.executed(usize::MAX, u64::MAX);
        assert!(pace.bytes(MOST) >= TRANSACTION_BYTES_MAX);
    }

    #[test]
    fn empty_blocks_change_nothing() {
        let mut pace = Pace::default();
        pace.executed(500_000, 500);
        for _ in 0..200 {
            pace.executed(0, 1);
        }
        assert_eq!(pace.bytes(MOST), 250_000);
    }
}

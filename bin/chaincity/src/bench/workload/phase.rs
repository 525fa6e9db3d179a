//! What is measured, one after the other, where there is more than one thing; and queries among what
//! is written.

use super::Op;

/// Queries a second, where there are queries.
pub(in crate::bench) const QUERIES: u64 = 100;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Phase {
    Register,
    Transfer,
    /// Queries of an imported unit by its number, among registrations.
    ByKey,
    /// Queries of an imported unit's right by the index over units, likewise.
    ByIndex,
    /// Steps of cases.
    Steps,
    /// The first page of a role's open tasks, among steps.
    TaskList,
    /// Registrations whose private fields stand in clear.
    Clear,
    /// The same, with these fields in encrypted groups.
    Encrypted,
}

impl Phase {
    /// How many of `rate` operations a second are queries.
    pub(super) fn queries_per_s(self, rate: u64) -> u64 {
        match self {
            Self::Register | Self::Transfer | Self::Steps | Self::Clear | Self::Encrypted => 0,
            Self::ByKey | Self::ByIndex | Self::TaskList => QUERIES.min(rate),
        }
    }

    /// How many of `count` operations are queries, when `rate` are due a second.
    pub(super) fn queries(self, count: usize, rate: u64) -> usize {
        let share = usize::try_from(self.queries_per_s(rate)).unwrap_or(0);
        let rate = usize::try_from(rate).unwrap_or(usize::MAX);
        count.saturating_mul(share).checked_div(rate).unwrap_or(0)
    }
}

/// `count` operations, of which so many are queries, evenly, and the others what is written.
pub(super) fn among(
    written: Vec<Op>,
    count: usize,
    queries: usize,
    mut query: impl FnMut() -> Option<Op>,
) -> Vec<Op> {
    let mut written = written.into_iter();
    let mut ops = Vec::with_capacity(count);
    for index in 0..count {
        let before = queries_before(index, count, queries);
        if queries_before(index.saturating_add(1), count, queries) > before {
            ops.extend(query());
        } else {
            ops.extend(written.next());
        }
    }
    ops
}

/// How many of the first `index` of `count` operations are queries, when `queries` in all are, evenly.
fn queries_before(index: usize, count: usize, queries: usize) -> usize {
    index.saturating_mul(queries).checked_div(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "tests")]
    use super::*;

    #[test]
    fn queries_come_evenly_among_what_is_written() {
        assert_eq!(Phase::TaskList.queries(300, 300), 100);
        assert_eq!((Phase::Steps.queries(300, 300), Phase::ByKey.queries(10, 50)), (0, 10));
        let written = (0..200).map(|_| Op::read(Vec::new())).collect();
        let mut asked = 0;
        let ops = among(written, 300, 100, || {
            asked += 1;
            None
        });
        assert_eq!((ops.len(), asked), (200, 100));
        let is_query =
            |index: usize| queries_before(index + 1, 300, 100) > queries_before(index, 300, 100);
        let all: Vec<usize> = (0..300).filter(|index| is_query(*index)).collect();
        assert!(all.windows(2).all(|two| two[1] - two[0] == 3), "{all:?}");
    }
}

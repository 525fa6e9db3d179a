//! What is measured beside many imported units: registrations, transfers, and both kinds of query
//! while registrations run.

use chaincity_client::Select;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::estate::{Estate, PACKAGE, REGISTER, TRANSFER};
use super::{Op, Read, SEED, Workload};
use crate::bench::desk::Desk;
use crate::bench::drive::Window;
use crate::fault::Fault;
use crate::import::synthetic::unit_number;

/// Queries a second, while registrations run.
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
}

/// The workload.
pub(super) struct Size {
    estate: Estate,
    /// Imported units.
    units: u64,
    phase: Phase,
    rng: StdRng,
}

impl Size {
    pub(super) fn new(units: usize) -> Self {
        let units = u64::try_from(units).unwrap_or(u64::MAX);
        let (estate, rng) = (Estate::beside(units), StdRng::seed_from_u64(SEED));
        Self { estate, units, phase: Phase::Register, rng }
    }

    /// A query of any imported unit.
    fn query(&mut self) -> Option<Read> {
        let unit = unit_number(self.rng.random_range(0..self.units.max(1)))?;
        match self.phase {
            Phase::ByKey => Some(Read::Record(PACKAGE, "unit", unit)),
            Phase::ByIndex => Some(Read::Page(Select::new(PACKAGE, "right").eq("unit", &unit))),
            Phase::Register | Phase::Transfer => None,
        }
    }
}

/// How many of the first `index` of `count` operations are queries, when `queries` in all are, evenly.
fn queries_before(index: usize, count: usize, queries: usize) -> usize {
    index.saturating_mul(queries).checked_div(count).unwrap_or(0)
}

impl Workload for Size {
    fn turn_to(&mut self, phase: Phase) {
        self.phase = phase;
        self.estate.turn_to(if phase == Phase::Transfer { TRANSFER } else { REGISTER });
    }

    fn preparation(&self, count: usize) -> usize {
        self.estate.preparation(count)
    }

    fn prepare(&mut self, count: usize, rate: u64, desk: &mut Desk<'_>) -> Result<Vec<Op>, Fault> {
        let share = match self.phase {
            Phase::Register | Phase::Transfer => 0,
            Phase::ByKey | Phase::ByIndex => usize::try_from(QUERIES.min(rate)).unwrap_or(0),
        };
        let rate_all = usize::try_from(rate).unwrap_or(usize::MAX);
        let queries = count.saturating_mul(share).checked_div(rate_all).unwrap_or(0);
        let written = self.estate.prepare(count.saturating_sub(queries), rate, desk)?;
        let mut written = written.into_iter();
        let mut ops = Vec::with_capacity(count);
        for index in 0..count {
            let before = queries_before(index, count, queries);
            if queries_before(index.saturating_add(1), count, queries) > before {
                ops.extend(self.query().map(|query| Op::read(vec![query])));
            } else {
                ops.extend(written.next());
            }
        }
        Ok(ops)
    }

    fn after(&mut self, window: &Window) {
        self.estate.after(window);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "tests")]
    use super::*;

    #[test]
    fn queries_come_evenly_among_what_is_written() {
        let is_query =
            |index: usize| queries_before(index + 1, 300, 100) > queries_before(index, 300, 100);
        let all: Vec<usize> = (0..300).filter(|index| is_query(*index)).collect();
        assert_eq!(all.len(), 100);
        assert!(all.windows(2).all(|two| two[1] - two[0] == 3), "{all:?}");
    }

    #[test]
    fn only_imported_units_are_asked_for() {
        let mut size = Size::new(2);
        size.turn_to(Phase::ByKey);
        let keys = [unit_number(0).unwrap(), unit_number(1).unwrap()];
        for _ in 0..20 {
            let Some(Read::Record(_, "unit", key)) = size.query() else { unreachable!() };
            assert!(keys.contains(&key));
        }
        size.turn_to(Phase::ByIndex);
        assert!(matches!(size.query(), Some(Read::Page(_))));
        size.turn_to(Phase::Transfer);
        assert_eq!(size.query(), None);
    }
}

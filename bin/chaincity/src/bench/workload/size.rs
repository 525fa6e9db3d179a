//! What is measured beside many imported units: registrations, transfers, and both kinds of query
//! while registrations run.

use chaincity_client::Select;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::estate::{Estate, PACKAGE, REGISTER, TRANSFER};
use super::{Op, Phase, Read, SEED, Workload, among};
use crate::bench::desk::Desk;
use crate::bench::drive::Window;
use crate::fault::Fault;
use crate::import::synthetic::unit_number;

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
            Phase::Register
            | Phase::Transfer
            | Phase::Steps
            | Phase::TaskList
            | Phase::Clear
            | Phase::Encrypted => None,
        }
    }
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
        let queries = self.phase.queries(count, rate);
        let written = self.estate.prepare(count.saturating_sub(queries), rate, desk)?;
        Ok(among(written, count, queries, || self.query().map(|query| Op::read(vec![query]))))
    }

    fn after(&mut self, window: &Window) {
        self.estate.after(window);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

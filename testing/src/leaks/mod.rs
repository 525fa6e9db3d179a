//! What of private values somebody finds who has all that a city's nodes keep, but for their vaults.
//!
//! Twice: the values themselves, as they may be written in any file ([`Values`]); and, for every number
//! that a person could have ([`numbers`]), what can be computed from it offline ([`Derivation`]),
//! compared with everything that the ledger holds ([`Known`]). The second is what an attacker does who
//! knows that numbers are few: a bare digest of one hides nothing.
//!
//! [`Derivation::all`] is the whole list of what is tried. What is not: anything under a key that the
//! files do not hold, and digests of whole groups, whose salts nobody can guess.

mod derivation;
mod known;
mod numbers;
mod values;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use derivation::{Derivation, Salts};
pub use known::Known;
pub use numbers::{Numbers, check_character};
pub use values::Values;

/// Numbers computed on at a time.
const PIECE: usize = 20_000;

/// How often each derivation, by its name, gives something that is known, over all `numbers`; on all
/// cores.
#[must_use]
pub fn compute(
    numbers: &Numbers,
    derivations: &[Derivation],
    known: &Known,
) -> BTreeMap<String, u64> {
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, Into::into);
    let mut found = BTreeMap::new();
    std::thread::scope(|scope| {
        let work = || {
            let mut mine: BTreeMap<String, u64> = BTreeMap::new();
            loop {
                let first = next.fetch_add(PIECE, Ordering::Relaxed);
                if first >= numbers.count() {
                    return mine;
                }
                let end = first.saturating_add(PIECE).min(numbers.count());
                for number in (first..end).map(|at| numbers.number(at)) {
                    for derivation in derivations.iter().filter(|d| d.is_known(&number, known)) {
                        let count = mine.entry(derivation.name.clone()).or_default();
                        *count = count.saturating_add(1);
                    }
                }
            }
        };
        let running: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for thread in running {
            // A thread that broke off has found nothing: that is no result.
            let mine = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            for (name, count) in mine {
                let sum: &mut u64 = found.entry(name).or_default();
                *sum = sum.saturating_add(count);
            }
        }
    });
    found
}

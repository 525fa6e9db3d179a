//! What executing a call costs, action by action: the steps of the package's scenarios, each
//! repeated on the ledger in memory that stands before it. Signatures, state and consensus are
//! not in it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chaincity_ledger::scenario::{self, Rehearsal};

use crate::fault::Fault;
use crate::shipped;

/// How often a step is repeated at most.
const TIMES_MAX: u32 = 32;

/// The median of each action's steps, in microseconds, each repeated once for every second of the
/// measured window: a short benchmark does not spend most of its time here.
///
/// # Errors
/// When a scenario of the package fails.
pub(super) fn measure(package: &str, seconds: u64) -> Result<BTreeMap<String, u64>, Fault> {
    let times = u32::try_from(seconds).unwrap_or(TIMES_MAX).clamp(1, TIMES_MAX);
    let source = shipped::source(package)?;
    let told = |f: scenario::Failure, name: &str| {
        Fault::other(format!("情景 {name}：{f}"), format!("scenario {name}: {f}"))
    };
    let rehearsal = Rehearsal::new(&source.doc.to_bytes()).map_err(|f| told(f, package))?;
    let mut taken: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    for claim in &source.scenarios {
        let mut watch = |action: &str, execute: &dyn Fn()| {
            execute();
            let begun = Instant::now();
            for _ in 0..times {
                execute();
            }
            let once = begun.elapsed().checked_div(times).unwrap_or_default();
            taken.entry(action.to_owned()).or_default().push(once);
        };
        rehearsal.run_watched(claim, &mut watch).map_err(|f| told(f, &claim.name))?;
    }
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        let middle = times.get(times.len().checked_div(2).unwrap_or(0)).copied();
        u64::try_from(middle.unwrap_or_default().as_micros()).unwrap_or(u64::MAX)
    };
    Ok(taken.into_iter().map(|(action, times)| (action, median(times))).collect())
}

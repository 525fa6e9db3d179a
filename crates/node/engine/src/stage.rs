//! Processor time by stage: what a thread uses in a section of a node's work is counted for the
//! section's stage.
//!
//! A section is a closure ([`measure`]) or a future ([`polled`]), of which each poll is one: none
//! is open across an await, where a thread does other work. While a section runs inside another,
//! time counts for the inner one alone, so no time counts twice. A section takes two looks at the
//! thread's clock, about a microsecond together: it is meant for blocks, batches and messages.
//!
//! Counts are those of the whole process. They are kept by thread, so that whoever knows what a
//! thread used in all can tell how much of it no section saw; threads of one name count together.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What a node does with a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Reading and checking what clients submit and peers gossip, and the upkeep of the pool.
    Admission,
    /// Signatures of transactions, at admission and in blocks.
    Verification,
    /// Proposing and checking blocks: drawing from the pool, attempts, effects.
    Execution,
    /// Reading the authenticated state and its proofs, and computing its roots.
    State,
    /// Keeping final blocks and their certificates.
    History,
    /// Connections to peers: framing, encryption, sockets.
    Network,
    /// The tables that queries are answered from.
    ReadModel,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 7] = [
        Self::Admission,
        Self::Verification,
        Self::Execution,
        Self::State,
        Self::History,
        Self::Network,
        Self::ReadModel,
    ];

    /// The stage's name, for people and monitoring.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admission => "admission",
            Self::Verification => "verification",
            Self::Execution => "execution",
            Self::State => "state",
            Self::History => "history",
            Self::Network => "network",
            Self::ReadModel => "read_model",
        }
    }
}

/// What threads of one name used in a stage since the process began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// The stage.
    pub stage: Stage,
    /// The threads' name; empty for those that have none.
    pub thread: String,
    /// Processor time.
    pub time: Duration,
}

/// Nanoseconds by stage.
#[derive(Debug, Default)]
struct Counts {
    admission: AtomicU64,
    verification: AtomicU64,
    execution: AtomicU64,
    state: AtomicU64,
    history: AtomicU64,
    network: AtomicU64,
    read_model: AtomicU64,
}

impl Counts {
    const fn of(&self, stage: Stage) -> &AtomicU64 {
        match stage {
            Stage::Admission => &self.admission,
            Stage::Verification => &self.verification,
            Stage::Execution => &self.execution,
            Stage::State => &self.state,
            Stage::History => &self.history,
            Stage::Network => &self.network,
            Stage::ReadModel => &self.read_model,
        }
    }
}

/// Counts by threads' name. They stay when a thread ends; names are few.
static COUNTS: Mutex<BTreeMap<String, &'static Counts>> = Mutex::new(BTreeMap::new());

thread_local! {
    static MINE: Cell<Option<&'static Counts>> = const { Cell::new(None) };
    /// The innermost open section, and from when its time is not counted yet.
    static OPEN: Cell<Option<(Stage, u64)>> = const { Cell::new(None) };
}

/// This thread's counts.
fn mine() -> &'static Counts {
    if let Some(counts) = MINE.get() {
        return counts;
    }
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let mut all = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    let counts: &'static Counts =
        all.entry(name).or_insert_with(|| Box::leak(Box::<Counts>::default()));
    MINE.set(Some(counts));
    counts
}

/// What this thread used so far, in nanoseconds.
fn thread_time() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// An open section. INVARIANT: never leaves the call that opened it, so it ends on its thread and
/// in the order of nesting.
struct Section {
    outer: Option<Stage>,
}

impl Section {
    fn open(stage: Stage) -> Self {
        let outer = turn_to(Some(stage));
        Self { outer }
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        turn_to(self.outer);
    }
}

/// Counts what was used so far for the open section, and from now on for another; gives the one
/// that was open.
fn turn_to(next: Option<Stage>) -> Option<Stage> {
    let now = thread_time();
    let (stage, since) = OPEN.replace(next.map(|stage| (stage, now)))?;
    mine().of(stage).fetch_add(now.saturating_sub(since), Ordering::Relaxed);
    Some(stage)
}

/// Does the work, and counts what this thread uses meanwhile for `stage`.
pub fn measure<T>(stage: Stage, work: impl FnOnce() -> T) -> T {
    let _section = Section::open(stage);
    work()
}

/// The same future, each of whose polls is counted for `stage`.
pub async fn polled<F: Future>(stage: Stage, work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|context| measure(stage, || work.as_mut().poll(context))).await
}

/// What was counted so far, of sections that have ended or paused.
#[must_use]
pub fn used() -> Vec<Used> {
    let all = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    let of_thread = |(thread, counts): (&String, &&'static Counts)| {
        let thread = thread.clone();
        Stage::ALL.map(|stage| {
            let time = Duration::from_nanos(counts.of(stage).load(Ordering::Relaxed));
            Used { stage, thread: thread.clone(), time }
        })
    };
    let all = all.iter().flat_map(of_thread);
    all.filter(|used| !used.time.is_zero()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "tests")]
    use std::task::Poll;

    use super::*;

    /// Keeps the processor busy for so long of this thread's own time.
    fn burn(ms: u64) {
        let begun = thread_time();
        while thread_time() < begun.saturating_add(ms.saturating_mul(1_000_000)) {
            std::hint::spin_loop();
        }
    }

    /// Runs on a thread of this name; gives what the thread used in all, in nanoseconds.
    fn on(name: &str, work: impl FnOnce() + Send + 'static) -> u64 {
        let thread = std::thread::Builder::new().name(name.to_owned());
        let work = move || {
            work();
            thread_time()
        };
        thread.spawn(work).unwrap().join().unwrap()
    }

    fn nanos(name: &str, stage: Stage) -> u64 {
        let found = used().into_iter().find(|used| used.thread == name && used.stage == stage);
        found.map_or(0, |used| u64::try_from(used.time.as_nanos()).unwrap())
    }

    const MS: u64 = 1_000_000;

    #[test]
    fn a_section_in_another_does_not_count_twice() {
        let all = on("nested", || {
            measure(Stage::Execution, || {
                burn(4);
                measure(Stage::Verification, || burn(6));
                burn(4);
            });
            burn(10);
        });
        let outer = nanos("nested", Stage::Execution);
        let inner = nanos("nested", Stage::Verification);
        assert!(outer >= 8 * MS && inner >= 6 * MS, "{outer} {inner}");
        assert!(outer + inner + 10 * MS <= all, "what no section saw is not counted: {all}");
    }

    #[test]
    fn sections_of_other_threads_add_up() {
        let first = on("adding", || measure(Stage::State, || burn(3)));
        let once = nanos("adding", Stage::State);
        assert!((3 * MS..=first).contains(&once), "{once} {first}");
        let second = on("adding", || measure(Stage::State, || burn(3)));
        let both = nanos("adding", Stage::State);
        assert!((once + 3 * MS..=first + second).contains(&both), "{both}");
    }

    #[test]
    fn a_future_counts_while_it_is_polled_and_not_while_it_waits() {
        on("waiting", || {
            let mut rounds = 0;
            let work = poll_fn(move |context| {
                burn(2);
                rounds += 1;
                context.waker().wake_by_ref();
                if rounds == 3 { Poll::Ready(()) } else { Poll::Pending }
            });
            let mut work = pin!(polled(Stage::History, work));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            while work.as_mut().poll(&mut context).is_pending() {
                burn(20);
            }
        });
        let counted = nanos("waiting", Stage::History);
        assert!((6 * MS..40 * MS).contains(&counted), "{counted}");
    }

    #[test]
    fn a_panic_ends_its_section() {
        on("panicking", || {
            let broken = std::panic::catch_unwind(|| measure(Stage::Network, || panic!("broken")));
            assert!(broken.is_err());
            let before = nanos("panicking", Stage::Network);
            burn(5);
            measure(Stage::State, || ());
            assert_eq!(nanos("panicking", Stage::Network), before);
        });
    }
}

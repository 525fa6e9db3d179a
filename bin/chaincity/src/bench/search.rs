//! Which rate is sustained: found by short trials, so that one slow moment of the machine decides
//! nothing.
//!
//! The rate doubles until it fails, then the gap between the greatest rate that held and the least
//! that failed is halved until it is an eighth. A trial keeps up when 95 % of what is due is done and
//! the median of latencies is at most a second. A rate holds when its first trial keeps up, or two of
//! three; it fails only when two of three do not.

use std::time::Duration;

use serde::Serialize;

/// The first rate tried.
const FIRST_RATE: u64 = 100;
/// Trials that must agree once one has failed.
const VOTES: u32 = 2;
/// The gap is small enough when this many of it are not more than the rate that held.
const GAPS: u64 = 8;
/// Length of a trial, in seconds.
pub(super) const TRIAL_S: u64 = 4;
/// Above this median latency a queue grows, whatever came out at its other end.
pub(super) const MEDIAN_MS_MAX: u64 = 1_000;
/// How long the search may take: then the greatest rate that held is taken.
pub(super) const LASTING: Duration = Duration::from_secs(150);

/// One trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Trial {
    offered_tps: u64,
    done_tps: u64,
    kept_up: bool,
}

/// The search, and what it has seen.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Search {
    /// The greatest rate that held; 0 while none did.
    held_tps: u64,
    /// The least rate that failed.
    failed_tps: Option<u64>,
    /// In order.
    trials: Vec<Trial>,
    /// Length of each, in seconds.
    trial_seconds: u64,
    /// Whether time ran out first.
    cut_short: bool,
    #[serde(skip)]
    rate: u64,
    /// Trials of this rate that kept up, and that did not.
    #[serde(skip)]
    votes: (u32, u32),
}

impl Search {
    pub(super) const fn new() -> Self {
        Self {
            held_tps: 0,
            failed_tps: None,
            trials: Vec::new(),
            trial_seconds: TRIAL_S,
            cut_short: false,
            rate: FIRST_RATE,
            votes: (0, 0),
        }
    }

    /// The rate to try next; `None` when it is found.
    pub(super) fn next(&self) -> Option<u64> {
        let found = self.failed_tps.is_some_and(|failed| {
            let gap = failed.saturating_sub(self.held_tps);
            gap <= 1 || gap.saturating_mul(GAPS) <= self.held_tps
        });
        (!found).then_some(self.rate)
    }

    /// A trial at the rate that [`Search::next`] gave is over.
    pub(super) fn on_trial(&mut self, done_tps: u64, kept_up: bool) {
        self.trials.push(Trial { offered_tps: self.rate, done_tps, kept_up });
        let (held, failed) = &mut self.votes;
        let side = if kept_up { &mut *held } else { &mut *failed };
        *side = side.saturating_add(1);
        let holds = *held >= VOTES || (*held > 0 && *failed == 0);
        if !holds && *failed < VOTES {
            return;
        }
        self.votes = (0, 0);
        if holds {
            self.held_tps = self.rate;
        } else {
            self.failed_tps = Some(self.rate);
        }
        self.rate = match self.failed_tps {
            None => self.rate.saturating_mul(2),
            Some(failed) => self.held_tps.midpoint(failed),
        };
    }

    /// Time has run out.
    pub(super) const fn cut_short(&mut self) {
        self.cut_short = true;
    }

    /// The rate that was found.
    pub(super) fn found(&self) -> u64 {
        self.held_tps.max(1)
    }

    /// How it was found.
    pub(super) fn for_person(&self) -> String {
        let trial = |trial: &Trial| {
            let Trial { offered_tps, done_tps, kept_up } = trial;
            format!("{offered_tps}→{done_tps}{}", if *kept_up { "" } else { " ✗" })
        };
        let trials: Vec<String> = self.trials.iter().map(trial).collect();
        let ended = if self.cut_short { "；时间用尽 · time ran out" } else { "" };
        format!(
            "速率的确定（每次 {} s） · how the rate was found, {} s a trial: {}{ended}",
            self.trial_seconds,
            self.trial_seconds,
            trials.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, clippy::integer_division, reason = "tests")]
    use super::*;

    /// Searches a ledger that sustains `capacity`, except in the trials `slow`.
    fn searched(capacity: u64, slow: &[usize]) -> Search {
        let mut search = Search::new();
        while let Some(rate) = search.next() {
            let at = search.trials.len();
            assert!(at < 60, "it ends: {search:?}");
            let done = if slow.contains(&at) { rate / 3 } else { rate.min(capacity) };
            search.on_trial(done, done * 100 >= rate * 95);
        }
        search
    }

    #[test]
    fn the_rate_found_is_just_below_what_is_sustained() {
        for capacity in [1, 7, 30, 99, 100, 101, 365, 1_055, 12_345] {
            let search = searched(capacity, &[]);
            let (found, most) = (search.found(), capacity * 100 / 95 + 1);
            assert!(found <= most, "{found} of {capacity}");
            assert!(found * 9 + 9 >= capacity * 8, "{found} of {capacity}: {search:?}");
            assert!(search.trials.len() <= 30, "{}", search.trials.len());
        }
    }

    #[test]
    fn one_slow_moment_at_any_time_changes_nothing() {
        for capacity in [365, 1_055] {
            let calm = searched(capacity, &[]);
            for slow in 0..calm.trials.len() {
                let hit = searched(capacity, &[slow]);
                assert_eq!(hit.found(), calm.found(), "slow at {slow}: {hit:?}");
            }
        }
    }

    #[test]
    fn how_the_rate_was_found_is_told_trial_by_trial() {
        let told = searched(250, &[]).for_person();
        assert!(told.contains("100→100, 200→200, 400→250 ✗, 400→250 ✗, 300→250 ✗"), "{told}");
    }
}

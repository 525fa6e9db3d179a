//! Figures of cases: per process, step and office.

use chaincity_types::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest period, in days.
pub const DAYS_MAX: u64 = 366;
/// Days of the period when the caller names no begin.
pub const DAYS_DEFAULT: u64 = 30;
/// Most rows in one page.
pub const ROWS_MAX: usize = 500;
const DAY_MS: u64 = 86_400_000;

/// The words for what a row is about.
pub const BY: [&str; 3] = ["process", "step", "office"];

/// A page of figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CaseStatistics {
    /// Begin of the period.
    pub since: String,
    /// Its end, which lies outside.
    pub until: String,
    /// What a row is about: `process` counts cases, `step` and `office` count tasks.
    pub by: String,
    /// The rows, by package, process, node and member.
    pub items: Vec<CaseFigures>,
    /// Height up to which the read model had followed the ledger.
    pub height: u64,
    /// Give this as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One row of figures. Times are minutes from opening to end by the clock, with nights, holidays
/// and the time in which the applicant corrected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CaseFigures {
    /// Package of the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// The process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// The step: its node in the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Name of the process or step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The office: the member whose the tasks are; absent for those that nobody claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// Opened in the period.
    pub opened: u64,
    /// Done in the period; what failed, was withdrawn or cancelled is not.
    pub done: u64,
    /// Of these, late.
    pub late: u64,
    /// Open now, whenever opened.
    pub open: u64,
    /// Of these, overdue.
    pub overdue: u64,
    /// Tasks returned to the applicant for correction in the period, each time.
    pub returned: u64,
    /// Half of what was done took at most so many minutes; absent when nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_minutes: Option<u64>,
    /// Nine tenths of what was done took at most so many minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ninetieth_minutes: Option<u64>,
}

/// The period asked for; `None` when it is reversed or longer than [`DAYS_MAX`].
#[must_use]
pub fn period(
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Option<(Timestamp, Timestamp)> {
    // What happened now is of now.
    let until = until.unwrap_or_else(|| now.plus_ms(1));
    let days = |days: u64| days.saturating_mul(DAY_MS);
    let since = since.unwrap_or_else(|| Timestamp(until.0.saturating_sub(days(DAYS_DEFAULT))));
    (since <= until && until.since_ms(since) <= days(DAYS_MAX)).then_some((since, until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_thirty_days_until_now_and_a_year_at_most() {
        let at = |days: u64| Timestamp(days * DAY_MS);
        let (since, until) = period(None, None, at(40)).unwrap();
        assert_eq!((since, until), (at(10).plus_ms(1), at(40).plus_ms(1)));
        assert_eq!(period(Some(at(0)), Some(at(366)), at(0)), Some((at(0), at(366))));
        assert_eq!(period(Some(at(0)), Some(at(366).plus_ms(1)), at(0)), None);
        assert_eq!(period(Some(at(2)), Some(at(1)), at(9)), None);
    }
}

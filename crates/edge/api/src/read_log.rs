//! Read logs: who asked for what about whom, and what came of it. Never a value.

use chaincity_types::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::json;
use crate::package::TextInfo;

/// Days before a day that say what is usual on it.
pub const USUAL_DAYS: i32 = 30;
/// Fewer accesses on one day are never called unusual.
pub const UNUSUAL_FROM: u64 = 20;
/// How many times the daily average of before is unusual.
pub const UNUSUAL_TIMES: u64 = 3;

/// A day begins so many milliseconds before UTC's (UTC+8).
const CHINA_MS: u64 = 8 * 3_600_000;
const DAY_MS: u64 = 24 * 3_600_000;

/// One access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogEntry {
    /// The subject's own running number, in his view; a gap shows that an entry is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// `access`, `confidential` or `search`: the register of `disclosure` that holds it. A search is of
    /// the steward's own staff; what was searched for is told nowhere.
    pub kind: String,
    /// Its key there, which is its running number.
    pub key: String,
    /// `asked`, `released`, `refused`, `unanswered`; of a confidential one `asked`, `countersigned`,
    /// `released`, `refused`, `lifted`, `shown`; of a search `answered` in place of `released`.
    pub state: String,
    /// When it was asked.
    pub asked: String,
    /// The member that keeps the data.
    pub steward: String,
    /// The member that asked. While an access is confidential, this and what it asked for are told to
    /// steward and auditor alone, by the nodes of the steward that keep its vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// The operator who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub officer: Option<String>,
    /// Package of the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Register of the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<String>,
    /// Key of the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// Field groups asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Derived claims asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
    /// Purpose, and number of the case: told by the nodes of the steward that keep its vault, where they
    /// are sealed. In old entries they stand in clear, and every node tells them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Number of the case, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// Kind of term of a search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<String>,
    /// How many records a search found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<u64>,
    /// The search by which the record of an access was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// What it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<LogBasis>,
    /// Code of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Reason of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<TextInfo>,
    /// When it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<String>,
    /// The operator who answered; absent where the rules refused, or nobody answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
    /// Whether a person answered, and not the release service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_person: Option<bool>,
    /// Version of the record that was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Until when it is confidential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Whether the day after is past, and it is not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue: Option<bool>,
}

/// What an access rests on, and who decided that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogBasis {
    /// `grant`, `consent`, `subject` (asks for what is about himself) or `statute` (confidential).
    pub kind: String,
    /// Number of the grant or consent, the subject, or the statute.
    pub of: String,
    /// The operator who granted the use; the member that recorded the consent; who countersigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// Of a consent: the subject who gave it as representative of the one it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_by: Option<String>,
}

/// A page of a read log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogPage {
    /// The entries. There may be few, or none, on a page that is not the last.
    pub items: Vec<LogEntry>,
    /// Height up to which the read model had followed the ledger.
    pub height: u64,
    /// Give this as `cursor` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// How a steward's data was used, by reader, purpose and day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UseReport {
    /// What is called unusual.
    pub rule: TextInfo,
    /// By reader, purpose and day.
    pub rows: Vec<UseRow>,
    /// Confidential accesses recorded in that time, whoever asked.
    pub confidential: u64,
    /// Height up to which the read model had followed the ledger.
    pub height: u64,
}

/// The accesses, or searches, of one reader for one purpose on one day (UTC+8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UseRow {
    /// `access`, or `search` of the steward's own staff.
    pub kind: String,
    /// The member that asked.
    pub reader: String,
    /// The purpose; absent where none is stated, and at a node that does not keep the steward's vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The day.
    pub day: String,
    /// Accesses, one a record; or searches.
    pub accesses: u64,
    /// Of these, released; of searches, answered.
    pub released: u64,
    /// Of these, refused.
    pub refused: u64,
    /// Of these, not answered in time.
    pub unanswered: u64,
    /// As many on the days before that say what is usual.
    pub before: u64,
    /// Whether the volume is unusual.
    pub unusual: bool,
}

/// What is called unusual, in words.
#[must_use]
pub fn rule() -> TextInfo {
    TextInfo {
        zh: format!(
            "同一单位同一目的一日调用（检索）不少于 {UNUSUAL_FROM} 次，且超过此前 {USUAL_DAYS} 日日均的 \
             {UNUSUAL_TIMES} 倍，为异常"
        ),
        en: format!(
            "at least {UNUSUAL_FROM} accesses (or searches) of one member for one purpose on a day, and more \
             than {UNUSUAL_TIMES} times the daily average of the {USUAL_DAYS} days before"
        ),
    }
}

/// Whether so many accesses on a day are unusual after so many on [`USUAL_DAYS`] days before.
#[must_use]
pub fn is_unusual(accesses: u64, before: u64) -> bool {
    let days = u64::try_from(USUAL_DAYS).unwrap_or(u64::MAX);
    accesses >= UNUSUAL_FROM && accesses.saturating_mul(days) > before.saturating_mul(UNUSUAL_TIMES)
}

/// Reads the begin of a period: an RFC 3339 time, or a date, whose day (UTC+8) begins it.
#[must_use]
pub fn parse_since(text: &str) -> Option<Timestamp> {
    json::parse_instant(text).or_else(|| begin_of(json::parse_date(text)?))
}

/// Reads the end of a period, which lies outside it: a time, or a date, with whose day it ends.
#[must_use]
pub fn parse_until(text: &str) -> Option<Timestamp> {
    json::parse_instant(text).or_else(|| begin_of(json::parse_date(text)?.checked_add(1)?))
}

/// When a day begins (UTC+8).
fn begin_of(day: i32) -> Option<Timestamp> {
    let days = u64::try_from(day).ok()?;
    Some(Timestamp(days.checked_mul(DAY_MS)?.saturating_sub(CHINA_MS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_unusual_from_twenty_on_and_above_three_times_the_average() {
        assert!(!is_unusual(19, 0) && is_unusual(20, 0));
        // An average of ten a day.
        assert!(!is_unusual(30, 300) && is_unusual(31, 300));
        assert!(!is_unusual(u64::MAX, u64::MAX));
    }

    #[test]
    fn a_period_of_dates_has_whole_days() {
        let at = |text: &str| json::parse_instant(text);
        assert_eq!(parse_since("2026-09-01"), at("2026-09-01T00:00:00+08:00"));
        assert_eq!(parse_until("2026-09-01"), at("2026-09-02T00:00:00+08:00"));
        assert_eq!(parse_until("2026-09-01T08:00:00+08:00"), at("2026-09-01T00:00:00Z"));
        assert_eq!(
            parse_since("2026-09-01").map(Timestamp::china_day),
            json::parse_date("2026-09-01")
        );
        assert_eq!((parse_since("yesterday"), parse_until("2026-13-01")), (None, None));
    }
}

//! Days as a clerk reckons them: the city's date, months, and the end of a period.

use chaincity_types::calendar::Calendar;
use jiff::civil::Date;
use jiff::{Span, ToSpan as _};

/// The day in the city at this time (UTC+8).
#[must_use]
pub fn day_of(ms: u64) -> i32 {
    let days = ms.saturating_add(28_800_000).checked_div(86_400_000);
    days.and_then(|days| i32::try_from(days).ok()).unwrap_or(i32::MAX)
}

const FIRST: Date = Date::constant(1970, 1, 1);

fn date(day: i32) -> Date {
    FIRST.checked_add(day.days()).unwrap_or(Date::MAX)
}

fn number(date: Date) -> i32 {
    date.since(FIRST).map_or(i32::MAX, |span| span.get_days())
}

/// The year of a day.
pub(super) fn year(day: i32) -> i16 {
    date(day).year()
}

/// The day so many months later; the month's last if it has no such day.
fn months_later(day: i32, months: i64) -> i32 {
    number(date(day).checked_add(Span::new().months(months)).unwrap_or(Date::MAX))
}

/// The term of a notice: whole months up to three years, or days.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    pub(super) months: i64,
    pub(super) days: i64,
}

impl Term {
    /// From the first to the last day.
    pub(super) fn between(from: i32, to: i32) -> Self {
        let whole = |months: &i64| months_later(from, *months).saturating_sub(1) == to;
        match (1..=36).find(whole) {
            Some(months) => Self { months, days: 0 },
            None => Self { months: 0, days: i64::from(to.saturating_sub(from)).saturating_add(1) },
        }
    }

    /// Of a term that goes on from its last day: a month ends on the day of the same number, or on
    /// the month's last (民法典 201, 202).
    pub(super) fn following(last: i32, to: i32) -> Self {
        match (1..=36).find(|months| months_later(last, *months) == to) {
            Some(months) => Self { months, days: 0 },
            None => Self { months: 0, days: i64::from(to.saturating_sub(last)) },
        }
    }

    /// The first day after the term, if it begins on `from`.
    pub(super) fn after(self, from: i32) -> i32 {
        let days = i32::try_from(self.days).unwrap_or(i32::MAX);
        months_later(from, self.months).saturating_add(days)
    }
}

/// The working day so many later; the first is not counted.
pub(super) fn workdays_later(from: i32, count: u32) -> i32 {
    let calendar = Calendar::shipped();
    let mut day = from;
    let mut left = count;
    while left > 0 {
        day = day.saturating_add(1);
        if calendar.is_likely_workday(date(day)) {
            left = left.saturating_sub(1);
        }
    }
    day
}

/// The last day of a period of natural days: the first is not counted, and a last day off moves
/// on to the next working day (民法典 201, 203).
pub(super) fn last_day(from: i32, days: i32) -> i32 {
    let calendar = Calendar::shipped();
    let mut last = from.saturating_add(days);
    while !calendar.is_likely_workday(date(last)) {
        last = last.saturating_add(1);
    }
    last
}

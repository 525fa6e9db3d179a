//! Deadlines, and clocks that stand still: while the applicant corrects, or the case is suspended.
//!
//! A deadline is kept as the day from which it counts and the working days that were left then, so
//! that it follows the calendar. A clock that goes on counts anew from that day.

use chaincity_package::literal;
use chaincity_process::timing::Timing;
use chaincity_types::calendar::{Calendar, date_of_days};
use chaincity_types::{Timestamp, Value};

use super::{Fields, WORKDAYS_MAX, record};

/// A deadline of so many working days, from now.
pub(super) fn deadline(days: Option<u32>, now: Timestamp) -> Fields {
    match days {
        Some(days) => {
            record([("since", Value::Date(now.china_day())), ("days", Value::Int(i64::from(days)))])
        }
        None => Fields::new(),
    }
}

/// When an awaited time comes, from now.
pub(super) fn awaited(timing: &Timing, now: Timestamp) -> Fields {
    match timing {
        Timing::Workdays(days) => deadline(Some(*days), now),
        Timing::At(at) => record([("at", Value::Time(*at)), ("fixed", Value::Bool(true))]),
        Timing::After(length) => record([("at", Value::Time(length.after(now)))]),
        Timing::Every(length, count) => {
            let mut fields = record([("at", Value::Time(length.after(now)))]);
            fields.extend(count.map(|count| ("left".into(), Value::Int(i64::from(count)))));
            fields
        }
    }
}

/// The change that stops a clock; none when there is none, or it stands still.
pub(super) fn stop(fields: &Fields, now: Timestamp) -> Option<Fields> {
    let counts = fields.contains_key("days") || fields.contains_key("at");
    (counts && !fields.contains_key("stopped")).then(|| record([("stopped", Value::Time(now))]))
}

/// The change that lets a clock go on; none when it does not stand still.
pub(super) fn go_on(fields: &Fields, now: Timestamp) -> Option<Fields> {
    let Some(Value::Time(stopped)) = fields.get("stopped") else { return None };
    let mut set = record([("stopped", Value::Null)]);
    if let (Some(Value::Date(since)), Some(Value::Int(days))) =
        (fields.get("since"), fields.get("days"))
    {
        let left = days.saturating_sub(worked(*since, stopped.china_day(), *days));
        set.extend(record([("since", Value::Date(now.china_day())), ("days", Value::Int(left))]));
    }
    if let Some(Value::Time(at)) = fields.get("at")
        && fields.get("fixed") != Some(&Value::Bool(true))
    {
        set.insert("at".into(), Value::Time(at.plus_ms(now.since_ms(*stopped))));
    }
    Some(set)
}

/// Working days after `since` up to and with `until`, at most `most`.
fn worked(since: i32, until: i32, most: i64) -> i64 {
    let most = most.min(i64::from(WORKDAYS_MAX));
    let (mut day, mut worked) = (since, 0_i64);
    while day < until && worked < most {
        day = day.saturating_add(1);
        let Some(date) = date_of_days(day) else { break };
        if Calendar::shipped().is_likely_workday(date) {
            worked = worked.saturating_add(1);
        }
    }
    worked
}

/// Whether a deadline has passed, whatever its timer thinks.
pub(super) fn has_passed(fields: &Fields, now: Timestamp) -> bool {
    let (Some(Value::Date(since)), Some(Value::Int(days)), None) =
        (fields.get("since"), fields.get("days"), fields.get("stopped"))
    else {
        return false;
    };
    literal::add_workdays(*since, *days).is_some_and(|due| now.china_day() > due)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use super::*;

    /// 2026-09-01, a Tuesday, nine in the morning in China.
    const NOW: Timestamp = Timestamp(1_788_224_400_000);
    const DAY: u64 = 86_400_000;

    fn int(fields: &Fields, name: &str) -> Option<i64> {
        fields.get(name).and_then(Value::as_int)
    }

    #[test]
    fn days_before_the_clock_stopped_are_used_and_those_while_it_stood_still_are_not() {
        let mut task = deadline(Some(5), NOW);
        assert!(go_on(&task, NOW).is_none());
        // Tuesday to Thursday are two working days.
        let stopped = stop(&task, NOW.plus_ms(2 * DAY));
        task.extend(stopped.unwrap_or_default());
        assert!(stop(&task, NOW.plus_ms(3 * DAY)).is_none());
        let set = go_on(&task, NOW.plus_ms(20 * DAY)).unwrap_or_default();
        assert_eq!(int(&set, "days"), Some(3));
        assert_eq!(set.get("since"), Some(&Value::Date(NOW.plus_ms(20 * DAY).china_day())));
        assert_eq!(set.get("stopped"), Some(&Value::Null));
    }

    #[test]
    fn a_length_goes_on_where_it_stopped_and_a_date_stays() {
        let at = |fixed| {
            let mut fields = record([("at", Value::Time(NOW.plus_ms(DAY)))]);
            fields.insert("stopped".into(), Value::Time(NOW));
            fields.insert("fixed".into(), Value::Bool(fixed));
            go_on(&fields, NOW.plus_ms(3 * DAY)).unwrap_or_default().get("at").cloned()
        };
        assert_eq!(at(false), Some(Value::Time(NOW.plus_ms(4 * DAY))));
        assert_eq!(at(true), None);
    }

    #[test]
    fn a_deadline_passes_with_its_last_day_and_not_while_the_clock_stands_still() {
        let mut task = deadline(Some(1), NOW);
        assert!(!has_passed(&task, NOW.plus_ms(DAY)));
        assert!(has_passed(&task, NOW.plus_ms(2 * DAY)));
        task.insert("stopped".into(), Value::Time(NOW));
        assert!(!has_passed(&task, NOW.plus_ms(2 * DAY)));
    }
}

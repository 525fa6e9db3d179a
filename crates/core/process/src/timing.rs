//! When a timer event goes off, as ISO 8601 or in working days writes it.
//!
//! Points in time without a zone, and days, months and years of a duration, are those of China
//! (UTC+8, no daylight saving). Working days are counted by whoever has the calendar.

use chaincity_types::Timestamp;
use jiff::Span;
use jiff::civil::Date;
use jiff::tz::{TimeZone, offset};

use crate::model::{Timer, TimerKind};

/// When a timer goes off.
#[derive(Clone, Debug)]
pub enum Timing {
    /// After so many working days.
    Workdays(u32),
    /// At this time.
    At(Timestamp),
    /// After so long.
    After(Length),
    /// After so long each time: so often, or for ever.
    Every(Length, Option<u32>),
}

/// How long something takes.
#[derive(Clone, Debug)]
pub struct Length(Span);

impl Length {
    /// The time so long after another; never before a millisecond has passed.
    #[must_use]
    pub fn after(&self, from: Timestamp) -> Timestamp {
        let at =
            i64::try_from(from.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let at = at.and_then(|at| at.to_zoned(china()).checked_add(self.0).ok());
        let ms = at.and_then(|at| u64::try_from(at.timestamp().as_millisecond()).ok());
        Timestamp(ms.unwrap_or(u64::MAX)).max(from.plus_ms(1))
    }
}

fn china() -> TimeZone {
    TimeZone::fixed(offset(8))
}

impl Timing {
    /// Reads what a file says; nothing when it says no time.
    #[must_use]
    pub fn of(timer: &Timer) -> Option<Self> {
        let text = timer.text.as_str();
        match (timer.kind, timer.workdays) {
            (None, Some(days)) => Some(Self::Workdays(days)),
            (None, None) | (Some(_), Some(_)) => None,
            (Some(TimerKind::Date), None) => point(text).map(Self::At),
            (Some(TimerKind::Duration), None) => length(text).map(Self::After),
            (Some(TimerKind::Cycle), None) => {
                let (count, every) = text.strip_prefix('R')?.split_once('/')?;
                let count = if count.is_empty() {
                    None
                } else {
                    Some(u32::from(count.parse::<u16>().ok()?))
                };
                Some(Self::Every(length(every)?, count))
            }
        }
    }
}

fn point(text: &str) -> Option<Timestamp> {
    let at = match text.parse::<jiff::Timestamp>() {
        Ok(at) => at,
        Err(_) => text.parse::<Date>().ok()?.to_zoned(china()).ok()?.timestamp(),
    };
    u64::try_from(at.as_millisecond()).ok().map(Timestamp)
}

/// A positive duration.
fn length(text: &str) -> Option<Length> {
    let span = text.starts_with('P').then(|| text.parse::<Span>().ok())??;
    span.is_positive().then_some(Length(span))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use super::*;

    fn timer(kind: TimerKind, text: &str) -> Option<Timing> {
        Timing::of(&Timer { workdays: None, kind: Some(kind), text: text.to_owned() })
    }

    /// 2026-10-01T09:00:00+08:00.
    const AT: Timestamp = Timestamp(1_790_816_400_000);

    #[test]
    fn times_are_read_as_iso_8601_writes_them() {
        let at = |text| match timer(TimerKind::Date, text) {
            Some(Timing::At(at)) => Some(at),
            _ => None,
        };
        assert_eq!(at("2026-10-01T09:00:00+08:00"), Some(AT));
        assert_eq!(at("2026-10-01"), Some(Timestamp(AT.0 - 9 * 3_600_000)));
        assert_eq!(at("2026-13-01"), None);
        let after = |text| match timer(TimerKind::Duration, text) {
            Some(Timing::After(length)) => Some(length.after(AT).0 - AT.0),
            _ => None,
        };
        assert_eq!(after("PT90M"), Some(90 * 60_000));
        assert_eq!(after("P3D"), Some(3 * 86_400_000));
        assert_eq!(after("P1M"), Some(31 * 86_400_000));
        assert_eq!(after("-P1D"), None);
        assert_eq!(after("P0D"), None);
        let every = |text| match timer(TimerKind::Cycle, text) {
            Some(Timing::Every(_, count)) => Some(count),
            _ => None,
        };
        assert_eq!(
            (every("R3/P1D"), every("R/P1D"), every("P1D")),
            (Some(Some(3)), Some(None), None)
        );
    }

    #[test]
    fn a_time_beyond_all_times_stays_one() {
        let Some(Timing::After(length)) = timer(TimerKind::Duration, "P9000Y") else {
            panic!("a duration")
        };
        assert!(length.after(Timestamp(u64::MAX >> 1)) > AT);
    }
}

//! Dates, times and decimals as texts, one form each, used by rules and by JSON alike.

use chaincity_types::calendar::Calendar;
use chaincity_types::id::masked;
use chaincity_types::{Timestamp, Value};
use jiff::civil::Date;

/// Most digits after the point.
pub const SCALE_MAX: u8 = 9;

const EPOCH: Date = Date::constant(1970, 1, 1);
const DAY_MS: u64 = 86_400_000;
/// China Standard Time: UTC+8 the whole year, without summer time since 1992.
const CHINA_OFFSET_MS: u64 = 28_800_000;

/// Reads `-12.50` as a decimal with as many places as are written, at most 9.
#[must_use]
pub fn decimal(text: &str) -> Option<Value> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if text.contains('.') && fraction.is_empty() {
        return None;
    }
    let scale = u8::try_from(fraction.len()).ok().filter(|scale| *scale <= SCALE_MAX)?;
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if digits.is_empty() || !plain(digits) || !plain(fraction) {
        return None;
    }
    let mantissa = format!("{whole}{fraction}").parse().ok()?;
    Some(Value::Decimal { mantissa, scale })
}

/// Reads a decimal and gives it exactly `scale` places; refuses to drop a digit.
#[must_use]
pub fn decimal_of_scale(text: &str, scale: u8) -> Option<Value> {
    let Value::Decimal { mantissa, scale: found } = decimal(text)? else { return None };
    let factor = 10_i64.checked_pow(u32::from(scale.checked_sub(found)?))?;
    Some(Value::Decimal { mantissa: mantissa.checked_mul(factor)?, scale })
}

/// A decimal as text: 2767 of scale 2 is `27.67`.
#[must_use]
pub fn decimal_text(mantissa: i64, scale: u8) -> String {
    let sign = if mantissa < 0 { "-" } else { "" };
    let places = usize::from(scale.min(SCALE_MAX));
    let digits = format!("{:0>width$}", mantissa.unsigned_abs(), width = places.saturating_add(1));
    let (whole, fraction) =
        digits.split_at_checked(digits.len().saturating_sub(places)).unwrap_or_default();
    if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A name of which the first and the last character stay; of two characters only the first, of one
/// none: `王*`, `王*明`, `欧**娜`.
#[must_use]
pub fn mask(text: &str) -> String {
    match text.chars().count() {
        0 | 1 => masked(text, 0, 0),
        2 => masked(text, 1, 0),
        _ => masked(text, 1, 1),
    }
}

/// The number of an identity document of which the first six and the last four characters stay if it
/// has 15 or more, such as a resident's; of a shorter one as [`mask`] says.
#[must_use]
pub fn mask_id(text: &str) -> String {
    if text.chars().count() >= 15 { masked(text, 6, 4) } else { mask(text) }
}

/// Reads `2026-02-28` as days since 1970-01-01; years 0001 to 9999.
#[must_use]
pub fn date(text: &str) -> Option<i32> {
    let shape = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
    let date: Date = text.parse().ok().filter(|_| shape)?;
    (date.year() >= 1).then(|| days_of(date)).flatten()
}

fn days_of(date: Date) -> Option<i32> {
    i32::try_from(date.duration_since(EPOCH).as_hours().checked_div(24)?).ok()
}

/// Whether the days since 1970-01-01 lie in the years 0001 to 9999.
#[must_use]
pub fn date_in_range(days: i32) -> bool {
    civil(days).is_some()
}

/// The calendar date, if it lies in the years 0001 to 9999.
#[must_use]
pub fn civil(days: i32) -> Option<Date> {
    let span = jiff::SignedDuration::from_hours(i64::from(days).checked_mul(24)?);
    EPOCH.checked_add(span).ok().filter(|date| date.year() >= 1)
}

/// The date so many months later (earlier, when negative): the same day of the month, or the
/// month's last when it has no such day. `None` outside the years 0001 to 9999.
#[must_use]
pub fn add_months(days: i32, months: i64) -> Option<i32> {
    let months = jiff::Span::new().try_months(months).ok()?;
    let date = civil(days)?.checked_add(months).ok()?;
    (date.year() >= 1).then(|| days_of(date)).flatten()
}

/// How many whole months lie between two dates: the most by which [`add_months`] does not go
/// past the second. Negative when the second lies before the first. `None` outside the years 0001
/// to 9999.
#[must_use]
pub fn months_between(from: i32, to: i32) -> Option<i64> {
    let (first, second) = (civil(from)?, civil(to)?);
    let ordinal = |date: Date| {
        i64::from(date.year()).saturating_mul(12).saturating_add(i64::from(date.month()))
    };
    let months = ordinal(second).checked_sub(ordinal(first))?;
    // The month's last day stands for days that it has not.
    if add_months(from, months)? > to { months.checked_sub(1) } else { Some(months) }
}

/// Most working days that [`add_workdays`] counts.
pub const WORKDAYS_MAX: i64 = 1_000;

/// The first working day on or after a date (民法典 203). In years without a table of the
/// calendar the days from Monday to Friday count. `None` outside the years 0001 to 9999.
#[must_use]
pub fn next_workday(days: i32) -> Option<i32> {
    let calendar = Calendar::shipped();
    let mut date = civil(days)?;
    while !calendar.is_likely_workday(date) {
        date = date.tomorrow().ok()?;
    }
    days_of(date)
}

/// The `count`-th working day after a date, which itself is not counted (民法典 201); the date
/// for zero. `None` outside the years 0001 to 9999, or unless `count` is 0 to [`WORKDAYS_MAX`].
#[must_use]
pub fn add_workdays(days: i32, count: i64) -> Option<i32> {
    if !(0..=WORKDAYS_MAX).contains(&count) {
        return None;
    }
    let mut days = days;
    for _ in 0..count {
        days = next_workday(days.checked_add(1)?)?;
    }
    Some(days)
}

/// The time so many hours later (earlier, when negative); `None` before 1970 or after the year
/// 9999.
#[must_use]
pub fn add_hours(time: Timestamp, hours: i64) -> Option<Timestamp> {
    let ms = i64::try_from(time.0).ok()?.checked_add(hours.checked_mul(3_600_000)?)?;
    let time = Timestamp(u64::try_from(ms).ok()?);
    date_of(time).map(|_in_range| time)
}

/// A date as ISO 8601 text, if it lies in the years 0001 to 9999.
#[must_use]
pub fn date_text(days: i32) -> Option<String> {
    civil(days).map(|date| date.to_string())
}

/// Reads RFC 3339 with an offset and at most milliseconds; from 1970 on.
#[must_use]
pub fn time(text: &str) -> Option<Timestamp> {
    let shape = text.len() >= 20 && text.as_bytes().get(10).is_some_and(|b| *b == b'T');
    let time: jiff::Timestamp = text.parse().ok().filter(|_| shape)?;
    let whole_ms = time.subsec_nanosecond().checked_rem(1_000_000) == Some(0);
    u64::try_from(time.as_millisecond()).ok().filter(|_| whole_ms).map(Timestamp)
}

/// The calendar date in China at a point in time.
#[must_use]
pub fn date_of(time: Timestamp) -> Option<i32> {
    let days = time.0.checked_add(CHINA_OFFSET_MS)?.checked_div(DAY_MS)?;
    i32::try_from(days).ok().filter(|days| date_in_range(*days))
}

/// The moment at which a day begins in China; `None` for a day that began before 1970.
#[must_use]
pub fn start_of(date: i32) -> Option<Timestamp> {
    let days = u64::try_from(date).ok()?;
    Some(Timestamp(days.checked_mul(DAY_MS)?.checked_sub(CHINA_OFFSET_MS)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_end_where_the_calendar_does() {
        let months = |text: &str, n| add_months(date(text).unwrap(), n).and_then(date_text);
        assert_eq!(months("2015-03-01", 36).unwrap(), "2018-03-01");
        assert_eq!(months("2024-02-29", 12).unwrap(), "2025-02-28");
        assert_eq!(months("2026-01-31", 1).unwrap(), "2026-02-28");
        assert_eq!(months("2026-03-31", -1).unwrap(), "2026-02-28");
        assert_eq!(months("9999-12-31", 1), None);
        assert_eq!(months("2026-01-01", i64::MAX), None);
    }

    #[test]
    fn decimals_keep_their_places_and_refuse_to_lose_one() {
        assert_eq!(decimal("-1.50"), Some(Value::Decimal { mantissa: -150, scale: 2 }));
        assert_eq!(decimal_of_scale("27.6", 2), Some(Value::Decimal { mantissa: 2760, scale: 2 }));
        assert_eq!(decimal_of_scale("27.678", 2), None);
        for bad in ["", ".", "1.", ".5", "+1", "1e3", "--1", "１", "1.0000000000"] {
            assert_eq!(decimal(bad), None, "{bad}");
        }
        assert_eq!(decimal_text(2767, 2), "27.67");
        assert_eq!(decimal_text(-5, 2), "-0.05");
        assert_eq!(decimal_text(i64::MIN, 0), i64::MIN.to_string());
    }

    #[test]
    fn dates_and_times_have_one_form() {
        assert_eq!(date("1970-01-01"), Some(0));
        assert_eq!(date("1969-12-31"), Some(-1));
        assert_eq!(date("2026-02-28").and_then(date_text).as_deref(), Some("2026-02-28"));
        for bad in ["2026-02-29", "2026-2-28", "20260228", "0000-01-01", "+002026-02-28"] {
            assert_eq!(date(bad), None, "{bad}");
        }
        assert_eq!(time("1970-01-01T08:00:00.001+08:00"), Some(Timestamp(1)));
        assert_eq!(time("1970-01-01T00:00:00.0001Z"), None);
        assert_eq!(time("1969-12-31T23:59:59Z"), None);
        assert_eq!(date_of(Timestamp(16 * 3_600_000)), Some(1));
    }
}

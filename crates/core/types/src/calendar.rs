//! The working-day calendar: yearly tables of the State Council's notices, and the periods that
//! are counted with them.
//!
//! A day that a notice names is off or worked as the notice says; any other day of that year
//! follows the week. A year without a table is *provisional*: nothing is said about its days, and
//! a deadline that reaches it is computed anew when the table comes.
//!
//! ```
//! use chaincity_types::calendar::{Calendar, WorkingDays, parse_date};
//!
//! let due = Calendar::shipped().add_workdays(parse_date("2026-02-12").unwrap(), WorkingDays(5));
//! assert_eq!(due, Ok(parse_date("2026-02-26").unwrap()));
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use jiff::SignedDuration;
use jiff::civil::{Date, Weekday};

/// The tables that the crate ships.
const TABLES: &[&str] = &[
    include_str!("../data/calendar/2024.csv"),
    include_str!("../data/calendar/2025.csv"),
    include_str!("../data/calendar/2026.csv"),
];

/// Day 0 of [`crate::Value::Date`].
const EPOCH: Date = Date::constant(1970, 1, 1);

/// INVARIANT: every shipped table loads (tested), so the default is never used.
static SHIPPED: LazyLock<Calendar> =
    LazyLock::new(|| Calendar::from_csv(TABLES).unwrap_or_default());

/// A number of working days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkingDays(pub u32);

impl fmt::Display for WorkingDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number of natural days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NaturalDays(pub u32);

impl fmt::Display for NaturalDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A day that a notice names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedDay {
    /// Whether it is worked.
    pub is_workday: bool,
    /// The festival that it belongs to.
    pub name: String,
    /// The notice's number.
    pub source_notice: String,
}

/// The answer lies in a year that has no table: not known yet, and never guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the calendar has no table for the year {year}, so the answer is provisional")]
pub struct Provisional {
    /// The first year that would have been needed.
    pub year: i16,
}

/// Why a table is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A line does not have the form `date,is_workday,name,source_notice`.
    #[error("line {line} of the calendar table does not fit")]
    Line {
        /// 1-based, the heading counted.
        line: usize,
    },
    /// A line's date is of another year than the table's, or stands twice.
    #[error("line {line} of the calendar table names a date of another year or one named before")]
    Misplaced {
        /// 1-based, the heading counted.
        line: usize,
    },
    /// No day is named, so the table's year is not known.
    #[error("the calendar table is empty")]
    Empty,
}

/// Working days by yearly tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    years: BTreeMap<i16, BTreeMap<Date, NamedDay>>,
}

impl Calendar {
    /// The tables that the crate ships: 2024 to 2026.
    #[must_use]
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// Reads tables, one year each.
    ///
    /// # Errors
    /// When a line does not fit, or two tables are for one year.
    pub fn from_csv(tables: &[&str]) -> Result<Self, TableError> {
        let mut calendar = Self::default();
        for table in tables {
            calendar.add_table(table)?;
        }
        Ok(calendar)
    }

    fn add_table(&mut self, table: &str) -> Result<(), TableError> {
        let mut days = BTreeMap::new();
        let mut of_year = None;
        for (i, text) in table.lines().enumerate().skip(1) {
            let line = i.saturating_add(1);
            let (date, day) = read_day(text).ok_or(TableError::Line { line })?;
            let year = *of_year.get_or_insert(date.year());
            let known = self.years.contains_key(&year);
            if known || date.year() != year || days.insert(date, day).is_some() {
                return Err(TableError::Misplaced { line });
            }
        }
        self.years.insert(of_year.ok_or(TableError::Empty)?, days);
        Ok(())
    }

    /// The first and the last year with a table.
    #[must_use]
    pub fn years(&self) -> Option<(i16, i16)> {
        let first = self.years.first_key_value()?;
        let last = self.years.last_key_value()?;
        Some((*first.0, *last.0))
    }

    /// What a notice says about `date`, if one names it.
    #[must_use]
    pub fn named(&self, date: Date) -> Option<&NamedDay> {
        self.years.get(&date.year())?.get(&date)
    }

    /// Whether `date` is a working day.
    ///
    /// # Errors
    /// [`Provisional`] when the year has no table.
    pub fn is_workday(&self, date: Date) -> Result<bool, Provisional> {
        let year = date.year();
        let table = self.years.get(&year).ok_or(Provisional { year })?;
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        Ok(table.get(&date).map_or(!weekend, |day| day.is_workday))
    }

    /// As [`Self::is_workday`]; in a year without a table, whether it is a day from Monday to
    /// Friday. For deadlines that must have a date now and are computed anew when the table comes.
    #[must_use]
    pub fn is_likely_workday(&self, date: Date) -> bool {
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        self.is_workday(date).unwrap_or(!weekend)
    }

    /// The `days`-th working day after `start`, which itself is not counted (民法典 201). Zero
    /// days end on `start`.
    ///
    /// # Errors
    /// [`Provisional`] when the count reaches a year without a table.
    pub fn add_workdays(&self, start: Date, days: WorkingDays) -> Result<Date, Provisional> {
        let mut date = start;
        let mut left = days.0;
        while let Some(rest) = left.checked_sub(1) {
            date = self.next_workday(tomorrow(date)?)?;
            left = rest;
        }
        Ok(date)
    }

    /// The end of a period of natural days: `start` is not counted, and a last day off rolls to
    /// the next working day (民法典 201, 203).
    ///
    /// # Errors
    /// [`Provisional`] when the last day or the roll reaches a year without a table.
    pub fn add_days(&self, start: Date, days: NaturalDays) -> Result<Date, Provisional> {
        let hours = i64::from(days.0).saturating_mul(24);
        let last = start.checked_add(SignedDuration::from_hours(hours));
        self.next_workday(last.ok().ok_or(Provisional { year: i16::MAX })?)
    }

    /// The day from which a receipt counts: `date` itself on a working day within office hours,
    /// else the next working day.
    ///
    /// # Errors
    /// [`Provisional`] when a year without a table is reached.
    pub fn day_of_receipt(&self, date: Date, after_hours: bool) -> Result<Date, Provisional> {
        if after_hours { self.next_workday(tomorrow(date)?) } else { self.next_workday(date) }
    }

    /// The first working day on or after `date`.
    ///
    /// # Errors
    /// [`Provisional`] when a year without a table is reached.
    pub fn next_workday(&self, mut date: Date) -> Result<Date, Provisional> {
        while !self.is_workday(date)? {
            date = tomorrow(date)?;
        }
        Ok(date)
    }
}

fn tomorrow(date: Date) -> Result<Date, Provisional> {
    date.tomorrow().ok().ok_or(Provisional { year: date.year() })
}

fn read_day(line: &str) -> Option<(Date, NamedDay)> {
    let mut fields = line.split(',');
    let mut next = || fields.next();
    let (date, is_workday, name, source) = (next()?, next()?, next()?, next()?);
    if fields.next().is_some() || name.is_empty() || source.is_empty() {
        return None;
    }
    let is_workday = is_workday.parse().ok()?;
    let day = NamedDay { is_workday, name: name.to_owned(), source_notice: source.to_owned() };
    Some((parse_date(date)?, day))
}

/// Reads a date of the exact form `YYYY-MM-DD`; `None` when it is not one of the calendar.
#[must_use]
pub fn parse_date(text: &str) -> Option<Date> {
    let part =
        |range| text.get(range).filter(|part: &&str| part.bytes().all(|b| b.is_ascii_digit()));
    if text.len() != 10 || text.get(4..5)? != "-" || text.get(7..8)? != "-" {
        return None;
    }
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// The days from 1970-01-01 to `date`, as [`crate::Value::Date`] counts them.
#[must_use]
pub fn days_of_date(date: Date) -> i32 {
    let seconds = date.duration_since(EPOCH).as_secs();
    // INVARIANT: whole days between the years -9999 and 9999 fit easily.
    let days = seconds.checked_div(86_400).and_then(|days| i32::try_from(days).ok());
    days.unwrap_or_default()
}

/// The date `days` days after 1970-01-01; `None` beyond the years -9999 to 9999.
#[must_use]
pub fn date_of_days(days: i32) -> Option<Date> {
    EPOCH.checked_add(SignedDuration::from_hours(i64::from(days).checked_mul(24)?)).ok()
}

#[cfg(test)]
mod tests;

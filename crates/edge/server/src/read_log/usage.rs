//! How a steward's data was used: accesses and searches by reader, purpose and day, and which volumes are
//! unusual.

use std::collections::BTreeMap;

use chaincity_api::read_log::{USUAL_DAYS, UseReport, UseRow, is_unusual, rule};
use chaincity_api::{Problem, json};
use chaincity_query::{Direction, Filter, Op, Page, Select, StatusFilter};
use chaincity_release::{ACCESS, CONFIDENTIAL, PACKAGE, SEARCH, why};
use chaincity_types::wire::Version;
use chaincity_types::{Timestamp, Value};

use crate::error::{Answer, Failure};
use crate::read_log::entry;
use crate::reader::Reader;
use crate::routes::records;
use crate::state::Shared;

/// Most accesses that one report reads, those of the days before included.
const SCAN_MAX: usize = 100_000;
const PAGE: usize = 500;
const DAY_MS: u64 = 24 * 3_600_000;

/// The time that a report is about.
pub(crate) struct Days {
    since: Timestamp,
    until: Timestamp,
}

impl Days {
    /// What was asked for: by default the days that say what is usual, up to now.
    pub(crate) fn of(now: Timestamp, since: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        let until = until.unwrap_or_else(|| now.plus_ms(1));
        Self { since: since.unwrap_or_else(|| before(until)), until }
    }
}

/// So much earlier that the usual can be told.
fn before(time: Timestamp) -> Timestamp {
    let days = u64::try_from(USUAL_DAYS).unwrap_or(0);
    Timestamp(time.0.saturating_sub(days.saturating_mul(DAY_MS)))
}

/// What was asked on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    all: u64,
    released: u64,
    refused: u64,
    unanswered: u64,
}

/// Accesses or searches, whose, and for what purpose; that is `None` where it is not told.
type Used = (&'static str, String, Option<String>);

/// How often, by that and by day.
#[derive(Default)]
struct Tally(BTreeMap<Used, BTreeMap<i32, Count>>);

impl Tally {
    fn add(&mut self, used: Used, day: i32, state: &str) {
        let days = self.0.entry(used).or_default();
        let count = days.entry(day).or_default();
        count.all = count.all.saturating_add(1);
        let of_state = match state {
            "released" | "answered" => &mut count.released,
            "refused" => &mut count.refused,
            "unanswered" => &mut count.unanswered,
            _ => return,
        };
        *of_state = of_state.saturating_add(1);
    }

    /// A row for each day from `first` on, each with what came before it.
    fn rows(&self, first: i32) -> Vec<UseRow> {
        let mut rows = Vec::new();
        for ((kind, reader, purpose), days) in &self.0 {
            for (day, count) in days.range(first..) {
                let usual = days.range(day.saturating_sub(USUAL_DAYS)..*day);
                let before = usual.map(|(_, count)| count.all).fold(0, u64::saturating_add);
                rows.push(UseRow {
                    kind: (*kind).to_owned(),
                    reader: reader.clone(),
                    purpose: purpose.clone(),
                    day: json::date(*day),
                    accesses: count.all,
                    released: count.released,
                    refused: count.refused,
                    unanswered: count.unanswered,
                    before,
                    unusual: is_unusual(count.all, before),
                });
            }
        }
        rows
    }
}

/// How `member`'s data was used; `own` is the member whose node this is, whose vault tells the purposes.
pub(crate) fn report(
    shared: &Shared,
    (member, own): (&str, Option<&str>),
    days: &Days,
) -> Answer<UseReport> {
    let reader = &*shared.reader;
    let own = shared.vault.as_deref().zip(own);
    let mut tally = Tally::default();
    let earlier = Days { since: before(days.since), until: days.until };
    let mut height = 0;
    for kind in [ACCESS, SEARCH] {
        height = each(reader, kind, member, &earlier, |version| {
            if let (Some(who), Some(Value::Time(asked))) =
                (entry::reader(version), version.fields.get("asked"))
            {
                let why = why(own, shared.ledger, version);
                let used = (kind, who.to_owned(), why.map(|why| why.purpose));
                tally.add(used, asked.china_day(), entry::state(version));
            }
        })?;
    }
    let mut confidential = 0_u64;
    each(reader, CONFIDENTIAL, member, days, |_| confidential = confidential.saturating_add(1))?;
    let rows = tally.rows(days.since.china_day());
    Ok(UseReport { rule: rule(), rows, confidential, height })
}

/// The order of the registers' indexes by steward.
pub(crate) fn order() -> Vec<(String, Direction)> {
    ["state", "number"].map(|field| (field.to_owned(), Direction::Ascending)).into()
}

/// Reads what was asked of a member in this time; gives how far the read model had followed.
fn each(
    reader: &dyn Reader,
    register: &str,
    member: &str,
    days: &Days,
    mut with: impl FnMut(&Version),
) -> Answer<u64> {
    let condition = |field: &str, op: Op, value: Value| Filter { field: field.into(), op, value };
    let mut select = Select {
        package: PACKAGE.to_owned(),
        register: register.to_owned(),
        filters: vec![
            condition("steward", Op::Eq, member.into()),
            condition("asked", Op::Ge, Value::Time(days.since)),
            condition("asked", Op::Lt, Value::Time(days.until)),
        ],
        status: StatusFilter::Live,
        sort: order(),
        limit: PAGE,
        cursor: None,
    };
    let mut read = 0_usize;
    loop {
        let Page { items, next, height } = reader.select(&select)?;
        items.iter().for_each(&mut with);
        read = read.saturating_add(items.len());
        select.cursor = next;
        if select.cursor.is_none() || items.is_empty() {
            return Ok(records::height(height));
        }
        if read >= SCAN_MAX {
            let text = format!("more than {SCAN_MAX} accesses: ask for fewer days");
            return Err(Failure::because(Problem::BadRequest, text));
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_held_against_the_thirty_days_before_it() {
        let mut tally = Tally::default();
        let mut add = |day: i32, times: usize, state: &str| {
            let used = || (ACCESS, "bank-a".to_owned(), Some("贷款审查".to_owned()));
            (0..times).for_each(|_| tally.add(used(), day, state));
        };
        // Two on each of thirty days; then sixty in one: no more than three times two is usual.
        (100..130).for_each(|day| add(day, 2, "released"));
        add(130, 59, "released");
        add(130, 1, "refused");
        let rows = tally.rows(129);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].accesses, rows[0].before, rows[0].unusual), (2, 58, false));
        assert_eq!((rows[1].accesses, rows[1].before, rows[1].unusual), (60, 60, true));
        assert_eq!((rows[1].released, rows[1].refused, rows[1].unanswered), (59, 1, 0));
    }

    #[test]
    fn purposes_and_readers_accesses_and_searches_are_counted_apart() {
        let mut tally = Tally::default();
        for (kind, reader, purpose) in
            [(ACCESS, "a", "x"), (ACCESS, "a", "y"), (ACCESS, "b", "x"), (SEARCH, "a", "x")]
        {
            let used = || (kind, reader.to_owned(), Some(purpose.to_owned()));
            (0..10).for_each(|_| tally.add(used(), 7, "asked"));
        }
        let rows = tally.rows(0);
        assert!(rows.len() == 4 && rows.iter().all(|row| row.accesses == 10 && !row.unusual));
    }
}

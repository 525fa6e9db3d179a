//! Figures of cases: what each process, step and office opened, did, did late and left lying.
//!
//! They are counted from the current tables of `case/case` and `case/task`, whose index over `ended`
//! finds what is open and what ended since a time; nothing is kept for them. Only how often a task was
//! returned for correction stands in its versions, and those few are read from the history. Times
//! are plain minutes from opening to end, nights, holidays and the applicant's own time included.
//!
//! Unlike records, figures are not compared with the history: a damaged file can make them wrong.

use std::collections::BTreeMap;

use chaincity_types::{Digest, Height, Timestamp};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params, params_from_iter};

use crate::apply::signed;
use crate::schema::Table;
use crate::{LIMIT_MAX, QueryError, ReadModel};

/// Most cases or tasks that one question counts.
pub const COUNTED_MAX: usize = 200_000;

const PACKAGE: &str = "case";
/// The action whose versions are returns.
const RETURN: &str = "return-for-correction";
/// Fewest versions of a task that was returned and ended: opened, returned, corrected, ended.
const VERSIONS_RETURNED: i64 = 4;
const MINUTE_MS: u64 = 60_000;

/// What a row of figures is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Cases, by process.
    Process,
    /// Tasks, by step of a process.
    Step,
    /// Tasks, by the member whose they are; unclaimed ones have none.
    Office,
}

/// Which figures are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// What a row is about.
    pub by: By,
    /// The package whose processes count; all when absent.
    pub package: Option<String>,
    /// The process that counts.
    pub process: Option<String>,
    /// The period begins with this time.
    pub since: Timestamp,
    /// It ends before this one.
    pub until: Timestamp,
    /// Rows left out: the `next` of the page before.
    pub after: usize,
    /// Most rows, 1 to [`LIMIT_MAX`].
    pub limit: usize,
}

/// Where and whose: package, process, node and member, as far as the rows tell them apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// Package.
    pub package: Option<String>,
    /// Process.
    pub process: Option<String>,
    /// Step: its node.
    pub node: Option<String>,
    /// Member.
    pub member: Option<String>,
}

/// One row of figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// What they are about.
    pub group: Group,
    /// Name of the process or step.
    pub name: Option<String>,
    /// Opened in the period.
    pub opened: u64,
    /// Done in the period: completed, not failed, withdrawn or cancelled.
    pub done: u64,
    /// Of these, late.
    pub late: u64,
    /// Open now.
    pub open: u64,
    /// Of these, overdue.
    pub overdue: u64,
    /// Returns for correction in the period.
    pub returned: u64,
    /// Half of what was done took at most so many minutes.
    pub median_minutes: Option<u64>,
    /// Nine tenths of what was done took at most so many minutes.
    pub ninetieth_minutes: Option<u64>,
}

/// A page of figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// The rows, by package, process, node and member.
    pub items: Vec<Figures>,
    /// Give this as `after` for the next page; absent on the last.
    pub next: Option<usize>,
    /// Height up to which the history was followed.
    pub height: Option<Height>,
}

/// A case or task, as far as it is counted.
struct Row {
    key: String,
    version: i64,
    body: Vec<u8>,
    package: String,
    process: String,
    node: Option<String>,
    name: String,
    member: Option<String>,
    status: String,
    overdue: bool,
    opened: i64,
    ended: Option<i64>,
}

/// A row of figures in the making.
#[derive(Default)]
struct Sum {
    figures: Figures,
    /// Milliseconds that each thing done took.
    took: Vec<i64>,
}

impl Count {
    fn within(&self, time: i64) -> bool {
        (signed(self.since.0)..signed(self.until.0)).contains(&time)
    }

    fn group(&self, row: &Row) -> Group {
        let (package, process) = (Some(row.package.clone()), Some(row.process.clone()));
        match self.by {
            By::Process => Group { package, process, ..Group::default() },
            By::Step => Group { package, process, node: row.node.clone(), member: None },
            By::Office => Group { member: row.member.clone(), ..Group::default() },
        }
    }

    fn add(&self, row: &Row, sums: &mut BTreeMap<Group, Sum>) {
        let sum = sums.entry(self.group(row)).or_default();
        let figures = &mut sum.figures;
        if self.by != By::Office {
            figures.name = Some(row.name.clone());
        }
        let one = |figure: &mut u64, counts: bool| *figure = figure.saturating_add(counts.into());
        one(&mut figures.opened, self.within(row.opened));
        let done = matches!(row.status.as_str(), "done" | "completed");
        match row.ended {
            Some(ended) if done && self.within(ended) => {
                one(&mut figures.done, true);
                one(&mut figures.late, row.overdue);
                sum.took.push(ended.saturating_sub(row.opened));
            }
            Some(_) => {}
            None => {
                one(&mut figures.open, true);
                one(&mut figures.overdue, row.overdue);
            }
        }
    }
}

impl Sum {
    fn finish(mut self, group: Group) -> Figures {
        self.took.sort_unstable();
        self.figures.group = group;
        self.figures.median_minutes = minutes(&self.took, 50);
        self.figures.ninetieth_minutes = minutes(&self.took, 90);
        self.figures
    }
}

/// The smallest time that so many percent do not exceed, in whole minutes begun; times are sorted.
fn minutes(took: &[i64], percent: usize) -> Option<u64> {
    let rank = took.len().saturating_mul(percent).div_ceil(100);
    let time = took.get(rank.checked_sub(1)?)?;
    Some(u64::try_from(*time).ok()?.div_ceil(MINUTE_MS))
}

impl ReadModel {
    /// Counts cases or tasks.
    ///
    /// # Errors
    /// [`QueryError::TooMany`] when more than [`COUNTED_MAX`] are open or ended since the period
    /// began; see [`QueryError`].
    pub fn count(&self, count: &Count) -> Result<Statistics, QueryError> {
        if count.limit == 0 || count.limit > LIMIT_MAX {
            return Err(QueryError::TooMany { what: "rows a page, or none", max: LIMIT_MAX });
        }
        let (cases, tasks) = (self.table(PACKAGE, "case")?, self.table(PACKAGE, "task")?);
        let (height, (cases, tasks, past)) = self.moment(|moment| {
            let cases = match count.by {
                By::Process => rows(moment, &cases, ["NULL", "holder"], count)?,
                By::Step | By::Office => Vec::new(),
            };
            let of_tasks = rows(moment, &tasks, ["node", "member"], count)?;
            let past = versions_of(moment, &tasks, &of_tasks, count)?;
            Ok((cases, of_tasks, past))
        })?;
        let mut sums = BTreeMap::new();
        let counted = if count.by == By::Process { &cases } else { &tasks };
        counted.iter().for_each(|row| count.add(row, &mut sums));
        for (row, body) in past {
            let Some(row) = tasks.get(row) else { continue };
            let damaged = || QueryError::damaged("a version of `task`");
            let digest = Digest::from_slice(&body).ok_or_else(damaged)?;
            let by = self.version(&digest, 0)?.by;
            if by.action == RETURN && count.within(signed(by.time.0)) {
                let sum: &mut Sum = sums.entry(count.group(row)).or_default();
                sum.figures.returned = sum.figures.returned.saturating_add(1);
            }
        }
        let end = count.after.saturating_add(count.limit);
        let next = (sums.len() > end).then_some(end);
        let page = sums.into_iter().skip(count.after).take(count.limit);
        let items = page.map(|(group, sum)| sum.finish(group)).collect();
        Ok(Statistics { items, next, height })
    }
}

/// What is open, then what ended since the period began.
fn rows_text(table: &Table, [node, member]: [&str; 2], count: &Count) -> (String, Vec<Sql>) {
    let mut values = vec![Sql::Integer(signed(count.since.0))];
    let mut narrow = String::new();
    for (field, value) in [("package", &count.package), ("process", &count.process)] {
        if let Some(value) = value {
            values.push(Sql::Text(value.clone()));
            // The sign keeps SQLite from entering by another index than that over `ended`.
            narrow.push_str(&format!(" AND +{field} = ?{}", values.len()));
        }
    }
    let select = format!(
        "SELECT _key, _version, _body, package, process, {node}, name, {member}, status, overdue, \
         opened, ended FROM {} WHERE ended",
        table.sql_name()
    );
    let more = COUNTED_MAX.saturating_add(1);
    let text = format!("{select} IS NULL{narrow} UNION ALL {select} >= ?1{narrow} LIMIT {more}");
    (text, values)
}

fn rows(
    moment: &Connection,
    table: &Table,
    columns: [&str; 2],
    count: &Count,
) -> Result<Vec<Row>, QueryError> {
    let (text, values) = rows_text(table, columns, count);
    let mut statement = moment.prepare_cached(&text)?;
    let found = statement.query_map(params_from_iter(values), |row| {
        Ok(Row {
            key: row.get(0)?,
            version: row.get(1)?,
            body: row.get(2)?,
            package: row.get(3)?,
            process: row.get(4)?,
            node: row.get(5)?,
            name: row.get(6)?,
            member: row.get(7)?,
            status: row.get(8)?,
            overdue: row.get(9)?,
            opened: row.get(10)?,
            ended: row.get(11)?,
        })
    })?;
    let found = found.collect::<Result<Vec<_>, _>>()?;
    if found.len() > COUNTED_MAX {
        return Err(QueryError::TooMany { what: "cases or tasks to count", max: COUNTED_MAX });
    }
    Ok(found)
}

/// Bodies of versions of tasks that may be returns in the period, each with the place of its task.
fn versions_of(
    moment: &Connection,
    table: &Table,
    tasks: &[Row],
    count: &Count,
) -> Result<Vec<(usize, Vec<u8>)>, QueryError> {
    let sql = "SELECT body FROM past WHERE register = ?1 AND key = ?2 AND version > 1 \
               AND began >= ?3 AND began < ?4";
    let mut statement = moment.prepare_cached(sql)?;
    let mut found = Vec::new();
    for (at, row) in tasks.iter().enumerate() {
        if row.status == "returned" {
            found.push((at, row.body.clone()));
        } else if row.version < VERSIONS_RETURNED && row.ended.is_some() {
            continue;
        }
        let place = params![table.number, row.key, signed(count.since.0), signed(count.until.0)];
        for body in statement.query_map(place, |row| row.get(0))? {
            found.push((at, body?));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_occurred() {
        let took: Vec<i64> = (1..=10).map(|n| n * 60_000).collect();
        assert_eq!((minutes(&took, 50), minutes(&took, 90)), (Some(5), Some(9)));
        assert_eq!((minutes(&took[..1], 50), minutes(&took[..1], 90)), (Some(1), Some(1)));
        assert_eq!(minutes(&[], 50), None);
        assert_eq!(minutes(&[1], 50), Some(1), "a minute begun counts");
        assert_eq!(minutes(&[0], 50), Some(0));
    }

    #[test]
    fn what_is_counted_is_found_by_its_end_and_nothing_is_sorted() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(crate::schema::FIXED).unwrap();
        let case = chaincity_ledger::cases::package();
        let (tables, _) = crate::schema::sync(&connection, &[case]).unwrap();
        let table = &tables[&("case".into(), "task".into())];
        let count = Count {
            by: By::Step,
            package: Some("a".to_owned()),
            process: Some("b".to_owned()),
            since: Timestamp(0),
            until: Timestamp(9),
            after: 0,
            limit: 1,
        };
        let (text, values) = rows_text(table, ["node", "member"], &count);
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
        let steps = statement.query_map(params_from_iter(values), |row| row.get::<_, String>(3));
        let steps: Vec<_> = steps.unwrap().map(Result::unwrap).collect();
        let entered = steps.iter().filter(|step| step.contains("(ended")).count();
        assert_eq!(entered, 2, "{steps:?}");
        assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE")), "{steps:?}");
    }
}

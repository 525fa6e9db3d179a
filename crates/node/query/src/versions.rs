//! Records over time: the current version, the history, and what was in force at a time.
//!
//! A record's newest version is its current row, which began last; all others are in `past`.

use chaincity_types::wire::{LogicalKey, Version};
use chaincity_types::{Digest, Height, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use crate::apply::signed;
use crate::model::followed;
use crate::schema::Table;
use crate::select::Condition;
use crate::{Filter, LIMIT_MAX, QueryError, ReadModel, StatusFilter};

/// Most records that one page of an *as of* list looks at.
const EXAMINED_MAX: usize = 5_000;

/// Versions of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The versions, newest first.
    pub items: Vec<Version>,
    /// Give this as `before` for older versions; absent when version 1 is among the items.
    pub next: Option<u64>,
    /// Height up to which the history was followed.
    pub height: Option<Height>,
}

/// Records as of a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The versions in force then, by key. May be empty although there is more.
    pub items: Vec<Version>,
    /// Give this as `after` for the next page; absent on the last.
    pub next: Option<String>,
    /// Height up to which the history was followed.
    pub height: Option<Height>,
}

struct Row {
    key: String,
    version: i64,
    began: i64,
    height: i64,
    body: Vec<u8>,
}

/// Columns of `past`, as [`read_row`] reads them.
const COLUMNS: &str = "key, version, began, height, body";

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        key: row.get(0)?,
        version: row.get(1)?,
        began: row.get(2)?,
        height: row.get(3)?,
        body: row.get(4)?,
    })
}

fn incomplete(height: i64) -> QueryError {
    QueryError::Incomplete { before: u64::try_from(height).unwrap_or(0) }
}

/// Places of a record: package, register, key.
type Place<'a> = [&'a str; 3];

impl ReadModel {
    /// The version that a row points to, read from the history and compared with the row.
    fn checked(
        &self,
        [package, register, key]: Place<'_>,
        row: &Row,
    ) -> Result<Version, QueryError> {
        let damaged = || QueryError::damaged(format!("a version of `{register}`"));
        let body = Digest::from_slice(&row.body).ok_or_else(damaged)?;
        let version = self.version(&body, u64::try_from(row.height).unwrap_or(0))?;
        let logical = LogicalKey::Record {
            package: package.into(),
            register: register.into(),
            key: key.into(),
        };
        let same = version.key == logical
            && row.key == key
            && signed(version.version) == row.version
            && signed(version.by.time.0) == row.began
            && signed(version.by.height.0) == row.height;
        if same { Ok(version) } else { Err(damaged()) }
    }

    /// The current version of a record, live or closed, and the height followed.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn get(
        &self,
        package: &str,
        register: &str,
        key: &str,
    ) -> Result<(Option<Version>, Option<Height>), QueryError> {
        let found = self.history(package, register, key, None, 1)?;
        Ok((found.items.into_iter().next(), found.height))
    }

    /// At most `limit` versions of a record, newest first, those below version `before` only.
    ///
    /// # Errors
    /// [`QueryError::Incomplete`] when versions below `before` exist and none is held; see
    /// [`QueryError`].
    pub fn history(
        &self,
        package: &str,
        register: &str,
        key: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Versions, QueryError> {
        let table = self.table(package, register)?;
        let limit = limit.clamp(1, LIMIT_MAX);
        let below = before.map_or(i64::MAX, signed);
        let (height, rows) = self.moment(|moment| {
            let rows = newest_below(moment, &table, key, below, limit)?;
            if rows.is_empty()
                && below > 1
                && let Some(above) = oldest_from(moment, &table, key, below)?
            {
                return Err(incomplete(above.height));
            }
            Ok(rows)
        })?;
        let mut items: Vec<Version> = Vec::with_capacity(rows.len());
        for row in &rows {
            let version = self.checked([package, register, key], row)?;
            // A hole between two versions held: what is below it is another page's.
            if let Some(above) = items.last()
                && version.version.checked_add(1) != Some(above.version)
            {
                break;
            }
            items.push(version);
        }
        let next = items.last().map(|oldest| oldest.version).filter(|oldest| *oldest > 1);
        Ok(Versions { items, next, height })
    }

    /// What one moment's tables say, and the height followed then.
    pub(crate) fn moment<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, QueryError>,
    ) -> Result<(Option<Height>, T), QueryError> {
        let mut reader = self.reader()?;
        let transaction = reader.transaction()?;
        let height = followed(&transaction)?.map(|at| at.height);
        let found = read(&transaction)?;
        transaction.commit()?;
        Ok((height, found))
    }

    /// The version of a record that was in force at `time`, live or closed: the newest that began
    /// at or before it. `None` when the record did not exist yet. With the height followed.
    ///
    /// # Errors
    /// [`QueryError::Incomplete`] when the version of then is not held; see [`QueryError`].
    pub fn as_of(
        &self,
        package: &str,
        register: &str,
        key: &str,
        time: Timestamp,
    ) -> Result<(Option<Version>, Option<Height>), QueryError> {
        let table = self.table(package, register)?;
        let (height, found) = self.moment(|moment| {
            let Some(current) = newest(moment, &table, key)? else { return Ok(None) };
            if current.began <= signed(time.0) {
                return Ok(Some(current));
            }
            let after = oldest_after(moment, &table, key, time)?.unwrap_or(current);
            if has_gap(moment, &table, &after)? {
                return Err(incomplete(after.height));
            }
            newest_at(moment, &table, key, time)
        })?;
        let version = found.map(|row| self.checked([package, register, key], &row)).transpose()?;
        Ok((version, height))
    }

    /// The records of a register as they were at `time`, by key: those of this status that fit
    /// all conditions, at most `limit`, with keys above `after`. Conditions need no index; a page
    /// looks at no more than 5,000 records and then says where to go on.
    ///
    /// # Errors
    /// [`QueryError::Incomplete`] when the register's versions of then are not all held; see
    /// [`QueryError`].
    pub fn list_as_of(
        &self,
        (package, register): (&str, &str),
        time: Timestamp,
        filters: &[Filter],
        status: StatusFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listed, QueryError> {
        let table = self.table(package, register)?;
        let conditions: Vec<Condition> =
            filters.iter().map(|f| Condition::of(&table, f)).collect::<Result<_, _>>()?;
        let limit = limit.clamp(1, LIMIT_MAX);
        let (height, rows) = self.moment(|moment| rows_as_of(moment, &table, time, after))?;
        let examined = rows.len();
        let (mut items, mut last) = (Vec::new(), None);
        for row in rows {
            if items.len() == limit {
                return Ok(Listed { items, next: last, height });
            }
            let version = self.checked([package, register, &row.key], &row)?;
            last = Some(row.key);
            let fits = conditions.iter().all(|condition| condition.holds(&table, &version));
            if fits && status.wants(version.status) {
                items.push(version);
            }
        }
        let next = last.filter(|_| examined == EXAMINED_MAX);
        Ok(Listed { items, next, height })
    }
}

/// The current row of a record.
fn newest(moment: &Connection, table: &Table, key: &str) -> Result<Option<Row>, QueryError> {
    Ok(moment.prepare_cached(&table.newest)?.query_row([key], read_row).optional()?)
}

/// At most `limit` versions of a record below version `below`, newest first.
fn newest_below(
    moment: &Connection,
    table: &Table,
    key: &str,
    below: i64,
    limit: usize,
) -> Result<Vec<Row>, QueryError> {
    let Some(current) = newest(moment, table, key)? else { return Ok(vec![]) };
    let mut rows: Vec<_> = (current.version < below).then_some(current).into_iter().collect();
    let limit = i64::try_from(limit.saturating_sub(rows.len())).unwrap_or(0);
    if limit > 0 {
        let sql = format!(
            "SELECT {COLUMNS} FROM past WHERE register = ?1 AND key = ?2 AND version < ?3 \
             ORDER BY version DESC LIMIT ?4"
        );
        let mut statement = moment.prepare_cached(&sql)?;
        let past = statement.query_map(params![table.number, key, below, limit], read_row)?;
        for row in past {
            rows.push(row?);
        }
    }
    Ok(rows)
}

/// The oldest version of a record that is not below version `from`.
fn oldest_from(
    moment: &Connection,
    table: &Table,
    key: &str,
    from: i64,
) -> Result<Option<Row>, QueryError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM past WHERE register = ?1 AND key = ?2 AND version >= ?3 \
         ORDER BY version LIMIT 1"
    );
    let mut statement = moment.prepare_cached(&sql)?;
    match statement.query_row(params![table.number, key, from], read_row).optional()? {
        Some(row) => Ok(Some(row)),
        None => newest(moment, table, key),
    }
}

/// The newest version in `past` of a record that began at or before a time.
fn newest_at(
    moment: &Connection,
    table: &Table,
    key: &str,
    time: Timestamp,
) -> Result<Option<Row>, QueryError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM past WHERE register = ?1 AND key = ?2 AND began <= ?3 \
         ORDER BY version DESC LIMIT 1"
    );
    let place = params![table.number, key, signed(time.0)];
    Ok(moment.prepare_cached(&sql)?.query_row(place, read_row).optional()?)
}

/// The oldest version in `past` of a record that began after a time.
fn oldest_after(
    moment: &Connection,
    table: &Table,
    key: &str,
    time: Timestamp,
) -> Result<Option<Row>, QueryError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM past WHERE register = ?1 AND key = ?2 AND began > ?3 \
         ORDER BY version LIMIT 1"
    );
    let place = params![table.number, key, signed(time.0)];
    Ok(moment.prepare_cached(&sql)?.query_row(place, read_row).optional()?)
}

/// Whether the version before a row is not held.
fn has_gap(moment: &Connection, table: &Table, row: &Row) -> Result<bool, QueryError> {
    let sql = "SELECT 1 FROM gap WHERE register = ?1 AND key = ?2 AND version = ?3";
    Ok(moment.prepare_cached(sql)?.exists(params![table.number, row.key, row.version])?)
}

/// Every version that had begun at a time, by key and number: of the current rows, then of `past`.
fn begun_text(table: &Table) -> String {
    format!(
        "SELECT _key AS key, _version AS version, _began, _height, _body FROM {} \
         WHERE _key > ?2 AND _began <= ?3 \
         UNION ALL SELECT {COLUMNS} FROM past WHERE register = ?1 AND key > ?2 AND began <= ?3 \
         ORDER BY key, version",
        table.sql_name()
    )
}

fn rows_as_of(
    moment: &Connection,
    table: &Table,
    time: Timestamp,
    after: Option<&str>,
) -> Result<Vec<Row>, QueryError> {
    let sql = "SELECT height FROM gap WHERE register = ?1 AND began > ?2 \
               ORDER BY began DESC LIMIT 1";
    let place = params![table.number, signed(time.0)];
    let gap = moment.prepare_cached(sql)?.query_row(place, |row| row.get(0)).optional()?;
    if let Some(gap) = gap {
        return Err(incomplete(gap));
    }
    let mut statement = moment.prepare_cached(&begun_text(table))?;
    let place = params![table.number, after.unwrap_or_default(), signed(time.0)];
    let mut found: Vec<Row> = Vec::new();
    for row in statement.query_map(place, read_row)? {
        let row = row?;
        if let Some(last) = found.last_mut().filter(|last| last.key == row.key) {
            *last = row;
        } else if found.len() == EXAMINED_MAX {
            break;
        } else {
            found.push(row);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chaincity_package::model::{Package, Register};

    use super::*;
    use crate::schema::{self, FIXED};

    #[test]
    fn a_list_as_of_a_time_is_read_in_order_and_sorts_nothing() {
        let register = Register { name: "unit".into(), ..Register::default() };
        let package = Arc::new(Package {
            id: "test".into(),
            version: 1,
            registers: [("unit".into(), register)].into(),
            ..Package::default()
        });
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(FIXED).unwrap();
        let (tables, _) = schema::sync(&connection, &[package]).unwrap();
        let sql = begun_text(tables.values().next().unwrap());
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = statement.query_map(params![1, "a", 7], |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<_> = steps.map(Result::unwrap).collect();
        assert_eq!(steps.iter().filter(|step| step.starts_with("SEARCH")).count(), 2, "{steps:?}");
        assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE")), "{steps:?}");
    }
}

//! Records over time: the current version, the history, and what was in force at a time.

use chaincity_types::wire::{LogicalKey, Version};
use chaincity_types::{Digest, Height, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use crate::apply::signed;
use crate::model::{Followed, followed};
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
    height: i64,
    body: Vec<u8>,
    gap: bool,
}

const COLUMNS: &str = "key, version, height, body, gap";

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        key: row.get(0)?,
        version: row.get(1)?,
        height: row.get(2)?,
        body: row.get(3)?,
        gap: row.get::<_, i64>(4)? != 0,
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
        self.table(package, register)?;
        let limit = limit.clamp(1, LIMIT_MAX);
        let mut reader = self.reader()?;
        let transaction = reader.transaction()?;
        let at = followed(&transaction)?;
        let sql = format!(
            "SELECT {COLUMNS} FROM version WHERE package = ?1 AND register = ?2 AND key = ?3 \
             AND version < ?4 ORDER BY version DESC LIMIT ?5"
        );
        let mut statement = transaction.prepare_cached(&sql)?;
        let (below, most) = (before.map_or(i64::MAX, signed), i64::try_from(limit).unwrap_or(1));
        let rows = statement.query_map(params![package, register, key, below, most], read_row)?;
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        drop(statement);
        transaction.commit()?;
        drop(reader);
        if rows.is_empty() && before.is_some_and(|before| before > 1) {
            return self.missing_below(at, [package, register, key], below);
        }
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
        Ok(Versions { items, next, height: at.map(|at| at.height) })
    }

    /// Nothing is held below a version: because there is no such record, or not yet.
    fn missing_below(
        &self,
        at: Option<Followed>,
        [package, register, key]: Place<'_>,
        below: i64,
    ) -> Result<Versions, QueryError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM version WHERE package = ?1 AND register = ?2 AND key = ?3 \
             AND version >= ?4 ORDER BY version LIMIT 1"
        );
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached(&sql)?;
        let row = statement.query_row(params![package, register, key, below], read_row);
        match row.optional()? {
            Some(row) => Err(incomplete(row.height)),
            None => Ok(Versions { items: vec![], next: None, height: at.map(|at| at.height) }),
        }
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
        self.table(package, register)?;
        let place = [package, register, key];
        let mut reader = self.reader()?;
        let transaction = reader.transaction()?;
        let height = followed(&transaction)?.map(|at| at.height);
        let found = at_time(&transaction, place, time)?;
        let after = first_after(&transaction, place, time)?;
        transaction.commit()?;
        drop(reader);
        if let Some(after) = after.filter(|after| after.gap) {
            return Err(incomplete(after.height));
        }
        let version = found.map(|row| self.checked(place, &row)).transpose()?;
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
        let (height, rows) = self.rows_as_of(&table, time, after)?;
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

    fn rows_as_of(
        &self,
        table: &Table,
        time: Timestamp,
        after: Option<&str>,
    ) -> Result<(Option<Height>, Vec<Row>), QueryError> {
        let mut reader = self.reader()?;
        let transaction = reader.transaction()?;
        let height = followed(&transaction)?.map(|at| at.height);
        let sql = "SELECT height FROM version WHERE package = ?1 AND register = ?2 AND gap = 1 \
                   AND began > ?3 ORDER BY began DESC LIMIT 1";
        let place = params![table.package, table.register, signed(time.0)];
        let gap = transaction.query_row(sql, place, |row| row.get::<_, i64>(0)).optional()?;
        if let Some(gap) = gap {
            return Err(incomplete(gap));
        }
        let sql = format!(
            "SELECT key, max(version), height, body, gap FROM version WHERE package = ?1 \
             AND register = ?2 AND key > ?3 AND began <= ?4 GROUP BY key \
             ORDER BY key LIMIT {EXAMINED_MAX}"
        );
        let mut statement = transaction.prepare_cached(&sql)?;
        let after = after.unwrap_or_default();
        let place = params![table.package, table.register, after, signed(time.0)];
        let rows = statement.query_map(place, read_row)?.collect::<Result<Vec<_>, _>>()?;
        drop(statement);
        transaction.commit()?;
        Ok((height, rows))
    }
}

fn at_time(
    connection: &Connection,
    [package, register, key]: Place<'_>,
    time: Timestamp,
) -> Result<Option<Row>, QueryError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM version WHERE package = ?1 AND register = ?2 AND key = ?3 \
         AND began <= ?4 ORDER BY version DESC LIMIT 1"
    );
    let place = params![package, register, key, signed(time.0)];
    Ok(connection.prepare_cached(&sql)?.query_row(place, read_row).optional()?)
}

fn first_after(
    connection: &Connection,
    [package, register, key]: Place<'_>,
    time: Timestamp,
) -> Result<Option<Row>, QueryError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM version WHERE package = ?1 AND register = ?2 AND key = ?3 \
         AND began > ?4 ORDER BY version LIMIT 1"
    );
    let place = params![package, register, key, signed(time.0)];
    Ok(connection.prepare_cached(&sql)?.query_row(place, read_row).optional()?)
}

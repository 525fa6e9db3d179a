//! Writing versions into the tables.
//!
//! INVARIANT: the tables depend on which versions were applied, not on their order, so the model
//! can follow upwards and fill in older blocks downwards, and a rebuilt file equals a followed
//! one. Of the versions of a record that were applied, the highest is its current row and all
//! others are in `past`; `gap` has those whose version before is not here.

use std::collections::BTreeMap;

use chaincity_history::{HistoryStore, StoredBlock};
use chaincity_types::wire::{LogicalKey, Status, Version};
use chaincity_types::{Digest, Str, Value, cbor};
use rusqlite::types::{ToSqlOutput, Value as Sql, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Statement, params};

use crate::QueryError;
use crate::column;
use crate::model::{read_record, read_version};
use crate::schema::{Column, Remade, Table, Tables, quoted};

const PAST: &str = "INSERT OR IGNORE INTO past VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const HELD: &str = "SELECT 1 FROM past WHERE register = ?1 AND key = ?2 AND version = ?3";
const GAP: &str = "INSERT OR IGNORE INTO gap VALUES (?1, ?2, ?3, ?4, ?5)";
const JOIN: &str = "DELETE FROM gap WHERE register = ?1 AND key = ?2 AND version = ?3";

/// Applies versions, within one transaction; its statements are prepared once.
pub(crate) struct Apply<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) history: &'a dyn HistoryStore,
    tables: &'a Tables,
    current: BTreeMap<(Str, Str), Current<'a>>,
}

pub(crate) const fn status_number(status: Status) -> i64 {
    match status {
        Status::Live => 0,
        Status::Closed => 1,
    }
}

/// SQLite has no unsigned 64-bit numbers; no height, version or time comes near the limit.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A version on its way into the tables.
#[derive(Clone, Copy)]
struct Row<'v> {
    version: &'v Version,
    number: i64,
    body: &'v Digest,
    key: &'v str,
}

/// A current table and what writes to it.
struct Current<'a> {
    connection: &'a Connection,
    table: &'a Table,
    insert: CachedStatement<'a>,
    supersede: CachedStatement<'a>,
    renew: Option<CachedStatement<'a>>,
    /// What adds a member to each list.
    add: Vec<CachedStatement<'a>>,
}

impl<'a> Current<'a> {
    fn of(connection: &'a Connection, table: &'a Table) -> Result<Self, QueryError> {
        Ok(Self {
            connection,
            table,
            insert: connection.prepare_cached(&table.insert)?,
            supersede: connection.prepare_cached(&table.supersede)?,
            renew: table.renew.as_ref().map(|sql| connection.prepare_cached(sql)).transpose()?,
            add: table
                .lists()
                .map(|(listed, _)| connection.prepare_cached(&listed.add))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Applies a version. Nearly all are a record's first or follow the one that is current.
    fn write(&mut self, row: Row<'_>) -> Result<(), QueryError> {
        if row.number > 1 {
            let before = row.number.saturating_sub(1);
            if self.supersede.execute(params![row.key, before])? == 1 {
                return self.overwrite(row);
            }
        } else if self.insert(row)? {
            return Ok(());
        }
        self.write_any(row)
    }

    /// Applies a version, whichever others of its record are here.
    fn write_any(&mut self, row: Row<'_>) -> Result<(), QueryError> {
        let mut newest = self.connection.prepare_cached(&self.table.newest)?;
        let current: Option<i64> = newest.query_row([row.key], |row| row.get(1)).optional()?;
        match current {
            None => {
                self.insert(row)?;
                self.gap(row, row.number == 1)
            }
            Some(current) if row.number > current => {
                self.supersede.execute(params![row.key, current])?;
                self.overwrite(row)?;
                self.gap(row, row.number.saturating_sub(1) == current)
            }
            Some(current) if row.number == current => Ok(()),
            Some(_) => self.write_past(row),
        }
    }

    /// Whether the record had no row and has this one now.
    fn insert(&mut self, row: Row<'_>) -> Result<bool, QueryError> {
        bind(&mut self.insert, &self.table.columns, row)?;
        let inserted = self.insert.raw_execute()? == 1;
        if inserted {
            self.list(row)?;
        }
        Ok(inserted)
    }

    /// Writes over the record's row, which is in `past` now.
    fn overwrite(&mut self, row: Row<'_>) -> Result<(), QueryError> {
        // Most later versions leave alone what indexes hold.
        if let Some(renew) = &mut self.renew {
            bind(renew, &self.table.columns, row)?;
            if renew.raw_execute()? == 1 {
                return Ok(());
            }
        }
        self.unlist(row)?;
        let mut replace = self.connection.prepare_cached(&self.table.replace)?;
        bind(&mut replace, &self.table.columns, row)?;
        replace.raw_execute()?;
        self.list(row)
    }

    /// Adds a live record to the members of its lists.
    fn list(&mut self, row: Row<'_>) -> Result<(), QueryError> {
        if row.version.status == Status::Closed {
            return Ok(());
        }
        for ((listed, member), add) in self.table.lists().zip(&mut self.add) {
            let list = row.version.fields.get(listed.field.as_str()).unwrap_or(&Value::Null);
            for item in column::members(member, list) {
                add.execute(params![item, row.key])?;
            }
        }
        Ok(())
    }

    /// Takes a record away from the members of the lists that its row has.
    fn unlist(&self, row: Row<'_>) -> Result<(), QueryError> {
        for (listed, member) in self.table.lists() {
            let (field, table) = (quoted(&listed.field), self.table.sql_name());
            let sql = format!("SELECT {field} FROM {table} WHERE _key = ?1");
            let held = self.connection.prepare_cached(&sql)?.query_row([row.key], |row| {
                let held: Option<Vec<u8>> = row.get(0)?;
                Ok(held)
            })?;
            let Some(held) = held else { continue };
            let list: Value = cbor::decode_own(&held)
                .map_err(|error| QueryError::damaged(format!("a list of `{field}`: {error}")))?;
            let mut remove = self.connection.prepare_cached(&listed.remove)?;
            for item in column::members(member, &list) {
                remove.execute(params![item, row.key])?;
            }
        }
        Ok(())
    }

    /// Applies a version that is older than the current one.
    fn write_past(&self, row: Row<'_>) -> Result<(), QueryError> {
        let register = self.table.number;
        let (began, height) = (signed(row.version.by.time.0), signed(row.version.by.height.0));
        let body = row.body.as_bytes().as_slice();
        let past = params![register, row.key, row.number, began, height, body];
        if self.connection.prepare_cached(PAST)?.execute(past)? == 0 {
            return Ok(());
        }
        let after = params![register, row.key, row.number.saturating_add(1)];
        self.connection.prepare_cached(JOIN)?.execute(after)?;
        let before = params![register, row.key, row.number.saturating_sub(1)];
        let joined = row.number == 1 || self.connection.prepare_cached(HELD)?.exists(before)?;
        self.gap(row, joined)
    }

    /// Notes that the version before is not here, unless it is or there is none: `joined`.
    fn gap(&self, row: Row<'_>, joined: bool) -> Result<(), QueryError> {
        if !joined {
            let by = &row.version.by;
            let (began, height) = (signed(by.time.0), signed(by.height.0));
            let gap = params![self.table.number, row.key, row.number, began, height];
            self.connection.prepare_cached(GAP)?.execute(gap)?;
        }
        Ok(())
    }
}

/// Binds a row of a current table, in the order of its columns.
fn bind(statement: &mut Statement<'_>, columns: &[Column], row: Row<'_>) -> Result<(), QueryError> {
    let version = row.version;
    let own = [
        ValueRef::Text(row.key.as_bytes()),
        ValueRef::Integer(row.number),
        ValueRef::Integer(status_number(version.status)),
        ValueRef::Integer(signed(version.by.time.0)),
        ValueRef::Integer(signed(version.by.height.0)),
        ValueRef::Blob(row.body.as_bytes()),
    ];
    let fields = columns.iter().map(|column| {
        let value = version.fields.get(column.field.as_str()).unwrap_or(&Value::Null);
        match (column.member(), value) {
            (Some(_), Value::List(_)) => ToSqlOutput::Owned(Sql::Blob(cbor::encode(value))),
            // A value of an older schema's type is not found by this column.
            _ => ToSqlOutput::Borrowed(column::held(&column.kind, value).unwrap_or(ValueRef::Null)),
        }
    });
    let own = own.into_iter().map(ToSqlOutput::Borrowed);
    for (at, value) in (1..).zip(own.chain(fields)) {
        statement.raw_bind_parameter(at, value)?;
    }
    Ok(())
}

impl<'a> Apply<'a> {
    pub(crate) const fn new(
        connection: &'a Connection,
        tables: &'a Tables,
        history: &'a dyn HistoryStore,
    ) -> Self {
        Self { connection, history, tables, current: BTreeMap::new() }
    }

    /// Applies the versions that a block wrote.
    pub(crate) fn block(&mut self, block: &StoredBlock) -> Result<(), QueryError> {
        let height = block.block.header.height.0;
        for write in &block.writes {
            if let Some(version) = read_record(self.history, &write.body, height)? {
                self.version(&version, &write.body)?;
            }
        }
        Ok(())
    }

    /// Applies one version; one that is not of a record is passed over.
    pub(crate) fn version(&mut self, version: &Version, body: &Digest) -> Result<(), QueryError> {
        let LogicalKey::Record { package, register, key } = &version.key else { return Ok(()) };
        let name = (package.clone(), register.clone());
        let table = self.tables.get(&name).filter(|table| table.version >= version.schema);
        let table = table.ok_or_else(|| QueryError::PackageBehind {
            package: package.to_string(),
            version: version.schema,
        })?;
        let row = Row { version, number: signed(version.version), body, key };
        match self.current.get_mut(&name) {
            Some(current) => current.write(row),
            None => {
                let mut current = Current::of(self.connection, table)?;
                current.write(row)?;
                self.current.insert(name, current);
                Ok(())
            }
        }
    }

    /// Fills current tables that were made anew from those that they were, and drops these.
    pub(crate) fn fill(&self, remade: &[Remade]) -> Result<(), QueryError> {
        for Remade { table, was } in remade {
            let mut current = Current::of(self.connection, table)?;
            let sql = format!("SELECT _key, _height, _body FROM {was} ORDER BY _key");
            let mut statement = self.connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (key, body): (String, Vec<u8>) = (row.get(0)?, row.get(2)?);
                let height = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
                let body = Digest::from_slice(&body)
                    .ok_or_else(|| QueryError::damaged("a body's digest"))?;
                let version = read_version(self.history, &body, height)?;
                let number = signed(version.version);
                current.insert(Row { version: &version, number, body: &body, key: &key })?;
            }
            drop(rows);
            drop(statement);
            self.connection.execute_batch(&format!("DROP TABLE {was}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! Writing versions into the tables.
//!
//! INVARIANT: the tables depend on which versions were applied, not on their order, so the model
//! can follow upwards and fill in older blocks downwards, and a rebuilt file equals a followed
//! one. A version row's `gap` is 1 while the version before is not here; a current row is the
//! highest version applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaincity_history::{HistoryStore, StoredBlock};
use chaincity_types::wire::{LogicalKey, Status, Version};
use chaincity_types::{Digest, Str, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, Statement, params};

use crate::QueryError;
use crate::column;
use crate::model::{read_record, read_version};
use crate::schema::{Column, Table, Tables};

const INSERT: &str = "INSERT OR IGNORE INTO version VALUES (?1,?2,?3,?4,?5,?6,?7,?8)";
const HELD: &str = "SELECT 1 FROM version \
                    WHERE package = ?1 AND register = ?2 AND key = ?3 AND version = ?4";
const JOIN: &str = "UPDATE version SET gap = 0 \
                    WHERE package = ?1 AND register = ?2 AND key = ?3 AND version = ?4";

/// In which order versions come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// From the block after all others of the ledger: the version before it is held.
    Next,
    /// From a block above all that were followed: newer than any version held of its record.
    Upwards,
    /// In any.
    Any,
}

/// Applies versions, within one transaction; its statements are prepared once.
pub(crate) struct Apply<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) history: &'a dyn HistoryStore,
    tables: &'a Tables,
    insert: CachedStatement<'a>,
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

/// A current table and what writes to it.
struct Current<'a> {
    table: &'a Table,
    upsert: CachedStatement<'a>,
    renew: Option<CachedStatement<'a>>,
}

impl<'a> Current<'a> {
    fn of(connection: &'a Connection, table: &'a Table) -> Result<Self, QueryError> {
        let renew = table.renew.as_ref().map(|sql| connection.prepare_cached(sql)).transpose()?;
        Ok(Self { table, upsert: connection.prepare_cached(&table.upsert)?, renew })
    }

    fn write(&mut self, version: &Version, body: &Digest, key: &str) -> Result<(), QueryError> {
        // Most later versions leave alone what indexes hold.
        if version.version > 1
            && let Some(renew) = &mut self.renew
        {
            bind(renew, &self.table.columns, version, body, key)?;
            if renew.raw_execute()? == 1 {
                return Ok(());
            }
        }
        bind(&mut self.upsert, &self.table.columns, version, body, key)?;
        self.upsert.raw_execute()?;
        Ok(())
    }
}

/// Binds a row of a current table, in the order of its columns.
fn bind(
    statement: &mut Statement<'_>,
    columns: &[Column],
    version: &Version,
    body: &Digest,
    key: &str,
) -> Result<(), QueryError> {
    let own = [
        ValueRef::Text(key.as_bytes()),
        ValueRef::Integer(signed(version.version)),
        ValueRef::Integer(status_number(version.status)),
        ValueRef::Blob(body.as_bytes()),
    ];
    let fields = columns.iter().map(|column| {
        let value = version.fields.get(column.field.as_str()).unwrap_or(&Value::Null);
        // A value of an older schema's type is not found by this column.
        column::held(&column.kind, value).unwrap_or(ValueRef::Null)
    });
    for (at, value) in (1..).zip(own.into_iter().chain(fields)) {
        statement.raw_bind_parameter(at, ToSqlOutput::Borrowed(value))?;
    }
    Ok(())
}

impl<'a> Apply<'a> {
    pub(crate) fn new(
        connection: &'a Connection,
        tables: &'a Tables,
        history: &'a dyn HistoryStore,
    ) -> Result<Self, QueryError> {
        Ok(Self {
            connection,
            history,
            tables,
            insert: connection.prepare_cached(INSERT)?,
            current: BTreeMap::new(),
        })
    }

    /// Applies the versions that a block wrote.
    pub(crate) fn block(&mut self, block: &StoredBlock, order: Order) -> Result<(), QueryError> {
        let height = block.block.header.height.0;
        for write in &block.writes {
            if let Some(version) = read_record(self.history, &write.body, height)? {
                self.version(&version, &write.body, order)?;
            }
        }
        Ok(())
    }

    /// Applies one version; one that is not of a record is passed over.
    pub(crate) fn version(
        &mut self,
        version: &Version,
        body: &Digest,
        order: Order,
    ) -> Result<(), QueryError> {
        let LogicalKey::Record { package, register, key } = &version.key else { return Ok(()) };
        let name = (package.clone(), register.clone());
        let table = self.tables.get(&name).filter(|table| table.version >= version.schema);
        let table = table.ok_or_else(|| QueryError::PackageBehind {
            package: package.to_string(),
            version: version.schema,
        })?;
        self.insert_version(version, body, [package, register, key], order)?;
        match self.current.get_mut(&name) {
            Some(current) => current.write(version, body, key),
            None => {
                let mut current = Current::of(self.connection, table)?;
                current.write(version, body, key)?;
                self.current.insert(name, current);
                Ok(())
            }
        }
    }

    fn insert_version(
        &mut self,
        version: &Version,
        body: &Digest,
        [package, register, key]: [&str; 3],
        order: Order,
    ) -> Result<(), QueryError> {
        let number = signed(version.version);
        if order == Order::Any {
            let next = params![package, register, key, number.saturating_add(1)];
            self.connection.prepare_cached(JOIN)?.execute(next)?;
        }
        let gap = if order == Order::Next || number == 1 {
            false
        } else {
            let before = params![package, register, key, number.saturating_sub(1)];
            !self.connection.prepare_cached(HELD)?.exists(before)?
        };
        self.insert.execute(params![
            package,
            register,
            key,
            number,
            signed(version.by.time.0),
            signed(version.by.height.0),
            body.as_bytes().as_slice(),
            i64::from(gap),
        ])?;
        Ok(())
    }

    /// Fills current tables that are new from the version table.
    pub(crate) fn fill(&self, tables: &[Arc<Table>]) -> Result<(), QueryError> {
        for table in tables {
            let mut current = Current::of(self.connection, table)?;
            let sql = "SELECT key, max(version), body, height FROM version \
                       WHERE package = ?1 AND register = ?2 GROUP BY key";
            let mut statement = self.connection.prepare(sql)?;
            let mut rows = statement.query(params![table.package, table.register])?;
            while let Some(row) = rows.next()? {
                let (key, body): (String, Vec<u8>) = (row.get(0)?, row.get(2)?);
                let height = u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0);
                let body = Digest::from_slice(&body)
                    .ok_or_else(|| QueryError::damaged("a body's digest"))?;
                let version = read_version(self.history, &body, height)?;
                current.write(&version, &body, &key)?;
            }
        }
        Ok(())
    }
}

//! Writing versions into the tables.
//!
//! INVARIANT: the tables depend on which versions were applied, not on their order, so the model
//! can follow upwards and fill in older blocks downwards, and a rebuilt file equals a followed
//! one. A version row's `ended` is the next version's `began`; its `gap` is 1 while the version
//! before is not here; a current row is the highest version applied.

use std::sync::Arc;

use chaincity_history::{HistoryStore, StoredBlock};
use chaincity_package::json;
use chaincity_types::wire::{Correction, LogicalKey, Status, Version};
use chaincity_types::{Digest, Value};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use crate::QueryError;
use crate::column;
use crate::model::read_version;
use crate::schema::{Table, Tables, quoted};

/// What applying needs.
#[derive(Clone, Copy)]
pub(crate) struct Apply<'a> {
    /// Within a transaction.
    pub(crate) connection: &'a Connection,
    pub(crate) tables: &'a Tables,
    pub(crate) history: &'a dyn HistoryStore,
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

/// What a version corrects, as JSON text.
fn correction(corrects: &Correction) -> String {
    serde_json::json!({
        "version": corrects.version,
        "body": corrects.body.to_string(),
        "reason": corrects.reason,
        "basis": corrects.basis,
    })
    .to_string()
}

impl Apply<'_> {
    /// Applies the versions that a block wrote.
    pub(crate) fn block(&self, block: &StoredBlock) -> Result<(), QueryError> {
        for write in &block.writes {
            let height = block.block.header.height.0;
            let version = read_version(self.history, &write.body, height)?;
            self.version(&version, &write.body)?;
        }
        Ok(())
    }

    /// Applies one version; one that is not of a record is passed over.
    pub(crate) fn version(&self, version: &Version, body: &Digest) -> Result<(), QueryError> {
        let LogicalKey::Record { package, register, key } = &version.key else { return Ok(()) };
        let place = (package.clone(), register.clone());
        let table = self.tables.get(&place).filter(|table| table.version >= version.schema);
        let table = table.ok_or_else(|| QueryError::PackageBehind {
            package: package.clone(),
            version: version.schema,
        })?;
        self.insert_version(version, body, [package, register, key])?;
        self.upsert_current(table, version, body, key)
    }

    fn insert_version(
        &self,
        version: &Version,
        body: &Digest,
        [package, register, key]: [&String; 3],
    ) -> Result<(), QueryError> {
        let began_of = "SELECT began FROM version \
                        WHERE package = ?1 AND register = ?2 AND key = ?3 AND version = ?4";
        let number = signed(version.version);
        let mut began_of = self.connection.prepare_cached(began_of)?;
        let mut neighbour = |number: i64| {
            let place = params![package, register, key, number];
            began_of.query_row(place, |row| row.get::<_, i64>(0)).optional()
        };
        let ended = neighbour(number.saturating_add(1))?;
        let gap = number > 1 && neighbour(number.saturating_sub(1))?.is_none();
        let by = &version.by;
        let began = signed(by.time.0);
        let sql = "INSERT OR IGNORE INTO version VALUES \
                   (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19)";
        self.connection.prepare_cached(sql)?.execute(params![
            package,
            register,
            key,
            number,
            began,
            ended,
            status_number(version.status),
            version.schema,
            signed(by.height.0),
            by.transaction.as_bytes().as_slice(),
            by.call,
            by.operator,
            by.member,
            by.package,
            by.action,
            body.as_bytes().as_slice(),
            version.corrects.as_ref().map(correction),
            serde_json::Value::from(json::from_fields(&version.fields)).to_string(),
            i64::from(gap),
        ])?;
        let sql = "UPDATE version SET ended = ?5 \
                   WHERE package = ?1 AND register = ?2 AND key = ?3 AND version = ?4";
        let before = params![package, register, key, number.saturating_sub(1), began];
        self.connection.prepare_cached(sql)?.execute(before)?;
        let sql = "UPDATE version SET gap = 0 \
                   WHERE package = ?1 AND register = ?2 AND key = ?3 AND version = ?4";
        let after = params![package, register, key, number.saturating_add(1)];
        self.connection.prepare_cached(sql)?.execute(after)?;
        Ok(())
    }

    fn upsert_current(
        &self,
        table: &Table,
        version: &Version,
        body: &Digest,
        key: &str,
    ) -> Result<(), QueryError> {
        let mut names =
            ["_key", "_version", "_status", "_began", "_tx", "_body"].map(str::to_owned).to_vec();
        names.extend(table.columns.iter().map(|column| quoted(&column.field)));
        let marks: Vec<String> = (1..=names.len()).map(|at| format!("?{at}")).collect();
        let sets: Vec<String> =
            names.iter().skip(1).map(|name| format!("{name} = excluded.{name}")).collect();
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT (_key) DO UPDATE SET {} \
             WHERE excluded._version > _version",
            table.sql_name(),
            names.join(", "),
            marks.join(", "),
            sets.join(", "),
        );
        let mut values = vec![
            Sql::Text(key.to_owned()),
            Sql::Integer(signed(version.version)),
            Sql::Integer(status_number(version.status)),
            Sql::Integer(signed(version.by.time.0)),
            Sql::Blob(version.by.transaction.as_bytes().to_vec()),
            Sql::Blob(body.as_bytes().to_vec()),
        ];
        for column in &table.columns {
            let value = version.fields.get(&column.field).unwrap_or(&Value::Null);
            // A value of an older schema's type is not found by this column.
            values.push(column::to_sql(&column.kind, value).unwrap_or(Sql::Null));
        }
        self.connection.prepare_cached(&sql)?.execute(params_from_iter(values))?;
        Ok(())
    }

    /// Fills current tables that are new from the version table.
    pub(crate) fn fill(&self, tables: &[Arc<Table>]) -> Result<(), QueryError> {
        for table in tables {
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
                self.upsert_current(table, &version, &body, &key)?;
            }
        }
        Ok(())
    }
}

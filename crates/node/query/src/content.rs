//! What a file holds, in one digest: equal for equal rows, wherever they lie in the file and
//! whatever numbers its registers have.

use chaincity_crypto::suite;
use chaincity_types::Digest;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use crate::QueryError;
use crate::schema::quoted;

/// Digest chained over the rows of every table, tables by name, rows by their keys.
pub(crate) fn content(connection: &Connection) -> Result<Digest, QueryError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut digest = Digest::ZERO;
    for name in names.collect::<Result<Vec<_>, _>>()? {
        digest = suite::digest(&[digest.as_bytes(), name.as_bytes()]);
        let mut statement = connection.prepare(&rows_text(connection, &name)?)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mut bytes = digest.as_bytes().to_vec();
            for at in 0..columns {
                put_value(&mut bytes, row.get_ref(at)?);
            }
            digest = suite::digest(&[&bytes]);
        }
    }
    Ok(digest)
}

/// Selects the rows of a table in the order of their keys. A register's number follows from the
/// order in which packages came, so its name stands for it.
fn rows_text(connection: &Connection, name: &str) -> Result<String, QueryError> {
    let (number, from, order) = match name {
        "past" | "gap" => {
            let from = format!("layout CROSS JOIN {name} AS t ON t.register = layout.number");
            ("register", from, "layout.package, layout.register, t.key, t.version")
        }
        "layout" => ("number", "layout AS t".to_owned(), "t.package, t.register"),
        "meta" => ("", "meta AS t".to_owned(), "t.name"),
        // The members of a list: `package/register/index`.
        _ if name.matches('/').count() > 1 => {
            ("", format!("{} AS t", quoted(name)), "t._item, t._key")
        }
        _ => ("", format!("{} AS t", quoted(name)), "t._key"),
    };
    let sql = "SELECT name FROM pragma_table_info(?1) WHERE name <> ?2 ORDER BY name";
    let mut statement = connection.prepare(sql)?;
    let columns = statement.query_map(params![name, number], |row| row.get::<_, String>(0))?;
    let columns = columns.map(|name| name.map(|name| format!("t.{}", quoted(&name))));
    let columns = columns.collect::<Result<Vec<_>, _>>()?.join(", ");
    Ok(format!("SELECT {order}, {columns} FROM {from} ORDER BY {order}"))
}

fn put_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    let (kind, bytes) = match value {
        ValueRef::Null => (0, Vec::new()),
        ValueRef::Integer(n) => (1, n.to_be_bytes().to_vec()),
        ValueRef::Real(x) => (2, x.to_be_bytes().to_vec()),
        ValueRef::Text(text) => (3, text.to_vec()),
        ValueRef::Blob(blob) => (4, blob.to_vec()),
    };
    out.push(kind);
    out.extend(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
    out.extend(bytes);
}

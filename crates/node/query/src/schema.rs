//! The tables: what each holds, and how a package's registers become current tables.
//!
//! Names in SQL come from compiled packages alone, never from a request, and are quoted; values
//! are always parameters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chaincity_package::model::{FieldType, Index, Package, Register};
use chaincity_types::Str;
use rusqlite::{Connection, OptionalExtension, params};

use crate::QueryError;
use crate::column::{self, Affinity};

/// Number of this layout; a file with another one is rebuilt.
pub(crate) const LAYOUT: i64 = 5;
/// `CHRM` in ASCII, so that the file can be told from other SQLite files.
pub(crate) const APPLICATION: i64 = 0x4348_524d;

/// Tables that every read model has.
pub(crate) const FIXED: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE layout (
  number INTEGER PRIMARY KEY, package TEXT NOT NULL, register TEXT NOT NULL,
  version INTEGER NOT NULL, columns TEXT NOT NULL, indexes TEXT NOT NULL,
  UNIQUE (package, register)
) STRICT;
CREATE TABLE past (
  register INTEGER NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL,
  began INTEGER NOT NULL, height INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (register, key, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE gap (
  register INTEGER NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL,
  began INTEGER NOT NULL, height INTEGER NOT NULL,
  PRIMARY KEY (register, key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX gap_began ON gap (register, began);
";

/// Between the name of an index and the field of whose list each member finds a record.
const EACH_OF: &str = ": each of ";

/// Columns of a current table that are not fields. Rows lie in the order of writing and the key
/// has an index of its own: a new row with a random key then changes a page of that index, which
/// is small, and not one of the table, which is not.
const OWN: &str = "_key TEXT NOT NULL PRIMARY KEY, _version INTEGER NOT NULL, \
                   _status INTEGER NOT NULL, _began INTEGER NOT NULL, _height INTEGER NOT NULL, \
                   _body BLOB NOT NULL";

/// Their names.
const OWN_NAMES: [&str; 6] = ["_key", "_version", "_status", "_began", "_height", "_body"];

/// A column of a current table.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) field: String,
    pub(crate) kind: FieldType,
    pub(crate) optional: bool,
    affinity: Affinity,
}

impl Column {
    /// Of a listed field: what the list holds, by which its members are found.
    pub(crate) fn member(&self) -> Option<&FieldType> {
        if let FieldType::List(of, _) = &self.kind { Some(of) } else { None }
    }
}

/// A declared index.
#[derive(Clone, Debug)]
struct Indexed {
    fields: Vec<String>,
    /// Whether it leaves out the records without its first field. Of an index for lists with further
    /// fields: nobody narrows by them what has none of the first, and most records may have none
    /// (whoever has a task, say).
    sparse: bool,
}

impl Indexed {
    fn leads(&self, field: &str) -> bool {
        self.fields.first().is_some_and(|first| first == field)
    }
}

/// A field with a list, by each of whose members live records are found, and the table in which they
/// stand, a row for each member.
#[derive(Clone, Debug)]
pub(crate) struct Members {
    pub(crate) field: String,
    /// The table's name, quoted: `package/register/index`.
    pub(crate) name: String,
    /// Adds, and takes away, the record (`?2`) of a member (`?1`).
    pub(crate) add: String,
    pub(crate) remove: String,
}

/// A current table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) package: String,
    pub(crate) register: String,
    /// Version of the package that declared it.
    pub(crate) version: u32,
    pub(crate) columns: Vec<Column>,
    /// The declared indexes whose fields all have columns with an order.
    indexes: BTreeMap<String, Indexed>,
    /// The lists whose members find records, by index.
    lists: BTreeMap<String, Members>,
    /// Stands for the register in the tables that all registers share.
    pub(crate) number: i64,
    /// Writes a record's first row, if it has none. Parameters are in the order of columns:
    /// [`OWN`], then fields.
    pub(crate) insert: String,
    /// With the same parameters, writes over the row of a record whose indexed fields have the
    /// same values, and with lists whose status is the same, so that no index and no list is touched;
    /// otherwise changes nothing. Only with indexes or lists.
    pub(crate) renew: Option<String>,
    /// With the same parameters, writes over the row of a record.
    pub(crate) replace: String,
    /// Copies the row of a record (`?1`) to `past` if it is of this version (`?2`).
    pub(crate) supersede: String,
    /// The row of a record (`?1`): key, version, began, height, body.
    pub(crate) newest: String,
}

/// Every current table.
pub(crate) type Tables = BTreeMap<(Str, Str), Arc<Table>>;

/// An identifier, quoted.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    fn of(package: &Package, register: &Register, number: i64) -> Result<Self, QueryError> {
        let mut columns: Vec<Column> = Vec::new();
        for (name, field) in &register.fields {
            let listed = register.indexes.values().any(|index| finds_members(index, name));
            let Some(affinity) = column::affinity(&field.kind, listed) else { continue };
            // SQLite does not tell upper from lower case in names.
            let taken = columns.iter().any(|column| column.field.eq_ignore_ascii_case(name));
            if taken || name.starts_with('_') || name.contains('\0') {
                let place = format!("`{}` of `{}`", register.name, package.id);
                return Err(QueryError::damaged(format!("field `{name}` of {place} is unusable")));
            }
            columns.push(Column {
                field: name.to_string(),
                kind: field.kind.clone(),
                optional: field.optional,
                affinity,
            });
        }
        let column = |field: &Str| columns.iter().find(|column| column.field == *field);
        let ordered = |field: &Str| column(field).is_some_and(|column| column.member().is_none());
        let indexes = register
            .indexes
            .values()
            .filter(|index| index.fields.iter().all(ordered))
            .map(|index| {
                let first = index.fields.first().and_then(column);
                let sparse = index.for_lists
                    && index.fields.len() > 1
                    && first.is_some_and(|column| column.optional);
                let fields = index.fields.iter().map(Into::into).collect();
                (index.name.to_string(), Indexed { fields, sparse })
            })
            .collect();
        let place = format!("{}/{}", package.id, register.name);
        let listed = |column: &Column| {
            let mut indexes = register.indexes.values();
            let index = indexes.find(|index| finds_members(index, &column.field))?;
            Some((index.name.to_string(), Members::of(&column.field, &place, index.name.as_str())))
        };
        let lists = columns.iter().filter(|column| column.member().is_some()).filter_map(listed);
        let lists = lists.collect();
        let mut table = Self {
            package: package.id.to_string(),
            register: register.name.to_string(),
            version: package.version,
            columns,
            indexes,
            lists,
            number,
            insert: String::new(),
            renew: None,
            replace: String::new(),
            supersede: String::new(),
            newest: String::new(),
        };
        table.write_texts();
        Ok(table)
    }

    /// Every column with the number of its parameter.
    fn numbered(&self) -> impl Iterator<Item = (usize, String)> {
        let fields = self.columns.iter().map(|column| quoted(&column.field));
        (1..).zip(OWN_NAMES.map(str::to_owned).into_iter().chain(fields))
    }

    fn write_texts(&mut self) {
        let (table, number) = (self.sql_name(), self.number);
        let names: Vec<_> = self.numbered().map(|(_, name)| name).collect();
        let marks: Vec<_> = self.numbered().map(|(at, _)| format!("?{at}")).collect();
        let (names, marks) = (names.join(", "), marks.join(", "));
        self.insert =
            format!("INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT (_key) DO NOTHING");
        self.replace = self.update_text(&BTreeSet::new());
        let indexed = self.indexes.values().flat_map(|index| &index.fields);
        let listed = self.lists.values().map(|listed| &listed.field);
        let mut same: BTreeSet<_> = indexed.chain(listed).map(|field| quoted(field)).collect();
        if !self.lists.is_empty() {
            same.insert("_status".to_owned());
        }
        self.renew = (!same.is_empty()).then(|| self.update_text(&same));
        self.supersede = format!(
            "INSERT OR IGNORE INTO past SELECT {number}, _key, _version, _began, _height, _body \
             FROM {table} WHERE _key = ?1 AND _version = ?2"
        );
        self.newest =
            format!("SELECT _key, _version, _began, _height, _body FROM {table} WHERE _key = ?1");
    }

    /// Writes over a row whose columns in `same` have these very values.
    fn update_text(&self, same: &BTreeSet<String>) -> String {
        let (same, set): (Vec<_>, Vec<_>) =
            self.numbered().skip(1).partition(|(_, name)| same.contains(name));
        let set: Vec<_> = set.into_iter().map(|(at, name)| format!("{name} = ?{at}")).collect();
        let same: String =
            same.into_iter().map(|(at, name)| format!(" AND {name} IS ?{at}")).collect();
        let (table, set) = (self.sql_name(), set.join(", "));
        format!("UPDATE {table} SET {set} WHERE _key = ?1{same}")
    }

    /// The table's name, quoted: `package/register`.
    pub(crate) fn sql_name(&self) -> String {
        quoted(&format!("{}/{}", self.package, self.register))
    }

    /// The column of a field that has an order.
    pub(crate) fn column(&self, field: &str) -> Option<&Column> {
        let mut columns = self.columns.iter().filter(|column| column.member().is_none());
        columns.find(|column| column.field == field)
    }

    /// The list in a field, and what its members are.
    pub(crate) fn list(&self, field: &str) -> Option<(&Members, &FieldType)> {
        let listed = self.lists.values().find(|listed| listed.field == field)?;
        let column = self.columns.iter().find(|column| column.field == field)?;
        Some((listed, column.member()?))
    }

    /// The lists with their columns.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (&Members, &FieldType)> {
        self.lists.values().filter_map(move |listed| self.list(&listed.field))
    }

    /// Whether an index begins with this field, and holds the records without it too.
    pub(crate) fn leads_index(&self, field: &str) -> bool {
        self.indexes.values().any(|index| index.leads(field) && !index.sparse)
    }

    /// Whether an index begins with this field, and holds the records that have it.
    pub(crate) fn leads_any_index(&self, field: &str) -> bool {
        self.indexes.values().any(|index| index.leads(field))
    }

    fn columns_text(&self) -> String {
        let column = |c: &Column| format!("{} {}", quoted(&c.field), c.affinity.sql());
        self.columns.iter().map(column).collect::<Vec<_>>().join(", ")
    }

    fn indexes_text(&self) -> String {
        let index = |(name, index): (&String, &Indexed)| {
            let fields: Vec<_> = index.fields.iter().map(|field| quoted(field)).collect();
            format!("{}: {}", quoted(name), fields.join(", "))
        };
        let list = |(name, listed): (&String, &Members)| {
            format!("{}{EACH_OF}{}", quoted(name), quoted(&listed.field))
        };
        let indexes = self.indexes.iter().map(index).chain(self.lists.iter().map(list));
        indexes.collect::<Vec<_>>().join("; ")
    }

    fn create(&self, connection: &Connection) -> Result<(), QueryError> {
        let fields = self.columns_text();
        let comma = if fields.is_empty() { "" } else { ", " };
        let name = self.sql_name();
        let sql = format!("CREATE TABLE {name} ({OWN}{comma}{fields}) STRICT");
        connection.execute_batch(&sql)?;
        for listed in self.lists.values() {
            let sql = format!(
                "CREATE TABLE {} (_item ANY NOT NULL, _key TEXT NOT NULL, \
                 PRIMARY KEY (_item, _key)) STRICT, WITHOUT ROWID",
                listed.name
            );
            connection.execute_batch(&sql)?;
        }
        self.create_indexes(connection)
    }

    fn create_indexes(&self, connection: &Connection) -> Result<(), QueryError> {
        for (name, Indexed { fields, sparse }) in &self.indexes {
            let index = quoted(&format!("{}/{}/{name}", self.package, self.register));
            let fields: Vec<_> = fields.iter().map(|field| quoted(field)).collect();
            let held = match fields.first() {
                Some(first) if *sparse => format!(" WHERE {first} IS NOT NULL"),
                _ => String::new(),
            };
            let (table, fields) = (self.sql_name(), fields.join(", "));
            let sql =
                format!("CREATE INDEX IF NOT EXISTS {index} ON {table} ({fields}, _key){held}");
            connection.execute_batch(&sql)?;
        }
        Ok(())
    }
}

impl Members {
    fn of(field: &str, place: &str, index: &str) -> Self {
        let name = quoted(&format!("{place}/{index}"));
        let add = format!("INSERT OR IGNORE INTO {name} VALUES (?1, ?2)");
        let remove = format!("DELETE FROM {name} WHERE _item = ?1 AND _key = ?2");
        Self { field: field.to_owned(), name, add, remove }
    }
}

/// Whether an index finds records by each member of the list in this field.
fn finds_members(index: &Index, field: &str) -> bool {
    index.for_lists && matches!(index.fields.as_slice(), [only] if only.as_str() == field)
}

/// What must be done to a current table so that it fits its declaration.
enum Change {
    Nothing,
    /// New fields at the end of the declaration's old ones: no record has them yet.
    Add(Vec<Column>),
    /// Made anew, and filled from the one that it was.
    Remake,
}

/// A current table that was made anew, and is to be filled.
#[derive(Debug)]
pub(crate) struct Remade {
    pub(crate) table: Arc<Table>,
    /// The table that it was, quoted.
    pub(crate) was: String,
}

/// What the file says of a current table.
struct Stored {
    number: i64,
    version: u32,
    columns: String,
    indexes: String,
}

fn stored(
    connection: &Connection,
    package: &Package,
    register: &Register,
) -> Result<Option<Stored>, QueryError> {
    let sql = "SELECT number, version, columns, indexes FROM layout \
               WHERE package = ?1 AND register = ?2";
    let row = connection.query_row(sql, params![&*package.id, &*register.name], |row| {
        let (number, version) = (row.get(0)?, row.get(1)?);
        Ok(Stored { number, version, columns: row.get(2)?, indexes: row.get(3)? })
    });
    Ok(row.optional()?)
}

fn next_number(connection: &Connection) -> Result<i64, QueryError> {
    let sql = "SELECT coalesce(max(number), 0) + 1 FROM layout";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// The lists among the indexes of a layout.
fn lists_in(indexes: &str) -> Vec<&str> {
    indexes.split("; ").filter(|index| index.contains(EACH_OF)).collect()
}

fn change(stored: &Stored, table: &Table) -> Change {
    if stored.columns == table.columns_text() && stored.indexes == table.indexes_text() {
        return Change::Nothing;
    }
    let held: Vec<&str> = stored.columns.split(", ").filter(|text| !text.is_empty()).collect();
    let texts = table.columns.iter().map(|c| format!("{} {}", quoted(&c.field), c.affinity.sql()));
    let texts: Vec<String> = texts.collect();
    let kept = held.iter().all(|text| texts.iter().any(|other| other == text));
    // An index may go or come with a field that records already have: then made anew. Likewise a
    // list, whose table would not have what records have.
    if !kept || lists_in(&stored.indexes) != lists_in(&table.indexes_text()) {
        return Change::Remake;
    }
    let added = table.columns.iter().zip(&texts);
    let added = added.filter(|(_, text)| !held.contains(&text.as_str()));
    Change::Add(added.map(|(column, _)| column.clone()).collect())
}

/// Makes the current tables fit the packages, within the caller's transaction. Gives all tables
/// and those that must be filled.
///
/// A package older than the one a table follows changes nothing.
///
/// # Errors
/// When SQLite fails, or a field's name cannot be a column.
pub(crate) fn sync(
    connection: &Connection,
    packages: &[Arc<Package>],
) -> Result<(Tables, Vec<Remade>), QueryError> {
    let (mut tables, mut remade) = (Tables::new(), Vec::new());
    for package in packages {
        for register in package.registers.values() {
            let stored = stored(connection, package, register)?;
            let number = match &stored {
                Some(stored) => stored.number,
                None => next_number(connection)?,
            };
            let table = Arc::new(Table::of(package, register, number)?);
            match stored {
                None => table.create(connection)?,
                Some(stored) if stored.version > table.version => {
                    return Err(QueryError::PackageBehind {
                        package: package.id.to_string(),
                        version: stored.version,
                    });
                }
                Some(stored) => remade.extend(alter(connection, &stored, &table)?),
            }
            let sql = "INSERT OR REPLACE INTO layout VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let (columns, indexes) = (table.columns_text(), table.indexes_text());
            let row =
                params![number, table.package, table.register, table.version, columns, indexes];
            connection.execute(sql, row)?;
            tables.insert((table.package.as_str().into(), table.register.as_str().into()), table);
        }
    }
    Ok((tables, remade))
}

/// Makes a current table that the file has fit its declaration.
fn alter(
    connection: &Connection,
    stored: &Stored,
    table: &Arc<Table>,
) -> Result<Option<Remade>, QueryError> {
    let name = table.sql_name();
    match change(stored, table) {
        Change::Nothing => Ok(None),
        Change::Add(columns) => {
            for c in columns {
                let (field, kind) = (quoted(&c.field), c.affinity.sql());
                let sql = format!("ALTER TABLE {name} ADD COLUMN {field} {kind}");
                connection.execute_batch(&sql)?;
            }
            drop_indexes(connection, table)?;
            table.create_indexes(connection)?;
            Ok(None)
        }
        Change::Remake => {
            // Indexes go first: they would keep their names.
            drop_indexes(connection, table)?;
            drop_lists(connection, table)?;
            let was = quoted(&format!("{}/{} as it was", table.package, table.register));
            connection.execute_batch(&format!("ALTER TABLE {name} RENAME TO {was}"))?;
            table.create(connection)?;
            Ok(Some(Remade { table: Arc::clone(table), was }))
        }
    }
}

/// Drops the indexes of a table that its declaration no longer has, or has with other fields.
fn drop_indexes(connection: &Connection, table: &Table) -> Result<(), QueryError> {
    let sql =
        "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND sql NOTNULL";
    let name = format!("{}/{}", table.package, table.register);
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map([name], |row| row.get::<_, String>(0))?;
    for name in names.collect::<Result<Vec<_>, _>>()? {
        connection.execute_batch(&format!("DROP INDEX {}", quoted(&name)))?;
    }
    Ok(())
}

/// Drops the tables of a table's lists.
fn drop_lists(connection: &Connection, table: &Table) -> Result<(), QueryError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND instr(name, ?1) = 1";
    let place = format!("{}/{}/", table.package, table.register);
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map([place], |row| row.get::<_, String>(0))?;
    for name in names.collect::<Result<Vec<_>, _>>()? {
        connection.execute_batch(&format!("DROP TABLE {}", quoted(&name)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chaincity_package::model::{Field, Text};

    use super::*;

    /// Trees that a statement writes to. One through which it finds the row is opened to write
    /// too, so that counts for nothing.
    fn written(connection: &Connection, sql: &str) -> usize {
        let mut statement = connection.prepare(&format!("EXPLAIN {sql}")).unwrap();
        let steps = statement.raw_query().mapped(|row| {
            let (code, cursor): (String, i64) = (row.get("opcode")?, row.get("p1")?);
            Ok((code, cursor))
        });
        let writes = ["Insert", "Delete", "IdxInsert", "IdxDelete"];
        let steps = steps.map(Result::unwrap).filter(|(code, _)| writes.contains(&code.as_str()));
        steps.map(|(_, cursor)| cursor).collect::<BTreeSet<_>>().len()
    }

    #[test]
    fn a_version_that_leaves_indexed_fields_alone_touches_no_index() {
        let field = |kind| Field { kind, optional: true, title: Text::default() };
        let index = Index {
            name: "by-area".into(),
            fields: vec!["area".into()],
            unique: false,
            for_lists: false,
        };
        let register = Register {
            name: "unit".into(),
            fields: [("area", FieldType::Area), ("name", FieldType::Text(9))]
                .map(|(name, kind)| (name.into(), field(kind)))
                .into(),
            indexes: [("by-area".into(), index)].into(),
            ..Register::default()
        };
        let package = Arc::new(Package {
            id: "test".into(),
            version: 1,
            registers: [("unit".into(), register)].into(),
            ..Package::default()
        });
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(FIXED).unwrap();
        let (tables, _) = sync(&connection, &[package]).unwrap();
        let table = tables.values().next().unwrap();
        // The table, its keys, its index.
        assert_eq!(written(&connection, &table.insert), 3);
        assert_eq!(written(&connection, &table.replace), 2);
        assert_eq!(written(&connection, &table.supersede), 1);
        assert_eq!(written(&connection, table.renew.as_ref().unwrap()), 1);
    }
}

//! Selecting current records: conditions, order, pages.
//!
//! **Which conditions.** On `_key` and on every field that has an order. One of them must be a
//! way in: any comparison but *not equal* on `_key` or on the first field of a declared index (of an
//! index that leaves out records without that field, not with null). Others narrow what it finds.
//! *Has* is of a list with an index over its members, and a way in; it finds live records alone. A selection with conditions and no way in is refused with
//! `filter-not-indexed` rather than answered by reading a whole register. Without conditions a
//! register is read in order, page by page.
//!
//! **Which order.** By `_key` always; by the first field of a declared index always; by other
//! fields when an equality is the way in, because what it finds is bounded by the ledger
//! (`INDEX_ENTRY_MAX` live records). What a list's member finds is not, and is sorted by `_key` alone. Records with equal values follow each other by key, so the
//! order is total and a page goes on exactly where the one before ended.
//!
//! **What is served.** Only versions read from the history by digest and found to fit the
//! conditions; the tables merely find them.

use chaincity_crypto::suite;
use chaincity_types::wire::{LogicalKey, Status, Version};
use chaincity_types::{Digest, Height, Value, cbor};
use minicbor::{Decode, Encode};
use rusqlite::params_from_iter;
use rusqlite::types::Value as Sql;

use crate::apply::status_number;
use crate::model::{Followed, followed};
use crate::schema::{Table, quoted};
use crate::{QueryError, ReadModel, column};

/// Most records in one page.
pub const LIMIT_MAX: usize = 500;
/// Most conditions in one selection.
const FILTERS_MAX: usize = 16;
/// Most fields to sort by.
const SORTS_MAX: usize = 3;
/// Longest cursor, in characters.
const CURSOR_MAX: usize = 4_096;
/// The name under which a record's key is compared and sorted.
const KEY: &str = "_key";

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Equal; of null: absent.
    Eq,
    /// Not equal; absent values count as not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Text that begins so.
    Prefix,
    /// A list that has this member.
    Has,
}

/// A condition on a declared field, or on `_key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The field.
    pub field: String,
    /// The comparison.
    pub op: Op,
    /// The value to compare with, of the field's type.
    pub value: Value,
}

/// Ascending or descending. Absent values come before all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// Which records by their status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusFilter {
    /// Those in force.
    #[default]
    Live,
    /// Those closed.
    Closed,
    /// Both.
    Any,
}

impl StatusFilter {
    const fn number(self) -> Option<i64> {
        match self {
            Self::Live => Some(status_number(Status::Live)),
            Self::Closed => Some(status_number(Status::Closed)),
            Self::Any => None,
        }
    }

    /// Whether a record of this status is wanted.
    #[must_use]
    pub fn wants(self, status: Status) -> bool {
        self.number().is_none_or(|number| number == status_number(status))
    }
}

/// Which current records of a register are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    /// Package.
    pub package: String,
    /// Register.
    pub register: String,
    /// All must hold; at most 16.
    pub filters: Vec<Filter>,
    /// Live, closed or both.
    pub status: StatusFilter,
    /// Fields to sort by, at most 3; by key when empty.
    pub sort: Vec<(String, Direction)>,
    /// Most records, 1 to [`LIMIT_MAX`].
    pub limit: usize,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}

/// A page of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Their current versions.
    pub items: Vec<Version>,
    /// Where the page ended, when there is more.
    pub next: Option<String>,
    /// Height up to which the history was followed; `None` before the first block.
    pub height: Option<Height>,
}

/// Where a page ended.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Cursor {
    /// Digest of the selection it belongs to.
    #[n(1)]
    selection: Digest,
    /// Sort values of the last record, and its key.
    #[n(2)]
    values: Vec<Mark>,
}

/// A column's value in a cursor.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
enum Mark {
    #[n(0)]
    Null,
    #[n(1)]
    Integer(#[n(0)] i64),
    #[n(2)]
    Text(#[n(0)] String),
    #[n(3)]
    Blob(
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        Vec<u8>,
    ),
}

impl Mark {
    fn of(value: &Sql) -> Self {
        match value {
            Sql::Null | Sql::Real(_) => Self::Null,
            Sql::Integer(n) => Self::Integer(*n),
            Sql::Text(text) => Self::Text(text.clone()),
            Sql::Blob(bytes) => Self::Blob(bytes.clone()),
        }
    }

    fn into_sql(self) -> Sql {
        match self {
            Self::Null => Sql::Null,
            Self::Integer(n) => Sql::Integer(n),
            Self::Text(text) => Sql::Text(text),
            Self::Blob(bytes) => Sql::Blob(bytes),
        }
    }
}

/// A field's value in a version, as its column holds it.
fn column_value(table: &Table, version: &Version, field: &str) -> Option<Sql> {
    if field == KEY {
        let LogicalKey::Record { key, .. } = &version.key else { return None };
        return Some(Sql::Text(key.to_string()));
    }
    let value = version.fields.get(field).unwrap_or(&Value::Null);
    // As in applying: a value of an older schema's type is not in the column.
    Some(column::to_sql(&table.column(field)?.kind, value).unwrap_or(Sql::Null))
}

/// A condition with its value as the column holds it.
pub(crate) struct Condition {
    field: String,
    op: Op,
    value: Sql,
}

impl Condition {
    /// Reads a condition by the table's declaration.
    pub(crate) fn of(table: &Table, filter: &Filter) -> Result<Self, QueryError> {
        let bad = || QueryError::BadCondition { field: filter.field.clone() };
        let unknown = || QueryError::UnknownField { field: filter.field.clone() };
        let value = if filter.op == Op::Has {
            let (_, member) = table.list(&filter.field).ok_or_else(unknown)?;
            column::to_sql(member, &filter.value).ok_or_else(bad)?
        } else if filter.field == KEY {
            filter.value.as_text().map(|text| Sql::Text(text.to_owned())).ok_or_else(bad)?
        } else {
            let column = table.column(&filter.field).ok_or_else(unknown)?;
            column::to_sql(&column.kind, &filter.value).ok_or_else(bad)?
        };
        let fits = match filter.op {
            Op::Eq | Op::Ne => true,
            Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Has => value != Sql::Null,
            Op::Prefix => matches!(value, Sql::Text(_)),
        };
        if !fits {
            return Err(bad());
        }
        Ok(Self { field: filter.field.clone(), op: filter.op, value })
    }

    /// Whether a version fits, by the same rules as SQLite's.
    pub(crate) fn holds(&self, table: &Table, version: &Version) -> bool {
        if self.op == Op::Has {
            let list = version.fields.get(self.field.as_str()).unwrap_or(&Value::Null);
            let member = table.list(&self.field).map(|(_, member)| member);
            return member.is_some_and(|of| column::members(of, list).contains(&self.value));
        }
        let Some(value) = column_value(table, version, &self.field) else { return false };
        let order = compare(&value, &self.value);
        match self.op {
            Op::Eq => value == self.value,
            Op::Ne => value != self.value,
            Op::Lt => order.is_some_and(std::cmp::Ordering::is_lt),
            Op::Le => order.is_some_and(std::cmp::Ordering::is_le),
            Op::Gt => order.is_some_and(std::cmp::Ordering::is_gt),
            Op::Ge => order.is_some_and(std::cmp::Ordering::is_ge),
            Op::Prefix => match (&value, &self.value) {
                (Sql::Text(text), Sql::Text(prefix)) => text.starts_with(prefix),
                _ => false,
            },
            Op::Has => false,
        }
    }

    /// Whether the condition finds records through the key or an index.
    fn is_way_in(&self, table: &Table) -> bool {
        match self.op {
            Op::Has => true,
            Op::Ne => false,
            Op::Eq if self.value == Sql::Null => table.leads_index(&self.field),
            Op::Eq | Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Prefix => {
                self.field == KEY || table.leads_any_index(&self.field)
            }
        }
    }

    fn sql(&self, table: &Table, sql: &mut Builder) {
        let name = quoted(&self.field);
        match self.op {
            Op::Eq if self.value == Sql::Null => sql.push(&format!("{name} IS NULL")),
            Op::Eq => sql.compare(&name, "=", &self.value),
            Op::Ne => sql.compare(&name, "IS NOT", &self.value),
            Op::Lt => sql.compare(&name, "<", &self.value),
            Op::Le => sql.compare(&name, "<=", &self.value),
            Op::Gt => sql.compare(&name, ">", &self.value),
            Op::Ge => sql.compare(&name, ">=", &self.value),
            Op::Prefix => {
                sql.compare(&name, ">=", &self.value);
                if let Sql::Text(prefix) = &self.value {
                    sql.push(" AND ");
                    // No text that begins so comes after the prefix and the last code point,
                    // but for one that goes on with that very code point, which is no character.
                    sql.compare(&name, "<", &Sql::Text(format!("{prefix}\u{10FFFF}")));
                }
            }
            Op::Has => {
                let list = table.list(&self.field).map(|(listed, _)| listed.name.as_str());
                let list = list.unwrap_or_default();
                let key = format!("{}._key", table.sql_name());
                sql.push(&format!("EXISTS (SELECT 1 FROM {list} AS l WHERE l._key = {key} AND "));
                sql.compare("l._item", "=", &self.value);
                sql.push(")");
            }
        }
    }
}

/// The order of two values of one column; none when one is absent.
fn compare(a: &Sql, b: &Sql) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Sql::Integer(a), Sql::Integer(b)) => Some(a.cmp(b)),
        (Sql::Text(a), Sql::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Sql::Blob(a), Sql::Blob(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// SQL in the making, with its parameters.
#[derive(Default)]
struct Builder {
    text: String,
    values: Vec<Sql>,
}

impl Builder {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn compare(&mut self, name: &str, operator: &str, value: &Sql) {
        self.values.push(value.clone());
        self.text.push_str(&format!("{name} {operator} ?{}", self.values.len()));
    }
}

/// A selection, checked.
struct Plan<'a> {
    table: &'a Table,
    conditions: Vec<Condition>,
    status: StatusFilter,
    /// Ends with `_key`.
    sort: Vec<(String, Direction)>,
    after: Option<Vec<Sql>>,
    selection: Digest,
    limit: usize,
}

impl<'a> Plan<'a> {
    fn of(table: &'a Table, select: &Select) -> Result<Self, QueryError> {
        let too_many = |what, max| Err(QueryError::TooMany { what, max });
        if select.limit == 0 || select.limit > LIMIT_MAX {
            return too_many("records a page, or none", LIMIT_MAX);
        }
        if select.filters.len() > FILTERS_MAX {
            return too_many("conditions", FILTERS_MAX);
        }
        if select.sort.len() > SORTS_MAX {
            return too_many("fields to sort by", SORTS_MAX);
        }
        let conditions: Vec<_> =
            select.filters.iter().map(|f| Condition::of(table, f)).collect::<Result<_, _>>()?;
        let has = conditions.iter().any(|c| c.op == Op::Has);
        let closed = has && select.status != StatusFilter::Live;
        if closed || !(conditions.is_empty() || conditions.iter().any(|c| c.is_way_in(table))) {
            return Err(QueryError::FilterNotIndexed);
        }
        let sort = Self::sort(table, select, &conditions)?;
        let selection = fingerprint(select);
        let after = match &select.cursor {
            Some(text) => Some(read_cursor(text, &selection, sort.len())?),
            None => None,
        };
        let (status, limit) = (select.status, select.limit);
        Ok(Self { table, conditions, status, sort, after, selection, limit })
    }

    fn sort(
        table: &Table,
        select: &Select,
        conditions: &[Condition],
    ) -> Result<Vec<(String, Direction)>, QueryError> {
        let bounded = conditions.iter().any(|c| c.op == Op::Eq && c.is_way_in(table));
        let mut sort: Vec<(String, Direction)> = Vec::new();
        for (field, direction) in &select.sort {
            if field != KEY && table.column(field).is_none() {
                return Err(QueryError::UnknownField { field: field.clone() });
            }
            let first = sort.is_empty();
            let ordered = first && (field == KEY || table.leads_index(field));
            if !bounded && !ordered && sort.last().is_none_or(|(last, _)| last != KEY) {
                return Err(QueryError::SortNotIndexed { field: field.clone() });
            }
            sort.push((field.clone(), *direction));
        }
        // Equal values follow by key, in the direction of the last field, so that one index
        // serves the whole order.
        let last = sort.last().map_or(Direction::Ascending, |(_, direction)| *direction);
        if !sort.iter().any(|(field, _)| field == KEY) {
            sort.push((KEY.to_owned(), last));
        }
        // Nothing can follow the key: it is unique.
        let end = sort.iter().position(|(field, _)| field == KEY);
        sort.truncate(end.map_or(usize::MAX, |at| at.saturating_add(1)));
        Ok(sort)
    }

    /// The member of a list through which records are found: one, if no equality finds them.
    fn lead(&self) -> Option<usize> {
        let equals = |c: &Condition| c.op == Op::Eq && c.is_way_in(self.table);
        let has = self.conditions.iter().position(|c| c.op == Op::Has);
        has.filter(|_| !self.conditions.iter().any(equals))
    }

    fn sql(&self) -> Builder {
        let mut sql = Builder::default();
        sql.push("SELECT _key, _version, _body FROM ");
        let lead = self.lead();
        let condition = lead.and_then(|at| self.conditions.get(at));
        let list = condition.and_then(|condition| self.table.list(&condition.field));
        if let Some((listed, _)) = list {
            // The order of a cross join is SQLite's own: members first, which lie by key.
            sql.push(&format!("{} CROSS JOIN ", listed.name));
        }
        sql.push(&self.table.sql_name());
        if list.is_some() {
            sql.push(" USING (_key)");
        }
        let mut word = " WHERE ";
        let mut and = |sql: &mut Builder| {
            sql.push(word);
            word = " AND ";
        };
        for (at, condition) in self.conditions.iter().enumerate() {
            and(&mut sql);
            if lead == Some(at) {
                sql.compare("_item", "=", &condition.value);
            } else {
                condition.sql(self.table, &mut sql);
            }
        }
        if let Some(status) = self.status.number() {
            and(&mut sql);
            sql.compare("_status", "=", &Sql::Integer(status));
        }
        if let Some(after) = &self.after {
            and(&mut sql);
            self.after(&mut sql, after);
        }
        let order: Vec<_> = self
            .sort
            .iter()
            .map(|(field, direction)| {
                let word = match direction {
                    Direction::Ascending => "ASC",
                    Direction::Descending => "DESC",
                };
                format!("{} {word}", quoted(field))
            })
            .collect();
        let more = self.limit.saturating_add(1);
        sql.push(&format!(" ORDER BY {} LIMIT {more}", order.join(", ")));
        sql
    }

    /// What comes after the values of the last record, in the order of the sort.
    fn after(&self, sql: &mut Builder, after: &[Sql]) {
        if let (Some((field, direction)), Some(value)) = (self.sort.first(), after.first()) {
            let optional = self.table.column(field).is_some_and(|column| column.optional);
            // A bound on the first field, so that the index is entered there.
            match direction {
                _ if *value == Sql::Null => {}
                Direction::Ascending => {
                    sql.compare(&quoted(field), ">=", value);
                    sql.push(" AND ");
                }
                Direction::Descending if !optional => {
                    sql.compare(&quoted(field), "<=", value);
                    sql.push(" AND ");
                }
                Direction::Descending => {}
            }
        }
        sql.push("(");
        for (at, (field, direction)) in self.sort.iter().enumerate() {
            if at > 0 {
                sql.push(" OR ");
            }
            sql.push("(");
            for ((equal, _), value) in self.sort.iter().zip(after).take(at) {
                sql.compare(&quoted(equal), "IS", value);
                sql.push(" AND ");
            }
            let name = quoted(field);
            let value = after.get(at).unwrap_or(&Sql::Null);
            match (direction, value) {
                (Direction::Ascending, Sql::Null) => sql.push(&format!("{name} IS NOT NULL")),
                (Direction::Ascending, value) => sql.compare(&name, ">", value),
                (Direction::Descending, Sql::Null) => sql.push("0"),
                (Direction::Descending, value) => {
                    sql.push("(");
                    sql.compare(&name, "<", value);
                    sql.push(&format!(" OR {name} IS NULL)"));
                }
            }
            sql.push(")");
        }
        sql.push(")");
    }

    fn cursor(&self, last: &Version) -> String {
        let values = self.sort.iter().map(|(field, _)| {
            let value = column_value(self.table, last, field);
            value.as_ref().map_or(Mark::Null, Mark::of)
        });
        hex::encode(cbor::encode(&Cursor { selection: self.selection, values: values.collect() }))
    }

    /// Whether a version read from the history is what the table said.
    fn fits(&self, version: &Version, key: &str, number: i64) -> bool {
        let found = LogicalKey::Record {
            package: self.table.package.as_str().into(),
            register: self.table.register.as_str().into(),
            key: key.into(),
        };
        version.key == found
            && i64::try_from(version.version) == Ok(number)
            && self.status.wants(version.status)
            && self.conditions.iter().all(|condition| condition.holds(self.table, version))
    }
}

/// Key, version and body digest, as a row says.
type Row = (String, i64, Vec<u8>);

/// What a cursor must have in common with the selection it is used in.
fn fingerprint(select: &Select) -> Digest {
    let mut text = format!("{:?}", select.status);
    text.push_str(&format!("{:?}{:?}", select.filters, select.sort));
    suite::digest(&[
        b"chaincity/cursor/1",
        &cbor::encode(&(select.package.as_str(), select.register.as_str())),
        text.as_bytes(),
    ])
}

fn read_cursor(text: &str, selection: &Digest, length: usize) -> Result<Vec<Sql>, QueryError> {
    if text.len() > CURSOR_MAX {
        return Err(QueryError::BadCursor);
    }
    let bytes = hex::decode(text).map_err(|_hex| QueryError::BadCursor)?;
    let cursor: Cursor = cbor::decode(&bytes, CURSOR_MAX).map_err(|_cbor| QueryError::BadCursor)?;
    if cursor.selection != *selection || cursor.values.len() != length {
        return Err(QueryError::BadCursor);
    }
    Ok(cursor.values.into_iter().map(Mark::into_sql).collect())
}

impl ReadModel {
    /// A page of current records. See the module's text for what may be asked.
    ///
    /// # Errors
    /// A request error, or [`QueryError::Damaged`] when the file points to versions that do not
    /// fit; see [`QueryError`].
    pub fn select(&self, select: &Select) -> Result<Page, QueryError> {
        let table = self.table(&select.package, &select.register)?;
        let plan = Plan::of(&table, select)?;
        let sql = plan.sql();
        let (at, rows) = self.rows(&sql)?;
        let more = rows.len() > plan.limit;
        let mut items = Vec::with_capacity(rows.len().min(plan.limit));
        for (key, number, body) in rows.into_iter().take(plan.limit) {
            let body =
                Digest::from_slice(&body).ok_or_else(|| QueryError::damaged("a body's digest"))?;
            let before = at.map_or(0, |at| at.low.0);
            let version = self.version(&body, before)?;
            if !plan.fits(&version, &key, number) {
                return Err(QueryError::damaged(format!("a row of `{}`", table.register)));
            }
            items.push(version);
        }
        let next = items.last().filter(|_| more).map(|last| plan.cursor(last));
        Ok(Page { items, next, height: at.map(|at| at.height) })
    }

    /// The rows of a selection and how far the history was followed, as of one moment.
    fn rows(&self, sql: &Builder) -> Result<(Option<Followed>, Vec<Row>), QueryError> {
        let mut reader = self.reader()?;
        let transaction = reader.transaction()?;
        let at = followed(&transaction)?;
        let mut statement = transaction.prepare_cached(&sql.text)?;
        let rows = statement.query_map(params_from_iter(&sql.values), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        drop(statement);
        transaction.commit()?;
        Ok((at, rows))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chaincity_package::model::{Field, FieldType, Index, Package, Register, Text};
    use rusqlite::Connection;

    use super::*;
    use crate::schema::{self, FIXED};

    #[test]
    fn a_list_of_tasks_is_one_range_of_an_index_and_a_look_at_each_of_a_page() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(FIXED).unwrap();
        let cases = chaincity_ledger::cases::package();
        let (tables, _) = schema::sync(&connection, &[cases]).unwrap();
        let tasks = &tables[&("case".into(), "task".into())];
        let is = |field: &str, op, value: Value| Filter { field: field.into(), op, value };
        let select = |filters| Select {
            package: "case".into(),
            register: "task".into(),
            filters,
            status: StatusFilter::Live,
            sort: vec![],
            limit: 10,
            cursor: None,
        };
        let clerk = || is("lists", Op::Has, "clerk".into());
        let open = || is("status", Op::Eq, "open".into());
        for step in steps(&connection, tasks, &select(vec![open(), clerk()])).chunks(2) {
            let [members, rows] = step else { panic!("{step:?}") };
            let entered = "SEARCH case/task/by_lists USING PRIMARY KEY (_item=?";
            assert!(members.starts_with(entered), "{members}");
            let keys = "SEARCH case/task USING INDEX sqlite_autoindex_case/task_1 (_key=?)";
            assert_eq!(rows, keys);
        }
        // An equality finds fewer; and an index over who has a task leaves out what nobody has.
        let late = || is("overdue", Op::Eq, Value::Bool(true));
        let found = steps(&connection, tasks, &select(vec![clerk(), late()]));
        assert!(found.iter().all(|step| !step.contains("SCAN")), "{found:?}");
        let mine = is("operator", Op::Eq, "li".into());
        let found = steps(&connection, tasks, &select(vec![mine, open()]));
        assert!(found.iter().all(|step| step.contains("INDEX case/task/by_operator")), "{found:?}");
        let refused = |select: &Select| Plan::of(tasks, select).err().map(|error| error.code());
        let nobodys = select(vec![is("operator", Op::Eq, Value::Null)]);
        assert_eq!(refused(&nobodys), Some("filter-not-indexed"));
        let ended = Select { status: StatusFilter::Any, ..select(vec![clerk()]) };
        assert_eq!(refused(&ended), Some("filter-not-indexed"));
        let by = |field: &str| vec![(field.to_owned(), Direction::Ascending)];
        let by_operator = Select { sort: by("operator"), ..select(vec![]) };
        assert_eq!(refused(&by_operator), Some("sort-not-indexed"));
        let by_opening = Select { sort: by("opened"), ..select(vec![clerk()]) };
        assert_eq!(refused(&by_opening), Some("sort-not-indexed"));
    }

    fn table(connection: &Connection) -> Arc<Table> {
        let field = |kind| Field { kind, optional: false, title: Text::default() };
        let index = |field: &str| Index {
            name: field.into(),
            fields: vec![field.into()],
            unique: false,
            for_lists: false,
        };
        let register = Register {
            name: "unit".into(),
            steward: "registry.registrar".into(),
            fields: [
                ("area", FieldType::Area),
                ("year", FieldType::Int),
                ("name", FieldType::Text(9)),
            ]
            .map(|(name, kind)| (name.into(), field(kind)))
            .into(),
            indexes: ["area", "name"].map(|name| (name.into(), index(name))).into(),
            ..Register::default()
        };
        let package = Arc::new(Package {
            id: "test".into(),
            version: 1,
            registers: [("unit".into(), register)].into(),
            ..Package::default()
        });
        connection.execute_batch(FIXED).unwrap();
        let (tables, _) = schema::sync(connection, &[package]).unwrap();
        Arc::clone(tables.values().next().unwrap())
    }

    /// How SQLite goes about a selection, one step a line.
    fn steps(connection: &Connection, table: &Table, select: &Select) -> Vec<String> {
        let mut plan = Plan::of(table, select).unwrap();
        let mut out = Vec::new();
        for after in [false, true] {
            if after {
                let value = |field: &str| match field {
                    KEY | "name" => Sql::Text("m".into()),
                    _ => Sql::Integer(7),
                };
                plan.after = Some(plan.sort.iter().map(|(field, _)| value(field)).collect());
            }
            let sql = plan.sql();
            let explain = format!("EXPLAIN QUERY PLAN {}", sql.text);
            let mut statement = connection.prepare(&explain).unwrap();
            let rows = statement
                .query_map(params_from_iter(&sql.values), |row| row.get::<_, String>(3))
                .unwrap();
            out.extend(rows.map(Result::unwrap));
        }
        out
    }

    #[test]
    fn what_is_allowed_goes_through_the_key_or_an_index() {
        let connection = Connection::open_in_memory().unwrap();
        let table = table(&connection);
        let (up, down) = (Direction::Ascending, Direction::Descending);
        let area = Value::Decimal { mantissa: 5, scale: 2 };
        let name = Filter { field: "name".into(), op: Op::Eq, value: "x".into() };
        let wide = Filter { field: "area".into(), op: Op::Gt, value: area };
        let prefix = Filter { field: KEY.into(), op: Op::Prefix, value: "u".into() };
        // The index that SQLite makes for a primary key.
        const KEYS: &str = "INDEX sqlite_autoindex_test/unit_1";
        type Case = (Vec<Filter>, Vec<(&'static str, Direction)>, &'static str);
        let cases: [Case; 9] = [
            (vec![], vec![], KEYS),
            (vec![], vec![(KEY, down)], KEYS),
            (vec![], vec![("area", up)], "INDEX test/unit/area"),
            (vec![], vec![("area", down)], "INDEX test/unit/area"),
            (vec![name.clone()], vec![], "INDEX test/unit/name"),
            (vec![name.clone(), wide.clone()], vec![(KEY, down)], "INDEX test/unit/name"),
            (vec![wide.clone()], vec![("area", up)], "INDEX test/unit/area"),
            (vec![wide], vec![("area", down)], "INDEX test/unit/area"),
            (vec![prefix], vec![], KEYS),
        ];
        for (filters, sort, way) in cases {
            let select = Select {
                package: "test".into(),
                register: "unit".into(),
                filters,
                status: StatusFilter::Live,
                sort: sort.into_iter().map(|(field, to)| (field.to_owned(), to)).collect(),
                limit: 10,
                cursor: None,
            };
            let steps = steps(&connection, &table, &select);
            for step in &steps {
                assert!(step.contains(way), "{select:?}: {steps:?}");
            }
        }
    }
}

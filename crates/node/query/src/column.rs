//! Values as SQLite keeps them: numbers of every kind as integers, so that byte order and number
//! order never differ.

use chaincity_package::model::FieldType;
use chaincity_types::Value;
use rusqlite::types::{Value as Sql, ValueRef};

/// Longest bytes that get a column; longer ones are content, not something to find records by.
const BYTES_MAX: u32 = 64;
/// Length of a field group's commitment.
const COMMITMENT_BYTES: usize = 32;

/// How a field is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Affinity {
    /// Booleans (0, 1), integers, fen, the digits of decimals and areas, days, milliseconds.
    Integer,
    /// Texts, words, keys, identifiers.
    Text,
    /// Digests and short bytes.
    Blob,
}

impl Affinity {
    /// The column type of a strict table.
    pub(crate) const fn sql(self) -> &'static str {
        match self {
            Self::Integer => "INTEGER",
            Self::Text => "TEXT",
            Self::Blob => "BLOB",
        }
    }
}

/// How a field of this type is kept; `None` for one that has no order, unless it is a list whose
/// members find records.
pub(crate) const fn affinity(kind: &FieldType, listed: bool) -> Option<Affinity> {
    match kind {
        FieldType::Bool
        | FieldType::Int
        | FieldType::Fen
        | FieldType::Area
        | FieldType::Decimal(_)
        | FieldType::Date
        | FieldType::Time => Some(Affinity::Integer),
        FieldType::Text(_)
        | FieldType::Enum(_)
        | FieldType::Ref(_)
        | FieldType::Subject
        | FieldType::Pseudonym(_)
        | FieldType::Identifier(_) => Some(Affinity::Text),
        FieldType::Digest | FieldType::Sealed(_) | FieldType::Placed(_) => Some(Affinity::Blob),
        FieldType::Bytes(max) => {
            if *max <= BYTES_MAX {
                Some(Affinity::Blob)
            } else {
                None
            }
        }
        FieldType::List(member, _) if listed && affinity(member, false).is_some() => {
            Some(Affinity::Blob)
        }
        FieldType::Share | FieldType::List(..) | FieldType::Map(_) | FieldType::MapOf(..) => None,
    }
}

/// A field's value as its column holds it; `None` when it is not of the field's type.
pub(crate) fn held<'v>(kind: &FieldType, value: &'v Value) -> Option<ValueRef<'v>> {
    match (kind, value) {
        (_, Value::Null) => Some(ValueRef::Null),
        (FieldType::Bool, Value::Bool(b)) => Some(ValueRef::Integer(i64::from(*b))),
        (FieldType::Int | FieldType::Fen, Value::Int(n)) => Some(ValueRef::Integer(*n)),
        (FieldType::Area, Value::Decimal { mantissa, scale: 2 }) => {
            Some(ValueRef::Integer(*mantissa))
        }
        (FieldType::Decimal(declared), Value::Decimal { mantissa, scale }) => {
            (declared == scale).then_some(ValueRef::Integer(*mantissa))
        }
        (FieldType::Date, Value::Date(days)) => Some(ValueRef::Integer(i64::from(*days))),
        (FieldType::Time, Value::Time(time)) => i64::try_from(time.0).ok().map(ValueRef::Integer),
        (
            FieldType::Text(_)
            | FieldType::Enum(_)
            | FieldType::Ref(_)
            | FieldType::Subject
            | FieldType::Pseudonym(_)
            | FieldType::Identifier(_),
            Value::Text(text),
        ) => Some(ValueRef::Text(text.as_bytes())),
        (FieldType::Bytes(_) | FieldType::Digest | FieldType::Sealed(_), Value::Bytes(bytes)) => {
            Some(ValueRef::Blob(bytes))
        }
        // It is found by its commitment; the ciphertext is in the history.
        (FieldType::Placed(_), Value::Bytes(bytes)) => {
            bytes.get(..COMMITMENT_BYTES).map(ValueRef::Blob)
        }
        _ => None,
    }
}

/// The members of a list as their table holds them; those that are not of their type are left out.
pub(crate) fn members(member: &FieldType, list: &Value) -> Vec<Sql> {
    let members = list.as_list().unwrap_or_default().iter();
    let members = members.filter_map(|value| to_sql(member, value));
    members.filter(|value| *value != Sql::Null).collect()
}

/// The same, to keep.
pub(crate) fn to_sql(kind: &FieldType, value: &Value) -> Option<Sql> {
    Sql::try_from(held(kind, value)?).ok()
}

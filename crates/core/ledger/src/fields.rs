//! Values against their declared fields, references in them, and record keys.

use std::collections::BTreeMap;

use chaincity_package::model::{Field, FieldType};
use chaincity_types::wire::LogicalKey;
use chaincity_types::{Reject, Value};

use crate::halt::{Halt, reject};

/// Longest record key, in bytes.
pub const KEY_BYTES_MAX: usize = 128;

/// Checks `given` against `declared` and leaves out what is null: an absent optional field has
/// one form only.
pub(crate) fn check_all(
    declared: &BTreeMap<String, Field>,
    given: &BTreeMap<String, Value>,
    code: Reject,
) -> Result<BTreeMap<String, Value>, Halt> {
    if let Some(name) = given.keys().find(|name| !declared.contains_key(*name)) {
        let name: String = name.chars().take(40).collect();
        return reject(code, format!("`{name}` is not declared"));
    }
    let mut out = BTreeMap::new();
    for (name, field) in declared {
        match given.get(name) {
            None | Some(Value::Null) if field.optional => {}
            None | Some(Value::Null) => return reject(code, format!("`{name}` is missing")),
            Some(value) if fits(&field.kind, value) => {
                out.insert(name.clone(), value.clone());
            }
            Some(_) => return reject(code, format!("`{name}` does not fit its type")),
        }
    }
    Ok(out)
}

/// Whether `value` fits `kind`.
pub(crate) fn fits(kind: &FieldType, value: &Value) -> bool {
    let short = |len: usize, max: &u32| u32::try_from(len).is_ok_and(|len| len <= *max);
    match (kind, value) {
        (FieldType::Bool, Value::Bool(_))
        | (FieldType::Int, Value::Int(_))
        | (FieldType::Date, Value::Date(_))
        | (FieldType::Time, Value::Time(_)) => true,
        (FieldType::Fen, Value::Int(n)) => *n >= 0,
        (FieldType::Area, Value::Decimal { mantissa, scale: 2 }) => *mantissa >= 0,
        (FieldType::Decimal(wanted), Value::Decimal { scale, .. }) => scale == wanted,
        (FieldType::Text(max), Value::Text(text)) => short(text.chars().count(), max),
        (FieldType::Bytes(max), Value::Bytes(bytes)) => short(bytes.len(), max),
        (FieldType::Digest, Value::Bytes(bytes)) => bytes.len() == 32,
        (FieldType::Enum(words), Value::Text(word)) => words.contains(word),
        (FieldType::Ref(_) | FieldType::Identifier(_), Value::Text(key)) => {
            !key.is_empty() && key.len() <= KEY_BYTES_MAX
        }
        (FieldType::Share, Value::Map(share)) => is_share(share),
        (FieldType::List(item, max), Value::List(items)) => {
            short(items.len(), max) && items.iter().all(|value| fits(item, value))
        }
        (FieldType::Map(declared), Value::Map(map)) => {
            check_all(declared, map, Reject::InvalidField).is_ok()
        }
        _ => false,
    }
}

fn is_share(share: &BTreeMap<String, Value>) -> bool {
    let number = |name: &str| share.get(name).and_then(Value::as_int);
    let (Some(n), Some(d)) = (number("n"), number("d")) else {
        return false;
    };
    let subject = share.get("subject").and_then(Value::as_text);
    share.len() == 3 && subject.is_some_and(|s| !s.is_empty()) && 0 < n && n <= d
}

/// The records that `value` refers to.
pub(crate) fn references(package: &str, kind: &FieldType, value: &Value) -> Vec<LogicalKey> {
    let mut out = Vec::new();
    collect(package, kind, value, &mut out);
    out
}

fn collect(package: &str, kind: &FieldType, value: &Value, out: &mut Vec<LogicalKey>) {
    match (kind, value) {
        (FieldType::Ref(register), Value::Text(key)) => out.push(LogicalKey::Record {
            package: package.to_owned(),
            register: register.clone(),
            key: key.clone(),
        }),
        (FieldType::List(item, _), Value::List(items)) => {
            for value in items {
                collect(package, item, value, out);
            }
        }
        (FieldType::Map(declared), Value::Map(map)) => {
            for (name, value) in map {
                if let Some(field) = declared.get(name) {
                    collect(package, &field.kind, value, out);
                }
            }
        }
        _ => {}
    }
}

/// A record key in canonical text: texts as they are, integers in decimal, bytes in lower-case
/// hexadecimal. Other kinds make no key.
pub(crate) fn key_text(value: &Value) -> Option<String> {
    let text = if let Value::Text(text) = value {
        text.clone()
    } else if let Value::Int(n) = value {
        n.to_string()
    } else if let Value::Bytes(bytes) = value {
        hex::encode(bytes)
    } else {
        return None;
    };
    (!text.is_empty() && text.len() <= KEY_BYTES_MAX).then_some(text)
}

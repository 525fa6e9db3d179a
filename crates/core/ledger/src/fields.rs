//! Values against their declared fields, references in them, and record keys.

use std::collections::BTreeMap;

use chaincity_package::model::{Field, FieldType};
use chaincity_package::value::{KEY_BYTES_MAX, check_fields};
use chaincity_types::wire::LogicalKey;
use chaincity_types::{Reject, Str, Value};

use crate::halt::{Halt, rejected};

/// Checks `given` against `declared` and gives its canonical form. `today` is the block's date.
pub(crate) fn check_all(
    declared: &BTreeMap<Str, Field>,
    given: BTreeMap<Str, Value>,
    code: Reject,
    today: i32,
) -> Result<BTreeMap<Str, Value>, Halt> {
    check_fields(declared, given, today).map_err(|problem| rejected(code, problem.to_string()))
}

/// The records that a whole input or record refers to, each with the field that does.
pub(crate) fn references_of(
    package: &Str,
    declared: &BTreeMap<Str, Field>,
    values: &BTreeMap<Str, Value>,
) -> Vec<(LogicalKey, Str)> {
    let mut out = Vec::new();
    for (name, value) in values {
        if let Some(field) = declared.get(name) {
            let found = references(package, &field.kind, value);
            out.extend(found.into_iter().map(|key| (key, name.clone())));
        }
    }
    out
}

/// The records that `value` refers to.
pub(crate) fn references(package: &Str, kind: &FieldType, value: &Value) -> Vec<LogicalKey> {
    let mut out = Vec::new();
    collect(package, kind, value, &mut out);
    out
}

fn collect(package: &Str, kind: &FieldType, value: &Value, out: &mut Vec<LogicalKey>) {
    match (kind, value) {
        (FieldType::Ref(register), Value::Text(key)) => out.push(LogicalKey::Record {
            package: package.clone(),
            register: register.clone(),
            key: key.clone(),
        }),
        (FieldType::List(item, _), Value::List(items)) => {
            for value in items {
                collect(package, item, value, out);
            }
        }
        (FieldType::MapOf(_, item, _), Value::Map(map)) => {
            for value in map.values() {
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
pub(crate) fn key_text(value: &Value) -> Option<Str> {
    let text = if let Value::Text(text) = value {
        text.clone()
    } else if let Value::Int(n) = value {
        n.to_string().into()
    } else if let Value::Bytes(bytes) = value {
        hex::encode(bytes).into()
    } else {
        return None;
    };
    (!text.is_empty() && text.len() <= KEY_BYTES_MAX).then_some(text)
}

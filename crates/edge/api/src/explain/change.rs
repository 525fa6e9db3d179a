//! What changed between two versions of a record, down to the part of a field that did.

use std::collections::BTreeSet;

use chaincity_package::model::Register;
use serde_json::{Map, Value};

use super::{Change, text};
use crate::record::Record;

/// What stands for the status among the changes.
const STATUS: &str = "_status";

/// The changes from `before`, or from nothing, to `after`.
pub(super) fn between(
    before: Option<&Record>,
    after: &Record,
    register: Option<&Register>,
) -> Vec<Change> {
    let none = Map::new();
    let mut changes = fields(before.map_or(&none, |before| &before.fields), &after.fields);
    if before.is_some_and(|before| before.status != after.status) {
        let before = before.map(|before| Value::String(before.status.clone()));
        let after = Some(Value::String(after.status.clone()));
        changes.push(Change { field: STATUS.to_owned(), title: None, before, after });
    }
    for change in &mut changes {
        let field = register.and_then(|register| register.fields.get(top(&change.field)));
        change.title = field.map(|field| text(&field.title));
    }
    changes
}

/// Fields that differ, in order of their names, without titles.
pub(super) fn fields(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Change> {
    let mut changes = Vec::new();
    maps("", before, after, &mut changes);
    changes
}

/// The field that a path such as `parts[0].area` begins with.
pub(super) fn top(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or_default()
}

fn maps(
    path: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    changes: &mut Vec<Change>,
) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        values(path, present(before.get(name)), present(after.get(name)), changes);
    }
}

/// Null is no value.
fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

fn values(path: String, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<Change>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            maps(&path, before, after, changes);
        }
        // Of lists of different lengths nobody can say which item became which.
        (Some(Value::Array(before)), Some(Value::Array(after))) if before.len() == after.len() => {
            for (at, (before, after)) in before.iter().zip(after).enumerate() {
                values(format!("{path}[{at}]"), Some(before), Some(after), changes);
            }
        }
        (before, after) => {
            let (before, after) = (before.cloned(), after.cloned());
            changes.push(Change { field: path, title: None, before, after });
        }
    }
}

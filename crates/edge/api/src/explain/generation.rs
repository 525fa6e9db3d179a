//! Where imported data came from, and in which migration it first became another.
//!
//! A *generation* is one state of a register in one system: the paper ledger, the old system, the
//! current one. Each is imported as a version of its own. A register keeps where a version came
//! from in its field [`GENERATION`], a map, or [`SOURCE`], a text.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Explained, change};
use crate::package::TextInfo;
use crate::record::Record;

/// The field that says which generation a version came from: a map with any of `number`, `system`,
/// `system_en`, `exported`, `operator`, `file`, `digest`, `row` and `rows`.
pub const GENERATION: &str = "generation";
/// The field that names a source in words.
pub const SOURCE: &str = "source";

/// Where an imported version came from; what the record does not say is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// Which generation of its register, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// The system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The system in English.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_en: Option<String>,
    /// When the system gave the data out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exported: Option<String>,
    /// Who gave them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// SHA-256 of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Line of the file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<i64>,
    /// All the lines, when the record was made of several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<i64>,
}

/// The import generations of a record, and where each field first differs between two of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// The generations, in the order of their import.
    pub generations: Vec<Generation>,
    /// For each field that differs, the first generation with another value than the one before.
    pub differences: Vec<Difference>,
}

/// One import generation of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Generation {
    /// Which, from 1: as its source says, or one more than the one before.
    pub number: u64,
    /// The version that it was imported as.
    pub version: u64,
    /// Where it came from.
    pub source: Source,
}

/// A field that one generation has otherwise than the generation before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// The field, or the part of it, as in changes.
    pub field: String,
    /// Title of the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<TextInfo>,
    /// Number of the first generation that has another value than the one before.
    pub generation: u64,
    /// Number of the generation before.
    pub generation_before: u64,
    /// Its value in the generation before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// Its value in this generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// The version in which the value changed: that of the generation, unless something was
    /// written between the two imports.
    pub changed_in: u64,
}

/// Where a version came from, when it was imported: its fields say so otherwise than those of the
/// version before. An action that leaves them as they are, such as a correction, imports nothing.
pub(super) fn source(before: Option<&Record>, after: &Record) -> Option<Source> {
    let of = |record: &Record, name: &str| {
        record.fields.get(name).filter(|value| !value.is_null()).cloned()
    };
    let changed = |name: &str| {
        of(after, name).filter(|new| before.and_then(|old| of(old, name)).as_ref() != Some(new))
    };
    if let Some(Value::Object(generation)) = changed(GENERATION) {
        return Some(Source::from(&generation));
    }
    match changed(SOURCE) {
        Some(Value::String(system)) => Some(Source { system: Some(system), ..Source::default() }),
        _ => None,
    }
}

impl From<&Map<String, Value>> for Source {
    fn from(map: &Map<String, Value>) -> Self {
        let text = |name: &str| map.get(name).and_then(Value::as_str).map(str::to_owned);
        let rows = map.get("rows").and_then(Value::as_array).into_iter().flatten();
        Self {
            system: text("system"),
            exported: text("exported"),
            operator: text("operator"),
            file: text("file"),
            digest: text("digest"),
            row: map.get("row").and_then(Value::as_i64),
            number: map.get("number").and_then(Value::as_u64),
            system_en: text("system_en"),
            rows: rows.filter_map(Value::as_i64).collect(),
        }
    }
}

/// Compares the generations among these versions, which are in order.
#[must_use]
pub fn compare(versions: &[Explained]) -> Comparison {
    let mut comparison = Comparison::default();
    let mut last: Option<(u64, &Explained)> = None;
    for version in versions {
        let Some(source) = version.source.clone() else { continue };
        let next = last.map_or(1, |(number, _)| number.saturating_add(1));
        let number = source.number.unwrap_or(next);
        let of = version.record.version;
        comparison.generations.push(Generation { number, version: of, source });
        if let Some((generation_before, before)) = last {
            for found in differences(before, version) {
                if comparison.differences.iter().any(|known| known.field == found.field) {
                    continue;
                }
                comparison.differences.push(Difference {
                    changed_in: changed_in(versions, before, version, &found.field),
                    title: title(versions, &found.field),
                    field: found.field,
                    generation: number,
                    generation_before,
                    before: found.before,
                    after: found.after,
                });
            }
        }
        last = Some((number, version));
    }
    comparison
}

/// What two generations say otherwise, besides where they come from.
fn differences(before: &Explained, after: &Explained) -> Vec<super::Change> {
    let mut found = change::fields(&before.record.fields, &after.record.fields);
    found.retain(|change| ![GENERATION, SOURCE].contains(&change::top(&change.field)));
    found
}

/// The first version after `before`, up to `after`, that changed the field.
fn changed_in(versions: &[Explained], before: &Explained, after: &Explained, path: &str) -> u64 {
    let between = |version: &&Explained| {
        version.record.version > before.record.version
            && version.record.version <= after.record.version
    };
    let field = change::top(path);
    let changed = |version: &&Explained| {
        version.changes.iter().any(|change| change::top(&change.field) == field)
    };
    let found = versions.iter().filter(between).find(changed);
    found.map_or(after.record.version, |version| version.record.version)
}

fn title(versions: &[Explained], path: &str) -> Option<TextInfo> {
    let field = change::top(path);
    let changes = versions.iter().rev().flat_map(|version| &version.changes);
    changes.filter(|change| change::top(&change.field) == field).find_map(|c| c.title.clone())
}

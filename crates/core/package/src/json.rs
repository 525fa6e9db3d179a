//! Values as JSON, for the API, the command line and scenarios.
//!
//! Integers and fen are JSON numbers; areas and decimals are strings with all their places;
//! dates are ISO 8601, times RFC 3339, bytes and digests lower-case hexadecimal; a share is an
//! object `{subject, n, d}`. Reading needs the schema, writing does not.

use std::collections::BTreeMap;

use chaincity_types::{Str, Value};
use serde_json::{Map, Value as Json};

use crate::literal;
use crate::model::{Field, FieldType};
use crate::value::FieldProblem;

/// Reads a whole input or record by its fields. The result is not yet checked against ranges
/// and lengths: [`crate::value::check_fields`] does that.
///
/// # Errors
/// For a field that is not declared or of another JSON kind.
pub fn to_fields(
    declared: &BTreeMap<Str, Field>,
    given: &Map<String, Json>,
) -> Result<BTreeMap<Str, Value>, FieldProblem> {
    let mut out = BTreeMap::new();
    for (name, json) in given {
        let Some(field) = declared.get(name.as_str()) else {
            return Err(FieldProblem::new("is not declared").inside(&crate::rule::short(name)));
        };
        if !json.is_null() {
            let value = to_value(&field.kind, json).map_err(|p| p.inside(name))?;
            out.insert(name.into(), value);
        }
    }
    Ok(out)
}

/// Reads one value of this type.
///
/// # Errors
/// When the JSON is of another kind or its text does not parse.
pub fn to_value(kind: &FieldType, json: &Json) -> Result<Value, FieldProblem> {
    let wrong = |wanted: &str| FieldProblem::new(format!("is not {wanted}"));
    let text = |wanted: &str| json.as_str().ok_or_else(|| wrong(wanted));
    match kind {
        FieldType::Bool => json.as_bool().map(Value::Bool).ok_or_else(|| wrong("true or false")),
        FieldType::Int | FieldType::Fen => {
            json.as_i64().map(Value::Int).ok_or_else(|| wrong("an integer"))
        }
        FieldType::Area => decimal(text("a string such as \"90.50\"")?, 2),
        FieldType::Decimal(scale) => decimal(text("a string such as \"1.50\"")?, *scale),
        FieldType::Text(_)
        | FieldType::Enum(_)
        | FieldType::Ref(_)
        | FieldType::Subject
        | FieldType::Pseudonym(_)
        | FieldType::Identifier(_) => text("a string").map(Value::from),
        FieldType::Bytes(_) | FieldType::Digest | FieldType::Sealed(_) | FieldType::Placed(_) => {
            let digits = text("a hexadecimal string")?;
            let bytes = hex::decode(digits).ok().map(Value::Bytes);
            bytes.ok_or_else(|| wrong("a hexadecimal string"))
        }
        FieldType::Date => literal::date(text("a date")?)
            .map(Value::Date)
            .ok_or_else(|| wrong("a date such as \"2026-01-31\"")),
        FieldType::Time => literal::time(text("a time")?)
            .map(Value::Time)
            .ok_or_else(|| wrong("a time such as \"2026-01-31T09:00:00+08:00\"")),
        FieldType::Share => share(json),
        FieldType::List(item, max) => {
            let items = json.as_array().ok_or_else(|| wrong("a list"))?;
            if !u32::try_from(items.len()).is_ok_and(|len| len <= *max) {
                return Err(FieldProblem::new(format!("has more than {max} items")));
            }
            let read = |(i, json)| to_value(item, json).map_err(|p| p.inside(&format!("[{i}]")));
            items.iter().enumerate().map(read).collect::<Result<_, _>>().map(Value::List)
        }
        FieldType::Map(fields) => {
            let map = json.as_object().ok_or_else(|| wrong("an object"))?;
            to_fields(fields, map).map(Value::Map)
        }
        FieldType::MapOf(_, item, max) => {
            let map = json.as_object().ok_or_else(|| wrong("an object"))?;
            if !u32::try_from(map.len()).is_ok_and(|len| len <= *max) {
                return Err(FieldProblem::new(format!("has more than {max} entries")));
            }
            let read = |(i, (key, json)): (usize, (&String, &Json))| {
                let value = to_value(item, json).map_err(|p| p.inside(&format!("[{i}]")))?;
                Ok((key.into(), value))
            };
            map.iter().enumerate().map(read).collect::<Result<_, _>>().map(Value::Map)
        }
    }
}

/// Reads one value of this type from the text by which JSON would write it: what is a string there
/// stands here without quotes.
///
/// # Errors
/// As [`to_value`].
pub fn from_text(kind: &FieldType, text: &str) -> Result<Value, FieldProblem> {
    let json = match kind {
        FieldType::Bool
        | FieldType::Int
        | FieldType::Fen
        | FieldType::Share
        | FieldType::List(..)
        | FieldType::Map(_)
        | FieldType::MapOf(..) => serde_json::from_str(text)
            .map_err(|_wrong| FieldProblem::new("is not JSON of its type"))?,
        FieldType::Area
        | FieldType::Decimal(_)
        | FieldType::Text(_)
        | FieldType::Bytes(_)
        | FieldType::Digest
        | FieldType::Date
        | FieldType::Time
        | FieldType::Enum(_)
        | FieldType::Ref(_)
        | FieldType::Sealed(_)
        | FieldType::Placed(_)
        | FieldType::Subject
        | FieldType::Pseudonym(_)
        | FieldType::Identifier(_) => Json::String(text.to_owned()),
    };
    to_value(kind, &json)
}

/// The text from which [`from_text`] reads the value again.
#[must_use]
pub fn to_text(value: &Value) -> String {
    let json = from_value(value);
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

/// Reads a value without a schema, for trying a rule: integers, texts, lists and maps as they
/// stand. Dates, times and decimals have no form of their own in JSON: `date("…")` makes them.
///
/// # Errors
/// For a number that is no 64-bit integer.
pub fn infer(json: &Json) -> Result<Value, FieldProblem> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => {
            let int = n.as_i64().map(Value::Int);
            int.ok_or_else(|| FieldProblem::new("is not a 64-bit integer"))?
        }
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => {
            let read = |(i, item)| infer(item).map_err(|p| p.inside(&format!("[{i}]")));
            Value::List(items.iter().enumerate().map(read).collect::<Result<_, _>>()?)
        }
        Json::Object(map) => {
            let read = |(name, item): (&String, &Json)| {
                Ok((name.into(), infer(item).map_err(|p| p.inside(name))?))
            };
            Value::Map(map.iter().map(read).collect::<Result<_, FieldProblem>>()?)
        }
    })
}

fn decimal(text: &str, scale: u8) -> Result<Value, FieldProblem> {
    literal::decimal_of_scale(text, scale)
        .ok_or_else(|| FieldProblem::new(format!("is not a decimal of at most {scale} places")))
}

fn share(json: &Json) -> Result<Value, FieldProblem> {
    let wrong = || FieldProblem::new("is not a share {subject, n, d}");
    let map = json.as_object().filter(|map| map.len() == 3).ok_or_else(wrong)?;
    let int = |name: &str| map.get(name).and_then(Json::as_i64).map(Value::Int).ok_or_else(wrong);
    let subject = map.get("subject").and_then(Json::as_str).ok_or_else(wrong)?;
    let parts = [("subject", Value::from(subject)), ("n", int("n")?), ("d", int("d")?)];
    Ok(Value::Map(parts.map(|(name, value)| (name.into(), value)).into()))
}

/// Any value as JSON. Dates outside the years 1 to 9999 become null; no checked value has one.
#[must_use]
pub fn from_value(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Int(n) => Json::from(*n),
        Value::Decimal { mantissa, scale } => literal::decimal_text(*mantissa, *scale).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Bytes(bytes) => hex::encode(bytes).into(),
        Value::Date(days) => literal::date_text(*days).map_or(Json::Null, Json::from),
        Value::Time(time) => time.to_string().into(),
        Value::List(items) => items.iter().map(from_value).collect(),
        Value::Map(map) => from_fields(map).into(),
    }
}

/// A whole record as a JSON object.
#[must_use]
pub fn from_fields(fields: &BTreeMap<Str, Value>) -> Map<String, Json> {
    fields.iter().map(|(name, value)| (name.to_string(), from_value(value))).collect()
}

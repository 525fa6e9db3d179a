//! Values as JSON, and back by the declared type of a field.
//!
//! JSON has fewer kinds than a [`Value`], so writing needs no schema and reading does.

use std::collections::BTreeMap;

use chaincity_types::{Str, Timestamp, Value};
use serde_json::{Map, Value as Json};

use crate::package::{FieldInfo, FieldKind};

/// Why a JSON value does not fit a declared field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Another kind of value was expected.
    #[error("`{path}` must be {expected}")]
    Kind {
        /// Where, such as `to[0].share`.
        path: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A field that the declaration does not know.
    #[error("`{path}` is not declared")]
    Undeclared {
        /// Where.
        path: String,
    },
    /// A field that the declaration demands.
    #[error("`{path}` is missing")]
    Missing {
        /// Where.
        path: String,
    },
}

/// A value as JSON: see the crate's notes on numbers.
#[must_use]
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Int(n) => Json::from(*n),
        Value::Decimal { mantissa, scale } => Json::String(decimal(*mantissa, *scale)),
        Value::Text(text) => Json::String(text.to_string()),
        Value::Bytes(bytes) => Json::String(hex::encode(bytes)),
        Value::Date(days) => Json::String(date(*days)),
        Value::Time(time) => Json::String(time.to_string()),
        Value::List(list) => Json::Array(list.iter().map(to_json).collect()),
        Value::Map(map) => Json::Object(fields(map)),
    }
}

/// Named values as a JSON object.
#[must_use]
pub fn fields(map: &BTreeMap<Str, Value>) -> Map<String, Json> {
    map.iter().map(|(name, value)| (name.to_string(), to_json(value))).collect()
}

/// A decimal in digits: 2767 with scale 2 is `27.67`.
#[must_use]
pub fn decimal(mantissa: i64, scale: u8) -> String {
    let digits = mantissa.unsigned_abs().to_string();
    let scale = usize::from(scale);
    let sign = if mantissa < 0 { "-" } else { "" };
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let digits = format!("{digits:0>width$}", width = scale.saturating_add(1));
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    format!("{sign}{whole}.{fraction}")
}

/// Reads a decimal of at most `scale` places, 0 to 9.
#[must_use]
pub fn parse_decimal(text: &str, scale: u8) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = usize::from(scale);
    let numeric = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || fraction.len() > scale || !numeric(whole) || !numeric(fraction) {
        return None;
    }
    format!("{sign}{whole}{fraction:0<scale$}").parse().ok()
}

/// A date as `YYYY-MM-DD`; a day outside the years -9999 to 9999 as `day N`.
#[must_use]
pub fn date(days: i32) -> String {
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch
        .checked_add(jiff::Span::new().days(days))
        .map_or_else(|_| format!("day {days}"), |date| date.to_string())
}

/// Reads `YYYY-MM-DD` as days since 1970-01-01.
#[must_use]
pub fn parse_date(text: &str) -> Option<i32> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let span = jiff::civil::date(1970, 1, 1).until(date).ok()?;
    Some(span.get_days())
}

/// Reads an RFC 3339 time, to the millisecond.
#[must_use]
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_millisecond()).ok().map(Timestamp)
}

/// Reads an RFC 3339 time to ask about; a time before 1970, when no record began, is 1970's.
#[must_use]
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(u64::try_from(time.as_millisecond()).unwrap_or(0)))
}

/// Reads a JSON object by declared fields, such as an action's input.
///
/// # Errors
/// When a field is missing, undeclared, or not of its type.
pub fn read_fields(
    declared: &BTreeMap<String, FieldInfo>,
    json: &Map<String, Json>,
) -> Result<BTreeMap<Str, Value>, JsonError> {
    read_map(declared, json, "")
}

fn read_map(
    declared: &BTreeMap<String, FieldInfo>,
    json: &Map<String, Json>,
    prefix: &str,
) -> Result<BTreeMap<Str, Value>, JsonError> {
    let path =
        |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    if let Some(name) = json.keys().find(|name| !declared.contains_key(*name)) {
        return Err(JsonError::Undeclared { path: path(name) });
    }
    let mut out = BTreeMap::new();
    for (name, field) in declared {
        match json.get(name) {
            None | Some(Json::Null) if field.optional => {}
            None | Some(Json::Null) => return Err(JsonError::Missing { path: path(name) }),
            Some(value) => {
                out.insert(name.into(), read(&field.kind, value, &path(name))?);
            }
        }
    }
    Ok(out)
}

/// Reads one JSON value as a declared type; `path` names it in errors.
///
/// # Errors
/// When it does not fit.
pub fn read(kind: &FieldKind, json: &Json, path: &str) -> Result<Value, JsonError> {
    let wrong = |expected| JsonError::Kind { path: path.to_owned(), expected };
    let text = |expected| json.as_str().ok_or_else(|| wrong(expected));
    match kind {
        FieldKind::Bool => json.as_bool().map(Value::Bool).ok_or_else(|| wrong("true or false")),
        FieldKind::Int | FieldKind::Fen => {
            json.as_i64().map(Value::Int).ok_or_else(|| wrong("an integer"))
        }
        FieldKind::Area => read_decimal(json, 2).ok_or_else(|| wrong("an area such as \"83.20\"")),
        FieldKind::Decimal { scale } => {
            read_decimal(json, *scale).ok_or_else(|| wrong("a decimal as a string"))
        }
        FieldKind::Text { .. }
        | FieldKind::Enum { .. }
        | FieldKind::Ref { .. }
        | FieldKind::Subject
        | FieldKind::Pseudonym { .. }
        | FieldKind::Identifier { .. } => text("a text").map(Value::from),
        FieldKind::Bytes { .. } | FieldKind::Digest | FieldKind::Sealed { .. } => {
            let expected = "bytes in hexadecimal";
            let bytes = hex::decode(text(expected)?).ok();
            bytes.map(Value::Bytes).ok_or_else(|| wrong(expected))
        }
        FieldKind::Date => {
            let expected = "a date such as \"2026-11-21\"";
            parse_date(text(expected)?).map(Value::Date).ok_or_else(|| wrong(expected))
        }
        FieldKind::Time => {
            let expected = "a time such as \"2026-11-21T08:30:00Z\"";
            parse_time(text(expected)?).map(Value::Time).ok_or_else(|| wrong(expected))
        }
        FieldKind::Share => read_share(json).ok_or_else(|| wrong("{subject, n, d}")),
        FieldKind::List { of, .. } => {
            let items = json.as_array().ok_or_else(|| wrong("a list"))?;
            let read_item = |(i, item)| read(of, item, &format!("{path}[{i}]"));
            items.iter().enumerate().map(read_item).collect::<Result<_, _>>().map(Value::List)
        }
        FieldKind::Map { fields } => {
            let object = json.as_object().ok_or_else(|| wrong("an object"))?;
            read_map(fields, object, path).map(Value::Map)
        }
        FieldKind::MapOf { of, .. } => {
            let object = json.as_object().ok_or_else(|| wrong("an object"))?;
            let read_entry = |(i, (key, value)): (usize, (&String, &Json))| {
                Ok((key.into(), read(of, value, &format!("{path}[{i}]"))?))
            };
            object.iter().enumerate().map(read_entry).collect::<Result<_, _>>().map(Value::Map)
        }
    }
}

/// Reads the text of a query parameter as a declared type.
///
/// # Errors
/// When it does not fit; lists, maps and shares cannot stand in a query.
pub fn read_text(kind: &FieldKind, text: &str, path: &str) -> Result<Value, JsonError> {
    let json = match kind {
        FieldKind::Bool => match text {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            _ => Json::Null,
        },
        FieldKind::Int | FieldKind::Fen => text.parse::<i64>().map_or(Json::Null, Json::from),
        FieldKind::Area
        | FieldKind::Decimal { .. }
        | FieldKind::Text { .. }
        | FieldKind::Enum { .. }
        | FieldKind::Ref { .. }
        | FieldKind::Subject
        | FieldKind::Pseudonym { .. }
        | FieldKind::Identifier { .. }
        | FieldKind::Bytes { .. }
        | FieldKind::Digest
        | FieldKind::Sealed { .. }
        | FieldKind::Date
        | FieldKind::Time
        | FieldKind::Share
        | FieldKind::List { .. }
        | FieldKind::Map { .. }
        | FieldKind::MapOf { .. } => Json::from(text),
    };
    read(kind, &json, path)
}

fn read_decimal(json: &Json, scale: u8) -> Option<Value> {
    let mantissa = parse_decimal(json.as_str()?, scale)?;
    Some(Value::Decimal { mantissa, scale })
}

fn read_share(json: &Json) -> Option<Value> {
    let object = json.as_object().filter(|object| object.len() == 3)?;
    let number = |name: &str| Some((name.into(), Value::Int(object.get(name)?.as_i64()?)));
    let subject = Value::from(object.get("subject")?.as_str()?);
    Some(Value::Map([("subject".into(), subject), number("n")?, number("d")?].into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn field(kind: FieldKind) -> FieldInfo {
        FieldInfo { kind, optional: false, title: crate::package::TextInfo::default() }
    }

    #[test]
    fn decimals_and_dates_round_trip() {
        for (mantissa, scale, text) in [
            (2767, 2, "27.67"),
            (-5, 2, "-0.05"),
            (0, 2, "0.00"),
            (7, 0, "7"),
            (-1, 9, "-0.000000001"),
        ] {
            assert_eq!(decimal(mantissa, scale), text);
            assert_eq!(parse_decimal(text, scale), Some(mantissa));
        }
        for bad in ["", "1.234", ".5", "1e2", "+1", "--1"] {
            assert_eq!(parse_decimal(bad, 2), None, "{bad}");
        }
        assert_eq!(parse_date("2026-11-21").map(date).as_deref(), Some("2026-11-21"));
        assert_eq!(parse_date("1900-01-01").map(date).as_deref(), Some("1900-01-01"));
        assert_eq!(parse_date("1970-01-02"), Some(1));
        assert_eq!(parse_time("1970-01-01T00:00:01.5Z"), Some(Timestamp(1500)));
        assert_eq!(parse_time("1900-01-01T00:00:00Z"), None);
        assert_eq!(parse_instant("1900-01-01T00:00:00Z"), Some(Timestamp(0)));
    }

    #[test]
    fn an_input_is_read_by_its_declaration() {
        let declared = BTreeMap::from([
            ("unit".into(), field(FieldKind::Ref { register: "unit".into() })),
            ("area".into(), field(FieldKind::Area)),
            ("price".into(), field(FieldKind::Fen)),
            ("to".into(), field(FieldKind::List { of: Box::new(FieldKind::Share), max: 20 })),
            (
                "meters".to_owned(),
                field(FieldKind::MapOf { key: 20, of: Box::new(FieldKind::Area), max: 9 }),
            ),
        ]);
        let json = json!({"unit": "u1", "area": "83.2", "price": 1_000_000,
            "to": [{"subject": "a", "n": 1, "d": 1}], "meters": {"east": "1.5"}});
        let object = json.as_object().unwrap();
        let read = read_fields(&declared, object).unwrap();
        assert_eq!(read["area"], Value::Decimal { mantissa: 8320, scale: 2 });
        assert_eq!(Json::Object(fields(&read))["to"], json["to"]);
        assert_eq!(Json::Object(fields(&read))["meters"], json!({"east": "1.50"}));

        let fails = |change: Json| {
            let mut object = object.clone();
            object.extend(change.as_object().unwrap().clone());
            read_fields(&declared, &object).unwrap_err().to_string()
        };
        assert_eq!(fails(json!({"area": 83.2})), "`area` must be an area such as \"83.20\"");
        assert_eq!(fails(json!({"price": null})), "`price` is missing");
        assert_eq!(fails(json!({"more": 1})), "`more` is not declared");
        assert_eq!(
            fails(json!({"meters": {"east": 1}})),
            "`meters[0]` must be an area such as \"83.20\""
        );
        assert_eq!(
            fails(json!({"to": [{"subject": "a", "n": 1}]})),
            "`to[0]` must be {subject, n, d}"
        );
    }
}

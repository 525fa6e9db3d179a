//! Values and arguments as text and JSON.

use chaincity_types::{Digest, Timestamp, Value};
use serde_json::json;

/// Reads a ledger's id.
pub(crate) fn digest(text: &str) -> Result<Digest, String> {
    Digest::from_hex(text).map_err(|error| format!("64 hexadecimal digits are needed: {error}"))
}

/// Reads a time as RFC 3339.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    let time: jiff::Timestamp = text.parse().map_err(|error| format!("{error}"))?;
    u64::try_from(time.as_millisecond())
        .map(Timestamp)
        .map_err(|_before| "a time before 1970 is before every ledger".to_owned())
}

/// A value as JSON: numbers with decimals, dates, times and bytes as text.
pub(crate) fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(b) => json!(b),
        Value::Int(n) => json!(n),
        Value::Decimal { mantissa, scale } => json!(decimal(*mantissa, *scale)),
        Value::Text(text) => json!(text),
        Value::Bytes(bytes) => json!(hex::encode(bytes)),
        Value::Date(days) => json!(date(*days)),
        Value::Time(time) => json!(time.to_string()),
        Value::List(list) => list.iter().map(to_json).collect(),
        Value::Map(map) => map.iter().map(|(key, value)| (key.clone(), to_json(value))).collect(),
    }
}

/// A value for a person: as JSON, but texts without quotes.
pub(crate) fn to_text(value: &Value) -> String {
    let json = to_json(value);
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

fn decimal(mantissa: i64, scale: u8) -> String {
    let digits = format!("{:0>1$}", mantissa.unsigned_abs(), usize::from(scale).saturating_add(1));
    let point = digits.len().saturating_sub(usize::from(scale));
    let (whole, fraction) = digits.split_at_checked(point).unwrap_or((&digits, ""));
    let sign = if mantissa < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn date(days: i32) -> String {
    let day = jiff::Span::new().try_days(days);
    let date = day.and_then(|span| jiff::civil::date(1970, 1, 1).checked_add(span));
    date.map_or_else(|_out_of_range| format!("1970-01-01 + {days} d"), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_people_write_them() {
        assert_eq!(to_text(&Value::Decimal { mantissa: 8_950, scale: 2 }), "89.50");
        assert_eq!(to_text(&Value::Decimal { mantissa: -5, scale: 3 }), "-0.005");
        assert_eq!(to_text(&Value::Decimal { mantissa: 7, scale: 0 }), "7");
        assert_eq!(to_text(&Value::Date(-25_567)), "1900-01-01");
        assert_eq!(to_text(&Value::Date(i32::MAX)), "1970-01-01 + 2147483647 d");
        assert_eq!(to_text(&Value::List(vec![Value::Null, Value::Bool(true)])), "[null,true]");
        assert_eq!(time("2026-09-21T22:13:20+08:00").map(|t| t.0 % 1000), Ok(0));
        assert!(time("yesterday").is_err() && time("1969-01-01T00:00:00Z").is_err());
    }
}

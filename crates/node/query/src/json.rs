//! Fields as JSON, for the version table's readers by hand.

use std::collections::BTreeMap;

use chaincity_package::literal;
use chaincity_types::Value;
use chaincity_types::wire::Correction;
use serde_json::{Map, Value as Json, json};

/// A record's fields as a JSON object.
pub(crate) fn fields(fields: &BTreeMap<String, Value>) -> Json {
    let entries = fields.iter().map(|(name, value)| (name.clone(), from_value(value)));
    Json::Object(entries.collect::<Map<_, _>>())
}

fn from_value(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => Json::from(*b),
        Value::Int(n) => Json::from(*n),
        Value::Decimal { mantissa, scale } => literal::decimal_text(*mantissa, *scale).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Bytes(bytes) => hex::encode(bytes).into(),
        Value::Date(days) => literal::date_text(*days).map_or(Json::Null, Json::from),
        Value::Time(time) => time.to_string().into(),
        Value::List(items) => items.iter().map(from_value).collect(),
        Value::Map(map) => fields(map),
    }
}

/// What a version corrects, as JSON text.
pub(crate) fn correction(corrects: &Correction) -> String {
    json!({
        "version": corrects.version,
        "body": corrects.body.to_string(),
        "reason": corrects.reason,
        "basis": corrects.basis,
    })
    .to_string()
}

//! Dynamic values: what record fields, action inputs and rules are made of.
//!
//! The kinds are few and closed; a register's schema gives each field its precise type. Maps are
//! sorted, so that nothing depends on insertion order.

use std::collections::BTreeMap;

use minicbor::data::{Tag, Type};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use crate::cbor::DEPTH_MAX;
use crate::{Str, Timestamp};

/// RFC 8943: days since 1970-01-01.
const TAG_DAYS: u64 = 100;
/// RFC 9581: extended time, here `{1: seconds, -3: milliseconds}`.
const TAG_TIME: u64 = 1001;
/// RFC 8949, 3.4.4: decimal fraction `[exponent, mantissa]`.
const TAG_DECIMAL: u64 = 4;

/// A value of a record field, an action's input, or a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer: counts, fen.
    Int(i64),
    /// A fixed-point decimal: `mantissa × 10^-scale`, scale 0 to 9. Areas have scale 2.
    Decimal {
        /// The digits.
        mantissa: i64,
        /// Digits after the point, 0 to 9.
        scale: u8,
    },
    /// Text, kept exactly as given.
    Text(Str),
    /// Bytes: digests, keys.
    Bytes(Vec<u8>),
    /// A calendar date, as days since 1970-01-01.
    Date(i32),
    /// A point in time.
    Time(Timestamp),
    /// A list.
    List(Vec<Value>),
    /// A map with text keys, sorted.
    Map(BTreeMap<Str, Value>),
}

impl Value {
    /// The name of the value's kind, as the rule language and its messages write it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Decimal { .. } => "decimal",
            Self::Text(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Date(_) => "date",
            Self::Time(_) => "timestamp",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }

    /// The text, if this is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The same to be kept: a clone of it costs next to nothing.
    #[must_use]
    pub const fn as_str(&self) -> Option<&Str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The integer, if this is one.
    #[must_use]
    pub const fn as_int(&self) -> Option<i64> {
        if let Self::Int(n) = self { Some(*n) } else { None }
    }

    /// The map, if this is one.
    #[must_use]
    pub const fn as_map(&self) -> Option<&BTreeMap<Str, Value>> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }

    /// The list, if this is one.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

pub(crate) fn encode_map<C, W: encode::Write>(
    map: &BTreeMap<Str, Value>,
    e: &mut Encoder<W>,
    ctx: &mut C,
) -> Result<(), encode::Error<W::Error>> {
    e.map(u64::try_from(map.len()).unwrap_or(u64::MAX))?;
    // The map's own order is bytewise: often it is the canonical one already.
    if map.keys().map(|name| name.len()).is_sorted() {
        for (key, value) in map {
            value.encode(e.str(key)?, ctx)?;
        }
        return Ok(());
    }
    for (key, value) in canonical_entries(map) {
        value.encode(e.str(key)?, ctx)?;
    }
    Ok(())
}

/// Bytewise order of the encodings of text keys: shorter first, then bytewise (RFC 8949, 4.2.1).
fn canonical_entries(map: &BTreeMap<Str, Value>) -> Vec<(&Str, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(name, _)| (name.len(), name.as_bytes()));
    entries
}

impl<C> Encode<C> for Value {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Null => e.null()?,
            Self::Bool(b) => e.bool(*b)?,
            Self::Int(n) => e.i64(*n)?,
            Self::Decimal { mantissa, scale } => {
                let exponent = i8::try_from(*scale).unwrap_or(i8::MAX).saturating_neg();
                e.tag(Tag::new(TAG_DECIMAL))?.array(2)?.i8(exponent)?.i64(*mantissa)?
            }
            Self::Text(text) => e.str(text)?,
            Self::Bytes(bytes) => e.bytes(bytes)?,
            Self::Date(days) => e.tag(Tag::new(TAG_DAYS))?.i32(*days)?,
            Self::Time(Timestamp(ms)) => {
                let seconds = ms.checked_div(1000).unwrap_or(0);
                let rest = ms.checked_rem(1000).unwrap_or(0);
                e.tag(Tag::new(TAG_TIME))?.map(2)?.u8(1)?.u64(seconds)?.i8(-3)?.u64(rest)?
            }
            Self::List(list) => {
                e.array(u64::try_from(list.len()).unwrap_or(u64::MAX))?;
                for item in list {
                    item.encode(e, ctx)?;
                }
                e
            }
            Self::Map(map) => return encode_map(map, e, ctx),
        };
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Value {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        decode_value(d, DEPTH_MAX)
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "every other CBOR type is refused")]
fn decode_value(d: &mut Decoder<'_>, depth: usize) -> Result<Value, decode::Error> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(decode::Error::message("nested too deep"));
    };
    let kind = d.datatype()?;
    if is_integer(kind) {
        return Ok(Value::Int(d.i64()?));
    }
    match kind {
        Type::Null => d.null().map(|()| Value::Null),
        Type::Bool => d.bool().map(Value::Bool),
        Type::String => Ok(Value::Text(d.str()?.into())),
        Type::Bytes => Ok(Value::Bytes(d.bytes()?.to_vec())),
        Type::Tag => decode_tagged(d),
        Type::Array => {
            let n = d.array()?.ok_or_else(|| decode::Error::message("indefinite length"))?;
            (0..n).map(|_| decode_value(d, depth)).collect::<Result<_, _>>().map(Value::List)
        }
        Type::Map => {
            let n = d.map()?.ok_or_else(|| decode::Error::message("indefinite length"))?;
            let mut map = BTreeMap::new();
            for _ in 0..n {
                let key = Str::from(d.str()?);
                let value = decode_value(d, depth)?;
                if map.insert(key, value).is_some() {
                    return Err(decode::Error::message("a key stands twice"));
                }
            }
            Ok(Value::Map(map))
        }
        other => Err(decode::Error::type_mismatch(other)),
    }
}

const fn is_integer(kind: Type) -> bool {
    matches!(
        kind,
        Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::I8
            | Type::I16
            | Type::I32
            | Type::I64
            | Type::Int
    )
}

fn decode_tagged(d: &mut Decoder<'_>) -> Result<Value, decode::Error> {
    match d.tag()?.as_u64() {
        TAG_DAYS => d.i32().map(Value::Date),
        TAG_DECIMAL => {
            if d.array()? != Some(2) {
                return Err(decode::Error::message("a decimal is [exponent, mantissa]"));
            }
            let scale = d.i8()?.checked_neg().and_then(|n| u8::try_from(n).ok());
            let scale = scale
                .filter(|scale| *scale <= 9)
                .ok_or_else(|| decode::Error::message("decimal exponent not from -9 to 0"))?;
            Ok(Value::Decimal { mantissa: d.i64()?, scale })
        }
        TAG_TIME => {
            if d.map()? != Some(2) || d.u8()? != 1 {
                return Err(decode::Error::message("a time is {1: seconds, -3: milliseconds}"));
            }
            let seconds = d.u64()?;
            if d.i8()? != -3 {
                return Err(decode::Error::message("a time is {1: seconds, -3: milliseconds}"));
            }
            let ms = d.u64()?;
            let total = seconds.checked_mul(1000).and_then(|s| s.checked_add(ms));
            total
                .filter(|_| ms < 1000)
                .map(|ms| Value::Time(Timestamp(ms)))
                .ok_or_else(|| decode::Error::message("time out of range"))
        }
        _ => Err(decode::Error::message("unknown tag")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (any::<i64>(), 0_u8..=9)
                .prop_map(|(mantissa, scale)| Value::Decimal { mantissa, scale }),
            "\\PC{0,8}".prop_map(Value::from),
            prop::collection::vec(any::<u8>(), 0..8).prop_map(Value::Bytes),
            any::<i32>().prop_map(Value::Date),
            (0..=u64::MAX >> 1).prop_map(|ms| Value::Time(Timestamp(ms))),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::btree_map("\\PC{0,6}".prop_map(Str::from), inner, 0..4)
                    .prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_has_one_encoding(value in any_value()) {
            let bytes = cbor::encode(&value);
            prop_assert_eq!(cbor::decode::<Value>(&bytes, 1 << 20).unwrap(), value);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = cbor::decode::<Value>(&bytes, 64) {
                prop_assert_eq!(cbor::encode(&value), bytes);
            }
        }
    }

    #[test]
    fn keys_out_of_order_or_twice_are_refused() {
        assert!(cbor::decode::<Value>(&[0xa2, 0x61, b'b', 1, 0x61, b'a', 2], 64).is_err());
        assert!(cbor::decode::<Value>(&[0xa2, 0x61, b'a', 1, 0x61, b'a', 2], 64).is_err());
    }
}

//! Canonical CBOR (RFC 8949, section 4.2.1): definite lengths, shortest integers, map keys in
//! bytewise order of their encodings, no floats. One value has one encoding, so a digest of the
//! bytes is a digest of the value.
//!
//! Decoding is strict: nesting and length are bounded before anything is built, then the value
//! is decoded, encoded again, and must give the same bytes.

use minicbor::{Decode, Encode};

/// Deepest nesting of arrays, maps and tags that [`decode`] accepts.
pub const DEPTH_MAX: usize = 20;

/// Why bytes are not the canonical encoding of the wanted type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// Longer than the caller's limit, in bytes.
    #[error("{len} bytes where at most {max} are allowed")]
    TooLong {
        /// Length found.
        len: usize,
        /// Length allowed.
        max: usize,
    },
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// Not CBOR, a forbidden item (float, indefinite length), or not of the wanted shape.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Well-formed, but not the one canonical encoding.
    #[error("not in canonical form")]
    NotCanonical,
}

/// The canonical encoding of `value`.
#[must_use]
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    encode_onto(&mut out, value);
    out
}

/// Writes the canonical encoding of `value` after what `out` holds.
pub fn encode_onto<T: Encode<()>>(out: &mut Vec<u8>, value: &T) {
    let before = out.len();
    // Writing to a vector cannot fail, and our own Encode impls raise no error of their own.
    if minicbor::encode(value, &mut *out).is_err() {
        out.truncate(before);
    }
}

/// Decodes bytes that [`encode`] made, as a digest told before: nothing is checked a second time.
///
/// # Errors
/// [`CborError::Malformed`] when they are of another shape.
pub fn decode_own<T: for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Result<T, CborError> {
    minicbor::decode(bytes).map_err(|e| CborError::Malformed(e.to_string()))
}

/// Decodes one value of at most `max` bytes and refuses every encoding but the canonical one.
///
/// # Errors
/// See [`CborError`]. Cost is bounded by `max` before anything is allocated.
pub fn decode<T>(bytes: &[u8], max: usize) -> Result<T, CborError>
where
    T: for<'b> Decode<'b, ()> + Encode<()>,
{
    if bytes.len() > max {
        return Err(CborError::TooLong { len: bytes.len(), max });
    }
    check_well_formed(bytes)?;
    let value: T = minicbor::decode(bytes).map_err(|e| CborError::Malformed(e.to_string()))?;
    let mut rest = Expected(bytes);
    match minicbor::encode(&value, &mut rest) {
        Ok(()) if rest.0.is_empty() => Ok(value),
        Ok(()) | Err(_) => Err(CborError::NotCanonical),
    }
}

/// Takes bytes only as long as they are the expected ones; these are what is left of them.
struct Expected<'b>(&'b [u8]);

impl minicbor::encode::Write for Expected<'_> {
    type Error = Unexpected;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Unexpected> {
        self.0 = self.0.strip_prefix(bytes).ok_or(Unexpected)?;
        Ok(())
    }
}

/// Other bytes than the expected ones.
#[derive(Debug, thiserror::Error)]
#[error("not as expected")]
struct Unexpected;

/// Walks the items without building anything: depth, definite lengths, no floats, one item.
fn check_well_formed(bytes: &[u8]) -> Result<(), CborError> {
    use minicbor::data::Type;
    let malformed = |e: minicbor::decode::Error| CborError::Malformed(e.to_string());
    let mut d = minicbor::Decoder::new(bytes);
    // Items still expected at each open level.
    let mut open: Vec<u64> = vec![1];
    while let Some(left) = open.last_mut() {
        if *left == 0 {
            open.pop();
            continue;
        }
        *left = left.saturating_sub(1);
        let nested = match d.datatype().map_err(malformed)? {
            Type::Array => d.array().map_err(malformed)?,
            Type::Map => d.map().map_err(malformed)?.map(|n| n.saturating_mul(2)),
            Type::Tag => {
                d.tag().map_err(malformed)?;
                Some(1)
            }
            Type::F16
            | Type::F32
            | Type::F64
            | Type::BytesIndef
            | Type::StringIndef
            | Type::ArrayIndef
            | Type::MapIndef
            | Type::Undefined
            | Type::Simple
            | Type::Break
            | Type::Unknown(_) => {
                return Err(CborError::Malformed("a kind of item that is never used".into()));
            }
            Type::Bool
            | Type::Null
            | Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::I8
            | Type::I16
            | Type::I32
            | Type::I64
            | Type::Int
            | Type::Bytes
            | Type::String => {
                d.skip().map_err(malformed)?;
                continue;
            }
        };
        let Some(items) = nested else {
            return Err(CborError::Malformed("indefinite length".into()));
        };
        if open.len() >= DEPTH_MAX {
            return Err(CborError::TooDeep);
        }
        open.push(items);
    }
    if d.position() == bytes.len() {
        Ok(())
    } else {
        Err(CborError::Malformed("bytes after the end".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canonical_value_round_trips() {
        let bytes = encode(&vec![1_u64, 500, 70_000]);
        assert_eq!(decode::<Vec<u64>>(&bytes, 64).unwrap(), vec![1, 500, 70_000]);
    }

    #[test]
    fn long_integers_trailing_bytes_and_indefinite_lengths_are_refused() {
        assert_eq!(decode::<u64>(&[0x18, 0x01], 64), Err(CborError::NotCanonical));
        assert!(matches!(decode::<u64>(&[0x01, 0x01], 64), Err(CborError::Malformed(_))));
        assert!(matches!(
            decode::<Vec<u64>>(&[0x9f, 0x01, 0xff], 64),
            Err(CborError::Malformed(_))
        ));
        assert!(matches!(decode::<u64>(&[0x01], 0), Err(CborError::TooLong { .. })));
    }

    #[test]
    fn depth_and_claimed_lengths_are_bounded_before_anything_is_built() {
        let deep = vec![0x81; 1000];
        assert_eq!(decode::<Vec<u64>>(&deep, 4096), Err(CborError::TooDeep));
        let claims = [0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert!(matches!(decode::<Vec<u64>>(&claims, 64), Err(CborError::Malformed(_))));
    }
}

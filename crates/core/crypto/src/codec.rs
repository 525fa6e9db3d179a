//! The engine's plain binary encoding, read strictly: what certificates and state proofs are in.
//!
//! Unsigned integers are variable-length (7 bits a byte, lowest first, the high bit set on all
//! but the last byte, shortest form only) unless said to be fixed; digests and keys are as they
//! are; an optional value is a byte 0, or a byte 1 and the value.

use chaincity_types::Digest;

/// The bytes are not of the wanted form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bad;

/// A reader that never reads past the end.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `n` bytes.
    pub(crate) fn bytes(&mut self, n: usize) -> Result<&'a [u8], Bad> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(Bad)?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes, as an array.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        self.bytes(N)?.try_into().map_err(|_wrong_length| Bad)
    }

    pub(crate) fn digest(&mut self) -> Result<Digest, Bad> {
        self.array().map(Digest)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Bad> {
        self.array().map(|[byte]: [u8; 1]| byte)
    }

    /// Eight bytes, big-endian.
    pub(crate) fn fixed_u64(&mut self) -> Result<u64, Bad> {
        self.array().map(u64::from_be_bytes)
    }

    /// A variable-length integer in its shortest form.
    pub(crate) fn varint(&mut self) -> Result<u64, Bad> {
        let mut value: u64 = 0;
        for shift in (0..64_u32).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits.checked_shl(shift).ok_or(Bad)?;
            // Bits shifted out at the top, or a last byte that adds nothing.
            if shifted.checked_shr(shift) != Some(bits) || (byte == 0 && shift > 0) {
                return Err(Bad);
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Bad)
    }

    /// A variable-length count of at most `max`.
    pub(crate) fn count(&mut self, max: usize) -> Result<usize, Bad> {
        let count = usize::try_from(self.varint()?).map_err(|_too_large| Bad)?;
        if count <= max { Ok(count) } else { Err(Bad) }
    }

    /// An optional value.
    pub(crate) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Bad>,
    ) -> Result<Option<T>, Bad> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(Bad),
        }
    }

    /// That nothing is left.
    pub(crate) const fn end(&self) -> Result<(), Bad> {
        if self.rest.is_empty() { Ok(()) } else { Err(Bad) }
    }
}

/// Writes a variable-length integer.
pub(crate) fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        let [low, ..] = value.to_le_bytes();
        out.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    out.push(low);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_round_trip(value: u64) {
            let mut out = Vec::new();
            write_varint(&mut out, value);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint(), Ok(value));
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn each_integer_has_one_form(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let mut reader = Reader::new(&bytes);
            if let Ok(value) = reader.varint() {
                let mut out = Vec::new();
                write_varint(&mut out, value);
                prop_assert_eq!(&out[..], &bytes[..out.len()]);
            }
        }
    }

    #[test]
    fn the_largest_integer_is_read_and_more_is_refused() {
        let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Reader::new(&largest).varint(), Ok(u64::MAX));
        let more = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(Reader::new(&more).varint(), Err(Bad));
        assert_eq!(Reader::new(&[0x80, 0x00]).varint(), Err(Bad));
    }
}

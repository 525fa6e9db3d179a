//! What keys and ids are bound to: a ledger, a sector or list, and a key epoch.

use std::fmt;

use chaincity_types::{Digest, cbor};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use crate::SectorError;

/// Most characters of a sector's or list's name.
pub const NAME_CHARS_MAX: usize = 64;

/// What a key is for. Each has a domain of its own, so that no answer of one serves the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Purpose {
    /// Ids of a sector, by its stewards.
    #[n(1)]
    Sector,
    /// Questions about one list, by its owner.
    #[n(2)]
    List,
}

/// The name of a sector or list: a-z, 0-9 and inner hyphens, a letter first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// A name.
    ///
    /// # Errors
    /// [`SectorError::Name`].
    pub fn new(text: &str) -> Result<Self, SectorError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let fits = text.len() <= NAME_CHARS_MAX
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && text.bytes().all(allowed);
        if fits { Ok(Self(text.to_owned())) } else { Err(SectorError::Name) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<C> Encode<C> for Name {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Name {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Self::new(d.str()?).map_err(|error| decode::Error::message(error.to_string()))
    }
}

/// The number of a key's epoch, from 1. A new epoch is a new key, and so new ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(u32);

impl Epoch {
    /// An epoch.
    ///
    /// # Errors
    /// [`SectorError::Epoch`] for 0.
    pub const fn new(number: u32) -> Result<Self, SectorError> {
        if number == 0 { Err(SectorError::Epoch) } else { Ok(Self(number)) }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl<C> Encode<C> for Epoch {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.u32(self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Epoch {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Self::new(d.u32()?).map_err(|error| decode::Error::message(error.to_string()))
    }
}

/// What a key is bound to: another scope has another key, and gives the same person another id.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Scope {
    /// Sector or list.
    #[n(1)]
    pub purpose: Purpose,
    /// The ledger's id.
    #[n(2)]
    pub ledger: Digest,
    /// The sector's or list's name.
    #[n(3)]
    pub name: Name,
    /// The key epoch.
    #[n(4)]
    pub epoch: Epoch,
}

impl Scope {
    /// The domain and the canonical CBOR of the scope: `info` of the key's derivation.
    pub(crate) fn info(&self) -> Vec<u8> {
        let domain = match self.purpose {
            Purpose::Sector => "chaincity/sector/1",
            Purpose::List => "chaincity/list/1",
        };
        [domain.as_bytes(), &cbor::encode(self)].concat()
    }
}

/// The id of a person in a sector: the same in all offices of the sector while its epoch lasts,
/// and nothing that the person could be computed from without the stewards.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SectorId {
    /// The sector.
    pub sector: Name,
    /// The epoch of the key that made it.
    pub epoch: Epoch,
    /// The first 32 bytes of the function's output.
    pub value: [u8; 32],
}

impl SectorId {
    /// Reads the text form, `sector.epoch.64 hexadecimal digits`, as `Display` writes it.
    ///
    /// # Errors
    /// [`SectorError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, SectorError> {
        let id = Self::read(text).filter(|id| id.to_string() == text);
        id.ok_or(SectorError::Malformed("a sector id"))
    }

    fn read(text: &str) -> Option<Self> {
        let (sector, rest) = text.split_once('.')?;
        let (epoch, value) = rest.split_once('.')?;
        Some(Self {
            sector: Name::new(sector).ok()?,
            epoch: Epoch::new(epoch.parse().ok()?).ok()?,
            value: Digest::from_hex(value).ok()?.0,
        })
    }
}

impl fmt::Display for SectorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.sector.as_str(), self.epoch.number(), hex::encode(self.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_has_one_text_form() {
        let id = SectorId {
            sector: Name::new("provident-fund").unwrap(),
            epoch: Epoch::new(3).unwrap(),
            value: [0xab; 32],
        };
        let text = format!("provident-fund.3.{}", "ab".repeat(32));
        assert_eq!(id.to_string(), text);
        assert_eq!(SectorId::parse(&text), Ok(id));
        for other in [
            text.to_uppercase(),
            text.replace(".3.", ".03."),
            text.replace(".3.", ".+3."),
            text.replace(".3.", ".0."),
            text.replace(".3.", "."),
            format!("{text}0"),
            format!(" {text}"),
        ] {
            assert!(SectorId::parse(&other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_name_can_stand_in_an_id() {
        for good in ["a", "provident-fund", "list2", &"a".repeat(NAME_CHARS_MAX)] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "2a", "A", "a.b", "a b", "公积金", &"a".repeat(65)] {
            assert_eq!(Name::new(bad), Err(SectorError::Name), "{bad}");
        }
        assert_eq!(Epoch::new(0), Err(SectorError::Epoch));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,100}") {
            if let Ok(id) = SectorId::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}

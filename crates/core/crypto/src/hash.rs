//! What each digest is taken of, and under which domain.
//!
//! Documents that have an identity of their own (genesis, headers) are hashed as they are, so
//! that any tool can recompute the digest of the file; parts are hashed under a domain, so that
//! one kind never passes for another.

use chaincity_types::wire::{Committee, Genesis, Header, LogicalKey, Version};
use chaincity_types::{Digest, cbor};

use crate::suite;

/// Domain of state keys.
pub const STATE: &str = "chaincity/state/1";
/// Domain of version bodies.
pub const BODY: &str = "chaincity/body/1";
/// Domain of committees.
pub const COMMITTEE: &str = "chaincity/committee/1";

/// Digest of plain bytes, without a domain: files, attachments, documents.
#[must_use]
pub fn plain(bytes: &[u8]) -> Digest {
    suite::digest(&[bytes])
}

/// Digest of `bytes` under `domain`.
#[must_use]
pub fn in_domain(domain: &str, bytes: &[u8]) -> Digest {
    suite::digest(&[domain.as_bytes(), bytes])
}

/// The ledger id: digest of the genesis document's canonical CBOR.
#[must_use]
pub fn ledger_id(genesis: &Genesis) -> Digest {
    plain(&cbor::encode(genesis))
}

/// The state key of a logical key: `digest("chaincity/state/1" ‖ CBOR)`.
#[must_use]
pub fn state_key(key: &LogicalKey) -> Digest {
    in_domain(STATE, &cbor::encode(key))
}

/// Digest of an encoded version body: `digest("chaincity/body/1" ‖ bytes)`.
#[must_use]
pub fn body_digest(bytes: &[u8]) -> Digest {
    in_domain(BODY, bytes)
}

/// Digest of a version: [`body_digest`] of its canonical CBOR.
#[must_use]
pub fn version_digest(version: &Version) -> Digest {
    body_digest(&cbor::encode(version))
}

/// Digest of a committee: `digest("chaincity/committee/1" ‖ CBOR)`.
#[must_use]
pub fn committee_digest(committee: &Committee) -> Digest {
    in_domain(COMMITTEE, &cbor::encode(committee))
}

/// The block digest, from the encoded header.
#[must_use]
pub fn block_digest(header: &[u8]) -> Digest {
    plain(header)
}

/// The block digest, from the header.
#[must_use]
pub fn header_digest(header: &Header) -> Digest {
    block_digest(&cbor::encode(header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_fips_180() {
        // FIPS 180-4 example: SHA-256("abc").
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(plain(b"abc").to_string(), abc);
        let mut pieces = suite::Digester::default();
        pieces.update(b"a");
        pieces.update(b"bc");
        assert_eq!(pieces.finish().to_string(), abc);
    }

    #[test]
    fn a_state_key_is_pinned() {
        let key = LogicalKey::Record {
            package: "real-estate".into(),
            register: "right".into(),
            key: "r-1".into(),
        };
        let bytes = cbor::encode(&key);
        assert_eq!(
            hex::encode(&bytes),
            "8201836b7265616c2d6573746174656572696768746372 2d31".replace(' ', "")
        );
        assert_eq!(state_key(&key), plain(&[b"chaincity/state/1".as_slice(), &bytes].concat()));
        assert_ne!(state_key(&key), body_digest(&bytes));
    }
}

//! What keeps bytes secret: AES-256-GCM (NIST SP 800-38D) and HMAC-SHA-256 (RFC 2104), under keys
//! that are wiped when dropped and never printed.
//!
//! A sealed message is nonce (12) ‖ ciphertext ‖ tag (16). The caller draws the nonce; under one
//! key none may come twice.

use std::fmt;

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Size of a secret, in bytes.
pub const SECRET_BYTES: usize = 32;
/// Size of a nonce, in bytes.
pub const NONCE_BYTES: usize = 12;
/// By how much a sealed message is longer than what it holds, in bytes: nonce and tag.
pub const OVERHEAD_BYTES: usize = 28;

/// 32 secret bytes: a key, a salt or a seed. Wiped from memory when dropped, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<[u8; SECRET_BYTES]>);

impl Secret {
    /// A secret from bytes that the caller drew from its operating system, or keeps.
    #[must_use]
    pub fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A secret from bytes of the right length.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_bytes)
    }

    /// The bytes; for storing or sealing them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// The sealed message does not open: another key, other associated data, or an altered byte.
/// Which of them, nobody can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("does not open: another key, another context, or altered bytes")]
pub struct NotOpened;

/// Seals `plaintext` under `key`, bound to `associated`.
#[must_use]
pub fn seal(
    key: &Secret,
    nonce: &[u8; NONCE_BYTES],
    associated: &[u8],
    plaintext: &[u8],
) -> Vec<u8> {
    let cipher = Aes256Gcm::new(key.as_bytes().into());
    let payload = Payload { msg: plaintext, aad: associated };
    // The cipher refuses messages from 64 GiB on alone; what is sealed here is far below. An empty
    // message opens under no key.
    let sealed = cipher.encrypt(nonce.into(), payload).unwrap_or_default();
    [nonce.as_slice(), &sealed].concat()
}

/// Opens a sealed message.
///
/// # Errors
/// [`NotOpened`].
pub fn open(
    key: &Secret,
    associated: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(NotOpened)?;
    let cipher = Aes256Gcm::new(key.as_bytes().into());
    let payload = Payload { msg: rest, aad: associated };
    let opened = cipher.decrypt(nonce.into(), payload).map_err(|_same_for_all| NotOpened)?;
    Ok(Zeroizing::new(opened))
}

/// The keyed digest of the concatenation of `parts`, to be made only by who has the key.
#[must_use]
pub fn keyed_digest(key: &Secret, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    // RFC 2104 pads the key with zeros to the digest's block.
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(key.as_bytes()) {
        *to = *from;
    }
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// A key for one purpose, derived from another; the same for the same purpose.
#[must_use]
pub fn derive(key: &Secret, purpose: &str) -> Secret {
    Secret(keyed_digest(key, &[purpose.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::from_slice(&hex::decode(text).unwrap()).unwrap()
    }

    #[test]
    fn the_cipher_is_that_of_the_published_vectors() {
        // McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16.
        let key = secret("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        let nonce: [u8; NONCE_BYTES] =
            hex::decode("cafebabefacedbaddecaf888").unwrap()[..].try_into().unwrap();
        let plaintext = hex::decode(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
             1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        )
        .unwrap();
        let associated = hex::decode("feedfacedeadbeeffeedfacedeadbeefabaddad2").unwrap();
        let sealed = seal(&key, &nonce, &associated, &plaintext);
        assert_eq!(
            hex::encode(&sealed[NONCE_BYTES..]),
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
             8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"
        );
        assert_eq!(open(&key, &associated, &sealed).unwrap().as_slice(), plaintext);
    }

    #[test]
    fn the_keyed_digest_is_that_of_rfc_4231() {
        // Test case 4, its key of 25 bytes padded with zeros as RFC 2104 does.
        let key = secret(
            "0102030405060708090a0b0c0d0e0f101112131415161718190000000000000000".get(..64).unwrap(),
        );
        let data = [0xcd; 50];
        assert_eq!(
            hex::encode(keyed_digest(&key, &[&data[..20], &data[20..]]).as_slice()),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
        );
    }

    #[test]
    fn another_key_context_or_byte_does_not_open() {
        let key = Secret::from_bytes([1; 32]);
        let sealed = seal(&key, &[2; 12], b"context", b"value");
        assert_eq!(sealed.len(), 5 + OVERHEAD_BYTES);
        assert_eq!(open(&key, b"context", &sealed).unwrap().as_slice(), b"value");
        assert_eq!(open(&Secret::from_bytes([3; 32]), b"context", &sealed), Err(NotOpened));
        assert_eq!(open(&key, b"other", &sealed), Err(NotOpened));
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(open(&key, b"context", &altered), Err(NotOpened), "byte {at}");
            assert_eq!(open(&key, b"context", &sealed[..at]), Err(NotOpened), "length {at}");
        }
    }

    #[test]
    fn keys_for_two_purposes_differ_and_none_is_printed() {
        let key = Secret::from_bytes([0xab; 32]);
        assert_ne!(derive(&key, "a"), derive(&key, "b"));
        assert_eq!(derive(&key, "a"), derive(&key, "a"));
        assert_eq!(format!("{key:?}"), "Secret(redacted)");
    }
}

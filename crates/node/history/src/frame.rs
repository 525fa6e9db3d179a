//! How values are wrapped on the disk so that a damaged one is found when it is read.
//!
//! A stored value is a 16-byte tag and then the value. The tag is the first half of the digest of
//! `chaincity/history/1`, the keyspace's name, a zero byte, the key's length (8 bytes,
//! big-endian), the key and the value, so a value can also not pass for that of another key.
//! Bodies carry no tag: their key is their digest.

use chaincity_crypto::suite;
use chaincity_types::Digest;

use crate::HistoryError;
use crate::kv::Space;

const DOMAIN: &[u8] = b"chaincity/history/1";
const TAG_BYTES: usize = 16;

fn full(space: Space, key: &[u8], value: &[u8]) -> Digest {
    let length = u64::try_from(key.len()).unwrap_or(u64::MAX).to_be_bytes();
    suite::digest(&[DOMAIN, space.name().as_bytes(), &[0], &length, key, value])
}

/// The value with its tag before it.
pub(crate) fn seal(space: Space, key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = unsealed(value.len());
    out.extend_from_slice(value);
    close(space, key, out)
}

/// Room for a tag, and then for a value of about so many bytes that is written in place: for large
/// ones, which are not to be copied.
pub(crate) fn unsealed(bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.saturating_add(TAG_BYTES));
    out.resize(TAG_BYTES, 0);
    out
}

/// Puts the tag before a value that was written after [`unsealed`].
pub(crate) fn close(space: Space, key: &[u8], mut out: Vec<u8>) -> Vec<u8> {
    if let Some((tag, value)) = out.split_at_mut_checked(TAG_BYTES) {
        let digest = full(space, key, value);
        tag.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
    }
    out
}

/// The value without its tag.
///
/// # Errors
/// [`HistoryError::Damaged`] when the tag is not that of this keyspace, key and value.
pub(crate) fn open(space: Space, key: &[u8], stored: &[u8]) -> Result<Vec<u8>, HistoryError> {
    let damaged = || HistoryError::damaged(format!("`{}` entry", space.name()));
    let (tag, value) = stored.split_at_checked(TAG_BYTES).ok_or_else(damaged)?;
    let digest = full(space, key, value);
    if digest.as_bytes().starts_with(tag) { Ok(value.to_vec()) } else { Err(damaged()) }
}

/// What an entry adds to the sum of all entries held ([`crate::journal`]).
pub(crate) fn summand(space: Space, key: &[u8], value: &[u8]) -> Digest {
    match space {
        // The key is the digest of the value.
        Space::Bodies => full(space, key, &[]),
        Space::Blocks
        | Space::ByBlock
        | Space::ByTransaction
        | Space::Certificates
        | Space::Meta
        | Space::State => full(space, key, value),
    }
}

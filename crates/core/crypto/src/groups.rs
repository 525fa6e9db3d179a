//! Field groups: values that the ledger holds as commitments alone.
//!
//! A group's *bytes* are the canonical CBOR of its fields, a map; what they say is the package's
//! business. Its *salt* is 32 secret random bytes, new for each instance. The *commitment* is the
//! digest of both: it shows nothing of the values, and whoever is given salt and bytes checks them
//! against it. Where the group is stored, salt and bytes are sealed under a *data key* of their
//! own, bound to a [`GroupContext`]: destroying that key destroys the group.
//!
//! Of a group that its package places on the ledger, the field of the record *holds* the ciphertext
//! behind the commitment ([`placed`], [`held`]): every node has it, and who has the data key opens it.

use std::fmt;

use chaincity_types::{Digest, cbor};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::cipher::{self, NONCE_BYTES, NotOpened, OVERHEAD_BYTES, SECRET_BYTES, Secret};
use crate::suite;

/// Domain of commitments.
pub const GROUP: &str = "chaincity/group/1";
/// Largest group, in bytes. Scans and plans lie elsewhere; a group holds their digests.
pub const GROUP_BYTES_MAX: usize = 65_536;
/// Size of a commitment, in bytes.
const COMMITMENT_BYTES: usize = 32;
/// What stands in a field beside a placed group's own bytes: commitment, nonce, tag and salt.
const PLACED_OVERHEAD_BYTES: usize = COMMITMENT_BYTES + OVERHEAD_BYTES + SECRET_BYTES;
/// Largest group that can be placed on the ledger, in bytes: what then stands in the field is as long
/// as any field's bytes may be, 16,384.
pub const PLACED_GROUP_BYTES_MAX: usize = 16_384 - PLACED_OVERHEAD_BYTES;

/// What a record's field holds of a group that is placed on the ledger: commitment ‖ sealed group.
#[must_use]
pub fn placed(commitment: &Digest, sealed: &[u8]) -> Vec<u8> {
    [commitment.as_bytes().as_slice(), sealed].concat()
}

/// The commitment that a record's field holds, and the sealed group where that is placed on the ledger.
/// `None` for bytes that are neither; whether the sealed group opens, its data key tells.
#[must_use]
pub fn held(field: &[u8]) -> Option<(Digest, Option<&[u8]>)> {
    let (commitment, sealed) = field.split_first_chunk::<COMMITMENT_BYTES>()?;
    let group = field.len().checked_sub(PLACED_OVERHEAD_BYTES);
    // A map of no fields is one byte.
    let is_placed = group.is_some_and(|group| (1..=PLACED_GROUP_BYTES_MAX).contains(&group));
    (sealed.is_empty() || is_placed).then_some((Digest(*commitment), is_placed.then_some(sealed)))
}

/// Why a group was not sealed or opened. No variant holds anything of the group or of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// The group is longer than [`GROUP_BYTES_MAX`].
    #[error("the group is longer than {GROUP_BYTES_MAX} bytes")]
    TooLong,
    /// Another key, another context, or altered bytes.
    #[error("the group does not open: another key, another context, or altered bytes")]
    NotOpened,
    /// It opens, but is not what the commitment was made of.
    #[error("the group is not what its commitment was made of")]
    CommitmentDiffers,
    /// It was sealed for another release than the one expected.
    #[error("the envelope is of another release")]
    ContextDiffers,
    /// The reader's one-time key is no usable X25519 key.
    #[error("the reader's one-time key is not usable")]
    ReaderKey,
    /// The bytes are no envelope.
    #[error("not an envelope")]
    Envelope,
}

impl GroupError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "group-too-long",
            Self::NotOpened => "group-not-opened",
            Self::CommitmentDiffers => "commitment-differs",
            Self::ContextDiffers => "context-differs",
            Self::ReaderKey => "reader-key-invalid",
            Self::Envelope => "envelope-malformed",
        }
    }
}

impl From<NotOpened> for GroupError {
    fn from(_: NotOpened) -> Self {
        Self::NotOpened
    }
}

/// What a stored group is bound to: the associated data of its ciphertext. Which record's version
/// holds the commitment, the ledger says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GroupContext {
    /// Ledger id.
    #[n(1)]
    pub ledger: Digest,
    /// Package identifier.
    #[n(2)]
    pub package: String,
    /// Register.
    #[n(3)]
    pub register: String,
    /// Name of the group in the register.
    #[n(4)]
    pub group: String,
    /// Commitment of this instance.
    #[n(5)]
    pub commitment: Digest,
}

/// A group in the clear: salt and bytes. Wiped from memory when dropped, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Group {
    salt: Secret,
    bytes: Zeroizing<Vec<u8>>,
}

impl Group {
    /// A group of these bytes, with a salt that the caller drew.
    ///
    /// # Errors
    /// [`GroupError::TooLong`].
    pub fn new(salt: Secret, bytes: &[u8]) -> Result<Self, GroupError> {
        if bytes.len() > GROUP_BYTES_MAX {
            return Err(GroupError::TooLong);
        }
        Ok(Self { salt, bytes: Zeroizing::new(bytes.to_vec()) })
    }

    /// The salt.
    #[must_use]
    pub const fn salt(&self) -> &Secret {
        &self.salt
    }

    /// The canonical CBOR of the fields.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The commitment: digest("chaincity/group/1" ‖ salt ‖ bytes).
    #[must_use]
    pub fn commitment(&self) -> Digest {
        suite::digest(&[GROUP.as_bytes(), self.salt.as_bytes(), &self.bytes])
    }

    /// Seals the group for storing, under a data key that nothing else was sealed with.
    ///
    /// # Errors
    /// [`GroupError::CommitmentDiffers`] when the context names another commitment.
    pub fn seal(
        &self,
        key: &Secret,
        nonce: &[u8; NONCE_BYTES],
        context: &GroupContext,
    ) -> Result<Vec<u8>, GroupError> {
        self.check(&context.commitment)?;
        Ok(cipher::seal(key, nonce, &cbor::encode(context), &self.plaintext()))
    }

    /// Opens a stored group and checks it against its commitment.
    ///
    /// # Errors
    /// [`GroupError::NotOpened`], [`GroupError::CommitmentDiffers`].
    pub fn open(key: &Secret, context: &GroupContext, sealed: &[u8]) -> Result<Self, GroupError> {
        let plaintext = cipher::open(key, &cbor::encode(context), sealed)?;
        Self::from_plaintext(&plaintext, &context.commitment)
    }

    /// Whether this is what `commitment` was made of.
    ///
    /// # Errors
    /// [`GroupError::CommitmentDiffers`].
    pub fn check(&self, commitment: &Digest) -> Result<(), GroupError> {
        if self.commitment() == *commitment { Ok(()) } else { Err(GroupError::CommitmentDiffers) }
    }

    /// Salt ‖ bytes: what is sealed, in stores and in envelopes.
    pub(crate) fn plaintext(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([self.salt.as_bytes().as_slice(), &self.bytes].concat())
    }

    pub(crate) fn from_plaintext(
        plaintext: &[u8],
        commitment: &Digest,
    ) -> Result<Self, GroupError> {
        let (salt, bytes) =
            plaintext.split_first_chunk::<SECRET_BYTES>().ok_or(GroupError::CommitmentDiffers)?;
        let group = Self::new(Secret::from_bytes(*salt), bytes)?;
        group.check(commitment)?;
        Ok(group)
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Group(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"holder": "张三"}`.
    const BYTES: &[u8] = b"\xa1\x66holder\x66\xe5\xbc\xa0\xe4\xb8\x89";

    fn group() -> Group {
        Group::new(Secret::from_bytes([7; 32]), BYTES).unwrap()
    }

    fn context() -> GroupContext {
        GroupContext {
            ledger: Digest([9; 32]),
            package: "real-estate".into(),
            register: "right".into(),
            group: "holder".into(),
            commitment: group().commitment(),
        }
    }

    #[test]
    fn a_commitment_and_a_ciphertext_are_pinned() {
        // The vector of docs/formats.md, section 12.
        assert_eq!(
            group().commitment().to_string(),
            "434fd8cefa32676e0e83ee121f92e9cbe7f15f53bd5f924e7a66fa7a690d99ca"
        );
        let sealed = group().seal(&Secret::from_bytes([8; 32]), &[5; 12], &context()).unwrap();
        assert_eq!(
            hex::encode(sealed),
            "050505050505050505050505166503ed509bd049cd0aad2912757ef5939a4b500302eb99e793d927fe2b23d2\
             170a158816936189e2e0ab86e1c1b72076bb2cffc7dadbd1d60fca4a5dff53"
        );
    }

    #[test]
    fn another_salt_or_byte_gives_another_commitment() {
        let commitment = group().commitment();
        let salted = Group::new(Secret::from_bytes([6; 32]), BYTES).unwrap();
        assert_eq!(salted.check(&commitment), Err(GroupError::CommitmentDiffers));
        let other = Group::new(Secret::from_bytes([7; 32]), &BYTES[..BYTES.len() - 1]).unwrap();
        assert_eq!(other.check(&commitment), Err(GroupError::CommitmentDiffers));
        assert_eq!(group().check(&commitment), Ok(()));
    }

    #[test]
    fn a_stored_group_opens_in_its_own_context_alone() {
        let key = Secret::from_bytes([8; 32]);
        let sealed = group().seal(&key, &[5; 12], &context()).unwrap();
        assert_eq!(Group::open(&key, &context(), &sealed).unwrap(), group());
        let others = [
            GroupContext { ledger: Digest([1; 32]), ..context() },
            GroupContext { package: "identity".into(), ..context() },
            GroupContext { register: "unit".into(), ..context() },
            GroupContext { group: "price".into(), ..context() },
            GroupContext { commitment: Digest([1; 32]), ..context() },
        ];
        for other in others {
            assert_eq!(Group::open(&key, &other, &sealed), Err(GroupError::NotOpened), "{other:?}");
        }
        let wrong = Secret::from_bytes([1; 32]);
        assert_eq!(Group::open(&wrong, &context(), &sealed), Err(GroupError::NotOpened));
        let mut altered = sealed;
        altered[20] ^= 1;
        assert_eq!(Group::open(&key, &context(), &altered), Err(GroupError::NotOpened));
    }

    #[test]
    fn a_false_commitment_is_refused_before_sealing_and_after_opening() {
        let key = Secret::from_bytes([8; 32]);
        let false_context = GroupContext { commitment: Digest([1; 32]), ..context() };
        let refused = group().seal(&key, &[5; 12], &false_context);
        assert_eq!(refused, Err(GroupError::CommitmentDiffers));
        // A store that sealed under a false commitment all the same.
        let associated = cbor::encode(&false_context);
        let sealed = cipher::seal(&key, &[5; 12], &associated, &group().plaintext());
        let opened = Group::open(&key, &false_context, &sealed);
        assert_eq!(opened, Err(GroupError::CommitmentDiffers));
    }

    #[test]
    fn a_placed_group_is_held_behind_its_commitment_within_bounds() {
        let key = Secret::from_bytes([8; 32]);
        let sealed = group().seal(&key, &[5; 12], &context()).unwrap();
        let commitment = group().commitment();
        let field = placed(&commitment, &sealed);
        assert_eq!(held(&field), Some((commitment, Some(sealed.as_slice()))));
        assert_eq!(held(commitment.as_bytes()), Some((commitment, None)));
        // No field is longer than this: the limit of the package language.
        assert_eq!(PLACED_GROUP_BYTES_MAX + PLACED_OVERHEAD_BYTES, 16_384);
        for wrong in [0, 31, 33, PLACED_OVERHEAD_BYTES, 16_385] {
            assert_eq!(held(&vec![0; wrong]), None, "{wrong}");
        }
        for right in [PLACED_OVERHEAD_BYTES + 1, 16_384] {
            assert!(held(&vec![0; right]).unwrap().1.is_some(), "{right}");
        }
    }

    #[test]
    fn a_group_is_bounded_and_never_printed() {
        let long = vec![0; GROUP_BYTES_MAX + 1];
        assert_eq!(Group::new(Secret::from_bytes([7; 32]), &long), Err(GroupError::TooLong));
        assert_eq!(format!("{:?}", group()), "Group(redacted)");
    }
}

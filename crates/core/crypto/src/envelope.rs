//! Envelopes: groups sealed for one reader's one-time key, handed over when the release is final.
//!
//! Sealed by HPKE (RFC 9180, base mode) with the suite DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
//! AES-256-GCM; each group by one single-shot operation of its own, bound to a [`ReleaseContext`].
//! The reader makes a key pair for one access and names its public key in it, so an envelope opens
//! for that access alone. The release on the ledger names the envelope's digest.

use std::convert::Infallible;
use std::fmt;

use chaincity_types::{Digest, cbor};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::cipher::Secret;
use crate::groups::{GROUP_BYTES_MAX, Group, GroupError};
use crate::hash;

/// The HPKE `info` of every envelope.
pub const RELEASE: &str = "chaincity/release/1";
/// Size of a reader's one-time public key, in bytes.
pub const READER_KEY_BYTES: usize = 32;
/// Most groups and claims in one envelope.
pub const GROUPS_MAX: usize = 64;
/// Largest envelope, in bytes.
pub const ENVELOPE_BYTES_MAX: usize = 1 << 20;

type PrivateKey = <X25519HkdfSha256 as hpke::Kem>::PrivateKey;
type ReaderPublicKey = <X25519HkdfSha256 as hpke::Kem>::PublicKey;
type Encapsulated = <X25519HkdfSha256 as hpke::Kem>::EncappedKey;

/// What a released group is bound to: the associated data of its ciphertext.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReleaseContext {
    /// Ledger id.
    #[n(1)]
    pub ledger: Digest,
    /// Key of the access that it answers.
    #[n(2)]
    pub access: String,
    /// Package identifier.
    #[n(3)]
    pub package: String,
    /// Register.
    #[n(4)]
    pub register: String,
    /// Record key.
    #[n(5)]
    pub record: String,
    /// Number of the record's version that holds the commitment.
    #[n(6)]
    pub version: u64,
    /// Name of the group in the register.
    #[n(7)]
    pub group: String,
    /// The commitment.
    #[n(8)]
    pub commitment: Digest,
    /// The claim that follows from the group, when that is released in the group's place.
    #[n(9)]
    pub claim: Option<String>,
}

/// One group, or one claim that follows from it, sealed for the reader.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SealedGroup {
    /// What it is; the reader compares it with its access and with the ledger.
    #[n(1)]
    pub context: ReleaseContext,
    /// The encapsulated key, `enc` of RFC 9180: 32 bytes.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub encapsulated: Vec<u8>,
    /// Ciphertext and tag of salt ‖ bytes; of a claim's signed statement.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub ciphertext: Vec<u8>,
}

/// What the reader is handed: the groups and claims of one access.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Envelope {
    /// The groups, each followed by its claims: 1 to [`GROUPS_MAX`] of both.
    #[n(1)]
    pub groups: Vec<SealedGroup>,
}

impl Envelope {
    /// The bytes that are kept and handed over.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// An envelope from its bytes.
    ///
    /// # Errors
    /// [`GroupError::Envelope`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GroupError> {
        let envelope: Self =
            cbor::decode(bytes, ENVELOPE_BYTES_MAX).map_err(|_any| GroupError::Envelope)?;
        let count = envelope.groups.len();
        if (1..=GROUPS_MAX).contains(&count) { Ok(envelope) } else { Err(GroupError::Envelope) }
    }

    /// The digest that a release names: of the bytes, without a domain, as any tool takes it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        hash::plain(&self.to_bytes())
    }
}

/// A reader's one-time key. It is wiped from memory when dropped, and never printed.
#[derive(Clone)]
pub struct ReaderKey(PrivateKey);

impl ReaderKey {
    /// The key derived (RFC 9180, `DeriveKeyPair`) from a seed that the reader draws for one
    /// access, and keeps until it has the envelope.
    #[must_use]
    pub fn from_seed(seed: &Secret) -> Self {
        Self(X25519HkdfSha256::derive_keypair(seed.as_bytes()).0)
    }

    /// The public key, which the access names.
    #[must_use]
    pub fn public_key(&self) -> [u8; READER_KEY_BYTES] {
        X25519HkdfSha256::sk_to_pk(&self.0).to_bytes().into()
    }
}

impl fmt::Debug for ReaderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReaderKey(redacted)")
    }
}

/// Seals a group for `reader`. `entropy` is drawn by the caller for this one call.
///
/// # Errors
/// [`GroupError::CommitmentDiffers`] when the context names another commitment;
/// [`GroupError::ReaderKey`].
pub fn seal(
    reader: &[u8; READER_KEY_BYTES],
    context: ReleaseContext,
    group: &Group,
    entropy: &Secret,
) -> Result<SealedGroup, GroupError> {
    group.check(&context.commitment)?;
    if context.claim.is_some() {
        return Err(GroupError::ContextDiffers);
    }
    seal_in(reader, context, &group.plaintext(), entropy)
}

/// Seals a claim's signed statement for `reader`; the context names the claim.
///
/// # Errors
/// [`GroupError::ContextDiffers`] when it names none; [`GroupError::ReaderKey`].
pub fn seal_claim(
    reader: &[u8; READER_KEY_BYTES],
    context: ReleaseContext,
    statement: &[u8],
    entropy: &Secret,
) -> Result<SealedGroup, GroupError> {
    if context.claim.is_none() {
        return Err(GroupError::ContextDiffers);
    }
    seal_in(reader, context, statement, entropy)
}

fn seal_in(
    reader: &[u8; READER_KEY_BYTES],
    context: ReleaseContext,
    plaintext: &[u8],
    entropy: &Secret,
) -> Result<SealedGroup, GroupError> {
    let associated = cbor::encode(&context);
    let (encapsulated, ciphertext) =
        seal_bytes(reader, RELEASE.as_bytes(), &associated, plaintext, entropy)?;
    Ok(SealedGroup { context, encapsulated: encapsulated.to_vec(), ciphertext })
}

/// Opens a released group and checks it against its commitment. `expected` is what the reader
/// knows from its access and from the ledger, never from the envelope.
///
/// # Errors
/// [`GroupError::ContextDiffers`], [`GroupError::NotOpened`], [`GroupError::CommitmentDiffers`].
pub fn open(
    key: &ReaderKey,
    sealed: &SealedGroup,
    expected: &ReleaseContext,
) -> Result<Group, GroupError> {
    if expected.claim.is_some() {
        return Err(GroupError::ContextDiffers);
    }
    let plaintext = open_in(key, sealed, expected)?;
    Group::from_plaintext(&plaintext, &expected.commitment)
}

/// Opens a released claim: its signed statement, which [`crate::claim::open`] reads.
///
/// # Errors
/// [`GroupError::ContextDiffers`], [`GroupError::NotOpened`].
pub fn open_claim(
    key: &ReaderKey,
    sealed: &SealedGroup,
    expected: &ReleaseContext,
) -> Result<Zeroizing<Vec<u8>>, GroupError> {
    if expected.claim.is_none() {
        return Err(GroupError::ContextDiffers);
    }
    open_in(key, sealed, expected)
}

fn open_in(
    key: &ReaderKey,
    sealed: &SealedGroup,
    expected: &ReleaseContext,
) -> Result<Zeroizing<Vec<u8>>, GroupError> {
    if sealed.context != *expected {
        return Err(GroupError::ContextDiffers);
    }
    let length_max = GROUP_BYTES_MAX.saturating_add(64);
    if sealed.ciphertext.len() > length_max {
        return Err(GroupError::TooLong);
    }
    let associated = cbor::encode(expected);
    open_bytes(key, &sealed.encapsulated, RELEASE.as_bytes(), &associated, &sealed.ciphertext)
}

fn seal_bytes(
    reader: &[u8; READER_KEY_BYTES],
    info: &[u8],
    associated: &[u8],
    plaintext: &[u8],
    entropy: &Secret,
) -> Result<([u8; READER_KEY_BYTES], Vec<u8>), GroupError> {
    let reader = ReaderPublicKey::from_bytes(reader).map_err(|_any| GroupError::ReaderKey)?;
    let (encapsulated, ciphertext) =
        hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &reader,
            info,
            plaintext,
            associated,
            &mut Given { next: entropy.clone() },
        )
        // With bounded lengths only a key of low order is refused.
        .map_err(|_any| GroupError::ReaderKey)?;
    Ok((encapsulated.to_bytes().into(), ciphertext))
}

fn open_bytes(
    key: &ReaderKey,
    encapsulated: &[u8],
    info: &[u8],
    associated: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, GroupError> {
    let encapsulated =
        Encapsulated::from_bytes(encapsulated).map_err(|_any| GroupError::NotOpened)?;
    hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &key.0,
        &encapsulated,
        info,
        ciphertext,
        associated,
    )
    .map(Zeroizing::new)
    .map_err(|_any| GroupError::NotOpened)
}

/// Hands the caller's entropy to the library, which asks for 32 bytes once. Should it ask for more,
/// it gets digests of what it got before.
struct Given {
    next: Secret,
}

impl rand_core::TryRng for Given {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        for chunk in to.chunks_mut(READER_KEY_BYTES) {
            for (to, from) in chunk.iter_mut().zip(self.next.as_bytes()) {
                *to = *from;
            }
            self.next = crate::cipher::derive(&self.next, RELEASE);
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Given {}

#[cfg(test)]
mod tests;

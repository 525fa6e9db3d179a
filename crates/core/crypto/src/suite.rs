//! The suite: signatures and digests behind one interface, and the only place that names an
//! algorithm.
//!
//! Protocol 1 has the one suite [`Suite::International`]: Ed25519 (RFC 8032) verified by the rule
//! of ZIP 215, and SHA-256 (FIPS 180-4). ZIP 215 gives one answer for every signature, alone or
//! in a batch, on every implementation; the looser and stricter rules in use elsewhere disagree
//! on crafted keys, which would split a ledger.

use std::convert::Infallible;
use std::fmt;

use chaincity_types::Digest;
use ed25519_zebra::{SigningKey, VerificationKey, VerificationKeyBytes, batch};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, Zeroizing};

/// A set of algorithms that a ledger uses together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Suite {
    /// Ed25519 (ZIP 215) and SHA-256.
    International,
}

impl Suite {
    /// The stable name, as files and documents write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::International => "international",
        }
    }

    /// The suite with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        (name == Self::International.name()).then_some(Self::International)
    }

    /// The signature algorithm's number in COSE (RFC 9053): EdDSA is -8.
    #[must_use]
    pub const fn cose_algorithm(self) -> i64 {
        match self {
            Self::International => -8,
        }
    }
}

/// Size of a public key, in bytes.
pub const PUBLIC_KEY_BYTES: usize = 32;
/// Size of a signature, in bytes.
pub const SIGNATURE_BYTES: usize = 64;
/// Size of the seed that a secret key is made from, in bytes.
pub const SEED_BYTES: usize = 32;

/// Digest of the concatenation of `parts`.
#[must_use]
pub fn digest(parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    Digest(hash.finalize().into())
}

/// Takes the digest of bytes that come piece by piece, such as those of a file.
#[derive(Clone, Debug, Default)]
pub struct Digester(Sha256);

impl Digester {
    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// A public key, as bytes: whether it is a usable one shows when a signature is verified.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; PUBLIC_KEY_BYTES]);

impl PublicKey {
    /// A key from its bytes. Every 32 bytes are accepted; a signature never verifies under bytes
    /// that are no point of the curve (see [`PublicKey::is_valid`]).
    #[must_use]
    pub const fn from_bytes(bytes: [u8; PUBLIC_KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// A key from bytes of the right length.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// A key from 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; PUBLIC_KEY_BYTES];
        hex::decode_to_slice(text, &mut bytes).ok().map(|()| Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        &self.0
    }

    /// Whether some signature could verify under this key: the bytes are a point of the curve.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        VerificationKey::try_from(self.0).is_ok()
    }

    /// Whether `signature` is this key's signature of `message`, by the rule of ZIP 215.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        VerificationKey::try_from(self.0)
            .is_ok_and(|key| key.verify(&signature.0.into(), message).is_ok())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// A signature, as bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature([u8; SIGNATURE_BYTES]);

impl Signature {
    /// A signature from its bytes; whether it is one shows when it is verified.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SIGNATURE_BYTES]) -> Self {
        Self(bytes)
    }

    /// A signature from bytes of the right length.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SIGNATURE_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", hex::encode(self.0))
    }
}

/// A secret key. It is wiped from memory when dropped, and never printed.
///
/// Signatures are deterministic: the same key and message give the same signature.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key made from a seed of 32 secret, uniformly random bytes, which the caller draws
    /// from its operating system.
    #[must_use]
    pub fn from_seed(seed: &[u8; SEED_BYTES]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed that the key was made from; for storing it.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; SEED_BYTES]> {
        Zeroizing::new(*self.0.as_bytes())
    }

    /// The public key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(VerificationKeyBytes::from(&self.0).into())
    }

    /// Signs `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(redacted, public {})", self.public_key())
    }
}

/// One signature to verify among others.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Who is said to have signed.
    pub key: &'a PublicKey,
    /// What is said to have been signed.
    pub message: &'a [u8],
    /// The signature.
    pub signature: &'a Signature,
}

/// Verifies many signatures together, at about half to a quarter of the cost of one by one;
/// larger batches and repeated keys pay most.
///
/// The answer is the same as verifying each alone, but for a chance of 2⁻¹²⁸ (see [`Weights`]).
///
/// # Errors
/// The positions of the signatures that do not verify, ascending; found one by one, so a batch
/// with a bad signature costs more than single verification of all.
pub fn verify_batch(claims: &[Claim<'_>]) -> Result<(), Vec<usize>> {
    let mut verifier = batch::Verifier::new();
    let mut seed = Sha256::new();
    seed.update(b"chaincity/batch/1");
    let mut items = Vec::with_capacity(claims.len());
    for claim in claims {
        seed.update(claim.key.0);
        seed.update(claim.signature.0);
        seed.update(Sha256::digest(claim.message));
        let signature = ed25519_zebra::Signature::from(claim.signature.0);
        let item =
            batch::Item::from((VerificationKeyBytes::from(claim.key.0), signature, claim.message));
        items.push(item.clone());
        verifier.queue(item);
    }
    let weights = Weights { seed: seed.finalize().into(), counter: 0 };
    if verifier.verify(weights).is_ok() {
        return Ok(());
    }
    let bad: Vec<usize> = items
        .into_iter()
        .enumerate()
        .filter(|(_, item)| item.clone().verify_single().is_err())
        .map(|(position, _)| position)
        .collect();
    if bad.is_empty() { Ok(()) } else { Err(bad) }
}

/// The weights of a batch's linear combination, drawn from a digest of the whole batch.
///
/// A batch holds when Σ zᵢ·(equation i) holds. The weights zᵢ must not be known before the
/// signatures are fixed, else errors could be made to cancel. Here they are a function of all
/// keys, signatures and messages (each of fixed length: messages by their digest), as in the
/// Fiat–Shamir transform: changing anything changes every weight. Each attempt of a forger thus
/// succeeds with a chance of 2⁻¹²⁸, as with weights from a random source, and this crate needs
/// none.
struct Weights {
    seed: [u8; 32],
    counter: u64,
}

impl rand_core::TryRng for Weights {
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

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(32) {
            let block = digest(&[&self.seed, &self.counter.to_be_bytes()]);
            self.counter = self.counter.saturating_add(1);
            for (to, from) in chunk.iter_mut().zip(block.as_bytes()) {
                *to = *from;
            }
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Weights {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    /// RFC 8032, section 7.1: seed, public key, message, signature.
    const RFC_8032: [(&str, &str, &str, &str); 3] = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];

    #[test]
    fn signatures_are_those_of_rfc_8032() {
        for (seed, public, message, signature) in RFC_8032 {
            let key = SecretKey::from_seed(&bytes(seed));
            let message = hex::decode(message).unwrap();
            assert_eq!(key.public_key().to_string(), public);
            assert_eq!(hex::encode(key.sign(&message).as_bytes()), signature);
            assert!(key.public_key().verify(&message, &key.sign(&message)));
        }
    }

    #[test]
    fn a_secret_key_is_not_printed() {
        let key = SecretKey::from_seed(&[7; 32]);
        assert!(!format!("{key:?}").contains(&hex::encode([7; 32])));
    }

    #[test]
    fn small_order_keys_verify_alike_alone_and_in_a_batch() {
        // ZIP 215 accepts the all-zero s with small-order A and R, whatever the message.
        let key = PublicKey::from_bytes([0; 32]);
        let signature = Signature::from_bytes([0; 64]);
        let alone = key.verify(b"Zcash", &signature);
        let claim = Claim { key: &key, message: b"Zcash", signature: &signature };
        assert!(alone);
        assert_eq!(verify_batch(&[claim; 8]), Ok(()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_batch_names_exactly_the_bad_ones(bad in prop::collection::btree_set(0_usize..24, 0..5)) {
            let keys: Vec<_> = (0..5).map(|i| SecretKey::from_seed(&[i; 32])).collect();
            let messages: Vec<Vec<u8>> = (0..24_u8).map(|i| vec![i; usize::from(i)]).collect();
            let signed: Vec<_> = messages
                .iter()
                .enumerate()
                .map(|(i, message)| {
                    let key = &keys[i % 5];
                    let mut signature = *key.sign(message).as_bytes();
                    if bad.contains(&i) {
                        signature[i] ^= 1;
                    }
                    (key.public_key(), Signature::from_bytes(signature))
                })
                .collect();
            let claims: Vec<_> = signed
                .iter()
                .zip(&messages)
                .map(|((key, signature), message)| Claim { key, message, signature })
                .collect();
            let want = if bad.is_empty() { Ok(()) } else { Err(bad.into_iter().collect()) };
            prop_assert_eq!(verify_batch(&claims), want);
        }

        #[test]
        fn arbitrary_keys_and_signatures_never_panic(
            key in any::<[u8; 32]>(), r in any::<[u8; 32]>(), s in any::<[u8; 32]>(),
        ) {
            let key = PublicKey::from_bytes(key);
            let signature = Signature::from_slice(&[r, s].concat()).unwrap();
            let claim = Claim { key: &key, message: b"m", signature: &signature };
            prop_assert_eq!(verify_batch(&[claim]).is_ok(), key.verify(b"m", &signature));
        }
    }
}

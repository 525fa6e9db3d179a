//! Keys: the secret one of a steward, its public part, and the chain of several stewards.

use std::fmt;

use chaincity_crypto::cipher::Secret;
use chaincity_types::cbor;
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;

use crate::function::Key;
use crate::{Blinded, Element, Evaluated, Purpose, Scope, SectorError};

/// Most stewards in a chain. One can enumerate identity numbers alone, two cannot unless they act
/// together; each further one costs every question a step.
pub const STEWARDS_MAX: usize = 4;

const PUBLIC_BYTES_MAX: usize = 512;

/// A public key and what it is for: the asker checks every answer against it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PublicKey {
    /// What the key is bound to.
    #[n(1)]
    scope: Scope,
    /// The key.
    #[n(2)]
    element: Element,
}

impl PublicKey {
    /// A key as it was published.
    #[must_use]
    pub const fn new(scope: Scope, element: Element) -> Self {
        Self { scope, element }
    }

    /// What the key is bound to.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The key.
    #[must_use]
    pub const fn element(&self) -> &Element {
        &self.element
    }

    /// The bytes that are published.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// A public key from its bytes.
    ///
    /// # Errors
    /// [`SectorError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SectorError> {
        cbor::decode(bytes, PUBLIC_BYTES_MAX).map_err(|_any| SectorError::Malformed("a public key"))
    }
}

/// A secret key of either purpose.
pub(crate) struct Scoped {
    pub(crate) public: PublicKey,
    pub(crate) seed: Secret,
    pub(crate) key: Key,
}

impl Scoped {
    pub(crate) fn new(seed: Secret, scope: Scope, purpose: Purpose) -> Result<Self, SectorError> {
        if scope.purpose != purpose {
            return Err(SectorError::PurposeDiffers);
        }
        let key = Key::derive(seed.as_bytes(), &scope.info())?;
        let element = Element::from_bytes(key.public())?;
        Ok(Self { public: PublicKey { scope, element }, seed, key })
    }

    pub(crate) fn check_scope(&self, scope: &Scope) -> Result<(), SectorError> {
        if scope.purpose != self.public.scope.purpose {
            return Err(SectorError::PurposeDiffers);
        }
        if *scope == self.public.scope { Ok(()) } else { Err(SectorError::ScopeDiffers) }
    }
}

impl fmt::Debug for Scoped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("public", &self.public).finish_non_exhaustive()
    }
}

/// A steward's key of one sector and epoch. Wiped from memory when dropped, and never printed.
#[derive(Debug)]
pub struct SectorKey(Scoped);

impl SectorKey {
    /// The key from a seed that the caller drew, or keeps. One seed gives another key in each
    /// scope, yet each key should have a seed of its own, so that it can be destroyed alone.
    ///
    /// # Errors
    /// [`SectorError::PurposeDiffers`] for the scope of a list.
    pub fn new(seed: Secret, scope: Scope) -> Result<Self, SectorError> {
        Scoped::new(seed, scope, Purpose::Sector).map(Self)
    }

    /// The public part.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.0.public
    }

    /// The seed, to keep the key.
    #[must_use]
    pub const fn seed(&self) -> &Secret {
        &self.0.seed
    }

    /// Evaluates a question, as the first steward of its chain.
    ///
    /// # Errors
    /// [`SectorError::ScopeDiffers`], [`SectorError::PurposeDiffers`], [`SectorError::Batch`].
    pub fn evaluate(
        &self,
        blinded: Blinded,
        rng: &mut impl CryptoRng,
    ) -> Result<Evaluated, SectorError> {
        self.0.evaluate(blinded, rng)
    }

    /// Evaluates what the stewards before made of a question. Their proofs are for the asker to
    /// check: this steward reveals the same whatever they did.
    ///
    /// # Errors
    /// [`SectorError::ScopeDiffers`], [`SectorError::PurposeDiffers`], [`SectorError::Batch`],
    /// [`SectorError::Chain`] when it has been through as many stewards as there may be.
    pub fn evaluate_next(
        &self,
        evaluated: Evaluated,
        rng: &mut impl CryptoRng,
    ) -> Result<Evaluated, SectorError> {
        self.0.evaluate_next(evaluated, rng)
    }

    #[cfg(test)]
    pub(crate) const fn function(&self) -> &Key {
        &self.0.key
    }
}

/// The stewards of a sector in their order, or the owner of a list alone: whose keys an answer
/// must have been made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    scope: Scope,
    keys: Vec<Element>,
}

impl Chain {
    /// A chain of 1 to [`STEWARDS_MAX`] stewards.
    ///
    /// # Errors
    /// [`SectorError::Chain`] for none, too many, or one key twice: a steward that holds every key
    /// of a chain is alone. [`SectorError::ScopeDiffers`].
    pub fn new(keys: &[PublicKey]) -> Result<Self, SectorError> {
        let first = keys.first().ok_or(SectorError::Chain)?;
        if keys.len() > STEWARDS_MAX {
            return Err(SectorError::Chain);
        }
        let mut chain = Self { scope: first.scope.clone(), keys: Vec::new() };
        for key in keys {
            if key.scope != chain.scope {
                return Err(SectorError::ScopeDiffers);
            }
            if chain.keys.contains(&key.element) {
                return Err(SectorError::Chain);
            }
            chain.keys.push(key.element);
        }
        Ok(chain)
    }

    /// What all keys are bound to.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The keys, the first steward's first.
    #[must_use]
    pub fn keys(&self) -> &[Element] {
        &self.keys
    }
}

//! A holder's keys, of sectors in each epoch that still answers and of lists, and what it is asked.

use chaincity_crypto::cipher::Secret;
use chaincity_crypto::suite;
use chaincity_types::Digest;
use rand_core::CryptoRng;

use crate::key::Scoped;
use crate::{Blinded, Element, Evaluated, PublicKey, Scope, SectorError, Step};

/// Domain of a question's digest.
const QUESTION: &str = "chaincity/question/1";

/// What a holder is asked: a question as it was blinded, or as the stewards before evaluated it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To the first steward of a chain, or to a list's owner.
    First(Blinded),
    /// To a later steward.
    Next(Evaluated),
}

impl Asked {
    /// What is asked, from the bytes that travel.
    ///
    /// # Errors
    /// [`SectorError::Malformed`], [`SectorError::Batch`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SectorError> {
        match Evaluated::from_bytes(bytes) {
            Ok(evaluated) => Ok(Self::Next(evaluated)),
            Err(_not_evaluated_yet) => Blinded::from_bytes(bytes).map(Self::First),
        }
    }

    /// The bytes that travel.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::First(blinded) => blinded.to_bytes(),
            Self::Next(evaluated) => evaluated.to_bytes(),
        }
    }

    /// The question as the asker blinded it.
    #[must_use]
    pub const fn blinded(&self) -> &Blinded {
        match self {
            Self::First(blinded) => blinded,
            Self::Next(evaluated) => evaluated.blinded(),
        }
    }

    /// What is evaluated.
    fn given(&self) -> &[Element] {
        match self {
            Self::First(blinded) => blinded.elements(),
            Self::Next(evaluated) => evaluated.steps().last().map_or(&[][..], Step::elements),
        }
    }

    /// The digest under which the question to the holder of a key stands on the ledger: of the key
    /// and of what is evaluated. Blinded, that says nothing about anybody.
    #[must_use]
    pub fn digest(&self, key: &PublicKey) -> Digest {
        let given: Vec<_> = self.given().iter().map(|element| *element.as_bytes()).collect();
        suite::digest(&[QUESTION.as_bytes(), &key.to_bytes(), &given.concat()])
    }
}

/// The keys that a holder answers with: a sector's, one for each epoch, and lists'.
#[derive(Debug)]
pub struct Keys(Vec<Scoped>);

impl Keys {
    /// The keys from their seeds.
    ///
    /// # Errors
    /// [`SectorError::ScopeDiffers`] for two keys of one scope.
    pub fn new(seeds: Vec<(Secret, Scope)>) -> Result<Self, SectorError> {
        let mut keys: Vec<Scoped> = Vec::with_capacity(seeds.len());
        for (seed, scope) in seeds {
            if keys.iter().any(|key| *key.public.scope() == scope) {
                return Err(SectorError::ScopeDiffers);
            }
            let purpose = scope.purpose;
            keys.push(Scoped::new(seed, scope, purpose)?);
        }
        Ok(Self(keys))
    }

    /// The public parts.
    pub fn public(&self) -> impl Iterator<Item = &PublicKey> {
        self.0.iter().map(|key| &key.public)
    }

    /// The public part of the key that answers a question.
    ///
    /// # Errors
    /// [`SectorError::PurposeDiffers`], [`SectorError::ScopeDiffers`],
    /// [`SectorError::EpochUnknown`]: why there is none.
    pub fn answering(&self, asked: &Asked) -> Result<&PublicKey, SectorError> {
        self.find(asked.blinded().scope()).map(|key| &key.public)
    }

    /// Evaluates a question with the key that it names.
    ///
    /// # Errors
    /// Those of [`Keys::answering`]; [`SectorError::Batch`]; [`SectorError::Chain`] when it has been
    /// through as many stewards as there may be.
    pub fn evaluate(
        &self,
        asked: Asked,
        rng: &mut impl CryptoRng,
    ) -> Result<Evaluated, SectorError> {
        let key = self.find(asked.blinded().scope())?;
        match asked {
            Asked::First(blinded) => key.evaluate(blinded, rng),
            Asked::Next(evaluated) => key.evaluate_next(evaluated, rng),
        }
    }

    fn find(&self, scope: &Scope) -> Result<&Scoped, SectorError> {
        if let Some(key) = self.0.iter().find(|key| key.public.scope() == scope) {
            return Ok(key);
        }
        let of_purpose = |of: &&Scope| of.purpose == scope.purpose;
        let scopes: Vec<_> = self.public().map(PublicKey::scope).filter(of_purpose).collect();
        if scopes.is_empty() {
            return Err(SectorError::PurposeDiffers);
        }
        let of_other_epoch = |of: &&Scope| of.ledger == scope.ledger && of.name == scope.name;
        if scopes.iter().any(of_other_epoch) {
            Err(SectorError::EpochUnknown(scope.epoch.number()))
        } else {
            Err(SectorError::ScopeDiffers)
        }
    }
}

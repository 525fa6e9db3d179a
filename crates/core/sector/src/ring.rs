//! A steward's keys of one sector: the current epoch's and former ones.

use std::collections::BTreeMap;

use chaincity_crypto::cipher::Secret;
use rand_core::CryptoRng;

use crate::{Blinded, Epoch, Evaluated, Scope, SectorError, SectorKey};

/// A steward's keys of one sector. New questions name the current epoch; a former one still
/// answers, so that what stands under old ids can be found while lists are made anew, until it is
/// retired.
#[derive(Debug)]
pub struct KeyRing {
    current: SectorKey,
    former: BTreeMap<Epoch, SectorKey>,
}

impl KeyRing {
    /// A ring of these keys, of one sector and ledger; the latest epoch is the current one.
    ///
    /// # Errors
    /// [`SectorError::EpochUnknown`] for none, [`SectorError::ScopeDiffers`] for keys of different
    /// sectors or ledgers, or two of one epoch.
    pub fn new(keys: Vec<SectorKey>) -> Result<Self, SectorError> {
        let mut by_epoch = BTreeMap::new();
        for key in keys {
            if by_epoch.insert(key.public().scope().epoch, key).is_some() {
                return Err(SectorError::ScopeDiffers);
            }
        }
        let (_, current) = by_epoch.pop_last().ok_or(SectorError::EpochUnknown(1))?;
        let ring = Self { current, former: by_epoch };
        let of_ring = |key: &SectorKey| {
            let epoch = key.public().scope().epoch;
            *key.public().scope() == Scope { epoch, ..ring.current.public().scope().clone() }
        };
        let one_sector = ring.former.values().all(of_ring);
        if one_sector { Ok(ring) } else { Err(SectorError::ScopeDiffers) }
    }

    /// The key of the current epoch.
    #[must_use]
    pub const fn current(&self) -> &SectorKey {
        &self.current
    }

    /// The former epochs that still answer, ascending.
    pub fn former(&self) -> impl Iterator<Item = Epoch> {
        self.former.keys().copied()
    }

    /// The key of an epoch.
    ///
    /// # Errors
    /// [`SectorError::EpochUnknown`].
    pub fn key(&self, epoch: Epoch) -> Result<&SectorKey, SectorError> {
        if epoch == self.current.public().scope().epoch {
            return Ok(&self.current);
        }
        self.former.get(&epoch).ok_or(SectorError::EpochUnknown(epoch.number()))
    }

    /// Begins the next epoch with a seed that the caller drew. Every id is another one then: lists
    /// are evaluated anew.
    ///
    /// # Errors
    /// [`SectorError::Epoch`] when there is no higher number.
    pub fn begin(&mut self, seed: Secret) -> Result<&SectorKey, SectorError> {
        let scope = self.current.public().scope();
        let next = scope.epoch.number().checked_add(1).ok_or(SectorError::Epoch)?;
        let scope = Scope { epoch: Epoch::new(next)?, ..scope.clone() };
        let former = std::mem::replace(&mut self.current, SectorKey::new(seed, scope)?);
        self.former.insert(former.public().scope().epoch, former);
        Ok(&self.current)
    }

    /// Ends a former epoch: its key is wiped, and its ids are nobody's any more.
    ///
    /// # Errors
    /// [`SectorError::EpochInUse`], [`SectorError::EpochUnknown`].
    pub fn retire(&mut self, epoch: Epoch) -> Result<(), SectorError> {
        if epoch == self.current.public().scope().epoch {
            return Err(SectorError::EpochInUse(epoch.number()));
        }
        let ended = self.former.remove(&epoch);
        ended.map(drop).ok_or(SectorError::EpochUnknown(epoch.number()))
    }

    /// Evaluates with the key of the epoch that the question names, as the first steward.
    ///
    /// # Errors
    /// [`SectorError::EpochUnknown`], and those of [`SectorKey::evaluate`].
    pub fn evaluate(
        &self,
        blinded: Blinded,
        rng: &mut impl CryptoRng,
    ) -> Result<Evaluated, SectorError> {
        self.key(blinded.scope().epoch)?.evaluate(blinded, rng)
    }

    /// The same as a later steward.
    ///
    /// # Errors
    /// [`SectorError::EpochUnknown`], and those of [`SectorKey::evaluate_next`].
    pub fn evaluate_next(
        &self,
        evaluated: Evaluated,
        rng: &mut impl CryptoRng,
    ) -> Result<Evaluated, SectorError> {
        self.key(evaluated.blinded().scope().epoch)?.evaluate_next(evaluated, rng)
    }
}

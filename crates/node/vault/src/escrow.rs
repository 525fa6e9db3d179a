//! Escrow of the master key: shares for custodians, of which so many together open the vault.
//!
//! Shamir's scheme over GF(256). Shares stay good when the passphrase changes and when epochs
//! rotate, since both leave the master key as it is. Each is a line of text with a check sum, so a
//! mistyped one is told from a wrong one.

use std::fmt;

use chaincity_crypto::cipher::Secret;
use chaincity_crypto::hash;
use chaincity_types::{Digest, cbor};
use minicbor::{Decode, Encode};
use vsss_rs::Gf256;
use zeroize::{Zeroize as _, Zeroizing};

use crate::ring::Unlock;
use crate::{Vault, VaultError, random};

const PREFIX: &str = "chaincity-share-1 ";
const SHARE: &str = "chaincity/vault/share/1";
const SHARE_BYTES_MAX: usize = 256;
const CHECK_BYTES: usize = 4;

/// A custodian's share. Wiped from memory when dropped, and never printed but by
/// [`Share::to_text`].
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Share {
    #[n(1)]
    vault: Digest,
    /// Random; the same for all shares that were made together.
    #[n(2)]
    escrow: u64,
    /// How many are needed.
    #[n(3)]
    needed: u8,
    /// The share's number, then a byte for each byte of the key.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    point: Vec<u8>,
}

impl Share {
    /// The line that the custodian keeps.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(cbor::encode(self));
        let sum = check_sum(&bytes);
        bytes.extend_from_slice(&sum);
        let digits = Zeroizing::new(hex::encode(bytes.as_slice()));
        Zeroizing::new([PREFIX, digits.as_str()].concat())
    }

    /// The share in a custodian's line.
    ///
    /// # Errors
    /// [`VaultError::ShareDamaged`].
    pub fn from_text(text: &str) -> Result<Self, VaultError> {
        let digits = text.trim().strip_prefix(PREFIX).ok_or(VaultError::ShareDamaged)?;
        let bytes = hex::decode(digits.trim()).map_err(|_any| VaultError::ShareDamaged)?;
        let bytes = Zeroizing::new(bytes);
        let (share, sum) =
            bytes.split_last_chunk::<CHECK_BYTES>().ok_or(VaultError::ShareDamaged)?;
        if check_sum(share) != *sum {
            return Err(VaultError::ShareDamaged);
        }
        cbor::decode(share, SHARE_BYTES_MAX).map_err(|_any| VaultError::ShareDamaged)
    }

    /// The share's number among those made together, from 1.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.point.first().copied().unwrap_or_default()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.point.zeroize();
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({}, redacted)", self.number())
    }
}

fn check_sum(share: &[u8]) -> [u8; CHECK_BYTES] {
    let digest = hash::in_domain(SHARE, share);
    digest.as_bytes().first_chunk().copied().unwrap_or_default()
}

impl Vault {
    /// Splits the master key into `count` shares, of which any `needed` open the vault. Shares of
    /// an escrow made before stay good.
    ///
    /// # Errors
    /// [`VaultError::EscrowShape`] unless 2 ≤ `needed` ≤ `count`.
    pub fn escrow_shares(&self, needed: u8, count: u8) -> Result<Vec<Share>, VaultError> {
        let inner = self.lock();
        let escrow = u64::from_be_bytes(random::bytes()?);
        let points = Gf256::split_bytes(
            usize::from(needed),
            usize::from(count),
            inner.ring.master().as_bytes(),
            random::generator()?,
        )
        .map_err(|_shape| VaultError::EscrowShape)?;
        let vault = inner.ring.stored.vault;
        Ok(points.into_iter().map(|point| Share { vault, escrow, needed, point }).collect())
    }
}

/// What custodians' shares give together. It opens a vault or a backup as a passphrase does; the
/// next step is [`Vault::change_key_encryption`].
pub struct Recovered {
    vault: Digest,
    master: Secret,
}

impl Recovered {
    /// Puts shares together. Whether they give the right key shows when the vault is opened.
    ///
    /// # Errors
    /// [`VaultError::SharesDiffer`], [`VaultError::SharesTooFew`], [`VaultError::ShareDamaged`].
    pub fn from_shares(shares: &[Share]) -> Result<Self, VaultError> {
        let Some(first) = shares.first() else {
            return Err(VaultError::SharesTooFew { needed: 2, given: 0 });
        };
        let of_first = |share: &Share| (share.vault, share.escrow, share.needed);
        if shares.iter().any(|share| of_first(share) != of_first(first)) {
            return Err(VaultError::SharesDiffer);
        }
        let mut points: Zeroizing<Vec<Vec<u8>>> =
            Zeroizing::new(shares.iter().map(|share| share.point.clone()).collect());
        points.sort();
        points.dedup();
        if points.len() < usize::from(first.needed) {
            return Err(VaultError::SharesTooFew { needed: first.needed, given: points.len() });
        }
        let combined = Gf256::combine_bytes(&*points).map_err(|_any| VaultError::ShareDamaged)?;
        let master = Secret::from_slice(&Zeroizing::new(combined));
        let master = master.ok_or(VaultError::ShareDamaged)?;
        Ok(Self { vault: first.vault, master })
    }
}

impl fmt::Debug for Recovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recovered(redacted)")
    }
}

impl Unlock for Recovered {
    fn unlock(&self, vault: &Digest, _wrapped: &[u8]) -> Result<Secret, VaultError> {
        // The ring compares what it gets with the check value beside it.
        if self.vault == *vault { Ok(self.master.clone()) } else { Err(VaultError::KeyWrong) }
    }
}

#[cfg(test)]
mod tests;

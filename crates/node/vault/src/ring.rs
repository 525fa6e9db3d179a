//! The vault's keys: the master key, and under it a key for each epoch.

use std::collections::BTreeMap;
use std::fmt;

use chaincity_crypto::cipher::{self, Secret};
use chaincity_types::{Digest, Timestamp, cbor};
use minicbor::{Decode, Encode};

use crate::{VaultError, random};

/// Domains of what is derived from the master key.
const EPOCHS: &str = "chaincity/vault/epochs/1";
const CHECK: &str = "chaincity/vault/check/1";
const PSEUDONYMS: &str = "chaincity/vault/pseudonyms/1";
const FIRST_PSEUDONYMS: &str = "chaincity/vault/first-pseudonyms/1";
/// Domains of what is derived from an epoch's key.
const WRAPPING: &str = "chaincity/vault/wrapping/1";
const INDEX: &str = "chaincity/vault/index/1";
/// Domain of a wrapped data key.
const DATA_KEY: &str = "chaincity/vault/data-key/1";

/// Largest key file, in bytes.
pub(crate) const KEYS_BYTES_MAX: usize = 1 << 20;

/// What opens the vault: gives the master key back.
pub trait Unlock {
    /// The master key of the vault with this id, from what [`KeyEncryption::wrap`] gave.
    ///
    /// # Errors
    /// [`VaultError::KeyWrong`] when this is not what it was wrapped with.
    fn unlock(&self, vault: &Digest, wrapped: &[u8]) -> Result<Secret, VaultError>;
}

/// What the master key is kept under: a passphrase, or a key that stays in a token.
pub trait KeyEncryption: Unlock {
    /// The master key, wrapped, with all that unlocking needs beside the secret.
    ///
    /// # Errors
    /// When wrapping fails.
    fn wrap(&self, vault: &Digest, master: &Secret) -> Result<Vec<u8>, VaultError>;
}

/// What each wrapped master key begins with.
#[derive(Decode)]
#[cbor(map)]
struct Head {
    #[n(1)]
    bound: Algorithm,
}

#[derive(Decode)]
#[cbor(map)]
struct Algorithm {
    #[n(2)]
    name: String,
}

/// Tells a key of another kind from a damaged one.
pub(crate) fn check_algorithm(wrapped: &[u8], wanted: &str) -> Result<(), VaultError> {
    match cbor::decode_own::<Head>(wrapped) {
        Ok(head) if head.bound.name == wanted => Ok(()),
        Ok(_) => Err(VaultError::KeyKind),
        Err(_) => Err(VaultError::Damaged("the wrapped master key")),
    }
}

/// An epoch's key, wrapped by the master key.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct StoredEpoch {
    #[n(1)]
    pub(crate) number: u32,
    #[n(2)]
    pub(crate) began: Timestamp,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) wrapped: Vec<u8>,
}

/// All keys, wrapped: what the vault's file holds, and the second file of a backup.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct StoredKeys {
    /// Random; the same for the vault's life.
    #[n(1)]
    pub(crate) vault: Digest,
    /// The master key, wrapped by the key encryption.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) master: Vec<u8>,
    /// Derived from the master key: tells a wrong one.
    #[n(3)]
    pub(crate) check: Digest,
    /// Ascending; the last one is in use, the others while data keys are still under them.
    #[n(4)]
    pub(crate) epochs: Vec<StoredEpoch>,
    /// The key of pseudonyms, wrapped by the master key. Random, and the same for the vault's life:
    /// records of years stand under what it makes. `None` in a vault made before there were
    /// pseudonyms: there it follows from the master key, until that is renewed and it is kept.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) pseudonyms: Option<Vec<u8>>,
}

impl StoredKeys {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, VaultError> {
        cbor::decode(bytes, KEYS_BYTES_MAX).map_err(|_any| VaultError::Damaged("its keys"))
    }
}

/// What an epoch's key is used for.
struct Epoch {
    wrapping: Secret,
    index: Secret,
}

impl Epoch {
    fn new(key: &Secret) -> Self {
        Self { wrapping: cipher::derive(key, WRAPPING), index: cipher::derive(key, INDEX) }
    }
}

/// All keys, unlocked. Wiped from memory when dropped, and never printed.
pub(crate) struct KeyRing {
    pub(crate) stored: StoredKeys,
    master: Secret,
    epochs: BTreeMap<u32, Epoch>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("epochs", &self.epochs.keys()).finish_non_exhaustive()
    }
}

impl KeyRing {
    /// The keys of a new vault, in its first epoch.
    pub(crate) fn new(encryption: &dyn KeyEncryption, at: Timestamp) -> Result<Self, VaultError> {
        let vault = Digest(random::bytes()?);
        let master = random::secret()?;
        let stored = StoredKeys {
            vault,
            master: encryption.wrap(&vault, &master)?,
            check: check(&master),
            epochs: Vec::new(),
            pseudonyms: Some(seal_pseudonyms(&master, &vault, &random::secret()?)?),
        };
        let mut ring = Self { stored, master, epochs: BTreeMap::new() };
        let (key, stored) = ring.new_epoch(at)?;
        ring.begin(&key, stored);
        Ok(ring)
    }

    pub(crate) fn unlock(stored: StoredKeys, key: &dyn Unlock) -> Result<Self, VaultError> {
        let master = key.unlock(&stored.vault, &stored.master)?;
        if check(&master) != stored.check {
            return Err(VaultError::KeyWrong);
        }
        let mut epochs = BTreeMap::new();
        for epoch in &stored.epochs {
            epochs.insert(epoch.number, Epoch::new(&open_epoch(&master, &stored.vault, epoch)?));
        }
        if epochs.is_empty() {
            return Err(VaultError::Damaged("no epoch has a key"));
        }
        Ok(Self { stored, master, epochs })
    }

    /// The same epochs under a new master key, and after them a new epoch, which the former master
    /// key never opened.
    pub(crate) fn renewed(
        &self,
        encryption: &dyn KeyEncryption,
        at: Timestamp,
    ) -> Result<Self, VaultError> {
        let vault = self.stored.vault;
        let master = random::secret()?;
        let mut stored = StoredKeys {
            vault,
            master: encryption.wrap(&vault, &master)?,
            check: check(&master),
            epochs: Vec::new(),
            pseudonyms: Some(seal_pseudonyms(&master, &vault, &self.pseudonyms()?)?),
        };
        let mut epochs = BTreeMap::new();
        for epoch in &self.stored.epochs {
            let key = open_epoch(&self.master, &vault, epoch)?;
            stored.epochs.push(seal_epoch(&master, &vault, (epoch.number, epoch.began), &key)?);
            epochs.insert(epoch.number, Epoch::new(&key));
        }
        let mut ring = Self { stored, master, epochs };
        let (key, stored) = ring.new_epoch(at)?;
        ring.begin(&key, stored);
        Ok(ring)
    }

    /// The key of an epoch after the current one, and what is then stored.
    pub(crate) fn new_epoch(&self, at: Timestamp) -> Result<(Secret, StoredKeys), VaultError> {
        let number = self.current().saturating_add(1);
        let key = random::secret()?;
        let mut stored = self.stored.clone();
        stored.epochs.push(seal_epoch(&self.master, &stored.vault, (number, at), &key)?);
        Ok((key, stored))
    }

    /// Uses the epoch that [`Self::new_epoch`] gave, once it is stored.
    pub(crate) fn begin(&mut self, key: &Secret, stored: StoredKeys) {
        self.epochs.insert(self.current().saturating_add(1), Epoch::new(key));
        self.stored = stored;
    }

    /// What is stored once no data key is left under an epoch before the current one.
    pub(crate) fn only_current(&self) -> StoredKeys {
        let mut stored = self.stored.clone();
        stored.epochs.retain(|epoch| epoch.number == self.current());
        stored
    }

    /// What is stored when the master key is kept under another key encryption.
    pub(crate) fn under(&self, encryption: &dyn KeyEncryption) -> Result<StoredKeys, VaultError> {
        let master = encryption.wrap(&self.stored.vault, &self.master)?;
        Ok(StoredKeys { master, ..self.stored.clone() })
    }

    /// Takes over what was stored of these keys.
    pub(crate) fn keep(&mut self, stored: StoredKeys) {
        self.epochs.retain(|number, _| stored.epochs.iter().any(|epoch| epoch.number == *number));
        self.stored = stored;
    }

    /// The key of pseudonyms.
    pub(crate) fn pseudonyms(&self) -> Result<Secret, VaultError> {
        let Some(stored) = &self.stored.pseudonyms else {
            return Ok(cipher::derive(&self.master, FIRST_PSEUDONYMS));
        };
        let under = cipher::derive(&self.master, PSEUDONYMS);
        let opened = cipher::open(&under, self.stored.vault.as_bytes(), stored).ok();
        let key = opened.as_deref().and_then(|bytes| Secret::from_slice(bytes));
        key.ok_or(VaultError::Damaged("the key of pseudonyms"))
    }

    pub(crate) const fn master(&self) -> &Secret {
        &self.master
    }

    /// The epoch in use.
    pub(crate) fn current(&self) -> u32 {
        self.epochs.last_key_value().map_or(0, |(number, _)| *number)
    }

    pub(crate) fn has_epoch(&self, number: u32) -> bool {
        self.epochs.contains_key(&number)
    }

    /// The keys of the search index, one for each epoch.
    pub(crate) fn indexes(&self) -> impl Iterator<Item = &Secret> {
        self.epochs.values().map(|epoch| &epoch.index)
    }

    pub(crate) fn index(&self) -> Result<&Secret, VaultError> {
        Ok(&self.epoch(self.current())?.index)
    }

    /// A group's data key, wrapped by the epoch in use.
    pub(crate) fn wrap(&self, key: &Secret, commitment: &Digest) -> Result<Vec<u8>, VaultError> {
        let epoch = self.epoch(self.current())?;
        let associated = data_key(commitment);
        Ok(cipher::seal(&epoch.wrapping, &random::bytes()?, &associated, key.as_bytes()))
    }

    /// A group's data key.
    pub(crate) fn unwrap_key(
        &self,
        epoch: u32,
        wrapped: &[u8],
        commitment: &Digest,
    ) -> Result<Secret, VaultError> {
        let opened = cipher::open(&self.epoch(epoch)?.wrapping, &data_key(commitment), wrapped);
        let key = opened.ok().and_then(|bytes| Secret::from_slice(&bytes));
        key.ok_or(VaultError::Damaged("a data key"))
    }

    fn epoch(&self, number: u32) -> Result<&Epoch, VaultError> {
        self.epochs.get(&number).ok_or(VaultError::EpochGone { epoch: number })
    }
}

fn seal_pseudonyms(master: &Secret, vault: &Digest, key: &Secret) -> Result<Vec<u8>, VaultError> {
    let under = cipher::derive(master, PSEUDONYMS);
    Ok(cipher::seal(&under, &random::bytes()?, vault.as_bytes(), key.as_bytes()))
}

fn seal_epoch(
    master: &Secret,
    vault: &Digest,
    (number, began): (u32, Timestamp),
    key: &Secret,
) -> Result<StoredEpoch, VaultError> {
    let under = cipher::derive(master, EPOCHS);
    let associated = cbor::encode(&(*vault, number));
    let wrapped = cipher::seal(&under, &random::bytes()?, &associated, key.as_bytes());
    Ok(StoredEpoch { number, began, wrapped })
}

fn open_epoch(master: &Secret, vault: &Digest, epoch: &StoredEpoch) -> Result<Secret, VaultError> {
    let under = cipher::derive(master, EPOCHS);
    let opened = cipher::open(&under, &cbor::encode(&(*vault, epoch.number)), &epoch.wrapped).ok();
    let key = opened.as_deref().and_then(|bytes| Secret::from_slice(bytes));
    key.ok_or(VaultError::Damaged("the key of an epoch"))
}

fn check(master: &Secret) -> Digest {
    Digest(*cipher::derive(master, CHECK).as_bytes())
}

fn data_key(commitment: &Digest) -> Vec<u8> {
    [DATA_KEY.as_bytes(), commitment.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cost, Passphrase};

    #[test]
    fn a_vault_made_before_pseudonyms_has_one_key_of_them_for_its_life() {
        let cheap = Cost { memory_kib: 64, passes: 1, lanes: 1 };
        let passphrase = Passphrase::with_cost("correct horse battery", cheap).unwrap();
        let mut ring = KeyRing::new(&passphrase, Timestamp(1)).unwrap();
        let own = ring.pseudonyms().unwrap();
        ring.stored.pseudonyms = None;
        let bytes = cbor::encode(&ring.stored);
        let opened =
            || KeyRing::unlock(StoredKeys::from_bytes(&bytes).unwrap(), &passphrase).unwrap();
        let key = opened().pseudonyms().unwrap();
        assert_ne!(key.as_bytes(), own.as_bytes());
        assert_eq!(opened().pseudonyms().unwrap().as_bytes(), key.as_bytes());
        let renewed = opened().renewed(&passphrase, Timestamp(2)).unwrap();
        assert_eq!(renewed.pseudonyms().unwrap().as_bytes(), key.as_bytes());
        assert!(renewed.stored.pseudonyms.is_some());
    }
}

//! Key epochs: beginning one, with a new master key or without, and moving the data keys over.

use chaincity_types::{Digest, Timestamp};
use rusqlite::{Transaction, params};

use crate::ring::{KeyEncryption, KeyRing};
use crate::vault::update_keys;
use crate::{Vault, VaultError, file, groups, terms};

impl Vault {
    /// Begins a new epoch and gives its number: what is sealed from now on is under its key.
    /// [`Vault::rewrap`] moves over what was sealed before.
    ///
    /// # Errors
    /// [`VaultError::ErasuresPending`], or when the file fails.
    pub fn rotate(&self, at: Timestamp) -> Result<u32, VaultError> {
        let mut inner = self.lock();
        inner.check_ready()?;
        let (key, stored) = inner.ring.new_epoch(at)?;
        inner.write(|transaction, _| update_keys(transaction, &stored))?;
        inner.ring.begin(&key, stored);
        Ok(inner.ring.current())
    }

    /// Begins a new epoch as [`Self::rotate`] does, under a new master key, and gives its number.
    /// Once [`Vault::rewrap`] has moved everything over, whoever has the former master key, or
    /// shares of it, opens only backups that were made before, and those with their own key files.
    ///
    /// # Errors
    /// [`VaultError::ErasuresPending`], or when the file or the key encryption fails.
    pub fn renew(&self, encryption: &dyn KeyEncryption, at: Timestamp) -> Result<u32, VaultError> {
        let mut inner = self.lock();
        inner.check_ready()?;
        let ring = inner.ring.renewed(encryption, at)?;
        inner.write(|transaction, _| update_keys(transaction, &ring.stored))?;
        inner.ring = ring;
        file::empty_log(&inner.connection)?;
        Ok(inner.ring.current())
    }

    /// Moves at most `max` groups to the epoch in use, and gives the number of those that are left.
    /// When none is left, the keys of the epochs before are destroyed. It can be interrupted at any
    /// time, and called when nothing is to be done.
    ///
    /// # Errors
    /// [`VaultError::ErasuresPending`], or when the file fails.
    pub fn rewrap(&self, max: u32) -> Result<u64, VaultError> {
        let mut inner = self.lock();
        inner.check_ready()?;
        let left = inner.write(|transaction, ring| rewrap(transaction, ring, max))?;
        if left == 0 && inner.ring.stored.epochs.len() > 1 {
            let stored = inner.ring.only_current();
            inner.write(|transaction, _| update_keys(transaction, &stored))?;
            inner.ring.keep(stored);
            file::empty_log(&inner.connection)?;
        }
        Ok(left)
    }
}

/// Commitment, epoch, data key and terms of a group to move.
type Behind = ([u8; 32], u32, Vec<u8>, Vec<u8>);

fn rewrap(transaction: &Transaction<'_>, ring: &KeyRing, max: u32) -> Result<u64, VaultError> {
    let rows: Vec<Behind> = transaction
        .prepare_cached(
            "SELECT commitment, epoch, data_key, terms FROM field_group WHERE epoch < ?1 LIMIT ?2",
        )?
        .query_map(params![ring.current(), max], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<Result<_, _>>()?;
    for (commitment, epoch, wrapped, sealed_terms) in rows {
        let commitment = Digest(commitment);
        let key = ring.unwrap_key(epoch, &wrapped, &commitment)?;
        let normals = terms::open(&key, &commitment, &sealed_terms)?;
        transaction
            .prepare_cached(
                "UPDATE field_group SET epoch = ?1, data_key = ?2 WHERE commitment = ?3",
            )?
            .execute(params![
                ring.current(),
                ring.wrap(&key, &commitment)?,
                commitment.as_bytes()
            ])?;
        transaction
            .prepare_cached("DELETE FROM term WHERE commitment = ?1")?
            .execute(params![commitment.as_bytes()])?;
        groups::insert_tags(transaction, ring, &commitment, &normals)?;
    }
    file::count(
        transaction,
        "SELECT count(*) FROM field_group WHERE epoch < ?1",
        params![ring.current()],
    )
}

//! Backups: two files, content and keys, neither of which opens without the other.
//!
//! The content has no key in it at all, and the keys are a few hundred bytes. So a steward keeps
//! the keys of a backup apart from its content: once they are destroyed, whoever still has the
//! content, and even the passphrase, opens nothing, and what was erased meanwhile is erased there
//! too.

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, params};

use crate::ring::{KeyRing, StoredKeys, Unlock};
use crate::vault::{FILE, insert_keys, lock, place};
use crate::{Vault, VaultError, file};

/// The backup's content.
const CONTENT: &str = "content.sqlite";
/// The backup's keys, wrapped as in the vault.
const KEYS: &str = "keys.cbor";

impl Vault {
    /// Writes a backup into `folder`, which must not hold one. It is the vault as it was at one
    /// moment; others go on writing meanwhile.
    ///
    /// # Errors
    /// [`VaultError::Exists`], [`VaultError::ErasuresPending`], or when a file fails.
    pub fn backup(&self, folder: &Path) -> Result<(), VaultError> {
        self.lock().check_ready()?;
        file::make_folder(folder)?;
        if folder.join(CONTENT).exists() || folder.join(KEYS).exists() {
            return Err(VaultError::Exists);
        }
        let part = folder.join("content.part");
        file::remove_leftover(&part)?;
        let keys = copy(&self.folder().join(FILE), &part)?;
        file::empty_log(&self.lock().connection)?;
        File::open(&part)?.sync_all()?;
        std::fs::rename(&part, folder.join(CONTENT))?;
        file::write_new(&folder.join(KEYS), &keys)?;
        file::sync_folder(folder)
    }

    /// Makes a vault in `folder` from the backup in `backup`. It answers nothing until
    /// [`Vault::reapply_erasures`] is given the ledger's erasures.
    ///
    /// # Errors
    /// [`VaultError::Missing`], [`VaultError::Exists`], [`VaultError::EpochGone`] when the keys are
    /// of a later time than the content, those of [`Vault::open`], or when a file fails.
    pub fn restore(backup: &Path, folder: &Path, key: &dyn Unlock) -> Result<Self, VaultError> {
        let (content, keys) = (backup.join(CONTENT), backup.join(KEYS));
        if !content.is_file() || !keys.is_file() {
            return Err(VaultError::Missing);
        }
        let lock = lock(folder)?;
        let ring = KeyRing::unlock(StoredKeys::from_bytes(&std::fs::read(&keys)?)?, key)?;
        place(folder, |part| {
            std::fs::copy(&content, part)?;
            let connection = file::open(part)?;
            check_epochs(&connection, &ring)?;
            insert_keys(&connection, &ring.stored, true)
        })?;
        Self::open_locked(folder, lock, ring, file::connect(&folder.join(FILE))?)
    }
}

/// Copies the content, and gives the keys, as of one moment.
fn copy(from: &Path, to: &Path) -> Result<Vec<u8>, VaultError> {
    let connection = file::create(to)?;
    // The copy is synced as a whole when it is complete, and thrown away otherwise.
    connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    let from = from.to_str().ok_or(VaultError::Folder)?;
    connection.execute("ATTACH ?1 AS live", params![from])?;
    // One transaction reads one state of the vault, whatever is written meanwhile.
    let transaction = connection.unchecked_transaction()?;
    for table in file::CONTENT {
        transaction.execute(&format!("INSERT INTO main.{table} SELECT * FROM live.{table}"), [])?;
    }
    let keys = transaction.query_row("SELECT value FROM live.keys", [], |row| row.get(0))?;
    transaction.commit()?;
    connection.execute("DETACH live", [])?;
    Ok(keys)
}

fn check_epochs(content: &Connection, ring: &KeyRing) -> Result<(), VaultError> {
    let mut query = content.prepare("SELECT DISTINCT epoch FROM field_group")?;
    for epoch in query.query_map([], |row| row.get(0))? {
        let epoch = epoch?;
        if !ring.has_epoch(epoch) {
            return Err(VaultError::EpochGone { epoch });
        }
    }
    Ok(())
}

//! The open vault: its folder, its lock, its connection and its keys.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chaincity_types::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::ring::{KeyEncryption, KeyRing, StoredKeys, Unlock};
use crate::{VaultError, file};

/// The name that a vault's folder has, and no other folder: whoever looks for what must not leave
/// the steward's house finds it by this name.
pub const FOLDER: &str = "vault";
/// The vault's file in its folder.
pub(crate) const FILE: &str = "vault.sqlite";
const LOCK: &str = "lock";

/// A steward's vault. One process has it open at a time.
pub struct Vault {
    folder: PathBuf,
    inner: Mutex<Inner>,
    _lock: File,
}

pub(crate) struct Inner {
    pub(crate) connection: Connection,
    pub(crate) ring: KeyRing,
    /// Restored, and erasures were not applied since.
    pub(crate) pending: bool,
}

/// How much a vault holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Groups that open.
    pub groups: u64,
    /// Groups whose data key is under an epoch before the current one.
    pub behind: u64,
    /// Groups that were erased.
    pub erased: u64,
    /// Envelopes that are kept.
    pub envelopes: u64,
    /// The epoch in use, and when it began.
    pub epoch: (u32, Timestamp),
    /// Whether the ledger's erasures are still to be applied after a restore.
    pub erasures_pending: bool,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Vault {
    /// Makes a vault in `folder`, whose name is [`FOLDER`].
    ///
    /// # Errors
    /// [`VaultError::Folder`], [`VaultError::Exists`], [`VaultError::InUse`], or when the file or
    /// the key encryption fails.
    pub fn create(
        folder: &Path,
        encryption: &dyn KeyEncryption,
        at: Timestamp,
    ) -> Result<Self, VaultError> {
        let lock = lock(folder)?;
        let ring = KeyRing::new(encryption, at)?;
        place(folder, |part| {
            let connection = file::create(part)?;
            insert_keys(&connection, &ring.stored, false)
        })?;
        Self::open_locked(folder, lock, ring, file::connect(&folder.join(FILE))?)
    }

    /// Opens the vault in `folder` and checks that its file is whole.
    ///
    /// # Errors
    /// [`VaultError::Folder`], [`VaultError::Missing`], [`VaultError::InUse`],
    /// [`VaultError::KeyWrong`], [`VaultError::Damaged`], or when the file fails.
    pub fn open(folder: &Path, key: &dyn Unlock) -> Result<Self, VaultError> {
        check_name(folder)?;
        let path = folder.join(FILE);
        if !path.is_file() {
            return Err(VaultError::Missing);
        }
        let lock = lock(folder)?;
        let connection = file::open(&path)?;
        let keys: Vec<u8> = connection.query_row("SELECT value FROM keys", [], |row| row.get(0))?;
        let ring = KeyRing::unlock(StoredKeys::from_bytes(&keys)?, key)?;
        Self::open_locked(folder, lock, ring, connection)
    }

    pub(crate) fn open_locked(
        folder: &Path,
        lock: File,
        ring: KeyRing,
        connection: Connection,
    ) -> Result<Self, VaultError> {
        file::use_log(&connection)?;
        // In this order: SQLite empties no log before the first read of a file new to logs.
        let pending = connection.query_row("SELECT restored FROM keys", [], |row| row.get(0))?;
        file::empty_log(&connection)?;
        let inner = Mutex::new(Inner { connection, ring, pending });
        Ok(Self { folder: folder.to_owned(), inner, _lock: lock })
    }

    /// Keeps the master key under another key encryption, such as a new passphrase. Backups made
    /// before open with the former one, or with shares of the escrow.
    ///
    /// # Errors
    /// When the file or the key encryption fails.
    pub fn change_key_encryption(&self, encryption: &dyn KeyEncryption) -> Result<(), VaultError> {
        let mut inner = self.lock();
        let stored = inner.ring.under(encryption)?;
        inner.write(|transaction, _| update_keys(transaction, &stored))?;
        inner.ring.keep(stored);
        file::empty_log(&inner.connection)
    }

    /// How much the vault holds.
    ///
    /// # Errors
    /// When the file fails.
    pub fn summary(&self) -> Result<Summary, VaultError> {
        let inner = self.lock();
        let count = |table: &str| {
            file::count(&inner.connection, &format!("SELECT count(*) FROM {table}"), [])
        };
        let began = inner.ring.stored.epochs.last().map(|epoch| epoch.began);
        Ok(Summary {
            groups: count("field_group")?,
            behind: file::count(
                &inner.connection,
                "SELECT count(*) FROM field_group WHERE epoch < ?1",
                params![inner.ring.current()],
            )?,
            erased: count("tombstone")?,
            envelopes: count("envelope")?,
            epoch: (inner.ring.current(), began.unwrap_or_default()),
            erasures_pending: inner.pending,
        })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads, unless erasures are still to be applied.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection, &KeyRing) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let inner = self.lock();
        inner.check_ready()?;
        read(&inner.connection, &inner.ring)
    }

    /// One transaction, unless erasures are still to be applied.
    pub(crate) fn write<T>(
        &self,
        write: impl FnOnce(&Transaction<'_>, &KeyRing) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let mut inner = self.lock();
        inner.check_ready()?;
        inner.write(write)
    }
}

impl Inner {
    pub(crate) fn check_ready(&self) -> Result<(), VaultError> {
        if self.pending { Err(VaultError::ErasuresPending) } else { Ok(()) }
    }

    /// One transaction: all of it, or nothing when `write` or the machine fails.
    pub(crate) fn write<T>(
        &mut self,
        write: impl FnOnce(&Transaction<'_>, &KeyRing) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let written = write(&transaction, &self.ring)?;
        transaction.commit()?;
        Ok(written)
    }
}

fn check_name(folder: &Path) -> Result<(), VaultError> {
    if folder.file_name().is_some_and(|name| name == FOLDER) {
        Ok(())
    } else {
        Err(VaultError::Folder)
    }
}

/// Makes the folder if there is none, and holds it until the file returned is dropped.
pub(crate) fn lock(folder: &Path) -> Result<File, VaultError> {
    check_name(folder)?;
    file::make_folder(folder)?;
    let mut options = OpenOptions::new();
    let lock = options.write(true).create(true).truncate(false).mode(0o600);
    let lock = lock.open(folder.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(VaultError::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Makes the vault's file beside its place and moves it there when it is whole.
pub(crate) fn place(
    folder: &Path,
    make: impl FnOnce(&Path) -> Result<(), VaultError>,
) -> Result<(), VaultError> {
    let path = folder.join(FILE);
    if path.exists() {
        return Err(VaultError::Exists);
    }
    let part = folder.join("vault.part");
    file::remove_leftover(&part)?;
    make(&part)?;
    File::open(&part)?.sync_all()?;
    std::fs::rename(&part, &path)?;
    file::sync_folder(folder)
}

pub(crate) fn insert_keys(
    connection: &Connection,
    stored: &StoredKeys,
    restored: bool,
) -> Result<(), VaultError> {
    let value = chaincity_types::cbor::encode(stored);
    connection.execute("INSERT INTO keys VALUES (1, ?1, ?2)", params![value, restored])?;
    Ok(())
}

pub(crate) fn update_keys(connection: &Connection, stored: &StoredKeys) -> Result<(), VaultError> {
    let value = chaincity_types::cbor::encode(stored);
    connection.execute("UPDATE keys SET value = ?1", params![value])?;
    Ok(())
}

//! Envelopes that wait for their release to be final, and for their reader to fetch them.

use chaincity_crypto::envelope::Envelope;
use chaincity_types::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use crate::{Vault, VaultError};

impl Vault {
    /// Keeps the envelope of an access. Kept twice, the same envelope is no error; another one is,
    /// since the release on the ledger names the first one's digest.
    ///
    /// # Errors
    /// [`VaultError::EnvelopeDiffers`], [`VaultError::ErasuresPending`], or when the file fails.
    pub fn keep_envelope(
        &self,
        access: &str,
        envelope: &Envelope,
        at: Timestamp,
    ) -> Result<(), VaultError> {
        let bytes = envelope.to_bytes();
        self.write(|transaction, _| {
            transaction
                .prepare_cached("INSERT INTO envelope VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
                .execute(params![access, i64::try_from(at.0).unwrap_or(i64::MAX), bytes])?;
            let kept: Vec<u8> = transaction
                .prepare_cached("SELECT bytes FROM envelope WHERE access = ?1")?
                .query_row(params![access], |row| row.get(0))?;
            if kept == bytes { Ok(()) } else { Err(VaultError::EnvelopeDiffers) }
        })
    }

    /// The envelope kept for an access; `None` when there is none, or none any more.
    ///
    /// # Errors
    /// [`VaultError::ErasuresPending`], or when the file fails.
    pub fn envelope(&self, access: &str) -> Result<Option<Envelope>, VaultError> {
        let bytes: Option<Vec<u8>> = self.read(|connection, _| {
            let mut query =
                connection.prepare_cached("SELECT bytes FROM envelope WHERE access = ?1")?;
            Ok(query.query_row(params![access], |row| row.get(0)).optional()?)
        })?;
        Ok(bytes.map(|bytes| Envelope::from_bytes(&bytes)).transpose()?)
    }

    /// Drops the envelopes kept before this time, and says how many.
    ///
    /// # Errors
    /// [`VaultError::ErasuresPending`], or when the file fails.
    pub fn drop_envelopes(&self, before: Timestamp) -> Result<usize, VaultError> {
        self.write(|transaction, _| {
            let before = i64::try_from(before.0).unwrap_or(i64::MAX);
            Ok(transaction.execute("DELETE FROM envelope WHERE kept < ?1", params![before])?)
        })
    }
}

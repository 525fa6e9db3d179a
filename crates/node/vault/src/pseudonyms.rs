//! Pseudonyms of persons, made under a key that the vault keeps for its life.

use chaincity_crypto::pseudonym::{self, Family};

use crate::{Vault, VaultError};

impl Vault {
    /// The pseudonym in a family of whom `of` names. It is the same whenever it is asked for, also
    /// after a new epoch, a new master key, or a restore. That it was made is for the caller to
    /// record.
    ///
    /// # Errors
    /// [`VaultError::ErasuresPending`], or [`VaultError::Damaged`] when the key does not open.
    pub fn pseudonym(&self, family: &Family<'_>, of: &str) -> Result<String, VaultError> {
        self.read(|_connection, ring| Ok(pseudonym::pseudonym(&ring.pseudonyms()?, family, of)))
    }
}

//! The key encryption from a passphrase: Argon2id (RFC 9106) and AES-256-GCM.
//!
//! The parameters stand beside the wrapped key, so that a later default does not lock out an older
//! vault.

use std::fmt;
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use chaincity_crypto::cipher::{self, Secret};
use chaincity_types::{Digest, cbor};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::ring::{KeyEncryption, Unlock, check_algorithm};
use crate::{VaultError, random};

/// Fewest characters of a passphrase.
pub const PASSPHRASE_CHARS_MIN: usize = 12;

const DERIVATION: &str = "argon2id";
const WRAPPED_BYTES_MAX: usize = 1024;
/// What a file may ask for at most: an altered one must not exhaust the machine.
const COST_MAX: Cost = Cost { memory_kib: 1 << 20, passes: 64, lanes: 16 };

/// What deriving the key costs, and so what each guess costs an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Cost {
    /// Memory in KiB.
    #[n(1)]
    pub memory_kib: u32,
    /// Passes over it.
    #[n(2)]
    pub passes: u32,
    /// Lanes.
    #[n(3)]
    pub lanes: u32,
}

impl Default for Cost {
    /// The second recommendation of RFC 9106, section 4: 64 MiB, 3 passes, 4 lanes.
    fn default() -> Self {
        Self { memory_kib: 1 << 16, passes: 3, lanes: 4 }
    }
}

/// How the key was derived; what the wrapped key is bound to.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Derivation {
    #[n(1)]
    vault: Digest,
    #[n(2)]
    algorithm: String,
    #[n(3)]
    cost: Cost,
    #[n(4)]
    salt: Digest,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Wrapped {
    #[n(1)]
    derivation: Derivation,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    sealed: Vec<u8>,
}

/// A passphrase. It is wiped from memory when dropped, and never printed.
pub struct Passphrase {
    text: Zeroizing<String>,
    cost: Cost,
}

impl Passphrase {
    /// A passphrase with the default cost.
    ///
    /// # Errors
    /// [`VaultError::PassphraseShort`].
    pub fn new(text: &str) -> Result<Self, VaultError> {
        Self::with_cost(text, Cost::default())
    }

    /// A passphrase, and what deriving a new key from it shall cost.
    ///
    /// # Errors
    /// [`VaultError::PassphraseShort`].
    pub fn with_cost(text: &str, cost: Cost) -> Result<Self, VaultError> {
        if text.chars().count() < PASSPHRASE_CHARS_MIN {
            return Err(VaultError::PassphraseShort { min: PASSPHRASE_CHARS_MIN });
        }
        Ok(Self { text: Zeroizing::new(text.to_owned()), cost })
    }

    /// The passphrase in a file, without the line's end.
    ///
    /// # Errors
    /// [`VaultError::PassphraseShort`], or when the file cannot be read.
    pub fn from_file(path: &Path) -> Result<Self, VaultError> {
        let text = Zeroizing::new(std::fs::read_to_string(path)?);
        Self::new(text.trim_end_matches(['\r', '\n']))
    }

    fn derive(&self, derivation: &Derivation) -> Result<Secret, VaultError> {
        let Cost { memory_kib, passes, lanes } = derivation.cost;
        let params = Params::new(memory_kib, passes, lanes, None)
            .map_err(|_nothing_to_tell| VaultError::Derivation)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(
                self.text.as_bytes(),
                derivation.salt.as_bytes(),
                key.as_mut_slice(),
            )
            .map_err(|_nothing_to_tell| VaultError::Derivation)?;
        Ok(Secret::from_bytes(*key))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(redacted)")
    }
}

impl Unlock for Passphrase {
    fn unlock(&self, vault: &Digest, wrapped: &[u8]) -> Result<Secret, VaultError> {
        check_algorithm(wrapped, DERIVATION)?;
        let Wrapped { derivation, sealed } = cbor::decode(wrapped, WRAPPED_BYTES_MAX)
            .map_err(|_any| VaultError::Damaged("the wrapped master key"))?;
        let Cost { memory_kib, passes, lanes } = derivation.cost;
        let dear =
            memory_kib > COST_MAX.memory_kib || passes > COST_MAX.passes || lanes > COST_MAX.lanes;
        if derivation.vault != *vault || dear {
            return Err(VaultError::Damaged("the wrapped master key"));
        }
        let key = self.derive(&derivation)?;
        let master = cipher::open(&key, &cbor::encode(&derivation), &sealed)
            .map_err(|_not_opened| VaultError::KeyWrong)?;
        Secret::from_slice(&master).ok_or(VaultError::Damaged("the wrapped master key"))
    }
}

impl KeyEncryption for Passphrase {
    fn wrap(&self, vault: &Digest, master: &Secret) -> Result<Vec<u8>, VaultError> {
        let derivation = Derivation {
            vault: *vault,
            algorithm: DERIVATION.to_owned(),
            cost: self.cost,
            salt: Digest(random::bytes()?),
        };
        let key = self.derive(&derivation)?;
        let associated = cbor::encode(&derivation);
        let sealed = cipher::seal(&key, &random::bytes()?, &associated, master.as_bytes());
        Ok(cbor::encode(&Wrapped { derivation, sealed }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
    const VAULT: Digest = Digest([1; 32]);

    fn wrapped() -> Vec<u8> {
        let passphrase = Passphrase::with_cost("correct horse battery", CHEAP).unwrap();
        passphrase.wrap(&VAULT, &Secret::from_bytes([5; 32])).unwrap()
    }

    fn unlock(wrapped: &[u8]) -> Result<Secret, VaultError> {
        // The cost of the file counts, not that of whoever opens it.
        Passphrase::new("correct horse battery").unwrap().unlock(&VAULT, wrapped)
    }

    #[test]
    fn the_same_passphrase_unlocks_and_no_other() {
        assert_eq!(unlock(&wrapped()).unwrap(), Secret::from_bytes([5; 32]));
        let other = Passphrase::new("correct horse batterz").unwrap();
        assert!(matches!(other.unlock(&VAULT, &wrapped()), Err(VaultError::KeyWrong)));
        let of_other_vault =
            Passphrase::new("correct horse battery").unwrap().unlock(&Digest([2; 32]), &wrapped());
        assert!(matches!(of_other_vault, Err(VaultError::Damaged(_))));
    }

    #[test]
    fn an_altered_byte_unlocks_nothing_and_never_panics() {
        let whole = wrapped();
        for at in 0..whole.len() {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            assert!(unlock(&altered).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_file_cannot_ask_for_more_than_the_machine_has() {
        let mut wrapped: Wrapped = cbor::decode(&wrapped(), WRAPPED_BYTES_MAX).unwrap();
        wrapped.derivation.cost.memory_kib = u32::MAX;
        assert!(matches!(unlock(&cbor::encode(&wrapped)), Err(VaultError::Damaged(_))));
    }

    #[test]
    fn a_short_passphrase_is_refused_and_none_is_printed() {
        assert!(matches!(
            Passphrase::new("short"),
            Err(VaultError::PassphraseShort { min: PASSPHRASE_CHARS_MIN })
        ));
        let passphrase = Passphrase::new("correct horse battery").unwrap();
        assert_eq!(format!("{passphrase:?}"), "Passphrase(redacted)");
    }

    #[test]
    fn a_file_holds_the_passphrase_on_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        std::fs::write(&path, "correct horse battery\r\n").unwrap();
        let read = Passphrase::from_file(&path).unwrap();
        assert_eq!(read.unlock(&VAULT, &wrapped()).unwrap(), Secret::from_bytes([5; 32]));
    }
}

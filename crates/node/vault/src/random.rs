//! Random bytes, all from the operating system.

use chaincity_crypto::cipher::Secret;
use rand::rngs::{StdRng, SysRng};
use rand::{SeedableRng as _, TryRng as _};
use zeroize::Zeroizing;

use crate::VaultError;

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).map_err(|_nothing_to_tell| VaultError::Random)?;
    Ok(bytes)
}

/// A new secret.
pub(crate) fn secret() -> Result<Secret, VaultError> {
    Ok(Secret::from_bytes(*Zeroizing::new(bytes()?)))
}

/// A generator for a library that draws for itself, seeded from the operating system.
pub(crate) fn generator() -> Result<StdRng, VaultError> {
    Ok(StdRng::from_seed(*Zeroizing::new(bytes()?)))
}

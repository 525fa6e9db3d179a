//! What opens a vault: a passphrase in a file, a key in a token, or custodians' shares.

use std::path::{Path, PathBuf};

use chaincity_vault::{
    KeyEncryption, Passphrase, Recovered, Share, Token, TokenKey, Unlock, VaultError,
};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::keeping::refused;
use crate::refusal;

/// What a vault is kept under: exactly one of both files is named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyFiles<'a> {
    /// File with a passphrase.
    pub passphrase: Option<&'a Path>,
    /// File that says which key of which token.
    pub token: Option<&'a Path>,
}

impl KeyFiles<'_> {
    /// Whether one is named, and not both.
    pub(crate) const fn is_one(self) -> bool {
        self.passphrase.is_some() != self.token.is_some()
    }

    /// The key for the vault in `folder`.
    ///
    /// # Errors
    /// A fault of this machine when a file cannot be read; refused when it is not what it should be.
    pub(crate) fn open(self, folder: &Path) -> Result<Box<dyn KeyEncryption>, Fault> {
        match (self.passphrase, self.token) {
            (Some(path), None) => Ok(Box::new(passphrase(folder, path)?)),
            (None, Some(path)) => Ok(Box::new(token(path)?)),
            _ => Err(Fault::other(
                "保险库须有口令文件或令牌文件之一",
                "a vault needs either a passphrase or a token",
            )),
        }
    }
}

/// The passphrase of the vault in `folder`, from its file.
///
/// # Errors
/// A fault of this machine when the file cannot be read; refused when it is too short.
pub(crate) fn passphrase(folder: &Path, path: &Path) -> Result<Passphrase, Fault> {
    Passphrase::from_file(path).map_err(|error| of_file(path, folder, error))
}

/// A token's file. Its paths are relative to its folder; a module without a folder is looked for
/// where the system looks for libraries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    /// The PKCS#11 module.
    module: PathBuf,
    /// The token's label.
    token: String,
    /// The slot, where more than one token has this label.
    slot: Option<u64>,
    /// The key's label.
    key: String,
    /// File with the PIN, which its owner alone can read.
    pin: PathBuf,
}

/// The key in a token that a file names.
///
/// # Errors
/// A fault of this machine when a file cannot be read; refused when one is not what it should be, or
/// others can read the PIN.
pub(crate) fn token(path: &Path) -> Result<Token, Fault> {
    let text = std::fs::read_to_string(path).map_err(Fault::io(path))?;
    let file: TokenFile =
        toml::from_str(&text).map_err(|error| refusal::config_invalid(path, &error))?;
    let base = path.parent().unwrap_or(Path::new("."));
    let alone = file.module.parent().is_none_or(|folder| folder.as_os_str().is_empty());
    let module = if alone { file.module } else { base.join(file.module) };
    let of = TokenKey { module, token: file.token, slot: file.slot, key: file.key };
    let pin = base.join(file.pin);
    Token::new(of, &pin).map_err(|error| of_file(&pin, path, error))
}

/// What custodians' shares, one in each file, give together.
///
/// # Errors
/// A fault of this machine when a file cannot be read; refused when one is damaged, or they do not
/// fit together.
pub(crate) fn recovered(folder: &Path, paths: &[PathBuf]) -> Result<Box<dyn Unlock>, Fault> {
    let mut shares = Vec::with_capacity(paths.len());
    for path in paths {
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(Fault::io(path))?);
        shares.push(Share::from_text(&text).map_err(|error| refused(path, &error))?);
    }
    let recovered = Recovered::from_shares(&shares).map_err(|error| refused(folder, &error))?;
    Ok(Box::new(recovered))
}

/// An error about the file at `path`, or about `other` when the file could be read.
fn of_file(path: &Path, other: &Path, error: VaultError) -> Fault {
    if let VaultError::File(cause) = error {
        Fault::io(path)(cause)
    } else {
        refused(other, &error)
    }
}

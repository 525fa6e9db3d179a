//! Why the vault did not do what it was asked.

use chaincity_crypto::groups::GroupError;
use chaincity_types::Digest;

use crate::token::TokenError;

/// Why the vault did not do what it was asked. No variant holds a value, a term or a key.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The folder is not named `vault`.
    #[error("a vault lies in a folder named `vault`")]
    Folder,
    /// There is a vault, or a backup, in the folder already.
    #[error("the folder is in use already")]
    Exists,
    /// There is no vault, or no backup, in the folder.
    #[error("nothing to open in the folder")]
    Missing,
    /// Another process has the vault open.
    #[error("the vault is open in another process")]
    InUse,
    /// The passphrase, the token's key, or the shares, are not this vault's.
    #[error("the key does not open the vault")]
    KeyWrong,
    /// The vault is kept under a passphrase and a token was given, or the reverse.
    #[error("the vault is kept under a key of another kind")]
    KeyKind,
    /// The token did not do what it was asked.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The passphrase is too short.
    #[error("a passphrase has at least {min} characters")]
    PassphraseShort {
        /// How many it needs.
        min: usize,
    },
    /// The backup needs the key of an epoch that is no longer there.
    #[error("the key of epoch {epoch} is gone, and the backup does not open without it")]
    EpochGone {
        /// The epoch.
        epoch: u32,
    },
    /// The vault was restored from a backup, and the ledger's erasures were not applied since.
    #[error("restored from a backup: apply the ledger's erasures first")]
    ErasuresPending,
    /// No group has this commitment.
    #[error("no group with commitment {0}")]
    Unknown(Digest),
    /// The group was erased.
    #[error("the group with commitment {0} was erased")]
    Erased(Digest),
    /// The group is placed on the ledger: of it the vault has the data key alone.
    #[error("the ciphertext of the group with commitment {0} is on the ledger")]
    OnLedger(Digest),
    /// Statute asks to keep the group for ever.
    #[error("the group with commitment {0} is kept permanently by statute")]
    Permanent(Digest),
    /// An erasure names no legal basis.
    #[error("an erasure names its legal basis")]
    BasisMissing,
    /// Something else was sealed for the same request.
    #[error("another group was sealed for the same request")]
    RequestDiffers,
    /// Another envelope is kept for the same access.
    #[error("another envelope is kept for the same access")]
    EnvelopeDiffers,
    /// A term is empty or too long, or there are too many.
    #[error("a group has at most {max} terms of 1 to {chars} characters")]
    Terms {
        /// Most terms.
        max: usize,
        /// Most characters of each.
        chars: usize,
    },
    /// The numbers of an escrow make no sense.
    #[error("an escrow needs 2 to 255 shares, and from 2 to all of them to recover")]
    EscrowShape,
    /// A share's text is not one, or was mistyped.
    #[error("a share is damaged")]
    ShareDamaged,
    /// The shares are not of one and the same escrow.
    #[error("the shares do not belong together")]
    SharesDiffer,
    /// Fewer shares than needed.
    #[error("{given} different shares, where {needed} are needed")]
    SharesTooFew {
        /// How many are needed.
        needed: u8,
        /// How many different ones were given.
        given: usize,
    },
    /// The group itself was refused, or does not open: the file is damaged.
    #[error("the group was refused")]
    Group(#[from] GroupError),
    /// The file is not what was written.
    #[error("the vault is damaged: {0}")]
    Damaged(&'static str),
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system")]
    Random,
    /// Deriving the key from the passphrase failed.
    #[error("the key could not be derived from the passphrase")]
    Derivation,
    /// SQLite failed.
    #[error("the vault's storage failed")]
    Storage(#[from] rusqlite::Error),
    /// The file system failed.
    #[error("the vault's file failed")]
    File(#[from] std::io::Error),
}

impl VaultError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Folder => "vault-folder",
            Self::Exists => "vault-exists",
            Self::Missing => "vault-missing",
            Self::InUse => "vault-in-use",
            Self::KeyWrong => "vault-key-wrong",
            Self::KeyKind => "vault-key-kind",
            Self::Token(error) => error.code(),
            Self::PassphraseShort { .. } => "passphrase-short",
            Self::EpochGone { .. } => "vault-epoch-gone",
            Self::ErasuresPending => "vault-erasures-pending",
            Self::Unknown(_) => "group-unknown",
            Self::Erased(_) => "group-erased",
            Self::OnLedger(_) => "group-on-ledger",
            Self::Permanent(_) => "group-permanent",
            Self::BasisMissing => "basis-missing",
            Self::RequestDiffers => "request-differs",
            Self::EnvelopeDiffers => "envelope-differs",
            Self::Terms { .. } => "terms-invalid",
            Self::EscrowShape => "escrow-invalid",
            Self::ShareDamaged => "share-damaged",
            Self::SharesDiffer => "shares-differ",
            Self::SharesTooFew { .. } => "shares-too-few",
            Self::Group(error) => error.code(),
            Self::Damaged(_) => "vault-damaged",
            Self::Random | Self::Derivation | Self::Storage(_) | Self::File(_) => "fault",
        }
    }
}

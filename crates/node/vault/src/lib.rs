//! The steward's own encrypted store of field groups: the one place where the values are that the
//! ledger holds as commitments.
//!
//! A [`Vault`] is one SQLite file in a folder named `vault`. Each group is sealed under a *data
//! key* of its own, each data key under the key of an *epoch*, the epochs' keys under the vault's
//! *master key*, and that under a key encryption from outside ([`KeyEncryption`]: a [`Passphrase`],
//! or a key in a [`Token`]). [`Vault::rotate`] begins a new epoch and [`Vault::rewrap`] moves the data
//! keys over, after which the old epoch's key is gone; [`Vault::renew`] begins the new epoch under a
//! new master key. A group is found again by its *terms*, which the file holds
//! as keyed digests alone. Erasing a group destroys its data key, and with it salt, values and
//! terms.
//!
//! Of a group that its package places on the ledger the vault keeps the data key and the terms alone:
//! the ciphertext is given to the caller ([`Vault::seal_for_ledger`]), stands in the record's version on
//! every node, and opens with the key here ([`Vault::open_from_ledger`]).
//!
//! Durability: what returned is on the disk, and each call is one transaction. A backup is two
//! files, content and keys, and neither opens without the other; a restored vault answers nothing
//! until the ledger's erasures are applied again. `docs/storage.md` describes every table, and what
//! the files show to whoever has them without keys.
//!
//! A *standby* is a second vault under the same keys, made from a backup: it takes a copy of each group
//! that the first one seals ([`Vault::copy_of`], [`Vault::keep_copy`]).
//!
//! This crate knows nothing of who may read what: its caller asks only for what an access on the
//! ledger allows. It has no clock either; times are arguments.

mod backup;
mod copy;
mod envelopes;
mod erase;
mod error;
mod escrow;
mod file;
mod groups;
mod passphrase;
mod pseudonyms;
mod random;
mod ring;
mod rotate;
mod terms;
mod token;
mod vault;

pub use copy::COPY_BYTES_MAX;
pub use erase::{Erasure, Reapplied};
pub use error::VaultError;
pub use escrow::{Recovered, Share};
pub use groups::{Opened, Place, Sealed, Sealing};
pub use passphrase::{Cost, PASSPHRASE_CHARS_MIN, Passphrase};
pub use ring::{KeyEncryption, Unlock};
pub use terms::{SEARCH_MAX, TERM_CHARS_MAX, TERMS_MAX, Term};
pub use token::{Token, TokenError, TokenKey};
pub use vault::{FOLDER, Summary, Vault};

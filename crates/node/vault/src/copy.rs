//! Copies for a standby: a second vault under the same keys, made from a backup, takes each group as it
//! lies encrypted in the first one's file.

use chaincity_crypto::groups::{Group, GroupContext};
use chaincity_types::{Digest, cbor};
use minicbor::{Decode, Encode};
use rusqlite::{OptionalExtension as _, params};

use crate::groups::{CONTEXT_BYTES_MAX, absent, has, insert_tags};
use crate::{Vault, VaultError, terms};

/// Largest copy, in bytes: a group with its terms and what goes with them.
pub const COPY_BYTES_MAX: usize = 1 << 20;

/// A group as the file has it.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Copy {
    /// Whose keys it is under.
    #[n(1)]
    vault: Digest,
    #[n(2)]
    request: Digest,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    context: Vec<u8>,
    #[n(4)]
    permanent: bool,
    #[n(5)]
    epoch: u32,
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    data_key: Vec<u8>,
    #[n(7)]
    #[cbor(with = "minicbor::bytes")]
    content: Vec<u8>,
    #[n(8)]
    #[cbor(with = "minicbor::bytes")]
    terms: Vec<u8>,
}

impl Vault {
    /// A group as a standby keeps it: ciphertext, which opens with this vault's keys alone.
    ///
    /// # Errors
    /// [`VaultError::Unknown`], [`VaultError::Erased`], [`VaultError::ErasuresPending`], or when the
    /// file fails.
    pub fn copy_of(&self, commitment: &Digest) -> Result<Vec<u8>, VaultError> {
        self.read(|connection, ring| {
            let copy = connection
                .prepare_cached(
                    "SELECT request, context, permanent, epoch, data_key, content, terms \
                     FROM field_group WHERE commitment = ?1",
                )?
                .query_row(params![commitment.as_bytes()], |row| {
                    Ok(Copy {
                        vault: ring.stored.vault,
                        request: Digest(row.get(0)?),
                        context: row.get(1)?,
                        permanent: row.get(2)?,
                        epoch: row.get(3)?,
                        data_key: row.get(4)?,
                        content: row.get(5)?,
                        terms: row.get(6)?,
                    })
                })
                .optional()?;
            match copy {
                Some(copy) => Ok(cbor::encode(&copy)),
                None => Err(absent(connection, commitment)?),
            }
        })
    }

    /// Keeps a group that another vault under the same keys sealed, once it opens here. Kept twice, or
    /// after its erasure, it changes nothing.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] and [`VaultError::Group`] when it does not open,
    /// [`VaultError::KeyWrong`] when it is another vault's, [`VaultError::EpochGone`] when the other
    /// vault's keys were changed since this one was made from its backup,
    /// [`VaultError::RequestDiffers`], [`VaultError::ErasuresPending`], or when the file fails.
    pub fn keep_copy(&self, bytes: &[u8]) -> Result<(), VaultError> {
        let damaged = VaultError::Damaged("a copy");
        let Ok(copy) = cbor::decode::<Copy>(bytes, COPY_BYTES_MAX) else { return Err(damaged) };
        let Ok(context) = cbor::decode::<GroupContext>(&copy.context, CONTEXT_BYTES_MAX) else {
            return Err(damaged);
        };
        self.write(|transaction, ring| {
            if copy.vault != ring.stored.vault {
                return Err(VaultError::KeyWrong);
            }
            let commitment = context.commitment;
            let key = ring.unwrap_key(copy.epoch, &copy.data_key, &commitment)?;
            // Without content it is placed on the ledger; then the terms tell whether the key is its own.
            if !copy.content.is_empty() {
                Group::open(&key, &context, &copy.content)?;
            }
            let normals = terms::open(&key, &commitment, &copy.terms)?;
            if has(transaction, "tombstone", "commitment", &commitment)?
                || has(transaction, "field_group", "commitment", &commitment)?
            {
                return Ok(());
            }
            if has(transaction, "field_group", "request", &copy.request)? {
                return Err(VaultError::RequestDiffers);
            }
            transaction
                .prepare_cached("INSERT INTO field_group VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
                .execute(params![
                    commitment.as_bytes(),
                    copy.request.as_bytes(),
                    copy.context,
                    copy.permanent,
                    copy.epoch,
                    copy.data_key,
                    copy.content,
                    copy.terms,
                ])?;
            insert_tags(transaction, ring, &commitment, &normals)
        })
    }
}

//! Sealing groups and opening them.

use std::fmt;

use chaincity_crypto::cipher::{self, NONCE_BYTES, Secret};
use chaincity_crypto::groups::{Group, GroupContext, GroupError, PLACED_GROUP_BYTES_MAX};
use chaincity_types::{Digest, cbor};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use zeroize::Zeroizing;

use crate::ring::KeyRing;
use crate::terms::{self, Term};
use crate::{Vault, VaultError, random};

pub(crate) const CONTEXT_BYTES_MAX: usize = 4_096;
/// What the salt of a group that is placed on the ledger is derived for, from its data key. So the key
/// alone gives, with the same bytes, the same group again.
const PLACED_SALT: &str = "chaincity/vault/placed-salt/1";
/// Its nonce: a data key seals one group.
const PLACED_NONCE: [u8; NONCE_BYTES] = [0; NONCE_BYTES];

/// Which ledger's, and which register's, group it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Ledger id.
    pub ledger: Digest,
    /// Package identifier.
    pub package: String,
    /// Register.
    pub register: String,
    /// Name of the group in the register.
    pub group: String,
}

impl Place {
    fn with(&self, commitment: Digest) -> GroupContext {
        GroupContext {
            ledger: self.ledger,
            package: self.package.clone(),
            register: self.register.clone(),
            group: self.group.clone(),
            commitment,
        }
    }
}

/// A group to seal. Its values are never printed.
pub struct Sealing<'a> {
    /// What it is sealed for: a digest that is the same when the caller asks again after a crash,
    /// such as that of the intent, the call's position and the group's name.
    pub request: Digest,
    /// Where it belongs.
    pub place: &'a Place,
    /// Canonical CBOR of the fields.
    pub bytes: &'a [u8],
    /// What the steward's staff shall find it by.
    pub terms: &'a [Term],
    /// Whether statute asks to keep it for ever: it is then never erased.
    pub permanent: bool,
}

impl fmt::Debug for Sealing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealing")
            .field("request", &self.request)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// An opened group, checked against its commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What it is.
    pub context: GroupContext,
    /// Salt and bytes.
    pub group: Group,
}

/// A group as it is stored.
pub(crate) struct Stored {
    context: GroupContext,
    permanent: bool,
    key: Secret,
    /// Empty where the group is placed on the ledger.
    content: Vec<u8>,
    terms: Vec<u8>,
}

impl Stored {
    /// The group with this value in `column`, if there is one.
    fn find(
        connection: &Connection,
        ring: &KeyRing,
        column: &str,
        value: &Digest,
    ) -> Result<Option<Self>, VaultError> {
        let sql = format!(
            "SELECT context, permanent, epoch, data_key, content, terms FROM field_group \
             WHERE {column} = ?1"
        );
        let row = connection
            .prepare_cached(&sql)?
            .query_row(params![value.as_bytes()], |row| {
                let context: Vec<u8> = row.get(0)?;
                let wrapped: (u32, Vec<u8>) = (row.get(2)?, row.get(3)?);
                Ok((context, row.get(1)?, wrapped, row.get(4)?, row.get(5)?))
            })
            .optional()?;
        let Some((context, permanent, (epoch, wrapped), content, terms)) = row else {
            return Ok(None);
        };
        let context: GroupContext = cbor::decode(&context, CONTEXT_BYTES_MAX)
            .map_err(|_any| VaultError::Damaged("a group's context"))?;
        let key = ring.unwrap_key(epoch, &wrapped, &context.commitment)?;
        Ok(Some(Self { context, permanent, key, content, terms }))
    }

    fn group(&self) -> Result<Group, VaultError> {
        if self.content.is_empty() {
            return Err(VaultError::OnLedger(self.context.commitment));
        }
        Ok(Group::open(&self.key, &self.context, &self.content)?)
    }

    /// What was sealed, if it is this.
    fn again(
        self,
        sealing: &Sealing<'_>,
        normals: &Zeroizing<Vec<terms::Normal>>,
        placement: Placement,
    ) -> Result<Sealed, VaultError> {
        let commitment = self.context.commitment;
        let is_placed = placement == Placement::Ledger;
        if is_placed != self.content.is_empty() {
            return Err(VaultError::RequestDiffers);
        }
        let group = if is_placed { placed(&self.key, sealing.bytes)? } else { self.group()? };
        let same = self.context == sealing.place.with(commitment)
            && self.permanent == sealing.permanent
            && group.commitment() == commitment
            && group.bytes() == sealing.bytes
            && terms::open(&self.key, &commitment, &self.terms)? == *normals;
        if !same {
            return Err(VaultError::RequestDiffers);
        }
        let ciphertext = if is_placed {
            group.seal(&self.key, &PLACED_NONCE, &self.context)?
        } else {
            self.content
        };
        Ok(Sealed { commitment, ciphertext })
    }
}

/// Where the ciphertext of what is sealed shall lie.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Placement {
    Vault,
    Ledger,
}

/// A group that is placed on the ledger, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its commitment.
    pub commitment: Digest,
    /// What stands behind the commitment in the record's version.
    pub ciphertext: Vec<u8>,
}

/// The group of these bytes that has this data key on the ledger.
fn placed(key: &Secret, bytes: &[u8]) -> Result<Group, VaultError> {
    if bytes.len() > PLACED_GROUP_BYTES_MAX {
        return Err(GroupError::TooLong.into());
    }
    Ok(Group::new(cipher::derive(key, PLACED_SALT), bytes)?)
}

/// Whether a row of `table` has this value in `column`.
pub(crate) fn has(
    connection: &Connection,
    table: &str,
    column: &str,
    value: &Digest,
) -> Result<bool, VaultError> {
    let sql = format!("SELECT 1 FROM {table} WHERE {column} = ?1");
    Ok(connection.prepare_cached(&sql)?.exists(params![value.as_bytes()])?)
}

impl Vault {
    /// Seals a group and gives its commitment. Asked again with the same request and the same
    /// content, it gives the same commitment and stores nothing.
    ///
    /// # Errors
    /// [`VaultError::RequestDiffers`], [`VaultError::Erased`] when what was sealed for this request
    /// was erased, [`VaultError::Terms`], [`VaultError::Group`] when it is too long,
    /// [`VaultError::ErasuresPending`], or when the file fails.
    pub fn seal(&self, sealing: &Sealing<'_>) -> Result<Digest, VaultError> {
        let sealed =
            self.write(|transaction, ring| seal(transaction, ring, sealing, Placement::Vault))?;
        Ok(sealed.commitment)
    }

    /// Seals a group that is placed on the ledger: the vault keeps its data key and terms, and gives
    /// the ciphertext. Asked again with the same request and the same content, it gives the same.
    ///
    /// # Errors
    /// As [`Vault::seal`].
    pub fn seal_for_ledger(&self, sealing: &Sealing<'_>) -> Result<Sealed, VaultError> {
        self.write(|transaction, ring| seal(transaction, ring, sealing, Placement::Ledger))
    }

    /// Opens a group. That an access on the ledger allows it is for the caller to know.
    ///
    /// # Errors
    /// [`VaultError::Unknown`], [`VaultError::Erased`], [`VaultError::OnLedger`],
    /// [`VaultError::ErasuresPending`], [`VaultError::Damaged`] and [`VaultError::Group`] when the file
    /// was altered, or when it fails.
    pub fn open_group(&self, commitment: &Digest) -> Result<Opened, VaultError> {
        self.read(|connection, ring| {
            let stored = find(connection, ring, commitment)?;
            Ok(Opened { group: stored.group()?, context: stored.context })
        })
    }

    /// Opens a group with the ciphertext that stands on the ledger. That an access allows it is for the
    /// caller to know.
    ///
    /// # Errors
    /// [`VaultError::Group`] when the ciphertext is not what was sealed; else as
    /// [`Vault::open_group`].
    pub fn open_from_ledger(
        &self,
        commitment: &Digest,
        ciphertext: &[u8],
    ) -> Result<Opened, VaultError> {
        self.read(|connection, ring| {
            let stored = find(connection, ring, commitment)?;
            let group = Group::open(&stored.key, &stored.context, ciphertext)?;
            Ok(Opened { group, context: stored.context })
        })
    }
}

/// What the vault has of the group with this commitment.
fn find(
    connection: &Connection,
    ring: &KeyRing,
    commitment: &Digest,
) -> Result<Stored, VaultError> {
    let Some(stored) = Stored::find(connection, ring, "commitment", commitment)? else {
        return Err(absent(connection, commitment)?);
    };
    if stored.context.commitment == *commitment {
        Ok(stored)
    } else {
        Err(VaultError::Damaged("a group's context"))
    }
}

/// Why there is no group with this commitment.
pub(crate) fn absent(
    connection: &Connection,
    commitment: &Digest,
) -> Result<VaultError, VaultError> {
    let erased = has(connection, "tombstone", "commitment", commitment)?;
    Ok(if erased { VaultError::Erased(*commitment) } else { VaultError::Unknown(*commitment) })
}

fn seal(
    transaction: &Transaction<'_>,
    ring: &KeyRing,
    sealing: &Sealing<'_>,
    placement: Placement,
) -> Result<Sealed, VaultError> {
    let normals = terms::normals(sealing.terms)?;
    if let Some(stored) = Stored::find(transaction, ring, "request", &sealing.request)? {
        return stored.again(sealing, &normals, placement);
    }
    let erased = transaction
        .prepare_cached("SELECT commitment FROM tombstone WHERE request = ?1")?
        .query_row(params![sealing.request.as_bytes()], |row| row.get::<_, [u8; 32]>(0))
        .optional()?;
    if let Some(commitment) = erased {
        return Err(VaultError::Erased(Digest(commitment)));
    }
    let key = random::secret()?;
    let (group, nonce) = match placement {
        Placement::Vault => (Group::new(random::secret()?, sealing.bytes)?, random::bytes()?),
        Placement::Ledger => (placed(&key, sealing.bytes)?, PLACED_NONCE),
    };
    let commitment = group.commitment();
    let context = sealing.place.with(commitment);
    let ciphertext = group.seal(&key, &nonce, &context)?;
    let kept: &[u8] = if placement == Placement::Vault { &ciphertext } else { &[] };
    transaction
        .prepare_cached("INSERT INTO field_group VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![
            commitment.as_bytes(),
            sealing.request.as_bytes(),
            cbor::encode(&context),
            sealing.permanent,
            ring.current(),
            ring.wrap(&key, &commitment)?,
            kept,
            terms::seal(&key, &commitment, &normals)?,
        ])?;
    insert_tags(transaction, ring, &commitment, &normals)?;
    Ok(Sealed { commitment, ciphertext })
}

/// Makes the group findable by its terms, under the epoch in use.
pub(crate) fn insert_tags(
    transaction: &Transaction<'_>,
    ring: &KeyRing,
    commitment: &Digest,
    normals: &[terms::Normal],
) -> Result<(), VaultError> {
    let mut insert = transaction.prepare_cached("INSERT INTO term VALUES (?1, ?2)")?;
    for term in normals {
        let tag = terms::tag(ring.index()?, term);
        insert.execute(params![tag.as_bytes(), commitment.as_bytes()])?;
    }
    Ok(())
}

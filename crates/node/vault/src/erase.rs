//! Erasing groups, and applying erasures again after a restore.

use std::collections::BTreeSet;

use chaincity_crypto::envelope::Envelope;
use chaincity_types::{Digest, Timestamp};
use rusqlite::{OptionalExtension as _, Transaction, params};

use crate::groups::{absent, has};
use crate::{Vault, VaultError, file};

/// An erasure as the ledger records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The group's commitment.
    pub commitment: Digest,
    /// The legal basis; the file shows it.
    pub basis: String,
    /// When it was decided.
    pub at: Timestamp,
}

/// What applying the ledger's erasures again found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reapplied {
    /// Groups that the backup still held, and that are erased now.
    pub erased: u64,
    /// Groups that were erased already, or that the vault does not hold.
    pub absent: u64,
    /// Groups that the ledger erased although they are kept by statute: kept, for a person to look
    /// into.
    pub permanent: Vec<Digest>,
}

impl Vault {
    /// Erases a group: its data key, ciphertext, terms, and envelopes that hold it. A tombstone
    /// stays. Erasing twice is no error. Backups hold the group until the keys of their epoch are
    /// destroyed.
    ///
    /// # Errors
    /// [`VaultError::Unknown`], [`VaultError::Permanent`], [`VaultError::BasisMissing`],
    /// [`VaultError::ErasuresPending`], or when the file fails.
    pub fn erase(&self, erasure: &Erasure) -> Result<(), VaultError> {
        let mut inner = self.lock();
        inner.check_ready()?;
        inner.write(|transaction, _| {
            if has(transaction, "tombstone", "commitment", &erasure.commitment)? {
                return Ok(());
            }
            match erase(transaction, erasure)? {
                Found::Erased => drop_envelopes_of(transaction, &[erasure.commitment].into()),
                Found::Permanent => Err(VaultError::Permanent(erasure.commitment)),
                Found::Nothing => Err(absent(transaction, &erasure.commitment)?),
            }
        })?;
        file::empty_log(&inner.connection)
    }

    /// Applies all erasures that the ledger records; after a restore the vault answers nothing
    /// before. Erasures of groups that the vault does not hold leave a tombstone too.
    ///
    /// # Errors
    /// [`VaultError::BasisMissing`], or when the file fails; then none is applied.
    pub fn reapply_erasures<'a>(
        &self,
        erasures: impl IntoIterator<Item = &'a Erasure>,
    ) -> Result<Reapplied, VaultError> {
        let mut inner = self.lock();
        let reapplied = inner.write(|transaction, _| {
            let mut reapplied = Reapplied::default();
            let mut commitments = BTreeSet::new();
            for erasure in erasures {
                match erase(transaction, erasure)? {
                    Found::Erased => reapplied.erased = reapplied.erased.saturating_add(1),
                    Found::Permanent => reapplied.permanent.push(erasure.commitment),
                    Found::Nothing => {
                        bury(transaction, erasure, None)?;
                        reapplied.absent = reapplied.absent.saturating_add(1);
                    }
                }
                commitments.insert(erasure.commitment);
            }
            for permanent in &reapplied.permanent {
                commitments.remove(permanent);
            }
            drop_envelopes_of(transaction, &commitments)?;
            transaction.execute("UPDATE keys SET restored = 0", [])?;
            Ok(reapplied)
        })?;
        inner.pending = false;
        file::empty_log(&inner.connection)?;
        Ok(reapplied)
    }
}

enum Found {
    Erased,
    Permanent,
    Nothing,
}

/// Erases a group if it is there and may be erased.
fn erase(transaction: &Transaction<'_>, erasure: &Erasure) -> Result<Found, VaultError> {
    if erasure.basis.trim().is_empty() {
        return Err(VaultError::BasisMissing);
    }
    let commitment = erasure.commitment.as_bytes();
    let found: Option<(bool, [u8; 32])> = transaction
        .prepare_cached("SELECT permanent, request FROM field_group WHERE commitment = ?1")?
        .query_row(params![commitment], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((permanent, request)) = found else { return Ok(Found::Nothing) };
    if permanent {
        return Ok(Found::Permanent);
    }
    transaction.execute("DELETE FROM field_group WHERE commitment = ?1", params![commitment])?;
    transaction.execute("DELETE FROM term WHERE commitment = ?1", params![commitment])?;
    bury(transaction, erasure, Some(request))?;
    Ok(Found::Erased)
}

fn bury(
    transaction: &Transaction<'_>,
    erasure: &Erasure,
    request: Option<[u8; 32]>,
) -> Result<(), VaultError> {
    transaction
        .prepare_cached("INSERT INTO tombstone VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?
        .execute(params![
            erasure.commitment.as_bytes(),
            request,
            erasure.basis,
            i64::try_from(erasure.at.0).unwrap_or(i64::MAX),
        ])?;
    Ok(())
}

/// Drops kept envelopes that hold one of these groups. Few are kept and erasures are rare, so all
/// are looked through.
fn drop_envelopes_of(
    transaction: &Transaction<'_>,
    commitments: &BTreeSet<Digest>,
) -> Result<(), VaultError> {
    let mut query = transaction.prepare_cached("SELECT access, bytes FROM envelope")?;
    let mut holding: Vec<String> = Vec::new();
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let envelope = Envelope::from_bytes(&row.get::<_, Vec<u8>>(1)?)?;
        if envelope.groups.iter().any(|group| commitments.contains(&group.context.commitment)) {
            holding.push(row.get(0)?);
        }
    }
    for access in holding {
        transaction.execute("DELETE FROM envelope WHERE access = ?1", params![access])?;
    }
    Ok(())
}

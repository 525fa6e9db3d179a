//! The erasures that the ledger records, carried out in the vault.

use chaincity_query::{Filter, Op, Select, StatusFilter};
use chaincity_types::wire::Version;
use chaincity_types::{Digest, Value};
use chaincity_vault::{Erasure, Reapplied, VaultError};

use crate::PACKAGE;
use crate::agent::{Agent, AgentError};

/// Register of the erasures.
const ERASURE: &str = "erasure";
/// Erasures read at a time.
const PAGE: usize = 500;

impl Agent {
    /// Carries out every erasure that the ledger records for this steward. A restored vault answers
    /// again after that; a vault that did not miss any is left as it is.
    ///
    /// # Errors
    /// See [`AgentError`]; then none was carried out.
    pub fn apply_erasures(&self) -> Result<Reapplied, AgentError> {
        let mut erasures = Vec::new();
        let mut cursor = None;
        while self.is_in_force() {
            let page = self.model.select(&self.erasures(None, cursor))?;
            erasures.extend(page.items.iter().filter_map(erasure));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(self.vault.reapply_erasures(&erasures)?)
    }

    /// Carries out the erasures of these groups that the ledger records and the vault may not have
    /// seen yet.
    pub(crate) fn erase_recorded(
        &self,
        commitments: impl Iterator<Item = Digest>,
    ) -> Result<(), AgentError> {
        for commitment in commitments {
            let page = self.model.select(&self.erasures(Some(commitment), None))?;
            for erasure in page.items.iter().filter_map(erasure) {
                match self.vault.erase(&erasure) {
                    Ok(()) | Err(VaultError::Unknown(_) | VaultError::Permanent(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn erasures(&self, commitment: Option<Digest>, cursor: Option<String>) -> Select {
        let equal = |field: &str, value: Value| Filter { field: field.into(), op: Op::Eq, value };
        let mut filters = vec![equal("steward", Value::from(self.member.as_str()))];
        let bytes = commitment.map(|commitment| Value::Bytes(commitment.as_bytes().to_vec()));
        filters.extend(bytes.map(|bytes| equal("commitment", bytes)));
        Select {
            package: PACKAGE.to_owned(),
            register: ERASURE.to_owned(),
            filters,
            status: StatusFilter::Any,
            sort: Vec::new(),
            limit: PAGE,
            cursor,
        }
    }
}

/// An erasure from its record.
fn erasure(version: &Version) -> Option<Erasure> {
    let Some(Value::Bytes(commitment)) = version.fields.get("commitment") else { return None };
    Some(Erasure {
        commitment: Digest(commitment.as_slice().try_into().ok()?),
        basis: version.fields.get("basis")?.as_text()?.to_owned(),
        at: version.by.time,
    })
}

//! Pseudonyms handed out with a sealed group: those that a register's fields take from it.

use std::collections::BTreeMap;

use chaincity_api::Problem;
use chaincity_crypto::pseudonym::Family;
use chaincity_package::model::{self, FieldType, Group, Register};
use chaincity_types::{Str, Value};
use chaincity_vault::{Place, Vault, VaultError};
use zeroize::Zeroizing;

use crate::error::{Answer, Failure};

/// A pseudonym to make. Whom it stands for is wiped when it is dropped, and never printed.
pub(crate) struct Standing {
    /// The register's field.
    name: String,
    /// The group's field.
    field: String,
    scope: String,
    of: Zeroizing<String>,
}

/// What of these values pseudonyms of the register stand for. A field of the group that is left out
/// has none.
pub(crate) fn asked(
    register: &Register,
    group: &Group,
    values: &BTreeMap<Str, Value>,
    scopes: &BTreeMap<String, String>,
) -> Answer<Vec<Standing>> {
    let mut standing = Vec::new();
    for (name, declared) in &register.fields {
        let Some((field, scope)) = family_of(&declared.kind, &group.name) else { continue };
        let Some(of) = values.get(field).and_then(Value::as_text) else { continue };
        let scope = match scope {
            None => String::new(),
            Some(scope) => scopes.get(scope.as_str()).cloned().ok_or_else(|| {
                Failure::because(Problem::GroupInvalid, format!("`scopes.{scope}` is missing"))
            })?,
        };
        standing.push(Standing {
            name: name.to_string(),
            field: field.to_string(),
            scope,
            of: Zeroizing::new(of.to_owned()),
        });
    }
    Ok(standing)
}

/// Makes them, by the register's fields.
pub(crate) fn make(
    vault: &Vault,
    place: &Place,
    standing: &[Standing],
) -> Result<BTreeMap<String, String>, VaultError> {
    let made = standing.iter().map(|standing| {
        let family = Family {
            ledger: place.ledger,
            package: &place.package,
            group: &place.group,
            field: &standing.field,
            scope: &standing.scope,
        };
        Ok((standing.name.clone(), vault.pseudonym(&family, &standing.of)?))
    });
    made.collect()
}

/// The group's field and the scope, where a type holds pseudonyms of this group.
fn family_of<'f>(kind: &'f FieldType, of: &str) -> Option<(&'f Str, Option<&'f Str>)> {
    if let FieldType::List(item, _) | FieldType::MapOf(_, item, _) = kind {
        return family_of(item, of);
    }
    if let FieldType::Map(fields) = kind {
        return fields.values().find_map(|field| family_of(&field.kind, of));
    }
    let FieldType::Pseudonym(model::Family::Vault { group, field, scope }) = kind else {
        return None;
    };
    (group == of).then_some((field, scope.as_ref()))
}

//! What an access asks for, found on the ledger and opened in the vault.

use std::collections::{BTreeMap, BTreeSet};

use chaincity_crypto::envelope::{self, Envelope, ReleaseContext};
use chaincity_package::model::{Field, FieldType, Package};
use chaincity_types::wire::{LogicalKey, Version};
use chaincity_types::{Digest, Str, Value};
use chaincity_vault::{Vault, VaultError};

use crate::agent::{AgentError, secret};
use crate::answer::Refusal;

/// Most subjects that a release names.
const SUBJECTS_MAX: usize = 50;

/// What an access asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) key: String,
    pub(crate) package: String,
    pub(crate) register: String,
    pub(crate) record: String,
    pub(crate) groups: Vec<String>,
    pub(crate) claims: bool,
    pub(crate) reader_key: [u8; 32],
}

impl Asked {
    /// The record asked for.
    pub(crate) fn record_key(&self) -> LogicalKey {
        LogicalKey::Record {
            package: self.package.as_str().into(),
            register: self.register.as_str().into(),
            key: self.record.as_str().into(),
        }
    }

    /// Reads the record of an access; `None` when it is not of the form that the package gives it.
    pub(crate) fn read(key: &str, version: &Version) -> Option<Self> {
        let text = |name: &str| version.fields.get(name)?.as_text().map(str::to_owned);
        let list = |name: &str| version.fields.get(name).and_then(Value::as_list);
        let groups = list("groups")?.iter().map(|group| group.as_text().map(str::to_owned));
        let Some(Value::Bytes(reader_key)) = version.fields.get("key") else { return None };
        Some(Self {
            key: key.to_owned(),
            package: text("in_package")?,
            register: text("register")?,
            record: text("record")?,
            groups: groups.collect::<Option<_>>()?,
            claims: !list("claims")?.is_empty(),
            reader_key: reader_key.as_slice().try_into().ok()?,
        })
    }
}

/// The commitments of the groups asked for, as the record's version holds them: group, commitment.
pub(crate) fn commitments(
    package: &Package,
    asked: &Asked,
    version: &Version,
) -> Vec<(String, Digest)> {
    let Some(register) = package.registers.get(asked.register.as_str()) else { return Vec::new() };
    let wanted: BTreeSet<&str> = asked.groups.iter().map(String::as_str).collect();
    let mut found = Vec::new();
    for (name, field) in &register.fields {
        let FieldType::Sealed(group) = &field.kind else { continue };
        if !wanted.contains(group.as_str()) {
            continue;
        }
        if let Some(Value::Bytes(bytes)) = version.fields.get(name)
            && let Ok(commitment) = <[u8; 32]>::try_from(bytes.as_slice())
        {
            found.push((group.to_string(), Digest(commitment)));
        }
    }
    found
}

/// Opens the groups and seals them for the reader.
///
/// # Errors
/// The refusal to record, or a fault after which the access is asked again later.
pub(crate) fn seal(
    vault: &Vault,
    ledger: Digest,
    asked: &Asked,
    version: u64,
    commitments: Vec<(String, Digest)>,
) -> Result<Result<Envelope, Refusal>, AgentError> {
    let mut groups = Vec::with_capacity(commitments.len());
    for (group, commitment) in commitments {
        let opened = match vault.open_group(&commitment) {
            Ok(opened) => opened,
            Err(VaultError::Unknown(_)) => return Ok(Err(Refusal::GroupUnknown)),
            Err(VaultError::Erased(_)) => return Ok(Err(Refusal::GroupErased)),
            Err(error) => return Err(error.into()),
        };
        // What was sealed for another register is not handed out under this one's grant.
        let place = &opened.context;
        if (place.ledger, &place.package, &place.register, &place.group)
            != (ledger, &asked.package, &asked.register, &group)
        {
            return Ok(Err(Refusal::GroupUnknown));
        }
        let context = ReleaseContext {
            ledger,
            access: asked.key.clone(),
            package: asked.package.clone(),
            register: asked.register.clone(),
            record: asked.record.clone(),
            version,
            group,
            commitment,
        };
        match envelope::seal(&asked.reader_key, context, &opened.group, &secret()?) {
            Ok(sealed) => groups.push(sealed),
            // Thirty-two bytes that are no point of the curve.
            Err(_) => return Ok(Err(Refusal::KeyInvalid)),
        }
    }
    Ok(Ok(Envelope { groups }))
}

/// The subjects that the record asked for names in the clear: whose read logs the access belongs to.
pub(crate) fn subjects_of(package: &Package, asked: &Asked, version: &Version) -> Vec<Value> {
    let register = package.registers.get(asked.register.as_str());
    register.map(|register| subjects(&register.fields, &version.fields)).unwrap_or_default()
}

fn subjects(fields: &BTreeMap<Str, Field>, values: &BTreeMap<Str, Value>) -> Vec<Value> {
    let mut found = BTreeSet::new();
    for (name, field) in fields {
        if let Some(value) = values.get(name) {
            collect(&field.kind, value, &mut found);
        }
    }
    found.into_iter().take(SUBJECTS_MAX).map(Value::Text).collect()
}

fn collect(kind: &FieldType, value: &Value, found: &mut BTreeSet<Str>) {
    match (kind, value) {
        (FieldType::Subject, Value::Text(subject)) => {
            found.insert(subject.clone());
        }
        (FieldType::Share, Value::Map(share)) => {
            let subject = share.get("subject").and_then(Value::as_str);
            found.extend(subject.cloned());
        }
        (FieldType::List(item, _), Value::List(items)) => {
            items.iter().for_each(|value| collect(item, value, found));
        }
        (FieldType::MapOf(_, item, _), Value::Map(values)) => {
            values.values().for_each(|value| collect(item, value, found));
        }
        (FieldType::Map(fields), Value::Map(values)) => {
            for (name, field) in fields {
                if let Some(value) = values.get(name) {
                    collect(&field.kind, value, found);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_found_wherever_a_version_names_them_each_once() {
        let field = |kind| Field { kind, optional: true, title: Default::default() };
        let share = FieldType::List(Box::new(FieldType::Share), 9);
        let fields = BTreeMap::from([
            ("debtor".into(), field(FieldType::Subject)),
            ("holders".into(), field(share)),
            ("note".into(), field(FieldType::Text(9))),
        ]);
        let holder = |id: &str| Value::Map([("subject".into(), Value::from(id))].into());
        let values = BTreeMap::from([
            ("debtor".into(), Value::from("s-2")),
            ("holders".into(), Value::List(vec![holder("s-2"), holder("s-1")])),
            ("note".into(), Value::from("s-9")),
        ]);
        assert_eq!(subjects(&fields, &values), [Value::from("s-1"), Value::from("s-2")]);
    }
}

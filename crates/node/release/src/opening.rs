//! What an access asks for, found on the ledger and opened in the vault.

use std::collections::{BTreeMap, BTreeSet};

use chaincity_crypto::envelope::{self, Envelope, GROUPS_MAX, ReleaseContext};
use chaincity_crypto::groups::Group;
use chaincity_crypto::suite::SecretKey;
use chaincity_package::claim;
use chaincity_package::model::{Field, FieldType, Package};
use chaincity_pipeline::NodeStatus;
use chaincity_types::wire::{LogicalKey, Version};
use chaincity_types::{Digest, Str, Value};
use chaincity_vault::{Vault, VaultError};

use crate::agent::{AgentError, secret};
use crate::answer::Refusal;
use crate::claims;
use crate::said::{Fields, GRANT};

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
    /// Claims by their full names.
    pub(crate) claims: Vec<String>,
    /// What was said with them in clear.
    pub(crate) parameters: BTreeMap<Str, Str>,
    /// The commitment to what was said to the steward alone.
    pub(crate) sealed_parameters: Option<Digest>,
    pub(crate) reader_key: [u8; 32],
    /// Register and key of the grant or consent; none when a subject asks for what is about himself.
    pub(crate) basis: Option<(&'static str, String)>,
    /// The search that it follows.
    pub(crate) search: Option<String>,
    /// The case of the ledger by which it is asked.
    pub(crate) case: Option<String>,
    /// Who asks.
    pub(crate) officer: String,
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
        let fields = &version.fields;
        let text = |name: &str| fields.get(name)?.as_text().map(str::to_owned);
        let texts = |name: &str| {
            let list = fields.get(name)?.as_list()?.iter();
            list.map(|text| text.as_text().map(str::to_owned)).collect::<Option<Vec<_>>>()
        };
        Some(Self {
            key: key.to_owned(),
            package: text("in_package")?,
            register: text("register")?,
            record: text("record")?,
            groups: texts("groups")?,
            claims: texts("claims")?,
            parameters: fields.get("parameters").map_or(Some(BTreeMap::new()), claims::texts)?,
            sealed_parameters: fields.get("sealed_parameters").and_then(commitment),
            reader_key: commitment(fields.get("key")?)?.0,
            basis: text(GRANT)
                .map(|grant| (GRANT, grant))
                .or_else(|| Some(("consent", text("consent")?))),
            search: text("search"),
            case: text("case"),
            officer: text("officer")?,
        })
    }

    /// The claims asked for of a group, by their names in it.
    pub(crate) fn claims_of<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a str> {
        let parts = self.claims.iter().filter_map(|name| claim::parts(name));
        parts.filter(move |(of, _)| *of == group).map(|(_, claim)| claim)
    }
}

pub(crate) fn commitment(value: &Value) -> Option<Digest> {
    let Value::Bytes(bytes) = value else { return None };
    <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Digest)
}

/// The commitments of the groups of which something is asked, as the record's version holds them:
/// group, commitment.
pub(crate) fn commitments(
    package: &Package,
    asked: &Asked,
    version: &Version,
) -> Vec<(String, Digest)> {
    let Some(register) = package.registers.get(asked.register.as_str()) else { return Vec::new() };
    let mut found = Vec::new();
    for (name, field) in &register.fields {
        let FieldType::Sealed(group) = &field.kind else { continue };
        let wanted = asked.groups.iter().any(|asked| asked == group.as_str())
            || asked.claims_of(group).next().is_some();
        if let Some(commitment) = version.fields.get(name).and_then(commitment).filter(|_| wanted) {
            found.push((group.to_string(), commitment));
        }
    }
    found
}

/// Who answers an access, out of what.
pub(crate) struct Answering<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) key: &'a SecretKey,
    pub(crate) package: &'a Package,
    pub(crate) status: &'a NodeStatus,
    pub(crate) asked: &'a Asked,
    /// What it says to the steward alone.
    pub(crate) said: &'a Fields,
    /// Number of the record's version.
    pub(crate) version: u64,
}

impl Answering<'_> {
    /// Opens the groups and seals for the reader what is asked of them: the groups, and what follows
    /// from them.
    ///
    /// # Errors
    /// The refusal to record, or a fault after which the access is asked again later.
    pub(crate) fn seal(
        &self,
        commitments: Vec<(String, Digest)>,
    ) -> Result<Result<Envelope, Refusal>, AgentError> {
        let said = match claims::said(self) {
            Ok(said) => said,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if commitments.is_empty() {
            return Ok(Err(Refusal::GroupAbsent));
        }
        let mut groups = Vec::with_capacity(commitments.len());
        for (group, commitment) in commitments {
            let place = (&*self.asked.package, &*self.asked.register, &*group);
            let opened = match open(self.vault, self.status.ledger, place, &commitment)? {
                Ok(opened) => opened,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let context = self.context(&group, commitment);
            let mut sealed = Vec::new();
            if self.asked.groups.contains(&group) {
                sealed.push(envelope::seal(
                    &self.asked.reader_key,
                    context.clone(),
                    &opened,
                    &secret()?,
                ));
            }
            for name in self.asked.claims_of(&group) {
                let context = ReleaseContext { claim: Some(name.to_owned()), ..context.clone() };
                let statement = match claims::statement(self, context.clone(), &opened, &said) {
                    Ok(statement) => statement.sign(self.key),
                    Err(refusal) => return Ok(Err(refusal)),
                };
                let reader = &self.asked.reader_key;
                sealed.push(envelope::seal_claim(reader, context, &statement, &secret()?));
            }
            for sealed in sealed {
                match sealed {
                    Ok(sealed) => groups.push(sealed),
                    // Thirty-two bytes that are no point of the curve.
                    Err(_) => return Ok(Err(Refusal::KeyInvalid)),
                }
            }
        }
        if groups.len() > GROUPS_MAX {
            return Ok(Err(Refusal::TooMuch));
        }
        Ok(Ok(Envelope { groups }))
    }

    fn context(&self, group: &str, commitment: Digest) -> ReleaseContext {
        ReleaseContext {
            ledger: self.status.ledger,
            access: self.asked.key.clone(),
            package: self.asked.package.clone(),
            register: self.asked.register.clone(),
            record: self.asked.record.clone(),
            version: self.version,
            group: group.to_owned(),
            commitment,
            claim: None,
        }
    }
}

/// Opens a group. What was sealed for another register is not handed out under this one's grant.
pub(crate) fn open(
    vault: &Vault,
    ledger: Digest,
    place: (&str, &str, &str),
    commitment: &Digest,
) -> Result<Result<Group, Refusal>, AgentError> {
    let opened = match vault.open_group(commitment) {
        Ok(opened) => opened,
        Err(VaultError::Unknown(_)) => return Ok(Err(Refusal::GroupUnknown)),
        Err(VaultError::Erased(_)) => return Ok(Err(Refusal::GroupErased)),
        Err(error) => return Err(error.into()),
    };
    let of = &opened.context;
    let is_of = (&*of.package, &*of.register, &*of.group) == place;
    if of.ledger == ledger && is_of { Ok(Ok(opened.group)) } else { Ok(Err(Refusal::GroupUnknown)) }
}

/// The subjects that the record asked for names in the clear: whose read logs the access belongs to.
pub(crate) fn subjects_of(package: &Package, asked: &Asked, version: &Version) -> Vec<Value> {
    subjects_in(package, &asked.register, version)
}

/// The subjects that a version of a register's record names in the clear.
pub(crate) fn subjects_in(package: &Package, register: &str, version: &Version) -> Vec<Value> {
    let register = package.registers.get(register);
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
        (FieldType::Subject | FieldType::Pseudonym(_), Value::Text(subject)) => {
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

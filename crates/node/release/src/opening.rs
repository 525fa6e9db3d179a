//! What an access asks for, found on the ledger and opened in the vault.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chaincity_crypto::envelope::{self, Envelope, GROUPS_MAX, ReleaseContext};
use chaincity_crypto::groups::{self, Group};
use chaincity_crypto::suite::SecretKey;
use chaincity_ledger::{cases, governance};
use chaincity_package::claim;
use chaincity_package::model::{Field, FieldType, Package, Register};
use chaincity_pipeline::{NodeError, NodeStatus};
use chaincity_types::wire::{LogicalKey, Version};
use chaincity_types::{Digest, Str, Value};
use chaincity_vault::{Vault, VaultError};
use futures::executor::block_on;

use crate::agent::{Agent, AgentError, secret};
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
    /// Whether something is asked of a group.
    fn wants(&self, group: &str) -> bool {
        self.groups.iter().any(|asked| asked == group) || self.claims_of(group).next().is_some()
    }

    /// Reads the fields of an access, or of a confidential one's request; `None` when they are not of the
    /// form that the package gives them.
    pub(crate) fn read(key: &str, fields: &Fields) -> Option<Self> {
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

/// What a field holds of a group.
pub(crate) struct Held {
    pub(crate) commitment: Digest,
    /// Where the group is placed on the ledger.
    pub(crate) ciphertext: Option<Vec<u8>>,
}

/// What a field holds, if it holds a group.
pub(crate) fn held(value: &Value) -> Option<Held> {
    let Value::Bytes(bytes) = value else { return None };
    let (commitment, ciphertext) = groups::held(bytes)?;
    Some(Held { commitment, ciphertext: ciphertext.map(<[u8]>::to_vec) })
}

pub(crate) fn commitment(value: &Value) -> Option<Digest> {
    let Value::Bytes(bytes) = value else { return None };
    groups::held(bytes).map(|(commitment, _)| commitment)
}

/// What an access asks about, as it is now: a record of a register; or a case, which is to its process
/// as a record is to its register.
pub(crate) struct Found {
    pub(crate) package: Arc<Package>,
    /// Number of its version.
    pub(crate) version: u64,
    /// The groups that it holds and of which something is asked, by name.
    pub(crate) held: Vec<(String, Held)>,
    /// The subjects that it names in the clear: whose read logs the access belongs to.
    pub(crate) subjects: Vec<Value>,
}

impl Agent {
    /// What an access asks about, if it is there.
    pub(crate) fn find_asked(&self, asked: &Asked) -> Result<Option<Found>, NodeError> {
        let Some(package) = self.package(&asked.package) else { return Ok(None) };
        let register = package.registers.get(asked.register.as_str());
        let key = match register {
            Some(_) => record_key(&asked.package, &asked.register, &asked.record),
            None => cases::key(cases::CASE, asked.record.as_str()),
        };
        let Some((head, version)) = block_on(self.node.record(key))? else { return Ok(None) };
        let (held, subjects) = if let Some(register) = register {
            (held_by(register, asked, &version), subjects(&register.fields, &version.fields))
        } else if is_of_process(&version, asked) {
            (sealed_by(&self.member, asked, &version), self.subjects_of_case(&version)?)
        } else {
            return Ok(None);
        };
        Ok(Some(Found { package, version: head.version, held, subjects }))
    }

    fn package(&self, id: &str) -> Option<Arc<Package>> {
        self.node.packages().into_iter().find(|package| package.id == id)
    }

    /// Whom a case is about: its applicant, unless that is a member, and the subjects of its records.
    fn subjects_of_case(&self, case: &Version) -> Result<Vec<Value>, NodeError> {
        let mut found = BTreeSet::new();
        if let Some(applicant) = case.fields.get("applicant").and_then(Value::as_str) {
            let member = governance::key(governance::MEMBER, applicant.clone());
            if block_on(self.node.record(member))?.is_none() {
                // Who told the message that began it wrote it: no more than a text.
                found.extend(FieldType::Subject.check(Value::Text(applicant.clone()), 0).ok());
            }
        }
        let about = case.fields.get("subjects").and_then(Value::as_list).unwrap_or_default();
        for name in about.iter().filter_map(Value::as_text) {
            let mut parts = name.splitn(3, '/');
            let (Some(package), Some(register), Some(record)) =
                (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let Some(compiled) = self.package(package) else { continue };
            let version = block_on(self.node.record(record_key(package, register, record)))?;
            let of = |(_, version): (_, Arc<Version>)| subjects_in(&compiled, register, &version);
            found.extend(version.map(of).unwrap_or_default());
        }
        Ok(found.into_iter().take(SUBJECTS_MAX).collect())
    }
}

fn record_key(package: &str, register: &str, key: &str) -> LogicalKey {
    LogicalKey::Record { package: package.into(), register: register.into(), key: key.into() }
}

/// What a record's version holds.
fn held_by(register: &Register, asked: &Asked, version: &Version) -> Vec<(String, Held)> {
    let mut found = Vec::new();
    for (name, field) in &register.fields {
        let Some(group) = field.kind.group().filter(|group| asked.wants(group)) else { continue };
        let held = version.fields.get(name).and_then(held);
        found.extend(held.map(|held| (group.to_string(), held)));
    }
    found
}

/// Whether it is a case of the process that an access names in the place of a register.
fn is_of_process(case: &Version, asked: &Asked) -> bool {
    let text = |name: &str| case.fields.get(name).and_then(Value::as_text);
    text("package") == Some(&*asked.package) && text("process") == Some(&*asked.register)
}

/// A case's encrypted variables that operators of this member set.
fn sealed_by(member: &str, asked: &Asked, case: &Version) -> Vec<(String, Held)> {
    let sealed = case.fields.get(cases::SEALED).and_then(Value::as_map);
    let notes = sealed.into_iter().flat_map(BTreeMap::values).filter_map(Value::as_map);
    let sealed = notes.filter_map(|note| {
        let text = |name: &str| note.get(name).and_then(Value::as_text);
        let group = text("group").filter(|group| asked.wants(group))?;
        let own = text("member") == Some(member);
        Some((group.to_owned(), note.get("commitment").and_then(held).filter(|_| own)?))
    });
    sealed.collect()
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
        held: &[(String, Held)],
    ) -> Result<Result<Envelope, Refusal>, AgentError> {
        let said = match claims::said(self) {
            Ok(said) => said,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if held.is_empty() {
            return Ok(Err(Refusal::GroupAbsent));
        }
        let mut groups = Vec::with_capacity(held.len());
        for (group, held) in held {
            let place = (&*self.asked.package, &*self.asked.register, &**group);
            let opened = match open(self.vault, self.status.ledger, place, held)? {
                Ok(opened) => opened,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let context = self.context(group, held.commitment);
            let mut sealed = Vec::new();
            if self.asked.groups.contains(group) {
                sealed.push(envelope::seal(
                    &self.asked.reader_key,
                    context.clone(),
                    &opened,
                    &secret()?,
                ));
            }
            for name in self.asked.claims_of(group) {
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
    Held { commitment, ciphertext }: &Held,
) -> Result<Result<Group, Refusal>, AgentError> {
    let opened = match ciphertext {
        Some(ciphertext) => vault.open_from_ledger(commitment, ciphertext),
        None => vault.open_group(commitment),
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(VaultError::Unknown(_)) => return Ok(Err(Refusal::GroupUnknown)),
        Err(VaultError::Erased(_)) => return Ok(Err(Refusal::GroupErased)),
        // What a writer put behind the commitment is not what was sealed, or is missing.
        Err(VaultError::Group(_)) if ciphertext.is_some() => {
            return Ok(Err(Refusal::GroupUnreadable));
        }
        Err(VaultError::OnLedger(_)) => return Ok(Err(Refusal::GroupUnreadable)),
        Err(error) => return Err(error.into()),
    };
    let of = &opened.context;
    let is_of = (&*of.package, &*of.register, &*of.group) == place;
    if of.ledger == ledger && is_of { Ok(Ok(opened.group)) } else { Ok(Err(Refusal::GroupUnknown)) }
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

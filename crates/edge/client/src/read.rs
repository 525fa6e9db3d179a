//! Reading encrypted groups: an access on the ledger, its release by the steward, the envelope opened
//! here and checked against what the ledger holds.

use std::collections::BTreeMap;
use std::time::Duration;

use chaincity_api::package::FieldKind;
use chaincity_api::record::Record;
use chaincity_crypto::cipher::Secret;
use chaincity_crypto::envelope::{ReaderKey, ReleaseContext};
use chaincity_types::wire::{Outcome, Version};
use chaincity_types::{Digest, Str, Value};
use rand::TryRng as _;
use rand::rngs::SysRng;

use crate::client::Client;
use crate::error::ClientError;
use crate::submit::call;
use crate::vault::{open_envelope, until};

/// The package of the disclosure protocol.
const DISCLOSURE: &str = "disclosure";
/// How long the steward's node may take to see the release that another node has seen.
const LAG: Duration = Duration::from_secs(10);
/// Older versions looked through for the one that was released: the record may have moved on.
const VERSIONS: usize = 16;

/// What an access rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// A standing grant, by number.
    Grant(String),
    /// A subject's consent, by number.
    Consent(String),
    /// The caller is the subject.
    Subject,
}

/// What is to be read: groups of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The member that keeps the data.
    pub steward: String,
    /// Package identifier.
    pub package: String,
    /// Register.
    pub register: String,
    /// Record key.
    pub record: String,
    /// Names of the groups.
    pub groups: Vec<String>,
    /// Purpose, the same as that of the grant or consent.
    pub purpose: String,
    /// Number of the case.
    pub case: Option<String>,
    /// Grant, consent, or being the subject.
    pub basis: Basis,
}

/// What came of it. The access stands on the ledger in every case.
#[derive(Clone, Debug, PartialEq)]
pub enum Read {
    /// Released and opened.
    Opened {
        /// Number of the access.
        access: String,
        /// The record's version that was released.
        version: u64,
        /// Each group by name, with its fields.
        groups: Vec<(String, BTreeMap<Str, Value>)>,
    },
    /// Refused, by the rules or by the steward.
    Refused {
        /// Number of the access.
        access: String,
        /// Stable code.
        code: String,
        /// The reason in Chinese.
        zh: String,
        /// The reason in English.
        en: String,
    },
    /// Rejected: what was asked is no access, or the caller may ask for none.
    Rejected {
        /// Stable code of the guard or of the kernel.
        code: String,
    },
    /// Not answered within the time given, or before the ledger's deadline.
    Unanswered {
        /// Number of the access.
        access: String,
    },
}

impl Client {
    /// Reads groups of a record: asks on the ledger, waits at most `wait` for the steward's answer,
    /// fetches the envelope from `steward` (a client of the steward's node, signed in with the same
    /// key), and opens it. The one-time key never leaves this call.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn read(
        &self,
        reading: &Reading,
        steward: &Self,
        wait: Duration,
    ) -> Result<Read, ClientError> {
        let key = one_time_key()?;
        let access = match self.ask(reading, &key)? {
            Ok(access) => access,
            Err(code) => return Ok(Read::Rejected { code }),
        };
        let answered = until(wait, || self.answered(&access))?;
        let Some(answered) = answered else { return Ok(Read::Unanswered { access }) };
        let text = |name: &str| answered.fields.get(name).and_then(serde_json::Value::as_str);
        match text("state") {
            Some("released") => {}
            Some("refused") => {
                let reason = answered.fields.get("reason");
                let reason = |language: &str| {
                    let text = reason.and_then(|reason| reason.get(language)?.as_str());
                    text.unwrap_or_default().to_owned()
                };
                let code = text("code").unwrap_or_default().to_owned();
                return Ok(Read::Refused { access, code, zh: reason("zh"), en: reason("en") });
            }
            _ => return Ok(Read::Unanswered { access }),
        }
        let number = answered.fields.get("version").and_then(serde_json::Value::as_u64);
        let number = number.ok_or_else(|| answer("a release without a version"))?;
        let sealed = steward.await_envelope(&access, LAG)?;
        let sealed = sealed.ok_or_else(|| answer("the steward's node knows of no release"))?;
        let expected = self.expected(reading, &access, number)?;
        let opened = open_envelope(&key, &sealed, &expected)?;
        let names = expected.into_iter().map(|context| context.group);
        Ok(Read::Opened { access, version: number, groups: names.zip(opened).collect() })
    }

    /// Puts the access on the ledger and gives its number, or the code with which it was rejected.
    fn ask(
        &self,
        reading: &Reading,
        key: &ReaderKey,
    ) -> Result<Result<String, String>, ClientError> {
        let texts = |texts: &[String]| {
            Value::List(texts.iter().map(|text| Value::from(text.as_str())).collect())
        };
        let mut input = BTreeMap::from([
            ("steward".into(), Value::from(reading.steward.as_str())),
            ("in_package".into(), Value::from(reading.package.as_str())),
            ("register".into(), Value::from(reading.register.as_str())),
            ("items".into(), Value::List(vec![Value::from(reading.record.as_str())])),
            ("groups".into(), texts(&reading.groups)),
            ("claims".into(), Value::List(Vec::new())),
            ("purpose".into(), Value::from(reading.purpose.as_str())),
            ("key".into(), Value::Bytes(key.public_key().to_vec())),
        ]);
        if let Some(case) = &reading.case {
            input.insert("case_number".into(), Value::from(case.as_str()));
        }
        match &reading.basis {
            Basis::Grant(grant) => input.insert("grant".into(), Value::from(grant.as_str())),
            Basis::Consent(consent) => {
                input.insert("consent".into(), Value::from(consent.as_str()))
            }
            Basis::Subject => None,
        };
        let proved = self.execute(vec![call(DISCLOSURE, "access", input)])?;
        let entry = proved.receipt.entries.first().ok_or_else(|| answer("an empty receipt"))?;
        if let Outcome::Rejected { code, .. } = &entry.outcome {
            return Ok(Err(code.to_string()));
        }
        let event = entry.events.first().ok_or_else(|| answer("an access without an event"))?;
        Ok(Ok(event.key.to_string()))
    }

    /// The access, if it is answered.
    fn answered(&self, access: &str) -> Result<Option<Record>, ClientError> {
        let found = self.record(DISCLOSURE, "access", access)?;
        Ok(found.filter(|record| record.fields.get("state") != Some(&"asked".into())))
    }

    /// What the envelope must hold, from the record's version on the ledger, proved.
    fn expected(
        &self,
        reading: &Reading,
        access: &str,
        number: u64,
    ) -> Result<Vec<ReleaseContext>, ClientError> {
        let Reading { package, register, record, groups, .. } = reading;
        let proved = self.record_proved(package, register, record, VERSIONS)?;
        let version = proved.versions.iter().find(|version| version.version == number);
        let version = version.ok_or_else(|| answer("a release of a version that is not there"))?;
        let info = self.package(package)?;
        let info = info.as_ref().and_then(|info| info.registers.get(register));
        let info = info.ok_or_else(|| answer("a register that the node does not know"))?;
        let mut expected = Vec::new();
        for (name, field) in &info.fields {
            let FieldKind::Sealed { group } = &field.kind else { continue };
            let Some(commitment) = commitment(version, name).filter(|_| groups.contains(group))
            else {
                continue;
            };
            expected.push(ReleaseContext {
                ledger: self.ledger,
                access: access.to_owned(),
                package: package.clone(),
                register: register.clone(),
                record: record.clone(),
                version: number,
                group: group.clone(),
                commitment,
            });
        }
        Ok(expected)
    }
}

fn commitment(version: &Version, field: &str) -> Option<Digest> {
    let Some(Value::Bytes(bytes)) = version.fields.get(field) else { return None };
    <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Digest)
}

fn answer(text: &str) -> ClientError {
    ClientError::answer("disclosure", text)
}

fn one_time_key() -> Result<ReaderKey, ClientError> {
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    let failed = |_| ClientError::Setup("no random bytes from the operating system".to_owned());
    SysRng.try_fill_bytes(&mut *seed).map_err(failed)?;
    Ok(ReaderKey::from_seed(&Secret::from_bytes(*seed)))
}

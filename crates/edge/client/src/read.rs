//! Reading encrypted groups, or what follows from them: an access on the ledger, its release by the
//! steward, the envelope opened here and checked against what the ledger holds.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chaincity_api::package::{ClaimInfo, FieldKind, RegisterInfo};
use chaincity_api::record::Record;
use chaincity_api::vault::SealRequest;
use chaincity_crypto::cipher::Secret;
use chaincity_crypto::claim::SignedClaim;
use chaincity_crypto::envelope::{ReaderKey, ReleaseContext};
use chaincity_crypto::verify::FILE_BYTES_MAX;
use chaincity_package::claim;
use chaincity_types::wire::{Call, ClaimProof, Event, Outcome, Version};
use chaincity_types::{Digest, Str, Value, cbor};
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

use crate::client::Client;
use crate::error::ClientError;
use crate::submit::call;
use crate::vault::{open_envelope, until};

/// The package of the disclosure protocol.
pub(crate) const DISCLOSURE: &str = "disclosure";
/// How long the steward's node may take to see the release that another node has seen.
pub(crate) const LAG: Duration = Duration::from_secs(10);
/// Older versions looked through for the one that was released: the record may have moved on.
pub(crate) const VERSIONS: usize = 16;

/// Older versions of a signer's record that go with a claim: he may have changed his post since.
const SIGNER_VERSIONS: usize = 16;

/// Most records of one access.
pub const BATCH_MAX: usize = 200;

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

/// What is to be read: groups of one record, or claims that follow from them.
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
    /// Full names of the claims, `group.claim`.
    pub claims: Vec<String>,
    /// What is said with the claims, as texts by name. What their package does not let stand in
    /// clear is sealed in the steward's vault.
    pub parameters: BTreeMap<String, String>,
    /// Purpose, the same as that of the grant or consent.
    pub purpose: String,
    /// Number of the case.
    pub case: Option<String>,
    /// The case of the ledger by which the records are asked for.
    pub of_case: Option<String>,
    /// The search by which the record was found; of the same purpose and case.
    pub search: Option<String>,
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
        /// Each claim by its full name, signed.
        claims: Vec<(String, SignedClaim)>,
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
        let records = std::slice::from_ref(&reading.record);
        let access = match self.ask(reading, records, &key, steward)? {
            Ok(accesses) => accesses.into_iter().next(),
            Err(code) => return Ok(Read::Rejected { code }),
        };
        let access = access.ok_or_else(|| answer("an access without an event"))?;
        self.finish(reading, (access, &key), &mut None, steward, wait)
    }

    /// Waits for the answer to an access that another transaction asked for, with
    /// [`access_call`], and opens what was released; as [`Client::read`].
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn read_access(
        &self,
        reading: &Reading,
        (access, key): (String, &ReaderKey),
        steward: &Self,
        wait: Duration,
    ) -> Result<Read, ClientError> {
        self.finish(reading, (access, key), &mut None, steward, wait)
    }

    /// Reads the same groups of many records: asks for as many at once as the grant allows, at most
    /// [`BATCH_MAX`], and tells what came of each, in order, as soon as it is known. The rules ask or
    /// refuse each batch as a whole, the steward answers record by record. `wait` is for each batch.
    ///
    /// # Errors
    /// See [`ClientError`], or the first error of `told`.
    pub fn read_many<E: From<ClientError>>(
        &self,
        reading: &Reading,
        records: &[String],
        steward: &Self,
        wait: Duration,
        mut told: impl FnMut(&str, Read) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut info = None;
        let batch = self.batch_max(&reading.basis)?;
        for records in records.chunks(batch) {
            let key = one_time_key()?;
            let accesses = match self.ask(reading, records, &key, steward)? {
                Ok(accesses) => accesses,
                Err(code) => {
                    for record in records {
                        told(record, Read::Rejected { code: code.clone() })?;
                    }
                    continue;
                }
            };
            if accesses.len() != records.len() {
                return Err(answer("a batch with other accesses than records").into());
            }
            let begun = Instant::now();
            for (record, access) in records.iter().zip(accesses) {
                let one = Reading { record: record.clone(), ..reading.clone() };
                let left = wait.saturating_sub(begun.elapsed());
                told(record, self.finish(&one, (access, &key), &mut info, steward, left)?)?;
            }
        }
        Ok(())
    }

    /// How many records go into one access.
    fn batch_max(&self, basis: &Basis) -> Result<usize, ClientError> {
        let Basis::Grant(grant) = basis else { return Ok(BATCH_MAX) };
        let grant = self.record(DISCLOSURE, "grant", grant)?;
        let max = grant.as_ref().and_then(|grant| grant.fields.get("records_max")?.as_u64());
        let max = max.and_then(|max| usize::try_from(max).ok()).unwrap_or(BATCH_MAX);
        Ok(max.clamp(1, BATCH_MAX))
    }

    /// Waits for the answer to an access, and opens what was released.
    fn finish(
        &self,
        reading: &Reading,
        (access, key): (String, &ReaderKey),
        info: &mut Option<RegisterInfo>,
        steward: &Self,
        wait: Duration,
    ) -> Result<Read, ClientError> {
        let answered = until(wait, || self.answered(&access))?;
        let Some(answered) = answered else { return Ok(Read::Unanswered { access }) };
        let text = |name: &str| answered.fields.get(name).and_then(Json::as_str);
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
        let number = answered.fields.get("version").and_then(Json::as_u64);
        let number = number.ok_or_else(|| answer("a release without a version"))?;
        let sealed = steward.await_envelope(&access, LAG)?;
        let sealed = sealed.ok_or_else(|| answer("the steward's node knows of no release"))?;
        let info = match info {
            Some(info) => info,
            None => info.insert(self.register_info(&reading.package, &reading.register)?),
        };
        let expected = self.expected(reading, info, &access, number)?;
        let (groups, claims) = open_envelope(key, &sealed, &expected)?;
        Ok(Read::Opened { access, version: number, groups, claims })
    }

    /// Puts the access on the ledger and gives the number for each record, in order, or the code with
    /// which it was rejected.
    fn ask(
        &self,
        reading: &Reading,
        records: &[String],
        key: &ReaderKey,
        steward: &Self,
    ) -> Result<Result<Vec<String>, String>, ClientError> {
        let mut asked = access_call(reading, records, key);
        asked.input.extend(self.parameters(reading, key, steward)?);
        let proved = self.execute(vec![asked])?;
        let entry = proved.receipt.entries.first().ok_or_else(|| answer("an empty receipt"))?;
        if let Outcome::Rejected { code, .. } = &entry.outcome {
            return Ok(Err(code.to_string()));
        }
        let of_access =
            |event: &&Event| event.kind == "access-asked" || event.kind == "access-refused";
        let accesses = entry.events.iter().filter(of_access);
        Ok(Ok(accesses.map(|event| event.key.to_string()).collect()))
    }

    /// What the access says with its claims: in clear what each claim lets stand so, the rest sealed
    /// in the steward's vault for this one access.
    fn parameters(
        &self,
        reading: &Reading,
        key: &ReaderKey,
        steward: &Self,
    ) -> Result<BTreeMap<Str, Value>, ClientError> {
        if reading.parameters.is_empty() {
            return Ok(BTreeMap::new());
        }
        let package = self.package(&reading.package)?;
        let claim = |name: &String| {
            let (group, claim) = claim::parts(name)?;
            package.as_ref()?.groups.get(group)?.claims.get(claim)
        };
        let claims: Vec<_> = reading.claims.iter().filter_map(claim).collect();
        let is_clear = |name: &String| {
            let has = |claim: &&&ClaimInfo| claim.parameters.contains_key(name);
            let mut of = claims.iter().filter(has).peekable();
            of.peek().is_some() && of.all(|claim| claim.clear.contains(name))
        };
        let (clear, hidden): (BTreeMap<_, _>, BTreeMap<_, _>) =
            reading.parameters.clone().into_iter().partition(|(name, _)| is_clear(name));
        let mut input = BTreeMap::new();
        if !clear.is_empty() {
            let text = |(name, text): (String, String)| (Str::from(name), Value::from(text));
            input.insert("parameters".into(), Value::Map(clear.into_iter().map(text).collect()));
        }
        if !hidden.is_empty() {
            let values = json!({"key": hex::encode(key.public_key()), "values": hidden});
            let Json::Object(values) = values else { return Ok(input) };
            let commitment = steward.seal_group(&SealRequest {
                request: hex::encode(*random()?),
                package: DISCLOSURE.to_owned(),
                register: "access".to_owned(),
                group: "parameters".to_owned(),
                values,
                scopes: BTreeMap::new(),
            })?;
            let commitment = Value::Bytes(commitment.as_bytes().to_vec());
            input.insert("sealed_parameters".into(), commitment);
        }
        Ok(input)
    }

    /// The file that shows a claim to others: its signed statement, with the proof of whose key that
    /// is; checked here.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn claim_proof(&self, claim: &SignedClaim) -> Result<Vec<u8>, ClientError> {
        let signer = claim.key.to_string();
        let signer = self.record_proof("governance", "operator", &signer, SIGNER_VERSIONS)?;
        let signer = cbor::decode(&signer, FILE_BYTES_MAX)
            .map_err(|_form| answer("a proof of an operator that is none"))?;
        let (format, statement) = (ClaimProof::FORMAT.to_owned(), claim.bytes.clone());
        let proof = ClaimProof { format, statement, signer };
        self.check(|trust| trust.claim(&proof))?;
        Ok(cbor::encode(&proof))
    }

    /// The access, if it is answered.
    fn answered(&self, access: &str) -> Result<Option<Record>, ClientError> {
        let found = self.record(DISCLOSURE, "access", access)?;
        Ok(found.filter(|record| record.fields.get("state") != Some(&"asked".into())))
    }

    pub(crate) fn register_info(
        &self,
        package: &str,
        register: &str,
    ) -> Result<RegisterInfo, ClientError> {
        let mut info = self.package(package)?;
        let info = info.as_mut().and_then(|info| info.registers.remove(register));
        info.ok_or_else(|| answer("a register that the node does not know"))
    }

    /// What the envelope must hold, from the record's version on the ledger, proved.
    fn expected(
        &self,
        reading: &Reading,
        info: &RegisterInfo,
        access: &str,
        number: u64,
    ) -> Result<Vec<ReleaseContext>, ClientError> {
        let Reading { package, register, record, groups, claims, .. } = reading;
        let proved = self.record_proved(package, register, record, VERSIONS)?;
        let version = proved.versions.iter().find(|version| version.version == number);
        let version = version.ok_or_else(|| answer("a release of a version that is not there"))?;
        let mut expected = Vec::new();
        for (name, field) in &info.fields {
            let FieldKind::Sealed { group } = &field.kind else { continue };
            let Some(commitment) = commitment(version, name) else { continue };
            let context = ReleaseContext {
                ledger: self.ledger,
                access: access.to_owned(),
                package: package.clone(),
                register: register.clone(),
                record: record.clone(),
                version: number,
                group: group.clone(),
                commitment,
                claim: None,
            };
            let of_group = claims.iter().filter_map(|name| claim::parts(name));
            let of_group = of_group.filter(|(of, _)| of == group);
            let named = of_group.map(|(_, claim)| Some(claim.to_owned()));
            let whole = groups.contains(group).then_some(None);
            let parts = whole.into_iter().chain(named);
            expected.extend(parts.map(|claim| ReleaseContext { claim, ..context.clone() }));
        }
        Ok(expected)
    }
}

/// The call by which records are asked for, to stand in a transaction with others: the reading's
/// groups and claims of each, for this one-time key; without what is said with the claims.
#[must_use]
pub fn access_call(reading: &Reading, records: &[String], key: &ReaderKey) -> Call {
    let texts = |texts: &[String]| {
        Value::List(texts.iter().map(|text| Value::from(text.as_str())).collect())
    };
    let mut input = BTreeMap::from([
        ("steward".into(), Value::from(reading.steward.as_str())),
        ("in_package".into(), Value::from(reading.package.as_str())),
        ("register".into(), Value::from(reading.register.as_str())),
        ("items".into(), texts(records)),
        ("groups".into(), texts(&reading.groups)),
        ("claims".into(), texts(&reading.claims)),
        ("purpose".into(), Value::from(reading.purpose.as_str())),
        ("key".into(), Value::Bytes(key.public_key().to_vec())),
    ]);
    if let Some(case) = &reading.case {
        input.insert("case_number".into(), Value::from(case.as_str()));
    }
    if let Some(case) = &reading.of_case {
        input.insert("case".into(), Value::from(case.as_str()));
    }
    if let Some(search) = &reading.search {
        input.insert("search".into(), Value::from(search.as_str()));
    }
    match &reading.basis {
        Basis::Grant(grant) => input.insert("grant".into(), Value::from(grant.as_str())),
        Basis::Consent(consent) => input.insert("consent".into(), Value::from(consent.as_str())),
        Basis::Subject => None,
    };
    call(DISCLOSURE, "access", input)
}

pub(crate) fn commitment(version: &Version, field: &str) -> Option<Digest> {
    let Some(Value::Bytes(bytes)) = version.fields.get(field) else { return None };
    <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Digest)
}

pub(crate) fn answer(text: &str) -> ClientError {
    ClientError::answer("disclosure", text)
}

/// A key for one access.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn one_time_key() -> Result<ReaderKey, ClientError> {
    Ok(ReaderKey::from_seed(&Secret::from_bytes(*random()?)))
}

pub(crate) fn random() -> Result<Zeroizing<[u8; 32]>, ClientError> {
    let mut bytes = Zeroizing::new([0; 32]);
    let failed = |_| ClientError::Setup("no random bytes from the operating system".to_owned());
    SysRng.try_fill_bytes(&mut *bytes).map_err(failed)?;
    Ok(bytes)
}

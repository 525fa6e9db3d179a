//! Reading encrypted groups, or what follows from them: an access on the ledger, its release by the
//! steward, the envelope opened here and checked against what the ledger holds.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chaincity_api::package::{ClaimInfo, FieldKind, PackageInfo, RegisterInfo};
use chaincity_crypto::claim::SignedClaim;
use chaincity_crypto::envelope::{ReaderKey, ReleaseContext};
use chaincity_crypto::verify::FILE_BYTES_MAX;
use chaincity_package::claim;
use chaincity_types::wire::{Call, ClaimProof, Version};
use chaincity_types::{Digest, Str, Value, cbor};
use serde_json::{Map, Value as Json, json};

use crate::asking::{Answer, DISCLOSURE, LAG, VERSIONS, answer, commitment, named, one_time_key};
use crate::client::Client;
use crate::error::ClientError;
use crate::submit::call;
use crate::vault::open_envelope;

/// The register of the accesses, and its action.
const ACCESS: &str = "access";

/// The package of cases, and its register of them.
const CASE: &str = "case";

/// Older versions of a signer's record that go with a claim: he may have changed his post since.
const SIGNER_VERSIONS: usize = 16;

/// Most records of one access.
pub const BATCH_MAX: usize = 200;

/// Texts by name.
type Texts = BTreeMap<String, String>;

/// What an access rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// A standing grant, by number.
    Grant(String),
    /// A subject's consent, by number.
    Consent(String),
    /// The caller is the subject.
    Subject,
    /// A statute, which keeps the access confidential and which the steward's clerk names: it is asked by
    /// [`Client::confide`] alone.
    Statute,
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
    /// Purpose, the same as that of the grant or consent; who asks for what is about himself states none.
    pub purpose: String,
    /// Number of the case. The steward alone is told it, and the purpose.
    pub case: Option<String>,
    /// The case of the ledger by which the records are asked for.
    pub of_case: Option<String>,
    /// The search by which the record was found; of the same purpose and case.
    pub search: Option<String>,
    /// Grant, consent, or being the subject.
    pub basis: Basis,
}

impl Reading {
    /// Of this record of a member (package, register, key), on this basis: nothing yet, as whoever asks
    /// names groups or claims, and the case where there is one.
    #[must_use]
    pub fn of(
        steward: &str,
        (package, register, record): (&str, &str, &str),
        purpose: &str,
        basis: Basis,
    ) -> Self {
        Self {
            steward: steward.to_owned(),
            package: package.to_owned(),
            register: register.to_owned(),
            record: record.to_owned(),
            groups: Vec::new(),
            claims: Vec::new(),
            parameters: BTreeMap::new(),
            purpose: purpose.to_owned(),
            case: None,
            of_case: None,
            search: None,
            basis,
        }
    }
}

/// What was released, opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// The record's version that was released.
    pub version: u64,
    /// Each group by name, with its fields.
    pub groups: Vec<(String, BTreeMap<Str, Value>)>,
    /// Each claim by its full name, signed.
    pub claims: Vec<(String, SignedClaim)>,
}

/// What came of an access.
pub type Read = Answer<Opened>;

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
        let asked = self.access_call(reading, records, &key, steward)?;
        let access = match self.ask(asked)? {
            Ok(accesses) => accesses.into_iter().next(),
            Err(code) => return Ok(Read::Rejected { code }),
        };
        let access = access.ok_or_else(|| answer("an access without an event"))?;
        self.finish(reading, (access, &key), &mut None, steward, wait)
    }

    /// Waits for the answer to an access that another transaction asked for, with
    /// [`Client::access_call`], and opens what was released; as [`Client::read`].
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
            let accesses = match self.ask(self.access_call(reading, records, &key, steward)?)? {
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
        info: &mut Option<PackageInfo>,
        steward: &Self,
        wait: Duration,
    ) -> Result<Read, ClientError> {
        let answered = match self.await_answer(ACCESS, &access, wait)? {
            Ok(answered) => answered,
            Err(other) => return Ok(other),
        };
        let version = answered.fields.get("version").and_then(Json::as_u64);
        self.open_released(reading, (access, key), version, info, steward)
    }

    /// Opens what was released of the record's version; that of a confidential access the envelope names.
    pub(crate) fn open_released(
        &self,
        reading: &Reading,
        (access, key): (String, &ReaderKey),
        version: Option<u64>,
        info: &mut Option<PackageInfo>,
        steward: &Self,
    ) -> Result<Read, ClientError> {
        let sealed = steward.await_envelope(&access, LAG)?;
        let sealed = sealed.ok_or_else(|| answer("the steward's node knows of no release"))?;
        let version = version.or_else(|| sealed.groups.first().map(|group| group.context.version));
        let version = version.ok_or_else(|| answer("a release without a version"))?;
        let info = match info {
            Some(info) => info,
            None => {
                let found = self.package(&reading.package)?;
                info.insert(found.ok_or_else(|| answer("a package that the node does not know"))?)
            }
        };
        let expected = self.expected(reading, info, &access, version)?;
        let (groups, claims) = open_envelope(key, &sealed, &expected)?;
        Ok(Answer::Given { number: access, given: Opened { version, groups, claims } })
    }

    /// The call by which records are asked for, to stand in a transaction with others: the reading's
    /// groups and claims of each, for this one-time key. Purpose, case number, and what is said with the
    /// claims and may not stand in clear, are sealed at `steward` first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn access_call(
        &self,
        reading: &Reading,
        records: &[String],
        key: &ReaderKey,
        steward: &Self,
    ) -> Result<Call, ClientError> {
        let (clear, hidden) = self.parameters(reading)?;
        let mut input = plain(reading, records, key);
        if !clear.is_empty() {
            let text = |(name, text): (String, String)| (Str::from(name), Value::from(text));
            input.insert("parameters".into(), Value::Map(clear.into_iter().map(text).collect()));
        }
        // Who asks for what is about himself states no purpose.
        if reading.basis != Basis::Subject || !hidden.is_empty() {
            let mut values = Map::from_iter([
                ("key".to_owned(), hex::encode(key.public_key()).into()),
                ("purpose".to_owned(), reading.purpose.as_str().into()),
                ("values".to_owned(), json!(hidden)),
            ]);
            let case = reading.case.as_deref();
            values.extend(case.map(|case| ("case_number".to_owned(), case.into())));
            let said = steward.say(ACCESS, "parameters", values)?;
            input.insert("sealed_parameters".into(), named(said));
        }
        Ok(call(DISCLOSURE, ACCESS, input))
    }

    /// What is said with the claims: what each of them lets stand in clear, and the rest.
    fn parameters(&self, reading: &Reading) -> Result<(Texts, Texts), ClientError> {
        if reading.parameters.is_empty() {
            return Ok(Default::default());
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
        Ok(reading.parameters.clone().into_iter().partition(|(name, _)| is_clear(name)))
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

    pub(crate) fn register_info(
        &self,
        package: &str,
        register: &str,
    ) -> Result<RegisterInfo, ClientError> {
        let mut info = self.package(package)?;
        let info = info.as_mut().and_then(|info| info.registers.remove(register));
        info.ok_or_else(|| answer("a register that the node does not know"))
    }

    /// What the envelope must hold, from the record's version on the ledger, proved. A case is to its
    /// process as a record is to its register.
    fn expected(
        &self,
        reading: &Reading,
        info: &PackageInfo,
        access: &str,
        number: u64,
    ) -> Result<Vec<ReleaseContext>, ClientError> {
        let Reading { package, register, record, groups, claims, .. } = reading;
        let known = info.registers.get(register);
        let (of, at) = known.map_or((CASE, CASE), |_| (package.as_str(), register.as_str()));
        let proved = self.record_proved(of, at, record, VERSIONS)?;
        let version = proved.versions.iter().find(|version| version.version == number);
        let version = version.ok_or_else(|| answer("a release of a version that is not there"))?;
        let held = match known {
            Some(register) => held_by(register, version),
            None => sealed_by(reading, version),
        };
        let mut expected = Vec::new();
        for (group, commitment) in held {
            let of_group = claims.iter().filter_map(|name| claim::parts(name));
            let of_group = of_group.filter(|(of, _)| *of == group);
            let named = of_group.map(|(_, claim)| Some(claim.to_owned()));
            let whole = groups.contains(&group).then_some(None);
            let parts: Vec<_> = whole.into_iter().chain(named).collect();
            let context = ReleaseContext {
                ledger: self.ledger,
                access: access.to_owned(),
                package: package.clone(),
                register: register.clone(),
                record: record.clone(),
                version: number,
                group,
                commitment,
                claim: None,
            };
            let parts = parts.into_iter();
            expected.extend(parts.map(|claim| ReleaseContext { claim, ..context.clone() }));
        }
        Ok(expected)
    }
}

/// The groups that a register's record holds.
fn held_by(register: &RegisterInfo, version: &Version) -> Vec<(String, Digest)> {
    let held = register.fields.iter().filter_map(|(name, field)| {
        let FieldKind::Sealed { group } = &field.kind else { return None };
        Some((group.clone(), commitment(&version.fields, name)?))
    });
    held.collect()
}

/// The groups that a case's encrypted variables hold, of the member that is asked; none if it is a case
/// of another process.
fn sealed_by(reading: &Reading, version: &Version) -> Vec<(String, Digest)> {
    let is = |name: &str, text: &str| version.fields.get(name) == Some(&text.into());
    if !is("package", &reading.package) || !is("process", &reading.register) {
        return Vec::new();
    }
    let sealed = version.fields.get("sealed").and_then(Value::as_map);
    let notes = sealed.into_iter().flat_map(BTreeMap::values).filter_map(Value::as_map);
    let held = notes.filter_map(|note| {
        let text = |name: &str| note.get(name).and_then(Value::as_text);
        let group = text("group").filter(|_| text("member") == Some(&*reading.steward))?;
        Some((group.to_owned(), commitment(note, "commitment")?))
    });
    held.collect()
}

/// What stands in clear of an access.
fn plain(reading: &Reading, records: &[String], key: &ReaderKey) -> BTreeMap<Str, Value> {
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
        ("key".into(), Value::Bytes(key.public_key().to_vec())),
    ]);
    let (grant, consent) = match &reading.basis {
        Basis::Grant(grant) => (Some(grant), None),
        Basis::Consent(consent) => (None, Some(consent)),
        Basis::Subject | Basis::Statute => (None, None),
    };
    let optional = [
        ("case", reading.of_case.as_ref()),
        ("search", reading.search.as_ref()),
        ("grant", grant),
        ("consent", consent),
    ];
    let given =
        optional.into_iter().filter_map(|(name, text)| Some((name.into(), text?.as_str().into())));
    input.extend(given);
    input
}

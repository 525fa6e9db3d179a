//! Field groups: sealing them before a transaction names them, and opening what was released.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chaincity_api::vault::{KeptInfo, SealRequest, SealedInfo};
use chaincity_api::{CBOR, Endpoint, Problem};
use chaincity_crypto::claim::{self, SignedClaim};
use chaincity_crypto::envelope::{self, Envelope, ReaderKey, ReleaseContext};
use chaincity_crypto::groups::{self, GROUP_BYTES_MAX};
use chaincity_crypto::hash;
use chaincity_types::{Digest, Str, Value, cbor};

use crate::client::{Client, absent};
use crate::error::ClientError;
use crate::transport::Ask;

/// How often an envelope is asked for until it is there.
const POLL: Duration = Duration::from_millis(40);

/// A sealed group, as the transaction names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its commitment.
    pub commitment: Digest,
    /// What the record's field takes: the commitment, and behind it the ciphertext where the package
    /// places the group on the ledger.
    pub value: Vec<u8>,
    /// What stands for persons of it in the record, by the register's field.
    pub pseudonyms: BTreeMap<String, String>,
}

impl Client {
    /// Seals a field group as [`Client::seal`] does, and gives its commitment alone: what the transaction
    /// names of a group that is not placed on the ledger.
    ///
    /// # Errors
    /// As [`Client::seal`].
    pub fn seal_group(&self, request: &SealRequest) -> Result<Digest, ClientError> {
        self.seal(request).map(|sealed| sealed.commitment)
    }

    /// Seals a field group in the vault of the member whose node is asked.
    ///
    /// # Errors
    /// See [`ClientError`]; among the codes are `no-vault`, `not-steward`, `group-invalid`.
    pub fn seal(&self, request: &SealRequest) -> Result<Sealed, ClientError> {
        let body = serde_json::to_vec(request)
            .map_err(|error| ClientError::Setup(format!("the group is no JSON: {error}")))?;
        let ask = Ask::new(Endpoint::SealGroup, &[]).body("application/json", body);
        let sealed: SealedInfo = self.get(&ask)?;
        let wrong = |text| ClientError::answer("vault", text);
        let commitment = Digest::from_hex(&sealed.commitment)
            .map_err(|_form| wrong("a commitment that is no digest"))?;
        let value = hex::decode(&sealed.value).unwrap_or_default();
        if groups::held(&value).is_none_or(|(held, _)| held != commitment) {
            return Err(wrong("a value that does not hold the commitment"));
        }
        Ok(Sealed { commitment, value, pseudonyms: sealed.pseudonyms })
    }

    /// Has the member's vault on standby keep a sealed group, as the vault that answers copied it. The
    /// caller releases for that member.
    ///
    /// # Errors
    /// See [`ClientError`]; among the codes are `no-vault`, `not-standby`, `not-steward`.
    pub fn keep_copy(&self, copy: Vec<u8>) -> Result<(), ClientError> {
        let digest = hash::plain(&copy).to_string();
        let ask = Ask::new(Endpoint::KeepCopy, &[]).body(CBOR, copy);
        let kept: KeptInfo = self.get(&ask)?;
        let wrong = || ClientError::answer("vault", "another copy's digest");
        if kept.copy == digest { Ok(()) } else { Err(wrong()) }
    }

    /// The envelope of an access; `None` while it is not released. The steward's node is asked.
    ///
    /// # Errors
    /// See [`ClientError`]; among the codes are `not-reader`, `envelope-gone`.
    pub fn envelope(&self, access: &str) -> Result<Option<Envelope>, ClientError> {
        self.handed_over(&Ask::new(Endpoint::GetEnvelope, &[access]))
    }

    /// The envelope of a search; `None` while it is not answered. The searcher's own steward's node is
    /// asked.
    ///
    /// # Errors
    /// As [`Client::envelope`].
    pub fn search_result(&self, search: &str) -> Result<Option<Envelope>, ClientError> {
        self.handed_over(&Ask::new(Endpoint::GetSearch, &[search]))
    }

    fn handed_over(&self, ask: &Ask) -> Result<Option<Envelope>, ClientError> {
        let reply = self.run(ask);
        let Some(reply) = absent(reply, Problem::NotReleased)? else { return Ok(None) };
        let unreadable = |_| ClientError::answer(&reply.url, "an envelope that is none");
        Envelope::from_bytes(&reply.bytes).map(Some).map_err(unreadable)
    }

    /// The envelope of an access whose release is final elsewhere: asks again until the steward's
    /// node has seen it as well, at most for `wait`.
    ///
    /// # Errors
    /// As [`Client::envelope`].
    pub fn await_envelope(
        &self,
        access: &str,
        wait: Duration,
    ) -> Result<Option<Envelope>, ClientError> {
        until(wait, || self.envelope(access))
    }
}

/// Looks until there is something, or `wait` is over.
pub(crate) fn until<T>(
    wait: Duration,
    look: impl Fn() -> Result<Option<T>, ClientError>,
) -> Result<Option<T>, ClientError> {
    let begun = Instant::now();
    loop {
        let found = look()?;
        if found.is_some() || begun.elapsed() >= wait {
            return Ok(found);
        }
        std::thread::sleep(POLL);
    }
}

/// Groups by name, with their fields; claims by their full names.
type Parts = (Vec<(String, BTreeMap<Str, Value>)>, Vec<(String, SignedClaim)>);

/// Opens the groups and claims of an envelope. `expected` is what the reader knows of each from its
/// access and from the ledger.
///
/// # Errors
/// When the envelope holds other parts than those, or one does not open, a group does not fit its
/// commitment, or a claim is not signed or says something of another group.
pub fn open_envelope(
    key: &ReaderKey,
    sealed: &Envelope,
    expected: &[ReleaseContext],
) -> Result<Parts, ClientError> {
    let wrong = |text: &str| ClientError::answer("vault", text);
    if sealed.groups.len() != expected.len() {
        return Err(wrong("an envelope with other groups than those asked for"));
    }
    let (mut groups, mut claims) = Parts::default();
    for (sealed, expected) in sealed.groups.iter().zip(expected) {
        let unopened = |error| wrong(&format!("a group or claim that does not open: {error}"));
        if let Some(name) = &expected.claim {
            let signed = envelope::open_claim(key, sealed, expected).map_err(unopened)?;
            let signed = claim::open(&signed)
                .map_err(|error| wrong(&format!("a claim that is not signed: {error}")))?;
            if signed.statement.context != *expected {
                return Err(wrong("a claim about another record"));
            }
            claims.push((format!("{}.{name}", expected.group), signed));
            continue;
        }
        let group = envelope::open(key, sealed, expected).map_err(unopened)?;
        let value = cbor::decode(group.bytes(), GROUP_BYTES_MAX);
        let Ok(Value::Map(fields)) = value else { return Err(wrong("a group that is no record")) };
        groups.push((expected.group.clone(), fields));
    }
    Ok((groups, claims))
}

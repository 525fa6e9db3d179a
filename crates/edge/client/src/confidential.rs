//! Confidential accesses: the request sealed in the steward's vault, recorded and countersigned by others
//! who open it there, the envelope opened here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chaincity_api::Endpoint;
use chaincity_api::vault::RequestInfo;
use chaincity_crypto::cipher::Secret;
use chaincity_crypto::envelope::ReaderKey;
use chaincity_crypto::groups::{GROUP_BYTES_MAX, Group};
use chaincity_types::{Digest, Str, Value, cbor};
use serde_json::{Map, Value as Json, json};
use zeroize::Zeroizing;

use crate::asking::{Answer, DISCLOSURE, answer, commitment, random};
use crate::client::Client;
use crate::error::ClientError;
use crate::read::{Read, Reading};
use crate::select::Select;
use crate::transport::Ask;
use crate::vault::until;

/// The register of the confidential accesses.
const CONFIDENTIAL: &str = "confidential";

/// A confidential access that was asked for: what its reader keeps until it is answered. It is never
/// printed.
pub struct Confided {
    /// The commitment to the request, by which the steward's clerk records it.
    pub request: Digest,
    seed: Secret,
}

impl std::fmt::Debug for Confided {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Confided").field("request", &self.request).finish_non_exhaustive()
    }
}

impl Confided {
    /// As the text of a file that its owner alone may read.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{} {}\n", self.request, hex::encode(self.seed.as_bytes())))
    }

    /// Reads such a text.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let (request, seed) = text.trim().split_once(' ')?;
        let seed = Zeroizing::new(hex::decode(seed).ok()?);
        Some(Self { request: Digest::from_hex(request).ok()?, seed: Secret::from_slice(&seed)? })
    }

    fn key(&self) -> ReaderKey {
        ReaderKey::from_seed(&self.seed)
    }
}

/// What a confidential access asks for, as the steward's clerk and the auditor are shown it.
pub struct Request {
    /// Reader, officer, record, groups, claims, purpose, case number and one-time key, by name.
    pub fields: BTreeMap<Str, Value>,
    /// What the commitment was made of.
    pub opening: Group,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").finish_non_exhaustive()
    }
}

impl Client {
    /// Asks for groups or claims of a record confidentially: seals the request at `steward`, a client of
    /// the steward's node. It is on the ledger once the steward's clerk records it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn confide(&self, reading: &Reading, steward: &Self) -> Result<Confided, ClientError> {
        let officer = self.operator().ok_or(ClientError::NotSignedIn)?.to_string();
        let own = self.record("governance", "operator", &officer)?;
        let reader = own.as_ref().and_then(|own| own.fields.get("member")?.as_str());
        let reader = reader.ok_or_else(|| answer("an operator that the ledger does not know"))?;
        let seed = Secret::from_bytes(*random()?);
        let key = ReaderKey::from_seed(&seed).public_key();
        let values = Map::from_iter([
            ("key".to_owned(), hex::encode(key).into()),
            ("reader".to_owned(), reader.into()),
            ("officer".to_owned(), officer.into()),
            ("in_package".to_owned(), reading.package.as_str().into()),
            ("register".to_owned(), reading.register.as_str().into()),
            ("record".to_owned(), reading.record.as_str().into()),
            ("groups".to_owned(), json!(reading.groups)),
            ("claims".to_owned(), json!(reading.claims)),
            ("purpose".to_owned(), reading.purpose.as_str().into()),
            ("case_number".to_owned(), reading.case.as_deref().unwrap_or_default().into()),
            ("values".to_owned(), json!(reading.parameters)),
        ]);
        let request = steward.say(CONFIDENTIAL, "confidential-request", values)?;
        Ok(Confided { request, seed })
    }

    /// Waits at most for `wait` until a confidential access is recorded and released, and opens what was
    /// released, as [`Client::read`] does. While it is not recorded, its request stands for its number.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn read_confided(
        &self,
        reading: &Reading,
        confided: &Confided,
        steward: &Self,
        wait: Duration,
    ) -> Result<Read, ClientError> {
        let begun = Instant::now();
        let request = confided.request.to_string();
        let recorded = Select::new(DISCLOSURE, CONFIDENTIAL)
            .eq("steward", &reading.steward)
            .eq("request", &request)
            .limit(1);
        let number = until(wait, || {
            Ok(self.select(&recorded)?.items.into_iter().next().map(|record| record.key))
        })?;
        let Some(number) = number else { return Ok(Answer::Unanswered { number: request }) };
        let left = wait.saturating_sub(begun.elapsed());
        let key = confided.key();
        let answered = match self.await_answer(CONFIDENTIAL, &number, left)? {
            Ok(answered) => answered,
            Err(other) => return Ok(other),
        };
        let version = answered.fields.get("version").and_then(Json::as_u64);
        self.open_released(reading, (number, &key), version, &mut None, steward)
    }

    /// What a confidential access asks for, from the steward's node and checked against the commitment.
    ///
    /// # Errors
    /// See [`ClientError`]; among the codes are `request-not-yours`, `no-such-request`.
    pub fn request(&self, request: &Digest) -> Result<Request, ClientError> {
        let told: RequestInfo =
            self.get(&Ask::new(Endpoint::GetRequest, &[&request.to_string()]))?;
        let salt = hex::decode(&told.salt).ok().and_then(|salt| Secret::from_slice(&salt));
        let parts = salt.zip(hex::decode(&told.fields).ok());
        let opening = parts.and_then(|(salt, bytes)| Group::new(salt, &bytes).ok());
        let opening = opening.filter(|opening| opening.check(request).is_ok());
        let opening =
            opening.ok_or_else(|| answer("a request that the commitment does not name"))?;
        match cbor::decode(opening.bytes(), GROUP_BYTES_MAX) {
            Ok(Value::Map(fields)) => Ok(Request { fields, opening }),
            _ => Err(answer("a request that is no record")),
        }
    }

    /// The commitment to the request of a recorded confidential access, proved; `None` when there is none.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn request_of(&self, number: &str) -> Result<Option<Digest>, ClientError> {
        let proved = self.record_proved(DISCLOSURE, CONFIDENTIAL, number, 0)?;
        Ok(proved.current().and_then(|version| commitment(&version.fields, "request")))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_keeps_is_read_again_and_never_printed() {
        let seed = Secret::from_bytes([7; 32]);
        let confided = Confided { request: Digest([9; 32]), seed };
        let text = confided.to_text();
        let read = Confided::from_text(&text).unwrap();
        assert_eq!(read.request, confided.request);
        assert_eq!(read.key().public_key(), confided.key().public_key());
        assert!(!format!("{read:?}").contains("0707"));
        for wrong in ["", "09", text.get(..70).unwrap(), &text.replace('9', "x")] {
            assert!(Confided::from_text(wrong).is_none(), "{wrong}");
        }
    }
}

//! Asking a steward on the ledger, and its answer: what accesses and searches have in common.

use std::collections::BTreeMap;
use std::time::Duration;

use chaincity_api::record::Record;
use chaincity_api::vault::SealRequest;
use chaincity_crypto::cipher::Secret;
use chaincity_crypto::envelope::ReaderKey;
use chaincity_crypto::groups;
use chaincity_types::Value;
use chaincity_types::wire::{Call, Event, Outcome};
use chaincity_types::{Digest, Str};
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde_json::{Map, Value as Json};
use zeroize::Zeroizing;

use crate::client::Client;
use crate::error::ClientError;
use crate::vault::until;

/// The package of the disclosure protocol.
pub(crate) const DISCLOSURE: &str = "disclosure";
/// How long the steward's node may take to see the answer that another node has seen.
pub(crate) const LAG: Duration = Duration::from_secs(10);
/// Older versions looked through for the one that was answered: the record may have moved on.
pub(crate) const VERSIONS: usize = 16;

/// What came of an access or a search. It stands on the ledger in every case but a rejection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// Released or answered, opened and checked.
    Given {
        /// Number of the access or search.
        number: String,
        /// What was asked for.
        given: T,
    },
    /// Refused, by the rules or by the steward.
    Refused {
        /// Number of the access or search.
        number: String,
        /// Stable code.
        code: String,
        /// The reason in Chinese.
        zh: String,
        /// The reason in English.
        en: String,
    },
    /// Rejected: what was asked cannot be asked so, or not by the caller.
    Rejected {
        /// Stable code of the guard or of the kernel.
        code: String,
    },
    /// Not answered within the time given, or before the ledger's deadline.
    Unanswered {
        /// Number of the access or search.
        number: String,
    },
}

impl Client {
    /// Seals in this steward's vault what is said to it alone with an access or a search; gives the
    /// commitment.
    pub(crate) fn say(
        &self,
        register: &str,
        group: &str,
        values: Map<String, Json>,
    ) -> Result<Digest, ClientError> {
        self.seal_group(&SealRequest {
            request: hex::encode(*random()?),
            package: DISCLOSURE.to_owned(),
            register: register.to_owned(),
            group: group.to_owned(),
            values,
            scopes: BTreeMap::new(),
        })
    }

    /// Puts an access or a search on the ledger and gives the number of each entry, in order, or the
    /// code with which it was rejected.
    pub(crate) fn ask(&self, asked: Call) -> Result<Result<Vec<String>, String>, ClientError> {
        let kinds =
            ["asked", "refused"].map(|state| Str::from(format!("{}-{state}", asked.action)));
        let proved = self.execute(vec![asked])?;
        let entry = proved.receipt.entries.first().ok_or_else(|| answer("an empty receipt"))?;
        if let Outcome::Rejected { code, .. } = &entry.outcome {
            return Ok(Err(code.to_string()));
        }
        let is_entry = |event: &&Event| kinds.contains(&event.kind);
        Ok(Ok(entry.events.iter().filter(is_entry).map(|event| event.key.to_string()).collect()))
    }

    /// Waits for the answer to an access or a search, at most for `wait`: its record once something is
    /// given, else what came of it.
    pub(crate) fn await_answer<T>(
        &self,
        register: &str,
        number: &str,
        wait: Duration,
    ) -> Result<Result<Record, Answer<T>>, ClientError> {
        let answered = until(wait, || {
            let found = self.record(DISCLOSURE, register, number)?;
            Ok(found.filter(|record| !record.fields.get("state").is_some_and(is_open)))
        })?;
        let number = number.to_owned();
        let Some(answered) = answered else { return Ok(Err(Answer::Unanswered { number })) };
        let text = |name: &str| answered.fields.get(name).and_then(Json::as_str);
        if let Some(code) = text("code") {
            let reason = |language: &str| {
                let reason = answered.fields.get("reason");
                let text = reason.and_then(|reason| reason.get(language)?.as_str());
                text.unwrap_or_default().to_owned()
            };
            let (code, zh, en) = (code.to_owned(), reason("zh"), reason("en"));
            return Ok(Err(Answer::Refused { number, code, zh, en }));
        }
        // A confidential access may be lifted since it was released.
        if text("state") == Some("answered") || text("envelope").is_some() {
            Ok(Ok(answered))
        } else {
            Ok(Err(Answer::Unanswered { number }))
        }
    }
}

/// Whether what is in this state waits for its answer.
fn is_open(state: &Json) -> bool {
    ["asked", "countersigned"].into_iter().any(|open| state == open)
}

/// A commitment as an action's input names it.
pub(crate) fn named(commitment: Digest) -> Value {
    Value::Bytes(commitment.as_bytes().to_vec())
}

/// The commitment in a field.
pub(crate) fn commitment(fields: &BTreeMap<Str, Value>, field: &str) -> Option<Digest> {
    let Some(Value::Bytes(bytes)) = fields.get(field) else { return None };
    groups::held(bytes).map(|(commitment, _)| commitment)
}

pub(crate) fn answer(text: &str) -> ClientError {
    ClientError::answer(DISCLOSURE, text)
}

/// A key for one access or search.
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

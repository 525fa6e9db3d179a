//! Blinded questions to the holders of keys of sectors and lists: put on the ledger, evaluated by the
//! holder's node, whose key the ledger proves.

use std::collections::BTreeMap;
use std::time::Duration;

use chaincity_api::record::Record;
use chaincity_api::{CBOR, Endpoint, Problem, ProblemBody};
use chaincity_sector::{
    Asked, Element, Epoch, Evaluated, Name, PublicKey, Purpose, Scope, SectorError,
};
use chaincity_types::Value;
use chaincity_types::wire::{Outcome, Status, Version};

use crate::client::{Client, absent};
use crate::error::ClientError;
use crate::select::Select;
use crate::submit::call;
use crate::transport::Ask;
use crate::vault::until;

const PACKAGE: &str = "identity";
const KEY: &str = "sector-key";
const ASK: &str = "ask-question";
/// How long the holder's node may take to see the question that another node has seen.
const LAG: Duration = Duration::from_secs(10);
/// Status of a refusal that stands on the ledger.
const REJECTED: u16 = 422;
/// Most published keys looked through.
const KEYS_MAX: usize = 200;

/// A key as it stands on the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedKey {
    /// Its record.
    pub record: String,
    /// The member that holds its secret part.
    pub steward: String,
    /// In which place it evaluates, from 1.
    pub place: i64,
    /// The key.
    pub public: PublicKey,
}

impl Client {
    /// The keys of a sector's epoch, by default its latest, in the order of the evaluations; each is
    /// proved, and the chain without a gap. Empty when none are published.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn sector_keys(
        &self,
        sector: &Name,
        epoch: Option<Epoch>,
    ) -> Result<Vec<PublishedKey>, ClientError> {
        let found = self.published(Purpose::Sector, sector)?;
        let named = epoch.map(|epoch| i64::from(epoch.number()));
        let latest = found.iter().filter_map(epoch_of).max();
        let Some(epoch) = named.or(latest) else { return Ok(Vec::new()) };
        let of_epoch = found.iter().filter(|key| epoch_of(key) == Some(epoch));
        let keys = of_epoch.map(|key| self.proved_key(Purpose::Sector, sector, &key.key));
        let mut keys = keys.collect::<Result<Vec<_>, _>>()?;
        keys.sort_by_key(|key| key.place);
        if keys.iter().zip(1..).all(|(key, place)| key.place == place) {
            Ok(keys)
        } else {
            Err(answer("a chain of stewards with a gap"))
        }
    }

    /// The record of a list's key; `None` when it is not published.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn list_key(&self, key: &PublicKey) -> Result<Option<PublishedKey>, ClientError> {
        let Scope { name, epoch, .. } = key.scope();
        let found = self.published(Purpose::List, name)?;
        let epoch = Some(i64::from(epoch.number()));
        let Some(found) = found.iter().find(|found| epoch_of(found) == epoch) else {
            return Ok(None);
        };
        let found = self.proved_key(Purpose::List, name, &found.key)?;
        Ok(Some(found).filter(|found| found.public == *key))
    }

    /// Puts a question to the holder of a key on the ledger, and has `holder`, a client of its node
    /// signed in with the same key, evaluate it; what stands there already is not asked again. The
    /// evaluation's proof is checked when it is finished.
    ///
    /// # Errors
    /// See [`ClientError`]; among the codes are `sector-quota-exceeded`, `no-sector-keys`.
    pub fn evaluated(
        &self,
        asked: &Asked,
        key: &PublishedKey,
        holder: &Self,
    ) -> Result<Evaluated, ClientError> {
        // What the node would not evaluate does not count against the quota.
        if let Some(evaluated) = holder.evaluation(asked)? {
            return Ok(evaluated);
        }
        let input = BTreeMap::from([
            ("key".into(), Value::from(key.record.as_str())),
            ("persons".into(), Value::Int(asked.blinded().count().into())),
            ("digest".into(), Value::from(asked.digest(&key.public).to_string())),
        ]);
        let receipt = self.execute(vec![call(PACKAGE, ASK, input)])?.receipt;
        let entry = receipt.entries.first().ok_or_else(|| answer("an empty receipt"))?;
        if let Outcome::Rejected { code, .. } = &entry.outcome {
            return Err(self.rejected(code.as_str())?);
        }
        let evaluated = until(LAG, || holder.evaluation(asked))?;
        evaluated.ok_or_else(|| answer("the holder's node knows of no question"))
    }

    /// What a node makes of a question; `None` while it does not see it on the ledger.
    ///
    /// # Errors
    /// See [`ClientError`]; among the codes are `no-sector-keys`, `not-asker`, `sector-epoch-unknown`.
    pub fn evaluation(&self, asked: &Asked) -> Result<Option<Evaluated>, ClientError> {
        let ask = Ask::new(Endpoint::EvaluateQuestion, &[]).body(CBOR, asked.to_bytes());
        let reply = absent(self.run(&ask), Problem::QuestionUnrecorded)?;
        let Some(reply) = reply else { return Ok(None) };
        let unreadable = |error: SectorError| ClientError::answer(&reply.url, error.to_string());
        Evaluated::from_bytes(&reply.bytes).map(Some).map_err(unreadable)
    }

    fn rejected(&self, code: &str) -> Result<ClientError, ClientError> {
        let (zh, en) = self.texts_of(code, (PACKAGE, ASK))?.unwrap_or_default();
        let body = ProblemBody { code: code.to_owned(), zh, en, detail: None, retry_after_s: None };
        Ok(ClientError::Refused { status: REJECTED, body: Box::new(body) })
    }

    /// The keys of a name, as the node says.
    fn published(&self, purpose: Purpose, name: &Name) -> Result<Vec<Record>, ClientError> {
        let keys = Select::new(PACKAGE, KEY).eq("purpose", word(purpose));
        Ok(self.select(&keys.eq("sector", name.as_str()).limit(KEYS_MAX))?.items)
    }

    /// A key as the ledger proves it.
    fn proved_key(
        &self,
        purpose: Purpose,
        name: &Name,
        record: &str,
    ) -> Result<PublishedKey, ClientError> {
        let proved = self.record_proved(PACKAGE, KEY, record, 0)?;
        let version = proved.versions.first().filter(|version| version.status == Status::Live);
        let key = version.and_then(|version| self.key_in(purpose, name, record, version));
        key.ok_or_else(|| answer("a key that the ledger does not prove"))
    }

    fn key_in(
        &self,
        purpose: Purpose,
        name: &Name,
        record: &str,
        version: &Version,
    ) -> Option<PublishedKey> {
        let text = |name: &str| version.fields.get(name)?.as_text();
        let number = |name: &str| match version.fields.get(name) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        };
        let Value::Bytes(element) = version.fields.get("public_key")? else { return None };
        let element = Element::from_bytes(element.as_slice().try_into().ok()?).ok()?;
        let epoch = Epoch::new(u32::try_from(number("epoch")?).ok()?).ok()?;
        let is_its = text("purpose")? == word(purpose) && text("sector")? == name.as_str();
        let scope = Scope { purpose, ledger: self.ledger, name: name.clone(), epoch };
        is_its.then_some(PublishedKey {
            record: record.to_owned(),
            steward: text("steward")?.to_owned(),
            place: number("place")?,
            public: PublicKey::new(scope, element),
        })
    }
}

const fn word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Sector => "sector",
        Purpose::List => "list",
    }
}

fn answer(text: &str) -> ClientError {
    ClientError::answer("the ledger", text)
}

fn epoch_of(key: &Record) -> Option<i64> {
    key.fields.get("epoch").and_then(serde_json::Value::as_i64)
}

//! Searches of a member's own staff in its vault: the value sealed there, a search on the ledger, its
//! answer by the steward's service, the result opened here and checked against what the ledger holds.

use std::collections::BTreeMap;
use std::time::Duration;

use chaincity_api::package::{FieldKind, PackageInfo};
use chaincity_api::record::Record;
use chaincity_api::vault::SealRequest;
use chaincity_crypto::claim;
use chaincity_crypto::envelope::{self, ReaderKey, SealedGroup};
use chaincity_types::Value;
use chaincity_types::wire::{Call, Event, Outcome};
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

use crate::client::Client;
use crate::error::ClientError;
use crate::read::{DISCLOSURE, LAG, VERSIONS, answer, commitment, one_time_key, random};
use crate::submit::call;
use crate::vault::until;

/// The register of the searches, and what a hit is stated as before the kind of term.
const SEARCH: &str = "search";

/// What is searched for.
#[derive(Clone)]
pub struct Search {
    /// Package identifier.
    pub package: String,
    /// Register.
    pub register: String,
    /// Kind of term, as the package's groups name it in `find_by`.
    pub kind: String,
    /// The text; wiped when dropped, and never printed.
    pub text: Zeroizing<String>,
    /// Purpose.
    pub purpose: String,
    /// Number of the case.
    pub case: String,
}

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Search")
            .field("package", &self.package)
            .field("register", &self.register)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// A record that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its key.
    pub record: String,
    /// The version that held the group.
    pub version: u64,
    /// The group that has the term.
    pub group: String,
}

/// What came of it. The search stands on the ledger in every case but a rejection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Searched {
    /// Answered.
    Found {
        /// Number of the search.
        search: String,
        /// What was found.
        hits: Vec<Hit>,
    },
    /// Refused, by the rules or by the steward's service.
    Refused {
        /// Number of the search.
        search: String,
        /// Stable code.
        code: String,
        /// The reason in Chinese.
        zh: String,
        /// The reason in English.
        en: String,
    },
    /// Rejected: what was asked is no search, or the caller may not search.
    Rejected {
        /// Stable code of the guard or of the kernel.
        code: String,
    },
    /// Not answered within the time given, or before the ledger's deadline.
    Unanswered {
        /// Number of the search.
        search: String,
    },
}

impl Client {
    /// Searches the vault of the caller's member: seals the value there, asks on the ledger, waits at
    /// most `wait` for the answer, fetches the result from `steward` (a client of the member's node
    /// that keeps the vault, signed in with the same key), and opens it. The one-time key never leaves
    /// this call.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn search(
        &self,
        search: &Search,
        steward: &Self,
        wait: Duration,
    ) -> Result<Searched, ClientError> {
        let key = one_time_key()?;
        let number = match self.ask_search(search, &key, steward)? {
            Ok(number) => number,
            Err(code) => return Ok(Searched::Rejected { code }),
        };
        let answered = until(wait, || self.answered_search(&number))?;
        let Some(answered) = answered else { return Ok(Searched::Unanswered { search: number }) };
        let text = |name: &str| answered.fields.get(name).and_then(Json::as_str);
        match text("state") {
            Some("answered") => {}
            Some("refused") => {
                let reason = answered.fields.get("reason");
                let reason = |language: &str| {
                    let text = reason.and_then(|reason| reason.get(language)?.as_str());
                    text.unwrap_or_default().to_owned()
                };
                let code = text("code").unwrap_or_default().to_owned();
                let (zh, en) = (reason("zh"), reason("en"));
                return Ok(Searched::Refused { search: number, code, zh, en });
            }
            _ => return Ok(Searched::Unanswered { search: number }),
        }
        let found = answered.fields.get("found").and_then(Json::as_u64);
        if found == Some(0) {
            return Ok(Searched::Found { search: number, hits: Vec::new() });
        }
        let sealed = until(LAG, || steward.search_result(&number))?;
        let sealed = sealed.ok_or_else(|| answer("the steward's node knows of no answer"))?;
        if found != u64::try_from(sealed.groups.len()).ok() {
            return Err(answer("a result with other hits than the ledger says"));
        }
        let package = self.package(&search.package)?;
        let package = package.ok_or_else(|| answer("a package that the node does not know"))?;
        let hit = |group| self.hit(search, (&number, &key), &package, group);
        let hits = sealed.groups.iter().map(hit).collect::<Result<_, _>>()?;
        Ok(Searched::Found { search: number, hits })
    }

    /// Seals the value and puts the search on the ledger; gives its number, or the code with which it
    /// was rejected.
    fn ask_search(
        &self,
        search: &Search,
        key: &ReaderKey,
        steward: &Self,
    ) -> Result<Result<String, String>, ClientError> {
        let values = json!({
            "key": hex::encode(key.public_key()), "kind": search.kind, "text": *search.text,
        });
        let Json::Object(values) = values else { return Err(answer("no value")) };
        let value = steward.seal_group(&SealRequest {
            request: hex::encode(*random()?),
            package: DISCLOSURE.to_owned(),
            register: SEARCH.to_owned(),
            group: "search-value".to_owned(),
            values,
            scopes: BTreeMap::new(),
        })?;
        let value = Value::Bytes(value.as_bytes().to_vec());
        let proved = self.execute(vec![search_call(search, value, key)])?;
        let entry = proved.receipt.entries.first().ok_or_else(|| answer("an empty receipt"))?;
        if let Outcome::Rejected { code, .. } = &entry.outcome {
            return Ok(Err(code.to_string()));
        }
        let of_search =
            |event: &&Event| event.kind == "search-asked" || event.kind == "search-refused";
        let number = entry.events.iter().find(of_search).map(|event| event.key.to_string());
        number.map(Ok).ok_or_else(|| answer("a search without an event"))
    }

    /// The search, if it is answered.
    fn answered_search(&self, search: &str) -> Result<Option<Record>, ClientError> {
        let found = self.record(DISCLOSURE, SEARCH, search)?;
        Ok(found.filter(|record| record.fields.get("state") != Some(&"asked".into())))
    }

    /// Opens a hit: stated and signed for this search, about a version that holds the group, proved.
    fn hit(
        &self,
        search: &Search,
        (number, key): (&str, &ReaderKey),
        package: &PackageInfo,
        sealed: &SealedGroup,
    ) -> Result<Hit, ClientError> {
        let context = &sealed.context;
        let is_its = context.ledger == self.ledger
            && context.access == number
            && context.package == search.package
            && context.register == search.register
            && context.claim.as_deref() == Some(&*format!("{SEARCH}:{}", search.kind));
        if !is_its {
            return Err(answer("a hit of another search"));
        }
        let signed = envelope::open_claim(key, sealed, context)
            .map_err(|error| answer(&format!("a hit that does not open: {error}")))?;
        let signed = claim::open(&signed)
            .map_err(|error| answer(&format!("a hit that is not signed: {error}")))?;
        if signed.statement.context != *context {
            return Err(answer("a hit about another record"));
        }
        let (record, version) = (&context.record, context.version);
        let proved = self.record_proved(&search.package, &search.register, record, VERSIONS)?;
        let held = proved.versions.iter().find(|held| held.version == version);
        let held = held.ok_or_else(|| answer("a hit of a version that is not there"))?;
        let register = package.registers.get(&search.register);
        let mut fields = register.iter().flat_map(|register| &register.fields);
        let holds = fields.any(|(name, field)| {
            matches!(&field.kind, FieldKind::Sealed { group } if *group == context.group)
                && commitment(held, name) == Some(context.commitment)
        });
        if holds {
            Ok(Hit { record: record.clone(), version, group: context.group.clone() })
        } else {
            Err(answer("a hit of a group that the record does not hold"))
        }
    }
}

fn search_call(search: &Search, value: Value, key: &ReaderKey) -> Call {
    let input = BTreeMap::from([
        ("in_package".into(), Value::from(search.package.as_str())),
        ("register".into(), Value::from(search.register.as_str())),
        ("kind".into(), Value::from(search.kind.as_str())),
        ("value".into(), value),
        ("purpose".into(), Value::from(search.purpose.as_str())),
        ("case_number".into(), Value::from(search.case.as_str())),
        ("key".into(), Value::Bytes(key.public_key().to_vec())),
    ]);
    call(DISCLOSURE, SEARCH, input)
}

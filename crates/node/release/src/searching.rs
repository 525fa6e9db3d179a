//! Searches of the steward's own staff: answered out of the vault's index, once they stand on the ledger.
//!
//! What is searched for is a group that the searcher sealed; it is opened for a search that waits for
//! its answer, and for nothing else. Each hit is stated as a claim is, about one version of one record,
//! signed and sealed for the searcher's one-time key; the ledger learns how many hits there were and
//! whom they are about. Too many hits are no answer, and nothing is told of them.

use std::collections::BTreeMap;

use chaincity_crypto::claim::ClaimStatement;
use chaincity_crypto::envelope::{self, Envelope, GROUPS_MAX, ReleaseContext};
use chaincity_package::model::Package;
use chaincity_query::{Filter, Op, Select, StatusFilter};
use chaincity_types::wire::{LogicalKey, Status, Version};
use chaincity_types::{Digest, Str, Value};
use chaincity_vault::{SEARCH_MAX, VaultError};
use futures::executor::block_on;
use zeroize::Zeroizing;

use crate::agent::{Agent, AgentError, ROUND_MAX, Submitted, secret};
use crate::answer::Refusal;
use crate::said::{Unfit, Why};
use crate::{PACKAGE, call, opening};

/// The register of the searches.
pub const SEARCH: &str = "search";
/// The group of that register in which searchers seal what they search for.
pub const VALUE: &str = "search-value";
/// The package's parameter that says how many hits are an answer.
const HITS_MAX: &str = "search_hits_max";
/// Most subjects that an answer names.
const SUBJECTS_MAX: usize = 200;

/// The name under which a hit is stated: no claim of a package has such a name.
#[must_use]
pub fn statement(kind: &str) -> String {
    format!("{SEARCH}:{kind}")
}

/// What a search asks.
struct Question {
    key: String,
    package: String,
    register: String,
    kind: String,
    value: Digest,
    searcher_key: [u8; 32],
    entry: Version,
}

impl Question {
    /// Reads the record of a search; `None` when it is not of the form that the package gives it.
    fn read(version: Version) -> Option<Self> {
        let LogicalKey::Record { key, .. } = &version.key else { return None };
        let text = |name: &str| version.fields.get(name)?.as_text().map(str::to_owned);
        Some(Self {
            key: key.to_string(),
            package: text("in_package")?,
            register: text("register")?,
            kind: text("kind")?,
            value: opening::commitment(version.fields.get("value")?)?,
            searcher_key: opening::commitment(version.fields.get("key")?)?.0,
            entry: version,
        })
    }

    fn record_key(&self, record: &str) -> LogicalKey {
        LogicalKey::Record {
            package: self.package.as_str().into(),
            register: self.register.as_str().into(),
            key: record.into(),
        }
    }
}

/// A record that was found: its current version, and the group that has the term.
struct Hit {
    version: u64,
    group: Str,
    commitment: Digest,
    subjects: Vec<Value>,
}

/// Hits by the records' keys.
type Hits = BTreeMap<Str, Hit>;

/// What an answer says on the ledger.
struct Answer {
    found: usize,
    envelope: Option<Digest>,
    subjects: Vec<Value>,
}

impl Agent {
    /// Answers the searches that wait, and gives how many.
    pub(crate) fn answer_searches(&self) -> Result<usize, AgentError> {
        let mut answers = Vec::new();
        let mut fault = None;
        for version in self.searches()? {
            let number = version.version;
            let Some(question) = Question::read(version) else { continue };
            if !self.searched.is_due(&question.key, number, self.node.status().height) {
                continue;
            }
            match self.answer_search(&question) {
                Ok(answer) => answers.push(answer),
                // What is at fault for one search keeps no other from its answer.
                Err(error) => {
                    tracing::warn!(search = %question.key, ?error, "a search could not be answered");
                    fault = Some(error);
                }
            }
        }
        let answered = answers.len();
        self.submit(answers)?;
        fault.map_or(Ok(answered), Err)
    }

    /// Searches of this steward's staff that wait.
    fn searches(&self) -> Result<Vec<Version>, AgentError> {
        let packages = self.node.packages();
        let protocol = packages.iter().find(|package| package.id == PACKAGE);
        if !protocol.is_some_and(|package| package.registers.contains_key(SEARCH)) {
            return Ok(Vec::new());
        }
        let filters = vec![equal("steward", &self.member), equal("state", "asked")];
        self.select(PACKAGE, SEARCH, filters, ROUND_MAX)
    }

    fn select(
        &self,
        package: &str,
        register: &str,
        filters: Vec<Filter>,
        limit: usize,
    ) -> Result<Vec<Version>, AgentError> {
        let page = self.model.select(&Select {
            package: package.to_owned(),
            register: register.to_owned(),
            filters,
            status: StatusFilter::Live,
            sort: Vec::new(),
            limit,
            cursor: None,
        })?;
        Ok(page.items)
    }

    /// What answers a search, as a transaction.
    fn answer_search(&self, question: &Question) -> Result<(Submitted, Vec<u8>), AgentError> {
        let packages = self.node.packages();
        let package = packages.iter().find(|package| package.id == question.package);
        let answered = match package {
            Some(package) => self.answered(package, question)?,
            None => Err(Refusal::KindUnknown),
        };
        let (action, input) = match answered {
            Ok(Answer { found, envelope, subjects }) => {
                let (search, key) = (&*question.key, &question.searcher_key);
                let input = call::answer_search((search, key), found, envelope, subjects);
                ("answer-search", input)
            }
            Err(refusal) => ("refuse-search", call::refuse_search(&question.key, refusal.texts())),
        };
        let (id, bytes) = call::signed(&self.node.status(), &self.key, action, input);
        let key = question.key.clone();
        Ok((Submitted { key, subjects: Vec::new(), id, released: false }, bytes))
    }

    fn answered(
        &self,
        package: &Package,
        question: &Question,
    ) -> Result<Result<Answer, Refusal>, AgentError> {
        // Found anew, there may be others: what was kept before a crash is what is answered.
        if let Some(kept) = self.vault.envelope(&question.key)? {
            let subjects = self.subjects_of(package, question, &kept)?;
            let (found, envelope) = (kept.groups.len(), Some(kept.digest()));
            return Ok(Ok(Answer { found, envelope, subjects }));
        }
        let hits = match self.hits(package, question)? {
            Ok(hits) => hits,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let subjects = each_once(hits.values().flat_map(|hit| hit.subjects.clone()));
        if subjects.len() > SUBJECTS_MAX {
            return Ok(Err(Refusal::TooManyFound));
        }
        if hits.is_empty() {
            return Ok(Ok(Answer { found: 0, envelope: None, subjects }));
        }
        let sealed = match self.seal_hits(package, question, &hits)? {
            Ok(sealed) => sealed,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.vault.keep_envelope(&question.key, &sealed, self.node.status().time)?;
        Ok(Ok(Answer { found: hits.len(), envelope: Some(sealed.digest()), subjects }))
    }

    /// The records whose current version holds a group with the term.
    fn hits(
        &self,
        package: &Package,
        question: &Question,
    ) -> Result<Result<Hits, Refusal>, AgentError> {
        let fields: Vec<_> = package.found_by(&question.register, &question.kind).collect();
        if fields.is_empty() {
            return Ok(Err(Refusal::KindUnknown));
        }
        let text = match self.value_of(question)? {
            Ok(text) => text,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let found = match self.vault.search(&question.kind, &text, SEARCH_MAX) {
            Ok(found) => found,
            Err(VaultError::Terms { .. }) => return Ok(Err(Refusal::ValueInvalid)),
            Err(error) => return Err(error.into()),
        };
        if found.len() >= SEARCH_MAX {
            return Ok(Err(Refusal::TooManyFound));
        }
        let max = self.hits_max();
        let mut hits = Hits::new();
        for commitment in found {
            for &(field, group) in &fields {
                for (record, hit) in self.holders(package, question, (field, group), commitment)? {
                    hits.insert(record, hit);
                    if hits.len() > max {
                        return Ok(Err(Refusal::TooManyFound));
                    }
                }
            }
        }
        Ok(Ok(hits))
    }

    /// How many hits are an answer.
    fn hits_max(&self) -> usize {
        let packages = self.node.packages();
        let protocol = packages.iter().find(|package| package.id == PACKAGE);
        let max = protocol.and_then(|package| package.parameters.get(HITS_MAX)?.value.as_int());
        let max = max.and_then(|max| usize::try_from(max).ok()).unwrap_or_default();
        max.min(GROUPS_MAX)
    }

    /// What is searched for, if it was sealed for this search, with purpose and case.
    fn value_of(
        &self,
        question: &Question,
    ) -> Result<Result<Zeroizing<String>, Refusal>, AgentError> {
        self.erase_recorded([question.value].into_iter())?;
        let entry = &question.entry;
        let fields = match self.told(entry)? {
            Ok(fields) => fields,
            Err(refusal) => return Ok(Err(refusal)),
        };
        match Why::of(&entry.fields).or_else(|| Why::of(&fields)) {
            None => return Ok(Err(Refusal::Why(Unfit::PurposeMissing))),
            Some(Why { case_number: None, .. }) => {
                return Ok(Err(Refusal::Why(Unfit::CaseMissing)));
            }
            Some(_) => {}
        }
        let is_its = fields.get("kind") == Some(&Value::from(question.kind.as_str()));
        let text = fields.get("text").and_then(Value::as_text).filter(|_| is_its);
        Ok(text.map(|text| Zeroizing::new(text.to_owned())).ok_or(Refusal::ValueInvalid))
    }

    /// The records that hold a group in this field now. The vault keeps it for this register, and no
    /// erasure is recorded.
    fn holders(
        &self,
        package: &Package,
        question: &Question,
        (field, group): (&Str, &Str),
        commitment: Digest,
    ) -> Result<Vec<(Str, Hit)>, AgentError> {
        let value = Value::Bytes(commitment.as_bytes().to_vec());
        let filter = Filter { field: field.to_string(), op: Op::Eq, value };
        let (in_package, register) = (&*question.package, &*question.register);
        let versions = self.select(in_package, register, vec![filter], GROUPS_MAX)?;
        let mut hits = Vec::new();
        let mut group_held = None;
        for found in versions {
            let LogicalKey::Record { key, .. } = &found.key else { continue };
            // The read model may show it as it was.
            let Some((head, now)) = block_on(self.node.record(question.record_key(key)))? else {
                continue;
            };
            let held = now.fields.get(field).and_then(opening::held);
            let held = held.filter(|held| held.commitment == commitment);
            let Some(held) = held.filter(|_| now.status == Status::Live) else { continue };
            group_held = Some(held);
            let subjects = opening::subjects_in(package, register, &now);
            let (version, group) = (head.version, group.clone());
            hits.push((key.clone(), Hit { version, group, commitment, subjects }));
        }
        let Some(held) = group_held else { return Ok(hits) };
        self.erase_recorded([commitment].into_iter())?;
        let (place, ledger) = ((in_package, register, &**group), self.node.status().ledger);
        let opened = opening::open(&self.vault, ledger, place, &held)?;
        Ok(if opened.is_ok() { hits } else { Vec::new() })
    }

    /// A statement of each hit, signed and sealed for the searcher.
    fn seal_hits(
        &self,
        package: &Package,
        question: &Question,
        hits: &Hits,
    ) -> Result<Result<Envelope, Refusal>, AgentError> {
        let status = self.node.status();
        let mut groups = Vec::with_capacity(hits.len());
        for (record, hit) in hits {
            let context = ReleaseContext {
                ledger: status.ledger,
                access: question.key.clone(),
                package: question.package.clone(),
                register: question.register.clone(),
                record: record.to_string(),
                version: hit.version,
                group: hit.group.to_string(),
                commitment: hit.commitment,
                claim: Some(statement(&question.kind)),
            };
            let stated = ClaimStatement {
                context: context.clone(),
                package_version: package.version,
                parameters: Value::Map(BTreeMap::new()),
                value: Value::Bool(true),
                at: status.time,
            };
            let signed = stated.sign(&self.key);
            match envelope::seal_claim(&question.searcher_key, context, &signed, &secret()?) {
                Ok(sealed) => groups.push(sealed),
                // Thirty-two bytes that are no point of the curve.
                Err(_) => return Ok(Err(Refusal::KeyInvalid)),
            }
        }
        Ok(Ok(Envelope { groups }))
    }

    /// Whom the records of a kept result are about, as they are now.
    fn subjects_of(
        &self,
        package: &Package,
        question: &Question,
        kept: &Envelope,
    ) -> Result<Vec<Value>, AgentError> {
        let mut subjects = Vec::new();
        for group in &kept.groups {
            let key = question.record_key(&group.context.record);
            if let Some((_, now)) = block_on(self.node.record(key))? {
                subjects.extend(opening::subjects_in(package, &question.register, &now));
            }
        }
        let mut subjects = each_once(subjects.into_iter());
        subjects.truncate(SUBJECTS_MAX);
        Ok(subjects)
    }
}

fn equal(field: &str, text: &str) -> Filter {
    Filter { field: field.to_owned(), op: Op::Eq, value: text.into() }
}

/// Subjects in order, each once.
fn each_once(subjects: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut texts: Vec<Str> = subjects.filter_map(|subject| subject.as_str().cloned()).collect();
    texts.sort();
    texts.dedup();
    texts.into_iter().map(Value::Text).collect()
}

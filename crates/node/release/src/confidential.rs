//! Confidential accesses: what each asks for, and by whom, stands in the vault alone until it is shown.
//!
//! The reader's officer seals the request as a group; the ledger names its commitment. The steward's clerk
//! opens it before he records the access, the auditor before he countersigns ([`request`]); their read logs
//! show it ([`opened`]). The agent answers once both have signed, and when the term has ended, or was ended
//! before, it shows the access: then who asked, and for which record, stand on the ledger and in the
//! subjects' read logs.

use chaincity_crypto::groups::Group;
use chaincity_query::{Filter, Op, QueryError, Select, StatusFilter};
use chaincity_types::wire::{LogicalKey, Version};
use chaincity_types::{Digest, Str, Value};
use chaincity_vault::Vault;

use crate::agent::{Agent, AgentError, ROUND_MAX, Submitted};
use crate::answer::Refusal;
use crate::opening::{self, Asked, Held};
use crate::said::{self, Fields, Unfit, Why};
use crate::{PACKAGE, call};

/// The register of the confidential accesses.
pub const CONFIDENTIAL: &str = "confidential";
/// The group of that register in which readers seal what they ask for.
pub const REQUEST: &str = "confidential-request";
/// What is shown of a request, by the fields of the group and of the register.
const SHOWN: [&str; 7] =
    ["reader", "officer", "in_package", "register", "record", "groups", "claims"];

/// The request that was sealed under this commitment; `None` when this vault does not keep it any more,
/// or it is none.
///
/// # Errors
/// When the vault fails.
pub fn request(
    vault: &Vault,
    ledger: Digest,
    commitment: &Digest,
) -> Result<Option<Group>, AgentError> {
    let held = Held { commitment: *commitment, ciphertext: None };
    Ok(opening::open(vault, ledger, (PACKAGE, CONFIDENTIAL, REQUEST), &held)?.ok())
}

/// A confidential access with what its request says of reader and record, for those whom the node tells
/// it before it is shown; `None` of any other, of another steward's, and where the vault does not keep the
/// request. `own` is the node's vault and member.
#[must_use]
pub fn opened(own: Option<(&Vault, &str)>, ledger: Digest, entry: &Version) -> Option<Version> {
    let is_shown = entry.fields.get("reader").and_then(Value::as_text).is_some();
    if !is_confidential(entry) || is_shown {
        return None;
    }
    let said = said::open(own?, ledger, entry);
    // A log is shown all the same.
    let said = said.inspect_err(|error| tracing::warn!(?error, "a request could not be opened"));
    let mut opened = entry.clone();
    opened.fields.extend(shown(&said.ok()?.ok()?));
    Some(opened)
}

/// Whether an entry is a confidential access.
pub(crate) fn is_confidential(entry: &Version) -> bool {
    matches!(&entry.key, LogicalKey::Record { register, .. } if *register == *CONFIDENTIAL)
}

/// What is shown of a request.
fn shown(said: &Fields) -> Fields {
    let named = |name: &str| Some((Str::from(name), said.get(name)?.clone()));
    SHOWN.into_iter().filter_map(named).collect()
}

/// Whether the officer who asks recorded or countersigned it too, or the countersigner is of his member.
fn is_signed_by_asker(said: &Fields, entry: &Version) -> bool {
    let same =
        [("officer", "asked_by"), ("officer", "countersigned_by"), ("reader", "countersigned_for")];
    same.into_iter().any(|(asks, signed)| {
        let signed = entry.fields.get(signed).and_then(Value::as_text);
        signed.is_some() && signed == said.get(asks).and_then(Value::as_text)
    })
}

impl Agent {
    /// Answers the confidential accesses that both have signed, and shows those whose term has ended;
    /// gives how many that were.
    pub(crate) fn answer_confidential(&self) -> Result<usize, AgentError> {
        let mut answers = Vec::new();
        let mut fault = None;
        for state in ["countersigned", "lifted"] {
            for entry in self.confidential(state)? {
                let LogicalKey::Record { key, .. } = &entry.key else { continue };
                if !self.confided.is_due(key, entry.version, self.node.status().height) {
                    continue;
                }
                let answer = if state == "lifted" {
                    self.show(key, &entry)
                } else {
                    self.answer_one(key, &entry).map(Some)
                };
                match answer {
                    Ok(answer) => answers.extend(answer),
                    // What is at fault for one access keeps no other from its answer.
                    Err(error) => {
                        tracing::warn!(access = %key, ?error, "an access could not be answered");
                        fault = Some(error);
                    }
                }
            }
        }
        let answered = answers.len();
        self.submit(answers)?;
        fault.map_or(Ok(answered), Err)
    }

    /// The confidential accesses of this steward in a state.
    fn confidential(&self, state: &str) -> Result<Vec<Version>, AgentError> {
        let packages = self.node.packages();
        let protocol = packages.iter().find(|package| package.id == PACKAGE);
        // The package as it was before had no request to open.
        if !protocol.is_some_and(|package| package.groups.contains_key(REQUEST)) {
            return Ok(Vec::new());
        }
        let equal = |field: &str, text: &str| Filter {
            field: field.into(),
            op: Op::Eq,
            value: text.into(),
        };
        let page = self.model.select(&Select {
            package: PACKAGE.to_owned(),
            register: CONFIDENTIAL.to_owned(),
            filters: vec![equal("steward", &self.member), equal("state", state)],
            status: StatusFilter::Live,
            sort: Vec::new(),
            limit: ROUND_MAX,
            cursor: None,
        })?;
        Ok(page.items)
    }

    /// What answers a confidential access: a release whose envelope is kept, or a refusal.
    fn answer_one(&self, key: &str, entry: &Version) -> Result<(Submitted, Vec<u8>), AgentError> {
        let (action, input) = match self.judge(key, entry)? {
            Ok((asked, envelope)) => {
                ("release-confidential", call::release_confidential(&asked, envelope))
            }
            Err(refusal) => {
                ("refuse-confidential", call::refuse_confidential(key, refusal.texts()))
            }
        };
        Ok(self.submitted(key, action, input))
    }

    /// Opens the request and judges it; gives the digest of the envelope that is kept for the reader.
    fn judge(
        &self,
        key: &str,
        entry: &Version,
    ) -> Result<Result<(Asked, Digest), Refusal>, AgentError> {
        let request = entry.fields.get("request").and_then(opening::commitment);
        self.erase_recorded(request.into_iter())?;
        let Ok(said) = self.told(entry)? else {
            return Ok(Err(Refusal::ParameterInvalid));
        };
        if is_signed_by_asker(&said, entry) {
            return Ok(Err(Refusal::SignedByAsker));
        }
        match Why::of(&said) {
            None => return Ok(Err(Refusal::Why(Unfit::PurposeMissing))),
            Some(Why { case_number: None, .. }) => {
                return Ok(Err(Refusal::Why(Unfit::CaseMissing)));
            }
            Some(_) => {}
        }
        let Some(asked) = Asked::read(key, &said) else {
            return Ok(Err(Refusal::ParameterInvalid));
        };
        let Some(found) = self.find_asked(&asked)? else { return Ok(Err(Refusal::RecordUnknown)) };
        let kept = self.keep(&found, (&asked, &said))?;
        Ok(kept.map(|(_, envelope)| (asked, envelope)))
    }

    /// What shows a confidential access whose term has ended; nothing where its request is lost, which
    /// the ledger then tells as overdue.
    fn show(&self, key: &str, entry: &Version) -> Result<Option<(Submitted, Vec<u8>)>, AgentError> {
        let Ok(said) = self.told(entry)? else {
            tracing::warn!(access = %key, "the request of a confidential access is lost");
            return Ok(None);
        };
        let Some(asked) = Asked::read(key, &said) else { return Ok(None) };
        let mut input = shown(&said);
        input.insert("confidential".into(), key.into());
        input.insert("subjects".into(), Value::List(self.concerned(&asked, entry)?));
        Ok(Some(self.submitted(key, "show-confidential", input)))
    }

    /// Whom the record was about when it was released; when it was not, whom it is about now.
    fn concerned(&self, asked: &Asked, entry: &Version) -> Result<Vec<Value>, AgentError> {
        let Some(found) = self.find_asked(asked)? else { return Ok(Vec::new()) };
        let is_record = found.package.registers.contains_key(asked.register.as_str());
        let then = match (entry.fields.get("envelope"), entry.fields.get("answered")) {
            (Some(Value::Bytes(_)), Some(Value::Time(at))) if is_record => {
                match self.model.as_of(&asked.package, &asked.register, &asked.record, *at) {
                    Ok((then, _)) => then,
                    // A node that joined later has the present alone.
                    Err(QueryError::Incomplete { .. }) => None,
                    Err(error) => return Err(error.into()),
                }
            }
            _ => None,
        };
        let of_then = |then: Version| opening::subjects_in(&found.package, &asked.register, &then);
        Ok(then.map_or_else(|| found.subjects.clone(), of_then))
    }

    fn submitted(&self, key: &str, action: &str, input: Fields) -> (Submitted, Vec<u8>) {
        let (id, bytes) = call::signed(&self.node.status(), &self.key, action, input);
        (Submitted { key: key.to_owned(), subjects: Vec::new(), id, released: false }, bytes)
    }
}

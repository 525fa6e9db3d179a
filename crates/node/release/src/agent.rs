//! The agent's rounds: which accesses wait, what is answered, and what came of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chaincity_crypto::cipher::Secret;
use chaincity_crypto::suite::SecretKey;
use chaincity_package::policy::Policy;
use chaincity_pipeline::{NodeApi, NodeError};
use chaincity_query::{Filter, Op, QueryError, ReadModel, Select, StatusFilter};
use chaincity_types::wire::{LogicalKey, Outcome, Receipt, Version};
use chaincity_types::{Digest, Height, Reject, Timestamp, Value};
use chaincity_vault::{Vault, VaultError};
use futures::executor::block_on;
use futures::future::join_all;
use rand::TryRng as _;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::answer::Refusal;
use crate::answering::answers;
use crate::cases::Parts;
use crate::noting::Noting;
use crate::opening::{Answering, Asked, Found};
use crate::said::Fields;
use crate::tried::Tried;
use crate::{ACCESS, PACKAGE, call};

/// Most accesses answered in one round: their transactions are submitted together.
pub(crate) const ROUND_MAX: usize = 200;
/// How long a round waits for its receipts, in milliseconds. What has none by then is looked at
/// again in the next round; a second release of the same access is refused.
const RECEIPT_MS: u64 = 10_000;
/// How long a round waits for the read model, and how often it looks.
const MODEL_WAIT: Duration = Duration::from_secs(2);
const MODEL_POLL: Duration = Duration::from_millis(5);
/// How long an envelope is kept for its reader, in milliseconds.
const KEEP_MS: u64 = 7 * 24 * 3_600_000;
/// How often old envelopes are dropped, in milliseconds of block time.
const DROP_EVERY_MS: u64 = 3_600_000;

/// Why a round ended early. What it did not answer is asked again in the next.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The vault failed.
    #[error("the vault")]
    Vault(#[from] VaultError),
    /// The read model failed.
    #[error("the read model")]
    Query(#[from] QueryError),
    /// The node could not answer.
    #[error("the node")]
    Node(#[from] NodeError),
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system")]
    Random,
}

/// The release agent of one steward.
pub struct Agent {
    pub(crate) node: Arc<dyn NodeApi>,
    pub(crate) model: Arc<ReadModel>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) key: SecretKey,
    pub(crate) member: String,
    /// What it does not answer by itself.
    pub(crate) policy: Policy,
    /// Whether it waits until it takes over.
    is_standby: bool,
    /// Accesses that were answered.
    answered: Tried,
    /// Searches that were answered.
    pub(crate) searched: Tried,
    /// Confidential accesses that were answered or shown.
    pub(crate) confided: Tried,
    /// Accesses whose subjects are to be noted.
    pub(crate) noting: Noting,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent").field("member", &self.member).finish_non_exhaustive()
    }
}

/// A transaction about an access, or a search.
pub(crate) struct Submitted {
    /// Its number.
    pub(crate) key: String,
    pub(crate) subjects: Vec<Value>,
    pub(crate) id: Digest,
    /// Whether it releases the access.
    pub(crate) released: bool,
}

impl Agent {
    /// An agent that answers for `member` with its operator's `key`, which has the role
    /// `steward.agent`.
    #[must_use]
    pub fn new(
        node: Arc<dyn NodeApi>,
        model: Arc<ReadModel>,
        vault: Arc<Vault>,
        key: SecretKey,
        member: String,
    ) -> Self {
        let (policy, answered, searched, confided, noting) = Default::default();
        Self {
            node,
            model,
            vault,
            key,
            member,
            policy,
            is_standby: false,
            answered,
            searched,
            confided,
            noting,
        }
    }

    /// The same agent, which answers what this policy lets it.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// The same agent, on standby: it answers nothing before it has taken over (action `take-over`).
    #[must_use]
    pub fn on_standby(self) -> Self {
        Self { is_standby: true, ..self }
    }

    /// Whether it is this agent that answers for its member.
    fn answers(&self) -> Result<bool, NodeError> {
        let key = self.key.public_key();
        block_on(answers(&*self.node, &self.member, (Some(&key), self.is_standby)))
    }

    /// Answers accesses while `goes_on` says so, asked after every block; blocks its thread.
    pub fn run(&self, goes_on: impl Fn() -> bool) {
        let mut dropped = Timestamp::default();
        while goes_on() {
            let status = self.node.status();
            let height = status.height;
            let before = Timestamp(status.time.0.saturating_sub(KEEP_MS));
            if before.0 > dropped.0.saturating_add(DROP_EVERY_MS) {
                dropped = before;
                self.await_model(height);
                if let Err(error) = self.tidy(before) {
                    tracing::warn!(%error, "the vault is not tidied");
                }
            }
            match self.round() {
                // As many as fit into a round: more may wait.
                Ok(done) if done >= ROUND_MAX => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "the release agent asks again"),
            }
            let height = block_on(self.node.wait_above(height));
            self.await_model(height);
        }
    }

    /// Carries out erasures, which a restored vault waits for, and drops what nobody fetched.
    fn tidy(&self, before: Timestamp) -> Result<(), AgentError> {
        let reapplied = self.apply_erasures()?;
        if reapplied.erased > 0 || !reapplied.permanent.is_empty() {
            let (erased, kept) = (reapplied.erased, reapplied.permanent.len());
            tracing::info!(erased, kept, "erasures were carried out");
        }
        self.vault.drop_envelopes(before)?;
        Ok(())
    }

    /// Waits until the read model has followed up to `height`, at most [`MODEL_WAIT`].
    fn await_model(&self, height: Height) {
        let begun = Instant::now();
        while begun.elapsed() < MODEL_WAIT {
            match self.model.height() {
                Ok(followed) if followed.unwrap_or_default() < height => {
                    std::thread::sleep(MODEL_POLL);
                }
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// Answers what waits now, searches and confidential accesses too, and notes the subjects of what was
    /// not released, if it is this agent that answers; gives how many were answered or noted.
    ///
    /// # Errors
    /// See [`AgentError`]; some may have been answered nevertheless.
    pub fn round(&self) -> Result<usize, AgentError> {
        if !self.answers()? {
            return Ok(0);
        }
        let mut answers = Vec::new();
        let mut fault = None;
        let mut parts = Parts::new();
        for version in self.asked()? {
            let LogicalKey::Record { key, .. } = &version.key else { continue };
            let Some(asked) = Asked::read(key, &version.fields) else { continue };
            if !self.answered.is_due(&asked.key, version.version, self.node.status().height) {
                continue;
            }
            match self.answer(asked, &version, &mut parts) {
                Ok(answer) => answers.push(answer),
                // What is at fault for one access keeps no other from its answer.
                Err(error) => {
                    tracing::warn!(access = %key, ?error, "an access could not be answered");
                    fault = Some(error);
                }
            }
        }
        let answered = answers.len();
        self.settle(answers)?;
        let others = [self.answer_searches(), self.answer_confidential(), self.note()];
        let mut done = answered;
        for other in others {
            done = done.saturating_add(other?);
        }
        fault.map_or(Ok(done), Err)
    }

    /// Submits answers, and records as refusals the releases that the ledger rejected.
    fn settle(&self, answers: Vec<(Submitted, Vec<u8>)>) -> Result<(), AgentError> {
        let mut refusals = Vec::new();
        for (answer, code) in self.submit(answers)? {
            let (id, bytes) = self.refuse(&answer.key, &code, answer.subjects.clone());
            refusals.push((Submitted { id, released: false, ..answer }, bytes));
        }
        self.submit(refusals)?;
        Ok(())
    }

    /// Whether the package of the protocol is in force.
    pub(crate) fn is_in_force(&self) -> bool {
        self.node.packages().iter().any(|package| package.id == PACKAGE)
    }

    /// Accesses of this steward that wait for a policy's answer.
    fn asked(&self) -> Result<Vec<Version>, AgentError> {
        let equal = |field: &str, value: Value| Filter { field: field.into(), op: Op::Eq, value };
        if !self.is_in_force() {
            return Ok(Vec::new());
        }
        let page = self.model.select(&Select {
            package: PACKAGE.to_owned(),
            register: ACCESS.to_owned(),
            filters: vec![
                equal("steward", Value::from(self.member.as_str())),
                equal("state", Value::from("asked")),
                equal("needs_person", Value::Bool(false)),
            ],
            status: StatusFilter::Live,
            sort: Vec::new(),
            limit: ROUND_MAX,
            cursor: None,
        })?;
        Ok(page.items)
    }

    /// What answers an access: a release whose envelope is kept, or a refusal.
    fn answer(
        &self,
        asked: Asked,
        entry: &Version,
        parts: &mut Parts,
    ) -> Result<(Submitted, Vec<u8>), AgentError> {
        let Some(found) = self.find_asked(&asked)? else {
            return Ok(self.refusal(asked, Refusal::RecordUnknown, Vec::new()));
        };
        let subjects = found.subjects.clone();
        let said = match self.said(&asked, entry)? {
            Ok(said) => said,
            Err(refusal) => return Ok(self.refusal(asked, refusal, subjects)),
        };
        if let Err(refusal) = self.check_case((&asked, &found), parts)? {
            return Ok(self.refusal(asked, refusal, subjects));
        }
        if let Some(held) = self.held_back(&asked, (entry, &said), &subjects)? {
            return Ok(held);
        }
        let (number, digest) = match self.keep(&found, (&asked, &said))? {
            Ok(kept) => kept,
            Err(refusal) => return Ok(self.refusal(asked, refusal, subjects)),
        };
        let input = call::release(&asked, number, digest, subjects.clone());
        let (id, bytes) = call::signed(&self.node.status(), &self.key, "release", input);
        Ok((Submitted { key: asked.key, subjects, id, released: true }, bytes))
    }

    /// Keeps an envelope with what is asked for; gives the number of the version that it is of, and its
    /// digest.
    pub(crate) fn keep(
        &self,
        found: &Found,
        (asked, said): (&Asked, &Fields),
    ) -> Result<Result<(u64, Digest), Refusal>, AgentError> {
        let kept = self.vault.envelope(&asked.key)?;
        let kept = kept.iter().flat_map(|kept| kept.groups.iter().map(|g| g.context.commitment));
        self.erase_recorded(found.held.iter().map(|(_, held)| held.commitment).chain(kept))?;
        // Sealed anew, an envelope has other bytes: what was kept before a crash is released, of the
        // version that it was sealed from, although the record may have moved on.
        if let Some(kept) = self.vault.envelope(&asked.key)? {
            let number = kept.groups.first().map_or(found.version, |group| group.context.version);
            return Ok(Ok((number, kept.digest())));
        }
        Ok(self.seal(found, (asked, said))?.map(|digest| (found.version, digest)))
    }

    /// Seals what is asked for and keeps the envelope; gives its digest.
    fn seal(
        &self,
        found: &Found,
        (asked, said): (&Asked, &Fields),
    ) -> Result<Result<Digest, Refusal>, AgentError> {
        let status = self.node.status();
        let (vault, key) = (&*self.vault, &self.key);
        let (package, version) = (&*found.package, found.version);
        let answering = Answering { vault, key, package, status: &status, asked, said, version };
        match answering.seal(&found.held)? {
            Err(refusal) => Ok(Err(refusal)),
            Ok(envelope) => {
                self.vault.keep_envelope(&asked.key, &envelope, status.time)?;
                Ok(Ok(envelope.digest()))
            }
        }
    }

    fn refusal(
        &self,
        asked: Asked,
        refusal: Refusal,
        subjects: Vec<Value>,
    ) -> (Submitted, Vec<u8>) {
        let input = call::refuse(&asked.key, refusal.texts(), subjects.clone());
        let (id, bytes) = call::signed(&self.node.status(), &self.key, "refuse", input);
        (Submitted { key: asked.key, subjects, id, released: false }, bytes)
    }

    /// A refusal with the code and the texts of the guard that stopped the release.
    fn refuse(&self, access: &str, code: &str, subjects: Vec<Value>) -> (Digest, Vec<u8>) {
        let packages = self.node.packages();
        let release =
            packages.iter().find(|p| p.id == PACKAGE).and_then(|p| p.actions.get("release"));
        let guard =
            release.and_then(|action| action.guards.iter().find(|guard| guard.code == code));
        let (zh, en) = guard.map_or(("释放被驳回", "the release was rejected"), |guard| {
            (guard.text.zh.as_str(), guard.text.en.as_str())
        });
        let input = call::refuse(access, (code, zh, en), subjects);
        call::signed(&self.node.status(), &self.key, "refuse", input)
    }

    /// Submits answers, waits for their receipts together, and gives the releases that were rejected
    /// with the code that is to be recorded as a refusal.
    pub(crate) fn submit(
        &self,
        answers: Vec<(Submitted, Vec<u8>)>,
    ) -> Result<Vec<(Submitted, String)>, AgentError> {
        if answers.is_empty() {
            return Ok(Vec::new());
        }
        let (answers, transactions): (Vec<_>, Vec<_>) =
            answers.into_iter().map(|(answer, bytes)| (answer, Bytes::from(bytes))).unzip();
        let outcomes = block_on(self.node.submit_many(transactions));
        let mut admitted = Vec::with_capacity(answers.len());
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            match outcome {
                Ok(_) => admitted.push(answer),
                // Submitted just so before: that one's receipt is this one's.
                Err(refused) if refused.code == Reject::Duplicate => admitted.push(answer),
                Err(refused) => {
                    let access = &answer.key;
                    tracing::warn!(%access, code = refused.code.code(), "an answer was not admitted");
                }
            }
        }
        let receipts = admitted.iter().map(|answer| self.node.wait_receipt(answer.id, RECEIPT_MS));
        let receipts = block_on(join_all(receipts));
        let mut rejected = Vec::new();
        for (answer, receipt) in admitted.into_iter().zip(receipts) {
            let code = rejection(&answer, receipt?.as_ref());
            rejected.extend(code.map(|code| (answer, code)));
        }
        Ok(rejected)
    }
}

/// The code with which a release was rejected, to be recorded as a refusal; `None` when it was
/// applied, is not final yet, or the access is not the agent's to answer any more.
fn rejection(answer: &Submitted, receipt: Option<&Receipt>) -> Option<String> {
    let Outcome::Rejected { code, .. } = &receipt?.entries.first()?.outcome else { return None };
    tracing::info!(access = %answer.key, %code, "an answer was rejected");
    let over = ["access-settled", "deadline-past", "person-must-decide", "agent-superseded"];
    let over = over.contains(&code.as_str());
    Some(code.to_string()).filter(|_| answer.released && !over)
}

/// A new secret.
pub(crate) fn secret() -> Result<Secret, AgentError> {
    let mut bytes = Zeroizing::new([0; 32]);
    SysRng.try_fill_bytes(&mut *bytes).map_err(|_nothing_to_tell| AgentError::Random)?;
    Ok(Secret::from_bytes(*bytes))
}

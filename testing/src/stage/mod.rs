//! Plays packages' scenarios on whole nodes: real signatures, admission, pool, blocks, state.
//!
//! *Covered.* Every scenario of every package whose steps leap no further ahead than
//! [`stand_in::LEAP_MS`] is played on the stand-in orderer, each on a ledger of its own, at exactly
//! the times at which the run in memory plays it; and, up to [`cluster::LEAP_MS`], on four
//! validators in the simulator, each again on a ledger of its own, as fast as consensus goes. What
//! the four decided is then executed twice more, on fresh nodes: its blocks are replayed on a state
//! like theirs, which must have their state roots at every height; and its transactions go at the
//! same times through admission and proposing on the stand-in orderer. The content digest must be
//! the same on all six.
//!
//! *Not covered.* A block comes at most a minute after its parent, so a leap of a year would take
//! half a million blocks: such scenarios are played in memory alone, and are counted
//! ([`Reach::Memory`]). Of the simulator's faults a scenario meets one alone: the power of a
//! validator is cut at each transaction ([`cluster::perform_killing`]). What admission refuses at
//! once is brought to a block by gossip, so that its receipt is compared as well.

pub mod cluster;
pub mod stand_in;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use chaincity_crypto::cose;
use chaincity_ledger::Record;
use chaincity_ledger::memory::compile;
use chaincity_ledger::scenario::{self, HOST, Records, STEP_MS, Script};
use chaincity_package::model::Package;
use chaincity_package::scenario::{LEDGER, Scenario, Step};
use chaincity_pipeline::{NodeApi, Refusal};
use chaincity_types::wire::{
    Call, Genesis, GenesisNode, LogicalKey, Mode, PROTOCOL, Receipt, Transaction, Validator,
};
use chaincity_types::{Digest, Height, Timestamp};

use crate::city;
use crate::sim::Failure;
use crate::sim::keys::KeyRing;

/// Validators of a scenario's ledger.
pub const VALIDATORS: usize = 4;
/// A step up to so far ahead of the one before is no leap: the next block can have its time.
const MINUTE_MS: u64 = 60_000;
/// All keys follow from it.
const SEED: u64 = 0;

/// A package with its scenarios.
#[derive(Clone, Debug)]
pub struct Play {
    /// The package's name.
    pub name: String,
    /// Its document.
    pub document: Vec<u8>,
    package: Arc<Package>,
    /// Those whose actions it calls, in the order in which they come into force.
    required: Vec<(Vec<u8>, Arc<Package>)>,
    /// Its scenarios.
    pub scenarios: Vec<Scenario>,
}

/// Where a scenario can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// In memory alone: it leaps too far.
    Memory,
    /// On the stand-in orderer as well.
    StandIn,
    /// On four validators as well.
    Cluster,
}

/// Every package of the repository.
///
/// # Errors
/// When one cannot be read or does not compile.
pub fn packages() -> Result<Vec<Play>, Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packages");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    let mut plays = Vec::new();
    for name in &names {
        plays.extend(Play::read(name)?);
    }
    Ok(plays)
}

impl Play {
    /// A package of the repository; a scenario that decides parameters otherwise is a play of its
    /// own.
    ///
    /// # Errors
    /// When it cannot be read or does not compile.
    pub fn read(name: &str) -> Result<Vec<Self>, Failure> {
        let source = city::package(name)?;
        let document = source.doc.to_bytes();
        let (decided, plain): (Vec<_>, Vec<_>) =
            source.scenarios.into_iter().partition(|scenario| !scenario.parameters.is_empty());
        let find = &mut |name: &str| city::package(name).map(|source| source.doc);
        let mut required = Vec::new();
        for doc in scenario::required(&source.doc, find)? {
            let document = doc.to_bytes();
            let package = compiled(&doc.id, &document)?;
            required.push((document, package));
        }
        let mut plays = vec![Self::new(name, document.clone(), required.clone(), plain)?];
        for scenario in decided {
            let decided = scenario::decided(&document, &scenario).map_err(|f| f.to_string())?;
            let document = decided.unwrap_or_default();
            plays.push(Self::new(name, document, required.clone(), vec![scenario])?);
        }
        Ok(plays)
    }

    /// A package of the repository with scenarios of a test's own, which also call actions of these
    /// other packages.
    ///
    /// # Errors
    /// As [`Play::read`].
    pub fn staged(name: &str, others: &[&str], scenarios: &str) -> Result<Self, Failure> {
        let file = [("scenarios/staged.yaml", scenarios)];
        let source = city::package_with(name, &file)?;
        let own = |scenario: &Scenario| scenario.name.starts_with("staged-");
        let scenarios = source.scenarios.iter().filter(|scenario| own(scenario)).cloned();
        let mut required = Vec::new();
        for other in others {
            let document = city::package(other)?.doc.to_bytes();
            let package = compiled(other, &document)?;
            required.push((document, package));
        }
        Self::new(name, source.doc.to_bytes(), required, scenarios.collect())
    }

    fn new(
        name: &str,
        document: Vec<u8>,
        required: Vec<(Vec<u8>, Arc<Package>)>,
        scenarios: Vec<Scenario>,
    ) -> Result<Self, Failure> {
        let package = compiled(name, &document)?;
        Ok(Self { name: name.to_owned(), document, package, required, scenarios })
    }

    fn script<'a>(&self, scenario: &'a Scenario) -> Script<'a> {
        let others = self.required.iter().map(|(_, package)| Arc::clone(package)).collect();
        Script::new(Arc::clone(&self.package), others, scenario)
    }

    /// The genesis of a ledger for this scenario: its people, and four validators of one member.
    fn genesis(&self, script: &Script<'_>) -> Genesis {
        let keys = KeyRing::new(SEED);
        let node = |node| {
            let node = Validator { member: HOST.to_owned(), ..keys.validator(node) };
            GenesisNode { node, validator: true }
        };
        let mut nodes: Vec<GenesisNode> = (0..VALIDATORS).map(node).collect();
        nodes.sort_by(|a, b| a.node.key.cmp(&b.node.key));
        let key_of = |person: &str| {
            let key = keys.named(&person_key(person)).public_key();
            key.as_bytes().to_vec()
        };
        let required = self.required.iter().map(|(document, _)| document);
        script.genesis(required.chain([&self.document]).cloned().collect(), nodes, &key_of)
    }

    /// Where the scenario can be played.
    ///
    /// # Errors
    /// When its times are not in order.
    pub fn reach(&self, scenario: &Scenario) -> Result<Reach, Failure> {
        let script = self.script(scenario);
        let (mut turn, mut leaps) = (script.begin().plus_ms(STEP_MS), 0_u64);
        for (at, step) in script.steps() {
            let time = Script::time(&at, step, turn).map_err(|failure| failure.to_string())?;
            let ahead = time.since_ms(turn);
            if ahead > MINUTE_MS {
                leaps = leaps.saturating_add(ahead);
            }
            let calls = u64::try_from(step.mandates.len()).unwrap_or(u64::MAX).saturating_add(1);
            turn = time.plus_ms(calls.saturating_mul(STEP_MS));
        }
        Ok(match leaps {
            0..=cluster::LEAP_MS => Reach::Cluster,
            leaps if leaps <= stand_in::LEAP_MS => Reach::StandIn,
            _ => Reach::Memory,
        })
    }
}

fn compiled(name: &str, document: &[u8]) -> Result<Arc<Package>, Failure> {
    compile(document).ok_or_else(|| format!("`{name}` does not compile"))
}

fn person_key(person: &str) -> String {
    format!("person-{person}")
}

/// What became of a transaction.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Why admission refused it, if it did.
    pub refusal: Option<Refusal>,
    /// Its receipt, if a block holds it.
    pub receipt: Option<Receipt>,
}

/// A ledger that scenarios are played on.
pub trait Stage {
    /// The ledger's id.
    fn ledger(&self) -> Digest;
    /// The time now.
    fn now(&self) -> Timestamp;
    /// A node's interface.
    ///
    /// # Errors
    /// When the node is down.
    fn node(&self) -> Result<Arc<dyn NodeApi>, Failure>;
    /// Lets time pass until the next block has this time, or one little later.
    fn until(&mut self, time: Timestamp) -> impl Future<Output = Result<(), Failure>>;
    /// Lets time pass until a block has this time, or one little later.
    fn rest(&mut self, time: Timestamp) -> impl Future<Output = Result<(), Failure>>;
    /// Brings a signed transaction to a block, whether admission likes it or not.
    fn submit(
        &mut self,
        id: Digest,
        bytes: &[u8],
    ) -> impl Future<Output = Result<Settled, Failure>>;
}

struct Player<'s, S> {
    stage: &'s mut S,
    keys: KeyRing,
    /// When the next transaction's turn is, by the scenario.
    turn: Timestamp,
}

/// Plays a scenario from its beginning to its last assertion.
///
/// # Errors
/// The first thing that is not as the scenario says.
pub async fn play<S: Stage>(stage: &mut S, mut script: Script<'_>) -> Result<(), Failure> {
    let turn = script.begin().plus_ms(STEP_MS);
    let mut player = Player { stage: &mut *stage, keys: KeyRing::new(SEED), turn };
    for (at, step) in script.steps() {
        player.step(&mut script, &at, step).await?;
    }
    let node = stage.node()?;
    let now = node.status().time.plus_ms(STEP_MS);
    let records = records(&*node).await?;
    script.check(&records, now).map_err(|failure| failure.to_string())
}

impl<S: Stage> Player<'_, S> {
    async fn step<'a>(
        &mut self,
        script: &mut Script<'a>,
        at: &str,
        step: &'a Step,
    ) -> Result<(), Failure> {
        let say = |failure: chaincity_ledger::scenario::Failure| failure.to_string();
        self.turn = Script::time(at, step, self.turn).map_err(say)?;
        if step.by == LEDGER {
            let receipts = self.rest().await?;
            return script.compare_timers(at, step, receipts).map_err(say);
        }
        self.stage.until(self.turn).await?;
        let mut calls = script.calls(at, step).map_err(say)?;
        let mut mandates = Vec::new();
        let now = self.stage.now();
        for (by, given, place) in script.mandates(at, step, &calls, now).map_err(say)? {
            let settled = self.submit(at, by, vec![given]).await?;
            let receipt = settled.receipt.ok_or_else(|| {
                format!("{at}: expected a mandate that is accepted, found {:?}", settled.refusal)
            })?;
            mandates.push((place, Script::mandate(at, &receipt).map_err(say)?));
        }
        Script::name_mandates(&mut calls, mandates);
        let settled = self.submit(at, &step.by, calls).await?;
        if let Some(refusal) = &settled.refusal {
            Script::compare_outcome(at, step, refusal.code.code()).map_err(say)?;
        }
        match &settled.receipt {
            Some(receipt) => script.compare(at, step, receipt).map_err(say),
            None if settled.refusal.is_some() => Ok(()),
            None => Err(format!("{at}: expected a receipt, found none")),
        }
    }

    /// Lets the ledger's timers run; gives their receipts, which nobody signed for.
    async fn rest(&mut self) -> Result<Vec<Receipt>, Failure> {
        let before = self.stage.node()?.status().height;
        self.stage.rest(self.turn).await?;
        self.turn = self.turn.plus_ms(STEP_MS);
        let node = self.stage.node()?;
        let mut receipts = Vec::new();
        for height in before.0.saturating_add(1)..=node.status().height.0 {
            let stored = node.history().block(Height(height)).map_err(|error| error.to_string())?;
            let stored = stored.ok_or_else(|| format!("block {height} is missing"))?;
            receipts.extend(stored.receipts.into_iter().filter(|r| r.operator.is_empty()));
        }
        Ok(receipts)
    }

    async fn submit(&mut self, at: &str, by: &str, calls: Vec<Call>) -> Result<Settled, Failure> {
        self.stage.until(self.turn).await?;
        let transaction = Transaction {
            ledger: self.stage.ledger(),
            protocol: PROTOCOL,
            expiry: self.stage.now().plus_ms(MINUTE_MS),
            mode: Mode::Atomic,
            calls,
            intent: None,
        };
        let key = self.keys.named(&person_key(by));
        let id = cose::transaction_id(&transaction, &key.public_key());
        let bytes = cose::sign_transaction(&transaction, &key);
        let settled = self.stage.submit(id, &bytes).await;
        self.turn = self.turn.plus_ms(STEP_MS);
        settled.map_err(|error| format!("{at}: {error}"))
    }
}

/// Every record that history names, read from the state; both must agree.
async fn records(node: &dyn NodeApi) -> Result<Records, Failure> {
    let mut newest = std::collections::BTreeMap::<LogicalKey, Digest>::new();
    for height in 1..=node.status().height.0 {
        let stored = node.history().block(Height(height)).map_err(|error| error.to_string())?;
        let stored = stored.ok_or_else(|| format!("block {height} is missing"))?;
        for write in stored.writes {
            let version = node.body(write.body).await.map_err(|error| error.to_string())?;
            let version = version.ok_or_else(|| format!("body {} is missing", write.body))?;
            newest.insert(version.key.clone(), write.body);
        }
    }
    let mut records = Records::new();
    for (key, body) in newest {
        let read = node.record(key.clone()).await.map_err(|error| error.to_string())?;
        let (head, version) = read.ok_or_else(|| format!("{key:?} is not in the state"))?;
        if head.body != body {
            return Err(format!("{key:?}: the state has {}, history {body}", head.body));
        }
        records.insert(key, Arc::new(Record { head, version }));
    }
    Ok(records)
}

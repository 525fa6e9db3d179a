//! Runs a package's scenarios: given / when / then, on a ledger in memory.
//!
//! Each step is a transaction of its own in a block of its own, one second after the step before
//! unless it says when. Keys are derived from the people's names, so a run is the same
//! everywhere. [`Script`] is what plays the same scenarios on other ledgers.

mod script;

use std::collections::BTreeSet;
use std::sync::Arc;

use chaincity_crypto::hash;
use chaincity_package::doc::PackageDoc;
use chaincity_package::model::Package;
use chaincity_package::scenario::{LEDGER, Scenario, Step as ScenarioStep};
use chaincity_types::wire::{Call, GenesisNode, Mode, PROTOCOL, Receipt, Transaction, Validator};
use chaincity_types::{Digest, Height, Timestamp, cbor};

pub use script::{Failure, Records, STEP_MS, Script};

use crate::block::BlockRun;
use crate::governance;
use crate::memory::{MemoryLedger, PackageCache};
use crate::view::{BlockContext, Packages, SignedCall, Step};
use script::fail;

/// The member that runs the scenario's node and stands for those whom no person names.
pub const HOST: &str = "scenario-host";

/// What is shown of a step before it is committed: its action, and its execution, which changes
/// nothing and may be repeated, to be timed.
pub type Watch<'w> = &'w mut dyn FnMut(&str, &dyn Fn());

/// A package ready for its scenarios: compiled once for all of them.
#[derive(Debug)]
pub struct Rehearsal {
    document: Vec<u8>,
    package: Arc<Package>,
    /// Those whose actions it calls.
    required: Vec<(Vec<u8>, Arc<Package>)>,
    packages: PackageCache,
}

impl Rehearsal {
    /// Compiles the document of a package that requires no other.
    ///
    /// # Errors
    /// When it does not compile.
    pub fn new(document: &[u8]) -> Result<Self, Failure> {
        Self::requiring(document, &[])
    }

    /// Compiles a package document and those of all packages that it requires, in the order of
    /// [`required`].
    ///
    /// # Errors
    /// When one does not compile.
    pub fn requiring(document: &[u8], required: &[Vec<u8>]) -> Result<Self, Failure> {
        let packages = PackageCache::default();
        let compiled = |document: &[u8]| match packages
            .compiled(crate::digests::document(document), document)
        {
            Some(package) => Ok(package),
            None => fail("package", "a document that compiles", "one that does not"),
        };
        let package = compiled(document)?;
        let pair = |document: &Vec<u8>| Ok((document.clone(), compiled(document)?));
        let required = required.iter().map(pair).collect::<Result<_, _>>()?;
        Ok(Self { document: document.to_vec(), package, required, packages })
    }

    /// Runs a scenario of the package.
    ///
    /// # Errors
    /// The first thing that is not as the scenario says.
    pub fn run(&self, scenario: &Scenario) -> Result<(), Failure> {
        self.run_watched(scenario, &mut |_, _| {})
    }

    /// Runs a scenario as [`Self::run`] does, and shows its steps to `watch`.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_watched(&self, scenario: &Scenario, watch: Watch<'_>) -> Result<(), Failure> {
        match decided(&self.document, scenario)? {
            None => self.play(scenario, watch),
            Some(document) => {
                let required: Vec<_> = self.required.iter().map(|(text, _)| text.clone()).collect();
                Self::requiring(&document, &required)?.play(scenario, watch)
            }
        }
    }

    fn play(&self, scenario: &Scenario, watch: Watch<'_>) -> Result<(), Failure> {
        let mut stage = Stage::open(self, scenario)?;
        for (at, step) in stage.script.steps() {
            stage.play(&at, step, watch)?;
        }
        let records: Records =
            stage.ledger.records().map(|(key, record)| (key.clone(), Arc::clone(record))).collect();
        stage.script.check(&records, stage.time)
    }
}

/// Runs a scenario of the package with this document.
///
/// # Errors
/// As [`Rehearsal::new`] and [`Rehearsal::run`].
pub fn run(document: &[u8], scenario: &Scenario) -> Result<(), Failure> {
    Rehearsal::new(document)?.run(scenario)
}

/// The documents of all packages that this one requires, found by their names: each after those
/// that it requires itself.
///
/// # Errors
/// The first that cannot be found.
pub fn required<E>(
    doc: &PackageDoc,
    find: &mut dyn FnMut(&str) -> Result<PackageDoc, E>,
) -> Result<Vec<PackageDoc>, E> {
    let mut seen = BTreeSet::from([governance::ID.to_owned(), doc.id.clone()]);
    let mut found = Vec::new();
    gather(doc, find, &mut seen, &mut found)?;
    Ok(found)
}

fn gather<E>(
    doc: &PackageDoc,
    find: &mut dyn FnMut(&str) -> Result<PackageDoc, E>,
    seen: &mut BTreeSet<String>,
    found: &mut Vec<PackageDoc>,
) -> Result<(), E> {
    for required in &doc.requires {
        if seen.insert(required.package.clone()) {
            let other = find(&required.package)?;
            gather(&other, find, seen, found)?;
            found.push(other);
        }
    }
    Ok(())
}

/// The document with the parameters that a scenario decides otherwise; `None` when it decides
/// none.
///
/// # Errors
/// When it names a parameter that the package has not.
pub fn decided(document: &[u8], scenario: &Scenario) -> Result<Option<Vec<u8>>, Failure> {
    if scenario.parameters.is_empty() {
        return Ok(None);
    }
    let mut doc = match PackageDoc::from_bytes(document) {
        Ok(doc) => doc,
        Err(error) => return fail("package", "a document", error.to_string()),
    };
    for (name, value) in &scenario.parameters {
        match doc.parameters.iter_mut().find(|parameter| parameter.name == *name) {
            Some(parameter) => parameter.value.clone_from(value),
            None => return fail("parameters", format!("a parameter `{name}`"), "none"),
        }
    }
    Ok(Some(doc.to_bytes()))
}

/// A small ledger with the scenario's people.
struct Stage<'a> {
    script: Script<'a>,
    packages: &'a PackageCache,
    ledger: MemoryLedger,
    id: Digest,
    height: Height,
    time: Timestamp,
    parent_time: Timestamp,
}

/// The public key by which a person of the scenario is known; nobody holds its secret.
fn key_of(person: &str) -> Vec<u8> {
    hash::in_domain("chaincity/scenario/1", person.as_bytes()).as_bytes().to_vec()
}

impl<'a> Stage<'a> {
    fn open(rehearsal: &'a Rehearsal, scenario: &'a Scenario) -> Result<Self, Failure> {
        let others = rehearsal.required.iter().map(|(_, package)| Arc::clone(package)).collect();
        let script = Script::new(Arc::clone(&rehearsal.package), others, scenario);
        let node = Validator { key: key_of(HOST), member: HOST.to_owned(), address: String::new() };
        let required = rehearsal.required.iter().map(|(document, _)| document);
        let genesis = script.genesis(
            required.chain([&rehearsal.document]).cloned().collect(),
            vec![GenesisNode { node, validator: true }],
            &key_of,
        );
        let mut stage = Self {
            time: script.begin(),
            parent_time: script.begin(),
            script,
            packages: &rehearsal.packages,
            ledger: MemoryLedger::new(),
            id: hash::ledger_id(&genesis),
            height: Height(1),
        };
        let mut block = BlockRun::new(stage.context());
        if let Err(error) = block.genesis(&genesis, stage.packages) {
            return fail("people", "people that can be set up", error.to_string());
        }
        stage.commit(block)?;
        Ok(stage)
    }

    const fn context(&self) -> BlockContext {
        BlockContext {
            ledger: self.id,
            protocol: PROTOCOL,
            height: self.height,
            time: self.time,
            parent_time: self.parent_time,
            epoch: 0,
        }
    }

    fn commit(&mut self, mut block: BlockRun) -> Result<Vec<Receipt>, Failure> {
        let Some(executed) = block.finish(&self.ledger, self.packages).done() else {
            return fail("ledger", "a ledger that knows every key", "a missing key");
        };
        if let Err(error) = self.ledger.apply(&executed) {
            return fail("ledger", "a version that can be read", error.to_string());
        }
        self.height = self.height.next();
        self.parent_time = self.time;
        self.time = self.time.plus_ms(STEP_MS);
        Ok(executed.receipts)
    }

    /// Submits calls as a block and gives their receipt.
    fn submit(
        &mut self,
        at: &str,
        person: &str,
        calls: Vec<Call>,
        watch: Watch<'_>,
    ) -> Result<Receipt, Failure> {
        let transaction = Transaction {
            ledger: self.id,
            protocol: PROTOCOL,
            expiry: self.time.plus_ms(60_000),
            mode: Mode::Atomic,
            calls,
            intent: None,
        };
        let operator = key_of(person);
        let mut named = cbor::encode(&transaction);
        named.extend(&operator);
        let id = hash::in_domain("chaincity/scenario-transaction/1", &named);
        let signed = SignedCall { id, operator: &operator, transaction: &transaction };
        let action = transaction.calls.first().map(|call| call.action.as_str());
        watch(action.unwrap_or_default(), &|| {
            let mut block = BlockRun::new(self.context());
            let _outcome = block.run(&signed, &self.ledger, self.packages);
        });
        let mut block = BlockRun::new(self.context());
        match block.run(&signed, &self.ledger, self.packages) {
            Step::Done(()) => {}
            Step::Need(_) => return fail(at, "a ledger that knows every key", "a missing key"),
        }
        match self.commit(block)?.into_iter().next() {
            Some(receipt) => Ok(receipt),
            None => fail(at, "a receipt", "none"),
        }
    }

    fn play(&mut self, at: &str, step: &ScenarioStep, watch: Watch<'_>) -> Result<(), Failure> {
        self.time = Script::time(at, step, self.time)?;
        if step.by == LEDGER {
            let receipts = self.commit(BlockRun::new(self.context()))?;
            return self.script.compare_timers(at, step, receipts);
        }
        let mut calls = self.script.calls(at, step)?;
        let mut mandates = Vec::new();
        for (by, given, place) in self.script.mandates(at, step, &calls, self.time)? {
            let receipt = self.submit(at, by, vec![given], &mut |_, _| {})?;
            mandates.push((place, Script::mandate(at, &receipt)?));
        }
        Script::name_mandates(&mut calls, mandates);
        let receipt = self.submit(at, &step.by, calls, watch)?;
        self.script.compare(at, step, &receipt)
    }
}

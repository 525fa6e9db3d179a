//! Runs a package's scenarios: given / when / then, on a ledger in memory.
//!
//! Each step is a transaction of its own in a block of its own, one second after the step before
//! unless it says when. Keys are derived from the people's names, so a run is the same
//! everywhere. [`Script`] is what plays the same scenarios on other ledgers.

mod script;

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use chaincity_crypto::hash;
use chaincity_package::doc::PackageDoc;
use chaincity_package::model::Package;
use chaincity_package::scenario::{LEDGER, Scenario, Step as ScenarioStep};
use chaincity_types::wire::{Call, GenesisNode, Mode, Receipt, Validator};

pub use crate::memory::STEP_MS;
pub use script::{Failure, Records, Script};

use crate::block::BlockRun;
use crate::governance;
use crate::memory::{Chain, PackageCache};
use crate::view::{Packages, Step};
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
    packages: Rc<PackageCache>,
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
        let packages = Rc::<PackageCache>::default();
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
        let records: Records = stage
            .chain
            .ledger
            .records()
            .map(|(key, record)| (key.clone(), Arc::clone(record)))
            .collect();
        stage.script.check(&records, stage.chain.time)
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
    chain: Chain,
}

/// The public key by which a person of the scenario is known; nobody holds its secret.
fn key_of(person: &str) -> Vec<u8> {
    hash::in_domain("chaincity/scenario/1", person.as_bytes()).as_bytes().to_vec()
}

impl<'a> Stage<'a> {
    fn open(rehearsal: &Rehearsal, scenario: &'a Scenario) -> Result<Self, Failure> {
        let others = rehearsal.required.iter().map(|(_, package)| Arc::clone(package)).collect();
        let script = Script::new(Arc::clone(&rehearsal.package), others, scenario);
        let node = Validator { key: key_of(HOST), member: HOST.to_owned(), address: String::new() };
        let required = rehearsal.required.iter().map(|(document, _)| document);
        let genesis = script.genesis(
            required.chain([&rehearsal.document]).cloned().collect(),
            vec![GenesisNode { node, validator: true }],
            &key_of,
        );
        match Chain::after(&genesis, Rc::clone(&rehearsal.packages)) {
            Ok(chain) => Ok(Self { script, chain }),
            Err(error) => fail("people", "people that can be set up", error.to_string()),
        }
    }

    fn commit(&mut self, block: BlockRun) -> Result<Vec<Receipt>, Failure> {
        match self.chain.commit(block) {
            Some(executed) => Ok(executed.receipts),
            None => fail("ledger", "a ledger that knows every key", "a missing key"),
        }
    }

    /// Submits calls as a block and gives their receipt.
    fn submit(
        &mut self,
        at: &str,
        person: &str,
        calls: Vec<Call>,
        watch: Watch<'_>,
    ) -> Result<Receipt, Failure> {
        let signed = self.chain.signed(key_of(person), Mode::Atomic, calls);
        let action = signed.transaction.calls.first().map(|call| call.action.as_str());
        let call = signed.as_call();
        let execute = || {
            let mut block = BlockRun::new(self.chain.context());
            let done = block.run(&call, &self.chain.ledger, &*self.chain.packages);
            (block, done)
        };
        watch(action.unwrap_or_default(), &|| drop(execute()));
        let (block, done) = execute();
        if let Step::Need(_) = done {
            return fail(at, "a ledger that knows every key", "a missing key");
        }
        match self.commit(block)?.into_iter().next() {
            Some(receipt) => Ok(receipt),
            None => fail(at, "a receipt", "none"),
        }
    }

    fn play(&mut self, at: &str, step: &ScenarioStep, watch: Watch<'_>) -> Result<(), Failure> {
        self.chain.time = Script::time(at, step, self.chain.time)?;
        if step.by == LEDGER {
            let receipts = self.commit(BlockRun::new(self.chain.context()))?;
            return self.script.compare_timers(at, step, receipts);
        }
        let mut calls = self.script.calls(at, step)?;
        let mut mandates = Vec::new();
        for (by, given, place) in self.script.mandates(at, step, &calls, self.chain.time)? {
            let receipt = self.submit(at, by, vec![given], &mut |_, _| {})?;
            mandates.push((place, Script::mandate(at, &receipt)?));
        }
        Script::name_mandates(&mut calls, mandates);
        let receipt = self.submit(at, &step.by, calls, watch)?;
        self.script.compare(at, step, &receipt)
    }
}

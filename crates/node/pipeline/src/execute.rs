//! Executing a block's transactions over its parent's state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use chaincity_crypto::cose::SignedTransaction;
use chaincity_crypto::hash;
use chaincity_engine::StateReader;
use chaincity_engine::stage::{Stage, measure};
use chaincity_history::Cache;
use chaincity_ledger::cases::{Graph, Model};
use chaincity_ledger::{
    Attempt, BlockContext, BlockRun, DueTimer, Executed, Packages, SignedCall, Step, cases,
};
use chaincity_package::model::Package;
use chaincity_types::wire::{Committee, Genesis, LogicalKey, PROTOCOL};
use chaincity_types::{Digest, Height};
use rayon::iter::ParallelIterator as _;
use rayon::slice::ParallelSliceMut as _;

use crate::api::NodeError;
use crate::governed;
use crate::records::Known;

/// Most compiled packages kept, in number and in bytes of their documents.
const COMPILED_MAX: usize = 256;
const COMPILED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Transactions or timers that a core tries at a time: for fewer, handing them over would cost as much.
const TOGETHER: usize = 16;

/// On how many cores a block's transactions and timers are tried. What they come to is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cores {
    /// In order, on the caller's: for the simulator, where nothing may depend on chance.
    One,
    /// On all that the process has.
    All,
}

/// Compiled packages by document digest. Compiling is a pure function of the document, so the
/// cache can never disagree with another node's, and all nodes of a process share one: a simulated
/// city compiles its packages once.
#[derive(Debug)]
pub(crate) struct PackageCache {
    packages: Mutex<Cache<Option<Arc<Package>>>>,
    graphs: Mutex<Cache<Option<Arc<Graph>>>>,
}

/// The process's.
pub(crate) static COMPILED: LazyLock<PackageCache> = LazyLock::new(|| PackageCache {
    packages: Mutex::new(Cache::new(COMPILED_MAX, COMPILED_BYTES_MAX)),
    graphs: Mutex::new(Cache::new(COMPILED_MAX, COMPILED_BYTES_MAX)),
});

fn locked<T>(cache: &Mutex<Cache<T>>) -> MutexGuard<'_, Cache<T>> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Packages for PackageCache {
    fn compiled(&self, digest: Digest, document: &[u8]) -> Option<Arc<Package>> {
        let known = locked(&self.packages).get(&digest);
        known.unwrap_or_else(|| {
            // Outside the lock: whoever needs another package does not wait for this one.
            let package = compile(document);
            locked(&self.packages).insert(digest, package.clone(), document.len());
            package
        })
    }

    fn graph(&self, digest: Digest, model: &Model<'_>) -> Option<Arc<Graph>> {
        let known = locked(&self.graphs).get(&digest);
        known.unwrap_or_else(|| {
            let graph = cases::compile(model).map(Arc::new);
            locked(&self.graphs).insert(digest, graph.clone(), model.size());
            graph
        })
    }
}

fn compile(document: &[u8]) -> Option<Arc<Package>> {
    let document = chaincity_package::doc::PackageDoc::from_bytes(document).ok()?;
    chaincity_package::compile(&document).ok().map(Arc::new)
}

/// Whether the first block can write this genesis: asked before a node starts, so that a wrong
/// document is told to a person and not to consensus.
pub(crate) fn check_genesis(genesis: &Genesis) -> Result<(), NodeError> {
    let context = BlockContext {
        ledger: hash::ledger_id(genesis),
        protocol: PROTOCOL,
        height: Height(1),
        time: genesis.time.plus_ms(1),
        parent_time: genesis.time,
        epoch: 0,
    };
    let written = BlockRun::new(context).genesis(genesis, &*COMPILED);
    written.map_err(|e| NodeError::Fault(crate::chain(&e)))
}

/// What a block gives.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) executed: Executed,
    /// The committee of the next epoch, as the state after the block says.
    pub(crate) next_committee: Committee,
}

/// Executes transactions with the outcome that they have one after the other. All are tried on the
/// parent's state first, and what they miss is fetched for all at once, until they miss nothing;
/// then each that still stands after those before it is taken as it was tried, and the others are
/// run in their place.
pub(crate) async fn execute<S: StateReader>(
    context: BlockContext,
    genesis: Option<&Genesis>,
    transactions: &[Arc<SignedTransaction>],
    parent: &Known<'_, S>,
    cores: Cores,
) -> Result<Outcome, NodeError> {
    let packages = &*COMPILED;
    let mut run = BlockRun::new(context);
    if let Some(genesis) = genesis {
        run.genesis(genesis, packages).map_err(|e| NodeError::Fault(crate::chain(&e)))?;
    }
    let mut attempts: Vec<(&Arc<SignedTransaction>, Option<Attempt>)> =
        transactions.iter().map(|transaction| (transaction, None)).collect();
    loop {
        let missing = try_all(&mut attempts, cores, |(transaction, attempt)| {
            if attempt.is_none() {
                match run.attempt(&call(transaction), parent, packages) {
                    Step::Done(done) => *attempt = Some(done),
                    Step::Need(keys) => return keys,
                }
            }
            Vec::new()
        });
        if missing.is_empty() {
            break;
        }
        parent.fetch(missing).await?;
    }
    for (transaction, attempt) in attempts {
        let mut stands = false;
        if let Some(mut attempt) = attempt {
            stands = loop {
                match run.accept(&mut attempt, &call(transaction), parent, packages) {
                    Step::Done(stands) => break stands,
                    Step::Need(keys) => parent.fetch(keys).await?,
                }
            };
        }
        if stands {
            continue;
        }
        while let Step::Need(keys) = run.run(&call(transaction), parent, packages) {
            parent.fetch(keys).await?;
        }
    }
    let next_committee = loop {
        match run.committee(context.epoch.saturating_add(1), parent) {
            Step::Done(Some(committee)) => break committee,
            Step::Done(None) => {
                return Err(NodeError::Fault("the state has no committee".into()));
            }
            Step::Need(keys) => parent.fetch(keys).await?,
        }
    };
    let executed = finish(&mut run, parent, cores).await?;
    Ok(Outcome { executed, next_committee })
}

/// Ends the block with the timers that are due, which are tried and taken as transactions are.
async fn finish<S: StateReader>(
    run: &mut BlockRun,
    parent: &Known<'_, S>,
    cores: Cores,
) -> Result<Executed, NodeError> {
    let packages = &*COMPILED;
    let mut due = loop {
        match run.due_timers(parent, packages) {
            Step::Done(due) => break due,
            Step::Need(keys) => parent.fetch(keys).await?,
        }
    };
    loop {
        let each = |timer: &mut DueTimer| run.try_timer(timer, parent, packages);
        let missing = try_all(run.next_timers(&mut due), cores, each);
        if !missing.is_empty() {
            parent.fetch(missing).await?;
            continue;
        }
        match run.finish_with(&mut due, parent, packages) {
            Step::Done(Some(executed)) => return Ok(executed),
            Step::Done(None) => {}
            Step::Need(keys) => parent.fetch(keys).await?,
        }
    }
}

/// Tries each of these; gives the keys that are missing, each once. Each is tried on one state, so
/// the order in which cores come to them decides nothing.
fn try_all<T: Send>(
    all: &mut [T],
    cores: Cores,
    attempt: impl Fn(&mut T) -> Vec<LogicalKey> + Sync,
) -> Vec<LogicalKey> {
    let some = |some: &mut [T]| some.iter_mut().flat_map(&attempt).collect::<Vec<_>>();
    let missing: Vec<Vec<LogicalKey>> = match cores {
        Cores::All if all.len() > TOGETHER => {
            // A look into the state that finds nothing in memory asks the runtime for the disk, and is
            // then given up: even that needs the runtime, on whichever thread it is.
            let runtime = tokio::runtime::Handle::try_current().ok();
            // Other cores' time counts as execution too.
            let part = |part: &mut [T]| {
                let _entered = runtime.as_ref().map(tokio::runtime::Handle::enter);
                measure(Stage::Execution, || some(part))
            };
            all.par_chunks_mut(TOGETHER).map(part).collect()
        }
        Cores::All | Cores::One => vec![some(all)],
    };
    let missing: BTreeSet<LogicalKey> = missing.into_iter().flatten().collect();
    missing.into_iter().collect()
}

/// The ledger's view of a verified transaction.
pub(crate) fn call(signed: &SignedTransaction) -> SignedCall<'_> {
    SignedCall {
        id: signed.id,
        operator: signed.operator.as_bytes(),
        transaction: &signed.transaction,
    }
}

/// The member of each operator, by key; `None` for a key that the state does not know.
pub(crate) async fn members_of<S: StateReader>(
    transactions: &[Arc<SignedTransaction>],
    state: &Known<'_, S>,
) -> Result<BTreeMap<Vec<u8>, Option<String>>, NodeError> {
    let operators = transactions.iter().map(|signed| signed.operator.as_bytes().to_vec());
    let operators: BTreeSet<_> = operators.collect();
    let mut out = BTreeMap::new();
    for operator in operators {
        let record = state.get(&governed::operator_key(&operator)).await?;
        let member = record.as_ref().and_then(|record| governed::member_of(&record.version));
        out.insert(operator, member.map(str::to_owned));
    }
    Ok(out)
}

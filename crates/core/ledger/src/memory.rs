//! A ledger in memory, for tests and scenarios: state and current versions in sorted maps, and the
//! blocks that make them, one after the other.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use chaincity_crypto::hash;
use chaincity_package::doc::PackageDoc;
use chaincity_package::model::Package;
use chaincity_types::wire::{
    BODY_BYTES_MAX, Call, Genesis, GenesisMember, GenesisNode, GenesisOperator, LogicalKey, Mode,
    PROTOCOL, Transaction, Validator, Version,
};
use chaincity_types::{Digest, Height, Timestamp, cbor};

use crate::block::{BlockRun, Executed};
use crate::cases::{self, Graph, Model};
use crate::governance::GenesisError;
use crate::halt::Halt;
use crate::view::{BlockContext, Lookup, Packages, Record, SignedCall, View};

/// From one block to the next, and from one step of a scenario to the next, unless it is said when.
pub const STEP_MS: u64 = 1_000;
/// How long a transaction holds.
const EXPIRY_MS: u64 = 60_000;

/// Current records by logical key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryLedger {
    records: BTreeMap<LogicalKey, Arc<Record>>,
}

impl View for MemoryLedger {
    fn lookup(&self, key: &LogicalKey) -> Lookup {
        Lookup::Known(self.records.get(key).cloned())
    }
}

impl MemoryLedger {
    /// An empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Every current record, index entry and intent, in order of keys.
    pub fn records(&self) -> impl Iterator<Item = (&LogicalKey, &Arc<Record>)> {
        self.records.iter()
    }

    /// The current record under a key.
    #[must_use]
    pub fn get(&self, key: &LogicalKey) -> Option<&Arc<Record>> {
        self.records.get(key)
    }

    /// Takes over what a block wrote.
    ///
    /// # Errors
    /// When a body is not a canonical version; never for what [`crate::BlockRun`] made.
    pub fn apply(&mut self, executed: &Executed) -> Result<(), cbor::CborError> {
        for written in &executed.versions {
            // From the bytes: that is all that a node keeps.
            let version: Version = cbor::decode(&written.bytes, BODY_BYTES_MAX)?;
            let (head, version) = (written.record.head, Arc::new(version));
            self.records.insert(version.key.clone(), Arc::new(Record { head, version }));
        }
        Ok(())
    }
}

/// Compiles package documents and keeps what it compiled.
#[derive(Debug, Default)]
pub struct PackageCache {
    compiled: RefCell<BTreeMap<Digest, Option<Arc<Package>>>>,
    graphs: RefCell<BTreeMap<Digest, Option<Arc<Graph>>>>,
}

impl Packages for PackageCache {
    fn compiled(&self, digest: Digest, document: &[u8]) -> Option<Arc<Package>> {
        if let Some(known) = self.compiled.borrow().get(&digest) {
            return known.clone();
        }
        let package = compile(document);
        self.compiled.borrow_mut().insert(digest, package.clone());
        package
    }

    fn graph(&self, digest: Digest, model: &Model<'_>) -> Option<Arc<Graph>> {
        if let Some(known) = self.graphs.borrow().get(&digest) {
            return known.clone();
        }
        let graph = cases::compile(model).map(Arc::new);
        self.graphs.borrow_mut().insert(digest, graph.clone());
        graph
    }
}

/// A transaction with its signer: whose signature it is was checked elsewhere.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The signer's public key.
    pub operator: Vec<u8>,
    /// What was signed.
    pub transaction: Transaction,
}

impl Signed {
    /// As a block takes it.
    #[must_use]
    pub fn as_call(&self) -> SignedCall<'_> {
        let signed = [cbor::encode(&self.transaction), self.operator.clone()].concat();
        SignedCall {
            id: hash::plain(&signed),
            operator: &self.operator,
            transaction: &self.transaction,
        }
    }
}

/// A genesis document with these people, whose members have their roles, and these packages; the
/// first one's member runs the only node.
#[must_use]
pub fn genesis(
    time: Timestamp,
    operators: Vec<GenesisOperator>,
    packages: Vec<Vec<u8>>,
) -> Genesis {
    let mut roles: BTreeMap<&str, BTreeSet<&String>> = BTreeMap::new();
    for operator in &operators {
        roles.entry(&operator.member).or_default().extend(&operator.roles);
    }
    let member = |(id, roles): (&str, BTreeSet<&String>)| GenesisMember {
        id: id.to_owned(),
        name_zh: id.to_owned(),
        name_en: id.to_owned(),
        roles: roles.into_iter().cloned().collect(),
    };
    let node = operators.first().map(|operator| GenesisNode {
        node: Validator {
            key: hash::plain(b"node").as_bytes().to_vec(),
            member: operator.member.clone(),
            address: String::new(),
        },
        validator: true,
    });
    Genesis {
        protocol: PROTOCOL,
        name_zh: "内存账本".to_owned(),
        name_en: "in memory".to_owned(),
        time,
        epoch_blocks: 1_000,
        members: roles.into_iter().map(member).collect(),
        nodes: node.into_iter().collect(),
        packages: packages.into_iter().map(Into::into).collect(),
        operators,
    }
}

/// A ledger in memory, a block at a time.
#[derive(Clone, Debug)]
pub struct Chain {
    /// What it holds.
    pub ledger: MemoryLedger,
    /// Its packages.
    pub packages: Rc<PackageCache>,
    /// Its id.
    pub id: Digest,
    /// Of the next block.
    pub height: Height,
    /// Of the next block: one second after the one before, unless it is set.
    pub time: Timestamp,
    /// Of the block before.
    pub parent_time: Timestamp,
}

impl Chain {
    /// After the block that writes this genesis.
    ///
    /// # Errors
    /// When it is not a possible genesis.
    pub fn after(genesis: &Genesis, packages: Rc<PackageCache>) -> Result<Self, GenesisError> {
        let mut chain = Self {
            ledger: MemoryLedger::new(),
            packages,
            id: hash::ledger_id(genesis),
            height: Height(1),
            time: genesis.time,
            parent_time: genesis.time,
        };
        let mut run = BlockRun::new(chain.context());
        run.genesis(genesis, &*chain.packages)?;
        chain.commit(run).ok_or(Halt::Missing)?;
        Ok(chain)
    }

    /// Of the next block.
    #[must_use]
    pub const fn context(&self) -> BlockContext {
        BlockContext {
            ledger: self.id,
            protocol: PROTOCOL,
            height: self.height,
            time: self.time,
            parent_time: self.parent_time,
            epoch: 0,
        }
    }

    /// A transaction of this operator that is right for the next block.
    #[must_use]
    pub fn signed(&self, operator: Vec<u8>, mode: Mode, calls: Vec<Call>) -> Signed {
        let transaction = Transaction {
            ledger: self.id,
            protocol: PROTOCOL,
            expiry: self.time.plus_ms(EXPIRY_MS),
            mode,
            calls,
            intent: None,
        };
        Signed { operator, transaction }
    }

    /// Runs transactions as the next block.
    pub fn block<'s>(
        &mut self,
        transactions: impl IntoIterator<Item = &'s Signed>,
    ) -> Option<Executed> {
        let mut run = BlockRun::new(self.context());
        for signed in transactions {
            run.run(&signed.as_call(), &self.ledger, &*self.packages).done()?;
        }
        self.commit(run)
    }

    /// Ends the next block and takes over what it wrote. `None`, as from [`Self::block`], never
    /// comes: a ledger in memory knows every key, and reads what it made.
    pub fn commit(&mut self, mut run: BlockRun) -> Option<Executed> {
        let executed = run.finish(&self.ledger, &*self.packages).done()?;
        self.ledger.apply(&executed).ok()?;
        self.height = self.height.next();
        self.parent_time = self.time;
        self.time = self.time.plus_ms(STEP_MS);
        Some(executed)
    }
}

/// Compiles a package document; `None` when it is not one or does not compile.
#[must_use]
pub fn compile(document: &[u8]) -> Option<Arc<Package>> {
    let doc = PackageDoc::from_bytes(document).ok()?;
    chaincity_package::compile(&doc).ok().map(Arc::new)
}

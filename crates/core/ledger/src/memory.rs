//! A ledger in memory, for tests and scenarios: state and current versions in sorted maps.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use chaincity_package::doc::PackageDoc;
use chaincity_package::model::Package;
use chaincity_types::wire::{BODY_BYTES_MAX, LogicalKey, Version};
use chaincity_types::{Digest, cbor};

use crate::block::Executed;
use crate::cases::{self, Graph, Model};
use crate::view::{Lookup, Packages, Record, View};

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

/// Compiles a package document; `None` when it is not one or does not compile.
#[must_use]
pub fn compile(document: &[u8]) -> Option<Arc<Package>> {
    let doc = PackageDoc::from_bytes(document).ok()?;
    chaincity_package::compile(&doc).ok().map(Arc::new)
}

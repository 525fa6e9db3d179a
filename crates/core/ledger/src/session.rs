//! Reading through the layers of a block: the call's own transaction over the block's earlier
//! writes over the parent's state; and writing into the transaction's layer.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::sync::Arc;

use chaincity_package::model::Package;
use chaincity_package::rule::Fuel;
use chaincity_types::wire::{LogicalKey, Version};
use chaincity_types::{Digest, Reject, Str, Value};

use crate::built_in::built_in;
use crate::cases::{Graph, Model};
use crate::halt::{Halt, reject};
use crate::keyed::{Keyed, Mark, mark};
use crate::timers::Due;
use crate::view::{BlockContext, Lookup, Packages, Record, View};
use crate::{fuel, governance};

/// A version that a block writes: what the history store keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenVersion {
    /// Its state key.
    pub state_key: Digest,
    /// The record as this version leaves it.
    pub record: Arc<Record>,
    /// The body: canonical CBOR of the [`Version`].
    pub bytes: Vec<u8>,
}

/// Writes that are not committed yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    /// The newest state of each record written.
    pub(crate) records: Keyed<Arc<Record>>,
    /// Every version, in order.
    pub(crate) written: Vec<WrittenVersion>,
    /// Timers set, to be queued at the block's end.
    pub(crate) timers: Vec<Due>,
}

impl Layer {
    /// Lays `upper` over this layer.
    pub(crate) fn absorb(&mut self, mut upper: Self) {
        self.records.absorb(upper.records);
        self.written.append(&mut upper.written);
        self.timers.append(&mut upper.timers);
    }
}

/// As many keys as most transactions look at.
const READS_USUAL: usize = 32;

/// One transaction's reading and writing.
pub(crate) struct Session<'a> {
    pub(crate) context: &'a BlockContext,
    view: &'a dyn View,
    packages: &'a dyn Packages,
    block: &'a Layer,
    /// What the transaction wrote so far.
    pub(crate) layer: Layer,
    /// What the calls wrote that are calling others now, the outermost first.
    pub(crate) calling: Vec<Layer>,
    /// The packages of these calls.
    pub(crate) via: Vec<Str>,
    /// Keys that were asked for and are not known.
    pub(crate) missing: BTreeSet<LogicalKey>,
    /// What was looked at outside of the transaction's own writes.
    pub(crate) reads: Vec<Mark>,
    /// Where versions and keys are encoded, one after the other.
    pub(crate) encoded: Vec<u8>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        context: &'a BlockContext,
        block: &'a Layer,
        view: &'a dyn View,
        packages: &'a dyn Packages,
    ) -> Self {
        Self {
            context,
            view,
            packages,
            block,
            layer: Layer::default(),
            calling: Vec::new(),
            via: Vec::new(),
            missing: BTreeSet::new(),
            reads: Vec::with_capacity(READS_USUAL),
            encoded: Vec::new(),
        }
    }

    /// What the transaction wrote under `key`.
    fn own(&self, mark: Mark, key: &LogicalKey) -> Option<&Arc<Record>> {
        let layers = self.calling.iter().rev().chain([&self.layer]);
        layers.filter_map(|layer| layer.records.get_marked(mark, key)).next()
    }

    /// What stands under `key` before the transaction, as far as it is known.
    fn before(&self, mark: Mark, key: &LogicalKey) -> Lookup {
        match self.block.records.get_marked(mark, key) {
            Some(record) => Lookup::Known(Some(Arc::clone(record))),
            None => self.view.lookup(key),
        }
    }

    /// The record under `key`, or a note that it must be fetched.
    pub(crate) fn get(&mut self, key: &LogicalKey) -> Result<Option<Arc<Record>>, Halt> {
        let mark = mark(key);
        if let Some(record) = self.own(mark, key) {
            return Ok(Some(Arc::clone(record)));
        }
        match self.before(mark, key) {
            Lookup::Known(record) => {
                self.reads.push(mark);
                Ok(record)
            }
            Lookup::Unknown => {
                self.missing.insert(key.clone());
                Err(Halt::Missing)
            }
        }
    }

    /// Notes `key` as missing if it is unknown.
    pub(crate) fn probe(&mut self, key: &LogicalKey) {
        let mark = mark(key);
        if self.own(mark, key).is_none() && matches!(self.before(mark, key), Lookup::Unknown) {
            self.missing.insert(key.clone());
        }
    }

    /// The records under all of `keys`; every unknown one is noted before this halts.
    pub(crate) fn get_all<K: Borrow<LogicalKey>>(
        &mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<Arc<Record>>>, Halt> {
        let keys = keys.into_iter();
        let mut out = Vec::with_capacity(keys.size_hint().0);
        let mut missing = false;
        for key in keys {
            match self.get(key.borrow()) {
                Ok(record) => out.push(record),
                Err(Halt::Missing) => missing = true,
                Err(halt) => return Err(halt),
            }
        }
        if missing { Err(Halt::Missing) } else { Ok(out) }
    }

    /// The package in force.
    pub(crate) fn package(&mut self, id: &Str) -> Result<Arc<Package>, Halt> {
        if let Some(built_in) = built_in(id) {
            return Ok(built_in);
        }
        let record = self.get(&governance::key(governance::PACKAGE, id.clone()))?;
        let document = record.as_deref().and_then(|r| field_bytes(&r.version, "document"));
        let digest = record.as_deref().and_then(|r| field_bytes(&r.version, "digest"));
        let (Some(document), Some(digest)) = (document, digest.and_then(Digest::from_slice)) else {
            return reject(Reject::UnknownPackage, "no package with this identifier");
        };
        match self.packages.compiled(digest, document) {
            Some(package) => Ok(package),
            None => reject(Reject::UnknownPackage, "the package does not compile"),
        }
    }

    /// The compiled processes of a file that the ledger holds.
    pub(crate) fn graph(&self, digest: Digest, model: &Model<'_>) -> Option<Arc<Graph>> {
        self.packages.graph(digest, model)
    }

    /// A package document, compiled; `None` when it does not compile.
    pub(crate) fn compile(&self, document: &[u8]) -> Option<Arc<Package>> {
        self.packages.compiled(crate::digests::document(document), document)
    }
}

/// Draws `units`, or rejects with `out-of-fuel`.
pub(crate) fn draw(fuel: &mut Fuel, units: u64) -> Result<(), Halt> {
    match fuel.left.checked_sub(units) {
        Some(left) => {
            fuel.left = left;
            Ok(())
        }
        None => {
            fuel.left = 0;
            reject(Reject::OutOfFuel, "reads and writes")
        }
    }
}

/// Fuel for writing or compiling `bytes` bytes at `unit` a started kilobyte.
pub(crate) fn by_kilobyte(bytes: usize, unit: u64) -> u64 {
    u64::try_from(bytes.div_ceil(1024)).unwrap_or(u64::MAX).saturating_mul(unit)
}

/// Fuel for writing a body of so many bytes.
pub(crate) fn write_fuel(bytes: usize) -> u64 {
    fuel::WRITE.saturating_add(by_kilobyte(bytes, fuel::WRITE_KILOBYTE))
}

/// A text field.
pub(crate) fn field_text<'v>(version: &'v Version, name: &str) -> Option<&'v str> {
    version.fields.get(name).and_then(Value::as_text)
}

/// A bytes field.
pub(crate) fn field_bytes<'v>(version: &'v Version, name: &str) -> Option<&'v [u8]> {
    if let Some(Value::Bytes(bytes)) = version.fields.get(name) { Some(bytes) } else { None }
}

/// A boolean field; absent is false.
pub(crate) fn field_bool(version: &Version, name: &str) -> bool {
    version.fields.get(name) == Some(&Value::Bool(true))
}

/// A field with a list of texts; absent is empty.
pub(crate) fn field_texts<'v>(version: &'v Version, name: &str) -> impl Iterator<Item = &'v Str> {
    let list = version.fields.get(name).and_then(Value::as_list).unwrap_or_default();
    list.iter().filter_map(Value::as_str)
}

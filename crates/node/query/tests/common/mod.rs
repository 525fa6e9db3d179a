//! A small ledger of flats: blocks with true digests, and the package they follow.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaincity_crypto::{hash, tree};
use chaincity_history::{HistoryStore, MemoryStore, StoredBlock};
use chaincity_package::model::{Field, FieldType, Index, KeyRule, Package, Register, Text};
use chaincity_types::wire::{
    Block, Header, LogicalKey, Provenance, Receipt, Status, Version, Write,
};
use chaincity_types::{Digest, Height, Str, Timestamp, Value, cbor};

pub const PACKAGE: &str = "test-estate";
pub const REGISTER: &str = "unit";
pub const DISTRICTS: [&str; 3] = ["east", "north", "west"];

pub type Bodies = Vec<(Digest, Vec<u8>)>;
pub type Fields = BTreeMap<Str, Value>;

fn field(kind: FieldType, optional: bool) -> Field {
    Field { kind, optional, title: Text::default() }
}

/// The package at a version; from version 2 on with the field `heating`.
pub fn package(version: u32) -> Arc<Package> {
    let mut fields = BTreeMap::from([
        ("number".into(), field(FieldType::Text(28), false)),
        ("district".into(), field(FieldType::Enum(DISTRICTS.map(Str::from).into()), false)),
        ("area".into(), field(FieldType::Area, false)),
        ("price".into(), field(FieldType::Fen, true)),
        ("built".into(), field(FieldType::Date, false)),
        ("deed".into(), field(FieldType::Digest, true)),
        ("tags".into(), field(FieldType::List(Box::new(FieldType::Text(9)), 5), false)),
    ]);
    let mut indexes = vec![("by-district", vec!["district"]), ("by-area", vec!["area"])];
    indexes.push(("by-price", vec!["price", "district"]));
    if version > 1 {
        fields.insert("heating".into(), field(FieldType::Text(10), true));
        indexes.push(("by-heating", vec!["heating"]));
    }
    let index = |(name, fields): (&str, Vec<&str>)| {
        let fields = fields.into_iter().map(Str::from).collect();
        (name.into(), Index { name: name.into(), fields, unique: false, for_lists: false })
    };
    let register = Register {
        name: REGISTER.into(),
        steward: "registry.registrar".into(),
        key: KeyRule::Field("number".into()),
        fields,
        indexes: indexes.into_iter().map(index).collect(),
        ..Register::default()
    };
    Arc::new(Package {
        id: PACKAGE.into(),
        version,
        digest: hash::plain(&version.to_be_bytes()),
        registers: BTreeMap::from([(REGISTER.into(), register)]),
        ..Package::default()
    })
}

/// The fields of flat number `n`.
pub fn flat(n: i64) -> Fields {
    let district = DISTRICTS[usize::try_from(n % 3).unwrap()];
    let price = if n % 5 == 0 { Value::Null } else { Value::Int((n * 7_919) % 1_000 * 100) };
    BTreeMap::from([
        ("number".into(), Value::from(key(n))),
        ("district".into(), district.into()),
        ("area".into(), Value::Decimal { mantissa: 5_000 + n % 40 * 25, scale: 2 }),
        ("price".into(), price),
        ("built".into(), Value::Date(10_000 + i32::try_from(n).unwrap())),
        ("deed".into(), Value::Bytes(hash::plain(&n.to_be_bytes()).0.to_vec())),
        ("tags".into(), Value::List(vec!["a".into(), "b".into()])),
    ])
}

pub fn key(n: i64) -> String {
    format!("u-{n:04}")
}

/// One record to write: key, fields, status.
pub type Change = (String, Fields, Status);

/// Makes one block after another into a history.
pub struct Ledger {
    pub store: Arc<MemoryStore>,
    pub blocks: Vec<(StoredBlock, Bodies)>,
    pub schema: u32,
    parent: Digest,
    heads: BTreeMap<LogicalKey, (u64, Digest)>,
}

impl Ledger {
    pub fn new() -> Self {
        Self {
            store: Arc::new(MemoryStore::new()),
            blocks: vec![],
            schema: 1,
            parent: Digest::ZERO,
            heads: BTreeMap::new(),
        }
    }

    pub fn history(&self) -> Arc<dyn HistoryStore> {
        Arc::<MemoryStore>::clone(&self.store)
    }

    /// Time of the block at a height.
    pub fn time(height: u64) -> Timestamp {
        Timestamp(1_790_000_000_000 + height * 1_000)
    }

    /// A block with these changes, each with an index entry beside it.
    pub fn block(&mut self, changes: &[Change]) {
        let (mut bodies, mut writes) = (Bodies::new(), vec![]);
        for (at, (key, fields, status)) in changes.iter().enumerate() {
            let record = LogicalKey::Record {
                package: PACKAGE.into(),
                register: REGISTER.into(),
                key: key.as_str().into(),
            };
            let entry = LogicalKey::Index {
                package: PACKAGE.into(),
                register: REGISTER.into(),
                index: "by-district".into(),
                values: vec![fields["district"].clone()],
            };
            let keys = Fields::from([("keys".into(), Value::List(vec![]))]);
            let call = u32::try_from(at).unwrap();
            for (logical, fields) in [(record, fields.clone()), (entry, keys)] {
                let by = ("register", call);
                self.version(logical, fields, *status, by, (&mut writes, &mut bodies));
            }
        }
        self.append(writes, bodies);
    }

    /// A block in which actions of `case` write cases and tasks: register, key, action, fields,
    /// status.
    #[allow(dead_code, reason = "not every test that shares this has cases")]
    pub fn cases(&mut self, changes: &[(&str, &str, &str, Fields, Status)]) {
        let (mut bodies, mut writes) = (Bodies::new(), vec![]);
        for (at, (register, key, action, fields, status)) in changes.iter().enumerate() {
            let record = LogicalKey::Record {
                package: "case".into(),
                register: (*register).into(),
                key: (*key).into(),
            };
            let by = (*action, u32::try_from(at).unwrap());
            self.version(record, fields.clone(), *status, by, (&mut writes, &mut bodies));
        }
        self.append(writes, bodies);
    }

    fn append(&mut self, writes: Vec<Write>, bodies: Bodies) {
        let height = Height(u64::try_from(self.blocks.len()).unwrap());
        let effects: Vec<_> = writes.iter().map(cbor::encode).collect();
        let header = Header {
            ledger: Digest([1; 32]),
            protocol: 1,
            height,
            parent: self.parent,
            context: vec![],
            time: Self::time(height.0),
            transactions_root: tree::root::<Vec<u8>>(&[]),
            state_root: Digest([2; 32]),
            operations_root: Digest([3; 32]),
            operations_start: 0,
            operations_end: 0,
            effects_root: tree::root(&effects),
            committee: Digest([4; 32]),
            next_committee: Digest([4; 32]),
        };
        self.parent = hash::header_digest(&header);
        let receipts: Vec<Receipt> = vec![];
        let block = Block { header, transactions: vec![] };
        let stored = StoredBlock { block, receipts, writes };
        self.store.append(&stored, &bodies).unwrap();
        self.blocks.push((stored, bodies));
    }

    fn version(
        &mut self,
        key: LogicalKey,
        fields: Fields,
        status: Status,
        (action, call): (&str, u32),
        (writes, bodies): (&mut Vec<Write>, &mut Bodies),
    ) {
        let height = Height(u64::try_from(self.blocks.len()).unwrap());
        let head = self.heads.entry(key.clone()).or_default();
        let version = Version {
            key,
            version: head.0 + 1,
            previous: head.1,
            schema: self.schema,
            status,
            fields,
            by: Provenance {
                transaction: hash::plain(&height.0.to_be_bytes()),
                call,
                operator: [7; 32].into(),
                member: "registry".into(),
                package: PACKAGE.into(),
                package_version: self.schema,
                action: action.into(),
                height,
                time: Self::time(height.0),
                case: None,
                mandates: None,
            },
            reason: None,
            corrects: None,
        };
        let body = cbor::encode(&version);
        let digest = hash::body_digest(&body);
        *head = (version.version, digest);
        let key = hash::state_key(&version.key);
        writes.push(Write { key, version: version.version, body: digest });
        bodies.push((digest, body));
    }

    /// 300 flats in 30 blocks; then every seventh gets a new price and every eleventh is closed.
    pub fn flats() -> Self {
        let mut ledger = Self::new();
        ledger.block(&[]);
        for block in 0..30 {
            let flats = (block * 10)..(block * 10 + 10);
            let changes: Vec<Change> = flats.map(|n| (key(n), flat(n), Status::Live)).collect();
            ledger.block(&changes);
        }
        for n in (0..300).step_by(7) {
            let mut fields = flat(n);
            fields.insert("price".into(), Value::Int(n * 100));
            ledger.block(&[(key(n), fields, Status::Live)]);
        }
        for n in (0..300).step_by(11) {
            let mut fields = flat(n);
            if n % 7 == 0 {
                fields.insert("price".into(), Value::Int(n * 100));
            }
            ledger.block(&[(key(n), fields, Status::Closed)]);
        }
        ledger
    }
}

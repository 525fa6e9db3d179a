//! The one place where these tests touch the ledger's interface.

use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use chaincity_crypto::hash;
use chaincity_ledger::memory::Chain;
pub(crate) use chaincity_ledger::memory::Signed;
use chaincity_ledger::{BlockRun, Executed, Record, governance};
use chaincity_package::source::{self, Source};
use chaincity_types::wire::{
    Call, Genesis, GenesisMember, GenesisNode, GenesisOperator, LogicalKey, Mode, Outcome,
    PROTOCOL, Receipt, Validator,
};
use chaincity_types::{Timestamp, Value};

pub(crate) const BEGIN: Timestamp = Timestamp(1_790_000_000_000);

/// The test package as authored.
pub(crate) fn package() -> Source {
    let files = [
        ("package.yaml", include_str!("package/package.yaml")),
        ("registers/item.yaml", include_str!("package/item.yaml")),
        ("registers/slip.yaml", include_str!("package/slip.yaml")),
        ("actions/add.yaml", include_str!("package/add.yaml")),
        ("actions/burn.yaml", include_str!("package/burn.yaml")),
        ("actions/correct.yaml", include_str!("package/correct.yaml")),
        ("actions/create.yaml", include_str!("package/create.yaml")),
        ("actions/divide.yaml", include_str!("package/divide.yaml")),
        ("actions/fill.yaml", include_str!("package/fill.yaml")),
        ("actions/give.yaml", include_str!("package/give.yaml")),
        ("actions/graft.yaml", include_str!("package/graft.yaml")),
        ("actions/hold.yaml", include_str!("package/hold.yaml")),
        ("actions/nobodys.yaml", include_str!("package/nobodys.yaml")),
        ("actions/only.yaml", include_str!("package/only.yaml")),
        ("actions/retire.yaml", include_str!("package/retire.yaml")),
        ("actions/retire-all.yaml", include_str!("package/retire-all.yaml")),
        ("actions/set-fee.yaml", include_str!("package/set-fee.yaml")),
        ("actions/swap.yaml", include_str!("package/swap.yaml")),
    ];
    let source = source::parse(&files).expect("the test package is well formed");
    if let Err(problems) = source.compile() {
        panic!("the test package does not compile: {problems:#?}");
    }
    source
}

/// The canonical bytes of the test package.
pub(crate) fn document() -> Vec<u8> {
    package().doc.to_bytes()
}

/// The public key of a test operator.
pub(crate) fn key(name: &str) -> Vec<u8> {
    hash::plain(name.as_bytes()).as_bytes().to_vec()
}

pub(crate) fn member(id: &str, roles: &[&str]) -> GenesisMember {
    GenesisMember {
        id: id.into(),
        name_zh: format!("测试{id}"),
        name_en: id.into(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
    }
}

pub(crate) fn operator(
    name: &str,
    member: &str,
    roles: &[&str],
    subject: Option<&str>,
) -> GenesisOperator {
    GenesisOperator {
        key: key(name),
        member: member.into(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        subject: subject.map(str::to_owned),
    }
}

/// Members `alpha`, `beta`, `gamma` with a validator each; their administrators `a`, `b`, `c`;
/// a clerk, a court, and the citizens `jia` (测试甲) and `yi` (测试乙).
pub(crate) fn genesis() -> Genesis {
    let node = |name: &str, member: &str| GenesisNode {
        node: Validator { key: key(name), member: member.into(), address: format!("{name}:1") },
        validator: true,
    };
    let admin = governance::ADMIN;
    Genesis {
        protocol: PROTOCOL,
        name_zh: "测试联盟".into(),
        name_en: "test consortium".into(),
        time: BEGIN,
        epoch_blocks: 10,
        members: vec![
            member("alpha", &[admin, "desk.clerk"]),
            member("beta", &[admin, "desk.court"]),
            member("gamma", &[admin]),
            member("people", &[]),
        ],
        operators: vec![
            operator("a", "alpha", &[admin], None),
            operator("b", "beta", &[admin], None),
            operator("c", "gamma", &[admin], None),
            operator("clerk", "alpha", &["desk.clerk"], None),
            operator("court", "beta", &["desk.court"], None),
            operator("jia", "people", &[], Some("s-jia")),
            operator("yi", "people", &[], Some("s-yi")),
        ],
        nodes: vec![node("n1", "alpha"), node("n2", "beta"), node("n3", "gamma")],
        packages: vec![document().into()],
    }
}

/// A call of the test package.
pub(crate) fn call<const N: usize>(action: &str, input: [(&str, Value); N]) -> Call {
    Call {
        package: "desk".into(),
        action: action.into(),
        input: input.into_iter().map(|(name, value)| (name.into(), value)).collect(),
        case: None,
        task: None,
        mandates: None,
    }
}

/// A call of the built-in package.
pub(crate) fn govern<const N: usize>(action: &str, input: [(&str, Value); N]) -> Call {
    Call { package: governance::ID.into(), ..call(action, input) }
}

/// A new item.
pub(crate) fn create(code: &str, owner: &str, n: i64) -> Call {
    call("create", [("code", code.into()), ("owner", owner.into()), ("n", Value::Int(n))])
}

/// `add` to an item.
pub(crate) fn add(item: &str, n: i64) -> Call {
    call("add", [("item", item.into()), ("n", Value::Int(n))])
}

/// A ledger in memory, a block at a time.
pub(crate) struct Desk(Chain);

impl Deref for Desk {
    type Target = Chain;

    fn deref(&self) -> &Chain {
        &self.0
    }
}

impl DerefMut for Desk {
    fn deref_mut(&mut self) -> &mut Chain {
        &mut self.0
    }
}

impl Desk {
    /// After genesis.
    pub(crate) fn new() -> Self {
        Self::with_packages(vec![document()])
    }

    /// After a genesis with these packages.
    pub(crate) fn with_packages(documents: Vec<Vec<u8>>) -> Self {
        let packages = documents.into_iter().map(Into::into).collect();
        Self::after(&Genesis { packages, ..genesis() })
    }

    /// After this genesis.
    pub(crate) fn after(genesis: &Genesis) -> Self {
        Self(Chain::after(genesis, Rc::default()).unwrap())
    }

    pub(crate) fn sign(&self, by: &str, mode: Mode, calls: Vec<Call>) -> Signed {
        self.signed(key(by), mode, calls)
    }

    /// Runs transactions as one block.
    pub(crate) fn block(&mut self, signed: &[Signed]) -> Executed {
        self.0.block(signed).unwrap()
    }

    pub(crate) fn commit(&mut self, run: BlockRun) -> Executed {
        self.0.commit(run).unwrap()
    }

    pub(crate) fn submit(&mut self, signed: &Signed) -> Receipt {
        self.block(std::slice::from_ref(signed)).receipts.remove(0)
    }

    /// Runs one call as a block.
    pub(crate) fn call(&mut self, by: &str, call: Call) -> Receipt {
        let signed = self.sign(by, Mode::Atomic, vec![call]);
        self.submit(&signed)
    }

    /// Runs one call; it must apply.
    pub(crate) fn applied(&mut self, by: &str, call: Call) -> Receipt {
        let receipt = self.call(by, call);
        assert_eq!(outcome(&receipt), "applied");
        receipt
    }

    /// Runs one call; gives `applied` or the reject code. A rejection leaves no trace.
    pub(crate) fn outcome(&mut self, by: &str, call: Call) -> String {
        let before = self.ledger.clone();
        let receipt = self.call(by, call);
        let outcome = outcome(&receipt);
        if outcome != "applied" {
            assert_eq!(before, self.ledger, "a rejected call left a trace");
            assert!(receipt.entries.iter().all(|e| e.writes.is_empty() && e.events.is_empty()));
        }
        outcome
    }

    /// A mandate by `by` for exactly `call`; its key.
    pub(crate) fn mandate(&mut self, by: &str, party: &str, purpose: &str, call: &Call) -> String {
        let receipt = self.applied(by, mandate_call(self.time, party, purpose, call));
        receipt.entries[0].events[0].key.to_string()
    }

    pub(crate) fn record(&self, package: &str, register: &str, key: &str) -> Option<&Record> {
        let key = LogicalKey::Record {
            package: package.into(),
            register: register.into(),
            key: key.into(),
        };
        self.ledger.get(&key).map(AsRef::as_ref)
    }

    pub(crate) fn item(&self, key: &str) -> &Record {
        self.record("desk", "item", key).unwrap()
    }

    pub(crate) fn n(&self, key: &str) -> i64 {
        self.item(key).version.fields["n"].as_int().unwrap()
    }

    /// Keys under an index entry; none when the entry is closed.
    pub(crate) fn index(&self, register: &str, index: &str, value: &str) -> Vec<String> {
        let key = LogicalKey::Index {
            package: "desk".into(),
            register: register.into(),
            index: index.into(),
            values: vec![value.into()],
        };
        let keys = self.ledger.get(&key).map(|record| record.version.fields["keys"].clone());
        let keys = keys.unwrap_or(Value::List(Vec::new()));
        keys.as_list().unwrap().iter().map(|key| key.as_text().unwrap().to_owned()).collect()
    }
}

/// The call that gives a mandate for `call`, valid for ten minutes.
pub(crate) fn mandate_call(now: Timestamp, party: &str, purpose: &str, call: &Call) -> Call {
    let digest = chaincity_ledger::mandate_digest(&call.input);
    govern(
        "mandate",
        [
            ("party", party.into()),
            ("package", call.package.as_str().into()),
            ("action", call.action.as_str().into()),
            ("purpose", purpose.into()),
            ("digest", Value::Bytes(digest.as_bytes().to_vec())),
            ("case", call.case.as_deref().map_or(Value::Null, Value::from)),
            ("expiry", Value::Time(now.plus_ms(600_000))),
        ],
    )
}

/// `applied`, or the reject code of the first entry.
pub(crate) fn outcome(receipt: &Receipt) -> String {
    outcomes(receipt).remove(0)
}

/// The outcome of each entry.
pub(crate) fn outcomes(receipt: &Receipt) -> Vec<String> {
    let of = |entry: &chaincity_types::wire::Entry| match &entry.outcome {
        Outcome::Applied => "applied".to_owned(),
        Outcome::Rejected { code, .. } => code.to_string(),
    };
    receipt.entries.iter().map(of).collect()
}

/// With mandates named.
pub(crate) fn with(mut call: Call, mandates: &[&str]) -> Call {
    call.mandates = Some(mandates.iter().map(|key| (*key).into()).collect());
    call
}

//! The ledger against the naive model: every outcome as foretold, every record as expected.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};

use chaincity_crypto::hash;
use chaincity_ledger::memory::{MemoryLedger, PackageCache};
use chaincity_ledger::{BlockContext, BlockRun, Record, SignedCall, Step};
use chaincity_testing::city::{self, Actor};
use chaincity_testing::model::{Foretold, Model};
use chaincity_testing::workload::{Keys, Random, Tally, Workload, mandate_call, mandate_key};
use chaincity_types::wire::{
    Call, GenesisNode, LogicalKey, Mode, Outcome, PROTOCOL, Receipt, Status, Transaction, Validator,
};
use chaincity_types::{Digest, Height, Timestamp, Value, cbor};

const BEGIN: Timestamp = Timestamp(1_790_000_000_000);

fn key_of(name: &str) -> Vec<u8> {
    hash::plain(name.as_bytes()).as_bytes().to_vec()
}

/// A ledger in memory with a block open.
struct Registry {
    ledger: MemoryLedger,
    packages: PackageCache,
    id: Digest,
    height: Height,
    time: Timestamp,
    count: u64,
    run: BlockRun,
}

impl Registry {
    fn open() -> Self {
        let document = city::package("real-estate").unwrap().doc.to_bytes();
        let node = Validator {
            key: key_of("node"),
            member: Actor::Registrar.member().into(),
            address: "localhost:1".into(),
        };
        let nodes = vec![GenesisNode { node, validator: true }];
        let genesis = city::genesis(BEGIN, nodes, vec![document], &key_of);
        let id = hash::ledger_id(&genesis);
        let context = context(id, Height(1), BEGIN);
        let packages = PackageCache::default();
        let mut run = BlockRun::new(context);
        run.genesis(&genesis, &packages).unwrap();
        let ledger = MemoryLedger::new();
        Self { ledger, packages, id, height: Height(1), time: BEGIN, count: 0, run }
    }

    /// Ends the block; the next is `ms` later.
    fn next_block(&mut self, ms: u64) {
        self.height = self.height.next();
        self.time = self.time.plus_ms(ms);
        let next = BlockRun::new(context(self.id, self.height, self.time));
        let executed = std::mem::replace(&mut self.run, next).finish();
        self.ledger.apply(&executed).unwrap();
    }

    fn submit(&mut self, by: Actor, call: Call) -> Receipt {
        self.count += 1;
        let transaction = Transaction {
            ledger: self.id,
            protocol: PROTOCOL,
            expiry: self.time.plus_ms(60_000),
            mode: Mode::Atomic,
            calls: vec![call],
            intent: Some(format!("n-{}", self.count)),
        };
        let operator = key_of(&by.name());
        let mut bytes = cbor::encode(&transaction);
        bytes.extend(&operator);
        let signed =
            SignedCall { id: hash::plain(&bytes), operator: &operator, transaction: &transaction };
        let step = self.run.run(&signed, &self.ledger, &self.packages);
        assert_eq!(step, Step::Done(()));
        self.run.receipts().last().unwrap().clone()
    }

    fn record(&self, register: &str, key: &str) -> &Record {
        let key = LogicalKey::Record {
            package: "real-estate".into(),
            register: register.into(),
            key: key.into(),
        };
        self.ledger.get(&key).expect("the model has this record")
    }
}

fn context(ledger: Digest, height: Height, time: Timestamp) -> BlockContext {
    BlockContext { ledger, protocol: PROTOCOL, height, time, epoch: 0 }
}

fn outcome(receipt: &Receipt) -> String {
    match &receipt.entries[0].outcome {
        Outcome::Applied => "applied".into(),
        Outcome::Rejected { code, .. } => code.clone(),
    }
}

/// Plays `requests` requests of `seed`; counts what was foretold.
fn play(seed: u64, requests: usize, tally: &mut Tally) {
    let mut registry = Registry::open();
    let mut workload = Workload::new(seed);
    let mut keys = Keys::default();
    // When blocks end and days pass is no part of the workload.
    let mut clock = Random::new(!seed);
    registry.next_block(1_000);
    for i in 0..requests {
        let (request, foretold) = workload.next(registry.time.0);
        let mut call = keys.call(&request.operation);
        let mut named = Vec::new();
        for mandate in &request.mandates {
            let given = mandate_call(mandate, &call, registry.time)
                .map(|call| registry.submit(mandate.by, call));
            assert!(given.as_ref().is_none_or(|receipt| outcome(receipt) == "applied"));
            named.push(mandate_key(given.as_ref()));
        }
        call.mandates = (!named.is_empty()).then_some(named);
        let receipt = registry.submit(request.by, call);
        let wanted = match foretold {
            Foretold::Applied => "applied",
            Foretold::Rejected(code) => code,
        };
        assert_eq!(outcome(&receipt), wanted, "seed {seed}, request {i}: {request:?}");
        keys.note(&receipt);
        *tally.entry(foretold).or_default() += 1;
        if clock.once_in(5) {
            let day = 86_400_000;
            registry.next_block(if clock.once_in(3) { day } else { 1_000 });
            audit(&registry, workload.model(), &keys);
        }
    }
    registry.next_block(1_000);
    audit(&registry, workload.model(), &keys);
}

fn text(record: &Record, name: &str) -> String {
    record.version.fields[name].as_text().unwrap().to_owned()
}

fn is_live(record: &Record) -> bool {
    record.version.status == Status::Live
}

/// Compares every record with the model, counts them, and checks authority and history.
fn audit(registry: &Registry, model: &Model, keys: &Keys) {
    for (number, unit) in &model.units {
        let record = registry.record("unit", number);
        assert_eq!(text(record, "location"), unit.location);
        assert_eq!(record.head.version, unit.version);
    }
    for (right, key) in model.rights.iter().zip(&keys.rights) {
        let record = registry.record("right", key);
        assert_eq!((text(record, "unit"), is_live(record)), (right.unit.clone(), right.live));
        assert_eq!(
            (record.head.version, text(record, "basis")),
            (right.version, right.basis.clone())
        );
        let holders: Vec<String> =
            right.holders.iter().map(|h| format!("{} {}/{}", h.subject, h.n, h.d)).collect();
        assert_eq!(shares(&record.version.fields["holders"]), holders);
    }
    for (mortgage, key) in model.mortgages.iter().zip(&keys.mortgages) {
        let record = registry.record("mortgage", key);
        assert_eq!(is_live(record), mortgage.live);
        assert_eq!(record.version.fields["rank"], Value::Int(mortgage.rank));
        assert_eq!(record.version.fields["amount"], Value::Int(mortgage.amount));
        assert_eq!(text(record, "mortgagee"), mortgage.mortgagee);
    }
    for (seal, key) in model.seals.iter().zip(&keys.seals) {
        let record = registry.record("seal", key);
        assert_eq!(
            (is_live(record), text(record, "authority")),
            (seal.live, seal.authority.clone())
        );
        let kind = if seal.days.is_some() { "seal" } else { "waiting" };
        assert_eq!(text(record, "kind"), kind);
    }
    audit_whole(registry, model, keys);
}

fn shares(value: &Value) -> Vec<String> {
    let share = |share: &Value| {
        let map = share.as_map().unwrap();
        let number = |name: &str| map[name].as_int().unwrap();
        format!("{} {}/{}", map["subject"].as_text().unwrap(), number("n"), number("d"))
    };
    value.as_list().unwrap().iter().map(share).collect()
}

/// Totals, uniqueness and authority over all records.
fn audit_whole(registry: &Registry, model: &Model, keys: &Keys) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut owned = BTreeSet::new();
    for (key, record) in registry.ledger.records() {
        let LogicalKey::Record { package, register, .. } = key else { continue };
        if package != "real-estate" {
            continue;
        }
        *counts.entry(register).or_default() += 1;
        let member = record.version.by.member.as_str();
        match register.as_str() {
            "seal" => assert!(["court", "court-2"].contains(&member)),
            "mortgage" => assert!(["registry", "bank-a", "bank-b"].contains(&member)),
            _ => assert_eq!(member, "registry"),
        }
        if register == "right" && is_live(record) {
            assert!(owned.insert(text(record, "unit")), "two current owner entries of a unit");
        }
    }
    let count = |register: &str| counts.get(register).copied().unwrap_or(0);
    assert_eq!(count("unit"), model.units.len());
    assert_eq!((count("right"), keys.rights.len()), (model.rights.len(), model.rights.len()));
    assert_eq!(
        (count("mortgage"), keys.mortgages.len()),
        (model.mortgages.len(), model.mortgages.len())
    );
    assert_eq!((count("seal"), keys.seals.len()), (model.seals.len(), model.seals.len()));
    assert_eq!(owned.len(), model.units.len());
}

/// What the workload must reach: all that the model can say.
const REACHED: [&str; 20] = [
    "amount-not-positive",
    "correction-empty",
    "correction-mismatch",
    "correction-unexplained",
    "holder-twice",
    "invalid-field",
    "invalid-input",
    "mandate-invalid",
    "mandate-missing",
    "not-authorised",
    "not-found",
    "not-sealing-authority",
    "ownership-exists",
    "record-closed",
    "seal-too-long",
    "served-in-future",
    "shares-not-whole",
    "term-reversed",
    "transfer-banned",
    "unit-number-invalid",
];

#[test]
fn the_ledger_does_what_the_naive_model_foretells() {
    let mut tally = Tally::new();
    for seed in 0..12 {
        play(seed, 400, &mut tally);
    }
    assert!(tally[&Foretold::Applied] > 1_000, "{tally:?}");
    for code in REACHED.into_iter().chain(["unit-sealed", "unknown-operator"]) {
        assert!(
            tally.contains_key(&Foretold::Rejected(code)),
            "`{code}` is never foretold: {tally:?}"
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_requests() {
    let requests = |seed| {
        let mut workload = Workload::new(seed);
        (0..100).map(|i| workload.next(BEGIN.0 + i)).collect::<Vec<_>>()
    };
    assert_eq!(requests(7), requests(7));
    assert_ne!(requests(7), requests(8));
}

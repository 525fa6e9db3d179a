//! The ledger against the naive model: every outcome as foretold, every record as expected.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chaincity_crypto::hash;
use chaincity_ledger::memory::{self, MemoryLedger, PackageCache};
use chaincity_ledger::{BlockContext, BlockRun, SignedCall, Step};
use chaincity_package::model::{Package, TIMER_ROLE};
use chaincity_testing::audit;
use chaincity_testing::city::{self, Actor};
use chaincity_testing::model::{Foretold, Model};
use chaincity_testing::workload::{Keys, Random, Tally, Workload, mandate_call, mandate_key};
use chaincity_types::wire::{
    Call, GenesisNode, Mode, Outcome, PROTOCOL, Receipt, Transaction, Validator,
};
use chaincity_types::{Digest, Height, Timestamp, cbor};

const BEGIN: Timestamp = Timestamp(1_790_000_000_000);

fn key_of(name: &str) -> Vec<u8> {
    hash::plain(name.as_bytes()).as_bytes().to_vec()
}

/// A ledger in memory with a block open.
struct Registry {
    ledger: MemoryLedger,
    packages: PackageCache,
    compiled: Arc<Package>,
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
        let compiled = memory::compile(&document).unwrap();
        let nodes = vec![GenesisNode { node, validator: true }];
        let genesis = city::genesis(BEGIN, nodes, vec![document], &key_of);
        let id = hash::ledger_id(&genesis);
        let context = context(id, Height(1), (BEGIN, BEGIN));
        let packages = PackageCache::default();
        let mut run = BlockRun::new(context);
        run.genesis(&genesis, &packages).unwrap();
        let ledger = MemoryLedger::new();
        Self { ledger, packages, compiled, id, height: Height(1), time: BEGIN, count: 0, run }
    }

    /// Ends the block; the next is `ms` later.
    fn next_block(&mut self, ms: u64) {
        let executed = self.run.finish(&self.ledger, &self.packages).done().unwrap();
        self.ledger.apply(&executed).unwrap();
        self.height = self.height.next();
        let parent = self.time;
        self.time = self.time.plus_ms(ms);
        self.run = BlockRun::new(context(self.id, self.height, (parent, self.time)));
    }

    fn submit(&mut self, by: Actor, call: Call) -> Receipt {
        self.count += 1;
        let transaction = Transaction {
            ledger: self.id,
            protocol: PROTOCOL,
            expiry: self.time.plus_ms(60_000),
            mode: Mode::Atomic,
            calls: vec![call],
            intent: Some(format!("n-{}", self.count).into()),
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
}

fn context(
    ledger: Digest,
    height: Height,
    (parent_time, time): (Timestamp, Timestamp),
) -> BlockContext {
    BlockContext { ledger, protocol: PROTOCOL, height, time, parent_time, epoch: 0 }
}

fn outcome(receipt: &Receipt) -> String {
    match &receipt.entries[0].outcome {
        Outcome::Applied => "applied".into(),
        Outcome::Rejected { code, .. } => code.to_string(),
    }
}

/// Plays `requests` requests of `seed`; counts what was foretold.
fn play(seed: u64, requests: usize, tally: &mut Tally) {
    let mut registry = Registry::open();
    let mut workload = Workload::new(seed);
    let mut keys = Keys::with_operators(key_of);
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
        keys.note(&receipt, workload.model().made());
        *tally.entry((request.operation.action, foretold)).or_default() += 1;
        if clock.once_in(5) {
            let day = 86_400_000;
            workload.block_ended(registry.time.0);
            registry.next_block(if clock.once_in(3) { day } else { 1_000 });
            audit(&registry, workload.model(), &keys);
        }
    }
    workload.block_ended(registry.time.0);
    registry.next_block(1_000);
    audit(&registry, workload.model(), &keys);
}

/// Compares every record with the model.
fn audit(registry: &Registry, model: &Model, keys: &Keys) {
    let records: audit::Records<'_> =
        registry.ledger.records().map(|(key, record)| (key, &*record.version)).collect();
    audit::check(&records, model, keys).unwrap();
    audit::states(&records, &registry.compiled, (model, keys), registry.time).unwrap();
}

/// Codes that the workload must reach.
const REACHED: [&str; 84] = [
    "acts-not-named",
    "amount-not-positive",
    "application-mismatch",
    "application-names-nothing",
    "application-state",
    "application-unexplained",
    "claim-end-unproved",
    "claim-known",
    "claim-not-fixed",
    "claim-too-large",
    "co-ownership-mismatch",
    "correction-asked-before",
    "correction-empty",
    "correction-mismatch",
    "correction-unexplained",
    "deceased-remains",
    "easement-ended",
    "easement-on-itself",
    "easement-term-reversed",
    "exists",
    "guardian-undertaking-missing",
    "guardianship-not-revocable",
    "heir-cannot-dispose",
    "hold-too-long",
    "holder-twice",
    "holders-unverified",
    "invalid-field",
    "invalid-input",
    "land-sealed",
    "land-unfit",
    "land-with-house",
    "mandate-invalid",
    "mandate-missing",
    "merge-too-few",
    "mortgagee-same",
    "not-a-dwelling",
    "not-a-holder",
    "not-an-applicant",
    "not-authorised",
    "not-found",
    "not-maximum",
    "not-sealing-authority",
    "notice-stands",
    "objection-stands",
    "objector-is-holder",
    "obligor-not-holder",
    "one-entry",
    "ownership-exists",
    "parcel-invalid",
    "person-query-refused",
    "query-heir-unproven",
    "query-purpose-missing",
    "query-statute-missing",
    "rank-elsewhere",
    "reason-missing",
    "record-closed",
    "referenced",
    "registrable-known",
    "representation-not-covering",
    "representation-not-effective",
    "representation-term-reversed",
    "representation-undocumented",
    "represents-himself",
    "residence-end-unproved",
    "residence-stands",
    "residence-term-reversed",
    "reviewer-is-acceptor",
    "sale-in-future",
    "seal-ended",
    "seal-too-long",
    "served-in-future",
    "shares-not-whole",
    "split-too-few",
    "term-missing",
    "term-reversed",
    "titles-differ",
    "two-owners",
    "unit-exists",
    "unit-held",
    "unit-number-invalid",
    "unit-objected",
    "unit-sealed",
    "unknown-operator",
    "ward-not-represented",
];

/// Ten cities of a thousand requests each.
const SEEDS: u64 = 10;
const REQUESTS: usize = 1_000;

#[test]
fn the_ledger_does_what_the_naive_model_foretells() {
    let mut tally = Tally::new();
    for seed in 0..SEEDS {
        println!("seed {seed}");
        play(seed, REQUESTS, &mut tally);
    }
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for ((action, foretold), count) in &tally {
        let counted = counts.entry(action).or_default();
        match foretold {
            Foretold::Applied => counted.0 += count,
            Foretold::Rejected(code) => {
                counted.1 += count;
                *codes.entry(code).or_default() += count;
            }
        }
    }
    println!("{:<26}{:>8}{:>8}", "action", "applied", "refused");
    for (action, (applied, refused)) in &counts {
        println!("{action:<26}{applied:>8}{refused:>8}");
    }
    println!("{codes:?}");
    let known = Registry::open().compiled;
    // What only a timer may do nobody asks for; its effects are the audit's.
    let asked = known.actions.values().filter(|action| action.by != [TIMER_ROLE]);
    let known: BTreeSet<&str> = asked.map(|action| action.name.as_str()).collect();
    let tried: BTreeSet<&str> = counts.keys().copied().collect();
    assert_eq!(tried, known, "the workload asks for each action of the package, and no other");
    for (action, (applied, refused)) in &counts {
        assert!(*applied > 0 && *refused > 0, "{action}: {applied} applied, {refused} refused");
    }
    for code in REACHED {
        assert!(codes.contains_key(code), "`{code}` is never foretold: {codes:?}");
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

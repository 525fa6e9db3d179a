//! Golden vectors of the formats: a small ledger made with the engine's own state and signing
//! scheme, whose proofs stand in `examples/verify/vectors` for the verifiers in every language.
//!
//! The test makes them anew and compares byte for byte, so that a format does not change
//! unnoticed. After a wanted change: `CHAINCITY_WRITE_VECTORS=1 cargo test -p chaincity-engine
//! --test vectors`.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use chaincity_crypto::claim::{self, ClaimStatement};
use chaincity_crypto::envelope::ReleaseContext;
use chaincity_crypto::finality::NAMESPACE;
use chaincity_crypto::verify::{AsOf, Trust, first_committee};
use chaincity_crypto::{SecretKey, cose, hash, tree};
use chaincity_types::wire::{
    Call, ClaimProof, Committee, Entry, Event, FinalityProof, Genesis, GenesisMember, GenesisNode,
    GenesisOperator, Head, Header, LogicalKey, Mode, Outcome, PROTOCOL, Provenance, Receipt,
    ReceiptProof, RecordProof, Status, Transaction, TrustBundle, Validator, Version, Write,
};
use chaincity_types::{Digest, Height, Timestamp, Value, cbor};
use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::simplex::types::{Finalization, Finalize, Proposal};
use commonware_consensus::types::{Epoch, Round, View};
use commonware_cryptography::{Sha256, ed25519, sha256};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_runtime::{Runner as _, Supervisor as _, deterministic};
use commonware_storage::journal::contiguous::fixed::Config as LogConfig;
use commonware_storage::mmr::{self, full::Config as TreeConfig};
use commonware_storage::qmdb::current::{FixedConfig, ordered::fixed};
use commonware_storage::qmdb::floor::Proportional;
use commonware_storage::translator::EightCap;
use commonware_utils::ordered::Set;
use commonware_utils::sequence::FixedBytes;
use commonware_utils::{NZU16, NZU64, NZUsize, TryCollect as _, non_empty};

const BEGIN_MS: u64 = 1_790_000_000_000;
const EPOCH_BLOCKS: u64 = 10;
const LAST: u64 = 12;
/// Heights at which the record of the vectors is written.
const WRITTEN: [u64; 3] = [2, 5, 11];

type StateValue = FixedBytes<{ Head::SIZE }>;
type State = fixed::Db<
    mmr::Family,
    deterministic::Context,
    sha256::Digest,
    StateValue,
    Sha256,
    EightCap,
    32,
    Sequential,
>;

fn config() -> FixedConfig<EightCap, Sequential> {
    let page_cache = CacheRef::new(NZU16!(4096), NZUsize!(64));
    FixedConfig {
        merkle_config: TreeConfig {
            journal_partition: "nodes".into(),
            metadata_partition: "pinned".into(),
            items_per_blob: NZU64!(1024),
            write_buffer: NZUsize!(65_536),
            replay_buffer: NZUsize!(65_536),
            strategy: Sequential,
            page_cache: page_cache.clone(),
        },
        journal_config: LogConfig {
            partition: "operations".into(),
            items_per_blob: NZU64!(1024),
            page_cache,
            write_buffer: NZUsize!(65_536),
            replay_buffer: NZUsize!(65_536),
        },
        grafted_metadata_partition: "grafted".into(),
        translator: EightCap,
        init_cache: Some(NZUsize!(1024)),
        init_buffer: NZUsize!(65_536),
        init_concurrency: (),
    }
}

fn time(height: u64) -> Timestamp {
    Timestamp(BEGIN_MS + height * 1000)
}

fn node(seed: u8) -> Validator {
    Validator {
        key: SecretKey::from_seed(&[seed; 32]).public_key().as_bytes().to_vec(),
        member: format!("member-{seed}"),
        address: format!("node-{seed}.example:4000"),
    }
}

fn committee(epoch: u64, seeds: &[u8]) -> Committee {
    let mut validators: Vec<_> = seeds.iter().map(|seed| node(*seed)).collect();
    validators.sort();
    Committee { epoch, validators }
}

fn operator() -> SecretKey {
    SecretKey::from_seed(&[21; 32])
}

fn genesis() -> Genesis {
    let member = |id: &str, zh: &str, en: &str| GenesisMember {
        id: id.into(),
        name_zh: zh.into(),
        name_en: en.into(),
        roles: vec!["registry.registrar".into()],
    };
    let mut nodes: Vec<_> =
        (1..=5).map(|seed| GenesisNode { node: node(seed), validator: seed <= 4 }).collect();
    nodes.sort_by(|a, b| a.node.key.cmp(&b.node.key));
    Genesis {
        protocol: PROTOCOL,
        name_zh: "测试联盟".into(),
        name_en: "Test consortium".into(),
        time: time(0),
        epoch_blocks: EPOCH_BLOCKS,
        members: vec![member("registry", "测试登记中心", "Test registry")],
        operators: vec![GenesisOperator {
            key: operator().public_key().as_bytes().to_vec(),
            member: "registry".into(),
            roles: vec!["registry.registrar".into()],
            subject: None,
        }],
        nodes,
        packages: vec![],
    }
}

fn record_key(key: &str) -> LogicalKey {
    LogicalKey::Record { package: "real-estate".into(), register: "right".into(), key: key.into() }
}

fn transaction(ledger: Digest, height: u64) -> Transaction {
    let holder = if height == 2 { "测试甲" } else { "测试乙" };
    let input = [
        ("unit", Value::from("unit-0001")),
        ("holder", Value::from(holder)),
        ("area", Value::Decimal { mantissa: 8_950, scale: 2 }),
    ];
    Transaction {
        ledger,
        protocol: PROTOCOL,
        expiry: time(height + 60),
        mode: Mode::Atomic,
        calls: vec![Call {
            package: "real-estate".into(),
            action: if height == 2 { "first-registration" } else { "transfer" }.into(),
            input: input.map(|(name, value)| (name.into(), value)).into(),
            case: Some("case-0001".into()),
            task: None,
            mandates: None,
        }],
        intent: Some(format!("vector/{height}").into()),
    }
}

/// The operator's record, by which others know whose signature a claim bears.
fn signer() -> Version {
    let fields = [
        ("key", Value::Bytes(operator().public_key().as_bytes().to_vec())),
        ("member", Value::from("registry")),
        ("roles", Value::List(vec!["registry.registrar".into(), "steward.agent".into()])),
        ("active", Value::Bool(true)),
    ];
    Version {
        key: claim::signer_key(&operator().public_key()),
        version: 1,
        previous: Digest::ZERO,
        schema: 1,
        status: Status::Live,
        fields: fields.map(|(name, value)| (name.into(), value)).into(),
        by: Provenance {
            transaction: Digest::ZERO,
            call: 0,
            operator: [].as_slice().into(),
            member: "registry".into(),
            package: "governance".into(),
            package_version: 1,
            action: "genesis".into(),
            height: Height(1),
            time: time(1),
            case: None,
            mandates: None,
        },
        reason: None,
        corrects: None,
    }
}

/// What the registry says of a field group of the record, as of block 7.
fn statement(ledger: Digest) -> Vec<u8> {
    let context = ReleaseContext {
        ledger,
        access: "bank-a:real-estate:right:00000001".into(),
        package: "real-estate".into(),
        register: "right".into(),
        record: "right-0001".into(),
        version: 2,
        group: "deal".into(),
        commitment: hash::plain(b"a commitment"),
        claim: Some("price-at-least".into()),
    };
    let statement = ClaimStatement {
        context,
        package_version: 1,
        parameters: Value::Map([("amount".into(), Value::Int(100_000_000))].into()),
        value: Value::Bool(true),
        at: time(7),
    };
    statement.sign(&operator())
}

/// What one block writes to the record, and the transaction behind it.
struct Written {
    transaction: Vec<u8>,
    receipt: Vec<u8>,
    version: Vec<u8>,
    head: Head,
    leaves: Vec<Vec<u8>>,
}

fn write(ledger: Digest, height: u64, number: u64, previous: Digest) -> Written {
    let transaction = transaction(ledger, height);
    let call = &transaction.calls[0];
    let id = cose::transaction_id(&transaction, &operator().public_key());
    let version = Version {
        key: record_key("right-0001"),
        version: number,
        previous,
        schema: 1,
        status: Status::Live,
        fields: call.input.clone(),
        by: Provenance {
            transaction: id,
            call: 0,
            operator: operator().public_key().as_bytes().as_slice().into(),
            member: "registry".into(),
            package: "real-estate".into(),
            package_version: 1,
            action: call.action.clone(),
            height: Height(height),
            time: time(height),
            case: call.case.clone(),
            mandates: None,
        },
        reason: Some("测试".into()),
        corrects: None,
    };
    let head = Head { body: hash::version_digest(&version), version: number, began: time(height) };
    let write = Write { key: hash::state_key(&version.key), version: number, body: head.body };
    let receipt = cbor::encode(&Receipt {
        transaction: id,
        height: Height(height),
        index: 0,
        time: time(height),
        operator: operator().public_key().as_bytes().as_slice().into(),
        entries: vec![Entry {
            outcome: Outcome::Applied,
            writes: vec![write.clone()],
            events: vec![Event {
                package: "real-estate".into(),
                kind: if number == 1 { "inserted" } else { "updated" }.into(),
                register: "right".into(),
                key: "right-0001".into(),
                data: None,
            }],
        }],
        fuel: 120,
    });
    Written {
        transaction: cose::sign_transaction(&transaction, &operator()),
        leaves: vec![receipt.clone(), cbor::encode(&write)],
        receipt,
        version: cbor::encode(&version),
        head,
    }
}

fn certificate(committee: &Committee, seeds: &[u8], height: u64, block: Digest) -> Vec<u8> {
    let keys: Vec<_> = seeds
        .iter()
        .map(|seed| ed25519::PrivateKey::decode(Bytes::copy_from_slice(&[*seed; 32])).unwrap())
        .collect();
    let set: Set<_> = committee
        .validators
        .iter()
        .map(|validator| ed25519::PublicKey::decode(Bytes::from(validator.key.clone())).unwrap())
        .try_collect()
        .unwrap();
    let round = Round::new(Epoch::new(committee.epoch), View::new(height + 200));
    let proposal = Proposal::new(round, View::new(height + 198), sha256::Digest::from(block.0));
    let schemes: Vec<_> =
        keys.into_iter().map(|key| Scheme::signer(NAMESPACE, set.clone(), key).unwrap()).collect();
    let votes: Vec<_> =
        schemes.iter().map(|scheme| Finalize::sign(scheme, proposal.clone()).unwrap()).collect();
    Finalization::from_finalizes(&schemes[0], non_empty![@votes.iter()], &Sequential)
        .unwrap()
        .encode()
        .to_vec()
}

/// Headers and proofs of the small ledger.
#[derive(Default)]
struct Made {
    headers: Vec<Vec<u8>>,
    written: BTreeMap<u64, Written>,
    present: Vec<u8>,
    absent: Vec<u8>,
    signer: Vec<u8>,
}

fn signer_head() -> (Digest, Head) {
    let version = signer();
    let head = Head { body: hash::version_digest(&version), version: 1, began: time(1) };
    (hash::state_key(&version.key), head)
}

fn make(genesis: &Genesis, committees: &[Committee; 3]) -> Made {
    let ledger = hash::ledger_id(genesis);
    let digests = committees.each_ref().map(hash::committee_digest);
    deterministic::Runner::default().start(|context| async move {
        let mut db = State::init(context.child("state"), config(), None).await.unwrap();
        let mut made = Made::default();
        let mut parent = Digest::ZERO;
        let mut previous = Digest::ZERO;
        for height in 0..=LAST {
            let (mut transactions, mut leaves) = (vec![], vec![]);
            let mut heads: BTreeMap<Digest, Head> = BTreeMap::new();
            if let Some(number) = WRITTEN.iter().position(|at| *at == height) {
                let written = write(ledger, height, number as u64 + 1, previous);
                previous = written.head.body;
                heads.insert(hash::state_key(&record_key("right-0001")), written.head);
                transactions.push(written.transaction.clone());
                leaves.clone_from(&written.leaves);
                made.written.insert(height, written);
            }
            if height == 1 {
                heads.extend([signer_head()]);
            }
            // Other records, of which the vectors show nothing but that they change: the proofs
            // go through complete chunks and inactive mountains.
            for n in 0..if height == 0 { 0 } else { 600 } {
                let key = hash::plain(format!("other/{n}").as_bytes());
                heads.insert(key, Head { body: key, version: height, began: time(height) });
            }
            if height > 0 {
                let mut batch = db.new_batch();
                for (key, head) in heads {
                    let value = StateValue::new(head.to_bytes());
                    batch = batch.write(sha256::Digest::from(key.0), Some(value));
                }
                let batch = batch.merkleize(&db, None, &mut Proportional).await.unwrap();
                db = db.apply_batch(batch).await.unwrap().commit().await.unwrap();
            }
            let epoch = usize::from(height >= EPOCH_BLOCKS);
            let header = cbor::encode(&Header {
                ledger,
                protocol: PROTOCOL,
                height: Height(height),
                parent,
                context: vec![],
                time: time(height),
                transactions_root: tree::root(&transactions),
                state_root: Digest(db.root().0),
                operations_root: Digest(db.ops_root().0),
                operations_start: *db.sync_boundary(),
                operations_end: *db.bounds().end,
                effects_root: tree::root(&leaves),
                committee: digests[epoch],
                next_committee: digests[epoch + 1],
            });
            parent = hash::block_digest(&header);
            made.headers.push(header);
            let key = |key: &str| sha256::Digest::from(hash::state_key(&record_key(key)).0);
            if height == LAST - 1 {
                let proof = db.key_value_proof(key("right-0001")).await.unwrap();
                made.present = proof.encode().to_vec();
                let tree = &proof.proof.range_proof.proof;
                let chunks = (*proof.proof.loc >> 8, *tree.leaves >> 8);
                assert!(tree.inactive_peaks > 0 && chunks.0 < chunks.1, "{chunks:?}");
            } else if height == LAST {
                let proof = db.exclusion_proof(&key("right-9999")).await.unwrap();
                made.absent = proof.encode().to_vec();
                let key = sha256::Digest::from(hash::state_key(&signer().key).0);
                made.signer = db.key_value_proof(key).await.unwrap().encode().to_vec();
            }
        }
        made
    })
}

fn vectors() -> BTreeMap<&'static str, Vec<u8>> {
    let genesis = genesis();
    let (first, second) = ([1, 2, 3, 4], [2, 3, 4, 5]);
    let committees = [committee(0, &first), committee(1, &second), committee(2, &second)];
    assert_eq!(first_committee(&genesis), committees[0]);
    let made = make(&genesis, &committees);
    let finality = |from: u64, to: u64, committee: &Committee, signers: &[u8]| FinalityProof {
        headers: (from..=to).map(|at| made.headers[at as usize].clone().into()).collect(),
        certificate: certificate(
            committee,
            signers,
            to,
            hash::block_digest(&made.headers[to as usize]),
        ),
    };
    let record = |key: &LogicalKey, versions: Vec<Vec<u8>>, state: &[u8], from: u64| RecordProof {
        format: RecordProof::FORMAT.into(),
        key: cbor::encode(key),
        versions: versions.into_iter().map(Into::into).collect(),
        state: state.to_vec(),
        finality: finality(from, LAST, &committees[1], &[5, 2, 4]),
    };
    let newest_first = made.written.values().rev().map(|written| written.version.clone());
    let written = &made.written[&5];
    let receipt = ReceiptProof {
        receipt: written.receipt.clone(),
        inclusion: tree::inclusion_proof(&written.leaves, 0).unwrap(),
        finality: finality(5, 6, &committees[0], &first),
    };
    let trust = TrustBundle {
        genesis: genesis.clone(),
        epochs: vec![(committees[1].clone(), finality(9, 9, &committees[0], &[1, 2, 3]))],
    };
    let [here, gone] = ["right-0001", "right-9999"].map(record_key);
    let present = record(&here, newest_first.collect(), &made.present, LAST - 1);
    let ledger = hash::ledger_id(&genesis);
    let claim = ClaimProof {
        format: ClaimProof::FORMAT.into(),
        statement: statement(ledger),
        signer: record(&signer().key, vec![cbor::encode(&signer())], &made.signer, LAST),
    };
    BTreeMap::from([
        ("ledger.txt", format!("{ledger}\n").into_bytes()),
        ("trust.cbor", cbor::encode(&trust)),
        ("record.cbor", cbor::encode(&present)),
        ("absent.cbor", cbor::encode(&record(&gone, vec![], &made.absent, LAST))),
        ("receipt.cbor", cbor::encode(&receipt)),
        ("transaction.cbor", written.transaction.clone()),
        ("claim.cbor", cbor::encode(&claim)),
    ])
}

#[test]
fn the_vectors_are_those_that_stand_in_the_examples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples/verify/vectors");
    let write = std::env::var_os("CHAINCITY_WRITE_VECTORS").is_some();
    for (name, bytes) in vectors() {
        let path = folder.join(name);
        if write {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let stands = std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(stands == bytes, "`{name}` is no longer what stands in examples/verify/vectors");
    }
}

#[test]
fn the_vectors_verify() {
    let vectors = vectors();
    let trust = Trust::from_bytes(&vectors["trust.cbor"], None).unwrap();
    let record = trust.record_bytes(&vectors["record.cbor"]).unwrap();
    assert_eq!(record.current().map(|version| version.version), Some(3));
    assert!(matches!(record.as_of(time(7)), AsOf::Version(version) if version.version == 2));
    assert_eq!(record.as_of(time(1)), AsOf::Absent);
    let absent = trust.record_bytes(&vectors["absent.cbor"]).unwrap();
    assert!(absent.versions.is_empty());
    let receipt = trust.receipt_bytes(&vectors["receipt.cbor"]).unwrap();
    assert_eq!(receipt.height(), Height(5));
    let claim = trust.claim_bytes(&vectors["claim.cbor"]).unwrap();
    assert_eq!((&*claim.steward, &claim.signed.statement.value), ("registry", &Value::Bool(true)));
    let signed = cose::decode_transaction(&vectors["transaction.cbor"]).unwrap();
    assert_eq!((signed.verify(), signed.id), (Ok(()), receipt.receipt.transaction));
}

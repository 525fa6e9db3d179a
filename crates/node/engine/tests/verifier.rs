//! The independent verifiers of `chaincity-crypto` agree with the engine: what the engine proves
//! they accept, and nothing that was tampered with.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::collections::BTreeMap;

use bytes::Bytes;
use chaincity_crypto::finality::{self, Certificate, NAMESPACE};
use chaincity_crypto::{SecretKey, state_proof};
use chaincity_types::wire::{Committee, Head, Validator};
use chaincity_types::{Digest, Timestamp};
use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::simplex::types::{Finalization, Finalize, Proposal};
use commonware_consensus::types::{Epoch, Round, View};
use commonware_cryptography::{Sha256, Signer as _, ed25519, sha256};
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

type Value = FixedBytes<{ Head::SIZE }>;
type State = fixed::Db<
    mmr::Family,
    deterministic::Context,
    sha256::Digest,
    Value,
    Sha256,
    EightCap,
    32,
    Sequential,
>;

fn config() -> FixedConfig<EightCap, Sequential> {
    let page_cache = CacheRef::new(NZU16!(4096), NZUsize!(256));
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

fn key(n: u64) -> Digest {
    chaincity_crypto::hash::plain(&n.to_be_bytes())
}

fn head(n: u64, version: u64) -> Head {
    Head { body: key(n ^ (version << 32)), version, began: Timestamp(1_790_000_000_000 + version) }
}

/// Engine proofs of some present and some absent keys, at every block of a growing state.
#[derive(Clone)]
struct Sample {
    root: Digest,
    present: Vec<(Digest, Head, Vec<u8>)>,
    absent: Vec<(Digest, Vec<u8>)>,
    /// Whether a proof is of an operation in the last, incomplete chunk, and how many mountains
    /// it says to be inactive.
    shapes: Vec<(bool, usize)>,
}

/// Applies blocks of writes (key, version) and takes samples after each.
fn samples(blocks: Vec<Vec<(u64, u64)>>) -> Vec<Sample> {
    deterministic::Runner::default().start(|context| async move {
        let mut db = State::init(context.child("state"), config(), None).await.unwrap();
        let mut live: BTreeMap<u64, Head> = BTreeMap::new();
        let mut samples = Vec::new();
        for (number, block) in blocks.into_iter().enumerate() {
            let mut batch = db.new_batch();
            for (n, version) in block {
                let head = head(n, version);
                live.insert(n, head);
                batch =
                    batch.write(sha256::Digest::from(key(n).0), Some(Value::new(head.to_bytes())));
            }
            // As the engine does: a commit may carry metadata.
            let metadata = (number % 2 == 1).then(|| Value::new([7; Head::SIZE]));
            let batch = batch.merkleize(&db, metadata, &mut Proportional).await.unwrap();
            db = db.apply_batch(batch).await.unwrap().commit().await.unwrap();
            let mut sample = Sample {
                root: Digest(db.root().0),
                present: vec![],
                absent: vec![],
                shapes: vec![],
            };
            for (n, head) in live.iter().step_by(1 + (live.len() >> 5)) {
                let proof = db.key_value_proof(sha256::Digest::from(key(*n).0)).await.unwrap();
                sample.present.push((key(*n), *head, proof.encode().to_vec()));
                let tree = &proof.proof.range_proof.proof;
                let last = *proof.proof.loc >> 8 == *tree.leaves >> 8;
                sample.shapes.push((last, tree.inactive_peaks));
            }
            for n in 1_000_000..1_000_020_u64 {
                let key = key(n);
                let proof = db.exclusion_proof(&sha256::Digest::from(key.0)).await.unwrap();
                sample.absent.push((key, proof.encode().to_vec()));
            }
            samples.push(sample);
        }
        samples
    })
}

/// Blocks of many sizes, with updates, so that logs of all shapes come up: few and many
/// mountains, complete and incomplete chunks, inactive mountains.
fn blocks() -> Vec<Vec<(u64, u64)>> {
    let mut next = 0;
    let mut blocks = vec![vec![]];
    for (number, size) in
        [1, 1, 2, 5, 17, 100, 129, 3, 250, 256, 40, 700, 1, 900, 33].iter().enumerate()
    {
        let version = number as u64 + 2;
        let mut block: Vec<_> = (next..next + size).map(|n| (n, 1)).collect();
        // Every third older key is written again.
        block.extend((0..next).filter(|n| (n + version).is_multiple_of(3)).map(|n| (n, version)));
        next += size;
        blocks.push(block);
    }
    blocks
}

/// The same few keys over and over leave long inactive stretches behind, whose mountains the
/// root folds first.
fn churn() -> Vec<Vec<(u64, u64)>> {
    (1..=60).map(|version| (0..70).map(|n| (n, version)).collect()).collect()
}

#[test]
fn every_proof_of_the_engine_is_accepted() {
    let samples = [samples(blocks()), samples(churn())].concat();
    let shapes: Vec<_> = samples.iter().flat_map(|sample| sample.shapes.iter()).collect();
    assert!(shapes.len() > 500);
    for (last, inactive) in [(true, 0), (false, 0), (true, 3), (false, 2)] {
        let there = shapes.iter().any(|shape| **shape == (last, inactive));
        assert!(there, "no proof with {last}, {inactive}");
    }
    for sample in &samples {
        for (key, head, proof) in &sample.present {
            assert_eq!(state_proof::verify_present(proof, key, head, &sample.root), Ok(()));
            assert!(state_proof::verify_absent(proof, key, &sample.root).is_err());
        }
        for (key, proof) in &sample.absent {
            assert_eq!(state_proof::verify_absent(proof, key, &sample.root), Ok(()));
        }
    }
}

#[test]
fn nothing_tampered_with_is_accepted() {
    let samples = [samples(blocks()), samples(churn())].concat();
    for (number, sample) in samples.iter().enumerate().step_by(7) {
        let other = &samples[(number + 1) % samples.len()];
        for (key, head, proof) in sample.present.iter().step_by(5) {
            let verify = |proof: &[u8], key: &Digest, head: &[u8; Head::SIZE], root: &Digest| {
                state_proof::verify_present(proof, key, &Head::from_bytes(head), root).is_ok()
            };
            let head = head.to_bytes();
            assert!(verify(proof, key, &head, &sample.root));
            assert!(!verify(proof, key, &head, &other.root));
            for position in 0..proof.len() {
                let mut bad = proof.clone();
                bad[position] ^= 1 << (position % 8);
                assert!(!verify(&bad, key, &head, &sample.root), "byte {position}");
                assert!(!verify(&proof[..position], key, &head, &sample.root));
            }
            for position in 0..Head::SIZE {
                let mut bad = head;
                bad[position] ^= 1 << (position % 8);
                assert!(!verify(proof, key, &bad, &sample.root));
            }
            for position in 0..32 {
                let (mut bad_key, mut bad_root) = (*key, sample.root);
                bad_key.0[position] ^= 1 << (position % 8);
                bad_root.0[position] ^= 1 << (position % 8);
                assert!(!verify(proof, &bad_key, &head, &sample.root));
                assert!(!verify(proof, key, &head, &bad_root));
            }
        }
        for (key, proof) in sample.absent.iter().step_by(7) {
            for position in 0..proof.len() {
                let mut bad = proof.clone();
                bad[position] ^= 1 << (position % 8);
                assert!(state_proof::verify_absent(&bad, key, &sample.root).is_err(), "{position}");
            }
            assert!(state_proof::verify_absent(proof, key, &other.root).is_err());
            for (present, _, _) in &sample.present {
                assert!(state_proof::verify_absent(proof, present, &sample.root).is_err());
            }
        }
    }
}

/// A committee of `n` and the engine's schemes of its validators, in the committee's order.
fn committee(n: u8) -> (Committee, Vec<Scheme>) {
    let mut keys: Vec<_> = (0..n).map(|i| SecretKey::from_seed(&[i + 1; 32])).collect();
    keys.sort_by_key(SecretKey::public_key);
    let validators = keys.iter().map(|key| Validator {
        key: key.public_key().as_bytes().to_vec(),
        member: "test".into(),
        address: "127.0.0.1:1".into(),
    });
    let committee = Committee { epoch: 3, validators: validators.collect() };
    let theirs: Vec<_> = keys
        .iter()
        .map(|key| ed25519::PrivateKey::decode(Bytes::copy_from_slice(&key.seed()[..])).unwrap())
        .collect();
    let set: Set<ed25519::PublicKey> =
        theirs.iter().map(ed25519::PrivateKey::public_key).try_collect().unwrap();
    let schemes = theirs
        .into_iter()
        .map(|key| Scheme::signer(NAMESPACE, set.clone(), key).unwrap())
        .collect();
    (committee, schemes)
}

fn certificate(schemes: &[Scheme], signers: &[usize], view: u64, block: Digest) -> Vec<u8> {
    let round = Round::new(Epoch::new(3), View::new(view));
    let proposal = Proposal::new(round, View::new(view - 1), sha256::Digest::from(block.0));
    let votes: Vec<_> = signers
        .iter()
        .map(|signer| Finalize::sign(&schemes[*signer], proposal.clone()).unwrap())
        .collect();
    let finalization =
        Finalization::from_finalizes(&schemes[0], non_empty![@votes.iter()], &Sequential).unwrap();
    finalization.encode().to_vec()
}

#[test]
fn certificates_of_the_engine_are_accepted_for_every_committee_size() {
    for n in 1..=64_u8 {
        let (committee, schemes) = committee(n);
        let quorum = finality::quorum(usize::from(n));
        for signers in [quorum, usize::from(n)] {
            // The last ones, so that positions and bitmap matter.
            let signers: Vec<_> = (usize::from(n) - signers..usize::from(n)).collect();
            let block = key(u64::from(n));
            let bytes = certificate(&schemes, &signers, 70_000 + u64::from(n), block);
            let read = Certificate::decode(&bytes).unwrap();
            assert_eq!((read.epoch, read.block), (3, block));
            assert_eq!(read.verify(&committee), Ok(()), "{n}");
        }
    }
}

#[test]
fn no_byte_of_a_certificate_can_be_changed() {
    let (committee, schemes) = committee(7);
    let good = certificate(&schemes, &[0, 2, 3, 4, 6], 300, key(1));
    let accepts =
        |bytes: &[u8]| Certificate::decode(bytes).is_ok_and(|read| read.verify(&committee).is_ok());
    assert!(accepts(&good));
    for position in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[position] ^= 1 << bit;
            assert!(!accepts(&bad), "byte {position}");
        }
        assert!(!accepts(&good[..position]));
    }
    // Another committee, another epoch.
    let mut other = committee.clone();
    other.validators.swap(0, 2);
    let read = Certificate::decode(&good).unwrap();
    assert!(read.verify(&other).is_err());
    assert!(read.verify(&Committee { epoch: 4, ..committee }).is_err());
}

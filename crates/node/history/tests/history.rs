//! What a history keeps, refuses and finds again, on the disk and in memory alike.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod common;

use chaincity_crypto::hash;
use chaincity_history::{
    DiskOptions, DiskStore, FsckOptions, HistoryError, HistoryStore, MemoryStore, Missing, fsck,
    missing,
};
use chaincity_types::{Digest, Height};
use common::{blocks, read_all};

fn disk(dir: &std::path::Path) -> DiskStore {
    DiskStore::open(dir, &DiskOptions { cache_bytes: 1 << 20 }).unwrap()
}

/// Runs a claim on both kinds of store.
fn on_both(claim: impl Fn(&dyn HistoryStore)) {
    claim(&MemoryStore::new());
    let dir = tempfile::tempdir().unwrap();
    claim(&disk(dir.path()));
}

fn codes(store: &dyn HistoryStore) -> Vec<&'static str> {
    fsck(store, &FsckOptions::default()).findings.iter().map(|found| found.code).collect()
}

#[test]
fn what_was_appended_is_found_by_height_digest_and_id() {
    on_both(|store| {
        assert_eq!((store.tip(), store.complete_from()), (None, None));
        for (block, bodies) in blocks(5, 40) {
            store.append(&block, &bodies).unwrap();
            let height = block.block.header.height;
            assert_eq!(store.tip(), Some(height));
            assert_eq!(store.block(height).unwrap(), Some(block.clone()));
            let digest = hash::header_digest(&block.block.header);
            assert_eq!(store.height_of(&digest).unwrap(), Some(height));
            for (digest, body) in &bodies {
                assert_eq!(store.body(digest).unwrap().as_ref(), Some(body));
            }
            for receipt in &block.receipts {
                let place = store.transaction(&receipt.transaction).unwrap();
                assert_eq!(place, Some((height, receipt.index)));
            }
        }
        assert_eq!(store.complete_from(), Some(Height(0)));
        assert_eq!(store.block(Height(5)).unwrap(), None);
        assert_eq!(store.body(&Digest::ZERO).unwrap(), None);
        let report = fsck(store, &FsckOptions::default());
        assert!(report.is_clean(), "{:?}", report.findings);
        assert_eq!((report.blocks, report.transactions, report.bodies), (5, 15, 15));
    });
}

#[test]
fn appending_twice_changes_nothing_and_another_block_is_a_conflict() {
    on_both(|store| {
        let chain = blocks(3, 40);
        for (block, bodies) in &chain {
            store.append(block, bodies).unwrap();
        }
        let before = read_all(store, &chain);
        for (block, bodies) in &chain {
            store.append(block, bodies).unwrap();
        }
        assert_eq!(read_all(store, &chain), before);

        let (mut other, bodies) = chain[1].clone();
        other.block.header.state_root = Digest([9; 32]);
        let refused = store.append(&other, &bodies);
        assert!(matches!(refused, Err(HistoryError::Conflict { height: 1 })), "{refused:?}");

        let (mut stranger, bodies) = blocks(4, 40)[3].clone();
        stranger.block.header.parent = Digest([9; 32]);
        let refused = store.append(&stranger, &bodies);
        assert!(matches!(refused, Err(HistoryError::Conflict { height: 2 })), "{refused:?}");
        assert_eq!(read_all(store, &chain), before);
    });
}

#[test]
fn a_body_that_is_missing_or_has_another_digest_is_refused() {
    on_both(|store| {
        let (block, mut bodies) = blocks(1, 40)[0].clone();
        let refused = store.append(&block, &bodies[1..]);
        assert!(matches!(refused, Err(HistoryError::MissingBody { height: 0 })), "{refused:?}");
        bodies[0].1[5] ^= 1;
        let refused = store.append(&block, &bodies);
        assert!(matches!(refused, Err(HistoryError::Mismatch { .. })), "{refused:?}");
        assert_eq!(store.tip(), None);
    });
}

#[test]
fn a_node_that_joined_by_snapshot_backfills_downwards() {
    on_both(|store| {
        let chain = blocks(8, 40);
        for (block, bodies) in &chain[5..] {
            store.append(block, bodies).unwrap();
        }
        assert_eq!(store.complete_from(), Some(Height(5)));
        let wanted = missing(store, Height(0), 2).unwrap();
        let parent = hash::header_digest(&chain[4].0.block.header);
        assert_eq!(wanted.blocks, [(Height(4), Some(parent)), (Height(3), None)]);

        // Blocks first, bodies later, in any order.
        store.backfill(Some(&chain[4].0), &[]).unwrap();
        store.backfill(Some(&chain[2].0), &chain[2].1).unwrap();
        assert_eq!(store.complete_from(), Some(Height(5)));
        let wanted = missing(store, Height(0), 4).unwrap();
        let digests: Vec<_> = chain[4].1.iter().map(|(digest, _)| *digest).collect();
        let heights: Vec<_> = wanted.blocks.iter().map(|(height, _)| height.0).collect();
        assert_eq!((heights, wanted.bodies), (vec![3, 1, 0], digests));
        store.backfill(None, &chain[4].1).unwrap();
        assert_eq!(store.complete_from(), Some(Height(4)));
        store.backfill(Some(&chain[3].0), &chain[3].1).unwrap();
        assert_eq!(store.complete_from(), Some(Height(2)));

        let (mut stranger, bodies) = chain[1].clone();
        stranger.block.header.state_root = Digest([9; 32]);
        let refused = store.backfill(Some(&stranger), &bodies);
        assert!(matches!(refused, Err(HistoryError::Conflict { height: 1 })), "{refused:?}");
        for (block, bodies) in chain[..2].iter().rev() {
            store.backfill(Some(block), bodies).unwrap();
        }
        assert_eq!(store.complete_from(), Some(Height(0)));
        assert_eq!(missing(store, Height(0), 4).unwrap(), Missing::default());

        let whole = MemoryStore::new();
        for (block, bodies) in &chain {
            whole.append(block, bodies).unwrap();
        }
        assert_eq!(read_all(store, &chain), read_all(&whole, &chain));
        let (one, two) =
            (fsck(store, &FsckOptions::default()), fsck(&whole, &FsckOptions::default()));
        assert!(one.is_clean(), "{:?}", one.findings);
        assert_eq!(one.content, two.content);
    });
}

#[test]
fn certificates_and_named_values_are_kept() {
    on_both(|store| {
        store.put_certificate(Height(3), b"three").unwrap();
        store.put_certificate(Height(7), b"seven").unwrap();
        store.put_certificate(Height(7), b"another").unwrap();
        let found = |height| store.certificate(Height(height)).unwrap();
        assert_eq!(found(0), Some((Height(3), b"three".to_vec())));
        assert_eq!(found(4), Some((Height(7), b"seven".to_vec())));
        assert_eq!(found(8), None);
        for (name, value) in [("trust", b"1"), ("evidence/b", b"2"), ("evidence/a", b"3")] {
            store.put_meta(name, value).unwrap();
        }
        store.put_meta("trust", b"4").unwrap();
        assert_eq!(store.meta("trust").unwrap(), Some(b"4".to_vec()));
        assert_eq!(store.meta_names("evidence/").unwrap(), ["evidence/a", "evidence/b"]);
        assert_eq!(codes(store), Vec::<&str>::new());
    });
}

#[test]
fn a_history_is_the_same_after_it_was_closed_and_opened() {
    let dir = tempfile::tempdir().unwrap();
    let chain = blocks(40, 300);
    let store = disk(dir.path());
    for (block, bodies) in &chain[..20] {
        store.append(block, bodies).unwrap();
        store.put_certificate(block.block.header.height, b"certificate").unwrap();
    }
    let before = read_all(&store, &chain);
    drop(store);
    let store = disk(dir.path());
    assert_eq!(read_all(&store, &chain), before);
    for (block, bodies) in &chain[18..] {
        store.append(block, bodies).unwrap();
    }
    assert_eq!(codes(&store), Vec::<&str>::new());
    assert_eq!(store.tip(), Some(Height(39)));
}

#[test]
fn fsck_finds_blocks_that_do_not_hold_what_their_header_says() {
    on_both(|store| {
        let chain = blocks(3, 40);
        store.append(&chain[0].0, &chain[0].1).unwrap();
        let (mut block, bodies) = chain[1].clone();
        block.receipts[1].fuel += 1;
        block.block.transactions.pop();
        store.append(&block, &bodies).unwrap();
        assert_eq!(codes(store), ["wrong-part"]);
    });
}

#[test]
fn fsck_asks_for_certificates_close_enough_and_verifies_them() {
    on_both(|store| {
        for (block, bodies) in blocks(3, 0) {
            store.append(&block, &bodies).unwrap();
        }
        store.put_certificate(Height(2), b"good").unwrap();
        store.put_certificate(Height(1_027), b"bad").unwrap();
        assert_eq!(codes(store), ["missing-certificate"]);
        let verify = |_: &chaincity_types::wire::Header, bytes: &[u8]| bytes == b"bad";
        let options = FsckOptions { certificate: Some(&verify), ..FsckOptions::default() };
        let report = fsck(store, &options);
        let codes: Vec<_> = report.findings.iter().map(|found| found.code).collect();
        assert_eq!(codes, ["wrong-certificate", "missing-certificate"]);
        assert_eq!(report.certified_to, Some(Height(1_027)));
    });
}

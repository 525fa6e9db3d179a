#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::cell::Cell;

use chaincity_crypto::hash;
use chaincity_crypto::suite::{PublicKey, Signature};
use chaincity_ledger::order::ORDINARY;
use chaincity_types::wire::{Mode, PROTOCOL, Transaction};

use super::*;

const KB: usize = 1024;
const BLOCK: usize = 1024 * KB;
const FAR: Timestamp = Timestamp(1_000_000);

/// The pool never reads what a transaction says, only its id, size, expiry, member and class.
fn pooled(name: &str, member: &str, class: u8, size: usize, expiry: Timestamp) -> Pooled {
    let transaction = Transaction {
        ledger: Digest::ZERO,
        protocol: PROTOCOL,
        expiry,
        mode: Mode::Atomic,
        calls: Vec::new(),
        intent: Some(name.into()),
    };
    let signed = SignedTransaction {
        transaction,
        id: hash::plain(name.as_bytes()),
        operator: PublicKey::from_bytes([0; 32]),
        signature: Signature::from_bytes([0; 64]),
        to_be_signed: Vec::new(),
    };
    Pooled {
        bytes: Bytes::from(vec![0; size]),
        signed: Arc::new(signed),
        member: member.to_owned(),
        class,
        since: Timestamp(0),
    }
}

fn ordinary(name: &str, member: &str, size: usize) -> Pooled {
    pooled(name, member, ORDINARY, size, FAR)
}

/// A pool in which each member has so many transactions of this size.
fn filled(members: &[(&str, usize, usize)]) -> Pool {
    let mut pool = Pool::default();
    for (member, count, size) in members {
        for i in 0..*count {
            pool.insert(ordinary(&format!("{member}-{i}"), member, *size)).unwrap();
        }
    }
    pool
}

fn draw(pool: &mut Pool, bytes: usize) -> Vec<Arc<Pooled>> {
    pool.draw(bytes, BLOCK, Timestamp(1), &|_| false)
}

/// Draws a block, which becomes final; who gave what.
fn block(pool: &mut Pool, bytes: usize) -> Vec<(String, usize)> {
    let drawn = draw(pool, bytes);
    let ids: Vec<_> = drawn.iter().map(|pooled| pooled.signed.id).collect();
    pool.settle(&ids, Timestamp(1));
    drawn.iter().map(|pooled| (pooled.member.clone(), pooled.bytes.len())).collect()
}

fn bytes_of(given: &[(String, usize)], member: &str) -> usize {
    given.iter().filter(|(by, _)| by == member).map(|(_, size)| size).sum()
}

/// Everything that the pool keeps says the same.
fn audit(pool: &Pool) {
    let in_lanes: usize = pool.lanes.values().map(|lane| lane.waiting.len()).sum();
    let bytes: usize = pool.by_number.values().map(|pooled| pooled.bytes.len()).sum();
    let held_by: usize = pool.held_by.values().map(|held| held.bytes).sum();
    let counts = [pool.numbers.len(), pool.by_number.len(), pool.by_expiry.len(), in_lanes];
    assert_eq!(counts, [pool.held.count; 4]);
    assert_eq!((bytes, held_by), (pool.held.bytes, pool.held.bytes));
    assert!(pool.lanes.values().all(|lane| !lane.waiting.is_empty()));
}

#[test]
fn a_transaction_is_pooled_once() {
    let mut pool = Pool::default();
    assert_eq!(pool.insert(ordinary("a", "m", 10)), Ok(()));
    assert_eq!(pool.insert(ordinary("a", "m", 10)), Err(Reject::Duplicate));
    assert_eq!((pool.len(), pool.held), (1, Amount { count: 1, bytes: 10 }));
    assert!(pool.get(&hash::plain(b"a")).is_some());
    audit(&pool);
}

#[test]
fn no_member_holds_more_than_half_of_the_bytes() {
    let mut pool = Pool::default();
    let size = 128 * KB;
    let half = MEMBER_MAX.bytes / size;
    for i in 0..half {
        assert_eq!(pool.insert(ordinary(&format!("a{i}"), "a", size)), Ok(()), "{i}");
    }
    assert_eq!(pool.insert(ordinary("one more", "a", 1)), Err(Reject::Busy));
    assert_eq!(pool.insert(ordinary("another's", "b", size)), Ok(()));
    pool.settle(&[hash::plain(b"a0")], Timestamp(1));
    assert_eq!(pool.insert(ordinary("one more", "a", size)), Ok(()));
    audit(&pool);
}

#[test]
fn no_member_holds_more_than_half_of_the_count() {
    let mut pool = filled(&[("a", MEMBER_MAX.count, 1)]);
    assert_eq!(pool.insert(ordinary("one more", "a", 1)), Err(Reject::Busy));
    assert_eq!(pool.insert(ordinary("another's", "b", 1)), Ok(()));
}

#[test]
fn a_full_pool_still_takes_a_seal() {
    let ordinary_max = POOL_MAX.without(URGENT_RESERVE);
    let rest = ordinary_max.count - MEMBER_MAX.count;
    let mut pool = filled(&[("a", MEMBER_MAX.count, 1), ("b", rest, 1)]);
    assert_eq!(pool.insert(ordinary("a mortgage", "c", 1)), Err(Reject::Busy));
    for i in 0..URGENT_RESERVE.count {
        assert_eq!(pool.insert(pooled(&format!("seal {i}"), "c", URGENT, 1, FAR)), Ok(()));
    }
    assert_eq!(pool.insert(pooled("a seal", "d", URGENT, 1, FAR)), Err(Reject::Busy));
    assert_eq!(pool.held.count, POOL_MAX.count);
    audit(&pool);
}

#[test]
fn the_pool_is_bounded_by_bytes() {
    let size = 128 * KB;
    let each = (POOL_MAX.bytes - URGENT_RESERVE.bytes) / size / 2;
    let mut pool = filled(&[("a", each, size), ("b", each, size)]);
    assert_eq!(pool.insert(ordinary("c", "c", 1)), Err(Reject::Busy));
    assert_eq!(pool.insert(pooled("seal", "c", URGENT, 1, FAR)), Ok(()));
}

#[test]
fn classes_go_in_order_and_within_a_lane_the_oldest_first() {
    let mut pool = filled(&[("a", 3, 100)]);
    pool.insert(pooled("seal 1", "z", URGENT, 100, FAR)).unwrap();
    pool.insert(pooled("seal 2", "z", URGENT, 100, FAR)).unwrap();
    let names: Vec<_> = draw(&mut pool, BLOCK)
        .iter()
        .map(|pooled| pooled.signed.transaction.intent.clone().unwrap())
        .collect();
    assert_eq!(names, ["seal 1", "seal 2", "a-0", "a-1", "a-2"]);
}

#[test]
fn a_backlog_ten_times_as_long_gets_no_more() {
    let mut pool = filled(&[("a", 1_000, KB), ("b", 100, KB)]);
    let given = block(&mut pool, 100 * KB);
    assert_eq!(given.len(), 100);
    let (a, b) = (bytes_of(&given, "a"), bytes_of(&given, "b"));
    assert!(a.abs_diff(b) <= QUANTUM_BYTES, "{a} and {b}");
    // When the shorter one is done the longer one has all.
    block(&mut pool, 100 * KB);
    block(&mut pool, 100 * KB);
    assert_eq!(bytes_of(&block(&mut pool, 100 * KB), "b"), 0);
    assert_eq!(block(&mut pool, 100 * KB).len(), 100);
}

#[test]
fn turns_are_by_bytes_and_not_by_count() {
    let mut pool = filled(&[("small", 4_000, 500), ("large", 40, 50 * KB)]);
    let (mut small, mut large) = (0, 0);
    for _ in 0..8 {
        let given = block(&mut pool, 256 * KB);
        small += bytes_of(&given, "small");
        large += bytes_of(&given, "large");
    }
    assert!(small.abs_diff(large) <= 64 * KB, "{small} and {large}");
}

/// A block has 64 quanta: with more members than that a transaction larger than a quantum waited
/// for ever when a lane forgot between blocks what it had saved up.
#[test]
fn a_large_transaction_is_not_starved_by_many_members() {
    let names: Vec<_> = (0..100).map(|i| format!("m{i:03}")).collect();
    let mut members: Vec<_> = names.iter().map(|name| (name.as_str(), 300, KB)).collect();
    members.push(("z", 1, 128 * KB));
    let mut pool = filled(&members);
    let blocks = (1..=20).find(|_| bytes_of(&block(&mut pool, BLOCK), "z") > 0);
    // It saves up for eight turns, each of 101 quanta: 13 blocks.
    assert!(blocks.is_some_and(|n| n <= 14), "{blocks:?}");
    audit(&pool);
}

#[test]
fn who_found_the_block_too_full_opens_the_next_one() {
    let mut pool = filled(&[("a", 100, 10 * KB), ("b", 2, 16 * KB), ("c", 100, KB)]);
    let first = block(&mut pool, 20 * KB);
    assert_eq!(bytes_of(&first, "b"), 0);
    assert!(bytes_of(&first, "c") > 0, "smaller ones fill the block");
    assert_eq!(block(&mut pool, 20 * KB)[0].0, "b");
}

#[test]
fn a_lane_that_had_nothing_to_give_saved_nothing_up() {
    let mut pool = filled(&[("a", 1, 100)]);
    for _ in 0..10 {
        assert_eq!(draw(&mut pool, BLOCK).len(), 1);
    }
    assert_eq!(pool.lanes.values().next().unwrap().deficit, 0);
}

#[test]
fn a_member_has_no_more_than_its_share_of_a_block_in_all_classes() {
    let mut pool = filled(&[("a", 100, 10 * KB), ("b", 3, 10 * KB)]);
    for i in 0..50 {
        pool.insert(pooled(&format!("seal {i}"), "a", URGENT, 10 * KB, FAR)).unwrap();
    }
    let drawn = pool.draw(BLOCK, 600 * KB, Timestamp(1), &|_| false);
    let by = |member: &str| drawn.iter().filter(|pooled| pooled.member == member).count();
    assert_eq!((by("a"), by("b")), (60, 3));
    assert_eq!(drawn.iter().filter(|pooled| pooled.class == URGENT).count(), 50);
}

#[test]
fn a_draw_fills_no_more_than_the_block() {
    let mut pool = filled(&[("a", 100, 3 * KB), ("b", 100, 5 * KB)]);
    let total: usize = draw(&mut pool, 64 * KB).iter().map(|pooled| pooled.bytes.len()).sum();
    assert!((62 * KB..=64 * KB).contains(&total), "{total}");
    assert_eq!(pool.len(), 200, "a draw removes nothing");
}

#[test]
fn what_stands_in_a_block_that_is_not_final_is_passed_over() {
    let mut pool = filled(&[("a", 4, KB)]);
    let skip: BTreeSet<_> = draw(&mut pool, 2 * KB).iter().map(|p| p.signed.id).collect();
    assert_eq!(skip.len(), 2);
    assert!(pool.has_work(&skip));
    let next = pool.draw(BLOCK, BLOCK, Timestamp(1), &|id| skip.contains(id));
    assert_eq!(next.len(), 2);
    assert!(next.iter().all(|pooled| !skip.contains(&pooled.signed.id)));
    let all: BTreeSet<_> = draw(&mut pool, BLOCK).iter().map(|p| p.signed.id).collect();
    assert!(!pool.has_work(&all));
}

#[test]
fn an_expiry_is_the_last_time_at_which_a_block_may_hold_it() {
    let mut pool = Pool::default();
    pool.insert(pooled("a", "m", ORDINARY, 10, Timestamp(100))).unwrap();
    let at = |pool: &mut Pool, time| pool.draw(BLOCK, BLOCK, Timestamp(time), &|_| false).len();
    assert_eq!((at(&mut pool, 100), at(&mut pool, 101)), (1, 0));
    pool.settle(&[], Timestamp(99));
    assert_eq!(pool.len(), 1);
    // After a block of time 100 the next one is later than the expiry.
    pool.settle(&[], Timestamp(100));
    assert_eq!(pool.len(), 0);
    audit(&pool);
}

#[test]
fn settling_leaves_nothing_behind() {
    let mut pool = filled(&[("a", 50, KB), ("b", 50, KB)]);
    while pool.len() > 0 {
        assert!(!block(&mut pool, 30 * KB).is_empty());
        audit(&pool);
    }
    assert!(pool.lanes.is_empty() && pool.held_by.is_empty());
    pool.settle(&[hash::plain(b"never seen")], Timestamp(1));
    audit(&pool);
}

#[test]
fn a_draw_looks_only_at_what_it_gives_and_what_it_passes_over() {
    let looked = |backlog: usize| {
        let mut pool = filled(&[("a", backlog, KB), ("b", backlog, 2 * KB), ("c", 10, 100 * KB)]);
        let count = Cell::new(0_usize);
        let look = |_: &Digest| {
            count.set(count.get() + 1);
            false
        };
        let drawn = pool.draw(BLOCK, BLOCK, Timestamp(1), &look).len();
        (drawn, count.get())
    };
    let (drawn, count) = looked(1_000);
    // One look more for each turn that ends with a transaction too large for it.
    assert!(count <= drawn + 3 * (BLOCK / QUANTUM_BYTES), "{count} looks for {drawn}");
    assert_eq!(looked(10_000), (drawn, count));
}

#[test]
fn what_waits_is_sent_again_in_turn() {
    let mut pool = filled(&[("a", 5, KB)]);
    let mut young = ordinary("young", "a", 3);
    young.since = Timestamp(50);
    pool.insert(young).unwrap();
    assert_eq!(pool.send_again(Timestamp(0), 10).len(), 0);
    let mut sent: Vec<usize> = Vec::new();
    for _ in 0..5 {
        let before = pool.sent_again;
        assert_eq!(pool.send_again(Timestamp(50), 2).len(), 2);
        assert_ne!(pool.sent_again, before);
        sent.push(pool.sent_again as usize);
    }
    // Two at a time over numbers 1 to 5, in a circle.
    assert_eq!(sent, [2, 4, 1, 3, 5]);
    assert!(pool.send_again(Timestamp(51), 10).iter().any(|bytes| bytes.len() == 3));
}

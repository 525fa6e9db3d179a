//! Blocks of an evil proposer: right in all but one respect, and refused for that one.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::sync::Arc;

use chaincity_crypto::{cose, hash, tree};
use chaincity_engine::{Finality, Machine as _};
use chaincity_history::HistoryStore as _;
use chaincity_pipeline::NodeApi as _;
use chaincity_testing::city::Actor;
use chaincity_testing::desk::{Desk, key, padded, registration, seal};
use chaincity_types::wire::{Block, EXPIRY_AHEAD_MAX_MS, Header, Transaction};
use chaincity_types::{Digest, Height, Timestamp};
use futures::FutureExt as _;
use futures::executor::block_on;

/// Asserts that the node accepts `good` and, with one thing changed, refuses it.
#[track_caller]
fn refused(desk: &Desk, good: &Block, change: impl FnOnce(&mut Header)) {
    let place = desk.place();
    assert!(desk.accepts(&place, good), "the good one is refused");
    let mut bad = good.clone();
    change(&mut bad.header);
    assert_ne!(&bad, good);
    assert!(!desk.accepts(&place, &bad), "the bad one is accepted");
}

/// A desk and a good block of three transactions that the node never saw.
fn desk_and_block() -> (Desk, Block) {
    let mut desk = Desk::open();
    let transactions: Vec<_> = (0..3).map(|_| desk.good()).collect();
    let block = desk.block(&desk.place(), &transactions, 1);
    (desk, block)
}

#[test]
fn a_block_names_its_ledger_protocol_height_and_parent() {
    let (desk, good) = desk_and_block();
    refused(&desk, &good, |header| header.ledger = Digest([1; 32]));
    refused(&desk, &good, |header| header.protocol += 1);
    refused(&desk, &good, |header| header.height = header.height.next());
    refused(&desk, &good, |header| header.height = Height(header.height.0 - 1));
    refused(&desk, &good, |header| header.parent = Digest([1; 32]));
}

#[test]
fn a_block_commits_to_its_transactions_effects_and_committees() {
    let (desk, good) = desk_and_block();
    refused(&desk, &good, |header| header.transactions_root = Digest([1; 32]));
    refused(&desk, &good, |header| header.effects_root = Digest([1; 32]));
    refused(&desk, &good, |header| header.committee = Digest([1; 32]));
    refused(&desk, &good, |header| header.next_committee = Digest([1; 32]));
    refused(&desk, &good, |header| header.next_committee = header.committee);
    // The transactions of another block, or in another order.
    let place = desk.place();
    let mut other = good.clone();
    other.transactions.swap(0, 1);
    assert!(!desk.accepts(&place, &other));
    other.header.transactions_root = tree::root(&leaves(&other));
    assert!(!desk.accepts(&place, &other), "the effects are those of another order");
    let mut fewer = good.clone();
    fewer.transactions.pop();
    assert!(!desk.accepts(&place, &fewer));
}

fn leaves(block: &Block) -> Vec<Vec<u8>> {
    block.transactions.iter().map(|bytes| bytes.to_vec()).collect()
}

#[test]
fn a_blocks_time_is_after_its_parents_and_at_most_a_minute() {
    let mut desk = Desk::open();
    let transactions = [desk.good()];
    let place = desk.place();
    for (ms, accepted) in [(0, false), (1, true), (60_000, true), (60_001, false)] {
        let block = desk.block(&place, &transactions, ms);
        assert_eq!(desk.accepts(&place, &block), accepted, "{ms}");
    }
    let good = desk.block(&place, &transactions, 1);
    refused(&desk, &good, |header| header.time = Timestamp(place.parent.time.0 - 1));
}

#[test]
fn a_block_ahead_of_this_nodes_clock_only_waits() {
    let mut desk = Desk::open();
    let transactions = [desk.good()];
    let place = desk.place();
    let block = desk.block(&place, &transactions, 60_000);
    let before = desk.now();
    assert!(before < block.header.time);
    assert!(desk.accepts(&place, &block));
    assert_eq!(desk.now(), block.header.time, "it waited until then, and no longer");
    assert!(desk.accepts(&place, &block));
    assert_eq!(desk.now(), block.header.time, "and not again");
}

#[test]
fn a_heartbeat_comes_after_a_second_and_gaps_are_crossed_in_steps() {
    let mut desk = Desk::open();
    let first = desk.tip().time;
    let block = desk.step();
    assert!(block.transactions.is_empty());
    assert_eq!(block.header.time.since_ms(first), 1_000);
    desk.wait_ms(150_000);
    let steps: Vec<_> = (0..3)
        .map(|_| {
            let before = desk.tip().time;
            desk.step().header.time.since_ms(before)
        })
        .collect();
    assert_eq!(steps[..2], [60_000, 60_000]);
    assert!(steps[2] < 60_000 && desk.tip().time == desk.now());
}

/// Transactions that fill a block to about `bytes`, in turn by each of `members`.
fn fill(desk: &mut Desk, members: &[Actor], bytes: usize) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    let mut left = bytes;
    let by = |out: &Vec<Vec<u8>>| members[out.len() % members.len()];
    while left > 110_000 {
        let transaction = desk.signed(by(&out), padded(100_000));
        left -= transaction.len();
        out.push(transaction);
    }
    // The last one brings it to the byte.
    let mut padding = left - 1_000;
    let last = loop {
        let transaction = desk.signed(by(&out), padded(padding));
        if transaction.len() == left {
            break transaction;
        }
        padding = padding + left - transaction.len();
    };
    out.push(last);
    out
}

fn size(transactions: &[Vec<u8>]) -> usize {
    transactions.iter().map(Vec::len).sum()
}

#[test]
fn a_block_holds_at_most_a_mebibyte_of_transactions() {
    let mut desk = Desk::open();
    let place = desk.place();
    let members = [Actor::Registrar, Actor::BankerA];
    for (over, accepted) in [(0, true), (1, false)] {
        let transactions = fill(&mut desk, &members, (1 << 20) + over);
        assert_eq!(size(&transactions), (1 << 20) + over);
        let block = desk.block(&place, &transactions, 1);
        assert_eq!(desk.accepts(&place, &block), accepted);
    }
}

#[test]
fn a_member_has_at_most_three_quarters_of_a_block() {
    let mut desk = Desk::open();
    let place = desk.place();
    let share = 768 * 1024;
    for (over, accepted) in [(0, true), (1, false)] {
        let transactions = fill(&mut desk, &[Actor::Registrar], share + over);
        assert_eq!(size(&transactions), share + over);
        let block = desk.block(&place, &transactions, 1);
        assert_eq!(desk.accepts(&place, &block), accepted, "{over}");
    }
    // Operators of one member share its share; members do not.
    let mut transactions = fill(&mut desk, &[Actor::Citizen(0), Actor::Citizen(1)], share + 1);
    assert!(!desk.accepts(&place, &desk.block(&place, &transactions, 1)));
    transactions = fill(&mut desk, &[Actor::BankerA, Actor::BankerB], share + 1);
    assert!(desk.accepts(&place, &desk.block(&place, &transactions, 1)));
}

#[test]
fn a_block_with_an_unauthenticated_transaction_is_invalid() {
    let mut desk = Desk::open();
    let place = desk.place();
    let good: Vec<_> = (0..3).map(|_| desk.good()).collect();
    assert!(desk.accepts(&place, &desk.block(&place, &good, 1)));
    for at in 0..3 {
        let mut bad = good.clone();
        *bad[at].last_mut().unwrap() ^= 1;
        assert!(!desk.accepts(&place, &desk.block(&place, &bad, 1)), "the {at}th");
        bad[at] = b"no transaction".to_vec();
        assert!(!desk.accepts(&place, &desk.block(&place, &bad, 1)), "the {at}th");
    }
    // Also when the pool holds the good one: it is the bytes that count.
    desk.gossip(&good);
    let mut bad = good.clone();
    *bad[1].last_mut().unwrap() ^= 1;
    assert!(!desk.accepts(&place, &desk.block(&place, &bad, 1)));
    // A finalized block is executed all the same way, and is not trusted blindly.
    let judged =
        desk.judged(desk.pipeline(), &place, &desk.block(&place, &bad, 1), Finality::Finalized);
    assert_eq!(judged, None);
}

#[test]
fn a_block_of_an_unknown_operator_is_invalid() {
    let mut desk = Desk::open();
    let place = desk.place();
    let (good, stranger) = (desk.good(), desk.signed(Actor::Stranger, registration("u")));
    assert!(desk.accepts(&place, &desk.block(&place, std::slice::from_ref(&good), 1)));
    assert!(!desk.accepts(&place, &desk.block(&place, &[good, stranger], 1)));
}

#[test]
fn a_transaction_stands_in_one_block_once() {
    let mut desk = Desk::open();
    let (one, other) = (desk.good(), desk.good());
    let place = desk.place();
    let both = [one.clone(), other.clone()];
    // Within the block.
    let block = desk.block(&place, &both, 1);
    assert!(desk.accepts(&place, &block));
    assert!(
        !desk.accepts(&place, &desk.block(&place, &[one.clone(), other.clone(), one.clone()], 1))
    );
    // Repeated of an ancestor that is not final, one block or two blocks up.
    let child = desk.after(&place, &block);
    let more = desk.good();
    let next = desk.block(&child, std::slice::from_ref(&more), 1);
    assert!(desk.accepts(&child, &next));
    assert!(!desk.accepts(&child, &desk.block(&child, &[more.clone(), other.clone()], 1)));
    let grandchild = desk.after(&child, &next);
    assert!(desk.accepts(&grandchild, &desk.block(&grandchild, &[], 1)));
    assert!(!desk.accepts(&grandchild, &desk.block(&grandchild, std::slice::from_ref(&other), 1)));
    // On another branch it may stand.
    assert!(desk.accepts(&place, &desk.block(&place, std::slice::from_ref(&other), 2)));
    // Repeated of a final one.
    desk.submit(&one).unwrap();
    assert_eq!(desk.step().transactions.len(), 1);
    let place = desk.place();
    assert!(!desk.accepts(&place, &desk.block(&place, std::slice::from_ref(&one), 1)));
    assert!(desk.accepts(&place, &desk.block(&place, std::slice::from_ref(&other), 1)));
}

#[test]
fn a_block_may_hold_a_transaction_until_it_expires_and_from_ten_minutes_before() {
    let mut desk = Desk::open();
    let place = desk.place();
    let time = place.parent.time.plus_ms(1_000);
    let expiring = |desk: &mut Desk, expiry: Timestamp| {
        let transaction = desk.transaction(vec![registration("u")]);
        cose::sign_transaction(&Transaction { expiry, ..transaction }, &key(Actor::Registrar))
    };
    let cases = [
        (time, true),
        (Timestamp(time.0 - 1), false),
        (time.plus_ms(EXPIRY_AHEAD_MAX_MS), true),
        (time.plus_ms(EXPIRY_AHEAD_MAX_MS + 1), false),
    ];
    for (expiry, accepted) in cases {
        let transaction = expiring(&mut desk, expiry);
        let block = desk.block(&place, &[transaction], 1_000);
        assert_eq!(desk.accepts(&place, &block), accepted, "{expiry}");
    }
}

#[test]
fn a_transaction_for_another_ledger_or_protocol_stands_in_no_block() {
    let mut desk = Desk::open();
    let place = desk.place();
    let good = desk.transaction(vec![registration("u")]);
    let judge = |desk: &Desk, transaction: &Transaction| {
        let bytes = cose::sign_transaction(transaction, &key(Actor::Registrar));
        desk.accepts(&place, &desk.block(&place, &[bytes], 1))
    };
    assert!(judge(&desk, &good));
    assert!(!judge(&desk, &Transaction { ledger: Digest([1; 32]), ..good.clone() }));
    assert!(!judge(&desk, &Transaction { protocol: 2, ..good }));
}

#[test]
fn a_block_that_places_a_mortgage_before_a_seal_is_invalid() {
    let mut desk = Desk::open();
    let place = desk.place();
    let seals = [desk.signed(Actor::Judge, seal("a")), desk.signed(Actor::OtherJudge, seal("b"))];
    let others = [desk.good(), desk.signed(Actor::BankerA, padded(10))];
    let order =
        |parts: &[&Vec<u8>]| -> Vec<Vec<u8>> { parts.iter().map(|p| (*p).clone()).collect() };
    let good = order(&[&seals[0], &seals[1], &others[0], &others[1]]);
    assert!(desk.accepts(&place, &desk.block(&place, &good, 1)));
    for bad in [
        order(&[&others[0], &seals[0]]),
        order(&[&seals[0], &others[0], &seals[1]]),
        order(&[&others[0], &others[1], &seals[0], &seals[1]]),
    ] {
        assert!(!desk.accepts(&place, &desk.block(&place, &bad, 1)));
    }
    // A seal with something else in the same transaction is no seal: nothing rides along.
    let mixed = desk.transaction(vec![seal("a"), registration("u")]);
    let mixed = cose::sign_transaction(&mixed, &key(Actor::Judge));
    let rides = order(&[&mixed, &seals[0]]);
    assert!(!desk.accepts(&place, &desk.block(&place, &rides, 1)));
    let behind = order(&[&seals[0], &mixed]);
    assert!(desk.accepts(&place, &desk.block(&place, &behind, 1)));
}

#[test]
fn a_seal_in_the_pool_is_in_the_next_block_before_the_others() {
    let mut desk = Desk::open();
    // More than a block of others waits already.
    for by in [Actor::Registrar, Actor::BankerA] {
        for _ in 0..8 {
            let others: Vec<_> = (0..5).map(|_| desk.signed(by, padded(60_000))).collect();
            desk.gossip(&others);
        }
    }
    assert_eq!(desk.pooled(), 80);
    let seal = desk.signed(Actor::Judge, seal("u"));
    desk.submit(&seal).unwrap();
    let block = desk.step();
    assert!(block.transactions.len() > 10, "the block is full");
    assert_eq!(block.transactions[0].to_vec(), seal);
}

#[test]
fn an_honest_proposer_never_proposes_what_it_would_refuse() {
    let mut desk = Desk::open();
    for round in 0..6_u64 {
        for by in [Actor::Registrar, Actor::Citizen(0), Actor::Citizen(1), Actor::BankerA] {
            let batch: Vec<_> = (0..9).map(|_| desk.signed(by, padded(50_000))).collect();
            desk.gossip(&batch);
        }
        let seals: Vec<_> = (0..3).map(|_| desk.signed(Actor::Judge, seal("u"))).collect();
        desk.gossip(&seals);
        desk.wait_ms(round * 700);
        // The stand-in asks the machine to judge its own block; a refusal would panic here.
        desk.step();
    }
    while desk.pooled() > 0 {
        assert!(!desk.step().transactions.is_empty());
    }
}

#[test]
fn a_restarted_node_knows_what_it_knew() {
    let mut desk = Desk::open();
    let replayed = desk.good();
    desk.submit(&replayed).unwrap();
    desk.step();
    for _ in 0..3 {
        let good = desk.good();
        desk.submit(&good).unwrap();
        desk.wait_ms(59_000);
        desk.step();
    }
    let (pipeline, node) = desk.restarted();
    let (before, after) = (desk.node().status(), node.status());
    assert_eq!((after.height, after.block, after.time), (before.height, before.block, before.time));
    assert_eq!((after.state_root, after.epoch), (before.state_root, before.epoch));
    assert_eq!((&after.committee, after.validator), (&before.committee, true));
    assert_eq!(after.pool, 0, "the pool is not kept");
    let names = |packages: Vec<Arc<chaincity_package::model::Package>>| {
        packages.iter().map(|package| (package.id.clone(), package.version)).collect::<Vec<_>>()
    };
    assert_eq!(names(pipeline.packages()), names(desk.pipeline().packages()));
    assert_eq!(pipeline.packages().len(), 3, "the two built-in ones and the published one");
    // It knows operators and actions for gossip, and the window for blocks.
    let place = desk.place();
    let (good, seal) = (desk.good(), desk.signed(Actor::Judge, seal("u")));
    assert!(block_on(node.submit(good.clone())).is_ok());
    let good_block = desk.block(&place, &[seal, good], 1);
    assert_eq!(
        desk.judged(&pipeline, &place, &good_block, Finality::Candidate),
        desk.judged(desk.pipeline(), &place, &good_block, Finality::Candidate)
    );
    let bad = desk.block(&place, &[replayed], 1);
    assert_eq!(desk.judged(&pipeline, &place, &bad, Finality::Candidate), None);
    assert_eq!(hash::header_digest(desk.tip()), after.block);
}

/// A node that joined by snapshot may not know yet which actions are urgent; the state does.
#[test]
fn a_proposer_orders_by_the_state_and_not_by_what_it_knew_when_a_transaction_came() {
    let mut desk = Desk::open();
    desk.wait_ms(60_000);
    desk.step();
    let (joined, _) = desk.joined(2);
    assert_eq!(joined.packages().len(), 2, "it knows the built-in packages alone");
    // By name its member comes before the court.
    let mortgage = desk.signed(Actor::BankerA, padded(10));
    let seal = desk.signed(Actor::Judge, seal("u"));
    desk.gossip_to(&joined, &[mortgage.clone(), seal.clone()]);
    let place = desk.place();
    let block = desk.proposed(&joined, &place);
    assert_eq!(leaves(&block), [seal, mortgage]);
    assert!(desk.accepts(&place, &block));
}

#[test]
fn a_node_that_joined_proposes_no_transactions_before_it_knows_what_is_final() {
    let mut desk = Desk::open();
    let replayed = desk.good();
    desk.submit(&replayed).unwrap();
    desk.step();
    for _ in 0..2 {
        desk.wait_ms(1_000);
        desk.step();
    }
    let (joined, store) = desk.joined(1);
    let place = desk.place();
    // It cannot know that this one is final already, and must not find out by proposing it.
    desk.gossip_to(&joined, std::slice::from_ref(&replayed));
    let proposed = desk.proposed(&joined, &place);
    assert!(proposed.transactions.is_empty());
    let (good, bad) = (desk.good(), replayed);
    let good = desk.block(&place, &[good], 1);
    let bad = desk.block(&place, &[bad], 1);
    let judge = |block: &Block| desk.judged(&joined, &place, block, Finality::Candidate);
    // It goes on for ever, since a later snapshot may leave a gap: what is there comes at once.
    // So until then consensus is not let ask it, nor for blocks that it has not reached.
    let tip = desk.tip().height;
    assert!(!joined.can_judge(tip) && desk.pipeline().can_judge(tip));
    assert!(!desk.pipeline().can_judge(tip.next()));
    assert!(joined.backfill(desk.clock()).now_or_never().is_none());
    assert_eq!(store.complete_from(), Some(Height(1)));
    assert!(joined.can_judge(tip));
    assert!(judge(&good).is_some());
    assert!(judge(&bad).is_none());
    assert!(desk.proposed(&joined, &place).transactions.is_empty(), "it left the pool");
    let another = desk.good();
    desk.gossip_to(&joined, std::slice::from_ref(&another));
    assert_eq!(leaves(&desk.proposed(&joined, &place)), [another]);
}

#[test]
fn a_block_tried_on_all_cores_comes_to_what_it_comes_to_in_order() {
    let mut desk = Desk::open();
    // More than are handed to further cores, with some that only stand as long as none before them
    // wrote what they read.
    let mut transactions: Vec<_> = (0..40).map(|_| desk.good()).collect();
    transactions.extend((0..2).map(|_| desk.signed(Actor::Registrar, registration("again"))));
    let block = desk.block(&desk.place(), &transactions, 1);
    let (in_order, _) = desk.restarted();
    let at_once = in_order.clone().on_all_cores();
    let place = desk.place();
    let first = desk.judged(&in_order, &place, &block, Finality::Finalized);
    assert!(first.is_some());
    assert_eq!(desk.judged(&at_once, &place, &block, Finality::Finalized), first);
    // On other cores too the runtime is at hand: a look into the state may ask it for the disk.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let again = desk.restarted().0.on_all_cores();
    assert_eq!(desk.judged(&again, &place.on_disk(), &block, Finality::Finalized), first);
}

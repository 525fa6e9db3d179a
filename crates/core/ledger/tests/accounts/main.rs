//! Accounts: whatever holders, banks, courts and the treasury do, and however it meets in a block,
//! debits equal credits, no balance passes its bounds, and earmarked money keeps its purpose.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod book;
mod city;
mod guards;
mod walk;

use std::collections::BTreeMap;

use city::City;
use walk::Walk;

/// Blocks of a walk.
const BLOCKS: usize = 800;

/// Refusals that the walks must have met, by code: a walk on which all goes well shows little.
const MET: [&str; 26] = [
    "account-frozen",
    "account-not-empty",
    "account-protected",
    "amount-not-positive",
    "balance-too-high",
    "exists",
    "expiry-past",
    "funds-insufficient",
    "mandate-missing",
    "not-a-party",
    "not-authorised",
    "not-freezing-authority",
    "not-holder",
    "not-issuer",
    "not-outlet",
    "not-settler",
    "outlet-pays-nothing",
    "posted-exceeds-amount",
    "purpose-differs",
    "purpose-unfit",
    "record-closed",
    "reference-used",
    "returned-exceeds-posted",
    "same-account",
    "transfer-settled",
    "unit-differs",
];

/// What must have been done, often.
const DONE: [&str; 13] = [
    "close",
    "expire",
    "freeze",
    "open",
    "post",
    "reserve",
    "return",
    "set-limits",
    "set-uses",
    "transfer",
    "unfreeze",
    "void",
    "end-freeze",
];

#[test]
fn debits_equal_credits_after_every_block_of_every_walk() {
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    for seed in [1, 2, 20_261_127] {
        eprintln!("种子 · seed {seed}");
        let mut walk = Walk::new(seed, City::new());
        for _ in 0..BLOCKS {
            walk.block();
        }
        for (code, times) in walk.met {
            *met.entry(code).or_default() += times;
        }
    }
    eprintln!("{met:#?}");
    let rare: Vec<_> = MET.iter().filter(|code| met.get(**code).is_none_or(|n| *n < 3)).collect();
    assert!(rare.is_empty(), "hardly met: {rare:?}");
    let rare: Vec<_> = DONE.iter().filter(|done| met.get(**done).is_none_or(|n| *n < 10)).collect();
    assert!(rare.is_empty(), "hardly done: {rare:?}");
}

/// A walk on a ledger whose `post` asks for nothing: the books must come apart.
#[test]
#[should_panic(expected = "applied: Act")]
fn a_walk_notices_an_action_that_lets_more_through() {
    let mut walk = Walk::new(1, guards::spoiled("post", |action| action.guards.clear()));
    for _ in 0..BLOCKS {
        walk.block();
    }
}

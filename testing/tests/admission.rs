//! Admission at a node: every way in which a transaction can be wrong has its own code, and what
//! is wrong enters neither pool nor block, by whichever way it comes.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::type_complexity,
    reason = "tests"
)]

use std::collections::BTreeSet;

use chaincity_crypto::cose;
use chaincity_crypto::suite::SecretKey;
use chaincity_engine::{Clock as _, Finality};
use chaincity_ledger::governance;
use chaincity_pipeline::{NodeApi as _, Refusal};
use chaincity_testing::city::Actor;
use chaincity_testing::desk::{BEGIN, Desk, key, padded, registration, seal, with};
use chaincity_types::cbor::DEPTH_MAX;
use chaincity_types::wire::{
    Call, EXPIRY_AHEAD_MAX_MS, Mode, Outcome, TRANSACTION_BYTES_MAX, Transaction,
};
use chaincity_types::{Digest, Reject, Timestamp, Value, cbor};
use minicbor::Encoder;
use minicbor::data::Tag;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn sign(transaction: &Transaction) -> Vec<u8> {
    cose::sign_transaction(transaction, &key(Actor::Registrar))
}

/// Asserts that the node takes `good` from a client and refuses `bad` with `code`.
#[track_caller]
fn refused(desk: &Desk, good: &[u8], bad: &[u8], code: &str) {
    let before = desk.pooled();
    assert_eq!(desk.refusal(bad), code);
    assert_eq!(desk.pooled(), before);
    assert!(desk.submit(good).is_ok(), "{:?}", desk.submit(good));
    assert_eq!(desk.pooled(), before + 1);
}

/// The same for what no validator lets pass: gossiped or in a block it is refused as well.
#[track_caller]
fn refused_by_all(desk: &Desk, good: &[u8], bad: &[u8], code: &str) {
    let before = desk.pooled();
    desk.gossip(&[bad]);
    assert_eq!(desk.pooled(), before, "gossip took it");
    let place = desk.place();
    let good_block = desk.block(&place, &[good.to_vec()], 1);
    assert!(desk.accepts(&place, &good_block));
    let bad_block = desk.block(&place, &[good.to_vec(), bad.to_vec()], 1);
    assert!(!desk.accepts(&place, &bad_block), "a block may hold it");
    refused(desk, good, bad, code);
}

/// A COSE_Sign1 message in parts, each as it stands.
struct Parts {
    tag: u64,
    protected: Vec<u8>,
    unprotected: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
    more: Vec<u8>,
}

impl Parts {
    fn of(transaction: &Transaction) -> Self {
        let good = sign(transaction);
        let signed = cose::decode_transaction(&good).unwrap();
        let mut protected = Vec::new();
        let mut e = Encoder::new(&mut protected);
        e.map(2).unwrap().u8(1).unwrap().i8(-8).unwrap().u8(4).unwrap();
        e.bytes(signed.operator.as_bytes()).unwrap();
        Self {
            tag: 18,
            protected,
            unprotected: vec![0xa0],
            payload: cbor::encode(transaction),
            signature: signed.signature.as_bytes().to_vec(),
            more: Vec::new(),
        }
    }

    fn join(&self) -> Vec<u8> {
        let mut out = Vec::new();
        Encoder::new(&mut out).tag(Tag::new(self.tag)).unwrap().array(4).unwrap();
        Encoder::new(&mut out).bytes(&self.protected).unwrap();
        out.extend(&self.unprotected);
        Encoder::new(&mut out).bytes(&self.payload).unwrap();
        Encoder::new(&mut out).bytes(&self.signature).unwrap();
        out.extend(&self.more);
        out
    }

    /// Signed anew, so that nothing but the form is wrong.
    fn sign(mut self) -> Vec<u8> {
        let mut message = Vec::new();
        let mut e = Encoder::new(&mut message);
        e.array(4).unwrap().str("Signature1").unwrap().bytes(&self.protected).unwrap();
        e.bytes(&[]).unwrap().bytes(&self.payload).unwrap();
        self.signature = key(Actor::Registrar).sign(&message).as_bytes().to_vec();
        self.join()
    }
}

#[test]
fn the_parts_make_the_whole() {
    let mut desk = Desk::open();
    let transaction = desk.transaction(vec![registration("u")]);
    assert_eq!(Parts::of(&transaction).join(), sign(&transaction));
    assert_eq!(Parts::of(&transaction).sign(), sign(&transaction));
}

#[test]
fn a_transaction_over_the_limit_is_too_large() {
    let mut desk = Desk::open();
    let sized = |desk: &mut Desk, over: usize| {
        let probe = desk.transaction(vec![padded(100_000)]);
        let rest = TRANSACTION_BYTES_MAX - sign(&probe).len();
        sign(&Transaction { calls: vec![padded(100_000 + rest + over)], ..probe })
    };
    let (good, bad) = (sized(&mut desk, 0), sized(&mut desk, 1));
    assert_eq!((good.len(), bad.len()), (TRANSACTION_BYTES_MAX, TRANSACTION_BYTES_MAX + 1));
    refused_by_all(&desk, &good, &bad, "too-large");
}

#[test]
fn other_forms_are_malformed() {
    let mut desk = Desk::open();
    let mut cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("no CBOR", b"hello".to_vec()),
        ("a number", vec![7]),
        ("an item of another kind", vec![0xa0]),
    ];
    let parts = |desk: &mut Desk, change: fn(&mut Parts)| {
        let mut parts = Parts::of(&desk.transaction(vec![registration("u")]));
        change(&mut parts);
        parts.sign()
    };
    let spoilt: [(&str, fn(&mut Parts)); 13] = [
        ("bytes after the end", |p| p.more = vec![0]),
        ("another message after it", |p| p.more = vec![0xd2, 0x84]),
        ("an unprotected header", |p| p.unprotected = vec![0xa1, 1, 1]),
        ("an unprotected list", |p| p.unprotected = vec![0x80]),
        ("another tag", |p| p.tag = 17),
        ("the tag of another message", |p| p.tag = 98),
        ("an indefinite unprotected header", |p| p.unprotected = vec![0xbf, 0xff]),
        ("a payload cut off", |p| p.payload.truncate(p.payload.len() - 1)),
        ("a payload with more after it", |p| p.payload.push(0)),
        ("an empty payload", |p| p.payload.clear()),
        ("another algorithm", |p| p.protected[2] = 0x26),
        ("a header key twice", |p| p.protected[3] = 1),
        ("a header of another size", |p| p.protected[0] = 0xa3),
    ];
    cases.extend(spoilt.map(|(name, change)| (name, parts(&mut desk, change))));
    let payload = |desk: &mut Desk, bytes: fn(Vec<u8>) -> Vec<u8>| {
        let mut parts = Parts::of(&desk.transaction(vec![registration("u")]));
        parts.payload = bytes(parts.payload);
        parts.sign()
    };
    let written: [(&str, fn(Vec<u8>) -> Vec<u8>); 7] = [
        // The payload is a map of six entries: 0xa6.
        ("an unknown field", |mut p| {
            p[0] = 0xa7;
            p.extend([7, 1]);
            p
        }),
        ("a field twice", |mut p| {
            p[0] = 0xa7;
            p.extend([6, 0x61, b'x']);
            p
        }),
        ("an indefinite map", |mut p| {
            p[0] = 0xbf;
            p.push(0xff);
            p
        }),
        ("a key in two bytes", |p| [vec![0xa6, 0x18, 1], p[2..].to_vec()].concat()),
        ("a missing field", |p| [vec![0xa5], p[36..].to_vec()].concat()),
        ("a float", |_| vec![0xf9, 0, 0]),
        ("keys out of order", |p| {
            let ledger = p[1..36].to_vec();
            [vec![0xa6], p[36..38].to_vec(), ledger, p[38..].to_vec()].concat()
        }),
    ];
    cases.extend(written.map(|(name, bytes)| (name, payload(&mut desk, bytes))));
    for (name, bad) in cases {
        let good = desk.good();
        assert_ne!(bad, good, "{name}");
        println_case(name);
        refused_by_all(&desk, &good, &bad, "malformed");
    }
}

/// Names the case in the output of a test that fails.
#[allow(clippy::print_stdout, reason = "shown for a failed test alone")]
fn println_case(name: &str) {
    println!("case: {name}");
}

#[test]
fn names_longer_than_the_format_allows_are_malformed() {
    let mut desk = Desk::open();
    let named = |desk: &mut Desk, name: String, place: usize| {
        let mut transaction = desk.transaction(vec![registration("u")]);
        match place {
            0 => transaction.intent = Some(name.into()),
            1 => transaction.calls[0].case = Some(name.into()),
            _ => transaction.calls[0].task = Some(name.into()),
        }
        sign(&transaction)
    };
    for place in 0..3 {
        let good = named(&mut desk, "证".repeat(64), place);
        let bad = named(&mut desk, "证".repeat(65), place);
        refused_by_all(&desk, &good, &bad, "malformed");
        let (good, bad) = (desk.good(), named(&mut desk, String::new(), place));
        refused_by_all(&desk, &good, &bad, "malformed");
    }
}

/// An input nested so deep that its innermost item is at this depth of the payload.
fn nested(desk: &mut Desk, depth: usize) -> Vec<u8> {
    // transaction, calls, call, input: four levels above the value.
    let mut value = Value::Int(1);
    for _ in 0..depth - 4 {
        value = Value::List(vec![value]);
    }
    sign(&desk.transaction(vec![with(registration("u"), "holders", value)]))
}

#[test]
fn a_transaction_nested_deeper_than_the_limit_is_too_deep() {
    let mut desk = Desk::open();
    // At the limit it is read, and what it says does not fit the action.
    let at = nested(&mut desk, DEPTH_MAX - 1);
    assert_eq!(desk.refusal(&at), "invalid-input");
    for depth in [DEPTH_MAX, DEPTH_MAX + 1, 1_000] {
        let mut payload = Parts::of(&desk.transaction(vec![registration("u")]));
        if depth < 1_000 {
            let bad = nested(&mut desk, depth);
            let good = desk.good();
            refused_by_all(&desk, &good, &bad, "too-deep");
        } else {
            payload.payload = vec![0x81; depth];
            let (good, bad) = (desk.good(), payload.sign());
            refused_by_all(&desk, &good, &bad, "too-deep");
        }
    }
}

#[test]
fn a_transaction_has_1_to_256_calls() {
    let mut desk = Desk::open();
    let calls = |desk: &mut Desk, count: usize| {
        let calls = (0..count).map(|i| registration(&format!("u-{i}"))).collect();
        sign(&desk.transaction(calls))
    };
    let (good, bad) = (calls(&mut desk, 256), calls(&mut desk, 257));
    refused_by_all(&desk, &good, &bad, "call-count");
    let (good, bad) = (calls(&mut desk, 1), calls(&mut desk, 0));
    refused_by_all(&desk, &good, &bad, "call-count");
}

#[test]
fn a_transaction_is_for_one_ledger_and_one_protocol() {
    let mut desk = Desk::open();
    let (good, transaction) = (desk.good(), desk.transaction(vec![registration("u")]));
    let bad = sign(&Transaction { ledger: Digest([9; 32]), ..transaction.clone() });
    refused_by_all(&desk, &good, &bad, "wrong-ledger");
    let good = desk.good();
    let bad = sign(&Transaction { protocol: 2, ..transaction });
    refused_by_all(&desk, &good, &bad, "wrong-protocol");
}

#[test]
fn an_expiry_lies_ahead_and_at_most_ten_minutes() {
    let mut desk = Desk::open();
    let tip = desk.tip().time;
    let expiring = |desk: &mut Desk, expiry: Timestamp| {
        let transaction = desk.transaction(vec![registration("u")]);
        sign(&Transaction { expiry, ..transaction })
    };
    let (good, bad) = (expiring(&mut desk, tip.plus_ms(1)), expiring(&mut desk, tip));
    refused_by_all(&desk, &good, &bad, "expired");
    let last = tip.plus_ms(EXPIRY_AHEAD_MAX_MS);
    let (good, bad) = (expiring(&mut desk, last), expiring(&mut desk, last.plus_ms(1)));
    // A block a millisecond later may hold it: no rule for all nodes, only this one's moment.
    refused(&desk, &good, &bad, "expiry-too-far");
    // Transactions gather for longer than a millisecond: what expires meanwhile is left out.
    assert_eq!(desk.step().transactions.len(), 1);
}

#[test]
fn a_transaction_is_accepted_once_until_it_expires() {
    let mut desk = Desk::open();
    let bytes = desk.good();
    let id = desk.submit(&bytes).unwrap();
    assert_eq!(desk.refusal(&bytes), "duplicate", "in the pool");
    assert_eq!(desk.step().transactions.len(), 1);
    assert_eq!(desk.node().receipt(&id).unwrap().unwrap().entries[0].outcome, Outcome::Applied);
    assert_eq!(desk.pooled(), 0);
    let good = desk.good();
    refused_by_all(&desk, &good, &bytes, "duplicate");
    let expiry = cose::decode_transaction(&bytes).unwrap().transaction.expiry;
    while desk.tip().time < expiry {
        assert_eq!(desk.refusal(&bytes), "duplicate");
        desk.wait_ms(60_000);
        desk.step();
    }
    let good = desk.good();
    refused_by_all(&desk, &good, &bytes, "expired");
}

#[test]
fn whatever_part_is_changed_the_signature_is_bad() {
    let mut desk = Desk::open();
    let transaction = desk.transaction(vec![registration("u")]);
    let flip = |change: fn(&mut Parts)| {
        let mut parts = Parts::of(&transaction);
        change(&mut parts);
        parts.join()
    };
    let cases: [(&str, fn(&mut Parts)); 7] = [
        ("its first half", |p| p.signature[0] ^= 1),
        ("its second half", |p| p.signature[40] ^= 1),
        // s + the group's order has the same value and is another encoding: ZIP 215 refuses it.
        ("a second encoding of s", |p| add_order(&mut p.signature)),
        ("all zeros", |p| p.signature = vec![0; 64]),
        ("another payload", |p| {
            let at = p.payload.len() - 1;
            p.payload[at] ^= 1;
        }),
        ("another known key", |p| {
            let at = p.protected.len() - 32;
            p.protected[at..].copy_from_slice(key(Actor::Judge).public_key().as_bytes());
        }),
        ("a key that is no point", |p| {
            let at = p.protected.len() - 32;
            p.protected[at..].copy_from_slice(&[2; 32]);
        }),
    ];
    for (name, change) in cases {
        println_case(name);
        let (good, bad) = (desk.good(), flip(change));
        refused_by_all(&desk, &good, &bad, "bad-signature");
    }
}

/// Adds the order of the group to s, the second half of a signature.
fn add_order(signature: &mut [u8]) {
    const ORDER: [u8; 16] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14,
    ];
    let mut carry = 0_u16;
    for (i, byte) in signature[32..].iter_mut().enumerate() {
        let order = match i {
            0..16 => u16::from(ORDER[i]),
            31 => 0x10,
            _ => 0,
        };
        let sum = u16::from(*byte) + order + carry;
        *byte = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
}

/// Under ZIP 215 anybody can sign for a key of small order. Such a key is nobody's, alone and in
/// a batch alike: the answer is that no operator has it.
#[test]
fn a_key_of_small_order_signs_for_nobody() {
    let mut desk = Desk::open();
    for low in [[0_u8; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        let mut parts = Parts::of(&desk.transaction(vec![registration("u")]));
        let at = parts.protected.len() - 32;
        parts.protected[at..].copy_from_slice(&low);
        parts.signature = vec![0; 64];
        if low[0] == 1 {
            parts.signature[0] = 1;
        }
        let bad = parts.join();
        assert_eq!(cose::decode_transaction(&bad).unwrap().verify(), Ok(()));
        let good = desk.good();
        refused_by_all(&desk, &good, &bad, "unknown-operator");
    }
}

#[test]
fn a_stranger_is_an_unknown_operator() {
    let mut desk = Desk::open();
    let (good, bad) = (desk.good(), desk.signed(Actor::Stranger, registration("u")));
    refused_by_all(&desk, &good, &bad, "unknown-operator");
    // A stranger's wrongly signed one says nothing of operators.
    let mut worse = bad;
    *worse.last_mut().unwrap() ^= 1;
    let good = desk.good();
    refused_by_all(&desk, &good, &worse, "bad-signature");
}

#[test]
fn a_call_names_a_package_and_an_action_that_exist() {
    let mut desk = Desk::open();
    let call = registration("u");
    let (good, bad) = (
        desk.good(),
        desk.signed(Actor::Registrar, Call { package: "no-such".into(), ..call.clone() }),
    );
    refused(&desk, &good, &bad, "unknown-package");
    let bad = desk.signed(Actor::Registrar, Call { action: "no-such".into(), ..call });
    let good = desk.good();
    refused(&desk, &good, &bad, "unknown-action");
}

#[test]
fn who_lacks_the_role_is_not_authorised() {
    let mut desk = Desk::open();
    let (good, bad) = (desk.good(), desk.signed(Actor::Citizen(0), registration("u")));
    refused(&desk, &good, &bad, "not-authorised");
    let (good, bad) =
        (desk.signed(Actor::Judge, seal("u")), desk.signed(Actor::Registrar, seal("u")));
    refused(&desk, &good, &bad, "not-authorised");
}

#[test]
fn an_input_that_does_not_fit_is_invalid() {
    let mut desk = Desk::open();
    let text = |chars: usize| Value::Text("地".repeat(chars).into());
    let share = |subject: &str, n: i64, d: i64| {
        let parts = [("subject", Value::from(subject)), ("n", Value::Int(n)), ("d", Value::Int(d))];
        Value::Map(parts.map(|(name, value)| (name.into(), value)).into())
    };
    let shares = |count: i64| {
        Value::List(vec![share("测试甲", 1, count); usize::try_from(count).unwrap()])
    };
    let area = |mantissa, scale| Value::Decimal { mantissa, scale };
    let register =
        |field: &str, value: Value| (Actor::Registrar, with(registration("u"), field, value));
    let seals = |field: &str, value: Value| (Actor::Judge, with(seal("u"), field, value));
    let cases = [
        ("text", register("location", text(300)), register("location", text(301))),
        ("text kind", register("location", text(1)), register("location", Value::Int(1))),
        ("enum", register("number_kind", "other".into()), register("number_kind", "any".into())),
        ("area", register("land_area", area(1, 2)), register("land_area", area(1, 3))),
        ("area sign", register("land_area", area(0, 2)), register("land_area", area(-1, 2))),
        ("int", register("floors", Value::Int(-1)), register("floors", "1".into())),
        (
            "date",
            register("completed", Value::Date(0)),
            register("completed", Value::Date(i32::MAX)),
        ),
        ("list", register("holders", shares(50)), register("holders", shares(51))),
        (
            "share",
            register("holders", shares(1)),
            register("holders", Value::List(vec![share("测试甲", 2, 1)])),
        ),
        (
            "digest",
            register("basis_digest", Value::Bytes(vec![1; 32])),
            register("basis_digest", Value::Bytes(vec![1; 31])),
        ),
        ("missing", register("district", Value::Null), register("location", Value::Null)),
        ("undeclared", register("use", text(1)), register("more", Value::Null)),
        ("identifier", register("certificate", Value::Null), register("certificate", "x".into())),
        ("time", seals("served", Value::Time(BEGIN)), seals("served", Value::Date(1))),
        ("ref", seals("unit", "none".into()), seals("unit", "".into())),
    ];
    for (name, (by, good), (_, bad)) in cases {
        println_case(name);
        let (good, bad) = (desk.signed(by, good), desk.signed(by, bad));
        refused(&desk, &good, &bad, "invalid-input");
    }
}

/// What only some calls of an independent transaction get wrong is for their receipts to say.
#[test]
fn an_independent_transaction_is_refused_only_when_no_call_can_apply() {
    let mut desk = Desk::open();
    let bad = Call { action: "no-such".into(), ..registration("u") };
    let with_mode = |desk: &mut Desk, mode, calls: &[Call]| {
        let transaction = desk.transaction(calls.to_vec());
        sign(&Transaction { mode, ..transaction })
    };
    let mixed = [registration("a"), bad.clone()];
    let independent = with_mode(&mut desk, Mode::Independent, &mixed);
    let atomic = with_mode(&mut desk, Mode::Atomic, &mixed);
    refused(&desk, &independent, &atomic, "unknown-action");
    let hopeless = with_mode(&mut desk, Mode::Independent, &[bad.clone(), bad]);
    assert_eq!(desk.refusal(&hopeless), "unknown-action");
    desk.step();
    let id = cose::decode_transaction(&independent).unwrap().id;
    let receipt = desk.node().receipt(&id).unwrap().unwrap();
    assert_eq!(receipt.entries.len(), 2);
    assert_eq!(receipt.entries[0].outcome, Outcome::Applied);
}

/// The codes of a batch's answers; `ok` for what was accepted.
fn codes(answers: &[Result<Digest, Refusal>]) -> Vec<&'static str> {
    answers.iter().map(|answer| answer.as_ref().map_or_else(|r| r.code.code(), |_| "ok")).collect()
}

#[test]
fn each_of_a_batch_has_the_answer_that_it_has_alone() {
    let mut desk = Desk::open();
    let good: Vec<_> = (0..3).map(|_| desk.good()).collect();
    let mut bent = desk.good();
    *bent.last_mut().unwrap() ^= 1;
    let transaction = desk.transaction(vec![registration("u")]);
    let no_such = Call { action: "no-such".into(), ..registration("u") };
    let bad = [
        (b"junk".to_vec(), "malformed"),
        (vec![0; TRANSACTION_BYTES_MAX + 1], "too-large"),
        (sign(&Transaction { protocol: 2, ..transaction }), "wrong-protocol"),
        (bent, "bad-signature"),
        (desk.signed(Actor::Stranger, registration("u")), "unknown-operator"),
        (desk.signed(Actor::Citizen(0), registration("u")), "not-authorised"),
        (desk.signed(Actor::Registrar, no_such), "unknown-action"),
    ];
    let mut batch = Vec::new();
    for (bytes, code) in &bad {
        assert_eq!(desk.refusal(bytes), *code);
        batch.push(bytes.clone());
    }
    batch.splice(0..0, [good[0].clone()]);
    batch.insert(4, good[1].clone());
    batch.extend([good[0].clone(), good[2].clone()]);
    let mut expected: Vec<_> = bad.iter().map(|(_, code)| *code).collect();
    expected.splice(0..0, ["ok"]);
    expected.insert(4, "ok");
    expected.extend(["duplicate", "ok"]);
    let answers = desk.submit_many(&batch);
    assert_eq!(codes(&answers), expected);
    assert_eq!(desk.pooled(), 3);
    let id = |bytes: &[u8]| cose::decode_transaction(bytes).unwrap().id;
    assert_eq!(answers[4], Ok(id(&good[1])));
    assert_eq!(desk.step().transactions.len(), 3);
    for bytes in &good {
        let receipt = desk.node().receipt(&id(bytes)).unwrap().unwrap();
        assert_eq!(receipt.entries[0].outcome, Outcome::Applied);
    }
    assert!(desk.submit_many::<Vec<u8>>(&[]).is_empty());
}

#[test]
fn of_a_batch_that_fills_the_pool_the_rest_is_told_busy() {
    let mut desk = Desk::open();
    let batch: Vec<_> = (0..260).map(|_| desk.signed(Actor::Registrar, padded(130_000))).collect();
    let seal = desk.signed(Actor::Judge, seal("u"));
    let mut all = batch;
    all.push(seal);
    let told = codes(&desk.submit_many(&all));
    let taken = told.iter().take_while(|code| **code == "ok").count();
    assert!((250..260).contains(&taken), "{taken}");
    assert!(told[taken..260].iter().all(|code| *code == "busy"));
    assert_eq!((told[260], desk.pooled()), ("ok", taken + 1));
}

#[test]
fn a_node_with_ten_blocks_waiting_takes_urgent_transactions_alone() {
    let mut desk = Desk::open();
    let (good, large) =
        (desk.good(), |desk: &mut Desk| desk.signed(Actor::Registrar, padded(130_000)));
    let block = desk.block(&desk.place(), &[good], 1);
    // A block of one transaction that took minutes: at this pace little is much.
    let place = desk.place().slow(desk.clock(), 60_000);
    let before = desk.clock().now();
    assert!(desk.judged(desk.pipeline(), &place, &block, Finality::Finalized).is_some());
    assert!(desk.clock().now().since_ms(before) >= 60_000);
    let taken = (0..20).take_while(|_| {
        let transaction = large(&mut desk);
        desk.submit(&transaction).is_ok()
    });
    let taken = taken.count();
    assert!((10..12).contains(&taken), "ten blocks of the largest transaction: {taken}");
    let bad = desk.good();
    assert_eq!(desk.refusal(&bad), "busy");
    // What is wrong for ever is told so, busy or not.
    let stranger = desk.signed(Actor::Stranger, registration("u"));
    assert_eq!(desk.refusal(&stranger), "unknown-operator");
    let seal = desk.signed(Actor::Judge, seal("u"));
    assert!(desk.submit(&seal).is_ok());
    // The urgent one first, then the large ones, each of which fits.
    assert_eq!(desk.step().transactions.len() + desk.step().transactions.len(), 3);
    assert!(desk.submit(&bad).is_ok(), "what left the pool leaves room");
}

/// The records of operator, member and packages are kept in memory; what a block changes of them
/// counts for what comes after it.
#[test]
fn admission_knows_of_a_change_of_authority_with_the_block_that_holds_it() {
    let mut desk = Desk::open();
    let good = desk.good();
    desk.submit(&good).unwrap();
    let public = |actor| Value::Bytes(key(actor).public_key().as_bytes().to_vec());
    let new_key = Call {
        package: governance::ID.into(),
        action: "set-operator".into(),
        input: [
            ("key".into(), public(Actor::Registrar)),
            ("rotate_to".into(), public(Actor::Stranger)),
        ]
        .into(),
        ..registration("u")
    };
    let (change, early) = (desk.signed(Actor::Registrar, new_key), desk.good());
    let by_new = desk.signed(Actor::Stranger, registration("new"));
    let id = desk.submit(&change).unwrap();
    assert!(desk.submit(&early).is_ok(), "it is not final yet");
    assert_eq!(desk.refusal(&by_new), "unknown-operator");
    desk.step();
    let receipt = desk.node().receipt(&id).unwrap().unwrap();
    assert_eq!(receipt.entries[0].outcome, Outcome::Applied);
    let late = desk.good();
    assert_eq!(desk.refusal(&late), "unknown-operator");
    assert!(desk.submit(&by_new).is_ok());
}

#[test]
fn a_member_that_fills_its_half_of_the_pool_is_told_busy_and_others_are_not() {
    let mut desk = Desk::open();
    let mut batch = Vec::new();
    let mut held = 0;
    let bad = loop {
        let bytes = desk.signed(Actor::Registrar, padded(130_000));
        held += bytes.len();
        if held > 32 << 20 {
            break bytes;
        }
        batch.push(bytes);
        if batch.len() == 7 {
            desk.gossip(&std::mem::take(&mut batch));
        }
    };
    desk.gossip(&batch);
    assert!(desk.pooled() > 250);
    assert_eq!(desk.refusal(&bad), "busy");
    let good = desk.signed(Actor::Judge, seal("u"));
    assert!(desk.submit(&good).is_ok());
    // And once no more than ten blocks wait there is room.
    desk.step();
    assert_eq!(desk.refusal(&bad), "busy");
    (0..30).for_each(|_| drop(desk.step()));
    assert!(desk.submit(&bad).is_ok());
}

#[test]
fn a_node_that_cannot_read_its_state_is_busy_and_blames_nobody() {
    let mut desk = Desk::open();
    let (good, malformed) = (desk.good(), vec![0_u8]);
    desk.alone().break_in_a_moment();
    assert_eq!(desk.refusal(&good), "busy", "it broke during the dry run");
    assert_eq!(desk.refusal(&good), "busy", "it is broken");
    assert_eq!(desk.refusal(&malformed), "malformed", "form needs no state");
    assert_eq!(desk.pooled(), 0);
}

/// What this file reaches; the other codes are the ledger's, given in receipts.
#[test]
fn each_refusal_of_admission_has_its_own_code() {
    const REACHED: [&str; 16] = [
        "too-large",
        "malformed",
        "too-deep",
        "call-count",
        "wrong-ledger",
        "wrong-protocol",
        "expired",
        "expiry-too-far",
        "duplicate",
        "bad-signature",
        "unknown-operator",
        "unknown-package",
        "unknown-action",
        "invalid-input",
        "not-authorised",
        "busy",
    ];
    let reached = BTreeSet::from(REACHED);
    assert_eq!(reached.len(), REACHED.len());
    let all: BTreeSet<_> = Reject::ALL.iter().map(|reject| reject.code()).collect();
    assert_eq!(all.len(), Reject::ALL.len(), "two of one code");
    assert!(reached.is_subset(&all));
    // Up to here the catalogue lists what admission alone says.
    let admission: BTreeSet<_> = Reject::ALL
        .iter()
        .map(|reject| reject.code())
        .take_while(|code| *code != "intent-used")
        .collect();
    assert!(admission.is_subset(&reached), "{:?}", admission.difference(&reached));
}

#[test]
fn a_final_transaction_is_a_duplicate_after_a_restart_too() {
    let mut desk = Desk::open();
    let bytes = desk.good();
    desk.submit(&bytes).unwrap();
    desk.step();
    let (pipeline, node) = desk.restarted();
    let again = futures::executor::block_on(node.submit(bytes.clone()));
    assert_eq!(again.unwrap_err().code, Reject::Duplicate);
    let place = desk.place();
    let block = desk.block(&place, &[bytes], 1);
    assert_eq!(desk.judged(&pipeline, &place, &block, Finality::Candidate), None);
}

// --- Whatever is sent ------------------------------------------------------------------------

/// Codes that admission may give.
fn is_code(code: Reject) -> bool {
    Reject::ALL.contains(&code)
}

/// Asserts that a wrong transaction is refused whichever way it comes, and that the good one that
/// comes with it is not lost.
fn never_accepted(desk: &mut Desk, bad: &[u8]) -> Result<(), TestCaseError> {
    let refusal = desk.submit(bad);
    prop_assert!(refusal.is_err());
    prop_assert!(is_code(refusal.unwrap_err().code));
    let good = desk.good();
    let before = desk.pooled();
    desk.gossip(&[bad, good.as_slice(), bad]);
    prop_assert_eq!(desk.pooled(), before + 1, "the good one and no other");
    let place = desk.place();
    let block = desk.block(&place, &[good, bad.to_vec()], 1);
    prop_assert!(!desk.accepts(&place, &block));
    if desk.pooled() > 16 {
        desk.step();
    }
    Ok(())
}

/// One change to bytes.
#[derive(Clone, Debug)]
enum Change {
    Flip(usize, u8),
    Insert(usize, Vec<u8>),
    Delete(usize, usize),
    Truncate(usize),
    Repeat(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<usize>(), 1_u8..).prop_map(|(at, with)| Change::Flip(at, with)),
        (any::<usize>(), prop::collection::vec(any::<u8>(), 1..9))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (any::<usize>(), 1_usize..9).prop_map(|(at, count)| Change::Delete(at, count)),
        any::<usize>().prop_map(Change::Truncate),
        (any::<usize>(), 1_usize..40).prop_map(|(at, count)| Change::Repeat(at, count)),
    ]
}

fn apply(change: &Change, bytes: &mut Vec<u8>) {
    let len = bytes.len().max(1);
    match change {
        Change::Flip(at, with) => {
            if let Some(byte) = bytes.get_mut(at % len) {
                *byte ^= with;
            }
        }
        Change::Insert(at, more) => {
            let at = at % len;
            bytes.splice(at..at, more.iter().copied());
        }
        Change::Delete(at, count) => {
            let at = (at % len).min(bytes.len());
            let end = (at + count).min(bytes.len());
            bytes.drain(at..end);
        }
        Change::Truncate(at) => bytes.truncate(at % len),
        Change::Repeat(at, count) => {
            let at = (at % len).min(bytes.len());
            let end = (at + count).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            bytes.splice(end..end, piece);
        }
    }
}

/// CBOR that means nothing: deep, wide, or claiming to be huge.
fn nonsense() -> impl Strategy<Value = Vec<u8>> {
    let claims = prop::sample::select(vec![0x5b_u8, 0x7b, 0x9b, 0xbb, 0xdb])
        .prop_flat_map(|head| (Just(head), any::<u64>()))
        .prop_map(|(head, length)| [vec![head], length.to_be_bytes().to_vec()].concat());
    let deep = (prop::sample::select(vec![0x81_u8, 0xa1, 0xc6, 0xd2]), 1_usize..3_000)
        .prop_map(|(head, depth)| [vec![head; depth], vec![0]].concat());
    let wide = (1_u32..40_000).prop_map(|count| {
        [vec![0x9a], count.to_be_bytes().to_vec(), vec![0xf6; usize::try_from(count).unwrap()]]
            .concat()
    });
    let leaf = prop_oneof![claims, deep, wide, prop::collection::vec(any::<u8>(), 0..60)];
    (leaf, 0_u8..4).prop_map(|(leaf, place)| match place {
        // By itself; as a whole message's payload; as its headers.
        0 => leaf,
        1 => framed(&[0xa0], &leaf),
        2 => framed(&leaf, &[0xa0]),
        _ => [vec![0xd2, 0x84, 0x58, 0x26, 0xa2, 1, 0x27, 4, 0x58, 0x20], leaf].concat(),
    })
}

fn framed(unprotected: &[u8], payload: &[u8]) -> Vec<u8> {
    let protected = [
        vec![0xa2, 1, 0x27, 4, 0x58, 0x20],
        key(Actor::Registrar).public_key().as_bytes().to_vec(),
    ]
    .concat();
    Parts {
        tag: 18,
        protected,
        unprotected: unprotected.to_vec(),
        payload: payload.to_vec(),
        signature: vec![0; 64],
        more: Vec::new(),
    }
    .sign()
}

/// A transaction with something wrong in it that every node must see, and signed all the same.
fn wrong(desk: &mut Desk, which: u8, by: u64) -> Vec<u8> {
    let good = desk.transaction(vec![registration("u")]);
    let far = desk.tip().time.plus_ms(EXPIRY_AHEAD_MAX_MS);
    let stranger = SecretKey::from_seed(&[7; 32]);
    let many = usize::try_from(by % 100).unwrap();
    match which % 7 {
        0 => sign(&Transaction { ledger: Digest([u8::try_from(by % 256).unwrap(); 32]), ..good }),
        1 => sign(&Transaction { protocol: 2 + u32::try_from(by % 1_000).unwrap(), ..good }),
        2 => sign(&Transaction {
            expiry: Timestamp(desk.tip().time.0.saturating_sub(by % 1_000)),
            ..good
        }),
        3 => sign(&Transaction { expiry: far.plus_ms(2 + by % (1 << 60)), ..good }),
        4 => cose::sign_transaction(&good, &stranger),
        5 => sign(&Transaction { calls: vec![registration("u"); 257 + many], ..good }),
        _ => sign(&Transaction { calls: vec![padded(TRANSACTION_BYTES_MAX + many)], ..good }),
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    }
}

#[test]
fn whatever_bytes_come_they_are_refused() {
    let mut runner = proptest::test_runner::TestRunner::new(config(256));
    let desk = std::cell::RefCell::new(Desk::open());
    let bytes = prop::collection::vec(any::<u8>(), 0..400);
    runner.run(&bytes, |bytes| never_accepted(&mut desk.borrow_mut(), &bytes)).unwrap();
}

#[test]
fn a_good_transaction_changed_anywhere_is_refused() {
    let mut runner = proptest::test_runner::TestRunner::new(config(384));
    let desk = std::cell::RefCell::new(Desk::open());
    let changes = prop::collection::vec(change(), 1..4);
    runner
        .run(&changes, |changes| {
            let mut desk = desk.borrow_mut();
            let good = desk.good();
            let mut bad = good.clone();
            for change in &changes {
                apply(change, &mut bad);
            }
            if bad == good { Ok(()) } else { never_accepted(&mut desk, &bad) }
        })
        .unwrap();
}

#[test]
fn structured_nonsense_is_refused() {
    let mut runner = proptest::test_runner::TestRunner::new(config(256));
    let desk = std::cell::RefCell::new(Desk::open());
    runner.run(&nonsense(), |bytes| never_accepted(&mut desk.borrow_mut(), &bytes)).unwrap();
}

#[test]
fn what_is_wrong_for_every_node_is_refused_by_every_way() {
    let mut runner = proptest::test_runner::TestRunner::new(config(140));
    let desk = std::cell::RefCell::new(Desk::open());
    runner
        .run(&(any::<u8>(), any::<u64>()), |(which, by)| {
            let mut desk = desk.borrow_mut();
            let bad = wrong(&mut desk, which, by);
            never_accepted(&mut desk, &bad)
        })
        .unwrap();
}

#[test]
fn the_governance_package_is_always_there() {
    let desk = Desk::open();
    assert!(desk.node().packages().iter().any(|package| package.id == governance::ID));
}

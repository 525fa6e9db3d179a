use std::collections::BTreeMap;

use chaincity_types::wire::{Header, Provenance, Version};
use chaincity_types::{Digest, Height};

use super::*;
use crate::finality::FinalBlock;

/// When the claim was worked out, and when the record of its signer was proved.
const AT: Timestamp = Timestamp(5);
const PROVED: Timestamp = Timestamp(9);

fn key() -> SecretKey {
    SecretKey::from_seed(&[9; 32])
}

fn statement() -> ClaimStatement {
    let context = ReleaseContext {
        ledger: Digest([9; 32]),
        access: "court:real-estate:right:00000001".into(),
        package: "real-estate".into(),
        register: "right".into(),
        record: "r-1".into(),
        version: 3,
        group: "holder".into(),
        commitment: Digest([4; 32]),
        claim: Some("is-holder".into()),
    };
    let number = ("number".into(), Value::from("测试号码"));
    ClaimStatement {
        context,
        package_version: 2,
        parameters: Value::Map(BTreeMap::from([number])),
        value: Value::Bool(true),
        at: AT,
    }
}

fn signed() -> SignedClaim {
    open(&statement().sign(&key())).unwrap()
}

fn block() -> FinalBlock {
    let header = Header {
        ledger: Digest::ZERO,
        protocol: 1,
        height: Height(7),
        parent: Digest::ZERO,
        context: Vec::new(),
        time: PROVED,
        transactions_root: Digest::ZERO,
        state_root: Digest::ZERO,
        operations_root: Digest::ZERO,
        operations_start: 0,
        operations_end: 0,
        effects_root: Digest::ZERO,
        committee: Digest::ZERO,
        next_committee: Digest::ZERO,
    };
    FinalBlock { header, digest: Digest::ZERO, certified: Height(7), epoch: 0, signers: 1 }
}

/// A version of the operator's record: since when, with which roles, whether active.
fn version(number: u64, since: u64, role: &str, active: bool) -> Version {
    let by = Provenance {
        transaction: Digest::ZERO,
        call: 0,
        operator: [1; 32].into(),
        member: "registry".into(),
        package: "governance".into(),
        package_version: 1,
        action: "add-operator".into(),
        height: Height(7),
        time: Timestamp(since),
        case: None,
        mandates: None,
    };
    let fields = [
        ("member", Value::from("registry")),
        ("roles", Value::List(vec![Value::from(role)])),
        ("active", Value::Bool(active)),
    ];
    Version {
        key: signer_key(&key().public_key()),
        version: number,
        previous: Digest::ZERO,
        schema: 1,
        status: Status::Live,
        fields: fields.into_iter().map(|(name, value)| (name.into(), value)).collect(),
        by,
        reason: None,
        corrects: None,
    }
}

/// The record, newest version first.
fn operator(versions: Vec<Version>) -> ProvedRecord {
    ProvedRecord { key: signer_key(&key().public_key()), block: block(), versions }
}

#[test]
fn a_statement_is_read_as_it_was_signed_and_no_byte_of_it_can_be_changed() {
    let bytes = statement().sign(&key());
    let signed = open(&bytes).unwrap();
    assert_eq!((&signed.statement, signed.key), (&statement(), key().public_key()));
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        assert!(open(&bad).is_err(), "byte {at}");
    }
    let login = cose::sign_statement("application/other", &cbor::encode(&statement()), &key());
    assert!(matches!(open(&login), Err(StatementError::ContentType { .. })));
}

#[test]
fn a_claim_is_the_members_whose_operator_answered_for_it_then() {
    let agent = operator(vec![version(1, 1, "steward.agent", true)]);
    assert_eq!(steward(&signed(), &agent).unwrap(), "registry");
    // He is no operator any more, but was one when he signed.
    let gone = version(2, 6, "steward.agent", false);
    let then = operator(vec![gone.clone(), version(1, 1, "steward.agent", true)]);
    assert_eq!(steward(&signed(), &then).unwrap(), "registry");
    // What is not shown does not count.
    assert_eq!(steward(&signed(), &operator(vec![gone])), None);
}

#[test]
fn a_claim_by_anyone_else_is_nobodys() {
    let of = |record: &ProvedRecord| steward(&signed(), record);
    assert_eq!(of(&operator(vec![version(1, 1, "reader.officer", true)])), None);
    assert_eq!(of(&operator(vec![version(1, 1, "steward.agent", false)])), None);
    assert_eq!(of(&operator(vec![version(1, 6, "steward.agent", true)])), None);
    assert_eq!(of(&operator(Vec::new())), None);
    let agent = operator(vec![version(1, 1, "steward.agent", true)]);
    let another = signer_key(&SecretKey::from_seed(&[8; 32]).public_key());
    assert_eq!(of(&ProvedRecord { key: another, ..agent.clone() }), None);
    let closed = Version { status: Status::Closed, ..version(1, 1, "steward.agent", true) };
    assert_eq!(of(&operator(vec![closed])), None);
    // Signed after the record was proved: he may have been dismissed in between.
    let later = ClaimStatement { at: Timestamp(PROVED.0 + 1), ..statement() };
    let later = open(&later.sign(&key())).unwrap();
    assert_eq!(steward(&later, &agent), None);
}

//! Records, receipts and trust bundles, against the vectors that the engine's tests make.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use chaincity_crypto::finality::{self, Certificate, FinalityError};
use chaincity_crypto::state_proof::StateProofError;
use chaincity_crypto::verify::{AsOf, Trust, VerifyError};
use chaincity_crypto::{cose, hash};
use chaincity_types::wire::{ReceiptProof, RecordProof, Status, TrustBundle};
use chaincity_types::{Digest, Height, Timestamp, Value, cbor};
use proptest::prelude::*;

macro_rules! vector {
    ($name:literal) => {
        include_bytes!(concat!("../../../../examples/verify/vectors/", $name)).as_slice()
    };
}

const MAX: usize = 1 << 20;

fn ledger() -> Digest {
    Digest::from_hex(std::str::from_utf8(vector!("ledger.txt")).unwrap().trim()).unwrap()
}

fn bundle() -> TrustBundle {
    cbor::decode(vector!("trust.cbor"), MAX).unwrap()
}

fn trust() -> Trust {
    Trust::from_bytes(vector!("trust.cbor"), Some(&ledger())).unwrap()
}

fn record() -> RecordProof {
    cbor::decode(vector!("record.cbor"), MAX).unwrap()
}

fn receipt() -> ReceiptProof {
    cbor::decode(vector!("receipt.cbor"), MAX).unwrap()
}

/// Block time of the vectors at a height.
fn time(height: u64) -> Timestamp {
    Timestamp(1_790_000_000_000 + height * 1000)
}

#[test]
fn a_record_is_proved_with_who_when_and_what() {
    let proved = trust().record_bytes(vector!("record.cbor")).unwrap();
    assert_eq!((proved.block.header.height, proved.block.certified), (Height(11), Height(12)));
    assert_eq!((proved.block.epoch, proved.block.signers), (1, 3));
    let current = proved.current().unwrap();
    assert_eq!((current.version, current.status), (3, Status::Live));
    assert_eq!(current.fields["holder"], Value::from("测试乙"));
    assert_eq!((current.by.member.as_str(), current.by.time), ("registry", time(11)));
}

#[test]
fn a_past_version_is_proved_from_todays_head() {
    let proved = trust().record_bytes(vector!("record.cbor")).unwrap();
    let version_at = |at| {
        let AsOf::Version(version) = proved.as_of(at) else { panic!("no version at {at}") };
        version.version
    };
    assert_eq!(proved.as_of(time(1)), AsOf::Absent);
    assert_eq!(version_at(time(2)), 1);
    assert_eq!(version_at(Timestamp(time(5).0 - 1)), 1);
    assert_eq!(version_at(time(5)), 2);
    assert_eq!(version_at(time(11)), 3);
    assert_eq!(proved.as_of(time(12)), AsOf::AfterProof { proved: time(11) });

    let mut short = record();
    short.versions.truncate(2);
    let proved = trust().record(&short).unwrap();
    assert_eq!(proved.as_of(time(3)), AsOf::BeforeChain { oldest: time(5) });
}

#[test]
fn absence_is_proved() {
    let proved = trust().record_bytes(vector!("absent.cbor")).unwrap();
    assert_eq!(proved.current(), None);
    assert_eq!(proved.as_of(time(12)), AsOf::Absent);
}

#[test]
fn a_receipt_is_proved_and_names_its_transaction() {
    let proved = trust().receipt_bytes(vector!("receipt.cbor")).unwrap();
    let signed = cose::decode_transaction(vector!("transaction.cbor")).unwrap();
    assert_eq!(signed.verify(), Ok(()));
    assert_eq!(proved.receipt.transaction, signed.id);
    assert_eq!(proved.receipt.operator, signed.operator.as_bytes());
}

#[test]
fn no_byte_of_a_proof_can_be_changed() {
    let trust = trust();
    let damaged = |good: &[u8]| -> Vec<Vec<u8>> {
        (0..good.len())
            .map(|at| {
                let mut bad = good.to_vec();
                bad[at] ^= 1 << (at % 8);
                bad
            })
            .collect()
    };
    for bad in damaged(vector!("record.cbor")).into_iter().chain(damaged(vector!("absent.cbor"))) {
        assert!(trust.record_bytes(&bad).is_err());
    }
    for bad in damaged(vector!("receipt.cbor")) {
        assert!(trust.receipt_bytes(&bad).is_err());
    }
    for bad in damaged(vector!("trust.cbor")) {
        assert!(Trust::from_bytes(&bad, Some(&ledger())).is_err());
    }
}

#[test]
fn trust_comes_from_the_ledgers_id_and_passes_from_epoch_to_epoch() {
    let other = Digest([1; 32]);
    assert_eq!(
        Trust::from_bundle(&bundle(), Some(&other)),
        Err(VerifyError::OtherLedger { wanted: other, found: ledger() })
    );
    // Without the handover, epoch 1 is unknown.
    let first = Trust::from_genesis(&bundle().genesis).unwrap();
    assert_eq!(
        first.record(&record()),
        Err(VerifyError::Finality(FinalityError::UnknownEpoch { epoch: 1 }))
    );
    assert!(first.receipt(&receipt()).is_ok());
    // Another committee than the one that the last block of epoch 0 names.
    let mut forged = bundle();
    forged.epochs[0].0.validators[0].member = "mallory".into();
    assert_eq!(Trust::from_bundle(&forged, None), Err(VerifyError::Committee { epoch: 1 }));
    // A handover that is not the last block of the epoch.
    let mut early = bundle();
    early.epochs[0].1 = receipt().finality;
    assert_eq!(Trust::from_bundle(&early, None), Err(VerifyError::Committee { epoch: 1 }));
    // A genesis document without validators.
    let mut empty = bundle();
    empty.genesis.nodes.clear();
    assert!(matches!(Trust::from_bundle(&empty, None), Err(VerifyError::Genesis(_))));
}

#[test]
fn each_fault_of_a_record_proof_is_named() {
    let fault = |change: &dyn Fn(&mut RecordProof)| {
        let mut proof = record();
        change(&mut proof);
        trust().record(&proof).unwrap_err()
    };
    let of = |error: VerifyError| error.code();
    assert_eq!(of(fault(&|p| p.format.push('0'))), "unknown-format");
    assert_eq!(of(fault(&|p| p.versions.swap(0, 1))), "history-broken");
    assert_eq!(
        fault(&|p| drop(p.versions.remove(0))),
        VerifyError::State(StateProofError::OtherRoot)
    );
    assert_eq!(of(fault(&|p| drop(p.versions.remove(1)))), "history-broken");
    assert_eq!(of(fault(&|p| p.versions.clear())), "state-not-proved");
    let absent: RecordProof = cbor::decode(vector!("absent.cbor"), MAX).unwrap();
    assert_eq!(of(fault(&|p| p.key.clone_from(&absent.key))), "other-record");
    assert_eq!(
        fault(&|p| drop(p.finality.headers.remove(0))),
        VerifyError::State(StateProofError::OtherRoot)
    );
    assert_eq!(
        fault(&|p| drop(p.finality.headers.pop())),
        VerifyError::Finality(FinalityError::OtherBlock)
    );
    assert_eq!(
        fault(&|p| p.finality.headers.clear()),
        VerifyError::Finality(FinalityError::HeaderCount(0))
    );
    assert_eq!(
        fault(&|p| p.finality.headers.swap(0, 1)),
        VerifyError::Finality(FinalityError::Broken { index: 1 })
    );
    let other = receipt().finality;
    assert_eq!(of(fault(&|p| p.finality = other.clone())), "state-not-proved");
}

#[test]
fn a_receipt_elsewhere_or_unproved_is_refused() {
    let fault = |change: &dyn Fn(&mut ReceiptProof)| {
        let mut proof = receipt();
        change(&mut proof);
        trust().receipt(&proof).unwrap_err()
    };
    assert_eq!(fault(&|p| p.inclusion.leaf_index = 1), VerifyError::NotInBlock);
    let another = record().finality;
    assert_eq!(fault(&|p| p.finality = another.clone()), VerifyError::NotInBlock);
}

#[test]
fn fewer_than_a_quorum_decide_nothing() {
    // f of 3f + 1 may be faulty.
    let quorums: Vec<_> = [1, 2, 3, 4, 5, 6, 7, 10, 64].map(finality::quorum).into();
    assert_eq!(quorums, [1, 2, 3, 3, 4, 5, 5, 7, 43]);
    let trust = trust();
    let certificate = record().finality.certificate;
    // Epoch, view (2), parent view (2), digest, committee size; then the bitmap and the count.
    let bitmap = 1 + 2 + 2 + 32 + 8;
    let signers = certificate[bitmap].count_ones();
    assert_eq!((signers, u32::from(certificate[bitmap + 1])), (3, 3));
    let mut two = certificate[..certificate.len() - 64].to_vec();
    let highest = 7 - two[bitmap].leading_zeros();
    two[bitmap] ^= 1 << highest;
    two[bitmap + 1] = 2;
    assert_eq!(
        Certificate::decode(&two).unwrap().verify(&trust.committees()[1]),
        Err(FinalityError::NoQuorum { signers: 2, quorum: 3 })
    );
}

#[test]
fn the_first_header_of_a_handover_names_the_next_committee() {
    let (committee, proof) = bundle().epochs.remove(0);
    let block = Trust::from_genesis(&bundle().genesis).unwrap().block(&proof).unwrap();
    assert_eq!(block.header.height, Height(9));
    assert_eq!(block.header.next_committee, hash::committee_digest(&committee));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let trust = trust();
        prop_assert!(trust.record_bytes(&bytes).is_err());
        prop_assert!(trust.receipt_bytes(&bytes).is_err());
        prop_assert!(Trust::from_bytes(&bytes, None).is_err());
        if let Ok(certificate) = Certificate::decode(&bytes) {
            prop_assert!(certificate.verify(&trust.committees()[0]).is_err());
        }
    }

    #[test]
    fn arbitrary_state_proofs_and_certificates_never_verify(
        state in prop::collection::vec(any::<u8>(), 0..900),
        certificate in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let trust = trust();
        let mut proof = record();
        proof.state = state;
        prop_assert!(trust.record(&proof).is_err());
        proof = record();
        proof.finality.certificate = certificate;
        prop_assert!(trust.record(&proof).is_err());
    }
}

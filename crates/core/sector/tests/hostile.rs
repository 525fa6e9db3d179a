//! Whatever comes from outside is decoded or refused, never a panic, and no secret is printed.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::integer_division,
    reason = "tests"
)]

mod common;

use chaincity_sector::{
    Blinded, Element, Evaluated, Limiter, Pending, Proof, PublicKey, Question, SectorError, TagSet,
};
use chaincity_types::id::ResidentId;
use common::{Numbers, key, list_key, persons, sector, through};
use jiff::civil::date;
use proptest::prelude::*;

fn pending() -> Pending {
    Pending::blind(&sector(1), &persons(0..2), &mut Numbers::new(1)).unwrap()
}

#[test]
fn the_identity_is_refused_wherever_an_element_stands() {
    let pending = pending();
    let evaluated = through(&[&key(1, 1)], pending.blinded(), 2);
    let cases = [
        (pending.blinded().to_bytes(), pending.blinded().elements()[1]),
        (evaluated.to_bytes(), evaluated.steps()[0].elements()[0]),
        (key(1, 1).public().to_bytes(), *key(1, 1).public().element()),
    ];
    for (bytes, element) in cases {
        let at = bytes.windows(32).position(|window| window == element.as_bytes()).unwrap();
        let read = |bytes: &[u8]| {
            Blinded::from_bytes(bytes).is_ok()
                || Evaluated::from_bytes(bytes).is_ok()
                || PublicKey::from_bytes(bytes).is_ok()
        };
        assert!(read(&bytes));
        for bad in [[0; 32], [0xff; 32]] {
            let mut altered = bytes.clone();
            altered[at..at + 32].copy_from_slice(&bad);
            assert!(!read(&altered));
        }
    }
    assert_eq!(Element::from_bytes([0; 32]), Err(SectorError::Malformed("an element")));
    assert_eq!(Proof::from_bytes([0; 64]), Err(SectorError::Malformed("a proof")));
}

#[test]
fn messages_of_no_person_or_of_unequal_steps_are_refused() {
    let blinded = pending().blinded().clone();
    let bytes = blinded.to_bytes();
    // The array of two elements, emptied: 0x82 and two times 34 bytes.
    let begin = bytes.len() - 2 * 34 - 1;
    assert_eq!(bytes[begin], 0x82);
    let empty = [&bytes[..begin], &[0x80]].concat();
    assert_eq!(Blinded::from_bytes(&empty), Err(SectorError::Batch));

    let evaluated = through(&[&key(1, 1)], &blinded, 2);
    let bytes = evaluated.to_bytes();
    let first = evaluated.steps()[0].elements()[0];
    let at = bytes.windows(32).position(|window| window == first.as_bytes()).unwrap();
    let mut fewer = bytes.clone();
    assert_eq!(fewer[at - 3], 0x82);
    fewer[at - 3] = 0x81;
    fewer.drain(at - 2..at + 32);
    assert_eq!(Evaluated::from_bytes(&fewer), Err(SectorError::Batch));
}

#[test]
fn every_truncation_and_every_flipped_bit_is_refused_or_another_message() {
    let pending = pending();
    let evaluated = through(&[&key(1, 1), &key(2, 1)], pending.blinded(), 2);
    let bytes = evaluated.to_bytes();
    for at in 0..bytes.len() {
        assert!(Evaluated::from_bytes(&bytes[..at]).is_err());
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        if let Ok(other) = Evaluated::from_bytes(&altered) {
            assert_ne!(other, evaluated);
            assert!(
                pending
                    .finalize(&persons(0..2), &other, &common::chain(&[&key(1, 1), &key(2, 1)]))
                    .is_err()
            );
        }
    }
}

#[test]
fn nothing_secret_is_printed() {
    let number = "431302190001010017";
    let id = ResidentId::parse(number, date(2026, 11, 27)).unwrap().value;
    let person = chaincity_sector::Person::of(&id);
    assert_eq!(format!("{person:?}"), "Person(redacted)");
    let pending = Pending::blind(&sector(1), &[person], &mut Numbers::new(1)).unwrap();
    let kept = pending.to_bytes();
    let blind = &kept[kept.len() - 32..];
    let shown = format!("{pending:?}");
    assert!(!shown.contains(&hex::encode(blind)) && !shown.contains(&format!("{blind:?}")));
    assert!(!kept.windows(18).any(|window| window == number.as_bytes()));
    for shown in [format!("{:?}", key(0x5a, 1)), format!("{:?}", list_key(0x5a))] {
        assert!(!shown.contains("5a5a") && !shown.contains("90, 90"), "{shown}");
    }
}

#[test]
fn every_refusal_has_a_code_and_both_texts() {
    let all = [
        SectorError::Malformed("x"),
        SectorError::Name,
        SectorError::Epoch,
        SectorError::Batch,
        SectorError::ScopeDiffers,
        SectorError::PurposeDiffers,
        SectorError::Chain,
        SectorError::Steps { found: 1, wanted: 2 },
        SectorError::Proof,
        SectorError::QuestionDiffers,
        SectorError::PersonsDiffer,
        SectorError::EpochUnknown(1),
        SectorError::QuotaExceeded { used: 1, quota: 2, asked: 3 },
        SectorError::Quota,
        SectorError::Member,
        SectorError::MembersTooMany,
        SectorError::ListTooLong,
    ];
    let codes: std::collections::BTreeSet<_> = all.iter().map(SectorError::code).collect();
    assert_eq!(codes.len(), all.len());
    for error in all {
        assert!(error.code().starts_with("sector-"));
        let en = error.to_string();
        assert!(en.starts_with(|c: char| !c.is_uppercase()) && !en.ends_with('.'), "{en}");
        assert!(error.zh().chars().any(|c| c > '\u{4e00}') && !error.zh().ends_with('。'));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Blinded::from_bytes(&bytes).is_err());
        prop_assert!(Evaluated::from_bytes(&bytes).is_err());
        prop_assert!(PublicKey::from_bytes(&bytes).is_err());
        prop_assert!(Pending::from_bytes(&bytes).is_err());
        prop_assert!(Question::from_bytes(&bytes).is_err());
        prop_assert!(TagSet::from_bytes(&bytes).is_err());
        if let Ok(limiter) = Limiter::from_bytes(&bytes) {
            prop_assert_eq!(limiter.to_bytes(), bytes);
        }
    }

    /// Whatever was spoilt in a good message, steward and asker refuse it or go on, and do not panic.
    #[test]
    fn spoilt_messages_never_panic(at in 0_usize..1000, byte in any::<u8>()) {
        let pending = pending();
        let evaluated = through(&[&key(1, 1)], pending.blinded(), 2);
        let mut bytes = evaluated.to_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(spoilt) = Evaluated::from_bytes(&bytes) {
            let finished =
                pending.finalize(&persons(0..2), &spoilt, &common::chain(&[&key(1, 1)]));
            prop_assert_eq!(finished.is_ok(), spoilt == evaluated);
            // A later steward evaluates it, or refuses another scope.
            let next = key(2, 1).evaluate_next(spoilt.clone(), &mut Numbers::new(3));
            prop_assert_eq!(next.is_ok(), spoilt.blinded().scope() == &sector(1));
        }
        let mut kept = pending.to_bytes();
        let at = at % kept.len();
        kept[at] = byte;
        if let Ok(spoilt) = Pending::from_bytes(&kept) {
            let finished =
                spoilt.finalize(&persons(0..2), &evaluated, &common::chain(&[&key(1, 1)]));
            prop_assert_eq!(finished.is_ok(), *kept == *pending.to_bytes());
        }
    }
}

//! Ids by one steward and by several in a chain, as askers and stewards exchange them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::integer_division,
    reason = "tests"
)]

mod common;

use chaincity_crypto::cipher::Secret;
use chaincity_sector::{
    Asked, BATCH_MAX, Chain, Evaluated, Keys, ListKey, Pending, Purpose, STEWARDS_MAX, Scope,
    SectorError, SectorKey,
};
use chaincity_types::Digest;
use common::{Numbers, chain, ids, key, person, persons, scope, sector, through};

#[test]
fn a_person_has_one_id_whoever_asks_and_others_have_others() {
    let keys = [&key(1, 1), &key(2, 1)];
    let first = ids(&keys, &persons(0..3), 10);
    assert_eq!(ids(&keys, &persons(0..3), 77), first);
    assert_eq!(ids(&keys, &[person(2)], 5), [first[2].clone()]);
    assert!(first[0] != first[1] && first[1] != first[2]);
    let id = &first[0];
    assert_eq!((id.sector.as_str(), id.epoch.number()), ("provident-fund", 1));
}

#[test]
fn an_id_is_what_another_implementation_makes_of_the_formats() {
    // The vector of docs/sector-ids.md. Made with voprf-ts 1.0 from what that page says: two keys
    // of seeds 01… and 02…, multiplied, and the function of the input.
    let keys = [&key(1, 1), &key(2, 1)];
    let public = |key: &SectorKey| hex::encode(key.public().element().as_bytes());
    assert_eq!(
        keys.map(public),
        [
            "5a4319a828200fadc008ea0dffe991c593379f2b0380de3d5ae6c439cc01f721",
            "44e2e03c1dbadfe8607c6390abd2250b0ec130a81f3553b62f8c21b0e24e0965",
        ]
    );
    assert_eq!(
        ids(&keys, &[person(0)], 1)[0].to_string(),
        "provident-fund.1.8be36cbd70ab769e0b095e2c251add09b8adeba20a4017346fc1b9a0b59796eb"
    );
}

#[test]
fn nothing_that_a_steward_sees_shows_that_two_questions_are_about_the_same_person() {
    let ask = |seed| Pending::blind(&sector(1), &[person(0)], &mut Numbers::new(seed)).unwrap();
    assert_ne!(ask(1).blinded().elements(), ask(2).blinded().elements());
    let twice = Pending::blind(&sector(1), &[person(0), person(0)], &mut Numbers::new(1)).unwrap();
    assert_ne!(twice.blinded().elements()[0], twice.blinded().elements()[1]);
}

#[test]
fn one_steward_of_two_cannot_make_the_ids_of_the_chain() {
    let (a, b, other) = (key(1, 1), key(2, 1), key(3, 1));
    let both = ids(&[&a, &b], &[person(0)], 1);
    for alone in [&a, &b, &other] {
        assert_ne!(ids(&[alone], &[person(0)], 1), both);
    }
    assert_ne!(ids(&[&a, &other], &[person(0)], 1), both);
    // The keys multiply, so the order does not matter; the proofs are checked in the order said.
    assert_eq!(ids(&[&b, &a], &[person(0)], 1), both);

    let pending = Pending::blind(&sector(1), &[person(0)], &mut Numbers::new(1)).unwrap();
    let finish = |evaluated: &Evaluated, chain: &Chain| {
        pending.finalize(&[person(0)], evaluated, chain).map(|_ids| ())
    };
    let chain_of_both = chain(&[&a, &b]);
    let half = through(&[&a], pending.blinded(), 2);
    assert_eq!(finish(&half, &chain_of_both), Err(SectorError::Steps { found: 1, wanted: 2 }));
    // The first steward in the second one's place, and the two in the wrong order.
    let twice = through(&[&a, &a], pending.blinded(), 2);
    assert_eq!(finish(&twice, &chain_of_both), Err(SectorError::Proof));
    let swapped = through(&[&b, &a], pending.blinded(), 2);
    assert_eq!(finish(&swapped, &chain_of_both), Err(SectorError::Proof));
    let whole = through(&[&a, &b], pending.blinded(), 2);
    assert_eq!(finish(&whole, &chain(&[&a])), Err(SectorError::Steps { found: 2, wanted: 1 }));
    assert_eq!(finish(&whole, &chain_of_both), Ok(()));
}

#[test]
fn an_altered_evaluation_is_refused_by_its_proof() {
    let (a, b, other) = (key(1, 1), key(2, 1), key(3, 1));
    let people = persons(0..2);
    let pending = Pending::blind(&sector(1), &people, &mut Numbers::new(1)).unwrap();
    let evaluated = through(&[&a, &b], pending.blinded(), 2);
    let finish = |evaluated: &Evaluated, keys: &[&SectorKey]| {
        pending.finalize(&people, evaluated, &chain(keys)).map(|_ids| ())
    };
    assert_eq!(finish(&evaluated, &[&a, &b]), Ok(()));
    assert_eq!(finish(&evaluated, &[&other, &b]), Err(SectorError::Proof));
    assert_eq!(finish(&evaluated, &[&a, &other]), Err(SectorError::Proof));

    // Each evaluated element in turn replaced by a good one of another steward; both proofs swapped.
    let foreign = through(&[&other, &b], pending.blinded(), 2);
    let bytes = evaluated.to_bytes();
    let mut replaced = 0;
    for (step, foreign) in evaluated.steps().iter().zip(foreign.steps()) {
        for (ours, theirs) in step.elements().iter().zip(foreign.elements()) {
            let altered = replace(&bytes, ours.as_bytes(), theirs.as_bytes());
            let altered = Evaluated::from_bytes(&altered).unwrap();
            assert_eq!(finish(&altered, &[&a, &b]), Err(SectorError::Proof));
            replaced += 1;
        }
        let altered = replace(&bytes, step.proof().as_bytes(), foreign.proof().as_bytes());
        let altered = Evaluated::from_bytes(&altered).unwrap();
        assert_eq!(finish(&altered, &[&a, &b]), Err(SectorError::Proof));
    }
    assert_eq!(replaced, 4);
}

/// The bytes with the one place where `from` stands replaced.
fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn an_answer_to_another_question_or_about_others_is_refused() {
    let a = key(1, 1);
    let people = persons(0..2);
    let pending = Pending::blind(&sector(1), &people, &mut Numbers::new(1)).unwrap();
    let evaluated = through(&[&a], pending.blinded(), 2);
    let finish = |people: &[_], evaluated: &Evaluated| {
        pending.finalize(people, evaluated, &chain(&[&a])).map(|_ids| ())
    };
    for others in [persons(0..1), persons(0..3), vec![person(1), person(0)], persons(1..3)] {
        assert_eq!(finish(&others, &evaluated), Err(SectorError::PersonsDiffer));
    }
    let again = Pending::blind(&sector(1), &people, &mut Numbers::new(9)).unwrap();
    let of_other = through(&[&a], again.blinded(), 2);
    assert_eq!(finish(&people, &of_other), Err(SectorError::QuestionDiffers));
    assert_eq!(finish(&people, &evaluated), Ok(()));
}

#[test]
fn every_part_of_the_scope_gives_another_id() {
    let ids_in = |scope: Scope| {
        // The same seed everywhere: scopes are apart even then.
        let key = SectorKey::new(Secret::from_bytes([1; 32]), scope).unwrap();
        ids(&[&key], &[person(0)], 1)[0].value
    };
    let here = ids_in(sector(1));
    assert_eq!(ids_in(sector(1)), here);
    assert_ne!(ids_in(sector(2)), here);
    assert_ne!(ids_in(scope(Purpose::Sector, "housing", 1)), here);
    assert_ne!(ids_in(Scope { ledger: Digest([8; 32]), ..sector(1) }), here);
}

#[test]
fn a_question_replayed_to_another_sector_epoch_or_list_is_refused() {
    let pending = Pending::blind(&sector(1), &[person(0)], &mut Numbers::new(1)).unwrap();
    let replay = |scope: Scope| {
        let key = SectorKey::new(Secret::from_bytes([1; 32]), scope).unwrap();
        key.evaluate(pending.blinded().clone(), &mut Numbers::new(2)).map(|_evaluated| ())
    };
    assert_eq!(replay(sector(1)), Ok(()));
    for other in [
        sector(2),
        scope(Purpose::Sector, "housing", 1),
        Scope { ledger: Digest([8; 32]), ..sector(1) },
    ] {
        assert_eq!(replay(other), Err(SectorError::ScopeDiffers));
    }
    let list = ListKey::new(Secret::from_bytes([1; 32]), scope(Purpose::List, "provident-fund", 1));
    let answered = list.unwrap().answer(pending.blinded().clone(), &mut Numbers::new(2));
    assert_eq!(answered.map(|_evaluated| ()), Err(SectorError::PurposeDiffers));
    let of_list = scope(Purpose::List, "provident-fund", 1);
    let refused = SectorKey::new(Secret::from_bytes([1; 32]), of_list).map(|_key| ());
    assert_eq!(refused, Err(SectorError::PurposeDiffers));
}

#[test]
fn a_chain_has_different_stewards_of_one_scope() {
    let public = |key: &SectorKey| key.public().clone();
    let (a, b) = (key(1, 1), key(2, 1));
    assert_eq!(Chain::new(&[]), Err(SectorError::Chain));
    assert_eq!(Chain::new(&[public(&a), public(&b), public(&a)]), Err(SectorError::Chain));
    assert_eq!(Chain::new(&[public(&a), public(&key(2, 2))]), Err(SectorError::ScopeDiffers));
    let many: Vec<_> = (1..=5).map(|seed| public(&key(seed, 1))).collect();
    assert!(Chain::new(&many[..STEWARDS_MAX]).is_ok());
    assert_eq!(Chain::new(&many), Err(SectorError::Chain));

    let pending = Pending::blind(&sector(1), &[person(0)], &mut Numbers::new(1)).unwrap();
    let full = through(&[&a, &b, &a, &b], pending.blinded(), 2);
    let refused = a.evaluate_next(full, &mut Numbers::new(3)).map(|_evaluated| ());
    assert_eq!(refused, Err(SectorError::Chain));
}

#[test]
fn a_batch_is_bounded() {
    let none = Pending::blind(&sector(1), &[], &mut Numbers::new(1)).map(|_pending| ());
    assert_eq!(none, Err(SectorError::Batch));
    let people = vec![person(0); BATCH_MAX + 1];
    let many = Pending::blind(&sector(1), &people, &mut Numbers::new(1)).map(|_pending| ());
    assert_eq!(many, Err(SectorError::Batch));
}

fn seed(number: u8) -> Secret {
    Secret::from_bytes([number; 32])
}

/// The question about a person, and what the keys make of it.
fn evaluated(keys: &Keys, of: &Scope, seed: u8) -> Result<(Pending, Evaluated), SectorError> {
    let pending = Pending::blind(of, &[person(0)], &mut Numbers::new(seed)).unwrap();
    let asked = Asked::from_bytes(&pending.blinded().to_bytes()).unwrap();
    let evaluated = keys.evaluate(asked, &mut Numbers::new(seed.wrapping_add(1)))?;
    Ok((pending, evaluated))
}

#[test]
fn a_holder_answers_by_the_key_that_a_question_names() {
    let list = scope(Purpose::List, "defaulters", 1);
    let seeds = vec![(seed(1), sector(1)), (seed(2), sector(2)), (seed(3), list.clone())];
    let keys = Keys::new(seeds).unwrap();
    for (of, seed) in [(sector(1), 1), (sector(2), 2)] {
        let (pending, evaluated) = evaluated(&keys, &of, 7).unwrap();
        let key = key(seed, of.epoch.number());
        let ids = pending.finalize(&[person(0)], &evaluated, &chain(&[&key]));
        assert_eq!(ids, Ok(common::ids(&[&key], &[person(0)], 1)));
    }
    assert!(evaluated(&keys, &list, 7).is_ok());

    let refused = |of: &Scope| evaluated(&keys, of, 7).map(|_evaluated| ()).unwrap_err();
    assert_eq!(refused(&sector(3)), SectorError::EpochUnknown(3));
    assert_eq!(refused(&scope(Purpose::Sector, "housing", 1)), SectorError::ScopeDiffers);
    assert_eq!(refused(&Scope { ledger: Digest([8; 32]), ..sector(1) }), SectorError::ScopeDiffers);
    let no_lists = Keys::new(vec![(seed(1), sector(1))]).unwrap();
    let refused = evaluated(&no_lists, &list, 7).map(|_evaluated| ());
    assert_eq!(refused.unwrap_err(), SectorError::PurposeDiffers);
    let twice = Keys::new(vec![(seed(1), sector(1)), (seed(2), sector(1))]).map(|_keys| ());
    assert_eq!(twice, Err(SectorError::ScopeDiffers));
}

#[test]
fn a_questions_digest_is_of_the_key_and_of_what_is_evaluated() {
    let (first, second) = (key(1, 1), key(2, 1));
    let keys = Keys::new(vec![(seed(1), sector(1))]).unwrap();
    let (pending, evaluated) = evaluated(&keys, &sector(1), 7).unwrap();
    let asked = Asked::First(pending.blinded().clone());
    let digest = asked.digest(first.public());
    assert_eq!(Asked::from_bytes(&asked.to_bytes()).unwrap().digest(first.public()), digest);
    assert_ne!(asked.digest(second.public()), digest);
    // Asked again of the same persons, nobody sees that it is about them.
    let other = Pending::blind(&sector(1), &[person(0)], &mut Numbers::new(9)).unwrap();
    assert_ne!(Asked::First(other.blinded().clone()).digest(first.public()), digest);
    // The next steward is asked about other elements; a new proof of them is no other question.
    let next = Asked::Next(evaluated);
    assert_ne!(next.digest(second.public()), asked.digest(second.public()));
    let again = keys.evaluate(asked, &mut Numbers::new(99)).unwrap();
    assert_ne!(Asked::Next(again.clone()), next);
    assert_eq!(Asked::Next(again).digest(second.public()), next.digest(second.public()));
    assert_eq!(Asked::from_bytes(b"nothing"), Err(SectorError::Malformed("a blinded question")));
}

//! The blind question, from tags to verdict.

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
    Blinded, CLASS_MAX, CLASS_MIN, Evaluated, ListKey, Purpose, Question, SectorError, TAG_BYTES,
    TagSet,
};
use chaincity_types::Timestamp;
use common::{Numbers, list_key, person, persons, scope};

const NOON: Timestamp = Timestamp(1_795_708_800_000);

/// The tags as they are read from what was handed out.
fn tags(key: &ListKey, numbers: std::ops::Range<u32>) -> TagSet {
    TagSet::from_bytes(&key.tags(&persons(numbers), NOON).unwrap().to_bytes()).unwrap()
}

fn verdict(key: &ListKey, tags: &TagSet, numbers: std::ops::Range<u32>) -> Vec<bool> {
    let people = persons(numbers);
    let question = Question::ask(tags, &people, &mut Numbers::new(1)).unwrap();
    let sent = Blinded::from_bytes(&question.blinded().to_bytes()).unwrap();
    let answer = key.answer(sent, &mut Numbers::new(2)).unwrap();
    let answer = Evaluated::from_bytes(&answer.to_bytes()).unwrap();
    let question = Question::from_bytes(&question.to_bytes()).unwrap();
    question.verdict(tags, &people, &answer).unwrap()
}

/// The tags themselves, one after the other at the end of the bytes.
fn of(set: &TagSet) -> std::collections::BTreeSet<Vec<u8>> {
    let bytes = set.to_bytes();
    let begin = bytes.len() - set.class() * TAG_BYTES;
    bytes[begin..].chunks(TAG_BYTES).map(<[u8]>::to_vec).collect()
}

#[test]
fn who_is_on_the_list_is_found_and_nobody_else() {
    let key = list_key(1);
    let set = tags(&key, 0..40);
    assert_eq!(set.made(), NOON);
    let found = verdict(&key, &set, 30..50);
    assert_eq!(found, (30..50).map(|number| number < 40).collect::<Vec<_>>());
    assert_eq!(verdict(&key, &tags(&key, 0..0), 0..2), [false, false]);
}

#[test]
fn a_list_shows_its_size_class_alone() {
    let key = list_key(1);
    let classes = [0, 1, 40].map(|count| tags(&key, 0..count).class());
    assert_eq!(classes, [CLASS_MIN; 3]);
    assert_eq!(tags(&key, 0..1024).class(), CLASS_MIN);
    assert_eq!(tags(&key, 0..1025).class(), 4 * CLASS_MIN);
    // The bytes of two lists of a class differ in the tags alone, and are as many.
    let (one, forty) = (tags(&key, 0..1).to_bytes(), tags(&key, 0..40).to_bytes());
    assert_eq!(one.len(), forty.len());
    let twice = [persons(0..40), persons(0..40)].concat();
    assert_eq!(key.tags(&twice, NOON).unwrap(), tags(&key, 0..40));
}

#[test]
fn two_editions_of_a_list_do_not_show_its_size() {
    let key = list_key(1);
    let (before, after) = (of(&tags(&key, 0..40)), of(&tags(&key, 0..41)));
    // One came, one tag of nobody went: not 41 in common.
    assert_eq!((before.len(), after.len()), (CLASS_MIN, CLASS_MIN));
    assert_eq!(before.difference(&after).count(), 1);
    // Under the key of another epoch nothing is in common.
    assert_eq!(before.intersection(&of(&tags(&list_key(2), 0..40))).count(), 0);
}

#[test]
fn a_list_that_is_too_long_is_refused_before_anything_is_computed() {
    let many = vec![person(0); CLASS_MAX + 1];
    let refused = list_key(1).tags(&many, NOON).map(|_set| ());
    assert_eq!(refused, Err(SectorError::ListTooLong));
}

#[test]
fn an_owner_that_answers_with_another_key_is_found_out() {
    let (key, other) = (list_key(1), list_key(2));
    let set = tags(&key, 0..40);
    let question = Question::ask(&set, &[person(0)], &mut Numbers::new(1)).unwrap();
    let answer = other.answer(question.blinded().clone(), &mut Numbers::new(2)).unwrap();
    assert_eq!(question.verdict(&set, &[person(0)], &answer), Err(SectorError::Proof));
}

#[test]
fn an_answer_is_looked_up_in_the_list_that_was_asked_about() {
    let key = list_key(1);
    let set = tags(&key, 0..40);
    let question = Question::ask(&set, &[person(0)], &mut Numbers::new(1)).unwrap();
    let answer = key.answer(question.blinded().clone(), &mut Numbers::new(2)).unwrap();
    let later = ListKey::new(Secret::from_bytes([1; 32]), scope(Purpose::List, "defaulters", 2));
    let later = tags(&later.unwrap(), 0..40);
    let refused = question.verdict(&later, &[person(0)], &answer);
    assert_eq!(refused, Err(SectorError::ScopeDiffers));
    let others = question.verdict(&set, &[person(1)], &answer);
    assert_eq!(others, Err(SectorError::PersonsDiffer));
    assert_eq!(question.verdict(&set, &[person(0)], &answer), Ok(vec![true]));
}

#[test]
fn a_tag_set_is_read_whole_sorted_and_of_a_class_or_not_at_all() {
    let set = tags(&list_key(1), 0..40);
    let bytes = set.to_bytes();
    assert_eq!(TagSet::from_bytes(&bytes), Ok(set.clone()));
    assert_eq!(set.digest(), TagSet::from_bytes(&bytes).unwrap().digest());
    let begin = bytes.len() - CLASS_MIN * TAG_BYTES;
    let mut swapped = bytes.clone();
    swapped[begin..begin + 2 * TAG_BYTES].rotate_left(TAG_BYTES);
    let mut doubled = bytes.clone();
    doubled.copy_within(begin..begin + TAG_BYTES, begin + TAG_BYTES);
    // One tag fewer, with a length that says so.
    let length = u16::try_from(CLASS_MIN * TAG_BYTES).unwrap();
    let mut short = bytes[..bytes.len() - TAG_BYTES].to_vec();
    assert_eq!(short[begin - 2..begin], length.to_be_bytes());
    let shorter = length - u16::try_from(TAG_BYTES).unwrap();
    short[begin - 2..begin].copy_from_slice(&shorter.to_be_bytes());
    for bad in [swapped, doubled, short, bytes[..bytes.len() - 1].to_vec()] {
        assert_eq!(TagSet::from_bytes(&bad), Err(SectorError::Malformed("a list's tags")));
    }
}

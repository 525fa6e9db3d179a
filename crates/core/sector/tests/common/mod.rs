//! Test people, keys and a generator that gives the same numbers in each run.

#![allow(dead_code, clippy::unwrap_used, reason = "tests")]

use std::convert::Infallible;

use chaincity_crypto::cipher::{Secret, derive};
use chaincity_sector::{
    Blinded, Chain, Epoch, Evaluated, ListKey, Name, Pending, Person, Purpose, Scope, SectorId,
    SectorKey,
};
use chaincity_types::Digest;
use chaincity_types::id::ResidentId;
use jiff::civil::date;
use rand_core::{TryCryptoRng, TryRng};

/// A chain of keyed digests; for tests alone.
pub(crate) struct Numbers(Secret);

impl Numbers {
    pub(crate) fn new(seed: u8) -> Self {
        Self(Secret::from_bytes([seed; 32]))
    }
}

impl TryRng for Numbers {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(32) {
            chunk.copy_from_slice(derive(&self.0, "out").as_bytes().get(..chunk.len()).unwrap());
            self.0 = derive(&self.0, "next");
        }
        Ok(())
    }
}

impl TryCryptoRng for Numbers {}

/// A synthetic person, born in January 1900.
pub(crate) fn person(number: u32) -> Person {
    let stem = format!("431302190001{:02}{:03}", number / 999 % 28 + 1, number % 999 + 1);
    let id = "0123456789X"
        .chars()
        .find_map(|check| ResidentId::parse(&format!("{stem}{check}"), date(2026, 11, 27)).ok());
    Person::of(&id.unwrap().value)
}

pub(crate) fn persons(numbers: std::ops::Range<u32>) -> Vec<Person> {
    numbers.map(person).collect()
}

pub(crate) fn scope(purpose: Purpose, name: &str, epoch: u32) -> Scope {
    Scope {
        purpose,
        ledger: Digest([9; 32]),
        name: Name::new(name).unwrap(),
        epoch: Epoch::new(epoch).unwrap(),
    }
}

pub(crate) fn sector(epoch: u32) -> Scope {
    scope(Purpose::Sector, "provident-fund", epoch)
}

pub(crate) fn key(seed: u8, epoch: u32) -> SectorKey {
    SectorKey::new(Secret::from_bytes([seed; 32]), sector(epoch)).unwrap()
}

pub(crate) fn list_key(seed: u8) -> ListKey {
    ListKey::new(Secret::from_bytes([seed; 32]), scope(Purpose::List, "defaulters", 1)).unwrap()
}

pub(crate) fn chain(keys: &[&SectorKey]) -> Chain {
    Chain::new(&keys.iter().map(|key| key.public().clone()).collect::<Vec<_>>()).unwrap()
}

/// The question through all stewards, each on the bytes that the one before sent.
pub(crate) fn through(keys: &[&SectorKey], blinded: &Blinded, seed: u8) -> Evaluated {
    let mut rng = Numbers::new(seed);
    let (first, rest) = keys.split_first().unwrap();
    let blinded = Blinded::from_bytes(&blinded.to_bytes()).unwrap();
    let mut evaluated = first.evaluate(blinded, &mut rng).unwrap();
    for key in rest {
        let sent = Evaluated::from_bytes(&evaluated.to_bytes()).unwrap();
        evaluated = key.evaluate_next(sent, &mut rng).unwrap();
    }
    Evaluated::from_bytes(&evaluated.to_bytes()).unwrap()
}

/// The ids of persons by these stewards.
pub(crate) fn ids(keys: &[&SectorKey], persons: &[Person], seed: u8) -> Vec<SectorId> {
    let scope = keys.first().unwrap().public().scope();
    let pending = Pending::blind(scope, persons, &mut Numbers::new(seed)).unwrap();
    let evaluated = through(keys, pending.blinded(), seed.wrapping_add(1));
    let pending = Pending::from_bytes(&pending.to_bytes()).unwrap();
    pending.finalize(persons, &evaluated, &chain(keys)).unwrap()
}

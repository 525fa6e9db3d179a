//! The core workloads of YCSB (Cooper et al., SoCC 2010; `workloada` to `workloadf` of its
//! repository): the shares, the constant of Zipf's law, hashed keys, ten fields of 100 bytes, updates of
//! one field, scans of 1 to 100 records. Ours: a scan is a page by key, and "latest" counts records
//! whose insertion was due two seconds before, so that the load does not hang on answers.

use std::collections::BTreeMap;

use chaincity_client::{Select, call};
use chaincity_types::Value;
use chaincity_types::wire::Call;
use rand::distr::{Alphanumeric, SampleString as _};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{Op, Read, SEED, Workload};
use crate::actor::fields;
use crate::bench::desk::Desk;
use crate::bench::draw::{Zipf, choose, scatter};
use crate::fault::Fault;

pub(super) const PACKAGE: &str = "ycsb";
const REGISTER: &str = "user";
const FIELDS: usize = 10;
const FIELD_BYTES: usize = 100;
/// Longest scan.
const SCAN_MAX: usize = 100;
/// After how many seconds an insertion counts as done.
const SETTLED_S: u64 = 2;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Read,
    Latest,
    Update,
    Insert,
    Scan,
    ReadModifyWrite,
}

/// Acts by their share in a hundred.
pub(super) type Shares = &'static [(Act, u32)];
pub(super) const A: Shares = &[(Act::Read, 50), (Act::Update, 50)];
pub(super) const B: Shares = &[(Act::Read, 95), (Act::Update, 5)];
pub(super) const C: Shares = &[(Act::Read, 100)];
pub(super) const D: Shares = &[(Act::Latest, 95), (Act::Insert, 5)];
pub(super) const E: Shares = &[(Act::Scan, 95), (Act::Insert, 5)];
pub(super) const F: Shares = &[(Act::Read, 50), (Act::ReadModifyWrite, 50)];

/// What is done, and to which record by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Read(usize),
    Update(usize),
    Insert(usize),
    /// From this record on, so many.
    Scan(usize, usize),
    ReadModifyWrite(usize),
}

/// The workload.
pub(super) struct Ycsb {
    shares: Shares,
    rng: StdRng,
    zipf: Zipf,
    /// Records that were loaded.
    records: usize,
    /// Records loaded and inserted.
    count: usize,
}

/// The key of a record.
fn key(number: usize) -> String {
    format!("user{}", scatter(u64::try_from(number).unwrap_or(u64::MAX)))
}

fn read(number: usize) -> Read {
    Read::Record(PACKAGE, REGISTER, key(number))
}

impl Ycsb {
    pub(super) fn new(shares: Shares, records: usize) -> Self {
        let (rng, zipf) = (StdRng::seed_from_u64(SEED), Zipf::new(records));
        Self { shares, rng, zipf, records, count: records }
    }

    fn deeds(&mut self, count: usize, rate: u64) -> Vec<Deed> {
        let lag = usize::try_from(rate.saturating_mul(SETTLED_S)).unwrap_or(usize::MAX);
        let mut settled = self.count;
        let mut inserted: Vec<usize> = Vec::new();
        let mut deeds = Vec::with_capacity(count);
        for index in 0..count {
            let done = inserted.partition_point(|at| at.saturating_add(lag) <= index);
            inserted.drain(..done);
            settled = settled.saturating_add(done);
            let Some(act) = choose(&mut self.rng, self.shares) else { continue };
            let rng = &mut self.rng;
            deeds.push(match act {
                Act::Read => Deed::Read(self.zipf.place(rng)),
                Act::Update => Deed::Update(self.zipf.place(rng)),
                Act::ReadModifyWrite => Deed::ReadModifyWrite(self.zipf.place(rng)),
                Act::Scan => Deed::Scan(self.zipf.place(rng), rng.random_range(1..=SCAN_MAX)),
                Act::Latest => {
                    Deed::Read(settled.saturating_sub(self.zipf.rank(rng)).saturating_sub(1))
                }
                Act::Insert => {
                    inserted.push(index);
                    self.count = self.count.saturating_add(1);
                    Deed::Insert(self.count.saturating_sub(1))
                }
            });
        }
        deeds
    }

    fn text(&mut self) -> Value {
        Value::from(Alphanumeric.sample_string(&mut self.rng, FIELD_BYTES))
    }

    fn insert(&mut self, number: usize) -> Call {
        let mut input = BTreeMap::from([("id".into(), Value::from(key(number)))]);
        for field in 0..FIELDS {
            input.insert(format!("field{field}").into(), self.text());
        }
        call(PACKAGE, "insert", input)
    }

    fn update(&mut self, number: usize) -> Call {
        let field = self.rng.random_range(0..10_i64);
        let value = self.text();
        let id = Value::from(key(number));
        call(
            PACKAGE,
            "update",
            fields([("id", id), ("field", Value::Int(field)), ("value", value)]),
        )
    }
}

impl Workload for Ycsb {
    fn load(&mut self, desk: &mut Desk<'_>) -> Result<(), Fault> {
        let mut signings = Vec::with_capacity(self.records);
        for number in 0..self.records {
            signings.push((self.insert(number), desk.operator()?));
        }
        desk.settle(&signings).map(drop)
    }

    fn prepare(&mut self, count: usize, rate: u64, desk: &mut Desk<'_>) -> Result<Vec<Op>, Fault> {
        let mut ops = Vec::with_capacity(count);
        for deed in self.deeds(count, rate) {
            ops.push(match deed {
                Deed::Read(number) => Op::read(vec![read(number)]),
                Deed::Scan(number, length) => {
                    let select = Select::new(PACKAGE, REGISTER).when("_key", "ge", &key(number));
                    Op::read(vec![Read::Page(select.limit(length))])
                }
                Deed::Insert(number) => Op::submit(desk.sign(self.insert(number))?),
                Deed::Update(number) => Op::submit(desk.sign(self.update(number))?),
                Deed::ReadModifyWrite(number) => {
                    let submit = Some(desk.sign(self.update(number))?);
                    Op { reads: vec![read(number)], submit }
                }
            });
        }
        Ok(ops)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, clippy::integer_division, reason = "tests")]
    use super::*;

    const COUNT: usize = 10_000;

    fn drawn(shares: Shares) -> Vec<Deed> {
        Ycsb::new(shares, 1_000).deeds(COUNT, 100)
    }

    /// Hundredths of the operations that are of this kind.
    fn percent(deeds: &[Deed], is: fn(&Deed) -> bool) -> usize {
        (deeds.iter().filter(|deed| is(deed)).count() * 100 + COUNT / 2) / COUNT
    }

    #[test]
    fn each_core_workload_has_its_mix_and_is_the_same_for_the_same_seed() {
        let cases = [(A, 50, 50, 0, 0, 0), (B, 95, 5, 0, 0, 0), (C, 100, 0, 0, 0, 0)];
        let more = [(D, 95, 0, 5, 0, 0), (E, 0, 0, 5, 95, 0), (F, 50, 0, 0, 0, 50)];
        for (shares, reads, updates, inserts, scans, rewrites) in cases.into_iter().chain(more) {
            let deeds = drawn(shares);
            assert_eq!(deeds, drawn(shares));
            let near = |found: usize, wanted: usize| found.abs_diff(wanted) <= 1;
            let found = [
                percent(&deeds, |d| matches!(d, Deed::Read(_))),
                percent(&deeds, |d| matches!(d, Deed::Update(_))),
                percent(&deeds, |d| matches!(d, Deed::Insert(_))),
                percent(&deeds, |d| matches!(d, Deed::Scan(..))),
                percent(&deeds, |d| matches!(d, Deed::ReadModifyWrite(_))),
            ];
            let wanted = [reads, updates, inserts, scans, rewrites];
            let all = found.iter().zip(wanted).all(|(found, wanted)| near(*found, wanted));
            assert!(all, "{shares:?}: {found:?}");
        }
    }

    #[test]
    fn the_latest_read_is_never_newer_than_what_is_settled() {
        let (lag, mut standing, mut newest) = (200, 1_000, 0);
        let deeds = drawn(D);
        for (index, deed) in deeds.iter().enumerate() {
            if let Some(earlier) = index.checked_sub(lag)
                && matches!(deeds.get(earlier), Some(Deed::Insert(_)))
            {
                standing += 1;
            }
            if let Deed::Read(number) = deed {
                assert!(*number < standing, "{number} at {index}, {standing} stand");
                newest = newest.max(*number);
            }
        }
        assert!(newest > 1_300, "new records are read: {newest}");
    }

    #[test]
    fn scans_are_bounded_and_keys_fit() {
        let lengths: Vec<usize> = drawn(E)
            .iter()
            .filter_map(|deed| if let Deed::Scan(_, length) = deed { Some(*length) } else { None })
            .collect();
        assert_eq!((lengths.iter().min(), lengths.iter().max()), (Some(&1), Some(&SCAN_MAX)));
        assert!((0..2_000).all(|number| key(number).len() <= 24));
        let call = Ycsb::new(A, 10).insert(3);
        let bytes = chaincity_types::cbor::encode(&call).len();
        assert!((1_050..1_250).contains(&bytes), "about 1 KB: {bytes}");
    }
}

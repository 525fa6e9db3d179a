//! One registration twice: with what is private of it in clear, and with the same in encrypted groups,
//! which a clerk of the steward seals at its node before the transaction that names them.

use std::collections::BTreeMap;
use std::ops::Range;

use chaincity_client::api::block::BlockInfo;
use chaincity_client::api::transaction::ReceiptInfo;
use chaincity_client::api::vault::SealRequest;
use chaincity_client::{Client, call};
use chaincity_package::json;
use chaincity_types::wire::Call;
use chaincity_types::{Digest, Str, Value};
use rand::distr::{Alphanumeric, SampleString as _};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;

use super::{Op, Phase, SEED, Workload};
use crate::actor::{fields, remote};
use crate::bench::desk::Desk;
use crate::fault::Fault;

pub(in crate::bench) const PACKAGE: &str = "deeds";
/// The register whose private fields are encrypted.
pub(in crate::bench) const ENCRYPTED: &str = "encrypted";
/// Its groups, with their fields.
pub(in crate::bench) const GROUPS: [(&str, &[&str]); 2] = [
    ("holder", &["name", "id_number", "phone", "address"]),
    ("deal", &["price", "contract", "terms"]),
];
/// The package by which groups are read.
const DISCLOSURE: &str = "disclosure";
/// Clerks that seal at the same time.
const SEALING: usize = 8;
/// Length of the longest field, in bytes.
const TERMS_BYTES: usize = 240;

/// Key of the deed with this number.
pub(in crate::bench) fn key(number: u64) -> String {
    format!("deed-{number:08}")
}

/// What is private of the deed with this number: synthetic, the person born in 1900.
pub(in crate::bench) fn private(number: u64) -> BTreeMap<Str, Value> {
    let mut rng = StdRng::seed_from_u64(SEED.wrapping_add(number));
    let (day, order) = (rng.random_range(1..=28_u32), rng.random_range(0..10_000_u32));
    let mut text = |bytes: usize| Alphanumeric.sample_string(&mut rng, bytes);
    let (name, house, contract, terms) = (text(6), text(4), text(12), text(TERMS_BYTES));
    fields([
        ("name", format!("测试{name}").as_str().into()),
        ("id_number", format!("110101190001{day:02}{order:04}").as_str().into()),
        ("phone", format!("1390000{order:04}").as_str().into()),
        ("address", format!("示例市试验路{house}号").as_str().into()),
        ("price", Value::Int(rng.random_range(10_000_000..1_000_000_000_i64))),
        ("contract", format!("示例合同{contract}").as_str().into()),
        ("terms", terms.as_str().into()),
    ])
}

/// What is public of it.
fn public(number: u64) -> [(Str, Value); 2] {
    let location = format!("示例市示例区示例路{number}号");
    [("number".into(), key(number).as_str().into()), ("location".into(), location.as_str().into())]
}

fn in_clear(number: u64) -> Call {
    let mut input = private(number);
    input.extend(public(number));
    call(PACKAGE, "register-clear", input)
}

fn encrypted(number: u64, commitments: &[Digest]) -> Call {
    let mut input = BTreeMap::from(public(number));
    for ((group, _), commitment) in GROUPS.iter().zip(commitments) {
        input.insert((*group).into(), Value::Bytes(commitment.as_bytes().to_vec()));
    }
    call(PACKAGE, "register-encrypted", input)
}

/// What is sealed of a deed.
fn requests(number: u64) -> impl Iterator<Item = SealRequest> {
    let private = private(number);
    (0_u64..).zip(GROUPS).map(move |(index, (group, names))| {
        let of = |name: &&str| Some(((*name).into(), private.get(*name)?.clone()));
        let values: BTreeMap<Str, Value> = names.iter().filter_map(of).collect();
        SealRequest {
            package: PACKAGE.to_owned(),
            register: ENCRYPTED.to_owned(),
            group: group.to_owned(),
            request: format!("{index:032x}{number:032x}"),
            values: json::from_fields(&values),
            scopes: BTreeMap::new(),
        }
    })
}

/// What the blocks say of accesses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(in crate::bench) struct Answers {
    pub(in crate::bench) asked: u64,
    pub(in crate::bench) released: u64,
    /// Accesses that were not asked once and answered once.
    #[serde(rename = "answers_differing")]
    pub(in crate::bench) differing: u64,
}

/// How often an access was asked, released, and refused.
type Course = [u64; 3];

/// The workload.
pub(super) struct Deeds {
    /// Encrypted deeds that stand before.
    records: u64,
    /// The next number of a deed in clear, and of an encrypted one.
    next: (u64, u64),
    phase: Phase,
    sealing: Vec<Client>,
    /// The key of the steward's agent, as receipts write it.
    agent: String,
    accesses: BTreeMap<String, Course>,
}

impl Deeds {
    pub(super) fn new(records: usize) -> Self {
        Self {
            records: u64::try_from(records).unwrap_or(u64::MAX),
            next: (0, 0),
            phase: Phase::Encrypted,
            sealing: Vec::new(),
            agent: String::new(),
            accesses: BTreeMap::new(),
        }
    }

    /// The next `count` numbers of the phase.
    fn take(&mut self, count: u64) -> Range<u64> {
        let clear = self.phase == Phase::Clear;
        let next = if clear { &mut self.next.0 } else { &mut self.next.1 };
        let first = *next;
        *next = first.saturating_add(count);
        first..*next
    }

    /// Seals the groups of these deeds, by several clerks at the same time.
    fn seal(&mut self, numbers: Range<u64>, desk: &Desk<'_>) -> Result<Vec<Vec<Digest>>, Fault> {
        if self.sealing.is_empty() {
            let clerks = desk.people.of_office(0, desk.nodes()).cycle().take(SEALING);
            let clerks = clerks.map(|key| Ok(desk.actor(0, key)?.client));
            self.sealing = clerks.collect::<Result<_, Fault>>()?;
        }
        let mut sealed = BTreeMap::new();
        let lanes: Vec<_> = std::thread::scope(|scope| {
            let run = |(lane, client)| {
                let mine = numbers.clone().skip(lane).step_by(SEALING);
                scope.spawn(move || mine.map(|number| seal_one(client, number)).collect())
            };
            let running: Vec<_> = self.sealing.iter().enumerate().map(run).collect();
            running.into_iter().map(|lane| lane.join()).collect()
        });
        for lane in lanes {
            let lane: Result<Vec<_>, Fault> =
                lane.map_err(|_panic| Fault::other("加密线程中断", "a sealing thread broke off"))?;
            sealed.extend(lane?);
        }
        Ok(sealed.into_values().collect())
    }

    /// The next `count` registrations.
    fn calls(&mut self, count: u64, desk: &Desk<'_>) -> Result<Vec<Call>, Fault> {
        let numbers = self.take(count);
        if self.phase == Phase::Clear {
            return Ok(numbers.map(in_clear).collect());
        }
        let sealed = self.seal(numbers.clone(), desk)?;
        Ok(numbers
            .zip(sealed)
            .map(|(number, commitments)| encrypted(number, &commitments))
            .collect())
    }
}

fn seal_one(client: &Client, number: u64) -> Result<(u64, Vec<Digest>), Fault> {
    let sealed = requests(number).map(|request| client.seal_group(&request).map_err(remote));
    Ok((number, sealed.collect::<Result<_, Fault>>()?))
}

impl Workload for Deeds {
    fn load(&mut self, desk: &mut Desk<'_>) -> Result<(), Fault> {
        let mut signings = Vec::new();
        for call in self.calls(self.records, desk)? {
            signings.push((call, desk.operator()?));
        }
        desk.settle(&signings).map(drop)
    }

    fn prepare(&mut self, count: usize, _rate: u64, desk: &mut Desk<'_>) -> Result<Vec<Op>, Fault> {
        let calls = self.calls(u64::try_from(count).unwrap_or(u64::MAX), desk)?;
        calls.into_iter().map(|call| Ok(Op::submit(desk.sign(call)?))).collect()
    }

    fn turn_to(&mut self, phase: Phase) {
        self.phase = phase;
    }

    fn conclude(&mut self, desk: &mut Desk<'_>) -> Result<(), Fault> {
        let agent = desk.people.steward.as_ref().map(|steward| steward.agent.public_key());
        self.agent = agent.map(|key| hex::encode(key.as_bytes())).unwrap_or_default();
        Ok(())
    }

    /// The agent looks again at what it answered before its queries show the answer.
    fn rejections(&self) -> &'static [&'static str] {
        &["access-settled"]
    }

    fn is_anothers(&self, receipt: &ReceiptInfo) -> bool {
        receipt.operator == self.agent
    }

    fn on_block(&mut self, block: &BlockInfo) {
        let entries = block.receipts.iter().flat_map(|receipt| &receipt.entries);
        for event in entries.flat_map(|entry| &entry.events) {
            let kinds = ["access-asked", "access-released", "access-refused"];
            let kind = kinds.iter().position(|kind| *kind == event.kind);
            let Some(kind) = kind.filter(|_| event.package == DISCLOSURE) else { continue };
            let course = self.accesses.entry(event.key.clone()).or_default();
            if let Some(times) = course.get_mut(kind) {
                *times = times.saturating_add(1);
            }
        }
    }

    fn answers(&self) -> Option<Answers> {
        let mut answers = Answers::default();
        for [asked, released, refused] in self.accesses.values() {
            answers.asked = answers.asked.saturating_add(*asked);
            answers.released = answers.released.saturating_add(*released);
            // One that the rules refuse is never asked of the steward: none of ours is.
            let once = *asked == 1 && released.saturating_add(*refused) == 1;
            answers.differing = answers.differing.saturating_add(u64::from(!once));
        }
        Some(answers)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "tests")]
    use super::*;

    #[test]
    fn both_registrations_say_the_same_of_the_same_deed() {
        assert_eq!(private(7), private(7));
        assert_ne!(private(7), private(8));
        let (clear, sealed) =
            (in_clear(7).input, encrypted(7, &[Digest([1; 32]), Digest([2; 32])]));
        let names: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        assert!(private(7).keys().all(|name| names.contains(&name.as_str())));
        assert_eq!(clear.len(), sealed.input.len() - GROUPS.len() + names.len());
        let asked: Vec<_> = requests(7).collect();
        let requested: usize = asked.iter().map(|request| request.values.len()).sum();
        assert_eq!((asked.len(), requested), (2, names.len()));
        assert_ne!(asked[0].request, asked[1].request);
        assert!(asked.iter().all(|request| request.request.len() == 64));
    }

    #[test]
    fn an_access_that_is_not_answered_once_differs() {
        let mut deeds = Deeds::new(0);
        let courses = [("a", [1, 1, 0]), ("b", [1, 0, 1]), ("c", [1, 0, 0]), ("d", [1, 2, 0])];
        deeds.accesses = courses.map(|(key, course)| (key.to_owned(), course)).into();
        let answers = Answers { asked: 4, released: 3, differing: 2 };
        assert_eq!(deeds.answers(), Some(answers));
    }
}

//! Registrations and transfers of real estate, alone and mixed with reads.
//!
//! A unit changes hands at most once in a window and again in a later one, from whoever got it: so
//! few units serve many transfers, and no transfer waits for another.

use std::collections::BTreeMap;

use chaincity_client::api::transaction::EntryInfo;
use chaincity_client::call;
use chaincity_types::wire::Call;
use chaincity_types::{Digest, Str, Value};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::{Op, Read, SEED, Workload};
use crate::actor::{fields, mandate_input, sole};
use crate::bench::desk::{Desk, Signing};
use crate::bench::draw::{Zipf, choose};
use crate::bench::drive::Window;
use crate::fault::Fault;
use crate::import::synthetic::synthetic_calls;

pub(super) const PACKAGE: &str = "real-estate";

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Read,
    Transfer,
    Insert,
}

/// Acts by their share in a hundred.
pub(super) type Shares = &'static [(Act, u32)];
pub(super) const REGISTER: Shares = &[(Act::Insert, 100)];
pub(super) const TRANSFER: Shares = &[(Act::Transfer, 100)];
pub(super) const MIXED: Shares = &[(Act::Read, 60), (Act::Transfer, 30), (Act::Insert, 10)];

/// What is done, and to which of the standing units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Read(usize),
    Transfer(usize),
    Insert,
}

/// A unit that stands on the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unit {
    number: String,
    /// Which citizen owns it; unknown when a transfer got no answer.
    owner: Option<usize>,
}

/// The workload.
pub(super) struct Estate {
    shares: Shares,
    /// Units that stand before the first window.
    records: usize,
    rng: StdRng,
    fresh: Box<dyn Iterator<Item = Call>>,
    standing: Vec<Unit>,
    /// Transfers of the last window: the unit and its new owner.
    sold: BTreeMap<Digest, (usize, usize)>,
    /// Registrations of the last window.
    registered: BTreeMap<Digest, Unit>,
}

impl Estate {
    pub(super) fn new(shares: Shares, records: usize) -> Self {
        Self {
            shares,
            records,
            rng: StdRng::seed_from_u64(SEED),
            fresh: Box::new(synthetic_calls(SEED, 0..u64::MAX)),
            standing: Vec::new(),
            sold: BTreeMap::new(),
            registered: BTreeMap::new(),
        }
    }

    /// The same beside `before` synthetic units that stand already, with which it does nothing.
    pub(super) fn beside(before: u64) -> Self {
        let fresh = Box::new(synthetic_calls(SEED, before..u64::MAX));
        Self { fresh, ..Self::new(REGISTER, 0) }
    }

    /// Does something else from now on.
    pub(super) const fn turn_to(&mut self, shares: Shares) {
        self.shares = shares;
    }

    fn share(&self, act: Act) -> usize {
        let found = self.shares.iter().find(|(of, _)| *of == act);
        found.map_or(0, |(_, share)| usize::try_from(*share).unwrap_or(0))
    }

    /// Units that `transfers` in one window take: where keys are drawn, twice as many.
    fn needed(&self, transfers: usize) -> usize {
        let drawn = self.share(Act::Transfer) < 100;
        let times = if drawn { 2 } else { 1 };
        transfers.saturating_mul(times).max(self.records)
    }

    fn transferable(&self) -> usize {
        self.standing.iter().filter(|unit| unit.owner.is_some()).count()
    }

    /// What is done, drawn from the seed.
    fn acts(&mut self, count: usize) -> Vec<Act> {
        (0..count).filter_map(|_| choose(&mut self.rng, self.shares)).collect()
    }

    /// To which units it is done.
    fn deeds(&mut self, acts: &[Act]) -> Vec<Deed> {
        let zipf = Zipf::new(self.standing.len());
        let mut taken: Vec<bool> = self.standing.iter().map(|unit| unit.owner.is_none()).collect();
        let mut turn = 0_usize;
        let drawn = self.share(Act::Transfer) < 100;
        let mut deeds = Vec::with_capacity(acts.len());
        for act in acts {
            deeds.push(match act {
                Act::Insert => Deed::Insert,
                Act::Read => Deed::Read(zipf.place(&mut self.rng)),
                Act::Transfer => {
                    let first = if drawn { zipf.place(&mut self.rng) } else { turn };
                    let rest = (first..taken.len()).chain(0..first);
                    let found = rest.into_iter().find(|at| taken.get(*at) == Some(&false));
                    let Some(at) = found else { continue };
                    taken.iter_mut().skip(at).take(1).for_each(|taken| *taken = true);
                    turn = at.saturating_add(1);
                    Deed::Transfer(at)
                }
            });
        }
        deeds
    }

    /// Registrations of fresh units, with all that a registry fills in.
    fn registrations(&mut self, count: usize) -> Vec<Call> {
        let more = fields([
            ("zoning", "城镇住宅用地".into()),
            ("building_type", "住宅大楼（地上十八层，地下一层）".into()),
            ("layout", "三室二厅一厨二卫二阳台".into()),
            ("basis_digest", Value::Bytes(vec![0x5a; 32])),
            (
                "basis",
                "国有建设用地使用权证；建设工程规划许可证；建设工程竣工验收备案表；房屋面积测绘报告；\
                 商品房买卖合同；契税完税凭证；申请人身份证明；公证委托书"
                    .into(),
            ),
        ]);
        let mut calls: Vec<Call> = self.fresh.by_ref().take(count).collect();
        for call in &mut calls {
            call.input.extend(more.clone());
        }
        calls
    }

    /// Registrations of fresh units that belong to citizens, where there are citizens.
    fn owned(&mut self, count: usize, desk: &Desk<'_>) -> Vec<(Call, Unit)> {
        let citizens = &desk.people.citizens;
        let first = self.standing.len();
        let mut out = Vec::with_capacity(count);
        for (call, at) in self.registrations(count).into_iter().zip(first..) {
            let mut call = call;
            let owner = at.checked_rem(citizens.len());
            if let Some((subject, _)) = owner.and_then(|owner| citizens.get(owner)) {
                call.input.insert("holders".into(), sole(subject));
            }
            let number = call.input.get("number").and_then(Value::as_text);
            let number = number.unwrap_or_default().to_owned();
            out.push((call, Unit { number, owner }));
        }
        out
    }
}

/// A sale: input, mandates' parties.
struct Sale<'k> {
    at: usize,
    buyer: usize,
    input: BTreeMap<Str, Value>,
    seller: &'k (String, chaincity_crypto::suite::SecretKey),
    acquirer: &'k (String, chaincity_crypto::suite::SecretKey),
}

impl<'k> Sale<'k> {
    fn of(unit: &Unit, at: usize, desk: &Desk<'k>) -> Option<Self> {
        let citizens = &desk.people.citizens;
        let owner = unit.owner?;
        let buyer = owner.saturating_add(1).checked_rem(citizens.len())?;
        let acquirer = citizens.get(buyer)?;
        let input = fields([
            ("unit", unit.number.as_str().into()),
            ("to", sole(&acquirer.0)),
            ("basis", "存量房买卖合同；契税完税凭证；买卖双方身份证明；不动产权属证书".into()),
            ("deal", Value::Bytes(vec![0x5a; 32])),
        ]);
        Some(Self { at, buyer, input, seller: citizens.get(owner)?, acquirer })
    }

    /// Both sides' consent to exactly this transfer.
    fn mandates(&self) -> [Signing<'k>; 2] {
        let mandate = |(subject, key): &'k (String, _), purpose| {
            let input = mandate_input(subject, "transfer", purpose, &self.input);
            (call("governance", "mandate", input), key)
        };
        [mandate(self.seller, "transfer"), mandate(self.acquirer, "acquire")]
    }
}

/// The key of the mandate that a call gave.
fn mandate_key(entry: &EntryInfo) -> Result<String, Fault> {
    let given = |e: &&_| {
        let event: &chaincity_client::api::transaction::EventInfo = e;
        event.register == "mandate" && event.kind == "inserted"
    };
    let missing = || Fault::other("没有写入授意", "no mandate was written");
    entry.events.iter().find(given).map(|event| event.key.clone()).ok_or_else(missing)
}

impl Workload for Estate {
    fn load(&mut self, desk: &mut Desk<'_>) -> Result<(), Fault> {
        let mut signings = Vec::with_capacity(self.records);
        for (call, unit) in self.owned(self.records, desk) {
            signings.push((call, desk.operator()?));
            self.standing.push(unit);
        }
        desk.settle(&signings).map(drop)
    }

    fn preparation(&self, count: usize) -> usize {
        let share = self.share(Act::Transfer);
        let transfers = count.saturating_mul(share).div_ceil(100);
        let missing = self.needed(transfers).saturating_sub(self.transferable());
        if share == 0 { 0 } else { transfers.saturating_mul(2).saturating_add(missing) }
    }

    /// Units that are missing and all mandates are brought to the ledger together: a mandate
    /// names a unit's number, so neither waits for the other.
    fn prepare(&mut self, count: usize, _rate: u64, desk: &mut Desk<'_>) -> Result<Vec<Op>, Fault> {
        let acts = self.acts(count);
        let transfers = acts.iter().filter(|act| **act == Act::Transfer).count();
        let mut signings: Vec<Signing<'_>> = Vec::new();
        if transfers > 0 {
            let missing = self.needed(transfers).saturating_sub(self.transferable());
            for (call, unit) in self.owned(missing, desk) {
                signings.push((call, desk.operator()?));
                self.standing.push(unit);
            }
        }
        let deeds = self.deeds(&acts);
        let units = signings.len();
        let sale = |deed: &Deed| match deed {
            Deed::Transfer(at) => Sale::of(self.standing.get(*at)?, *at, desk),
            Deed::Read(_) | Deed::Insert => None,
        };
        let sales: Vec<Sale<'_>> = deeds.iter().filter_map(sale).collect();
        signings.extend(sales.iter().flat_map(Sale::mandates));
        let entries = if signings.is_empty() { Vec::new() } else { desk.settle(&signings)? };
        let keys = entries.iter().skip(units).map(mandate_key);
        let mut keys = keys.collect::<Result<Vec<_>, Fault>>()?.into_iter();
        let inserts = acts.iter().filter(|act| **act == Act::Insert).count();
        let mut sales = sales.into_iter();
        let mut fresh = self.owned(inserts, desk).into_iter();
        let mut ops = Vec::with_capacity(deeds.len());
        for deed in deeds {
            match deed {
                Deed::Read(at) => {
                    let number = self.standing.get(at).map(|unit| unit.number.clone());
                    let read = Read::Record(PACKAGE, "unit", number.unwrap_or_default());
                    ops.push(Op::read(vec![read]));
                }
                Deed::Transfer(_) => {
                    let Some(sale) = sales.next() else { continue };
                    let mandates = Some(keys.by_ref().take(2).map(Into::into).collect());
                    let call = Call { mandates, ..call(PACKAGE, "transfer", sale.input) };
                    let signed = desk.sign(call)?;
                    self.sold.insert(signed.id, (sale.at, sale.buyer));
                    ops.push(Op::submit(signed));
                }
                Deed::Insert => {
                    let Some((call, unit)) = fresh.next() else { continue };
                    let signed = desk.sign(call)?;
                    if unit.owner.is_some() {
                        self.registered.insert(signed.id, unit);
                    }
                    ops.push(Op::submit(signed));
                }
            }
        }
        Ok(ops)
    }

    fn after(&mut self, window: &Window) {
        let unknown = window.unknown.iter().map(|id| (id, false));
        for (id, sure) in window.accepted.iter().map(|id| (id, true)).chain(unknown) {
            if let Some((at, buyer)) = self.sold.remove(id)
                && let Some(unit) = self.standing.get_mut(at)
            {
                unit.owner = sure.then_some(buyer);
            }
            if let Some(unit) = self.registered.remove(id).filter(|_| sure) {
                self.standing.push(unit);
            }
        }
        self.sold.clear();
        self.registered.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use std::collections::BTreeSet;

    fn standing(shares: Shares, units: usize) -> Estate {
        let mut estate = Estate::new(shares, units);
        let unit = |n: usize| Unit { number: n.to_string(), owner: Some(n % 64) };
        estate.standing = (0..units).map(unit).collect();
        estate
    }

    fn drawn(shares: Shares, units: usize, count: usize) -> Vec<Deed> {
        let mut estate = standing(shares, units);
        let acts = estate.acts(count);
        estate.deeds(&acts)
    }

    #[test]
    fn the_mix_is_as_stated_and_the_same_for_the_same_seed() {
        let deeds = drawn(MIXED, 8_000, 10_000);
        assert_eq!(deeds, drawn(MIXED, 8_000, 10_000));
        let count = |is: fn(&Deed) -> bool| deeds.iter().filter(|deed| is(deed)).count();
        assert!((5_800..6_200).contains(&count(|deed| matches!(deed, Deed::Read(_)))));
        assert!((2_850..3_150).contains(&count(|deed| matches!(deed, Deed::Transfer(_)))));
        assert!((900..1_100).contains(&count(|deed| matches!(deed, Deed::Insert))));
        let mut reads = BTreeMap::new();
        for deed in &deeds {
            if let Deed::Read(at) = deed {
                *reads.entry(at).or_insert(0_usize) += 1;
            }
        }
        let most = reads.values().max().unwrap();
        assert!(*most > 400 && reads.len() > 1_000, "some units are read far more: {most}");
    }

    #[test]
    fn no_unit_changes_hands_twice_in_a_window() {
        for (shares, units) in [(TRANSFER, 1_000), (MIXED, 1_000)] {
            let deeds = drawn(shares, units, 1_000);
            let sold: Vec<usize> = deeds
                .iter()
                .filter_map(|deed| if let Deed::Transfer(at) = deed { Some(*at) } else { None })
                .collect();
            assert_eq!(sold.iter().collect::<BTreeSet<_>>().len(), sold.len());
            assert!(sold.len() > 250);
        }
    }

    #[test]
    fn a_unit_follows_its_transfer_and_is_left_alone_when_no_answer_came() {
        let mut estate = standing(TRANSFER, 3);
        for (byte, at) in [(1, 0), (2, 1), (3, 2)] {
            estate.sold.insert(Digest([byte; 32]), (at, 50));
        }
        let (accepted, unknown) = (vec![Digest([1; 32])], vec![Digest([2; 32])]);
        estate.after(&Window { accepted, unknown, ..Window::default() });
        let owners: Vec<_> = estate.standing.iter().map(|unit| unit.owner).collect();
        assert_eq!(owners, [Some(50), None, Some(2)], "transferred, unsure, refused");
        assert_eq!((estate.transferable(), estate.preparation(3)), (2, 7));
        assert_eq!(estate.deeds(&[Act::Transfer; 2]), [Deed::Transfer(0), Deed::Transfer(2)]);
    }
}

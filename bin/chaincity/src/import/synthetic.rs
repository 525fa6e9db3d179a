//! Synthetic people and units, the same for the same seed. No name, no number of a document:
//! a subject is a digest of the seed and of what it holds.

use std::ops::Range;

use chaincity_crypto::hash;
use chaincity_types::id::UnitNumber;
use chaincity_types::wire::Call;
use chaincity_types::{Digest, Share, Value};

use super::convert::share;

const HOLDERS_DOMAIN: &str = "chaincity/synthetic-holders/1";
const SUBJECT_DOMAIN: &str = "chaincity/synthetic-subject/1";
const UNIT_DOMAIN: &str = "chaincity/synthetic-unit/1";

/// County of this consortium: 娄星区 (GB/T 2260).
const COUNTY: &str = "431302";
const STREETS: [&str; 8] = [
    "示例一路",
    "示例二路",
    "示例三路",
    "示例四路",
    "试验东街",
    "试验西街",
    "试验南街",
    "试验北街",
];
const USES: [&str; 4] = ["住宅", "商业服务", "办公", "车库"];
const STRUCTURES: [&str; 3] = ["钢筋混凝土结构", "钢结构", "混合结构"];
/// Parcels that the numbering fills before the next cadastral sub-zone.
const PARCELS: u64 = 99_999;
const UNITS_A_FLOOR: u64 = 4;
const UNITS_A_BUILDING: u64 = 72;
const BUILDINGS_A_PARCEL: u64 = 12;

/// Holders of the thing named `of`, whose shares make a whole: mostly one, sometimes two or
/// three.
pub(crate) fn holders(seed: u64, of: &str) -> Value {
    let mut draw = Draw::new(HOLDERS_DOMAIN, seed, of);
    let count: u64 = match draw.below(100) {
        0..70 => 1,
        70..95 => 2,
        _ => 3,
    };
    let holder = |index| {
        let part = Share::new(1, count).unwrap_or(Share::WHOLE);
        share(subject(seed, &format!("{of}/{index}")), part)
    };
    Value::List((0..count).map(holder).collect())
}

/// A subject's identifier: `s-` and 32 hexadecimal digits.
pub(crate) fn subject(seed: u64, of: &str) -> String {
    let digest = digest(SUBJECT_DOMAIN, seed, of).to_string();
    format!("s-{}", digest.chars().take(32).collect::<String>())
}

/// First registrations of the synthetic units with these indexes, of this consortium's district,
/// with numbers of GB/T 37346-2019. The same seed gives the same calls.
pub(crate) fn synthetic_calls(seed: u64, indexes: Range<u64>) -> impl Iterator<Item = Call> {
    indexes.filter_map(move |index| unit_call(seed, index))
}

/// Where a unit stands: building, parcel and building on it, floor, house number.
struct Site {
    building_all: u64,
    parcel: u64,
    building: u64,
    floor: u64,
    house: u64,
    zone: u64,
}

fn site(index: u64) -> Option<Site> {
    let building_all = index.checked_div(UNITS_A_BUILDING)?;
    let unit = index.checked_rem(UNITS_A_BUILDING)?;
    let building = building_all.checked_rem(BUILDINGS_A_PARCEL)?.saturating_add(1);
    let parcel_all = building_all.checked_div(BUILDINGS_A_PARCEL)?;
    let parcel = parcel_all.checked_rem(PARCELS)?.saturating_add(1);
    let zone = parcel_all.checked_div(PARCELS)?.saturating_add(1);
    let floor = unit.checked_div(UNITS_A_FLOOR)?.saturating_add(1);
    let door = unit.checked_rem(UNITS_A_FLOOR)?.saturating_add(1);
    let house = floor.checked_mul(100)?.checked_add(door)?;
    Some(Site { building_all, parcel, building, floor, house, zone })
}

/// The number of the unit with this index.
pub(crate) fn unit_number(index: u64) -> Option<String> {
    let Site { parcel, building, house, zone, .. } = site(index)?;
    let number = format!("{COUNTY}009{zone:03}GB{parcel:05}F{building:04}{house:04}");
    Some(UnitNumber::parse(&number).ok()?.value.as_str().to_owned())
}

fn unit_call(seed: u64, index: u64) -> Option<Call> {
    let Site { building_all, parcel, building, floor, house, .. } = site(index)?;
    let number = unit_number(index)?;
    let mut of_building = Draw::new(UNIT_DOMAIN, seed, &format!("building/{building_all}"));
    let street = of_building.pick(&STREETS)?;
    let structure = of_building.pick(&STRUCTURES)?;
    let completed = i64::try_from(of_building.below(9_000)).ok()?.checked_add(11_000)?;
    let mut draw = Draw::new(UNIT_DOMAIN, seed, &number);
    let hundredths = i64::try_from(draw.below(12_000)).ok()?.checked_add(4_500)?;
    let land = hundredths.checked_div(5)?;
    let usage = if floor == 1 { draw.pick(&USES)? } else { USES.first()? };
    let location = format!("娄星区{street}{parcel}号{building}栋{house}室");
    let area = |mantissa| Value::Decimal { mantissa, scale: 2 };
    let floors = i64::try_from(UNITS_A_BUILDING.checked_div(UNITS_A_FLOOR)?).ok()?;
    let input = [
        ("number", Value::from(number.as_str())),
        ("number_kind", Value::from("gbt37346")),
        ("location", Value::from(location.as_str())),
        ("district", Value::from("娄星区")),
        ("land_area", area(land)),
        ("building_area", area(hundredths)),
        ("use", Value::from(*usage)),
        ("structure", Value::from(*structure)),
        ("floor", Value::from(floor.to_string())),
        ("floors", Value::Int(floors)),
        ("completed", Value::Date(i32::try_from(completed).ok()?)),
        ("holders", holders(seed, &number)),
        ("basis", Value::from("示例数据：首次登记")),
    ];
    Some(Call {
        package: "real-estate".into(),
        action: "first-registration".into(),
        input: input.into_iter().map(|(name, value)| (name.into(), value)).collect(),
        case: None,
        task: None,
        mandates: None,
    })
}

fn digest(domain: &str, seed: u64, of: &str) -> Digest {
    let mut bytes = seed.to_be_bytes().to_vec();
    bytes.extend_from_slice(of.as_bytes());
    hash::in_domain(domain, &bytes)
}

/// Numbers drawn from one digest, four bytes each; at most eight.
struct Draw {
    bytes: Vec<u8>,
}

impl Draw {
    fn new(domain: &str, seed: u64, of: &str) -> Self {
        Self { bytes: digest(domain, seed, of).0.to_vec() }
    }

    /// A number below `bound`. The bias of the remainder does not matter here.
    fn below(&mut self, bound: u64) -> u64 {
        let rest = self.bytes.split_off(self.bytes.len().min(4));
        let drawn = std::mem::replace(&mut self.bytes, rest);
        let number =
            drawn.iter().fold(0_u64, |n, b| n.wrapping_mul(256).wrapping_add(u64::from(*b)));
        number.checked_rem(bound).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let index = self.below(u64::try_from(all.len()).ok()?);
        all.get(usize::try_from(index).ok()?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "tests")]
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_same_seed_gives_the_same_units_and_another_seed_other_holders() {
        let calls: Vec<Call> = synthetic_calls(7, 0..3_000).collect();
        assert_eq!(calls.len(), 3_000);
        assert!(synthetic_calls(7, 0..3_000).eq(calls.iter().cloned()));
        let numbers: BTreeSet<_> = calls.iter().map(|call| &call.input["number"]).collect();
        assert_eq!(numbers.len(), 3_000);
        let other = synthetic_calls(8, 0..1).next().unwrap();
        assert_eq!(other.input["number"], calls[0].input["number"]);
        assert_ne!(other.input["holders"], calls[0].input["holders"]);
    }

    #[test]
    fn unit_numbers_stay_valid_far_out() {
        for index in [0, 71, 72, 863, 864, 86_399_135, 86_399_136, 900_000_000] {
            let call = unit_call(1, index).unwrap();
            let number = call.input["number"].as_text().unwrap();
            assert!(UnitNumber::parse(number).is_ok(), "{number}");
            assert_eq!(unit_number(index).as_deref(), Some(number));
        }
    }

    #[test]
    fn holders_make_a_whole_and_are_one_two_or_three() {
        let mut counts = [0; 4];
        for index in 0..1_000 {
            let list = holders(1, &index.to_string());
            let parts: Vec<Share> = list
                .as_list()
                .unwrap()
                .iter()
                .map(|holder| {
                    let part = |name: &str| {
                        u64::try_from(holder.as_map().unwrap()[name].as_int().unwrap()).unwrap()
                    };
                    Share::new(part("n"), part("d")).unwrap()
                })
                .collect();
            assert!(Share::sum_to_whole(parts.iter().copied()));
            counts[parts.len()] += 1;
        }
        assert!(counts[1] > 600 && counts[2] > 150 && counts[3] > 10, "{counts:?}");
    }
}

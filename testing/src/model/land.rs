//! House and land: a seal on the one covers the other, as far as they belong to the same persons
//! (查扣冻规定 21).

use super::blocks::state;
use super::case::{Case, holders, text, yes};
use super::request::Holder;
use super::seals::is_alone;
use super::{Entry, Model, Ruling, demand};

fn share_an_owner(a: &[Holder], b: &[Holder]) -> bool {
    a.iter().any(|one| b.iter().any(|other| one.subject == other.subject))
}

/// A pre-seal takes hold of what the buyer has.
fn takes_hold(seal: &Entry, owners: &[Holder], common: bool) -> bool {
    match yes(&seal.facts, "pre") && seal.facts.contains_key("debtor") {
        true => owners.iter().any(|owner| owner.subject == text(&seal.facts, "debtor")),
        false => common,
    }
}

impl Model {
    /// Numbers of the houses that stand on a unit of land.
    pub(super) fn houses_on(&self, unit: &str) -> Vec<(usize, String)> {
        let houses = self.live_by("unit", "land", unit).into_iter();
        houses.map(|(n, house)| (n, text(&house.facts, "number").to_owned())).collect()
    }

    /// A house stands on land that is registered alone.
    pub(super) fn check_land(&self, case: &Case<'_>, is_house: bool) -> Ruling {
        let alone = |land: &str| {
            self.title(land).is_ok_and(|(_, title)| text(&title.facts, "kind") == "land_use")
        };
        demand(!case.has("land") || (is_house && alone(case.text("land"))), "land-unfit")
    }

    /// Whether a seal on the land under a house, or on a house upon the land, stands in the way, or
    /// a hold; `passes` says which ones do not.
    pub(super) fn land_sealed(
        &self,
        case: &Case<'_>,
        units: &[&str],
        passes: &dyn Fn(&Entry) -> bool,
    ) -> bool {
        let mut others = Vec::new();
        for unit in units {
            let land = self.unit(unit).map(|unit| text(&unit.facts, "land").to_owned());
            others.extend(land.ok().filter(|land| !land.is_empty()));
            others.extend(self.houses_on(unit).into_iter().map(|(_, house)| house));
        }
        let owners_of = |unit: &str| {
            self.title(unit).map(|(_, title)| holders(&title.facts)).unwrap_or_default()
        };
        let own: Vec<Holder> = units.iter().flat_map(|unit| owners_of(unit)).collect();
        others.iter().any(|other| {
            let common = share_an_owner(&own, &owners_of(other));
            let stands =
                |seal: &Entry| state("seal", seal, case.now_ms) != Some("ended") || is_alone(seal);
            let seals = self.on_unit("seal", other);
            let holds = self.standing(case, "hold", other);
            seals.iter().any(|(_, s)| stands(s) && takes_hold(s, &own, common) && !passes(s))
                || holds.iter().any(|(_, hold)| common && !passes(hold))
        })
    }

    /// The houses on these units of land stand on the new one.
    pub(super) fn houses_move(&mut self, old: &[&str], new: &str) {
        for unit in old {
            for (house, _) in self.houses_on(unit) {
                self.put("unit", house, "land", Some(new.into()));
            }
        }
    }
}

//! What stands in the way: seals, holds, objections, unsure data.

use super::applications;
use super::case::{Asked, Case, day, each, holders, of_entries, text, texts, time};
use super::days::{day_of, last_day};
use super::queries::seal_kind;
use super::request::{Fact, Facts};
use super::seals::is_alone;
use super::{Entry, Model, Ruling, demand};

/// Something that can stand in the way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// The application that is named is another, or not reviewed.
    Application,
    Hold,
    Objection,
    Areas,
    Holders,
    /// Two entries claim to be current.
    Owners,
    /// A waiting seal came without one in effect.
    LoneSeal,
    Shares,
    /// Who acts for another may not, or not for this.
    Agents,
    Seal,
    /// The land under a house is sealed, or a house upon the land.
    Land,
    /// Holders under guardianship act for themselves.
    Wards,
}

/// What stands in the way of whatever disposes of a unit, apart from wards.
pub(super) const DISPOSAL: &[Block] = &[
    Block::Application,
    Block::Hold,
    Block::Holders,
    Block::Owners,
    Block::LoneSeal,
    Block::Agents,
    Block::Seal,
    Block::Land,
];

/// What stands in the way of whatever ends a unit or gives it another number.
pub(super) const ENDING: &[Block] = &[
    Block::Application,
    Block::Hold,
    Block::Objection,
    Block::Holders,
    Block::Owners,
    Block::LoneSeal,
    Block::Agents,
    Block::Seal,
    Block::Land,
    Block::Wards,
];

/// How long a service hold lasts at most.
pub(super) const HOLD_MS: u64 = 24 * 3_600_000;

/// When a service hold ends by itself.
pub(super) fn hold_end(facts: &Facts) -> Option<u64> {
    let last = time(facts, "served")?.saturating_add(HOLD_MS);
    Some(time(facts, "until").map_or(last, |until| last.min(until)))
}

/// The last day of what lapses by itself.
fn lapses(register: &str, facts: &Facts) -> Option<i32> {
    match register {
        // 民法典 220: fifteen days.
        "objection" => Some(last_day(day(facts, "registered")?, 15)),
        // 民法典 221: ninety days from when registration became possible.
        "notice" => Some(last_day(day(facts, "registrable")?, 90)),
        _ => None,
    }
}

/// Where an entry with a term or a lapse stands.
pub(super) fn state(register: &str, entry: &Entry, now_ms: u64) -> Option<&'static str> {
    let today = day_of(now_ms);
    let facts = &entry.facts;
    let ended = match register {
        "seal" | "easement" | "residence" | "representation" => {
            day(facts, "to").is_some_and(|to| today > to)
        }
        // Until the time that the clerk set, at the latest a day after the service.
        "hold" => now_ms > hold_end(facts)?,
        // A lawsuit that is proved keeps it.
        "objection" => !facts.contains_key("lawsuit") && Some(today) > lapses(register, facts),
        "notice" => lapses(register, facts).is_some_and(|last| today > last),
        "unit-check" => {
            let over = day(facts, "to").is_some_and(|to| today > to);
            return Some(if over { "expired" } else { "valid" });
        }
        _ => return None,
    };
    if !entry.live || ended {
        return Some("ended");
    }
    let waits = matches!(register, "seal" | "easement" | "residence" | "representation")
        && day(facts, "from").is_some_and(|from| today < from);
    Some(if waits { "waiting" } else { "effective" })
}

impl Model {
    /// What follows from an entry at a time without anybody's doing.
    #[must_use]
    pub fn computed(&self, register: &str, number: usize, now_ms: u64) -> Facts {
        let Some(entry) = self.entry(register, number) else { return Facts::new() };
        if register == "application" {
            return applications::computed(entry, now_ms);
        }
        let mut facts = Facts::new();
        facts.extend(state(register, entry, now_ms).map(|state| ("state", state.into())));
        facts.extend(lapses(register, &entry.facts).map(|day| ("lapses", Fact::Day(day))));
        if register == "seal" {
            facts.insert("kind", seal_kind(entry, now_ms).into());
            facts.insert("alone", is_alone(entry).into());
        }
        facts
    }

    /// Entries on a unit that have not ended.
    pub(super) fn standing(
        &self,
        case: &Case<'_>,
        register: &str,
        unit: &str,
    ) -> Vec<(usize, Entry)> {
        let mut all = self.on_unit(register, unit);
        all.retain(|(_, entry)| state(register, entry, case.now_ms) != Some("ended"));
        all
    }

    /// Whether a seal on the unit waits though none was before it.
    pub(super) fn has_lone_seal(&self, unit: &str) -> bool {
        self.on_unit("seal", unit).iter().any(|(_, seal)| is_alone(seal))
    }

    /// Refuses if anything of these stands in the way of any of the units, in this order.
    pub(super) fn free_of(&self, case: &Case<'_>, units: &[&str], blocks: &[Block]) -> Ruling {
        let any = |register: &str| {
            units.iter().any(|unit| !self.standing(case, register, unit).is_empty())
        };
        let flagged = |flag: &str| {
            let has = |unit: &Entry| texts(&unit.facts, "quality").iter().any(|q| q == flag);
            units.iter().any(|number| self.unit(number).is_ok_and(|unit| has(&unit)))
        };
        for block in blocks {
            match block {
                Block::Application => self.check_application(case, units)?,
                Block::Hold => demand(!any("hold"), "unit-held")?,
                Block::Objection => demand(!any("objection"), "unit-objected")?,
                Block::Areas => demand(!flagged("area-unverified"), "area-unverified")?,
                Block::Holders => demand(!flagged("holders-unverified"), "holders-unverified")?,
                Block::Owners => demand(!flagged("two-owners"), "two-owners")?,
                Block::LoneSeal => {
                    let alone = units.iter().any(|unit| self.has_lone_seal(unit));
                    demand(!flagged("waiting-seal-alone") && !alone, "seal-unverified")?;
                }
                Block::Shares => demand(!flagged("shares-not-whole"), "shares-unverified")?,
                Block::Agents => case.agents_act(units)?,
                Block::Seal => demand(!any("seal"), "unit-sealed")?,
                Block::Land => {
                    demand(!self.land_sealed(case, units, &|_| false), "land-sealed")?;
                }
                Block::Wards => {
                    let titles = units.iter().filter_map(|unit| Some(self.title(unit).ok()?.1));
                    for title in titles {
                        self.wards_dispose(case, &holders(&title.facts))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// 民法典 220: an objection does not freeze; whoever acquires accepts the risk.
    pub(super) fn risk_accepted<'a>(
        &self,
        case: &Case<'_>,
        unit: &str,
        acquirers: impl Iterator<Item = &'a str>,
    ) -> Vec<Asked> {
        if self.standing(case, "objection", unit).is_empty() {
            return Vec::new();
        }
        each(acquirers, "accept-risk")
    }

    /// 民法典 221: whom a notice of sale protects consents, unless it is one of these.
    pub(super) fn noticed(
        &self,
        case: &Case<'_>,
        unit: &str,
        unless: &dyn Fn(&str) -> bool,
    ) -> Vec<Asked> {
        let notices = self.standing(case, "notice", unit);
        let sales = notices.iter().map(|(_, notice)| notice).filter(|notice| {
            text(&notice.facts, "kind") != "mortgage" && !unless(text(&notice.facts, "holder"))
        });
        of_entries(sales, "holder", "consent")
    }
}

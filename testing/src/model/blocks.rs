//! What stands in the way: seals, holds, objections, unsure data.

use super::case::{Asked, Case, day, each, of_entries, text, texts, time};
use super::days::{day_of, last_day};
use super::{Entry, Facts, Model, Ruling, demand};

/// Something that can stand in the way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Hold,
    Objection,
    Areas,
    Holders,
    Seal,
}

/// How long a service hold lasts at most.
pub(super) const HOLD_MS: u64 = 24 * 3_600_000;

/// When a service hold ends by itself.
pub(super) fn hold_end(facts: &Facts) -> Option<u64> {
    let last = time(facts, "served")?.saturating_add(HOLD_MS);
    Some(time(facts, "until").map_or(last, |until| last.min(until)))
}

/// Where an entry with a term or a lapse stands.
pub(super) fn state(register: &str, entry: &Entry, now_ms: u64) -> Option<&'static str> {
    let today = day_of(now_ms);
    let facts = &entry.facts;
    let ended = match register {
        "seal" | "easement" | "residence" => day(facts, "to").is_some_and(|to| today > to),
        // Until the time that the clerk set, at the latest a day after the service.
        "hold" => now_ms > hold_end(facts)?,
        // 民法典 220: fifteen days, unless a lawsuit is proved.
        "objection" => {
            let last = last_day(day(facts, "registered")?, 15);
            !facts.contains_key("lawsuit") && today > last
        }
        // 民法典 221: ninety days from when registration became possible.
        "notice" => day(facts, "registrable").is_some_and(|from| today > last_day(from, 90)),
        _ => return None,
    };
    if !entry.live || ended {
        return Some("ended");
    }
    let waits = matches!(register, "seal" | "easement" | "residence")
        && day(facts, "from").is_some_and(|from| today < from);
    Some(if waits { "waiting" } else { "effective" })
}

impl Model {
    /// Where an entry stands at a time, if its register knows states.
    #[must_use]
    pub fn state(&self, register: &str, number: usize, now_ms: u64) -> Option<&'static str> {
        state(register, self.entry(register, number)?, now_ms)
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
                Block::Hold => demand(!any("hold"), "unit-held")?,
                Block::Objection => demand(!any("objection"), "unit-objected")?,
                Block::Areas => demand(!flagged("area-unverified"), "area-unverified")?,
                Block::Holders => demand(!flagged("holders-unverified"), "holders-unverified")?,
                Block::Seal => demand(!any("seal"), "unit-sealed")?,
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

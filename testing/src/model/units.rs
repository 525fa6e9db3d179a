//! Split, merger and new survey: the old unit closes with its successors, and all that stood on it
//! stands on each new one.

use super::blocks::{Block, ENDING};
use super::case::{Case, day, holders, of_holders, take, text, texts};
use super::request::{Fact, Facts};
use super::titles::co_ownership;
use super::{Entry, Model, Ruling, demand};

/// What passes of each kind of entry; certificates are issued anew.
const BURDENS: &[(&str, &[&str])] = &[
    (
        "mortgage",
        &[
            "mortgagee",
            "kind",
            "amount",
            "rank",
            "from",
            "to",
            "transfer_banned",
            "basis",
            "basis_digest",
            "claim",
            "claim_fixed",
            "claim_fact",
        ],
    ),
    ("residence", &["person", "conditions", "from", "to", "basis", "basis_digest", "will_digest"]),
    ("notice", &["kind", "holder", "obligor", "price", "registrable", "basis", "basis_digest"]),
    ("easement", &["content", "from", "to", "basis", "basis_digest"]),
];

/// What stands in the way of a split or a merger, apart from wards.
const OF_DIVISION: &[Block] = &[
    Block::Application,
    Block::Hold,
    Block::Objection,
    Block::Areas,
    Block::Holders,
    Block::Owners,
    Block::LoneSeal,
    Block::Agents,
    Block::Seal,
    Block::Land,
];

impl Model {
    /// The unit ends, with its title and its mortgages, and whatever else hangs on it.
    pub(super) fn end_unit(&mut self, unit: &str, cause: &str, successors: Option<Vec<String>>) {
        for register in ["mortgage", "right"] {
            for (number, _) in self.on_unit(register, unit) {
                self.end(register, number);
            }
        }
        let Some(number) = self.units.get(unit).copied() else { return };
        self.put("unit", number, "end_cause", Some(cause.into()));
        if let Some(successors) = successors {
            self.put("unit", number, "successors", Some(Fact::Texts(successors)));
        }
        self.end("unit", number);
    }

    /// Copies to a new unit what stands on the old ones. Easements between these end.
    fn pass_on(&mut self, case: &Case<'_>, old: &[&str], new: &str, round: usize) {
        for (register, fields) in BURDENS {
            let mut standing = Vec::new();
            for unit in old {
                match *register {
                    "mortgage" => standing.extend(self.on_unit(register, unit)),
                    _ => standing.extend(self.standing(case, register, unit)),
                }
            }
            for (number, entry) in standing {
                let mut facts = take(&entry.facts, fields);
                facts.insert("unit", new.into());
                let dominant = text(&entry.facts, "dominant");
                if old.contains(&dominant) {
                    continue;
                }
                if *register == "easement" {
                    facts.insert("dominant", dominant.into());
                }
                self.enter_copy(register, facts, Some((round, number)));
            }
        }
        self.pass_on_use(case, old, new, round.saturating_add(1));
    }

    /// The new unit goes on being served by others.
    fn pass_on_use(&mut self, case: &Case<'_>, old: &[&str], new: &str, round: usize) {
        for unit in old {
            for (number, entry) in self.live_by("easement", "dominant", unit) {
                let over = super::blocks::state("easement", &entry, case.now_ms) == Some("ended");
                if over || old.contains(&text(&entry.facts, "unit")) {
                    continue;
                }
                let mut facts =
                    take(&entry.facts, &["unit", "content", "from", "to", "basis", "basis_digest"]);
                facts.insert("dominant", new.into());
                self.enter_copy("easement", facts, Some((round, number)));
            }
        }
    }

    /// Enters a unit that comes of others, and its title.
    fn succeed(
        &mut self,
        case: &Case<'_>,
        mut unit: Facts,
        old: &Entry,
        title: &Entry,
        predecessors: Vec<String>,
    ) -> Ruling {
        let number = text(&unit, "number").to_owned();
        self.check_new_number(&number)?;
        unit.extend(take(case.given, &["number_kind"]));
        if let (false, Some(used)) = (unit.contains_key("use"), old.facts.get("use")) {
            unit.insert("use", used.clone());
        }
        unit.insert("predecessors", Fact::Texts(predecessors));
        unit.extend(take(&old.facts, &["land"]));
        self.enter("unit", unit);
        let mut right =
            take(&title.facts, &["kind", "co_ownership", "holders", "use_from", "use_to"]);
        right.extend(take(case.given, &["basis", "basis_digest"]));
        right.insert("unit", number.into());
        self.enter("right", right);
        Ok(())
    }

    pub(super) fn split_unit(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        let old = self.unit(&unit)?;
        let (_, title) = self.title(&unit)?;
        let owners = of_holders(&holders(&title.facts), "split");
        let burdens = self.burdened(case, &[&unit]);
        case.consents(&[[case.spoken_for(&owners)].to_vec(), burdens].concat())?;
        self.free_of(case, &[&unit], OF_DIVISION)?;
        self.free_of(case, &[&unit], &[Block::Wards])?;
        let Some(Fact::Parts(parts)) = case.given.get("into").cloned() else {
            return Err("invalid-input");
        };
        demand(parts.len() >= 2, "split-too-few")?;
        let right = parts.iter().all(|(number, _)| case.number_is(number));
        demand(right, "unit-number-invalid")?;
        // No form says where the houses go.
        demand(self.houses_on(&unit).is_empty(), "houses-unassigned")?;
        for (i, (number, location)) in parts.iter().enumerate() {
            let mut facts = Facts::from([
                ("number", number.as_str().into()),
                ("location", location.as_str().into()),
            ]);
            facts.extend(take(&old.facts, &["source", "quality"]));
            self.succeed(case, facts, &old, &title, vec![unit.clone()])?;
            self.pass_on(case, &[&unit], number, i.saturating_mul(2));
        }
        let successors = parts.into_iter().map(|(number, _)| number).collect();
        self.end_unit(&unit, "split", Some(successors));
        Ok(())
    }

    pub(super) fn resurvey_unit(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        let old = self.unit(&unit)?;
        let (_, title) = self.title(&unit)?;
        case.consents(&[case.spoken_for(&of_holders(&holders(&title.facts), "survey"))])?;
        self.free_of(case, &[&unit], ENDING)?;
        let number = case.text("number").to_owned();
        demand(case.number_is(&number), "unit-number-invalid")?;
        let mut facts = take(case.given, &["number", "location", "use"]);
        facts.extend(take(&old.facts, &["source"]));
        // The new survey settles the areas.
        if let Some(flags) = Self::flags_without(&old, "area-unverified") {
            facts.insert("quality", flags);
        }
        self.succeed(case, facts, &old, &title, vec![unit.clone()])?;
        self.pass_on(case, &[&unit], &number, 0);
        self.houses_move(&[&unit], &number);
        self.end_unit(&unit, "resurvey", Some(vec![number]));
        Ok(())
    }

    pub(super) fn merge_units(&mut self, case: &mut Case<'_>) -> Ruling {
        let numbers = texts(case.given, "units");
        let mut olds = Vec::new();
        for number in &numbers {
            olds.push(self.unit(number)?);
        }
        let mut different = numbers.clone();
        different.sort();
        different.dedup();
        let units: Vec<&str> = different.iter().map(String::as_str).collect();
        let titles: Vec<Entry> =
            units.iter().filter_map(|unit| Some(self.title(unit).ok()?.1)).collect();
        let owners = titles.first().map(|title| holders(&title.facts)).unwrap_or_default();
        let one = titles.iter().all(|title| holders(&title.facts) == owners);
        let asked = if one { of_holders(&owners, "merge") } else { Vec::new() };
        let burdens = self.burdened(case, &units);
        case.consents(&[[case.spoken_for(&asked)].to_vec(), burdens].concat())?;
        self.free_of(case, &units, OF_DIVISION)?;
        if one {
            self.wards_act_by_guardians(case, owners.iter().map(|h| h.subject.as_str()))?;
        }
        let holds = |title: &Entry, subject: &str| {
            holders(&title.facts).iter().any(|h| h.subject == subject)
        };
        case.guardians_undertake(&|subject| titles.iter().any(|title| holds(title, subject)))?;
        demand(titles.len() >= 2, "merge-too-few")?;
        demand(titles.len() == numbers.len(), "unit-without-title")?;
        let (Some(first), Some(title)) = (olds.first(), titles.first()) else { return Ok(()) };
        let like = |other: &Entry| {
            let joint = |t: &Entry| text(&t.facts, "co_ownership") == "joint";
            text(&other.facts, "kind") == text(&title.facts, "kind")
                && joint(other) == joint(title)
                && day(&other.facts, "use_from") == day(&title.facts, "use_from")
                && day(&other.facts, "use_to") == day(&title.facts, "use_to")
        };
        let here = |other: &Entry| text(&other.facts, "land") == text(&first.facts, "land");
        let like = titles.iter().all(like) && olds.iter().all(here);
        demand(one && like, "titles-differ")?;
        let number = case.text("number").to_owned();
        demand(case.number_is(&number), "unit-number-invalid")?;
        let joint = text(&title.facts, "co_ownership") == "joint";
        let kind = co_ownership(if joint { "joint" } else { "" }, &owners);
        let mut title = title.clone();
        title.facts.insert("co_ownership", kind);
        let facts = take(case.given, &["number", "location", "use"]);
        self.succeed(case, facts, first, &title, numbers.clone())?;
        self.pass_on(case, &units, &number, 0);
        self.houses_move(&units, &number);
        for unit in units {
            self.end_unit(unit, "merge", Some(vec![number.clone()]));
        }
        Ok(())
    }
}

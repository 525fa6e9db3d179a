//! First entries of units and of their holders, and changes of title that dispose of nothing.

use super::blocks::{Block, DISPOSAL, ENDING};
use super::case::{Case, holders, of_entries, of_holders, text, texts};
use super::request::{Fact, Holder};
use super::rules::{are_different, kind_fits, make_a_whole};
use super::{Model, Ruling, demand};

/// The kind of co-ownership that is stated, or follows from the number of holders.
pub(super) fn co_ownership(stated: &str, holders: &[Holder]) -> Fact {
    match stated {
        "" if holders.len() == 1 => "single".into(),
        "" => "shares".into(),
        stated => stated.into(),
    }
}

const OF_UNIT: &[&str] = &["number", "number_kind", "location", "use", "quality", "source", "land"];
const OF_RIGHT: &[&str] = &["use_from", "use_to", "holders", "basis", "basis_digest"];

impl Model {
    pub(super) fn first_registration(&mut self, case: &mut Case<'_>) -> Ruling {
        case.consents(&[])?;
        let number = case.text("number").to_owned();
        let holders = holders(case.given);
        let kind = case.text("co_ownership");
        self.free_of(case, &[&number], &[Block::Application])?;
        demand(self.title(&number).is_err(), "ownership-exists")?;
        demand(case.number_is(&number), "unit-number-invalid")?;
        demand(kind == "joint" || make_a_whole(&holders), "shares-not-whole")?;
        demand(are_different(&holders), "holder-twice")?;
        demand(kind_fits(kind, &holders), "co-ownership-mismatch")?;
        demand(case.term_runs("use_from", "use_to"), "term-reversed")?;
        let land = case.text("right_kind") == "land_use";
        let bare = case.text("number_kind") != "gbt37346" || number.ends_with("W00000000");
        demand(!land || bare, "land-with-house")?;
        self.check_land(case, !land)?;
        self.check_new_number(&number)?;
        self.enter("unit", super::case::take(case.given, OF_UNIT));
        let mut title = super::case::take(case.given, OF_RIGHT);
        title.insert("unit", number.into());
        title.insert("kind", if land { "land_use" } else { "ownership" }.into());
        title.insert("co_ownership", co_ownership(kind, &holders));
        self.enter("right", title);
        Ok(())
    }

    /// A number is never used again; a record needs a key.
    pub(super) fn check_new_number(&self, number: &str) -> Ruling {
        demand(!number.is_empty(), "invalid-field")?;
        demand(!self.units.contains_key(number), "exists")
    }

    pub(super) fn import_unit(&mut self, case: &mut Case<'_>) -> Ruling {
        case.consents(&[])?;
        let number = case.text("number").to_owned();
        let holders = holders(case.given);
        demand(!self.units.contains_key(&number), "unit-exists")?;
        demand(case.number_is(&number), "unit-number-invalid")?;
        // 存量数据: a fault that is marked is taken in as it is.
        let marked = texts(case.given, "quality");
        let unsure = marked.iter().any(|flag| flag == "holders-unverified");
        demand(unsure || !holders.is_empty(), "holders-missing")?;
        let marked = marked.iter().any(|flag| flag == "shares-not-whole" || flag == "two-owners");
        demand(marked || make_a_whole(&holders), "shares-not-whole")?;
        demand(are_different(&holders), "holder-twice")?;
        self.check_new_number(&number)?;
        self.enter("unit", super::case::take(case.given, OF_UNIT));
        let mut title = super::case::take(case.given, OF_RIGHT);
        title.insert("unit", number.into());
        title.insert("kind", "ownership".into());
        self.enter("right", title);
        Ok(())
    }

    /// 更名: the same person under another name. A seal allows it, and follows the name.
    pub(super) fn change_name(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        let (number, title) = self.title(&unit)?;
        let (old, new) = (case.text("old").to_owned(), case.text("new").to_owned());
        case.consents(&[case.spoken_for(&[(old.clone(), "rename")])])?;
        self.free_of(case, &[&unit], &[Block::Application, Block::Agents])?;
        let mut holders = holders(&title.facts);
        demand(holders.iter().any(|h| h.subject == old), "not-a-holder")?;
        demand(!holders.iter().any(|h| h.subject == new), "holder-twice")?;
        for holder in holders.iter_mut().filter(|holder| holder.subject == old) {
            holder.subject.clone_from(&new);
        }
        self.put("right", number, "holders", Some(holders.into()));
        for name in ["basis", "basis_digest", "certificate"] {
            self.put("right", number, name, case.given.get(name).cloned());
        }
        for (seal, entry) in self.standing(case, "seal", &unit) {
            if text(&entry.facts, "debtor") == old {
                self.put("seal", seal, "debtor", Some(new.as_str().into()));
            }
        }
        Ok(())
    }

    /// 变更: term, kind of co-ownership or shares, among the same holders.
    pub(super) fn change_right(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        let (number, title) = self.title(&unit)?;
        let old = holders(&title.facts);
        let notices = self.noticed(case, &unit, &|_| false);
        case.consents(&[case.spoken_for(&of_holders(&old, "change")), notices])?;
        self.free_of(case, &[&unit], DISPOSAL)?;
        self.free_of(case, &[&unit], &[Block::Wards])?;
        let new = holders(case.given);
        let kind = case.text("co_ownership");
        if case.has("holders") {
            let there = |h: &Holder| new.iter().filter(|o| o.subject == h.subject).count() == 1;
            demand(new.len() == old.len() && old.iter().all(there), "holders-changed")?;
            let whole = match kind {
                "joint" => new.iter().all(|h| h.n == h.d),
                _ => make_a_whole(&new),
            };
            demand(whole, "shares-not-whole")?;
        }
        demand(case.has("co_ownership") == case.has("holders"), "shares-missing")?;
        demand(kind_fits(kind, &new), "co-ownership-mismatch")?;
        demand(case.term_runs("use_from", "use_to"), "term-reversed")?;
        let changed = ["holders", "co_ownership", "use_from", "use_to", "basis"];
        self.put_all("right", number, super::case::take(case.given, &changed));
        self.put("right", number, "basis_digest", case.given.get("basis_digest").cloned());
        Ok(())
    }

    /// 注销: all whose right would fall with it consent. The number is never used again.
    pub(super) fn waive_right(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        let (number, title) = self.title(&unit)?;
        let taken = case.text("cause") == "expropriated";
        let waive = if taken { Vec::new() } else { of_holders(&holders(&title.facts), "waive") };
        let burdens = self.burdened(case, &[&unit]);
        case.consents(&[[case.spoken_for(&waive)].to_vec(), burdens].concat())?;
        self.free_of(case, &[&unit], ENDING)?;
        self.put("right", number, "end_basis", case.given.get("basis").cloned());
        self.put("right", number, "basis_digest", case.given.get("basis_digest").cloned());
        self.end_unit(&unit, case.text("cause"), None);
        Ok(())
    }

    /// All whose rights hang on units: mortgagees, who lives there, whom notices protect.
    pub(super) fn burdened(&self, case: &Case<'_>, units: &[&str]) -> Vec<Vec<super::Asked>> {
        let all = |register: &str| -> Vec<super::Entry> {
            let of = |unit: &&str| match register {
                "mortgage" => self.on_unit(register, unit),
                _ => self.standing(case, register, unit),
            };
            units.iter().flat_map(of).map(|(_, entry)| entry).collect()
        };
        vec![
            of_entries(all("mortgage").iter(), "mortgagee", "consent-mortgage"),
            of_entries(all("residence").iter(), "person", "consent-residence"),
            of_entries(all("notice").iter(), "holder", "consent"),
        ]
    }
}

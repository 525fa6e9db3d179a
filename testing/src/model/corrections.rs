//! Corrections: each names the version that is wrong, the reason and the legal basis, and changes
//! something (民法典 220).

use super::blocks::Block;
use super::case::{Case, holders, int, take, text, yes};
use super::rules::{are_different, kind_fits, make_a_whole};
use super::{Entry, Model, Ruling, demand};

/// Both texts are there.
fn check_explained(case: &Case<'_>) -> Ruling {
    let explained = !case.text("reason").is_empty() && !case.text("legal_basis").is_empty();
    demand(explained, "correction-unexplained")
}

/// What every correction must name, whatever the package says.
fn check_named(case: &Case<'_>, entry: &Entry) -> Ruling {
    let blank = |name| case.text(name).trim().is_empty();
    demand(!blank("reason") && !blank("legal_basis"), "invalid-field")?;
    let version = u64::try_from(int(case.given, "version"));
    demand(version == Ok(entry.version), "correction-mismatch")
}

impl Model {
    /// What is not given stays as it is.
    fn correct(
        &mut self,
        case: &mut Case<'_>,
        register: &'static str,
        number: usize,
        fields: &[&'static str],
    ) -> Ruling {
        let entry = self.get(register, number)?;
        case.consents(&[])?;
        self.free_of(case, &[case.text("unit")], &[Block::Application])?;
        check_explained(case)?;
        let mut new = take(case.given, fields);
        // 存量轮候查封: the court has said that it stands.
        if yes(case.given, "confirmed") && yes(&entry.facts, "waited") {
            new.insert("waited", false.into());
        }
        let differs = new.iter().any(|(name, fact)| entry.facts.get(name) != Some(fact));
        demand(differs, "correction-empty")?;
        check_named(case, &entry)?;
        self.put_all(register, number, new);
        Ok(())
    }

    pub(super) fn correct_unit(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = self.units.get(case.text("unit")).copied().ok_or("not-found")?;
        self.correct(case, "unit", unit, &["location", "use", "quality"])
    }

    pub(super) fn correct_seal(&mut self, case: &mut Case<'_>) -> Ruling {
        let fields = ["debtor", "document", "from", "to"];
        self.correct(case, "seal", case.entry("seal"), &fields)
    }

    pub(super) fn correct_mortgage(&mut self, case: &mut Case<'_>) -> Ruling {
        let fields = ["amount", "rank", "from", "to", "transfer_banned", "basis", "certificate"];
        self.correct(case, "mortgage", case.entry("mortgage"), &fields)
    }

    pub(super) fn correct_notice(&mut self, case: &mut Case<'_>) -> Ruling {
        let fields = ["price", "registrable", "basis"];
        self.correct(case, "notice", case.entry("notice"), &fields)
    }

    pub(super) fn correct_objection(&mut self, case: &mut Case<'_>) -> Ruling {
        self.correct(case, "objection", case.entry("objection"), &["matter", "lawsuit"])
    }

    pub(super) fn correct_residence(&mut self, case: &mut Case<'_>) -> Ruling {
        let fields = ["conditions", "from", "to", "basis"];
        self.correct(case, "residence", case.entry("residence"), &fields)
    }

    pub(super) fn correct_easement(&mut self, case: &mut Case<'_>) -> Ruling {
        let fields = ["content", "from", "to", "basis"];
        self.correct(case, "easement", case.entry("easement"), &fields)
    }

    pub(super) fn correct_right(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("right");
        let entry = self.get("right", number)?;
        case.consents(&[])?;
        self.free_of(case, &[text(&entry.facts, "unit")], &[Block::Application])?;
        check_explained(case)?;
        let new = holders(case.given);
        let stated = case.text("co_ownership");
        let was = text(&entry.facts, "co_ownership");
        let kind = if stated.is_empty() { was } else { stated };
        let whole = match kind {
            "joint" => new.iter().all(|h| h.n == h.d),
            _ => make_a_whole(&new),
        };
        demand(whole, "shares-not-whole")?;
        demand(are_different(&new), "holder-twice")?;
        demand(kind_fits(kind, &new), "co-ownership-mismatch")?;
        let fact = |name: &str| case.given.get(name) != entry.facts.get(name);
        let other = case.has("co_ownership") && stated != was;
        demand(
            fact("holders") || fact("basis") || fact("certificate") || other,
            "correction-empty",
        )?;
        check_named(case, &entry)?;
        for name in ["holders", "basis", "certificate"] {
            self.put("right", number, name, case.given.get(name).cloned());
        }
        self.put_all("right", number, take(case.given, &["co_ownership"]));
        Ok(())
    }
}

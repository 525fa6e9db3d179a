//! Objections and advance notices: who is warned, whom they protect, when they lapse.

use super::blocks::{Block, DISPOSAL, state};
use super::case::{Case, holders, take, text};
use super::request::Fact;
use super::{Model, Ruling, demand};

impl Model {
    pub(super) fn register_objection(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        let (_, title) = self.title(&unit)?;
        let applicant = case.text("applicant").to_owned();
        case.consents(&[case.spoken_for(&[(applicant.clone(), "object")])])?;
        self.free_of(case, &[&unit], &[Block::Application, Block::Agents])?;
        let holds = holders(&title.facts).iter().any(|h| h.subject == applicant);
        demand(!holds, "objector-is-holder")?;
        // 细则 83: not again on the same ground, lapsed or not.
        let repeated = self.on_unit("objection", &unit).iter().any(|(_, o)| {
            text(&o.facts, "applicant") == applicant
                && text(&o.facts, "matter") == case.text("matter")
        });
        demand(!repeated, "objection-repeated")?;
        let mut facts = case.entered();
        facts.insert("registered", Fact::Day(case.today));
        self.enter("objection", facts);
        Ok(())
    }

    pub(super) fn file_lawsuit(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("objection");
        let entry = self.get("objection", number)?;
        case.consents(&[])?;
        let stands = state("objection", &entry, case.now_ms) == Some("effective");
        demand(stands, "objection-lapsed")?;
        let mut filed = take(case.given, &["lawsuit", "lawsuit_digest"]);
        filed.insert("lawsuit_date", Fact::Day(case.today));
        self.put_all("objection", number, filed);
        Ok(())
    }

    pub(super) fn end_objection(&mut self, case: &mut Case<'_>) -> Ruling {
        self.end_warning(case, "objection", ("withdrawn", "applicant", "withdraw"))
    }

    pub(super) fn end_notice(&mut self, case: &mut Case<'_>) -> Ruling {
        self.end_warning(case, "notice", ("waived", "holder", "waive"))
    }

    /// Given up by whom it is for; found lapsed; or ended by a proof.
    fn end_warning(
        &mut self,
        case: &mut Case<'_>,
        register: &'static str,
        (given_up, whose, purpose): (&str, &str, &'static str),
    ) -> Ruling {
        let number = case.entry(register);
        let entry = self.get(register, number)?;
        let cause = case.text("cause");
        let asked = (cause == given_up).then(|| (text(&entry.facts, whose).to_owned(), purpose));
        case.consents(&[asked.into_iter().collect()])?;
        self.free_of(case, &[text(&entry.facts, "unit")], &[Block::Application])?;
        let ended = state(register, &entry, case.now_ms) == Some("ended");
        let cause = case.text("cause");
        let code = if register == "notice" { "notice-stands" } else { "objection-stands" };
        demand(cause != "lapsed" || ended, code)?;
        demand(cause != "claim_ended" || case.has("basis_digest"), "claim-end-unproved")?;
        self.put(register, number, "end_basis", case.given.get("basis").cloned());
        self.end(register, number);
        Ok(())
    }

    pub(super) fn register_notice(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        let (_, title) = self.title(&unit)?;
        let (holder, obligor) = (case.text("holder").to_owned(), case.text("obligor").to_owned());
        let loan = case.text("kind") == "mortgage";
        let others = match loan {
            true => Vec::new(),
            false => self.noticed(case, &unit, &|other| other == holder),
        };
        case.consents(&[
            case.spoken_for(&[(obligor.clone(), "notice")]),
            case.spoken_for(&[(holder.clone(), "notice")]),
            others,
        ])?;
        self.free_of(case, &[&unit], DISPOSAL)?;
        let parties = [obligor.as_str(), holder.as_str()];
        self.wards_act_by_guardians(case, parties.into_iter())?;
        case.guardians_undertake(&|subject| subject == obligor)?;
        let standing = self.standing(case, "notice", &unit);
        let sells = holders(&title.facts).iter().any(|h| h.subject == obligor);
        // A buyer mortgages in advance what a notice already promises.
        let promised = standing.iter().any(|(_, n)| {
            text(&n.facts, "kind") != "mortgage" && text(&n.facts, "holder") == obligor
        });
        demand(sells || (loan && promised), "obligor-not-holder")?;
        let repeated = standing.iter().any(|(_, n)| {
            text(&n.facts, "kind") == case.text("kind") && text(&n.facts, "holder") == holder
        });
        demand(!repeated, "notice-repeated")?;
        self.enter("notice", case.entered());
        Ok(())
    }

    pub(super) fn mark_registrable(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("notice");
        let entry = self.get("notice", number)?;
        case.consents(&[])?;
        demand(!entry.facts.contains_key("registrable"), "registrable-known")?;
        demand(case.day("registrable") <= Some(case.today), "registrable-in-future")?;
        self.put_all("notice", number, take(case.given, &["registrable"]));
        Ok(())
    }
}

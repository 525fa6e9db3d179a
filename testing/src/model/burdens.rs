//! Easements and residence rights.

use super::blocks::{Block, DISPOSAL, state};
use super::case::{Case, day, holders, of_holders, take, text};
use super::{Entry, Model, Ruling, demand};

/// What stands in the way of a change.
const OF_CHANGE: &[Block] =
    &[Block::Application, Block::Hold, Block::Agents, Block::Seal, Block::Land, Block::Wards];

impl Model {
    pub(super) fn register_easement(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        let (_, title) = self.title(&unit)?;
        let (_, dominant) = self.title(case.text("dominant"))?;
        let users = holders(&dominant.facts);
        case.consents(&[
            case.spoken_for(&of_holders(&holders(&title.facts), "serve")),
            case.spoken_for(&of_holders(&users, "use")),
            case.spoken_for(&self.risk_accepted(
                case,
                &unit,
                users.iter().map(|h| h.subject.as_str()),
            )),
            self.noticed(case, &unit, &|_| false),
        ])?;
        self.free_of(case, &[&unit], DISPOSAL)?;
        self.free_of(case, &[&unit], &[Block::Wards])?;
        self.check_lasts(case, &title)?;
        self.enter("easement", case.entered());
        Ok(())
    }

    /// 民法典 377: not beyond what is left of the right to the land.
    fn check_lasts(&self, case: &Case<'_>, title: &Entry) -> Ruling {
        let fits = match (day(&title.facts, "use_to"), case.day("to")) {
            (Some(last), Some(to)) => to <= last,
            _ => true,
        };
        demand(fits, "easement-too-long")
    }

    pub(super) fn change_easement(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("easement");
        let entry = self.get("easement", number)?;
        let unit = text(&entry.facts, "unit").to_owned();
        let (_, title) = self.title(&unit)?;
        let (_, dominant) = self.title(text(&entry.facts, "dominant"))?;
        case.consents(&[
            case.spoken_for(&of_holders(&holders(&title.facts), "serve")),
            case.spoken_for(&of_holders(&holders(&dominant.facts), "use")),
        ])?;
        self.free_of(case, &[&unit], OF_CHANGE)?;
        demand(state("easement", &entry, case.now_ms) != Some("ended"), "easement-ended")?;
        self.check_lasts(case, &title)?;
        self.put_all("easement", number, take(case.given, &["content", "to", "basis"]));
        Ok(())
    }

    pub(super) fn end_easement(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("easement");
        let entry = self.get("easement", number)?;
        let (_, title) = self.title(text(&entry.facts, "unit"))?;
        let (_, dominant) = self.title(text(&entry.facts, "dominant"))?;
        // Whom it serves gives it up; the other side ends it for abuse (民法典 384).
        case.consents(&[match case.text("cause") {
            "waived" => of_holders(&holders(&dominant.facts), "waive"),
            "abuse" => of_holders(&holders(&title.facts), "end"),
            _ => Vec::new(),
        }])?;
        self.free_of(case, &[text(&entry.facts, "unit")], &[Block::Application])?;
        let over = state("easement", &entry, case.now_ms) == Some("ended");
        demand(case.text("cause") != "term" || over, "easement-stands")?;
        let proved = case.has("basis_digest");
        let needed = matches!(case.text("cause"), "abuse" | "judgment");
        demand(!needed || proved, "easement-end-unproved")?;
        self.put("easement", number, "end_basis", case.given.get("basis").cloned());
        self.end("easement", number);
        Ok(())
    }

    pub(super) fn register_residence(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        let (_, title) = self.title(&unit)?;
        let person = case.text("person").to_owned();
        // 民法典 371: by will, the will takes the place of the holders' consent.
        let willed = case.has("will_digest");
        let owners =
            if willed { Vec::new() } else { of_holders(&holders(&title.facts), "residence") };
        case.consents(&[
            case.spoken_for(&owners),
            case.spoken_for(&[(person.clone(), "reside")]),
            case.spoken_for(&self.risk_accepted(case, &unit, std::iter::once(person.as_str()))),
            self.noticed(case, &unit, &|_| false),
        ])?;
        self.free_of(case, &[&unit], DISPOSAL)?;
        self.free_of(case, &[&unit], &[Block::Wards])?;
        demand(text(&title.facts, "kind") == "ownership", "not-a-dwelling")?;
        self.enter("residence", case.entered());
        Ok(())
    }

    pub(super) fn change_residence(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("residence");
        let entry = self.get("residence", number)?;
        let unit = text(&entry.facts, "unit").to_owned();
        let (_, title) = self.title(&unit)?;
        let person = text(&entry.facts, "person").to_owned();
        let owners = of_holders(&holders(&title.facts), "residence");
        case.consents(&[case.spoken_for(&owners), case.spoken_for(&[(person, "reside")])])?;
        self.free_of(case, &[&unit], OF_CHANGE)?;
        demand(state("residence", &entry, case.now_ms) != Some("ended"), "residence-ended")?;
        self.put_all("residence", number, take(case.given, &["conditions", "to", "basis"]));
        Ok(())
    }

    pub(super) fn end_residence(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("residence");
        let entry = self.get("residence", number)?;
        let waived = case.text("cause") == "waived";
        let asked = waived.then(|| (text(&entry.facts, "person").to_owned(), "waive"));
        case.consents(&[asked.into_iter().collect()])?;
        self.free_of(case, &[text(&entry.facts, "unit")], &[Block::Application])?;
        let over = state("residence", &entry, case.now_ms) == Some("ended");
        demand(case.text("cause") != "term" || over, "residence-stands")?;
        let proved = case.has("basis_digest");
        let needed = matches!(case.text("cause"), "death" | "judgment");
        demand(!needed || proved, "residence-end-unproved")?;
        self.put("residence", number, "end_basis", case.given.get("basis").cloned());
        self.end("residence", number);
        Ok(())
    }
}

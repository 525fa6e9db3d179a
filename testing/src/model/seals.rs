//! Service holds and the queue of seals: ordered by the time of service, each with the dates that
//! follow from those before it (细则 91, 查扣冻规定 26, 27).

use super::blocks::{HOLD_MS, state};
use super::case::{Case, day, holders, int, take, text, texts, time, yes};
use super::days::Term;
use super::request::Fact;
use super::{Entry, Model, Ruling, demand};

/// 民诉法解释 485: three years, a leap day allowed for.
const LONGEST: i32 = 1_096;

fn term(seal: &Entry) -> Term {
    Term { months: int(&seal.facts, "months"), days: int(&seal.facts, "days") }
}

/// A legacy fault: it came in as one that waits, though none was before it.
pub(super) fn is_alone(seal: &Entry) -> bool {
    seal.live && yes(&seal.facts, "waited") && int(&seal.facts, "order") == 1
}

pub(super) fn to(seal: &Entry) -> i32 {
    day(&seal.facts, "to").unwrap_or(i32::MAX)
}

impl Model {
    pub(super) fn hold(&mut self, case: &mut Case<'_>) -> Ruling {
        case.consents(&[])?;
        self.unit(case.text("unit"))?;
        let served = time(case.given, "served").unwrap_or(u64::MAX);
        demand(served <= case.now_ms, "served-in-future")?;
        let fits = |until: u64| until > served && until <= served.saturating_add(HOLD_MS);
        demand(time(case.given, "until").is_none_or(fits), "hold-too-long")?;
        self.enter("hold", case.given.clone());
        Ok(())
    }

    pub(super) fn end_hold(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("hold");
        self.get("hold", number)?;
        case.consents(&[])?;
        demand(!case.text("reason").is_empty(), "reason-missing")?;
        self.put("hold", number, "end_reason", case.given.get("reason").cloned());
        self.end("hold", number);
        Ok(())
    }

    /// Seals of a unit that have not ended, in their order.
    fn queue(&self, case: &Case<'_>, unit: &str) -> Vec<(usize, Entry)> {
        let mut queue = self.standing(case, "seal", unit);
        queue.sort_by_key(|(_, seal)| int(&seal.facts, "order"));
        queue
    }

    /// These follow each other from a day on, each for its full term.
    pub(super) fn line_up(&mut self, behind: &[(usize, Entry)], mut from: i32) {
        for (number, seal) in behind {
            let after = term(seal).after(from);
            self.put("seal", *number, "from", Some(Fact::Day(from)));
            self.put("seal", *number, "to", Some(Fact::Day(after.saturating_sub(1))));
            from = after;
        }
    }

    pub(super) fn seal(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        self.unit(&unit)?;
        let officer = case.has("second_officer").then(|| case.text("second_officer").to_owned());
        case.consents(&[officer.into_iter().map(|officer| (officer, "seal")).collect()])?;
        let (Some(from), Some(until)) = (case.day("from"), case.day("to")) else {
            return Err("invalid-input");
        };
        let served = time(case.given, "served").unwrap_or(u64::MAX);
        demand(from <= until, "term-reversed")?;
        demand(until.saturating_sub(from) <= LONGEST, "seal-too-long")?;
        demand(served <= case.now_ms, "served-in-future")?;
        let debtor = case.text("debtor");
        let (_, title) = self.title(&unit)?;
        let holds = holders(&title.facts).iter().any(|h| h.subject == debtor);
        let buys = self.standing(case, "notice", &unit).iter().any(|(_, n)| {
            text(&n.facts, "kind") != "mortgage" && text(&n.facts, "holder") == debtor
        });
        demand(!case.has("debtor") || holds || buys, "debtor-not-holder")?;
        let remote = yes(case.given, "remote");
        demand(!remote || case.has("second_officer"), "second-officer-missing")?;
        demand(!remote || case.has("documents"), "documents-missing")?;
        let pre = case.has("debtor") && !holds;
        self.enqueue(case, (from, until), served, pre);
        // The seal takes the place of the court's own hold.
        for (number, hold) in self.on_unit("hold", &unit) {
            if text(&hold.facts, "authority") == case.by.member() {
                self.end("hold", number);
            }
        }
        Ok(())
    }

    /// First served, first in effect; those served later move on.
    fn enqueue(&mut self, case: &Case<'_>, stated: (i32, i32), served: u64, pre: bool) {
        let unit = case.text("unit").to_owned();
        let term = Term::between(stated.0, stated.1);
        let earlier = |seal: &Entry| time(&seal.facts, "served") <= Some(served);
        let (ahead, behind): (Vec<_>, Vec<_>) =
            self.queue(case, &unit).into_iter().partition(|(_, seal)| earlier(seal));
        let (from, to) = match ahead.iter().map(|(_, seal)| to(seal)).max() {
            Some(last) => {
                let from = last.saturating_add(1);
                (from, term.after(from).saturating_sub(1))
            }
            None if behind.is_empty() => stated,
            None => (stated.0.min(case.today), stated.1),
        };
        let last = ahead.iter().map(|(_, seal)| int(&seal.facts, "order")).max().unwrap_or(0);
        let mut facts = take(
            case.given,
            &["unit", "debtor", "document", "documents", "second_officer", "served"],
        );
        facts.extend([
            ("pre", pre.into()),
            ("authority", case.by.member().into()),
            ("order", Fact::Int(last.saturating_add(1))),
            ("months", Fact::Int(term.months)),
            ("days", Fact::Int(term.days)),
            ("stated_from", Fact::Day(stated.0)),
            ("from", Fact::Day(from)),
            ("to", Fact::Day(to)),
            ("renewals", Fact::Int(0)),
        ]);
        self.enter("seal", facts);
        // One whose term is over already moves nobody.
        if to < case.today {
            return;
        }
        for (number, seal) in &behind {
            let order = int(&seal.facts, "order").saturating_add(1);
            self.put("seal", *number, "order", Some(Fact::Int(order)));
        }
        self.line_up(&behind, to.saturating_add(1));
    }

    pub(super) fn unseal(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("seal");
        let entry = self.get("seal", number)?;
        case.consents(&[])?;
        demand(text(&entry.facts, "authority") == case.by.member(), "not-sealing-authority")?;
        let unit = text(&entry.facts, "unit").to_owned();
        let mut queue = self.queue(case, &unit);
        let stands = queue.iter().any(|(n, _)| *n == number);
        self.put("seal", number, "lift_document", case.given.get("document").cloned());
        self.end("seal", number);
        // An expired one has nobody behind it any more.
        if !stands {
            return Ok(());
        }
        // An imported seal may have the place of one that was registered here.
        let order = |seal: &Entry| int(&seal.facts, "order");
        let first = queue.iter().all(|(_, seal)| order(seal) >= order(&entry));
        let from = match first {
            true => case.today,
            false => day(&entry.facts, "from").unwrap_or(case.today),
        };
        queue.retain(|(_, seal)| order(seal) > order(&entry));
        self.line_up(&queue, from);
        Ok(())
    }

    pub(super) fn renew_seal(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("seal");
        let entry = self.get("seal", number)?;
        case.consents(&[])?;
        demand(text(&entry.facts, "authority") == case.by.member(), "not-sealing-authority")?;
        let stands = state("seal", &entry, case.now_ms);
        demand(stands != Some("ended"), "seal-ended")?;
        demand(stands != Some("waiting"), "seal-waits")?;
        let (old, new) = (to(&entry), case.day("to").unwrap_or(0));
        demand(new > old, "term-reversed")?;
        demand(new.saturating_sub(old) <= LONGEST, "seal-too-long")?;
        let more = Term::following(old, new);
        let renewals = int(&entry.facts, "renewals").saturating_add(1);
        let had = term(&entry);
        self.put_all(
            "seal",
            number,
            [
                ("to", Fact::Day(new)),
                ("months", Fact::Int(had.months.saturating_add(more.months))),
                ("days", Fact::Int(had.days.saturating_add(more.days))),
                ("renewals", Fact::Int(renewals)),
                ("renewal_document", case.text("document").into()),
            ]
            .into(),
        );
        let unit = text(&entry.facts, "unit").to_owned();
        let order = int(&entry.facts, "order");
        let mut behind = self.queue(case, &unit);
        behind.retain(|(_, seal)| int(&seal.facts, "order") > order);
        self.line_up(&behind, new.saturating_add(1));
        Ok(())
    }

    /// Marks that a unit's data have.
    pub(super) fn flags_without(unit: &Entry, flag: &str) -> Option<Fact> {
        unit.facts.get("quality")?;
        let mut flags = texts(&unit.facts, "quality");
        flags.retain(|known| known != flag);
        Some(Fact::Texts(flags))
    }
}

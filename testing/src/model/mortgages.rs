//! Mortgages: ranked by the order of registration, changed without harm to others, ended by the
//! mortgagee.

use super::blocks::{Block, DISPOSAL};
use super::case::{Case, holders, int, of_entries, of_holders, take, text};
use super::request::Fact;
use super::{Entry, Model, Ruling, demand};

const OF_MORTGAGE: &[&str] = &[
    "unit",
    "mortgagee",
    "kind",
    "amount",
    "from",
    "to",
    "transfer_banned",
    "basis",
    "basis_digest",
    "certificate",
];

impl Model {
    pub(super) fn mortgage(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        let bank = case.text("mortgagee").to_owned();
        let (_, title) = self.title(&unit)?;
        let notices = self.standing(case, "notice", &unit);
        let others = notices.iter().map(|(_, n)| n).filter(|n| text(&n.facts, "holder") != bank);
        case.consents(&[
            case.spoken_for(&of_holders(&holders(&title.facts), "mortgage")),
            case.of_bank(&bank, "mortgage"),
            self.risk_accepted(case, &unit, std::iter::once(bank.as_str())),
            of_entries(others, "holder", "consent"),
        ])?;
        self.free_of(case, &[&unit], DISPOSAL)?;
        self.free_of(case, &[&unit], &[Block::Wards])?;
        demand(int(case.given, "amount") > 0, "amount-not-positive")?;
        demand(case.term_runs("from", "to"), "term-reversed")?;
        let ranks = self.on_unit("mortgage", &unit);
        let last = ranks.iter().map(|(_, m)| int(&m.facts, "rank")).max().unwrap_or(0);
        let mut facts = take(case.given, OF_MORTGAGE);
        facts.insert("rank", Fact::Int(last.saturating_add(1)));
        self.enter("mortgage", facts);
        // 预告抵押 turns into the mortgage that it promised.
        for (number, notice) in notices {
            let promised =
                text(&notice.facts, "kind") == "mortgage" && text(&notice.facts, "holder") == bank;
            if promised {
                self.end("notice", number);
            }
        }
        Ok(())
    }

    /// 民法典 409: what harms another mortgagee needs that one's consent.
    pub(super) fn change_mortgage(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("mortgage");
        let entry = self.get("mortgage", number)?;
        let unit = text(&entry.facts, "unit").to_owned();
        let (_, title) = self.title(&unit)?;
        let partner = case.entry("rank_with");
        let other = match case.has("rank_with") {
            true => Some(self.get("mortgage", partner)?),
            false => None,
        };
        let rank = |m: &Entry| int(&m.facts, "rank");
        let all = self.on_unit("mortgage", &unit);
        let strangers = || {
            let foreign = |m: &Entry| text(&m.facts, "mortgagee") != case.by.member();
            all.iter().filter(move |(_, m)| foreign(m))
        };
        let more = case.has("amount") && int(case.given, "amount") > int(&entry.facts, "amount");
        let after = strangers().filter(|(_, m)| more && rank(m) > rank(&entry)).map(|(_, m)| m);
        let between = |m: &Entry| {
            other.as_ref().is_some_and(|other| {
                let (a, b) = (rank(&entry), rank(other));
                a.min(b) <= rank(m) && rank(m) <= a.max(b)
            })
        };
        let passed = strangers().filter(|(n, m)| *n != number && between(m)).map(|(_, m)| m);
        let asked = vec![
            case.spoken_for(&of_holders(&holders(&title.facts), "mortgage")),
            case.of_bank(text(&entry.facts, "mortgagee"), "mortgage"),
            of_entries(after, "mortgagee", "consent-amount"),
            of_entries(passed, "mortgagee", "consent-rank"),
        ];
        case.consents(&asked)?;
        let blocks = [Block::Application, Block::Agents, Block::Seal, Block::Hold, Block::Land];
        self.free_of(case, &[&unit], &blocks)?;
        self.free_of(case, &[&unit], &[Block::Wards])?;
        demand(!case.has("amount") || int(case.given, "amount") > 0, "amount-not-positive")?;
        demand(case.term_runs("from", "to"), "term-reversed")?;
        if let Some(other) = other {
            let here = text(&other.facts, "unit") == unit && partner != number;
            demand(here, "rank-elsewhere")?;
            self.put("mortgage", number, "rank", Some(Fact::Int(rank(&other))));
            self.put("mortgage", partner, "rank", Some(Fact::Int(rank(&entry))));
        }
        let changed = ["amount", "from", "to", "transfer_banned", "basis"];
        self.put_all("mortgage", number, take(case.given, &changed));
        Ok(())
    }

    pub(super) fn transfer_mortgage(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("mortgage");
        let entry = self.get("mortgage", number)?;
        let unit = text(&entry.facts, "unit").to_owned();
        let (from, to) = (text(&entry.facts, "mortgagee").to_owned(), case.text("to").to_owned());
        case.consents(&[case.of_bank(&from, "assign"), case.of_bank(&to, "acquire")])?;
        let blocks = [Block::Application, Block::Seal, Block::Hold, Block::Land];
        self.free_of(case, &[&unit], &blocks)?;
        // 民法典 421: it stays until the claim is fixed, unless the parties agreed otherwise.
        let fixed = text(&entry.facts, "kind") == "general" || entry.facts.contains_key("claim");
        let agreed = case.given.get("agreed") == Some(&Fact::Yes(true));
        demand(fixed || agreed, "claim-not-fixed")?;
        demand(from != to, "mortgagee-same")?;
        self.put("mortgage", number, "mortgagee", Some(to.into()));
        for name in ["basis", "basis_digest"] {
            self.put("mortgage", number, name, case.given.get(name).cloned());
        }
        Ok(())
    }

    /// 民法典 423: from then on the mortgage secures this claim.
    pub(super) fn confirm_claim(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("mortgage");
        let entry = self.get("mortgage", number)?;
        let unit = text(&entry.facts, "unit");
        let (_, title) = self.title(unit)?;
        case.consents(&[
            case.spoken_for(&of_holders(&holders(&title.facts), "confirm")),
            case.of_bank(text(&entry.facts, "mortgagee"), "confirm"),
        ])?;
        self.free_of(case, &[unit], &[Block::Application, Block::Agents])?;
        demand(text(&entry.facts, "kind") == "maximum", "not-maximum")?;
        demand(!entry.facts.contains_key("claim"), "claim-known")?;
        let most = int(&entry.facts, "amount");
        demand(int(case.given, "claim") <= most, "claim-too-large")?;
        demand(case.day("fixed") <= Some(case.today), "fixed-in-future")?;
        for (name, from) in [("claim", "claim"), ("claim_fixed", "fixed"), ("claim_fact", "fact")] {
            self.put("mortgage", number, name, case.given.get(from).cloned());
        }
        Ok(())
    }

    pub(super) fn release(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("mortgage");
        let entry = self.get("mortgage", number)?;
        case.consents(&[case.of_bank(text(&entry.facts, "mortgagee"), "release")])?;
        self.free_of(case, &[text(&entry.facts, "unit")], &[Block::Application])?;
        self.put("mortgage", number, "release_basis", case.given.get("basis").cloned());
        self.end("mortgage", number);
        Ok(())
    }
}

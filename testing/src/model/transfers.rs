//! Title passes: by sale, of a share, by inheritance, by judgment.

use super::agents::{Sides, gains_nothing};
use super::blocks::{Block, state};
use super::case::{Case, holders, int, of_entries, of_holders, shares, take, text, time, yes};
use super::request::{Fact, Holder};
use super::rules::{are_different, at_least, kind_fits, make_a_whole};
use super::titles::co_ownership;
use super::{Asked, Entry, Model, Ruling, demand};

fn is_among(holders: &[Holder], subject: &str) -> bool {
    holders.iter().any(|holder| holder.subject == subject)
}

/// Those of `new` who hold more than before.
fn who_gains(old: &[Holder], new: &[Holder]) -> Vec<Holder> {
    let kept = |o: &Holder| old.iter().any(|h| h.subject == o.subject && at_least(h, o));
    new.iter().filter(|o| !kept(o)).cloned().collect()
}

/// What stands in the way of a sale, of a share too, before one asks who acts for whom.
const OF_SALE: &[Block] =
    &[Block::Application, Block::Hold, Block::Holders, Block::Owners, Block::LoneSeal];

impl Model {
    /// The old title ends; the new one keeps the term of land use.
    fn pass_title(&mut self, case: &Case<'_>, old: &(usize, Entry), new: &[Holder]) {
        self.end("right", old.0);
        let mut title = take(&old.1.facts, &["unit", "kind", "use_from", "use_to"]);
        title.extend(take(case.given, &["basis", "basis_digest", "deal", "certificate"]));
        title.insert("co_ownership", co_ownership(case.text("co_ownership"), new));
        title.insert("holders", new.to_vec().into());
        self.enter("right", title);
    }

    /// 担保制度解释 43: a registered ban stops it, unless the mortgagees consent.
    fn banned(&self, case: &Case<'_>, unit: &str) -> (bool, Vec<Asked>) {
        let bans: Vec<Entry> = self
            .on_unit("mortgage", unit)
            .into_iter()
            .map(|(_, mortgage)| mortgage)
            .filter(|mortgage| yes(&mortgage.facts, "transfer_banned"))
            .collect();
        if yes(case.given, "ban_lifted") {
            return (false, of_entries(bans.iter(), "mortgagee", "consent-ban"));
        }
        (!bans.is_empty(), Vec::new())
    }

    /// The notice has served its purpose when title passes to whom it protects.
    fn fulfil(&mut self, case: &Case<'_>, unit: &str, new: &[Holder]) {
        for (number, notice) in self.standing(case, "notice", unit) {
            let sale = text(&notice.facts, "kind") != "mortgage";
            if sale && is_among(new, text(&notice.facts, "holder")) {
                self.end("notice", number);
            }
        }
    }

    pub(super) fn transfer(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        let old = self.title(&unit)?;
        let (before, to) = (holders(&old.1.facts), shares(case.given, "to"));
        let (banned, lifted) = self.banned(case, &unit);
        case.consents(&[
            case.spoken_for(&of_holders(&before, "transfer")),
            case.spoken_for(&of_holders(&to, "acquire")),
            case.spoken_for(&self.risk_accepted(
                case,
                &unit,
                to.iter().map(|h| h.subject.as_str()),
            )),
            self.noticed(case, &unit, &|holder| is_among(&to, holder)),
            lifted,
        ])?;
        self.free_of(case, &[&unit], OF_SALE)?;
        case.agents_transfer(&unit, &Sides::of(&before, &to))?;
        // 预查封: title may pass to the debtor, and to nobody else.
        let seals = self.standing(case, "seal", &unit);
        let lets = |seal: &Entry| {
            yes(&seal.facts, "pre")
                && seal.facts.contains_key("debtor")
                && is_among(&to, text(&seal.facts, "debtor"))
        };
        demand(seals.iter().all(|(_, seal)| lets(seal)), "unit-sealed")?;
        self.free_of(case, &[&unit], &[Block::Land])?;
        self.wards_dispose(case, &before)?;
        self.wards_act_by_guardians(case, to.iter().map(|h| h.subject.as_str()))?;
        demand(!banned, "transfer-banned")?;
        check_new_holders(case, &to)?;
        self.pass_title(case, &old, &to);
        self.fulfil(case, &unit, &to);
        for (number, _) in seals {
            self.put("seal", number, "pre", Some(false.into()));
        }
        Ok(())
    }

    /// 民法典 305: one co-owner by shares disposes of its share alone.
    pub(super) fn transfer_share(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        let old = self.title(&unit)?;
        let (before, after) = (holders(&old.1.facts), holders(case.given));
        let gain = who_gains(&before, &after);
        let seller = case.text("seller").to_owned();
        let (banned, lifted) = self.banned(case, &unit);
        case.consents(&[
            case.spoken_for(&[(seller.clone(), "transfer")]),
            case.spoken_for(&of_holders(&gain, "acquire")),
            case.spoken_for(&self.risk_accepted(
                case,
                &unit,
                gain.iter().map(|h| h.subject.as_str()),
            )),
            self.noticed(case, &unit, &|holder| is_among(&after, holder)),
            lifted,
        ])?;
        self.free_of(case, &[&unit], OF_SALE)?;
        self.free_of(case, &[&unit], &[Block::Shares])?;
        case.agents_transfer_share(&unit, &seller, (&before, &after))?;
        self.free_of(case, &[&unit], &[Block::Seal, Block::Land])?;
        let takes_part =
            |subject: &&str| *subject == seller || !gains_nothing(&before, &after, subject);
        let parties = after.iter().map(|h| h.subject.as_str()).chain([seller.as_str()]);
        self.wards_act_by_guardians(case, parties.filter(takes_part))?;
        case.guardians_undertake(&|subject| subject == seller)?;
        demand(text(&old.1.facts, "co_ownership") != "joint", "not-by-shares")?;
        demand(is_among(&before, &seller), "not-a-holder")?;
        demand(!banned, "transfer-banned")?;
        demand(make_a_whole(&after), "shares-not-whole")?;
        demand(are_different(&after), "holder-twice")?;
        let keeps = |h: &Holder| after.iter().any(|o| o.subject == h.subject && at_least(o, h));
        let others = before.iter().filter(|h| h.subject != seller);
        demand(others.into_iter().all(keeps), "share-of-another")?;
        // 民法典 306: the others were told, unless the share goes to one of them.
        let within = after.iter().all(|o| is_among(&before, &o.subject));
        let told = case.has("preemption_digest") || before.len() == 1;
        demand(told || within, "preemption-unproved")?;
        self.pass_title(case, &old, &after);
        self.fulfil(case, &unit, &after);
        Ok(())
    }

    /// The share of the deceased passes, no other.
    pub(super) fn transfer_by_inheritance(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        let old = self.title(&unit)?;
        let (before, after) = (holders(&old.1.facts), holders(case.given));
        case.consents(&[case.spoken_for(&of_holders(&who_gains(&before, &after), "inherit"))])?;
        let blocks = [
            Block::Application,
            Block::Hold,
            Block::Owners,
            Block::LoneSeal,
            Block::Shares,
            Block::Agents,
            Block::Seal,
            Block::Land,
        ];
        self.free_of(case, &[&unit], &blocks)?;
        let heirs = after.iter().map(|h| h.subject.as_str());
        let gain = |subject: &&str| !gains_nothing(&before, &after, subject);
        self.wards_act_by_guardians(case, heirs.filter(gain))?;
        let deceased = case.text("deceased").to_owned();
        demand(is_among(&before, &deceased), "not-a-holder")?;
        demand(!is_among(&after, &deceased), "deceased-remains")?;
        check_new_holders(case, &after)?;
        let joint = text(&old.1.facts, "co_ownership") == "joint";
        let keeps =
            |h: &Holder| after.iter().any(|o| o.subject == h.subject && (joint || at_least(o, h)));
        let others = before.iter().filter(|h| h.subject != deceased);
        demand(others.into_iter().all(keeps), "share-of-another")?;
        self.pass_title(case, &old, &after);
        let how = if case.text("cause") == "bequest" { "受遗赠：" } else { "继承：" };
        let basis = format!("{how}{}", case.text("basis"));
        let new = self.entries("right").len().saturating_sub(1);
        self.put("right", new, "basis", Some(basis.into()));
        Ok(())
    }

    pub(super) fn transfer_by_judgment(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        let old = self.title(&unit)?;
        let to = shares(case.given, "to");
        let court = case.text("court").to_owned();
        let executes = case.has("court");
        case.consents(&if executes {
            vec![vec![(court.clone(), "execute")]]
        } else {
            let risk = self.risk_accepted(case, &unit, to.iter().map(|h| h.subject.as_str()));
            vec![of_holders(&to, "acquire"), risk]
        })?;
        let seals = self.standing(case, "seal", &unit);
        self.free_of(case, &[&unit], &[Block::Application])?;
        self.check_execution(case, &unit, &seals)?;
        let served = time(case.given, "served").unwrap_or(u64::MAX);
        demand(served <= case.now_ms, "served-in-future")?;
        check_new_holders(case, &to)?;
        let ends = yes(case.given, "ends_mortgages");
        demand(!ends || executes, "no-court-to-end-mortgages")?;
        self.pass_title(case, &old, &to);
        let new = self.entries("right").len().saturating_sub(1);
        self.put("right", new, "basis", case.given.get("document").cloned());
        self.put("right", new, "basis_digest", Some(Fact::Digest));
        for (number, _) in seals {
            self.put("seal", number, "lift_document", case.given.get("document").cloned());
            self.end("seal", number);
        }
        if ends {
            for (number, _) in self.on_unit("mortgage", &unit) {
                self.end("mortgage", number);
            }
        }
        Ok(())
    }

    /// An executing court passes its own seal, what waits behind that, and what was served after
    /// its own notice.
    fn check_execution(&self, case: &Case<'_>, unit: &str, seals: &[(usize, Entry)]) -> Ruling {
        let court = case.has("court").then(|| case.text("court"));
        let served = time(case.given, "served");
        let passes = |entry: &Entry| {
            court.is_some_and(|court| {
                text(&entry.facts, "authority") == court || time(&entry.facts, "served") > served
            })
        };
        let own = |seal: &Entry| {
            state("seal", seal, case.now_ms) == Some("effective")
                && court.is_some_and(|court| text(&seal.facts, "authority") == court)
        };
        let behind_own = |seal: &Entry| {
            seals.iter().any(|(_, ahead)| {
                own(ahead) && int(&ahead.facts, "order") < int(&seal.facts, "order")
            })
        };
        let clear = seals.iter().all(|(_, seal)| passes(seal) || behind_own(seal));
        demand(clear, "unit-sealed")?;
        let holds = self.standing(case, "hold", unit);
        demand(holds.iter().all(|(_, hold)| passes(hold)), "unit-held")?;
        let served_behind_own = |entry: &Entry| {
            let later =
                |ahead: &Entry| time(&ahead.facts, "served") <= time(&entry.facts, "served");
            entry.facts.contains_key("order")
                && seals.iter().any(|(_, ahead)| own(ahead) && later(ahead))
        };
        let land = self.land_sealed(case, &[unit], &|s| passes(s) || served_behind_own(s));
        demand(!land, "land-sealed")
    }
}

/// New holders: whole, different, of the kind that is stated.
fn check_new_holders(case: &Case<'_>, holders: &[Holder]) -> Ruling {
    let kind = case.text("co_ownership");
    demand(kind == "joint" || make_a_whole(holders), "shares-not-whole")?;
    demand(are_different(holders), "holder-twice")?;
    demand(kind_fits(kind, holders), "co-ownership-mismatch")
}

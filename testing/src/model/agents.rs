//! Representation and guardianship: who acts for whom, and what nobody may do for another.

use super::blocks::state;
use super::case::{Asked, Case, each, take, text, texts, yes};
use super::request::{Fact, Facts, Holder};
use super::rules::at_least;
use super::{Entry, Model, Ruling, demand};

/// 民法典 232: what an heir does before the inheritance is registered.
const OF_HEIRS: [&str; 6] = [
    "apply-registration",
    "deliver-certificate",
    "query",
    "query-person",
    "transfer-by-inheritance",
    "withdraw-application",
];

const OF_REPRESENTATION: &[&str] = &[
    "kind",
    "principal",
    "agent",
    "document",
    "document_digest",
    "notarised",
    "acts",
    "units",
    "self_dealing",
    "undertaking",
    "from",
    "to",
];

/// Who deals with whom in a transfer.
pub(super) struct Sides<'a> {
    pub(super) sellers: Vec<&'a str>,
    pub(super) buyers: Vec<&'a str>,
}

impl<'a> Sides<'a> {
    pub(super) fn of(sellers: &'a [Holder], buyers: &'a [Holder]) -> Self {
        let names = |holders: &'a [Holder]| holders.iter().map(|h| h.subject.as_str()).collect();
        Self { sellers: names(sellers), buyers: names(buyers) }
    }

    fn sells(&self, subject: &str) -> bool {
        self.sellers.contains(&subject)
    }

    fn buys(&self, subject: &str) -> bool {
        self.buyers.contains(&subject)
    }
}

fn is_named(entry: &Entry, list: &str, wanted: &str) -> bool {
    !entry.facts.contains_key(list) || texts(&entry.facts, list).iter().any(|one| one == wanted)
}

fn principal(agent: &Entry) -> &str {
    text(&agent.facts, "principal")
}

fn who(agent: &Entry) -> &str {
    text(&agent.facts, "agent")
}

fn is_guardian(agent: &Entry) -> bool {
    text(&agent.facts, "kind") == "guardian"
}

fn allows_self_dealing(agent: &Entry) -> bool {
    yes(&agent.facts, "self_dealing")
}

/// Whether a holder's share has not grown.
pub(super) fn gains_nothing(before: &[Holder], after: &[Holder], subject: &str) -> bool {
    let mut old = before.iter().filter(|h| h.subject == subject);
    old.any(|h| after.iter().any(|o| o.subject == subject && at_least(h, o)))
}

impl Case<'_> {
    /// Whoever is represented consents by those who represent him, once each.
    pub(super) fn spoken_for(&self, asked: &[Asked]) -> Vec<Asked> {
        let Some((_, purpose)) = asked.first() else { return Vec::new() };
        let speakers = asked.iter().flat_map(|(party, _)| {
            let agents: Vec<&str> =
                self.agents.iter().filter(|a| principal(a) == party).map(who).collect();
            if agents.is_empty() { vec![party.as_str()] } else { agents }
        });
        each(speakers, purpose)
    }

    /// Whether somebody represents one party, in the way that is asked.
    pub(super) fn has_agent(&self, is: &dyn Fn(&Entry) -> bool) -> bool {
        self.agents.iter().any(is)
    }

    /// Every representation that is named is in effect.
    fn agents_in_effect(&self) -> Ruling {
        let in_effect = |a: &Entry| state("representation", a, self.now_ms) == Some("effective");
        demand(self.agents.iter().all(in_effect), "representation-not-effective")
    }

    /// Each covers this act, and all of these units.
    pub(super) fn agents_act(&self, units: &[&str]) -> Ruling {
        self.agents_in_effect()?;
        let covers = |a: &Entry| {
            is_named(a, "acts", self.action) && units.iter().all(|unit| is_named(a, "units", unit))
        };
        demand(self.agents.iter().all(covers), "representation-not-covering")
    }

    /// In a transfer the seller's agent may sell and the buyer's may buy; nobody does both, nor
    /// deals with himself, unless the principals allow it (民法典 168).
    pub(super) fn agents_transfer(&self, unit: &str, sides: &Sides<'_>) -> Ruling {
        self.agents_in_effect()?;
        let covers = |a: &Entry| {
            is_named(a, "units", unit)
                && (!sides.sells(principal(a)) || is_named(a, "acts", "transfer"))
                && (!sides.buys(principal(a)) || is_named(a, "acts", "acquire"))
        };
        demand(self.agents.iter().all(covers), "representation-not-covering")?;
        let himself = |a: &Entry| {
            let sells_to_himself = sides.sells(principal(a)) && sides.buys(who(a));
            // 民法典 145: a guardian may give to his ward.
            let buys_of_himself =
                !is_guardian(a) && sides.buys(principal(a)) && sides.sells(who(a));
            !allows_self_dealing(a) && (sells_to_himself || buys_of_himself)
        };
        demand(!self.agents.iter().any(himself), "agent-deals-with-himself")?;
        self.on_one_side(&|a| sides.sells(principal(a)), &|b| sides.buys(principal(b)))
    }

    /// As in a transfer; the sides of a share's are its seller and everybody else.
    pub(super) fn agents_transfer_share(
        &self,
        unit: &str,
        seller: &str,
        (before, after): (&[Holder], &[Holder]),
    ) -> Ruling {
        self.agents_in_effect()?;
        let covers = |a: &Entry| {
            let act = if principal(a) == seller { "transfer-share" } else { "acquire" };
            is_named(a, "units", unit) && is_named(a, "acts", act)
        };
        demand(self.agents.iter().all(covers), "representation-not-covering")?;
        let himself = |a: &Entry| {
            let named = after.iter().filter(|o| o.subject == who(a));
            let grows =
                |o: &Holder| !before.iter().any(|h| h.subject == o.subject && at_least(h, o));
            !allows_self_dealing(a) && principal(a) == seller && named.into_iter().any(grows)
        };
        demand(!self.agents.iter().any(himself), "agent-deals-with-himself")?;
        self.on_one_side(&|a| principal(a) == seller, &|b| principal(b) != seller)
    }

    fn on_one_side(&self, sells: &dyn Fn(&Entry) -> bool, buys: &dyn Fn(&Entry) -> bool) -> Ruling {
        let both = |a: &Entry, b: &Entry| {
            who(a) == who(b)
                && principal(a) != principal(b)
                && !(allows_self_dealing(a) && allows_self_dealing(b))
        };
        let sellers = || self.agents.iter().filter(|a| sells(a));
        let fine = sellers().all(|a| !self.agents.iter().any(|b| buys(b) && both(a, b)));
        demand(fine, "agent-on-both-sides")
    }

    /// 民法典 35: a guardian who disposes undertakes to act for the ward's benefit.
    pub(super) fn guardians_undertake(&self, holds: &dyn Fn(&str) -> bool) -> Ruling {
        let bare = |a: &Entry| {
            is_guardian(a) && !a.facts.contains_key("undertaking") && holds(principal(a))
        };
        demand(!self.has_agent(&bare), "guardian-undertaking-missing")
    }
}

impl Model {
    /// The representations that a form names, as they stand.
    pub(super) fn named_agents(&self, given: &Facts) -> Vec<Entry> {
        let Some(Fact::Entries(register, numbers)) = given.get("representations") else {
            return Vec::new();
        };
        numbers.iter().filter_map(|number| self.entry(register, *number).cloned()).collect()
    }

    /// Whether somebody is under guardianship now.
    fn is_ward(&self, case: &Case<'_>, subject: &str) -> bool {
        let all = self.live_by("representation", "principal", subject);
        all.iter().any(|(_, entry)| {
            is_guardian(entry) && state("representation", entry, case.now_ms) == Some("effective")
        })
    }

    /// 民法典 23, 144: whoever of these is under guardianship acts by the guardian.
    pub(super) fn wards_act_by_guardians<'a>(
        &self,
        case: &Case<'_>,
        mut parties: impl Iterator<Item = &'a str>,
    ) -> Ruling {
        let acts = |party: &str| {
            !self.is_ward(case, party)
                || case.has_agent(&|a| is_guardian(a) && principal(a) == party)
        };
        demand(parties.all(acts), "ward-not-represented")
    }

    /// Holders of a unit who dispose of it: wards by their guardians, for their benefit.
    pub(super) fn wards_dispose(&self, case: &Case<'_>, holders: &[Holder]) -> Ruling {
        self.wards_act_by_guardians(case, holders.iter().map(|h| h.subject.as_str()))?;
        case.guardians_undertake(&|subject| holders.iter().any(|h| h.subject == subject))
    }

    pub(super) fn register_representation(&mut self, case: &mut Case<'_>) -> Ruling {
        let kind = case.text("kind").to_owned();
        let principal = case.text("principal").to_owned();
        let appointed = matches!(kind.as_str(), "agent" | "handler");
        let asked = appointed && !yes(case.given, "notarised");
        let asked: Vec<Asked> =
            asked.then(|| (principal.clone(), "delegate")).into_iter().collect();
        case.consents(&[asked])?;
        demand(!case.text("document").is_empty(), "representation-undocumented")?;
        let acts = texts(case.given, "acts");
        demand(kind != "agent" || !acts.is_empty(), "acts-not-named")?;
        let ward = self.is_ward(case, &principal);
        demand(!appointed || !ward, "principal-under-guardianship")?;
        let modest = case.has("acts") && acts.iter().all(|act| OF_HEIRS.contains(&act.as_str()));
        demand(kind != "heir" || modest, "heir-cannot-dispose")?;
        self.enter("representation", take(case.given, OF_REPRESENTATION));
        Ok(())
    }

    /// 民法典 39: guardianship ends by law or judgment, never by the ward's word.
    pub(super) fn revoke_representation(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("representation");
        let entry = self.get("representation", number)?;
        let by_principal = case.text("revoked_by") == "principal";
        let asked: Vec<Asked> =
            by_principal.then(|| (principal(&entry).to_owned(), "revoke")).into_iter().collect();
        case.consents(&[asked])?;
        demand(!case.text("reason").is_empty(), "revocation-unexplained")?;
        demand(!is_guardian(&entry) || !by_principal, "guardianship-not-revocable")?;
        self.put_all("representation", number, take(case.given, &["revoked_by"]));
        self.put("representation", number, "revoke_reason", case.given.get("reason").cloned());
        self.end("representation", number);
        Ok(())
    }
}

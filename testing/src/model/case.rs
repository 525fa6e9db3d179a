//! A request on the clerk's desk: what its form says, who came with it, and whose consent it has.

use std::collections::BTreeSet;

use super::{Entry, Ruling, demand};
use crate::city::Actor;
use crate::model::request::{Fact, Facts, Fault, Holder, Named};

/// A party whose consent is asked, and what for.
pub type Asked = (String, &'static str);

/// A request as the clerk sees it.
pub(super) struct Case<'a> {
    pub(super) by: Actor,
    pub(super) action: &'static str,
    pub(super) given: &'a Facts,
    /// Mandates named; none while it is only asked whose are needed.
    pub(super) named: Option<&'a [Named]>,
    /// Whose consent turned out to be needed.
    pub(super) asked: Vec<Asked>,
    /// Representations named, as they stand in the register; ended by revocation or not.
    pub(super) agents: Vec<Entry>,
    /// The application that this registration completes, with its number.
    pub(super) application: Option<(usize, Entry)>,
    pub(super) now_ms: u64,
    pub(super) today: i32,
}

pub(super) fn text<'a>(facts: &'a Facts, name: &str) -> &'a str {
    match facts.get(name) {
        Some(Fact::Text(text)) => text,
        _ => "",
    }
}

pub(super) fn day(facts: &Facts, name: &str) -> Option<i32> {
    if let Some(Fact::Day(day)) = facts.get(name) { Some(*day) } else { None }
}

pub(super) fn int(facts: &Facts, name: &str) -> i64 {
    match facts.get(name) {
        Some(Fact::Int(n) | Fact::Money(n)) => *n,
        _ => 0,
    }
}

pub(super) fn yes(facts: &Facts, name: &str) -> bool {
    facts.get(name) == Some(&Fact::Yes(true))
}

pub(super) fn time(facts: &Facts, name: &str) -> Option<u64> {
    match facts.get(name) {
        Some(Fact::Time(ms) | Fact::Moment(ms)) => Some(*ms),
        _ => None,
    }
}

pub(super) fn texts(facts: &Facts, name: &str) -> Vec<String> {
    match facts.get(name) {
        Some(Fact::Texts(texts) | Fact::Units(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

/// The number of the entry that a fact names.
pub(super) fn entry(facts: &Facts, name: &str) -> usize {
    if let Some(Fact::Entry(_, number)) = facts.get(name) { *number } else { usize::MAX }
}

pub(super) fn holders(facts: &Facts) -> Vec<Holder> {
    shares(facts, "holders")
}

pub(super) fn shares(facts: &Facts, name: &str) -> Vec<Holder> {
    if let Some(Fact::Holders(holders)) = facts.get(name) { holders.clone() } else { Vec::new() }
}

/// The facts of these names, as far as they are there.
pub(super) fn take(facts: &Facts, names: &[&'static str]) -> Facts {
    names.iter().filter_map(|name| Some((*name, facts.get(name)?.clone()))).collect()
}

/// Each holder's consent for this purpose.
pub(super) fn of_holders(holders: &[Holder], purpose: &'static str) -> Vec<Asked> {
    each(holders.iter().map(|holder| holder.subject.as_str()), purpose)
}

/// Each one's consent, once.
pub(super) fn each<'a>(
    parties: impl Iterator<Item = &'a str>,
    purpose: &'static str,
) -> Vec<Asked> {
    let different: BTreeSet<&str> = parties.collect();
    different.into_iter().map(|party| (party.to_owned(), purpose)).collect()
}

/// The consent of whom these entries name.
pub(super) fn of_entries<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    field: &str,
    purpose: &'static str,
) -> Vec<Asked> {
    each(entries.map(|entry| text(&entry.facts, field)), purpose)
}

impl Case<'_> {
    pub(super) fn text(&self, name: &str) -> &str {
        text(self.given, name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    pub(super) fn day(&self, name: &str) -> Option<i32> {
        day(self.given, name)
    }

    /// The number of the entry that the form names.
    pub(super) fn entry(&self, name: &str) -> usize {
        entry(self.given, name)
    }

    /// What the form says of the matter itself.
    pub(super) fn entered(&self) -> Facts {
        let mut facts = self.given.clone();
        facts.retain(|name, _| !matches!(*name, "application" | "representations"));
        facts
    }

    /// A bank's own officer speaks for it.
    pub(super) fn of_bank(&self, bank: &str, purpose: &'static str) -> Vec<Asked> {
        let own = self.by.member() == bank;
        (!own).then(|| (bank.to_owned(), purpose)).into_iter().collect()
    }

    /// Neither of a term's ends is the wrong one.
    pub(super) fn term_runs(&self, from: &str, to: &str) -> bool {
        match (self.day(from), self.day(to)) {
            (Some(from), Some(to)) => from <= to,
            _ => true,
        }
    }

    /// Each party's consent, once; none that nobody asked for, none for another act. By now the
    /// clerk has looked up all that the form names: nobody acts by a revoked representation.
    pub(super) fn consents(&mut self, asked: &[Vec<Asked>]) -> Ruling {
        demand(self.agents.iter().all(|agent| agent.live), "record-closed")?;
        let asked = asked.concat();
        let Some(named) = self.named else {
            self.asked = asked;
            return Err("only asked");
        };
        demand(named.iter().all(|named| named.fault == Fault::None), "mandate-invalid")?;
        let mut left: Vec<(&str, &str)> =
            named.iter().map(|named| (named.by.party(), named.purpose)).collect();
        for (party, purpose) in &asked {
            let found = left.iter().position(|have| *have == (party.as_str(), *purpose));
            left.remove(found.ok_or("mandate-missing")?);
        }
        demand(left.is_empty(), "mandate-invalid")
    }
}

//! The naive model of real-estate registration: plain maps, and the rules written down a second
//! time as a clerk would, with nothing of the ledger, its packages or its rule language.
//!
//! It foretells what becomes of each operation: applied, or the exact reject code. Entries go by
//! their register and a number, in the order in which they came about.

use std::collections::BTreeMap;

use crate::city::Actor;

mod agents;
mod applications;
mod blocks;
mod burdens;
mod case;
mod certificates;
mod corrections;
mod days;
mod facilities;
mod land;
mod migration;
mod mortgages;
mod notices;
mod queries;
mod request;
mod rules;
mod seals;
mod timers;
mod titles;
mod transfers;
mod units;

pub use applications::APPLIED_FOR;
pub use case::Asked;
use case::Case;
pub use days::day_of;
pub use request::{Fact, Facts, Fault, Holder, Named, Operation, Request};

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Foretold {
    /// It applies.
    Applied,
    /// It is rejected with this code.
    Rejected(&'static str),
}

type Ruling = Result<(), &'static str>;

/// An entry of a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it says.
    pub facts: Facts,
    /// Versions so far.
    pub version: u64,
    /// Whether it is in force.
    pub live: bool,
}

/// An entry that a request brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its register.
    pub register: &'static str,
    /// Of what it is a copy: the round of copying, and the old entry's number.
    pub copy_of: Option<(usize, usize)>,
}

/// The model's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// Entries of each register, as they came about.
    registers: BTreeMap<&'static str, Vec<Entry>>,
    /// Numbers of units.
    units: BTreeMap<String, usize>,
    /// Last numbers of certificates and papers, by kind, office and year.
    last_numbers: BTreeMap<(&'static str, String, i16), i64>,
    /// What the present request touched, as it was before; nothing if it is new.
    touched: BTreeMap<(&'static str, usize), Option<Entry>>,
    /// What the last request brought about.
    made: Vec<Made>,
    /// When the block ended in which each service hold was entered.
    holds_queued: Vec<u64>,
}

fn demand(holds: bool, code: &'static str) -> Ruling {
    if holds { Ok(()) } else { Err(code) }
}

type Rule = fn(&mut Model, &mut Case<'_>) -> Ruling;

impl Model {
    /// Foretells what becomes of `request` at block time `now_ms`, and does it.
    pub fn apply(&mut self, request: &Request, now_ms: u64) -> Foretold {
        self.touched.clear();
        self.made.clear();
        let ruling = self.decide(request, Some(&request.mandates), now_ms, &mut Vec::new());
        match ruling {
            Ok(()) => {
                self.keep();
                Foretold::Applied
            }
            Err(code) => {
                self.undo();
                Foretold::Rejected(code)
            }
        }
    }

    /// Whose consent a request needs, and what for; nobody's if it fails before that.
    pub fn asked(&mut self, request: &Request, now_ms: u64) -> Vec<Asked> {
        let mut asked = Vec::new();
        // Always an error: it stops at the mandates, before anything is written.
        if self.decide(request, None, now_ms, &mut asked).is_ok() {
            self.undo();
        }
        asked
    }

    /// What the last request brought about.
    #[must_use]
    pub fn made(&self) -> &[Made] {
        &self.made
    }

    /// Names of the registers that have entries.
    pub fn registers(&self) -> impl Iterator<Item = (&'static str, &[Entry])> {
        self.registers.iter().map(|(name, entries)| (*name, entries.as_slice()))
    }

    /// All entries of a register.
    #[must_use]
    pub fn entries(&self, register: &str) -> &[Entry] {
        self.registers.get(register).map_or(&[], Vec::as_slice)
    }

    /// The names of all actions that the model knows.
    pub fn actions() -> impl Iterator<Item = &'static str> {
        rules::RULES.iter().map(|(action, ..)| *action)
    }

    fn decide(
        &mut self,
        request: &Request,
        named: Option<&[Named]>,
        now_ms: u64,
        asked: &mut Vec<Asked>,
    ) -> Ruling {
        let Operation { action, given } = &request.operation;
        demand(request.by != Actor::Stranger, "unknown-operator")?;
        let (action, roles, rule) =
            rules::RULES.iter().find(|(name, ..)| name == action).ok_or("unknown-action")?;
        rules::check_form(given)?;
        // Whoever is asked about consents comes later, by the right person.
        let may = request.by.roles().iter().any(|role| roles.contains(role));
        demand(may, "not-authorised")?;
        self.check_named_entries(given)?;
        let by = request.by;
        let mut case = Case {
            by,
            action,
            given,
            named,
            asked: Vec::new(),
            agents: self.named_agents(given),
            application: self.named_application(action, given),
            now_ms,
            today: day_of(now_ms),
        };
        let ruling = rule(self, &mut case);
        *asked = std::mem::take(&mut case.asked);
        ruling?;
        self.complete(&case);
        self.check_whole(now_ms)?;
        self.check_certificates()
    }

    /// Whatever a form names must be there, in force or not.
    fn check_named_entries(&self, given: &Facts) -> Ruling {
        for (name, fact) in given {
            let there = match (*name, fact) {
                ("unit" | "dominant" | "land", Fact::Text(number)) => {
                    self.units.contains_key(number)
                }
                (_, Fact::Units(numbers)) => {
                    numbers.iter().all(|number| self.units.contains_key(number))
                }
                (_, Fact::Entry(register, number)) => self.entry(register, *number).is_some(),
                (_, Fact::Entries(register, numbers)) => {
                    numbers.iter().all(|number| self.entry(register, *number).is_some())
                }
                _ => true,
            };
            demand(there, "not-found")?;
        }
        Ok(())
    }

    fn entry(&self, register: &str, number: usize) -> Option<&Entry> {
        self.registers.get(register)?.get(number)
    }

    /// An entry that must be in force.
    fn get(&self, register: &str, number: usize) -> Result<Entry, &'static str> {
        let entry = self.entry(register, number).ok_or("not-found")?;
        demand(entry.live, "record-closed")?;
        Ok(entry.clone())
    }

    /// The unit of this number, which must be in force.
    fn unit(&self, number: &str) -> Result<Entry, &'static str> {
        self.get("unit", *self.units.get(number).ok_or("not-found")?)
    }

    /// Entries in force of a register whose field has this text, with their numbers.
    fn live_by(&self, register: &str, field: &str, value: &str) -> Vec<(usize, Entry)> {
        let all = self.entries(register).iter().enumerate();
        all.filter(|(_, entry)| entry.live && case::text(&entry.facts, field) == value)
            .map(|(number, entry)| (number, entry.clone()))
            .collect()
    }

    /// Entries in force on a unit.
    fn on_unit(&self, register: &str, unit: &str) -> Vec<(usize, Entry)> {
        self.live_by(register, "unit", unit)
    }

    /// Who holds a unit.
    fn title(&self, unit: &str) -> Result<(usize, Entry), &'static str> {
        self.on_unit("right", unit).into_iter().next().ok_or("not-found")
    }

    fn enter(&mut self, register: &'static str, facts: Facts) -> usize {
        self.enter_copy(register, facts, None)
    }

    fn enter_copy(
        &mut self,
        register: &'static str,
        facts: Facts,
        copy_of: Option<(usize, usize)>,
    ) -> usize {
        let entries = self.registers.entry(register).or_default();
        let number = entries.len();
        if register == "unit" {
            self.units.insert(case::text(&facts, "number").to_owned(), number);
        }
        entries.push(Entry { facts, version: 1, live: true });
        self.touched.insert((register, number), None);
        self.made.push(Made { register, copy_of });
        number
    }

    /// The next number of its kind, which counts for each office and each year.
    fn next_number(&mut self, kind: &'static str, office: &str, year: i16) -> i64 {
        let last = self.last_numbers.entry((kind, office.to_owned(), year)).or_insert(0);
        *last = last.saturating_add(1);
        *last
    }

    fn touch(&mut self, register: &'static str, number: usize) -> Option<&mut Entry> {
        let entry = self.registers.get_mut(register)?.get_mut(number)?;
        self.touched.entry((register, number)).or_insert_with(|| Some(entry.clone()));
        Some(entry)
    }

    /// Writes a fact, or takes it away.
    fn put(
        &mut self,
        register: &'static str,
        number: usize,
        name: &'static str,
        fact: Option<Fact>,
    ) {
        if let Some(entry) = self.touch(register, number) {
            match fact {
                Some(fact) => entry.facts.insert(name, fact),
                None => entry.facts.remove(name),
            };
        }
    }

    /// Writes what is given, and leaves the rest.
    fn put_all(&mut self, register: &'static str, number: usize, facts: Facts) {
        if let Some(entry) = self.touch(register, number) {
            entry.facts.extend(facts);
        }
    }

    /// Ends an entry, and what cannot stand without it.
    fn end(&mut self, register: &'static str, number: usize) {
        let Some(entry) = self.touch(register, number) else { return };
        entry.live = false;
        let unit = case::text(&entry.facts, "number").to_owned();
        let mut falls: Vec<(&'static str, usize)> = Vec::new();
        if register == "unit" {
            for other in ["easement", "hold", "notice", "objection", "residence", "seal"] {
                falls.extend(self.on_unit(other, &unit).iter().map(|(n, _)| (other, *n)));
            }
            let served = self.live_by("easement", "dominant", &unit);
            falls.extend(served.iter().map(|(n, _)| ("easement", *n)));
        }
        let proofs = self.entries("certificate").iter().enumerate();
        falls.extend(
            proofs
                .filter(|(_, proof)| {
                    let of = proof.facts.get(register);
                    proof.live && of == Some(&Fact::Entry(register, number))
                })
                .map(|(n, _)| ("certificate", n)),
        );
        for (register, number) in falls {
            self.end(register, number);
        }
    }

    fn keep(&mut self) {
        for ((register, number), before) in std::mem::take(&mut self.touched) {
            let entry = self.registers.get_mut(register).and_then(|all| all.get_mut(number));
            if let (Some(before), Some(entry)) = (before, entry) {
                entry.version = before.version.saturating_add(1);
            }
        }
    }

    fn undo(&mut self) {
        self.made.clear();
        for ((register, number), before) in std::mem::take(&mut self.touched).into_iter().rev() {
            let Some(entries) = self.registers.get_mut(register) else { continue };
            match before {
                Some(before) => {
                    if let Some(entry) = entries.get_mut(number) {
                        *entry = before;
                    }
                }
                None => {
                    entries.truncate(number);
                    if register == "unit" {
                        self.units.retain(|_, known| *known != number);
                    }
                }
            }
        }
    }
}

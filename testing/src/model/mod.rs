//! The naive model of real-estate registration: plain maps, and the rules written down a second
//! time as a clerk would, with nothing of the ledger, its packages or its rule language.
//!
//! It foretells what becomes of each operation: applied, or the exact reject code. Records that
//! the ledger gives keys of its own (rights, mortgages, seals) are known here by a number, in
//! the order in which they came about.

use std::collections::{BTreeMap, BTreeSet};

use crate::city::{Actor, Role};

mod operation;

pub use operation::{Fault, Holder, Named, Number, Operation, Request};

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Foretold {
    /// It applies.
    Applied,
    /// It is rejected with this code.
    Rejected(&'static str),
}

type Ruling = Result<(), &'static str>;

/// A registered unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its location.
    pub location: String,
    /// Versions so far.
    pub version: u64,
    /// Number of its current right.
    pub right: usize,
}

/// An ownership entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// The unit.
    pub unit: String,
    /// Holders in the order given.
    pub holders: Vec<Holder>,
    /// Basis.
    pub basis: String,
    /// Versions so far.
    pub version: u64,
    /// Whether it is in force.
    pub live: bool,
}

/// A mortgage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mortgage {
    /// The unit.
    pub unit: String,
    /// The bank.
    pub mortgagee: String,
    /// Amount in fen.
    pub amount: i64,
    /// Rank.
    pub rank: i64,
    /// Whether a ban on transfer is registered.
    pub banned: bool,
    /// Whether it is in force.
    pub live: bool,
}

/// A seal; one without dates waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The unit.
    pub unit: String,
    /// The court.
    pub authority: String,
    /// First and last day, as days since 1970-01-01; none while it waits.
    pub days: Option<(i32, i32)>,
    /// Whether it is in force.
    pub live: bool,
}

/// The model's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// Units by number.
    pub units: BTreeMap<String, Unit>,
    /// Rights, as they came about.
    pub rights: Vec<Right>,
    /// Mortgages, as they came about.
    pub mortgages: Vec<Mortgage>,
    /// Seals, as they came about.
    pub seals: Vec<Seal>,
}

/// The day in the city at this time (UTC+8).
#[must_use]
pub fn day_of(ms: u64) -> i32 {
    let days = ms.saturating_add(28_800_000).checked_div(86_400_000);
    days.and_then(|days| i32::try_from(days).ok()).unwrap_or(i32::MAX)
}

fn demand(holds: bool, code: &'static str) -> Ruling {
    if holds { Ok(()) } else { Err(code) }
}

/// 民法典 298: shares make exactly one. Reckoned over the product of the denominators.
fn make_a_whole(holders: &[Holder]) -> bool {
    let product = holders.iter().try_fold(1_i128, |p, h| p.checked_mul(i128::from(h.d)));
    let Some(product) = product else { return false };
    let part = |h: &Holder| product.checked_div(i128::from(h.d))?.checked_mul(i128::from(h.n));
    let sum = holders.iter().try_fold(0_i128, |sum, h| sum.checked_add(part(h)?));
    !holders.is_empty() && sum == Some(product)
}

fn are_different(holders: &[Holder]) -> bool {
    let names: BTreeSet<&str> = holders.iter().map(|h| h.subject.as_str()).collect();
    names.len() == holders.len()
}

/// What no register would even read: shares that are none, negative money, overlong text.
fn check_form(operation: &Operation) -> Ruling {
    let shares = |holders: &[Holder]| holders.iter().all(|h| 0 < h.n && h.n <= h.d);
    let fits = match operation {
        Operation::Register { holders, location, .. } => {
            shares(holders) && location.chars().count() <= 300
        }
        Operation::Transfer { to, price, .. } => shares(to) && *price >= 0,
        Operation::Mortgage { amount, .. } => *amount >= 0,
        Operation::CorrectRight { holders, .. } => shares(holders),
        Operation::Release { .. }
        | Operation::Seal { .. }
        | Operation::Unseal { .. }
        | Operation::CorrectUnit { .. } => true,
    };
    demand(fits, "invalid-input")
}

fn check_actor(operation: &Operation, by: Actor) -> Ruling {
    let allowed: &[Role] = match operation {
        Operation::Register { .. }
        | Operation::Transfer { .. }
        | Operation::CorrectRight { .. }
        | Operation::CorrectUnit { .. } => &[Role::Registrar],
        Operation::Mortgage { .. } | Operation::Release { .. } => &[Role::Registrar, Role::Banker],
        Operation::Seal { .. } | Operation::Unseal { .. } => &[Role::Judge],
    };
    demand(by.role().is_some_and(|role| allowed.contains(&role)), "not-authorised")
}

/// Each party's consent, once; none that nobody asked for, none for another act.
fn check_consents(asked: &BTreeSet<(String, &'static str)>, named: &[Named]) -> Ruling {
    demand(named.iter().all(|n| n.fault == Fault::None), "mandate-invalid")?;
    let given: Vec<(String, &'static str)> =
        named.iter().map(|n| (n.by.party().to_owned(), n.purpose)).collect();
    demand(asked.iter().all(|party| given.contains(party)), "mandate-missing")?;
    demand(given.len() == asked.len(), "mandate-invalid")
}

/// Where nobody is asked, nobody's consent may be named.
fn check_no_consents(request: &Request) -> Ruling {
    check_consents(&BTreeSet::new(), &request.mandates)
}

fn parties(holders: &[Holder], purpose: &'static str) -> BTreeSet<(String, &'static str)> {
    holders.iter().map(|h| (h.subject.clone(), purpose)).collect()
}

/// Who must consent besides the caller: a bank's own officer speaks for it.
fn bank_consent(by: Actor, bank: &str, purpose: &'static str) -> BTreeSet<(String, &'static str)> {
    let own = by.member() == bank;
    (!own).then(|| (bank.to_owned(), purpose)).into_iter().collect()
}

fn check_explained(reason: &str, legal_basis: &str) -> Ruling {
    demand(!reason.is_empty() && !legal_basis.is_empty(), "correction-unexplained")
}

/// What every correction must name, whatever the package says.
fn check_named(named: i64, current: u64, reason: &str, legal_basis: &str) -> Ruling {
    demand(!reason.trim().is_empty() && !legal_basis.trim().is_empty(), "invalid-field")?;
    demand(u64::try_from(named) == Ok(current), "correction-mismatch")
}

impl Model {
    /// Foretells what becomes of `request` at block time `now_ms`, and does it.
    pub fn apply(&mut self, request: &Request, now_ms: u64) -> Foretold {
        match self.decide(request, now_ms) {
            Ok(()) => Foretold::Applied,
            Err(code) => Foretold::Rejected(code),
        }
    }

    fn decide(&mut self, request: &Request, now_ms: u64) -> Ruling {
        demand(request.by != Actor::Stranger, "unknown-operator")?;
        check_form(&request.operation)?;
        check_actor(&request.operation, request.by)?;
        let today = day_of(now_ms);
        match &request.operation {
            Operation::Register { .. } => self.register(request),
            Operation::Transfer { unit, to, .. } => self.transfer(request, unit, to, today),
            Operation::Mortgage { .. } => self.mortgage(request, today),
            Operation::Release { mortgage } => self.release(request, *mortgage),
            Operation::Seal { unit, served_ms, from, to } => {
                let late = *served_ms > now_ms;
                self.seal(request, unit, (*from, *to), late, today)
            }
            Operation::Unseal { seal } => self.unseal(request, *seal),
            Operation::CorrectRight { .. } => self.correct_right(request),
            Operation::CorrectUnit { .. } => self.correct_unit(request),
        }
    }

    fn register(&mut self, request: &Request) -> Ruling {
        let Operation::Register { number, location, holders, basis } = &request.operation else {
            return Err("not a registration");
        };
        check_no_consents(request)?;
        demand(!self.units.contains_key(number.text()), "ownership-exists")?;
        demand(number.is_valid(), "unit-number-invalid")?;
        demand(make_a_whole(holders), "shares-not-whole")?;
        demand(are_different(holders), "holder-twice")?;
        // A record needs a key.
        demand(!number.text().is_empty(), "invalid-field")?;
        let unit = Unit { location: location.clone(), version: 1, right: self.rights.len() };
        self.units.insert(number.text().to_owned(), unit);
        self.enter_right(number.text(), holders, basis);
        Ok(())
    }

    fn enter_right(&mut self, unit: &str, holders: &[Holder], basis: &str) {
        self.rights.push(Right {
            unit: unit.to_owned(),
            holders: holders.to_vec(),
            basis: basis.to_owned(),
            version: 1,
            live: true,
        });
    }

    /// Whether a seal stands against dispositions: one in its term, or one that waits.
    fn is_sealed(&self, unit: &str, today: i32) -> bool {
        let blocks = |seal: &Seal| match seal.days {
            None => true,
            Some((from, to)) => from <= today && today <= to,
        };
        self.seals.iter().any(|seal| seal.live && seal.unit == unit && blocks(seal))
    }

    fn title(&self, unit: &str) -> Result<(usize, Right), &'static str> {
        let number = self.units.get(unit).ok_or("not-found")?.right;
        let right = self.rights.get(number).ok_or("not-found")?;
        Ok((number, right.clone()))
    }

    fn live_mortgages<'a>(&'a self, unit: &'a str) -> impl Iterator<Item = &'a Mortgage> {
        self.mortgages.iter().filter(move |m| m.live && m.unit == unit)
    }

    fn transfer(&mut self, request: &Request, unit: &str, to: &[Holder], today: i32) -> Ruling {
        let (number, title) = self.title(unit)?;
        let mut asked = parties(&title.holders, "transfer");
        asked.extend(parties(to, "acquire"));
        check_consents(&asked, &request.mandates)?;
        demand(!self.is_sealed(unit, today), "unit-sealed")?;
        demand(self.live_mortgages(unit).all(|m| !m.banned), "transfer-banned")?;
        demand(make_a_whole(to), "shares-not-whole")?;
        demand(are_different(to), "holder-twice")?;
        if let Some(old) = self.rights.get_mut(number) {
            old.live = false;
            old.version = old.version.saturating_add(1);
        }
        let new = self.rights.len();
        if let Some(unit) = self.units.get_mut(unit) {
            unit.right = new;
        }
        self.enter_right(unit, to, "转移");
        Ok(())
    }

    fn mortgage(&mut self, request: &Request, today: i32) -> Ruling {
        let Operation::Mortgage { unit, mortgagee, amount, term, banned } = &request.operation
        else {
            return Err("not a mortgage");
        };
        let (_, title) = self.title(unit)?;
        let mut asked = parties(&title.holders, "mortgage");
        asked.extend(bank_consent(request.by, mortgagee, "mortgage"));
        check_consents(&asked, &request.mandates)?;
        demand(!self.is_sealed(unit, today), "unit-sealed")?;
        demand(*amount > 0, "amount-not-positive")?;
        demand(term.is_none_or(|(from, to)| from <= to), "term-reversed")?;
        let rank = self.live_mortgages(unit).map(|m| m.rank).max().unwrap_or(0);
        self.mortgages.push(Mortgage {
            unit: unit.clone(),
            mortgagee: mortgagee.clone(),
            amount: *amount,
            rank: rank.saturating_add(1),
            banned: *banned,
            live: true,
        });
        Ok(())
    }

    fn release(&mut self, request: &Request, number: usize) -> Ruling {
        let mortgage = self.mortgages.get_mut(number).ok_or("not-found")?;
        demand(mortgage.live, "record-closed")?;
        let asked = bank_consent(request.by, &mortgage.mortgagee, "release");
        check_consents(&asked, &request.mandates)?;
        mortgage.live = false;
        Ok(())
    }

    fn seal(
        &mut self,
        request: &Request,
        unit: &str,
        (from, to): (i32, i32),
        late: bool,
        today: i32,
    ) -> Ruling {
        demand(self.units.contains_key(unit), "not-found")?;
        check_no_consents(request)?;
        demand(from <= to, "term-reversed")?;
        demand(to.saturating_sub(from) <= 1_096, "seal-too-long")?;
        demand(!late, "served-in-future")?;
        let before = |seal: &Seal| seal.days.is_none_or(|(_, last)| last >= today);
        let waits = self.seals.iter().any(|s| s.live && s.unit == unit && before(s));
        self.seals.push(Seal {
            unit: unit.to_owned(),
            authority: request.by.member().to_owned(),
            days: (!waits).then_some((from, to)),
            live: true,
        });
        Ok(())
    }

    fn unseal(&mut self, request: &Request, number: usize) -> Ruling {
        let seal = self.seals.get_mut(number).ok_or("not-found")?;
        demand(seal.live, "record-closed")?;
        check_no_consents(request)?;
        demand(seal.authority == request.by.member(), "not-sealing-authority")?;
        seal.live = false;
        Ok(())
    }

    fn correct_right(&mut self, request: &Request) -> Ruling {
        let Operation::CorrectRight { right, version, holders, basis, reason, legal_basis } =
            &request.operation
        else {
            return Err("not a correction");
        };
        let entry = self.rights.get_mut(*right).ok_or("not-found")?;
        demand(entry.live, "record-closed")?;
        check_no_consents(request)?;
        check_explained(reason, legal_basis)?;
        demand(make_a_whole(holders), "shares-not-whole")?;
        demand(are_different(holders), "holder-twice")?;
        demand(*holders != entry.holders || *basis != entry.basis, "correction-empty")?;
        check_named(*version, entry.version, reason, legal_basis)?;
        entry.holders.clone_from(holders);
        entry.basis.clone_from(basis);
        entry.version = entry.version.saturating_add(1);
        Ok(())
    }

    fn correct_unit(&mut self, request: &Request) -> Ruling {
        let Operation::CorrectUnit { unit, version, location, reason, legal_basis } =
            &request.operation
        else {
            return Err("not a correction");
        };
        let entry = self.units.get_mut(unit).ok_or("not-found")?;
        check_no_consents(request)?;
        check_explained(reason, legal_basis)?;
        demand(*location != entry.location, "correction-empty")?;
        check_named(*version, entry.version, reason, legal_basis)?;
        entry.location.clone_from(location);
        entry.version = entry.version.saturating_add(1);
        Ok(())
    }
}

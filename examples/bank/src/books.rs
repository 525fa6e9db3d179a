//! Accounts, instructions and plans, and what each line of the journal changes in them. Pure: the
//! same lines give the same books, which is how a killed bank comes back.
//!
//! Amounts are whole fen. Every change of a balance has its counterpart, opening balances too, so
//! the sum over all accounts is always zero.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::message::{Instruction, Reason, Stage, Told};

/// The account that opening balances are booked against; the only one that may be negative.
pub(crate) const OPENING: &str = "OPENING";
/// Longest delay of a plan.
const DELAY_MS_MAX: u64 = 600_000;
/// Entries of an account that are shown.
const ENTRIES_SHOWN: usize = 200;

/// An account to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seed {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) balance_fen: i64,
}

/// What becomes of payments to an account; by default they are booked at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fail: Option<Reason>,
    #[serde(default)]
    pub(crate) delay_ms: u64,
    #[serde(default)]
    pub(crate) hold: bool,
}

impl Plan {
    pub(crate) const fn is_valid(&self) -> bool {
        self.delay_ms <= DELAY_MS_MAX
    }
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
pub(crate) enum Line {
    /// An account was opened.
    Opened(Seed),
    /// An instruction was accepted.
    Accepted { key: String, callback: String, instruction: Instruction, at_ms: u64 },
    /// Its outcome is to be told elsewhere.
    Redirected { key: String, callback: String },
    /// It was booked.
    Settled { key: String, reference: String, booked_on: String },
    /// It was not.
    Failed { key: String, reason: Reason },
    /// Its outcome was taken notice of.
    Acknowledged { key: String },
    /// What becomes of payments to an account.
    Planned { account: String, plan: Plan },
}

/// How an instruction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Settled { reference: String, booked_on: String },
    Failed(Reason),
}

/// An instruction with what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) instruction: Instruction,
    pub(crate) callback: String,
    pub(crate) at_ms: u64,
    outcome: Option<Outcome>,
    acknowledged: bool,
}

impl Held {
    /// As it is told at first, however often it is asked: accepted.
    pub(crate) fn accepted(&self, key: &str) -> Told {
        Told {
            key: key.to_owned(),
            source: self.instruction.source.clone(),
            state: Stage::Accepted,
            reference: None,
            booked_on: None,
            reason: None,
        }
    }

    /// As it is now.
    pub(crate) fn told(&self, key: &str) -> Told {
        let mut told = self.accepted(key);
        match &self.outcome {
            None => {}
            Some(Outcome::Settled { reference, booked_on }) => {
                told.state = Stage::Settled;
                told.reference = Some(reference.clone());
                told.booked_on = Some(booked_on.clone());
            }
            Some(Outcome::Failed(reason)) => {
                told.state = Stage::Failed;
                told.reason = Some(*reason);
            }
        }
        told
    }

    /// Whether something remains to be done.
    pub(crate) const fn is_open(&self) -> bool {
        !self.acknowledged
    }

    /// Whether it is booked or has failed.
    pub(crate) const fn has_outcome(&self) -> bool {
        self.outcome.is_some()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Account {
    name: String,
    balance_fen: i64,
    entries: Vec<Entry>,
}

/// One side of a booking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Entry {
    /// Added to the balance.
    amount_fen: i64,
    /// The account of the other side.
    other: String,
    reference: String,
    booked_on: String,
}

/// Why a line does not fit the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misfit {
    #[error("an account that is open already")]
    OpenAlready,
    #[error("an account that is not there")]
    NoAccount,
    #[error("an amount that does not fit")]
    Amount,
    #[error("an instruction that is there already")]
    Repeated,
    #[error("an instruction that is not there, or at another step")]
    NotThere,
}

/// All that the bank knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    accounts: BTreeMap<String, Account>,
    instructions: BTreeMap<String, Held>,
    plans: BTreeMap<String, Plan>,
}

impl Books {
    pub(crate) fn get(&self, key: &str) -> Option<&Held> {
        self.instructions.get(key)
    }

    /// What is open, by key.
    pub(crate) fn open(&self) -> impl Iterator<Item = &String> {
        self.instructions.iter().filter(|(_, held)| held.is_open()).map(|(key, _)| key)
    }

    pub(crate) fn has_account(&self, id: &str) -> bool {
        self.accounts.contains_key(id)
    }

    /// What becomes of payments to this account.
    pub(crate) fn plan(&self, account: &str) -> Plan {
        self.plans.get(account).cloned().unwrap_or_default()
    }

    /// Whether an instruction can be booked now.
    pub(crate) fn judge(&self, instruction: &Instruction) -> Result<(), Reason> {
        if let Some(reason) = self.plan(&instruction.to).fail {
            return Err(reason);
        }
        let Some(from) = self.accounts.get(&instruction.from) else {
            return Err(Reason::AccountUnknown);
        };
        if !self.has_account(&instruction.to) {
            return Err(Reason::AccountUnknown);
        }
        let itself = instruction.from == instruction.to;
        if itself || [&instruction.from, &instruction.to].into_iter().any(|id| id == OPENING) {
            return Err(Reason::Refused);
        }
        let covered =
            i64::try_from(instruction.amount_fen).is_ok_and(|fen| fen <= from.balance_fen);
        if covered { Ok(()) } else { Err(Reason::InsufficientFunds) }
    }

    /// Takes a line over, or leaves everything as it is.
    pub(crate) fn apply(&mut self, line: Line) -> Result<(), Misfit> {
        match line {
            Line::Opened(seed) => self.open_account(seed),
            Line::Accepted { key, callback, instruction, at_ms } => {
                if self.instructions.contains_key(&key) {
                    return Err(Misfit::Repeated);
                }
                let (outcome, acknowledged) = (None, false);
                let held = Held { instruction, callback, at_ms, outcome, acknowledged };
                self.instructions.insert(key, held);
                Ok(())
            }
            Line::Redirected { key, callback } => {
                self.instructions.get_mut(&key).ok_or(Misfit::NotThere)?.callback = callback;
                Ok(())
            }
            Line::Settled { key, reference, booked_on } => self.settle(&key, reference, booked_on),
            Line::Failed { key, reason } => {
                self.waiting(&key)?.outcome = Some(Outcome::Failed(reason));
                Ok(())
            }
            Line::Acknowledged { key } => {
                let held = self.instructions.get_mut(&key).filter(|held| held.outcome.is_some());
                held.ok_or(Misfit::NotThere)?.acknowledged = true;
                Ok(())
            }
            Line::Planned { account, plan } => {
                self.plans.insert(account, plan);
                Ok(())
            }
        }
    }

    fn open_account(&mut self, seed: Seed) -> Result<(), Misfit> {
        if seed.id == OPENING || self.has_account(&seed.id) {
            return Err(Misfit::OpenAlready);
        }
        if seed.balance_fen < 0 {
            return Err(Misfit::Amount);
        }
        let opening = self.accounts.entry(OPENING.to_owned()).or_default();
        opening.balance_fen =
            opening.balance_fen.checked_sub(seed.balance_fen).ok_or(Misfit::Amount)?;
        let account =
            Account { name: seed.name, balance_fen: seed.balance_fen, entries: Vec::new() };
        self.accounts.insert(seed.id, account);
        Ok(())
    }

    /// An instruction without an outcome.
    fn waiting(&mut self, key: &str) -> Result<&mut Held, Misfit> {
        let held = self.instructions.get_mut(key).filter(|held| held.outcome.is_none());
        held.ok_or(Misfit::NotThere)
    }

    fn settle(&mut self, key: &str, reference: String, booked_on: String) -> Result<(), Misfit> {
        let Instruction { amount_fen, from, to, .. } = self.waiting(key)?.instruction.clone();
        let amount = i64::try_from(amount_fen).map_err(|_too_much| Misfit::Amount)?;
        let balance = |id: &str, amount: i64| {
            let account = self.accounts.get(id).ok_or(Misfit::NoAccount)?;
            account.balance_fen.checked_add(amount).ok_or(Misfit::Amount)
        };
        let minus = amount.checked_neg().ok_or(Misfit::Amount)?;
        let sides = [
            (&from, &to, minus, balance(&from, minus)?),
            (&to, &from, amount, balance(&to, amount)?),
        ];
        for (id, other, amount_fen, balance_fen) in sides {
            let account = self.accounts.get_mut(id).ok_or(Misfit::NoAccount)?;
            account.balance_fen = balance_fen;
            account.entries.push(Entry {
                amount_fen,
                other: other.clone(),
                reference: reference.clone(),
                booked_on: booked_on.clone(),
            });
        }
        self.waiting(key)?.outcome = Some(Outcome::Settled { reference, booked_on });
        Ok(())
    }

    /// All accounts with their balances, and the sum over them.
    pub(crate) fn balances(&self) -> Value {
        let sum: i128 = self.accounts.values().map(|account| i128::from(account.balance_fen)).sum();
        let items: Vec<Value> = self
            .accounts
            .iter()
            .map(|(id, account)| {
                json!({"id": id, "name": account.name, "balance_fen": account.balance_fen})
            })
            .collect();
        json!({"items": items, "sum_fen": i64::try_from(sum).unwrap_or(i64::MAX)})
    }

    /// One account with its last entries, oldest first.
    pub(crate) fn account(&self, id: &str) -> Option<Value> {
        let account = self.accounts.get(id)?;
        let skipped = account.entries.len().saturating_sub(ENTRIES_SHOWN);
        let entries: Vec<&Entry> = account.entries.iter().skip(skipped).collect();
        Some(json!({
            "id": id, "name": account.name, "balance_fen": account.balance_fen, "entries": entries,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::instruction;

    fn books() -> Books {
        let mut books = Books::default();
        for (id, balance_fen) in [("ESCROW", 1_000), ("SELLER", 5)] {
            let seed = Seed { id: id.to_owned(), name: String::new(), balance_fen };
            books.apply(Line::Opened(seed)).unwrap();
        }
        books
    }

    fn accepted(amount_fen: u64) -> Line {
        let (key, callback) = ("k".to_owned(), "http://127.0.0.1:1/v1/outcomes".to_owned());
        Line::Accepted { key, callback, instruction: instruction("7f3a", amount_fen), at_ms: 1 }
    }

    fn settled() -> Line {
        let (reference, booked_on) = ("SIM-1".to_owned(), "2026-09-01".to_owned());
        Line::Settled { key: "k".to_owned(), reference, booked_on }
    }

    #[test]
    fn a_booking_has_two_sides_and_happens_once() {
        let mut books = books();
        books.apply(accepted(600)).unwrap();
        assert_eq!(books.open().count(), 1);
        books.apply(settled()).unwrap();
        let booked = books.clone();
        assert_eq!(books.account("ESCROW").unwrap()["balance_fen"], 400);
        assert_eq!(books.account("SELLER").unwrap()["balance_fen"], 605);
        assert_eq!(books.account("SELLER").unwrap()["entries"][0]["amount_fen"], 600);
        assert_eq!(books.balances()["sum_fen"], 0);

        // Neither again, nor otherwise, nor anew.
        assert_eq!(books.apply(settled()), Err(Misfit::NotThere));
        let failed = Line::Failed { key: "k".to_owned(), reason: Reason::Refused };
        assert_eq!(books.apply(failed), Err(Misfit::NotThere));
        assert_eq!(books.apply(accepted(600)), Err(Misfit::Repeated));
        assert_eq!(books, booked);
        books.apply(Line::Acknowledged { key: "k".to_owned() }).unwrap();
        assert_eq!(books.open().count(), 0);
    }

    #[test]
    fn a_payment_that_cannot_be_booked_fails_with_its_reason() {
        let mut books = books();
        assert_eq!(books.judge(&instruction("a", 1_000)), Ok(()));
        assert_eq!(books.judge(&instruction("a", 1_001)), Err(Reason::InsufficientFunds));
        for (from, to, reason) in [
            ("ESCROW", "NOBODY", Reason::AccountUnknown),
            ("NOBODY", "SELLER", Reason::AccountUnknown),
            ("ESCROW", "ESCROW", Reason::Refused),
            (OPENING, "SELLER", Reason::Refused),
        ] {
            let (from, to) = (from.to_owned(), to.to_owned());
            let paid = crate::message::Instruction { from, to, ..instruction("a", 1) };
            assert_eq!(books.judge(&paid), Err(reason));
        }
        let plan = Plan { fail: Some(Reason::AccountClosed), ..Plan::default() };
        books.apply(Line::Planned { account: "SELLER".to_owned(), plan }).unwrap();
        assert_eq!(books.judge(&instruction("a", 1)), Err(Reason::AccountClosed));
        let plan = Plan::default();
        books.apply(Line::Planned { account: "SELLER".to_owned(), plan }).unwrap();
        assert_eq!(books.judge(&instruction("a", 1)), Ok(()));
    }

    #[test]
    fn an_account_is_opened_once_and_never_with_a_debt() {
        let mut books = books();
        let seed = |id: &str, balance_fen| {
            Line::Opened(Seed { id: id.to_owned(), name: String::new(), balance_fen })
        };
        assert_eq!(books.apply(seed("SELLER", 1)), Err(Misfit::OpenAlready));
        assert_eq!(books.apply(seed(OPENING, 1)), Err(Misfit::OpenAlready));
        assert_eq!(books.apply(seed("DEBTOR", -1)), Err(Misfit::Amount));
        assert_eq!(books.balances()["sum_fen"], 0);
    }
}

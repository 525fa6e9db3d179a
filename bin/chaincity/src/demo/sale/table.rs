//! What each organisation does at each place of the process: one row a task. The process says who may
//! and which actions it takes; here stands who does it in this city, and with which input.

mod books;
mod money;
mod supply;

use super::deal::day;
use super::desk::{Act, Desk, Doing};
use super::office::asked_of;
use crate::fault::Fault;

/// One row.
pub(super) struct Entry {
    /// The task's id in the process.
    pub(super) node: &'static str,
    /// Names of those who may do it.
    by: &'static [&'static str],
    /// How it is done.
    pub(super) does: fn(&Desk<'_>) -> Result<Doing, Fault>,
}

impl Entry {
    /// Whether it is this person's.
    pub(super) fn is_for(&self, name: &str) -> bool {
        self.by.contains(&name)
    }
}

/// The row of a task.
pub(super) fn find(node: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.node == node)
}

/// Purposes of consents that are given in tasks of their own; every other is given when it is asked.
pub(super) const SIGNED_IN_TASKS: [&str; 7] =
    ["settle", "transfer", "acquire", "mortgage", "release-against-payoff", "release", "draw-down"];

const ACCEPTOR: &[&str] = &["acceptor"];
const HOUSING: &[&str] = &["housing"];
const TAX: &[&str] = &["tax"];
const REVIEWER: &[&str] = &["reviewer"];
const REVIEWER_2: &[&str] = &["reviewer-2"];
const REGISTRAR: &[&str] = &["registrar"];
const ESCROW: &[&str] = &["escrow"];
/// Who tells what came in, and agrees to what the other wrote.
const ESCROW_2: &[&str] = &["escrow-2"];
const BANK_A: &[&str] = &["bank-a"];
const FUND: &[&str] = &["fund"];
const SELLER: &[&str] = &["seller", "seller-spouse"];
const BUYER: &[&str] = &["buyer", "buyer-spouse"];

const fn row(
    node: &'static str,
    by: &'static [&'static str],
    does: fn(&Desk<'_>) -> Result<Doing, Fault>,
) -> Entry {
    Entry { node, by, does }
}

/// Every task of the process.
pub(super) const TABLE: &[Entry] = &[
    row("check", ACCEPTOR, |desk| books::verify(desk, false)),
    row("contract", HOUSING, nothing),
    row("contract-annul", HOUSING, nothing),
    row("escrow", ESCROW, money::open),
    // The legs, side by side.
    row("own-funds", ESCROW_2, money::own_funds),
    row("loan-approve", FUND, money::offer),
    row("loan-decline", FUND, money::decline),
    row("loan-choose", BUYER, own_funds),
    row("loan-other-bank", ESCROW, money::other_bank),
    row("loan-no-bank", ESCROW, money::no_bank),
    row("loan-top-up", ESCROW_2, money::own_funds),
    row("quote", BANK_A, money::quote),
    row("tax-assess", TAX, money::assess),
    row("tax-pay", TAX, money::taxes_paid),
    row("tax-chase", TAX, nothing),
    // The application.
    row("apply", ACCEPTOR, books::apply),
    row("application-withdraw", ACCEPTOR, books::withdraw),
    row("application-refuse", REVIEWER, books::refuse),
    row("application-decline", ACCEPTOR, books::decline),
    row("application-lapse", ACCEPTOR, books::lapse),
    row("ask-correction", ACCEPTOR, books::ask_correction),
    row("supply", ACCEPTOR, books::supply),
    row("recall", ACCEPTOR, books::recall),
    row("accept", ACCEPTOR, books::accept),
    row("notice", REGISTRAR, books::notice),
    row("notice-end", REGISTRAR, books::end_notice),
    row("review", REVIEWER, |desk| books::review(desk, "review-application")),
    row("review-again", REVIEWER_2, |desk| books::review(desk, "approve-application")),
    // Signatures and entries.
    row("sheet-write", ESCROW, money::write),
    row("sellers-sign", SELLER, sign),
    row("buyers-sign", BUYER, sign),
    row("payoff-bank-signs", BANK_A, sign),
    row("loan-bank-signs", FUND, sign),
    row("sheet-agree", ESCROW_2, money::agree),
    row("guarantee", ESCROW, money::guarantee),
    row("commit-release", REGISTRAR, |desk| books::commit(desk, true, true)),
    row("commit-release-own", REGISTRAR, |desk| books::commit(desk, true, false)),
    row("commit-mortgaged", REGISTRAR, |desk| books::commit(desk, false, true)),
    row("commit-mortgaged-own", REGISTRAR, |desk| books::commit(desk, false, false)),
    // What comes in between.
    row("suspend", ACCEPTOR, nothing),
    row("resume", ACCEPTOR, |desk| books::verify(desk, true)),
    row("withdrawal-look", ESCROW, |_| {
        Ok(Doing::default().set("withdrawn", "true").set("cause", "agreed"))
    }),
    row("offer-again", FUND, money::offer),
    row("offer-decline", FUND, money::decline),
    row("offer-choose", BUYER, own_funds),
    row("offer-other", ESCROW, money::other_bank),
    row("offer-no-bank", ESCROW, money::no_bank),
    row("offer-top-up", ESCROW_2, money::own_funds),
    row("failure-void", ESCROW, money::void),
    row("quote-again", BANK_A, money::quote),
    row("tax-pay-again", TAX, money::taxes_paid),
    row("chase", ACCEPTOR, nothing),
    // The money.
    row("draw-down", ESCROW_2, money::draw_down),
    row("payoff-instruct", ESCROW, |desk| money::instruct(desk, ("payoff", "payoff-paid"))),
    row("receipt", BANK_A, money::received),
    row("dispute", ESCROW, money::dispute),
    row("release-old", BANK_A, books::release_old),
    row("net-instruct", ESCROW, |desk| money::instruct(desk, ("net", "net-paid"))),
    row("hand-over", SELLER, nothing),
    row("rest-instruct", ESCROW, |desk| money::instruct(desk, ("withheld", "rest-paid"))),
    row("refund-instruct", ESCROW, |desk| money::refund(desk, ("refund", "refund-paid"))),
    row("settle", ESCROW, money::settle),
    // What follows the entries.
    row("deliver", ACCEPTOR, books::deliver),
    row("utilities-ask", ACCEPTOR, supply::ask),
    row("water-read", &["water"], supply::read),
    row("water-accept", &["water"], supply::accept),
    row("water-clear", BUYER, nothing),
    row("power-read", &["power"], supply::read),
    row("power-accept", &["power"], supply::accept),
    row("power-clear", BUYER, nothing),
    row("gas-read", &["gas"], supply::read),
    row("gas-accept", &["gas"], supply::accept),
    row("gas-clear", BUYER, nothing),
    row("cable-read", &["cable"], supply::read),
    row("cable-accept", &["cable"], supply::accept),
    row("cable-clear", BUYER, nothing),
    row("archive", ACCEPTOR, books::archive),
];

/// A form or a piece of evidence is all that is asked for.
fn nothing(_: &Desk<'_>) -> Result<Doing, Fault> {
    Ok(Doing::default())
}

/// The buyers do without a loan.
fn own_funds(_: &Desk<'_>) -> Result<Doing, Fault> {
    Ok(Doing::default().set("loan_choice", "own-funds"))
}

/// A party consents to every act that was laid before it.
fn sign(desk: &Desk<'_>) -> Result<Doing, Fault> {
    let party = desk.person.seat.party.unwrap_or_default();
    let acts: Vec<Act> = asked_of(desk, party, true)?.into_iter().map(|(_, act)| act).collect();
    if acts.is_empty() {
        return Err(Fault::other("没有可授意的", "nothing was laid before a party to consent to"));
    }
    Ok(acts.into())
}

/// Today, as inputs write it.
fn today() -> String {
    day(0)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::city::whole_sample;
    use crate::demo::sale::cast::{CITIZENS, SEATS};
    use crate::demo::sale::forms::Forms;

    /// Ids of the process's tasks.
    fn tasks(forms: &Forms) -> BTreeSet<String> {
        let graph = forms.graph();
        let of_people = graph.nodes().filter(|node| {
            let facts = graph.facts(*node);
            // Who may send a message has no task.
            facts.message.is_none() && !facts.roles.is_empty()
        });
        of_people.map(|node| graph.id(node).to_owned()).collect()
    }

    #[test]
    fn every_task_has_a_row_and_every_row_a_task() {
        let forms = Forms::read().unwrap();
        let rows: BTreeSet<String> = TABLE.iter().map(|entry| entry.node.to_owned()).collect();
        assert_eq!(rows.len(), TABLE.len());
        assert_eq!(rows, tasks(&forms));
    }

    #[test]
    fn whoever_does_a_task_holds_a_role_of_it() {
        let forms = Forms::read().unwrap();
        let members = whole_sample(CITIZENS);
        let operators: Vec<_> = members.iter().flat_map(|member| &member.operators).collect();
        for entry in TABLE {
            let roles = &forms.facts(entry.node).unwrap().roles;
            for name in entry.by {
                assert!(SEATS.iter().any(|seat| seat.name == *name), "{name} works nowhere");
                let held = &operators.iter().find(|operator| operator.name == *name).unwrap().roles;
                let may = roles.iter().any(|role| held.iter().any(|held| *held == *role.name));
                assert!(may, "{name} may not do {}", entry.node);
            }
        }
    }

    #[test]
    fn nobody_checks_his_own_work() {
        let forms = Forms::read().unwrap();
        for entry in TABLE {
            for other in &forms.facts(entry.node).unwrap().not_by {
                let both = find(other).unwrap().by.iter().find(|name| entry.by.contains(name));
                assert_eq!(both, None, "{} and {other}", entry.node);
            }
        }
    }
}

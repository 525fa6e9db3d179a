//! Who may ask for what, and what must hold afterwards.

use std::collections::BTreeSet;

use super::blocks::state;
use super::case::{Case, day, int, text, texts};
use super::request::{Fact, Facts, Holder};
use super::{Model, Rule, Ruling, demand};
use crate::city::Role;

const REGISTRAR: &[Role] = &[Role::Registrar];
const BANK: &[Role] = &[Role::Registrar, Role::Banker];
const COURT: &[Role] = &[Role::Judge];
const ACCEPTOR: &[Role] = &[Role::Acceptor];
const REVIEWER: &[Role] = &[Role::Reviewer];
const COUNTER: &[Role] = &[Role::Registrar, Role::Acceptor];
const PLANNER: &[Role] = &[Role::Planner];
const ASKED: &[Role] = &[Role::Acceptor, Role::Registrar, Role::Judge, Role::Officer, Role::Banker];

/// Every action: its name, who may, and the clerk's rule.
pub(super) const RULES: &[(&str, &[Role], Rule)] = &[
    ("accept-application", ACCEPTOR, Model::accept_application),
    ("apply-registration", ACCEPTOR, Model::apply_registration),
    ("approve-application", REVIEWER, Model::approve_application),
    ("archive-application", COUNTER, Model::archive_application),
    ("ask-correction", ACCEPTOR, Model::ask_correction),
    ("change-easement", REGISTRAR, Model::change_easement),
    ("change-facility", PLANNER, Model::change_facility),
    ("change-mortgage", BANK, Model::change_mortgage),
    ("change-name", REGISTRAR, Model::change_name),
    ("change-residence", REGISTRAR, Model::change_residence),
    ("change-right", REGISTRAR, Model::change_right),
    ("close-facility", PLANNER, Model::close_facility),
    ("confirm-claim", BANK, Model::confirm_claim),
    ("correct-easement", REGISTRAR, Model::correct_easement),
    ("correct-mortgage", REGISTRAR, Model::correct_mortgage),
    ("correct-notice", REGISTRAR, Model::correct_notice),
    ("correct-objection", REGISTRAR, Model::correct_objection),
    ("correct-residence", REGISTRAR, Model::correct_residence),
    ("correct-right", REGISTRAR, Model::correct_right),
    ("correct-seal", REGISTRAR, Model::correct_seal),
    ("correct-unit", REGISTRAR, Model::correct_unit),
    ("decline-application", ACCEPTOR, Model::decline_application),
    ("deliver-certificate", ACCEPTOR, Model::deliver_certificate),
    ("end-easement", REGISTRAR, Model::end_easement),
    ("end-hold", REGISTRAR, Model::end_hold),
    ("end-notice", REGISTRAR, Model::end_notice),
    ("end-objection", REGISTRAR, Model::end_objection),
    ("end-residence", REGISTRAR, Model::end_residence),
    ("file-lawsuit", REGISTRAR, Model::file_lawsuit),
    ("first-registration", REGISTRAR, Model::first_registration),
    ("hold", REGISTRAR, Model::hold),
    ("import-unit", &[Role::Importer], Model::import_unit),
    ("issue-certificate", REGISTRAR, Model::issue_certificate),
    ("mark-registrable", REGISTRAR, Model::mark_registrable),
    ("merge-units", REGISTRAR, Model::merge_units),
    ("migrate-seal", &[Role::Importer, Role::Judge], Model::migrate_seal),
    ("migrate-unit", &[Role::Importer], Model::migrate_unit),
    ("mortgage", BANK, Model::mortgage),
    ("print-certificate", COUNTER, Model::print_certificate),
    ("query", ASKED, Model::query),
    ("query-person", ASKED, Model::query_person),
    ("recall-correction", ACCEPTOR, Model::recall_correction),
    ("record-facility", PLANNER, Model::record_facility),
    ("record-generation", &[Role::Importer], Model::record_generation),
    ("record-sale", &[Role::Clerk, Role::Importer], Model::record_sale),
    ("refuse-application", REVIEWER, Model::refuse_application),
    ("register-easement", REGISTRAR, Model::register_easement),
    ("register-notice", REGISTRAR, Model::register_notice),
    ("register-objection", REGISTRAR, Model::register_objection),
    ("register-representation", REGISTRAR, Model::register_representation),
    ("register-residence", REGISTRAR, Model::register_residence),
    ("release", BANK, Model::release),
    ("renew-seal", COURT, Model::renew_seal),
    ("resurvey-unit", REGISTRAR, Model::resurvey_unit),
    ("review-application", REVIEWER, Model::review_application),
    ("revoke-representation", REGISTRAR, Model::revoke_representation),
    ("seal", COURT, Model::seal),
    ("split-unit", REGISTRAR, Model::split_unit),
    ("supply-correction", ACCEPTOR, Model::supply_correction),
    ("transfer", REGISTRAR, Model::transfer),
    ("transfer-by-inheritance", REGISTRAR, Model::transfer_by_inheritance),
    ("transfer-by-judgment", REGISTRAR, Model::transfer_by_judgment),
    ("transfer-mortgage", BANK, Model::transfer_mortgage),
    ("transfer-share", REGISTRAR, Model::transfer_share),
    ("unseal", COURT, Model::unseal),
    ("verify-unit", &[Role::Acceptor, Role::Registrar, Role::Clerk], Model::verify_unit),
    ("void-certificate", REGISTRAR, Model::void_certificate),
    ("waive-right", REGISTRAR, Model::waive_right),
    ("withdraw-application", ACCEPTOR, Model::withdraw_application),
];

/// What no register would even read: shares that are none, negative money, overlong text.
pub(super) fn check_form(given: &Facts) -> Ruling {
    let fits = |fact: &Fact| match fact {
        Fact::Holders(holders) => holders.iter().all(|h| 0 < h.n && h.n <= h.d),
        Fact::Money(amount) => *amount >= 0,
        Fact::Text(text) => text.chars().count() <= 300,
        Fact::Int(_)
        | Fact::Day(_)
        | Fact::Time(_)
        | Fact::Moment(_)
        | Fact::Yes(_)
        | Fact::Digest
        | Fact::Papers(_)
        | Fact::Texts(_)
        | Fact::Units(_)
        | Fact::Parts(_)
        | Fact::Entry(..)
        | Fact::Entries(..)
        | Fact::Operator(_)
        | Fact::Group(_)
        | Fact::Groups(_)
        | Fact::ByKey(..) => true,
    };
    demand(given.values().all(fits), "invalid-input")
}

/// 民法典 298: shares make exactly one. Reckoned over the product of the denominators.
pub(super) fn make_a_whole(holders: &[Holder]) -> bool {
    let product = holders.iter().try_fold(1_i128, |p, h| p.checked_mul(i128::from(h.d)));
    let Some(product) = product else { return false };
    let part = |h: &Holder| product.checked_div(i128::from(h.d))?.checked_mul(i128::from(h.n));
    let sum = holders.iter().try_fold(0_i128, |sum, h| sum.checked_add(part(h)?));
    !holders.is_empty() && sum == Some(product)
}

/// Whether share `a` is at least share `b`.
pub(super) fn at_least(a: &Holder, b: &Holder) -> bool {
    i128::from(a.n).saturating_mul(i128::from(b.d))
        >= i128::from(b.n).saturating_mul(i128::from(a.d))
}

pub(super) fn are_different(holders: &[Holder]) -> bool {
    let names: BTreeSet<&str> = holders.iter().map(|h| h.subject.as_str()).collect();
    names.len() == holders.len()
}

/// 民法典 297–299: one holder, several with shares, or several together without.
pub(super) fn kind_fits(kind: &str, holders: &[Holder]) -> bool {
    match kind {
        "single" => holders.len() == 1,
        "shares" => holders.len() > 1,
        "joint" => holders.len() > 1 && holders.iter().all(|h| h.n == h.d),
        _ => true,
    }
}

/// A GB/T 37346 number of the kinds that the tests use: parcel, then a house or nothing on it.
pub(super) fn is_unit_number(number: &str) -> bool {
    let digits =
        |text: Option<&str>| text.is_some_and(|text| text.chars().all(|c| c.is_ascii_digit()));
    let fixture = (number.get(19..20), number.get(20..24), number.get(24..28));
    number.len() == 28
        && digits(number.get(..12))
        && number.get(12..13).is_some_and(|c| "GJZ".contains(c))
        && digits(number.get(14..19))
        && match fixture {
            (Some("F"), Some(building), Some(unit)) => {
                digits(number.get(20..)) && building != "0000" && unit != "0000"
            }
            (Some("W"), Some("0000"), Some("0000")) => true,
            _ => false,
        }
}

/// The first 19 characters of a unit number: with nothing on it, the land itself is a unit.
fn is_parcel(parcel: &str) -> bool {
    is_unit_number(&format!("{parcel}W00000000"))
}

impl Case<'_> {
    /// The number on the form is what it claims to be.
    pub(super) fn number_is(&self, number: &str) -> bool {
        self.text("number_kind") != "gbt37346" || is_unit_number(number)
    }
}

impl Model {
    /// What must hold after each request, of whatever it touched.
    pub(super) fn check_whole(&self, now_ms: u64) -> Ruling {
        for (register, number) in self.touched.keys() {
            let Some(entry) = self.entry(register, *number) else { continue };
            let facts = &entry.facts;
            let runs = match (day(facts, "from"), day(facts, "to")) {
                (Some(from), Some(to)) => from <= to,
                _ => true,
            };
            match *register {
                "easement" if entry.live => {
                    demand(runs, "easement-term-reversed")?;
                    let itself = text(facts, "unit") == text(facts, "dominant");
                    demand(!itself, "easement-on-itself")?;
                }
                "representation" if entry.live => {
                    demand(runs, "representation-term-reversed")?;
                    let himself = text(facts, "principal") == text(facts, "agent");
                    demand(!himself, "represents-himself")?;
                }
                "facility" if entry.live => {
                    let parcels = texts(facts, "parcels");
                    demand(parcels.iter().all(|parcel| is_parcel(parcel)), "parcel-invalid")?;
                }
                "residence" if entry.live => demand(runs, "residence-term-reversed")?,
                "mortgage" => {
                    let all = self.on_unit("mortgage", text(facts, "unit"));
                    let ranks: BTreeSet<i64> =
                        all.iter().map(|(_, m)| int(&m.facts, "rank")).collect();
                    demand(ranks.len() == all.len(), "rank-shared")?;
                }
                "unit" if !entry.live => {
                    demand(self.houses_on(text(facts, "number")).is_empty(), "referenced")?;
                }
                "seal" => {
                    demand(!entry.live || runs, "seal-dates-reversed")?;
                    self.check_queue(text(facts, "unit"), now_ms)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// One seal at a time; and one that waits has something to wait for.
    fn check_queue(&self, unit: &str, now_ms: u64) -> Ruling {
        let all = self.on_unit("seal", unit);
        let of = |wanted: &'static str| {
            all.iter().filter(move |(_, s)| state("seal", s, now_ms) == Some(wanted))
        };
        demand(of("effective").count() <= 1, "two-seals-in-effect")?;
        let stated =
            of("waiting").any(|(_, s)| day(&s.facts, "from") == day(&s.facts, "stated_from"));
        let nothing_waits = of("waiting").next().is_none();
        let one = of("effective").next().is_some();
        demand(nothing_waits || one || stated, "waiting-without-seal")
    }
}

//! Applications: from the counter over acceptance and two reviews to registration, certificate and
//! archive (不动产登记暂行条例 14–22).

use super::case::{Case, each, take, text, texts, time};
use super::days::{day_of, workdays_later, year};
use super::request::{Fact, Facts};
use super::{Entry, Model, Ruling, demand};

/// What can be applied for.
pub const APPLIED_FOR: [&str; 28] = [
    "change-easement",
    "change-mortgage",
    "change-name",
    "change-residence",
    "change-right",
    "confirm-claim",
    "correct-right",
    "correct-unit",
    "end-easement",
    "end-notice",
    "end-objection",
    "end-residence",
    "first-registration",
    "merge-units",
    "mortgage",
    "register-easement",
    "register-notice",
    "register-objection",
    "register-residence",
    "release",
    "resurvey-unit",
    "split-unit",
    "transfer",
    "transfer-by-inheritance",
    "transfer-by-judgment",
    "transfer-mortgage",
    "transfer-share",
    "waive-right",
];

/// 不动产登记暂行条例 20.
const WORKDAYS_TO_DECIDE: u32 = 30;

fn stands_at(application: &Entry) -> &str {
    text(&application.facts, "state")
}

fn applied_on(application: &Entry) -> i32 {
    time(&application.facts, "applied").map_or(i32::MAX, day_of)
}

/// 条例 17: what was not declined in writing on its day is accepted on that day.
fn accepted_on(application: &Entry, today: i32) -> Option<i32> {
    match time(&application.facts, "accepted") {
        Some(accepted) => Some(day_of(accepted)),
        None if stands_at(application) == "applied" && today > applied_on(application) => {
            Some(applied_on(application))
        }
        None => None,
    }
}

/// What follows from an application at a time: its acceptance, and by when it is decided.
pub(super) fn computed(application: &Entry, now_ms: u64) -> Facts {
    let today = day_of(now_ms);
    let accepted = accepted_on(application, today);
    let due = accepted.map(|accepted| workdays_later(accepted, WORKDAYS_TO_DECIDE));
    let open = ["applied", "accepted", "first-reviewed", "reviewed"];
    let late = due.is_some_and(|due| today > due) && open.contains(&stands_at(application));
    let mut facts = Facts::from([("overdue", late.into())]);
    facts.extend(accepted.map(|day| ("accepted_on", Fact::Day(day))));
    facts.extend(due.map(|day| ("due", Fact::Day(day))));
    facts
}

impl Model {
    /// The application that a registration names.
    pub(super) fn named_application(&self, action: &str, given: &Facts) -> Option<(usize, Entry)> {
        let Some(Fact::Entry(register, number)) = given.get("application") else { return None };
        let registers = APPLIED_FOR.contains(&action);
        let entry = self.entry(register, *number).filter(|_| registers)?;
        Some((*number, entry.clone()))
    }

    /// What is registered upon an application is what was applied for and reviewed.
    pub(super) fn check_application(&self, case: &Case<'_>, units: &[&str]) -> Ruling {
        let Some((_, application)) = &case.application else { return Ok(()) };
        let named = texts(&application.facts, "units");
        let fits = text(&application.facts, "kind") == case.action
            && units.iter().all(|unit| named.iter().any(|one| one == unit));
        demand(fits, "application-mismatch")?;
        demand(stands_at(application) == "reviewed", "application-not-reviewed")
    }

    /// 登簿: the case is registered with what it asked for.
    pub(super) fn complete(&mut self, case: &Case<'_>) {
        let Some((number, _)) = case.application else { return };
        self.step(
            number,
            "registered",
            [("registered", Fact::Moment(case.now_ms)), ("registrar", Fact::Operator(case.by))],
        );
    }

    /// An application moves on.
    fn step<const N: usize>(&mut self, number: usize, to: &str, facts: [(&'static str, Fact); N]) {
        self.put_all("application", number, facts.into());
        self.put("application", number, "state", Some(to.into()));
    }

    /// The application on the desk, if it stands at one of these.
    fn at(&self, case: &mut Case<'_>, states: &[&str]) -> Result<(usize, Entry), &'static str> {
        let number = case.entry("application");
        let entry = self.get("application", number)?;
        case.consents(&[])?;
        demand(states.contains(&stands_at(&entry)), "application-state")?;
        Ok((number, entry))
    }

    pub(super) fn apply_registration(&mut self, case: &mut Case<'_>) -> Ruling {
        let applicants = texts(case.given, "applicants");
        let names = || applicants.iter().map(String::as_str);
        case.consents(&[case.spoken_for(&each(names(), "apply"))])?;
        case.agents_act(&[])?;
        self.wards_act_by_guardians(case, names())?;
        let names_all = !applicants.is_empty() && !texts(case.given, "units").is_empty();
        demand(names_all, "application-names-nothing")?;
        let mut facts = take(case.given, &["kind", "units", "applicants", "materials"]);
        let year = year(case.today);
        let office = case.text("office");
        let number = self.next_number("application", office, year);
        facts.extend([
            ("number", format!("{year}{office}登申字第{number:06}号").into()),
            ("state", "applied".into()),
            ("applied", Fact::Moment(case.now_ms)),
            ("taken_by", Fact::Operator(case.by)),
        ]);
        self.enter("application", facts);
        Ok(())
    }

    pub(super) fn accept_application(&mut self, case: &mut Case<'_>) -> Ruling {
        let (number, entry) = self.at(case, &["applied"])?;
        // On a later day it had been accepted already.
        let deemed = applied_on(&entry) < case.today;
        let applied = entry.facts.get("applied").filter(|_| deemed).cloned();
        self.step(
            number,
            "accepted",
            [
                ("accepted", applied.unwrap_or(Fact::Moment(case.now_ms))),
                ("acceptor", Fact::Operator(case.by)),
            ],
        );
        Ok(())
    }

    /// Told in writing, on the day of the application.
    fn check_told(case: &Case<'_>, entry: &Entry, told: &str) -> Ruling {
        demand(case.today == applied_on(entry), "application-deemed-accepted")?;
        demand(!case.text(told).is_empty(), "application-unexplained")
    }

    pub(super) fn ask_correction(&mut self, case: &mut Case<'_>) -> Ruling {
        let (number, entry) = self.at(case, &["applied"])?;
        demand(!entry.facts.contains_key("asked"), "correction-asked-before")?;
        Self::check_told(case, &entry, "missing")?;
        self.step(number, "correction-asked", [("asked", case.text("missing").into())]);
        Ok(())
    }

    pub(super) fn supply_correction(&mut self, case: &mut Case<'_>) -> Ruling {
        let (number, _) = self.at(case, &["correction-asked"])?;
        self.put_all("application", number, take(case.given, &["materials"]));
        self.step(number, "applied", [("applied", Fact::Moment(case.now_ms))]);
        Ok(())
    }

    /// Nothing need be supplied: the day of the application stays.
    pub(super) fn recall_correction(&mut self, case: &mut Case<'_>) -> Ruling {
        let (number, _) = self.at(case, &["correction-asked"])?;
        demand(!case.text("reason").is_empty(), "application-unexplained")?;
        self.step(number, "applied", [("recalled", case.text("reason").into())]);
        Ok(())
    }

    pub(super) fn decline_application(&mut self, case: &mut Case<'_>) -> Ruling {
        let (number, entry) = self.at(case, &["applied"])?;
        Self::check_told(case, &entry, "reason")?;
        self.step(number, "not-accepted", [("ended_reason", case.text("reason").into())]);
        self.end("application", number);
        Ok(())
    }

    /// Whoever had a hand in it does not review it.
    fn check_reviewer(case: &Case<'_>, entry: &Entry, hands: &[&str]) -> Ruling {
        let own = |hand: &&str| entry.facts.get(*hand) == Some(&Fact::Operator(case.by));
        demand(!hands.iter().any(own), "reviewer-is-acceptor")
    }

    pub(super) fn review_application(&mut self, case: &mut Case<'_>) -> Ruling {
        let (number, entry) = self.at(case, &["accepted", "applied"])?;
        demand(accepted_on(&entry, case.today).is_some(), "application-state")?;
        Self::check_reviewer(case, &entry, &["acceptor", "taken_by"])?;
        if let Some(applied) = entry.facts.get("applied")
            && !entry.facts.contains_key("accepted")
        {
            self.put("application", number, "accepted", Some(applied.clone()));
        }
        self.step(
            number,
            "first-reviewed",
            [
                ("first_reviewer", Fact::Operator(case.by)),
                ("first_opinion", case.text("opinion").into()),
            ],
        );
        Ok(())
    }

    pub(super) fn approve_application(&mut self, case: &mut Case<'_>) -> Ruling {
        let (number, entry) = self.at(case, &["first-reviewed"])?;
        Self::check_reviewer(case, &entry, &["acceptor", "taken_by", "first_reviewer"])?;
        self.step(
            number,
            "reviewed",
            [("reviewer", Fact::Operator(case.by)), ("opinion", case.text("opinion").into())],
        );
        Ok(())
    }

    /// 条例 22: for one of four reasons, once it is accepted and until it is registered.
    pub(super) fn refuse_application(&mut self, case: &mut Case<'_>) -> Ruling {
        let states = ["accepted", "applied", "first-reviewed", "reviewed"];
        let (number, entry) = self.at(case, &states)?;
        demand(accepted_on(&entry, case.today).is_some(), "application-state")?;
        demand(!case.text("reason").is_empty(), "application-unexplained")?;
        self.put_all("application", number, take(case.given, &["refused_for"]));
        self.step(number, "refused", [("ended_reason", case.text("reason").into())]);
        self.end("application", number);
        Ok(())
    }

    /// 条例 15: by all who applied, until it is registered.
    pub(super) fn withdraw_application(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("application");
        let entry = self.get("application", number)?;
        let applicants = texts(&entry.facts, "applicants");
        let asked = each(applicants.iter().map(String::as_str), "withdraw");
        case.consents(&[case.spoken_for(&asked)])?;
        case.agents_act(&[])?;
        let open = ["applied", "correction-asked", "accepted", "first-reviewed", "reviewed"];
        demand(open.contains(&stands_at(&entry)), "application-state")?;
        self.step(number, "withdrawn", [("ended_reason", case.text("reason").into())]);
        self.end("application", number);
        Ok(())
    }

    pub(super) fn print_certificate(&mut self, case: &mut Case<'_>) -> Ruling {
        let (number, _) = self.at(case, &["registered"])?;
        self.put_all("application", number, take(case.given, &["certificates"]));
        self.step(number, "printed", [("printed", Fact::Moment(case.now_ms))]);
        Ok(())
    }

    /// 发证: to an applicant, or to who represents one.
    pub(super) fn deliver_certificate(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("application");
        let entry = self.get("application", number)?;
        let to = case.text("to").to_owned();
        case.consents(&[vec![(to.clone(), "receive")]])?;
        case.agents_act(&[])?;
        demand(stands_at(&entry) == "printed", "application-state")?;
        let applicants = texts(&entry.facts, "applicants");
        let applied = |subject: &str| applicants.iter().any(|one| one == subject);
        let represents =
            |a: &Entry| text(&a.facts, "agent") == to && applied(text(&a.facts, "principal"));
        demand(applied(&to) || case.has_agent(&represents), "not-an-applicant")?;
        self.step(
            number,
            "issued",
            [("issued", Fact::Moment(case.now_ms)), ("issued_to", to.into())],
        );
        Ok(())
    }

    pub(super) fn archive_application(&mut self, case: &mut Case<'_>) -> Ruling {
        let (number, _) = self.at(case, &["registered", "printed", "issued"])?;
        self.put_all("application", number, take(case.given, &["archive_number"]));
        self.step(number, "archived", []);
        self.end("application", number);
        Ok(())
    }
}

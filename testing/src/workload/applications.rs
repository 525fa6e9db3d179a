//! Forms about applications, and the next step of one.

use super::Workload;
use super::forms::{ask, text};
use crate::city::Actor;
use crate::model::{APPLIED_FOR, Fact, Facts, Request, day_of};

/// The register whose entry a registration is about, if it is not about a unit.
fn register_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "change-easement" | "end-easement" => "easement",
        "change-mortgage" | "confirm-claim" | "release" | "transfer-mortgage" => "mortgage",
        "change-residence" | "end-residence" => "residence",
        "end-notice" => "notice",
        "end-objection" => "objection",
        _ => return None,
    })
}

/// What is handed in.
fn materials(count: usize) -> Fact {
    let paper = |n: usize| {
        let name = ("name", format!("材料{n}").into());
        // Of the second only the name is noted.
        Facts::from_iter((n == 0).then_some(("digest", Fact::Digest)).into_iter().chain([name]))
    };
    Fact::Groups((0..count).map(paper).collect())
}

impl Workload {
    pub(super) fn application_form(&mut self, action: &'static str) -> Request {
        match action {
            "apply-registration" => self.application(),
            "accept-application" => self.at_counter(action, &["applied"], &[]),
            "ask-correction" => self.at_counter(action, &["applied"], &[("missing", "身份证明")]),
            "decline-application" => {
                self.at_counter(action, &["applied"], &[("reason", "不属于本机构")])
            }
            "recall-correction" => {
                self.at_counter(action, &["correction-asked"], &[("reason", "已由其他部门提供")])
            }
            "supply-correction" => {
                let mut request = self.at_counter(action, &["correction-asked"], &[]);
                let count = self.random.below(3);
                request.operation.given.insert("materials", materials(count));
                request
            }
            "review-application" => self.reviewed(action, &["accepted", "applied"], "opinion"),
            "approve-application" => self.reviewed(action, &["first-reviewed"], "opinion"),
            "refuse-application" => {
                let open = ["accepted", "applied", "first-reviewed", "reviewed"];
                let mut request = self.reviewed(action, &open, "reason");
                let reasons = ["against-law", "ownership-disputed", "term-exceeded", "other-law"];
                let reason = self.random.pick(&reasons).unwrap_or("other-law");
                request.operation.given.insert("refused_for", reason.into());
                request
            }
            "withdraw-application" => {
                let open = ["applied", "correction-asked", "accepted", "reviewed"];
                self.at_counter(action, &open, &[("reason", "当事人撤回")])
            }
            "print-certificate" => {
                let number = self.random.pick(&["0000001", "0000002"]).unwrap_or("0000003");
                let number = format!("湘(2026)娄底市不动产权第{number}号");
                let mut request = self.at_counter(action, &["registered"], &[]);
                request.operation.given.insert("certificates", Fact::Texts(vec![number]));
                request
            }
            "deliver-certificate" => self.delivery(),
            _ => {
                let done = ["registered", "printed", "issued"];
                self.at_counter(action, &done, &[("archive_number", "档-1")])
            }
        }
    }

    fn acceptor(&mut self) -> Actor {
        let all = [Actor::Acceptor, Actor::Acceptor, Actor::Examiner];
        self.random.pick(&all).unwrap_or(Actor::Acceptor)
    }

    fn office(&mut self) -> Fact {
        self.random.pick(&["娄星", "双峰"]).unwrap_or("娄星").into()
    }

    /// The application that is followed, or one that mostly stands where it should.
    fn standing_at(&mut self, states: &[&str]) -> usize {
        if let Some(number) = self.case {
            return number;
        }
        let all = self.model.entries("application").iter().enumerate();
        let fits = all.filter(|(_, e)| e.live && states.contains(&text(&e.facts, "state")));
        let fits: Vec<usize> = fits.map(|(number, _)| number).collect();
        match self.random.once_in(5) {
            true => self.some("application"),
            false => self.random.pick(&fits).unwrap_or_else(|| self.some("application")),
        }
    }

    fn at_counter(
        &mut self,
        action: &'static str,
        states: &[&str],
        texts: &[(&'static str, &str)],
    ) -> Request {
        let number = self.standing_at(states);
        let by = self.acceptor();
        let mut request = ask(by, action, [("application", Fact::Entry("application", number))]);
        for (name, text) in texts {
            let text = if self.random.once_in(6) { "" } else { text };
            request.operation.given.insert(name, text.into());
        }
        request
    }

    fn reviewed(&mut self, action: &'static str, states: &[&str], words: &'static str) -> Request {
        let mut request = self.at_counter(action, states, &[(words, "符合规定")]);
        let all = [Actor::Reviewer, Actor::Reviewer, Actor::OtherReviewer, Actor::Examiner];
        request.by = self.random.pick(&all).unwrap_or(Actor::Reviewer);
        request
    }

    fn application(&mut self) -> Request {
        let kind = self.random.pick(&APPLIED_FOR).unwrap_or("transfer");
        let mut units = match register_of(kind) {
            Some(register) => {
                let number = self.some(register);
                vec![text(&self.facts(register, number), "unit").to_owned()]
            }
            None if kind == "first-registration" => {
                self.made = self.made.saturating_add(1);
                vec![format!("431302001002GB{:05}F00010001", self.made)]
            }
            None if kind == "merge-units" => self.mergeable(),
            None => vec![self.unit()],
        };
        units.retain(|unit| !unit.is_empty());
        let owners = self.owners(units.first().map_or("", String::as_str));
        let mut applicants: Vec<String> = owners.into_iter().map(|owner| owner.subject).collect();
        match self.random.below(10) {
            0 => applicants.clear(),
            1 => applicants.push(self.citizen()),
            2 => applicants.push(self.bank().to_owned()),
            _ if applicants.is_empty() => applicants.push(self.citizen()),
            _ => {}
        }
        let count = self.random.below(3);
        ask(
            self.acceptor(),
            "apply-registration",
            [
                ("kind", kind.into()),
                ("office", self.office()),
                ("units", Fact::Texts(units)),
                ("applicants", Fact::Texts(applicants)),
                ("materials", materials(count)),
            ],
        )
    }

    /// To an applicant, to who represents one, or to somebody else.
    fn delivery(&mut self) -> Request {
        let mut request = self.at_counter("deliver-certificate", &["printed"], &[]);
        let number = match request.operation.given.get("application") {
            Some(Fact::Entry(_, number)) => *number,
            _ => usize::MAX,
        };
        let facts = self.facts("application", number);
        let applicants = match facts.get("applicants") {
            Some(Fact::Texts(applicants)) => applicants.clone(),
            _ => Vec::new(),
        };
        let stranger = self.citizen();
        let mut to = self.random.pick(&applicants).unwrap_or(stranger);
        let kinds = ["agent", "handler", "guardian", "heir", "administrator"];
        let proof = self.proof_of(&kinds);
        let given = &mut request.operation.given;
        match (self.random.below(6), proof) {
            (0, _) => to = self.citizen(),
            (1..3, Some((number, facts))) => {
                text(&facts, "agent").clone_into(&mut to);
                given.insert("representations", Fact::Entries("representation", vec![number]));
            }
            _ => {}
        }
        request.operation.given.insert("to", to.into());
        request
    }

    /// Goes on with some application: its next step, by the way that it stands.
    pub(super) fn follow(&mut self, now_ms: u64) -> Option<&'static str> {
        let all = self.model.entries("application").iter().enumerate();
        let live: Vec<usize> = all.filter(|(_, e)| e.live).map(|(number, _)| number).collect();
        let number = self.random.pick(&live)?;
        let facts = self.facts("application", number);
        let fresh =
            matches!(facts.get("applied"), Some(Fact::Moment(ms)) if day_of(*ms) == day_of(now_ms));
        let first = ["accept-application", "accept-application", "ask-correction"];
        let action = match text(&facts, "state") {
            "applied" if fresh => self.random.pick(&first)?,
            "applied" => self.random.pick(&["accept-application", "review-application"])?,
            "correction-asked" => self.random.pick(&[
                "supply-correction",
                "supply-correction",
                "recall-correction",
            ])?,
            "accepted" => "review-application",
            "first-reviewed" => "approve-application",
            "reviewed" => APPLIED_FOR.into_iter().find(|kind| *kind == text(&facts, "kind"))?,
            "registered" => "print-certificate",
            "printed" => "deliver-certificate",
            _ => "archive-application",
        };
        self.case = Some(number);
        if let Some(Fact::Texts(units)) = facts.get("units") {
            self.at = units.first().cloned();
        }
        Some(action)
    }

    /// Names the application that is followed, or now and then some other.
    pub(super) fn name_application(&mut self, request: &mut Request) {
        if !APPLIED_FOR.contains(&request.operation.action) {
            return;
        }
        let number = match self.case {
            Some(number) => number,
            None if self.random.once_in(15) => self.some("application"),
            None => return,
        };
        let application = Fact::Entry("application", number);
        request.operation.given.insert("application", application);
    }
}

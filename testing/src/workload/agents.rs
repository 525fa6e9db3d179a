//! Forms about representation, and who comes in another's place.

use super::Workload;
use super::forms::{ask, text};
use crate::city::Actor;
use crate::model::{Entry, Fact, Facts, Request};

/// Acts in which others may be represented.
const ACTS: [&str; 24] = [
    "acquire",
    "apply-registration",
    "change-easement",
    "change-mortgage",
    "change-name",
    "change-residence",
    "change-right",
    "confirm-claim",
    "deliver-certificate",
    "merge-units",
    "mortgage",
    "query",
    "query-person",
    "register-easement",
    "register-notice",
    "register-objection",
    "register-residence",
    "resurvey-unit",
    "split-unit",
    "transfer",
    "transfer-by-inheritance",
    "transfer-share",
    "verify-unit",
    "waive-right",
];

/// What an heir may do, and one thing that he may not.
const OF_HEIRS: [&[&str]; 4] = [
    &["apply-registration", "deliver-certificate", "query", "query-person"],
    &["query", "query-person", "transfer-by-inheritance", "withdraw-application"],
    &["query", "query-person"],
    &["query", "transfer"],
];

/// Whether an authority names this act, or names none.
fn names(entry: &Entry, action: &str) -> bool {
    let Some(Fact::Texts(acts)) = entry.facts.get("acts") else { return true };
    let named = |wanted: &str| acts.iter().any(|act| act == wanted);
    let buys = matches!(action, "transfer" | "transfer-share") && named("acquire");
    named(action) || buys
}

impl Workload {
    /// The acts that an authority of this kind names.
    fn acts(&mut self, kind: &str) -> Option<Fact> {
        let acts: Vec<String> = match (kind, self.random.below(8)) {
            (_, 0) => return None,
            ("agent", 1) => Vec::new(),
            ("heir", _) => {
                let acts = self.random.pick(&OF_HEIRS).unwrap_or(&[]);
                acts.iter().map(|act| (*act).to_owned()).collect()
            }
            ("guardian" | "administrator", 1..5) => return None,
            (_, 2) => vec!["transfer".to_owned(), "transfer-share".to_owned()],
            _ => ACTS.map(str::to_owned).into(),
        };
        Some(Fact::Texts(acts))
    }

    pub(super) fn representation(&mut self, today: i32) -> Request {
        let kinds = ["agent", "agent", "agent", "handler", "guardian", "heir", "administrator"];
        let kind = self.random.pick(&kinds).unwrap_or("agent");
        let principal = self.citizen();
        let agent = if self.random.once_in(20) { principal.clone() } else { self.citizen() };
        let document = if self.random.once_in(12) { "" } else { "公证委托书" };
        let from = today.saturating_add(self.random.pick(&[0, 0, 0, -5, 2]).unwrap_or(0));
        let mut request = ask(
            Actor::Registrar,
            "register-representation",
            [
                ("kind", kind.into()),
                ("principal", principal.into()),
                ("agent", agent.into()),
                ("document", document.into()),
                ("notarised", self.random.once_in(2).into()),
                ("self_dealing", self.random.once_in(4).into()),
                ("from", Fact::Day(from)),
            ],
        );
        let acts = self.acts(kind);
        let units = vec![self.unit(), self.unit()];
        let given = &mut request.operation.given;
        given.extend(acts.map(|acts| ("acts", acts)));
        if self.random.once_in(6) {
            given.insert("units", Fact::Units(units));
        }
        if kind == "guardian" && !self.random.once_in(3) {
            given.insert("undertaking", "为被监护人利益处分".into());
        }
        // A city of six cannot have many wards for long.
        let days: &[i32] = if kind == "guardian" { &[1, 3, 5, -1] } else { &[2, 9, 30, -1] };
        if kind == "guardian" || self.random.once_in(2) {
            let days = self.random.pick(days).unwrap_or(1);
            given.insert("to", Fact::Day(from.saturating_add(days)));
        }
        if self.random.once_in(2) {
            given.insert("document_digest", Fact::Digest);
        }
        request
    }

    pub(super) fn revocation(&mut self) -> Request {
        let number = self.some("representation");
        let by = self.random.pick(&["principal", "registrar"]).unwrap_or("registrar");
        let reason = if self.random.once_in(6) { "" } else { "任务完成" };
        ask(
            Actor::Registrar,
            "revoke-representation",
            [
                ("representation", Fact::Entry("representation", number)),
                ("revoked_by", by.into()),
                ("reason", reason.into()),
            ],
        )
    }

    /// Names those who come in the place of whom it takes: most guardians, some agents, and now and
    /// then somebody who has no business here.
    pub(super) fn name_agents(&mut self, request: &mut Request, now_ms: u64) {
        let action = request.operation.action;
        if !ACTS.contains(&action) && action != "withdraw-application" {
            return;
        }
        let asked = self.model.asked(request, now_ms);
        let mut named = match request.operation.given.get("representations") {
            Some(Fact::Entries(_, numbers)) => numbers.clone(),
            _ => Vec::new(),
        };
        let count = self.model.entries("representation").len();
        for number in 0..count {
            let Some(entry) = self.model.entries("representation").get(number) else { continue };
            let principal = text(&entry.facts, "principal");
            if !entry.live || !asked.iter().any(|(party, _)| party == principal) {
                continue;
            }
            let guardian = text(&entry.facts, "kind") == "guardian";
            let state = self.model.computed("representation", number, now_ms);
            let good = text(&state, "state") == "effective" && names(entry, action);
            let comes = if guardian { !self.random.once_in(6) } else { self.random.once_in(3) };
            if comes && !named.contains(&number) && (good || self.random.once_in(8)) {
                named.push(number);
            }
        }
        if self.random.once_in(25) {
            named.push(self.some("representation"));
        }
        named.truncate(20);
        if !named.is_empty() {
            let named = Fact::Entries("representation", named);
            request.operation.given.insert("representations", named);
        }
    }

    /// A representation in force of one of these kinds.
    pub(super) fn proof_of(&mut self, kinds: &[&str]) -> Option<(usize, Facts)> {
        let all = self.model.entries("representation").iter().enumerate();
        let fits = |entry: &Entry| entry.live && kinds.contains(&text(&entry.facts, "kind"));
        let all: Vec<usize> = all.filter(|(_, e)| fits(e)).map(|(n, _)| n).collect();
        let number = self.random.pick(&all)?;
        Some((number, self.facts("representation", number)))
    }
}

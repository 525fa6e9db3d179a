//! Forms of queries, of checks of units, and of facilities.

use super::Workload;
use super::forms::{ask, text};
use crate::city::{Actor, CITIZENS};
use crate::model::{Entry, Fact, Facts, Request};

const KINDS: [&str; 9] = [
    "holder",
    "holder",
    "heir",
    "heir",
    "interested-party",
    "state-organ",
    "state-organ",
    "bank",
    "public",
];

impl Workload {
    pub(super) fn query_form(&mut self, action: &'static str, today: i32) -> Request {
        match action {
            "query" => self.query(),
            "query-person" => self.person_query(),
            "verify-unit" => {
                let all = [Actor::Acceptor, Actor::Registrar, Actor::Clerk];
                let by = self.random.pick(&all).unwrap_or(Actor::Clerk);
                ask(by, action, [("unit", self.unit().into())])
            }
            "record-facility" => self.facility(today),
            "change-facility" => self.facility_change(),
            _ => {
                let number = self.some("facility");
                let facility = Fact::Entry("facility", number);
                ask(
                    Actor::Planner,
                    "close-facility",
                    [("facility", facility), ("reason", "停用".into())],
                )
            }
        }
    }

    /// Live rights of a person.
    fn rights_of(&self, person: &str) -> Vec<(usize, Entry)> {
        let all = self.model.entries("right").iter().enumerate();
        let his = |right: &Entry| match right.facts.get("holders") {
            Some(Fact::Holders(holders)) => holders.iter().any(|h| h.subject == person),
            _ => false,
        };
        all.filter(|(_, right)| right.live && his(right)).map(|(n, r)| (n, r.clone())).collect()
    }

    /// What every query states: who asks by whom, and why.
    fn asking(&mut self, action: &'static str, kind: &'static str) -> Request {
        let counter = [Actor::Acceptor, Actor::Examiner, Actor::Registrar];
        let counter = self.random.pick(&counter).unwrap_or(Actor::Acceptor);
        let organs = [Actor::Judge, Actor::OtherJudge, Actor::Officer, counter];
        let by = match kind {
            "state-organ" => self.random.pick(&organs).unwrap_or(counter),
            "bank" => {
                self.random.pick(&[Actor::BankerA, Actor::BankerB, counter]).unwrap_or(counter)
            }
            _ => counter,
        };
        let own = by.member() != "registry" && !self.random.once_in(10);
        let asker = match kind {
            _ if own => by.member().to_owned(),
            "state-organ" => "police".to_owned(),
            "bank" => self.bank().to_owned(),
            _ => self.citizen(),
        };
        let purpose = if self.random.once_in(15) { "" } else { "核实权属" };
        let office = self.random.pick(&["娄星", "双峰"]).unwrap_or("娄星");
        let mut request = ask(
            by,
            action,
            [
                ("asker", asker.into()),
                ("asker_kind", kind.into()),
                ("office", office.into()),
                ("purpose", purpose.into()),
            ],
        );
        let given = &mut request.operation.given;
        if kind == "state-organ" || self.random.once_in(2) {
            let basis = if self.random.once_in(8) { "" } else { "民事诉讼法 253" };
            given.insert("basis", basis.into());
        }
        if kind == "state-organ" && !self.random.once_in(8) {
            given.insert("case_number", "（2026）湘1302执1号".into());
        }
        request
    }

    /// An heir with the proof, or the asker as it is.
    fn as_heir(&mut self, request: &mut Request) -> Option<Facts> {
        let (number, facts) = self.proof_of(&["heir", "administrator", "heir", "agent"])?;
        let given = &mut request.operation.given;
        given.insert("asker", text(&facts, "agent").into());
        if !self.random.once_in(8) {
            let proof = Fact::Entries("representation", vec![number]);
            given.insert("representations", proof);
        }
        Some(facts)
    }

    fn query(&mut self) -> Request {
        let kind = self.random.pick(&KINDS).unwrap_or("public");
        let mut unit = self.unit();
        let mut request = self.asking("query", kind);
        match kind {
            "holder" => {
                let owner = self.owner(&unit);
                request.operation.given.insert("asker", owner.into());
            }
            "heir" => {
                let facts = self.as_heir(&mut request).unwrap_or_default();
                let rights = self.rights_of(text(&facts, "principal"));
                if let Some((_, right)) = self.random.pick(&rights) {
                    text(&right.facts, "unit").clone_into(&mut unit);
                }
            }
            "state-organ" => {
                let needs: &[&str] = match self.random.below(5) {
                    0 => &[],
                    1 => &["holders"],
                    2 => &["mortgages", "seals"],
                    _ => &["holders", "mortgages", "seals"],
                };
                let needs = needs.iter().map(|need| (*need).to_owned()).collect();
                request.operation.given.insert("needs", Fact::Texts(needs));
            }
            "interested-party" => {
                let all = ["contract", "lawsuit", "intended-purchase"];
                let interest = self.random.pick(&all).unwrap_or("contract");
                if !self.random.once_in(5) {
                    request.operation.given.insert("interest", interest.into());
                }
            }
            _ => {}
        }
        request.operation.given.insert("unit", unit.into());
        request
    }

    fn person_query(&mut self) -> Request {
        let kind = self.random.pick(&KINDS).unwrap_or("holder");
        let mut request = self.asking("query-person", kind);
        let mut person = self.random.pick(&CITIZENS).unwrap_or("测试甲").to_owned();
        if kind == "holder" && !self.random.once_in(6) {
            request.operation.given.insert("asker", person.as_str().into());
        }
        if kind == "heir" {
            let facts = self.as_heir(&mut request).unwrap_or_default();
            if !facts.is_empty() {
                text(&facts, "principal").clone_into(&mut person);
            }
        }
        let mut rights: Vec<usize> = self.rights_of(&person).into_iter().map(|(n, _)| n).collect();
        rights.truncate(4);
        if self.random.once_in(10) {
            rights.push(self.some("right"));
        }
        let given = &mut request.operation.given;
        given.insert("person", person.into());
        given.insert("rights", Fact::Entries("right", rights));
        request
    }

    fn parcels(&mut self) -> Fact {
        let all = [
            "431302001002GB00001",
            "431302001002GB00002",
            "431302001002GB00003",
            "431302001002KB00001",
            "431302001002",
        ];
        let count = self.random.below(3);
        let parcels = (0..count).filter_map(|_| self.random.pick(&all));
        Fact::Texts(parcels.map(str::to_owned).collect())
    }

    fn facility(&mut self, today: i32) -> Request {
        let kind = self.random.pick(&["school", "metro", "park", "other"]).unwrap_or("other");
        let mut request = ask(
            Actor::Planner,
            "record-facility",
            [
                ("kind", kind.into()),
                ("name", "第一小学".into()),
                ("district", "娄星区".into()),
                ("location", "娄星区测试路".into()),
                ("parcels", self.parcels()),
                ("source", "控制性详细规划".into()),
            ],
        );
        if self.random.once_in(2) {
            request.operation.given.insert("opened", Fact::Day(today));
        }
        request
    }

    fn facility_change(&mut self) -> Request {
        let number = self.some("facility");
        let mut request = ask(
            Actor::Planner,
            "change-facility",
            [("facility", Fact::Entry("facility", number)), ("source", "规划修改".into())],
        );
        let parcels = self.parcels();
        let given = &mut request.operation.given;
        match self.random.below(3) {
            0 => given.insert("name", "第二小学".into()),
            1 => given.insert("location", "娄星区新路".into()),
            _ => given.insert("parcels", parcels),
        };
        request
    }
}

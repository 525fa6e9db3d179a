//! Forms about seals, holds, notices, objections, burdens, certificates and corrections.

use super::Workload;
use super::forms::{ask, text};
use crate::city::Actor;
use crate::model::{Fact, Facts, Holder, Request, day_of};

const HOUR: u64 = 3_600_000;

impl Workload {
    pub(super) fn entry_form(&mut self, action: &'static str, now_ms: u64) -> Request {
        let today = day_of(now_ms);
        match action {
            "hold" => self.hold(now_ms),
            "end-hold" => self.ended("end-hold", "hold", &[("reason", "解除")]),
            "seal" => self.seal(now_ms),
            "unseal" => self.of_court("unseal", Facts::new()),
            "renew-seal" => self.renewal(),
            "register-objection" => self.objection(),
            "file-lawsuit" => self.lawsuit(),
            "end-objection" => {
                self.with_cause("end-objection", "objection", &["withdrawn", "dismissed", "lapsed"])
            }
            "register-notice" => self.notice(today),
            "mark-registrable" => self.registrable(today),
            "end-notice" => {
                self.with_cause("end-notice", "notice", &["waived", "claim_ended", "lapsed"])
            }
            "register-residence" => self.residence(today),
            "change-residence" => self.burden_change("change-residence", "residence", today),
            "end-residence" => {
                let causes = ["term", "death", "waived", "judgment"];
                self.with_cause("end-residence", "residence", &causes)
            }
            "register-easement" => self.easement(today),
            "change-easement" => self.burden_change("change-easement", "easement", today),
            "end-easement" => {
                let causes = ["term", "waived", "abuse", "judgment"];
                self.with_cause("end-easement", "easement", &causes)
            }
            "issue-certificate" => self.certificate(),
            "void-certificate" => {
                self.ended("void-certificate", "certificate", &[("reason", "遗失")])
            }
            "record-sale" => self.sale(today),
            "register-representation" => self.representation(today),
            "revoke-representation" => self.revocation(),
            "query" | "query-person" | "verify-unit" | "record-facility" | "change-facility"
            | "close-facility" => self.query_form(action, today),
            other if other.starts_with("correct-") => self.correction(other, today),
            other => self.application_form(other),
        }
    }

    /// A time of service, mostly past.
    pub(super) fn served(&mut self, now_ms: u64) -> Fact {
        if self.random.once_in(15) {
            return Fact::Time(now_ms.saturating_add(1));
        }
        let hours = self.random.pick(&[1, 1, 2, 5, 30, 100]).unwrap_or(1);
        Fact::Time(now_ms.saturating_sub(HOUR.saturating_mul(hours)))
    }

    fn court(&mut self) -> Actor {
        if self.random.once_in(3) { Actor::OtherJudge } else { Actor::Judge }
    }

    fn hold(&mut self, now_ms: u64) -> Request {
        let unit = self.unit();
        let served = self.served(now_ms);
        let authority = self.court().member();
        let mut request = ask(
            Actor::Registrar,
            "hold",
            [
                ("unit", unit.into()),
                ("authority", authority.into()),
                ("document", "（2026）湘1302执1号".into()),
                ("served", served.clone()),
            ],
        );
        if let (true, Fact::Time(served)) = (self.random.once_in(2), served) {
            let hours = self.random.pick(&[0, 3, 12, 72]).unwrap_or(3);
            let until = served.saturating_add(HOUR.saturating_mul(hours));
            request.operation.given.insert("until", Fact::Time(until));
        }
        request
    }

    /// Ends an entry, with a text that is missing now and then.
    fn ended(
        &mut self,
        action: &'static str,
        register: &'static str,
        texts: &[(&'static str, &str)],
    ) -> Request {
        let number = self.some(register);
        let mut request =
            ask(Actor::Registrar, action, [(register, Fact::Entry(register, number))]);
        for (name, text) in texts {
            let text = if self.random.once_in(6) { "" } else { text };
            request.operation.given.insert(name, text.into());
        }
        request
    }

    fn with_cause(
        &mut self,
        action: &'static str,
        register: &'static str,
        causes: &[&'static str],
    ) -> Request {
        let number = self.some(register);
        let cause = self.random.pick(causes).unwrap_or_default();
        let mut request = ask(
            Actor::Registrar,
            action,
            [
                (register, Fact::Entry(register, number)),
                ("cause", cause.into()),
                ("basis", "注销申请".into()),
            ],
        );
        if register != "objection" && self.random.once_in(2) {
            request.operation.given.insert("basis_digest", Fact::Digest);
        }
        request
    }

    fn seal(&mut self, now_ms: u64) -> Request {
        let mut unit = self.unit();
        let sealed = self.some("seal");
        let sealed = self.facts("seal", sealed);
        if self.random.once_in(3) && !sealed.is_empty() {
            unit = text(&sealed, "unit").to_owned();
        }
        let today = day_of(now_ms);
        let days = self.random.pick(&[0, 3, 10, 29, 30, 59, 1_096, 1_097, -1]).unwrap_or(0);
        let from = today.saturating_add(self.random.pick(&[0, 0, 0, 0, -2, -20, 1]).unwrap_or(0));
        let notice = self.some("notice");
        let notice = self.facts("notice", notice);
        let mut request = ask(
            self.court(),
            "seal",
            [
                ("document", "（2026）湘1302执1号".into()),
                ("served", self.served(now_ms)),
                ("from", Fact::Day(from)),
                ("to", Fact::Day(from.saturating_add(days))),
            ],
        );
        let debtor = match self.random.below(4) {
            0 => Some(self.owner(&unit)),
            1 if !notice.is_empty() => {
                unit = text(&notice, "unit").to_owned();
                Some(text(&notice, "holder").to_owned())
            }
            _ => None,
        };
        let given = &mut request.operation.given;
        given.insert("unit", unit.into());
        if let Some(debtor) = debtor {
            given.insert("debtor", debtor.into());
        }
        if self.random.once_in(6) {
            given.insert("remote", true.into());
            given.insert("second_officer", "测试戊".into());
            given.insert("documents", Fact::Papers(1));
            match self.random.below(4) {
                0 => drop(given.remove("second_officer")),
                1 => drop(given.remove("documents")),
                _ => {}
            }
        }
        request
    }

    /// Something about a seal, mostly by the court that sealed.
    fn of_court(&mut self, action: &'static str, more: Facts) -> Request {
        let seal = self.some("seal");
        let own = match text(&self.facts("seal", seal), "authority") {
            "court-2" => Actor::OtherJudge,
            _ => Actor::Judge,
        };
        let by = if self.random.once_in(8) { self.court() } else { own };
        let mut request =
            ask(by, action, [("seal", Fact::Entry("seal", seal)), ("document", "解封".into())]);
        request.operation.given.extend(more);
        request
    }

    fn renewal(&mut self) -> Request {
        let mut request = self.of_court("renew-seal", Facts::new());
        let seal = request.operation.given.get("seal");
        let number = if let Some(Fact::Entry(_, number)) = seal { *number } else { usize::MAX };
        let last = match self.facts("seal", number).get("to") {
            Some(Fact::Day(day)) => *day,
            _ => 20_000,
        };
        let days = self.random.pick(&[1, 30, 31, 365, 1_096, 1_097, 0]).unwrap_or(1);
        request.operation.given.insert("to", Fact::Day(last.saturating_add(days)));
        request
    }

    fn objection(&mut self) -> Request {
        let unit = self.unit();
        let matter = self.random.pick(&["登记错误", "登记错误", "另有约定"]).unwrap_or_default();
        ask(
            Actor::Registrar,
            "register-objection",
            [
                ("unit", unit.into()),
                ("applicant", self.citizen().into()),
                ("matter", matter.into()),
            ],
        )
    }

    fn lawsuit(&mut self) -> Request {
        let number = self.some("objection");
        ask(
            Actor::Registrar,
            "file-lawsuit",
            [
                ("objection", Fact::Entry("objection", number)),
                ("lawsuit", "（2026）湘1302民初1号".into()),
                ("lawsuit_digest", Fact::Digest),
            ],
        )
    }

    fn notice(&mut self, today: i32) -> Request {
        let unit = self.unit();
        let kinds = ["pre_purchase", "transfer", "transfer", "mortgage"];
        let kind = self.random.pick(&kinds).unwrap_or("transfer");
        let holder = match kind {
            "mortgage" => self.bank().to_owned(),
            _ => self.citizen(),
        };
        let price = if self.random.once_in(30) { -1 } else { 1_000 };
        let mut request = ask(
            Actor::Registrar,
            "register-notice",
            [
                ("unit", unit.as_str().into()),
                ("kind", kind.into()),
                ("holder", holder.into()),
                ("obligor", self.owner(&unit).into()),
                ("price", Fact::Money(price)),
                ("basis", "预售合同".into()),
            ],
        );
        if self.random.once_in(3) {
            let day = today.saturating_sub(self.random.pick(&[0, 60, 85]).unwrap_or(0));
            request.operation.given.insert("registrable", Fact::Day(day));
        }
        request
    }

    fn registrable(&mut self, today: i32) -> Request {
        let number = self.some("notice");
        let days = self.random.pick(&[1, 0, -50, -88]).unwrap_or(0);
        ask(
            Actor::Registrar,
            "mark-registrable",
            [
                ("notice", Fact::Entry("notice", number)),
                ("registrable", Fact::Day(today.saturating_add(days))),
            ],
        )
    }

    fn residence(&mut self, today: i32) -> Request {
        let unit = self.unit();
        let from = today.saturating_add(self.random.pick(&[0, 0, 3]).unwrap_or(0));
        let mut request = ask(
            Actor::Registrar,
            "register-residence",
            [
                ("unit", unit.into()),
                ("person", self.citizen().into()),
                ("conditions", "无偿".into()),
                ("from", Fact::Day(from)),
                ("basis", "居住权合同".into()),
            ],
        );
        let given = &mut request.operation.given;
        if self.random.once_in(2) {
            let days = self.random.pick(&[5, 30, -1]).unwrap_or(5);
            given.insert("to", Fact::Day(from.saturating_add(days)));
        }
        if self.random.once_in(4) {
            given.insert("will_digest", Fact::Digest);
        }
        request
    }

    fn easement(&mut self, today: i32) -> Request {
        let unit = self.unit();
        let dominant = if self.random.once_in(10) { unit.clone() } else { self.unit() };
        let from = today.saturating_add(self.random.pick(&[0, 0, 3]).unwrap_or(0));
        let days = self.random.pick(&[5, 50, 500, -1]).unwrap_or(5);
        ask(
            Actor::Registrar,
            "register-easement",
            [
                ("unit", unit.into()),
                ("dominant", dominant.into()),
                ("content", "通行".into()),
                ("from", Fact::Day(from)),
                ("to", Fact::Day(from.saturating_add(days))),
                ("basis", "地役权合同".into()),
            ],
        )
    }

    fn burden_change(
        &mut self,
        action: &'static str,
        register: &'static str,
        today: i32,
    ) -> Request {
        let number = self.some(register);
        let mut request = ask(
            Actor::Registrar,
            action,
            [(register, Fact::Entry(register, number)), ("basis", "变更协议".into())],
        );
        let given = &mut request.operation.given;
        if self.random.once_in(2) {
            let days = self.random.pick(&[0, 1, 10, 100, -40]).unwrap_or(10);
            given.insert("to", Fact::Day(today.saturating_add(days)));
        } else {
            let words = if register == "easement" { "content" } else { "conditions" };
            given.insert(words, "变更后".into());
        }
        request
    }

    fn certificate(&mut self) -> Request {
        let all = ["right", "right", "mortgage", "notice", "objection", "easement", "residence"];
        let mut request = ask(Actor::Registrar, "issue-certificate", []);
        for _ in 0..self.random.pick(&[1, 1, 1, 1, 2, 0]).unwrap_or(1) {
            let register = self.random.pick(&all).unwrap_or("right");
            let number = self.some(register);
            request.operation.given.insert(register, Fact::Entry(register, number));
        }
        request
    }

    fn sale(&mut self, today: i32) -> Request {
        let unit = self.unit();
        self.made = self.made.saturating_add(1);
        let late = i32::from(self.random.once_in(8));
        let number = if self.random.once_in(5) { 1 } else { self.made };
        let by = self.random.pick(&[Actor::Clerk, Actor::Importer]).unwrap_or(Actor::Clerk);
        ask(
            by,
            "record-sale",
            [
                ("number", format!("sale-{number}").into()),
                ("unit", unit.into()),
                ("date", Fact::Day(today.saturating_add(late))),
                ("price", Fact::Money(5_000)),
                ("currency", "CNY".into()),
            ],
        )
    }

    /// The version to name, a reason and a legal basis; each wrong now and then.
    fn correction(&mut self, action: &'static str, today: i32) -> Request {
        let register: &'static str = match action {
            "correct-unit" => "unit",
            "correct-right" => "right",
            "correct-mortgage" => "mortgage",
            "correct-seal" => "seal",
            "correct-notice" => "notice",
            "correct-objection" => "objection",
            "correct-residence" => "residence",
            _ => "easement",
        };
        let number = self.some(register);
        let entry = self.model.entries(register).get(number).cloned();
        let version = entry.as_ref().map_or(1, |entry| entry.version);
        let version = i64::try_from(version).unwrap_or(i64::MAX);
        let off = self.random.pick(&[0, 0, 0, 0, 0, 0, 1, -1]).unwrap_or(0);
        let reason = self.random.pick(&["录入错误", "录入错误", "录入错误", "录入错误", "", " "]);
        let basis = self.random.pick(&["民法典 220", "民法典 220", "民法典 220", ""]);
        let facts = entry.map(|entry| entry.facts).unwrap_or_default();
        let mut request = ask(
            Actor::Registrar,
            action,
            [
                ("version", Fact::Int(version.saturating_add(off))),
                ("reason", reason.unwrap_or_default().into()),
                ("legal_basis", basis.unwrap_or_default().into()),
            ],
        );
        let named = match register {
            "unit" if facts.is_empty() => "no-such-unit".into(),
            "unit" => text(&facts, "number").into(),
            _ => Fact::Entry(register, number),
        };
        request.operation.given.insert(register, named);
        let right = self.right_facts(register, &facts, today);
        request.operation.given.extend(right);
        request
    }

    /// What is right instead, or what stands there already.
    fn right_facts(&mut self, register: &str, facts: &Facts, today: i32) -> Facts {
        let same = self.random.once_in(6);
        let n = self.random.below(1_000);
        let near = today.saturating_add(self.random.pick(&[-10, -1, 0, 1, 5, 60]).unwrap_or(0));
        let words = |name: &'static str| (name, format!("更正后{n}").into());
        let (name, fact) = match register {
            "unit" if self.random.once_in(3) => ("quality", Fact::Texts(Vec::new())),
            "unit" => words("location"),
            "mortgage" => match n.checked_rem(4) {
                Some(0) => ("rank", Fact::Int(1)),
                Some(1) => ("rank", Fact::Int(7)),
                Some(2) => ("transfer_banned", self.random.once_in(4).into()),
                _ => words("basis"),
            },
            "seal" if facts.contains_key("waited") && n < 500 => ("confirmed", true.into()),
            "seal" => match n.checked_rem(5) {
                Some(0) => ("from", Fact::Day(near)),
                Some(1) => ("to", Fact::Day(near)),
                _ => words("document"),
            },
            "notice" => ("price", Fact::Money(i64::try_from(n).unwrap_or(1))),
            "objection" => words("matter"),
            "residence" if n < 300 => ("from", Fact::Day(near)),
            "residence" => words("conditions"),
            "right" => return self.right_title(facts, same),
            _ if n < 300 => ("to", Fact::Day(near)),
            _ => words("content"),
        };
        let fact = if same { facts.get(name).cloned().unwrap_or(fact) } else { fact };
        Facts::from([(name, fact)])
    }

    fn right_title(&mut self, facts: &Facts, same: bool) -> Facts {
        let mut right = Facts::from([
            ("holders", facts.get("holders").cloned().unwrap_or(Fact::Holders(Vec::new()))),
            ("basis", facts.get("basis").cloned().unwrap_or("合同".into())),
        ]);
        if let (false, Some(Fact::Holders(holders))) = (same, right.get_mut("holders")) {
            let other = self.citizen();
            if let Some(first) = holders.first_mut() {
                first.subject.clone_from(&other);
            }
            match self.random.below(8) {
                0 => holders.push(Holder { subject: other, n: 1, d: 1 }),
                1 => drop(right.insert("co_ownership", "single".into())),
                2 => drop(right.insert("co_ownership", "shares".into())),
                3 => drop(right.insert("co_ownership", "joint".into())),
                _ => {}
            }
        }
        right
    }
}

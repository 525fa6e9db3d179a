//! Forms about units, titles and mortgages, filled in well or badly.

use super::Workload;
use crate::city::{Actor, CITIZENS};
use crate::model::{Fact, Facts, Holder, Operation, Request, day_of};

/// A request without mandates.
pub(super) fn ask<const N: usize>(
    by: Actor,
    action: &'static str,
    given: [(&'static str, Fact); N],
) -> Request {
    Request { by, operation: Operation::new(action, given), mandates: Vec::new() }
}

pub(super) fn text<'a>(facts: &'a Facts, name: &str) -> &'a str {
    if let Some(Fact::Text(text)) = facts.get(name) { text } else { "" }
}

fn greatest_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a.max(1) } else { greatest_divisor(b, a.checked_rem(b).unwrap_or(0)) }
}

/// The sum of two shares, in lowest terms.
fn plus(a: &Holder, b: &Holder) -> (i64, i64) {
    let n = a.n.saturating_mul(b.d).saturating_add(b.n.saturating_mul(a.d));
    let d = a.d.saturating_mul(b.d);
    let common = greatest_divisor(n, d);
    (n.checked_div(common).unwrap_or(n), d.checked_div(common).unwrap_or(d))
}

impl Workload {
    /// A form of this action.
    pub(super) fn form(&mut self, action: &'static str, now_ms: u64) -> Request {
        let today = day_of(now_ms);
        match action {
            "first-registration" => self.registration(today),
            "import-unit" => self.import(),
            "record-generation" => self.generation(now_ms),
            "migrate-unit" => self.migration(),
            "migrate-seal" => self.old_seal(now_ms),
            "split-unit" => self.split(),
            "merge-units" => self.merger(),
            "resurvey-unit" => self.resurvey(),
            "transfer" => self.transfer(),
            "transfer-share" => self.share_transfer(),
            "transfer-by-inheritance" => self.inheritance(),
            "transfer-by-judgment" => self.judgment(now_ms),
            "change-name" => self.renaming(),
            "change-right" => self.right_change(today),
            "waive-right" => self.waiver(),
            "mortgage" => self.mortgage(today),
            "change-mortgage" => self.mortgage_change(today),
            "transfer-mortgage" => self.mortgage_transfer(),
            "confirm-claim" => self.claim(today),
            "release" => self.release(),
            other => self.entry_form(other, now_ms),
        }
    }

    /// A unit that mostly is there.
    pub(super) fn unit(&mut self) -> String {
        let dead = self.random.once_in(15);
        if let (Some(unit), false) = (self.at.clone(), self.random.once_in(20)) {
            return unit;
        }
        let units = self.model.entries("unit").iter().filter(|unit| dead || unit.live);
        let units: Vec<String> = units.map(|u| text(&u.facts, "number").to_owned()).collect();
        if self.random.once_in(25) {
            return "no-such-unit".to_owned();
        }
        self.random.pick(&units).unwrap_or_else(|| "no-such-unit".to_owned())
    }

    /// An entry that mostly is there and in force.
    pub(super) fn some(&mut self, register: &'static str) -> usize {
        let dead = self.random.once_in(12);
        let all = self.model.entries(register).iter().enumerate();
        let all: Vec<usize> = all.filter(|(_, e)| dead || e.live).map(|(n, _)| n).collect();
        let here = |number: &usize| {
            let facts = self.model.entries(register).get(*number).map(|entry| &entry.facts);
            let name = if register == "unit" { "number" } else { "unit" };
            self.at.is_some() && facts.map(|facts| text(facts, name)) == self.at.as_deref()
        };
        let near: Vec<usize> = all.iter().copied().filter(here).collect();
        if let Some(number) = self.random.pick(&near) {
            return number;
        }
        if self.random.once_in(25) {
            return usize::MAX;
        }
        self.random.pick(&all).unwrap_or(usize::MAX)
    }

    pub(super) fn facts(&self, register: &str, number: usize) -> Facts {
        let entry = self.model.entries(register).get(number);
        entry.map(|entry| entry.facts.clone()).unwrap_or_default()
    }

    pub(super) fn citizen(&mut self) -> String {
        self.random.pick(&CITIZENS).unwrap_or("测试甲").to_owned()
    }

    pub(super) fn title(&self, unit: &str) -> Facts {
        let rights = self.model.entries("right").iter();
        let mut here = rights.filter(|right| right.live && text(&right.facts, "unit") == unit);
        here.next().map(|right| right.facts.clone()).unwrap_or_default()
    }

    pub(super) fn owners(&self, unit: &str) -> Vec<Holder> {
        match self.title(unit).get("holders") {
            Some(Fact::Holders(holders)) => holders.clone(),
            _ => Vec::new(),
        }
    }

    /// One of the holders, mostly.
    pub(super) fn owner(&mut self, unit: &str) -> String {
        let owners = self.owners(unit);
        let stranger = self.citizen();
        if self.random.once_in(8) {
            return stranger;
        }
        self.random.pick(&owners).map_or(stranger, |owner| owner.subject)
    }

    fn holders(&mut self) -> Vec<Holder> {
        let first = self.random.below(CITIZENS.len());
        let holder = |i: usize, n: i64, d: i64| Holder {
            subject: CITIZENS
                .get(first.saturating_add(i).checked_rem(CITIZENS.len()).unwrap_or(0))
                .map_or_else(String::new, |name| (*name).to_owned()),
            n,
            d,
        };
        match self.random.below(30) {
            0 => vec![holder(0, 1, 2), holder(1, 1, 3)],
            1 => vec![holder(0, 1, 2), holder(0, 1, 2)],
            2 => vec![holder(0, 0, 1)],
            3 => Vec::new(),
            4..10 => vec![holder(0, 1, 2), holder(1, 2, 4)],
            10..13 => vec![holder(0, 1, 3), holder(1, 1, 3), holder(2, 2, 6)],
            13..16 => vec![holder(0, 1, 1), holder(1, 1, 1)],
            _ => vec![holder(0, 1, 1)],
        }
    }

    /// States the kind of co-ownership, rightly or not; joint owners mostly do.
    fn state_kind(&mut self, request: &mut Request, holders: &[Holder]) {
        let joint = holders.len() > 1 && holders.iter().all(|h| h.n == h.d);
        let kind = match self.random.below(12) {
            0 => "single",
            1 => "shares",
            2 => "joint",
            _ if joint => "joint",
            _ => return,
        };
        request.operation.given.insert("co_ownership", kind.into());
    }

    /// A new number of its kind, now and then a wrong or a used one.
    pub(super) fn new_number(&mut self) -> (Fact, Fact) {
        self.made = self.made.saturating_add(1);
        let made = self.made;
        let used = self.unit();
        let standard = |number: String| (Fact::Text(number), "gbt37346".into());
        match self.random.below(24) {
            0 => standard(format!("431302001002GB{made:05}F00000001")),
            1 => standard(format!("431302001002KB{made:05}F00010001")),
            2 => (String::new().into(), "other".into()),
            3..5 => (format!("other-{made}").into(), "other".into()),
            5 => standard(used),
            6 => (used.into(), "other".into()),
            7..10 => standard(format!("431302001002GB{made:05}W00000000")),
            _ => standard(format!("431302001002GB{made:05}F00010001")),
        }
    }

    fn location(&mut self) -> Fact {
        let made = self.made;
        if self.random.once_in(40) {
            return "路".repeat(301).into();
        }
        format!("娄星区测试路{made}号").into()
    }

    fn registration(&mut self, today: i32) -> Request {
        let (mut number, mut kind) = self.new_number();
        if let (Some(_), Some(unit)) = (self.case, self.at.clone()) {
            (number, kind) = (unit.into(), "gbt37346".into());
        }
        let bare = matches!(&number, Fact::Text(number) if number.ends_with("W00000000"));
        let holders = self.holders();
        let mut request = ask(
            Actor::Registrar,
            "first-registration",
            [
                ("number", number),
                ("number_kind", kind),
                ("location", self.location()),
                ("holders", holders.clone().into()),
                ("basis", "合同".into()),
            ],
        );
        self.state_kind(&mut request, &holders);
        let given = &mut request.operation.given;
        if bare || self.random.once_in(30) {
            let years = self.random.pick(&[40, 60, 900, -1]).unwrap_or(40);
            given.insert("right_kind", "land_use".into());
            given.insert("use_from", Fact::Day(today));
            given.insert("use_to", Fact::Day(today.saturating_add(years)));
        }
        if !bare && self.random.once_in(4) {
            self.build_on_land(&mut request);
        }
        request
    }

    /// The house stands on land that is registered alone, mostly of the same holders.
    fn build_on_land(&mut self, request: &mut Request) {
        let titles = self.model.entries("right").iter();
        let alone = titles.filter(|right| right.live && text(&right.facts, "kind") == "land_use");
        let lands: Vec<String> = alone.map(|r| text(&r.facts, "unit").to_owned()).collect();
        let other = self.unit();
        let land = match self.random.once_in(12) {
            true => other,
            false => self.random.pick(&lands).unwrap_or(other),
        };
        let owners = self.owners(&land);
        if !owners.is_empty() && !self.random.once_in(4) {
            request.operation.given.insert("holders", owners.into());
            request.operation.given.remove("co_ownership");
        }
        request.operation.given.insert("land", land.into());
    }

    pub(super) fn import(&mut self) -> Request {
        let (number, kind) = self.new_number();
        let flags: &[&str] = match self.random.below(9) {
            0 => &["area-unverified"],
            1 => &["holders-unverified", "area-unverified"],
            2 => &["use-unknown"],
            3 => &["shares-not-whole"],
            4 => &["two-owners"],
            5 => &["waiting-seal-alone"],
            _ => &[],
        };
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let mut request = ask(
            Actor::Importer,
            "import-unit",
            [
                ("number", number),
                ("number_kind", kind),
                ("location", self.location()),
                ("use", "住宅".into()),
                ("holders", self.holders().into()),
                ("basis", "旧系统".into()),
                ("source", "旧系统".into()),
            ],
        );
        if self.random.once_in(2) {
            request.operation.given.insert("quality", Fact::Texts(flags));
        }
        request
    }

    fn split(&mut self) -> Request {
        let unit = self.unit();
        let mut parts = Vec::new();
        let mut kinds = Vec::new();
        for _ in 0..self.random.pick(&[2, 2, 2, 3, 1]).unwrap_or(2) {
            let (number, kind) = self.new_number();
            if let Fact::Text(number) = number {
                parts.push((number, "分割后".to_owned()));
                kinds.push(kind);
            }
        }
        let mixed = kinds.first().is_some_and(|first| kinds.iter().any(|kind| kind != first));
        let kind = if mixed { "other".into() } else { kinds.pop().unwrap_or("other".into()) };
        ask(
            Actor::Registrar,
            "split-unit",
            [
                ("unit", unit.into()),
                ("number_kind", kind),
                ("into", Fact::Parts(parts)),
                ("basis", "分割协议".into()),
            ],
        )
    }

    /// Mostly of units of the same holders.
    pub(super) fn mergeable(&mut self) -> Vec<String> {
        let first = self.unit();
        let owners = self.owners(&first);
        let alike = |unit: &crate::model::Entry| {
            let number = text(&unit.facts, "number");
            unit.live && number != first && self.owners(number) == owners
        };
        let units = self.model.entries("unit").iter().filter(|unit| alike(unit));
        let others: Vec<String> = units.map(|u| text(&u.facts, "number").to_owned()).collect();
        let other = match self.random.once_in(5) {
            true => None,
            false => self.random.pick(&others),
        };
        let second = other.unwrap_or_else(|| self.unit());
        vec![first, second]
    }

    fn merger(&mut self) -> Request {
        let mut units = match self.case.map(|number| self.facts("application", number)) {
            Some(facts) => match facts.get("units") {
                Some(Fact::Texts(units)) => units.clone(),
                _ => Vec::new(),
            },
            None => self.mergeable(),
        };
        match self.random.below(12) {
            0 => units.truncate(1),
            1 => units.extend(units.first().cloned()),
            _ => {}
        }
        let (number, kind) = self.new_number();
        ask(
            Actor::Registrar,
            "merge-units",
            [
                ("units", Fact::Units(units)),
                ("number", number),
                ("number_kind", kind),
                ("location", self.location()),
                ("basis", "合并申请".into()),
            ],
        )
    }

    fn resurvey(&mut self) -> Request {
        let unit = self.unit();
        let (number, kind) = self.new_number();
        ask(
            Actor::Registrar,
            "resurvey-unit",
            [
                ("unit", unit.into()),
                ("number", number),
                ("number_kind", kind),
                ("location", self.location()),
                ("use", "住宅".into()),
                ("basis", "测绘成果".into()),
            ],
        )
    }

    fn transfer(&mut self) -> Request {
        let unit = self.unit();
        let mut to = self.holders();
        // Now and then to whom a notice protects, or against whom a pre-seal is.
        let notice = self.some("notice");
        let notice = self.facts("notice", notice);
        let mut unit = unit;
        if self.random.once_in(4) && text(&notice, "kind") == "transfer" {
            unit = text(&notice, "unit").to_owned();
            to = vec![Holder { subject: text(&notice, "holder").to_owned(), n: 1, d: 1 }];
        }
        let mut request = ask(
            Actor::Registrar,
            "transfer",
            [
                ("unit", unit.into()),
                ("to", to.clone().into()),
                ("basis", "买卖合同".into()),
                ("deal", Fact::Digest),
            ],
        );
        self.state_kind(&mut request, &to);
        if self.random.once_in(6) {
            request.operation.given.insert("ban_lifted", true.into());
        }
        request
    }

    /// `from` gives its share, or half of it, to `to`.
    fn passed(&mut self, holders: &[Holder], from: &str, to: &str) -> Vec<Holder> {
        let half = self.random.once_in(4);
        let mut after: Vec<Holder> = holders.to_vec();
        let Some(giver) = holders.iter().find(|holder| holder.subject == from) else {
            return after;
        };
        let mut gift = Holder { subject: to.to_owned(), ..giver.clone() };
        after.retain(|holder| holder.subject != from);
        if half {
            gift.d = gift.d.saturating_mul(2);
            after.push(Holder { subject: from.to_owned(), ..gift.clone() });
        }
        match after.iter_mut().find(|holder| holder.subject == to) {
            Some(holder) => (holder.n, holder.d) = plus(holder, &gift),
            None => after.push(gift),
        }
        after
    }

    fn share_transfer(&mut self) -> Request {
        let unit = self.unit();
        let seller = self.owner(&unit);
        let buyer = self.citizen();
        let mut holders = self.passed(&self.owners(&unit), &seller, &buyer);
        if self.random.once_in(10) {
            holders = self.holders();
        }
        let mut request = ask(
            Actor::Registrar,
            "transfer-share",
            [
                ("unit", unit.into()),
                ("seller", seller.into()),
                ("holders", holders.into()),
                ("basis", "份额转让合同".into()),
            ],
        );
        if !self.random.once_in(5) {
            request.operation.given.insert("preemption_digest", Fact::Digest);
        }
        request
    }

    fn inheritance(&mut self) -> Request {
        let unit = self.unit();
        let deceased = self.owner(&unit);
        let heir = self.citizen();
        let mut holders = self.passed(&self.owners(&unit), &deceased, &heir);
        if text(&self.title(&unit), "co_ownership") == "joint" {
            for holder in &mut holders {
                (holder.n, holder.d) = (1, 1);
            }
        }
        let cause = self.random.pick(&["inheritance", "bequest"]).unwrap_or("bequest");
        let mut request = ask(
            Actor::Registrar,
            "transfer-by-inheritance",
            [
                ("unit", unit.into()),
                ("deceased", deceased.into()),
                ("cause", cause.into()),
                ("holders", holders.clone().into()),
                ("basis", "公证书".into()),
                ("basis_digest", Fact::Digest),
            ],
        );
        self.state_kind(&mut request, &holders);
        request
    }

    fn judgment(&mut self, now_ms: u64) -> Request {
        let mut unit = self.unit();
        let seal = self.some("seal");
        let seal = self.facts("seal", seal);
        if self.random.once_in(2) && !seal.is_empty() {
            unit = text(&seal, "unit").to_owned();
        }
        let to = self.holders();
        let mut request = ask(
            Actor::Registrar,
            "transfer-by-judgment",
            [
                ("unit", unit.into()),
                ("to", to.clone().into()),
                ("document", "（2026）湘1302执9号".into()),
                ("document_digest", Fact::Digest),
                ("served", self.served(now_ms)),
            ],
        );
        self.state_kind(&mut request, &to);
        let given = &mut request.operation.given;
        if !self.random.once_in(3) {
            let court = self.random.pick(&["court", "court", "court-2"]).unwrap_or("court");
            given.insert("court", court.into());
        }
        if self.random.once_in(3) {
            given.insert("ends_mortgages", true.into());
        }
        request
    }

    fn renaming(&mut self) -> Request {
        let unit = self.unit();
        let old = self.owner(&unit);
        ask(
            Actor::Registrar,
            "change-name",
            [
                ("unit", unit.into()),
                ("old", old.into()),
                ("new", self.citizen().into()),
                ("basis", "更名证明".into()),
                ("basis_digest", Fact::Digest),
            ],
        )
    }

    fn right_change(&mut self, today: i32) -> Request {
        let unit = self.unit();
        let mut holders = self.owners(&unit);
        let joint = self.random.once_in(2);
        let count = i64::try_from(holders.len()).unwrap_or(1);
        for holder in &mut holders {
            (holder.n, holder.d) = (1, if joint { 1 } else { count });
        }
        if self.random.once_in(10) {
            holders = self.holders();
        }
        let kind = match holders.len() {
            1 => "single",
            _ if joint => "joint",
            _ => "shares",
        };
        let mut request = ask(
            Actor::Registrar,
            "change-right",
            [
                ("unit", unit.into()),
                ("holders", holders.into()),
                ("co_ownership", kind.into()),
                ("basis", "变更协议".into()),
            ],
        );
        let given = &mut request.operation.given;
        match self.random.below(8) {
            0 => drop(given.remove("co_ownership")),
            1 => drop(given.insert("co_ownership", "single".into())),
            2 => drop(given.insert("co_ownership", "joint".into())),
            3 => {
                let years = self.random.pick(&[400, -1]).unwrap_or(400);
                given.insert("use_from", Fact::Day(today));
                given.insert("use_to", Fact::Day(today.saturating_add(years)));
            }
            _ => {}
        }
        request
    }

    fn waiver(&mut self) -> Request {
        let unit = self.unit();
        let cause = self.random.pick(&["lost", "waived", "expropriated"]).unwrap_or("lost");
        ask(
            Actor::Registrar,
            "waive-right",
            [
                ("unit", unit.into()),
                ("cause", cause.into()),
                ("basis", "注销申请".into()),
                ("basis_digest", Fact::Digest),
            ],
        )
    }

    fn banker(&mut self, bank: &str) -> Actor {
        let own = if bank == "bank-b" { Actor::BankerB } else { Actor::BankerA };
        self.random.pick(&[own, own, Actor::Registrar, Actor::BankerA]).unwrap_or(own)
    }

    pub(super) fn bank(&mut self) -> &'static str {
        self.random.pick(&["bank-a", "bank-a", "bank-b"]).unwrap_or("bank-a")
    }

    fn mortgage(&mut self, today: i32) -> Request {
        let unit = self.unit();
        let bank = self.bank();
        let by = self.banker(bank);
        let amount = self.random.pick(&[50_000_000, 50_000_000, 100_000_000, 0, -5, 1]);
        let kind = self.random.pick(&["general", "maximum"]).unwrap_or("general");
        let mut request = ask(
            by,
            "mortgage",
            [
                ("unit", unit.into()),
                ("mortgagee", bank.into()),
                ("kind", kind.into()),
                ("amount", Fact::Money(amount.unwrap_or(1))),
                ("transfer_banned", self.random.once_in(6).into()),
                ("basis", "抵押合同".into()),
            ],
        );
        let given = &mut request.operation.given;
        if self.random.once_in(2) {
            let days = self.random.pick(&[3_650, 3_650, -1]).unwrap_or(1);
            given.insert("from", Fact::Day(today));
            given.insert("to", Fact::Day(today.saturating_add(days)));
        }
        if self.random.once_in(5) {
            let number = format!("湘(2025)娄底市不动产证明第{:07}号", self.made);
            given.insert("certificate", number.into());
        }
        request
    }

    fn mortgage_change(&mut self, today: i32) -> Request {
        let number = self.some("mortgage");
        let entry = self.facts("mortgage", number);
        let by = self.banker(text(&entry, "mortgagee"));
        let mut request = ask(
            by,
            "change-mortgage",
            [("mortgage", Fact::Entry("mortgage", number)), ("basis", "变更协议".into())],
        );
        let same =
            |m: &crate::model::Entry| m.live && text(&m.facts, "unit") == text(&entry, "unit");
        let all = self.model.entries("mortgage").iter().enumerate();
        let partners: Vec<usize> = all.filter(|(_, m)| same(m)).map(|(n, _)| n).collect();
        let given = &mut request.operation.given;
        match self.random.below(4) {
            0 => {
                let amount = self.random.pick(&[0, 70_000_000, 150_000_000]).unwrap_or(0);
                given.insert("amount", Fact::Money(amount));
            }
            1 => {
                let last = self.random.pick(&[90, -1]).unwrap_or(90);
                given.insert("from", Fact::Day(today));
                given.insert("to", Fact::Day(today.saturating_add(last)));
            }
            choice => {
                let near = self.random.pick(&partners).unwrap_or(usize::MAX);
                let other = if choice == 2 { near } else { self.some("mortgage") };
                given.insert("rank_with", Fact::Entry("mortgage", other));
            }
        }
        request
    }

    fn mortgage_transfer(&mut self) -> Request {
        let number = self.some("mortgage");
        let entry = self.facts("mortgage", number);
        let by = self.banker(text(&entry, "mortgagee"));
        let mut request = ask(
            by,
            "transfer-mortgage",
            [
                ("mortgage", Fact::Entry("mortgage", number)),
                ("to", self.bank().into()),
                ("basis", "债权转让协议".into()),
            ],
        );
        if self.random.once_in(3) {
            request.operation.given.insert("agreed", true.into());
            request.operation.given.insert("basis_digest", Fact::Digest);
        }
        request
    }

    fn claim(&mut self, today: i32) -> Request {
        let number = self.some("mortgage");
        let entry = self.facts("mortgage", number);
        let by = self.banker(text(&entry, "mortgagee"));
        let claim = self.random.pick(&[1, 30_000_000, 50_000_000, 90_000_000_000]).unwrap_or(1);
        let late = i32::from(self.random.once_in(8));
        ask(
            by,
            "confirm-claim",
            [
                ("mortgage", Fact::Entry("mortgage", number)),
                ("claim", Fact::Money(claim)),
                ("fixed", Fact::Day(today.saturating_add(late))),
                ("fact", "债权确定".into()),
            ],
        )
    }

    fn release(&mut self) -> Request {
        let number = self.some("mortgage");
        let entry = self.facts("mortgage", number);
        let by = self.banker(text(&entry, "mortgagee"));
        ask(
            by,
            "release",
            [("mortgage", Fact::Entry("mortgage", number)), ("basis", "结清".into())],
        )
    }
}

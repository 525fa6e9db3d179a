//! Older registers taken over: generations, and their rows.

use super::Workload;
use super::forms::{ask, text};
use crate::city::Actor;
use crate::model::{Fact, Facts, Request, day_of};

const DAY_MS: u64 = 86_400_000;

impl Workload {
    /// The next generation of a register; now and then an older one, the same again, or another
    /// under its name.
    pub(super) fn generation(&mut self, now_ms: u64) -> Request {
        let known = self.model.entries("generation").len();
        let some = self.random.below(known.saturating_add(1));
        if let (true, Some(entry)) =
            (self.random.once_in(5), self.model.entries("generation").get(some).cloned())
        {
            let mut given = entry.facts;
            if self.random.once_in(2) {
                given.insert("operator", "测试另一人".into());
            }
            let mut request = ask(Actor::Importer, "record-generation", []);
            request.operation.given = given;
            return request;
        }
        let next = i64::try_from(known).unwrap_or(0).saturating_add(1);
        let number = self.random.pick(&[next, next, next, next, 1, 0]).unwrap_or(next);
        let series = self.random.pick(&["娄星旧登记簿", "双峰旧登记簿"]).unwrap_or("娄星旧登记簿");
        let ago = now_ms.saturating_sub(DAY_MS);
        let exported = if self.random.once_in(9) { now_ms.saturating_add(DAY_MS) } else { ago };
        let file = Facts::from([("name", "unit.csv".into()), ("digest", Fact::Digest)]);
        ask(
            Actor::Importer,
            "record-generation",
            [
                ("id", format!("旧登记簿-{known}-{number}").into()),
                ("series", series.into()),
                ("number", Fact::Int(number)),
                ("system", format!("旧系统{number}").into()),
                ("exported", Fact::Time(exported)),
                ("operator", "测试导出人".into()),
                ("files", Fact::Groups(vec![file])),
            ],
        )
    }

    /// A row of some generation: of a new unit, of one that came in before, or of any.
    pub(super) fn migration(&mut self) -> Request {
        let mut request = self.import();
        let last = self.model.entries("generation").len().saturating_sub(1);
        let generation = if self.random.once_in(5) { self.some("generation") } else { last };
        let migrated: Vec<String> = self
            .model
            .entries("unit")
            .iter()
            .filter(|unit| unit.facts.contains_key("generation"))
            .map(|unit| text(&unit.facts, "number").to_owned())
            .collect();
        let file = if self.random.once_in(15) { "other.csv" } else { "unit.csv" };
        let row = i64::try_from(self.random.below(10_000)).unwrap_or(0);
        request.operation.action = "migrate-unit";
        let given = &mut request.operation.given;
        given.remove("source");
        given.extend([
            ("generation", Fact::Entry("generation", generation)),
            ("file", file.into()),
            ("row", Fact::Int(row)),
        ]);
        if self.random.once_in(2)
            && let Some(number) = self.random.pick(&migrated)
        {
            given.insert("number_kind", "other".into());
            given.insert("number", number.into());
        }
        if self.random.once_in(3) {
            let kind = self.random.pick(&["single", "shares", "joint"]).unwrap_or("single");
            given.insert("co_ownership", kind.into());
        }
        request
    }

    /// A row of an old register of seals, now and then one that came in before.
    pub(super) fn old_seal(&mut self, now_ms: u64) -> Request {
        let unit = self.unit();
        let came = self.model.entries("imported-seal").len();
        let last = self.model.entries("generation").len().saturating_sub(1);
        let number = if self.random.once_in(8) { came.saturating_sub(1) } else { came };
        let kind = self.random.pick(&["seal", "waiting", "waiting", "pre-seal", "pre-waiting"]);
        let kind = kind.unwrap_or("seal");
        let file = if self.random.once_in(15) { "other.csv" } else { "unit.csv" };
        let authority = self.random.pick(&["court", "court-2"]).unwrap_or("court");
        let by = self.random.pick(&[Actor::Importer, Actor::Importer, Actor::Judge]);
        let mut request = ask(
            by.unwrap_or(Actor::Importer),
            "migrate-seal",
            [
                ("id", format!("旧查封-{number}").into()),
                ("generation", Fact::Entry("generation", last)),
                ("file", file.into()),
                ("row", Fact::Int(2)),
                ("unit", unit.into()),
                ("kind", kind.into()),
                ("authority", authority.into()),
                ("document", "（2014）湘1302执1号".into()),
                ("served", self.served(now_ms)),
            ],
        );
        let given = &mut request.operation.given;
        if kind.ends_with("waiting") && !self.random.once_in(12) {
            let months = self.random.pick(&[12, 24, 24, 0]).unwrap_or(12);
            given.insert("months", Fact::Int(months));
        } else {
            let from = day_of(now_ms).saturating_sub(5);
            let days = self.random.pick(&[3, 4, 10, 30, -1]).unwrap_or(3);
            given.insert("from", Fact::Day(from));
            given.insert("to", Fact::Day(from.saturating_add(days)));
        }
        request
    }
}

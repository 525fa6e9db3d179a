//! Queries and checks of units: who asks says who he is and why, and sees what his kind may see
//! (不动产登记暂行条例 27, 28).

use super::blocks::state;
use super::case::{Asked, Case, holders, of_holders, take, text, texts, yes};
use super::days::year;
use super::request::{Fact, Facts};
use super::{Entry, Model, Ruling, demand};
use crate::city::Role;

/// Design: how long a check can be shown.
const CHECK_DAYS: i32 = 30;

const OF_QUERY: &[&str] =
    &["asker", "asker_kind", "purpose", "interest", "basis", "case_number", "unit", "person"];

fn version(entry: &Entry) -> Fact {
    Fact::Int(i64::try_from(entry.version).unwrap_or(i64::MAX))
}

fn has_text(facts: &Facts, name: &str) -> bool {
    !text(facts, name).is_empty()
}

/// Who asks, and for whom.
fn check_asker(case: &Case<'_>) -> Ruling {
    demand(has_text(case.given, "purpose"), "query-purpose-missing")?;
    let roles = case.by.roles();
    let registry = roles.contains(&Role::Acceptor) || roles.contains(&Role::Registrar);
    let own_kind = if roles.contains(&Role::Banker) { "bank" } else { "state-organ" };
    let itself = case.text("asker") == case.by.member() && case.text("asker_kind") == own_kind;
    demand(registry || itself, "query-not-for-itself")?;
    let cites = has_text(case.given, "basis") && has_text(case.given, "case_number");
    demand(case.text("asker_kind") != "state-organ" || cites, "query-statute-missing")
}

/// The asker is proved to be the heir of somebody, or to administer the estate.
fn inherits(case: &Case<'_>, of: &dyn Fn(&str) -> bool) -> bool {
    case.has_agent(&|a| {
        matches!(text(&a.facts, "kind"), "heir" | "administrator")
            && text(&a.facts, "agent") == case.text("asker")
            && of(text(&a.facts, "principal"))
    })
}

impl Model {
    /// The asker's own word, or that of who represents him.
    fn asker_speaks(case: &Case<'_>, kinds: &[&str]) -> Vec<Asked> {
        match kinds.contains(&case.text("asker_kind")) {
            true => case.spoken_for(&[(case.text("asker").to_owned(), "query")]),
            false => Vec::new(),
        }
    }

    pub(super) fn query(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        let entry = self.unit(&unit)?;
        let title = self.title(&unit).ok();
        let owners = title.as_ref().map(|(_, title)| holders(&title.facts)).unwrap_or_default();
        let bank = case.text("asker_kind") == "bank";
        let buys = case.text("interest") == "intended-purchase";
        // 查询办法: a bank and an intended buyer are let in by the holders.
        let let_in = if bank || buys { of_holders(&owners, "let-query") } else { Vec::new() };
        let of_bank = if bank { case.of_bank(case.text("asker"), "query") } else { Vec::new() };
        case.consents(&[
            Self::asker_speaks(case, &["holder", "heir", "interested-party"]),
            case.spoken_for(&let_in),
            of_bank,
        ])?;
        check_asker(case)?;
        case.agents_act(&[&unit])?;
        let holds = |subject: &str| owners.iter().any(|h| h.subject == subject);
        let kind = case.text("asker_kind");
        demand(kind != "holder" || holds(case.text("asker")), "query-not-holder")?;
        demand(kind != "heir" || inherits(case, &holds), "query-heir-unproven")?;
        let interested = match kind {
            "bank" => title.is_some(),
            "interested-party" if buys => title.is_some(),
            "interested-party" => case.has("interest") && case.has("basis"),
            _ => true,
        };
        demand(interested, "query-interest-unproven")?;
        let needs = texts(case.given, "needs");
        demand(kind != "state-organ" || !needs.is_empty(), "query-needs-unnamed")?;
        let mut facts = take(case.given, OF_QUERY);
        facts.insert("unit_version", version(&entry));
        facts.insert("natural", Fact::Group(take(&entry.facts, &["location", "use"])));
        facts.extend(self.seen_entries(case, &unit, title.as_ref()));
        self.state_result(case, facts);
        Ok(())
    }

    /// What an asker of a kind sees of the entries: nothing, what there is, or the entries that its
    /// case needs.
    fn seen_entries(&self, case: &Case<'_>, unit: &str, title: Option<&(usize, Entry)>) -> Facts {
        let kind = case.text("asker_kind");
        let mut seen = Facts::new();
        if kind != "public" {
            seen.insert("exists", Fact::Group(self.what_there_is(case, unit, title)));
        }
        let needs = texts(case.given, "needs");
        let sees = |what: &str| match kind {
            "holder" | "heir" => true,
            "state-organ" => needs.iter().any(|need| need == what),
            _ => false,
        };
        if let (true, Some((number, title))) = (sees("holders"), title) {
            let mut facts = take(&title.facts, &["holders", "certificate"]);
            facts.insert("right", Fact::Entry("right", *number));
            facts.insert("version", version(title));
            seen.insert("title", Fact::Group(facts));
        }
        if sees("mortgages") {
            let all = self.on_unit("mortgage", unit).into_iter().map(|(number, mortgage)| {
                let mut facts = take(&mortgage.facts, &["mortgagee", "amount", "rank"]);
                facts.insert("mortgage", Fact::Entry("mortgage", number));
                facts.insert("version", version(&mortgage));
                facts
            });
            seen.insert("mortgages", Fact::ByKey("mortgage", all.collect()));
        }
        if sees("seals") {
            let all = self.standing(case, "seal", unit).into_iter().map(|(number, seal)| {
                let mut facts = take(&seal.facts, &["authority", "document", "from", "to"]);
                facts.insert("kind", seal_kind(&seal, case.now_ms).into());
                facts.insert("seal", Fact::Entry("seal", number));
                facts.insert("version", version(&seal));
                facts
            });
            seen.insert("seals", Fact::ByKey("seal", all.collect()));
        }
        seen
    }

    fn what_there_is(&self, case: &Case<'_>, unit: &str, title: Option<&(usize, Entry)>) -> Facts {
        let several = title.is_some_and(|(_, title)| holders(&title.facts).len() > 1);
        let any = |register: &str| !self.standing(case, register, unit).is_empty();
        Facts::from([
            ("co_owned", several.into()),
            ("mortgaged", any("mortgage").into()),
            ("noticed", any("notice").into()),
            ("objected", any("objection").into()),
            ("sealed", any("seal").into()),
        ])
    }

    /// The statement that the asker takes home.
    fn state_result(&mut self, case: &Case<'_>, mut facts: Facts) {
        let year = year(case.today);
        let office = case.text("office");
        let number = self.next_number("query", office, year);
        facts.extend([
            ("number", format!("{year}{office}登查字第{number:08}号").into()),
            ("made", Fact::Moment(case.now_ms)),
            ("office", case.by.member().into()),
        ]);
        self.enter("query-result", facts);
    }

    /// 以人查房: for the person, a proved heir, or by statute.
    pub(super) fn query_person(&mut self, case: &mut Case<'_>) -> Ruling {
        let numbers = match case.given.get("rights") {
            Some(Fact::Entries(_, numbers)) => numbers.clone(),
            _ => Vec::new(),
        };
        let mut found = Vec::new();
        for number in numbers {
            found.push((number, self.get("right", number)?));
        }
        case.consents(&[Self::asker_speaks(case, &["holder", "heir"])])?;
        check_asker(case)?;
        case.agents_act(&[])?;
        let person = case.text("person");
        let may = match case.text("asker_kind") {
            "state-organ" => true,
            "holder" => case.text("asker") == person,
            "heir" => inherits(case, &|subject| subject == person),
            _ => false,
        };
        demand(may, "person-query-refused")?;
        let his = |right: &Entry| holders(&right.facts).iter().any(|h| h.subject == person);
        demand(found.iter().all(|(_, right)| his(right)), "right-not-of-person")?;
        let found = found.iter().map(|(number, right)| {
            let mut facts = take(&right.facts, &["unit"]);
            facts.insert("right", Fact::Entry("right", *number));
            facts.insert("version", version(right));
            facts
        });
        let mut facts = take(case.given, OF_QUERY);
        facts.insert("found", Fact::Groups(found.collect()));
        self.state_result(case, facts);
        Ok(())
    }

    /// 房源核验: all that would stop a sale, and what a buyer should know besides.
    pub(super) fn verify_unit(&mut self, case: &mut Case<'_>) -> Ruling {
        let unit = case.text("unit").to_owned();
        let entry = self.unit(&unit)?;
        let (_, title) = self.title(&unit)?;
        let owners = holders(&title.facts);
        case.consents(&[case.spoken_for(&of_holders(&owners, "verify-unit"))])?;
        case.agents_act(&[&unit])?;
        let any = |register: &str| !self.standing(case, register, &unit).is_empty();
        let banned = |(_, m): &(usize, Entry)| yes(&m.facts, "transfer_banned");
        let sale = |(_, n): &(usize, Entry)| text(&n.facts, "kind") != "mortgage";
        let unsold =
            |q: &String| ["holders-unverified", "two-owners", "waiting-seal-alone"].contains(&&**q);
        let reasons = listed([
            ("sealed", any("seal")),
            ("held", any("hold")),
            ("transfer-banned", self.on_unit("mortgage", &unit).iter().any(banned)),
            ("noticed", self.standing(case, "notice", &unit).iter().any(sale)),
            (
                "unverified",
                texts(&entry.facts, "quality").iter().any(unsold) || self.has_lone_seal(&unit),
            ),
            ("land-sealed", self.land_sealed(case, &[&unit], &|_| false)),
        ]);
        let notes = listed([
            ("mortgaged", any("mortgage")),
            ("objected", any("objection")),
            ("residence", any("residence")),
            ("co-owned", owners.len() > 1),
        ]);
        let result = if reasons.is_empty() { "clear" } else { "blocked" };
        let facts = [
            ("unit", unit.into()),
            ("unit_version", version(&entry)),
            ("right_version", version(&title)),
            ("made", Fact::Moment(case.now_ms)),
            ("office", case.by.member().into()),
            ("to", Fact::Day(case.today.saturating_add(CHECK_DAYS))),
            ("result", result.into()),
            ("reasons", Fact::Texts(reasons)),
            ("notes", Fact::Texts(notes)),
        ];
        self.enter("unit-check", facts.into());
        Ok(())
    }
}

/// Those that are so.
fn listed<const N: usize>(all: [(&str, bool); N]) -> Vec<String> {
    all.into_iter().filter(|(_, so)| *so).map(|(name, _)| name.to_owned()).collect()
}

/// 查封, 轮候查封, 预查封, 轮候预查封.
pub(super) fn seal_kind(seal: &Entry, now_ms: u64) -> &'static str {
    let waits = state("seal", seal, now_ms) == Some("waiting");
    match (yes(&seal.facts, "pre"), waits) {
        (false, false) => "seal",
        (false, true) => "waiting",
        (true, false) => "pre-seal",
        (true, true) => "pre-waiting",
    }
}

//! Older states of a register, taken over one generation after the other (存量数据导入).

use super::case::{Case, holders, int, take, text, texts, time, yes};
use super::days::{Term, day_of};
use super::request::{Fact, Facts};
use super::rules::{are_different, kind_fits, make_a_whole};
use super::seals::to;
use super::{Entry, Model, Ruling, demand};
use crate::city::Role;

/// What a row says of the unit, and of its title.
const OF_UNIT: &[&str] = &["number_kind", "location", "use", "quality"];
const OF_TITLE: &[&str] = &["co_ownership", "holders", "basis"];
/// What a record keeps of its generation.
const OF_GENERATION: &[&str] = &["id", "series", "number", "system", "exported", "operator"];

/// The generation that an entry came in with.
fn came_with(entry: &Entry) -> Option<&Facts> {
    match entry.facts.get("generation") {
        Some(Fact::Group(facts)) => Some(facts),
        _ => None,
    }
}

/// Whether the import wrote the version that stands.
fn untouched(entry: &Entry) -> bool {
    came_with(entry).is_some_and(|from| i64::try_from(entry.version) == Ok(int(from, "version")))
}

fn has_file(generation: &Facts, file: &str) -> bool {
    let Some(Fact::Groups(files)) = generation.get("files") else { return false };
    files.iter().any(|of| text(of, "name") == file)
}

impl Model {
    pub(super) fn record_generation(&mut self, case: &mut Case<'_>) -> Ruling {
        case.consents(&[])?;
        let (id, number) = (case.text("id").to_owned(), int(case.given, "number"));
        let series = self.live_by("generation", "series", case.text("series"));
        let older = |(_, g): &(usize, Entry)| {
            text(&g.facts, "id") == id || int(&g.facts, "number") < number
        };
        demand(series.iter().all(older), "generation-older")?;
        if let Some((_, recorded)) = self.live_by("generation", "id", &id).first() {
            demand(recorded.facts == *case.given, "generation-differs")?;
            return Err("generation-exists");
        }
        demand(number >= 1, "generation-number-invalid")?;
        demand(
            time(case.given, "exported").is_some_and(|t| t <= case.now_ms),
            "exported-in-future",
        )?;
        self.enter("generation", case.given.clone());
        Ok(())
    }

    pub(super) fn migrate_unit(&mut self, case: &mut Case<'_>) -> Ruling {
        let from = self.get("generation", case.entry("generation"))?.facts;
        let number = case.text("number").to_owned();
        let unit = match self.units.get(&number) {
            Some(known) => Some((*known, self.get("unit", *known)?)),
            None => None,
        };
        let title = self.title(&number).ok();
        case.consents(&[])?;
        self.check_row(case, &from, unit.as_ref().map(|u| &u.1), title.as_ref().map(|t| &t.1))?;
        check_holders(case)?;
        let origin = |entry: Option<&(usize, Entry)>| {
            let mut origin = take(&from, OF_GENERATION);
            let version = entry.map_or(1, |(_, entry)| entry.version.saturating_add(1));
            origin.insert("file", case.text("file").into());
            origin.insert("digest", Fact::Digest);
            origin.insert("row", Fact::Int(int(case.given, "row")));
            origin.insert("version", Fact::Int(i64::try_from(version).unwrap_or(i64::MAX)));
            Fact::Group(origin)
        };
        let (of_unit, of_title) = (origin(unit.as_ref()), origin(title.as_ref()));
        let source = text(&from, "system").into();
        match unit {
            None => {
                self.check_new_number(&number)?;
                let mut facts = take(case.given, OF_UNIT);
                facts.extend([("number", number.as_str().into()), ("generation", of_unit)]);
                facts.insert("source", source);
                self.enter("unit", facts);
                let mut facts = take(case.given, OF_TITLE);
                facts.extend([("unit", number.into()), ("kind", "ownership".into())]);
                facts.insert("generation", of_title);
                self.enter("right", facts);
            }
            Some((known, _)) => {
                self.say_again("unit", known, OF_UNIT, case.given, of_unit);
                self.put("unit", known, "source", Some(source));
                if let Some((known, _)) = title {
                    self.say_again("right", known, OF_TITLE, case.given, of_title);
                    self.put("right", known, "certificate", None);
                }
            }
        }
        Ok(())
    }

    /// Rows come in any order: each takes its place by the time of service, and those that wait
    /// behind it move on.
    pub(super) fn migrate_seal(&mut self, case: &mut Case<'_>) -> Ruling {
        let from = self.get("generation", case.entry("generation"))?.facts;
        let unit = case.text("unit").to_owned();
        self.unit(&unit)?;
        case.consents(&[])?;
        let id = case.text("id").to_owned();
        let mut known = self.entries("imported-seal").iter();
        demand(!known.any(|entry| text(&entry.facts, "id") == id), "row-imported")?;
        demand(has_file(&from, case.text("file")), "file-unknown")?;
        let own = case.text("authority") == case.by.member();
        demand(own || case.by.roles().contains(&Role::Importer), "not-sealing-authority")?;
        let served = time(case.given, "served").unwrap_or(u64::MAX);
        demand(served <= case.now_ms, "served-in-future")?;
        let waits = case.text("kind").ends_with("waiting");
        let months = int(case.given, "months");
        let term = if waits {
            demand((1..=1_200).contains(&months), "term-missing")?;
            None
        } else {
            Some(case.day("from").zip(case.day("to")).ok_or("term-missing")?)
        };
        demand(case.term_runs("from", "to"), "term-reversed")?;
        let seal = self.place_seal(case, served, term, Term { months, days: 0 });
        let mut origin = take(&from, OF_GENERATION);
        origin.insert("file", case.text("file").into());
        origin.insert("digest", Fact::Digest);
        origin.insert("row", Fact::Int(int(case.given, "row")));
        origin.insert("version", Fact::Int(1));
        self.put("seal", seal, "generation", Some(Fact::Group(origin)));
        let source = [("id", id.into()), ("seal", Fact::Entry("seal", seal))];
        self.enter("imported-seal", source.into());
        Ok(())
    }

    /// Enters an old seal, with its dates, or as one that waits for those that were there on its
    /// service.
    fn place_seal(
        &mut self,
        case: &Case<'_>,
        served: u64,
        dates: Option<(i32, i32)>,
        waiting: Term,
    ) -> usize {
        let mut all = self.on_unit("seal", case.text("unit"));
        all.sort_by_key(|(_, seal)| (int(&seal.facts, "order"), time(&seal.facts, "served")));
        let since = day_of(served);
        let (ahead, later): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(_, seal)| time(&seal.facts, "served") <= Some(served));
        let ahead: Vec<_> = ahead.iter().filter(|(_, seal)| to(seal) >= since).collect();
        let last = ahead.iter().map(|(_, seal)| to(seal)).max();
        let (from, until) = dates.unwrap_or_else(|| {
            let from = last.map_or(since, |last| last.saturating_add(1));
            (from, waiting.after(from).saturating_sub(1))
        });
        let order = ahead.iter().map(|(_, seal)| int(&seal.facts, "order")).max().unwrap_or(0);
        let days = i64::from(until.saturating_sub(from)).saturating_add(1);
        let waits = dates.is_none();
        let mut facts = take(case.given, &["unit", "authority", "debtor", "document", "served"]);
        facts.extend([
            ("pre", case.text("kind").starts_with("pre").into()),
            ("order", Fact::Int(order.saturating_add(1))),
            ("months", Fact::Int(if waits { waiting.months } else { 0 })),
            ("days", Fact::Int(if waits { 0 } else { days })),
            ("stated_from", Fact::Day(from)),
            ("from", Fact::Day(from)),
            ("to", Fact::Day(until)),
            ("renewals", Fact::Int(0)),
            ("waited", waits.into()),
        ]);
        let number = self.enter("seal", facts);
        let mut behind = later;
        behind.retain(|(_, seal)| yes(&seal.facts, "waited"));
        let served_within = |(_, seal): &(usize, Entry)| {
            time(&seal.facts, "served").is_some_and(|served| day_of(served) <= until)
        };
        if behind.iter().any(served_within) {
            for (moved, seal) in &behind {
                let order = int(&seal.facts, "order").saturating_add(1);
                self.put("seal", *moved, "order", Some(Fact::Int(order)));
            }
            self.line_up(&behind, until.saturating_add(1));
        }
        number
    }

    /// A later generation's row takes the place of the earlier one's, whatever it leaves out.
    fn say_again(
        &mut self,
        register: &'static str,
        number: usize,
        names: &[&'static str],
        given: &Facts,
        generation: Fact,
    ) {
        for name in names {
            self.put(register, number, name, given.get(name).cloned());
        }
        self.put(register, number, "generation", Some(generation));
    }

    /// Whether the row may come in: once a generation, never an older one, over nothing else.
    fn check_row(
        &self,
        case: &Case<'_>,
        from: &Facts,
        unit: Option<&Entry>,
        title: Option<&Entry>,
    ) -> Ruling {
        let before = unit.and_then(came_with);
        let again = before.is_some_and(|before| text(before, "id") == text(from, "id"));
        demand(!again, "row-imported")?;
        let series = self.live_by("generation", "series", text(from, "series"));
        let newest = series.iter().all(|(_, g)| int(&g.facts, "number") <= int(from, "number"));
        demand(newest, "generation-older")?;
        demand(has_file(from, case.text("file")), "file-unknown")?;
        let Some(unit) = unit else { return Ok(()) };
        let same = before.is_some_and(|before| text(before, "series") == text(from, "series"));
        demand(same, "unit-not-migrated")?;
        demand(untouched(unit) && title.is_some_and(untouched), "changed-since-import")
    }
}

/// 存量数据: a fault that is marked is taken in as it is.
fn check_holders(case: &Case<'_>) -> Ruling {
    let number = case.text("number");
    demand(case.number_is(number), "unit-number-invalid")?;
    let (flags, new) = (texts(case.given, "quality"), holders(case.given));
    let marked = |flag: &str| flags.iter().any(|f| f == flag);
    demand(marked("holders-unverified") || !new.is_empty(), "holders-missing")?;
    let kind = case.text("co_ownership");
    let uneven = kind == "joint" || marked("shares-not-whole") || marked("two-owners");
    demand(uneven || make_a_whole(&new), "shares-not-whole")?;
    demand(are_different(&new), "holder-twice")?;
    let fits = kind.is_empty() || marked("two-owners") || kind_fits(kind, &new);
    demand(fits, "co-ownership-mismatch")
}

//! Older states of a register, taken over one generation after the other (存量数据导入).

use super::case::{Case, holders, int, take, text, texts, time};
use super::request::{Fact, Facts};
use super::rules::{are_different, kind_fits, make_a_whole};
use super::{Entry, Model, Ruling, demand};

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
    let kind = case.text("co_ownership");
    let uneven = kind == "joint" || marked("shares-not-whole") || marked("two-owners");
    demand(uneven || make_a_whole(&new), "shares-not-whole")?;
    demand(are_different(&new), "holder-twice")?;
    let fits = kind.is_empty() || marked("two-owners") || kind_fits(kind, &new);
    demand(fits, "co-ownership-mismatch")
}

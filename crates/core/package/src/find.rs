//! What a steward's staff finds a group by: the texts that its package names, taken out of the fields
//! when the group is sealed.

use std::collections::BTreeMap;

use chaincity_types::{Str, Value};

use crate::model::{Group, Package};

/// Most kinds of terms of a group.
pub const KINDS_MAX: usize = 8;
/// Most terms that one group can have, its lists filled.
pub const TERMS_MAX: usize = 128;
/// Most characters of a text that a group is found by.
pub const TERM_CHARS_MAX: usize = 300;

impl Group {
    /// The terms of a group with these fields: kinds with their texts. Texts of blanks alone are
    /// none.
    #[must_use]
    pub fn terms<'a>(&'a self, fields: &'a BTreeMap<Str, Value>) -> Vec<(&'a str, &'a str)> {
        let mut terms = Vec::new();
        for (kind, path) in &self.find_by {
            let Some((first, rest)) = path.split_first() else { continue };
            let mut texts = Vec::new();
            collect(fields.get(first), rest, &mut texts);
            let written = texts.into_iter().filter(|text| !text.trim().is_empty());
            terms.extend(written.map(|text| (&**kind, text)));
        }
        terms
    }
}

fn collect<'a>(value: Option<&'a Value>, path: &[Str], texts: &mut Vec<&'a str>) {
    match (value, path) {
        (Some(Value::List(items)), _) => {
            items.iter().for_each(|item| collect(Some(item), path, texts));
        }
        (Some(Value::Map(fields)), [first, rest @ ..]) => collect(fields.get(first), rest, texts),
        (Some(Value::Text(text)), []) => texts.push(text),
        _ => {}
    }
}

impl Package {
    /// The fields of a register whose group is found by this kind of term: field and group.
    pub fn found_by<'a>(
        &'a self,
        register: &str,
        kind: &'a str,
    ) -> impl Iterator<Item = (&'a Str, &'a Str)> {
        let fields = self.registers.get(register).into_iter().flat_map(|found| &found.fields);
        fields.filter_map(move |(name, field)| {
            let group = field.kind.group()?;
            let has = self.groups.get(group)?.find_by.contains_key(kind);
            has.then_some((name, group))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::parse;

    const PACKAGE: &str = "package: test\nversion: 1\ntitle: {zh: 测试, en: Test}\nroles:\n  \
        a.b: {zh: 甲, en: A}\n";

    fn group(find_by: &str) -> String {
        format!(
            "group: person\ntitle: {{zh: 人, en: Person}}\nsteward: a.b\nfields:\n  \
             name: {{type: text(300), zh: 名, en: Name}}\n  \
             sum: {{type: fen?, zh: 额, en: Sum}}\n  \
             story: {{type: text(301)?, zh: 事, en: Story}}\n  \
             many: {{type: 'list(text(9), max 129)?', zh: 多, en: Many}}\n  \
             homes: {{type: 'list(map(at: text(9), since: date?), max 100)?', zh: 家, en: Homes}}\n\
             find_by: {{{find_by}}}\n"
        )
    }

    const REGISTER: &str = "register: file\ntitle: {zh: 档, en: File}\nsteward: a.b\nkey: auto\n\
        fields:\n  person: {type: 'sealed(person)?', zh: 人, en: Person}\n";

    /// What is found of a group with these kinds, by code and place.
    fn found(find_by: &str) -> Vec<(&'static str, String)> {
        let group = group(find_by);
        let files = [
            ("package.yaml", PACKAGE),
            ("groups/person.yaml", group.as_str()),
            ("registers/file.yaml", REGISTER),
        ];
        let source = parse(&files).unwrap();
        let problems = source.compile().err().unwrap_or_default().into_iter();
        problems.map(|problem| (problem.code, problem.place)).collect()
    }

    #[test]
    fn texts_of_a_group_are_what_it_is_found_by() {
        assert_eq!(found("name: name, home: homes.at"), []);
    }

    #[test]
    fn what_is_no_text_or_too_long_or_too_much_is_found_where_it_stands() {
        let one = |path: &str| found(&format!("a: {path}"));
        let at = |code: &'static str| vec![(code, "groups.person.find_by.a".to_owned())];
        assert_eq!(one("nothing"), at("unknown-name"));
        assert_eq!(one("homes.nothing"), at("unknown-name"));
        assert_eq!(one("name.first"), at("unknown-name"));
        assert_eq!(one("sum"), at("bad-type"));
        assert_eq!(one("homes"), at("bad-type"));
        assert_eq!(one("homes.since"), at("bad-type"));
        assert_eq!(one("story"), at("bad-type"));
        assert_eq!(one("many"), [("too-many", "groups.person.find_by".to_owned())]);
        assert_eq!(
            found("a: homes.at, b: homes.at"),
            [("too-many", "groups.person.find_by".to_owned())]
        );
    }

    #[test]
    fn terms_are_taken_out_of_the_fields_without_blanks() {
        let group = group("name: name, home: homes.at");
        let files = [
            ("package.yaml", PACKAGE),
            ("groups/person.yaml", group.as_str()),
            ("registers/file.yaml", REGISTER),
        ];
        let package = parse(&files).unwrap().compile().unwrap();
        let index = &package.registers["file"].indexes["find:person"];
        assert!(index.for_lists && index.fields == ["person"], "no state is kept for it");
        let home = |at: &str| Value::Map([("at".into(), Value::from(at))].into());
        let fields = BTreeMap::from([
            ("name".into(), Value::from("张三")),
            ("homes".into(), Value::List(vec![home("甲路"), home(" \u{3000}"), home("乙路")])),
        ]);
        let terms = package.groups["person"].terms(&fields);
        assert_eq!(terms, [("home", "甲路"), ("home", "乙路"), ("name", "张三")]);
        let of = |kind| package.found_by("file", kind).map(|(field, _)| &**field).collect();
        let (known, unknown): (Vec<&str>, Vec<&str>) = (of("home"), of("other"));
        assert_eq!((known, unknown), (vec!["person"], vec![]));
    }
}

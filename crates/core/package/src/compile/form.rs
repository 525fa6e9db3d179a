//! Forms: what a person fills in, and which inputs and variables it becomes.

use super::{Compiler, text};
use crate::doc::{FormDoc, FormFieldDoc, PackageDoc};
use crate::model::{FieldType, Fill, Form, FormField, Package};
use crate::problem::Problem;

/// Most forms of a package.
pub(crate) const FORMS_MAX: usize = 64;
/// Most fields of a form.
const FIELDS_MAX: usize = 100;
/// Most inputs and variables that one field fills.
const FILLS_MAX: usize = 8;
/// Most kinds of evidence of a form.
const EVIDENCE_MAX: usize = 32;

impl Compiler {
    /// Forms. Inputs of other packages are not known here: [`crate::check_forms`] looks at them.
    pub(super) fn forms(&mut self, doc: &PackageDoc, package: &mut Package) {
        self.check_twice("forms", doc.forms.iter().map(|form| form.name.as_str()));
        for form in &doc.forms {
            let compiled = self.form(form, package);
            package.forms.insert(form.name.as_str().into(), compiled);
        }
    }

    fn form(&mut self, form: &FormDoc, package: &Package) -> Form {
        let place = format!("forms.{}", form.name);
        self.check_id(&place, &form.name);
        self.bounded(&place, form.fields.len(), FIELDS_MAX);
        self.bounded(&format!("{place}.evidence"), form.evidence.len(), EVIDENCE_MAX);
        let fills = form.fields.iter().flat_map(|field| &field.fills).map(String::as_str);
        self.check_twice(&place, fills);
        self.check_twice(&place, form.evidence.iter().map(|evidence| evidence.kind.as_str()));
        let fields = form.fields.iter().take(FIELDS_MAX).enumerate();
        let fields = fields
            .map(|(i, field)| self.form_field(&format!("{place}.fields[{i}]"), field, package));
        let fields = fields.collect();
        let mut evidence = Vec::new();
        for (i, kind) in form.evidence.iter().enumerate() {
            self.check_id(&format!("{place}.evidence[{i}]"), &kind.kind);
            evidence.push((kind.kind.as_str().into(), text(&kind.title)));
        }
        let help = form.help.as_ref().map(text);
        Form { title: text(&form.title), help, fields, evidence }
    }

    fn form_field(&mut self, place: &str, field: &FormFieldDoc, package: &Package) -> FormField {
        if field.fills.is_empty() {
            let cause = ("此项不填写任何内容", "the field fills in nothing");
            let mend = ("在 fills 中列出输入或变量", "name inputs or variables under `fills`");
            self.report(Problem::error("empty-field", place, cause, mend));
        }
        self.bounded(place, field.fills.len(), FILLS_MAX);
        let mut fills = Vec::new();
        let mut kind: Option<&FieldType> = None;
        for name in field.fills.iter().take(FILLS_MAX) {
            let Some(fill) = Fill::of(name) else {
                let name = crate::rule::short(name);
                let cause = (
                    format!("`{name}`既不是输入也不是变量"),
                    format!("`{name}` is neither an input nor a variable"),
                );
                let mend = (
                    "写作 应用包.业务动作.输入，或变量名",
                    "write `package.action.input`, or a variable",
                );
                self.report(Problem::error("bad-fill", place, cause, mend));
                continue;
            };
            if let Fill::Input { package: of, .. } = &fill
                && *of == package.id
            {
                match (fill.kind_in(package), kind) {
                    (None, _) => self.unknown(place, ("输入", "input"), name),
                    (Some(found), Some(kind)) if !found.is_like(kind) => {
                        self.report(type_differs(place, name));
                    }
                    (found, _) => kind = found,
                }
            }
            fills.push(fill);
        }
        let both = |doc: &Option<crate::doc::TextDoc>| doc.as_ref().map(text);
        FormField { fills, title: both(&field.title), help: both(&field.help) }
    }
}

/// One field of a form fills what has different types.
pub(crate) fn type_differs(place: &str, name: &str) -> Problem {
    let name = crate::rule::short(name);
    let cause = (
        format!("`{name}`与同一项所填的其他内容类型不同"),
        format!("`{name}` has another type than what the same field also fills"),
    );
    Problem::error("type-differs", place, cause, ("分为两项", "make it a field of its own"))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeMap;

    use crate::doc::PackageDoc;
    use crate::model::Fill;
    use crate::source::{Source, parse};

    const PACKAGE: &str = "package: test\nversion: 1\ntitle: {zh: 测试, en: Test}\nroles:\n  \
        a.b: {zh: 甲, en: A}\n";
    const REGISTER: &str = "register: item\ntitle: {zh: 物, en: Item}\nsteward: a.b\nkey: auto\n\
        fields:\n  n: {type: int, zh: 数, en: Number}\n";
    const ACTION: &str = "action: put\ntitle: {zh: 放, en: Put}\nlaw: [x]\nby: a.b\ninput:\n  \
        n: {type: int, zh: 数, en: Number}\n  day: {type: date, zh: 日, en: Day}\n  \
        note: {type: text(9), zh: 注, en: Note}\n  more: {type: text(90)?, zh: 更, en: More}\n\
        do:\n  - insert: {register: item, fields: {n: input.n}}\n";

    fn source(form: &str) -> Source {
        let form = format!("form: put-it\ntitle: {{zh: 放, en: Put it}}\n{form}");
        let files = [
            ("package.yaml", PACKAGE),
            ("registers/item.yaml", REGISTER),
            ("actions/put.yaml", ACTION),
            ("forms/put.yaml", form.as_str()),
        ];
        parse(&files).unwrap()
    }

    /// Codes and places of what compiling finds.
    fn found(form: &str) -> Vec<(&'static str, String)> {
        let problems = source(form).compile().err().unwrap_or_default();
        problems.into_iter().map(|problem| (problem.code, problem.place)).collect()
    }

    #[test]
    fn a_form_is_kept_in_its_order_and_a_document_without_any_is_as_it_was() {
        let with = source(
            "help: {zh: 助, en: Help}\nfields:\n  - {fills: [test.put.note, test.put.more, why]}\n  \
             - {fills: other.act.x, title: {zh: 题, en: Title}, help: {zh: 助, en: Help}}\n\
             evidence:\n  deed: {zh: 契, en: Deed}\n",
        );
        let form = &with.compile().unwrap().forms["put-it"];
        let fills = form.fields[0].fills.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(fills, ["test.put.note", "test.put.more", "why"]);
        assert!(
            matches!(&form.fields[1].fills[0], Fill::Input { package, .. } if package == "other")
        );
        assert_eq!(form.fields[1].title.as_ref().unwrap().en, "Title");
        assert_eq!((&*form.evidence[0].0, form.help.as_ref().unwrap().zh.as_str()), ("deed", "助"));
        assert_eq!(PackageDoc::from_bytes(&with.doc.to_bytes()).unwrap(), with.doc);
        let mut without = with.doc.clone();
        without.forms.clear();
        let files = [
            ("package.yaml", PACKAGE),
            ("registers/item.yaml", REGISTER),
            ("actions/put.yaml", ACTION),
        ];
        assert_eq!(without.canonical(), parse(&files).unwrap().doc.canonical());
        assert_ne!(without.digest(), with.doc.digest());
    }

    #[test]
    fn what_a_form_fills_is_there_once_and_of_one_type() {
        let first = "forms.put-it.fields[0]".to_owned();
        let found_at_first = |fills: &str| found(&format!("fields:\n  - {{fills: {fills}}}\n"));
        assert_eq!(found_at_first("test.put.n"), []);
        for (fills, code) in [
            ("test.put.m", "unknown-name"),
            ("test.take.n", "unknown-name"),
            ("[test.put.n, test.put.day]", "type-differs"),
            ("put.n", "bad-fill"),
            ("a.b.c.d", "bad-fill"),
            ("[]", "empty-field"),
        ] {
            assert_eq!(found_at_first(fills), [(code, first.clone())], "{fills}");
        }
        let twice = "fields:\n  - {fills: test.put.n}\n  - {fills: [test.put.n]}\n";
        assert_eq!(found(twice), [("twice", "forms.put-it".to_owned())]);
        let evidence = "fields: []\nevidence:\n  Deed: {zh: 契, en: Deed}\n";
        assert_eq!(found(evidence), [("bad-name", "forms.put-it.evidence[0]".to_owned())]);
    }

    #[test]
    fn a_form_reads_in_both_languages() {
        let problems = crate::check(&source("fields:\n  - {fills: test.put.n, help: {zh: 助}}\n"));
        let missing = problems.iter().find(|problem| problem.code == "missing-language").unwrap();
        assert_eq!(missing.place, "forms.put-it.fields[0]");
        assert_eq!(missing.location.as_ref().unwrap().file, "forms/put.yaml");
    }

    #[test]
    fn inputs_of_other_packages_are_looked_up_there() {
        let action = ACTION.replace("action: put", "action: act");
        let files = [
            ("package.yaml", &*PACKAGE.replace("package: test", "package: other")),
            ("registers/item.yaml", REGISTER),
            ("actions/act.yaml", &*action),
        ];
        let other = parse(&files).unwrap().compile().unwrap();
        let others = BTreeMap::from([("other".to_owned(), other)]);
        let codes = |fills: &str| -> Vec<_> {
            let source = source(&format!("fields:\n  - {{fills: {fills}}}\n"));
            let found = crate::check_forms(&source, &source.compile().unwrap(), &others);
            found
                .into_iter()
                .map(|problem| (problem.code, problem.location.unwrap().line))
                .collect()
        };
        assert_eq!(codes("[test.put.n, other.act.n, elsewhere.act.n]"), []);
        assert_eq!(codes("other.act.m"), [("unknown-name", 4)]);
        assert_eq!(codes("[test.put.n, other.act.day]"), [("type-differs", 4)]);
        assert_eq!(codes("[other.act.day, other.act.note]"), [("type-differs", 4)]);
    }
}

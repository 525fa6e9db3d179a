//! Exports: how records read as objects of a foreign standard, such as the classes of ISO 19152.
//!
//! An export is a file of the package, `exports/NAME.yaml`, and no part of its document: it
//! changes nothing on the ledger. Each of its objects comes from the records of one register,
//! perhaps one for each item of a list, with rules that see the record as `this`.

use std::collections::{BTreeMap, BTreeSet};

use chaincity_types::{Str, Value};
use serde_json::{Map, Value as Json};

use crate::compile::record_type;
use crate::json;
use crate::model::{Package, Register};
use crate::problem::{Location, Problem};
use crate::rule::{Environment, Fuel, Names, Program, RuleFailure, Type};
use crate::source::{ExportFile, ObjectText, read_yaml};

/// Most objects that an export declares.
const OBJECTS_MAX: usize = 64;
/// Most attributes of an object.
const ATTRIBUTES_MAX: usize = 64;
/// The names under which an object sees an item of its list, and the item's place from 0.
const ITEM: &str = "item";
const AT: &str = "at";

/// An export, compiled for a package.
#[derive(Clone, Debug)]
pub struct Export {
    /// Name.
    pub name: String,
    /// The standard whose classes it uses.
    pub standard: String,
    objects: Vec<Object>,
}

#[derive(Clone, Debug)]
struct Object {
    class: String,
    register: String,
    when: Option<Program>,
    each: Option<Program>,
    id: Program,
    attributes: Vec<(String, Program)>,
}

/// One exported object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Class, such as `LA_BAUnit`.
    pub class: String,
    /// Its id within the class: two records may give the same object.
    pub id: String,
    /// Its attributes; those without a value are left out.
    pub attributes: Map<String, Json>,
}

/// Reads an export and compiles it for a package.
///
/// # Errors
/// Everything that does not fit, with its place in the file.
pub fn compile(path: &str, text: &str, package: &Package) -> Result<Export, Vec<Problem>> {
    let at = |line, column| Location { file: path.to_owned(), line, column };
    let file: ExportFile = read_yaml(text).map_err(|(line, column, cause)| {
        let cause = (format!("无法读取：{cause}"), cause);
        let mut problem = Problem::error(
            "yaml",
            path,
            cause,
            ("按文件格式改正", "correct it to the file's form"),
        );
        problem.location = Some(at(line, column));
        vec![problem]
    })?;
    let mut compiler = Exporter { package, problems: Vec::new() };
    let count = file.objects.len();
    if count > OBJECTS_MAX {
        let cause = (
            format!("共{count}项，上限为{OBJECTS_MAX}"),
            format!("{count} objects where at most {OBJECTS_MAX} may stand"),
        );
        compiler.problems.push(Problem::error(
            "too-many",
            path,
            cause,
            ("删减或拆分", "remove some, or split"),
        ));
    }
    let mut objects = Vec::new();
    for object in file.objects.into_iter().take(OBJECTS_MAX) {
        let before = compiler.problems.len();
        let location = at(object.class.referenced.line(), object.class.referenced.column());
        objects.extend(compiler.object(object));
        for problem in compiler.problems.iter_mut().skip(before) {
            problem.location = Some(location.clone());
        }
    }
    if compiler.problems.is_empty() {
        Ok(Export { name: file.export, standard: file.standard, objects })
    } else {
        Err(compiler.problems)
    }
}

struct Exporter<'p> {
    package: &'p Package,
    problems: Vec<Problem>,
}

impl Exporter<'_> {
    fn object(&mut self, text: ObjectText) -> Option<Object> {
        let class = text.class.value;
        let place = format!("objects.{class}");
        let Some(register) = self.package.registers.get(text.from.as_str()) else {
            let cause = (
                format!("未知的登记簿`{}`", crate::rule::short(&text.from)),
                format!("unknown register `{}`", crate::rule::short(&text.from)),
            );
            let mend = ("改正名称", "correct the name");
            self.problems.push(Problem::error("unknown-name", place, cause, mend));
            return None;
        };
        let mut names = crate::compile::base_names(self.package);
        names.insert(crate::THIS.to_owned(), record_type(register));
        let when = match &text.when {
            Some(rule) => Some(self.rule(&place, rule, &names, |ty| *ty == Type::Bool)?),
            None => None,
        };
        let each = match &text.each {
            Some(rule) => {
                let program = self.rule(&place, rule, &names, |ty| matches!(ty, Type::List(_)))?;
                if let Type::List(item) = program.ty() {
                    names.insert(ITEM.to_owned(), item.as_ref().clone());
                    names.insert(AT.to_owned(), Type::Int);
                }
                Some(program)
            }
            None => None,
        };
        let id = self.rule(&place, &text.id, &names, |ty| *ty == Type::String)?;
        let mut attributes = Vec::new();
        for (name, rule) in text.set.0.into_iter().take(ATTRIBUTES_MAX) {
            let place = format!("{place}.{name}");
            attributes.push((name, self.rule(&place, &rule, &names, |_| true)?));
        }
        Some(Object { class, register: text.from, when, each, id, attributes })
    }

    fn rule(
        &mut self,
        place: &str,
        rule: &str,
        names: &Names,
        fits: impl Fn(&Type) -> bool,
    ) -> Option<Program> {
        let cause = match Program::compile(rule, names) {
            Ok(program) if fits(program.ty()) => return Some(program),
            Ok(program) => {
                let ty = program.ty();
                (format!("类型`{ty}`不合"), format!("a value of type `{ty}` does not fit here"))
            }
            Err(error) => (format!("规则有误：{error}"), error.to_string()),
        };
        let cause = (format!("{place}：{}", cause.0), format!("{place}: {}", cause.1));
        let mend = ("改写规则", "change the rule");
        self.problems.push(Problem::error("rule", place, cause, mend));
        None
    }
}

impl Export {
    /// The registers from which it takes records.
    #[must_use]
    pub fn registers(&self) -> BTreeSet<&str> {
        self.objects.iter().map(|object| object.register.as_str()).collect()
    }

    /// The objects that a record gives. `environment` must hold what [`Package::environment`]
    /// gives, `seen` the record with its computed fields.
    ///
    /// # Errors
    /// When a rule gives no value, such as by an overflow.
    pub fn objects(
        &self,
        register: &Register,
        seen: &BTreeMap<Str, Value>,
        environment: &Environment,
    ) -> Result<Vec<Exported>, RuleFailure> {
        let mut environment = environment.clone();
        environment.insert(crate::THIS.into(), Value::Map(seen.clone()));
        let mut fuel = Fuel::for_call();
        let mut out = Vec::new();
        for object in self.objects.iter().filter(|object| object.register == register.name) {
            if let Some(when) = &object.when
                && when.run(&environment, &mut fuel)? != Value::Bool(true)
            {
                continue;
            }
            let items = match &object.each {
                Some(each) => {
                    each.run(&environment, &mut fuel)?.as_list().unwrap_or_default().to_vec()
                }
                None => vec![Value::Null],
            };
            for (at, item) in (0_i64..).zip(items) {
                if object.each.is_some() {
                    environment.insert(ITEM.into(), item);
                    environment.insert(AT.into(), Value::Int(at));
                }
                out.push(object.export(&environment, &mut fuel)?);
            }
        }
        Ok(out)
    }
}

impl Object {
    fn export(&self, environment: &Environment, fuel: &mut Fuel) -> Result<Exported, RuleFailure> {
        let id = self.id.run(environment, fuel)?;
        let mut attributes = Map::new();
        for (name, program) in &self.attributes {
            let value = program.run(environment, fuel)?;
            if value != Value::Null {
                attributes.insert(name.clone(), json::from_value(&value));
            }
        }
        let id = id.as_text().unwrap_or_default().to_owned();
        Ok(Exported { class: self.class.clone(), id, attributes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincity_types::Timestamp;

    const EXPORT: &str = "export: test\nstandard: ISO 0\nobjects:\n  \
        - {class: Unit, from: unit, id: this.number, set: {name: this.place, \
        state: '\"in force\"', none: 'this.note'}}\n  \
        - {class: Share, from: unit, when: size(this.holders) > 1, each: this.holders, \
        id: 'this.number + \"-\" + string(at)', set: {party: item.subject, n: item.n}}\n";

    fn package() -> Package {
        let files = [
            (
                "package.yaml",
                "package: test\nversion: 1\ntitle: {zh: 测, en: T}\nroles:\n  a.b: {zh: 甲, en: A}\n",
            ),
            (
                "registers/unit.yaml",
                "register: unit\ntitle: {zh: 物, en: U}\nsteward: a.b\nkey: number\nfields:\n  \
                number: text(20)\n  place: text(20)\n  note: text(20)?\n  holders: list(share, max 5)\n",
            ),
        ];
        crate::source::parse(&files).unwrap().compile().unwrap()
    }

    #[test]
    fn a_record_gives_the_objects_that_its_rules_say() {
        let package = package();
        let export = compile("exports/test.yaml", EXPORT, &package).unwrap();
        let register = &package.registers["unit"];
        let share = |subject: &str| {
            let fields = [("subject", subject.into()), ("n", Value::Int(1)), ("d", Value::Int(2))];
            Value::Map(fields.map(|(name, value)| (name.into(), value)).into())
        };
        let fields = BTreeMap::from([
            ("number".into(), Value::from("u1")),
            ("place".into(), "路1号".into()),
            ("holders".into(), Value::List(vec![share("甲"), share("乙")])),
        ]);
        let state = (chaincity_types::wire::Status::Live, 1, Timestamp(0));
        let seen = register.stored(&"u1".into(), &fields, state);
        let found = export.objects(register, &seen, &package.environment(Timestamp(0))).unwrap();
        let ids: Vec<_> = found.iter().map(|o| (o.class.as_str(), o.id.as_str())).collect();
        assert_eq!(ids, [("Unit", "u1"), ("Share", "u1-0"), ("Share", "u1-1")]);
        let json = Json::Object(found[0].attributes.clone());
        assert_eq!(json, serde_json::json!({"name": "路1号", "state": "in force"}));
        assert_eq!(found[2].attributes["party"], "乙");
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_line() {
        for (from, to, line) in [
            ("from: unit", "from: uni", 4),
            ("this.place", "this.plac", 4),
            ("when: size(this.holders) > 1", "when: size(this.holders)", 5),
            ("each: this.holders", "each: this.number", 5),
            ("item.n", "item.x", 5),
        ] {
            let text = EXPORT.replacen(from, to, 1);
            let problems = compile("exports/test.yaml", &text, &package()).unwrap_err();
            let location = problems[0].location.as_ref().unwrap();
            assert_eq!(
                (location.file.as_str(), location.line),
                ("exports/test.yaml", line),
                "{to}"
            );
        }
    }
}

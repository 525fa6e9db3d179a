//! A steward's release policy: which accesses its agent refuses, and which it leaves to a person, of
//! those that grant and consent allow.
//!
//! It is a file of the steward's own, in the rule language, and no part of any package: it can only take
//! away. The first rule that holds decides; where none does, the agent answers. A rule that gives no value
//! refuses: what was meant to hold something back must not let it through.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaincity_types::{Str, Timestamp, Value};

use crate::doc::TextDoc;
use crate::model::Text;
use crate::problem::{Location, Problem};
use crate::rule::{Environment, Fuel, Names, Program, Type};
use crate::source::{PolicyFile, PolicyRule, read_yaml};

/// Most rules of a policy.
const RULES_MAX: usize = 64;
/// The name under which rules see the access.
const ACCESS: &str = "access";
const NOW: &str = "now";
const TODAY: &str = "today";
/// The hour of the day in China, 0 to 23.
const HOUR: &str = "hour";

const HOUR_MS: u64 = 3_600_000;
/// UTC+8.
const OFFSET_HOURS: u64 = 8;
const DAY_HOURS: u64 = 24;

/// What a policy sees of an access: never a value of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking<'a> {
    /// The member that asks.
    pub reader: &'a str,
    /// The officer who asks, by his key.
    pub officer: &'a str,
    /// His roles.
    pub roles: &'a [String],
    /// Package of the record.
    pub in_package: &'a str,
    /// Its register.
    pub register: &'a str,
    /// Its key.
    pub record: &'a str,
    /// Groups asked for.
    pub groups: &'a [String],
    /// Claims asked for, by their full names.
    pub claims: &'a [String],
    /// The purpose.
    pub purpose: &'a str,
    /// What it rests on: `grant`, `consent` or `subject`.
    pub basis: &'a str,
}

/// What a policy says of an access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: the agent answers.
    Answer,
    /// It is refused, for this reason.
    Refuse(Text),
    /// A person answers, for this reason.
    Person(Text),
}

/// A policy. The default one holds nothing back.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    rules: Vec<(Program, Verdict)>,
}

impl Policy {
    /// Reads and compiles a policy.
    ///
    /// # Errors
    /// Everything that does not fit, with its place in the file.
    pub fn read(path: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let at = |line, column| Some(Location { file: path.to_owned(), line, column });
        let file: PolicyFile = read_yaml(text).map_err(|(line, column, cause)| {
            let mut problem = wrong("yaml", (format!("无法读取：{cause}"), cause));
            problem.location = at(line, column);
            vec![problem]
        })?;
        let mut problems = Vec::new();
        if file.rules.len() > RULES_MAX {
            let count = file.rules.len();
            let zh = format!("共{count}条规则，上限为{RULES_MAX}");
            problems.push(wrong("too-many", (zh, format!("{count} rules, at most {RULES_MAX}"))));
        }
        let names = names();
        let mut rules = Vec::new();
        for rule in file.rules.into_iter().take(RULES_MAX) {
            let place = at(rule.when.referenced.line(), rule.when.referenced.column());
            match compile(rule, &names) {
                Ok(rule) => rules.push(rule),
                Err(problem) => problems.push(Problem { location: place, ..*problem }),
            }
        }
        if problems.is_empty() { Ok(Self { rules }) } else { Err(problems) }
    }

    /// Whether it holds nothing back, whatever is asked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What becomes of an access that is answered now.
    #[must_use]
    pub fn judge(&self, asking: &Asking<'_>, now: Timestamp) -> Verdict {
        let environment = environment(asking, now);
        let mut fuel = Fuel::for_call();
        for (when, verdict) in &self.rules {
            match when.run(&environment, &mut fuel) {
                Ok(Value::Bool(true)) => return verdict.clone(),
                Ok(_) => {}
                Err(_failure) => {
                    return Verdict::Refuse(Text {
                        zh: "本单位的一条放行规则得不出结果".to_owned(),
                        en: "a rule of the steward's policy gives no value".to_owned(),
                    });
                }
            }
        }
        Verdict::Answer
    }
}

fn wrong(code: &'static str, cause: (String, String)) -> Problem {
    Problem::error(code, "rules", cause, ("按文件格式改正", "correct it to the file's form"))
}

fn compile(rule: PolicyRule, names: &Names) -> Result<(Program, Verdict), Box<Problem>> {
    let program = match Program::compile(&rule.when.value, names) {
        Ok(program) if *program.ty() == Type::Bool => program,
        Ok(program) => {
            let ty = program.ty();
            return Err(Box::new(wrong(
                "rule",
                (format!("类型`{ty}`不合"), format!("a `{ty}`, not a bool")),
            )));
        }
        Err(error) => {
            return Err(Box::new(wrong("rule", (format!("规则有误：{error}"), error.to_string()))));
        }
    };
    let (title, refuses) = match (rule.refuse, rule.person) {
        (Some(title), None) => (title, true),
        (None, Some(title)) => (title, false),
        _ => {
            let en = "a rule has either `refuse` or `person`".to_owned();
            return Err(Box::new(wrong(
                "policy",
                ("每条规则须有`refuse`或`person`之一".to_owned(), en),
            )));
        }
    };
    let TextDoc { zh, en } = TextDoc::from(title);
    if zh.is_empty() || en.is_empty() {
        let en = "the reason stands in both languages".to_owned();
        return Err(Box::new(wrong("language-missing", ("理由须有中英文".to_owned(), en))));
    }
    let reason = Text { zh, en };
    Ok((program, if refuses { Verdict::Refuse(reason) } else { Verdict::Person(reason) }))
}

fn names() -> Names {
    let texts = || Type::list(Type::String);
    let fields = [
        ("reader", Type::String),
        ("officer", Type::String),
        ("roles", texts()),
        ("in_package", Type::String),
        ("register", Type::String),
        ("record", Type::String),
        ("groups", texts()),
        ("claims", texts()),
        ("purpose", Type::String),
        ("basis", Type::String),
    ];
    let fields = fields.map(|(name, ty)| (name.to_owned(), ty));
    let access = Type::Record(Arc::new(BTreeMap::from(fields)));
    let names = [(ACCESS, access), (NOW, Type::Time), (TODAY, Type::Date), (HOUR, Type::Int)];
    names.map(|(name, ty)| (name.to_owned(), ty)).into()
}

fn environment(asking: &Asking<'_>, now: Timestamp) -> Environment {
    let Asking { reader, officer, roles, in_package, register, record, .. } = asking;
    let Asking { groups, claims, purpose, basis, .. } = asking;
    let texts =
        |texts: &[String]| Value::List(texts.iter().map(|t| Value::from(t.as_str())).collect());
    let fields: [(Str, Value); 10] = [
        ("reader".into(), Value::from(*reader)),
        ("officer".into(), Value::from(*officer)),
        ("roles".into(), texts(roles)),
        ("in_package".into(), Value::from(*in_package)),
        ("register".into(), Value::from(*register)),
        ("record".into(), Value::from(*record)),
        ("groups".into(), texts(groups)),
        ("claims".into(), texts(claims)),
        ("purpose".into(), Value::from(*purpose)),
        ("basis".into(), Value::from(*basis)),
    ];
    let hours = now.0.checked_div(HOUR_MS).unwrap_or(0).saturating_add(OFFSET_HOURS);
    let hour = hours.checked_rem(DAY_HOURS).and_then(|hour| i64::try_from(hour).ok());
    BTreeMap::from([
        (ACCESS.into(), Value::Map(fields.into())),
        (NOW.into(), Value::Time(now)),
        (TODAY.into(), Value::Date(now.china_day())),
        (HOUR.into(), Value::Int(hour.unwrap_or(0))),
    ])
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]
mod tests {
    use super::*;

    /// 2026-09-01, a Tuesday, at this hour in China.
    fn at(hour: u64) -> Timestamp {
        Timestamp(1_788_192_000_000 + hour * HOUR_MS)
    }

    const POLICY: &str = r#"
rules:
  - when: hour < 8 || hour >= 18 || next_workday(today) != today
    person: {zh: 非办公时间由人答复, en: outside office hours a person answers}
  - when: access.reader == "bank-b" && "holder-identity" in access.groups
    refuse: {zh: 不向该行提供权利人身份, en: this bank gets no identities}
  - when: access.basis == "grant" && !("court.judge" in access.roles) && size(access.claims) / (size(access.groups) - 3) > 9
    refuse: {zh: 不会发生, en: never}
"#;

    fn asking<'a>(reader: &'a str, groups: &'a [String]) -> Asking<'a> {
        Asking {
            reader,
            officer: "00",
            roles: &[],
            in_package: "real-estate",
            register: "right",
            record: "r-1",
            groups,
            claims: &[],
            purpose: "核实",
            basis: "grant",
        }
    }

    #[test]
    fn the_first_rule_that_holds_decides_and_where_none_does_the_agent_answers() {
        let policy = Policy::read("release-policy.yaml", POLICY).unwrap();
        let identity = ["holder-identity".to_owned()];
        let judge = |reader, hour| policy.judge(&asking(reader, &identity), at(hour));
        assert_eq!(judge("bank-a", 9), Verdict::Answer);
        let Verdict::Refuse(reason) = judge("bank-b", 9) else { panic!("not refused") };
        assert_eq!(reason.en, "this bank gets no identities");
        for hour in [0, 7, 18, 23] {
            assert!(matches!(judge("bank-b", hour), Verdict::Person(_)), "{hour}");
        }
        // A Saturday.
        let saturday = at(9 + 4 * 24);
        let judged = policy.judge(&asking("bank-a", &identity), saturday);
        assert!(matches!(judged, Verdict::Person(_)));
        assert_eq!(Policy::default().judge(&asking("bank-b", &identity), at(3)), Verdict::Answer);
    }

    #[test]
    fn a_rule_that_gives_no_value_refuses() {
        let policy = Policy::read("release-policy.yaml", POLICY).unwrap();
        let three = ["a", "b", "c"].map(str::to_owned);
        let judged = policy.judge(&asking("bank-a", &three), at(9));
        assert!(matches!(judged, Verdict::Refuse(_)), "{judged:?}");
    }

    #[test]
    fn what_is_no_policy_is_refused_with_its_place() {
        let of = |rules: &str| {
            let problems = Policy::read("p.yaml", &format!("rules:\n{rules}\n")).unwrap_err();
            (problems[0].code, problems[0].location.as_ref().map(|at| at.line))
        };
        let reason = "{zh: 理由, en: a reason}";
        assert_eq!(of(&format!("  - {{when: hour, refuse: {reason}}}")), ("rule", Some(2)));
        assert_eq!(of(&format!("  - {{when: hours > 3, refuse: {reason}}}")), ("rule", Some(2)));
        let of_value = format!("  - {{when: access.price > 3, person: {reason}}}");
        assert_eq!(of(&of_value), ("rule", Some(2)));
        assert_eq!(of("  - {when: hour > 3}"), ("policy", Some(2)));
        let both = format!("  - {{when: hour > 3, refuse: {reason}, person: {reason}}}");
        assert_eq!(of(&both), ("policy", Some(2)));
        assert_eq!(of("  - {when: hour > 3, refuse: {zh: 理由}}"), ("language-missing", Some(2)));
        assert_eq!(of(&format!("  - {{when: hour > 3, allow: {reason}}}")).0, "yaml");
        let many = format!("  - {{when: hour > 3, refuse: {reason}}}\n").repeat(RULES_MAX + 1);
        assert_eq!(of(&many).0, "too-many");
    }
}

//! The rule language gives what CEL gives: generated well-typed expressions of the common subset
//! run here and in the `cel` crate. Some are written down for `oracle/compare.mjs`, which runs them
//! in an implementation that shares nothing with either.
//!
//! Known difference: CEL absorbs a failure of one side of `&&` and `||` (and inside `all` and
//! `exists`) where the other side decides; here the first failure from the left is the rule's.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::missing_docs_in_private_items,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use cel::{Context, Program as CelProgram, Value as CelValue};
use chaincity_package::rule::{Environment, Fuel, Names, Program, RuleFailure, Type};
use chaincity_types::Value;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value as Json, json};

/// Makes well-typed expressions out of arbitrary bytes; when they run out, leaves.
struct Maker<'b> {
    source: std::slice::Iter<'b, u8>,
    locals: usize,
    keys: usize,
}

impl Maker<'_> {
    fn pick(&mut self, choices: u8) -> u8 {
        self.source.next().map_or(0, |byte| byte % choices)
    }

    fn int(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.pick(7) {
                0 => "i".to_owned(),
                1 => "0".to_owned(),
                2 => "(-3)".to_owned(),
                3 => "9223372036854775807".to_owned(),
                4 => "(-9223372036854775808)".to_owned(),
                5 if self.locals > 0 => format!("x{}", self.locals - 1),
                _ => "7".to_owned(),
            };
        }
        let d = depth - 1;
        match self.pick(13) {
            11 => format!("size({})", self.map(d)),
            12 => format!("{}[{}]", self.map(d), self.text(d)),
            0 => format!("({} + {})", self.int(d), self.int(d)),
            1 => format!("({} - {})", self.int(d), self.int(d)),
            2 => format!("({} * {})", self.int(d), self.int(d)),
            3 => format!("({} / {})", self.int(d), self.int(d)),
            4 => format!("({} % {})", self.int(d), self.int(d)),
            5 => format!("size({})", self.text(d)),
            6 => format!("size({})", self.list(d)),
            7 => format!("{}[{}]", self.list(d), self.int(0)),
            8 => format!("size({})", self.bytes(d)),
            9 => format!("{}.n", self.record(d)),
            _ => format!("({} ? {} : {})", self.bool(d), self.int(d), self.int(d)),
        }
    }

    fn text(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.pick(4) {
                0 => "s".to_owned(),
                1 => "''".to_owned(),
                2 => "'中文'".to_owned(),
                _ => "'ab'".to_owned(),
            };
        }
        let d = depth - 1;
        match self.pick(4) {
            0 => format!("({} + {})", self.text(d), self.text(d)),
            1 => format!("{}.t", self.record(d)),
            2 => self.a_key(d),
            _ => format!("({} ? {} : {})", self.bool(d), self.text(d), self.text(d)),
        }
    }

    fn bytes(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.pick(4) {
                0 => "y".to_owned(),
                1 => "b''".to_owned(),
                2 => r"b'\xff\x00'".to_owned(),
                _ => "b'ab'".to_owned(),
            };
        }
        let d = depth - 1;
        match self.pick(2) {
            0 => format!("({} + {})", self.bytes(d), self.bytes(d)),
            _ => format!("({} ? {} : {})", self.bool(d), self.bytes(d), self.bytes(d)),
        }
    }

    fn record(&mut self, depth: usize) -> String {
        if depth == 0 {
            return "r".to_owned();
        }
        let d = depth - 1;
        match self.pick(2) {
            0 => format!("({} ? {} : {})", self.bool(d), self.record(d), self.record(d)),
            _ => format!("{{'n': {}, 't': {}}}", self.int(d), self.text(d)),
        }
    }

    fn map(&mut self, depth: usize) -> String {
        if depth == 0 {
            return "m".to_owned();
        }
        format!("({} ? {} : {})", self.bool(depth - 1), self.map(depth - 1), self.map(depth - 1))
    }

    /// Of the map of one entry: where there are several, CEL takes them in any order.
    fn a_key(&mut self, depth: usize) -> String {
        let (key, text) = self.with_key(depth, Self::text);
        format!("o.map({key}, {key} + {text})[0]")
    }

    fn over_keys(&mut self, depth: usize, name: &str) -> String {
        let map = self.map(depth);
        let (key, text) = self.with_key(depth, Self::text);
        format!("{map}.{name}({key}, {key} < {text} && m[{key}] > {})", self.int(0))
    }

    /// A macro's variable that is a key, and what stands where it is known.
    fn with_key(
        &mut self,
        depth: usize,
        body: impl Fn(&mut Self, usize) -> String,
    ) -> (String, String) {
        let key = format!("k{}", self.keys);
        self.keys += 1;
        let body = body(self, depth);
        self.keys -= 1;
        (key, body)
    }

    fn list(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.pick(3) {
                0 => "l".to_owned(),
                1 => "[1, 2, 2]".to_owned(),
                _ => "[i]".to_owned(),
            };
        }
        let d = depth - 1;
        match self.pick(4) {
            0 => format!("[{}, {}]", self.int(d), self.int(d)),
            1 => format!("({} + {})", self.list(d), self.list(d)),
            2 => self.in_macro(d, "filter", Self::bool),
            _ => self.in_macro(d, "map", Self::int),
        }
    }

    fn in_macro(
        &mut self,
        depth: usize,
        name: &str,
        body: impl Fn(&mut Self, usize) -> String,
    ) -> String {
        let list = self.list(depth);
        let variable = format!("x{}", self.locals);
        self.locals += 1;
        let body = body(self, depth);
        self.locals -= 1;
        format!("{list}.{name}({variable}, {body})")
    }

    fn bool(&mut self, depth: usize) -> String {
        if depth == 0 {
            return if self.pick(2) == 0 { "true".to_owned() } else { "b".to_owned() };
        }
        let d = depth - 1;
        match self.pick(21) {
            17 => format!("({} in {})", self.text(d), self.map(d)),
            18 => format!("({} == {})", self.map(d), self.map(d)),
            19 => self.over_keys(d, "all"),
            20 => self.over_keys(d, "exists_one"),
            0 => format!("({} && {})", self.bool(d), self.bool(d)),
            1 => format!("({} || {})", self.bool(d), self.bool(d)),
            2 => format!("!{}", self.bool(d)),
            3 => format!("({} < {})", self.int(d), self.int(d)),
            4 => format!("({} >= {})", self.int(d), self.int(d)),
            5 => format!("({} == {})", self.list(d), self.list(d)),
            6 => format!("({} != {})", self.text(d), self.text(d)),
            7 => format!("({} < {})", self.text(d), self.text(d)),
            8 => format!("({} in {})", self.int(d), self.list(d)),
            9 => self.in_macro(d, "all", Self::bool),
            10 => self.in_macro(d, "exists", Self::bool),
            11 => self.in_macro(d, "exists_one", Self::bool),
            12 => format!("{}.startsWith({})", self.text(d), self.text(d)),
            13 => format!("({} == {})", self.bytes(d), self.bytes(d)),
            14 => format!("({} < {})", self.bytes(d), self.bytes(d)),
            15 => format!("({} == {})", self.record(d), self.record(d)),
            _ => format!("{}.contains({})", self.text(d), self.text(d)),
        }
    }
}

fn as_cel(value: &Value) -> CelValue {
    match value {
        Value::Bool(b) => CelValue::Bool(*b),
        Value::Int(n) => CelValue::Int(*n),
        Value::Text(text) => CelValue::String(text.to_string().into()),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(as_cel).collect();
            CelValue::List(items.into())
        }
        Value::Bytes(bytes) => CelValue::Bytes(bytes.clone().into()),
        Value::Map(fields) => {
            let fields: HashMap<_, _> =
                fields.iter().map(|(k, v)| (k.to_string(), as_cel(v))).collect();
            CelValue::Map(fields.into())
        }
        Value::Null | Value::Decimal { .. } | Value::Date(_) | Value::Time(_) => {
            panic!("not of the common subset: {}", value.kind())
        }
    }
}

fn variables(i: i64, b: bool) -> Environment {
    let record =
        Value::Map(BTreeMap::from([("n".into(), Value::Int(i)), ("t".into(), Value::from("ab"))]));
    BTreeMap::from([
        ("i".into(), Value::Int(i)),
        ("b".into(), Value::Bool(b)),
        ("s".into(), Value::from("abc")),
        ("y".into(), Value::Bytes(vec![0x61, 0xff])),
        ("r".into(), record),
        ("m".into(), map(&[("ab", 1), ("中文", i), ("", 3)])),
        ("o".into(), map(&[("one", i)])),
        ("l".into(), Value::List(vec![Value::Int(3), Value::Int(i), Value::Int(-1)])),
    ])
}

fn map(entries: &[(&str, i64)]) -> Value {
    Value::Map(entries.iter().map(|(key, n)| ((*key).into(), Value::Int(*n))).collect())
}

fn names() -> Names {
    BTreeMap::from([
        ("i".to_owned(), Type::Int),
        ("b".to_owned(), Type::Bool),
        ("s".to_owned(), Type::String),
        ("l".to_owned(), Type::list(Type::Int)),
        ("y".to_owned(), Type::Bytes),
        ("m".to_owned(), Type::map(Type::Int)),
        ("o".to_owned(), Type::map(Type::Int)),
        ("r".to_owned(), Type::record([("n", Type::Int), ("t", Type::String)])),
    ])
}

/// An expression with the values of its variables, and what it gives here.
struct Case {
    text: String,
    environment: Environment,
    ours: Result<Value, RuleFailure>,
}

fn case(source: &[u8], kind: u8, i: i64, b: bool) -> Result<Case, TestCaseError> {
    let mut maker = Maker { source: source.iter(), locals: 0, keys: 0 };
    let text = match kind {
        0 => maker.int(4),
        1 => maker.bool(4),
        2 => maker.text(4),
        3 => maker.bytes(4),
        4 => maker.record(4),
        _ => maker.list(4),
    };
    let environment = variables(i, b);
    let ours = Program::compile(&text, &names())
        .map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?
        .run(&environment, &mut Fuel::for_call());
    Ok(Case { text, environment, ours })
}

/// What a case is made of.
fn sources() -> impl Strategy<Value = (Vec<u8>, u8, i64, bool)> {
    (prop::collection::vec(any::<u8>(), 0..60), 0_u8..6, any::<i64>(), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn generated_expressions_agree_with_cel((source, kind, i, b) in sources()) {
        let Case { text, environment, ours } = case(&source, kind, i, b)?;
        let mut context = Context::default();
        for (name, value) in &environment {
            context.add_variable_from_value(name.clone(), as_cel(value));
        }
        let theirs = CelProgram::compile(&text).unwrap().execute(&context);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(as_cel(&ours), theirs, "{}", text),
            (Err(failure), Ok(theirs)) => {
                let absorbs = ["&&", "||", ".all(", ".exists("];
                prop_assert!(
                    absorbs.iter().any(|mark| text.contains(mark)),
                    "{}: {} here, {:?} there", text, failure, theirs
                );
            }
            (Ok(ours), Err(theirs)) => {
                return Err(TestCaseError::fail(format!("{text}: {ours:?} here, {theirs} there")));
            }
            (Err(failure), Err(_)) => {
                prop_assert!(!failure.detail.starts_with("type:"), "{}: {}", text, failure);
            }
        }
    }
}

/// The value with its kind, as `oracle/compare.mjs` reads it.
fn as_json(value: &Value) -> Json {
    match value {
        Value::Bool(b) => json!({ "bool": b }),
        Value::Int(n) => json!({ "int": n.to_string() }),
        Value::Text(text) => json!({ "string": text.as_str() }),
        Value::Bytes(bytes) => json!({ "bytes": hex::encode(bytes) }),
        Value::List(items) => json!({ "list": items.iter().map(as_json).collect::<Vec<_>>() }),
        Value::Map(fields) => {
            let fields: BTreeMap<_, _> =
                fields.iter().map(|(k, v)| (k.as_str(), as_json(v))).collect();
            json!({ "map": fields })
        }
        Value::Null | Value::Decimal { .. } | Value::Date(_) | Value::Time(_) => {
            panic!("not of the common subset: {}", value.kind())
        }
    }
}

/// The first line gives the seed; each further line a case.
#[test]
fn cases_are_written_for_the_second_oracle() {
    const SEED: [u8; 32] = *b"chaincity: rules as CEL has them";
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut lines = format!("{}\n", json!({ "seed": hex::encode(SEED) }));
    let mut failures = 0;
    for _ in 0..2_000 {
        let (source, kind, i, b) = sources().new_tree(&mut runner).unwrap().current();
        let Case { text, environment, ours } = case(&source, kind, i, b).unwrap();
        let variables: BTreeMap<_, _> =
            environment.iter().map(|(k, v)| (k.as_str(), as_json(v))).collect();
        let ours = match ours {
            Ok(value) => json!({ "value": as_json(&value) }),
            Err(failure) => {
                failures += 1;
                json!({ "fails": failure.code.code(), "detail": failure.detail })
            }
        };
        let line = json!({ "text": text, "variables": variables, "ours": ours });
        writeln!(lines, "{line}").unwrap();
    }
    assert!((200..1_800).contains(&failures), "{failures} of 2000 fail: cases of too little worth");
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/cel-cases.jsonl");
    std::fs::write(file, lines).unwrap();
    println!("2000 cases, {failures} of which fail, with seed {} in {file}", hex::encode(SEED));
}

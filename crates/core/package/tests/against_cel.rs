//! The rule language gives what CEL gives: generated well-typed expressions of the common subset
//! run here and in the `cel` crate.
//!
//! Known difference: CEL absorbs a failure of one side of `&&` and `||` (and inside `all` and
//! `exists`) where the other side decides; here the first failure from the left is the rule's.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::missing_docs_in_private_items,
    reason = "tests"
)]

use std::collections::BTreeMap;

use cel::{Context, Program as CelProgram, Value as CelValue};
use chaincity_package::rule::{Environment, Fuel, Names, Program, Type};
use chaincity_types::Value;
use proptest::prelude::*;

/// Makes well-typed expressions out of arbitrary bytes; when they run out, leaves.
struct Maker<'b> {
    bytes: std::slice::Iter<'b, u8>,
    locals: usize,
}

impl Maker<'_> {
    fn pick(&mut self, choices: u8) -> u8 {
        self.bytes.next().map_or(0, |byte| byte % choices)
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
        match self.pick(9) {
            0 => format!("({} + {})", self.int(d), self.int(d)),
            1 => format!("({} - {})", self.int(d), self.int(d)),
            2 => format!("({} * {})", self.int(d), self.int(d)),
            3 => format!("({} / {})", self.int(d), self.int(d)),
            4 => format!("({} % {})", self.int(d), self.int(d)),
            5 => format!("size({})", self.text(d)),
            6 => format!("size({})", self.list(d)),
            7 => format!("{}[{}]", self.list(d), self.int(0)),
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
        match self.pick(2) {
            0 => format!("({} + {})", self.text(d), self.text(d)),
            _ => format!("({} ? {} : {})", self.bool(d), self.text(d), self.text(d)),
        }
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
        match self.pick(14) {
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
            _ => format!("{}.contains({})", self.text(d), self.text(d)),
        }
    }
}

fn as_cel(value: &Value) -> CelValue {
    match value {
        Value::Bool(b) => CelValue::Bool(*b),
        Value::Int(n) => CelValue::Int(*n),
        Value::Text(text) => CelValue::String(text.clone().into()),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(as_cel).collect();
            CelValue::List(items.into())
        }
        Value::Null
        | Value::Decimal { .. }
        | Value::Bytes(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::Map(_) => panic!("not of the common subset: {}", value.kind()),
    }
}

fn variables(i: i64, b: bool) -> Environment {
    BTreeMap::from([
        ("i".to_owned(), Value::Int(i)),
        ("b".to_owned(), Value::Bool(b)),
        ("s".to_owned(), Value::Text("abc".to_owned())),
        ("l".to_owned(), Value::List(vec![Value::Int(3), Value::Int(i), Value::Int(-1)])),
    ])
}

fn names() -> Names {
    BTreeMap::from([
        ("i".to_owned(), Type::Int),
        ("b".to_owned(), Type::Bool),
        ("s".to_owned(), Type::String),
        ("l".to_owned(), Type::list(Type::Int)),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn generated_expressions_agree_with_cel(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        kind in 0_u8..4,
        i in any::<i64>(),
        b in any::<bool>(),
    ) {
        let mut maker = Maker { bytes: bytes.iter(), locals: 0 };
        let text = match kind {
            0 => maker.int(4),
            1 => maker.bool(4),
            2 => maker.text(4),
            _ => maker.list(4),
        };
        let environment = variables(i, b);
        let ours = Program::compile(&text, &names())
            .map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?
            .run(&environment, &mut Fuel::for_call());
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

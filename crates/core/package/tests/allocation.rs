//! Running a compiled rule parses nothing, and no part of it allocates: only new lists, maps,
//! texts and bytes do.
#![allow(
    clippy::disallowed_methods,
    clippy::arithmetic_side_effects,
    clippy::integer_division,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests read the package's files"
)]

use std::collections::BTreeMap;
use std::path::Path;

use allocation_counter::measure;
use chaincity_package::model::Package;
use chaincity_package::rule::{Environment, Fuel, Names, Program, Type};
use chaincity_package::source;
use chaincity_types::{Timestamp, Value};

/// True of [`environment`], each a kind of part.
const CONDITIONS: [&str; 28] = [
    "n+1>n",
    "-n<n*2-n%3",
    "!(n/2>n)",
    "(n>0?n:1)==n",
    "n>9||n<9",
    "q*n>=decimal('1.50')",
    "r.f==1",
    "r.g==null",
    "has(r.f)",
    "s=='字'",
    "r.s.startsWith(s)",
    "size(s)==1",
    "d<add_days(d,1)",
    "add_months(d,1)>d",
    "months_between(d,d)==0",
    "days_between(d,d)==0",
    "next_workday(d)>=d",
    "add_workdays(d,2)>d",
    "date_of(t)<=d",
    "start_of(d)<=add_hours(start_of(d),1)",
    "2 in l&&l[1]==2",
    "sum(l)==6&&max(l)==3",
    "min(n,3)<=max(n,3)",
    "sum_shares(h)==whole",
    "l.all(x,l.exists(y,x<=y))",
    "h.all(o,h.exists_one(p,p.subject==o.subject))",
    "m['b']==2",
    "s in m||'a' in m&&size(m)==2",
];

fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(fields.map(|(name, value)| (name.into(), value)).into())
}

fn share(subject: &str, n: i64, d: i64) -> Value {
    map([("subject", Value::from(subject)), ("n", Value::Int(n)), ("d", Value::Int(d))])
}

fn names() -> Names {
    let record = Type::record([
        ("f", Type::Int.optional()),
        ("g", Type::Int.optional()),
        ("s", Type::String),
    ]);
    [
        ("n", Type::Int),
        ("q", Type::Decimal(2)),
        ("s", Type::String),
        ("d", Type::Date),
        ("t", Type::Time),
        ("r", record),
        ("l", Type::list(Type::Int)),
        ("h", Type::list(Type::share())),
        ("m", Type::map(Type::Int)),
    ]
    .map(|(name, ty)| (name.to_owned(), ty))
    .into()
}

fn environment() -> Environment {
    [
        ("n", Value::Int(5)),
        ("q", Value::Decimal { mantissa: 150, scale: 2 }),
        ("s", Value::from("字")),
        ("d", Value::Date(20_600)),
        ("t", Value::Time(Timestamp(0))),
        ("r", map([("f", Value::Int(1)), ("s", Value::from("字一二三"))])),
        ("l", Value::List((1..=3).map(Value::Int).collect())),
        ("h", Value::List(vec![share("a", 1, 3), share("b", 4, 6)])),
        ("m", map([("a", Value::Int(1)), ("b", Value::Int(2))])),
    ]
    .map(|(name, value)| (name.into(), value))
    .into()
}

/// `condition && … && condition`, so many times, nested no deeper than needed.
fn times(condition: &str, count: usize) -> String {
    if count == 1 {
        return format!("({condition})");
    }
    format!("({}&&{})", times(condition, count / 2), times(condition, count - count / 2))
}

/// Allocations of one run, and the fuel that it used; the rule must hold.
fn run(program: &Program, environment: &Environment) -> (u64, u64) {
    let mut fuel = Fuel::for_call();
    let mut holds = Ok(Value::Null);
    let counted = measure(|| holds = program.run(environment, &mut fuel));
    assert_eq!(holds, Ok(Value::Bool(true)));
    (counted.count_total, Fuel::CALL_MAX - fuel.left)
}

#[test]
fn what_allocates_is_counted() {
    assert_eq!(measure(|| drop(std::hint::black_box(vec![1_u8]))).count_total, 1);
    let text = times("n+1>n", 10);
    assert!(measure(|| drop(Program::compile(&text, &names()))).count_total > 100);
}

#[test]
fn no_part_of_a_rule_allocates() {
    let environment = environment();
    // The tables of working days are read once, when a process first asks for one.
    run(&Program::compile("next_workday(d)>=d", &names()).unwrap(), &environment);
    for condition in CONDITIONS {
        let mut paid = Vec::new();
        for count in [1, 10, 60] {
            let program = Program::compile(&times(condition, count), &names()).unwrap();
            let (allocations, fuel) = run(&program, &environment);
            assert_eq!(allocations, 0, "{condition}, {count} times");
            paid.push(fuel);
        }
        let [one, ten, sixty] = paid.try_into().unwrap();
        assert!(one * 10 <= ten && one * 60 <= sixty, "{condition} was not run each time");
    }
}

#[test]
fn a_rule_of_a_thousand_parts_allocates_nothing() {
    let mut of_parts = Vec::new();
    for count in [2, 249] {
        let program = Program::compile(&times("n<9", count), &names()).unwrap();
        let (allocations, fuel) = run(&program, &environment());
        assert_eq!(allocations, 0, "{count}");
        of_parts.push(fuel);
    }
    assert!(of_parts.iter().max() >= Some(&995), "{of_parts:?} units of fuel, one for each part");
}

#[test]
fn what_a_rule_builds_is_copied_once_however_often_it_is_used() {
    let environment = environment();
    let allocations = |uses: usize| {
        let body = times("y.s==s&&y.v>0", uses);
        let text = format!("l.map(x,{{'s':s,'v':x}}).all(y,{body})");
        run(&Program::compile(&text, &names()).unwrap(), &environment).0
    };
    assert!(allocations(1) > 0);
    assert_eq!(allocations(1), allocations(30));
    let keys = |uses: usize| {
        let text = format!("m.all(k,{})", times("k<'z'", uses));
        run(&Program::compile(&text, &names()).unwrap(), &environment).0
    };
    assert_eq!((keys(1), keys(30)), (0, 0), "a key is cheap to take");
}

fn real_estate() -> Package {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../packages/real-estate");
    let mut files = Vec::new();
    for folder in [""].into_iter().chain(chaincity_package::source::FOLDERS) {
        for entry in std::fs::read_dir(root.join(folder)).unwrap().map(Result::unwrap) {
            let path = Path::new(folder).join(entry.file_name());
            if path.extension().is_some_and(|ext| ext == "yaml") {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                files.push((path.to_str().unwrap().to_owned(), text));
            }
        }
    }
    let pairs: Vec<_> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    source::parse(&pairs).unwrap().compile().unwrap()
}

/// What the guards of `transfer` see when so many holders sell a sound unit to so many.
fn sale(package: &Package, people: i64) -> Environment {
    let unit = || Value::from("430100001001GB00001F00010001");
    let holders = |side: &str| {
        Value::List((1..=people).map(|i| share(&format!("{side}{i}"), 1, people)).collect())
    };
    let none = || Value::List(Vec::new());
    let parameters: BTreeMap<_, _> =
        package.parameters.iter().map(|(name, p)| (name.clone(), p.value.clone())).collect();
    let ended = ("state", Value::from("ended"));
    let holds = map([("_key", unit()), ended, ("alone", Value::Bool(false))]);
    let mut environment: Environment = [
        ("input", map([("unit", unit()), ("to", holders("buyer"))])),
        ("title", map([("unit", unit()), ("holders", holders("seller"))])),
        ("units", Value::List(vec![map([("_key", unit())])])),
        ("seals", Value::List(vec![holds])),
        ("application", Value::Null),
        ("param", Value::Map(parameters)),
        ("action", Value::from("transfer")),
    ]
    .map(|(name, value)| (name.into(), value))
    .into();
    for read in &package.actions.get("transfer").unwrap().reads {
        environment.entry(read.name.clone()).or_insert_with(none);
    }
    environment
}

#[test]
fn the_guards_of_a_transfer_neither_parse_nor_allocate() {
    let package = real_estate();
    let guards = &package.actions.get("transfer").unwrap().guards;
    assert!(guards.len() > 15, "{}", guards.len());
    for people in [1, 50] {
        let environment = sale(&package, people);
        for guard in guards {
            let (allocations, fuel) = run(&guard.that, &environment);
            assert_eq!(allocations, 0, "{} with {people} people", guard.code);
            assert!(fuel > 0);
        }
    }
}

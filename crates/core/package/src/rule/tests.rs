//! Claims about the rule language as a whole.
#![allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn names() -> Names {
    let record = Type::record([
        ("price", Type::Int.optional()),
        ("kind", Type::String),
        ("area", Type::Decimal(2)),
        ("holders", Type::list(Type::share())),
    ]);
    [
        ("input".into(), record.clone()),
        ("maybe".into(), record.clone().optional()),
        ("many".into(), Type::list(record)),
        ("numbers".into(), Type::list(Type::Int)),
        ("today".into(), Type::Date),
        ("now".into(), Type::Time),
        ("meters".to_owned(), Type::map(Type::Int)),
    ]
    .into()
}

fn share(subject: &str, n: i64, d: i64) -> Value {
    Value::Map(
        [
            ("subject".into(), Value::from(subject)),
            ("n".into(), Value::Int(n)),
            ("d".into(), Value::Int(d)),
        ]
        .into(),
    )
}

fn environment() -> Environment {
    let record = |kind: &str, price: Option<i64>| {
        let mut map: BTreeMap<Str, Value> = [
            ("kind".into(), Value::from(kind)),
            ("area".into(), Value::Decimal { mantissa: 9_050, scale: 2 }),
            ("holders".into(), Value::List(vec![share("a", 1, 3), share("b", 4, 6)])),
        ]
        .into();
        if let Some(price) = price {
            map.insert("price".into(), Value::Int(price));
        }
        Value::Map(map)
    };
    [
        ("input".into(), record("house", Some(100))),
        ("maybe".into(), Value::Null),
        ("many".into(), Value::List(vec![record("house", None), record("shop", Some(7))])),
        ("numbers".into(), Value::List((1..=4).map(Value::Int).collect())),
        ("today".into(), Value::Date(0)),
        ("now".into(), Value::Time(chaincity_types::Timestamp(0))),
        (
            "meters".into(),
            Value::Map([("west".into(), Value::Int(7)), ("east".into(), Value::Int(5))].into()),
        ),
    ]
    .into()
}

fn eval(text: &str) -> Result<Value, String> {
    let program = Program::compile(text, &names()).map_err(|e| e.to_string())?;
    program.run(&environment(), &mut Fuel::for_call()).map_err(|e| e.code.code().to_owned())
}

fn truth(text: &str) {
    assert_eq!(eval(text), Ok(Value::Bool(true)), "{text}");
}

#[test]
fn expressions_have_the_values_of_cel() {
    for text in [
        "1 + 2 * 3 == 7",
        "(1 + 2) * 3 == 9",
        "7 / 2 == 3 && -7 / 2 == -3 && -7 % 3 == -1",
        "10 - 3 - 2 == 5",
        "-9223372036854775808 < 0",
        "0x1f == 31",
        "'a' + \"b\" == 'ab'",
        "'\\u4e2d\\n' == '中\\x0a'",
        "r'\\n' == '\\\\n'",
        "b'\\xff' + b'a' == b'\\377a'",
        "size('中文') == 2 && '中文'.size() == 2",
        "!false && !(true && false)",
        "true ? false || true : false",
        "1 < 2 && 'a' < 'b' && decimal('1.5') < decimal('1.50001')",
        "decimal('1.50') == decimal('1.5')",
        "decimal('1.50') * 3 == decimal('4.5')",
        "decimal('0.1') + decimal('0.02') == decimal('0.12')",
        "3 in numbers && !(5 in numbers)",
        "numbers.all(n, n > 0) && numbers.exists(n, n == 4) && numbers.exists_one(n, n % 3 == 0)",
        "numbers.filter(n, n > 2).map(n, n * n) == [9, 16]",
        "numbers.map(n, n > 3, n) == [4]",
        "numbers.sortBy(n, -n) == [4, 3, 2, 1] && numbers.sortBy(n, n % 2) == [2, 4, 1, 3]",
        "['b', 'a'].sortBy(t, t) == ['a', 'b'] && [1].filter(n, n > 1).sortBy(n, n) == []",
        "[decimal('1.50'), decimal('1.25')].sortBy(a, a)[0] == decimal('1.25')",
        "sum(numbers) == 10 && sum([]) == 0",
        "sum([decimal('1.5'), decimal('2.5')]) == decimal('4.0')",
        "sum_shares(input.holders) == whole && !(whole != sum_shares(input.holders))",
        "sum_shares([{'subject': 'x', 'n': 0, 'd': 0}]) != whole",
        "has(input.price) && input.price > 99",
        "maybe == null || maybe.kind == 'x'",
        "many.all(m, m.price == null || m.price == 7)",
        "many.map(m, has(m.price) ? m.price : 0) == [0, 7]",
        "'registry'.startsWith('reg') && 'x.y'.contains('.') && 'ab'.endsWith('b')",
        "min(3, 2) == 2 && max('a', 'b') == 'b'",
        "max(numbers) == 4 && min(['b', 'a']) == 'a' && max([0] + numbers) == 4",
        "add_days(today, 31) == date('1970-02-01')",
        "next_workday(date('2026-10-01')) == date('2026-10-08')",
        "next_workday(add_days(date('2026-02-02'), 15)) == date('2026-02-24')",
        "add_workdays(date('2026-01-26'), 30) == date('2026-03-13')",
        "add_workdays(date('2026-09-29'), 5) == date('2026-10-12') && add_workdays(today, 0) == today",
        "next_workday(date('2015-03-01')) == date('2015-03-02')",
        "add_hours(timestamp('2026-02-28T08:00:00+08:00'), 24) == timestamp('2026-03-01T08:00:00+08:00')",
        "months_between(date('2015-03-01'), date('2018-03-01')) == 36",
        "mask('') == '' && mask('王') == '*' && mask('王明') == '王*' && mask('王小明') == '王*明'",
        "mask('欧阳小明') == '欧**明'",
        "mask_id('110101190001010007') == '110101********0007'",
        "mask_id('110101900101001') == '110101*****1001' && mask_id('E12345678') == 'E*******8'",
        "months_between(date('2015-03-01'), date('2018-02-28')) == 35",
        "months_between(date('2024-01-31'), date('2024-02-29')) == 1",
        "months_between(date('2024-03-01'), date('2024-02-29')) == -1",
        "days_between(date('2026-02-02'), date('2026-02-17')) == 15",
        "successive(today, [], []) == [today]",
        // Each term from where the one before ended: not three months and 31 days from the first.
        "successive(date('2027-01-31'), [1, 0, 2], [0, 30, 1])
         == [date('2027-01-31'), date('2027-02-28'), date('2027-03-30'), date('2027-05-31')]",
        "successive(date('2024-03-01'), [-1], [-1]) == [date('2024-03-01'), date('2024-01-31')]",
        "date_of(timestamp('2026-09-15T16:00:00Z')) == date('2026-09-16')",
        "start_of(date('2026-09-16')) == timestamp('2026-09-15T16:00:00Z')",
        "identifier('unit-number', '431302 001002 gb00011 F00010001', date('2026-01-01'))
         == '431302001002GB00011F00010001'",
        "identifier('unit-number', '431302001002GB00012W00000001', today) == null",
        "string(12) + string(decimal('1.50')) + string(today) == '121.501970-01-01'",
        "{'a': 1, 'b': 'x'}.a == 1 && {'a': 1}['a'] == 1",
        "[[1], []][1] == []",
        "numbers[0] == 1 // a comment",
    ] {
        truth(text);
    }
}

#[test]
fn maps_with_keys_of_their_own_are_those_of_cel() {
    for text in [
        "meters['east'] == 5 && meters['we' + 'st'] == 7 && size(meters) == 2",
        "'east' in meters && !('north' in meters) && meters.exists(m, meters[m] > 6)",
        // Keys come in their order, whatever the order in which they were put in.
        "meters.map(m, m) == ['east', 'west'] && meters.filter(m, meters[m] > 5) == ['west']",
        "meters.sortBy(m, -meters[m]) == ['west', 'east']",
        "with(meters, 'north', 1)['north'] == 1 && size(with(meters, 'east', 9)) == 2",
        "without(meters, 'east') == {'west': 7} && without(meters, 'north') == meters",
        "with({}, 'a', 1) == {'a': 1} && size(without({'a': 1}, 'a')) == 0",
        "(1 > 2 ? {'a': 1} : meters)['west'] == 7",
    ] {
        truth(text);
    }
}

#[test]
fn what_could_go_wrong_later_is_refused_at_publication() {
    for (text, cause) in [
        ("1.5 > 1", "no floating-point"),
        ("input.price > 1", "test it with `!= null` first"),
        ("maybe.kind == 'x'", "test it with `!= null` first"),
        ("maybe == null && maybe.kind == 'x'", "test it with"),
        ("input.prise > 1", "no field `prise`"),
        ("inputs.price", "unknown name `inputs`"),
        ("1 + 'a'", "not defined between int and string"),
        ("1 == 'a'", "int expected, found string"),
        ("[1, 'a']", "int expected, found string"),
        ("numbers.all(n, n)", "bool expected, found int"),
        ("numbers.all(input, true)", "already means something"),
        ("numbers.all(n, numbers.all(n, true))", "already means something"),
        ("numbers.all(whole, true)", "cannot be a name"),
        ("sum_shares(input.holders) == 1", "sum_shares(…) == whole"),
        ("sum_shares(input.holders)", "can only be compared"),
        ("[whole]", "can only be compared"),
        ("numbers.sortBy(n, n > 1)", "cannot be ordered by bool"),
        ("many.sortBy(m, m.price)", "test it with `!= null` first"),
        ("successive(today, [1])", "no function"),
        ("successive(today, ['a'], [1])", "no function"),
        ("decimal('1.')", "not a decimal"),
        ("date(input.kind)", "not a date"),
        ("identifier(input.kind, 'b', today)", "literal kind"),
        ("identifier('shoe-size', 'b', today)", "literal kind"),
        ("identifier('uscc', 'b', today) + 'x'", "test it with"),
        ("matches('a', 'b')", "no function"),
        ("meters[1]", "string expected, found int"),
        ("meters.east", "a record expected, found map(string, int)"),
        ("1 in meters", "int expected, found string"),
        ("with(meters, 'a', 'b')", "no function"),
        ("with(meters, 'a', input.price)", "no function"),
        ("with(input, 'a', 'b')", "no function"),
        ("meters == {'a': 'b'}", "map(string, int) expected"),
        ("input.all(k, true)", "a list expected"),
        ("{1: 2}", "string literal"),
        ("9223372036854775808", "out of range"),
        ("1 +", "an expression expected, found the end"),
        ("(1", "`)` expected"),
        ("let", "reserved word"),
        ("'a", "not closed"),
        ("1 # 2", "unexpected character"),
        ("decimal('0.000001') * decimal('0.0001')", "not defined between"),
    ] {
        let error = Program::compile(text, &names()).unwrap_err().to_string();
        assert!(error.contains(cause), "{text}: {error}");
    }
}

#[test]
fn faults_of_data_have_their_codes() {
    for (text, code) in [
        ("9223372036854775807 + 1", "overflow"),
        ("-(-9223372036854775808)", "overflow"),
        ("-9223372036854775808 / -1", "overflow"),
        ("-9223372036854775808 % -1", "overflow"),
        ("1 / 0", "division-by-zero"),
        ("1 % 0", "division-by-zero"),
        ("numbers[4]", "rule-error"),
        ("numbers[-1]", "rule-error"),
        ("meters['north'] > 0", "rule-error"),
        ("without(meters, 'east')['east'] > 0", "rule-error"),
        ("max(numbers.filter(n, n > 9))", "rule-error"),
        ("add_days(today, 9223372036854775807)", "overflow"),
        ("successive(today, [1], [])", "rule-error"),
        ("successive(today, [96359], [31])", "overflow"),
        ("successive(today, [0], [9223372036854775807])", "overflow"),
        ("add_workdays(today, 1001)", "overflow"),
        ("add_workdays(today, -1)", "overflow"),
        ("add_hours(timestamp('1970-01-01T00:00:00Z'), -1)", "overflow"),
        ("add_hours(timestamp('1970-01-01T00:00:00Z'), 9223372036854775807)", "overflow"),
        ("false || 1 / 0 == 1 || true", "division-by-zero"),
    ] {
        assert_eq!(eval(text), Err(code.to_owned()), "{text}");
    }
    truth("true || 1 / 0 == 1");
    truth("!(false && 1 / 0 == 1)");
}

#[test]
fn four_nested_macros_run_out_of_fuel_and_not_of_time() {
    let names: Names = [("l".into(), Type::list(Type::Int))].into();
    let environment: Environment =
        [("l".into(), Value::List((0..1_000).map(Value::Int).collect()))].into();
    let text = "l.all(a, l.all(b, l.all(c, l.all(d, a + b + c + d >= 0))))";
    let program = Program::compile(text, &names).unwrap();
    let mut fuel = Fuel::for_call();
    let failure = program.run(&environment, &mut fuel).unwrap_err();
    assert_eq!((failure.code, fuel.left), (Reject::OutOfFuel, 0));
}

#[test]
fn doubling_a_list_again_and_again_runs_out_of_fuel() {
    let names: Names = [("l".into(), Type::list(Type::Int))].into();
    let environment: Environment =
        [("l".into(), Value::List((0..64).map(Value::Int).collect()))].into();
    let text = "size(l.map(a, l.map(b, l.map(c, l))))";
    let program = Program::compile(text, &names).unwrap();
    let failure = program.run(&environment, &mut Fuel::for_call()).unwrap_err();
    assert_eq!(failure.code, Reject::OutOfFuel);
}

/// The fuel table belongs to the protocol: these numbers may only change with its number.
#[test]
fn fuel_is_drawn_as_the_protocol_says() {
    let used = |text: &str| {
        let mut fuel = Fuel { left: 1_000_000 };
        let program = Program::compile(text, &names()).unwrap();
        program.run(&environment(), &mut fuel).unwrap();
        1_000_000 - fuel.left
    };
    for (text, units) in [
        ("true", 2),
        ("1 + 2 * 3 == 7", 9),
        ("numbers.all(n, n > 0)", 26),
        ("numbers.map(n, n * 2)", 18),
        ("'0123456789abcdef' == 'x'", 6),
        ("size(numbers.sortBy(n, n))", 31),
        ("meters['east'] == 5", 9),
        ("size(without(meters, 'east'))", 9),
        ("size(successive(today, numbers, numbers))", 9),
        ("sum_shares(input.holders) == whole", 23),
        ("identifier('uscc', 'x', today) == null", 28),
    ] {
        assert_eq!(used(text), units, "{text}");
    }
}

#[test]
fn a_type_that_doubles_again_and_again_is_refused() {
    let mut text = "numbers".to_owned();
    for i in 0..24 {
        text.push_str(&format!(".map(v{i}, {{'a': v{i}, 'b': v{i}}})"));
    }
    let error = Program::compile(&format!("{text} == {text}"), &names()).unwrap_err();
    assert!(error.cause.contains("a map of more than 4096 parts"), "{error}");
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(1_500), close.repeat(1_500));
    for text in [deep("(", ")"), deep("[", "]"), deep("-", ""), deep("!", ""), "1+".repeat(2_000)] {
        assert!(Program::compile(&text, &Names::new()).is_err());
    }
    let error = Program::compile(&"1".repeat(5_000), &Names::new()).unwrap_err();
    assert!(error.cause.contains("at most 4096"));
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,60}") {
        let _unused = eval(&text);
    }

    #[test]
    fn arbitrary_tokens_never_panic_and_never_meet_a_wrong_type(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "1", "0", "'a'", "input", "many", "numbers", "maybe", ".", "price", "kind", "holders",
            "all", "exists", "map", "filter", "sortBy", "successive", "(", ")", "[", "]", "{", "}", ",", "x", "==", "!=",
            "<", "+", "-", "*", "/", "%", "&&", "||", "!", "?", ":", "in", "has", "size", "sum",
            "null", "true", "whole", "sum_shares", "b'1'", "decimal", "\"", "today",
        ]), 0..24)
    ) {
        let text = tokens.concat();
        if let Ok(program) = Program::compile(&text, &names())
            && let Err(failure) = program.run(&environment(), &mut Fuel::for_call())
        {
            prop_assert!(!failure.detail.starts_with("type:"), "{text}: {failure}");
        }
    }
}

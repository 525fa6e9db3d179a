//! Values keep to their declared types, and survive JSON.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use std::collections::BTreeMap;

use chaincity_package::json;
use chaincity_package::literal;
use chaincity_package::model::{Family, Field, FieldType, Text};
use chaincity_package::value::check_fields;
use chaincity_types::{Timestamp, Value};
use proptest::prelude::*;
use serde_json::json;

const TODAY: i32 = 20_000;

fn field(kind: FieldType, optional: bool) -> Field {
    Field { kind, optional, title: Text::default() }
}

fn text(s: &str) -> Value {
    Value::from(s)
}

fn refuses(kind: &FieldType, value: Value) -> String {
    kind.check(value, TODAY).unwrap_err().to_string()
}

#[test]
fn a_text_is_read_as_its_type_without_the_quotes_of_json() {
    let read = |kind: FieldType, text: &str| json::from_text(&kind, text).ok();
    assert_eq!(read(FieldType::Bool, "true"), Some(Value::Bool(true)));
    assert_eq!(read(FieldType::Int, "-5"), Some(Value::Int(-5)));
    assert_eq!(read(FieldType::Int, "\"5\""), None);
    assert_eq!(read(FieldType::Int, "1.5"), None);
    assert_eq!(read(FieldType::Text(9), "true"), Some(text("true")));
    assert_eq!(read(FieldType::Date, "2026-02-30"), None);
    assert_eq!(read(FieldType::Date, "2026-02-28"), literal::date("2026-02-28").map(Value::Date));
    assert_eq!(read(FieldType::Area, "1.5"), literal::decimal_of_scale("1.5", 2));
    let list = FieldType::List(Box::new(FieldType::Int), 3);
    assert_eq!(read(list.clone(), "[1, 2]"), Some(Value::List(vec![Value::Int(1), Value::Int(2)])));
    assert_eq!(read(list.clone(), "[1, 2"), None);
    for (kind, written) in [
        (FieldType::Bool, "true"),
        (FieldType::Int, "-5"),
        (FieldType::Text(9), "\"true\""),
        (FieldType::Date, "2026-02-28"),
        (FieldType::Time, "2026-02-28T01:00:00.000Z"),
        (FieldType::Area, "1.50"),
        (FieldType::Digest, &"a1".repeat(32)),
        (list, "[1,2]"),
    ] {
        assert_eq!(json::to_text(&read(kind, written).unwrap()), written);
    }
}

#[test]
fn a_pseudonym_is_of_its_family_and_never_an_id_used_everywhere() {
    let fund = FieldType::Pseudonym(Family::Sector("provident-fund".into()));
    let id = |name: &str| text(&format!("{name}.1.{}", "a1".repeat(32)));
    assert_eq!(fund.check(id("provident-fund"), TODAY), Ok(id("provident-fund")));
    for wrong in [text("S:police:00000001"), id("worker-identity"), text("")] {
        let problem = refuses(&fund, wrong);
        assert_eq!(problem, "is not a pseudonym such as `provident-fund.1.…`");
    }
    // What names a party in general takes both.
    assert!(FieldType::Subject.check(id("provident-fund"), TODAY).is_ok());
}

#[test]
fn each_type_has_its_bounds() {
    let short = FieldType::Text(2);
    assert!(short.check(text("中文"), TODAY).is_ok());
    assert_eq!(refuses(&short, text("abc")), "is longer than 2 characters");
    assert_eq!(refuses(&short, Value::Int(1)), "is a int, not a text");
    assert_eq!(refuses(&FieldType::Fen, Value::Int(-1)), "is negative");
    assert_eq!(
        refuses(&FieldType::Area, Value::Decimal { mantissa: 1, scale: 1 }),
        "needs two decimals"
    );
    assert_eq!(refuses(&FieldType::Area, Value::Decimal { mantissa: -1, scale: 2 }), "is negative");
    assert_eq!(refuses(&FieldType::Bytes(1), Value::Bytes(vec![0; 2])), "is longer than 1 bytes");
    assert_eq!(refuses(&FieldType::Digest, Value::Bytes(vec![0; 31])), "is not 32 bytes");
    assert_eq!(refuses(&FieldType::Date, Value::Date(i32::MAX)), "is out of range");
    let words = FieldType::Enum(vec!["a".into(), "b".into()]);
    assert_eq!(refuses(&words, text("c")), "is none of `a`, `b`");
    let key = FieldType::Ref("unit".into());
    assert_eq!(refuses(&key, text("")), "is not a record key");
    assert_eq!(refuses(&key, text(&"x".repeat(129))), "is not a record key");
    let list = FieldType::List(Box::new(FieldType::Fen), 2);
    assert_eq!(refuses(&list, Value::List(vec![Value::Int(1); 3])), "has more than 2 items");
    assert_eq!(
        refuses(&list, Value::List(vec![Value::Int(1), Value::Int(-1)])),
        "`[1]` is negative"
    );
}

#[test]
fn an_identifier_is_kept_in_canonical_form_and_never_told() {
    let unit = FieldType::Identifier("unit-number".into());
    assert_eq!(
        unit.check(text("431302 001002 gb00011 F00010001"), TODAY),
        Ok(text("431302001002GB00011F00010001"))
    );
    let id = FieldType::Identifier("resident-id".into());
    let told = refuses(&id, text("431302190001010018"));
    assert!(told.starts_with("is not a resident-id") && !told.contains("4313"), "{told}");
    // Born after today's block: not yet.
    assert!(id.check(text("431302190001010017"), -26_000).is_err());
}

#[test]
fn a_share_is_a_part_of_a_whole() {
    let share = |subject: &str, n: i64, d: i64| {
        Value::Map(BTreeMap::from([
            ("subject".into(), text(subject)),
            ("n".into(), Value::Int(n)),
            ("d".into(), Value::Int(d)),
        ]))
    };
    assert!(FieldType::Share.check(share("测试甲", 2, 4), TODAY).is_ok());
    for wrong in [share("", 1, 2), share("x", 0, 2), share("x", 3, 2), share("x", -1, 2)] {
        assert!(FieldType::Share.check(wrong, TODAY).is_err());
    }
}

#[test]
fn a_record_has_its_fields_and_no_others() {
    let declared = BTreeMap::from([
        ("a".into(), field(FieldType::Int, false)),
        ("b".into(), field(FieldType::Int, true)),
    ]);
    let given = |pairs: &[(&str, Value)]| {
        let map = pairs.iter().map(|(k, v)| ((*k).into(), v.clone())).collect();
        check_fields(&declared, map, TODAY).map_err(|p| p.to_string())
    };
    let whole = given(&[("a", Value::Int(1)), ("b", Value::Null)]).unwrap();
    assert_eq!(whole, BTreeMap::from([("a".into(), Value::Int(1))]));
    assert_eq!(given(&[]), Err("`a` is missing".into()));
    assert_eq!(given(&[("a", Value::Null)]), Err("`a` is missing".into()));
    assert_eq!(
        given(&[("a", Value::Int(1)), ("c", Value::Int(1))]),
        Err("`c` is not declared".into())
    );
}

#[test]
fn json_has_one_form_a_type() {
    let cases = [
        (FieldType::Fen, json!(123), Value::Int(123)),
        (FieldType::Area, json!("90.5"), Value::Decimal { mantissa: 9_050, scale: 2 }),
        (FieldType::Date, json!("1970-01-02"), Value::Date(1)),
        (FieldType::Time, json!("1970-01-01T08:00:01+08:00"), Value::Time(Timestamp(1_000))),
        (FieldType::Bytes(4), json!("00ff"), Value::Bytes(vec![0, 255])),
    ];
    for (kind, json, value) in cases {
        assert_eq!(json::to_value(&kind, &json).as_ref(), Ok(&value));
    }
    for (kind, json) in [
        (FieldType::Fen, json!(1.5)),
        (FieldType::Fen, json!("1")),
        (FieldType::Int, json!(9_223_372_036_854_775_808_u64)),
        (FieldType::Area, json!(90.5)),
        (FieldType::Area, json!("90.505")),
        (FieldType::Date, json!("1970-1-2")),
        (FieldType::Time, json!("1970-01-01")),
        (FieldType::Bytes(4), json!("0g")),
        (FieldType::Share, json!({"subject": "x", "n": 1})),
        (FieldType::Map(BTreeMap::new()), json!({"x": 1})),
        (FieldType::MapOf(1, Box::new(FieldType::Int), 1), json!({"x": "1"})),
        (FieldType::MapOf(1, Box::new(FieldType::Int), 1), json!({"x": 1, "y": 1})),
    ] {
        assert!(json::to_value(&kind, &json).is_err(), "{json}");
    }
}

fn kinds_and_values() -> impl Strategy<Value = (FieldType, Value)> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(|b| (FieldType::Bool, Value::Bool(b))),
        any::<i64>().prop_map(|n| (FieldType::Int, Value::Int(n))),
        (any::<i64>(), 0_u8..=9).prop_map(|(mantissa, scale)| {
            (FieldType::Decimal(scale), Value::Decimal { mantissa, scale })
        }),
        "\\PC{0,8}".prop_map(|s| (FieldType::Text(8), Value::from(s))),
        prop::collection::vec(any::<u8>(), 0..8)
            .prop_map(|b| (FieldType::Bytes(8), Value::Bytes(b))),
        (-700_000_i32..2_900_000).prop_map(|days| (FieldType::Date, Value::Date(days))),
        (0_u64..200_000_000_000_000).prop_map(|ms| (FieldType::Time, Value::Time(Timestamp(ms)))),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|(kind, value)| {
                (FieldType::List(Box::new(kind), 3), Value::List(vec![value.clone(), value]))
            }),
            inner.clone().prop_map(|(kind, value)| {
                let entries = [("x".into(), value.clone()), ("中 文".into(), value)];
                (FieldType::MapOf(3, Box::new(kind), 2), Value::Map(entries.into()))
            }),
            inner.prop_map(|(kind, value)| {
                let kind = BTreeMap::from([("x".into(), field(kind, false))]);
                (FieldType::Map(kind), Value::Map(BTreeMap::from([("x".into(), value)])))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn a_checked_value_survives_json((kind, value) in kinds_and_values()) {
        let checked = kind.check(value.clone(), TODAY).unwrap();
        prop_assert_eq!(&checked, &value);
        prop_assert_eq!(json::to_value(&kind, &json::from_value(&checked)).unwrap(), value);
    }

    #[test]
    fn dates_survive_their_text(days in -719_162_i32..=2_932_896) {
        prop_assert_eq!(literal::date(&literal::date_text(days).unwrap()), Some(days));
    }
}

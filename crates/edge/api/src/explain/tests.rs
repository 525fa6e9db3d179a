//! Differences between versions and between import generations.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]

use chaincity_types::wire::{Correction, Provenance, Status};
use chaincity_types::{Digest, Height, Timestamp, Value as Stored};
use serde_json::json;

use super::*;

/// A version of a record with these fields.
fn version(number: u64, fields: &[(&str, Stored)]) -> Version {
    let fields = fields.iter().map(|(name, value)| ((*name).into(), value.clone()));
    Version {
        key: LogicalKey::Record {
            package: "ledger-test".into(),
            register: "entry".into(),
            key: "e-1".into(),
        },
        version: number,
        previous: Digest::ZERO,
        schema: 1,
        status: Status::Live,
        fields: fields.collect(),
        by: Provenance {
            transaction: Digest([5; 32]),
            call: 0,
            operator: [6; 32].into(),
            member: "registry".into(),
            package: "ledger-test".into(),
            package_version: 1,
            action: "import-entry".into(),
            height: Height(number),
            time: Timestamp(number * 1_000),
            case: None,
            mandates: None,
        },
        reason: None,
        corrects: None,
    }
}

fn map(pairs: &[(&str, Stored)]) -> Stored {
    Stored::Map(pairs.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
}

/// A generation of this system, from this line of its file.
fn generation(system: &str, row: i64) -> Stored {
    map(&[
        ("system", system.into()),
        ("exported", Stored::Time(Timestamp(1_500))),
        ("digest", Stored::Bytes(vec![7; 32])),
        ("row", Stored::Int(row)),
    ])
}

fn explained(versions: &[Version]) -> Vec<Explained> {
    let before = |at: usize| at.checked_sub(1).and_then(|at| versions.get(at));
    let explain = |(at, v)| explain(v, before(at), &Packages::new());
    versions.iter().enumerate().map(explain).collect()
}

fn changed(version: &Explained) -> Vec<(&str, Option<&Value>, Option<&Value>)> {
    version.changes.iter().map(|c| (&*c.field, c.before.as_ref(), c.after.as_ref())).collect()
}

#[test]
fn a_change_names_the_part_of_the_field_that_differs() {
    let part = |area: i64, floor: Option<&str>| {
        let mut fields = vec![("area", Stored::Decimal { mantissa: area, scale: 2 })];
        fields.extend(floor.map(|floor| ("floor", floor.into())));
        map(&fields)
    };
    let all = explained(&[
        version(1, &[("owner", "甲".into()), ("parts", Stored::List(vec![part(100, None)]))]),
        version(2, &[("owner", "甲".into()), ("parts", Stored::List(vec![part(250, Some("二"))]))]),
        version(3, &[("owner", Stored::Null), ("parts", Stored::List(vec![]))]),
    ]);
    let (area, floor) = (json!("2.50"), json!("二"));
    assert_eq!(
        changed(&all[1]),
        [
            ("parts[0].area", Some(&json!("1.00")), Some(&area)),
            ("parts[0].floor", None, Some(&floor)),
        ]
    );
    // Of a list that became shorter, the whole; and null is no value.
    let whole = json!([{"area": "2.50", "floor": "二"}]);
    assert_eq!(
        changed(&all[2]),
        [("owner", Some(&json!("甲")), None), ("parts", Some(&whole), Some(&json!([])))]
    );
}

#[test]
fn the_first_version_changes_every_field_from_nothing_and_closing_changes_the_status() {
    let mut closed = version(2, &[("owner", "甲".into())]);
    closed.status = Status::Closed;
    let all = explained(&[version(1, &[("owner", "甲".into())]), closed]);
    assert_eq!(changed(&all[0]), [("owner", None, Some(&json!("甲")))]);
    assert_eq!(changed(&all[1]), [("_status", Some(&json!("live")), Some(&json!("closed")))]);
}

#[test]
fn the_body_that_is_explained_is_the_one_that_its_digest_names() {
    let one = version(1, &[("owner", "甲".into())]);
    let explained = explain(&one, None, &Packages::new());
    let bytes = hex::decode(&explained.bytes).unwrap();
    assert_eq!(hash::version_digest(&one).to_string(), explained.body);
    assert_eq!(hash::body_digest(&bytes).to_string(), explained.body);
    assert_eq!(cbor::decode::<Version>(&bytes, 65_536).unwrap(), one);
}

#[test]
fn a_field_is_named_with_the_migration_in_which_it_first_differed() {
    let with = |number, owner: &str, area: i64, generation| {
        version(
            number,
            &[("owner", owner.into()), ("area", Stored::Int(area)), ("generation", generation)],
        )
    };
    let all = explained(&[
        with(1, "王", 90, generation("纸质台账", 3)),
        with(2, "王", 90, generation("旧系统", 7)),
        with(3, "玉", 90, generation("现系统", 2)),
        with(4, "玊", 91, generation("新系统", 9)),
    ]);
    let comparison = compare(&all);
    let systems: Vec<_> =
        comparison.generations.iter().map(|g| g.source.system.as_deref().unwrap()).collect();
    assert_eq!(systems, ["纸质台账", "旧系统", "现系统", "新系统"]);
    assert_eq!(comparison.generations[1].source.row, Some(7));
    assert_eq!(comparison.generations[1].source.digest, Some("07".repeat(32)));
    let found: Vec<_> = comparison
        .differences
        .iter()
        .map(|d| (&*d.field, d.generation, d.changed_in, d.before.clone(), d.after.clone()))
        .collect();
    assert_eq!(
        found,
        [
            ("owner", 3, 3, Some(json!("王")), Some(json!("玉"))),
            ("area", 4, 4, Some(json!(90)), Some(json!(91))),
        ]
    );
}

#[test]
fn a_generation_that_a_record_is_missing_from_keeps_its_number() {
    let with = |version_number, number: i64, area: i64| {
        let rows = Stored::List(vec![Stored::Int(4), Stored::Int(9)]);
        let generation = map(&[
            ("number", Stored::Int(number)),
            ("system", "旧系统".into()),
            ("system_en", "old system".into()),
            ("rows", rows),
        ]);
        version(version_number, &[("area", Stored::Int(area)), ("generation", generation)])
    };
    // In the second generation the record is not; the fourth says the same as the third.
    let all = explained(&[with(1, 1, 90), with(2, 3, 91), with(3, 4, 91)]);
    let comparison = compare(&all);
    let numbers: Vec<u64> = comparison.generations.iter().map(|g| g.number).collect();
    assert_eq!(numbers, [1, 3, 4]);
    let [found] = &comparison.differences[..] else { panic!("{comparison:?}") };
    assert_eq!((found.generation_before, found.generation, found.changed_in), (1, 3, 2));
    let source = &comparison.generations[2].source;
    assert_eq!((source.system_en.as_deref(), &source.rows[..]), (Some("old system"), &[4, 9][..]));
}

#[test]
fn what_a_correction_changed_between_two_imports_is_not_put_down_to_the_second() {
    let with = |number, owner: &str, generation| {
        version(number, &[("owner", owner.into()), ("generation", generation)])
    };
    let first = generation("旧系统", 1);
    let mut correction = with(2, "乙", first.clone());
    correction.corrects = Some(Correction {
        version: 1,
        body: Digest::ZERO,
        reason: "笔误".into(),
        basis: "民法典 220".into(),
    });
    let all =
        explained(&[with(1, "甲", first), correction, with(3, "乙", generation("现系统", 1))]);
    assert!(all[1].source.is_none(), "a correction imports nothing");
    let comparison = compare(&all);
    assert_eq!(comparison.generations.len(), 2);
    let [difference] = &comparison.differences[..] else { panic!("{comparison:?}") };
    assert_eq!((difference.generation, difference.changed_in), (2, 2));
}

#[test]
fn a_source_in_words_alone_is_told_and_the_rest_is_left_out() {
    let all = explained(&[
        version(1, &[("source", "公开资料".into())]),
        version(2, &[("source", "公开资料".into()), ("owner", "甲".into())]),
    ]);
    let source = all[0].source.clone().unwrap();
    assert_eq!(serde_json::to_value(source).unwrap(), json!({"system": "公开资料"}));
    assert!(all[1].source.is_none());
}

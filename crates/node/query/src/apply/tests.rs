//! Whatever versions come, in whatever order: every query answers as a plain map of them does.

#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use chaincity_crypto::hash;
use chaincity_history::MemoryStore;
use chaincity_package::model::{Field, FieldType, Index, Package, Register, Text};
use chaincity_types::wire::Provenance;
use chaincity_types::{Height, Timestamp, cbor};
use proptest::prelude::*;

use super::*;
use crate::model::{Followed, set_followed};
use crate::{Filter, Op, ReadModel, Select, StatusFilter};

const PACKAGE: &str = "test";
/// One register with an index and a list, and one without.
const REGISTERS: [&str; 2] = ["seat", "unit"];
const KEYS: [&str; 3] = ["a", "b", "c"];
const VERSIONS: u64 = 5;

fn package(version: u32) -> Arc<Package> {
    let field = |kind| Field { kind, optional: true, title: Text::default() };
    let index = |name: &str, field: &str, for_lists| Index {
        name: name.into(),
        fields: vec![field.into()],
        unique: false,
        for_lists,
    };
    let indexes = [index("by-district", "district", false), index("by-tags", "tags", true)];
    // Version 2 keeps prices otherwise, so that the tables are made anew.
    let price = if version == 1 { FieldType::Int } else { FieldType::Text(20) };
    let register = |name: &str, indexes: &[Index]| Register {
        name: name.into(),
        fields: [
            ("district".into(), field(FieldType::Text(9))),
            ("price".into(), field(price.clone())),
            ("tags".into(), field(FieldType::List(Box::new(FieldType::Text(9)), 5))),
        ]
        .into(),
        indexes: indexes.iter().map(|index| (index.name.clone(), index.clone())).collect(),
        ..Register::default()
    };
    let registers =
        [("seat".into(), register("seat", &[])), ("unit".into(), register("unit", &indexes))];
    Arc::new(Package {
        id: PACKAGE.into(),
        version,
        digest: hash::plain(&version.to_be_bytes()),
        registers: registers.into(),
        ..Package::default()
    })
}

/// A version to apply; where and when follow from its place among all.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    /// Blocks after the version before.
    later: u64,
    north: bool,
    closed: bool,
    held: bool,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    (0..3_u64, any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.7))
        .prop_map(|(later, north, closed, held)| Drawn { later, north, closed, held })
}

type Held = BTreeMap<(&'static str, &'static str), BTreeMap<u64, Version>>;
type Made = (Digest, Vec<u8>, Version);

fn time(height: u64) -> Timestamp {
    Timestamp(1_790_000_000_000 + height * 1_000)
}

fn version([register, key]: [&'static str; 2], number: u64, height: u64, drawn: Drawn) -> Made {
    let district = if drawn.north { "north" } else { "south" };
    let price = Value::Int(i64::try_from(number).unwrap());
    // Each version keeps one, and a member may stand twice.
    let tags = Value::List(["all", district, district].map(Value::from).into());
    let version = Version {
        key: LogicalKey::Record {
            package: PACKAGE.into(),
            register: register.into(),
            key: key.into(),
        },
        version: number,
        previous: Digest::ZERO,
        schema: 1,
        status: if drawn.closed { Status::Closed } else { Status::Live },
        fields: [
            ("district".into(), district.into()),
            ("price".into(), price),
            ("tags".into(), tags),
        ]
        .into(),
        by: Provenance {
            transaction: Digest::ZERO,
            call: 0,
            operator: [7; 32].into(),
            member: "registry".into(),
            package: PACKAGE.into(),
            package_version: 1,
            action: "register".into(),
            height: Height(height),
            time: time(height),
            case: None,
            mandates: None,
        },
        reason: None,
        corrects: None,
    };
    let body = cbor::encode(&version);
    (hash::body_digest(&body), body, version)
}

/// What is drawn for every register, key and number, as versions; those that are held.
fn made(drawn: &[Drawn]) -> Vec<Made> {
    let mut drawn = drawn.iter();
    let mut out = vec![];
    for register in REGISTERS {
        for key in KEYS {
            let mut height = 1;
            for (number, drawn) in (1..=VERSIONS).zip(drawn.by_ref()) {
                height += drawn.later;
                if drawn.held {
                    out.push(version([register, key], number, height, *drawn));
                }
            }
        }
    }
    out
}

fn plain(made: &[Made]) -> Held {
    let mut out = Held::new();
    for (_, _, version) in made {
        let LogicalKey::Record { register, key, .. } = &version.key else { panic!("a record") };
        let register = REGISTERS.into_iter().find(|name| register == *name).unwrap();
        let key = KEYS.into_iter().find(|name| key == *name).unwrap();
        out.entry((register, key)).or_default().insert(version.version, version.clone());
    }
    out
}

/// A model to which these versions were applied, some in one transaction.
fn applied(made: &[Made], together: usize) -> (tempfile::TempDir, ReadModel) {
    let store = MemoryStore::new();
    let bodies: Vec<_> = made.iter().map(|(digest, body, _)| (*digest, body.clone())).collect();
    chaincity_history::HistoryStore::backfill(&store, None, &bodies).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("read.sqlite");
    let model = ReadModel::open(&path, Arc::new(store), &[package(1)]).unwrap();
    for some in made.chunks(together) {
        let mut writer = model.writer.lock().unwrap();
        let transaction = writer.connection.transaction().unwrap();
        let tables = model.tables();
        let mut apply = Apply::new(&transaction, &tables, model.history.as_ref());
        for (digest, _, version) in some {
            apply.version(version, digest).unwrap();
        }
        drop(apply);
        let at = Followed { low: Height(1), height: Height(9), block: Digest::ZERO };
        set_followed(&transaction, &at).unwrap();
        transaction.commit().unwrap();
    }
    (dir, model)
}

/// What was answered, or the height before which it is incomplete.
fn said<T: Debug>(result: Result<T, QueryError>) -> Result<T, u64> {
    result.map_err(|error| {
        let QueryError::Incomplete { before } = error else { panic!("{error}") };
        before
    })
}

fn lacks_before(versions: &BTreeMap<u64, Version>, number: u64) -> bool {
    number > 1 && !versions.contains_key(&(number - 1))
}

fn check_history(model: &ReadModel, [register, key]: [&str; 2], held: &BTreeMap<u64, Version>) {
    let current = held.values().next_back().cloned();
    assert_eq!(model.get(PACKAGE, register, key).unwrap(), (current, Some(Height(9))));
    for before in [None, Some(0), Some(1), Some(2), Some(3), Some(4), Some(5), Some(6)] {
        for limit in [1, 2, 10] {
            let below = before.unwrap_or(u64::MAX);
            let mut items: Vec<Version> = vec![];
            for version in held.range(..below).rev().map(|(_, v)| v).take(limit) {
                if items.last().is_some_and(|above| above.version != version.version + 1) {
                    break;
                }
                items.push(version.clone());
            }
            let above = held.range(below..).next().map(|(_, v)| v.by.height.0);
            let wanted = match above.filter(|_| items.is_empty() && below > 1) {
                Some(height) => Err(height),
                None => {
                    let next = items.last().map(|v| v.version).filter(|oldest| *oldest > 1);
                    Ok((items, next))
                }
            };
            let found = said(model.history(PACKAGE, register, key, before, limit));
            assert_eq!(found.map(|v| (v.items, v.next)), wanted, "{key} {before:?} {limit}");
        }
    }
}

fn check_as_of(model: &ReadModel, [register, key]: [&str; 2], held: &BTreeMap<u64, Version>) {
    for height in 0..15 {
        let then = |version: &&Version| version.by.height.0 <= height;
        let after = held.values().find(|version| !then(version));
        let wanted = match after.filter(|after| lacks_before(held, after.version)) {
            Some(after) => Err(after.by.height.0),
            None => Ok(held.values().rfind(then).cloned()),
        };
        let found = said(model.as_of(PACKAGE, register, key, time(height)));
        assert_eq!(found.map(|(version, _)| version), wanted, "{key} as of {height}");
    }
}

fn check_lists(model: &ReadModel, register: &str, plain: &Held) {
    let records: Vec<_> = plain.iter().filter(|((name, _), _)| *name == register).collect();
    for height in 0..15 {
        let lacking = records.iter().flat_map(|((_, key), held)| {
            held.values()
                .filter(|v| v.by.height.0 > height && lacks_before(held, v.version))
                .map(move |v| (v.by.height.0, *key, v.version))
        });
        let wanted = match lacking.max() {
            Some((height, ..)) => Err(height),
            None => Ok(records
                .iter()
                .filter_map(|(_, held)| held.values().rfind(|v| v.by.height.0 <= height).cloned())
                .filter(|version| version.status == Status::Live)
                .collect::<Vec<_>>()),
        };
        let page = |after: Option<&str>, limit| {
            let place = (PACKAGE, register);
            said(model.list_as_of(place, time(height), &[], StatusFilter::Live, after, limit))
        };
        assert_eq!(page(None, 10).map(|page| page.items), wanted, "{register} as of {height}");
        if let Ok(wanted) = wanted {
            let (mut items, mut after) = (vec![], None);
            loop {
                let page = page(after.as_deref(), 1).unwrap();
                items.extend(page.items);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(items, wanted, "{register} as of {height}, page by page");
        }
    }
}

fn all_of(register: &str) -> Select {
    Select {
        package: PACKAGE.into(),
        register: register.into(),
        filters: vec![],
        status: StatusFilter::Live,
        sort: vec![],
        limit: 10,
        cursor: None,
    }
}

fn check_current(model: &ReadModel, register: &str, plain: &Held) {
    let newest = plain.iter().filter(|((name, _), _)| *name == register);
    let newest: Vec<_> = newest.filter_map(|(_, held)| held.values().next_back()).collect();
    let select = |filters| Select { filters, ..all_of(register) };
    let live = |version: &&&Version| version.status == Status::Live;
    let found = model.select(&select(vec![])).unwrap().items;
    assert_eq!(
        found.iter().collect::<Vec<_>>(),
        newest.iter().filter(live).copied().collect::<Vec<_>>()
    );
    if register == "unit" {
        for district in ["north", "south"] {
            let filter = Filter { field: "district".into(), op: Op::Eq, value: district.into() };
            let found = model.select(&select(vec![filter])).unwrap().items;
            let wanted = newest.iter().filter(live).copied();
            let wanted = wanted.filter(|version| version.fields["district"] == district.into());
            let wanted: Vec<_> = wanted.collect();
            assert_eq!(found.iter().collect::<Vec<_>>(), wanted);
            let has = |tag: &str| Filter { field: "tags".into(), op: Op::Has, value: tag.into() };
            let mut select = select(vec![has(district), has("all")]);
            select.limit = 1;
            let mut found = vec![];
            loop {
                let page = model.select(&select).unwrap();
                found.extend(page.items);
                select.cursor = page.next;
                if select.cursor.is_none() {
                    break;
                }
            }
            assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "page by page");
        }
    }
}

fn check_all(model: &ReadModel, plain: &Held) {
    let none = BTreeMap::new();
    for register in REGISTERS {
        for key in KEYS {
            let held = plain.get(&(register, key)).unwrap_or(&none);
            check_history(model, [register, key], held);
            check_as_of(model, [register, key], held);
        }
        check_lists(model, register, plain);
        check_current(model, register, plain);
    }
}

const ALL: usize = REGISTERS.len() * KEYS.len() * 5;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn in_any_order_every_query_answers_as_a_plain_map_does(
        drawn in prop::collection::vec(drawn(), ALL),
        order in Just((0..ALL).collect::<Vec<_>>()).prop_shuffle(),
        together in 1..20_usize,
        again in 0..5_usize,
    ) {
        let upwards = made(&drawn);
        // Any order, and some come twice.
        let mut shuffled: Vec<_> =
            order.into_iter().filter_map(|at| upwards.get(at).cloned()).collect();
        shuffled.extend(upwards.iter().take(again).cloned());
        let plain = plain(&upwards);
        let (_dir, model) = applied(&shuffled, together);
        check_all(&model, &plain);
        let (_in_order, other) = applied(&upwards, together);
        prop_assert_eq!(model.content().unwrap(), other.content().unwrap());
        let downwards: Vec<_> = upwards.iter().rev().cloned().collect();
        let (_down, other) = applied(&downwards, together);
        prop_assert_eq!(model.content().unwrap(), other.content().unwrap());
        // Tables made anew keep what they hold.
        let mut writer = model.writer.lock().unwrap();
        model.fit(&mut writer, &[package(2)]).unwrap();
        drop(writer);
        check_all(&model, &plain);
    }
}

fn count(model: &ReadModel, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    model.reader().unwrap().query_row(&sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn what_was_asked_for_lately_is_not_read_from_the_history_again() {
    let drawn = Drawn { later: 1, north: true, closed: false, held: true };
    let mut all = made(&[drawn; ALL]);
    all.retain(|(_, _, version)| version.version == 1);
    let (_dir, mut model) = applied(&all, 4);
    let asked = model.select(&all_of("unit")).unwrap();
    assert_eq!(asked.items.len(), KEYS.len());
    model.history = Arc::new(MemoryStore::new());
    assert_eq!(model.select(&all_of("unit")).unwrap(), asked);
    assert_eq!(said(model.select(&all_of("seat"))).err(), Some(1), "never asked for");
}

#[test]
fn first_versions_are_one_row_each_and_a_later_one_moves_the_one_before() {
    let drawn = Drawn { later: 1, north: true, closed: false, held: true };
    let all = made(&[drawn; ALL]);
    let of = |wanted: u64| all.iter().filter(move |(_, _, v)| v.version == wanted).cloned();
    let (_dir, model) = applied(&of(1).collect::<Vec<_>>(), 4);
    let counts = |model: &ReadModel| {
        ["\"test/seat\"", "\"test/unit\"", "past", "gap"].map(|table| count(model, table))
    };
    assert_eq!(counts(&model), [3, 3, 0, 0]);
    let (_dir, model) = applied(&of(1).chain(of(2)).collect::<Vec<_>>(), 4);
    assert_eq!(counts(&model), [3, 3, 6, 0]);
    let (_dir, model) = applied(&of(1).chain(of(3)).collect::<Vec<_>>(), 4);
    assert_eq!(counts(&model), [3, 3, 6, 6]);
    let (_dir, model) = applied(&of(1).chain(of(3)).chain(of(2)).collect::<Vec<_>>(), 4);
    assert_eq!(counts(&model), [3, 3, 12, 0]);
}

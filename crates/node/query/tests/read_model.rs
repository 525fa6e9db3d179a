//! What the read model finds, refuses, remembers and rebuilds.
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chaincity_crypto::hash;
use chaincity_history::{HistoryStore, MemoryStore, Written};
use chaincity_package::model::Package;
use chaincity_query::{
    Direction, Filter, Op, QueryError, ReadModel, Select, StatusFilter, rebuild,
};
use chaincity_types::wire::{LogicalKey, Status, Version};
use chaincity_types::{Digest, Height, Timestamp, Value};
use common::{Ledger, PACKAGE, REGISTER, flat, key, package};

fn packages() -> Vec<Arc<Package>> {
    vec![package(1)]
}

fn open(path: &Path, ledger: &Ledger) -> ReadModel {
    ReadModel::open(path, ledger.history(), &packages()).unwrap()
}

/// A read model that has followed the whole ledger.
fn followed(ledger: &Ledger) -> (tempfile::TempDir, ReadModel) {
    let dir = tempfile::tempdir().unwrap();
    let model = open(&dir.path().join("read.sqlite"), ledger);
    while !model.catch_up(&packages(), 7).unwrap().done {}
    (dir, model)
}

fn select() -> Select {
    Select {
        package: PACKAGE.into(),
        register: REGISTER.into(),
        filters: vec![],
        status: StatusFilter::Live,
        sort: vec![],
        limit: 500,
        cursor: None,
    }
}

fn filter(field: &str, op: Op, value: impl Into<Value>) -> Filter {
    Filter { field: field.into(), op, value: value.into() }
}

fn area(mantissa: i64) -> Value {
    Value::Decimal { mantissa, scale: 2 }
}

fn record_key(version: &Version) -> String {
    let LogicalKey::Record { key, .. } = &version.key else { panic!("not a record") };
    key.to_string()
}

fn keys(model: &ReadModel, select: &Select) -> Vec<String> {
    model.select(select).unwrap().items.iter().map(record_key).collect()
}

/// All pages of a selection, one after another.
fn pages(model: &ReadModel, mut select: Select, limit: usize) -> Vec<String> {
    let mut out = vec![];
    select.limit = limit;
    loop {
        let page = model.select(&select).unwrap();
        assert!(page.items.len() <= limit);
        out.extend(page.items.iter().map(record_key));
        match page.next {
            Some(next) => select.cursor = Some(next),
            None => return out,
        }
    }
}

/// The newest version of each flat, straight from the blocks.
fn expected(ledger: &Ledger) -> Vec<Version> {
    let mut newest = BTreeMap::new();
    for (_, bodies) in &ledger.blocks {
        for (_, body) in bodies {
            let version: Version = chaincity_types::cbor::decode(body, 1 << 16).unwrap();
            if matches!(version.key, LogicalKey::Record { .. }) {
                newest.insert(record_key(&version), version);
            }
        }
    }
    newest.into_values().collect()
}

fn expected_keys(ledger: &Ledger, wanted: impl Fn(&Version) -> bool) -> Vec<String> {
    expected(ledger).iter().filter(|version| wanted(version)).map(record_key).collect()
}

#[test]
fn conditions_find_what_a_scan_of_the_blocks_finds() {
    let ledger = Ledger::flats();
    let (_dir, model) = followed(&ledger);
    let live = |version: &Version| version.status == Status::Live;
    assert_eq!(keys(&model, &select()), expected_keys(&ledger, live));
    let any = Select { status: StatusFilter::Any, ..select() };
    assert_eq!(keys(&model, &any).len(), 300);
    let closed = Select { status: StatusFilter::Closed, ..select() };
    assert_eq!(keys(&model, &closed), expected_keys(&ledger, |v| !live(v)));

    type Claim = (Vec<Filter>, fn(&Version) -> bool);
    let claims: Vec<Claim> = vec![
        (vec![filter("district", Op::Eq, "north")], |v| v.fields["district"] == "north".into()),
        (vec![filter("area", Op::Ge, area(5_900))], |v| v.fields["area"] >= area(5_900)),
        (vec![filter("area", Op::Gt, area(5_100)), filter("area", Op::Lt, area(5_200))], |v| {
            v.fields["area"] > area(5_100) && v.fields["area"] < area(5_200)
        }),
        (vec![filter("district", Op::Eq, "east"), filter("price", Op::Ne, Value::Null)], |v| {
            v.fields["district"] == "east".into() && v.fields["price"] != Value::Null
        }),
        (vec![filter("price", Op::Eq, Value::Null)], |v| v.fields["price"] == Value::Null),
        (
            vec![filter("district", Op::Eq, "west"), filter("built", Op::Le, Value::Date(10_100))],
            |v| v.fields["district"] == "west".into() && v.fields["built"] <= Value::Date(10_100),
        ),
        (vec![filter("_key", Op::Prefix, "u-01")], |v| record_key(v).starts_with("u-01")),
        (vec![filter("_key", Op::Eq, "u-0008")], |v| record_key(v) == "u-0008"),
    ];
    for (filters, wanted) in claims {
        let select = Select { filters, ..select() };
        let found = expected_keys(&ledger, |v| live(v) && wanted(v));
        assert!(!found.is_empty(), "{select:?}");
        assert_eq!(keys(&model, &select), found, "{select:?}");
    }
}

#[test]
fn pages_join_to_the_whole_in_every_order() {
    let ledger = Ledger::flats();
    let (_dir, model) = followed(&ledger);
    let orders: Vec<Vec<(&str, Direction)>> = vec![
        vec![],
        vec![("_key", Direction::Descending)],
        vec![("area", Direction::Ascending)],
        vec![("area", Direction::Descending)],
        vec![("price", Direction::Ascending)],
        vec![("price", Direction::Descending)],
    ];
    for order in orders {
        let sort: Vec<_> = order.iter().map(|(f, d)| ((*f).to_owned(), *d)).collect();
        let select = Select { sort: sort.clone(), ..select() };
        let whole = keys(&model, &select);
        let mut rows: Vec<_> = expected(&ledger)
            .into_iter()
            .filter(|version| version.status == Status::Live)
            .map(|v| {
                let of = |f: &str| v.fields.get(f).cloned().unwrap_or(Value::Null);
                let values: Vec<_> =
                    sort.iter().map(|(f, _)| of(f)).chain([Value::from(record_key(&v))]).collect();
                (values, record_key(&v))
            })
            .collect();
        // `Value` orders null before all others, as the read model does.
        rows.sort();
        if sort.first().is_some_and(|(_, d)| *d == Direction::Descending) {
            rows.reverse();
        }
        let wanted: Vec<_> = rows.into_iter().map(|(_, key)| key).collect();
        assert_eq!(whole, wanted, "{order:?}");
        for limit in [1, 7, 100] {
            assert_eq!(pages(&model, select.clone(), limit), wanted, "{order:?} by {limit}");
        }
    }
    let narrowed = Select {
        filters: vec![filter("district", Op::Eq, "north")],
        sort: vec![("built".into(), Direction::Descending), ("price".into(), Direction::Ascending)],
        ..select()
    };
    assert_eq!(pages(&model, narrowed.clone(), 4), keys(&model, &narrowed));
}

#[test]
fn a_page_goes_on_where_it_ended_although_records_were_written_between() {
    let mut ledger = Ledger::flats();
    let (_dir, model) = followed(&ledger);
    let first = model.select(&Select { limit: 20, ..select() }).unwrap();
    let end = record_key(first.items.last().unwrap());
    let mut early = flat(1);
    early.insert("number".into(), "u-0001a".into());
    ledger.block(&[("u-0001a".into(), early, Status::Live)]);
    while !model.catch_up(&packages(), 7).unwrap().done {}
    let rest = Select { cursor: first.next, ..select() };
    let found = keys(&model, &rest);
    assert!(found.iter().all(|key| *key > end), "nothing twice");
    assert_eq!(first.height, Some(Height(u64::try_from(ledger.blocks.len()).unwrap() - 2)));
    let all = keys(&model, &select());
    assert_eq!(all.len(), found.len() + first.items.len() + 1, "nothing lost");
}

#[test]
fn what_is_not_declared_or_not_indexed_is_refused() {
    let ledger = Ledger::flats();
    let (_dir, model) = followed(&ledger);
    let code = |select: &Select| model.select(select).unwrap_err().code();
    let with = |filter: Filter| Select { filters: vec![filter], ..select() };
    assert_eq!(code(&with(filter("colour", Op::Eq, "red"))), "unknown-field");
    assert_eq!(code(&with(filter("tags", Op::Eq, "a"))), "unknown-field");
    assert_eq!(code(&with(filter("_body", Op::Eq, "a"))), "unknown-field");
    assert_eq!(code(&with(filter("built", Op::Eq, Value::Date(3)))), "filter-not-indexed");
    assert_eq!(code(&with(filter("district", Op::Ne, "east"))), "filter-not-indexed");
    assert_eq!(code(&with(filter("area", Op::Eq, Value::Int(3)))), "bad-condition");
    assert_eq!(code(&with(filter("area", Op::Prefix, area(3)))), "bad-condition");
    let by = |field: &str| Select { sort: vec![(field.into(), Direction::Ascending)], ..select() };
    assert_eq!(code(&by("built")), "sort-not-indexed");
    assert_eq!(code(&by("colour")), "unknown-field");
    assert_eq!(code(&Select { register: "none".into(), ..select() }), "unknown-register");
    assert_eq!(code(&Select { limit: 501, ..select() }), "too-many");
    assert_eq!(code(&Select { cursor: Some("zz".into()), ..select() }), "bad-cursor");
    let next = model.select(&Select { limit: 5, ..select() }).unwrap().next;
    assert_eq!(code(&Select { cursor: next, ..by("area") }), "bad-cursor");
}

#[test]
fn names_and_values_that_look_like_sql_do_nothing() {
    let ledger = Ledger::flats();
    let (_dir, model) = followed(&ledger);
    let before = model.content().unwrap();
    for evil in [
        "district\" = 'east' OR 1=1 --",
        "\"; DROP TABLE version; --",
        "district' OR '1'='1",
        "_key) UNION SELECT * FROM meta --",
        "DISTRICT",
        "",
    ] {
        let filtered = Select { filters: vec![filter(evil, Op::Eq, "east")], ..select() };
        assert_eq!(model.select(&filtered).unwrap_err().code(), "unknown-field");
        let sorted = Select { sort: vec![(evil.into(), Direction::Ascending)], ..select() };
        assert_eq!(model.select(&sorted).unwrap_err().code(), "unknown-field");
        let register = Select { register: evil.into(), ..select() };
        assert_eq!(model.select(&register).unwrap_err().code(), "unknown-register");
        let value = Select { filters: vec![filter("district", Op::Eq, evil)], ..select() };
        assert_eq!(keys(&model, &value), Vec::<String>::new());
        let prefix = Select { filters: vec![filter("_key", Op::Prefix, evil)], ..select() };
        assert_eq!(keys(&model, &prefix).is_empty(), !evil.is_empty());
        assert_eq!(model.get(PACKAGE, REGISTER, evil).unwrap().0, None);
    }
    assert_eq!(model.content().unwrap(), before);
}

#[test]
fn a_record_is_read_as_of_exactly_the_times_its_versions_began() {
    let ledger = Ledger::flats();
    let (_dir, model) = followed(&ledger);
    // Flat 77: written in block 8, a new price in block 42, closed in block 81.
    let history = model.history(PACKAGE, REGISTER, &key(77), None, 10).unwrap();
    let heights: Vec<_> = history.items.iter().map(|v| (v.version, v.by.height.0)).collect();
    assert_eq!(heights, [(3, 81), (2, 42), (1, 8)]);
    assert_eq!(history.next, None);
    let as_of = |time: Timestamp| {
        model.as_of(PACKAGE, REGISTER, &key(77), time).unwrap().0.map(|v| v.version)
    };
    let before = |height: u64| Timestamp(Ledger::time(height).0 - 1);
    assert_eq!(as_of(before(8)), None);
    assert_eq!(as_of(Ledger::time(8)), Some(1));
    assert_eq!(as_of(before(42)), Some(1));
    assert_eq!(as_of(Ledger::time(42)), Some(2));
    assert_eq!(as_of(before(81)), Some(2));
    assert_eq!(as_of(Ledger::time(81)), Some(3));
    assert_eq!(as_of(Timestamp(u64::MAX)), Some(3));

    let paged = model.history(PACKAGE, REGISTER, &key(77), None, 2).unwrap();
    assert_eq!((paged.items.len(), paged.next), (2, Some(2)));
    let rest = model.history(PACKAGE, REGISTER, &key(77), paged.next, 2).unwrap();
    assert_eq!(rest.items.iter().map(|v| v.version).collect::<Vec<_>>(), [1]);
    let (current, height) = model.get(PACKAGE, REGISTER, &key(77)).unwrap();
    assert_eq!(current.unwrap().status, Status::Closed);
    assert_eq!(height, ledger.store.tip());
}

#[test]
fn two_versions_in_one_block_leave_the_later_in_force() {
    let mut ledger = Ledger::new();
    let mut later = flat(1);
    later.insert("price".into(), Value::Int(5));
    ledger.block(&[(key(1), flat(1), Status::Live), (key(1), later.clone(), Status::Live)]);
    let (_dir, model) = followed(&ledger);
    let (found, _) = model.as_of(PACKAGE, REGISTER, &key(1), Ledger::time(0)).unwrap();
    assert_eq!(found.unwrap().fields, later);
    let place = (PACKAGE, REGISTER);
    let listed =
        model.list_as_of(place, Ledger::time(0), &[], StatusFilter::Live, None, 10).unwrap();
    assert_eq!(listed.items.len(), 1);
    assert_eq!(listed.items[0].fields, later);
}

#[test]
fn a_register_is_listed_as_it_was() {
    let ledger = Ledger::flats();
    let (_dir, model) = followed(&ledger);
    let place = (PACKAGE, REGISTER);
    for height in [0, 5, 30, 50, 90] {
        let (mut after, mut found) = (None, vec![]);
        let filters = [filter("built", Op::Lt, Value::Date(10_150))];
        loop {
            let time = Ledger::time(height);
            let status = StatusFilter::Live;
            let page = model.list_as_of(place, time, &filters, status, after.as_deref(), 9);
            let page = page.unwrap();
            found.extend(page.items.iter().map(|v| (record_key(v), v.version)));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        // The same ledger, followed to that block only.
        let store = Arc::new(MemoryStore::new());
        for (block, bodies) in ledger.blocks.iter().take(usize::try_from(height).unwrap() + 1) {
            store.append(block, bodies).unwrap();
        }
        let dir = tempfile::tempdir().unwrap();
        let then = ReadModel::open(&dir.path().join("then"), store, &packages()).unwrap();
        while !then.catch_up(&packages(), 50).unwrap().done {}
        let records = then.select(&select()).unwrap().items;
        let wanted: Vec<_> = records
            .iter()
            .filter(|v| v.fields["built"] < Value::Date(10_150))
            .map(|v| (record_key(v), v.version))
            .collect();
        assert_eq!(found, wanted, "as of block {height}");
    }
}

#[test]
fn applying_again_changes_nothing_and_rebuilding_gives_the_same() {
    let ledger = Ledger::flats();
    let (dir, model) = followed(&ledger);
    let content = model.content().unwrap();
    assert!(model.catch_up(&packages(), 100).unwrap().done);
    assert_eq!(model.content().unwrap(), content);
    model.check(&packages()).unwrap();
    let path = dir.path().join("read.sqlite");
    model.close().unwrap();
    // Opened again, it goes on where it was.
    let model = open(&path, &ledger);
    assert_eq!(model.height().unwrap(), ledger.store.tip());
    assert_eq!(model.content().unwrap(), content);
    model.close().unwrap();
    let mut steps = 0;
    let rebuilt = rebuild(&path, &ledger.history(), &packages(), &mut |_, _| steps += 1).unwrap();
    assert!(steps > 0);
    assert_eq!(rebuilt.content().unwrap(), content);
    assert_eq!(keys(&rebuilt, &select()).len(), 300 - 28);
}

/// What a node holds that joined by snapshot at `height`: the blocks above, and the current
/// bodies of then.
fn joined(ledger: &Ledger, height: usize) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let mut heads = BTreeMap::new();
    for (block, bodies) in &ledger.blocks[..height] {
        for (write, body) in block.writes.iter().zip(bodies) {
            heads.insert(write.key, body.clone());
        }
    }
    let heads: Vec<_> = heads.into_values().collect();
    store.backfill(None, &heads).unwrap();
    for (block, bodies) in &ledger.blocks[height..] {
        store.append(block, bodies).unwrap();
    }
    store
}

#[test]
fn a_node_that_joined_by_snapshot_knows_all_current_records_and_says_what_it_lacks() {
    let ledger = Ledger::flats();
    let (_whole_dir, whole) = followed(&ledger);
    let store = joined(&ledger, 60);
    let history: Arc<dyn HistoryStore> = Arc::<MemoryStore>::clone(&store);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("read.sqlite");
    let model = ReadModel::open(&path, Arc::clone(&history), &packages()).unwrap();
    while !model.catch_up(&packages(), 7).unwrap().done {}
    let any = Select { status: StatusFilter::Any, ..select() };
    assert_eq!(model.select(&any).unwrap().items, whole.select(&any).unwrap().items);

    // Flat 77's version 2 of block 42 was current then; version 1 of block 8 is not held.
    let lacks = |result: Result<_, QueryError>| match result {
        Err(QueryError::Incomplete { before }) => before,
        Err(other) => panic!("{other}"),
        Ok(()) => panic!("answered"),
    };
    let as_of = |height| model.as_of(PACKAGE, REGISTER, &key(77), Ledger::time(height));
    assert_eq!(as_of(42).unwrap().0.unwrap().version, 2);
    assert_eq!(lacks(as_of(41).map(|_| ())), 42);
    let list = |height| {
        let (place, time) = ((PACKAGE, REGISTER), Ledger::time(height));
        model.list_as_of(place, time, &[], StatusFilter::Live, None, 500)
    };
    assert!(lacks(list(31).map(|_| ())) > 31);
    assert!(!list(80).unwrap().items.is_empty());
    let older = model.history(PACKAGE, REGISTER, &key(77), Some(2), 10);
    assert_eq!(lacks(older.map(|_| ())), 42);

    // Rebuilt now, it is the same; after the backfill, the same as one that was always there.
    let content = model.content().unwrap();
    model.check(&packages()).unwrap();
    model.close().unwrap();
    let model = rebuild(&path, &history, &packages(), &mut |_, _| {}).unwrap();
    assert_eq!(model.content().unwrap(), content);
    for (block, bodies) in ledger.blocks[..60].iter().rev() {
        store.backfill(Some(block), bodies).unwrap();
    }
    while !model.catch_up(&packages(), 7).unwrap().done {}
    assert_eq!(model.content().unwrap(), whole.content().unwrap());
    assert_eq!(model.history(PACKAGE, REGISTER, &key(77), None, 9).unwrap().items.len(), 3);
}

#[test]
fn an_upgraded_package_adds_its_columns() {
    let mut ledger = Ledger::flats();
    let (_dir, model) = followed(&ledger);
    ledger.schema = 2;
    let mut fields = flat(400);
    fields.insert("heating".into(), "gas".into());
    ledger.block(&[(key(400), fields, Status::Live)]);
    let behind = model.catch_up(&packages(), 10).unwrap_err();
    assert_eq!(behind.code(), "package-behind", "{behind}");
    let upgraded = vec![package(2)];
    while !model.catch_up(&upgraded, 10).unwrap().done {}
    let heated = Select { filters: vec![filter("heating", Op::Eq, "gas")], ..select() };
    assert_eq!(keys(&model, &heated), [key(400)]);
    assert_eq!(keys(&model, &select()).len(), 300 - 28 + 1);
    model.check(&upgraded).unwrap();
}

#[test]
fn a_damaged_file_is_refused_or_never_answers_wrongly() {
    let ledger = Ledger::flats();
    let (dir, model) = followed(&ledger);
    let any = Select { status: StatusFilter::Any, ..select() };
    let truth = model.select(&any).unwrap().items;
    model.close().unwrap();
    let path = dir.path().join("read.sqlite");
    let bytes = std::fs::read(&path).unwrap();
    let (mut refused, mut broken, mut served, mut found) = (0, 0, 0, 0);
    for at in (0..bytes.len()).step_by(bytes.len() / 150) {
        let copy = tempfile::tempdir().unwrap();
        let path = copy.path().join("read.sqlite");
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x21;
        std::fs::write(&path, damaged).unwrap();
        let Ok(model) = ReadModel::open(&path, ledger.history(), &packages()) else {
            refused += 1;
            continue;
        };
        // A record may be hidden, none may be changed.
        match model.select(&any) {
            Ok(page) => assert!(page.items.iter().all(|v| truth.contains(v)), "byte {at}"),
            Err(error) => assert!(!error.is_request(), "byte {at}: {error}"),
        }
        // A structure that is not whole is found beside the work, and refused from then on.
        if model.check_structure().is_err() {
            drop(model);
            let again = ReadModel::open(&path, ledger.history(), &packages());
            assert!(again.is_err_and(|error| error.code() == "read-model-damaged"), "byte {at}");
            broken += 1;
            continue;
        }
        let whole = model.select(&any).is_ok_and(|page| page.items == truth);
        let checked = model.check(&packages());
        assert!(whole || checked.is_err(), "byte {at}: what is hidden must be found");
        served += 1;
        found += usize::from(checked.is_err());
    }
    let counts = [refused, broken, served, found];
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[test]
fn what_a_node_hands_over_gives_the_tables_that_the_history_gives() {
    let ledger = Ledger::flats();
    let (_dir, model) = followed(&ledger);
    let written: BTreeMap<Height, Arc<Written>> = ledger
        .blocks
        .iter()
        .map(|(stored, bodies)| {
            let header = &stored.block.header;
            let versions = bodies.iter().map(|(digest, body)| {
                let version: Version = chaincity_types::cbor::decode(body, 1 << 16).unwrap();
                (*digest, Arc::new(version))
            });
            let records = versions.filter(|(_, v)| matches!(v.key, LogicalKey::Record { .. }));
            let (block, parent) = (hash::header_digest(header), header.parent);
            (header.height, Arc::new(Written { block, parent, versions: records.collect() }))
        })
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let handed = open(&dir.path().join("read.sqlite"), &ledger);
    // Every third block is read from the history: a node hands over what it has.
    let recent =
        |height: Height| written.get(&height).filter(|_| !height.0.is_multiple_of(3)).cloned();
    while !handed.catch_up_with(&packages(), 7, &recent).unwrap().done {}
    assert_eq!(handed.content().unwrap(), model.content().unwrap());
    handed.check(&packages()).unwrap();

    let other = |_: Height| {
        let parent = hash::plain(b"another block");
        Some(Arc::new(Written { block: Digest::ZERO, parent, versions: vec![] }))
    };
    let dir = tempfile::tempdir().unwrap();
    let model = open(&dir.path().join("read.sqlite"), &ledger);
    let refused = model.catch_up_with(&packages(), 7, &other).unwrap_err();
    assert_eq!(refused.code(), "read-model-damaged", "{refused}");
}

#[test]
fn a_file_of_another_history_is_refused() {
    let ledger = Ledger::flats();
    let (dir, model) = followed(&ledger);
    model.close().unwrap();
    let mut other = Ledger::new();
    for n in 0..200 {
        other.block(&[(key(n), flat(n), Status::Live)]);
    }
    let path = dir.path().join("read.sqlite");
    let refused = ReadModel::open(&path, other.history(), &packages()).unwrap_err();
    assert_eq!(refused.code(), "read-model-damaged", "{refused}");
    std::fs::write(&path, b"this is no database, but it is long enough to be looked at").unwrap();
    let refused = ReadModel::open(&path, ledger.history(), &packages()).unwrap_err();
    assert_eq!(refused.code(), "read-model-damaged", "{refused}");
}

#[test]
fn the_registers_of_governance_have_their_tables() {
    let ledger = Ledger::flats();
    let dir = tempfile::tempdir().unwrap();
    let governance = chaincity_ledger::governance::package();
    let packages = vec![Arc::clone(&governance), package(1)];
    let path = dir.path().join("read.sqlite");
    let model = ReadModel::open(&path, ledger.history(), &packages).unwrap();
    while !model.catch_up(&packages, 50).unwrap().done {}
    for register in governance.registers.values() {
        let select = Select {
            package: governance.id.to_string(),
            register: register.name.to_string(),
            ..select()
        };
        assert_eq!(keys(&model, &select), Vec::<String>::new());
        for index in register.indexes.values() {
            let sort = vec![(index.fields[0].to_string(), Direction::Descending)];
            assert!(model.select(&Select { sort, ..select.clone() }).is_ok(), "{index:?}");
        }
    }
}

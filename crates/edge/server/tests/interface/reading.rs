//! Records, blocks, packages, status.

use std::sync::atomic::Ordering;

use chaincity_client::Select;
use chaincity_query::{Direction, Op, StatusFilter};
use chaincity_types::{Timestamp, Value};
use serde_json::json;

use crate::city::City;
use crate::fake::{time, version};

const PLACE: (&str, &str, &str) = ("real-estate", "unit", "u 1/京");

fn with_versions() -> City {
    let city = City::open();
    let area = |mantissa| Value::Decimal { mantissa, scale: 2 };
    let fields = |n: i64| {
        [
            ("number", "u 1/京".into()),
            ("building_area", area(8_320 + n)),
            ("completed", Value::Date(20_000)),
        ]
    };
    let versions: Vec<_> = (1..=3).map(|n| version(PLACE, n, n, &fields(n as i64))).collect();
    city.node.put(versions[2].clone());
    *city.reader.versions.lock().unwrap() = versions;
    city
}

#[test]
fn a_record_shows_its_fields_and_who_wrote_it() {
    let city = with_versions();
    let record = city.client().record(PLACE.0, PLACE.1, PLACE.2).unwrap().unwrap();
    let json = serde_json::to_value(&record).unwrap();
    assert_eq!(json["_key"], "u 1/京");
    assert_eq!((&json["_version"], &json["_status"]), (&json!(3), &json!("live")));
    assert_eq!(json["_began"], time(3).to_string());
    assert_eq!(json["building_area"], "83.23");
    assert_eq!(json["completed"], "2024-10-04");
    assert_eq!(json["_by"]["member"], "registry");
    assert_eq!(json["_by"]["action"], "first-registration");
    assert_eq!(json["_by"]["transaction"], "05".repeat(32));
    assert_eq!(json["_by"]["height"], 3);
}

#[test]
fn what_is_not_there_is_told_apart() {
    let city = with_versions();
    let client = city.client();
    assert_eq!(client.record("real-estate", "unit", "none").unwrap(), None);
    let code = |found: Result<_, chaincity_client::ClientError>| {
        found.map(|_: Option<_>| ()).unwrap_err().code().map(str::to_owned)
    };
    assert_eq!(
        code(client.record("real-estate", "nothing", "k")).as_deref(),
        Some("no-such-register")
    );
    assert_eq!(code(client.record("nothing", "unit", "k")).as_deref(), Some("no-such-package"));
    assert_eq!(client.block(99).unwrap(), None);
    assert_eq!(client.package("nothing").unwrap(), None);
}

#[test]
fn history_is_read_in_pages_and_as_of_a_time() {
    let city = with_versions();
    let client = city.client();
    let page = client.history(PLACE.0, PLACE.1, PLACE.2, None, 2).unwrap();
    let numbers: Vec<_> = page.items.iter().map(|record| record.version).collect();
    assert_eq!((numbers, page.next, page.height), (vec![3, 2], Some(2), 3));
    let page = client.history(PLACE.0, PLACE.1, PLACE.2, page.next, 2).unwrap();
    assert_eq!((page.items[0].version, page.next), (1, None));

    let at = |ms| client.as_of(PLACE.0, PLACE.1, PLACE.2, Timestamp(ms)).unwrap();
    assert_eq!(at(time(2).0).unwrap().version, 2);
    assert_eq!(at(time(2).0 - 1).unwrap().version, 1);
    assert_eq!(at(time(1).0 - 1), None);
}

#[test]
fn a_selection_reaches_the_read_model_typed_by_the_register() {
    let city = with_versions();
    let select = Select::new("real-estate", "unit")
        .when("_key", "prefix", "u 1")
        .when("building_area", "ge", "83.2")
        .when("completed", "lt", "2026-01-01")
        .status("any")
        .sort("-building_area,_key")
        .limit(7)
        .after("cursor");
    let page = city.client().select(&select).unwrap();
    assert_eq!((page.items.len(), page.next.as_deref(), page.height), (3, Some("more"), 3));

    let selected = city.reader.selected.lock().unwrap().clone().unwrap();
    assert_eq!((selected.package.as_str(), selected.register.as_str()), ("real-estate", "unit"));
    assert_eq!((selected.limit, selected.cursor.as_deref()), (7, Some("cursor")));
    assert_eq!(selected.status, StatusFilter::Any);
    let sort = [
        ("building_area".to_owned(), Direction::Descending),
        ("_key".to_owned(), Direction::Ascending),
    ];
    assert_eq!(selected.sort, sort);
    let filters: Vec<_> =
        selected.filters.iter().map(|f| (f.field.as_str(), f.op, f.value.clone())).collect();
    assert_eq!(
        filters,
        [
            ("_key", Op::Prefix, "u 1".into()),
            ("building_area", Op::Ge, Value::Decimal { mantissa: 8_320, scale: 2 }),
            ("completed", Op::Lt, Value::Date(20_454)),
        ]
    );
}

#[test]
fn a_selection_that_makes_no_sense_is_refused_not_ignored() {
    let city = with_versions();
    let client = city.client();
    let unit = || Select::new("real-estate", "unit");
    for (select, code) in [
        (unit().eq("location", "x"), "filter-not-indexed"),
        (unit().eq("no_field", "x"), "bad-request"),
        (unit().when("_key", "like", "x"), "bad-request"),
        (unit().when("building_area", "ge", "big"), "bad-request"),
        (unit().when("building_area", "prefix", "8.00"), "bad-request"),
        (unit().when("building_area", "has", "8.00"), "bad-request"),
        (unit().status("dead"), "bad-request"),
        (unit().limit(0), "bad-request"),
        (unit().limit(201), "bad-request"),
        (unit().limit(3).limit(4), "bad-request"),
    ] {
        let error = client.select(&select).unwrap_err();
        assert_eq!(error.code(), Some(code), "{select:?}");
    }
}

#[test]
fn blocks_are_listed_newest_first_without_end_or_gap() {
    let city = City::open();
    (0..5).for_each(|_| city.node.add_block(None));
    let client = city.client();
    let (mut heights, mut before) = (Vec::new(), None);
    loop {
        let page = client.blocks(before, 4).unwrap();
        heights.extend(page.items.iter().map(|block| block.height));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(heights, [5, 4, 3, 2, 1, 0]);
    let (block, parent) = (client.block(2).unwrap().unwrap(), client.block(1).unwrap().unwrap());
    assert_eq!(block.block.parent, parent.block.digest);
}

#[test]
fn packages_tell_a_console_which_forms_to_draw() {
    let package = City::open().client().package("real-estate").unwrap().unwrap();
    let form = &package.forms["one-signature"];
    let shared = form.fields.iter().find(|field| field.fills.len() == 2).unwrap();
    assert_eq!(
        shared.fills,
        ["utilities.request-transfer.transferee", "disclosure.give-consent.subject"]
    );
    assert!(shared.title.as_ref().is_some_and(|title| !title.zh.is_empty()));
    let evidence: Vec<_> = package.forms["withdrawal"].evidence.iter().map(|e| &*e.kind).collect();
    assert_eq!(evidence, ["withdrawal"]);
    assert!(package.forms["suspension"].fields.is_empty());
}

#[test]
fn packages_tell_a_client_how_to_write_a_call() {
    let city = City::open();
    let client = city.client();
    let packages = client.packages().unwrap().items;
    assert!(packages.iter().any(|package| package.id == "real-estate"), "{packages:?}");
    let input = json!({"unit": "u", "document": "（2026）测0101执1号", "served": "2026-01-02T03:04:05Z",
        "from": "2026-01-02", "to": "2027-01-02"});
    let call = client.call_from_json("real-estate", "seal", input.as_object().unwrap()).unwrap();
    assert_eq!(call.input["to"], Value::Date(20_820));
    assert_eq!(call.input["served"], Value::Time(Timestamp(1_767_323_045_000)));
    let wrong = json!({"unit": "u"});
    let error = client.call_from_json("real-estate", "seal", wrong.as_object().unwrap());
    assert!(matches!(error, Err(chaincity_client::ClientError::Input(_))));
}

#[test]
fn status_and_health_need_no_token() {
    let city = City::open();
    let status = city.stranger().status().unwrap();
    assert_eq!((status.height, status.pool, status.peers), (0, 3, Some(4)));
    assert_eq!(status.read_model, Some(3));
    for path in ["/v1/health/live", "/v1/health/ready"] {
        let answer = crate::city::get(&format!("{}{path}", city.url()));
        assert_eq!((answer.status, answer.text.as_str()), (200, "{\"ok\":true}"));
    }
    let unready = |why: &str| {
        let answer = crate::city::get(&format!("{}/v1/health/ready", city.url()));
        assert_eq!((answer.status, answer.code().as_str()), (503, "not-ready"), "{why}");
    };
    city.node.ready.store(false, Ordering::SeqCst);
    unready("the state lacks what history shows");
    city.node.ready.store(true, Ordering::SeqCst);
    (0..110).for_each(|_| city.node.add_block(None));
    unready("the read model is behind");
}

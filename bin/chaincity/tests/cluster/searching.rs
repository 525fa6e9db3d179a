//! A name that stands in the vault alone: found by a search on the ledger, opened by an access, and in
//! no file outside the folders named `vault`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::city::{City, NODES, Ran};
use crate::disclosure::{done, grant_to, keep_a_vault, publish, sell_to};

/// Planted; it is nobody's.
const NAME: &str = "测试甲planted";
const STEWARD: &str = "registry";
const DESK: &str = "court";
const PURPOSE: &str = "核实来件人权利";
/// Planted likewise.
const CASE: &str = "窗口case-20261128-1号";

/// A search by `operator` of what a file holds.
fn search(city: &City, operator: &str, text: &str, by: &str) -> Ran {
    // What the officer was told stays with him.
    let folder = Path::new(&city.file("desk/vault")).to_owned();
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("name.txt");
    fs::write(&file, format!("{text}\n")).unwrap();
    let value = format!("@{}", file.to_str().unwrap());
    let what = ["search", "real-estate", "right", "--by", by, "--value", &value];
    let why = ["--purpose", PURPOSE, "--case", CASE, "--steward-node", city.url(STEWARD)];
    city.run_as(operator, DESK, &[&what[..], &why].concat())
}

/// Files under a folder that hold the text, and how many were looked at.
fn holding(folder: &Path, text: &[u8], found: &mut Vec<String>) -> usize {
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let is_vault = path.file_name().is_some_and(|name| name == "vault");
            seen += if is_vault { 0 } else { holding(&path, text, found) };
        } else if let Ok(bytes) = fs::read(&path) {
            seen += 1;
            if bytes.windows(text.len()).any(|part| part == text) {
                found.push(path.display().to_string());
            }
        }
    }
    seen
}

#[test]
fn a_planted_name_is_found_by_a_search_opened_by_an_access_and_stands_in_vaults_alone() {
    let mut city = City::found(1_000);
    keep_a_vault(&city, STEWARD, "release-agent");
    city.start(&NODES);
    let title = sell_to(&city, NAME);
    // What the registrar typed is his own file.
    fs::remove_file(city.file("holder-identity.json")).unwrap();
    publish(&city);
    let grant = grant_to(&city, "reception", (PURPOSE, &["holder-identity"], &[]));

    let found = done(&search(&city, "reception", &format!(" {} ", NAME.to_uppercase()), "name"));
    assert_eq!((&found["state"], &found["found"]), (&json!("answered"), &json!(1)), "{found}");
    let hit = json!([{"record": title, "version": 1, "group": "holder-identity"}]);
    assert_eq!(found["hits"], hit);
    let number = found["search"].as_str().unwrap();
    // The result is the searcher's: neither a colleague's nor another member's.
    for other in ["keeper", "bank-a"] {
        let refused = city.client(&[STEWARD], other).search_result(number).unwrap_err();
        assert_eq!(refused.code(), Some("not-reader"), "{other}");
    }

    let none = search(&city, "reception", "测试无名", "name");
    assert_eq!((none.code, &none.json()[0]["found"]), (1, &json!(0)), "{none:?}");
    let unknown = search(&city, "reception", NAME, "colour");
    assert_eq!((unknown.code, &unknown.json()[0]["code"]), (4, &json!("kind-unknown")));
    assert_eq!(search(&city, "bank-a", NAME, "name").code, 4, "no officer of the steward");
    // A value on the command line is refused and not repeated.
    let typed = ["search", "real-estate", "right", "--by", "name", "--value", NAME];
    let why = ["--purpose", PURPOSE, "--case", CASE];
    let typed = city.run_as("reception", DESK, &[&typed[..], &why].concat());
    assert!(typed.code == 2 && !format!("{typed:?}").contains("planted"), "{typed:?}");

    let read = |case: &str| {
        let what = ["read", "real-estate", "right", &title, "--groups", "holder-identity"];
        let why = ["--steward", STEWARD, "--purpose", PURPOSE, "--case", case, "--grant", &grant];
        let at = ["--search", number, "--steward-node", city.url(STEWARD)];
        city.run_as("reception", DESK, &[&what[..], &why, &at].concat())
    };
    let other_case = read("窗口2号");
    assert_eq!((other_case.code, &other_case.json()[0]["code"]), (4, &json!("search-differs")));
    let opened = done(&read(CASE));
    let holders = &opened["groups"]["holder-identity"][0]["holders"];
    assert_eq!(holders[0]["name"], NAME, "{opened}");

    every_view_shows_the_search(&city, number);
    for private in [NAME, CASE] {
        let mut found = Vec::new();
        let seen = holding(city.path().parent().unwrap(), private.as_bytes(), &mut found);
        assert!(found.is_empty() && seen > 50, "{private}, {seen} files: {found:?}");
    }
    let in_vault = fs::read_dir(Path::new(&city.config(STEWARD)).with_file_name("vault")).unwrap();
    assert!(in_vault.count() > 0);
}

fn every_view_shows_the_search(city: &City, number: &str) {
    let searches = |operator: &str, node: &str, view: &[&str]| -> Vec<Value> {
        let ran = city.run_as(operator, node, &[&["read-log"], view].concat());
        assert!(ran.code == 0 && !ran.out.contains("planted"), "{ran:?}");
        ran.json().into_iter().filter(|entry| entry["kind"] == "search").collect()
    };
    let own = searches("auditor", STEWARD, &["--subject", "测试乙"]);
    assert_eq!(own.len(), 1, "{own:#?}");
    assert_eq!((&own[0]["key"], &own[0]["case"]), (&json!(number), &json!(CASE)));
    assert_eq!(searches("auditor", DESK, &["--subject", "测试乙"])[0]["case"], Value::Null);
    assert_eq!((&own[0]["reader"], &own[0]["term"]), (&json!(STEWARD), &json!("name")));
    for (operator, view) in [("keeper", &["--steward", STEWARD][..]), ("auditor", &["--auditor"])] {
        let all = searches(operator, DESK, view);
        let mut states: Vec<_> = all.iter().filter_map(|entry| entry["state"].as_str()).collect();
        states.sort_unstable();
        assert_eq!(states, ["answered", "answered", "refused"], "{all:#?}");
    }
    let used = ["read-log", "--use", "--steward", STEWARD];
    let used = done(&city.run_as("keeper", STEWARD, &used));
    let rows = used["rows"].as_array().unwrap().iter();
    let rows: Vec<_> = rows.filter(|row| row["kind"] == "search").collect();
    assert_eq!(rows.len(), 1, "{used:#}");
    assert_eq!((&rows[0]["accesses"], &rows[0]["refused"]), (&json!(3), &json!(1)));
    assert_eq!((&rows[0]["reader"], &rows[0]["purpose"]), (&json!(STEWARD), &json!(PURPOSE)));
    // Nothing is missing, searches included.
    let log = city.file("searches.log");
    for view in [&["--auditor", "--register", "real-estate/right"][..], &["--subject", "测试乙"]]
    {
        let ran =
            city.run_as("auditor", DESK, &[&["read-log"], view, &["--export", &log]].concat());
        assert!(ran.code == 0 && ran.json()[0]["complete"] == true, "{ran:?}");
    }
}

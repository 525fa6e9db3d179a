//! How an error in a record arose: told from proved versions, under the rules of their time.

use std::fs;

use serde_json::{Value, json};

use crate::city::{City, NODES, Ran, text};
use crate::load::register;
use crate::membership::govern;

const RECORD: &str = "real-estate/unit/WRONG-1";

fn explain(city: &City, arguments: &[&str]) -> Ran {
    city.run_as("court", "court", &[&["explain"][..], arguments].concat())
}

/// Publishes the package's next version, whose correction cites another law.
fn publish_next_version(city: &City) {
    let from = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packages/real-estate");
    let to = city.file("next");
    copy(from.as_ref(), to.as_ref());
    let change = |file: &str, old: &str, new: &str| {
        let file = format!("{to}/{file}");
        let before = fs::read_to_string(&file).unwrap();
        assert!(before.contains(old), "{file}");
        fs::write(file, before.replacen(old, new, 1)).unwrap();
    };
    change("package.yaml", "version: 1\n", "version: 2\n");
    change("actions/correct-unit.yaml", "民法典 220", "民法典 220（新）");
    let document = city.file("next.cbor");
    let built = crate::city::chaincity(&["package", "build", &to, "--out", &document]);
    assert_eq!(built.code, 0, "{built:?}");
    let document = hex::encode(fs::read(document).unwrap());
    govern(city, "publish-package", &json!({ "document": document }));
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn correct(city: &City, version: u64, location: &str) {
    let input = json!({
        "unit": "WRONG-1", "version": version, "location": location,
        "reason": "录入<笔误>", "legal_basis": "民法典 220",
    });
    let call = ["call", "real-estate", "correct-unit", "--input", &input.to_string()];
    let called = city.run_as("registrar", "registry", &call);
    assert_eq!(called.code, 0, "{called:?}");
}

fn every_version_is_proved_with_author_changes_and_the_rules_of_its_time(report: &Value) {
    assert_eq!((&report["ok"], &report["title"]["zh"]), (&json!(true), &json!("不动产单元")));
    let versions = report["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 3, "{report:#}");
    for (at, version) in versions.iter().enumerate() {
        let verified = &version["verified"];
        assert!(verified["ok"] == true && verified["receipt"]["block"].is_string(), "{verified}");
        assert_eq!(version["record"]["_version"], json!(at + 1));
        assert_eq!(version["record"]["_by"]["member"], "registry");
    }
    let locations: Vec<_> = versions
        .iter()
        .map(|v| {
            v["changes"].as_array().unwrap().iter().find(|c| c["field"] == "location").unwrap()
        })
        .map(|change| (change["before"].as_str(), change["after"].as_str()))
        .collect();
    let (a, b, c) = (Some("测试路1号"), Some("测试路2号"), Some("测试路3号"));
    assert_eq!(locations, [(None, a), (a, b), (b, c)]);

    let rules = |at: usize| &versions[at]["rules"];
    assert_eq!(
        (&rules(1)["package"]["version"], &rules(2)["package"]["version"]),
        (&json!(1), &json!(2))
    );
    assert_ne!(rules(1)["package"]["digest"], rules(2)["package"]["digest"]);
    let law = |at: usize| rules(at)["law"][0].clone();
    assert_eq!((law(1), law(2)), (json!("民法典 220"), json!("民法典 220（新）")));
    let guards = rules(2)["guards"].as_array().unwrap();
    assert!(guards.iter().any(|guard| guard["code"] == "correction-unexplained"));
    let corrects = &versions[2]["record"]["_corrects"];
    assert_eq!((&corrects["version"], &corrects["reason"]), (&json!(2), &json!("录入<笔误>")));
    assert_eq!(corrects["body"], versions[1]["body"]);
}

#[test]
fn how_an_error_arose_is_explained_from_proved_versions_as_of_any_time_and_printed() {
    let mut city = City::found(1_000);
    city.start(&NODES);
    register(&city.client(&["registry"], "registrar"), "WRONG-1");
    correct(&city, 1, "测试路2号");
    publish_next_version(&city);
    correct(&city, 2, "测试路3号");
    let (height, _) = city.agree(&NODES);
    city.wait_height("court", height);

    let ran = explain(&city, &[RECORD]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let report = ran.json().remove(0);
    every_version_is_proved_with_author_changes_and_the_rules_of_its_time(&report);
    // By three words, the same.
    let again = explain(&city, &["real-estate", "unit", "WRONG-1"]).json().remove(0);
    assert_eq!(again["versions"], report["versions"]);

    let second = report["versions"][1]["record"]["_began"].as_str().unwrap();
    let then = explain(&city, &[RECORD, "--at", second]).json().remove(0);
    let count = |of: &str| then[of].as_array().unwrap().len();
    assert_eq!((count("versions"), count("later")), (2, 1));
    assert_eq!(then["later"][0]["version"], 3);
    let never = explain(&city, &[RECORD, "--at", "2000-01-01T00:00:00+08:00"]);
    assert_eq!((never.code, never.json()[0]["later"].as_array().unwrap().len()), (1, 3));
    let absent = explain(&city, &["real-estate/unit/NONE"]);
    assert_eq!((absent.code, &absent.json()[0]["code"]), (1, &json!("no-such-record")));

    let file = city.path().join("report.html");
    let written = explain(&city, &[RECORD, "--html", text(&file)]);
    assert_eq!((written.code, &written.json()[0]["versions"]), (0, &json!(3)), "{written:?}");
    let page = fs::read_to_string(file).unwrap();
    assert!(page.contains("录入&lt;笔误&gt;") && !page.contains("<笔误>"));
    the_unit_is_exported_as_it_now_is(&city);
}

/// The same register for land offices elsewhere: `docs/ladm.md`.
fn the_unit_is_exported_as_it_now_is(city: &City) {
    let file = city.path().join("ladm.jsonl");
    let ran = city.run_as("court", "court", &["export", "ladm", "--to", text(&file)]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<Value> = fs::read_to_string(file)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["standard"], "ISO 19152:2012");
    let of = |class: &str| lines.iter().find(|line| line["class"] == class).unwrap();
    let unit = of("LA_BAUnit");
    assert_eq!((&unit["uID"], &unit["name"]), (&json!("WRONG-1"), &json!("测试路3号")));
    let right = of("LA_Right");
    assert_eq!((&right["baUnit"], &right["party"]), (&unit["id"], &of("LA_Party")["id"]));
    assert_eq!(lines.last().unwrap()["objects"], json!(lines.len() - 2));

    // One record alone; and no pages, since nothing of this export is one.
    let export = |more: &[&str]| {
        let file = city.path().join("part");
        let export = ["export", "ladm", "--to", text(&file), "--record", "WRONG-1"];
        let ran = city.run_as("court", "court", &[&export[..], more].concat());
        (ran.json()[0]["objects"].clone(), fs::read_to_string(file).unwrap())
    };
    let (count, part) = export(&[]);
    assert_eq!(count, json!(part.lines().count() - 2));
    assert!(part.contains("\"uID\":\"WRONG-1\"") && !part.contains("LA_Right\""), "{part}");
    let (count, page) = export(&["--page"]);
    assert_eq!(count, json!(0));
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"), "{page}");
}

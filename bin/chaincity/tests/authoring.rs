//! The commands of a package's author: from nothing to a package that is checked, tried, described
//! and compared; and a rule by itself.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

mod common;

use std::fs;
use std::path::Path;

use common::{Ran, run};
use serde_json::json;

fn chaincity(arguments: &[&str]) -> Ran {
    run(arguments, Vec::new())
}

fn eval(expression: &str, vars: &str) -> serde_json::Value {
    let ran = chaincity(&["rule", "eval", expression, "--vars", vars, "--json"]);
    assert!(ran.code <= 1, "{}", ran.err);
    ran.json().remove(0)
}

#[test]
fn a_rule_gives_value_type_and_fuel_or_says_why_not() {
    assert_eq!(
        eval("x * 2 + size(names)", r#"{"x": 20, "names": ["a", "b"]}"#),
        json!({"ok": true, "value": 42, "type": "int", "fuel": 6})
    );
    let seals = r#"{"seals": [{"to": null}, {"to": 3}]}"#;
    assert_eq!(eval("seals.exists(s, s.to != null && s.to > 2)", seals)["value"], json!(true));
    let overflow = eval("x + 1", r#"{"x": 9223372036854775807}"#);
    assert_eq!((&overflow["ok"], &overflow["code"]), (&json!(false), &json!("overflow")));
    assert_eq!(overflow["type"], "int");
    assert_eq!(eval("x / 0", r#"{"x": 1}"#)["code"], "division-by-zero");
    let unknown = eval("y", "{}");
    assert_eq!(unknown["code"], "rule");
    assert!(unknown["error"].as_str().unwrap().contains("unknown name `y`"));
    assert_eq!(eval("date('2026-02-28') < date('2026-03-01')", "{}")["value"], json!(true));
    assert_eq!(eval("add_months(date('2015-03-01'), 36)", "{}")["value"], "2018-03-01");
    for vars in ["{", "[1]", r#"{"x": 1.5}"#, r#"{"x": [1, "a"]}"#] {
        let ran = chaincity(&["rule", "eval", "1", "--vars", vars]);
        assert_eq!(ran.code, 2, "{vars}: {}", ran.out);
    }
    assert_eq!(chaincity(&["rule", "eval", "-1 + 2", "--json"]).json()[0]["value"], json!(1));
}

#[test]
fn a_new_package_passes_every_check_as_it_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("permits");
    let folder = folder.to_str().unwrap();
    let made = chaincity(&["package", "new", "permits", "--dir", folder, "--json"]);
    assert_eq!(made.code, 0, "{}{}", made.out, made.err);
    let checked = chaincity(&["package", "check", folder, "--strict"]);
    assert_eq!(checked.code, 0, "{}", checked.out);
    let tested = chaincity(&["package", "test", folder, "--json"]);
    assert_eq!(tested.code, 0, "{}", tested.out);
    assert_eq!(tested.json().last().unwrap()["passed"], 4);
    assert_eq!(chaincity(&["package", "new", "permits", "--dir", folder]).code, 2, "not empty");
    assert_eq!(chaincity(&["package", "new", "Permits!"]).code, 2, "no name of a package");
}

#[test]
fn two_versions_are_compared_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    let (old, new) = (old.to_str().unwrap(), new.to_str().unwrap());
    for folder in [old, new] {
        assert_eq!(chaincity(&["package", "new", "permits", "--dir", folder]).code, 0);
    }
    let same = chaincity(&["package", "diff", old, new, "--json"]);
    assert_eq!((same.code, same.json()), (0, vec![json!({"changes": 0, "breaking": 0})]));
    let file = format!("{new}/package.yaml");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("\"366\"", "\"180\"")).unwrap();
    let changed = chaincity(&["package", "diff", old, new, "--json"]);
    assert_eq!(changed.code, 0);
    assert_eq!(changed.json()[0]["en"], "value was `366`, becomes `180`");
    let file = format!("{new}/registers/permit.yaml");
    let spoilt = fs::read_to_string(&file).unwrap().replace("text(100)", "text(50)");
    fs::write(&file, spoilt).unwrap();
    let broken = chaincity(&["package", "diff", old, new]);
    assert_eq!(broken.code, 1, "stored records do not bear it: {}", broken.out);
}

#[test]
fn a_package_is_written_as_a_page_and_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let out = out.to_str().unwrap();
    for (command, wanted) in [("docs", "转移登记"), ("graph", "<svg")] {
        let ran =
            chaincity(&["package", command, "--shipped", "real-estate", "--out", out, "--json"]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let text = fs::read_to_string(out).unwrap();
        assert!(text.contains(wanted), "{command}");
        assert_eq!(ran.json()[0]["bytes"], text.len());
    }
}

#[test]
fn an_upgrade_and_the_exports_are_checked_too() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    let (old, new) = (old.to_str().unwrap(), new.to_str().unwrap());
    for folder in [old, new] {
        assert_eq!(chaincity(&["package", "new", "permits", "--dir", folder]).code, 0);
    }
    let check = |arguments: &[&str]| {
        let ran = chaincity(&[&["package", "check", new, "--json"][..], arguments].concat());
        let codes = ran.json().into_iter().map(|line| line["code"].as_str().unwrap().to_owned());
        (ran.code, codes.collect::<Vec<_>>())
    };
    assert_eq!(check(&["--against", old]), (0, vec![]));
    let file = format!("{new}/registers/permit.yaml");
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, whole.replace("text(100)", "text(50)")).unwrap();
    assert_eq!(check(&["--against", old]), (1, vec!["breaks-records".to_owned()]));
    assert_eq!(check(&[]), (0, vec![]));

    fs::create_dir(format!("{new}/exports")).unwrap();
    let export = "export: plain\nstandard: none\nobjects:\n  \
        - {class: Permit, from: permit, id: this._key, set: {number: this.nothing}}\n";
    fs::write(format!("{new}/exports/plain.yaml"), export).unwrap();
    assert_eq!(check(&[]), (1, vec!["rule".to_owned()]));
    fs::write(format!("{new}/exports/plain.yaml"), export.replace("nothing", "_status")).unwrap();
    assert_eq!(check(&[]), (0, vec![]));
}

#[test]
fn the_processes_of_a_package_are_checked_against_it() {
    for package in
        ["real-estate", "settlement", "utilities", "engineering-funds", "service-items", "notices"]
    {
        let ran = chaincity(&["package", "check", "--shipped", package, "--strict", "--json"]);
        assert_eq!((ran.code, ran.json()), (0, vec![]), "{package}");
    }
    let from = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packages/utilities");
    let whole = fs::read_to_string(format!("{from}/processes/transfer.bpmn")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("utilities");
    copy(Path::new(from), &folder);
    let found = |part: &str, other: &str| {
        assert!(whole.contains(part), "{part}");
        fs::write(folder.join("processes/transfer.bpmn"), whole.replacen(part, other, 1)).unwrap();
        let ran = chaincity(&["package", "check", folder.to_str().unwrap(), "--json"]);
        let lines = ran.json();
        // Where the spoilt file cannot be read, no task of it names a form.
        let told = lines.iter().filter(|line| line["code"] != "idle-form");
        let codes = told.clone().map(|line| line["code"].as_str().unwrap().to_owned());
        assert!(told.clone().all(|line| line["file"] == "processes/transfer.bpmn"), "{lines:?}");
        (ran.code, codes.collect::<Vec<_>>())
    };
    assert_eq!(found("utilities.read-part", "utilities.read-part"), (0, vec![]));
    // What another package seals, nobody here knows.
    assert_eq!(found("part.water-payload", "real-estate.right.deal"), (0, vec![]));
    for (part, other, code) in [
        ("utilities.read-part", "utilities.read-all", "unknown-action"),
        (
            "chaincity:role=\"provider.water@water_provider\" chaincity:actions=\"utilities.set-appointment\"",
            "chaincity:role=\"provider.steam\" chaincity:actions=\"utilities.set-appointment\"",
            "role-may-not",
        ),
        ("part.water-payload", "part.steam-payload", "unknown-group"),
        ("part.water-payload", "utilities.part.steam-payload", "unknown-group"),
        ("part.water-payload", "payload", "unknown-group"),
        ("userTask id=\"sign\"", "adHocSubProcess id=\"sign\"", "outside-subset"),
    ] {
        let (exit, codes) = found(part, other);
        assert_eq!((exit, codes.contains(&code.to_owned())), (1, true), "{code}: {codes:?}");
    }
}

#[test]
fn the_forms_of_a_package_are_checked_against_its_processes_and_other_packages() {
    let from = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packages/real-estate");
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("real-estate");
    copy(Path::new(from), &folder);
    let check = || {
        let ran = chaincity(&["package", "check", folder.to_str().unwrap(), "--json"]);
        let code = |line: &serde_json::Value| line["code"].as_str().unwrap().to_owned();
        (ran.code, ran.json().iter().map(code).collect::<Vec<_>>())
    };
    assert_eq!(check(), (0, vec![]));
    let file = folder.join("forms/dispute.yaml");
    let whole = fs::read_to_string(&file).unwrap();
    // `settlement` does not lie beside it: the one that is shipped is asked.
    for (part, other, wanted) in [
        ("receipt.reason", "receipt.cause", "unknown-name"),
        ("receipt.payment", "receipts.payment", "form-elsewhere"),
        ("form: dispute", "form: quarrel", "unknown-form"),
    ] {
        assert!(whole.contains(part), "{part}");
        fs::write(&file, whole.replacen(part, other, 1)).unwrap();
        let (exit, codes) = check();
        assert_eq!((exit, codes.contains(&wanted.to_owned())), (1, true), "{part}: {codes:?}");
    }
    fs::write(&file, whole).unwrap();
    fs::write(folder.join("forms/more.yaml"), "form: more\ntitle: {zh: 多, en: More}\n").unwrap();
    assert_eq!(check(), (0, vec!["idle-form".to_owned()]));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let at = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &at);
        } else {
            fs::copy(entry.path(), at).unwrap();
        }
    }
}

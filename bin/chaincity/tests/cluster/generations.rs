//! Three generations of one register and its seals, brought into a running city, and what `explain`
//! says of them; and that a seal holds there.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::city::{City, NODES, Ran, text};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// Its area was mistyped when the paper ledger went into the old system, or before.
const UNIT: &str = "real-estate/unit/431302001002GB00011F00010003";

fn generation(city: &City, number: u64) -> Ran {
    import(city, &format!("{ROOT}/packages/real-estate/imports/generation-{number}.yaml"))
}

fn import(city: &City, mapping: &str) -> Ran {
    let source = format!("{ROOT}/examples/data/generations");
    let aside = city.file("set-aside.jsonl");
    let files = ["--mapping", mapping, "--source", &source, "--set-aside", &aside];
    city.run_as("importer", "registry", &[&["import"][..], &files].concat())
}

fn each_version_names_its_generation(report: &Value) {
    assert_eq!(report["ok"], json!(true), "{report:#}");
    let sources: Vec<_> = report["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| &version["source"])
        .map(|source| [&source["number"], &source["system"], &source["file"], &source["row"]])
        .collect();
    assert_eq!(
        json!(sources),
        json!([
            [1, "纸质台账", "1-ledger.csv", 4],
            [2, "旧系统", "2-house.txt", 4],
            [3, "现行系统", "3-units.csv", 4],
        ])
    );
    assert_eq!(
        report["comparison"]["differences"],
        json!([{
            "field": "building_area",
            "title": {"zh": "建筑面积（平方米）", "en": "Building area in m²"},
            "generation": 2,
            "generation_before": 1,
            "before": "88.50",
            "after": "85.80",
            "changed_in": 2,
        }])
    );
}

#[test]
fn generations_become_versions_and_explain_says_where_they_first_differ() {
    let mut city = City::found(1_000);
    city.start(&NODES);
    for (number, applied) in (1..).zip([20, 20, 22]) {
        let ran = generation(&city, number);
        assert_eq!(ran.code, 0, "{ran:?}");
        let summary = ran.json().remove(0);
        assert_eq!(
            (&summary["generation"]["outcome"], &summary["calls_applied"], &summary["adds_up"]),
            (&json!("recorded"), &json!(applied), &json!(true)),
            "{summary:#}"
        );
    }
    // The last again adds nothing; the first is now too old.
    let again = generation(&city, 3);
    let summary = again.json().remove(0);
    assert_eq!((again.code, &summary["calls_applied"]), (0, &json!(0)), "{summary:#}");
    assert_eq!(summary["generation"]["outcome"], "already-there");
    let older = generation(&city, 1);
    let summary = older.json().remove(0);
    assert_eq!((older.code, &summary["total"]["read"]), (4, &json!(0)), "{summary:#}");
    assert_eq!(summary["generation"]["code"], "generation-older");

    let (height, _) = city.agree(&NODES);
    city.wait_height("court", height);
    let ran = city.run_as("court", "court", &["explain", UNIT]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let report = ran.json().remove(0);
    each_version_names_its_generation(&report);
    let client = city.client(&["court"], "court");
    let place: Vec<&str> = UNIT.splitn(3, '/').collect();
    let told = client.explanation((place[0], place[1], place[2]), None, 0, 100).unwrap().unwrap();
    assert_eq!(serde_json::to_value(&told.comparison).unwrap(), report["comparison"]);

    a_person_reads_the_same_on_a_terminal_and_on_paper(&city, &report);
    a_seal_that_came_in_is_explained_by_its_file_line_and_generation(&city);
    a_sealed_unit_refuses_a_transfer_until_it_is_unsealed(&city);
}

fn a_person_reads_the_same_on_a_terminal_and_on_paper(city: &City, report: &Value) {
    let digest = report["versions"][1]["source"]["digest"].as_str().unwrap();
    let (key, dir) = (city.key_file("court"), city.path());
    let done = Command::new(env!("CARGO_BIN_EXE_chaincity"))
        .args(["explain", UNIT, "--city", text(&dir), "--node", city.url("court"), "--key", &key])
        .output()
        .unwrap();
    let terminal = String::from_utf8(done.stdout).unwrap();
    let (one, two) = (
        "第 1 代 · generation 1（纸质台账 · paper ledger）= 88.50",
        "第 2 代 · generation 2（旧系统 · old system）= 85.80",
    );
    let first = "第 2 代 · generation 2（第 2 版 · version 2）";
    let line = format!(
        "  building_area 建筑面积（平方米） · Building area in m²: {one}；{two}；首次不同 · first differs: {first}"
    );
    assert!(terminal.lines().any(|found| found == line), "{terminal}");
    let source = format!(
        "  数据来源 · Imported from: 第 2 代 · generation 2；系统 · system: 旧系统 · old system；\
         文件 · file: 2-house.txt；行 · row: 4；导出时间 · exported: 2012-03-01 18:00:00.000 +08:00；\
         导出人 · exported by: 运维员02；文件摘要 · SHA-256: {digest}"
    );
    assert!(terminal.lines().any(|found| found == source), "{terminal}");
    // Of the third version nothing but its source is new.
    assert_eq!(terminal.matches("    （无 · none）").count(), 1, "{terminal}");

    let file = dir.join("report.html");
    let written = city.run_as("court", "court", &["explain", UNIT, "--html", text(&file)]);
    assert_eq!(written.code, 0, "{written:?}");
    let page = fs::read_to_string(file).unwrap();
    for wanted in [one, two, first, digest, "首次不同之处"] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
}

/// A court's old seal, from the mapping of another register.
fn a_seal_that_came_in_is_explained_by_its_file_line_and_generation(city: &City) {
    let mapping = format!("{ROOT}/packages/real-estate/imports/seals.yaml");
    let ran = import(city, &mapping);
    let summary = ran.json().remove(0);
    // The generation and four of six: one has no time of service, one no unit.
    assert_eq!(
        (ran.code, &summary["calls_applied"], &summary["adds_up"]),
        (4, &json!(5), &json!(true)),
        "{summary:#}"
    );
    let (height, _) = city.agree(&NODES);
    city.wait_height("court", height);
    let unit = "unit=431302001002GB00011F00020016";
    let query = ["query", "real-estate", "seal", "--where", unit, "--sort", "served"];
    let found = city.run_as("court", "court", &query);
    assert_eq!(found.code, 0, "{found:?}");
    let seals = found.json();
    // The file has the one that waits first; a line about the page ends the answer.
    assert_eq!(seals.len(), 3, "{found:?}");
    for (seal, row, kind) in [(&seals[0], 3, "seal"), (&seals[1], 2, "waiting")] {
        assert_eq!(seal["_computed"]["kind"], kind, "{seal:#}");
        let record = format!("real-estate/seal/{}", seal["_key"].as_str().unwrap());
        let ran = city.run_as("court", "court", &["explain", &record]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let report = ran.json().remove(0);
        let source = &report["versions"][0]["source"];
        let told = ["number", "system", "file", "row"].map(|of| &source[of]);
        assert_eq!(json!(told), json!([1, "现行系统", "3-seals.csv", row]));
        assert_eq!(
            (&report["ok"], &report["versions"][0]["verified"]["ok"]),
            (&json!(true), &json!(true))
        );
    }
}

fn call(city: &City, operator: &str, action: &str, input: &Value, more: &[&str]) -> Ran {
    let input = input.to_string();
    let call = [&["call", "real-estate", action, "--input", &input][..], more].concat();
    city.run_as(operator, "registry", &call)
}

/// What a registrar is told over the wire, with and without the seal.
fn a_sealed_unit_refuses_a_transfer_until_it_is_unsealed(city: &City) {
    let house = json!({
        "number": "HOUSE-1", "number_kind": "other", "location": "测试路1号", "basis": "合同",
        "holders": [{"subject": "bank-a", "n": 1, "d": 1}],
    });
    let made = call(city, "registrar", "first-registration", &house, &[]);
    assert_eq!(made.code, 0, "{made:?}");
    let seal = json!({
        "unit": "HOUSE-1", "document": "（2026）湘1302执9号", "served": "2026-01-05T09:00:00+08:00",
        "from": "2026-01-05", "to": "2029-01-04",
    });
    let sealed = call(city, "court", "seal", &seal, &[]);
    assert_eq!(sealed.code, 0, "{sealed:?}");
    let events = sealed.json().remove(0)["receipt"]["entries"][0]["events"].clone();
    let seal = events[0]["key"].as_str().unwrap().to_owned();

    let sale = json!({
        "unit": "HOUSE-1", "to": [{"subject": "housing", "n": 1, "d": 1}], "basis": "买卖合同",
    });
    let mut mandates = Vec::new();
    for (party, purpose) in [("bank-a", "transfer"), ("housing", "acquire")] {
        let text = sale.to_string();
        let give = ["mandate", "give", "real-estate", "transfer", "--for", purpose, "--input"];
        let given = city.run_as(party, "registry", &[&give[..], &[&text]].concat());
        assert_eq!(given.code, 0, "{given:?}");
        mandates.push(given.json().remove(0)["mandate"].as_str().unwrap().to_owned());
    }
    let named = ["--mandate", &mandates[0], "--mandate", &mandates[1]];
    let refused = call(city, "registrar", "transfer", &sale, &named);
    let told = refused.json().remove(0)["rejections"][0].clone();
    assert_eq!(
        (refused.code, &told["code"], &told["zh"], &told["en"]),
        (4, &json!("unit-sealed"), &json!("该不动产已被查封"), &json!("the unit is sealed"))
    );
    let lifted = json!({"seal": seal, "document": "（2026）湘1302执9号之一"});
    let lifted = call(city, "court", "unseal", &lifted, &[]);
    assert_eq!(lifted.code, 0, "{lifted:?}");
    let sold = call(city, "registrar", "transfer", &sale, &named);
    assert_eq!(sold.code, 0, "{sold:?}");
}

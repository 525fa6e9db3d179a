//! Three generations of one synthetic register, one after the other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chaincity_client::api::explain::{Comparison, Explained, Packages, compare, explain};
use chaincity_crypto::hash;
use chaincity_types::Value;
use chaincity_types::wire::{LogicalKey, Version};
use serde_json::json;

use super::memory::{Memory, Note, compile, fields, generation_text, generations, import, note};
use crate::import::check::Mapping;
use crate::import::generation::Outcome;
use crate::import::report::Summary;
use crate::import::run::Options;

const OPTIONS: Options = Options { seed: 1, limit: None };

fn unit(number: u32) -> String {
    format!("431302001002GB00011F{:04}{number:04}", 1 + (number - 1) / 10)
}

fn mapping(number: u64) -> Mapping {
    compile(&generation_text(number)).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

fn run(number: u64, memory: &mut Memory) -> (Summary, Vec<Note>) {
    import(&mapping(number), &generations(), OPTIONS, memory)
}

/// Every version of every unit and title, as the imports wrote them.
#[derive(Default)]
struct Versions(BTreeMap<(String, String), Vec<Version>>);

impl Versions {
    /// Takes what is new since the import before.
    fn follow(&mut self, memory: &Memory) {
        for (logical, record) in memory.chain.ledger.records() {
            let LogicalKey::Record { register, key, .. } = logical else { continue };
            let name = match register.as_str() {
                "unit" => key.clone(),
                "right" => record.version.fields["unit"].as_text().unwrap().into(),
                _ => continue,
            };
            let of = self.0.entry((register.to_string(), name.into())).or_default();
            if of.last().is_none_or(|last| last.version < record.version.version) {
                of.push(Version::clone(&record.version));
            }
        }
    }

    fn explained(&self, register: &str, unit: &str) -> Vec<Explained> {
        let versions = &self.0[&(register.to_owned(), unit.to_owned())];
        let before = |at: usize| at.checked_sub(1).map(|at| &versions[at]);
        let all = versions.iter().enumerate();
        all.map(|(at, version)| explain(version, before(at), &Packages::new())).collect()
    }

    fn comparison(&self, register: &str, unit: &str) -> Comparison {
        compare(&self.explained(register, unit))
    }
}

/// Field, generation before, its value, generation, its value.
type Found = (String, u64, Option<serde_json::Value>, u64, Option<serde_json::Value>);

fn differences(comparison: &Comparison) -> Vec<Found> {
    let found = comparison.differences.iter();
    found
        .map(|d| {
            (d.field.clone(), d.generation_before, d.before.clone(), d.generation, d.after.clone())
        })
        .collect()
}

fn differs(field: &str, before: (u64, &str), after: (u64, &str)) -> Vec<Found> {
    vec![(field.to_owned(), before.0, Some(json!(before.1)), after.0, Some(json!(after.1)))]
}

fn numbers(comparison: &Comparison) -> Vec<u64> {
    comparison.generations.iter().map(|generation| generation.number).collect()
}

/// All three, in order, with every version.
fn all() -> (Memory, Versions) {
    let (mut memory, mut versions) = (Memory::new(), Versions::default());
    for number in 1..=3 {
        let (summary, _) = run(number, &mut memory);
        assert_eq!(summary.total.refused, 0, "{summary:?}");
        versions.follow(&memory);
    }
    (memory, versions)
}

#[test]
fn each_generation_says_what_came_in_and_a_second_run_adds_nothing() {
    let mut memory = Memory::new();
    let none = |summary: &Summary| summary.generation.clone().unwrap().outcome;
    let spoiled = [
        // No such day; the holder goes with the unit.
        vec![
            note("1-holders.csv", 18, None, "parent-set-aside"),
            note("1-ledger.csv", 16, Some("竣工日期"), "not-a-date"),
        ],
        // Bytes that GBK does not know.
        vec![
            note("2-house.txt", 18, Some("ZL"), "undecodable"),
            note("2-owner.txt", 21, None, "parent-set-aside"),
        ],
        vec![],
    ];
    for ((number, spoiled), read) in (1..).zip(spoiled).zip([20, 20, 21]) {
        let (first, mut notes) = run(number, &mut memory);
        notes.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        assert_eq!(notes, spoiled);
        assert_eq!(none(&first), Outcome::Recorded);
        let units = &first.files[0];
        let aside = u64::try_from(spoiled.len() / 2).unwrap();
        assert_eq!((units.read, units.imported, units.set_aside), (read, read - aside, aside));

        let before = memory.chain.ledger.clone();
        let (second, again) = run(number, &mut memory);
        assert_eq!(none(&second), Outcome::AlreadyThere);
        assert!(memory.chain.ledger == before, "generation {number}");
        assert_eq!((second.calls_applied, again.len()), (0, notes.len()));
        assert_eq!(second.files[0].already_there, units.imported);
    }
    assert_eq!((memory.count("generation"), memory.count("unit")), (3, 21));
    assert_eq!(memory.count("right"), 21);
}

#[test]
fn a_version_says_from_which_file_and_line_of_which_system_it_came() {
    let (memory, versions) = all();
    let digest = |file: &str| hash::plain(&fs::read(generations().join(file)).unwrap()).to_string();
    let unit = versions.explained("unit", &unit(3));
    let from: Vec<_> = unit.iter().map(|version| version.source.clone().unwrap()).collect();
    let said: Vec<_> =
        from.iter().map(|s| (s.number, s.system.as_deref(), s.file.as_deref(), s.row)).collect();
    assert_eq!(
        said,
        [
            (Some(1), Some("纸质台账"), Some("1-ledger.csv"), Some(4)),
            (Some(2), Some("旧系统"), Some("2-house.txt"), Some(4)),
            (Some(3), Some("现行系统"), Some("3-units.csv"), Some(4)),
        ]
    );
    assert_eq!(from[1].system_en.as_deref(), Some("old system"));
    assert_eq!(from[1].exported.as_deref(), Some("2012-03-01T10:00:00.000Z"));
    assert_eq!(from[1].operator.as_deref(), Some("运维员02"));
    assert_eq!(from[1].digest, Some(digest("2-house.txt")));
    // A title came from the lines that name its holders: here two of them.
    let title = versions.explained("right", &self::unit(8));
    let source = title[1].source.clone().unwrap();
    assert_eq!(source.file.as_deref(), Some("2-owner.txt"));
    assert_eq!((source.row, source.rows), (Some(9), vec![9, 10]));
    assert_eq!(source.digest, Some(digest("2-owner.txt")));

    let recorded = fields(&memory.record("generation", "demo-register-2").unwrap());
    let files = recorded["files"].as_list().unwrap();
    let names: Vec<_> = files.iter().map(|f| f.as_map().unwrap()["name"].clone()).collect();
    assert_eq!(names, [Value::from("2-house.txt"), Value::from("2-owner.txt")]);
}

#[test]
fn explain_says_in_which_migration_two_generations_first_differ() {
    let (_, versions) = all();
    let of = |register: &str, number| versions.comparison(register, &unit(number));
    // Nothing differs: three versions all the same.
    assert_eq!((numbers(&of("unit", 1)), differences(&of("unit", 1))), (vec![1, 2, 3], vec![]));
    let area = differs("building_area", (1, "88.50"), (2, "85.80"));
    assert_eq!(differences(&of("unit", 3)), area);
    let (one, seven) = ("娄星区示例路1号1栋301室", "娄星区示例路7号1栋301室");
    assert_eq!(differences(&of("unit", 5)), differs("location", (2, one), (3, seven)));
    assert_eq!(differences(&of("unit", 9)), differs("use", (2, "住宅"), (3, "商业服务")));
    // Wrong in the second and right again in the third: the second is where it began.
    let completed = differs("completed", (1, "1991-05-01"), (2, "1991-05-10"));
    assert_eq!(differences(&of("unit", 11)), completed);

    // Another person of the same name; the unit itself says the same in all three.
    assert_eq!(differences(&of("unit", 7)), []);
    let holders = differences(&of("right", 7));
    assert_eq!(holders.len(), 1);
    assert_eq!((holders[0].0.as_str(), holders[0].1, holders[0].3), ("holders[0].subject", 1, 2));
    let share = differences(&of("right", 12));
    assert_eq!(share, [("holders[1].d".to_owned(), 1, Some(json!(3)), 2, Some(json!(2)))]);

    // A generation that lacks the record keeps its number.
    assert_eq!(numbers(&of("unit", 18)), [1, 3]);
    assert_eq!(
        differences(&of("unit", 18)),
        differs("building_area", (1, "124.66"), (3, "126.00"))
    );
    // Set aside in one generation, first known from the next.
    assert_eq!(numbers(&of("unit", 15)), [2, 3]);
    assert_eq!(numbers(&of("unit", 17)), [1, 3]);
    assert_eq!(numbers(&of("unit", 21)), [2, 3]);
}

#[test]
fn legacy_faults_are_taken_in_with_the_flags_of_the_generation_that_has_them() {
    let (_, versions) = all();
    let flags = |unit: &str| -> Vec<Vec<String>> {
        let versions = &versions.0[&("unit".to_owned(), unit.to_owned())];
        let words = |value: &Value| {
            let list = value.as_list().unwrap_or_default().to_vec();
            list.iter().map(|word| word.as_text().unwrap().to_owned()).collect()
        };
        let of = |version: &Version| version.fields.get("quality").map(words).unwrap_or_default();
        versions.iter().map(of).collect()
    };
    let (none, provisional) = (Vec::<String>::new(), vec!["no-unit-number".to_owned()]);
    assert_eq!(flags("ZB-0019"), [provisional.clone(), provisional.clone(), provisional]);
    let shares = vec!["shares-not-whole".to_owned()];
    assert_eq!(flags(&unit(12)), [shares.clone(), none.clone(), none.clone()]);
    let two = vec!["shares-not-whole".to_owned(), "two-owners".to_owned()];
    assert_eq!(flags(&unit(13)), [none.clone(), two, none.clone()]);
    let seal = vec!["waiting-seal-alone".to_owned()];
    assert_eq!(flags(&unit(14)), [none.clone(), none.clone(), seal]);
    // Joint owners have no shares.
    assert_eq!(flags(&unit(8)), [none.clone(), none.clone(), none]);
}

#[test]
fn an_older_generation_or_another_file_under_its_name_is_refused_before_any_row() {
    let mut memory = Memory::new();
    run(2, &mut memory);
    let before = memory.count("unit");
    let refused = |summary: &Summary| {
        let told = summary.generation.clone().unwrap();
        assert_eq!((told.outcome, summary.total.read), (Outcome::Refused, 0));
        assert!(summary.adds_up && told.reason.is_some_and(|why| !why.zh.is_ascii()));
        told.code.unwrap()
    };
    let (summary, _) = run(1, &mut memory);
    assert_eq!(refused(&summary), "generation-older");
    let lines = crate::import::report::for_person(&summary).join("\n");
    assert!(lines.contains("generation-older: 该登记簿已导入"), "{lines}");

    let directory = tempfile::tempdir().unwrap();
    copy("2-house.txt", directory.path());
    copy("2-owner.txt", directory.path());
    let mut changed = fs::read(generations().join("2-house.txt")).unwrap();
    let at = changed.windows(5).position(|bytes| bytes == b"85.80").unwrap();
    changed[at] = b'9';
    fs::write(directory.path().join("2-house.txt"), changed).unwrap();
    let (summary, _) = import(&mapping(2), directory.path(), OPTIONS, &mut memory);
    assert_eq!(refused(&summary), "generation-differs");
    assert_eq!(memory.count("unit"), before);
}

fn copy(file: &str, to: &Path) {
    fs::copy(generations().join(file), to.join(file)).unwrap();
}

#[test]
fn files_with_another_header_record_no_generation() {
    let directory = tempfile::tempdir().unwrap();
    copy("1-ledger.csv", directory.path());
    fs::write(directory.path().join("1-holders.csv"), "单元编号\n").unwrap();
    let mut memory = Memory::new();
    let mut silent = crate::import::meter::Meter::silent();
    let (mapping, sink) = (mapping(1), &mut memory);
    let failed =
        crate::import::run::run(&mapping, directory.path(), OPTIONS, sink, Vec::new(), &mut silent);
    assert!(failed.unwrap_err().to_string().starts_with("`1-holders.csv`"));
    assert_eq!(memory.count("generation"), 0);
}

#[test]
fn what_is_wrong_with_a_generation_is_told_before_a_row_is_read() {
    let wrong = |from: &str, to: &str| {
        let text = generation_text(1);
        assert!(text.contains(from), "{from}");
        compile(&text.replacen(from, to, 1)).unwrap_err().remove(0).cause
    };
    let cause = wrong("exported: 2003-06-30", "exported: 2003-06-31");
    assert_eq!(cause, "`2003-06-31` is neither a date nor an RFC 3339 time");
    let cause = wrong("number: 1", "number: 0");
    assert_eq!(cause, "generations are numbered from 1");
    let cause = wrong("action: record-generation", "action: record-generations");
    assert_eq!(cause, "package `real-estate` has no action `record-generations`");
    let cause = wrong("action: record-generation", "action: migrate-unit");
    assert!(cause.contains("not declared"), "{cause}");
    let cause = wrong("already: [generation-exists]", "already: []");
    assert!(cause.starts_with("`already` names no code"), "{cause}");
    let cause = wrong("{source: rows, of: holders}", "{source: rows}");
    assert!(cause.starts_with("a source is `generation`"), "{cause}");
    let cause = wrong("{source: row}", "{source: file}");
    assert!(cause.starts_with("field `row` "), "{cause}");
    let cause = wrong("not_whole: holders", "not_whole: owners");
    assert_eq!(cause, "`owners` is none of the files");
}

#[test]
fn an_old_register_of_seals_comes_in_whatever_its_order_and_a_second_run_adds_nothing() {
    let (mut memory, _) = all();
    let text =
        fs::read_to_string(super::memory::root().join("packages/real-estate/imports/seals.yaml"));
    let mapping = compile(&text.unwrap()).unwrap();
    let (summary, notes) = import(&mapping, &generations(), OPTIONS, &mut memory);
    // No such month; no such unit.
    let aside = [
        note("3-seals.csv", 6, Some("送达时间"), "not-a-date"),
        note("3-seals.csv", 7, None, "not-found"),
    ];
    assert_eq!(notes, aside);
    assert_eq!((summary.files[0].imported, memory.count("seal")), (4, 4));

    let seal = |document: &str| {
        let records = memory.chain.ledger.records().map(|(_, record)| &record.version);
        let mut seals =
            records.filter(|v| v.fields.get("document") == Some(&Value::from(document)));
        let fields = seals.next().unwrap().fields.clone();
        ["from", "to", "order"].map(|name| {
            if let Value::Date(day) = &fields[name] {
                return chaincity_package::literal::date_text(*day).unwrap();
            }
            fields[name].as_int().unwrap().to_string()
        })
    };
    // The one that waits came first in the file, and still waits for the one served before it.
    assert_eq!(seal("（2025）湘1302执1号"), ["2025-10-08", "2028-10-07", "1"]);
    assert_eq!(seal("（2025）湘1321执3号"), ["2028-10-08", "2031-10-07", "2"]);
    // None was before it: it stands first, and is not let go because its term would be over.
    assert_eq!(seal("（2019）湘1302执2号"), ["2019-05-06", "2022-05-05", "1"]);

    let before = memory.chain.ledger.clone();
    let (again, _) = import(&mapping, &generations(), OPTIONS, &mut memory);
    assert!(memory.chain.ledger == before);
    assert_eq!((again.calls_applied, again.files[0].already_there), (0, 4));
}

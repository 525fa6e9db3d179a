//! The list of service items of a whole city, 2,000 of them at 19 departments: imported, found by
//! department and by code, and applied for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use chaincity_package::export;
use chaincity_package::model::Package;
use chaincity_package::rule::Fuel;
use chaincity_package::source::Source;
use chaincity_types::wire::{Call, LogicalKey, Version};
use chaincity_types::{Digest, Str, Timestamp, Value};

use super::catalogue::{self, Item};
use super::memory::{IMPORTER, Memory, Person, compile_for, fields, import, note, root, same};
use crate::import::check::Mapping;
use crate::import::run::{CallOutcome, Options};

const OPTIONS: Options = Options { seed: 1, limit: None };
const ITEMS: usize = 2_000;
const CITIZEN: [u8; 32] = [8; 32];
const ACCEPTOR: [u8; 32] = [9; 32];
const EDITOR: [u8; 32] = [10; 32];
/// Long after the import.
const LATER: Timestamp = Timestamp(1_767_660_000_000);

fn source() -> Source {
    crate::folder::read(&root().join("packages/service-items")).unwrap().unwrap()
}

const fn person(
    key: [u8; 32],
    member: &'static str,
    roles: &'static [&'static str],
    subject: Option<&'static str>,
) -> Person {
    Person { key, member, roles, subject }
}

/// The ledger after genesis.
fn city(source: &Source) -> Memory {
    let citizen = Some("测试甲");
    let people = [
        person(IMPORTER, "items-office", &["items.importer"], None),
        person(CITIZEN, "citizens", &["subject.self"], citizen),
        person(ACCEPTOR, "bureau-04", &["department.acceptor", "notices.sender"], None),
        person(EDITOR, "items-office", &["notices.editor"], None),
    ];
    let notices = crate::folder::read(&root().join("packages/notices")).unwrap().unwrap();
    Memory::founded_with(source, &[&notices], &people)
}

fn mapping(package: &Package, name: &str) -> Mapping {
    let path = root().join(format!("packages/service-items/imports/{name}.yaml"));
    compile_for(package, &fs::read_to_string(path).unwrap()).unwrap()
}

/// Imports departments and items from a folder, whole.
fn load(memory: &mut Memory, package: &Package, folder: &Path) {
    let (departments, notes) = import(&mapping(package, "departments"), folder, OPTIONS, memory);
    assert_eq!((departments.calls_applied, notes), (19, vec![]));
    let (items, notes) = import(&mapping(package, "items"), folder, OPTIONS, memory);
    assert_eq!((items.calls_applied, notes), (2_000, vec![]));
}

/// The keys under an entry of an index, as a rule that reads by it finds them.
fn under(memory: &Memory, index: &str, value: &str) -> BTreeSet<String> {
    let entry = LogicalKey::Index {
        package: "service-items".into(),
        register: "item".into(),
        index: index.into(),
        values: vec![value.into()],
    };
    let keys = memory.chain.ledger.get(&entry).map(|entry| entry.version.fields["keys"].clone());
    let keys = keys.as_ref().and_then(Value::as_list).unwrap_or_default().to_vec();
    keys.iter().map(|key| key.as_text().unwrap().to_owned()).collect()
}

fn texts(pairs: &[(&str, &str)]) -> Value {
    Value::Map(pairs.iter().map(|(name, text)| ((*name).into(), Value::from(*text))).collect())
}

/// What the ledger must hold of an item, but for its materials.
fn foretold(item: &Item) -> BTreeMap<&'static str, Value> {
    let int = |n: u32| Value::Int(n.into());
    let kinds = BTreeMap::from([
        ("01", "licence"),
        ("05", "payment"),
        ("07", "confirmation"),
        ("08", "reward"),
        ("09", "ruling"),
        ("10", "other"),
        ("20", "public-service"),
    ]);
    let forms =
        [("窗口", "window"), ("网上", "online"), ("邮寄", "post"), ("自助", "self-service")];
    let forms = forms.iter().filter(|(word, _)| item.forms.contains(word));
    BTreeMap::from([
        ("name", texts(&[("zh", item.name.0.as_str()), ("en", item.name.1.as_str())])),
        ("department", item.department.as_str().into()),
        ("kind", kinds[item.kind.0].into()),
        ("legal_days", int(item.legal)),
        ("promised_days", int(item.promised)),
        ("fee", int(item.fee * 100)),
        ("forms", Value::List(forms.map(|(_, form)| (*form).into()).collect())),
        ("status", "in-force".into()),
        ("edition", Value::Int(1)),
    ])
}

#[test]
fn two_thousand_items_of_nineteen_departments_are_found_by_department_and_by_code() {
    let source = source();
    let package = source.compile().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let items = catalogue::items(ITEMS);
    catalogue::write(&items, folder.path());
    let mut memory = city(&source);
    load(&mut memory, &package, folder.path());
    assert_eq!((memory.count("department"), memory.count("item")), (19, 2_000));
    let materials: usize = items.iter().map(|item| item.materials).sum();
    assert_eq!(live(&memory, "material").count(), materials);

    // By department, and by main item: exactly those that the list has there.
    let mut listed = 0;
    for [code, ..] in catalogue::departments() {
        let wanted: BTreeSet<String> =
            items.iter().filter(|i| i.department == code).map(|i| i.code.clone()).collect();
        assert_eq!(under(&memory, "by_department", &code), wanted, "{code}");
        listed += wanted.len();
    }
    assert_eq!(listed, ITEMS);
    let main = &items[0];
    assert_eq!(under(&memory, "by_stem", &main.stem).len(), 3);
    // By code.
    let records: BTreeMap<&str, &Version> = live(&memory, "item").collect();
    for item in &items {
        let record = records[item.code.as_str()];
        for (field, value) in foretold(item) {
            assert_eq!(record.fields[field], value, "{} {field}", item.code);
        }
        let process = record.fields.get("process").unwrap_or(&Value::Null);
        assert_eq!(*process, item.process.map_or(Value::Null, Value::from), "{}", item.code);
    }

    // The same list a second time adds nothing.
    let mut again = city(&source);
    load(&mut again, &package, folder.path());
    assert!(same(&memory, &again));
    let (second, _) = import(&mapping(&package, "items"), folder.path(), OPTIONS, &mut memory);
    assert_eq!((second.calls_applied, second.files[0].already_there), (0, 2_000));
    assert!(same(&memory, &again));
}

/// Current records of a register in force, by key.
fn live<'m>(memory: &'m Memory, wanted: &'m str) -> impl Iterator<Item = (&'m str, &'m Version)> {
    memory.chain.ledger.records().filter_map(move |(logical, record)| {
        let LogicalKey::Record { register, key, .. } = logical else { return None };
        (register.as_str() == wanted).then_some((key.as_str(), &*record.version))
    })
}

fn call(action: &str, input: impl IntoIterator<Item = (&'static str, Value)>) -> Call {
    Call {
        package: "service-items".into(),
        action: action.into(),
        input: input.into_iter().map(|(name, value)| (name.into(), value)).collect(),
        case: None,
        task: None,
        mandates: None,
    }
}

fn digest(n: u8) -> Value {
    Value::Bytes(Digest([n; 32]).0.to_vec())
}

/// An application with these materials.
fn apply(item: &Item, materials: &[u8]) -> Call {
    let paper = |n: &u8| {
        let fields = [("number", Value::Int((*n).into())), ("digest", digest(*n))];
        Value::Map(fields.map(|(name, value)| (Str::from(name), value)).into())
    };
    let way = if item.forms.contains("窗口") { "window" } else { "online" };
    call(
        "apply",
        [
            ("item", item.code.as_str().into()),
            ("applicant", "测试甲".into()),
            ("person", digest(101)),
            ("form", digest(102)),
            ("way", way.into()),
            ("channel", "app".into()),
            ("materials", Value::List(materials.iter().map(paper).collect())),
        ],
    )
}

fn refused(outcomes: Vec<CallOutcome>) -> String {
    match outcomes.into_iter().next().unwrap() {
        CallOutcome::Rejected { code, .. } => code,
        CallOutcome::Applied => "applied".to_owned(),
    }
}

#[test]
fn an_application_runs_by_the_items_own_process_or_by_the_standard_one() {
    let source = source();
    let package = source.compile().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let items = catalogue::items(ITEMS);
    catalogue::write(&items, folder.path());
    let mut memory = city(&source);
    load(&mut memory, &package, folder.path());
    let of = |own: bool| {
        let fits = |i: &&Item| i.process.is_some() == own && i.materials == 5;
        let office = &catalogue::departments()[3][0];
        items.iter().filter(|i| i.department == *office).find(fits).unwrap()
    };
    let (own, standard) = (of(true), of(false));
    // Identity and title are proved by registers: nobody brings them.
    for asked in [2, 4] {
        let outcome = memory.execute_by(&CITIZEN, vec![apply(own, &[1, asked])]);
        assert_eq!(refused(outcome), "material-not-asked");
    }
    for item in [own, standard] {
        let outcome = memory.execute_by(&CITIZEN, vec![apply(item, &[1])]);
        assert_eq!(outcome, [CallOutcome::Applied]);
    }
    let year = "2026测工信申字第";
    let application = |n: u32| memory.record("application", &format!("{year}{n:07}号")).unwrap();
    let (first, second) = (application(1), application(2));
    let text = |version: &Version, field: &str| version.fields[field].as_text().unwrap().to_owned();
    assert_eq!(text(&first, "process"), "service-immediate");
    assert_eq!(text(&second, "process"), "service-standard");
    for (version, item) in [(&first, own), (&second, standard)] {
        assert_eq!(text(version, "office"), "bureau-04");
        assert_eq!(version.fields["promised_days"], Value::Int(item.promised.into()));
        assert_eq!(version.fields["materials"].as_list().unwrap().len(), item.materials);
    }
    one_time_notice(&mut memory, &package, &format!("{year}0000002号"));
}

/// The words of the notice that something is to be corrected.
fn words() -> Call {
    let place = |number: i64, kind: &str| {
        Value::Map([("number".into(), Value::Int(number)), ("kind".into(), kind.into())].into())
    };
    let input = [
        ("text", "service-items.correction".into()),
        ("version", Value::Int(1)),
        ("kind", "document".into()),
        ("zh", "您的办件{1}须补正，请于{2}前提交。".into()),
        ("en", "Your application {1} is to be corrected by {2}.".into()),
        ("places", Value::List(vec![place(1, "case-number"), place(2, "date")])),
        ("channels", Value::List(vec!["app".into()])),
    ];
    Call { package: "notices".into(), ..call("publish-text", input) }
}

/// The acceptor tells what is missing, and the page says so.
fn one_time_notice(memory: &mut Memory, package: &Package, number: &str) {
    let ask = |missing: &[i64]| {
        let missing = missing.iter().map(|n| Value::Int(*n)).collect();
        let input = [
            ("application", number.into()),
            ("missing", Value::List(missing)),
            ("faults", Value::List(vec!["signature-missing".into()])),
        ];
        vec![call("ask-correction", input)]
    };
    assert_eq!(refused(memory.execute_by(&ACCEPTOR, ask(&[]))), "missing-not-all");
    assert_eq!(refused(memory.execute_by(&ACCEPTOR, ask(&[2, 3]))), "material-not-asked");
    // Nothing is asked for in words that nobody published.
    assert_eq!(refused(memory.execute_by(&ACCEPTOR, ask(&[3]))), "not-found");
    assert_eq!(memory.execute_by(&EDITOR, vec![words()]), [CallOutcome::Applied]);
    assert_eq!(memory.execute_by(&ACCEPTOR, ask(&[3])), [CallOutcome::Applied]);

    let text = fs::read_to_string(root().join("packages/service-items/exports/pages.yaml"));
    let pages = export::compile("exports/pages.yaml", &text.unwrap(), package).unwrap();
    let version = memory.record("application", number).unwrap();
    let register = &package.registers["application"];
    let state = (version.status, version.version, version.by.time);
    let stored = register.stored(&number.into(), &fields(&version), state);
    let environment = package.environment(LATER);
    let seen = register.compute(stored, &mut environment.clone(), &mut Fuel::for_call()).unwrap();
    let pages = pages.objects(register, &seen, &environment).unwrap();
    let classes: Vec<_> = pages.iter().map(|page| page.class.as_str()).collect();
    assert_eq!(classes, ["one-time-notice"]);
    let lines = pages[0].attributes["lines_zh"].as_array().unwrap();
    let lines: Vec<_> = lines.iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(lines[0], format!("编号：{number}"));
    assert_eq!(lines[3..5], ["材料3：说明材料", "未签字或者盖章"]);
    assert_eq!(
        lines[6..],
        [
            "由登记簿核实，无需提交：身份证明",
            "由登记簿核实，无需提交：权属证明",
            "本机关自行取得，无需提交：其他部门意见",
        ]
    );
}

/// A cell within its line.
fn cell(text: &str) -> String {
    format!(",{text},")
}

#[test]
fn a_row_that_breaks_the_rules_is_left_out_alone() {
    let source = source();
    let package = source.compile().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let items = catalogue::items(57);
    catalogue::write(&items, folder.path());
    let path = folder.path().join("items.csv");
    let list = fs::read_to_string(&path).unwrap();
    let spoil = |(line, number): (&str, usize)| match number {
        // Another department than the code's; a promise beyond the law; no such kind.
        3 => line.replacen(&cell(&items[1].department), &cell(&items[3].department), 1),
        6 => line.replacen(&cell(&items[4].legal.to_string()), ",0,", 1),
        9 => line.replacen(&cell(items[7].kind.1), ",行政处罚,", 1),
        _ => line.to_owned(),
    };
    let spoiled: Vec<String> = list.lines().zip(1..).map(spoil).collect();
    fs::write(&path, spoiled.join("\n")).unwrap();
    let mut memory = city(&source);
    let departments = mapping(&package, "departments");
    import(&departments, folder.path(), OPTIONS, &mut memory);
    let (summary, notes) = import(&mapping(&package, "items"), folder.path(), OPTIONS, &mut memory);
    assert_eq!((summary.calls_applied, summary.files[0].read), (54, 57));
    let of_list: Vec<_> = notes.iter().filter(|note| note.file == "items.csv").collect();
    assert_eq!(
        of_list,
        [
            &note("items.csv", 9, Some("事项类型"), "unknown-word"),
            &note("items.csv", 3, None, "code-elsewhere"),
            &note("items.csv", 6, None, "limit-reversed"),
        ]
    );
}

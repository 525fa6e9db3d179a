//! Claims about reading YAML.

use super::*;

const PACKAGE: &str =
    "package: test\nversion: 1\ntitle: {zh: 测试, en: Test}\nroles:\n  a.b: {zh: 甲, en: A}\n";

fn problems(path: &str, text: &str) -> Vec<Problem> {
    parse(&[("package.yaml", PACKAGE), (path, text)]).unwrap_err()
}

#[test]
fn a_fault_names_file_line_and_column() {
    let text = "register: item\ntitle: {zh: 物, en: Item}\nsteward: a.b\nkey: auto\nfelds: {}\n";
    let found = problems("registers/item.yaml", text);
    let location = found[0].location.clone().unwrap();
    assert_eq!((location.file.as_str(), location.line), ("registers/item.yaml", 5));
    assert!(found[0].cause.en.contains("felds"), "{}", found[0]);
}

#[test]
fn a_fault_inside_a_rule_is_located_too() {
    let register =
        "register: item\ntitle: {zh: 物, en: Item}\nsteward: a.b\nkey: auto\nfields:\n  n: int\n";
    let action = "action: make\ntitle: {zh: 造, en: Make}\nby: a.b\ninput: {n: int}\ndo:\n  - insert:\n      register: item\n      fields:\n        n: input.m\n";
    let files = [
        ("package.yaml", PACKAGE),
        ("registers/item.yaml", register),
        ("actions/make.yaml", action),
    ];
    let found = parse(&files).unwrap().compile().unwrap_err();
    let location = found[0].location.clone().unwrap();
    assert_eq!((location.file.as_str(), location.line), ("actions/make.yaml", 9));
    assert!(found[0].cause.en.contains("no field `m`"), "{}", found[0]);
}

#[test]
fn yaml_bombs_aliases_and_duplicate_keys_are_refused() {
    let bomb = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nregister: *b\n";
    assert!(!problems("registers/a.yaml", bomb).is_empty());
    let deep = format!("register: {}{}\n", "[".repeat(2_000), "]".repeat(2_000));
    assert!(!problems("registers/a.yaml", &deep).is_empty());
    assert!(!problems("registers/a.yaml", "register: a\nregister: b\n").is_empty());
    assert!(!problems("registers/a.yaml", &"x".repeat(300_000)).is_empty());
}

#[test]
fn a_folder_without_package_yaml_is_no_package() {
    assert_eq!(parse(&[]).unwrap_err()[0].code, "no-package");
}

#[test]
fn other_files_are_left_to_other_tools() {
    let files = [("package.yaml", PACKAGE), ("imports/taipei.yaml", ": : :"), ("README.md", "# x")];
    assert_eq!(parse(&files).unwrap().doc.id, "test");
}

#[test]
fn processes_are_kept_as_they_stand_and_a_document_without_any_is_as_it_was() {
    let files = [
        ("package.yaml", PACKAGE),
        ("processes/sale.bpmn", "<definitions/>"),
        ("processes/fees.dmn", "<definitions/>"),
        ("processes/notes.txt", "x"),
    ];
    let with = parse(&files).unwrap();
    let names: Vec<&str> = with.doc.processes.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["fees.dmn", "sale.bpmn"]);
    assert_eq!(&*with.compile().unwrap().processes["sale.bpmn"], "<definitions/>");
    assert_eq!(PackageDoc::from_bytes(&with.doc.to_bytes()).unwrap(), with.doc);
    let mut without = with.doc.clone();
    without.processes.clear();
    let none = parse(&[("package.yaml", PACKAGE)]).unwrap().doc;
    assert_eq!(without.canonical(), none.canonical());
    assert_ne!(with.doc.digest(), none.digest());
    let bad = [("package.yaml", PACKAGE), ("processes/Sale.bpmn", "x")];
    assert_eq!(parse(&bad).unwrap().compile().unwrap_err()[0].code, "bad-name");
}

#[test]
fn an_action_tells_of_records_of_its_own_registers() {
    let register =
        "register: item\ntitle: {zh: 物, en: Item}\nsteward: a.b\nkey: auto\nfields:\n  n: int\n";
    let told = |tell: &str| {
        let action = format!(
            "action: mark\ntitle: {{zh: 记, en: Mark}}\nby: a.b\ninput: {{item: ref(item), n: int}}\n\
             do:\n  - tell: {tell}\n"
        );
        let files = [
            ("package.yaml", PACKAGE),
            ("registers/item.yaml", register),
            ("actions/mark.yaml", action.as_str()),
        ];
        let compiled = parse(&files).unwrap().compile();
        compiled.err().map(|problems| problems[0].code)
    };
    assert_eq!(told("{message: sealed, register: item, key: input.item}"), None);
    assert_eq!(told("{message: sealed, register: thing, key: input.item}"), Some("unknown-name"));
    assert_eq!(told("{message: sealed, register: item, key: input.n}"), Some("type"));
    assert_eq!(told("{message: Sealed, register: item, key: input.item}"), Some("bad-name"));
    // What a case that it begins is told.
    let says = |fields: &str| {
        told(&format!("{{message: sealed, register: item, key: input.item, fields: {{{fields}}}}}"))
    };
    assert_eq!(says("who: caller.member, often: input.n"), None);
    assert_eq!(says("Who: caller.member"), Some("bad-name"));
    assert_eq!(says("who: input.x"), Some("rule"));
}

#[test]
fn a_group_says_where_it_is_placed() {
    let group = |placement: &str| {
        let text = format!(
            "group: deal\ntitle: {{zh: 交易, en: Deal}}\nsteward: a.b\n{placement}fields: {{price: fen}}\n"
        );
        let source =
            parse(&[("package.yaml", PACKAGE), ("groups/deal.yaml", text.as_str())]).unwrap();
        let places = |problem: crate::problem::Problem| (problem.code, problem.place);
        let codes = source.compile().err().into_iter().flatten().map(places).collect::<Vec<_>>();
        (source.doc.groups[0].placement.clone(), codes)
    };
    assert_eq!(group(""), (None, vec![]));
    assert_eq!(group("placement: ledger\n"), (Some("ledger".to_owned()), vec![]));
    let wrong = vec![("unknown-name", "groups.deal.placement".to_owned())];
    assert_eq!(group("placement: cloud\n"), (Some("cloud".to_owned()), wrong));
}

proptest::proptest! {
    #[test]
    fn arbitrary_files_never_panic(text in "\\PC{0,80}", lines in "[a-z:\\-\\[\\]{} \n\"'!&*|>#]{0,120}") {
        for text in [text, lines] {
            for path in ["package.yaml", "registers/a.yaml", "actions/a.yaml", "scenarios/a.yaml"] {
                let _unused = parse(&[(path, text.as_str())]);
            }
        }
    }
}

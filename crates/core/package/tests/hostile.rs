//! A hostile package is refused when it is checked, each attack with its code, and checking it is
//! bounded too.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_docs_in_private_items,
    reason = "tests"
)]

use chaincity_package::doc::{
    ActionDoc, DOCUMENT_BYTES_MAX, EffectDoc, FieldDoc, GuardDoc, GuardSetDoc, PACKED_BYTES_MAX,
    PackageDoc, ParameterDoc, RegisterDoc, RoleDoc, TextDoc,
};
use chaincity_package::{check, compile, source};

const PACKAGE: &str = "package: test\nversion: 1\ntitle: {zh: 测试, en: Test}\nroles:\n  \
    a.b: {zh: 甲, en: A}\n";
const REGISTER: &str = "register: item\ntitle: {zh: 物, en: Item}\nsteward: a.b\nkey: auto\n\
    fields:\n  n: {type: int, zh: 数, en: Number}\n";

/// The codes of what is found when `text` stands at `path`.
fn found(path: &str, text: &str) -> Vec<&'static str> {
    let mut files =
        vec![("package.yaml", PACKAGE), ("registers/item.yaml", REGISTER), (path, text)];
    if path == "package.yaml" || path == "registers/item.yaml" {
        files.retain(|(at, content)| *at != path || *content == text);
    }
    match source::parse(&files) {
        Ok(source) => check(&source).into_iter().map(|problem| problem.code).collect(),
        Err(problems) => problems.into_iter().map(|problem| problem.code).collect(),
    }
}

fn action(rest: &str) -> String {
    format!("action: make\ntitle: {{zh: 造, en: Make}}\nlaw: [法 1]\nby: a.b\n{rest}")
}

fn in_action(rest: &str) -> Vec<&'static str> {
    found("actions/make.yaml", &action(rest))
}

fn guard(rule: &str) -> Vec<&'static str> {
    in_action(&format!("require:\n  - {{code: x, that: {rule:?}, zh: 否, en: no}}\ndo: []\n"))
}

#[test]
fn what_the_attacks_vary_is_itself_accepted() {
    let found = guard("1 < 2 || caller.member == 'x'");
    assert!(!found.iter().any(|code| ["rule", "type", "too-many"].contains(code)), "{found:?}");
}

#[test]
fn yaml_bombs_are_refused_as_yaml() {
    let laughs = "a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nc: [*b, *b, *b, *b]\nregister: x\n";
    let merge = "a: &a {x: y}\nregister:\n  <<: *a\n";
    let anchor = "register: &a x\n";
    let deep = format!("register: {}x{}\n", "[".repeat(25), "]".repeat(25));
    let maps = format!("register: {}x{}\n", "{a: ".repeat(25), "}".repeat(25));
    let documents = format!("{REGISTER}---\n{REGISTER}");
    let twice = format!("{REGISTER}steward: a.b\n");
    let large = format!("{REGISTER}# {}\n", "x".repeat(262_144));
    let many = format!("register: [{}]\n", "x, ".repeat(30_000));
    for bomb in [laughs, merge, anchor, &deep, &maps, &documents, &twice, &large, &many] {
        let head: String = bomb.chars().take(40).collect();
        assert_eq!(found("registers/bomb.yaml", bomb), ["yaml"], "{head}");
    }
}

#[test]
fn rules_that_are_too_long_too_deep_or_too_large_are_refused() {
    let long = format!("1 < {}2", " ".repeat(4_096));
    let many = format!("{}1 < 2", "1+".repeat(1_000));
    let deep = format!("{}true{}", "(".repeat(80), ")".repeat(80));
    let negated = format!("{}true", "!".repeat(80));
    let lists = format!("size({}1{}) < 2", "[".repeat(70), "]".repeat(70));
    let mut large = "[1].all(a0, ".to_owned();
    for i in 0..14 {
        let j = i + 1;
        large += &format!("[{{'x': a{i}, 'y': a{i}}}].all(a{j}, ");
    }
    large += &format!("true{}", ")".repeat(15));
    for rule in [long, many, deep, negated, lists, large] {
        let head: String = rule.chars().take(40).collect();
        assert!(guard(&rule).contains(&"rule"), "{head}: {:?}", guard(&rule));
    }
}

#[test]
fn names_that_shadow_are_refused() {
    for name in ["input", "caller", "now", "today", "action", "this", "whole", "true", "in"] {
        let found = in_action(&format!("let:\n  {name}: find(item, 'x')\ndo: []\n"));
        assert!(found.contains(&"bad-name"), "{name}: {found:?}");
    }
    for rule in ["[1].all(input, true)", "[1].all(x, [2].all(x, true))", "[1].all(today, true)"] {
        assert!(guard(rule).contains(&"rule"), "{rule}");
    }
    let effect =
        "input: {l: 'list(int, max 3)'}\ndo:\n  - each: {as: input, in: input.l, do: []}\n";
    assert!(in_action(effect).contains(&"bad-name"));
    let register = REGISTER.replace("  n:", "  _key:");
    assert!(found("registers/item.yaml", &register).contains(&"bad-name"));
}

#[test]
fn names_that_would_make_every_copy_dear_are_refused() {
    let long = "n".repeat(41);
    let register = REGISTER.replace("  n:", &format!("  {long}:"));
    assert!(found("registers/item.yaml", &register).contains(&"bad-name"));
    let read = in_action(&format!("let:\n  {long}: find(item, 'x')\ndo: []\n"));
    assert!(read.contains(&"bad-name"));
    let item = format!("do:\n  - each: {{as: {long}, in: '[1]', do: []}}\n");
    assert!(in_action(&item).contains(&"bad-name"));
    let inside = REGISTER.replace("int", &format!("'map({long}: int)'"));
    assert!(found("registers/item.yaml", &inside).contains(&"bad-type"));
    let role = PACKAGE.replace("a.b", &vec!["a"; 31].join("."));
    assert!(found("package.yaml", &role).contains(&"bad-name"));
    let words: Vec<String> = (0..257).map(|i| format!("w{i}")).collect();
    let words = REGISTER.replace("int", &format!("'enum({})'", words.join(", ")));
    assert!(found("registers/item.yaml", &words).contains(&"bad-type"));
}

#[test]
fn a_kernel_code_is_refused_in_guards_and_invariants() {
    let own = "require:\n  - {code: not-found, that: 'true', zh: 否, en: no}\ndo: []\n";
    assert!(in_action(own).contains(&"kernel-code"));
    let invariant =
        format!("{REGISTER}invariants:\n  - {{code: out-of-fuel, that: 'true', zh: 否, en: no}}\n");
    assert!(found("registers/item.yaml", &invariant).contains(&"kernel-code"));
}

fn text() -> TextDoc {
    TextDoc { zh: "测试".into(), en: "test".into() }
}

fn role(name: String) -> RoleDoc {
    RoleDoc { name, title: text() }
}

fn doc() -> PackageDoc {
    PackageDoc {
        id: "test".into(),
        version: 1,
        title: text(),
        roles: vec![role("a.b".into())],
        ..PackageDoc::default()
    }
}

fn plain_action(name: String) -> ActionDoc {
    ActionDoc { name, title: text(), by: vec!["a.b".into()], ..ActionDoc::default() }
}

fn register(name: String, fields: Vec<FieldDoc>) -> RegisterDoc {
    RegisterDoc {
        name,
        title: text(),
        steward: "a.b".into(),
        key: "auto".into(),
        retention: "permanent".into(),
        fields,
        ..RegisterDoc::default()
    }
}

fn field(name: &str, ty: &str) -> FieldDoc {
    FieldDoc { name: name.into(), ty: ty.into(), title: text() }
}

fn guard_doc(i: usize, that: &str) -> GuardDoc {
    GuardDoc { code: format!("g{i}"), that: that.into(), text: text() }
}

fn refused(doc: &PackageDoc, code: &str) {
    let problems = compile(doc).unwrap_err();
    assert!(problems.iter().any(|problem| problem.code == code), "{code}: {problems:#?}");
    assert!(problems.len() <= 100, "reports are bounded too");
}

#[test]
fn too_many_of_anything_is_refused() {
    assert!(compile(&doc()).is_ok());
    let mut all: Vec<PackageDoc> = Vec::new();
    let mut with = |change: &dyn Fn(&mut PackageDoc)| {
        let mut doc = doc();
        doc.actions.push(plain_action("a".into()));
        change(&mut doc);
        all.push(doc);
    };
    with(&|doc| doc.roles.extend((0..64).map(|i| role(format!("r{i}")))));
    with(&|doc| doc.registers.extend((0..65).map(|i| register(format!("r{i}"), Vec::new()))));
    with(&|doc| doc.actions.extend((0..200).map(|i| plain_action(format!("x{i}")))));
    with(&|doc| {
        let set = |i| GuardSetDoc { name: format!("s{i}"), title: text(), ..Default::default() };
        doc.guards.extend((0..65).map(set));
    });
    with(&|doc| {
        let fields = (0..101).map(|i| field(&format!("f{i}"), "int")).collect();
        doc.registers.push(register("r".into(), fields));
    });
    with(&|doc| doc.actions[0].guards.extend((0..65).map(|i| guard_doc(i, "true"))));
    with(&|doc| {
        let event = EffectDoc::Close { record: "x".into(), reason: "y".into() };
        doc.actions[0].effects.extend(vec![event; 17]);
    });
    with(&|doc| {
        let nest = |effects| EffectDoc::When { that: "true".into(), effects };
        doc.actions[0].effects = vec![nest(vec![nest(vec![nest(vec![nest(Vec::new())])])])];
    });
    with(&|doc| {
        let wide = format!(
            "map({})",
            (0..300).map(|i| format!("f{i}: int")).collect::<Vec<_>>().join(", ")
        );
        let fields = (0..4).map(|i| field(&format!("f{i}"), &wide)).collect();
        doc.registers.push(register("r".into(), fields));
    });
    for doc in all {
        refused(&doc, "too-many");
    }
}

#[test]
fn a_parameter_is_of_its_type_and_small() {
    let with = |ty: &str, value: &str| {
        let mut doc = doc();
        let (ty, value) = (ty.to_owned(), value.to_owned());
        doc.parameters.push(ParameterDoc { name: "p".into(), ty, value, title: text() });
        doc
    };
    assert!(compile(&with("text(3)", "'abc'")).is_ok());
    refused(&with("text(3)", "'abcd'"), "rule");
    refused(&with("fen", "-1"), "rule");
    // Every call copies them: a short rule must not spell a large value.
    let hundred = format!("[{}]", vec!["1"; 100].join(", "));
    let square = format!("{hundred}.map(x, {hundred})");
    refused(&with("list(list(int, max 100), max 100)", &square), "rule");
}

#[test]
fn a_document_beyond_its_size_is_refused_packed_or_not() {
    let mut large = doc();
    large.title.zh = "x".repeat(DOCUMENT_BYTES_MAX);
    refused(&large, "too-many");
    // It compresses to almost nothing, and is refused before it is unpacked whole.
    let bomb = large.to_bytes();
    assert!(bomb.len() < 6_000);
    assert!(PackageDoc::from_bytes(&bomb).is_err());
    assert!(PackageDoc::from_bytes(&vec![0x78; PACKED_BYTES_MAX + 1]).is_err());
}

#[test]
fn a_document_nested_without_end_does_not_exhaust_the_stack() {
    let mut effects = Vec::new();
    for _ in 0..2_000 {
        effects = vec![EffectDoc::When { that: "true".into(), effects }];
    }
    let mut deep = doc();
    deep.actions.push(ActionDoc { effects, ..plain_action("a".into()) });
    assert!(PackageDoc::from_bytes(&deep.to_bytes()).is_err());
}

/// Guards of a thousand parts that every action shares: the document is small, compiling it is not.
fn shared(guards: usize, actions: usize) -> PackageDoc {
    let mut doc = doc();
    let rule = format!("{}1 < 2", "1+".repeat(498));
    doc.actions.extend((0..actions).map(|i| plain_action(format!("x{i}"))));
    doc.guards.push(GuardSetDoc {
        name: "s".into(),
        title: text(),
        on: doc.actions.iter().map(|action| action.name.clone()).collect(),
        guards: (0..guards).map(|i| guard_doc(i, &rule)).collect(),
        ..GuardSetDoc::default()
    });
    doc
}

#[test]
fn what_guard_sets_multiply_is_counted() {
    let flat = |guards: usize| {
        let mut doc = shared(guards, 20);
        for guard in &mut doc.guards[0].guards {
            guard.that = vec!["(1 < 2)"; 60].join(" && ");
        }
        doc
    };
    // 239 parts × 40 guards × 20 actions, then 42: 191,200 and 200,760 of 200,000.
    compile(&flat(40)).unwrap();
    refused(&flat(42), "too-many");
    let mut doc = shared(64, 200);
    for guard in &mut doc.guards[0].guards {
        guard.that = vec!["(1 < 2)"; 60].join(" && ");
    }
    refused(&doc, "too-many");
}

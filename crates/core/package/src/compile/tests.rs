//! Claims about compiling.

use super::*;
use crate::doc::{
    ActionDoc, EffectDoc, GuardDoc, IndexDoc, LetDoc, MandateDoc, RegisterDoc, RoleDoc, SetDoc,
};
use crate::model::{Read, Want};

fn field(name: &str, ty: &str) -> FieldDoc {
    FieldDoc { name: name.into(), ty: ty.into(), title: TextDoc::default() }
}

/// A register `item` (number, owner, kind, price?) and one action, which `change` may spoil.
fn doc(change: impl FnOnce(&mut PackageDoc)) -> PackageDoc {
    let index = |name: &str, fields: &[&str], unique| IndexDoc {
        name: name.into(),
        fields: fields.iter().map(|f| (*f).to_owned()).collect(),
        unique,
    };
    let register = RegisterDoc {
        name: "item".into(),
        title: TextDoc::default(),
        steward: "a.b".into(),
        key: "number".into(),
        fields: vec![
            field("number", "text(20)"),
            field("owner", "text(20)"),
            field("kind", "enum(big, small-one)"),
            field("price", "fen?"),
        ],
        indexes: vec![
            index("by_owner", &["owner"], false),
            index("by_owner_kind", &["owner", "kind"], false),
        ],
        retention: "permanent".into(),
        ..RegisterDoc::default()
    };
    let action = ActionDoc {
        name: "give".into(),
        by: vec!["a.b".into()],
        mandates: vec![MandateDoc { of: "old.owner".into(), purpose: "give".into() }],
        input: vec![field("number", "ref(item)"), field("to", "text(20)")],
        reads: vec![
            LetDoc { name: "old".into(), read: "get(item, input.number)".into() },
            LetDoc {
                name: "theirs".into(),
                read: "all(item, owner == old.owner, kind == 'big', price == 1, max 9)".into(),
            },
        ],
        guards: vec![GuardDoc {
            code: "too-dear".into(),
            that: "old.price == null || old.price < 100".into(),
            text: TextDoc::default(),
        }],
        effects: vec![EffectDoc::Update {
            record: "old".into(),
            set: vec![
                SetDoc { field: "owner".into(), rule: "input.to".into() },
                SetDoc { field: "kind".into(), rule: "small-one".into() },
            ],
            corrects: None,
        }],
        ..ActionDoc::default()
    };
    let mut doc = PackageDoc {
        id: "test".into(),
        version: 1,
        title: TextDoc::default(),
        roles: vec![RoleDoc { name: "a.b".into(), title: TextDoc::default() }],
        registers: vec![register],
        actions: vec![action],
        ..PackageDoc::default()
    };
    change(&mut doc);
    doc
}

fn action(doc: &mut PackageDoc) -> &mut ActionDoc {
    &mut doc.actions[0]
}

/// The codes of the problems that a change makes.
fn codes(change: impl FnOnce(&mut PackageDoc)) -> Vec<&'static str> {
    match compile(&doc(change)) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|problem| problem.code).collect(),
    }
}

#[test]
fn a_read_uses_the_most_telling_index_and_filters_the_rest() {
    let package = compile(&doc(|_| {})).unwrap();
    let Read::Index { index, values, filters, want } = &package.actions["give"].reads[1].read
    else {
        panic!("not by index")
    };
    assert_eq!((index.as_str(), values.len(), *want), ("by_owner_kind", 2, Want::All(9)));
    assert_eq!(filters[0].0, "price");
}

#[test]
fn names_that_stand_for_nothing_are_found() {
    assert_eq!(codes(|d| action(d).by = vec!["x".into()]), ["unknown-name"]);
    assert_eq!(codes(|d| d.registers[0].steward = "x".into()), ["unknown-name"]);
    assert_eq!(codes(|d| d.registers[0].key = "x".into()), ["unknown-name"]);
    assert_eq!(codes(|d| d.registers[0].indexes[0].fields = vec!["x".into()]), ["unknown-name"]);
    assert!(
        codes(|d| action(d).reads[0].read = "get(x, input.number)".into())
            .contains(&"unknown-name")
    );
    assert_eq!(codes(|d| action(d).input.push(field("z", "ref(x)"))), ["unknown-name"]);
    assert_eq!(
        codes(|d| action(d).effects =
            vec![EffectDoc::Close { record: "x".into(), reason: "y".into() }]),
        ["unknown-name"]
    );
    assert_eq!(
        codes(|d| action(d).reads[1].read = "one(item, owner == 'x', kind == 'huge')".into()),
        ["unknown-name"]
    );
}

#[test]
fn what_does_not_fit_its_type_is_found() {
    assert_eq!(codes(|d| action(d).guards[0].that = "1".into()), ["type"]);
    assert_eq!(codes(|d| action(d).guards[0].that = "old.price < 100".into()), ["rule"]);
    assert_eq!(codes(|d| action(d).mandates[0].of = "1".into()), ["type"]);
    assert_eq!(codes(|d| d.registers[0].fields[3].ty = "fen??".into())[0], "bad-type");
    assert_eq!(codes(|d| d.registers[0].fields[0].ty = "int".into())[0], "bad-key");
    let set = |rule: &str| SetDoc { field: "owner".into(), rule: rule.into() };
    for (rule, code) in [("1", "type"), ("null", "type"), ("nobody", "rule"), ("old", "type")] {
        let set = set(rule);
        let found = codes(|d| {
            action(d).effects =
                vec![EffectDoc::Update { record: "old".into(), set: vec![set], corrects: None }];
        });
        assert_eq!(found, [code], "{rule}");
    }
}

#[test]
fn a_list_is_closed_whole_and_never_updated() {
    let update = EffectDoc::Update { record: "theirs".into(), set: vec![], corrects: None };
    assert_eq!(codes(|d| action(d).effects = vec![update]), ["type"]);
    let close = EffectDoc::Close { record: "theirs".into(), reason: "gone".into() };
    assert!(codes(|d| action(d).effects = vec![close]).is_empty());
}

#[test]
fn a_key_never_changes_and_an_insertion_is_whole() {
    let set = vec![SetDoc { field: "number".into(), rule: "input.to".into() }];
    let update = EffectDoc::Update { record: "old".into(), set: set.clone(), corrects: None };
    assert_eq!(codes(|d| action(d).effects = vec![update]), ["key-changed"]);
    let insert =
        EffectDoc::Insert { register: "item".into(), name: None, fields: set, numbers: Vec::new() };
    assert_eq!(codes(|d| action(d).effects = vec![insert]), ["missing-field", "missing-field"]);
}

#[test]
fn a_read_without_an_index_is_refused() {
    let read = "one(item, kind == 'big')";
    assert_eq!(codes(|d| action(d).reads[1].read = read.into()), ["no-index"]);
    for read in ["all(item, owner == 'x')", "one(item)", "all(item, owner < 'x', max 3)"] {
        assert_eq!(codes(|d| action(d).reads[1].read = read.into()), ["rule"], "{read}");
    }
}

#[test]
fn names_that_shadow_and_kernel_codes_are_refused() {
    for name in ["input", "caller", "now", "whole", "for", "_x y"] {
        let found = codes(|d| action(d).reads[1].name = name.into());
        assert_eq!(found, ["bad-name"], "{name}");
    }
    assert_eq!(codes(|d| action(d).guards[0].code = "not-found".into()), ["kernel-code"]);
    assert_eq!(codes(|d| action(d).guards[0].code = "Bad Code".into()), ["bad-name"]);
    assert_eq!(codes(|d| d.registers[0].fields.push(field("_key", "int"))), ["bad-name"]);
    assert_eq!(codes(|d| d.registers[0].fields.push(field("owner", "text(5)"))), ["twice"]);
}

#[test]
fn sizes_and_depths_are_bounded() {
    let read = |name: String, of: String| LetDoc { name, read: format!("get(item, {of})") };
    let found = codes(|d| {
        let mut reads = vec![read("r0".into(), "input.number".into())];
        reads.extend((1..5).map(|i| read(format!("r{i}"), format!("r{}.owner", i - 1))));
        action(d).reads = reads;
        action(d).mandates.clear();
        action(d).guards.clear();
        action(d).effects = vec![EffectDoc::Close { record: "r0".into(), reason: "x".into() }];
    });
    assert_eq!(found, ["too-many"]);
    let found = codes(|d| {
        let one = action(d).guards[0].clone();
        action(d).guards = vec![one; GUARDS_MAX + 1];
    });
    assert_eq!(found, ["too-many"]);
    let long = "x".repeat(DOCUMENT_BYTES_MAX);
    assert_eq!(codes(|d| action(d).law = vec![long]), ["too-many"]);
}

#[test]
fn a_document_is_named_by_its_bytes() {
    let (a, b) = (doc(|_| {}), doc(|d| d.version = 2));
    assert_ne!(a.digest(), b.digest());
    assert_eq!(PackageDoc::from_bytes(&a.to_bytes()).unwrap(), a);
    assert_eq!(compile(&a).unwrap().digest, a.digest());
    let mut longer = a.to_bytes();
    longer.push(0);
    assert!(PackageDoc::from_bytes(&longer).is_err());
}

proptest::proptest! {
    #[test]
    fn arbitrary_rules_in_any_place_never_panic(text in "\\PC{0,40}") {
        let _unused = compile(&doc(|d| {
            d.registers[0].fields[1].ty.clone_from(&text);
            let action = action(d);
            action.reads[1].read.clone_from(&text);
            action.guards[0].that.clone_from(&text);
            action.mandates[0].of = text;
        }));
    }
}

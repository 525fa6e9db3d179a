//! Claims about compiling.

use super::*;
use crate::doc::{
    ActionDoc, ComputedDoc, CounterDoc, DocumentError, EffectDoc, GroupDoc, GuardDoc, GuardSetDoc,
    IndexDoc, InvariantDoc, LetDoc, LimitDoc, MandateDoc, PACKED_BYTES_MAX, ParameterDoc,
    RegisterDoc, RequireDoc, RoleDoc, SequenceDoc, SetDoc,
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
    let Read::Index { index, values, filters, want, .. } = &package.actions["give"].reads[1].read
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

fn named(name: &str, rule: &str) -> SetDoc {
    SetDoc { field: name.into(), rule: rule.into() }
}

#[test]
fn computed_fields_see_the_record_and_those_before_them() {
    let computed = |name: &str, ty: &str, rule: &str| ComputedDoc {
        field: field(name, ty),
        rule: rule.into(),
    };
    let with = |list: Vec<ComputedDoc>| codes(|d| d.registers[0].computed = list);
    let double = computed("double", "int?", "this.price == null ? null : this.price * 2");
    assert!(with(vec![double.clone(), computed("old", "bool", "this.double != null")]).is_empty());
    assert_eq!(
        with(vec![computed("old", "bool", "this.double != null"), double.clone()]),
        ["rule"]
    );
    assert_eq!(with(vec![computed("owner", "int", "1")]), ["twice"]);
    assert_eq!(with(vec![computed("x", "int", "'1'")]), ["type"]);
    assert_eq!(with(vec![computed("x", "int", "input.n")]), ["rule"]);
    assert_eq!(with(vec![double; COMPUTED_MAX + 1]), ["too-many"]);
}

#[test]
fn invariants_name_their_own_code_and_an_index_that_is_there() {
    let with = |code: &str, over: Option<&str>, that: &str| {
        let invariant = InvariantDoc {
            code: code.into(),
            over: over.map(str::to_owned),
            that: that.into(),
            text: TextDoc::default(),
        };
        codes(|d| d.registers[0].invariants = vec![invariant])
    };
    assert!(with("dear", None, "this.price == null || this.price < 9").is_empty());
    assert!(with("many", Some("by_owner"), "size(all) < 3").is_empty());
    assert!(with("kept", Some("call"), "size(before) <= size(after)").is_empty());
    assert_eq!(with("dear", None, "size(all) < 3"), ["rule"]);
    assert_eq!(with("kept", Some("call"), "size(all) < 3"), ["rule"]);
    assert_eq!(with("kept", Some("call"), "this.price == null"), ["rule"]);
    assert_eq!(with("many", Some("no-index"), "size(all) < 3"), ["unknown-name"]);
    assert_eq!(with("not-found", None, "true"), ["kernel-code"]);
    assert_eq!(with("dear", None, "1"), ["type"]);
}

#[test]
fn what_follows_a_closing_needs_a_reference_with_an_index() {
    let with = |name: &str, rule: &str, indexed: bool| {
        codes(|d| {
            let register = &mut d.registers[0];
            register.fields.push(self::field("parent", "ref(item)?"));
            if indexed {
                register.indexes.push(IndexDoc {
                    name: "by_parent".into(),
                    fields: vec!["parent".into()],
                    unique: false,
                });
            }
            register.on_close = vec![named(name, rule)];
        })
    };
    assert!(with("parent", "close", true).is_empty());
    assert_eq!(with("parent", "close", false), ["no-index"]);
    assert_eq!(with("parent", "burn", true), ["unknown-name"]);
    assert_eq!(with("owner", "refuse", true), ["unknown-name"]);
    assert_eq!(codes(|d| d.registers[0].retention = "a while".into()), ["bad-retention"]);
    assert!(codes(|d| d.registers[0].retention = "30 years".into()).is_empty());
}

#[test]
fn a_field_group_is_seen_as_a_commitment_and_refers_to_nothing() {
    let sealed = |doc: &mut PackageDoc, ty: &str| {
        doc.groups.push(GroupDoc {
            name: "deal".into(),
            steward: "a.b".into(),
            fields: vec![field("price", "fen"), field("banks", ty)],
            ..GroupDoc::default()
        });
        doc.registers[0].fields.push(field("deal", "sealed(deal)?"));
        action(doc).input.push(field("deal", "sealed(deal)?"));
    };
    let whole = compile(&doc(|doc| {
        sealed(doc, "list(text(60), max 9)?");
        let that = "input.deal == null || size(input.deal) == 32".into();
        action(doc).guards[0].that = that;
    }));
    assert_eq!(whole.unwrap().groups["deal"].fields["price"].kind, FieldType::Fen);
    let of_fields =
        |doc: &mut PackageDoc| action(doc).guards[0].that = "input.deal.price > 0".into();
    let spoiled = codes(|doc| {
        sealed(doc, "int?");
        of_fields(doc);
    });
    assert_eq!(spoiled, ["rule"]);
    for ty in ["ref(item)?", "sealed(deal)?", "list(map(a: ref(item)), max 3)?"] {
        assert_eq!(codes(|doc| sealed(doc, ty)), ["bad-type"], "{ty}");
    }
    assert_eq!(codes(|doc| action(doc).input.push(field("x", "sealed(deal)?"))), ["unknown-name"]);
    let strangers = codes(|doc| {
        sealed(doc, "int?");
        doc.groups[0].steward = "a.c".into();
    });
    assert_eq!(strangers, ["unknown-name"]);
    assert_eq!(
        codes(|doc| {
            sealed(doc, "int?");
            sealed(doc, "int?");
        })[0],
        "twice"
    );
}

#[test]
fn a_group_lies_with_its_steward_unless_it_is_placed_on_the_ledger() {
    let placed = |doc: &mut PackageDoc, placement: Option<&str>| {
        doc.groups.push(GroupDoc {
            name: "deal".into(),
            steward: "a.b".into(),
            fields: vec![field("price", "fen")],
            placement: placement.map(Into::into),
            ..GroupDoc::default()
        });
        doc.registers[0].fields.push(field("deal", "sealed(deal)?"));
        doc.registers[0].fields.push(field("deals", "list(sealed(deal), max 3)?"));
    };
    let kinds = |placement| {
        let package = compile(&doc(|doc| placed(doc, placement))).unwrap();
        let register = package.registers.values().find(|r| r.fields.contains_key("deal")).unwrap();
        let kind = |name: &str| register.fields[name].kind.clone();
        (package.groups["deal"].placement, kind("deal"), kind("deals"))
    };
    let list = |item: &FieldType| FieldType::List(Box::new(item.clone()), 3);
    let sealed = FieldType::Sealed("deal".into());
    for steward in [None, Some("steward")] {
        let found = kinds(steward);
        assert_eq!(found, (Placement::Steward, sealed.clone(), list(&sealed)));
    }
    let on_ledger = FieldType::Placed("deal".into());
    let found = kinds(Some("ledger"));
    assert_eq!(found, (Placement::Ledger, on_ledger.clone(), list(&on_ledger)));
    assert_eq!(codes(|doc| placed(doc, Some("elsewhere"))), ["unknown-name"]);
}

#[test]
fn running_numbers_and_parameters_are_constants() {
    let sequence = |text: &str| {
        codes(|d| d.sequences = vec![SequenceDoc { name: "s".into(), text: text.into() }])
    };
    assert!(sequence("湘({year}){scope}第{n:7}号").is_empty());
    for bad in
        ["", "{n:7}{n:7}", "{year}", "{n:0}", "{n:13}", "{n}", "{month}{n:3}", "{n:3", "}{n:3}"]
    {
        assert_eq!(sequence(bad), ["bad-sequence"], "{bad}");
    }
    let parameter = |ty: &str, value: &str| {
        let parameter = ParameterDoc {
            name: "days".into(),
            ty: ty.into(),
            value: value.into(),
            title: TextDoc::default(),
        };
        codes(|d| {
            d.parameters = vec![parameter];
            action(d).guards[0].that = "param.days > 3".into();
        })
    };
    assert!(parameter("int", "15").is_empty());
    assert_eq!(parameter("int", "'15'"), ["type", "rule"]);
    assert_eq!(parameter("int", "1 / 0"), ["rule", "rule"]);
    assert_eq!(parameter("int", "now"), ["rule", "rule"]);
    assert_eq!(codes(|d| action(d).guards[0].that = "param.days > 3".into()), ["rule"]);
}

#[test]
fn loops_and_conditions_keep_their_names_and_types() {
    let close = || EffectDoc::Close { record: "it".into(), reason: "x".into() };
    let each = |list: &str, register: Option<&str>, effects: Vec<EffectDoc>| EffectDoc::Each {
        name: "it".into(),
        position: Some("i".into()),
        list: list.into(),
        register: register.map(str::to_owned),
        effects,
    };
    let found = |effect: EffectDoc| codes(|d| action(d).effects = vec![effect]);
    assert!(found(each("theirs", Some("item"), vec![close()])).is_empty());
    assert_eq!(found(each("theirs", None, vec![close()])), ["unknown-name"]);
    assert_eq!(found(each("[1, 2]", Some("item"), vec![])), ["type"]);
    assert_eq!(found(each("input.to", None, vec![])), ["type"]);
    let when = |that: &str, effects| EffectDoc::When { that: that.into(), effects };
    let by_place = when("i == 0 && it.owner == ''", vec![close()]);
    assert!(found(each("theirs", Some("item"), vec![by_place])).is_empty());
    assert_eq!(found(when("1", vec![])), ["type"]);
    // The item is known inside its loop only.
    let two = vec![each("theirs", Some("item"), vec![]), close()];
    assert_eq!(codes(|d| action(d).effects = two), ["unknown-name"]);
    let deep = (0..EFFECT_DEPTH_MAX + 1).fold(when("true", vec![]), |e, _| when("true", vec![e]));
    assert_eq!(found(deep), ["too-many"]);
}

#[test]
fn a_counter_is_declared_and_its_limit_has_a_code_of_the_packages_own() {
    let found = |counter: &str, scope: &str, max: &str, code: &str| {
        let limit = LimitDoc { max: max.into(), code: code.into(), text: TextDoc::default() };
        let count = EffectDoc::Count {
            counter: counter.into(),
            scope: scope.into(),
            by: "1".into(),
            limit: Some(limit),
        };
        codes(|d| {
            d.counters = vec![CounterDoc { name: "uses".into(), title: TextDoc::default() }];
            action(d).effects = vec![count];
        })
    };
    assert!(found("uses", "old.owner", "old.price", "used-up").is_empty());
    assert_eq!(found("other", "old.owner", "3", "used-up"), ["unknown-name"]);
    assert_eq!(found("uses", "3", "3", "used-up"), ["type"]);
    assert_eq!(found("uses", "''", "'3'", "used-up"), ["type"]);
    assert_eq!(found("uses", "''", "3", "not-found"), ["kernel-code"]);
    let read = |name: &str| {
        codes(|d| {
            d.counters = vec![CounterDoc { name: "uses".into(), title: TextDoc::default() }];
            let read = format!("count({name}, old.owner)");
            action(d).reads.push(LetDoc { name: "used".into(), read });
            action(d).guards[0].that = "used < 3".into();
        })
    };
    assert!(read("uses").is_empty());
    assert_eq!(read("other"), ["unknown-name", "rule"]);
    let counter = || CounterDoc { name: "s".into(), title: TextDoc::default() };
    let twice = codes(|d| {
        d.sequences = vec![SequenceDoc { name: "s".into(), text: "{n:3}".into() }];
        d.counters = vec![counter()];
    });
    assert_eq!(twice, ["twice"]);
}

#[test]
fn nothing_is_appended_unseen_where_a_rule_would_look() {
    let found = |list: &str, items: &str, change: &dyn Fn(&mut RegisterDoc)| {
        let append = EffectDoc::Append {
            register: "item".into(),
            key: "input.number".into(),
            field: list.into(),
            items: items.into(),
        };
        codes(|d| {
            d.registers[0].fields.push(field("notes", "list(text(9), max 5)?"));
            change(&mut d.registers[0]);
            action(d).effects = vec![append];
        })
    };
    assert!(found("notes", "['a']", &|_| {}).is_empty());
    assert_eq!(found("owner", "['a']", &|_| {}), ["unknown-name"]);
    assert_eq!(found("notes", "'a'", &|_| {}), ["type"]);
    let watched = |register: &mut RegisterDoc| {
        register.invariants = vec![InvariantDoc {
            code: "few".into(),
            over: None,
            that: "this.notes == null || size(this.notes) < 3".into(),
            text: TextDoc::default(),
        }];
    };
    assert_eq!(found("notes", "['a']", &watched), ["watched-list"]);
}

#[test]
fn another_package_is_called_only_when_it_is_required() {
    let call = EffectDoc::Call {
        package: "other".into(),
        action: "do-it".into(),
        input: vec![named("n", "1")],
        mandates: None,
    };
    assert_eq!(codes(|d| action(d).effects = vec![call.clone()]), ["unknown-name"]);
    let found = codes(|d| {
        d.requires = vec![RequireDoc { package: "other".into(), version: 1 }];
        action(d).effects = vec![call];
    });
    assert!(found.is_empty());
}

#[test]
fn a_document_is_named_by_its_content() {
    let (a, b) = (doc(|_| {}), doc(|d| d.version = 2));
    assert_ne!(a.digest(), b.digest());
    assert_eq!(PackageDoc::from_bytes(&a.to_bytes()).unwrap(), a);
    assert_eq!(compile(&a).unwrap().digest, a.digest());
    let mut cut = a.to_bytes();
    cut.pop();
    assert_eq!(PackageDoc::from_bytes(&cut), Err(DocumentError::Packed));
    let mut longer = a.canonical();
    longer.push(0);
    let longer = miniz_oxide::deflate::compress_to_vec_zlib(&longer, 1);
    assert!(matches!(PackageDoc::from_bytes(&longer), Err(DocumentError::Cbor(_))));
}

#[test]
fn a_document_that_unpacks_to_too_much_is_refused() {
    let bomb = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; 30_000_000], 9);
    assert!(bomb.len() < PACKED_BYTES_MAX);
    assert_eq!(PackageDoc::from_bytes(&bomb), Err(DocumentError::Packed));
    assert_eq!(PackageDoc::unpacked_len(&bomb), Err(DocumentError::Packed));
}

fn guard_set(on: &[&str], read: &str, that: &str) -> GuardSetDoc {
    let text = TextDoc { zh: "查封".into(), en: "seals".into() };
    GuardSetDoc {
        name: "shared".into(),
        title: text.clone(),
        law: vec![],
        on: on.iter().map(|name| (*name).to_owned()).collect(),
        reads: vec![LetDoc { name: "others".into(), read: read.into() }],
        guards: vec![GuardDoc { code: "shared-code".into(), that: that.into(), text }],
    }
}

#[test]
fn shared_guards_stand_before_the_own_guards_of_each_of_their_actions() {
    let name = doc(|_| {}).actions[0].name.clone();
    let read = "all(item, owner == \"a\", max 3)";
    let with = |on: &[&str], read: &str, that: &str| {
        compile(&doc(|d| d.guards = vec![guard_set(on, read, that)]))
    };
    let package = with(&[&name], read, "size(others) == 0").unwrap();
    let action = &package.actions[name.as_str()];
    assert_eq!(action.guards[0].code, "shared-code");
    assert!(action.reads.iter().any(|read| read.name == "others"));
    let problems = with(&[&name], read, "size(other) == 0").unwrap_err();
    assert_eq!(problems[0].place, "guards.shared.require[0]");
    assert!(problems[0].cause.en.contains(&format!("`{name}`")), "{}", problems[0].cause.en);
    let problems = with(&["nothing"], read, "true").unwrap_err();
    assert_eq!(
        (problems[0].code, problems[0].place.as_str()),
        ("unknown-name", "guards.shared.on[0]")
    );
}

#[test]
fn a_list_of_alternatives_needs_an_index_over_its_field() {
    let read = |text: &str| {
        codes(|d| action(d).reads.push(LetDoc { name: "z".into(), read: text.into() }))
    };
    assert!(read("all(item, owner in [\"a\", \"b\"], max 3)").is_empty());
    assert!(read("each(item, [\"a\"], max 3)").is_empty());
    assert!(read("find(item, null)").is_empty());
    assert_eq!(read("get(item, null)"), ["type"]);
    assert_eq!(read("each(item, \"a\", max 3)"), ["type"]);
    assert_eq!(read("all(item, owner in \"a\", max 3)"), ["type"]);
    assert_eq!(read("all(item, owner == \"a\", price in [1], max 3)"), ["no-index"]);
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

/// A group `holder` (number, note?), and a blinded register `holding` with a sequence for its key,
/// which `change` may spoil.
fn blinded(change: impl FnOnce(&mut PackageDoc)) -> Vec<&'static str> {
    codes(|doc| {
        doc.groups.push(GroupDoc {
            name: "holder".into(),
            steward: "a.b".into(),
            fields: vec![field("number", "text(20)"), field("price", "fen")],
            ..GroupDoc::default()
        });
        doc.registers.push(RegisterDoc {
            name: "holding".into(),
            steward: "a.b".into(),
            key: "number".into(),
            retention: "permanent".into(),
            visibility: Some("blinded".into()),
            fields: vec![
                field("number", "text(20)"),
                field("unit", "ref(item)"),
                field("holder", "pseudonym(holder.number, unit)"),
                field("details", "sealed(holder)"),
            ],
            ..RegisterDoc::default()
        });
        change(doc);
    })
}

fn holding(doc: &mut PackageDoc) -> &mut RegisterDoc {
    doc.registers.last_mut().unwrap()
}

#[test]
fn a_blinded_register_names_persons_by_pseudonyms_of_one_family() {
    assert!(blinded(|_| ()).is_empty());
    let with = |ty: &str| blinded(|doc| holding(doc).fields.push(field("x", ty)));
    assert!(with("list(pseudonym(holder.number, unit), max 3)").is_empty());
    for ty in ["subject?", "list(share, max 3)", "map(a: subject)", "identifier(resident-id)?"] {
        assert!(with(ty).contains(&"person-in-clear"), "{ty}");
    }
    assert_eq!(with("pseudonym(sector: fund)?"), ["families-linked"]);
    assert_eq!(with("pseudonym(holder.number)?"), ["families-linked"]);
    assert!(blinded(|doc| holding(doc).visibility = Some("shut".into())).contains(&"unknown-name"));
    // Without pseudonyms it is blinded all the same.
    assert!(blinded(|doc| drop(holding(doc).fields.remove(2))).is_empty());
}

#[test]
fn what_a_pseudonym_stands_for_is_there() {
    let of = |ty: &str| {
        blinded(|doc| holding(doc).fields[2] = field("holder", &format!("pseudonym({ty})")))
    };
    assert!(of("holder.number").is_empty());
    for ty in ["other.number", "holder.price", "holder.x", "holder.number, x"] {
        assert_eq!(of(ty), ["unknown-name"], "{ty}");
    }
    let optional = blinded(|doc| holding(doc).fields[1] = field("unit", "ref(item)?"));
    assert_eq!(optional, ["unknown-name"]);
}

#[test]
fn the_key_of_a_blinded_register_is_numbered_or_a_pseudonym() {
    let inserted = |key: &'static str| {
        blinded(move |doc| {
            holding(doc).key = key.into();
            let set = |name: &str| named(name, &format!("input.{name}"));
            let action = action(doc);
            action.input.push(field("unit", "ref(item)"));
            action.input.push(field("holder", "pseudonym(holder.number, unit)"));
            action.input.push(field("details", "sealed(holder)"));
            action.effects.push(EffectDoc::Insert {
                register: "holding".into(),
                name: None,
                fields: ["number", "unit", "holder", "details"].map(set).into(),
                numbers: Vec::new(),
            });
        })
    };
    assert!(inserted("auto").is_empty());
    assert!(inserted("holder").is_empty());
    assert_eq!(inserted("number"), ["key-in-clear"]);
}

#[test]
fn nothing_open_leads_from_a_pseudonym_to_another_id() {
    let beside = |ty: &str| {
        blinded(|doc| {
            let item = &mut doc.registers[0];
            item.fields.push(field("about", "ref(holding)?"));
            item.fields.push(field("x", ty));
        })
    };
    assert!(beside("text(9)?").is_empty());
    assert_eq!(beside("subject?"), ["families-linked"]);
    assert_eq!(beside("pseudonym(sector: fund)?"), ["families-linked"]);
    let said = |ty: &str| {
        blinded(|doc| {
            let action = action(doc);
            action.input.push(field("about", "ref(holding)?"));
            action.input.push(field("x", ty));
        })
    };
    assert_eq!(said("list(subject, max 2)?"), ["families-linked"]);
    assert!(said("pseudonym(holder.number, unit)?").is_empty());
}

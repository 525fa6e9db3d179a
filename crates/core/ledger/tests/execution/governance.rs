//! Governance: who may change members, operators, nodes, packages, the committee, parameters.

use chaincity_ledger::governance::{APPROVE, GenesisError};
use chaincity_ledger::memory::PackageCache;
use chaincity_ledger::{BlockRun, Step, governance};
use chaincity_package::doc::{FieldDoc, GroupDoc, PackageDoc, TermDoc, TextDoc};
use chaincity_types::Value;
use chaincity_types::wire::{Call, Committee, Genesis};

use crate::desk::{Desk, add, create, genesis, govern, key, package, with};

fn bytes(name: &str) -> Value {
    Value::Bytes(key(name))
}

fn texts(texts: &[&str]) -> Value {
    Value::List(texts.iter().map(|text| (*text).into()).collect())
}

/// Names the consent of these administrators' members.
pub(crate) fn approved(desk: &mut Desk, by: &[(&str, &str)], call: Call) -> Call {
    let keys: Vec<String> =
        by.iter().map(|(by, member)| desk.mandate(by, member, APPROVE, &call)).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    with(call, &keys)
}

fn committee(desk: &Desk) -> Committee {
    let run = BlockRun::new(desk.context());
    match run.committee(1, &desk.ledger) {
        Step::Done(Some(committee)) => committee,
        other => panic!("no committee: {other:?}"),
    }
}

#[test]
fn genesis_writes_members_operators_nodes_packages_committee_and_parameters() {
    let desk = Desk::new();
    let name = &desk.record("governance", "member", "alpha").unwrap().version;
    assert_eq!(name.fields["name_zh"], "测试alpha".into());
    assert_eq!((name.by.height.0, name.by.action.as_str()), (1, "genesis"));
    let operator = desk.record("governance", "operator", &hex(&key("jia"))).unwrap();
    assert_eq!(operator.version.fields["subject"], "s-jia".into());
    let package = desk.record("governance", "package", "desk").unwrap();
    let digest = crate::desk::package().doc.digest();
    assert_eq!(package.version.fields["digest"], Value::Bytes(digest.as_bytes().to_vec()));
    assert_eq!(
        desk.record("governance", "parameter", "epoch-blocks").unwrap().version.fields["value"],
        "10".into()
    );
    let committee = committee(&desk);
    let mut keys = [key("n1"), key("n2"), key("n3")];
    keys.sort();
    assert_eq!(committee.epoch, 1);
    assert_eq!(committee.validators.iter().map(|v| v.key.clone()).collect::<Vec<_>>(), keys);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn an_impossible_genesis_is_refused() {
    let refused = |change: &dyn Fn(&mut Genesis)| {
        let mut genesis = genesis();
        change(&mut genesis);
        let mut run = BlockRun::new(Desk::new().context());
        run.genesis(&genesis, &PackageCache::default()).unwrap_err()
    };
    let code = |error: GenesisError| match error {
        GenesisError::Record { code, .. } => code,
        other => other.to_string(),
    };
    assert_eq!(code(refused(&|g| g.members.push(g.members[0].clone()))), "exists");
    assert_eq!(code(refused(&|g| g.operators[0].member = "nowhere".into())), "not-found");
    assert_eq!(code(refused(&|g| g.operators[0].key = vec![1])), "invalid-input");
    assert!(matches!(refused(&|g| g.members[0].id = "A b".into()), GenesisError::MemberId { .. }));
    assert!(matches!(
        refused(&|g| g.packages.push(vec![1].into())),
        GenesisError::Package { index: 1 }
    ));
    let subject = refused(&|g| g.operators[0].subject = Some("beta".into()));
    assert_eq!(subject, GenesisError::Subject { id: "beta".into() });
    let none = refused(&|g| g.nodes.iter_mut().for_each(|node| node.validator = false));
    assert_eq!(none, GenesisError::Validators { count: 0 });
}

#[test]
fn what_concerns_all_needs_more_than_half_of_the_members_with_validators() {
    let mut desk = Desk::new();
    let call = govern(
        "add-member",
        [
            ("id", "delta".into()),
            ("name_zh", "测试丁".into()),
            ("name_en", "delta".into()),
            ("roles", texts(&["desk.clerk", "governance.admin"])),
            ("operator", bytes("d")),
        ],
    );
    assert_eq!(desk.outcome("clerk", call.clone()), "not-authorised");
    assert_eq!(desk.outcome("a", call.clone()), "mandate-missing");
    // Only an administrator speaks for its member in governance.
    let by_court = crate::desk::mandate_call(desk.time, "beta", APPROVE, &call);
    assert_eq!(desk.outcome("court", by_court), "not-authorised");
    // Its own member's mandate adds nothing to the caller's signature.
    let own = approved(&mut desk, &[("a", "alpha")], call.clone());
    assert_eq!(desk.outcome("a", own), "mandate-missing");
    let both = approved(&mut desk, &[("b", "beta")], call);
    assert_eq!(desk.outcome("a", both), "applied");
    // The new member's first operator acts at once.
    let operator = govern(
        "add-operator",
        [("key", bytes("d2")), ("member", "delta".into()), ("roles", texts(&["desk.clerk"]))],
    );
    desk.applied("d", operator);
    desk.applied("d2", create("i1", "s-jia", 1));
}

#[test]
fn a_suspended_member_or_operator_is_refused() {
    let mut desk = Desk::new();
    desk.applied("clerk", create("i1", "s-jia", 1));
    let off = govern("set-operator", [("key", bytes("clerk")), ("active", Value::Bool(false))]);
    assert_eq!(desk.outcome("b", off.clone()), "not-authorised");
    assert_eq!(desk.outcome("clerk", off.clone()), "not-authorised");
    desk.applied("a", off);
    assert_eq!(desk.outcome("clerk", add("i1", 1)), "unknown-operator");
    let on = govern("set-operator", [("key", bytes("clerk")), ("active", Value::Bool(true))]);
    desk.applied("a", on);
    desk.applied("clerk", add("i1", 1));
    let suspend = govern("set-member", [("id", "alpha".into()), ("active", Value::Bool(false))]);
    let suspend = approved(&mut desk, &[("c", "gamma")], suspend);
    desk.applied("b", suspend);
    assert_eq!(desk.outcome("clerk", add("i1", 1)), "unknown-operator");
}

#[test]
fn a_member_that_loses_a_role_takes_it_from_its_operators() {
    let mut desk = Desk::new();
    desk.applied("clerk", create("i1", "s-jia", 1));
    let less =
        govern("set-member", [("id", "alpha".into()), ("roles", texts(&["governance.admin"]))]);
    let less = approved(&mut desk, &[("b", "beta")], less);
    desk.applied("a", less);
    assert_eq!(desk.outcome("clerk", add("i1", 1)), "not-authorised");
    let more = govern("set-operator", [("key", bytes("clerk")), ("roles", texts(&["desk.clerk"]))]);
    assert_eq!(desk.outcome("a", more), "governance-invalid");
}

#[test]
fn an_operator_replaces_its_key_and_keeps_its_identity() {
    let mut desk = Desk::new();
    desk.applied("clerk", create("i1", "s-jia", 1));
    let rotate = govern("set-operator", [("key", bytes("clerk")), ("rotate_to", bytes("clerk2"))]);
    assert_eq!(desk.outcome("court", rotate.clone()), "not-authorised");
    desk.applied("clerk", rotate.clone());
    assert_eq!(desk.outcome("clerk", add("i1", 1)), "unknown-operator");
    desk.applied("clerk2", add("i1", 1));
    let record = desk.record("governance", "operator", &hex(&key("clerk2"))).unwrap();
    assert_eq!(record.version.fields["rotated_from"], bytes("clerk"));
    assert_eq!(desk.outcome("a", rotate), "record-closed");
    let missing = govern("set-operator", [("key", bytes("nobody"))]);
    assert_eq!(desk.outcome("a", missing), "not-found");
    let taken = govern("set-operator", [("key", bytes("clerk2")), ("rotate_to", bytes("court"))]);
    assert_eq!(desk.outcome("clerk2", taken), "exists");
}

#[test]
fn operators_are_added_by_their_own_members_administrator() {
    let mut desk = Desk::new();
    let add = |member: &str, roles: &[&str], key: Value| {
        govern("add-operator", [("key", key), ("member", member.into()), ("roles", texts(roles))])
    };
    assert_eq!(desk.outcome("b", add("alpha", &[], bytes("x"))), "not-authorised");
    assert_eq!(desk.outcome("a", add("alpha", &["desk.court"], bytes("x"))), "governance-invalid");
    assert_eq!(desk.outcome("a", add("nowhere", &[], bytes("x"))), "not-found");
    assert_eq!(desk.outcome("a", add("alpha", &[], Value::Bytes(vec![1]))), "invalid-input");
    assert_eq!(desk.outcome("a", add("alpha", &[], bytes("clerk"))), "exists");
    assert_eq!(desk.outcome("a", add("alpha", &["desk.clerk"], bytes("x"))), "applied");
}

#[test]
fn only_an_identity_officer_says_that_a_key_is_a_subjects() {
    let mut desk = Desk::new();
    let add = |subject: &str| {
        govern(
            "add-operator",
            [
                ("key", bytes("bing")),
                ("member", "gamma".into()),
                ("roles", texts(&[])),
                ("subject", subject.into()),
            ],
        )
    };
    assert_eq!(desk.outcome("c", add("s-bing")), "not-authorised");
    let roles = texts(&["governance.admin", governance::IDENTITY]);
    let set = govern("set-member", [("id", "gamma".into()), ("roles", roles.clone())]);
    let set = approved(&mut desk, &[("b", "beta")], set);
    desk.applied("a", set);
    assert_eq!(desk.outcome("c", add("s-bing")), "not-authorised");
    desk.applied("c", govern("set-operator", [("key", bytes("c")), ("roles", roles)]));
    assert_eq!(desk.outcome("c", add("alpha")), "governance-invalid");
    assert_eq!(desk.outcome("c", add("s-bing")), "applied");
    let call = create("i1", "s-bing", 1);
    desk.mandate("bing", "s-bing", "give", &call);
}

fn nodes(names: &[&str]) -> Call {
    let keys = names.iter().map(|name| bytes(name)).collect();
    govern("set-committee", [("nodes", Value::List(keys))])
}

#[test]
fn a_candidate_is_voted_into_the_committee_of_the_next_epoch() {
    let mut desk = Desk::new();
    let node = |name: &str, member: &str, kind: &str| {
        govern(
            "add-node",
            [
                ("key", bytes(name)),
                ("member", member.into()),
                ("address", "host:9".into()),
                ("kind", kind.into()),
            ],
        )
    };
    assert_eq!(desk.outcome("b", node("n4", "alpha", "candidate")), "not-authorised");
    desk.applied("a", node("n4", "alpha", "candidate"));
    desk.applied("a", node("n5", "alpha", "observer"));
    let mut set = |names: &[&str]| {
        let call = approved(&mut desk, &[("b", "beta")], nodes(names));
        let outcome = desk.outcome("a", call);
        (outcome, committee(&desk).validators.len())
    };
    assert_eq!(set(&[]), ("governance-invalid".into(), 3));
    assert_eq!(set(&["n1", "n1"]), ("governance-invalid".into(), 3));
    assert_eq!(set(&["n1", "n5"]), ("governance-invalid".into(), 3));
    assert_eq!(set(&["n1", "n9"]), ("not-found".into(), 3));
    assert_eq!(set(&["n1", "n2", "n3", "n4"]), ("applied".into(), 4));
    assert!(committee(&desk).validators.is_sorted());
    assert_eq!(desk.outcome("a", nodes(&["n1"])), "mandate-missing");
}

fn publish(doc: &PackageDoc) -> Call {
    govern("publish-package", [("document", Value::Bytes(doc.to_bytes()))])
}

#[test]
fn a_package_is_replaced_by_its_next_compatible_version_only() {
    let mut desk = Desk::new();
    let mut outcome = |doc: &PackageDoc| {
        let call = approved(&mut desk, &[("b", "beta")], publish(doc));
        desk.outcome("a", call)
    };
    let current = package().doc;
    assert_eq!(outcome(&current), "governance-invalid");
    let next = PackageDoc { version: 2, ..current.clone() };
    let mut without = next.clone();
    without.registers[0].indexes.clear();
    for action in &mut without.actions {
        action
            .reads
            .retain(|read| !read.read.starts_with("one(") && !read.read.starts_with("all("));
    }
    let mut changed = next.clone();
    changed.registers[0].fields[0].ty = "text(60)".into();
    assert_eq!(outcome(&changed), "governance-invalid");
    let mut broken = next.clone();
    broken.actions[0].guards[0].that = "nonsense(".into();
    assert_eq!(outcome(&broken), "package-invalid");
    let mut own = next.clone();
    own.id = "governance".into();
    own.version = 1;
    assert_eq!(outcome(&own), "governance-invalid");
    assert_eq!(outcome(&next), "applied");
    let other = PackageDoc { id: "other".into(), version: 1, ..current };
    assert_eq!(outcome(&other), "applied");
    assert_eq!(desk.outcome("a", publish(&next)), "mandate-missing");
    desk.applied("clerk", create("i1", "s-jia", 1));
    assert_eq!(desk.item("i1").version.schema, 2);
    assert_eq!(desk.record("governance", "package", "desk").unwrap().head.version, 2);
}

#[test]
fn what_a_group_is_found_by_may_be_added_to_a_package_in_force() {
    let mut desk = Desk::new();
    let mut outcome = |doc: &PackageDoc| {
        let call = approved(&mut desk, &[("b", "beta")], publish(doc));
        desk.outcome("a", call)
    };
    let field = |name: &str, ty: &str| FieldDoc {
        name: name.into(),
        ty: ty.into(),
        title: TextDoc::default(),
    };
    let mut with_group = package().doc;
    with_group.version = 2;
    with_group.groups.push(GroupDoc {
        name: "person".into(),
        steward: with_group.roles[0].name.clone(),
        fields: vec![field("name", "text(40)")],
        ..GroupDoc::default()
    });
    with_group.registers[0].fields.push(field("person", "sealed(person)?"));
    assert_eq!(outcome(&with_group), "applied");
    let mut found = PackageDoc { version: 3, ..with_group };
    found.groups[0].find_by = vec![TermDoc { kind: "name".into(), path: "name".into() }];
    assert_eq!(outcome(&found), "applied");
    found.version = 4;
    // Stored records hold no ciphertext.
    found.groups[0].placement = Some("ledger".into());
    assert_eq!(outcome(&found), "governance-invalid");
    found.groups[0].placement = None;
    found.groups[0].find_by[0].path = "nothing".into();
    assert_eq!(outcome(&found), "package-invalid");
}

#[test]
fn parameters_are_set_but_not_those_of_the_protocol() {
    let mut desk = Desk::new();
    let mut set = |name: &str, value: &str| {
        let call = govern("set-parameter", [("name", name.into()), ("value", value.into())]);
        let call = approved(&mut desk, &[("b", "beta")], call);
        desk.outcome("a", call)
    };
    assert_eq!(set("name-zh", "新名"), "applied");
    assert_eq!(set("contact-window", "1"), "applied");
    assert_eq!(set("protocol", "2"), "governance-invalid");
    assert_eq!(set("Bad Name", "2"), "governance-invalid");
    assert_eq!(desk.record("governance", "parameter", "name-zh").unwrap().head.version, 2);
}

#[test]
fn the_package_describes_its_registers_and_actions() {
    let package = governance::package();
    for register in ["member", "operator", "node", "package", "committee", "mandate", "parameter"] {
        let register = &package.registers[register];
        assert!(!register.title.zh.is_empty() && !register.title.en.is_empty());
        assert!(register.fields.values().all(|f| !f.title.zh.is_empty() && !f.title.en.is_empty()));
    }
    assert_eq!(package.actions.len(), 12);
}

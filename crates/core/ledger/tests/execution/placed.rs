//! Groups that are placed on the ledger: the ciphertext is in transaction and version, the values are
//! nowhere, and who has the data key opens what every node has.

use chaincity_crypto::cipher::Secret;
use chaincity_crypto::groups::{self, Group, GroupContext, GroupError};
use chaincity_package::source;
use chaincity_types::wire::{Call, Genesis, Mode};
use chaincity_types::{Digest, Value, cbor};

use crate::desk::{self, Desk, member, operator, outcome};

const LEDGER: Digest = Digest([9; 32]);
/// Planted: it stands in the group and nowhere else.
const FINDING: &str = "planted-finding 某人的健康状况";

const PACKAGE: &str = "package: files\nversion: 1\ntitle: {zh: 档案, en: Files}\n\
    roles: {files.clerk: {zh: 经办人, en: Clerk}}\n";
const PLACED: &str = "group: finding\ntitle: {zh: 结论, en: Finding}\nsteward: files.clerk\n\
    placement: ledger\nfields: {text: text(400)}\n";
const KEPT: &str = "group: contact\ntitle: {zh: 联系方式, en: Contact}\nsteward: files.clerk\n\
    fields: {text: text(400)}\n";
const FILE: &str = "register: file\ntitle: {zh: 档案, en: File}\nsteward: files.clerk\nkey: number\n\
    fields:\n  number: text(40)\n  finding: sealed(finding)?\n  contact: sealed(contact)?\n";
const OPEN: &str = "action: open\ntitle: {zh: 建档, en: Open}\nby: files.clerk\n\
    input:\n  number: text(40)\n  finding: sealed(finding)?\n  contact: sealed(contact)?\ndo:\n  \
    - insert: {register: file, fields: {number: input.number, finding: input.finding, contact: input.contact}}\n";
const TAKE: &str = "action: take-over\ntitle: {zh: 移入, en: Take over}\nby: files.clerk\n\
    input: {from: ref(file), number: text(40)}\nlet: {entry: \"get(file, input.from)\"}\ndo:\n  \
    - insert: {register: file, fields: {number: input.number, finding: entry.finding}}\n";

fn document() -> Vec<u8> {
    let files = [
        ("package.yaml", PACKAGE),
        ("groups/finding.yaml", PLACED),
        ("groups/contact.yaml", KEPT),
        ("registers/file.yaml", FILE),
        ("actions/open.yaml", OPEN),
        ("actions/take-over.yaml", TAKE),
    ];
    let source = source::parse(&files).unwrap_or_else(|problems| panic!("{problems:#?}"));
    if let Err(problems) = source.compile() {
        panic!("{problems:#?}");
    }
    source.doc.to_bytes()
}

fn desk() -> Desk {
    Desk::after(&Genesis {
        members: vec![member("alpha", &["files.clerk"])],
        nodes: desk::genesis().nodes.into_iter().take(1).collect(),
        operators: vec![operator("clerk", "alpha", &["files.clerk"], None)],
        packages: vec![document().into()],
        ..desk::genesis()
    })
}

fn key() -> Secret {
    Secret::from_bytes([8; 32])
}

/// A finding as its writer seals it: the group's context, and what the field takes.
fn sealed() -> (GroupContext, Vec<u8>) {
    let fields = Value::Map([("text".into(), FINDING.into())].into());
    let group = Group::new(Secret::from_bytes([7; 32]), &cbor::encode(&fields)).unwrap();
    let context = GroupContext {
        ledger: LEDGER,
        package: "files".into(),
        register: "file".into(),
        group: "finding".into(),
        commitment: group.commitment(),
    };
    let ciphertext = group.seal(&key(), &[5; 12], &context).unwrap();
    let field = groups::placed(&context.commitment, &ciphertext);
    (context, field)
}

fn call<const N: usize>(action: &str, input: [(&str, Value); N]) -> Call {
    Call { package: "files".into(), ..desk::call(action, input) }
}

fn open(number: &str, field: &str, value: Vec<u8>) -> Call {
    call("open", [("number", number.into()), (field, Value::Bytes(value))])
}

/// What every node has of the finding of a file.
fn held(desk: &Desk, number: &str) -> Vec<u8> {
    let record = desk.record("files", "file", number).unwrap();
    let Value::Bytes(held) = &record.version.fields["finding"] else { panic!("no bytes") };
    held.clone()
}

#[test]
fn the_ledger_holds_the_ciphertext_and_the_data_key_opens_it() {
    let mut desk = desk();
    let (context, field) = sealed();
    let signed = desk.sign("clerk", Mode::Atomic, vec![open("f-1", "finding", field.clone())]);
    let executed = desk.block(std::slice::from_ref(&signed));
    assert_eq!(outcome(&executed.receipts[0]), "applied");
    assert_eq!(held(&desk, "f-1"), field);

    // Neither what was signed nor what any node stores holds the value.
    let mut stored: Vec<Vec<u8>> = vec![cbor::encode(&signed.transaction)];
    stored.extend(executed.versions.iter().map(|written| written.bytes.clone()));
    stored.extend(executed.receipts.iter().map(cbor::encode));
    let needles = ["planted-finding".as_bytes(), "健康状况".as_bytes()];
    let holds = |bytes: &[u8], needle: &[u8]| bytes.windows(needle.len()).any(|w| w == needle);
    for needle in needles {
        assert!(!stored.iter().any(|bytes| holds(bytes, needle)));
    }
    let ciphertext = &field[32..];
    assert!(stored.iter().filter(|bytes| holds(bytes, ciphertext)).count() >= 2);

    let held = held(&desk, "f-1");
    let (commitment, ciphertext) = groups::held(&held).unwrap();
    assert_eq!(commitment, context.commitment);
    let opened = Group::open(&key(), &context, ciphertext.unwrap()).unwrap();
    let needle = needles[0];
    assert!(holds(opened.bytes(), needle), "the needle is what would be found");
    // Whoever destroyed the key has made it unreadable on every node.
    let other = Secret::from_bytes([1; 32]);
    let refused = Group::open(&other, &context, ciphertext.unwrap());
    assert_eq!(refused, Err(GroupError::NotOpened));
}

#[test]
fn rules_pass_it_on_with_its_ciphertext() {
    let mut desk = desk();
    let (_, field) = sealed();
    desk.applied("clerk", open("f-1", "finding", field.clone()));
    let input = [("from", "f-1".into()), ("number", "f-2".into())];
    desk.applied("clerk", call("take-over", input));
    assert_eq!(held(&desk, "f-2"), field);
}

#[test]
fn each_placement_takes_its_own_form_and_no_other() {
    let mut desk = desk();
    let (context, field) = sealed();
    let commitment = context.commitment.0.to_vec();
    // Without the ciphertext; with less than any group is; longer than a field may be.
    for wrong in [commitment.clone(), field[..92].to_vec(), vec![7; 16_385], Vec::new()] {
        assert_eq!(desk.outcome("clerk", open("f-1", "finding", wrong)), "invalid-input");
    }
    // What lies with its steward puts no ciphertext on the ledger.
    assert_eq!(desk.outcome("clerk", open("f-1", "contact", field.clone())), "invalid-input");
    desk.applied("clerk", open("f-1", "contact", commitment));
    desk.applied("clerk", open("f-2", "finding", field));
    desk.applied("clerk", open("f-3", "finding", vec![7; 16_384]));
}

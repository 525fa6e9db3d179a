//! The packages of the city: the protocol as the repository has it, and a register of files with one
//! field group.

use chaincity_package::source;
use chaincity_testing::city;

pub const PACKAGE: &str = "test-files";
pub const REGISTER: &str = "file";
pub const GROUP: &str = "person";
/// The process, whose cases hold the group in an encrypted variable.
pub const LOAN: &str = "loan";

/// A process of which one task looks at what it discloses, and the other, which counts, has `counts`.
fn process(
    (id, name): (&str, &str),
    (looks, called, discloses): (&str, &str, &str),
    (variables, counts): (&str, &str),
) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:chaincity="https://chaincity.example/ns/bpmn/1" targetNamespace="urn:test">
  <process id="{id}" name="{name}" isExecutable="true" chaincity:role="files.clerk" chaincity:keeper="files.clerk">
    {variables}<startEvent id="asked"/>
    <userTask id="{looks}" name="{called}" chaincity:role="files.reader" chaincity:discloses="{discloses}"/>
    <userTask id="count" name="计算" chaincity:role="files.reader"{counts}/>
    <endEvent id="looked"/>
    <endEvent id="counted"/>
    <sequenceFlow id="f1" sourceRef="asked" targetRef="{looks}"/>
    <sequenceFlow id="f2" sourceRef="asked" targetRef="count"/>
    <sequenceFlow id="f3" sourceRef="{looks}" targetRef="looked"/>
    <sequenceFlow id="f4" sourceRef="count" targetRef="counted"/>
  </process>
</definitions>
"#
    )
}

/// The package of a window, which keeps nothing itself: its process proves something by the files.
pub const WINDOW: &str = "test-window";

const WINDOW_FILE: (&str, &str) = (
    "package.yaml",
    "package: test-window
version: 1
title: {zh: 测试窗口, en: Test window}
roles: {}
",
);

/// A group that is placed on the ledger.
pub const DEAL: &str = "deal";

const FILES: [(&str, &str); 7] = [
    (
        "package.yaml",
        "package: test-files
version: 1
title: {zh: 测试档案, en: Test files}
roles:
  files.clerk: {zh: 档案员, en: Clerk of the files}
  files.reader: {zh: 阅档人, en: Reader of the files}
",
    ),
    (
        "groups/person.yaml",
        "group: person
title: {zh: 身份, en: Identity}
steward: files.clerk
fields:
  name: {type: text(100), zh: 姓名, en: Name}
  id_number: {type: text(40), zh: 证件号码, en: Number of the identity document}
find_by: {name: name}
claims:
  masked: {type: text(100), rule: mask(this.name), zh: 姓名（掩码）, en: Masked name}
  is: {type: bool, rule: this.id_number == input.number, parameters: {number: {type: text(40), zh: 证件号码, en: Number}}, zh: 是否此人, en: Whether it is he}
  longer: {type: bool, rule: size(this.name) > input.than, parameters: {than: {type: int, zh: 字数, en: Characters}}, clear: [than], zh: 姓名是否较长, en: Whether the name is longer}
  broken: {type: bool, rule: size(this.name) / 0 == 1, zh: 无, en: Broken}
",
    ),
    (
        "groups/deal.yaml",
        "group: deal
title: {zh: 交易, en: Deal}
steward: files.clerk
placement: ledger
fields:
  note: {type: text(100), zh: 备注, en: Note}
find_by: {note: note}
",
    ),
    (
        "actions/note-deal.yaml",
        "action: note-deal
title: {zh: 记交易, en: Note a deal}
law: [民法典 215]
by: files.clerk
input:
  file: {type: ref(file), zh: 档案, en: File}
  deal: {type: sealed(deal), zh: 交易（加密）, en: Deal}
let:
  entry: get(file, input.file)
do:
  - update: {record: entry, set: {deal: input.deal}}
",
    ),
    (
        "registers/file.yaml",
        "register: file
title: {zh: 档案, en: File}
steward: files.clerk
key: number
fields:
  number: {type: text(40), zh: 编号, en: Number}
  subject: {type: subject, zh: 主体, en: Subject}
  identity: {type: sealed(person)?, zh: 身份（加密）, en: Identity}
  deal: {type: sealed(deal)?, zh: 交易（加密）, en: Deal}
",
    ),
    (
        "actions/open-file.yaml",
        "action: open-file
title: {zh: 建档, en: Open a file}
law: [个人信息保护法 13]
by: files.clerk
input:
  number: {type: text(40), zh: 编号, en: Number}
  subject: {type: subject, zh: 主体, en: Subject}
  identity: {type: sealed(person)?, zh: 身份（加密）, en: Identity}
do:
  - insert:
      register: file
      fields: {number: input.number, subject: input.subject, identity: input.identity}
",
    ),
    (
        "actions/change-identity.yaml",
        "action: change-identity
title: {zh: 变更身份, en: Change the identity}
law: [个人信息保护法 46]
by: files.clerk
input:
  file: {type: ref(file), zh: 档案, en: File}
  identity: {type: sealed(person), zh: 身份（加密）, en: Identity}
let:
  entry: get(file, input.file)
do:
  - update: {record: entry, set: {identity: input.identity}}
",
    ),
];

/// The documents of all.
pub fn documents() -> Vec<Vec<u8>> {
    let [identity, disclosure] =
        ["identity", "disclosure"].map(|name| city::package(name).unwrap().doc.to_bytes());
    // A case about files: one task looks at the person, the other at what is noted in the case.
    let note = r#"<extensionElements><chaincity:variable name="note" type="sealed(person)?"/></extensionElements>"#;
    let loan = process(
        (LOAN, "贷款审查"),
        ("look", "查看身份", "file.person"),
        (note, r#" chaincity:discloses="loan.person""#),
    );
    let files = document(&[&[("processes/loan.bpmn", &*loan)][..], &FILES].concat());
    // Of which one task reads what the file proves.
    let fetches = ("fetch", "由登记簿核实", "test-files.file.person");
    let licence = process(("licence", "许可"), fetches, ("", ""));
    let window = document(&[("processes/licence.bpmn", &*licence), WINDOW_FILE]);
    vec![identity, disclosure, files, window]
}

fn document(files: &[(&str, &str)]) -> Vec<u8> {
    let source = source::parse(files).unwrap();
    source.compile().unwrap();
    source.doc.to_bytes()
}

//! The packages of the city: the protocol as the repository has it, and a register of files with one
//! field group.

use chaincity_package::source;
use chaincity_testing::city;

pub const PACKAGE: &str = "test-files";
pub const REGISTER: &str = "file";
pub const GROUP: &str = "person";

/// A case about files: one task looks at the person, the other does not.
const PROCESS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:chaincity="https://chaincity.example/ns/bpmn/1" targetNamespace="urn:test">
  <process id="loan" name="贷款审查" isExecutable="true" chaincity:role="files.clerk" chaincity:keeper="files.clerk">
    <startEvent id="asked"/>
    <userTask id="look" name="查看身份" chaincity:role="files.reader" chaincity:discloses="file.person"/>
    <userTask id="count" name="计算" chaincity:role="files.reader"/>
    <endEvent id="looked"/>
    <endEvent id="counted"/>
    <sequenceFlow id="f1" sourceRef="asked" targetRef="look"/>
    <sequenceFlow id="f2" sourceRef="asked" targetRef="count"/>
    <sequenceFlow id="f3" sourceRef="look" targetRef="looked"/>
    <sequenceFlow id="f4" sourceRef="count" targetRef="counted"/>
  </process>
</definitions>
"#;

/// The package of a window, which keeps nothing itself: its process proves something by the files.
pub const WINDOW: &str = "test-window";

/// One task reads what the file proves, the other does not.
const COUNTER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:chaincity="https://chaincity.example/ns/bpmn/1" targetNamespace="urn:test">
  <process id="licence" name="许可" isExecutable="true" chaincity:role="files.clerk" chaincity:keeper="files.clerk">
    <startEvent id="asked"/>
    <userTask id="fetch" name="由登记簿核实" chaincity:role="files.reader" chaincity:discloses="test-files.file.person"/>
    <userTask id="count" name="计算" chaincity:role="files.reader"/>
    <endEvent id="fetched"/>
    <endEvent id="counted"/>
    <sequenceFlow id="f1" sourceRef="asked" targetRef="fetch"/>
    <sequenceFlow id="f2" sourceRef="asked" targetRef="count"/>
    <sequenceFlow id="f3" sourceRef="fetch" targetRef="fetched"/>
    <sequenceFlow id="f4" sourceRef="count" targetRef="counted"/>
  </process>
</definitions>
"#;

const WINDOW_FILES: [(&str, &str); 2] = [
    ("processes/licence.bpmn", COUNTER),
    (
        "package.yaml",
        "package: test-window
version: 1
title: {zh: 测试窗口, en: Test window}
roles: {}
",
    ),
];

const FILES: [(&str, &str); 6] = [
    ("processes/loan.bpmn", PROCESS),
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
        "registers/file.yaml",
        "register: file
title: {zh: 档案, en: File}
steward: files.clerk
key: number
fields:
  number: {type: text(40), zh: 编号, en: Number}
  subject: {type: subject, zh: 主体, en: Subject}
  identity: {type: sealed(person)?, zh: 身份（加密）, en: Identity}
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
    let disclosure = city::package("disclosure").unwrap().doc.to_bytes();
    let files = source::parse(&FILES).unwrap();
    files.compile().unwrap();
    let window = source::parse(&WINDOW_FILES).unwrap();
    window.compile().unwrap();
    vec![disclosure, files.doc.to_bytes(), window.doc.to_bytes()]
}

//! `POST /v1/vault/groups`: who may seal what, and that no value comes back.

use std::collections::BTreeMap;

use chaincity_api::vault::{SEAL_BYTES_MAX, SealRequest};
use chaincity_client::{Client, ClientError};
use chaincity_crypto::groups::{self, GROUP_BYTES_MAX};
use chaincity_crypto::pseudonym::is_pseudonym;
use chaincity_types::{Digest, Value, cbor};
use chaincity_vault::Vault;
use serde_json::{Value as Json, json};

use crate::city::{City, clerk, post};
use crate::fake::version;
use crate::vaults::{Keeping, client_of, officer, passphrase, post_group, token_of};

const REGISTRAR: &str = "registry.registrar";
/// A price that stands nowhere else.
const PRICE: i64 = 98_765_432_100;

fn request(number: u8, group: &str, values: Json) -> SealRequest {
    SealRequest {
        package: "real-estate".into(),
        register: "right".into(),
        group: group.into(),
        request: hex::encode([number; 32]),
        values: values.as_object().unwrap().clone(),
        scopes: BTreeMap::new(),
    }
}

fn deal(number: u8) -> SealRequest {
    request(number, "deal", json!({"price": PRICE, "contract": "合同1"}))
}

/// Status and code of a refusal.
fn refusal(sealed: Result<Digest, ClientError>) -> (u16, String) {
    let error = sealed.unwrap_err();
    let ClientError::Refused { status, body } = error else { panic!("{error}") };
    assert!(!body.zh.is_ascii() && body.en.is_ascii(), "{body:?}");
    (status, body.code)
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn a_sealed_group_opens_in_the_vault_by_its_commitment() {
    let keeping = Keeping::open();
    let commitment = keeping.city.client().seal_group(&deal(1)).unwrap();
    let opened = keeping.vault.open_group(&commitment).unwrap();
    assert_eq!(opened.group.commitment(), commitment);
    let place = &opened.context;
    assert_eq!(
        (place.ledger, &*place.package, &*place.register, &*place.group),
        (keeping.city.node.ledger(), "real-estate", "right", "deal")
    );
    let Value::Map(fields) = cbor::decode(opened.group.bytes(), GROUP_BYTES_MAX).unwrap() else {
        panic!("a group is a map")
    };
    let expected = [("contract".into(), "合同1".into()), ("price".into(), Value::Int(PRICE))];
    assert_eq!(fields, expected.into());
}

#[test]
fn a_group_is_found_by_what_its_package_names_and_by_nothing_else() {
    let keeping = Keeping::open();
    let holder = |name: &str, address: Option<&str>| {
        let (kind, number) = ("居民身份证", "110101190001010007");
        json!({"subject": "测试甲", "name": name, "id_kind": kind, "id_number": number, "address": address})
    };
    let holders = [
        holder("测试甲", Some("示例路 1 号")),
        holder("测试乙", Some(" ")),
        holder("测试丙", None),
    ];
    let identity = request(1, "holder-identity", json!({"holders": holders}));
    let commitment = keeping.city.client().seal_group(&identity).unwrap();
    let found = |kind: &str, text: &str| keeping.vault.search(kind, text, 9).unwrap();
    for (kind, text) in [("name", "测试甲"), ("name", " 测试丙"), ("address", "示例路１号")]
    {
        assert_eq!(found(kind, text), [commitment], "{kind} {text}");
    }
    for (kind, text) in
        [("name", "示例路1号"), ("id_number", "110101190001010007"), ("name", "测试")]
    {
        assert_eq!(found(kind, text), [], "{kind} {text}");
    }
}

#[test]
fn a_request_made_twice_gives_the_same_commitment_and_never_seals_other_values() {
    let keeping = Keeping::open();
    let client = keeping.city.client();
    let first = client.seal_group(&deal(1)).unwrap();
    assert_eq!(client.seal_group(&deal(1)).unwrap(), first);
    assert_eq!(keeping.vault.summary().unwrap().groups, 1);

    let other = request(1, "deal", json!({"price": PRICE - 1, "contract": "合同1"}));
    assert_eq!(refusal(client.seal_group(&other)), is(409, "request-differs"));
    let identity = request(1, "holder-identity", json!({"holders": []}));
    assert_eq!(refusal(client.seal_group(&identity)), is(409, "request-differs"));
    assert_eq!(keeping.vault.summary().unwrap().groups, 1);

    // The same values under another request: nobody sees that they are the same.
    assert_ne!(client.seal_group(&deal(2)).unwrap(), first);
}

#[test]
fn only_officers_of_the_nodes_member_with_the_stewards_role_seal() {
    let keeping = Keeping::open();
    let city = &keeping.city;
    let other_member = client_of(city, officer(city, 21, "bank", REGISTRAR));
    assert_eq!(refusal(other_member.seal_group(&deal(1))), is(403, "not-steward"));
    let without_role = client_of(city, officer(city, 22, "registry", "registry.withdrawn"));
    assert_eq!(refusal(without_role.seal_group(&deal(1))), is(403, "not-steward"));
    assert_eq!(keeping.vault.summary().unwrap().groups, 0);
    let colleague = client_of(city, officer(city, 23, "registry", REGISTRAR));
    colleague.seal_group(&deal(1)).unwrap();
}

#[test]
fn a_reader_of_any_member_seals_what_it_says_with_an_access_and_nothing_else() {
    let keeping = Keeping::open();
    let city = &keeping.city;
    let said = |values: Json| SealRequest {
        package: "disclosure".into(),
        register: "access".into(),
        group: "parameters".into(),
        request: hex::encode([1; 32]),
        values: values.as_object().unwrap().clone(),
        scopes: BTreeMap::new(),
    };
    let said = said(json!({
        "key": "11".repeat(32), "purpose": "贷款审查", "case_number": "贷1号",
        "values": {"number": "测试号码"},
    }));
    let reader = client_of(city, officer(city, 21, "bank", "reader.officer"));
    let commitment = reader.seal_group(&said).unwrap();
    let place = keeping.vault.open_group(&commitment).unwrap().context;
    assert_eq!((&*place.package, &*place.group), ("disclosure", "parameters"));
    assert_eq!(refusal(reader.seal_group(&deal(2))), is(403, "not-steward"));
    let without_role = client_of(city, officer(city, 22, "bank", "registry.withdrawn"));
    assert_eq!(refusal(without_role.seal_group(&said)), is(403, "not-steward"));
    assert_eq!(keeping.vault.summary().unwrap().groups, 1);
}

/// A process whose cases hold the deal.
const NOTING: &str = r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:chaincity="https://chaincity.example/ns/bpmn/1" targetNamespace="urn:test">
  <process id="noting" isExecutable="true">
    <extensionElements><chaincity:variable name="note" type="sealed(deal)?"/></extensionElements>
    <startEvent id="s"/>
    <userTask id="t" chaincity:role="registry.registrar"/>
    <endEvent id="e"/>
    <sequenceFlow id="st" sourceRef="s" targetRef="t"/>
    <sequenceFlow id="te" sourceRef="t" targetRef="e"/>
  </process>
</definitions>
"#;

#[test]
fn the_group_of_an_encrypted_variable_is_sealed_for_its_process() {
    let keeping = Keeping::open();
    let client = keeping.city.client();
    let noted = |asked: SealRequest| SealRequest { register: "noting".into(), ..asked };
    assert_eq!(refusal(client.seal_group(&noted(deal(1)))), is(404, "no-such-register"));
    let put = |place: (&str, &str, &str), fields: &[(&str, Value)]| {
        keeping.city.node.put(version(place, 1, 1, fields));
    };
    put(("case", "process", "real-estate.noting"), &[("model", "m".into())]);
    let file = [("text", NOTING.into()), ("decisions", Value::List(Vec::new()))];
    put(("case", "model", "m"), &file);
    let commitment = client.seal_group(&noted(deal(1))).unwrap();
    let place = keeping.vault.open_group(&commitment).unwrap().context;
    let sealed_for = (&*place.package, &*place.register, &*place.group);
    assert_eq!(sealed_for, ("real-estate", "noting", "deal"));
    // No variable of the process holds this one.
    let other = noted(request(2, "holder-identity", json!({"holders": []})));
    assert_eq!(refusal(client.seal_group(&other)), is(404, "no-such-register"));
    assert_eq!(keeping.vault.summary().unwrap().groups, 1);
}

/// Seals a worker's identity for a project, and gives the pseudonyms that come with it.
fn worker(
    client: &Client,
    (request, number): (u8, &str),
    project: Option<&str>,
) -> Result<BTreeMap<String, String>, ClientError> {
    let values = json!({
        "name": "测试工人", "document_number": number, "phone": "0", "bank_account": "0",
    });
    let asked = SealRequest {
        package: "engineering-funds".into(),
        register: "worker".into(),
        scopes: project.iter().map(|p| ("project".to_owned(), (*p).to_owned())).collect(),
        ..self::request(request, "worker-identity", values)
    };
    client.seal(&asked).map(|sealed| sealed.pseudonyms)
}

#[test]
fn a_sealed_person_stands_under_one_pseudonym_in_each_scope() {
    const NUMBERS: [&str; 2] = ["431302190001010017", "431302190001010025"];
    let keeping = Keeping::open();
    let role = "contractor.labour";
    keeping.city.node.put(version(
        ("governance", "member", "registry"),
        2,
        2,
        &[("roles", Value::List(vec![role.into()])), ("active", Value::Bool(true))],
    ));
    let client = client_of(&keeping.city, officer(&keeping.city, 24, "registry", role));
    let signer = |request, number, project| {
        let made = worker(&client, (request, number), Some(project)).unwrap();
        assert_eq!(made.keys().collect::<Vec<_>>(), ["signer"]);
        made["signer"].clone()
    };
    let first = signer(1, NUMBERS[0], "p-1");
    assert!(is_pseudonym("worker-identity", &first));
    assert_eq!(signer(1, NUMBERS[0], "p-1"), first, "the same request");
    assert_eq!(signer(2, NUMBERS[0], "p-1"), first, "another request");
    assert_ne!(signer(3, NUMBERS[0], "p-2"), first, "another project");
    assert_ne!(signer(4, NUMBERS[1], "p-1"), first, "another worker");
    let without = worker(&client, (5, NUMBERS[0]), None).map(|_| Digest([0; 32]));
    assert_eq!(refusal(without), is(400, "group-invalid"));
    let stranger = client_of(&keeping.city, officer(&keeping.city, 25, "bank", role));
    let strange = worker(&stranger, (6, NUMBERS[0]), Some("p-1")).map(|_| Digest([0; 32]));
    assert_eq!(refusal(strange), is(403, "not-steward"));
    // None without a group that says whom it stands for.
    assert_eq!(keeping.vault.summary().unwrap().groups, 4);
}

#[test]
fn of_a_group_on_the_ledger_the_writer_is_given_the_ciphertext_and_the_vault_keeps_the_key() {
    let keeping = Keeping::open();
    let role = "department.decider";
    keeping.city.node.put(version(
        ("governance", "member", "registry"),
        2,
        2,
        &[
            ("roles", Value::List(vec![role.into(), REGISTRAR.into()])),
            ("active", Value::Bool(true)),
        ],
    ));
    let client = client_of(&keeping.city, officer(&keeping.city, 26, "registry", role));
    let asked = SealRequest {
        package: "service-items".into(),
        register: "result".into(),
        ..request(1, "result-content", json!({"entries": [{"name": "姓名", "value": "测试甲"}]}))
    };
    let sealed = client.seal(&asked).unwrap();
    let (commitment, ciphertext) = groups::held(&sealed.value).unwrap();
    assert_eq!(commitment, sealed.commitment);
    assert!(!sealed.value.windows(9).any(|part| part == "测试甲".as_bytes()));
    assert!(keeping.vault.open_group(&commitment).is_err());
    let opened = keeping.vault.open_from_ledger(&commitment, ciphertext.unwrap()).unwrap();
    assert!(opened.group.bytes().windows(9).any(|part| part == "测试甲".as_bytes()));
    assert_eq!(client.seal(&asked).unwrap(), sealed, "asked again");

    // Of the others it is the commitment alone.
    let kept = keeping.city.client().seal(&deal(2)).unwrap();
    assert_eq!(kept.value, kept.commitment.0);
}

#[test]
fn a_node_that_keeps_no_vault_seals_nothing() {
    let city = City::open();
    assert_eq!(refusal(city.client().seal_group(&deal(1))), is(404, "no-vault"));
}

#[test]
fn sealing_wants_a_token() {
    let keeping = Keeping::open();
    let body = serde_json::to_vec(&deal(1)).unwrap();
    let url = format!("{}/v1/vault/groups", keeping.city.url());
    let answer = post(&url, "application/json", &body);
    assert_eq!((answer.status, answer.code()), is(401, "token-required"));
    assert_eq!(keeping.vault.summary().unwrap().groups, 0);
}

#[test]
fn a_group_is_named_by_package_register_and_name() {
    let keeping = Keeping::open();
    let client = keeping.city.client();
    let refused = |change: &dyn Fn(&mut SealRequest)| {
        let mut asked = deal(1);
        change(&mut asked);
        refusal(client.seal_group(&asked))
    };
    assert_eq!(refused(&|asked| asked.package = "other".into()), is(404, "no-such-package"));
    assert_eq!(refused(&|asked| asked.register = "other".into()), is(404, "no-such-register"));
    assert_eq!(refused(&|asked| asked.group = "other".into()), is(404, "no-such-group"));
    // It is a register of the package, and holds no such group.
    assert_eq!(refused(&|asked| asked.register = "unit".into()), is(400, "group-elsewhere"));
    assert_eq!(refused(&|asked| asked.request = "00".into()), is(400, "bad-request"));
    assert_eq!(keeping.vault.summary().unwrap().groups, 0);
}

#[test]
fn values_that_do_not_fit_are_refused_and_do_not_come_back() {
    let keeping = Keeping::open();
    let token = token_of(&keeping.city, clerk());
    let long = "秘".repeat(101);
    for (values, place) in [
        (json!({"price": "secret-98765"}), "price"),
        (json!({"price": PRICE, "colour": "secret-98765"}), "colour"),
        (json!({"price": PRICE, "contract": long}), "contract"),
        (json!({"contract": "secret-98765"}), "price"),
        (json!({"price": {"secret-98765": PRICE}}), "price"),
    ] {
        let body = serde_json::to_vec(&request(1, "deal", values)).unwrap();
        let answer = post_group(&keeping.city, &token, "application/json", &body);
        assert_eq!((answer.status, answer.code()), is(400, "group-invalid"), "{place}");
        let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(detail.contains(place), "{detail}");
        for value in ["secret", "98765", "秘"] {
            assert!(!answer.text.contains(value), "{}", answer.text);
        }
    }
    // Each field fits, all together are more than a group holds.
    let holder = |n: usize| {
        json!({
            "subject": format!("subject-{n}"), "name": "名".repeat(100), "id_kind": "类".repeat(40),
            "id_number": "号".repeat(40), "address": "址".repeat(300),
        })
    };
    let holders: Vec<Json> = (0..50).map(holder).collect();
    let whole = request(1, "holder-identity", json!({"holders": &holders}));
    let client = keeping.city.client();
    assert_eq!(refusal(client.seal_group(&whole)), is(400, "group-invalid"));
    assert_eq!(keeping.vault.summary().unwrap().groups, 0);
    let part = request(1, "holder-identity", json!({"holders": &holders[..40]}));
    client.seal_group(&part).unwrap();
}

#[test]
fn bodies_that_are_too_large_of_another_type_or_no_request_are_refused() {
    let keeping = Keeping::open();
    let token = token_of(&keeping.city, clerk());
    let json = "application/json";
    let seal = |media: &str, body: &[u8]| {
        let answer = post_group(&keeping.city, &token, media, body);
        (answer.status, answer.code())
    };
    let mut body = serde_json::to_vec(&deal(1)).unwrap();
    assert_eq!(seal("text/plain", &body), is(415, "media-type"));
    let unknown_field = [&body[..body.len() - 1], br#","more":1}"#].concat();
    for malformed in [b"".as_slice(), b"{", b"[]", b"{}", &unknown_field] {
        assert_eq!(seal(json, malformed), is(400, "bad-request"));
    }
    // Blanks after the request count as well.
    body.resize(SEAL_BYTES_MAX + 1, b' ');
    assert_eq!(seal(json, &body), is(413, "request-too-large"));
    assert_eq!(keeping.vault.summary().unwrap().groups, 0);
    body.truncate(SEAL_BYTES_MAX);
    assert_eq!(seal(json, &body).0, 200);
}

#[test]
fn a_restored_vault_seals_nothing_until_the_erasures_are_applied_again() {
    let Keeping { city, vault, dir } = Keeping::open();
    city.client().seal_group(&deal(1)).unwrap();
    vault.backup(&dir.path().join("backup")).unwrap();
    drop((city, vault));

    let folder = dir.path().join("again").join("vault");
    std::fs::create_dir(folder.parent().unwrap()).unwrap();
    let restored = Vault::restore(&dir.path().join("backup"), &folder, &passphrase()).unwrap();
    let keeping = Keeping::with(dir, restored);
    let client = keeping.city.client();
    assert_eq!(refusal(client.seal_group(&deal(2))), is(503, "vault-closed"));
    keeping.vault.reapply_erasures([]).unwrap();
    client.seal_group(&deal(2)).unwrap();
}

//! The search for private values: each kind of leak is found, and what is under a secret is not.

#![allow(
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests"
)]

use chaincity_crypto::cipher::Secret;
use chaincity_crypto::groups::Group;
use chaincity_crypto::suite;
use chaincity_testing::leaks::{Derivation, Known, Numbers, Salts, Values, compute};
use chaincity_types::id::ResidentId;
use chaincity_types::{Digest, Value, cbor};

const REGION: &str = "431302";
/// Of a person born in 1900.
const NUMBER: &[u8; 18] = b"431302190001010017";
const SUBJECT: &str = "subject-demo-a";

fn salts() -> Salts {
    Salts { ledger: Digest([7; 32]), keys: vec![vec![9; 32]], subjects: vec![SUBJECT.to_owned()] }
}

/// The names of what is found when the ledger holds this.
fn found(value: &Value) -> Vec<String> {
    let mut known = Known::default();
    known.add_encoded(&cbor::encode(value));
    found_in(&known)
}

fn found_in(known: &Known) -> Vec<String> {
    compute(&Numbers::of(&[REGION]), &Derivation::all(&salts()), known).into_keys().collect()
}

fn bytes(digest: Digest) -> Value {
    Value::Bytes(digest.as_bytes().to_vec())
}

#[test]
fn there_are_ten_million_numbers_and_each_is_valid() {
    let all = Numbers::all();
    assert!(all.count() >= 10_000_000, "{}", all.count());
    let today = jiff::civil::date(2026, 1, 1);
    for at in [0, 998, 999, all.count() / 2, all.count() - 1] {
        let number = String::from_utf8(all.number(at).to_vec()).unwrap();
        ResidentId::parse(&number, today).unwrap();
        assert!(all.contains(&number));
    }
    assert!(all.contains(std::str::from_utf8(NUMBER).unwrap()));
    assert!(all.contains("43130219000301007X") && !all.contains("431302190003010071"));
    assert!(!all.contains("") && !all.contains("四三一三〇二"));
}

#[test]
fn whatever_can_be_computed_from_a_number_without_a_secret_is_found() {
    let plain = suite::digest(&[NUMBER]);
    assert_eq!(found(&bytes(plain)), ["SHA-256"]);
    assert_eq!(found(&Value::from(&*plain.to_string())), ["SHA-256"]);
    // Shortened, as a pseudonym.
    let pseudonym = format!("s-{}", &plain.to_string()[..32]);
    assert_eq!(found(&Value::from(&*pseudonym)), ["SHA-256"]);
    assert_eq!(found(&Value::from(&*format!("编号{plain}号"))), ["SHA-256"]);
    let text = std::str::from_utf8(NUMBER).unwrap();
    assert_eq!(found(&Value::List(vec![Value::from(text)])), ["the number itself"]);
    assert_eq!(found(&Value::Int(text.parse().unwrap())), ["the number itself"]);
    let ledger = salts().ledger;
    let salted = suite::digest(&[ledger.as_bytes(), NUMBER]);
    assert_eq!(found(&bytes(salted)), ["SHA-256 after the ledger id"]);
    let of_subject = suite::digest(&[SUBJECT.as_bytes(), NUMBER]);
    assert_eq!(found(&bytes(of_subject)), ["SHA-256 after a subject id"]);
    let in_domain = suite::digest(&[b"chaincity/vault/index/1", NUMBER]);
    assert_eq!(found(&bytes(in_domain)), ["SHA-256 in the domain chaincity/vault/index/1"]);
    let twice = suite::digest(&[plain.to_string().as_bytes()]);
    assert_eq!(found(&bytes(twice)), ["SHA-256 of its SHA-256 in digits"]);
}

#[test]
fn a_keyed_digest_is_found_when_its_key_is_public_alone() {
    // RFC 4231, test case 1, of the same construction: the pads are those of HMAC.
    let hmac = |key: &[u8; 32]| {
        let pad = |byte: u8| {
            let mut block = [byte; 64];
            block.iter_mut().zip(key).for_each(|(to, from)| *to ^= from);
            block
        };
        suite::digest(&[&pad(0x5c), suite::digest(&[&pad(0x36), NUMBER]).as_bytes()])
    };
    assert_eq!(found(&bytes(hmac(&[9; 32]))), ["HMAC with a public key"]);
    assert_eq!(found(&bytes(hmac(&[8; 32]))), [""; 0]);
}

#[test]
fn a_commitment_is_found_without_a_salt_and_not_with_one() {
    let fields = Value::Map([("id_number".into(), Value::from("431302190001010017"))].into());
    let commitment = |salt: [u8; 32]| {
        bytes(Group::new(Secret::from_bytes(salt), &cbor::encode(&fields)).unwrap().commitment())
    };
    let name = "a commitment to {id_number} with no salt";
    assert_eq!(found(&commitment([0; 32])), [name]);
    assert_eq!(found(&commitment([3; 32])), [""; 0]);
}

#[test]
fn a_digest_in_a_log_is_found_wherever_it_stands_in_its_digits() {
    let plain = suite::digest(&[NUMBER]).to_string();
    for line in
        [format!("key={plain} "), format!("key={}", plain.to_uppercase()), format!("0{plain}")]
    {
        let mut known = Known::default();
        known.add_text(line.as_bytes());
        assert_eq!(found_in(&known), ["SHA-256"], "{line}");
    }
    let mut known = Known::default();
    known.add_text(suite::digest(&[b"another"]).to_string().as_bytes());
    assert!(found_in(&known).is_empty() && known.len() == 2);
}

#[test]
fn a_value_is_found_in_every_form_in_which_files_write_it() {
    let values = Values::new(["测试甲（欧阳示例）", "98765432100", "431302190001010017"]);
    let found = |bytes: &[u8]| values.found_in(bytes);
    assert_eq!(found("姓名测试甲（欧阳示例）。".as_bytes()), [(0, "as it is")]);
    assert_eq!(
        found(r"\u6d4b\u8bd5\u7532\uff08\u6b27\u9633\u793a\u4f8b\uff09".as_bytes()),
        [(0, "escaped")]
    );
    let address = "/v1?name=%E6%B5%8B%E8%AF%95%E7%94%B2%EF%BC%88%E6%AC%A7%E9%98%B3%E7%A4%BA%E4%BE%8B%EF%BC%89";
    assert_eq!(found(address.as_bytes()), [(0, "in an address")]);
    assert_eq!(found(&cbor::encode(&Value::Int(98_765_432_100))), [(1, "as a number")]);
    assert_eq!(found(b"price: 98765432100"), [(1, "as it is")]);
    assert_eq!(found(hex::encode("431302190001010017").as_bytes()), [(2, "in hexadecimal digits")]);
    assert!(found("测试甲 98765432101 4313021900010100".as_bytes()).is_empty());
}

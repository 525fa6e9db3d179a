//! The search for private values: each kind of leak is found, and what is under a secret is not.

#![allow(
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::collections::BTreeMap;

use chaincity_crypto::cipher::Secret;
use chaincity_crypto::groups::Group;
use chaincity_crypto::suite;
use chaincity_testing::leaks::{Derivation, Known, Numbers, Salts, Values, compute};
use chaincity_types::id::ResidentId;
use chaincity_types::{Digest, Value, cbor};

const REGION: &str = "431302";
/// Of a person born in 1900.
const NUMBER: &[u8; 18] = b"431302190001010017";
/// Of another, without a letter: it can stand there as a whole number.
const DIGITS: i64 = 431_302_190_001_011_028;
const SUBJECT: &str = "subject-demo-a";

fn salts() -> Salts {
    Salts { ledger: Digest([7; 32]), keys: vec![vec![9; 32]], subjects: vec![SUBJECT.to_owned()] }
}

/// What is found when the ledger holds these values: how often each derivation gives one of them.
fn found(values: &[Value]) -> BTreeMap<String, u64> {
    let mut known = Known::default();
    for value in values {
        known.add_encoded(&cbor::encode(value));
    }
    found_in(&known)
}

fn found_in(known: &Known) -> BTreeMap<String, u64> {
    compute(&Numbers::of(&[REGION]), &Derivation::all(&salts()), known)
}

fn counts<const N: usize>(of: [(&str, u64); N]) -> BTreeMap<String, u64> {
    of.map(|(name, count)| (name.to_owned(), count)).into()
}

/// Numbers of others, which no other form of a leak is made of.
fn another(at: usize) -> [u8; 18] {
    Numbers::of(&[REGION]).number(at)
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
    let plain = |at| suite::digest(&[&another(at)]).to_string();
    let ledger = salts().ledger;
    let twice = suite::digest(&[NUMBER]).to_string();
    let text = std::str::from_utf8(NUMBER).unwrap();
    // Each is of another person, so that each counts.
    let given = found(&[
        bytes(suite::digest(&[&another(1)])),
        Value::from(&*plain(2)),
        // Shortened, as a pseudonym.
        Value::from(&*format!("s-{}", &plain(3)[..32])),
        Value::from(&*format!("编号{}号", plain(4))),
        Value::List(vec![Value::from(text)]),
        Value::Int(DIGITS),
        bytes(suite::digest(&[ledger.as_bytes(), NUMBER])),
        bytes(suite::digest(&[SUBJECT.as_bytes(), NUMBER])),
        bytes(suite::digest(&[b"chaincity/vault/index/1", NUMBER])),
        bytes(suite::digest(&[twice.as_bytes()])),
    ]);
    let wanted = counts([
        ("SHA-256", 4),
        // Nine begin with the same sixteen characters, and one is the whole number.
        ("the number itself", 10),
        ("SHA-256 after the ledger id", 1),
        ("SHA-256 after a subject id", 1),
        ("SHA-256 in the domain chaincity/vault/index/1", 1),
        ("SHA-256 of its SHA-256 in digits", 1),
    ]);
    assert_eq!(given, wanted);
}

#[test]
fn what_is_under_a_secret_is_not_found_and_what_is_under_a_public_key_or_no_salt_is() {
    // RFC 4231, test case 1, of the same construction: the pads are those of HMAC.
    let hmac = |key: &[u8; 32]| {
        let pad = |byte: u8| {
            let mut block = [byte; 64];
            block.iter_mut().zip(key).for_each(|(to, from)| *to ^= from);
            block
        };
        suite::digest(&[&pad(0x5c), suite::digest(&[&pad(0x36), NUMBER]).as_bytes()])
    };
    let fields = Value::Map([("id_number".into(), Value::from("431302190001010017"))].into());
    let commitment = |salt: [u8; 32]| {
        Group::new(Secret::from_bytes(salt), &cbor::encode(&fields)).unwrap().commitment()
    };
    let secret = [hmac(&[8; 32]), commitment([3; 32])].map(bytes);
    assert_eq!(found(&secret), counts([]));
    let open = [hmac(&[9; 32]), commitment([0; 32])].map(bytes);
    let name = "a commitment to {id_number} with no salt";
    assert_eq!(found(&open), counts([("HMAC with a public key", 1), (name, 1)]));
}

#[test]
fn a_digest_in_a_log_is_found_wherever_it_stands_in_its_digits() {
    let plain = |at| suite::digest(&[&another(at)]).to_string();
    let lines = [plain(1), plain(2).to_uppercase(), format!("0{}", plain(3))]
        .map(|digits| format!("key={digits} "));
    let mut known = Known::default();
    for line in lines {
        known.add_text(line.as_bytes());
    }
    known.add_text(suite::digest(&[b"another"]).to_string().as_bytes());
    assert_eq!(found_in(&known), counts([("SHA-256", 3)]));
    // Two halves of each, and those of the one after a digit from either end.
    assert_eq!(known.len(), 10);
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

//! The command, run as its users run it.
#![allow(missing_docs, clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/verify/vectors").join(name)
}

fn ledger() -> String {
    std::fs::read_to_string(vector("ledger.txt")).unwrap().trim().to_owned()
}

/// Exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_chaincity-verify")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Verifies a vector against the trust bundle and the ledger's id.
fn verify(kind: &str, file: &Path, more: &[&str]) -> (i32, String, String) {
    let (trust, ledger) = (vector("trust.cbor"), ledger());
    let (file, trust) = (file.to_str().unwrap(), trust.to_str().unwrap());
    let arguments = [&[kind, file, "--trust", trust, "--ledger", &ledger], more].concat();
    run(&arguments)
}

#[test]
fn a_valid_record_is_told_in_two_languages() {
    let (code, out, _) = verify("record", &vector("record.cbor"), &[]);
    assert_eq!(code, 0);
    assert!(out.starts_with("有效") && out.contains("\nVALID"), "{out}");
    for part in ["测试乙", "89.50", "3 of 3, in force", "real-estate/right/right-0001"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(!out.contains("NOTE"));
}

#[test]
fn as_of_gives_the_version_in_force_then() {
    let at = |time: &str| {
        let (code, out, _) = verify("record", &vector("record.cbor"), &["--as-of", time, "--json"]);
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        (code, json)
    };
    // The ledger of the vectors begins at 2026-09-21T14:13:20Z, with a block a second.
    let (code, json) = at("2026-09-21T22:13:23+08:00");
    assert_eq!((code, &json["version"]["number"]), (0, &serde_json::json!(1)));
    assert_eq!(json["version"]["fields"]["holder"], "测试甲");
    let (code, json) = at("2026-09-21T14:13:21Z");
    assert_eq!((code, &json["version"]), (0, &serde_json::Value::Null));
    let (code, json) = at("2030-01-01T00:00:00Z");
    assert_eq!((code, &json["code"]), (1, &serde_json::json!("after-proof")));
}

#[test]
fn absence_and_receipts_and_transactions_are_valid_too() {
    let (code, out, _) = verify("record", &vector("absent.cbor"), &[]);
    assert!(code == 0 && out.contains("there was no such record"), "{out}");
    let (code, out, _) = verify("receipt", &vector("receipt.cbor"), &[]);
    assert!(code == 0 && out.contains("applied, 1 versions written"), "{out}");
    let transaction = vector("transaction.cbor");
    let (code, out, _) = run(&["transaction", transaction.to_str().unwrap(), "--json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(code == 0 && json["valid"] == true && json["calls"][0]["action"] == "transfer");
}

#[test]
fn a_claim_is_told_with_who_answers_for_it_and_an_altered_one_is_refused() {
    let (code, out, _) = verify("claim", &vector("claim.cbor"), &[]);
    assert!(code == 0 && out.starts_with("有效") && out.contains("\nVALID"), "{out}");
    for part in ["deal.price-at-least = true", "amount: 100000000", "member registry", "version 2"]
    {
        assert!(out.contains(part), "{part}: {out}");
    }
    let good = std::fs::read(vector("claim.cbor")).unwrap();
    let altered = Path::new(env!("CARGO_TARGET_TMPDIR")).join("claim.cbor");
    // In the statement, and in the proof of whose key it is.
    let statement = good.windows(14).position(|part| part == b"price-at-least").unwrap();
    for (at, refusal) in [(statement, "claim-not-signed"), (good.len() - 9, "not-final")] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&altered, bad).unwrap();
        let (code, out, _) = verify("claim", &altered, &["--json"]);
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &json["code"]), (1, &serde_json::json!(refusal)), "{at}: {out}");
    }
    let (code, out, _) = verify("claim", &vector("record.cbor"), &[]);
    assert!(code == 1 && out.starts_with("无效"), "{out}");
}

#[test]
fn without_the_ledgers_id_the_result_says_what_it_rests_on() {
    let (file, trust) = (vector("record.cbor"), vector("trust.cbor"));
    let arguments = ["record", file.to_str().unwrap(), "--trust", trust.to_str().unwrap()];
    let (code, out, _) = run(&arguments);
    assert!(code == 0 && out.contains("NOTE") && out.contains(&ledger()), "{out}");
}

#[test]
fn what_is_not_valid_ends_with_1_and_what_is_not_there_with_2() {
    // A receipt is no record.
    let (code, out, _) = verify("record", &vector("receipt.cbor"), &[]);
    assert!(code == 1 && out.starts_with("无效") && out.contains("NOT VALID"), "{out}");
    let (file, trust) = (vector("record.cbor"), vector("trust.cbor"));
    let other = "00".repeat(32);
    let (file, trust) = (file.to_str().unwrap(), trust.to_str().unwrap());
    let (code, out, _) = run(&["record", file, "--trust", trust, "--ledger", &other, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["code"]), (1, &serde_json::json!("other-ledger")));
    assert_eq!(verify("record", &vector("nowhere.cbor"), &[]).0, 2);
    assert_eq!(run(&["record", file]).0, 2);
    assert_eq!(run(&["record", file, "--trust", trust, "--ledger", "xyz"]).0, 2);
    assert_eq!(run(&["--help"]).0, 0);
}

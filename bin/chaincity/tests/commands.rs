//! The commands that need no running node, as a person and as a script use them.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

mod common;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{Ran, run};
use serde_json::json;

fn chaincity(arguments: &[&str]) -> Ran {
    run(arguments, Vec::new())
}

/// The shipped package as a folder that a test may spoil.
fn package_folder(dir: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packages/real-estate");
    for part in [""].into_iter().chain(chaincity_package::source::FOLDERS) {
        fs::create_dir_all(dir.join(part)).unwrap();
        for entry in fs::read_dir(from.join(part)).unwrap().map(Result::unwrap) {
            if entry.path().is_file() {
                fs::copy(entry.path(), dir.join(part).join(entry.file_name())).unwrap();
            }
        }
    }
}

/// An address on which nothing listens.
fn nobody() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}")
}

#[test]
fn a_key_is_made_once_shown_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("clerk.key");
    let file = file.to_str().unwrap();
    let made = chaincity(&["key", "new", file, "--json"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let public = made.json()[0]["public"].as_str().unwrap().to_owned();
    assert!(public.len() == 64 && public.bytes().all(|b| b.is_ascii_hexdigit()), "{public}");
    let text = fs::read_to_string(file).unwrap();
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);

    let shown = chaincity(&["key", "show", file]);
    assert_eq!(shown.code, 0, "{}", shown.err);
    let secret = text.lines().last().unwrap().strip_prefix("secret ").unwrap();
    assert!(shown.out.contains(&public) && !shown.out.contains(secret), "{}", shown.out);

    assert_eq!(chaincity(&["key", "show", file, "--public"]).out, format!("{public}\n"));

    let again = chaincity(&["key", "new", file]);
    assert_eq!((again.code, again.out.as_str()), (3, ""));
    assert!(again.err.contains("clerk.key"), "{}", again.err);
    assert_eq!(fs::read_to_string(file).unwrap(), text);
}

#[test]
fn the_shipped_package_passes_its_check_and_its_scenarios() {
    let checked = chaincity(&["package", "check", "--shipped", "real-estate", "--json"]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    let tested = chaincity(&["package", "test", "--shipped", "real-estate", "--json"]);
    assert_eq!(tested.code, 0, "{}{}", tested.out, tested.err);
    let lines = tested.json();
    let summary = lines.last().unwrap();
    assert_eq!((&summary["ok"], &summary["failed"]), (&json!(true), &json!(0)));
    assert_eq!(summary["passed"], json!(lines.len() - 1));
    assert!(lines.len() > 40, "{}", tested.out);
}

#[test]
fn a_spoilt_package_fails_its_check_where_it_is_spoilt() {
    let dir = tempfile::tempdir().unwrap();
    package_folder(dir.path());
    let folder = dir.path().to_str().unwrap();
    assert_eq!(chaincity(&["package", "check", folder]).code, 0);

    let seal = dir.path().join("actions/seal.yaml");
    let text = fs::read_to_string(&seal).unwrap();
    fs::write(&seal, text.replace("by: court.officer", "by: nobody.officer")).unwrap();
    let checked = chaincity(&["package", "check", folder, "--json"]);
    assert_eq!(checked.code, 1, "{}{}", checked.out, checked.err);
    let problems = checked.json();
    let found = problems.iter().find(|problem| problem["severity"] == "error").unwrap();
    assert_eq!(found["file"], "actions/seal.yaml");
    assert!(found["line"].as_u64().unwrap() > 0);
    // What does not compile is not tested.
    assert_eq!(chaincity(&["package", "test", folder]).code, 1);
}

#[test]
fn a_scenario_that_does_not_hold_fails_the_test() {
    let dir = tempfile::tempdir().unwrap();
    package_folder(dir.path());
    let seals = dir.path().join("actions/seal.yaml");
    let text = fs::read_to_string(&seals).unwrap();
    // The package still compiles, but another office seals.
    fs::write(&seals, text.replace("by: court.officer", "by: registry.registrar")).unwrap();
    let tested = chaincity(&["package", "test", dir.path().to_str().unwrap(), "--json"]);
    assert_eq!(tested.code, 1, "{}", tested.err);
    let lines = tested.json();
    assert_eq!(lines.last().unwrap()["ok"], false);
    assert!(lines.iter().any(|line| line["ok"] == false && line["failure"].is_string()));
}

#[test]
fn a_package_is_encoded_the_same_every_time() {
    let dir = tempfile::tempdir().unwrap();
    let build = |name: &str| {
        let out = dir.path().join(name);
        let out = out.to_str().unwrap();
        let built =
            chaincity(&["package", "build", "--shipped", "real-estate", "--out", out, "--json"]);
        assert_eq!(built.code, 0, "{}", built.err);
        (built.json()[0]["digest"].clone(), fs::read(out).unwrap())
    };
    assert_eq!(build("a.cbor"), build("b.cbor"));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = chaincity(&["completions", shell]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.contains("mandate") && ran.out.contains("fsck"), "{shell}");
    }
    assert_eq!(chaincity(&["completions", "none-such"]).code, 2);
}

#[test]
fn a_city_is_founded_with_commands_to_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let city = dir.path().join("city");
    let city = city.to_str().unwrap();
    let founded = chaincity(&["init", "--dir", city]);
    assert_eq!(founded.code, 0, "{}", founded.err);
    assert!(founded.out.lines().count() > 5 && !founded.out.contains('\u{fffd}'));
    assert!(founded.out.contains("node.toml"), "{}", founded.out);

    // A node that never ran has nothing to check.
    let config = format!("{city}/nodes/court/node.toml");
    let checked = chaincity(&["fsck", "--config", &config]);
    assert_eq!(checked.code, 3, "{}{}", checked.out, checked.err);
    assert_eq!(chaincity(&["read-model", "rebuild", "--config", &config]).code, 3);

    // A second city does not take the first one's place.
    let genesis = fs::read(format!("{city}/genesis.cbor")).unwrap();
    assert_eq!(chaincity(&["init", "--dir", city]).code, 3);
    assert_eq!(fs::read(format!("{city}/genesis.cbor")).unwrap(), genesis);
}

#[test]
fn an_unreachable_node_is_a_fault_with_a_code() {
    let (node, ledger) = (nobody(), "00".repeat(32));
    let status = chaincity(&["status", "--node", &node, "--json"]);
    assert_eq!(status.code, 3, "{}", status.err);
    assert_eq!(status.json()[0]["reachable"], false);

    let dir = tempfile::tempdir().unwrap();
    let (key, out) = (dir.path().join("clerk.key"), dir.path().join("trust.cbor"));
    let (key, file) = (key.to_str().unwrap(), out.to_str().unwrap());
    assert_eq!(chaincity(&["key", "new", key]).code, 0);
    let arguments = ["proof", "trust", "--node", &node, "--ledger", &ledger, "--json"];
    let without_key = chaincity(&[&arguments[..], &["--out", file]].concat());
    assert_eq!((without_key.code, &without_key.json()[0]["code"]), (2, &json!("key-required")));
    let ran = chaincity(&[&arguments[..], &["--out", file, "--key", key]].concat());
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!(ran.json()[0]["code"], "unreachable");
    assert!(!out.exists());
}

#[test]
fn a_passphrase_file_that_cannot_be_read_is_a_fault_and_one_too_short_a_refusal() {
    let dir = tempfile::tempdir().unwrap();
    let (vault, file) = (dir.path().join("vault"), dir.path().join("vault.passphrase"));
    let (vault, text) = (vault.to_str().unwrap(), file.to_str().unwrap());
    let options = ["--vault", vault, "--passphrase-file", text, "--json"];
    for action in ["create", "status", "rotate"] {
        let ran = chaincity(&[&["vault", action], &options[..]].concat());
        let told = ran.json().remove(0);
        assert_eq!((ran.code, &told["code"]), (3, &json!("fault")), "{action}: {told}");
        assert!(told["detail"].as_str().unwrap().contains("vault.passphrase"), "{told}");
    }
    fs::write(&file, "short").unwrap();
    let ran = chaincity(&[&["vault", "create"], &options[..]].concat());
    assert_eq!((ran.code, &ran.json()[0]["code"]), (6, &json!("passphrase-short")));
}

#[test]
fn what_cannot_be_asked_is_a_usage_error() {
    let ledger = "00".repeat(32);
    let node = nobody();
    for arguments in [
        &["query", "real-estate", "unit"][..],
        &["query", "real-estate", "unit", "--where", "number", "--ledger", &ledger],
        &["query", "real-estate", "unit", "--limit", "0", "--ledger", &ledger],
        &["history", "real-estate", "unit", "1", "--as-of", "yesterday", "--ledger", &ledger],
        &["call", "real-estate"],
        &["call", "real-estate", "seal", "--input", "{", "--ledger", &ledger],
        &["call", "real-estate", "seal", "--input", "[]", "--ledger", &ledger],
        &["mandate", "give", "real-estate", "transfer", "--for", "x", "--ledger", &ledger],
        &["proof", "receipt", "12", "--out", "/dev/null", "--ledger", &ledger],
        &["status", "--ledger", "12", "--node", &node],
        &["package", "check"],
    ] {
        let ran = chaincity(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}{}", ran.out, ran.err);
        assert!(!ran.err.is_empty() && ran.out.is_empty(), "{arguments:?}");
    }
}

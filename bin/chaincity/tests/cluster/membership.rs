//! The committee is state: it changes by governance calls, at the end of an epoch.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use chaincity_client::Client;
use serde_json::{Value, json};

use crate::city::{City, NODES, SOON, VALIDATORS, chaincity, text};
use crate::load::{Load, register};

/// The member that joins.
const FUND: &str = "fund";

/// An act that concerns all members: the court and the bank consent, the registry calls.
pub(crate) fn govern(city: &City, action: &str, input: &Value) {
    let file = city.file(&format!("{action}.json"));
    fs::write(&file, input.to_string()).unwrap();
    let input = format!("@{file}");
    let consent = |admin: &str| {
        let give = ["mandate", "give", "governance", action, "--input", &input, "--for", "approve"];
        let given = city.run_as(admin, "registry", &give);
        assert_eq!(given.code, 0, "{action}: {given:?}");
        given.json()[0]["mandate"].as_str().unwrap().to_owned()
    };
    let (court, bank) = (consent("court-admin"), consent("bank-a-admin"));
    let call = ["call", "governance", action, "--input", &input];
    let mandates = ["--mandate", &court, "--mandate", &bank];
    let called = city.run_as("registry-admin", "registry", &[&call[..], &mandates].concat());
    assert_eq!(called.code, 0, "{action}: {called:?}");
}

fn node_key(city: &City, name: &str) -> String {
    city.status(name).unwrap().node
}

/// Adds the member, whose administrator has a key of its own.
fn add_member(city: &City) {
    let made = chaincity(&["key", "new", &city.key_file("fund-admin")]);
    assert_eq!(made.code, 0, "{made:?}");
    let member = json!({
        "id": FUND, "name_zh": "公积金中心", "name_en": "Housing Fund",
        "roles": ["governance.admin"], "operator": made.json()[0]["public"],
    });
    govern(city, "add-member", &member);
}

/// Prepares a member's node as its operator would, and registers it. Gives its folder.
pub(crate) fn add_node(
    city: &City,
    name: &str,
    (member, admin, kind): (&str, &str, &str),
) -> PathBuf {
    let dir = PathBuf::from(city.file(name));
    let genesis = city.path().join("genesis.cbor");
    let (peer, api) = spare_addresses();
    let prepared = chaincity(&[
        "join",
        "--dir",
        text(&dir),
        "--genesis",
        text(&genesis),
        "--from",
        city.url("court"),
        "--peer-listen",
        &peer,
        "--api-listen",
        &api,
    ]);
    assert_eq!(prepared.code, 0, "{prepared:?}");
    let prepared = &prepared.json()[0];
    assert_eq!(prepared["ledger"], json!(city.ledger.to_string()));

    // Until the ledger knows its key, no node tells it anything.
    let config = dir.join("node.toml");
    let early = chaincity(&["node", "--config", text(&config)]);
    let told = format!("{}{}", early.out, early.err);
    assert!(early.code == 3 && told.contains("add-node"), "{early:?}");

    let node = json!({
        "key": prepared["node"], "member": member, "address": prepared["address"], "kind": kind,
    });
    let call = ["call", "governance", "add-node", "--input", &node.to_string()];
    let added = city.run_as(admin, "registry", &call);
    assert_eq!(added.code, 0, "{added:?}");
    dir
}

/// Where the new node may listen, for peers and for clients: beside a city's own ports, and not
/// where the system takes the ports of outgoing connections from.
fn spare_addresses() -> (String, String) {
    let free = |port: &u16| {
        [*port, port + 1_000].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
    };
    let port = (7_150..7_200).find(free).unwrap();
    (format!("127.0.0.1:{port}"), format!("127.0.0.1:{}", port + 1_000))
}

/// How often each transaction stands in the ledger that a node holds.
fn count_receipts(client: &Client, tip: u64) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let mut before = Some(tip + 1);
    while let Some(below) = before {
        let page = client.blocks(Some(below), 100).unwrap();
        for block in page.items.iter().filter(|block| block.transactions > 0) {
            for receipt in client.block(block.height).unwrap().unwrap().receipts {
                *counts.entry(receipt.id).or_default() += 1;
            }
        }
        before = page.next;
    }
    counts
}

/// Verifies a record's proof from one node in a process that knows no node.
pub(crate) fn verify_offline(city: &City, node: &str, unit: &str) {
    let (proof, trust) = (city.file("record.proof"), city.file("trust.cbor"));
    let record = ["proof", "record", "real-estate", "unit", unit, "--out", &proof];
    let fetched = city.run_as("court", node, &record);
    assert_eq!(fetched.code, 0, "{fetched:?}");
    let fetched = city.run_as("court", node, &["proof", "trust", "--out", &trust]);
    assert_eq!(fetched.code, 0, "{fetched:?}");
    let program = Path::new(env!("CARGO_BIN_EXE_chaincity")).with_file_name("chaincity-verify");
    assert!(program.is_file(), "`cargo build -p chaincity-verify` comes before this test");
    let ledger = city.ledger.to_string();
    let verified = Command::new(program)
        .args(["record", &proof, "--trust", &trust, "--ledger", &ledger, "--json"])
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
    let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(verified["valid"], json!(true), "{verified:#}");
}

#[test]
fn a_fifth_validator_joins_and_another_leaves_under_load_and_no_transaction_is_lost_or_doubled() {
    let mut city = City::found(30);
    city.start(&NODES);
    let load = Load::begin(&city, &VALIDATORS, "MEMBERS");
    add_member(&city);
    let dir = add_node(&city, FUND, (FUND, "fund-admin", "candidate"));
    city.adopt(FUND, &dir);
    city.spawn(&[FUND]);
    city.wait("the new node follows", SOON, |city| {
        city.status(FUND).is_some_and(|s| !s.syncing && s.height + 5 >= city.height("registry"))
    });
    assert!(!city.status(FUND).unwrap().validator);

    let mut keys: Vec<String> = VALIDATORS.iter().map(|name| node_key(&city, name)).collect();
    keys.push(node_key(&city, FUND));
    govern(&city, "set-committee", &json!({"nodes": keys}));
    city.wait("the new node votes", SOON, |city| city.status(FUND).unwrap().validator);

    let leaving = node_key(&city, "housing");
    keys.retain(|key| *key != leaving);
    govern(&city, "set-committee", &json!({"nodes": keys}));
    city.wait("the other one does not", SOON, |city| !city.status("housing").unwrap().validator);
    let before = load.done();
    city.wait("the load goes on", SOON, |_| load.done() >= before + 10);
    // The newcomer is needed now: with another one down, three of four are just enough.
    city.kill(&["bank-a"]);
    let before = load.done();
    city.wait("the load goes on with one down", SOON, |_| load.done() >= before + 3);
    let seen = load.end();
    city.start(&["bank-a"]);

    let client = city.client(&[FUND], "registrar");
    register(&client, "AFTER-CHANGES");
    let (height, _) = city.agree(&[&NODES[..], &[FUND]].concat());
    let validators = client.validators().unwrap().items;
    assert_eq!(validators.iter().map(|v| v.key.clone()).collect::<Vec<_>>(), sorted(keys));
    let counts = count_receipts(&city.client(&["housing"], "registrar"), height);
    for registered in &seen {
        assert_eq!(counts.get(&registered.id.to_string()), Some(&1), "{registered:?}");
    }
    verify_offline(&city, FUND, &seen.last().unwrap().number);
}

fn sorted(mut keys: Vec<String>) -> Vec<String> {
    keys.sort();
    keys
}

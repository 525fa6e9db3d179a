//! An import that meets a busy node, or is killed again and again.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use chaincity_client::Select;
use serde_json::{Value, json};

use crate::city::{City, Ran, SOON, VALIDATORS, text};
use crate::proxy::{Act, Proxy, Victim};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// Rows of the main file: enough for several requests.
const ROWS: &str = "1000";
/// What an import of published data writes.
const REGISTERS: [&str; 3] = ["unit", "right", "transaction"];

/// What is in the registers. Keys that were made of a transaction's id are left out: the same calls
/// may go in another transaction.
fn content(city: &City) -> BTreeMap<&'static str, Vec<String>> {
    let client = city.client(&["registry"], "importer");
    let of = |register: &'static str| {
        let mut found = Vec::new();
        let mut select = Select::new("real-estate", register).limit(200);
        loop {
            let page = client.select(&select).unwrap();
            for record in page.items {
                let key = (register == "unit").then_some(&record.key);
                let told = json!([key, record.version, record.status, record.fields]);
                found.push(told.to_string());
            }
            match page.next {
                Some(next) => select = select.after(&next),
                None => break,
            }
        }
        found.sort();
        (register, found)
    };
    REGISTERS.map(of).into()
}

/// The rows that did not come in, as the file tells.
fn aside(city: &City) -> Vec<String> {
    let text = fs::read_to_string(city.file("set-aside.jsonl")).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// An import through `node`, which may end by being killed.
fn import(city: &City, node: &str, victim: &Victim) -> Ran {
    let mapping = format!("{ROOT}/packages/real-estate/imports/taipei.yaml");
    let source = format!("{ROOT}/examples/data/taipei-2015Q2");
    let (note, key, dir) = (city.file("set-aside.jsonl"), city.key_file("importer"), city.path());
    let (out, err) = (city.file("out"), city.file("err"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaincity"));
    command.args(["import", "--mapping", &mapping, "--source", &source, "--limit", ROWS]);
    command.args(["--set-aside", &note, "--node", node, "--city", text(&dir), "--key", &key]);
    command.arg("--json").stdin(Stdio::null());
    command.stdout(fs::File::create(&out).unwrap()).stderr(fs::File::create(&err).unwrap());
    // Held, so that no batch comes before there is a victim.
    let mut held = victim.lock().unwrap();
    *held = Some(command.spawn().unwrap());
    drop(held);
    let mut status = None;
    city.wait("the import ends", SOON, |_| {
        status = victim.lock().unwrap().as_mut().unwrap().try_wait().unwrap();
        status.is_some()
    });
    let read = |path: &str| fs::read_to_string(path).unwrap();
    // A process that was killed has no code.
    Ran { code: status.unwrap().code().unwrap_or(-1), out: read(&out), err: read(&err) }
}

/// Counts of the report that do not depend on the time it took.
fn counts(ran: &Ran) -> Value {
    let told = ran.json().remove(0);
    json!([told["total"], told["files"], told["reasons"], told["calls_applied"], told["adds_up"]])
}

struct Whole {
    content: BTreeMap<&'static str, Vec<String>>,
    aside: Vec<String>,
    counts: Value,
}

/// What an import brings in that was not killed, but met a busy node.
fn whole() -> Whole {
    let mut city = City::found(1_000);
    city.start(&VALIDATORS);
    let acts = [Act::Busy, Act::BusyBeyond(3), Act::LoseAnswer, Act::Busy, Act::BusyBeyond(1)];
    let victim = Victim::default();
    let proxy = Proxy::before(city.url("registry"), &acts, &victim);
    let ran = import(&city, &proxy.url, &victim);
    assert!([0, 4].contains(&ran.code), "{ran:?}{}", city.logs());
    assert!(proxy.seen() > acts.len(), "{}", proxy.seen());
    let told = ran.json().remove(0);
    assert_eq!(told["adds_up"], true, "{told}");
    // Nothing went twice: no row of the main file was found there, and each call that applied has
    // its record.
    assert_eq!(told["files"][0]["already_there"], 0, "{told}");
    let (content, aside) = (content(&city), aside(&city));
    assert!(content.values().all(|records| records.len() > 500) && aside.len() > 10, "{ran:?}");
    let records = content["unit"].len() + content["transaction"].len();
    assert_eq!(told["calls_applied"], records, "{told}");
    Whole { content, aside, counts: counts(&ran) }
}

#[test]
fn an_import_that_is_killed_at_any_point_is_taken_up_by_the_same_command_as_one_that_waited() {
    let whole = whole();
    let mut city = City::found(1_000);
    city.start(&VALIDATORS);
    // No run has fewer batches than what is not final yet needs: so each of these is killed.
    let kills = [
        &[Act::KillBefore][..],
        &[Act::KillAfter],
        &[Act::Pass, Act::KillBefore],
        &[Act::Pass, Act::KillAfter],
    ];
    for acts in kills {
        let victim = Victim::default();
        let proxy = Proxy::before(city.url("registry"), acts, &victim);
        let killed = import(&city, &proxy.url, &victim);
        assert_eq!((killed.code, proxy.seen()), (-1, acts.len()), "{acts:?}: {killed:?}");
        let journal = fs::read_to_string(city.file("set-aside.jsonl.submitted")).unwrap();
        assert!(journal.lines().count() > 1, "{journal}");
    }
    let victim = Victim::default();
    let ran = import(&city, city.url("registry"), &victim);
    assert!([0, 4].contains(&ran.code), "{ran:?}{}", city.logs());
    let told = ran.json().remove(0);
    assert!(told["taken_up"].as_u64().unwrap() > 0, "{told}");
    // The same counts: what an earlier run imported is told as imported, not as found there.
    assert_eq!(counts(&ran), whole.counts, "{ran:?}");
    assert_eq!(content(&city), whole.content);
    assert_eq!(aside(&city), whole.aside);
    assert!(fs::metadata(city.file("set-aside.jsonl.submitted")).is_err(), "nothing is left");

    // Without the journal, what is there is found there, and nothing is added.
    let ran = import(&city, city.url("registry"), &victim);
    let told = ran.json().remove(0);
    assert_eq!((&told["calls_applied"], &told["taken_up"]), (&json!(0), &json!(0)), "{told}");
    assert_eq!(content(&city), whole.content);
    assert_eq!(aside(&city), whole.aside);
}

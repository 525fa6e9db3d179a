//! Read logs on a running city, by the command line and by the offline verifier: every view shows
//! what was asked, and an entry that is taken out of an export is found missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use chaincity_types::cbor;
use chaincity_types::wire::ReadLogProof;
use serde_json::{Value, json};

use crate::city::{City, Ran, SOON};
use crate::disclosure::{CASE, PURPOSE};

const MAX: usize = 64 << 20;

/// The entries of a view.
fn view(city: &City, operator: &str, node: &str, view: &[&str]) -> Vec<Value> {
    let ran = city.run_as(operator, node, &[&["read-log"], view].concat());
    assert_eq!(ran.code, 0, "{ran:?}{}", city.logs());
    let mut lines = ran.json();
    assert_eq!(lines.pop().unwrap()["entries"], lines.len());
    lines
}

/// Whom the log names with the state of each access, sorted.
fn states(entries: &[Value]) -> Vec<(String, String)> {
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let mut states: Vec<_> =
        entries.iter().map(|entry| (text(entry, "reader"), text(entry, "state"))).collect();
    states.sort();
    states
}

fn refused(ran: &Ran, code: &str) {
    assert!(ran.code != 0 && ran.json()[0]["code"] == code, "{ran:?}");
}

/// Verifies a log in a process that knows no node; gives the exit code and what it says.
fn verify(city: &City, log: &Path) -> (i32, Value) {
    let program = Path::new(env!("CARGO_BIN_EXE_chaincity")).with_file_name("chaincity-verify");
    let (trust, ledger) = (city.file("trust.cbor"), city.ledger.to_string());
    let verified = Command::new(program)
        .args(["read-log", log.to_str().unwrap()])
        .args(["--trust", &trust, "--ledger", &ledger, "--json"])
        .output()
        .unwrap();
    (verified.status.code().unwrap(), serde_json::from_slice(&verified.stdout).unwrap())
}

/// The log of an exported file, changed and written beside it.
fn changed(file: &str, change: impl FnOnce(&mut ReadLogProof)) -> PathBuf {
    let mut log: ReadLogProof = cbor::decode(&fs::read(file).unwrap(), MAX).unwrap();
    change(&mut log);
    let path = Path::new(file).with_extension("changed");
    fs::write(&path, cbor::encode(&log)).unwrap();
    path
}

/// The missing numbers of a series.
fn missing(verified: &Value, scope: &str) -> Value {
    let series = verified["series"].as_array().unwrap();
    let series = series.iter().find(|series| series["scope"] == scope);
    series.unwrap_or_else(|| panic!("{verified:#}"))["missing"].clone()
}

/// `expected` is what the subject sees: reader and state of each access, sorted; `hidden` what was
/// asked besides, of no record of his.
pub(crate) fn every_view_shows_what_was_asked(
    city: &City,
    (steward, desk): (&str, &str),
    subject: &str,
    expected: &[(&str, &str)],
    hidden: &[(&str, &str)],
) {
    let owned = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter().map(|(reader, state)| ((*reader).to_owned(), (*state).to_owned())).collect()
    };
    let of_subject = ["--subject", subject];
    city.wait("the subject's log shows every access", SOON, |city| {
        states(&view(city, "auditor", desk, &of_subject)) == owned(expected)
    });
    let seen = view(city, "auditor", desk, &of_subject);
    let numbers: Vec<_> = seen.iter().map(|entry| entry["number"].clone()).collect();
    let all: Vec<_> = (1..=seen.len()).map(|number| json!(format!("{number:06}"))).collect();
    assert_eq!(numbers, all);
    let released = seen.iter().find(|entry| entry["state"] == "released").unwrap();
    assert_eq!(released["groups"], json!(["deal"]));
    // Why it was asked, the steward's node tells, and no other.
    let why = |entry: &Value| [entry["purpose"].clone(), entry["case"].clone()];
    assert_eq!(why(released), [Value::Null, Value::Null]);
    for (operator, of) in [
        ("auditor", &of_subject[..]),
        ("auditor", &["--auditor"]),
        ("keeper", &["--steward", steward]),
    ] {
        city.wait("the steward's node tells why", SOON, |city| {
            let told = view(city, operator, steward, of);
            let told = told.iter().find(|entry| entry["key"] == released["key"]);
            told.is_some_and(|entry| why(entry) == [json!(PURPOSE), json!(CASE)])
        });
    }
    assert_eq!(
        (&released["by_person"], &released["basis"]["kind"]),
        (&json!(false), &json!("grant"))
    );
    // The keeper who granted it, not the service that released it.
    assert_ne!(released["basis"]["decided_by"], released["answered_by"]);
    let turned_down = seen.iter().find(|entry| entry["state"] == "refused").unwrap();
    assert_eq!(turned_down["code"], "not-grantee");
    assert!(turned_down.get("answered_by").is_none() && turned_down["reason"]["zh"].is_string());
    refused(
        &city.run_as("bank-b", desk, &[&["read-log"], &of_subject[..]].concat()),
        "not-your-log",
    );

    let mut everything = [owned(expected), owned(hidden)].concat();
    everything.sort();
    let of_steward = ["--steward", steward];
    assert_eq!(states(&view(city, "keeper", desk, &of_steward)), everything);
    assert_eq!(states(&view(city, "auditor", desk, &["--auditor"])), everything);
    refused(&city.run_as("keeper", desk, &["read-log", "--auditor"]), "not-your-log");
    let later = [&of_steward[..], &["--since", "2099-01-01"]].concat();
    assert_eq!(view(city, "keeper", desk, &later), Vec::<Value>::new());
    let of_one = [&of_steward[..], &["--reader", "bank-b", "--state", "refused"]].concat();
    assert_eq!(view(city, "keeper", desk, &of_one).len(), 1);

    let used = city.run_as("keeper", desk, &[&["read-log", "--use"], &of_steward[..]].concat());
    let used = used.json().remove(0);
    let rows = used["rows"].as_array().unwrap();
    let accesses: u64 = rows.iter().map(|row| row["accesses"].as_u64().unwrap()).sum();
    assert_eq!(usize::try_from(accesses).unwrap(), everything.len(), "{used:#}");
    assert!(rows.iter().all(|row| row["unusual"] == false), "{used:#}");
}

/// Exports the logs of a subject and of the auditor, and takes entries out.
pub(crate) fn an_entry_taken_out_of_an_export_is_found(city: &City, desk: &str, subject: &str) {
    let file = |name: &str| city.file(name);
    let trust = city.run_as("court", desk, &["proof", "trust", "--out", &file("trust.cbor")]);
    assert_eq!(trust.code, 0, "{trust:?}");
    let (all, own) = (file("all.log"), file("own.log"));
    let export = |view: &[&str], to: &str| {
        let ran = city.run_as("auditor", desk, &[&["read-log"], view, &["--export", to]].concat());
        assert!(ran.code == 0 && ran.json()[0]["complete"] == true, "{ran:?}");
    };
    export(&["--auditor", "--register", "real-estate/right"], &all);
    export(&["--subject", subject], &own);

    let (code, whole) = verify(city, Path::new(&all));
    assert_eq!((code, &whole["valid"]), (0, &json!(true)), "{whole:#}");
    let scope = "bank-a:real-estate:right";
    assert_eq!(missing(&whole, scope), json!([]));
    let series = |of: &Value, scope: &str| {
        let series = of["series"].as_array().unwrap().iter();
        series.clone().find(|series| series["scope"] == scope).unwrap().clone()
    };
    let last = usize::try_from(series(&whole, scope)["last"].as_u64().unwrap()).unwrap();
    assert!(last > 3, "{whole:#}");
    // A member that asked for nothing is proved to have asked for nothing.
    assert_eq!(series(&whole, "court:real-estate:right")["last"], 0);

    let at = |log: &ReadLogProof| {
        log.series.iter().position(|series| series.entries.len() == last).unwrap()
    };
    let without = |place: usize| {
        changed(&all, |log| {
            let at = at(log);
            log.series[at].entries.remove(place);
        })
    };
    let (code, second) = verify(city, &without(1));
    assert_eq!((code, &second["code"]), (1, &json!("entry-missing")));
    assert_eq!(missing(&second, scope), json!([[2, 2]]));
    // The newest too: the counter in the proved state tells of it.
    let (code, newest) = verify(city, &without(last - 1));
    assert_eq!((code, missing(&newest, scope)), (1, json!([[last, last]])));
    // An entry in another's place is no entry.
    let swapped = changed(&all, |log| {
        let at = at(log);
        let entry = log.series[at].entries[0].clone();
        log.series.iter_mut().find(|series| series.entries.is_empty()).unwrap().entries.push(entry);
    });
    assert_eq!(verify(city, &swapped).1["code"], "other-series");

    let (code, own_log) = verify(city, Path::new(&own));
    assert_eq!((code, missing(&own_log, subject)), (0, json!([])), "{own_log:#}");
    let unlinked = changed(&own, |log| drop(log.linked.remove(0)));
    let (code, unlinked) = verify(city, &unlinked);
    assert_eq!((code, unlinked["unresolved"].as_array().unwrap().len()), (1, 1), "{unlinked:#}");
    let shorter = changed(&own, |log| drop(log.series[0].entries.pop()));
    assert_eq!(verify(city, &shorter).0, 1);
}

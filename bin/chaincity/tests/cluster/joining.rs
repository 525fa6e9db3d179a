//! A node that joins by snapshot, and fetches what was before it.

use serde_json::{Value, json};

use crate::city::{City, OBSERVER, SOON, VALIDATORS, chaincity};
use crate::load::{FINAL, Load, register};
use crate::membership::verify_offline;

/// The content digest of a stopped node.
fn content(city: &City, name: &str) -> String {
    let checked = chaincity(&["fsck", "--config", &city.config(name), "--digest", "--read-model"]);
    assert_eq!(checked.code, 0, "{name}: {checked:?}");
    let summary = checked.json().pop().unwrap();
    assert_eq!((&summary["from"], &summary["read_model"]), (&json!(1), &json!(true)), "{summary}");
    summary["content"].as_str().unwrap().to_owned()
}

/// The records in a node's answer, without the height that it was given at.
fn records(city: &City, node: &str, ask: &[&str]) -> Vec<Value> {
    let mut lines = city.run_as("court", node, ask).json();
    lines.retain(|line| line["_key"].is_string());
    lines
}

#[test]
fn a_node_that_joined_by_snapshot_fills_its_history_down_to_genesis_and_serves_it() {
    let mut city = City::found(10);
    city.start(&VALIDATORS);
    let client = city.client(&["registry"], "registrar");
    let early: Vec<_> = (0..8).map(|unit| register(&client, &format!("EARLY-{unit}"))).collect();
    for version in 1..=3 {
        let input = json!({
            "unit": "EARLY-3", "version": version, "use": format!("用途{version}"),
            "reason": "登记错误", "legal_basis": "民法典220",
        });
        let call = ["call", "real-estate", "correct-unit", "--input", &input.to_string()];
        let corrected = city.run_as("registrar", "registry", &call);
        assert_eq!(corrected.code, 0, "{corrected:?}");
    }
    // Some epochs on, so that it meets committees of epochs that it did not see.
    let load = Load::begin(&city, &VALIDATORS, "ON");
    city.wait_height("registry", 22);
    load.end();

    city.configure(OBSERVER, &format!("join = \"{}\"", city.url("court")));
    city.start(&[OBSERVER]);
    assert!(city.log(OBSERVER).contains("fetching a snapshot"), "{}", city.logs());
    city.wait("its history reaches genesis", SOON, |city| {
        city.status(OBSERVER).is_some_and(|status| status.history_from == Some(1))
    });
    city.agree(&[&VALIDATORS[..], &[OBSERVER]].concat());

    // Its read model takes the older blocks in when the next one comes.
    let history = ["history", "real-estate", "unit", "EARLY-3"];
    let query = ["query", "real-estate", "unit", "--where", "_key=prefix:EARLY", "--sort", "_key"];
    for (ask, count) in [(&history[..], 4), (&query[..], 8)] {
        city.wait("it answers like the others", SOON, |city| {
            records(city, OBSERVER, ask) == records(city, "registry", ask)
        });
        assert_eq!(records(&city, OBSERVER, ask).len(), count);
    }

    // What was final before it came, it proves like anyone else.
    verify_offline(&city, OBSERVER, "EARLY-3");
    let observer = city.client(&[OBSERVER], "registrar");
    for id in &early {
        assert_eq!(observer.receipt_proved(id, FINAL).unwrap().receipt.transaction, *id);
    }

    city.stop(OBSERVER);
    city.stop("court");
    assert_eq!(content(&city, OBSERVER), content(&city, "court"));
    city.start(&[OBSERVER, "court"]);
    register(&client, "LATE-1");
    city.agree(&[&VALIDATORS[..], &[OBSERVER]].concat());
}

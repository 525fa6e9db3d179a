//! The read model can be lost at any time: it is made anew from the history.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::city::{City, NODES, Ran, SOON, chaincity};
use crate::load::register;

const NODE: &str = "court";

/// What a person asks of the read model: the units found, and one's versions.
fn answers(city: &City) -> Vec<Value> {
    let query = ["query", "real-estate", "unit", "--where", "_key=prefix:MODEL"];
    let history = ["history", "real-estate", "unit", "MODEL-1"];
    let ask = |arguments: &[&str]| {
        let ran = city.run_as("court", NODE, arguments);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.json()
    };
    let mut answers = ask(&query);
    // The last line tells the height.
    answers.pop();
    answers.extend(ask(&history));
    answers
}

fn files(city: &City) -> [PathBuf; 3] {
    ["read-model.sqlite", "read-model.sqlite-wal", "read-model.sqlite-shm"]
        .map(|name| city.data(NODE).join(name))
}

fn remove(city: &City) {
    for file in files(city) {
        if file.exists() {
            fs::remove_file(file).unwrap();
        }
    }
}

/// The digest over the rows, and the height they go up to.
fn rebuilt(city: &City) -> (Value, Value) {
    let ran = chaincity(&["read-model", "rebuild", "--config", &city.config(NODE)]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let line = &ran.json()[0];
    (line["content"].clone(), line["height"].clone())
}

fn checked(city: &City) -> Ran {
    chaincity(&["fsck", "--config", &city.config(NODE), "--read-model"])
}

fn restart_and_catch_up(city: &mut City) {
    city.start(&[NODE]);
    city.wait("the read model follows", SOON, |city| {
        city.status(NODE).is_some_and(|status| status.read_model == Some(status.height))
    });
}

#[test]
fn a_read_model_that_is_deleted_or_overwritten_is_made_anew_and_answers_the_same() {
    let mut city = City::found(1_000);
    city.start(&NODES);
    let client = city.client(&["registry"], "registrar");
    for unit in 0..5 {
        register(&client, &format!("MODEL-{unit}"));
    }
    let (height, _) = city.agree(&NODES);
    city.wait("the read model follows", SOON, |city| {
        city.status(NODE).is_some_and(|status| status.read_model >= Some(height))
    });
    let before = answers(&city);
    assert_eq!(before.len(), 6, "{before:#?}");

    // Deleted: the node makes it anew when it starts.
    city.stop(NODE);
    remove(&city);
    assert_eq!(checked(&city).code, 1);
    restart_and_catch_up(&mut city);
    assert_eq!(answers(&city), before);

    // Overwritten: the same.
    city.stop(NODE);
    remove(&city);
    fs::write(&files(&city)[0], b"this is no database at all".repeat(1_000)).unwrap();
    let found = checked(&city);
    assert_eq!(found.code, 1, "{found:?}");
    restart_and_catch_up(&mut city);
    assert_eq!(answers(&city), before);

    // By hand: the same rows, whether it was there before or not.
    city.stop(NODE);
    assert_eq!(checked(&city).code, 0);
    let rows = rebuilt(&city);
    remove(&city);
    assert_eq!(rebuilt(&city), rows);
    assert_eq!(checked(&city).code, 0);
    restart_and_catch_up(&mut city);
    assert_eq!(answers(&city), before);
}

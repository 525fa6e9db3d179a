//! Processes come into force with their package, and a case keeps to the one it began with.

use chaincity_package::source::Source;
use chaincity_types::Value;
use chaincity_types::wire::{LogicalKey, Mode};

use crate::city::{City, PROCESS, complete, of, outcome, permits};

fn publish(city: &mut City, source: &Source) -> String {
    let document = Value::Bytes(source.doc.to_bytes());
    let call = of("governance", "publish-package", &[("document", document)]);
    outcome(&city.submit("admin", Mode::Atomic, vec![call]))
}

fn next(process: &str) -> Source {
    let mut source = permits(process);
    source.doc.version = 2;
    source
}

#[test]
fn a_file_is_kept_once_without_its_picture_and_named_by_its_digest() {
    let city = City::new();
    let models = city.ledger.records().filter_map(|(key, record)| match key {
        LogicalKey::Record { package, register, .. }
            if package == "case" && register == "model" =>
        {
            Some(record.version.fields["text"].as_text().unwrap().to_owned())
        }
        _ => None,
    });
    let models: Vec<String> = models.collect();
    let [text] = models.as_slice() else { panic!("one file") };
    assert!(text.contains("chaincity:not-by=\"accept\"") && !text.contains("BPMNDiagram"));
    assert!(!text.contains("<!--") && text.len() < PROCESS.len());
    assert_eq!(city.field("process", "permits.permit", "name"), "许可".into());
    assert_eq!(city.field("process", "permits.fee", "offered"), Value::Bool(true));
}

#[test]
fn a_running_case_keeps_to_the_file_with_which_it_began() {
    let mut city = City::new();
    let old = city.accepted(&[]);
    let changed = PROCESS.replace(
        "sourceRef=\"fork\" targetRef=\"inspection\"",
        "sourceRef=\"fork\" \
                                   targetRef=\"inspection-over\"",
    );
    assert_eq!(publish(&mut city, &next(&changed)), "applied");
    let new = city.accepted(&[]);
    assert_eq!(city.nodes("task", &old), ["review", "visit", "visit"]);
    assert_eq!(city.nodes("task", &new), ["review"]);
    for key in [&old, &new].map(|case| city.task(case, "review")) {
        city.applied("reviewer", complete(&key, &[]));
    }
    assert_eq!(city.nodes("task", &new), ["issue"]);
    assert_eq!(city.nodes("task", &old), ["visit", "visit"]);
}

#[test]
fn a_process_that_a_package_no_longer_has_begins_no_case_until_it_is_back() {
    let mut city = City::new();
    let mut without = next(PROCESS);
    without.doc.processes.clear();
    assert_eq!(publish(&mut city, &without), "applied");
    let call = crate::city::start("permits", "permit", &[]);
    assert_eq!(city.call("clerk", call.clone()), "unknown-process");
    let mut back = permits(PROCESS);
    back.doc.version = 3;
    assert_eq!(publish(&mut city, &back), "applied");
    assert_eq!(city.call("clerk", call), "applied");
}

#[test]
fn a_package_with_a_process_that_cannot_run_is_refused() {
    let mut city = City::new();
    let tasks = "<userTask id=\"x\" chaincity:role=\"a b c\"/><sequenceFlow id=\"fx\" sourceRef=\"x\" targetRef=\"urged\"/>";
    for (from, to) in [
        ("<sendTask id=\"tell\"", "<scriptTask id=\"tell\""),
        (">approved<", ">approved + 1<"),
        ("chaincity:role=\"office.inspector\"", ""),
        ("attachedToRef=\"review\"", "attachedToRef=\"nothing\""),
        ("<definitions ", "<!DOCTYPE x><definitions "),
        ("</process>", &format!("{tasks}</process>")),
        ("chaincity:workdays=\"20\"", "chaincity:workdays=\"2000\""),
    ] {
        let changed = PROCESS.replacen(from, to, 1);
        assert_ne!(changed, PROCESS);
        assert_eq!(publish(&mut city, &next(&changed)), "package-invalid", "{to}");
    }
    let long =
        PROCESS.replace("<definitions ", &format!("<definitions name=\"{}\" ", "x".repeat(16_000)));
    let pad = (0..4).map(|i| format!("<message id=\"m{i}\" name=\"{}\"/>", "y".repeat(16_000)));
    let long = long.replace(
        "<message id=\"objection\"",
        &format!("{}<message id=\"objection\"", pad.collect::<String>()),
    );
    assert_eq!(publish(&mut city, &next(&long)), "package-invalid");
    assert_eq!(publish(&mut city, &next(PROCESS)), "applied");
}

#[test]
fn no_package_takes_the_name_of_a_built_in_one() {
    let mut city = City::new();
    let mut source = permits(PROCESS);
    source.doc.id = "case".into();
    assert_eq!(publish(&mut city, &source), "governance-invalid");
}

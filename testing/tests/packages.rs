//! Every package of the repository keeps the promises of its scenarios.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use chaincity_ledger::scenario;
use chaincity_testing::city;

#[test]
fn the_real_estate_package_keeps_its_scenarios() {
    let source = city::package("real-estate").unwrap();
    source.compile().unwrap();
    let document = source.doc.to_bytes();
    assert!(!source.scenarios.is_empty());
    let failures: Vec<String> = source
        .scenarios
        .iter()
        .filter_map(|s| {
            let failure = scenario::run(&document, s).err()?;
            Some(format!("{} ({}): {failure}", s.name, s.location.file))
        })
        .collect();
    assert_eq!(failures, Vec::<String>::new());
}

//! The real-estate package does what its scenarios claim.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests read the package's files"
)]

use std::path::Path;

use chaincity_ledger::scenario::Rehearsal;
use chaincity_package::source;

fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../packages/real-estate");
    let mut files = Vec::new();
    for folder in [""].into_iter().chain(source::FOLDERS) {
        let entries = std::fs::read_dir(root.join(folder)).unwrap();
        for entry in entries.map(Result::unwrap).filter(|e| e.path().is_file()) {
            let name = entry.file_name().into_string().unwrap();
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            files.push((path, std::fs::read_to_string(entry.path()).unwrap()));
        }
    }
    files
}

#[test]
fn every_scenario_of_the_real_estate_package_holds() {
    let files = files();
    let pairs: Vec<_> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    let source = source::parse(&pairs).unwrap();
    let rehearsal = Rehearsal::new(&source.doc.to_bytes()).unwrap();
    let failures: Vec<String> = source
        .scenarios
        .iter()
        .filter_map(|scenario| {
            let failure = rehearsal.run(scenario).err()?;
            let at = &scenario.location;
            Some(format!("{}:{}: {}: {failure}", at.file, at.line, scenario.name))
        })
        .collect();
    assert!(source.scenarios.len() > 40 && failures.is_empty(), "{}", failures.join("\n"));
}

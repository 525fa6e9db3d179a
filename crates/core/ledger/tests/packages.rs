//! Every package of the repository does what its scenarios claim.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests read the packages' files"
)]

use std::path::{Path, PathBuf};

use chaincity_ledger::scenario::Rehearsal;
use chaincity_package::source;

fn packages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../packages");
    let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut packages: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    packages.sort();
    packages
}

fn files(package: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for folder in [""].into_iter().chain(source::FOLDERS).chain([source::PROCESSES]) {
        let Ok(entries) = std::fs::read_dir(package.join(folder)) else { continue };
        for entry in entries.map(Result::unwrap).filter(|e| e.path().is_file()) {
            let name = entry.file_name().into_string().unwrap();
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            files.push((path, std::fs::read_to_string(entry.path()).unwrap()));
        }
    }
    files
}

#[test]
fn every_scenario_of_every_package_holds() {
    let mut played = 0;
    let mut failures = Vec::new();
    let packages = packages();
    for package in &packages {
        let files = files(package);
        let pairs: Vec<_> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
        let source = source::parse(&pairs).unwrap();
        let rehearsal = Rehearsal::new(&source.doc.to_bytes()).unwrap();
        for scenario in &source.scenarios {
            played += 1;
            if let Err(failure) = rehearsal.run(scenario) {
                let (id, at) = (&source.doc.id, &scenario.location);
                let place = format!("{id}/{}:{}", at.file, at.line);
                failures.push(format!("{place}: {}: {failure}", scenario.name));
            }
        }
    }
    assert!(packages.len() > 1 && played > 300 && failures.is_empty(), "{}", failures.join("\n"));
}

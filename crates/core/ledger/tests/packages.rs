//! Every package of the repository does what its scenarios claim.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests read the packages' files"
)]

use std::path::{Path, PathBuf};

use chaincity_ledger::scenario::{self, Rehearsal};
use chaincity_package::doc::PackageDoc;
use chaincity_package::source::{self, Source};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../packages")
}

fn packages() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
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

fn read(package: &Path) -> Source {
    let files = files(package);
    let pairs: Vec<_> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    source::parse(&pairs).unwrap()
}

fn rehearsal(doc: &PackageDoc) -> Rehearsal {
    let find = &mut |name: &str| Ok::<_, ()>(read(&root().join(name)).doc);
    let required = scenario::required(doc, find).unwrap();
    let required: Vec<_> = required.iter().map(PackageDoc::to_bytes).collect();
    Rehearsal::requiring(&doc.to_bytes(), &required).unwrap()
}

#[test]
fn no_process_of_any_package_has_anything_wrong() {
    let mut seen = 0;
    for path in packages() {
        let package = read(&path).compile().unwrap();
        for (name, text) in package.processes.iter().filter(|(name, _)| name.ends_with(".bpmn")) {
            let model = chaincity_process::parse(name, text.as_bytes()).unwrap();
            let mut found = chaincity_process::check(&model);
            found.extend(chaincity_process::check_within(&model, &package));
            found.retain(|problem| problem.severity == chaincity_package::Severity::Error);
            assert!(found.is_empty(), "{}/{name}: {found:#?}", package.id);
            seen += 1;
        }
        assert_eq!(chaincity_ledger::cases::check(&package), Ok(()), "{}", package.id);
    }
    assert!(seen > 5);
}

#[test]
fn every_scenario_of_every_package_holds() {
    let mut played = 0;
    let mut failures = Vec::new();
    let packages = packages();
    for package in &packages {
        let source = read(package);
        let rehearsal = rehearsal(&source.doc);
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

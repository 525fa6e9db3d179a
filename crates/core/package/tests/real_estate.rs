//! The real-estate package reads, compiles and keeps its form.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "tests read the package's files"
)]

use std::path::Path;

use chaincity_package::model::{Read, Want};
use chaincity_package::source::{self, Source};

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

fn real_estate() -> Source {
    let files = files();
    let pairs: Vec<_> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    source::parse(&pairs).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

#[test]
fn the_real_estate_package_compiles() {
    let package = real_estate().compile().unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    });
    assert_eq!(package.id, "real-estate");
    let transfer = package.actions.get("transfer").unwrap();
    let title = &transfer.reads.first().unwrap().read;
    let Read::Index { index, values, filters, want, .. } = title else { panic!("not by index") };
    assert_eq!((index.as_str(), values.len(), filters.len()), ("by_unit", 1, 0));
    assert_eq!(*want, Want::One);
    assert!(package.actions.get("seal").unwrap().urgent);
}

#[test]
fn the_document_has_one_encoding() {
    let doc = real_estate().doc;
    let bytes = doc.to_bytes();
    let again = chaincity_package::doc::PackageDoc::from_bytes(&bytes).unwrap();
    assert_eq!(again, doc);
    assert_eq!(again.digest(), doc.digest());
    println!("{} bytes", bytes.len());
}

#[test]
fn every_scenario_is_read_with_its_place() {
    let source = real_estate();
    assert!(source.scenarios.len() > 40, "{}", source.scenarios.len());
    for scenario in &source.scenarios {
        assert!(scenario.location.line > 0 && !scenario.people.is_empty(), "{}", scenario.name);
    }
}

#[test]
fn the_real_estate_package_passes_every_check() {
    let problems = chaincity_package::check(&real_estate());
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", lines.join("\n"));
}

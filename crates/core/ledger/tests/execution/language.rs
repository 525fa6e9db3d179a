//! The language beyond reads and writes: computed fields, invariants, references, loops, running
//! numbers, calls of other packages. Most claims are scenarios, as an author would write them.

use chaincity_ledger::scenario;
use chaincity_package::source::{self, Source};

/// The package `queue`, with its scenarios.
fn queue() -> Source {
    let mut files = vec![
        ("package.yaml".to_owned(), include_str!("language/package.yaml")),
        ("registers/unit.yaml".to_owned(), include_str!("language/unit.yaml")),
        ("registers/seal.yaml".to_owned(), include_str!("language/seal.yaml")),
        ("registers/note.yaml".to_owned(), include_str!("language/note.yaml")),
        ("registers/paper.yaml".to_owned(), include_str!("language/paper.yaml")),
        ("scenarios/all.yaml".to_owned(), include_str!("language/scenarios.yaml")),
    ];
    for action in include_str!("language/actions.txt").split("--- ").filter(|text| !text.is_empty())
    {
        let (name, text) = action.split_once('\n').unwrap();
        files.push((format!("actions/{name}.yaml"), text));
    }
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    source::parse(&files).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[test]
fn every_scenario_of_the_language_holds() {
    let source = queue();
    source.compile().unwrap_or_else(|problems| panic!("{problems:#?}"));
    let document = source.doc.to_bytes();
    let failed: Vec<String> = source
        .scenarios
        .iter()
        .filter_map(|s| scenario::run(&document, s).err().map(|f| format!("{}: {f}", s.name)))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(source.scenarios.len() >= 9);
}

//! What a call allocates, bounded: a copy of a record or of a name that creeps back shows here.
#![allow(
    clippy::disallowed_methods,
    clippy::integer_division,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests read the package's files"
)]

use std::collections::BTreeMap;
use std::path::Path;

use allocation_counter::measure;
use chaincity_ledger::scenario::Rehearsal;
use chaincity_package::source::{self, Source};

fn real_estate() -> Source {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../packages/real-estate");
    let mut files = Vec::new();
    for folder in [""].into_iter().chain(source::FOLDERS) {
        for entry in std::fs::read_dir(root.join(folder)).unwrap().map(Result::unwrap) {
            let path = Path::new(folder).join(entry.file_name());
            if path.extension().is_some_and(|ext| ext == "yaml") {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                files.push((path.to_str().unwrap().to_owned(), text));
            }
        }
    }
    let pairs: Vec<_> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    source::parse(&pairs).unwrap()
}

#[test]
fn a_transfer_allocates_little() {
    let source = real_estate();
    let rehearsal = Rehearsal::new(&source.doc.to_bytes()).unwrap();
    let mut counts: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    for scenario in &source.scenarios {
        let mut watch = |action: &str, execute: &dyn Fn()| {
            execute();
            let counted = measure(execute);
            counts
                .entry(action.to_owned())
                .or_default()
                .push((counted.count_total, counted.bytes_total));
        };
        rehearsal.run_watched(scenario, &mut watch).unwrap();
    }
    for (action, mut counts) in counts {
        counts.sort_unstable();
        println!("{action} {:?} of {}", counts[counts.len() / 2], counts.len());
    }
}

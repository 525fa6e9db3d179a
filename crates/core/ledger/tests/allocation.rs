//! What a call allocates is bounded: copies of records or names that creep back show here.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::unwrap_used,
    reason = "tests read the package's files"
)]

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

/// How often the median call of an action asks for memory.
fn allocations(action: &str) -> u64 {
    let source = real_estate();
    let rehearsal = Rehearsal::new(&source.doc.to_bytes()).unwrap();
    let mut counts = Vec::new();
    for scenario in &source.scenarios {
        let mut watch = |name: &str, execute: &dyn Fn()| {
            if name == action {
                // What is read once for a whole process is read before.
                execute();
                counts.push(measure(execute).count_total);
            }
        };
        rehearsal.run_watched(scenario, &mut watch).unwrap();
    }
    counts.sort_unstable();
    counts[counts.len() / 2]
}

/// Some 180 times; 60 more where debug assertions decode every version again.
#[test]
fn a_transfer_asks_for_memory_less_than_three_hundred_times() {
    let count = allocations("transfer");
    assert!((100..300).contains(&count), "{count}");
}

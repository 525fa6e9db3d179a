//! Executes the steps of a package's scenarios again and again on the ledger in memory, for a
//! profiler to count what one takes:
//!
//! ```sh
//! cargo build --release -p chaincity-ledger --example calls
//! valgrind --tool=callgrind --toggle-collect='calls::repeat' \
//!     target/release/examples/calls packages/real-estate transfer 20
//! ```
#![allow(clippy::disallowed_methods, reason = "it reads the package's files")]

use std::io::{self, Write as _};
use std::path::Path;

use chaincity_ledger::scenario::Rehearsal;
use chaincity_package::source::{self, Source};

fn read(root: &Path) -> io::Result<Source> {
    let mut files = Vec::new();
    for folder in [""].into_iter().chain(source::FOLDERS) {
        for entry in std::fs::read_dir(root.join(folder)).into_iter().flatten() {
            let path = Path::new(folder).join(entry?.file_name());
            let name = path.to_string_lossy().into_owned();
            if name.ends_with(".yaml") {
                files.push((name, std::fs::read_to_string(root.join(&path))?));
            }
        }
    }
    let pairs: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    source::parse(&pairs).map_err(|problems| io::Error::other(format!("{problems:?}")))
}

/// What is counted.
#[inline(never)]
fn repeat(execute: &dyn Fn(), times: u32) {
    for _ in 0..times {
        execute();
    }
}

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(package), Some(action)) = (args.next(), args.next()) else {
        return Err(io::Error::other("calls PACKAGE-FOLDER ACTION [TIMES]"));
    };
    let times = args.next().and_then(|times| times.parse().ok()).unwrap_or(20);
    let source = read(Path::new(&package))?;
    let failed = |failure: &dyn std::fmt::Display| io::Error::other(failure.to_string());
    let rehearsal = Rehearsal::new(&source.doc.to_bytes()).map_err(|f| failed(&f))?;
    let mut steps = 0_u32;
    for scenario in &source.scenarios {
        let mut watch = |name: &str, execute: &dyn Fn()| {
            if name == action {
                // What is made once for a whole process is made before.
                execute();
                repeat(execute, times);
                steps = steps.saturating_add(1);
            }
        };
        rehearsal.run_watched(scenario, &mut watch).map_err(|f| failed(&f))?;
    }
    writeln!(io::stdout(), "{steps} steps, {times} times each")
}

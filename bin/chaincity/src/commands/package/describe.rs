//! `chaincity package docs | graph | diff`: a package for those who decide on it.

use std::path::{Path, PathBuf};

use chaincity_package::describe;
use chaincity_package::doc::PackageDoc;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::output::Output;

#[derive(Debug, Serialize)]
struct Written {
    package: String,
    version: u32,
    file: PathBuf,
    bytes: usize,
}

#[derive(Debug, Serialize)]
struct ChangeLine<'a> {
    place: &'a str,
    zh: &'a str,
    en: &'a str,
    /// Whether stored records would no longer be readable.
    breaks: bool,
}

#[derive(Debug, Serialize)]
struct Summary {
    changes: usize,
    breaking: usize,
}

/// Writes what `make` makes of the package.
pub(super) fn write(
    doc: &PackageDoc,
    make: fn(&PackageDoc) -> String,
    out: &Path,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let text = make(doc);
    std::fs::write(out, &text).map_err(Fault::io(out))?;
    let (package, version, bytes) = (doc.id.clone(), doc.version, text.len());
    output.record(&Written { package, version, file: out.to_owned(), bytes }, |written| {
        format!("已写入 · written: {}（{} 字节 bytes）", written.file.display(), written.bytes)
    })?;
    Ok(Exit::Ok)
}

/// Tells what changed; a negative answer when stored records would not bear it.
pub(super) fn diff(
    old: &PackageDoc,
    new: &PackageDoc,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let changes = describe::diff(old, new);
    for change in &changes {
        let line = ChangeLine {
            place: &change.place,
            zh: &change.text.zh,
            en: &change.text.en,
            breaks: change.breaks,
        };
        output.report(&line, |line| {
            let mark = if line.breaks { "✗" } else { "·" };
            vec![format!("{mark} {}：{}", line.place, line.zh), format!("    {}", line.en)]
        })?;
    }
    let breaking = changes.iter().filter(|change| change.breaks).count();
    output.record(&Summary { changes: changes.len(), breaking }, |summary| {
        format!(
            "共 {n} 处改动，其中 {b} 处与已有记录不相容（✗） · {n} changes, {b} of which stored records \
             do not bear",
            n = summary.changes,
            b = summary.breaking
        )
    })?;
    Ok(if breaking > 0 { Exit::Negative } else { Exit::Ok })
}

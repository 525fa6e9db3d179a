//! The seal of a stopped node's files.
//!
//! A text, one line a file, in the form that `sha256sum` reads and writes, so that it can be
//! checked by hand. The first line names the format; the last is the digest of all lines before
//! it, so that damage to the seal itself shows:
//!
//! ```text
//! # chaincity-engine-seal-1
//! 64 hexadecimal digits, two spaces, path relative to the folder
//! # 64 hexadecimal digits
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use commonware_cryptography::{Hasher as _, Sha256};

use super::{Finding, Report};
use crate::chain::from_engine;

pub(super) const NAME: &str = "seal";
/// The seal while it is written.
pub(super) const DRAFT: &str = "seal.new";
const VERSION: &str = "# chaincity-engine-seal-1\n";
const PIECE_BYTES: usize = 1 << 20;

pub(super) fn exists(folder: &Path) -> io::Result<bool> {
    folder.join(NAME).try_exists()
}

/// Writes the seal. Everything sealed is on the disk before the seal is.
pub(super) fn write(folder: &Path, files: &[PathBuf]) -> io::Result<()> {
    let mut text = String::from(VERSION);
    for name in files {
        let path = folder.join(name);
        let digest = digest(&path)?;
        File::open(&path)?.sync_all()?;
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "{digest}  {}", name.display());
    }
    let sum = from_engine(Sha256::hash(&[text.as_bytes()]));
    let _infallible = writeln!(text, "# {sum}");
    for parent in files.iter().filter_map(|name| name.parent()) {
        File::open(folder.join(parent))?.sync_all()?;
    }
    let draft = folder.join(DRAFT);
    let mut file = File::create(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, folder.join(NAME))?;
    File::open(folder)?.sync_all()
}

/// Takes the seal away; on the disk when it returns.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    for name in [NAME, DRAFT] {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    File::open(folder)?.sync_all()
}

/// Digests by file, as they were sealed.
pub(super) type Sealed = BTreeMap<PathBuf, String>;

/// Compares the files with the seal: their names, and the content of those that are not `settled`.
/// What was sealed of these is returned.
pub(super) fn check(
    folder: &Path,
    files: &[PathBuf],
    settled: &BTreeSet<PathBuf>,
    report: &mut Report,
) -> io::Result<Sealed> {
    let bytes = fs::read(folder.join(NAME))?;
    let Some(mut sealed) = parse(&bytes) else {
        let detail = "what was sealed when the node was stopped cannot be told any more";
        report.found(Finding::new("engine-seal-damaged", Path::new(NAME), detail));
        return Ok(Sealed::new());
    };
    let mut left = Sealed::new();
    for name in files {
        match sealed.remove(name) {
            None => {
                let detail = "it was not there when the node was stopped";
                report.found(Finding::new("engine-file-unknown", name, detail));
            }
            Some(expected) if settled.contains(name) => {
                left.insert(name.clone(), expected);
            }
            Some(expected) => compare(folder, name, &expected, report)?,
        }
    }
    for name in sealed.keys() {
        let detail = "it was there when the node was stopped";
        report.found(Finding::new("engine-file-missing", name, detail));
    }
    Ok(left)
}

/// Compares one file with what was sealed of it.
pub(super) fn compare(
    folder: &Path,
    name: &Path,
    expected: &str,
    report: &mut Report,
) -> io::Result<()> {
    if expected != digest(&folder.join(name))? {
        let detail = "it is not as it was when the node was stopped";
        report.found(Finding::new("engine-file-changed", name, detail));
    }
    Ok(())
}

/// Digests by file; `None` when the text is not as it was written.
fn parse(bytes: &[u8]) -> Option<Sealed> {
    let text = std::str::from_utf8(bytes).ok()?;
    let at = text.strip_suffix('\n')?.rfind('\n')?.checked_add(1)?;
    let (body, sum) = text.split_at_checked(at)?;
    if sum != format!("# {}\n", from_engine(Sha256::hash(&[body.as_bytes()]))) {
        return None;
    }
    let lines = body.strip_prefix(VERSION)?.lines();
    lines
        .map(|line| {
            let (digest, name) = line.split_once("  ")?;
            Some((PathBuf::from(name), digest.to_owned()))
        })
        .collect()
}

fn digest(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::default();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            let (_, digest) = hasher.finalize();
            return Ok(from_engine(digest).to_string());
        }
        hasher.update(piece.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::files;

    #[test]
    fn every_byte_of_the_seal_and_of_what_it_seals_counts() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path();
        fs::create_dir(folder.join("part")).unwrap();
        fs::write(folder.join("part/00"), b"content").unwrap();
        fs::write(folder.join("part/01"), b"").unwrap();
        write(folder, &files(folder).unwrap()).unwrap();
        let findings = || {
            let mut report = Report::default();
            check(folder, &files(folder).unwrap(), &BTreeSet::new(), &mut report).unwrap();
            report.findings.iter().map(|finding| finding.code).collect::<Vec<_>>()
        };
        assert_eq!(findings(), Vec::<&str>::new());
        for (name, code) in [(NAME, "engine-seal-damaged"), ("part/00", "engine-file-changed")] {
            let whole = fs::read(folder.join(name)).unwrap();
            for at in 0..whole.len() {
                let mut bytes = whole.clone();
                bytes[at] ^= 0x20;
                fs::write(folder.join(name), &bytes).unwrap();
                assert_eq!(findings(), [code], "{name} flipped at {at}");
                fs::write(folder.join(name), &whole[..at]).unwrap();
                assert_eq!(findings(), [code], "{name} cut to {at}");
            }
            fs::write(folder.join(name), &whole).unwrap();
        }
        fs::write(folder.join("part/02"), b"").unwrap();
        assert_eq!(findings(), ["engine-file-unknown"]);
        fs::rename(folder.join("part/01"), folder.join("part/02")).unwrap();
        assert_eq!(findings(), ["engine-file-unknown", "engine-file-missing"]);
    }
}

//! A package's folder as files, for reading, checking and testing it.

use std::fs;
use std::path::Path;

use chaincity_package::Problem;
use chaincity_package::source::{self, Source};

use crate::fault::Fault;

/// Reads a package's folder; the inner error is what is wrong with its files.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn read(folder: &Path) -> Result<Result<Source, Vec<Problem>>, Fault> {
    let mut files = Vec::new();
    let root = folder.join("package.yaml");
    files.push(("package.yaml".to_owned(), text(&root)?));
    for part in source::FOLDERS {
        files.extend(part_of(folder, part, &[".yaml"])?);
    }
    files.extend(processes(folder)?);
    let pairs: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    Ok(source::parse(&pairs))
}

/// The mappings of a package's folder `exports`: path within the package, and content.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn exports(folder: &Path) -> Result<Vec<(String, String)>, Fault> {
    part_of(folder, "exports", &[".yaml"])
}

/// The mappings of a package's folder `ports`, likewise.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn ports(folder: &Path) -> Result<Vec<(String, String)>, Fault> {
    part_of(folder, "ports", &[".yaml"])
}

/// The processes and decision tables of a package's folder `processes`, likewise.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn processes(folder: &Path) -> Result<Vec<(String, String)>, Fault> {
    part_of(folder, "processes", &[".bpmn", ".dmn"])
}

fn part_of(folder: &Path, part: &str, endings: &[&str]) -> Result<Vec<(String, String)>, Fault> {
    let dir = folder.join(part);
    let mut files = Vec::new();
    if !dir.is_dir() {
        return Ok(files);
    }
    for entry in fs::read_dir(&dir).map_err(Fault::io(&dir))? {
        let path = entry.map_err(Fault::io(&dir))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if endings.iter().any(|ending| name.ends_with(ending)) {
            files.push((format!("{part}/{name}"), text(&path)?));
        }
    }
    Ok(files)
}

fn text(path: &Path) -> Result<String, Fault> {
    fs::read_to_string(path).map_err(Fault::io(path))
}

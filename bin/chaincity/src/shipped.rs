//! The packages that come with the binary.

use chaincity_package::source::{self, Source};

use crate::fault::Fault;

/// Path below `packages/` or `bench/packages/`, and content.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/packages.rs"));

/// The files of a shipped package: path within the package, and content.
pub(crate) fn files(package: &str) -> Vec<(&'static str, &'static str)> {
    let own = |path: &'static str| path.strip_prefix(package)?.strip_prefix('/');
    FILES.iter().filter_map(|(path, text)| Some((own(path)?, *text))).collect()
}

/// A shipped package's file.
///
/// # Errors
/// When there is no such file.
pub(crate) fn file(package: &str, path: &str) -> Result<&'static str, Fault> {
    let found = files(package).into_iter().find(|(name, _)| *name == path);
    found.map(|(_, text)| text).ok_or_else(|| {
        Fault::other(format!("没有文件 {package}/{path}"), format!("no file {package}/{path}"))
    })
}

/// A shipped package, parsed.
///
/// # Errors
/// When it is not there or does not parse; a test keeps this from being shipped.
pub(crate) fn source(package: &str) -> Result<Source, Fault> {
    source::parse(&files(package)).map_err(|problems| {
        let first = problems.first().map(ToString::to_string).unwrap_or_default();
        Fault::other(format!("应用包 {package}：{first}"), format!("package {package}: {first}"))
    })
}

//! `chaincity package new`: a small package that is whole, to begin from.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::output::Output;

/// The template's files, by path within the package.
const FILES: [(&str, &str); 5] = [
    ("package.yaml", include_str!("../../../template/package.yaml")),
    ("registers/permit.yaml", include_str!("../../../template/registers/permit.yaml")),
    ("actions/issue.yaml", include_str!("../../../template/actions/issue.yaml")),
    ("actions/revoke.yaml", include_str!("../../../template/actions/revoke.yaml")),
    ("scenarios/permits.yaml", include_str!("../../../template/scenarios/permits.yaml")),
];

#[derive(Debug, Serialize)]
struct Made<'a> {
    package: &'a str,
    dir: &'a Path,
    files: Vec<&'static str>,
}

/// Writes the template under `dir`, which must not exist or be empty.
pub(super) fn run(name: &str, dir: &Path, output: &mut Output) -> Result<Exit, Failure> {
    let plain = name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !plain {
        return Err(Failure::usage(
            format!("`{name}` 不能作应用包名称：用小写字母开头，由小写字母、数字、连字符组成"),
            format!("`{name}` cannot name a package: lower-case letters, digits and hyphens"),
        ));
    }
    let taken = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if taken {
        return Err(Failure::usage(
            format!("目录 {} 不是空的", dir.display()),
            format!("the folder {} is not empty", dir.display()),
        ));
    }
    for (path, text) in FILES {
        let file = dir.join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(Fault::io(folder))?;
        }
        fs::write(&file, text.replace("NAME", name)).map_err(Fault::io(&file))?;
    }
    let files = FILES.iter().map(|(path, _)| *path).collect();
    output.report(&Made { package: name, dir, files }, |made| {
        let dir = made.dir.display();
        let mut lines = vec![format!("已新建 · made: {dir}")];
        lines.extend(made.files.iter().map(|file| format!("  {file}")));
        lines.push(format!(
            "下一步 · next: chaincity package check {dir} && chaincity package test {dir}"
        ));
        lines
    })?;
    Ok(Exit::Ok)
}

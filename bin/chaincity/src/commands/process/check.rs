//! `chaincity process check`: what is wrong with a BPMN file.

use std::path::{Path, PathBuf};

use chaincity_package::has_errors;
use chaincity_process::decision::parse_decisions;

use super::{bytes_of, read};
use crate::commands::package::show;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

pub(super) fn run(
    file: &Path,
    tables: &[PathBuf],
    strict: bool,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let (mut decisions, mut problems) = (Vec::new(), Vec::new());
    for table in tables {
        match parse_decisions(&table.display().to_string(), &bytes_of(table)?) {
            Ok(read) => decisions.push(read),
            Err(wrong) => problems.extend(wrong),
        }
    }
    match read(file)? {
        Ok(model) => problems.extend(chaincity_process::check_with(&model, &decisions)),
        Err(wrong) => problems.extend(wrong),
    }
    show(&problems, output)?;
    if problems.is_empty() {
        output.heading("检查通过 · nothing is wrong")?;
    }
    let bad = has_errors(&problems) || (strict && !problems.is_empty());
    Ok(if bad { Exit::Negative } else { Exit::Ok })
}

//! `chaincity process check`: what is wrong with a BPMN file.

use std::path::Path;

use chaincity_package::has_errors;

use super::read;
use crate::commands::package::show;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

pub(super) fn run(file: &Path, strict: bool, output: &mut Output) -> Result<Exit, Failure> {
    let problems = match read(file)? {
        Ok(model) => chaincity_process::check(&model),
        Err(problems) => problems,
    };
    show(&problems, output)?;
    if problems.is_empty() {
        output.heading("检查通过 · nothing is wrong")?;
    }
    let bad = has_errors(&problems) || (strict && !problems.is_empty());
    Ok(if bad { Exit::Negative } else { Exit::Ok })
}

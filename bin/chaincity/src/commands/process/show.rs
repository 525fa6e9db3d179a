//! `chaincity process show --svg`: a BPMN file as a picture.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::read;
use crate::commands::package;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::output::Output;

#[derive(Debug, Serialize)]
struct Written {
    file: PathBuf,
    bytes: usize,
}

/// Into a file, or to standard output.
pub(super) fn run(file: &Path, out: Option<&Path>, output: &mut Output) -> Result<Exit, Failure> {
    let model = match read(file)? {
        Ok(model) => model,
        Err(problems) => {
            package::show(&problems, output)?;
            return Ok(Exit::Negative);
        }
    };
    let svg = chaincity_process::draw(&model);
    let Some(out) = out else {
        output.raw(svg.as_bytes())?;
        return Ok(Exit::Ok);
    };
    std::fs::write(out, &svg).map_err(Fault::io(out))?;
    output.record(&Written { file: out.to_owned(), bytes: svg.len() }, |written| {
        format!("已写入 · written: {}（{} 字节 bytes）", written.file.display(), written.bytes)
    })?;
    Ok(Exit::Ok)
}

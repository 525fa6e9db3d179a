//! `chaincity import`: brings published data into the ledger by a mapping.

use std::fs;
use std::io::{self, BufWriter, IsTerminal};
use std::path::{Path, PathBuf};

use chaincity_package::model::Package;
use chaincity_types::calendar::days_of_date;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::settle;
use crate::folder;
use crate::import::check::{self, Mapping};
use crate::import::generation::Outcome;
use crate::import::mapping;
use crate::import::remote::Remote;
use crate::import::report;
use crate::import::run::{Options, run as run_import};
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 导入映射文件，位于应用包的 imports 目录 · the mapping, in a package's folder `imports`
    #[arg(long, value_name = "FILE")]
    mapping: PathBuf,
    /// 数据所在目录 · the directory with the data
    #[arg(long, value_name = "DIR")]
    source: PathBuf,
    /// 未导入行的清单，每行一个JSON对象 · where rows that did not come in are written
    #[arg(long, value_name = "FILE", default_value = "set-aside.jsonl")]
    set_aside: PathBuf,
    /// 合成权利人的种子 · the seed of synthetic holders
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// 主表最多读取的行数 · most rows of the main file to read
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    connection: Connection,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let mapping = read_mapping(&arguments.mapping)?;
    let client = match arguments.connection.signed_in() {
        Ok((client, _session)) => client,
        Err(failure) => return settle(Err(failure), false, output),
    };
    let notes = fs::File::create(&arguments.set_aside)
        .map_err(|error| named(&arguments.set_aside, error))?;
    let progress = progress();
    let options = Options { seed: arguments.seed, limit: arguments.limit };
    let mut sink = Remote::new(client);
    let notes = BufWriter::new(notes);
    let summary = run_import(&mapping, &arguments.source, options, &mut sink, notes, &progress);
    progress.finish_and_clear();
    let summary = summary?;
    output.report(&summary, report::for_person)?;
    if !summary.adds_up {
        return Ok(Exit::Fault);
    }
    let generation = summary.generation.as_ref().map(|told| told.outcome);
    let refused = summary.total.refused > 0 || generation == Some(Outcome::Refused);
    Ok(if refused { Exit::Rejected } else { Exit::Ok })
}

/// Shown on a terminal only; it goes to standard error.
fn progress() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template(
        "{bar:40} {bytes}/{total_bytes} 已用 elapsed {elapsed} 剩余 left {eta}",
    );
    // The template is a constant; with a wrong one the plain bar is shown.
    if let Ok(style) = style { bar.with_style(style) } else { bar }
}

/// Reads a mapping and checks it against the package in whose folder it stands.
fn read_mapping(path: &Path) -> io::Result<Mapping> {
    let text = mapping::read(&read(path)?);
    let text = text.map_err(|problem| named(path, format!("{problem}")))?;
    let folder = path.canonicalize()?;
    let folder = folder.parent().and_then(Path::parent);
    let folder = folder.ok_or_else(|| named(path, "is not in a package's folder `imports`"))?;
    let package = read_package(folder)?;
    let today = days_of_date(super::id::today_in_china());
    check::compile(&text, &package, today).map_err(|problems| {
        let list: Vec<String> =
            problems.iter().map(|problem| format!("{}:{problem}", path.display())).collect();
        io::Error::new(io::ErrorKind::InvalidData, list.join("\n"))
    })
}

fn read_package(path: &Path) -> io::Result<Package> {
    let first = |problems: Vec<chaincity_package::Problem>| {
        let cause = problems.first().map(ToString::to_string).unwrap_or_default();
        named(path, cause)
    };
    let source = folder::read(path).map_err(|fault| named(path, fault))?.map_err(first)?;
    source.compile().map_err(first)
}

fn read(path: &Path) -> io::Result<String> {
    fs::read_to_string(path).map_err(|error| named(path, error))
}

fn named(path: &Path, cause: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("`{}`: {cause}", path.display()))
}

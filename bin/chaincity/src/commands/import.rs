//! `chaincity import`: brings published data into the ledger by a mapping.

use std::fs;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::Instant;

use chaincity_package::model::Package;
use chaincity_types::calendar::days_of_date;
use clap::Args;
use serde::Serialize;

use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::settle;
use crate::folder;
use crate::import::check::{self, Mapping};
use crate::import::generation::Outcome;
use crate::import::journal::Journal;
use crate::import::mapping;
use crate::import::meter::{Meter, a_second};
use crate::import::remote::Remote;
use crate::import::report::{self, Summary};
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
    let journal = Journal::open(&arguments.set_aside, client.ledger())?;
    let mut sink = Remote::resuming(client, journal);
    let begun = Instant::now();
    let summary = import(arguments, &mapping, &mut sink).map_err(|error| again(&error))?;
    let took = begun.elapsed();
    let done = Done {
        taken_up: sink.taken_up(),
        seconds: took.as_secs(),
        rows_per_s: a_second(rows(&mapping, &summary), took),
        summary,
    };
    sink.end()?;
    output.report(&done, for_person)?;
    let Done { summary, .. } = done;
    if !summary.adds_up {
        return Ok(Exit::Fault);
    }
    let generation = summary.generation.as_ref().map(|told| told.outcome);
    let refused = summary.total.refused > 0 || generation == Some(Outcome::Refused);
    Ok(if refused { Exit::Rejected } else { Exit::Ok })
}

/// What became of an import, and how it went.
#[derive(Debug, Serialize)]
struct Done {
    #[serde(flatten)]
    summary: Summary,
    /// Transactions that an earlier run, which was interrupted, had submitted.
    taken_up: u64,
    seconds: u64,
    /// Rows of the main file.
    rows_per_s: u64,
}

fn for_person(done: &Done) -> Vec<String> {
    let Done { summary, taken_up, seconds, rows_per_s } = done;
    let mut lines = report::for_person(summary);
    let pace = format!("  用时 took {seconds} s, {rows_per_s} 行每秒 rows/s");
    lines.insert(1.min(lines.len()), pace);
    if *taken_up > 0 {
        lines.push(format!(
            "  接续中断的导入 · an interrupted import was taken up: {taken_up} 笔交易此前已提交 \
             transactions had been submitted"
        ));
    }
    lines
}

/// Rows read of the main file.
fn rows(mapping: &Mapping, summary: &Summary) -> u64 {
    summary.files.get(mapping.main).map_or(0, |counts| counts.read)
}

fn import(arguments: &Arguments, mapping: &Mapping, sink: &mut Remote) -> io::Result<Summary> {
    let aside = &arguments.set_aside;
    let notes = fs::File::create(aside).map_err(|error| named(aside, error))?;
    let options = Options { seed: arguments.seed, limit: arguments.limit };
    let (notes, mut meter) = (BufWriter::new(notes), Meter::standard());
    let summary = run_import(mapping, &arguments.source, options, sink, notes, &mut meter);
    meter.end();
    summary
}

/// A fault, with what to do about it.
fn again(error: &io::Error) -> io::Error {
    let text = format!(
        "{error}；再次运行同一命令即接续 · the same command takes up where this one stopped"
    );
    io::Error::new(error.kind(), text)
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

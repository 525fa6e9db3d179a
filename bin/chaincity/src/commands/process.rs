//! `chaincity process`: checks, plays and draws processes, which are BPMN 2.0 files.

mod check;
mod run;
mod show;

use std::io;
use std::path::{Path, PathBuf};

use chaincity_package::Problem;
use chaincity_process::model::Model;
use clap::{Args, Subcommand};

use crate::exit::Exit;
use crate::failure::settle;
use crate::fault::Fault;
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 检查：所用元素、引用、条件、死锁、期限 · check it: elements, references, conditions, deadlocks, deadlines
    Check {
        /// BPMN文件 · the BPMN file
        file: PathBuf,
        /// 警告也算不通过 · warnings fail too
        #[arg(long)]
        strict: bool,
        /// 其决策表所在的DMN文件，可多次给出 · a DMN file with its decision tables; may be given several times
        #[arg(long, value_name = "FILE.dmn")]
        decisions: Vec<PathBuf>,
    },
    /// 试运行 · play it through
    Run {
        /// BPMN文件 · the BPMN file
        file: PathBuf,
        /// 任务立即完成，条件取缺省或第一条流 · every task completes at once, conditions take the default or first flow
        #[arg(long, required = true)]
        auto: bool,
    },
    /// 画图 · draw it
    Show {
        /// BPMN文件 · the BPMN file
        file: PathBuf,
        /// 输出SVG：文件名，缺省为标准输出 · as SVG, into this file or to standard output
        #[arg(long, value_name = "OUT", required = true, num_args = 0..=1)]
        svg: Option<Option<PathBuf>>,
    },
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = match &arguments.action {
        Action::Check { file, strict, decisions } => check::run(file, decisions, *strict, output),
        // `--auto` is the one way to run a process outside a ledger; clap demands it.
        Action::Run { file, auto: _ } => run::run(file, output),
        Action::Show { file, svg } => {
            show::run(file, svg.as_ref().and_then(Option::as_deref), output)
        }
    };
    settle(outcome, false, output)
}

/// The file as read, or what is wrong with it.
fn read(file: &Path) -> Result<Result<Model, Vec<Problem>>, Fault> {
    Ok(chaincity_process::parse(&file.display().to_string(), &bytes_of(file)?))
}

fn bytes_of(file: &Path) -> Result<Vec<u8>, Fault> {
    let size = std::fs::metadata(file).map_err(Fault::io(file))?.len();
    // A file that is far too large is refused unread.
    let limit = u64::try_from(chaincity_process::BYTES_MAX).unwrap_or(u64::MAX);
    if size > limit {
        return Ok(vec![b' '; chaincity_process::BYTES_MAX.saturating_add(1)]);
    }
    std::fs::read(file).map_err(Fault::io(file))
}

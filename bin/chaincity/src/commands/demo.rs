//! `chaincity demo`: a whole city on this machine.

use std::io;
use std::path::PathBuf;

use clap::Args;

use crate::demo::{self, Options};
use crate::exit::Exit;

/// 在本机演示一座城市 · a whole city on this machine
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 本区合成单元数 · synthetic units of the district
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    units: u64,
    /// 城市目录；先前演示所建的会被替换 · the city's folder; one of an earlier demo is replaced
    #[arg(long, value_name = "DIR", default_value = "demo-data")]
    dir: PathBuf,
    /// 真实数据目录 · the folder of the real data
    #[arg(long, value_name = "DIR", default_value = "examples/data/taipei-2015Q2")]
    data: PathBuf,
    /// 演示后退出 · end afterwards
    #[arg(long)]
    exit: bool,
    /// 报告文件 · where to write the report
    #[arg(long, value_name = "FILE.json")]
    report: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> io::Result<Exit> {
    let options = Options {
        units: arguments.units,
        dir: std::path::absolute(&arguments.dir)?,
        data: arguments.data.clone(),
        exit: arguments.exit,
        report: arguments.report.clone(),
    };
    let ok = demo::run(&options).map_err(io::Error::other)?;
    Ok(if ok { Exit::Ok } else { Exit::Negative })
}

//! `chaincity bench`: what this machine commits, and how much of what its signatures allow.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::bench::{self, Kind, Options};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::{Output, STANDARD};

/// 性能测试 · measure throughput and latency on this machine
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 负载 · what is submitted and read
    #[arg(long, value_enum)]
    workload: Kind,
    /// 共识节点数；少于4个容不得一个出错，用于测规模 · validators, each a process; fewer than 4 survive no fault: for measuring size
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u16).range(1..=16))]
    validators: u16,
    /// 计时窗口秒数 · seconds of the measured window
    #[arg(long, value_name = "S", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..=240))]
    seconds: u32,
    /// 每秒操作数；0 为自动寻找可持续的速率 · operations begun a second; 0 finds the rate that is sustained
    #[arg(long, value_name = "N", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    rate: u64,
    /// 事先存在或将导入的记录数；缺省依负载 · records that stand before, or that are imported; by default as the workload has it
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    records: Option<u32>,
    /// 办件中同时到期的期限数，仅用于 process · terms of cases that end at one instant, with `process` alone
    #[arg(long, value_name = "N", default_value_t = 0,
          value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    deadlines: u32,
    /// 保留城市于此新目录 · a new folder to keep the city in; a temporary one by default
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// 报告写入此文件；- 为标准输出 · where to write the report as JSON; - is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// 吞吐与延迟曲线写入此文件（SVG） · where to draw throughput against latency
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let options = Options {
        kind: arguments.workload,
        validators: usize::from(arguments.validators),
        seconds: u64::from(arguments.seconds),
        rate: arguments.rate,
        records: arguments.records.map(|n| usize::try_from(n).unwrap_or(usize::MAX)),
        deadlines: usize::try_from(arguments.deadlines).unwrap_or(usize::MAX),
        dir: arguments.dir.as_deref().map(std::path::absolute).transpose()?,
    };
    if options.deadlines > 0 && options.kind != Kind::Process {
        let fault =
            Fault::other("--deadlines 仅用于 process", "--deadlines goes with process alone");
        return Err(io::Error::other(fault));
    }
    let report = bench::run(&options).map_err(io::Error::other)?;
    let file = arguments.json.as_deref().filter(|path| *path != Path::new(STANDARD));
    if let Some(path) = file {
        let json = serde_json::to_vec_pretty(&report)?;
        std::fs::write(path, json).map_err(Fault::io(path)).map_err(io::Error::other)?;
    }
    if let Some(path) = arguments.plot.as_deref() {
        std::fs::write(path, report.plot()).map_err(Fault::io(path)).map_err(io::Error::other)?;
    }
    output.report(&report, bench::Report::for_person)?;
    Ok(if report.is_sound() { Exit::Ok } else { Exit::Negative })
}

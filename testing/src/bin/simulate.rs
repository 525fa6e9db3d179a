//! 按种子模拟整座城市的故障，或量网络延迟的影响。Plays whole cities with faults, from seeds, or measures
//! what a network's delay does.
//!
//! It ends with 0 when every run holds, and 1 with the seed of the first that does not.

use std::io::{self, Write as _};
use std::process::ExitCode;

use chaincity_testing::sim::delay::{Delays, measure};
use chaincity_testing::sim::play::{Report, play_with};
use chaincity_testing::sim::schedule::Schedule;
use clap::{Parser, Subcommand};

/// 按种子模拟整座城市的故障。Plays whole cities with faults, from seeds.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// 第一个种子。The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// 连续多少个种子。How many seeds, one after another.
    #[arg(long, default_value_t = 1)]
    count: u64,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// 终局延迟随节点数与单程延迟的变化。How long finality takes, by validators and one-way delay.
    Delays {
        /// 共识节点数。Numbers of validators.
        #[arg(long, value_delimiter = ',', default_value = "4,7,10,16",
              value_parser = clap::value_parser!(u16).range(4..=64))]
        validators: Vec<u16>,
        /// 单程延迟毫秒。One-way delays in milliseconds.
        #[arg(long, value_delimiter = ',', default_value = "0,10,30,50",
              value_parser = clap::value_parser!(u64).range(0..=1_000))]
        one_way_ms: Vec<u64>,
    },
}

fn main() -> io::Result<ExitCode> {
    let cli = Cli::parse();
    let mut out = io::stdout().lock();
    if let Some(Command::Delays { validators, one_way_ms }) = &cli.command {
        return delays(&mut out, validators, one_way_ms);
    }
    for seed in cli.seed..cli.seed.saturating_add(cli.count) {
        let schedule = Schedule::draw(seed);
        writeln!(out, "种子 {seed} / seed {seed}")?;
        for line in schedule.words() {
            writeln!(out, "    {line}")?;
        }
        match play_with(seed, &schedule) {
            Ok(report) => write!(out, "{}", in_words(&report))?,
            Err(failure) => {
                writeln!(out, "  不成立 / does not hold: {failure}")?;
                writeln!(
                    out,
                    "  重现 / to repeat: cargo run -p chaincity-testing --bin simulate -- --seed {seed}"
                )?;
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A table of the delays, as a document takes it.
fn delays(out: &mut impl io::Write, validators: &[u16], delays: &[u64]) -> io::Result<ExitCode> {
    writeln!(
        out,
        "| 共识节点 Validators | 单程毫秒 One way, ms | 至终局毫秒 To final, ms, p50 / p90 / p99 | \
         区块间隔毫秒 Block interval, ms |\n|---|---|---|---|"
    )?;
    for one_way_ms in delays {
        for count in validators {
            let Delays { p50_ms, p90_ms, p99_ms, blocks, took_ms, .. } =
                match measure(1, usize::from(*count), *one_way_ms) {
                    Ok(measured) => measured,
                    Err(failure) => {
                        writeln!(out, "{count}, {one_way_ms} ms: {failure}")?;
                        return Ok(ExitCode::FAILURE);
                    }
                };
            let interval = took_ms.checked_div(blocks).unwrap_or_default();
            writeln!(
                out,
                "| {count} | {one_way_ms} | {p50_ms} / {p90_ms} / {p99_ms} | {interval} |"
            )?;
            out.flush()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn in_words(report: &Report) -> String {
    let Report { height, requests, transactions, submissions, expired, accused, .. } = report;
    let (took, print) = (report.took_ms, &report.fingerprint);
    format!(
        "  成立：高度 {height}，请求 {requests} 件皆如预言，终局交易 {transactions} 笔（提交 {submissions} 次，\
         过期重签 {expired} 笔），自相矛盾而被察觉者 {accused} 个，虚拟时间 {took} 毫秒\n\
         \x20 holds: height {height}, {requests} requests as foretold, {transactions} final transactions \
         ({submissions} submissions, {expired} expired and signed anew), {accused} caught equivocating, \
         {took} ms of virtual time\n  指纹 / fingerprint {print}\n"
    )
}

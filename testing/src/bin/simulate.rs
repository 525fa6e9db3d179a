//! 按种子模拟整座城市的故障。Plays whole cities with faults, from seeds.
//!
//! It ends with 0 when every run holds, and 1 with the seed of the first that does not.

use std::io::{self, Write as _};
use std::process::ExitCode;

use chaincity_testing::sim::play::{Report, play_with};
use chaincity_testing::sim::schedule::Schedule;
use clap::Parser;

/// 按种子模拟整座城市的故障。Plays whole cities with faults, from seeds.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// 第一个种子。The first seed.
    #[arg(long)]
    seed: u64,
    /// 连续多少个种子。How many seeds, one after another.
    #[arg(long, default_value_t = 1)]
    count: u64,
}

fn main() -> io::Result<ExitCode> {
    let cli = Cli::parse();
    let mut out = io::stdout().lock();
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

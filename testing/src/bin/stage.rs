//! 在完整节点上演各应用包的情景。Plays the scenarios of the packages on whole nodes.
//!
//! It ends with 0 when every scenario holds wherever it can be played, and 1 otherwise.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use chaincity_package::scenario::Scenario;
use chaincity_testing::sim::Failure;
use chaincity_testing::stage::{Play, Reach, cluster, packages, stand_in};
use clap::Parser;

/// 在完整节点上演各应用包的情景。Plays the scenarios of the packages on whole nodes.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// 只演名称含此文字的情景。Only scenarios whose name contains this.
    #[arg(long, default_value = "")]
    scenario: String,
    /// 只用替身定序器，不演四节点共识。On the stand-in orderer alone, without four validators.
    #[arg(long)]
    stand_in: bool,
}

fn main() -> io::Result<ExitCode> {
    let cli = Cli::parse();
    let mut out = io::stdout().lock();
    let plays = match packages() {
        Ok(plays) => plays,
        Err(failure) => {
            writeln!(out, "{failure}")?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let (mut played, mut far, mut failed) = (0_usize, 0_usize, 0_usize);
    for play in &plays {
        for scenario in play.scenarios.iter().filter(|s| s.name.contains(&cli.scenario)) {
            let begun = Instant::now();
            let (count, word) = match perform(play, scenario, cli.stand_in) {
                Ok(Reach::Memory) => (&mut far, "跨时过远 / leaps too far".to_owned()),
                Ok(Reach::StandIn) => (&mut played, "替身定序 / stand-in".to_owned()),
                Ok(Reach::Cluster) => (&mut played, "四节点 / four validators".to_owned()),
                Err(failure) => (&mut failed, format!("不成立 / does not hold: {failure}")),
            };
            *count = count.saturating_add(1);
            let took = begun.elapsed().as_millis();
            writeln!(out, "{took:>6} ms  {}/{}: {word}", play.name, scenario.name)?;
        }
    }
    writeln!(out, "上演 {played} 则，跨时过远而只在内存中运行 {far} 则，不成立 {failed} 则")?;
    writeln!(
        out,
        "{played} played, {far} leap too far and run in memory alone, {failed} do not hold"
    )?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays a scenario wherever it can be played, and says where that was.
fn perform(play: &Play, scenario: &Scenario, stand_in: bool) -> Result<Reach, Failure> {
    let reach = play.reach(scenario)?;
    if reach >= Reach::StandIn {
        stand_in::perform(play, scenario)?;
    }
    if reach < Reach::Cluster || stand_in {
        return Ok(reach.min(Reach::StandIn));
    }
    let recording = cluster::perform(play, scenario)?;
    recording.replay()?;
    recording.again()?;
    Ok(reach)
}

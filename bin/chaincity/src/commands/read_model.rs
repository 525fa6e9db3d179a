//! `chaincity read-model`: makes a stopped node's read model anew from its history.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::fault::Fault;
use crate::node_config::NodeConfig;
use crate::output::Output;
use crate::stopped;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 由历史数据重建 · make it anew from the history
    Rebuild {
        /// 已停止节点的配置文件 · the configuration of a stopped node
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

#[derive(Debug, Serialize)]
struct Rebuilt {
    file: PathBuf,
    /// Height that it has followed.
    height: Option<u64>,
    /// Digest over its content, to compare with another.
    content: String,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let Action::Rebuild { config } = &arguments.action;
    let outcome = NodeConfig::read(config).map_err(Failure::from);
    let outcome = outcome.and_then(|config| attempt(&config, output));
    settle(outcome, false, output)
}

fn attempt(config: &NodeConfig, output: &mut Output) -> Result<Exit, Failure> {
    let genesis = config.read_genesis()?;
    let history = stopped::history(config)?.map_err(|damage| {
        Fault::other(format!("历史数据损坏：{damage}"), format!("the history is damaged: {damage}"))
    })?;
    let packages = stopped::packages(config, genesis, &history)?;
    let path = stopped::read_model(config);
    let terminal = io::stderr().is_terminal();
    let bar = if terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let model = chaincity_query::rebuild(&path, &history, &packages, &mut |height, tip| {
        bar.set_length(tip.0);
        bar.set_position(height.0);
    });
    bar.finish_and_clear();
    let model = model.map_err(Fault::form(&path))?;
    let rebuilt = Rebuilt {
        height: model.height().map_err(Fault::form(&path))?.map(|height| height.0),
        content: model.content().map_err(Fault::form(&path))?.to_string(),
        file: path.clone(),
    };
    model.close().map_err(Fault::form(&path))?;
    output.report(&rebuilt, |rebuilt| {
        let height = rebuilt.height.map_or_else(|| "-".to_owned(), |height| height.to_string());
        vec![
            format!("查询库已重建 · rebuilt: {}", rebuilt.file.display()),
            format!("  截至区块 · to block {height}  内容摘要 · content {}", rebuilt.content),
        ]
    })?;
    Ok(Exit::Ok)
}

//! `chaincity init`: founds a consortium on disk: genesis, keys, a folder for each node.

use std::io;
use std::path::PathBuf;

use chaincity_crypto::hash;
use clap::Args;
use serde::Serialize;

use crate::city::{City, Plan, free_ports, sample};
use crate::clock;
use crate::exit::Exit;
use crate::output::Output;
use crate::shipped;

/// 建立一个联盟 · found a consortium
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 新目录 · a folder that holds no city yet
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// 每届区块数 · blocks in an epoch
    #[arg(long, value_name = "N", default_value_t = 1_000,
          value_parser = clap::value_parser!(u64).range(10..=1_000_000))]
    epoch_blocks: u64,
}

#[derive(Debug, Serialize)]
struct Founded {
    dir: PathBuf,
    ledger: String,
    nodes: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let source = shipped::source("real-estate").map_err(io::Error::other)?;
    let members = sample();
    let plan = Plan {
        dir: arguments.dir.clone(),
        ports: free_ports(members.len()).map_err(io::Error::other)?,
        members,
        epoch_blocks: arguments.epoch_blocks,
        time: clock::now(),
        packages: vec![source.doc.to_bytes()],
    };
    let city = City::create(&plan).map_err(io::Error::other)?;
    let founded = Founded {
        dir: city.dir.clone(),
        ledger: hash::ledger_id(&city.genesis).to_string(),
        nodes: city.nodes,
    };
    output.report(&founded, |founded| {
        let dir = founded.dir.display();
        let mut lines = vec![
            format!("联盟已建立 · founded: {dir}"),
            format!("账本 · ledger: {}", founded.ledger),
            "启动节点 · start the nodes:".to_owned(),
        ];
        let start = |node| format!("  chaincity node --config {dir}/nodes/{node}/node.toml");
        lines.extend(founded.nodes.iter().map(start));
        lines.push("查看状态 · see how they are:".to_owned());
        lines.push(format!("  chaincity status --city {dir}"));
        lines
    })?;
    Ok(Exit::Ok)
}

//! `chaincity status`: how one or several nodes are, and whether they agree.

use std::collections::BTreeMap;
use std::io;

use chaincity_client::ClientError;
use chaincity_client::api::status::StatusInfo;
use chaincity_types::Digest;
use clap::Args;
use serde::Serialize;

use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::{Failure, chain, settle};
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,
}

/// One node's line.
#[derive(Debug, Serialize)]
struct Line {
    url: String,
    reachable: bool,
    #[serde(flatten)]
    status: Option<StatusInfo>,
    error: Option<String>,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(&arguments.connection, output);
    settle(outcome, false, output)
}

fn attempt(connection: &Connection, output: &mut Output) -> Result<Exit, Failure> {
    let mut ledger = connection.ledger()?;
    let mut lines = Vec::new();
    for url in connection.nodes()? {
        let asked = ask(connection, &url, &mut ledger)?;
        let (status, error) = match asked {
            Ok(status) => (Some(status), None),
            Err(error) => (None, Some(chain(&error))),
        };
        lines.push(Line { url, reachable: status.is_some(), status, error });
    }
    let exit = judge(&lines);
    let width = lines.iter().map(|line| line.url.len()).max().unwrap_or(0);
    if let Some(status) = lines.iter().find_map(|line| line.status.as_ref()) {
        let (zh, en) = (&status.name_zh, &status.name_en);
        output.heading(&format!("{zh} · {en}  账本 · ledger {}", status.ledger))?;
    }
    for line in &lines {
        output.record(line, |line| line.for_person(width))?;
    }
    if exit == Exit::Negative {
        output
            .heading("节点在同一高度的状态根不同！ · nodes differ in state at the same height!")?;
    }
    Ok(exit)
}

/// Asks a node. When the ledger was not told, the first node's is taken for it: what is shown is
/// public and unproved.
fn ask(
    connection: &Connection,
    url: &str,
    ledger: &mut Option<Digest>,
) -> Result<Result<StatusInfo, ClientError>, Failure> {
    let first = connection.probe(url, ledger.unwrap_or(Digest::ZERO))?.status();
    let found = match (&first, &ledger) {
        (Err(ClientError::OtherLedger { found, .. }), None) => Digest::from_hex(found).ok(),
        _ => None,
    };
    let Some(found) = found else { return Ok(first) };
    *ledger = Some(found);
    Ok(connection.probe(url, found)?.status())
}

/// Unreachable nodes are a fault; nodes that disagree are worse.
fn judge(lines: &[Line]) -> Exit {
    let mut roots: BTreeMap<u64, &str> = BTreeMap::new();
    for status in lines.iter().filter_map(|line| line.status.as_ref()) {
        if *roots.entry(status.height).or_insert(&status.state_root) != status.state_root {
            return Exit::Negative;
        }
    }
    if lines.iter().all(|line| line.reachable) { Exit::Ok } else { Exit::Fault }
}

impl Line {
    fn for_person(&self, width: usize) -> String {
        let Some(status) = &self.status else {
            let error = self.error.as_deref().unwrap_or_default();
            return format!("{:width$}  无法连接 · unreachable: {error}", self.url);
        };
        let role = match (status.syncing, status.validator) {
            (true, _) => "同步中 · syncing",
            (false, true) => "共识 · votes",
            (false, false) => "观察 · observes",
        };
        let root: String = status.state_root.chars().take(12).collect();
        let number = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let peers = number(status.peers.and_then(|n| u64::try_from(n).ok()));
        let read_model = number(status.read_model);
        format!(
            "{:width$}  {role}  高度 height {}  届 epoch {}  {}  状态根 root {root}  待办 pool {}  \
             邻居 peers {peers}  查询库 read model {read_model}",
            self.url, status.height, status.epoch, status.time, status.pool
        )
    }
}

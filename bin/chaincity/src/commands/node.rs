//! `chaincity node`: runs one node until it is told to stop.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;

use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::node_config::NodeConfig;
use crate::output::Output;
use crate::running::Running;

/// What is logged unless `RUST_LOG` says otherwise: not how the stores open their files.
const LOG: &str = "info,commonware=warn,fjall=warn,lsm_tree=warn";

/// 运行一个节点 · run a node
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 节点配置文件 · the node's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Logs to standard error from now on.
pub(super) fn log() {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(LOG)),
        )
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    log();
    settle(attempt(arguments), false, output)
}

fn attempt(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = NodeConfig::read(&arguments.config)?;
    let running = Running::start(&config)?;
    let signals = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = signals.block_on(wait(&running));
    running.stop();
    Ok(ended?)
}

/// Waits for SIGTERM, SIGINT or the node's own fault.
async fn wait(running: &Running) -> io::Result<Exit> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut look = tokio::time::interval(std::time::Duration::from_millis(500));
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(Exit::Ok),
            _ = interrupt.recv() => return Ok(Exit::Ok),
            _ = look.tick() => {
                if let Some(fault) = running.handle.status().fault {
                    tracing::error!(fault, "the node failed");
                    return Ok(Exit::Fault);
                }
            }
        }
    }
}

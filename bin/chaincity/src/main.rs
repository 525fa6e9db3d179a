//! The node and the command line, one binary.
//!
//! This file only wires: it reads the arguments, runs one command (a file each below
//! `commands`), and turns its outcome into an exit code (see `exit`).

mod actor;
mod bench;
mod city;
mod clock;
mod cluster;
mod commands;
mod connection;
mod demo;
mod exit;
mod explain;
mod failure;
mod fault;
mod folder;
mod following;
mod import;
mod input;
mod joining;
mod keeping;
mod machine;
mod measures;
mod node_config;
mod output;
mod progress;
mod refusal;
mod running;
mod shipped;
mod stopped;
mod together;
mod vault_key;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

use crate::commands::Command;
use crate::exit::Exit;
use crate::output::{Output, STANDARD};

/// Executing a call makes many small values that other threads drop: with the system's allocator
/// that took a third of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// 链城：城市政务联盟链 · Chaincity: a consortium ledger for city services
#[derive(Debug, Parser)]
#[command(name = "chaincity", version, arg_required_else_help = true)]
struct Cli {
    /// 每行输出一个JSON对象 · print one JSON object a line
    // Of the type of the one option of this name that takes a file (`bench --json FILE`): clap
    // copies the values of global options up and down.
    #[arg(long, global = true, num_args = 0, default_missing_value = STANDARD)]
    json: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let matches = Cli::command().after_help(exit::table()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let mut output = Output::standard(cli.json.is_some_and(|path| path == Path::new(STANDARD)));
    let outcome = cli.command.run(&mut output);
    let outcome = outcome.and_then(|exit| output.flush().map(|()| exit));
    outcome.unwrap_or_else(|fault| Exit::of_fault(&fault)).into()
}

//! `chaincity completions SHELL`: prints the shell's completion script.

use std::io;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::Cli;
use crate::exit::Exit;
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 命令行解释器 · the shell
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "chaincity", &mut script);
    output.raw(&script)?;
    Ok(Exit::Ok)
}

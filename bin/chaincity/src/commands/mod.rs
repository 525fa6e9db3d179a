//! The commands, a file each.

mod calendar;
mod id;
mod import;

use std::io;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// 校验证件号码、信用代码、不动产单元号等 · check identifiers
    Id(id::Arguments),
    /// 工作日历 · the working-day calendar
    Calendar(calendar::Arguments),
    /// 按映射导入已公布的数据 · import published data by a mapping
    Import(import::Arguments),
}

impl Command {
    /// Runs it.
    ///
    /// # Errors
    /// When this machine fails; a negative answer is no error.
    pub(crate) fn run(self, output: &mut Output) -> io::Result<Exit> {
        match self {
            Self::Id(arguments) => id::run(arguments, output),
            Self::Calendar(arguments) => calendar::run(arguments, output),
            Self::Import(arguments) => import::run(&arguments, output),
        }
    }
}

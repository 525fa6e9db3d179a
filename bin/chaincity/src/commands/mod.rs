//! The commands, a file each.

mod calendar;
mod id;
mod import;
mod init;
mod node;

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
    /// 建立一个联盟 · found a consortium
    Init(init::Arguments),
    /// 运行一个节点 · run a node
    Node(node::Arguments),
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
            Self::Init(arguments) => init::run(&arguments, output),
            Self::Node(arguments) => node::run(&arguments),
        }
    }
}

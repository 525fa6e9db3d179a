//! The exit codes: one table for all commands, printed below `--help`.

use std::fmt::Write;
use std::io;
use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything asked was done or answered yes.
    Ok,
    /// Answered no: something checked is not as it should be.
    Negative,
    /// The command line cannot be read.
    Usage,
    /// This machine or the node it talks to failed; trying again may help.
    Fault,
    /// The ledger refused the transaction, with a code.
    Rejected,
    /// The answer lies beyond the last calendar table.
    Provisional,
    /// What the node has stored or was given cannot be relied on; trying again does not help.
    Refused,
}

impl Exit {
    const ALL: [Self; 7] = [
        Self::Ok,
        Self::Negative,
        Self::Usage,
        Self::Fault,
        Self::Rejected,
        Self::Provisional,
        Self::Refused,
    ];

    /// The number that the shell sees. Numbers never change their meaning.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Negative => 1,
            Self::Usage => 2,
            Self::Fault => 3,
            Self::Rejected => 4,
            Self::Provisional => 5,
            Self::Refused => 6,
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "成功 · done, or every answer is yes",
            Self::Negative => "否定结果 · a negative answer: something checked is wrong",
            Self::Usage => "用法错误 · the command line cannot be read",
            Self::Fault => "故障或无法连接 · a fault, or the node cannot be reached",
            Self::Rejected => "交易被拒绝 · the ledger rejected the transaction",
            Self::Provisional => {
                "暂定：超出最后一张日历表 · provisional: beyond the last calendar table"
            }
            Self::Refused => {
                "数据不可用，须先按提示处理 · data is damaged or amiss: do first what is said"
            }
        }
    }

    /// Reports a fault, once. A reader that closed our output early is none.
    pub(crate) fn of_fault(fault: &io::Error) -> Self {
        if fault.kind() == io::ErrorKind::BrokenPipe {
            return Self::Ok;
        }
        eprintln!("故障 · fault: {fault}");
        Self::Fault
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// The table of exit codes.
pub(crate) fn table() -> String {
    let mut text = String::from("退出码 · Exit codes:");
    for exit in Exit::ALL {
        // Writing to a string cannot fail.
        let _infallible = write!(text, "\n  {}  {}", exit.code(), exit.meaning());
    }
    text
}

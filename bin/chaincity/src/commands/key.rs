//! `chaincity key`: makes and shows operators' keys.

use std::io;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::city::{new_key, read_key, write_key};
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 生成新密钥，从不覆盖已有文件 · make a new key; never writes over a file
    New {
        /// 密钥文件 · the key's file
        file: PathBuf,
    },
    /// 显示公钥，不显示私钥 · show the public key, never the secret one
    Show {
        /// 密钥文件 · the key's file
        file: PathBuf,
        /// 只输出公钥，便于写入命令 · the public key alone, to put into a command
        #[arg(long)]
        public: bool,
    },
}

#[derive(Debug, Serialize)]
struct Shown {
    file: PathBuf,
    /// 64 hexadecimal digits: how the ledger knows the operator.
    public: String,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(&arguments.action, output);
    settle(outcome, false, output)
}

fn attempt(action: &Action, output: &mut Output) -> Result<Exit, Failure> {
    let (file, key, bare) = match action {
        Action::New { file } => {
            let key = new_key();
            write_key(file, &key)?;
            (file, key, false)
        }
        Action::Show { file, public } => (file, read_key(file)?, *public),
    };
    let shown = Shown { file: file.clone(), public: key.public_key().to_string() };
    output.record(&shown, |shown| {
        if bare {
            return shown.public.clone();
        }
        format!("公钥 · public key: {}  ({})", shown.public, shown.file.display())
    })?;
    Ok(Exit::Ok)
}

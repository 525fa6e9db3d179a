//! A bank's core system, **simulated**: it takes the instructions of the bank port, books them in
//! accounts of its own and calls back. It moves no money and knows nothing of a ledger; what passes
//! between the two is described in `docs/bank-port.md`.
//!
//! [`books`] is the pure part: accounts, instructions, plans, and what each line of the journal
//! changes. [`journal`] keeps the lines on the disk, [`bank`] carries instructions out, [`http`]
//! answers.

mod ask;
mod bank;
mod books;
mod http;
mod journal;
mod message;
mod refusal;
mod sign;

use std::fmt;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::ask::Asked;
use crate::bank::Bank;
use crate::books::Seed;
use crate::journal::Journal;
use crate::sign::Secret;

/// 模拟银行核心系统，仅供演示和测试，不划转任何资金 · a bank's core system, simulated: for demonstration and tests, it moves no money
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// 运行至 SIGTERM 或 SIGINT · run until SIGTERM or SIGINT
    Serve {
        /// 监听地址，须在本机 · where to listen, on this machine
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9701")]
        listen: SocketAddr,
        /// 日志文件，没有则新建 · the journal; made when it is not there
        #[arg(long, value_name = "FILE")]
        journal: PathBuf,
        /// 与接口共有的密钥，64位十六进制 · the secret shared with the port, 64 hexadecimal digits
        #[arg(long, value_name = "FILE")]
        secret: PathBuf,
        /// 开立的账户，JSON · accounts to open, JSON
        #[arg(long, value_name = "FILE")]
        accounts: Option<PathBuf>,
    },
    /// 发出一个已签名的请求并输出答复 · send a signed request and print the answer
    Ask {
        /// 方法：GET 或 PUT · the method: GET or PUT
        #[arg(value_parser = ["GET", "PUT"])]
        method: String,
        /// 路径 · the path
        path: String,
        /// 正文，JSON · the body, JSON
        #[arg(default_value = "")]
        body: String,
        /// 模拟银行的地址 · where the simulated bank listens
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9701")]
        bank: String,
        /// 与其共有的密钥 · the secret shared with it
        #[arg(long, value_name = "FILE")]
        secret: PathBuf,
    },
}

/// Why the program ends, said in both languages.
#[derive(Debug)]
pub(crate) struct Fault {
    code: &'static str,
    zh: &'static str,
    en: &'static str,
    cause: String,
}

impl Fault {
    pub(crate) fn new(
        code: &'static str,
        zh: &'static str,
        en: &'static str,
        cause: impl fmt::Display,
    ) -> Self {
        Self { code, zh, en, cause: cause.to_string() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} · {} ({}): {}", self.zh, self.en, self.code, self.cause)
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve { listen, journal, secret, accounts } => {
            serve(listen, &journal, &secret, accounts.as_deref()).map(|()| ExitCode::SUCCESS)
        }
        Command::Ask { method, path, body, bank, secret } => {
            ask(&method, &path, &body, &bank, &secret)
        }
    };
    done.unwrap_or_else(|fault| {
        eprintln!("{fault}");
        ExitCode::from(3)
    })
}

fn serve(
    listen: SocketAddr,
    journal: &Path,
    secret: &Path,
    accounts: Option<&Path>,
) -> Result<(), Fault> {
    if !listen.ip().is_loopback() {
        let (zh, en) = ("只在本机回环地址监听", "it listens on loopback alone");
        return Err(Fault::new("usage", zh, en, listen));
    }
    let secret = Secret::read(secret)?;
    let seeds = accounts.map(seeds).transpose()?.unwrap_or_default();
    let (journal, books) = Journal::open(journal)?;
    let bank = Bank::new(journal, books, secret);
    bank.open(seeds)?;
    http::serve(listen, bank, |address| {
        say(&serde_json::json!({"ready": true, "listen": address.to_string()}).to_string());
    })
}

/// Reads a file of accounts.
fn seeds(path: &Path) -> Result<Vec<Seed>, Fault> {
    let wrong = |cause: &dyn fmt::Display| {
        let (zh, en) = ("账户文件有误", "the file of accounts cannot be used");
        Fault::new("accounts-invalid", zh, en, format!("{}: {cause}", path.display()))
    };
    let text = std::fs::read(path).map_err(|error| wrong(&error))?;
    serde_json::from_slice(&text).map_err(|error| wrong(&error))
}

fn ask(method: &str, path: &str, body: &str, bank: &str, secret: &Path) -> Result<ExitCode, Fault> {
    let secret = Secret::read(secret)?;
    let Asked { status, body } = ask::ask(&secret, bank, method, path, body)?;
    say(&body);
    Ok(if status < 400 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A line on standard output, at once; a reader that has gone does not matter.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _gone = writeln!(out, "{line}").and_then(|()| out.flush());
}

//! Offline verifier of what a node hands out: records, claims, receipts, transactions.
//!
//! It holds no node code and needs no network: a proof, a trust bundle, and the ledger's id
//! learned elsewhere. It ends with 0 when the proof is valid, 1 when it is not, and 2 when it
//! was called wrongly or a file cannot be read.

mod claim;
mod read_log;
mod report;
mod value;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chaincity_crypto::cose;
use chaincity_crypto::verify::{FILE_BYTES_MAX, Trust, VerifyError};
use chaincity_types::{Digest, Reject, Timestamp};
use clap::{Args, Parser, Subcommand};
use serde_json::json;

use report::Report;

/// Verifies, offline, what a Chaincity node hands out. 离线校验链城节点给出的记录、回执与交易。
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// 校验一条记录（或其不存在）。Verify a record, or its absence.
    Record {
        #[command(flatten)]
        input: Input,
        /// 只看该时刻的版本（RFC 3339，如 2026-11-21T09:00:00+08:00）。The version in force then.
        #[arg(long, value_name = "TIME", value_parser = value::time)]
        as_of: Option<Timestamp>,
    },
    /// 校验一份回执。Verify a receipt.
    Receipt {
        #[command(flatten)]
        input: Input,
    },
    /// 校验导出的调用日志及其完整性。Verify an exported read log, and that no entry is missing.
    ReadLog {
        #[command(flatten)]
        input: Input,
    },
    /// 校验一项签名的派生结论。Verify a signed claim.
    Claim {
        #[command(flatten)]
        input: Input,
    },
    /// 校验一笔已签名交易的签名。Verify a signed transaction's signature.
    Transaction {
        /// 交易文件。The transaction's file.
        file: PathBuf,
        /// 以 JSON 输出。Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct Input {
    /// 证明文件。The proof's file.
    file: PathBuf,
    /// 信任包：创世文件与历届共识节点名单。The trust bundle: genesis and each epoch's committee.
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// 账本标识，应从别处得知。The ledger's id, learned elsewhere.
    #[arg(long, value_name = "HEX", value_parser = value::digest)]
    ledger: Option<Digest>,
    /// 以 JSON 输出。Print JSON.
    #[arg(long)]
    json: bool,
}

/// Why the command has no result at all.
struct Unreadable(String);

fn main() -> ExitCode {
    let (json, result) = match Cli::parse().command {
        Command::Record { input, as_of } => (input.json, record(&input, as_of)),
        Command::Receipt { input } => (input.json, receipt(&input)),
        Command::ReadLog { input } => (input.json, read_log(&input)),
        Command::Claim { input } => (input.json, claim(&input)),
        Command::Transaction { file, json } => (json, transaction(&file)),
    };
    match result {
        Ok(report) => {
            let text = if json { report.json() } else { report.text() };
            match writeln!(std::io::stdout(), "{text}") {
                Ok(()) if report.valid => ExitCode::SUCCESS,
                Ok(()) => ExitCode::from(1),
                Err(_) => ExitCode::from(2),
            }
        }
        Err(Unreadable(text)) => {
            if json {
                let text = json!({"valid": null, "error": text});
                drop(writeln!(std::io::stdout(), "{text:#}"));
            } else {
                drop(writeln!(std::io::stderr(), "{text}"));
            }
            ExitCode::from(2)
        }
    }
}

fn record(input: &Input, as_of: Option<Timestamp>) -> Result<Report, Unreadable> {
    let (proof, trust) = (read(&input.file)?, read(&input.trust)?);
    let verified = Trust::from_bytes(&trust, input.ledger.as_ref())
        .and_then(|trust| trust.record_bytes(&proof).map(|record| (trust, record)));
    Ok(match verified {
        Ok((trust, record)) => Report::record(&trust, &record, as_of).noting(input),
        Err(error) => refused(&error),
    })
}

fn receipt(input: &Input) -> Result<Report, Unreadable> {
    let (proof, trust) = (read(&input.file)?, read(&input.trust)?);
    let verified = Trust::from_bytes(&trust, input.ledger.as_ref())
        .and_then(|trust| trust.receipt_bytes(&proof).map(|receipt| (trust, receipt)));
    Ok(match verified {
        Ok((trust, receipt)) => Report::receipt(&trust, &receipt).noting(input),
        Err(error) => refused(&error),
    })
}

fn read_log(input: &Input) -> Result<Report, Unreadable> {
    let (proof, trust) = (read(&input.file)?, read(&input.trust)?);
    let verified = Trust::from_bytes(&trust, input.ledger.as_ref())
        .and_then(|trust| trust.read_log_bytes(&proof).map(|log| (trust, log)));
    Ok(match verified {
        Ok((trust, log)) => Report::read_log(&trust, &log).noting(input),
        Err(error) => refused(&error),
    })
}

fn claim(input: &Input) -> Result<Report, Unreadable> {
    let (proof, trust) = (read(&input.file)?, read(&input.trust)?);
    let verified = Trust::from_bytes(&trust, input.ledger.as_ref())
        .and_then(|trust| trust.claim_bytes(&proof).map(|claim| (trust, claim)));
    Ok(match verified {
        Ok((trust, claim)) => Report::claim(&trust, &claim).noting(input),
        Err(error) => refused(&error),
    })
}

fn transaction(file: &Path) -> Result<Report, Unreadable> {
    let bytes = read(file)?;
    let verified = cose::decode_transaction(&bytes)
        .and_then(|signed| signed.verify().map(|()| Report::transaction(&signed)));
    let refused = |reject: Reject| Report::refused(reject.code(), reject.zh(), reject.en(), "");
    Ok(verified.unwrap_or_else(refused))
}

fn refused(error: &VerifyError) -> Report {
    let mut detail = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        detail = format!("{detail}: {cause}");
        source = cause.source();
    }
    Report::refused(error.code(), error.zh(), error.en(), &detail)
}

impl Report {
    /// Says what the result rests on when the ledger was not named.
    fn noting(self, input: &Input) -> Self {
        if input.ledger.is_some() { self } else { self.unanchored() }
    }
}

/// Reads a file of at most [`FILE_BYTES_MAX`] bytes.
fn read(path: &Path) -> Result<Vec<u8>, Unreadable> {
    let shown = path.display();
    let unreadable = |why: std::io::Error| {
        Unreadable(format!("无法读取 `{shown}`\ncannot read `{shown}`: {why}"))
    };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if usize::try_from(length).map_or(true, |length| length > FILE_BYTES_MAX) {
        return Err(Unreadable(format!("文件过大：`{shown}`\nthe file is too large: `{shown}`")));
    }
    std::fs::read(path).map_err(unreadable)
}

//! `chaincity proof`: fetches proofs, checks them, and keeps them as files for `chaincity-verify`.

use std::io;
use std::path::{Path, PathBuf};

use chaincity_client::Client;
use chaincity_crypto::finality::FinalBlock;
use chaincity_types::Digest;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::connection::{Connection, a_digest};
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::fault::Fault;
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 证明一条记录的现状，或其不存在 · prove a record's current version, or its absence
    Record {
        /// 应用包 · the package
        package: String,
        /// 登记簿 · the register
        register: String,
        /// 记录的主键 · the record's key
        record: String,
        /// 附上的历史版本数 · older versions to add
        #[arg(long, value_name = "N", default_value_t = 0, value_parser = a_count)]
        versions: usize,
        #[command(flatten)]
        to: To,
    },
    /// 证明一份回执 · prove a receipt
    Receipt {
        /// 交易标识 · the transaction's id
        #[arg(value_parser = a_digest)]
        transaction: Digest,
        #[command(flatten)]
        to: To,
    },
    /// 信任包：创世文件与历届共识节点名单 · the trust bundle: genesis and each epoch's committee
    Trust {
        #[command(flatten)]
        to: To,
    },
}

#[derive(Debug, Args)]
struct To {
    /// 输出文件 · where to write it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    connection: Connection,
}

fn a_count(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|count| *count <= 64).ok_or("not a number from 0 to 64")
}

/// What was written.
#[derive(Debug, Serialize)]
struct Written {
    file: PathBuf,
    bytes: usize,
    ledger: String,
    /// Height of the proved block.
    height: Option<u64>,
    /// Its time.
    time: Option<String>,
    /// Epochs in a trust bundle.
    epochs: Option<usize>,
    /// Whether the record is there; for records.
    present: Option<bool>,
    /// How to verify it offline.
    #[serde(skip)]
    verify: String,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(&arguments.action, output);
    settle(outcome, false, output)
}

fn attempt(action: &Action, output: &mut Output) -> Result<Exit, Failure> {
    let written = match action {
        Action::Record { package, register, record, versions, to } => {
            let client = to.connection.client()?;
            let bytes = client.record_proof(package, register, record, *versions)?;
            let proved = client.trust()?.record_bytes(&bytes).map_err(proof)?;
            let mut written = to.write(&client, &bytes, Some(&proved.block))?;
            written.present = Some(proved.current().is_some());
            written.verify = to.verify("record", &client);
            written
        }
        Action::Receipt { transaction, to } => {
            let client = to.connection.client()?;
            let bytes = client.receipt_proof(transaction)?;
            let proved = client.trust()?.receipt_bytes(&bytes).map_err(proof)?;
            let mut written = to.write(&client, &bytes, Some(&proved.block))?;
            written.verify = to.verify("receipt", &client);
            written
        }
        Action::Trust { to } => {
            let client = to.connection.client()?;
            let bytes = client.trust_bundle()?;
            let trust = chaincity_crypto::verify::Trust::from_bytes(&bytes, Some(client.ledger()))
                .map_err(proof)?;
            let mut written = to.write(&client, &bytes, None)?;
            written.epochs = Some(trust.committees().len());
            written
        }
    };
    output.report(&written, Written::for_person)?;
    Ok(Exit::Ok)
}

fn proof(error: chaincity_crypto::verify::VerifyError) -> Failure {
    Failure::Client(error.into())
}

impl To {
    fn write(
        &self,
        client: &Client,
        bytes: &[u8],
        block: Option<&FinalBlock>,
    ) -> Result<Written, Fault> {
        let path: &Path = &self.out;
        std::fs::write(path, bytes).map_err(Fault::io(path))?;
        Ok(Written {
            file: path.to_owned(),
            bytes: bytes.len(),
            ledger: client.ledger().to_string(),
            height: block.map(|block| block.header.height.0),
            time: block.map(|block| block.header.time.to_string()),
            epochs: None,
            present: None,
            verify: String::new(),
        })
    }

    fn verify(&self, kind: &str, client: &Client) -> String {
        let (file, ledger) = (self.out.display(), client.ledger());
        format!("chaincity-verify {kind} {file} --trust TRUST --ledger {ledger}")
    }
}

impl Written {
    fn for_person(&self) -> Vec<String> {
        let mut lines =
            vec![format!("已写入并核验 · written and checked: {}", self.file.display())];
        match (self.height, &self.time) {
            (Some(height), Some(time)) => {
                lines.push(format!("  区块 · block: {height}  时间 · time: {time}"));
            }
            _ => lines.push(format!("  账本 · ledger: {}", self.ledger)),
        }
        if self.present == Some(false) {
            lines
                .push("  证明的是：没有此记录 · it proves that there is no such record".to_owned());
        }
        lines.extend(self.epochs.map(|epochs| format!("  届数 · epochs: {epochs}")));
        if !self.verify.is_empty() {
            lines.push(
                "  离线核验（TRUST 由 chaincity proof trust 取得） · verify offline:".to_owned(),
            );
            lines.push(format!("  {}", self.verify));
        }
        lines
    }
}

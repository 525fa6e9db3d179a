//! The asker's side of sector ids: blind, and finish.

use std::path::PathBuf;

use chaincity_sector::{BATCH_MAX, Evaluated, MESSAGE_BYTES_MAX, Pending, SectorError, SectorId};
use clap::Args;
use serde::Serialize;

use super::files::{self, Readers};
use super::keys;
use super::people::People;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct Blind {
    #[command(flatten)]
    people: People,
    /// 管理单位的公钥文件，按计算次序逐个给出 · a steward's public key; one for each, in the order of their evaluations
    #[arg(long = "steward", value_name = "FILE", required = true)]
    stewards: Vec<PathBuf>,
    /// 送管理单位的文件 · a file for the first steward
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// 自行保存的盲化因子：与身份号码同等保密，得到结果后销毁 · the blinds, to keep: as secret as the numbers, to be destroyed with the result
    #[arg(long, value_name = "FILE")]
    secret: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Finalize {
    /// 各管理单位计算后的文件 · the file after the last steward's evaluation
    evaluated: PathBuf,
    #[command(flatten)]
    people: People,
    /// 管理单位的公钥文件，次序同盲化时 · the stewards' public keys, in the same order
    #[arg(long = "steward", value_name = "FILE", required = true)]
    stewards: Vec<PathBuf>,
    /// 盲化时保存的文件 · the file with the blinds
    #[arg(long, value_name = "FILE")]
    secret: PathBuf,
}

/// What was sent.
#[derive(Debug, Serialize)]
pub(super) struct Sent {
    file: PathBuf,
    persons: u32,
}

impl Sent {
    pub(super) fn show(
        file: &std::path::Path,
        persons: u32,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let sent = Self { file: file.to_owned(), persons };
        output.record(&sent, |sent| {
            format!("人数 · persons: {}  ({})", sent.persons, sent.file.display())
        })?;
        Ok(())
    }
}

#[derive(Debug, Serialize)]
struct Id {
    /// Where the number stands, from 1.
    line: u64,
    id: String,
}

pub(super) fn blind(arguments: &Blind, output: &mut Output) -> Result<(), Failure> {
    files::check_new(&[&arguments.out, &arguments.secret])?;
    let chain = keys::chain(&arguments.stewards)?;
    let read = arguments.people.read(BATCH_MAX, SectorError::Batch)?;
    let pending = Pending::blind(chain.scope(), &read.persons, &mut rand::rng());
    let pending = pending.map_err(files::not_done)?;
    files::write_new(&arguments.secret, &pending.to_bytes(), Readers::Owner)?;
    files::write_new(&arguments.out, &pending.blinded().to_bytes(), Readers::Others)?;
    Sent::show(&arguments.out, pending.blinded().count(), output)
}

pub(super) fn finalize(arguments: &Finalize, output: &mut Output) -> Result<(), Failure> {
    let chain = keys::chain(&arguments.stewards)?;
    let Finalize { evaluated: file, secret, .. } = arguments;
    let evaluated = files::parsed(file, MESSAGE_BYTES_MAX, Evaluated::from_bytes)?;
    let pending = files::parsed(secret, MESSAGE_BYTES_MAX, Pending::from_bytes)?;
    let read = arguments.people.read(BATCH_MAX, SectorError::Batch)?;
    let ids = pending.finalize(&read.persons, &evaluated, &chain);
    show_ids(&read.lines, ids.map_err(files::not_done)?, output)
}

/// The ids, each with the line of its number.
pub(super) fn show_ids(
    lines: &[u64],
    ids: Vec<SectorId>,
    output: &mut Output,
) -> Result<(), Failure> {
    for (line, id) in lines.iter().zip(ids) {
        let id = Id { line: *line, id: id.to_string() };
        output.record(&id, |id| format!("{}  {}", id.line, id.id))?;
    }
    Ok(())
}

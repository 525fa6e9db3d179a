//! The blind question: an owner's tags, the question, and the verdict.

use std::path::PathBuf;

use chaincity_sector::{
    BATCH_MAX, CLASS_MAX, Evaluated, MESSAGE_BYTES_MAX, Question, SectorError, TAGS_BYTES_MAX,
    TagSet,
};
use chaincity_types::Timestamp;
use clap::Args;
use serde::Serialize;

use super::files::{self, Readers};
use super::ids::Sent;
use super::keys;
use super::people::People;
use crate::clock::now;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    people: People,
    /// 名单的密钥文件 · the list's key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// 口令文件 · a file with the passphrase
    #[arg(long, value_name = "FILE")]
    passphrase_file: PathBuf,
    /// 名单标签文件，交给询问单位 · a file of tags, for those who ask
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Ask {
    /// 对方的名单标签文件 · the owner's file of tags
    tags: PathBuf,
    #[command(flatten)]
    people: People,
    /// 送名单持有单位的文件 · a file for the list's owner
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// 自行保存的盲化因子：与身份号码同等保密，得到结果后销毁 · the blinds, to keep: as secret as the numbers, to be destroyed with the result
    #[arg(long, value_name = "FILE")]
    secret: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Verdict {
    /// 名单持有单位的答复 · the owner's answer
    answer: PathBuf,
    #[command(flatten)]
    people: People,
    /// 询问时所用的名单标签文件 · the file of tags that was asked about
    #[arg(long, value_name = "FILE")]
    tags: PathBuf,
    /// 询问时保存的文件 · the file with the blinds
    #[arg(long, value_name = "FILE")]
    secret: PathBuf,
}

/// What was made; for the owner's eyes, since it tells how many there are.
#[derive(Debug, Serialize)]
struct Made {
    file: PathBuf,
    /// Lines with a number; who stands on several counts once in the tags.
    lines: usize,
    class: usize,
    as_of: String,
    digest: String,
}

#[derive(Debug, Serialize)]
struct Listed {
    /// Where the number stands, from 1.
    line: u64,
    listed: bool,
    as_of: String,
}

pub(super) fn list(arguments: &List, output: &mut Output) -> Result<(), Failure> {
    files::check_new(&[&arguments.out])?;
    let passphrase = keys::passphrase(&arguments.passphrase_file)?;
    let key = keys::list_key(&arguments.key, &passphrase)?;
    let read = arguments.people.read(CLASS_MAX, SectorError::ListTooLong)?;
    let tags = key.tags(&read.persons, now()).map_err(files::not_done)?;
    files::write_new(&arguments.out, &tags.to_bytes(), Readers::Others)?;
    let made = Made {
        file: arguments.out.clone(),
        lines: read.lines.len(),
        class: tags.class(),
        as_of: Timestamp::to_string(&tags.made()),
        digest: tags.digest().to_string(),
    };
    output.report(&made, |made| {
        vec![
            format!("名单标签 · tags: {}  ({})", made.class, made.file.display()),
            format!(
                "  号码行数 · lines with a number: {}  截至 · as of: {}",
                made.lines, made.as_of
            ),
            format!("  摘要 · digest: {}", made.digest),
        ]
    })?;
    Ok(())
}

pub(super) fn question(arguments: &Ask, output: &mut Output) -> Result<(), Failure> {
    files::check_new(&[&arguments.out, &arguments.secret])?;
    let tags = files::parsed(&arguments.tags, TAGS_BYTES_MAX, TagSet::from_bytes)?;
    let read = arguments.people.read(BATCH_MAX, SectorError::Batch)?;
    let question = Question::ask(&tags, &read.persons, &mut rand::rng());
    let question = question.map_err(files::not_done)?;
    files::write_new(&arguments.secret, &question.to_bytes(), Readers::Owner)?;
    files::write_new(&arguments.out, &question.blinded().to_bytes(), Readers::Others)?;
    Sent::show(&arguments.out, question.blinded().count(), output)
}

pub(super) fn verdict(arguments: &Verdict, output: &mut Output) -> Result<(), Failure> {
    let Verdict { answer, people, tags, secret } = arguments;
    let tags = files::parsed(tags, TAGS_BYTES_MAX, TagSet::from_bytes)?;
    let answer = files::parsed(answer, MESSAGE_BYTES_MAX, Evaluated::from_bytes)?;
    let question = files::parsed(secret, MESSAGE_BYTES_MAX, Question::from_bytes)?;
    let read = people.read(BATCH_MAX, SectorError::Batch)?;
    let listed = question.verdict(&tags, &read.persons, &answer).map_err(files::not_done)?;
    show_listed(&tags, &read.lines, listed, output)
}

/// Who is on the list, each with the line of its number.
pub(super) fn show_listed(
    tags: &TagSet,
    lines: &[u64],
    listed: Vec<bool>,
    output: &mut Output,
) -> Result<(), Failure> {
    let as_of = Timestamp::to_string(&tags.made());
    for (line, listed) in lines.iter().zip(listed) {
        let listed = Listed { line: *line, listed, as_of: as_of.clone() };
        output.record(&listed, |listed| {
            let text = if listed.listed {
                "在名单上 · on the list"
            } else {
                "不在名单上 · not on the list"
            };
            format!("{}  {text}  ({})", listed.line, listed.as_of)
        })?;
    }
    Ok(())
}

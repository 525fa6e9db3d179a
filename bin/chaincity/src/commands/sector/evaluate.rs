//! The key holders' side, by files: count against the member's quota, evaluate, hand back with a proof.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use chaincity_sector::{
    Asked, Evaluated, LIMITER_BYTES_MAX, Limiter, MESSAGE_BYTES_MAX, Quota, SectorError,
};
use clap::Args;
use serde::Serialize;

use super::files::{self, Readers};
use super::keys::open_keys;
use crate::clock::now;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct Evaluate {
    /// 询问单位或前一管理单位送来的文件 · what the asker, or the steward before, sent
    question: PathBuf,
    /// 领域或名单的密钥文件；旧密钥届仍须答复时逐个给出 · the key's file, of a sector or list; one for each epoch that still answers
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    #[command(flatten)]
    counted: Counted,
}

/// On whose account, and where the result goes.
#[derive(Debug, Args)]
struct Counted {
    /// 口令文件 · a file with the passphrase
    #[arg(long, value_name = "FILE")]
    passphrase_file: PathBuf,
    /// 询问单位，由经办人核实其身份 · the member that asks, as the clerk has made sure
    #[arg(long, value_name = "ID")]
    member: String,
    /// 计数文件，没有时新建 · the file of counts; made when there is none
    #[arg(long, value_name = "FILE")]
    counts: PathBuf,
    /// 每成员每日（北京时间）限额，以人次计 · how many persons each member may ask about in a day (UTC+8)
    #[arg(long, value_name = "N", value_parser = a_quota)]
    quota: Quota,
    /// 送回的文件 · a file to send back or on
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn a_quota(text: &str) -> Result<Quota, SectorError> {
    Quota::a_day(text.parse().unwrap_or(0))
}

#[derive(Debug, Serialize)]
struct Done {
    file: PathBuf,
    member: String,
    persons: u32,
    /// What is left of the member's quota.
    left: u32,
}

pub(super) fn evaluate(arguments: &Evaluate, output: &mut Output) -> Result<(), Failure> {
    let keys = open_keys(&arguments.keys, &arguments.counted.passphrase_file)?;
    let question = &arguments.question;
    let asked = files::parsed(question, MESSAGE_BYTES_MAX, Asked::from_bytes)?;
    let evaluated = keys.evaluate(asked, &mut rand::rng());
    let evaluated = evaluated.map_err(|error| files::refused(question, &error))?;
    arguments.counted.hand_over(&evaluated, output)
}

impl Counted {
    /// Counts, and only then lets the result out: what is lost in between stays counted.
    fn hand_over(&self, evaluated: &Evaluated, output: &mut Output) -> Result<(), Failure> {
        files::check_new(&[&self.out])?;
        let persons = evaluated.blinded().count();
        let left = self.count(persons)?;
        files::write_new(&self.out, &evaluated.to_bytes(), Readers::Others)?;
        let done = Done { file: self.out.clone(), member: self.member.clone(), persons, left };
        output.record(&done, |done| {
            format!(
                "{}  人数 · persons: {}  今日余额 · left today: {}  ({})",
                done.member,
                done.persons,
                done.left,
                done.file.display()
            )
        })?;
        Ok(())
    }

    /// Counts persons under a lock, so that two questions at a time do not share a quota.
    fn count(&self, persons: u32) -> Result<u32, Fault> {
        let counts = &self.counts;
        let lock = beside(counts, "lock");
        let locked = open(&lock).map_err(Fault::io(&lock))?;
        locked.lock().map_err(Fault::io(&lock))?;
        let mut limiter = if counts.exists() {
            files::parsed(counts, LIMITER_BYTES_MAX, Limiter::from_bytes)?
        } else {
            Limiter::new()
        };
        let left = limiter.admit(&self.member, persons, self.quota, now());
        let left = left.map_err(files::not_done)?;
        // Written aside and renamed: a crash leaves the counts of before or after.
        let new = beside(counts, "new");
        if new.exists() {
            std::fs::remove_file(&new).map_err(Fault::io(&new))?;
        }
        files::write_new(&new, &limiter.to_bytes(), Readers::Owner)?;
        std::fs::rename(&new, counts).map_err(Fault::io(counts))?;
        Ok(left)
    }
}

fn open(lock: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(lock)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

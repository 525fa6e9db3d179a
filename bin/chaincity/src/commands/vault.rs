//! `chaincity vault`: makes a steward's vault, and says what it holds.

use std::io;
use std::path::PathBuf;

use chaincity_types::Timestamp;
use chaincity_vault::{FOLDER, Passphrase, Summary, Vault, VaultError};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::clock::now;
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::keeping::{passphrase, refused};
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Args)]
struct Place {
    /// 保险库目录，须名为 vault · the vault's folder, which is named `vault`
    #[arg(long, value_name = "DIR", default_value = FOLDER)]
    vault: PathBuf,
    /// 口令文件，至少 12 个字符 · a file with the passphrase, at least 12 characters
    #[arg(long, value_name = "FILE")]
    passphrase_file: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 建立保险库 · make a vault
    Create(Place),
    /// 保险库的概况，须在节点停止时 · what a vault holds, while its node is stopped
    Status(Place),
    /// 启用新的密钥届，将各组的密钥移入 · begin a new key epoch and move every group's key into it
    Rotate(Place),
    /// 备份为两个文件：内容和密钥；须在节点停止时 · back up into two files, content and keys, while its node is stopped
    Backup {
        #[command(flatten)]
        place: Place,
        /// 备份目录 · the folder for both files
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// 由备份恢复；节点启动后先执行账本上的销毁，然后才作答复 · restore a backup; it answers once its node has carried out the ledger's erasures
    Restore {
        #[command(flatten)]
        place: Place,
        /// 备份目录 · the folder that holds both files
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
    },
}

/// What a vault holds.
#[derive(Debug, Serialize)]
struct Shown {
    folder: PathBuf,
    groups: u64,
    /// Groups whose key is of an earlier epoch.
    behind: u64,
    erased: u64,
    envelopes: u64,
    epoch: u32,
    epoch_began: String,
    erasures_pending: bool,
}

/// Groups moved into a new epoch at a time.
const REWRAP_STEP: u32 = 1_000;

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(&arguments.action, output);
    settle(outcome, false, output)
}

fn attempt(action: &Action, output: &mut Output) -> Result<Exit, Failure> {
    let place = match action {
        Action::Create(place) | Action::Status(place) | Action::Rotate(place) => place,
        Action::Backup { place, .. } | Action::Restore { place, .. } => place,
    };
    let passphrase = passphrase(&place.vault, &place.passphrase_file)?;
    let done = carry_out(action, place, &passphrase);
    let vault = done.map_err(|error| refused(&place.vault, &error))?;
    let summary = vault.summary().map_err(|error| refused(&place.vault, &error))?;
    show(place, &summary, output)?;
    Ok(Exit::Ok)
}

fn carry_out(action: &Action, place: &Place, passphrase: &Passphrase) -> Result<Vault, VaultError> {
    match action {
        Action::Create(_) => Vault::create(&place.vault, passphrase, now()),
        Action::Status(_) => Vault::open(&place.vault, passphrase),
        Action::Rotate(_) => {
            let vault = Vault::open(&place.vault, passphrase)?;
            vault.rotate(now())?;
            while vault.rewrap(REWRAP_STEP)? > 0 {}
            Ok(vault)
        }
        Action::Backup { to, .. } => {
            let vault = Vault::open(&place.vault, passphrase)?;
            vault.backup(to)?;
            Ok(vault)
        }
        Action::Restore { from, .. } => Vault::restore(from, &place.vault, passphrase),
    }
}

fn show(place: &Place, summary: &Summary, output: &mut Output) -> io::Result<()> {
    let (epoch, began) = summary.epoch;
    let shown = Shown {
        folder: place.vault.clone(),
        groups: summary.groups,
        behind: summary.behind,
        erased: summary.erased,
        envelopes: summary.envelopes,
        epoch,
        epoch_began: Timestamp::to_string(&began),
        erasures_pending: summary.erasures_pending,
    };
    output.report(&shown, |shown| {
        let mut lines = vec![
            format!("保险库 · vault: {}", shown.folder.display()),
            format!("  字段组 · groups: {}  已销毁 · erased: {}", shown.groups, shown.erased),
            format!(
                "  密钥届 · key epoch: {} ({})  待移入 · behind: {}",
                shown.epoch, shown.epoch_began, shown.behind
            ),
            format!("  待领取 · envelopes: {}", shown.envelopes),
        ];
        if shown.erasures_pending {
            lines.push(
                "  节点启动后先执行账本上的销毁 · its node carries out the ledger's erasures first"
                    .into(),
            );
        }
        lines
    })
}

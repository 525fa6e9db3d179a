//! `chaincity vault`: makes a steward's vault, says what it holds, and changes its keys.

use std::io;
use std::path::{Path, PathBuf};

use chaincity_types::Timestamp;
use chaincity_vault::{FOLDER, KeyEncryption, Summary, Unlock, Vault, VaultError};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::city::write_secret;
use crate::clock::now;
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::fault::Fault;
use crate::keeping::refused;
use crate::output::Output;
use crate::vault_key::{KeyFiles, recovered, token};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

// A vault, and what opens it. Not a documentation comment: it would become the command's text.
#[derive(Debug, Args)]
struct Place {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    opening: Opening,
}

// A vault, and what it is kept under.
#[derive(Debug, Args)]
struct Kept {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    under: Under,
}

#[derive(Debug, Args)]
struct Folder {
    /// 保险库目录，须名为 vault · the vault's folder, which is named `vault`
    #[arg(long, value_name = "DIR", default_value = FOLDER)]
    vault: PathBuf,
}

impl Folder {
    /// What the vault did, or why not, as a person is told.
    fn told<T>(&self, done: Result<T, VaultError>) -> Result<T, Fault> {
        done.map_err(|error| refused(&self.vault, &error))
    }
}

impl Place {
    fn open(&self) -> Result<Vault, Fault> {
        let Self { folder, opening } = self;
        let key = opening.open(&folder.vault)?;
        folder.told(Vault::open(&folder.vault, &*key))
    }
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Under {
    /// 口令文件，至少 12 个字符 · a file with the passphrase, at least 12 characters
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// 令牌文件：PKCS#11 模块、令牌、密钥、PIN 文件 · a file that names PKCS#11 module, token, key and file of the PIN
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
}

impl Under {
    fn open(&self, folder: &Path) -> Result<Box<dyn KeyEncryption>, Fault> {
        let Self { passphrase_file, token } = self;
        KeyFiles { passphrase: passphrase_file.as_deref(), token: token.as_deref() }.open(folder)
    }
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Opening {
    /// 口令文件 · a file with the passphrase
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// 令牌文件 · a file that names the token
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// 托管份额文件，可重复 · a custodian's share; may be repeated
    #[arg(long, value_name = "FILE")]
    share: Vec<PathBuf>,
}

impl Opening {
    fn open(&self, folder: &Path) -> Result<Box<dyn Unlock>, Fault> {
        let Self { passphrase_file, token, share } = self;
        if !share.is_empty() {
            return recovered(folder, share);
        }
        let files = KeyFiles { passphrase: passphrase_file.as_deref(), token: token.as_deref() };
        Ok(files.open(folder)?)
    }
}

// What a vault shall be kept under from now on.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct To {
    /// 新的口令文件 · a file with the new passphrase
    #[arg(long, value_name = "FILE")]
    to_passphrase_file: Option<PathBuf>,
    /// 新的令牌文件 · a file that names the new token
    #[arg(long, value_name = "FILE")]
    to_token: Option<PathBuf>,
}

impl To {
    fn open(&self, folder: &Path) -> Result<Box<dyn KeyEncryption>, Fault> {
        let (passphrase, token) = (self.to_passphrase_file.as_deref(), self.to_token.as_deref());
        KeyFiles { passphrase, token }.open(folder)
    }
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 建立保险库 · make a vault
    Create(Kept),
    /// 保险库的概况，须在节点停止时 · what a vault holds, while its node is stopped
    Status(Place),
    /// 启用新的密钥届，将各组的密钥移入；先前中断的，从中断处继续 · begin a new key epoch and move every group's key into it, or go on with what was interrupted
    Rotate(Place),
    /// 更换主密钥并启用新的密钥届；此前的托管份额只能打开此前的备份 · a new master key and a new key epoch; shares made before open only backups made before
    Renew(Kept),
    /// 改用另一口令或令牌保管主密钥 · keep the master key under another passphrase or token
    Rewrap {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        to: To,
    },
    /// 将主密钥分为托管份额，每人一份 · split the master key into shares for custodians, one for each
    Escrow {
        #[command(flatten)]
        place: Place,
        /// 打开保险库所需份数 · how many shares open the vault
        #[arg(long, value_name = "N")]
        needed: u8,
        /// 份额文件，每位托管人一个，从不覆盖已有文件 · a file for each custodian's share; never written over
        #[arg(long, value_name = "FILE", required = true)]
        to: Vec<PathBuf>,
    },
    /// 在令牌中生成不可导出的密钥 · make a key in the token, which cannot leave it
    TokenKey {
        /// 令牌文件 · a file that names the token
        #[arg(long, value_name = "FILE")]
        token: PathBuf,
    },
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

/// A key that was made in a token.
#[derive(Debug, Serialize)]
struct MadeKey {
    /// The file that names it.
    token: PathBuf,
}

/// Groups moved into a new epoch at a time.
const REWRAP_STEP: u32 = 1_000;

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(&arguments.action, output);
    settle(outcome, false, output)
}

fn attempt(action: &Action, output: &mut Output) -> Result<Exit, Failure> {
    let vault = match action {
        Action::TokenKey { token } => return make_key(token, output),
        Action::Create(Kept { folder, under }) => {
            let key = under.open(&folder.vault)?;
            folder.told(Vault::create(&folder.vault, &*key, now()))?
        }
        Action::Status(place) => place.open()?,
        Action::Rotate(place) => place.folder.told(rotate(place.open()?))?,
        Action::Renew(Kept { folder, under }) => {
            let key = under.open(&folder.vault)?;
            folder.told(renew(&folder.vault, &*key))?
        }
        Action::Rewrap { place, to } => {
            let (vault, key) = (place.open()?, to.open(&place.folder.vault)?);
            place.folder.told(vault.change_key_encryption(&*key))?;
            vault
        }
        Action::Escrow { place, needed, to } => {
            let vault = place.open()?;
            write_shares(&place.folder, &vault, *needed, to)?;
            vault
        }
        Action::Backup { place, to } => {
            let vault = place.open()?;
            place.folder.told(vault.backup(to))?;
            vault
        }
        Action::Restore { place: Place { folder, opening }, from } => {
            let key = opening.open(&folder.vault)?;
            folder.told(Vault::restore(from, &folder.vault, &*key))?
        }
    };
    let summary = vault.summary().map_err(|error| refused(vault.folder(), &error))?;
    show(vault.folder(), &summary, output)?;
    Ok(Exit::Ok)
}

fn make_key(path: &Path, output: &mut Output) -> Result<Exit, Failure> {
    token(path)?.make_key().map_err(|error| refused(path, &error))?;
    output.record(&MadeKey { token: path.to_owned() }, |made| {
        format!("密钥已生成 · the key is made: {}", made.token.display())
    })?;
    Ok(Exit::Ok)
}

/// Begins an epoch unless one was begun and not everything moved into it yet.
fn rotate(vault: Vault) -> Result<Vault, VaultError> {
    if vault.summary()?.behind == 0 {
        vault.rotate(now())?;
    }
    move_all(vault)
}

fn renew(folder: &Path, key: &dyn KeyEncryption) -> Result<Vault, VaultError> {
    let vault = Vault::open(folder, key)?;
    vault.renew(key, now())?;
    move_all(vault)
}

fn move_all(vault: Vault) -> Result<Vault, VaultError> {
    while vault.rewrap(REWRAP_STEP)? > 0 {}
    Ok(vault)
}

/// One file for each share; none when one of the files is there already.
fn write_shares(folder: &Folder, vault: &Vault, needed: u8, to: &[PathBuf]) -> Result<(), Fault> {
    let Ok(count) = u8::try_from(to.len()) else {
        return folder.told(Err(VaultError::EscrowShape));
    };
    if let Some(path) = to.iter().find(|path| path.exists()) {
        return Err(Fault::io(path)(io::ErrorKind::AlreadyExists.into()));
    }
    let shares = folder.told(vault.escrow_shares(needed, count))?;
    for (share, path) in shares.iter().zip(to) {
        let mut line = share.to_text();
        line.push('\n');
        write_secret(path, &line)?;
    }
    Ok(())
}

fn show(folder: &Path, summary: &Summary, output: &mut Output) -> io::Result<()> {
    let (epoch, began) = summary.epoch;
    let shown = Shown {
        folder: folder.to_owned(),
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

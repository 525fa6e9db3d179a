//! The keys of stewards and of lists' owners, each in a file under a passphrase.

use std::path::{Path, PathBuf};

use chaincity_crypto::cipher::Secret;
use chaincity_crypto::suite;
use chaincity_sector::{
    Chain, Epoch, Keys, ListKey, Name, PublicKey, Purpose, Scope, SectorError, SectorKey,
};
use chaincity_types::{Digest, cbor};
use chaincity_vault::{KeyEncryption as _, Passphrase, Unlock as _, VaultError};
use clap::Args;
use minicbor::{Decode, Encode};
use rand::Rng as _;
use serde::Serialize;
use zeroize::Zeroizing;

use super::files::{self, Readers};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::output::Output;

const FILE_BYTES_MAX: usize = 4096;
/// Domain of what a wrapped seed is bound to.
const FILE: &str = "chaincity/sector/key-file/1";

#[derive(Debug, Args)]
pub(super) struct NewKey {
    /// 密钥文件，从不覆盖已有文件 · the key's file; never written over
    file: PathBuf,
    /// 公钥文件，交给询问单位 · a file for the public key, for those who ask
    #[arg(long, value_name = "FILE")]
    public: PathBuf,
    /// 账本编号 · the ledger's id
    #[arg(long, value_name = "HEX", value_parser = Digest::from_hex)]
    ledger: Digest,
    #[command(flatten)]
    of: Of,
    /// 密钥届，从1起 · the key epoch, from 1
    #[arg(long, value_name = "N", default_value = "1", value_parser = an_epoch)]
    epoch: Epoch,
    /// 口令文件，至少 12 个字符 · a file with the passphrase, at least 12 characters
    #[arg(long, value_name = "FILE")]
    passphrase_file: PathBuf,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Of {
    /// 领域名称 · the sector's name
    #[arg(long, value_name = "NAME", value_parser = a_name)]
    sector: Option<Name>,
    /// 名单名称 · the list's name
    #[arg(long, value_name = "NAME", value_parser = a_name)]
    list: Option<Name>,
}

pub(super) fn a_name(text: &str) -> Result<Name, SectorError> {
    Name::new(text)
}

pub(super) fn an_epoch(text: &str) -> Result<Epoch, SectorError> {
    Epoch::new(text.parse().unwrap_or(0))
}

/// A key under a passphrase.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Kept {
    #[n(1)]
    public: PublicKey,
    /// The seed, wrapped as a vault's master key is, bound to the public key.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    wrapped: Vec<u8>,
}

#[derive(Debug, Serialize)]
struct Shown {
    file: PathBuf,
    purpose: &'static str,
    ledger: String,
    name: String,
    epoch: u32,
    /// 64 hexadecimal digits: what every answer is proved against.
    public: String,
}

pub(super) fn new_key(arguments: &NewKey, output: &mut Output) -> Result<(), Failure> {
    let NewKey { file, public: public_file, ledger, of, epoch, passphrase_file } = arguments;
    files::check_new(&[file, public_file])?;
    let (purpose, name) = match (&of.sector, &of.list) {
        (Some(sector), _) => (Purpose::Sector, sector),
        (None, Some(list)) => (Purpose::List, list),
        (None, None) => {
            return Err(Failure::usage("须给出领域或名单", "a sector or a list is needed"));
        }
    };
    let scope = Scope { purpose, ledger: *ledger, name: name.clone(), epoch: *epoch };
    let mut bytes = Zeroizing::new([0; 32]);
    rand::rng().fill_bytes(bytes.as_mut());
    let seed = Secret::from_bytes(*bytes);
    let public = public_of(seed.clone(), scope).map_err(files::not_done)?;
    let passphrase = passphrase(passphrase_file)?;
    let wrapped = passphrase.wrap(&bound_to(&public), &seed);
    let wrapped = wrapped.map_err(|error| closed(file, &error))?;
    let kept = Kept { public: public.clone(), wrapped };
    files::write_new(file, &cbor::encode(&kept), Readers::Owner)?;
    files::write_new(public_file, &public.to_bytes(), Readers::Others)?;
    show(file, &public, output)
}

fn show(file: &Path, public: &PublicKey, output: &mut Output) -> Result<(), Failure> {
    let scope = public.scope();
    let (purpose, title) = match scope.purpose {
        Purpose::Sector => ("sector", "领域 · sector"),
        Purpose::List => ("list", "名单 · list"),
    };
    let shown = Shown {
        file: file.to_owned(),
        purpose,
        ledger: scope.ledger.to_string(),
        name: scope.name.as_str().to_owned(),
        epoch: scope.epoch.number(),
        public: hex::encode(public.element().as_bytes()),
    };
    output.record(&shown, |shown| {
        let Shown { name, epoch, public, .. } = shown;
        format!("{title}: {name}  密钥届 · epoch: {epoch}  公钥 · public key: {public}")
    })?;
    Ok(())
}

fn public_of(seed: Secret, scope: Scope) -> Result<PublicKey, SectorError> {
    match scope.purpose {
        Purpose::Sector => Ok(SectorKey::new(seed, scope)?.public().clone()),
        Purpose::List => Ok(ListKey::new(seed, scope)?.public().clone()),
    }
}

fn bound_to(public: &PublicKey) -> Digest {
    suite::digest(&[FILE.as_bytes(), &public.to_bytes()])
}

/// The stewards' public keys, in the order of their evaluations.
pub(super) fn chain(paths: &[PathBuf]) -> Result<Chain, Fault> {
    let mut keys = Vec::with_capacity(paths.len());
    for path in paths {
        keys.push(files::parsed(path, FILE_BYTES_MAX, PublicKey::from_bytes)?);
    }
    Chain::new(&keys).map_err(files::not_done)
}

/// The keys that a holder answers with, all kept under one passphrase.
///
/// # Errors
/// Refused when one does not open or there are two of one scope; a fault when a file cannot be read.
pub(crate) fn open_keys(paths: &[PathBuf], passphrase_file: &Path) -> Result<Keys, Fault> {
    let passphrase = passphrase(passphrase_file)?;
    let mut seeds = Vec::with_capacity(paths.len());
    let mut kept = Vec::with_capacity(paths.len());
    for file in paths {
        let (public, seed) = open(file, &passphrase)?;
        seeds.push((seed, public.scope().clone()));
        kept.push(public);
    }
    let keys = Keys::new(seeds).map_err(files::not_done)?;
    for ((file, kept), derived) in paths.iter().zip(&kept).zip(keys.public()) {
        same(file, kept, derived)?;
    }
    Ok(keys)
}

/// The key of a list's owner.
pub(super) fn list_key(file: &Path, passphrase: &Passphrase) -> Result<ListKey, Fault> {
    let (public, seed) = open(file, passphrase)?;
    let key = ListKey::new(seed, public.scope().clone());
    let key = key.map_err(|error| files::refused(file, &error))?;
    same(file, &public, key.public()).map(|()| key)
}

fn open(file: &Path, passphrase: &Passphrase) -> Result<(PublicKey, Secret), Fault> {
    let bytes = files::read(file, FILE_BYTES_MAX)?;
    let Ok(kept) = cbor::decode::<Kept>(&bytes, FILE_BYTES_MAX) else {
        return Err(damaged(file));
    };
    let seed = passphrase.unlock(&bound_to(&kept.public), &kept.wrapped);
    let seed = seed.map_err(|error| closed(file, &error))?;
    Ok((kept.public, seed))
}

fn same(file: &Path, kept: &PublicKey, derived: &PublicKey) -> Result<(), Fault> {
    if kept == derived { Ok(()) } else { Err(damaged(file)) }
}

fn damaged(file: &Path) -> Fault {
    closed(file, &VaultError::Damaged("a key's file"))
}

/// The passphrase in a file.
pub(super) fn passphrase(file: &Path) -> Result<Passphrase, Fault> {
    Passphrase::from_file(file).map_err(|error| {
        if let VaultError::File(cause) = error {
            return Fault::io(file)(cause);
        }
        closed(file, &error)
    })
}

/// A key's file that does not open, as a person is told.
fn closed(file: &Path, error: &VaultError) -> Fault {
    let (code, zh, en) = if matches!(error, VaultError::KeyWrong) {
        ("sector-key-wrong", "口令不符", "the passphrase is another one")
    } else if matches!(error, VaultError::PassphraseShort { .. }) {
        ("passphrase-short", "口令过短", "the passphrase is too short")
    } else if matches!(error, VaultError::Damaged(_) | VaultError::KeyKind) {
        ("sector-key-damaged", "不是密钥文件，或已损坏", "not a key's file, or damaged")
    } else {
        ("fault", "本机故障", "this machine failed")
    };
    let file = file.display();
    Fault::Refused {
        code,
        zh: format!("`{file}`：{zh}"),
        en: format!("`{file}`: {en}"),
        detail: None,
    }
}

//! What the vault's tests share.
#![allow(unreachable_pub, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use chaincity_crypto::cipher::Secret;
use chaincity_crypto::envelope::{self, Envelope, ReaderKey, ReleaseContext};
use chaincity_types::{Digest, Timestamp};
use chaincity_vault::{Cost, Erasure, Opened, Passphrase, Place, Sealing, Term, Vault, VaultError};

pub const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
pub const PASSPHRASE: &str = "planted-passphrase 口令";

pub fn passphrase() -> Passphrase {
    Passphrase::with_cost(PASSPHRASE, CHEAP).unwrap()
}

pub fn place() -> Place {
    Place {
        ledger: Digest([9; 32]),
        package: "real-estate".into(),
        register: "right".into(),
        group: "holder".into(),
    }
}

pub fn create(folder: &tempfile::TempDir) -> Vault {
    Vault::create(&folder.path().join("vault"), &passphrase(), Timestamp(1)).unwrap()
}

pub fn reopen(vault: Vault) -> Vault {
    let folder = vault.folder().to_owned();
    drop(vault);
    Vault::open(&folder, &passphrase()).unwrap()
}

/// The request with this number.
pub fn request(number: u8) -> Digest {
    Digest([number; 32])
}

pub fn seal(vault: &Vault, number: u8, bytes: &[u8], terms: &[Term]) -> Result<Digest, VaultError> {
    let place = place();
    let request = request(number);
    vault.seal(&Sealing { request, place: &place, bytes, terms, permanent: false })
}

pub fn bytes(opened: &Opened) -> &[u8] {
    opened.group.bytes()
}

pub fn erasure(commitment: Digest) -> Erasure {
    Erasure { commitment, basis: "PIPL 47".into(), at: Timestamp(7) }
}

/// An envelope of this group for an access.
pub fn envelope_of(opened: &Opened, access: &str, reader: &ReaderKey, entropy: u8) -> Envelope {
    let context = ReleaseContext {
        ledger: opened.context.ledger,
        access: access.into(),
        package: opened.context.package.clone(),
        register: opened.context.register.clone(),
        record: "r-1".into(),
        version: 1,
        group: opened.context.group.clone(),
        commitment: opened.context.commitment,
        claim: None,
    };
    let entropy = Secret::from_bytes([entropy; 32]);
    let sealed = envelope::seal(&reader.public_key(), context, &opened.group, &entropy).unwrap();
    Envelope { groups: vec![sealed] }
}

/// All files under a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The files under a folder that hold these bytes.
pub fn holding(folder: &Path, needle: &[u8]) -> Vec<PathBuf> {
    assert!(!needle.is_empty());
    let holds = |path: &PathBuf| {
        fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle)
    };
    files(folder).into_iter().filter(holds).collect()
}

//! Pseudonyms stay what they are through everything that changes a vault's keys.

use crate::common::{CHEAP, create, passphrase, seal};
use chaincity_crypto::pseudonym::Family;
use chaincity_types::{Digest, Timestamp};
use chaincity_vault::{Passphrase, Recovered, Vault, VaultError};

const FAMILY: Family<'_> = Family {
    ledger: Digest([9; 32]),
    package: "real-estate",
    group: "holder",
    field: "subject",
    scope: "unit-1",
};

fn made(vault: &Vault) -> String {
    vault.pseudonym(&FAMILY, "S:police:00000001").unwrap()
}

#[test]
fn a_pseudonym_outlives_passphrases_epochs_and_master_keys() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let first = made(&vault);
    seal(&vault, 1, b"\xa0", &[]).unwrap();
    vault.rotate(Timestamp(2)).unwrap();
    assert_eq!(vault.rewrap(10).unwrap(), 0);
    assert_eq!(made(&vault), first);
    vault.renew(&passphrase(), Timestamp(3)).unwrap();
    assert_eq!(vault.rewrap(10).unwrap(), 0);
    assert_eq!(made(&vault), first);
    let other = Passphrase::with_cost("another passphrase", CHEAP).unwrap();
    vault.change_key_encryption(&other).unwrap();
    let path = vault.folder().to_owned();
    drop(vault);
    assert_eq!(made(&Vault::open(&path, &other).unwrap()), first);
}

#[test]
fn a_backup_and_an_escrow_make_the_same_pseudonyms_again() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let backup = folder.path().join("backup");
    vault.backup(&backup).unwrap();
    let shares = vault.escrow_shares(2, 3).unwrap();
    let (path, first) = (vault.folder().to_owned(), made(&vault));
    drop(vault);
    std::fs::remove_dir_all(&path).unwrap();
    let custodians = Recovered::from_shares(shares.get(..2).unwrap()).unwrap();
    let restored = Vault::restore(&backup, &path, &custodians).unwrap();
    let waiting = restored.pseudonym(&FAMILY, "S:police:00000001");
    assert!(matches!(waiting, Err(VaultError::ErasuresPending)));
    restored.reapply_erasures(&[]).unwrap();
    assert_eq!(made(&restored), first);
}

#[test]
fn two_vaults_make_two_pseudonyms_of_one_person() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [one, other] = folders.each_ref().map(|folder| made(&create(folder)));
    assert_ne!(one, other);
}

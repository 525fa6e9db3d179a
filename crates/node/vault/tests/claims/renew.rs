//! A new master key, and what the former one still opens.

use std::fs;

use crate::common::{CHEAP, bytes, create, passphrase, reopen, seal};
use chaincity_types::{Digest, Timestamp};
use chaincity_vault::{Passphrase, Recovered, Term, Vault, VaultError};

fn sealed(vault: &Vault) -> Vec<Digest> {
    let terms = [Term::new("name", "张三")];
    (0..3).map(|number| seal(vault, number, &[0xa1, 1, number], &terms).unwrap()).collect()
}

fn opens_all(vault: &Vault, sealed: &[Digest]) {
    for (number, commitment) in (0..).zip(sealed) {
        assert_eq!(bytes(&vault.open_group(commitment).unwrap()), [0xa1, 1, number]);
    }
    assert_eq!(vault.search("name", "张三", 10).unwrap().len(), sealed.len());
}

#[test]
fn the_former_master_key_opens_only_backups_made_before() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let groups = sealed(&vault);
    let [old, new, at] = ["old", "new", "at"].map(|name| folder.path().join(name));
    let former = Recovered::from_shares(&vault.escrow_shares(2, 2).unwrap()).unwrap();
    vault.backup(&old).unwrap();

    assert_eq!(vault.renew(&passphrase(), Timestamp(2)).unwrap(), 2);
    while vault.rewrap(2).unwrap() > 0 {}
    opens_all(&vault, &groups);
    let shares = vault.escrow_shares(2, 2).unwrap();
    vault.backup(&new).unwrap();
    let path = vault.folder().to_owned();
    drop(vault);

    assert!(matches!(Vault::open(&path, &former), Err(VaultError::KeyWrong)));
    opens_all(&Vault::open(&path, &Recovered::from_shares(&shares).unwrap()).unwrap(), &groups);
    assert!(matches!(Vault::restore(&new, &at.join("vault"), &former), Err(VaultError::KeyWrong)));
    let restored = Vault::restore(&old, &at.join("vault"), &former).unwrap();
    restored.reapply_erasures(&[]).unwrap();
    opens_all(&restored, &groups);

    // Nor does it open what is there now by the key file of then, and what was there then needs it.
    let crossed = folder.path().join("crossed");
    for (content, keys, epoch) in [(&new, &old, 2), (&old, &new, 1)] {
        fs::create_dir(&crossed).unwrap();
        fs::copy(content.join("content.sqlite"), crossed.join("content.sqlite")).unwrap();
        fs::copy(keys.join("keys.cbor"), crossed.join("keys.cbor")).unwrap();
        let gone = Vault::restore(&crossed, &folder.path().join("x/vault"), &passphrase());
        assert!(matches!(gone, Err(VaultError::EpochGone { epoch: found }) if found == epoch));
        fs::remove_dir_all(&crossed).unwrap();
    }
}

#[test]
fn an_interrupted_renewal_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let groups = sealed(&vault);
    vault.renew(&passphrase(), Timestamp(2)).unwrap();
    assert_eq!(vault.rewrap(1).unwrap(), 2);
    let vault = reopen(vault);
    assert_eq!(vault.summary().unwrap().behind, 2);
    opens_all(&vault, &groups);
    assert_eq!(vault.rewrap(10).unwrap(), 0);
    let vault = reopen(vault);
    opens_all(&vault, &groups);
    assert_eq!(vault.summary().unwrap().epoch, (2, Timestamp(2)));
}

#[test]
fn a_renewal_takes_the_key_encryption_that_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let groups = sealed(&vault);
    let new = Passphrase::with_cost("another passphrase", CHEAP).unwrap();
    vault.renew(&new, Timestamp(2)).unwrap();
    let path = vault.folder().to_owned();
    drop(vault);
    assert!(matches!(Vault::open(&path, &passphrase()), Err(VaultError::KeyWrong)));
    opens_all(&Vault::open(&path, &new).unwrap(), &groups);
}

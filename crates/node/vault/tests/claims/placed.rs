//! Groups that are placed on the ledger: the vault has their keys and terms alone.

use std::fs;

use chaincity_crypto::groups::{GroupError, PLACED_GROUP_BYTES_MAX};
use chaincity_vault::{Erasure, Sealed, Sealing, Term, Vault, VaultError};

use crate::common::{bytes, create, erasure, holding, passphrase, place, reopen, request, seal};

const VALUE: &[u8] = b"\x70planted-value-16";

fn seal_for_ledger(vault: &Vault, number: u8, bytes: &[u8]) -> Result<Sealed, VaultError> {
    let (place, terms) = (place(), [Term::new("name", "张三")]);
    let request = request(number);
    let sealing = Sealing { request, place: &place, bytes, terms: &terms, permanent: false };
    vault.seal_for_ledger(&sealing)
}

#[test]
fn what_is_placed_on_the_ledger_opens_with_its_ciphertext_alone() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let Sealed { commitment, ciphertext } = seal_for_ledger(&vault, 1, VALUE).unwrap();
    assert!(!ciphertext.windows(13).any(|part| part == b"planted-value"));
    let vault = reopen(vault);
    let opened = vault.open_from_ledger(&commitment, &ciphertext).unwrap();
    assert_eq!((bytes(&opened), opened.group.commitment()), (VALUE, commitment));
    assert_eq!(vault.search("name", "张 三", 9).unwrap(), [commitment]);

    let gone = vault.open_group(&commitment);
    assert!(matches!(gone, Err(VaultError::OnLedger(of)) if of == commitment));
    let mut altered = ciphertext.clone();
    altered[20] ^= 1;
    let other = seal_for_ledger(&vault, 2, VALUE).unwrap();
    for wrong in [altered.as_slice(), other.ciphertext.as_slice(), &[]] {
        let refused = vault.open_from_ledger(&commitment, wrong);
        assert!(matches!(refused, Err(VaultError::Group(GroupError::NotOpened))));
    }
    let unknown = vault.open_from_ledger(&request(9), &ciphertext);
    assert!(matches!(unknown, Err(VaultError::Unknown(_))));
}

#[test]
fn the_vault_and_its_backup_hold_no_ciphertext_and_the_key_from_the_backup_opens_the_ledgers() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let kept = seal(&vault, 1, VALUE, &[]).unwrap();
    let Sealed { commitment, ciphertext } = seal_for_ledger(&vault, 2, VALUE).unwrap();
    let backup = folder.path().join("backup");
    vault.backup(&backup).unwrap();
    let part = &ciphertext[12..44];
    assert!(holding(folder.path(), part).is_empty());
    let path = vault.folder().to_owned();
    drop(vault);
    fs::remove_dir_all(&path).unwrap();

    let restored = Vault::restore(&backup, &path, &passphrase()).unwrap();
    let none: [Erasure; 0] = [];
    restored.reapply_erasures(&none).unwrap();
    let opened = restored.open_from_ledger(&commitment, &ciphertext).unwrap();
    assert_eq!(bytes(&opened), VALUE);
    assert_eq!(bytes(&restored.open_group(&kept).unwrap()), VALUE);
    // The writer who lost the answer is given the same.
    assert_eq!(seal_for_ledger(&restored, 2, VALUE).unwrap(), Sealed { commitment, ciphertext });
}

#[test]
fn erasing_the_key_makes_the_ciphertext_of_every_node_unreadable() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let Sealed { commitment, ciphertext } = seal_for_ledger(&vault, 1, VALUE).unwrap();
    vault.erase(&erasure(commitment)).unwrap();
    let refused = vault.open_from_ledger(&commitment, &ciphertext);
    assert!(matches!(refused, Err(VaultError::Erased(of)) if of == commitment));
    // Nor does asking again bring it back.
    assert!(matches!(seal_for_ledger(&vault, 1, VALUE), Err(VaultError::Erased(_))));
    assert_eq!(vault.search("name", "张三", 9).unwrap(), []);
}

#[test]
fn a_request_gives_the_same_again_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let sealed = seal_for_ledger(&vault, 1, VALUE).unwrap();
    assert_eq!(seal_for_ledger(&vault, 1, VALUE).unwrap(), sealed);
    let other = seal_for_ledger(&vault, 1, b"\xa0");
    assert!(matches!(other, Err(VaultError::RequestDiffers)));
    // Neither is what was placed kept in the vault by the same request, nor the reverse.
    let terms = [Term::new("name", "张三")];
    assert!(matches!(seal(&vault, 1, VALUE, &terms), Err(VaultError::RequestDiffers)));
    seal(&vault, 2, VALUE, &terms).unwrap();
    assert!(matches!(seal_for_ledger(&vault, 2, VALUE), Err(VaultError::RequestDiffers)));
    // The same values by another request: nobody sees that they are the same.
    let again = seal_for_ledger(&vault, 3, VALUE).unwrap();
    assert_ne!(again.commitment, sealed.commitment);
    assert_eq!(vault.summary().unwrap().groups, 3);
}

#[test]
fn it_is_as_long_as_a_field_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let longest = vec![1; PLACED_GROUP_BYTES_MAX];
    let sealed = seal_for_ledger(&vault, 1, &longest).unwrap();
    assert_eq!(sealed.ciphertext.len(), 16_384 - 32);
    let too_long = seal_for_ledger(&vault, 2, &vec![1; PLACED_GROUP_BYTES_MAX + 1]);
    assert!(matches!(too_long, Err(VaultError::Group(GroupError::TooLong))));
}

#[test]
fn a_standby_takes_the_key_and_opens_the_ledgers_ciphertext() {
    let folder = tempfile::tempdir().unwrap();
    let active = create(&folder);
    let (backup, second) = (folder.path().join("backup"), folder.path().join("second/vault"));
    active.backup(&backup).unwrap();
    let standby = Vault::restore(&backup, &second, &passphrase()).unwrap();
    let none: [Erasure; 0] = [];
    standby.reapply_erasures(&none).unwrap();
    let Sealed { commitment, ciphertext } = seal_for_ledger(&active, 1, VALUE).unwrap();
    standby.keep_copy(&active.copy_of(&commitment).unwrap()).unwrap();
    let opened = standby.open_from_ledger(&commitment, &ciphertext).unwrap();
    assert_eq!(bytes(&opened), VALUE);
    assert_eq!(standby.search("name", "张三", 9).unwrap(), [commitment]);
}

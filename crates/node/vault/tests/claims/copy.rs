//! A standby: a second vault under the same keys takes what the first one seals.

use crate::common::{bytes, create, erasure, passphrase, reopen, seal};
use chaincity_types::Timestamp;
use chaincity_vault::{Erasure, Term, Vault, VaultError};
use tempfile::TempDir;

/// A vault, and one made from its backup, which answers.
fn pair(folder: &TempDir) -> (Vault, Vault) {
    let active = create(folder);
    seal(&active, 1, b"\xa0", &[]).unwrap();
    let (backup, second) = (folder.path().join("backup"), folder.path().join("second/vault"));
    active.backup(&backup).unwrap();
    let standby = Vault::restore(&backup, &second, &passphrase()).unwrap();
    let none: [Erasure; 0] = [];
    standby.reapply_erasures(&none).unwrap();
    (active, standby)
}

#[test]
fn a_standby_opens_and_finds_what_was_copied_and_keeps_it_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (active, standby) = pair(&folder);
    let commitment = seal(&active, 2, b"\xa1\x01\x02", &[Term::new("name", "张三")]).unwrap();
    let copy = active.copy_of(&commitment).unwrap();
    assert!(matches!(standby.open_group(&commitment), Err(VaultError::Unknown(_))));
    standby.keep_copy(&copy).unwrap();
    standby.keep_copy(&copy).unwrap();
    let standby = reopen(standby);
    assert_eq!(bytes(&standby.open_group(&commitment).unwrap()), b"\xa1\x01\x02");
    assert_eq!(standby.search("name", "张 三", 9).unwrap(), [commitment]);
    assert_eq!(standby.summary().unwrap().groups, 2);
    // The writer who asks again, there, is given the same.
    assert_eq!(
        seal(&standby, 2, b"\xa1\x01\x02", &[Term::new("name", "张三")]).unwrap(),
        commitment
    );
}

#[test]
fn a_copy_shows_no_value_and_an_altered_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (active, standby) = pair(&folder);
    let planted = b"\x70planted-value-16";
    let commitment = seal(&active, 2, planted, &[]).unwrap();
    let copy = active.copy_of(&commitment).unwrap();
    assert!(!copy.windows(13).any(|part| part == b"planted-value"));
    let mut kept = 0;
    for at in 0..copy.len() {
        let mut altered = copy.clone();
        altered[at] ^= 1;
        kept += usize::from(standby.keep_copy(&altered).is_ok());
    }
    // The request's digest and whether it is permanent: what no key vouches for.
    assert_eq!(kept, 33);
    assert_eq!(bytes(&standby.open_group(&commitment).unwrap()), planted);
    assert!(standby.keep_copy(b"").is_err() && standby.keep_copy(&copy[1..]).is_err());
}

#[test]
fn a_copy_of_another_vault_or_of_a_later_epoch_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (active, standby) = pair(&folder);
    let other = tempfile::tempdir().unwrap();
    let stranger = create(&other);
    let foreign = seal(&stranger, 1, b"\xa0", &[]).unwrap();
    let copy = stranger.copy_of(&foreign).unwrap();
    assert!(matches!(standby.keep_copy(&copy), Err(VaultError::KeyWrong)));
    active.rotate(Timestamp(5)).unwrap();
    let later = seal(&active, 3, b"\xa0", &[]).unwrap();
    let copy = active.copy_of(&later).unwrap();
    assert!(matches!(standby.keep_copy(&copy), Err(VaultError::EpochGone { epoch: 2 })));
}

#[test]
fn what_was_erased_at_the_standby_is_not_brought_back_by_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (active, standby) = pair(&folder);
    let commitment = seal(&active, 2, b"\xa0", &[]).unwrap();
    let copy = active.copy_of(&commitment).unwrap();
    standby.keep_copy(&copy).unwrap();
    standby.erase(&erasure(commitment)).unwrap();
    standby.keep_copy(&copy).unwrap();
    assert!(matches!(standby.open_group(&commitment), Err(VaultError::Erased(_))));
    active.erase(&erasure(commitment)).unwrap();
    assert!(matches!(active.copy_of(&commitment), Err(VaultError::Erased(_))));
}

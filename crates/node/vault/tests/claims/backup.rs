//! Backups and restores: one moment, no key in the content, erased groups stay erased.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{CHEAP, bytes, create, envelope_of, erasure, passphrase, seal};
use chaincity_crypto::cipher::Secret;
use chaincity_crypto::envelope::ReaderKey;
use chaincity_types::Timestamp;
use chaincity_vault::{Passphrase, Recovered, Term, Vault, VaultError};

#[test]
fn a_restored_vault_opens_everything_and_what_was_erased_stays_erased() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let terms = [Term::new("name", "张三")];
    let erased_before = seal(&vault, 1, b"\xa1\x01\x01", &terms).unwrap();
    let erased_after = seal(&vault, 2, b"\xa1\x01\x02", &terms).unwrap();
    let stays = seal(&vault, 3, b"\xa1\x01\x03", &terms).unwrap();
    let reader = ReaderKey::from_seed(&Secret::from_bytes([4; 32]));
    let envelope = envelope_of(&vault.open_group(&erased_after).unwrap(), "a/1", &reader, 1);
    vault.keep_envelope("a/1", &envelope, Timestamp(1)).unwrap();
    vault.erase(&erasure(erased_before)).unwrap();
    let backup = folder.path().join("backup");
    vault.backup(&backup).unwrap();
    vault.erase(&erasure(erased_after)).unwrap();
    let later = seal(&vault, 4, b"\xa1\x01\x04", &terms).unwrap();
    let path = vault.folder().to_owned();
    drop(vault);
    fs::remove_dir_all(&path).unwrap();

    let vault = Vault::restore(&backup, &path, &passphrase()).unwrap();
    let erasures = [erasure(erased_before), erasure(erased_after)];
    let reapplied = vault.reapply_erasures(&erasures).unwrap();
    assert_eq!((reapplied.erased, reapplied.absent), (1, 1));
    assert_eq!(bytes(&vault.open_group(&stays).unwrap()), b"\xa1\x01\x03");
    for erased in [erased_before, erased_after] {
        assert!(matches!(vault.open_group(&erased), Err(VaultError::Erased(_))));
    }
    assert!(vault.envelope("a/1").unwrap().is_none());
    assert!(matches!(vault.open_group(&later), Err(VaultError::Unknown(_))));
    assert_eq!(vault.search("name", "张三", 10).unwrap(), [stays]);
}

#[test]
fn a_restored_vault_answers_nothing_before_erasures_are_applied() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let commitment = seal(&vault, 1, b"\xa0", &[]).unwrap();
    let backup = folder.path().join("backup");
    vault.backup(&backup).unwrap();
    drop(vault);
    let path = folder.path().join("standby/vault");
    let mut vault = Vault::restore(&backup, &path, &passphrase()).unwrap();
    for _ in 0..2 {
        let refused = [
            vault.open_group(&commitment).err(),
            seal(&vault, 2, b"\xa0", &[]).err(),
            vault.search("name", "x", 1).err(),
            vault.erase(&erasure(commitment)).err(),
            vault.envelope("a/1").err(),
            vault.drop_envelopes(Timestamp(1)).err(),
            vault.rotate(Timestamp(2)).err(),
            vault.renew(&passphrase(), Timestamp(2)).err(),
            vault.rewrap(1).err(),
            vault.backup(&folder.path().join("second")).err(),
        ];
        for error in refused {
            assert!(matches!(error, Some(VaultError::ErasuresPending)), "{error:?}");
        }
        assert!(vault.summary().unwrap().erasures_pending);
        // A restart changes nothing of that.
        drop(vault);
        vault = Vault::open(&path, &passphrase()).unwrap();
    }
    vault.reapply_erasures(&[]).unwrap();
    assert_eq!(bytes(&vault.open_group(&commitment).unwrap()), b"\xa0");
    drop(vault);
    let vault = Vault::open(&path, &passphrase()).unwrap();
    assert_eq!(bytes(&vault.open_group(&commitment).unwrap()), b"\xa0");
}

#[test]
fn a_backup_is_of_one_moment_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let term = [Term::new("name", "张三")];
    for number in 0..40 {
        seal(&vault, number, b"\xa0", &term).unwrap();
    }
    let done = AtomicBool::new(false);
    let backups: Vec<_> = (0..6).map(|n| folder.path().join(format!("backup-{n}"))).collect();
    std::thread::scope(|scope| {
        // Each step seals one, moves some to a new epoch, and erases what it sealed.
        let writer = scope.spawn(|| {
            let mut steps = 0_u64;
            while !done.load(Ordering::Relaxed) && steps < 100 {
                let number = 50 + u8::try_from(steps).unwrap();
                let sealed = seal(&vault, number, b"\xa0", &term).unwrap();
                if steps.is_multiple_of(4) {
                    vault.rotate(Timestamp(2 + steps)).unwrap();
                }
                vault.rewrap(15).unwrap();
                vault.erase(&erasure(sealed)).unwrap();
                steps += 1;
            }
            steps
        });
        for backup in &backups {
            vault.backup(backup).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 0);
    });
    for (n, backup) in backups.iter().enumerate() {
        let path = folder.path().join(format!("restored-{n}/vault"));
        let restored = Vault::restore(backup, &path, &passphrase()).unwrap();
        restored.reapply_erasures(&[]).unwrap();
        let found = restored.search("name", "张三", 100).unwrap();
        // Each whole step leaves the 40; within one there is one more.
        assert!((40..=41).contains(&found.len()), "{}", found.len());
        for commitment in &found {
            assert_eq!(bytes(&restored.open_group(commitment).unwrap()), b"\xa0");
        }
        assert_eq!(restored.summary().unwrap().groups, u64::try_from(found.len()).unwrap());
    }
}

#[test]
fn content_without_the_keys_of_its_epoch_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    seal(&vault, 1, b"\xa0", &[]).unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    vault.backup(&old).unwrap();
    vault.rotate(Timestamp(2)).unwrap();
    assert_eq!(vault.rewrap(10).unwrap(), 0);
    vault.backup(&new).unwrap();
    let shares = vault.escrow_shares(2, 2).unwrap();
    let path = folder.path().join("restored/vault");
    // Only the newer keys are left. Neither passphrase nor escrow helps.
    fs::copy(new.join("keys.cbor"), old.join("keys.cbor")).unwrap();
    let gone = Vault::restore(&old, &path, &passphrase());
    assert!(matches!(gone, Err(VaultError::EpochGone { epoch: 1 })));
    let gone = Vault::restore(&old, &path, &Recovered::from_shares(&shares).unwrap());
    assert!(matches!(gone, Err(VaultError::EpochGone { epoch: 1 })));
    fs::remove_file(old.join("keys.cbor")).unwrap();
    assert!(matches!(Vault::restore(&old, &path, &passphrase()), Err(VaultError::Missing)));
    // A failed restore leaves no vault behind, and the next one is made in its place.
    Vault::restore(&new, &path, &passphrase()).unwrap();
}

#[test]
fn a_backup_opens_with_the_passphrase_of_its_time_or_with_the_escrow() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let commitment = seal(&vault, 1, b"\xa0", &[]).unwrap();
    let shares = vault.escrow_shares(2, 3).unwrap();
    let backup = folder.path().join("backup");
    vault.backup(&backup).unwrap();
    let new = Passphrase::with_cost("another passphrase", CHEAP).unwrap();
    vault.change_key_encryption(&new).unwrap();
    let path = folder.path().join("restored/vault");
    assert!(matches!(Vault::restore(&backup, &path, &new), Err(VaultError::KeyWrong)));
    let recovered = Recovered::from_shares(&shares[1..]).unwrap();
    let restored = Vault::restore(&backup, &path, &recovered).unwrap();
    restored.reapply_erasures(&[]).unwrap();
    assert_eq!(bytes(&restored.open_group(&commitment).unwrap()), b"\xa0");
    drop(restored);
    Vault::open(&path, &passphrase()).unwrap();
}

#[test]
fn no_backup_and_no_vault_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let backup = folder.path().join("backup");
    // What a crash in the middle of a backup leaves is no backup.
    fs::create_dir(&backup).unwrap();
    fs::write(backup.join("content.part"), b"half").unwrap();
    let path = folder.path().join("restored/vault");
    assert!(matches!(Vault::restore(&backup, &path, &passphrase()), Err(VaultError::Missing)));
    vault.backup(&backup).unwrap();
    assert!(matches!(vault.backup(&backup), Err(VaultError::Exists)));
    let in_use = Vault::restore(&backup, vault.folder(), &passphrase());
    assert!(matches!(in_use, Err(VaultError::InUse)));
    let live = vault.folder().to_owned();
    drop(vault);
    assert!(matches!(Vault::restore(&backup, &live, &passphrase()), Err(VaultError::Exists)));
    let elsewhere = folder.path().join("elsewhere");
    assert!(matches!(Vault::restore(&backup, &elsewhere, &passphrase()), Err(VaultError::Folder)));
    // Nor is a vault that a crash left half made in the way.
    let half = folder.path().join("half/vault");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("vault.part"), b"half").unwrap();
    Vault::create(&half, &passphrase(), Timestamp(1)).unwrap();
}

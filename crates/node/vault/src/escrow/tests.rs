#![allow(clippy::arithmetic_side_effects, clippy::string_slice, reason = "tests")]

use super::*;
use crate::{Cost, Passphrase};
use chaincity_types::Timestamp;

const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

fn passphrase() -> Passphrase {
    Passphrase::with_cost("correct horse battery", CHEAP).unwrap()
}

fn vault(folder: &tempfile::TempDir) -> Vault {
    Vault::create(&folder.path().join("vault"), &passphrase(), Timestamp(1)).unwrap()
}

#[test]
fn any_three_of_five_shares_open_the_vault_and_no_two() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let shares = vault.escrow_shares(3, 5).unwrap();
    let path = vault.folder().to_owned();
    drop(vault);
    for a in 0..5 {
        for b in a + 1..5 {
            let two = [shares[a].clone(), shares[b].clone()];
            assert!(matches!(
                Recovered::from_shares(&two),
                Err(VaultError::SharesTooFew { needed: 3, given: 2 })
            ));
            for c in b + 1..5 {
                let three = [shares[c].clone(), shares[a].clone(), shares[b].clone()];
                drop(Vault::open(&path, &Recovered::from_shares(&three).unwrap()).unwrap());
            }
        }
    }
    assert!(Recovered::from_shares(&shares).is_ok());
}

#[test]
fn the_same_share_twice_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let shares = vault(&folder).escrow_shares(2, 3).unwrap();
    let twice = [shares[0].clone(), shares[0].clone()];
    assert!(matches!(
        Recovered::from_shares(&twice),
        Err(VaultError::SharesTooFew { needed: 2, given: 1 })
    ));
    assert!(matches!(Recovered::from_shares(&[]), Err(VaultError::SharesTooFew { given: 0, .. })));
}

#[test]
fn forged_shares_open_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let mut shares = vault.escrow_shares(2, 3).unwrap();
    let path = vault.folder().to_owned();
    drop(vault);
    shares[1].point[7] ^= 1;
    let recovered = Recovered::from_shares(&shares[..2]).unwrap();
    assert!(matches!(Vault::open(&path, &recovered), Err(VaultError::KeyWrong)));
    // Fewer than needed, whose holders claim that they are enough.
    let mut shares: Vec<Share> = shares.into_iter().skip(1).collect();
    for share in &mut shares {
        share.needed = 1;
    }
    let recovered = Recovered::from_shares(&shares[..1]);
    assert!(matches!(recovered, Err(VaultError::ShareDamaged)));
}

#[test]
fn shares_of_two_escrows_or_two_vaults_do_not_belong_together() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let vault_one = vault(&one);
    let first = vault_one.escrow_shares(2, 3).unwrap();
    let second = vault_one.escrow_shares(2, 3).unwrap();
    let mixed = [first[0].clone(), second[1].clone()];
    assert!(matches!(Recovered::from_shares(&mixed), Err(VaultError::SharesDiffer)));
    // Each escrow is good, but for its own vault alone.
    let path = vault_one.folder().to_owned();
    drop(vault_one);
    for shares in [&first, &second] {
        drop(Vault::open(&path, &Recovered::from_shares(&shares[1..]).unwrap()).unwrap());
    }
    let foreign = vault(&other).escrow_shares(2, 3).unwrap();
    let recovered = Recovered::from_shares(&foreign).unwrap();
    assert!(matches!(Vault::open(&path, &recovered), Err(VaultError::KeyWrong)));
}

#[test]
fn a_share_is_a_line_and_a_mistyped_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let share = vault(&folder).escrow_shares(2, 2).unwrap().remove(0);
    let text = share.to_text();
    assert!(!text.contains('\n'));
    assert_eq!(Share::from_text(&format!(" {}\n", text.as_str())).unwrap(), share);
    for at in PREFIX.len()..text.len() {
        let old = &text[at..=at];
        let new = if old == "0" { "1" } else { "0" };
        let mistyped = [&text[..at], new, &text[at + 1..]].concat();
        assert!(matches!(Share::from_text(&mistyped), Err(VaultError::ShareDamaged)), "{at}");
    }
    assert!(Share::from_text(&text[..text.len() - 2]).is_err());
    assert!(Share::from_text("").is_err());
}

#[test]
fn shares_outlive_a_change_of_passphrase_and_a_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let shares = vault.escrow_shares(2, 3).unwrap();
    vault.rotate(Timestamp(2)).unwrap();
    assert_eq!(vault.rewrap(10).unwrap(), 0);
    let new = Passphrase::with_cost("another passphrase", CHEAP).unwrap();
    vault.change_key_encryption(&new).unwrap();
    let path = vault.folder().to_owned();
    drop(vault);
    let recovered = Recovered::from_shares(&shares[1..]).unwrap();
    let vault = Vault::open(&path, &recovered).unwrap();
    vault.change_key_encryption(&passphrase()).unwrap();
    drop(vault);
    drop(Vault::open(&path, &passphrase()).unwrap());
    assert!(matches!(Vault::open(&path, &new), Err(VaultError::KeyWrong)));
}

#[test]
fn an_escrow_has_a_sensible_shape() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    for (needed, count) in [(0, 0), (0, 3), (1, 3), (4, 3), (1, 1)] {
        let shares = vault.escrow_shares(needed, count);
        assert!(matches!(shares, Err(VaultError::EscrowShape)), "{needed} of {count}");
    }
    assert_eq!(vault.escrow_shares(2, 255).unwrap().len(), 255);
}

#[test]
fn no_share_and_no_recovered_key_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let shares = vault(&folder).escrow_shares(2, 2).unwrap();
    assert_eq!(format!("{:?}", shares[0]), "Share(1, redacted)");
    let recovered = Recovered::from_shares(&shares).unwrap();
    assert_eq!(format!("{recovered:?}"), "Recovered(redacted)");
}

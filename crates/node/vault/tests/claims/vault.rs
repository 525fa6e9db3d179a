//! What a vault does: seal, open, find, erase, rotate, keep envelopes.

use crate::common::{
    CHEAP, bytes, create, envelope_of, erasure, passphrase, place, reopen, request, seal,
};
use chaincity_crypto::cipher::Secret;
use chaincity_crypto::envelope::{self, ReaderKey};
use chaincity_crypto::groups::{GROUP_BYTES_MAX, GroupError};
use chaincity_types::{Digest, Timestamp};
use chaincity_vault::{Erasure, Passphrase, Place, Sealing, Term, Vault, VaultError};

#[test]
fn a_sealed_group_opens_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let commitment = seal(&vault, 1, b"\xa0", &[]).unwrap();
    let vault = reopen(vault);
    let opened = vault.open_group(&commitment).unwrap();
    assert_eq!(bytes(&opened), b"\xa0");
    assert_eq!(opened.context.commitment, commitment);
    assert_eq!(opened.context.register, "right");
    assert_eq!(opened.group.commitment(), commitment);
    let other = Digest([1; 32]);
    assert!(matches!(vault.open_group(&other), Err(VaultError::Unknown(d)) if d == other));
}

#[test]
fn equal_values_have_different_commitments() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let one = seal(&vault, 1, b"\xa0", &[]).unwrap();
    let two = seal(&vault, 2, b"\xa0", &[]).unwrap();
    assert_ne!(one, two);
}

#[test]
fn the_same_request_gives_the_same_commitment_and_no_other_content() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let terms = [Term::new("name", "张三"), Term::new("name", "李四")];
    let commitment = seal(&vault, 1, b"\xa0", &terms).unwrap();
    let vault = reopen(vault);
    let again = [Term::new("name", "李 四"), Term::new("name", "张三")];
    assert_eq!(seal(&vault, 1, b"\xa0", &again).unwrap(), commitment);
    assert_eq!(vault.summary().unwrap().groups, 1);
    let differs = |result| assert!(matches!(result, Err(VaultError::RequestDiffers)));
    differs(seal(&vault, 1, b"\xa1\x01\x02", &terms));
    differs(seal(&vault, 1, b"\xa0", &terms[..1]));
    let elsewhere = Place { group: "price".into(), ..place() };
    let sealing = Sealing {
        request: request(1),
        place: &elsewhere,
        bytes: b"\xa0",
        terms: &terms,
        permanent: false,
    };
    differs(vault.seal(&sealing));
    differs(vault.seal(&Sealing { place: &place(), permanent: true, ..sealing }));
}

#[test]
fn what_is_too_long_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let long = vec![0; GROUP_BYTES_MAX + 1];
    let refused = seal(&vault, 1, &long, &[]);
    assert!(matches!(refused, Err(VaultError::Group(GroupError::TooLong))));
    let refused = seal(&vault, 1, b"\xa0", &[Term::new("name", "")]);
    assert!(matches!(refused, Err(VaultError::Terms { .. })));
    assert_eq!(vault.summary().unwrap().groups, 0);
    seal(&vault, 1, &long[1..], &[]).unwrap();
}

#[test]
fn a_vault_opens_with_its_passphrase_in_its_folder_for_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault");
    assert!(matches!(Vault::open(&path, &passphrase()), Err(VaultError::Missing)));
    assert!(!path.exists());
    let vault = create(&folder);
    assert!(matches!(Vault::open(&path, &passphrase()), Err(VaultError::InUse)));
    drop(vault);
    let again = Vault::create(&path, &passphrase(), Timestamp(1));
    assert!(matches!(again, Err(VaultError::Exists)));
    let wrong = Passphrase::with_cost("some other passphrase", CHEAP).unwrap();
    assert!(matches!(Vault::open(&path, &wrong), Err(VaultError::KeyWrong)));
    Vault::open(&path, &passphrase()).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    let refused = Vault::create(&elsewhere, &passphrase(), Timestamp(1));
    assert!(matches!(refused, Err(VaultError::Folder)));
    assert!(!elsewhere.exists());
}

#[test]
fn a_changed_passphrase_opens_and_the_former_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let commitment = seal(&vault, 1, b"\xa0", &[]).unwrap();
    let new = Passphrase::with_cost("another passphrase", CHEAP).unwrap();
    vault.change_key_encryption(&new).unwrap();
    assert_eq!(bytes(&vault.open_group(&commitment).unwrap()), b"\xa0");
    let path = vault.folder().to_owned();
    drop(vault);
    assert!(matches!(Vault::open(&path, &passphrase()), Err(VaultError::KeyWrong)));
    let vault = Vault::open(&path, &new).unwrap();
    assert_eq!(bytes(&vault.open_group(&commitment).unwrap()), b"\xa0");
}

#[test]
fn an_altered_file_opens_nothing_false() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let one = seal(&vault, 1, b"\xa1\x01\x01", &[]).unwrap();
    let two = seal(&vault, 2, b"\xa1\x01\x02", &[]).unwrap();
    let path = vault.folder().join("vault.sqlite");
    drop(vault);
    // Whoever can write the file puts one group in another one's place.
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute(
            "UPDATE field_group SET (context, data_key, content, terms) = \
             (SELECT context, data_key, content, terms FROM field_group WHERE commitment = ?1) \
             WHERE commitment = ?2",
            (two.as_bytes(), one.as_bytes()),
        )
        .unwrap();
    drop(connection);
    let vault = Vault::open(&folder.path().join("vault"), &passphrase()).unwrap();
    assert!(matches!(vault.open_group(&one), Err(VaultError::Damaged(_))));
    assert_eq!(bytes(&vault.open_group(&two).unwrap()), b"\xa1\x01\x02");
    drop(vault);
    let mut whole = std::fs::read(&path).unwrap();
    let at = whole.len() / 2;
    whole.truncate(at);
    std::fs::write(&path, whole).unwrap();
    let damaged = Vault::open(&folder.path().join("vault"), &passphrase());
    assert!(matches!(damaged, Err(VaultError::Damaged(_))));
}

#[test]
fn a_group_is_found_by_its_terms_alone() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let name = |text| Term::new("name", text);
    let one = seal(&vault, 1, b"\xa0", &[name("张三"), Term::new("address", "王府井 1")]).unwrap();
    let two = seal(&vault, 2, b"\xa0", &[name("张三")]).unwrap();
    let mut both = vec![one, two];
    both.sort();
    assert_eq!(vault.search("name", " 张 三", 10).unwrap(), both);
    assert_eq!(vault.search("name", "张三", 1).unwrap(), both[..1]);
    assert_eq!(vault.search("address", "王府井１", 10).unwrap(), [one]);
    assert!(vault.search("address", "张三", 10).unwrap().is_empty());
    assert!(vault.search("name", "张", 10).unwrap().is_empty());
    assert!(matches!(vault.search("name", " ", 10), Err(VaultError::Terms { .. })));
}

#[test]
fn an_erased_group_is_gone_with_its_terms_and_envelopes() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let terms = [Term::new("name", "张三")];
    let erased = seal(&vault, 1, b"\xa1\x01\x01", &terms).unwrap();
    let stays = seal(&vault, 2, b"\xa1\x01\x02", &terms).unwrap();
    let reader = ReaderKey::from_seed(&Secret::from_bytes([4; 32]));
    for (access, commitment) in [("a/1", erased), ("a/2", stays)] {
        let opened = vault.open_group(&commitment).unwrap();
        let envelope = envelope_of(&opened, access, &reader, 1);
        vault.keep_envelope(access, &envelope, Timestamp(1)).unwrap();
    }
    vault.erase(&erasure(erased)).unwrap();
    let vault = reopen(vault);
    assert!(matches!(vault.open_group(&erased), Err(VaultError::Erased(d)) if d == erased));
    assert_eq!(vault.search("name", "张三", 10).unwrap(), [stays]);
    assert!(vault.envelope("a/1").unwrap().is_none());
    assert!(vault.envelope("a/2").unwrap().is_some());
    assert_eq!(bytes(&vault.open_group(&stays).unwrap()), b"\xa1\x01\x02");
    // Twice is no error; and what was erased is not sealed again by a late retry.
    vault.erase(&erasure(erased)).unwrap();
    let again = seal(&vault, 1, b"\xa1\x01\x01", &terms);
    assert!(matches!(again, Err(VaultError::Erased(d)) if d == erased));
    assert_eq!(vault.summary().unwrap().erased, 1);
}

#[test]
fn an_erasure_needs_a_group_a_basis_and_no_permanence() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let unknown = Digest([1; 32]);
    assert!(matches!(vault.erase(&erasure(unknown)), Err(VaultError::Unknown(_))));
    let commitment = seal(&vault, 1, b"\xa0", &[]).unwrap();
    let baseless = Erasure { basis: " ".into(), ..erasure(commitment) };
    assert!(matches!(vault.erase(&baseless), Err(VaultError::BasisMissing)));
    let sealing = Sealing {
        request: request(2),
        place: &place(),
        bytes: b"\xa0",
        terms: &[],
        permanent: true,
    };
    let permanent = vault.seal(&sealing).unwrap();
    let refused = vault.erase(&erasure(permanent));
    assert!(matches!(refused, Err(VaultError::Permanent(d)) if d == permanent));
    let reapplied = vault.reapply_erasures(&[erasure(permanent), erasure(unknown)]).unwrap();
    assert_eq!((reapplied.erased, reapplied.absent), (0, 1));
    assert_eq!(reapplied.permanent, [permanent]);
    assert!(matches!(vault.open_group(&unknown), Err(VaultError::Erased(_))));
    for commitment in [commitment, permanent] {
        assert_eq!(bytes(&vault.open_group(&commitment).unwrap()), b"\xa0");
    }
}

#[test]
fn a_rotation_moves_all_groups_and_can_be_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let term = [Term::new("name", "张三")];
    let mut sealed: Vec<Digest> =
        (0..5).map(|number| seal(&vault, number, b"\xa0", &term).unwrap()).collect();
    assert_eq!(vault.rotate(Timestamp(2)).unwrap(), 2);
    sealed.push(seal(&vault, 5, b"\xa0", &term).unwrap());
    sealed.sort();
    let mut vault = vault;
    for left in [3, 1, 0, 0] {
        assert_eq!(vault.rewrap(2).unwrap(), left);
        // Interrupted at any point: everything opens, and is found once.
        vault = reopen(vault);
        assert_eq!(vault.search("name", "张三", 10).unwrap(), sealed);
        for commitment in &sealed {
            assert_eq!(bytes(&vault.open_group(commitment).unwrap()), b"\xa0");
        }
        let summary = vault.summary().unwrap();
        assert_eq!((summary.behind, summary.epoch), (left, (2, Timestamp(2))));
    }
    // Two epochs at once.
    vault.rotate(Timestamp(3)).unwrap();
    vault.rewrap(1).unwrap();
    vault.rotate(Timestamp(4)).unwrap();
    assert_eq!(vault.rewrap(100).unwrap(), 0);
    let vault = reopen(vault);
    assert_eq!(vault.search("name", "张三", 10).unwrap(), sealed);
    assert_eq!(bytes(&vault.open_group(&sealed[0]).unwrap()), b"\xa0");
}

#[test]
fn an_envelope_is_kept_once_and_dropped_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let commitment = seal(&vault, 1, b"\xa1\x01\x01", &[]).unwrap();
    let opened = vault.open_group(&commitment).unwrap();
    let reader = ReaderKey::from_seed(&Secret::from_bytes([4; 32]));
    let kept = envelope_of(&opened, "a/1", &reader, 1);
    vault.keep_envelope("a/1", &kept, Timestamp(5)).unwrap();
    vault.keep_envelope("a/1", &kept, Timestamp(9)).unwrap();
    let other = envelope_of(&opened, "a/1", &reader, 2);
    let refused = vault.keep_envelope("a/1", &other, Timestamp(9));
    assert!(matches!(refused, Err(VaultError::EnvelopeDiffers)));
    let vault = reopen(vault);
    let read = vault.envelope("a/1").unwrap().unwrap();
    assert_eq!(read.digest(), kept.digest());
    let expected = &kept.groups[0].context;
    assert_eq!(envelope::open(&reader, &read.groups[0], expected).unwrap(), opened.group);
    assert!(vault.envelope("a/2").unwrap().is_none());
    assert_eq!(vault.drop_envelopes(Timestamp(5)).unwrap(), 0);
    assert_eq!(vault.drop_envelopes(Timestamp(6)).unwrap(), 1);
    assert!(vault.envelope("a/1").unwrap().is_none());
}

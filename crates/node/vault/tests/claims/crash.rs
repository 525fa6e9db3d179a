//! A crash at any point leaves what was before or what is after, and nothing between.

use std::fs;
use std::path::Path;

use crate::common::{CHEAP, bytes, create, envelope_of, erasure, passphrase, seal};
use chaincity_crypto::cipher::Secret;
use chaincity_crypto::envelope::ReaderKey;
use chaincity_types::{Digest, Timestamp};
use chaincity_vault::{Passphrase, Summary, Term, Vault};

/// Header of SQLite's write-ahead log, and of each frame in it; then a page.
const LOG_HEADER: usize = 32;
const FRAME: usize = 24 + 4096;

/// All that a vault answers.
#[derive(Debug, PartialEq, Eq)]
struct Answers {
    summary: Summary,
    opened: Vec<Result<Vec<u8>, &'static str>>,
    found: Vec<Digest>,
    envelope: Option<Digest>,
}

fn answers(vault: &Vault, commitments: &[Digest]) -> Answers {
    let open = |commitment: &Digest| match vault.open_group(commitment) {
        Ok(opened) => Ok(bytes(&opened).to_vec()),
        Err(error) => Err(error.code()),
    };
    Answers {
        summary: vault.summary().unwrap(),
        opened: commitments.iter().map(open).collect(),
        found: vault.search("name", "张三", 100).unwrap(),
        envelope: vault.envelope("a/1").unwrap().map(|envelope| envelope.digest()),
    }
}

fn open_either(path: &Path) -> Vault {
    let new = Passphrase::with_cost("another passphrase", CHEAP).unwrap();
    Vault::open(path, &passphrase()).or_else(|_not| Vault::open(path, &new)).unwrap()
}

/// Runs `step` on a vault with three groups, and then opens what every crash within could have
/// left: the file as it was and each beginning of the log that the step wrote.
fn crash_within(step: impl FnOnce(&Vault, &[Digest])) {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let terms = [Term::new("name", "张三")];
    let sealed: Vec<Digest> =
        (0..3).map(|number| seal(&vault, number, &[0xa1, 1, number], &terms).unwrap()).collect();
    drop(vault);
    let vault = Vault::open(&folder.path().join("vault"), &passphrase()).unwrap();
    let before = answers(&vault, &sealed);
    // A reader keeps the log from being moved into the file and emptied.
    let file = vault.folder().join("vault.sqlite");
    let reader = rusqlite::Connection::open(&file).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM keys;").unwrap();
    step(&vault, &sealed);
    let after = answers(&vault, &sealed);
    let whole = fs::read(&file).unwrap();
    let log = fs::read(vault.folder().join("vault.sqlite-wal")).unwrap();
    drop((reader, vault));
    assert!(log.len() >= LOG_HEADER + FRAME, "nothing was written");

    let mut seen = Vec::new();
    let frames = (log.len() - LOG_HEADER) / FRAME;
    let ends = (0..=frames).map(|frame| LOG_HEADER + frame * FRAME);
    for end in ends.flat_map(|end| [end, end + 100]).filter(|end| *end <= log.len()) {
        let crashed = folder.path().join(format!("crash-{end}/vault"));
        fs::create_dir_all(&crashed).unwrap();
        fs::write(crashed.join("vault.sqlite"), &whole).unwrap();
        fs::write(crashed.join("vault.sqlite-wal"), &log[..end]).unwrap();
        let vault = open_either(&crashed);
        let found = answers(&vault, &sealed);
        let is_after = found == after;
        assert!(is_after || found == before, "log of {end} bytes: {found:?}");
        seen.push(is_after);
        // It goes on from there.
        seal(&vault, 99, b"\xa0", &[]).unwrap();
        vault.rewrap(100).unwrap();
        assert_eq!(vault.summary().unwrap().behind, 0);
    }
    assert!(seen.is_sorted(), "once there, it stays");
    assert_eq!(seen.first(), Some(&false));
    assert_eq!(seen.last(), Some(&true));
}

#[test]
fn a_crash_within_sealing() {
    crash_within(|vault, _| {
        seal(vault, 7, &vec![0; 20_000], &[Term::new("name", "张三")]).unwrap();
    });
}

#[test]
fn a_crash_within_erasing() {
    crash_within(|vault, sealed| vault.erase(&erasure(sealed[1])).unwrap());
}

#[test]
fn a_crash_within_reapplying_erasures() {
    crash_within(|vault, sealed| {
        vault.reapply_erasures(&[erasure(sealed[0]), erasure(sealed[2])]).unwrap();
    });
}

#[test]
fn a_crash_within_beginning_an_epoch() {
    crash_within(|vault, _| {
        vault.rotate(Timestamp(2)).unwrap();
    });
}

#[test]
fn a_crash_within_renewing_the_master_key() {
    crash_within(|vault, _| {
        vault.renew(&passphrase(), Timestamp(2)).unwrap();
    });
}

#[test]
fn a_crash_within_moving_groups_to_an_epoch() {
    crash_within_rewrap(2, 1);
    // The last step also destroys the old epoch's key.
    crash_within_rewrap(10, 0);
}

/// As [`crash_within`], for one step of moving, which has its own state before.
fn crash_within_rewrap(max: u32, left: u64) {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let terms = [Term::new("name", "张三")];
    let sealed: Vec<Digest> =
        (0..3).map(|number| seal(&vault, number, &[0xa1, 1, number], &terms).unwrap()).collect();
    vault.rotate(Timestamp(2)).unwrap();
    drop(vault);
    let vault = Vault::open(&folder.path().join("vault"), &passphrase()).unwrap();
    let file = vault.folder().join("vault.sqlite");
    let reader = rusqlite::Connection::open(&file).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM keys;").unwrap();
    assert_eq!(vault.rewrap(max).unwrap(), left);
    let whole = fs::read(&file).unwrap();
    let log = fs::read(vault.folder().join("vault.sqlite-wal")).unwrap();
    drop((reader, vault));
    let mut behind = Vec::new();
    for frame in 0..=(log.len() - LOG_HEADER) / FRAME {
        let crashed = folder.path().join(format!("crash-{frame}/vault"));
        fs::create_dir_all(&crashed).unwrap();
        fs::write(crashed.join("vault.sqlite"), &whole).unwrap();
        let log = &log[..LOG_HEADER + frame * FRAME];
        fs::write(crashed.join("vault.sqlite-wal"), log).unwrap();
        let mut vault = Vault::open(&crashed, &passphrase()).unwrap();
        behind.push(vault.summary().unwrap().behind);
        for _ in 0..2 {
            for (number, commitment) in (0..).zip(&sealed) {
                assert_eq!(bytes(&vault.open_group(commitment).unwrap()), [0xa1, 1, number]);
            }
            assert_eq!(vault.search("name", "张三", 10).unwrap().len(), 3);
            assert_eq!(vault.rewrap(100).unwrap(), 0);
            vault = crate::common::reopen(vault);
        }
    }
    behind.dedup();
    assert_eq!(behind, [3, left]);
}

#[test]
fn a_crash_within_changing_the_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let commitment = seal(&vault, 1, b"\xa0", &[]).unwrap();
    let file = vault.folder().join("vault.sqlite");
    drop(vault);
    let vault = Vault::open(&folder.path().join("vault"), &passphrase()).unwrap();
    let reader = rusqlite::Connection::open(&file).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM keys;").unwrap();
    let new = Passphrase::with_cost("another passphrase", CHEAP).unwrap();
    vault.change_key_encryption(&new).unwrap();
    let whole = fs::read(&file).unwrap();
    let log = fs::read(vault.folder().join("vault.sqlite-wal")).unwrap();
    drop((reader, vault));
    let mut opened_by_new = Vec::new();
    for frame in 0..=(log.len() - LOG_HEADER) / FRAME {
        let crashed = folder.path().join(format!("crash-{frame}/vault"));
        fs::create_dir_all(&crashed).unwrap();
        fs::write(crashed.join("vault.sqlite"), &whole).unwrap();
        fs::write(crashed.join("vault.sqlite-wal"), &log[..LOG_HEADER + frame * FRAME]).unwrap();
        let by_old = Vault::open(&crashed, &passphrase()).map(drop).is_ok();
        let by_new = Vault::open(&crashed, &new).map(drop).is_ok();
        assert_ne!(by_old, by_new, "exactly one opens");
        let vault = open_either(&crashed);
        assert_eq!(bytes(&vault.open_group(&commitment).unwrap()), b"\xa0");
        opened_by_new.push(by_new);
    }
    opened_by_new.dedup();
    assert_eq!(opened_by_new, [false, true]);
}

#[test]
fn a_crash_within_keeping_an_envelope() {
    crash_within(|vault, sealed| {
        let reader = ReaderKey::from_seed(&Secret::from_bytes([4; 32]));
        let opened = vault.open_group(&sealed[0]).unwrap();
        let envelope = envelope_of(&opened, "a/1", &reader, 1);
        vault.keep_envelope("a/1", &envelope, Timestamp(3)).unwrap();
    });
}

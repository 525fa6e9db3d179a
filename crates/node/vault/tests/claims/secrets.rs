//! What the files show without keys, and what is never printed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::common::{
    CHEAP, PASSPHRASE, create, envelope_of, erasure, files, holding, passphrase, place, request,
    seal,
};
use chaincity_crypto::cipher::Secret;
use chaincity_crypto::envelope::ReaderKey;
use chaincity_types::Timestamp;
use chaincity_vault::{Passphrase, Recovered, Sealing, Share, Term, Vault, VaultError};

const NAME: &str = "张三planted";
const NUMBER: &str = "110101190001019996";

fn planted() -> Vec<u8> {
    [&b"\xa1\x64name"[..], b"\x6d", NAME.as_bytes(), NUMBER.as_bytes()].concat()
}

fn terms() -> [Term; 2] {
    [Term::new("holder-name", NAME), Term::new("id-number", NUMBER)]
}

#[test]
fn no_file_of_vault_or_backup_holds_a_value_a_term_or_the_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let sealed: Vec<_> =
        (0..20).map(|number| seal(&vault, number, &planted(), &terms()).unwrap()).collect();
    let salts: Vec<Secret> = sealed
        .iter()
        .map(|commitment| vault.open_group(commitment).unwrap().group.salt().clone())
        .collect();
    let opened = vault.open_group(&sealed[0]).unwrap();
    let reader = ReaderKey::from_seed(&Secret::from_bytes([4; 32]));
    vault.keep_envelope("a/1", &envelope_of(&opened, "a/1", &reader, 1), Timestamp(1)).unwrap();
    vault.backup(&folder.path().join("first")).unwrap();
    vault.erase(&erasure(sealed[1])).unwrap();
    vault.rotate(Timestamp(2)).unwrap();
    vault.rewrap(10).unwrap();
    vault.backup(&folder.path().join("second")).unwrap();
    assert_eq!(vault.search("id-number", NUMBER, 100).unwrap().len(), 19);
    seal(&vault, 30, &planted(), &terms()).unwrap();

    // With the log beside the file, as while it is in use.
    let names: Vec<String> = files(folder.path())
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    for name in ["vault.sqlite", "vault.sqlite-wal", "content.sqlite", "keys.cbor"] {
        assert!(names.iter().any(|other| other == name), "{name}");
    }
    // The search sees what is clear.
    assert!(!holding(folder.path(), b"real-estate").is_empty());
    assert!(!holding(folder.path(), sealed[5].as_bytes()).is_empty());
    let mut needles = vec![NAME.as_bytes(), NUMBER.as_bytes(), PASSPHRASE.as_bytes()];
    needles.extend([&b"holder-name"[..], b"id-number", &NUMBER.as_bytes()[..8]]);
    needles.extend(salts.iter().map(|salt| salt.as_bytes().as_slice()));
    for needle in needles {
        assert!(holding(folder.path(), needle).is_empty(), "{needle:?}");
    }
}

#[test]
fn an_erased_key_and_a_past_epochs_key_are_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let erased = seal(&vault, 1, &vec![0x5a; 9_000], &terms()).unwrap();
    let stays = seal(&vault, 2, &planted(), &terms()).unwrap();
    let live = vault.folder().to_owned();
    let stored = |commitment: &chaincity_types::Digest, column: &str| -> Vec<u8> {
        let connection = rusqlite::Connection::open(live.join("vault.sqlite")).unwrap();
        connection
            .query_row(
                &format!("SELECT {column} FROM field_group WHERE commitment = ?1"),
                [commitment.as_bytes()],
                |row| row.get(0),
            )
            .unwrap()
    };
    let (key, content) = (stored(&erased, "data_key"), stored(&erased, "content"));
    let other = stored(&stays, "data_key");
    // The beginning lies with the row, the rest on pages of its own.
    let parts = [&content[..64], &content[4_500..4_564], &content[8_900..]];
    for needle in [&key[..], &other, parts[0], parts[1], parts[2]] {
        assert!(!holding(&live, needle).is_empty());
    }
    vault.erase(&erasure(erased)).unwrap();
    for needle in [&key[..], parts[0], parts[1], parts[2]] {
        assert_eq!(holding(&live, needle), Vec::<std::path::PathBuf>::new());
    }
    assert!(!holding(&live, &other).is_empty());
    vault.rotate(Timestamp(2)).unwrap();
    let keys: Vec<u8> = rusqlite::Connection::open(live.join("vault.sqlite"))
        .unwrap()
        .query_row("SELECT value FROM keys", [], |row| row.get(0))
        .unwrap();
    // The first epoch's wrapped key: before the second entry, at the end of the first; after both the
    // key of pseudonyms, 63 bytes.
    let half = keys.len() - 163;
    let first_epoch = &keys[half - 16..half];
    assert!(!holding(&live, first_epoch).is_empty());
    assert_eq!(vault.rewrap(10).unwrap(), 0);
    assert!(holding(&live, first_epoch).is_empty());
    assert!(holding(&live, &other).is_empty());
}

#[test]
fn what_an_erasure_left_to_a_reading_backup_goes_when_the_backup_ends() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let erased = seal(&vault, 1, &planted(), &terms()).unwrap();
    let file = vault.folder().join("vault.sqlite");
    let reader = rusqlite::Connection::open(&file).unwrap();
    let key: Vec<u8> =
        reader.query_row("SELECT data_key FROM field_group", [], |row| row.get(0)).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM keys;").unwrap();
    vault.erase(&erasure(erased)).unwrap();
    assert!(!holding(vault.folder(), &key).is_empty());
    drop(reader);
    vault.backup(&folder.path().join("backup")).unwrap();
    assert!(holding(folder.path(), &key).is_empty());
}

#[test]
fn only_the_owner_can_read_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    seal(&vault, 1, &planted(), &terms()).unwrap();
    let backup = folder.path().join("backup");
    vault.backup(&backup).unwrap();
    let restored = folder.path().join("restored/vault");
    let _restored = Vault::restore(&backup, &restored, &passphrase()).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for path in [vault.folder(), &backup, &restored] {
        assert_eq!(mode(path), 0o700, "{path:?}");
    }
    for path in files(folder.path()) {
        assert_eq!(mode(&path), 0o600, "{path:?}");
    }
}

#[test]
fn nothing_that_is_printed_holds_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder);
    let place = place();
    let (bytes, terms) = (planted(), terms());
    let sealing = Sealing {
        request: request(1),
        place: &place,
        bytes: &bytes,
        terms: &terms,
        permanent: false,
    };
    let commitment = vault.seal(&sealing).unwrap();
    let opened = vault.open_group(&commitment).unwrap();
    let shares = vault.escrow_shares(2, 2).unwrap();
    let recovered = Recovered::from_shares(&shares).unwrap();
    let mut printed = vec![
        format!("{sealing:?} {vault:?} {opened:?} {terms:?} {:?}", passphrase()),
        format!("{shares:?} {recovered:?}"),
    ];

    let long = NAME.repeat(100);
    let path = vault.folder().to_owned();
    let mut errors: Vec<VaultError> = vec![
        seal(&vault, 1, NAME.as_bytes(), &terms).unwrap_err(),
        seal(&vault, 2, NAME.as_bytes(), &[Term::new("name", &long)]).unwrap_err(),
        seal(&vault, 2, &NAME.as_bytes().repeat(10_000), &terms).unwrap_err(),
        vault.search("name", &long, 1).unwrap_err(),
        Passphrase::new("口令").unwrap_err(),
        Share::from_text(&shares[0].to_text()[1..]).unwrap_err(),
        Recovered::from_shares(&shares[..1]).unwrap_err(),
    ];
    vault.erase(&erasure(commitment)).unwrap();
    errors.push(vault.seal(&sealing).unwrap_err());
    errors.push(vault.open_group(&commitment).unwrap_err());
    drop(vault);
    let wrong = Passphrase::with_cost(NAME, CHEAP);
    errors.push(wrong.err().unwrap());
    let wrong = Passphrase::with_cost(&long, CHEAP).unwrap();
    errors.push(Vault::open(&path, &wrong).unwrap_err());
    for error in &errors {
        printed.push(format!("{error} {error:?} {}", error.code()));
    }
    let share = shares[0].to_text();
    for text in &printed {
        for secret in [NAME, NUMBER, PASSPHRASE, "张三", "口令", &share[60..100]] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(!text.contains(&hex_of(opened.group.salt().as_bytes())), "{text}");
        assert!(!text.contains(&format!("{:?}", opened.group.salt().as_bytes())), "{text}");
    }
}

fn hex_of(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

//! A group that is placed on the ledger: released out of what every node has, with the vault's key.

use chaincity_crypto::groups;
use chaincity_types::cbor;
use chaincity_vault::{Place, Sealing, Term};

use super::*;
use crate::common::fields;
use crate::common::package::DEAL;

/// Planted: what the group says.
pub const NOTE: &str = "备注planted";

const UNREADABLE: (&str, &str, &str) = (
    "group-unreadable",
    "账上的密文不是封存的密文，无法解密",
    "the ciphertext on the ledger is not what was sealed, and does not open",
);

fn bytes() -> Vec<u8> {
    cbor::encode(&Value::Map(fields([("note", NOTE.into())])))
}

/// Seals a deal for the ledger: its commitment, and what the field takes.
fn sealed(city: &City) -> (Digest, Vec<u8>) {
    let place = Place {
        ledger: city.ledger(),
        package: PACKAGE.into(),
        register: REGISTER.into(),
        group: DEAL.into(),
    };
    let (bytes, terms) = (bytes(), [Term::new("note", NOTE)]);
    let sealing = Sealing {
        request: Digest([77; 32]),
        place: &place,
        bytes: &bytes,
        terms: &terms,
        permanent: false,
    };
    let sealed = city.vault.seal_for_ledger(&sealing).unwrap();
    (sealed.commitment, groups::placed(&sealed.commitment, &sealed.ciphertext))
}

fn note(city: &City, value: Vec<u8>) {
    let input = fields([("file", "f-1".into()), ("deal", Value::Bytes(value))]);
    city.apply("keeper", PACKAGE, "note-deal", input);
}

/// The file gets a deal, whose ciphertext is on the ledger; its commitment.
pub fn noted(city: &City) -> Digest {
    let (commitment, value) = sealed(city);
    note(city, value);
    commitment
}

fn ask(city: &City, grant: &str) -> String {
    city.ask(&Ask { groups: &[DEAL], ..Ask::of("f-1", grant) })
}

/// The agent releases it, and the reader opens it.
fn assert_released(city: &City, access: &str, commitment: Digest) {
    assert_eq!(city.round(&city.agent()), 1);
    let envelope = released(city, access);
    let expected =
        ReleaseContext { group: DEAL.to_owned(), ..context(city, access, commitment, 2) };
    let opened = envelope::open(&reader_key(), &envelope.groups[0], &expected).unwrap();
    assert_eq!(opened.bytes(), bytes());
}

#[test]
fn it_is_released_from_the_ledgers_ciphertext_and_a_vault_from_a_backup_needs_the_key_alone() {
    let (mut city, _, grant) = City::with_file();
    let commitment = noted(&city);
    // The vault itself has no ciphertext of it.
    assert!(matches!(city.vault.open_group(&commitment), Err(VaultError::OnLedger(_))));
    let access = ask(&city, &grant);
    assert_released(&city, &access, commitment);

    city.restore_from_backup(|_| {});
    city.follow();
    city.agent().apply_erasures().unwrap();
    let access = ask(&city, &grant);
    assert_released(&city, &access, commitment);
}

#[test]
fn a_ciphertext_that_is_not_what_was_sealed_is_refused() {
    let (city, _, grant) = City::with_file();
    let (_, mut value) = sealed(&city);
    let last = value.len() - 1;
    value[last] ^= 1;
    note(&city, value);
    let access = ask(&city, &grant);
    assert_eq!(city.round(&city.agent()), 1);
    assert_refused(&city, &access, UNREADABLE);
}

#[test]
fn its_erasure_is_the_end_of_what_every_node_keeps() {
    let (city, _, grant) = City::with_file();
    let commitment = noted(&city);
    city.erase(commitment);
    let access = ask(&city, &grant);
    assert_eq!(city.round(&city.agent()), 1);
    assert_refused(&city, &access, ERASED);
}

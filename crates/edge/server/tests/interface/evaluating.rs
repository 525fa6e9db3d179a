//! `POST /v1/sector/evaluations`: what stands on the ledger is evaluated, for the member that asked, and
//! nothing else.

use std::sync::Arc;

use chaincity_client::{Client, ClientError};
use chaincity_crypto::cipher::Secret;
use chaincity_sector::{
    Asked, BATCH_MAX, Chain, Epoch, Keys, Name, Pending, Person, Purpose, Scope, SectorId,
};
use chaincity_types::id::ResidentId;
use chaincity_types::wire::Status;
use chaincity_types::{Digest, Value, cbor};

use crate::city::{City, agent, raw};
use crate::fake::version;
use crate::vaults::{client_of, officer, token_of};

const OFFICER: &str = "reader.officer";

fn scope(ledger: Digest, purpose: Purpose, name: &str, epoch: u32) -> Scope {
    Scope { purpose, ledger, name: Name::new(name).unwrap(), epoch: Epoch::new(epoch).unwrap() }
}

/// A city whose node holds the key of a sector, which is published as `k-1`.
struct Holding {
    city: City,
    sector: Scope,
    chain: Chain,
}

impl Holding {
    fn open() -> Self {
        let ledger = City::open().node.ledger();
        let sector = scope(ledger, Purpose::Sector, "provident-fund", 1);
        let keys = Keys::new(vec![(Secret::from_bytes([1; 32]), sector.clone())]).unwrap();
        let public = keys.public().next().unwrap().clone();
        let city = City::with(|config| config.sector_keys = Some(Arc::new(keys)), 0);
        let holding = Self { city, sector, chain: Chain::new(&[public]).unwrap() };
        holding.publish("k-1", *holding.chain.keys()[0].as_bytes(), Status::Live);
        holding
    }

    fn publish(&self, record: &str, key: [u8; 32], status: Status) {
        let fields = [("public_key", Value::Bytes(key.to_vec()))];
        let mut published = version(("identity", "sector-key", record), 1, 1, &fields);
        published.status = status;
        self.city.node.put(published);
    }

    /// Puts a question on the ledger, by a member, about so many persons, under a key's record.
    fn record(&self, asked: &Asked, member: &str, persons: i64, key: &str) {
        let public = chaincity_sector::PublicKey::new(self.sector.clone(), self.chain.keys()[0]);
        let digest = asked.digest(&public).to_string();
        let fields =
            [("member", member.into()), ("persons", Value::Int(persons)), ("key", key.into())];
        self.city.node.put(version(("identity", "question", &digest), 1, 1, &fields));
    }

    fn bank(&self) -> Client {
        client_of(&self.city, officer(&self.city, 31, "bank", OFFICER))
    }
}

/// A synthetic person, born in 1900.
fn person() -> Person {
    let today = jiff::civil::date(2026, 11, 27);
    Person::of(&ResidentId::parse("431302190001010017", today).unwrap().value)
}

fn pending(of: &Scope) -> (Pending, Asked) {
    let pending = Pending::blind(of, &[person()], &mut rand::rng()).unwrap();
    let asked = Asked::First(pending.blinded().clone());
    (pending, asked)
}

/// Status and code of a refusal, told in both languages.
fn refusal<T>(answer: Result<T, ClientError>) -> (u16, String) {
    let Err(ClientError::Refused { status, body }) = answer else { panic!("not refused") };
    assert!(!body.zh.is_ascii() && body.en.is_ascii(), "{body:?}");
    (status, body.code)
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn what_stands_on_the_ledger_is_evaluated_as_often_as_it_is_fetched() {
    let holding = Holding::open();
    let (pending, asked) = pending(&holding.sector);
    let bank = holding.bank();
    assert_eq!(bank.evaluation(&asked).unwrap(), None, "not recorded");
    holding.record(&asked, "bank", 1, "k-1");
    let finish = || -> Vec<SectorId> {
        let evaluated = bank.evaluation(&asked).unwrap().unwrap();
        pending.finalize(&[person()], &evaluated, &holding.chain).unwrap()
    };
    let ids = finish();
    assert!(ids[0].to_string().starts_with("provident-fund.1."), "{}", ids[0]);
    assert_eq!(finish(), ids);
    // So it is where the node is another process, started anew.
    let other = Holding::open();
    other.record(&asked, "bank", 1, "k-1");
    let evaluated = other.bank().evaluation(&asked).unwrap().unwrap();
    assert_eq!(pending.finalize(&[person()], &evaluated, &other.chain), Ok(ids));
}

#[test]
fn only_officers_of_the_member_that_asked_have_it() {
    let holding = Holding::open();
    let (_, asked) = pending(&holding.sector);
    holding.record(&asked, "bank", 1, "k-1");
    let other = client_of(&holding.city, officer(&holding.city, 32, "court", OFFICER));
    assert_eq!(refusal(other.evaluation(&asked)), is(403, "not-asker"));
    let teller = client_of(&holding.city, officer(&holding.city, 33, "bank", "bank.teller"));
    assert_eq!(refusal(teller.evaluation(&asked)), is(403, "not-asker"));
    holding.bank().evaluation(&asked).unwrap().unwrap();
}

#[test]
fn what_was_recorded_of_other_persons_or_another_key_is_not_evaluated() {
    let holding = Holding::open();
    let (_, asked) = pending(&holding.sector);
    holding.publish("k-2", [8; 32], Status::Live);
    holding.publish("k-3", *holding.chain.keys()[0].as_bytes(), Status::Closed);
    let bank = holding.bank();
    for (persons, key) in [(2, "k-1"), (1, "k-2"), (1, "k-3"), (1, "k-4")] {
        holding.record(&asked, "bank", persons, key);
        assert_eq!(bank.evaluation(&asked).unwrap(), None, "{persons} {key}");
    }
    holding.record(&asked, "bank", 1, "k-1");
    bank.evaluation(&asked).unwrap().unwrap();
}

#[test]
fn a_question_to_a_key_that_the_node_does_not_hold_is_told_so() {
    let holding = Holding::open();
    let bank = holding.bank();
    let ledger = holding.sector.ledger;
    for (of, code) in [
        (scope(ledger, Purpose::Sector, "provident-fund", 2), "sector-epoch-unknown"),
        (scope(ledger, Purpose::Sector, "housing", 1), "sector-scope-differs"),
        (scope(Digest([8; 32]), Purpose::Sector, "provident-fund", 1), "sector-scope-differs"),
        (scope(ledger, Purpose::List, "defaulters", 1), "sector-purpose-differs"),
    ] {
        let (_, asked) = pending(&of);
        assert_eq!(refusal(bank.evaluation(&asked)), is(422, code), "{of:?}");
    }
    let city = City::open();
    let bank = client_of(&city, officer(&city, 31, "bank", OFFICER));
    let (_, asked) = pending(&holding.sector);
    assert_eq!(refusal(bank.evaluation(&asked)), is(404, "no-sector-keys"));
}

#[test]
fn what_is_no_question_is_refused() {
    let holding = Holding::open();
    let (_, asked) = pending(&holding.sector);
    let token = token_of(&holding.city, officer(&holding.city, 31, "bank", OFFICER));
    let url = format!("{}/v1/sector/evaluations", holding.city.url());
    let send = |token: &str, media: &str, body: &[u8]| {
        let request = agent().post(&url).header("authorization", format!("Bearer {token}"));
        let answer = raw(request.header("content-type", media).send(body).unwrap());
        (answer.status, answer.code())
    };
    let cbor_body = "application/cbor";
    assert_eq!(send(&token, cbor_body, b"nothing"), is(422, "sector-malformed"));
    assert_eq!(send(&token, cbor_body, &vec![0; (1 << 20) + 1]), is(413, "request-too-large"));
    assert_eq!(send(&token, "text/plain", &asked.to_bytes()), is(415, "media-type"));
    assert_eq!(send("none", cbor_body, &asked.to_bytes()), is(401, "token-required"));
    // One person more than a message holds: `{1: scope, 2: [element, …]}` by hand.
    let element = *asked.blinded().elements()[0].as_bytes();
    let many = u16::try_from(BATCH_MAX + 1).unwrap().to_be_bytes();
    let mut body = [&[0xa2, 1][..], &cbor::encode(&holding.sector), &[2, 0x99], &many].concat();
    for _ in 0..=BATCH_MAX {
        body.extend([0x58, 32]);
        body.extend(element);
    }
    assert_eq!(send(&token, cbor_body, &body), is(422, "sector-batch"));
}

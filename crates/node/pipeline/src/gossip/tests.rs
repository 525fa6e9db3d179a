#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::sync::Mutex;

use chaincity_crypto::suite::SecretKey;
use chaincity_engine::{ContentKey, VirtualClock};
use chaincity_history::MemoryStore;
use chaincity_types::wire::{
    Call, Genesis, GenesisMember, GenesisNode, GenesisOperator, Head, Mode, PROTOCOL, Transaction,
    Validator,
};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::*;
use crate::orderer::{Orderer, Proved};

const BEGIN: Timestamp = Timestamp(1_790_000_000_000);
const MEMBER: &str = "registry";

fn key() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

/// A pipeline before its first block that knows one operator.
fn pipeline() -> Pipeline {
    let public = key().public_key().as_bytes().to_vec();
    let node = Validator { key: vec![2; 32], member: MEMBER.into(), address: "localhost:1".into() };
    let genesis = Genesis {
        protocol: PROTOCOL,
        name_zh: "测试联盟".into(),
        name_en: "test consortium".into(),
        time: BEGIN,
        epoch_blocks: 100,
        members: vec![GenesisMember {
            id: MEMBER.into(),
            name_zh: "测试登记机构".into(),
            name_en: "registry".into(),
            roles: Vec::new(),
        }],
        operators: vec![GenesisOperator {
            key: public.clone(),
            member: MEMBER.into(),
            roles: Vec::new(),
            subject: None,
        }],
        nodes: vec![GenesisNode { node, validator: true }],
        packages: Vec::new(),
    };
    let store = Arc::new(MemoryStore::new());
    let pipeline = Pipeline::open(Arc::new(genesis), vec![2; 32], store).unwrap();
    pipeline.inner.shared().operators.insert(public, MEMBER.into());
    pipeline
}

/// A transaction that says nothing but its name.
fn transaction(pipeline: &Pipeline, name: &str) -> Bytes {
    let call = Call {
        package: "p".into(),
        action: "a".into(),
        input: BTreeMap::new(),
        case: None,
        task: None,
        mandates: None,
    };
    let transaction = Transaction {
        ledger: pipeline.inner.ledger,
        protocol: PROTOCOL,
        expiry: BEGIN.plus_ms(60_000),
        mode: Mode::Atomic,
        calls: vec![call],
        intent: Some(name.into()),
    };
    Bytes::from(cose::sign_transaction(&transaction, &key()))
}

fn message(transactions: &[Bytes]) -> Vec<u8> {
    messages_of(transactions).into_iter().next().expect("one message").to_vec()
}

fn spoilt(good: &Bytes) -> Bytes {
    let mut bad = good.to_vec();
    *bad.last_mut().unwrap() ^= 1;
    Bytes::from(bad)
}

/// A clock that moves only when somebody has nothing else to do.
#[derive(Clone)]
struct IdleClock(VirtualClock);

impl IdleClock {
    fn new() -> Self {
        Self(VirtualClock::at(BEGIN.plus_ms(10_000)))
    }
}

impl Clock for IdleClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn sleep_ms(&self, ms: u64) -> BoxFuture<'static, ()> {
        let clock = self.0.clone();
        async move { clock.advance_ms(ms) }.boxed()
    }
}

/// Peers that hear so many messages and then no more: sending the next one never ends.
#[derive(Debug)]
struct Peers {
    heard: Mutex<Vec<Bytes>>,
    most: usize,
    /// Rung at each message, as if a client had submitted something meanwhile.
    bell: Option<Pipeline>,
}

impl Peers {
    fn new(most: usize, bell: Option<Pipeline>) -> Arc<Self> {
        Arc::new(Self { heard: Mutex::default(), most, bell })
    }

    /// The transactions of each message.
    fn heard(&self) -> Vec<Vec<Bytes>> {
        let decode = |message: &Bytes| {
            let batch: Vec<ByteVec> = cbor::decode(message, 1 << 20).unwrap();
            batch.into_iter().map(|bytes| Bytes::from(Vec::from(bytes))).collect()
        };
        self.heard.lock().unwrap().iter().map(decode).collect()
    }
}

impl Orderer for Peers {
    fn fetch(&self, _: ContentKey) -> BoxFuture<'_, Option<Bytes>> {
        async { None }.boxed()
    }

    fn gossip(&self, message: Bytes) -> BoxFuture<'_, ()> {
        let mut heard = self.heard.lock().unwrap();
        if heard.len() >= self.most {
            return futures::future::pending().boxed();
        }
        heard.push(message);
        if let Some(pipeline) = &self.bell {
            let bytes = transaction(pipeline, &format!("load {}", heard.len()));
            pipeline.admit_gossip([self::message(std::slice::from_ref(&bytes)).as_slice()]);
            pipeline.announce(&[cose::decode_transaction(&bytes).unwrap().id]);
        }
        async {}.boxed()
    }

    fn connected(&self) -> Option<usize> {
        None
    }

    fn syncing(&self) -> bool {
        false
    }

    fn heads(&self, keys: Vec<Digest>) -> BoxFuture<'_, Result<Vec<Option<Head>>, String>> {
        async move { Ok(vec![None; keys.len()]) }.boxed()
    }

    fn prove(&self, _: Vec<Digest>) -> BoxFuture<'_, Result<Proved, String>> {
        async { Err("no state".to_owned()) }.boxed()
    }
}

#[test]
fn good_ones_are_kept_of_a_message_that_holds_bad_ones() {
    let pipeline = pipeline();
    let good: Vec<_> = ["a", "b", "c"].map(|name| transaction(&pipeline, name)).into();
    let mut mixed = vec![Bytes::from_static(b"junk"), Bytes::new()];
    mixed.extend(good.iter().map(spoilt));
    mixed.extend(good.iter().cloned());
    mixed.extend(good.iter().cloned());
    pipeline.admit_gossip([message(&mixed).as_slice()]);
    let shared = pipeline.inner.shared();
    assert_eq!(shared.pool.len(), 3);
    for bytes in &good {
        let id = cose::decode_transaction(bytes).unwrap().id;
        assert_eq!(shared.pool.get(&id).map(|pooled| pooled.bytes.clone()).as_ref(), Some(bytes));
    }
}

/// It was checked before its block was final, and is pooled after: drawn again it would make this
/// node's blocks invalid until it expires.
#[test]
fn what_became_final_while_it_was_checked_is_not_pooled() {
    let pipeline = pipeline();
    let bytes = transaction(&pipeline, "a");
    let signed = cose::decode_transaction(&bytes).unwrap();
    assert_eq!(pipeline.check_window(&signed, BEGIN), Ok(()));
    pipeline.inner.shared().window.add(signed.id, signed.transaction.expiry);
    let pooled = Pooled {
        bytes,
        signed: Arc::new(signed),
        member: MEMBER.into(),
        class: ORDINARY,
        since: BEGIN,
    };
    assert_eq!(pipeline.pool(vec![pooled]), [Err(chaincity_types::Reject::Duplicate)]);
    assert_eq!(pipeline.inner.shared().pool.len(), 0);
}

#[test]
fn what_is_submitted_is_sent_at_once_and_what_left_the_pool_is_not() {
    let pipeline = pipeline();
    let both = ["a", "b"].map(|name| transaction(&pipeline, name));
    pipeline.admit_gossip(
        both.each_ref().map(|one| message(std::slice::from_ref(one))).iter().map(Vec::as_slice),
    );
    for bytes in &both {
        pipeline.announce(&[cose::decode_transaction(bytes).unwrap().id]);
    }
    let final_one = cose::decode_transaction(&both[0]).unwrap().id;
    pipeline.inner.shared().pool.settle(&[final_one], BEGIN);
    let peers = Peers::new(1, None);
    pipeline.connect(Arc::<Peers>::clone(&peers));
    assert!(pipeline.gossip(IdleClock::new()).now_or_never().is_none());
    assert_eq!(peers.heard(), [vec![both[1].clone()]]);
}

/// What is announced goes out every few milliseconds; what waits must go out again all the same.
#[test]
fn a_busy_node_sends_again_what_waits() {
    let pipeline = pipeline();
    let waiting = transaction(&pipeline, "waiting");
    pipeline.admit_gossip([message(std::slice::from_ref(&waiting)).as_slice()]);
    // Two milliseconds each: a little over two seconds.
    let peers = Peers::new(1_100, Some(pipeline.clone()));
    pipeline.connect(Arc::<Peers>::clone(&peers));
    let first = transaction(&pipeline, "first");
    pipeline.admit_gossip([message(std::slice::from_ref(&first)).as_slice()]);
    pipeline.announce(&[cose::decode_transaction(&first).unwrap().id]);
    assert!(pipeline.gossip(IdleClock::new()).now_or_never().is_none());
    let times = peers.heard().iter().filter(|message| message.contains(&waiting)).count();
    assert_eq!(times, 1);
}

#[test]
fn the_outbox_is_bounded_while_nobody_sends() {
    let pipeline = pipeline();
    for _ in 0..=OUTBOX_MAX {
        pipeline.announce(&[Digest::ZERO]);
    }
    assert_eq!(pipeline.inner.shared().outbox.len(), OUTBOX_MAX);
}

#[test]
fn messages_are_bounded_and_hold_everything_once() {
    let transactions = vec![Bytes::from(vec![7; 100_000]); 13];
    let messages = messages_of(&transactions);
    assert!(messages.iter().all(|message| message.len() <= GOSSIP_BYTES_MAX + 100));
    let count: usize = messages
        .iter()
        .map(|message| cbor::decode::<Vec<ByteVec>>(message, 1 << 20).unwrap().len())
        .sum();
    assert_eq!((messages.len(), count), (3, 13));
    assert!(messages_of(&[]).is_empty());
}

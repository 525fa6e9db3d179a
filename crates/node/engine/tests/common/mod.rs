//! A toy ledger: every block counts, and transactions name the committees of coming epochs.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chaincity_engine::{
    Clock, Config, ContentKey, Draft, Finality, Limits, Machine, NodeKey, Pace, StateReader,
    genesis_header,
};
use chaincity_types::wire::{Block, Committee, Head, Header, Validator};
use chaincity_types::{Digest, Height, Timestamp};

pub(crate) const EPOCH: u64 = 10;
const LEDGER: Digest = Digest([9; 32]);

pub(crate) fn key(node: u8) -> NodeKey {
    NodeKey::from_seed([node + 1; 32]).unwrap()
}

/// Who validates in an epoch, decided by what the ledger has executed: the key under `[epoch; 32]`.
pub(crate) fn committee_key(epoch: u64) -> Digest {
    let mut bytes = [0xcc; 32];
    bytes[..8].copy_from_slice(&epoch.to_be_bytes());
    Digest(bytes)
}

fn counter_key(n: u64) -> Digest {
    let mut bytes = [0x11; 32];
    bytes[24..].copy_from_slice(&n.to_be_bytes());
    Digest(bytes)
}

/// What outlives a crash: the toy's history store.
#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) blocks: BTreeMap<u64, Arc<Block>>,
    pub(crate) committees: BTreeMap<u64, u64>,
}

/// What the toy has been told since it started.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) headers: BTreeMap<u64, Header>,
    pub(crate) certificates: BTreeMap<u64, Vec<u8>>,
    pub(crate) gossip: Vec<(Vec<u8>, Bytes)>,
}

#[derive(Clone)]
pub(crate) struct Toy {
    pub(crate) disk: Arc<Mutex<Disk>>,
    pub(crate) told: Arc<Mutex<Told>>,
    /// Bit `n` of `schedule[e]`: node `n` validates in epoch `e`; the last entry goes on for ever.
    pub(crate) schedule: Arc<Vec<u64>>,
    pub(crate) followers: u64,
    pub(crate) lies: bool,
    /// Whether it says that it can judge blocks.
    pub(crate) judges: Arc<AtomicBool>,
}

impl Toy {
    pub(crate) fn new(schedule: &[u64]) -> Self {
        let toy = Self {
            disk: Arc::default(),
            told: Arc::default(),
            schedule: Arc::new(schedule.to_vec()),
            followers: 0xff,
            lies: false,
            judges: Arc::new(AtomicBool::new(true)),
        };
        {
            let mut disk = toy.disk.lock().unwrap();
            disk.committees.insert(0, schedule[0]);
        }
        toy
    }

    /// The same node after a crash: its disk, nothing else.
    pub(crate) fn restarted(&self) -> Self {
        Self { told: Arc::default(), ..self.clone() }
    }

    fn planned(&self, epoch: u64) -> u64 {
        let at = usize::try_from(epoch).unwrap();
        *self.schedule.get(at).unwrap_or_else(|| self.schedule.last().unwrap())
    }

    /// Every block writes a new counter, rewrites an old one, and sets the next committee.
    async fn execute<S: StateReader>(
        &self,
        height: Height,
        time: Timestamp,
        epoch: u64,
        state: S,
    ) -> Vec<(Digest, Head)> {
        let old = counter_key(height.0 / 3);
        let found = state.heads(vec![old, counter_key(0)]).await;
        let version = found[0].map_or(1, |head| head.version + 1);
        let head = |version| Head { body: Digest([7; 32]), version, began: time };
        let mut writes = BTreeMap::new();
        writes.insert(counter_key(height.0), head(1));
        writes.insert(old, head(version));
        writes.insert(committee_key(epoch + 1), head(self.planned(epoch + 1)));
        writes.into_iter().collect()
    }

    pub(crate) fn height(&self) -> u64 {
        self.told.lock().unwrap().headers.last_key_value().map_or(0, |(height, _)| *height)
    }

    pub(crate) fn header(&self, height: u64) -> Option<Header> {
        self.told.lock().unwrap().headers.get(&height).cloned()
    }
}

/// RFC 9162 root of no leaves: SHA-256 of nothing.
fn empty_tree() -> Digest {
    genesis_header(LEDGER, 1, Timestamp(0), Digest::ZERO, Digest::ZERO).transactions_root
}

impl Machine for Toy {
    async fn propose<S: StateReader, C: Clock>(
        &self,
        parent: Header,
        epoch: u64,
        state: S,
        clock: C,
    ) -> Option<Draft> {
        clock.sleep_ms(100).await;
        let time = Timestamp(clock.now().0.max(parent.time.0 + 1));
        Some(Draft {
            protocol: 1,
            time,
            transactions: Vec::new(),
            transactions_root: empty_tree(),
            effects_root: if self.lies { Digest([1; 32]) } else { empty_tree() },
            committee: Digest::ZERO,
            next_committee: Digest::ZERO,
            writes: self.execute(parent.height.next(), time, epoch, state).await,
        })
    }

    async fn process<S: StateReader, C: Clock>(
        &self,
        _: Header,
        epoch: u64,
        block: Arc<Block>,
        _: Finality,
        state: S,
        _: C,
    ) -> Option<Vec<(Digest, Head)>> {
        let header = &block.header;
        if header.effects_root != empty_tree() {
            return None;
        }
        Some(self.execute(header.height, header.time, epoch, state).await)
    }

    async fn persist(&self, block: Arc<Block>) {
        let mut disk = self.disk.lock().unwrap();
        let height = block.header.height.0;
        if (height + 1).is_multiple_of(EPOCH) {
            let epoch = (height + 1) / EPOCH;
            disk.committees.insert(epoch, self.planned(epoch));
        }
        // History never changes: a node that finds another block there stops.
        let held = disk.blocks.entry(height).or_insert_with(|| Arc::clone(&block));
        assert_eq!(held.header, block.header, "another block at height {height}");
    }

    fn finalized(&self, header: &Header) {
        assert!(self.disk.lock().unwrap().blocks.contains_key(&header.height.0), "history first");
        self.told.lock().unwrap().headers.insert(header.height.0, header.clone());
    }

    fn certified(&self, height: Height, certificate: Vec<u8>) {
        self.told.lock().unwrap().certificates.insert(height.0, certificate);
    }

    fn equivocated(&self, validator: Vec<u8>, _: Vec<u8>) {
        panic!("nobody equivocates here: {validator:?}");
    }

    fn committee(&self, epoch: u64) -> Option<Committee> {
        let members = *self.disk.lock().unwrap().committees.get(&epoch)?;
        Some(committee(epoch, members))
    }

    async fn learn_committee<S: StateReader, C: Clock>(
        &self,
        last: Header,
        epoch: u64,
        state: S,
        _: C,
    ) {
        assert!((last.height.0 + 1).is_multiple_of(EPOCH), "not the last of its epoch");
        let held = self.disk.lock().unwrap().blocks.contains_key(&last.height.0);
        assert!(!held, "it executed that block");
        // What a snapshot's state says, and not what was planned here.
        let next = epoch + 1;
        let members = state.heads(vec![committee_key(next)]).await[0].unwrap().version;
        self.disk.lock().unwrap().committees.insert(next, members);
    }

    fn can_judge(&self, _: Height) -> bool {
        self.judges.load(Ordering::SeqCst)
    }

    fn followers(&self) -> Vec<Vec<u8>> {
        members(self.followers).map(|node| key(node).public()).collect()
    }

    fn serve(&self, wanted: ContentKey) -> Option<Bytes> {
        let ContentKey::Body(digest) = wanted else { return None };
        // Odd bodies are held by nobody.
        (digest.0[0] % 2 == 0).then(|| Bytes::copy_from_slice(&digest.0))
    }

    fn check(&self, wanted: ContentKey, bytes: &Bytes) -> bool {
        matches!(wanted, ContentKey::Body(digest) if digest.0.as_slice() == bytes.as_ref())
    }

    fn on_gossip(&self, messages: Vec<(Vec<u8>, Bytes)>) {
        self.told.lock().unwrap().gossip.extend(messages);
    }
}

fn members(bits: u64) -> impl Iterator<Item = u8> {
    (0..8).filter(move |node| bits >> node & 1 == 1)
}

pub(crate) fn committee(epoch: u64, bits: u64) -> Committee {
    let mut validators: Vec<Validator> = members(bits)
        .map(|node| Validator {
            key: key(node).public(),
            member: format!("member-{node}"),
            address: String::new(),
        })
        .collect();
    validators.sort();
    Committee { epoch, validators }
}

pub(crate) fn config(node: u8) -> Config {
    Config {
        genesis: genesis_header(LEDGER, 1, Timestamp(0), Digest::ZERO, Digest::ZERO),
        epoch_length: NonZeroU64::new(EPOCH).unwrap(),
        key: key(node),
        sync_epoch: None,
        pace: Pace {
            leader: Duration::from_millis(1_200),
            certification: Duration::from_millis(1_500),
            skip: Duration::from_millis(2_000),
        },
        limits: Limits { state_pages: 64.try_into().unwrap(), ..Limits::default() },
    }
}

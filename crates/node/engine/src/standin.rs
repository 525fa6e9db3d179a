//! The stand-in orderer: one machine, one block after another, in this process, in order.
//!
//! It shows a ledger exactly the calls that consensus would make, without network, threads or
//! storage, so that tests of the ledger run in microseconds. Time is virtual: it moves when the
//! machine sleeps or the test says so. There are no certificates, and state roots are a plain hash
//! chain over the writes: they differ from those of consensus by design, and prove nothing. What is
//! equal across orderers is the content digest (`fsck --digest`).

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chaincity_types::wire::{Block, Head, Header};
use chaincity_types::{Digest, Timestamp};
use commonware_cryptography::{Hasher as _, Sha256};
use futures::future::BoxFuture;

use crate::block::header_digest;
use crate::chain::from_engine;
use crate::machine::{Clock, Draft, Finality, Machine, StateReader};

/// Domain of the stand-in's state roots.
const DOMAIN: &[u8] = b"chaincity/stand-in/1";

/// Why a step made no block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StandInError {
    /// The machine had nothing to propose.
    #[error("nothing proposed")]
    Nothing,
    /// A machine refused the block that another proposed.
    #[error("the block at height `{0}` was refused")]
    Refused(u64),
    /// Executing the block gave other writes than proposing it.
    #[error("the block at height `{0}` has other effects when it is executed again")]
    Differs(u64),
}

/// The state before a block.
#[derive(Clone, Debug)]
struct MapReader(Arc<BTreeMap<Digest, Head>>);

impl StateReader for MapReader {
    async fn heads(&self, keys: Vec<Digest>) -> Vec<Option<Head>> {
        keys.iter().map(|key| self.0.get(key).copied()).collect()
    }

    // Everything is asked for, as on a node whose state is larger than its memory.
    fn head_at_hand(&self, _key: Digest) -> Option<Option<Head>> {
        None
    }
}

/// A clock that moves only when someone sleeps on it.
#[derive(Clone, Debug)]
pub struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    /// A clock that shows `time`.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(time.0)))
    }

    /// Sets the clock, back as well.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.0, Ordering::Release);
    }

    /// Moves the clock on.
    pub fn advance_ms(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::AcqRel);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Acquire))
    }

    fn sleep_ms(&self, ms: u64) -> BoxFuture<'static, ()> {
        self.advance_ms(ms);
        Box::pin(futures::future::ready(()))
    }
}

/// Drives a machine, and a witness that must come to the same results.
#[derive(Clone, Debug)]
pub struct StandIn<M> {
    machine: M,
    witness: Option<M>,
    epoch_length: NonZeroU64,
    state: Arc<BTreeMap<Digest, Head>>,
    tip: Header,
    clock: VirtualClock,
}

impl<M: Machine> StandIn<M> {
    /// Begins after `genesis`. With a `witness`, each block is executed on both machines.
    #[must_use]
    pub fn new(genesis: Header, epoch_length: NonZeroU64, machine: M, witness: Option<M>) -> Self {
        let clock = VirtualClock::at(genesis.time);
        Self { machine, witness, epoch_length, state: Arc::default(), tip: genesis, clock }
    }

    /// The clock that the machines see.
    #[must_use]
    pub fn clock(&self) -> VirtualClock {
        self.clock.clone()
    }

    /// The latest block's header.
    #[must_use]
    pub fn tip(&self) -> &Header {
        &self.tip
    }

    /// The state after the latest block.
    #[must_use]
    pub fn state(&self) -> &BTreeMap<Digest, Head> {
        &self.state
    }

    /// Proposes a block, executes it on every machine, persists it and makes it final.
    ///
    /// # Errors
    /// When the machine proposes nothing, or the machines disagree; the state is then as before.
    pub async fn step(&mut self) -> Result<Arc<Block>, StandInError> {
        let height = self.tip.height.next();
        let epoch = height.0.checked_div(self.epoch_length.get()).unwrap_or_default();
        self.machine.wait_for_work(self.tip.clone(), self.clock()).await;
        let draft = self
            .machine
            .propose(self.tip.clone(), epoch, MapReader(Arc::clone(&self.state)), self.clock())
            .await
            .ok_or(StandInError::Nothing)?;
        let writes = draft.writes.clone();
        let block = Arc::new(self.block(draft));
        for machine in self.machines() {
            let reader = MapReader(Arc::clone(&self.state));
            let again = machine
                .process(
                    self.tip.clone(),
                    epoch,
                    Arc::clone(&block),
                    Finality::Candidate,
                    reader,
                    self.clock(),
                )
                .await
                .ok_or(StandInError::Refused(height.0))?;
            if again != writes {
                return Err(StandInError::Differs(height.0));
            }
        }
        for machine in self.machines() {
            machine.persist(Arc::clone(&block)).await;
        }
        Arc::make_mut(&mut self.state).extend(writes);
        for machine in self.machines() {
            machine.finalized(&block.header);
        }
        self.tip = block.header.clone();
        Ok(block)
    }

    fn machines(&self) -> Vec<M> {
        std::iter::once(&self.machine).chain(&self.witness).cloned().collect()
    }

    fn block(&self, draft: Draft) -> Block {
        let state_root = self.next_root(&draft.writes);
        let height = self.tip.height.next();
        let header = Header {
            ledger: self.tip.ledger,
            protocol: draft.protocol,
            height,
            parent: from_engine(header_digest(&self.tip)),
            context: Vec::new(),
            time: draft.time,
            transactions_root: draft.transactions_root,
            state_root,
            operations_root: Digest::ZERO,
            operations_start: 0,
            operations_end: height.0.saturating_add(1),
            effects_root: draft.effects_root,
            committee: draft.committee,
            next_committee: draft.next_committee,
        };
        let transactions = draft.transactions.into_iter().map(|t| t.to_vec().into()).collect();
        Block { header, transactions }
    }

    fn next_root(&self, writes: &[(Digest, Head)]) -> Digest {
        let mut bytes = [DOMAIN, &self.tip.state_root.0].concat();
        for (key, head) in writes {
            bytes.extend_from_slice(&key.0);
            bytes.extend_from_slice(&head.to_bytes());
        }
        from_engine(Sha256::hash(&[&bytes]))
    }
}

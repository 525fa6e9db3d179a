//! What the engine asks of the ledger, and gives to it. No consensus type crosses this line.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use chaincity_types::wire::{Block, Committee, Head, Header};
use chaincity_types::{Digest, Height, Timestamp};
use futures::future::BoxFuture;

/// Heads of the authenticated state as of one block: of the parent, where a block is executed.
pub trait StateReader: Clone + Send + Sync + 'static {
    /// The heads under `keys`, in the same order, read concurrently; `None` where a key is absent.
    fn heads(&self, keys: Vec<Digest>) -> impl Future<Output = Vec<Option<Head>>> + Send;

    /// The head under `key`, `Some(None)` where it is absent, if memory says so at once; `None`:
    /// it must be asked for.
    fn head_at_hand(&self, key: Digest) -> Option<Option<Head>>;
}

/// This machine's clock, or the simulator's.
pub trait Clock: Clone + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
    /// Resolves after `ms` milliseconds.
    fn sleep_ms(&self, ms: u64) -> BoxFuture<'static, ()>;
}

/// What a proposer decided; the engine adds the state roots and makes the header.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Protocol in force.
    pub protocol: u32,
    /// Block time, after the parent's.
    pub time: Timestamp,
    /// Signed transactions, in order.
    pub transactions: Vec<Bytes>,
    /// RFC 9162 root over them.
    pub transactions_root: Digest,
    /// RFC 9162 root over receipts and writes.
    pub effects_root: Digest,
    /// Digest of the committee of the block's epoch.
    pub committee: Digest,
    /// Digest of the next epoch's committee.
    pub next_committee: Digest,
    /// New heads; each key once, sorted.
    pub writes: Vec<(Digest, Head)>,
}

/// Whether a block still needs every check, or the network has finalized it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finality {
    /// Check everything that a vote depends on.
    Candidate,
    /// Honest validators accepted it already; only its writes are wanted.
    Finalized,
}

/// Content that nodes hand each other by digest; the receiver checks the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentKey {
    /// A version body, by body digest.
    Body(Digest),
    /// A block with its receipts, its writes and what they wrote, by block digest.
    Block(Digest),
}

/// The replicated ledger, driven by an orderer: consensus, or the stand-in.
///
/// `propose` and `process` may run concurrently on forks and may be cancelled at any await, as may
/// `wait_for_work`.
pub trait Machine: Clone + Send + Sync + 'static {
    /// Waits until there is something to put into a block on `parent`, or for a second. Unlike
    /// [`Machine::propose`] it holds up nothing: final blocks are applied meanwhile.
    fn wait_for_work<C: Clock>(&self, parent: Header, clock: C) -> impl Future<Output = ()> + Send {
        let _ = (parent, clock);
        async {}
    }

    /// Builds a block on `parent` in `epoch` of what there is: a heartbeat when there is nothing.
    /// No final block is applied before it returns. `None`: nothing can be proposed.
    fn propose<S: StateReader, C: Clock>(
        &self,
        parent: Header,
        epoch: u64,
        state: S,
        clock: C,
    ) -> impl Future<Output = Option<Draft>> + Send;

    /// Executes `block` on its parent's state and compares every commitment but the state roots
    /// (the engine compares those). Returns the new heads (each key once, sorted), or `None` only
    /// when the block is invalid for ever; what depends on the clock only delays.
    fn process<S: StateReader, C: Clock>(
        &self,
        parent: Header,
        epoch: u64,
        block: Arc<Block>,
        finality: Finality,
        state: S,
        clock: C,
    ) -> impl Future<Output = Option<Vec<(Digest, Head)>>> + Send;

    /// Makes a finalized block's history durable, before its state is applied. Idempotent by
    /// height.
    fn persist(&self, block: Arc<Block>) -> impl Future<Output = ()> + Send;

    /// The block's state is applied; hands over to followers and returns at once.
    fn finalized(&self, header: &Header);

    /// A finality certificate (encoded) for the block of this height became known.
    fn certified(&self, height: Height, certificate: Vec<u8>);

    /// Two conflicting signed votes of one validator, encoded; kept and shown.
    fn equivocated(&self, validator: Vec<u8>, evidence: Vec<u8>);

    /// The committee of an epoch, once the block before its first is persisted, or
    /// [`Machine::learn_committee`] was told of that block.
    fn committee(&self, epoch: u64) -> Option<Committee>;

    /// Learns the committee of the epoch after `last`, a block that ends one, from the state after
    /// it: a snapshot is of this block, so the machine is never asked to execute or persist it.
    /// When it returns, [`Machine::committee`] gives it, after a restart too. Idempotent.
    fn learn_committee<S: StateReader, C: Clock>(
        &self,
        last: Header,
        epoch: u64,
        state: S,
        clock: C,
    ) -> impl Future<Output = ()> + Send;

    /// Whether the machine holds whatever blocks it needs to judge those above `height`, the last
    /// of an epoch. Asked when the next epoch begins: if not, the node signs nothing in it.
    fn can_judge(&self, height: Height) -> bool;

    /// Nodes that may connect besides the committee: observers and candidates (public keys).
    fn followers(&self) -> Vec<Vec<u8>>;

    /// Content that this node holds.
    fn serve(&self, key: ContentKey) -> Option<Bytes>;

    /// Whether `bytes` are the content that `key` names; content of a lying peer is dropped.
    fn check(&self, key: ContentKey, bytes: &Bytes) -> bool;

    /// Messages that peers gossiped, each with its sender's public key, all that have come. May
    /// compute for a while: it is called on a thread of its own where there are threads, and what
    /// comes meanwhile waits in a bounded queue or is lost.
    fn on_gossip(&self, messages: Vec<(Vec<u8>, Bytes)>);
}

//! Any [`Machine`] behind one type, so that the whole node is compiled once, in this crate, and
//! not again in every program and test that has a machine of its own.
//!
//! The cost is one allocation for a block and for each round of its reads.

use std::sync::Arc;

use bytes::Bytes;
use chaincity_types::wire::{Block, Committee, Head, Header};
use chaincity_types::{Digest, Height, Timestamp};
use futures::future::BoxFuture;

use crate::machine::{Clock, ContentKey, Draft, Finality, Machine, StateReader};

trait ErasedReader: Send + Sync {
    fn heads(&self, keys: Vec<Digest>) -> BoxFuture<'_, Vec<Option<Head>>>;
    fn head_at_hand(&self, key: Digest) -> Option<Option<Head>>;
}

impl<S: StateReader> ErasedReader for S {
    fn heads(&self, keys: Vec<Digest>) -> BoxFuture<'_, Vec<Option<Head>>> {
        Box::pin(StateReader::heads(self, keys))
    }

    fn head_at_hand(&self, key: Digest) -> Option<Option<Head>> {
        StateReader::head_at_hand(self, key)
    }
}

#[derive(Clone)]
struct AnyReader(Arc<dyn ErasedReader>);

impl StateReader for AnyReader {
    async fn heads(&self, keys: Vec<Digest>) -> Vec<Option<Head>> {
        self.0.heads(keys).await
    }

    fn head_at_hand(&self, key: Digest) -> Option<Option<Head>> {
        self.0.head_at_hand(key)
    }
}

trait ErasedClock: Send + Sync {
    fn now(&self) -> Timestamp;
    fn sleep_ms(&self, ms: u64) -> BoxFuture<'static, ()>;
}

impl<C: Clock> ErasedClock for C {
    fn now(&self) -> Timestamp {
        Clock::now(self)
    }

    fn sleep_ms(&self, ms: u64) -> BoxFuture<'static, ()> {
        Clock::sleep_ms(self, ms)
    }
}

#[derive(Clone)]
struct AnyClock(Arc<dyn ErasedClock>);

impl Clock for AnyClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn sleep_ms(&self, ms: u64) -> BoxFuture<'static, ()> {
        self.0.sleep_ms(ms)
    }
}

/// [`Machine`] without type parameters.
trait Erased: Send + Sync {
    fn wait_for_work(&self, parent: Header, clock: AnyClock) -> BoxFuture<'_, ()>;
    fn propose(
        &self,
        parent: Header,
        epoch: u64,
        state: AnyReader,
        clock: AnyClock,
    ) -> BoxFuture<'_, Option<Draft>>;
    fn process(
        &self,
        parent: Header,
        epoch: u64,
        block: Arc<Block>,
        finality: Finality,
        state: AnyReader,
        clock: AnyClock,
    ) -> BoxFuture<'_, Option<Vec<(Digest, Head)>>>;
    fn persist(&self, block: Arc<Block>) -> BoxFuture<'_, ()>;
    fn finalized(&self, header: &Header);
    fn certified(&self, height: Height, certificate: Vec<u8>);
    fn equivocated(&self, validator: Vec<u8>, evidence: Vec<u8>);
    fn committee(&self, epoch: u64) -> Option<Committee>;
    fn learn_committee(
        &self,
        last: Header,
        epoch: u64,
        state: AnyReader,
        clock: AnyClock,
    ) -> BoxFuture<'_, ()>;
    fn can_judge(&self, height: Height) -> bool;
    fn followers(&self) -> Vec<Vec<u8>>;
    fn serve(&self, key: ContentKey) -> Option<Bytes>;
    fn check(&self, key: ContentKey, bytes: &Bytes) -> bool;
    fn on_gossip(&self, messages: Vec<(Vec<u8>, Bytes)>);
}

impl<M: Machine> Erased for M {
    fn wait_for_work(&self, parent: Header, clock: AnyClock) -> BoxFuture<'_, ()> {
        Box::pin(Machine::wait_for_work(self, parent, clock))
    }

    fn propose(
        &self,
        parent: Header,
        epoch: u64,
        state: AnyReader,
        clock: AnyClock,
    ) -> BoxFuture<'_, Option<Draft>> {
        Box::pin(Machine::propose(self, parent, epoch, state, clock))
    }

    fn process(
        &self,
        parent: Header,
        epoch: u64,
        block: Arc<Block>,
        finality: Finality,
        state: AnyReader,
        clock: AnyClock,
    ) -> BoxFuture<'_, Option<Vec<(Digest, Head)>>> {
        Box::pin(Machine::process(self, parent, epoch, block, finality, state, clock))
    }

    fn persist(&self, block: Arc<Block>) -> BoxFuture<'_, ()> {
        Box::pin(Machine::persist(self, block))
    }

    fn finalized(&self, header: &Header) {
        Machine::finalized(self, header);
    }

    fn certified(&self, height: Height, certificate: Vec<u8>) {
        Machine::certified(self, height, certificate);
    }

    fn equivocated(&self, validator: Vec<u8>, evidence: Vec<u8>) {
        Machine::equivocated(self, validator, evidence);
    }

    fn committee(&self, epoch: u64) -> Option<Committee> {
        Machine::committee(self, epoch)
    }

    fn learn_committee(
        &self,
        last: Header,
        epoch: u64,
        state: AnyReader,
        clock: AnyClock,
    ) -> BoxFuture<'_, ()> {
        Box::pin(Machine::learn_committee(self, last, epoch, state, clock))
    }

    fn can_judge(&self, height: Height) -> bool {
        Machine::can_judge(self, height)
    }

    fn followers(&self) -> Vec<Vec<u8>> {
        Machine::followers(self)
    }

    fn serve(&self, key: ContentKey) -> Option<Bytes> {
        Machine::serve(self, key)
    }

    fn check(&self, key: ContentKey, bytes: &Bytes) -> bool {
        Machine::check(self, key, bytes)
    }

    fn on_gossip(&self, messages: Vec<(Vec<u8>, Bytes)>) {
        Machine::on_gossip(self, messages);
    }
}

/// Some machine.
#[derive(Clone)]
pub(crate) struct AnyMachine(Arc<dyn Erased>);

impl AnyMachine {
    pub(crate) fn new<M: Machine>(machine: M) -> Self {
        Self(Arc::new(machine))
    }
}

impl Machine for AnyMachine {
    async fn wait_for_work<C: Clock>(&self, parent: Header, clock: C) {
        self.0.wait_for_work(parent, AnyClock(Arc::new(clock))).await;
    }

    async fn propose<S: StateReader, C: Clock>(
        &self,
        parent: Header,
        epoch: u64,
        state: S,
        clock: C,
    ) -> Option<Draft> {
        let (state, clock) = (AnyReader(Arc::new(state)), AnyClock(Arc::new(clock)));
        self.0.propose(parent, epoch, state, clock).await
    }

    async fn process<S: StateReader, C: Clock>(
        &self,
        parent: Header,
        epoch: u64,
        block: Arc<Block>,
        finality: Finality,
        state: S,
        clock: C,
    ) -> Option<Vec<(Digest, Head)>> {
        let (state, clock) = (AnyReader(Arc::new(state)), AnyClock(Arc::new(clock)));
        self.0.process(parent, epoch, block, finality, state, clock).await
    }

    async fn persist(&self, block: Arc<Block>) {
        self.0.persist(block).await;
    }

    fn finalized(&self, header: &Header) {
        self.0.finalized(header);
    }

    fn certified(&self, height: Height, certificate: Vec<u8>) {
        self.0.certified(height, certificate);
    }

    fn equivocated(&self, validator: Vec<u8>, evidence: Vec<u8>) {
        self.0.equivocated(validator, evidence);
    }

    fn committee(&self, epoch: u64) -> Option<Committee> {
        self.0.committee(epoch)
    }

    async fn learn_committee<S: StateReader, C: Clock>(
        &self,
        last: Header,
        epoch: u64,
        state: S,
        clock: C,
    ) {
        let (state, clock) = (AnyReader(Arc::new(state)), AnyClock(Arc::new(clock)));
        self.0.learn_committee(last, epoch, state, clock).await;
    }

    fn can_judge(&self, height: Height) -> bool {
        self.0.can_judge(height)
    }

    fn followers(&self) -> Vec<Vec<u8>> {
        self.0.followers()
    }

    fn serve(&self, key: ContentKey) -> Option<Bytes> {
        self.0.serve(key)
    }

    fn check(&self, key: ContentKey, bytes: &Bytes) -> bool {
        self.0.check(key, bytes)
    }

    fn on_gossip(&self, messages: Vec<(Vec<u8>, Bytes)>) {
        self.0.on_gossip(messages);
    }
}

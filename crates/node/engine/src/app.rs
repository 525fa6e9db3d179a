//! The ledger as consensus sees it: proposals, executions and final blocks pass through here to
//! the [`Machine`].
//!
//! `propose` and `process` run concurrently on competing branches and may be cancelled at any
//! await; they touch nothing but their own batch. `capture` and `finalized` run one block at a
//! time in order of height: history is made durable in `capture`, then state is applied, then
//! followers hear of it, then the state becomes durable and the block counts as processed. After a
//! crash in between, the same blocks come again.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use chaincity_types::wire::{Block, Header};
use chaincity_types::{Digest, Height, Timestamp};
use commonware_codec::Encode as _;
use commonware_consensus::marshal::ancestry::Ancestry;
use commonware_glue::stateful::{self, Application, Input, Proposed};
use commonware_storage::qmdb::sync::Target;
use commonware_utils::range::NonEmptyRange;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use tracing::warn;

use crate::block::ChainBlock;
use crate::chain::{Context, Runtime, Scheme, from_engine, to_engine};
use crate::machine::{Clock, Draft, Finality, Machine};
use crate::stage::{Stage, measure, polled};
use crate::state::{Batch, BatchReader, Databases, Sealed};
use crate::status::StatusCell;

/// The runtime's clock for the machine.
pub(crate) struct NodeClock<E> {
    runtime: Arc<E>,
}

impl<E> Clone for NodeClock<E> {
    fn clone(&self) -> Self {
        Self { runtime: Arc::clone(&self.runtime) }
    }
}

impl<E: Runtime> NodeClock<E> {
    pub(crate) fn new(runtime: E) -> Self {
        Self { runtime: Arc::new(runtime) }
    }
}

impl<E: Runtime> Clock for NodeClock<E> {
    fn now(&self) -> Timestamp {
        let since = self.runtime.current().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn sleep_ms(&self, ms: u64) -> BoxFuture<'static, ()> {
        Box::pin(self.runtime.sleep(Duration::from_millis(ms)))
    }
}

/// Connects one [`Machine`] to consensus.
#[derive(Clone)]
pub(crate) struct App<M> {
    pub(crate) machine: M,
    pub(crate) ledger: Digest,
    pub(crate) genesis: ChainBlock,
    pub(crate) epoch_length: NonZeroU64,
    pub(crate) status: Arc<StatusCell>,
}

impl<M: Machine> App<M> {
    /// The epoch of a height.
    fn epoch_of(&self, height: Height) -> u64 {
        height.0.checked_div(self.epoch_length.get()).unwrap_or_default()
    }

    /// Executes a block and compares every root. `None`: the block is invalid for ever.
    async fn execute<E: Runtime>(
        &self,
        clock: NodeClock<E>,
        parent: Header,
        block: &ChainBlock,
        batch: Batch<E>,
        finality: Finality,
    ) -> Option<Sealed<E>> {
        let header = block.header();
        if header.ledger != self.ledger {
            return None;
        }
        let (reader, epoch) = (BatchReader::new(batch), self.epoch_of(header.height));
        let machine = &self.machine;
        let process =
            machine.process(parent, epoch, block.block(), finality, reader.clone(), clock);
        let writes = polled(Stage::Execution, process).await?;
        let sealed = reader.seal(&writes).await?;
        if roots_agree(header, &sealed) {
            Some(sealed)
        } else {
            warn!(height = header.height.0, "refused a block with another state root");
            None
        }
    }

    fn assemble<E: Runtime>(
        &self,
        parent: &Header,
        parent_digest: Digest,
        context: &Context,
        draft: Draft,
        sealed: &Sealed<E>,
    ) -> Option<ChainBlock> {
        let header = Header {
            ledger: self.ledger,
            protocol: draft.protocol,
            height: parent.height.next(),
            parent: parent_digest,
            context: context.encode().to_vec(),
            time: draft.time,
            transactions_root: draft.transactions_root,
            state_root: from_engine(sealed.root()),
            operations_root: from_engine(sealed.ops_root()),
            operations_start: sealed.sync_boundary().as_u64(),
            operations_end: sealed.bounds().tip.size.as_u64(),
            effects_root: draft.effects_root,
            committee: draft.committee,
            next_committee: draft.next_committee,
        };
        let transactions = draft.transactions.into_iter().map(|t| t.to_vec().into()).collect();
        let block = ChainBlock::new(Block { header, transactions });
        if block.is_none() {
            warn!(height = parent.height.next().0, "a draft is too large or contradicts itself");
        }
        block
    }
}

/// State sync compares the operations alone, so the canonical root is ours to compare.
pub(crate) fn roots_agree<E: Runtime>(header: &Header, sealed: &Sealed<E>) -> bool {
    to_engine(header.state_root) == sealed.root()
        && to_engine(header.operations_root) == sealed.ops_root()
        && header.operations_start == sealed.sync_boundary().as_u64()
        && header.operations_end == sealed.bounds().tip.size.as_u64()
}

impl<E: Runtime, M: Machine> Application<E> for App<M> {
    type SigningScheme = Scheme;
    type Context = Context;
    type Block = ChainBlock;
    type Databases = Databases<E>;
    type Captured = ();
    type Provider = ();
    type Input = ();

    fn sync_targets(
        block: &ChainBlock,
    ) -> Target<commonware_storage::mmr::Family, commonware_cryptography::sha256::Digest> {
        let range: NonEmptyRange<_> = block.operations();
        Target::new(to_engine(block.header().operations_root), range)
    }

    async fn genesis(&mut self) -> ChainBlock {
        self.genesis.clone()
    }

    async fn propose(
        &mut self,
        (runtime, context): (E, Context),
        mut ancestry: impl Ancestry<ChainBlock>,
        batch: Batch<E>,
        _: Input<(), ()>,
    ) -> Option<Proposed<Self, E>> {
        let parent = ancestry.next().await?;
        let header = parent.inner().header();
        let (reader, clock) = (BatchReader::new(batch), NodeClock::new(runtime));
        let epoch = self.epoch_of(header.height.next());
        let propose = self.machine.propose(header.clone(), epoch, reader.clone(), clock);
        let draft = polled(Stage::Execution, propose).await?;
        let merkleized = reader.seal(&draft.writes).await?;
        let digest = crate::block::header_digest(header);
        let block =
            self.assemble::<E>(header, from_engine(digest), &context, draft, &merkleized)?;
        Some(Proposed { block, merkleized })
    }

    async fn process(
        &mut self,
        (runtime, _): (E, Context),
        mut ancestry: impl Ancestry<ChainBlock>,
        batch: Batch<E>,
        finality: stateful::Finality,
    ) -> Option<Sealed<E>> {
        let block = ancestry.next().await?;
        let parent = ancestry.next().await?;
        let finality = match finality {
            stateful::Finality::Candidate => Finality::Candidate,
            stateful::Finality::Finalized => Finality::Finalized,
        };
        let clock = NodeClock::new(runtime);
        let parent = parent.inner().header().clone();
        self.execute(clock, parent, block.inner(), batch, finality).await
    }

    async fn capture(
        &mut self,
        _: (E, Context),
        block: &ChainBlock,
        _: &Sealed<E>,
        _: commonware_glue::stateful::db::Reader<crate::state::Database<E>>,
    ) {
        // INVARIANT: history is never behind state.
        polled(Stage::History, self.machine.persist(block.block())).await;
    }

    async fn finalized(
        &mut self,
        _: (E, Context),
        block: &ChainBlock,
        (): (),
        _: commonware_glue::stateful::db::Reader<crate::state::Database<E>>,
    ) {
        self.status.set_height(block.header().height);
        measure(Stage::Admission, || self.machine.finalized(block.header()));
    }
}

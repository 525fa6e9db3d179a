//! The `Machine` that the engine drives: proposing, checking and keeping blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use chaincity_crypto::cose::{self, SignedTransaction};
use chaincity_crypto::{hash, tree};
use chaincity_engine::stage::{Stage, measure};
use chaincity_engine::{Clock, ContentKey, Draft, Finality, Machine, StateReader};
use chaincity_ledger::{BlockContext, Step, WrittenVersion, order};
use chaincity_types::wire::{
    BLOCK_BYTES_MAX, Block, Committee, EXPIRY_AHEAD_MAX_MS, Head, Header, PROTOCOL,
};
use chaincity_types::{Digest, Height, Timestamp};
use futures::future::{Either, select};
use minicbor::bytes::ByteVec;

use crate::api::NodeError;
use crate::execute::{COMPILED, Outcome, execute, members_of};
use crate::parcel::Parcel;
use crate::pipeline::{Ancestors, ExecutionKey, META_EQUIVOCATION, Pending, Pipeline};
use crate::pool::Pooled;
use crate::records::Known;

/// Most bytes of transactions in a block: beyond about one megabyte latency grows faster than
/// throughput.
pub(crate) const TRANSACTIONS_BYTES_MAX: usize = 1024 * 1024;
/// Most bytes that one member may have in a block: three quarters.
pub(crate) const MEMBER_SHARE_BYTES_MAX: usize = 768 * 1024;
/// A block's time is at most so long after its parent's; longer gaps are crossed in steps.
const STEP_MS_MAX: u64 = 60_000;
/// How long an idle leader waits before it proposes a heartbeat.
const HEARTBEAT_MS: u64 = 1_000;
/// Blocks begin at least so long after their parents, unless they are full. Under load a
/// transaction waits half of it on average; what it saves is the cost of a block, which is that of
/// some thirty transactions.
const GATHER_MS: u64 = 80;
/// How long to wait before asking again for a body that no peer has yet.
const RETRY_MS: u64 = 100;

/// A block's time: now, but after the parent and at most a step away from it.
fn block_time(parent: Timestamp, now: Timestamp) -> Timestamp {
    now.min(parent.plus_ms(STEP_MS_MAX)).max(parent.plus_ms(1))
}

/// How long transactions gather for the block after `parent`: not at all on a ledger that rested.
fn gathering_ms(parent: &Header, now: Timestamp) -> u64 {
    if parent.height == Height(0) {
        return 0;
    }
    GATHER_MS.saturating_sub(now.since_ms(parent.time))
}

impl Pipeline {
    /// Waits until there is something to propose that `skip` does not name, or a heartbeat is due.
    /// Timers that are due and had no place in `parent` are work too.
    async fn wait_for<C: Clock>(&self, parent: &Header, clock: &C, skip: &BTreeSet<Digest>) {
        // The first block writes genesis, and a ledger that stood still catches up: no waiting.
        if parent.height == Height(0) || clock.now().since_ms(parent.time) > STEP_MS_MAX {
            return;
        }
        if self.leaves_timers(parent) || self.inner.shared().pool.has_work(skip) {
            return;
        }
        let mut due = clock.sleep_ms(HEARTBEAT_MS);
        loop {
            let arrived = self.inner.arrived.notified();
            futures::pin_mut!(arrived);
            arrived.as_mut().enable();
            if self.inner.shared().pool.has_work(skip) {
                return;
            }
            match select(arrived, due).await {
                Either::Left(((), rest)) => due = rest,
                Either::Right(_) => return,
            }
        }
    }

    /// Lets transactions gather: what a block costs whatever it holds (votes, flushes, messages) is
    /// then shared by more of them.
    async fn gather<C: Clock>(&self, parent: &Header, clock: &C) {
        let full = self.leaves_timers(parent) || {
            let shared = self.inner.shared();
            shared.pool.bytes() >= shared.pace.bytes(TRANSACTIONS_BYTES_MAX)
        };
        let rest = gathering_ms(parent, clock.now());
        if !full && rest > 0 {
            clock.sleep_ms(rest).await;
        }
    }

    /// Executes, trying again while a body is late or this machine is at fault: both only delay.
    async fn execute_surely<S: StateReader, C: Clock>(
        &self,
        context: BlockContext,
        transactions: &[Arc<SignedTransaction>],
        state: &Known<'_, S>,
        clock: &C,
    ) -> Outcome {
        let inner = &*self.inner;
        let genesis = (context.height == Height(1)).then_some(&*inner.genesis);
        let begun = clock.now();
        loop {
            match execute(context, genesis, transactions, state, self.cores).await {
                Ok(outcome) => {
                    let bytes = transactions.iter().map(|signed| signed.to_be_signed.len()).sum();
                    inner.shared().pace.executed(bytes, clock.now().since_ms(begun));
                    return outcome;
                }
                Err(fault) => {
                    tracing::warn!(height = context.height.0, %fault, "execution waits");
                    clock.sleep_ms(RETRY_MS).await;
                }
            }
        }
    }

    fn context(&self, parent: &Header, time: Timestamp, epoch: u64) -> BlockContext {
        BlockContext {
            ledger: self.inner.ledger,
            protocol: PROTOCOL,
            height: parent.height.next(),
            time,
            parent_time: parent.time,
            epoch,
        }
    }

    /// Digest of the committee of `epoch`. The epoch's own committee is always known: the block
    /// before its first was executed here, or its proof was checked.
    fn committee_digest(&self, epoch: u64) -> Option<Digest> {
        self.inner.shared().committees.get(&epoch).map(hash::committee_digest)
    }

    /// Remembers an execution until its block is final or abandoned.
    fn keep(
        &self,
        key: ExecutionKey,
        parent: &Header,
        transactions: Vec<Arc<SignedTransaction>>,
        outcome: Outcome,
    ) {
        let written = |w: &WrittenVersion| {
            (w.record.head.body, (Arc::clone(&w.record.version), w.bytes.len()))
        };
        let bodies = outcome.executed.versions.iter().map(written).collect();
        self.inner.bodies.keep(parent.height.next(), bodies);
        let pending = Pending {
            parent: ExecutionKey::of(parent),
            transactions,
            executed: outcome.executed,
            next_committee: outcome.next_committee,
        };
        self.inner.shared().pending.insert(key, Arc::new(pending));
    }

    /// Reads the block's transactions. What the pool holds was read and verified when it came.
    fn open_block(&self, block: &Block) -> Result<Opened, Flaw> {
        let pooled: Vec<_> = {
            let shared = self.inner.shared();
            let held = |bytes: &ByteVec| shared.pool.get_by_bytes(bytes).map(Arc::clone);
            block.transactions.iter().map(held).collect()
        };
        let mut opened = Opened::default();
        for (pooled, bytes) in pooled.into_iter().zip(&block.transactions) {
            if let Some(pooled) = pooled {
                opened.transactions.push(Arc::clone(&pooled.signed));
                continue;
            }
            let Ok(signed) = cose::decode_transaction(bytes) else {
                return Err(Flaw("a malformed transaction"));
            };
            let signed = Arc::new(signed);
            opened.unverified.push(Arc::clone(&signed));
            opened.transactions.push(signed);
        }
        Ok(opened)
    }

    /// The rules for a block that need only it, its parent and its ancestors.
    fn check_header(&self, parent: &Header, epoch: u64, block: &Block) -> Result<(), Flaw> {
        let header = &block.header;
        let ahead = header.time.since_ms(parent.time);
        if header.ledger != self.inner.ledger
            || header.protocol != PROTOCOL
            || header.height != parent.height.next()
            || header.parent != hash::header_digest(parent)
        {
            return Err(Flaw("ledger, protocol, height or parent"));
        }
        if ahead == 0 || ahead > STEP_MS_MAX {
            return Err(Flaw("time"));
        }
        if header.transactions_root != tree::root(&leaves(&block.transactions)) {
            return Err(Flaw("transactions root"));
        }
        if Some(header.committee) != self.committee_digest(epoch) {
            return Err(Flaw("committee"));
        }
        let bytes = block.transactions.iter().map(|bytes| bytes.len());
        let total = bytes.fold(0_usize, usize::saturating_add);
        if total > TRANSACTIONS_BYTES_MAX || total > BLOCK_BYTES_MAX {
            return Err(Flaw("size"));
        }
        Ok(())
    }

    /// The rules for each transaction of a block: ledger, protocol, expiry window, no repetition.
    fn check_transactions(
        &self,
        ancestors: BTreeSet<Digest>,
        block: &Block,
        transactions: &[Arc<SignedTransaction>],
    ) -> Result<(), Flaw> {
        let mut seen = ancestors;
        let time = block.header.time;
        let shared = self.inner.shared();
        for signed in transactions {
            let transaction = &signed.transaction;
            if transaction.ledger != self.inner.ledger || transaction.protocol != PROTOCOL {
                return Err(Flaw("a transaction for another ledger or protocol"));
            }
            if transaction.expiry < time || transaction.expiry.since_ms(time) > EXPIRY_AHEAD_MAX_MS
            {
                return Err(Flaw("a transaction outside its window"));
            }
            if shared.window.contains(&signed.id) || !seen.insert(signed.id) {
                return Err(Flaw("a transaction repeated"));
            }
        }
        Ok(())
    }

    /// The rules that need the parent's state: every operator is known, no member has more than
    /// its share, classes are in order.
    async fn check_shares<S: StateReader>(
        &self,
        context: BlockContext,
        block: &Block,
        transactions: &[Arc<SignedTransaction>],
        state: &Known<'_, S>,
    ) -> Result<Result<(), Flaw>, NodeError> {
        let members = members_of(transactions, state).await?;
        let mut used: BTreeMap<&str, usize> = BTreeMap::new();
        for (signed, bytes) in transactions.iter().zip(&block.transactions) {
            let member = members.get(signed.operator.as_bytes().as_slice());
            let Some(Some(member)) = member else {
                return Ok(Err(Flaw("a transaction of an unknown operator")));
            };
            let share = used.entry(member).or_default();
            *share = share.saturating_add(bytes.len());
            if *share > MEMBER_SHARE_BYTES_MAX {
                return Ok(Err(Flaw("a member's share")));
            }
        }
        let classes = self.classes(&context, transactions, state).await?;
        if !order::check_order(&classes) {
            return Ok(Err(Flaw("the class order")));
        }
        Ok(Ok(()))
    }

    /// Holds what was drawn to the rules of [`Self::check_shares`]: the pool's members and classes
    /// are what this node knew when each transaction came, a block's are those of its parent's
    /// state. When the state cannot be read the block stays empty, and the chain goes on.
    async fn lawful<S: StateReader>(
        &self,
        context: &BlockContext,
        drawn: Vec<Arc<Pooled>>,
        state: &Known<'_, S>,
    ) -> Vec<Arc<Pooled>> {
        let signed: Vec<_> = drawn.iter().map(|pooled| Arc::clone(&pooled.signed)).collect();
        let known = async {
            let members = members_of(&signed, state).await?;
            Ok::<_, NodeError>((members, self.classes(context, &signed, state).await?))
        };
        let (members, classes) = match known.await {
            Ok(known) => known,
            Err(fault) => {
                tracing::warn!(height = context.height.0, %fault, "proposing no transactions");
                return Vec::new();
            }
        };
        let mut used: BTreeMap<&str, usize> = BTreeMap::new();
        let mut kept: Vec<_> = classes.into_iter().zip(drawn).collect();
        kept.sort_by_key(|(class, _)| *class);
        kept.retain(|(_, pooled)| {
            let member = members.get(pooled.signed.operator.as_bytes().as_slice());
            let Some(Some(member)) = member else { return false };
            let share = used.entry(member).or_default();
            let total = share.saturating_add(pooled.bytes.len());
            let fits = total <= MEMBER_SHARE_BYTES_MAX;
            if fits {
                *share = total;
            }
            fits
        });
        kept.into_iter().map(|(_, pooled)| pooled).collect()
    }

    /// The priority class of each transaction, by the packages of the parent's state.
    async fn classes<S: StateReader>(
        &self,
        context: &BlockContext,
        transactions: &[Arc<SignedTransaction>],
        state: &Known<'_, S>,
    ) -> Result<Vec<u8>, NodeError> {
        let mut classes = Vec::with_capacity(transactions.len());
        for signed in transactions {
            let class = loop {
                match order::priority(&signed.transaction, context, state, &*COMPILED) {
                    Step::Done(class) => break class,
                    Step::Need(keys) => state.fetch(keys).await?,
                }
            };
            classes.push(class);
        }
        Ok(classes)
    }
}

/// Why a block is invalid for ever.
#[derive(Clone, Copy, Debug)]
struct Flaw(&'static str);

/// The transactions of a block.
#[derive(Default)]
struct Opened {
    transactions: Vec<Arc<SignedTransaction>>,
    /// Those of them whose signatures this node has not verified yet.
    unverified: Vec<Arc<SignedTransaction>>,
}

impl Opened {
    fn verify(&self) -> Result<(), Flaw> {
        let unverified: Vec<_> = self.unverified.iter().map(Arc::as_ref).collect();
        match measure(Stage::Verification, || cose::verify_transactions(&unverified)) {
            Ok(()) => Ok(()),
            Err(_) => Err(Flaw("a wrongly signed transaction")),
        }
    }
}

impl Machine for Pipeline {
    async fn wait_for_work<C: Clock>(&self, parent: Header, clock: C) {
        let Ancestors { ids: skip, whole } = self.ancestors(&parent);
        if whole {
            self.wait_for(&parent, &clock, &skip).await;
            self.gather(&parent, &clock).await;
        } else {
            // Not knowing what is final already, this node only keeps the chain going.
            clock.sleep_ms(HEARTBEAT_MS).await;
        }
    }

    async fn propose<S: StateReader, C: Clock>(
        &self,
        parent: Header,
        epoch: u64,
        state: S,
        clock: C,
    ) -> Option<Draft> {
        let Ancestors { ids: skip, whole } = self.ancestors(&parent);
        let height = parent.height.next();
        let time = block_time(parent.time, clock.now());
        let context = self.context(&parent, time, epoch);
        let state = Known::new(&state, &self.inner.bodies);
        let drawn = if height == Height(1) || !whole {
            Vec::new()
        } else {
            let drawn = {
                let mut shared = self.inner.shared();
                let bytes = shared.pace.bytes(TRANSACTIONS_BYTES_MAX);
                let pass = |id: &Digest| skip.contains(id);
                shared.pool.draw(bytes, MEMBER_SHARE_BYTES_MAX, time, &pass)
            };
            self.lawful(&context, drawn, &state).await
        };
        let transactions: Vec<_> = drawn.iter().map(|pooled| Arc::clone(&pooled.signed)).collect();
        let bytes: Vec<Bytes> = drawn.iter().map(|pooled| pooled.bytes.clone()).collect();
        let transactions_root = tree::root(&bytes);
        let outcome = self.execute_surely(context, &transactions, &state, &clock).await;
        let draft = Draft {
            protocol: PROTOCOL,
            time,
            transactions: bytes,
            transactions_root,
            effects_root: outcome.executed.effects_root,
            committee: self.committee_digest(epoch)?,
            next_committee: hash::committee_digest(&outcome.next_committee),
            writes: outcome.executed.heads.clone(),
        };
        let parent_digest = hash::header_digest(&parent);
        let key = ExecutionKey::new(height, parent_digest, time, transactions_root);
        self.keep(key, &parent, transactions, outcome);
        Some(draft)
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
        let header = &block.header;
        let refuse = |Flaw(flaw): Flaw| {
            tracing::warn!(height = header.height.0, flaw, "an invalid block was refused");
        };
        // From cheap to dear: what one look refuses costs no signature and no reading.
        self.check_header(&parent, epoch, &block).map_err(refuse).ok()?;
        let opened = self.open_block(&block).map_err(refuse).ok()?;
        if finality == Finality::Candidate {
            // What this node does not know yet (see [`Ancestors::whole`]) it cannot wait for here:
            // the engine finalizes nothing while a block is being judged. It casts no vote either:
            // see [`Machine::can_judge`].
            let ancestors = self.ancestors(&parent).ids;
            self.check_transactions(ancestors, &block, &opened.transactions)
                .map_err(refuse)
                .ok()?;
        }
        opened.verify().map_err(refuse).ok()?;
        let transactions = opened.transactions;
        let context = self.context(&parent, header.time, epoch);
        let state = Known::new(&state, &self.inner.bodies);
        if finality == Finality::Candidate {
            loop {
                match self.check_shares(context, &block, &transactions, &state).await {
                    Ok(checked) => break checked.map_err(refuse).ok()?,
                    Err(fault) => {
                        tracing::warn!(height = header.height.0, %fault, "checking waits");
                        clock.sleep_ms(RETRY_MS).await;
                    }
                }
            }
            // A block ahead of this clock only waits; at most a step, by the rule above.
            let ahead = header.time.since_ms(clock.now());
            if ahead > 0 {
                clock.sleep_ms(ahead.min(STEP_MS_MAX)).await;
            }
        }
        let outcome = self.execute_surely(context, &transactions, &state, &clock).await;
        if outcome.executed.effects_root != header.effects_root {
            refuse(Flaw("effects root"));
            return None;
        }
        if hash::committee_digest(&outcome.next_committee) != header.next_committee {
            refuse(Flaw("next committee"));
            return None;
        }
        let writes = outcome.executed.heads.clone();
        self.keep(ExecutionKey::of(header), &parent, transactions, outcome);
        Some(writes)
    }

    async fn persist(&self, block: Arc<Block>) {
        if let Err(fault) = self.store_final(&block) {
            stop(&fault);
        }
    }

    fn finalized(&self, header: &Header) {
        self.settle(header);
    }

    fn certified(&self, height: Height, certificate: Vec<u8>) {
        if let Err(fault) = self.inner.store.put_certificate(height, &certificate) {
            stop(&NodeError::Fault(crate::chain(&fault)));
        }
        self.inner.tip.send_modify(|_| ());
    }

    fn equivocated(&self, validator: Vec<u8>, evidence: Vec<u8>) {
        let name = format!("{META_EQUIVOCATION}{}", hex::encode(&validator));
        if let Err(fault) = self.inner.store.put_meta(&name, &evidence) {
            tracing::error!(%fault, "evidence of equivocation could not be kept");
        }
        self.inner.shared().equivocators.insert(validator);
    }

    fn committee(&self, epoch: u64) -> Option<Committee> {
        self.inner.shared().committees.get(&epoch).cloned()
    }

    async fn learn_committee<S: StateReader, C: Clock>(
        &self,
        last: Header,
        epoch: u64,
        state: S,
        clock: C,
    ) {
        // What a block without transactions, after the last one, would say of the next epoch.
        let context = self.context(&last, last.time, epoch);
        let state = Known::new(&state, &self.inner.bodies);
        let Outcome { next_committee, .. } =
            self.execute_surely(context, &[], &state, &clock).await;
        let stored = if hash::committee_digest(&next_committee) == last.next_committee {
            self.store_committee(&next_committee)
        } else {
            // The state is that of the block, by its root: only a fault of ours gets here.
            Err(NodeError::Fault(format!("the committee after block {} is another", last.height)))
        };
        if let Err(fault) = stored {
            stop(&fault);
        }
    }

    fn can_judge(&self, height: Height) -> bool {
        self.holds_window(height)
    }

    fn followers(&self) -> Vec<Vec<u8>> {
        self.inner.shared().nodes.keys().cloned().collect()
    }

    fn serve(&self, key: ContentKey) -> Option<Bytes> {
        let store = &self.inner.store;
        match key {
            ContentKey::Body(digest) => store.body(&digest).ok().flatten().map(Bytes::from),
            ContentKey::Block(digest) => {
                let height = store.height_of(&digest).ok().flatten()?;
                let stored = store.block(height).ok().flatten()?;
                let body = |digest: &Digest| store.body(digest).ok().flatten();
                Some(Bytes::from(Parcel::pack(stored, body)))
            }
        }
    }

    fn check(&self, key: ContentKey, bytes: &Bytes) -> bool {
        match key {
            ContentKey::Body(digest) => hash::body_digest(bytes) == digest,
            ContentKey::Block(digest) => Parcel::open(digest, bytes).is_some(),
        }
    }

    fn on_gossip(&self, messages: Vec<(Vec<u8>, Bytes)>) {
        self.admit_gossip(messages.iter().map(|(_, message)| message.as_ref()));
    }
}

/// The leaves of the transactions tree.
pub(crate) fn leaves(transactions: &[ByteVec]) -> Vec<&[u8]> {
    transactions.iter().map(|bytes| bytes.as_slice()).collect()
}

/// Stops the node: it can no longer keep what is final, so it must not go on (STYLE: a fault
/// stops or retries, it never becomes a receipt).
#[allow(clippy::panic, reason = "a node that cannot store final blocks must stop")]
fn stop(fault: &NodeError) -> ! {
    tracing::error!(%fault, "the node stops: final history cannot be kept");
    panic!("final history cannot be kept: {fault}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_gather_under_load_and_not_on_a_ledger_that_rested() {
        let mut parent = chaincity_engine::genesis_header(
            Digest::ZERO,
            PROTOCOL,
            Timestamp(1_000),
            Digest::ZERO,
            Digest::ZERO,
        );
        assert_eq!(gathering_ms(&parent, Timestamp(1_000)), 0, "the first block waits for nothing");
        parent.height = Height(7);
        assert_eq!(gathering_ms(&parent, Timestamp(1_000)), GATHER_MS);
        assert_eq!(gathering_ms(&parent, Timestamp(1_001)), GATHER_MS - 1);
        assert_eq!(gathering_ms(&parent, Timestamp(1_000 + GATHER_MS)), 0);
        assert_eq!(gathering_ms(&parent, Timestamp(0)), GATHER_MS, "a clock that is behind");
    }
}

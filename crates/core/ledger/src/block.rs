//! A block's run: genesis or nothing first, then its transactions one after the other, then the
//! timers that are due, then the effects that the header commits to.
//!
//! INVARIANT (I1): the outcome depends on the context, the transactions and the state alone;
//! how often and in which rounds a view made keys known has no influence, since every attempt
//! starts afresh and leaves nothing behind until it is complete.

use std::collections::{BTreeMap, BTreeSet};

use chaincity_crypto::tree;
use chaincity_types::wire::{Committee, Genesis, Head, LogicalKey, Receipt, Write};
use chaincity_types::{Digest, Timestamp, cbor};

use crate::governance::{self, GenesisError};
use crate::keyed::Mark;
use crate::session::{Layer, Session, WrittenVersion};
use crate::timers::{self, DueTimer, DueTimers, Fired};
use crate::transaction;
use crate::transaction::Tried;
use crate::view::{BlockContext, Packages, SignedCall, Step, View};

/// A block in execution.
#[derive(Debug)]
pub struct BlockRun {
    context: BlockContext,
    layer: Layer,
    receipts: Vec<Receipt>,
    /// For each key written, by its mark: how many transactions and timers were done when it was last
    /// written.
    written: BTreeMap<Mark, usize>,
    /// The timers that are due, once the transactions are done and as long as keys are missing.
    due: Option<DueTimers>,
}

/// What a transaction would do after those that were done when it was tried, for
/// [`BlockRun::accept`].
#[derive(Debug)]
pub struct Attempt {
    /// Nothing once it was accepted.
    tried: Option<Tried>,
    layer: Layer,
    /// What it looked at.
    reads: Vec<Mark>,
    /// How many transactions were done.
    after: usize,
}

/// What a block did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// One a transaction, in order; then one for each timer that ran.
    pub receipts: Vec<Receipt>,
    /// Every version written, in order.
    pub versions: Vec<WrittenVersion>,
    /// The same as `effects_root` commits to them.
    pub writes: Vec<Write>,
    /// New heads: each key once, sorted.
    pub heads: Vec<(Digest, Head)>,
    /// RFC 9162 root over the receipts, then the writes, in canonical CBOR.
    pub effects_root: Digest,
    /// The time of the oldest timer that is due and has not run; `None` when none waits.
    pub timers_waiting_since: Option<Timestamp>,
}

impl BlockRun {
    /// Begins a block on its parent's state.
    #[must_use]
    pub fn new(context: BlockContext) -> Self {
        let (layer, receipts, written) = (Layer::default(), Vec::new(), BTreeMap::new());
        Self { context, layer, receipts, written, due: None }
    }

    /// The circumstances of the block.
    #[must_use]
    pub const fn context(&self) -> &BlockContext {
        &self.context
    }

    /// Receipts so far.
    #[must_use]
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// Writes the genesis document's records: in the block at height 1, before any transaction.
    ///
    /// # Errors
    /// When the document is not a possible genesis; see [`GenesisError`].
    pub fn genesis(
        &mut self,
        genesis: &Genesis,
        packages: &dyn Packages,
    ) -> Result<(), GenesisError> {
        let layer = governance::genesis(&self.context, genesis, packages)?;
        self.layer.absorb(layer);
        Ok(())
    }

    /// Runs the next transaction. [`Step::Need`] leaves the block as it was; call again when the
    /// keys are known. A rejection is a receipt.
    pub fn run(
        &mut self,
        signed: &SignedCall<'_>,
        view: &dyn View,
        packages: &dyn Packages,
    ) -> Step<()> {
        match self.attempt(signed, view, packages) {
            Step::Done(mut attempt) => match self.accept(&mut attempt, signed, view, packages) {
                Step::Done(_) => Step::Done(()),
                Step::Need(keys) => Step::Need(keys),
            },
            Step::Need(keys) => Step::Need(keys),
        }
    }

    /// What [`BlockRun::run`] would do now, without doing it. Attempts at several transactions do
    /// not see each other and may be made at the same time.
    pub fn attempt(
        &self,
        signed: &SignedCall<'_>,
        view: &dyn View,
        packages: &dyn Packages,
    ) -> Step<Attempt> {
        let mut session = Session::new(&self.context, &self.layer, view, packages);
        let after = self.receipts.len();
        match transaction::attempt(&mut session, signed) {
            Some(tried) => {
                let Session { layer, reads, .. } = session;
                Step::Done(Attempt { tried: Some(tried), layer, reads, after })
            }
            None => Step::Need(session.missing.into_iter().collect()),
        }
    }

    /// Does what was tried, as the next transaction, if that is what [`BlockRun::run`] would do:
    /// if nothing that it looked at was written since. What a call does blindly (its numbers,
    /// counters, lists, index entries) it does now, on what those before it left. Gives whether it
    /// was done; [`Step::Need`] leaves block and attempt as they were.
    pub fn accept(
        &mut self,
        attempt: &mut Attempt,
        signed: &SignedCall<'_>,
        view: &dyn View,
        packages: &dyn Packages,
    ) -> Step<bool> {
        if !self.stands(&attempt.reads, attempt.after) {
            return Step::Done(false);
        }
        match attempt.tried.take() {
            None => return Step::Done(false),
            Some(Tried::Done(receipt)) => self.take(receipt, std::mem::take(&mut attempt.layer)),
            Some(Tried::Open(mut open)) => {
                let mut session = Session::new(&self.context, &self.layer, view, packages);
                let Some(receipt) = transaction::settle(&mut session, signed, &mut open) else {
                    attempt.tried = Some(Tried::Open(open));
                    return Step::Need(session.missing.into_iter().collect());
                };
                let Session { layer, .. } = session;
                self.take(receipt, layer);
            }
        }
        Step::Done(true)
    }

    /// Whether nothing of `reads` was written since so many transactions and timers were done.
    fn stands(&self, reads: &[Mark], after: usize) -> bool {
        !reads.iter().any(|mark| self.written.get(mark).is_some_and(|at| *at >= after))
    }

    fn take(&mut self, mut receipt: Receipt, layer: Layer) {
        let at = self.receipts.len();
        receipt.index = self.next_index();
        self.written.extend(layer.records.marks().map(|mark| (mark, at)));
        self.layer.absorb(layer);
        self.receipts.push(receipt);
    }

    /// The committee of `epoch` that the state after the transactions so far says; `None` when
    /// the state has no committee yet.
    pub fn committee(&self, epoch: u64, view: &dyn View) -> Step<Option<Committee>> {
        let key = governance::committee_key();
        let mut session = Session::new(&self.context, &self.layer, view, &governance::NoPackages);
        match session.get(&key) {
            Ok(record) => Step::Done(
                record.and_then(|record| governance::committee_of(epoch, &record.version)),
            ),
            Err(_) => Step::Need(vec![key]),
        }
    }

    /// The timers that are due, once all transactions are done. None of them has been tried.
    pub fn due_timers(&self, view: &dyn View, packages: &dyn Packages) -> Step<DueTimers> {
        let mut session = Session::new(&self.context, &self.layer, view, packages);
        match timers::find(&mut session, self.next_index()) {
            Ok(due) => Step::Done(due),
            Err(_) => Step::Need(session.missing.into_iter().collect()),
        }
    }

    /// The timers that come next, each to be tried by [`Self::try_timer`].
    pub fn next_timers<'a>(&self, due: &'a mut DueTimers) -> &'a mut [DueTimer] {
        due.next(self.next_index())
    }

    /// Tries a timer, unless it was tried; gives the keys that are missing. Attempts at several
    /// do not see each other and may be made at the same time.
    pub fn try_timer(
        &self,
        timer: &mut DueTimer,
        view: &dyn View,
        packages: &dyn Packages,
    ) -> Vec<LogicalKey> {
        if timer.tried.is_some() {
            return Vec::new();
        }
        let mut session = Session::new(&self.context, &self.layer, view, packages);
        let after = self.receipts.len();
        let fired = timers::fire(&mut session, timer);
        let Session { layer, reads, missing, .. } = session;
        if let (Ok(fired), true) = (fired, missing.is_empty()) {
            timer.tried = Some(timers::Tried { fired, layer, reads, after });
        }
        missing.into_iter().collect()
    }

    /// Ends the block: runs the timers that are due, queues those that were set, and gives what
    /// the block did. After [`Step::Need`] it goes on where it stopped.
    pub fn finish(&mut self, view: &dyn View, packages: &dyn Packages) -> Step<Executed> {
        let mut due = match self.due.take() {
            Some(due) => due,
            None => match self.due_timers(view, packages) {
                Step::Done(due) => due,
                Step::Need(keys) => return Step::Need(keys),
            },
        };
        loop {
            match self.finish_with(&mut due, view, packages) {
                Step::Done(Some(executed)) => return Step::Done(executed),
                Step::Done(None) => {}
                Step::Need(keys) => {
                    self.due = Some(due);
                    return Step::Need(keys);
                }
            }
        }
    }

    /// The same with the timers that are due, step by step: does [those that come next](Self::next_timers),
    /// any of which may have been tried. `None`: more are to be done.
    pub fn finish_with(
        &mut self,
        due: &mut DueTimers,
        view: &dyn View,
        packages: &dyn Packages,
    ) -> Step<Option<Executed>> {
        // All are tried before any is done, to name the keys that they need in the same round.
        let next = self.next_timers(due).iter_mut();
        let missing = next.flat_map(|timer| self.try_timer(timer, view, packages));
        let missing: BTreeSet<LogicalKey> = missing.collect();
        if !missing.is_empty() {
            return Step::Need(missing.into_iter().collect());
        }
        while due.done < due.until && due.spent < timers::FUEL_MAX {
            if let Step::Need(keys) = self.do_timer(due, view, packages) {
                return Step::Need(keys);
            }
        }
        if let Some(left) = due.timers.get(due.done) {
            if due.spent < timers::FUEL_MAX {
                return Step::Done(None);
            }
            due.rest = Some(left.place);
            due.timers.truncate(due.done);
            due.until = due.done;
        }
        let mut session = Session::new(&self.context, &self.layer, view, packages);
        if timers::close(&mut session, &self.layer.timers, due).is_err() {
            return Step::Need(session.missing.into_iter().collect());
        }
        let Session { layer, .. } = session;
        self.layer.absorb(layer);
        Step::Done(Some(self.executed(due.waiting_since())))
    }

    /// Does the next timer: as it was tried, if nothing that it looked at was written since and its
    /// receipt has the place that it was tried for; else it is tried anew.
    fn do_timer(
        &mut self,
        due: &mut DueTimers,
        view: &dyn View,
        packages: &dyn Packages,
    ) -> Step<()> {
        let index = self.next_index();
        let Some(timer) = due.timers.get_mut(due.done) else { return Step::Done(()) };
        let stands = timer.tried.as_ref().is_some_and(|tried| {
            let placed = match tried.fired {
                Fired::Nothing | Fired::Later(_) => true,
                Fired::Ran(..) | Fired::Open(..) => timer.index == index,
            };
            placed && self.stands(&tried.reads, tried.after)
        });
        if !stands {
            (timer.tried, timer.index) = (None, index);
            let missing = self.try_timer(timer, view, packages);
            if !missing.is_empty() {
                return Step::Need(missing);
            }
        }
        let Some(tried) = timer.tried.take() else { return Step::Need(Vec::new()) };
        match tried.fired {
            Fired::Nothing => {}
            Fired::Later(later) => due.later.push(later),
            // It was called for this time in this block.
            Fired::Ran(at, _) | Fired::Open(at, _) if due.called.contains(&at) => {}
            Fired::Ran(at, receipt) => {
                due.spent = due.spent.saturating_add(receipt.fuel);
                due.called.insert(at);
                self.take(receipt, tried.layer);
            }
            Fired::Open(at, mut open) => {
                let mut session = Session::new(&self.context, &self.layer, view, packages);
                let Some(receipt) = timers::settle(&mut session, &mut open, index) else {
                    timer.tried = Some(timers::Tried { fired: Fired::Open(at, open), ..tried });
                    return Step::Need(session.missing.into_iter().collect());
                };
                let Session { layer, .. } = session;
                due.spent = due.spent.saturating_add(receipt.fuel);
                due.called.insert(at);
                self.take(receipt, layer);
            }
        }
        due.done = due.done.saturating_add(1);
        Step::Done(())
    }

    /// The place of the next receipt.
    fn next_index(&self) -> u32 {
        u32::try_from(self.receipts.len()).unwrap_or(u32::MAX)
    }

    fn executed(&mut self, timers_waiting_since: Option<Timestamp>) -> Executed {
        let (layer, receipts) =
            (std::mem::take(&mut self.layer), std::mem::take(&mut self.receipts));
        let writes = transaction::writes(&layer);
        let head = |w: &WrittenVersion| (w.state_key, w.record.head);
        let heads: BTreeMap<Digest, Head> = layer.written.iter().map(head).collect();
        let effects_root = effects_root(&receipts, &writes);
        Executed {
            receipts,
            versions: layer.written,
            writes,
            heads: heads.into_iter().collect(),
            effects_root,
            timers_waiting_since,
        }
    }
}

/// The RFC 9162 root over receipts, then writes, each in canonical CBOR.
#[must_use]
pub fn effects_root(receipts: &[Receipt], writes: &[Write]) -> Digest {
    let mut hashes = Vec::with_capacity(receipts.len().saturating_add(writes.len()));
    let mut room = Vec::new();
    hashes.extend(receipts.iter().map(|receipt| leaf_hash(&mut room, receipt)));
    hashes.extend(writes.iter().map(|write| leaf_hash(&mut room, write)));
    tree::root_of_hashes(hashes)
}

/// The hash of a leaf, which is encoded into `room`.
fn leaf_hash<T: minicbor::Encode<()>>(room: &mut Vec<u8>, leaf: &T) -> Digest {
    room.clear();
    cbor::encode_onto(room, leaf);
    tree::leaf_hash(room)
}

/// The leaves of the effects tree, for inclusion proofs.
#[must_use]
pub fn effects_leaves(receipts: &[Receipt], writes: &[Write]) -> Vec<Vec<u8>> {
    receipts.iter().map(cbor::encode).chain(writes.iter().map(cbor::encode)).collect()
}

//! Transactions that wait for a block: one lane a member and priority class, all bounded.
//!
//! A *lane* holds the transactions of one member in one class, oldest first. Lanes of a class take
//! turns by deficit round-robin: each turn adds a quantum of bytes to a lane's *deficit*, and what
//! it gives is taken off. A deficit outlives the draw: a transaction larger than a quantum
//! has its turn after a few blocks, however many other members wait.
//!
//! Adding, removing and finding cost the logarithm of the pool's size; a draw costs what it gives
//! and what it has to pass over.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use chaincity_crypto::cose::SignedTransaction;
use chaincity_ledger::order::URGENT;
use chaincity_types::wire::TRANSACTION_BYTES_MAX;
use chaincity_types::{Digest, Reject, Timestamp};

#[cfg(test)]
mod tests;

/// Most that the pool holds.
const POOL_MAX: Amount = Amount { count: 50_000, bytes: 64 * 1024 * 1024 };
/// What of it only urgent transactions may take, so that a full pool still takes a court's seal.
const URGENT_RESERVE: Amount = Amount { count: 5_000, bytes: 4 * 1024 * 1024 };
/// Most that one member may hold: half, so that no member shuts others out.
const MEMBER_MAX: Amount = Amount { count: POOL_MAX.count >> 1, bytes: POOL_MAX.bytes >> 1 };
/// What a lane gains each turn, in bytes.
const QUANTUM_BYTES: usize = 16 * 1024;
/// The most that a lane saves up: enough for the largest transaction.
const DEFICIT_MAX: usize = TRANSACTION_BYTES_MAX;

/// A verified transaction in the pool.
#[derive(Debug)]
pub(crate) struct Pooled {
    pub(crate) bytes: Bytes,
    pub(crate) signed: Arc<SignedTransaction>,
    /// The operator's member.
    pub(crate) member: String,
    /// Priority class; lower goes first.
    pub(crate) class: u8,
    /// When this node got it, by its own clock.
    pub(crate) since: Timestamp,
}

impl Pooled {
    fn expiry(&self) -> Timestamp {
        self.signed.transaction.expiry
    }
}

/// So many transactions of so many bytes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amount {
    count: usize,
    bytes: usize,
}

impl Amount {
    const fn plus(self, bytes: usize) -> Self {
        Self { count: self.count.saturating_add(1), bytes: self.bytes.saturating_add(bytes) }
    }

    const fn minus(self, bytes: usize) -> Self {
        Self { count: self.count.saturating_sub(1), bytes: self.bytes.saturating_sub(bytes) }
    }

    const fn without(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_sub(other.count),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    const fn fits(self, most: Self) -> bool {
        self.count <= most.count && self.bytes <= most.bytes
    }
}

/// The transactions of one member in one class.
#[derive(Debug, Default)]
struct Lane {
    /// By number, so oldest first.
    waiting: BTreeMap<u64, Arc<Pooled>>,
    deficit: usize,
}

/// The pool.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// Transactions are numbered as they come, from 1.
    numbers: HashMap<Digest, u64>,
    /// The same by what was submitted: who has the bytes of a transaction need not decode them.
    by_bytes: HashMap<Bytes, u64>,
    by_number: BTreeMap<u64, Arc<Pooled>>,
    by_expiry: BTreeSet<(Timestamp, u64)>,
    lanes: BTreeMap<(u8, String), Lane>,
    /// The member whose lane has the next turn, for each class.
    turn: BTreeMap<u8, String>,
    held: Amount,
    held_by: BTreeMap<String, Amount>,
    last: u64,
    /// Up to where waiting transactions were sent again.
    sent_again: u64,
}

impl Pool {
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Bytes of all that waits.
    pub(crate) const fn bytes(&self) -> usize {
        self.held.bytes
    }

    pub(crate) fn get(&self, id: &Digest) -> Option<&Arc<Pooled>> {
        self.by_number.get(self.numbers.get(id)?)
    }

    /// The transaction of which these are the bytes.
    pub(crate) fn get_by_bytes(&self, bytes: &[u8]) -> Option<&Arc<Pooled>> {
        self.by_number.get(self.by_bytes.get(bytes)?)
    }

    /// Adds a transaction.
    pub(crate) fn insert(&mut self, pooled: Pooled) -> Result<(), Reject> {
        let id = pooled.signed.id;
        if self.numbers.contains_key(&id) {
            return Err(Reject::Duplicate);
        }
        let size = pooled.bytes.len();
        let held = self.held.plus(size);
        let held_by = self.held_by.get(&pooled.member).copied().unwrap_or_default().plus(size);
        let most = if pooled.class == URGENT { POOL_MAX } else { POOL_MAX.without(URGENT_RESERVE) };
        if !held.fits(most) || !held_by.fits(MEMBER_MAX) {
            return Err(Reject::Busy);
        }
        self.held = held;
        self.held_by.insert(pooled.member.clone(), held_by);
        self.last = self.last.saturating_add(1);
        let number = self.last;
        let pooled = Arc::new(pooled);
        self.numbers.insert(id, number);
        self.by_bytes.insert(pooled.bytes.clone(), number);
        self.by_expiry.insert((pooled.expiry(), number));
        let lane = self.lanes.entry((pooled.class, pooled.member.clone())).or_default();
        lane.waiting.insert(number, Arc::clone(&pooled));
        self.by_number.insert(number, pooled);
        Ok(())
    }

    /// Takes transactions for a block, without removing them: classes in order; within a class,
    /// lanes in turn, each member at most `member_bytes` in all. Passed over are those that `skip`
    /// names (they stand in blocks not yet final) and those that expire before `time`, the
    /// block's.
    pub(crate) fn draw(
        &mut self,
        block_bytes: usize,
        member_bytes: usize,
        time: Timestamp,
        skip: &dyn Fn(&Digest) -> bool,
    ) -> Vec<Arc<Pooled>> {
        let mut drawn = Drawn { left: block_bytes, member_max: member_bytes, ..Drawn::default() };
        let pass = |pooled: &Pooled| pooled.expiry() < time || skip(&pooled.signed.id);
        let classes: BTreeSet<u8> = self.lanes.keys().map(|(class, _)| *class).collect();
        for class in classes {
            self.draw_class(class, &pass, &mut drawn);
        }
        drawn.taken
    }

    fn draw_class(&mut self, class: u8, pass: &dyn Fn(&Pooled) -> bool, drawn: &mut Drawn) {
        let first = self.turn.get(&class).cloned().unwrap_or_default();
        let (mut before, mut ring) = (Vec::new(), VecDeque::new());
        let lanes = self.lanes.range_mut((class, String::new())..);
        for ((_, member), lane) in lanes.take_while(|((c, _), _)| *c == class) {
            let seat = Seat { member, lane, from: 0 };
            if *member < first { before.push(seat) } else { ring.push_back(seat) }
        }
        ring.extend(before);
        let mut next = None;
        while drawn.left > 0
            && let Some(mut seat) = ring.pop_front()
        {
            match seat.turn(pass, drawn) {
                Turn::Saves => ring.push_back(seat),
                Turn::Done => {}
                // The first that found the block too full opens the next one.
                Turn::BlockFull => next = next.or_else(|| Some(seat.member.clone())),
            }
        }
        let next = next.or_else(|| ring.front().map(|seat| seat.member.clone()));
        if let Some(next) = next {
            self.turn.insert(class, next);
        }
    }

    /// Whether a transaction waits that `skip` does not name.
    pub(crate) fn has_work(&self, skip: &BTreeSet<Digest>) -> bool {
        self.numbers.keys().any(|id| !skip.contains(id))
    }

    /// Drops transactions that are final now, and those that no block after `time` can hold.
    pub(crate) fn settle(&mut self, included: &[Digest], time: Timestamp) {
        for id in included {
            if let Some(number) = self.numbers.get(id) {
                self.forget(*number);
            }
        }
        while let Some((_, number)) = self.by_expiry.first().filter(|(expiry, _)| *expiry <= time) {
            self.forget(*number);
        }
    }

    fn forget(&mut self, number: u64) {
        let Some(pooled) = self.by_number.remove(&number) else { return };
        let size = pooled.bytes.len();
        self.numbers.remove(&pooled.signed.id);
        self.by_bytes.remove(&pooled.bytes);
        self.by_expiry.remove(&(pooled.expiry(), number));
        self.held = self.held.minus(size);
        if let Some(held) = self.held_by.get_mut(&pooled.member) {
            *held = held.minus(size);
            if held.count == 0 {
                self.held_by.remove(&pooled.member);
            }
        }
        let key = (pooled.class, pooled.member.clone());
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.waiting.remove(&number);
            if lane.waiting.is_empty() {
                self.lanes.remove(&key);
            }
        }
    }

    /// Up to `most` transactions that came before `time` and still wait: peers may have missed
    /// them. Goes on where the last call ended, so that all have their turn.
    pub(crate) fn send_again(&mut self, time: Timestamp, most: usize) -> Vec<Bytes> {
        let (until, after) =
            (..=self.sent_again, (Bound::Excluded(self.sent_again), Bound::Unbounded));
        let found: Vec<_> = self
            .by_number
            .range(after)
            .chain(self.by_number.range(until))
            .filter(|(_, pooled)| pooled.since < time)
            .take(most)
            .map(|(number, pooled)| (*number, pooled.bytes.clone()))
            .collect();
        if let Some((last, _)) = found.last() {
            self.sent_again = *last;
        }
        found.into_iter().map(|(_, bytes)| bytes).collect()
    }
}

/// A lane in a draw.
struct Seat<'a> {
    member: &'a String,
    lane: &'a mut Lane,
    /// The first number not looked at yet.
    from: u64,
}

/// How a lane's turn ended.
enum Turn {
    /// Its next transaction is larger than its deficit.
    Saves,
    /// It has nothing more to give, or its member's share is used up.
    Done,
    /// Its next transaction is larger than the rest of the block.
    BlockFull,
}

impl Seat<'_> {
    fn turn(&mut self, pass: &dyn Fn(&Pooled) -> bool, drawn: &mut Drawn) -> Turn {
        let lane = &mut *self.lane;
        lane.deficit = lane.deficit.saturating_add(QUANTUM_BYTES).min(DEFICIT_MAX);
        for (number, pooled) in lane.waiting.range(self.from..) {
            self.from = *number;
            if pass(pooled) {
                continue;
            }
            let size = pooled.bytes.len();
            if size > lane.deficit {
                return Turn::Saves;
            }
            if size > drawn.left {
                return Turn::BlockFull;
            }
            if !drawn.take(pooled) {
                return Turn::Done;
            }
            lane.deficit = lane.deficit.saturating_sub(size);
            self.from = number.saturating_add(1);
        }
        // Who has nothing to give saves nothing up.
        lane.deficit = 0;
        Turn::Done
    }
}

#[derive(Default)]
struct Drawn {
    taken: Vec<Arc<Pooled>>,
    by_member: BTreeMap<String, usize>,
    left: usize,
    member_max: usize,
}

impl Drawn {
    /// Takes a transaction that fits into the block, unless its member's share is used up.
    fn take(&mut self, pooled: &Arc<Pooled>) -> bool {
        let size = pooled.bytes.len();
        let used = self.by_member.entry(pooled.member.clone()).or_default();
        let total = used.saturating_add(size);
        if total > self.member_max {
            return false;
        }
        *used = total;
        self.left = self.left.saturating_sub(size);
        self.taken.push(Arc::clone(pooled));
        true
    }
}

//! Transactions that wait for a block: one queue a member and priority class, all bounded.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use chaincity_crypto::cose::SignedTransaction;
use chaincity_types::{Digest, Reject, Timestamp};

/// Most transactions in the pool.
pub(crate) const POOL_COUNT_MAX: usize = 50_000;
/// Most bytes in the pool.
pub(crate) const POOL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most bytes that one member may hold in the pool: half, so that no member shuts others out.
pub(crate) const MEMBER_BYTES_MAX: usize = POOL_BYTES_MAX >> 1;
/// What a member's queue gains each round of the deficit round-robin, in bytes.
const QUANTUM_BYTES: usize = 16 * 1024;

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
    fn id(&self) -> Digest {
        self.signed.id
    }

    fn expiry(&self) -> Timestamp {
        self.signed.transaction.expiry
    }
}

/// The pool.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    entries: BTreeMap<Digest, Arc<Pooled>>,
    queues: BTreeMap<(u8, String), VecDeque<Digest>>,
    bytes: usize,
    member_bytes: BTreeMap<String, usize>,
    /// Member served last, so that rounds begin after it.
    served: String,
}

impl Pool {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, id: &Digest) -> Option<&Arc<Pooled>> {
        self.entries.get(id)
    }

    /// Adds a transaction.
    pub(crate) fn insert(&mut self, pooled: Pooled) -> Result<(), Reject> {
        let id = pooled.id();
        if self.entries.contains_key(&id) {
            return Err(Reject::Duplicate);
        }
        let size = pooled.bytes.len();
        let bytes = self.bytes.saturating_add(size);
        let held = self.member_bytes.get(&pooled.member).copied().unwrap_or(0);
        let member_bytes = held.saturating_add(size);
        if self.entries.len() >= POOL_COUNT_MAX
            || bytes > POOL_BYTES_MAX
            || member_bytes > MEMBER_BYTES_MAX
        {
            return Err(Reject::Busy);
        }
        self.bytes = bytes;
        self.member_bytes.insert(pooled.member.clone(), member_bytes);
        self.queues.entry((pooled.class, pooled.member.clone())).or_default().push_back(id);
        self.entries.insert(id, Arc::new(pooled));
        Ok(())
    }

    /// Takes transactions for a block, without removing them: classes in order; within a class,
    /// members in deficit round-robin by bytes, each at most `member_bytes` in all. `skip` names
    /// those that stand in blocks not yet final; `time` is the block's, and what expires by then
    /// stays out.
    pub(crate) fn draw(
        &mut self,
        block_bytes: usize,
        member_bytes: usize,
        time: Timestamp,
        skip: &BTreeSet<Digest>,
    ) -> Vec<Arc<Pooled>> {
        let mut drawn = Drawn { left: block_bytes, member_max: member_bytes, ..Drawn::default() };
        let classes: BTreeSet<u8> = self.queues.keys().map(|(class, _)| *class).collect();
        for class in classes {
            self.draw_class(class, time, skip, &mut drawn);
        }
        drawn.taken
    }

    fn draw_class(
        &mut self,
        class: u8,
        time: Timestamp,
        skip: &BTreeSet<Digest>,
        drawn: &mut Drawn,
    ) {
        let mut lanes: Vec<Lane<'_>> = self
            .queues
            .iter()
            .filter(|((c, _), _)| *c == class)
            .map(|((_, member), queue)| Lane { member, queue: queue.iter(), deficit: 0 })
            .collect();
        let start = lanes.iter().position(|lane| *lane.member > self.served).unwrap_or(0);
        lanes.rotate_left(start);
        let mut served = None;
        while !lanes.is_empty() && drawn.left > 0 {
            lanes.retain_mut(|lane| {
                lane.deficit = lane.deficit.saturating_add(QUANTUM_BYTES);
                while let Some(id) = lane.queue.peek() {
                    let Some(pooled) = self.entries.get(&id) else {
                        lane.queue.next();
                        continue;
                    };
                    if skip.contains(&id) || !expires_after(pooled, time) {
                        lane.queue.next();
                        continue;
                    }
                    let size = pooled.bytes.len();
                    if size > lane.deficit {
                        return true;
                    }
                    if !drawn.take(pooled) {
                        return false;
                    }
                    served = Some(lane.member.clone());
                    lane.deficit = lane.deficit.saturating_sub(size);
                    lane.queue.next();
                }
                false
            });
        }
        if let Some(member) = served {
            self.served = member;
        }
    }

    /// Whether a draw would give anything.
    pub(crate) fn has_work(&self, skip: &BTreeSet<Digest>) -> bool {
        self.entries.keys().any(|id| !skip.contains(id))
    }

    /// Drops transactions that are final now, and those that can no longer be included.
    pub(crate) fn settle(&mut self, included: &[Digest], time: Timestamp) {
        for id in included {
            self.forget(id);
        }
        let expired: Vec<Digest> = self
            .entries
            .iter()
            .filter(|(_, pooled)| !expires_after(pooled, time))
            .map(|(id, _)| *id)
            .collect();
        for id in &expired {
            self.forget(id);
        }
        let entries = &self.entries;
        self.queues.retain(|_, queue| {
            queue.retain(|id| entries.contains_key(id));
            !queue.is_empty()
        });
    }

    fn forget(&mut self, id: &Digest) {
        let Some(pooled) = self.entries.remove(id) else { return };
        self.bytes = self.bytes.saturating_sub(pooled.bytes.len());
        if let Some(held) = self.member_bytes.get_mut(&pooled.member) {
            *held = held.saturating_sub(pooled.bytes.len());
            if *held == 0 {
                self.member_bytes.remove(&pooled.member);
            }
        }
    }

    /// Transactions that came before `time` and still wait: peers may have missed them.
    pub(crate) fn waiting_since(&self, time: Timestamp, most: usize) -> Vec<Bytes> {
        self.entries
            .values()
            .filter(|pooled| pooled.since < time)
            .take(most)
            .map(|pooled| pooled.bytes.clone())
            .collect()
    }
}

fn expires_after(pooled: &Pooled, time: Timestamp) -> bool {
    pooled.expiry() > time
}

struct Lane<'a> {
    member: &'a String,
    queue: std::collections::vec_deque::Iter<'a, Digest>,
    deficit: usize,
}

trait Peek {
    fn peek(&self) -> Option<Digest>;
}

impl Peek for std::collections::vec_deque::Iter<'_, Digest> {
    fn peek(&self) -> Option<Digest> {
        self.clone().next().copied()
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
    fn take(&mut self, pooled: &Arc<Pooled>) -> bool {
        let size = pooled.bytes.len();
        let used = self.by_member.entry(pooled.member.clone()).or_default();
        let total = used.saturating_add(size);
        if size > self.left || total > self.member_max {
            return false;
        }
        *used = total;
        self.left = self.left.saturating_sub(size);
        self.taken.push(Arc::clone(pooled));
        true
    }
}

//! The history itself, over ordered keyspaces: what an append writes, what a read checks, and how
//! far down the history is complete.
//!
//! Besides the content it keeps one entry about itself: how many batches were written, the sum of
//! what is held (the exclusive or of a digest of each body, certificate and named value), the
//! tip, and the height from which it is complete.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use chaincity_crypto::{hash, tree};
use chaincity_types::{Digest, Height, cbor};
use minicbor::{Decode, Encode};

use crate::HistoryError;
use crate::frame;
use crate::fsck::Finding;
use crate::kv::{Batch, Kv, Space};
use crate::store::{FetchedBody, HistoryStore, StoredBlock};

/// Key of the one entry of [`Space::State`].
const STATE_KEY: &[u8] = b"history";
/// Entries read at once when scanning.
const PAGE: usize = 64;
/// Largest number of blocks that one call joins to the complete part.
const EXTEND_MAX: usize = 100_000;

/// Where a chain end is: a height and the digest of the block there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct End {
    #[n(1)]
    height: Height,
    #[n(2)]
    digest: Digest,
}

/// What the history knows of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct State {
    /// Batches ever written.
    #[n(1)]
    writes: u64,
    /// Exclusive or of the summands of all bodies, certificates and named values.
    #[n(2)]
    sum: Digest,
    /// The newest block.
    #[n(3)]
    tip: Option<End>,
    /// The lowest block of the complete part; the digest is its *parent's*.
    #[n(4)]
    from: Option<End>,
}

/// A history over some ordered keyspaces.
#[derive(Debug)]
pub struct Journal<K> {
    kv: K,
    /// Held by the one writer; never by readers.
    writer: Mutex<State>,
    /// Set when a batch failed: what of it is on the disk shows when the history is opened again.
    failed: AtomicBool,
    /// The ends as of the last batch, for readers.
    ends: RwLock<(Option<End>, Option<End>)>,
}

fn height_key(height: Height) -> Vec<u8> {
    height.0.to_be_bytes().to_vec()
}

fn read_height(bytes: &[u8]) -> Option<Height> {
    bytes.try_into().ok().map(u64::from_be_bytes).map(Height)
}

fn below(height: Height) -> Option<Height> {
    height.0.checked_sub(1).map(Height)
}

fn xor(a: &Digest, b: &Digest) -> Digest {
    let mut out = [0; 32];
    for (to, (x, y)) in out.iter_mut().zip(a.as_bytes().iter().zip(b.as_bytes())) {
        *to = x ^ y;
    }
    Digest(out)
}

/// A batch in the making.
#[derive(Default)]
struct Staged<'a> {
    entries: Vec<(Space, Vec<u8>, Cow<'a, [u8]>)>,
    bodies: BTreeSet<Digest>,
    sum: Digest,
}

impl<'a> Staged<'a> {
    /// A tagged entry.
    fn put(&mut self, space: Space, key: Vec<u8>, value: &[u8]) {
        let sealed = frame::seal(space, &key, value);
        self.entries.push((space, key, sealed.into()));
    }

    /// A tagged entry that counts towards the sum.
    fn put_summed(&mut self, space: Space, key: Vec<u8>, value: &[u8]) {
        self.sum = xor(&self.sum, &frame::summand(space, &key, value));
        self.put(space, key, value);
    }

    fn body(&mut self, digest: &Digest, bytes: &'a [u8]) {
        if self.bodies.insert(*digest) {
            let key = digest.as_bytes().to_vec();
            self.sum = xor(&self.sum, &frame::summand(Space::Bodies, &key, bytes));
            self.entries.push((Space::Bodies, key, bytes.into()));
        }
    }
}

/// Checks that a stored block is whole: its transactions, receipts and writes are those that its
/// header commits to. For content fetched from peers, after its digest was compared.
///
/// # Errors
/// [`HistoryError::Mismatch`] naming the part.
pub fn check_block(block: &StoredBlock) -> Result<(), HistoryError> {
    let header = &block.block.header;
    let transactions: Vec<&[u8]> =
        block.block.transactions.iter().map(|bytes| bytes.as_slice()).collect();
    let mismatch = |part: &str| HistoryError::Mismatch {
        what: format!("{part} of the block at height {}", header.height),
    };
    if tree::root(&transactions) != header.transactions_root {
        return Err(mismatch("the transactions"));
    }
    let receipts = block.receipts.iter().map(cbor::encode);
    let leaves: Vec<Vec<u8>> = receipts.chain(block.writes.iter().map(cbor::encode)).collect();
    if tree::root(&leaves) != header.effects_root {
        return Err(mismatch("the effects"));
    }
    Ok(())
}

impl<K: Kv> Journal<K> {
    /// A history over keyspaces that hold nothing.
    pub(crate) fn empty(kv: K) -> Self {
        Self {
            kv,
            writer: Mutex::default(),
            failed: AtomicBool::new(false),
            ends: RwLock::default(),
        }
    }

    /// The history that the keyspaces hold, of which at least `marked` batches were written.
    pub(crate) fn load(kv: K, marked: u64) -> Result<Self, HistoryError> {
        let history = Self::empty(kv);
        let state = match history.get(Space::State, STATE_KEY)? {
            Some(bytes) => {
                minicbor::decode(&bytes).map_err(|_cbor| HistoryError::damaged("`state` entry"))?
            }
            None => State::default(),
        };
        if state.writes < marked {
            let what = format!("journal: {} of {marked} batches are left: it", state.writes);
            return Err(HistoryError::damaged(what));
        }
        {
            let mut writer = history.writer.lock().unwrap_or_else(PoisonError::into_inner);
            *writer = state;
            history.extend(&mut writer)?;
            history.publish(&writer);
        }
        Ok(history)
    }

    /// What lies beneath.
    pub(crate) const fn keyspaces(&self) -> &K {
        &self.kv
    }

    fn publish(&self, state: &State) {
        let mut ends = self.ends.write().unwrap_or_else(PoisonError::into_inner);
        *ends = (state.tip, state.from);
    }

    fn ends(&self) -> (Option<End>, Option<End>) {
        *self.ends.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tagged value, checked.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, HistoryError> {
        self.kv.get(space, key)?.map(|stored| frame::open(space, key, &stored)).transpose()
    }

    /// The digest and the undecoded rest of the block at a height.
    fn raw_block(&self, height: Height) -> Result<Option<(Digest, Vec<u8>)>, HistoryError> {
        let Some(value) = self.get(Space::Blocks, &height_key(height))? else { return Ok(None) };
        let (digest, block) = value
            .split_at_checked(32)
            .and_then(|(digest, block)| Some((Digest::from_slice(digest)?, block.to_vec())))
            .ok_or_else(|| HistoryError::damaged(format!("block at height {height}")))?;
        Ok(Some((digest, block)))
    }

    fn read_block(&self, height: Height) -> Result<Option<(Digest, StoredBlock)>, HistoryError> {
        let Some((digest, bytes)) = self.raw_block(height)? else { return Ok(None) };
        let damaged = || HistoryError::damaged(format!("block at height {height}"));
        let block: StoredBlock = minicbor::decode(&bytes).map_err(|_cbor| damaged())?;
        let header = &block.block.header;
        if header.height != height || hash::header_digest(header) != digest {
            return Err(damaged());
        }
        Ok(Some((digest, block)))
    }

    /// Whether a block is above all that are held.
    fn is_above(state: &State, block: &StoredBlock) -> bool {
        state.tip.is_none_or(|tip| block.block.header.height > tip.height)
    }

    fn is_whole(&self, block: &StoredBlock, staged: &Staged<'_>) -> Result<bool, HistoryError> {
        for write in &block.writes {
            let given = staged.bodies.contains(&write.body);
            if !given && !self.kv.has(Space::Bodies, write.body.as_bytes())? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Stages a block, and moves the ends in `state`; nothing to do when it is held already.
    fn stage_block(
        &self,
        staged: &mut Staged<'_>,
        state: &mut State,
        block: &StoredBlock,
        whole: bool,
    ) -> Result<(), HistoryError> {
        let header = &block.block.header;
        let (height, digest) = (header.height, hash::header_digest(header));
        if let Some((held, _)) = self.raw_block(height)? {
            let same = held == digest;
            return if same { Ok(()) } else { Err(HistoryError::Conflict { height: height.0 }) };
        }
        check_links(state, block, &digest)?;
        let transactions = block.block.transactions.iter().map(|bytes| bytes.len());
        // Receipts and writes take about as much again, or less.
        let mut value = frame::unsealed(transactions.sum::<usize>().saturating_mul(2));
        value.extend_from_slice(digest.as_bytes());
        cbor::encode_onto(&mut value, block);
        let key = height_key(height);
        let sealed = frame::close(Space::Blocks, &key, value);
        staged.entries.push((Space::Blocks, key, sealed.into()));
        staged.put(Space::ByBlock, digest.as_bytes().to_vec(), &height.0.to_be_bytes());
        for receipt in &block.receipts {
            let mut place = height_key(height);
            place.extend(receipt.index.to_be_bytes());
            let id = receipt.transaction.as_bytes().to_vec();
            staged.put(Space::ByTransaction, id, &place);
        }
        if Self::is_above(state, block) {
            let follows = state.tip.is_some_and(|tip| tip.height.next() == height);
            let lowest = End { height, digest: header.parent };
            state.from = if !whole {
                None
            } else if follows {
                state.from.or(Some(lowest))
            } else {
                Some(lowest)
            };
            state.tip = Some(End { height, digest });
        }
        Ok(())
    }

    fn commit(
        &self,
        staged: Staged<'_>,
        state: &mut State,
        sync: bool,
    ) -> Result<(), HistoryError> {
        if self.failed.load(Ordering::SeqCst) {
            let why = "a write failed before; the history must be opened again";
            return Err(HistoryError::Storage(why.into()));
        }
        state.writes = state.writes.saturating_add(1);
        state.sum = xor(&state.sum, &staged.sum);
        let mut entries = staged.entries;
        let about = frame::seal(Space::State, STATE_KEY, &cbor::encode(state));
        entries.push((Space::State, STATE_KEY.to_vec(), about.into()));
        let done = self.kv.commit(Batch { entries, writes: state.writes, sync });
        if done.is_err() {
            self.failed.store(true, Ordering::SeqCst);
        }
        done
    }

    fn put(
        &self,
        block: Option<&StoredBlock>,
        bodies: &[(Digest, Vec<u8>)],
        must_be_whole: bool,
    ) -> Result<(), HistoryError> {
        for (digest, bytes) in bodies {
            if hash::body_digest(bytes) != *digest {
                return Err(HistoryError::Mismatch { what: format!("body `{digest}`") });
            }
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut staged = Staged::default();
        // What a block writes names its transaction and height, so nobody had a body of a block that
        // was executed here and is not held: looking for each would find nothing.
        let fresh = must_be_whole && block.is_some_and(|block| Self::is_above(&writer, block));
        for (digest, bytes) in bodies {
            if fresh || !self.kv.has(Space::Bodies, digest.as_bytes())? {
                staged.body(digest, bytes);
            }
        }
        let mut next = writer.clone();
        if let Some(block) = block {
            let whole = self.is_whole(block, &staged)?;
            if must_be_whole && !whole {
                return Err(HistoryError::MissingBody { height: block.block.header.height.0 });
            }
            self.stage_block(&mut staged, &mut next, block, whole)?;
        }
        if staged.entries.is_empty() {
            return Ok(());
        }
        self.commit(staged, &mut next, true)?;
        *writer = next;
        self.publish(&writer);
        if !must_be_whole {
            self.extend(&mut writer)?;
            self.publish(&writer);
        }
        Ok(())
    }

    /// Joins to the complete part the blocks below it that are held with all their bodies. What
    /// it finds is written with the next batch; until then opening finds it again.
    fn extend(&self, state: &mut State) -> Result<(), HistoryError> {
        for _ in 0..EXTEND_MAX {
            let candidate = match (state.from, state.tip) {
                (Some(from), _) => {
                    below(from.height).map(|height| End { height, digest: from.digest })
                }
                (None, tip) => tip,
            };
            let Some(candidate) = candidate else { return Ok(()) };
            let Some((digest, block)) = self.read_block(candidate.height)? else { return Ok(()) };
            if digest != candidate.digest || !self.is_whole(&block, &Staged::default())? {
                return Ok(());
            }
            let parent = block.block.header.parent;
            state.from = Some(End { height: candidate.height, digest: parent });
        }
        Ok(())
    }

    /// Calls `visit` with each entry of a keyspace from the key `from` on, until it says stop.
    fn for_each(
        &self,
        space: Space,
        from: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), HistoryError> {
        let mut from = from.to_vec();
        loop {
            let page = self.kv.scan(space, &from, PAGE)?;
            for (key, value) in &page {
                if !visit(key, value) {
                    return Ok(());
                }
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE => {
                    // The next key in byte order.
                    from.clone_from(last);
                    from.push(0);
                }
                _ => return Ok(()),
            }
        }
    }
}

/// Refuses a block that contradicts the blocks held on either side of it.
fn check_links(state: &State, block: &StoredBlock, digest: &Digest) -> Result<(), HistoryError> {
    let header = &block.block.header;
    if let Some(tip) = state.tip
        && tip.height.next() == header.height
        && tip.digest != header.parent
    {
        return Err(HistoryError::Conflict { height: tip.height.0 });
    }
    if let Some(from) = state.from
        && header.height.next() == from.height
        && from.digest != *digest
    {
        return Err(HistoryError::Conflict { height: header.height.0 });
    }
    Ok(())
}

impl<K: Kv> HistoryStore for Journal<K> {
    fn append(
        &self,
        block: &StoredBlock,
        bodies: &[(Digest, Vec<u8>)],
    ) -> Result<(), HistoryError> {
        self.put(Some(block), bodies, true)
    }

    fn backfill(
        &self,
        block: Option<&StoredBlock>,
        bodies: &[(Digest, Vec<u8>)],
    ) -> Result<(), HistoryError> {
        self.put(block, bodies, false)
    }

    fn body(&self, digest: &Digest) -> Result<Option<Vec<u8>>, HistoryError> {
        let body = self.kv.get(Space::Bodies, digest.as_bytes())?;
        if body.as_ref().is_some_and(|bytes| hash::body_digest(bytes) != *digest) {
            return Err(HistoryError::damaged(format!("body `{digest}`")));
        }
        Ok(body)
    }

    fn bodies_after(
        &self,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<Vec<FetchedBody>, HistoryError> {
        let mut from = after.map(|digest| digest.as_bytes().to_vec()).unwrap_or_default();
        if after.is_some() {
            from.push(0);
        }
        let page = self.kv.scan(Space::Bodies, &from, limit)?;
        Ok(page
            .into_iter()
            .map(|(key, bytes)| {
                let digest = Digest::from_slice(&key).unwrap_or_default();
                let whole = hash::body_digest(&bytes) == digest;
                let damaged = || HistoryError::damaged(format!("body `{digest}`"));
                (digest, if whole { Ok(bytes) } else { Err(damaged()) })
            })
            .collect())
    }

    fn block(&self, height: Height) -> Result<Option<StoredBlock>, HistoryError> {
        let (tip, from) = self.ends();
        let found = self.read_block(height)?;
        let expected = matches!((tip, from), (Some(tip), Some(from))
            if from.height <= height && height <= tip.height);
        if found.is_none() && expected {
            return Err(HistoryError::damaged(format!("block at height {height}")));
        }
        Ok(found.map(|(_, block)| block))
    }

    fn height_of(&self, block: &Digest) -> Result<Option<Height>, HistoryError> {
        let Some(value) = self.get(Space::ByBlock, block.as_bytes())? else { return Ok(None) };
        read_height(&value).map(Some).ok_or_else(|| HistoryError::damaged("`by-block` entry"))
    }

    fn transaction(&self, id: &Digest) -> Result<Option<(Height, u32)>, HistoryError> {
        let Some(value) = self.get(Space::ByTransaction, id.as_bytes())? else { return Ok(None) };
        value
            .split_at_checked(8)
            .and_then(|(height, index)| {
                Some((read_height(height)?, u32::from_be_bytes(index.try_into().ok()?)))
            })
            .map(Some)
            .ok_or_else(|| HistoryError::damaged("`by-transaction` entry"))
    }

    fn put_certificate(&self, height: Height, certificate: &[u8]) -> Result<(), HistoryError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let key = height_key(height);
        if self.kv.has(Space::Certificates, &key)? {
            return Ok(());
        }
        let mut staged = Staged::default();
        staged.put_summed(Space::Certificates, key, certificate);
        let mut next = writer.clone();
        self.commit(staged, &mut next, false)?;
        *writer = next;
        Ok(())
    }

    fn certificate(&self, at_least: Height) -> Result<Option<(Height, Vec<u8>)>, HistoryError> {
        let page = self.kv.scan(Space::Certificates, &height_key(at_least), 1)?;
        let Some((key, stored)) = page.first() else { return Ok(None) };
        let certificate = frame::open(Space::Certificates, key, stored)?;
        let height = read_height(key).ok_or_else(|| HistoryError::damaged("certificate"))?;
        Ok(Some((height, certificate)))
    }

    fn put_meta(&self, name: &str, value: &[u8]) -> Result<(), HistoryError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let key = name.as_bytes().to_vec();
        let mut staged = Staged::default();
        if let Some(old) = self.get(Space::Meta, &key)? {
            if old == value {
                return Ok(());
            }
            staged.sum = frame::summand(Space::Meta, &key, &old);
        }
        staged.put_summed(Space::Meta, key, value);
        let mut next = writer.clone();
        self.commit(staged, &mut next, true)?;
        *writer = next;
        Ok(())
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, HistoryError> {
        self.get(Space::Meta, name.as_bytes())
    }

    fn meta_names(&self, prefix: &str) -> Result<Vec<String>, HistoryError> {
        let mut names = Vec::new();
        self.for_each(Space::Meta, prefix.as_bytes(), |key, _| {
            let within = key.starts_with(prefix.as_bytes());
            if within {
                names.push(String::from_utf8_lossy(key).into_owned());
            }
            within
        })?;
        Ok(names)
    }

    fn tip(&self) -> Option<Height> {
        self.ends().0.map(|tip| tip.height)
    }

    fn complete_from(&self) -> Option<Height> {
        self.ends().1.map(|from| from.height)
    }

    fn check_held(&self, found: &mut dyn FnMut(Finding)) -> Result<(), HistoryError> {
        // The writer waits: an entry written during the scan would be missing from the sum.
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = Digest::ZERO;
        self.for_each(Space::Bodies, &[], |key, value| {
            sum = xor(&sum, &frame::summand(Space::Bodies, key, value));
            // Also by key: finding one goes through filters that a scan does not read.
            match self.kv.has(Space::Bodies, key) {
                Ok(true) => {}
                Ok(false) => found(Finding::held_differs()),
                Err(error) => found(Finding::damaged(None, &error)),
            }
            true
        })?;
        for space in [Space::Certificates, Space::Meta] {
            self.for_each(space, &[], |key, _| {
                match self.get(space, key) {
                    Ok(Some(value)) => sum = xor(&sum, &frame::summand(space, key, &value)),
                    Ok(None) => found(Finding::held_differs()),
                    Err(error) => found(Finding::damaged(None, &error)),
                }
                true
            })?;
        }
        if sum != writer.sum {
            found(Finding::held_differs());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::Pair;
    use crate::memory::Maps;

    /// Keyspaces whose second batch is written and yet said to have failed.
    #[derive(Default)]
    struct Failing {
        maps: Maps,
        fail: AtomicBool,
    }

    impl Kv for Failing {
        fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, HistoryError> {
            self.maps.get(space, key)
        }

        fn has(&self, space: Space, key: &[u8]) -> Result<bool, HistoryError> {
            self.maps.has(space, key)
        }

        fn scan(&self, space: Space, from: &[u8], limit: usize) -> Result<Vec<Pair>, HistoryError> {
            self.maps.scan(space, from, limit)
        }

        fn commit(&self, batch: Batch<'_>) -> Result<(), HistoryError> {
            self.maps.commit(batch)?;
            match self.fail.swap(false, Ordering::SeqCst) {
                true => Err(HistoryError::Storage("no space left".into())),
                false => Ok(()),
            }
        }
    }

    #[test]
    fn after_a_failed_write_nothing_is_written_until_the_history_is_opened_again() {
        let history = Journal::empty(Failing::default());
        history.put_meta("a", b"1").unwrap();
        history.keyspaces().fail.store(true, Ordering::SeqCst);
        assert!(history.put_meta("b", b"2").is_err());
        assert!(history.put_meta("c", b"3").is_err());
        let Journal { kv, .. } = history;
        let opened = Journal::load(kv, 2).unwrap();
        opened.put_meta("c", b"3").unwrap();
        assert_eq!(opened.meta_names("").unwrap(), ["a", "b", "c"]);
        let mut found = vec![];
        opened.check_held(&mut |finding| found.push(finding)).unwrap();
        assert_eq!(found, []);
    }
}

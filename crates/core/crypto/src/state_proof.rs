//! State proofs: that a key has a head, or none, in the state under a root.
//!
//! The state is a log of operations with a tree over it (`chaincity/state-proof/1`; byte format
//! in `docs/formats.md`):
//!
//! - An **operation** puts a head under a key and names the next key in order, the last key
//!   naming the first. A live key's latest put is **active**, all others are not.
//! - A bitmap tells active operations, in **chunks** of 256 bits.
//! - The tree is a Merkle mountain range: perfect binary trees (**mountains**) of falling height,
//!   one for each bit of the number of operations. Where a subtree covers exactly a chunk's 256
//!   operations, its digest is hashed together with the chunk (*grafted*), so that one path
//!   proves operation and activity.
//! - The **root** binds the roots of the operations alone and of the grafted tree, and the last,
//!   incomplete chunk.
//!
//! Presence is proved by an active put of the key. Absence is proved by an active put of another
//! key whose next key lies beyond, or by a commit that finds nothing active before it.

use chaincity_types::Digest;
use chaincity_types::wire::Head;

use crate::codec::{Bad, Reader};
use crate::suite;

/// Bytes of a chunk.
const CHUNK_BYTES: usize = 32;
/// Height of the subtree that covers a chunk: 2⁸ = 256 operations.
const CHUNK_HEIGHT: u32 = 8;
/// Largest number of operations in a log: 2⁶².
const OPERATIONS_MAX: u64 = 1 << 62;
/// Most digests in a proof: a path and the other mountains, both at most 62 long.
const DIGESTS_MAX: usize = 124;
/// Size of an encoded operation, in bytes.
const OPERATION_BYTES: usize = 113;
const TAG_PUT: u8 = 0xd2;
const TAG_COMMIT: u8 = 0xd3;
/// First bytes of a root: a mountain range, folded from the newest mountain back.
const ROOT_DOMAIN: [u8; 2] = [0, 1];

/// Why a state proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateProofError {
    /// Not of the format.
    #[error("the state proof is malformed")]
    Malformed,
    /// It is about an operation that no longer counts.
    #[error("the state proof is about a superseded entry")]
    Inactive,
    /// It is about a gap between keys in which the key does not lie.
    #[error("the state proof does not cover the key")]
    OtherGap,
    /// It leads to another root.
    #[error("the state proof leads to another root")]
    OtherRoot,
}

impl From<Bad> for StateProofError {
    fn from(_: Bad) -> Self {
        Self::Malformed
    }
}

/// Verifies that `key` has `head` in the state under `root`.
///
/// # Errors
/// See [`StateProofError`].
pub fn verify_present(
    proof: &[u8],
    key: &Digest,
    head: &Head,
    root: &Digest,
) -> Result<(), StateProofError> {
    let mut reader = Reader::new(proof);
    let operation = OperationProof::read(&mut reader)?;
    let next_key = reader.digest()?;
    reader.end()?;
    operation.verify(&put(key, &head.to_bytes(), &next_key), root)
}

/// Verifies that `key` has no head in the state under `root`.
///
/// # Errors
/// See [`StateProofError`].
pub fn verify_absent(proof: &[u8], key: &Digest, root: &Digest) -> Result<(), StateProofError> {
    let mut reader = Reader::new(proof);
    match reader.byte()? {
        0 => {
            let operation = OperationProof::read(&mut reader)?;
            let before = reader.digest()?;
            let head: [u8; Head::SIZE] = reader.array()?;
            let after = reader.digest()?;
            reader.end()?;
            if !in_gap(&before, key, &after) {
                return Err(StateProofError::OtherGap);
            }
            operation.verify(&put(&before, &head, &after), root)
        }
        1 => {
            let operation = OperationProof::read(&mut reader)?;
            let metadata = reader.option(Reader::array::<{ Head::SIZE }>)?;
            reader.end()?;
            // Everything before a commit's floor is inactive: a floor at the commit itself means
            // that no key has a head.
            operation.verify(&commit(metadata.as_ref(), operation.location), root)
        }
        _ => Err(StateProofError::Malformed),
    }
}

/// Whether `key` lies strictly between two neighbours of a ring of keys.
fn in_gap(before: &Digest, key: &Digest, after: &Digest) -> bool {
    if before < after {
        before < key && key < after
    } else {
        // The gap from the last key round to the first; with one key, all the rest.
        key > before || key < after
    }
}

/// The operation that puts a head under a key.
fn put(key: &Digest, head: &[u8; Head::SIZE], next_key: &Digest) -> Vec<u8> {
    let mut out = vec![TAG_PUT];
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(head);
    out.extend_from_slice(next_key.as_bytes());
    out
}

/// The operation that ends a batch: optional metadata and the floor before which all is inactive.
fn commit(metadata: Option<&[u8; Head::SIZE]>, floor: u64) -> Vec<u8> {
    let mut out = vec![TAG_COMMIT, u8::from(metadata.is_some())];
    out.extend_from_slice(metadata.unwrap_or(&[0; Head::SIZE]));
    out.extend_from_slice(&floor.to_be_bytes());
    out.resize(OPERATION_BYTES, 0);
    out
}

/// That an operation is in the log and active.
struct OperationProof {
    /// Where in the log, from 0.
    location: u64,
    /// The chunk of the bitmap that covers the location.
    chunk: [u8; CHUNK_BYTES],
    /// Operations in the log.
    operations: u64,
    /// Leading mountains that the root folds first.
    inactive: usize,
    digests: Vec<Digest>,
    /// Digest of the last chunk, when it is incomplete.
    last_chunk: Option<Digest>,
    /// Root of the operations alone.
    operations_root: Digest,
}

impl OperationProof {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Bad> {
        let location = reader.varint()?;
        let chunk = reader.array()?;
        let operations = reader.varint()?;
        let inactive = reader.count(64)?;
        let count = reader.count(DIGESTS_MAX)?;
        let digests = (0..count).map(|_| reader.digest()).collect::<Result<_, _>>()?;
        let last_chunk = reader.option(Reader::digest)?;
        let operations_root = reader.digest()?;
        if location >= operations || operations > OPERATIONS_MAX {
            return Err(Bad);
        }
        Ok(Self { location, chunk, operations, inactive, digests, last_chunk, operations_root })
    }

    fn verify(&self, operation: &[u8], root: &Digest) -> Result<(), StateProofError> {
        self.check_active()?;
        self.check_last_chunk()?;
        let grafted = self.grafted_root(operation).ok_or(StateProofError::Malformed)?;
        let roots = [self.operations_root.as_bytes().as_slice(), grafted.as_bytes()];
        let reached = match &self.last_chunk {
            None => suite::digest(&roots),
            Some(chunk) => {
                let bits = self.operations & 0xff;
                let [operations_root, grafted] = roots;
                suite::digest(&[operations_root, grafted, &bits.to_be_bytes(), chunk.as_bytes()])
            }
        };
        if reached == *root { Ok(()) } else { Err(StateProofError::OtherRoot) }
    }

    /// The location's bit is set; bits count from the lowest of the first byte.
    fn check_active(&self) -> Result<(), StateProofError> {
        let byte = usize::try_from((self.location & 0xff) >> 3).ok();
        let byte = byte.and_then(|at| self.chunk.get(at)).copied().unwrap_or(0);
        let active = (0..8_u64).zip([1_u8, 2, 4, 8, 16, 32, 64, 128]);
        if active.into_iter().any(|(bit, mask)| bit == self.location & 7 && byte & mask != 0) {
            Ok(())
        } else {
            Err(StateProofError::Inactive)
        }
    }

    /// An incomplete last chunk is there when and only when there is one; and when the location
    /// lies in it, it is the proof's chunk, which no subtree's digest covers.
    fn check_last_chunk(&self) -> Result<(), StateProofError> {
        let incomplete = self.operations & 0xff != 0;
        let in_last = self.location >> CHUNK_HEIGHT == self.operations >> CHUNK_HEIGHT;
        match &self.last_chunk {
            None if incomplete => Err(StateProofError::Malformed),
            Some(_) if !incomplete => Err(StateProofError::Malformed),
            Some(digest) if in_last && suite::digest(&[&self.chunk]) != *digest => {
                Err(StateProofError::Malformed)
            }
            None | Some(_) => Ok(()),
        }
    }

    /// The root of the grafted tree that the proof leads to; `None` when its parts do not fit.
    ///
    /// The digests stand in this order: inactive mountains before the location's, folded into
    /// one; other mountains before it; inactive mountains after it; the rest after it, folded
    /// into one; left siblings of the path from the top down; right siblings from the bottom up.
    fn grafted_root(&self, operation: &[u8]) -> Option<Digest> {
        let mountains = Mountains::around(self.location, self.operations)?;
        if self.inactive > mountains.before.checked_add(1)?.checked_add(mountains.after)? {
            return None;
        }
        let folded_before = self.inactive.min(mountains.before);
        let active_before = mountains.before.checked_sub(folded_before)?;
        let first_after = mountains.before.checked_add(1)?;
        let inactive_after = self.inactive.saturating_sub(first_after);
        let active_after = mountains.after.checked_sub(inactive_after)?;

        let mut rest = self.digests.as_slice();
        let mut take = |n: usize| -> Option<&[Digest]> {
            let (head, tail) = rest.split_at_checked(n)?;
            rest = tail;
            Some(head)
        };
        let mut peaks = take(usize::from(folded_before > 0))?.to_vec();
        peaks.extend_from_slice(take(active_before)?);
        let after = take(inactive_after)?;
        let suffix = take(usize::from(active_after > 0))?;
        let siblings = take(usize::try_from(mountains.height).ok()?)?;
        if !rest.is_empty() {
            return None;
        }
        peaks.push(self.mountain(operation, mountains.height, siblings)?);
        peaks.extend_from_slice(after);
        peaks.extend_from_slice(suffix);

        // Inactive mountains fold from the oldest on, the first of them perhaps a fold already.
        let already = folded_before.saturating_sub(1);
        self.fold(&peaks, self.inactive.saturating_sub(already))
    }

    /// Folds `inactive` leading peaks forward, the others backward, and hashes the result with
    /// the size and the number of inactive mountains.
    fn fold(&self, peaks: &[Digest], inactive: usize) -> Option<Digest> {
        let pair = |a: &Digest, b: &Digest| suite::digest(&[a.as_bytes(), b.as_bytes()]);
        let (head, tail) = peaks.split_at_checked(inactive.max(1))?;
        let head = head.iter().copied().reduce(|folded, peak| pair(&folded, &peak))?;
        let tail = tail.iter().rev().copied().reduce(|folded, peak| pair(&peak, &folded));
        let folded = tail.map_or(head, |tail| pair(&head, &tail));
        let size = self.operations.to_be_bytes();
        let count = u64::try_from(self.inactive).ok()?.to_be_bytes();
        let count = if self.inactive == 0 { [].as_slice() } else { count.as_slice() };
        Some(suite::digest(&[&ROOT_DOMAIN, &size, count, folded.as_bytes()]))
    }

    /// Digest of the location's mountain, from its operation and the path's siblings.
    fn mountain(&self, operation: &[u8], height: u32, siblings: &[Digest]) -> Option<Digest> {
        let at = position(self.location, 0)?.to_be_bytes();
        let mut digest = suite::digest(&[&at, operation]);
        let is_right = |level: u32| self.location.checked_shr(level).is_some_and(|n| n & 1 == 1);
        let lefts = (0..height).filter(|level| is_right(*level)).count();
        let (lefts, rights) = siblings.split_at_checked(lefts)?;
        let (mut lefts, mut rights) = (lefts.iter().rev(), rights.iter());
        for level in 0..height {
            let above = level.checked_add(1)?;
            let first = self.location.checked_shr(above)?.checked_shl(above)?;
            let at = position(first, above)?.to_be_bytes();
            digest = if is_right(level) {
                suite::digest(&[&at, lefts.next()?.as_bytes(), digest.as_bytes()])
            } else {
                suite::digest(&[&at, digest.as_bytes(), rights.next()?.as_bytes()])
            };
            if above == CHUNK_HEIGHT {
                // The chunk is not all zero: the location's bit is set.
                digest = suite::digest(&[&self.chunk, digest.as_bytes()]);
            }
        }
        Some(digest)
    }
}

/// Position, in the order in which nodes are made, of the subtree of `height` over the leaves
/// from `first` on.
fn position(first: u64, height: u32) -> Option<u64> {
    let leaf = first.checked_mul(2)?.checked_sub(u64::from(first.count_ones()))?;
    let subtree = 1_u64.checked_shl(height.checked_add(1)?)?;
    leaf.checked_add(subtree)?.checked_sub(2)
}

/// The mountains around a location.
struct Mountains {
    before: usize,
    after: usize,
    /// Height of the location's own.
    height: u32,
}

impl Mountains {
    fn around(location: u64, operations: u64) -> Option<Self> {
        let (mut begin, mut before) = (0_u64, 0_usize);
        for height in (0..63_u32).rev() {
            let size = 1_u64.checked_shl(height)?;
            if operations & size == 0 {
                continue;
            }
            let end = begin.checked_add(size)?;
            if location < end {
                let smaller = operations & size.checked_sub(1)?;
                let after = usize::try_from(smaller.count_ones()).ok()?;
                return Some(Self { before, after, height });
            }
            begin = end;
            before = before.checked_add(1)?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincity_types::Timestamp;
    use proptest::prelude::*;

    #[test]
    fn positions_are_those_of_the_post_order() {
        // Eleven leaves and their parents, as usually drawn.
        let leaves: Vec<_> = (0..11).map(|leaf| position(leaf, 0).unwrap()).collect();
        assert_eq!(leaves, [0, 1, 3, 4, 7, 8, 10, 11, 15, 16, 18]);
        assert_eq!(position(2, 1), Some(5));
        assert_eq!(position(4, 2), Some(13));
        assert_eq!(position(0, 3), Some(14));
        assert_eq!(position(8, 1), Some(17));
    }

    #[test]
    fn a_gap_wraps_round_the_ring() {
        let d = |n| Digest([n; 32]);
        assert!(in_gap(&d(2), &d(3), &d(4)));
        assert!(!in_gap(&d(2), &d(2), &d(4)) && !in_gap(&d(2), &d(4), &d(4)));
        assert!(!in_gap(&d(2), &d(5), &d(4)));
        assert!(in_gap(&d(4), &d(5), &d(2)) && in_gap(&d(4), &d(1), &d(2)));
        assert!(!in_gap(&d(4), &d(3), &d(2)) && !in_gap(&d(4), &d(4), &d(2)));
        assert!(in_gap(&d(4), &d(3), &d(4)) && !in_gap(&d(4), &d(4), &d(4)));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let (key, head) = (Digest([1; 32]), Head {
                body: Digest::ZERO, version: 1, began: Timestamp(1),
            });
            prop_assert!(verify_present(&bytes, &key, &head, &Digest::ZERO).is_err());
            prop_assert!(verify_absent(&bytes, &key, &Digest::ZERO).is_err());
        }

        #[test]
        fn arbitrary_parts_never_panic(
            location: u64, chunk: [u8; 32], operations: u64, inactive in 0_usize..70,
            count in 0_usize..124, last: Option<[u8; 32]>,
        ) {
            let proof = OperationProof {
                location, chunk, operations, inactive, digests: vec![Digest::ZERO; count],
                last_chunk: last.map(Digest), operations_root: Digest::ZERO,
            };
            prop_assert!(proof.verify(&[1], &Digest::ZERO).is_err());
        }
    }
}

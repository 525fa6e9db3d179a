//! Merkle trees of RFC 9162 (Certificate Transparency 2.0), section 2.1, with the suite's digest.
//!
//! A leaf's hash is `digest(0x00 ‖ leaf)`, a node's `digest(0x01 ‖ left ‖ right)`, the root of
//! the empty tree `digest("")`. They carry a block's transactions and its effects.

use chaincity_types::Digest;
use chaincity_types::wire::InclusionProof;

use crate::suite;

/// Hash of a leaf's bytes.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    suite::digest(&[&[0], leaf])
}

fn node_hash(left: &Digest, right: &Digest) -> Digest {
    suite::digest(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// Root over leaves given as bytes.
#[must_use]
pub fn root<L: AsRef<[u8]>>(leaves: &[L]) -> Digest {
    root_of_hashes(leaves.iter().map(|leaf| leaf_hash(leaf.as_ref())).collect())
}

/// Root over leaf hashes, for a caller that hashed the leaves already.
#[must_use]
pub fn root_of_hashes(mut level: Vec<Digest>) -> Digest {
    if level.is_empty() {
        return suite::digest(&[]);
    }
    while level.len() > 1 {
        level = level_above(&level);
    }
    level.first().copied().unwrap_or_default()
}

/// Pairs hashed; an odd last one rises as it is. This gives the tree of RFC 9162, whose left
/// subtrees are the largest full ones.
fn level_above(level: &[Digest]) -> Vec<Digest> {
    level
        .chunks(2)
        .map(|pair| match pair {
            [left, right] => node_hash(left, right),
            other => other.first().copied().unwrap_or_default(),
        })
        .collect()
}

/// Proof that the leaf at `index` is in the tree; `None` beyond the end.
#[must_use]
pub fn inclusion_proof<L: AsRef<[u8]>>(leaves: &[L], index: usize) -> Option<InclusionProof> {
    if index >= leaves.len() {
        return None;
    }
    let mut level: Vec<_> = leaves.iter().map(|leaf| leaf_hash(leaf.as_ref())).collect();
    let mut at = index;
    let mut path = Vec::new();
    while level.len() > 1 {
        path.extend(level.get(at ^ 1));
        level = level_above(&level);
        at >>= 1;
    }
    let tree_size = u64::try_from(leaves.len()).ok()?;
    Some(InclusionProof { tree_size, leaf_index: u64::try_from(index).ok()?, path })
}

/// Whether `proof` shows `leaf` under `root` (RFC 9162, 2.1.3.2).
#[must_use]
pub fn verify_inclusion(leaf: &[u8], proof: &InclusionProof, root: &Digest) -> bool {
    let Some(mut last) = proof.tree_size.checked_sub(1) else { return false };
    let mut at = proof.leaf_index;
    if at > last {
        return false;
    }
    let mut hash = leaf_hash(leaf);
    for sibling in &proof.path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Proof that the tree over the first `old_size` leaves is a beginning of this one (RFC 9162,
/// 2.1.4.1); `None` unless `0 < old_size <= leaves`. Empty when the sizes are equal.
#[must_use]
pub fn consistency_proof<L: AsRef<[u8]>>(leaves: &[L], old_size: usize) -> Option<Vec<Digest>> {
    if old_size == 0 || old_size > leaves.len() {
        return None;
    }
    let mut proof = Vec::new();
    let mut rest = leaves;
    let mut old = old_size;
    let mut whole = true;
    // SUBPROOF of the RFC, unrolled: the siblings come out from the root down.
    while old < rest.len() {
        let half = largest_power_below(rest.len());
        let (left, right) = rest.split_at_checked(half)?;
        if old <= half {
            proof.push(root(right));
            rest = left;
        } else {
            proof.push(root(left));
            rest = right;
            old = old.checked_sub(half)?;
            whole = false;
        }
    }
    if !whole {
        proof.push(root(rest));
    }
    proof.reverse();
    Some(proof)
}

/// The largest power of two smaller than `n`, for `n` > 1.
fn largest_power_below(n: usize) -> usize {
    n.checked_next_power_of_two().unwrap_or(0) >> 1
}

/// Whether `proof` shows that the tree of `old_size` leaves under `old_root` is a beginning of
/// the one of `new_size` leaves under `new_root` (RFC 9162, 2.1.4.2).
#[must_use]
pub fn verify_consistency(
    old_size: u64,
    old_root: &Digest,
    new_size: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> bool {
    if old_size == 0 || old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    // A full old tree is itself the first node of the path.
    let mut path = proof.iter();
    let first = if old_size.is_power_of_two() { Some(old_root) } else { path.next() };
    let (Some(first), Some(mut at), Some(mut last)) =
        (first, old_size.checked_sub(1), new_size.checked_sub(1))
    else {
        return false;
    };
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut old, mut new) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old == *old_root && new == *new_root
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The leaves of the reference implementation's tests of RFC 6962.
    const LEAVES: [&str; 8] = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];

    /// Roots of the first 1 to 8 of them.
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn leaves() -> Vec<Vec<u8>> {
        LEAVES.iter().map(|leaf| hex::decode(leaf).unwrap()).collect()
    }

    #[test]
    fn roots_are_those_of_rfc_6962() {
        let leaves = leaves();
        assert_eq!(
            root::<Vec<u8>>(&[]).to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (i, want) in ROOTS.iter().enumerate() {
            assert_eq!(root(&leaves[..=i]).to_string(), *want);
        }
    }

    #[test]
    fn known_inclusion_and_consistency_paths_come_out() {
        let leaves = leaves();
        let proof = inclusion_proof(&leaves, 5).unwrap();
        let want = [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ];
        assert_eq!(proof.path.iter().map(ToString::to_string).collect::<Vec<_>>(), want);
        let proof = consistency_proof(&leaves, 6).unwrap();
        let want = [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ];
        assert_eq!(proof.iter().map(ToString::to_string).collect::<Vec<_>>(), want);
    }

    fn numbered(n: usize) -> Vec<Vec<u8>> {
        (0..n).map(|i| i.to_be_bytes().to_vec()).collect()
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proved_and_no_other() {
        for size in 1..40 {
            let leaves = numbered(size);
            let root = root(&leaves);
            for index in 0..size {
                let proof = inclusion_proof(&leaves, index).unwrap();
                assert!(verify_inclusion(&leaves[index], &proof, &root));
                assert!(!verify_inclusion(b"other", &proof, &root));
                let moved = InclusionProof { leaf_index: proof.leaf_index ^ 1, ..proof.clone() };
                assert!(size == 1 || !verify_inclusion(&leaves[index], &moved, &root));
                let mut longer = proof.clone();
                longer.path.push(Digest::ZERO);
                assert!(!verify_inclusion(&leaves[index], &longer, &root));
            }
            assert!(inclusion_proof(&leaves, size).is_none());
        }
    }

    #[test]
    fn every_beginning_of_every_small_tree_is_consistent_and_no_other() {
        for new in 1..33_usize {
            let leaves = numbered(new);
            let new_root = root(&leaves);
            for old in 1..=new {
                let old_root = root(&leaves[..old]);
                let proof = consistency_proof(&leaves, old).unwrap();
                let (o, n) = (u64::try_from(old).unwrap(), u64::try_from(new).unwrap());
                assert!(verify_consistency(o, &old_root, n, &new_root, &proof), "{old} {new}");
                assert!(!verify_consistency(o, &Digest::ZERO, n, &new_root, &proof));
                assert!(!verify_consistency(o, &old_root, n, &Digest::ZERO, &proof));
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_proofs_never_panic(
            tree_size: u64, leaf_index: u64, path in prop::collection::vec(any::<[u8; 32]>(), 0..70),
        ) {
            let path: Vec<_> = path.into_iter().map(Digest).collect();
            prop_assert!(!verify_consistency(leaf_index, &Digest::ZERO, tree_size, &Digest([1; 32]), &path));
            let proof = InclusionProof { tree_size, leaf_index, path };
            prop_assert!(!verify_inclusion(b"leaf", &proof, &Digest::ZERO));
        }
    }
}

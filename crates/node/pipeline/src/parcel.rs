//! A block as nodes hand it to each other for their histories: with its effects and, as far as
//! they fit, the bodies that it wrote, so that one question fetches what a hundred would.

use chaincity_crypto::{hash, tree};
use chaincity_history::StoredBlock;
use chaincity_types::wire::BLOCK_BYTES_MAX;
use chaincity_types::{Digest, cbor};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::machine::leaves;

/// Largest block with its effects, in bytes.
const STORED_BYTES_MAX: usize = 8 * BLOCK_BYTES_MAX;
/// Most bytes of bodies: with a block at its usual size they fit into what nodes hand over at once.
const BODIES_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A block with its effects, and bodies of its first writes, in their order.
#[derive(Debug, Encode, Decode)]
#[cbor(array)]
pub(crate) struct Parcel {
    #[n(0)]
    pub(crate) stored: StoredBlock,
    #[n(1)]
    pub(crate) bodies: Vec<ByteVec>,
}

impl Parcel {
    /// Packs a block with as many bodies as fit; `body` gives what is held.
    pub(crate) fn pack(stored: StoredBlock, body: impl Fn(&Digest) -> Option<Vec<u8>>) -> Vec<u8> {
        let mut bodies = Vec::new();
        let mut size = 0_usize;
        for write in &stored.writes {
            let Some(bytes) = body(&write.body) else { break };
            size = size.saturating_add(bytes.len());
            if size > BODIES_BYTES_MAX {
                break;
            }
            bodies.push(ByteVec::from(bytes));
        }
        cbor::encode(&Self { stored, bodies })
    }

    /// What a peer sent, if everything in it is what the block's digest commits to.
    pub(crate) fn open(digest: Digest, bytes: &[u8]) -> Option<Self> {
        let parcel: Self =
            cbor::decode(bytes, STORED_BYTES_MAX.saturating_add(2 * BODIES_BYTES_MAX)).ok()?;
        let Self { stored, bodies } = &parcel;
        let header = &stored.block.header;
        let effects = chaincity_ledger::effects_root(&stored.receipts, &stored.writes);
        let whole = hash::header_digest(header) == digest
            && tree::root(&leaves(&stored.block.transactions)) == header.transactions_root
            && effects == header.effects_root
            && bodies.len() <= stored.writes.len();
        let written = || stored.writes.iter().map(|write| write.body);
        let sound = || bodies.iter().map(|body| hash::body_digest(body)).zip(written());
        (whole && sound().all(|(found, wanted)| found == wanted)).then_some(parcel)
    }

    /// The bodies with their digests.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = (Digest, &[u8])> {
        let written = self.stored.writes.iter().map(|write| write.body);
        written.zip(self.bodies.iter().map(|body| body.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use chaincity_types::wire::{Block, Header, Write};
    use chaincity_types::{Height, Timestamp};

    use super::*;

    /// A block that wrote these bodies.
    fn block(bodies: &[Vec<u8>]) -> StoredBlock {
        let writes: Vec<_> = bodies
            .iter()
            .map(|body| Write { key: Digest([7; 32]), version: 1, body: hash::body_digest(body) })
            .collect();
        let digest = Digest::ZERO;
        let header = Header {
            ledger: digest,
            protocol: 1,
            height: Height(9),
            parent: digest,
            context: vec![],
            time: Timestamp(0),
            transactions_root: tree::root::<&[u8]>(&[]),
            state_root: digest,
            operations_root: digest,
            operations_start: 0,
            operations_end: 0,
            effects_root: chaincity_ledger::effects_root(&[], &writes),
            committee: digest,
            next_committee: digest,
        };
        let block = Block { header, transactions: vec![] };
        StoredBlock { block, receipts: vec![], writes }
    }

    /// The parcel of a block whose bodies are held but for those of `lacking`.
    fn packed(bodies: &[Vec<u8>], lacking: &[usize]) -> (Digest, Vec<u8>) {
        let stored = block(bodies);
        let digest = hash::header_digest(&stored.block.header);
        let held = |wanted: &Digest| {
            let at = bodies.iter().position(|body| hash::body_digest(body) == *wanted)?;
            (!lacking.contains(&at)).then(|| bodies[at].clone())
        };
        (digest, Parcel::pack(stored, held))
    }

    fn bodies_of(digest: Digest, bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        let parcel = Parcel::open(digest, bytes)?;
        Some(parcel.bodies().map(|(_, body)| body.to_vec()).collect())
    }

    #[test]
    fn a_block_travels_with_its_bodies_up_to_the_first_that_is_lacking() {
        let bodies = [vec![1], vec![2, 2], vec![3]];
        let (digest, bytes) = packed(&bodies, &[]);
        assert_eq!(bodies_of(digest, &bytes).unwrap(), bodies);
        let (digest, bytes) = packed(&bodies, &[1]);
        assert_eq!(bodies_of(digest, &bytes).unwrap(), bodies[..1]);
    }

    #[test]
    fn what_would_not_fit_is_left_to_be_asked_for() {
        let bodies: Vec<_> = (0..100_u8).map(|i| vec![i; 64 * 1024]).collect();
        let (digest, bytes) = packed(&bodies, &[]);
        assert!(bytes.len() < 5 * 1024 * 1024);
        assert_eq!(bodies_of(digest, &bytes).unwrap(), bodies[..64]);
    }

    #[test]
    fn bytes_that_the_block_does_not_commit_to_are_refused() {
        let bodies = [vec![1], vec![2]];
        let (digest, bytes) = packed(&bodies, &[]);
        assert!(Parcel::open(Digest([1; 32]), &bytes).is_none());
        let forged = |change: &dyn Fn(&mut Parcel)| {
            let mut parcel = Parcel::open(digest, &bytes).unwrap();
            change(&mut parcel);
            Parcel::open(digest, &cbor::encode(&parcel)).is_none()
        };
        assert!(forged(&|parcel| parcel.bodies[1] = ByteVec::from(vec![3])));
        assert!(forged(&|parcel| parcel.bodies.swap(0, 1)));
        assert!(forged(&|parcel| parcel.bodies.push(ByteVec::from(vec![3]))));
        assert!(forged(&|parcel| parcel.stored.writes[0].version = 2));
        assert!(!forged(&|_| {}));
    }
}

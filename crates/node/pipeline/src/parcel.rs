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

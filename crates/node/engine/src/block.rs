//! The block as consensus carries it: our canonical CBOR behind a length, its digest that of the
//! header alone.
//!
//! Decoding is the first line against peers: it refuses everything but the canonical encoding of a
//! block whose transactions are the ones its header commits to, so that equal digests mean equal
//! blocks.

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use chaincity_crypto::tree;
use chaincity_types::cbor;
use chaincity_types::wire::{BLOCK_BYTES_MAX, Block, Header};
use commonware_codec::varint::MAX_U32_VARINT_SIZE;
use commonware_codec::{
    Buf, DecodeExt as _, Encode as _, EncodeSize, Error as CodecError, RangeCfg, Read, Write,
};
use commonware_consensus::types::{Epoch, Height, Round, View};
use commonware_consensus::{Block as ConsensusBlock, BoundedBlock, CertifiableBlock, Heightable};
use commonware_cryptography::{
    Digest as _, Digested, Digestible, Hasher as _, Sha256, Signer as _, sha256,
};
use commonware_storage::mmr::Location;
use commonware_utils::range::NonEmptyRange;

use crate::chain::{Context, PrivateKey, to_engine};

/// A block with what consensus asks of it, computed once.
#[derive(Clone, Debug)]
pub(crate) struct ChainBlock {
    block: Arc<Block>,
    context: Context,
    operations: NonEmptyRange<Location>,
    digest: sha256::Digest,
    encoded: Bytes,
}

impl PartialEq for ChainBlock {
    fn eq(&self, other: &Self) -> bool {
        self.encoded == other.encoded
    }
}

impl Eq for ChainBlock {}

impl ChainBlock {
    /// Wraps a block of our own making. `None` when it is larger than [`BLOCK_BYTES_MAX`] or
    /// contradicts itself.
    pub(crate) fn new(block: Block) -> Option<Self> {
        let encoded = Bytes::from(cbor::encode(&block));
        if encoded.len() > BLOCK_BYTES_MAX {
            return None;
        }
        Self::check(block, encoded).ok()
    }

    fn decode_cbor(encoded: Bytes) -> Result<Self, CodecError> {
        let block: Block = cbor::decode(&encoded, BLOCK_BYTES_MAX)
            .map_err(|error| CodecError::Wrapped("block", error.into()))?;
        Self::check(block, encoded)
    }

    /// Checks what can be checked without the parent.
    fn check(block: Block, encoded: Bytes) -> Result<Self, CodecError> {
        let transactions: Vec<&[u8]> = block.transactions.iter().map(|t| t.as_slice()).collect();
        if tree::root(&transactions) != block.header.transactions_root {
            return Err(CodecError::Invalid("block", "transactions differ from their root"));
        }
        let context = decode_context(&block.header)?;
        let operations = operations(&block.header)?;
        let digest = header_digest(&block.header);
        Ok(Self { block: Arc::new(block), context, operations, digest, encoded })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.block.header
    }

    pub(crate) fn block(&self) -> Arc<Block> {
        Arc::clone(&self.block)
    }

    /// The operations of the state log that a snapshot at this block needs.
    pub(crate) fn operations(&self) -> NonEmptyRange<Location> {
        self.operations.clone()
    }

    pub(crate) fn digested(self) -> Digested<Self> {
        let digest = self.digest;
        Digested::precomputed(self, digest)
    }
}

/// The block digest: SHA-256 of the header's canonical CBOR.
pub(crate) fn header_digest(header: &Header) -> sha256::Digest {
    Sha256::hash(&[&cbor::encode(header)])
}

/// The context of a header in the engine's encoding; genesis has none, and gets a fixed one.
fn decode_context(header: &Header) -> Result<Context, CodecError> {
    if header.height.0 == 0 {
        return if header.context.is_empty() {
            Ok(genesis_context())
        } else {
            Err(CodecError::Invalid("block", "genesis with a context"))
        };
    }
    let context = Context::decode(Bytes::copy_from_slice(&header.context))?;
    if context.encode().as_ref() != header.context.as_slice() {
        return Err(CodecError::Invalid("block", "context not in canonical form"));
    }
    Ok(context)
}

/// Consensus wants a context of every block; nobody checks that of genesis.
fn genesis_context() -> Context {
    Context {
        round: Round::new(Epoch::zero(), View::zero()),
        leader: PrivateKey::from_seed(0).public_key(),
        parent: (View::zero(), sha256::Digest::EMPTY),
    }
}

fn operations(header: &Header) -> Result<NonEmptyRange<Location>, CodecError> {
    let (start, end) =
        (Location::new(header.operations_start), Location::new(header.operations_end));
    if !end.is_valid() {
        return Err(CodecError::Invalid("block", "too many operations"));
    }
    NonEmptyRange::new(start..end).map_err(|_empty| CodecError::Invalid("block", "no operations"))
}

impl Write for ChainBlock {
    fn write(&self, buf: &mut impl BufMut) {
        self.encoded.write(buf);
    }
}

impl EncodeSize for ChainBlock {
    fn encode_size(&self) -> usize {
        self.encoded.encode_size()
    }
}

impl Read for ChainBlock {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        Self::decode_cbor(Bytes::read_cfg(buf, &RangeCfg::from(0..=BLOCK_BYTES_MAX))?)
    }
}

impl Digestible for ChainBlock {
    type Digest = sha256::Digest;

    fn digest(&self) -> sha256::Digest {
        self.digest
    }
}

impl Heightable for ChainBlock {
    fn height(&self) -> Height {
        Height::new(self.block.header.height.0)
    }
}

impl ConsensusBlock for ChainBlock {
    fn parent(&self) -> sha256::Digest {
        to_engine(self.block.header.parent)
    }
}

impl CertifiableBlock for ChainBlock {
    type Context = Context;

    fn context(&self) -> Context {
        self.context.clone()
    }
}

impl BoundedBlock for ChainBlock {
    fn max_encode_size((): &()) -> usize {
        MAX_U32_VARINT_SIZE.saturating_add(BLOCK_BYTES_MAX)
    }
}

//! Finality: that a block is decided for ever.
//!
//! More than two thirds of an epoch's validators sign the digest of a header; that is a
//! **finalization**. It makes the block and all its ancestors final. A finality proof is the
//! chain of headers from the proved block to one that has a finalization.
//!
//! Only finalizations count: the votes that the engine collects before one (notarizations) bind
//! nobody. The byte format of the certificate is the engine's (`docs/formats.md`).

use chaincity_types::cbor::{self, CborError};
use chaincity_types::wire::{Committee, FinalityProof, Header};
use chaincity_types::{Digest, Height};

use crate::codec::{Bad, Reader, write_varint};
use crate::hash;
use crate::suite::{self, Claim, PUBLIC_KEY_BYTES, PublicKey, Signature};

/// The namespace under which validators sign consensus votes.
///
/// It separates votes from every other use of a node's key. The engine and its verifiers use
/// the same constant.
pub const NAMESPACE: &[u8] = b"chaincity/1";
/// What the engine appends to the namespace for votes to finalize.
const FINALIZE: &[u8] = b"_FINALIZE";
/// Most validators in a committee.
pub const VALIDATORS_MAX: usize = 64;
/// Most headers in a finality proof.
pub const HEADERS_MAX: usize = 1024;
/// Largest header, in bytes.
pub const HEADER_BYTES_MAX: usize = 4096;

/// Why a block is not shown to be final.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FinalityError {
    /// No headers, or more than [`HEADERS_MAX`].
    #[error("a finality proof has 1 to {HEADERS_MAX} headers, not {0}")]
    HeaderCount(usize),
    /// A header is not canonical CBOR of the format.
    #[error("header {index} of the finality proof is malformed")]
    Header {
        /// Which, from 0.
        index: usize,
        /// What is wrong with it.
        source: CborError,
    },
    /// A header belongs to another ledger.
    #[error("the block belongs to ledger `{found}`")]
    OtherLedger {
        /// That ledger.
        found: Digest,
    },
    /// A header does not follow the one before.
    #[error("header {index} of the finality proof does not follow the one before")]
    Broken {
        /// Which, from 0.
        index: usize,
    },
    /// The certificate is not of the format.
    #[error("the finality certificate is malformed")]
    Certificate,
    /// The certificate is for another block.
    #[error("the finality certificate is for another block")]
    OtherBlock,
    /// The block's epoch is not among the known ones.
    #[error("the committee of epoch {epoch} is not known")]
    UnknownEpoch {
        /// The epoch.
        epoch: u64,
    },
    /// Header, certificate and committee disagree about who decides.
    #[error("the block names another committee than that of its epoch")]
    OtherCommittee,
    /// Fewer signers than the quorum.
    #[error("{signers} validators signed where {quorum} are needed")]
    NoQuorum {
        /// Signatures found.
        signers: usize,
        /// Signatures needed.
        quorum: usize,
    },
    /// A signature does not verify.
    #[error("a validator's signature is not valid")]
    Signature,
}

impl From<Bad> for FinalityError {
    fn from(_: Bad) -> Self {
        Self::Certificate
    }
}

/// A finalization certificate, read but not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The epoch whose committee signed.
    pub epoch: u64,
    /// The view in which the block was proposed.
    pub view: u64,
    /// The view of its parent.
    pub parent_view: u64,
    /// Digest of the header.
    pub block: Digest,
    /// The bytes that were signed, after the namespace.
    proposal: Vec<u8>,
    /// Validators in the committee that signed.
    participants: usize,
    /// Positions in the committee, ascending, with their signatures.
    signatures: Vec<(usize, Signature)>,
}

/// Signatures needed among `validators`: all but f, where f is the largest number with
/// 3f < `validators`; 0 for none.
#[must_use]
pub fn quorum(validators: usize) -> usize {
    let faulty = validators.saturating_sub(1).checked_div(3).unwrap_or(0);
    validators.saturating_sub(faulty)
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// [`FinalityError::Certificate`] unless the bytes are exactly one certificate of at most
    /// [`VALIDATORS_MAX`] validators.
    pub fn decode(bytes: &[u8]) -> Result<Self, FinalityError> {
        let mut reader = Reader::new(bytes);
        let epoch = reader.varint()?;
        let view = reader.varint()?;
        let parent_view = reader.varint()?;
        let block = reader.digest()?;
        let participants = usize::try_from(reader.fixed_u64()?).map_err(|_too_large| Bad)?;
        if participants > VALIDATORS_MAX {
            return Err(FinalityError::Certificate);
        }
        let bitmap = reader.bytes(participants.div_ceil(8))?;
        let signers = bits(bitmap);
        if signers.last().is_some_and(|last| *last >= participants) {
            return Err(FinalityError::Certificate);
        }
        if reader.count(VALIDATORS_MAX)? != signers.len() {
            return Err(FinalityError::Certificate);
        }
        let mut signatures = Vec::with_capacity(signers.len());
        for signer in signers {
            signatures.push((signer, Signature::from_bytes(reader.array()?)));
        }
        reader.end()?;
        let mut proposal = Vec::new();
        for number in [epoch, view, parent_view] {
            write_varint(&mut proposal, number);
        }
        proposal.extend_from_slice(block.as_bytes());
        Ok(Self { epoch, view, parent_view, block, proposal, participants, signatures })
    }

    /// Verifies that a quorum of `committee` signed.
    ///
    /// # Errors
    /// See [`FinalityError`].
    pub fn verify(&self, committee: &Committee) -> Result<(), FinalityError> {
        let validators = committee.validators.len();
        if committee.epoch != self.epoch || validators != self.participants {
            return Err(FinalityError::OtherCommittee);
        }
        let (signers, quorum) = (self.signatures.len(), quorum(validators));
        if signers < quorum || signers == 0 {
            return Err(FinalityError::NoQuorum { signers, quorum });
        }
        let message = self.message();
        let mut signed = Vec::with_capacity(signers);
        for (position, signature) in &self.signatures {
            let validator = committee.validators.get(*position);
            let key = validator.and_then(|validator| PublicKey::from_slice(&validator.key));
            signed.push((key.ok_or(FinalityError::OtherCommittee)?, signature));
        }
        let claims: Vec<_> = signed
            .iter()
            .map(|(key, signature)| Claim { key, message: &message, signature })
            .collect();
        suite::verify_batch(&claims).map_err(|_positions| FinalityError::Signature)
    }

    /// Length of the namespace, namespace, proposal.
    fn message(&self) -> Vec<u8> {
        let namespace = [NAMESPACE, FINALIZE].concat();
        let mut message = Vec::new();
        write_varint(&mut message, u64::try_from(namespace.len()).unwrap_or(u64::MAX));
        message.extend_from_slice(&namespace);
        message.extend_from_slice(&self.proposal);
        message
    }
}

/// Positions of the set bits, from the lowest of the first byte.
fn bits(bitmap: &[u8]) -> Vec<usize> {
    bitmap
        .iter()
        .flat_map(|byte| [1_u8, 2, 4, 8, 16, 32, 64, 128].map(|mask| byte & mask != 0))
        .enumerate()
        .filter_map(|(position, set)| set.then_some(position))
        .collect()
}

/// Whether a committee can decide: 1 to [`VALIDATORS_MAX`] validators, sorted by key, each once.
#[must_use]
pub fn committee_is_valid(committee: &Committee) -> bool {
    let validators = &committee.validators;
    (1..=VALIDATORS_MAX).contains(&validators.len())
        && validators.iter().all(|validator| validator.key.len() == PUBLIC_KEY_BYTES)
        && validators.is_sorted_by(|a, b| a.key < b.key)
}

/// A block that is shown to be final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalBlock {
    /// Its header.
    pub header: Header,
    /// Its digest.
    pub digest: Digest,
    /// Height of the block that carries the certificate: this one or a later one.
    pub certified: Height,
    /// Epoch whose committee signed.
    pub epoch: u64,
    /// How many validators signed.
    pub signers: usize,
}

/// What a finality proof is verified against.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The ledger.
    pub ledger: &'a Digest,
    /// Blocks in an epoch, at least 1.
    pub epoch_blocks: u64,
    /// The known committees: that of epoch 0 first, without a gap.
    pub committees: &'a [Committee],
}

/// Verifies a finality proof: its first header's block is final.
///
/// # Errors
/// See [`FinalityError`].
pub fn verify(proof: &FinalityProof, context: &Context<'_>) -> Result<FinalBlock, FinalityError> {
    let count = proof.headers.len();
    if count > HEADERS_MAX {
        return Err(FinalityError::HeaderCount(count));
    }
    let mut headers = Vec::with_capacity(count);
    for (index, bytes) in proof.headers.iter().enumerate() {
        let header: Header = cbor::decode(bytes, HEADER_BYTES_MAX)
            .map_err(|source| FinalityError::Header { index, source })?;
        if header.ledger != *context.ledger {
            return Err(FinalityError::OtherLedger { found: header.ledger });
        }
        if let Some((before, digest)) = headers.last() {
            let before: &Header = before;
            if header.parent != *digest || header.height != before.height.next() {
                return Err(FinalityError::Broken { index });
            }
        }
        headers.push((header, hash::block_digest(bytes)));
    }
    let (Some((header, digest)), Some((last, last_digest))) = (headers.first(), headers.last())
    else {
        return Err(FinalityError::HeaderCount(0));
    };
    let certificate = Certificate::decode(&proof.certificate)?;
    if certificate.block != *last_digest {
        return Err(FinalityError::OtherBlock);
    }
    let epoch = last.height.0.checked_div(context.epoch_blocks).unwrap_or(0);
    let committee = usize::try_from(epoch).ok().and_then(|at| context.committees.get(at));
    let committee = committee.ok_or(FinalityError::UnknownEpoch { epoch })?;
    if last.committee != hash::committee_digest(committee) {
        return Err(FinalityError::OtherCommittee);
    }
    certificate.verify(committee)?;
    Ok(FinalBlock {
        header: header.clone(),
        digest: *digest,
        certified: last.height,
        epoch,
        signers: certificate.signatures.len(),
    })
}

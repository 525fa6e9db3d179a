//! What a node hands to someone who does not trust it.

use minicbor::{Decode, Encode};

use super::{Committee, Genesis};

/// Proof that a block is final: a finality certificate of it or of a later block, with the
/// headers between.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FinalityProof {
    /// Encoded headers: first the proved block's, last the certified one's; each names the
    /// digest of the one before as its parent. 1 to 1,024.
    #[n(1)]
    pub headers: Vec<minicbor::bytes::ByteVec>,
    /// The engine's finalization certificate of the last header.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
}

/// An inclusion proof of an RFC 9162 tree, as in RFC 9942, section 5.2.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct InclusionProof {
    /// Leaves in the tree.
    #[n(0)]
    pub tree_size: u64,
    /// Position of the leaf, from 0.
    #[n(1)]
    pub leaf_index: u64,
    /// Hashes from the leaf up.
    #[n(2)]
    pub path: Vec<crate::Digest>,
}

/// Proof of a record's current version, or of its absence.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RecordProof {
    /// Name and version of the state proof's format.
    #[n(1)]
    pub format: String,
    /// The encoded logical key.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub key: Vec<u8>,
    /// Version bodies: the current one first, then older ones along the history chain; empty
    /// for a proof of absence.
    #[n(3)]
    pub versions: Vec<minicbor::bytes::ByteVec>,
    /// The state proof against the first header's state root.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub state: Vec<u8>,
    /// That the header is final.
    #[n(5)]
    pub finality: FinalityProof,
}

impl RecordProof {
    /// The one state proof format of protocol 1.
    pub const FORMAT: &str = "chaincity/state-proof/1";
}

/// Proof of a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReceiptProof {
    /// The encoded receipt.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub receipt: Vec<u8>,
    /// That it is a leaf under the first header's effects root.
    #[n(2)]
    pub inclusion: InclusionProof,
    /// That the header is final.
    #[n(3)]
    pub finality: FinalityProof,
}

/// A read log with what proves it complete: running numbers, the records that bear them, and the
/// records that those refer to.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReadLogProof {
    /// Name and version of the format.
    #[n(1)]
    pub format: String,
    /// The running numbers, each with its records.
    #[n(2)]
    pub series: Vec<SeriesProof>,
    /// What entries of a subject refer to.
    #[n(3)]
    pub linked: Vec<RecordProof>,
}

impl ReadLogProof {
    /// The one format of protocol 1.
    pub const FORMAT: &str = "chaincity/read-log/1";
}

/// A running number's counter and the records that bear its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SeriesProof {
    /// Proof of the counter, or of its absence when no number was given out.
    #[n(1)]
    pub counter: RecordProof,
    /// First number that the entries cover, 1 for all.
    #[n(2)]
    pub from: u64,
    /// Proofs of the records, at the counter's block or later ones.
    #[n(3)]
    pub entries: Vec<RecordProof>,
}

/// A claim that a steward signed, with what proves whose key that is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ClaimProof {
    /// Name and version of the format.
    #[n(1)]
    pub format: String,
    /// The signed statement.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub statement: Vec<u8>,
    /// Proof of the record of the operator who signed it, at the statement's time or later.
    #[n(3)]
    pub signer: RecordProof,
}

impl ClaimProof {
    /// The one format of protocol 1.
    pub const FORMAT: &str = "chaincity/claim/1";
}

/// What a verifier must trust to begin with, and how trust passed on since.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TrustBundle {
    /// The genesis document; a verifier compares its digest with one learned elsewhere.
    #[n(1)]
    pub genesis: Genesis,
    /// For each later epoch in order: its committee, and a proof that the last block of the
    /// epoch before, which names the committee's digest, is final.
    #[n(2)]
    pub epochs: Vec<(Committee, FinalityProof)>,
}

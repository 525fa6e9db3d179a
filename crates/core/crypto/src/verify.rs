//! What a node hands out, verified by someone who does not trust it.
//!
//! ```text
//! genesis ─ committee ─ committee …   trust bundle: who decides, each named by the one before
//!              │ finality certificate
//!           header ─ state root ─ state proof ─ head ─ version ─ version …   (record)
//!              └──── effects root ─ inclusion ─ receipt                      (receipt)
//! ```
//!
//! A verifier begins with the ledger's id, learned by another way than the proof (printed in a
//! gazette, say), and needs nothing else: no clock, no network.

use chaincity_types::cbor::{self, CborError};
use chaincity_types::wire::{
    BODY_BYTES_MAX, Committee, FinalityProof, Genesis, GenesisNode, Head, LogicalKey, Receipt,
    ReceiptProof, RecordProof, TrustBundle, Version,
};
use chaincity_types::{Digest, Height, Timestamp};

use crate::cose::StatementError;
use crate::finality::{self, Context, FinalBlock, FinalityError};
use crate::hash;
use crate::state_proof::{self, StateProofError};
use crate::tree;

/// Largest encoded logical key, in bytes.
const KEY_BYTES_MAX: usize = 4096;
/// Largest encoded receipt, in bytes.
const RECEIPT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest file with a proof or a trust bundle, in bytes.
pub const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why something that a node handed out is not shown to be true.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A document is not canonical CBOR of its format.
    #[error("the {what} is malformed")]
    Malformed {
        /// Which document.
        what: &'static str,
        /// What is wrong with it.
        source: CborError,
    },
    /// The trust bundle begins with another genesis than the expected one.
    #[error("the trust bundle is for ledger `{found}`, not `{wanted}`")]
    OtherLedger {
        /// The ledger asked for.
        wanted: Digest,
        /// The ledger of the bundle.
        found: Digest,
    },
    /// The genesis document cannot found a ledger.
    #[error("the genesis document is invalid: {0}")]
    Genesis(&'static str),
    /// A committee of the trust bundle is not what the epoch before handed over to.
    #[error("the trust bundle does not establish the committee of epoch {epoch}")]
    Committee {
        /// The epoch.
        epoch: u64,
    },
    /// The last block of an epoch is not shown to be final.
    #[error("the trust bundle does not show that epoch {epoch} began")]
    Handover {
        /// The epoch that should have begun.
        epoch: u64,
        /// Why not.
        source: FinalityError,
    },
    /// The block is not shown to be final.
    #[error("the block is not shown to be final")]
    Finality(#[from] FinalityError),
    /// A proof of a format that this verifier does not know.
    #[error("unknown format of state proof `{0}`")]
    UnknownFormat(String),
    /// The state proof does not hold.
    #[error("the state proof does not hold")]
    State(#[from] StateProofError),
    /// A version is about another record than the proof.
    #[error("version {index} of the proof belongs to another record")]
    OtherRecord {
        /// Which, from 0, newest first.
        index: usize,
    },
    /// The history chain does not hold together.
    #[error("version {index} of the proof is not the one before version {}", index.saturating_sub(1))]
    Chain {
        /// Which, from 0, newest first.
        index: usize,
    },
    /// The receipt is not under the block's effects root.
    #[error("the receipt is not part of the block")]
    NotInBlock,
    /// The receipt speaks of another block or position than the proof.
    #[error("the receipt speaks of another place than the proof")]
    OtherPlace,
    /// A counter of the read log is none.
    #[error("series {series} of the read log hangs on no counter of one")]
    NoCounter {
        /// Which series, from 0.
        series: usize,
    },
    /// An entry of the read log does not belong to its series.
    #[error("entry {index} of series {series} belongs to another one")]
    OtherSeries {
        /// Which series, from 0.
        series: usize,
        /// Which of its entries, from 0.
        index: usize,
    },
    /// An entry was proved at an earlier block than its counter: it may have changed since.
    #[error("record `{key}` was proved before the counter of its series")]
    Older {
        /// Key of the record.
        key: String,
    },
    /// A claim is no signed statement, or was altered.
    #[error("the claim is not signed")]
    Unsigned(#[from] StatementError),
    /// A claim was signed by a key that was no steward's then, as far as the proof shows.
    #[error("the claim's key is not shown to have been a steward's at its time")]
    Signer,
}

impl VerifyError {
    /// A stable code of the reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::OtherLedger { .. } => "other-ledger",
            Self::Genesis(_) => "genesis-invalid",
            Self::Committee { .. } => "committee-not-established",
            Self::Handover { .. } => "epoch-not-established",
            Self::Finality(_) => "not-final",
            Self::UnknownFormat(_) => "unknown-format",
            Self::State(_) => "state-not-proved",
            Self::OtherRecord { .. } => "other-record",
            Self::Chain { .. } => "history-broken",
            Self::NotInBlock => "not-in-block",
            Self::OtherPlace => "other-place",
            Self::NoCounter { .. } => "no-counter",
            Self::OtherSeries { .. } => "other-series",
            Self::Older { .. } => "entry-older",
            Self::Unsigned(_) => "claim-not-signed",
            Self::Signer => "signer-not-steward",
        }
    }

    /// The reason for a person, Chinese.
    #[must_use]
    pub const fn zh(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "文件格式不正确",
            Self::OtherLedger { .. } => "信任包属于另一账本",
            Self::Genesis(_) => "创世文件无效",
            Self::Committee { .. } => "信任包未能证明某一届共识节点名单",
            Self::Handover { .. } => "信任包未能证明换届",
            Self::Finality(_) => "未能证明该区块已终局",
            Self::UnknownFormat(_) => "不认识的状态证明格式",
            Self::State(_) => "状态证明不成立",
            Self::OtherRecord { .. } => "所附版本属于另一记录",
            Self::Chain { .. } => "历史版本链断裂",
            Self::NotInBlock => "该回执不在区块内",
            Self::OtherPlace => "回执所述位置与证明不符",
            Self::NoCounter { .. } => "调用日志未附计数的证明",
            Self::OtherSeries { .. } => "调用日志的条目属于另一序列",
            Self::Older { .. } => "条目的证明早于其计数的证明",
            Self::Unsigned(_) => "派生结论未经签名或已被改动",
            Self::Signer => "未能证明签名者当时为数据提供单位的经办人",
        }
    }

    /// The reason for a person, English.
    #[must_use]
    pub const fn en(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "the file is not of the right format",
            Self::OtherLedger { .. } => "the trust bundle belongs to another ledger",
            Self::Genesis(_) => "the genesis document is invalid",
            Self::Committee { .. } => "the trust bundle does not establish one of the committees",
            Self::Handover { .. } => "the trust bundle does not show one of the handovers",
            Self::Finality(_) => "the block is not shown to be final",
            Self::UnknownFormat(_) => "the state proof's format is unknown",
            Self::State(_) => "the state proof does not hold",
            Self::OtherRecord { .. } => "a version in the file belongs to another record",
            Self::Chain { .. } => "the chain of versions is broken",
            Self::NotInBlock => "the receipt is not part of the block",
            Self::OtherPlace => "the receipt speaks of another place than the proof",
            Self::NoCounter { .. } => "a series of the read log has no counter",
            Self::OtherSeries { .. } => "an entry of the read log belongs to another series",
            Self::Older { .. } => "an entry was proved before its counter",
            Self::Unsigned(_) => "the claim is not signed, or was altered",
            Self::Signer => "the signer is not shown to have answered for a steward then",
        }
    }
}

/// What a verifier trusts: a ledger, and who decided in each of its epochs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    ledger: Digest,
    genesis: Genesis,
    committees: Vec<Committee>,
}

/// The committee of epoch 0: the validators among the genesis document's nodes.
#[must_use]
pub fn first_committee(genesis: &Genesis) -> Committee {
    let validators = genesis.nodes.iter().filter(|node| node.validator);
    let validators = validators.map(|GenesisNode { node, .. }| node.clone()).collect();
    Committee { epoch: 0, validators }
}

impl Trust {
    /// Trust in a genesis document alone: it reaches to the end of epoch 0.
    ///
    /// # Errors
    /// [`VerifyError::Genesis`] when it names no valid committee or no length of epochs.
    pub fn from_genesis(genesis: &Genesis) -> Result<Self, VerifyError> {
        let committee = first_committee(genesis);
        if !finality::committee_is_valid(&committee) {
            return Err(VerifyError::Genesis("its validators are not 1 to 64 in order of keys"));
        }
        if genesis.epoch_blocks == 0 {
            return Err(VerifyError::Genesis("its epochs have no blocks"));
        }
        let ledger = hash::ledger_id(genesis);
        Ok(Self { ledger, genesis: genesis.clone(), committees: vec![committee] })
    }

    /// Walks a trust bundle from genesis through all its epochs.
    ///
    /// `ledger` is the id that the verifier learned elsewhere; without it the result holds only
    /// for whoever trusts the bundle's own genesis ([`Trust::ledger`]).
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn from_bundle(bundle: &TrustBundle, ledger: Option<&Digest>) -> Result<Self, VerifyError> {
        let mut trust = Self::from_genesis(&bundle.genesis)?;
        if let Some(wanted) = ledger.filter(|wanted| **wanted != trust.ledger) {
            return Err(VerifyError::OtherLedger { wanted: *wanted, found: trust.ledger });
        }
        for (committee, handover) in &bundle.epochs {
            trust.extend(committee, handover)?;
        }
        Ok(trust)
    }

    /// [`Trust::from_bundle`] for an encoded bundle.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn from_bytes(bytes: &[u8], ledger: Option<&Digest>) -> Result<Self, VerifyError> {
        Self::from_bundle(&decode(bytes, FILE_BYTES_MAX, "trust bundle")?, ledger)
    }

    /// Learns the next epoch's committee from the last block of the epoch before, which names
    /// the committee's digest.
    ///
    /// # Errors
    /// [`VerifyError::Handover`] or [`VerifyError::Committee`]; nothing is learned then.
    pub fn extend(
        &mut self,
        committee: &Committee,
        handover: &FinalityProof,
    ) -> Result<(), VerifyError> {
        let epoch = u64::try_from(self.committees.len()).unwrap_or(u64::MAX);
        let block = finality::verify(handover, &self.context())
            .map_err(|source| VerifyError::Handover { epoch, source })?;
        let last = epoch.checked_mul(self.genesis.epoch_blocks).and_then(|end| end.checked_sub(1));
        if last != Some(block.header.height.0)
            || committee.epoch != epoch
            || !finality::committee_is_valid(committee)
            || block.header.next_committee != hash::committee_digest(committee)
        {
            return Err(VerifyError::Committee { epoch });
        }
        self.committees.push(committee.clone());
        Ok(())
    }

    /// The ledger's id.
    #[must_use]
    pub const fn ledger(&self) -> &Digest {
        &self.ledger
    }

    /// The genesis document.
    #[must_use]
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The committees of all known epochs, from 0.
    #[must_use]
    pub fn committees(&self) -> &[Committee] {
        &self.committees
    }

    fn context(&self) -> Context<'_> {
        Context {
            ledger: &self.ledger,
            epoch_blocks: self.genesis.epoch_blocks,
            committees: &self.committees,
        }
    }

    /// Verifies that a block is final.
    ///
    /// # Errors
    /// See [`FinalityError`].
    pub fn block(&self, proof: &FinalityProof) -> Result<FinalBlock, FinalityError> {
        finality::verify(proof, &self.context())
    }

    /// Verifies a proof of a record, or of its absence.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn record(&self, proof: &RecordProof) -> Result<ProvedRecord, VerifyError> {
        if proof.format != RecordProof::FORMAT {
            return Err(VerifyError::UnknownFormat(proof.format.chars().take(60).collect()));
        }
        let key: LogicalKey = decode(&proof.key, KEY_BYTES_MAX, "record's key")?;
        let state_key = hash::in_domain(hash::STATE, &proof.key);
        let block = self.block(&proof.finality)?;
        let root = &block.header.state_root;
        let versions = read_chain(&key, proof)?;
        if let (Some(current), Some(bytes)) = (versions.first(), proof.versions.first()) {
            let head = Head {
                body: hash::body_digest(bytes),
                version: current.version,
                began: current.by.time,
            };
            state_proof::verify_present(&proof.state, &state_key, &head, root)?;
        } else {
            state_proof::verify_absent(&proof.state, &state_key, root)?;
        }
        Ok(ProvedRecord { key, block, versions })
    }

    /// [`Trust::record`] for an encoded proof.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn record_bytes(&self, bytes: &[u8]) -> Result<ProvedRecord, VerifyError> {
        self.record(&decode(bytes, FILE_BYTES_MAX, "record proof")?)
    }

    /// Verifies a proof of a receipt.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn receipt(&self, proof: &ReceiptProof) -> Result<ProvedReceipt, VerifyError> {
        let receipt: Receipt = decode(&proof.receipt, RECEIPT_BYTES_MAX, "receipt")?;
        let block = self.block(&proof.finality)?;
        if !tree::verify_inclusion(&proof.receipt, &proof.inclusion, &block.header.effects_root) {
            return Err(VerifyError::NotInBlock);
        }
        // Receipts are the first leaves, in the order of the transactions.
        if receipt.height != block.header.height
            || receipt.time != block.header.time
            || u64::from(receipt.index) != proof.inclusion.leaf_index
        {
            return Err(VerifyError::OtherPlace);
        }
        Ok(ProvedReceipt { receipt, block })
    }

    /// [`Trust::receipt`] for an encoded proof.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn receipt_bytes(&self, bytes: &[u8]) -> Result<ProvedReceipt, VerifyError> {
        self.receipt(&decode(bytes, FILE_BYTES_MAX, "receipt proof")?)
    }
}

pub(crate) fn decode<T>(bytes: &[u8], max: usize, what: &'static str) -> Result<T, VerifyError>
where
    T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()>,
{
    cbor::decode(bytes, max).map_err(|source| VerifyError::Malformed { what, source })
}

/// Reads the versions, newest first: all of the one key, each naming the digest of the next.
///
/// INVARIANT (I2): a record's history hangs on its head, so a proved head proves all of it.
fn read_chain(key: &LogicalKey, proof: &RecordProof) -> Result<Vec<Version>, VerifyError> {
    let mut versions: Vec<Version> = Vec::with_capacity(proof.versions.len());
    for (index, bytes) in proof.versions.iter().enumerate() {
        let version: Version = decode(bytes, BODY_BYTES_MAX, "version")?;
        if version.key != *key {
            return Err(VerifyError::OtherRecord { index });
        }
        if let Some(newer) = versions.last() {
            let follows = newer.previous == hash::body_digest(bytes)
                && newer.version.checked_sub(1) == Some(version.version)
                && newer.by.time >= version.by.time;
            if !follows {
                return Err(VerifyError::Chain { index });
            }
        }
        if version.version == 0 || (version.version == 1) != (version.previous == Digest::ZERO) {
            return Err(VerifyError::Chain { index });
        }
        versions.push(version);
    }
    Ok(versions)
}

/// What a record proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvedRecord {
    /// What it is about.
    pub key: LogicalKey,
    /// The final block whose state was proved.
    pub block: FinalBlock,
    /// Versions as of that block, newest first; empty when there is no such record. The chain
    /// may end before version 1.
    pub versions: Vec<Version>,
}

/// What a record proof shows about a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf<'a> {
    /// This version was in force (or, when closed, was the last).
    Version(&'a Version),
    /// The record did not exist yet, or never.
    Absent,
    /// The time is after the proved block's, of which the proof says nothing.
    AfterProof {
        /// Time of the proved block.
        proved: Timestamp,
    },
    /// The chain in the proof ends with a later version.
    BeforeChain {
        /// When the oldest version in the proof began.
        oldest: Timestamp,
    },
}

impl ProvedRecord {
    /// The current version as of the proved block.
    #[must_use]
    pub fn current(&self) -> Option<&Version> {
        self.versions.first()
    }

    /// The version in force at `time`: the last that began at or before it.
    ///
    /// Several versions of one block began at the same time; the last of them is in force.
    #[must_use]
    pub fn as_of(&self, time: Timestamp) -> AsOf<'_> {
        if time > self.block.header.time {
            return AsOf::AfterProof { proved: self.block.header.time };
        }
        if let Some(version) = self.versions.iter().find(|version| version.by.time <= time) {
            return AsOf::Version(version);
        }
        match self.versions.last() {
            Some(oldest) if oldest.version > 1 => AsOf::BeforeChain { oldest: oldest.by.time },
            Some(_) | None => AsOf::Absent,
        }
    }
}

/// What a receipt proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvedReceipt {
    /// The receipt.
    pub receipt: Receipt,
    /// The final block that holds its transaction.
    pub block: FinalBlock,
}

impl ProvedReceipt {
    /// Height of the block.
    #[must_use]
    pub const fn height(&self) -> Height {
        self.block.header.height
    }
}

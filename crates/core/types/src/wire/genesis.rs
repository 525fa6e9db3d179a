//! The first document of a ledger: who is in it, what its rules are. Its digest is the ledger id.

use minicbor::{Decode, Encode};

use super::Validator;
use crate::Timestamp;

/// The genesis document.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Genesis {
    /// Protocol at the start.
    #[n(1)]
    pub protocol: u32,
    /// Name of the consortium, Chinese.
    #[n(2)]
    pub name_zh: String,
    /// Name of the consortium, English.
    #[n(3)]
    pub name_en: String,
    /// Time of the genesis block.
    #[n(4)]
    pub time: Timestamp,
    /// Blocks in an epoch, 10 to 1,000,000.
    #[n(5)]
    pub epoch_blocks: u64,
    /// Members, sorted by id.
    #[n(6)]
    pub members: Vec<GenesisMember>,
    /// Operators, sorted by key.
    #[n(7)]
    pub operators: Vec<GenesisOperator>,
    /// Nodes known from the start, sorted by key; the validators among them are epoch 0's
    /// committee.
    #[n(8)]
    pub nodes: Vec<GenesisNode>,
    /// Packages in force from the start: canonical package documents (`chaincity-package`).
    #[n(9)]
    pub packages: Vec<minicbor::bytes::ByteVec>,
}

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GenesisMember {
    /// Identifier: lower-case letters, digits, hyphens; 1 to 40.
    #[n(1)]
    pub id: String,
    /// Name, Chinese.
    #[n(2)]
    pub name_zh: String,
    /// Name, English.
    #[n(3)]
    pub name_en: String,
    /// Roles the member may hand to its operators, such as `registry.registrar`.
    #[n(4)]
    pub roles: Vec<String>,
}

/// A person (or a machine) acting for a member.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GenesisOperator {
    /// Public key.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub key: Vec<u8>,
    /// The member.
    #[n(2)]
    pub member: String,
    /// Roles, a subset of the member's.
    #[n(3)]
    pub roles: Vec<String>,
    /// The subject that the operator is: a citizen or enterprise with a key of its own.
    #[n(4)]
    pub subject: Option<String>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GenesisNode {
    /// Key, member, address.
    #[n(1)]
    pub node: Validator,
    /// Whether it is a validator of epoch 0 (else an observer).
    #[n(2)]
    pub validator: bool,
}

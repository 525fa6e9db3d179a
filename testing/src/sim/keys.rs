//! Keys and genesis of a simulated city: everything follows from the seed.

use chaincity_crypto::hash;
use chaincity_crypto::suite::SecretKey;
use chaincity_ledger::governance;
use chaincity_types::Timestamp;
use chaincity_types::wire::{Genesis, GenesisNode, GenesisOperator, Validator};

use crate::city;
use crate::sim::Failure;

/// The members that run nodes, in the order of the nodes' numbers.
pub const MEMBERS: [&str; 5] = ["registry", "court", "bank-a", "housing-bureau", "bank-b"];

/// Every key of a city.
#[derive(Clone, Copy, Debug)]
pub struct KeyRing {
    seed: u64,
}

impl KeyRing {
    /// The keys of the city of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The key of whoever has this name.
    #[must_use]
    pub fn named(self, name: &str) -> SecretKey {
        let seed = hash::plain(format!("{}/{name}", self.seed).as_bytes());
        SecretKey::from_seed(&seed.0)
    }

    /// The key of a node.
    #[must_use]
    pub fn node(self, node: usize) -> SecretKey {
        self.named(&format!("node-{node}"))
    }

    /// The node's public key.
    #[must_use]
    pub fn node_public(self, node: usize) -> Vec<u8> {
        self.node(node).public_key().as_bytes().to_vec()
    }

    /// The node as the ledger knows it.
    #[must_use]
    pub fn validator(self, node: usize) -> Validator {
        Validator {
            key: self.node_public(node),
            member: member(node).to_owned(),
            address: format!("node-{node}.example:9000"),
        }
    }
}

/// The member that runs a node.
#[must_use]
pub fn member(node: usize) -> &'static str {
    MEMBERS.get(node).copied().unwrap_or("registry")
}

/// The name of a member's administrator, from which its key is derived.
#[must_use]
pub fn administrator(member: &str) -> String {
    format!("admin-{member}")
}

/// The genesis document of a city with this many validators and an administrator for each member
/// that runs a node.
///
/// # Errors
/// When the package of the repository cannot be read.
pub fn genesis(
    keys: KeyRing,
    begin: Timestamp,
    validators: usize,
    epoch_blocks: u64,
) -> Result<Genesis, Failure> {
    let document = city::package("real-estate")?.doc.to_bytes();
    let node = |node| GenesisNode { node: keys.validator(node), validator: true };
    let mut nodes: Vec<GenesisNode> = (0..validators).map(node).collect();
    nodes.sort_by(|a, b| a.node.key.cmp(&b.node.key));
    let public = |name: &str| keys.named(name).public_key().as_bytes().to_vec();
    let mut genesis = city::genesis(begin, nodes, vec![document], &public);
    genesis.epoch_blocks = epoch_blocks;
    for id in MEMBERS {
        genesis.operators.push(GenesisOperator {
            key: public(&administrator(id)),
            member: id.to_owned(),
            roles: vec![governance::ADMIN.to_owned()],
            subject: None,
        });
        for member in genesis.members.iter_mut().filter(|member| member.id == id) {
            member.roles.push(governance::ADMIN.to_owned());
            member.roles.sort();
        }
    }
    genesis.operators.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(genesis)
}

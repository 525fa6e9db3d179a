//! What a node must be told before it starts, with bounds that keep it from starting in a shape
//! that fails later.

use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use chaincity_crypto::tree;
use chaincity_types::wire::Header;
use chaincity_types::{Digest, Height, Timestamp};
use commonware_codec::DecodeExt as _;
use commonware_cryptography::Signer as _;
use commonware_utils::{NZU64, NZUsize};

use crate::chain::{PrivateKey, key_bytes};
use crate::handle::EngineError;

/// Root of the empty state: what the genesis header carries (a test derives it from an empty
/// database).
const EMPTY_STATE_ROOT: Digest = Digest([
    0x47, 0x69, 0xab, 0x80, 0x4a, 0xf6, 0x03, 0x07, 0xd9, 0xe4, 0x81, 0x75, 0x92, 0x3a, 0xc1, 0x80,
    0xe9, 0x74, 0x42, 0xf7, 0x1f, 0xd5, 0x95, 0x29, 0x37, 0xfb, 0x1c, 0x39, 0xf9, 0xc7, 0xc8, 0x1c,
]);

/// The header at height 0. It follows from the genesis document alone, so that all nodes agree on
/// it without exchanging it: the digests are those of the ledger and of the committees of epochs
/// 0 and 1.
#[must_use]
pub fn genesis_header(
    ledger: Digest,
    protocol: u32,
    time: Timestamp,
    committee: Digest,
    next_committee: Digest,
) -> Header {
    let empty_tree = tree::root::<&[u8]>(&[]);
    let (operations_root, operations_end) = crate::state::empty_operations();
    Header {
        ledger,
        protocol,
        height: Height(0),
        parent: Digest::ZERO,
        context: Vec::new(),
        time,
        transactions_root: empty_tree,
        state_root: EMPTY_STATE_ROOT,
        operations_root,
        operations_start: 0,
        operations_end,
        effects_root: empty_tree,
        committee,
        next_committee,
    }
}

/// A node's private key: the 32-byte seed of an Ed25519 key (RFC 8032).
#[derive(Clone)]
pub struct NodeKey(PrivateKey);

impl NodeKey {
    /// The key of this seed.
    ///
    /// # Errors
    /// [`EngineError::Config`] when the seed is no key.
    pub fn from_seed(seed: [u8; 32]) -> Result<Self, EngineError> {
        PrivateKey::decode(Bytes::copy_from_slice(&seed))
            .map(Self)
            .map_err(|error| EngineError::Config(format!("node key: {error}")))
    }

    /// The 32 bytes of the public key.
    #[must_use]
    pub fn public(&self) -> Vec<u8> {
        key_bytes(&self.0.public_key())
    }

    pub(crate) fn private(&self) -> PrivateKey {
        self.0.clone()
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeKey(..)")
    }
}

/// How long consensus waits. Each is longer than the one before.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// For a leader's proposal; longer than a second, because an idle leader waits for work.
    pub leader: Duration,
    /// For enough votes on a proposal.
    pub certification: Duration,
    /// Silence after which a validator's turns are skipped at once.
    pub skip: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            leader: Duration::from_millis(2_500),
            certification: Duration::from_millis(3_500),
            skip: Duration::from_millis(5_000),
        }
    }
}

/// Memory and history that a node may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Pages of 4 KiB of state kept in memory: the greatest lever on speed.
    pub state_pages: NonZeroUsize,
    /// Keys kept in memory while the state is opened: about the number of records, or a restart
    /// takes minutes.
    pub open_keys: NonZeroUsize,
    /// Entries that the state's log has when the node starts.
    pub log_entries: u64,
    /// Recent blocks that consensus keeps for peers that fall behind. At least an epoch is kept
    /// whatever this says.
    pub recent_blocks: usize,
}

/// Entries of the state's log that a start waits for, however slow the machine: some seconds.
const OPENING_WAITED: u64 = 1 << 21;

impl Limits {
    /// Whether the state is so large that the node begins to answer before it is open: it cannot be
    /// read then, and [`crate::Status::syncing`] says so.
    pub(crate) const fn opens_beside(&self) -> bool {
        self.log_entries > OPENING_WAITED
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            state_pages: NZUsize!(16_384),
            open_keys: NZUsize!(1 << 20),
            log_entries: 0,
            recent_blocks: 4_096,
        }
    }
}

/// What one node must know of its ledger and of itself.
#[derive(Clone, Debug)]
pub struct Config {
    /// The header at height 0, from [`genesis_header`]: the same on every node.
    pub genesis: Header,
    /// Blocks in an epoch: the same on every node.
    pub epoch_length: NonZeroU64,
    /// This node's key.
    pub key: NodeKey,
    /// Set on a node without state that shall fetch a snapshot instead of executing every block:
    /// the latest epoch whose committee [`crate::Machine::committee`] knows. Ignored once the
    /// node has state.
    pub sync_epoch: Option<u64>,
    /// How long consensus waits.
    pub pace: Pace,
    /// Memory and history.
    pub limits: Limits,
}

/// Shortest epoch: a change of committee must reach everyone before the next.
pub const EPOCH_LENGTH_MIN: NonZeroU64 = NZU64!(4);

impl Config {
    /// Refuses what could only fail later.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        let refuse = |why: &str| Err(EngineError::Config(why.to_owned()));
        if self.genesis.height.0 != 0 || !self.genesis.context.is_empty() {
            return refuse("the genesis header is not at height 0");
        }
        if self.epoch_length < EPOCH_LENGTH_MIN {
            return refuse("an epoch is too short");
        }
        if self.pace.leader <= Duration::from_secs(1) {
            return refuse("a leader must be allowed more than a second");
        }
        if self.pace.certification <= self.pace.leader || self.pace.skip <= self.pace.certification
        {
            return refuse("leader, certification and skip times must increase");
        }
        Ok(())
    }
}

/// Where a node lives: its folder, its address and whom it knows.
#[derive(Clone, Debug)]
pub struct Place {
    /// Folder of the consensus and state storage; made if missing. One node alone may use it.
    pub folder: PathBuf,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// `host:port` where peers reach this node.
    pub advertised: String,
    /// Public keys and `host:port` of the peers to call first.
    pub bootstrap: Vec<(Vec<u8>, String)>,
    /// Threads of the node's runtime.
    pub threads: NonZeroUsize,
    /// Whether peers may have private addresses (RFC 1918, loopback), and are called eagerly.
    pub private_network: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_that_starves_an_idle_leader_is_refused() {
        let genesis = genesis_header(Digest::ZERO, 1, Timestamp(0), Digest::ZERO, Digest::ZERO);
        let mut config = Config {
            genesis,
            epoch_length: NZU64!(10),
            key: NodeKey::from_seed([7; 32]).unwrap(),
            sync_epoch: None,
            pace: Pace::default(),
            limits: Limits::default(),
        };
        assert_eq!(config.check(), Ok(()));
        config.pace.leader = Duration::from_secs(1);
        assert!(matches!(config.check(), Err(EngineError::Config(_))));
    }

    #[test]
    fn genesis_has_the_roots_of_an_empty_state() {
        let (state, operations, end) = crate::state::tests::empty_roots();
        assert_eq!(state, EMPTY_STATE_ROOT);
        assert_eq!((operations, end), crate::state::empty_operations());
    }

    #[test]
    fn a_key_never_shows_itself() {
        assert_eq!(format!("{:?}", NodeKey::from_seed([7; 32]).unwrap()), "NodeKey(..)");
    }
}

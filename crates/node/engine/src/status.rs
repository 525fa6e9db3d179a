//! What a node says of itself.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use chaincity_types::Height;
use commonware_runtime::telemetry::metrics::Counter;

/// A node's state at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Epoch that the node is in.
    pub epoch: u64,
    /// Consensus view within the epoch.
    pub view: u64,
    /// Height of the latest applied block.
    pub height: Height,
    /// Peers that the node may be connected to in this epoch, without itself.
    pub peers: u64,
    /// Whether the node is a validator of this epoch.
    pub validator: bool,
    /// Whether the state cannot be read yet: a snapshot is being fetched, or a large state is still
    /// being opened.
    pub syncing: bool,
    /// Height up to which the node had applied blocks when it opened its state.
    pub opened_at: Height,
    /// Height of the snapshot that the node began from; 0 when it has executed every block.
    pub snapshot: Height,
    /// Bytes received from peers since the node started, and sent to them, as they crossed the
    /// sockets: encrypted and framed. 0 where there are no sockets.
    pub wire_in: u64,
    /// See above.
    pub wire_out: u64,
    /// Why the node stopped, if it did.
    pub fault: Option<String>,
}

/// The shared cell behind [`Status`].
#[derive(Debug, Default)]
pub(crate) struct StatusCell {
    epoch: AtomicU64,
    view: AtomicU64,
    height: AtomicU64,
    peers: AtomicU64,
    validator: AtomicBool,
    syncing: AtomicBool,
    opened_at: AtomicU64,
    snapshot: AtomicU64,
    /// Bytes in and out.
    wire: OnceLock<[Counter; 2]>,
    fault: Mutex<Option<String>>,
}

impl StatusCell {
    pub(crate) fn get(&self) -> Status {
        let wire = self.wire.get().map(|ways| ways.each_ref().map(|way| way.get()));
        let [wire_in, wire_out] = wire.unwrap_or_default();
        Status {
            epoch: self.epoch.load(Ordering::Acquire),
            view: self.view.load(Ordering::Acquire),
            height: Height(self.height.load(Ordering::Acquire)),
            peers: self.peers.load(Ordering::Acquire),
            validator: self.validator.load(Ordering::Acquire),
            syncing: self.syncing.load(Ordering::Acquire),
            opened_at: Height(self.opened_at.load(Ordering::Acquire)),
            snapshot: Height(self.snapshot.load(Ordering::Acquire)),
            wire_in,
            wire_out,
            fault: self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    pub(crate) fn enter_epoch(&self, epoch: u64, peers: u64, validator: bool) {
        self.epoch.store(epoch, Ordering::Release);
        self.view.store(0, Ordering::Release);
        self.peers.store(peers, Ordering::Release);
        self.validator.store(validator, Ordering::Release);
    }

    /// Raises the view; reports of older views come late.
    pub(crate) fn raise_view(&self, epoch: u64, view: u64) {
        if self.epoch.load(Ordering::Acquire) == epoch {
            self.view.fetch_max(view, Ordering::AcqRel);
        }
    }

    pub(crate) fn set_height(&self, height: Height) {
        self.height.store(height.0, Ordering::Release);
    }

    pub(crate) fn set_opened(&self, at: u64, snapshot: u64) {
        self.opened_at.store(at, Ordering::Release);
        self.snapshot.store(snapshot, Ordering::Release);
    }

    pub(crate) fn set_wire(&self, ways: [Counter; 2]) {
        // A node runs once.
        drop(self.wire.set(ways));
    }

    pub(crate) fn set_syncing(&self, syncing: bool) {
        self.syncing.store(syncing, Ordering::Release);
    }

    pub(crate) fn set_fault(&self, fault: String) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }
}

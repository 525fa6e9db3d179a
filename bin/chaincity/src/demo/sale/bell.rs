//! Tells those who wait that a block has come.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use chaincity_client::Client;

use crate::actor::remote;
use crate::fault::Fault;

/// The height of the newest block that one node has told of.
#[derive(Debug)]
pub(super) struct Bell {
    height: Mutex<u64>,
    rung: Condvar,
}

impl Bell {
    /// Follows a node on a thread of its own, for as long as the bell hangs.
    pub(super) fn hang(client: Client) -> Result<Arc<Self>, Fault> {
        let height = client.status().map_err(remote)?.height;
        let bell = Arc::new(Self { height: Mutex::new(height), rung: Condvar::new() });
        let rope = Arc::downgrade(&bell);
        std::thread::spawn(move || follow(&client, height.saturating_add(1), &rope));
        Ok(bell)
    }

    /// Waits for a block above `seen`, but no longer than `patience`: the node that is asked next may
    /// be ahead of the one that rings, or behind it.
    pub(super) fn wait(&self, seen: u64, patience: Duration) -> u64 {
        let height = self.height();
        let waited = self.rung.wait_timeout_while(height, patience, |height| *height <= seen);
        let (height, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *height
    }

    fn height(&self) -> MutexGuard<'_, u64> {
        self.height.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rings at each block. When the stream ends for good, those who wait still look by themselves.
fn follow(client: &Client, from: u64, rope: &Weak<Bell>) {
    for block in client.event_ids(from) {
        let (Ok(block), Some(bell)) = (block, rope.upgrade()) else { return };
        *bell.height() = block.block.height;
        bell.rung.notify_all();
    }
}

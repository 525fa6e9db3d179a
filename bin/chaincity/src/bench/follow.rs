//! When the client hears that a block is final: from one node's event stream, as any follower
//! does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use chaincity_client::Client;
use chaincity_types::Digest;

use crate::actor::remote;
use crate::fault::Fault;

/// What was heard so far.
#[derive(Debug, Default)]
struct Heard {
    /// When each transaction was heard to be final.
    at: BTreeMap<Digest, Instant>,
    /// When each block with transactions was heard.
    blocks: Vec<Instant>,
    fault: Option<Fault>,
}

#[derive(Debug, Default)]
struct Shared {
    heard: Mutex<Heard>,
    grew: Condvar,
    stop: AtomicBool,
}

impl Shared {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows final blocks on a thread of its own until it is dropped.
#[derive(Debug)]
pub(super) struct Follower {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Follows from the next block on. The client must have signed in.
    ///
    /// # Errors
    /// When the node does not answer.
    pub(super) fn start(client: Client) -> Result<Self, Fault> {
        let from = client.status().map_err(remote)?.height.saturating_add(1);
        let shared = Arc::new(Shared::default());
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || listen(&client, from, &shared)
        });
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Waits until all of `ids` were heard, at most until `end`.
    ///
    /// # Errors
    /// When the stream is broken.
    pub(super) fn wait(&self, ids: &[Digest], end: Instant) -> Result<(), Fault> {
        let mut heard = self.shared.heard();
        let mut missing = ids.iter().peekable();
        loop {
            while missing.next_if(|id| heard.at.contains_key(*id)).is_some() {}
            if let Some(fault) = heard.fault.take() {
                return Err(fault);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || missing.peek().is_none() {
                return Ok(());
            }
            let waited = self.shared.grew.wait_timeout(heard, left);
            heard = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How many blocks with transactions were heard from `begin` to before `end`.
    pub(super) fn blocks(&self, begin: Instant, end: Instant) -> usize {
        let heard = self.shared.heard();
        heard.blocks.iter().filter(|at| **at >= begin && **at < end).count()
    }

    /// When each of `ids` was heard to be final; forgets them.
    pub(super) fn take(&self, ids: &[Digest]) -> Vec<Option<Instant>> {
        let mut heard = self.shared.heard();
        ids.iter().map(|id| heard.at.remove(id)).collect()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Blocks come at least every second, so it ends soon; a panic there was told by it.
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {}
    }
}

fn listen(client: &Client, from: u64, shared: &Shared) {
    for block in client.event_ids(from) {
        let at = Instant::now();
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let mut heard = shared.heard();
        match block {
            Ok(block) => {
                let ids = block.ids.iter().filter_map(|id| Digest::from_hex(id).ok());
                heard.at.extend(ids.map(|id| (id, at)));
                if !block.ids.is_empty() {
                    heard.blocks.push(at);
                }
            }
            Err(error) => heard.fault = Some(remote(error)),
        }
        let failed = heard.fault.is_some();
        drop(heard);
        shared.grew.notify_all();
        if failed {
            return;
        }
    }
}

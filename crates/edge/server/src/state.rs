//! What every handler shares.

use std::sync::Arc;

use chaincity_pipeline::NodeApi;
use chaincity_sector::Keys;
use chaincity_types::Digest;
use chaincity_vault::Vault;
use tokio::sync::{Semaphore, watch};

use crate::config::{Config, Limits, Part};
use crate::error::{Answer, fault};
use crate::metrics::Metrics;
use crate::reader::Reader;
use crate::session::Sessions;

/// What every handler shares.
pub(crate) struct Shared {
    pub(crate) node: Arc<dyn NodeApi>,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) ledger: Digest,
    pub(crate) vault: Option<Arc<Vault>>,
    pub(crate) part: Part,
    pub(crate) sector_keys: Option<Arc<Keys>>,
    pub(crate) sessions: Sessions,
    pub(crate) metrics: Metrics,
    pub(crate) limits: Limits,
    pub(crate) requests: Semaphore,
    pub(crate) batches: Semaphore,
    pub(crate) verifications: Semaphore,
    pub(crate) streams: Arc<Semaphore>,
    /// True once the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) more_metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
}

impl Shared {
    pub(crate) fn new(
        config: &Config,
        node: Arc<dyn NodeApi>,
        reader: Arc<dyn Reader>,
        sessions: Sessions,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let limits = config.limits.clone();
        Self {
            ledger: node.status().ledger,
            node,
            reader,
            vault: config.vault.clone(),
            part: config.part.clone(),
            sector_keys: config.sector_keys.clone(),
            sessions,
            metrics: Metrics::new(),
            requests: Semaphore::new(limits.requests_max),
            batches: Semaphore::new(limits.batches_max),
            verifications: Semaphore::new(limits.verifications_max),
            streams: Arc::new(Semaphore::new(limits.streams_max)),
            limits,
            stopping,
            more_metrics: config.more_metrics.clone(),
        }
    }
}

/// Runs what may block on the disk or on much computing away from the threads that serve
/// connections.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Answer<T> + Send + 'static,
) -> Answer<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(error) => Err(fault(&error.to_string())),
    }
}

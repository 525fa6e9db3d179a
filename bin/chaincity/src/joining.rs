//! Joining a running ledger: a node without state fetches a snapshot, after it has checked for
//! itself which committees may vouch for it.
//!
//! While the snapshot is sought, epochs may pass (a node that was just registered is let in by its
//! peers only when the next one begins), so the committees are asked for again until it is found.
//!
//! A node that stopped before its snapshot was complete goes on joining, whatever blocks it had
//! executed above the snapshot already: it may meet epochs whose committees it has not seen.
//!
//! A node that lost its engine folder joins in the same way and keeps its history. What it has
//! voted is lost with the folder, so it must begin in an epoch not before any in which it may have
//! voted, and the engine lets it sign nothing in that epoch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chaincity_client::api::Problem;
use chaincity_client::{Client, ClientError};
use chaincity_crypto::hash;
use chaincity_crypto::suite::SecretKey;
use chaincity_crypto::verify::Trust;
use chaincity_engine::Handle;
use chaincity_history::HistoryStore;
use chaincity_pipeline::Pipeline;
use chaincity_types::cbor;
use chaincity_types::wire::{Genesis, TrustBundle};

use crate::fault::Fault;
use crate::node_config::NodeConfig;
use crate::refusal;

/// Pause between two looks at the epoch of the ledger.
const LOOK: Duration = Duration::from_millis(500);

/// A node that is joining.
#[derive(Debug)]
pub(crate) struct Joining {
    client: Client,
    pipeline: Pipeline,
    /// Latest epoch whose committee is known.
    epoch: u64,
    started: Arc<AtomicBool>,
}

impl Joining {
    /// Prepares a node to join by snapshot; `None` when the node has state, or shall execute every
    /// block since genesis. It signs in at the node that it joins from with its own key.
    ///
    /// # Errors
    /// When the node has history without state and is not told where to join; when the node to
    /// join from does not answer or does not know this one, or its trust bundle does not verify.
    pub(crate) fn prepare(
        config: &NodeConfig,
        genesis: &Genesis,
        key: SecretKey,
        history: &dyn HistoryStore,
        pipeline: &Pipeline,
    ) -> Result<Option<Self>, Fault> {
        let tip = history.tip();
        let begun = snapshot_begun(config)?;
        let holds_state = chaincity_engine::holds_state(&config.engine());
        if tip.is_some() && holds_state && !begun {
            return Ok(None);
        }
        let Some(url) = config.join.as_deref() else {
            let goes_on = tip.is_none() || begun;
            return if goes_on { Ok(None) } else { Err(refusal::engine_missing(config)) };
        };
        let mut builder = Client::builder(hash::ledger_id(genesis)).node(url);
        if let Some(path) = &config.join_authorities {
            builder = builder.authorities(&std::fs::read(path).map_err(Fault::io(path))?);
        }
        let client = builder.build().map_err(remote)?;
        client.sign_in(key).map_err(unknown_or_remote)?;
        let mut joining =
            Self { client, pipeline: pipeline.clone(), epoch: 0, started: Arc::default() };
        joining.learn()?;
        Ok(Some(joining))
    }

    /// Latest epoch whose committee is known, from the ledger or from the node's own history: no
    /// earlier one will do, since the node may have voted in it.
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Fetches the committees known to the ledger, verifies them, and takes them over.
    fn learn(&mut self) -> Result<(), Fault> {
        let bytes = self.client.trust_bundle().map_err(remote)?;
        Trust::from_bytes(&bytes, Some(self.client.ledger())).map_err(remote)?;
        let bundle: TrustBundle = cbor::decode(&bytes, bytes.len()).map_err(remote)?;
        self.epoch = self.pipeline.adopt(&bundle).map_err(remote)?;
        Ok(())
    }

    /// Goes on learning, on a thread of its own, until the snapshot is there. The flag that it
    /// gives is to be set when the engine has started.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn keep_learning(mut self, handle: Handle) -> std::io::Result<Arc<AtomicBool>> {
        let started = Arc::clone(&self.started);
        let thread = std::thread::Builder::new().name("chaincity-join".into());
        thread.spawn(move || {
            while !self.started.load(Ordering::Acquire) || handle.status().syncing {
                std::thread::sleep(LOOK);
                let newer = self.client.status().is_ok_and(|status| status.epoch > self.epoch);
                if newer && let Err(fault) = self.learn() {
                    tracing::warn!(%fault, "the committees are asked for again");
                }
            }
        })?;
        Ok(started)
    }
}

/// Whether the node stopped while it fetched a snapshot, perhaps with blocks above it in its history.
///
/// # Errors
/// When the engine's folder cannot be read.
pub(crate) fn snapshot_begun(config: &NodeConfig) -> Result<bool, Fault> {
    let engine = config.engine();
    chaincity_engine::snapshot_under_way(&engine).map_err(Fault::io(&engine))
}

/// A node that the ledger does not know is told what is missing.
fn unknown_or_remote(error: ClientError) -> Fault {
    if error.code() == Some(Problem::OperatorInactive.code()) {
        return Fault::other(
            "账本尚未登记本节点的公钥，请先办理 governance add-node",
            "the ledger does not know this node's key: `governance add-node` comes first",
        );
    }
    remote(error)
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn remote(error: impl std::error::Error) -> Fault {
    let cause = crate::failure::chain(&error);
    Fault::other(format!("无法加入账本：{cause}"), format!("cannot join the ledger: {cause}"))
}

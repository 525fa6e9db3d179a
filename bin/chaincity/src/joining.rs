//! Joining a running ledger: a node without history fetches a snapshot, after it has checked for
//! itself which committees may vouch for it.

use chaincity_client::Client;
use chaincity_crypto::hash;
use chaincity_history::HistoryStore;
use chaincity_types::cbor;
use chaincity_types::wire::{Genesis, TrustBundle};

use crate::fault::Fault;
use crate::node_config::NodeConfig;

/// Prepares a node to join by snapshot: the latest epoch whose committee is known now, or `None`
/// when the node has history, or shall execute every block since genesis.
///
/// # Errors
/// When the node to join from does not answer or its trust bundle does not verify.
pub(crate) fn prepare(
    config: &NodeConfig,
    genesis: &Genesis,
    history: &dyn HistoryStore,
) -> Result<Option<u64>, Fault> {
    let Some(url) = config.join.as_deref().filter(|_| history.tip().is_none()) else {
        return Ok(None);
    };
    let client = Client::new(url, hash::ledger_id(genesis)).map_err(remote)?;
    // The client refuses a bundle that does not follow from this ledger's genesis.
    client.trust().map_err(remote)?;
    let bytes = client.trust_bundle().map_err(remote)?;
    let bundle: TrustBundle = cbor::decode(&bytes, bytes.len()).map_err(remote)?;
    chaincity_pipeline::adopt(&bundle, history).map(Some).map_err(remote)
}

fn remote(error: impl std::error::Error) -> Fault {
    Fault::other(format!("无法加入账本：{error}"), format!("cannot join the ledger: {error}"))
}

//! Joining a running ledger: a node without state fetches a snapshot, after it has checked for
//! itself which committees may vouch for it.
//!
//! A node that lost its engine folder joins in the same way and keeps its history. What it has
//! voted is lost with the folder, so it must begin in an epoch not before any in which it may have
//! voted, and the engine lets it sign nothing in that epoch.

use chaincity_client::Client;
use chaincity_crypto::hash;
use chaincity_history::HistoryStore;
use chaincity_types::cbor;
use chaincity_types::wire::{Genesis, TrustBundle};

use crate::fault::Fault;
use crate::node_config::NodeConfig;
use crate::refusal;

/// Prepares a node to join by snapshot: the latest epoch whose committee is known now, or `None`
/// when the node has state, or shall execute every block since genesis.
///
/// # Errors
/// When the node has history without state and is not told where to join; when the node to join
/// from does not answer, is behind this one, or its trust bundle does not verify.
pub(crate) fn prepare(
    config: &NodeConfig,
    genesis: &Genesis,
    history: &dyn HistoryStore,
) -> Result<Option<u64>, Fault> {
    let tip = history.tip();
    if tip.is_some() && chaincity_engine::holds_state(&config.engine()) {
        return Ok(None);
    }
    let Some(url) = config.join.as_deref() else {
        return if tip.is_none() { Ok(None) } else { Err(refusal::engine_missing(config)) };
    };
    let client = Client::new(url, hash::ledger_id(genesis)).map_err(remote)?;
    // The client refuses a bundle that does not follow from this ledger's genesis.
    client.trust().map_err(remote)?;
    let bytes = client.trust_bundle().map_err(remote)?;
    let bundle: TrustBundle = cbor::decode(&bytes, bytes.len()).map_err(remote)?;
    let mut latest = 0;
    for (committee, _) in &bundle.epochs {
        let name = chaincity_pipeline::committee_name(committee.epoch);
        history.put_meta(&name, &cbor::encode(committee)).map_err(remote)?;
        latest = latest.max(committee.epoch);
    }
    // The latest epoch in which this node may have voted.
    let voted = tip.and_then(|tip| tip.next().0.checked_div(genesis.epoch_blocks)).unwrap_or(0);
    if latest < voted {
        return Err(Fault::other(
            format!("{url} 落后于本节点的历史数据，请稍后再试，或改从另一节点加入"),
            format!("{url} is behind this node's history; try later, or join from another node"),
        ));
    }
    Ok(Some(latest))
}

fn remote(error: impl std::error::Error) -> Fault {
    Fault::other(format!("无法加入账本：{error}"), format!("cannot join the ledger: {error}"))
}

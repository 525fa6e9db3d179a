//! What a node that joins by snapshot takes from a trust bundle before it starts.

use chaincity_crypto::finality::HEADER_BYTES_MAX;
use chaincity_history::HistoryStore;
use chaincity_types::cbor;
use chaincity_types::wire::{Header, TrustBundle};

use crate::api::NodeError;
use crate::chain;
use crate::pipeline::committee_name;

/// Keeps the committees of a verified trust bundle, who may vouch for a snapshot, and the
/// certificates of the handovers, without which this node could hand out no trust bundle itself:
/// history is fetched from peers, certificates are not. Gives the latest epoch.
///
/// # Errors
/// When the history cannot be written, or a header of the bundle is malformed.
pub fn adopt(bundle: &TrustBundle, store: &dyn HistoryStore) -> Result<u64, NodeError> {
    let fault = |e: chaincity_history::HistoryError| NodeError::Fault(chain(&e));
    let mut latest = 0;
    for (committee, handover) in &bundle.epochs {
        let certified = handover.headers.last().map(|bytes| bytes.as_slice()).unwrap_or_default();
        let header: Header = cbor::decode(certified, HEADER_BYTES_MAX)
            .map_err(|error| NodeError::Fault(format!("a header of the trust bundle: {error}")))?;
        store.put_certificate(header.height, &handover.certificate).map_err(fault)?;
        let name = committee_name(committee.epoch);
        store.put_meta(&name, &cbor::encode(committee)).map_err(fault)?;
        latest = latest.max(committee.epoch);
    }
    Ok(latest)
}

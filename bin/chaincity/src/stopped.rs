//! What a stopped node has stored, opened without running the node.

use std::path::PathBuf;
use std::sync::Arc;

use chaincity_history::{DiskOptions, DiskStore, HistoryError, HistoryStore};
use chaincity_package::model::Package;
use chaincity_pipeline::Pipeline;
use chaincity_types::wire::Genesis;

use crate::failure::chain;
use crate::fault::Fault;
use crate::node_config::NodeConfig;

/// Where the read model of a node lies.
pub(crate) fn read_model(config: &NodeConfig) -> PathBuf {
    config.data.join("read-model.sqlite")
}

/// The history of a node; the inner error says how it is damaged.
///
/// # Errors
/// When there is none, or the node is running.
pub(crate) fn history(config: &NodeConfig) -> Result<Result<Arc<dyn HistoryStore>, String>, Fault> {
    let dir = config.history();
    if !dir.is_dir() {
        return Err(Fault::other(
            format!("节点尚无历史数据：{}", dir.display()),
            format!("the node has no history yet: {}", dir.display()),
        ));
    }
    match DiskStore::open(&dir, &DiskOptions::default()) {
        Ok(store) => Ok(Ok(Arc::new(store))),
        Err(HistoryError::InUse) => {
            Err(Fault::other("节点正在运行，请先停止", "the node is running; stop it first"))
        }
        Err(error) => Ok(Err(chain(&error))),
    }
}

/// The packages in force when the node stopped.
///
/// # Errors
/// When the key cannot be read or the history cannot be followed.
pub(crate) fn packages(
    config: &NodeConfig,
    genesis: Genesis,
    history: &Arc<dyn HistoryStore>,
) -> Result<Vec<Arc<Package>>, Fault> {
    let public = config.read_key()?.public_key().as_bytes().to_vec();
    let pipeline = Pipeline::open(Arc::new(genesis), public, Arc::clone(history))
        .map_err(Fault::form(&config.data))?;
    Ok(pipeline.packages())
}

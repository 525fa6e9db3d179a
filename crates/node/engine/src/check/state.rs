//! What is in a stopped node's state, for comparison with history.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use chaincity_types::Digest;
use chaincity_types::wire::Head;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_runtime::{Runner as _, Supervisor as _, tokio};
use commonware_utils::NZUsize;
use futures::{StreamExt as _, pin_mut};

use super::{files, hold};
use crate::chain::{from_engine, to_engine};
use crate::config::Limits;
use crate::handle::EngineError;
use crate::state::{Database, PAGE_BYTES, database_config, head};
use crate::tcp::panic_text;

/// What a state holds besides what was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateContent {
    /// Its root.
    pub root: Digest,
    /// Keys in it.
    pub keys: u64,
}

/// Hands over every key of a stopped node's state with its head, in the order of the keys. Works
/// on a copy of the state's files in `scratch`, which must not exist and is removed again: opening
/// them repairs what a crash left, and the originals stay as they are.
///
/// # Errors
/// [`EngineError::Failed`] when the state cannot be read: a disk's error, or damage that no
/// checksum shows.
pub fn read_state(
    folder: &Path,
    scratch: &Path,
    visit: &mut dyn FnMut(Digest, Head),
) -> Result<StateContent, EngineError> {
    let copied = copy(folder, scratch);
    let read = copied.map_err(|error| EngineError::Failed(error.to_string())).and_then(|()| {
        let run = AssertUnwindSafe(|| visit_all(scratch, visit));
        catch_unwind(run).unwrap_or_else(|cause| Err(EngineError::Failed(panic_text(&*cause))))
    });
    if let Err(error) = fs::remove_dir_all(scratch) {
        tracing::warn!(%error, scratch = %scratch.display(), "a copy could not be removed");
    }
    read
}

fn copy(folder: &Path, scratch: &Path) -> io::Result<()> {
    fs::create_dir(scratch)?;
    let _hold = hold(folder, false)?;
    for name in files(folder)?.iter().filter(|name| is_state(name)) {
        let to = scratch.join(name);
        fs::create_dir_all(to.parent().unwrap_or(scratch))?;
        fs::copy(folder.join(name), to)?;
    }
    Ok(())
}

fn is_state(name: &Path) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("state-"))
}

fn visit_all(
    scratch: &Path,
    visit: &mut dyn FnMut(Digest, Head),
) -> Result<StateContent, EngineError> {
    let config = tokio::Config::new().with_storage_directory(scratch).with_worker_threads(1);
    tokio::Runner::new(config).start(|context| async move {
        let failed = |error: &dyn std::fmt::Display| EngineError::Failed(error.to_string());
        let pages = CacheRef::new(PAGE_BYTES, NZUsize!(16_384));
        let config = database_config("", pages, Limits::default().open_keys);
        let database = Database::init(context.child("state"), config, None).await;
        let database = database.map_err(|error| failed(&error))?;
        let first = to_engine(Digest::ZERO);
        let mut keys = 0_u64;
        {
            let all = database.stream_range(first..);
            pin_mut!(all);
            while let Some(entry) = all.next().await {
                let (key, value) = entry.map_err(|error| failed(&error))?;
                visit(from_engine(key), head(&value));
                keys = keys.saturating_add(1);
            }
        }
        Ok(StateContent { root: from_engine(database.root()), keys })
    })
}

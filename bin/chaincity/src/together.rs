//! Whether a node's engine folder and its history were last used together.
//!
//! Either alone may be whole and still be wrong beside the other: restored from a backup, the
//! engine would vote again where it had voted differently, and the history would lack blocks that
//! the state was made of. So each start makes a number that nobody has had before, and leaves it
//! in both: in the history as the named value `run`, in the engine's folder in the file `run`:
//!
//! ```text
//! chaincity-run-1
//! 32 hexadecimal digits, and while a start is under way those of the start before
//! digest of the lines before
//! ```

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use chaincity_crypto::hash;
use chaincity_engine::{RUN_FILE, holds_state};
use chaincity_history::{HistoryError, HistoryStore};
use rand::Rng as _;

use crate::failure::chain;
use crate::fault::Fault;
use crate::node_config::NodeConfig;
use crate::refusal;

const VERSION: &str = "chaincity-run-1";
const META: &str = "run";

/// Whether the two belong together; the text says why not. A folder without state belongs to any
/// history: it is filled by a snapshot.
///
/// # Errors
/// When the file or the history cannot be read.
pub(crate) fn check(
    config: &NodeConfig,
    history: &dyn HistoryStore,
) -> Result<Result<(), &'static str>, Fault> {
    let engine = config.engine();
    if !holds_state(&engine) {
        return Ok(Ok(()));
    }
    let known = history.meta(META);
    let known = known.map_err(|error| refusal::history_damaged(config, &chain(&error)))?;
    let file = match fs::read(engine.join(RUN_FILE)) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(Fault::io(&engine.join(RUN_FILE))(error)),
    };
    Ok(match (known, file) {
        // From before there were runs.
        (None, None) => Ok(()),
        (None, Some(_)) => Err("the history has never seen this engine"),
        (Some(_), None) => Err("the engine has never seen this history"),
        (Some(known), Some(file)) => match parse(&file) {
            None => Err("the file `run` is damaged"),
            Some(runs) if runs.contains(&hex::encode(known)) => Ok(()),
            Some(_) => Err("the last start of the one is not that of the other"),
        },
    })
}

/// Leaves a new number in both, before the node begins.
///
/// # Errors
/// When either cannot be written.
pub(crate) fn renew(config: &NodeConfig, history: &dyn HistoryStore) -> Result<(), Fault> {
    let engine = config.engine();
    let kept = |error: HistoryError| Fault::form(&config.history())(error);
    let before = history.meta(META).map_err(kept)?.map(hex::encode);
    let mut run = [0; 16];
    rand::rng().fill_bytes(&mut run);
    let mut runs = vec![hex::encode(run)];
    runs.extend(before);
    // Whichever of these is the last to reach the disk, the two agree.
    write(&engine, &runs)?;
    history.put_meta(META, &run).map_err(kept)?;
    runs.truncate(1);
    write(&engine, &runs)
}

fn write(engine: &Path, runs: &[String]) -> Result<(), Fault> {
    let body = format!("{VERSION}\n{}\n", runs.join(" "));
    let text = format!("{body}{}\n", hash::plain(body.as_bytes()));
    let (path, draft) = (engine.join(RUN_FILE), engine.join("run.new"));
    let written = File::create(&draft).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        File::open(engine)?.sync_all()
    });
    written.map_err(Fault::io(&path))
}

fn parse(bytes: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (body, digest) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    let body = format!("{body}\n");
    if digest != hash::plain(body.as_bytes()).to_string() {
        return None;
    }
    let runs = body.strip_prefix(VERSION)?.trim();
    Some(runs.split(' ').map(str::to_owned).collect())
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]
mod tests {
    use chaincity_history::MemoryStore;

    use super::*;

    struct Node {
        _dir: tempfile::TempDir,
        config: NodeConfig,
    }

    /// A node whose engine has a state.
    fn node() -> Node {
        let dir = tempfile::tempdir().unwrap();
        let mut config = NodeConfig::local(1, 2);
        config.data = dir.path().to_owned();
        fs::create_dir_all(config.engine().join("state-log-blobs")).unwrap();
        Node { _dir: dir, config }
    }

    fn together(node: &Node, history: &MemoryStore) -> bool {
        check(&node.config, history).unwrap().is_ok()
    }

    #[test]
    fn what_was_not_left_together_does_not_go_on_together() {
        let (node, history) = (node(), MemoryStore::new());
        assert!(together(&node, &history), "nobody has started yet");
        renew(&node.config, &history).unwrap();
        assert!(together(&node, &history));
        let file = node.config.engine().join(RUN_FILE);
        let old = fs::read(&file).unwrap();
        renew(&node.config, &history).unwrap();
        assert!(together(&node, &history));
        assert!(!together(&node, &MemoryStore::new()), "a new history");
        let new = fs::read(&file).unwrap();
        fs::write(&file, &old).unwrap();
        assert!(!together(&node, &history), "an engine restored");
        fs::remove_file(&file).unwrap();
        assert!(!together(&node, &history), "an engine from elsewhere");
        for at in 0..new.len() {
            let mut bytes = new.clone();
            bytes[at] ^= 1;
            fs::write(&file, &bytes).unwrap();
            assert!(!together(&node, &history), "flipped at {at}");
        }
    }

    #[test]
    fn a_crash_while_starting_leaves_the_two_together() {
        let (node, history) = (node(), MemoryStore::new());
        renew(&node.config, &history).unwrap();
        let known = hex::encode(history.meta(META).unwrap().unwrap());
        write(&node.config.engine(), &["00".repeat(16), known]).unwrap();
        assert!(together(&node, &history));
    }
}

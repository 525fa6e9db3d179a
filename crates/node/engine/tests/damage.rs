//! A flipped byte or a shortened file anywhere in a stopped node's engine folder is found by the
//! check and refused at the start. Without the seal that a stopped node leaves, as after a crash,
//! it is found, refused, or without effect on what the node serves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::integer_division,
    clippy::print_stdout,
    missing_docs,
    reason = "tests"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use chaincity_engine::{
    Condition, Engine, EngineError, Handle, Place, Report, Thread, fsck, holds_state, read_state,
    snapshot_under_way,
};
use chaincity_types::Digest;
use chaincity_types::wire::Head;
use common::{Toy, config};

/// Epochs have ten blocks here: votes of three epochs, one of them removed.
const HEIGHT: u64 = 23;
/// After this time a node that makes no block is taken to wait for its peers.
const PATIENCE: Duration = Duration::from_secs(4);

fn place(folder: &Path) -> Place {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let listen: SocketAddr = listener.local_addr().unwrap();
    Place {
        folder: folder.to_owned(),
        listen,
        advertised: listen.to_string(),
        bootstrap: Vec::new(),
        threads: NonZeroUsize::MIN,
        private_network: true,
    }
}

fn start(folder: &Path, toy: &Toy) -> Result<(Thread, Handle), EngineError> {
    let (engine, handle) = Engine::new(config(0), place(folder)).unwrap();
    Ok((engine.start(toy.clone())?, handle))
}

/// Waits until `done`; a limit only keeps a broken test from hanging.
fn wait_until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} did not happen in a minute");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// A node that ran alone and was stopped.
struct Stopped {
    dir: tempfile::TempDir,
    toy: Toy,
}

impl Stopped {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let toy = Toy::new(&[0b1]);
        let (thread, handle) = start(dir.path(), &toy).unwrap();
        wait_until("the last block", || toy.height() >= HEIGHT);
        futures::executor::block_on(handle.stop());
        thread.wait();
        assert_eq!(handle.status().fault, None);
        Self { dir, toy }
    }

    fn folder(&self) -> &Path {
        self.dir.path()
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut out = vec![];
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { out.extend(files(&path)) } else { out.push(path) }
    }
    out.sort();
    out.retain(|path| !path.ends_with(".hold"));
    out
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for file in files(from) {
        let target = to.path().join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
    to
}

/// First, last and middle, the ends of header and pages, and a spread that is the same every time.
fn offsets(len: u64) -> BTreeSet<u64> {
    let mut out: BTreeSet<u64> = [0, 9, 100, 4_095, 4_096, 4_100, 8_191, 8_192, 8_204].into();
    out.extend([len / 2, len.saturating_sub(1), len.saturating_sub(12), len.saturating_sub(6)]);
    let mut seed = len;
    for _ in 0..8 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        out.insert((seed >> 16) % len.max(1));
    }
    out.retain(|at| *at < len);
    out
}

#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip(u64),
    Cut(u64),
    Remove,
}

fn damages(file: &Path) -> Vec<Damage> {
    let len = fs::metadata(file).unwrap().len();
    let mut out: Vec<Damage> = offsets(len).into_iter().map(Damage::Flip).collect();
    let cuts = BTreeSet::from([0, len / 3, len / 2, 4_096, 4_101, len.saturating_sub(1)]);
    out.extend(cuts.into_iter().filter(|to| *to < len).map(Damage::Cut));
    out.push(Damage::Remove);
    out
}

fn apply(damage: Damage, path: &Path) {
    let open = || OpenOptions::new().read(true).write(true).open(path).unwrap();
    match damage {
        Damage::Flip(at) => {
            let (file, mut byte) = (open(), [0]);
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 0x41], at).unwrap();
        }
        Damage::Cut(to) => open().set_len(to).unwrap(),
        Damage::Remove => fs::remove_file(path).unwrap(),
    }
}

fn codes(report: &Report) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn a_byte_changed_after_a_stop_is_found_and_refused() {
    let stopped = Stopped::new();
    let folder = stopped.folder();
    let report = fsck(folder).unwrap();
    assert!(report.is_clean() && report.torn.is_empty(), "{report:?}");
    assert_eq!(report.condition, Condition::Stopped);
    assert!(report.files > 20 && holds_state(folder), "{report:?}");
    // It executed since genesis, and that is noted like a snapshot that is complete.
    assert!(folder.join("chainstate_sync_metadata").is_dir());
    assert!(!snapshot_under_way(folder).unwrap());
    let (mut count, mut started) = (0, BTreeSet::new());
    for path in files(folder) {
        let whole = fs::read(&path).unwrap();
        for damage in damages(&path) {
            let seal = path.ends_with("seal");
            if seal && matches!(damage, Damage::Remove) {
                // A node that left no seal was killed: the other test.
                continue;
            }
            apply(damage, &path);
            let report = fsck(folder).unwrap();
            let name = path.strip_prefix(folder).unwrap();
            let code = match damage {
                _ if seal => "engine-seal-damaged",
                Damage::Remove => "engine-file-missing",
                Damage::Flip(_) | Damage::Cut(_) => "engine-file-changed",
            };
            assert!(codes(&report).contains(&code), "{} {damage:?}: {report:?}", name.display());
            // Refusing needs no more than the check: once for each folder and kind is enough.
            let kind = format!("{:?}{:?}", name.parent(), std::mem::discriminant(&damage));
            if started.insert(kind) {
                let refused = start(folder, &stopped.toy.restarted());
                assert!(matches!(refused, Err(EngineError::Damaged(_))), "{}", name.display());
            }
            fs::write(&path, &whole).unwrap();
            count += 1;
        }
    }
    println!("{count} damages found, {} starts refused", started.len());
    assert!(fsck(folder).unwrap().is_clean());
    // It goes on where it stopped, and what it does then is no longer what was sealed.
    let toy = stopped.toy.restarted();
    let (thread, handle) = start(folder, &toy).unwrap();
    assert!(!folder.join("seal").exists());
    wait_until("another block", || toy.height() > HEIGHT + 2);
    futures::executor::block_on(handle.stop());
    thread.wait();
    assert!(fsck(folder).unwrap().is_clean());
}

/// Everything in a node's state, or why it cannot be read.
type State = Result<(Digest, BTreeMap<Digest, Head>), String>;

fn state(folder: &Path) -> State {
    let scratch = tempfile::tempdir().unwrap();
    let mut heads = BTreeMap::new();
    let read = read_state(folder, &scratch.path().join("copy"), &mut |key, head| {
        heads.insert(key, head);
    });
    read.map(|content| (content.root, heads)).map_err(|error| error.to_string())
}

/// What became of a node whose files were damaged after it had been killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// By the check.
    Found,
    /// At the start, or when it came to a block that differs from its history.
    Refused,
    /// It waits for blocks that peers would have, and serves a state that it had.
    Waits,
    /// It went on, and every block and head it had served is the same.
    Unharmed,
}

fn judge(stopped: &Stopped, folder: &Path, what: &str) -> Outcome {
    let report = fsck(folder).unwrap();
    if !report.is_clean() {
        let refused = start(folder, &stopped.toy.restarted());
        assert!(matches!(refused, Err(EngineError::Damaged(_))), "{what}: {report:?}");
        return Outcome::Found;
    }
    let toy = fresh_disk(&stopped.toy);
    let Ok((thread, handle)) = start(folder, &toy) else { return Outcome::Refused };
    // Blocks that are gone can only come from peers, and this node has none.
    let begun = Instant::now();
    let went_on = || toy.height() > HEIGHT + 1 || handle.status().fault.is_some();
    while !went_on() && begun.elapsed() < PATIENCE {
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let heads = futures::executor::block_on(handle.heads(Vec::new()));
    futures::executor::block_on(handle.stop());
    thread.wait();
    if handle.status().fault.is_some() {
        return Outcome::Refused;
    }
    // The toy itself refuses a block that differs from the one in its history.
    let root = heads.unwrap().0;
    let known = toy.disk.lock().unwrap().blocks.values().any(|b| b.header.state_root == root);
    assert!(known, "{what}: a state of no block");
    if toy.height() > HEIGHT + 1 { Outcome::Unharmed } else { Outcome::Waits }
}

/// The same node with a history of its own, so that one case does not lengthen the next one's.
fn fresh_disk(toy: &Toy) -> Toy {
    let copy = toy.restarted();
    let fresh = Toy::new(&toy.schedule);
    {
        let (from, mut to) = (copy.disk.lock().unwrap(), fresh.disk.lock().unwrap());
        to.blocks.clone_from(&from.blocks);
        to.committees.clone_from(&from.committees);
    }
    fresh
}

#[test]
fn a_byte_changed_after_a_crash_is_found_refused_or_without_effect() {
    let stopped = Stopped::new();
    fs::remove_file(stopped.folder().join("seal")).unwrap();
    let report = fsck(stopped.folder()).unwrap();
    assert_eq!((report.condition, codes(&report)), (Condition::Crashed, vec![]));
    let before = state(stopped.folder());
    let (mut found, mut harmless) = (0, 0);
    // A node is started once for each folder, kind of damage and answer of the check.
    let mut classes: BTreeSet<(PathBuf, bool, bool, bool)> = BTreeSet::new();
    let mut cases: Vec<(String, tempfile::TempDir)> = Vec::new();
    for path in files(stopped.folder()) {
        let name = path.strip_prefix(stopped.folder()).unwrap().to_owned();
        let whole = fs::read(&path).unwrap();
        for damage in damages(&path) {
            apply(damage, &path);
            let report = fsck(stopped.folder()).unwrap();
            let what = format!("{} {damage:?}", name.display());
            let (clean, torn) = (report.is_clean(), !report.torn.is_empty());
            let removed = matches!(damage, Damage::Remove);
            found += usize::from(!clean);
            if clean && !torn && !removed {
                harmless += 1;
                if name.starts_with("state-log-blobs") || name.starts_with("state-pins") {
                    // No checksum is concerned: then no content is. A file cut between two pages
                    // has whole pages; the library knows that some are missing.
                    let after = state(stopped.folder());
                    let missed = after.is_err() && matches!(damage, Damage::Cut(_));
                    assert!(after == before || missed, "{what}: {after:?}");
                }
            }
            if classes.insert((name.parent().unwrap().to_owned(), clean, torn, removed)) {
                cases.push((what, copy(stopped.folder())));
            }
            fs::write(&path, &whole).unwrap();
        }
    }
    assert_eq!(state(stopped.folder()), before, "nothing was changed by checking");
    let counts = judge_all(&stopped, &cases);
    println!("found {found}, without a checksum {harmless}; started: {counts:?}");
    assert!(found > 100 && counts[&Outcome::Found] > 10, "{counts:?}");
    assert!(counts.contains_key(&Outcome::Unharmed), "{counts:?}");
}

/// Judges many cases at a time: most of it is waiting.
fn judge_all(stopped: &Stopped, cases: &[(String, tempfile::TempDir)]) -> BTreeMap<Outcome, usize> {
    let counts: Mutex<BTreeMap<Outcome, usize>> = Mutex::default();
    std::thread::scope(|scope| {
        for part in cases.chunks(cases.len().div_ceil(16)) {
            let counts = &counts;
            scope.spawn(move || {
                for (what, folder) in part {
                    let outcome = judge(stopped, folder.path(), what);
                    println!("{outcome:?}: {what}");
                    *counts.lock().unwrap().entry(outcome).or_default() += 1;
                }
            });
        }
    });
    counts.into_inner().unwrap()
}

#[test]
fn a_node_that_was_killed_goes_on() {
    let stopped = Stopped::new();
    fs::remove_file(stopped.folder().join("seal")).unwrap();
    assert_eq!(judge(&stopped, stopped.folder(), "no damage"), Outcome::Unharmed);
}

#[test]
fn the_state_read_from_a_stopped_node_is_that_of_its_last_block() {
    let stopped = Stopped::new();
    let (root, heads) = state(stopped.folder()).unwrap();
    let disk = stopped.toy.disk.lock().unwrap();
    let at = disk.blocks.values().find(|block| block.header.state_root == root);
    let height = at.unwrap().header.height.0;
    assert!(height >= HEIGHT, "{height}");
    // A counter for each block and those rewritten, and the committees set.
    assert!(u64::try_from(heads.len()).unwrap() > height, "{} heads", heads.len());
    assert!(fsck(stopped.folder()).unwrap().is_clean(), "reading changed nothing");
}

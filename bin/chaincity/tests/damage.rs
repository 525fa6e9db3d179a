//! A stopped node of a real small city, one file after another damaged: `fsck` finds it, the start
//! refuses with a code, and after the repair that the text names the node is where the others are.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::panic,
    clippy::unwrap_used,
    clippy::ptr_arg,
    reason = "tests"
)]

mod common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{command, run};
use serde_json::{Value, json};

const NODES: [&str; 5] = ["bank-a", "court", "housing", "registry", "bank-b"];
/// The node that is damaged: a validator.
const PATIENT: &str = "housing";
/// A limit only keeps a broken test from hanging.
const LIMIT: Duration = Duration::from_secs(120);

/// Polls real processes until `done` gives something.
fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(begun.elapsed() < LIMIT, "{what} did not happen in time");
        thread::sleep(Duration::from_millis(50));
    }
}

struct City {
    dir: tempfile::TempDir,
    running: Vec<(&'static str, Child)>,
}

impl City {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let founded = run(&["init", "--dir", dir.path().to_str().unwrap()], Vec::new());
        assert_eq!(founded.code, 0, "{}", founded.err);
        let mut city = Self { dir, running: Vec::new() };
        for name in NODES {
            city.spawn(name);
        }
        for name in NODES {
            city.wait_above(name, 2);
        }
        city
    }

    fn node(&self, name: &str) -> PathBuf {
        self.dir.path().join("nodes").join(name)
    }

    fn config(&self, name: &str) -> String {
        self.node(name).join("node.toml").to_str().unwrap().to_owned()
    }

    fn url(&self, name: &str) -> String {
        let text = fs::read_to_string(self.config(name)).unwrap();
        let line = text.lines().find(|line| line.starts_with("api_listen")).unwrap();
        format!("http://{}", line.split('"').nth(1).unwrap())
    }

    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.node(name).join("node.log")).unwrap_or_default()
    }

    fn spawn(&mut self, name: &'static str) {
        let log = self.node(name).join("node.log");
        let log = File::options().create(true).append(true).open(log).unwrap();
        let config = self.config(name);
        let mut node = command(&["node", "--config", &config]);
        node.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.running.push((name, node.spawn().unwrap()));
    }

    fn take(&mut self, name: &str) -> Child {
        let at = self.running.iter().position(|(running, _)| *running == name).unwrap();
        self.running.remove(at).1
    }

    /// Stops a node as its operator would.
    fn stop(&mut self, name: &str) {
        let mut child = self.take(name);
        let told = std::process::Command::new("kill").arg(child.id().to_string()).status();
        assert!(told.unwrap().success());
        let ended = wait_for("the end of a node", || child.try_wait().unwrap());
        assert!(ended.success(), "{ended}: {}", self.log(name));
    }

    fn kill(&mut self, name: &str) {
        let mut child = self.take(name);
        child.kill().and_then(|()| child.wait()).unwrap();
    }

    fn status(&self, name: &str) -> Option<Value> {
        let asked = run(&["status", "--node", &self.url(name), "--json"], Vec::new());
        asked.json().into_iter().next().filter(|line| line["reachable"] == true)
    }

    fn height(&self, name: &str) -> u64 {
        self.status(name).map_or(0, |status| status["height"].as_u64().unwrap())
    }

    fn wait_above(&mut self, name: &'static str, height: u64) {
        wait_for(&format!("a block above {height} at {name}"), || {
            let (_, child) = self.running.iter_mut().find(|(running, _)| *running == name).unwrap();
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{name} ended: {}", self.log(name));
            (self.height(name) > height).then_some(())
        });
    }

    /// Waits until a node has the same state as another at the same height.
    fn wait_same(&self, name: &str, other: &str) -> u64 {
        wait_for("the same state", || {
            let (one, two) = (self.status(name)?, self.status(other)?);
            let same = one["height"] == two["height"] && one["syncing"] == false;
            if same {
                assert_eq!(one["state_root"], two["state_root"]);
            }
            same.then(|| one["height"].as_u64().unwrap())
        })
    }

    /// Runs `fsck`: exit code, codes of the findings, summary.
    fn fsck(&self, more: &[&str]) -> (i32, Vec<String>, Value) {
        let config = self.config(PATIENT);
        let ran = run(&[&["fsck", "--config", &config, "--json"], more].concat(), Vec::new());
        let mut lines = ran.json();
        let summary = lines.pop().unwrap_or_else(|| panic!("{}", ran.err));
        let codes = lines.iter().map(|line| line["code"].as_str().unwrap().to_owned());
        (ran.code, codes.collect(), summary)
    }

    /// Starts a node that must refuse to start: exit code and code.
    fn refused(&self, name: &str) -> (i32, String) {
        let mut node = command(&["node", "--config", &self.config(name), "--json"]);
        let mut child = node.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed() > LIMIT {
                child.kill().unwrap();
            }
            thread::sleep(Duration::from_millis(20));
        }
        let done = child.wait_with_output().unwrap();
        let text = String::from_utf8(done.stdout).unwrap();
        let line: Value = serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{text}"));
        assert!(line["zh"].as_str().unwrap().len() > 10 && line["en"].as_str().unwrap().len() > 10);
        (done.status.code().unwrap(), line["code"].as_str().unwrap().to_owned())
    }
}

impl Drop for City {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut out = vec![];
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { out.extend(files(&path)) } else { out.push(path) }
    }
    out.sort();
    out
}

/// One file of each folder below `dir`: the longest.
fn one_of_each_folder(dir: &Path) -> Vec<PathBuf> {
    let mut chosen: Vec<PathBuf> = Vec::new();
    let len = |path: &Path| fs::metadata(path).unwrap().len();
    for path in files(dir).into_iter().filter(|path| len(path) > 0) {
        match chosen.last_mut().filter(|last| last.parent() == path.parent()) {
            Some(last) if len(&path) > len(last) => *last = path,
            Some(_) => {}
            None => chosen.push(path),
        }
    }
    chosen
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}

/// Damages a file, hands over, and puts it back.
fn damaged<T>(path: &Path, damage: impl FnOnce(&mut Vec<u8>), look: impl FnOnce() -> T) -> T {
    let whole = fs::read(path).unwrap();
    let mut bytes = whole.clone();
    damage(&mut bytes);
    assert_ne!(bytes, whole, "{}", path.display());
    fs::write(path, bytes).unwrap();
    let seen = look();
    fs::write(path, whole).unwrap();
    seen
}

fn flip_last(bytes: &mut Vec<u8>) {
    *bytes.last_mut().unwrap() ^= 0x41;
}

fn flip_middle(bytes: &mut Vec<u8>) {
    let at = bytes.len() / 2;
    bytes[at] ^= 0x41;
}

/// Damage of every kind to the stopped node, each found by `fsck` and refused at the start.
fn every_kind_is_found_and_refused(city: &City) {
    let data = city.node(PATIENT).join("data");
    let refusal = |code: &str| (6, code.to_owned());
    let found = |path: &Path, damage: fn(&mut Vec<u8>), code: &str, start: &str| {
        let (seen, refused) = damaged(path, damage, || (city.fsck(&[]), city.refused(PATIENT)));
        assert_eq!(seen.0, 1, "{}: {seen:?}", path.display());
        assert!(seen.1.iter().any(|seen| seen == code), "{}: {seen:?}", path.display());
        assert_eq!(seen.2["ok"], false);
        assert_eq!(refused, refusal(start), "{}", path.display());
    };
    let chosen = one_of_each_folder(&data.join("engine"));
    assert!(chosen.len() > 8, "{chosen:?}");
    for path in chosen {
        match path.file_name().unwrap().to_str().unwrap() {
            "run" | "seal" | ".hold" => {}
            _ => found(&path, flip_last, "engine-file-changed", "engine-damaged"),
        }
    }
    found(&data.join("engine/seal"), flip_middle, "engine-seal-damaged", "engine-damaged");
    found(&data.join("engine/run"), flip_last, "engine-of-other-time", "engine-of-other-time");
    let slots = |bytes: &mut Vec<u8>| {
        bytes[10] ^= 1;
        bytes[522] ^= 1;
    };
    found(&data.join("history/mark"), slots, "damaged", "history-damaged");
    let genesis = city.dir.path().join("genesis.cbor");
    found(&genesis, flip_middle, "genesis-damaged", "genesis-damaged");
    found(
        &city.node(PATIENT).join("node.key"),
        |bytes| bytes[100] ^= 1,
        "key-damaged",
        "key-damaged",
    );
    let unknown = |bytes: &mut Vec<u8>| bytes.splice(0..0, *b"x = 1\n").for_each(drop);
    let config = PathBuf::from(city.config(PATIENT));
    assert_eq!(damaged(&config, unknown, || city.refused(PATIENT)), refusal("config-invalid"));
    let elsewhere = |bytes: &mut Vec<u8>| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.replace("\"data\"", "\"dat`\"").into_bytes();
    };
    assert_eq!(damaged(&config, elsewhere, || city.refused(PATIENT)), refusal("data-missing"));
    let model = data.join("read-model.sqlite");
    let header = |bytes: &mut Vec<u8>| bytes[..16].fill(0);
    let (code, codes, _) = damaged(&model, header, || city.fsck(&["--read-model"]));
    assert_eq!((code, codes), (1, vec!["read-model-damaged".to_owned()]));
}

#[test]
fn damage_is_found_refused_and_repaired_as_the_text_says() {
    let mut city = City::start();
    city.stop(PATIENT);
    let whole = city.fsck(&["--read-model", "--digest"]);
    assert_eq!((whole.0, &whole.1), (0, &vec![]), "{whole:?}");
    assert_eq!(whole.2["engine"]["condition"], "stopped");
    assert!(whole.2["engine"]["keys"].as_u64().unwrap() > 10, "{whole:?}");
    every_kind_is_found_and_refused(&city);
    assert_eq!(city.fsck(&["--read-model"]).0, 0, "everything was put back");

    // A backup of the engine's folder alone, restored after the node went on: it would vote twice.
    let (engine, backup) = (city.node(PATIENT).join("data/engine"), city.dir.path().join("backup"));
    copy(&engine, &backup);
    city.spawn(PATIENT);
    let height = city.height("court");
    city.wait_above(PATIENT, height);
    city.stop(PATIENT);
    let newer = city.dir.path().join("newer");
    fs::rename(&engine, &newer).unwrap();
    fs::rename(&backup, &engine).unwrap();
    assert_eq!(city.refused(PATIENT), (6, "engine-of-other-time".to_owned()));
    assert_eq!(city.fsck(&[]).1, ["engine-of-other-time"]);

    // As the text says: away with it, and a snapshot from the others. Not without being told where.
    fs::remove_dir_all(&engine).unwrap();
    assert_eq!(city.refused(PATIENT), (6, "engine-missing".to_owned()));
    let config = city.config(PATIENT);
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("join = \"{}\"\n{text}", city.url("court"))).unwrap();
    // The others go on meanwhile, so that history has a gap.
    let gap = city.height("court") + 3;
    city.wait_above("court", gap);
    city.spawn(PATIENT);
    city.wait_above(PATIENT, gap);
    let height = city.wait_same(PATIENT, "court");
    wait_for("a whole history", || {
        let status = city.status(PATIENT)?;
        (status["history_from"] == json!(1)).then_some(())
    });

    // Killed, it goes on as well.
    city.kill(PATIENT);
    let (code, codes, summary) = city.fsck(&[]);
    assert_eq!((code, codes), (0, vec![]), "{summary}");
    assert_eq!(summary["engine"]["condition"], "crashed");
    city.spawn(PATIENT);
    city.wait_above(PATIENT, height);
    city.wait_same(PATIENT, "bank-b");
    city.stop(PATIENT);
    let (code, codes, summary) = city.fsck(&["--read-model"]);
    assert_eq!((code, codes), (0, vec![]), "{summary}");
    assert_eq!(summary["engine"]["condition"], "stopped");
    // A damaged read model is made anew by the node itself.
    let model = city.node(PATIENT).join("data/read-model.sqlite");
    fs::write(&model, b"no database").unwrap();
    let height = city.height("court");
    city.spawn(PATIENT);
    city.wait_above(PATIENT, height);
    city.stop(PATIENT);
    assert_eq!(city.fsck(&["--read-model"]).0, 0);
}

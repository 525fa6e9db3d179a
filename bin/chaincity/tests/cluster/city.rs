//! One city of processes: founded by `chaincity init`, started, stopped and watched from outside,
//! as its operators would.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chaincity_client::api::status::StatusInfo;
use chaincity_client::{Client, Retry};
use chaincity_crypto::{SecretKey, keyfile};
use chaincity_types::Digest;
use serde_json::Value;

/// The validators of the sample consortium.
pub(crate) const VALIDATORS: [&str; 4] = ["bank-a", "court", "housing", "registry"];
/// Its observer.
pub(crate) const OBSERVER: &str = "bank-b";
/// Its nodes.
pub(crate) const NODES: [&str; 5] = ["bank-a", "court", "housing", "registry", "bank-b"];
/// How long anything may take that should happen soon.
pub(crate) const SOON: Duration = Duration::from_secs(90);
/// How long a node may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pause between two looks at another process.
const LOOK: Duration = Duration::from_millis(50);
/// How much of each log a failure shows.
const TAIL_LINES: usize = 12;

/// Lets one city live at a time where tests share a process.
static ONE_CITY: Mutex<()> = Mutex::new(());

/// One node.
struct Node {
    dir: PathBuf,
    url: String,
    child: Option<Child>,
}

/// A city; its processes end with it.
pub(crate) struct City {
    /// Its folder.
    dir: tempfile::TempDir,
    /// Id of its ledger.
    pub(crate) ledger: Digest,
    nodes: BTreeMap<String, Node>,
    _turn: MutexGuard<'static, ()>,
}

/// What a command printed.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Each line of the output as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Runs `chaincity` with `--json`.
pub(crate) fn chaincity(arguments: &[&str]) -> Ran {
    let done = Command::new(env!("CARGO_BIN_EXE_chaincity"))
        .args(arguments)
        .arg("--json")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ran {
        code: done.status.code().unwrap(),
        out: String::from_utf8(done.stdout).unwrap(),
        err: String::from_utf8(done.stderr).unwrap(),
    }
}

impl City {
    /// Founds a city whose epochs have so many blocks. No process runs yet.
    pub(crate) fn found(epoch_blocks: u64) -> Self {
        let turn = ONE_CITY.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("city");
        let epoch_blocks = epoch_blocks.to_string();
        let founded = chaincity(&["init", "--dir", text(&path), "--epoch-blocks", &epoch_blocks]);
        assert_eq!(founded.code, 0, "{founded:?}");
        let founded = &founded.json()[0];
        let ledger = Digest::from_hex(founded["ledger"].as_str().unwrap()).unwrap();
        let mut city = Self { dir, ledger, nodes: BTreeMap::new(), _turn: turn };
        for name in NODES {
            city.adopt(name, &path.join("nodes").join(name));
        }
        city
    }

    /// Takes a node's folder into the city.
    pub(crate) fn adopt(&mut self, name: &str, dir: &Path) {
        let text = fs::read_to_string(dir.join("node.toml")).unwrap();
        let config: toml::Table = toml::from_str(&text).unwrap();
        let scheme = if config.contains_key("tls") { "https" } else { "http" };
        let url = format!("{scheme}://{}", config["api_listen"].as_str().unwrap());
        self.nodes.insert(name.to_owned(), Node { dir: dir.to_owned(), url, child: None });
    }

    /// The city's folder.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("city")
    }

    /// A file in a folder that goes with the city.
    pub(crate) fn file(&self, name: &str) -> String {
        text(&self.dir.path().join(name)).to_owned()
    }

    /// A node's configuration file.
    pub(crate) fn config(&self, name: &str) -> String {
        text(&self.nodes[name].dir.join("node.toml")).to_owned()
    }

    /// What a node stores.
    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.nodes[name].dir.join("data")
    }

    /// Address of a node's interface.
    pub(crate) fn url(&self, name: &str) -> &str {
        &self.nodes[name].url
    }

    /// An operator's key file.
    pub(crate) fn key_file(&self, operator: &str) -> String {
        text(&self.path().join("keys").join(format!("{operator}.key"))).to_owned()
    }

    /// An operator's key.
    pub(crate) fn key(&self, operator: &str) -> SecretKey {
        keyfile::parse(&fs::read_to_string(self.key_file(operator)).unwrap()).unwrap()
    }

    /// Writes lines before those of a node's configuration.
    pub(crate) fn configure(&self, name: &str, lines: &str) {
        let config = self.config(name);
        let rest = fs::read_to_string(&config).unwrap();
        fs::write(&config, format!("{lines}\n{rest}")).unwrap();
    }

    /// Starts the process of each of these nodes.
    pub(crate) fn spawn(&mut self, names: &[&str]) {
        for name in names {
            let node = self.nodes.get_mut(*name).unwrap();
            assert!(node.child.is_none(), "{name} runs already");
            let log = File::options().create(true).append(true).open(node.dir.join("node.log"));
            let log = log.unwrap();
            let child = Command::new(env!("CARGO_BIN_EXE_chaincity"))
                .args(["node", "--config", text(&node.dir.join("node.toml"))])
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap();
            node.child = Some(child);
        }
    }

    /// Starts these nodes and waits until each says that it is ready.
    pub(crate) fn start(&mut self, names: &[&str]) {
        self.spawn(names);
        for name in names {
            let ready = format!("{}/v1/health/ready", self.url(name));
            self.wait(&format!("{name} is ready"), SOON, |_| {
                let ask = ureq::get(&ready).config().timeout_global(Some(PATIENCE)).build();
                ask.call().is_ok()
            });
        }
    }

    /// Kills these nodes as a power cut would.
    pub(crate) fn kill(&mut self, names: &[&str]) {
        // All at once: none sees another one go.
        for name in names {
            self.nodes.get_mut(*name).unwrap().child.as_mut().unwrap().kill().unwrap();
        }
        for name in names {
            self.nodes.get_mut(*name).unwrap().child.take().unwrap().wait().unwrap();
        }
    }

    /// Tells a node to stop, and waits until it has.
    pub(crate) fn stop(&mut self, name: &str) {
        let mut child = self.nodes.get_mut(name).unwrap().child.take().unwrap();
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut ended = None;
        self.wait(&format!("{name} stops"), SOON, |_| {
            ended = child.try_wait().unwrap();
            ended.is_some()
        });
        assert!(ended.unwrap().success(), "{name}: {ended:?}{}", self.logs());
    }

    /// A node's state, when it answers.
    pub(crate) fn status(&self, name: &str) -> Option<StatusInfo> {
        let once = Retry { attempts: 0, ..Retry::default() };
        let client = Client::builder(self.ledger).node(self.url(name)).retry(once);
        client.timeout(PATIENCE).build().unwrap().status().ok()
    }

    /// A node's height, 0 when it does not answer.
    pub(crate) fn height(&self, name: &str) -> u64 {
        self.status(name).map_or(0, |status| status.height)
    }

    /// Waits until something is so; fails with the ends of all logs.
    pub(crate) fn wait(&self, what: &str, within: Duration, mut so: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !so(self) {
            if begun.elapsed() > within {
                panic!("not within {} s: {what}{}", within.as_secs(), self.logs());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until a node holds a height.
    pub(crate) fn wait_height(&self, name: &str, height: u64) {
        let what = format!("{name} reaches height {height}");
        self.wait(&what, SOON, |city| city.height(name) >= height);
    }

    /// Looks again and again, for as long as told, that something stays so.
    pub(crate) fn stays(&self, what: &str, during: Duration, so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while begun.elapsed() < during {
            assert!(so(self), "after {:?}, no longer: {what}{}", begun.elapsed(), self.logs());
            std::thread::sleep(LOOK);
        }
    }

    /// A client of these nodes, signed in as an operator.
    pub(crate) fn client(&self, names: &[&str], operator: &str) -> Client {
        let mut builder = Client::builder(self.ledger);
        for name in names {
            builder = builder.node(self.url(name));
        }
        let client = builder.build().unwrap();
        let signed_in = client.sign_in(self.key(operator));
        assert!(signed_in.is_ok(), "{signed_in:?}{}", self.logs());
        client
    }

    /// The state root of these nodes at one height, which all reach first; they must agree.
    pub(crate) fn agree(&self, names: &[&str]) -> (u64, String) {
        let height = names.iter().map(|name| self.height(name)).max().unwrap();
        let mut roots = BTreeMap::new();
        for name in names {
            self.wait_height(name, height);
            let block = self.client(&[name], "registrar").block(height).unwrap().unwrap();
            roots.insert(*name, block.block.state_root);
        }
        let root = roots[names[0]].clone();
        assert!(roots.values().all(|other| *other == root), "at height {height}: {roots:#?}");
        (height, root)
    }

    /// Runs `chaincity` on this city as an operator, at one node.
    pub(crate) fn run_as(&self, operator: &str, node: &str, arguments: &[&str]) -> Ran {
        let (key, city) = (self.key_file(operator), self.path());
        let connection = ["--city", text(&city), "--node", self.url(node), "--key", &key];
        chaincity(&[arguments, &connection].concat())
    }

    /// A node's log.
    pub(crate) fn log(&self, name: &str) -> String {
        let log = fs::read(self.nodes[name].dir.join("node.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The ends of all logs.
    pub(crate) fn logs(&self) -> String {
        let mut shown = String::new();
        for name in self.nodes.keys() {
            let log = self.log(name);
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
            shown.push_str(&format!("\n--- {name}\n{}", tail.join("\n")));
        }
        shown
    }
}

impl Drop for City {
    fn drop(&mut self) {
        for node in self.nodes.values_mut() {
            if let Some(mut child) = node.child.take() {
                // One that has ended by itself cannot be killed and need not be.
                drop(child.kill());
                drop(child.wait());
            }
        }
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

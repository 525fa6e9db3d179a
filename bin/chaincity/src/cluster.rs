//! The nodes of a city on this machine: real processes on loopback, each with its own folder.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chaincity_client::api::status::StatusInfo;
use chaincity_client::{Client, Retry};
use chaincity_crypto::hash;
use chaincity_types::Digest;

use crate::city::City;
use crate::fault::Fault;
use crate::node_config::NodeConfig;

/// How long a node may take to answer after it was started.
const START_MAX: Duration = Duration::from_secs(60);
/// Pause between two looks at a node that is coming up.
const LOOK: Duration = Duration::from_millis(50);

/// One node's process.
#[derive(Debug)]
pub(crate) struct Process {
    /// Node name: its member.
    pub(crate) name: String,
    /// Base URL of its API.
    pub(crate) url: String,
    child: Option<Child>,
}

/// All nodes of a city. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Cluster {
    city: City,
    ledger: Digest,
    /// The processes, in the order of the members.
    pub(crate) nodes: Vec<Process>,
}

impl Cluster {
    /// Starts every node of the city.
    ///
    /// # Errors
    /// When a node does not come up; its log is named.
    pub(crate) fn start(city: &City) -> Result<Self, Fault> {
        Self::start_first(city, city.nodes.len())
    }

    /// Starts the first `count` nodes of the city; the others may be spawned later.
    ///
    /// # Errors
    /// When a node does not come up; its log is named.
    pub(crate) fn start_first(city: &City, count: usize) -> Result<Self, Fault> {
        let mut nodes = Vec::new();
        for name in &city.nodes {
            let config = NodeConfig::read(&city.node_dir(name).join("node.toml"))?;
            let url = format!("http://{}", config.api_listen);
            nodes.push(Process { name: name.clone(), url, child: None });
        }
        let mut cluster =
            Self { city: city.clone(), ledger: hash::ledger_id(&city.genesis), nodes };
        let count = count.min(cluster.nodes.len());
        for index in 0..count {
            cluster.spawn(index)?;
        }
        for index in 0..count {
            cluster.wait_ready(index)?;
        }
        Ok(cluster)
    }

    /// Starts one node.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub(crate) fn spawn(&mut self, index: usize) -> Result<(), Fault> {
        let Some(node) = self.nodes.get_mut(index) else { return Ok(()) };
        let dir = self.city.node_dir(&node.name);
        let log = dir.join("node.log");
        let file = File::options().create(true).append(true).open(&log);
        let file = file.map_err(Fault::io(&log))?;
        let errors = file.try_clone().map_err(Fault::io(&log))?;
        let program = std::env::current_exe().map_err(Fault::io(Path::new("chaincity")))?;
        let child = Command::new(&program)
            .arg("node")
            .arg("--config")
            .arg(dir.join("node.toml"))
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .map_err(Fault::io(&program))?;
        node.child = Some(child);
        Ok(())
    }

    /// Kills a node with SIGKILL, as a power cut would.
    ///
    /// # Errors
    /// When the process cannot be killed.
    pub(crate) fn kill(&mut self, index: usize) -> Result<(), Fault> {
        let Some(node) = self.nodes.get_mut(index) else { return Ok(()) };
        if let Some(mut child) = node.child.take() {
            let name = node.name.clone();
            child.kill().and_then(|()| child.wait()).map_err(Fault::io(Path::new(&name)))?;
        }
        Ok(())
    }

    /// Waits until a node's API says it is ready.
    ///
    /// # Errors
    /// When the process ended, or did not answer in time.
    pub(crate) fn wait_ready(&mut self, index: usize) -> Result<(), Fault> {
        // Genesis is written by the first block: operators can sign in from then on.
        self.wait(index, START_MAX, |_, status| status.height > 0)
    }

    /// Waits until a node's answer is so, at most for a time.
    ///
    /// # Errors
    /// When the process ended, or was not so in time.
    pub(crate) fn wait(
        &mut self,
        index: usize,
        at_most: Duration,
        so: impl Fn(&Self, &StatusInfo) -> bool,
    ) -> Result<(), Fault> {
        let name = self.nodes.get(index).map(|node| node.name.clone()).unwrap_or_default();
        let log = self.city.node_dir(&name).join("node.log");
        let begun = Instant::now();
        while begun.elapsed() < at_most {
            if self.status(index).is_some_and(|status| so(self, &status)) {
                return Ok(());
            }
            let Some(node) = self.nodes.get_mut(index) else { return Ok(()) };
            let ended = node.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                return Err(Fault::other(
                    format!("节点 {} 已退出（{status}），日志：{}", node.name, log.display()),
                    format!("node {} ended ({status}), log: {}", node.name, log.display()),
                ));
            }
            std::thread::sleep(LOOK);
        }
        Err(Fault::other(
            format!("节点 {name} 未能按时就绪，日志：{}", log.display()),
            format!("node {name} was not ready in time, log: {}", log.display()),
        ))
    }

    /// Position of the node with this name.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }

    /// Process ids of the running nodes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.nodes.iter().filter_map(|node| node.child.as_ref().map(Child::id)).collect()
    }

    /// Base URLs, in the order of the members.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.url.clone()).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if let Some(child) = &mut node.child
                && child.kill().and_then(|()| child.wait()).is_err()
            {
                // Nothing more can be done for a process that will not die; its folder is named
                // in the report.
            }
        }
    }
}

impl Cluster {
    /// The height of a node's newest final block, when it answers.
    pub(crate) fn height(&self, index: usize) -> Option<u64> {
        self.status(index).map(|status| status.height)
    }

    fn status(&self, index: usize) -> Option<StatusInfo> {
        let once = Retry { attempts: 0, ..Retry::default() };
        let client = Client::builder(self.ledger).node(&self.nodes.get(index)?.url).retry(once);
        client.timeout(Duration::from_secs(2)).build().ok()?.status().ok()
    }
}

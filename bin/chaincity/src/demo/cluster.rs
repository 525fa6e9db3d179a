//! The nodes of the demo: real processes on loopback, each with its own folder.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::city::City;
use crate::fault::Fault;
use crate::node_config::NodeConfig;

/// How long a node may take to answer after it was started.
const START_MAX: Duration = Duration::from_secs(60);
/// Pause between two looks at a node that is coming up.
const LOOK: Duration = Duration::from_millis(50);

/// One node's process.
#[derive(Debug)]
pub struct Process {
    /// Node name: its member.
    pub name: String,
    /// Base URL of its API.
    pub url: String,
    child: Option<Child>,
}

/// All nodes of a city. Dropping it ends them.
#[derive(Debug)]
pub struct Cluster {
    city: City,
    /// The processes, validators first.
    pub nodes: Vec<Process>,
}

impl Cluster {
    /// Starts every node of the city.
    ///
    /// # Errors
    /// When a node does not come up; its log is named.
    pub fn start(city: &City) -> Result<Self, Fault> {
        let mut nodes = Vec::new();
        for name in &city.nodes {
            let config = NodeConfig::read(&city.node_dir(name).join("node.toml"))?;
            let url = format!("http://{}", config.api_listen);
            nodes.push(Process { name: name.clone(), url, child: None });
        }
        let mut cluster = Self { city: city.clone(), nodes };
        for index in 0..cluster.nodes.len() {
            cluster.spawn(index)?;
        }
        for index in 0..cluster.nodes.len() {
            cluster.wait_ready(index)?;
        }
        Ok(cluster)
    }

    /// Starts one node.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn spawn(&mut self, index: usize) -> Result<(), Fault> {
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
    pub fn kill(&mut self, index: usize) -> Result<(), Fault> {
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
    pub fn wait_ready(&mut self, index: usize) -> Result<(), Fault> {
        let Some(node) = self.nodes.get_mut(index) else { return Ok(()) };
        let log = self.city.node_dir(&node.name).join("node.log");
        let begun = Instant::now();
        while begun.elapsed() < START_MAX {
            if crate::remote::is_ready(&node.url) {
                return Ok(());
            }
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
            format!("节点 {} 未能按时就绪，日志：{}", node.name, log.display()),
            format!("node {} was not ready in time, log: {}", node.name, log.display()),
        ))
    }

    /// Position of the node with this name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }

    /// Base URLs, validators first.
    pub fn urls(&self) -> Vec<String> {
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

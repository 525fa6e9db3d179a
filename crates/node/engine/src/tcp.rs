//! A node over real sockets, on threads of its own.
//!
//! [`Engine::start`] runs the node on its own multi-threaded runtime; [`Handle`] works from any
//! thread and any executor, because questions travel over channels. Storage is checked and opened
//! before `start` returns: damaged storage is an error there, and a fault later stops the node and
//! is kept in [`crate::Status::fault`]. A node that ends as it was told seals its storage.

use std::any::Any;
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use commonware_cryptography::ChaCha20Poly1305;
use commonware_p2p::Ingress;
use commonware_p2p::authenticated::discovery;
use commonware_runtime::telemetry::metrics::{Counter, MetricsExt as _};
use commonware_runtime::{Runner as _, Supervisor as _, tokio};
use commonware_stream::cups::{self, Cups};
use commonware_stream::sake::{self, Sake};
use commonware_utils::{Hostname, NZUsize};
use futures::channel::{mpsc, oneshot};
use tracing::error;

use crate::chain::{PrivateKey, public_key};
use crate::check;
use crate::config::{Config, Place};
use crate::erased::AnyMachine;
use crate::handle::{EngineError, Handle, Request};
use crate::machine::Machine;
use crate::metered::Metered;
use crate::node::{CHANNELS, Channels, Links, Node, PEERS_MAX, message_bytes_max, quota};
use crate::status::StatusCell;

/// How long a peer may take between two handshake messages, and how old the first may be.
const HANDSHAKE_AGE: Duration = Duration::from_secs(10);
const CLOCK_SKEW: Duration = Duration::from_secs(5);
/// How long a node that fails to start is given to say why.
const REASON_LIMIT: Duration = Duration::from_secs(5);

type Handshake = Cups<Sake<PrivateKey>, ChaCha20Poly1305>;

/// The thread of a running node.
#[derive(Debug)]
pub struct Thread(JoinHandle<()>);

impl Thread {
    /// Waits until a node that was told to stop has ended and sealed its storage.
    pub fn wait(self) {
        // Whatever a thread panics about, it has logged.
        drop(self.0.join());
    }
}

/// A node that has its handle but does not run yet, so that the machine can be made with it.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    place: Place,
    status: Arc<StatusCell>,
    requests: mpsc::Receiver<Request>,
}

impl Engine {
    /// Checks the configuration.
    ///
    /// # Errors
    /// [`EngineError::Config`].
    pub fn new(config: Config, place: Place) -> Result<(Self, Handle), EngineError> {
        config.check()?;
        network_config(&config, &place)?;
        let (handle, requests) = Handle::new();
        let status = handle.status_cell();
        Ok((Self { config, place, status, requests }, handle))
    }

    /// Starts the node and waits until its state is open (or its snapshot sought).
    ///
    /// # Errors
    /// [`EngineError::Damaged`] when the folder is not as it was left; [`EngineError::Address`] when
    /// somebody else listens there; [`EngineError::Failed`] when the node stops while starting:
    /// storage that cannot be opened.
    pub fn start<M: Machine>(self, machine: M) -> Result<Thread, EngineError> {
        self.start_any(AnyMachine::new(machine))
    }

    fn start_any(self, machine: AnyMachine) -> Result<Thread, EngineError> {
        // The runtime would take it for a failure like any other.
        TcpListener::bind(self.place.listen)
            .map_err(|error| EngineError::Address(format!("`{}`: {error}", self.place.listen)))?;
        let later = check::unseal(&self.place.folder)?;
        let network = network_config(&self.config, &self.place)?;
        let (ready, opened) = oneshot::channel();
        let status = Arc::clone(&self.status);
        let runner = tokio::Runner::new(
            tokio::Config::new()
                .with_storage_directory(&self.place.folder)
                .with_worker_threads(self.place.threads.get())
                .with_tcp_nodelay(Some(true)),
        );
        let node = Node {
            config: self.config,
            machine,
            status: Arc::clone(&self.status),
            requests: self.requests,
            ready,
            storage: String::new(),
        };
        let (fault, folder) = (Arc::clone(&self.status), self.place.folder);
        let thread = std::thread::Builder::new()
            .name("chaincity-engine".into())
            .spawn(move || {
                let run = AssertUnwindSafe(|| runner.start(|context| run(context, network, node)));
                if let Err(cause) = catch_unwind(run) {
                    let cause = panic_text(cause.as_ref());
                    error!(%cause, "the node failed");
                    fault.set_fault(cause);
                } else if fault.get().fault.is_none()
                    && let Err(error) = check::seal(&folder)
                {
                    // As after a crash: the next start has less to go by.
                    error!(%error, "the storage could not be sealed");
                }
            })
            .map_err(|error| EngineError::Failed(error.to_string()))?;
        if futures::executor::block_on(opened).is_ok() {
            check_later(later, status)?;
            return Ok(Thread(thread));
        }
        // Whatever failed takes the whole node with it, and then there is a reason to tell.
        let begun = Instant::now();
        while status.get().fault.is_none() && begun.elapsed() < REASON_LIMIT {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        let fault = status.get().fault;
        Err(EngineError::Failed(fault.unwrap_or_else(|| "stopped while starting".into())))
    }
}

/// Checks beside the running node what did not have to be checked before; damage is its fault.
fn check_later(later: check::Later, status: Arc<StatusCell>) -> Result<(), EngineError> {
    let check = move || match later.check(|| status.get().fault.is_some()) {
        Ok(report) if report.is_clean() => {}
        Ok(report) => {
            let cause = EngineError::Damaged(report).to_string();
            error!(%cause, "the storage is damaged");
            status.set_fault(cause);
        }
        Err(error) => error!(%error, "the storage could not be checked"),
    };
    std::thread::Builder::new()
        .name("chaincity-check".into())
        .spawn(check)
        .map(|_detached| ())
        .map_err(|error| EngineError::Failed(error.to_string()))
}

async fn run(
    context: tokio::Context,
    config: discovery::Config<Handshake>,
    node: Node<AnyMachine>,
) {
    let status = Arc::clone(&node.status);
    status.set_wire(["inbound", "outbound"].map(|way| bandwidth(&context, way)));
    let metered = Metered(context.child("network"));
    let (mut network, oracle) = discovery::Network::new(metered, config);
    let channels = (0..CHANNELS).map(|number| network.register(number, quota())).collect();
    let Some(channels) = Channels::from_numbered(channels) else {
        status.set_fault("too few channels".into());
        return;
    };
    network.start();
    let links = Links { manager: oracle.clone(), blocker: oracle, channels };
    node.run(context, links).await;
}

/// The runtime's own count of bytes that crossed its sockets: asked for under the name and words
/// that it was made with, it is the same.
fn bandwidth(context: &tokio::Context, way: &str) -> Counter {
    let what = if way == "inbound" { "receiving data from" } else { "sending data to" };
    let name = format!("runtime_{way}_bandwidth");
    context.counter(name, format!("Bandwidth used by {what} others"))
}

fn network_config(
    config: &Config,
    place: &Place,
) -> Result<discovery::Config<Handshake>, EngineError> {
    let sake = Sake {
        signer: config.key.private(),
        synchrony_bound: CLOCK_SKEW,
        max_handshake_age: HANDSHAKE_AGE,
        version: sake::Version::V1,
    };
    let handshake = Cups::new(sake, cups::Version::V1);
    let namespace = [b"chaincity/network/1".as_slice(), &config.genesis.ledger.0].concat();
    let mut bootstrap = Vec::with_capacity(place.bootstrap.len());
    for (key, address) in &place.bootstrap {
        let key = public_key(key)
            .ok_or_else(|| EngineError::Config(format!("the key of the peer at `{address}`")))?;
        bootstrap.push((key, ingress(address)?));
    }
    let make = if place.private_network {
        discovery::Config::local
    } else {
        discovery::Config::recommended
    };
    Ok(make(
        handshake,
        &namespace,
        place.listen,
        ingress(&place.advertised)?,
        bootstrap,
        PEERS_MAX,
        message_bytes_max(),
        NZUsize!(1_024),
    ))
}

/// An address given as `ip:port` or `name:port`.
fn ingress(address: &str) -> Result<Ingress, EngineError> {
    if let Ok(socket) = address.parse::<SocketAddr>() {
        return Ok(Ingress::Socket(socket));
    }
    let refuse = || EngineError::Config(format!("`{address}` is no address"));
    let (host, port) = address.rsplit_once(':').ok_or_else(refuse)?;
    let host = Hostname::new(host).map_err(|_malformed| refuse())?;
    let port = port.parse().map_err(|_malformed| refuse())?;
    Ok(Ingress::Dns { host, port })
}

pub(crate) fn panic_text(cause: &(dyn Any + Send)) -> String {
    if let Some(text) = cause.downcast_ref::<String>() {
        text.clone()
    } else if let Some(text) = cause.downcast_ref::<&str>() {
        (*text).to_owned()
    } else {
        "a part of the node failed".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_numbers_or_names_with_a_port() {
        assert!(matches!(ingress("127.0.0.1:3000"), Ok(Ingress::Socket(_))));
        assert!(matches!(ingress("node1.example:3000"), Ok(Ingress::Dns { port: 3_000, .. })));
        assert!(ingress("node1.example").is_err());
        assert!(ingress("node1.example:port").is_err());
    }
}

//! The runtime that the network runs on: the node's own, with every task counted as
//! [`Stage::Network`].
//!
//! The network's tasks are its alone and carry all that goes between nodes: listening and dialling,
//! handshakes, encryption, the sockets. Everything else that runs on the engine's threads and that
//! no section counts is consensus with its storage.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use commonware_runtime::telemetry::metrics::{Metric, Registered};
use commonware_runtime::{
    Clock, Error, Handle, ListenerOf, Metrics, Name, Network, Resolver, SinkOf, Spawner, StreamOf,
    Supervisor, signal, tokio,
};
use governor::clock::{Clock as Time, ReasonablyRealtime};
use rand::{TryCryptoRng, TryRng};

use crate::stage::{Stage, polled};

/// The node's runtime, for the network.
pub(crate) struct Metered(pub(crate) tokio::Context);

impl Supervisor for Metered {
    fn name(&self) -> Name {
        self.0.name()
    }

    fn child(&self, label: &'static str) -> Self {
        Self(self.0.child(label))
    }

    fn with_attribute(self, key: &'static str, value: impl Display) -> Self {
        Self(self.0.with_attribute(key, value))
    }
}

impl Spawner for Metered {
    fn shared(self, blocking: bool) -> Self {
        Self(self.0.shared(blocking))
    }

    fn dedicated(self) -> Self {
        Self(self.0.dedicated())
    }

    fn spawn<F, Fut, T>(self, task: F) -> Handle<T>
    where
        F: FnOnce(Self) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.0.spawn(|context| polled(Stage::Network, task(Self(context))))
    }

    async fn stop(self, value: i32, timeout: Option<Duration>) -> Result<(), Error> {
        self.0.stop(value, timeout).await
    }

    fn stopped(&self) -> signal::Signal {
        self.0.stopped()
    }
}

impl Metrics for Metered {
    fn register<N: Into<String>, H: Into<String>, M: Metric>(
        &self,
        name: N,
        help: H,
        metric: M,
    ) -> Registered<M> {
        self.0.register(name, help, metric)
    }

    fn encode(&self) -> String {
        self.0.encode()
    }
}

impl Time for Metered {
    type Instant = SystemTime;

    fn now(&self) -> SystemTime {
        self.0.now()
    }
}

impl ReasonablyRealtime for Metered {}

impl Clock for Metered {
    fn current(&self) -> SystemTime {
        self.0.current()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.0.sleep(duration)
    }

    fn sleep_until(
        &self,
        deadline: SystemTime,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.0.sleep_until(deadline)
    }
}

impl Network for Metered {
    type Listener = ListenerOf<tokio::Context>;

    async fn bind(&self, socket: SocketAddr) -> Result<Self::Listener, Error> {
        self.0.bind(socket).await
    }

    async fn dial(&self, socket: SocketAddr) -> Result<(SinkOf<Self>, StreamOf<Self>), Error> {
        self.0.dial(socket).await
    }
}

impl Resolver for Metered {
    async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, Error> {
        self.0.resolve(host).await
    }
}

impl TryRng for Metered {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(bytes)
    }
}

impl TryCryptoRng for Metered {}

//! Starts and stops the server, on a runtime of its own.
//!
//! The interface must not compete with consensus for threads, so it has its own few; a flood of
//! requests delays requests alone.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use chaincity_pipeline::NodeApi;
use hyper_util::rt::TokioTimer;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::config::{Config, Limits};
use crate::reader::Reader;
use crate::session::Sessions;
use crate::state::Shared;
use crate::{routes, tls};

/// Threads that serve connections.
const WORKERS: usize = 2;
/// Threads for reads from the disk and for checking proofs.
const BLOCKING_THREADS_MAX: usize = 32;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Certificate or key cannot be used.
    #[error("cannot use `{path}` for TLS: {why}")]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The operating system gives no thread.
    #[error("cannot start the server's threads")]
    Threads(#[source] std::io::Error),
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness")]
    Randomness,
}

/// A running server. It stops when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    handles: Vec<Handle<SocketAddr>>,
    stop: watch::Sender<bool>,
    stop_ms_max: u64,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens and serves.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub fn start(
        config: &Config,
        node: Arc<dyn NodeApi>,
        reader: Arc<dyn Reader>,
    ) -> Result<Self, ServerError> {
        let sessions =
            Sessions::new(&config.limits).map_err(|_unspecified| ServerError::Randomness)?;
        let certificate = config.tls.as_ref().map(tls::load).transpose()?;
        let (listener, address) = listen(config.listen)?;
        let metrics = config.metrics.map(listen).transpose()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .thread_name("chaincity-api")
            .enable_all()
            .build()
            .map_err(ServerError::Threads)?;

        let (stop, stopping) = watch::channel(false);
        let shared = Arc::new(Shared::new(config, node, reader, sessions, stopping));
        let mut jobs = vec![Job {
            listener,
            router: routes::router(&shared),
            certificate,
            handle: Handle::new(),
        }];
        let metrics_address = metrics.map(|(listener, address)| {
            let router = routes::metrics_router(&shared);
            jobs.push(Job { listener, router, certificate: None, handle: Handle::new() });
            address
        });
        let handles = jobs.iter().map(|job| job.handle.clone()).collect();
        let limits = config.limits.clone();
        let thread = std::thread::Builder::new()
            .name("chaincity-api".to_owned())
            .spawn(move || run(&runtime, jobs, &limits))
            .map_err(ServerError::Threads)?;
        tracing::info!(%address, tls = config.tls.is_some(), "the interface is open");
        Ok(Self {
            address,
            metrics: metrics_address,
            handles,
            stop,
            stop_ms_max: config.limits.stop_ms_max,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it serves metrics, when they have an address of their own.
    #[must_use]
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Takes no more connections, ends event streams, waits for open requests for a bounded
    /// time, and returns when all is closed.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        self.stop.send_replace(true);
        for handle in &self.handles {
            handle.graceful_shutdown(Some(Duration::from_millis(self.stop_ms_max)));
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the server's thread ended by a panic");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// One address with what it serves.
struct Job {
    listener: TcpListener,
    router: Router,
    certificate: Option<RustlsConfig>,
    handle: Handle<SocketAddr>,
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServerError> {
    let failed = |source| ServerError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn run(runtime: &Runtime, jobs: Vec<Job>, limits: &Limits) {
    runtime.block_on(async {
        let all = jobs.into_iter().map(|job| serve(job, limits));
        for result in futures::future::join_all(all).await {
            if let Err(error) = result {
                tracing::error!(%error, "the interface ended");
            }
        }
    });
}

async fn serve(job: Job, limits: &Limits) -> std::io::Result<()> {
    let Job { listener, router, certificate, handle } = job;
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let mut server = axum_server::from_tcp(listener)?.handle(handle);
    // A connection that sends no request's head in time holds nothing for long.
    let head = Duration::from_millis(limits.head_ms_max);
    let builder = server.http_builder();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(head).max_concurrent_streams(64);
    match certificate {
        None => server.serve(service).await,
        Some(certificate) => server.acceptor(RustlsAcceptor::new(certificate)).serve(service).await,
    }
}

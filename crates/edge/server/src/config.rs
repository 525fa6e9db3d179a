//! What an operator of a node can set about its interface.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use chaincity_crypto::suite::PublicKey;
use chaincity_sector::Keys;
use chaincity_vault::Vault;

/// Hands a copy of a sealed group to the standby; gives why it did not keep it.
pub type Copying = Arc<dyn Fn(Vec<u8>) -> Result<(), String> + Send + Sync>;

/// What part the node's vault has among those of its member. By default it is the only one.
#[derive(Clone, Default)]
pub struct Part {
    /// Key of the release service that answers out of it.
    pub agent: Option<PublicKey>,
    /// Whether it takes copies until its service takes over.
    pub is_standby: bool,
    /// Where what is sealed is copied to before the answer; nowhere when absent.
    pub copy: Option<Copying>,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("agent", &self.agent)
            .field("is_standby", &self.is_standby)
            .finish_non_exhaustive()
    }
}

/// Configuration of the interface.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Certificate and key, for HTTPS; plain HTTP when absent, which is fit for loopback or
    /// behind a proxy that ends TLS.
    pub tls: Option<TlsFiles>,
    /// An address of its own for metrics, in plain HTTP, with no token: choose one that only the
    /// monitoring system reaches. `/metrics` on [`Config::listen`] answers loopback callers only.
    pub metrics: Option<SocketAddr>,
    /// The vault of the node's member, if it keeps one.
    pub vault: Option<Arc<Vault>>,
    /// What part it has.
    pub part: Part,
    /// The keys of sectors and lists that the node answers with, if it holds any.
    pub sector_keys: Option<Arc<Keys>>,
    /// Bounds.
    pub limits: Limits,
    /// Adds other parts' metrics, in Prometheus' text format.
    pub more_metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
}

impl Config {
    /// Plain HTTP on `listen` with the default bounds.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            tls: None,
            metrics: None,
            vault: None,
            part: Part::default(),
            sector_keys: None,
            limits: Limits::default(),
            more_metrics: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("tls", &self.tls)
            .field("metrics", &self.metrics)
            .field("vault", &self.vault)
            .field("part", &self.part)
            .field("sector_keys", &self.sector_keys)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Where certificate chain and private key lie, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate chain, the server's own first.
    pub certificate: PathBuf,
    /// Private key (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
}

/// Bounds of the interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests handled at a time; beyond it `busy`.
    pub requests_max: usize,
    /// Batches of transactions read and checked at a time; beyond it `busy`.
    pub batches_max: usize,
    /// Proofs checked, and blinded questions evaluated, at a time; beyond it `busy`.
    pub verifications_max: usize,
    /// Event streams open at a time; beyond it `busy`.
    pub streams_max: usize,
    /// Blocks held for a stream whose reader is slow.
    pub stream_blocks_max: usize,
    /// How long a stream's reader may leave that buffer full, in milliseconds.
    pub stream_stall_ms_max: u64,
    /// Sessions at a time; beyond it the oldest ends.
    pub sessions_max: usize,
    /// Sessions of one key at a time; beyond it the key's oldest ends.
    pub sessions_per_key_max: usize,
    /// How long a token is valid, in seconds.
    pub session_s: u64,
    /// How long a challenge is valid, in seconds.
    pub challenge_s: u64,
    /// Longest path and query, in bytes.
    pub uri_bytes_max: usize,
    /// Largest proof with its trust bundle that `/v1/verify` takes, in bytes of JSON.
    pub body_bytes_max: usize,
    /// How long a request may take besides a wait that it asks for, in milliseconds.
    pub request_ms_max: u64,
    /// How long a connection may take to send a request's head, in milliseconds.
    pub head_ms_max: u64,
    /// How long open requests are awaited when the server stops, in milliseconds.
    pub stop_ms_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_max: 256,
            batches_max: 16,
            verifications_max: 4,
            streams_max: 128,
            stream_blocks_max: 64,
            stream_stall_ms_max: 10_000,
            sessions_max: 10_000,
            sessions_per_key_max: 16,
            session_s: 15 * 60,
            challenge_s: 60,
            uri_bytes_max: 4_096,
            body_bytes_max: 8 * 1024 * 1024,
            request_ms_max: 15_000,
            head_ms_max: 10_000,
            stop_ms_max: 5_000,
        }
    }
}

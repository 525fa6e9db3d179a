//! Setting up a client, and plain reading.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaincity_api::block::{BlockInfo, BlockPage};
use chaincity_api::package::{PackageInfo, PackageList};
use chaincity_api::record::{History, Record, RecordPage};
use chaincity_api::status::{StatusInfo, Validators};
use chaincity_api::{Endpoint, Problem};
use chaincity_crypto::SecretKey;
use chaincity_crypto::verify::Trust;
use chaincity_types::{Digest, Timestamp};
use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use crate::error::ClientError;
use crate::select::Select;
use crate::transport::{Ask, Node, Reply, Transport};

/// How often, and after what pauses, a request is repeated when every node is down or busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Repetitions after the first round of all nodes.
    pub attempts: u32,
    /// The first pause; each further one is twice as long.
    pub pause: Duration,
    /// The longest pause.
    pub pause_max: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        let (pause, pause_max) = (Duration::from_millis(200), Duration::from_secs(5));
        Self { attempts: 5, pause, pause_max }
    }
}

/// Sets up a [`Client`].
#[derive(Clone, Debug)]
pub struct Builder {
    ledger: Digest,
    urls: Vec<String>,
    authorities: Vec<Vec<u8>>,
    timeout: Duration,
    retry: Retry,
}

impl Builder {
    /// Adds a node: `http://host:port` or `https://host:port`. The first is asked first.
    #[must_use]
    pub fn node(mut self, url: &str) -> Self {
        self.urls.push(url.trim_end_matches('/').to_owned());
        self
    }

    /// Trusts the certificate authorities of a PEM file for HTTPS. There are none by default: a
    /// consortium runs its own.
    #[must_use]
    pub fn authorities(mut self, pem: &[u8]) -> Self {
        self.authorities.push(pem.to_vec());
        self
    }

    /// How long a node may take for an answer, besides a wait asked for; 20 s by default.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often requests are repeated.
    #[must_use]
    pub const fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Setup`] when no node is given, an address is not one, or a certificate
    /// cannot be read.
    pub fn build(self) -> Result<Client, ClientError> {
        if self.urls.is_empty() {
            return Err(ClientError::Setup("no node is given".to_owned()));
        }
        let is_url = |url: &String| url.starts_with("http://") || url.starts_with("https://");
        if let Some(url) = self.urls.iter().find(|url| !is_url(url)) {
            let text = format!("`{url}` does not begin with http:// or https://");
            return Err(ClientError::Setup(text));
        }
        let mut roots = Vec::new();
        for pem in &self.authorities {
            roots.extend(certificates(pem)?);
        }
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::new_with_certs(&roots))
            .build();
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .tls_config(tls)
            .user_agent(concat!("chaincity-client/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(3)))
            .build()
            .into();
        let nodes = self.urls.into_iter().map(Node::new).collect();
        Ok(Client {
            ledger: self.ledger,
            transport: Transport::new(agent, nodes, self.timeout, self.retry),
            signer: Mutex::default(),
            trust: Mutex::default(),
        })
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, ClientError> {
    let unreadable = |error| ClientError::Setup(format!("a certificate cannot be read: {error}"));
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(unreadable)? {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(ClientError::Setup("a file of authorities holds no certificate".to_owned()));
    }
    Ok(found)
}

/// A ledger, seen through one or more of its nodes.
#[derive(Debug)]
pub struct Client {
    pub(crate) ledger: Digest,
    pub(crate) transport: Transport,
    pub(crate) signer: Mutex<Option<Arc<SecretKey>>>,
    pub(crate) trust: Mutex<Option<Arc<Trust>>>,
}

impl Client {
    /// A client of one node. `ledger` is the id of the ledger, learned elsewhere: all proofs
    /// are checked against it.
    ///
    /// # Errors
    /// [`ClientError::Setup`] when `url` is not an address.
    pub fn new(url: &str, ledger: Digest) -> Result<Self, ClientError> {
        Self::builder(ledger).node(url).build()
    }

    /// Sets up a client of several nodes, or one with HTTPS.
    #[must_use]
    pub fn builder(ledger: Digest) -> Builder {
        Builder {
            ledger,
            urls: Vec::new(),
            authorities: Vec::new(),
            timeout: Duration::from_secs(20),
            retry: Retry::default(),
        }
    }

    /// The ledger's id.
    #[must_use]
    pub const fn ledger(&self) -> &Digest {
        &self.ledger
    }

    /// The state of the first node that answers.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn status(&self) -> Result<StatusInfo, ClientError> {
        let status: StatusInfo = self.get(&Ask::new(Endpoint::GetStatus, &[]))?;
        if status.ledger == self.ledger.to_string() {
            Ok(status)
        } else {
            Err(ClientError::OtherLedger { wanted: self.ledger, found: status.ledger })
        }
    }

    /// The committee of the current epoch.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn validators(&self) -> Result<Validators, ClientError> {
        self.get(&Ask::new(Endpoint::GetValidators, &[]))
    }

    /// Blocks below `before` (the newest when absent), newest first, at most `limit` (1 to 100).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn blocks(&self, before: Option<u64>, limit: usize) -> Result<BlockPage, ClientError> {
        let ask = Ask::new(Endpoint::ListBlocks, &[]).query("limit", &limit);
        self.get(&optional(ask, "before", before))
    }

    /// The block at a height, when it is final and held.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn block(&self, height: u64) -> Result<Option<BlockInfo>, ClientError> {
        let ask = Ask::new(Endpoint::GetBlock, &[&height.to_string()]);
        absent(self.get(&ask), Problem::NoSuchBlock)
    }

    /// The packages in force.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn packages(&self) -> Result<PackageList, ClientError> {
        self.get(&Ask::new(Endpoint::ListPackages, &[]))
    }

    /// A package in force.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn package(&self, id: &str) -> Result<Option<PackageInfo>, ClientError> {
        absent(self.get(&Ask::new(Endpoint::GetPackage, &[id])), Problem::NoSuchPackage)
    }

    /// The current version of a record, as the node says; see [`Client::record_proved`].
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn record(
        &self,
        package: &str,
        register: &str,
        key: &str,
    ) -> Result<Option<Record>, ClientError> {
        let ask = Ask::new(Endpoint::GetRecord, &[package, register, key]);
        absent(self.get(&ask), Problem::NoSuchRecord)
    }

    /// The version of a record that was in force at a time, as the node says.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn as_of(
        &self,
        package: &str,
        register: &str,
        key: &str,
        time: Timestamp,
    ) -> Result<Option<Record>, ClientError> {
        let ask = Ask::new(Endpoint::GetRecord, &[package, register, key]).query("as_of", &time);
        absent(self.get(&ask), Problem::NoSuchRecord)
    }

    /// The versions of a record below version `before`, newest first, at most `limit` (1 to
    /// 200); empty when there is no such record.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn history(
        &self,
        package: &str,
        register: &str,
        key: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<History, ClientError> {
        let ask = Ask::new(Endpoint::GetHistory, &[package, register, key]).query("limit", &limit);
        let found = self.get(&optional(ask, "before", before));
        let none = History { items: Vec::new(), height: 0, next: None };
        Ok(absent(found, Problem::NoSuchRecord)?.unwrap_or(none))
    }

    /// A page of a register's records.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn select(&self, select: &Select) -> Result<RecordPage, ClientError> {
        self.get(&select.ask())
    }

    /// Asks for JSON.
    pub(crate) fn get<T: DeserializeOwned>(&self, ask: &Ask) -> Result<T, ClientError> {
        json(&self.run(ask)?)
    }

    /// Asks, signing in where needed.
    pub(crate) fn run(&self, ask: &Ask) -> Result<Reply, ClientError> {
        self.transport.run(ask, &|node| self.sign_in_at(node))
    }
}

pub(crate) fn json<T: DeserializeOwned>(reply: &Reply) -> Result<T, ClientError> {
    serde_json::from_slice(&reply.bytes)
        .map_err(|error| ClientError::answer(&reply.url, error.to_string()))
}

fn optional(ask: Ask, name: &str, value: Option<u64>) -> Ask {
    match value {
        Some(value) => ask.query(name, &value),
        None => ask,
    }
}

/// Makes "there is none" an answer.
pub(crate) fn absent<T>(
    found: Result<T, ClientError>,
    problem: Problem,
) -> Result<Option<T>, ClientError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code() == Some(problem.code()) => Ok(None),
        Err(error) => Err(error),
    }
}

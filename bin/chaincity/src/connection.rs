//! Which ledger a command speaks to, through which nodes, as whom: the same options everywhere.

use std::path::{Path, PathBuf};

use chaincity_client::api::session::Session;
use chaincity_client::{Client, ClientError, Retry};
use chaincity_crypto::hash;
use chaincity_types::Digest;
use clap::Args;

use crate::city::{read_genesis, read_key};
use crate::failure::Failure;
use crate::fault::Fault;
use crate::node_config::NodeConfig;

/// Where a node answers unless told otherwise: the first of a city on this machine.
const NODE: &str = "http://127.0.0.1:8101";

/// 连接 · the connection
#[derive(Clone, Debug, Args)]
pub(crate) struct Connection {
    /// 节点地址，可多次给出 · a node's address, default http://127.0.0.1:8101; may be given several times
    #[arg(long, value_name = "URL")]
    node: Vec<String>,
    /// 账本标识：创世文件的摘要 · the ledger's id: digest of its genesis document
    #[arg(long, value_name = "HEX", value_parser = a_digest)]
    ledger: Option<Digest>,
    /// init 建立的目录，由此得知账本与节点 · a folder made by `init`, which tells the ledger and the nodes
    #[arg(long, value_name = "DIR")]
    city: Option<PathBuf>,
    /// 经办人密钥文件 · the operator's key file
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// HTTPS 的证书颁发机构（PEM） · certificate authorities for HTTPS, PEM
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,
}

pub(crate) fn a_digest(text: &str) -> Result<Digest, &'static str> {
    Digest::from_hex(text).map_err(|_not_hex| "not 64 hexadecimal digits")
}

impl Connection {
    /// Addresses of the nodes.
    ///
    /// # Errors
    /// When the city's folder cannot be read.
    pub(crate) fn nodes(&self) -> Result<Vec<String>, Failure> {
        match &self.city {
            _ if !self.node.is_empty() => Ok(self.node.clone()),
            Some(city) => Ok(nodes_of(city)?),
            None => Ok(vec![NODE.to_owned()]),
        }
    }

    /// The same connection for another operator.
    pub(crate) fn with_key(&self, key: &Path) -> Self {
        Self { key: Some(key.to_owned()), ..self.clone() }
    }

    /// The same connection by another node alone.
    pub(crate) fn with_node(&self, url: &str) -> Self {
        Self { node: vec![url.to_owned()], ..self.clone() }
    }

    /// The ledger, when it is told.
    ///
    /// # Errors
    /// When the city's genesis document cannot be read.
    pub(crate) fn ledger(&self) -> Result<Option<Digest>, Failure> {
        match (&self.ledger, &self.city) {
            (Some(ledger), _) => Ok(Some(*ledger)),
            (None, Some(city)) => {
                let genesis = city.join("genesis.cbor");
                if !genesis.exists() {
                    let dir = city.display();
                    return Err(Failure::usage(
                        format!("{dir} 中没有城市：以 --city 指明 init 或 demo 建立的目录"),
                        format!(
                            "no city is in {dir}: give --city a folder made by `init` or `demo`"
                        ),
                    ));
                }
                Ok(Some(hash::ledger_id(&read_genesis(&genesis)?)))
            }
            (None, None) => Ok(None),
        }
    }

    /// A client of one node, which asks once and does not try again.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn probe(&self, node: &str, ledger: Digest) -> Result<Client, Failure> {
        let retry = Retry { attempts: 0, ..Retry::default() };
        let builder = Client::builder(ledger).node(node).retry(retry);
        Ok(self.trusting(builder)?.timeout(std::time::Duration::from_secs(5)).build()?)
    }

    /// A client, signed in when a key is given.
    ///
    /// # Errors
    /// When the ledger is not told, a file cannot be read, or no node accepts the key.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let client = self.anonymous()?;
        if let Some(key) = &self.key {
            client.sign_in(read_key(key)?)?;
        }
        Ok(client)
    }

    /// A client that has signed in, and its session.
    ///
    /// # Errors
    /// As [`Connection::client`], and when no key is given.
    pub(crate) fn signed_in(&self) -> Result<(Client, Session), Failure> {
        let key = self.key.as_ref().ok_or(ClientError::NotSignedIn)?;
        let client = self.anonymous()?;
        let session = client.sign_in(read_key(key)?)?;
        Ok((client, session))
    }

    fn anonymous(&self) -> Result<Client, Failure> {
        let Some(ledger) = self.ledger()? else {
            return Err(Failure::usage(
                "须指明账本：--ledger 或 --city",
                "say which ledger: --ledger HEX or --city DIR",
            ));
        };
        let mut builder = Client::builder(ledger);
        for node in self.nodes()? {
            builder = builder.node(&node);
        }
        Ok(self.trusting(builder)?.build()?)
    }

    fn trusting(
        &self,
        builder: chaincity_client::Builder,
    ) -> Result<chaincity_client::Builder, Fault> {
        Ok(match &self.authorities {
            Some(path) => builder.authorities(&std::fs::read(path).map_err(Fault::io(path))?),
            None => builder,
        })
    }
}

/// The addresses of a city's nodes, in the order of their ports.
fn nodes_of(city: &Path) -> Result<Vec<String>, Fault> {
    let dir = city.join("nodes");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&dir).map_err(Fault::io(&dir))? {
        let path = entry.map_err(Fault::io(&dir))?.path().join("node.toml");
        if path.is_file() {
            let config = NodeConfig::read(&path)?;
            let scheme = if config.tls.is_some() { "https" } else { "http" };
            found.push((config.api_listen.port(), format!("{scheme}://{}", config.api_listen)));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, url)| url).collect())
}

//! One node's configuration: `node.toml`. Paths are relative to the file's folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chaincity_crypto::hash;
use chaincity_crypto::suite::SecretKey;
use chaincity_types::wire::Genesis;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::vault_key::KeyFiles;
use crate::{city, refusal};

/// `node.toml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeConfig {
    /// Genesis document.
    pub genesis: PathBuf,
    /// The ledger's id, hexadecimal: what the genesis document's digest must be.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ledger: Option<String>,
    /// The node's key file.
    pub key: PathBuf,
    /// Folder for all that the node stores.
    pub data: PathBuf,
    /// Where peers connect.
    pub peer_listen: SocketAddr,
    /// Where clients connect.
    pub api_listen: SocketAddr,
    /// Where peers reach this node, `host:port`, when it is not where it listens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub peer_advertised: Option<String>,
    /// Whether peers may have private addresses (RFC 1918, loopback).
    #[serde(default)]
    pub private_network: bool,
    /// Base URL of a node to join from: a node without state fetches a snapshot instead of
    /// executing every block.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub join: Option<String>,
    /// Certificate authorities (PEM) for joining over HTTPS.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub join_authorities: Option<PathBuf>,
    /// Memory for the state's pages, in mebibytes (8 to 65,536). Without it, as the state's size has
    /// it when the node starts: half of its log, from 64 MiB to an eighth of the machine's memory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state_cache_mib: Option<u32>,
    /// TLS for the API.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tls: Option<Tls>,
    /// The vault of the node's member, if this node keeps it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vault: Option<Keeping>,
    /// The keys of sectors and lists that the node evaluates blinded questions with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sector: Option<Evaluating>,
}

/// Keys of sectors and lists.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evaluating {
    /// Their files, as `chaincity sector new-key` makes them: of each sector every epoch that still
    /// answers.
    pub keys: Vec<PathBuf>,
    /// File with the passphrase under which they are kept.
    pub passphrase: PathBuf,
}

/// A vault that the node keeps.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keeping {
    /// Its folder, named `vault`.
    pub folder: PathBuf,
    /// File with its passphrase, unless it is kept under a token.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub passphrase: Option<PathBuf>,
    /// File that says which key of which token it is kept under.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<PathBuf>,
    /// Key file of the operator who releases, with the role `steward.agent`; without it, accesses
    /// wait for a person.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agent: Option<PathBuf>,
    /// File of rules by which the agent refuses what grant and consent allow, or leaves it to a person.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub policy: Option<PathBuf>,
    /// Whether it is on standby: a second vault of the member, which takes copies of what the first one
    /// seals, and answers once its agent has taken over.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub standby: bool,
    /// Base URL of the node that keeps the vault on standby: what is sealed is copied there before it
    /// is answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub copy_to: Option<String>,
    /// Certificate authorities (PEM) for copying over HTTPS.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub copy_authorities: Option<PathBuf>,
}

impl Keeping {
    /// What the vault is kept under.
    pub(crate) fn key_files(&self) -> KeyFiles<'_> {
        KeyFiles { passphrase: self.passphrase.as_deref(), token: self.token.as_deref() }
    }
}

/// Certificate chain and key, PEM.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// Certificate chain.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

impl NodeConfig {
    /// A node on this machine alone.
    pub(crate) fn local(peer_port: u16, api_port: u16) -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self::new("../../genesis.cbor".into(), local(peer_port), local(api_port))
    }

    /// A node with its key and its data beside its configuration.
    pub(crate) fn new(genesis: PathBuf, peer_listen: SocketAddr, api_listen: SocketAddr) -> Self {
        Self {
            genesis,
            ledger: None,
            key: "node.key".into(),
            data: "data".into(),
            peer_listen,
            api_listen,
            peer_advertised: None,
            private_network: peer_listen.ip().is_loopback(),
            join: None,
            join_authorities: None,
            state_cache_mib: None,
            tls: None,
            vault: None,
            sector: None,
        }
    }

    /// Where the consensus engine keeps its files.
    pub(crate) fn engine(&self) -> PathBuf {
        self.data.join("engine")
    }

    /// Where the history lies.
    pub(crate) fn history(&self) -> PathBuf {
        self.data.join("history")
    }

    /// Where peers reach this node.
    pub(crate) fn advertised(&self) -> String {
        self.peer_advertised.clone().unwrap_or_else(|| self.peer_listen.to_string())
    }

    /// Reads `node.toml` and makes its paths absolute.
    ///
    /// # Errors
    /// When it cannot be read or says something unknown.
    pub(crate) fn read(path: &Path) -> Result<Self, Fault> {
        let bytes = std::fs::read(path).map_err(Fault::io(path))?;
        let invalid = |error: &dyn std::fmt::Display| refusal::config_invalid(path, error);
        let text = std::str::from_utf8(&bytes).map_err(|error| invalid(&error))?;
        let mut config: Self = toml::from_str(text).map_err(|error| invalid(&error))?;
        let base = path.parent().unwrap_or(Path::new("."));
        config.genesis = base.join(&config.genesis);
        config.key = base.join(&config.key);
        config.data = base.join(&config.data);
        config.join_authorities = config.join_authorities.map(|path| base.join(path));
        if let Some(tls) = &mut config.tls {
            tls.certificate = base.join(&tls.certificate);
            tls.key = base.join(&tls.key);
        }
        if let Some(vault) = &mut config.vault {
            if !vault.key_files().is_one() {
                return Err(invalid(&"`vault` needs either `passphrase` or `token`"));
            }
            vault.folder = base.join(&vault.folder);
            vault.copy_authorities = vault.copy_authorities.take().map(|path| base.join(path));
            let Keeping { passphrase, token, agent, policy, .. } = vault;
            for path in [passphrase, token, agent, policy] {
                *path = path.take().map(|path| base.join(path));
            }
        }
        if let Some(sector) = &mut config.sector {
            sector.passphrase = base.join(&sector.passphrase);
            sector.keys.iter_mut().for_each(|path| *path = base.join(&*path));
        }
        Ok(config)
    }

    /// Reads the genesis document, which must be that of the ledger named.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or another ledger's.
    pub(crate) fn read_genesis(&self) -> Result<Genesis, Fault> {
        let genesis = city::read_genesis(&self.genesis).map_err(|fault| match fault {
            Fault::Form { cause, .. } => refusal::genesis_damaged(&self.genesis, &cause),
            fault @ (Fault::Io { .. } | Fault::Refused { .. } | Fault::Other { .. }) => fault,
        })?;
        let ledger = hash::ledger_id(&genesis).to_string();
        if self.ledger.as_ref().is_some_and(|expected| *expected != ledger) {
            let other = format!("its ledger is {ledger}, `node.toml` names another");
            return Err(refusal::genesis_damaged(&self.genesis, &other));
        }
        Ok(genesis)
    }

    /// Reads the node's key.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub(crate) fn read_key(&self) -> Result<SecretKey, Fault> {
        city::read_key(&self.key).map_err(|fault| match fault {
            Fault::Form { cause, .. } => refusal::key_damaged(&self.key, &cause),
            fault @ (Fault::Io { .. } | Fault::Refused { .. } | Fault::Other { .. }) => fault,
        })
    }

    /// Writes `node.toml`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Fault> {
        let text = toml::to_string_pretty(self).map_err(Fault::form(path))?;
        std::fs::write(path, text).map_err(Fault::io(path))
    }
}

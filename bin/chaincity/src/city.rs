//! A consortium on disk: its genesis, its operators' keys, and one folder a node.
//!
//! ```text
//! CITY/genesis.cbor         the genesis document; its digest is the ledger id
//! CITY/keys/NAME.key        operators' keys
//! CITY/nodes/NAME/node.toml one node's configuration
//! CITY/nodes/NAME/node.key  its key
//! CITY/nodes/NAME/data/     what it stores
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use chaincity_crypto::suite::{PublicKey, SecretKey};
use chaincity_crypto::{hash, keyfile};
use chaincity_types::wire::{
    Genesis, GenesisMember, GenesisNode, GenesisOperator, PROTOCOL, Validator,
};
use chaincity_types::{Timestamp, cbor};
use rand::Rng;

use crate::fault::Fault;
use crate::node_config::{Keeping, NodeConfig};

/// What a member's node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    /// It votes.
    Validator,
    /// It observes.
    Observer,
    /// There is none: the member connects through another's.
    Nothing,
}

/// A member of the sample consortium: id, names, what it runs, who acts for it.
struct Member {
    id: &'static str,
    name: (&'static str, &'static str),
    runs: Runs,
    /// Operators: name and roles.
    operators: &'static [(&'static str, &'static [&'static str])],
}

/// Each member has an administrator of its own: what concerns all takes the consent of most.
const ADMIN: &[&str] = &["governance.admin"];
/// The machine that answers out of a member's vault.
const AGENT: &[&str] = &["steward.agent"];

/// The sample consortium: a registry, a court, two banks and the housing bureau.
const MEMBERS: &[Member] = &[
    Member {
        id: "bank-a",
        name: ("甲银行", "Bank A"),
        runs: Runs::Validator,
        operators: &[
            ("bank-a", &["bank.officer", "reader.officer"]),
            ("bank-a-agent", AGENT),
            ("bank-a-admin", ADMIN),
        ],
    },
    Member {
        id: "bank-b",
        name: ("乙银行", "Bank B"),
        runs: Runs::Observer,
        operators: &[
            ("bank-b", &["bank.officer", "reader.officer"]),
            // It holds the money of sales.
            ("escrow", &["escrow.officer"]),
            ("escrow-2", &["escrow.officer"]),
            ("escrow-system", &["escrow.system", "reader.officer"]),
            ("bank-b-keeper", &["steward.clerk"]),
            ("bank-b-agent", AGENT),
            ("bank-b-admin", ADMIN),
        ],
    },
    Member {
        id: "court",
        name: ("人民法院", "People's Court"),
        runs: Runs::Validator,
        operators: &[("court", &["court.officer", "reader.officer"]), ("court-admin", ADMIN)],
    },
    Member {
        id: "housing",
        name: ("住房保障局", "Housing Bureau"),
        runs: Runs::Validator,
        operators: &[
            ("housing", &["housing.clerk"]),
            ("catalogue", &["catalogue.editor"]),
            // Stands in for the city's audit office.
            ("auditor", &["auditor.officer"]),
            ("housing-admin", ADMIN),
        ],
    },
    Member {
        id: "registry",
        name: ("不动产登记中心", "Real-Estate Registry"),
        runs: Runs::Validator,
        operators: &[
            ("registrar", &["registry.registrar"]),
            ("acceptor", &["registry.acceptor", "window.clerk"]),
            ("reviewer", &["registry.reviewer"]),
            ("reviewer-2", &["registry.reviewer"]),
            ("importer", &["registry.importer"]),
            ("keeper", &["steward.clerk"]),
            ("reception", &["steward.clerk", "reader.officer"]),
            ("release-agent", AGENT),
            ("registry-admin", ADMIN),
        ],
    },
];

/// Those who join the sample consortium when houses are sold by it, each through another's node.
const GUESTS: &[Member] = &[
    guest("fund", ("住房公积金中心", "Provident Fund Centre"), &[("fund", &["fund.clerk"])]),
    guest("tax", ("税务局", "Tax Bureau"), &[("tax", &["tax.officer"])]),
    guest(
        "water",
        ("自来水公司", "Water Company"),
        &[("water", &["provider.water", "reader.officer"])],
    ),
    guest(
        "power",
        ("供电公司", "Power Company"),
        &[("power", &["provider.power", "reader.officer"])],
    ),
    guest("gas", ("燃气公司", "Gas Company"), &[("gas", &["provider.gas", "reader.officer"])]),
    guest(
        "cable",
        ("有线电视公司", "Cable Company"),
        &[("cable", &["provider.cable", "reader.officer"])],
    ),
    guest(
        "city-management",
        ("城市管理局", "Urban Management Bureau"),
        &[("authority", &["authority.officer"])],
    ),
    // Vouches for citizens' keys.
    guest(VOUCHING, ("政务服务中心", "City Service Centre"), &[("service-admin", ADMIN)]),
];

const fn guest(
    id: &'static str,
    name: (&'static str, &'static str),
    operators: &'static [(&'static str, &'static [&'static str])],
) -> Member {
    Member { id, name, runs: Runs::Nothing, operators }
}

/// A member at the founding, with its node, if it has one.
#[derive(Clone, Debug)]
pub(crate) struct Founder {
    /// Its id; also its node's name.
    pub(crate) id: String,
    /// Chinese and English name.
    pub(crate) name: (String, String),
    /// What its node does.
    pub(crate) runs: Runs,
    /// Who acts for it.
    pub(crate) operators: Vec<Operator>,
}

/// Who acts for a member.
#[derive(Clone, Debug)]
pub(crate) struct Operator {
    /// Name of its key file.
    pub(crate) name: String,
    /// Its roles.
    pub(crate) roles: Vec<String>,
    /// A citizen's subject id: it signs its own mandates, and the member vouches for its key.
    pub(crate) subject: Option<String>,
}

/// The member that vouches for citizens' keys.
const VOUCHING: &str = "service-centre";
/// The role of a citizen who acts for himself.
const SELF: &str = "subject.self";

/// The members of the sample consortium, validators first.
pub(crate) fn sample() -> Vec<Founder> {
    let mut founders: Vec<_> = MEMBERS.iter().map(founder).collect();
    founders.sort_by_key(|founder| founder.runs != Runs::Validator);
    founders
}

/// The same with all who take part in a sale, and `citizens` among the operators: name and subject
/// id of each.
pub(crate) fn whole_sample(citizens: &[(&str, &str)]) -> Vec<Founder> {
    let mut founders = sample();
    founders.extend(GUESTS.iter().map(founder));
    let citizen = |(name, subject): &(&str, &str)| Operator {
        name: (*name).to_owned(),
        roles: vec![SELF.to_owned()],
        subject: Some((*subject).to_owned()),
    };
    for founder in founders.iter_mut().filter(|founder| founder.id == VOUCHING) {
        founder.operators.extend(citizens.iter().map(citizen));
    }
    founders
}

fn founder(member: &Member) -> Founder {
    let official = |(name, roles): &(&str, &[&str])| Operator {
        name: (*name).to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        subject: None,
    };
    Founder {
        id: member.id.to_owned(),
        name: (member.name.0.to_owned(), member.name.1.to_owned()),
        runs: member.runs,
        operators: member.operators.iter().map(official).collect(),
    }
}

/// How many of these members run a node.
pub(crate) fn node_count(members: &[Founder]) -> usize {
    members.iter().filter(|member| member.runs != Runs::Nothing).count()
}

/// How a consortium is laid out.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Folder to make; must not hold a city yet.
    pub dir: PathBuf,
    /// The members; those without a node come last.
    pub members: Vec<Founder>,
    /// Ports of the nodes, in the members' order: for peers, for the API.
    pub ports: Vec<(u16, u16)>,
    /// Blocks in an epoch.
    pub epoch_blocks: u64,
    /// Time of the genesis block.
    pub time: Timestamp,
    /// Package documents.
    pub packages: Vec<Vec<u8>>,
}

/// A consortium on disk.
#[derive(Clone, Debug)]
pub(crate) struct City {
    /// Its folder.
    pub dir: PathBuf,
    /// Its genesis.
    pub genesis: Genesis,
    /// Node names, in the members' order.
    pub nodes: Vec<String>,
}

/// A fresh key from the operating system's randomness.
pub(crate) fn new_key() -> SecretKey {
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    rand::rng().fill_bytes(seed.as_mut());
    SecretKey::from_seed(&seed)
}

/// Writes a secret key, readable by its owner alone; never over an existing file.
///
/// # Errors
/// When the file exists or cannot be written.
pub(crate) fn write_key(path: &Path, key: &SecretKey) -> Result<(), Fault> {
    write_secret(path, &keyfile::format(key))
}

/// Writes a secret, readable by its owner alone; never over an existing file.
///
/// # Errors
/// When there is a file, or it cannot be written.
pub(crate) fn write_secret(path: &Path, secret: &str) -> Result<(), Fault> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(Fault::io(path))?;
    file.write_all(secret.as_bytes()).and_then(|()| file.sync_all()).map_err(Fault::io(path))
}

/// Reads a secret key.
///
/// # Errors
/// When the file cannot be read or is no key file.
pub(crate) fn read_key(path: &Path) -> Result<SecretKey, Fault> {
    let bytes = zeroize::Zeroizing::new(fs::read(path).map_err(Fault::io(path))?);
    let text = std::str::from_utf8(&bytes).map_err(Fault::form(path))?;
    keyfile::parse(text).map_err(Fault::form(path))
}

/// Reads a genesis document.
///
/// # Errors
/// When the file cannot be read or is no genesis document.
pub(crate) fn read_genesis(path: &Path) -> Result<Genesis, Fault> {
    const GENESIS_BYTES_MAX: usize = 16 * 1024 * 1024;
    let bytes = fs::read(path).map_err(Fault::io(path))?;
    cbor::decode(&bytes, GENESIS_BYTES_MAX).map_err(Fault::form(path))
}

impl City {
    /// Makes keys, genesis and node folders.
    ///
    /// # Errors
    /// When the folder holds a city already, or cannot be written.
    pub(crate) fn create(plan: &Plan) -> Result<Self, Fault> {
        let keys = plan.dir.join("keys");
        fs::create_dir_all(&keys).map_err(Fault::io(&keys))?;
        let mut genesis = Genesis {
            protocol: PROTOCOL,
            name_zh: "示范市".to_owned(),
            name_en: "Sample City".to_owned(),
            time: plan.time,
            epoch_blocks: plan.epoch_blocks,
            members: Vec::new(),
            operators: Vec::new(),
            nodes: Vec::new(),
            packages: plan.packages.iter().map(|bytes| bytes.clone().into()).collect(),
        };
        let mut nodes = Vec::new();
        let wanted = node_count(&plan.members);
        if plan.ports.len() != wanted {
            return Err(Fault::other(
                format!("需要 {wanted} 对端口"),
                format!("{wanted} pairs of ports are needed"),
            ));
        }
        for member in &plan.members {
            add_member(&mut genesis, member, &keys)?;
        }
        let with_node = plan.members.iter().filter(|member| member.runs != Runs::Nothing);
        for (member, ports) in with_node.zip(&plan.ports) {
            nodes.push(add_node(&mut genesis, plan, member, *ports)?);
        }
        genesis.members.sort_by(|a, b| a.id.cmp(&b.id));
        genesis.operators.sort_by(|a, b| a.key.cmp(&b.key));
        genesis.nodes.sort_by(|a, b| a.node.key.cmp(&b.node.key));
        let path = plan.dir.join("genesis.cbor");
        fs::write(&path, cbor::encode(&genesis)).map_err(Fault::io(&path))?;
        // Once it is known, each node is told which ledger it serves.
        for (node, (peer, api)) in nodes.iter().zip(&plan.ports) {
            let mut config = NodeConfig::local(*peer, *api);
            config.ledger = Some(hash::ledger_id(&genesis).to_string());
            config.write(&plan.dir.join("nodes").join(node).join("node.toml"))?;
        }
        Ok(Self { dir: plan.dir.clone(), genesis, nodes })
    }

    /// Makes a vault for a member in its node's folder, with a passphrase of its own, and has the
    /// node keep it and answer with the key of `agent`.
    ///
    /// # Errors
    /// When the node keeps a vault already, or a file cannot be written.
    pub(crate) fn add_vault(&self, node: &str, agent: &str) -> Result<(), Fault> {
        let dir = self.node_dir(node);
        new_vault(&dir)?;
        let path = dir.join("node.toml");
        let text = fs::read_to_string(&path).map_err(Fault::io(&path))?;
        let mut config: NodeConfig = toml::from_str(&text).map_err(Fault::form(&path))?;
        config.vault = Some(Keeping {
            folder: chaincity_vault::FOLDER.into(),
            passphrase: Some("vault.passphrase".into()),
            token: None,
            agent: Some(format!("../../keys/{agent}.key").into()),
            policy: None,
            standby: false,
            copy_to: None,
            copy_authorities: None,
        });
        config.write(&path)
    }

    /// The folder of a node.
    pub(crate) fn node_dir(&self, name: &str) -> PathBuf {
        self.dir.join("nodes").join(name)
    }

    /// The key of an operator.
    ///
    /// # Errors
    /// When there is no such key.
    pub(crate) fn key(&self, name: &str) -> Result<SecretKey, Fault> {
        read_key(&self.dir.join("keys").join(format!("{name}.key")))
    }
}

/// Makes a vault in a folder below `dir`, with a passphrase of its own beside it.
///
/// # Errors
/// When there is one already, or a file cannot be written.
pub(crate) fn new_vault(dir: &Path) -> Result<chaincity_vault::Vault, Fault> {
    let (folder, passphrase) = (dir.join(chaincity_vault::FOLDER), dir.join("vault.passphrase"));
    let mut text = zeroize::Zeroizing::new([0; 24]);
    rand::rng().fill_bytes(text.as_mut());
    write_secret(&passphrase, &zeroize::Zeroizing::new(hex::encode(*text)))?;
    let refused = |error| crate::keeping::refused(&folder, &error);
    let key = crate::vault_key::passphrase(&folder, &passphrase)?;
    chaincity_vault::Vault::create(&folder, &key, crate::clock::now()).map_err(refused)
}

fn add_member(genesis: &mut Genesis, member: &Founder, keys: &Path) -> Result<(), Fault> {
    let mut roles = BTreeSet::new();
    for operator in &member.operators {
        let key = new_key();
        write_key(&keys.join(format!("{}.key", operator.name)), &key)?;
        roles.extend(operator.roles.iter().cloned());
        genesis.operators.push(GenesisOperator {
            key: key.public_key().as_bytes().to_vec(),
            member: member.id.clone(),
            roles: operator.roles.clone(),
            subject: operator.subject.clone(),
        });
    }
    genesis.members.push(GenesisMember {
        id: member.id.clone(),
        name_zh: member.name.0.clone(),
        name_en: member.name.1.clone(),
        roles: roles.into_iter().collect(),
    });
    Ok(())
}

fn add_node(
    genesis: &mut Genesis,
    plan: &Plan,
    member: &Founder,
    (peer, api): (u16, u16),
) -> Result<String, Fault> {
    let config = NodeConfig::local(peer, api);
    let key = node_folder(&plan.dir.join("nodes").join(&member.id), &config)?;
    genesis.nodes.push(GenesisNode {
        node: Validator {
            key: key.as_bytes().to_vec(),
            member: member.id.clone(),
            address: config.advertised(),
        },
        validator: member.runs == Runs::Validator,
    });
    Ok(member.id.clone())
}

/// Makes a node's folder with a fresh key, whose public part it gives, and a folder for what it
/// will store.
///
/// # Errors
/// When a node lives there already, or the folder cannot be written.
pub(crate) fn node_folder(dir: &Path, config: &NodeConfig) -> Result<PublicKey, Fault> {
    let data = dir.join(&config.data);
    fs::create_dir_all(&data).map_err(Fault::io(&data))?;
    let key = new_key();
    write_key(&dir.join("node.key"), &key)?;
    config.write(&dir.join("node.toml"))?;
    Ok(key.public_key())
}

/// Free pairs of loopback ports, for peers and for the API: 7101… and 8101…, or the same a few
/// hundred further on. Never those that the system hands out to whoever asks: one of them could be
/// gone before the node starts.
///
/// # Errors
/// When all of them are in use.
pub(crate) fn free_ports(count: usize) -> Result<Vec<(u16, u16)>, Fault> {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let pairs = |step: u16| (7101_u16.saturating_add(step)..).zip(8101_u16.saturating_add(step)..);
    (0..1_000)
        .step_by(100)
        .map(|step| pairs(step).take(count).collect::<Vec<_>>())
        .find(|pairs| pairs.iter().all(|(peer, api)| free(*peer) && free(*api)))
        .ok_or_else(|| Fault::other("本机没有空闲端口", "this machine has no free ports"))
}

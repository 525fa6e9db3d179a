//! `chaincity join`: prepares a node's folder for a ledger that runs already: a copy of the
//! genesis document, a fresh key, a configuration. The ledger learns of the node by a governance
//! call, which this command spells out.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use chaincity_crypto::hash;
use clap::Args;
use serde::Serialize;

use crate::city::{node_folder, read_genesis};
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::fault::Fault;
use crate::node_config::NodeConfig;
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 新节点的目录 · a folder for the new node
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// 账本的创世文件 · the ledger's genesis document
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// 从此节点的接口取得信任包 · the API of a node that gives the trust bundle
    #[arg(long, value_name = "URL")]
    from: String,
    /// 该接口 HTTPS 的证书颁发机构（PEM） · certificate authorities for its HTTPS, PEM
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,
    /// 节点之间的监听地址 · where peers connect
    #[arg(long, value_name = "IP:PORT")]
    peer_listen: SocketAddr,
    /// 接口的监听地址 · where clients connect
    #[arg(long, value_name = "IP:PORT")]
    api_listen: SocketAddr,
    /// 其他节点所用的地址，默认为监听地址 · where peers reach it, when not where it listens
    #[arg(long, value_name = "HOST:PORT")]
    peer_advertised: Option<String>,
}

#[derive(Debug, Serialize)]
struct Prepared {
    dir: PathBuf,
    ledger: String,
    /// The node's public key, 64 hexadecimal digits.
    node: String,
    /// Where peers reach it.
    address: String,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(arguments, output);
    settle(outcome, false, output)
}

fn attempt(arguments: &Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let genesis = read_genesis(&arguments.genesis)?;
    let mut config =
        NodeConfig::new("genesis.cbor".into(), arguments.peer_listen, arguments.api_listen);
    config.peer_advertised.clone_from(&arguments.peer_advertised);
    config.join = Some(arguments.from.clone());
    // Said from where the command runs, read from where the configuration lies.
    let authorities = arguments.authorities.as_deref();
    let absolute = authorities.map(|path| std::path::absolute(path).map_err(Fault::io(path)));
    config.join_authorities = absolute.transpose()?;
    let dir = &arguments.dir;
    let key = node_folder(dir, &config)?;
    let copy = dir.join("genesis.cbor");
    std::fs::copy(&arguments.genesis, &copy).map_err(Fault::io(&copy))?;
    let prepared = Prepared {
        dir: dir.clone(),
        ledger: hash::ledger_id(&genesis).to_string(),
        node: key.to_string(),
        address: config.advertised(),
    };
    output.report(&prepared, |prepared| for_person(prepared, &arguments.from))?;
    Ok(Exit::Ok)
}

fn for_person(prepared: &Prepared, from: &str) -> Vec<String> {
    let Prepared { dir, ledger, node, address } = prepared;
    let dir = dir.display();
    vec![
        format!("节点目录已备好 · prepared: {dir}"),
        format!("账本 · ledger: {ledger}"),
        format!("公钥 · public key: {node}"),
        "先在账本上登记节点（MEMBER 为本单位，ADMIN 为其管理员密钥；kind 为 candidate 或 observer） ·"
            .to_owned(),
        "first register it (MEMBER is yours, ADMIN its administrator's key; candidate or observer):"
            .to_owned(),
        format!(
            "  chaincity call governance add-node --node {from} --ledger {ledger} --key ADMIN \
             --input '{{\"key\": \"{node}\", \"member\": \"MEMBER\", \"address\": \"{address}\", \
             \"kind\": \"candidate\"}}'"
        ),
        "再启动；下一届开始时其他节点准其接入 · then start it; its peers let it in when the next epoch begins:"
            .to_owned(),
        format!("  chaincity node --config {dir}/node.toml"),
    ]
}

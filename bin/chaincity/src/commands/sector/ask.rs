//! The asker's side by the nodes: each question stands on the ledger before its holder's node evaluates
//! it. Blinds never leave the process.

use std::path::PathBuf;

use chaincity_client::{Client, PublishedKey};
use chaincity_sector::{
    Asked, BATCH_MAX, Chain, Epoch, Evaluated, Name, Pending, PublicKey, Question, SectorError,
    TAGS_BYTES_MAX, TagSet,
};
use clap::Args;

use super::files;
use super::ids::show_ids;
use super::keys::{a_name, an_epoch};
use super::lists::show_listed;
use super::people::People;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct Ask {
    #[command(flatten)]
    people: People,
    /// 领域名称 · the sector's name
    #[arg(long, value_name = "NAME", value_parser = a_name)]
    sector: Name,
    /// 密钥届，默认为账本上最新一届 · the key epoch; the latest on the ledger by default
    #[arg(long, value_name = "N", value_parser = an_epoch)]
    epoch: Option<Epoch>,
    /// 管理单位的节点地址，按计算次序逐个给出 · address of a steward's node; one for each, in the order of their evaluations
    #[arg(long = "steward-node", value_name = "URL", required = true)]
    steward_nodes: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct OnList {
    /// 对方的名单标签文件 · the owner's file of tags
    tags: PathBuf,
    #[command(flatten)]
    people: People,
    /// 名单持有单位的节点地址 · address of the list owner's node
    #[arg(long, value_name = "URL")]
    owner_node: String,
    #[command(flatten)]
    connection: Connection,
}

pub(super) fn ask(arguments: &Ask, output: &mut Output) -> Result<(), Failure> {
    let Ask { people, sector, epoch, steward_nodes, connection } = arguments;
    let read = people.read(BATCH_MAX, SectorError::Batch)?;
    let client = connection.client()?;
    let keys = client.sector_keys(sector, *epoch)?;
    if keys.is_empty() {
        return Err(unpublished().into());
    }
    let (found, wanted) = (steward_nodes.len(), keys.len());
    if found != wanted {
        return Err(files::not_done(SectorError::Steps { found, wanted }).into());
    }
    let public: Vec<PublicKey> = keys.iter().map(|key| key.public.clone()).collect();
    let chain = Chain::new(&public).map_err(files::not_done)?;
    let pending = Pending::blind(chain.scope(), &read.persons, &mut rand::rng());
    let pending = pending.map_err(files::not_done)?;
    let mut asked = Asked::First(pending.blinded().clone());
    for (key, node) in keys.iter().zip(steward_nodes) {
        asked = Asked::Next(evaluated(&client, (&asked, key), connection, node)?);
    }
    let Asked::Next(evaluated) = &asked else { return Err(unpublished().into()) };
    let ids = pending.finalize(&read.persons, evaluated, &chain).map_err(files::not_done)?;
    show_ids(&read.lines, ids, output)
}

pub(super) fn on_list(arguments: &OnList, output: &mut Output) -> Result<(), Failure> {
    let OnList { tags, people, owner_node, connection } = arguments;
    let tags = files::parsed(tags, TAGS_BYTES_MAX, TagSet::from_bytes)?;
    let read = people.read(BATCH_MAX, SectorError::Batch)?;
    let client = connection.client()?;
    let key = client.list_key(tags.key())?.ok_or_else(unpublished)?;
    let question = Question::ask(&tags, &read.persons, &mut rand::rng());
    let question = question.map_err(files::not_done)?;
    let asked = Asked::First(question.blinded().clone());
    let answer = evaluated(&client, (&asked, &key), connection, owner_node)?;
    let listed = question.verdict(&tags, &read.persons, &answer).map_err(files::not_done)?;
    show_listed(&tags, &read.lines, listed, output)
}

/// The question through the node of a key's holder.
fn evaluated(
    client: &Client,
    (asked, key): (&Asked, &PublishedKey),
    connection: &Connection,
    node: &str,
) -> Result<Evaluated, Failure> {
    let holder = connection.with_node(node).client()?;
    Ok(client.evaluated(asked, key, &holder)?)
}

fn unpublished() -> Fault {
    Fault::Refused {
        code: "sector-key-unpublished",
        zh: "账本上没有公布该领域或名单的密钥".to_owned(),
        en: "no key of this sector or list is published on the ledger".to_owned(),
        detail: None,
    }
}

//! Why a node does not start although nothing failed: what it has stored, or was given, is not to
//! be relied on. Each text says what is wrong and what to do, in both languages.

use std::fmt::Display;
use std::path::Path;

use crate::fault::Fault;
use crate::node_config::NodeConfig;

/// What to do when the engine's files cannot be used.
fn rejoin(what: &Path) -> (String, String) {
    let what = what.display();
    (
        format!(
            "请将 {what} 移走，在 node.toml 中设置 join = \"另一节点的接口地址\"，再启动：节点从\
             其他节点取得快照，至下一届起才重新投票"
        ),
        format!(
            "move {what} away, set `join` in node.toml to the API of another node, and start \
             again: the node fetches a snapshot from its peers and votes again from the next \
             epoch on"
        ),
    )
}

fn refused(
    code: &'static str,
    zh: impl Display,
    en: impl Display,
    advice: &(String, String),
    detail: Option<String>,
) -> Fault {
    let (zh, en) = (format!("{zh}。{}", advice.0), format!("{en}: {}", advice.1));
    Fault::Refused { code, zh, en, detail }
}

/// The engine's files are not as the node left them.
pub(crate) fn engine_damaged(config: &NodeConfig, error: &dyn Display) -> Fault {
    let advice = rejoin(&config.engine());
    let (zh, en) = ("共识引擎的数据已损坏", "the data of the consensus engine is damaged");
    refused("engine-damaged", zh, en, &advice, Some(error.to_string()))
}

/// The engine cannot open its files, though they are as the node left them.
pub(crate) fn engine_failed(config: &NodeConfig, error: &dyn Display) -> Fault {
    let (zh, en) = rejoin(&config.engine());
    let advice = (
        format!("请先检查磁盘与权限并运行 chaincity fsck；仍不能启动时，{zh}"),
        format!("look at disk and permissions, run `chaincity fsck`; if it stays so, {en}"),
    );
    let (zh, en) = ("共识引擎无法打开其数据", "the consensus engine cannot open its data");
    refused("engine-failed", zh, en, &advice, Some(error.to_string()))
}

/// There is history, and no engine folder to go on with.
pub(crate) fn engine_missing(config: &NodeConfig) -> Fault {
    let advice = (
        "请在 node.toml 中设置 join = \"另一节点的接口地址\"，再启动：节点从其他节点取得快照，至\
         下一届起才重新投票"
            .to_owned(),
        "set `join` in node.toml to the API of another node, and start again: the node fetches a \
         snapshot from its peers and votes again from the next epoch on"
            .to_owned(),
    );
    let (zh, en) = ("有历史数据而无共识引擎的数据", "there is history, but no data of the engine");
    refused("engine-missing", zh, en, &advice, Some(config.engine().display().to_string()))
}

/// One of the two was restored or replaced without the other.
pub(crate) fn not_together(config: &NodeConfig, detail: &str) -> Fault {
    let advice = rejoin(&config.engine());
    let zh = "共识引擎的数据与历史数据不是同时留下的，其一或已被恢复、替换";
    let en = "the data of the engine and the history were not left together; one of them was \
              restored or replaced";
    refused("engine-of-other-time", zh, en, &advice, Some(detail.to_owned()))
}

/// The history cannot be opened or read.
pub(crate) fn history_damaged(config: &NodeConfig, error: &dyn Display) -> Fault {
    let (history, engine) = (config.history(), config.engine());
    let (history, engine) = (history.display(), engine.display());
    let advice = (
        format!(
            "请将 {history} 与 {engine} 都移走，在 node.toml 中设置 join = \"另一节点的接口地址\"\
             ，再启动：节点从其他节点取得快照与历史，至下一届起才重新投票"
        ),
        format!(
            "move both {history} and {engine} away, set `join` in node.toml to the API of another \
             node, and start again: the node fetches a snapshot and history from its peers and \
             votes again from the next epoch on"
        ),
    );
    let (zh, en) = ("历史数据已损坏", "the history is damaged");
    refused("history-damaged", zh, en, &advice, Some(error.to_string()))
}

/// The genesis document is not that of this ledger.
pub(crate) fn genesis_damaged(path: &Path, error: &dyn Display) -> Fault {
    let advice = (
        "请从另一节点复制该文件，再启动".to_owned(),
        "copy it from another node and start again".to_owned(),
    );
    let zh = format!("创世文件 {} 已损坏，或属于另一账本", path.display());
    let en = format!("the genesis document {} is damaged, or another ledger's", path.display());
    refused("genesis-damaged", zh, en, &advice, Some(error.to_string()))
}

/// The key file does not hold a key.
pub(crate) fn key_damaged(path: &Path, error: &dyn Display) -> Fault {
    let advice = (
        "请从备份恢复；若无备份，须由治理登记新的节点密钥".to_owned(),
        "restore it from its backup; without one, a new node key must be registered by governance"
            .to_owned(),
    );
    let zh = format!("密钥文件 {} 已损坏", path.display());
    let en = format!("the key file {} is damaged", path.display());
    refused("key-damaged", zh, en, &advice, Some(error.to_string()))
}

/// `node.toml` cannot be understood.
pub(crate) fn config_invalid(path: &Path, error: &dyn Display) -> Fault {
    let advice = ("请改正".to_owned(), "correct it".to_owned());
    let zh = format!("配置文件 {} 有误", path.display());
    let en = format!("the configuration {} is not valid", path.display());
    refused("config-invalid", zh, en, &advice, Some(error.to_string().replace('\n', " ")))
}

/// The data folder that the configuration names is not there.
pub(crate) fn data_missing(config: &NodeConfig) -> Fault {
    let data = config.data.display();
    let advice = (
        "若节点从未运行，请新建该目录；若曾运行，请改正 node.toml 中的 data，或恢复该目录，或设置 \
         join"
            .to_owned(),
        "make it if the node has never run; else correct `data` in node.toml, restore the folder, \
         or set `join`"
            .to_owned(),
    );
    let zh = format!("数据目录 {data} 不存在");
    let en = format!("there is no data folder {data}");
    refused("data-missing", zh, en, &advice, None)
}

//! What a node keeps for its member: the vault, the agent that answers accesses out of it, and the keys
//! of sectors and lists.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;

use chaincity_client::{Client, ClientError};
use chaincity_crypto::suite::SecretKey;
use chaincity_package::policy::Policy;
use chaincity_pipeline::NodeApi;
use chaincity_query::ReadModel;
use chaincity_release::Agent;
use chaincity_sector::{Keys, SectorError};
use chaincity_server::{Copying, Part};
use chaincity_types::wire::LogicalKey;
use chaincity_types::{Digest, Value};
use chaincity_vault::{TokenError, Vault, VaultError};
use futures::executor::block_on;

use crate::actor::remote;
use crate::city::read_key;
use crate::commands::{not_done, open_keys};
use crate::failure::chain;
use crate::fault::Fault;
use crate::node_config::{Evaluating, Keeping, NodeConfig};

/// What a node keeps for its member, opened.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) vault: Option<Arc<Vault>>,
    /// What part the vault has among those of the member.
    pub(crate) part: Part,
    /// What the agent does not answer by itself.
    policy: Policy,
    pub(crate) sector_keys: Option<Arc<Keys>>,
}

impl Kept {
    /// Opens what `node.toml` names.
    ///
    /// # Errors
    /// With the code of what is missing, in use or damaged, or does not open.
    pub(crate) fn open(config: &NodeConfig, ledger: Digest) -> Result<Self, Fault> {
        let mut kept = Self::default();
        if let Some(keeping) = &config.vault {
            kept.vault = Some(Arc::new(open(keeping)?));
            kept.part = part(keeping, ledger)?;
            kept.policy = policy(keeping)?;
        }
        let keys = config.sector.as_ref().map(|of| sector_keys(of, ledger)).transpose()?;
        kept.sector_keys = keys.map(Arc::new);
        Ok(kept)
    }

    /// Starts the agent on a thread of its own, if the configuration names its key.
    ///
    /// # Errors
    /// When the key cannot be read, or the operating system gives no thread.
    pub(crate) fn start_agent(
        &self,
        keeping: &Keeping,
        node: &Arc<dyn NodeApi>,
        model: &Arc<ReadModel>,
    ) -> Result<(), Fault> {
        let (Some(path), Some(vault)) = (&keeping.agent, &self.vault) else { return Ok(()) };
        let key = read_key(path)?;
        let (node, model, vault) = (Arc::clone(node), Arc::clone(model), Arc::clone(vault));
        let (is_standby, policy) = (keeping.standby, self.policy.clone());
        std::thread::Builder::new()
            .name("chaincity-release".into())
            .spawn(move || {
                let member = own_member(&*node);
                let agent = Agent::new(node, model, vault, key, member).with_policy(policy);
                let agent = if is_standby { agent.on_standby() } else { agent };
                agent.run(|| true);
            })
            .map_err(Fault::io(path))?;
        Ok(())
    }
}

/// Opens the vault that `node.toml` names.
///
/// # Errors
/// With the vault's code when it is missing, in use or damaged, or its key does not open it.
fn open(keeping: &Keeping) -> Result<Vault, Fault> {
    let key = keeping.key_files().open(&keeping.folder)?;
    Vault::open(&keeping.folder, &*key).map_err(|error| refused(&keeping.folder, &error))
}

/// A vault, or a file that opens one, that cannot be used, as a person is told: refused, or a fault
/// of this machine.
pub(crate) fn refused(path: &Path, error: &VaultError) -> Fault {
    let path = path.display();
    if is_fault(error) {
        let cause = chain(error);
        return Fault::other(
            format!("`{path}` 不可用：{}", in_chinese(error)),
            format!("`{path}` cannot be used: {cause}"),
        );
    }
    Fault::Refused {
        code: error.code(),
        zh: format!("`{path}` 不可用：{}", in_chinese(error)),
        en: format!("`{path}` cannot be used: {error}"),
        detail: error.source().map(chain),
    }
}

/// Whether the machine failed and not the vault: trying again may help.
const fn is_fault(error: &VaultError) -> bool {
    matches!(
        error,
        VaultError::Random
            | VaultError::Derivation
            | VaultError::Storage(_)
            | VaultError::File(_)
            | VaultError::Token(TokenError::Failed(_))
    )
}

/// The reason in Chinese. What no command and no start of a node can meet has no text of its own.
const fn in_chinese(error: &VaultError) -> &'static str {
    match error {
        VaultError::Folder => "目录须名为 vault",
        VaultError::Exists => "目录已被占用",
        VaultError::Missing => "目录中没有保险库或备份",
        VaultError::InUse => "已由另一进程打开",
        VaultError::KeyWrong => "密钥不符",
        VaultError::KeyKind => "保管方式不同：口令与令牌不能互换",
        VaultError::Token(error) => token_in_chinese(error),
        VaultError::PassphraseShort { .. } => "口令过短",
        VaultError::EpochGone { .. } => "备份所需的密钥届已不存在",
        VaultError::EscrowShape => "份额至少2份，至多255份，所需份数至少2份且不超过总数",
        VaultError::ShareDamaged => "份额损坏",
        VaultError::SharesDiffer => "份额不属于同一次托管",
        VaultError::SharesTooFew { .. } => "份额不足",
        VaultError::ErasuresPending => "由备份恢复，须先重新执行账本上的销毁",
        VaultError::Damaged(_) | VaultError::Group(_) => "内容损坏",
        VaultError::Random | VaultError::Derivation => "本机故障",
        VaultError::Storage(_) | VaultError::File(_) => "文件无法读写",
        VaultError::Unknown(_)
        | VaultError::Erased(_)
        | VaultError::OnLedger(_)
        | VaultError::Permanent(_)
        | VaultError::BasisMissing
        | VaultError::RequestDiffers
        | VaultError::EnvelopeDiffers
        | VaultError::Terms { .. } => "操作被拒绝",
    }
}

const fn token_in_chinese(error: &TokenError) -> &'static str {
    match error {
        TokenError::Module(_) => "PKCS#11 模块无法加载",
        TokenError::Missing => "模块中没有此标签且可以使用的令牌",
        TokenError::Ambiguous => "有多个令牌或密钥使用此标签",
        TokenError::PinFileOpen => "PIN 文件可被他人读取",
        TokenError::PinWrong => "PIN 不符",
        TokenError::Locked => "令牌已锁定，或再错一次即锁定",
        TokenError::KeyMissing => "令牌中没有此标签的 AES 密钥",
        TokenError::KeyExists => "令牌中已有此标签的密钥",
        TokenError::KeyUnfit => "密钥不是不可导出的 256 位密钥",
        TokenError::Failed(_) => "令牌故障",
    }
}

/// What part the vault has among those of its member.
///
/// # Errors
/// With `config-invalid` when it copies, or is on standby, and has no agent; when a file cannot be read.
fn part(keeping: &Keeping, ledger: Digest) -> Result<Part, Fault> {
    let key = keeping.agent.as_ref().map(|path| read_key(path)).transpose()?;
    let copies = keeping.standby || keeping.copy_to.is_some();
    let Some(key) = key else {
        return if copies { Err(without_agent()) } else { Ok(Part::default()) };
    };
    let agent = Some(key.public_key());
    let copy =
        keeping.copy_to.as_ref().map(|url| copying(keeping, (url, ledger), key)).transpose()?;
    Ok(Part { agent, is_standby: keeping.standby, copy })
}

fn without_agent() -> Fault {
    Fault::Refused {
        code: "config-invalid",
        zh: "`[vault]` 设有 `standby` 或 `copy_to` 时须写明 `agent`".to_owned(),
        en: "`[vault]` with `standby` or `copy_to` names an `agent`".to_owned(),
        detail: None,
    }
}

/// Hands copies to the node at `url`, signed in with the agent's key: for the first one, and again
/// after a failure, since that node may be down when this one starts.
fn copying(
    keeping: &Keeping,
    (url, ledger): (&str, Digest),
    key: SecretKey,
) -> Result<Copying, Fault> {
    let mut builder = Client::builder(ledger).node(url);
    if let Some(path) = &keeping.copy_authorities {
        builder = builder.authorities(&std::fs::read(path).map_err(Fault::io(path))?);
    }
    let client = builder.build().map_err(remote)?;
    let told = |error: ClientError| error.to_string();
    Ok(Arc::new(move |copy| {
        if client.operator().is_none() {
            client.sign_in(key.clone()).map_err(told)?;
        }
        client.keep_copy(copy).map_err(told)
    }))
}

/// The keys of sectors and lists that `node.toml` names, all of this ledger.
///
/// # Errors
/// Refused when one does not open, or is of another ledger.
fn sector_keys(of: &Evaluating, ledger: Digest) -> Result<Keys, Fault> {
    let keys = open_keys(&of.keys, &of.passphrase)?;
    if keys.public().all(|key| key.scope().ledger == ledger) {
        Ok(keys)
    } else {
        Err(not_done(SectorError::ScopeDiffers))
    }
}

/// The release policy that `node.toml` names; without one the agent answers what grant and consent allow.
///
/// # Errors
/// With `policy-invalid` when it cannot be understood; a fault when the file cannot be read.
fn policy(keeping: &Keeping) -> Result<Policy, Fault> {
    let Some(path) = &keeping.policy else { return Ok(Policy::default()) };
    let text = std::fs::read_to_string(path).map_err(Fault::io(path))?;
    Policy::read(&path.display().to_string(), &text).map_err(|problems| {
        let first = problems.first();
        let zh = first.map(|problem| problem.cause.zh.clone()).unwrap_or_default();
        Fault::Refused {
            code: "policy-invalid",
            zh: format!("`{}` 不是放行规则：{zh}", path.display()),
            en: format!("`{}` is no release policy", path.display()),
            detail: first.map(ToString::to_string),
        }
    })
}

/// The member whose node this is, by the governance registers; waits until they are there.
fn own_member(node: &dyn NodeApi) -> String {
    loop {
        let status = node.status();
        let key = LogicalKey::Record {
            package: "governance".into(),
            register: "node".into(),
            key: hex::encode(&status.node_key).into(),
        };
        if let Ok(Some((_, version))) = block_on(node.record(key))
            && let Some(member) = version.fields.get("member").and_then(Value::as_text)
        {
            return member.to_owned();
        }
        block_on(node.wait_above(status.height));
    }
}

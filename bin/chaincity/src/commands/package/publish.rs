//! `chaincity package approve | publish`: a package's folder comes into force, by consent of more
//! than half of the members that run a validator.
//!
//! Consent binds the document: whoever approves does so from the same folder, byte for byte.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chaincity_client::{Client, call};
use chaincity_ledger::governance;
use chaincity_package::source::Source;
use chaincity_types::wire::{Call, Mode};
use chaincity_types::{Reject, Value};
use clap::Args;
use serde::Serialize;

use super::{Which, checked};
use crate::commands::call::{Answer, execute, show};
use crate::commands::mandate::{APPROVE, HOURS, approvals, consent};
use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct Approve {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct Publish {
    #[command(flatten)]
    which: Which,
    /// 其他成员管理员的密钥文件，可多次给出 · key file of another member's administrator, who consents; may be given several times
    #[arg(long, value_name = "KEYFILE")]
    approve: Vec<PathBuf>,
    /// 其他成员以 package approve 给出的授意，可多次给出 · a mandate that another member gave by `package approve`; may be given several times
    #[arg(long, value_name = "KEY")]
    mandate: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Serialize)]
struct Approved<'a> {
    package: &'a str,
    version: u32,
    digest: String,
    member: String,
    mandate: &'a str,
}

pub(super) fn approve(arguments: &Approve, output: &mut Output) -> Result<Exit, Failure> {
    let Some(source) = checked(&arguments.which, output)? else { return Ok(Exit::Negative) };
    let (client, session) = arguments.connection.signed_in()?;
    let act = act(&client, &source)?;
    let (answer, _) = consent(&client, &session.member, &act, APPROVE, HOURS)?;
    let Some(mandate) = answer.first_key().filter(|_| answer.is_applied()) else {
        return show(&answer, output);
    };
    let approved = Approved {
        package: &source.doc.id,
        version: source.doc.version,
        digest: source.doc.digest().to_string(),
        member: session.member,
        mandate,
    };
    output.report(&approved, |told| {
        vec![
            format!(
                "{} 同意发布 · consents to: {} v{} (摘要 digest {})",
                told.member, told.package, told.version, told.digest
            ),
            format!("  发布时使用 · for `package publish`: --mandate {}", told.mandate),
        ]
    })?;
    Ok(Exit::Ok)
}

pub(super) fn publish(arguments: &Publish, output: &mut Output) -> Result<Exit, Failure> {
    let Publish { which, approve, mandate, connection } = arguments;
    let Some(source) = checked(which, output)? else { return Ok(Exit::Negative) };
    let (client, session) = connection.signed_in()?;
    let mut act = act(&client, &source)?;
    let mut mandates = mandate.clone();
    match approvals(connection, approve, &act, output)? {
        Ok(given) => mandates.extend(given),
        Err(refused) => return show(&refused, output),
    }
    act.mandates = (!mandates.is_empty()).then(|| mandates.into_iter().map(Into::into).collect());
    let answer = execute(&client, Mode::Atomic, &[act])?;
    let exit = show(&answer, output)?;
    if answer.is_applied() {
        let (package, version) = (&source.doc.id, source.doc.version);
        output.heading(&format!("现已生效 · now in force: {package} v{version}"))?;
    }
    for line in next(&answer, &client, &session.member, which)? {
        output.heading(&line)?;
    }
    Ok(exit)
}

/// The call that publishes. It says at once which version can follow the one in force.
fn act(client: &Client, source: &Source) -> Result<Call, Failure> {
    let (id, version) = (&source.doc.id, source.doc.version);
    let current = client.package(id)?.map_or(0, |found| found.package.version);
    let wanted = current.saturating_add(1);
    if version != wanted {
        return Err(Failure::usage(
            format!(
                "{id} 的下一版是第 {wanted} 版，此处写的是第 {version} 版：改 package.yaml 的 version"
            ),
            format!(
                "the next version of {id} is {wanted}, this says {version}: change `version` in \
                 package.yaml"
            ),
        ));
    }
    let document = Value::Bytes(source.doc.to_bytes());
    let input = BTreeMap::from([("document".into(), document)]);
    Ok(call(governance::ID, "publish-package", input))
}

/// What to do about a rejection.
fn next(
    answer: &Answer,
    client: &Client,
    own: &str,
    which: &Which,
) -> Result<Vec<String>, Failure> {
    let folder = match (&which.dir, &which.shipped) {
        (Some(dir), _) => dir.display().to_string(),
        (None, shipped) => format!("--shipped {}", shipped.as_deref().unwrap_or_default()),
    };
    if answer.has_code(Reject::MandateMissing) {
        let validators = client.validators()?.items.into_iter().map(|node| node.member);
        let mut others: Vec<_> = validators.filter(|member| member != own).collect();
        others.sort();
        others.dedup();
        let others = others.join(", ");
        return Ok(vec![
            format!("  还须这些成员中的一部分同意（连同本成员过半数）：{others}"),
            format!("  more than half must consent, your own member included; ask among: {others}"),
            "  其管理员以同一目录运行 · their administrators run, on the same folder:".to_owned(),
            format!("    chaincity package approve {folder} --city DIR --key THEIR.key"),
            "  然后加上 · then add: --mandate KEY …（本机有其密钥时 · with their keys at hand: \
             --approve THEIR.key …）"
                .to_owned(),
        ]);
    }
    if answer.has_code(Reject::GovernanceInvalid) {
        return Ok(vec![
            "  与现行版本的目录比较，✗ 为不相容之处 · compare with the folder of the version in \
             force, ✗ marks what cannot be:"
                .to_owned(),
            format!("    chaincity package diff OLD {folder}"),
        ]);
    }
    Ok(Vec::new())
}

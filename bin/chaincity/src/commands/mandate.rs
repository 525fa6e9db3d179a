//! `chaincity mandate`: a party consents to one definite act of another, or takes that back.
//!
//! A mandate binds the arguments: it is given for the very input that the call will have.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use chaincity_client::api::json::parse_time;
use chaincity_client::{Client, ClientError, call};
use chaincity_ledger::mandate_digest;
use chaincity_types::wire::{Call, Mode};
use chaincity_types::{Timestamp, Value};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::call::{Answer, execute, read_input, show};
use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::output::Output;

/// The built-in package that keeps mandates.
const GOVERNANCE: &str = "governance";
/// The purpose of mandates for what concerns all members.
pub(super) const APPROVE: &str = "approve";
const HOUR_MS: u64 = 3_600_000;
/// How long a mandate holds unless told otherwise.
pub(super) const HOURS: u64 = 24;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 为一项业务授意 · consent to one act
    Give(Box<Give>),
    /// 撤回未使用的授意 · take back a mandate that was not used
    Revoke {
        /// 授意编号 · the mandate's key
        mandate: String,
        #[command(flatten)]
        connection: Connection,
    },
}

#[derive(Debug, Args)]
struct Give {
    /// 应用包 · the package
    package: String,
    /// 业务动作 · the action
    action: String,
    /// 该业务的输入，须与办理时一致 · the act's input, the same as when it is done
    #[arg(long, value_name = "JSON|@FILE", default_value = "{}")]
    input: String,
    /// 用途，见业务动作的声明 · the purpose that the action declares
    #[arg(long = "for", value_name = "PURPOSE")]
    purpose: String,
    /// 当事人，默认为密钥所属成员 · the party; the key's member unless given
    #[arg(long, value_name = "ID")]
    party: Option<String>,
    /// 限于此办件 · only for this case
    #[arg(long, value_name = "ID")]
    case: Option<String>,
    /// 有效小时数 · hours for which it is valid
    #[arg(long, value_name = "N", default_value_t = HOURS,
          value_parser = clap::value_parser!(u64).range(1..=8_760))]
    hours: u64,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Serialize)]
struct Given<'a> {
    mandate: &'a str,
    party: String,
    expiry: String,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = match &arguments.action {
        Action::Give(give) => attempt_give(give, output),
        Action::Revoke { mandate, connection } => attempt_revoke(mandate, connection, output),
    };
    settle(outcome, true, output)
}

fn attempt_give(give: &Give, output: &mut Output) -> Result<Exit, Failure> {
    let input = read_input(&give.input)?;
    let (client, session) = give.connection.signed_in()?;
    let mut act = client.call_from_json(&give.package, &give.action, &input)?;
    act.case = give.case.as_deref().map(Into::into);
    let party = give.party.clone().unwrap_or(session.member);
    let (answer, expiry) = consent(&client, &party, &act, &give.purpose, give.hours)?;
    let Some(mandate) = answer.first_key().filter(|_| answer.is_applied()) else {
        return show(&answer, output);
    };
    let given = Given { mandate, party, expiry: expiry.to_string() };
    output.report(&given, |given| {
        vec![
            format!("已授意 · given: {}", given.mandate),
            format!("  当事人 · party: {}  有效期至 · until: {}", given.party, given.expiry),
            format!("  办理时使用 · use it with: --mandate {}", given.mandate),
        ]
    })?;
    Ok(Exit::Ok)
}

/// Gives a mandate of `party` for exactly this act; also tells until when it holds.
///
/// # Errors
/// When it is refused at admission or not final in time.
pub(super) fn consent(
    client: &Client,
    party: &str,
    act: &Call,
    purpose: &str,
    hours: u64,
) -> Result<(Answer, Timestamp), Failure> {
    let now = client.status()?.time;
    let now: Timestamp = parse_time(&now).ok_or_else(|| ClientError::Answer {
        url: "status".to_owned(),
        why: "a time that is none".to_owned(),
    })?;
    let expiry = now.plus_ms(hours.saturating_mul(HOUR_MS));
    let digest = mandate_digest(&act.input);
    let mut fields = BTreeMap::from([
        ("party".into(), Value::from(party)),
        ("package".into(), Value::Text(act.package.clone())),
        ("action".into(), Value::Text(act.action.clone())),
        ("purpose".into(), Value::from(purpose)),
        ("digest".into(), Value::Bytes(digest.as_bytes().to_vec())),
        ("expiry".into(), Value::Time(expiry)),
    ]);
    if let Some(case) = &act.case {
        fields.insert("case".into(), Value::Text(case.clone()));
    }
    let answer = execute(client, Mode::Atomic, &[call(GOVERNANCE, "mandate", fields)])?;
    Ok((answer, expiry))
}

/// The consent of the members of these keys to one act, a mandate each; the inner error is the
/// first that the ledger rejects.
///
/// # Errors
/// When a key cannot be read, no node accepts it, or a mandate is not final in time.
pub(super) fn approvals(
    connection: &Connection,
    keys: &[PathBuf],
    act: &Call,
    output: &mut Output,
) -> Result<Result<Vec<String>, Answer>, Failure> {
    let mut mandates = Vec::new();
    for key in keys {
        let (client, session) = connection.with_key(key).signed_in()?;
        let member = session.member;
        let given = consent(&client, &member, act, APPROVE, HOURS);
        if !given.as_ref().is_ok_and(|(answer, _)| answer.is_applied()) {
            output.heading(&format!(
                "{member} 的同意未被接受 · its consent is not accepted: {}",
                key.display()
            ))?;
        }
        let (answer, _) = given?;
        let Some(mandate) = answer.first_key().filter(|_| answer.is_applied()) else {
            return Ok(Err(answer));
        };
        output.heading(&format!("{member} 已同意 · consents: {mandate}"))?;
        mandates.push(mandate.to_owned());
    }
    Ok(Ok(mandates))
}

fn attempt_revoke(
    mandate: &str,
    connection: &Connection,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let (client, _) = connection.signed_in()?;
    let fields = BTreeMap::from([("mandate".into(), Value::from(mandate))]);
    let calls = vec![call(GOVERNANCE, "revoke-mandate", fields)];
    show(&execute(&client, Mode::Atomic, &calls)?, output)
}

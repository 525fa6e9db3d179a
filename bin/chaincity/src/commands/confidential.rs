//! `chaincity confidential`: the two signatures of a confidential access, by the steward's clerk and the
//! auditor, who open its request at the steward's node, and its lifting before the term ends. Its reader
//! asks and opens it by `chaincity read --confidential`.

use std::io;
use std::path::PathBuf;

use chaincity_client::{Client, Request, call};
use chaincity_types::calendar::days_of_date;
use chaincity_types::wire::{Call, Mode};
use chaincity_types::{Digest, Value};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::call::{execute, show as show_answer};
use super::today_in_china;
use crate::actor::fields;
use crate::city::write_secret;
use crate::connection::{Connection, a_digest};
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::output::Output;

const PACKAGE: &str = "disclosure";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 查看请求：何人为何目的调用何记录 · show a request: who asks for which record, and why
    Show(Named),
    /// 提供单位记录：第一个签字 · record it, as the steward's clerk: the first signature
    Record(Recorded),
    /// 审计会签：第二个签字，释放服务随即释放 · countersign it, as the auditor: the second signature, after which it is released
    Countersign(Countersigned),
    /// 期满前解除保密，随即公开 · lift it before its term, after which it is shown
    Lift(Numbered),
}

#[derive(Debug, Args)]
struct Named {
    /// 请求（承诺值）或保密调用编号 · the request (its commitment), or the number of the access
    access: String,
    // Of the steward, whose node keeps the vault.
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
struct Recorded {
    /// 请求（承诺值），由用数单位告知 · the request (its commitment), as its reader tells it
    #[arg(value_parser = a_digest)]
    request: Digest,
    /// 保密的法律依据 · the statute that keeps it confidential
    #[arg(long, value_name = "TEXT")]
    statute: String,
    /// 保密天数，自今日起 · for how many days from today it is confidential
    #[arg(long, value_name = "N")]
    days: u16,
    // Of the steward, whose node keeps the vault.
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
struct Countersigned {
    /// 保密调用编号 · the number of the access
    number: String,
    /// 请求连同其承诺值的开启数据存入该文件，由审计保管 · the file in which the auditor keeps the request, with what opens its commitment
    #[arg(long, value_name = "FILE")]
    keep: PathBuf,
    // Of the steward, whose node keeps the vault.
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
struct Numbered {
    /// 保密调用编号 · the number of the access
    number: String,
    #[command(flatten)]
    connection: Connection,
}

/// A request, as it is shown; no value of the record stands in it.
#[derive(Debug, Serialize)]
struct Shown {
    request: String,
    #[serde(flatten)]
    fields: Map<String, Json>,
}

/// A request, as the auditor keeps it.
#[derive(Serialize)]
struct Kept<'a> {
    number: &'a str,
    salt: String,
    bytes: String,
    #[serde(flatten)]
    shown: Shown,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    match &arguments.action {
        Action::Show(named) => settle(show(named, output), false, output),
        Action::Record(recorded) => settle(record(recorded, output), true, output),
        Action::Countersign(given) => settle(countersign(given, output), true, output),
        Action::Lift(numbered) => settle(lift(numbered, output), true, output),
    }
}

fn show(named: &Named, output: &mut Output) -> Result<Exit, Failure> {
    let client = named.connection.client()?;
    let request = match Digest::from_hex(&named.access) {
        Ok(request) => request,
        Err(_) => request_of(&client, &named.access)?,
    };
    let shown = Shown::of(&request, &client.request(&request)?);
    output.report(&shown, Shown::for_person)?;
    Ok(Exit::Ok)
}

fn record(recorded: &Recorded, output: &mut Output) -> Result<Exit, Failure> {
    let client = recorded.connection.client()?;
    let mut request = client.request(&recorded.request)?;
    let until = days_of_date(today_in_china()).saturating_add(i32::from(recorded.days));
    let input = fields([
        ("statute", Value::from(recorded.statute.as_str())),
        ("request", Value::Bytes(recorded.request.as_bytes().to_vec())),
        ("until", Value::Date(until)),
        ("key", request.fields.remove("key").unwrap_or(Value::Null)),
    ]);
    submit(&client, call(PACKAGE, "ask-confidential", input), output)
}

fn countersign(given: &Countersigned, output: &mut Output) -> Result<Exit, Failure> {
    let client = given.connection.client()?;
    let request = request_of(&client, &given.number)?;
    let opened = client.request(&request)?;
    let kept = Kept {
        number: &given.number,
        salt: hex::encode(opened.opening.salt().as_bytes()),
        bytes: hex::encode(opened.opening.bytes()),
        shown: Shown::of(&request, &opened),
    };
    // Nothing is signed that is not kept.
    let text = serde_json::to_string_pretty(&kept).map_err(io::Error::from)?;
    write_secret(&given.keep, &text)?;
    let input = fields([("confidential", Value::from(given.number.as_str()))]);
    submit(&client, call(PACKAGE, "countersign-confidential", input), output)
}

fn lift(numbered: &Numbered, output: &mut Output) -> Result<Exit, Failure> {
    let client = numbered.connection.client()?;
    let input = fields([("confidential", Value::from(numbered.number.as_str()))]);
    submit(&client, call(PACKAGE, "lift-confidential", input), output)
}

fn submit(client: &Client, call: Call, output: &mut Output) -> Result<Exit, Failure> {
    show_answer(&execute(client, Mode::Atomic, &[call])?, output)
}

/// The request of an access that the ledger has.
fn request_of(client: &Client, number: &str) -> Result<Digest, Failure> {
    client.request_of(number)?.ok_or_else(|| {
        Failure::usage("账本上没有这项保密调用", "the ledger has no such confidential access")
    })
}

impl Shown {
    fn of(request: &Digest, opened: &Request) -> Self {
        let mut fields = chaincity_package::json::from_fields(&opened.fields);
        // Of no meaning to a person.
        fields.remove("key");
        Self { request: request.to_string(), fields }
    }

    fn for_person(&self) -> Vec<String> {
        let text = |name: &str| match self.fields.get(name) {
            Some(Json::String(text)) => text.clone(),
            Some(Json::Array(texts)) => {
                texts.iter().filter_map(Json::as_str).collect::<Vec<_>>().join("、")
            }
            _ => String::new(),
        };
        let record = ["in_package", "register", "record"].map(text).join("/");
        vec![
            format!("请求 · request: {}", self.request),
            format!("  用数单位 · reader: {}", text("reader")),
            format!("  调用人 · officer: {}", text("officer")),
            format!("  记录 · record: {record}"),
            format!("  字段组 · groups: {}", text("groups")),
            format!("  派生结论 · claims: {}", text("claims")),
            format!("  目的 · purpose: {}", text("purpose")),
            format!("  业务号 · case: {}", text("case_number")),
        ]
    }
}

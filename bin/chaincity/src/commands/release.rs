//! `chaincity release`: what the release service of the own member left to a person, and his answer. What
//! nobody answers by the deadline is recorded as unanswered.

use std::io;

use chaincity_client::api::record::Record;
use chaincity_client::{Select, call};
use chaincity_types::Value;
use chaincity_types::wire::{Call, Mode};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value as Json;

use super::call::{execute, show};
use crate::actor::fields;
use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::output::Output;

const PACKAGE: &str = "disclosure";
/// Accesses asked for at a time.
const PAGE: usize = 200;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 列出等待本单位人员答复的调用 · list the accesses that wait for a person of the own member
    List(Connection),
    /// 答复一次调用：批准由释放服务释放，或拒绝 · answer one: let the service release it, or refuse it
    Answer(Box<Given>),
}

#[derive(Debug, Args)]
struct Given {
    /// 调用编号 · the access, by its number
    access: String,
    #[command(flatten)]
    decision: Decision,
    /// 拒绝理由，中文 · the reason in Chinese
    #[arg(long, value_name = "TEXT")]
    zh: Option<String>,
    /// 拒绝理由，英文 · the reason in English
    #[arg(long, value_name = "TEXT")]
    en: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Decision {
    /// 批准释放；授权和同意届时仍须有效 · let it be released, if grant and consent still allow it
    #[arg(long)]
    approve: bool,
    /// 拒绝，写明代码 · refuse it, with a code
    #[arg(long, value_name = "CODE", requires_all = ["zh", "en"])]
    refuse: Option<String>,
}

/// An access that waits; never a value of the record.
#[derive(Debug, Serialize)]
struct Waiting {
    access: String,
    reader: Json,
    officer: Json,
    record: String,
    groups: Json,
    claims: Json,
    asked: Json,
    deadline: Json,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    match &arguments.action {
        Action::List(connection) => settle(list(connection, output), false, output),
        Action::Answer(given) => settle(answer(given, output), true, output),
    }
}

fn list(connection: &Connection, output: &mut Output) -> Result<Exit, Failure> {
    let (client, session) = connection.signed_in()?;
    let accesses = Select::new(PACKAGE, "access").eq("steward", &session.member);
    let mut select = accesses.eq("state", "asked").eq("needs_person", "true").limit(PAGE);
    loop {
        let page = client.select(&select)?;
        for record in page.items {
            output.record(&Waiting::of(record), Waiting::for_person)?;
        }
        match page.next {
            Some(next) => select = select.after(&next),
            None => return Ok(Exit::Ok),
        }
    }
}

fn answer(given: &Given, output: &mut Output) -> Result<Exit, Failure> {
    let client = given.connection.client()?;
    let answered = execute(&client, Mode::Atomic, &[given.call()])?;
    show(&answered, output)
}

impl Given {
    fn call(&self) -> Call {
        let access = || Value::from(self.access.as_str());
        if self.decision.approve {
            return call(PACKAGE, "approve-access", fields([("access", access())]));
        }
        let text = |text: &Option<String>| Value::from(text.as_deref().unwrap_or_default());
        let reason = fields([("zh", text(&self.zh)), ("en", text(&self.en))]);
        let input = fields([
            ("access", access()),
            ("code", text(&self.decision.refuse)),
            ("reason", Value::Map(reason)),
            // The release service notes whom the record is about.
            ("subjects", Value::List(Vec::new())),
        ]);
        call(PACKAGE, "refuse", input)
    }
}

impl Waiting {
    fn of(mut record: Record) -> Self {
        let mut take = |name: &str| record.fields.remove(name).unwrap_or_default();
        let place = ["in_package", "register", "record"].map(&mut take);
        let place = place.iter().filter_map(Json::as_str).collect::<Vec<_>>().join("/");
        Self {
            reader: take("reader"),
            officer: take("officer"),
            record: place,
            groups: take("groups"),
            claims: take("claims"),
            asked: take("asked"),
            deadline: take("deadline"),
            access: record.key,
        }
    }

    fn for_person(&self) -> String {
        let text = |json: &Json| match (json.as_str(), json.as_array()) {
            (Some(text), _) => text.to_owned(),
            (None, texts) => {
                let texts = texts.into_iter().flatten().filter_map(Json::as_str);
                texts.collect::<Vec<_>>().join("、")
            }
        };
        let parts = [&self.groups, &self.claims].map(text);
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let (reader, deadline) = (text(&self.reader), text(&self.deadline));
        let Self { access, record, .. } = self;
        let parts = parts.join("、");
        format!("{access}  {reader}  {record}  {parts}  答复截止 · due: {deadline}")
    }
}

//! `chaincity case`: a case with its tasks and what it waits for. It is begun and moved by
//! `chaincity call case ACTION`. Figures and what is overdue: [`figures`].

mod figures;

use std::io;

use chaincity_client::api::record::{LIMIT_MAX, Record};
use chaincity_client::{Client, Select};
use clap::{Args, Subcommand};

use super::query::show;
use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::output::Output;

/// The package that carries cases out.
const CASE: &str = "case";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 查看办件：任务、等待的事件、材料、意见 · a case with its tasks, awaited events, attachments, comments
    Show(Box<Show>),
    /// 统计：新增、办结、在办、逾期、用时 · figures: opened, done, open, overdue, time taken
    Statistics(Box<figures::Statistics>),
    /// 逾期任务 · overdue tasks
    Overdue(Box<figures::Overdue>),
}

#[derive(Debug, Args)]
struct Show {
    /// 办件的主键 · the case's key
    case: String,
    #[command(flatten)]
    connection: Connection,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = match &arguments.action {
        Action::Show(asked) => attempt(asked, output),
        Action::Statistics(asked) => figures::statistics(asked, output),
        Action::Overdue(asked) => figures::overdue(asked, output),
    };
    settle(outcome, false, output)
}

fn attempt(Show { case, connection }: &Show, output: &mut Output) -> Result<Exit, Failure> {
    let client = connection.client()?;
    let Some(mut record) = client.record(CASE, CASE, case)? else {
        output.failure(&serde_json::json!({"ok": false, "code": "no-such-record"}), |_| {
            vec![format!("没有此办件 · no such case: {case}")]
        })?;
        return Ok(Exit::Negative);
    };
    // Only programs read it.
    record.fields.remove("state");
    show(&record, output)?;
    for (register, status, heading) in [
        ("task", "any", "任务 · tasks"),
        ("wait", "live", "等待的事件 · awaited events"),
        ("attachment", "any", "材料 · attachments"),
        ("comment", "any", "意见 · comments"),
    ] {
        let mut found = all(&client, register, status, case)?;
        if found.is_empty() {
            continue;
        }
        found.sort_by(|a, b| number(a).cmp(&number(b)).then_with(|| a.began.cmp(&b.began)));
        output.heading(heading)?;
        for record in &found {
            show(record, output)?;
        }
    }
    Ok(Exit::Ok)
}

/// The number of a task or awaited event, in the order in which they came.
fn number(record: &Record) -> Option<u64> {
    record.key.rsplit_once('-').and_then(|(_, number)| number.parse().ok())
}

/// Every record of a register that is of the case.
fn all(client: &Client, register: &str, status: &str, case: &str) -> Result<Vec<Record>, Failure> {
    let mut select = Select::new(CASE, register).eq("case", case).status(status).limit(LIMIT_MAX);
    let mut found = Vec::new();
    loop {
        let page = client.select(&select)?;
        found.extend(page.items);
        match page.next {
            Some(next) => select = select.after(&next),
            None => return Ok(found),
        }
    }
}

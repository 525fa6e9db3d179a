//! `chaincity query`: finds records of a register by its declared indexes.

use std::io;

use chaincity_client::Select;
use chaincity_client::api::record::{LIMIT_MAX, Record};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value as Json;

use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::output::Output;

const OPERATORS: [&str; 8] = ["eq", "ne", "lt", "le", "gt", "ge", "prefix", "has"];

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 应用包 · the package
    package: String,
    /// 登记簿 · the register
    register: String,
    /// 条件，可多次给出：字段=值，或 字段=比较:值（eq ne lt le gt ge prefix has） ·
    /// a condition: FIELD=VALUE, or FIELD=OP:VALUE; may be given several times, all must hold
    #[arg(long = "where", value_name = "FIELD=OP:VALUE", value_parser = a_condition)]
    conditions: Vec<Condition>,
    /// 排序字段，前加 - 为降序（写作 --sort=-字段） · sort by a field, descending as --sort=-FIELD
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    sort: Vec<String>,
    /// 每页条数 · records in a page
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = a_limit)]
    limit: usize,
    /// 上一页给出的翻页标记 · the page after the one that gave this
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// 取回所有页 · fetch every page
    #[arg(long)]
    all: bool,
    /// 记录状态 · which records
    #[arg(long, value_enum, default_value_t = Status::Live)]
    status: Status,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Status {
    /// 现势 · in force
    Live,
    /// 历史（已注销） · closed
    Closed,
    /// 全部 · any
    Any,
}

#[derive(Clone, Debug)]
struct Condition {
    field: String,
    op: &'static str,
    value: String,
}

fn a_condition(text: &str) -> Result<Condition, &'static str> {
    let (field, value) = text.split_once('=').ok_or("not FIELD=VALUE or FIELD=OP:VALUE")?;
    if field.is_empty() {
        return Err("no field before the `=`");
    }
    let named = value.split_once(':').and_then(|(op, rest)| {
        OPERATORS.iter().find(|known| **known == op).map(|known| (*known, rest))
    });
    let (op, value) = named.unwrap_or(("eq", value));
    Ok(Condition { field: field.to_owned(), op, value: value.to_owned() })
}

pub(super) fn a_limit(text: &str) -> Result<usize, String> {
    let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| format!("not a number from 1 to {LIMIT_MAX}"))
}

/// What stands after the records.
#[derive(Debug, Serialize)]
struct End {
    /// Height that the node's read model had reached.
    height: u64,
    /// For `--after`.
    next: Option<String>,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(arguments, output);
    settle(outcome, false, output)
}

fn attempt(arguments: &Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let client = arguments.connection.client()?;
    let mut select = Select::new(&arguments.package, &arguments.register)
        .limit(arguments.limit)
        .status(match arguments.status {
            Status::Live => "live",
            Status::Closed => "closed",
            Status::Any => "any",
        });
    for Condition { field, op, value } in &arguments.conditions {
        select = select.when(field, op, value);
    }
    for field in &arguments.sort {
        select = select.sort(field);
    }
    if let Some(cursor) = &arguments.after {
        select = select.after(cursor);
    }
    let mut count: usize = 0;
    loop {
        let page = client.select(&select)?;
        count = count.saturating_add(page.items.len());
        for record in &page.items {
            show(record, output)?;
        }
        match page.next {
            Some(next) if arguments.all => select = select.after(&next),
            next => {
                let end = End { height: page.height, next };
                output.report(&end, |end| for_person(end, count))?;
                return Ok(Exit::Ok);
            }
        }
    }
}

fn for_person(end: &End, count: usize) -> Vec<String> {
    let mut lines =
        vec![format!("{count} 条记录 · records, 截至区块 · as of block {}", end.height)];
    lines.extend(end.next.as_ref().map(|next| format!("下一页 · next page: --after {next}")));
    lines
}

/// Prints one version of a record.
///
/// # Errors
/// When standard output fails.
pub(super) fn show(record: &Record, output: &mut Output) -> io::Result<()> {
    output.report(record, |record| {
        let status = if record.status == "live" { "现势 · live" } else { "已注销 · closed" };
        let mut lines = vec![format!(
            "{}  v{}  {status}  {}  {}/{}  {}",
            record.key,
            record.version,
            record.began,
            record.by.package,
            record.by.action,
            record.by.member
        )];
        let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for (name, value) in &record.fields {
            lines.push(format!("    {name}: {}", text(value)));
        }
        for (name, value) in &record.computed {
            lines.push(format!("    {name}: {}  （计算所得 · computed）", text(value)));
        }
        lines.extend(record.reason.as_ref().map(|reason| format!("    事由 · reason: {reason}")));
        if let Some(corrects) = &record.corrects {
            lines.push(format!(
                "    更正第 {v} 版 · corrects version {v}: {} ({})",
                corrects.reason,
                corrects.basis,
                v = corrects.version
            ));
        }
        lines
    })
}

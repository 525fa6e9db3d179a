//! `chaincity history`: every version of a record, or the one in force at a time.

use std::io;

use chaincity_client::api::json::parse_instant;
use chaincity_types::Timestamp;
use clap::Args;

use super::query::{a_limit, show};
use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 应用包 · the package
    package: String,
    /// 登记簿 · the register
    register: String,
    /// 记录的主键 · the record's key
    record: String,
    /// 只看该时刻有效的版本（RFC 3339） · only the version in force then, such as 2026-11-21T09:00:00+08:00
    #[arg(long, value_name = "TIME", value_parser = a_time)]
    as_of: Option<Timestamp>,
    /// 最多显示的版本数，自新至旧 · most versions to show, newest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = a_limit,
          conflicts_with = "as_of")]
    limit: usize,
    /// 只看此版本之前的版本 · only versions before this one
    #[arg(long, value_name = "VERSION", conflicts_with = "as_of")]
    before: Option<u64>,
    #[command(flatten)]
    connection: Connection,
}

pub(super) fn a_time(text: &str) -> Result<Timestamp, &'static str> {
    parse_instant(text).ok_or("not an RFC 3339 time such as 2026-11-21T09:00:00+08:00")
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(arguments, output);
    settle(outcome, false, output)
}

fn attempt(arguments: &Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let Arguments { package, register, record: key, .. } = arguments;
    let client = arguments.connection.client()?;
    let found = match arguments.as_of {
        Some(time) => client.as_of(package, register, key, time)?.into_iter().collect(),
        None => client.history(package, register, key, arguments.before, arguments.limit)?.items,
    };
    for version in &found {
        show(version, output)?;
    }
    if found.is_empty() {
        output.failure(&serde_json::json!({"ok": false, "code": "no-such-record"}), |_| {
            vec![format!("没有此记录 · no such record: {package}/{register} {key}")]
        })?;
        return Ok(Exit::Negative);
    }
    Ok(Exit::Ok)
}

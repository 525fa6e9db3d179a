//! `chaincity explain`: how a record came to be as it is, every version proved and checked.

use std::io;
use std::path::{Path, PathBuf};

use chaincity_types::Timestamp;
use clap::Args;
use serde::Serialize;

use super::history::a_time;
use crate::connection::Connection;
use crate::exit::Exit;
use crate::explain::{Report, page, words};
use crate::failure::{Failure, settle};
use crate::fault::Fault;
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 记录：应用包 登记簿 主键，或写作 应用包/登记簿/主键 · the record: package, register and key, or
    /// PACKAGE/REGISTER/KEY
    #[arg(required = true, num_args = 1..=3, value_names = ["PACKAGE", "REGISTER", "KEY"])]
    record: Vec<String>,
    /// 说明记录在该时刻的样子（RFC 3339） · the record as it stood then, such as 2026-11-21T09:00:00+08:00
    #[arg(long, value_name = "TIME", value_parser = a_time)]
    at: Option<Timestamp>,
    /// 写成可打印的网页 · write it as a page to print
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Written<'a> {
    ok: bool,
    file: &'a Path,
    versions: usize,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(arguments, output);
    settle(outcome, false, output)
}

fn attempt(arguments: &Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let (package, register, key) = place(&arguments.record)?;
    let client = arguments.connection.client()?;
    let Some(record) = client.explain_proved(package, register, key)? else {
        output.failure(&serde_json::json!({"ok": false, "code": "no-such-record"}), |_| {
            vec![format!("没有此记录 · no such record: {package}/{register}/{key}")]
        })?;
        return Ok(Exit::Negative);
    };
    let report = Report::new(client.ledger(), (package, register, key), record, arguments.at);
    match &arguments.html {
        None => output.report(&report, words::lines)?,
        Some(file) => {
            std::fs::write(file, page::page(&report)).map_err(Fault::io(file))?;
            let versions = report.versions.len();
            output.report(&Written { ok: report.ok, file, versions }, |written| {
                let told = if written.ok {
                    "已核验 · verified"
                } else {
                    "未全部通过核验 · not all verified"
                };
                let file = written.file.display();
                vec![format!("已写入 · written: {file}，{versions} 版 · versions，{told}")]
            })?;
        }
    }
    Ok(if report.ok && !report.versions.is_empty() { Exit::Ok } else { Exit::Negative })
}

/// Package, register and key. A key may hold a `/`, the others do not.
fn place(record: &[String]) -> Result<(&str, &str, &str), Failure> {
    let parts = match record {
        [one] => {
            let mut parts = one.splitn(3, '/');
            parts.next().zip(parts.next()).zip(parts.next())
        }
        [package, register, key] => Some(((package.as_str(), register.as_str()), key.as_str())),
        _ => None,
    };
    let ((package, register), key) = parts.ok_or_else(|| {
        Failure::usage(
            "记录须写作：应用包 登记簿 主键，或 应用包/登记簿/主键",
            "name the record as PACKAGE REGISTER KEY or as PACKAGE/REGISTER/KEY",
        )
    })?;
    Ok((package, register, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_named_by_three_words_or_by_one_with_slashes() {
        let words = |parts: &[&str]| parts.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
        let wanted = ("real-estate", "unit", "a/b");
        assert_eq!(place(&words(&["real-estate", "unit", "a/b"])).unwrap(), wanted);
        assert_eq!(place(&words(&["real-estate/unit/a/b"])).unwrap(), wanted);
        for wrong in [&["real-estate/unit"][..], &["real-estate", "unit"]] {
            assert!(matches!(place(&words(wrong)), Err(Failure::Usage { .. })), "{wrong:?}");
        }
    }
}

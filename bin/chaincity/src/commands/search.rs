//! `chaincity search`: finds records of a register by what stands encrypted in the own member's vault. It
//! is asked and answered on the ledger; what is searched for is sealed, and never an argument.

use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use chaincity_client::{Search, Searched};
use clap::Args;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::fault::Fault;
use crate::output::{Output, STANDARD};

/// Longest value in a file: no term is longer.
const VALUE_BYTES_MAX: u64 = 4_096;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 应用包 · the package
    package: String,
    /// 登记簿 · the register
    register: String,
    /// 检索词类别，如 name、address，由应用包的 find_by 规定 · kind of term, such as name or address: the
    /// package's find_by
    #[arg(long, value_name = "KIND")]
    by: String,
    /// 检索内容所在文件，- 为标准输入；不得写在命令行上 · a file with what is searched for, - for standard
    /// input; it is not written on the command line
    #[arg(long, value_name = "@FILE|-")]
    value: String,
    /// 检索目的 · the purpose
    #[arg(long, value_name = "TEXT")]
    purpose: String,
    /// 业务号 · number of the case
    #[arg(long, value_name = "ID")]
    case: String,
    /// 本单位保管库所在节点；默认与 --node 相同 · address of the node that keeps the own member's vault; that of --node by default
    #[arg(long, value_name = "URL")]
    steward_node: Option<String>,
    /// 等待答复的秒数 · seconds to wait for the answer
    #[arg(long, value_name = "N", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(0..=3_600))]
    wait: u64,
    #[command(flatten)]
    connection: Connection,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Shown {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hits: Vec<HitShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    zh: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    en: String,
}

#[derive(Debug, Serialize)]
struct HitShown {
    record: String,
    version: u64,
    group: String,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(arguments, output);
    settle(outcome, true, output)
}

fn attempt(arguments: &Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let client = arguments.connection.client()?;
    let at_steward = arguments.steward_node.as_ref();
    let steward = at_steward.map(|url| arguments.connection.with_node(url).client()).transpose()?;
    let search = Search {
        package: arguments.package.clone(),
        register: arguments.register.clone(),
        kind: arguments.by.clone(),
        text: value(&arguments.value)?,
        purpose: arguments.purpose.clone(),
        case: arguments.case.clone(),
    };
    let wait = Duration::from_secs(arguments.wait);
    let searched = client.search(&search, steward.as_ref().unwrap_or(&client), wait)?;
    let (shown, exit) = shown(searched);
    output.report(&shown, for_person)?;
    Ok(exit)
}

/// What is searched for, without the line's end. What was typed in place of a file is not repeated.
fn value(place: &str) -> Result<Zeroizing<String>, Failure> {
    let path = match place.strip_prefix('@') {
        Some(file) => Path::new(file),
        None if place == STANDARD => Path::new(STANDARD),
        None => {
            return Err(Failure::usage(
                "--value 写作 @文件 或 -，检索内容不得写在命令行上",
                "--value is written as @FILE or -; what is searched for is no argument",
            ));
        }
    };
    let source: Box<dyn io::Read> = if path == Path::new(STANDARD) {
        Box::new(io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(Fault::io(path))?)
    };
    let mut text = Zeroizing::new(String::new());
    source.take(VALUE_BYTES_MAX).read_to_string(&mut text).map_err(Fault::io(path))?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

fn shown(searched: Searched) -> (Shown, Exit) {
    match searched {
        Searched::Found { search, hits } => {
            let found = hits.len();
            let hits = hits.into_iter().map(|hit| HitShown {
                record: hit.record,
                version: hit.version,
                group: hit.group,
            });
            let shown = Shown {
                state: "answered",
                search: Some(search),
                found: Some(found),
                hits: hits.collect(),
                ..Shown::default()
            };
            (shown, if found == 0 { Exit::Negative } else { Exit::Ok })
        }
        Searched::Refused { search, code, zh, en } => {
            let (search, code) = (Some(search), Some(code));
            (Shown { state: "refused", search, code, zh, en, ..Shown::default() }, Exit::Rejected)
        }
        Searched::Rejected { code } => {
            let shown = Shown { state: "rejected", code: Some(code), ..Shown::default() };
            (shown, Exit::Rejected)
        }
        Searched::Unanswered { search } => {
            let shown = Shown { state: "unanswered", search: Some(search), ..Shown::default() };
            (shown, Exit::Negative)
        }
    }
}

fn for_person(shown: &Shown) -> Vec<String> {
    let mut lines = vec![match (shown.state, shown.found) {
        ("answered", Some(found)) => format!("命中 {found} 条记录 · {found} records found"),
        ("refused", _) => "被拒绝 · refused".to_owned(),
        ("rejected", _) => "未受理 · rejected".to_owned(),
        _ => "尚未答复 · not answered".to_owned(),
    }];
    lines.extend(shown.code.as_ref().map(|code| format!("  {code}  {} · {}", shown.zh, shown.en)));
    for HitShown { record, version, group } in &shown.hits {
        lines.push(format!("  {record}  第 {version} 版 · version {version}  {group}"));
    }
    lines.extend(shown.search.as_ref().map(|search| format!("  检索编号 · search: {search}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_the_command_line_is_refused() {
        for typed in ["张三", "--", ""] {
            assert!(matches!(value(typed), Err(Failure::Usage { .. })), "{typed}");
        }
    }
}

//! `chaincity search`: finds records of a register by what stands encrypted in the own member's vault. It
//! is asked and answered on the ledger; what is searched for is sealed, and never an argument.

use std::io::{self, Read as _};
use std::path::Path;

use chaincity_client::{Hit, Search};
use clap::Args;
use serde::Serialize;
use zeroize::Zeroizing;

use super::asking::{Asking, Shown};
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
    /// 检索目的，连同业务号与检索内容一起封存 · the purpose; sealed with the case number beside what is searched for
    #[arg(long, value_name = "TEXT")]
    purpose: String,
    /// 业务号 · number of the case
    #[arg(long, value_name = "ID")]
    case: String,
    #[command(flatten)]
    asking: Asking,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hits: Vec<HitShown>,
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
    let (client, steward) = arguments.asking.clients()?;
    let search = Search {
        package: arguments.package.clone(),
        register: arguments.register.clone(),
        kind: arguments.by.clone(),
        text: value(&arguments.value)?,
        purpose: arguments.purpose.clone(),
        case: arguments.case.clone(),
    };
    let steward = steward.as_ref().unwrap_or(&client);
    let searched = client.search(&search, steward, arguments.asking.wait())?;
    let (shown, exit) = Shown::of(searched, "answered", told);
    output.report(&shown, for_person)?;
    Ok(if shown.told.found == Some(0) { Exit::Negative } else { exit })
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

/// The search, and what was found.
fn told(search: Option<String>, found: Option<Vec<Hit>>) -> Told {
    let shown = |Hit { record, version, group }| HitShown { record, version, group };
    let (count, hits) = (found.as_ref().map(Vec::len), found.unwrap_or_default());
    Told { search, found: count, hits: hits.into_iter().map(shown).collect() }
}

fn for_person(shown: &Shown<Told>) -> Vec<String> {
    let found = shown.told.found.unwrap_or_default();
    let mut lines = shown.head(format!("命中 {found} 条记录 · {found} records found"));
    let shown = &shown.told;
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

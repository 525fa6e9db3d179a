//! `chaincity seal`: puts a field group into the vault of the operator's member, before the
//! transaction that names its commitment.

use std::collections::BTreeMap;
use std::io;

use chaincity_client::api::vault::SealRequest;
use clap::Args;
use rand::Rng as _;
use serde::Serialize;

use super::call::read_input;
use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 应用包 · the package
    package: String,
    /// 将存放承诺值的登记簿，或其办件将存放于加密变量的流程 · the register whose record will hold the
    /// commitment, or the process whose case will, in an encrypted variable
    register: String,
    /// 字段组 · the field group
    group: String,
    /// 字段组内容：@文件，或 @- 从标准输入；直接写在命令行会留在命令历史中 ·
    /// the group's fields: @FILE, or @- for standard input; written on the command line they stay in its history
    #[arg(long, value_name = "JSON|@FILE")]
    values: String,
    /// 假名所限的范围，登记簿字段=值，可重复 · what pseudonyms are scoped to, FIELD=VALUE of the register; may be repeated
    #[arg(long = "scope", value_name = "FIELD=VALUE", value_parser = scope)]
    scopes: Vec<(String, String)>,
    #[command(flatten)]
    connection: Connection,
}

fn scope(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(field, value)| !field.is_empty() && !value.is_empty());
    let pair = pair.map(|(field, value)| (field.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "应写作 字段=值 · written as FIELD=VALUE".to_owned())
}

#[derive(Debug, Serialize)]
struct Sealed {
    commitment: String,
    /// What the record's field takes.
    value: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pseudonyms: BTreeMap<String, String>,
}

impl Sealed {
    fn words(&self) -> String {
        let mut lines = vec![format!("承诺值 · commitment: {}", self.commitment)];
        if self.value != self.commitment {
            lines.push(format!("填入字段的值 · the field's value: {}", self.value));
        }
        let line =
            |(field, made): (&String, &String)| format!("假名 · pseudonym `{field}`: {made}");
        lines.extend(self.pseudonyms.iter().map(line));
        lines.join("\n")
    }
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(arguments, output);
    settle(outcome, true, output)
}

fn attempt(arguments: &Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let client = arguments.connection.client()?;
    let mut request = [0; 32];
    rand::rng().fill_bytes(&mut request);
    let sealed = client.seal(&SealRequest {
        package: arguments.package.clone(),
        register: arguments.register.clone(),
        group: arguments.group.clone(),
        request: hex::encode(request),
        values: read_input(&arguments.values)?,
        scopes: arguments.scopes.iter().cloned().collect(),
    })?;
    let sealed = Sealed {
        commitment: sealed.commitment.to_string(),
        value: hex::encode(sealed.value),
        pseudonyms: sealed.pseudonyms,
    };
    output.record(&sealed, Sealed::words)?;
    Ok(Exit::Ok)
}

//! `chaincity seal`: puts a field group into the vault of the operator's member, before the
//! transaction that names its commitment.

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
    /// 将存放承诺值的登记簿 · the register whose record will hold the commitment
    register: String,
    /// 字段组 · the field group
    group: String,
    /// 字段组内容：@文件，或 @- 从标准输入；直接写在命令行会留在命令历史中 ·
    /// the group's fields: @FILE, or @- for standard input; written on the command line they stay in its history
    #[arg(long, value_name = "JSON|@FILE")]
    values: String,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Serialize)]
struct Sealed {
    commitment: String,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(arguments, output);
    settle(outcome, true, output)
}

fn attempt(arguments: &Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let client = arguments.connection.client()?;
    let mut request = [0; 32];
    rand::rng().fill_bytes(&mut request);
    let commitment = client.seal_group(&SealRequest {
        package: arguments.package.clone(),
        register: arguments.register.clone(),
        group: arguments.group.clone(),
        request: hex::encode(request),
        values: read_input(&arguments.values)?,
    })?;
    let sealed = Sealed { commitment: commitment.to_string() };
    output.record(&sealed, |sealed| format!("承诺值 · commitment: {}", sealed.commitment))?;
    Ok(Exit::Ok)
}

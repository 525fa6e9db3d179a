//! `chaincity call`: signs a transaction, submits it and shows its receipt, whose proof is checked.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaincity_client::api::transaction::{ReceiptInfo, RejectionInfo, WAIT_MS_MAX};
use chaincity_client::{Client, ClientError};
use chaincity_types::Reject;
use chaincity_types::wire::{Call, Mode};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::mandate::approvals;
use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::fault::Fault;
use crate::output::Output;

/// Most bytes of an input file: a transaction is smaller.
const INPUT_BYTES_MAX: u64 = 4 * 1024 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 应用包 · the package
    #[arg(required_unless_present = "calls", requires = "action")]
    package: Option<String>,
    /// 业务动作 · the action
    action: Option<String>,
    /// 输入：JSON 对象，或 @文件，或 @- 从标准输入 · the input: a JSON object, @FILE, or @- for standard input
    #[arg(long, value_name = "JSON|@FILE", default_value = "{}")]
    input: String,
    /// 使用的授意，可多次给出 · a mandate to use; may be given several times
    #[arg(long, value_name = "KEY")]
    mandate: Vec<String>,
    /// 以此密钥代其成员同意本次调用（治理动作），可多次给出 · consent as this key's member first, for a governance action; may be given several times
    #[arg(long, value_name = "KEYFILE")]
    approve: Vec<PathBuf>,
    /// 办件编号 · the case it belongs to
    #[arg(long, value_name = "ID")]
    case: Option<String>,
    /// 所完成的办件任务 · the case's task that it completes
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// 多项调用：JSON 数组，各项含 package、action、input，可含 mandates、case、task ·
    /// several calls: a JSON array of objects with package, action, input, and perhaps mandates, case, task
    #[arg(long, value_name = "JSON|@FILE", conflicts_with_all = ["package", "input", "mandate", "approve", "case", "task"])]
    calls: Option<String>,
    /// 全部生效或全部不生效（默认） · all calls apply or none does (the default)
    #[arg(long, conflicts_with = "independent")]
    atomic: bool,
    /// 各项调用各自生效 · each call applies on its own
    #[arg(long)]
    independent: bool,
    /// 提交后不等回执 · do not wait for the receipt
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    connection: Connection,
}

/// One call as written in `--calls`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallText {
    package: String,
    action: String,
    #[serde(default)]
    input: Map<String, Json>,
    #[serde(default)]
    mandates: Vec<String>,
    #[serde(default)]
    case: Option<String>,
    #[serde(default)]
    task: Option<String>,
}

/// Why a call was rejected, as a person is told.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    code: String,
    /// Which call, from 0.
    call: u32,
    zh: String,
    en: String,
    detail: Option<String>,
}

/// The receipt with the texts of its rejections.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    applied: bool,
    rejections: Vec<Told>,
    receipt: ReceiptInfo,
}

#[derive(Debug, Serialize)]
struct Submitted {
    id: String,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(arguments, output);
    settle(outcome, true, output)
}

fn attempt(arguments: &Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let texts = texts(arguments)?;
    let client = arguments.connection.client()?;
    let mut calls = Vec::new();
    for text in texts {
        let mut call = client.call_from_json(&text.package, &text.action, &text.input)?;
        let mut mandates = text.mandates;
        match approvals(&arguments.connection, &arguments.approve, &call, output)? {
            Ok(given) => mandates.extend(given),
            Err(refused) => return show(&refused, output),
        }
        call.case = text.case.map(Into::into);
        call.task = text.task.map(Into::into);
        call.mandates =
            (!mandates.is_empty()).then(|| mandates.into_iter().map(Into::into).collect());
        calls.push(call);
    }
    let mode = if arguments.independent { Mode::Independent } else { Mode::Atomic };
    if arguments.no_wait {
        let signed = client.sign(&client.transaction(mode, calls)?)?;
        client.submit(&signed, Duration::ZERO)?;
        output.record(&Submitted { id: signed.id.to_string() }, |submitted| {
            format!("已提交 · submitted: {}", submitted.id)
        })?;
        return Ok(Exit::Ok);
    }
    let answer = execute(&client, mode, &calls)?;
    show(&answer, output)
}

fn texts(arguments: &Arguments) -> Result<Vec<CallText>, Failure> {
    if let Some(calls) = &arguments.calls {
        return parse("--calls", &read_text(calls)?);
    }
    let (Some(package), Some(action)) = (&arguments.package, &arguments.action) else {
        return Err(Failure::usage("须给出应用包与业务动作", "give a package and an action"));
    };
    Ok(vec![CallText {
        package: package.clone(),
        action: action.clone(),
        input: read_input(&arguments.input)?,
        mandates: arguments.mandate.clone(),
        case: arguments.case.clone(),
        task: arguments.task.clone(),
    }])
}

/// An input: a JSON object, `@FILE`, or `@-`.
///
/// # Errors
/// When the file cannot be read or the text is no JSON object.
pub(super) fn read_input(text: &str) -> Result<Map<String, Json>, Failure> {
    parse("--input", &read_text(text)?)
}

fn read_text(text: &str) -> Result<String, Failure> {
    let Some(path) = text.strip_prefix('@') else { return Ok(text.to_owned()) };
    let mut read = String::new();
    let path = Path::new(path);
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(Fault::io(path))?)
    };
    source.take(INPUT_BYTES_MAX).read_to_string(&mut read).map_err(Fault::io(path))?;
    Ok(read)
}

fn parse<T: serde::de::DeserializeOwned>(option: &str, text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::usage(
            format!("{option} 不是所需的 JSON：{error}"),
            format!("{option} is not the JSON wanted: {error}"),
        )
    })
}

/// Submits, waits up to a minute for the receipt, and checks its proof.
///
/// # Errors
/// When it is refused at admission or not final in time.
pub(super) fn execute(client: &Client, mode: Mode, calls: &[Call]) -> Result<Answer, Failure> {
    let wait = Duration::from_millis(WAIT_MS_MAX);
    let signed = client.sign(&client.transaction(mode, calls.to_vec())?)?;
    client.submit(&signed, wait)?;
    let proved = client.receipt_proved(&signed.id, wait)?;
    let receipt = ReceiptInfo::from(&proved.receipt);
    let mut rejections = Vec::new();
    for (index, entry) in receipt.entries.iter().enumerate() {
        let Some(rejection) = &entry.rejection else { continue };
        let at = match mode {
            Mode::Atomic => usize::try_from(rejection.call).unwrap_or(usize::MAX),
            Mode::Independent => index,
        };
        rejections.push(told(client, calls.get(at), rejection)?);
    }
    let applied = rejections.is_empty() && receipt.entries.iter().all(|entry| entry.applied);
    Ok(Answer { applied, rejections, receipt })
}

/// The texts of a code: the kernel's, those of the action's guard, or of a register's invariant.
fn told(
    client: &Client,
    call: Option<&Call>,
    rejection: &RejectionInfo,
) -> Result<Told, ClientError> {
    let of = call.map_or(("", ""), |call| (call.package.as_str(), call.action.as_str()));
    let texts = client.texts_of(&rejection.code, of)?;
    let (zh, en) = texts.unwrap_or_default();
    let RejectionInfo { code, call, detail } = rejection.clone();
    Ok(Told { code, call, zh, en, detail })
}

impl Answer {
    /// Whether everything applied.
    pub(super) const fn is_applied(&self) -> bool {
        self.applied
    }

    /// Whether it was rejected with this code.
    pub(super) fn has_code(&self, code: Reject) -> bool {
        self.rejections.iter().any(|told| told.code == code.code())
    }

    /// The key of the first record written or changed.
    pub(super) fn first_key(&self) -> Option<&str> {
        self.receipt.entries.first()?.events.first().map(|event| event.key.as_str())
    }

    fn for_person(&self) -> Vec<String> {
        let receipt = &self.receipt;
        let mut lines = Vec::new();
        lines.push(if self.applied {
            "已生效 · applied".to_owned()
        } else {
            "被拒绝 · rejected".to_owned()
        });
        for told in &self.rejections {
            lines.push(format!("  {} (第 {} 项 · call {})", told.code, told.call, told.call));
            lines.push(format!("  {}", told.zh));
            lines.push(format!("  {}", told.en));
            lines.extend(told.detail.as_ref().map(|d| format!("  详情 · detail: {d}")));
        }
        for event in receipt.entries.iter().flat_map(|entry| &entry.events) {
            let register = format!("{}/{}", event.package, event.register);
            lines.push(format!("  {}  {register}  {}", event.kind, event.key));
        }
        lines.push(format!("  交易 · transaction: {}", receipt.id));
        lines.push(format!(
            "  区块 · block: {}  时间 · time: {}  燃料 · fuel: {}  证明已核验 · proof checked",
            receipt.height, receipt.time, receipt.fuel
        ));
        lines
    }
}

/// Prints an answer; a rejection has its own exit code.
///
/// # Errors
/// When standard output fails.
pub(super) fn show(answer: &Answer, output: &mut Output) -> Result<Exit, Failure> {
    output.report(answer, Answer::for_person)?;
    Ok(if answer.applied { Exit::Ok } else { Exit::Rejected })
}

//! `chaincity read-log`: who asked for what, as the subject, the steward and the auditor see it, and
//! the same as a file whose completeness `chaincity-verify` checks offline.

use std::io;
use std::path::{Path, PathBuf};

use chaincity_client::api::read_log::{LogEntry, UseReport, UseRow, parse_since, parse_until};
use chaincity_client::{Client, Log, LogFilter};
use chaincity_types::{Timestamp, cbor};
use clap::Args;
use serde::Serialize;

use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::fault::Fault;
use crate::output::Output;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("view").required(true))]
pub(crate) struct Arguments {
    /// 本人：谁调用过关于此人的数据 · the subject: who asked for what about this person
    #[arg(long, value_name = "ID", group = "view")]
    subject: Option<String>,
    /// 提供单位：谁向该成员调用数据。目的和业务号由保管其保险库的节点告知，见 --node · the steward: who asked this
    /// member for what. Purpose and case number are told by the node that keeps its vault, see --node
    #[arg(long, value_name = "MEMBER", group = "view")]
    steward: Option<String>,
    /// 审计：全部调用，只有元数据；目的和业务号同上 · the auditor: every access, metadata alone; purpose and case likewise
    #[arg(long, group = "view")]
    auditor: bool,
    /// 按单位、目的、日期统计使用，标出异常 · how a steward's data was used by member, purpose and day, unusual volumes marked
    #[arg(long = "use", requires = "steward", conflicts_with_all = ["reader", "register", "state", "export"])]
    usage: bool,
    /// 只看该成员的调用 · only accesses of this member
    #[arg(long, value_name = "MEMBER")]
    reader: Option<String>,
    /// 只看该登记簿的记录 · only records of this register
    #[arg(long, value_name = "PACKAGE/REGISTER", value_parser = a_register)]
    register: Option<(String, String)>,
    /// 只看该状态的调用 · only entries in this state
    #[arg(long, value_name = "STATE", conflicts_with = "export")]
    state: Option<String>,
    /// 自该时刻或该日起 · asked at this time or day or later
    #[arg(long, value_name = "TIME", value_parser = a_begin)]
    since: Option<String>,
    /// 至该时刻（不含）或该日（含）止 · asked before this time, or until this day, which is included
    #[arg(long, value_name = "TIME", value_parser = an_end, conflicts_with = "export")]
    until: Option<String>,
    /// 连同完整性证明写入文件，供离线核验 · write a file with the proof that nothing is missing, for `chaincity-verify read-log`
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

fn a_register(text: &str) -> Result<(String, String), &'static str> {
    let place = text
        .split_once('/')
        .filter(|(package, name)| !package.is_empty() && !name.is_empty() && !name.contains('/'));
    place.map(|(package, name)| (package.into(), name.into())).ok_or("not PACKAGE/REGISTER")
}

const NO_TIME: &str = "not a date such as 2026-11-21, nor an RFC 3339 time";

fn a_begin(text: &str) -> Result<String, &'static str> {
    parse_since(text).map(|_| text.to_owned()).ok_or(NO_TIME)
}

fn an_end(text: &str) -> Result<String, &'static str> {
    parse_until(text).map(|_| text.to_owned()).ok_or(NO_TIME)
}

/// What stands after the entries.
#[derive(Debug, Serialize)]
struct End {
    entries: usize,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Exported {
    file: PathBuf,
    bytes: usize,
    ledger: String,
    /// Whether no number is missing.
    complete: bool,
    series: Vec<SeriesShown>,
}

#[derive(Debug, Serialize)]
struct SeriesShown {
    series: &'static str,
    scope: String,
    /// The proved last number.
    last: u64,
    /// First number in the file.
    from: u64,
    entries: usize,
    /// Height at which the counter is proved.
    height: u64,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(arguments, output);
    settle(outcome, false, output)
}

fn attempt(arguments: &Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let client = arguments.connection.client()?;
    let log = match (&arguments.subject, &arguments.steward) {
        (Some(subject), _) => Log::Subject(subject.clone()),
        (None, Some(member)) => Log::Steward(member.clone()),
        (None, None) => Log::All,
    };
    if let (true, Log::Steward(member)) = (arguments.usage, &log) {
        let (since, until) = (arguments.since.as_deref(), arguments.until.as_deref());
        let used = client.data_use(member, since, until)?;
        output.report(&used, use_for_person)?;
        return Ok(Exit::Ok);
    }
    let filter = LogFilter {
        reader: arguments.reader.clone(),
        register: arguments.register.clone(),
        state: arguments.state.clone(),
        since: arguments.since.clone(),
        until: arguments.until.clone(),
    };
    match &arguments.export {
        Some(file) => export(&client, &log, &filter, file, output),
        None => show(&client, &log, &filter, output),
    }
}

fn show(
    client: &Client,
    log: &Log,
    filter: &LogFilter,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let (mut entries, mut cursor) = (0_usize, None::<String>);
    loop {
        let page = client.read_log(log, filter, cursor.as_deref())?;
        entries = entries.saturating_add(page.items.len());
        for entry in &page.items {
            output.report(entry, entry_for_person)?;
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    output.report(&End { entries }, |end| vec![format!("{} 条 · entries", end.entries)])?;
    Ok(Exit::Ok)
}

fn export(
    client: &Client,
    log: &Log,
    filter: &LogFilter,
    file: &Path,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let since: Option<Timestamp> = filter.since.as_deref().and_then(parse_since);
    let scopes = client.scopes(log, filter)?;
    let (proof, proved) = client.prove_read_log(&scopes, since)?;
    let bytes = cbor::encode(&proof);
    std::fs::write(file, &bytes).map_err(Fault::io(file))?;
    let series = proved.series.iter().map(|series| SeriesShown {
        series: series.series.name(),
        scope: series.scope.to_string(),
        last: series.last,
        from: series.from,
        entries: series.entries.len(),
        height: series.block.header.height.0,
    });
    let exported = Exported {
        file: file.to_owned(),
        bytes: bytes.len(),
        ledger: client.ledger().to_string(),
        complete: proved.is_complete(),
        series: series.collect(),
    };
    output.report(&exported, exported_for_person)?;
    Ok(if exported.complete { Exit::Ok } else { Exit::Negative })
}

fn entry_for_person(entry: &LogEntry) -> Vec<String> {
    let state = match entry.state.as_str() {
        "asked" => "待答复 · asked",
        "released" => "已放行 · released",
        "answered" => "检索已答复 · search answered",
        "refused" => "被拒绝 · refused",
        "unanswered" => "未答复 · unanswered",
        "countersigned" => "已会签 · countersigned",
        "lifted" => "已解除保密 · lifted",
        _ => "已公开 · shown",
    };
    let number = entry.number.as_ref().map_or(String::new(), |number| format!("{number}  "));
    let reader = entry.reader.as_deref().unwrap_or("保密 · confidential");
    let mut lines = vec![format!("{number}{}  {reader}  {state}  {}", entry.asked, entry.key)];
    let part = |label: &str, text: Option<String>| {
        text.filter(|text| !text.is_empty()).map(|text| format!("    {label}: {text}"))
    };
    let record = entry.record.as_ref().map(|record| {
        let place = [entry.package.as_deref(), entry.register.as_deref()];
        format!("{}/{record}", place.map(Option::unwrap_or_default).join("/"))
    });
    let asked_for = [entry.groups.join(", "), entry.claims.join(", ")];
    let asked_for = asked_for.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
    let refusal = entry.code.as_ref().map(|code| {
        let reason = entry.reason.as_ref();
        let (zh, en) = reason.map_or(("", ""), |reason| (&*reason.zh, &*reason.en));
        format!("{code} {zh} · {en}")
    });
    let term = entry.term.as_ref().map(|term| {
        let found = entry.found.map_or(String::new(), |found| format!("，命中 · found {found}"));
        format!("{term}{found}")
    });
    lines.extend(part("记录 · record", record));
    lines.extend(part("检索 · searched by", term));
    lines.extend(part("所依检索 · after the search", entry.search.clone()));
    lines.extend(part("字段组 · groups", Some(asked_for.join("; "))));
    lines.extend(part("目的 · purpose", why_for_person(entry)));
    lines.extend(part("业务号 · case", entry.case.clone()));
    lines.extend(part("调用人 · officer", entry.officer.clone()));
    lines.extend(part("依据 · basis", basis_for_person(entry)));
    lines.extend(part("答复 · answer", answer_for_person(entry)));
    lines.extend(part("理由 · reason", refusal));
    let overdue = if entry.overdue == Some(true) { "  逾期 · OVERDUE" } else { "" };
    let until = entry.until.as_ref().map(|until| format!("{until}{overdue}"));
    lines.extend(part("保密至 · confidential until", until));
    lines
}

/// What the purpose is, or who tells it.
fn why_for_person(entry: &LogEntry) -> Option<String> {
    let is_own = entry.basis.as_ref().is_some_and(|basis| basis.kind == "subject");
    let sealed = || format!("封存，见 {0} 的节点 · sealed, told by the node of {0}", entry.steward);
    entry.purpose.clone().or_else(|| (!is_own).then(sealed))
}

fn basis_for_person(entry: &LogEntry) -> Option<String> {
    let basis = entry.basis.as_ref()?;
    let kind = match basis.kind.as_str() {
        "grant" => "授权 · grant",
        "consent" => "同意 · consent",
        "subject" => "本人 · the subject",
        _ => "法律 · statute",
    };
    let by = basis.decided_by.as_ref();
    let by = by.map_or(String::new(), |by| format!("，决定 · decided by: {by}"));
    let given = basis.given_by.as_ref();
    let given =
        given.map_or(String::new(), |by| format!("，代理人 · given by representative: {by}"));
    Some(format!("{kind} {}{by}{given}", basis.of))
}

fn answer_for_person(entry: &LogEntry) -> Option<String> {
    let time = entry.answered.as_deref();
    match (&entry.answered_by, entry.by_person) {
        (Some(by), Some(false)) => {
            Some(format!("{} 释放服务 · release service {by}", time.unwrap_or_default()))
        }
        (Some(by), _) => Some(format!("{} 人工 · a person {by}", time.unwrap_or_default())),
        (None, _) if entry.state == "refused" => Some("按规则 · by the rules".to_owned()),
        (None, _) => None,
    }
}

fn use_for_person(used: &UseReport) -> Vec<String> {
    let row = |row: &UseRow| {
        let mark = if row.unusual { "  异常 · UNUSUAL" } else { "" };
        format!(
            "{}  {}  {}  {} 次{}（放行 · released {}，拒绝 · refused {}，未答复 · \
             unanswered {}；此前 · before {}）{mark}",
            row.day,
            row.reader,
            row.purpose.as_deref().unwrap_or("–"),
            row.accesses,
            if row.kind == "search" { "检索 · searches" } else { "调用 · accesses" },
            row.released,
            row.refused,
            row.unanswered,
            row.before
        )
    };
    let mut lines: Vec<_> = used.rows.iter().map(row).collect();
    lines.push(format!("保密调用 · confidential accesses: {}", used.confidential));
    lines.push(format!("规则 · rule: {} · {}", used.rule.zh, used.rule.en));
    lines
}

fn exported_for_person(exported: &Exported) -> Vec<String> {
    let mut lines = vec![format!("已写入 · written: {}", exported.file.display())];
    for series in exported.series.iter().filter(|series| series.last > 0) {
        lines.push(format!(
            "  {} {}: {} – {}，{} 条 · entries",
            series.series, series.scope, series.from, series.last, series.entries
        ));
    }
    let empty = exported.series.iter().filter(|series| series.last == 0).count();
    lines.push(format!("  {empty} 个序列经证明为空 · series proved to be empty"));
    lines.push(if exported.complete {
        "  完整：无缺号 · complete: no number is missing".to_owned()
    } else {
        "  不完整：有缺号 · NOT COMPLETE: numbers are missing".to_owned()
    });
    lines.push("  离线核验（TRUST 由 chaincity proof trust 取得） · verify offline:".to_owned());
    lines.push(format!(
        "  chaincity-verify read-log {} --trust TRUST --ledger {}",
        exported.file.display(),
        exported.ledger
    ));
    lines
}

//! What a report says, row by row, in both languages: the same on a terminal and on paper.

use chaincity_client::api::explain::{
    Change, Comparison, Difference, Explained, GENERATION, Later, SOURCE, Source,
};
use chaincity_client::api::json::parse_time;
use chaincity_client::api::package::{GuardInfo, TextInfo};
use jiff::tz::{TimeZone, offset};
use serde_json::Value;

use super::{Report, Shown, Verdict};

/// A label in both languages and what stands beside it.
pub(super) struct Row {
    pub(super) zh: &'static str,
    pub(super) en: &'static str,
    pub(super) text: String,
}

fn row(zh: &'static str, en: &'static str, text: impl Into<String>) -> Row {
    Row { zh, en, text: text.into() }
}

/// A time as it is shown to people: in China's, with the zone.
pub(super) fn china(time: &str) -> String {
    let zoned = parse_time(time)
        .and_then(|time| i64::try_from(time.0).ok())
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map(|time| time.to_zoned(TimeZone::fixed(offset(8))));
    zoned.map_or_else(|| time.to_owned(), |time| time.strftime("%F %T%.3f %:z").to_string())
}

/// A text in both languages.
pub(super) fn both(text: &TextInfo) -> String {
    format!("{} · {}", text.zh, text.en)
}

/// A field's value; a point in time in China's.
pub(super) fn value(value: Option<&Value>) -> String {
    match value {
        None => "（无 · none）".to_owned(),
        Some(Value::String(text)) => {
            let is_time = parse_time(text).is_some_and(|time| time.to_string() == *text);
            if is_time { china(text) } else { text.clone() }
        }
        Some(other) => other.to_string(),
    }
}

/// The name of a field with its title.
pub(super) fn named(field: &str, title: Option<&TextInfo>) -> String {
    match (title, field) {
        (Some(title), _) => format!("{field} {}", both(title)),
        (None, "_status") => "_status 状态 · Status".to_owned(),
        (None, _) => field.to_owned(),
    }
}

/// What changed, as `old → new`.
pub(super) fn change(change: &Change) -> (String, String, String) {
    let name = named(&change.field, change.title.as_ref());
    (name, value(change.before.as_ref()), value(change.after.as_ref()))
}

/// A guard's code and texts.
pub(super) fn guard(guard: &GuardInfo) -> (String, String) {
    (guard.code.clone(), both(&guard.text))
}

/// Whether a version is verified.
pub(super) const fn verified(ok: bool) -> &'static str {
    if ok { "已核验 · VERIFIED" } else { "未通过核验 · NOT VERIFIED" }
}

/// What the report is about.
pub(super) fn heading(report: &Report) -> Vec<Row> {
    let Report { package, register, key, .. } = report;
    let mut rows = vec![row("记录", "Record", format!("{package}/{register}/{key}"))];
    rows.extend(report.title.as_ref().map(|title| row("登记簿", "Register", both(title))));
    rows.push(row("账本", "Ledger", &*report.ledger));
    rows.extend(report.at.as_ref().map(|at| row("所问时刻", "As of", china(at))));
    let proved = &report.proved;
    let text = format!(
        "{} · {}，{signers} 个共识节点签名 · signed by {signers} validators，{}",
        proved.height,
        china(&proved.time),
        proved.block,
        signers = proved.signers
    );
    rows.push(row("证明至区块", "Proved as of block", text));
    if !report.versions.is_empty() {
        rows.push(row("核验", "Verification", verified(report.ok)));
    }
    rows
}

/// The action under which the records of the genesis document stand.
const GENESIS: &str = "genesis";

/// Who wrote a version, when, by what, and where it came from.
pub(super) fn facts(shown: &Shown) -> Vec<Row> {
    let record = &shown.explained.record;
    let by = &record.by;
    let live = record.status == "live";
    let mut rows = vec![
        row("时间", "Time", china(&record.began)),
        row("区块", "Block", by.height.to_string()),
        row("状态", "Status", if live { "现势 · live" } else { "已注销 · closed" }),
    ];
    if by.operator.is_empty() && by.action == GENESIS {
        rows.push(row("经办", "By", "创世文件 · the genesis document"));
    } else if by.operator.is_empty() {
        rows.push(row("经办", "By", "账本的定时器 · a timer of the ledger"));
        rows.push(row("回执编号", "Receipt", &*by.transaction));
    } else {
        rows.push(row("单位", "Member", &*by.member));
        rows.push(row("经办人密钥", "Operator's key", &*by.operator));
        let transaction = format!("{} #{}", by.transaction, by.call);
        rows.push(row("交易与调用序号", "Transaction and call", transaction));
    }
    rows.extend(rules(shown));
    rows.extend(by.case.as_ref().map(|case| row("办件", "Case", &**case)));
    if !by.mandates.is_empty() {
        rows.push(row("所用授意", "Mandates used", by.mandates.join("、")));
    }
    rows.extend(record.reason.as_ref().map(|reason| row("事由", "Reason", &**reason)));
    if let Some(corrects) = &record.corrects {
        let version = format!("第 {v} 版 · version {v} ({})", corrects.body, v = corrects.version);
        rows.push(row("更正", "Corrects", version));
        rows.push(row("更正原因", "Reason of the correction", &*corrects.reason));
        rows.push(row("更正依据", "Legal basis of the correction", &*corrects.basis));
    }
    rows.extend(shown.explained.source.as_ref().map(|from| {
        let number = from.number.map(|n| format!("{}；", generation(n))).unwrap_or_default();
        row("数据来源", "Imported from", format!("{number}{}", source(from)))
    }));
    rows
}

fn rules(shown: &Shown) -> Vec<Row> {
    let by = &shown.explained.record.by;
    let Some(rules) = &shown.explained.rules else {
        let action = format!("{}/{}", by.package, by.action);
        return vec![row("业务", "Action", action)];
    };
    let package = &rules.package;
    let in_force = format!(
        "{} {} 第 {version} 版 · version {version}",
        package.id,
        both(&package.title),
        version = package.version
    );
    let digest = if package.digest.bytes().all(|b| b == b'0') {
        "账本内置 · built into the ledger"
    } else {
        &package.digest
    };
    let mut rows = vec![
        row("业务", "Action", format!("{} ({})", both(&rules.title), rules.action)),
        row("应用包", "Package", in_force),
        row("应用包文档摘要", "Digest of the package document", digest),
    ];
    if !rules.law.is_empty() {
        rows.push(row("法律依据", "Law", rules.law.join("；")));
    }
    rows
}

/// What stands for what a record does not say.
const NOT_SAID: &str = "未载 · not recorded";

/// The system that imported data came from.
fn system(source: &Source) -> String {
    match (&source.system, &source.system_en) {
        (Some(zh), Some(en)) => format!("{zh} · {en}"),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => NOT_SAID.to_owned(),
    }
}

/// A generation by its number.
pub(super) fn generation(number: u64) -> String {
    format!("第 {number} 代 · generation {number}")
}

/// What changed, for a person: without where the version came from, which is told in a line of
/// its own.
pub(super) fn changes(explained: &Explained) -> Vec<&Change> {
    let origin = |change: &&Change| {
        let field = change.field.split('.').next().unwrap_or_default();
        explained.source.is_some() && [GENERATION, SOURCE].contains(&field)
    };
    explained.changes.iter().filter(|change| !origin(change)).collect()
}

/// Where imported data came from. What the record does not say is said to be missing.
pub(super) fn source(source: &Source) -> String {
    let Source { number: _, system: _, system_en: _, exported, operator, file, digest, row, rows } =
        source;
    let said = |text: &Option<String>| text.clone().unwrap_or_else(|| NOT_SAID.to_owned());
    let lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
    let row =
        if lines.is_empty() { row.map(|row| row.to_string()) } else { Some(lines.join("、")) };
    let mut parts = vec![
        format!("系统 · system: {}", system(source)),
        format!("文件 · file: {}", said(file)),
        format!("行 · row: {}", said(&row)),
    ];
    parts.extend(exported.as_ref().map(|time| format!("导出时间 · exported: {}", china(time))));
    parts.extend(operator.as_ref().map(|who| format!("导出人 · exported by: {who}")));
    parts.extend(digest.as_ref().map(|digest| format!("文件摘要 · SHA-256: {digest}")));
    parts.join("；")
}

/// What was verified about a version.
pub(super) fn proof(shown: &Shown) -> Vec<Row> {
    let verified = &shown.verified;
    let verdict = |verdict: &Verdict, holds: String| match verdict {
        Verdict { ok: true, .. } => holds,
        Verdict { code, zh, en, .. } => {
            let said = |text: &Option<String>| text.clone().unwrap_or_default();
            format!("不成立 · does not hold: {} · {} ({})", said(zh), said(en), said(code))
        }
    };
    let receipt = match &verified.receipt {
        Verdict { block: Some(block), index: Some(index), signers: Some(signers), .. } => format!(
            "成立 · holds: 区块 · block {block}，第 {index} 笔 · transaction {index}，\
             {signers} 个共识节点签名 · {signers} validators"
        ),
        _ => "创世文件，无交易 · of the genesis document, without a transaction".to_owned(),
    };
    let holds = || "成立 · holds".to_owned();
    vec![
        row("版本摘要", "Digest of the version", &*shown.explained.body),
        row("历史链", "Chain of versions", verdict(&verified.chain, holds())),
        row("回执", "Receipt", verdict(&verified.receipt, receipt)),
        row("应用包文档", "Package document", verdict(&verified.rules, holds())),
    ]
}

/// A later version, in one line.
pub(super) fn later(later: &Later) -> String {
    format!(
        "第 {v} 版 · version {v}: {}，区块 · block {}，{}/{}，{}",
        china(&later.began),
        later.height,
        later.package,
        later.action,
        later.member,
        v = later.version
    )
}

/// In which migration a field first differed: its name, when, and what the two generations say.
pub(super) fn difference(found: &Difference, among: &Comparison) -> [String; 4] {
    let mut when = generation(found.generation);
    when.push_str(&format!("（第 {v} 版 · version {v}）", v = found.changed_in));
    let says = |number: u64, said: Option<&Value>| {
        let of = among.generations.iter().find(|generation| generation.number == number);
        let system = of.map(|of| system(&of.source)).unwrap_or_default();
        format!("{}（{system}）= {}", generation(number), value(said))
    };
    let name = named(&found.field, found.title.as_ref());
    let before = says(found.generation_before, found.before.as_ref());
    [name, when, before, says(found.generation, found.after.as_ref())]
}

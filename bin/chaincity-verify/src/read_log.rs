//! What an exported read log shows: its entries, and which numbers are missing.

use chaincity_crypto::read_log::{ProvedLog, ProvedSeries, Series};
use chaincity_crypto::verify::{ProvedRecord, Trust};
use chaincity_types::Value;
use chaincity_types::wire::LogicalKey;
use serde_json::json;

use crate::report::Report;
use crate::value;

/// Fields that a person is shown of an access.
const SHOWN: [(&str, &str, &str); 12] = [
    ("asked", "时间", "asked"),
    ("reader", "用数单位", "reader"),
    ("in_package", "应用包", "package"),
    ("register", "登记簿", "register"),
    ("record", "记录", "record"),
    ("groups", "字段组", "groups"),
    ("claims", "派生结论", "claims"),
    ("purpose", "目的", "purpose"),
    ("case_number", "业务号", "case"),
    ("state", "状态", "state"),
    ("code", "拒绝代码", "code"),
    ("answered_by", "答复人", "answered by"),
];

impl Report {
    /// What a read log shows; valid when no entry is missing.
    pub(crate) fn read_log(trust: &Trust, log: &ProvedLog) -> Self {
        let mut report = if log.is_complete() {
            Self::new(
                true,
                "有效：调用日志完整，无缺号",
                "VALID: the read log is complete, no number is missing",
            )
        } else {
            Self::new(false, "无效：调用日志不完整", "NOT VALID: the read log is not complete")
        };
        let genesis = trust.genesis();
        report.line(
            format!("账本：{}（{}）", genesis.name_zh, trust.ledger()),
            format!("ledger: {} ({})", genesis.name_en, trust.ledger()),
        );
        report.set("ledger", json!(trust.ledger().to_string()));
        report.set("ledger_checked", json!(true));
        let series: Vec<_> = log.series.iter().map(|series| report.series(series, log)).collect();
        report.set("series", json!(series));
        for (scope, number) in log.unresolved() {
            report.line(
                format!("缺少：{scope} 第 {number} 号所指的调用"),
                format!("MISSING: the access that number {number} of {scope} refers to"),
            );
        }
        let unresolved = log.unresolved().into_iter();
        let unresolved =
            unresolved.map(|(scope, number)| json!({"scope": scope, "number": number}));
        report.set("unresolved", unresolved.collect());
        if !report.valid {
            report.set("code", json!("entry-missing"));
        }
        report
    }

    fn series(&mut self, series: &ProvedSeries, log: &ProvedLog) -> serde_json::Value {
        let ProvedSeries { scope, last, from, block, entries, .. } = series;
        let (zh, en) = match series.series {
            Series::Access => ("调用", "accesses"),
            Series::Confidential => ("保密调用", "confidential accesses"),
            Series::Subject => ("本人日志", "log of the subject"),
            Series::Search => ("检索", "searches"),
        };
        let (height, time) = (block.header.height, block.header.time);
        self.line(
            format!("{zh} {scope}：经证明共 {last} 号，本文件自第 {from} 号起（区块 {height}，{time}）"),
            format!("{en} {scope}: {last} numbers are proved, here from {from} on (block {height}, {time})"),
        );
        let missing = series.missing();
        for range in &missing {
            let (first, last) = (range.start(), range.end());
            self.line(
                format!("  缺少：第 {first} 至 {last} 号"),
                format!("  MISSING: numbers {first} to {last}"),
            );
        }
        let mut shown = Vec::new();
        for (number, entry) in entries.range(from..) {
            let about = series.series.link(entry).map_or(Some(entry), |key| log.linked.get(&key));
            self.entry(*number, about);
            shown.push(json!({
                "number": number, "key": key_of(about.unwrap_or(entry)),
                "fields": about.and_then(ProvedRecord::current)
                    .map(|version| value::to_json(&Value::Map(version.fields.clone()))),
            }));
        }
        json!({
            "series": series.series.name(), "scope": scope, "last": last, "from": from,
            "height": height.0, "time": time.to_string(),
            "missing": missing.iter().map(|range| [range.start(), range.end()]).collect::<Vec<_>>(),
            "entries": shown,
        })
    }

    fn entry(&mut self, number: u64, about: Option<&ProvedRecord>) {
        let (mut zh, mut en) = (format!("  第 {number} 号"), format!("  number {number}"));
        let fields = about.and_then(ProvedRecord::current).map(|version| &version.fields);
        for (name, label_zh, label_en) in SHOWN {
            let text = fields.and_then(|fields| fields.get(name)).map(value::to_text);
            if let Some(text) = text.filter(|text| text != "[]") {
                zh.push_str(&format!("；{label_zh} {text}"));
                en.push_str(&format!("; {label_en} {text}"));
            }
        }
        self.line(zh, en);
    }
}

fn key_of(record: &ProvedRecord) -> String {
    let LogicalKey::Record { register, key, .. } = &record.key else { return String::new() };
    format!("{register}/{key}")
}

//! The result, in plain words and as JSON.

use chaincity_crypto::cose::SignedTransaction;
use chaincity_crypto::finality::FinalBlock;
use chaincity_crypto::verify::{AsOf, ProvedReceipt, ProvedRecord, Trust};
use chaincity_types::wire::{LogicalKey, Outcome, Status, Version};
use chaincity_types::{Timestamp, Value};
use serde_json::{Map, json};

use crate::value;

/// What a verification found: lines in two languages, and the same as JSON.
pub(crate) struct Report {
    /// Whether the proof is valid.
    pub(crate) valid: bool,
    lines: Vec<(String, String)>,
    json: Map<String, serde_json::Value>,
}

impl Report {
    pub(crate) fn new(valid: bool, zh: &str, en: &str) -> Self {
        let mut json = Map::new();
        json.insert("valid".into(), json!(valid));
        Self { valid, lines: vec![(zh.into(), en.into())], json }
    }

    pub(crate) fn line(&mut self, zh: impl Into<String>, en: impl Into<String>) {
        self.lines.push((zh.into(), en.into()));
    }

    pub(crate) fn set(&mut self, name: &str, value: serde_json::Value) {
        self.json.insert(name.into(), value);
    }

    /// Chinese, then English.
    pub(crate) fn text(&self) -> String {
        let (mut zh, mut en) = (String::new(), String::new());
        for (line_zh, line_en) in &self.lines {
            zh.extend([line_zh.as_str(), "\n"]);
            en.extend(["\n", line_en.as_str()]);
        }
        zh + &en
    }

    pub(crate) fn json(&self) -> String {
        format!("{:#}", serde_json::Value::Object(self.json.clone()))
    }

    pub(crate) fn refused(code: &str, zh: &str, en: &str, detail: &str) -> Self {
        let mut report = Self::new(false, &format!("无效：{zh}"), &format!("NOT VALID: {en}"));
        if !detail.is_empty() {
            report.line(format!("详情：{detail}"), format!("detail: {detail}"));
            report.set("detail", json!(detail));
        }
        report.set("code", json!(code));
        report
    }

    /// Notes that the ledger was not compared with an id learned elsewhere.
    pub(crate) fn unanchored(mut self) -> Self {
        self.line(
            "注意：未指定 --ledger，结论只对信任此信任包者成立；请将上述账本标识与公布的核对",
            "NOTE: without --ledger this holds only if you trust the bundle; compare the ledger \
             id above with the published one",
        );
        self.set("ledger_checked", json!(false));
        self
    }

    fn ledger(&mut self, trust: &Trust, block: &FinalBlock) {
        let genesis = trust.genesis();
        self.line(
            format!("账本：{}（{}）", genesis.name_zh, trust.ledger()),
            format!("ledger: {} ({})", genesis.name_en, trust.ledger()),
        );
        let FinalBlock { header, digest, certified, epoch, signers } = block;
        let epoch_size = usize::try_from(*epoch).ok().and_then(|at| trust.committees().get(at));
        let of = epoch_size.map_or(0, |committee| committee.validators.len());
        self.line(
            format!("区块：高度 {}，时间 {}，已终局（第 {epoch} 届 {of} 个共识节点中 {signers} 个签署高度 {certified} 的终局证书）", header.height, header.time),
            format!("block: height {}, time {}, final ({signers} of the {of} validators of epoch {epoch} signed the certificate at height {certified})", header.height, header.time),
        );
        self.set("ledger", json!(trust.ledger().to_string()));
        self.set("ledger_checked", json!(true));
        self.set(
            "block",
            json!({
                "height": header.height.0, "time": header.time.to_string(),
                "digest": digest.to_string(), "certified_at": certified.0, "epoch": epoch,
                "signers": signers, "validators": of,
            }),
        );
    }

    /// What a record proof shows, now or at a time.
    pub(crate) fn record(trust: &Trust, record: &ProvedRecord, as_of: Option<Timestamp>) -> Self {
        let at = as_of.unwrap_or(record.block.header.time);
        let found = record.as_of(at);
        let mut report = match found {
            AsOf::Version(_) => {
                Self::new(true, "有效：该记录经证明", "VALID: the record is proved")
            }
            AsOf::Absent => Self::new(
                true,
                "有效：经证明，当时没有此记录",
                "VALID: it is proved that there was no such record",
            ),
            AsOf::AfterProof { proved } => Self::new(
                false,
                &format!("无效：证明只到 {proved} 为止，不能说明此后"),
                &format!("NOT VALID: the proof reaches to {proved} and says nothing of later"),
            ),
            AsOf::BeforeChain { oldest } => Self::new(
                false,
                &format!("无效：证明所附历史只从 {oldest} 开始"),
                &format!("NOT VALID: the history in the proof begins only at {oldest}"),
            ),
        };
        report.ledger(trust, &record.block);
        let key = key_text(&record.key);
        report.line(format!("记录：{key}"), format!("record: {key}"));
        report.set("record", json!(key));
        report.line(format!("时刻：{at}"), format!("as of: {at}"));
        report.set("as_of", json!(at.to_string()));
        match found {
            AsOf::Version(version) => report.version(version, record),
            AsOf::Absent => report.set("version", serde_json::Value::Null),
            AsOf::AfterProof { .. } => report.set("code", json!("after-proof")),
            AsOf::BeforeChain { .. } => report.set("code", json!("before-history")),
        }
        report
    }

    fn version(&mut self, version: &Version, record: &ProvedRecord) {
        let by = &version.by;
        let (status, zh, en) = match version.status {
            Status::Live => ("live", "现势", "in force"),
            Status::Closed => ("closed", "历史（已注销）", "closed"),
        };
        let newest = record.current().map_or(0, |current| current.version);
        self.line(
            format!("版本：第 {} 版（共 {newest} 版），{zh}", version.version),
            format!("version: {} of {newest}, {en}", version.version),
        );
        let operator = hex::encode(&by.operator);
        self.line(
            format!("写入：{}，成员单位 {}，经办人 {operator}", by.time, by.member),
            format!("written: {}, member {}, operator {operator}", by.time, by.member),
        );
        let action = format!("{}/{} v{}", by.package, by.action, by.package_version);
        self.line(
            format!("业务：{action}，交易 {}，高度 {}", by.transaction, by.height),
            format!("by action: {action}, transaction {}, height {}", by.transaction, by.height),
        );
        for (zh, en, text) in [("办件", "case", &by.case), ("理由", "reason", &version.reason)]
        {
            if let Some(text) = text {
                self.line(format!("{zh}：{text}"), format!("{en}: {text}"));
            }
        }
        if let Some(corrects) = &version.corrects {
            self.line(
                format!(
                    "更正：第 {} 版，{}，依据 {}",
                    corrects.version, corrects.reason, corrects.basis
                ),
                format!(
                    "corrects: version {}, {}, on the basis of {}",
                    corrects.version, corrects.reason, corrects.basis
                ),
            );
        }
        for (name, field) in &version.fields {
            let line = format!("  {name}: {}", value::to_text(field));
            self.line(line.clone(), line);
        }
        self.set(
            "version",
            json!({
                "number": version.version, "status": status, "schema": version.schema,
                "fields": value::to_json(&Value::Map(version.fields.clone())),
                "time": by.time.to_string(), "height": by.height.0, "member": by.member,
                "operator": operator, "package": by.package,
                "package_version": by.package_version, "action": by.action,
                "transaction": by.transaction.to_string(), "call": by.call, "case": by.case,
                "mandates": by.mandates, "reason": version.reason,
                "corrects": version.corrects.as_ref().map(|c| json!({
                    "version": c.version, "reason": c.reason, "basis": c.basis,
                })),
            }),
        );
        self.set("versions_in_proof", json!(record.versions.len()));
    }

    /// What a receipt proof shows.
    pub(crate) fn receipt(trust: &Trust, proved: &ProvedReceipt) -> Self {
        let mut report = Self::new(true, "有效：该回执经证明", "VALID: the receipt is proved");
        report.ledger(trust, &proved.block);
        let receipt = &proved.receipt;
        let operator = hex::encode(&receipt.operator);
        report.line(
            format!("交易：{}，区块内第 {} 笔", receipt.transaction, receipt.index),
            format!("transaction: {}, number {} in its block", receipt.transaction, receipt.index),
        );
        report.line(format!("经办人：{operator}"), format!("operator: {operator}"));
        let mut entries = Vec::new();
        for entry in &receipt.entries {
            let writes = entry.writes.len();
            entries.push(match &entry.outcome {
                Outcome::Applied => {
                    report.line(
                        format!("结果：已办理，写入 {writes} 个版本"),
                        format!("outcome: applied, {writes} versions written"),
                    );
                    json!({"applied": true, "writes": entry.writes.iter().map(|write| json!({
                        "state_key": write.key.to_string(), "version": write.version,
                        "body": write.body.to_string(),
                    })).collect::<Vec<_>>()})
                }
                Outcome::Rejected { code, call, detail } => {
                    report.line(
                        format!("结果：驳回 `{code}`（第 {call} 个调用项）"),
                        format!("outcome: rejected, `{code}` (call {call})"),
                    );
                    json!({"applied": false, "code": code, "call": call, "detail": detail})
                }
            });
        }
        report.set("transaction", json!(receipt.transaction.to_string()));
        report.set("index", json!(receipt.index));
        report.set("operator", json!(operator));
        report.set("entries", json!(entries));
        report
    }

    /// What a signed transaction says.
    pub(crate) fn transaction(signed: &SignedTransaction) -> Self {
        let mut report = Self::new(true, "有效：签名正确", "VALID: the signature is right");
        let (operator, id) = (signed.operator.to_string(), signed.id.to_string());
        let transaction = &signed.transaction;
        report.line(format!("交易：{id}"), format!("transaction: {id}"));
        report.line(format!("经办人：{operator}"), format!("operator: {operator}"));
        report.line(
            format!("账本：{}，有效期至 {}", transaction.ledger, transaction.expiry),
            format!("ledger: {}, expires {}", transaction.ledger, transaction.expiry),
        );
        let mut calls = Vec::new();
        for call in &transaction.calls {
            let name = format!("{}/{}", call.package, call.action);
            report.line(format!("调用项：{name}"), format!("call: {name}"));
            calls.push(json!({
                "package": call.package, "action": call.action, "case": call.case,
                "input": value::to_json(&Value::Map(call.input.clone())),
            }));
        }
        report.set("transaction", json!(id));
        report.set("operator", json!(operator));
        report.set("ledger", json!(transaction.ledger.to_string()));
        report.set("expiry", json!(transaction.expiry.to_string()));
        report.set("calls", json!(calls));
        report
    }
}

/// A logical key for a person.
fn key_text(key: &LogicalKey) -> String {
    match key {
        LogicalKey::Record { package, register, key } => format!("{package}/{register}/{key}"),
        LogicalKey::Index { package, register, index, values } => {
            let values: Vec<_> = values.iter().map(value::to_text).collect();
            format!("{package}/{register} [{index}: {}]", values.join(", "))
        }
        LogicalKey::Intent { member, intent } => format!("intent {member}/{intent}"),
        LogicalKey::Counter { package, sequence, scope, year } => {
            format!("counter {package}/{sequence} [{scope}, {year}]")
        }
        LogicalKey::TimerHour { hour } => format!("timers of the hour {hour}"),
        LogicalKey::TimerPage { second, page } => format!("timers of the second {second}, {page}"),
        LogicalKey::TimerCursor {} => "timers that wait".to_owned(),
    }
}

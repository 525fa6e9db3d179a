//! What a signed claim says, and who answers for it.

use chaincity_crypto::claim::ProvedClaim;
use chaincity_crypto::verify::Trust;
use serde_json::json;

use crate::report::Report;
use crate::value;

impl Report {
    /// What a proved claim says. It speaks of one version of the record at one time, no more.
    pub(crate) fn claim(trust: &Trust, claim: &ProvedClaim) -> Self {
        let mut report = Self::new(
            true,
            "有效：该派生结论由数据提供单位签名",
            "VALID: the claim is signed by a member that answers for its data",
        );
        let signed = &claim.signed;
        let (said, context) = (&signed.statement, &signed.statement.context);
        let genesis = trust.genesis();
        report.line(
            format!("账本：{}（{}）", genesis.name_zh, trust.ledger()),
            format!("ledger: {} ({})", genesis.name_en, trust.ledger()),
        );
        let name = context.claim.as_deref().unwrap_or_default();
        let name = format!("{}.{name}", context.group);
        let record = format!("{}/{}/{}", context.package, context.register, context.record);
        report.line(
            format!("记录：{record}，第 {} 版", context.version),
            format!("record: {record}, version {}", context.version),
        );
        let result = value::to_text(&said.value);
        report.line(format!("派生结论：{name} = {result}"), format!("claim: {name} = {result}"));
        for (parameter, given) in said.parameters.as_map().into_iter().flatten() {
            let line = format!("  {parameter}: {}", value::to_text(given));
            report.line(line.clone(), line);
        }
        let (steward, key) = (&claim.steward, &signed.key);
        report.line(
            format!("签名：成员单位 {steward}，经办人 {key}，{}", said.at),
            format!("signed: member {steward}, operator {key}, {}", said.at),
        );
        report.line(
            format!("应用包版本：{}，调用编号：{}", said.package_version, context.access),
            format!("package version: {}, access: {}", said.package_version, context.access),
        );
        report.line(
            "注意：请核对签名的成员单位确为该数据的主责单位",
            "NOTE: see for yourself that this member is the one in charge of such data",
        );
        report.set("ledger", json!(trust.ledger().to_string()));
        report.set("ledger_checked", json!(true));
        report.set("claim", json!(name));
        report.set("value", value::to_json(&said.value));
        report.set("parameters", value::to_json(&said.parameters));
        report.set(
            "record",
            json!({
                "package": context.package, "register": context.register, "key": context.record,
                "version": context.version, "commitment": context.commitment.to_string(),
            }),
        );
        report.set("access", json!(context.access));
        report.set("package_version", json!(said.package_version));
        report.set("at", json!(said.at.to_string()));
        report.set("steward", json!(claim.steward));
        report.set("operator", json!(key.to_string()));
        report
    }
}

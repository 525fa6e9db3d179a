//! What the benchmark found: an object for machines, a table for people.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::audit::Found;
use super::cases::{AtCases, steps_per_s};
use super::cost::{self, TOTAL};
use super::disclosure::AtDisclosure;
use super::drive::Window;
use super::limit::Limit;
use super::plot::{Point, svg};
use super::search::Search;
use super::size::AtSize;
use super::workload::{Balance, Kind};

/// Percentiles, in milliseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Latency {
    p50: f64,
    p90: f64,
    p99: f64,
}

/// A window of the rising load.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Step {
    /// Operations due a second.
    offered_tps: u64,
    committed_tps: u64,
    reads_per_s: u64,
    /// Whether what was done followed what was offered.
    sustained: bool,
    /// Of transactions; of reads where nothing is written.
    latency_ms: Latency,
    /// Processor time and bytes as in the report.
    cpu_us_per_tx: BTreeMap<&'static str, u64>,
    wire_bytes_per_tx: u64,
    /// From when all was final until every node's queries had it, at most 30 s.
    queries_behind_ms: u64,
}

impl Step {
    pub(super) fn of(window: &Window) -> Self {
        Self {
            offered_tps: window.rate,
            committed_tps: window.committed_rate,
            reads_per_s: window.read_rate,
            sustained: window.is_sustained(),
            latency_ms: Latency::of(window.main_latencies()),
            cpu_us_per_tx: window.cost.us.clone(),
            wire_bytes_per_tx: window.cost.wire_bytes,
            queries_behind_ms: millis(window.queries_behind),
        }
    }

    pub(super) fn for_person(&self) -> String {
        let Self { offered_tps, committed_tps, wire_bytes_per_tx: wire, .. } = self;
        let us = self.cpu_us_per_tx.get(TOTAL).copied().unwrap_or(0);
        let latency = self.latency_ms.for_person();
        format!("{committed_tps} / {offered_tps} tps, {latency}, {us} µs, {wire} B")
    }
}

/// A window at half the measured rate.
#[derive(Debug, Serialize)]
pub(crate) struct HalfLoad {
    offered_tps: u64,
    committed_tps: u64,
    latency_ms: Latency,
    /// As of the measured window.
    queries_behind_ms: u64,
}

/// The report. Figures of one node where nothing else is said.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    workload: &'static str,
    validators: usize,
    cores: u64,
    /// Signatures verified in batches, a second and core.
    verify_per_core: u64,
    /// `cores` × `verify_per_core` ÷ `validators`.
    limit_tps: u64,
    /// Operations due a second in the measured window. For `import`, here and below: units that came
    /// in a second; a transaction holds many.
    offered_tps: u64,
    /// Transactions that became final a second.
    committed_tps: u64,
    share_of_limit: f64,
    /// Operations that only read, answered a second.
    reads_per_s: u64,
    /// Records that stood before the first window, or that were imported.
    loaded: usize,
    /// Whether what was done followed what was offered.
    sustained: bool,
    /// Transactions in a block of the measured window, on average.
    block_transactions: u64,
    /// Length of the measured window.
    seconds: u64,
    /// From due to heard as final, at the measured rate; for `import` from submission on.
    latency_ms: Latency,
    /// From due to the answer, of operations that only read.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_latency_ms: Option<Latency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    half_load: Option<HalfLoad>,
    /// Every window, in order, from the first trial on.
    load_curve: Vec<Step>,
    /// How the rates of measured windows were found, where they were looked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    searches: Vec<Search>,
    /// What was measured after the import, at size.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_size: Option<AtSize>,
    /// Nodes of processes completed a second, of cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps_per_s: Option<u64>,
    /// What else was measured of cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    cases: Option<AtCases>,
    /// What encrypted groups cost, and how they are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    disclosure: Option<AtDisclosure>,
    /// Processor time of all nodes together, by stage, divided by transactions and reads.
    cpu_us_per_tx: BTreeMap<&'static str, u64>,
    /// Bytes that all nodes together sent to peers, divided by transactions.
    wire_bytes_per_tx: u64,
    /// From when all was final until every node's queries had it, at most 30 s.
    queries_behind_ms: u64,
    /// Processor time of the client that made the load.
    client_cpu_us_per_tx: u64,
    /// Average size of a measured transaction as signed.
    transaction_bytes: u64,
    /// Executing one call of each action, in microseconds of one core: the median over the steps of
    /// the package's scenarios, on a ledger in memory.
    call_us: BTreeMap<String, u64>,
    disk_bytes_per_record: u64,
    /// All transactions, as they were signed.
    signed_bytes: u64,
    /// Bytes on the disk of one node, divided by these.
    disk_to_signed: f64,
    /// Record versions written, with all windows and what prepared them.
    records: u64,
    blocks: u64,
    /// Peak, of the node that had most.
    rss_mb: u64,
    /// Transactions submitted in the measured window.
    submitted: u64,
    /// Of these, refused at admission, by code.
    refused: BTreeMap<String, u64>,
    /// Of these, submitted without an answer.
    unanswered: u64,
    /// Accepted transactions without a receipt, in all windows; likewise the following.
    lost: u64,
    duplicated: u64,
    rejected: u64,
    /// Rejected as the benchmark's own definition has it.
    aborted: u64,
    /// Reads of the measured window that found nothing, and that were not answered.
    reads_missed: u64,
    reads_failed: u64,
    /// What the accounts hold, where there are accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<Balance>,
    totals_agree: bool,
    roots_agree: bool,
}

/// What a report is made of.
pub(super) struct Parts<'a> {
    pub(super) kind: Kind,
    pub(super) validators: usize,
    pub(super) limit: Limit,
    pub(super) records: usize,
    pub(super) measured: &'a Window,
    pub(super) half: Option<&'a Window>,
    pub(super) windows: Vec<Step>,
    pub(super) searches: Vec<Search>,
    pub(super) at_size: Option<AtSize>,
    pub(super) cases: Option<AtCases>,
    pub(super) disclosure: Option<AtDisclosure>,
    pub(super) transaction_bytes: u64,
    pub(super) found: &'a Found,
    pub(super) rss_mb: u64,
    pub(super) call_us: BTreeMap<String, u64>,
}

impl Report {
    pub(super) fn of(parts: Parts<'_>) -> Self {
        let Parts { measured, found, limit, .. } = parts;
        let limit_tps = limit.transactions(parts.validators);
        let reads_agree = parts.disclosure.as_ref().is_none_or(AtDisclosure::agrees);
        let half = |window: &Window| HalfLoad {
            offered_tps: window.rate,
            committed_tps: window.committed_rate,
            latency_ms: Latency::of(&window.latencies),
            queries_behind_ms: millis(window.queries_behind),
        };
        Self {
            workload: parts.kind.name(),
            validators: parts.validators,
            cores: limit.cores,
            verify_per_core: limit.verify_per_core,
            limit_tps,
            offered_tps: measured.rate,
            committed_tps: measured.committed_rate,
            share_of_limit: ratio(measured.committed_rate, limit_tps),
            sustained: measured.is_sustained(),
            block_transactions: measured.block_transactions,
            seconds: measured.seconds,
            reads_per_s: measured.read_rate,
            loaded: parts.records,
            load_curve: parts.windows,
            searches: parts.searches,
            at_size: parts.at_size,
            steps_per_s: found.counted.as_ref().map(|counted| steps_per_s(counted, measured)),
            cases: parts.cases,
            disclosure: parts.disclosure,
            read_latency_ms: (!measured.read_latencies.is_empty())
                .then(|| Latency::of(&measured.read_latencies)),
            aborted: found.aborted,
            reads_missed: measured.missed,
            reads_failed: measured.failed,
            balance: found.balance,
            latency_ms: Latency::of(&measured.latencies),
            half_load: parts.half.map(half),
            cpu_us_per_tx: measured.cost.us.clone(),
            wire_bytes_per_tx: measured.cost.wire_bytes,
            queries_behind_ms: millis(measured.queries_behind),
            client_cpu_us_per_tx: measured.client_us,
            transaction_bytes: parts.transaction_bytes,
            call_us: parts.call_us,
            disk_bytes_per_record: found.disk_bytes.checked_div(found.records).unwrap_or(0),
            signed_bytes: found.signed_bytes,
            disk_to_signed: quotient(found.disk_bytes, found.signed_bytes),
            records: found.records,
            blocks: found.blocks,
            rss_mb: parts.rss_mb,
            submitted: u64::try_from(measured.submitted).unwrap_or(u64::MAX),
            refused: measured.refused.clone(),
            unanswered: u64::try_from(measured.unknown.len()).unwrap_or(u64::MAX),
            lost: found.lost,
            duplicated: found.duplicated,
            rejected: found.rejected,
            totals_agree: found.totals_agree
                && reads_agree
                && found.balance.is_none_or(|balance| balance.agrees())
                && found.counted.as_ref().is_none_or(|counted| counted.differing == 0),
            roots_agree: found.roots_agree,
        }
    }

    /// Whether the ledger did what it must: nothing lost, doubled or rejected, all nodes agree.
    pub(crate) const fn is_sound(&self) -> bool {
        self.lost == 0
            && self.duplicated == 0
            && self.rejected == 0
            && self.totals_agree
            && self.roots_agree
    }

    /// What was done, how fast.
    fn done(&self) -> Vec<String> {
        let row = |what: &str, value: String| format!("{what}: {value}");
        let mut lines = vec![
            row("负载 · workload", format!("{} ({} B)", self.workload, self.transaction_bytes)),
            row("共识节点 · validators", self.validators.to_string()),
            row("核数 · cores", self.cores.to_string()),
            row(
                "每核每秒验签 · signatures verified a second and core",
                self.verify_per_core.to_string(),
            ),
            row("上限 · limit", format!("{} tps", self.limit_tps)),
            row("提交 · offered", format!("{} tps × {} s", self.offered_tps, self.seconds)),
            row("终局 · committed", format!("{} tps{}", self.committed_tps, self.keeping_up())),
        ];
        if let Some(steps) = self.steps_per_s {
            lines.push(row("每秒流程环节 · process steps a second", steps.to_string()));
        }
        lines.extend([
            row("每区块交易数 · transactions a block", self.block_transactions.to_string()),
            row("占上限 · share of the limit", format!("{:.4}", self.share_of_limit)),
            row("延迟 · latency p50 / p90 / p99", self.latency_ms.for_person()),
        ]);
        if let Some(reads) = &self.read_latency_ms {
            let text = format!("{} ({}/s)", reads.for_person(), self.reads_per_s);
            lines.push(row("查询延迟 · latency of reads", text));
        }
        lines
    }

    /// The table.
    pub(crate) fn for_person(&self) -> Vec<String> {
        let row = |what: &str, value: String| format!("{what}: {value}");
        let list = |map: &mut dyn Iterator<Item = (String, u64)>| {
            map.map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(" · ")
        };
        let mut lines = self.done();
        lines.push(row(
            "查询库滞后 · until queries have what is final",
            format!("{} ms", self.queries_behind_ms),
        ));
        if let Some(half) = &self.half_load {
            let (latency, behind) = (half.latency_ms.for_person(), half.queries_behind_ms);
            let text = format!(
                "{latency} ({} tps, 查询滞后 queries behind {behind} ms)",
                half.offered_tps
            );
            lines.push(row("半载延迟 · latency at half load", text));
        }
        let stages = cost::for_person(&self.cpu_us_per_tx);
        let mut calls = self.call_us.iter().map(|(name, n)| (name.clone(), *n));
        lines.extend([
            row("全部节点CPU微秒每笔 · CPU of all nodes, µs a transaction", stages),
            row(
                "每笔网络字节 · bytes between nodes a transaction",
                self.wire_bytes_per_tx.to_string(),
            ),
            row("客户端CPU微秒每笔 · CPU of the client", self.client_cpu_us_per_tx.to_string()),
            row("执行微秒每调用 · execution, µs a call", list(&mut calls)),
            row("每记录磁盘字节 · bytes on disk a record", self.disk_bytes_per_record.to_string()),
            row("磁盘与签名字节之比 · disk to signed bytes", format!("{:.2}", self.disk_to_signed)),
            row("每节点内存峰值 · peak memory a node", format!("{} MB", self.rss_mb)),
            row("遗失 · lost", self.lost.to_string()),
            row("重复 · duplicated", self.duplicated.to_string()),
            row("驳回 · rejected", self.rejected.to_string()),
        ]);
        let mut refused = self.refused.iter().map(|(code, n)| (code.clone(), *n));
        if !self.refused.is_empty() {
            lines.push(row("未受理 · refused at admission", list(&mut refused)));
        }
        lines.extend(self.searches.iter().map(Search::for_person));
        lines.extend(self.at_size.iter().flat_map(AtSize::for_person));
        lines.extend(self.cases.iter().flat_map(AtCases::for_person));
        lines.extend(self.disclosure.iter().flat_map(AtDisclosure::for_person));
        lines.extend(self.exceptions());
        if self.unanswered > 0 {
            lines.push(row("无应答 · without an answer", self.unanswered.to_string()));
        }
        lines.push(if self.totals_agree && self.roots_agree {
            "每笔交易恰有一个回执，各节点状态根一致 · every transaction has exactly one receipt, all nodes agree".to_owned()
        } else {
            "账目不符 · the totals or the nodes do not agree".to_owned()
        });
        lines
    }

    /// What belongs to some workloads only.
    fn exceptions(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.aborted > 0 {
            lines.push(format!("依定义驳回 · aborted by definition: {}", self.aborted));
        }
        if self.reads_missed > 0 || self.reads_failed > 0 {
            let (missed, failed) = (self.reads_missed, self.reads_failed);
            lines.push(format!("查无、未应答 · reads of nothing, unanswered: {missed}, {failed}"));
        }
        if let Some(Balance { put_in_fen, taken_out_fen, held_fen, differing }) = self.balance {
            lines.push(format!(
                "存入 − 支出 = 余额（分） · put in − taken out = held, in fen: \
                 {put_in_fen} − {taken_out_fen} = {held_fen}; 不符 · differing: {differing}"
            ));
        }
        lines
    }

    /// Throughput against latency of all windows, as a picture.
    pub(crate) fn plot(&self) -> String {
        let point = |step: &Step| Point {
            rate: step.committed_tps.saturating_add(step.reads_per_s),
            p50: step.latency_ms.p50,
            p99: step.latency_ms.p99,
            kept_up: step.sustained,
        };
        let points: Vec<Point> = self.load_curve.iter().map(point).collect();
        let title = format!(
            "{}：{} 节点 · {} validators, {} cores",
            self.workload, self.validators, self.validators, self.cores
        );
        svg(&title, &points)
    }

    const fn keeping_up(&self) -> &'static str {
        if self.sustained { "" } else { "（未跟上 · not keeping up）" }
    }
}

impl Latency {
    /// Percentiles of ascending microseconds, by the nearest rank.
    pub(super) fn of(ascending: &[u64]) -> Self {
        let at = |percent: usize| {
            let rank = ascending.len().saturating_mul(percent).div_ceil(100);
            let us = ascending.get(rank.saturating_sub(1)).copied().unwrap_or(0);
            ratio(us, 1_000)
        };
        Self { p50: at(50), p90: at(90), p99: at(99) }
    }

    pub(super) fn for_person(&self) -> String {
        format!("{:.1} / {:.1} / {:.1} ms", self.p50, self.p90, self.p99)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A quotient for the report; its numbers are far below 2³².
#[allow(clippy::float_arithmetic, reason = "a report's quotient decides nothing")]
fn ratio(part: u64, whole: u64) -> f64 {
    let float = |n: u64| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

/// A quotient of numbers that may be large, to three digits.
pub(super) fn quotient(part: u64, whole: u64) -> f64 {
    ratio(part.saturating_mul(1_000).checked_div(whole).unwrap_or(0), 1_000)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "tests")]
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let us: Vec<u64> = (1..=200).map(|n| n * 1_000).collect();
        let found = Latency::of(&us);
        assert_eq!((found.p50, found.p90, found.p99), (100.0, 180.0, 198.0));
        let one = Latency::of(&[7_500]);
        assert_eq!((one.p50, one.p99), (7.5, 7.5));
        assert_eq!(Latency::of(&[]).p99, 0.0);
    }
}

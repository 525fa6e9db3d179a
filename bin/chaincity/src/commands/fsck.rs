//! `chaincity fsck`: checks everything that a stopped node stores: genesis and key, history, the
//! engine's files and state, and its read model.

mod engine;

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use chaincity_crypto::finality::Certificate;
use chaincity_crypto::hash;
use chaincity_history::{FsckOptions, HistoryStore, Report, fsck};
use chaincity_pipeline::{committee_name, genesis_committee};
use chaincity_query::ReadModel;
use chaincity_types::cbor;
use chaincity_types::wire::{Committee, Genesis, Header};
use clap::Args;
use serde::Serialize;

use self::engine::EngineSummary;
use crate::exit::Exit;
use crate::failure::{Failure, chain, settle};
use crate::fault::Fault;
use crate::node_config::NodeConfig;
use crate::output::Output;
use crate::stopped;

/// Most bytes of a stored committee.
const COMMITTEE_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 已停止节点的配置文件 · the configuration of a stopped node
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// 计算内容摘要，用于比较各节点 · compute the content digest, to compare nodes
    #[arg(long)]
    digest: bool,
    /// 同时检查查询库 · check the read model too
    #[arg(long)]
    read_model: bool,
}

#[derive(Debug, Serialize)]
struct FindingLine {
    code: String,
    height: Option<u64>,
    detail: String,
}

#[derive(Debug, Default, Serialize)]
struct Summary {
    ok: bool,
    from: Option<u64>,
    tip: Option<u64>,
    blocks: u64,
    transactions: u64,
    bodies: u64,
    certified_to: Option<u64>,
    content: Option<String>,
    engine: Option<EngineSummary>,
    /// Whether the read model was checked and is whole; absent when not asked.
    read_model: Option<bool>,
    findings: usize,
    /// Whether there are findings beyond those shown.
    more: bool,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(arguments, output);
    settle(outcome, false, output)
}

fn attempt(arguments: &Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let config = NodeConfig::read(&arguments.config)?;
    let mut findings = Vec::new();
    let genesis = finding_of(config.read_genesis(), &mut findings)?;
    finding_of(config.read_key(), &mut findings)?;
    let mut summary = Summary::default();
    let history = match stopped::history(&config) {
        Ok(Ok(history)) => Some(history),
        Ok(Err(damage)) => {
            let code = "damaged".to_owned();
            findings.push(FindingLine { code, height: None, detail: damage });
            None
        }
        // Nothing was ever stored; what else is wrong is told nevertheless.
        Err(_) if !findings.is_empty() => None,
        Err(fault) => return Err(fault.into()),
    };
    let mut known = None;
    if let Some(history) = &history {
        let content = arguments.digest;
        let report = check_history(&**history, genesis.as_ref(), content, &mut summary);
        // The state is compared with a history that is whole.
        known = report.is_clean().then_some((&**history, report.heads));
        findings.extend(report.findings.into_iter().map(|finding| FindingLine {
            code: finding.code.to_owned(),
            height: finding.height.map(|height| height.0),
            detail: finding.detail,
        }));
    }
    summary.engine = Some(engine::check(&config, known, &mut findings)?);
    if let (true, Some(genesis), Some(history)) = (arguments.read_model, genesis, history) {
        let found = check_read_model(&config, genesis, history);
        summary.read_model = Some(found.is_none());
        findings.extend(found);
    }
    tell(summary, &findings, output)
}

/// What is refused at start is a finding here.
fn finding_of<T>(
    read: Result<T, Fault>,
    findings: &mut Vec<FindingLine>,
) -> Result<Option<T>, Fault> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Fault::Refused { code, zh, en, detail }) => {
            let detail = detail.map(|detail| format!(" ({detail})")).unwrap_or_default();
            let detail = format!("{zh} · {en}{detail}");
            findings.push(FindingLine { code: code.to_owned(), height: None, detail });
            Ok(None)
        }
        Err(fault) => Err(fault),
    }
}

fn tell(
    mut summary: Summary,
    findings: &[FindingLine],
    output: &mut Output,
) -> Result<Exit, Failure> {
    summary.findings = findings.len();
    summary.ok = findings.is_empty();
    for finding in findings {
        output.record(finding, |finding| {
            let at = finding.height.map(|height| format!(" 高度 · height {height}"));
            format!("{}{}: {}", finding.code, at.unwrap_or_default(), finding.detail)
        })?;
    }
    output.report(&summary, Summary::for_person)?;
    Ok(if summary.ok { Exit::Ok } else { Exit::Negative })
}

fn check_history(
    history: &dyn HistoryStore,
    genesis: Option<&Genesis>,
    content: bool,
    summary: &mut Summary,
) -> Report {
    let certificates = genesis.map(|genesis| Certificates::new(history, genesis));
    let verify = |header: &Header, certificate: &[u8]| {
        certificates.as_ref().is_none_or(|all| all.verify(header, certificate))
    };
    let bar = crate::progress::bar();
    let report = fsck(
        history,
        &FsckOptions {
            content,
            heads: true,
            certificate: Some(&verify),
            progress: Some(&|done, all| {
                bar.set_length(all);
                bar.set_position(done);
            }),
            ..FsckOptions::default()
        },
    );
    bar.finish_and_clear();
    summary.from = report.from.map(|height| height.0);
    summary.tip = report.tip.map(|height| height.0);
    summary.blocks = report.blocks;
    summary.transactions = report.transactions;
    summary.bodies = report.bodies;
    summary.certified_to = report.certified_to.map(|height| height.0);
    summary.content = report.content.map(|digest| digest.to_string());
    summary.more = report.more;
    report
}

fn check_read_model(
    config: &NodeConfig,
    genesis: Genesis,
    history: Arc<dyn HistoryStore>,
) -> Option<FindingLine> {
    let finding = |detail: String| {
        Some(FindingLine { code: "read-model-damaged".to_owned(), height: None, detail })
    };
    let path = stopped::read_model(config);
    if !path.is_file() {
        return finding("there is none; `chaincity read-model rebuild` makes it".to_owned());
    }
    let packages = match stopped::packages(config, genesis, &history) {
        Ok(packages) => packages,
        Err(fault) => return finding(chain(&fault)),
    };
    let checked = ReadModel::open(&path, history, &packages)
        .and_then(|model| model.check(&packages).and_then(|()| model.close()));
    checked.err().and_then(|error| finding(chain(&error)))
}

/// Verifies certificates by the committees that the history holds. A committee counts only when
/// its digest is the one that the header names.
struct Certificates<'a> {
    history: &'a dyn HistoryStore,
    genesis: &'a Genesis,
    /// The committee last used.
    latest: RefCell<Option<Committee>>,
}

impl<'a> Certificates<'a> {
    fn new(history: &'a dyn HistoryStore, genesis: &'a Genesis) -> Self {
        Self { history, genesis, latest: RefCell::new(None) }
    }

    fn verify(&self, header: &Header, certificate: &[u8]) -> bool {
        let epoch = header.height.0.checked_div(self.genesis.epoch_blocks).unwrap_or(0);
        let mut latest = self.latest.borrow_mut();
        if latest.as_ref().is_none_or(|committee| committee.epoch != epoch) {
            *latest = self.committee(epoch);
        }
        let Some(committee) = &*latest else { return false };
        Certificate::decode(certificate).is_ok_and(|certificate| {
            certificate.block == hash::header_digest(header)
                && header.committee == hash::committee_digest(committee)
                && certificate.verify(committee).is_ok()
        })
    }

    fn committee(&self, epoch: u64) -> Option<Committee> {
        if epoch == 0 {
            return Some(genesis_committee(self.genesis));
        }
        let bytes = self.history.meta(&committee_name(epoch)).ok()??;
        cbor::decode(&bytes, COMMITTEE_BYTES_MAX).ok()
    }
}

impl Summary {
    fn for_person(&self) -> Vec<String> {
        let number = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let verdict = if self.ok {
            "完好 · nothing is wrong".to_owned()
        } else {
            format!(
                "发现 {n} 处问题 · {n} findings{}",
                if self.more { " …" } else { "" },
                n = self.findings
            )
        };
        let mut lines = vec![
            verdict,
            format!(
                "  区块 · blocks: {} ({}..{})  交易 · transactions: {}  记录版本 · versions: {}  \
                 终局证明至 · certified to: {}",
                self.blocks,
                number(self.from),
                number(self.tip),
                self.transactions,
                self.bodies,
                number(self.certified_to)
            ),
        ];
        lines.extend(self.content.as_ref().map(|digest| format!("  内容摘要 · content: {digest}")));
        lines.extend(self.engine.iter().flat_map(EngineSummary::for_person));
        if self.read_model == Some(true) {
            lines.push("  查询库完好 · the read model is whole".to_owned());
        }
        lines
    }
}

//! The report on a terminal.

use super::rows::{self, Row};
use super::{Report, Shown};

/// The report's lines.
pub(crate) fn lines(report: &Report) -> Vec<String> {
    let mut lines = vec!["记录成因 · How the record came about".to_owned()];
    lines.extend(rows::heading(report).iter().map(|row| line(2, row)));
    if report.versions.is_empty() {
        lines.push("  该时刻尚无此记录 · the record did not exist then".to_owned());
    }
    for shown in &report.versions {
        lines.push(String::new());
        lines.extend(version(shown));
    }
    lines.extend(generations(report));
    if !report.later.is_empty() {
        lines.push(String::new());
        lines.push("其后各版 · later versions".to_owned());
        lines.extend(report.later.iter().map(|later| format!("  {}", rows::later(later))));
    }
    lines
}

fn line(indent: usize, row: &Row) -> String {
    format!("{:indent$}{} · {}: {}", "", row.zh, row.en, row.text)
}

fn version(shown: &Shown) -> Vec<String> {
    let explained = &shown.explained;
    let (number, verified) = (explained.record.version, rows::verified(shown.verified.ok));
    let mut lines = vec![format!("第 {number} 版 · version {number}  {verified}")];
    lines.extend(rows::facts(shown).iter().map(|row| line(2, row)));
    lines.push("  变更 · Changes:".to_owned());
    let changes = rows::changes(explained);
    for change in &changes {
        let (name, before, after) = rows::change(change);
        lines.push(format!("    {name}: {before} → {after}"));
    }
    if changes.is_empty() {
        lines.push("    （无 · none）".to_owned());
    }
    if let Some(rules) = &explained.rules {
        let guards = rules.guards.iter().chain(&rules.invariants);
        let guards: Vec<_> = guards.map(rows::guard).collect();
        if !guards.is_empty() {
            lines.push("  办理时已查条件 · Conditions checked:".to_owned());
        }
        lines.extend(guards.iter().map(|(code, text)| format!("    {code}: {text}")));
    }
    lines.push("  证明 · Proof:".to_owned());
    lines.extend(rows::proof(shown).iter().map(|row| line(4, row)));
    lines
}

fn generations(report: &Report) -> Vec<String> {
    let comparison = &report.comparison;
    if comparison.generations.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), "导入各代 · Import generations".to_owned()];
    for generation in &comparison.generations {
        let (n, v) = (rows::generation(generation.number), generation.version);
        let source = rows::source(&generation.source);
        lines.push(format!("  {n}（第 {v} 版 · version {v}）: {source}"));
    }
    if comparison.generations.len() > 1 && comparison.differences.is_empty() {
        lines.push("  各代一致 · the generations agree".to_owned());
    }
    for found in &comparison.differences {
        let [name, when, before, after] = rows::difference(found, comparison);
        lines.push(format!("  {name}: {before}；{after}；首次不同 · first differs: {when}"));
    }
    lines
}

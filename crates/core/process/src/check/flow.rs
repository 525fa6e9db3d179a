//! Nodes that no token reaches or that lead to no end, and what the token game finds.

use std::collections::BTreeSet;

use super::net::{Fault, Net};
use super::{Findings, STATES_MAX};
use crate::graph::{BodyIx, Graph, Label, NodeIx, Op, Wait};

pub(super) fn check(graph: &Graph, findings: &mut Findings<'_>) {
    for place in 0..graph.bodies.len() {
        let body = BodyIx::of(place);
        let reached = reached(graph, body);
        unreachable(graph, body, &reached, findings);
        endless(graph, body, &reached, findings);
        game(graph, body, findings);
    }
}

fn at(label: &Label) -> (u64, &str) {
    (label.line, &label.id)
}

/// Nodes that tokens come to, from the starts and from other start events.
fn reached(graph: &Graph, body: BodyIx) -> BTreeSet<NodeIx> {
    let def = graph.body(body);
    let is_start = |node: &&NodeIx| graph.label(**node).is_some_and(|l| l.element == "startEvent");
    let starts = def.nodes.iter().filter(is_start);
    let mut open: Vec<NodeIx> = def.starts.iter().chain(starts).copied().collect();
    let mut reached = BTreeSet::new();
    while let Some(node) = open.pop() {
        if reached.insert(node) {
            open.extend(graph.successors(node));
            // What undoes it, and what leads on from there.
            open.extend(graph.node(node).undo);
        }
    }
    reached
}

fn unreachable(
    graph: &Graph,
    body: BodyIx,
    reached: &BTreeSet<NodeIx>,
    findings: &mut Findings<'_>,
) {
    for node in graph.body(body).nodes.iter().filter(|node| !reached.contains(node)) {
        let op = graph.node(*node).op;
        // What undoes a node that is reached.
        let undoes = matches!(op, Op::Boundary { on: Wait::Compensation, host, .. }
            if reached.contains(&host));
        let apart = undoes || matches!(op, Op::Handler(_));
        let Some(label) = graph.label(*node).filter(|_| !apart) else { continue };
        let id = &label.id;
        findings.add(
            "unreachable",
            at(label),
            (format!("`{id}`不可到达"), format!("no way leads to `{id}`")),
            ("请连上顺序流，或删除", "connect it, or remove it"),
        );
    }
}

/// Loops that have no way out.
fn endless(graph: &Graph, body: BodyIx, reached: &BTreeSet<NodeIx>, findings: &mut Findings<'_>) {
    let nodes = &graph.body(body).nodes;
    let mut ending: BTreeSet<NodeIx> = BTreeSet::new();
    let ends = |node: &&NodeIx| graph.successors(**node).is_empty();
    let mut open: Vec<NodeIx> = nodes.iter().filter(ends).copied().collect();
    let mut before: std::collections::BTreeMap<NodeIx, Vec<NodeIx>> = Default::default();
    for node in nodes {
        for next in graph.successors(*node) {
            before.entry(next).or_default().push(*node);
        }
    }
    while let Some(node) = open.pop() {
        if ending.insert(node) {
            open.extend(before.get(&node).into_iter().flatten());
        }
    }
    let first = nodes.iter().find(|node| reached.contains(node) && !ending.contains(node));
    if let Some(label) = first.and_then(|node| graph.label(*node)) {
        let id = &label.id;
        findings.add(
            "no-end",
            at(label),
            (format!("从`{id}`起没有一路通向结束"), format!("no way from `{id}` leads to an end")),
            ("请给循环一个出口", "give the loop a way out"),
        );
    }
}

fn game(graph: &Graph, body: BodyIx, findings: &mut Findings<'_>) {
    for fault in Net::of(graph, body).play() {
        match fault {
            Fault::Deadlock { join, missing } => {
                let Some(label) = graph.label(join) else { continue };
                let id = &label.id;
                let flows = missing.iter().filter_map(|flow| graph.flow(*flow));
                let flows: Vec<&str> = flows.map(|flow| flow.id.as_str()).collect();
                let flows = flows.join("`, `");
                findings.add(
                    "deadlock",
                    at(label),
                    (
                        format!("死锁：汇合`{id}`等待`{flows}`，可能永远等不到"),
                        format!("deadlock: the join `{id}` may wait for `{flows}` for ever"),
                    ),
                    (
                        "排他分支请用排他网关汇合",
                        "join with an exclusive gateway what an exclusive gateway has split",
                    ),
                );
            }
            Fault::Twice { node } => {
                let Some(label) = graph.label(node) else { continue };
                let id = &label.id;
                findings.add(
                    "missing-join",
                    at(label),
                    (
                        format!("并行的分支在`{id}`未经汇合，其后会执行多次"),
                        format!("parallel ways meet at `{id}` without a join: it is passed twice"),
                    ),
                    (
                        "请用并行网关汇合",
                        "join with a parallel gateway what a parallel gateway has split",
                    ),
                );
            }
            Fault::TooMany => {
                let first = graph.body(body).nodes.first();
                let Some(label) = first.and_then(|node| graph.label(*node)) else { continue };
                findings.warn(
                    "too-complex",
                    at(label),
                    (
                        format!("状态超过{STATES_MAX}个，未能检查全部死锁"),
                        format!("more than {STATES_MAX} states: not every deadlock was looked for"),
                    ),
                    ("请拆成子流程", "split it into sub-processes"),
                );
            }
        }
    }
}

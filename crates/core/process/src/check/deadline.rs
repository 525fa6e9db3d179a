//! Deadlines that cannot be kept: the working days of the steps on a way, against those of the
//! whole process or sub-process.

use std::collections::BTreeMap;

use super::Findings;
use crate::model::{Body, GatewayKind, Node, NodeKind, Process};

/// Working days that a way may take when every step uses up its own deadline: the least of all
/// ways, and the most.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    least: u32,
    most: u32,
}

pub(super) fn check(process: &Process, findings: &mut Findings<'_>) {
    let span = span_of(&process.body, findings);
    report(span, process.workdays, (process.line, &process.id), findings);
}

fn report(span: Span, limit: Option<u32>, at: (u64, &str), findings: &mut Findings<'_>) {
    let Some(limit) = limit else { return };
    let (id, least, most) = (at.1, span.least, span.most);
    if least > limit {
        findings.add(
            "deadline-impossible",
            at,
            (
                format!("`{id}`限{limit}个工作日，而各步期限合计至少{least}个"),
                format!(
                    "`{id}` may take {limit} working days, the deadlines of its steps make {least} \
                     at least"
                ),
            ),
            ("请缩短各步期限或并行办理", "shorten the steps, or do them side by side"),
        );
    } else if most > limit {
        findings.warn(
            "deadline-tight",
            at,
            (
                format!("`{id}`限{limit}个工作日，而最长一路的各步期限合计{most}个"),
                format!(
                    "`{id}` may take {limit} working days, the deadlines on its longest way make \
                     {most}"
                ),
            ),
            ("请核对最长的一路", "look at the longest way"),
        );
    }
}

/// The days of a body, without repetitions: what leads back is left out.
fn span_of(body: &Body, findings: &mut Findings<'_>) -> Span {
    let mut own = BTreeMap::new();
    for node in &body.nodes {
        let mut inner = Span::default();
        if let NodeKind::SubProcess { body, .. } = &node.kind {
            inner = span_of(body, findings);
            report(inner, node.binding.workdays, (node.line, &node.id), findings);
        }
        let days = node.binding.workdays;
        let days = days.map_or(inner, |days| Span { least: days, most: days });
        own.insert(node.id.as_str(), days);
    }
    let order = forward(body);
    let place: BTreeMap<&str, usize> =
        order.iter().enumerate().map(|(place, node)| (node.id.as_str(), place)).collect();
    let mut at: BTreeMap<&str, Span> = BTreeMap::new();
    let mut ends: Option<Span> = None;
    for node in &order {
        let here = place.get(node.id.as_str());
        let before = body.flows.iter().filter(|flow| flow.target == node.id);
        let before = before.filter(|flow| place.get(flow.source.as_str()) < here);
        let before: Vec<Span> =
            before.filter_map(|flow| at.get(flow.source.as_str()).copied()).collect();
        let all = matches!(node.kind, NodeKind::Gateway(GatewayKind::Parallel));
        let least = before.iter().map(|span| span.least);
        let least = if all { least.max() } else { least.min() }.unwrap_or(0);
        let most = before.iter().map(|span| span.most).max().unwrap_or(0);
        let days = own.get(node.id.as_str()).copied().unwrap_or_default();
        let span =
            Span { least: least.saturating_add(days.least), most: most.saturating_add(days.most) };
        at.insert(&node.id, span);
        if !body.flows.iter().any(|flow| flow.source == node.id) {
            let so_far = ends.unwrap_or(span);
            let least = so_far.least.min(span.least);
            ends = Some(Span { least, most: so_far.most.max(span.most) });
        }
    }
    ends.unwrap_or_default()
}

/// The nodes that start events lead to, before what follows them.
fn forward(body: &Body) -> Vec<&Node> {
    let mut next: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
    let by_id: BTreeMap<&str, &Node> = body.nodes.iter().map(|n| (n.id.as_str(), n)).collect();
    for flow in &body.flows {
        if let Some(target) = by_id.get(flow.target.as_str()) {
            next.entry(flow.source.as_str()).or_default().push(target);
        }
    }
    let starts = body.nodes.iter().filter(|node| matches!(node.kind, NodeKind::Start { .. }));
    let mut seen: BTreeMap<&str, ()> = BTreeMap::new();
    let mut after = Vec::new();
    let mut stack: Vec<(&Node, bool)> = starts.map(|start| (start, false)).collect();
    while let Some((node, left)) = stack.pop() {
        if left {
            after.push(node);
            continue;
        }
        if seen.insert(&node.id, ()).is_some() {
            continue;
        }
        stack.push((node, true));
        for target in next.get(node.id.as_str()).into_iter().flatten() {
            if !seen.contains_key(target.id.as_str()) {
                stack.push((target, false));
            }
        }
    }
    after.reverse();
    after
}

//! A simple layout in layers, for files without a diagram: each node one column right of the last
//! of those before it, sub-processes as large as what they hold.

use std::collections::BTreeMap;

use crate::model::{Body, Bounds, Diagram, Node, NodeKind};

const GAP: i64 = 500;
const ROW: i64 = 450;
const PADDING: i64 = 300;

/// Places a body with its top left corner at `origin`; gives its bottom right corner.
pub(super) fn layers(body: &Body, origin: (i64, i64), diagram: &mut Diagram) -> (i64, i64) {
    let mut columns: BTreeMap<usize, Vec<&Node>> = BTreeMap::new();
    let column = columns_of(body);
    for node in &body.nodes {
        if !matches!(node.kind, NodeKind::Boundary { .. }) {
            let place = column.get(node.id.as_str()).copied().unwrap_or(0);
            columns.entry(place).or_default().push(node);
        }
    }
    let (mut x, mut lowest) = (origin.0, origin.1);
    for nodes in columns.values() {
        let (mut y, mut widest) = (origin.1, 0);
        for node in nodes {
            let (width, height) = place(node, (x, y), diagram);
            widest = widest.max(width);
            y = y.saturating_add(height).saturating_add(ROW);
        }
        lowest = lowest.max(y);
        x = x.saturating_add(widest).saturating_add(GAP);
    }
    boundaries(body, diagram);
    (x.max(origin.0.saturating_add(GAP)), lowest)
}

/// Places a node and what it holds; its size.
fn place(node: &Node, (x, y): (i64, i64), diagram: &mut Diagram) -> (i64, i64) {
    let (width, height) = match &node.kind {
        NodeKind::SubProcess { body, .. } => {
            let inner = (x.saturating_add(PADDING), y.saturating_add(PADDING));
            let (right, bottom) = layers(body, inner, diagram);
            (right.saturating_sub(x), bottom.saturating_sub(y).saturating_add(PADDING))
        }
        NodeKind::Task(_) | NodeKind::Call(_) | NodeKind::Unsupported => (1_000, 800),
        NodeKind::Gateway(_) => (500, 500),
        NodeKind::Start { .. }
        | NodeKind::End(_)
        | NodeKind::Catch(_)
        | NodeKind::Throw(_)
        | NodeKind::Boundary { .. } => (360, 360),
    };
    diagram.shapes.insert(node.id.clone(), Bounds { x, y, width, height });
    (width, height)
}

/// The column of each node: nodes in rounds, each after all that lead to it, loops cut.
fn columns_of(body: &Body) -> BTreeMap<&str, usize> {
    let mut column: BTreeMap<&str, usize> = BTreeMap::new();
    let entered = |node: &Node| body.flows.iter().any(|flow| flow.target == node.id);
    let attached: BTreeMap<&str, &str> = body
        .nodes
        .iter()
        .filter_map(|node| {
            let NodeKind::Boundary { attached, .. } = &node.kind else { return None };
            Some((node.id.as_str(), attached.as_str()))
        })
        .collect();
    let begins = |node: &&Node| !entered(node) && !attached.contains_key(node.id.as_str());
    let mut open: Vec<&str> = body.nodes.iter().filter(begins).map(|n| n.id.as_str()).collect();
    if open.is_empty() {
        open.extend(body.nodes.first().map(|node| node.id.as_str()));
    }
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for flow in &body.flows {
        next.entry(&flow.source).or_default().push(&flow.target);
    }
    for (boundary, host) in &attached {
        next.entry(host).or_default().push(boundary);
    }
    // Breadth first: the shortest way decides, so that a loop ends.
    let mut layer = 0_usize;
    while !open.is_empty() {
        let mut after = Vec::new();
        for id in open {
            if !column.contains_key(id) {
                column.insert(id, layer);
                after.extend(next.get(id).into_iter().flatten().copied());
            }
        }
        open = after;
        layer = layer.saturating_add(1);
    }
    column
}

/// Boundary events sit on the lower edge of their activities, side by side.
fn boundaries(body: &Body, diagram: &mut Diagram) {
    let mut taken: BTreeMap<&str, i64> = BTreeMap::new();
    for node in &body.nodes {
        let NodeKind::Boundary { attached, .. } = &node.kind else { continue };
        let Some(host) = diagram.shapes.get(attached).copied() else { continue };
        let count = taken.entry(attached).or_insert(0);
        let x = host.x.saturating_add(count.saturating_mul(420)).saturating_add(100);
        *count = count.saturating_add(1);
        let y = host.y.saturating_add(host.height).saturating_sub(180);
        diagram.shapes.insert(node.id.clone(), Bounds { x, y, width: 360, height: 360 });
    }
}

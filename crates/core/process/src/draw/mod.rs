//! The picture of a file as SVG: at the places of its diagram, or where it has none, in layers.

mod layout;

use std::fmt::Write;

use chaincity_package::describe::escape;

use crate::model::{Body, Bounds, Definition, Diagram, Flow, GatewayKind, Model, Node, NodeKind};

/// Most characters of a label; the rest is cut.
const LABEL_MAX: usize = 24;
const MARGIN: i64 = 700;

/// The picture; lengths inside are tenths of the diagram's unit.
#[must_use]
pub fn draw(model: &Model) -> String {
    let diagram = places(model);
    let (left, top, right, bottom) = extent(&diagram);
    let (width, height) = (right.saturating_sub(left), bottom.saturating_sub(top));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{left} {top} {width} {height}\" \
         width=\"{}\" height=\"{}\" font-family=\"'Noto Sans CJK SC',sans-serif\" \
         font-size=\"110\">\n<defs><marker id=\"end\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" \
         markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 L10 5 L0 10 z\" \
         fill=\"#333\"/></marker></defs>\n<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" \
         height=\"{height}\" fill=\"#fff\"/>\n",
        units(width),
        units(height),
    );
    for process in &model.processes {
        body(&process.body, &diagram, &mut svg);
    }
    svg.push_str("</svg>\n");
    svg
}

fn units(tenths: i64) -> i64 {
    tenths.checked_div(10).unwrap_or(0).max(1)
}

/// The file's own places, completed by a layout of each process that has none.
fn places(model: &Model) -> Diagram {
    let mut diagram = model.diagram.clone();
    let mut top = diagram.shapes.values().map(|b| b.y.saturating_add(b.height)).max().unwrap_or(0);
    for process in &model.processes {
        if process.body.nodes.iter().any(|node| diagram.shapes.contains_key(&node.id)) {
            continue;
        }
        top = layout::layers(&process.body, (0, top.saturating_add(400)), &mut diagram).1;
    }
    diagram
}

fn extent(diagram: &Diagram) -> (i64, i64, i64, i64) {
    let shapes = diagram.shapes.values();
    let corners = shapes
        .flat_map(|b| [(b.x, b.y), (b.x.saturating_add(b.width), b.y.saturating_add(b.height))]);
    let points: Vec<(i64, i64)> =
        corners.chain(diagram.edges.values().flatten().copied()).collect();
    let xs = points.iter().map(|(x, _)| *x);
    let ys = points.iter().map(|(_, y)| *y);
    (
        xs.clone().min().unwrap_or(0).saturating_sub(MARGIN),
        ys.clone().min().unwrap_or(0).saturating_sub(MARGIN),
        xs.max().unwrap_or(1000).saturating_add(MARGIN),
        ys.max().unwrap_or(1000).saturating_add(MARGIN),
    )
}

/// Sub-processes first, so that what lies inside is drawn over them.
fn body(body_of: &Body, diagram: &Diagram, svg: &mut String) {
    let is_outer = |node: &&Node| matches!(node.kind, NodeKind::SubProcess { .. });
    for node in body_of.nodes.iter().filter(is_outer) {
        if let Some(bounds) = diagram.shapes.get(&node.id) {
            shape(node, *bounds, svg);
        }
        if let NodeKind::SubProcess { body: inner, .. } = &node.kind {
            body(inner, diagram, svg);
        }
    }
    for flow in &body_of.flows {
        let source = body_of.nodes.iter().find(|node| node.id == flow.source);
        let down = source.is_some_and(|node| matches!(node.kind, NodeKind::Boundary { .. }));
        edge(flow, down, diagram, svg);
    }
    for node in body_of.nodes.iter().filter(|node| !is_outer(node)) {
        if let Some(bounds) = diagram.shapes.get(&node.id) {
            shape(node, *bounds, svg);
        }
    }
}

fn put(svg: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _infallible = svg.write_fmt(text);
    svg.push('\n');
}

fn edge(flow: &Flow, down: bool, diagram: &Diagram, svg: &mut String) {
    let name = flow.name.as_str();
    let routed = || {
        let from = diagram.shapes.get(&flow.source)?;
        Some(route(*from, *diagram.shapes.get(&flow.target)?, down))
    };
    let points = diagram.edges.get(&flow.id).filter(|points| points.len() > 1).cloned();
    let Some(points) = points.or_else(routed) else { return };
    let path: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
    put(
        svg,
        format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#333\" stroke-width=\"12\" \
             marker-end=\"url(#end)\"/>",
            path.join(" ")
        ),
    );
    let half = points.len().checked_div(2).unwrap_or(0);
    let at = points.get(half.saturating_sub(1)).zip(points.get(half));
    if let (Some(((x1, y1), (x2, y2))), false) = (at, name.is_empty()) {
        label(name, (between(*x1, *x2), between(*y1, *y2).saturating_sub(40)), svg);
    }
}

/// A way with right angles, from the right edge or `down` from the lower one; one that leads back
/// goes round below.
fn route(from: Bounds, to: Bounds, down: bool) -> Vec<(i64, i64)> {
    let (start, end) = ((from.x.saturating_add(from.width), middle(from).1), (to.x, middle(to).1));
    let foot = (middle(from).0, from.y.saturating_add(from.height));
    if end.0 > start.0 && down && end.1 > foot.1 {
        return vec![foot, (foot.0, end.1), end];
    }
    if end.0 > start.0 {
        let bend = end.0.saturating_sub(200);
        return vec![start, (bend, start.1), (bend, end.1), end];
    }
    let lowest = |bounds: Bounds| bounds.y.saturating_add(bounds.height);
    let below = lowest(from).max(lowest(to)).saturating_add(200);
    let (out, back) = (middle(from).0, middle(to).0);
    vec![(out, lowest(from)), (out, below), (back, below), (back, lowest(to))]
}

fn between(a: i64, b: i64) -> i64 {
    a.saturating_add(b).checked_div(2).unwrap_or(a)
}

fn middle(bounds: Bounds) -> (i64, i64) {
    (
        between(bounds.x, bounds.x.saturating_add(bounds.width)),
        between(bounds.y, bounds.y.saturating_add(bounds.height)),
    )
}

fn label(text: &str, (x, y): (i64, i64), svg: &mut String) {
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = text.chars().take(LABEL_MAX).collect();
    put(
        svg,
        format_args!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>", escape(&cut)),
    );
}

fn shape(node: &Node, bounds: Bounds, svg: &mut String) {
    let (x, y) = middle(bounds);
    let below = bounds.y.saturating_add(bounds.height).saturating_add(130);
    let title = format!("{} · {}", node.element, node.id);
    put(svg, format_args!("<g><title>{}</title>", escape(&title)));
    match &node.kind {
        NodeKind::Gateway(kind) => {
            diamond(bounds, svg);
            let mark = match kind {
                GatewayKind::Exclusive => "×",
                GatewayKind::Parallel => "+",
                GatewayKind::Inclusive => "○",
                GatewayKind::EventBased => "⬠",
            };
            sign(mark, (x, y), svg);
            label(&node.name, (x, below), svg);
        }
        NodeKind::Task(_) | NodeKind::Call(_) => {
            let thick = if matches!(node.kind, NodeKind::Call(_)) { 30 } else { 12 };
            boxed(bounds, thick, "#f7f7fa", false, svg);
            lines(&node.name, (x, y), svg);
        }
        NodeKind::SubProcess { by_event, .. } => {
            boxed(bounds, 12, "#fcfcfd", *by_event, svg);
            label(&node.name, (x, bounds.y.saturating_add(150)), svg);
        }
        NodeKind::Start { on, .. }
        | NodeKind::End(on)
        | NodeKind::Catch(on)
        | NodeKind::Throw(on)
        | NodeKind::Boundary { on, .. } => {
            circle(node, bounds, svg);
            sign(mark_of(on), (x, y), svg);
            label(&node.name, (x, below), svg);
        }
        NodeKind::Unsupported => {
            boxed(bounds, 12, "#fdecea", true, svg);
            lines(&node.name, (x, y), svg);
        }
    }
    svg.push_str("</g>\n");
}

const fn mark_of(on: &Definition) -> &'static str {
    match on {
        Definition::None => "",
        Definition::Message(_) => "✉",
        Definition::Timer(_) => "◷",
        Definition::Error(_) => "↯",
        Definition::Escalation(_) => "▲",
        Definition::Compensation(_) => "⏪",
        Definition::Terminate => "●",
        Definition::Link(_) => "➔",
        Definition::Unsupported => "?",
    }
}

fn sign(mark: &str, (x, y): (i64, i64), svg: &mut String) {
    if !mark.is_empty() {
        put(
            svg,
            format_args!(
                "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" font-size=\"190\">{mark}</text>",
                y.saturating_add(65)
            ),
        );
    }
}

fn circle(node: &Node, bounds: Bounds, svg: &mut String) {
    let (x, y) = middle(bounds);
    let radius = bounds.width.min(bounds.height).checked_div(2).unwrap_or(100);
    let (width, twice, dashed) = match &node.kind {
        NodeKind::End(_) => (35, false, false),
        NodeKind::Start { interrupting, .. } => (12, false, !interrupting),
        NodeKind::Boundary { interrupting, .. } => (12, true, !interrupting),
        NodeKind::Catch(_)
        | NodeKind::Throw(_)
        | NodeKind::Task(_)
        | NodeKind::SubProcess { .. }
        | NodeKind::Call(_)
        | NodeKind::Gateway(_)
        | NodeKind::Unsupported => (12, true, false),
    };
    let dash = if dashed { " stroke-dasharray=\"50 35\"" } else { "" };
    for radius in [Some(radius), twice.then(|| radius.saturating_sub(35))].into_iter().flatten() {
        put(
            svg,
            format_args!(
                "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"#fff\" stroke=\"#333\" \
                 stroke-width=\"{width}\"{dash}/>"
            ),
        );
    }
}

fn boxed(bounds: Bounds, stroke: i64, fill: &str, dashed: bool, svg: &mut String) {
    let Bounds { x, y, width, height } = bounds;
    let dash = if dashed { " stroke-dasharray=\"50 35\"" } else { "" };
    put(
        svg,
        format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"80\" \
             fill=\"{fill}\" stroke=\"#333\" stroke-width=\"{stroke}\"{dash}/>"
        ),
    );
}

fn diamond(bounds: Bounds, svg: &mut String) {
    let (x, y) = middle(bounds);
    let (right, bottom) =
        (bounds.x.saturating_add(bounds.width), bounds.y.saturating_add(bounds.height));
    put(
        svg,
        format_args!(
            "<polygon points=\"{x},{top} {right},{y} {x},{bottom} {left},{y}\" fill=\"#fff\" \
             stroke=\"#333\" stroke-width=\"12\"/>",
            top = bounds.y,
            left = bounds.x,
        ),
    );
}

/// Widths of letters, in halves of a Chinese one: most in a line of a task, and those that are wide.
const LINE: usize = 14;

const fn width(letter: char) -> usize {
    if letter.is_ascii() { 1 } else { 2 }
}

/// A name inside a task, in up to four lines.
fn lines(name: &str, (x, y): (i64, i64), svg: &mut String) {
    let rows = broken(name);
    let count = i64::try_from(rows.len()).unwrap_or(0);
    let first = y.saturating_sub(count.saturating_sub(1).saturating_mul(65)).saturating_add(40);
    for (row, line) in (0..).zip(&rows) {
        label(line, (x, first.saturating_add(i64::saturating_mul(row, 130))), svg);
    }
}

/// A name in lines: after the dot between two languages, at spaces, and within what is still too long.
fn broken(name: &str) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for language in name.split(" · ") {
        let (mut row, mut used) = (String::new(), 0_usize);
        for word in language.split_whitespace() {
            let length = word.chars().map(width).fold(0, usize::saturating_add);
            if used > 0 && used.saturating_add(length) < LINE {
                row.push(' ');
                used = used.saturating_add(1);
            } else if used > 0 {
                rows.push(std::mem::take(&mut row));
                used = 0;
            }
            for letter in word.chars() {
                if used.saturating_add(width(letter)) > LINE {
                    rows.push(std::mem::take(&mut row));
                    used = 0;
                }
                row.push(letter);
                used = used.saturating_add(width(letter));
            }
        }
        if !row.is_empty() {
            rows.push(row);
        }
    }
    rows.truncate(4);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_break_between_languages_and_words() {
        assert_eq!(broken("银行受理 · Bank takes in"), ["银行受理", "Bank takes in"]);
        assert_eq!(broken("复审 · Second review of it"), ["复审", "Second review", "of it"]);
        assert_eq!(broken("所有权人同意查询登记簿"), ["所有权人同意查", "询登记簿"]);
        assert_eq!(broken("a b c d e f g h i j k l m n o p q r s t u v w x y z").len(), 4);
        assert!(broken("").is_empty());
    }
}

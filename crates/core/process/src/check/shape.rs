//! How single elements must stand: starts, ends, gateways with their conditions, timers, counts.

use super::Findings;
use crate::model::{Body, Definition, Flow, GatewayKind, Node, NodeKind, Process, TaskKind, Timer};
use crate::run::INSTANCES_MAX;
use crate::timing::Timing;

pub(super) fn check(process: &Process, findings: &mut Findings<'_>) {
    let start = |node: &Node| matches!(node.kind, NodeKind::Start { .. });
    if !process.body.nodes.iter().any(start) {
        findings.add(
            "no-start",
            (process.line, &process.id),
            (
                format!("流程`{}`没有开始事件", process.id),
                format!("the process `{}` has no start event", process.id),
            ),
            ("请补上开始事件", "add a start event"),
        );
    }
    process.body.walk(&mut |body| check_body(body, findings));
}

fn check_body(body: &Body, findings: &mut Findings<'_>) {
    let plain = |node: &&Node| matches!(node.kind, NodeKind::Start { on: Definition::None, .. });
    for second in body.nodes.iter().filter(plain).skip(1) {
        findings.add(
            "two-starts",
            (second.line, &second.id),
            (
                format!("`{}`是第二个无触发的开始事件，永不执行", second.id),
                format!("`{}` is a second start event without trigger: it never begins", second.id),
            ),
            ("只保留一个", "keep one of them"),
        );
    }
    for node in &body.nodes {
        if let NodeKind::SubProcess { body, by_event: false } = &node.kind {
            check_inner_starts(body, findings);
        }
        let outgoing: Vec<&Flow> =
            body.flows.iter().filter(|flow| flow.source == node.id).collect();
        let entered = body.flows.iter().any(|flow| flow.target == node.id);
        check_ends(node, entered, !outgoing.is_empty(), findings);
        check_ways(node, &outgoing, findings);
        if matches!(node.kind, NodeKind::Gateway(GatewayKind::EventBased)) {
            check_events(node, &outgoing, body, findings);
        }
        if let Some(Definition::Timer(timer)) = node.definition() {
            check_timer(node, timer, findings);
        }
        check_count(node, findings);
    }
}

/// A sub-process begins when a token comes, not by an event.
fn check_inner_starts(body: &Body, findings: &mut Findings<'_>) {
    for node in &body.nodes {
        let NodeKind::Start { on, .. } = &node.kind else { continue };
        if !matches!(on, Definition::None | Definition::Unsupported) {
            let id = &node.id;
            findings.add(
                "inner-start",
                (node.line, id),
                (
                    format!("子流程的开始事件`{id}`不得有触发"),
                    format!("the start event `{id}` of a sub-process has no trigger"),
                ),
                ("请去掉触发，或改为事件子流程", "remove it, or make it an event sub-process"),
            );
        }
    }
}

/// Nothing leads to a start or boundary event, nothing leads on from an end.
fn check_ends(node: &Node, entered: bool, left: bool, findings: &mut Findings<'_>) {
    let apart = matches!(node.kind, NodeKind::SubProcess { by_event: true, .. });
    let begins = matches!(node.kind, NodeKind::Start { .. } | NodeKind::Boundary { .. }) || apart;
    let ends = matches!(node.kind, NodeKind::End(_)) || apart;
    if (begins && entered) || (ends && left) {
        let element = &node.element;
        findings.add(
            "wrong-flow",
            (node.line, &node.id),
            (
                format!("`{element}` `{}`不能有这样的顺序流", node.id),
                format!("no such sequence flow may touch the `{element}` `{}`", node.id),
            ),
            (
                "开始和边界事件不得有流入，结束事件不得有流出",
                "nothing leads to a start or boundary event, nothing leads on from an end event",
            ),
        );
    }
}

/// Where conditions decide, every way has one, or is the default.
fn check_ways(node: &Node, outgoing: &[&Flow], findings: &mut Findings<'_>) {
    let decides =
        matches!(node.kind, NodeKind::Gateway(GatewayKind::Exclusive | GatewayKind::Inclusive));
    let others: Vec<&&Flow> =
        outgoing.iter().filter(|flow| node.default.as_ref() != Some(&flow.id)).collect();
    if decides && outgoing.len() > 1 {
        for flow in others.iter().filter(|flow| flow.condition.is_none()) {
            findings.add(
                "no-condition",
                (flow.line, &flow.id),
                (
                    format!("网关`{}`的流出`{}`没有条件", node.id, flow.id),
                    format!(
                        "the way `{}` out of the gateway `{}` has no condition",
                        flow.id, node.id
                    ),
                ),
                ("请写条件，或设为缺省流", "give it a condition, or make it the default"),
            );
        }
    }
    let conditional = !others.is_empty() && others.iter().all(|flow| flow.condition.is_some());
    let other_gateway = matches!(node.kind, NodeKind::Gateway(_)) && !decides;
    if conditional && !other_gateway && others.len() == outgoing.len() {
        findings.add(
            "no-default",
            (node.line, &node.id),
            (
                format!("`{}`的流出都有条件而没有缺省流", node.id),
                format!("every way out of `{}` has a condition and none is the default", node.id),
            ),
            ("请设一条缺省流", "make one of them the default"),
        );
    }
}

/// Behind an event-based gateway stand events that wait, or tasks that receive.
fn check_events(node: &Node, outgoing: &[&Flow], body: &Body, findings: &mut Findings<'_>) {
    let waits = |flow: &&Flow| {
        let target = body.nodes.iter().find(|node| node.id == flow.target);
        target.is_some_and(|target| {
            matches!(
                target.kind,
                NodeKind::Catch(Definition::Message(_) | Definition::Timer(_))
                    | NodeKind::Task(TaskKind::Receive)
            )
        })
    };
    if outgoing.len() < 2 || !outgoing.iter().all(waits) {
        findings.add(
            "event-gateway",
            (node.line, &node.id),
            (
                format!("事件网关`{}`之后须有两个以上的等待事件或接收任务", node.id),
                format!(
                    "behind the event-based gateway `{}` stand two or more events that wait, or \
                     receive tasks",
                    node.id
                ),
            ),
            ("", ""),
        );
    }
}

fn check_timer(node: &Node, timer: &Timer, findings: &mut Findings<'_>) {
    if Timing::of(timer).is_none() {
        findings.add(
            "timer",
            (node.line, &node.id),
            (
                format!("定时事件`{}`的时间不明", node.id),
                format!("when the timer `{}` goes off is not clear", node.id),
            ),
            (
                "写`chaincity:workdays`，或ISO 8601时间：`2026-10-01T09:00:00+08:00`、`P3D`、`R3/P1D`",
                "give `chaincity:workdays`, or a time of ISO 8601: `2026-10-01T09:00:00+08:00`, \
                 `P3D`, `R3/P1D`",
            ),
        );
    }
}

fn check_count(node: &Node, findings: &mut Findings<'_>) {
    let Some(multi) = &node.multi else { return };
    let count = multi.count.as_ref().map(|count| count.text.as_str());
    let fixed = count.and_then(|text| text.parse::<u32>().ok());
    if count.is_none() || fixed.is_some_and(|count| count == 0 || count > INSTANCES_MAX) {
        findings.add(
            "no-count",
            (multi.line, &node.id),
            (
                format!("多实例`{}`须写明个数（loopCardinality，1至{INSTANCES_MAX}）", node.id),
                format!(
                    "how often `{}` is done must be told (loopCardinality, 1 to {INSTANCES_MAX})",
                    node.id
                ),
            ),
            ("", ""),
        );
    }
}

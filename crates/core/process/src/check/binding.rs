//! Who does a task, and with what: tasks that nobody may do, names that are none.

use std::collections::BTreeSet;

use super::Findings;
use crate::model::{Binding, Body, Definition, Model, Node, NodeKind, Process, TaskKind};

/// Whether a file says of any task who does it. One that does not is a drawing so far: that nobody
/// may do its tasks is then a warning.
pub(super) fn is_bound(model: &Model) -> bool {
    let mut bound = false;
    for process in &model.processes {
        process.body.walk(&mut |body| {
            let binds = |node: &Node| {
                let Binding { roles, actions, decision, .. } = &node.binding;
                !roles.is_empty() || !actions.is_empty() || decision.is_some()
            };
            bound |= body.nodes.iter().any(binds);
            bound |= body.lanes.values().any(|lane| lane.role.is_some());
        });
    }
    bound
}

pub(super) fn check(process: &Process, bound: bool, findings: &mut Findings<'_>) {
    // Who begins a case does so before any variable has a value.
    let begin = process.roles.iter().map(|name| (name.as_str(), "role"));
    let keep = process.keepers.iter().map(|name| (bare(name), "keeper"));
    check_names((process.line, &process.id), begin.chain(keep), findings);
    let mut people = BTreeSet::new();
    process.body.walk(&mut |body| {
        let tasks = body.nodes.iter().filter(|n| matches!(n.kind, NodeKind::Task(_)));
        people.extend(tasks.map(|node| node.id.clone()));
    });
    check_body(&process.body, None, (&people, bound), findings);
}

fn check_body(
    body: &Body,
    around: Option<&str>,
    known: (&BTreeSet<String>, bool),
    findings: &mut Findings<'_>,
) {
    for node in &body.nodes {
        let lane = body.lanes.get(&node.id).and_then(|lane| lane.role.as_deref()).or(around);
        match &node.kind {
            NodeKind::SubProcess { body, .. } => check_body(body, lane, known, findings),
            NodeKind::Task(kind) => check_task(node, *kind, lane, known, findings),
            NodeKind::Start { on, .. } | NodeKind::Catch(on) | NodeKind::Boundary { on, .. } => {
                check_sender(node, on, findings);
            }
            NodeKind::End(_)
            | NodeKind::Throw(_)
            | NodeKind::Call(_)
            | NodeKind::Gateway(_)
            | NodeKind::Unsupported => {}
        }
    }
}

/// Who may send a message can be said of messages alone.
fn check_sender(node: &Node, on: &Definition, findings: &mut Findings<'_>) {
    let names = node.binding.roles.iter().map(|name| (bare(name), "role"));
    check_names((node.line, &node.id), names, findings);
    if !node.binding.roles.is_empty() && !matches!(on, Definition::Message(_)) {
        let cause = (
            format!("`{}`不等消息，不能有`chaincity:role`", node.id),
            format!("`{}` waits for no message and cannot have `chaincity:role`", node.id),
        );
        findings.add("unknown-attribute", (node.line, &node.id), cause, ("", ""));
    }
}

fn check_task(
    node: &Node,
    kind: TaskKind,
    lane: Option<&str>,
    (tasks, bound): (&BTreeSet<String>, bool),
    findings: &mut Findings<'_>,
) {
    let Binding { roles, actions, evidence, discloses, not_by, decision, .. } = &node.binding;
    let someone = !roles.is_empty() || lane.is_some();
    let done = match kind {
        TaskKind::Person => someone,
        TaskKind::Service => someone || !actions.is_empty(),
        TaskKind::Rule => someone || !actions.is_empty() || decision.is_some(),
        // The messages themselves are the work.
        TaskKind::Send | TaskKind::Receive => true,
    };
    if !done {
        let cause =
            (format!("任务`{}`无人可办", node.id), format!("nobody may do the task `{}`", node.id));
        let mend = (
            "在任务或泳道上写`chaincity:role`；服务任务可写`chaincity:actions`",
            "give the task or its lane `chaincity:role`; a service task may have \
             `chaincity:actions`",
        );
        let at = (node.line, node.id.as_str());
        if bound {
            findings.add("nobody", at, cause, mend);
        } else {
            findings.warn("nobody", at, cause, mend);
        }
    }
    let names = roles.iter().map(String::as_str).chain(lane).map(|name| (bare(name), "role"));
    let names = names.chain(actions.iter().map(|name| (name.as_str(), "actions")));
    let names = names.chain(evidence.iter().map(|name| (name.as_str(), "evidence")));
    let names = names.chain(discloses.iter().map(|name| (name.as_str(), "discloses")));
    check_names((node.line, &node.id), names, findings);
    for other in not_by.iter().filter(|other| **other == node.id || !tasks.contains(*other)) {
        findings.add(
            "bad-reference",
            (node.line, &node.id),
            (
                format!("`chaincity:not-by`中的`{other}`不是本流程的其他任务"),
                format!("`{other}` in `chaincity:not-by` is no other task of this process"),
            ),
            ("", ""),
        );
    }
}

/// The role itself, without for whom it is held.
fn bare(role: &str) -> &str {
    role.split_once('@').map_or(role, |(name, _)| name)
}

/// What an attribute names is a name.
fn check_names<'n>(
    at: (u64, &str),
    names: impl Iterator<Item = (&'n str, &'n str)>,
    findings: &mut Findings<'_>,
) {
    for (name, attribute) in names.filter(|(name, _)| !is_name(name)) {
        findings.add(
            "bad-name",
            at,
            (
                format!("`chaincity:{attribute}`中的`{name}`不是名称"),
                format!("`{name}` in `chaincity:{attribute}` is no name"),
            ),
            (
                "名称由小写字母、数字、“-”“_”“.”组成",
                "a name is made of small letters, digits, `-`, `_` and `.`",
            ),
        );
    }
}

fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(good)
}

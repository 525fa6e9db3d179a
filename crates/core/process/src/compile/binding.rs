//! Who does a task and with what, compiled: roles and whose they are, what a case keeps.

use chaincity_package::model::FieldType;
use chaincity_types::Str;

use super::{Compiler, texts};
use crate::graph::{Beginning, Facts, Keep, PARTIES_MAX, Role};
use crate::model::{Definition, Node, NodeKind, Process, TaskKind};
use crate::timing::Timing;

impl Compiler<'_> {
    /// Each variable that a role names must be there and able to hold the ids of parties.
    pub(super) fn parties(&mut self, (line, place): (u64, &str), process: usize, roles: &[Role]) {
        for name in roles.iter().filter_map(Role::variable) {
            let declared = self.graph.processes.get(process).map(|process| &process.variables);
            let known = declared.into_iter().flatten().find(|known| *name == *known.name);
            let Some(known) = known else {
                let cause = (
                    format!("`{place}`的角色所指变量`{name}`未声明"),
                    format!(
                        "a role of `{place}` names the variable `{name}`, which is not declared"
                    ),
                );
                let mend = (
                    "请以`chaincity:variable`声明，或写`@applicant`、`@holder`",
                    "declare it by `chaincity:variable`, or write `@applicant` or `@holder`",
                );
                self.report("unknown-variable", (line, place), cause, mend);
                continue;
            };
            if !holds_parties(&known.kind) {
                let cause = (
                    format!("`{place}`的角色所指变量`{name}`不能存放当事方标识"),
                    format!(
                        "a role of `{place}` names the variable `{name}`, which holds no party"
                    ),
                );
                let mend = (
                    "类型应为text、subject，或至多32项的此类列表",
                    "its type is text, subject, or a list of at most 32 of these",
                );
                self.report("not-a-party", (line, place), cause, mend);
            }
        }
    }

    /// What begins a process by itself: a message about a record, at the start event at which its
    /// cases begin. Nowhere else has `chaincity:about` a meaning.
    pub(super) fn beginning(&mut self, process: &Process, place: usize) {
        let Some(body) = self.graph.processes.get(place).map(|process| process.body) else {
            return;
        };
        let first = self.graph.body(body).starts.first().copied();
        let mut nodes: Vec<&Node> = Vec::new();
        process.body.walk(&mut |body| nodes.extend(&body.nodes));
        for node in nodes {
            let Some(about) = &node.binding.about else { continue };
            let begins = first.is_some_and(|first| self.graph.id(first) == node.id);
            let message = first.and_then(|first| self.graph.facts(first).message.as_deref());
            let found = message.and_then(|message| Beginning::read(about, message));
            let Some(found) = found.filter(|_| begins) else {
                let cause = (
                    format!("`{}`的`chaincity:about`有误", node.id),
                    format!("`chaincity:about` of `{}` cannot be", node.id),
                );
                let mend = (
                    "写作`应用包.登记簿`，用于流程唯一的开始事件，该事件等待消息",
                    "write `package.register`, at a process's only start event, which waits for a \
                     message",
                );
                self.report("about", (node.line, &node.id), cause, mend);
                continue;
            };
            if let Some(process) = self.graph.processes.get_mut(place) {
                process.begun_by = Some(found);
            }
        }
    }

    /// What a task keeps: a text for the key of a record that one of its actions' packages makes.
    pub(super) fn keeps(&mut self, node: &Node, process: usize) {
        let carries = |package: &Str| {
            let of =
                |action: &String| action.rsplit_once('.').is_some_and(|(of, _)| *package == *of);
            node.binding.actions.iter().any(of)
        };
        let variables = self.graph.processes.get(process).map_or(&[][..], |p| &p.variables);
        let holds = |name: &Str| {
            let known = variables.iter().find(|known| *name == *known.name);
            known.is_some_and(|known| matches!(known.kind, FieldType::Text(_)))
        };
        let sound = |text: &&String| {
            Keep::read(text).is_some_and(|keep| holds(&keep.variable) && carries(&keep.package))
        };
        let wrong: Vec<&String> = node.binding.keeps.iter().filter(|text| !sound(text)).collect();
        for text in wrong {
            let cause = (
                format!("`{}`的`chaincity:keeps`有误：`{text}`", node.id),
                format!("`{text}` in `chaincity:keeps` of `{}` cannot be", node.id),
            );
            let mend = (
                "写作`变量=应用包.登记簿`：变量为text，任务带该应用包的业务动作",
                "write `variable=package.register`: a text, and a package of the task's actions",
            );
            self.report("keeps", (node.line, &node.id), cause, mend);
        }
    }
}

pub(super) fn roles(texts: &[String]) -> Vec<Role> {
    texts.iter().map(|text| Role::read(text)).collect()
}

/// Whether a variable of this type can name parties: members or subjects.
fn holds_parties(kind: &FieldType) -> bool {
    let one = |kind: &FieldType| {
        matches!(kind, FieldType::Text(_) | FieldType::Subject | FieldType::Pseudonym(_))
    };
    if let FieldType::List(items, max) = kind {
        one(items) && *max <= PARTIES_MAX
    } else {
        one(kind)
    }
}

/// What people must know of a node, in the lane of this role.
pub(super) fn facts(node: &Node, lane: Option<&str>) -> Facts {
    let binding = &node.binding;
    let task = if let NodeKind::Task(kind) = node.kind { Some(kind) } else { None };
    let is_activity = node.definition().is_none();
    let lane = lane.filter(|role| is_activity && !binding.roles.iter().any(|own| own == role));
    let mut roles = roles(&binding.roles);
    roles.extend(lane.map(Role::read));
    let own = || matches!(task, Some(TaskKind::Receive | TaskKind::Send)).then_some(&node.id);
    let message = match node.definition() {
        Some(Definition::Message(message)) => message.as_ref().or(Some(&node.id)),
        Some(_) => None,
        None => binding.message.as_ref().or_else(own),
    };
    let timing = match node.definition() {
        Some(Definition::Timer(timer)) => Timing::of(timer),
        _ => None,
    };
    Facts {
        task,
        roles,
        actions: texts(&binding.actions),
        keeps: binding.keeps.iter().filter_map(|text| Keep::read(text)).collect(),
        evidence: texts(&binding.evidence),
        discloses: texts(&binding.discloses),
        not_by: texts(&binding.not_by),
        form: binding.form.as_ref().map(Into::into),
        workdays: binding.workdays,
        message: message.map(Into::into),
        timing,
        decided: binding.decision.is_some(),
    }
}

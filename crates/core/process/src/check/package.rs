//! Whether a process fits the package that it comes with: the actions, roles and groups it names.
//!
//! What it names of other packages is not checked here: they are not known.

use chaincity_package::Problem;
use chaincity_package::model::{FieldType, Package};
use chaincity_types::Str;

use super::Findings;
use crate::graph::{Keep, Role};
use crate::model::{Model, Node};

/// What a file names of `package` and is not there, or not so. To be asked besides [`super::check`].
#[must_use]
pub fn check_within(model: &Model, package: &Package) -> Vec<Problem> {
    let mut findings = Findings { file: &model.file, list: Vec::new() };
    for process in &model.processes {
        process.body.walk(&mut |body| {
            for node in &body.nodes {
                let lane = body.lanes.get(&node.id).and_then(|lane| lane.role.as_deref());
                actions(node, lane, package, &mut findings);
                groups(node, package, &mut findings);
                registers(node, package, &mut findings);
            }
        });
    }
    findings.list
}

fn actions(node: &Node, lane: Option<&str>, package: &Package, findings: &mut Findings<'_>) {
    let written = node.binding.roles.iter().map(String::as_str).chain(lane);
    let roles: Vec<Str> = written.map(|role| Role::read(role).name).collect();
    let at = (node.line, node.id.as_str());
    for name in &node.binding.actions {
        let Some((of, action)) = name.rsplit_once('.') else { continue };
        if of != &*package.id {
            continue;
        }
        let Some(action) = package.actions.get(action) else {
            let cause = (format!("没有动作`{name}`"), format!("there is no action `{name}`"));
            findings.add("unknown-action", at, cause, ("", ""));
            continue;
        };
        let may = |role: &Str| action.by.contains(role);
        if !roles.is_empty() && !roles.iter().any(may) {
            let held = roles.join("`, `");
            findings.add(
                "role-may-not",
                at,
                (
                    format!("角色`{held}`不得办理`{name}`"),
                    format!("none of the roles `{held}` may call `{name}`"),
                ),
                ("改任务的角色，或动作的`by`", "change the task's role, or the action's `by`"),
            );
        }
    }
}

fn groups(node: &Node, package: &Package, findings: &mut Findings<'_>) {
    for name in &node.binding.discloses {
        let Some((register, group)) = name.split_once('.') else { continue };
        let sealed = package.registers.get(register).is_some_and(|register| {
            let of_group = |kind: &FieldType| {
                if let FieldType::Sealed(sealed) = kind { &**sealed == group } else { false }
            };
            register.fields.values().any(|field| of_group(&field.kind))
        });
        if !sealed {
            let cause =
                (format!("没有字段组`{name}`"), format!("there is no field group `{name}`"));
            findings.add(
                "unknown-group",
                (node.line, &node.id),
                cause,
                ("写作`登记簿.字段组`", "write `register.group`"),
            );
        }
    }
}

fn registers(node: &Node, package: &Package, findings: &mut Findings<'_>) {
    for keep in node.binding.keeps.iter().filter_map(|text| Keep::read(text)) {
        if keep.package == package.id && !package.registers.contains_key(&keep.register) {
            let name = &keep.register;
            let cause = (format!("没有登记簿`{name}`"), format!("there is no register `{name}`"));
            findings.add("unknown-register", (node.line, &node.id), cause, ("", ""));
        }
    }
}

//! Whether a process fits the package that it comes with: the actions, roles and groups it names.
//!
//! What it names of other packages is not checked here: they are not known.

use std::collections::{BTreeMap, BTreeSet};

use chaincity_package::Problem;
use chaincity_package::model::{Effect, FieldType, Fill, Form, Package};
use chaincity_package::rule::{Program, Type};
use chaincity_types::Str;

use super::Findings;
use crate::graph::{APPLICANT, Beginning, HOLDER, Keep, Role};
use crate::model::{Definition, Model, Node, Process, Variable};

/// What a file names of `package` and is not there, or not so. To be asked besides [`super::check`].
#[must_use]
pub fn check_within(model: &Model, package: &Package) -> Vec<Problem> {
    let mut findings = Findings { file: &model.file, list: Vec::new() };
    for process in &model.processes {
        sealing(process, package, &mut findings);
        process.body.walk(&mut |body| {
            for node in &body.nodes {
                let lane = body.lanes.get(&node.id).and_then(|lane| lane.role.as_deref());
                actions(node, lane, package, &mut findings);
                groups(node, (model, package), &mut findings);
                form(node, process, package, &mut findings);
                registers(node, package, &mut findings);
                beginning(node, process, package, &mut findings);
            }
        });
    }
    findings.list
}

/// The forms that tasks of a file name.
#[must_use]
pub fn forms_of(model: &Model) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for process in &model.processes {
        process.body.walk(&mut |body| {
            named.extend(body.nodes.iter().filter_map(|node| node.binding.form.clone()));
        });
    }
    named
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

/// The groups of a process's encrypted variables.
fn sealed_by(process: &Process) -> impl Iterator<Item = (&Variable, Str)> {
    process.variables.iter().filter_map(|variable| {
        let (kind, _) = FieldType::of_declaration(&variable.ty).ok()?;
        if let FieldType::Sealed(group) = kind { Some((variable, group)) } else { None }
    })
}

/// Encrypted variables are groups of the package; an access names their process as it does a
/// register, so no register has its name.
fn sealing(process: &Process, package: &Package, findings: &mut Findings<'_>) {
    for (variable, group) in sealed_by(process) {
        let at = (variable.line, variable.name.as_str());
        if !package.groups.contains_key(&group) {
            let cause =
                (format!("没有字段组`{group}`"), format!("there is no field group `{group}`"));
            findings.add("unknown-group", at, cause, ("", ""));
        }
        if package.registers.contains_key(process.id.as_str()) {
            let cause = (
                format!("登记簿`{}`与流程同名，其变量不能加密", process.id),
                format!("a register is named `{}` too: the process seals nothing", process.id),
            );
            findings.add("variable", at, cause, ("请改流程的id", "change the process's id"));
        }
    }
}

fn groups(node: &Node, (model, package): (&Model, &Package), findings: &mut Findings<'_>) {
    for name in &node.binding.discloses {
        let own = match name.split('.').collect::<Vec<_>>().as_slice() {
            [register, group] => Some((*register, *group)),
            [of, register, group] if **of == *package.id => Some((*register, *group)),
            // Another package's.
            [_, _, _] => continue,
            _ => None,
        };
        let sealed = own.is_some_and(|(register, group)| {
            let of_group = |kind: &FieldType| kind.group().is_some_and(|of| &**of == group);
            let mut processes = model.processes.iter().filter(|process| process.id == register);
            let register = package.registers.get(register);
            register.is_some_and(|r| r.fields.values().any(|field| of_group(&field.kind)))
                || processes.any(|process| sealed_by(process).any(|(_, of)| *of == *group))
        });
        if !sealed {
            let cause =
                (format!("没有字段组`{name}`"), format!("there is no field group `{name}`"));
            findings.add(
                "unknown-group",
                (node.line, &node.id),
                cause,
                (
                    "写作`登记簿.字段组`、`流程.字段组`，其他应用包的写作`应用包.登记簿.字段组`",
                    "write `register.group`, `process.group`, or `package.register.group` of another \
                     package",
                ),
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

/// What begins a process is told by an action of the package, with values that fit its variables.
fn beginning(node: &Node, process: &Process, package: &Package, findings: &mut Findings<'_>) {
    let Some(Definition::Message(message)) = node.definition() else { return };
    let message = message.as_ref().unwrap_or(&node.id);
    let begun = node.binding.about.as_ref().and_then(|about| Beginning::read(about, message));
    let Some(begun) = begun.filter(|begun| begun.package == package.id) else { return };
    let at = (node.line, node.id.as_str());
    let mut told = Vec::new();
    for action in package.actions.values() {
        telling(&action.effects, &begun, &mut told);
    }
    if told.is_empty() {
        let cause = (
            format!("没有业务动作就`{}`告知`{message}`", begun.register),
            format!("no action tells `{message}` of a record of `{}`", begun.register),
        );
        findings.add("untold", at, cause, ("在动作中写`tell`", "let an action `tell` it"));
    }
    for (name, program) in told.into_iter().flatten() {
        let declared = process.variables.iter().find(|variable| *variable.name == **name);
        let kind = declared.and_then(|variable| FieldType::of_declaration(&variable.ty).ok());
        let wanted = match kind {
            // Whoever sets it has sealed it; no message does.
            Some((FieldType::Sealed(_), _)) => Type::Null,
            Some((kind, optional)) => Type::of_field(&kind, optional),
            None if [APPLICANT, HOLDER].contains(&name.as_str()) => Type::String.optional(),
            // Other processes may have a variable for it.
            None => continue,
        };
        if !program.ty().fits(&wanted) {
            let cause = (
                format!("消息`{message}`的`{name}`与变量类型不符"),
                format!("`{name}` of the message `{message}` is of another type than the variable"),
            );
            findings.add("type-differs", at, cause, ("", ""));
        }
    }
}

/// What effects say with the message that begins a case, once for each `tell`.
fn telling<'p>(
    effects: &'p [Effect],
    begun: &Beginning,
    told: &mut Vec<&'p BTreeMap<Str, Program>>,
) {
    for effect in effects {
        match effect {
            Effect::Tell { message, register, fields, .. } => {
                if *message == begun.message && *register == begun.register {
                    told.push(fields);
                }
            }
            Effect::Each { effects, .. } | Effect::When { effects, .. } => {
                telling(effects, begun, told);
            }
            Effect::Insert { .. }
            | Effect::Update { .. }
            | Effect::Close { .. }
            | Effect::Event { .. }
            | Effect::Call { .. }
            | Effect::Count { .. }
            | Effect::Append { .. } => {}
        }
    }
}

/// A package that has forms has all that its processes name; each fits the tasks that name it.
fn form(node: &Node, process: &Process, package: &Package, findings: &mut Findings<'_>) {
    let Some(name) = node.binding.form.as_deref().filter(|_| !package.forms.is_empty()) else {
        return;
    };
    let at = (node.line, node.id.as_str());
    let Some(form) = package.forms.get(name) else {
        let cause = (format!("没有表单`{name}`"), format!("there is no form `{name}`"));
        findings.add(
            "unknown-form",
            at,
            cause,
            ("在 forms 中新建", "write it in the folder `forms`"),
        );
        return;
    };
    for field in &form.fields {
        let kind = field.fills.iter().find_map(|fill| fill.kind_in(package));
        for fill in &field.fills {
            match fill {
                Fill::Input { package: of, action, .. } => {
                    let action = format!("{of}.{action}");
                    if !node.binding.actions.is_empty() && !node.binding.actions.contains(&action) {
                        let cause = (
                            format!("表单`{name}`填写`{fill}`，此任务不办理该业务动作"),
                            format!(
                                "the form `{name}` fills `{fill}`, which the task does not carry"
                            ),
                        );
                        findings.add("form-elsewhere", at, cause, ("", ""));
                    }
                }
                Fill::Variable(variable) => variable_fits(variable, kind, at, process, findings),
            }
        }
    }
    evidence(node, (name, form), findings);
}

fn variable_fits(
    name: &str,
    wanted: Option<&FieldType>,
    at: (u64, &str),
    process: &Process,
    findings: &mut Findings<'_>,
) {
    let Some(variable) = process.variables.iter().find(|variable| variable.name == name) else {
        let cause =
            (format!("流程没有变量`{name}`"), format!("the process has no variable `{name}`"));
        findings.add(
            "unknown-variable",
            at,
            cause,
            ("改正表单，或声明变量", "correct the form, or declare it"),
        );
        return;
    };
    // A type that does not parse is found by itself.
    let Ok((kind, _)) = FieldType::of_declaration(&variable.ty) else { return };
    if wanted.is_some_and(|wanted| !wanted.is_like(&kind)) {
        let cause = (
            format!("变量`{name}`与表单同一项所填的输入类型不同"),
            format!(
                "the variable `{name}` has another type than the input that the same field fills"
            ),
        );
        findings.add("type-differs", at, cause, ("分为两项", "make it a field of its own"));
    }
}

fn evidence(node: &Node, (name, form): (&str, &Form), findings: &mut Findings<'_>) {
    for kind in &node.binding.evidence {
        if !form.evidence.iter().any(|(known, _)| &**known == kind.as_str()) {
            findings.add(
                "form-evidence",
                (node.line, &node.id),
                (
                    format!("表单`{name}`未列出此任务须附的材料`{kind}`"),
                    format!("the form `{name}` does not list the evidence `{kind}` of the task"),
                ),
                ("在表单的 evidence 中列出", "list it under the form's `evidence`"),
            );
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::check_within;
    use chaincity_package::source::parse;

    const FILES: [(&str, &str); 3] = [
        (
            "package.yaml",
            "package: test\nversion: 1\ntitle: {zh: 测试, en: Test}\nroles:\n  \
             a.b: {zh: 甲, en: A}\n",
        ),
        (
            "registers/item.yaml",
            "register: item\ntitle: {zh: 物, en: Item}\nsteward: a.b\nkey: auto\n\
             fields:\n  n: {type: int, zh: 数, en: Number}\n",
        ),
        (
            "actions/put.yaml",
            "action: put\ntitle: {zh: 放, en: Put}\nby: a.b\n\
             input:\n  n: {type: int, zh: 数, en: Number}\n\
             do:\n  - insert: {register: item, fields: {n: input.n}}\n",
        ),
    ];

    /// Codes found in a process whose only task has these attributes, with this form, if any.
    fn found(task: &str, form: Option<&str>) -> Vec<&'static str> {
        let form = form.map(|form| format!("form: put-it\ntitle: {{zh: 放, en: Put}}\n{form}"));
        let mut files = FILES.to_vec();
        files.extend(form.as_deref().map(|form| ("forms/put-it.yaml", form)));
        let package = parse(&files).unwrap().compile().unwrap();
        let text = format!(
            r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
              xmlns:chaincity="https://chaincity.example/ns/bpmn/1" targetNamespace="x">
              <process id="p" isExecutable="true">
                <extensionElements>
                  <chaincity:variable name="count" type="int" value="1"/>
                  <chaincity:variable name="why" type="text(9)?"/>
                </extensionElements>
                <startEvent id="s"/>
                <userTask id="t" chaincity:role="a.b" {task}/>
                <endEvent id="e"/>
                <sequenceFlow id="st" sourceRef="s" targetRef="t"/>
                <sequenceFlow id="te" sourceRef="t" targetRef="e"/>
              </process>
            </definitions>"#
        );
        let model = crate::parse("p.bpmn", text.as_bytes()).unwrap();
        check_within(&model, &package).into_iter().map(|problem| problem.code).collect()
    }

    #[test]
    fn a_package_that_has_forms_has_those_that_its_tasks_name() {
        let form = Some("fields: [{fills: test.put.n}]\n");
        assert_eq!(found(r#"chaincity:form="other""#, None), [""; 0]);
        assert_eq!(found(r#"chaincity:form="other""#, form), ["unknown-form"]);
        assert_eq!(found(r#"chaincity:form="put-it""#, form), [""; 0]);
        assert_eq!(found("", form), [""; 0]);
    }

    #[test]
    fn what_begins_a_process_is_told_by_an_action_and_fits_its_variables() {
        let found = |tell: &str, start: &str| {
            let put = FILES[2].1.to_owned() + tell;
            let files = [FILES[0], FILES[1], ("actions/put.yaml", put.as_str())];
            let package = parse(&files).unwrap().compile().unwrap();
            let text = format!(
                r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
                  xmlns:chaincity="https://chaincity.example/ns/bpmn/1" targetNamespace="x">
                  <message id="put"/>
                  <process id="p" isExecutable="true"><extensionElements>
                    <chaincity:variable name="count" type="int" value="1"/></extensionElements>
                    <startEvent id="s" chaincity:about="{start}"><messageEventDefinition
                      messageRef="put"/></startEvent></process></definitions>"#
            );
            let model = crate::parse("p.bpmn", text.as_bytes()).unwrap();
            let problems = check_within(&model, &package).into_iter();
            problems.map(|problem| problem.code).collect::<Vec<_>>()
        };
        let tell = |fields: &str| {
            format!(
                "  - tell: {{message: put, register: item, key: '\"k\"', fields: {{{fields}}}}}\n"
            )
        };
        assert_eq!(found("", "test.item"), ["untold"]);
        assert_eq!(found("", "other.item"), [""; 0], "another package is not known");
        assert_eq!(found(&tell("count: input.n, applicant: caller.member"), "test.item"), [""; 0]);
        assert_eq!(found(&tell("more: input.n"), "test.item"), [""; 0]);
        assert_eq!(found(&tell("count: caller.member"), "test.item"), ["type-differs"]);
        assert_eq!(found(&tell("applicant: input.n"), "test.item"), ["type-differs"]);
        let when = format!("  - when:\n      that: input.n > 1\n      do:\n      {}", tell(""));
        assert_eq!(found(&when.replace("      -", "        -"), "test.item"), [""; 0]);
    }

    #[test]
    fn encrypted_variables_are_groups_of_the_package_disclosed_by_their_processs_name() {
        let group = "group: secret\ntitle: {zh: 密, en: Secret}\nsteward: a.b\nfields:\n  \
                     n: {type: int, zh: 数, en: Number}\n";
        let tell =
            "  - tell: {message: put, register: item, key: '\"k\"', fields: {FIELD: input.n}}\n";
        let found = |id: &str, sealed: &str, discloses: &str, told: &str| {
            let put = FILES[2].1.to_owned() + &tell.replace("FIELD", told);
            let files =
                [FILES[0], FILES[1], ("actions/put.yaml", &put), ("groups/secret.yaml", group)];
            let package = parse(&files).unwrap().compile().unwrap();
            let text = format!(
                r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
                  xmlns:chaincity="https://chaincity.example/ns/bpmn/1" targetNamespace="x">
                  <message id="put"/>
                  <process id="{id}" isExecutable="true"><extensionElements>
                    <chaincity:variable name="note" type="sealed({sealed})?"/></extensionElements>
                    <startEvent id="s" chaincity:about="test.item"><messageEventDefinition
                      messageRef="put"/></startEvent>
                    <userTask id="t" chaincity:role="a.b" chaincity:discloses="{discloses}"/>
                  </process></definitions>"#
            );
            let model = crate::parse("p.bpmn", text.as_bytes()).unwrap();
            let problems = check_within(&model, &package).into_iter();
            problems.map(|problem| problem.code).collect::<Vec<_>>()
        };
        assert_eq!(found("p", "secret", "p.secret test.p.secret", "other"), [""; 0]);
        assert_eq!(found("p", "none", "", "other"), ["unknown-group"]);
        assert_eq!(found("p", "secret", "p.other", "other"), ["unknown-group"]);
        assert_eq!(found("p", "secret", "other.secret", "other"), ["unknown-group"]);
        assert_eq!(found("item", "secret", "", "other"), ["variable"], "a register's name");
        assert_eq!(found("p", "secret", "", "note"), ["type-differs"], "no message sets it");
    }

    #[test]
    fn a_form_fits_the_task_its_variables_and_its_evidence() {
        let task = r#"chaincity:form="put-it" chaincity:actions="test.put""#;
        let fields = |fills: &str| format!("fields: [{{fills: {fills}}}]\n");
        for (fills, codes) in [
            ("[test.put.n, count]", &[][..]),
            ("[test.put.n, why]", &["type-differs"][..]),
            ("nothing", &["unknown-variable"][..]),
            ("other.act.x", &["form-elsewhere"][..]),
        ] {
            assert_eq!(found(task, Some(&fields(fills))), codes, "{fills}");
        }
        // A task that carries no action may still show what belongs to one.
        assert_eq!(found(r#"chaincity:form="put-it""#, Some(&fields("other.act.x"))), [""; 0]);
        let asked = r#"chaincity:form="put-it" chaincity:evidence="deed""#;
        assert_eq!(found(asked, Some("fields: []\n")), ["form-evidence"]);
        let listed = "fields: []\nevidence: {deed: {zh: 契, en: Deed}, more: {zh: 更, en: More}}\n";
        assert_eq!(found(asked, Some(listed)), [""; 0]);
    }
}

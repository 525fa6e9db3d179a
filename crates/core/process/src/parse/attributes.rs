//! Our own attributes: who does a task, with which actions, until when.

use chaincity_package::Problem;
use roxmltree::Node as Xml;

use super::{CHAINCITY, Parser, child, reference};
use crate::model::{Binding, Process, Variable};
use crate::xml::problem;

/// Longest deadline, in working days.
pub(super) const WORKDAYS_MAX: u32 = 10_000;
/// Most variables of a process.
pub(super) const VARIABLES_MAX: usize = 64;

const ON_TASK: &[&str] = &[
    "role",
    "actions",
    "form",
    "evidence",
    "workdays",
    "discloses",
    "not-by",
    "decision",
    "keeps",
];

fn words(text: &str) -> Vec<String> {
    text.split([' ', ',', '\t', '\n']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

impl Parser {
    /// Refuses each of our attributes that has no meaning here.
    fn only(&mut self, xml: Xml<'_, '_>, known: &[&str]) {
        let line = self.line(xml);
        let ours = xml.attributes().filter(|attribute| attribute.namespace() == Some(CHAINCITY));
        let unknown: Vec<String> = ours
            .filter(|attribute| !known.contains(&attribute.name()))
            .map(|attribute| attribute.name().to_owned())
            .collect();
        for name in unknown {
            let element = xml.tag_name().name();
            let cause = (
                format!("`{element}`没有`chaincity:{name}`属性"),
                format!("`{element}` has no attribute `chaincity:{name}`"),
            );
            let known = if known.is_empty() { "—".to_owned() } else { known.join("`, `") };
            let mend = (format!("可用：`{known}`"), format!("it may have `{known}`"));
            self.report(problem("unknown-attribute", cause, (&mend.0, &mend.1)), line);
        }
    }

    pub(super) fn no_attributes(&mut self, xml: Xml<'_, '_>) {
        self.only(xml, &[]);
    }

    fn workdays(&mut self, xml: Xml<'_, '_>) -> Option<u32> {
        let text = xml.attribute((CHAINCITY, "workdays"))?;
        let days = text.trim().parse().ok().filter(|days| (1..=WORKDAYS_MAX).contains(days));
        if days.is_none() {
            let problem: Problem = problem(
                "workdays",
                (
                    format!("工作日数应为1至{WORKDAYS_MAX}"),
                    format!("working days are a number from 1 to {WORKDAYS_MAX}"),
                ),
                ("", ""),
            );
            let line = self.line(xml);
            self.report(problem, line);
        }
        days
    }

    pub(super) fn process_attributes(&mut self, xml: Xml<'_, '_>, process: &mut Process) {
        self.only(xml, &["workdays", "role", "keeper"]);
        let many = |name| xml.attribute((CHAINCITY, name)).map(words).unwrap_or_default();
        process.roles = many("role");
        process.keepers = many("keeper");
        process.workdays = self.workdays(xml);
    }

    pub(super) fn timer_workdays(&mut self, xml: Xml<'_, '_>) -> Option<u32> {
        self.only(xml, &["workdays"]);
        self.workdays(xml)
    }

    pub(super) fn lane_role(&mut self, xml: Xml<'_, '_>) -> Option<String> {
        self.only(xml, &["role"]);
        xml.attribute((CHAINCITY, "role")).map(str::to_owned)
    }

    /// What is bound to a node.
    pub(super) fn binding(&mut self, name: &str, xml: Xml<'_, '_>) -> Binding {
        let is_task = name == "task" || name.ends_with("Task");
        let is_activity = is_task || matches!(name, "subProcess" | "callActivity");
        self.only(
            xml,
            if is_task {
                ON_TASK
            } else if is_activity {
                &["workdays"]
            } else if name == "startEvent" {
                &["role", "about"]
            } else if matches!(name, "boundaryEvent" | "intermediateCatchEvent") {
                &["role"]
            } else {
                &[]
            },
        );
        let one = |name| xml.attribute((CHAINCITY, name)).map(|text| text.trim().to_owned());
        let many = |name| xml.attribute((CHAINCITY, name)).map(words).unwrap_or_default();
        Binding {
            roles: many("role"),
            actions: many("actions"),
            form: one("form"),
            evidence: many("evidence"),
            keeps: many("keeps"),
            workdays: self.workdays(xml),
            discloses: many("discloses"),
            not_by: many("not-by"),
            decision: one("decision"),
            message: reference(xml, "messageRef").filter(|_| is_task),
            about: one("about").filter(|_| name == "startEvent"),
        }
    }

    /// The variables that a process declares in its extension elements.
    pub(super) fn variables(&mut self, process: Xml<'_, '_>) -> Vec<Variable> {
        let Some(extensions) = child(process, "extensionElements") else { return Vec::new() };
        let mut variables = Vec::new();
        for xml in extensions.children().filter(Xml::is_element) {
            if xml.tag_name().namespace() != Some(CHAINCITY) {
                continue;
            }
            let line = self.line(xml);
            let (name, ty) = (xml.attribute("name"), xml.attribute("type"));
            if let ("variable", Some(name), Some(ty)) = (xml.tag_name().name(), name, ty) {
                let value = xml.attribute("value").map(str::to_owned);
                let (name, ty) = (name.to_owned(), ty.to_owned());
                variables.push(Variable { name, ty, value, line });
                continue;
            }
            let cause = (
                "此处只能有`chaincity:variable`，须有name和type",
                "only `chaincity:variable` with name and type may stand here",
            );
            self.report(problem("unknown-attribute", cause, ("", "")), line);
        }
        if variables.len() > VARIABLES_MAX {
            let cause = (
                format!("变量超过{VARIABLES_MAX}个"),
                format!("more than {VARIABLES_MAX} variables"),
            );
            let line = self.line(process);
            self.report(problem("too-many", cause, ("", "")), line);
            variables.truncate(VARIABLES_MAX);
        }
        variables
    }
}

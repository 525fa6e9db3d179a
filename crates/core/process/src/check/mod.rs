//! What is wrong with a process, before it may be published: each finding with code, line, cause
//! and mend, in Chinese and English.

mod binding;
mod deadline;
mod flow;
mod net;
mod package;
mod shape;

use chaincity_package::{Location, Problem};

use crate::compile::compile_with;
use crate::decision::Decisions;
use crate::model::Model;

pub use net::STATES_MAX;
pub use package::{check_within, forms_of};

/// Checks a file; findings in order of lines. None, or warnings alone, and it may be published.
#[must_use]
pub fn check(model: &Model) -> Vec<Problem> {
    check_with(model, &[])
}

/// The same with the decisions that its business-rule tasks name.
#[must_use]
pub fn check_with(model: &Model, decisions: &[Decisions]) -> Vec<Problem> {
    let (graph, compiled) = compile_with(model, decisions);
    let mut findings = Findings { file: &model.file, list: model.problems.clone() };
    findings.list.extend(compiled);
    for element in &model.unsupported {
        let (name, id) = (&element.element, &element.id);
        findings.add(
            "outside-subset",
            (element.line, id),
            (format!("不支持`{name}`（`{id}`）"), format!("`{name}` (`{id}`) is not supported")),
            ("请用所支持的元素改画", "draw it with the elements that are supported"),
        );
    }
    let bound = binding::is_bound(model);
    for process in &model.processes {
        shape::check(process, &mut findings);
        binding::check(process, bound, &mut findings);
        deadline::check(process, &mut findings);
    }
    flow::check(&graph, &mut findings);
    let mut list = findings.list;
    list.extend(decisions.iter().flat_map(|file| file.problems.iter().cloned()));
    list.sort_by(|a, b| (&a.location, a.code, &a.place).cmp(&(&b.location, b.code, &b.place)));
    list.dedup();
    list
}

/// Findings of one file.
struct Findings<'m> {
    file: &'m str,
    list: Vec<Problem>,
}

impl Findings<'_> {
    fn add(
        &mut self,
        code: &'static str,
        (line, place): (u64, &str),
        cause: (String, String),
        mend: (&str, &str),
    ) {
        let mut problem = Problem::error(code, place, cause, mend);
        problem.location = Some(Location { file: self.file.to_owned(), line, column: 1 });
        self.list.push(problem);
    }

    fn warn(
        &mut self,
        code: &'static str,
        at: (u64, &str),
        cause: (String, String),
        mend: (&str, &str),
    ) {
        self.add(code, at, cause, mend);
        if let Some(problem) = self.list.pop() {
            self.list.push(problem.warning());
        }
    }
}

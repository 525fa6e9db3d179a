//! From a DMN file to its decision tables.

use chaincity_package::{Location, Problem};
use roxmltree::Node as Xml;

use super::{COLUMNS_MAX, Decisions, Hit, ROWS_MAX, Row, Table};
use crate::model::Expression;
use crate::xml::{self, Lines, Refusal, problem};

/// Namespaces of DMN 1.1 to 1.5 have this in them.
const DMN: &str = "omg.org/spec/DMN/";

/// Elements of a file or a decision that inform.
const INFORMS: &[&str] = &[
    "allowedAnswers",
    "artifact",
    "association",
    "authorityRequirement",
    "businessContextElement",
    "businessKnowledgeModel",
    "decisionMaker",
    "decisionOwner",
    "decisionService",
    "description",
    "elementCollection",
    "extensionElements",
    "impactedPerformanceIndicator",
    "import",
    "informationRequirement",
    "inputData",
    "itemDefinition",
    "knowledgeSource",
    "organizationUnit",
    "performanceIndicator",
    "question",
    "supportedObjective",
    "textAnnotation",
    "usingProcess",
    "usingTask",
    "variable",
];

/// Reads a file of decisions; `file` is its name, for findings.
///
/// # Errors
/// When it is no DMN file, or not safe to read.
pub fn parse_decisions(file: &str, bytes: &[u8]) -> Result<Decisions, Vec<Problem>> {
    read(file, bytes).map_err(|problem| {
        let line = problem.location.as_ref().map_or(1, |at| at.line);
        vec![placed(*problem, file, line)]
    })
}

fn placed(mut problem: Problem, file: &str, line: u64) -> Problem {
    problem.location = Some(Location { file: file.to_owned(), line, column: 1 });
    problem
}

fn read(file: &str, bytes: &[u8]) -> Result<Decisions, Refusal> {
    let text = xml::text(bytes)?;
    let lines = Lines::of(&text);
    let document = xml::tree(&text, &lines)?;
    let root = document.root_element();
    if name(root) != Some("definitions") {
        let cause = ("不是DMN文件", "not a DMN file: its first element is no `definitions`");
        return Err(problem("not-dmn", cause, ("", "")).into());
    }
    let mut reader = Reader { lines, decisions: Decisions::default() };
    file.clone_into(&mut reader.decisions.file);
    for child in elements(root) {
        match name(child) {
            Some("decision") => reader.decision(child),
            Some(other) if INFORMS.contains(&other) => {}
            Some(other) => reader.outside(other, child),
            None => {}
        }
    }
    Ok(reader.decisions)
}

fn name<'t>(xml: Xml<'t, '_>) -> Option<&'t str> {
    let tag = xml.tag_name();
    tag.namespace().filter(|space| space.contains(DMN)).map(|_| tag.name())
}

fn elements<'t, 'i: 't>(xml: Xml<'t, 'i>) -> impl Iterator<Item = Xml<'t, 'i>> {
    xml.children().filter(Xml::is_element)
}

struct Reader {
    lines: Lines,
    decisions: Decisions,
}

impl Reader {
    fn line(&self, xml: Xml<'_, '_>) -> u64 {
        self.lines.line(xml.range().start)
    }

    fn report(&mut self, code: &'static str, xml: Xml<'_, '_>, cause: (String, String)) {
        let line = self.line(xml);
        let mut found = placed(problem(code, cause, ("", "")), &self.decisions.file, line);
        found.place = xml.attribute("id").unwrap_or_default().to_owned();
        self.decisions.problems.push(found);
    }

    fn outside(&mut self, what: &str, xml: Xml<'_, '_>) {
        let id = xml.attribute("id").unwrap_or_default().to_owned();
        let cause =
            (format!("不支持`{what}`（`{id}`）"), format!("`{what}` (`{id}`) is not supported"));
        self.report("outside-subset", xml, cause);
    }

    fn decision(&mut self, xml: Xml<'_, '_>) {
        for child in elements(xml) {
            match name(child) {
                Some("decisionTable") => {
                    let id = xml.attribute("id").unwrap_or_default().to_owned();
                    self.table(id, child);
                }
                Some(other) if INFORMS.contains(&other) => {}
                Some(other) => self.outside(other, child),
                None => {}
            }
        }
    }

    /// The text of an element's `text`.
    fn expression(&self, xml: Xml<'_, '_>) -> Expression {
        let text = elements(xml).find(|child| name(*child) == Some("text"));
        let line = self.line(text.unwrap_or(xml));
        let text = text.and_then(|text| text.text()).unwrap_or_default().trim().to_owned();
        Expression { text, line }
    }

    fn table(&mut self, id: String, xml: Xml<'_, '_>) {
        let hit = match xml.attribute("hitPolicy").unwrap_or("UNIQUE") {
            "UNIQUE" => Hit::Unique,
            "ANY" => Hit::Any,
            "FIRST" => Hit::First,
            other => {
                self.outside(&format!("hitPolicy {other}"), xml);
                return;
            }
        };
        let line = self.line(xml);
        let (mut inputs, mut outputs, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for child in elements(xml) {
            match name(child) {
                Some("input") => {
                    let inner = elements(child).find(|c| name(*c) == Some("inputExpression"));
                    inputs.push(self.expression(inner.unwrap_or(child)));
                }
                Some("output") => {
                    let text = child.attribute("name").unwrap_or_default().to_owned();
                    outputs.push(Expression { text, line: self.line(child) });
                }
                Some("rule") => rows.push(self.row(child)),
                Some("annotation") | None => {}
                Some(other) if INFORMS.contains(&other) => {}
                Some(other) => self.outside(other, child),
            }
        }
        let even = |row: &Row| row.when.len() == inputs.len() && row.then.len() == outputs.len();
        let sizes = [inputs.len() <= COLUMNS_MAX, outputs.len() <= COLUMNS_MAX];
        if rows.len() > ROWS_MAX || sizes.contains(&false) {
            let cause = (
                format!("决策表至多{ROWS_MAX}行、输入输出各{COLUMNS_MAX}列"),
                format!("a table has up to {ROWS_MAX} rules, {COLUMNS_MAX} inputs and outputs"),
            );
            self.report("too-many", xml, cause);
        } else if rows.is_empty() || outputs.is_empty() || !rows.iter().all(even) {
            let cause = (
                format!("决策表`{id}`须有输出和规则，每行各列齐全"),
                format!("the table `{id}` needs outputs and rules, each with an entry a column"),
            );
            self.report("table", xml, cause);
        } else {
            self.decisions.tables.push(Table { id, line, hit, inputs, outputs, rows });
        }
    }

    fn row(&self, xml: Xml<'_, '_>) -> Row {
        let entries = |wanted: &str| {
            let entries = elements(xml).filter(|child| name(*child) == Some(wanted));
            entries.map(|child| self.expression(child)).collect()
        };
        Row { line: self.line(xml), when: entries("inputEntry"), then: entries("outputEntry") }
    }
}
